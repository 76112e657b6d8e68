// Package print writes what was asked of a network: which rules it breaks on a
// day, who sees what, and what replacing costs, as a table and as JSON. What is
// not known stands beside what is.
package print

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/plan"
	"github.com/wardein/wardein/place/policy"
)

// Result is what was asked of a network on a day.
type Result struct {
	Network  *place.Snapshot
	Plan     string // the plan's name, "none"
	Packs    []*policy.Pack
	Results  []policy.Result
	Exposure []*exposure.Result
	// Needs are what broken rules ask for.
	Needs []*plan.Need
	// Blind tells that origin was not looked at.
	Blind bool
}

// NotLegal ends every output.
const NotLegal = "Not legal advice; the text of the rule decides."

// Totals counts, over the rules that are verified and bind, the elements by the
// worst of their ends.
func (r *Result) Totals() (counts [policy.Outcomes]int) {
	ends := make([]policy.Outcome, r.Network.Nodes())
	judged := make([]bool, r.Network.Nodes())
	for i := range r.Results {
		res := &r.Results[i]
		if res.Rule.Status != "verified" || res.Why != "" {
			continue
		}
		mark := func(nodes []int32, end policy.Outcome) {
			for _, n := range nodes {
				if !judged[n] || rank(end) > rank(ends[n]) {
					ends[n], judged[n] = end, true
				}
			}
		}
		mark(res.Broken, policy.Breaks)
		mark(res.Open, policy.Undetermined)
		mark(res.Fine, policy.Complies)
	}
	for node := range ends {
		if r.Network.Of(node) != nil {
			counts[ends[node]]++
		}
	}
	return counts
}

// rank orders ends by how much they ask for.
func rank(o policy.Outcome) int {
	return [...]int{policy.OutOfScope: 0, policy.Complies: 1, policy.Undetermined: 2, policy.Breaks: 3}[o]
}

// Table writes the first screen. width is the terminal's, 0 where there is none.
func Table(w io.Writer, r *Result, width int) error {
	out := &screen{w: w, width: width}
	n := r.Network
	elements := 0
	for node := range n.Element {
		if n.Of(node) != nil {
			elements++
		}
	}
	var packs []string
	for _, p := range r.Packs {
		packs = append(packs, fmt.Sprintf("%s (%s)", p.ID, checked(p)))
	}
	out.line(0, "Network %s · %s elements, %s links · rules: %s", cmp.Or(term.Clean(n.Operator.Name), "without a name"), thousands(elements), thousands(len(n.Links)), cmp.Or(strings.Join(packs, ", "), "none asked for"))
	counts := r.Totals()
	out.line(0, "as of %s, under plan %q: %s break a rule · %s do not · %s out of scope · %s undetermined", n.Date, r.Plan,
		thousands(counts[policy.Breaks]), thousands(counts[policy.Complies]), thousands(counts[policy.OutOfScope]), thousands(counts[policy.Undetermined]))
	if r.Blind {
		out.line(0, "blind to origin: rules that read who made something were left out")
	}
	r.gaps(out)
	if len(r.Results) > 0 {
		out.line(0, "")
		out.rules(r, func(res *policy.Result) bool { return res.Rule.Status == "verified" })
		if slices.ContainsFunc(r.Results, func(res policy.Result) bool { return res.Rule.Status != "verified" }) {
			out.line(0, "")
			out.line(0, "WITH UNCONFIRMED TEXT, not counted above")
			out.rules(r, func(res *policy.Result) bool { return res.Rule.Status != "verified" })
		}
	}
	out.needs(r.Needs)
	for _, x := range r.Exposure {
		out.line(0, "")
		out.exposure(x)
	}
	out.line(0, "")
	out.line(0, "%s", NotLegal)
	for _, p := range r.Packs {
		out.line(0, "%s: transcribed %s; %s.", p.ID, cmp.Or(p.Source.Transcribed, "by nobody named"), checked(p))
	}
	return out.err
}

func checked(p *policy.Pack) string {
	if p.Source.Checked == "" {
		return "not checked against its source"
	}
	return "checked against its source " + p.Source.Checked
}

