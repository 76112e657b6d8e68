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
	for _, x := range rules {
		p := f.data.byName[x.Attr("product")]
		if p == nil || x.Attr("built") != "" {
			continue
		}
		mine := slices.Contains(own, p)
		if x.Attr("own") != "" && !mine || len(own) > 0 && !mine && f.subject(p, own) {
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

// subject tells that a hit of p's rule in a file that is another product's is
// about p and not p itself: no rule says so today, and a copy of a library in
// a program is a component.
func (f *fuser) subject(*product, []*product) bool { return false }

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
		if x.Kind == "getter" && (x.Attr("product") == p.Name || x.Attr("product") == "") {
			f.add(p, candidate{path: at, by: "getter", version: x.Attr("version"), sure: wardein.Certain, rank: rankGetter}, x)
			shown = true
		}
		if x.Kind == "symbols" && x.Attr("product") == p.Name {
			f.add(p, candidate{path: at, by: "symbols", version: x.Attr("version"), sure: wardein.Possible, rank: rankSymbols}, x)
		}
	}
	loners := map[string]wardein.Fact{}
	for _, x := range lines {
		if x.Attr("name") == "" {
			if _, ok := loners[x.Attr("version")]; !ok {
				loners[x.Attr("version")] = x
			}
		} else if names[x.Attr("name")] || names[strings.TrimPrefix(x.Attr("name"), "lib")] {
			f.add(p, candidate{path: at, by: "identity", version: x.Attr("version"), sure: wardein.Likely, rank: rankNamed}, x)
			shown = true
		}
	}
	// Several versions that stand alone say nothing, unless the library's
	// own version nodes name one of them.
	if len(loners) > 1 {
		for _, v := range strings.Fields(elf.Attr("nodes")) {
			if x, ok := loners[v]; ok {
				loners = map[string]wardein.Fact{v: x}
				break
			}
		}
	}
	for v, x := range loners {
		sure := wardein.Likely
		if strings.Count(v, ".") < 2 || len(loners) > 1 {
			sure = wardein.Possible
		}
		f.add(p, candidate{path: at, by: "identity", version: v, sure: sure, rank: rankLone}, x)
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
		if c.version != "" && (c.rank == best || c.rank <= rankGetter) {
			strong[c.version] = true
		}
	}
	if len(strong) > 1 && best > rankRule {
		keepMost(strong, e.list, best)
	}
	// 2.4 beside 2.4.9 is the same, said shorter.
	for v := range strong {
		for w := range strong {
			if strings.HasPrefix(w, v+".") {
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
				if strings.HasPrefix(v, c.version+".") {
					rest = append(rest, c)
					break
				}
			}
		}
	}
	return versions, rest
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
