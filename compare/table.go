package compare

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// Screen is how a result is printed, and what its next steps name.
type Screen struct {
	Width int  // wrap here; 0: do not
	Color bool // in addition to words, never instead of them
	// Command is "wardein compare OLD NEW" as the user would type it.
	Command string
}

// Colours, and the width of the column of labels.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	indent = 30
	narrow = 23
)

type printer struct {
	*bufio.Writer
	Screen
}

func (p *printer) paint(code, s string) string {
	if !p.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// line writes text behind a label in a column of its own.
func (p *printer) line(label, text string, column int) {
	lead := fmt.Sprintf("%-*s", column, label)
	if utf8.RuneCountInString(label) >= column {
		lead = label + " "
	}
	p.WriteString(p.paint(dim, lead) + term.Wrap(text, utf8.RuneCountInString(lead), column, p.Width) + "\n")
}

// Bounds of the first screen: rows, rows of one kind.
const (
	maxFirst = 18
	maxKind  = 4
)

// Table writes the first screen: what changed because of the release, what could
// not be compared, what to review first, and what to do next.
func (r *Result) Table(out io.Writer, s Screen) error {
	p := &printer{bufio.NewWriter(out), s}
	p.WriteString(term.Wrap(p.paint(bold, term.Clean(r.Old.Name)+" → "+term.Clean(r.New.Name))+" · "+r.judged(), 0, 2, p.Width) + "\n")
	p.line("because the release changed", r.found(), indent)
	if s := r.rejudged(); s != "" {
		p.line("because rules or data changed", s, indent)
	}
	if s := r.unlooked(); s != "" {
		p.line("not looked at on both sides", s, indent)
	}
	p.line("not comparable", r.notComparable(), indent)
	if len(r.Gaps) > 0 {
		p.line("not compared", plural(int64(len(r.Gaps)), "node")+" could not be read: "+term.Clean(r.Gaps[0].Node)+", "+term.Clean(r.Gaps[0].Why), indent)
	}
	if len(r.Rows) == 0 {
		p.WriteString("\nNo difference was found in " + plural(int64(r.Paired), "node") + ".\n")
		return p.Flush()
	}
	p.first(r)
	p.WriteString("\n")
	for _, q := range r.Notes {
		text := ""
		for i, l := range q.Lines {
			if i > 0 {
				text += " "
			}
			text += "“" + term.Clean(l) + "”"
		}
		if q.Left > 0 {
			text += fmt.Sprintf(" and %s in %s", plural(int64(q.Left), "more line"), term.Clean(q.Path))
		} else {
			text += " in " + term.Clean(q.Path)
		}
		p.line("release notes say", text, indent)
	}
	if len(r.Notes) == 0 {
		p.line("release notes", "none that are new", indent)
	}
	p.line("lines to review", fmt.Sprintf("%s (of %s differing)", grouped(r.Review), grouped(max(r.Differing, r.Review))), indent)
	p.line("all rows by kind", r.counts(), indent)
	if s.Command != "" {
		p.line("next", s.Command+" --only KIND · --path PATH · --func FILE · -o html", indent)
	}
	return p.Flush()
}

// judged says by what both sides were judged.
func (r *Result) judged() string {
	if !r.Alike {
		return "NOT judged alike: recipes " + r.Old.Recipe.String()[:12] + "… and " + r.New.Recipe.String()[:12] + "…"
	}
	return "both judged by recipe " + r.New.Recipe.String()[:12] + "…, as of " + term.Clean(r.New.AsOf)
}

func (r *Result) found() string {
	c := func(states ...findings.State) int { return r.Found.Count(findings.Finding, states...) }
	parts := []string{fmt.Sprintf("%s gone", plural(int64(c(findings.Gone)), "finding")), fmt.Sprintf("%d new", c(findings.New))}
	if n := c(findings.Changed); n > 0 {
		parts = append(parts, fmt.Sprintf("%d changed", n))
	}
	return strings.Join(append(parts, fmt.Sprintf("%d stay", c(findings.Stays))), "   ")
}

// rejudged says what rules and data changed of the older release's findings since
// it was judged before: no doing of the newer one.
func (r *Result) rejudged() string {
	if r.Then == nil {
		return ""
	}
	stays := map[string]bool{}
	for i := range r.Found.Rows {
		if f := &r.Found.Rows[i]; f.Kind == findings.Finding && (f.State == findings.Stays || f.State == findings.Changed) {
			stays[f.Key] = true
		}
	}
	more, both := 0, 0
	for _, f := range r.Then.Differences() {
		if f.Kind == findings.Finding && f.State == findings.New {
			more++
			if stays[f.Key] {
				both++
			}
		}
	}
	less, changed := r.Then.Count(findings.Finding, findings.Gone), r.Then.Count(findings.Finding, findings.Changed)
	if more+less+changed == 0 {
		return "nothing of the older release's findings since it was judged before"
	}
	parts := []string{fmt.Sprintf("%d more, %d of them true of both releases", more, both)}
	if less > 0 {
		parts = append(parts, fmt.Sprintf("%d fewer", less))
	}
	if changed > 0 {
		parts = append(parts, fmt.Sprintf("%d in other words", changed))
	}
	return strings.Join(parts, ", ") + ": not this update's doing"
}

func (r *Result) unlooked() string {
	var parts []string
	if n := r.Found.Count(findings.Finding, findings.Unlooked); n > 0 {
		parts = append(parts, plural(int64(n), "finding")+" not looked at any more")
	}
	if n := r.Found.Count(findings.Finding, findings.Looked); n > 0 {
		parts = append(parts, plural(int64(n), "finding")+" not looked at before")
	}
	return strings.Join(parts, "   ")
}

func (r *Result) notComparable() string {
	if r.MissingBytes == 0 {
		return "nothing: every byte has a counterpart that could be read"
	}
	var list []string
	both := 0 // of one node, on both sides
	for i, m := range r.Missing {
		if i > 0 && r.Missing[i-1].Path == m.Path && r.Missing[i-1].Why == m.Why {
			both++
			continue
		}
		if len(list) == 3 {
			continue
		}
		side := ""
		if m.Why == "no counterpart" {
			side = ", new"
			if m.Old {
				side = ", gone"
			}
		}
		list = append(list, fmt.Sprintf("%s (%s%s)", dot(m.Path), m.Why, side))
	}
	s := strings.Join(list, ", ")
	if n := len(r.Missing) - both - len(list); n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s + ": " + report.Percent(wardein.Share(r.MissingBytes, r.AllBytes)) + " of bytes"
}

func dot(p string) string {
	if p == "" {
		return "."
	}
	return term.Clean(p)
}

func (r *Result) counts() string {
	var parts []string
	for _, k := range Kinds {
		if n := r.Count(k); n > 0 {
			parts = append(parts, grouped(int64(n))+" "+string(k))
		}
	}
	return strings.Join(parts, " · ")
}

// first writes the rows to review first: of each kind one, then of each one
// more, as long as there is room.
func (p *printer) first(r *Result) {
	p.WriteString("\n" + p.paint(bold, "REVIEW FIRST") + "\n")
	by := map[Kind][]int{}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Lines > 0 && row.Change != Unknown {
			by[row.Kind] = append(by[row.Kind], i)
		}
	}
	var list []int
	for n := range maxKind {
		for _, k := range Kinds {
			if n < len(by[k]) && len(list) < maxFirst {
				list = append(list, by[k][n])
			}
		}
	}
	slices.Sort(list)
	for n, i := range list {
		row := &r.Rows[i]
		p.line(fmt.Sprintf("%2d %s", n+1, row.label()), row.sentence(), narrow)
	}
	var rest []string
	for _, k := range Kinds {
		shown := 0
		for _, i := range list {
			if r.Rows[i].Kind == k {
				shown++
			}
		}
		if n := len(by[k]) - shown; n > 0 {
			rest = append(rest, grouped(int64(n))+" "+string(k))
		}
	}
	if len(rest) > 0 {
		p.line("   and more", strings.Join(rest, " · "), narrow)
	}
}

