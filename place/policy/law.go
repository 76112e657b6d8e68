package policy

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/wardein/wardein/place"
)

// Untested lists what the fixtures of a pack leave untried: a day or a number at
// which a rule turns without a fixture on each side of it.
//
//   - From and To: a fixture on the last day outside that ends out of scope, and
//     one on the first day inside that does not.
//   - A comparison of a fact with a day or a number: fixtures with both values
//     between which it turns.
//   - A cap: a fixture that complies at the cap and one that breaks it by at most
//     one percent; a count: one at the bound and one next to it.
//   - A list's entry that begins or ends while rules read it: fixtures on the day
//     and on the day before.
func (p *Pack) Untested(ctx context.Context) (list []string) {
	for i := range p.Rules {
		r := &p.Rules[i]
		for _, gap := range append(r.untestedDays(), append(r.untestedFacts(), p.untestedCap(ctx, r)...)...) {
			list = append(list, r.ID+": "+gap)
		}
	}
	return append(list, p.untestedLists()...)
}

const outside = "out of scope"

func (r *Rule) untestedDays() (gaps []string) {
	has := func(day place.Date, in bool) bool {
		return slices.ContainsFunc(r.Fixtures, func(f Fixture) bool { return f.AsOf == day && (f.Want != outside) == in })
	}
	for _, turn := range []struct {
		day    place.Date // the first day after it
		inside bool       // that the rule binds then
	}{{r.From, true}, {r.To, false}} {
		if turn.day == 0 {
			continue
		}
		if !has(turn.day, turn.inside) {
			gaps = append(gaps, "no fixture as of "+turn.day.String())
		}
		if !has(turn.day.Add(-1), !turn.inside) {
			gaps = append(gaps, "no fixture as of "+turn.day.Add(-1).String())
		}
	}
	return gaps
}

func (r *Rule) untestedFacts() (gaps []string) {
	for _, x := range r.expressions() {
		for _, b := range x.bounds {
			for _, at := range []int64{b.at, b.at + 1} {
				want := bound{b.fact, at, b.date}
				if !slices.ContainsFunc(r.Fixtures, func(f Fixture) bool { return f.holds(want) }) {
					gaps = append(gaps, "no fixture with "+want.String())
				}
			}
		}
	}
	return gaps
}

// holds tells whether a fixture has a fact of a value.
func (f *Fixture) holds(b bound) bool {
	text := strconv.FormatInt(b.at, 10)
	if b.date {
		text = place.Date(b.at).String()
	}
	names := []string{b.fact, "release." + b.fact}
	if b.fact == "leaves" {
		names = []string{"removal_planned", "valid_to"}
	}
	for _, facts := range append([]map[string]string{f.Element, f.Operator}, f.Elements...) {
		for _, name := range names {
			if facts[name] == text {
				return true
			}
		}
	}
	return false
}

// near is how far above a cap a fixture may be, in parts per million.
const near = 10_000

func (p *Pack) untestedCap(ctx context.Context, r *Rule) (gaps []string) {
	var at, over bool
	is := func(g *Group, low, high int64) bool { return g.Low == g.High && g.Low >= low && g.Low <= high }
	for i := range r.Fixtures {
		f := &r.Fixtures[i]
		res, err := p.judgeFixture(ctx, r, f)
		if err != nil {
			continue // Test says so
		}
		for k := range res.Groups {
			g := &res.Groups[k]
			switch {
			case r.Count != nil && r.Count.Max > 0:
				at, over = at || is(g, int64(r.Count.Max), int64(r.Count.Max)), over || is(g, int64(r.Count.Max)+1, int64(r.Count.Max)+1)
			case r.Count != nil:
				at, over = at || is(g, int64(r.Count.Min), int64(r.Count.Min)), over || is(g, int64(r.Count.Min)-1, int64(r.Count.Min)-1)
			default:
				most, _ := percent(r.Cap())
				at = at || is(g, most, most)
				over = over || g.Outcome == Breaks && g.Low >= most && g.Low <= most+near
			}
		}
	}
	if r.Count == nil && r.Cap() == "" {
		return nil
	}
	if !at {
		gaps = append(gaps, "no fixture at the cap or bound")
	}
	if !over {
		gaps = append(gaps, "no fixture just beyond the cap or bound")
	}
	return gaps
}

// untestedLists asks for fixtures around the days on which lists change while a
// rule that reads them binds.
func (p *Pack) untestedLists() (gaps []string) {
	for i := range p.Rules {
		r := &p.Rules[i]
		read := map[string]bool{}
		for _, x := range r.expressions() {
			for _, name := range x.lists {
				read[name] = true
			}
		}
		if r.Dependency != nil {
			read[r.Dependency.List] = true
		}
		var days []place.Date
		for name := range read {
			for _, l := range p.Lists[name] {
				days = append(days, l.From, l.To)
			}
		}
		slices.Sort(days)
		for _, day := range slices.Compact(days) {
			if day == 0 || day <= r.From || r.To != 0 && day >= r.To {
				continue
			}
			for _, d := range []place.Date{day.Add(-1), day} {
				if !slices.ContainsFunc(r.Fixtures, func(f Fixture) bool { return f.AsOf == d }) {
					gaps = append(gaps, fmt.Sprintf("%s: a list changes on %s, no fixture as of %s", r.ID, day, d))
				}
			}
		}
	}
	return gaps
}

// judgeFixture judges one rule on a network that is made of a fixture.
func (p *Pack) judgeFixture(ctx context.Context, r *Rule, f *Fixture) (*Result, error) {
	if f.AsOf == 0 {
		return nil, fmt.Errorf("want as_of")
	}
	net, evidence, err := f.network()
	if err != nil {
		return nil, err
	}
	return newScene(p, net.At(f.AsOf), evidence).judge(ctx, r, Options{})
}
