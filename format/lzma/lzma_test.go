package lzma

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// sized is data with its size in the header and no end marker, which xz does
// not write: the packed stream of a 7z archive behind a header of our own.
func sized(t testing.TB, data []byte, lc, lp, pb byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.7z")
	run(t, data, "7z", "a", "-si", "-mhc=off", "-mx=5", fmt.Sprintf("-m0=lzma:d=20:lc=%d:lp=%d:pb=%d", lc, lp, pb), path)
	archive, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(archive[12:])
	h := append([]byte{(pb*5+lp)*9 + lc}, 0, 0, 16, 0)
	h = binary.LittleEndian.AppendUint64(h, uint64(len(data)))
	return append(h, archive[32:32+n]...)
}

// matches says whether a magic stands at the beginning of b.
func matches(m wardein.Magic, b []byte) bool {
	if len(b) < len(m.Bytes) {
		return false
	}
	for i := range len(m.Bytes) {
		if b[i]&m.Mask[i] != m.Bytes[i]&m.Mask[i] {
			return false
		}
	}
	return true
}

func found(b []byte) bool {
	for _, m := range Format.Magic {
		if matches(m, b) {
			return true
		}
	}
	return false
}

// TestTool compares with xz and 7z, and proves that bytes behind the file are
// neither needed nor swallowed.
func TestTool(t *testing.T) {
	noise := make([]byte, 100_000)
	rand.New(rand.NewSource(2)).Read(noise)
	contents := [][]byte{nil, []byte("x"), text(100), text(70_000), noise, make([]byte, 300_000)}
	if exe, err := os.ReadFile("/bin/ls"); err == nil {
		contents = append(contents, exe)
	}
	check := func(what string, z, data []byte) {
		t.Helper()
		for _, tail := range []string{"", "what follows", "\x00\x00\x00\x00\x00\x00\x00\x00"} {
			file := append(z[:len(z):len(z)], tail...)
			res := testkit.Probe(t, Format, file)
			if !found(file) || res.Err != nil || res.End != int64(len(z)) || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 {
				t.Errorf("%s of %d bytes: magic %v, end %d of %d, gaps %v, %v", what, len(data), found(file), res.End, len(z), res.Gaps, res.Err)
				continue
			}
			if m := res.Find("data"); m == nil || !bytes.Equal(m.Data, data) {
				t.Errorf("%s of %d bytes: content differs", what, len(data))
			}
		}
	}
	for _, data := range contents {
		for _, opt := range []string{"-0", "-6", "-9e", "--lzma1=preset=1,lc=0,lp=2,pb=2", "--lzma1=preset=1,lc=4,dict=4KiB", "--lzma1=preset=3,lc=1,lp=2,pb=2,dict=96KiB"} {
			check(opt, run(t, data, "xz", append(strings.Fields(opt), "--format=lzma", "-c")...), data)
		}
		if len(data) > 0 {
			check("sized", sized(t, data, 3, 0, 2), data)
			check("sized", sized(t, data, 0, 2, 2), data)
		}
	}
}

// A changed byte in data without checksum shows at the latest at its end.
func TestUnclean(t *testing.T) {
	data := text(5000)
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
			if b := data[i:]; data[i+1] == 0 && (matches(Format.Magic[0], b) || matches(Format.Magic[1], b) || b[headerLen] == 0) {
				places++
				c, err := Format.Measure(io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
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
			if data[i] != 0x5D || !matches(Format.Magic[0], data[i:]) && !matches(Format.Magic[1], data[i:]) {
				continue
			}
			if c, err := Format.Measure(io.NewSectionReader(bytes.NewReader(data[i:]), 0, int64(len(data)-i))); err == nil {
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
	z := run(b, exe, "xz", "-c", "--format=lzma")
	b.Run("extract", func(b *testing.B) {
		b.SetBytes(int64(len(exe)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Format.Extract(context.Background(), io.NewSectionReader(bytes.NewReader(z), 0, int64(len(z))), nothing{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reject", func(b *testing.B) { // by the header
		z := append([]byte(nil), z...)
		z[3] = 3
		z[4] = 1
		r := io.NewSectionReader(bytes.NewReader(z), 0, int64(len(z)))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Format.Measure(r)
		}
	})
}
