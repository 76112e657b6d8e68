// Package gpt reads the GUID partition table.
//
// Little-endian, in sectors of 512 or 4096 bytes:
//
//	sector 0   protective master boot record
//	sector 1   header
//	           0x00 "EFI PART"        0x28 first usable sector, u64
//	           0x08 revision          0x30 last usable sector, u64
//	           0x0C header size       0x38 disk GUID
//	           0x10 header CRC-32     0x48 first sector of the entries, u64
//	           0x18 this sector, u64  0x50 number of entries
//	           0x20 backup, u64       0x54 size of an entry
//	                                  0x58 CRC-32 of the entries
//	sector 2…  entries of 128 bytes: type GUID, unique GUID, first and last
//	           sector, attributes, name in UTF-16
//	…          the same entries again, and the backup header in the last sector
package gpt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"

	"github.com/wardein/wardein"
)

const (
	magic      = "EFI PART"
	maxEntries = 1 << 20 // bytes of the entry array
)

// Format is the GUID partition table of a disk image.
var Format = wardein.Format{
	Name:    "gpt",
	Version: 1,
	Doc: wardein.Doc{
		About: "The GUID partition table of disk and flash-card images.",
		How: "Header and entries are verified by their CRC-32, the backup is read where the primary's are wrong, and the claim ends with the backup header. " +
			"Partitions are members named by their label, or partitionN; type, GUID and attributes are notes.",
		Limits: []string{
			"A table of which only the backup header is left at the end of an image is not found.",
			"Boot code of the protective master boot record is claimed by nobody.",
		},
		References: []string{"UEFI Specification 2.10, section 5.3 (GUID Partition Table)"},
	},
	Magic:   []wardein.Magic{{Bytes: magic, Back: 512}, {Bytes: magic, Back: 4096}},
	Refines: []string{"mbr"},
	Measure: measure,
	Extract: extract,
}

var le = binary.LittleEndian

// header is one of the two headers, with its entries when they were right.
type header struct {
	at                      int64 // byte offset
	my, backup              int64 // sectors
	firstUsable, lastUsable int64
	entryAt                 int64 // sector
	count, size             int64
	guid                    []byte
	length                  int64
	entries                 []byte
	entriesErr              error
}

// disk is what both headers say.
type disk struct {
	sector          int64
	primary, second *header
	primaryErr      error
}

// readHeader reads and verifies the header in a sector.
func readHeader(r *io.SectionReader, at, sector int64) (*header, error) {
	var raw [512]byte
	if n, _ := r.ReadAt(raw[:], at); n < 92 {
		return nil, fmt.Errorf("header at %#x: image ends at %d", at, r.Size())
	}
	if string(raw[:8]) != magic {
		return nil, fmt.Errorf("header at %#x: magic %q, expected %q", at, raw[:8], magic)
	}
	h := &header{at: at, length: int64(le.Uint32(raw[0xC:])), guid: bytes.Clone(raw[0x38:0x48])}
	if h.length < 92 || h.length > int64(len(raw)) {
		return nil, fmt.Errorf("header at %#x: size %d", at, h.length)
	}
	want := le.Uint32(raw[0x10:])
	clear(raw[0x10:0x14])
	if got := crc32.ChecksumIEEE(raw[:h.length]); got != want {
		return nil, fmt.Errorf("header at %#x: crc32 %#08x, computed %#08x", at, want, got)
	}
	for _, f := range []struct {
		to *int64
		at int
	}{{&h.my, 0x18}, {&h.backup, 0x20}, {&h.firstUsable, 0x28}, {&h.lastUsable, 0x30}, {&h.entryAt, 0x48}} {
		v := le.Uint64(raw[f.at:])
		if v > 1<<50 {
			return nil, fmt.Errorf("header at %#x: sector %d", at, v)
		}
		*f.to = int64(v)
	}
	h.count, h.size = int64(le.Uint32(raw[0x50:])), int64(le.Uint32(raw[0x54:]))
	if h.size < 128 || h.size > 4096 || h.my*sector != at {
		return nil, fmt.Errorf("header at %#x: says it is sector %d, entries of %d bytes", at, h.my, h.size)
	}
	h.readEntries(r, sector, le.Uint32(raw[0x58:]))
	return h, nil
}

