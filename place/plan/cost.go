package plan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/wardein/wardein/place"
)

// Answer is what a set of replacements takes by one model.
type Answer struct {
	Model *Model
	// Elements and Sites are how many are concerned, Anchors how many 4G elements
	// below 5G ones are among them.
	Elements, Sites, Anchors int
	// Cost is in the model's currency, the sum of the parts that it counts; Parts
	// are all.
	Cost  Range
	Parts []Part
	// Due is the share of the kit's price that would have been spent anyway,
	// Uplift the rise of prices, in parts per million: the two sliders, which
	// belong beside every Cost. DueSet and UpliftSet tell that Options gave them.
	Due, Uplift       Range
	DueSet, UpliftSet bool
	// Before and After are the index of concentration (HHI, of 1,000,000) of the
	// functions that are replaced.
	Before, After int64
	// Years is what falls into each year: by the days of the steps, which a
	// schedule spreads (see Spread), and evenly for what the horizon counts.
	Years []Year
	// Regions say how long the work takes in each, the slowest first; Months is
	// that of the slowest.
	Regions []Region
	Months  Range
	// Open names what no figure covers, and how many elements it is of.
	Open []Missing
}

// Part is one kind of cost. What is not Counted is in no sum.
type Part struct {
	Name, About string
	Cost        Range
	Counted     bool
}

// Year is the cost that falls into one year.
type Year struct {
	Year int
	Cost Range
}

// Region is the work of one region.
type Region struct {
	Name            string
	Elements, Sites int
	// Months is how long it takes from the decision to the last site.
	Months Range
	permit int64 // the longest that is known of its elements
}

// Missing is a fact or figure that is missing, and for how many elements.
type Missing struct {
	What     string
	Elements int
}

// Options say how to count.
type Options struct {
	// AsOf is the day of decision.
	AsOf place.Date
	// Due and Uplift, where they are not nil, take the place of the model's, in
	// parts per million: the sliders.
	Due, Uplift *int64
	// Each is for how many elements each one of the network stands; 0 is one.
	Each int64
}

// draws is how many times the parameters are drawn for the ranges, which are the
// 5th, the 50th and the 95th of a hundred parts.
const draws = 2000

// class is elements that cost alike in one year.
type class struct {
	kit, year, count int
	// remaining is the sum of the parts of their lives that are left, at the least
	// and greatest life; unknown how many have no known age.
	remaining Range
	unknown   int
}

// Cost says what steps take on a network by a model. Steps are priced by the
// elements that stand on the day before.
func Cost(ctx context.Context, n *place.Network, p *Plan, m *Model, o Options) (*Answer, error) {
	a := &Answer{Model: m, DueSet: o.Due != nil, UpliftSet: o.Uplift != nil}
	c := &costing{n: n, m: m, o: o, each: max(o.Each, 1), anchored: anchored(n), classes: map[[2]int]*class{},
		sites: map[string]bool{}, year: map[int]*yearly{}, regions: map[string]*Region{}, open: map[string]int{}, planned: map[int]int{}}
	for i := range p.Steps {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.step(&p.Steps[i])
	}
	a.Elements, a.Sites, a.Anchors = c.elements, len(c.sites)*int(c.each), c.anchors
	c.concentration(p, a)
	c.draw(a)
	c.time(a)
	for what, count := range c.open {
		a.Open = append(a.Open, Missing{what, count})
	}
	slices.SortFunc(a.Open, func(x, y Missing) int { return cmp.Or(y.Elements-x.Elements, cmp.Compare(x.What, y.What)) })
	return a, nil
}

type costing struct {
	n                 *place.Network
	m                 *Model
	o                 Options
	each              int64
	classes           map[[2]int]*class // by kit and year
	elements, anchors int
	sites             map[string]bool
	year              map[int]*yearly
	regions           map[string]*Region
	open              map[string]int
	planned           map[int]int // elements by kit that stay, of functions that are replaced
	rise              int64       // of the index of concentration
	anchored          []bool
}

// yearly is work of one year.
type yearly struct{ elements, sites, anchors int }

