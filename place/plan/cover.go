package plan

import (
	"cmp"
	"math"
	"slices"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/policy"
)

// item is something that may be replaced: what it counts for, and its price.
type item struct {
	node    int32
	measure float64
	price   int64
}

// byWorth orders items by measure for the money.
func byWorth(a, b item) int {
	return cmp.Or(cmp.Compare(b.measure*float64(a.price), a.measure*float64(b.price)), cmp.Compare(a.node, b.node))
}

// coverWork bounds the search for the least cost, in items looked at, and maxDepth
// how deep it goes; beyond it the best that was found stands, with the bound that
// is proven.
const (
	coverWork = 10_000_000
	maxDepth  = 4000
)

// cover chooses items of at least a measure for the least price (the covering
// knapsack): exactly, by branch and bound, where that takes no more than
// coverWork, else by measure for the money. No choice costs less than bound,
// which is that of the linear relaxation (Dantzig 1957) where exact is false.
func cover(items []item, need float64) (chosen []item, price, bound int64, exact bool) {
	items = slices.DeleteFunc(slices.Clone(items), func(it item) bool { return it.measure <= 0 })
	slices.SortFunc(items, byWorth)
	if need <= 0 {
		return nil, 0, 0, true
	}
	bound = relaxed(items, need)
	best, ok := greedy(items, need)
	if !ok { // all of them are not enough
		return items, sum(items), sum(items), true
	}
	price = sum(best)
	if price <= bound {
		return best, price, bound, true
	}
	s := &search{items: items, best: best, price: price, steps: coverWork / max(len(items), 50)}
	if s.from(0, need, 0); s.steps > 0 {
		return s.best, s.price, s.price, true
	}
	return s.best, s.price, bound, false
}

func sum(items []item) (price int64) {
	for _, it := range items {
		price += it.price
	}
	return price
}

// relaxed is the least price where items, which are in order of measure for the
// money, may be taken in part; more than any price where all are not enough.
func relaxed(items []item, need float64) int64 {
	price := 0.0
	for _, it := range items {
		if it.measure >= need {
			return int64(math.Ceil(price + float64(it.price)*(need/it.measure) - 1e-6))
		}
		need -= it.measure
		price += float64(it.price)
	}
	return math.MaxInt64 / 4
}

// greedy takes items in order until they are enough, then leaves out what is not
// needed, the dearest first.
func greedy(items []item, need float64) (best []item, ok bool) {
	have := 0.0
	for _, it := range items {
		if have >= need {
			break
		}
		best = append(best, it)
		have += it.measure
	}
	if have < need {
		return nil, false
	}
	order := slices.Clone(best)
	slices.SortStableFunc(order, func(a, b item) int { return cmp.Compare(b.price, a.price) })
	for _, it := range order {
		if have-it.measure >= need && it.price > 0 {
			have -= it.measure
			best = slices.DeleteFunc(best, func(x item) bool { return x.node == it.node })
		}
	}
	return best, true
}

type search struct {
	items, taken, best []item
	price              int64
	steps              int
}

// from decides item i and what follows it.
func (s *search) from(i int, need float64, price int64) {
	for ; ; i++ {
		if need <= 0 {
			if price < s.price {
				s.best, s.price = slices.Clone(s.taken), price
			}
			return
		}
		if s.steps--; i == maxDepth {
			s.steps = 0 // nothing is proven any more
		}
		if s.steps <= 0 || i == len(s.items) || price+relaxed(s.items[i:], need) >= s.price {
			return
		}
		it := s.items[i]
		s.taken = append(s.taken, it)
		s.from(i+1, need-it.measure, price+it.price)
		s.taken = s.taken[:len(s.taken)-1]
	}
}

// Excess is the cheapest set of a share's members that has to go for the share to
// be within its bound, as far as it was found; see cover.
func Excess(s *place.Snapshot, share *policy.Share, g *policy.Group, m *Model) []int32 {
	items, need := excess(s, share, g, m, nil)
	chosen, _, _, _ := cover(items, need)
	out := make([]int32, 0, len(chosen))
	for _, it := range chosen {
		out = append(out, it.node)
	}
	slices.Sort(out)
	return out
}

// excess are the members of a share that may go, and how much of its measure has
// to. What is gone already counts as gone.
func excess(s *place.Snapshot, share *policy.Share, g *policy.Group, m *Model, gone map[int32]bool) (items []item, need float64) {
	for _, node := range g.Members {
		e := s.Of(int(node))
		measure := float64(max(share.MeasureOf(e), 0))
		if gone[node] {
			continue
		}
		need += measure
		items = append(items, item{node, measure, m.priceOf(e, s.Date)})
	}
	// The whole stays what it is, since what goes is replaced. One unit of a share
	// above a bound that is no round number breaks it.
	return items, need - math.Floor(float64(share.Bound())*float64(g.Whole)/1e6)
}

// priceOf is what replacing an element on a day costs by the model's middle
// figures, without what sites share: the measure that sets are chosen by.
func (m *Model) priceOf(e *place.Element, day place.Date) int64 {
	price := m.Labour.Value.Mid
	if k := m.kitOf(e); k >= 0 {
		kit := float64(m.Kit[k].Value.Mid)
		due := 0.0
		switch {
		case m.Due != nil:
			due = float64(m.Due.Value.Mid) / 1e6
		case e.Installed != 0:
			due = min(1, float64(max(day-e.Installed, 0))/float64(max(m.Life.Value.Mid, 1)*365))
		}
		price += int64(math.Round(kit * (1 - due)))
	}
	return price
}
