package compress

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestTool compares with the tool; without tails, since nothing marks the end.
func TestTool(t *testing.T) {
	testkit.Streams(t, Format, "data", testkit.Contents(1<<20), testkit.Packers("compress -f -c", "-b 10", "-b 12", "-b 16", ""))
}

func TestCorpus(t *testing.T) {
	testkit.CorpusStreams(t, Format, "\x1f\x9d", "fact_extractor/patool__test.tar.Z")
}

func BenchmarkExtract(b *testing.B) {
	data := testkit.Text(16 << 20)
	testkit.BenchExtract(b, Format, testkit.Pack(b, data, "compress", "-c"), int64(len(data)), 1)
}

func BenchmarkMeasureChance(b *testing.B) { testkit.BenchReject(b, Format, "\x1f\x9d\x90") }