func (h *header) readEntries(r *io.SectionReader, sector int64, want uint32) {
	off, n := h.entryAt*sector, h.count*h.size
	if n > maxEntries || off > r.Size() || n > r.Size()-off {
		h.entriesErr = fmt.Errorf("entries at %#x: %d of %d bytes, image ends at %d", off, h.count, h.size, r.Size())
		return
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(r, off, n), raw); err != nil {
		h.entriesErr = err
		return
	}
	h.entries = raw
	if got := crc32.ChecksumIEEE(raw); got != want {
		h.entriesErr = fmt.Errorf("entries at %#x: crc32 %#08x, computed %#08x", off, want, got)
	}
}

// open finds the sector size and the headers.
func open(r *io.SectionReader) (*disk, bool) {
	for _, sector := range []int64{512, 4096} {
		var head [92]byte
		if n, _ := r.ReadAt(head[:], sector); n < len(head) || string(head[:8]) != magic {
			continue
		}
		// Of a backup header this field is another; fields that no disk has
		// are not worth a checksum.
		if le.Uint64(head[0x18:]) != 1 || le.Uint32(head[0xC:])-92 > 512-92 {
			continue
		}
		d := &disk{sector: sector}
		d.primary, d.primaryErr = readHeader(r, sector, sector)
		backup := le.Uint64(head[0x20:])
		if backup > 1 && backup < 1<<50 && int64(backup) < r.Size()/sector {
			d.second, _ = readHeader(r, int64(backup)*sector, sector)
		}
		if d.primary == nil && d.second == nil {
			continue
		}
		return d, true
	}
	return nil, false
}

// good is the header to go by: right, with right entries if there is one.
func (d *disk) good() *header {
	if d.primary != nil && (d.primary.entriesErr == nil || d.second == nil || d.second.entriesErr != nil) {
		return d.primary
	}
	return d.second
}

// end is where the disk ends: after the backup header.
func (d *disk) end() int64 {
	h := d.good()
	last := max(h.my, h.backup, h.lastUsable)
	return (last + 1) * d.sector
}

func (d *disk) problem(r *io.SectionReader) error {
	switch h := d.good(); {
	case d.end() > r.Size():
		return fmt.Errorf("header at %#x: disk is %d bytes, image ends at %d", h.at, d.end(), r.Size())
	case d.primaryErr != nil:
		return d.primaryErr
	case d.primary.entriesErr != nil:
		return d.primary.entriesErr
	}
	return nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	d, ok := open(r)
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: min(d.end(), r.Size()), Confidence: wardein.Certain, Evidence: "header crc32 ok"}
	if d.good().entriesErr == nil {
		c.Evidence = "header and entries crc32 ok"
	}
	return c, d.problem(r)
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	d, ok := open(r)
	if !ok {
		return 0, wardein.ErrNotMine
	}
	h := d.good()
	out.Note("disk guid", guid(h.guid))
	out.Note("sector size", fmt.Sprint(d.sector))
	var boot [2]byte
	if n, _ := r.ReadAt(boot[:], 510); n == 2 && boot == [2]byte{0x55, 0xAA} {
		out.Span(wardein.Span{Off: 440, Len: 72, What: wardein.Known, Is: "protective mbr"})
	}
	for _, x := range []*header{d.primary, d.second} {
		if x == nil {
			continue
		}
		out.Span(wardein.Span{Off: x.at, Len: x.length, What: wardein.Known, Is: "header"})
		spanEntries(out, x, d.sector)
		if x.entriesErr != nil {
			out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(x.entryAt*d.sector, r.Size()), Why: x.entriesErr.Error()})
		}
	}
	if d.primary == nil {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: d.sector, Len: 92, Why: d.primaryErr.Error() + "; the backup is used"})
	} else if d.second == nil {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(d.primary.backup*d.sector, r.Size()),
			Why: fmt.Sprintf("no backup header at sector %d, the image has %d", d.primary.backup, r.Size()/d.sector)})
	}
	for i := range int64(len(h.entries)) / h.size {
		if err := ctx.Err(); err != nil {
			return r.Size(), err
		}
		if err := partition(r, out, d, h, int(i)+1, h.entries[i*h.size:(i+1)*h.size]); err != nil {
			return r.Size(), err
		}
	}
	return r.Size(), nil
}

