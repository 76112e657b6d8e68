package data

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
)

func png(f *file) (int64, error) {
	if string(f.at(12, 4)) != "IHDR" || f.b32(8) != 13 {
		return 0, errNotMine
	}
	f.note("size", "%dx%d", f.b32(16), f.b32(20))
	var damage error
	for off := int64(8); ; {
		head := f.at(off, 8)
		if head == nil {
			return f.short(off, "chunk")
		}
		n, kind := int64(be.Uint32(head)), string(head[4:])
		for _, c := range []byte(kind) {
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return off, fmt.Errorf("chunk at %#x: bad type %q", off, kind)
			}
		}
		if n > f.size-off-12 {
			return f.short(off, "chunk "+kind)
		}
		sum := crc32.NewIEEE()
		io.Copy(sum, io.NewSectionReader(f.r, off+4, n+4))
		if want := f.b32(off + 8 + n); want != int64(sum.Sum32()) && damage == nil {
			damage = fmt.Errorf("chunk %s at %#x: crc32 %08x expected, found %08x", kind, off, want, sum.Sum32())
		}
		off += 12 + n
		if kind == "IEND" {
			if damage == nil {
				f.certain("crc32 of all chunks ok")
			}
			return off, damage
		}
	}
}

func jpeg(f *file) (int64, error) {
	if m := f.u8(3); m < 0xC0 || m == 0xFF {
		return 0, errNotMine
	}
	for off := int64(2); ; {
		head := f.at(off, 2)
		if head == nil {
			return f.short(off, "marker")
		}
		if head[0] != 0xFF {
			return off, fmt.Errorf("marker at %#x: ff expected, found %02x", off, head[0])
		}
		switch m := head[1]; {
		case m == 0xFF: // fill byte
			off++
			continue
		case m == 0xD9:
			f.certain("markers up to EOI")
			return off + 2, nil
		case m == 0x01 || m >= 0xD0 && m <= 0xD7:
			off += 2
			continue
		case m == 0x00 || m < 0xC0:
			return off, fmt.Errorf("marker at %#x: bad marker %02x", off, m)
		case m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC:
			if b := f.at(off+5, 4); b != nil {
				f.note("size", "%dx%d", be.Uint16(b[2:]), be.Uint16(b))
			}
			fallthrough
		default:
			n := f.b16(off + 2)
			if n < 2 {
				return f.short(off, "segment")
			}
			if off += 2 + n; m == 0xDA {
				off = f.entropy(off)
			}
		}
	}
}

// entropy passes over entropy-coded data up to the next marker.
func (f *file) entropy(off int64) int64 {
	for off < f.size {
		p := f.at(off, int(min(4096, f.size-off)))
		i := bytes.IndexByte(p, 0xFF)
		if i < 0 {
			off += int64(len(p))
			if p == nil {
				return f.size
			}
			continue
		}
		off += int64(i)
		if m := f.u8(off + 1); m != 0 && (m < 0xD0 || m > 0xD7) {
			return off
		}
		off += 2
	}
	return f.size
}

func gif(f *file) (int64, error) {
	head := f.at(0, 13)
	if head == nil {
		return 0, errNotMine
	}
	f.note("size", "%dx%d", le.Uint16(head[6:]), le.Uint16(head[8:]))
	off := 13 + colours(head[10])
	for {
		switch f.u8(off) {
		case 0x3B:
			f.certain("blocks up to the trailer")
			return off + 1, nil
		case 0x21:
			off += 2
		case 0x2C:
			flags := f.u8(off + 9)
			if flags < 0 {
				return f.short(off, "image descriptor")
			}
			off += 10 + colours(byte(flags)) + 1
		case -1:
			return f.short(off, "block")
		default:
			return off, fmt.Errorf("block at %#x: bad introducer %02x", off, f.u8(off))
		}
		for { // sub-blocks
			n := f.u8(off)
			if n < 0 {
				return f.short(off, "sub-block")
			}
			off += 1 + n
			if n == 0 {
				break
			}
		}
	}
}

// colours is the length of a GIF colour table.
func colours(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

func bmp(f *file) (int64, error) {
	size, data, dib := f.l32(2), f.l32(10), f.l32(14)
	switch dib {
	case 12, 40, 52, 56, 64, 108, 124:
	default:
		return 0, errNotMine
	}
	planes, bits, w, h := f.l16(26), f.l16(28), f.l32(18), int64(int32(f.l32(22)))
	if dib == 12 {
		planes, bits, w, h = f.l16(22), f.l16(24), f.l16(18), f.l16(20)
	}
	if planes != 1 || bits > 32 || data < 14+dib || size < data || f.l32(6) != 0 {
		return 0, errNotMine
	}
	f.note("size", "%dx%d", w, h)
	return size, nil
}

func ico(f *file) (int64, error) {
	n := f.l16(4)
	if n < 1 || n > 256 {
		return 0, errNotMine
	}
	end := 6 + 16*n
	for i := range n {
		e := f.at(6+16*i, 16)
		if e == nil || e[3] != 0 {
			return 0, errNotMine
		}
		size, off := int64(le.Uint32(e[8:])), int64(le.Uint32(e[12:]))
		if off < 6+16*n || size < 16 {
			return 0, errNotMine
		}
		if i == 0 {
			if p := f.at(off, 4); p != nil && le.Uint32(p) != 40 && string(p) != "\x89PNG" {
				return 0, errNotMine
			}
		}
		end = max(end, off+size)
	}
	f.note("pictures", "%d", n)
	return end, nil
}

func riff(f *file) (int64, error) {
	order := binaryOrder(string(f.at(0, 4)) == "RIFX")
	end, form := f.num(order, 4, 4)+8, f.at(8, 4)
	if form == nil || end < 12 || !printable(form) {
		return 0, errNotMine
	}
	f.note("form", "%s", form)
	for off := int64(12); off < min(end, f.size); {
		id := f.at(off, 8)
		if id == nil || !printable(id[:4]) {
			return end, fmt.Errorf("chunk at %#x: no chunk header", off)
		}
		n := int64(order.Uint32(id[4:]))
		off += 8 + n + n&1
		if off > end+1 {
			return end, fmt.Errorf("chunk at %#x: ends at %d, file at %d", off, off, end)
		}
	}
	f.certain("chunks fit the length")
	return end, nil
}

func mp4(f *file) (int64, error) {
	first := f.b32(0)
	if first < 16 || first > 1024 || first%4 != 0 || !printable(f.at(8, 4)) {
		return 0, errNotMine
	}
	f.note("brand", "%s", f.at(8, 4))
	for off := int64(0); ; {
		head := f.at(off, 8)
		if head == nil || !printable(head[4:]) {
			return off, nil // what follows the last box is not the file's
		}
		n := int64(be.Uint32(head))
		switch {
		case n == 0:
			return f.size, nil
		case n == 1:
			n = f.num(be, off+8, 8)
		}
		if n < 8 {
			return off, nil
		}
		if n > f.size-off {
			return f.short(off, "box")
		}
		off += n
	}
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' && c != 0xA9 {
			return false
		}
	}
	return b != nil
}
