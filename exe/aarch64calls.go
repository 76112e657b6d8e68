package exe

import "slices"

// aarch64 finds calls in AArch64 code.
//
// A stub is adrp x16, page; ldr x17, [x16, #low]; …; br x17, with bti c before
// it where the file was built for it (ELF for the Arm 64-bit Architecture,
// "Procedure Linkage Table"). Long branches go through adrp x16; add x16;
// br x16.
func (c *counter) aarch64() error {
	const (
		bti   = 0xd503245f
		brX17 = 0xd61f0220
		brX16 = 0xd61f0200
	)
	type veneer struct{ addr, target uint64 }
	var veneers []veneer
	inside := map[uint64]bool{} // branches that are parts of stubs
	// Long branches are there only where code is long.
	stubs := c.code
	if c.size() < 64<<20 {
		stubs, _ = c.stubCode()
	}
	err := c.eachWordOf(stubs, false, func(w *window, words []uint32) (int, error) {
		n := w.number(4)
		for i := 0; i < n; i++ {
			k := i
			if words[i] == bti {
				k++
			}
			if k+3 > len(words) || words[k]&0x9f00001f != 0x90000010 {
				continue
			}
			addr := w.addr + uint64(i)*4
			at, low := page(words[k], w.addr+uint64(k)*4), uint64(words[k+1]>>10&0xfff)
			switch {
			case words[k+1]&0xffc003ff == 0xf9400211: // ldr x17, [x16, #imm]
				of, ok := c.slots.at(at + low*8)
				if n := slices.Index(words[k+2:min(k+6, len(words))], brX17); ok && n >= 0 {
					c.stubs.add(addr, of)
					inside[w.addr+uint64(k+2+n)*4] = true
				}
			case words[k+1]&0xffc003ff == 0x91000210 && words[k+2] == brX16 && len(veneers) < maxVeneers: // add x16, x16, #imm
				veneers = append(veneers, veneer{addr, at + low})
			}
		}
		return 0, c.full()
	})
	if err != nil {
		return err
	}
	for _, v := range veneers {
		if of, ok := c.stubs.at(v.target); ok {
			c.stubs.add(v.addr, of)
		}
	}
	c.stubs.dense()
	var regs loads
	return c.eachWord(false, func(w *window, words []uint32) (int, error) {
		regs.clear()
		for i, v := range words[:w.number(4)] {
			addr, off := w.addr+uint64(i)*4, w.off+int64(i)*4
			switch {
			case v>>26 == 0x25 || v>>26 == 0x05: // BL, B
				c.branch(addr, off, addr+uint64(int64(int32(v<<6))>>4), v>>31 == 0)
				if v>>31 == 0 {
					regs.clear()
				} else {
					regs.called()
				}
			case v&0xff000010 == 0x54000000: // B.cond
				c.branch(addr, off, addr+uint64(int64(int32(v<<8)>>13)*4), true)
			case v&0x9f000000 == 0x90000000: // ADRP
				regs.set(v&31, page(v, addr), false)
			case regs.known == 0:
			case v&0xffc00000 == 0xf9400000: // LDR Xt, [Xn, #imm]
				base, slot, ok := regs.get(v >> 5 & 31)
				regs.kill(v & 31)
				if ok && !slot {
					at := base + uint64(v>>10&0xfff)*8
					if _, ok := c.slots.at(at); ok {
						regs.set(v&31, at, true)
					}
				}
			case v&0xffdffc1f == 0xd61f0000: // BR, BLR
				if at, slot, ok := regs.get(v >> 5 & 31); ok && slot && !inside[addr] {
					of, _ := c.slots.at(at)
					c.call(addr, off, of, v>>21&1 == 0)
				}
				if v>>21&1 == 0 {
					regs.clear()
				} else {
					regs.called()
				}
			case v&0xfffffc1f == 0xd65f0000: // RET
				regs.clear()
			case v>>26&7 == 5: // compare and branch, test and branch, system
			default:
				regs.kill(v & 31)
				if v>>27&7 == 5 { // load of a pair
					regs.kill(v >> 10 & 31)
				}
			}
		}
		return 0, nil
	})
}

// page is the address that ADRP gives.
func page(v uint32, addr uint64) uint64 {
	imm := int64(int32(v<<8)>>13)<<2 | int64(v>>29&3)
	return addr&^0xfff + uint64(imm<<12)
}

// loads are registers whose content is known while code is read in a line:
// the address of a page, or a slot's content.
type loads struct {
	known, slot uint32
	at          [32]uint64
}

func (r *loads) clear() { r.known = 0 }

// called forgets what a called function may change: x0 to x18, and x30.
func (r *loads) called() { r.known &= 0x3ff80000 }

func (r *loads) kill(i uint32) { r.known &^= 1 << i }

func (r *loads) set(i uint32, at uint64, slot bool) {
	r.known |= 1 << i
	r.at[i] = at
	r.slot &^= 1 << i
	if slot {
		r.slot |= 1 << i
	}
}

func (r *loads) get(i uint32) (at uint64, slot, ok bool) {
	return r.at[i], r.slot>>i&1 == 1, r.known>>i&1 == 1
}
