package exe

// mips follows MIPS code of both widths (MIPS32 and MIPS64 Architecture,
// volume II): lui and addiu make an address, or a load of a page's address
// relative to gp. What stands behind a jump is done before it. Arguments are in
// a0 to a2; calls leave s0 to s7, gp, sp and s8 (MIPS psABI supplement, 3).
func (t *tracer) mips() {
	words := t.words()
	at := func(i int) uint64 { return t.routine.Addr + uint64(i)*4 }
	for i, x := range words {
		if to, _, ok := branchTarget(x, i); ok {
			t.branch(at(i), t.routine.Addr+uint64(int64(to)*4))
		} else if x>>26 == 2 {
			t.branch(at(i), (at(i)+4)&^0x0fffffff|uint64(x&0x03ffffff)<<2)
		}
	}
	t.constant(25, t.routine.Addr) // t9, where calls go through it
	t.keep(28, t.got)
	t.keep(0, 0)
	t.regs[29] = Given{Origin: stackOrigin}
	const changes = 0x8300fffe | 0x3<<32
	for i := 0; i < len(words); i++ {
		t.label(at(i))
		x, here := words[i], at(i)
		how := classOf(x)
		if how&classJump == 0 {
			t.mipsStep(x)
			continue
		}
		call := x>>26 == 3 || x>>26 == 0 && x&0x3f == 9 || x>>26 == 1 && x>>20&1 != 0 && x>>16&31 < 20
		_, falls, branches := branchTarget(x, i)
		likely := branches && (x>>28 == 5 || (x>>26 == 1 || x>>26 == 17) && x>>17&1 != 0)
		if i+1 < len(words) && classOf(words[i+1])&classJump == 0 {
			before := t.regs
			t.label(at(i + 1))
			t.mipsStep(words[i+1])
			t.taken(here)
			if likely {
				t.regs = before
				if r := destination(words[i+1]); r != 0 && r != 28 && r != 29 {
					t.kill(r)
				}
			}
			i++
		}
		switch {
		case call:
			if x>>26 == 1 && x>>16&31 == 17 && x>>21&31 == 0 && int16(x) == 1 { // bal .+8: where am I
				t.constant(31, here+8)
				continue
			}
			t.called(here, t.args(4), 2, changes)
		case jumps(x) || branches && !falls:
			t.called(here, t.args(4), 0, 0)
			t.ended = true
		}
	}
}

func (t *tracer) mipsStep(x uint32) {
	rs, rt, imm := x>>21&31, x>>16&31, uint64(int64(int16(x)))
	put := func(r uint32, v Given) {
		switch {
		case r == 0 || r == 29:
		case r == 28 && !v.Constant: // gp comes back from where it was saved
		case r == 28: // what was computed from where the function begins, roughly
			if t.cut(v.N-t.got+mipsWindow) <= 2*mipsWindow {
				v.N = t.got
			}
			t.keep(28, v.N)
		default:
			t.set(r, v)
		}
	}
	load, store := uint32(35), uint32(43)
	if t.f.Is64() {
		load, store = 55, 63
	}
	switch op := x >> 26; op {
	case 15: // lui
		put(rt, Given{Constant: true, N: t.cut(uint64(int64(int32(x << 16))))})
	case 9, 25: // addiu, daddiu
		put(rt, t.plus(t.regs[rs], imm))
	case 13: // ori
		if v := t.regs[rs]; v.Constant {
			put(rt, Given{Constant: true, N: v.N | imm&0xffff})
		} else {
			put(rt, t.fresh())
		}
	case load:
		if rt == 28 {
			return
		}
		put(rt, t.load(t.regs[rs], imm))
	case store:
		t.store(t.regs[rs], imm, t.regs[rt])
	case 0:
		d := x >> 11 & 31
		v, w := t.regs[rs], t.regs[rt]
		switch fn := x & 0x7ff; {
		case (fn == 0x21 || fn == 0x2d || fn == 0x25) && rt == 0:
			put(d, v)
		case (fn == 0x21 || fn == 0x2d || fn == 0x25) && rs == 0:
			put(d, w)
		case (fn == 0x21 || fn == 0x2d) && v.Constant && w.Constant:
			put(d, t.plus(v, w.N))
		case mipsDest[0] != 0 && d != 28:
			put(d, t.fresh())
		}
	default:
		if d := destination(x); d != 0 && d != 28 {
			put(d, t.fresh())
		}
	}
}
