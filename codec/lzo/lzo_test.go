package lzo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	golzo "github.com/anchore/go-lzo"
	"github.com/wardein/wardein/internal/testkit"
)

// Each case is one instruction of the table in the package comment.
func TestInstructions(t *testing.T) {
	end := "\x11\x00\x00"
	lits := func(n int) string { return string(bytes.Repeat([]byte("abcdefgh"), n/8+1)[:n]) }
	for _, c := range []struct{ name, src, want string }{
		{"empty", end, ""},
		{"first byte literals", "\x15abcd" + end, "abcd"},
		{"long literals", "\x01abcd" + end, "abcd"},
		{"longer literals", "\x00\x00\x05" + lits(18+255+5) + end, lits(18 + 255 + 5)},
		{"match 3 at 1", "\x15abcd\x40\x00" + end, "abcdddd"},
		{"match 8 at 2 then literals", "\x15abcd\xE6\x00xy" + end, "abcdcdcdcdcdxy"},
		{"match 2 after literals", "\x15abcd\x41\x00x\x04\x00" + end, "abcddddxdx"},
		{"two first literals then match 2", "\x13ab\x04\x00" + end, "abab"},
		{"far match of any length", "\x15abcd\x20\x02\x04\x00" + end, "abcd" + lits2("cd", 35)},
		{"match 3 after long literals", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\xF0" + lits(18+255*8+0xF0) + "\x00\x00" + end,
			lits(18+255*8+0xF0) + lits(18 + 255*8 + 0xF0)[18+255*8+0xF0-2049:][:3]},
	} {
		dst := make([]byte, len(c.want))
		n, err := Decode(dst, []byte(c.src))
		if err != nil || string(dst[:n]) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, dst[:n], err, c.want)
		}
	}
}

func lits2(s string, n int) string { return string(bytes.Repeat([]byte(s), n)[:n]) }

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		src  string
		size int
		want error
		n    int
	}{
		{"", 9, ErrInput, 0},
		{"\x15ab", 9, ErrInput, 2},
		{"\x15abcd", 9, ErrInput, 4},
		{"\x15abcd\x11\x00\x00", 2, ErrOutput, 2},
		{"\x15abcd\xE0\x00\x11\x00\x00", 6, ErrOutput, 6},
		{"\x15abcd\x40\x01\x11\x00\x00", 9, ErrDistance, 4},
		{"\x15abcd\x12\x00\x00", 9, ErrEnd, 4},
		{"\x15abcd\x11\x00\x00\x00", 9, ErrTrailing, 4},
		{"\x00\x00\x00\x00\x00", 9, ErrOutput, 3},
		{"\x00\x00\x00", 900, ErrInput, 0},
	} {
		n, err := Decode(make([]byte, c.size), []byte(c.src))
		if !errors.Is(err, c.want) || n != c.n {
			t.Errorf("%q into %d: %d, %v, want %d, %v", c.src, c.size, n, err, c.n, c.want)
		}
	}
}

// sample is text-like: words that come back at many distances.
func sample(n int, seed int64) []byte {
	r := rand.New(rand.NewSource(seed))
	var words [400][]byte
	for i := range words {
		words[i] = make([]byte, 1+r.Intn(12))
		for j := range words[i] {
			words[i][j] = byte('a' + r.Intn(26))
		}
	}
	var b []byte
	for len(b) < n {
		switch r.Intn(40) {
		case 0:
			b = append(b, bytes.Repeat([]byte{byte(r.Intn(256))}, r.Intn(700))...)
		case 1:
			for range r.Intn(300) {
				b = append(b, byte(r.Intn(256)))
			}
		default:
			b = append(append(b, words[r.Intn(len(words))]...), ' ')
		}
	}
	return b[:n]
}

type block struct {
	size int
	data []byte
}

// lzopBlocks compresses data with lzop and cuts the blocks out of its file
// (header: lzop 1.x, then blocks of size, compressed size, adler32, data).
func lzopBlocks(t testing.TB, data []byte, level string) []block {
	t.Helper()
	lzop := testkit.Tool(t, "lzop")
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(lzop, level, "-c", in).Output()
	if err != nil {
		t.Fatal(err)
	}
	// magic 9, version 2+2+2, method 1, level 1, flags 4, mode 4, mtime 8, name length 1
	p := 9 + 6 + 2 + 4 + 4 + 8
	p += 1 + int(out[p]) + 4
	var blocks []block
	for {
		size := int(binary.BigEndian.Uint32(out[p:]))
		if size == 0 {
			return blocks
		}
		csize := int(binary.BigEndian.Uint32(out[p+4:]))
		p += 12
		if csize < size {
			blocks = append(blocks, block{size, out[p : p+csize]})
		}
		p += csize
	}
}

func TestAgainstLzop(t *testing.T) {
	for _, level := range []string{"-1", "-3", "-7", "-9"} {
		data := sample(1<<20, 1)
		blocks := lzopBlocks(t, data, level)
		if len(blocks) == 0 {
			t.Fatal("no compressed block")
		}
		for i, b := range blocks {
			dst := make([]byte, b.size)
			n, err := Decode(dst, b.data)
			if err != nil || n != b.size {
				t.Fatalf("level %s block %d: %d of %d bytes, %v", level, i, n, b.size, err)
			}
			if !bytes.Equal(dst, data[:n]) {
				t.Fatalf("level %s block %d differs", level, i)
			}
			data = data[n:]
		}
	}
}

// Fuzz checks that nothing panics, and that a second implementation agrees on
// every block that is sound.
func Fuzz(f *testing.F) {
	f.Add([]byte("\x15abcd\xE6\x00xy\x04\x00\x11\x00\x00"), uint16(100))
	f.Add([]byte("\x00\x00\x00\x01"), uint16(9))
	f.Add([]byte("\x15abcd\x20\x02\x04\x00\x18\x00\x00\x11\x00\x00"), uint16(400))
	f.Fuzz(func(t *testing.T, src []byte, size uint16) {
		guard := make([]byte, int(size)+8)
		dst := guard[:size:size]
		n, err := Decode(dst, src)
		if n < 0 || n > len(dst) {
			t.Fatalf("n = %d of %d", n, len(dst))
		}
		if !bytes.Equal(guard[size:], make([]byte, 8)) {
			t.Fatal("wrote past dst")
		}
		if err == nil {
			other := make([]byte, size)
			m, err := golzo.Decompress(src, other)
			if err == nil && (m != n || !bytes.Equal(other[:m], dst[:n])) {
				t.Fatalf("%d bytes %x, other implementation %d bytes %x", n, dst[:n], m, other[:m])
			}
			if err != nil {
				t.Fatalf("%d bytes, other implementation: %v", n, err)
			}
		}
	})
}

func Benchmark(b *testing.B) {
	for _, level := range []string{"-3", "-9"} {
		data := sample(1<<20, 1)
		blocks := lzopBlocks(b, data, level)
		dst := make([]byte, 256<<10)
		for name, decode := range map[string]func(dst, src []byte) (int, error){
			"own": Decode, "go-lzo": func(dst, src []byte) (int, error) { return golzo.Decompress(src, dst) },
		} {
			b.Run(fmt.Sprint(name, level), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					for _, k := range blocks {
						if _, err := decode(dst[:k.size], k.data); err != nil && err != io.EOF {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
