package exe

import "encoding/binary"

const armPC = 15

// arm follows ARM and Thumb code (Arm Architecture Reference Manual ARMv7-A,
// A5, A6, A8): a load from the literal pool, MOVW and MOVT, and ADD with the
// program counter make an address. Arguments are in r0 to r2; calls leave r4 to
// r11 and sp (AAPCS).
func (t *tracer) arm() {
	t.regs[13] = Given{Origin: stackOrigin}
	if t.routine.thumb {
		t.thumbCode()
		return
	}
	words := t.words()
	at := func(i int) uint64 { return t.routine.Addr + uint64(i)*4 }
	for i, x := range words {
		if x>>24&0xf == 0xa && x>>28 != 15 {
			t.branch(at(i), armTarget(x, at(i)))
		}
	}
	for i, x := range words {
		t.label(at(i))
		t.armStep(x, at(i))
	}
}

const armChanges = 0x500f // r0 to r3, ip, lr

// armPut writes a register, only if a condition holds or always.
func (t *tracer) armPut(r uint32, v Given, sure bool) {
	if r == 13 || r == armPC {
		return
	}
	if !sure {
		v = t.fresh()
	}
	if t.set(r, v); v.Constant && v.N == t.got && t.got != 0 {
		t.kept |= 1 << r
	}
}

// armPool is a word beside the code.
func (t *tracer) armPool(addr uint64) Given {
	var b [4]byte
	off, n, ok := t.f.Offset(addr)
	if !ok || n < 4 {
		return t.fresh()
	}
	if k, _ := t.f.r.ReadAt(b[:], int64(off)); k < 4 {
		return t.fresh()
	}
	return Given{Constant: true, N: uint64(t.f.Order.Uint32(b[:]))}
}

func (t *tracer) armStep(x uint32, at uint64) {
	sure := x>>28 == 14
	if d := x >> 12 & 15; d == armPC && (x>>26&3 == 0 && x>>23&3 != 2 || x>>26&3 == 1 && x>>20&1 != 0) { // a jump
		t.ended = sure
		return
	}
	d, n, m := x>>12&15, x>>16&15, x&15
	base := t.regs[n]
	if n == armPC {
		base = Given{Constant: true, N: at + 8}
	}
	put := func(r uint32, v Given) { t.armPut(r, v, sure) }
	// add is the sum of two registers.
	add := func() Given {
		v := t.regs[m]
		if m == armPC {
			v = Given{Constant: true, N: at + 8}
		}
		switch {
		case v.Constant:
			return t.plus(base, v.N)
		case base.Constant:
			return t.plus(v, base.N)
		}
		return t.fresh()
	}
	switch {
	case x>>28 == 15:
		if x>>25&7 == 5 { // BLX
			t.called(at, t.args(0), 0, armChanges)
		}
	case x>>25&7 == 5 && x>>24&1 != 0, x&0x0ffffff0 == 0x012fff30: // BL, BLX
		t.called(at, t.args(0), 0, armChanges)
	case x>>25&7 == 5, x&0x0ffffff0 == 0x012fff10: // B, BX
		t.called(at, t.args(0), 0, 0)
		t.taken(at)
		t.ended = sure
	case x&0x0e108000 == 0x08108000: // LDM with pc
		t.ended = sure
	case x>>26&3 == 0 && (x>>25&1 != 0 || x&0x90 != 0x90) && x&0x01900000 != 0x01000000: // data processing
		op := x >> 21 & 15
		imm := x & 0xff
		imm = imm>>(x>>7&30) | imm<<(32-x>>7&30)
		number, plain := x>>25&1 != 0, x&0xff0 == 0
		switch {
		case op >= 8 && op <= 11: // compares
		case op == 13 && number:
			put(d, Given{Constant: true, N: uint64(imm)})
		case op == 15 && number:
			put(d, Given{Constant: true, N: uint64(^imm)})
		case op == 4 && number:
			put(d, t.plus(base, uint64(imm)))
		case op == 2 && number:
			put(d, t.plus(base, -uint64(imm)))
		case op == 13 && plain:
			put(d, t.regs[m])
		case op == 4 && plain:
			put(d, add())
		default:
			put(d, t.fresh())
		}
	case x&0x0ff00000 == 0x03000000: // MOVW
		put(d, Given{Constant: true, N: uint64(x>>4&0xf000 | x&0xfff)})
	case x&0x0ff00000 == 0x03400000: // MOVT
		if v := t.regs[d]; v.Constant {
			put(d, Given{Constant: true, N: v.N&0xffff | uint64(x>>4&0xf000|x&0xfff)<<16})
		} else {
			put(d, t.fresh())
		}
	case x>>26&3 == 1 && x&0x02000010 != 0x02000010: // LDR, STR
		off := uint64(x & 0xfff)
		if x>>23&1 == 0 {
			off = -off
		}
		whole, before := x>>22&1 == 0, x>>24&1 != 0
		var v Given
		switch {
		case x>>20&1 == 0:
			if x>>25&1 == 0 && whole && before {
				t.store(base, off, t.regs[d])
			}
			v = base
		case !whole || !before && n != 13:
			v = t.fresh()
		case x>>25&1 != 0:
			if v = t.fresh(); x&0xff0 == 0 && x>>23&1 != 0 {
				if s := add(); s.Constant {
					v = t.load(s, 0)
				}
			}
		case n == armPC:
			v = t.armPool(at + 8 + off)
		case !before:
			v = t.fresh()
		default:
			v = t.load(base, off)
		}
		if x>>20&1 != 0 {
			put(d, v)
		}
		if !before || x>>21&1 != 0 {
			put(n, t.fresh())
		}
	case x>>25&7 == 4: // LDM, STM
		for r := range uint32(15) {
			if x>>20&1 != 0 && x>>r&1 != 0 {
				put(r, t.fresh())
			}
		}
		if x>>21&1 != 0 {
			put(n, t.fresh())
		}
	case x>>26&3 == 0: // multiplications, halfwords, status
		put(d, t.fresh())
		put(n, t.fresh())
	case x&0x0e000000 == 0x0c000000 || x&0x0f000010 == 0x0e000010: // from coprocessors
		put(d, t.fresh())
		if x&0x0fe00000 == 0x0c400000 {
			put(n, t.fresh())
		}
	default:
		put(d, t.fresh())
	}
}

