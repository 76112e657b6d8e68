// Package fat reads the FAT12, FAT16 and FAT32 filesystems.
//
// Little-endian. Which of the three it is follows from the count of clusters:
// below 4085 FAT12, below 65525 FAT16, else FAT32.
//
//	0x00  jump                         0x13  sectors, u16 (0: see 0x20)
//	0x0B  bytes per sector             0x15  media F0, F8..FF
//	0x0D  sectors per cluster          0x16  sectors per FAT, u16 (0: FAT32)
//	0x0E  reserved sectors             0x20  sectors, u32
//	0x10  number of FATs               0x24  FAT32: sectors per FAT, u32
//	0x11  root entries (0: FAT32)      0x2C  FAT32: root directory's cluster
//	0x1FE 55 AA
//
//	reserved sectors | FATs | root directory (not FAT32) | clusters 2, 3, …
//
// A directory is a list of 32-byte entries; entries with attribute 0F before
// one carry its long name.
package fat

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Format is FAT12, FAT16 and FAT32.
var Format = wardein.Format{
	Name:    "fat",
	Version: 1,
	Doc: wardein.Doc{
		About: "The FAT12, FAT16 and FAT32 filesystems: boot partitions, EFI system partitions, memory cards.",
		How: "The parameter block's fields must agree with each other and the first two FAT entries with the media byte. Directories are walked from the root; content is handed out as runs of clusters. " +
			"Long names are used where their checksum fits the short name. Deleted entries and free clusters are claimed by nobody.",
		Limits: []string{
			"FAT stores no owner and no mode but read-only: modes are 0644, 0444 and 0755. Times are taken to be UTC.",
			"exFAT is another format. The second FAT is not compared with the first.",
			"Short names are handed out in the bytes found (code page of the writer).",
		},
		References: []string{"Microsoft FAT32 File System Specification 1.03 (fatgen103)", "ECMA-107"},
	},
	// The boot signature. Mask and the parameter block do the rest.
	Magic: []wardein.Magic{
		{Bytes: "FAT12   ", Back: 0x36}, {Bytes: "FAT16   ", Back: 0x36}, {Bytes: "FAT     ", Back: 0x36}, {Bytes: "FAT32   ", Back: 0x52},
		{Bytes: "\x55\xAA", Back: 510, Anchored: true},
	},
	Refines: []string{"mbr"},
	Measure: measure,
	Extract: extract,
}

var le = binary.LittleEndian

// volume is a parameter block that agrees with itself.
type volume struct {
	r        *io.SectionReader
	size     int64 // bytes there are
	length   int64 // bytes the block says
	sector   int64
	cluster  int64 // bytes
	fatAt    int64
	fatLen   int64 // bytes of one FAT
	fats     int64
	rootAt   int64 // FAT12 and FAT16
	rootLen  int64
	root     uint32 // FAT32
	dataAt   int64
	clusters int64
	bits     int64 // 12, 16, 32
	media    byte
	boot     [512]byte
}

