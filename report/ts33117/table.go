package ts33117

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// modes say in words where an answer is.
var modes = map[string]string{
	"IMG":  "an unpacked image (IMG)",
	"HOST": "a shell or the configuration of a running unit (HOST)",
	"NET":  "probes over a network (NET)",
	"PCAP": "captured traffic (PCAP)",
	"DOC":  "the vendor's documents (DOC)",
}

// indent is the width of the column of labels and clauses.
const indent = 14

// The table of all cases names so many findings of a case, and rules of a
// check.
const (
	shownFindings = 5
	shownRules    = 3
)

type screen struct {
	*Sheet
	w     *bufio.Writer
	width int
	name  string
}

// Table writes the sheet for a terminal of that width; 0 breaks no line. name
// is what the user called the report.
func (s *Sheet) Table(out io.Writer, name string, width int) error {
	t := &screen{Sheet: s, w: bufio.NewWriter(out), width: width, name: name}
	t.head()
	for _, state := range States {
		rows := s.In(state)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(t.w, "\n%s (%d)\n", strings.ToUpper(string(state)), len(rows))
		if state == Nothing {
			fmt.Fprintf(t.w, "  %s\n", term.Wrap(Counted, 2, 2, t.width))
		}
		if state == NotExamined {
			t.notExamined(rows)
			continue
		}
		for _, r := range rows {
			t.line(r.Clause, r.title())
			for i, f := range r.Findings {
				if i == shownFindings && len(r.Findings) > i+1 {
					t.line("", fmt.Sprintf("and %d more", len(r.Findings)-i))
					break
				}
				t.line("", fmt.Sprintf("%-10s  %-8s  %s  %s  in %s", term.Clean(f.ID), grade(f), term.Clean(f.Rule), term.Clean(f.Confidence), report.PlainPath(f.Node)))
			}
			if state == Nothing {
				for i := range r.Checks {
					t.line("", r.Checks[i].did(shownRules))
				}
			}
		}
	}
	t.next()
	return t.w.Flush()
}

// Full writes each case of the sheet in full.
func (s *Sheet) Full(out io.Writer, name string, width int) error {
	t := &screen{Sheet: s, w: bufio.NewWriter(out), width: width, name: name}
	t.head()
	for i := range s.Rows {
		t.full(&s.Rows[i])
	}
	return t.w.Flush()
}

func (t *screen) head() {
	r := t.Report
	c := Cases()
	t.line("TS 33.117", fmt.Sprintf("%s · %s · release sha256:%.12s… · recipe sha256:%.12s… · as of %s", term.Clean(t.name), plural(int64(len(t.Rows)), "test case"),
		term.Clean(r.Release.Digest), r.Recipe.Digest, term.Clean(r.Recipe.As_of)))
	t.line("caution", Caution)
	if r.Partial {
		t.line("PARTIAL", "the inspection was interrupted: what follows is what was seen until then")
	}
	var counts []string
	for _, state := range States {
		counts = append(counts, fmt.Sprintf("%d %s", len(t.In(state)), state))
	}
	t.line("cases", strings.Join(counts, " · "))
	t.line("not seen", fmt.Sprintf("%s · %s of bytes accounted, %s opened: no check reads what was not opened", plural(int64(len(r.Gaps)), "gap"), report.Percent(r.Coverage.Accounted_ppm), report.Percent(r.Coverage.Opened_ppm)))
	t.line("list", fmt.Sprintf("%s %s: clauses and names from %s, read %s", c.Standard, c.Version, c.Source, c.Date))
}

// line writes s behind a label or clause.
func (t *screen) line(label, s string) {
	fmt.Fprintf(t.w, "%-*s%s\n", indent, label, term.Wrap(s, indent, indent, t.width))
}

// title names a case and what it is about.
func (r *Row) title() string {
	s := cmp.Or(term.Clean(r.ID), "(no name)") + "  " + r.About
	if d := r.doubt(); d != "" {
		s += " [" + d + "]"
	}
	return s
}

// grade is a finding's severity, or that it is a remark.
func grade(f *report.SavedFinding) string {
	if remark(f) {
		return "remark"
	}
	return term.Clean(f.Severity)
}

