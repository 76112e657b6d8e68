package lzma_test

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/wardein/wardein/codec/lzma"
)

// seeds are small streams that reach every kind of symbol; made with
// xz --format=raw from 'abcabcabcd' and repeats of it.
var seeds = []string{
	"\x00\x30\x98\x88\x98\x46\x7e\x1e\xb2\xff\xfa\x1c\x80\x00",
	"\x01\x00\x09abcabcabcd\x00",
	"\xe0\x00\x1d\x00\x0e\x5d\x00\x30\x98\x88\x98\x46\x7e\x1e\xb2\xff\xfa\x1c\x80\x00\x00",
}

// Both forms give the same bytes and use the same input, whatever comes.
func Fuzz(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), byte(0x5D), uint16(100), false)
		f.Add([]byte(s), byte(0x5D), uint16(100), true)
	}
	f.Fuzz(func(t *testing.T, src []byte, props byte, size uint16, two bool) {
		dst := make([]byte, size)
		if two {
			n, used, err := lzma.DecodeLZMA2(dst, src)
			r, _ := lzma.NewReader2(iotest.HalfReader(bytes.NewReader(src)), 1<<16)
			got, rerr := io.ReadAll(io.LimitReader(r, int64(size)))
			if n > len(dst) || used > len(src) || !bytes.Equal(got[:min(n, len(got))], dst[:min(n, len(got))]) {
				t.Fatalf("slice %d bytes of %d, %v; reader %d bytes, %v", n, used, err, len(got), rerr)
			}
			if err == nil && (len(got) != n || r.Consumed() > int64(used)) {
				t.Fatalf("slice %d bytes of %d; reader %d bytes of %d, %v", n, used, len(got), r.Consumed(), rerr)
			}
			return
		}
		p, err := lzma.ParseProps(props)
		if err != nil {
			return
		}
		n, used, err := lzma.Decode(dst, src, p)
		if n > len(dst) || used > len(src) {
			t.Fatalf("%d bytes of %d", n, used)
		}
		r, _ := lzma.NewReader(iotest.HalfReader(bytes.NewReader(src)), p, 1<<16, int64(size))
		got, rerr := io.ReadAll(r)
		if !bytes.Equal(got, dst[:n]) || err == nil && n == len(dst) && (rerr != nil || r.Consumed() != int64(used)) {
			t.Fatalf("slice %d bytes of %d, %v; reader %d bytes of %d, %v", n, used, err, len(got), r.Consumed(), rerr)
		}
	})
}
