package component

import (
	"cmp"
	"context"
	"path"
	"regexp"
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
}

// fuser collects the facts of a release by product.
type fuser struct {
	data     *database
	by       map[string]*evidence
	declared []declared
	distro   map[string]string // by root
}

type declared struct {
	wardein.Declaration
	upstream string // version without epoch and revision
}

func components(_ context.Context, t wardein.Tree, out func(wardein.Component)) error {
	for _, c := range identify(t) {
		out(c)
	}
	return nil
}

// identify makes the components of facts and paths.
func identify(t wardein.Tree) []wardein.Component {
	f := &fuser{data: known(), by: map[string]*evidence{}, distro: map[string]string{}}
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
		case "package":
			f.declare(at, x)
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
	own := f.identity(baseName(at), elf)
	if len(own) == 0 {
		own = unlisted(baseName(at), elf.Attr("soname"), lines)
	}
	own = single(own, rules, elf)
	for _, x := range rules {
		p := f.data.byName[x.Attr("product")]
		if p == nil || x.Attr("built") != "" {
			continue
		}
		mine := slices.Contains(own, p)
		if x.Attr("own") != "" && !mine {
			continue
		}
		sure := wardein.Likely
		if mine {
			sure = wardein.Certain
		}
		f.add(p, candidate{path: at, by: "rule", version: x.Attr("version"), sure: sure, rank: rankRule}, x)
	}
	for _, p := range own {
		f.evidence(p).files++
		f.versions(p, at, elf, facts, lines)
	}
}

func (f *fuser) add(p *product, c candidate, x wardein.Fact) {
	c.quote = wardein.Quote{Node: c.path, Off: x.Off, Len: x.Len, Bytes: x.Attr("quote")}
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
			f.add(p, candidate{path: at, by: "getter", version: x.Attr("version"), sure: wardein.Certain, rank: rankGetter}, x)
			shown = true
		}
		if x.Kind == "symbols" {
			f.add(p, candidate{path: at, by: "symbols", version: x.Attr("version"), sure: wardein.Possible, rank: rankSymbols}, x)
		}
	}
	loners, named := map[string]wardein.Fact{}, map[string]wardein.Fact{}
	for _, x := range lines {
		v, n := x.Attr("version"), x.Attr("name")
		switch {
		case n == "" && loners[v].Kind == "" && !(zlibs.MatchString(v) && p.Name != "zlib" && needs(elf, "libz.so")):
			loners[v] = x
		case n != "" && named[v].Kind == "" && (names[n] || names[strings.TrimPrefix(n, "lib")]):
			named[v] = x
		}
	}
	base := baseName(at)
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
		n := x.Attr("name")
		exact := n == strings.ToLower(base) || strings.TrimPrefix(n, "lib") == strings.ToLower(stem(cmp.Or(elf.Attr("soname"), base)))
		f.add(p, candidate{path: at, by: "identity", version: v, sure: wardein.Likely, rank: rankNamed, exact: exact}, x)
		shown = true
	}
	if m := suffixed.FindStringSubmatch(base); m != nil {
		if p.ReleaseInName {
			f.add(p, candidate{path: at, by: "identity", version: m[1], sure: wardein.Likely, rank: rankName}, elf)
			shown = true
		}
		// Names that agree with one of several releases of these symbols.
		for _, x := range facts {
			if x.Kind == "symbols" && x.Attr("version") == m[1] {
				f.add(p, candidate{path: at, by: "symbols", version: m[1], sure: wardein.Likely, rank: rankName}, x)
				shown = true
			}
		}
	}
	if m := released.FindStringSubmatch(base); m != nil && (p.ReleaseInName || strings.Count(m[1], ".") > 1) {
		f.add(p, candidate{path: at, by: "identity", version: m[1], sure: wardein.Possible, rank: rankFile}, elf)
		shown = true
	}
	if !shown {
		f.add(p, candidate{path: at, by: "identity", sure: wardein.Possible, rank: rankNone}, elf)
	}
}

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
var zlibs = regexp.MustCompile(`^1\.(?:[12]\.\d+(?:\.\d+)?|3(?:\.\d+)*)$`)

