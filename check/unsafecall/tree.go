package unsafecall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/cfuncs"
	"github.com/wardein/wardein/internal/stable"
)

// shown is how many files a finding quotes and a text names.
const shown = 5

// family is what the files of a release add up to.
type family struct {
	unsafe, bounded, safe  int
	unsafeNames, safeNames map[string]bool
	by                     map[string]*file
	never                  []place // calls of gets
	neverNames             map[string]bool
}

// file is the unsafe calls of one family in one file; most is the place of the
// function that it calls most.
type file struct {
	place
	unsafe, most int
}

type place struct {
	node string
	wardein.Fact
}

func (p place) quote() wardein.Quote { return wardein.Quote{Node: p.node, Off: p.Off, Len: p.Len} }

func number(f wardein.Fact, name string) int { n, _ := strconv.Atoi(f.Attr(name)); return n }

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	families := map[string]*family{}
	first := map[wardein.Digest]string{}
	gaps := map[[2]string][]string{}
	files, code := 0, 0
	said := map[string]bool{}
	for n, f := range t.Facts("unsafecall") {
		if own, ok := first[n.Blob]; ok && own != n.Path {
			continue
		}
		first[n.Blob] = n.Path
		switch f.Kind {
		case "uncounted":
			k := [2]string{f.Attr("gap"), f.Attr("why")}
			gaps[k] = append(gaps[k], n.Path)
		case "code":
			if n := number(f, "bytes"); n > 0 {
				files++
				code += n
			}
		case "calls":
			if fn := lookup(f.Attr("function")); fn != nil {
				g := families[fn.Family]
				if g == nil {
					g = &family{unsafeNames: map[string]bool{}, safeNames: map[string]bool{}, by: map[string]*file{}, neverNames: map[string]bool{}}
					families[fn.Family] = g
				}
				g.add(fn, place{n.Path, f})
			}
		case "wrapper":
			if w := wrapper(place{n.Path, f}); !said[w.ID] {
				said[w.ID] = true
				out(w)
			}
		}
	}
	for _, name := range cfuncs.Families {
		g := families[name]
		switch {
		case g == nil:
		case name == "gets":
			if len(g.never) > 0 {
				out(g.gets(files))
			}
		case g.unsafe+g.safe > 0:
			out(g.finding(name, files, code))
		}
	}
	return uncounted(gaps)
}

func (g *family) add(fn *cfuncs.Function, p place) {
	count := number(p.Fact, "calls") + number(p.Fact, "tails")
	x := g.by[p.node]
	if x == nil {
		x = &file{place: p}
		g.by[p.node] = x
	}
	switch fn.Class {
	case cfuncs.Unsafe:
		g.unsafe += count
		g.unsafeNames[p.Attr("function")] = true
		if fn.Family == "gets" {
			g.never = append(g.never, p)
			g.neverNames[p.Attr("function")] = true
		}
		if x.unsafe += count; count > x.most {
			x.most, x.place = count, p
		}
	case cfuncs.Safe:
		g.safe += count
		g.safeNames[p.Attr("function")] = true
	default:
		g.bounded += count
	}
}

// finding is a family's shares, and the files with the most unsafe calls. How
// many bytes of code were read goes with it, so that releases can be compared.
func (g *family) finding(name string, files, code int) wardein.Finding {
	worst := slices.SortedFunc(maps.Values(g.by), func(a, b *file) int {
		return cmp.Or(cmp.Compare(b.unsafe, a.unsafe), strings.Compare(a.node, b.node))
	})
	var quotes []wardein.Quote
	var list []string
	for _, x := range worst[:min(shown, len(worst))] {
		if x.unsafe > 0 || len(quotes) == 0 {
			quotes = append(quotes, x.quote())
			list = append(list, fmt.Sprintf("%s (%d)", path.Base(x.node), x.unsafe))
		}
	}
	all := g.unsafe + g.safe
	return finding("unsafecall.calls", wardein.Info, quotes, []wardein.Note{
		note("percent", strconv.Itoa((g.unsafe*200+all)/(2*all))), note("family", name), note("of", programs(files)),
		note("unsafe", strconv.Itoa(g.unsafe)), note("all", strconv.Itoa(all)), note("bounded", strconv.Itoa(g.bounded)),
		note("kinds", strconv.Itoa(len(g.unsafeNames))), note("safe", strconv.Itoa(len(g.safeNames))),
		note("worst", strings.Join(list, ", ")), note("code", strconv.Itoa(code)),
	}, name)
}

func programs(n int) string {
	if n == 1 {
		return "1 program or library"
	}
	return strconv.Itoa(n) + " programs and libraries"
}

// gets is for the functions that nobody can call safely.
func (g *family) gets(files int) wardein.Finding {
	var quotes []wardein.Quote
	var list []string
	listed := map[string]bool{}
	for _, p := range g.never {
		if name := path.Base(p.node); !listed[name] {
			listed[name] = true
			list = append(list, name)
		}
		if len(quotes) < shown {
			quotes = append(quotes, p.quote())
		}
	}
	n := len(list)
	if n > shown {
		list = append(list[:shown], fmt.Sprintf("%d more", n-shown))
	}
	names := slices.Sorted(maps.Keys(g.neverNames))
	severity := wardein.Low
	if g.neverNames["gets"] {
		severity = wardein.Medium // who feeds it decides what is overwritten
	}
	return finding("unsafecall.gets", severity, quotes, []wardein.Note{
		note("files", strconv.Itoa(n)), note("of", programs(files)), note("functions", strings.Join(names, " or ")), note("list", strings.Join(list, ", ")),
	}, names...)
}

func wrapper(p place) wardein.Finding {
	args := []wardein.Note{note("name", p.Attr("name")), note("callee", p.Attr("callee")), note("file", path.Base(p.node))}
	f := finding("unsafecall.wrapper", wardein.Medium, []wardein.Quote{p.quote()}, args, p.Attr("name"), p.Attr("callee"))
	f.Meanwhile = wardein.Text{ID: "unsafecall.wrapper-until", Args: args}
	return f
}

func finding(rule string, severity wardein.Severity, quotes []wardein.Quote, args []wardein.Note, about ...string) wardein.Finding {
	return wardein.Finding{
		ID: stable.ID(rule, about...), Rule: rule, Node: quotes[0].Node, Severity: severity, Confidence: wardein.Certain, Reach: wardein.NoneShown,
		Says: wardein.Text{ID: rule, Args: args}, Fix: wardein.Text{ID: rule + "-fix", Args: args}, Meanwhile: wardein.Text{ID: "unsafecall.until"}, Quotes: quotes,
	}
}

// uncounted is one Gap for each reason.
func uncounted(gaps map[[2]string][]string) error {
	var all []error
	for _, k := range slices.SortedFunc(maps.Keys(gaps), func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) }) {
		nodes := gaps[k]
		why := "calls not counted: " + k[1]
		if len(nodes) > 1 {
			why = fmt.Sprintf("calls not counted in %d files: %s", len(nodes), k[1])
			var names []string
			for _, n := range nodes[:min(len(nodes), shown)] {
				names = append(names, path.Base(n))
			}
			if why += " (" + strings.Join(names, ", "); len(nodes) > shown {
				why += ", …"
			}
			why += ")"
		}
		all = append(all, &wardein.Gap{Node: nodes[0], Kind: wardein.GapKind(k[0]), Why: why})
	}
	return errors.Join(all...)
}
