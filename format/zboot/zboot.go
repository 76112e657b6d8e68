// Package zboot reads EFI zboot images: compressed Linux kernels for arm64,
// RISC-V and LoongArch in an EFI program that unpacks them (Linux 6.1 and
// later, vmlinuz.efi). Numbers are little-endian.
//
//	0x00  4  "MZ", zeros
//	0x04  4  "zimg"
//	0x08  4  payload offset
//	0x0c  4  payload size
//	0x10  8  reserved
//	0x18 32  compression, zero-terminated: "gzip", "zstd22" …
//	0x38  4  cd 23 82 81
//	0x3c  4  offset of the PE header
package zboot

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

const (
	magic      = "zimg"
	headerSize = 0x40
	peMagic    = "\xcd\x23\x82\x81"
)

// Format is the EFI zboot image.
var Format = wardein.Format{
	Name:    "zboot",
	Version: 1,
	Doc: wardein.Doc{
		About: "Compressed Linux kernel in an EFI program (EFI zboot, vmlinuz.efi) for arm64, RISC-V and LoongArch.",
		How:   "The header says where the compressed kernel is, which becomes the member \"payload\"; the PE section table says where the image ends.",
		References: []string{
			"Linux drivers/firmware/efi/libstub/zboot-header.S",
			"QEMU hw/core/loader.c, struct linux_efi_zboot_header",
		},
	},
	Magic:   []wardein.Magic{{Bytes: magic, Back: 4}},
	Refines: []string{"pe"},
	Measure: measure,
	Extract: extract,
}

type header struct {
	off, size   int64
	compression string
	file        *exe.PE
}

func readHeader(r *io.SectionReader) (header, error) {
	var b [headerSize]byte
	if n, err := r.ReadAt(b[:], 0); n < len(b) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	le := binary.LittleEndian
	if string(b[:2]) != "MZ" || string(b[4:8]) != magic || string(b[0x38:0x3C]) != peMagic {
		return header{}, wardein.ErrNotMine
	}
	h := header{off: int64(le.Uint32(b[8:])), size: int64(le.Uint32(b[12:]))}
	name, _, _ := bytes.Cut(b[0x18:0x38], []byte{0})
	h.compression = string(name)
	f, err := exe.OpenPE(r, r.Size())
	if err == exe.ErrNotPE || h.off < headerSize || h.size == 0 {
		err = wardein.ErrNotMine
	}
	h.file = f
	return h, err
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: h.file.End, Confidence: wardein.Certain, Evidence: "header and PE section table ok"}
	if len(h.file.Faults) > 0 {
		claim.Confidence = wardein.Likely
		return claim, fmt.Errorf("%s", h.file.Faults[0].Why)
	}
	if h.off+h.size > h.file.End {
		claim.Confidence = wardein.Likely
		return claim, fmt.Errorf("payload at %#x: %d bytes, image has %d", h.off, h.size, h.file.End)
	}
	return claim, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	end := min(h.file.End, r.Size())
	out.Note("arch", h.file.Arch)
	out.Note("compression", h.compression)
	span := func(off, to int64, is, code string, carve bool) {
		if to = min(to, end); off < to {
			out.Span(wardein.Span{Off: off, Len: to - off, What: wardein.Known, Is: is, Code: code, Carve: carve})
		}
	}
	span(0, headerSize, "header", "", false)
	span(headerSize, h.file.HeaderSize, "PE header", "", false)
	pos := max(headerSize, h.file.HeaderSize)
	for _, s := range h.file.Sections {
		if !s.HasBytes {
			continue
		}
		code := ""
		if s.IsCode() {
			code = h.file.Arch
		}
		// The payload lies inside a section: around it is the decompressor.
		from, to := max(pos, s.Off), s.Off+s.Size
		if h.off >= from && h.off+h.size <= to {
			span(from, h.off, s.Name, code, true)
			from = h.off + h.size
		}
		span(from, to, s.Name, code, true)
		pos = max(pos, to)
	}
	span(h.file.Certificates.Off, h.file.Certificates.Off+h.file.Certificates.Len, "certificate table", "", false)
	have := max(0, min(h.size, end-h.off))
	if have < h.size {
		out.Gap(wardein.Gap{Node: "payload", Kind: wardein.Damaged, Off: min(h.off, end), Len: have,
			Why: fmt.Sprintf("payload at %#x: %d bytes left, header says %d", h.off, have, h.size)})
		if have == 0 {
			return end, nil
		}
	}
	return end, out.Extents(wardein.Entry{Name: "payload"}, []wardein.Extent{{Off: h.off, Len: have}})
}