// label is the change and the kind in a few words.
func (r *Row) label() string {
	words := map[Kind]string{Code: "code", SetID: "setuid", Init: "start at boot", Remote: "remote host", File: "", Moved: "moved", Packing: "packing", Time: "times"}
	w, ok := words[r.Kind]
	if !ok {
		w = string(r.Kind)
	}
	switch {
	case r.Kind == File:
		return string(r.Change) + " " + r.What
	case r.Kind == Moved, r.Kind == Packing, r.Kind == Time:
		return w
	case r.Change == Unknown:
		return "unknown " + w
	}
	return string(r.Change) + " " + w
}

// sentence is a row in one line: where, what, before and after, and why it
// matters.
func (r *Row) sentence() string {
	var parts []string
	where := dot(r.Path())
	if r.Kind == Moved {
		where = dot(r.Old) + " → " + dot(r.New)
	}
	if r.Found != nil {
		if r.What != "" {
			parts = append(parts, term.Clean(r.What))
		}
		if r.Path() == "" {
			where = ""
		}
	}
	if where != "" {
		parts = append(parts, where)
	}
	if r.Found == nil && r.What != "" && r.Kind != File {
		parts = append(parts, term.Clean(r.What))
	}
	switch was, is := cut(term.Clean(r.Was), 200), cut(term.Clean(r.Is), 200); {
	case was != "" && is != "":
		parts = append(parts, was+" → "+is)
	case was != "" || is != "":
		parts = append(parts, was+is)
	}
	if r.Note != "" {
		parts = append(parts, term.Clean(r.Note))
	}
	if r.Kind == Code && r.Functions != nil {
		parts = append(parts, "--func "+report.Quote(dot(r.Path())))
	}
	return strings.Join(parts, " · ")
}

