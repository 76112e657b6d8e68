package compress

import (
	"bytes"
	"fmt"
	"io"
	mrand "math/rand"
	"os"
	"os/exec"
	"path/filepath"
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

func noise(n int) []byte {
	b := make([]byte, n)
	mrand.New(mrand.NewSource(2)).Read(b)
	return b
}

// pack runs a compressor over a file "router.cfg" in a folder of its own.
func pack(t testing.TB, data []byte, args ...string) []byte {
	t.Helper()
	tool := testkit.Tool(t, args[0])
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "router.cfg"), data, 0o640); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, args[1:]...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil && len(out) == 0 { // compress: 2 when it did not shrink
		t.Fatal(err)
	}
	return out
}

// TestTool compares with the tool and proves that the bytes behind the stream
// are neither needed nor swallowed.
func TestTool(t *testing.T) {
	junk := noise(3000)
	junk[0], junk[3] = 0x55, 0xff
	for _, data := range [][]byte{nil, []byte("x"), text(100), text(70000), text(3 << 20), make([]byte, 3<<20), noise(300000), append(noise(100000), text(100000)...)} {
		for _, args := range [][]string{{"compress", "-b", "10"}, {"compress", "-b", "12"}, {"compress", "-b", "16"}, {"compress"}} {
			z := pack(t, data, append(args, "-f", "-c", "router.cfg")...)
			for _, tail := range [][]byte{nil, junk, make([]byte, 700), []byte("B"), []byte("BZ")} {
				if len(tail) > 0 {
					continue // nothing marks the end
				}
				res := testkit.Probe(t, Format, append(append([]byte(nil), z...), tail...))
				if res.Err != nil || res.End != int64(len(z)) || len(res.Gaps) != 0 {
					t.Fatalf("%d bytes %s + %d: end %d of %d, gaps %v, %v", len(data), args, len(tail), res.End, len(z), res.Gaps, res.Err)
				}
				if m := res.Find("data"); m == nil || !bytes.Equal(m.Data, data) {
					t.Fatalf("%d bytes %s: content differs", len(data), args)
				}
				if free := res.Unreferenced(); len(free) != 0 {
					t.Fatalf("%d bytes %s: unreferenced %v", len(data), args, free)
				}
			}
		}
	}
}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/patool__test.tar.Z"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Run(Format, data[bytes.Index(data, []byte("\x1f\x9d")):], 64<<20)
	if res.Err != nil || len(res.Members) != 1 || len(res.Gaps) != 0 || len(res.Members[0].Data) == 0 {
		t.Fatalf("%v", res)
	}
}

func BenchmarkExtract(b *testing.B) {
	data := text(16 << 20)
	z := pack(b, data, "compress", "-c", "router.cfg")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Format.Extract(b.Context(), io.NewSectionReader(bytes.NewReader(z), 0, int64(len(z))), discard{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMeasureChance(b *testing.B) {
	p := noise(4096)
	copy(p, "\x1f\x9d\x90")
	r := io.NewSectionReader(bytes.NewReader(p), 0, 4096)
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
