package exe

import "slices"

// Pointer encodings (LSB 5.0 Core, "DWARF Extensions").
const (
	pointerOmit     = 0xff
	pointerForm     = 0x0f
	pointerBase     = 0x70
	pointerRelative = 0x10 // to itself
	pointerIndirect = 0x80

	maxCIEs    = 1 << 16
	maxUnwind  = 256 << 20
	maxAugment = 16
)

// unwind reads .eh_frame: of each function where it begins and how long it is.
//
// Layout: LSB 5.0 Core, "Exception Frames": records of a length, the distance
// back to their CIE (0 for a CIE itself), and pointers as the CIE encodes them.
func (b *finder) unwind() {
	f := b.f
	addr, size := uint64(0), uint64(0)
	if s := f.Section(".eh_frame"); s != nil && s.InFile {
		if addr, size = s.Addr, s.Size; f.Type == TypeRel {
			addr = ObjectBase + s.Off
		}
	} else {
		for _, s := range f.Segments {
			if s.Type != segmentEhFrame || !s.InFile || s.FileSize < 12 {
				continue
			}
			h := b.image.Bytes(s.VAddr)
			if len(h) < 8 || h[0] != 1 || h[1] != 0x1b { // relative to itself, four bytes
				return
			}
			addr, size = f.addr(s.VAddr+4+uint64(int64(int32(f.Order.Uint32(h[4:]))))), maxUnwind
		}
	}
	data := b.image.Bytes(addr)
	data = data[:min(uint64(len(data)), size)]
	cies := map[int]int{} // place of a CIE: how its functions' pointers are encoded, −1 for unknown
	for at := 0; at+8 <= len(data); {
		n, head := uint64(f.Order.Uint32(data[at:])), 4
		if n == 0xffffffff && at+12 <= len(data) {
			n, head = f.Order.Uint64(data[at+4:]), 12
		}
		if n == 0 || n > uint64(len(data)-at-head) || n < 4 {
			break // the end, or no record
		}
		record := data[at+head : at+head+int(n)]
		back := int64(int32(f.Order.Uint32(record)))
		body := record[4:]
		from := at + head
		at += head + int(n)
		if back == 0 {
			if len(cies) < maxCIEs {
				cies[from-head] = encoding(body, f.Class/8)
			}
			continue
		}
		enc, ok := cies[from-int(back)]
		if !ok || enc < 0 {
			continue
		}
		begin, k := f.encoded(body, enc, addr+uint64(from+4))
		length, l := f.encoded(body[k:], enc&pointerForm, 0)
		if k > 0 && l > 0 && begin != 0 && length != 0 {
			b.add(begin, start{by: byUnwind, size: length, bit: stateUnknown})
		}
	}
}

// encoding reads from a CIE how the FDEs' pointers are encoded: 'R' in the
// augmentation, whose data begins with its length. word is how long a pointer
// is that has no length of its own.
func encoding(body []byte, word int) int {
	if len(body) < 2 || body[0] != 1 && body[0] != 3 {
		return -1
	}
	rest := body[1:]
	end := slices.Index(rest[:min(len(rest), maxAugment)], 0)
	if end < 0 {
		return -1
	}
	augment := rest[:end]
	rest = rest[end+1:]
	if len(augment) == 0 {
		return 0
	}
	if augment[0] != 'z' {
		return -1
	}
	for range 2 { // code and data alignment
		rest = rest[leb(rest):]
	}
	if body[0] == 1 && len(rest) > 0 { // return register
		rest = rest[1:]
	} else {
		rest = rest[leb(rest):]
	}
	rest = rest[leb(rest):]
	for _, a := range augment[1:] {
		if len(rest) == 0 {
			return -1
		}
		switch a {
		case 'R':
			return int(rest[0])
		case 'L':
			rest = rest[1:]
		case 'P':
			n := pointerSize(int(rest[0]), word)
			if n == 0 || len(rest) < 1+n {
				return -1
			}
			rest = rest[1+n:]
		case 'S', 'B', 'G':
		default:
			return -1
		}
	}
	return 0
}

// leb is the length of a LEB128 number.
func leb(b []byte) int {
	for i, x := range b {
		if x < 0x80 {
			return i + 1
		}
	}
	return len(b)
}

// pointerSize is the length of an encoded pointer, 0 for one that varies.
func pointerSize(enc, word int) int {
	switch enc & pointerForm {
	case 0:
		return word
	case 2, 10:
		return 2
	case 3, 11:
		return 4
	case 4, 12:
		return 8
	}
	return 0
}

// encoded reads an encoded pointer that stands at an address, and returns its
// length, 0 for one that can't be read.
func (f *File) encoded(b []byte, enc int, addr uint64) (v uint64, n int) {
	n = pointerSize(enc, f.Class/8)
	base := enc & pointerBase
	if n == 0 || n > len(b) || enc&pointerIndirect != 0 || base != 0 && base != pointerRelative {
		return 0, 0
	}
	switch {
	case n == 2:
		v = uint64(f.Order.Uint16(b))
	case n == 4:
		v = uint64(f.Order.Uint32(b))
	default:
		v = f.Order.Uint64(b)
	}
	if enc&8 != 0 { // signed
		v = uint64(int64(v<<(64-8*n)) >> (64 - 8*n))
	}
	if base == pointerRelative {
		v += addr
	}
	return f.addr(v), n
}
