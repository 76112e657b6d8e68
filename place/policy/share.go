package policy

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/wardein/wardein/place"
)

// measures are what a share can be of.
var measures = map[string]func(*place.Element) int64{
	"elements":    func(*place.Element) int64 { return 1 },
	"premises":    func(e *place.Element) int64 { return e.Premises },
	"cells":       func(e *place.Element) int64 { return e.Cells },
	"subscribers": func(e *place.Element) int64 { return e.Subscribers },
	"traffic":     func(e *place.Element) int64 { return e.Traffic },
}

// member is an element that a rule counts, or may count, with what it counts for.
type member struct {
	node        int32
	in, of      place.Truth
	least, most uint64
	// open tells that the measure is not known, unbounded that nothing bounds it.
	open, unbounded bool
}

// sure tells that the element is counted.
func (m *member) sure() bool { return m.in == place.Yes && m.of == place.Yes }

// part is a group of a rule's elements that agree in the rule's Per.
type part struct {
	key     []string
	members []member
}

// grouping is how an aggregate sorts and counts elements.
type grouping struct {
	of      func(node int) truth
	per     []string
	measure string
	// distinct is a further variable that is needed of what is counted, or "".
	distinct string
}

// parts sorts the elements that a rule counts. An element of which a value of
// per is not known may belong to any part, and to one that no other belongs to:
// such are in anywhere, and as a part of their own at the end.
func (s *scene) parts(ctx context.Context, r *Rule, g grouping, missing missingFacts) (list []part, anywhere []member) {
	measure := measures[g.measure]
	most := s.greatest(measure)
	scope := newCache()
	index := map[string]int{}
	for node := range s.Element {
		if node%1024 == 0 && ctx.Err() != nil || s.fault != nil {
			return nil, nil
		}
		e := s.Of(node)
		if e == nil {
			continue
		}
		in := r.scope.eval(s, node, scope)
		if in.Truth == place.No {
			continue
		}
		is := g.of(node)
		m := member{node: int32(node), in: in.Truth, of: is.Truth}
		lacks := append(slices.Clone(in.missing), is.missing...)
		if n := measure(e); n != place.Unknown {
			m.least, m.most = uint64(max(n, 0)), uint64(max(n, 0))
		} else {
			lacks, m.open = append(lacks, g.measure), true
			if most[e.NF] == place.Unknown {
				m.unbounded = true
			} else {
				m.most = uint64(most[e.NF])
			}
		}
		if g.distinct != "" && m.of != place.No {
			if _, ok := variableOf(g.distinct).print(s, node); !ok {
				lacks = append(lacks, g.distinct)
			}
		}
		key := make([]string, len(g.per))
		lost := false
		for i, name := range g.per {
			value, ok := variableOf(name).print(s, node)
			if key[i] = value; !ok {
				lost = true
				lacks = append(lacks, name)
			}
		}
		missing.add(lacks)
		if lost {
			m.in = place.NotKnown
			anywhere = append(anywhere, m)
			continue
		}
		k := strings.Join(key, "\x00")
		i, ok := index[k]
		if !ok {
			i, index[k] = len(list), len(list)
			list = append(list, part{key: key})
		}
		list[i].members = append(list[i].members, m)
	}
	slices.SortFunc(list, func(a, b part) int { return slices.Compare(a.key, b.key) })
	if len(anywhere) > 0 {
		list = append(list, part{key: make([]string, len(g.per))})
	}
	return list, anywhere
}

// sums are the parts and wholes of the least and of the greatest share.
type sums struct {
	low, lowAll, high, highAll uint64
	unknown                    int
	top                        uint64
	unbounded                  bool
}

func plus(a, b uint64) uint64 {
	if sum, over := bits.Add64(a, b, 0); over == 0 {
		return sum
	}
	return math.MaxUint64
}

// add counts an element. In the least share what may be outside of the part is,
// and as large as it can be; in the greatest the other way round.
func (x *sums) add(m *member) {
	if m.open {
		x.unknown++
		x.top = max(x.top, m.most)
		x.unbounded = x.unbounded || m.unbounded
	}
	switch m.of {
	case place.Yes:
		if m.in == place.Yes {
			x.low, x.lowAll = plus(x.low, m.least), plus(x.lowAll, m.least)
		}
		x.high, x.highAll = plus(x.high, m.most), plus(x.highAll, m.most)
		return
	case place.NotKnown:
		x.high, x.highAll = plus(x.high, m.most), plus(x.highAll, m.most)
	default:
		if m.in == place.Yes {
			x.highAll = plus(x.highAll, m.least)
		}
	}
	x.lowAll = plus(x.lowAll, m.most)
}

// share judges a cap on a part of a whole. Where facts are missing the share is
// an interval; a measure that is not known lies between 0 and the greatest that
// is known of its function.
func (s *scene) share(ctx context.Context, r *Rule, res *Result, missing missingFacts) {
	counted := newCache()
	x := r.Share
	s.capped(ctx, r, res, grouping{of: func(node int) truth { return x.of.eval(s, node, counted) }, per: x.Per, measure: x.Measure}, x.max, missing)
}

