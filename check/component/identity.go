package component

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// about tells whether a getter's name speaks of one of some names:
// curses_version of ncurses, BZ2_bzlibVersion of bz2; not another library's
// that is linked in.
func about(getter string, names map[string]bool) bool {
	getter, _, _ = strings.Cut(strings.ToLower(getter), ":")
	word := getter
	for _, end := range []string{"version", "lib", "get", "_"} {
		if at := strings.LastIndex(word, end); at > 0 {
			word = word[:at]
		}
	}
	word = strings.Trim(word, "_")
	for n := range names {
		n = strings.NewReplacer("-", "_", "+", "").Replace(n)
		if len(n) >= 2 && (strings.Contains(getter, n) || len(word) >= 2 && strings.Contains(n, word)) {
			return true
		}
	}
	return false
}

// zlibs are zlib's versions: its header makes a program that calls
// inflateInit hold the version that it was built against.
var zlibs = lazy.Regexp(`^1\.(?:[12]\.\d+(?:\.\d+)?|3(?:\.\d+)*)$`)

// needs tells whether a file needs a library, named without its version.
func needs(elf wardein.Fact, library string) bool {
	for _, n := range strings.Fields(elf.Attr("needed")) {
		if rest, ok := strings.CutPrefix(n, library); ok && (rest == "" || rest[0] == '.') {
			return true
		}
	}
	return false
}

var numbers = lazy.Regexp(`\d+(?:\.\d+)+`)

// oneVersion is the version of a file in which versions stand alone in their
// strings: the only one, or the one that the library's version nodes or the
// file's name begin with.
func oneVersion(loners map[string]wardein.Fact, elf wardein.Fact, base string) (string, wardein.Confidence) {
	if v := hinted(loners, elf, base); v != "" {
		return v, wardein.Likely
	}
	var long, all, released []string
	for v := range loners {
		all = append(all, v)
		if loners[v].Attr("with") != "" {
			released = append(released, v)
		}
		if strings.Count(v, ".") >= 2 {
			long = append(long, v)
		}
	}
	// "1.0" in a library is mostly that of a format or protocol.
	short := elf.Attr("soname") != "" && len(all) == 1 && len(all[0]) == 3
	switch {
	case len(released) == 1: // "10.42 2022-12-11" is a release with its day
		return released[0], wardein.Likely
	case short:
	case len(all) == 1 && len(long) == 1:
		return long[0], wardein.Likely
	case len(all) == 1:
		return all[0], wardein.Possible
	}
	return "", 0
}

