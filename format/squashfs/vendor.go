package squashfs

import (
	"fmt"
	"io"

	"github.com/wardein/wardein/codec/lzma"
	"github.com/wardein/wardein/codec/lzo"
	"github.com/wardein/wardein/codec/xz"
)

// Before the mainline had LZMA, every vendor added it in a way of his own.
// These are the ways, as the patches of sqlzma, OpenWrt, DD-WRT and the
// boards' suppliers store a block:
//
//	5D dict4 size8 | raw                     the .lzma form; sqlzma, which mixes it with zlib
//	5D dict4 | raw                           the same without a size
//	pb lc lp fb | raw                        DD-WRT: chosen anew for each block
//	xx xx xx xx | 5D dict4 | raw             a size before it
//	"7zip" | raw                             lc 3, lp 0, pb 2
//	raw                                      lc 3, lp 0, pb 2, or any other, the same in the whole volume
//
// The raw stream's first byte is 0 everywhere.

// maxSkip is how many bytes of unknown meaning are passed over before a raw
// stream.
const maxSkip = 10

// vendorCodings lists codings under which src, a stored block, could be read,
// the likely ones first. All of them leave blocks that are zlib to zlib: the
// first byte tells, and some vendors coded metadata and data differently.
// Guessing at parameters is for metadata blocks, which are small.
func vendorCodings(src []byte, guess bool) []coding {
	list := []coding{
		{"lzma with size", orZlib(lzmaAlone)},
		{"lzma without size", orZlib(lzmaProps(0))},
		{"xz", xz.Decode},
		{"lzma, parameters per block", orZlib(lzmaPerBlock)},
		{"lzma without size at 4", orZlib(lzmaProps(4))},
	}
	raw := func(skip int, p lzma.Props) {
		name := fmt.Sprintf("raw lzma, lc=%d lp=%d pb=%d", p.LC, p.LP, p.PB)
		if skip > 0 {
			name += fmt.Sprintf(" at %d", skip)
		}
		list = append(list, coding{name, orZlib(lzmaRaw(skip, p))})
	}
	var skips []int
	for skip := 0; skip <= maxSkip && skip+5 < len(src); skip++ {
		if src[skip] == 0 {
			skips = append(skips, skip)
		}
	}
	usual := []lzma.Props{{LC: 3, LP: 0, PB: 2}, {LC: 0, LP: 0, PB: 2}}
	for _, skip := range skips {
		for _, p := range usual {
			raw(skip, p)
		}
	}
	list = append(list, coding{"lzo", lzo.Decode}, coding{"zstd", unzstd})
	for _, skip := range skips {
		for i := 0; guess && i < 5*5*5; i++ {
			if p := (lzma.Props{LC: i % 5, LP: i / 5 % 5, PB: i / 25}); p != usual[0] && p != usual[1] {
				raw(skip, p)
			}
		}
	}
	return list
}

// orZlib decodes what begins like a zlib stream as zlib, and the rest with f.
func orZlib(f decoder) decoder {
	return func(dst, src []byte) (int, error) {
		if isZlib(src) {
			return unzlib(dst, src)
		}
		return f(dst, src)
	}
}

// isZlib says whether b begins with a zlib header (RFC 1950, section 2.2).
func isZlib(b []byte) bool {
	return len(b) > 2 && b[0]&0x0F == 8 && b[0]>>4 <= 7 && b[1]&0x20 == 0 && (uint(b[0])<<8|uint(b[1]))%31 == 0
}

// lzmaProps decodes blocks that have properties byte and dictionary size
// after skip bytes.
func lzmaProps(skip int) decoder {
	return func(dst, src []byte) (int, error) {
		if len(src) < skip+5 {
			return 0, io.ErrUnexpectedEOF
		}
		p, err := lzma.ParseProps(src[skip])
		if err != nil {
			return 0, err
		}
		return lzmaBlock(dst, src[skip+5:], p)
	}
}

// lzmaPerBlock decodes blocks that begin with pb, lc, lp and the number of
// fast bytes, which only the encoder uses.
func lzmaPerBlock(dst, src []byte) (int, error) {
	if len(src) < 4 {
		return 0, io.ErrUnexpectedEOF
	}
	p := lzma.Props{PB: int(src[0]), LC: int(src[1]), LP: int(src[2])}
	if p.PB > 4 || p.LC+p.LP > 4 {
		return 0, fmt.Errorf("%w: block parameters %d, %d, %d", lzma.ErrDamaged, src[0], src[1], src[2])
	}
	return lzmaBlock(dst, src[4:], p)
}

// lzmaRaw decodes blocks whose parameters stand nowhere.
func lzmaRaw(skip int, p lzma.Props) decoder {
	return func(dst, src []byte) (int, error) {
		if len(src) < skip {
			return 0, io.ErrUnexpectedEOF
		}
		return lzmaBlock(dst, src[skip:], p)
	}
}
