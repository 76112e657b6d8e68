package ident

import "bytes"

func salted(f *file) (int64, error) {
	if f.size < 32 || f.size%16 != 0 && f.size < 64 {
		return 0, errNotMine
	}
	return f.size, nil
}

// armor ends behind the line that ends the text.
func armor(mark string) func(f *file) (int64, error) {
	return func(f *file) (int64, error) {
		const step = 64 << 10
		if c := f.u8(f.lineEnd()); c != '\r' && c != '\n' {
			return 0, errNotMine
		}
		buf := make([]byte, step+len(mark))
		for off := int64(0); off < f.size; off += step {
			n, _ := f.r.ReadAt(buf[:min(int64(len(buf)), f.size-off)], off)
			if i := bytes.Index(buf[:n], []byte(mark)); i >= 0 {
				end := off + int64(i) + int64(len(mark))
				if f.u8(end) == '\r' {
					end++
				}
				if f.u8(end) == '\n' {
					end++
				}
				return end, nil
			}
			for _, c := range buf[:n] {
				if c >= 0x7F || c < ' ' && c != '\n' && c != '\r' && c != '\t' {
					return 0, errNotMine // no text: the mark alone, as in a program
				}
			}
		}
		return 0, errNotMine
	}
}

// lineEnd is where the mark of a text form ends: behind its last dash.
func (f *file) lineEnd() int64 {
	head := f.at(0, int(min(64, f.size)))
	for i := len("-----"); i+5 <= len(head); i++ {
		if string(head[i:i+5]) == "-----" {
			return int64(i) + 5
		}
	}
	return -1
}

// pgp walks the packets: session keys, then the encrypted data.
func pgp(f *file) (int64, error) {
	off := int64(0)
	for n := 0; n < 256; n++ {
		tag := f.u8(off)
		if tag < 0x80 {
			break
		}
		kind, start, size := tag>>2&0xF, off+2, f.u8(off+1)
		if tag&0x40 != 0 {
			kind = tag & 0x3F
			end, ok := f.pgpLength(off + 1)
			if !ok {
				return 0, errNotMine
			}
			start, size = end, 0 // pgpLength passed over the body
		} else {
			switch tag & 3 {
			case 1:
				start, size = off+3, f.b16(off+1)
			case 2:
				start, size = off+5, f.b32(off+1)
			case 3:
				start, size = off, f.size-off
			}
		}
		switch kind {
		case 1, 3: // session keys
		case 9, 18, 20:
			if n == 0 {
				return 0, errNotMine
			}
			return start + size, nil
		default:
			return 0, errNotMine
		}
		if size < 0 {
			return 0, errNotMine
		}
		off = start + size
	}
	return 0, errNotMine
}

// pgpLength passes over a body with a new-format length, in parts if need be.
func (f *file) pgpLength(off int64) (end int64, ok bool) {
	for range 1 << 20 {
		switch b := f.u8(off); {
		case b < 0:
			return 0, false
		case b < 192:
			return off + 1 + b, true
		case b < 224:
			return off + 2 + (b-192)<<8 + max(0, f.u8(off+1)) + 192, true
		case b == 255:
			return off + 5 + max(0, f.b32(off+1)), true
		default: // a part, and a further length
			off += 1 + 1<<(b&0x1F)
		}
	}
	return 0, false
}
