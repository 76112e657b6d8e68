package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
)

// Beside is what stands beside a report for those who read it: for whom the
// rendering is, what others have said of it, and what is left out. Its report
// may hold less than the one that was written; figures are still of that one.
// A nil Beside is nothing.
type Beside struct {
	Audience string              // "internal", "vendor", "public"
	Notes    []wardein.Note      // further lines of the head
	Warnings []string            // what must be read before anything else
	Remarks  map[string][]Remark // by the finding's ID
	// Withheld are the things that are left out, numbered from 1 in their
	// order; Hidden gives the number for findings, by their place in the
	// report, of which no more than the severity is left.
	Withheld []Withheld
	Hidden   map[int]int
	Recipe   wardein.Digest // of the recipe as it stands in the report file
	Figures  Figures
}

// Remark is what somebody has said of a finding.
type Remark struct {
	Who, Date string
	What      string // "fixed in 5.2.2", "corrected"
	Text      string // unedited
}

// Withheld is something that a rendering leaves out.
type Withheld struct{ What, Why string }

// Figures are counts of what a rendering may not hold.
type Figures struct{ Components, Known []string }

// FiguresOf counts a whole report.
func FiguresOf(r *wardein.Report) Figures {
	f := Figures{Known: knownParts(r)}
	if len(r.Components) > 0 {
		f.Components = componentsParts(r)
	}
	return f
}

func (b *Beside) figures(r *wardein.Report) Figures {
	if b == nil {
		return FiguresOf(r)
	}
	return b.Figures
}

func (b *Beside) recipe(r *wardein.Recipe) wardein.Digest {
	if b == nil {
		return RecipeDigest(r)
	}
	return b.Recipe
}

// hidden is the number under which the i-th finding is withheld, 0: it is
// not.
func (b *Beside) hidden(i int) int {
	if b == nil {
		return 0
	}
	return b.Hidden[i]
}

// shown are the findings that are not withheld.
func (b *Beside) shown(all []wardein.Finding) []wardein.Finding {
	if b == nil || len(b.Hidden) == 0 {
		return all
	}
	var some []wardein.Finding
	for i := range all {
		if b.Hidden[i] == 0 {
			some = append(some, all[i])
		}
	}
	return some
}

func (b *Beside) remarks(f *wardein.Finding) []Remark {
	if b == nil || f.ID == "" {
		return nil
	}
	return b.Remarks[f.ID]
}

// lines are a text's lines as they are printed: none is joined, cut or left
// out.
func lines(text string) (out []string) {
	for l := range strings.Lines(text) {
		out = append(out, term.Clean(strings.TrimRight(l, "\r\n")))
	}
	return out
}

// beside writes the head's further lines.
func (t *table) beside(b *Beside) {
	if b == nil {
		return
	}
	for _, s := range b.Warnings {
		t.line("NOTE", term.Clean(s))
	}
	t.line("for", term.Clean(b.Audience))
	for _, n := range b.Notes {
		t.line(n.Name, term.Clean(n.Value))
	}
	if len(b.Withheld) > 0 {
		t.line("withheld", plural(int64(len(b.Withheld)), "item")+", listed below")
	}
}

// withheld lists what is left out.
func (t *table) withheld(b *Beside) {
	if b == nil || len(b.Withheld) == 0 {
		return
	}
	fmt.Fprintf(t.w, "\n%s\n", t.paint(bold, "WITHHELD"))
	for i, w := range b.Withheld[:min(len(b.Withheld), shownItems)] {
		t.text(fmt.Sprintf("%2d          ", i+1), indent, term.Clean(w.What)+": "+term.Clean(w.Why))
	}
	t.left(len(b.Withheld) - shownItems)
}

// shownItems bounds the lists of gaps and of what is withheld.
const shownItems = 100

// gaps lists what was not seen, for people who have no report to look into.
func (t *table) gaps(b *Beside, all []wardein.Gap) {
	if b == nil || t.Saved != "" || len(all) == 0 {
		return
	}
	fmt.Fprintf(t.w, "\n%s\n", t.paint(bold, "NOT SEEN"))
	for i := range all[:min(len(all), shownItems)] {
		g := &all[i]
		s := t.path(g.Node)
		if at := where(g.Off, g.Len); at != "" {
			s += " at " + at
		}
		t.text(fmt.Sprintf("%-11s ", g.Kind), indent, s+": "+term.Clean(g.Who)+": "+term.Clean(strings.TrimPrefix(g.Why, g.Who+": ")))
	}
	t.left(len(all) - shownItems)
}

// left says how many items of a list are not shown.
func (t *table) left(n int) {
	if n > 0 {
		fmt.Fprintf(t.w, "%sand %d more: -o html and -o json list them\n", strings.Repeat(" ", indent), n)
	}
}

// remarks writes what was said of a finding, texts as they were written.
func (t *table) remarks(list []Remark) {
	lead := strings.Repeat(" ", indent)
	for _, r := range list {
		t.text(lead, indent, fmt.Sprintf("%s, %s: %s", term.Clean(r.Who), term.Clean(r.Date), term.Clean(r.What)))
		for _, l := range lines(r.Text) {
			t.w.WriteString(strings.TrimRight(lead+"| "+l, " ") + "\n")
		}
	}
}

// remarkView and withheldView are their rows of the page.
type (
	remarkView   struct{ Who, Date, What, Text string }
	withheldView struct {
		N         int
		What, Why string
	}
)

func remarkViews(list []Remark) (out []remarkView) {
	for _, r := range list {
		out = append(out, remarkView{term.Clean(r.Who), term.Clean(r.Date), term.Clean(r.What), strings.Join(lines(r.Text), "\n")})
	}
	return out
}

func (p *page) beside(b *Beside) {
	if b == nil {
		return
	}
	p.Audience = term.Clean(b.Audience)
	p.Head = cleanNotes(b.Notes)
	p.Components = strings.Join(b.Figures.Components, " · ")
	for _, s := range b.Warnings {
		p.Warnings = append(p.Warnings, term.Clean(s))
	}
	for i, w := range b.Withheld[:min(len(b.Withheld), maxRows)] {
		p.Withheld = append(p.Withheld, withheldView{i + 1, term.Clean(w.What), term.Clean(w.Why)})
	}
	p.WithheldLeft = max(len(b.Withheld)-maxRows, 0)
}

// HTML writes the report as one page: see HTMLBeside.
func HTML(w io.Writer, r *wardein.Report, name string, tree *File, messages map[string]string) error {
	return HTMLBeside(w, r, name, tree, messages, nil)
}