// did says what a check did for a case, and names so many of its rules.
func (l *Look) did(shown int) string {
	rules := strings.Join(l.Rules[:min(shown, len(l.Rules))], ", ")
	if more := len(l.Rules) - shown; more > 0 {
		rules += fmt.Sprintf(" and %d more rules", more)
	}
	if !l.Ran {
		return rules + ": the check did not run"
	}
	s := fmt.Sprintf("%s: %s looked at %s", rules, l.Check, plural(l.Looked, l.Unit))
	if l.Failed > 0 {
		s += fmt.Sprintf(", failed on %s", plural(l.Failed, "node"))
	}
	if len(l.Gaps) > 0 {
		s += ", " + plural(int64(len(l.Gaps)), "gap")
	}
	if l.Version != l.Now {
		s += fmt.Sprintf(" (the report has version %d of the check, these are the rules of version %d)", l.Version, l.Now)
	}
	return s
}

// notExamined writes cases by the reason why.
func (t *screen) notExamined(rows []*Row) {
	for _, g := range byReason(rows) {
		fmt.Fprintf(t.w, "  %s\n", term.Wrap(fmt.Sprintf("%s (%d)", report.Plain(g.Why), len(g.Rows)), 2, 4, t.width))
		for _, r := range g.Rows {
			t.line("  "+r.Clause, r.title())
		}
	}
}

// reason is a reason with the cases that were not examined for it.
type reason struct {
	Why  string
	Rows []*Row
}

// byReason groups rows, in the order in which the reasons occur; first those
// of checks that are there.
func byReason(rows []*Row) (groups []reason) {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b *Row) int { return cmp.Compare(min(len(b.Checks), 1), min(len(a.Checks), 1)) })
	at := map[string]int{}
	for _, r := range rows {
		i, ok := at[r.Why]
		if !ok {
			i = len(groups)
			at[r.Why] = i
			groups = append(groups, reason{Why: r.Why})
		}
		groups[i].Rows = append(groups[i].Rows, r)
	}
	return groups
}

// where says in words where a case's answer is.
func (c *Case) where() string {
	var list []string
	for _, m := range c.Modes {
		list = append(list, cmp.Or(modes[m], m))
	}
	return strings.Join(list, ", ")
}

func (t *screen) full(r *Row) {
	fmt.Fprintf(t.w, "\n%s  %s\n\n", term.Clean(r.Name()), strings.ToUpper(string(r.State)))
	t.line("about", r.About)
	if r.Clause != "" {
		s := r.Clause
		if !r.Unverified {
			s += ", read in version " + r.Version
		}
		if r.Also != "" {
			s += "; other versions write " + r.Also
		}
		t.line("clause", s)
	}
	if d := r.doubt(); d != "" {
		t.line("unverified", d)
	}
	if len(r.Modes) > 0 {
		t.line("answer in", r.where())
	}
	if r.Why != "" {
		t.line("why not", report.Plain(r.Why))
	}
	for _, f := range r.Findings {
		t.line("finding", fmt.Sprintf("%s · %s · %s · %s · reach: %s", term.Clean(f.ID), strings.ToUpper(grade(f)), term.Clean(f.Rule), term.Clean(f.Confidence), term.Clean(f.Reach)))
		t.line("", report.Plain(f.Says.Text))
		t.line("  in", report.PlainPath(f.Node))
		for _, q := range f.Quotes {
			t.line("  bytes", q.String())
		}
	}
	for i := range r.Checks {
		t.line("check", r.Checks[i].did(len(r.Checks[i].Rules)))
		for _, g := range r.Checks[i].Gaps {
			t.line("  gap", gap(g))
		}
	}
	if r.State == Nothing {
		t.line("", Counted)
	}
	if r.Evidence != "" {
		t.line("lab adds", r.Evidence)
	}
}

func gap(g *report.SavedGap) string {
	return fmt.Sprintf("%s, %s: %s", term.Clean(g.Kind), report.PlainPath(g.Node), report.Plain(strings.TrimPrefix(g.Why, g.Who+": ")))
}

func (t *screen) next() {
	fmt.Fprintln(t.w)
	name := report.Quote(t.name)
	label := "next"
	for _, state := range States[:2] {
		if rows := t.In(state); len(rows) > 0 {
			fmt.Fprintf(t.w, "%-*swardein testcases %s %s\n", indent, label, name, term.Clean(cmp.Or(rows[0].ID, rows[0].Clause)))
			label = ""
		}
	}
	fmt.Fprintf(t.w, "%-*swardein gaps %s\n", indent, label, name)
	fmt.Fprintf(t.w, "%-*swardein testcases -o html %s\n", indent, "", name)
}
