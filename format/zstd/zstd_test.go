package zstd

import (
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestTool compares with the tool.
func TestTool(t *testing.T) {
	testkit.Streams(t, Format, "data", testkit.Contents(1<<20), testkit.Packers("zstd -c -q", "-1", "-19", "--ultra -22 --long=27", "--no-check", "--fast", "--no-content-size"),
		"\x55"+string(testkit.Noise(3000)), string(make([]byte, 700)), "B", "BZ")
}

func TestStreams(t *testing.T) {
	testkit.Joined(t, Format, "data", testkit.Packers("zstd -c -q", "")[0], 2, "behind it")
}

func TestSkippable(t *testing.T) {
	a := testkit.Text(5000)
	one := testkit.Pack(t, a, "zstd", "-c", "-q")
	z := append(one[:len(one):len(one)], "\x5a\x2a\x4d\x18\x05\x00\x00\x00extra"...)
	testkit.Whole(t, Format, "skippable frame", "data", append(z, one...), "", append(a, a...))
}

func TestWindow(t *testing.T) {
	// A frame with a window of 1 GiB and no content.
	z := testkit.Hex(t, "28b52ffd 00 a0 010000")
	res := testkit.Probe(t, Format, z)
	if len(res.Gaps) != 1 || res.Gaps[0].Kind != wardein.Limit || len(res.Members) != 0 || res.End != int64(len(z)) {
		t.Fatalf("%v", res)
	}
}

func TestCorpus(t *testing.T) {
	testkit.CorpusStreams(t, Format, "\x28\xb5\x2f\xfd", "fact_extractor/patool__test.zst")
}

func BenchmarkExtract(b *testing.B) {
	data := testkit.Text(16 << 20)
	testkit.BenchExtract(b, Format, testkit.Pack(b, data, "zstd", "-c", "-q"), int64(len(data)), 1)
}

func BenchmarkMeasureChance(b *testing.B) { testkit.BenchReject(b, Format, "\x28\xb5\x2f\xfd") }
