package unpack_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/unpack"
)

// A quine is a compressed file that decompresses to itself. Deflate can say
// "the next n bytes as they are" (literal) and "the last n bytes again"
// (again). With both of one size, 5 bytes, a program that prints itself
// between a given head and tail can be written down (Russ Cox, "Zip Files All
// The Way Down", 2010).

// bits writes deflate's bit stream.
type bits struct {
	b []byte
	n uint
}

func (w *bits) low(v uint32, n uint) { // least significant bit first
	for ; n > 0; n, v = n-1, v>>1 {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v&1) << (w.n % 8)
		w.n++
	}
}

func (w *bits) huffman(v uint32, n uint) { // most significant bit first
	for ; n > 0; n-- {
		w.low(v>>(n-1)&1, 1)
	}
}

// copyOf writes a copy with the fixed codes (RFC 1951, section 3.2.5).
func (w *bits) copyOf(length, dist int) {
	code, extra, base := 257, uint(0), 3
	for i := 0; ; i++ {
		if i >= 8 && i%4 == 0 {
			extra++
		}
		if length < base+1<<extra {
			break
		}
		code, base = code+1, base+1<<extra
	}
	if code < 280 {
		w.huffman(uint32(code-256), 7)
	} else {
		w.huffman(uint32(code-280+0xC0), 8)
	}
	w.low(uint32(length-base), extra)
	code, extra, base = 0, 0, 1
	for i := 0; ; i++ {
		if i >= 4 && i%2 == 0 {
			extra++
		}
		if dist < base+1<<extra {
			break
		}
		code, base = code+1, base+1<<extra
	}
	w.huffman(uint32(code), 5)
	w.low(uint32(dist-base), extra)
}

const opSize = 5

// literal announces n bytes as they are: the head of a stored block.
func literal(n int) string {
	return string([]byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)})
}

// again repeats the last n bytes: a fixed block of 33 to 40 bits where it is
// the last, and of exactly 40 otherwise, since what follows must begin at a
// byte. One copy, two, or one and an empty block have that size for some n.
func again(t testing.TB, n int, last bool) string {
	t.Helper()
	for _, split := range []int{0, 10} {
		for _, fill := range []bool{false, true} {
			w := &bits{}
			if fill { // an empty fixed block before
				w.low(2, 3)
				w.huffman(0, 7)
			}
			if last {
				w.low(1, 1)
			} else {
				w.low(0, 1)
			}
			w.low(1, 2)
			if n-split < 3 {
				continue
			}
			w.copyOf(n-split, n)
			if split > 0 {
				w.copyOf(split, n)
			}
			w.huffman(0, 7)
			if w.n == 40 || last && w.n > 32 && w.n < 40 {
				return string(w.b)
			}
		}
	}
	t.Fatalf("the last %d bytes can't be repeated by %d", n, opSize)
	return ""
}

// quine returns head + a deflate stream + tail, of which the stream gives the
// whole. Head and tail hold the CRC-32 of the whole as crc says.
func quine(t testing.TB, wrap func(crc uint32, size int) (head, tail string)) []byte {
	t.Helper()
	size := 0
	make := func(crc uint32) []byte {
		head, tail := wrap(crc, size)
		h, e := len(head)+opSize, len(tail)+opSize
		l0, l1, l4, lh, le := literal(0), literal(opSize), literal(4*opSize), literal(h), literal(e)
		r4, rh, re := again(t, 4*opSize, false), again(t, h, false), again(t, e, true)
		return []byte(strings.Join([]string{head,
			lh, head, lh, //             head lh
			rh,     //                   head lh
			l1, rh, //                   rh
			l1, l1, //                   l1
			l4, rh, l1, l1, l4, //       rh l1 l1 l4
			r4,                 //       rh l1 l1 l4
			l4, r4, l4, r4, l4, //       r4 l4 r4 l4
			r4,                 //       r4 l4 r4 l4
			l4, r4, l0, l0, le, //       r4 l0 l0 le
			r4,                   //     r4 l0 l0 le
			l0, l0, le, re, tail, //     re tail
			re, //                       re tail
			tail}, ""))
	}
	size = len(make(0))
	// The sum of the whole is an affine function of the sum that is written
	// into it: solve crc(x) = x over GF(2).
	zero := crc32.ChecksumIEEE(make(0))
	var rows [32]uint64 // bit i of each: coefficient of bit i of x; bit 32: constant
	for i := range 32 {
		column := crc32.ChecksumIEEE(make(1<<i)) ^ zero ^ 1<<i
		for k := range 32 {
			rows[k] |= uint64(column>>k&1) << i
		}
	}
	for k := range 32 {
		rows[k] |= uint64(zero>>k&1) << 32
	}
	x, row := uint32(0), 0
	for i := range 32 {
		for k := row; k < 32; k++ {
			if rows[k]>>i&1 == 1 {
				rows[row], rows[k] = rows[k], rows[row]
				for j := range 32 {
					if j != row && rows[j]>>i&1 == 1 {
						rows[j] ^= rows[row]
					}
				}
				row++
				break
			}
		}
	}
	if row < 32 {
		return nil // no solution with this head: try another
	}
	for i := range 32 {
		x |= uint32(rows[i]>>32&1) << i
	}
	return make(x)
}

