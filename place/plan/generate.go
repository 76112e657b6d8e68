package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/policy"
)

// Goal is what a generated plan has to reach on the day of the snapshot.
type Goal struct {
	// Packs are the rules to satisfy: of single elements all that break them go, of
	// shares as much as is above the cap. Unverified rules count only where
	// Unverified says so.
	Packs      []*policy.Pack
	Policy     policy.Options
	Unverified bool
	// Bounds are exposures to keep within.
	Bounds []Bound
	// Anchors tells that the 4G elements of the same maker which 5G elements need
	// go with them (see Anchors).
	Anchors bool
	// Decided is the day before which nothing is done.
	Decided place.Date
}

// Bound is a cap on what a vendor sees, in parts per million of the traffic.
type Bound struct {
	Vendor string
	View   exposure.View // Content or Metadata
	// Always bounds what it sees always (every path passes it), else what it sees
	// normally. Of always, the only cap that is planned for is none (0).
	Always bool
	Max    int64
}

// ParseBound reads "VENDOR content normally <= 5 %", as a command line gives it.
func ParseBound(text string) (Bound, error) {
	bad := fmt.Errorf("%q: want VENDOR content|metadata normally|always <= PERCENT", text)
	left, right, ok := strings.Cut(text, "<=")
	words := strings.Fields(left)
	if !ok || len(words) < 3 {
		return Bound{}, bad
	}
	b := Bound{Vendor: strings.Join(words[:len(words)-2], " ")}
	switch words[len(words)-2] {
	case "content":
		b.View = exposure.Content
	case "metadata":
		b.View = exposure.Metadata
	default:
		return Bound{}, bad
	}
	switch words[len(words)-1] {
	case "normally":
	case "always":
		b.Always = true
	default:
		return Bound{}, bad
	}
	var percent float64
	if _, err := fmt.Sscanf(strings.TrimSuffix(strings.TrimSpace(right), "%"), "%g", &percent); err != nil || !(percent >= 0 && percent <= 100) {
		return Bound{}, bad
	}
	b.Max = int64(percent * 1e4)
	return b, nil
}

func (b Bound) String() string {
	how := "normally"
	if b.Always {
		how = "always"
	}
	return fmt.Sprintf("%s %s %s <= %s", b.Vendor, b.View, how, policy.Percent(b.Max))
}

// Generated is a plan that reaches a goal, and how far from the cheapest it may be.
type Generated struct {
	Plan *Plan
	// Price is what the plan's elements cost by the model's middle figures,
	// without what sites share (Cost says that); no plan that reaches the goal
	// costs less than Least. Exact tells that they are equal by proof.
	Price, Least int64
	Exact        bool
	Parts        []Chosen
	// Unmet are goals that no replacement of elements reaches.
	Unmet []Unmet
}

// Chosen is what one rule or bound asks for.
type Chosen struct {
	For          string
	Elements     int
	Price, Least int64
	Exact        bool
	// How says by what method.
	How string
}

// Unmet is what is left of a goal, and why.
type Unmet struct {
	For      string
	Elements int
	Why      string
}

// rounds is how many times a plan is judged again and mended.
const rounds = 8

// Generate finds a set of replacements that reaches a goal on the snapshot's day,
// for little money: all elements that break a rule; of shares the cheapest set
// (exactly where that is quick, else by measure for the money); of exposures those
// that carry most for the money. What comes in is, by function, the vendor with
// most of its elements that breaks no rule with it. The plan is applied and judged
// again, until nothing breaks or nothing more can be done.
func Generate(ctx context.Context, s *place.Snapshot, m *Model, goal Goal) (*Generated, error) {
	g := &generator{s: s, m: m, goal: goal, going: map[int32]string{}, barred: map[[2]string]bool{}, when: map[int32]place.Date{}, out: &Generated{Exact: true}}
	for _, b := range goal.Bounds {
		if b.View != exposure.Content && b.View != exposure.Metadata || b.Always && b.Max > 0 {
			return nil, fmt.Errorf("bound %s: want content or metadata, and of always none (0 %%)", b)
		}
	}
	if err := g.rules(ctx); err != nil {
		return nil, err
	}
	for _, b := range goal.Bounds {
		if err := g.bound(ctx, b); err != nil {
			return nil, err
		}
	}
	if err := g.mend(ctx); err != nil {
		return nil, err
	}
	return g.finish(), nil
}

