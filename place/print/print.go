// Package print writes what was asked of a network: which rules it breaks on a
// day, who sees what, and what replacing costs. Table is the first screen, Why
// what stands behind one of its numbers, JSON all of it, CSV the elements. What
// is not known stands beside what is.
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
	Model *plan.Model
	// Planned is what the plan that is judged takes; nil under none.
	Planned *plan.Answer
	// Generated is a plan that was drawn up for what is broken, Schedule its waves;
	// nil: nobody asked.
	Generated *plan.Generated
	Schedule  *plan.Schedule
	// Moments are how the rules end on other days; nil: nobody asked.
	Moments []plan.Moment
	// Pairs are counts over all pairs of elements; nil: nobody asked.
	Pairs *exposure.Pairs
	// Evidence is what proofs say of releases; nil: none was given.
	Evidence *policy.Evidence
	// Blind tells that origin was not looked at.
	Blind bool
	// Command asks the same again; next steps are printed with it.
	Command string
}

// NotLegal ends every output.
const NotLegal = "Not legal advice; the text of the rule decides."

// Totals counts, over the rules that are verified and bind, the elements by the
// worst of their ends.
func Totals(at *place.Snapshot, results []policy.Result) (counts [policy.Outcomes]int) {
	for node, end := range Ends(at, results) {
		if at.Of(node) != nil {
			counts[end]++
		}
	}
	return counts
}

// Ends is the worst end of each node over the rules that are verified and bind.
func Ends(at *place.Snapshot, results []policy.Result) []policy.Outcome {
	ends := make([]policy.Outcome, at.Nodes())
	for i := range results {
		res := &results[i]
		if res.Rule.Status != "verified" {
			continue
		}
		for _, part := range []struct {
			nodes []int32
			end   policy.Outcome
		}{{res.Broken, policy.Breaks}, {res.Open, policy.Undetermined}, {res.Fine, policy.Complies}} {
			for _, n := range part.nodes {
				if rank(part.end) > rank(ends[n]) {
					ends[n] = part.end
				}
			}
		}
	}
	return ends
}

// rank orders ends by how much they ask for.
func rank(o policy.Outcome) int {
	return [...]int{policy.OutOfScope: 0, policy.Complies: 1, policy.Undetermined: 2, policy.Breaks: 3}[o]
}

