package zimage

import (
	"bytes"
	"os"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestCorpus opens the beginnings of two real images: FACT's big-endian one
// and the one in its uImage, which ends behind the device tree of that image.
func TestCorpus(t *testing.T) {
	b, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/linuxkernel__zImage_be32"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, Format, b)
	if res.Err == nil || res.End != int64(len(b)) || len(res.Unreferenced()) > 0 || res.Claim.Confidence != wardein.Likely {
		t.Errorf("%d bytes: %s", len(b), res)
	}
	b, err = os.ReadFile(testkit.Corpus(t, "fact_extractor/uboot__uboot.dtb"))
	if err != nil {
		t.Fatal(err)
	}
	b = b[64:]
	res = testkit.Probe(t, Format, b)
	if res.Claim.End == 0 {
		t.Fatalf("%d bytes: %s", len(b), res)
	}
	t.Logf("%d bytes, device tree at %#x: %s", len(b), bytes.Index(b, []byte("\xd0\x0d\xfe\xed")), res)
}

func BenchmarkMeasure(b *testing.B) {
	s := testkit.Samples(b)[0]
	b.ReportAllocs()
	for b.Loop() {
		testkit.Run(Format, s.Data, 1<<20)
	}
}