// hinted is the version that the library's version nodes or the numbers in
// the file's name begin with: 3.11.2 of python3.11. The number behind ".so."
// is the interface's.
func hinted(versions map[string]wardein.Fact, elf wardein.Fact, base string) (best string) {
	base, _, _ = strings.Cut(base, ".so.")
	for _, h := range append(strings.Fields(elf.Attr("nodes")), numbers().FindAllString(base, 2)...) {
		for v := range versions {
			// A node 1.0 and a text 1.0 are a library's first interface and
			// some format's number.
			if (v == h && len(v) > 3 || strings.HasPrefix(v, h+".")) && v > best {
				best = v
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// suffixed is a library's file name with the number behind it.
var suffixed = lazy.Regexp(`\.so\.(\d+(?:\.\d+)+)$`)

// released is the form of a file name that carries the release and not the
// interface: libNAME-1.2.3.so.
var released = lazy.Regexp(`-(\d+\.\d+(?:\.\d+){0,2})\.so(?:$|\.)`)

// identity tells which products a file says that it is: by its soname, by
// what it exports, or by its base name.
func (f *fuser) identity(base string, elf wardein.Fact) (own []*product) {
	add := func(list ...*product) {
		for _, p := range list {
			if p != nil && !slices.Contains(own, p) {
				own = append(own, p)
			}
		}
	}
	for _, name := range strings.Fields(elf.Attr("exports")) {
		add(f.data.byName[name])
	}
	soname := elf.Attr("soname")
	for _, s := range shorter(soname) {
		if list := f.data.bySoname[s]; len(list) > 0 {
			add(list...)
			break
		}
	}
	for _, s := range shorter(base) {
		list := slices.DeleteFunc(slices.Clone(f.data.byFile[s]), func(p *product) bool {
			return len(p.Needs) > 0 && elf.Attr("needed") != "" && !slices.ContainsFunc(p.Needs, func(l string) bool { return needs(elf, l) })
		})
		if soname == "" && strings.Contains(s, ".so") {
			list = append(list, f.data.bySoname[s]...)
		}
		if len(list) > 0 {
			add(list...)
			break
		}
	}
	if len(own) == 0 {
		add(f.data.listed(soname, base))
	}
	return own
}

// single decides between several products that have programs of one name
// (bgpd): the one whose text stands in the file, or whose library it needs.
func single(own []*product, rules []wardein.Fact, elf wardein.Fact) []*product {
	if len(own) < 2 {
		return own
	}
	var kept []*product
	for _, p := range own {
		for _, x := range rules {
			if x.Attr("product") == p.Name && x.Attr("built") == "" && !slices.Contains(kept, p) {
				kept = append(kept, p)
			}
		}
		if p.linked(strings.Fields(elf.Attr("needed"))) && !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	if len(kept) > 0 {
		return kept
	}
	return own
}

// first is the name of a region at the beginning of a file: a program with
// something behind it.
var first = lazy.Regexp(`^0{8,}\.[a-z0-9-]+$`)

// baseName is the last part of a path that a file system gave.
func baseName(at string) string {
	if b := path.Base(at); !first().MatchString(b) || !strings.Contains(at, "/") {
		return b
	}
	return path.Base(path.Dir(at))
}

// unlisted names a product that no list has by what its file says: a library
// whose soname, or a program whose base name, stands before a version in its
// own constants (mgmtd: "exampletel-mgmtd 1.0.0").
func unlisted(base, soname string, lines []wardein.Fact) []*product {
	want := strings.ToLower(base)
	if strings.HasPrefix(soname, "lib") {
		want = "lib" + strings.ToLower(stem(soname))
	} else if soname != "" || strings.Contains(base, ".so") {
		return nil // a plug-in
	}
	for _, x := range lines {
		n := x.Attr("name")
		if len(want) > 3 && (n == want || "lib"+n == want || soname == "" && strings.HasSuffix(n, "-"+want)) {
			if soname != "" {
				n = want
			}
			if p := known().byAlias[strings.TrimPrefix(n, "lib")]; p != nil {
				return []*product{p}
			}
			return []*product{{Name: n}}
		}
	}
	return nil
}

var (
	numbered = lazy.Regexp(`[-_.]v?\d+(?:\.\d+)*(?:-[a-z0-9]+)?(\.so)$`)
	tailed   = lazy.Regexp(`[-_.]v?\d+(?:\.\d+)*$`)
)

// patterns are the compiled expressions of the data's keys name_version and
// lone; data_test.go compiles them all.
var patterns sync.Map

func pattern(s string) *regexp.Regexp {
	if re, ok := patterns.Load(s); ok {
		return re.(*regexp.Regexp)
	}
	re, _ := patterns.LoadOrStore(s, regexp.MustCompile(s))
	return re.(*regexp.Regexp)
}

func matches(expr, s string) bool { return pattern(expr).MatchString(s) }

// inName is the release that a library's file name carries in a form of the
// product's own.
func (p *product) inName(base string) string {
	if p.NameVersion == "" {
		return ""
	}
	m := pattern(p.NameVersion).FindStringSubmatch(base)
	if m == nil {
		return ""
	}
	return strings.Join(m[1:], ".")
}

// shorter gives a name and what is left when versions are cut off:
// libdb-5.3.so.1, libdb-5.3.so, libdb.so; python3.11, python3, python.
func shorter(s string) (out []string) {
	if s == "" {
		return nil
	}
	out = append(out, s)
	at := strings.Index(s, ".so.")
	for at >= 0 && len(s) > at+3 {
		cut := strings.LastIndexByte(s, '.')
		if cut < at+3 {
			break
		}
		s = s[:cut]
		out = append(out, s)
	}
	if t := numbered().ReplaceAllString(s, "$1"); t != s {
		out = append(out, t)
	} else if t := tailed().ReplaceAllString(s, ""); t != s && t != "" && !strings.Contains(s, ".so") {
		out = append(out, t)
	}
	return out
}

// stem is a library's name without "lib", ".so" and versions.
func stem(s string) string {
	list := shorter(s)
	if len(list) == 0 {
		return ""
	}
	s, _, _ = strings.Cut(list[len(list)-1], ".so")
	return strings.TrimPrefix(s, "lib")
}

// names are the words that may stand before the product's version.
func (p *product) names() map[string]bool {
	m := map[string]bool{strings.ToLower(p.Name): true, strings.TrimPrefix(p.Name, "lib"): true}
	for _, list := range [][]string{p.Packages, p.Files} {
		for _, s := range list {
			m[strings.ToLower(s)] = true
		}
	}
	for _, s := range p.Sonames {
		m[strings.ToLower(stem(s))] = true
	}
	return m
}
