// Package mbr reads the partition table of a master boot record.
//
//	0    boot code, 440 bytes
//	440  disk signature, 4 bytes; 2 bytes more
//	446  four entries of 16 bytes:
//	       0 status 0x00 or 0x80
//	       1 first sector as cylinder, head, sector
//	       4 type
//	       5 last sector as cylinder, head, sector
//	       8 first sector, u32 little-endian
//	      12 count of sectors, u32
//	510  55 AA
//
// An entry of an extended type (05, 0F, 85) leads to a sector of the same
// layout whose first entry is a logical partition, relative to that sector,
// and whose second leads to the next, relative to the extended partition.
package mbr

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

const (
	sector     = 512
	maxLogical = 256
)

// Format is the master boot record of a disk image.
var Format = wardein.Format{
	Name:    "mbr",
	Version: 1,
	Doc: wardein.Doc{
		About: "The master boot record: up to four partitions, and more in a chain of extended ones, of a disk or card image.",
		How: "Believed at the start of a node only, and only when all four entries agree: status 00 or 80, first sectors inside the image, no overlap, no boot sector of FAT or NTFS. " +
			"Partitions are members partition1, partition2, …; logical ones count from 5. The claim ends with the last partition.",
		FalseNegatives: []string{"A table with overlapping partitions is not believed."},
		Limits: []string{
			"Sectors are taken to be 512 bytes.",
			"Boot code is claimed by nobody.",
			fmt.Sprintf("At most %d logical partitions.", maxLogical),
		},
		References: []string{
			"UEFI Specification 2.10, section 5.2 (LBA 0 format)",
			"https://en.wikipedia.org/wiki/Extended_boot_record",
		},
	},
	Magic:   []wardein.Magic{{Bytes: "\x55\xAA", Back: 510, Anchored: true}},
	Measure: measure,
	Extract: extract,
}

// entry is one used entry of a table.
type entry struct {
	index        int
	status, kind byte
	first, count int64 // sectors
}

func (e entry) extended() bool { return e.kind == 0x05 || e.kind == 0x0F || e.kind == 0x85 }

// protective entries stand for a GPT and often say more sectors than there are.
func (e entry) protective() bool { return e.kind == 0xEE }

// parse reads the used entries of a table sector, false when one cannot be.
func parse(s []byte) ([]entry, bool) {
	if s[510] != 0x55 || s[511] != 0xAA {
		return nil, false
	}
	var list []entry
	for i := range 4 {
		raw := s[446+16*i : 462+16*i]
		e := entry{i + 1, raw[0], raw[4], int64(binary.LittleEndian.Uint32(raw[8:])), int64(binary.LittleEndian.Uint32(raw[12:]))}
		if e.status&0x7F != 0 {
			return nil, false
		}
		if e.kind == 0 {
			if e.first != 0 || e.count != 0 {
				return nil, false
			}
			continue
		}
		if e.count == 0 {
			return nil, false
		}
		list = append(list, e)
	}
	return list, true
}

// table judges the first sector of r.
func table(r *io.SectionReader) (entries []entry, end int64, ok bool) {
	var s [sector]byte
	if n, _ := r.ReadAt(s[:], 0); n < len(s) {
		return nil, 0, false
	}
	entries, ok = parse(s[:])
	if !ok || len(entries) == 0 || bootSector(s[:]) {
		return nil, 0, false
	}
	for i, e := range entries {
		if e.first == 0 || e.first >= (r.Size()+sector-1)/sector && !(i > 0) {
			return nil, 0, false
		}
		for _, f := range entries[:i] {
			if e.first < f.first+f.count && f.first < e.first+e.count {
				return nil, 0, false
			}
		}
		if e.protective() {
			end = max(end, min((e.first+e.count)*sector, r.Size()))
		} else {
			end = max(end, (e.first+e.count)*sector)
		}
	}
	return entries, end, true
}

