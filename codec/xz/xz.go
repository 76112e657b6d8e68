// Package xz decodes .xz streams: whole ones into a slice (squashfs blocks,
// kernels) and files of any length as a stream.
//
//	file    stream [padding: zeros, a multiple of 4] stream …
//	stream  header | block … | index | footer
//	header  FD "7zXZ" 00 | flags 2: 00, check | crc32
//	block   header: size/4-1 | flags | [packed size] | [unpacked size] |
//	        filters: id, size, properties | zeros | crc32
//	        packed data | zeros to a multiple of 4 | check
//	index   00 | number of blocks | per block: unpadded size, unpacked size |
//	        zeros to a multiple of 4 | crc32
//	footer  crc32 | index size/4-1 | flags 2 | "YZ"
//
// Numbers are of variable length, 7 bits a byte, least first; checksums and
// the footer's size are little-endian. Every size and checksum that the format
// stores is compared.
//
// Source: The .xz File Format, version 1.2.1, tukaani.org/xz/xz-file-format.txt
package xz

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/wardein/wardein/codec/bcj"
	"github.com/wardein/wardein/codec/lzma"
)

// Errors that a caller tells apart; all come wrapped with the place. Input
// that ends early is io.ErrUnexpectedEOF, a dictionary beyond the window limit
// is lzma.ErrWindow.
var (
	ErrDamaged     = errors.New("damaged xz data")
	ErrCheck       = errors.New("check of the content does not fit")
	ErrUnsupported = errors.New("xz feature not supported")
)

// Magic begins every stream.
const Magic = "\xFD7zXZ\x00"

const (
	headerLen   = 12
	footerLen   = 12
	footerMagic = "YZ"
	maxFilters  = 4
	idLZMA2     = 0x21
	maxVLI      = 1<<63 - 1
)

// Check is the kind of check over each block's content.
type Check byte

// The checks that are verified. Others are known by their length only.
const (
	None   Check = 0x00
	CRC32  Check = 0x01
	CRC64  Check = 0x04
	SHA256 Check = 0x0A
)

func (c Check) String() string {
	switch c {
	case None:
		return "none"
	case CRC32:
		return "crc32"
	case CRC64:
		return "crc64"
	case SHA256:
		return "sha256"
	}
	return fmt.Sprintf("check %d", byte(c))
}

func (c Check) size() int { return [6]int{0, 4, 8, 16, 32, 64}[(c+2)/3] }

var crc64Table = crc64.MakeTable(crc64.ECMA)

// hash returns the check's function, nil where there is none or it is unknown.
func (c Check) hash() hash.Hash {
	switch c {
	case CRC32:
		return crc32.NewIEEE()
	case CRC64:
		return crc64.New(crc64Table)
	case SHA256:
		return sha256.New()
	}
	return nil
}

// compare says whether the stored check fits the content that h has seen.
func (c Check) compare(h hash.Hash, stored []byte) error {
	if h == nil {
		if c != None {
			return fmt.Errorf("%w: %v", ErrUnsupported, c)
		}
		return nil
	}
	sum := h.Sum(nil)
	if c != SHA256 { // stored little-endian
		for i, j := 0, len(sum)-1; i < j; i, j = i+1, j-1 {
			sum[i], sum[j] = sum[j], sum[i]
		}
	}
	if string(sum) != string(stored) {
		return fmt.Errorf("%w: %v computed %x, stored %x", ErrCheck, c, sum, stored)
	}
	return nil
}

// ParseHeader reads a stream header.
func ParseHeader(b []byte) (Check, error) {
	if len(b) < headerLen {
		return 0, io.ErrUnexpectedEOF
	}
	if string(b[:6]) != Magic {
		return 0, fmt.Errorf("%w: stream header begins with % x", ErrDamaged, b[:6])
	}
	if got, want := crc32.ChecksumIEEE(b[6:8]), binary.LittleEndian.Uint32(b[8:]); got != want {
		return 0, fmt.Errorf("%w: stream header: crc32 computed %#x, stored %#x", ErrDamaged, got, want)
	}
	return parseFlags(b[6:8])
}

func parseFlags(b []byte) (Check, error) {
	if b[0] != 0 || b[1] > 0xF {
		return 0, fmt.Errorf("%w: stream flags % x", ErrUnsupported, b[:2])
	}
	return Check(b[1]), nil
}

