package unpack

import (
	"encoding/binary"
	"iter"
	"slices"
	"sort"

	"github.com/wardein/wardein"
)

// spanList holds spans in encoded form, about four bytes each: most spans of
// a container follow each other and are of a few kinds.
type spanList struct {
	kinds  []wardein.Span // without Off and Len
	n      int
	last   compactSpan // added last; while open, more may be added to it
	open   bool
	chunks [][]byte
	runs   []spanRun // of ascending offsets
	many   bool      // there are more than maxRuns: the last one is in no order
	off    int64     // of the span that was encoded last
	end    int64     // its end
}

type compactSpan struct {
	off, len int64
	kind     int
}

// spanRun is a place in the encoded list: how many spans follow there, and
// where the one before ends.
type spanRun struct {
	chunk, at, left int
	end             int64
}

const (
	spanChunk = 16 << 10
	// maxKinds bounds the table of kinds; a format names its parts with a few
	// fixed words.
	maxKinds = 4096
	// maxRuns is up to how many runs are merged as they are read; what is in
	// worse order is decoded and sorted.
	maxRuns = 64
)

// kind returns the number of a span's kind.
func (l *spanList) kind(s wardein.Span) int {
	s.Off, s.Len = 0, 0
	if l.n > 0 && l.kinds[l.last.kind] == s {
		return l.last.kind
	}
	if i := slices.Index(l.kinds, s); i >= 0 {
		return i
	}
	if len(l.kinds) < maxKinds {
		l.kinds = append(l.kinds, s)
	}
	return len(l.kinds) - 1
}

// add adds a span, which may be more of the last one.
func (l *spanList) add(s wardein.Span) { l.join(compactSpan{s.Off, s.Len, l.kind(s)}) }

// put adds a span that stays apart.
func (l *spanList) put(s wardein.Span) { l.push(compactSpan{s.Off, s.Len, l.kind(s)}) }

func (l *spanList) join(s compactSpan) {
	if p := &l.last; l.open && p.kind == s.kind && s.off >= p.off {
		switch end := p.off + p.len; {
		case s.off == end:
			p.len += s.len
			return
		case s.off < end && s.len <= end-s.off:
			return // members share a block
		}
	}
	l.push(s)
}

func (l *spanList) push(s compactSpan) {
	l.flush()
	l.last, l.open = s, true
	l.n++
}

// flush encodes the last span.
func (l *spanList) flush() {
	if !l.open {
		return
	}
	s := l.last
	l.open = false
	k := len(l.chunks) - 1
	if k < 0 || cap(l.chunks[k])-len(l.chunks[k]) < 3*binary.MaxVarintLen64 {
		size := spanChunk
		if k < 0 {
			size = 128 // most blobs have few spans
		}
		l.chunks = append(l.chunks, make([]byte, 0, size))
		k++
	}
	if len(l.runs) == 0 || s.off < l.off && !l.many {
		if l.many = len(l.runs) == maxRuns; !l.many {
			l.runs = append(l.runs, spanRun{chunk: k, at: len(l.chunks[k]), end: l.end})
		}
	}
	l.runs[len(l.runs)-1].left++
	b := binary.AppendUvarint(l.chunks[k], uint64(s.kind))
	b = binary.AppendVarint(b, s.off-l.end)
	l.chunks[k] = binary.AppendUvarint(b, uint64(s.len))
	l.off, l.end = s.off, s.off+s.len
}

// next reads the next span of a run.
func (l *spanList) next(r *spanRun) (s compactSpan, ok bool) {
	if r.left == 0 {
		return s, false
	}
	r.left--
	if r.at == len(l.chunks[r.chunk]) {
		r.chunk, r.at = r.chunk+1, 0
	}
	b := l.chunks[r.chunk][r.at:]
	kind, i := binary.Uvarint(b)
	gap, j := binary.Varint(b[i:])
	n, k := binary.Uvarint(b[i+j:])
	r.at += i + j + k
	s = compactSpan{r.end + gap, int64(n), int(kind)}
	r.end = s.off + s.len
	return s, true
}

// sorted gives the spans by offset; of those that begin together the one that
// was added first comes first.
func (l *spanList) sorted() iter.Seq[compactSpan] {
	l.flush()
	return func(yield func(compactSpan) bool) {
		runs := slices.Clone(l.runs)
		if l.many {
			all := make([]compactSpan, 0, l.n)
			for i := range runs {
				for s, ok := l.next(&runs[i]); ok; s, ok = l.next(&runs[i]) {
					all = append(all, s)
				}
			}
			sort.SliceStable(all, func(i, j int) bool { return all[i].off < all[j].off })
			slices.Values(all)(yield)
			return
		}
		heads := make([]compactSpan, len(runs))
		has := make([]bool, len(runs))
		for i := range runs {
			heads[i], has[i] = l.next(&runs[i])
		}
		for {
			first := -1
			for i := range heads {
				if has[i] && (first < 0 || heads[i].off < heads[first].off) {
					first = i
				}
			}
			if first < 0 || !yield(heads[first]) {
				return
			}
			heads[first], has[first] = l.next(&runs[first])
		}
	}
}

// all gives the spans by offset.
func (l *spanList) all() iter.Seq[wardein.Span] {
	return func(yield func(wardein.Span) bool) {
		for c := range l.sorted() {
			s := l.kinds[c.kind]
			s.Off, s.Len = c.off, c.len
			if !yield(s) {
				return
			}
		}
	}
}

// Names of the spans that members are made of.
const (
	isMember  = "member"
	isEncoded = "encoded member"
	isMixed   = "metadata, members and padding"
)

// tile puts the spans in order without overlap, cut at end; bytes that two
// name belong to the first. verbatim counts the bytes that members have as
// they are.
func (l *spanList) tile(end int64) (out *spanList, verbatim int64) {
	out = &spanList{kinds: l.kinds}
	pos := int64(0)
	for s := range l.sorted() {
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
		out.join(s)
	}
	return out, verbatim
}

// maxSpans is how many spans a record lists apart. Beyond it neighbours that
// one format knows are listed as one, with the padding shorter than leastApart
// between them: their bytes are accounted for all the same.
const (
	maxSpans   = 1 << 16
	leastApart = 4 << 10
)

// list returns the spans in order. padding counts the bytes of padding that
// stand in spans of known bytes.
func (l *spanList) list() (out []wardein.Span, padding int64) {
	if l.n <= maxSpans {
		return slices.AppendSeq(make([]wardein.Span, 0, l.n), l.all()), 0
	}
	var pad wardein.Span // held back: what comes next decides
	for s := range l.all() {
		p := &wardein.Span{}
		if len(out) > 0 {
			p = &out[len(out)-1]
		}
		switch {
		case s.What == wardein.Padding && s.Len < leastApart && p.Is == isMixed && pad.Len == 0:
			pad = s
			continue
		case s.What == wardein.Known && s.Code == "" && s.Format != "":
			if s.Is = isMixed; *p == (wardein.Span{Off: p.Off, Len: p.Len, What: s.What, Is: isMixed, Format: s.Format}) {
				p.Len += pad.Len + s.Len
				padding += pad.Len
				pad.Len = 0
				continue
			}
		}
		if pad.Len > 0 {
			out = append(out, pad)
			pad.Len = 0
		}
		out = append(out, s)
	}
	if pad.Len > 0 {
		out = append(out, pad)
	}
	return out, padding
}
