package decision

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/profile"
	"github.com/wardein/wardein/report"
)

// row is a label and a text, as text and page print them.
type row struct{ Label, Text string }

// section is a part of the sheet.
type section struct {
	Title string
	Note  string
	Rows  []row
}

// A sheet is one page of A4, which takes so many lines, of so many columns as
// text, and more as a printed page. What has no room is counted; the JSON form
// has all.
type paper struct{ lines, width int }

var (
	asText  = paper{70, 80}
	printed = paper{63, 118}
)

// indent is the width of the column of labels.
const indent = 13

// room is how many items of each list a page shows. Of conditions those that
// have no room are named all the same.
// Texts are cut at so many lines of a width.
type room struct {
	open, waivers, questions int
	lines                    int
	width                    int // of a line
}

// columns is how long a text may be that has so many lines.
func (r room) columns(lines int) int { return lines*(r.width-indent) - 4*(lines-1) }

// less is a little less room, first for what is easiest to ask for later.
func (r room) less() room {
	switch {
	case r.lines == 2:
		r.lines = 1
	case r.questions > 4:
		r.questions--
	case r.waivers > 4:
		r.waivers--
	case r.open > 6:
		r.open--
	default:
		r = room{max(r.open-1, 1), max(r.waivers-1, 1), max(r.questions-1, 1), 1, r.width}
	}
	return r
}

// page are the sections with as many items of each list as one page has room
// for.
func (s *Sheet) page(p paper) (head []row, parts []section) {
	for has := (room{16, 8, 10, 2, p.width}); ; has = has.less() {
		head, parts = s.head(), s.parts(has)
		n := 12 // title, boxes, meaning
		for _, r := range head {
			n += lines(r.Text, p.width)
		}
		for _, part := range parts {
			n += 2
			for _, r := range part.Rows {
				n += lines(r.Text, p.width)
			}
		}
		if n <= p.lines || has == (room{1, 1, 1, 1, p.width}) {
			return head, parts
		}
	}
}

func lines(s string, width int) int {
	return 1 + strings.Count(term.Wrap(s, indent, indent, width), "\n")
}

func (s *Sheet) head() []row {
	p, r := &s.Statement.Profile, &s.Statement.Report
	rows := []row{
		{"release", term.Clean(s.Name)},
		{"sha256", term.Clean(r.Release)},
		{"report", fmt.Sprintf("sha256:%.12s… · recipe %.12s… · as of %s", r.Digest, r.Recipe, term.Clean(r.AsOf))},
		{"profile", fmt.Sprintf("%s, version %d of %s · by %s · sha256:%.12s…", term.Clean(p.Name), p.Number, p.Date, term.Clean(p.Author), p.Digest)},
	}
	if s.File != "" {
		rows = append(rows, row{"waivers", fmt.Sprintf("%s · sha256:%.12s…", plural(int64(len(s.Waivers)), "waiver", "waivers"), s.File)})
	}
	return rows
}

func (s *Sheet) parts(has room) []section {
	parts := []section{s.unseen(has), s.measured()}
	ids := func(of []Condition) func(n int) string {
		return func(n int) string {
			var names []string
			for _, c := range of[len(of)-n:] {
				names = append(names, c.ID)
			}
			return "and " + term.Clean(strings.Join(names, ", "))
		}
	}
	open := section{Title: "OPEN CONDITIONS"}
	open.Rows = list(s.Open, has.open, ids(s.Open), func(c *Condition) row {
		return row{string(c.State), clip(term.Clean(c.ID)+": "+report.Plain(c.Because)+named(c), has.columns(has.lines))}
	})
	if len(s.Open) == 0 {
		open.Rows = []row{{"none", "whatever is waived is below"}}
		if len(s.Waived) == 0 {
			open.Rows[0].Text = "the report meets each condition"
		}
	}
	parts = append(parts, open)
	if len(s.Waived)+len(s.Waivers) > 0 {
		w := section{Title: "WAIVED", Note: "A waiver removes nothing from the report."}
		w.Rows = list(s.Waived, has.open, ids(s.Waived), func(c *Condition) row {
			return row{"condition", clip(fmt.Sprintf("%s: %s, %d waived", term.Clean(c.ID), report.Plain(c.Because), len(c.Waived)), has.columns(has.lines))}
		})
		w.Rows = append(w.Rows, row{"waivers", s.tally()})
		w.Rows = append(w.Rows, list(s.Waivers, has.waivers, more("waiver"), func(w *Waived) row { return waiverRow(w, has.columns(2)) })...)
		parts = append(parts, w)
	}
	q := section{Title: "QUESTIONS TO THE VENDOR", Note: "In which version is each of these done, or why does it not apply?"}
	q.Rows = list(s.Questions, has.questions, more("question"), func(q *Question) row { return questionRow(q, has.columns(has.lines)) })
	if len(s.Questions) == 0 {
		q.Note, q.Rows = "", []row{{"none", "that follow from open conditions or gaps"}}
	}
	return append(parts, q)
}

