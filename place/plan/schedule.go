package plan

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/wardein/wardein/place"
)

// Schedule is a plan in waves: a wave is what is done in one region in one month.
type Schedule struct {
	// Plan are the steps, each on the day after the month in which it is done.
	Plan  *Plan
	Waves []Wave
	// Late counts, by rule and region, the steps that end after the day on which
	// they were asked for.
	Late []Late
	// Circles are how many steps stand in a circle of things that need each other:
	// they are done in the order of names.
	Circles int
}

// Wave is one region's work of one month. End is the day from which it is done.
type Wave struct {
	Number          int
	Start, End      place.Date
	Region          string
	Elements, Sites int
}

// Late is how many steps for a rule end after its date in a region, and the last.
type Late struct {
	Rule, Region string
	Steps        int
	Deadline     place.Date
	Last         place.Date
}

// Pace is how fast work goes: the middle figures of a model, or others.
type Pace struct {
	// Sites a month in a region, Elements a month in all; Lead and Permit are
	// months before the first.
	Sites, Elements, Lead, Permit int64
}

// PaceOf is the pace by a model's middle figures.
func PaceOf(m *Model) Pace {
	return Pace{max(m.Crews.Value.Mid*m.Rate.Value.Mid, 1), max(m.Supply.Value.Mid, 1), m.Lead.Value.Mid, m.Permit.Value.Mid}
}

// Spread gives each step its month. decided is the day on which preparation
// begins; the first work is when the new vendor is there (Lead) and a site's
// permits are (Permit, or the greatest fact "permit_months" of its elements).
// A month takes as many sites of a region as its crews do, and as many elements of
// all regions as the vendor delivers. Sites that are due earlier come first. What
// others need comes before them or in the same month: the 4G anchor before the
// 5G element, the host before its function. A managing system goes last where
// elements of its maker among the steps need it until they are gone, and first
// where it does not manage its own maker's.
func Spread(ctx context.Context, n *place.Network, p *Plan, pace Pace, decided place.Date) (*Schedule, error) {
	sp := &spreader{n: n, now: n.At(decided), pace: pace, decided: decided, at: map[int]int{}}
	sp.group(p)
	sp.order()
	out := &Schedule{Plan: &Plan{Name: p.Name}}
	if err := sp.fill(ctx, out); err != nil {
		return nil, err
	}
	out.waves(n)
	out.late(p)
	return out, nil
}

type spreader struct {
	n       *place.Network
	now     *place.Snapshot
	pace    Pace
	decided place.Date
	jobs    []*job
	at      map[int]int // job of a node
}

// job is what is done at once: the steps of one site.
type job struct {
	site, region string
	steps        []Step
	deadline     place.Date
	ready        int // months after the decision
	after        []int
	managers     bool // holds a managing system that goes last
	depth        int  // of what has to come before
	month        int
}

// group puts steps of one site together: crews come once. Managing systems are
// jobs of their own.
func (sp *spreader) group(p *Plan) {
	index := map[string]int{}
	for i := range p.Steps {
		s := p.Steps[i]
		node := sp.n.Node(s.Element)
		e := before(sp.n, node, s.Date)
		if e == nil {
			continue
		}
		f, _ := place.FunctionOf(e.NF)
		key := cmp.Or(e.Site, "element "+e.ID)
		if f.Group == "management" {
			key = "element " + e.ID
		}
		s.Region = regionOf(sp.n, &s, e)
		k, ok := index[key]
		if !ok {
			k = len(sp.jobs)
			index[key] = k
			sp.jobs = append(sp.jobs, &job{site: key, region: s.Region, deadline: s.Date, ready: int(max(sp.pace.Lead, sp.pace.Permit))})
		}
		j := sp.jobs[k]
		j.steps = append(j.steps, s)
		j.deadline = min(j.deadline, s.Date)
		if months, ok := permitOf(e); ok {
			j.ready = int(max(sp.pace.Lead, months))
		}
		sp.at[node] = k
	}
	for i := range sp.n.Dependencies {
		d := &sp.n.Dependencies[i]
		from, to := sp.n.Parts(d)
		a, okA := sp.at[from]
		b, okB := sp.at[to]
		if !okA || !okB || a == b {
			continue
		}
		if d.Kind == place.ManagedBy && sp.sameMaker(from, to) {
			sp.jobs[b].after = append(sp.jobs[b].after, a) // it is needed until they are gone
			sp.jobs[b].managers = true
			continue
		}
		sp.jobs[a].after = append(sp.jobs[a].after, b)
	}
}

func (sp *spreader) sameMaker(from, to int) bool {
	a, b := sp.now.Of(from), sp.now.Of(to)
	return a != nil && b != nil && a.Vendor != "" && a.Vendor == b.Vendor
}

