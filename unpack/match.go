package unpack

import (
	_ "embed" // for pairs
	"encoding/binary"
	"slices"

	"github.com/wardein/wardein"
)

// matcher finds every occurrence of a fixed set of byte strings in one pass.
// A table over byte pairs rejects almost every position with one load; the
// few that pass must be one of the known four bytes before any string is
// compared. Each string is keyed by the pair in it that is rarest in firmware,
// so that text and zero runs cost little.
type matcher struct {
	table    [1 << 16]uint8 // pair → 1 + index into buckets; several pairs may share 255
	buckets  [256][]pattern
	gate     [1 << 10]uint64 // bits of the four bytes from a key pair on
	open     [256]bool       // buckets with a string that has no such four bytes
	longest  int
	anchored []pattern // tried at the first byte of a node only
}

// pattern is one string to find. at is the offset of its key pair.
type pattern struct {
	bytes, mask string
	at          int
	id          int
}

// magicID and literalID share one id space: ids below formats' magics are
// magics, in list order; literals follow.
type magicRef struct {
	format int
	back   int64 // or inside
}

// inside stands for the distance of a magic that stands anywhere in its
// format, which begins where the node does.
const inside = -1

// pairs tells how common pairs of bytes are in firmware (data/README.md).
//
//go:embed data/pairs.bin
var pairs string

// add keys all patterns. A pair that is looked for anyway costs nothing more,
// so those with the least choice go first.
func (m *matcher) add(list []pattern) {
	const taken = -1
	best := func(p *pattern) (at, cost int) {
		cost = 256
		// Two more bytes shall follow the pair, if that can be.
		for i := 0; i+1 < len(p.bytes) && (i == 0 || i+4 <= len(p.bytes)); i++ {
			c := int(pairs[pairAt(p.bytes, i)])
			if m.table[pairAt(p.bytes, i)] != 0 {
				c = taken
			}
			if c < cost {
				at, cost = i, c
			}
			if p.mask != "" {
				break // the first two mask bytes are 0xFF by contract
			}
		}
		return at, cost
	}
	costs := make(map[int]int, len(list))
	for i := range list {
		_, costs[list[i].id] = best(&list[i])
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b pattern) int { return costs[b.id] - costs[a.id] })
	for _, p := range list {
		p.at, _ = best(&p)
		m.key(p)
	}
}

func pairAt[S ~string | ~[]byte](b S, i int) uint16 { return uint16(b[i]) | uint16(b[i+1])<<8 }

// key adds a pattern under the pair at p.at.
func (m *matcher) key(p pattern) {
	key := pairAt(p.bytes, p.at)
	slot := m.table[key]
	if slot == 0 {
		// Buckets are dealt out one per pair while they last; when they are
		// used up the pairs share them, which only costs comparisons.
		slot = uint8(1 + int(key)%255)
		for try := range 255 {
			s := uint8(1 + (int(key)+try)%255)
			if len(m.buckets[s]) == 0 {
				slot = s
				break
			}
		}
		m.table[key] = slot
	}
	if p.mask == "" && p.at+4 <= len(p.bytes) {
		h := gateOf(p.bytes[p.at:])
		m.gate[h>>6] |= 1 << (h & 63)
	} else {
		m.open[slot] = true
	}
	m.buckets[slot] = append(m.buckets[slot], p)
	m.longest = max(m.longest, len(p.bytes))
}

// gateOf hashes the first four bytes.
func gateOf[S ~string | ~[]byte](b S) uint32 {
	return (uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24) * 0x9E3779B1 >> 16
}

// scan calls hit for every pattern whose key pair begins in p[from:to]. p may
// reach further on both sides; a pattern that does not fit in p is not hit.
func (m *matcher) scan(p []byte, from, to int, hit func(id, off int)) {
	to = min(to, len(p)-1)
	t := &m.table
	i := from
	for ; i+8 <= to && i+9 <= len(p); i += 8 {
		w := binary.LittleEndian.Uint64(p[i:])
		last := uint16(w>>56) | uint16(p[i+8])<<8
		if t[uint16(w)]|t[uint16(w>>8)]|t[uint16(w>>16)]|t[uint16(w>>24)]|
			t[uint16(w>>32)]|t[uint16(w>>40)]|t[uint16(w>>48)]|t[last] != 0 {
			for k := i; k < i+8; k++ {
				if slot := t[uint16(p[k])|uint16(p[k+1])<<8]; slot != 0 && m.passes(p, k, slot) {
					m.compare(p, k, slot, hit)
				}
			}
		}
	}
	for ; i < to; i++ {
		if slot := t[uint16(p[i])|uint16(p[i+1])<<8]; slot != 0 {
			m.compare(p, i, slot, hit)
		}
	}
}

// passes tells whether the bytes at k can be those of a string in a bucket.
func (m *matcher) passes(p []byte, k int, slot uint8) bool {
	if k+4 > len(p) || m.open[slot] {
		return true
	}
	h := gateOf(p[k : k+4])
	return m.gate[h>>6]>>(h&63)&1 != 0
}

func (m *matcher) compare(p []byte, k int, slot uint8, hit func(id, off int)) {
	for i := range m.buckets[slot] {
		q := &m.buckets[slot][i]
		off := k - q.at
		if off >= 0 && off+len(q.bytes) <= len(p) && q.match(p[off:]) {
			hit(q.id, off)
		}
	}
}

