// Package source counts what C and C++ sources say of themselves: calls of
// functions that write into buffers without knowing their size, macros that
// take a safe function's name for an unsafe one, words that keep analysers
// silent, and how large and branched the functions are.
package source

import (
	"cmp"
	"context"
	"encoding/hex"
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

const (
	maxSource = 8 << 20
	shown     = 10
	// branched is McCabe's bound above which the public lab's source, and
	// most style guides after it, ask for a function to be taken apart.
	branched = 50
)

// Check counts C and C++ sources.
var Check = wardein.Check{
	Name:    "source",
	Version: 1,
	Doc: wardein.Doc{
		About: "C and C++ sources: calls that write into buffers of unknown size, safe names defined as unsafe functions, suppressed warnings, size and branching, files that stand there twice.",
		How: "A text with #include or #define is taken apart as the C preprocessor does (comments, strings, continued lines). A word before a bracket inside a function's body is a call; calls of the functions of a table (families memcpy, strcpy, sprintf, gets; safe, bounded, unsafe) are counted by name, each with its first place. " +
			"A #define of a safe function's name whose body calls an unsafe one is a finding with the size argument that it leaves out. Words for analysers (NOLINT, coverity[, lint -e, #pragma … ignored, …) are counted by kind. " +
			"A function's complexity is one more than its if, while, for, case, catch, ?, && and ||. From the words and marks of each file (comments, strings and numbers left out) the 64 smallest hashes of runs of 12 are kept; two files that share more than half of them are copies. A file is network-facing where it includes sockets.",
		FalsePositives: []string{
			"code that the preprocessor leaves out (#if 0, other processors) is counted",
			"a call whose sizes were checked before is a call all the same: each count comes with places to look at",
		},
		FalseNegatives: []string{
			"calls through pointers and through macros whose definition calls the function",
			"sources without a single #include or #define, and other languages",
			"a definition in the style before ISO C, with declarations between ) and {",
		},
		Limits:     []string{"files larger than 8 MiB are not read", "words that a backslash at the line end cuts in two are two words"},
		References: []string{"HCSEC Oversight Board annual report 2019, 3.36 to 3.39 (the way of counting)", "ISO/IEC 9899:2011, 5.1.1.2, 6.4, Annex K", "T. J. McCabe, A Complexity Measure, 1976", "S. Schleimer and others, Winnowing, 2003", "CWE-120, CWE-242, CWE-676"},
	},
	Literals: []string{"#include", "#define "},
	Wants: func(b wardein.Blob) (bool, string) {
		switch {
		case b.Class != "text":
			return false, "not text"
		case len(b.Hits(0)) == 0 && len(b.Hits(1)) == 0:
			return false, "no literal found"
		case b.Size > maxSource:
			return false, "larger than 8 MiB"
		}
		return true, ""
	},
	Node: node,
	Tree: tree,
	Cases: map[string][]string{
		"source.calls": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"}, "source.macro": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"},
	},
	Messages: map[string]string{
		"source.calls":          "{percent} % of the calls of functions like {family} go to ones that do not know the size of what they write to ({unsafe} of {all} calls; {kinds} unsafe and {safe} safe functions in use), in {files} of {of} source files, {network} of them network-facing.",
		"source.calls-fix":      "Replace them by functions that are given the size of the destination, network-facing files first; keep to one such function a family.",
		"source.calls-until":    "Nothing has to be done at once.",
		"source.macro":          "{name} is defined as {callee}({args}): who reads the code takes it for a function that checks the size of the destination.",
		"source.macro-fix":      "Use a function that checks, or call the function by its own name.",
		"source.macro-until":    "Count its calls as calls of {callee}.",
		"source.suppressed":     "{n} places in {files} of {of} source files tell an analyser or compiler to keep silent ({kinds}).",
		"source.suppressed-fix": "State beside each why the warning does not apply, and keep none in network-facing files.",
		"source.branched":       "{n} of {functions} functions have a complexity above 50, {worst} the highest ({complexity}): paths through them cannot all be tested.",
		"source.branched-fix":   "Take the functions apart, those that read what comes from outside first.",
		"source.copies":         "{n} of {of} source files have a twin that shares more than half of its text: a correction must reach each copy.",
		"source.copies-fix":     "Keep one copy, or a list of the copies beside the code.",
		"source.until-none":     "Nothing has to be done at once.",
		"source.summary":        "{files} source files, {lines} lines of code, {functions} functions with a mean complexity of {mean}; {network} of the files are network-facing.",
		"source.summary-fix":    "Nothing has to be changed.",
	},
}

