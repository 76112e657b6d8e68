package report

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
)

// barPart is one part of the coverage bar. X and W are in ten-thousandths of
// its width.
type barPart struct {
	Class, Label, Size, Share string
	X, W                      int64
}

type amount struct {
	Label, Size string
	N           int64
}

type archRow struct{ Arch, Bytes, Read, Unread, Share string }

type partRow struct{ Path, Role, Bytes, Digest, Delivered string }

type gapRow struct{ Kind, Node, Where, Who, Why string }

type spanRow struct{ Node, Where, What, Is string }

type noteRow struct {
	Node  string
	Notes []wardein.Note
}

func cleanNotes(notes []wardein.Note) []wardein.Note {
	out := make([]wardein.Note, len(notes))
	for i, n := range notes {
		out[i] = wardein.Note{Name: term.Clean(n.Name), Value: term.Clean(n.Value)}
	}
	return out
}

type quoteView struct{ Node, Where, Bytes string }

type findingView struct {
	N                                            int
	ID, Severity, Rule, Check, Node, Reach, Sure string
	Says, Fix, Meanwhile                         string
	Quotes                                       []quoteView
	Remarks                                      []remarkView
	Withheld                                     int // its number there, 0: it is not
	Alike                                        int // so many more like this one are left out
}

type countRow struct {
	Check            string
	Done, Failed, NA int64
	Reasons          []amount
	Sum              int64
	Adds             bool
}

type recipeView struct {
	Module, GoSum, Go, AsOf string
	Formats, Checks         string
	FormatsN, ChecksN       int
	Data                    []wardein.Note
	Options                 []wardein.Note
}

// group prints a number with its digits in groups of three.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// where prints a run of bytes.
func where(off, n int64) string {
	if n == 0 && off == 0 {
		return ""
	}
	if n == 0 {
		return fmt.Sprintf("%#x", off)
	}
	return fmt.Sprintf("%#x, %s bytes", off, group(n))
}

// path prints a node's path; the root is ".".
func path(p string) string {
	if p == "" {
		return "."
	}
	return term.Clean(p)
}

func (p *page) coverage(c *wardein.Coverage) {
	p.Accounted, p.Opened = Percent(c.Accounted()), Percent(c.Opened())
	all := c.Known + c.Opaque + c.Padding + c.Unknown
	var x, sum int64
	for _, b := range []struct {
		class, label string
		n            int64
	}{
		{"known", "known: opened", c.Known},
		{"opaque", "opaque: recognised, not opened", c.Opaque},
		{"padding", "padding", c.Padding},
		{"unknown", "unknown: nothing explains it", c.Unknown},
	} {
		sum += b.n
		end := int64(0)
		if all > 0 {
			end = wardein.Share(sum, all) / 100
		}
		if b.n > 0 && end == x { // a sliver must show
			end = min(x+10, 10_000)
		}
		share := int64(0)
		if all > 0 {
			share = wardein.Share(b.n, all)
		}
		p.Bar = append(p.Bar, barPart{Class: b.class, Label: b.label, Size: Size(b.n), Share: Percent(share), X: x, W: max(end-x, 0)})
		x = end
	}
	for _, k := range c.UnknownBy {
		p.UnknownBy = append(p.UnknownBy, amount{Label: term.Clean(k.Class), Size: Size(k.Bytes), N: k.Bytes})
	}
	var code, read int64
	for _, k := range c.Code {
		code, read = code+k.Bytes, read+k.Read
		p.Arch = append(p.Arch, archRow{term.Clean(k.Arch), group(k.Bytes), group(k.Read), group(k.Bytes - k.Read), Percent(wardein.Share(k.Read, k.Bytes))})
	}
	p.CodeRead = "no code seen"
	if code > 0 {
		p.CodeRead = Percent(wardein.Share(read, code))
	}
}

func (p *page) parts(parts []wardein.Part) {
	for _, q := range parts[:min(len(parts), maxRows)] {
		row := partRow{Path: path(q.Path), Role: term.Clean(q.Role), Bytes: group(q.Size), Digest: q.Digest.String(), Delivered: string(q.Delivered)}
		if q.Delivered == wardein.Missing {
			row.Bytes, row.Digest = "", ""
		}
		p.Parts = append(p.Parts, row)
	}
	p.PartsLeft = max(len(parts)-maxRows, 0)
}

