package plan

import (
	"cmp"
	"context"
	"slices"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/policy"
)

// Need is what one broken rule asks for: which elements have to go, by when, when
// the work has to begin for that, and what it takes by one model.
type Need struct {
	Result *policy.Result
	// Deadline is the day on which the rule binds, or the day of judging where
	// it bound before.
	Deadline place.Date
	Plan     *Plan
	Cost     *Answer
	// Starts are when the work of each region has to begin, the slowest first:
	// the first thing that a plan answers.
	Starts []Start
	// Early and Late are between when the work of the slowest region has to
	// begin; Passed tells that even Late lies before the day of decision.
	Early, Late place.Date
	Region      string
	Passed      bool
	Blocks      Blocks
	// Coupled is the plan with the 4G elements that its 5G elements need, and that
	// would have to go with them (see Anchors), CoupledCost what it takes; nil
	// where there are none.
	Coupled     *Plan
	CoupledCost *Answer
	// Incoming are those that come in, Outgoing those that go, by one yardstick.
	Incoming, Outgoing []Incoming
}

// Start is when the work of a region has to begin for a rule's date, at the
// earliest and at the latest of what the model's ranges allow.
type Start struct {
	Region          string
	Elements, Sites int
	Early, Late     place.Date
	// Passed tells that even Late lies before the day of decision.
	Passed bool
	Blocks Blocks
}

// Blocks is what stands in the way of replacing elements one by one.
type Blocks struct {
	// Anchors are 5G elements among them that need 4G elements of the same maker
	// which stay.
	Anchors int
	// Hosts are functions among them that run on what stays, of the same maker.
	Hosts int
	// Managers are systems of the same maker that manage some of them.
	Managers []Manager
	// Spares and Permits count elements of which the facts "spares" and
	// "permit_months" are not known.
	Spares, Permits int
}

// Manager is a managing system and how many of the elements it manages.
type Manager struct {
	ID       string
	Elements int
}

// Incoming is a vendor that comes in, on the same yardstick as the one that
// goes: its part of the functions afterwards, and what is known of its releases.
type Incoming struct {
	Vendor, Group string
	// Before and After are its parts of the group's elements, in parts per million.
	Before, After int64
	// Release is what would come in, Examined what evidence says of it.
	Release, Examined string
}

// NotExamined is what Incoming says of a vendor of whose releases there is no
// evidence.
const NotExamined = "not examined"

// NeedOf says what a broken rule asks for. decided is the day on which the work
// could begin at the earliest.
func NeedOf(ctx context.Context, s *place.Snapshot, r *policy.Result, m *Model, decided place.Date, o Options, ev *policy.Evidence) (*Need, error) {
	n := &Need{Result: r, Deadline: r.Rule.From}
	if n.Deadline == 0 {
		n.Deadline = s.Date
	}
	nodes := slices.Clone(r.Broken)
	for i := range r.Groups {
		if g := &r.Groups[i]; g.Outcome == policy.Breaks && r.Rule.Share != nil {
			nodes = append(nodes, Excess(s, r.Rule.Share, g, m)...)
		}
	}
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	if len(nodes) == 0 {
		return n, nil
	}
	n.Plan = Replace(s, nodes, max(n.Deadline, decided), r.Rule.ID)
	var err error
	if n.Cost, err = Cost(ctx, s.Network, n.Plan, m, o); err != nil {
		return nil, err
	}
	n.Blocks = blocks(s, nodes)
	n.start(s, nodes, decided)
	if anchors := Anchors(s, nodes); len(anchors) > 0 {
		n.Coupled = Replace(s, append(slices.Clone(nodes), anchors...), max(n.Deadline, decided), r.Rule.ID)
		if n.CoupledCost, err = Cost(ctx, s.Network, n.Coupled, m, o); err != nil {
			return nil, err
		}
	}
	n.Incoming, n.Outgoing = incoming(s, n.Plan, ev)
	return n, nil
}

