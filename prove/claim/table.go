package claim

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/result"
	"github.com/wardein/wardein/report"
)

// What readers are told where there is nothing to tell.
const (
	NoReply = "no reply to these findings is attached"
	NoRerun = "no re-run of these reports is attached"
)

// Fiction stands beside a claim that nobody made.
const Fiction = "made up; nobody said this"

// indent is the width of the column of labels.
const indent = 14

// A table names so many findings of a test, gaps of a check and rules.
const (
	shownFindings = 8
	shownGaps     = 3
)

type table struct {
	*Verdict
	w     *bufio.Writer
	width int
}

func (t *table) line(label, s string) {
	fmt.Fprintf(t.w, "%-*s%s\n", indent, label, term.Wrap(s, indent, indent, t.width))
}

// Table writes the verdict for a terminal of that width; 0 breaks no line.
func (v *Verdict) Table(out io.Writer, width int) error {
	t := &table{v, bufio.NewWriter(out), width}
	t.head()
	for i := range v.Releases {
		r := &v.Releases[i]
		fmt.Fprintf(t.w, "\nRELEASE sha256:%s\n", term.Clean(r.Digest))
		if len(v.Releases) > 1 {
			t.line("verdict", string(r.Verdict)+": "+report.Plain(r.Because))
		}
		for k := range r.Reports {
			t.line("report", r.Reports[k].line())
		}
		for k := range r.Tests {
			t.test(k, &r.Tests[k])
		}
	}
	t.voices(0)
	fmt.Fprintf(t.w, "\n%s\n", term.Wrap(Limits, 0, 0, t.width))
	return t.w.Flush()
}

// Brief writes the verdict on one page of text.
func (v *Verdict) Brief(out io.Writer, width int) error {
	t := &table{v, bufio.NewWriter(out), width}
	t.head()
	fmt.Fprintln(t.w)
	rows, _ := v.brief()
	for _, row := range rows {
		t.line(row.Label, row.Text)
	}
	fmt.Fprintf(t.w, "\n%s\n", term.Wrap(Limits, 0, 0, t.width))
	return t.w.Flush()
}

func (t *table) head() {
	q := &t.Claim
	t.line("claim", fmt.Sprintf("%s, version %d · %s", term.Clean(q.ID), q.Number, q.Kind))
	t.line("says", "“"+term.Clean(q.Text)+"”")
	t.line("said by", q.said())
	t.line("source", term.Clean(q.Source))
	if q.Note != "" {
		t.line("note", term.Clean(q.Note))
	}
	if q.Example {
		t.line("EXAMPLE", Fiction)
	}
	t.line("about", q.about())
	fmt.Fprintf(t.w, "\n%s\n", strings.ToUpper(string(t.Verdict.Verdict)))
	t.line("means", t.Sentence)
	t.line("because", report.Plain(t.Because))
	for _, b := range t.Bears {
		t.line("bears on it", b.String())
	}
	for _, d := range t.Unreported {
		t.line("no report", "of the release sha256:"+term.Clean(d))
	}
	for _, d := range t.Others {
		t.line("not about", "the release sha256:"+term.Clean(d)+", which a report is about")
	}
}

func (q *Quoted) said() string { return fmt.Sprintf("%s, %s", term.Clean(q.By), q.Said) }

func (q *Quoted) about() string {
	s := term.Clean(q.Product)
	if q.Release != "" {
		s += " " + term.Clean(q.Release)
	}
	which := "each of its releases"
	if q.Holds == Some {
		which = "some of its releases"
	}
	if len(q.Digests) == 1 && q.Digests[0] == Any {
		return s + " · " + which + "; the claim names no digest: that a release is of this product is the word of who gave the report"
	}
	if len(q.Digests) == 1 && q.Digests[0] == Unknown {
		return s + " · " + which + ", none of which is named by its digest"
	}
	return fmt.Sprintf("%s · %s, %d by digest", s, which, len(q.Digests))
}