// Sorted are the results of rules that are verified, or of the others: those
// that break first.
func (r *Result) Sorted(verified bool) (list []*policy.Result) {
	for i := range r.Results {
		if (r.Results[i].Rule.Status == "verified") == verified {
			list = append(list, &r.Results[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *policy.Result) int { return rank(b.Outcome) - rank(a.Outcome) })
	return list
}

// NeedOf is what a broken rule asks for, nil where that was not counted.
func (r *Result) NeedOf(res *policy.Result) *plan.Need {
	for _, n := range r.Needs {
		if n.Result == res && n.Plan != nil && n.Cost != nil {
			return n
		}
	}
	return nil
}

// Foot are the lines that end every output: what this is not, and who wrote the
// rules down.
func (r *Result) Foot() []string { return Foot(r.Packs) }

// Foot is the foot of outputs about packs.
func Foot(packs []*policy.Pack) []string {
	list := []string{NotLegal}
	for _, p := range packs {
		list = append(list, fmt.Sprintf("%s: transcribed %s; %s.", p.ID, cmp.Or(term.Clean(p.Source.Transcribed), "by nobody named"), Checked(p)))
	}
	return list
}

// Checked says whether a pack was compared with its source.
func Checked(p *policy.Pack) string {
	if p.Source.Checked == "" {
		return "not checked against its source"
	}
	return "checked against its source on " + term.Clean(p.Source.Checked)
}

// Synthetic says whether vendors or functions were drawn, "" where none were.
func (r *Result) Synthetic() string {
	drawn := 0
	for node := range r.Network.Element {
		if e := r.Network.Of(node); e != nil && (e.Synthetic || r.Network.VendorOf(e) >= 0 && r.Network.Vendors[r.Network.VendorOf(e)].Synthetic) {
			drawn++
		}
	}
	if drawn == 0 {
		return ""
	}
	return "SYNTHETIC: vendors or functions of " + plural(drawn, "element") + " were drawn, and say nothing of a real network"
}

// Elements is how many stand on the day.
func (r *Result) Elements() (n int) {
	for node := range r.Network.Element {
		if r.Network.Of(node) != nil {
			n++
		}
	}
	return n
}

// Aged says how old the inventory's facts are, "" where no file says it.
func (r *Result) Aged() string {
	var first, last place.Date
	for _, s := range r.Network.Sources {
		if s.Date != 0 {
			last = max(last, s.Date)
			if first == 0 || s.Date < first {
				first = s.Date
			}
		}
	}
	switch {
	case first == 0:
		return "of no stated date"
	case first == last:
		return "of " + last.String()
	}
	return "of " + first.String() + " to " + last.String()
}

// How says in a few words how a rule ended.
func How(res *policy.Result) string {
	switch {
	case len(res.Groups) > 0:
		var worst *policy.Group
		for i := range res.Groups {
			if g := &res.Groups[i]; worst == nil || rank(g.Outcome) > rank(worst.Outcome) {
				worst = g
			}
		}
		text := policy.Interval(worst.Low, worst.High)
		if res.Rule.Count != nil {
			text = fmt.Sprint(worst.Low)
			if worst.High != worst.Low {
				text = fmt.Sprintf("%d-%d", worst.Low, worst.High)
			}
		}
		return text
	case res.Outcome == policy.Breaks:
		return thousands(res.Counts[policy.Breaks])
	case res.Outcome == policy.Undetermined && res.Counts[policy.Undetermined] > 0:
		return thousands(res.Counts[policy.Undetermined]) + " open"
	case res.Outcome == policy.Undetermined:
		return "open"
	}
	return res.Outcome.String()
}

// MissingText names the facts that a rule lacks.
func MissingText(res *policy.Result) string {
	var facts []string
	for _, m := range res.Missing {
		if m.Elements == 0 {
			facts = append(facts, term.Clean(m.Fact))
			continue
		}
		facts = append(facts, fmt.Sprintf("%s of %s", term.Clean(m.Fact), plural(m.Elements, "element")))
	}
	return strings.Join(facts, ", ")
}

// Broken are the IDs of verified rules that are broken on a day, as the network
// stands and under the plan.
func Broken(m *plan.Moment) (without, with []string) {
	for i := range m.Rules {
		x := &m.Rules[i]
		if !x.Verified {
			continue
		}
		if x.Without.Outcome == policy.Breaks {
			without = append(without, x.Rule)
		}
		if x.With.Outcome == policy.Breaks {
			with = append(with, x.Rule)
		}
	}
	return without, with
}

// Start is between when work has to begin for a need.
func Start(n *plan.Need) string {
	switch {
	case n == nil || n.Late == 0:
		return "-"
	case n.Passed:
		return month(n.Late) + " passed"
	case month(n.Early) == month(n.Late):
		return month(n.Late)
	}
	return month(n.Early) + " to " + month(n.Late)
}

func month(d place.Date) string { return d.String()[:7] }

// Money prints a range of an amount, without the currency: its low end rounded
// down, its high end up.
func Money(r plan.Range) string {
	if r.High <= 0 && r.Low < 0 {
		return "-(" + Money(plan.Range{Low: -r.High, Mid: -r.Mid, High: -r.Low}) + ")"
	}
	unit, name := int64(1), ""
	for _, u := range []struct {
		size int64
		name string
	}{{1_000_000_000, " bn"}, {1_000_000, " m"}, {1_000, " k"}} {
		if r.High >= u.size {
			unit, name = u.size, u.name
			break
		}
	}
	text := func(n int64) string { // in tenths of the unit
		if unit == 1 || n >= 100 {
			return fmt.Sprint(n / 10)
		}
		return fmt.Sprintf("%d.%d", n/10, n%10)
	}
	tenth := max(unit/10, 1)
	low, high := r.Low/tenth, (r.High+tenth-1)/tenth
	if unit == 1 {
		low, high = low*10, high*10
	}
	if high >= 100 {
		high = (high + 9) / 10 * 10 // it is printed without tenths
	}
	if r.Low == r.High || text(low) == text(high) {
		return text(low) + name
	}
	return text(low) + "-" + text(high) + name
}

// GroupText is a share or count, with its bound.
func GroupText(r *policy.Rule, g *policy.Group) string {
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
		text = fmt.Sprintf("%s%s, at most %s", key, policy.Interval(g.Low, g.High), r.Cap())
	}
	if g.Outcome == policy.Undetermined && len(g.Uncertain) > 0 {
		text += fmt.Sprintf(" · undetermined: %s", plural(len(g.Uncertain), "element"))
	}
	if g.Assumed != "" {
		text += " · " + g.Assumed
	}
	return text
}

// Percent is a part of a whole as people read it: "<1 %" is more than nothing.
func Percent(part, whole int64) string {
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

// line writes a line; where it is wider than the terminal it goes on below,
// indented by hang.
func (s *screen) line(hang int, format string, args ...any) {
	if s.err != nil {
		return
	}
	text := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	if s.width > 0 {
		text = term.Wrap(text, 0, min(max(hang, 4), s.width/2), s.width)
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