// needs tells whether a file needs a library, named without its version.
func needs(elf wardein.Fact, library string) bool {
	for _, n := range strings.Fields(elf.Attr("needed")) {
		if rest, ok := strings.CutPrefix(n, library); ok && (rest == "" || rest[0] == '.') {
			return true
		}
	}
	return false
}

var numbers = regexp.MustCompile(`\d+(?:\.\d+)+`)

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
	switch {
	case len(released) == 1: // "10.42 2022-12-11" is a release with its day
		return released[0], wardein.Likely
	case len(all) == 1 && len(long) == 1:
		return long[0], wardein.Likely
	case len(all) == 1:
		return all[0], wardein.Possible
	}
	return "", 0
}

// hinted is the version that the library's version nodes or the numbers in
// the file's name begin with: 3.11.2 of python3.11.
func hinted(versions map[string]wardein.Fact, elf wardein.Fact, base string) (best string) {
	for _, h := range append(strings.Fields(elf.Attr("nodes")), numbers.FindAllString(base, 2)...) {
		for v := range versions {
			if (v == h || strings.HasPrefix(v, h+".")) && v > best {
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
var suffixed = regexp.MustCompile(`\.so\.(\d+(?:\.\d+)+)$`)

// released is the form of a file name that carries the release and not the
// interface: libNAME-1.2.3.so.
var released = regexp.MustCompile(`-(\d+\.\d+(?:\.\d+){0,2})\.so(?:$|\.)`)

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
		list := f.data.byFile[s]
		if soname == "" && strings.Contains(s, ".so") {
			list = append(slices.Clone(list), f.data.bySoname[s]...)
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
		for _, s := range p.Sonames {
			if needs(elf, s) && !slices.Contains(kept, p) {
				kept = append(kept, p)
			}
		}
	}
	if len(kept) > 0 {
		return kept
	}
	return own
}

// first is the name of a region at the beginning of a file: a program with
// something behind it.
var first = regexp.MustCompile(`^0{8,}\.[a-z0-9-]+$`)

// baseName is the last part of a path that a file system gave.
func baseName(at string) string {
	if b := path.Base(at); !first.MatchString(b) || !strings.Contains(at, "/") {
		return b
	}
	return path.Base(path.Dir(at))
}

// unlisted names a product that no list has by what its file says: a library
// whose soname, or a program whose base name, stands before a version in its
// own constants (mgmtd: "exampletel-mgmtd 1.0.0").
func unlisted(base, soname string, lines []wardein.Fact) []*product {
	want := strings.ToLower(base)
	if soname != "" {
		want = "lib" + strings.ToLower(stem(soname))
	} else if strings.Contains(base, ".so") {
		return nil
	}
	for _, x := range lines {
		n := x.Attr("name")
		if len(want) > 3 && (n == want || "lib"+n == want || soname == "" && strings.HasSuffix(n, "-"+want)) {
			if soname != "" {
				n = want
			}
			return []*product{{Name: n}}
		}
	}
	return nil
}

var (
	numbered = regexp.MustCompile(`[-_.]v?\d+(?:\.\d+)*(?:-[a-z0-9]+)?(\.so)$`)
	tailed   = regexp.MustCompile(`[-_.]v?\d+(?:\.\d+)*$`)
)

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
	if t := numbered.ReplaceAllString(s, "$1"); t != s {
		out = append(out, t)
	} else if t := tailed.ReplaceAllString(s, ""); t != s && t != "" && !strings.Contains(s, ".so") {
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

// choose keeps the candidates that stand. Rules show versions of their own,
// each; what is weaker is weighed, and only one version is left.
func (e *evidence) choose() (versions map[string][]candidate, rest []candidate) {
	best := rankNone
	for _, c := range e.list {
		if c.version != "" {
			best = min(best, c.rank)
		}
	}
	strong := map[string]bool{}
	if best <= rankGetter {
		for _, c := range e.list {
			if c.version != "" && c.rank == best {
				strong[c.version] = true
			}
		}
	} else if v := e.weigh(best); v != "" {
		strong[v] = true
	}
	for v := range strong {
		for w := range strong {
			if shortened(v, w) {
				delete(strong, v)
			}
		}
	}
	// A library that says 1.1 and whose file is named by the release 1.1.2.
	for _, c := range e.list {
		for v := range strong {
			if c.rank == rankName && shortened(v, c.version) {
				delete(strong, v)
				strong[c.version] = true
			}
		}
	}
	versions = map[string][]candidate{}
	for _, c := range e.list {
		if strong[c.version] {
			versions[c.version] = append(versions[c.version], c)
		} else {
			rest = append(rest, c)
		}
	}
	kept := rest[:0]
	for _, c := range rest {
		short := c.version == "" || c.rank == rankNone
		for v := range strong {
			short = short || shortened(c.version, v)
		}
		if short {
			kept = append(kept, c)
		}
	}
	return versions, kept
}

// weigh adds up what files show of a version without a rule or getter, and
// returns the version that most speaks for, "" where two are level. A short
// number weighs little: of a product that only Debian's names tell it must
// stand in two files.
func (e *evidence) weigh(best int) string {
	weight := map[string]int{}
	counted := map[[2]string]int{}
	for _, c := range e.list {
		if c.version == "" {
			continue
		}
		w := 3
		switch {
		case c.rank >= rankSymbols:
			if best < rankSymbols {
				continue
			}
			w = 1
		case c.rank == rankLone && c.sure == wardein.Possible:
			w = 1
		case c.rank == rankLone, c.rank == rankNamed && c.exact && strings.Count(c.version, ".") < 2:
			w = 2
		case c.rank == rankNamed && strings.Count(c.version, ".") < 2:
			w = 1
		}
		at := [2]string{c.path, c.version}
		weight[c.version] += max(0, w-counted[at])
		counted[at] = max(w, counted[at])
	}
	for v := range weight {
		for w := range weight {
			if shortened(v, w) {
				weight[w] += weight[v]
			}
		}
	}
	most, level := "", false
	for v, n := range weight {
		switch {
		case n > weight[most] || n == weight[most] && shortened(most, v):
			most, level = v, false
		case n == weight[most] && !shortened(v, most):
			level = true
		}
	}
	if level || e.product.file == "" && weight[most] < 2 && best < rankSymbols {
		return ""
	}
	return most
}

// shortened tells whether v is w said shorter: 2.4 of 2.4.9, 9.2 of 9.2p1.
func shortened(v, w string) bool {
	rest, ok := strings.CutPrefix(w, v)
	return ok && len(rest) > 1 && (rest[0] == '.' || rest[0] == 'p' || rest[0] == '-')
}

// fuse makes the components.
func (f *fuser) fuse() (out []wardein.Component) {
	names := make([]string, 0, len(f.by))
	for name := range f.by {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e := f.by[name]
		versions, rest := e.choose()
		if len(versions) == 0 {
			versions[""] = e.list
			rest = nil
		}
		for v, list := range versions {
			if len(versions) == 1 {
				list = append(slices.Clone(list), rest...)
			}
			out = append(out, e.component(v, list))
		}
	}
	out = f.attach(out)
	slices.SortFunc(out, func(a, b wardein.Component) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
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
		if x.version == version {
			c.Confidence = max(c.Confidence, x.sure)
			ways[x.by] = true
		}
	}
	if len(ways) > 1 && c.Confidence == wardein.Likely {
		c.Confidence = wardein.Certain // two ways agree
	}
	for _, x := range list[:min(len(list), maxSeen)] {
		v := x.version
		if version == "" {
			v = ""
		}
		c.Seen = append(c.Seen, wardein.Occurrence{By: x.by, Version: v, Confidence: x.sure, Quote: x.quote})
	}
	slices.SortFunc(c.Seen, func(a, b wardein.Occurrence) int {
		return cmp.Or(strings.Compare(a.Quote.Node, b.Quote.Node), cmp.Compare(a.Quote.Off, b.Quote.Off), strings.Compare(a.By, b.By), strings.Compare(a.Version, b.Version))
	})
	return c
}