// step counts one replacement.
func (c *costing) step(s *Step) {
	each := int(c.each)
	node := c.n.Node(s.Element)
	e := before(c.n, node, s.Date)
	if e == nil {
		c.open[fmt.Sprintf("no such element on %s", s.Date)] += each
		return
	}
	c.elements += each
	y := c.year[s.Date.Year()]
	if y == nil {
		y = &yearly{}
		c.year[s.Date.Year()] = y
	}
	y.elements += each
	r := c.region(s, e)
	r.Elements += each
	if site := cmp.Or(e.Site, "element "+e.ID); !c.sites[site] {
		c.sites[site] = true
		r.Sites += each
		y.sites += each
	}
	if months, ok := permitOf(e); ok {
		r.permit = max(r.permit, months)
	}
	if c.anchored[node] {
		c.anchors += each
		y.anchors += each
	}
	if s.Vendor == "" { // taken out: nothing comes in its place
		return
	}
	kit := c.m.kitOf(e)
	if kit < 0 {
		c.open["price of "+cmp.Or(e.NF, "an element without a function")] += each
		return
	}
	at := [2]int{kit, s.Date.Year()}
	k := c.classes[at]
	if k == nil {
		k = &class{kit: kit, year: s.Date.Year()}
		c.classes[at] = k
	}
	k.count += each
	if e.Installed == 0 {
		k.unknown += each
		c.open["installed"] += each
		return
	}
	age := max(int64(s.Date-e.Installed), 0)
	left := func(life int64) int64 {
		return max(0, 1_000_000-age*1_000_000/max(min(life, 1000)*365, 1)) * c.each
	}
	k.remaining.Low += left(c.m.Life.Value.Low)
	k.remaining.High += left(c.m.Life.Value.High)
}

func (c *costing) region(s *Step, e *place.Element) *Region {
	name := regionOf(c.n, s, e)
	r := c.regions[name]
	if r == nil {
		r = &Region{Name: name}
		c.regions[name] = r
	}
	return r
}

// regionOf is where a step is done.
func regionOf(n *place.Network, s *Step, e *place.Element) string {
	if at := n.SiteOf(e); at >= 0 && s.Region == "" {
		return n.Sites[at].Region
	}
	return s.Region
}

// permitOf is the fact "permit_months" of an element.
func permitOf(e *place.Element) (int64, bool) {
	months, err := strconv.ParseInt(place.FactOf(e.Facts, "permit_months"), 10, 64)
	return months, err == nil && months >= 0 && months <= 1200
}

// before is the element that stands at a node the day before another.
func before(n *place.Network, node int, day place.Date) *place.Element {
	if node < 0 {
		return nil
	}
	id := n.ID(node)
	i, _ := slices.BinarySearchFunc(n.Elements, id, func(e place.Element, id string) int { return cmp.Compare(e.ID, id) })
	for ; i < len(n.Elements) && n.Elements[i].ID == id; i++ {
		if n.Elements[i].On(day.Add(-1)) {
			return &n.Elements[i]
		}
	}
	return nil
}

// anchored tells of each node whether 5G elements need it.
func anchored(n *place.Network) []bool {
	list := make([]bool, n.Nodes())
	for i := range n.Dependencies {
		if d := &n.Dependencies[i]; d.Kind == place.AnchoredOn {
			if _, to := n.Parts(d); to >= 0 {
				list[to] = true
			}
		}
	}
	return list
}

// concentration is how the index of concentration (Herfindahl and Hirschman, of
// 1,000,000) of the functions that are replaced changes, and what of them stays.
func (c *costing) concentration(p *Plan, a *Answer) {
	if len(p.Steps) == 0 {
		return
	}
	now, then := map[string]int64{}, map[string]int64{}
	var all, allThen int64
	concerned := map[string]bool{}
	next := map[string]string{}
	first := p.Steps[0].Date
	for i := range p.Steps {
		s := &p.Steps[i]
		next[s.Element] = s.Vendor
		first = min(first, s.Date)
		if e := before(c.n, c.n.Node(s.Element), s.Date); e != nil {
			concerned[e.NF] = true
		}
	}
	kits := map[[2]string]int{}
	for i := range c.n.Elements {
		e := &c.n.Elements[i]
		if !concerned[e.NF] || !e.On(first.Add(-1)) {
			continue
		}
		to, replaced := next[e.ID]
		if !replaced {
			kit, ok := kits[[2]string{e.NF, e.Generation}]
			if !ok {
				kit = c.m.kitOf(e)
				kits[[2]string{e.NF, e.Generation}] = kit
			}
			if kit >= 0 {
				c.planned[kit] += int(c.each)
			}
		}
		if e.Vendor == "" {
			continue
		}
		all++
		now[e.Vendor]++
		switch {
		case !replaced:
			then[e.Vendor]++
			allThen++
		case to != "":
			then[to]++
			allThen++
		}
	}
	a.Before, a.After = hhi(now, all), hhi(then, allThen)
	c.rise = max(0, a.After-a.Before)
}

