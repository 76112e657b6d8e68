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
	rank    int // ways of identification, strongest first
	quote   wardein.Quote
}

// Ranks of candidates. What is weak gives way to what is
// stronger in any file of the product.
const (
	rankRule = iota
	rankGetter
	rankNamed
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
	rules := facts[:0:0]
	for _, x := range facts {
		if x.Kind == "rule" {
			rules, program = append(rules, x), true
		}
	}
	if !program {
		return
	}
	own := f.identity(path.Base(at), elf)
	if len(own) == 0 {
		own = unlisted(path.Base(at), elf.Attr("soname"), lines)
	}
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
	names[strings.ToLower(stem(path.Base(at)))] = true
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
	loners := map[string]wardein.Fact{}
	for _, x := range lines {
		if x.Attr("name") == "" {
			if v := x.Attr("version"); loners[v].Kind == "" && !(zlibs.MatchString(v) && p.Name != "zlib" && needs(elf, "libz.so")) {
				loners[v] = x
			}
		} else if n := x.Attr("name"); names[n] || names[strings.TrimPrefix(n, "lib")] {
			f.add(p, candidate{path: at, by: "identity", version: x.Attr("version"), sure: wardein.Likely, rank: rankNamed}, x)
			shown = true
		}
	}
	v, sure := oneVersion(loners, elf, path.Base(at))
	if v != "" {
		f.add(p, candidate{path: at, by: "identity", version: v, sure: sure, rank: rankLone}, loners[v])
		shown = true
	}
	if m := released.FindStringSubmatch(path.Base(at)); m != nil {
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
	hints := append(strings.Fields(elf.Attr("nodes")), numbers.FindAllString(base, 2)...)
	hinted := ""
	for _, h := range hints {
		for v := range loners {
			if v == h || strings.HasPrefix(v, h+".") && (hinted == "" || v < hinted) {
				hinted = v
			}
		}
		if hinted != "" {
			return hinted, wardein.Likely
		}
	}
	var long, all []string
	for v := range loners {
		all = append(all, v)
		if strings.Count(v, ".") == 2 {
			long = append(long, v)
		}
	}
	switch {
	case len(all) == 1 && len(long) == 1:
		return long[0], wardein.Likely
	case len(all) == 1:
		return all[0], wardein.Possible
	}
	return "", 0
}

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
		add(f.data.bySoname[s]...)
	}
	for _, s := range shorter(base) {
		add(f.data.byFile[s]...)
		if soname == "" && strings.Contains(s, ".so") {
			add(f.data.bySoname[s]...)
		}
	}
	if len(own) == 0 {
		add(f.data.listed(soname, base))
	}
	return own
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
	numbered = regexp.MustCompile(`[-_.]?v?\d+(?:\.\d+)*(?:-[a-z0-9]+)?(\.so)$`)
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

// choose keeps the candidates that stand: what is weak gives way to what is
// strong, and of weak versions that contradict each other only one that most
// files show.
func (e *evidence) choose() (versions map[string][]candidate, rest []candidate) {
	best := rankNone
	for _, c := range e.list {
		best = min(best, c.rank)
	}
	versions = map[string][]candidate{}
	strong := map[string]bool{}
	for _, c := range e.list {
		if c.version != "" && c.rank == best {
			strong[c.version] = true
		}
	}
	if len(strong) > 1 && best > rankRule {
		keepMost(strong, e.list, best)
	}
	for v := range strong {
		for w := range strong {
			if shortened(v, w) {
				delete(strong, v)
			}
		}
	}
	for _, c := range e.list {
		switch {
		case strong[c.version]:
			versions[c.version] = append(versions[c.version], c)
		case c.version == "" || c.rank == rankNone:
			rest = append(rest, c)
		default:
			for v := range strong {
				if shortened(c.version, v) {
					rest = append(rest, c)
					break
				}
			}
		}
	}
	return versions, rest
}

// shortened tells whether v is w said shorter: 2.4 of 2.4.9, 9.2 of 9.2p1.
func shortened(v, w string) bool {
	rest, ok := strings.CutPrefix(w, v)
	return ok && len(rest) > 1 && (rest[0] == '.' || rest[0] == 'p' || rest[0] == '-')
}

// keepMost keeps of contradicting versions the one that the most files show,
// and none where two are level.
func keepMost(strong map[string]bool, list []candidate, best int) {
	votes := map[string]map[string]bool{}
	for _, c := range list {
		if c.rank > best && c.rank != rankLone || !strong[c.version] {
			continue
		}
		if votes[c.version] == nil {
			votes[c.version] = map[string]bool{}
		}
		votes[c.version][c.path] = true
	}
	most, level := "", false
	for v := range strong {
		switch {
		case most == "" || len(votes[v]) > len(votes[most]):
			most, level = v, false
		case len(votes[v]) == len(votes[most]):
			level = true
		}
	}
	for v := range strong {
		if v != most || level {
			delete(strong, v)
		}
	}
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