// String says which claim bears on another, and how it stands.
func (b *Bearing) String() string {
	if b.Verdict == "" {
		return term.Clean(b.ID) + ": not judged here"
	}
	return fmt.Sprintf("%s: %s, “%s”", term.Clean(b.ID), b.Verdict, term.Clean(b.Text))
}

// short is the beginning of a digest, escaped.
func short(digest string) string { return term.Clean(digest[:min(12, len(digest))]) + "…" }

func (r *Report) line() string {
	s := fmt.Sprintf("sha256:%s · recipe sha256:%s · as of %s", short(r.Digest), short(r.Recipe), term.Clean(r.AsOf))
	if len(r.Signers) > 0 {
		s += " · signed by " + term.Clean(strings.Join(r.Signers, ", "))
	} else {
		s += " · not signed"
	}
	return s + " · " + r.uncovered()
}

// uncovered says what a report could not look at.
func (r *Report) uncovered() string {
	s := fmt.Sprintf("%s of bytes accounted, %s opened", report.Percent(r.AccountedPPM), report.Percent(r.OpenedPPM))
	if r.Code > 0 {
		s += fmt.Sprintf(", %s of code read", report.Percent(wardein.Share(r.CodeRead, r.Code)))
	}
	var kinds []string
	n := int64(0)
	for _, g := range r.Gaps {
		kinds, n = append(kinds, fmt.Sprintf("%d %s", g.N, term.Clean(g.Kind))), n+g.N
	}
	switch {
	case n == 1:
		s += ", 1 gap: " + kinds[0]
	case n > 1:
		s += fmt.Sprintf(", %d gaps: %s", n, strings.Join(kinds, ", "))
	}
	if r.Partial {
		s += "; the inspection was interrupted"
	}
	return s
}

// String says what the test is.
func (t *QuotedTest) String() string {
	switch a := (result.Ask{Kinds: t.Kinds, Changes: t.Changes, Most: t.Most}); {
	case t.Result == result.Compare && t.Most > 0:
		return fmt.Sprintf("more than %d %s in a result of compare %s the statement", t.Most, &a, t.Hit)
	case t.Result == result.Compare:
		return fmt.Sprintf("%s in a result of compare %s the statement", &a, t.Hit)
	case t.Result != "":
		return fmt.Sprintf("a result of %s %s the statement", t.Result, t.Hit)
	}
	return fmt.Sprintf("a finding of %s, %s at least, %s the statement", term.Clean(strings.Join(t.Rules, ", ")), t.Confidence, t.Hit)
}

func (t *table) test(i int, o *Outcome) {
	q := &t.Claim.Tests[i]
	fmt.Fprintln(t.w)
	t.line(fmt.Sprintf("test %d", i+1), q.String())
	t.line("", "why: "+term.Clean(q.Why))
	switch {
	case o.Extent == NotLooked:
		t.line("", "did not look: "+report.Plain(o.Why))
	default:
		t.line("", "looked "+string(o.Extent)+"; "+count(len(o.Hits), "hit"))
	}
	for k := range o.Hits {
		if k == shownFindings && len(o.Hits) > k+1 {
			t.line("", fmt.Sprintf("and %d more: -o json has them all", len(o.Hits)-k))
			break
		}
		f := &o.Hits[k]
		t.line("  "+term.Clean(f.ID), f.line())
		for _, q := range f.Quotes {
			t.line("", "bytes: "+q.String())
		}
	}
	if len(o.Weaker) > 0 {
		t.line("", fmt.Sprintf("less sure than the test asks for, decides nothing: %s", few(ids(o.Weaker))))
	}
	if len(o.Withdrawn) > 0 {
		t.line("", fmt.Sprintf("withdrawn by the lab, decides nothing: %s", few(ids(o.Withdrawn))))
	}
	for k := range o.Looks {
		l := &o.Looks[k]
		t.line("  "+l.Check, l.String())
		for n, g := range l.Gaps {
			if n == shownGaps {
				t.line("", fmt.Sprintf("and %d more gaps: wardein gaps lists them", len(l.Gaps)+l.GapsLeft-n))
				break
			}
			t.line("", fmt.Sprintf("gap: %s, %s: %s", term.Clean(g.Kind), report.PlainPath(g.Node), report.Plain(strings.TrimPrefix(g.Why, l.Check+": "))))
		}
	}
}

