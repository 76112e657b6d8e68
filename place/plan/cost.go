package plan

import (
	"cmp"
	"context"
	"fmt"
	"math"
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
