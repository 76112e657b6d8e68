package insn

// decodeMIPS16 reads MIPS16e code (MIPS Architecture for Programmers, Volume
// IV-a). Addr is that of the code, without the bit that tells the set. EXTEND and
// what it extends are one instruction; an address is a word beside the code, or
// LI and SLL, which make an upper half, with the lower half behind them.
func (c *Code) decodeMIPS16(code []byte, addr uint64, list []Inst) []Inst {
	t := mips16Table()
	f := c.follow(code, addr, list, 1)
	order := c.order()
	n := len(code) / 2
	var slot delay // of the instruction before
	for i := 0; i < n; {
		at := addr + uint64(i)*2
		if k := f.begin(i); k != 0 {
			i += k
			continue
		}
		x, size := uint32(order.Uint16(code[i*2:])), 1
		key := x                                  // what EXTEND extends says what it is
		if op := x >> 11; op == 0x1e || op == 3 { // EXTEND, JAL
			if i+1 == n {
				break
			}
			y := uint32(order.Uint16(code[i*2+2:]))
			if op == 0x1e {
				key = y
			}
			x, size = x<<16|y, 2
		}
		p := t.find(key)
		in := f.add()
		*in = Inst{Addr: at, Len: uint32(size) * 2, Op: p.op, Word: uint64(x)}
		before := slot
		slot = f.mips16(in, p.kind, x)
		switch before.then {
		case delayJump:
			f.dead = true
		case delayCall:
			f.known &^= 0x8000000c
		}
		i += size
	}
	f.rest(int(f.end() - addr))
	return f.done()
}

// mips16Register are the registers that three bits name.
var mips16Register = [8]uint32{16, 17, 2, 3, 4, 5, 6, 7}

// mips16 takes an instruction.
func (f *follower) mips16(in *Inst, kind uint8, x uint32) (slot delay) {
	rx, ry, rz := mips16Register[x>>8&7], mips16Register[x>>5&7], mips16Register[x>>2&7]
	long := in.Len == 4
	// What stands in the instruction alone, and with EXTEND.
	near, field := uint64(x&0xff), uint64(0xff)
	if long {
		near, field = uint64(int64(int16(x>>5&0xf800|x>>16&0x7e0|x&31))), 0x07ff001f
	}
	pc := in.Addr &^ 3
	switch kind {
	case mipsPlain:
	case m16Rx:
		f.kill(rx)
	case m16Ry:
		f.kill(ry)
	case m16Rz:
		f.kill(rz)
	case m16Li:
		f.kill(rx)
		if long { // not of a sign
			f.set(rx, value{n: near & 0xffff, by: [2]int32{f.last()}})
		}
	case m16Shift:
		v, ok := f.get(ry)
		f.kill(rx)
		if ok && long && x>>22&31 == 16 && v.by[1] == 0 && !v.address {
			v.n = uint64(uint32(v.n << 16))
			f.set(rx, v)
		}
	case m16Add8:
		if !long {
			near = uint64(int64(int8(x)))
		}
		v, ok := f.mips16Plus(in, rx, near, field)
		f.mipsPut(rx, v, ok)
	case m16Add4:
		near, field = uint64(int64(int32(x<<28)>>28)), 15
		if long { // of fifteen bits
			near, field = uint64(int64(int32((x>>5&0x7800|x>>16&0x7f0|x&15)<<17)>>17)), 0x07ff000f
		}
		v, ok := f.mips16Plus(in, rx, near, field)
		f.mipsPut(ry, v, ok)
	case m16AddPC:
		if !long {
			near *= 4
		}
		in.Ref = uint64(uint32(pc + near))
		in.Word &^= field
		f.set(rx, value{n: in.Ref, address: true, by: [2]int32{f.last()}})
		f.pc = in.Ref // perhaps of a table
	case m16Below:
		if f.limit = uint64(x & 0xff); long {
			f.limit = near
		}
	case m16Sum: // of LI and SLL, and of where the code is: gp
		v, w := f.v[rx], f.v[ry]
		if !w.address {
			v, w = w, v
		}
		known := f.known>>rx&1 != 0 && f.known>>ry&1 != 0
		if f.kill(rz); known && !v.address && w.address && uint64(uint32(v.n+w.n)) == f.c.Base {
			f.whole(in, v)
			f.whole(in, w)
			f.set(rz, value{n: f.c.Base, address: true})
		}
	case m16LoadPC:
		if !long {
			near *= 4
		}
		in.Word &^= field
		v := f.armLiteral(in, uint64(uint32(pc+near)))
		f.armPut(rx, v)
	case m16Load, m16Store:
		if !long {
			near, field = uint64(x&31), 31
			switch x >> 11 & 3 {
			case 1:
				near *= 2
			case 3:
				near *= 4
			}
		}
		if f.mips16Plus(in, rx, near, field); kind == m16Load {
			f.kill(ry)
		}
	case m16Move: // of a register of all to one of eight
		f.move(ry, x&31)
	case m16MoveBack:
		f.move(x>>5&7|x&0x18, mips16Register[x&7])
	case m16Branch, m16BranchAlways:
		far := uint64(int64(int8(x))) * 2
		if kind == m16BranchAlways {
			far, field = uint64(int64(int32(x<<21)>>21))*2, 0x7ff
		}
		if long {
			far, field = near*2, 0x07ff001f
		}
		in.Flow, in.To = Branch, uint64(uint32(in.Addr+uint64(in.Len)+far))
		in.Word &^= field
		f.leads(in.Addr, in.To)
		if kind == m16BranchAlways {
			in.Flow, f.dead = Jump, true
		}
	case m16Call:
		in.Flow = Call
		in.To = (in.Addr+4)&^0x0fffffff | uint64(x>>16&31)<<23 | uint64(x>>21&31)<<18 | uint64(x&0xffff)<<2
		in.Word &^= 0x03ffffff
		slot.then = delayCall
	case m16Jump:
		f.mips16Jump(in, x, rx)
		if x&0x80 == 0 {
			slot.then = delayJump
			if in.Flow == Call || in.Flow == IndirectCall {
				slot.then = delayCall
			}
		} else {
			f.dead = in.Flow != Call && in.Flow != IndirectCall
		}
	case mipsStop:
		in.Flow, f.dead = Stop, true
	default:
		in.Flow = Bad
	}
	return slot
}

