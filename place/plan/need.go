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
	// Early and Late are between when the work of the slowest region has to
	// begin; Passed tells that even Late lies before the day of decision.
	Early, Late place.Date
	Region      string
	Passed      bool
	Blocks      Blocks
	Incoming    []Incoming
}

// Blocks is what stands in the way of replacing elements one by one.
type Blocks struct {
	// Anchors are 5G elements among them that need 4G elements of the same maker
	// which stay.
	Anchors int
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

// NeedOf says what a broken rule asks for. decided is the day on which the work
// could begin at the earliest.
func NeedOf(ctx context.Context, s *place.Snapshot, r *policy.Result, m *Model, decided place.Date, o Options, ev *policy.Evidence) (*Need, error) {
	n := &Need{Result: r, Deadline: r.Rule.From}
	if n.Deadline == 0 {
		n.Deadline = s.Date
	}
	nodes := r.Broken
	for i := range r.Groups {
		if g := &r.Groups[i]; g.Outcome == policy.Breaks && r.Rule.Share != nil {
			nodes = append(nodes, Excess(s, r.Rule.Share, g, m)...)
		}
	}
	if len(nodes) == 0 {
		return n, nil
	}
	n.Plan = Replace(s, nodes, max(n.Deadline, decided), r.Rule.ID)
	var err error
	if n.Cost, err = Cost(ctx, s.Network, n.Plan, m, o); err != nil {
		return nil, err
	}
	if len(n.Cost.Regions) > 0 {
		slowest := &n.Cost.Regions[0]
		n.Region = slowest.Name
		n.Early, n.Late, n.Passed = slowest.LatestStart(n.Deadline, decided)
	}
	n.block(s, nodes)
	n.incoming(s, nodes, ev)
	return n, nil
}

// Replace is the plan that puts, in the place of each element on a day, one of
// the maker that has most of the function elsewhere: of those that none of the
// elements is of.
func Replace(s *place.Snapshot, nodes []int32, day place.Date, why string) *Plan {
	p := &Plan{Name: why}
	leaving := map[string]bool{}
	for _, node := range nodes {
		leaving[s.Of(int(node)).Vendor] = true
	}
	count := map[string]map[string]int{}
	for node := range s.Element {
		if e := s.Of(node); e != nil && e.Vendor != "" && !leaving[e.Vendor] {
			if count[e.NF] == nil {
				count[e.NF] = map[string]int{}
			}
			count[e.NF][e.Vendor]++
		}
	}
	next := map[string]string{}
	for nf, vendors := range count {
		for v, k := range vendors {
			if best := next[nf]; best == "" || k > vendors[best] || k == vendors[best] && v < best {
				next[nf] = v
			}
		}
	}
	for _, node := range nodes {
		e := s.Of(int(node))
		step := Step{Date: day, Element: e.ID, Vendor: cmp.Or(next[e.NF], "not chosen"), Why: why, Wave: 1}
		if at := s.SiteOf(e); at >= 0 {
			step.Region = s.Sites[at].Region
		}
		p.Steps = append(p.Steps, step)
	}
	p.Sort()
	return p
}

// block counts what stands in the way.
func (n *Need) block(s *place.Snapshot, nodes []int32) {
	going := map[int]bool{}
	for _, node := range nodes {
		going[int(node)] = true
		e := s.Of(int(node))
		if place.FactOf(e.Facts, "spares") == "" {
			n.Blocks.Spares++
		}
		if place.FactOf(e.Facts, "permit_months") == "" {
			n.Blocks.Permits++
		}
	}
	managers := map[string]int{}
	for _, i := range s.Dependencies {
		d := &s.Network.Dependencies[i]
		from, to := s.Parts(d)
		if !going[from] || going[to] {
			continue
		}
		a, b := s.Of(from), s.Of(to)
		if a.Vendor == "" || a.Vendor != b.Vendor {
			continue
		}
		switch d.Kind {
		case place.AnchoredOn:
			n.Blocks.Anchors++
		case place.ManagedBy:
			managers[b.ID]++
		}
	}
	for id, k := range managers {
		n.Blocks.Managers = append(n.Blocks.Managers, Manager{id, k})
	}
	slices.SortFunc(n.Blocks.Managers, func(a, b Manager) int { return cmp.Or(b.Elements-a.Elements, cmp.Compare(a.ID, b.ID)) })
}

// incoming says who comes in.
func (n *Need) incoming(s *place.Snapshot, nodes []int32, ev *policy.Evidence) {
	next := map[string]string{}
	for i := range n.Plan.Steps {
		next[n.Plan.Steps[i].Element] = n.Plan.Steps[i].Vendor
	}
	type key struct{ group, vendor string }
	before, after, all := map[key]int64{}, map[key]int64{}, map[string]int64{}
	coming := map[key]bool{}
	for node := range s.Element {
		e := s.Of(node)
		if e == nil {
			continue
		}
		f, _ := place.FunctionOf(e.NF)
		all[f.Group]++
		before[key{f.Group, e.Vendor}]++
		v := e.Vendor
		if to, ok := next[e.ID]; ok {
			v = to
			coming[key{f.Group, to}] = true
		}
		after[key{f.Group, v}]++
	}
	for k := range coming {
		in := Incoming{Vendor: k.vendor, Group: k.group, Before: before[k] * 1_000_000 / all[k.group], After: after[k] * 1_000_000 / all[k.group], Examined: "not examined"}
		for i := range evOf(ev) {
			if r := &ev.Releases[i]; r.Vendor == k.vendor {
				in.Release = r.Product + " " + r.Name
				in.Examined = r.Summary()
			}
		}
		n.Incoming = append(n.Incoming, in)
	}
	slices.SortFunc(n.Incoming, func(a, b Incoming) int {
		return cmp.Or(cmp.Compare(b.After-b.Before, a.After-a.Before), cmp.Compare(a.Vendor, b.Vendor), cmp.Compare(a.Group, b.Group))
	})
}

func evOf(ev *policy.Evidence) []policy.Release {
	if ev == nil {
		return nil
	}
	return ev.Releases
}

// Excess is the cheapest set, found greedily, of a share's members that has to go
// for the share to be within its bound; see ExcessBound for how far from the least
// it can be.
func Excess(s *place.Snapshot, share *policy.Share, g *policy.Group, m *Model) []int32 {
	type item struct {
		node    int32
		measure int64
		price   int64
	}
	var items []item
	for _, node := range g.Members {
		e := s.Of(int(node))
		it := item{node: node, measure: share.MeasureOf(e)}
		if k := m.kitOf(e); k >= 0 {
			it.price = m.Kit[k].Value.Mid
		}
		items = append(items, it)
	}
	// The most measure for the money first.
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(float64(b.measure)/float64(max(b.price, 1)), float64(a.measure)/float64(max(a.price, 1))), cmp.Compare(a.node, b.node))
	})
	over := g.Low - share.Bound() // in parts per million of the whole
	var out []int32
	for _, it := range items {
		if over <= 0 {
			break
		}
		over -= int64(float64(it.measure) / float64(max(g.Whole, 1)) * 1e6)
		out = append(out, it.node)
	}
	slices.Sort(out)
	return out
}
