package squashfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
)

// sink decodes all content on one goroutine, hashes it, and keeps the last
// decoded fragment block, as the engine does.
type sink struct {
	r        io.ReaderAt
	n        int64
	src, dst []byte
	frag     []byte
	fragAt   int64
}

func (s *sink) Entry(wardein.Entry) error                     { return nil }
func (s *sink) Extents(wardein.Entry, []wardein.Extent) error { return nil }
func (s *sink) Stream(wardein.Entry, io.Reader) error         { return nil }
func (s *sink) Span(wardein.Span)                             {}
func (s *sink) Note(string, string)                           {}
func (s *sink) Gap(g wardein.Gap)                             { panic(g.Why) }
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

func (s *sink) Blocks(e wardein.Entry, blocks []wardein.Block) error {
	h := sha256.New()
	for _, b := range blocks {
		n := b.Len
		if n == 0 {
			n = b.Size - b.From
		}
		s.n += n
		dst := &s.dst
		if b.Len > 0 {
			dst = &s.frag
		}
		switch {
		case b.Src.Off < 0:
			*dst = grow(*dst, b.Size)
			clear(*dst)
		case b.Len > 0 && s.fragAt == b.Src.Off && s.frag != nil:
		case b.Decode == nil:
			*dst = grow(*dst, b.Size)
			if _, err := s.r.ReadAt(*dst, b.Src.Off); err != nil {
				return err
			}
		default:
			s.src, *dst = grow(s.src, b.Src.Len), grow(*dst, b.Size)
			if _, err := s.r.ReadAt(s.src, b.Src.Off); err != nil {
				return err
			}
			if _, err := b.Decode(*dst, s.src); err != nil {
				return err
			}
		}
		if b.Len > 0 {
			s.fragAt = b.Src.Off
		}
		h.Write((*dst)[b.From : b.From+n])
	}
	h.Sum(nil)
	return nil
}

// cpu returns the seconds of processor time used, which other work on the
// machine does not change.
func cpu(who int) float64 {
	var u syscall.Rusage
	syscall.Getrusage(who, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// Benchmark reads a volume of /usr/bin programs, at most 50 MB of them,
// through SHA-256. Beside it stands unsquashfs -processors 1, which writes to
// disk instead of hashing.
func Benchmark(b *testing.B) {
	dir := b.TempDir()
	total := int64(0)
	for _, root := range []string{"/usr/bin", "/usr/lib/x86_64-linux-gnu"} {
		list, _ := os.ReadDir(root)
		for _, d := range list {
			if st, err := d.Info(); err != nil || !st.Mode().IsRegular() || total+st.Size() > 50e6 {
				continue
			} else if data, err := os.ReadFile(filepath.Join(root, d.Name())); err == nil {
				total += st.Size()
				must(b, os.WriteFile(filepath.Join(dir, d.Name()), data, 0o644))
			}
		}
	}
	for _, comp := range strings.Fields("gzip xz zstd") {
		img := image(b, dir, "-comp", comp)
		b.Run(comp, func(b *testing.B) {
			f, err := os.Open(img)
			must(b, err)
			defer f.Close()
			st, _ := f.Stat()
			b.ReportAllocs()
			start, sum := cpu(syscall.RUSAGE_SELF), int64(0)
			for b.Loop() {
				r := io.NewSectionReader(f, 0, st.Size())
				s := &sink{r: r}
				_, err := extract(context.Background(), r, s)
				must(b, err)
				b.SetBytes(s.n)
				sum += s.n
			}
			b.ReportMetric(float64(sum)/1e6/(cpu(syscall.RUSAGE_SELF)-start), "MB/cpu-s")
		})
		b.Run(comp+"/unsquashfs", func(b *testing.B) {
			b.SetBytes(total)
			start, sum := cpu(syscall.RUSAGE_CHILDREN), int64(0)
			for b.Loop() {
				sum += total
				run(b, "unsquashfs", "-processors", "1", "-no-progress", "-quiet", "-f", "-d", filepath.Join(dir, "..", "out-"+comp), img)
			}
			b.ReportMetric(float64(sum)/1e6/(cpu(syscall.RUSAGE_CHILDREN)-start), "MB/cpu-s")
		})
	}
}

// BenchmarkReject measures a chance hit of the magic.
func BenchmarkReject(b *testing.B) {
	data := append([]byte("hsqs"), make([]byte, 4096)...)
	for i := range data[4:] {
		data[4+i] = byte(i * 7)
	}
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
