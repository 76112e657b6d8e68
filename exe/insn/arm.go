package insn

import "encoding/binary"

const (
	armSP = 13
	armLR = 14
	armPC = 15
	// armCalled are the registers that a call gives something in. Others that it may
	// change nobody reads behind it, but behind calls of functions that are
	// known not to change them (__aeabi_read_tp).
	armCalled = 0x4003
	// armPreserved are r4 to r11.
	armPreserved = 0x0ff0
)

// decodeARM reads A32 code (Arm Architecture Reference Manual ARMv7-A, A5, A8).
// An address is a word beside the code, MOVW and MOVT, or a distance from the
// program counter.
func (c *Code) decodeARM(code []byte, addr uint64, list []Inst) []Inst {
	t := armTable()
	f := c.follow(code, addr, list, 2)
	f.preserved = armPreserved
	var order binary.ByteOrder = binary.LittleEndian
	if c.Swapped {
		order = binary.BigEndian
	}
	n := len(code) / 4
	for i := range n {
		at := addr + uint64(i)*4
		if f.begin(i) != 0 {
			continue
		}
		x := order.Uint32(code[i*4:])
		key := x & 0x0fffffff
		if x >= 0xf0000000 {
			key |= 1 << 28
		}
		p := t.find(key)
		in := f.add()
		*in = Inst{Addr: at, Len: 4, Op: p.op, Word: uint64(x)}
		sure := x>>28 >= 14
		d, n, m := x>>12&15, x>>16&15, x&15
		f.pc = at + 8
		switch p.kind {
		case armPlain:
		case armRd, armRt:
			f.armWrite(in, d, sure)
		case armRn:
			f.kill(n)
		case armTwo:
			f.kill(d)
			f.kill(n)
		case armMov:
			if d == armPC {
				f.armJump(in, m, sure)
			} else {
				f.armMove(d, m)
			}
		case armMovw:
			f.armHalf(d, value{n: uint64(x>>4&0xf000 | x&0xfff)})
		case armMovt:
			f.armUpper(in, d, x>>4&0xf000|x&0xfff)
		case armAdd, armSub:
			imm := x & 0xff
			imm = imm>>(x>>7&30) | imm<<(32-x>>7&30)
			if p.kind == armSub {
				imm = -imm
			}
			v := f.armPlus(in, n, imm, 0xfff)
			if d == armPC {
				f.armGoes(in, v, sure)
			} else {
				f.armPut(d, v)
			}
		case armAddReg:
			v := f.armSum(in, n, m)
			if d == armPC {
				f.armGoes(in, v, sure)
			} else {
				f.armPut(d, v)
			}
		case armCompare:
			if f.limit = 0; x>>20&0xff == 0x35 && x>>8&15 == 0 {
				f.limit = uint64(x&0xff) + 1
			}
		case armLoad, armStore:
			off := x & 0xfff
			if x>>23&1 == 0 {
				off = -off
			}
			switch {
			case n == armSP && x>>22&1 == 0 && p.kind == armStore:
				f.spill(n, uint64(off), d)
			case n == armSP && x>>22&1 == 0 && d != armPC:
				f.unspill(n, uint64(off), d)
			case p.kind == armStore:
				f.armPlus(in, n, off, 0xfff)
			case n == armPC && x>>22&1 == 0:
				in.Word &^= 0x800fff
				v := f.armLiteral(in, uint64(uint32(at)+8+off))
				if d == armPC {
					f.armGoes(in, v, sure)
				} else {
					f.armPut(d, v)
				}
			default:
				f.armPlus(in, n, off, 0xfff)
				f.armWrite(in, d, sure)
			}
		case armLoadReg:
			if x&0xff0 == 0x100 && x>>22&3 == 2 {
				f.armIndexed(in, d, n)
			} else if x&0xff0 == 0 && x>>23&1 != 0 {
				f.armSum(in, n, m)
			}
			f.armWrite(in, d, sure)
		case armLoadBack:
			if d == armPC && n == armSP {
				in.Flow = Return
				f.armEnds(in, sure)
			} else {
				f.armWrite(in, d, sure)
			}
			f.kill(n)
		case armStoreBack:
			f.kill(n)
		case armLoadHalf, armStoreHalf:
			f.armHalves(in, x, at)
			if p.kind == armLoadHalf {
				f.armWrite(in, d, sure)
			}
		case armPair:
			if x&0x01600000 == 0x01400000 {
				f.armHalves(in, x, at)
			}
			f.kill(d)
			f.kill(d + 1)
			if x>>24&1 == 0 || x>>21&1 != 0 {
				f.kill(n)
			}
		case armLoadMany:
			f.armMany(in, x&0xffff, n, x>>21&1 != 0, sure)
		case armStoreMany:
			if x>>21&1 != 0 {
				f.kill(n)
			}
		case armVectorLoad:
			f.armVector(in, uint64(uint32(at)+8), n)
		case armJump:
			in.To = uint64(uint32(at) + 8 + uint32(int32(x<<8)>>6))
			in.Word &^= 0xffffff
			in.Flow = Jump
			f.leads(at, in.To)
			f.armEnds(in, sure)
		case armCall:
			in.Flow, in.To = Call, uint64(uint32(at)+8+uint32(int32(x<<8)>>6))
			in.Word &^= 0xffffff
			f.known &^= armCalled
		case armCallOther:
			in.Flow, in.To = Call, uint64(uint32(at)+8+uint32(int32(x<<8)>>6)+x>>23&2)
			in.Word &^= 0x1ffffff
			f.known &^= armCalled
		case armIndirectJump:
			f.armJump(in, m, sure)
		case armIndirectCall:
			f.armCalls(in, m)
		case armStop:
			in.Flow = Stop
			f.armEnds(in, sure)
		default:
			in.Flow = Bad
		}
	}
	f.rest(n * 4)
	return f.done()
}