func (q *pattern) match(p []byte) bool {
	if len(p) < len(q.bytes) {
		return false
	}
	if q.mask == "" {
		return string(p[:len(q.bytes)]) == q.bytes
	}
	for i := range len(q.bytes) {
		if (p[i]^q.bytes[i])&q.mask[i] != 0 {
			return false
		}
	}
	return true
}

// patterns is the matcher of one engine with what its ids mean.
type patterns struct {
	matcher
	magics   []magicRef // by id
	literals int        // ids from len(magics) on
}

func newPatterns(formats []wardein.Format, literals []string) *patterns {
	ps := &patterns{literals: len(literals)}
	var list []pattern
	for i, f := range formats {
		for _, mg := range f.Magic {
			p := pattern{bytes: mg.Bytes, mask: mg.Mask, id: len(ps.magics)}
			back := mg.Back
			if mg.Inside {
				back = inside
			}
			ps.magics = append(ps.magics, magicRef{i, back})
			if mg.Anchored {
				ps.anchored = append(ps.anchored, p)
			} else {
				list = append(list, p)
			}
		}
	}
	for i, s := range literals {
		list = append(list, pattern{bytes: s, id: len(ps.magics) + i})
	}
	ps.add(list)
	return ps
}

// maxHits bounds what one blob may give the engine to look at: 8 MB.
const maxHits = 1 << 20

// maxLiteralHits is what Blob.Hits promises.
const maxLiteralHits = 4096

// hits is what one pass over a blob found.
type hits struct {
	magics   []hit
	dropped  int // beyond maxHits
	literals [][]int64
}

// hit is where a format would begin, and the format: a number by which
// candidates are in order of start, then of the list of formats.
type hit uint64

const (
	formatBits = 12
	maxStart   = 1<<(64-formatBits) - 1 // 4 PB
)

func newHit(start int64, format int) hit { return hit(start)<<formatBits | hit(format) }
func (h hit) start() int64               { return int64(h >> formatBits) }
func (h hit) format() int                { return int(h & (1<<formatBits - 1)) }

// sort orders candidates and drops repetitions.
func (h *hits) sort() {
	slices.Sort(h.magics)
	h.magics = slices.Compact(h.magics)
}

// pass is the fused pass over one blob's bytes: signatures and literals.
// Bytes are given in order through write.
type pass struct {
	ps   *patterns
	buf  []byte // bytes not yet scanned, with up to keep bytes before them
	seen int    // length of the scanned prefix of buf
	base int64  // blob offset of buf[0]
	hits hits

	inside []hit // of magics that stand inside their formats
}

const passWindow = 64 << 10

func (a *pass) reset(ps *patterns) {
	*a = pass{ps: ps, buf: a.buf[:0], inside: a.inside[:0]}
	if ps.literals > 0 {
		a.hits.literals = make([][]int64, ps.literals)
	}
}

func (a *pass) write(p []byte) {
	for len(p) > 0 {
		if cap(a.buf) == 0 {
			a.buf = make([]byte, 0, passWindow)
		}
		n := min(len(p), cap(a.buf)-len(a.buf))
		a.buf = append(a.buf, p[:n]...)
		p = p[n:]
		if len(a.buf) == cap(a.buf) {
			a.advance(false)
		}
	}
}

// whole scans a blob that is in memory, without copying it.
func (a *pass) whole(p []byte) *hits {
	a.ps.scan(p, 0, len(p), a.hit)
	return a.finish(p)
}

// advance scans what has arrived. A pattern is found at its key pair, so the
// last longest bytes wait for what follows them.
func (a *pass) advance(last bool) {
	to := len(a.buf) - a.ps.longest
	if last {
		to = len(a.buf)
	}
	if to > a.seen {
		a.ps.scan(a.buf, a.seen, to, a.hit)
		a.seen = to
	}
	keep := max(0, a.seen-a.ps.longest)
	a.base += int64(keep)
	a.seen -= keep
	a.buf = append(a.buf[:0], a.buf[keep:]...)
}

func (a *pass) hit(id, off int) {
	at := a.base + int64(off)
	if id >= len(a.ps.magics) {
		i := id - len(a.ps.magics)
		if len(a.hits.literals[i]) < maxLiteralHits {
			a.hits.literals[i] = append(a.hits.literals[i], at)
		}
		return
	}
	ref := a.ps.magics[id]
	if ref.back == inside {
		// One candidate, however often the magic is met.
		if x := newHit(0, ref.format); !slices.Contains(a.inside, x) {
			a.inside = append(a.inside, x)
		}
		return
	}
	if at < ref.back || at > maxStart {
		return
	}
	if len(a.hits.magics) == maxHits {
		a.hits.dropped++
		return
	}
	a.hits.magics = append(a.hits.magics, newHit(at-ref.back, ref.format))
}

// end returns the hits once all bytes were written; head is the blob's
// beginning, long enough for the anchored magics.
func (a *pass) end(head []byte) *hits {
	a.advance(true)
	return a.finish(head)
}

func (a *pass) finish(head []byte) *hits {
	for i := range a.ps.anchored {
		q := &a.ps.anchored[i]
		ref := a.ps.magics[q.id]
		if ref.back < int64(len(head)) && q.match(head[ref.back:]) {
			a.hits.magics = append(a.hits.magics, newHit(0, ref.format))
		}
	}
	a.hits.magics = append(a.hits.magics, a.inside...)
	a.hits.sort()
	for _, l := range a.hits.literals {
		slices.Sort(l)
	}
	h := a.hits
	return &h
}
