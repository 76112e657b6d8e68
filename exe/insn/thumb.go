package insn

import "encoding/binary"

// decodeThumb reads T16 and T32 code (Arm Architecture Reference Manual
// ARMv7-A, A6, A8). Addr is that of the code, without the bit that tells the set.
// An instruction's Word has its first half above the second.
func (c *Code) decodeThumb(code []byte, addr uint64, list []Inst) []Inst {
	t := thumbTable()
	f := c.follow(code, addr, list, 1)
	f.preserved = armPreserved
	var order binary.ByteOrder = binary.LittleEndian
	if c.Swapped {
		order = binary.BigEndian
	}
	n := len(code) / 2
	conditional := 0 // instructions that IT governs
	for i := 0; i < n; {
		at := addr + uint64(i)*2
		if k := f.begin(i); k != 0 {
			i += k
			continue
		}
		a := order.Uint16(code[i*2:])
		x, size := uint32(a)<<16, 1
		if a >= 0xe800 {
			if i+1 == n {
				break
			}
			x, size = x|uint32(order.Uint16(code[i*2+2:])), 2
		}
		p := t.find(x)
		in := f.add()
		*in = Inst{Addr: at, Len: uint32(size) * 2, Op: p.op, Word: uint64(x)}
		if size == 1 {
			in.Word = uint64(a)
		}
		sure := conditional == 0
		if conditional > 0 {
			conditional--
		}
		pc := uint64(uint32(at) + 4)
		f.pc = pc
		switch {
		case p.kind == armIf:
			conditional = 4
			for m := a & 15; m&1 == 0; m >>= 1 {
				conditional--
			}
		case size == 1:
			f.thumbShort(in, p.kind, uint32(a), pc, sure)
		default:
			f.thumbWide(in, p.kind, x, pc, sure)
		}
		i += size
	}
	f.rest(int(f.end() - addr))
	return f.done()
}

// end is where the instructions end that were read.
func (f *follower) end() uint64 {
	if len(f.list) == f.first {
		return f.addr
	}
	last := &f.list[len(f.list)-1]
	return last.Addr + uint64(last.Len)
}

// thumbShort takes an instruction of two bytes.
func (f *follower) thumbShort(in *Inst, kind uint8, a uint32, pc uint64, sure bool) {
	low, mid, high := a&7, a>>3&7, a>>8&7
	switch kind {
	case armPlain:
	case armRd:
		f.kill(low)
	case armRt:
		f.kill(high)
	case armMov:
		d, m := low, mid
		if a>>8 == 0x46 {
			d, m = low|a>>4&8, a>>3&15
		}
		if d == armPC {
			f.armJump(in, m, sure)
		} else {
			f.armMove(d, m)
		}
	case armAdd, armSub:
		d, n, imm, field := low, mid, a>>6&7, uint64(0x1c0)
		if a>>13 == 1 {
			d, n, imm, field = high, high, a&0xff, 0xff
		}
		if kind == armSub {
			imm = -imm
		}
		f.armPut(d, f.armPlus(in, n, imm, field))
	case armAddReg:
		d := low | a>>4&8
		v := f.armSum(in, d, a>>3&15)
		if d == armPC {
			f.armGoes(in, v, sure)
		} else {
			f.armPut(d, v)
		}
	case armCompare:
		f.limit = uint64(a&0xff) + 1
	case armLiteral:
		in.Word &^= 0xff
		f.armPut(high, f.armLiteral(in, pc&^3+uint64(a&0xff)*4))
	case armLoadReg:
		f.armSum(in, mid, a>>6&7)
		f.kill(low)
	case armLoad, armStore:
		d, n, imm := low, mid, a>>6&31
		switch a >> 12 {
		case 6:
			imm *= 4
		case 8:
			imm *= 2
		case 9: // of the stack
			if imm := uint64(a&0xff) * 4; kind == armStore {
				f.spill(armSP, imm, high)
			} else {
				f.unspill(armSP, imm, high)
			}
			return
		}
		if f.armPlus(in, n, imm, 0x7c0); kind == armLoad {
			f.kill(d)
		}
	case armADR:
		in.Ref = pc&^3 + uint64(a&0xff)*4
		in.Word &^= 0xff
		f.set(high, value{n: in.Ref, address: true})
	case armLoadMany:
		if a>>12 == 11 { // POP
			f.armMany(in, a&0xff|a<<7&0x8000, armSP, false, sure)
		} else {
			f.armMany(in, a&0xff, high, true, sure)
		}
	case armStoreMany:
		if a>>12 != 11 {
			f.kill(high)
		}
	case armJump:
		in.Flow, in.To = Jump, uint64(uint32(pc)+uint32(int32(a<<21)>>20))
		in.Word &^= 0x7ff
		f.leads(in.Addr, in.To)
		f.armEnds(in, sure)
	case armBranch:
		in.Flow, in.To = Branch, uint64(uint32(pc)+uint32(int32(a<<24)>>23))
		in.Word &^= 0xff
		f.leads(in.Addr, in.To)
	case armCompareBranch:
		in.Flow, in.To = Branch, pc+uint64(a>>3&0x40|a>>2&0x3e)
		in.Word &^= 0x2f8
		f.leads(in.Addr, in.To)
	case armIndirectJump:
		f.armJump(in, a>>3&15, sure)
	case armIndirectCall:
		f.armCalls(in, a>>3&15)
	case armStop:
		in.Flow = Stop
		f.armEnds(in, sure)
	default:
		in.Flow = Bad
	}
}

