package data

import (
	"fmt"
	"hash/adler32"
	"io"
)

// class walks a class file: constants, interfaces, fields, methods, attributes.
func class(f *file) (int64, error) {
	major, constants := f.b16(6), f.b16(8)
	if major < 45 || major > 100 || constants < 1 { // a Mach-O fat file has the same magic and a small number here
		return 0, errNotMine
	}
	f.note("version", "%d.%d", major, f.b16(4))
	off := int64(10)
	for i := int64(1); i < constants; i++ {
		n := int64(4)
		switch tag := f.u8(off); tag {
		case 1:
			n = 2 + f.b16(off+1)
			if n < 2 {
				return f.short(off, "constant")
			}
		case 5, 6:
			n = 8
			i++
		case 7, 8, 16, 19, 20:
			n = 2
		case 15:
			n = 3
		case 3, 4, 9, 10, 11, 12, 17, 18:
		case -1:
			return f.short(off, "constant")
		default:
			if i == 1 {
				return 0, errNotMine
			}
			return off, fmt.Errorf("constant %d at %#x: bad tag %d", i, off, tag)
		}
		off += 1 + n
	}
	interfaces := f.b16(off + 6)
	if interfaces < 0 {
		return f.short(off, "class")
	}
	off += 8 + 2*interfaces
	for _, what := range []string{"field", "method"} {
		n := f.b16(off)
		off += 2
		for range max(n, 0) {
			var err error
			if off, err = f.attributes(off+6, what); err != nil {
				return off, err
			}
		}
	}
	end, err := f.attributes(off, "class")
	if err == nil {
		f.certain("constants, members and attributes fit")
	}
	return end, err
}

// attributes passes over an attribute table of a class file.
func (f *file) attributes(off int64, of string) (int64, error) {
	n := f.b16(off)
	off += 2
	for range n {
		size := f.b32(off + 2)
		if size < 0 {
			n = -1
			break
		}
		off += 6 + size
	}
	if n < 0 || off > f.size {
		return f.short(off, of+" attributes")
	}
	return off, nil
}

func pyc(f *file) (int64, error) {
	magic, header := f.l16(0), int64(16)
	switch {
	case magic >= 3000 && magic < 3390 && magic%10 <= 9:
		header = 12
		if magic < 3210 {
			header = 8
		}
	case magic >= 3390 && magic < 3800:
	case magic == 50823 || magic >= 60202 && magic <= 62211: // Python 2.0 to 2.7
		header = 8
	default:
		return 0, errNotMine
	}
	if t := f.u8(header); t&0x7F != 'c' {
		return 0, errNotMine
	}
	f.note("magic", "%d", magic)
	return f.size, nil
}

func lua(f *file) (int64, error) {
	h := f.at(0, 12)
	if h == nil || h[4] < 0x51 || h[4] > 0x54 || h[5] != 0 {
		return 0, errNotMine
	}
	switch {
	case h[4] <= 0x52: // byte order and the sizes of int, size_t, instruction, number
		if h[6] > 1 || h[7] != 4 || h[8] != 4 && h[8] != 8 || h[9] != 4 || h[10] != 4 && h[10] != 8 {
			return 0, errNotMine
		}
	case string(h[6:12]) != "\x19\x93\r\n\x1a\n":
		return 0, errNotMine
	}
	f.note("version", "%d.%d", h[4]>>4, h[4]&0xF)
	return f.size, nil
}

func dex(f *file) (int64, error) {
	h := f.at(0, 44)
	if h == nil || h[7] != 0 || le.Uint32(h[36:]) != 0x70 && h[6] < '1' {
		return 0, errNotMine
	}
	f.note("version", "%s", h[4:7])
	want, end := le.Uint32(h[8:]), int64(le.Uint32(h[32:]))
	if end < 0x70 {
		return 0, errNotMine
	}
	if end > f.size {
		return end, nil
	}
	sum := adler32.New()
	io.Copy(sum, io.NewSectionReader(f.r, 12, end-12))
	if sum.Sum32() != want {
		return end, fmt.Errorf("adler32 at 0x8: %08x expected, found %08x", want, sum.Sum32())
	}
	f.certain("adler32 ok")
	return end, nil
}

func kmod(f *file) (int64, error) {
	if f.b32(4)>>16 != 2 || f.b32(8) < 0 {
		return 0, errNotMine
	}
	return f.size, nil
}
