// Package androidboot reads Android boot images: kernel, ramdisk and further
// parts, each beginning at a multiple of the page size. Numbers are
// little-endian.
//
//	boot, versions 0 to 2          boot, versions 3 and 4
//	0x000  8  "ANDROID!"           0x000    8  "ANDROID!"
//	0x008  4  kernel_size          0x008    4  kernel_size
//	0x00c  4  kernel_addr          0x00c    4  ramdisk_size
//	0x010  4  ramdisk_size         0x010    4  os_version
//	0x014  4  ramdisk_addr         0x014    4  header_size 1580, 1584
//	0x018  4  second_size          0x018   16  reserved
//	0x01c  4  second_addr          0x028    4  header_version
//	0x020  4  tags_addr            0x02c 1536  cmdline
//	0x024  4  page_size            0x62c    4  signature_size (4)
//	0x028  4  header_version
//	0x02c  4  os_version           vendor_boot, versions 3 and 4
//	0x030 16  name                 0x000    8  "VNDRBOOT"
//	0x040 512 cmdline              0x008    4  header_version
//	0x240 32  id                   0x00c    4  page_size
//	0x260 1024 extra_cmdline       0x010    8  kernel_addr, ramdisk_addr
//	0x660  4  recovery_dtbo_size   0x018    4  vendor_ramdisk_size
//	0x664  8  recovery_dtbo_offset 0x01c 2048  cmdline
//	0x66c  4  header_size          0x81c    4  tags_addr
//	0x670  4  dtb_size (2)         0x820   16  name
//	0x674  8  dtb_addr (2)         0x830    4  header_size 2112, 2128
//	                               0x834   12  dtb_size, dtb_addr
//	                               0x840    4  vendor_ramdisk_table_size (4)
//	                               0x844    8  entry_num, entry_size (4)
//	                               0x84c    4  bootconfig_size (4)
//
// The parts follow the header in this order: kernel, ramdisk, second,
// recovery_dtbo, dtb; or kernel, ramdisk, boot_signature; or, in vendor_boot,
// vendor_ramdisk, dtb, the ramdisk table and bootconfig. Before versions were
// counted, vendors kept the size of a device tree part in header_version.
package androidboot

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/wardein/wardein"
)

const (
	magicBoot   = "ANDROID!"
	magicVendor = "VNDRBOOT"

	headerMax   = 2128
	pageV3      = 4096
	entrySize   = 108 // of the vendor ramdisk table
	maxEntries  = 1024
	maxHeaderV0 = 4 // a header_version above is a size
)

// Format is the boot and the vendor_boot image.
var Format = wardein.Format{
	Name:    "androidboot",
	Version: 1,
	Doc: wardein.Doc{
		About: "Android boot image (boot, recovery, init_boot) of versions 0 to 4, and vendor_boot of versions 3 and 4; also the kernel partition of many set-top boxes and gateways.",
		How: "The parts are handed out by the names of the header's fields: kernel, ramdisk, second, recovery_dtbo, dtb, boot_signature, " +
			"vendor_ramdisk00 …, bootconfig. The SHA-1 in the field id is compared and noted.",
		Limits: []string{
			"the AVB footer and the boot signature are not verified",
			"a field id that differs is noted only: vendors' tools fill it in several ways",
			"at most 1024 vendor ramdisks",
		},
		References: []string{
			"AOSP system/tools/mkbootimg: include/bootimg/bootimg.h, unpack_bootimg.py",
			"https://source.android.com/docs/core/architecture/bootloader/boot-image-header",
		},
	},
	Magic:   []wardein.Magic{{Bytes: magicBoot}, {Bytes: magicVendor}},
	Measure: measure,
	Extract: extract,
}

type part struct {
	name      string
	off, size int64
}

type image struct {
	version  uint32
	vendor   bool
	page     int64
	size     int64 // of the header
	parts    []part
	end      int64 // of the last part, padded to a page
	last     int64 // of the last part
	notes    []wardein.Note
	id       []byte
	table    part // vendor ramdisk table
	entries  int64
	entryLen int64
	ramdisks part // all vendor ramdisks
	strings  bool // all text fields are text
}

