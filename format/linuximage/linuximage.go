// Package linuximage reads uncompressed Linux kernels for 64-bit ARM and
// RISC-V. Numbers are little-endian.
//
//	0x00  4  code0        "MZ" and an instruction with EFI stub
//	0x04  4  code1
//	0x08  8  text_offset
//	0x10  8  image_size   in memory, with what is not stored; 0 before 3.17
//	0x18  8  flags        arm64: bit 0 big-endian, bits 1 and 2 page size
//	0x20 24  reserved; RISC-V: version at 0x20, "RISCV" at 0x30
//	0x38  4  magic        "ARM\x64", RISC-V "RSC\x05"
//	0x3c  4  offset of the PE header, 0 without EFI stub
//
// The file ends where the last section of the PE header does. Without one
// only the size in memory is known, which is an upper bound.
package linuximage

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
	headerSize = 64
	magicAt    = 0x38
	magicARM   = "ARM\x64"
	magicRISCV = "RSC\x05"
	maxImage   = 1 << 30
)

// Format is the uncompressed kernel Image.
var Format = wardein.Format{
	Name:    "linuximage",
	Version: 1,
	Doc: wardein.Doc{
		About: "Uncompressed Linux kernel (Image) for 64-bit ARM and RISC-V, with or without EFI stub.",
		How: "The header and, where there is one, the PE section table say where the kernel ends. " +
			"All of it is searched for what kernels embed: the initramfs, the configuration, firmware.",
		Limits: []string{
			"without PE header, what stands behind the kernel within its size in memory counts as part of it, and is searched",
		},
		References: []string{
			"Linux Documentation/arch/arm64/booting.rst, section 4",
			"Linux Documentation/arch/riscv/boot-image-header.rst",
		},
	},
	Magic:   []wardein.Magic{{Bytes: magicARM, Back: magicAt}, {Bytes: magicRISCV, Back: magicAt}},
	Refines: []string{"pe"},
	Measure: measure,
	Extract: extract,
}

type header struct {
	arch                string
	offset, size, flags uint64
	pe                  int64
	end                 int64
	certain             bool
	file                *exe.PE
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
	h := header{offset: le.Uint64(b[8:]), size: le.Uint64(b[16:]), flags: le.Uint64(b[24:]), pe: int64(le.Uint32(b[60:]))}
	reserved := b[0x20:magicAt]
	switch string(b[magicAt : magicAt+4]) {
	case magicARM:
		h.arch = "aarch64"
		if h.flags>>4 != 0 || !bytes.Equal(reserved, make([]byte, len(reserved))) {
			return h, wardein.ErrNotMine
		}
	case magicRISCV:
		h.arch = "riscv64"
		if le.Uint32(b[0x20:])>>16 > 16 || !bytes.HasPrefix(b[0x30:], []byte("RISCV\x00\x00\x00")) && !bytes.Equal(b[0x30:0x38], make([]byte, 8)) {
			return h, wardein.ErrNotMine
		}
	default:
		return h, wardein.ErrNotMine
	}
	if h.offset > maxImage || h.size > maxImage || h.size > 0 && h.size < headerSize || h.pe != 0 && (b[0] != 'M' || b[1] != 'Z') {
		return h, wardein.ErrNotMine
	}
	h.end = r.Size()
	if h.size > 0 {
		h.end = min(h.end, int64(h.size))
	}
	if h.pe != 0 {
		f, err := exe.OpenPE(r, r.Size())
		if err == nil {
			h.file, h.certain, h.end = f, true, f.End
		} else if err != exe.ErrNotPE {
			return h, err
		}
	}
	return h, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: h.end, Confidence: wardein.Likely, Evidence: "header and its reserved fields ok"}
	if h.size > 0 {
		// 24 zeros, 60 zero bits of flags and a size in range leave no room
		// for chance.
		claim.Confidence = wardein.Certain
	}
	if h.certain {
		claim.Confidence, claim.Evidence = wardein.Certain, "header and PE section table ok"
		if len(h.file.Faults) > 0 {
			claim.Confidence = wardein.Likely
			return claim, fmt.Errorf("%s", h.file.Faults[0].Why)
		}
	}
	return claim, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	end := min(h.end, r.Size())
	out.Note("arch", h.arch)
	out.Note("text-offset", fmt.Sprintf("%#x", h.offset))
	out.Note("memory-size", fmt.Sprint(h.size))
	if h.arch == "aarch64" {
		out.Note("byte-order", [...]string{"little-endian", "big-endian"}[h.flags&1])
		out.Note("page-size", [...]string{"unspecified", "4096", "16384", "65536"}[h.flags>>1&3])
	}
	out.Span(wardein.Span{Len: headerSize, What: wardein.Known, Is: "header"})
	h.spans(end, out)
	if h.file != nil {
		// Measure has told of the first.
		for _, fault := range h.file.Faults[min(1, len(h.file.Faults)):] {
			out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(fault.Off, end), Why: fault.Why})
		}
	}
	text, err := banner(ctx, r, end)
	if text != "" {
		out.Note("linux", text)
	}
	return end, err
}

// spans reports the sections; the section of code holds constants, too.
func (h *header) spans(end int64, out wardein.Members) {
	pos := int64(headerSize)
	span := func(to int64, is, code string, carve bool) {
		if to = min(to, end); pos < to {
			out.Span(wardein.Span{Off: pos, Len: to - pos, What: wardein.Known, Is: is, Code: code, Carve: carve})
			pos = to
		}
	}
	if h.file == nil {
		span(end, "kernel", h.arch, true)
		return
	}
	span(h.file.HeaderSize, "PE header", "", false)
	for _, s := range h.file.Sections {
		if !s.HasBytes {
			continue
		}
		code := ""
		if s.IsCode() {
			code = h.arch
		}
		if s.Off > pos && s.Off < end {
			pos = s.Off // between sections stands nothing that a header names
		}
		span(s.Off+s.Size, s.Name, code, true)
	}
	if c := h.file.Certificates; c.Len > 0 && c.Off >= pos {
		pos = c.Off
		span(c.Off+c.Len, "certificate table", "", false)
	}
}

var linuxVersion = []byte("Linux version ")

// banner looks for the line "Linux version N…".
func banner(ctx context.Context, r io.ReaderAt, end int64) (string, error) {
	buf := make([]byte, min(end, 256<<10))
	for off := int64(0); off < end; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		b := buf[:min(int64(len(buf)), end-off)]
		if n, err := r.ReadAt(b, off); n < len(b) {
			return "", err
		}
		for i := 0; ; {
			j := bytes.Index(b[i:], linuxVersion)
			if j < 0 {
				break
			}
			i += j
			line := b[i:min(len(b), i+512)]
			i += len(linuxVersion)
			// A format string with the same beginning has no digit there.
			if n := bytes.IndexAny(line, "\n\x00"); n > len(linuxVersion) && line[len(linuxVersion)] >= '0' && line[len(linuxVersion)] <= '9' {
				return string(line[:n]), nil
			}
		}
		if off += int64(len(b)); off < end {
			off -= 512 // the line may straddle two pieces
		}
	}
	return "", nil
}