// Anchors are the elements of the same maker, beside those that go, which 5G
// elements among these are anchored on: a maker's non-standalone 5G works on its
// own 4G alone, so that, until 5G stands alone, they go together.
func Anchors(s *place.Snapshot, nodes []int32) (list []int32) {
	l := newLeaving(s, nodes)
	for _, node := range nodes {
		for _, n := range l.needs[int(node)] {
			if n.kind == place.AnchoredOn {
				list = append(list, int32(s.NodeOf(n.on)))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// start fills in when each region has to begin, and what blocks it there.
func (n *Need) start(s *place.Snapshot, nodes []int32, decided place.Date) {
	in := map[string][]int32{}
	for _, node := range nodes {
		region := ""
		if at := s.SiteOf(s.Of(int(node))); at >= 0 {
			region = s.Sites[at].Region
		}
		in[region] = append(in[region], node)
	}
	all := newLeaving(s, nodes)
	for i := range n.Cost.Regions {
		r := &n.Cost.Regions[i]
		start := Start{Region: r.Name, Elements: r.Elements, Sites: r.Sites, Blocks: all.blocks(in[r.Name])}
		start.Early, start.Late, start.Passed = r.LatestStart(n.Deadline, decided)
		n.Starts = append(n.Starts, start)
	}
	if len(n.Starts) > 0 {
		first := &n.Starts[0]
		n.Region, n.Early, n.Late, n.Passed = first.Region, first.Early, first.Late, first.Passed
	}
}

// Replace is the plan that puts, in the place of each element on a day, one of
// the maker that has most of the function elsewhere: of those that none of the
// elements is of.
func Replace(s *place.Snapshot, nodes []int32, day place.Date, why string) *Plan {
	leaving := map[string]bool{}
	for _, node := range nodes {
		e := s.Of(int(node))
		leaving[e.Vendor], leaving[e.Software] = true, true
	}
	next := successors(s, func(_ *place.Element, vendor string) bool { return leaving[vendor] })
	p := &Plan{Name: why}
	for _, node := range nodes {
		p.Steps = append(p.Steps, stepFor(s, node, day, next[s.Of(int(node)).NF], why))
	}
	p.Sort()
	return p
}

// NotChosen stands for the vendor where no other makes the function in this
// network: somebody has to choose one.
const NotChosen = "not chosen"

func stepFor(s *place.Snapshot, node int32, day place.Date, vendor, why string) Step {
	e := s.Of(int(node))
	step := Step{Date: day, Element: e.ID, Vendor: cmp.Or(vendor, NotChosen), Why: why, Wave: 1}
	if at := s.SiteOf(e); at >= 0 {
		step.Region = s.Sites[at].Region
	}
	return step
}

// successors are, by function, the vendor that has most of its elements and is
// not barred from it.
func successors(s *place.Snapshot, barred func(e *place.Element, vendor string) bool) map[string]string {
	type key struct{ nf, vendor string }
	count := map[key]int{}
	for node := range s.Element {
		if e := s.Of(node); e != nil && e.Vendor != "" && (e.Software == "" || e.Software == e.Vendor) && !barred(e, e.Vendor) {
			count[key{e.NF, e.Vendor}]++
		}
	}
	next, most := map[string]string{}, map[string]int{}
	for k, n := range count {
		if n > most[k.nf] || n == most[k.nf] && k.vendor < next[k.nf] {
			next[k.nf], most[k.nf] = k.vendor, n
		}
	}
	return next
}

// leaving is what goes, for asking what needs what of it.
type leaving struct {
	s     *place.Snapshot
	going map[int]bool
	// needs are, by node that goes, those that it needs and that stay, of one maker.
	needs map[int][]need
}

type need struct {
	kind string
	on   *place.Element
}

func newLeaving(s *place.Snapshot, nodes []int32) *leaving {
	l := &leaving{s: s, going: map[int]bool{}, needs: map[int][]need{}}
	for _, node := range nodes {
		l.going[int(node)] = true
	}
	for _, i := range s.Dependencies {
		d := &s.Network.Dependencies[i]
		from, to := s.Parts(d)
		if !l.going[from] || l.going[to] {
			continue
		}
		if a, b := s.Of(from), s.Of(to); a.Vendor != "" && a.Vendor == b.Vendor {
			l.needs[from] = append(l.needs[from], need{d.Kind, b})
		}
	}
	return l
}

// blocks counts what stands in the way of some of what goes.
func (l *leaving) blocks(nodes []int32) (out Blocks) {
	managers := map[string]int{}
	for _, node := range nodes {
		e := l.s.Of(int(node))
		if place.FactOf(e.Facts, "spares") == "" {
			out.Spares++
		}
		if _, ok := permitOf(e); !ok {
			out.Permits++
		}
		for _, n := range l.needs[int(node)] {
			switch n.kind {
			case place.AnchoredOn:
				out.Anchors++
			case place.RunsOn:
				out.Hosts++
			case place.ManagedBy:
				managers[n.on.ID]++
			}
		}
	}
	for id, k := range managers {
		out.Managers = append(out.Managers, Manager{id, k})
	}
	slices.SortFunc(out.Managers, func(a, b Manager) int { return cmp.Or(b.Elements-a.Elements, cmp.Compare(a.ID, b.ID)) })
	return out
}

func blocks(s *place.Snapshot, nodes []int32) Blocks { return newLeaving(s, nodes).blocks(nodes) }

// incoming says who comes in and who goes, by group of functions, and what
// evidence says of the releases of both.
func incoming(s *place.Snapshot, p *Plan, ev *policy.Evidence) (in, out []Incoming) {
	next := make(map[string]*Step, len(p.Steps))
	for i := range p.Steps {
		next[p.Steps[i].Element] = &p.Steps[i]
	}
	type key struct{ group, vendor string }
	before, after, all, allAfter := map[key]int64{}, map[key]int64{}, map[string]int64{}, map[string]int64{}
	coming := map[key]*Step{}
	going := map[key]*place.Element{}
	for node := range s.Element {
		e := s.Of(node)
		if e == nil {
			continue
		}
		f, _ := place.FunctionOf(e.NF)
		all[f.Group]++
		before[key{f.Group, e.Vendor}]++
		to, replaced := next[e.ID]
		switch {
		case !replaced:
			after[key{f.Group, e.Vendor}]++
			allAfter[f.Group]++
			continue
		case to.Vendor != "":
			after[key{f.Group, to.Vendor}]++
			allAfter[f.Group]++
			if k := (key{f.Group, to.Vendor}); coming[k] == nil {
				coming[k] = to
			}
		}
		if k := (key{f.Group, e.Vendor}); going[k] == nil {
			going[k] = e
		}
	}
	row := func(k key, product, release string) Incoming {
		in := Incoming{Vendor: k.vendor, Group: k.group, Examined: NotExamined}
		in.Before, in.After = before[k]*1_000_000/max(all[k.group], 1), after[k]*1_000_000/max(allAfter[k.group], 1)
		in.Release, in.Examined = examined(ev, k.vendor, product, release)
		return in
	}
	for k, step := range coming {
		in = append(in, row(k, step.Product, step.Release))
	}
	for k, e := range going {
		out = append(out, row(k, e.Product, e.Release))
	}
	for _, list := range [][]Incoming{in, out} {
		slices.SortFunc(list, func(a, b Incoming) int {
			return cmp.Or(cmp.Compare(b.After-b.Before, a.After-a.Before), cmp.Compare(a.Vendor, b.Vendor), cmp.Compare(a.Group, b.Group))
		})
	}
	return in, out
}

// examined is what evidence says of a release; where none is named, of the first
// of the vendor's that there is evidence of.
func examined(ev *policy.Evidence, vendor, product, release string) (name, says string) {
	if release != "" {
		name = product + " " + release
	}
	if ev == nil {
		return name, NotExamined
	}
	for i := range ev.Releases {
		r := &ev.Releases[i]
		if r.Vendor == vendor && (release == "" || r.Product == product && r.Name == release) {
			return r.Product + " " + r.Name, r.Summary()
		}
	}
	return name, NotExamined
}
