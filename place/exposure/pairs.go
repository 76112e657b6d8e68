package exposure

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"runtime"
	"sync"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/graph"
)

// Pairs is how much of the traffic between all pairs of elements, each pair
// alike, passes equipment of each row: normally, by shares over shortest paths.
// It is made source by source and can be kept and gone on with.
type Pairs struct {
	// Network names what was counted: the graph, the rows and their members.
	Network string
	By      string
	// Next is the first node that was not a source yet.
	Next int
	// Joined is the number of ordered pairs that a path joins, so far.
	Joined int64
	Rows   []PairRow
}

// PairRow is one row: how many ordered pairs pass it, in millionths of a pair.
type PairRow struct {
	Who    string
	Passed Wide
}

// Wide is a sum of 128 bits: a million sources times a million targets in
// millionths are more than 64 hold.
type Wide struct{ High, Low uint64 }

func (w *Wide) add(n uint64) {
	var carry uint64
	w.Low, carry = bits.Add64(w.Low, n, 0)
	w.High += carry
}

// Share is the row's part of the pairs that were joined, in parts per million.
func (p *Pairs) Share(row int) int64 {
	if p.Joined == 0 {
		return 0
	}
	q, _ := bits.Div64(p.Rows[row].Passed.High%uint64(p.Joined), p.Rows[row].Passed.Low, uint64(p.Joined))
	return int64(q)
}

// batch is how many sources are counted before the state is kept.
const batch = 256

// AllPairs counts all pairs, or goes on with what an earlier call left in from.
// keep is called with the state so far after each batch of sources, whose
// result does not depend on the number of processors. An ended context leaves
// what was kept.
func AllPairs(ctx context.Context, s *place.Snapshot, by string, split graph.Split, from *Pairs, keep func(*Pairs) error) (*Pairs, error) {
	parts := divide(s, by)
	g := Graph(s)
	p := &Pairs{By: by, Network: fingerprint(s, g, parts, by, split)}
	for i := range parts.rows {
		p.Rows = append(p.Rows, PairRow{Who: parts.rows[i].Who})
	}
	if from != nil {
		if from.Network != p.Network || len(from.Rows) != len(p.Rows) || from.Next < 0 || from.Next > s.Nodes() {
			return nil, fmt.Errorf("what was kept is of another network, day or count")
		}
		p = from
	}
	near, number := g.Renumbered()
	own := make([]uint64, len(parts.own))
	for v, k := range number {
		own[k] = parts.own[v]
	}
	workers := make([]*worker, runtime.GOMAXPROCS(0))
	for i := range workers {
		workers[i] = &worker{own: own, split: split, search: near.NewSearch()}
	}
	for p.Next < s.Nodes() {
		end := min(p.Next+batch, s.Nodes())
		next := make(chan int32, end-p.Next)
		for v := p.Next; v < end; v++ {
			if s.Element[v] >= 0 {
				next <- number[v]
			}
		}
		close(next)
		var all sync.WaitGroup
		for _, w := range workers {
			w.joined, w.passed = 0, make([]Wide, len(p.Rows))
			all.Go(func() {
				for v := range next {
					if ctx.Err() != nil {
						return
					}
					w.source(v)
				}
			})
		}
		all.Wait()
		if err := ctx.Err(); err != nil {
			return p, err
		}
		for _, w := range workers {
			p.Joined += w.joined
			for i := range w.passed {
				p.Rows[i].Passed.High += w.passed[i].High
				p.Rows[i].Passed.add(w.passed[i].Low)
			}
		}
		p.Next = end
		if err := keep(p); err != nil {
			return p, err
		}
	}
	return p, nil
}

// worker counts sources.
type worker struct {
	own    []uint64 // of the graph's nodes
	split  graph.Split
	search *graph.Search
	shift  []uint64
	joined int64
	passed []Wide
}

// source counts the pairs of one node with all others.
func (w *worker) source(v int32) {
	w.search.From(v)
	w.joined += int64(len(w.search.Order) - 1)
	for base := 0; base < len(w.passed); base += chunk {
		n := min(chunk, len(w.passed)-base)
		member := w.own
		if base > 0 {
			if w.shift == nil {
				w.shift = make([]uint64, len(member))
			}
			for i, m := range w.own {
				w.shift[i] = m >> base
			}
			member = w.shift
		}
		w.search.Avoid(member, n, w.split, false)
		for k := range n {
			var sum float64
			for _, node := range w.search.Order { // a fixed order: sums of floats depend on it
				if node != v {
					sum += 1 - w.search.Share(node, member, k)
				}
			}
			w.passed[base+k].add(uint64(sum*1e6 + 0.5))
		}
	}
}

// fingerprint names all that a count depends on.
func fingerprint(s *place.Snapshot, g *graph.Graph, parts *sets, by string, split graph.Split) string {
	h := sha256.New()
	fmt.Fprintln(h, by, split, s.Date, g.Len())
	for v := range int32(g.Len()) {
		fmt.Fprintln(h, s.ID(int(v)), s.Element[v] >= 0)
		g.Neighbours(v, func(to int32, edge int, cost uint32) {
			var b [12]byte
			binary.LittleEndian.PutUint32(b[:], uint32(to))
			binary.LittleEndian.PutUint32(b[4:], uint32(edge))
			binary.LittleEndian.PutUint32(b[8:], cost)
			h.Write(b[:])
		})
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], parts.own[v])
		h.Write(b[:])
	}
	for i := range parts.rows {
		fmt.Fprintln(h, parts.rows[i].Who)
	}
	return hex.EncodeToString(h.Sum(nil))
}
