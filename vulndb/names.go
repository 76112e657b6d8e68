package vulndb

import (
	"net/url"
	"slices"
	"strings"

	"github.com/wardein/wardein/vulndb/version"
)

// ecosystem is a family of packages as OSV names it, in lower case.
type ecosystem struct {
	scheme       version.Scheme
	distribution bool // back-ports fixes: its statements go before upstream's
}

var ecosystems = map[string]ecosystem{
	"debian": {version.Dpkg, true}, "ubuntu": {version.Dpkg, true}, "alpine": {version.APK, true}, "wolfi": {version.APK, true}, "chainguard": {version.APK, true},
	"red hat": {version.RPM, true}, "rocky linux": {version.RPM, true}, "almalinux": {version.RPM, true}, "suse": {version.RPM, true}, "opensuse": {version.RPM, true},
	"oracle linux": {version.RPM, true}, "amazon linux": {version.RPM, true}, "fedora": {version.RPM, true}, "mageia": {version.RPM, true}, "openeuler": {version.RPM, true}, "azure linux": {version.RPM, true},
	"pypi": {version.PyPI, false}, "npm": {version.NPM, false}, "maven": {version.Maven, false}, "go": {version.Go, false}, "crates.io": {version.Semver, false},
	"packagist": {version.Semver, false}, "rubygems": {version.Generic, false}, "nuget": {version.Semver, false}, "hex": {version.Semver, false}, "pub": {version.Semver, false},
	"conancenter": {version.Generic, false}, "linux": {version.Kernel, false}, "oss-fuzz": {version.Generic, false}, "bitnami": {version.Semver, false}, "openwrt": {version.Generic, true},
}

// Package is the product name of a package in an ecosystem as OSV writes it
// ("Debian:12", "npm"), and the scheme of its versions. ok is false where the
// order of versions is not known.
func Package(eco, name string) (product string, scheme version.Scheme, ok bool) {
	family, release, _ := strings.Cut(strings.ToLower(eco), ":")
	e, ok := ecosystems[family]
	switch family {
	case "ubuntu": // 22.04:LTS is 22.04, Pro:… is another
		release = strings.TrimSuffix(release, ":lts")
	case "alpine":
		if release != "" && !strings.HasPrefix(release, "v") && release != "edge" {
			release = "v" + release
		}
	case "pypi":
		name = strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
	}
	if release != "" {
		family += ":" + release
	}
	return family + "/" + name, e.scheme, ok
}

// systems are the ecosystems of a release's package databases.
var systems = map[string]string{"npm": "npm", "pypi": "PyPI", "go": "Go", "cargo": "crates.io", "maven": "Maven"}

// PURL is the product name of a package URL, its version and the scheme of
// that; ok is false for text that is none.
func PURL(s string) (product, v string, scheme version.Scheme, ok bool) {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return "", "", 0, false
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	rest = strings.Trim(rest, "/")
	if i := strings.LastIndexByte(rest, '@'); i > 0 && !strings.Contains(rest[i:], "/") {
		rest, v = rest[:i], rest[i+1:]
	}
	kind, name, ok := strings.Cut(rest, "/")
	if !ok || name == "" {
		return "", "", 0, false
	}
	if u, err := url.PathUnescape(name); err == nil {
		name = u
	}
	if u, err := url.PathUnescape(v); err == nil {
		v = u
	}
	scheme = map[string]version.Scheme{"deb": version.Dpkg, "rpm": version.RPM, "apk": version.APK, "alpm": version.RPM, "npm": version.NPM, "pypi": version.PyPI,
		"golang": version.Go, "maven": version.Maven, "cargo": version.Semver, "nuget": version.Semver, "composer": version.Semver, "hex": version.Semver}[strings.ToLower(kind)]
	return "purl:" + strings.ToLower(kind) + "/" + name, v, scheme, true
}

// CPE is the product name of a CPE 2.3 formatted string (NIST IR 7695,
// section 6.2) or a 2.2 URI, with its other attributes; ok is false for text
// that is none.
func CPE(s string) (product string, attr [11]string, ok bool) {
	if rest, is := strings.CutPrefix(s, "cpe:2.3:"); is {
		n, from := 0, 0
		for i := 0; i <= len(rest) && n < len(attr); i++ {
			switch {
			case i == len(rest) || rest[i] == ':':
				attr[n] = unquote(rest[from:i])
				n, from = n+1, i+1
			case rest[i] == '\\':
				i++
			}
		}
		ok = n == len(attr)
	} else if rest, is := strings.CutPrefix(s, "cpe:/"); is {
		for i, f := range strings.SplitN(rest, ":", 7) {
			if u, err := url.PathUnescape(f); err == nil {
				attr[i] = u
			}
		}
		for i, a := range attr {
			if a == "" {
				attr[i] = "*"
			}
		}
		ok = attr[2] != "*"
	}
	if !ok || attr[1] == "" || attr[2] == "" {
		return "", attr, false
	}
	return "cpe:" + strings.ToLower(attr[1]) + ":" + strings.ToLower(attr[2]), attr, true
}

func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Named is the product name of a product that has no more than a name.
func Named(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x80 || r == '_' || 'A' <= r && r <= 'Z' }) {
		return "name:" + name // most
	}
	return "name:" + strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == ' ' || r == '_' || r == '\t' }), "_")
}

// BackPorts tells a product of a distribution, which puts fixes into its own
// revisions.
func BackPorts(product string) bool {
	family, _, ok := strings.Cut(product, "/")
	family, _, _ = strings.Cut(family, ":")
	return ok && ecosystems[family].distribution
}

// SchemeOf returns the scheme of a product's versions where the product
// decides it, and why.
func SchemeOf(product string) (version.Scheme, string, bool) {
	i := slices.IndexFunc(schemes, func(s productScheme) bool { return strings.HasSuffix(product, s.suffix) })
	if i < 0 {
		return version.Generic, "", false
	}
	return schemes[i].scheme, schemes[i].why, true
}

type productScheme struct {
	suffix string
	scheme version.Scheme
	why    string
}

var schemes = []productScheme{
	{":openssl:openssl", version.OpenSSL, "OpenSSL counts fixes by letters"},
	{"name:openssl", version.OpenSSL, "OpenSSL counts fixes by letters"},
	{":linux:linux_kernel", version.Kernel, "Linux"},
	{"name:linux", version.Kernel, "Linux"},
	{"name:linux_kernel", version.Kernel, "Linux"},
	{"name:kernel", version.Kernel, "Linux"},
}
