package squashfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/codec/lzma"
	"github.com/wardein/wardein/codec/lzo"
	"github.com/wardein/wardein/codec/xz"
)

// decoder decodes one block: it fills dst from src and says how many bytes it
// wrote. It keeps neither and is safe to call from any goroutine.
type decoder func(dst, src []byte) (int, error)

// coding is a way to encode blocks that some version or vendor uses.
type coding struct {
	name   string
	decode decoder
}

// codings are the compressors of version 4 by number (squashfs_fs.h, *_COMPRESSION).
var codings = [...]coding{
	1: {"zlib", unzlib},
	2: {"lzma", orZlib(lzmaAlone)},
	3: {"lzo", lzo.Decode},
	4: {"xz", xz.Decode},
	5: {"lz4", unlz4},
	6: {"zstd", unzstd},
}

var errLong = errors.New("block decodes to more than it may")

func unzlib(dst, src []byte) (int, error) {
	n, _, err := inflate.Zlib(dst, src)
	if err == inflate.ErrLong {
		err = errLong
	}
	return n, err
}

// zstds hold decoders of one goroutine each: DecodeAll starts none.
var zstds = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
}}

func unzstd(dst, src []byte) (int, error) {
	d := zstds.Get().(*zstd.Decoder)
	out, err := d.DecodeAll(src, dst[:0:len(dst)])
	zstds.Put(d)
	if len(out) > len(dst) || len(out) > 0 && &out[0] != &dst[0] {
		return 0, errLong
	}
	return len(out), err
}

func unlz4(dst, src []byte) (int, error) {
	if len(dst) == 0 || len(src) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return lz4.UncompressBlock(src, dst)
}

// lzmaAlone decodes a block in the .lzma form: properties byte, dictionary
// size, 64-bit decoded size (or all ones), then the raw stream.
func lzmaAlone(dst, src []byte) (int, error) {
	if len(src) < 13 {
		return 0, io.ErrUnexpectedEOF
	}
	p, err := lzma.ParseProps(src[0])
	if err != nil {
		return 0, err
	}
	if size := binary.LittleEndian.Uint64(src[5:]); size < uint64(len(dst)) {
		dst = dst[:size]
	} else if size != 1<<64-1 && size > uint64(len(dst)) {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", errLong, size, len(dst))
	}
	return lzmaBlock(dst, src[13:], p)
}

// lzmaSlack is how many bytes may follow a raw stream in its block: an end
// marker and what the range coder flushes.
const lzmaSlack = 16

// lzmaBlock decodes a raw stream whose decoded size may be less than dst: the
// stream then just ends.
func lzmaBlock(dst, src []byte, p lzma.Props) (int, error) {
	n, used, err := lzma.Decode(dst, src, p)
	if err == io.ErrUnexpectedEOF && n > 0 {
		return n, nil
	}
	if err == nil && used < len(src)-lzmaSlack {
		return n, fmt.Errorf("%w: lzma stream ends after %d of %d bytes", errLong, used, len(src))
	}
	return n, err
}

// options notes what the compressor options after the superblock say.
func (v *volume) options() error {
	if v.major < 4 || v.flags&flagOptions == 0 {
		return nil
	}
	begin, n, encoded, err := v.meta.header(int64(v.size))
	if err != nil {
		return err
	}
	if encoded || n > 64 {
		return fmt.Errorf("compressor options at %#x: bad length %d", v.size, n)
	}
	b := make([]byte, n)
	if _, err := v.r.ReadAt(b, begin); err != nil {
		return err
	}
	v.meta.mark(int64(v.size), begin+int64(n)-int64(v.size), optionsTable)
	f := fields{b: b, be: v.be}
	note := func(name string, value any) { v.out.Note(name, fmt.Sprint(value)) }
	switch {
	case v.compressor == 1 && n >= 8:
		note("compression level", f.u32())
		note("compression window", f.u16())
	case v.compressor == 3 && n >= 8:
		alg := f.u32()
		if names := [...]string{"lzo1x_1", "lzo1x_1_11", "lzo1x_1_12", "lzo1x_1_15", "lzo1x_999"}; int(alg) < len(names) {
			note("compression algorithm", names[alg])
		}
		note("compression level", f.u32())
	case v.compressor == 4 && n >= 8:
		note("compression dictionary", f.u32())
		set := f.u32()
		for i, name := range []string{"x86", "powerpc", "ia64", "arm", "armthumb", "sparc"} {
			if set>>i&1 == 1 {
				note("compression filter", name)
			}
		}
	case v.compressor == 5 && n >= 8:
		f.u32()
		if f.u32()&1 == 1 {
			note("compression mode", "high compression")
		}
	case v.compressor == 6 && n >= 4:
		note("compression level", f.u32())
	}
	return nil
}
