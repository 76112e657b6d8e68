package zlib

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

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

// python packs each of the contents at each level with the library that
// everybody else uses, all in one run, since its start takes longest.
func python(t testing.TB, contents [][]byte, levels []int) map[string][]byte {
	t.Helper()
	const script = "import sys,zlib\n" +
		"for size in map(int, sys.argv[2].split()):\n" +
		" data = sys.stdin.buffer.read(size)\n" +
		" for level in map(int, sys.argv[1].split()):\n" +
		"  z = zlib.compress(data, level)\n" +
		"  sys.stdout.buffer.write(len(z).to_bytes(8, 'big') + z)\n"
	var sizes []int
	for _, data := range contents {
		sizes = append(sizes, len(data))
	}
	words := func(n []int) string { return strings.Trim(fmt.Sprint(n), "[]") }
	out := testkit.Filter(t, bytes.Join(contents, nil), "python3", "-c", script, words(levels), words(sizes))
	packed := map[string][]byte{}
	for _, data := range contents {
		for _, level := range levels {
			n := binary.BigEndian.Uint64(out)
			packed[fmt.Sprint(level, " ")+string(data)], out = out[8:8+n], out[8+n:]
		}
	}
	return packed
}

// TestTool compares with the standard library's writer and with Python's.
func TestTool(t *testing.T) {
	contents, levels := append(testkit.Contents(1<<20), testkit.Text(3000)), []int{1, 6, 9}
	packed := python(t, contents, levels)
	var packers []testkit.Packer
	for _, level := range levels {
		packers = append(packers,
			testkit.Packer{Name: fmt.Sprint("go -", level), Pack: func(t testing.TB, data []byte) []byte { return pack(t, data, level) }},
			testkit.Packer{Name: fmt.Sprint("python -", level), Pack: func(_ testing.TB, data []byte) []byte {
				return packed[fmt.Sprint(level, " ")+string(data)]
			}})
	}
	testkit.Streams(t, Format, "data", contents, packers, string(testkit.Noise(3000)), string(make([]byte, 5000)))
}

func TestDamaged(t *testing.T) {
	z := pack(t, testkit.Text(70000), 6)
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
	mb := 4
	fmt.Sscan(os.Getenv("ZLIB_NOISE_MB"), &mb)
	rng := rand.New(rand.NewSource(3))
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
	data := testkit.Text(16 << 20)
	testkit.BenchExtract(b, Format, pack(b, data, 6), int64(len(data)), 1)
}

func BenchmarkMeasureChance(b *testing.B) { testkit.BenchReject(b, Format, "\x78\x9c") }
