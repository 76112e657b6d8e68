package lzop

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestTool compares with the tool.
func TestTool(t *testing.T) {
	testkit.Streams(t, Format, "router.cfg", testkit.Contents(1<<20), testkit.Packers("lzop -c", "-1", "-3 -C", "-9 -F", "--crc32"),
		"\x55"+string(testkit.Noise(3000)), string(make([]byte, 700)), "B", "BZ")
}

func TestCorpus(t *testing.T) {
	testkit.CorpusStreams(t, Format, "\x89LZO\x00", "fact_extractor/patool__test.lzo")
}

func BenchmarkExtract(b *testing.B) {
	data := testkit.Text(16 << 20)
	testkit.BenchExtract(b, Format, testkit.Pack(b, data, "lzop", "-c"), int64(len(data)), 1)
}

func BenchmarkMeasureChance(b *testing.B) { testkit.BenchReject(b, Format, "\x89LZO\x00") }
