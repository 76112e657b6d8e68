package exe

// mips16 finds calls in MIPS16e code that jumps to fixed addresses: each goes
// to a stub by jal, or by jalx if the stub is of the other set. A stub of
// MIPS16e has bit 0 of its address set.
//
// Encodings: MIPS Architecture for Programmers, Volume IV-a, JAL(X). Stubs are
// as GNU ld writes them.
func (c *counter) mips16() error {
	return c.eachHalf(func(w *window, k *halves) error {
		for i, h := range k.h[:w.number(2)] {
			if h>>11 != 3 || i+1 == len(k.h) {
				continue
			}
			addr := k.addr + uint64(i)*2
			to := (addr+4)&^0x0fffffff | uint64(h&31)<<23 | uint64(h>>5&31)<<18 | uint64(k.h[i+1])<<2
			if h>>10&1 == 0 {
				to |= 1
			}
			c.branch(addr, w.off+int64(i)*2, to, false)
		}
		return nil
	})
}

// mips16Stubs finds the stubs of MIPS16e code. Functions that compute gp call
// through registers, which are not followed: then the calls of the file can't
// be counted.
func (c *counter) mips16Stubs() error {
	return c.eachHalf(func(w *window, k *halves) error {
		for i, h := range k.h[:w.number(2)] {
			if i+8 > len(k.h) || h != 0xb203 && h != 0xf400 {
				continue
			}
			switch s := [7]uint16(k.h[i+1:]); {
			case h == 0xb203 && [5]uint16(s[:]) == [5]uint16{0x9a60, 0x651a, 0xeb00, 0x653b, 0x6500}: // lw v0,12(pc); lw v1,0(v0); move t8,v0; jr v1; move t9,v1; nop
				if of, ok := c.slots.at(uint64(k.word(i + 6))); ok {
					c.stubs.add(k.addr+uint64(i)*2|1, of)
				}
			case h == 0xf400 && s[0] == 0x3240 && (s[1] == 0xe269 || s[2] == 0xe269 || s[3] == 0xe269): // sll v0,16; addu v0,v1
				return uncounted("MIPS16 code that computes gp is not read")
			}
		}
		return c.full()
	})
}
