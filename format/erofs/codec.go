package erofs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/codec/lzma"
)

// decoders are the algorithms by number (erofs_fs.h, Z_EROFS_COMPRESSION_*).
// They fill dst and stop there: a run may be the beginning of what the stored
// bytes hold. Stored bytes end with their block; zeros stand in front.
var decoders = [...]func(dst, src []byte) (int, error){unlz4, microLZMA, undeflate, unzstd}

var (
	errEmpty = errors.New("nothing but zeros")
	errLZ4   = errors.New("damaged lz4 data")
)

// trim takes off the zeros in front. No algorithm's data begins with one.
func trim(src []byte) []byte { return bytes.TrimLeft(src, "\x00") }

func unlz4(dst, src []byte) (int, error) {
	if src = trim(src); len(src) == 0 {
		return 0, errEmpty
	}
	if n, err := lz4.UncompressBlock(src, dst); err == nil && n == len(dst) {
		return n, nil
	}
	return unlz4Open(dst, src)
}

// unlz4Open decodes an LZ4 block until dst is full. The library wants the
// block's exact end, which volumes without padding do not tell, and a dst that
// takes all of it.
func unlz4Open(dst, src []byte) (int, error) {
	n := 0
	for i := 0; i < len(src); {
		token := src[i]
		i++
		length, ok := int(token>>4), true
		if length == 15 {
			if length, i, ok = extend(src, i); !ok {
				return n, errLZ4
			}
		}
		k := copy(dst[n:], src[i:min(len(src), i+length)])
		n += k
		if n == len(dst) {
			return n, nil
		}
		if k < length || i+length+2 > len(src) {
			return n, io.ErrUnexpectedEOF
		}
		i += length
		back := int(src[i]) | int(src[i+1])<<8
		i += 2
		length = int(token & 15)
		if length == 15 {
			if length, i, ok = extend(src, i); !ok {
				return n, errLZ4
			}
		}
		if back == 0 || back > n {
			return n, errLZ4
		}
		end := min(len(dst), n+length+4)
		for from := n - back; n < end; {
			n += copy(dst[n:end], dst[from:n])
		}
		if n == len(dst) {
			return n, nil
		}
	}
	return n, io.ErrUnexpectedEOF
}

// extend reads the rest of a length: 15 and all bytes up to one below 255.
func extend(src []byte, i int) (length, next int, ok bool) {
	length = 15
	for i < len(src) {
		length += int(src[i])
		if i++; src[i-1] != 255 {
			return length, i, true
		}
	}
	return 0, i, false
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// microLZMA decodes an LZMA stream whose first byte, always zero, holds the
// inverted properties.
func microLZMA(dst, src []byte) (int, error) {
	if src = trim(src); len(src) == 0 {
		return 0, errEmpty
	}
	p, err := lzma.ParseProps(^src[0])
	if err != nil {
		return 0, err
	}
	if p.LC+p.LP > 4 {
		return 0, fmt.Errorf("lzma properties lc=%d lp=%d: at most 4 together", p.LC, p.LP)
	}
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	*b = append((*b)[:0], src...)
	(*b)[0] = 0
	n, _, err := lzma.Decode(dst, *b, p)
	return n, err
}

// undeflate decodes a raw DEFLATE stream.
func undeflate(dst, src []byte) (int, error) {
	if src = trim(src); len(src) == 0 {
		return 0, errEmpty
	}
	return inflate.Fill(dst, src)
}

// zstds hold decoders of one goroutine each: DecodeAll starts none, nor does
// reading from one with this concurrency.
var zstds = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
}}

func unzstd(dst, src []byte) (int, error) {
	if src = trim(src); len(src) == 0 {
		return 0, errEmpty
	}
	d := zstds.Get().(*zstd.Decoder)
	defer zstds.Put(d)
	out, err := d.DecodeAll(src, dst[:0:len(dst)])
	if err == nil && len(out) == len(dst) && (len(out) == 0 || &out[0] == &dst[0]) {
		return len(out), nil
	}
	// The run may be the beginning of the frame only.
	if err := d.Reset(bytes.NewReader(src)); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(d, dst)
	d.Reset(nil)
	return n, err
}
