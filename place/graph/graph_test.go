package graph

import (
	"math"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// small draws a graph of at most nine nodes with sets, and a source.
func small(t *rapid.T) (g *Graph, edges []Edge, member []uint64, sources []int32) {
	n := rapid.IntRange(1, 9).Draw(t, "nodes")
	edges = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Edge {
		return Edge{A: int32(rapid.IntRange(0, n-1).Draw(t, "a")), B: int32(rapid.IntRange(0, n-1).Draw(t, "b")),
			Cost: uint32(rapid.IntRange(0, 3).Draw(t, "cost")), Tunnel: rapid.Bool().Draw(t, "tunnel")}
	}), 0, 14).Draw(t, "edges")
	member = rapid.SliceOfN(rapid.Uint64Range(0, 7), n, n).Draw(t, "member")
	sources = []int32{int32(rapid.IntRange(0, n-1).Draw(t, "source"))}
	if rapid.Bool().Draw(t, "two") {
		if v := int32(rapid.IntRange(0, n-1).Draw(t, "second")); v != sources[0] {
			sources = append(sources, v)
		}
	}
	return New(n, edges), edges, member, sources
}

// truth is what walking all simple paths from a node to the sources says.
type truth struct {
	reached             bool
	free, could         [2]uint64 // metadata, content
	avoidHop, avoidPath [2][3]float64
	paths               float64
	hopSum              float64
}

// walkAll enumerates all simple paths from v to any source.
func walkAll(g *Graph, member []uint64, sources []int32, dist []uint64, v int32) (t truth) {
	visited := make([]bool, g.Len())
	var path []int32
	var tunnels []bool
	var down func(u int32, cost uint64, share float64)
	down = func(u int32, cost uint64, share float64) {
		visited[u] = true
		path = append(path, u)
		if slices.Contains(sources, u) {
			t.reached = true
			var sees [2]uint64
			for i, x := range path {
				sees[0] |= member[x]
				if i == 0 || i == len(path)-1 || !tunnels[i-1] || !tunnels[i] {
					sees[1] |= member[x]
				}
			}
			for c := range 2 {
				t.could[c] |= sees[c]
				t.free[c] |= ^sees[c]
			}
			if cost == dist[v] {
				t.paths++
				t.hopSum += share
				for c := range 2 {
					for k := range 3 {
						if sees[c]>>k&1 == 0 {
							t.avoidPath[c][k]++
							t.avoidHop[c][k] += share
						}
					}
				}
			}
		}
		{
			hops := 0
			for _, a := range g.out(u) {
				if dist[a.to] < dist[u] && dist[a.to]+uint64(a.cost) == dist[u] {
					hops++
				}
			}
			for _, a := range g.out(u) {
				if visited[a.to] {
					continue
				}
				s := 0.0
				if dist[a.to] < dist[u] && dist[a.to]+uint64(a.cost) == dist[u] {
					s = share / float64(hops)
				}
				tunnels = append(tunnels, a.tunnel() == 1)
				down(a.to, cost+uint64(a.cost), s)
				tunnels = tunnels[:len(tunnels)-1]
			}
		}
		path = path[:len(path)-1]
		visited[u] = false
	}
	down(v, 0, 1)
	return t
}

func TestAgainstAllPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, _, member, sources := small(t)
		s := g.NewSearch()
		s.From(sources...)
		for c, content := range []bool{false, true} {
			free, could := g.Free(sources, member, content), g.Could(sources, member, content)
			for _, split := range []Split{ByHop, ByPath} {
				s.Avoid(member, 3, split, content)
				for v := range int32(g.Len()) {
					want := walkAll(g, member, sources, s.Dist, v)
					if want.reached != (s.Dist[v] != Far) {
						t.Fatalf("node %d: reached %v", v, want.reached)
					}
					if !want.reached {
						if could[v] != 0 && !content {
							t.Fatalf("node %d: could %b without a path", v, could[v])
						}
						continue
					}
					if free[v]&7 != want.free[c]&7 {
						t.Fatalf("content %v, node %d: free %b, want %b", content, v, free[v]&7, want.free[c]&7)
					}
					if could[v] != want.could[c] && !(content && could[v]&want.could[c] == want.could[c]) {
						t.Fatalf("content %v, node %d: could %b, want %b", content, v, could[v], want.could[c])
					}
					for k := range 3 {
						got, exact := s.Share(v, member, k), want.avoidHop[c][k]
						if split == ByPath {
							exact = want.avoidPath[c][k] / want.paths
						}
						if math.Abs(got-exact) > 1e-9 {
							t.Fatalf("content %v, split %d, node %d, set %d: avoids %v, want %v", content, split, v, k, got, exact)
						}
						must, expected, may := 1-float64(free[v]>>k&1), 1-got, float64(could[v]>>k&1)
						if must > expected+1e-9 || expected > may+1e-9 {
							t.Fatalf("node %d, set %d: must %v, expected %v, could %v", v, k, must, expected, may)
						}
					}
				}
			}
		}
	})
}

