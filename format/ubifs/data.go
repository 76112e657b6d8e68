package ubifs

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/codec/lzo"
)

var (
	whole = sync.Pool{New: func() any { return new([blockSize]byte) }}
	// One block is all a decoder sees at a time, so one decoder serves all.
	zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(1<<20))
	})
)

// decodeBlock decodes the data node src into dst after checking that it is
// sound and the one that was looked for. A block that is stored shorter than
// dst goes on with zeros; one that is longer was cut by a later truncation.
func decodeBlock(dst, src []byte, want uint64) (int, error) {
	if len(src) < dataSize {
		return 0, fmt.Errorf("data node of %d bytes, its header has %d", len(src), dataSize)
	}
	if n, err := checkHeader(src, 0, dataNode, int64(len(src))); err != nil {
		return 0, fmt.Errorf("data %w", err)
	} else if have := crc(src[:n]); have != le.Uint32(src[4:]) {
		return 0, fmt.Errorf("data node: expected crc32 %08x, found %08x", le.Uint32(src[4:]), have)
	}
	if k := key(src[24:]); k != want {
		return 0, fmt.Errorf("data node: expected inode %d block %d, found inode %d block %d", inum(want), block(want), inum(k), block(k))
	}
	size, method, in := int(le.Uint32(src[40:])), le.Uint16(src[44:]), src[dataSize:]
	if size > blockSize {
		return 0, fmt.Errorf("data node: %d bytes in a block of %d", size, blockSize)
	}
	to := dst
	if size > len(dst) {
		b := whole.Get().(*[blockSize]byte)
		defer whole.Put(b)
		to = b[:]
	}
	n, err := decompress(to[:size], in, method)
	if err == nil && n != size {
		err = fmt.Errorf("data node: expected %d bytes, decoded %d", size, n)
	}
	if len(to) != len(dst) || size > len(dst) {
		copy(dst, to[:n])
	}
	if err != nil {
		return min(n, len(dst)), err
	}
	if size < len(dst) {
		clear(dst[size:])
	}
	return len(dst), nil
}

// decompress decodes one block. zlib means deflate without zlib's header, as
// the kernel's crypto interface gives it.
func decompress(dst, src []byte, method uint16) (int, error) {
	switch method {
	case 0:
		if len(src) != len(dst) {
			return copy(dst, src), fmt.Errorf("stored block: expected %d bytes, found %d", len(dst), len(src))
		}
		return copy(dst, src), nil
	case 1:
		return lzo.Decode(dst, src)
	case 2:
		return inflate.Fill(dst, src)
	case 3:
		d, err := zstdDecoder()
		if err != nil {
			return 0, err
		}
		out, err := d.DecodeAll(src, dst[:0:len(dst)])
		return len(out), err
	}
	return 0, fmt.Errorf("compression type %d is not known", method)
}
