package xz

import (
	"bytes"
	"os"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestTool compares with the tool.
func TestTool(t *testing.T) {
	testkit.Streams(t, Format, "data", testkit.Contents(70_000), testkit.Filters("xz -c",
		"-0", "-6", "-9e", "--check=none", "--check=crc32", "--check=sha256", "--block-size=10000",
		"--block-size=30000 -T2", "--x86 --lzma2=preset=1", "--powerpc --lzma2=preset=1", "--ia64 --lzma2=preset=1",
		"--arm --lzma2=preset=1", "--armthumb --lzma2=preset=1", "--sparc --lzma2=preset=1", "--arm64 --lzma2=preset=1",
		"--delta=dist=4 --lzma2=preset=1,lc=0,lp=2,pb=2", "--lzma2=preset=2,lc=1,lp=3,pb=4"),
		"what follows", string(make([]byte, 700)), "\xFD7zX")
}

// The magic of a second stream and no more is a stream that is cut off.
func TestCutOff(t *testing.T) {
	data := testkit.Text(70_000)
	z := testkit.Filter(t, data, "xz", "-c")
	res := testkit.Probe(t, Format, append(z, "\xFD7zXZ\x00"...))
	if m := res.Find("data"); res.Err == nil || m == nil || !bytes.Equal(m.Data, data) {
		t.Errorf("%v", res)
	}
}

func TestStreams(t *testing.T) {
	a, b := testkit.Filter(t, testkit.Text(5000), "xz", "-c"), testkit.Filter(t, testkit.Text(100), "xz", "-c")
	for _, pad := range []int{0, 4, 4096} {
		file := append(append(a[:len(a):len(a)], make([]byte, pad)...), b...)
		res := testkit.Probe(t, Format, file)
		if want := testkit.Filter(t, file, "xz", "-dc"); res.Err != nil || res.End != int64(len(file)) || !bytes.Equal(res.Find("data").Data, want) {
			t.Errorf("padding %d: end %d of %d, %v", pad, res.End, len(file), res.Err)
		}
	}
	res := testkit.Probe(t, Format, append(append(a[:len(a):len(a)], make([]byte, 8192)...), b...))
	if res.Err != nil || res.End != int64(len(a)) {
		t.Errorf("far padding: end %d of %d, %v", res.End, len(a), res.Err)
	}
}

// A check that does not fit is a gap, and all content is kept.
func TestCheckGap(t *testing.T) {
	data := testkit.Text(3000)
	z := testkit.Filter(t, data, "xz", "-c", "--block-size=1500", "--check=sha256")
	var at []int // the checks stand before the second block and the index
	for i := range z {
		bad := append([]byte(nil), z...)
		bad[i] ^= 1
		res := testkit.Probe(t, Format, bad)
		if res.Err == nil && len(res.Gaps) == 1 && bytes.Equal(res.Find("data").Data, data) {
			at = append(at, i)
		}
	}
	if len(at) < 64 || at[31] != at[0]+31 {
		t.Errorf("gaps for bytes %v, want two runs of 32", at)
	}
}

func TestCorpus(t *testing.T) {
	testkit.CorpusAgainst(t, Format, "fact_extractor", "*.xz", "xz", "-dc")
}

func Benchmark(b *testing.B) {
	exe, err := os.ReadFile("/bin/bash")
	if err != nil {
		testkit.Skip(b, "no program to compress")
	}
	z := testkit.Filter(b, exe, "xz", "-c", "-6")
	testkit.BenchExtract(b, Format, z, int64(len(exe)), 1)
}
