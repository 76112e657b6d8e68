package policy

import (
	"fmt"
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

// member is an element that a share counts, or may count.
type member struct {
	node    int32
	in, of  place.Truth
	measure int64
}

// groups sorts the elements that a rule counts by the values of per. An element
// of which such a value is not known may belong to any group: it is uncertain in
// all of them.
func (s *scene) groups(r *Rule, of *expression, per []string, missing missingFacts) (keys []string, parts map[string][]member) {
	parts = map[string][]member{}
	scope, counted := cache{}, cache{}
	var buf []byte
	var anywhere []member
	for node := range s.Element {
		if s.Of(node) == nil {
			continue
		}
		var in, is truth
		if in, buf = r.scope.eval(s, node, scope, buf); in.Truth == place.No {
			continue
		}
		is, buf = of.eval(s, node, counted, buf)
		m := member{node: int32(node), in: in.Truth, of: is.Truth}
		missing.add(in.missing, is.missing)
		key := make([]string, len(per))
		all := true
		for i, name := range per {
			value, ok := variableOf(name).print(s, node)
			if key[i] = value; !ok {
				all = false
				missing.add([]string{name})
			}
		}
		if !all {
			m.in = place.NotKnown
			anywhere = append(anywhere, m)
			continue
		}
		k := strings.Join(key, "\x00")
		if parts[k] == nil {
			keys = append(keys, k)
		}
		parts[k] = append(parts[k], m)
	}
	slices.Sort(keys)
	if len(anywhere) > 0 && len(keys) == 0 {
		keys = []string{strings.Repeat("\x00", max(len(per)-1, 0))}
	}
	for _, k := range keys {
		parts[k] = append(parts[k], anywhere...)
	}
	return keys, parts
}

// share judges a cap on a part of a whole. Where facts are missing the share is
// an interval: an element that may count is counted so that the share is least,
// then so that it is greatest, and a measure that is not known lies between 0
// and the greatest that is known of its function.
func (s *scene) share(r *Rule, res *Result, missing missingFacts) {
	of := measures[r.Share.Measure]
	keys, parts := s.groups(r, r.Share.of, r.Share.Per, missing)
	most := s.greatest(of)
	for _, k := range keys {
		g := Group{Key: strings.Split(k, "\x00")}
		var low, lowAll, high, highAll float64
		assumed, unknown, bounded := 0, 0, true
		var top int64
		for _, m := range parts[k] {
			e := s.Of(int(m.node))
			least, greatest := of(e), of(e)
			if least == place.Unknown {
				unknown++
				missing.add([]string{r.Share.Measure})
				least, greatest = 0, most[e.NF]
				if greatest == place.Unknown {
					bounded, greatest = false, 0
				}
				assumed++
				top = max(top, greatest)
			}
			if m.in != place.Yes || m.of == place.NotKnown || of(e) == place.Unknown {
				g.Uncertain = append(g.Uncertain, m.node)
			} else if m.of == place.Yes {
				g.Members = append(g.Members, m.node)
			}
			// The least share: what may be outside of the part is, and as large
			// as it can be; the greatest the other way round.
			if m.of == place.Yes {
				if m.in == place.Yes {
					low += float64(least)
					lowAll += float64(least)
				}
				high += float64(greatest)
				highAll += float64(greatest)
				continue
			}
			lowAll += float64(greatest)
			switch {
			case m.of == place.NotKnown:
				high += float64(greatest)
				highAll += float64(greatest)
			case m.in == place.Yes:
				highAll += float64(least)
			}
		}
		g.Low, g.High = ratio(low, lowAll), ratio(high, highAll)
		g.Whole = int64(lowAll)
		if !bounded {
			g.Low, g.High = 0, 1_000_000
			g.Assumed = fmt.Sprintf("no element of some function has a known number of %s: the share can be anything", r.Share.Measure)
		} else if assumed > 0 {
			g.Assumed = fmt.Sprintf("%d elements without a number of %s count with 0 to %d, the greatest known of their function", unknown, r.Share.Measure, top)
		}
		if highAll == 0 && lowAll == 0 {
			g.Outcome = OutOfScope
		} else {
			g.Outcome = capped(g.Low, g.High, r.Share.max)
		}
		res.Groups = append(res.Groups, g)
	}
	res.Outcome = worstGroup(res.Groups)
}

// MeasureOf is what an element counts for in the share, Unknown where that is not
// known.
func (s *Share) MeasureOf(e *place.Element) int64 { return measures[s.Measure](e) }

// Bound is the cap, in parts per million.
func (s *Share) Bound() int64 { return s.max }

func ratio(part, whole float64) int64 {
	if whole == 0 {
		return 0
	}
	return int64(part / whole * 1e6)
}

// greatest is the greatest known measure of each function.
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
	return most
}

// count judges how many different values a fact has.
func (s *scene) count(r *Rule, res *Result, missing missingFacts) {
	c := r.Count
	keys, parts := s.groups(r, c.of, c.Per, missing)
	distinct := variableOf(c.Distinct)
	for _, k := range keys {
		g := Group{Key: strings.Split(k, "\x00")}
		sure, perhaps := map[string]bool{}, map[string]bool{}
		loose := 0
		for _, m := range parts[k] {
			if m.of == place.No {
				continue
			}
			value, ok := distinct.print(s, int(m.node))
			switch {
			case !ok:
				loose++
				missing.add([]string{c.Distinct})
				g.Uncertain = append(g.Uncertain, m.node)
			case m.in == place.Yes && m.of == place.Yes:
				sure[value] = true
				g.Members = append(g.Members, m.node)
			default:
				perhaps[value] = true
				g.Uncertain = append(g.Uncertain, m.node)
			}
		}
		g.Low = int64(len(sure))
		for v := range perhaps {
			if !sure[v] {
				g.High++
			}
		}
		g.High += g.Low + int64(loose)
		switch {
		case g.High == 0:
			g.Outcome = OutOfScope
		case c.Max > 0 && g.Low > int64(c.Max) || c.Min > 0 && g.High < int64(c.Min):
			g.Outcome = Breaks
		case c.Max > 0 && g.High > int64(c.Max) || c.Min > 0 && g.Low < int64(c.Min):
			g.Outcome = Undetermined
		default:
			g.Outcome = Complies
		}
		res.Groups = append(res.Groups, g)
	}
	res.Outcome = worstGroup(res.Groups)
}
