package component

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// rootOf is the root file system that a file of a system's own folders is in.
func rootOf(p string) string {
	for _, folder := range []string{"/etc/", "/usr/lib/", "/var/lib/", "/lib/"} {
		if k := strings.Index("/"+p, folder); k >= 0 {
			return strings.TrimPrefix(("/" + p)[:k], "/")
		}
	}
	return path.Dir(p)
}

// declare takes in a statement of a package database.
func (f *fuser) declare(at string, x wardein.Fact) {
	d := declared{Declaration: wardein.Declaration{System: x.Attr("system"), Package: x.Attr("package"), Source: x.Attr("source"), Version: x.Attr("version"), License: x.Attr("license"),
		Quote: wardein.Quote{Node: at, Off: x.Off, Len: x.Len}}}
	d.upstream = upstream(d.System, d.Version)
	// Each program of a package may carry the same statement.
	key := [4]string{rootOf(at), d.System, d.Package, d.Version}
	if x.Attr("in") == "file" {
		if f.stated[key] {
			return
		}
		f.stated[key] = true
	}
	f.declared = append(f.declared, d)
}

var (
	epoch    = lazy.Regexp(`^\d+:`)
	repacked = lazy.Regexp(`(?:[+~]20\d{6}|[+~.-]?(?:dfsg|ds|repack|really|debian|git|svn|hg|cvs|snapshot|samba|\+b\d)).*$`)
	revision = lazy.Regexp(`-r?\d+(\.\d+)*(?:-[0-9a-f]{32})?$|[~-][0-9a-f]{32}-r\d+$`)
)

// upstream is a package's version without what the distribution added.
func upstream(system, v string) string {
	switch system {
	case "dpkg":
		v = epoch().ReplaceAllString(v, "")
		if at := strings.LastIndexByte(v, '-'); at > 0 {
			v = v[:at]
		}
		if at := strings.Index(v, "+really"); at > 0 {
			v = strings.TrimPrefix(v[at:], "+really")
		}
		return repacked().ReplaceAllString(v, "")
	case "opkg":
		v = epoch().ReplaceAllString(v, "")
		return repacked().ReplaceAllString(revision().ReplaceAllString(v, ""), "")
	case "apk":
		return revision().ReplaceAllString(v, "")
	case "rpm":
		v = epoch().ReplaceAllString(v, "")
		v, _, _ = strings.Cut(v, "-")
		return v
	case "go":
		return strings.TrimPrefix(v, "v")
	}
	return v
}

// name is the component that a package is of.
func (d *declared) name(data *database) string {
	names := []string{d.Package, d.Source}
	if d.System == "opkg" && d.Source != "" {
		names = []string{d.Source} // libblobmsg-json is libubox's, kmod-… the kernel's
	}
	for _, s := range names {
		if p := data.byAlias[strings.ToLower(s)]; p != nil && libraryOf[d.System] == "" {
			return p.Name
		}
	}
	s := strings.ToLower(cmp.Or(d.Source, d.Package))
	if d.System == "dpkg" {
		if p := data.byAlias[unnumbered(s)]; p != nil {
			return p.Name
		}
		return unnumbered(s)
	}
	return s
}

// libraryOf are the systems that package a language's libraries: a Python
// package openssl is not OpenSSL. Their values are the types of package URLs.
var libraryOf = map[string]string{"go": "golang", "cargo": "cargo", "maven": "maven", "npm": "npm", "pypi": "pypi"}