// spanEntries reports the used entries; zeros between are nobody's.
func spanEntries(out wardein.Members, h *header, sector int64) {
	zero := make([]byte, h.size)
	start := int64(-1)
	n := int64(len(h.entries)) / h.size
	for i := int64(0); i <= n; i++ {
		used := i < n && !bytes.Equal(h.entries[i*h.size:(i+1)*h.size], zero)
		switch {
		case used && start < 0:
			start = i
		case !used && start >= 0:
			out.Span(wardein.Span{Off: h.entryAt*sector + start*h.size, Len: (i - start) * h.size, What: wardein.Known, Is: "entries"})
			start = -1
		}
	}
}

var errOutside = errors.New("outside the disk")

func partition(r *io.SectionReader, out wardein.Members, d *disk, h *header, number int, raw []byte) error {
	if [16]byte(raw) == [16]byte{} {
		return nil
	}
	units := make([]uint16, 0, 36)
	for i := 0x38; i+2 <= 128; i += 2 {
		u := le.Uint16(raw[i:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	name := string(utf16.Decode(units))
	if name == "" {
		name = fmt.Sprintf("partition%d", number)
	}
	kind := guid(raw[:16])
	text := "type " + kind
	if t := types[kind]; t != "" {
		text += " (" + t + ")"
	}
	text += ", guid " + guid(raw[16:32])
	if attr := le.Uint64(raw[0x30:]); attr != 0 {
		text += fmt.Sprintf(", attributes %#x", attr)
	}
	out.Note(fmt.Sprintf("partition%d", number), fmt.Sprintf("%q, %s", name, text))
	first, last := le.Uint64(raw[0x20:]), le.Uint64(raw[0x28:])
	entry := wardein.Entry{Name: name}
	bad := wardein.Gap{Node: name, Kind: wardein.Damaged, Off: min(h.entryAt*d.sector+int64(number-1)*h.size, r.Size())}
	if first > last || last > 1<<50 || int64(first) < 1 {
		bad.Why = fmt.Sprintf("entry %d: sectors %d to %d: %v", number, first, last, errOutside)
		out.Gap(bad)
		return out.Entry(entry)
	}
	off, n := int64(first)*d.sector, int64(last-first+1)*d.sector
	if off >= r.Size() || n > r.Size()-off {
		bad.Why = fmt.Sprintf("entry %d: sectors %d to %d, image ends at sector %d", number, first, last, r.Size()/d.sector)
		out.Gap(bad)
		if n = max(0, r.Size()-off); n == 0 {
			return out.Entry(entry)
		}
	} else if int64(first) < h.firstUsable || int64(last) > h.lastUsable {
		bad.Why = fmt.Sprintf("entry %d: sectors %d to %d, usable are %d to %d", number, first, last, h.firstUsable, h.lastUsable)
		out.Gap(bad)
	}
	return out.Extents(entry, []wardein.Extent{{Off: off, Len: n}})
}

// guid prints the mixed-endian form.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

// types names what is met in equipment.
var types = map[string]string{
	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b": "efi system",
	"21686148-6449-6e6f-744e-656564454649": "bios boot",
	"0fc63daf-8483-4772-8e79-3d69d8477de4": "linux",
	"0657fd6d-a4ab-43c4-84e5-0933c84b4f4f": "linux swap",
	"e6d6d379-f507-44c2-a23c-238f2a3df928": "linux lvm",
	"a19d880f-05fc-4d3b-a006-743f0f84911e": "linux raid",
	"ebd0a0a2-b9e5-4433-87c0-68b6b72699c7": "basic data",
	"fe3a2a5d-4f32-41a7-b725-accc3285a309": "chromeos kernel",
	"3cb8e202-3b7e-47dd-8a3c-7ff2a13cfcec": "chromeos rootfs",
	"2568845d-2332-4675-bc39-8fa5a4748d15": "android bootloader",
}
