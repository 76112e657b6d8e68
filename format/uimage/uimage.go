// Package uimage reads U-Boot's legacy images: one 64-byte header before a
// kernel, a ramdisk, a script or several files. All fields are big-endian.
//
//	0x00  4  ih_magic  27 05 19 56
//	0x04  4  ih_hcrc   CRC-32 of the header with this field zero
//	0x08  4  ih_time   seconds since 1970-01-01 UTC
//	0x0c  4  ih_size   bytes of data behind the header
//	0x10  4  ih_load   load address
//	0x14  4  ih_ep     entry point
//	0x18  4  ih_dcrc   CRC-32 of the data
//	0x1c  1  ih_os     operating system
//	0x1d  1  ih_arch   processor architecture
//	0x1e  1  ih_type   image type
//	0x1f  1  ih_comp   compression of the data
//	0x20 32  ih_name   image name, padded with zero bytes
//	0x40     data
//
// The data of the types multi and script begins with a table of 32-bit sizes
// that a zero ends; the images follow, each at a multiple of four bytes.
package uimage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/wardein/wardein"
)

const (
	magic      = "\x27\x05\x19\x56"
	headerSize = 64

	typeMulti  = 4
	typeScript = 6

	// maxImages bounds the size table. U-Boot sets no bound, but its boot
	// command looks at the first three images only.
	maxImages = 4096
)

// Format is the legacy image. The data is handed out as it is stored: what
// compressed it is recognised from its own first bytes, not from ih_comp.
var Format = wardein.Format{
	Name:    "uimage",
	Version: 1,
	Doc: wardein.Doc{
		About: "U-Boot legacy image (uImage): a kernel, ramdisk, script or several files behind a 64-byte header; the usual update and boot container of routers, ONTs and gateways.",
		How: "The header is believed when its CRC-32 fits, or, as damaged, when all its fields are in range and the name is text. " +
			"The data becomes the member \"payload\", the parts of a multi-file image \"image-0\", \"image-1\" …, a script \"script\".",
		FalsePositives: []string{"a header whose CRC-32 does not fit is reported as damaged, not dropped, when its fields are in range"},
		Limits: []string{
			"a multi-file table of more than 4096 images is read up to there",
			"vendor variants with another magic or another checksum are formats of their own",
		},
		References: []string{
			"U-Boot include/image.h, struct image_header and the IH_OS, IH_ARCH, IH_TYPE and IH_COMP lists",
			"mkimage(1), dumpimage(1)",
		},
	},
	Magic:   []wardein.Magic{{Bytes: magic}},
	Measure: measure,
	Extract: extract,
}

type header struct {
	hcrc, time, size, load, entry, dcrc uint32
	os, arch, typ, comp                 uint8
	name                                string
	text                                bool   // ih_name is ASCII up to its zeros
	crc                                 uint32 // what hcrc should be
}

// inRange is the cheap test for bytes whose header CRC does not fit.
func (h *header) inRange() bool {
	return h.text && h.os != 0 && h.arch != 0 && int(h.os) < len(osNames) && int(h.arch) < len(archNames) &&
		h.typ != 0 && int(h.typ) < len(typeNames) && int(h.comp) < len(compNames)
}

func readHeader(r io.ReaderAt) (header, error) {
	var b [headerSize]byte
	if n, err := r.ReadAt(b[:], 0); n < headerSize {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	if string(b[:4]) != magic {
		return header{}, wardein.ErrNotMine
	}
	be := binary.BigEndian
	h := header{
		hcrc: be.Uint32(b[4:]), time: be.Uint32(b[8:]), size: be.Uint32(b[12:]),
		load: be.Uint32(b[16:]), entry: be.Uint32(b[20:]), dcrc: be.Uint32(b[24:]),
		os: b[28], arch: b[29], typ: b[30], comp: b[31],
	}
	name, rest, _ := bytes.Cut(b[32:], []byte{0})
	h.name, h.text = string(name), true
	for _, c := range name {
		h.text = h.text && c >= ' ' && c < 0x7F
	}
	for _, c := range rest {
		h.text = h.text && c == 0
	}
	clear(b[4:8])
	h.crc = crc32.ChecksumIEEE(b[:])
	return h, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	end := headerSize + int64(h.size)
	whole := end <= r.Size()
	claim := wardein.Claim{End: min(end, r.Size()), Confidence: wardein.Certain, Evidence: "header crc32 ok"}
	if h.crc != h.hcrc {
		// The data's checksum would tell, but a chance hit must not cost a
		// pass over everything behind it: Extract looks.
		if !h.inRange() || h.size == 0 || !whole && h.name == "" {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		claim.Confidence, claim.Evidence = wardein.Likely, "all header fields in range"
		if !whole {
			claim.Confidence = wardein.Possible
		}
		return claim, fmt.Errorf("header at 0x0: crc32 is %#08x, header says %#08x", h.crc, h.hcrc)
	}
	if !whole {
		return claim, fmt.Errorf("data at %#x: %d bytes, header says %d", headerSize, r.Size()-headerSize, h.size)
	}
	return claim, nil
}

// dataCRC is the CRC-32 of the n bytes behind the header. It reads in pieces,
// so that an ended context is seen within a large image.
func dataCRC(ctx context.Context, r io.ReaderAt, n int64) (uint32, error) {
	buf := make([]byte, min(n, 128<<10))
	var sum uint32
	for off := int64(headerSize); n > 0; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b := buf[:min(n, int64(len(buf)))]
		if k, err := r.ReadAt(b, off); k < len(b) {
			return 0, fmt.Errorf("data at %#x: %w", off+int64(k), err)
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
		off, n = off+int64(len(b)), n-int64(len(b))
	}
	return sum, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	out.Span(wardein.Span{Len: headerSize, What: wardein.Known, Is: "header"})
	note(h, out)

	size := min(int64(h.size), r.Size()-headerSize)
	end := headerSize + size
	switch h.typ {
	case typeMulti, typeScript:
		err = images(r, h, size, out)
	default:
		err = out.Extents(wardein.Entry{Name: "payload"}, []wardein.Extent{{Off: headerSize, Len: size}})
	}
	if err != nil {
		return end, err
	}
	if size < int64(h.size) {
		// Measure has told; a checksum over a part says nothing more.
		return end, nil
	}
	sum, err := dataCRC(ctx, r, size)
	if err != nil {
		return end, err
	}
	if sum != h.dcrc {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: headerSize, Len: size,
			Why: fmt.Sprintf("data at %#x: crc32 is %#08x, header says %#08x", headerSize, sum, h.dcrc)})
	}
	return end, nil
}

