package unpack

import (
	"slices"
	"sort"
	"sync"

	"github.com/wardein/wardein"
)

// memberList holds a container's members in encoded form: a container of a
// million files must not cost more than some hundred bytes for each. Members
// are added by one goroutine and settled, once their content is known, by any.
type memberList struct {
	mu    sync.Mutex
	arena [][]byte // encoded members, in chunks that never move
	slots [][]slot // in chunks of slotChunk
	locs  map[int]Loc
}

type slot struct {
	chunk, off, n uint32
	content       bool
	blob          wardein.Digest
}

// Most containers have few members: the first chunk of either kind is small.
const (
	slotChunk  = 1 << 12
	arenaChunk = 256 << 10
	arenaFirst = 2 << 10
)

func (l *memberList) len() int {
	if len(l.slots) == 0 {
		return 0
	}
	return (len(l.slots)-1)*slotChunk + len(l.slots[len(l.slots)-1])
}

// add appends a member and returns its index.
func (l *memberList) add(m *Member) int {
	var e encoder
	l.mu.Lock()
	defer l.mu.Unlock()
	k := len(l.arena) - 1
	// A member is encoded in place where that fits, else in a chunk of its own.
	if k >= 0 {
		e.b = l.arena[k]
	}
	at := len(e.b)
	e.member(m)
	if k < 0 || cap(e.b) != cap(l.arena[k]) {
		own, chunk := e.b[at:], arenaChunk
		if k < 0 {
			chunk = arenaFirst
		}
		l.arena = append(l.arena, append(make([]byte, 0, max(chunk, len(own))), own...))
		k, at = k+1, 0
	} else {
		l.arena[k] = e.b
	}
	if n := len(l.slots); n == 0 {
		l.slots = append(l.slots, nil)
	} else if len(l.slots[n-1]) == slotChunk {
		l.slots = append(l.slots, make([]slot, 0, slotChunk))
	}
	s := &l.slots[len(l.slots)-1]
	*s = append(*s, slot{chunk: uint32(k), off: uint32(at), n: uint32(len(l.arena[k]) - at), content: hasContent(m.Kind), blob: m.Blob})
	return l.len() - 1
}

// settle records a member's digest, and where its content stands when it was
// derived.
func (l *memberList) settle(i int, blob wardein.Digest, loc Loc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots[i/slotChunk][i%slotChunk].blob = blob
	if loc != nil {
		if l.locs == nil {
			l.locs = map[int]Loc{}
		}
		l.locs[i] = loc
	}
}

// each calls f with every member's encoded form.
func (l *memberList) each(f func(fields []byte, s *slot, loc Loc) error) error {
	i := 0
	for _, chunk := range l.slots {
		for k := range chunk {
			s := &chunk[k]
			if err := f(l.arena[s.chunk][s.off:s.off+s.n], s, l.locs[i]); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}

// spanList collects spans in compact form: most spans of a container are of a
// few kinds.
type spanList struct {
	kinds []wardein.Span // without Off and Len
	last  uint16         // the kind that was added last
	list  []compactSpan
}

type compactSpan struct {
	off, len int64
	kind     uint16
}

// maxKinds bounds the table of kinds; a format names its parts with a few
// fixed words.
const maxKinds = 4096

func (l *spanList) add(s wardein.Span) {
	kind := s
	kind.Off, kind.Len = 0, 0
	if len(l.kinds) == 0 || l.kinds[l.last] != kind {
		i := slices.Index(l.kinds, kind)
		if i < 0 {
			if len(l.kinds) == maxKinds {
				i = maxKinds - 1
			} else {
				i = len(l.kinds)
				l.kinds = append(l.kinds, kind)
			}
		}
		l.last = uint16(i)
	}
	if n := len(l.list); n > 0 {
		if p := &l.list[n-1]; p.kind == l.last && p.off+p.len == s.Off {
			p.len += s.Len
			return
		}
	}
	l.list = append(l.list, compactSpan{s.Off, s.Len, l.last})
}

// Names of the spans that members are made of.
const (
	isMember  = "member"
	isEncoded = "encoded member"
	isMixed   = "metadata and members"
)

// maxSpans is how many spans a record lists apart. Beyond it neighbours that
// are known are listed as one: their bytes are accounted for all the same.
const maxSpans = 1 << 16

// tile puts the spans in order without overlap, cut at end; bytes that two
// name belong to the first. verbatim counts the bytes that members have as
// they are.
func (l *spanList) tile(end int64) (out []wardein.Span, verbatim int64) {
	sort.SliceStable(l.list, func(i, j int) bool { return l.list[i].off < l.list[j].off })
	n, pos := 0, int64(0)
	for _, s := range l.list {
		if s.off < 0 || s.len <= 0 || s.off >= end {
			continue
		}
		stop := s.off + min(s.len, end-s.off)
		s.off = max(s.off, pos)
		if s.off >= stop {
			continue
		}
		s.len = stop - s.off
		pos = stop
		if l.kinds[s.kind].Is == isMember {
			verbatim += s.len
		}
		if n > 0 && l.list[n-1].kind == s.kind && l.list[n-1].off+l.list[n-1].len == s.off {
			l.list[n-1].len += s.len
			continue
		}
		l.list[n] = s
		n++
	}
	l.list = l.list[:n]
	plain := func(k *wardein.Span) bool { return k.What == wardein.Known && k.Code == "" && !k.Carve }
	for _, s := range l.list {
		k := l.kinds[s.kind]
		if n > maxSpans && plain(&k) {
			k.Is = isMixed
		}
		k.Off, k.Len = s.off, s.len
		if m := len(out); m > 0 && out[m-1].Off+out[m-1].Len == k.Off {
			p := &out[m-1]
			if p.What == k.What && p.Is == k.Is && p.Code == k.Code && p.Carve == k.Carve && p.Format == k.Format {
				p.Len += k.Len
				continue
			}
		}
		out = append(out, k)
	}
	l.list = nil
	return out, verbatim
}
