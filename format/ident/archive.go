package ident

import (
	"bytes"
	"compress/zlib"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// maxEntries bounds the walks over chains of headers.
const maxEntries = 1 << 20

// rar4 walks the blocks: crc16, type, flags, size, and added size where
// there is one.
func rar4(f *file) (int64, error) {
	off := int64(7)
	for n := 0; n < maxEntries && off < f.size; n++ {
		h := f.at(off, 7)
		if h == nil {
			break
		}
		kind, flags, size := h[2], le.Uint16(h[3:]), int64(le.Uint16(h[5:]))
		raw := f.at(off, int(size))
		if size < 7 || raw == nil || uint16(crc32.ChecksumIEEE(raw[2:])) != le.Uint16(h) && kind != 0x74 && kind != 0x73 {
			if n == 0 {
				return 0, errNotMine
			}
			return off, fmt.Errorf("block at %#x: bad header", off)
		}
		if kind == 0x73 {
			if uint16(crc32.ChecksumIEEE(raw[2:])) == le.Uint16(h) {
				f.certain("archive header crc ok")
			}
			if flags&0x80 != 0 { // encrypted headers
				return f.size, nil
			}
		}
		off += size
		if kind == 0x74 || kind == 0x7A || flags&0x8000 != 0 {
			if size >= 11 {
				off += int64(le.Uint32(raw[7:]))
			}
			if (kind == 0x74 || kind == 0x7A) && flags&0x100 != 0 && size >= 36 {
				off += int64(le.Uint32(raw[32:])) << 32
			}
		}
		if kind == 0x7B {
			return off, nil
		}
	}
	return min(off, f.size), nil
}

// rar5 walks the blocks: crc32, size, type, flags and the sizes of extra area
// and data, all but the first of variable length.
func rar5(f *file) (int64, error) {
	off := int64(8)
	for n := 0; n < maxEntries && off < f.size; n++ {
		b := f.at(off, int(min(4+3+2+30, f.size-off)))
		if len(b) < 7 {
			return off, fmt.Errorf("block at %#x: file ends at %d", off, f.size)
		}
		size, w := vint(b[4:])
		raw := f.at(off+4, int(min(size, 2<<20)+int64(w)))
		if w == 0 || w > 3 || raw == nil || crc32.ChecksumIEEE(raw) != le.Uint32(b) {
			if n == 0 {
				return 0, errNotMine
			}
			return off, fmt.Errorf("block at %#x: header crc32 does not fit", off)
		}
		f.certain("block header crc32 ok")
		p := raw[w:]
		var fields [4]int64 // type, flags, extra size, data size
		for i := range fields {
			if i == 2 && fields[1]&1 == 0 || i == 3 && fields[1]&2 == 0 {
				continue
			}
			v, n := vint(p)
			if n == 0 {
				return off, fmt.Errorf("block at %#x: bad header", off)
			}
			fields[i], p = v, p[n:]
		}
		off += 4 + int64(w) + size + fields[3]
		switch fields[0] {
		case 4: // encrypted headers follow
			return f.size, nil
		case 5:
			return off, nil
		}
		if off < 0 || fields[3] > 1<<60 {
			return 0, errNotMine
		}
	}
	return off, nil
}

// vint reads a number of 7 bits a byte; n is 0 for a bad one.
func vint(p []byte) (v int64, n int) {
	for i, b := range p {
		if i == 9 {
			break
		}
		v |= int64(b&0x7F) << (7 * i)
		if b < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// arj walks the headers, each with a CRC-32, to the empty one.
func arj(f *file) (int64, error) {
	off := int64(0)
	for n := 0; n < maxEntries; n++ {
		if f.l16(off) != 0xEA60 {
			if n == 0 {
				return 0, errNotMine
			}
			return min(off, f.size), fmt.Errorf("header at %#x: 60ea expected", off)
		}
		size := f.l16(off + 2)
		if size == 0 {
			if n == 0 {
				return 0, errNotMine // an archive begins with a main header
			}
			return off + 4, nil
		}
		raw := f.at(off+4, int(max(size, 0))+4)
		if size < 30 || size > 2600 || raw == nil || crc32.ChecksumIEEE(raw[:size]) != le.Uint32(raw[size:]) {
			if n == 0 {
				return 0, errNotMine
			}
			return min(off, f.size), fmt.Errorf("header at %#x: crc32 does not fit", off)
		}
		f.certain("header crc32 ok")
		off += 4 + size + 4
		for range 64 { // extended headers
			ext := f.l16(off)
			if off += 2; ext <= 0 {
				break
			}
			off += ext + 4
		}
		if n > 0 {
			off += int64(le.Uint32(raw[12:]))
		}
	}
	return off, nil
}

// arc walks the entries to the end mark 1A 00.
func arc(f *file) (int64, error) {
	off := int64(0)
	for n := 0; n < maxEntries; n++ {
		h := f.at(off, 2)
		if h == nil || h[0] != 0x1A || h[1] > 9 {
			if n == 0 {
				return 0, errNotMine
			}
			return min(off, f.size), nil
		}
		if h[1] == 0 {
			return off + 2, nil
		}
		e := f.at(off+2, 27)
		if e == nil {
			return 0, errNotMine
		}
		name, _, ok := bytes.Cut(e[:13], []byte{0})
		for _, c := range name {
			ok = ok && c > ' ' && c <= '~'
		}
		if !ok || len(name) == 0 {
			return 0, errNotMine
		}
		off += 29 + int64(le.Uint32(e[13:]))
		if h[1] == 1 {
			off -= 4 // the old entry has no original size
		}
		if n == 0 && off > f.size {
			return 0, errNotMine
		}
	}
	return off, nil
}

// zoo walks the chain of directory entries, the last of which has no successor.
func zoo(f *file) (int64, error) {
	off, minus := f.l32(24), f.l32(28)
	if off < 34 || uint32(off)+uint32(minus) != 0 {
		return 0, errNotMine
	}
	end := off
	for n := 0; n < maxEntries; n++ {
		e := f.at(off, 38)
		if e == nil || le.Uint32(e) != 0xFDC4A7DC {
			return min(end, f.size), fmt.Errorf("entry at %#x: no tag", off)
		}
		next, data, size := int64(le.Uint32(e[6:])), int64(le.Uint32(e[10:])), int64(le.Uint32(e[24:]))
		length := int64(51)
		if e[4] == 2 { // second kind: a length of what follows, a time zone and a CRC
			length = 56 + max(0, f.l16(off+51))
		}
		if next == 0 {
			return max(end, off+length), nil
		}
		end = max(end, off+length, data+size)
		if next <= off {
			return min(end, f.size), fmt.Errorf("entry at %#x: successor at %#x", off, next)
		}
		off = next
	}
	return end, nil
}

// lha walks the headers; the level stands in byte 20.
func lha(f *file) (int64, error) {
	off := int64(0)
	for n := 0; n < maxEntries; n++ {
		h := f.at(off, 28)
		if h == nil || h[2] != '-' || h[6] != '-' || h[20] > 3 {
			if n == 0 {
				return 0, errNotMine
			}
			if f.u8(off) == 0 {
				off++ // the end mark
			}
			break
		}
		size, head := int64(le.Uint32(h[7:])), int64(le.Uint16(h))
		switch h[20] {
		case 0, 1:
			head = int64(h[0]) + 2
			raw := f.at(off, int(head))
			if raw == nil || head < 22 {
				return 0, errNotMine
			}
			var sum byte
			for _, b := range raw[2:] {
				sum += b
			}
			if sum != h[1] {
				if n == 0 {
					return 0, errNotMine
				}
				return off, fmt.Errorf("header at %#x: sum %02x expected, found %02x", off, h[1], sum)
			}
			f.certain("header sum ok")
		case 3:
			if head != 4 { // the size of a word
				return 0, errNotMine
			}
			head = int64(le.Uint32(h[24:]))
		}
		if head < 22 || head > 1<<20 {
			if n == 0 {
				return 0, errNotMine
			}
			return off, fmt.Errorf("header at %#x: bad length %d", off, head)
		}
		if off += head + size; off > f.size {
			if n == 0 && h[20] > 1 { // no checksum so far
				return 0, errNotMine
			}
			return off, nil
		}
	}
	return off, nil
}

func lrzip(f *file) (int64, error) {
	if v := f.u8(5); v < 0 || v > 14 {
		return 0, errNotMine
	}
	return f.size, nil
}

// xar reads the table of contents for the farthest piece of the heap.
func xar(f *file) (int64, error) {
	n, plainLen := f.b64(8), f.b64(16)
	const limit = 16 << 20
	if n < 8 || plainLen <= 0 || n > f.size-28 {
		return 0, errNotMine
	}
	heap := 28 + n
	z, err := zlib.NewReader(io.NewSectionReader(f.r, 28, n))
	if err != nil {
		return 0, errNotMine
	}
	end := heap
	d := xml.NewDecoder(io.LimitReader(z, min(plainLen, limit)))
	var text string
	var offset, length int64
	for {
		token, err := d.Token()
		if err == io.EOF {
			f.certain("table of contents read")
			return end, nil
		}
		if err != nil {
			return end, fmt.Errorf("table of contents: %w", err)
		}
		switch t := token.(type) {
		case xml.CharData:
			text = string(t)
		case xml.StartElement:
			switch t.Name.Local {
			case "data", "checksum", "signature", "x-signature", "ea":
				offset, length = 0, 0
			}
		case xml.EndElement:
			v, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 62)
			switch t.Name.Local {
			case "offset":
				offset = v
			case "length":
				length = v
			case "size":
				if length == 0 {
					length = v
				}
			case "data", "checksum", "signature", "x-signature", "ea":
				if v := heap + offset + length; v > end {
					end = v
				}
			}
			text = ""
		}
	}
}

func wim(f *file) (int64, error) {
	end := int64(208)
	for _, at := range []int64{48, 72, 96, 124} { // lookup table, XML, boot metadata, integrity table
		size, off := f.l64(at)&(1<<56-1), f.l64(at+8)
		if size < 0 || off < 0 || off > 1<<56 {
			return 0, errNotMine
		}
		if size > 0 {
			end = max(end, off+size)
		}
	}
	if f.l16(40) < 1 || f.l16(42) < f.l16(40) {
		return 0, errNotMine
	}
	return end, nil
}

// ole2 reads the sector allocation table for the last sector in use.
func ole2(f *file) (int64, error) {
	h := f.at(0, 512)
	if h == nil || le.Uint16(h[28:]) != 0xFFFE {
		return 0, errNotMine
	}
	shift, tables := le.Uint16(h[30:]), int64(le.Uint32(h[44:]))
	if shift != 9 && shift != 12 || tables < 1 {
		return 0, errNotMine
	}
	sector := int64(1) << shift
	if tables > 109 { // the rest of the list stands elsewhere
		return f.size, nil
	}
	last := int64(-1)
	for i := range tables {
		table := f.at((int64(le.Uint32(h[76+4*i:]))+1)*sector, int(sector))
		if table == nil {
			return f.size, fmt.Errorf("allocation table %d: file ends at %d", i, f.size)
		}
		for j := int64(0); j < sector; j += 4 {
			if le.Uint32(table[j:]) != 0xFFFFFFFF {
				last = max(last, (i*sector+j)/4)
			}
		}
	}
	f.certain("sector allocation table read")
	return (last + 2) * sector, nil
}
