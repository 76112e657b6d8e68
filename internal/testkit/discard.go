package testkit

import (
	"io"
	"testing"

	"github.com/wardein/wardein"
)

// Discard is a Members for benchmarks: it decodes all content into one buffer
// and keeps nothing, so that a format's own work is measured.
type Discard struct {
	R        io.ReaderAt // the container, for Blocks
	Members  int
	Bytes    int64 // content handed out
	Failed   int   // blocks and streams that failed, and gaps
	src, dst []byte
}

func (d *Discard) Entry(wardein.Entry) error { d.Members++; return nil }
func (d *Discard) Span(wardein.Span)         {}
func (d *Discard) Note(string, string)       {}
func (d *Discard) Gap(wardein.Gap)           { d.Failed++ }

func (d *Discard) Extents(_ wardein.Entry, list []wardein.Extent) error {
	d.Members++
	for _, x := range list {
		d.Bytes += x.Len
	}
	return nil
}

func (d *Discard) Blocks(_ wardein.Entry, list []wardein.Block) error {
	d.Members++
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
	d.Members++
	d.dst = grow(d.dst, 64<<10)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, d.dst)
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

// BenchMeasure measures data, all of which is a claim, again and again.
func BenchMeasure(b *testing.B, f wardein.Format, data []byte) {
	r := Section(data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if c, err := f.Measure(r); err != nil || c.End != int64(len(data)) {
			b.Fatal(c, err)
		}
	}
}

// BenchExtract extracts data, all of which is a claim, again and again, and
// counts size bytes for each time. It fails when there are not that many
// members (any number for -1).
func BenchExtract(b *testing.B, f wardein.Format, data []byte, size int64, members int) {
	r := Section(data)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		d := Discard{R: r}
		end, err := f.Extract(b.Context(), r, &d)
		if err != nil || end != int64(len(data)) || d.Failed != 0 || members >= 0 && d.Members != members {
			b.Fatalf("end %d of %d, %d members, %d failed, %v", end, len(data), d.Members, d.Failed, err)
		}
	}
}

// BenchReject measures noise that begins with head: what a chance hit costs.
func BenchReject(b *testing.B, f wardein.Format, head string) {
	p := Noise(max(4096, len(head)))
	copy(p, head)
	r := Section(p)
	b.ReportAllocs()
	for b.Loop() {
		f.Measure(r)
	}
}