// field is a zero-terminated text field.
func (m *image) field(b []byte) string {
	s, rest, _ := bytes.Cut(b, []byte{0})
	for _, c := range s {
		m.strings = m.strings && (c >= ' ' && c != 0x7F || c == '\n' || c == '\t')
	}
	for _, c := range rest {
		m.strings = m.strings && c == 0
	}
	return string(s)
}

func (m *image) note(name, value string) {
	if value != "" {
		m.notes = append(m.notes, wardein.Note{Name: name, Value: value})
	}
}

func (m *image) add(name string, size uint32) {
	if size == 0 {
		return
	}
	m.parts = append(m.parts, part{name, m.end, int64(size)})
	m.last = m.end + int64(size)
	m.end = m.pages(m.last)
}

func (m *image) pages(n int64) int64 { return (n + m.page - 1) / m.page * m.page }

func read(r *io.SectionReader) (*image, error) {
	// Most chance hits end here: nothing is allocated for them.
	var first [64]byte
	if n, err := r.ReadAt(first[:], 0); n < len(first) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return nil, err
	}
	vendor := string(first[:8]) == magicVendor
	le := binary.LittleEndian
	page := int64(pageV3)
	version := le.Uint32(first[40:])
	switch {
	case vendor:
		version, page = le.Uint32(first[8:]), int64(le.Uint32(first[12:]))
		if version < 3 || version > 4 {
			return nil, wardein.ErrNotMine
		}
	case string(first[:8]) != magicBoot:
		return nil, wardein.ErrNotMine
	case version < 3 || version > maxHeaderV0:
		page = int64(le.Uint32(first[36:]))
	}
	if page < 1024 || page > 1<<17 || page&(page-1) != 0 {
		return nil, wardein.ErrNotMine
	}
	b := make([]byte, headerMax)
	n, err := r.ReadAt(b, 0)
	if n < 1632 || vendor && n < headerMax {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return nil, err
	}
	m := &image{version: version, vendor: vendor, page: page, strings: true}
	switch {
	case vendor:
		err = m.readVendor(b)
	case version == 3 || version == 4:
		err = m.readNew(b)
	default:
		err = m.readOld(b)
	}
	if err != nil || len(m.parts) == 0 && m.entries == 0 || !m.strings {
		return nil, wardein.ErrNotMine
	}
	return m, nil
}

func u32(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }

func (m *image) readOld(b []byte) error {
	m.size, m.end = 1632, m.page
	dt := uint32(0)
	if m.version > maxHeaderV0 {
		dt, m.version = m.version, 0
	}
	m.note("version", fmt.Sprint(m.version))
	m.note("name", m.field(b[48:64]))
	m.note("cmdline", m.field(b[64:576])+m.field(b[608:1632]))
	m.osVersion(u32(b, 44))
	m.note("page-size", fmt.Sprint(m.page))
	m.note("kernel-addr", fmt.Sprintf("%#08x", u32(b, 12)))
	m.note("ramdisk-addr", fmt.Sprintf("%#08x", u32(b, 20)))
	m.note("second-addr", fmt.Sprintf("%#08x", u32(b, 28)))
	m.note("tags-addr", fmt.Sprintf("%#08x", u32(b, 32)))
	m.id = bytes.Clone(b[576:608])
	m.add("kernel", u32(b, 8))
	m.add("ramdisk", u32(b, 16))
	m.add("second", u32(b, 24))
	m.add("dt", dt)
	if m.version >= 1 {
		m.size = 1648
		m.add("recovery_dtbo", u32(b, 1632))
	}
	if m.version == 2 {
		m.size = 1660
		m.note("dtb-addr", fmt.Sprintf("%#016x", binary.LittleEndian.Uint64(b[1652:])))
		m.add("dtb", u32(b, 1648))
	}
	if m.version >= 1 && int64(u32(b, 1644)) != m.size {
		return wardein.ErrNotMine
	}
	return nil
}

