package print

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/plan"
	"github.com/wardein/wardein/place/policy"
)

// How many rows of each kind the first screen has.
const (
	maxSeeing = 8
	maxBlocks = 3
	maxNext   = 4
)

// Table writes the first screen. width is the terminal's, 0 where there is none.
func Table(w io.Writer, r *Result, width int) error {
	out := &screen{w: w, width: width}
	out.head(r)
	verified, others := r.Sorted(true), r.Sorted(false)
	if len(verified) > 0 {
		out.line(0, "")
		out.rules(r, verified)
	}
	out.needs(r)
	out.planned(r)
	if len(others) > 0 {
		out.line(0, "")
		out.line(0, "WITH UNCONFIRMED TEXT: %s, apart and in no total", plural(len(others), "rule"))
		out.rules(r, others)
	}
	for _, x := range r.Exposure {
		out.line(0, "")
		out.exposure(x)
	}
	out.pairs(r)
	out.moments(r)
	out.foot(r)
	return out.err
}

// head says what was judged, and what could not be taken.
func (s *screen) head(r *Result) {
	n := r.Network
	var packs []string
	for _, p := range r.Packs {
		how := "not checked against its source"
		if p.Source.Checked != "" {
			how, _, _ = strings.Cut(Checked(p), " against the ")
		}
		packs = append(packs, fmt.Sprintf("%s (%s)", p.ID, how))
	}
	s.line(4, "Network %s, inventory %s · %s elements, %s links · rules: %s", cmp.Or(term.Clean(n.Operator.Name), "without a name"), r.Aged(),
		thousands(r.Elements()), thousands(len(n.Links)), cmp.Or(strings.Join(packs, ", "), "none asked for (wardein policy list)"))
	if len(r.Packs) > 0 {
		counts := Totals(r.Network, r.Results)
		broken, open := 0, 0
		for _, res := range r.Sorted(true) {
			switch res.Outcome {
			case policy.Breaks:
				broken++
			case policy.Undetermined:
				open++
			}
		}
		s.line(4, "as of %s, under plan %q: %s break a rule · %s do not · %s out of scope · %s undetermined · of the rules %d are broken, %d undetermined", n.Date, term.Clean(r.Plan),
			thousands(counts[policy.Breaks]), thousands(counts[policy.Complies]), thousands(counts[policy.OutOfScope]), thousands(counts[policy.Undetermined]), broken, open)
	} else {
		s.line(4, "as of %s, under plan %q", n.Date, term.Clean(r.Plan))
	}
	if text := r.Synthetic(); text != "" {
		s.line(4, "%s", text)
	}
	if r.Blind {
		s.line(4, "blind to origin: rules that read who made something were left out")
	}
	if r.Evidence != nil {
		bundles := 0
		for i := range r.Evidence.Releases {
			if r.Evidence.Releases[i].Bundle {
				bundles++
			}
		}
		s.line(14, "%-13s %s, %s of them by a verified bundle", "evidence", "of "+plural(len(r.Evidence.Releases), "release"), thousands(bundles))
	}
	gaps := n.Gaps
	if len(gaps) == 0 {
		return
	}
	dropped := 0
	for i := range gaps {
		if gaps[i].Dropped {
			dropped++
		}
	}
	s.line(14, "%-13s %s of the inventory, %s of them whole rows; the first: %s", "not taken", plural(len(gaps), "fact"), thousands(dropped), GapText(&gaps[0]))
}

