package rtime

import (
	"bytes"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"", ""},
		{"a\x00b\x00", "ab"},
		{"a\x04", "aaaaa"}, // the copy begins at the literal itself
		{"a\x00b\x00c\x00a\x05", "abcabcabc"},
		{"a\x00b\x02", "abab"}, // b never came: from offset 0
	} {
		dst := make([]byte, len(c.want))
		n, used, err := Decode(dst, []byte(c.src))
		if err != nil || string(dst[:n]) != c.want || used != len(c.src) {
			t.Errorf("%q: %q, used %d, %v; want %q", c.src, dst[:n], used, err, c.want)
		}
	}
	for _, src := range []string{"a", "a\x09", ""} {
		if _, _, err := Decode(make([]byte, 5), []byte(src)); err == nil {
			t.Errorf("%q: no error", src)
		}
	}
}

// encode is the code's other direction, for the tests.
func encode(src []byte) []byte {
	var last [256]int
	var out []byte
	for i := 0; i < len(src); {
		v := src[i]
		i++
		from, run := last[v], 0
		last[v] = i
		for i < len(src) && run < 255 && src[i] == src[from] {
			i, from, run = i+1, from+1, run+1
		}
		out = append(out, v, byte(run))
	}
	return out
}

func Fuzz(f *testing.F) {
	f.Add([]byte("abcabcabcabcaaaaaaa"))
	f.Add([]byte("a\x00b\x00c\x00a\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		Decode(make([]byte, 300), b)
		dst := make([]byte, len(b))
		if n, _, err := Decode(dst, encode(b)); err != nil || !bytes.Equal(dst[:n], b) {
			t.Fatalf("%q became %q, %v", b, dst[:n], err)
		}
	})
}

func Benchmark(b *testing.B) {
	data := bytes.Repeat([]byte("some line of text, and again some line of text\n"), 90)[:4096]
	enc, dst := encode(data), make([]byte, len(data))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		Decode(dst, enc)
	}
}