type generator struct {
	s      *place.Snapshot
	m      *Model
	goal   Goal
	going  map[int32]string // with the rules that ask for it
	when   map[int32]place.Date
	barred map[[2]string]bool // function, vendor
	// part are the sets of members that bounds are added up of.
	least    int64
	disjoint map[int32]bool
	plan     *Plan
	out      *Generated
}

// judge are the results of the goal's packs that count.
func (g *generator) judge(ctx context.Context, s *place.Snapshot) (list []policy.Result, err error) {
	for _, p := range g.goal.Packs {
		results, err := p.Judge(ctx, s, g.goal.Policy)
		if err != nil {
			return nil, err
		}
		for _, r := range results {
			if r.Rule.Status == "verified" || g.goal.Unverified {
				list = append(list, r)
			}
		}
	}
	return list, nil
}

func (g *generator) add(node int32, why string, day place.Date) {
	if day == 0 || day > g.s.Date {
		day = g.s.Date
	}
	day = min(max(day, g.goal.Decided), max(g.s.Date, g.goal.Decided))
	old, ok := g.going[node]
	if !ok {
		g.going[node], g.when[node] = why, day
		return
	}
	g.when[node] = min(g.when[node], day)
	if !slices.Contains(strings.Fields(old), why) {
		g.going[node] = old + " " + why
	}
}

func (g *generator) priceOf(nodes []int32) (sum int64) {
	for _, n := range nodes {
		sum += g.m.priceOf(g.s.Of(int(n)), g.s.Date)
	}
	return sum
}

// rules takes what breaks rules of elements, then the cheapest of what is above
// shares.
func (g *generator) rules(ctx context.Context) error {
	results, err := g.judge(ctx, g.s)
	if err != nil {
		return err
	}
	for i := range results {
		r := &results[i]
		if len(r.Broken) == 0 {
			continue
		}
		for _, node := range r.Broken {
			g.add(node, r.Rule.ID, r.Rule.From)
		}
		price := g.priceOf(r.Broken)
		g.out.Parts = append(g.out.Parts, Chosen{r.Rule.ID, len(r.Broken), price, price, true, "all that break it"})
	}
	// All of these have to go: they are a bound, and count in every share.
	g.disjoint = map[int32]bool{}
	gone := map[int32]bool{}
	for node := range g.going {
		g.least += g.m.priceOf(g.s.Of(int(node)), g.s.Date)
		g.disjoint[node], gone[node] = true, true
	}
	for i := range results {
		r := &results[i]
		for k := range r.Groups {
			group := &r.Groups[k]
			name := strings.TrimSpace(r.Rule.ID + " " + strings.Join(group.Key, " "))
			switch {
			case group.Outcome != policy.Breaks:
			case r.Rule.Share != nil:
				g.share(r.Rule, group, name, gone)
			default:
				g.out.Unmet = append(g.out.Unmet, Unmet{name, len(group.Members), "a rule of this kind is not planned for: it bounds a number or an exposure"})
			}
		}
	}
	return nil
}

// anchors adds what 5G elements that go need.
func (g *generator) anchors() {
	going := slices.Sorted(maps.Keys(g.going))
	list := Anchors(g.s, going)
	if len(list) == 0 {
		return
	}
	when := g.s.Date
	for _, node := range going {
		when = min(when, g.when[node])
	}
	for _, node := range list {
		g.add(node, "anchor", when)
	}
	g.out.Parts = append(g.out.Parts, Chosen{"anchor", len(list), g.priceOf(list), 0, false, "4G of the same maker below 5G that goes; whether 5G could stand alone instead is not known"})
}

func (g *generator) share(r *policy.Rule, group *policy.Group, name string, mandatory map[int32]bool) {
	// The bound counts what is mandatory alone, and only where no group before
	// has the same members: then prices add up.
	own := true
	for _, n := range group.Members {
		own = own && (mandatory[n] || !g.disjoint[n])
	}
	items, need := excess(g.s, r.Share, group, g.m, mandatory)
	_, _, least, _ := cover(items, need)
	if own {
		g.least += least
		for _, n := range group.Members {
			g.disjoint[n] = true
		}
	}
	gone := make(map[int32]bool, len(g.going))
	for n := range g.going {
		gone[n] = true
	}
	items, need = excess(g.s, r.Share, group, g.m, gone)
	chosen, price, _, exact := cover(items, need)
	for _, it := range chosen {
		g.add(it.node, r.ID, r.From)
	}
	how := "by measure for the money; the bound is the linear relaxation's"
	if exact {
		how = "the cheapest set, by branch and bound"
	}
	g.out.Exact = g.out.Exact && exact
	g.out.Parts = append(g.out.Parts, Chosen{name, len(chosen), price, least, exact, how})
}

