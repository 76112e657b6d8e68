package insn

const (
	mipsT9 = 25
	mipsGP = 28
	mipsSP = 29
	mipsRA = 31
	// mipsLowest is below what files that begin at 0 have there beside headers.
	mipsLowest = 0x400
)

// decodeMIPS reads MIPS32 and MIPS64 code. An address is LUI with the lower half in
// an instruction behind it, or stands in a word behind gp, whole or as a page
// to which the lower half is added (MIPS psABI supplement, "Position-Independent
// Function Prologue", "Global Offset Table"). What stands behind a jump is done
// before it; the Flow is the jump's.
func (c *Code) decodeMIPS(code []byte, addr uint64, list []Inst) []Inst {
	t := mipsTable()
	if c.Set == MIPS64 {
		t = mips64Table()
	}
	f := c.follow(code, addr, list, 2)
	f.preserved = 0x40ff0000                     // s0 to s8
	f.set(mipsT9, value{n: addr, address: true}) // which calls go through
	if c.Base != 0 {
		f.set(mipsGP, value{n: c.Base, address: true})
	}
	order := c.order()
	big := order.Uint16(bigFirst) == 1
	n := len(code) / 4
	var slot delay // of the instruction before
	for i := range n {
		at := addr + uint64(i)*4
		dead := f.dead
		if f.begin(i) != 0 {
			continue
		}
		b := code[i*4:]
		x := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		if big {
			x = uint32(b[3]) | uint32(b[2])<<8 | uint32(b[1])<<16 | uint32(b[0])<<24
		}
		p := t.find(x)
		in := f.add()
		*in = Inst{Addr: at, Len: 4, Op: p.op, Word: uint64(x)}
		if x == 0 { // nop: what is alignment is not come to
			f.dead = dead
		}
		before := slot
		slot = f.mips(in, p.kind, x)
		switch before.then {
		case delayBranch, delayJump:
			f.leads(at, before.to)
			f.dead = before.then == delayJump
		case delayCall: // v0, v1
			f.known &^= 0x8000000c
		case delayHere:
			f.set(mipsRA, value{n: before.to, address: true})
		}
	}
	f.rest(n * 4)
	return f.done()
}

// delay is what is done behind the instruction behind a jump.
type delay struct {
	then uint8
	to   uint64
}

const (
	delayNone uint8 = iota
	delayBranch
	delayJump
	delayCall
	delayHere // a call of what stands behind, which tells where the code is
)

// mips takes an instruction.
func (f *follower) mips(in *Inst, kind uint8, x uint32) (slot delay) {
	rs, rt, rd := x>>21&31, x>>16&31, x>>11&31
	imm := uint64(int64(int16(x)))
	near := in.Addr + 4 + imm<<2
	far := (in.Addr+4)&^0x0fffffff | uint64(x&0x03ffffff)<<2
	switch kind {
	case mipsPlain:
	case mipsRd:
		f.kill(rd)
	case mipsRt:
		f.kill(rt)
	case mipsAdd:
		f.mipsSum(in, rd, rs, rt)
	case mipsOr:
		switch {
		case rt == 0 && rd != 0:
			f.move(rd, rs)
		case rs == 0 && rd != 0:
			f.move(rd, rt)
		default:
			f.kill(rd)
		}
	case mipsUpper:
		f.mipsPut(rt, value{n: f.mipsCut(uint64(int64(int32(x << 16)))), by: [2]int32{f.last()}}, true)
	case mipsAddConstant:
		v, ok := f.mipsPlus(in, rs, imm)
		f.mipsPut(rt, v, ok && rt != mipsSP)
	case mipsLoad, mipsStore:
		if f.mipsPlus(in, rs, imm); kind == mipsLoad {
			f.kill(rt)
		}
	case mipsLoadAddress:
		f.mipsLoad(in, rs, rt, imm)
	case mipsStoreAddress:
		if rs == mipsSP {
			f.spill(rs, imm, rt)
		} else {
			f.mipsPlus(in, rs, imm)
		}
	case mipsBranch:
		in.Flow, in.To = Branch, f.mipsCut(near)
		in.Word &^= 0xffff
		slot = delay{delayBranch, in.To}
		if x>>16 == 0x1000 || x>>16 == 0x0401 { // b
			in.Flow, slot.then = Jump, delayJump
		}
	case mipsBranchCall:
		in.Flow, in.To = Call, f.mipsCut(near)
		in.Word &^= 0xffff
		if slot.then = delayCall; in.To == in.Addr+8 {
			slot = delay{delayHere, in.To}
		}
	case mipsJump:
		in.Flow, in.To = Jump, far
		in.Word &^= 0x03ffffff
		slot = delay{delayJump, far}
	case mipsCall, mipsCallOther:
		in.Flow, in.To = Call, far
		in.Word &^= 0x03ffffff
		slot.then = delayCall
	case mipsIndirectJump:
		in.Flow, slot.then = IndirectJump, delayJump
		if v, ok := f.get(rs); ok && v.address && !v.part {
			in.Flow, in.To = Jump, v.n&^1
		} else if rs == mipsRA {
			in.Flow = Return
		}
	case mipsIndirectCall:
		in.Flow, slot.then = IndirectCall, delayCall
		if v, ok := f.get(rs); ok && v.address && !v.part {
			in.Flow, in.To = Call, v.n&^1
		}
	case mipsReturn:
		in.Flow, f.dead = Return, true
	case mipsStop:
		in.Flow, f.dead = Stop, true
	default:
		in.Flow = Bad
	}
	return slot
}

