package lzma

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// sized is data with its size in the header and no end marker, which xz does
// not write: the packed stream of a 7z archive behind a header of our own.
func sized(t testing.TB, data []byte, lc, lp, pb byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.7z")
	testkit.Filter(t, data, "7z", "a", "-si", "-mhc=off", "-mx=5", fmt.Sprintf("-m0=lzma:d=20:lc=%d:lp=%d:pb=%d", lc, lp, pb), path)
	archive, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(archive[12:])
	h := append([]byte{(pb*5+lp)*9 + lc}, 0, 0, 16, 0)
	h = binary.LittleEndian.AppendUint64(h, uint64(len(data)))
	return append(h, archive[32:32+n]...)
}

// TestTool compares with xz and 7z.
func TestTool(t *testing.T) {
	tails := []string{"what follows", string(make([]byte, 8))}
	testkit.Streams(t, Format, "data", testkit.Contents(200_000), testkit.Filters("xz --format=lzma -c",
		"-0", "-6", "-9e", "--lzma1=preset=1,lc=0,lp=2,pb=2", "--lzma1=preset=1,lc=4,dict=4KiB", "--lzma1=preset=3,lc=1,lp=2,pb=2,dict=96KiB"), tails...)
	testkit.Streams(t, Format, "data", testkit.Contents(200_000)[1:], []testkit.Packer{ // 7z has no stream for nothing
		{Name: "sized", Pack: func(t testing.TB, data []byte) []byte { return sized(t, data, 3, 0, 2) }},
		{Name: "sized, lp=2", Pack: func(t testing.TB, data []byte) []byte { return sized(t, data, 0, 2, 2) }},
	}, tails...)
}

// A changed byte in data without checksum shows at the latest at its end.
func TestUnclean(t *testing.T) {
	data := testkit.Text(5000)
	z := sized(t, data, 3, 0, 2)
	silent := 0
	for i := headerLen; i < len(z); i++ {
		bad := append([]byte(nil), z...)
		bad[i] ^= 0x10
		res := testkit.Probe(t, Format, bad)
		if res.Err == nil && len(res.Gaps) == 0 {
			silent++
		}
	}
	if silent > 0 {
		t.Errorf("%d of %d changes not noticed", silent, len(z)-headerLen)
	}
}

// Random bytes behind a fitting header are no lzma file.
func TestRandom(t *testing.T) {
	rnd := rand.New(rand.NewSource(3))
	b := make([]byte, 4<<10)
	hits, n := 0, 50_000
	if testing.Short() {
		n /= 10
	}
	for i := range n {
		rnd.Read(b[headerLen+1:])
		copy(b, "\x5D\x00\x00\x80\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00")
		if i&1 == 0 {
			binary.LittleEndian.PutUint64(b[5:], uint64(rnd.Intn(1<<uint(1+rnd.Intn(20)))))
		}
		for _, size := range []int64{1 << 20, 4096} { // inside a node, and all of it
			r := io.NewSectionReader(padded{bytes.NewReader(b)}, 0, size)
			if _, err := Format.Measure(r); !errors.Is(err, wardein.ErrNotMine) {
				hits++
			}
		}
	}
	if hits > 0 {
		t.Errorf("%d of %d random inputs taken", hits, n)
	}
}

// padded gives zeros where its reader ends.
type padded struct{ r io.ReaderAt }

func (p padded) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.r.ReadAt(b, off)
	if err == io.EOF {
		clear(b[n:])
		return len(b), nil
	}
	return n, err
}

// No place in 200 MB of programs is an lzma file, but those that are.
func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 200 MB")
	}
	left := int64(200 << 20)
	places := 0
	_ = filepath.WalkDir("/usr", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || left <= 0 {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(data, []byte("\x7FELF")) {
			return nil
		}
		left -= int64(len(data))
		for i := 0; i+headerLen+rangeLen < len(data); {
			k := bytes.IndexByte(data[i:], 0x5D)
			if k < 0 {
				break
			}
			i += k
			// The magics without Anchored, and beyond them whatever parse lets through.
			if b := data[i:]; data[i+1] == 0 && (testkit.Matches(Format.Magic[0], b) || testkit.Matches(Format.Magic[1], b) || b[headerLen] == 0) {
				places++
				c, err := Format.Measure(testkit.Section(b))
				if !errors.Is(err, wardein.ErrNotMine) {
					t.Errorf("%s at %#x: %s: % x", path, i, c.Evidence, b[:24])
				}
			}
			i++
		}
		return nil
	})
	t.Logf("%d places in %d MB", places, (200<<20-left)>>20)
}

func TestCorpus(t *testing.T) {
	dir := testkit.Corpus(t, "fact_extractor")
	paths, _ := filepath.Glob(filepath.Join(dir, "*"))
	n := 0
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			if data[i] != 0x5D || !testkit.Matches(Format.Magic[0], data[i:]) && !testkit.Matches(Format.Magic[1], data[i:]) {
				continue
			}
			if c, err := Format.Measure(testkit.Section(data[i:])); err == nil {
				n++
				res := testkit.Run(Format, data[i:], 64<<20)
				t.Logf("%s at %#x: %s, end %#x, %d bytes, gaps %v, %v", filepath.Base(p), i, c.Evidence, int64(i)+res.End, len(res.Find("data").Data), res.Gaps, res.Err)
			}
		}
	}
	if n == 0 {
		t.Error("no lzma data found: the bzImage holds a kernel")
	}
}

func Benchmark(b *testing.B) {
	exe, err := os.ReadFile("/bin/bash")
	if err != nil {
		testkit.Skip(b, "no program to compress")
	}
	z := testkit.Filter(b, exe, "xz", "-c", "--format=lzma")
	b.Run("extract", func(b *testing.B) { testkit.BenchExtract(b, Format, z, int64(len(exe)), 1) })
	z[3], z[4] = 3, 1
	b.Run("reject", func(b *testing.B) { testkit.BenchReject(b, Format, string(z)) }) // by the header
}
