package exe

import "math/bits"

const (
	// A value is a constant, or, with mipsImport set, an import. A constant
	// with mipsEntry set was computed from the address of the function, which
	// is known but for what stands between its beginning and there.
	mipsImport = 1 << 63
	mipsEntry  = 1 << 62
	mipsWindow = 16 << 10
	// mipsSaved are the registers that a called function leaves as they are:
	// s0 to s7, gp, s8.
	mipsSaved = 0x50ff0000
	// mipsLost are those that nobody reads after a call: at, a0 to a3, t0 to
	// t9. Code that does read one is not reached by that call's return.
	mipsLost = 0x0300fff2
)

// registers are what is known at one point: constants and functions in
// registers, and functions that were put aside on the stack.
type registers struct {
	known uint32
	lost  uint32 // by a call, and not written since
	spilt uint8
	at    [32]uint64
	slot  [8]int16
	held  [8]uint64
}

// meet keeps what two ways to a point agree on, and says whether less is
// known than before.
func (r *registers) meet(o *registers) bool {
	known, lost, spilt := r.known, r.lost, r.spilt
	for k := known &^ o.lost; k != 0; k &= k - 1 {
		if i := bits.TrailingZeros32(k); o.known>>i&1 == 0 || o.at[i] != r.at[i] {
			r.known &^= 1 << i
		}
	}
	for k := lost & o.known; k != 0; k &= k - 1 {
		i := bits.TrailingZeros32(k)
		r.at[i] = o.at[i]
		r.known |= 1 << i
	}
	r.lost &= o.lost
	for k := r.spilt; k != 0; k &= k - 1 {
		i := bits.TrailingZeros8(k)
		if v, ok := o.spill(r.slot[i]); !ok || v != r.held[i] {
			r.spilt &^= 1 << i
		}
	}
	return known != r.known || lost != r.lost || spilt != r.spilt
}

func (r *registers) spill(slot int16) (uint64, bool) {
	for k := r.spilt; k != 0; k &= k - 1 {
		if i := bits.TrailingZeros8(k); r.slot[i] == slot {
			return r.held[i], true
		}
	}
	return 0, false
}

func (r *registers) keep(slot int16, v uint64, ok bool) {
	if !ok && r.spilt == 0 {
		return
	}
	free := -1
	for i := range r.slot {
		if r.spilt>>i&1 == 0 {
			free = i
		} else if r.slot[i] == slot {
			free = i
			r.spilt &^= 1 << i
			break
		}
	}
	if ok && free >= 0 {
		r.slot[free], r.held[free] = slot, v
		r.spilt |= 1 << free
	}
}

// mipsDest says which register an opcode writes: 1 rt, 2 rd; the rest is in
// step.
var mipsDest = [64]uint8{0: 2, 8: 1, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1, 14: 1, 15: 1, 16: 3, 17: 3, 18: 3, 24: 1, 25: 1, 26: 1, 27: 1, 28: 2, 31: 4,
	32: 1, 33: 1, 34: 1, 35: 1, 36: 1, 37: 1, 38: 1, 39: 1, 48: 1, 52: 1, 55: 1, 56: 1, 60: 1}

// Classes of instructions: which field names the register that is written,
// whether step has more to say, and if so, only where rs is known or the stack;
// and whether it may be a branch, jump or call.
const (
	classRT = 1 << iota
	classRD
	classStep
	classBase
	classJump
)

// mipsClass is by opcode and function field: one look-up is cheaper than
// branches that nobody foresees.
var mipsClass = func() (class [1 << 12]uint8) {
	for op, d := range mipsDest {
		c := uint8(0)
		switch d {
		case 1:
			c = classRT
		case 2:
			c = classRD
		case 3, 4:
			c = classStep
		}
		switch op {
		case 9, 13, 25, 35, 55:
			c = classRT | classStep | classBase
		case 43, 63:
			c = classStep | classBase
		case 15:
			c = classStep
		case 1, 2, 3, 4, 5, 6, 7, 17, 18, 20, 21, 22, 23:
			c = classJump
		}
		for fn := range 64 {
			k := c
			if op == 0 && fn>>1 == 4 { // jr, jalr
				k = classJump
			} else if op == 0 && (fn == 0x21 || fn == 0x25 || fn == 0x2d) { // addu, or, daddu
				k = classStep
			}
			class[op<<6|fn] = k
		}
	}
	return class
}()

func classOf(x uint32) uint8 { return mipsClass[x>>20&0xfc0|x&0x3f] }

