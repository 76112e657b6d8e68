package plan

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/wardein/wardein/place"
)

// Answer is what a set of replacements takes by one model.
type Answer struct {
	Model *Model
	// Elements and Sites are how many are concerned, Anchors how many 4G elements
	// below 5G ones are among them.
	Elements, Sites, Anchors int
	// Cost is in the model's currency; Parts is what it is made of.
	Cost  Range
	Parts []Part
	// Due is the share of the kit's price that would have been spent anyway,
	// Uplift the rise of prices, in parts per million.
	Due, Uplift Range
	// Years is what falls into each year, by the steps' dates.
	Years []Year
	// Regions say how long the work takes in each.
	Regions []Region
	// Open names what no figure covers, and how many elements it is of.
	Open []Missing
}

// Part is one kind of cost.
type Part struct {
	Name string
	Cost Range
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
}

// draws is how many times the parameters are drawn for the ranges, which are the
// 5th, the 50th and the 95th of a hundred parts.
const draws = 2000

// class is elements that cost alike.
type class struct {
	kit, count int
	// remaining is the sum of the parts of their lives that are left, at the least
	// and greatest life; unknown how many have no known age.
	remaining Range
	unknown   int
}

// Cost says what steps take on a network by a model. Steps are priced by the
// elements that stand on their day.
func Cost(ctx context.Context, n *place.Network, p *Plan, m *Model, o Options) (*Answer, error) {
	a := &Answer{Model: m}
	c := &costing{n: n, m: m, o: o, classes: map[int]*class{}, sites: map[string]string{}, byYear: map[int]int{}, regions: map[string]*Region{}, open: map[string]int{}}
	for i := range p.Steps {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.step(&p.Steps[i])
	}
	a.Elements, a.Sites, a.Anchors = c.elements, len(c.sites), c.anchors
	c.concentration(p)
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
	classes           map[int]*class
	elements, anchors int
	sites             map[string]string // with their regions
	byYear            map[int]int
	regions           map[string]*Region
	open              map[string]int
	rise              int64 // of the index of concentration
	anchored          map[int]bool
}

// step counts one replacement.
func (c *costing) step(s *Step) {
	node := c.n.Node(s.Element)
	e := c.version(node, s.Date)
	if e == nil {
		c.open[fmt.Sprintf("no such element on %s", s.Date)]++
		return
	}
	c.elements++
	c.byYear[s.Date.Year()]++
	region := s.Region
	if at := c.n.SiteOf(e); at >= 0 && region == "" {
		region = c.n.Sites[at].Region
	}
	r := c.regions[region]
	if r == nil {
		r = &Region{Name: region}
		c.regions[region] = r
	}
	r.Elements++
	site := cmp.Or(e.Site, "element "+e.ID)
	if _, ok := c.sites[site]; !ok {
		c.sites[site] = region
		r.Sites++
	}
	if c.isAnchor(node) {
		c.anchors++
	}
	kit := c.m.kitOf(e)
	if kit < 0 {
		c.open["price of "+cmp.Or(e.NF, "an element without a function")]++
		return
	}
	k := c.classes[kit]
	if k == nil {
		k = &class{kit: kit}
		c.classes[kit] = k
	}
	k.count++
	if e.Installed == 0 {
		k.unknown++
		c.open["installed"]++
		return
	}
	age := max(int64(s.Date-e.Installed), 0)
	left := func(life int64) int64 { return max(0, 1_000_000-age*1_000_000/max(life*365, 1)) }
	k.remaining.Low += left(c.m.Life.Value.Low)
	k.remaining.Mid += left(c.m.Life.Value.Mid)
	k.remaining.High += left(c.m.Life.Value.High)
}

// version is the element that stands at a node the day before a step.
func (c *costing) version(node int, day place.Date) *place.Element {
	if node < 0 {
		return nil
	}
	i, _ := slices.BinarySearchFunc(c.n.Elements, c.n.ID(node), func(e place.Element, id string) int { return cmp.Compare(e.ID, id) })
	for ; i < len(c.n.Elements) && c.n.Elements[i].ID == c.n.ID(node); i++ {
		if c.n.Elements[i].On(day.Add(-1)) {
			return &c.n.Elements[i]
		}
	}
	return nil
}

// isAnchor tells whether 5G elements need a node.
func (c *costing) isAnchor(node int) bool {
	if c.anchored == nil {
		c.anchored = map[int]bool{}
		for i := range c.n.Dependencies {
			if d := &c.n.Dependencies[i]; d.Kind == place.AnchoredOn {
				_, to := c.n.Parts(d)
				c.anchored[to] = true
			}
		}
	}
	return c.anchored[node]
}

// concentration is how the index of concentration (Herfindahl and Hirschman, of
// 1,000,000) of the functions that are replaced changes.
func (c *costing) concentration(p *Plan) {
	before, after := map[string]int64{}, map[string]int64{}
	var all int64
	concerned := map[string]bool{}
	next := map[string]string{}
	for i := range p.Steps {
		s := &p.Steps[i]
		next[s.Element] = s.Vendor
		if e := c.version(c.n.Node(s.Element), s.Date); e != nil {
			concerned[e.NF] = true
		}
	}
	for i := range c.n.Elements {
		e := &c.n.Elements[i]
		if !concerned[e.NF] || e.Vendor == "" {
			continue
		}
		all++
		before[e.Vendor]++
		v := e.Vendor
		if to, ok := next[e.ID]; ok && to != "" {
			v = to
		}
		after[v]++
	}
	c.rise = max(0, hhi(after, all)-hhi(before, all))
}