// bootSector says whether a FAT or NTFS volume begins here: a jump and a
// parameter block. Boot loaders keep the jump and leave the block empty.
func bootSector(s []byte) bool {
	jump := s[0] == 0xEB && s[2] == 0x90 || s[0] == 0xE9
	size := binary.LittleEndian.Uint16(s[11:])
	return jump && size >= 512 && size <= 4096 && size&(size-1) == 0 && s[13] != 0 && s[13]&(s[13]-1) == 0 && s[21] >= 0xF0
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var head [66]byte
	if n, _ := r.ReadAt(head[:], 446); n < len(head) || head[0]&0x7F|head[16]&0x7F|head[32]&0x7F|head[48]&0x7F != 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	entries, end, ok := table(r)
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: end, Confidence: wardein.Likely, Evidence: fmt.Sprintf("%d partitions inside the image, none overlaps", len(entries))}
	if end > r.Size() {
		c.End, c.Confidence = r.Size(), wardein.Possible
		c.Evidence = fmt.Sprintf("%d partitions, none overlaps", len(entries))
		return c, fmt.Errorf("partition table at %d: the last partition ends at %d, image ends at %d", 446, end, r.Size())
	}
	return c, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	var s [sector]byte
	if _, err := r.ReadAt(s[:], 0); err != nil && err != io.EOF {
		return 0, err
	}
	entries, ok := parse(s[:])
	if !ok {
		return 0, wardein.ErrNotMine
	}
	out.Note("disk signature", fmt.Sprintf("%08x", binary.LittleEndian.Uint32(s[440:])))
	out.Span(wardein.Span{Off: 440, Len: 72, What: wardein.Known, Is: "partition table"})
	for _, e := range entries {
		if e.extended() {
			if err := chain(r, e, out); err != nil {
				return r.Size(), err
			}
			continue
		}
		if err := partition(r, out, e.index, 0, e); err != nil {
			return r.Size(), err
		}
	}
	return r.Size(), nil
}

// partition hands out an entry whose sectors count from base.
func partition(r *io.SectionReader, out wardein.Members, number int, base int64, e entry) error {
	name := fmt.Sprintf("partition%d", number)
	text := fmt.Sprintf("type %#02x %s", e.kind, types[e.kind])
	if e.status == 0x80 {
		text += ", active"
	}
	out.Note(name, text)
	off, n := (base+e.first)*sector, e.count*sector
	if off >= r.Size() || n > r.Size()-off {
		if !e.protective() {
			out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: min(off, r.Size()),
				Why: fmt.Sprintf("%s is sectors %d+%d, image ends at sector %d", name, base+e.first, e.count, r.Size()/sector)})
		}
		if n = max(0, r.Size()-off); n == 0 {
			return out.Entry(wardein.Entry{Name: name})
		}
	}
	return out.Extents(wardein.Entry{Name: name}, []wardein.Extent{{Off: off, Len: n}})
}

// chain follows the logical partitions of an extended one.
func chain(r *io.SectionReader, ext entry, out wardein.Members) error {
	out.Note(fmt.Sprintf("partition%d", ext.index), fmt.Sprintf("type %#02x extended", ext.kind))
	seen := map[int64]bool{}
	at, number := ext.first, 5
	bad := func(format string, args ...any) error {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(at*sector, r.Size()), Why: fmt.Sprintf("extended boot record at sector %d: ", at) + fmt.Sprintf(format, args...)})
		return nil
	}
	for {
		if seen[at] {
			return bad("the chain leads to it again")
		}
		if len(seen) == maxLogical {
			out.Gap(wardein.Gap{Kind: wardein.Limit, Off: at * sector, Why: fmt.Sprintf("%d logical partitions are read, the chain goes on", maxLogical)})
			return nil
		}
		seen[at] = true
		var s [sector]byte
		if n, _ := r.ReadAt(s[:], at*sector); n < len(s) {
			return bad("image ends at sector %d", r.Size()/sector)
		}
		entries, ok := parse(s[:])
		if !ok {
			return bad("no partition table")
		}
		out.Span(wardein.Span{Off: at*sector + 446, Len: 66, What: wardein.Known, Is: "extended boot record"})
		next := int64(-1)
		for _, e := range entries {
			switch {
			case e.extended():
				next = ext.first + e.first
			default:
				if err := partition(r, out, number, at, e); err != nil {
					return err
				}
				number++
			}
		}
		if next < 0 {
			return nil
		}
		at = next
	}
}

// types names what is met in equipment.
var types = map[byte]string{
	0x01: "fat12", 0x04: "fat16", 0x06: "fat16", 0x07: "ntfs or exfat", 0x0B: "fat32", 0x0C: "fat32 lba", 0x0E: "fat16 lba", 0x4D: "qnx", 0x4E: "qnx", 0x4F: "qnx",
	0x81: "minix", 0x82: "linux swap", 0x83: "linux", 0x8E: "linux lvm", 0xA5: "freebsd", 0xA6: "openbsd", 0xA9: "netbsd", 0xDA: "data without filesystem",
	0xEE: "gpt protective", 0xEF: "efi system", 0xFD: "linux raid",
}
