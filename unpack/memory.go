package unpack

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// The heap sizes below which the collector may take its time, and how far a
// larger heap may grow beyond what is live: headroom, or a sixteenth.
const (
	parentFloor = 32 << 20
	childFloor  = 64 << 20
	headroom    = 16 << 20
)

// TuneCollector makes the garbage collector leave a small heap alone and keep
// a large one tight. The runtime's own rule, twice what is live, would double
// the peak of a release with a million entries. A collection costs little: what
// grows with a release is tables and encoded records without a pointer in them.
func TuneCollector() { tuneCollector(parentFloor) }

var loose atomic.Bool

// LoosenCollector lets the heap grow by as much as is live, 64 MiB at least and
// 256 MiB at most, from now on. It is for work that allocates much, has many
// pointers in what is live, and keeps little of it: there a tight heap takes
// half of the processor.
func LoosenCollector() {
	if !loose.Swap(true) {
		debug.SetGCPercent(100) // until the next collection
	}
}

func tuneCollector(floor uint64) {
	type sentinel struct{ _ *byte }
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var after func(*sentinel)
	after = func(s *sentinel) {
		metrics.Read(live)
		n := max(live[0].Value.Uint64(), 1<<20)
		next := max(floor, n+headroom, n+n/16)
		if loose.Load() {
			next = max(next, n+max(64<<20, min(n, 256<<20)))
		}
		debug.SetGCPercent(int((next - n) * 100 / n))
		runtime.SetFinalizer(s, after)
	}
	runtime.SetFinalizer(&sentinel{new(byte)}, after)
	debug.SetGCPercent(400)
}