// thumbCode follows Thumb-2 code.
func (t *tracer) thumbCode() {
	var order binary.ByteOrder = t.f.Order
	if t.f.Flags&flagBE8 != 0 {
		order = binary.LittleEndian
	}
	h := make([]uint16, len(t.code)/2)
	for i := range h {
		h[i] = order.Uint16(t.code[2*i:])
	}
	each := func(do func(i int, a, b uint16, wide bool, at uint64)) {
		for i := 0; i < len(h); i++ {
			at := t.routine.Addr + uint64(i)*2
			if wide := h[i]>>11 >= 0x1d; wide && i+1 < len(h) {
				do(i, h[i], h[i+1], true, at)
				i++
			} else if !wide {
				do(i, h[i], 0, false, at)
			}
		}
	}
	each(func(_ int, a, b uint16, wide bool, at uint64) {
		switch {
		case wide && a>>11 == 0x1e && b&0xc000 == 0x8000 && b&0x5000 != 0x5000:
			if to, _ := thumbTarget(a, b, at); to != 0 {
				t.branch(at, to&^1)
			}
		case wide:
		case a>>12 == 13 && a>>9&7 != 7:
			t.branch(at, at+4+uint64(int64(int8(a))*2))
		case a>>11 == 0x1c:
			t.branch(at, at+4+uint64(int64(int16(a<<5)>>4)))
		case a&0xf500 == 0xb100: // CBZ
			t.branch(at, at+4+uint64(a>>9&1<<6|a>>3&31<<1))
		}
	})
	each(func(_ int, a, b uint16, wide bool, at uint64) {
		t.label(at)
		sure := t.skip == 0
		if t.skip > 0 {
			t.skip--
		}
		if wide {
			t.thumbWide(a, b, at, sure)
		} else {
			t.thumbShort(a, at, sure)
		}
		t.taken(at)
	})
}

