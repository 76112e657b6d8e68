package graph

// Cuts are the nodes and edges whose failure alone cuts a graph.
type Cuts struct {
	Nodes []bool // articulation points
	Edges []bool // bridges
}

// Cuts finds single points of failure (Tarjan 1972; Hopcroft, Tarjan 1973).
func (g *Graph) Cuts() Cuts {
	c := Cuts{Nodes: make([]bool, g.Len()), Edges: make([]bool, g.edges)}
	w := newWalk(g, nil)
	for v := range int32(g.Len()) {
		if w.found[v] != 0 {
			continue
		}
		children := 0
		w.from(v, func(top, child int32, edge int32, members []int32) {
			if top == v {
				children++
			} else {
				c.Nodes[top] = true
			}
			if len(members) == 1 && w.low[child] > w.found[top] {
				c.Edges[edge>>1] = true
			}
		})
		c.Nodes[v] = children > 1
	}
	return c
}

// Could finds for every node the sets of which a member lies on some simple
// path to one of the sources, a bit each. It is exact: such nodes are those in
// the blocks between the two ends in the tree of blocks and cut nodes. With
// content a node of which all edges are tunnels counts only as an end, so that
// the answer may be too large, never too small. Nodes without a path have none.
func (g *Graph) Could(sources []int32, member []uint64, content bool) []uint64 {
	inner := member
	if content && g.tunnels {
		inner = make([]uint64, len(member))
		for v := range inner {
			for _, a := range g.out(int32(v)) {
				if a.tunnel() == 0 {
					inner[v] = member[v]
					break
				}
			}
		}
	}
	n := g.Len()
	root := int32(n)
	w := newWalk(g, sources)
	block := make([]uint64, 0, n) // of each block, the sets in it
	tops := make([]int32, 0, n)
	of := make([]int32, n+1) // the block in which a node is not the top
	of[root] = -1
	w.from(root, func(top, _ int32, _ int32, members []int32) {
		var all uint64
		if top != root {
			all = inner[top]
		}
		for _, v := range members {
			all |= inner[v]
			of[v] = int32(len(block))
		}
		block = append(block, all)
		tops = append(tops, top)
	})
	could := make([]uint64, n+1)
	for _, v := range w.order {
		if b := of[v]; b >= 0 {
			could[v] = block[b] | could[tops[b]]
		}
	}
	for _, v := range sources {
		could[v] |= member[v]
	}
	if content && g.tunnels {
		ends := g.ends(sources, member)
		for v := range n {
			if w.found[v] != 0 {
				could[v] |= member[v] | ends
			}
		}
	}
	return could[:n]
}

// ends are the sets of all sources: any of them may be the other end.
func (g *Graph) ends(sources []int32, member []uint64) (all uint64) {
	for _, v := range sources {
		all |= member[v]
	}
	return all
}

// walk goes through a graph depth first and hands out its blocks. Nodes are
// numbered from 1 in the order in which they were found.
type walk struct {
	g          *Graph
	root       []arc  // of the node behind the last, which joins the sources
	source     []bool // nil: there is no such node
	found, low []int32
	order      []int32
	path       []step
	open       []int32 // found, and in no block yet
}

type step struct {
	node, edge int32 // edge: by which it was found
	next       int32
}

func newWalk(g *Graph, sources []int32) *walk {
	w := &walk{g: g, found: make([]int32, g.Len()+1), low: make([]int32, g.Len()+1)}
	if sources != nil {
		w.source = make([]bool, g.Len()+1)
	}
	for i, v := range sources {
		w.root = append(w.root, arc{to: v, edge: int32(-2*i - 4)})
		w.source[v] = true
	}
	return w
}

// from walks the part that a node is in. block is called for each block when
// its last node was left: the node at its top, the first below, the edge between,
// and all nodes but the top.
func (w *walk) from(v int32, block func(top, child, edge int32, members []int32)) {
	w.enter(v, -2)
	for len(w.path) > 0 {
		at := &w.path[len(w.path)-1]
		if arcs := w.arcs(at.node); int(at.next) < len(arcs) {
			a := arcs[at.next]
			at.next++
			switch {
			case a.edge == at.edge:
			case w.found[a.to] == 0:
				w.enter(a.to, a.edge)
			default:
				w.low[at.node] = min(w.low[at.node], w.found[a.to])
			}
			continue
		}
		child, edge := at.node, at.edge
		w.path = w.path[:len(w.path)-1]
		if len(w.path) == 0 {
			w.open = w.open[:0]
			return
		}
		top := w.path[len(w.path)-1].node
		w.low[top] = min(w.low[top], w.low[child])
		if w.low[child] >= w.found[top] {
			i := len(w.open) - 1
			for w.open[i] != child {
				i--
			}
			block(top, child, edge, w.open[i:])
			w.open = w.open[:i]
		}
	}
}

func (w *walk) enter(v, edge int32) {
	w.order = append(w.order, v)
	w.found[v] = int32(len(w.order))
	w.low[v] = w.found[v]
	if w.source != nil && w.source[v] {
		w.low[v] = w.found[w.g.Len()] // its edge to the node that joins the sources
	}
	w.path = append(w.path, step{node: v, edge: edge})
	w.open = append(w.open, v)
}

func (w *walk) arcs(v int32) []arc {
	if int(v) == w.g.Len() {
		return w.root
	}
	return w.g.out(v)
}
