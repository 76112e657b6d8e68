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

// share is what the calls of one family add up to.
type share struct {
	unsafe, bounded, safe  int
	unsafeNames, safeNames map[string]bool
}

func (s *share) all() int { return s.unsafe + s.safe }

// group is what one kind of file adds up to.
type group struct {
	files    int
	families map[string]*share
}

func (g *group) of(family string) *share {
	s := g.families[family]
	if s == nil {
		s = &share{unsafeNames: map[string]bool{}, safeNames: map[string]bool{}}
		if g.families == nil {
			g.families = map[string]*share{}
		}
		g.families[family] = s
	}
	return s
}

func (g *group) add(fn *cfuncs.Function, name string, n int) {
	s := g.of(fn.Family)
	switch fn.Class {
	case cfuncs.Unsafe:
		s.unsafe += n
		s.unsafeNames[name] = true
	case cfuncs.Safe:
		s.safe += n
		s.safeNames[name] = true
	default:
		s.bounded += n
	}
}

// shares tells a group's shares in a text, "" where nothing was counted.
func (g *group) shares() string {
	var list []string
	for _, name := range counted {
		if s := g.of(name); s.all() > 0 {
			list = append(list, fmt.Sprintf("%d %% of those like %s (%d of %d)", (s.unsafe*200+s.all())/(2*s.all()), name, s.unsafe, s.all()))
		}
	}
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

// counted are the families that have shares: gets has no safe form.
var counted = slices.DeleteFunc(slices.Clone(cfuncs.Families), func(name string) bool { return name == "gets" })

// file is the unsafe calls in one file; most is the place of the function that
// it calls most.
type file struct {
	wardein.Place
	module       bool
	unsafe, most int
}

// total is what the files of a release add up to. Programs hold near, which
// faces the network; kernel modules are apart.
type total struct {
	programs, near, modules group
	code                    int // bytes of both
	by                      map[string]*file
	never                   []wardein.Place // calls of gets
	neverNames              map[string]bool
}

func number(f wardein.Fact, name string) int { n, _ := strconv.Atoi(f.Attr(name)); return n }

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	a := &total{by: map[string]*file{}, neverNames: map[string]bool{}}
	first := map[wardein.Digest]string{}
	gaps := map[[2]string][]string{}
	said := map[string]bool{}
	is := "" // of the file whose facts come
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
			is = f.Attr("is")
			a.file(is, number(f, "bytes"))
		case "calls":
			if fn := lookup(f.Attr("function")); fn != nil {
				a.add(is, fn, wardein.Place{Node: n.Path, Fact: f})
			}
		case "wrapper":
			if w := wrapper(wardein.Place{Node: n.Path, Fact: f}); !said[w.ID] {
				said[w.ID] = true
				out(w)
			}
		}
	}
	if a.programs.shares()+a.modules.shares() != "" {
		out(a.finding())
	}
	if len(a.never) > 0 {
		out(a.gets())
	}
	return uncounted(gaps)
}

func (a *total) file(is string, code int) {
	switch {
	case code == 0:
		return
	case is == "module":
		a.modules.files++
	default:
		a.programs.files++
		if is == "network" {
			a.near.files++
		}
	}
	a.code += code
}

func (a *total) add(is string, fn *cfuncs.Function, p wardein.Place) {
	name, n := p.Attr("function"), number(p.Fact, "calls")+number(p.Fact, "tails")
	switch is {
	case "module":
		a.modules.add(fn, name, n)
	case "network":
		a.near.add(fn, name, n)
		fallthrough
	default:
		a.programs.add(fn, name, n)
	}
	if fn.Family == "gets" {
		if fn.Class == cfuncs.Unsafe {
			a.never = append(a.never, p)
			a.neverNames[name] = true
		}
		return
	}
	x := a.by[p.Node]
	if x == nil {
		x = &file{Place: p, module: is == "module"}
		a.by[p.Node] = x
	}
	if fn.Class == cfuncs.Unsafe {
		if x.unsafe += n; n > x.most {
			x.most, x.Place = n, p
		}
	}
}

