package source

import (
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/cfuncs"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/internal/table"
)

// total is what the files of a release add up to, each content once.
type total struct {
	files, network, lines, functions, complexity, branched int
	worst                                                  wardein.Fact
	worstNode                                              string
	family                                                 map[string]*family
	suppressed, flags                                      tally
	same, copying                                          int // calls of safe functions like memcpy, those with one size for both
	sameAt, macros, sketches                               []wardein.Place
	matches                                                []match
	names                                                  map[string]bool // stems that lists of the build hold
	lists                                                  map[string]int  // folders with such lists
	open                                                   map[string]bool // folders with lists that leave names open
	built                                                  []wardein.Place // files that are compiled by themselves
}

// tally counts words by kind.
type tally struct {
	kinds  map[string]int
	in     map[string]bool
	places []wardein.Place
}

func (t *tally) add(p wardein.Place) {
	if t.kinds == nil {
		t.kinds, t.in = map[string]int{}, map[string]bool{}
	}
	t.kinds[p.Attr("kind")] += number(p.Fact, "count")
	t.in[p.Node] = true
	if len(t.places) < shown {
		t.places = append(t.places, p)
	}
}

// told gives the number of all and the kinds with theirs.
func (t *tally) told() (n int, kinds string) {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(t.kinds)) {
		n += t.kinds[k]
		list = append(list, k+" "+strconv.Itoa(t.kinds[k]))
	}
	return n, strings.Join(list, ", ")
}

type family struct {
	unsafe, bounded, safe, near int
	names                       map[string]bool // unsafe ones
	safeNames                   map[string]bool
	files, network              map[string]bool
	dirs                        map[string]int
	places                      []wardein.Place
}

func number(f wardein.Fact, name string) int { n, _ := strconv.Atoi(f.Attr(name)); return n }

func add(t wardein.Tree, known func() *index) *total {
	a := &total{family: map[string]*family{}, names: map[string]bool{}, lists: map[string]int{}, open: map[string]bool{}}
	first := map[wardein.Digest]string{}
	network := map[string]bool{}
	for n, f := range t.Facts("source") {
		p := wardein.Place{Node: n.Path, Fact: f}
		switch f.Kind {
		case "list":
			a.list(p) // each stands for its own folder, twins too
			continue
		case "file":
			if isSource(n.Path) {
				if _, ok := stem(n.Path); ok {
					a.built = append(a.built, p)
				}
				if m, ok := known().find(p, n.Blob); ok {
					a.matches = append(a.matches, m)
				}
			}
		}
		if own, ok := first[n.Blob]; ok && own != n.Path {
			continue
		}
		if f.Kind == "flag" {
			if isBuildFile(n.Path) {
				first[n.Blob] = n.Path
				a.flags.add(p)
			}
			continue
		}
		if !isSource(n.Path) {
			continue
		}
		first[n.Blob] = n.Path
		switch f.Kind {
		case "file":
			a.files++
			a.lines += number(f, "lines")
			a.functions += number(f, "functions")
			a.complexity += number(f, "complexity")
			a.branched += number(f, "branched")
			if f.Attr("network") == "yes" {
				a.network++
				network[n.Path] = true
			}
			if number(f, "worst complexity") > number(a.worst, "worst complexity") {
				a.worst, a.worstNode = f, n.Path
			}
			a.sketches = append(a.sketches, p)
		case "call":
			a.call(p, network[n.Path])
		case "macro":
			a.macros = append(a.macros, p)
		case "suppressed":
			a.suppressed.add(p)
		}
	}
	return a
}

func (a *total) call(p wardein.Place, network bool) {
	fn := cfuncs.Lookup(p.Attr("name"))
	if fn == nil {
		return
	}
	g := a.family[fn.Family]
	if g == nil {
		g = &family{names: map[string]bool{}, safeNames: map[string]bool{}, files: map[string]bool{}, network: map[string]bool{}, dirs: map[string]int{}}
		a.family[fn.Family] = g
	}
	switch count := number(p.Fact, "count"); fn.Class {
	case cfuncs.Unsafe:
		g.unsafe += count
		g.names[fn.Name] = true
		g.files[p.Node] = true
		g.dirs[path.Dir(p.Node)] += count
		if network {
			g.network[p.Node] = true
			g.near += count
		}
		g.places = append(g.places, p)
	case cfuncs.Safe:
		g.safe += count
		g.safeNames[p.Attr("name")] = true
		if fn.Family == "memcpy" {
			a.copying += count
			if n := number(p.Fact, "same"); n > 0 {
				a.same += n
				a.sameAt = append(a.sameAt, p)
			}
		}
	default:
		g.bounded += count
	}
}