// quineOf tries heads until one has a solution.
func quineOf(t testing.TB, wrap func(salt uint32, crc uint32, size int) (head, tail string)) []byte {
	t.Helper()
	for salt := range uint32(100) {
		if q := quine(t, func(crc uint32, size int) (string, string) { return wrap(salt, crc, size) }); q != nil {
			return q
		}
	}
	t.Fatal("no quine")
	return nil
}

func gzipQuine(t testing.TB) []byte {
	return quineOf(t, func(salt, crc uint32, size int) (string, string) {
		le := binary.LittleEndian
		head := le.AppendUint32([]byte("\x1f\x8b\x08\x08"), salt) // FNAME; the time is free to choose
		tail := le.AppendUint32(le.AppendUint32(nil, crc), uint32(size))
		return string(head) + "\x00\xff" + "r\x00", string(tail)
	})
}

// zipQuine names itself so that head and tail have sizes that can be repeated.
func zipQuine(t testing.TB) []byte {
	const name, comment = "this-archive-holds-itself.zip..", "it is the only file that it has"
	return quineOf(t, func(salt, crc uint32, size int) (string, string) {
		le := binary.LittleEndian
		const headSize, tailSize = 30 + len(name), 46 + len(name) + 22 + len(comment)
		fields := func(b []byte) []byte { // from "version needed" to "extra length"
			b = append(b, 20, 0, 0, 0, 8, 0)
			b = le.AppendUint32(b, 0x5A210000|salt&0x1F) // the second is free to choose
			b = le.AppendUint32(b, crc)
			b = le.AppendUint32(b, uint32(size-headSize-tailSize))
			b = le.AppendUint32(b, uint32(size))
			return append(b, byte(len(name)), 0, 0, 0)
		}
		head := append(fields([]byte("PK\x03\x04")), name...)
		tail := append(fields([]byte("PK\x01\x02\x14\x00")), make([]byte, 14)...)
		tail = append(tail, name...)
		tail = append(tail, "PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"...)
		tail = le.AppendUint32(tail, uint32(46+len(name)))
		tail = le.AppendUint32(tail, uint32(size-tailSize))
		tail = append(append(tail, byte(len(comment)), 0), comment...)
		if len(head) != headSize || len(tail) != tailSize {
			t.Fatal(len(head), headSize, len(tail), tailSize)
		}
		return string(head), string(tail)
	})
}

// TestQuinesAreQuines holds the generator to the standard library.
func TestQuinesAreQuines(t *testing.T) {
	q := gzipQuine(t)
	r, err := gzip.NewReader(bytes.NewReader(q))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(r); err != nil || !bytes.Equal(out, q) {
		t.Errorf("gzip: %v, %d of %d bytes are the same\n%x\n%x", err, same(out, q), len(q), q, out)
	}
	q = zipQuine(t)
	z, err := zip.NewReader(bytes.NewReader(q), int64(len(q)))
	if err != nil || len(z.File) != 1 {
		t.Fatal(err)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(f); err != nil || !bytes.Equal(out, q) {
		off, _ := z.File[0].DataOffset()
		_, derr := io.ReadAll(flate.NewReader(bytes.NewReader(q[off:])))
		t.Errorf("zip: %v, %v, %d of %d bytes are the same", err, derr, same(out, q), len(q))
	}
}

func same(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// What decompresses to itself is opened once, listed once inside, and said so.
func TestRealQuines(t *testing.T) {
	for name, q := range map[string][]byte{"gzip": gzipQuine(t), "zip": zipQuine(t)} {
		for where, data := range map[string][]byte{
			"alone":      q,
			"with tail":  append(bytes.Clone(q), "and a text behind it, of some length"...),
			"in a tar":   tarOf(t, "a", string(q), "b", string(q)),
			"in a gzip":  gzipOf(t, q),
			"in a cpio":  append(newc("q", 0o100644, uint64(len(q)), string(q)), newc("TRAILER!!!", 0, 0, "")...),
			"in another": zipOf(t, zip.Deflate, "q", string(q)),
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				bounded(t, 5*time.Second, 64<<20, func() {
					tr := hostile(t, data, nil)
					tr.wantContent(string(q))
					tr.wantGap(wardein.Limit, "contains itself")
					if len(tr.nodes) > 20 {
						t.Errorf("%d nodes in\n%s", len(tr.nodes), clip(tr.text))
					}
				})
			})
		}
	}
}

// 42.zip: sixteen zips in each, five levels deep, all of a level the same, and
// at the ground a file of zeros that deflate makes a thousandth of. The whole
// is a few hundred kB of 2.8 × 10^14 bytes.
func TestFortyTwo(t *testing.T) {
	ground := 256 << 20
	if testing.Short() {
		ground = 16 << 20
	}
	data := zipOf(t, zip.Deflate, "0.dll", string(make([]byte, ground)))
	for range 5 {
		var files []string
		for i := range 16 {
			files = append(files, fmt.Sprintf("%x.zip", i), string(data))
		}
		data = zipOf(t, zip.Deflate, files...)
	}
	t.Logf("%d bytes", len(data))
	bounded(t, 120*time.Second, 600<<20, func() {
		tr := hostile(t, data, func(l *unpack.Limits) { l.Entries = 100_000 })
		tr.wantGap(wardein.Limit, "decoded bytes that it may", "of the run's")
		t.Logf("%d nodes, %d bytes came out", len(tr.nodes), tr.read)
	})
}
