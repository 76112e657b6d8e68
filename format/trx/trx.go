// Package trx reads TRX images: Broadcom's wrapper around the kernel and root
// file system of routers with BCM47xx and BCM53xx chips. All fields are
// little-endian.
//
//	0x00  4  magic    "HDR0"
//	0x04  4  len      length of the image with this header
//	0x08  4  crc32    CRC-32 from 0x0c to len, without the final inversion
//	0x0c  2  flags
//	0x0e  2  version  1 or 2
//	0x10 12  offsets  three offsets of partitions, 0 for none (version 1)
//	0x10 16  offsets  four of them (version 2)
//
// A partition ends where the next begins; the last ends with the image.
package trx

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

const (
	magic   = "HDR0"
	size1   = 28
	size2   = 32
	crcFrom = 12
)

// Format is the TRX image, versions 1 and 2.
var Format = wardein.Format{
	Name:    "trx",
	Version: 1,
	Doc: wardein.Doc{
		About: "TRX firmware image of Broadcom-based routers: loader, kernel and root file system behind a header of up to four offsets.",
		How: "Offsets must rise and lie within the length. The CRC-32 over the image is verified when it is opened; " +
			"each offset begins a member \"partition-0\" …, which ends at the next offset.",
		Limits: []string{"some vendors put a signature behind the last partition, which is then part of it"},
		References: []string{
			"OpenWrt tools/firmware-utils trx.c, \"TRX header\"",
			"Linux drivers/mtd/parsers/parser_trx.c",
		},
	},
	Magic:   []wardein.Magic{{Bytes: magic}},
	Measure: measure,
	Extract: extract,
}

type header struct {
	len, crc uint32
	flags    uint16
	version  uint16
	size     int64
	offsets  []int64 // without the zeros, rising
}

func readHeader(r io.ReaderAt) (header, error) {
	var b [size2]byte
	n, err := r.ReadAt(b[:], 0)
	if n < size1 {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	le := binary.LittleEndian
	h := header{len: le.Uint32(b[4:]), crc: le.Uint32(b[8:]), flags: le.Uint16(b[12:]), version: le.Uint16(b[14:]), size: size1}
	if h.version == 2 {
		h.size = size2
	}
	if string(b[:4]) != magic || h.version != 1 && h.version != 2 || int64(h.len) < h.size || int64(n) < h.size {
		return header{}, wardein.ErrNotMine
	}
	last := h.size - 1
	for i := int64(16); i < h.size; i += 4 {
		off := int64(le.Uint32(b[i:]))
		if off == 0 {
			continue
		}
		if off <= last || off >= int64(h.len) {
			return header{}, wardein.ErrNotMine
		}
		last = off
		h.offsets = append(h.offsets, off)
	}
	if len(h.offsets) == 0 {
		return header{}, wardein.ErrNotMine
	}
	return h, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	// The checksum covers the whole image: computing it here would cost a pass
	// for each candidate. Magic, version, flags and a first partition right
	// behind the header leave chance less room than 32 bits of checksum do.
	claim := wardein.Claim{End: min(int64(h.len), r.Size()), Confidence: wardein.Likely,
		Evidence: fmt.Sprintf("header of version %d, %d offsets in order", h.version, len(h.offsets))}
	if h.flags == 0 && h.offsets[0] == h.size {
		claim.Confidence = wardein.Certain
	}
	if int64(h.len) > r.Size() {
		claim.Confidence = wardein.Possible
		return claim, fmt.Errorf("image at 0x0: %d bytes, header says %d", r.Size(), h.len)
	}
	return claim, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	end := min(int64(h.len), r.Size())
	out.Span(wardein.Span{Len: h.size, What: wardein.Known, Is: "header"})
	out.Note("version", fmt.Sprint(h.version))
	out.Note("flags", fmt.Sprintf("%#04x", h.flags))
	for i, off := range h.offsets {
		next := end
		if i+1 < len(h.offsets) {
			next = min(h.offsets[i+1], end)
		}
		name := fmt.Sprintf("partition-%d", i)
		if off >= end {
			out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: end, Why: fmt.Sprintf("%s at %#x: image ends at %d", name, off, end)})
			continue
		}
		if err := out.Extents(wardein.Entry{Name: name}, []wardein.Extent{{Off: off, Len: next - off}}); err != nil {
			return end, err
		}
	}
	if end < int64(h.len) {
		return end, nil // Measure has told
	}
	sum, err := checksum(ctx, r, crcFrom, end)
	if err != nil {
		return end, err
	}
	if sum != h.crc {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: crcFrom, Len: end - crcFrom,
			Why: fmt.Sprintf("image at %#x: crc32 is %#08x, header says %#08x", crcFrom, sum, h.crc)})
	}
	return end, nil
}

// checksum is the CRC-32 of the bytes from off to end without the final
// inversion.
func checksum(ctx context.Context, r io.ReaderAt, off, end int64) (uint32, error) {
	buf := make([]byte, min(end-off, 128<<10))
	var sum uint32
	for off < end {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b := buf[:min(end-off, int64(len(buf)))]
		if n, err := r.ReadAt(b, off); n < len(b) {
			return 0, fmt.Errorf("image at %#x: %w", off+int64(n), err)
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
		off += int64(len(b))
	}
	return ^sum, nil
}