func (a *total) list(p wardein.Place) {
	if !isBuildFile(p.Node) {
		return
	}
	dir := path.Dir(p.Node)
	a.lists[dir]++
	if p.Attr("open") == "yes" {
		a.open[dir] = true
	}
	for name := range strings.Lines(p.Attr("names")) {
		a.names[strings.TrimSuffix(name, "\n")] = true
	}
}

// untraced are the files below lists that no list names, and the number of
// those below lists. A folder of which a list names less than three quarters
// has one that is made during the build: nothing is said of it.
func (a *total) untraced() (unnamed []wardein.Place, of int) {
	named, missing := map[string]int{}, map[string][]wardein.Place{}
	for _, p := range a.built {
		below, open := false, false
		own := path.Dir(p.Node)
		for dir := own; ; dir = path.Dir(dir) {
			below = below || a.lists[dir] > 0
			open = open || a.open[dir]
			if dir == "." || dir == "/" {
				break
			}
		}
		if !below || open {
			continue
		}
		if s, _ := stem(p.Node); a.names[s] {
			named[own]++
			of++
		} else {
			missing[own] = append(missing[own], p)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(missing)) {
		n := len(missing[dir])
		if named[dir] > 0 && named[dir] < 3*n {
			of -= named[dir]
			continue
		}
		of += n
		unnamed = append(unnamed, missing[dir]...)
	}
	return unnamed, of
}

func tree(t wardein.Tree, known func() *index, out func(wardein.Finding)) error {
	a := add(t, known)
	if a.files == 0 {
		return nil
	}
	for _, name := range cfuncs.Families {
		if g := a.family[name]; g != nil && g.unsafe > 0 && enough(name, g) {
			out(a.calls(name, g))
		}
	}
	said := map[string]bool{}
	for _, m := range a.macros {
		args := []wardein.Note{{Name: "name", Value: m.Attr("name")}, {Name: "callee", Value: m.Attr("callee")}, {Name: "args", Value: m.Attr("args")}}
		f := finding("source.macro", wardein.Medium, m.Node, []wardein.Quote{m.Quote("line")}, args, m.Attr("name"), m.Attr("callee"))
		f.Meanwhile = wardein.Text{ID: "source.macro-until", Args: args}
		if !said[f.ID] {
			said[f.ID] = true
			out(f)
		}
	}
	if a.same > 0 {
		out(finding("source.same-size", wardein.Low, a.sameAt[0].Node, wardein.Quotes(a.sameAt, shown, "line"), counts("n", a.same, "of", a.copying)))
	}
	if n, kinds := a.suppressed.told(); n > 0 {
		out(finding("source.suppressed", wardein.Info, a.suppressed.places[0].Node, wardein.Quotes(a.suppressed.places, shown, "line"), counts("n", n, "files", len(a.suppressed.in), "of", a.files, "kinds", kinds)))
	}
	if n, kinds := a.flags.told(); n > 0 {
		protections, severity := 0, wardein.Info
		for k, n := range a.flags.kinds {
			if protects(k) {
				protections += n
				severity = wardein.Low
			}
		}
		out(finding("source.flags", severity, a.flags.places[0].Node, wardein.Quotes(a.flags.places, shown, "line"), counts("n", n, "files", len(a.flags.in), "kinds", kinds, "protections", protections)))
	}
	if a.branched > 0 {
		at := int64(number(a.worst, "worst at"))
		out(finding("source.branched", wardein.Low, a.worstNode, whole(a.worstNode, at, int64(len(a.worst.Attr("worst")))),
			counts("n", a.branched, "functions", a.functions, "worst", a.worst.Attr("worst")+" in "+path.Base(a.worstNode), "complexity", number(a.worst, "worst complexity"))))
	}
	twins := copies(a.sketches)
	if len(twins) > 0 {
		out(finding("source.copies", wardein.Info, twins[0].Node, wholes(twins), counts("n", len(twins), "of", a.files)))
	}
	if len(a.matches) > 0 {
		x := known()
		x.tell(x.clones(a.matches), out)
	}
	if unnamed, of := a.untraced(); len(unnamed) > 0 && 3*len(unnamed) <= of {
		n := map[string]int{}
		for _, p := range unnamed {
			n[path.Dir(p.Node)]++
		}
		out(finding("source.untraced", wardein.Info, unnamed[0].Node, wholes(unnamed), counts("n", len(unnamed), "of", of, "lists", len(a.lists), "dirs", top(n))))
	}
	out(a.summary(len(twins)))
	return nil
}

func whole(node string, off, n int64) []wardein.Quote {
	return []wardein.Quote{{Node: node, Off: off, Len: n}}
}

func wholes(places []wardein.Place) (list []wardein.Quote) {
	for _, p := range places[:min(shown, len(places))] {
		list = append(list, whole(p.Node, 0, p.Len)...)
	}
	return list
}

// summary carries the figures of the scorecard, also where they are 0 and no
// finding says them.
func (a *total) summary(twins int) wardein.Finding {
	mean := "0"
	if a.functions > 0 {
		mean = fmt.Sprintf("%d.%d", a.complexity/a.functions, a.complexity*10/a.functions%10)
	}
	args := counts("files", a.files, "lines", a.lines, "functions", a.functions, "mean", mean, "network", a.network, "twins", twins)
	for _, name := range cfuncs.Families {
		g := a.family[name]
		if g == nil {
			g = &family{}
		}
		args = append(args, counts(name+"-unsafe", g.unsafe, name+"-all", g.unsafe+g.safe, name+"-kinds", len(g.names), name+"-safe", len(g.safeNames))...)
	}
	first := a.sketches[0]
	return finding("source.summary", wardein.Info, first.Node, whole(first.Node, 0, first.Len), args)
}

//go:embed data/least.toml
var leastTOML []byte

// least are the numbers of calls from which on a share says something.
var least = table.TOML[struct {
	Date   string
	Family []struct {
		Name        string
		All, Near   int
		Why, Source string
	}
}]("check/source/data/least.toml", leastTOML)

// enough tells whether a family's calls are a finding of their own.
func enough(name string, g *family) bool {
	for _, l := range least().Family {
		if l.Name == name {
			return g.unsafe+g.safe >= l.All || g.near >= l.Near
		}
	}
	return true
}

// calls says how a family's calls are shared out, the places that face the
// network first.
func (a *total) calls(name string, g *family) wardein.Finding {
	slices.SortStableFunc(g.places, func(x, y wardein.Place) int {
		return cmp.Or(compareBool(g.network[y.Node], g.network[x.Node]), strings.Compare(x.Node, y.Node), cmp.Compare(x.Off, y.Off))
	})
	all := g.unsafe + g.safe
	return finding("source.calls", wardein.Low, g.places[0].Node, wardein.Quotes(g.places, shown, "line"), counts("percent", (g.unsafe*200+all)/(2*all), "family", name, "unsafe", g.unsafe, "all", all,
		"kinds", len(g.names), "safe", len(g.safeNames), "files", len(g.files), "of", a.files, "network", len(g.network), "near", g.near, "dirs", top(g.dirs)), name)
}

// top are the five folders with the most, and their numbers.
func top(n map[string]int) string {
	list := slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), strings.Compare(a, b)) })
	var texts []string
	for _, d := range list[:min(5, len(list))] {
		texts = append(texts, fmt.Sprintf("%s (%d)", d, n[d]))
	}
	if len(list) > 5 {
		texts = append(texts, fmt.Sprintf("%d more folders", len(list)-5))
	}
	return strings.Join(texts, ", ")
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func counts(pairs ...any) (args []wardein.Note) {
	for i := 0; i < len(pairs); i += 2 {
		args = append(args, wardein.Note{Name: pairs[i].(string), Value: fmt.Sprint(pairs[i+1])})
	}
	return args
}

func finding(rule string, severity wardein.Severity, node string, quotes []wardein.Quote, args []wardein.Note, about ...string) wardein.Finding {
	return wardein.Finding{ID: stable.ID(rule, about...), Rule: rule, Node: node, Severity: severity, Confidence: wardein.Certain, Reach: wardein.NoneShown,
		Says: wardein.Text{ID: rule, Args: args}, Fix: wardein.Text{ID: rule + "-fix", Args: args}, Meanwhile: wardein.Text{ID: "source.until-none"}, Quotes: quotes}
}