func hhi(count map[string]int64, all int64) (sum int64) {
	for _, n := range count {
		share := float64(n) / float64(max(all, 1))
		sum += int64(math.Round(share * share * 1e6))
	}
	return sum
}

// draw draws the parameters again and again. Each is drawn once for the whole
// network: they are wrong together, so that ranges do not shrink by numbers.
func (c *costing) draw(a *Answer) {
	r := rand.New(rand.NewPCG(20190101, 1))
	kits := slices.SortedFunc(maps.Values(c.classes), func(x, y *class) int { return cmp.Or(x.year-y.year, x.kit-y.kit) })
	stay := slices.Sorted(maps.Keys(c.planned))
	years := c.span(a)
	sums := make([][]int64, len(years))
	parts := make([][]int64, len(Parts))
	totals, dues, uplifts := make([]int64, draws), make([]int64, draws), make([]int64, draws)
	for i := range sums {
		sums[i] = make([]int64, draws)
	}
	for i := range parts {
		parts[i] = make([]int64, draws)
	}
	counted := make([]float64, len(Parts))
	for i, name := range Parts {
		if c.m.counts(name) {
			counted[i] = 1
		}
	}
	price := make([]float64, len(c.m.Kit))
	kit, fresh := make([]float64, len(years)), make([]float64, len(years))
	for d := range draws {
		for k := range price {
			price[k] = sample(r, c.m.Kit[k].Value)
		}
		life, unknown := r.Float64(), r.Float64()
		clear(kit)
		clear(fresh)
		var kits1, fresh1 float64
		for _, k := range kits {
			y := k.year - years[0]
			p := price[k.kit]
			left := between(k.remaining, life)/1e6 + float64(k.unknown)*unknown
			kit[y] += p * float64(k.count)
			fresh[y] += p * left
			kits1 += p * float64(k.count)
			fresh1 += p * left
		}
		due, fixed := 0.0, false
		if kits1 > 0 {
			due = 1 - fresh1/kits1
		}
		if c.m.Due != nil {
			due, fixed = sample(r, c.m.Due.Value)/1e6, true
		}
		if c.o.Due != nil {
			due, fixed = float64(*c.o.Due)/1e6, true
		}
		uplift := sample(r, c.m.Uplift.Value) / 1e6 * float64(c.rise) / 100_000
		if c.m.Rise != nil {
			uplift = sample(r, c.m.Rise.Value) / 1e6
		}
		if c.o.Uplift != nil {
			uplift = float64(*c.o.Uplift) / 1e6
		}
		labour, visit, anchor := sample(r, c.m.Labour.Value), sample(r, c.m.Visit.Value), sample(r, c.m.Anchor.Value)
		dual := sample(r, c.m.Dual.Value) / 1000 * sample(r, c.m.DualMonths.Value)
		horizon := sample(r, c.m.Horizon.Value)
		// What stays, and what was due of what goes, is bought within the horizon
		// as its life says, at the new prices.
		market := kits1 * due
		for _, k := range stay {
			market += price[k] * float64(c.planned[k]) * min(1, horizon/max(between(c.m.Life.Value, life), 1))
		}
		market *= uplift
		total := 0.0
		spread := min(max(int(math.Round(horizon)), 1), len(years))
		for i, year := range years {
			w := c.year[year]
			if w == nil {
				w = &yearly{}
			}
			dueHere := due * kit[i]
			if !fixed {
				dueHere = kit[i] - fresh[i]
			}
			share := 0.0
			if kit[i] > 0 {
				share = dueHere / kit[i]
			}
			work, visits := labour*float64(w.elements), visit*float64(w.sites)
			anchors, both := anchor*float64(w.anchors), dual*kit[i]
			higher := uplift * (kit[i] - dueHere + work + visits + anchors + both)
			later := 0.0
			if i < spread {
				later = market / float64(spread)
			}
			sum := 0.0
			for k, x := range [...]float64{kit[i], -dueHere, work, visits, anchors, both, higher, -share * (work + visits), later} {
				parts[k][d] += whole(x)
				sum += x * counted[k]
			}
			sums[i][d] = whole(sum)
			total += sum
		}
		totals[d], dues[d], uplifts[d] = whole(total), int64(due*1e6), int64(uplift*1e6)
	}
	a.Cost, a.Due, a.Uplift = rangeOf(totals), rangeOf(dues), rangeOf(uplifts)
	for i, name := range Parts {
		a.Parts = append(a.Parts, Part{name, partAbout[name], rangeOf(parts[i]), counted[i] > 0})
	}
	for i, year := range years {
		if y := rangeOf(sums[i]); y != (Range{}) {
			a.Years = append(a.Years, Year{year, y})
		}
	}
}