func hhi(count map[string]int64, all int64) (sum int64) {
	for _, n := range count {
		share := float64(n) / float64(max(all, 1))
		sum += int64(share * share * 1e6)
	}
	return sum
}

// the parts of a cost, in the order in which they are printed.
var partNames = []string{"kit", "less what was due anyway", "labour", "site visits", "4G anchors", "running both", "higher prices"}

// draw draws the parameters again and again. Each is drawn once for the whole
// network: they are wrong together, so that ranges do not shrink by numbers.
func (c *costing) draw(a *Answer) {
	r := rand.New(rand.NewPCG(20190101, uint64(c.elements)))
	kits := make([]*class, 0, len(c.classes))
	for _, k := range c.classes {
		kits = append(kits, k)
	}
	slices.SortFunc(kits, func(x, y *class) int { return x.kit - y.kit })
	totals := make([]int64, draws)
	parts := make([][]int64, len(partNames))
	for i := range parts {
		parts[i] = make([]int64, draws)
	}
	dues, uplifts := make([]int64, draws), make([]int64, draws)
	for d := range draws {
		var kit, fresh float64
		life := r.Float64()
		for _, k := range kits {
			price := sample(r, c.m.Kit[k.kit].Value)
			kit += price * float64(k.count)
			left := between(k.remaining, life) / 1e6
			left += float64(k.unknown) * r.Float64()
			fresh += price * left
		}
		due := 0.0
		if kit > 0 {
			due = 1 - fresh/kit
		}
		if c.m.Due != nil {
			due = sample(r, c.m.Due.Value) / 1e6
		}
		if c.o.Due != nil {
			due = float64(*c.o.Due) / 1e6
		}
		uplift := sample(r, c.m.Uplift.Value) / 1e6 * float64(c.rise) / 100_000
		if c.o.Uplift != nil {
			uplift = float64(*c.o.Uplift) / 1e6
		}
		labour := sample(r, c.m.Labour.Value) * float64(c.elements)
		visits := sample(r, c.m.Visit.Value) * float64(len(c.sites))
		anchors := sample(r, c.m.Anchor.Value) * float64(c.anchors)
		dual := kit * sample(r, c.m.Dual.Value) / 1000 * sample(r, c.m.DualMonths.Value)
		higher := uplift * (kit*(1-due) + labour)
		total := 0.0
		for i, x := range []float64{kit, -kit * due, labour, visits, anchors, dual, higher} {
			parts[i][d] = int64(x)
			total += x
		}
		totals[d], dues[d], uplifts[d] = int64(total), int64(due*1e6), int64(uplift*1e6)
	}
	a.Cost, a.Due, a.Uplift = rangeOf(totals), rangeOf(dues), rangeOf(uplifts)
	for i, name := range partNames {
		a.Parts = append(a.Parts, Part{name, rangeOf(parts[i])})
	}
	for year, count := range c.byYear {
		share := func(n int64) int64 { return int64(float64(n) * float64(count) / float64(max(c.elements, 1))) }
		a.Years = append(a.Years, Year{year, Range{share(a.Cost.Low), share(a.Cost.Mid), share(a.Cost.High)}})
	}
	slices.SortFunc(a.Years, func(x, y Year) int { return x.Year - y.Year })
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
func between(v Range, at float64) float64 {
	return float64(v.Low) + float64(at*float64(v.High-v.Low))
}

// rangeOf are the 5th, the 50th and the 95th of a hundred parts.
func rangeOf(list []int64) Range {
	slices.Sort(list)
	return Range{list[len(list)/20], list[len(list)/2], list[len(list)-1-len(list)/20]}
}

// time says how long each region takes.
func (c *costing) time(a *Answer) {
	for _, r := range c.regions {
		months := func(rate, crews, supply, lead, permit int64) int64 {
			work := ceil(int64(r.Sites), max(rate*crews, 1))
			return max(lead, permit) + max(work, ceil(int64(c.elements), max(supply, 1)))
		}
		m := c.m
		r.Months = Range{
			months(m.Rate.Value.High, m.Crews.Value.High, m.Supply.Value.High, m.Lead.Value.Low, m.Permit.Value.Low),
			months(m.Rate.Value.Mid, m.Crews.Value.Mid, m.Supply.Value.Mid, m.Lead.Value.Mid, m.Permit.Value.Mid),
			months(m.Rate.Value.Low, m.Crews.Value.Low, m.Supply.Value.Low, m.Lead.Value.High, m.Permit.Value.High),
		}
		a.Regions = append(a.Regions, *r)
	}
	slices.SortFunc(a.Regions, func(x, y Region) int {
		return cmp.Or(cmp.Compare(y.Months.Mid, x.Months.Mid), cmp.Compare(x.Name, y.Name))
	})
}

func ceil(n, by int64) int64 { return (n + by - 1) / by }

// LatestStart is when the work of a region has to begin for a date, at the
// earliest and the latest of what the ranges allow; passed where the day of
// decision is behind it.
func (r *Region) LatestStart(deadline, asOf place.Date) (early, late place.Date, passed bool) {
	early, late = deadline.AddMonths(-int(min(r.Months.High, 1200))), deadline.AddMonths(-int(min(r.Months.Low, 1200)))
	return early, late, late < asOf
}
