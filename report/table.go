package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
)

// Size prints a number of bytes for people.
func Size(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	case n < 1_000_000_000:
		return fmt.Sprintf("%d.%d MB", n/1_000_000, n%1_000_000/100_000)
	}
	return fmt.Sprintf("%d.%d GB", n/1_000_000_000, n%1_000_000_000/100_000_000)
}

// Percent prints parts per million as a percentage with one decimal, rounded
// down: "100 %" is all, "0 %" nothing.
func Percent(ppm int64) string {
	if ppm == 0 || ppm == 1_000_000 {
		return fmt.Sprintf("%d %%", ppm/10_000)
	}
	return fmt.Sprintf("%d.%d %%", ppm/10_000, ppm%10_000/1000)
}

// Screen is how the first screen is laid out, and what its next steps name.
type Screen struct {
	Width int  // wrap here and shorten paths; 0: neither
	Color bool // in addition to words, never instead of them
	// Saved is the name of the report file for verbs that read it, "" when
	// none was written.
	Saved string
	// Input is the release as the user named it, "" for standard input.
	Input string
	// Beside is what stands beside the report.
	Beside *Beside
}

// Table writes the first screen: what was looked at, what was not, what was
// found, and what to do next. name is what the user called the release.
func Table(out io.Writer, r *wardein.Report, name string, messages map[string]string, screen Screen) error {
	w := bufio.NewWriter(out)
	t := &table{w: w, Screen: screen}
	t.line("", append([]string{t.paint(bold, term.Clean(name)), r.Release.Kind.String(), Size(r.Release.Size), fmt.Sprintf("sha256:%.12s…", r.Release.Digest), "as of " + term.Clean(r.Recipe.AsOf)}, dataParts(&r.Recipe)...)...)
	if r.Partial {
		t.line("PARTIAL", "the inspection was interrupted: what follows is what was seen until then")
	}
	t.beside(screen.Beside)
	c := &r.Coverage
	of := " of bytes accounted"
	if r.Partial {
		of = " of the bytes that were reached accounted"
	}
	if r.Release.Size == 0 && r.Nodes <= 1 && !r.Partial {
		t.line("EMPTY", "there is nothing in it: the shares below are of no bytes")
	}
	t.line("looked at", append([]string{Percent(c.Accounted()) + of, Percent(c.Opened()) + " opened", plural(r.Nodes, "node")}, codeParts(c)...)...)
	if s := deliveredParts(r); s != nil {
		t.line("delivered", s...)
	}
	figures := screen.Beside.figures(r)
	if figures.Components != nil {
		t.line("components", figures.Components...)
	}
	if figures.Known != nil {
		t.line("", figures.Known...)
	}
	t.line("findings", findingsParts(r)...)
	t.line("not seen", gapsParts(r)...)
	if r.Incidents > 0 {
		t.line("", fmt.Sprintf("the reading process ended %d times: this report is not repeatable", r.Incidents))
	}
	if shown := screen.Beside.shown(r.Findings); len(shown) > 0 {
		t.findings(shown, messages)
	}
	t.gaps(screen.Beside, r.Gaps)
	t.withheld(screen.Beside)
	fmt.Fprintf(w, "\nNo test here shows that nothing else is wrong.\n")
	t.next(r)
	return w.Flush()
}

// ANSI colours.
const (
	bold   = "1"
	dim    = "2"
	red    = "1;31"
	yellow = "33"
)

// indent is the width of the column of labels.
const indent = 12

type table struct {
	w *bufio.Writer
	Screen
}