// step does what an instruction does to known registers.
func (f *flow) step(r *registers, i int) {
	x := f.words[i]
	op, rs, rt := x>>26, x>>21&31, x>>16&31
	imm := uint64(int64(int16(x)))
	var v uint64
	ok := false
	dest := rt
	switch op {
	case 15: // lui
		v, ok = f.number(uint64(int64(int32(x<<16)))), true
	case 9, 25, 13: // addiu, daddiu, ori
		if r.known>>rs&1 != 0 && r.at[rs]&mipsImport == 0 {
			if ok = true; op == 13 {
				imm &= 0xffff
			}
			v = f.near(f.number(r.at[rs]+imm) | r.at[rs]&mipsEntry)
		}
		if rt == 29 {
			r.spilt = 0
		}
	case f.load:
		switch {
		case rs == 29:
			v, ok = r.spill(int16(x))
		case r.known>>rs&1 != 0 && r.at[rs]&mipsImport == 0:
			if of, slot := f.c.slots.at(f.c.width(f.near(r.at[rs]) + imm)); slot {
				v, ok = uint64(of)|mipsImport, true
			}
		}
		if rt == 28 && !ok { // gp comes back from where it was saved
			if r.known>>28&1 != 0 {
				return
			}
			v, ok = f.gp, true
		}
	case f.load + 8: // sw, sd
		if rs == 29 {
			r.keep(int16(x), r.at[rt], r.known>>rt&1 != 0)
		}
		return
	case 0:
		dest = x >> 11 & 31
		switch x & 0x7ff {
		case 0x21, 0x2d, 0x25: // addu, daddu, or
			rk, tk := r.known>>rs&1 != 0, r.known>>rt&1 != 0
			switch {
			case x&0x7ff != 0x25 && rk && r.at[rs]&mipsImport == 0 && (rt == 25 || rt == 31): // t9 may come from the slot of the function itself
				v, ok = f.number(r.at[rs]+f.entry(i))|mipsEntry, true
			case x&0x7ff != 0x25 && tk && r.at[rt]&mipsImport == 0 && (rs == 25 || rs == 31):
				v, ok = f.number(r.at[rt]+f.entry(i))|mipsEntry, true
			case rt == 0 && rk:
				v, ok = r.at[rs], true
			case rs == 0 && tk:
				v, ok = r.at[rt], true
			case x&0x7ff == 0x25 || rk && r.at[rs]&mipsImport != 0 || tk && r.at[rt]&mipsImport != 0:
			case rk && tk:
				v, ok = f.number(r.at[rs]+r.at[rt])|(r.at[rs]|r.at[rt])&mipsEntry, true
			}
			if !ok && dest == 28 {
				return
			}
			if !f.wide { // n64 adds the low half last
				v = f.near(v)
			}
		}
	default:
		switch mipsDest[op] {
		case 0:
			return
		case 2:
			dest = x >> 11 & 31
		case 3: // mfc1 and the like; all else writes registers of the coprocessor
			if rs > 3 {
				return
			}
		case 4: // ext, ins and rdhwr write rt; seb, wsbh and the like rd
			if fn := x & 0x3f; fn == 0x20 || fn == 0x24 {
				dest = x >> 11 & 31
			}
		}
	}
	if f.names != nil {
		if of, named := f.names[f.w.addr+uint64(i)*4]; named {
			v, ok = uint64(of)|mipsImport, true
		}
	}
	r.lost &^= 1 << dest
	if !ok || dest == 0 {
		r.known &^= 1 << dest
		return
	}
	r.known |= 1 << dest
	r.at[dest] = v
}

// entry is where the function begins that computes its gp at word i: t9 holds
// that. It is where the run of lui, addiu and what was put between begins.
func (f *flow) entry(i int) uint64 {
	for k := i - 1; k >= max(0, i-3); k-- {
		if f.words[k]>>26 == 15 {
			return f.w.addr + uint64(k)*4
		}
	}
	return f.w.addr + uint64(i)*4
}

// near takes the file's gp for what was computed from a function's address to
// be about that.
func (f *flow) near(v uint64) uint64 {
	if v&mipsEntry != 0 && f.number(f.gp-v&^mipsEntry+mipsWindow) <= 2*mipsWindow {
		return f.gp
	}
	return v
}

// number is a constant without its marks.
func (f *flow) number(v uint64) uint64 { return f.c.width(v) &^ (mipsImport | mipsEntry) }