// mend chooses what comes in, applies the plan and judges it, until no rule of
// elements is broken, or by what nothing can be done about.
func (g *generator) mend(ctx context.Context) error {
	tried := map[int32]int{}
	for range rounds {
		if g.goal.Anchors {
			g.anchors()
		}
		g.choose()
		after := g.plan.Apply(g.s.Network).At(g.s.Date)
		results, err := g.judge(ctx, after)
		if err != nil {
			return err
		}
		g.out.Unmet = slices.DeleteFunc(g.out.Unmet, func(u Unmet) bool { return u.Why == stillBroken })
		changed := false
		for i := range results {
			r := &results[i]
			left := 0
			for _, node := range r.Broken {
				e := after.Of(int(node))
				if _, ok := g.going[node]; !ok {
					g.add(node, r.Rule.ID, r.Rule.From)
					changed = true
					continue
				}
				key := [2]string{e.NF, e.Vendor}
				if tried[node]++; !g.barred[key] && e.Vendor != NotChosen && tried[node] < rounds {
					g.barred[key] = true
					changed = true
				}
				left++
			}
			if left > 0 {
				g.out.Unmet = append(g.out.Unmet, Unmet{r.Rule.ID, left, stillBroken})
			}
			for k := range r.Groups {
				group := &r.Groups[k]
				if group.Outcome != policy.Breaks || r.Rule.Share == nil {
					continue
				}
				before := len(g.going)
				items, need := excess(after, r.Rule.Share, group, g.m, nil)
				// What came in may count in the share: then it must not come in.
				items = slices.DeleteFunc(items, func(it item) bool {
					_, ok := g.going[it.node]
					if e := after.Of(int(it.node)); ok && !g.barred[[2]string{e.NF, e.Vendor}] && e.Vendor != NotChosen {
						g.barred[[2]string{e.NF, e.Vendor}] = true
						changed = true
					}
					return ok
				})
				chosen, _, _, _ := cover(items, need)
				for _, it := range chosen {
					g.add(it.node, r.Rule.ID, r.Rule.From)
				}
				changed = changed || len(g.going) > before
			}
		}
		if !changed {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

const stillBroken = "still broken after the replacement, whoever's equipment comes in: what breaks it is not the equipment"

// choose makes the plan of what goes.
func (g *generator) choose() {
	leaving := map[[2]string]bool{}
	nodes := make([]int32, 0, len(g.going))
	for node := range g.going {
		nodes = append(nodes, node)
		e := g.s.Of(int(node))
		leaving[[2]string{e.NF, e.Vendor}] = true
		if e.Software != "" {
			leaving[[2]string{e.NF, e.Software}] = true
		}
	}
	slices.Sort(nodes)
	next := successors(g.s, func(e *place.Element, vendor string) bool {
		key := [2]string{e.NF, vendor}
		return leaving[key] || g.barred[key] || slices.ContainsFunc(g.goal.Bounds, func(b Bound) bool { return b.Vendor == vendor })
	})
	g.plan = &Plan{Name: "generated"}
	for _, node := range nodes {
		g.plan.Steps = append(g.plan.Steps, stepFor(g.s, node, g.when[node], next[g.s.Of(int(node)).NF], g.going[node]))
	}
	g.plan.Sort()
}

func (g *generator) finish() *Generated {
	out := g.out
	out.Plan = g.plan
	for node := range g.going {
		out.Price += g.m.priceOf(g.s.Of(int(node)), g.s.Date)
	}
	for i := range out.Parts {
		// Each part's bound holds for the whole, too.
		if out.Parts[i].Least > g.least {
			g.least = out.Parts[i].Least
		}
	}
	out.Least = min(g.least, out.Price)
	out.Exact = out.Price == out.Least
	slices.SortStableFunc(out.Unmet, func(a, b Unmet) int { return cmp.Compare(a.For, b.For) })
	return out
}

var errBound = errors.New("the bound is not reached, whatever is replaced")
