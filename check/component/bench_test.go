package component

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

// BenchmarkNode looks at the ELF files (32 MB of them) below the folder that
// WARDEIN_BENCH names. The engine's pass that finds the literals is not in it:
// see BenchmarkLiterals of package unpack.
func BenchmarkNode(b *testing.B) {
	root := os.Getenv("WARDEIN_BENCH")
	if root == "" {
		b.Skip("WARDEIN_BENCH names no folder")
	}
	c := Check()
	var blobs []wardein.Blob
	var total int64
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || total > 32<<20 {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) < 4 || string(data[:4]) != "\x7fELF" {
			return err
		}
		x := checktest.Blob(c, data)
		hits := make([][]int64, len(c.Literals))
		for i := range hits {
			hits[i] = x.Hits(i)
		}
		x.Hits = func(i int) []int64 { return hits[i] }
		blobs, total = append(blobs, x), total+x.Size
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(total)
	b.ReportAllocs()
	facts, before := 0, cpu()
	for b.Loop() {
		facts = 0
		for _, x := range blobs {
			if err := c.Node(context.Background(), x, func(wardein.Fact) { facts++ }); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(facts)/float64(len(blobs)), "facts/file")
	b.ReportMetric(float64(total)*float64(b.N)/1e6/(cpu()-before).Seconds(), "MB/CPU-s")
}

// cpu is the processor time of the process: a busy machine does not change it.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkData reads the embedded data, and reports what of it stays in
// memory: with a file's buffers (a quarter of a megabyte each) that is what the
// check adds to a process.
func BenchmarkData(b *testing.B) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	text, err := files.ReadFile("data/strings.txt")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		before := heap()
		d, err := load(files)
		if err != nil {
			b.Fatal(err)
		}
		s, err := ParseSets(string(text))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap()-before)/1e6, "MB")
		runtime.KeepAlive(d)
		runtime.KeepAlive(s)
	}
}
