package exe

// ppc follows PowerPC code of both widths (Power ISA, book I): lis and addi
// make an address, or a load relative to r30 or r2. Arguments are in r3 to r5;
// calls leave r1, r2 and r14 to r31 (System V ABI, PowerPC supplement).
func (t *tracer) ppc() {
	words := t.words()
	at := func(i int) uint64 { return t.routine.Addr + uint64(i)*4 }
	for i, x := range words {
		switch x >> 26 {
		case 18:
			if x&3 == 0 {
				t.branch(at(i), at(i)+uint64(int64(int32(x<<6)>>6)))
			}
		case 16:
			if x&3 == 0 {
				t.branch(at(i), at(i)+uint64(int64(int16(x))))
			}
		}
	}
	const changes = 1<<32 | 0x1ff9 // r0, r3 to r12, the link register
	const link = 32
	t.regs[1] = Given{Origin: stackOrigin}
	if t.toc != 0 {
		t.keep(2, t.toc)
	}
	load := uint32(32) // lwz
	if t.f.Is64() {
		load = 58 // ld
	}
	for i, x := range words {
		t.label(at(i))
		d, a, imm := x>>21&31, x>>16&31, uint64(int64(int16(x)))
		base := t.regs[a]
		// What is computed from where the code is stays for the routine.
		position := t.kept>>a&1 != 0
		put := func(r uint32, v Given) {
			if r == 1 || r == 2 && t.toc != 0 {
				return
			}
			t.set(r, v)
			if position && v.Constant && r >= 14 {
				t.kept |= 1 << r
			}
		}
		switch op := x >> 26; {
		case op == 18 && x&1 != 0 && x != ppcBlNext, op == 19 && (x>>1&0x3ff == 528 || x>>1&0x3ff == 16) && x&1 != 0: // bl, bctrl, blrl
			t.called(at(i), t.args(3), 3, changes)
		case op == 18 && x&1 == 0, op == 19 && x>>1&0x3ff == 528: // b, bctr
			t.called(at(i), t.args(3), 0, 0)
			t.taken(at(i))
			t.ended = true
		case x == 0x4e800020: // blr
			t.ended = true
		case x == ppcBclNext || x == ppcBlNext:
			t.keep(link, at(i)+4)
		case op == 16: // bc
			t.taken(at(i))
		case x&0xfc1fffff == 0x7c0802a6: // mflr
			t.set(d, t.regs[link])
			if t.kept>>link&1 != 0 {
				t.kept |= 1 << d
			}
		case op == 15: // addis, lis
			if a == 0 {
				base = Given{Constant: true}
			}
			put(d, t.plus(base, imm<<16))
		case op == 14: // addi, li
			if a == 0 {
				base = Given{Constant: true}
			}
			put(d, t.plus(base, imm))
		case op == 24: // ori
			if v := t.regs[d]; v.Constant {
				put(a, Given{Constant: true, N: v.N | uint64(uint16(x))})
			} else {
				put(a, t.fresh())
			}
		case op == load && (op == 32 || x&3 == 0):
			position = false
			if op == 58 {
				imm &^= 3
			}
			put(d, t.load(base, imm))
		case op == load+4 && (op == 36 || x&3 == 0): // stw, std
			if op == 62 {
				imm &^= 3
			}
			t.store(base, imm, t.regs[d])
		case op == 31:
			switch x >> 1 & 0x3ff {
			case 444: // or
				if b := x >> 11 & 31; b == d {
					position = t.kept>>d&1 != 0
					put(a, t.regs[d])
				} else {
					put(a, t.fresh())
				}
			case 266: // add
				v, w := base, t.regs[x>>11&31]
				position = position || t.kept>>(x>>11&31)&1 != 0
				if v.Constant && w.Constant {
					put(d, t.plus(v, w.N))
				} else {
					put(d, t.fresh())
				}
			case 0, 32, 4, 68, 467, 144, 151, 149, 215, 407, 150, 214, 661, 662, 918, 598, 86, 54, 246, 278, 1014, 982: // compares, stores, barriers
			default:
				put(d, t.fresh())
				put(a, t.fresh())
			}
		case op >= 20 && op <= 29, op == 30: // logical, rotate
			put(a, t.fresh())
		case op == 7, op == 8, op == 12, op == 13, op >= 32 && op <= 35, op >= 40 && op <= 43, op == 58:
			put(d, t.fresh())
			if op&1 != 0 && op >= 32 && op != 58 {
				put(a, t.fresh())
			}
		case op == 46: // lmw
			for r := d; r < 32; r++ {
				put(r, t.fresh())
			}
		case op == 37 || op == 39 || op == 45: // stwu, stbu, sthu
			put(a, t.fresh())
		}
	}
}
