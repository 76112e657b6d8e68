// Package bzimage reads bootable Linux kernels for x86: bzImage, and the older
// zImage for the same machines. Numbers are little-endian.
//
//	0x000      boot sector, or "MZ" and the PE headers of the EFI stub
//	0x1f1   1  setup_sects     sectors of setup code behind the first, 0 is 4
//	0x1f4   4  syssize         protected-mode code, in units of 16 bytes
//	0x1fe   2  boot_flag       55 aa
//	0x202   4  header          "HdrS"
//	0x206   2  version         of the boot protocol, 2.00 and above
//	0x20e   2  kernel_version  0x200 bytes before a string
//	0x211   1  loadflags
//	0x236   2  xloadflags      bit 0: 64-bit entry (2.12)
//	0x248   4  payload_offset  from the protected-mode code on (2.08)
//	0x24c   4  payload_length
//	           setup code, up to sector setup_sects + 1
//	           protected-mode code: decompressor with the payload in it
//	           CRC-32 of all before, not inverted (2.08, up to Linux 6.16)
//
// The payload is the compressed kernel, an ELF file, in the format that its
// own first bytes tell. All compressors but gzip are followed by four bytes,
// the size of what comes out.
package bzimage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

const (
	magic      = "HdrS"
	magicAt    = 0x202
	headerFrom = 0x1F1
	headerSize = 0x268
	sector     = 512
)

// Format is the bootable x86 kernel from boot protocol 2.00 on.
var Format = wardein.Format{
	Name:    "bzimage",
	Version: 2,
	Doc: wardein.Doc{
		About: "Bootable Linux kernel for x86 and x86-64 (bzImage, vmlinuz), with or without EFI stub.",
		How: "The setup header states the sizes. From protocol 2.08 on it states where the compressed kernel is, which becomes the member \"payload\"; " +
			"before, the protected-mode code is searched for it. The CRC-32 that the build appends is compared and noted.",
		Limits: []string{
			"kernels before boot protocol 2.00 (Linux 1.3.73) are not recognised",
			"a certificate table that EFI signing appended stands behind the end",
		},
		References: []string{"Linux Documentation/arch/x86/boot.rst, protocol 2.15"},
	},
	Magic:   []wardein.Magic{{Bytes: magic, Back: magicAt}},
	Refines: []string{"pe", "mbr"},
	Measure: measure,
	Extract: extract,
}

type header struct {
	setup    int64 // bytes before the protected-mode code
	end      int64
	version  uint16
	nameAt   int64
	wide     bool // 64-bit entry
	payload  int64
	length   int64
	loadhigh bool
	size     int64 // of the setup header
}

func readHeader(r io.ReaderAt) (header, error) {
	var b [headerSize]byte
	if n, err := r.ReadAt(b[:], 0); n < len(b) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	le := binary.LittleEndian
	h := header{version: le.Uint16(b[0x206:]), loadhigh: b[0x211]&1 != 0}
	sects := int64(b[headerFrom])
	if sects == 0 {
		sects = 4
	}
	h.setup = (sects + 1) * sector
	size := int64(le.Uint32(b[0x1F4:]))
	if h.version < 0x204 {
		size &= 0xFFFF // the upper half had another meaning
	}
	h.end = h.setup + size*16
	if string(b[magicAt:magicAt+4]) != magic || b[0x1FE] != 0x55 || b[0x1FF] != 0xAA || h.version < 0x200 || h.version > 0x2FF || b[0x200] != 0xEB || size == 0 {
		return header{}, wardein.ErrNotMine
	}
	// The jump over the header tells its length.
	h.size = min(0x202+int64(b[0x201]), h.setup)
	if v := int64(le.Uint16(b[0x20E:])); v != 0 && v+0x200 < h.setup {
		h.nameAt = v + 0x200
	}
	if h.version >= 0x208 {
		h.payload, h.length = h.setup+int64(le.Uint32(b[0x248:])), int64(le.Uint32(b[0x24C:]))
		if h.length == 0 || h.payload+h.length > h.end {
			h.payload, h.length = 0, 0
		}
	}
	if h.version >= 0x20C {
		h.wide = le.Uint16(b[0x236:])&1 != 0
	}
	return h, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: min(h.end, r.Size()), Confidence: wardein.Likely, Evidence: fmt.Sprintf("setup header of protocol %d.%02d ok", h.version>>8, h.version&0xFF)}
	if h.payload > 0 {
		var b [6]byte
		r.ReadAt(b[:], h.payload)
		if name := compressor(b[:]); name != "" {
			claim.Confidence = wardein.Certain
			claim.Evidence += ", payload is " + name
		}
	}
	if h.nameAt > 0 {
		var b [1]byte
		if r.ReadAt(b[:], h.nameAt); b[0] >= '1' && b[0] <= '9' {
			claim.Confidence = wardein.Certain
			claim.Evidence += ", names its version"
		}
	}
	if h.end > r.Size() {
		claim.Confidence = min(claim.Confidence, wardein.Likely)
		return claim, fmt.Errorf("protected-mode code at %#x: %d bytes, header says %d", h.setup, max(0, r.Size()-h.setup), h.end-h.setup)
	}
	if off, size := certificates(r, h.end); size > 0 {
		claim.End = off + size
	}
	return claim, nil
}

