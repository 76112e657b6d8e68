package exe

import "math/bits"

// mips16 finds calls in the window's MIPS16e code that jumps to fixed addresses: each goes
// to a stub by jal, or by jalx if the stub is of the other set. A stub of
// MIPS16e has bit 0 of its address set.
//
// Encodings: MIPS Architecture for Programmers, Volume IV-a, JAL(X). Stubs are
// as GNU ld writes them.
func (f *flow) mips16() {
	for i, x := range f.words[:f.n] {
		if x>>27 != 3 && x>>11&31 != 3 {
			continue
		}
		for k := 2 * i; k < 2*i+2; k++ {
			h := half(f.words, k, f.big)
			if h>>11 != 3 || k+1 == 2*len(f.words) {
				continue
			}
			at := uint64(k) * 2
			to := (f.w.addr+at+4)&^0x0fffffff | uint64(h&31)<<23 | uint64(h>>5&31)<<18 | uint64(half(f.words, k+1, f.big))<<2
			if h>>10&1 == 0 {
				to |= 1
			}
			f.c.branch(f.w.addr+at, f.w.off+int64(at), to, false)
		}
	}
}

// half is a unit of two bytes.
func half(words []uint32, k int, big bool) uint32 {
	if (k&1 == 0) == big {
		return words[k/2] >> 16
	}
	return words[k/2] & 0xffff
}

// mips16Stubs finds the stubs of MIPS16e code. Functions that compute gp call
// through registers, which are not followed: then the calls of the file can't
// be counted.
func (c *counter) mips16Stubs(w *window, words []uint32, big bool) error {
	turn := 16 // brings the half that stands first to the front
	if big {
		turn = 0
	}
	for i, x := range words[:w.number(4)] {
		x = bits.RotateLeft32(x, turn)
		if i+4 > len(words) || x != 0xb2039a60 && x>>16 != 0xf400 && x&0xffff != 0xf400 {
			continue
		}
		y, z := bits.RotateLeft32(words[i+1], turn), bits.RotateLeft32(words[i+2], turn)
		if x == 0xb2039a60 && y == 0x651aeb00 && z == 0x653b6500 { // lw v0,12(pc); lw v1,0(v0); move t8,v0; jr v1; move t9,v1; nop
			if of, ok := c.slots.at(uint64(words[i+3])); ok {
				c.stubs.add(w.addr+uint64(i)*4|1, of)
			}
		}
		if x&0xffff == 0xf400 {
			x, y, z = x<<16|y>>16, y<<16|z>>16, z<<16|bits.RotateLeft32(words[i+3], turn)>>16
		}
		if x == 0xf4003240 && (y>>16 == 0xe269 || y&0xffff == 0xe269 || z>>16 == 0xe269) { // sll v0,16; addu v0,v1
			return uncounted("MIPS16 code that computes gp is not read")
		}
	}
	return nil
}
