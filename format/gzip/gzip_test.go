package gzip

import (
	"bytes"
	"io"
	"math/rand"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestTool compares with the tool.
func TestTool(t *testing.T) {
	testkit.Streams(t, Format, "router.cfg", testkit.Contents(1<<20), testkit.Packers("gzip -c", "-1", "-6", "-9"),
		"\x55"+string(testkit.Noise(3000)), string(make([]byte, 700)), "\x1f", "\x1f\x8b\x08")
}

func TestStreams(t *testing.T) {
	testkit.Joined(t, Format, "router.cfg", testkit.Packers("gzip -c", "")[0], 6, "rest")
}

// A stream without a name is continued like one with.
func TestNameless(t *testing.T) {
	a, b := testkit.Text(5000), testkit.Text(90000)
	z := append(testkit.Pack(t, a, "gzip", "-c"), testkit.Pack(t, b, "gzip", "-c", "-n")...)
	testkit.Whole(t, Format, "second without a name", testkit.Packed, z, "rest", append(a, b...))
	res := testkit.Probe(t, Format, z[:len(z)-100])
	if m := res.Find(testkit.Packed); res.Err == nil || m == nil || !bytes.HasPrefix(m.Data, a) || len(m.Data) < len(a)+len(b)/2 {
		t.Fatalf("cut off: %v", res)
	}
}

func TestRandomIsNotGzip(t *testing.T) {
	hits := 0
	rnd := rand.New(rand.NewSource(3))
	for range 200000 {
		var p [64]byte
		rnd.Read(p[:])
		copy(p[:], "\x1f\x8b\x08")
		if c, err := Format.Measure(io.NewSectionReader(bytes.NewReader(p[:]), 0, 64)); err == nil && c.Confidence > wardein.Possible {
			hits++
		}
	}
	if hits > 0 {
		t.Fatalf("%d of 200000 random headers taken for more than possible", hits)
	}
}

func TestCorpus(t *testing.T) {
	testkit.CorpusStreams(t, Format, "\x1f\x8b\x08", "fact_extractor/sevenz__test.gz", "binwalk-v3-inputs/gzip.bin")
}

func BenchmarkExtract(b *testing.B) {
	data := testkit.Text(16 << 20)
	testkit.BenchExtract(b, Format, testkit.Pack(b, data, "gzip", "-c"), int64(len(data)), 1)
}

func BenchmarkMeasureChance(b *testing.B) { testkit.BenchReject(b, Format, "\x1f\x8b\x08\xff") }
