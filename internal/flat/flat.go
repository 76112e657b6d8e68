// Package flat has a hash table for millions of small entries that are added
// and never removed. It takes about two thirds of what a Go map takes, and it
// grows in parts, so that it never stands in memory twice.
package flat

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"math/bits"
	"slices"
)

// Key is a digest, or a part of one. That the first byte is spread evenly
// makes a table even, but nothing depends on it: within a part places are
// dealt out by a hash with a secret seed.
type Key interface {
	~[8]byte | ~[16]byte | ~[32]byte
}

// Sum is a 64-bit sum as a key.
func Sum(v uint64) (k [8]byte) {
	binary.BigEndian.PutUint64(k[:], v)
	return k
}

// Map is a hash table. The zero value is empty and ready for use; one
// goroutine at a time uses it. The keys of zeros and of zeros but for a last 1
// are the same to it.
type Map[K Key, V any] struct {
	parts []part[K, V] // 1, or 256: one for each first byte
	n     int
}

type part[K Key, V any] struct {
	slots []slot[K, V] // free where the key is zero
	n     int
}

type slot[K Key, V any] struct {
	v V // first, so that an empty struct takes no byte
	k K
}

// small is the number of entries up to which a table is one part.
const small = 4096

var seed = maphash.MakeSeed()

// find returns the slot of a key, or the free one where it belongs.
func (p *part[K, V]) find(k K) *slot[K, V] {
	i, _ := bits.Mul64(maphash.Comparable(seed, k), uint64(len(p.slots)))
	for {
		s := &p.slots[i]
		if s.k == k || s.k == *new(K) {
			return s
		}
		if i++; i == uint64(len(p.slots)) {
			i = 0
		}
	}
}

// at returns the slot of a key, after making room for it.
func (p *part[K, V]) at(k K) *slot[K, V] {
	if p.n >= len(p.slots)*7/8 {
		old := p.slots
		p.slots = make([]slot[K, V], max(8, len(old)*3/2))
		for i := range old {
			if old[i].k != *new(K) {
				*p.find(old[i].k) = old[i]
			}
		}
	}
	return p.find(k)
}

func real[K Key](k K) K {
	if k == *new(K) {
		k[len(k)-1] = 1
	}
	return k
}

func (m *Map[K, V]) part(k K) *part[K, V] {
	if len(m.parts) == 1 {
		return &m.parts[0]
	}
	return &m.parts[k[0]]
}

// Get returns the value of a key.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	k = real(k)
	if len(m.parts) == 0 {
		return v, false
	}
	p := m.part(k)
	if p.n == 0 {
		return v, false
	}
	s := p.find(k)
	return s.v, s.k == k
}

// Put sets the value of a key and tells whether the key is new.
func (m *Map[K, V]) Put(k K, v V) bool {
	k = real(k)
	switch {
	case m.n == 0:
		m.parts = make([]part[K, V], 1)
	case m.n == small && len(m.parts) == 1:
		old := m.parts[0].slots
		m.parts = make([]part[K, V], 256)
		for i := range old {
			if s := &old[i]; s.k != *new(K) {
				p := m.part(s.k)
				*p.at(s.k) = *s
				p.n++
			}
		}
	}
	p := m.part(k)
	s := p.at(k)
	s.v = v
	if s.k == k {
		return false
	}
	s.k = k
	p.n++
	m.n++
	return true
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int { return m.n }

// Sorted gives all entries in the order of their keys.
func (m *Map[K, V]) Sorted() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		var list []slot[K, V]
		for i := range m.parts {
			list = list[:0]
			for k := range m.parts[i].slots {
				if s := &m.parts[i].slots[k]; s.k != *new(K) {
					list = append(list, *s)
				}
			}
			slices.SortFunc(list, func(a, b slot[K, V]) int {
				for i := range len(a.k) {
					if a.k[i] != b.k[i] {
						return int(a.k[i]) - int(b.k[i])
					}
				}
				return 0
			})
			for k := range list {
				if !yield(list[k].k, list[k].v) {
					return
				}
			}
		}
	}
}
