package unpack

import (
	"math/rand/v2"
	"reflect"
	"sort"
	"testing"

	"github.com/wardein/wardein"
)

// Spans come back in order however they were added, those that begin together
// in the order in which they were added.
func TestSpanOrder(t *testing.T) {
	for _, runs := range []int{1, 2, maxRuns, maxRuns + 1, 500} {
		rng := rand.New(rand.NewPCG(uint64(runs), 1))
		var l spanList
		var want []wardein.Span
		for range runs {
			off := int64(rng.IntN(50))
			for range rng.IntN(200) {
				s := wardein.Span{Off: off, Len: rng.Int64N(1 << rng.IntN(62)), What: wardein.Known, Is: string(rune('a' + rng.IntN(5)))}
				l.put(s)
				want = append(want, s)
				off += rng.Int64N(5)
			}
		}
		sort.SliceStable(want, func(i, j int) bool { return want[i].Off < want[j].Off })
		var got []wardein.Span
		for s := range l.all() {
			got = append(got, s)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d runs: %d spans, want %d, or in another order", runs, len(got), len(want))
		}
	}
}

// Bytes that two spans name belong to the one that begins first.
func TestSpanTile(t *testing.T) {
	var l spanList
	for _, s := range []wardein.Span{
		{Off: 10, Len: 10, Is: "b"}, {Off: 20, Len: 5, Is: "b"}, {Off: 12, Len: 3, Is: "b"}, {Off: 0, Len: 12, Is: isMember},
		{Off: 40, Len: 1 << 62, Is: "c"}, {Off: -5, Len: 9, Is: "d"}, {Off: 24, Len: 4, Is: isMember}, {Off: 90, Len: 5, Is: "e"},
	} {
		l.add(s)
	}
	tiled, verbatim := l.tile(80)
	got, _ := tiled.list()
	want := []wardein.Span{{Off: 0, Len: 12, Is: isMember}, {Off: 12, Len: 13, Is: "b"}, {Off: 25, Len: 3, Is: isMember}, {Off: 40, Len: 40, Is: "c"}}
	if !reflect.DeepEqual(got, want) || verbatim != 15 {
		t.Errorf("%+v, %d verbatim", got, verbatim)
	}
}

// Too many spans are listed as one where one format knows them, with the
// short padding between; everything else stays apart, and no byte is lost.
func TestSpanLimit(t *testing.T) {
	var l spanList
	off, pads := int64(0), int64(0)
	put := func(s wardein.Span) {
		s.Off = off
		l.put(s)
		off += s.Len
	}
	known := wardein.Span{Len: 9, What: wardein.Known, Format: "cpio", Is: isMember}
	for range maxSpans {
		put(known)
		put(wardein.Span{Len: 3, What: wardein.Padding})
		pads += 3
	}
	put(wardein.Span{Len: 100, What: wardein.Unknown, Is: classMixed})
	pads -= 3
	put(known)
	put(wardein.Span{Len: leastApart, What: wardein.Padding})
	put(known)
	put(wardein.Span{Len: 7, What: wardein.Known, Format: "other", Is: "header"})
	put(wardein.Span{Len: 3, What: wardein.Padding})
	got, padding := l.list()
	if padding != pads || len(got) != 8 {
		t.Fatalf("%d bytes of padding inside, want %d: %+v", padding, pads, got[:min(len(got), 10)])
	}
	pos := int64(0)
	for _, s := range got {
		if s.Off != pos {
			t.Errorf("%+v begins elsewhere than at %d", s, pos)
		}
		pos += s.Len
	}
	if pos != off || got[0].Len != 12*maxSpans-3 || got[0].Is != isMixed || got[2].What != wardein.Unknown {
		t.Errorf("%d of %d bytes: %+v", pos, off, got)
	}
}
