package exe

import (
	"encoding/binary"
	"io"
)

// prologue tells first instructions of functions: the stack is made larger or
// the link register saved.
var prologue = map[string]func(uint32) bool{
	"arm": func(w uint32) bool {
		return w>>16 == 0xe92d || w == 0xe1a0c00d || w&0xfffff000 == 0xe52de000 || w&0xfffff000 == 0xe24dd000
	},
	"aarch64": func(w uint32) bool {
		return w == 0xd503233f || w&0xffc07fff == 0xa9807bfd || w == 0xaa1e03e9 || w == 0xd503245f
	},
	"mips":   func(w uint32) bool { return w>>16 == 0x27bd },
	"mips64": func(w uint32) bool { return w>>16 == 0x67bd },
	"ppc":    func(w uint32) bool { return w>>16 == 0x9421 || w == 0x7c0802a6 },
	"ppc64":  func(w uint32) bool { return w>>16 == 0xf821 || w == 0x7c0802a6 || w>>16 == 0x3c4c },
}

// code samples the first third of the bytes, which is text in every kernel's
// linker script, and takes the instruction set that most words are of.
func (k *Kernel) code(r io.ReaderAt, size int64) error {
	const piece = 4 << 10
	pieces := min(max(size/3/piece, 1), 32)
	var b [piece]byte
	var c, first [2]census
	words, head := 0, 0
	for i := range pieces {
		off := (size / 3 / pieces * i) &^ 3
		n, err := r.ReadAt(b[:min(piece, size-off)], off)
		if int64(n) < min(piece, size-off) {
			return err
		}
		for p := 0; p+4 <= n; p += 4 {
			w := binary.LittleEndian.Uint32(b[p:])
			if w == 0 {
				continue
			}
			words++
			c[0].count(w)
			c[1].count(binary.BigEndian.Uint32(b[p:]))
		}
		if i == 0 {
			first, head = c, words
		}
	}
	best := words * 55 / 100
	for i, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, a := range []struct {
			n     int
			arch  string
			class int
		}{{c[i].arm, "arm", 32}, {c[i].aarch64, "aarch64", 64}, {c[i].mips, "mips", 32}, {c[i].ppc, "ppc", 32}} {
			if a.n <= best || words < 512 {
				continue
			}
			best = a.n
			k.Arch, k.Class, k.Order = a.arch, a.class, order
			// Vectors and data stand among the first instructions.
			k.head = first[i].of(a.arch)*5 > head*2 && head >= 8
			if wide := c[i].wide(a.arch); wide*25 > a.n {
				k.Arch, k.Class = a.arch+"64", 64
			}
		}
	}
	return nil
}

// census counts words that look like instructions.
type census struct{ arm, aarch64, mips, mips64, ppc, ppc64 int }

// wide counts instructions that only the 64-bit set has.
func (c *census) wide(arch string) int {
	switch arch {
	case "mips":
		return c.mips64
	case "ppc":
		return c.ppc64
	}
	return 0
}

func (c *census) of(arch string) int {
	return map[string]int{"arm": c.arm, "aarch64": c.aarch64, "mips": c.mips, "ppc": c.ppc}[arch]
}

func (c *census) count(w uint32) {
	if w>>28 == 0xe || w>>24 == 0x0a || w>>24 == 0x1a { // always; beq, bne
		c.arm++
	}
	switch w >> 24 {
	case 0x91, 0xd1, 0xf9, 0xb9, 0xaa, 0xa9, 0x94, 0x97, 0x34, 0x35, 0x54, 0xeb, 0x71, 0xf1, 0x52, 0xd2, 0x2a, 0xd5, 0x14, 0x17, 0x8b, 0x39, 0x36, 0x37, 0x90, 0xb0, 0xd0, 0xf0, 0x7:
		c.aarch64++
	}
	switch op := w >> 26; op {
	case 9, 15, 35, 43, 3, 4, 5, 36, 2, 12, 8, 10, 11, 13, 32, 33, 37, 40, 41, 20, 21:
		c.mips++
	case 25, 55, 63: // daddiu, ld, sd
		c.mips++
		c.mips64++
	case 0:
		if f := w & 0x3f; f >= 0x20 && f <= 0x2f || f == 8 || f == 9 || f == 0 || f == 2 || f == 10 || f == 11 {
			c.mips++
		}
	}
	switch op := w >> 26; op {
	case 14, 15, 16, 18, 19, 21, 31, 32, 36, 10, 11, 34, 38, 24, 28, 40, 44, 33, 37:
		c.ppc++
	case 58, 62: // ld, std
		c.ppc++
		c.ppc64++
	}
}