func (f *fuser) purl(d *declared, name string) string {
	if t := libraryOf[d.System]; t != "" {
		p := d.Package
		if t == "pypi" {
			p = strings.ReplaceAll(strings.ToLower(p), "_", "-")
		}
		return "pkg:" + t + "/" + strings.ReplaceAll(p, "@", "%40") + "@" + escape(d.Version)
	}
	distro, _, _ := strings.Cut(d.Distribution, " ")
	switch d.System {
	case "dpkg":
		return "pkg:deb/" + cmp.Or(distro, "debian") + "/" + name + "@" + escape(d.Version)
	case "apk":
		return "pkg:apk/" + cmp.Or(distro, "alpine") + "/" + d.Package + "@" + escape(d.Version)
	case "rpm":
		// The epoch is a qualifier of rpm's package URLs.
		v, qualifiers := d.Version, ""
		if e, rest, ok := strings.Cut(v, ":"); ok {
			v, qualifiers = rest, "?epoch="+e
		}
		return "pkg:rpm/" + cmp.Or(distro, "redhat") + "/" + d.Package + "@" + escape(v) + qualifiers
	case "opkg":
		return "pkg:opkg/" + cmp.Or(d.Source, d.Package) + "@" + escape(d.Version)
	}
	return ""
}

func escape(v string) string {
	return strings.NewReplacer("%", "%25", "+", "%2B", ":", "%3A", " ", "%20").Replace(v)
}

// attach joins what is declared to what was found; what was only declared is
// a component of its own.
func (f *fuser) attach(found []wardein.Component) []wardein.Component {
	f.settle()
	byName := map[string][]int{}
	for i := range found {
		byName[found[i].Name] = append(byName[found[i].Name], i)
	}
	for i := range f.declared {
		d := &f.declared[i]
		if d.System == "dpkg" || d.System == "opkg" || d.System == "apk" || d.System == "rpm" {
			d.Distribution = f.distro[rootOf(d.Quote.Node)]
		}
		d.License = f.license(d)
		name := d.name(f.data)
		at := -1
		for _, k := range byName[name] {
			c := &found[k]
			if same(c.Version, d.upstream) || c.Version == "" {
				at = k
				break
			}
		}
		if at < 0 && len(byName[name]) == 1 && libraryOf[d.System] == "" {
			at = byName[name][0] // and differs: a finding
		}
		if at < 0 {
			c := wardein.Component{Name: name, Version: d.upstream, PURL: f.purl(d, name), Confidence: wardein.Likely}
			if p := f.data.byName[name]; p != nil && libraryOf[d.System] == "" {
				c.Scheme = p.Scheme
				c.Vendor, c.Product, _ = strings.Cut(p.CPE, ":")
			}
			at = len(found)
			byName[name] = append(byName[name], at)
			found = append(found, c)
		}
		c := &found[at]
		if c.Version == "" {
			c.Version = d.upstream
			if c.PURL == "" {
				c.PURL = f.purl(d, name)
			}
		}
		c.Declared = append(c.Declared, d.Declaration)
		if same(c.Version, d.upstream) {
			if len(c.Seen) > 0 && c.Confidence == wardein.Likely {
				c.Confidence = wardein.Certain
			}
			if len(c.Seen) < maxSeen {
				c.Seen = append(c.Seen, wardein.Occurrence{By: "package", Version: d.upstream, Confidence: wardein.Likely, Quote: d.Quote})
			}
		}
	}
	for i := range found {
		slices.SortStableFunc(found[i].Declared, func(a, b wardein.Declaration) int {
			return cmp.Or(strings.Compare(a.Quote.Node, b.Quote.Node), strings.Compare(a.Package, b.Package), strings.Compare(a.Version, b.Version))
		})
		slices.SortStableFunc(found[i].Seen, func(a, b wardein.Occurrence) int {
			return cmp.Or(strings.Compare(a.Quote.Node, b.Quote.Node), cmp.Compare(a.Quote.Off, b.Quote.Off), strings.Compare(a.By, b.By))
		})
	}
	return found
}

// same tells whether a version found is the one declared: upstreams write
// 9.2p1 and 9.2-p1, 2.10 and 2.10.0, 10.1-P2.
func same(found, stated string) bool {
	flat := func(s string) string {
		s = strings.ToLower(strings.NewReplacer("-", "", "_", "", "~", "").Replace(strings.TrimSuffix(s, "-stable")))
		s = strings.ReplaceAll(s, ".p", "p")
		for strings.HasSuffix(s, ".0") {
			s = strings.TrimSuffix(s, ".0")
		}
		return strings.TrimPrefix(s, "v")
	}
	return flat(found) == flat(stated)
}
