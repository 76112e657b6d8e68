package store

import (
	"iter"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/flat"
)

// Places remembers where contents of one run stand. Nearly all of them are
// one short segment of the run's own pack, and take about 55 bytes each. One
// goroutine at a time uses it.
type Places struct {
	pack  int64
	at    flat.Map[wardein.Digest, uint64] // offset and length, or elsewhere
	other map[wardein.Digest]Loc
}

const (
	lenBits   = 21
	elsewhere = 1<<64 - 1
)

// NewPlaces makes a table for the run with that pack.
func NewPlaces(pack int64) *Places {
	return &Places{pack: pack, other: map[wardein.Digest]Loc{}}
}

// Put sets where content stands.
func (p *Places) Put(d wardein.Digest, l Loc) {
	if len(l) == 1 && l[0].Source == p.pack && l[0].Len < 1<<lenBits && uint64(l[0].Off) < 1<<(63-lenBits) {
		p.at.Put(d, uint64(l[0].Off)<<lenBits|uint64(l[0].Len))
		return
	}
	p.at.Put(d, elsewhere)
	p.other[d] = l
}

func (p *Places) loc(d wardein.Digest, at uint64) Loc {
	if at == elsewhere {
		return p.other[d]
	}
	return Loc{{Source: p.pack, Off: int64(at >> lenBits), Len: int64(at & (1<<lenBits - 1))}}
}

// Get returns where content stands.
func (p *Places) Get(d wardein.Digest) (Loc, bool) {
	at, ok := p.at.Get(d)
	if !ok {
		return nil, false
	}
	return p.loc(d, at), true
}

// Len is the number of contents.
func (p *Places) Len() int { return p.at.Len() }

// Sorted gives all contents in the order of their digests.
func (p *Places) Sorted() iter.Seq2[wardein.Digest, Loc] {
	return func(yield func(wardein.Digest, Loc) bool) {
		for d, at := range p.at.Sorted() {
			if !yield(d, p.loc(d, at)) {
				return
			}
		}
	}
}
