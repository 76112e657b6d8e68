package lzip

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

// TestTool compares with lzip, and proves that bytes behind the file are
// neither needed nor swallowed.
func TestTool(t *testing.T) {
	noise := make([]byte, 100_000)
	rand.New(rand.NewSource(2)).Read(noise)
	contents := [][]byte{nil, []byte("x"), text(100), text(400_000), noise, make([]byte, 300_000)}
	if exe, err := os.ReadFile("/bin/ls"); err == nil {
		contents = append(contents, exe)
	}
	for _, data := range contents {
		for _, opt := range []string{"-0", "-1", "-6", "-9", "-s 4KiB", "-6 -b 100000", "-s 100000"} {
			z := run(t, data, "lzip", append(strings.Fields(opt), "-c")...)
			for _, tail := range []string{"", "what follows", "LZIP", "\x00\x00\x00\x00\x00\x00\x00\x00"} {
				res := testkit.Probe(t, Format, append(z[:len(z):len(z)], tail...))
				if res.Err != nil || res.End != int64(len(z)) || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 {
					t.Errorf("%s of %d bytes: end %d of %d, gaps %v, %v", opt, len(data), res.End, len(z), res.Gaps, res.Err)
					continue
				}
				if m := res.Find("data"); m == nil || !bytes.Equal(m.Data, data) {
					t.Errorf("%s of %d bytes: content differs", opt, len(data))
				}
			}
		}
	}
}

func TestCorpus(t *testing.T) {
	for _, name := range []string{"patool__test.lz", "patool__test.tar.lz"} {
		z, err := os.ReadFile(testkit.Corpus(t, filepath.Join("fact_extractor", name)))
		if err != nil {
			t.Fatal(err)
		}
		want := run(t, z, "lzip", "-dc")
		res := testkit.Probe(t, Format, z)
		if res.Err != nil || len(res.Gaps) != 0 || res.End != int64(len(z)) || !bytes.Equal(res.Find("data").Data, want) {
			t.Errorf("%s: end %d of %d, gaps %v, %v", name, res.End, len(z), res.Gaps, res.Err)
		}
	}
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
	z := run(b, exe, "lzip", "-c")
	b.SetBytes(int64(len(exe)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Format.Extract(context.Background(), io.NewSectionReader(bytes.NewReader(z), 0, int64(len(z))), nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}