func note(h header, out wardein.Members) {
	out.Note("name", h.name)
	out.Note("os", nameOf(osNames, h.os))
	out.Note("arch", nameOf(archNames, h.arch))
	out.Note("type", nameOf(typeNames, h.typ))
	out.Note("compression", nameOf(compNames, h.comp))
	out.Note("load", fmt.Sprintf("%#08x", h.load))
	out.Note("entry", fmt.Sprintf("%#08x", h.entry))
	out.Note("timestamp", time.Unix(int64(h.time), 0).UTC().Format(time.RFC3339))
}

// images hands out the images that the size table names. size is the length
// of the data that is there, which a truncated image has less of than ih_size.
func images(r io.ReaderAt, h header, size int64, out wardein.Members) error {
	sizes, err := sizeTable(r, size, int64(h.size))
	if err != nil && len(sizes) == 0 {
		// No table at all: some tools wrap a script without one.
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: headerSize, Why: err.Error()})
		return out.Extents(wardein.Entry{Name: "payload"}, []wardein.Extent{{Off: headerSize, Len: size}})
	}
	if err != nil {
		out.Gap(wardein.Gap{Kind: wardein.Limit, Off: headerSize, Why: err.Error()})
	}
	tableLen := 4 * (int64(len(sizes)) + 1)
	out.Span(wardein.Span{Off: headerSize, Len: min(tableLen, size), What: wardein.Known, Is: "size table"})
	pos, end := headerSize+tableLen, headerSize+size
	for i, n := range sizes {
		name := fmt.Sprintf("image-%d", i)
		if h.typ == typeScript && i == 0 {
			name = "script"
		}
		have := min(int64(n), max(0, end-pos))
		if have < int64(n) {
			out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: min(pos, end), Len: have,
				Why: fmt.Sprintf("%s at %#x: %d bytes left, size table says %d", name, pos, have, n)})
			if have == 0 {
				break
			}
		}
		if err := out.Extents(wardein.Entry{Name: name}, []wardein.Extent{{Off: pos, Len: have}}); err != nil {
			return err
		}
		pos += (int64(n) + 3) &^ 3
	}
	return nil
}

// sizeTable reads the sizes up to the zero that ends them. Of the data's full
// length, size bytes are there. An error with sizes means that the table goes
// on behind what was read.
func sizeTable(r io.ReaderAt, size, full int64) ([]uint32, error) {
	var sizes []uint32
	var b [4]byte
	for off := int64(0); len(sizes) < maxImages; off += 4 {
		if off+4 > size {
			return nil, fmt.Errorf("size table at %#x: no end within %d bytes of data", headerSize, size)
		}
		if _, err := r.ReadAt(b[:], headerSize+off); err != nil && err != io.EOF {
			return nil, err
		}
		n := binary.BigEndian.Uint32(b[:])
		if n == 0 {
			if len(sizes) == 0 {
				return nil, errors.New("size table at 0x40: empty")
			}
			return sizes, nil
		}
		if len(sizes) == 0 && int64(n) > full {
			return nil, fmt.Errorf("size table at %#x: first size %d, data has %d bytes", headerSize, n, full)
		}
		sizes = append(sizes, n)
	}
	return sizes, fmt.Errorf("size table at %#x: more than %d images, read %d", headerSize, maxImages, maxImages)
}

func nameOf(names []string, id uint8) string {
	if int(id) < len(names) && names[id] != "" {
		return names[id]
	}
	return fmt.Sprintf("unnamed %d", id)
}