// rules writes one line for each rule that is asked for, those that break first;
// of those that nothing breaks the names.
func (s *screen) rules(r *Result, list []*policy.Result) {
	wide := 4
	for _, res := range list {
		if rank(res.Outcome) > rank(policy.Complies) {
			wide = max(wide, len(res.Rule.ID))
		}
	}
	header := false
	names := map[string][]string{}
	for _, res := range list {
		if rank(res.Outcome) <= rank(policy.Complies) {
			names[res.Outcome.String()] = append(names[res.Outcome.String()], res.Rule.ID)
			continue
		}
		if !header {
			currency := ""
			if r.Model != nil {
				currency = " (" + term.Clean(r.Model.Currency) + ")"
			}
			s.line(0, "%-*s  %-11s  %-18s  %-17s  %s", wide, "RULE", "BREAK IT", "LATEST START", "COST"+currency, "WHAT")
			header = true
		}
		need, cost := r.NeedOf(res), "-"
		if need != nil {
			cost = Money(need.Cost.Cost)
		}
		s.line(wide+2, "%-*s  %-11s  %-18s  %-17s  %s", wide, res.Rule.ID, How(res), Start(need), cost, term.Clean(res.Rule.Title))
		blank := strings.Repeat(" ", wide+2)
		for i := range res.Groups {
			if g := &res.Groups[i]; rank(g.Outcome) > rank(policy.Complies) {
				s.line(wide+2, "%s%s", blank, GroupText(res.Rule, g))
			}
		}
		if len(res.Missing) > 0 {
			end := "undetermined: "
			if n := res.Counts[policy.Undetermined]; n > 0 {
				end = thousands(n) + " undetermined: "
			}
			s.line(wide+2, "%s%s%s not known", blank, end, MissingText(res))
		}
		if res.Rule.Status != "verified" {
			s.line(wide+2, "%sunconfirmed: %s", blank, term.Clean(res.Rule.Unconfirmed))
		}
	}
	for _, end := range []policy.Outcome{policy.Complies, policy.OutOfScope} {
		if ids := names[end.String()]; len(ids) > 0 {
			s.line(14, "%-13s %s", end, strings.Join(ids, ", "))
		}
	}
}

// needs writes what stands in the way of replacing, and by what it is priced.
func (s *screen) needs(r *Result) {
	var list []*plan.Need
	for _, n := range r.Needs {
		if n.Plan != nil && n.Cost != nil && n.Result.Rule.Status == "verified" {
			list = append(list, n)
		}
	}
	if len(list) == 0 {
		return
	}
	s.line(0, "")
	label := "blocked by"
	block := func(format string, args ...any) {
		s.line(14, "%-13s %s", label, fmt.Sprintf(format, args...))
		label = ""
	}
	for _, n := range list {
		var parts []string
		if n.Blocks.Hosts > 0 {
			parts = append(parts, plural(n.Blocks.Hosts, "function")+" run on what stays of the same maker")
		}
		if n.Blocks.Anchors > 0 {
			parts = append(parts, plural(n.Blocks.Anchors, "5G element")+" anchor on the same maker's 4G, which stays")
		}
		for i, m := range n.Blocks.Managers {
			if i == maxBlocks {
				parts = append(parts, fmt.Sprintf("%d more managing systems", len(n.Blocks.Managers)-i))
				break
			}
			parts = append(parts, fmt.Sprintf("%s of the same maker manages %s of them", term.Clean(m.ID), thousands(m.Elements)))
		}
		if n.Blocks.Spares > 0 || n.Blocks.Permits > 0 {
			parts = append(parts, fmt.Sprintf("not known: spares of %s, permits of %s", thousands(n.Blocks.Spares), thousands(n.Blocks.Permits)))
		}
		if len(parts) > 0 {
			block("%s: %s", n.Result.Rule.ID, strings.Join(parts, " · "))
		}
	}
	label = "if replaced"
	for i, in := range Incoming(list) {
		if i == maxNext {
			break
		}
		release := cmp.Or(term.Clean(in.Release), "its release")
		block("by %s: then %s of %s, %s before · %s: %s", term.Clean(in.Vendor), policy.Percent(in.After), in.Group, policy.Percent(in.Before), release, term.Clean(in.Examined))
	}
	label = "instead of"
	for i, in := range Outgoing(list) {
		if i == maxNext {
			break
		}
		release := cmp.Or(term.Clean(in.Release), "its release")
		block("%s: %s of %s now, %s then · %s: %s", term.Clean(in.Vendor), policy.Percent(in.Before), in.Group, policy.Percent(in.After), release, term.Clean(in.Examined))
	}
	label = "cost"
	m := r.Model
	block("5 to 95 %% of draws by model %s, paid for by %s · due anyway %s, higher prices %s (--due, --uplift)", m.ID, term.Clean(m.Payer), PercentRange(Widest(list, func(a *plan.Answer) plan.Range { return a.Due })), PercentRange(Widest(list, func(a *plan.Answer) plan.Range { return a.Uplift })))
	if open := Uncounted(list); len(open) > 0 {
		var parts []string
		for i, o := range open {
			if i == 4 {
				parts = append(parts, fmt.Sprintf("%d more", len(open)-i))
				break
			}
			parts = append(parts, fmt.Sprintf("%s (%s)", term.Clean(o.What), thousands(o.Elements)))
		}
		block("not counted, in elements: %s", strings.Join(parts, ", "))
	}
}