// certificates returns the attribute certificate table that stands behind a
// kernel signed for secure boot, by the PE header of its EFI stub: data
// directory 4, a file offset (PE format, "The Attribute Certificate Table").
func certificates(r *io.SectionReader, end int64) (off, size int64) {
	le := binary.LittleEndian
	var b [4]byte
	if n, _ := r.ReadAt(b[:], 0x3C); n < len(b) {
		return 0, 0
	}
	pe := int64(le.Uint32(b[:]))
	var h [24 + 112 + 5*8]byte
	if n, _ := r.ReadAt(h[:], pe); n < len(h) || string(h[:4]) != "PE\x00\x00" {
		return 0, 0
	}
	directories := h[24+112:]
	switch le.Uint16(h[24:]) {
	case 0x20B: // PE32+
	case 0x10B: // PE32 has no 64-bit fields: its directories stand earlier
		directories = h[24+96:]
	default:
		return 0, 0
	}
	off, size = int64(le.Uint32(directories[4*8:])), int64(le.Uint32(directories[4*8+4:]))
	if size < 8 || off < end || off >= end+8 || size > r.Size()-off {
		return 0, 0
	}
	var c [4]byte // dwLength of the first entry
	if n, _ := r.ReadAt(c[:], off); n < len(c) || int64(le.Uint32(c[:])) > size || le.Uint32(c[:]) < 8 {
		return 0, 0
	}
	return off, size
}

// compressor names what the kernel's build compresses with.
func compressor(b []byte) string {
	for _, c := range []struct{ magic, name string }{
		{"\x1f\x8b\x08", "gzip"}, {"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"\x5d\x00\x00", "lzma"},
		{"\x89LZO", "lzop"}, {"\x02\x21\x4c\x18", "lz4"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"\x7fELF", "elf"},
	} {
		if bytes.HasPrefix(b, []byte(c.magic)) {
			return c.name
		}
	}
	return ""
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	end := min(h.end, r.Size())
	// span clips to what is there; code may hold data in between.
	span := func(off, to int64, is, code string, carve bool) {
		if to = min(to, end); off < to {
			out.Span(wardein.Span{Off: off, Len: to - off, What: wardein.Known, Is: is, Code: code, Carve: carve})
		}
	}
	out.Note("protocol", fmt.Sprintf("%d.%02d", h.version>>8, h.version&0xFF))
	if h.nameAt > 0 {
		b := make([]byte, 256)
		n, _ := r.ReadAt(b, h.nameAt)
		name, _, _ := bytes.Cut(b[:n], []byte{0})
		out.Note("version", string(name))
	}
	arch := "x86"
	if h.wide {
		arch = "x86-64"
	}
	out.Note("arch", arch)
	span(0, headerFrom, "boot sector", "x86", false)
	span(headerFrom, h.size, "setup header", "", false)
	span(h.size, h.setup, "setup code", "x86", false)
	stopsAt := end
	if off, size := certificates(r, h.end); size > 0 {
		out.Span(wardein.Span{Off: off, Len: size, What: wardein.Known, Is: "attribute certificate table"})
		out.Note("signature", fmt.Sprintf("attribute certificate table of %d bytes, not verified", size))
		stopsAt = off + size
	}
	crcAt := end
	if h.version >= 0x208 && h.end <= r.Size() {
		if crcAt, err = checksum(ctx, r, end, out); err != nil {
			return stopsAt, err
		}
		span(crcAt, end, "crc32", "", false)
	}
	if h.payload == 0 {
		span(h.setup, crcAt, "protected-mode code", arch, true)
		return stopsAt, nil
	}
	span(h.setup, h.payload, "decompressor", arch, true)
	if h.payload >= end {
		out.Gap(wardein.Gap{Node: "payload", Kind: wardein.Damaged, Off: end, Why: fmt.Sprintf("payload at %#x: image ends at %#x", h.payload, end)})
		return stopsAt, nil
	}
	var b [6]byte
	r.ReadAt(b[:], h.payload)
	name := compressor(b[:])
	stop := h.payload + h.length
	if name != "gzip" && name != "elf" && name != "" && h.length > 4 && stop <= end {
		stop -= 4
		span(stop, stop+4, "size of the kernel", "", false)
	}
	have := min(stop, end) - h.payload
	if stop > end {
		out.Gap(wardein.Gap{Node: "payload", Kind: wardein.Damaged, Off: h.payload, Len: have, Why: fmt.Sprintf("payload at %#x: %d bytes left, header says %d", h.payload, have, h.length)})
	}
	if name != "" {
		out.Note("compression", name)
	}
	if err := out.Extents(wardein.Entry{Name: "payload"}, []wardein.Extent{{Off: h.payload, Len: have}}); err != nil {
		return stopsAt, err
	}
	span(h.payload+h.length, crcAt, "decompressor", arch, true)
	return stopsAt, nil
}

// checksum compares the CRC-32 in the last four bytes. It returns where the
// code ends: before them when they are a checksum that fits. One that does
// not fit may be none: newer kernels have none, and EFI signing changes the
// headers and not the checksum.
func checksum(ctx context.Context, r io.ReaderAt, end int64, out wardein.Members) (int64, error) {
	buf := make([]byte, min(end, 128<<10))
	var sum uint32
	for off := int64(0); off < end-4; {
		if err := ctx.Err(); err != nil {
			return end, err
		}
		b := buf[:min(int64(len(buf)), end-4-off)]
		if n, err := r.ReadAt(b, off); n < len(b) {
			return end, fmt.Errorf("image at %#x: %w", off+int64(n), err)
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
		off += int64(len(b))
	}
	var b [4]byte
	if n, err := r.ReadAt(b[:], end-4); n < len(b) {
		return end, err
	}
	if binary.LittleEndian.Uint32(b[:]) != ^sum {
		out.Note("crc32", "differs or absent")
		return end, nil
	}
	out.Note("crc32", "ok")
	return end - 4, nil
}
