package compare

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"
)

// Bounds of what is read to find nodes whose names and digests say nothing: files,
// bytes of one and of all, on each side.
const (
	maxSketches    = 4096
	maxSketched    = 4 << 20
	maxSketchedAll = 256 << 20
	leastSketched  = 64
	sketchSize     = 64
)

// maxHolders bounds the nodes of one side that have something in common.
const maxHolders = 16

// sketch is the smallest hashes of what a content is made of (MinHash): two
// contents that have much in common have many of them in common.
type sketch []uint64

// likeness pairs files of one format that have half of their content in common.
func (c *comparison) likeness(p *pairing, left, right []int32) {
	l, r := c.sketches(0, p.a, left), c.sketches(1, p.b, right)
	if len(l) == 0 || len(r) == 0 {
		return
	}
	// Who has a hash, on each side: what many have tells nothing.
	var holds [2]map[uint64][]int32
	for side, of := range []map[int32]sketch{l, r} {
		holds[side] = map[uint64][]int32{}
		for _, i := range [2][]int32{left, right}[side] {
			for _, h := range of[i] {
				if list := holds[side][h]; len(list) <= maxHolders {
					holds[side][h] = append(list, i)
				}
			}
		}
	}
	score := map[[2]int32]int64{}
	for h, list := range holds[0] {
		others := holds[1][h]
		if len(list) > maxHolders || len(others) > maxHolders {
			continue
		}
		for _, i := range list {
			for _, j := range others {
				score[[2]int32{i, j}]++
			}
		}
	}
	var list []match
	for k, n := range score {
		x, y := &p.a.nodes[k[0]], &p.b.nodes[k[1]]
		if p.sort(p.a, x) != p.sort(p.b, y) {
			continue
		}
		if least := min(len(l[k[0]]), len(r[k[1]])); n*2 >= int64(max(least, 8)) && x.size < 4*y.size && y.size < 4*x.size {
			list = append(list, match{k[0], k[1], n})
		}
	}
	p.best(list, bySimilarity)
}

// sketches reads the files among nodes.
func (c *comparison) sketches(side int, x *index, list []int32) map[int32]sketch {
	out, room := map[int32]sketch{}, int64(maxSketchedAll)
	open := c.old.Open
	if side == 1 {
		open = c.new.Open
	}
	for _, i := range list {
		e := &x.nodes[i]
		if !e.content() || e.opened || e.size < leastSketched || len(out) == maxSketches || room <= 0 {
			continue
		}
		n := c.node(side, e.path)
		if n == nil {
			continue
		}
		r, err := open(n)
		if err != nil {
			continue // its own row says so when it has a counterpart
		}
		b := make([]byte, min(e.size, maxSketched))
		k, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), b)
		r.Close()
		if err == nil {
			room -= int64(k)
			out[i] = sketchOf(b, n.Format == "text")
		}
	}
	return out
}

// sketchOf hashes the lines of a text, and of other content the runs of eight
// bytes that begin where a rolling sum says so.
func sketchOf(b []byte, text bool) sketch {
	seen := map[uint64]bool{}
	add := func(p []byte) {
		h := fnv.New64a()
		h.Write(p)
		seen[spread(h.Sum64())] = true
	}
	if text {
		for from := 0; from < len(b); {
			to := from
			for to < len(b) && b[to] != '\n' {
				to++
			}
			if to-from > 3 {
				add(b[from:to])
			}
			from = to + 1
		}
	} else {
		for i := 0; i+8 <= len(b); i++ {
			if v := spread(binary.LittleEndian.Uint64(b[i:])); v>>60 == 0 {
				seen[v] = true
			}
		}
	}
	s := make(sketch, 0, len(seen))
	for h := range seen {
		s = append(s, h)
	}
	slices.Sort(s)
	return s[:min(len(s), sketchSize)]
}

// spread makes all bits of a number depend on all (the last step of
// MurmurHash3).
func spread(v uint64) uint64 {
	v ^= v >> 33
	v *= 0xff51afd7ed558ccd
	v ^= v >> 33
	v *= 0xc4ceb9fe1a85ec53
	return v ^ v>>33
}