func (s *scene) capped(ctx context.Context, r *Rule, res *Result, by grouping, most int64, missing missingFacts) {
	parts, anywhere := s.parts(ctx, r, by, missing)
	var all sums
	for i := range anywhere {
		all.add(&anywhere[i])
	}
	for i, p := range parts {
		g := Group{Key: p.key}
		x := all
		if i == len(parts)-1 && len(anywhere) > 0 {
			g.list(anywhere)
		}
		for k := range p.members {
			x.add(&p.members[k])
		}
		g.list(p.members)
		g.Low, g.High = ratio(x.low, x.lowAll, false), ratio(x.high, x.highAll, true)
		g.Whole = int64(min(x.lowAll, math.MaxInt64))
		switch {
		case x.unbounded:
			g.Low, g.High = 0, 1_000_000
			g.Assumed = fmt.Sprintf("no element of some function has a known number of %s: the share can be anything", by.measure)
			g.Outcome = capped(0, 1_000_000, most)
		case x.highAll == 0 && x.lowAll == 0:
			g.Outcome = OutOfScope
		case above(x.low, x.lowAll, most):
			g.Outcome = Breaks
		case above(x.high, x.highAll, most):
			g.Outcome = Undetermined
		default:
			g.Outcome = Complies
		}
		if !x.unbounded && x.unknown > 0 {
			g.Assumed = fmt.Sprintf("without a number of %s: %d, counted with 0 to %d, the greatest known of their function", by.measure, x.unknown, x.top)
		}
		res.Groups = append(res.Groups, g)
	}
	res.Outcome = worstGroup(res.Groups)
}

// list notes the elements of a group.
func (g *Group) list(members []member) {
	for i := range members {
		switch m := &members[i]; {
		case m.in != place.Yes || m.of == place.NotKnown || m.open:
			g.Uncertain = append(g.Uncertain, m.node)
		case m.of == place.Yes:
			g.Members = append(g.Members, m.node)
		}
	}
}

// above tells whether a share is above a cap, exactly.
func above(part, whole uint64, most int64) bool {
	h1, l1 := bits.Mul64(part, 1_000_000)
	h2, l2 := bits.Mul64(whole, uint64(most))
	return h1 > h2 || h1 == h2 && l1 > l2
}

// ratio is a share in parts per million, rounded down or up.
func ratio(part, whole uint64, up bool) int64 {
	if whole == 0 || part == 0 {
		return 0
	}
	if part >= whole {
		return 1_000_000
	}
	h, l := bits.Mul64(part, 1_000_000)
	q, rest := bits.Div64(h, l, whole)
	if up && rest > 0 {
		q++
	}
	return int64(q)
}

// MeasureOf is what an element counts for in the share, Unknown where that is not
// known.
func (s *Share) MeasureOf(e *place.Element) int64 { return measures[s.Measure](e) }

// Bound is the cap, in parts per million.
func (s *Share) Bound() int64 { return s.max }

// greatest is the greatest known measure of each function; of "", for elements
// of which the function is not known, that of all.
func (s *scene) greatest(of func(*place.Element) int64) map[string]int64 {
	most := map[string]int64{}
	for node := range s.Element {
		if e := s.Of(node); e != nil {
			old, ok := most[e.NF]
			if !ok {
				old = place.Unknown
			}
			most[e.NF] = max(old, of(e))
		}
	}
	if _, ok := most[""]; ok {
		for _, n := range most {
			most[""] = max(most[""], n)
		}
	}
	return most
}

// count judges how many different values a fact has.
func (s *scene) count(ctx context.Context, r *Rule, res *Result, missing missingFacts) {
	c := r.Count
	counted := newCache()
	parts, anywhere := s.parts(ctx, r, grouping{of: func(node int) truth { return c.of.eval(s, node, counted) }, per: c.Per, measure: "elements", distinct: c.Distinct}, missing)
	all := s.values(c.Distinct, anywhere)
	for i, p := range parts {
		g := Group{Key: p.key}
		if i == len(parts)-1 && len(anywhere) > 0 {
			g.list(anywhere)
		}
		g.list(p.members)
		own := s.values(c.Distinct, p.members)
		for v := range all.perhaps {
			own.perhaps[v] = true
		}
		own.loose += all.loose
		g.Low, g.High = int64(len(own.sure)), int64(len(own.sure)+own.loose)
		for v := range own.perhaps {
			if !own.sure[v] {
				g.High++
			}
		}
		if own.any {
			g.Low = max(g.Low, 1)
		}
		few := c.Min > 0 && g.High < int64(c.Min)
		switch {
		case g.High == 0:
			g.Outcome = OutOfScope
		case c.Max > 0 && g.Low > int64(c.Max), few && own.any:
			g.Outcome = Breaks
		case few, c.Max > 0 && g.High > int64(c.Max), c.Min > 0 && g.Low < int64(c.Min):
			g.Outcome = Undetermined
		default:
			g.Outcome = Complies
		}
		res.Groups = append(res.Groups, g)
	}
	res.Outcome = worstGroup(res.Groups)
}

// values are those that a fact has among elements.
type values struct {
	sure, perhaps map[string]bool
	// loose is how many elements may have any value; any tells that at least
	// one is counted for sure.
	loose int
	any   bool
}

func (s *scene) values(fact string, members []member) values {
	out := values{sure: map[string]bool{}, perhaps: map[string]bool{}}
	distinct := variableOf(fact)
	for i := range members {
		m := &members[i]
		if m.of == place.No {
			continue
		}
		out.any = out.any || m.sure()
		switch value, ok := distinct.print(s, int(m.node)); {
		case !ok:
			out.loose++
		case m.sure():
			out.sure[value] = true
		default:
			out.perhaps[value] = true
		}
	}
	return out
}