// mipsCut cuts an address to the set's size.
func (f *follower) mipsCut(n uint64) uint64 {
	if f.c.Set == MIPS {
		return uint64(uint32(n))
	}
	return n
}

// mipsPut writes a register, or forgets it.
func (f *follower) mipsPut(r uint32, v value, ok bool) {
	switch {
	case r == 0:
	case ok:
		f.set(r, v)
	default:
		f.kill(r)
	}
}

// mipsPlus is the sum of a register and the instruction's constant: of an
// address, or of the upper half of a number.
func (f *follower) mipsPlus(in *Inst, r uint32, imm uint64) (value, bool) {
	v, ok := f.get(r)
	switch {
	case !ok && r == mipsGP && f.c.Base != 0: // what a function needs of gp it has
		v = value{n: f.c.Base, address: true}
	case !ok:
		return v, false
	}
	sum := f.mipsCut(v.n + imm)
	switch {
	case v.address && sum == f.c.Base && v.part: // gp
	case v.address && v.n == 0 && sum < mipsLowest: // the slot of an import, which is empty
		return v, false
	case v.address || f.inFile(sum):
		in.Ref = sum
	case v.by[1] == 0: // not yet, or never
		v.n, v.by[1] = sum, f.last()
		return v, true
	default:
		return v, false
	}
	in.Word &^= 0xffff
	f.whole(in, v)
	return value{n: sum, address: true}, true
}

// mipsSum is ADDU: gp, an address with a wide distance from gp, or the upper half of an
// address with an index.
func (f *follower) mipsSum(in *Inst, d, s, t uint32) {
	v, ok := f.get(s)
	w, also := f.get(t)
	switch {
	case t == 0:
		f.mipsPut(d, v, ok)
	case s == 0:
		f.mipsPut(d, w, also)
	case ok && also && v.address != w.address:
		if w.address {
			v, w = w, v
		}
		sum := value{n: f.mipsCut(v.n + w.n), address: true, by: w.by, part: w.by[1] == 0}
		if !sum.part {
			if in.Ref = sum.n; in.Ref == f.c.Base {
				in.Ref = 0
			}
			f.whole(in, w)
			sum.by = [2]int32{}
		}
		f.mipsPut(d, sum, true)
	case ok && !also && (v.part || !v.address && v.by[1] == 0):
		f.mipsPut(d, v, true)
	case also && !ok && (w.part || !w.address && w.by[1] == 0):
		f.mipsPut(d, w, true)
	default:
		f.kill(d)
	}
}

// mipsLoad is LW or LD of an address: from the stack, or from a slot behind gp.
func (f *follower) mipsLoad(in *Inst, base, t uint32, imm uint64) {
	if base == mipsSP {
		if f.unspill(base, imm, t); t == mipsGP && f.c.Base != 0 {
			f.set(t, value{n: f.c.Base, address: true})
		}
		return
	}
	v, ok := f.get(base)
	ok = ok && (v.n == f.c.Base || v.part) || base == mipsGP
	f.mipsPlus(in, base, imm)
	if f.kill(t); t == 0 || !ok || in.Ref == 0 || f.c.Base == 0 {
		return
	}
	size := 4
	if f.c.Set == MIPS64 {
		size = 8
	}
	n, ok := f.c.read(in.Ref, size)
	if !ok {
		return
	}
	w := value{n: n, address: true}
	if n&0xffff == 0 { // a page, to which the lower half is added
		w.by[0], w.part = f.last(), true
	} else if _, ok := f.c.read(n, 1); !ok {
		return
	}
	f.set(t, w)
}