// thumbWide takes an instruction of four bytes.
func (f *follower) thumbWide(in *Inst, kind uint8, x uint32, pc uint64, sure bool) {
	d, rt, n, m := x>>8&15, x>>12&15, x>>16&15, x&15
	imm12 := x>>15&0x800 | x>>4&0x700 | x&0xff
	switch kind {
	case armPlain:
	case armRd:
		f.armWrite(in, d, sure)
	case armRt:
		f.kill(rt)
	case armRn:
		f.kill(n)
	case armTwo:
		f.kill(rt)
		f.kill(n)
	case armLong:
		f.kill(rt)
		f.kill(d)
	case armMov:
		f.armMove(d, m)
	case armMovw:
		f.armHalf(d, value{n: uint64(n<<12 | imm12)})
	case armMovt:
		f.armUpper(in, d, n<<12|imm12)
	case armAdd, armSub:
		if x>>25&1 == 0 && imm12 >= 0x100 { // shifted, or more than once
			imm12 = thumbImmediate(imm12)
		}
		if kind == armSub {
			imm12 = -imm12
		}
		f.armPut(d, f.armPlus(in, n, imm12, 0x040070ff))
	case armADR:
		in.Ref = uint64(uint32(pc)&^3 + imm12)
		if x>>23&1 != 0 {
			in.Ref = uint64(uint32(pc)&^3 - imm12)
		}
		in.Word &^= 0x04a070ff
		f.set(d, value{n: in.Ref, address: true})
	case armAddReg:
		f.armPut(d, f.armSum(in, n, m))
	case armCompare:
		if f.limit = 0; imm12 < 0x100 {
			f.limit = uint64(imm12) + 1
		}
	case armLoad, armStore:
		off, field := x&0xfff, uint64(0xfff)
		if x>>23&1 == 0 {
			off, field = -(x & 0xff), 0xff
		}
		word := x>>21&3 == 2
		switch {
		case n == armSP && word && kind == armStore:
			f.spill(n, uint64(off), rt)
			return
		case n == armSP && word && rt != armPC:
			f.unspill(n, uint64(off), rt)
			return
		}
		f.armPlus(in, n, off, field)
		if kind == armLoad {
			f.armWrite(in, rt, sure)
		}
	case armLiteral:
		off := x & 0xfff
		if x>>23&1 == 0 {
			off = -off
		}
		from := uint64(uint32(pc)&^3 + off)
		if size := 1 << (x >> 21 & 3); size < 4 {
			f.armBeside(in, from, size, 0x800fff)
			f.kill(rt)
			return
		}
		in.Word &^= 0x800fff
		v := f.armLiteral(in, from)
		if rt == armPC {
			f.armGoes(in, v, sure)
		} else {
			f.armPut(rt, v)
		}
	case armLoadReg:
		if x>>4&3 == 2 {
			f.armIndexed(in, rt, n)
		} else if x>>4&3 == 0 {
			f.armSum(in, n, m)
		}
		f.armWrite(in, rt, sure)
	case armLoadBack:
		if rt == armPC && n == armSP {
			in.Flow = Return
			f.armEnds(in, sure)
		} else {
			f.armWrite(in, rt, sure)
		}
		f.kill(n)
	case armStoreBack:
		f.kill(n)
	case armPair, armPairStore:
		f.thumbPair(in, kind, x, pc)
	case armLoadMany:
		f.armMany(in, x&0xffff, n, x>>21&1 != 0, sure)
	case armStoreMany:
		if x>>21&1 != 0 {
			f.kill(n)
		}
	case armVectorLoad:
		f.armVector(in, pc&^3, n)
	case armBranch:
		imm := x<<1&0xffe | x>>4&0x3f000 | x<<5&0x40000 | x<<8&0x80000 | x>>6&0x100000
		in.Flow, in.To = Branch, uint64(uint32(pc)+uint32(int32(imm<<11)>>11))
		in.Word &^= 0x043f2fff
		f.leads(in.Addr, in.To)
	case armJump, armCall:
		in.Flow, in.To = Jump, uint64(uint32(pc)+thumbFar(x))
		in.Word &^= 0x07ff2fff
		if kind == armCall {
			in.Flow = Call
			f.known &^= armCalled
			break
		}
		f.leads(in.Addr, in.To)
		f.armEnds(in, sure)
	case armCallOther:
		in.Flow, in.To = Call, uint64(uint32(pc)&^3+thumbFar(x))
		in.Word &^= 0x07ff2fff
		f.known &^= armCalled
	case armIndirectJump:
		in.Flow = IndirectJump
		f.armEnds(in, sure)
	case armTableBytes, armTableHalves:
		in.Flow, f.dead = IndirectJump, true
		if v, ok := f.armGet(n); ok {
			f.thumbTable(v.n, pc, uint64(kind-armTableBytes)+1)
		}
	case armStop:
		in.Flow = Stop
		f.armEnds(in, sure)
	default:
		in.Flow = Bad
	}
}