// armGet is a register, or the program counter.
func (f *follower) armGet(r uint32) (value, bool) {
	if r == armPC {
		return value{n: f.pc, address: true}, true
	}
	return f.get(r)
}

// armMove copies a register.
func (f *follower) armMove(d, m uint32) {
	v, ok := f.armGet(m)
	if !ok {
		v = value{}
	}
	f.armPut(d, v)
}

// armPut writes a register, or forgets it where v is no value.
func (f *follower) armPut(r uint32, v value) {
	if v == (value{}) || r == armSP {
		f.kill(r)
	} else {
		f.set(r, v)
	}
}

// armWrite writes what is not followed to a register, which may be the program
// counter.
func (f *follower) armWrite(in *Inst, r uint32, sure bool) {
	if f.kill(r); r == armPC {
		in.Flow = IndirectJump
		f.armEnds(in, sure)
	}
}

// armEnds makes a jump one that is perhaps taken, if it has a condition.
func (f *follower) armEnds(in *Inst, sure bool) {
	if f.dead = sure; !sure {
		in.Flow = Branch
	}
}

// armGoes is a jump to an address that was computed.
func (f *follower) armGoes(in *Inst, v value, sure bool) {
	if in.Flow = IndirectJump; v != (value{}) {
		in.Flow, in.To, in.Ref = Jump, v.n&^1, 0
	}
	f.armEnds(in, sure)
}

// armJump is BX or MOV pc.
func (f *follower) armJump(in *Inst, r uint32, sure bool) {
	in.Flow = IndirectJump
	if v, ok := f.armGet(r); ok {
		in.Flow, in.To = Jump, v.n&^1
	} else if r == armLR {
		in.Flow = Return
	}
	f.armEnds(in, sure)
}

// armCalls is BLX of a register.
func (f *follower) armCalls(in *Inst, r uint32) {
	in.Flow = IndirectCall
	if v, ok := f.armGet(r); ok {
		in.Flow, in.To = Call, v.n&^1
	}
	f.known &^= armCalled
}

// armMany is LDM.
func (f *follower) armMany(in *Inst, registers, base uint32, back, sure bool) {
	// As in unspill.
	const kept = armPreserved
	if registers>>armPC&1 != 0 {
		in.Flow = Return
		f.armEnds(in, sure)
		registers &^= kept
	} else if base == armSP {
		registers &^= kept
	}
	if f.known &^= registers; back {
		f.kill(base)
	}
}

// armHalf is MOVW: a number that MOVT may complete.
func (f *follower) armHalf(d uint32, v value) {
	v.by[0] = f.last()
	f.armPut(d, v)
}

// armUpper is MOVT.
func (f *follower) armUpper(in *Inst, d, imm uint32) {
	v, ok := f.armGet(d)
	if !ok || v.by[1] != 0 {
		f.kill(d)
		return
	}
	v.n = v.n&0xffff | uint64(imm)<<16
	if v.by[1] = f.last(); f.inFile(v.n) {
		in.Ref = v.n
		f.whole(in, v)
		v = value{n: v.n, address: true}
	}
	f.armPut(d, v)
}

