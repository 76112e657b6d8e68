package lz4

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestTool compares with the tool.
func TestTool(t *testing.T) {
	testkit.Streams(t, Format, "data", testkit.Contents(1<<20), testkit.Packers("lz4 -c -q", "-1", "-9", "-BD -B4", "-BD -B7 -BX", "--no-frame-crc", "--content-size -B5"),
		"\x55"+string(testkit.Noise(3000)), string(make([]byte, 700)), "B", "BZ")
}

func TestStreams(t *testing.T) {
	testkit.Joined(t, Format, "data", testkit.Packers("lz4 -c -q", "")[0], 2, "behind it")
}

func TestSkippable(t *testing.T) {
	a := testkit.Text(5000)
	one := testkit.Pack(t, a, "lz4", "-c", "-q")
	z := append(one[:len(one):len(one)], "\x5a\x2a\x4d\x18\x05\x00\x00\x00extra"...)
	testkit.Whole(t, Format, "skippable frame", "data", append(z, one...), "", append(a, a...))
}

// TestLegacy: the frame of kernels, which has no end mark.
func TestLegacy(t *testing.T) {
	for _, data := range [][]byte{[]byte("x"), testkit.Text(100), testkit.Text(70000), testkit.Text(1 << 20)} {
		z := testkit.Pack(t, data, "lz4", "-l", "-c", "-q")
		for _, tail := range []string{"", "\x00\x00\x00\x00", "\xff\xff\xff\xff behind it", "\x00\x10\x00\x00"} {
			testkit.Whole(t, Format, fmt.Sprintf("legacy, %d bytes + %q", len(data), tail), "data", z, tail, data)
		}
	}
	data := append(testkit.Text(20<<20), testkit.Noise(1000)...)
	z := testkit.Pack(t, data, "lz4", "-l", "-c", "-q")
	res := testkit.Run(Format, append(z, "\x01\x02\x03\x00"...), 64<<20)
	if m := res.Find("data"); res.Err != nil || res.End != int64(len(z)) || m == nil || !bytes.Equal(m.Data, data) {
		t.Fatalf("three blocks: end %d of %d, %v", res.End, len(z), res.Err)
	}
}

func TestCorpus(t *testing.T) {
	testkit.CorpusStreams(t, Format, "\x04\x22\x4d\x18", "fact_extractor/patool__test.lz4")
}

func BenchmarkExtract(b *testing.B) {
	data := testkit.Text(16 << 20)
	testkit.BenchExtract(b, Format, testkit.Pack(b, data, "lz4", "-c", "-q"), int64(len(data)), 1)
}

func BenchmarkMeasureChance(b *testing.B) { testkit.BenchReject(b, Format, "\x04\x22\x4d\x18") }