// whole is an amount without its fraction, within what a sum of the years holds.
func whole(x float64) int64 { return int64(min(max(x, -1e16), 1e16)) }

// span are the years that something may fall into: from the first step or the
// decision to the last step or the end of the horizon, at most 200.
func (c *costing) span(a *Answer) []int {
	if len(c.year) == 0 {
		return nil
	}
	worked := slices.Sorted(maps.Keys(c.year))
	first, last := worked[0], worked[len(worked)-1]
	if c.m.counts("market") {
		if c.o.AsOf != 0 {
			first = min(first, c.o.AsOf.Year())
		}
		last = max(last, first+int(min(c.m.Horizon.Value.High, 100))-1)
	}
	var list []int
	for y := first; y <= last; y++ {
		list = append(list, y)
	}
	return list
}

// sample draws from a triangle over a range.
func sample(r *rand.Rand, v Range) float64 {
	return between(v, triangle(r.Float64(), v))
}

// triangle turns an even number into the place in a range, 0 to 1, that a
// triangular distribution gives; its inverse is a square root.
func triangle(u float64, v Range) float64 {
	width := float64(v.High - v.Low)
	if width == 0 {
		return 0
	}
	peak := float64(v.Mid-v.Low) / width
	if u < peak {
		return math.Sqrt(u * peak)
	}
	return 1 - math.Sqrt((1-u)*(1-peak))
}

// between is the value at a place of a range, 0 for its low end, 1 for its high.
// The product is rounded apart, so that processors that fuse it give the same.
func between(v Range, at float64) float64 {
	return float64(v.Low) + float64(at*float64(v.High-v.Low))
}

// rangeOf are the 5th, the 50th and the 95th of a hundred parts.
func rangeOf(list []int64) Range {
	slices.Sort(list)
	return Range{list[len(list)/20], list[len(list)/2], list[len(list)-1-len(list)/20]}
}

// time says how long each region takes: until tender and permits are done, then
// as long as its crews need for its sites, or the new vendor for what all
// regions need, whichever is longer.
func (c *costing) time(a *Answer) {
	m := c.m
	regions := slices.SortedFunc(maps.Values(c.regions), func(x, y *Region) int { return cmp.Compare(x.Name, y.Name) })
	r := rand.New(rand.NewPCG(20190101, 2))
	months := make([][]int64, len(regions))
	for i := range months {
		months[i] = make([]int64, draws)
	}
	all := make([]int64, draws)
	for d := range draws {
		pace := max(sample(r, m.Rate.Value)*sample(r, m.Crews.Value), 0.01)
		supply := float64(c.elements) / max(sample(r, m.Supply.Value), 0.01)
		lead, permit := sample(r, m.Lead.Value), sample(r, m.Permit.Value)
		for i, reg := range regions {
			ready := max(lead, permit)
			if reg.permit > 0 {
				ready = max(lead, float64(reg.permit))
			}
			months[i][d] = int64(math.Ceil(min(ready+max(float64(reg.Sites)/pace, supply), 1e6)))
			all[d] = max(all[d], months[i][d])
		}
	}
	for i, reg := range regions {
		reg.Months = rangeOf(months[i])
		a.Regions = append(a.Regions, *reg)
	}
	a.Months = rangeOf(all)
	slices.SortStableFunc(a.Regions, func(x, y Region) int { return cmp.Compare(y.Months.Mid, x.Months.Mid) })
}

// LatestStart is when the work of a region has to begin for a date, at the
// earliest and the latest of what the ranges allow; passed where the day of
// decision is behind it.
func (r *Region) LatestStart(deadline, asOf place.Date) (early, late place.Date, passed bool) {
	early, late = deadline.AddMonths(-int(min(r.Months.High, 1200))), deadline.AddMonths(-int(min(r.Months.Low, 1200)))
	return early, late, late < asOf
}