// finding is the shares of all families, and the files with the most unsafe
// calls, programs first. The numbers are arguments, in the names of
// source.summary, and with them how many bytes of code were read, so that
// releases can be compared.
func (a *total) finding() wardein.Finding {
	worst := slices.SortedFunc(maps.Values(a.by), func(x, y *file) int {
		switch {
		case x.module != y.module && y.module:
			return -1
		case x.module != y.module:
			return 1
		}
		return cmp.Or(cmp.Compare(y.unsafe, x.unsafe), strings.Compare(x.Node, y.Node))
	})
	var quotes []wardein.Quote
	var list []string
	for _, x := range worst[:min(shown, len(worst))] {
		if x.unsafe > 0 || len(quotes) == 0 {
			quotes = append(quotes, x.Quote(""))
			list = append(list, fmt.Sprintf("%s (%d)", path.Base(x.Node), x.unsafe))
		}
	}
	args := []wardein.Note{
		note("of", plural(a.programs.files, "program or library", "programs and libraries")), note("shares", a.programs.shares()),
		note("of-near", strconv.Itoa(a.near.files)), note("near", a.near.shares()),
		note("of-modules", plural(a.modules.files, "kernel module", "kernel modules")), note("modules", a.modules.shares()),
		note("worst", strings.Join(list, ", ")), note("code", strconv.Itoa(a.code)),
	}
	for _, name := range counted {
		p, n, m := a.programs.of(name), a.near.of(name), a.modules.of(name)
		for _, x := range []struct {
			is string
			n  int
		}{
			{"unsafe", p.unsafe}, {"all", p.all()}, {"kinds", len(p.unsafeNames)}, {"safe", len(p.safeNames)}, {"bounded", p.bounded},
			{"near", n.unsafe}, {"near-all", n.all()}, {"modules", m.unsafe}, {"modules-all", m.all()},
		} {
			args = append(args, note(name+"-"+x.is, strconv.Itoa(x.n)))
		}
	}
	f := finding("unsafecall.calls", wardein.Info, quotes, args)
	near, modules := a.near.shares() != "", a.modules.shares() != ""
	switch {
	case a.programs.shares() == "":
		f.Says.ID += "-modules"
	case near && modules:
		f.Says.ID += "-nm"
	case near:
		f.Says.ID += "-n"
	case modules:
		f.Says.ID += "-m"
	}
	return f
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// gets is for the functions that nobody can call safely.
func (a *total) gets() wardein.Finding {
	var quotes []wardein.Quote
	var list []string
	listed := map[string]bool{}
	for _, p := range a.never {
		if name := path.Base(p.Node); !listed[name] {
			listed[name] = true
			list = append(list, name)
		}
		if len(quotes) < shown {
			quotes = append(quotes, p.Quote(""))
		}
	}
	n := len(list)
	if n > shown {
		list = append(list[:shown], fmt.Sprintf("%d more", n-shown))
	}
	names := slices.Sorted(maps.Keys(a.neverNames))
	severity := wardein.Low
	if a.neverNames["gets"] {
		severity = wardein.Medium // who feeds it decides what is overwritten
	}
	return finding("unsafecall.gets", severity, quotes, []wardein.Note{
		note("files", strconv.Itoa(n)), note("of", plural(a.programs.files, "program or library", "programs and libraries")), note("functions", strings.Join(names, " or ")), note("list", strings.Join(list, ", ")),
	}, names...)
}

func wrapper(p wardein.Place) wardein.Finding {
	args := []wardein.Note{note("name", p.Attr("name")), note("callee", p.Attr("callee")), note("file", path.Base(p.Node))}
	f := finding("unsafecall.wrapper", wardein.Medium, []wardein.Quote{p.Quote("")}, args, p.Attr("name"), p.Attr("callee"))
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