// open reads the parameter block.
func open(r *io.SectionReader) (*volume, bool) {
	v := &volume{r: r}
	b := v.boot[:]
	if n, _ := r.ReadAt(b, 0); n < len(b) {
		return nil, false
	}
	v.sector = int64(le.Uint16(b[0x0B:]))
	perCluster, reserved := int64(b[0x0D]), int64(le.Uint16(b[0x0E:]))
	v.fats, v.media = int64(b[0x10]), b[0x15]
	jump := b[0] == 0xEB || b[0] == 0xE9
	if !jump || v.sector < 512 || v.sector > 4096 || v.sector&(v.sector-1) != 0 || perCluster == 0 || perCluster&(perCluster-1) != 0 ||
		reserved == 0 || v.fats == 0 || v.fats > 4 || v.media < 0xF8 && v.media != 0xF0 || b[510] != 0x55 || b[511] != 0xAA {
		return nil, false
	}
	rootEntries := int64(le.Uint16(b[0x11:]))
	sectors, perFAT := int64(le.Uint16(b[0x13:])), int64(le.Uint16(b[0x16:]))
	if sectors == 0 {
		sectors = int64(le.Uint32(b[0x20:]))
	}
	wide := perFAT == 0
	if wide {
		perFAT = int64(le.Uint32(b[0x24:]))
	}
	v.cluster = perCluster * v.sector
	v.fatAt, v.fatLen = reserved*v.sector, perFAT*v.sector
	v.rootAt, v.rootLen = v.fatAt+v.fats*v.fatLen, rootEntries*32
	v.dataAt = v.rootAt + (v.rootLen+v.sector-1)/v.sector*v.sector
	v.length = sectors * v.sector
	if perFAT == 0 || v.dataAt >= v.length || wide != (rootEntries == 0) {
		return nil, false
	}
	v.clusters = (v.length - v.dataAt) / v.cluster
	switch {
	case wide:
		v.bits, v.root = 32, le.Uint32(b[0x2C:])
	case v.clusters < 4085:
		v.bits = 12
	default:
		v.bits = 16
	}
	if v.clusters == 0 || (v.clusters+2)*v.bits/8 > v.fatLen || v.bits == 16 && v.clusters >= 65525 || v.clusters >= 0x0FFFFFF5 {
		return nil, false
	}
	v.size = min(v.length, r.Size())
	return v, true
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var head [0x18]byte
	if n, _ := r.ReadAt(head[:], 0); n < len(head) || head[0] != 0xEB && head[0] != 0xE9 || head[0x10] == 0 || head[0x10] > 4 || head[0x0D] == 0 || head[0x0D]&(head[0x0D]-1) != 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	v, ok := open(r)
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: v.size, Confidence: wardein.Likely, Evidence: fmt.Sprintf("parameter block of fat%d agrees", v.bits)}
	first, err := v.next(0)
	switch {
	case err == nil && byte(first) == v.media:
		c.Confidence = wardein.Certain
		c.Evidence += ", first FAT entry holds the media byte"
	case err == nil && v.length <= r.Size():
		c.Confidence = wardein.Possible
		return c, fmt.Errorf("first FAT entry at %#x: %#x, media byte %#x", v.fatAt, first, v.media)
	}
	if v.length > r.Size() {
		return c, fmt.Errorf("parameter block: volume is %d bytes, image ends at %d", v.length, r.Size())
	}
	return c, nil
}

// next reads the FAT entry of a cluster.
func (v *volume) next(cluster uint32) (uint32, error) {
	var raw [4]byte
	n := int64(cluster)
	switch v.bits {
	case 12:
		_, err := v.r.ReadAt(raw[:2], v.fatAt+n*3/2)
		w := uint32(le.Uint16(raw[:]))
		if cluster&1 != 0 {
			return w >> 4, err
		}
		return w & 0xFFF, err
	case 16:
		_, err := v.r.ReadAt(raw[:2], v.fatAt+n*2)
		return uint32(le.Uint16(raw[:])), err
	}
	_, err := v.r.ReadAt(raw[:4], v.fatAt+n*4)
	return le.Uint32(raw[:]) & 0x0FFFFFFF, err
}

// valid says whether a FAT entry leads to a cluster.
func (v *volume) valid(cluster uint32) bool { return cluster >= 2 && int64(cluster) < v.clusters+2 }

// last says whether a FAT entry ends a chain.
func (v *volume) last(entry uint32) bool { return entry >= uint32(1<<min(v.bits, 28)-8) }

func (v *volume) at(cluster uint32) int64 { return v.dataAt + int64(cluster-2)*v.cluster }

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	v, ok := open(r)
	if !ok {
		return 0, wardein.ErrNotMine
	}
	w := newWalker(ctx, v, out)
	out.Note("filesystem", fmt.Sprintf("fat%d", v.bits))
	ext := 0x24
	if v.bits == 32 {
		ext = 0x40
	}
	if sig := v.boot[ext+2]; sig == 0x28 || sig == 0x29 {
		out.Note("volume id", fmt.Sprintf("%08x", le.Uint32(v.boot[ext+3:])))
	}
	out.Note("oem name", string(v.boot[3:11]))
	block := int64(ext + 26)
	out.Span(wardein.Span{Len: block, What: wardein.Known, Is: "parameter block"})
	out.Span(wardein.Span{Off: 510, Len: 2, What: wardein.Known, Is: "boot signature"})
	if info := int64(le.Uint16(v.boot[0x30:])); v.bits == 32 && info > 0 && info < 0xFFFF && (info+1)*v.sector <= v.fatAt {
		var sig [4]byte
		if _, err := r.ReadAt(sig[:], info*v.sector); err == nil && string(sig[:]) == "RRaA" {
			out.Span(wardein.Span{Off: info * v.sector, Len: 512, What: wardein.Known, Is: "fs info"})
		}
	}
	used := ((v.clusters+2)*v.bits + 7) / 8
	for i := range v.fats {
		if off := v.fatAt + i*v.fatLen; off < v.size {
			out.Span(wardein.Span{Off: off, Len: min(used, v.size-off), What: wardein.Known, Is: "file allocation table"})
		}
	}
	err := w.tree()
	w.flush()
	return v.size, err
}
