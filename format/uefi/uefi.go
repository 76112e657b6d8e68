// Package uefi reads UEFI firmware volumes.
//
//	offset  size  EFI_FIRMWARE_VOLUME_HEADER
//	0       16    zeros, or a reset vector
//	16      16    GUID of the file system
//	32      8     length of the volume
//	40      4     "_FVH"
//	44      4     attributes; 0x800: erased flash is 0xFF
//	48      2     length of the header
//	50      2     checksum: the header's 16-bit words add up to zero
//	52      2     offset of the extended header, 0 for none
//	55      1     revision, 1 or 2
//	56            block map, ends with eight zero bytes
//
//	EFI_FFS_FILE_HEADER: GUID (16), header and data checksum (1, 1), type (1),
//	attributes (1; 1: size is the 8 bytes at 24), size (3), state (1)
//
//	EFI_COMMON_SECTION_HEADER: size (3; FFFFFF: the 4 bytes at 4), type (1)
//
// Numbers are little-endian. Files begin at multiples of 8 from the volume's
// beginning, sections at multiples of 4 from their container's. Sections may
// hold sections, plain, compressed or in the way that a GUID names.
package uefi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"

	"github.com/wardein/wardein"
)

// Format is the firmware volume with the file systems FFS 2 and 3.
var Format = wardein.Format{
	Name:    "uefi-fv",
	Version: 1,
	Doc: wardein.Doc{
		About: "UEFI firmware volume: boot firmware of servers, appliances and virtual machines.",
		How: "The header's checksum tells a claim. Files are walked by their sizes; each leaf section is a member, a run of the volume where it is stored as it is, " +
			"decoded where sections around it are LZMA compressed. Volumes inside of volumes are opened as members.",
		Limits: []string{"UEFI (Tiano) compression, Brotli and other GUID-defined sections are not decoded (a gap)", "volumes with variables or another file system than FFS: header only (a gap)",
			"data checksums of files are not compared"},
		References: []string{"UEFI Platform Initialization specification 1.8, volume 3, sections 2 and 3", "EDK II MdeModulePkg/Include/Guid/LzmaDecompress.h"},
	},
	Magic:   []wardein.Magic{{Bytes: "_FVH", Back: 40}},
	Measure: measure,
	Extract: extract,
}

var le = binary.LittleEndian

const (
	fixedLen  = 56
	maxHeader = 4096
)

var fileSystems = map[guid]string{
	parseGUID("7a9354d9-0468-444a-81ce-0bf617d890df"): "FFS 1",
	parseGUID("8c8ce578-8a3d-4f1c-9935-896185c32dd3"): "FFS 2",
	parseGUID("5473c07a-3dcb-4dca-bd6f-1e9689e7349a"): "FFS 3",
}

// guid is a GUID as it is stored: the first three parts are little-endian.
type guid [16]byte

func (g guid) String() string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(g[:]), le.Uint16(g[4:]), le.Uint16(g[6:]), g[8:10], g[10:])
}

func parseGUID(s string) (g guid) {
	var a uint32
	var b, c uint16
	var d []byte
	var e []byte
	fmt.Sscanf(s, "%08x-%04x-%04x-%04x-%012x", &a, &b, &c, &d, &e)
	le.PutUint32(g[:], a)
	le.PutUint16(g[4:], b)
	le.PutUint16(g[6:], c)
	copy(g[8:], d)
	copy(g[10:], e)
	return g
}

type volume struct {
	fs             guid
	length         int64
	header, extend int64
	erased         byte
}

func readVolume(r *io.SectionReader) (v volume, ok bool) {
	var b [fixedLen]byte
	if n, _ := r.ReadAt(b[:], 0); n < len(b) || string(b[40:44]) != "_FVH" || b[55] < 1 || b[55] > 2 {
		return v, false
	}
	v = volume{fs: guid(b[16:32]), header: int64(le.Uint16(b[48:])), extend: int64(le.Uint16(b[52:]))}
	length := le.Uint64(b[32:])
	if v.header < fixedLen || v.header > maxHeader || v.header%2 != 0 || length < uint64(v.header) || length > 1<<40 {
		return v, false
	}
	v.length = int64(length)
	if le.Uint32(b[44:])&0x800 != 0 {
		v.erased = 0xFF
	}
	raw := make([]byte, v.header)
	if n, _ := r.ReadAt(raw, 0); n < len(raw) {
		return v, false
	}
	var sum uint16
	for i := 0; i < len(raw); i += 2 {
		sum += le.Uint16(raw[i:])
	}
	return v, sum == 0
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	v, ok := readVolume(r)
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	claim := wardein.Claim{End: v.length, Confidence: wardein.Certain, Evidence: "volume header sum ok"}
	if v.length > r.Size() {
		claim.End = r.Size()
		return claim, cut(v.length, r.Size())
	}
	return claim, nil
}

