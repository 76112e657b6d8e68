package data

import (
	"encoding/binary"
	"fmt"
	"strings"
)

func sqlite(f *file) (int64, error) {
	h := f.at(0, 100)
	if h == nil || h[21] != 64 || h[22] != 32 || h[23] != 32 {
		return 0, errNotMine
	}
	page, pages := int64(be.Uint16(h[16:])), int64(be.Uint32(h[28:]))
	if page == 1 {
		page = 65536
	}
	if page < 512 || page&(page-1) != 0 {
		return 0, errNotMine
	}
	f.note("page size", "%d", page)
	if pages == 0 || be.Uint32(h[24:]) != be.Uint32(h[92:]) { // the count was written by a version that did not keep it
		return f.size, nil
	}
	f.note("pages", "%d", pages)
	return pages * page, nil
}

func berkeley(f *file) (int64, error) {
	h := f.at(0, 72)
	if h == nil {
		return 0, errNotMine
	}
	order := binaryOrder(h[12] == 0)
	version, page, last := order.Uint32(h[16:]), int64(order.Uint32(h[20:])), int64(order.Uint32(h[32:]))
	if version < 2 || version > 20 || page < 512 || page > 65536 || page&(page-1) != 0 || h[24] != 0 {
		return 0, errNotMine // byte 24 tells of encryption
	}
	f.note("version", "%d", version)
	return (last + 1) * page, nil
}

// mo walks the tables of originals and translations.
func mo(f *file) (int64, error) {
	order := binaryOrder(f.u8(0) == 0x95)
	num := func(off int64) int64 { return f.num(order, off, 4) }
	revision, n, hashes := num(4), num(8), num(20)
	if revision < 0 || revision>>16 > 1 || revision&0xFFFF > 1 || n < 0 || n > f.size/16 {
		return 0, errNotMine
	}
	end := max(28, num(24)+4*hashes)
	if hashes == 0 {
		end = 28
	}
	for _, table := range []int64{num(12), num(16)} {
		if table < 28 || table > f.size {
			return 0, errNotMine
		}
		end = max(end, table+8*n)
		for i := range n {
			size, off := num(table+8*i), num(table+8*i+4)
			if off < 0 {
				return f.short(table+8*i, "string table")
			}
			end = max(end, off+size+1)
		}
	}
	if revision&0xFFFF == 1 {
		var err error
		if end, err = f.moSysdep(num, end); err != nil {
			return end, err
		}
	}
	f.note("strings", "%d", n)
	if end <= f.size {
		f.certain("string tables fit")
	}
	return end, nil
}

// moSysdep extends end over the system dependent strings of minor revision 1:
// descriptors of segments, the names that stand between them and their text.
func (f *file) moSysdep(num func(int64) int64, end int64) (int64, error) {
	names, nameTable, n := num(28), num(32), num(36)
	if names < 0 || n < 0 || names > f.size/8 || n > f.size/8 {
		return f.short(28, "system dependent strings")
	}
	end = max(end, 48, nameTable+8*names)
	for i := range names {
		end = max(end, num(nameTable+8*i)+num(nameTable+8*i+4))
	}
	left := f.size // bounds the segments that are read: descriptors may overlap
	for _, table := range []int64{num(40), num(44)} {
		end = max(end, table+4*n)
		for i := range n {
			at := num(table + 4*i)
			text := num(at)
			for pos := at + 4; ; pos += 8 {
				size, name := num(pos), num(pos+4)
				if at < 0 || size < 0 || name < 0 || left <= 0 {
					return f.short(table+4*i, "system dependent string")
				}
				left -= 8
				text += size
				if end = max(end, pos+8, text); name == 0xFFFFFFFF {
					break
				}
			}
		}
	}
	return end, nil
}