func (p *page) gaps(gaps []wardein.Gap) {
	for _, k := range gapKinds(gaps) {
		p.GapKinds = append(p.GapKinds, amount{Label: string(k.kind) + ": " + kindWords[k.kind], N: k.n})
	}
	for i := range gaps[:min(len(gaps), maxRows)] {
		g := &gaps[i]
		p.Gaps = append(p.Gaps, gapRow{string(g.Kind), path(g.Node), where(g.Off, g.Len), g.Who, term.Clean(strings.TrimPrefix(g.Why, g.Who+": "))})
	}
	p.GapsLeft = max(len(gaps)-maxRows, 0)
}

func (p *page) findings(r *wardein.Report, messages map[string]string, b *Beside) {
	for _, s := range severities(r.Findings) {
		p.Severities = append(p.Severities, amount{Label: s.severity.String(), N: s.n})
	}
	some, left := choose(r.Findings, maxRows, maxAlike)
	for _, i := range some {
		f := &r.Findings[i]
		v := findingView{N: i + 1, ID: term.Clean(f.ID), Severity: f.Severity.String(), Rule: term.Clean(f.Rule), Check: f.Check, Node: path(f.Node),
			Reach: f.Reach.String(), Sure: f.Confidence.String(), Says: term.Clean(Render(f.Says, messages)),
			Fix: term.Clean(Render(f.Fix, messages)), Meanwhile: term.Clean(Render(f.Meanwhile, messages))}
		if f.Exploited {
			v.Reach += ", known exploited"
		}
		for _, q := range f.Quotes {
			v.Quotes = append(v.Quotes, quoteView{path(q.Node), where(q.Off, q.Len), term.Clean(q.Bytes)})
		}
		v.Alike, v.Remarks, v.Withheld = left[i], remarkViews(b.remarks(f)), b.hidden(i)
		p.Findings = append(p.Findings, v)
	}
	p.FindingsLeft = len(r.Findings) - len(some)
}

func (p *page) counts(r *wardein.Report) {
	for _, c := range r.Counts {
		row := countRow{Check: c.Check, Done: c.Done, Failed: c.Failed}
		for _, n := range c.NotApplicable {
			row.NA += n.Nodes
			row.Reasons = append(row.Reasons, amount{Label: term.Clean(n.Why), N: n.Nodes})
		}
		row.Sum = row.Done + row.Failed + row.NA
		row.Adds = row.Sum == r.Nodes
		p.Counts = append(p.Counts, row)
	}
}

func (p *page) recipe(r *wardein.Recipe) {
	list := func(in []wardein.Ingredient) string {
		names := make([]string, len(in))
		for i, x := range in {
			names[i] = fmt.Sprintf("%s %d", x.Name, x.Version)
		}
		return strings.Join(names, ", ")
	}
	v := &p.Recipe
	*v = recipeView{Module: term.Clean(r.Module), GoSum: r.GoSum.String(), Go: r.Go, AsOf: term.Clean(r.AsOf),
		Formats: list(r.Formats), Checks: list(r.Checks), FormatsN: len(r.Formats), ChecksN: len(r.Checks)}
	for _, d := range r.Data {
		v.Data = append(v.Data, wardein.Note{Name: d.Name, Value: d.Date + " sha256:" + d.Digest.String()})
	}
	v.Options = cleanNotes(r.Options)
}

type kindCount struct {
	kind wardein.GapKind
	n    int64
}

// kindWords explain the kinds of gaps.
var kindWords = map[wardein.GapKind]string{
	wardein.Damaged:     "bytes contradict the format",
	wardein.Unsupported: "recognised, no reader for it",
	wardein.Encrypted:   "no key",
	wardein.Limit:       "a bound was reached",
	wardein.Crashed:     "a reader or check failed in a way it must not",
	wardein.NoData:      "a check had no data to look into",
}

// gapKinds counts gaps by kind, most first.
func gapKinds(gaps []wardein.Gap) []kindCount {
	by := map[wardein.GapKind]int64{}
	for i := range gaps {
		by[gaps[i].Kind]++
	}
	out := make([]kindCount, 0, len(by))
	for k, n := range by {
		out = append(out, kindCount{k, n})
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].n > out[j].n || out[i].n == out[j].n && out[i].kind < out[j].kind
	})
	return out
}

type severityCount struct {
	severity wardein.Severity
	n        int64
}

// severities counts findings by severity, gravest first.
func severities(findings []wardein.Finding) (out []severityCount) {
	by := map[wardein.Severity]int64{}
	for i := range findings {
		by[findings[i].Severity]++
	}
	for s := int(wardein.Critical); s >= 0; s-- {
		if n := by[wardein.Severity(s)]; n > 0 {
			out = append(out, severityCount{wardein.Severity(s), n})
		}
	}
	return out
}
