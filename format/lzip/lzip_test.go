package lzip

import (
	"os"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestTool compares with the tool.
func TestTool(t *testing.T) {
	testkit.Streams(t, Format, "data", testkit.Contents(250_000),
		testkit.Filters("lzip -c", "-0", "-1", "-6", "-9", "-s 4KiB", "-6 -b 100000", "-s 100000"),
		"what follows", "LZIP", string(make([]byte, 8)))
}

func TestCorpus(t *testing.T) {
	testkit.CorpusAgainst(t, Format, "fact_extractor", "*.lz", "lzip", "-dc")
}

func Benchmark(b *testing.B) {
	exe, err := os.ReadFile("/bin/bash")
	if err != nil {
		testkit.Skip(b, "no program to compress")
	}
	z := testkit.Filter(b, exe, "lzip", "-c")
	testkit.BenchExtract(b, Format, z, int64(len(exe)), 1)
}