func (t *tracer) thumbShort(a uint16, at uint64, sure bool) {
	put := func(r uint16, v Given) { t.armPut(uint32(r), v, sure) }
	low, mid, high := a&7, a>>3&7, a>>8&7
	pc := at + 4
	switch op := a >> 11; {
	case op == 0 && a>>6 == 0: // movs
		put(low, t.regs[mid])
	case op < 3:
		put(low, t.fresh())
	case op == 3: // add, sub
		switch v := t.regs[mid]; a >> 9 & 3 {
		case 2:
			put(low, t.plus(v, uint64(a>>6&7)))
		case 3:
			put(low, t.plus(v, -uint64(a>>6&7)))
		default:
			put(low, t.fresh())
		}
	case op == 4:
		put(high, Given{Constant: true, N: uint64(a & 0xff)})
	case op == 6:
		put(high, t.plus(t.regs[high], uint64(a&0xff)))
	case op == 7:
		put(high, t.plus(t.regs[high], -uint64(a&0xff)))
	case op == 8 && a>>10 == 0x10:
		if fn := a >> 6 & 15; fn != 8 && fn != 10 && fn != 11 {
			put(low, t.fresh())
		}
	case op == 8:
		d, m := low|a>>4&8, a>>3&15
		v := t.regs[m]
		if m == armPC {
			v = Given{Constant: true, N: pc}
		}
		switch a >> 8 & 3 {
		case 0: // add
			if u := t.regs[d]; v.Constant {
				put(d, t.plus(u, v.N))
			} else if u.Constant {
				put(d, t.plus(v, u.N))
			} else {
				put(d, t.fresh())
			}
		case 2: // mov
			put(d, v)
		case 3:
			if a>>7&1 != 0 { // BLX
				t.called(at, t.args(0), 0, armChanges)
			} else {
				t.called(at, t.args(0), 0, 0)
				t.ended = sure
			}
		}
	case op == 9: // ldr literal
		put(high, t.armPool(pc&^3+uint64(a&0xff)*4))
	case op == 10 || op == 11:
		if fn := a >> 9 & 7; fn == 4 {
			u, v := t.regs[mid], t.regs[a>>6&7]
			if u.Constant && v.Constant {
				put(low, t.load(u, v.N))
			} else {
				put(low, t.fresh())
			}
		} else if fn >= 3 {
			put(low, t.fresh())
		}
	case op == 12:
		t.store(t.regs[mid], uint64(a>>6&31)*4, t.regs[low])
	case op == 13:
		put(low, t.load(t.regs[mid], uint64(a>>6&31)*4))
	case op == 15, op == 17:
		put(low, t.fresh())
	case op == 18:
		t.store(t.regs[13], uint64(a&0xff)*4, t.regs[high])
	case op == 19:
		put(high, t.load(t.regs[13], uint64(a&0xff)*4))
	case op == 20: // adr
		put(high, Given{Constant: true, N: pc&^3 + uint64(a&0xff)*4})
	case op == 21:
		put(high, t.plus(t.regs[13], uint64(a&0xff)*4))
	case a>>8 == 0xbf && a&15 != 0: // IT
		t.skip = 4
		for m := a & 15; m&1 == 0; m >>= 1 {
			t.skip--
		}
	case a>>8 == 0xbd: // pop {pc}
		t.ended = sure
	case a>>9 == 0xbc>>1, op == 25: // pop, ldm
		for r := range uint16(8) {
			if a>>r&1 != 0 {
				put(r, t.fresh())
			}
		}
		if op == 25 {
			put(high, t.fresh())
		}
	case a>>8 == 0xb2 || a>>8 == 0xba:
		put(low, t.fresh())
	case op == 24: // stm
		put(high, t.fresh())
	case op == 28:
		t.called(at, t.args(0), 0, 0)
		t.ended = sure
	}
}