// parseFooter reads a stream footer and returns the size of the index.
func parseFooter(b []byte, check Check) (int64, error) {
	if len(b) < footerLen {
		return 0, io.ErrUnexpectedEOF
	}
	if string(b[10:12]) != footerMagic {
		return 0, fmt.Errorf("%w: stream footer ends with % x", ErrDamaged, b[10:12])
	}
	if got, want := crc32.ChecksumIEEE(b[4:10]), binary.LittleEndian.Uint32(b); got != want {
		return 0, fmt.Errorf("%w: stream footer: crc32 computed %#x, stored %#x", ErrDamaged, got, want)
	}
	if b[8] != 0 || Check(b[9]) != check {
		return 0, fmt.Errorf("%w: stream footer: flags % x, header has %v", ErrDamaged, b[8:10], check)
	}
	return (int64(binary.LittleEndian.Uint32(b[4:])) + 1) * 4, nil
}

// vli reads a number of variable length and returns its length, 0 where b ends
// inside it or it is malformed.
func vli(b []byte) (uint64, int) {
	var v uint64
	for i, x := range b[:min(len(b), 9)] {
		v |= uint64(x&0x7F) << (7 * i)
		if x < 0x80 {
			if x == 0 && i > 0 {
				return 0, 0
			}
			return v, i + 1
		}
	}
	return 0, 0
}

// block is a block header.
type block struct {
	size             int   // of the header
	packed, unpacked int64 // -1 where the header does not tell
	filters          []filter
	dict             uint32
}

// filter makes a filter of the chain; it was tried once when the header was
// parsed.
type filter struct {
	id    bcj.ID
	start uint32
	dist  int
}

func (f filter) make() (*bcj.Filter, error) {
	if f.id == bcj.Delta {
		return bcj.NewDelta(f.dist)
	}
	return bcj.New(f.id, f.start)
}