// thumbFar is the distance that the longest branches go.
func thumbFar(x uint32) uint32 {
	s := x >> 26 & 1
	j1, j2 := x>>13&1^s^1, x>>11&1^s^1
	imm := s<<24 | j1<<23 | j2<<22 | x>>4&0x3ff000 | x<<1&0xffe
	return uint32(int32(imm<<7) >> 7)
}

// thumbImmediate is the number that a constant of twelve bits stands for
// (ThumbExpandImm).
func thumbImmediate(imm12 uint32) uint32 {
	b := imm12 & 0xff
	switch imm12 >> 8 {
	case 0:
		return b
	case 1:
		return b | b<<16
	case 2:
		return b<<8 | b<<24
	case 3:
		return b * 0x01010101
	}
	b, r := b|0x80, imm12>>7
	return b>>r | b<<(32-r)
}

// thumbPair is LDRD or STRD.
func (f *follower) thumbPair(in *Inst, kind uint8, x uint32, pc uint64) {
	off := x & 0xff * 4
	if x>>23&1 == 0 {
		off = -off
	}
	n := x >> 16 & 15
	switch {
	case x>>24&1 == 0 || x>>21&1 != 0:
		f.kill(n)
	case n == armPC && kind == armPair:
		f.armBeside(in, uint64(uint32(pc)&^3+off), 8, 0x8000ff)
	default:
		if f.armPlus(in, n, off, 0xff); kind == armPair {
			f.armBehind(in, 8)
		}
	}
	if kind == armPair {
		f.kill(x >> 12 & 15)
		f.kill(x >> 8 & 15)
	}
}

// thumbTable marks the table behind TBB or TBH, which has distances from
// the program counter, of size bytes. It ends like one of addresses.
func (f *follower) thumbTable(table, pc, size uint64) {
	at := table - f.addr
	first, n := uint64(len(f.code)), uint64(0)
	if table < pc || at >= first {
		return
	}
	for ; at+(n+1)*size <= first && (f.limit == 0 || n < f.limit); n++ {
		distance := uint64(f.code[at+n*size])
		if size == 2 {
			distance = uint64(f.c.order().Uint16(f.code[at+n*2:]))
		}
		first = min(first, pc-f.addr+distance*2)
	}
	f.mark(at, n*size, markTable)
}