// order finds how deep each job is in what it comes after (Kahn 1962). What is in
// a circle stays at the depth that it was seen with.
func (sp *spreader) order() {
	waits := make([]int, len(sp.jobs))
	next := make([][]int, len(sp.jobs))
	for i, j := range sp.jobs {
		slices.Sort(j.after)
		j.after = slices.Compact(j.after)
		waits[i] = len(j.after)
		for _, b := range j.after {
			next[b] = append(next[b], i)
		}
	}
	var queue []int
	for i := range sp.jobs {
		if waits[i] == 0 {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, k := range next[i] {
			sp.jobs[k].depth = max(sp.jobs[k].depth, sp.jobs[i].depth+1)
			if waits[k]--; waits[k] == 0 {
				queue = append(queue, k)
			}
		}
	}
	for i, j := range sp.jobs {
		if waits[i] > 0 {
			j.after = slices.DeleteFunc(j.after, func(b int) bool { return waits[b] > 0 })
			j.depth = -1 // in a circle, or behind one
		}
	}
}

// fill gives each job the first month in which there is room for it.
func (sp *spreader) fill(ctx context.Context, out *Schedule) error {
	order := make([]int, len(sp.jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := sp.jobs[a], sp.jobs[b]
		return cmp.Or(cmp.Compare(x.depth, y.depth), cmp.Compare(x.deadline, y.deadline), cmp.Compare(x.region, y.region), cmp.Compare(x.site, y.site))
	})
	type cell struct {
		region string
		month  int
	}
	sites := map[cell]int64{}
	first := map[string]int{} // month of a region before which there is no room
	var elements []int64      // by month
	room := func(month int) *int64 {
		for len(elements) <= month {
			elements = append(elements, 0)
		}
		return &elements[month]
	}
	full := 0 // month before which the vendor delivers nothing more
	for i, k := range order {
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		j := sp.jobs[k]
		if j.depth < 0 {
			out.Circles += len(j.steps)
		}
		month := j.ready
		for _, b := range j.after {
			month = max(month, sp.jobs[b].month)
		}
		month = max(month, first[j.region], full)
		want := int64(len(j.steps))
		for {
			used := *room(month)
			// More than a month's supply for one site begins in an empty month.
			fits := used+want <= sp.pace.Elements || used == 0
			if fits && sites[cell{j.region, month}] < sp.pace.Sites {
				break
			}
			month++
		}
		*room(month) += want
		sites[cell{j.region, month}]++
		for sites[cell{j.region, first[j.region]}] >= sp.pace.Sites {
			first[j.region]++
		}
		for full < len(elements) && elements[full] >= sp.pace.Elements {
			full++
		}
		j.month = month
		for _, s := range j.steps {
			s.Date = sp.decided.AddMonths(min(month+1, 12000))
			out.Plan.Steps = append(out.Plan.Steps, s)
		}
	}
	return nil
}

// waves numbers the steps by month and region.
func (out *Schedule) waves(n *place.Network) {
	steps := out.Plan.Steps
	slices.SortFunc(steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Element, b.Element))
	})
	seen := map[string]bool{}
	for i := range steps {
		s := &steps[i]
		if len(out.Waves) == 0 || out.Waves[len(out.Waves)-1].End != s.Date || out.Waves[len(out.Waves)-1].Region != s.Region {
			out.Waves = append(out.Waves, Wave{Number: len(out.Waves) + 1, Start: s.Date.AddMonths(-1), End: s.Date, Region: s.Region})
		}
		w := &out.Waves[len(out.Waves)-1]
		s.Wave = w.Number
		w.Elements++
		site := ""
		if e := before(n, n.Node(s.Element), s.Date); e != nil {
			site = e.Site
		}
		if site = cmp.Or(site, "element "+s.Element); !seen[site] {
			seen[site] = true
			w.Sites++
		}
	}
	out.Plan.Sort()
}

// late compares the days with those on which rules ask for them. A step is asked
// for by the first of its rules; a rule's own day is therefore the last on which
// one of its steps is.
func (out *Schedule) late(asked *Plan) {
	want := map[string]place.Date{}
	for i := range asked.Steps {
		s := &asked.Steps[i]
		for _, rule := range strings.Fields(cmp.Or(s.Why, "-")) {
			want[rule] = max(want[rule], s.Date)
		}
	}
	type key struct{ rule, region string }
	found := map[key]*Late{}
	for i := range out.Plan.Steps {
		s := &out.Plan.Steps[i]
		for _, rule := range strings.Fields(cmp.Or(s.Why, "-")) {
			if s.Date <= want[rule] {
				continue
			}
			k := key{rule, s.Region}
			l := found[k]
			if l == nil {
				l = &Late{Rule: rule, Region: s.Region, Deadline: want[rule]}
				found[k] = l
			}
			l.Steps++
			l.Last = max(l.Last, s.Date)
		}
	}
	for _, l := range found {
		out.Late = append(out.Late, *l)
	}
	slices.SortFunc(out.Late, func(a, b Late) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Region, b.Region))
	})
}