// tally counts the waivers by state.
func (s *Sheet) tally() string {
	n := map[State]int64{}
	for i := range s.Waivers {
		n[s.Waivers[i].State]++
	}
	var parts []string
	for _, state := range states {
		if n[state] > 0 {
			word := labels[state]
			if state == Counts {
				word = "count"
			}
			parts = append(parts, fmt.Sprintf("%d %s", n[state], word))
		}
	}
	return strings.Join(parts, " · ")
}

// labels are the states in one word each.
var labels = map[State]string{Counts: "counts", Expired: "expired", Replaced: "replaced", Unlooked: "not seen", Gone: "gone", Absent: "absent"}

// more says how many are left out.
func more(what string) func(n int) string {
	return func(n int) string { return "and " + plural(int64(n), "more "+what, "more "+what+"s") }
}

// list makes rows of at most so many items, and says what is left out.
func list[T any](all []T, most int, left func(n int) string, of func(*T) row) (rows []row) {
	for i := range all[:min(len(all), most)] {
		rows = append(rows, of(&all[i]))
	}
	if n := len(all) - most; n > 0 {
		rows = append(rows, row{"", left(n)})
	}
	return rows
}

// named are the findings of a condition.
func named(c *Condition) string {
	s := ""
	if len(c.Findings) > 0 {
		s = ": " + few(c.Findings)
	}
	if n := len(c.Waived); n > 0 {
		s += fmt.Sprintf(" (%d waived)", n)
	}
	return term.Clean(s)
}

func (s *Sheet) unseen(has room) section {
	r := &s.Statement.Report
	p := section{Title: "NOT SEEN", Note: "A box is for who accepts it."}
	looked := fmt.Sprintf("%s of bytes accounted · %s opened", report.Percent(r.AccountedPPM), report.Percent(r.OpenedPPM))
	var code []string
	for _, c := range s.Code {
		code = append(code, fmt.Sprintf("%s %s", term.Clean(c.Arch), report.Percent(c.ReadPPM)))
	}
	if code == nil {
		code = []string{"none seen"}
	}
	p.Rows = append(p.Rows, row{"looked at", looked + " · code read: " + strings.Join(code, ", ")})
	if r.Partial {
		p.Rows = append(p.Rows, row{"", "the inspection was interrupted"})
	}
	for _, a := range s.Gaps {
		text := fmt.Sprintf("%s: %s of %s", a.Kind, plural(a.Gaps, "gap", "gaps"), few(a.Who))
		if a.Kind == "unknown" {
			text = "unknown: no format explains"
		}
		if a.Bytes > 0 {
			text += fmt.Sprintf(" %s (%s)", report.Size(a.Bytes), report.Percent(a.PPM))
		}
		if len(a.Nodes) > 0 {
			text += ": " + a.Nodes[0]
			if len(a.Nodes) > 1 {
				text += " and others"
			}
		}
		p.Rows = append(p.Rows, row{"[ ]", clip(term.Clean(text), has.columns(2))})
	}
	if len(s.Gaps) == 0 {
		p.Rows = append(p.Rows, row{"gaps", "none"})
		p.Note = ""
	}
	return p
}

