// Package graph answers what a network's shape decides: which shortest paths
// traffic takes and whom it passes (expected), whom it can't avoid (must), whom
// it could pass at all (could), and what single failures cut off. It knows
// nodes, edges and sets of nodes by number, and no telecommunication.
//
// Nodes are in up to 64 sets (of vendors, countries, organisations), a bit
// each. For a pair of ends and a set, always
//
//	must ≤ expected ≤ could
//
// where expected is the share of the traffic over shortest paths that passes a
// node of the set, must is 1 where every path does, and could is 1 where some
// simple path does. Ends count as passed.
//
// An edge may be a tunnel: traffic that comes in over a tunnel and leaves over
// one is seen by the node between as encrypted. The questions about content
// leave such passages out; ends see content always.
package graph

import (
	"math"
	"math/bits"
	"slices"
)

// Edge joins two nodes in both directions. A Cost of 0 counts as 1, and one of
// more than MaxCost as that.
type Edge struct {
	A, B   int32
	Cost   uint32
	Tunnel bool
}

// Graph is a graph in compressed rows. It does not change.
type Graph struct {
	start   []int32
	arcs    []arc
	tunnels bool
	edges   int
	bits    int // that hold a node's number
}

// MaxCost is the greatest cost in a graph of n nodes: a path through all of them
// is no longer than the bits beside a node's number hold. It is 2^30 of 100,000
// nodes and 2^24, the widest metric of IS-IS (RFC 5305), of a million.
func MaxCost(n int) uint32 {
	return uint32(min(1<<(64-2*bits.Len(uint(n)))-1, math.MaxUint32))
}

// arc is one direction of an edge. A tunnel's edge has its lowest bit set.
type arc struct {
	to   int32
	cost uint32
	edge int32 // index of the edge times two, and one for a tunnel
}

func (a arc) tunnel() int { return int(a.edge & 1) }

// New makes a graph of n nodes. Edges that end outside of it, or where they
// begin, are left out.
func New(n int, edges []Edge) *Graph {
	g := &Graph{start: make([]int32, n+1), edges: len(edges), bits: bits.Len(uint(n))}
	fits := func(e *Edge) bool {
		return e.A != e.B && e.A >= 0 && e.B >= 0 && int(e.A) < n && int(e.B) < n
	}
	for i := range edges {
		if e := &edges[i]; fits(e) {
			g.start[e.A+1]++
			g.start[e.B+1]++
		}
	}
	for i := range n {
		g.start[i+1] += g.start[i]
	}
	g.arcs = make([]arc, g.start[n])
	most := MaxCost(n)
	next := slices.Clone(g.start[:n])
	for i := range edges {
		e := &edges[i]
		if !fits(e) {
			continue
		}
		id := int32(i) * 2
		if e.Tunnel {
			id++
			g.tunnels = true
		}
		cost := min(max(e.Cost, 1), most)
		g.arcs[next[e.A]] = arc{e.B, cost, id}
		g.arcs[next[e.B]] = arc{e.A, cost, id}
		next[e.A]++
		next[e.B]++
	}
	return g
}

// Len is the number of nodes, Edges that of the edges it was made of.
func (g *Graph) Len() int { return len(g.start) - 1 }

// Edges is the number of edges that the graph was made of.
func (g *Graph) Edges() int { return g.edges }

// Degree is how many edges a node has.
func (g *Graph) Degree(v int32) int { return int(g.start[v+1] - g.start[v]) }

func (g *Graph) out(v int32) []arc { return g.arcs[g.start[v]:g.start[v+1]] }

// Neighbours calls visit for each edge of a node, in the order of edges.
func (g *Graph) Neighbours(v int32, visit func(to int32, edge int, cost uint32)) {
	for _, a := range g.out(v) {
		visit(a.to, int(a.edge>>1), a.cost)
	}
}

// Renumbered is the same graph with nodes that are near each other numbered near
// each other, breadth first from those with the most edges: searches of all
// nodes take two thirds of the time, since what they touch together stands
// together. number is the new number of each node.
func (g *Graph) Renumbered() (out *Graph, number []int32) {
	n := g.Len()
	first := make([]int32, n)
	for i := range first {
		first[i] = int32(i)
	}
	slices.SortStableFunc(first, func(a, b int32) int { return g.Degree(b) - g.Degree(a) })
	number = make([]int32, n)
	for i := range number {
		number[i] = -1
	}
	order := make([]int32, 0, n)
	add := func(v int32) {
		if number[v] < 0 {
			number[v] = int32(len(order))
			order = append(order, v)
		}
	}
	done := 0
	for _, v := range first {
		for add(v); done < len(order); done++ {
			for _, a := range g.out(order[done]) {
				add(a.to)
			}
		}
	}
	out = &Graph{start: make([]int32, n+1), arcs: make([]arc, 0, len(g.arcs)), tunnels: g.tunnels, edges: g.edges, bits: g.bits}
	for i, v := range order {
		for _, a := range g.out(v) {
			a.to = number[a.to]
			out.arcs = append(out.arcs, a)
		}
		out.start[i+1] = int32(len(out.arcs))
	}
	return out, number
}