// planned writes what the plan that is judged takes, and one that was drawn up.
func (s *screen) planned(r *Result) {
	label := ""
	block := func(format string, args ...any) {
		s.line(14, "%-13s %s", label, fmt.Sprintf(format, args...))
		label = ""
	}
	if a := r.Planned; a != nil {
		s.line(0, "")
		label = "this plan"
		block("%s at %s, %s %s by model %s", plural(a.Elements, "element"), plural(a.Sites, "site"), term.Clean(a.Model.Currency), Money(a.Cost), a.Model.ID)
		for _, y := range a.Years {
			block("%d: %s %s", y.Year, term.Clean(a.Model.Currency), Money(y.Cost))
		}
	}
	g := r.Generated
	if g == nil {
		return
	}
	s.line(0, "")
	label = "drawn up"
	how := "and no plan that reaches it costs less"
	if !g.Exact {
		how = fmt.Sprintf("and no plan that reaches it costs less than %s", Money(plan.Range{Low: g.Least, Mid: g.Least, High: g.Least}))
	}
	block("%s for %s %s without what sites share, %s", plural(len(g.Plan.Steps), "step"), term.Clean(r.Model.Currency), Money(plan.Range{Low: g.Price, Mid: g.Price, High: g.Price}), how)
	for i, u := range g.Unmet {
		if i == maxNext {
			block("not reached: %d more", len(g.Unmet)-i)
			break
		}
		block("not reached: %s: %s (%s)", term.Clean(u.For), term.Clean(u.Why), plural(u.Elements, "element"))
	}
	if r.Schedule != nil {
		for _, l := range Lateness(r.Schedule) {
			block("late: %s of %s, the last on %s, asked for by %s", plural(l.Steps, "step"), term.Clean(l.Rule), l.Last, l.Deadline)
		}
	}
}

// Lateness sums up by rule what a schedule does after the rule's day, the most
// steps first.
func Lateness(s *plan.Schedule) (out []plan.Late) {
	for _, l := range s.Late {
		i := slices.IndexFunc(out, func(o plan.Late) bool { return o.Rule == l.Rule })
		if i < 0 {
			l.Region = ""
			out = append(out, l)
			continue
		}
		out[i].Steps += l.Steps
		out[i].Last = max(out[i].Last, l.Last)
		out[i].Deadline = min(out[i].Deadline, l.Deadline)
	}
	slices.SortStableFunc(out, func(a, b plan.Late) int { return cmp.Compare(b.Steps, a.Steps) })
	return out
}

// Incoming are the vendors that come in, each once for a group of functions:
// where it would have most.
func Incoming(list []*plan.Need) []plan.Incoming {
	return moved(list, func(n *plan.Need) []plan.Incoming { return n.Incoming }, func(in plan.Incoming) int64 { return in.After - in.Before })
}

// Outgoing are those that go, by the same yardstick.
func Outgoing(list []*plan.Need) []plan.Incoming {
	return moved(list, func(n *plan.Need) []plan.Incoming { return n.Outgoing }, func(in plan.Incoming) int64 { return in.Before - in.After })
}

func moved(list []*plan.Need, of func(*plan.Need) []plan.Incoming, by func(plan.Incoming) int64) (out []plan.Incoming) {
	for _, n := range list {
		for _, in := range of(n) {
			i := slices.IndexFunc(out, func(o plan.Incoming) bool { return o.Vendor == in.Vendor && o.Group == in.Group })
			switch {
			case i < 0:
				out = append(out, in)
			case by(out[i]) < by(in):
				out[i] = in
			}
		}
	}
	slices.SortStableFunc(out, func(a, b plan.Incoming) int { return cmp.Compare(by(b), by(a)) })
	return out
}

// Widest spans the ranges of several answers.
func Widest(list []*plan.Need, of func(*plan.Answer) plan.Range) plan.Range {
	out := of(list[0].Cost)
	for _, n := range list[1:] {
		x := of(n.Cost)
		out.Low, out.High = min(out.Low, x.Low), max(out.High, x.High)
	}
	return out
}

// PercentRange prints a range of parts per million.
func PercentRange(r plan.Range) string { return policy.Interval(r.Low, r.High) }