// parts counts the components of a graph without a node and an edge.
func parts(n int, edges []Edge, node, edge int) (count int) {
	seen := make([]bool, n)
	var visit func(v int)
	visit = func(v int) {
		seen[v] = true
		for i, e := range edges {
			if i == edge {
				continue
			}
			for _, w := range [][2]int32{{e.A, e.B}, {e.B, e.A}} {
				if int(w[0]) == v && int(w[1]) != node && !seen[w[1]] {
					visit(int(w[1]))
				}
			}
		}
	}
	for v := range n {
		if v != node && !seen[v] {
			count++
			visit(v)
		}
	}
	return count
}

func TestCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, edges, _, _ := small(t)
		c := g.Cuts()
		whole := parts(g.Len(), edges, -1, -1)
		for v := range g.Len() {
			without := parts(g.Len(), edges, v, -1)
			if g.Degree(int32(v)) == 0 {
				without++ // it was a part of its own
			}
			if c.Nodes[v] != (without > whole) {
				t.Fatalf("node %d: cut %v, %d parts without it, %d with", v, c.Nodes[v], without, whole)
			}
		}
		for i := range edges {
			if c.Edges[i] != (parts(g.Len(), edges, -1, i) > whole) {
				t.Fatalf("edge %d: bridge %v", i, c.Edges[i])
			}
		}
	})
}

// TestPaths: so many paths that their number is no float64 are shared out by
// hop, and nothing is lost.
func TestPaths(t *testing.T) {
	const diamonds = 2000
	var edges []Edge
	for i := range int32(diamonds) {
		a, b, c, d := 3*i, 3*i+1, 3*i+2, 3*i+3
		edges = append(edges, Edge{A: a, B: b}, Edge{A: a, B: c}, Edge{A: b, B: d}, Edge{A: c, B: d})
	}
	g := New(3*diamonds+1, edges)
	member := make([]uint64, g.Len())
	member[1] = 1
	s := g.NewSearch()
	s.From(0)
	for _, split := range []Split{ByHop, ByPath} {
		s.Avoid(member, 1, split, false)
		if got := s.Share(3*diamonds, member, 0); math.Abs(got-0.5) > 1e-9 {
			t.Errorf("split %d: %v avoids, want 0.5", split, got)
		}
	}
}

func TestLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, edges, member, sources := small(t)
		s := g.NewSearch()
		s.From(sources...)
		traffic := make([]float64, g.Len())
		for i := range traffic {
			traffic[i] = float64(bits.OnesCount64(member[i])) * 10
		}
		load := make([]float64, len(edges))
		s.Load(traffic, load)
		var arrived, sent float64
		for v, n := range traffic {
			if s.Dist[v] != Far && s.Dist[v] != 0 {
				sent += n
			}
		}
		for i, e := range edges {
			if d1, d2 := s.Dist[e.A], s.Dist[e.B]; d1 != d2 && (d1 == 0 || d2 == 0) {
				arrived += load[i]
			}
		}
		if math.Abs(arrived-sent) > 1e-6 {
			t.Fatalf("%v arrives of %v", arrived, sent)
		}
	})
}

// TestRenumbered: the same questions have the same answers.
func TestRenumbered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, _, member, sources := small(t)
		near, number := g.Renumbered()
		moved, from := make([]uint64, len(member)), make([]int32, len(sources))
		for v, k := range number {
			moved[k] = member[v]
		}
		for i, v := range sources {
			from[i] = number[v]
		}
		a, b := g.NewSearch(), near.NewSearch()
		a.From(sources...)
		b.From(from...)
		a.Avoid(member, 3, ByHop, true)
		b.Avoid(moved, 3, ByHop, true)
		for v, k := range number {
			if a.Dist[v] != b.Dist[k] || math.Abs(a.Share(int32(v), member, 1)-b.Share(k, moved, 1)) > 1e-9 {
				t.Fatalf("node %d: %d and %d", v, a.Dist[v], b.Dist[k])
			}
		}
	})
}
