package component

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// maxSeen bounds the places that one component names, best first.
const maxSeen = 64

// candidate is one version that one file shows of one product.
type candidate struct {
	path    string
	by      string
	version string
	sure    wardein.Confidence
	rank    int  // ways of identification, strongest first
	exact   bool // the name before the version is the file's
	quote   wardein.Quote
	needed  []string // libraries that the file needs, of a file that is not the product
}

// Ranks of candidates. What is weak gives way to what is
// stronger in any file of the product.
const (
	rankRule = iota
	rankGetter
	rankNamed
	rankName
	rankLone // from here on weak
	rankSymbols
	rankFile
	rankNone
)

// evidence is all that is known of one product in a release.
type evidence struct {
	product *product
	files   int
	list    []candidate
	copies  []linked
}

// fuser collects the facts of a release by product.
type fuser struct {
	data     *database
	by       map[string]*evidence
	declared []declared
	distro   map[string]string   // by root
	needed   map[string][]string // libraries that a library needs
	needers  map[string][]string // the other way round, made when first asked for
	stated   map[[4]string]bool  // declarations by programs
	exports  []exported
	links    map[string]linkage
	rights   map[string]string // licences by root, docs and package
}

// exported is a library whose fingerprint is known.
type exported struct {
	product *product
	path    string
	elf, at wardein.Fact
}

type declared struct {
	wardein.Declaration
	upstream string // version without epoch and revision
}

func components(_ context.Context, t wardein.Tree, out func(wardein.Component)) error {
	list := identify(t)
	shown := map[wardein.Digest]bool{} // contents that show a product's version
	for i := range list {
		for _, s := range list[i].Seen {
			if n := t.Lookup(s.Quote.Node); n != nil && s.Version != "" && s.By != "package" {
				shown[n.Blob] = true
			}
		}
	}
	for _, c := range list {
		if !nameAlone(t, &c, shown) {
			out(c)
		}
	}
	return nil
}

// nameAlone tells a product that shows by nothing but the name of a file whose
// bytes say that they are another's: a copy or hard link of a program of many
// parts under the name of one.
func nameAlone(t wardein.Tree, c *wardein.Component, shown map[wardein.Digest]bool) bool {
	if c.Version != "" || len(c.Declared) > 0 || c.Confidence > wardein.Possible || len(c.Seen) == 0 {
		return false
	}
	return !slices.ContainsFunc(c.Seen, func(s wardein.Occurrence) bool {
		n := t.Lookup(s.Quote.Node)
		return n == nil || !shown[n.Blob]
	})
}

// identify makes the components of facts and paths.
func identify(t wardein.Tree) []wardein.Component {
	f := &fuser{data: known(), by: map[string]*evidence{}, distro: map[string]string{}, needed: map[string][]string{}, stated: map[[4]string]bool{}, links: map[string]linkage{}, rights: map[string]string{}}
	var at string
	var facts []wardein.Fact
	for n, x := range t.Facts("component") {
		if n.Path != at {
			f.file(at, facts)
			at, facts = n.Path, facts[:0]
		}
		facts = append(facts, x)
	}
	f.file(at, facts)
	return f.fuse()
}

func (f *fuser) evidence(p *product) *evidence {
	e := f.by[p.Name]
	if e == nil {
		e = &evidence{product: p}
		f.by[p.Name] = e
	}
	return e
}

