package graph

import (
	"math"
	"math/bits"
)

// Split says how traffic spreads over shortest paths of equal cost.
type Split uint8

// By path every path has the same share. By hop every node hands equal shares
// to its next hops, as routers do (RFC 2992).
const (
	ByHop Split = iota
	ByPath
)

// Far is the distance of a node that no path leads to.
const Far = math.MaxUint64

// Search finds shortest paths and what they pass. It keeps its tables from one
// source to the next; one goroutine at a time uses it.
type Search struct {
	g *Graph
	// Dist is the cost of the shortest path from the sources, Far for none.
	Dist []uint64
	// Order holds the nodes that were reached, each behind all that shortest
	// paths to it pass.
	Order []int32

	heap  []uint64 // distance, and in the lowest bits the node
	paths []float64
	avoid []float64 // [node][set], with content [node][tunnel behind][set]
	last  []arc     // the last hops of shortest paths to a node

	sets, stride int // of avoid
}

// NewSearch makes the tables of a search.
func (g *Graph) NewSearch() *Search {
	return &Search{g: g, Dist: make([]uint64, g.Len()), Order: make([]int32, 0, g.Len())}
}

// From finds the distances from the nearest of the sources.
func (s *Search) From(sources ...int32) {
	for i := range s.Dist {
		s.Dist[i] = Far
	}
	s.heap, s.Order = s.heap[:0], s.Order[:0]
	for _, v := range sources {
		if s.Dist[v] != 0 {
			s.Dist[v] = 0
			s.push(uint64(v))
		}
	}
	shift, mask := s.g.bits, uint64(1)<<s.g.bits-1
	for len(s.heap) > 0 {
		at := s.pop()
		v, dist := int32(at&mask), at>>shift
		if dist != s.Dist[v] {
			continue // a shorter way was found since
		}
		s.Order = append(s.Order, v)
		for _, a := range s.g.out(v) {
			d := dist + uint64(a.cost)
			if d >= s.Dist[a.to] {
				continue
			}
			s.Dist[a.to] = d
			if s.g.start[a.to+1]-s.g.start[a.to] == 1 { // it leads nowhere else
				s.Order = append(s.Order, a.to)
				continue
			}
			s.push(d<<shift | uint64(a.to))
		}
	}
}

// push and pop are those of a heap with four children a node.
func (s *Search) push(it uint64) {
	s.heap = append(s.heap, it)
	h, i := s.heap, len(s.heap)-1
	for i > 0 {
		up := (i - 1) / 4
		if h[up] <= it {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = it
}

func (s *Search) pop() uint64 {
	h := s.heap
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	s.heap = h
	i := 0
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least, value := child, h[child]
		for k := child + 1; k < min(child+4, len(h)); k++ {
			if h[k] < value {
				least, value = k, h[k]
			}
		}
		if last <= value {
			break
		}
		h[i] = value
		i = least
	}
	if len(h) > 0 {
		h[i] = last
	}
	return top
}

// Avoid computes, after From, which share of a node's traffic to the sources
// passes no node of each of the sets 0 to sets−1, that is 1 − expected. member
// holds the sets of each node. With content, passages between tunnels do not
// count. The result of a node is given by Share.
func (s *Search) Avoid(member []uint64, sets int, split Split, content bool) {
	g := s.g
	s.sets, s.stride = sets, sets
	if content = content && g.tunnels; content {
		s.stride = 2 * sets
	}
	if need := s.stride * g.Len(); cap(s.avoid) < need {
		s.avoid = make([]float64, need)
	}
	if split == ByPath && s.paths == nil {
		s.paths = make([]float64, g.Len())
	}
	s.avoid = s.avoid[:s.stride*g.Len()]
	for _, v := range s.Order {
		row := s.row(v)
		d := s.Dist[v]
		if d == 0 {
			clear(row)
			if split == ByPath {
				s.paths[v] = 1
			}
			for k := range sets {
				row[k] = float64(^member[v] >> k & 1)
			}
			continue
		}
		s.last = s.last[:0]
		for _, a := range g.out(v) {
			if s.before(a, d) {
				s.last = append(s.last, a)
			}
		}
		weight := 1 / float64(len(s.last))
		paths := 0.0
		if split == ByPath {
			for _, a := range s.last {
				paths += s.paths[a.to]
			}
			// More paths than a float64 can hold are shared out by hop.
			s.paths[v] = min(paths, math.MaxFloat64/8)
			if paths > math.MaxFloat64/4 {
				paths = 0
			}
		}
		switch {
		case content:
			clear(row)
		case len(s.last) == 1:
			copy(row, s.row(s.last[0].to))
		default:
			clear(row)
		}
		for _, a := range s.last {
			if paths > 0 {
				weight = s.paths[a.to] / paths
			}
			if content {
				s.through(row, a, member, weight)
				continue
			}
			if len(s.last) > 1 {
				from := s.row(a.to)
				for k := range row {
					row[k] += float64(weight * from[k]) // not fused: the same on every processor
				}
			}
		}
		if !content {
			for in := member[v] & (1<<sets - 1); in != 0; in &= in - 1 {
				row[bits.TrailingZeros64(in)] = 0
			}
		}
	}
}

func (s *Search) row(v int32) []float64 { return s.avoid[s.stride*int(v):][:s.stride] }

// through adds what comes to a node over an arc. The node before sees what does
// not go on in a tunnel that it came in by.
func (s *Search) through(row []float64, a arc, member []uint64, weight float64) {
	from := s.row(a.to)
	in := row[s.sets*a.tunnel():][:s.sets]
	seen := member[a.to]
	if s.Dist[a.to] == 0 {
		seen = 0 // an end: counted already
	}
	for k := range in {
		pass := float64(^seen >> k & 1)
		open := float64(pass * from[k])
		hidden := from[s.sets+k]
		if a.tunnel() == 0 {
			hidden = float64(pass * hidden)
		}
		in[k] += float64(weight * (open + hidden))
	}
}

// before tells whether a shortest path to a node at distance d comes over an
// arc that leaves the node.
func (s *Search) before(a arc, d uint64) bool {
	return s.Dist[a.to] < d && s.Dist[a.to]+uint64(a.cost) == d
}

// Share is, after Avoid, the share of the traffic between v and the sources that
// passes no node of a set. It is 1 for a node that no path leads to: it has no
// traffic.
func (s *Search) Share(v int32, member []uint64, set int) float64 {
	if s.Dist[v] == Far {
		return 1
	}
	row := s.row(v)
	if s.stride == s.sets {
		return row[set]
	}
	return (row[set] + row[s.sets+set]) * float64(^member[v]>>set&1)
}

// Load adds, after From, traffic of each node to the sources to the edges that
// it takes, by hop. load has an entry for each edge, traffic one for each node.
func (s *Search) Load(traffic, load []float64) {
	flow := make([]float64, s.g.Len())
	for i := len(s.Order) - 1; i >= 0; i-- {
		v := s.Order[i]
		d := s.Dist[v]
		if d == 0 {
			continue
		}
		all := flow[v] + traffic[v]
		hops := 0
		for _, a := range s.g.out(v) {
			if s.before(a, d) {
				hops++
			}
		}
		for _, a := range s.g.out(v) {
			if s.before(a, d) {
				flow[a.to] += all / float64(hops)
				load[a.edge>>1] += all / float64(hops)
			}
		}
	}
}
