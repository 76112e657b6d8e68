package unpack_test

import (
	"encoding/binary"
	"hash/fnv"
	"testing"

	"github.com/wardein/wardein"
)

// fuzzInput bounds what one execution may cost.
const fuzzInput = 64 << 10

// FuzzEngine puts mutated images through the whole engine. Whatever the bytes
// are, the run ends without an error, no format panics, both laws hold on every
// node, and, for one input in eight, two workers give what one does.
func FuzzEngine(f *testing.F) {
	for _, s := range formatSamples(f) {
		if len(s.data) <= 4<<10 {
			f.Add(s.data)
		}
	}
	one, two := newLab(f, allFormats), newLab(f, allFormats)
	two.workers = 2
	// Bounds low enough that inputs of a few kilobytes meet them.
	for _, l := range []*lab{one, two} {
		l.cfg.Limits.Depth, l.cfg.Limits.Entries, l.cfg.Limits.Name = 6, 5000, 200
		l.cfg.Limits.MinTotal, l.cfg.Limits.MaxTotal = 4<<20, 4<<20
		l.cfg.Limits.StreamFloor, l.cfg.Limits.StreamRatio = 1<<20, 100
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > fuzzInput {
			return
		}
		a := one.unpack(t, data)
		if g, n := a.gap(wardein.Crashed); g != nil {
			t.Errorf("%q: %s crashed: %s", n.Path, g.Who, g.Why)
		}
		if sum(data)%8 != 0 {
			return
		}
		if b := two.unpack(t, data); a.text != b.text {
			t.Errorf("one worker and two differ: %s", firstDifference(a.text, b.text))
		}
	})
}

func sum(data []byte) uint64 {
	h := fnv.New64a()
	h.Write(data)
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// BenchmarkFuzzExecution is what one execution of FuzzEngine costs at least.
func BenchmarkFuzzExecution(b *testing.B) {
	l := newLab(b, allFormats)
	data := formatSamples(b)[40].data
	b.ReportAllocs()
	for b.Loop() {
		l.unpack(b, data)
	}
}
