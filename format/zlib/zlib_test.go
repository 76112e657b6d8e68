package zlib

import (
	"bytes"
	"compress/zlib"
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

func pack(t testing.TB, data []byte, level int) []byte {
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// TestTool compares with the standard library's writer and with Python's, and
// proves that the bytes behind the stream are not swallowed.
func TestTool(t *testing.T) {
	python := func(data []byte, level int) []byte {
		cmd := exec.Command(testkit.Tool(t, "python3"), "-c", fmt.Sprintf("import sys,zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read(), %d))", level))
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, data := range [][]byte{nil, []byte("x"), text(100), text(3000), text(70000), text(3 << 20), make([]byte, 3<<20), noise(300000)} {
		for _, level := range []int{1, 6, 9} {
			for _, z := range [][]byte{pack(t, data, level), python(data, level)} {
				for _, tail := range [][]byte{nil, noise(3000), make([]byte, 5000)} {
					res := testkit.Probe(t, Format, append(append([]byte(nil), z...), tail...))
					if res.Err != nil || res.End != int64(len(z)) || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 {
						t.Fatalf("%d bytes: end %d of %d, %v", len(data), res.End, len(z), res)
					}
					if m := res.Find("data"); m == nil || !bytes.Equal(m.Data, data) {
						t.Fatalf("%d bytes: content differs", len(data))
					}
				}
			}
		}
	}
}

func TestDamaged(t *testing.T) {
	z := pack(t, text(70000), 6)
	z[len(z)-1] ^= 1
	res := testkit.Probe(t, Format, z)
	if m := res.Find("data"); res.Err != nil || len(res.Gaps) != 1 || m == nil || len(m.Data) != 70000 {
		t.Fatalf("bad adler32: %v", res)
	}
	res = testkit.Probe(t, Format, z[:6000])
	if m := res.Find("data"); res.Err == nil || m == nil || len(m.Data) < 6000 || res.End < 5990 {
		t.Fatalf("cut off: %v", res)
	}
}

// falseHits counts what Measure takes for a stream at every header in data.
func falseHits(data []byte) (hits, candidates int) {
	for i := 0; i+2 < len(data); i++ {
		if data[i] != 0x78 {
			continue
		}
		switch data[i+1] {
		case 0x01, 0x5e, 0x9c, 0xda:
			candidates++
			if _, err := Format.Measure(io.NewSectionReader(bytes.NewReader(data), int64(i), int64(len(data)-i))); err == nil {
				hits++
			}
		}
	}
	return hits, candidates
}

// TestFalsePositives runs over noise, text made of headers, and programs.
// 300 MB of noise by: ZLIB_NOISE_MB=300 go test -run FalsePositives.
func TestFalsePositives(t *testing.T) {
	mb := 16
	fmt.Sscan(os.Getenv("ZLIB_NOISE_MB"), &mb)
	rng := mrand.New(mrand.NewSource(3))
	buf := make([]byte, 1<<20)
	hits, candidates := 0, 0
	for range mb {
		rng.Read(buf)
		h, c := falseHits(buf)
		hits, candidates = hits+h, candidates+c
	}
	t.Logf("noise: %d hits at %d candidates in %d MB", hits, candidates, mb)
	noiseHits := hits
	for _, bits := range []byte{0x0f, 0x3f, 0x03} { // less entropy: like tables
		for range 4 {
			rng.Read(buf)
			for i := range buf {
				buf[i] &= bits
			}
			for i := 0; i < len(buf)-2; i += 97 {
				buf[i], buf[i+1] = 0x78, "\x01\x5e\x9c\xda"[i%4]
			}
			h, c := falseHits(buf)
			hits, candidates = hits+h, candidates+c
		}
	}
	// Headers planted into tables of small numbers: far denser than any file.
	if tables := hits - noiseHits; tables > candidates/5000 {
		t.Errorf("%d hits in tables", tables)
	}
	hits = noiseHits
	words := bytes.Repeat([]byte("x^2 + y^2, 0x^x and x^n;\n"), 40000)
	h, _ := falseHits(words)
	hits += h
	for _, f := range []string{"/proc/self/exe", "/bin/bash", "/usr/bin/python3", "/usr/bin/git", "/usr/bin/perl"} {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		h, c := falseHits(data)
		t.Logf("%s: %d hits at %d candidates", filepath.Base(f), h, c)
		if f != "/proc/self/exe" { // holds this package's own samples and tables
			hits += h
		}
	}
	if hits > 0 {
		t.Fatalf("%d false hits at %d candidates", hits, candidates)
	}
}

func BenchmarkExtract(b *testing.B) {
	data := text(16 << 20)
	z := pack(b, data, 6)
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
	copy(p, "\x78\x9c")
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
