package plan

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/wardein/wardein/place"
)

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