func cut(want, found int64) error {
	return fmt.Errorf("volume of %d bytes by its header, found %d", want, found)
}

type extractor struct {
	ctx context.Context
	r   *io.SectionReader
	out wardein.Members
	end int64
}

func (x *extractor) span(off, n int64, what wardein.What, is string) {
	off = min(off, x.end)
	x.out.Span(wardein.Span{Off: off, Len: max(0, min(n, x.end-off)), What: what, Is: is})
}

func (x *extractor) gap(kind wardein.GapKind, name string, off, n int64, format string, args ...any) {
	off = min(off, x.end)
	x.out.Gap(wardein.Gap{Kind: kind, Node: name, Off: off, Len: max(0, min(n, x.end-off)), Why: fmt.Sprintf(format, args...)})
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	v, ok := readVolume(r)
	if !ok {
		return 0, errors.New("volume header: sum does not fit")
	}
	x := &extractor{ctx: ctx, r: r, out: out, end: min(v.length, r.Size())}
	var damage error
	if v.length > x.end {
		damage = cut(v.length, x.end)
	}
	x.span(0, v.header, wardein.Known, "volume header")
	name, ok := fileSystems[v.fs]
	if !ok {
		x.gap(wardein.Unsupported, "", v.header, x.end, "file system %v", v.fs)
		return x.end, damage
	}
	out.Note("file system", name)
	at := v.header
	if v.extend >= v.header && v.extend+20 <= x.end { // GUID (16), size (4)
		var b [20]byte
		r.ReadAt(b[:], v.extend)
		if n := int64(le.Uint32(b[16:])); n >= 20 && n <= x.end-v.extend {
			out.Note("volume", guid(b[:16]).String())
			x.span(v.extend, n, wardein.Known, "extended header")
			at = v.extend + n
		}
	}
	if err := x.files(v, at); err != nil {
		return x.end, err
	}
	return x.end, damage
}

// File types that have no sections.
const (
	typeRaw = 0x01
	typePad = 0xF0
)

// files walks the files of a volume.
func (x *extractor) files(v volume, at int64) error {
	seen := map[guid]int{}
	for at = (at + 7) &^ 7; at+24 <= x.end; at = (at + 7) &^ 7 {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		var b [32]byte
		n, _ := x.r.ReadAt(b[:], at)
		free := true
		for _, c := range b[:24] {
			free = free && c == v.erased
		}
		if free { // the rest is free space
			return nil
		}
		head, size := int64(24), int64(b[20])|int64(b[21])<<8|int64(b[22])<<16
		if b[19]&1 != 0 && n == len(b) {
			head, size = 32, int64(min(le.Uint64(b[24:]), 1<<40))
		}
		// The header's bytes add up to zero, without state and data checksum.
		var sum byte
		for i, c := range b[:head] {
			if i != 17 && i != 23 {
				sum += c
			}
		}
		if sum != 0 || size < head {
			x.gap(wardein.Damaged, "", at, x.end-at, "file header at %#x: sum %#02x, want 0; size %d", at, sum, size)
			return nil
		}
		g := guid(b[:16])
		x.span(at, head, wardein.Known, "file header")
		if size > x.end-at {
			x.gap(wardein.Damaged, "", at, x.end-at, "file %v at %#x: want %d bytes, found %d", g, at, size, x.end-at)
			size = x.end - at
		}
		name := g.String()
		if seen[g]++; seen[g] > 1 {
			name = fmt.Sprintf("%s-%d", name, seen[g])
		}
		var err error
		switch kind := b[18]; {
		case kind == typePad:
		case kind == typeRaw || kind >= 0xC0:
			err = x.out.Extents(wardein.Entry{Name: name + ".raw"}, []wardein.Extent{{Off: at + head, Len: max(0, size-head)}})
		default:
			f := &file{x: x, name: name}
			err = f.stored(at+head, at+size, 0)
		}
		if err != nil {
			return err
		}
		at += size
	}
	return nil
}

// text reads UTF-16 up to a zero.
func text(b []byte) string {
	var u []uint16
	for ; len(b) >= 2 && (b[0] != 0 || b[1] != 0); b = b[2:] {
		u = append(u, le.Uint16(b))
	}
	return string(utf16.Decode(u))
}