func (m *image) readNew(b []byte) error {
	m.size, m.end = 1580, m.page
	if m.version == 4 {
		m.size = 1584
	}
	// The first mkbootimg that wrote version 3 counted 16 bytes too many here
	// and, in vendor_boot, 4 too few.
	if n := int64(u32(b, 20)); n != m.size && (m.version != 3 || n != 1596) {
		return wardein.ErrNotMine
	}
	m.note("version", fmt.Sprint(m.version))
	m.note("cmdline", m.field(b[44:1580]))
	m.osVersion(u32(b, 16))
	m.add("kernel", u32(b, 8))
	m.add("ramdisk", u32(b, 12))
	if m.version == 4 {
		m.add("boot_signature", u32(b, 1580))
	}
	return nil
}

func (m *image) readVendor(b []byte) error {
	m.size = 2112
	if m.version == 4 {
		m.size = 2128
	}
	if n := int64(u32(b, 2096)); n != m.size && (m.version != 3 || n != 2108) {
		return wardein.ErrNotMine
	}
	m.end = m.pages(m.size)
	m.note("version", fmt.Sprint(m.version))
	m.note("name", m.field(b[2080:2096]))
	m.note("cmdline", m.field(b[28:2076]))
	m.note("page-size", fmt.Sprint(m.page))
	m.note("kernel-addr", fmt.Sprintf("%#08x", u32(b, 16)))
	m.note("ramdisk-addr", fmt.Sprintf("%#08x", u32(b, 20)))
	m.note("tags-addr", fmt.Sprintf("%#08x", u32(b, 2076)))
	m.note("dtb-addr", fmt.Sprintf("%#016x", binary.LittleEndian.Uint64(b[2104:])))
	m.add("vendor_ramdisk", u32(b, 24))
	if m.version == 3 {
		m.add("dtb", u32(b, 2100))
		return nil
	}
	if len(m.parts) > 0 {
		m.ramdisks, m.parts = m.parts[0], nil
	}
	m.add("dtb", u32(b, 2100))
	m.table = part{"vendor ramdisk table", m.end, int64(u32(b, 2112))}
	m.entries, m.entryLen = int64(u32(b, 2116)), int64(u32(b, 2120))
	if m.entries > 0 && (m.entryLen < entrySize || m.entryLen > 4096 || m.entries*m.entryLen > m.table.size) {
		return wardein.ErrNotMine
	}
	if m.table.size > 0 {
		m.last = m.end + m.table.size
		m.end = m.pages(m.last)
	}
	m.add("bootconfig", u32(b, 2124))
	if m.entries == 0 && m.ramdisks.size > 0 {
		m.parts = append([]part{m.ramdisks}, m.parts...)
	}
	return nil
}

// osVersion is three numbers of 7 bits and a patch level of year and month.
func (m *image) osVersion(v uint32) {
	if v == 0 {
		return
	}
	os := v >> 11
	m.note("os-version", fmt.Sprintf("%d.%d.%d", os>>14, os>>7&0x7F, os&0x7F))
	m.note("patch-level", fmt.Sprintf("%d-%02d", 2000+(v>>4&0x7F), v&0xF))
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	m, err := read(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: min(m.end, r.Size()), Confidence: wardein.Certain, Evidence: fmt.Sprintf("all fields of version %d fit", m.version)}
	if m.last > r.Size() {
		claim.Confidence = wardein.Likely
		return claim, fmt.Errorf("image at 0x0: %d bytes, its parts have %d", r.Size(), m.last)
	}
	return claim, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	m, err := read(r)
	if err != nil {
		return 0, err
	}
	end := min(m.end, r.Size())
	out.Span(wardein.Span{Len: min(m.size, end), What: wardein.Known, Is: "header"})
	for _, n := range m.notes {
		out.Note(n.Name, n.Value)
	}
	if m.entries > 0 {
		if err := m.fragments(r, end, out); err != nil {
			return end, err
		}
	}
	for _, p := range m.parts {
		if err := give(p.name, p.off, p.size, end, out); err != nil {
			return end, err
		}
	}
	if len(m.id) > 0 && m.last <= end {
		return end, m.verify(ctx, r, out)
	}
	return end, nil
}

