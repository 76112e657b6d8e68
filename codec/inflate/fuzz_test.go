package inflate_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/wardein/wardein/codec/inflate"
)

// rig is what compare uses again and again.
type rig struct {
	src      bytes.Reader
	std      io.ReadCloser
	d        inflate.Reader
	one      *bufio.Reader
	dst, out []byte
	want     bytes.Buffer
}

var rigs = sync.Pool{New: func() any {
	return &rig{std: flate.NewReader(bytes.NewReader(nil)), one: bufio.NewReaderSize(nil, 16)}
}}

// compare decodes src in all forms and with the standard library and tells
// where they differ. Output is bounded by size bytes.
func compare(t testing.TB, src []byte, size int) {
	t.Helper()
	r := rigs.Get().(*rig)
	defer rigs.Put(r)
	r.src.Reset(src)
	r.std.(flate.Resetter).Reset(&r.src, nil)
	r.want.Reset()
	_, wantErr := r.want.ReadFrom(io.LimitReader(r.std, int64(size)+1))
	want := r.want.Bytes()
	wantUsed := len(src) - r.src.Len()
	long := len(want) > size
	if long {
		want = want[:size]
	}

	r.dst = slices.Grow(r.dst[:0], size+100)
	r.out = slices.Grow(r.out[:0], size+100)
	dst := r.dst[:size:size]
	n, used, err := inflate.Decode(dst, src)
	got := dst[:n]
	if used > len(src) || used < 0 {
		t.Fatalf("used %d of %d bytes", used, len(src))
	}
	short := len(got) < len(want)
	switch {
	case !bytes.HasPrefix(want, got) && !bytes.HasPrefix(got, want):
		t.Fatalf("%d bytes, %v; standard library %d others, %v", n, err, len(want), wantErr)
	case long:
		// The standard library sees that the end of block has no code only
		// when it has decoded up to there.
		if err == nil || short && !errors.Is(err, inflate.ErrDamaged) {
			t.Fatalf("%d bytes, %v; standard library has more", n, err)
		}
	case (err == nil) != (wantErr == nil) || err == nil && (used != wantUsed || n != len(want)):
		t.Fatalf("%d bytes, used %d, %v; standard library %d, %d, %v", n, used, err, len(want), wantUsed, wantErr)
	case short && !errors.Is(err, inflate.ErrDamaged):
		// At a cut it takes a symbol only where the longest might have been.
		t.Fatalf("%d bytes, %v; standard library %d, %v", n, err, len(want), wantErr)
	}

	if k, ferr := inflate.Fill(r.out[:size], src); k != n || !bytes.Equal(r.out[:k], got) || (ferr == nil) != (n == size) {
		t.Fatalf("Fill: %d bytes, %v; Decode %d, %v", k, ferr, n, err)
	}

	for i, whole := range []bool{true, false} {
		r.src.Reset(src)
		if whole {
			r.d.Reset(&r.src)
		} else {
			r.one.Reset(iotest.OneByteReader(&r.src))
			r.d.Reset(r.one)
		}
		back, rerr := r.out[:0], error(nil)
		for len(back) < size && rerr == nil {
			var k int
			k, rerr = r.d.Read(r.out[len(back):size])
			back = r.out[:len(back)+k]
		}
		if err == nil {
			if more, e := r.d.Read(make([]byte, 1)); more != 0 || e != io.EOF {
				t.Fatalf("reader %d goes on: %d, %v", i, more, e)
			}
			if r.d.Consumed() != int64(used) {
				t.Fatalf("reader %d consumed %d, want %d", i, r.d.Consumed(), used)
			}
		}
		if !bytes.Equal(back, got) {
			t.Fatalf("reader %d: %d bytes, %v; block %d bytes, %v", i, len(back), rerr, n, err)
		}
		if err != nil && err != inflate.ErrLong && n < size && (rerr == nil || rerr.Error() != err.Error()) {
			t.Fatalf("reader %d: %v; block: %v", i, rerr, err)
		}
	}

	// Behind other content nothing changes but how far back is too far.
	if err == nil {
		all := r.out[:100+n]
		if m, u, e := inflate.DecodeAfter(all, 100, src); m != n || u != used || e != nil || crc32.ChecksumIEEE(all[100:]) != crc32.ChecksumIEEE(got) {
			t.Fatalf("behind 100 bytes: %d bytes, used %d, %v; want %d, %d", m, u, e, n, used)
		}
	}
}

func Fuzz(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(v.hex), uint32(300))
	}
	for _, z := range packed(f, 600) {
		f.Add(z, uint32(600))
		f.Add(z, uint32(500))
	}
	f.Fuzz(func(t *testing.T, src []byte, size uint32) {
		compare(t, src, int(size%(1<<13)))
	})
}