// List writes the rows that are wanted, each in full.
func (r *Result) List(out io.Writer, choice *Choice, s Screen) error {
	p := &printer{bufio.NewWriter(out), s}
	rows := choice.Rows(r)
	for _, row := range rows {
		p.line(row.label(), row.sentence(), narrow)
		for _, l := range row.Items {
			p.sign(l, 4)
		}
		for _, h := range row.Hunks {
			fmt.Fprintf(p, "    %s\n", p.paint(dim, fmt.Sprintf("lines %d and %d", h.Old, h.New)))
			for _, l := range h.Lines {
				p.sign(l, 4)
			}
		}
		if row.Left > 0 {
			fmt.Fprintf(p, "    %s more are left out here\n", grouped(int64(row.Left)))
		}
		if row.Functions != nil {
			p.functions(row.Functions, false)
		}
	}
	if len(rows) == 0 {
		p.WriteString("No row of that kind or place.\n")
	}
	return p.Flush()
}

func (p *printer) sign(l Line, by int) {
	s := fmt.Sprintf("%*s%c %s", by, "", l.Sign, cut(term.Clean(strings.ReplaceAll(l.Text, "\t", "    ")), maxLine))
	switch l.Sign {
	case '+':
		s = p.paint(green, s)
	case '-':
		s = p.paint(red, s)
	}
	p.WriteString(s + "\n")
}

// Code writes the functions of programs that differ, instructions side by side
// under each other.
func (r *Result) Code(out io.Writer, rows []*Row, s Screen) error {
	p := &printer{bufio.NewWriter(out), s}
	for _, row := range rows {
		p.line(row.label(), row.sentence(), narrow)
		p.functions(row.Functions, true)
	}
	return p.Flush()
}

func (p *printer) functions(f *Functions, whole bool) {
	for i := range f.List {
		g := &f.List[i]
		name := cleanName(g.OldName, g.NewName)
		if at := places(g); strings.HasPrefix(name, "0x") {
			name = at
		} else {
			name += "  " + at
		}
		fmt.Fprintf(p, "    %-8s %s%s\n", g.Change, name, suffix(g.Why))
		if !whole {
			continue
		}
		for _, l := range g.Lines {
			p.sign(l, 8)
		}
		if g.Left > 0 {
			fmt.Fprintf(p, "        %s more are left out here\n", plural(int64(g.Left), "instruction"))
		}
	}
	if f.Left > 0 {
		fmt.Fprintf(p, "    %s more are left out here\n", plural(int64(f.Left), "function"))
	}
	for _, l := range f.Limits {
		fmt.Fprintf(p, "    not looked at: %s\n", term.Clean(l))
	}
}

func cleanName(old, new string) string {
	old, new = term.Clean(old), term.Clean(new)
	switch {
	case old == new || old == "":
		return new
	case new == "":
		return old
	}
	return old + " → " + new
}

func places(g *Function) string {
	var list []string
	for _, a := range []uint64{g.OldAddr, g.NewAddr} {
		if s := fmt.Sprintf("%#x", a); a != 0 && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return strings.Join(list, " → ")
}

func suffix(s string) string {
	if s == "" {
		return ""
	}
	return "  " + term.Clean(s)
}