// give hands out a part, or what is there of it.
func give(name string, off, size, end int64, out wardein.Members) error {
	have := max(0, min(size, end-off))
	if have < size {
		out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: min(off, end), Len: have, Why: fmt.Sprintf("%s at %#x: %d bytes left, header says %d", name, off, have, size)})
		if have == 0 {
			return nil
		}
	}
	return out.Extents(wardein.Entry{Name: name}, []wardein.Extent{{Off: min(off, end), Len: have}})
}

// fragments hands out the ramdisks of a vendor_boot image of version 4. Each
// entry is size, offset, type, a name of 32 bytes and a board id.
func (m *image) fragments(r *io.SectionReader, end int64, out wardein.Members) error {
	if known := min(m.table.size, end-m.table.off, m.entries*m.entryLen); known > 0 {
		out.Span(wardein.Span{Off: m.table.off, Len: known, What: wardein.Known, Is: m.table.name})
	}
	b := make([]byte, entrySize)
	for i := range m.entries {
		if i == maxEntries {
			out.Gap(wardein.Gap{Kind: wardein.Limit, Off: min(end, m.table.off), Why: fmt.Sprintf("vendor ramdisk table at %#x: %d entries, limit is %d", m.table.off, m.entries, maxEntries)})
			break
		}
		at := m.table.off + i*m.entryLen
		if at+entrySize > end {
			out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(at, end), Why: fmt.Sprintf("vendor ramdisk table at %#x: %d of %d entries are there", m.table.off, i, m.entries)})
			break
		}
		if n, err := r.ReadAt(b, at); n < len(b) {
			return fmt.Errorf("vendor ramdisk table at %#x: %w", at, err)
		}
		size, off := int64(u32(b, 0)), int64(u32(b, 4))
		name := fmt.Sprintf("vendor_ramdisk%02d", i)
		title, _, _ := bytes.Cut(b[12:44], []byte{0})
		out.Note(name, fmt.Sprintf("type %d, name %q", u32(b, 8), title))
		if off+size > m.ramdisks.size {
			out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: min(at, end), Len: min(entrySize, end-at),
				Why: fmt.Sprintf("%s in the table at %#x: %d+%d, vendor ramdisks have %d bytes", name, at, off, size, m.ramdisks.size)})
			if size = max(0, m.ramdisks.size-off); size == 0 {
				continue
			}
		}
		if err := give(name, m.ramdisks.off+off, size, end, out); err != nil {
			return err
		}
	}
	return nil
}

// verify compares the field id with the SHA-1 of the parts, each followed by
// its size. mkbootimg counts absent parts, too.
func (m *image) verify(ctx context.Context, r *io.SectionReader, out wardein.Members) error {
	if bytes.Equal(m.id, make([]byte, len(m.id))) {
		return nil
	}
	names := []string{"kernel", "ramdisk", "second"}
	if m.version >= 1 {
		names = append(names, "recovery_dtbo")
	}
	if m.version >= 2 {
		names = append(names, "dtb")
	}
	sum := sha1.New()
	for _, name := range names {
		var p part
		for _, q := range m.parts {
			if q.name == name {
				p = q
			}
		}
		if err := copyTo(ctx, sum, r, p); err != nil {
			return err
		}
		sum.Write(binary.LittleEndian.AppendUint32(nil, uint32(p.size)))
	}
	if got := sum.Sum(nil); bytes.Equal(got, m.id[:len(got)]) {
		out.Note("id", hex.EncodeToString(got)+", sha1 of the parts")
	} else {
		out.Note("id", hex.EncodeToString(m.id)+", not the sha1 of the parts")
	}
	return nil
}

func copyTo(ctx context.Context, sum hash.Hash, r io.ReaderAt, p part) error {
	buf := make([]byte, min(p.size, 128<<10))
	for off, end := p.off, p.off+p.size; off < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buf[:min(int64(len(buf)), end-off)]
		if n, err := r.ReadAt(b, off); n < len(b) {
			return fmt.Errorf("%s at %#x: %w", p.name, off+int64(n), err)
		}
		sum.Write(b)
		off += int64(len(b))
	}
	return nil
}
