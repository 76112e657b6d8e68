package exe

// aarch64 follows A64 code (Arm Architecture Reference Manual for A-profile,
// C6.2): ADRP and ADD make an address, MOVZ and MOVK a number. Arguments are in
// x0 to x2; calls leave x19 to x30 (AAPCS64).
func (t *tracer) aarch64() {
	words := t.words()
	at := func(i int) uint64 { return t.routine.Addr + uint64(i)*4 }
	for i, x := range words {
		switch {
		case x>>26 == 0x05: // B
			t.branch(at(i), at(i)+uint64(int64(int32(x<<6))>>4))
		case x&0xff000010 == 0x54000000, x&0x7e000000 == 0x34000000: // B.cond, CBZ
			t.branch(at(i), at(i)+uint64(int64(int32(x<<8)>>13)*4))
		case x&0x7e000000 == 0x36000000: // TBZ
			t.branch(at(i), at(i)+uint64(int64(int32(x<<13)>>18)*4))
		}
	}
	t.regs[31] = Given{Origin: stackOrigin}
	for i, x := range words {
		t.label(at(i))
		d, n := x&31, x>>5&31
		imm12 := uint64(x >> 10 & 0xfff)
		put := func(r uint32, v Given) {
			if r != 31 {
				t.set(r, v)
			}
		}
		source := func(r uint32) Given {
			if r == 31 { // xzr
				return Given{Constant: true}
			}
			return t.regs[r]
		}
		switch {
		case x>>26 == 0x25, x&0xfffffc1f == 0xd63f0000: // BL, BLR
			t.called(at(i), t.args(0), 0, 0x4007ffff)
		case x>>26 == 0x05, x&0xfffffc1f == 0xd61f0000: // B, BR
			t.called(at(i), t.args(0), 0, 0)
			t.taken(at(i))
			t.ended = true
		case x&0xfffffc1f == 0xd65f0000: // RET
			t.ended = true
		case x&0x9f000000 == 0x90000000: // ADRP
			t.constant(d, page(x, at(i)))
		case x&0x9f000000 == 0x10000000: // ADR
			t.constant(d, at(i)+uint64(int64(int32(x<<8)>>13)<<2|int64(x>>29&3)))
		case x&0x7f000000 == 0x11000000, x&0x7f000000 == 0x51000000: // ADD, SUB immediate
			if x>>22&1 != 0 {
				imm12 <<= 12
			}
			if x>>30&1 != 0 {
				imm12 = -imm12
			}
			put(d, t.plus(t.regs[n], imm12))
		case x&0x7fe0ffe0 == 0x2a0003e0: // MOV register
			put(d, source(x>>16&31))
		case x&0x7f800000 == 0x52800000: // MOVZ
			put(d, Given{Constant: true, N: uint64(x>>5&0xffff) << (x >> 21 & 3 * 16)})
		case x&0x7f800000 == 0x72800000: // MOVK
			if v := t.regs[d]; v.Constant {
				s := x >> 21 & 3 * 16
				put(d, Given{Constant: true, N: v.N&^(0xffff<<s) | uint64(x>>5&0xffff)<<s})
			} else {
				put(d, t.fresh())
			}
		case x&0xffc00000 == 0xf9400000: // LDR, unsigned offset
			put(d, t.load(t.regs[n], imm12*8))
		case x&0xffc00000 == 0xf9000000: // STR
			t.store(t.regs[n], imm12*8, source(d))
		case x&0xff400000 == 0xa9000000: // STP, offset
			off := uint64(int64(int32(x<<10)>>25) * 8)
			t.store(t.regs[n], off, source(d))
			t.store(t.regs[n], off+8, source(x>>10&31))
		case x&0xffc00000 == 0xa9400000: // LDP, offset
			off, base := uint64(int64(int32(x<<10)>>25)*8), t.regs[n]
			put(d, t.load(base, off))
			put(x>>10&31, t.load(base, off+8))
		case x&0x3b000000 == 0x18000000: // LDR, literal
			put(d, t.fresh())
		case x&0xffc003e0 == 0xa8c003e0: // LDP from the stack, behind it a return
		case x>>25&5 == 4: // loads and stores
			if x>>22&3 != 0 && x>>26&1 == 0 {
				put(d, t.fresh())
				if x>>27&7 == 5 {
					put(x>>10&31, t.fresh())
				}
			}
			if x>>24&1 == 0 && x>>21&1 == 0 && x>>10&1 != 0 { // writes the base back
				put(n, t.fresh())
			}
		case x>>26&7 == 5: // compare and branch, system
			t.taken(at(i))
		default:
			put(d, t.fresh())
		}
	}
}
