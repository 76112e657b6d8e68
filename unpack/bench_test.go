package unpack_test

import (
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
)

// BenchmarkEngine unpacks the file that WARDEIN_BENCH names, cold, in this
// process, so that -cpuprofile sees the readers. "busy" is the share of the
// processors' time in which a goroutine was running.
func BenchmarkEngine(b *testing.B) {
	path := os.Getenv("WARDEIN_BENCH")
	if path == "" {
		b.Skip("WARDEIN_BENCH names no file")
	}
	st, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(st.Size())
	b.ReportAllocs()
	before := processors()
	for b.Loop() {
		inspectPath(b, path, options{noCage: true, store: b.TempDir()})
	}
	after := processors()
	b.ReportMetric(100-100*(after[0]-before[0])/(after[1]-before[1]), "%busy")
}

// processors returns the idle and the total seconds of all processors.
func processors() [2]float64 {
	runtime.GC() // brings the figures up to date
	s := []metrics.Sample{{Name: "/cpu/classes/idle:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"}}
	metrics.Read(s)
	return [2]float64{s[0].Value.Float64(), s[1].Value.Float64()}
}
