package policy

import (
	"context"
	"math"
	"slices"

	"github.com/wardein/wardein/place"
)

// Concentration is a cap on how much the elements in scope are of few values of a
// fact, vendors for one: the sum of the squares of the values' shares
// (Herfindahl-Hirschman index), 100 % where one value has all, 50 % where two
// have half each.
type Concentration struct {
	Of       string // CEL: which of the elements in scope are counted
	Measure  string // as a Share's
	Distinct string // a variable
	Per      []string
	Max      string // "50 %"

	of  *expression
	max int64
}

// concentration judges the index. Where only values are not known its bounds are
// exact: least where each such element has a value of its own, greatest where
// all have that which has most already. Where it is not known what counts, or
// for how much, they follow from the greatest share alone: the index lies
// between its square and itself.
func (s *scene) concentration(ctx context.Context, r *Rule, res *Result, missing missingFacts) {
	c := r.Concentration
	counted := newCache()
	parts, anywhere := s.parts(ctx, r, grouping{of: func(node int) truth { return c.of.eval(s, node, counted) }, per: c.Per, measure: c.Measure, distinct: c.Distinct}, missing)
	all := s.masses(c.Distinct, anywhere)
	for i, p := range parts {
		g := Group{Key: p.key}
		if i == len(parts)-1 && len(anywhere) > 0 {
			g.list(anywhere)
		}
		g.list(p.members)
		m := s.masses(c.Distinct, p.members)
		low, high := m.index(&all)
		g.Low, g.High = int64(math.Floor(low*1e6+1e-6)), int64(math.Ceil(high*1e6-1e-6))
		g.Whole = int64(m.whole)
		switch {
		case m.most+all.most == 0 && !m.unbounded && !all.unbounded:
			g.Outcome = OutOfScope
		default:
			g.Outcome = capped(g.Low, g.High, c.max)
		}
		res.Groups = append(res.Groups, g)
	}
	res.Outcome = worstGroup(res.Groups)
}

// masses are what the values of a fact count for.
type masses struct {
	least, greatest map[string]float64
	loose           []float64 // of elements of which the value is not known
	whole, most     float64   // of what is counted for sure, and of all
	exact           bool
	unbounded       bool
}

func (s *scene) masses(fact string, members []member) masses {
	out := masses{least: map[string]float64{}, greatest: map[string]float64{}, exact: true}
	distinct := variableOf(fact)
	for i := range members {
		m := &members[i]
		if m.of == place.No {
			continue
		}
		least := 0.0
		if m.sure() {
			least = float64(m.least)
		}
		out.exact = out.exact && (m.sure() && !m.open || m.most == 0 && !m.unbounded)
		out.unbounded = out.unbounded || m.unbounded
		out.whole += least
		out.most += float64(m.most)
		if value, ok := distinct.print(s, int(m.node)); ok {
			out.least[value] += least
			out.greatest[value] += float64(m.most)
		} else {
			out.loose = append(out.loose, float64(m.most))
		}
	}
	return out
}

// index is the least and the greatest index, with elements that may belong here.
func (m *masses) index(anywhere *masses) (low, high float64) {
	if m.unbounded || anywhere.unbounded {
		return 0, 1
	}
	if m.exact && anywhere.most == 0 {
		if m.whole == 0 {
			return 0, 0
		}
		var squares, loose, top float64
		for _, w := range m.least {
			squares += w * w
			top = max(top, w)
		}
		low = squares
		for _, w := range m.loose {
			low += w * w
			loose += w
		}
		high = squares - top*top + (top+loose)*(top+loose)
		return low / m.whole / m.whole, high / m.whole / m.whole
	}
	loose := 0.0
	for _, w := range slices.Concat(m.loose, anywhere.loose) {
		loose += w
	}
	most := m.most + anywhere.most
	for value, w := range m.greatest {
		// At most all that may be of the value, and of others what is there for
		// sure; at least what is of it for sure, and of others all that may be.
		w += anywhere.greatest[value]
		least := m.least[value]
		high = max(high, divide(w, w+m.whole-least))
		share := divide(least, least+most-w)
		low = max(low, share*share)
	}
	for value, w := range anywhere.greatest {
		if _, ok := m.greatest[value]; !ok {
			high = max(high, divide(w, w+m.whole))
		}
	}
	if loose > 0 {
		high = 1
	}
	return low, high
}

func divide(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
