package unpack_test

import (
	"os"
	"testing"
)

// BenchmarkEngine unpacks the file that WARDEIN_BENCH names, cold, in this
// process, so that -cpuprofile sees the readers.
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
	for b.Loop() {
		inspectPath(b, path, options{noCage: true, store: b.TempDir()})
	}
}
