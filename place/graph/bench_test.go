package graph

import (
	"math"
	"math/rand/v2"
	"testing"

	gonum "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/path"
	"gonum.org/v1/gonum/graph/simple"
)

// hierarchy draws an operator's network as place.md describes it: core nodes in
// a full mesh, regional ones with two links to the core and two beside, metro
// ones with two to their region, sites with one or two to a metro. n is the
// number of nodes; of 100,000 there are 24, 200, 2,500 and 97,276.
func hierarchy(n int) (edges []Edge, core []int32) {
	r := rand.New(rand.NewPCG(1, 2))
	first := []int32{0, 24, 24 + int32(n/500), 24 + int32(n/500) + int32(n/40), int32(n)}
	pick := func(level int) int32 {
		return first[level] + r.Int32N(first[level+1]-first[level])
	}
	link := func(a, b int32, cost uint32, tunnel bool) { edges = append(edges, Edge{a, b, cost, tunnel}) }
	for v := range first[1] {
		core = append(core, v)
		for w := range v {
			link(v, w, 1, false)
		}
	}
	for v := first[1]; v < first[2]; v++ {
		link(v, pick(0), 10, false)
		link(v, pick(0), 10, false)
		link(v, pick(1), 20, false)
		link(v, pick(1), 20, false)
	}
	for v := first[2]; v < first[3]; v++ {
		link(v, pick(1), 10, false)
		link(v, pick(1), 10, false)
	}
	for v := first[3]; v < first[4]; v++ {
		link(v, pick(2), 10, r.IntN(2) == 0)
		if r.IntN(100) < 53 {
			link(v, pick(2), 10, r.IntN(2) == 0)
		}
	}
	return edges, core
}

func vendors(n, sets int) []uint64 {
	r := rand.New(rand.NewPCG(3, 4))
	member := make([]uint64, n)
	for i := range member {
		member[i] = 1 << r.IntN(sets)
	}
	return member
}

const size = 100_000

// BenchmarkExpected: north-south exposure of 5 vendors over 24 gateways.
func BenchmarkExpected(b *testing.B) {
	edges, core := hierarchy(size)
	g, member := New(size, edges), vendors(size, 5)
	for _, content := range []bool{false, true} {
		b.Run(map[bool]string{false: "metadata", true: "content"}[content], func(b *testing.B) {
			s := g.NewSearch()
			b.ReportAllocs()
			for b.Loop() {
				for _, v := range core {
					s.From(v)
					s.Avoid(member, 5, ByHop, content)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*len(core)), "ms/source")
		})
	}
}

func BenchmarkMust(b *testing.B) {
	edges, core := hierarchy(size)
	g, member := New(size, edges), vendors(size, 5)
	for b.Loop() {
		g.Free(core, member, false)
	}
}

func BenchmarkCould(b *testing.B) {
	edges, core := hierarchy(size)
	g, member := New(size, edges), vendors(size, 5)
	for b.Loop() {
		g.Could(core[:1], member, false)
	}
}

func BenchmarkCuts(b *testing.B) {
	edges, _ := hierarchy(size)
	g := New(size, edges)
	for b.Loop() {
		g.Cuts()
	}
}

func BenchmarkBuild(b *testing.B) {
	edges, _ := hierarchy(size)
	b.ReportAllocs()
	for b.Loop() {
		New(size, edges)
	}
}

func oracle(n int, edges []Edge) *simple.WeightedUndirectedGraph {
	o := simple.NewWeightedUndirectedGraph(0, math.Inf(1))
	for v := range n {
		o.AddNode(simple.Node(v))
	}
	for _, e := range edges {
		if e.A == e.B {
			continue
		}
		w := float64(max(e.Cost, 1))
		if old, ok := o.Weight(int64(e.A), int64(e.B)); !ok || w < old {
			o.SetWeightedEdge(o.NewWeightedEdge(simple.Node(e.A), simple.Node(e.B), w))
		}
	}
	return o
}

// BenchmarkGonum is one source's distances alone, by gonum.
func BenchmarkGonum(b *testing.B) {
	edges, core := hierarchy(size)
	o := oracle(size, edges)
	for b.Loop() {
		path.DijkstraFrom(simple.Node(core[0]), o)
	}
}

// BenchmarkDistances is the same by this package.
func BenchmarkDistances(b *testing.B) {
	edges, core := hierarchy(size)
	s := New(size, edges).NewSearch()
	for b.Loop() {
		s.From(core[0])
	}
}

// TestAgainstGonum compares distances, and shares by path with the paths that
// gonum lists.
func TestAgainstGonum(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 9))
		n := 2 + r.IntN(40)
		var edges []Edge
		for range r.IntN(3 * n) {
			edges = append(edges, Edge{A: r.Int32N(int32(n)), B: r.Int32N(int32(n)), Cost: 1 + r.Uint32N(4)})
		}
		o := oracle(n, edges)
		kept := edges[:0] // gonum has one edge between two nodes
		seen := map[[2]int32]bool{}
		for _, e := range edges {
			pair := [2]int32{min(e.A, e.B), max(e.A, e.B)}
			if w, ok := o.Weight(int64(e.A), int64(e.B)); ok && e.A != e.B && w == float64(e.Cost) && !seen[pair] {
				seen[pair] = true
				kept = append(kept, e)
			}
		}
		g, member := New(n, kept), vendors(n, 3)
		s := g.NewSearch()
		s.From(0)
		s.Avoid(member, 3, ByPath, false)
		all := path.DijkstraAllFrom(simple.Node(0), o)
		for v := range int32(n) {
			paths, w := all.AllTo(int64(v))
			if len(paths) == 0 {
				if s.Dist[v] != Far {
					t.Fatalf("seed %d: a path to %d", seed, v)
				}
				continue
			}
			if float64(s.Dist[v]) != w {
				t.Fatalf("seed %d, node %d: %d, want %v", seed, v, s.Dist[v], w)
			}
			for k := range 3 {
				avoid := 0
				for _, p := range paths {
					if !passes(p, member, k) {
						avoid++
					}
				}
				if want := float64(avoid) / float64(len(paths)); math.Abs(s.Share(v, member, k)-want) > 1e-9 {
					t.Fatalf("seed %d, node %d, set %d: %v, want %v", seed, v, k, s.Share(v, member, k), want)
				}
			}
		}
	}
}

func passes(p []gonum.Node, member []uint64, set int) bool {
	for _, v := range p {
		if member[v.ID()]>>set&1 == 1 {
			return true
		}
	}
	return false
}
