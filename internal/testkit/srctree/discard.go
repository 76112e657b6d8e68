package srctree

import (
	"io"
	"testing"

	"github.com/wardein/wardein"
)

// Discard is a Members for benchmarks: it decodes all content into one buffer
// and keeps nothing, so that a format's own work is measured.
type Discard struct {
	R        io.ReaderAt
	Bytes    int64 // content handed out
	Failed   int   // blocks and streams that failed, and gaps
	src, dst []byte
}

func (d *Discard) Entry(wardein.Entry) error                         { return nil }
func (d *Discard) Span(wardein.Span)                                 {}
func (d *Discard) Note(string, string)                               {}
func (d *Discard) Gap(wardein.Gap)                                   { d.Failed++ }
func (d *Discard) Extents(_ wardein.Entry, x []wardein.Extent) error { return d.extents(x) }

func (d *Discard) extents(list []wardein.Extent) error {
	for _, x := range list {
		d.Bytes += x.Len
	}
	return nil
}

func (d *Discard) Blocks(_ wardein.Entry, list []wardein.Block) error {
	for _, b := range list {
		n := b.Len
		if n == 0 {
			n = b.Size - b.From
		}
		d.Bytes += n
		if b.Src.Off < 0 {
			continue
		}
		d.src, d.dst = grow(d.src, b.Src.Len), grow(d.dst, b.Size)
		if _, err := d.R.ReadAt(d.src, b.Src.Off); err != nil && err != io.EOF {
			return err
		}
		if b.Decode == nil {
			continue
		}
		if _, err := b.Decode(d.dst, d.src); err != nil {
			d.Failed++
		}
	}
	return nil
}

func (d *Discard) Stream(_ wardein.Entry, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	if d.Bytes += n; err != nil {
		d.Failed++
	}
	return err
}

func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		b = make([]byte, n)
	}
	return b[:n]
}

// Bench measures and extracts img again and again; want is the content's size.
func Bench(b *testing.B, f wardein.Format, img []byte, want int64) {
	r := io.NewSectionReader(&bytesAt{img}, 0, int64(len(img)))
	b.SetBytes(want)
	b.ReportAllocs()
	for b.Loop() {
		d := &Discard{R: r}
		if _, err := f.Measure(r); err != nil {
			b.Fatal(err)
		}
		if _, err := f.Extract(b.Context(), r, d); err != nil || d.Failed != 0 || d.Bytes < want {
			b.Fatalf("%d bytes, want %d; %d failed, %v", d.Bytes, want, d.Failed, err)
		}
	}
}

type bytesAt struct{ b []byte }

func (r *bytesAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(r.b)) {
		return 0, io.EOF
	}
	n := copy(p, r.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