// file weighs the facts about one file.
func (f *fuser) file(at string, facts []wardein.Fact) {
	var lines []wardein.Fact
	var elf wardein.Fact
	program := false
	for _, x := range facts {
		switch x.Kind {
		case "elf":
			elf, program = x, true
		case "line":
			lines, program = append(lines, x), true
		case "getter":
			program = true
		case "strings":
			f.holds(at, x)
		case "package":
			f.declare(at, x)
		case "license":
			f.licensed(at, x)
		case "environment", "configuration":
			f.booted(at, x)
		case "system":
			f.distro[rootOf(at)] = strings.TrimSpace(x.Attr("id") + " " + x.Attr("version"))
		}
	}
	var rules []wardein.Fact
	for _, x := range facts {
		if x.Kind == "rule" {
			rules, program = append(rules, x), true
		}
	}
	if !program {
		return
	}
	needed := strings.Fields(elf.Attr("needed"))
	if name := cmp.Or(elf.Attr("soname"), baseName(at)); strings.Contains(name, ".so") {
		f.needed[name] = append(f.needed[name], needed...)
	}
	own := f.identity(baseName(at), elf)
	if len(own) == 0 {
		own = unlisted(baseName(at), elf.Attr("soname"), lines)
	}
	own = single(own, rules, elf)
	f.linked(at, elf, own)
	for _, x := range rules {
		p := f.data.byName[x.Attr("product")]
		if p == nil || x.Attr("built") != "" {
			continue
		}
		mine := slices.Contains(own, p)
		if !mine && (x.Attr("own") != "" || p.linked(needed)) {
			continue
		}
		c := candidate{path: at, by: cmp.Or(p.By, "rule"), version: x.Attr("version"), sure: wardein.Certain, rank: rankRule}
		if !mine {
			c.sure, c.needed = wardein.Likely, needed
		}
		f.add(p, c, x)
	}
	for _, p := range own {
		f.evidence(p).files++
		f.versions(p, at, elf, facts, lines)
	}
}

func (f *fuser) add(p *product, c candidate, x wardein.Fact) {
	c.quote = x.Quote(c.path, "quote")
	e := f.evidence(p)
	e.list = append(e.list, c)
}

// versions states what a file that is p shows of p's version.
func (f *fuser) versions(p *product, at string, elf wardein.Fact, facts, lines []wardein.Fact) {
	names := p.names()
	if s := stem(elf.Attr("soname")); s != "" {
		names[strings.ToLower(s)] = true
	}
	names[strings.ToLower(stem(baseName(at)))] = true
	shown := false
	for _, x := range facts {
		if x.Kind == "getter" && (x.Attr("product") == p.Name || x.Attr("product") == "" && about(x.Attr("quote"), names)) {
			c := candidate{path: at, by: "getter", version: x.Attr("version"), sure: wardein.Certain, rank: rankGetter}
			if x.Attr("parts") != "" { // two of two numbers, or of three
				m := suffixed().FindStringSubmatch(baseName(at))
				if m == nil || m[1] != c.version && !strings.HasPrefix(m[1], c.version+".") {
					continue
				}
				c.sure, c.rank = wardein.Likely, rankLone
			}
			f.add(p, c, x)
			shown = true
		}
		if x.Kind == "symbols" {
			f.exports = append(f.exports, exported{p, at, elf, x})
		}
	}
	loners, named := map[string]wardein.Fact{}, map[string]wardein.Fact{}
	for _, x := range lines {
		v, n := x.Attr("version"), x.Attr("name")
		switch {
		case n == "" && loners[v].Kind == "" && !(zlibs().MatchString(v) && p.Name != "zlib" && needs(elf, "libz.so")):
			loners[v] = x
		case n != "" && named[v].Kind == "" && (names[n] || names[strings.TrimPrefix(n, "lib")]):
			named[v] = x
		}
	}
	base := baseName(at)
	if p.Lone != "" {
		maps.DeleteFunc(loners, func(v string, _ wardein.Fact) bool { return !matches(p.Lone, v) })
	}
	v, sure := oneVersion(loners, elf, base)
	if v != "" {
		f.add(p, candidate{path: at, by: "identity", version: v, sure: sure, rank: rankLone}, loners[v])
		shown = true
	}
	// A program that speaks of several versions of itself means older ones.
	if h := hinted(named, elf, base); h != "" {
		named = map[string]wardein.Fact{h: named[h]}
	} else if _, ok := named[v]; ok && len(named) > 1 {
		named = map[string]wardein.Fact{v: named[v]}
	} else if len(named) > 1 {
		clear(named)
	}
	for v, x := range named {
		if elf.Attr("soname") != "" && len(v) == 3 {
			continue // EXIF 2.1 in libexif: a format's
		}
		n := x.Attr("name")
		exact := n == strings.ToLower(base) || strings.TrimPrefix(n, "lib") == strings.ToLower(stem(cmp.Or(elf.Attr("soname"), base)))
		f.add(p, candidate{path: at, by: "identity", version: v, sure: wardein.Likely, rank: rankNamed, exact: exact}, x)
		shown = true
	}
	if m := suffixed().FindStringSubmatch(base); m != nil {
		if p.ReleaseInName {
			f.add(p, candidate{path: at, by: "identity", version: m[1], sure: wardein.Likely, rank: rankName}, elf)
			shown = true
		}
	}
	if v := p.inName(base); v != "" {
		f.add(p, candidate{path: at, by: "identity", version: v, sure: wardein.Likely, rank: rankName}, elf)
		shown = true
	}
	if m := released().FindStringSubmatch(base); m != nil && (p.ReleaseInName || strings.Count(m[1], ".") > 1) {
		f.add(p, candidate{path: at, by: "identity", version: m[1], sure: wardein.Possible, rank: rankFile}, elf)
		shown = true
	}
	if !shown {
		f.add(p, candidate{path: at, by: "identity", sure: wardein.Possible, rank: rankNone}, elf)
	}
}