// armPlus is the sum of a register and a constant, which field of the
// instruction holds.
func (f *follower) armPlus(in *Inst, r, off uint32, field uint64) value {
	v, ok := f.armGet(r)
	if !ok {
		return value{}
	}
	sum := uint64(uint32(v.n) + off)
	if !v.address {
		if !f.inFile(sum) {
			return value{}
		}
		f.whole(in, v)
	}
	in.Ref = sum
	in.Word &^= field
	return value{n: sum, address: true}
}

// armSum is the sum of two registers, one of which holds an address.
func (f *follower) armSum(in *Inst, n, m uint32) value {
	v, ok := f.armGet(n)
	w, also := f.armGet(m)
	if !ok || !also || !v.address && !w.address {
		return value{}
	}
	f.whole(in, v)
	f.whole(in, w)
	in.Ref = uint64(uint32(v.n + w.n))
	return value{n: in.Ref, address: true}
}

// armLiteral is the word that LDR reads at an address beside the code.
func (f *follower) armLiteral(in *Inst, from uint64) value {
	n, ok := f.literal(from, 4)
	switch {
	case !ok:
		in.Ref = from
		return value{}
	case f.inFile(n):
		in.Ref = n
		return value{n: n, address: true, by: [2]int32{f.last()}}
	}
	in.Word = fold(in.Word, n)
	return value{n: n, by: [2]int32{f.last()}}
}

// armHalves is for loads and stores of halves and pairs with a constant.
func (f *follower) armHalves(in *Inst, x uint32, at uint64) {
	off := x>>4&0xf0 | x&15
	if x>>23&1 == 0 {
		off = -off
	}
	size := 2
	switch {
	case x>>20&1 != 0 && x>>5&3 == 2: // LDRSB
		size = 1
	case x>>20&1 == 0: // LDRD
		size = 8
	}
	if x>>16&15 == armPC {
		f.armBeside(in, uint64(uint32(at)+8+off), size, 0x800f0f)
		return
	}
	f.armPlus(in, x>>16&15, off, 0xf0f)
	f.armBehind(in, size)
}

// armBehind is for a load of eight bytes from an address that ADR gave, of a number beside the
// code.
func (f *follower) armBehind(in *Inst, size int) {
	if from := in.Ref; size == 8 && from-f.addr < uint64(len(f.code)) {
		in.Ref = 0
		f.armBeside(in, from, size, 0)
	}
}

// armBeside takes what is beside the code into Word.
func (f *follower) armBeside(in *Inst, from uint64, size int, field uint64) {
	in.Word &^= field
	if n, ok := f.literal(from, size); ok {
		in.Word = fold(in.Word, n)
	} else {
		in.Ref = from
	}
}

// armVector is VLDR; pc is what the program counter reads as.
func (f *follower) armVector(in *Inst, pc uint64, base uint32) {
	off := uint32(in.Word&0xff) * 4
	if in.Word>>23&1 == 0 {
		off = -off
	}
	size := 4
	if in.Word>>8&1 != 0 {
		size = 8
	}
	if base == armPC {
		f.armBeside(in, uint64(uint32(pc)+off), size, 0x8000ff)
	} else {
		f.armPlus(in, base, off, 0xff)
		f.armBehind(in, size)
	}
}

// armTable marks a table in the function, of addresses or of distances from it.
// It ends at the limit of the last comparison, where the first of the code is
// that it leads to, or at what leads elsewhere.
func (f *follower) armTable(table, behind uint64, as uint8) {
	at, size := table-f.addr, uint64(len(f.code))
	if table < behind || at >= size {
		return
	}
	first, n := size, uint64(0)
	for ; at+n*4+4 <= first && (f.limit == 0 || n < f.limit); n++ {
		entry := f.c.order().Uint32(f.code[at+n*4:])
		if as == markTable {
			entry += uint32(table)
		}
		to := uint64(entry)&^1 - f.addr
		if to >= size {
			break
		}
		if to > at {
			first = min(first, to)
		}
	}
	f.mark(at, n*4, as)
}

// armIndexed is LDR of a register from Rn and Rm times 4, which is how tables of
// jumps are read.
func (f *follower) armIndexed(in *Inst, t, n uint32) {
	if v, ok := f.armGet(n); ok && v.address {
		as := markTable
		if t == armPC {
			as = markTargets
		}
		f.armTable(v.n, in.Addr+uint64(in.Len), as)
	}
}
