package srctree

import (
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// Bench measures and extracts img again and again; want is the content's size.
func Bench(b *testing.B, f wardein.Format, img []byte, want int64) {
	r := testkit.Section(img)
	b.SetBytes(want)
	b.ReportAllocs()
	for b.Loop() {
		d := &testkit.Discard{R: r}
		if _, err := f.Measure(r); err != nil {
			b.Fatal(err)
		}
		if _, err := f.Extract(b.Context(), r, d); err != nil || d.Failed != 0 || d.Bytes < want {
			b.Fatalf("%d bytes, want %d; %d failed, %v", d.Bytes, want, d.Failed, err)
		}
	}
}