// Uncounted are what no figure covers: the most elements that a need has of each.
func Uncounted(list []*plan.Need) (out []plan.Missing) {
	for _, n := range list {
		for _, o := range n.Cost.Open {
			i := slices.IndexFunc(out, func(x plan.Missing) bool { return x.What == o.What })
			if i < 0 {
				out = append(out, o)
				continue
			}
			out[i].Elements = max(out[i].Elements, o.Elements)
		}
	}
	slices.SortStableFunc(out, func(a, b plan.Missing) int { return cmp.Compare(b.Elements, a.Elements) })
	return out
}

// exposure writes who sees what.
func (s *screen) exposure(x *exposure.Result) {
	s.line(4, "SEES, by %s: always / normally / possibly, of the traffic", x.By)
	if x.Assumed {
		s.line(4, "no demand is stated: each access element counts alike")
	}
	wide := 8
	for i := range x.Rows[:min(len(x.Rows), maxSeeing)] {
		wide = max(wide, min(len(x.Rows[i].Who), 28))
	}
	s.line(wide+2, "%-*s  %-21s  %-21s  %-21s  %s", wide, "", "content", "metadata", "can drop or change", "manages")
	for i := range x.Rows {
		row := &x.Rows[i]
		if i == maxSeeing {
			s.line(0, "… %d more: -o html, -o json", len(x.Rows)-i)
			break
		}
		cell := func(v exposure.View) string {
			r := row.Views[v]
			return fmt.Sprintf("%s / %s / %s", Percent(r.Must.Bps, x.Total.Bps), Percent(r.Expected.Bps, x.Total.Bps), Percent(r.Could.Bps, x.Total.Bps))
		}
		s.line(wide+2, "%-*s  %-21s  %-21s  %-21s  %s", wide, term.Clean(row.Who), cell(exposure.Content), cell(exposure.Metadata), cell(exposure.Control), plural(row.Manages, "element"))
	}
	if x.Unrouted.Bps > 0 {
		s.line(4, "no path carries %s of the traffic that is asked for", Percent(x.Unrouted.Bps, x.Total.Bps))
	}
	if x.Unknown > 0 {
		s.line(4, "%s in no row: their %s is not known", plural(x.Unknown, "element"), x.By)
	}
	for i, g := range x.Gaps {
		if i == 3 {
			s.line(4, "not counted: %d more", len(x.Gaps)-i)
			break
		}
		s.line(4, "not counted: %s", term.Clean(g))
	}
}

// pairs writes what passes between all pairs.
func (s *screen) pairs(r *Result) {
	p := r.Pairs
	if p == nil {
		return
	}
	s.line(0, "")
	s.line(4, "PASSED BETWEEN ALL PAIRS of elements, normally, by %s: each pair alike", p.By)
	for i := range p.Rows {
		s.line(4, "%-18s %s", term.Clean(p.Rows[i].Who), policy.Percent(p.Share(i)))
	}
}

// moments writes how rules end on other days.
func (s *screen) moments(r *Result) {
	if len(r.Moments) == 0 {
		return
	}
	s.line(0, "")
	s.line(4, "ON OTHER DAYS: verified rules that are broken as the network stands, and under plan %q", term.Clean(r.Plan))
	s.line(0, "%-10s  %6s  %7s  %10s  %s", "DAY", "STEPS", "STANDS", "UNDER PLAN", "BROKEN UNDER THE PLAN")
	for i := range r.Moments {
		m := &r.Moments[i]
		without, with := Broken(m)
		s.line(41, "%-10s  %6s  %7d  %10d  %s", m.Date, thousands(m.Steps), len(without), len(with), cmp.Or(strings.Join(with, ", "), "-"))
	}
}

// foot ends every output.
func (s *screen) foot(r *Result) {
	s.line(0, "")
	for _, l := range r.Foot() {
		s.line(4, "%s", l)
	}
	if r.Command == "" {
		return
	}
	why := "SITE"
	for _, res := range r.Sorted(true) {
		if rank(res.Outcome) > rank(policy.Complies) {
			why = res.Rule.ID
			break
		}
	}
	next := r.Command + " --why " + why
	if len(r.Needs) > 0 {
		next += " · --plan-out waves.csv"
	}
	s.line(6, "next: %s · -o html", next)
}
