package rubin

import (
	"bytes"
	"testing"
)

// encode is the code's other direction, for the tests.
func encode(src []byte, whole uint32, ones *[8]uint32) []byte {
	var out []byte
	bits := 0
	push := func(b bool) {
		if bits&7 == 0 {
			out = append(out, 0)
		}
		if b {
			out[bits>>3] |= 1 << (7 - bits&7)
		}
		bits++
	}
	var p, q uint32 = 2 * upper, 0
	for _, c := range src {
		for i, one := range ones {
			for q >= upper || p+q <= upper {
				push(q&upper != 0)
				q = (q & lower) << 1
				p <<= 1
			}
			zero := min(max((whole-one)*p/whole, 1), p-1)
			if c>>i&1 == 0 {
				p = zero
			} else {
				p, q = p-zero, q+zero
			}
		}
	}
	for range 16 {
		push(q&upper != 0)
		q = (q & lower) << 1
	}
	return out
}

func histogram(src []byte) (ones [8]uint32) {
	for i := range ones {
		for _, c := range src {
			ones[i] += uint32(c >> i & 1)
		}
		ones[i] = min(max(ones[i]*256/uint32(len(src)), 1), 255)
	}
	return ones
}

func encodeDynamic(src []byte) []byte {
	ones := histogram(src)
	var out []byte
	for _, o := range ones {
		out = append(out, byte(o))
	}
	return append(out, encode(src, 256, &ones)...)
}

func check(t *testing.T, want []byte) {
	t.Helper()
	for name, c := range map[string]struct {
		enc    []byte
		decode func(dst, src []byte) (int, int, error)
	}{"mips": {encode(want, 1043, &mips), Mips}, "dynamic": {encodeDynamic(want), Dynamic}} {
		dst := make([]byte, len(want))
		n, used, err := c.decode(dst, c.enc)
		if err != nil || !bytes.Equal(dst[:n], want) || used != len(c.enc) {
			t.Fatalf("%s: %q, used %d of %d, %v; want %q", name, dst[:n], used, len(c.enc), err, want)
		}
	}
}

func TestDecode(t *testing.T) {
	for _, s := range []string{"a", "hello, hello, hello", "\x00\x00\x00\x00\x00\x00\x00\x00", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"} {
		check(t, []byte(s))
	}
	check(t, bytes.Repeat([]byte("line of a text file\n"), 200))
	if _, _, err := Dynamic(make([]byte, 9), []byte("short")); err == nil {
		t.Error("no error")
	}
	if _, _, err := Mips(make([]byte, 4096), []byte("short")); err == nil {
		t.Error("no error")
	}
}

func Fuzz(f *testing.F) {
	f.Add([]byte("hello"))
	f.Add(bytes.Repeat([]byte{0}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		dst := make([]byte, 300)
		Mips(dst, b)
		Dynamic(dst, b)
		if len(b) > 0 {
			check(t, b)
		}
	})
}

func Benchmark(b *testing.B) {
	data := bytes.Repeat([]byte("some line of text, and again some line of text\n"), 90)[:4096]
	enc, dst := encodeDynamic(data), make([]byte, len(data))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		Dynamic(dst, enc)
	}
}
