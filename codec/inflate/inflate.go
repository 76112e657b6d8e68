// Package inflate decodes raw DEFLATE (RFC 1951), the coder of gzip, zlib, zip
// and of most file systems' blocks, and the zlib wrapper (RFC 1950) where it
// stands around one block.
//
// It has two forms. Decode decodes a stream that is there as a whole straight
// into the caller's slice, which is the window at the same time: nothing is
// copied twice. Reader decodes a stream of any length through a window of its
// own. Neither allocates once it runs.
//
//	stream:  block … , the last one with final set
//	block:   final (1 bit) | type (2 bits) | content
//	  0 stored   to the next byte | LEN u16 LE | NLEN u16 LE (inverse) | bytes
//	  1 fixed    symbols in the code of section 3.2.6 | end of block
//	  2 dynamic  HLIT-257 (5) | HDIST-1 (5) | HCLEN-4 (4) | code lengths |
//	             symbols | end of block
//
// What a stream may say is what zlib accepts: no code with more codes than bits
// allow, none with fewer but a single code of one bit, a code for the end of
// block, no distance before the first byte.
//
// Sources: RFC 1951; RFC 1950; zlib's inftrees.c for what passes for a code.
package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"sync"
)

// Errors that a caller tells apart. ErrDamaged is wrapped with the place. Input
// that ends early is io.ErrUnexpectedEOF.
var (
	ErrDamaged = errors.New("damaged deflate data")
	ErrLong    = errors.New("deflate data goes on where its content was to end")
	ErrSum     = errors.New("adler32 differs")
)

// fault is damage at a place. Its text is made when it is asked for: a scan for
// streams meets far more data that is none.
type fault struct {
	at          int64  // in the input
	what        string // with two verbs: found and want
	found, want int64
}

func (f *fault) Error() string {
	return fmt.Sprintf("%v at input byte %d: %s", ErrDamaged, f.at, fmt.Sprintf(f.what, f.found, f.want))
}

func (f *fault) Unwrap() error { return ErrDamaged }

// cores keeps decoder states for Decode: a state is some 50 kB, and a file
// system has many small blocks.
var cores = sync.Pool{New: func() any { return new(core) }}

// Decode decodes the stream at the beginning of src into dst and returns how
// many bytes it wrote to dst and used of src. The error is nil where the stream
// ended, ErrLong where dst is full before it, and io.ErrUnexpectedEOF where src
// ends before it; what was decoded until then is in dst. Bytes of dst beyond n
// may have been written to.
func Decode(dst, src []byte) (n, used int, err error) {
	return DecodeAfter(dst, 0, src)
}

// Fill decodes until dst is full and does not look further: the stream may go
// on, be cut off or be damaged there. One that ends before is
// io.ErrUnexpectedEOF.
func Fill(dst, src []byte) (n int, err error) {
	n, _, err = Decode(dst, src)
	if n == len(dst) {
		return n, nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// DecodeAfter is Decode for a stream that refers back to content before it,
// which is dst[:have], and is decoded behind that.
func DecodeAfter(dst []byte, have int, src []byte) (n, used int, err error) {
	c := cores.Get().(*core)
	c.reset(dst, have)
	used, st := c.run(src, true)
	n, err = c.pos-have, c.err(st)
	c.reset(nil, 0)
	cores.Put(c)
	return n, used, err
}

// Zlib is Decode for a zlib stream: header, data and Adler-32. Where the
// checksum differs or is cut off the content is there beside the error. A
// stream that needs a preset dictionary is an error.
func Zlib(dst, src []byte) (n, used int, err error) {
	if err := ZlibHeader(src); err != nil {
		return 0, 0, err
	}
	n, used, err = Decode(dst, src[2:])
	used += 2
	if err != nil {
		return n, used, err
	}
	tail := src[used:]
	if len(tail) < 4 {
		return n, len(src), io.ErrUnexpectedEOF
	}
	if want, sum := binary.BigEndian.Uint32(tail), adler32.Checksum(dst[:n]); want != sum {
		return n, used + 4, fmt.Errorf("%w: stored %08x at input byte %d, computed %08x", ErrSum, want, used, sum)
	}
	return n, used + 4, nil
}

// ZlibHeader checks the two bytes before a zlib stream's data (RFC 1950,
// section 2.2).
func ZlibHeader(src []byte) error {
	if len(src) < 2 {
		return io.ErrUnexpectedEOF
	}
	if src[0]&0x0F != 8 || src[0]>>4 > 7 || (uint(src[0])<<8|uint(src[1]))%31 != 0 || src[1]&0x20 != 0 {
		return fmt.Errorf("zlib header: found % x, want 78 xx or the like, a multiple of 31, without a dictionary", src[:2])
	}
	return nil
}