func ids(list []Finding) (all []string) {
	for _, f := range list {
		all = append(all, term.Clean(f.ID))
	}
	return all
}

func (f *Finding) line() string {
	return fmt.Sprintf("%s %s, %s, in %s: %s", term.Clean(f.Severity), term.Clean(f.Rule), term.Clean(f.Confidence), report.PlainPath(f.Node), report.Plain(f.Says))
}

// String prints a quote in one line.
func (q *Quote) String() string {
	s := report.SavedQuote{Node: q.Node, Off: q.Off, Len: q.Len, Bytes: q.Bytes}
	return s.String()
}

// String says what a check did.
func (l *Look) String() string {
	if l.Extent == NotLooked {
		return "did not look: " + report.Plain(l.Why)
	}
	na := int64(0)
	for _, r := range l.NotApplicable {
		n, _ := strconv.ParseInt(r.Nodes, 10, 64)
		na += n
	}
	s := fmt.Sprintf("looked at %s, failed on %d, not applicable to %d, %s", count(int(l.Looked), l.Unit), l.Failed, na, count(len(l.Gaps)+l.GapsLeft, "gap"))
	if l.Code {
		s += "; it reads code"
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// voices writes what others say, at most so many of a kind; 0 is all.
func (t *table) voices(most int) {
	fmt.Fprintln(t.w)
	for _, row := range t.voicesOf(most) {
		t.line(row.Label, row.Text)
	}
}

// row is a line of a brief.
type row struct{ Label, Text string }

// voicesOf is what others say: the vendor, and who repeated it.
func (v *Verdict) voicesOf(most int) (rows []row) {
	var corrections, replies, reruns []row
	asked := ""
	for i := range v.Releases {
		for _, r := range v.Releases[i].Reports {
			asked = max(asked, r.Asked)
			for _, p := range r.Replies {
				replies = append(replies, row{"vendor says", fmt.Sprintf("%s, %s, to %s: %s", term.Clean(p.By), term.Clean(p.Date), term.Clean(p.Finding), term.Clean(cmp.Or(joined(p.Kind, p.Text), "nothing")))})
			}
			for _, p := range r.Corrections {
				corrections = append(corrections, row{"lab corrects", fmt.Sprintf("%s, %s, %s: “%s”", term.Clean(p.By), term.Clean(p.Date), term.Clean(p.Finding), term.Clean(p.Text))})
			}
			for _, p := range r.Reruns {
				s := "agrees to the byte"
				if !p.Agrees {
					s = "differs, first at " + cmp.Or(p.First, "the recipe")
				}
				reruns = append(reruns, row{"repeated by", fmt.Sprintf("%s, %s: %s", term.Clean(p.By), term.Clean(p.Date), term.Clean(s))})
			}
		}
	}
	switch {
	case asked == "" || len(replies) > 0:
	case strings.HasPrefix(asked, "2"):
		asked = "; asked " + term.Clean(asked)
	default:
		asked = "; " + term.Clean(asked)
	}
	if len(replies) == 0 {
		replies = []row{{"vendor says", NoReply + asked}}
	}
	if len(reruns) == 0 {
		reruns = []row{{"repeated by", NoRerun}}
	}
	return slices.Concat(first(corrections, most), first(replies, most), first(reruns, most))
}

func joined(kind, text string) string {
	if text == "" {
		return kind
	}
	return kind + ": “" + text + "”"
}

// first is the beginning of a list, with a row that counts what it leaves out.
func first(rows []row, most int) []row {
	if most == 0 || len(rows) <= most {
		return rows
	}
	return append(rows[:most:most], row{rows[0].Label, fmt.Sprintf("and %d more", len(rows)-most)})
}