func (t *tracer) thumbWide(a, b uint16, at uint64, sure bool) {
	put := func(r uint16, v Given) { t.armPut(uint32(r), v, sure) }
	d, rt, n := b>>8&15, b>>12, a&15
	base, pc := t.regs[n], at+4
	imm := uint64(a>>10&1<<11 | b>>12&7<<8 | b&0xff)
	switch {
	case a>>11 == 0x1e && b&0x8000 != 0:
		switch {
		case b&0x5000 == 0x5000, b&0x5000 == 0x4000: // BL, BLX
			t.called(at, t.args(0), 0, armChanges)
		case b&0x5000 == 0x1000: // B.W
			t.called(at, t.args(0), 0, 0)
			t.ended = sure
		case a>>6&15 >= 14:
			put(d, t.fresh())
		}
	case a&0xfbf0 == 0xf240: // MOVW
		put(d, Given{Constant: true, N: imm | uint64(n)<<12})
	case a&0xfbf0 == 0xf2c0: // MOVT
		if v := t.regs[d]; v.Constant {
			put(d, Given{Constant: true, N: v.N&0xffff | (imm|uint64(n)<<12)<<16})
		} else {
			put(d, t.fresh())
		}
	case a == 0xf20f || a&0xfbff == 0xf20f: // ADR
		put(d, Given{Constant: true, N: pc&^3 + imm})
	case a&0xfbff == 0xf2af:
		put(d, Given{Constant: true, N: pc&^3 - imm})
	case a&0xfbf0 == 0xf200, a&0xfbe0 == 0xf100 && imm < 0x100: // ADDW, ADD.W
		put(d, t.plus(base, imm))
	case a&0xfbf0 == 0xf2a0, a&0xfbe0 == 0xf1a0 && imm < 0x100 && d != 15: // SUBW, SUB.W
		put(d, t.plus(base, -imm))
	case a&0xfbef == 0xf04f && imm < 0x100: // MOV.W
		put(d, Given{Constant: true, N: imm})
	case a&0xffef == 0xea4f && b&0x70f0 == 0:
		put(d, t.regs[b&15])
	case a&0xff7f == 0xf85f: // LDR.W, literal
		off := uint64(b & 0xfff)
		if a>>7&1 == 0 {
			off = -off
		}
		put(rt, t.armPool(pc&^3+off))
	case a&0xfff0 == 0xf8d0:
		put(rt, t.load(base, uint64(b&0xfff)))
	case a&0xfff0 == 0xf8c0:
		t.store(base, uint64(b&0xfff), t.regs[rt])
	case a&0xfff0 == 0xf850 && b&0xf00 == 0xc00:
		put(rt, t.load(base, -uint64(b&0xff)))
	case a&0xfff0 == 0xf840 && b&0xf00 == 0xc00:
		t.store(base, -uint64(b&0xff), t.regs[rt])
	case a&0xfff0 == 0xe9d0: // LDRD
		off := uint64(b&0xff) * 4
		put(rt, t.load(base, off))
		put(d, t.load(base, off+4))
	case a&0xfff0 == 0xe9c0: // STRD
		off := uint64(b&0xff) * 4
		t.store(base, off, t.regs[rt])
		t.store(base, off+4, t.regs[d])
	case a == 0xe8bd && b&0x8000 != 0, a == 0xf85d && b == 0xfb04: // pop {pc}
		t.ended = sure
	case a&0xfff0 == 0xe8d0 && b&0xffe0 == 0xf000: // TBB
		t.ended = sure
	case a&0xfe40 == 0xe800: // LDM, STM
		for r := range uint16(15) {
			if a>>4&1 != 0 && b>>r&1 != 0 {
				put(r, t.fresh())
			}
		}
		put(n, t.fresh())
	case a&0xff10 == 0xf800: // stores
		if b&0x900 == 0x900 {
			put(n, t.fresh())
		}
	case a>>9 == 0xf8>>1: // loads
		put(rt, t.fresh())
		if b&0x900 == 0x900 && a>>7&1 == 0 {
			put(n, t.fresh())
		}
	case a&0xffe0 == 0xea00 && d == 15, a&0xfbf0 == 0xf1b0 && d == 15, a&0xfbf0 == 0xf010 && d == 15, a&0xfff0 == 0xebb0 && d == 15: // compares
	default:
		put(d, t.fresh())
		put(rt, t.fresh())
	}
}
