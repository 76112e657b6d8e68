package insn

import "encoding/binary"

// decodeAArch64 reads A64 code (Arm Architecture Reference Manual for A-profile,
// C6.2). An address is ADR, or ADRP with the low twelve bits in one instruction
// or more that read the register, near or far.
func (c *Code) decodeAArch64(code []byte, addr uint64, list []Inst) []Inst {
	// What a call gives back is in x0 and x1. Other registers that it may change
	// nobody reads behind it.
	const called = 0x40000003
	t := aarch64Table()
	f := c.follow(code, addr, list, 2)
	f.preserved = a64Preserved
	n := len(code) / 4
	for i := range n {
		at := addr + uint64(i)*4
		dead := f.dead
		if f.begin(i) != 0 {
			continue
		}
		x := binary.LittleEndian.Uint32(code[i*4:])
		p := t.find(x)
		in := f.add()
		*in = Inst{Addr: at, Len: 4, Op: p.op, Word: uint64(x)}
		d, n := x&31, x>>5&31
		switch p.kind {
		case a64Plain:
			if x == 0xd503201f { // nop: what is alignment is not come to
				f.dead = dead
			}
		case a64Rd:
			f.kill(d)
		case a64Rs:
			f.kill(x >> 16 & 31)
		case a64RsRt:
			f.kill(x >> 16 & 31)
			f.kill(x>>16&31 | 1)
			f.kill(d)
		case a64Rt2:
			f.kill(d)
			f.kill(x >> 10 & 31)
		case a64ADR:
			in.Ref = at + uint64(int64(int32(x<<8)>>13)<<2|int64(x>>29&3))
			in.Word &^= 0x60ffffe0
			f.put64(d, value{n: in.Ref, address: true})
		case a64ADRP:
			page := at&^0xfff + uint64(int64(int32(x<<8)>>13)<<2|int64(x>>29&3))<<12
			f.put64(d, value{n: page, address: true, by: [2]int32{f.last()}})
		case a64Add, a64Sub:
			v, ok := f.get(n)
			if !ok {
				f.kill(d)
				break
			}
			imm := uint64(x >> 10 & 0xfff << (x >> 22 & 1 * 12))
			if p.kind == a64Sub {
				imm = -imm
			}
			in.Ref = v.n + imm
			in.Word &^= 0x7ffc00
			f.whole(in, v)
			f.put64(d, value{n: in.Ref, address: true})
		case a64Or:
			if f.kill(d); n == 31 && d != 31 {
				f.move(d, x>>16&31)
			}
		case a64Load, a64Store:
			scale := x >> 30
			if x&0x04800000 == 0x04800000 { // a vector of 16 bytes
				scale = 4
			}
			off := uint64(x>>10&0xfff) << scale
			f.reads64(in, n, off, 0x3ffc00)
			switch {
			case (n == 31 || n == 29) && x&0xffc00000 == 0xf9000000:
				f.spill(n, off, d)
			case (n == 31 || n == 29) && x&0xffc00000 == 0xf9400000 && d != 31:
				f.unspill(n, off, d)
			case p.kind == a64Load:
				f.kill(d)
			}
		case a64LoadNear, a64StoreNear:
			f.reads64(in, n, uint64(int64(int32(x<<11)>>23)), 0x1ff000)
			if p.kind == a64LoadNear {
				f.kill(d)
			}
		case a64LoadPair, a64StorePair:
			scale := 2 + x>>31
			if x>>26&1 != 0 {
				scale = 2 + x>>30
			}
			off := uint64(int64(int32(x<<10)>>25)) << scale
			f.reads64(in, n, off, 0x3f8000)
			f.pair64(x, off)
		case a64LoadBack:
			f.kill(d)
			f.kill(n)
		case a64StoreBack:
			f.kill(n)
		case a64PairBack: // at sp as it is between the two
			f.pair64(x, 0)
			f.kill(n)
		case a64Literal, a64LiteralPlain:
			f.literal64(in, x, at+uint64(int64(int32(x<<8)>>13)<<2))
			if p.kind == a64Literal {
				f.kill(d)
			}
		case a64Jump:
			in.Flow, in.To = Jump, at+uint64(int64(int32(x<<6)>>4))
			in.Word &^= 0x3ffffff
			f.leads(at, in.To)
			f.dead = true
		case a64Branch19:
			in.Flow, in.To = Branch, at+uint64(int64(int32(x<<8)>>13)<<2)
			in.Word &^= 0xffffe0
			f.leads(at, in.To)
		case a64Branch14:
			in.Flow, in.To = Branch, at+uint64(int64(int32(x<<13)>>18)<<2)
			in.Word &^= 0x7ffe0
			f.leads(at, in.To)
		case a64Call:
			in.Flow, in.To = Call, at+uint64(int64(int32(x<<6)>>4))
			in.Word &^= 0x3ffffff
			f.known &^= called
		case a64IndirectJump, a64IndirectCall:
			in.Flow = IndirectJump
			v, ok := f.get(n)
			if ok = ok && v.by == [2]int32{}; ok {
				in.Flow, in.To = Jump, v.n
			}
			if f.dead = p.kind == a64IndirectJump; f.dead {
				break
			}
			if in.Flow = IndirectCall; ok {
				in.Flow = Call
			}
			f.known &^= called
		case a64Return:
			in.Flow, f.dead = Return, true
		case a64Stop:
			in.Flow, f.dead = Stop, true
		default:
			in.Flow = Bad
		}
	}
	f.rest(n * 4)
	return f.done()
}

// put64 sets a register but for 31, which is the stack's or none.
func (f *follower) put64(d uint32, v value) {
	if d != 31 {
		f.set(d, v)
	}
}

// a64Preserved are x19 to x28.
const a64Preserved = 0x1ff80000

// pair64 is LDP and STP of two registers at a distance from Rn.
func (f *follower) pair64(x uint32, off uint64) {
	d, e, n := x&31, x>>10&31, x>>5&31
	stack := (n == 31 || n == 29) && x>>31 != 0
	switch {
	case x>>26&1 != 0: // vectors
	case x>>22&1 == 0 && stack:
		f.spill(n, off, d)
		f.spill(n, off+8, e)
	case x>>22&1 == 0:
	case stack && d != 31 && e != 31:
		f.unspill(n, off, d)
		f.unspill(n, off+8, e)
	default:
		f.kill(d)
		f.kill(e)
	}
}

// reads64 is for an instruction that accesses memory behind a register; field
// are the bits of the offset.
func (f *follower) reads64(in *Inst, base uint32, off uint64, field uint64) {
	if v, ok := f.get(base); ok {
		in.Ref = v.n + off
		in.Word &^= field
		f.whole(in, v)
	}
}

// literal64 is for LDR of a literal, which is at from.
func (f *follower) literal64(in *Inst, x uint32, from uint64) {
	in.Word &^= 0xffffe0
	size := 4
	switch x & 0xc4000000 {
	case 0x40000000, 0x44000000:
		size = 8
	case 0x84000000:
		size = 16
	case 0xc0000000: // PRFM
		in.Ref = from
		return
	}
	v, ok := f.literal(from, size)
	switch {
	case !ok:
		in.Ref = from
	case size == 16:
		high, _ := f.literal(from+8, 8)
		in.Word = fold(fold(in.Word, v), high)
	case size == 8 && f.inFile(v):
		in.Ref = v
	default:
		in.Word = fold(in.Word, v)
	}
}
