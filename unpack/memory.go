package unpack

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is the heap size below which the collector may take its time.
const heapFloor = 64 << 20

// TuneCollector makes the garbage collector leave a small heap alone and keep
// a large one tight: the next collection comes at a quarter above what is
// live, but not below heapFloor. The runtime's own rule, twice what is live,
// would double the peak of a release with a million entries.
func TuneCollector() {
	type sentinel struct{ _ *byte }
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var after func(*sentinel)
	after = func(s *sentinel) {
		metrics.Read(live)
		n := max(live[0].Value.Uint64(), 1<<20)
		percent := 25
		if n < heapFloor*4/5 {
			percent = int(heapFloor*100/n) - 100
		}
		debug.SetGCPercent(percent)
		runtime.SetFinalizer(s, after)
	}
	runtime.SetFinalizer(&sentinel{new(byte)}, after)
	debug.SetGCPercent(400)
}
