package unpack

import (
	"encoding/binary"
	"sync"

	"github.com/wardein/wardein"
)

// memberList holds a container's members in encoded form, each with room for
// its digest: a container of a million files must not cost more than some
// hundred bytes for each. Members are added by one goroutine and settled, once
// their content is known, by any. Where derived content stands is not kept but
// asked of where when the record is written.
type memberList struct {
	where func(wardein.Digest) (Loc, bool)

	mu    sync.Mutex
	arena [][]byte // members, in chunks that never move
	n     int
	buf   encoder
}

// Most containers have few members: the first chunk is small.
const (
	arenaChunk = 256 << 10
	arenaFirst = 2 << 10
)

// What follows a member's fields: nothing, its digest, or its digest and the
// location of derived content.
const (
	noContent = iota
	verbatim
	derived
)

func (l *memberList) len() int { return l.n }

// add appends a member and returns where it stands, for settle. A member in
// the arena is the length of the rest, what follows, the fields as
// encoder.member writes them, and the digest.
func (l *memberList) add(m *Member) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	follows, e := noContent, &l.buf
	if hasContent(m.Kind) {
		follows = verbatim
		if m.Derived != "" {
			follows = derived
		}
	}
	e.b = append(e.b[:0], byte(follows))
	e.member(m)
	if follows != noContent {
		e.d(m.Blob)
	}
	var size [binary.MaxVarintLen64]byte
	head := size[:binary.PutUvarint(size[:], uint64(len(e.b)))]
	k := len(l.arena) - 1
	if want := len(head) + len(e.b); k < 0 || cap(l.arena[k])-len(l.arena[k]) < want {
		size := arenaChunk
		if k < 0 {
			size = arenaFirst
		}
		l.arena = append(l.arena, make([]byte, 0, max(size, want)))
		k++
	}
	at := len(l.arena[k])
	l.arena[k] = append(append(l.arena[k], head...), e.b...)
	l.n++
	return k*arenaChunk + at
}

// take returns the first member in b and what stands behind it.
func take(b []byte) (member, rest []byte) {
	size, n := binary.Uvarint(b)
	return b[n : n+int(size)], b[n+int(size):]
}

// settle records the digest of the member that stands at i.
func (l *memberList) settle(i int, blob wardein.Digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, _ := take(l.arena[i/arenaChunk][i%arenaChunk:])
	copy(m[len(m)-len(blob):], blob[:])
}

// each appends what a record says of each member, and calls f after each.
func (l *memberList) each(e *encoder, f func() error) error {
	for _, chunk := range l.arena {
		for len(chunk) > 0 {
			var m []byte
			m, chunk = take(chunk)
			e.b = append(e.b, m[1:]...)
			switch m[0] {
			case verbatim:
				e.loc(nil)
			case derived:
				loc, _ := l.where(wardein.Digest(m[len(m)-len(wardein.Digest{}):]))
				e.loc(loc)
			}
			if err := f(); err != nil {
				return err
			}
		}
	}
	return nil
}
