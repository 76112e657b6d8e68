package exe

import "github.com/wardein/wardein/exe/insn"

// mipsReader reads MIPS code of both widths. What stands in the delay slot of
// a jump that always goes counts as a part of it.
//
// Encodings: MIPS Architecture for Programmers, volume II.
type mipsReader struct{ words }

func (r *mipsReader) reset() {
	r.regs.clear()
	r.regs.set(28, r.b.image.base, true)
}

func (r *mipsReader) padding(t *text, at int) int { return r.filled(t, at, 0) }

func (r *mipsReader) enters(t *text, at int) bool {
	x := r.word(t, at)
	if takesRoom(x) && (x>>16 != 0x3c1c || r.b.f.Class == 32) {
		return true
	}
	var list [48]uint32
	if x>>16 != 0x3c02 {
		return false
	}
	for i := range list {
		list[i] = r.word(t, at+4*i)
	}
	return computesGP(list[:])
}

// stub tells lui; lw t9; jr t9 and the lazy ones: lw t9,(gp); move t7,ra; jalr t9.
func (r *mipsReader) stub(t *text, at int) bool {
	x, y := r.word(t, at), r.word(t, at+4)
	switch {
	case x>>21 == 0x1e0 && (y>>26 == 35 || y>>26 == 55) && y>>16&31 == 25:
		return r.word(t, at+8) == 0x03200008 || r.word(t, at+12) == 0x03200008
	case x>>16 == 0x3c19 && y>>26 == 2 && r.word(t, at+8)>>16 == 0x2739: // lui t9; j; addiu t9: what needs t9 is called from what does not set it
		return true
	}
	return x == 0x8f998010 && y == 0x03e07825 || x == 0xdf998010 && y == 0x03e07825
}

func (r *mipsReader) step(t *text, at int) step {
	x, addr := r.word(t, at), t.addr+uint64(at)
	near := addr + 4 + uint64(int64(int16(x))*4)
	rs, rt := x>>21&31, x>>16&31
	s := step{n: 4}
	switch op := x >> 26; op {
	case 0:
		switch x & 0x3f {
		case 8: // jr
			s.n, s.flow = 8, insn.IndirectJump
			switch rs {
			case 31:
				s.flow = insn.Return
			case 25:
			default:
				s.table = true
			}
			return r.slot(t, at, s)
		case 9: // jalr
			s.n, s.flow = 8, insn.IndirectCall
			return r.slot(t, at, s)
		case 13: // break
			if x>>6 == 0 {
				s.flow = insn.Stop
			}
		case 0x21, 0x2d, 0x25: // addu, daddu, or: moves, and gp+
			a, b := rs, rt
			if a == 0 {
				a, b = b, a
			}
			v, got, ok := r.regs.get(a)
			r.regs.kill(x >> 11 & 31)
			if ok && b == 0 && x>>11&31 != 28 {
				r.regs.set(x>>11&31, v, got)
			} else if x>>11&31 == 28 {
				r.regs.set(28, r.b.image.base, true)
			}
			return s
		}
		if x != 0 {
			r.regs.kill(x >> 11 & 31)
		}
	case 1: // bltz, bgez, bal
		switch rt {
		case 0, 1, 2, 3:
			s.flow, s.to = insn.Branch, near
		case 16, 17, 18, 19:
			if rs == 0 && rt == 17 { // bal
				if near == addr+8 {
					return s
				}
				s.n, s.flow, s.to = 8, insn.Call, near
				return r.slot(t, at, s)
			}
			s.flow, s.to = insn.Branch, near
		}
	case 2, 3: // j, jal
		s.n, s.to = 8, (addr+4)&^0x0fffffff|uint64(x&0x03ffffff)<<2
		s.flow = insn.Jump
		if op == 3 {
			s.flow = insn.Call
		}
		return r.slot(t, at, s)
	case 29: // jalx
		s.n, s.flow, s.to = 8, insn.Call, (addr+4)&^0x0fffffff|uint64(x&0x03ffffff)<<2|1
		return r.slot(t, at, s)
	case 4, 5, 6, 7, 20, 21, 22, 23: // branches
		s.flow, s.to = insn.Branch, near
		if op == 4 && rs == rt {
			s.n, s.flow = 8, insn.Jump
			return r.slot(t, at, s)
		}
	case 17, 18: // of the floating-point unit
		if rs == 8 {
			s.flow, s.to = insn.Branch, near
		}
	case 15: // lui
		r.regs.set(rt, r.b.f.addr(uint64(int64(int32(x<<16)))), false)
	case 9, 25: // addiu, daddiu
		v, slot, ok := r.regs.get(rs)
		r.regs.kill(rt)
		switch {
		case rt == 28:
			r.regs.set(28, r.b.image.base, true)
		case ok && !slot:
			v = r.b.f.addr(v + uint64(int64(int16(x))))
			r.regs.set(rt, v, false)
			s.forms, s.taken = v, rt == 25
		}
	case 35, 55: // lw, ld
		v, slot, ok := r.regs.get(rs)
		r.regs.kill(rt)
		switch {
		case rt == 28:
			r.regs.set(28, r.b.image.base, true)
		case ok && slot && rs == 28 && (op == 35) == (r.b.f.Class == 32):
			v = r.b.f.addr(v + uint64(int64(int16(x))))
			if p, known := r.b.image.Pointer(v); known && p.Name == "" {
				r.regs.set(rt, p.To, false)
				if rt == 25 {
					s.forms = p.To
				}
			}
		}
	case 8, 10, 11, 12, 13, 14, 24, 26, 27, 32, 33, 34, 36, 37, 38, 39:
		r.regs.kill(rt)
	}
	return s
}

// slot takes in what stands in a delay slot. A call keeps the registers that it
// may not change.
func (r *mipsReader) slot(t *text, at int, s step) step {
	x := r.word(t, at+4)
	if op := x >> 26; op == 9 || op == 25 || op == 15 || op == 35 || op == 55 || op == 0 && x&0x3f != 8 && x&0x3f != 9 {
		in := r.step(t, at+4)
		if s.forms == 0 {
			s.forms, s.taken = in.forms, in.taken
		}
	}
	if s.flow == insn.Call || s.flow == insn.IndirectCall {
		r.regs.known &= 0x50ff0000 // s0 to s7, gp, s8
	}
	return s
}