func (s *Sheet) measured() section {
	p := section{Title: "MEASURED AGAINST THE PROFILE: " + strings.ToUpper(string(s.Statement.Result))}
	n := map[profile.State]int{}
	for i := range s.Statement.Conditions {
		n[s.Statement.Conditions[i].State]++
	}
	text := fmt.Sprintf("%d met · %d not met · %d undetermined", n[profile.Met], n[profile.NotMet], n[profile.Undetermined])
	if k := len(s.Waived); k > 0 {
		text += fmt.Sprintf(" · %d of those not met waived", k)
	}
	p.Rows = append(p.Rows, row{"conditions", text})
	var counts []string
	for _, c := range s.Findings {
		counts = append(counts, fmt.Sprintf("%d %s", c.Findings, c.Severity))
	}
	p.Rows = append(p.Rows, row{"findings", strings.Join(counts, " · ")})
	if b := s.Since; b != nil {
		text := fmt.Sprintf("%s: %d new · %d gone · %d stay", term.Clean(b.Name), b.New, b.Gone, b.Stay)
		if b.Unlooked > 0 {
			text += fmt.Sprintf(" · %d not looked at any more", b.Unlooked)
		}
		if !b.Alike {
			text += " · judged by other rules or data: wardein recheck"
		}
		p.Rows = append(p.Rows, row{"since", text})
	}
	return p
}

func waiverRow(w *Waived, columns int) row {
	text := w.Finding
	if w.Rule != "" {
		text += fmt.Sprintf(" %s %s", w.Severity, w.Rule)
	}
	if w.Why != "" {
		text += " (" + report.Plain(w.Why) + ")"
	}
	text += fmt.Sprintf(" · until %s · %s: %s", w.Expires, w.Owner, w.Reason)
	return row{labels[w.State], clip(term.Clean(text), columns)}
}

func questionRow(q *Question, columns int) row {
	label := cmp.Or(q.Severity, "not seen")
	text := report.Plain(q.Text)
	if len(q.Findings) > 0 {
		text = few(q.Findings) + " " + text
	}
	text = clip(text, columns)
	for i, r := range q.Replies {
		if i == 2 {
			text += fmt.Sprintf("; %d more replies", len(q.Replies)-i)
			break
		}
		text += fmt.Sprintf(" [%s, %s: %s]", r.By, r.Date, r.What)
	}
	return row{label, term.Clean(text)}
}

// clip cuts a text that is longer than so many columns.
func clip(s string, most int) string {
	n := 0
	for i, c := range s {
		if n++; n == most && len(s) > i+utf8.RuneLen(c) {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

// Blanks are the lines that a person fills in, below the boxes.
var Blanks = []string{"conditions", "name", "function", "date, signature"}

// boxes are the words to choose from.
func boxes() string { return "[ ] " + strings.Join(Words, "   [ ] ") }

// Table writes the sheet as text of that width.
func (s *Sheet) Table(out io.Writer, width int) error {
	var b bytes.Buffer
	line := func(r row) {
		fmt.Fprintf(&b, "%-*s%s\n", indent, r.Label, term.Wrap(r.Text, indent, indent, width))
	}
	head, parts := s.page(asText)
	fmt.Fprintf(&b, "DECISION SHEET\n")
	for _, r := range head {
		line(r)
	}
	for _, p := range parts {
		title := p.Title
		if p.Note != "" {
			title += " · " + p.Note
		}
		fmt.Fprintf(&b, "\n%s\n", term.Wrap(title, 0, 0, width))
		for _, r := range p.Rows {
			line(r)
		}
	}
	fmt.Fprintf(&b, "\nDECISION, filled in by the person who signs\n%s\n", boxes())
	for _, name := range Blanks {
		fmt.Fprintf(&b, "%-17s%s\n", name, strings.Repeat("_", 60))
	}
	fmt.Fprintf(&b, "\n%s\n", term.Wrap(s.Meaning, 0, 0, width))
	_, err := out.Write(b.Bytes())
	return err
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
