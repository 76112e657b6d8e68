package gzip

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand"
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
	rng := mrand.New(mrand.NewSource(1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "line %d of a configuration, value %x\n", b.Len(), rng.Intn(1<<20))
	}
	return b.Bytes()[:n]
}

// pack runs a compressor over a file in a folder of its own.
func pack(t testing.TB, data []byte, name string, args ...string) []byte {
	t.Helper()
	tool := testkit.Tool(t, args[0])
	dir := t.TempDir()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, data, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, append(args[1:], "-c", name)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTool compares with gzip and proves that the bytes behind the stream are
// neither needed nor swallowed.
func TestTool(t *testing.T) {
	junk := make([]byte, 3000)
	rand.Read(junk)
	junk[0] = 0x55
	noise := make([]byte, 300000)
	rand.Read(noise)
	for _, data := range [][]byte{nil, []byte("x"), text(100), text(70000), text(3 << 20), noise} {
		for _, level := range []string{"-1", "-6", "-9"} {
			for _, tail := range [][]byte{nil, junk, make([]byte, 700), {0x1f}, {0x1f, 0x8b, 0x08}} {
				z := pack(t, data, "router.cfg", "gzip", level)
				res := testkit.Probe(t, Format, append(append([]byte(nil), z...), tail...))
				if len(data) > 4<<20-1 {
					continue
				}
				if res.Err != nil || res.End != int64(len(z)) || len(res.Gaps) != 0 {
					t.Fatalf("%d bytes %s: end %d of %d, gaps %v, %v", len(data), level, res.End, len(z), res.Gaps, res.Err)
				}
				m := res.Find("router.cfg")
				if m == nil || !bytes.Equal(m.Data, data) {
					t.Fatalf("%d bytes %s: content differs", len(data), level)
				}
				if free := res.Unreferenced(); len(free) != 0 {
					t.Fatalf("unreferenced %v", free)
				}
			}
		}
	}
}

func TestMembers(t *testing.T) {
	a, b := text(5000), text(90000)
	z := append(pack(t, a, "a", "gzip"), pack(t, b, "b", "gzip", "-n")...)
	res := testkit.Probe(t, Format, append(z, "rest"...))
	if m := res.Find("a"); res.Err != nil || res.End != int64(len(z)) || m == nil || string(m.Data) != string(a)+string(b) || len(res.Unreferenced()) != 0 {
		t.Fatalf("%v", res)
	}
	res = testkit.Probe(t, Format, z[:len(z)-100])
	if m := res.Find("a"); res.Err == nil || m == nil || !bytes.HasPrefix(m.Data, a) || len(m.Data) < len(a)+len(b)/2 {
		t.Fatalf("cut off: %v", res)
	}
	z[len(z)-6] ^= 1
	res = testkit.Probe(t, Format, z)
	if m := res.Find("a"); res.Err != nil || len(res.Gaps) != 1 || m == nil || len(m.Data) != len(a)+len(b) {
		t.Fatalf("bad crc: %v", res)
	}
}

func TestRandomIsNotGzip(t *testing.T) {
	hits := 0
	for range 200000 {
		var p [64]byte
		rand.Read(p[:])
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
	for name, want := range map[string]string{"fact_extractor/sevenz__test.gz": "", "binwalk-v3-inputs/gzip.bin": ""} {
		data, err := os.ReadFile(testkit.Corpus(t, name))
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(data, []byte("\x1f\x8b\x08"))
		res := testkit.Probe(t, Format, data[at:])
		if res.Err != nil || len(res.Members) != 1 || !strings.HasPrefix(string(res.Members[0].Data), want) || len(res.Gaps) != 0 {
			t.Fatalf("%s: %v", name, res)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	data := text(16 << 20)
	z := pack(b, data, "x", "gzip")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Format.Extract(b.Context(), io.NewSectionReader(bytes.NewReader(z), 0, int64(len(z))), discard{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMeasureChance(b *testing.B) {
	var p [4096]byte
	rand.Read(p[:])
	copy(p[:], "\x1f\x8b\x08\xff")
	r := io.NewSectionReader(bytes.NewReader(p[:]), 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		Format.Measure(r)
	}
}

// discard is an engine that keeps nothing.
type discard struct{}

func (discard) Entry(wardein.Entry) error                     { return nil }
func (discard) Extents(wardein.Entry, []wardein.Extent) error { return nil }
func (discard) Blocks(wardein.Entry, []wardein.Block) error   { return nil }
func (discard) Stream(_ wardein.Entry, r io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 64<<10))
	return err
}
func (discard) Span(wardein.Span)   {}
func (discard) Note(string, string) {}
func (discard) Gap(wardein.Gap)     {}
