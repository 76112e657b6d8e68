package xz

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// text is content that compresses, the same in every run.
func text(n int) []byte {
	rnd := rand.New(rand.NewSource(1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "line %d of a configuration, value %x\n", b.Len(), rnd.Intn(1<<20))
	}
	return b.Bytes()[:n]
}

func run(t testing.TB, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, name), args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return out
}

// TestTool compares with xz, and proves that bytes behind the file are neither
// needed nor swallowed.
func TestTool(t *testing.T) {
	noise := make([]byte, 100_000)
	rand.New(rand.NewSource(2)).Read(noise)
	contents := [][]byte{nil, []byte("x"), text(70_000), noise}
	if exe, err := os.ReadFile("/bin/ls"); err == nil {
		contents = append(contents, exe)
	}
	tails := [][]byte{nil, []byte("what follows"), make([]byte, 700), []byte("\xFD7zXZ\x00"), []byte("\xFD7zX")}
	for i, opt := range []string{
		"-0", "-6", "-9e", "--check=none", "--check=crc32", "--check=sha256", "--block-size=10000",
		"--block-size=30000 -T2", "--x86 --lzma2=preset=1", "--powerpc --lzma2=preset=1", "--ia64 --lzma2=preset=1",
		"--arm --lzma2=preset=1", "--armthumb --lzma2=preset=1", "--sparc --lzma2=preset=1", "--arm64 --lzma2=preset=1",
		"--delta=dist=4 --lzma2=preset=1,lc=0,lp=2,pb=2", "--lzma2=preset=2,lc=1,lp=3,pb=4",
	} {
		for k, data := range contents {
			z := run(t, data, "xz", append(strings.Fields(opt), "-c")...)
			tail := tails[(i+k)%len(tails)]
			res := testkit.Probe(t, Format, append(z[:len(z):len(z)], tail...))
			if res.Err != nil && len(tail) != 6 || res.End != int64(len(z)) || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 {
				if len(tail) == 6 { // the magic of a second stream and no more: cut off
					continue
				}
				t.Errorf("%s of %d bytes: end %d of %d, gaps %v, %v", opt, len(data), res.End, len(z), res.Gaps, res.Err)
				continue
			}
			if m := res.Find("data"); m == nil || !bytes.Equal(m.Data, data) {
				t.Errorf("%s of %d bytes: content differs", opt, len(data))
			}
		}
	}
}

func TestStreams(t *testing.T) {
	a, b := run(t, text(5000), "xz", "-c"), run(t, text(100), "xz", "-c")
	for _, pad := range []int{0, 4, 4096} {
		file := append(append(a[:len(a):len(a)], make([]byte, pad)...), b...)
		res := testkit.Probe(t, Format, file)
		if want := run(t, file, "xz", "-dc"); res.Err != nil || res.End != int64(len(file)) || !bytes.Equal(res.Find("data").Data, want) {
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
	data := text(3000)
	z := run(t, data, "xz", "-c", "--block-size=1500", "--check=sha256")
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
	dir := testkit.Corpus(t, "fact_extractor")
	paths, _ := filepath.Glob(filepath.Join(dir, "*.xz"))
	for _, p := range paths {
		z, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		want := run(t, z, "xz", "-dc")
		res := testkit.Run(Format, z, 256<<20)
		if res.Err != nil || len(res.Gaps) != 0 || res.End != int64(len(z)) || !bytes.Equal(res.Find("data").Data, want) {
			t.Errorf("%s: end %d of %d, gaps %v, %v", filepath.Base(p), res.End, len(z), res.Gaps, res.Err)
		}
	}
	t.Logf("%d files", len(paths))
}

// nothing takes everything and keeps nothing.
type nothing struct{ wardein.Members }

func (nothing) Stream(_ wardein.Entry, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
func (nothing) Span(wardein.Span)   {}
func (nothing) Note(string, string) {}
func (nothing) Gap(wardein.Gap)     {}

func Benchmark(b *testing.B) {
	exe, err := os.ReadFile("/bin/bash")
	if err != nil {
		testkit.Skip(b, "no program to compress")
	}
	z := run(b, exe, "xz", "-c", "-6")
	b.SetBytes(int64(len(exe)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Format.Extract(context.Background(), io.NewSectionReader(bytes.NewReader(z), 0, int64(len(z))), nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}
