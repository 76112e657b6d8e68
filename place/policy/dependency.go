package policy

import (
	"context"
	"slices"

	"github.com/wardein/wardein/place"
)

// Dependency is a cap on the part of the elements in scope that depend on systems
// of listed makers: directly, or through what these systems depend on.
type Dependency struct {
	Kinds   []string // of dependencies that are followed, place.ManagedBy for one
	List    string
	Measure string // as a Share's
	Per     []string
	Max     string

	max int64
}

// dependency judges the part that depends. What breaks a rule are the systems,
// not the elements that depend on them: those are in the groups.
func (s *scene) dependency(ctx context.Context, r *Rule, res *Result, missing missingFacts) {
	d := r.Dependency
	x := s.depends(d)
	s.capped(ctx, r, res, grouping{of: x.of, per: d.Per, measure: d.Measure}, d.max, missing)
	if res.Outcome != Breaks {
		return
	}
	var members []int32
	for i := range res.Groups {
		if g := &res.Groups[i]; g.Outcome == Breaks {
			members = append(members, g.Members...)
		}
	}
	res.Broken = x.systems(members)
	res.Counts[Breaks] = len(res.Broken)
}

// reach is which nodes depend on what, along some kinds of dependencies.
type reach struct {
	to      map[int32][]int32
	is      []place.Truth // that the node is of a listed maker
	reaches []place.Truth // that it depends on one that is
	managed bool
	manager []bool
}

func (s *scene) depends(d *Dependency) *reach {
	x := &reach{to: map[int32][]int32{}, is: make([]place.Truth, s.Nodes()), reaches: make([]place.Truth, s.Nodes()), manager: make([]bool, s.Nodes()),
		managed: slices.Contains(d.Kinds, place.ManagedBy)}
	from := map[int32][]int32{}
	for _, i := range s.Dependencies {
		l := &s.Network.Dependencies[i]
		if !slices.Contains(d.Kinds, l.Kind) {
			continue
		}
		a, b := s.Parts(l)
		x.to[int32(a)] = append(x.to[int32(a)], int32(b))
		from[int32(b)] = append(from[int32(b)], int32(a))
		x.manager[a] = x.manager[a] || l.Kind == place.ManagedBy
	}
	listed := s.pack.listed(d.List, s.Date)
	for node := range from {
		x.is[node] = place.No
		if names := makers(s, int(node)); names == nil {
			x.is[node] = place.NotKnown
		} else if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(listed, n) }) {
			x.is[node] = place.Yes
		}
	}
	for node := range x.reaches {
		x.reaches[node] = place.No
	}
	for _, t := range []place.Truth{place.NotKnown, place.Yes} {
		var queue []int32
		seen := make([]bool, s.Nodes())
		for node := range from {
			if x.is[node] == t {
				queue = append(queue, node)
			}
		}
		for len(queue) > 0 {
			node := queue[0]
			queue = queue[1:]
			for _, n := range from[node] {
				if !seen[n] {
					seen[n], x.reaches[n] = true, t
					queue = append(queue, n)
				}
			}
		}
	}
	return x
}

// of tells whether a node depends. That something manages it is certain, what
// does is not known where no file says it.
func (x *reach) of(node int) truth {
	t := truth{Truth: x.reaches[node]}
	if t.Truth == place.No && x.managed && !x.manager[node] {
		return truth{Truth: place.NotKnown, missing: []string{"managers"}}
	}
	if t.Truth == place.NotKnown {
		t.missing = []string{"makers"}
	}
	return t
}

// systems are those of listed makers that some nodes depend on.
func (x *reach) systems(nodes []int32) (list []int32) {
	seen := map[int32]bool{}
	queue := slices.Clone(nodes)
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		for _, n := range x.to[node] {
			if !seen[n] {
				seen[n] = true
				queue = append(queue, n)
				if x.is[n] == place.Yes {
					list = append(list, n)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}