// parseBlock reads a block header; b begins with its size byte, which is not 0.
func parseBlock(b []byte) (block, error) {
	h := block{packed: -1, unpacked: -1}
	if len(b) == 0 {
		return h, io.ErrUnexpectedEOF
	}
	h.size = (int(b[0]) + 1) * 4
	if len(b) < h.size {
		return h, io.ErrUnexpectedEOF
	}
	b = b[:h.size-4]
	if got, want := crc32.ChecksumIEEE(b), binary.LittleEndian.Uint32(b[len(b):h.size]); got != want {
		return h, fmt.Errorf("%w: block header: crc32 computed %#x, stored %#x", ErrDamaged, got, want)
	}
	flags := b[1]
	if flags&0x3C != 0 {
		return h, fmt.Errorf("%w: block flags %#x", ErrUnsupported, flags)
	}
	bad := func(what string) (block, error) {
		return h, fmt.Errorf("%w: block header: bad %s", ErrDamaged, what)
	}
	at := 2
	for _, x := range []struct {
		bit  byte
		to   *int64
		what string
	}{{0x40, &h.packed, "compressed size"}, {0x80, &h.unpacked, "uncompressed size"}} {
		if flags&x.bit == 0 {
			continue
		}
		v, n := vli(b[at:])
		if n == 0 || v > maxVLI || x.bit == 0x40 && v == 0 {
			return bad(x.what)
		}
		*x.to = int64(v)
		at += n
	}
	count := int(flags&3) + 1
	for i := range count {
		id, n := vli(b[at:])
		if n == 0 {
			return bad("filter id")
		}
		at += n
		size, n := vli(b[at:])
		if n == 0 || size > uint64(len(b)-at-n) {
			return bad("filter property size")
		}
		at += n
		props := b[at : at+int(size)]
		at += int(size)
		if i == count-1 {
			if id != idLZMA2 {
				return h, fmt.Errorf("%w: last filter %#x", ErrUnsupported, id)
			}
			if len(props) != 1 || props[0] > 40 {
				return bad("dictionary size")
			}
			if h.dict = 0xFFFFFFFF; props[0] < 40 {
				h.dict = (2 | uint32(props[0]&1)) << (props[0]/2 + 11)
			}
			break
		}
		f := filter{id: bcj.ID(id)}
		switch {
		case f.id == bcj.Delta && len(props) == 1:
			f.dist = int(props[0]) + 1
		case f.id != bcj.Delta && len(props) == 4:
			f.start = binary.LittleEndian.Uint32(props)
		case f.id == bcj.Delta || len(props) != 0:
			return bad("filter properties")
		}
		if _, err := f.make(); err != nil {
			return h, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		h.filters = append(h.filters, f)
	}
	for _, x := range b[at:] {
		if x != 0 {
			return bad("padding")
		}
	}
	return h, nil
}

// Decode decodes the stream at the beginning of src into dst and returns how
// many bytes it wrote. Bytes after the stream are left alone. With an error, n
// bytes are there nevertheless; they are right up to the block that the error
// names.
func Decode(dst, src []byte) (n int, err error) {
	check, err := ParseHeader(src)
	if err != nil {
		return 0, err
	}
	var sizes [][2]int64
	at := headerLen
	for at < len(src) && src[at] != 0 {
		start := at
		fail := func(err error) (int, error) {
			return n, fmt.Errorf("xz block %d at %#x: %w", len(sizes), start, err)
		}
		h, err := parseBlock(src[at:])
		if err != nil {
			return fail(err)
		}
		at += h.size
		out := dst[n:]
		if h.unpacked > int64(len(out)) {
			return fail(fmt.Errorf("%w: %d bytes of output, room for %d", ErrDamaged, h.unpacked, len(out)))
		}
		if h.unpacked >= 0 {
			out = out[:h.unpacked]
		}
		in := src[at:]
		if h.packed >= 0 && h.packed < int64(len(in)) {
			in = in[:h.packed]
		}
		k, used, err := lzma.DecodeLZMA2(out, in)
		out = out[:k]
		n += k
		for i := len(h.filters) - 1; i >= 0; i-- {
			f, ferr := h.filters[i].make()
			if ferr != nil {
				return fail(ferr)
			}
			f.Undo(out)
		}
		if err != nil {
			return fail(err)
		}
		at += used
		if err := h.compare(int64(used), int64(k)); err != nil {
			return fail(err)
		}
		unpadded := int64(h.size + used + check.size())
		for ; (at-start)%4 != 0; at++ {
			if at >= len(src) {
				return fail(io.ErrUnexpectedEOF)
			}
			if src[at] != 0 {
				return fail(fmt.Errorf("%w: block padding %#x", ErrDamaged, src[at]))
			}
		}
		if len(src)-at < check.size() {
			return fail(io.ErrUnexpectedEOF)
		}
		hash := check.hash()
		if hash != nil {
			hash.Write(out)
		}
		if err := check.compare(hash, src[at:at+check.size()]); err != nil && !errors.Is(err, ErrUnsupported) {
			return fail(err)
		}
		at += check.size()
		sizes = append(sizes, [2]int64{unpadded, int64(k)})
	}
	size, err := parseIndex(src[at:], sizes)
	if err != nil {
		return n, fmt.Errorf("xz index at %#x: %w", at, err)
	}
	at += size
	back, err := parseFooter(src[at:], check)
	if err == nil && back != int64(size) {
		err = fmt.Errorf("%w: stream footer: index of %d bytes, found %d", ErrDamaged, back, size)
	}
	if err != nil {
		return n, fmt.Errorf("xz footer at %#x: %w", at, err)
	}
	return n, nil
}

// compare holds the sizes in the header against those found.
func (h block) compare(packed, unpacked int64) error {
	if h.packed >= 0 && h.packed != packed {
		return fmt.Errorf("%w: %d bytes compressed, header has %d", ErrDamaged, packed, h.packed)
	}
	if h.unpacked >= 0 && h.unpacked != unpacked {
		return fmt.Errorf("%w: %d bytes of output, header has %d", ErrDamaged, unpacked, h.unpacked)
	}
	return nil
}

// parseIndex compares the index with the blocks' sizes and returns its length.
func parseIndex(b []byte, sizes [][2]int64) (int, error) {
	if len(b) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	at := 1
	next := func() (uint64, error) {
		v, n := vli(b[at:])
		at += n
		if n == 0 && len(b)-at < 9 {
			return 0, io.ErrUnexpectedEOF
		}
		if n == 0 {
			return 0, fmt.Errorf("%w: bad number", ErrDamaged)
		}
		return v, nil
	}
	count, err := next()
	if err != nil {
		return 0, err
	}
	if count != uint64(len(sizes)) {
		return 0, fmt.Errorf("%w: index of %d blocks, found %d", ErrDamaged, count, len(sizes))
	}
	for i, s := range sizes {
		unpadded, err := next()
		if err != nil {
			return 0, err
		}
		unpacked, err := next()
		if err != nil {
			return 0, err
		}
		if unpadded != uint64(s[0]) || unpacked != uint64(s[1]) {
			return 0, fmt.Errorf("%w: block %d has sizes %d and %d, found %d and %d", ErrDamaged, i, unpadded, unpacked, s[0], s[1])
		}
	}
	for ; at%4 != 0; at++ {
		if at < len(b) && b[at] != 0 {
			return 0, fmt.Errorf("%w: index padding %#x", ErrDamaged, b[at])
		}
	}
	if len(b) < at+4 {
		return 0, io.ErrUnexpectedEOF
	}
	if got, want := crc32.ChecksumIEEE(b[:at]), binary.LittleEndian.Uint32(b[at:]); got != want {
		return 0, fmt.Errorf("%w: crc32 computed %#x, stored %#x", ErrDamaged, got, want)
	}
	return at + 4, nil
}