func (t *table) paint(code, s string) string {
	if !t.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// line writes parts behind a label, separated by dots and, on a terminal,
// broken between parts and words.
func (t *table) line(label string, parts ...string) {
	lead := ""
	if label != "" {
		lead = fmt.Sprintf("%-*s", indent, label)
	}
	t.text(t.paint(dim, lead), utf8.RuneCountInString(lead), strings.Join(parts, " · "))
}

// text writes s behind a lead of n columns.
func (t *table) text(lead string, n int, s string) {
	t.w.WriteString(lead + term.Wrap(s, n, indent, t.Width) + "\n")
}

// path is a node's path, on a terminal shortened in its middle.
func (t *table) path(p string) string {
	s := path(p)
	room := max(t.Width, 40) - indent - 8
	if t.Width <= 0 || utf8.RuneCountInString(s) <= room {
		return s
	}
	r := []rune(s)
	return string(r[:room/3]) + "…" + string(r[len(r)-(room-room/3-1):])
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func codeParts(c *wardein.Coverage) []string {
	if len(c.Code) == 0 {
		return nil
	}
	const shown = 4
	var all, read int64
	var unread []string
	largest := slices.Clone(c.Code)
	slices.SortStableFunc(largest, func(a, b wardein.CodeCount) int { return cmp.Compare(b.Bytes-b.Read, a.Bytes-a.Read) })
	for _, k := range largest {
		all += k.Bytes
		read += k.Read
		if k.Read < k.Bytes {
			arch := term.Clean(k.Arch)
			if arch == "unknown" {
				arch = "code-like"
			}
			unread = append(unread, arch+" "+Size(k.Bytes-k.Read))
		}
	}
	if n := len(unread) - shown; n > 0 {
		unread = append(unread[:shown], fmt.Sprintf("%d more", n))
	}
	if read == 0 {
		return []string{"no check reads code yet (" + strings.Join(unread, ", ") + ")"}
	}
	s := Percent(wardein.Share(read, all)) + " of code read"
	if len(unread) > 0 {
		s += " (not read: " + strings.Join(unread, ", ") + ")"
	}
	return []string{s}
}

// deliveredParts says how the delivered files stand to the vendor's list; it
// is empty for a release of one file without a list.
func deliveredParts(r *wardein.Report) []string {
	if len(r.Release.Parts) == 0 {
		return nil
	}
	by := map[wardein.Delivery]int{}
	checked := 0
	for _, p := range r.Release.Parts {
		by[p.Delivered]++
		if p.Delivered != wardein.NotChecked && p.Delivered != wardein.Missing {
			checked++
		}
	}
	if by[wardein.NotChecked] == len(r.Release.Parts) {
		return []string{plural(int64(len(r.Release.Parts)), "file"), "no vendor's list was given"}
	}
	list := "the vendor's list"
	for _, o := range r.Recipe.Options {
		if o.Name == "list.grade" {
			list += " (" + term.Clean(o.Value) + ")"
		}
	}
	parts := []string{fmt.Sprintf("%d of %d files match %s", by[wardein.Matches], checked, list)}
	for _, d := range []wardein.Delivery{wardein.Differs, wardein.NotListed, wardein.Missing} {
		if by[d] == 0 {
			continue
		}
		const shown = 3
		var names []string
		for _, p := range r.Release.Parts {
			if p.Delivered == d && len(names) < shown {
				names = append(names, path(p.Path))
			}
		}
		s := fmt.Sprintf("%d %s: %s", by[d], d, strings.Join(names, ", "))
		if by[d] > shown {
			s += ", …"
		}
		parts = append(parts, s)
	}
	return parts
}

// componentsParts counts products: identified are those that some file's
// bytes show, declared those that a package database or notice names.
func componentsParts(r *wardein.Report) []string {
	var identified, declared, versionless int64
	for i := range r.Components {
		c := &r.Components[i]
		for _, s := range c.Seen {
			if s.By != "package" {
				identified++
				break
			}
		}
		if len(c.Declared) > 0 {
			declared++
		}
		if c.Version == "" {
			versionless++
		}
	}
	parts := []string{fmt.Sprintf("%d identified (%d declared)", identified, declared)}
	if versionless > 0 {
		parts = append(parts, fmt.Sprintf("%d without a version", versionless))
	}
	return parts
}

func findingsParts(r *wardein.Report) []string {
	if len(r.Counts) == 0 {
		return []string{"no checks ran"}
	}
	var by []string
	for _, s := range severities(r.Findings) {
		by = append(by, fmt.Sprintf("%d %s", s.n, s.severity))
	}
	if len(by) == 0 {
		by = []string{"none by the " + plural(int64(len(r.Counts)), "check") + " that ran"}
	}
	parts := []string{strings.Join(by, "  ")}
	var failed int64
	for _, c := range r.Counts {
		failed += c.Failed
	}
	if failed > 0 {
		parts = append(parts, "checks failed on "+plural(failed, "node"))
	}
	return parts
}

// gapsParts groups gaps by kind.
func gapsParts(r *wardein.Report) []string {
	c := &r.Coverage
	var parts []string
	if r.Partial {
		parts = append(parts, "all that was not reached")
	} else if len(r.Gaps) == 0 && c.Unknown == 0 && c.Opaque == 0 {
		return []string{"no gaps"}
	}
	var kinds []string
	for _, k := range gapKinds(r.Gaps) {
		kinds = append(kinds, fmt.Sprintf("%d %s", k.n, k.kind))
	}
	if len(kinds) > 0 {
		parts = append(parts, plural(int64(len(r.Gaps)), "gap")+": "+strings.Join(kinds, ", "))
	}
	if c.Opaque > 0 {
		parts = append(parts, Size(c.Opaque)+" recognised, not opened")
	}
	if c.Unknown > 0 {
		var by []string
		for _, k := range c.UnknownBy {
			by = append(by, term.Clean(k.Class)+" "+Size(k.Bytes))
		}
		s := Size(c.Unknown) + " unknown"
		if len(by) == 1 {
			s += " (" + term.Clean(c.UnknownBy[0].Class) + ")"
		} else if len(by) > 0 {
			s += " (" + strings.Join(by, ", ") + ")"
		}
		parts = append(parts, s)
	}
	return parts
}

// next names steps that work as they stand, one a line, so that none is broken
// in its middle.
func (t *table) next(r *wardein.Report) {
	if t.Beside != nil && t.Saved == "" { // for people who may have no more than this
		return
	}
	var steps [][2]string
	if r.Partial && t.Input != "" {
		steps = append(steps, [2]string{"wardein inspect " + Quote(t.Input), "again: what was opened is kept"})
	}
	if t.Saved != "" && len(r.Findings) > 0 {
		steps = append(steps, [2]string{"wardein show " + term.Clean(r.Findings[0].ID), "a finding in full"})
	}
	if t.Saved != "" && len(r.Components) > 0 {
		steps = append(steps, [2]string{"wardein components " + Quote(t.Saved), "the products, and what shows them"})
	}
	if t.Saved != "" && len(r.Gaps) > 0 {
		steps = append(steps, [2]string{"wardein gaps " + Quote(t.Saved), "what was not looked at, and why"})
	}
	if t.Input != "" && r.Coverage.Unknown > 0 {
		steps = append(steps, [2]string{"wardein find --unknown " + Quote(t.Input), "where the unknown bytes are"})
	}
	if t.Input != "" {
		steps = append(steps, [2]string{"wardein tree " + Quote(t.Input), "what is inside"},
			[2]string{"wardein inspect -o html " + Quote(t.Input), "this as a page to print"})
	}
	if len(steps) == 0 {
		steps = [][2]string{{"wardein help", "what else there is"}}
	}
	width := 0
	for _, s := range steps {
		width = max(width, utf8.RuneCountInString(s[0]))
	}
	for i, s := range steps {
		lead := strings.Repeat(" ", indent)
		if i == 0 {
			lead = t.paint(dim, fmt.Sprintf("%-*s", indent, "next"))
		}
		if t.Width > 0 && indent+width+3+utf8.RuneCountInString(s[1]) > t.Width {
			fmt.Fprintf(t.w, "%s%s\n", lead, s[0])
		} else {
			fmt.Fprintf(t.w, "%s%-*s   %s\n", lead, width, s[0], t.paint(dim, s[1]))
		}
	}
}

// Quote makes a word that a shell takes as it is.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+,:@") == "" {
		return s
	}
	if c := term.Clean(s); c != s { // a word with escapes in it
		return "$'" + strings.ReplaceAll(c, "'", `\'`) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// The first findings are written with what to do, the next as one line each.
const (
	shownFull  = 3
	shownShort = 17
	shownAlike = 3 // of one rule, severity and reach, where others want the room
)

// findings writes the first findings. Sentences are cut to what is there and
// what to do: show has them in full.
func (t *table) findings(all []wardein.Finding, messages map[string]string) {
	fmt.Fprintf(t.w, "\n%s (reach, then known exploited, severity, certainty)\n", t.paint(bold, "DO FIRST"))
	some, left := choose(all, shownFull+shownShort, shownAlike)
	for i, at := range some {
		f := &all[at]
		name := fmt.Sprintf("%-8s", strings.ToUpper(f.Severity.String()))
		switch f.Severity {
		case wardein.Critical:
			name = t.paint(red, name)
		case wardein.High:
			name = t.paint(yellow, name)
		}
		says := fmt.Sprintf("%s   %s   %s", t.paint(bold, term.Clean(f.Rule)), term.Clean(brief(f.Says, messages, ": ")), f.Confidence)
		if i >= shownFull {
			if t.Saved != "" {
				says += "   " + term.Clean(f.ID)
			}
			t.text(fmt.Sprintf("%2d %s ", i+1, name), indent, says)
			t.remarks(t.Beside.remarks(f))
			t.alike(left[at])
			continue
		}
		t.text(fmt.Sprintf("%2d %s ", i+1, name), indent, says)
		reach := "reach: " + f.Reach.String()
		if f.Exploited {
			reach += " · known exploited"
		}
		t.more(reach, "in "+t.path(f.Node))
		var do []string
		if s := brief(f.Fix, messages, stops...); s != "" {
			do = append(do, "vendor: "+term.Clean(s))
		}
		if s := brief(f.Meanwhile, messages, stops...); s != "" {
			do = append(do, "until then: "+term.Clean(s))
		}
		if t.Saved != "" {
			do = append(do, "wardein show "+term.Clean(f.ID))
		}
		if len(do) > 0 {
			t.more(do...)
		}
		t.remarks(t.Beside.remarks(f))
		t.alike(left[at])
	}
	if n := len(all) - len(some); n > 0 {
		more := fmt.Sprintf("and %d more", n)
		if t.Saved != "" {
			more += ": wardein show --report " + Quote(t.Saved)
		}
		fmt.Fprintf(t.w, "%s%s\n", strings.Repeat(" ", indent), more)
	}
}

// alike says how many findings like the last are not shown.
func (t *table) alike(n int) {
	if n > 0 {
		fmt.Fprintf(t.w, "%s%d more like this one\n", strings.Repeat(" ", indent), n)
	}
}

// stops end the first thing that a sentence says to do.
var stops = []string{"; ", ": ", ". ", ", or ", ", and ", ", where "}

// brief is a sentence up to the first of some stops. It is cut before its
// parameters are filled in: no name in a release can cut it.
func brief(t wardein.Text, messages map[string]string, stops ...string) string {
	s, ok := messages[t.ID]
	if !ok {
		return Render(t, messages)
	}
	for _, stop := range stops {
		s, _, _ = strings.Cut(s, stop)
	}
	return strings.TrimSuffix(Render(t, map[string]string{t.ID: s}), ".")
}

// more writes a further line of a finding.
func (t *table) more(parts ...string) {
	t.text(strings.Repeat(" ", indent), indent, strings.Join(parts, " · "))
}