// mips16Plus is mipsPlus for a constant in other bits.
func (f *follower) mips16Plus(in *Inst, r uint32, imm, field uint64) (value, bool) {
	v, ok := f.get(r)
	if !ok {
		return v, false
	}
	sum := uint64(uint32(v.n + imm))
	if !v.address && (v.by[1] != 0 || !f.inFile(sum)) {
		return v, false
	}
	in.Ref = sum
	if in.Word &^= field; !v.address {
		f.whole(in, v)
	}
	return value{n: sum, address: true}, true
}

// mips16Jump is JR or JALR, with and without a delay slot.
func (f *follower) mips16Jump(in *Inst, x, rx uint32) {
	if x&0x20 != 0 { // of ra
		in.Flow = Return
		return
	}
	v, ok := f.get(rx)
	in.Flow = IndirectJump
	if ok = ok && v.address; ok {
		in.Flow, in.To = Jump, v.n&^1
	}
	if x&0x40 == 0 {
		if f.pc-in.Addr <= 6 {
			f.mips16Distances(f.pc)
		}
		return
	}
	if in.Flow = IndirectCall; ok {
		in.Flow = Call
	}
}

// mips16Distances marks the table behind a jump, which has distances from its
// own address, of two bytes. It ends where armTable's do.
func (f *follower) mips16Distances(table uint64) {
	at := table - f.addr
	size := uint64(len(f.code))
	if at >= size {
		return
	}
	first, n := size, uint64(0)
	for ; at+n*2+2 <= first && n < f.limit; n++ {
		distance := int16(f.c.order().Uint16(f.code[at+n*2:]))
		if to := at + uint64(int64(distance)); to > at && to < size {
			first = min(first, to)
		}
	}
	f.mark(at, n*2, markTable)
}