func known(name string) bool { return cfuncs.Lookup(name) != nil }

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
		return fmt.Errorf("text cut at %#x of %d bytes: %w", n, b.Size, err)
	}
	src := string(data)
	f := parse(src, known)
	note := func(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }
	out(wardein.Fact{Kind: "file", Len: b.Size, Attrs: []wardein.Note{
		note("lines", strconv.Itoa(f.lines)), note("functions", strconv.Itoa(f.functions)), note("complexity", strconv.Itoa(f.complexity)),
		note("branched", strconv.Itoa(f.branched)), note("worst", f.worst.name), note("worst complexity", strconv.Itoa(f.worst.complexity)),
		note("worst at", strconv.Itoa(f.worst.off)), note("network", yes(f.network)), note("sketch", hex.EncodeToString(f.runs.sketch())),
	}})
	for _, c := range f.calls {
		off, n, text := lineAt(src, c.off)
		out(wardein.Fact{Kind: "call", Off: off, Len: n, Attrs: []wardein.Note{note("name", c.name), note("count", strconv.Itoa(c.count)), note("line", text)}})
	}
	for _, m := range f.macros {
		name, callee := cfuncs.Lookup(m.name), cfuncs.Lookup(m.callee)
		if name == nil || callee == nil || name.Class != cfuncs.Safe || callee.Class == cfuncs.Safe {
			continue
		}
		out(wardein.Fact{Kind: "macro", Off: int64(m.off), Len: int64(m.size), Attrs: []wardein.Note{
			note("name", m.name), note("callee", m.callee), note("args", clean(m.args)), note("line", src[m.off:min(m.off+m.size, m.off+256)]),
		}})
	}
	for _, s := range f.suppressed {
		off, n, text := lineAt(src, s.off)
		out(wardein.Fact{Kind: "suppressed", Off: off, Len: n, Attrs: []wardein.Note{note("kind", s.kind), note("count", strconv.Itoa(s.count)), note("line", text)}})
	}
	return nil
}

// lineAt is the line that a byte stands in, without the blanks before it, at
// most 256 bytes from there on.
func lineAt(src string, at int) (off, n int64, text string) {
	begin := strings.LastIndexByte(src[:at], '\n') + 1
	for begin < at && (src[begin] == ' ' || src[begin] == '\t') {
		begin++
	}
	if at-begin > 128 {
		begin = at
	}
	text, _, _ = strings.Cut(src[begin:min(len(src), begin+256)], "\n")
	text = strings.TrimRight(text, " \t\r")
	return int64(begin), int64(len(text)), text
}

// clean is text on one line, at most 120 bytes of it.
func clean(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), 120)]
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// total is what the files of a release add up to, each content once.
type total struct {
	files, network, lines, functions, complexity, branched int
	worst                                                  wardein.Fact
	worstNode                                              string
	family                                                 map[string]*family
	suppressed                                             map[string]int
	suppressedIn                                           map[string]bool
	suppressedAt, macros                                   []place
	sketches                                               []place
	node                                                   string
}

type family struct {
	unsafe, bounded, safe int
	names                 map[string]bool // unsafe ones
	safeNames             map[string]bool
	files, network        map[string]bool
	places                []place
}

type place struct {
	node string
	wardein.Fact
}

func (p place) quote() wardein.Quote {
	return wardein.Quote{Node: p.node, Off: p.Off, Len: p.Len, Bytes: p.Attr("line")}
}

func number(f wardein.Fact, name string) int { n, _ := strconv.Atoi(f.Attr(name)); return n }

