package bzip2

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestTool compares with the tool.
func TestTool(t *testing.T) {
	testkit.Streams(t, Format, "data", testkit.Contents(1<<20), testkit.Packers("bzip2 -c", "-1", "-9"),
		"\x55"+string(testkit.Noise(3000)), string(make([]byte, 700)), "B", "BZ")
}

func TestStreams(t *testing.T) {
	testkit.Joined(t, Format, "data", testkit.Packers("bzip2 -c", "")[0], 3, "BZh9 is not a stream")
}

func TestCorpus(t *testing.T) {
	testkit.CorpusStreams(t, Format, "BZh", "fact_extractor/patool__test.bz2", "binwalk-v3-inputs/bzip2.bin")
}

func BenchmarkExtract(b *testing.B) {
	data := testkit.Text(16 << 20)
	testkit.BenchExtract(b, Format, testkit.Pack(b, data, "bzip2", "-c"), int64(len(data)), 1)
}

func BenchmarkMeasureChance(b *testing.B) { testkit.BenchReject(b, Format, "BZh91AY") }
