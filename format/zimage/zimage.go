// Package zimage reads compressed Linux kernels for 32-bit ARM: a small
// decompressor with the compressed kernel in it. The header stands behind
// eight instructions, in the byte order of the kernel or little-endian.
//
//	0x00  32  instructions that do nothing, or "MZ" of the EFI stub
//	0x20   4  branch
//	0x24   4  magic   016f2818
//	0x28   4  start   address of the first byte, 0 when it may be anywhere
//	0x2c   4  end     address behind the last byte
//	0x30   4  04030201 in the byte order of the kernel
//	0x34   4  45454545 where a table follows (Linux 4.15)
//	0x38   4  offset of the table
//
// The table is entries of a size in words, a tag and values. The tag 5a534c4b
// holds the offset of the last four bytes of the compressed kernel, the size
// of what comes out (gzip has them itself), and the size of the kernel's bss.
//
// Where the compressed kernel begins stands nowhere: the body is searched.
package zimage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

const (
	magic      = 0x016F2818
	magicAt    = 0x24
	headerFrom = 0x20
	order      = 0x04030201
	tableMagic = 0x45454545
	tagSize    = 0x5A534C4B
	maxTable   = 64
)

// Format is the ARM zImage.
var Format = wardein.Format{
	Name:    "zimage",
	Version: 1,
	Doc: wardein.Doc{
		About: "Compressed Linux kernel for 32-bit ARM (zImage), both byte orders.",
		How: "The header states where the image ends; a device tree appended there is not part of it. " +
			"The decompressor is searched for the compressed kernel and whatever else it embeds.",
		FalseNegatives: []string{"images whose header has been removed are found by their compressed kernel only"},
		Limits:         []string{"the compressed kernel becomes a member through its own format"},
		References: []string{
			"Linux arch/arm/boot/compressed/head.S and vmlinux.lds.S",
			"Linux Documentation/arch/arm/booting.rst, section 5",
		},
	},
	Magic:   []wardein.Magic{{Bytes: "\x18\x28\x6f\x01", Back: magicAt}, {Bytes: "\x01\x6f\x28\x18", Back: magicAt}},
	Refines: []string{"pe"},
	Measure: measure,
	Extract: extract,
}

type header struct {
	order binary.ByteOrder
	size  int64
	from  uint32 // the start address
	flag  uint32
	table int64 // 0 for none
	efi   bool
	same  bool // the instructions before the header repeat
}

func readHeader(r io.ReaderAt) (header, error) {
	var b [0x40]byte
	if n, err := r.ReadAt(b[:], 0); n < len(b) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	var h header
	switch {
	case binary.LittleEndian.Uint32(b[magicAt:]) == magic:
		h.order = binary.LittleEndian
	case binary.BigEndian.Uint32(b[magicAt:]) == magic:
		h.order = binary.BigEndian
	default:
		return h, wardein.ErrNotMine
	}
	u := func(off int) uint32 { return h.order.Uint32(b[off:]) }
	h.from, h.flag = u(0x28), u(0x30)
	end := u(0x2C)
	// Seven or eight times the same instruction stands before, unless the EFI
	// stub has its header there.
	h.efi = b[0] == 'M' && b[1] == 'Z'
	h.same = bytes.Equal(b[8:12], b[12:16]) && bytes.Equal(b[12:16], b[16:20])
	if end <= h.from || end-h.from < 0x80 || end-h.from > 1<<28 || !h.same && !h.efi {
		return h, wardein.ErrNotMine
	}
	h.size = int64(end - h.from)
	if u(0x34) == tableMagic {
		if off := int64(u(0x38)); off >= 0x3C && off%4 == 0 && off < h.size {
			h.table = off
		}
	}
	return h, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: min(h.size, r.Size()), Confidence: wardein.Likely, Evidence: "header and instructions before it ok"}
	if h.same || h.flag == order {
		claim.Confidence = wardein.Certain
	}
	if h.size > r.Size() {
		claim.Confidence = wardein.Likely
		return claim, fmt.Errorf("image at 0x0: %d bytes, header says %d", r.Size(), h.size)
	}
	return claim, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	end := min(h.size, r.Size())
	byteOrder := "little-endian"
	if h.order == binary.BigEndian {
		byteOrder = "big-endian"
	}
	out.Note("arch", "arm")
	out.Note("byte-order", byteOrder)
	out.Note("start", fmt.Sprintf("%#08x", h.from))
	out.Note("size", fmt.Sprint(h.size))

	pos := int64(0)
	code := func(to int64, carve bool, is string) {
		if to = min(to, end); pos < to {
			out.Span(wardein.Span{Off: pos, Len: to - pos, What: wardein.Known, Is: is, Code: "arm", Carve: carve})
		}
		pos = max(pos, to)
	}
	code(headerFrom, false, "entry")
	out.Span(wardein.Span{Off: headerFrom, Len: min(0x40, end) - headerFrom, What: wardein.Known, Is: "header"})
	pos = 0x40
	if at := h.sizeAt(r); at > pos && at+4 <= end {
		// For gzip these four bytes are the stream's own last field: they
		// stay in the searched run, or the stream would be cut.
		var b [4]byte
		if n, _ := r.ReadAt(b[:], at); n == len(b) {
			out.Note("kernel-size", fmt.Sprint(binary.LittleEndian.Uint32(b[:])))
		}
	}
	code(end, true, "decompressor")
	return end, ctx.Err()
}

// sizeAt reads the table and returns where the kernel's size stands, 0 when
// the table does not tell.
func (h *header) sizeAt(r io.ReaderAt) int64 {
	if h.table == 0 {
		return 0
	}
	var b [16]byte
	for pos := h.table; pos < h.table+maxTable*4; {
		n, _ := r.ReadAt(b[:], pos)
		if n < 8 {
			return 0
		}
		words, tag := int64(h.order.Uint32(b[:])), h.order.Uint32(b[4:])
		if words < 2 || words > maxTable {
			return 0
		}
		if tag == tagSize && n >= 12 {
			return int64(h.order.Uint32(b[8:]))
		}
		pos += words * 4
	}
	return 0
}
