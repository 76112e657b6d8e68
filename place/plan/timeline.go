package plan

import (
	"context"
	"slices"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/policy"
)

// Moment is the state of a network on one day, as it stands and under a plan.
type Moment struct {
	Date place.Date
	// Rules are the rules' ends, in the order of packs and rules.
	Rules []RuleState
	// Vendors are the exposures, by name.
	Vendors []VendorState
	// Steps is how many of the plan's steps are done.
	Steps int
}

// RuleState is how a rule ends on a day.
type RuleState struct {
	Pack, Rule string
	// Verified tells that the rule counts in totals.
	Verified      bool
	Without, With RuleCount
}

// RuleCount are an outcome and how many elements break a rule or may.
type RuleCount struct {
	Outcome              policy.Outcome
	Broken, Undetermined int
	// Low and High are, for a share or count, the bounds of its worst group.
	Low, High int64
}

// VendorState is what a vendor sees on a day, in parts per million of the traffic,
// and how many elements are its.
type VendorState struct {
	Vendor        string
	Without, With Sight
}

// Sight is an exposure in parts per million of all traffic.
type Sight struct {
	Elements, Manages int
	// Views are always, normally and possibly of each exposure.View.
	Views [exposure.Views][3]int64
}

// Timeline says what a network is like on each date, without a plan and under it.
// p may be nil. dates are taken in order, each once.
func Timeline(ctx context.Context, n *place.Network, p *Plan, packs []*policy.Pack, dates []place.Date, o policy.Options) ([]Moment, error) {
	dates = slices.Clone(dates)
	slices.Sort(dates)
	dates = slices.Compact(dates)
	planned := n
	if p != nil && len(p.Steps) > 0 {
		planned = p.Apply(n)
	}
	var list []Moment
	for _, day := range dates {
		if day == 0 {
			continue
		}
		m := Moment{Date: day}
		without, err := stateOf(ctx, n.At(day), packs, o)
		if err != nil {
			return nil, err
		}
		with := without
		if p != nil {
			for i := range p.Steps {
				if p.Steps[i].Date <= day {
					m.Steps++
				}
			}
		}
		if m.Steps > 0 {
			if with, err = stateOf(ctx, planned.At(day), packs, o); err != nil {
				return nil, err
			}
		}
		m.join(without, with)
		list = append(list, m)
	}
	return list, nil
}

type state struct {
	rules  []RuleState
	counts []RuleCount
	sights map[string]Sight
}

func stateOf(ctx context.Context, s *place.Snapshot, packs []*policy.Pack, o policy.Options) (*state, error) {
	out := &state{sights: map[string]Sight{}}
	for _, pack := range packs {
		results, err := pack.Judge(ctx, s, o)
		if err != nil {
			return nil, err
		}
		for i := range results {
			r := &results[i]
			out.rules = append(out.rules, RuleState{Pack: pack.ID, Rule: r.Rule.ID, Verified: r.Rule.Status == "verified"})
			c := RuleCount{Outcome: r.Outcome, Broken: len(r.Broken), Undetermined: len(r.Open)}
			for k := range r.Groups {
				if g := &r.Groups[k]; g.Outcome == r.Outcome {
					c.Low, c.High = max(c.Low, g.Low), max(c.High, g.High)
				}
			}
			out.counts = append(out.counts, c)
		}
	}
	x, err := exposure.Of(ctx, s, exposure.Options{By: "vendor"})
	if err != nil {
		return nil, err
	}
	for i := range x.Rows {
		r := &x.Rows[i]
		sight := Sight{Elements: r.Elements, Manages: r.Manages}
		for v := range sight.Views {
			of := r.Views[v]
			sight.Views[v] = [3]int64{ppm(of.Must.Bps, x.Total.Bps), ppm(of.Expected.Bps, x.Total.Bps), ppm(of.Could.Bps, x.Total.Bps)}
		}
		out.sights[r.Who] = sight
	}
	return out, nil
}

func ppm(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return int64(float64(part) / float64(whole) * 1e6)
}

func (m *Moment) join(without, with *state) {
	m.Rules = slices.Clone(without.rules)
	for i := range m.Rules {
		m.Rules[i].Without, m.Rules[i].With = without.counts[i], with.counts[i]
	}
	var names []string
	for name := range without.sights {
		names = append(names, name)
	}
	for name := range with.sights {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		m.Vendors = append(m.Vendors, VendorState{name, without.sights[name], with.sights[name]})
	}
}

// RuleDates are the days between two, both included, on which a rule of the packs
// begins or ends to bind, or an entry of their lists to count; a day of 0 bounds
// nothing.
func RuleDates(packs []*policy.Pack, from, to place.Date) (dates []place.Date) {
	add := func(d place.Date) {
		if d != 0 && d >= from && (to == 0 || d <= to) {
			dates = append(dates, d)
		}
	}
	for _, p := range packs {
		for i := range p.Rules {
			add(p.Rules[i].From)
			add(p.Rules[i].To)
		}
		for _, list := range p.Lists {
			for i := range list {
				add(list[i].From)
				add(list[i].To)
			}
		}
	}
	slices.Sort(dates)
	return slices.Compact(dates)
}
