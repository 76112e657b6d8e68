package inflate_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	kflate "github.com/klauspost/compress/flate"
	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/internal/testkit"
)

// files is n bytes of this machine's files, or of text where there are none.
func files(n int, pattern string) []byte {
	paths, _ := filepath.Glob(pattern)
	var data []byte
	for _, p := range paths {
		if st, err := os.Lstat(p); err != nil || !st.Mode().IsRegular() {
			continue
		}
		f, _ := os.ReadFile(p)
		if data = append(data, f...); len(data) >= n {
			return data[:n]
		}
	}
	return append(data, testkit.Text(n-len(data))...)
}

// Benchmark measures block and stream, klauspost/compress and the standard
// library over text, programs, and programs in blocks as file systems have
// them. Rounds go in turn and the best of each counts, in processor time of this
// thread's process, so that other work on the machine shows little.
func Benchmark(b *testing.B) {
	program, text := files(8<<20, "/usr/bin/*"), files(8<<20, "/usr/share/doc/*/copyright")
	for _, in := range []struct {
		name string
		data []byte
		size int
	}{
		{"text", text, 8 << 20}, {"programs", program, 8 << 20},
		{"text/128k", text, 128 << 10}, {"programs/128k", program, 128 << 10}, {"programs/4k", program[:2<<20], 4 << 10},
	} {
		var blocks [][]byte
		for part := range slices.Chunk(in.data, in.size) {
			var z bytes.Buffer
			w, _ := flate.NewWriter(&z, flate.BestCompression)
			w.Write(part)
			w.Close()
			blocks = append(blocks, z.Bytes())
		}
		dst := make([]byte, in.size)
		src := bytes.NewReader(nil)
		br := bufio.NewReaderSize(nil, 64<<10)
		stream := func(r io.Reader, reset func()) func(z []byte) {
			return func(z []byte) {
				src.Reset(z)
				br.Reset(src)
				reset()
				if _, err := io.ReadFull(r, dst); err != nil {
					b.Fatal(err)
				}
			}
		}
		ours, theirs, std := inflate.NewReader(nil), kflate.NewReader(br), flate.NewReader(br)
		decoders := []struct {
			name   string
			decode func(z []byte)
		}{
			{"block", func(z []byte) {
				if n, _, err := inflate.Decode(dst, z); n != len(dst) || err != nil {
					b.Fatal(n, err)
				}
			}},
			{"stream", stream(ours, func() { ours.Reset(br) })},
			{"klauspost", stream(theirs, func() { theirs.(kflate.Resetter).Reset(br, nil) })},
			{"stdlib", stream(std, func() { std.(flate.Resetter).Reset(br, nil) })},
		}
		b.Run(in.name, func(b *testing.B) {
			best := make([]time.Duration, len(decoders))
			allocs := make([]float64, len(decoders))
			for b.Loop() {
				for i, d := range decoders {
					from := cpu(b)
					for _, z := range blocks {
						d.decode(z)
					}
					if took := cpu(b) - from; best[i] == 0 || took < best[i] {
						best[i] = took
					}
				}
			}
			for i, d := range decoders {
				allocs[i] = testing.AllocsPerRun(1, func() { d.decode(blocks[0]) })
				b.ReportMetric(float64(len(in.data))/1e6/best[i].Seconds(), d.name+"-MB/s")
				b.ReportMetric(allocs[i], d.name+"-allocs")
			}
			b.ReportMetric(0, "ns/op")
			b.Logf("block %.2f, stream %.2f times klauspost", best[2].Seconds()/best[0].Seconds(), best[2].Seconds()/best[1].Seconds())
		})
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