func add(t wardein.Tree) *total {
	a := &total{family: map[string]*family{}, suppressed: map[string]int{}, suppressedIn: map[string]bool{}}
	first := map[wardein.Digest]string{}
	network := map[string]bool{}
	for n, f := range t.Facts("source") {
		if own, ok := first[n.Blob]; ok && own != n.Path {
			continue
		}
		first[n.Blob] = n.Path
		p := place{n.Path, f}
		switch f.Kind {
		case "file":
			if a.files++; a.node == "" {
				a.node = n.Path
			}
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
			fn := cfuncs.Lookup(f.Attr("name"))
			if fn == nil {
				continue
			}
			g := a.family[fn.Family]
			if g == nil {
				g = &family{names: map[string]bool{}, safeNames: map[string]bool{}, files: map[string]bool{}, network: map[string]bool{}}
				a.family[fn.Family] = g
			}
			switch count := number(f, "count"); fn.Class {
			case cfuncs.Unsafe:
				g.unsafe += count
				g.names[fn.Name] = true
				g.files[n.Path] = true
				if network[n.Path] {
					g.network[n.Path] = true
				}
				g.places = append(g.places, p)
			case cfuncs.Safe:
				g.safe += count
				g.safeNames[f.Attr("name")] = true
			default:
				g.bounded += count
			}
		case "macro":
			a.macros = append(a.macros, p)
		case "suppressed":
			a.suppressed[f.Attr("kind")] += number(f, "count")
			a.suppressedIn[n.Path] = true
			if len(a.suppressedAt) < shown {
				a.suppressedAt = append(a.suppressedAt, p)
			}
		}
	}
	return a
}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	a := add(t)
	if a.files == 0 {
		return nil
	}
	for _, name := range cfuncs.Families {
		if g := a.family[name]; g != nil && g.unsafe > 0 {
			out(a.calls(name, g))
		}
	}
	said := map[string]bool{}
	for _, m := range a.macros {
		args := []wardein.Note{{Name: "name", Value: m.Attr("name")}, {Name: "callee", Value: m.Attr("callee")}, {Name: "args", Value: m.Attr("args")}}
		f := finding("source.macro", wardein.Medium, m.node, []wardein.Quote{m.quote()}, args, m.Attr("name"), m.Attr("callee"))
		f.Meanwhile = wardein.Text{ID: "source.macro-until", Args: args}
		if !said[f.ID] {
			said[f.ID] = true
			out(f)
		}
	}
	if len(a.suppressedAt) > 0 {
		n, kinds := 0, []string{}
		for _, k := range slices.Sorted(maps.Keys(a.suppressed)) {
			n += a.suppressed[k]
			kinds = append(kinds, k+" "+strconv.Itoa(a.suppressed[k]))
		}
		var quotes []wardein.Quote
		for _, p := range a.suppressedAt {
			quotes = append(quotes, p.quote())
		}
		out(finding("source.suppressed", wardein.Info, a.suppressedAt[0].node, quotes, counts("n", n, "files", len(a.suppressedIn), "of", a.files, "kinds", strings.Join(kinds, ", "))))
	}
	whole := func(node string, off, n int64) []wardein.Quote {
		return []wardein.Quote{{Node: node, Off: off, Len: n}}
	}
	if a.branched > 0 {
		at := int64(number(a.worst, "worst at"))
		out(finding("source.branched", wardein.Low, a.worstNode, whole(a.worstNode, at, int64(len(a.worst.Attr("worst")))),
			counts("n", a.branched, "functions", a.functions, "worst", a.worst.Attr("worst")+" in "+path.Base(a.worstNode), "complexity", number(a.worst, "worst complexity"))))
	}
	if twins := copies(a.sketches); len(twins) > 0 {
		var quotes []wardein.Quote
		for _, p := range twins[:min(shown, len(twins))] {
			quotes = append(quotes, whole(p.node, 0, p.Len)...)
		}
		out(finding("source.copies", wardein.Info, twins[0].node, quotes, counts("n", len(twins), "of", a.files)))
	}
	first := a.sketches[0]
	mean := "0"
	if a.functions > 0 {
		mean = fmt.Sprintf("%d.%d", a.complexity/a.functions, a.complexity*10/a.functions%10)
	}
	out(finding("source.summary", wardein.Info, first.node, whole(first.node, 0, first.Len),
		counts("files", a.files, "lines", a.lines, "functions", a.functions, "mean", mean, "network", a.network)))
	return nil
}

// calls says how a family's calls are shared out, the places that face the
// network first.
func (a *total) calls(name string, g *family) wardein.Finding {
	slices.SortStableFunc(g.places, func(x, y place) int {
		return cmp.Or(compareBool(g.network[y.node], g.network[x.node]), strings.Compare(x.node, y.node), cmp.Compare(x.Off, y.Off))
	})
	var quotes []wardein.Quote
	for _, p := range g.places[:min(shown, len(g.places))] {
		quotes = append(quotes, p.quote())
	}
	all := g.unsafe + g.safe
	return finding("source.calls", wardein.Low, g.places[0].node, quotes, counts("percent", (g.unsafe*200+all)/(2*all), "family", name, "unsafe", g.unsafe, "all", all,
		"kinds", len(g.names), "safe", len(g.safeNames), "files", len(g.files), "of", a.files, "network", len(g.network)), name)
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
	until := "source.until-none"
	return wardein.Finding{ID: stable.ID(rule, about...), Rule: rule, Node: node, Severity: severity, Confidence: wardein.Certain, Reach: wardein.NoneShown,
		Says: wardein.Text{ID: rule, Args: args}, Fix: wardein.Text{ID: rule + "-fix", Args: args}, Meanwhile: wardein.Text{ID: until}, Quotes: quotes}
}