// tzif: version 2 and later hold the data twice, with 32 and 64-bit times, and
// a footer of one line.
func tzif(f *file) (int64, error) {
	version := f.u8(4)
	if version != 0 && (version < '2' || version > '4') {
		return 0, errNotMine
	}
	off, width, blocks := int64(0), int64(4), 1
	if version != 0 {
		blocks = 2
	}
	for range blocks {
		h := f.at(off, 44)
		if h == nil || string(h[:4]) != "TZif" {
			return f.short(off, "header")
		}
		n := func(i int) int64 { return int64(be.Uint32(h[20+4*i:])) }
		isut, isstd, leap, times, types, chars := n(0), n(1), n(2), n(3), n(4), n(5)
		off += 44 + times*width + times + types*6 + chars + leap*(width+4) + isstd + isut
		width = 8
	}
	if version != 0 {
		if f.u8(off) != '\n' {
			return f.short(off, "footer")
		}
		for off++; f.u8(off) != '\n'; off++ {
			if f.u8(off) < 0 {
				return f.short(off, "footer")
			}
		}
		off++
		f.certain("both blocks and the footer fit")
	}
	return off, nil
}

func terminfo(f *file) (int64, error) {
	h := f.at(0, 12)
	if h == nil {
		return 0, errNotMine
	}
	width := int64(2)
	if h[0] == 0x1e {
		width = 4
	}
	n := func(i int) int64 { return int64(le.Uint16(h[2*i:])) }
	names, bools, nums, strs, table := n(1), n(2), n(3), n(4), n(5)
	if names < 2 || names > 512 || bools > 256 || nums > 256 || strs > 1024 || table > 32768 {
		return 0, errNotMine
	}
	name := f.at(12, int(names))
	if name == nil || name[names-1] != 0 || !printable(name[:names-1]) {
		return 0, errNotMine
	}
	f.note("names", "%s", strings.TrimRight(string(name), "\x00"))
	off := 12 + names + bools
	off += off&1 + nums*width + strs*2 + table
	// The extended section: counts of booleans, numbers, strings, of the items
	// in use and of the bytes of the string table.
	ext := off + off&1
	if e := f.at(ext, 10); e != nil && h[1] != 0xFF {
		n := func(i int) int64 { return int64(le.Uint16(e[2*i:])) }
		bools, nums, strs, used, table := n(0), n(1), n(2), n(3), n(4)
		items := 2*strs + bools + nums // each string's value, and a name for everything
		end := ext + 10 + bools + bools&1 + nums*width + items*2 + table
		if bools+nums+strs > 0 && bools < 256 && nums < 256 && strs < 1024 && used <= items && end <= f.size {
			return end, nil
		}
	}
	return off, nil
}

func pcap(f *file) (int64, error) {
	order := binaryOrder(f.u8(0) == 0xA1)
	if f.num(order, 4, 2) != 2 || f.num(order, 6, 2) != 4 {
		return 0, errNotMine
	}
	snap := max(f.num(order, 16, 4), 65535)
	f.note("link type", "%d", f.num(order, 20, 4)&0xFFFF)
	off, packets := int64(24), 0
	for ; off < f.size; packets++ {
		n, whole := f.num(order, off+8, 4), f.num(order, off+12, 4)
		if n < 0 || n > snap || n > whole {
			break // what follows the last record is not the file's
		}
		if n > f.size-off-16 {
			return f.short(off, "record")
		}
		off += 16 + n
	}
	f.note("packets", "%d", packets)
	return off, nil
}

func pcapng(f *file) (int64, error) {
	var order binary.ByteOrder
	switch f.b32(8) {
	case 0x1A2B3C4D:
		order = be
	case 0x4D3C2B1A:
		order = le
	default:
		return 0, errNotMine
	}
	off, blocks := int64(0), 0
	for off < f.size {
		n := f.num(order, off+4, 4)
		if kind := f.b32(off); off > 0 && kind == 0x0A0D0D0A { // a further section may change the order
			order = binaryOrder(f.b32(off+8) == 0x1A2B3C4D)
			n = f.num(order, off+4, 4)
		}
		if n < 12 || n%4 != 0 {
			break
		}
		if n > f.size-off {
			return f.short(off, "block")
		}
		if again := f.num(order, off+n-4, 4); again != n {
			return off, fmt.Errorf("block at %#x: length %d, repeated as %d", off, n, again)
		}
		off += n
		blocks++
	}
	if off == 0 {
		return 0, errNotMine
	}
	f.certain("both lengths of all blocks agree")
	f.note("blocks", "%d", blocks)
	return off, nil
}