func (r *Result) gaps(out *screen) {
	gaps := r.Network.Gaps
	if len(gaps) == 0 {
		return
	}
	dropped := 0
	for i := range gaps {
		if gaps[i].Dropped {
			dropped++
		}
	}
	g := gaps[0]
	out.line(0, "not taken   %s of the inventory, %s of them whole rows; the first: %s row %d %s: %s", plural(len(gaps), "fact"), thousands(dropped), term.Clean(g.File), g.Row, term.Clean(g.Column), term.Clean(g.Why))
}

// rules writes one line for each rule that is asked for, those that break first.
func (s *screen) rules(r *Result, want func(*policy.Result) bool) {
	var list []*policy.Result
	for i := range r.Results {
		if want(&r.Results[i]) {
			list = append(list, &r.Results[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *policy.Result) int { return rank(b.Outcome) - rank(a.Outcome) })
	for _, res := range list {
		s.line(0, "%-12s %-22s %s", strings.ToUpper(res.Outcome.String()), res.Rule.ID, term.Clean(res.Rule.Title))
		switch {
		case res.Why != "" && res.Outcome == policy.OutOfScope:
			s.line(13, "%s", term.Clean(res.Why))
			continue
		case len(res.Groups) > 0:
			for _, g := range res.Groups {
				s.line(13, "%s", group(res.Rule, &g))
			}
		case res.Counts != [policy.Outcomes]int{}:
			s.line(13, "%s break it, %s comply, %s undetermined, %s out of scope", thousands(res.Counts[policy.Breaks]), thousands(res.Counts[policy.Complies]), thousands(res.Counts[policy.Undetermined]), thousands(res.Counts[policy.OutOfScope]))
		}
		if len(res.Missing) > 0 {
			var facts []string
			for _, m := range res.Missing {
				if m.Elements == 0 {
					facts = append(facts, m.Fact)
					continue
				}
				facts = append(facts, fmt.Sprintf("%s of %s", m.Fact, plural(m.Elements, "element")))
			}
			s.line(13, "missing: %s", strings.Join(facts, ", "))
		}
		if res.Rule.Status != "verified" {
			s.line(13, "unconfirmed: %s", term.Clean(res.Rule.Unconfirmed))
		}
	}
}

// needs writes what broken rules ask for.
func (s *screen) needs(list []*plan.Need) {
	shown := false
	for _, n := range list {
		if n.Plan == nil {
			continue
		}
		if !shown {
			s.line(0, "")
			s.line(0, "REPLACING  (model %s, payer: %s)", n.Cost.Model.ID, n.Cost.Model.Payer)
			shown = true
		}
		start := fmt.Sprintf("%s to %s", n.Early, n.Late)
		if n.Passed {
			start = n.Late.String() + " passed"
		}
		s.line(0, "%-22s %s by %s · latest start %s (%s) · %s", n.Result.Rule.ID, plural(n.Cost.Elements, "element"), n.Deadline, start, cmp.Or(term.Clean(n.Region), "region not known"), money(n.Cost.Cost, n.Cost.Model.Currency))
		if n.Blocks.Anchors > 0 {
			s.line(13, "blocked by: %s that need 4G of the same maker", plural(n.Blocks.Anchors, "5G element"))
		}
		for i, m := range n.Blocks.Managers {
			if i == 3 {
				break
			}
			s.line(13, "blocked by: %s of the same maker manages %s of them", term.Clean(m.ID), thousands(m.Elements))
		}
		if n.Blocks.Spares > 0 || n.Blocks.Permits > 0 {
			s.line(13, "not known: spares of %s, permits of %s", plural(n.Blocks.Spares, "element"), plural(n.Blocks.Permits, "element"))
		}
		for i, in := range n.Incoming {
			if i == 3 {
				break
			}
			s.line(13, "if replaced by %s: then %s of %s (%s before) · its release: %s", term.Clean(in.Vendor), policy.Percent(in.After), in.Group, policy.Percent(in.Before), in.Examined)
		}
		for _, o := range n.Cost.Open {
			s.line(13, "not counted: %s, %s", o.What, plural(o.Elements, "element"))
		}
		s.line(13, "due anyway %s to %s · higher prices %s to %s", policy.Percent(n.Cost.Due.Low), policy.Percent(n.Cost.Due.High), policy.Percent(n.Cost.Uplift.Low), policy.Percent(n.Cost.Uplift.High))
	}
}

// money prints a range of an amount.
func money(r plan.Range, currency string) string {
	unit, name := int64(1), ""
	switch {
	case r.High >= 10_000_000_000:
		unit, name = 1_000_000_000, " bn"
	case r.High >= 10_000_000:
		unit, name = 1_000_000, " m"
	case r.High >= 10_000:
		unit, name = 1_000, " k"
	}
	return fmt.Sprintf("%s %d to %d%s (5 to 95 %% of draws)", currency, r.Low/unit, (r.High+unit-1)/unit, name)
}

// group is a share or count, with its bound.
func group(r *policy.Rule, g *policy.Group) string {
	key := strings.Trim(strings.Join(g.Key, " "), " ")
	if key != "" {
		key = term.Clean(key) + ": "
	}
	text := ""
	switch {
	case r.Count != nil && g.Low == g.High:
		text = fmt.Sprintf("%s%d different", key, g.Low)
	case r.Count != nil:
		text = fmt.Sprintf("%s%d to %d different", key, g.Low, g.High)
	default:
		most := ""
		if r.Share != nil {
			most = r.Share.Max
		} else if r.Exposure != nil {
			most = r.Exposure.Max
		}
		text = fmt.Sprintf("%s%s, at most %s", key, policy.Interval(g.Low, g.High), most)
	}
	if g.Outcome == policy.Undetermined && len(g.Uncertain) > 0 {
		text += fmt.Sprintf(" · undetermined: %s", plural(len(g.Uncertain), "element"))
	}
	if g.Assumed != "" {
		text += " · " + g.Assumed
	}
	return text
}

// exposure writes who sees what.
func (s *screen) exposure(x *exposure.Result) {
	s.line(0, "WHO SEES, by %s (always / normally / possibly, of the traffic)", x.By)
	if x.Assumed {
		s.line(0, "no demand is stated: each access element counts alike")
	}
	s.line(0, "%-18s %-22s %-22s %-22s %s", "", "content", "metadata", "can drop or change", "manages")
	for i, row := range x.Rows {
		if i == 12 {
			s.line(0, "… %d more", len(x.Rows)-i)
			break
		}
		cell := func(v exposure.View) string {
			r := row.Views[v]
			return fmt.Sprintf("%s / %s / %s", percent(r.Must.Bps, x.Total.Bps), percent(r.Expected.Bps, x.Total.Bps), percent(r.Could.Bps, x.Total.Bps))
		}
		s.line(0, "%-18s %-22s %-22s %-22s %s", term.Clean(row.Who), cell(exposure.Content), cell(exposure.Metadata), cell(exposure.Control), plural(row.Manages, "element"))
	}
	if x.Unrouted.Bps > 0 {
		s.line(0, "no path carries %s of the traffic that is asked for", percent(x.Unrouted.Bps, x.Total.Bps))
	}
	if x.Unknown > 0 {
		s.line(0, "%s in no row: their %s is not known", plural(x.Unknown, "element"), x.By)
	}
	for _, g := range x.Gaps {
		s.line(0, "not counted: %s", term.Clean(g))
	}
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "0 %"
	}
	p := float64(part) / float64(whole) * 100
	if p > 0 && p < 1 {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", p)
}

// screen writes lines and keeps the first error.
type screen struct {
	w     io.Writer
	width int
	err   error
}

func (s *screen) line(indent int, format string, args ...any) {
	if s.err != nil {
		return
	}
	text := strings.TrimRight(strings.Repeat(" ", indent)+fmt.Sprintf(format, args...), " ")
	if s.width > 0 {
		text = term.Wrap(text, 0, max(indent, 4), s.width)
	}
	_, s.err = io.WriteString(s.w, text+"\n")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return thousands(n) + " " + word + "s"
}

// thousands prints a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