// fuse makes the components.
func (f *fuser) fuse() (out []wardein.Component) {
	for _, x := range f.exports {
		for _, v := range f.data.releasedAs(x.product, x.elf.Attr("soname"), x.at.Attr("print"), baseName(x.path), f.distro[rootOf(x.path)]) {
			f.add(x.product, candidate{path: x.path, by: "symbols", version: v, sure: wardein.Possible, rank: rankSymbols}, x.at)
		}
	}
	names := make([]string, 0, len(f.by))
	for name := range f.by {
		names = append(names, name)
	}
	slices.Sort(names)
	var apart []wardein.Component
	for _, name := range names {
		e := f.by[name]
		f.drop(e)
		versions, rest := e.choose()
		if len(versions) == 0 && len(e.list) > 0 {
			versions[""] = e.list
			rest = nil
		}
		if list := e.place(versions); len(list) > 0 {
			apart = append(apart, e.component("", list))
		}
		for v, list := range versions {
			if len(versions) == 1 {
				list = append(slices.Clone(list), rest...)
			}
			out = append(out, e.component(v, list))
		}
	}
	out = append(f.attach(out), apart...)
	slices.SortFunc(out, func(a, b wardein.Component) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	f.need(out)
	return out
}

func (e *evidence) component(version string, list []candidate) wardein.Component {
	p := e.product
	c := wardein.Component{Name: p.Name, Version: version, Scheme: p.Scheme}
	c.Vendor, c.Product, _ = strings.Cut(p.CPE, ":")
	if p.PURL != "" && version != "" {
		c.PURL = p.PURL + "@" + version
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.sure, a.sure), strings.Compare(a.path, b.path),
			cmp.Compare(a.quote.Off, b.quote.Off), strings.Compare(a.version, b.version), strings.Compare(a.by, b.by))
	})
	ways := map[string]bool{}
	for _, x := range list {
		if x.version == version || version == "" && x.by == "strings" {
			c.Confidence = max(c.Confidence, x.sure)
			ways[x.by] = true
		}
	}
	if len(ways) > 1 && c.Confidence == wardein.Likely {
		c.Confidence = wardein.Certain // two ways agree
	}
	for _, x := range list[:min(len(list), maxSeen)] {
		v := x.version
		if version == "" && x.by != "strings" {
			v = ""
		}
		c.Seen = append(c.Seen, wardein.Occurrence{By: x.by, Version: v, Confidence: x.sure, Quote: x.quote})
	}
	slices.SortFunc(c.Seen, func(a, b wardein.Occurrence) int {
		return cmp.Or(strings.Compare(a.Quote.Node, b.Quote.Node), cmp.Compare(a.Quote.Off, b.Quote.Off), strings.Compare(a.By, b.By), strings.Compare(a.Version, b.Version))
	})
	return c
}
