package insn

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

// value is what a register holds.
type value struct {
	n uint64
	// by are the instructions that hold parts of n, as 1 + index in the list.
	// Their constants mean nothing once an address is whole.
	by [2]int32
	// address says that n is one, or the upper part of one.
	address bool
	// part says that the lower half of an address comes yet.
	part bool
}

// registers are those whose content is known, a bit each.
type registers struct {
	known uint32
	v     [32]value
}

func (r *registers) kill(i uint32) { r.known &^= 1 << (i & 31) }

func (r *registers) set(i uint32, v value) {
	r.known |= 1 << (i & 31)
	r.v[i&31] = v
}

func (r *registers) get(i uint32) (value, bool) { return r.v[i&31], r.known>>(i&31)&1 != 0 }

// move copies a register.
func (r *registers) move(to, from uint32) {
	if v, ok := r.get(from); ok {
		r.set(to, v)
	} else {
		r.kill(to)
	}
}

// copyFrom takes over what other knows.
func (r *registers) copyFrom(other *registers) {
	r.known = other.known
	for k := r.known; k != 0; k &= k - 1 {
		i := bits.TrailingZeros32(k)
		r.v[i] = other.v[i]
	}
}

// join adds what other knows.
func (r *registers) join(other *registers) {
	r.known |= other.known
	for k := other.known; k != 0; k &= k - 1 {
		i := bits.TrailingZeros32(k)
		r.v[i] = other.v[i]
	}
}

// meet forgets what other does not know, or knows differently. Of an address
// the same upper part may come from two instructions.
func (r *registers) meet(other *registers) {
	r.known &= other.known
	for k := r.known; k != 0; k &= k - 1 {
		i := bits.TrailingZeros32(k)
		v, w := &r.v[i], &other.v[i]
		if v.n != w.n {
			r.known &^= 1 << i
		} else if v.address && v.by[1] == 0 && v.by[0] != 0 && v.by[0] != w.by[0] {
			v.by[1] = w.by[0]
		}
	}
}

// follower reads a function from its first to its last byte, and knows what
// registers hold. Code is followed in a line; what a jump ahead knows is kept
// until the line comes to where it leads.
type follower struct {
	registers
	c    *Code
	code []byte
	addr uint64 // of code
	// unit is the distance of instructions as a power of two.
	unit  uint8
	list  []Inst
	first int     // index in list of the function's first instruction
	marks []uint8 // of each unit of code
	// dead says that the instruction before does not go on to this one.
	dead bool
	// pc is what the program counter reads as (ARM, Thumb), or the last
	// address that was made from it (MIPS16e).
	pc uint64
	// limit is 1 + the constant of the last comparison, 0 if it had none.
	limit uint64
	// absolute says that numbers in code may be addresses: the file does not
	// begin at 0, as those do that are loaded anywhere.
	absolute bool
	// preserved are the registers that functions give back to their callers.
	preserved uint32
	spilt     [maxSpilt]spilt
	kept      int // of spilt
	ahead     [maxAhead]ahead
	waiting   int // of ahead
}

// Marks of a unit.
const (
	markLabel   uint8 = 1 << iota // a jump ahead leads here, which is in follower.ahead
	markData                      // an instruction reads a literal here
	markTable                     // a table of distances within the function
	markTargets                   // a table of addresses
)

// maxAhead is the number of places ahead for which what is known is kept.
// Of those above it what the line knows is taken.
const maxAhead = 32

// ahead is what is known at a place that jumps lead to.
type ahead struct {
	to uint64
	registers
}

// maxSpilt is the number of words of the stack of which the content is known.
// Of those above it nothing is.
const maxSpilt = 32

// spilt is a word of the stack that holds what a register held.
type spilt struct {
	base, r uint32 // registers: of the stack, and that which was written
	off     uint64
	v       value
	known   bool // v is; else r is one that functions preserve
}

var followers = sync.Pool{New: func() any { return new(follower) }}

// follow begins a function. Its end is done.
func (c *Code) follow(code []byte, addr uint64, list []Inst, unit uint8) *follower {
	f := followers.Get().(*follower)
	f.c, f.code, f.addr, f.unit, f.preserved = c, code, addr, unit, 0
	n := len(code) >> unit
	f.list, f.first = slices.Grow(list, n+1), len(list)
	f.marks = slices.Grow(f.marks[:0], n)[:n]
	clear(f.marks)
	f.known, f.dead, f.waiting, f.kept, f.limit, f.pc = 0, false, 0, 0, 0, 0
	_, zero := c.read(0, 1)
	f.absolute = !zero
	return f
}

// done returns the list.
func (f *follower) done() []Inst {
	list := f.list
	f.c, f.code, f.list = nil, nil, nil
	followers.Put(f)
	return list
}

// order is the byte order of data.
func (c *Code) order() binary.ByteOrder {
	if c.Order == nil {
		return binary.LittleEndian
	}
	return c.Order
}

// read is Code.Read where there is one.
func (c *Code) read(addr uint64, n int) (uint64, bool) {
	if c.Read == nil {
		return 0, false
	}
	return c.Read(addr, n)
}

// begin is called with the number of each unit at which an instruction begins.
// Where there is data instead it appends that, and returns how many units it is.
func (f *follower) begin(unit int) (data int) {
	if m := f.marks[unit]; m != 0 {
		return f.marked(unit, m)
	}
	f.dead = false
	return 0
}

// marked is begin for a unit that has the marks m.
func (f *follower) marked(unit int, m uint8) (data int) {
	if m&(markData|markTable|markTargets) != 0 {
		return f.beside(unit, m)
	}
	f.arrive(f.addr + uint64(unit)<<f.unit)
	f.dead = false
	return 0
}

// add appends an instruction, for which follow made room.
func (f *follower) add() *Inst {
	n := len(f.list)
	f.list = f.list[:n+1]
	return &f.list[n]
}

// beside appends a piece of data that has the mark m.
func (f *follower) beside(unit int, m uint8) (units int) {
	units = 1
	at := unit << f.unit
	in := Inst{Addr: f.addr + uint64(at), Flow: Data}
	if f.unit == 1 && m&markTable == 0 && in.Addr&2 == 0 && unit+1 < len(f.marks) && (f.marks[unit+1]^m)&^markLabel == 0 {
		units = 2
	}
	in.Len = uint32(units) << f.unit
	switch b := f.code[at : at+int(in.Len)]; {
	case m&markTable != 0 && in.Len == 2:
		in.Word = uint64(f.c.order().Uint16(b))
	case m&markTable != 0:
		in.Word = uint64(f.c.order().Uint32(b))
	case m&markTargets != 0 && in.Len == 4:
		in.Ref = uint64(f.c.order().Uint32(b))
	}
	f.list = append(f.list, in)
	return units
}

// arrive joins what is known with what those know that jump here.
func (f *follower) arrive(addr uint64) {
	for i := range f.ahead[:f.waiting] {
		a := &f.ahead[i]
		if a.to != addr {
			continue
		}
		switch {
		case f.dead:
			f.copyFrom(&a.registers)
		case f.behindCall():
			f.join(&a.registers)
		default:
			f.meet(&a.registers)
		}
		if f.waiting--; i != f.waiting {
			last := &f.ahead[f.waiting]
			a.to = last.to
			a.copyFrom(&last.registers)
		}
		return
	}
}

// behindCall says whether a call stands before. Where a jump leads there too it
// is often one that does not return.
func (f *follower) behindCall() bool {
	i := len(f.list) - 1
	if f.c.Set == MIPS || f.c.Set == MIPS64 {
		i--
	}
	return i >= f.first && (f.list[i].Flow == Call || f.list[i].Flow == IndirectCall)
}

// leads keeps what is known for where a jump leads.
func (f *follower) leads(from, to uint64) {
	if to <= from || to-f.addr >= uint64(len(f.code)) {
		return
	}
	unit := int(to-f.addr) >> f.unit
	if unit >= len(f.marks) {
		return
	}
	if f.marks[unit]&markLabel != 0 {
		for i := range f.ahead[:f.waiting] {
			if a := &f.ahead[i]; a.to == to {
				a.meet(&f.registers)
				return
			}
		}
	}
	if f.waiting == maxAhead {
		return
	}
	f.marks[unit] |= markLabel
	a := &f.ahead[f.waiting]
	a.to = to
	a.copyFrom(&f.registers)
	f.waiting++
}

// spill writes a register to the stack, in a line like all else: compilers do
// not use a word of it twice while they need what it holds.
func (f *follower) spill(base uint32, off uint64, r uint32) {
	v, ok := f.get(r)
	w := spilt{base, r, off, v, ok}
	for i := range f.spilt[:f.kept] {
		if s := &f.spilt[i]; s.base == base && s.off == off {
			*s = w
			return
		}
	}
	if f.kept < maxSpilt && (ok || f.preserved>>r&1 != 0) {
		f.spilt[f.kept] = w
		f.kept++
	}
}

// unspill reads it back. A register that a function only gives back to its
// caller keeps what it held before: behind the return that follows is code which
// is led to from further up.
func (f *follower) unspill(base uint32, off uint64, r uint32) {
	for i := range f.spilt[:f.kept] {
		if s := &f.spilt[i]; s.base == base && s.off == off {
			if s.known {
				f.set(r, s.v)
			} else if s.r != r {
				f.kill(r)
			}
			return
		}
	}
	f.kill(r)
}

// last is the number by which a value names the instruction that was added
// last.
func (f *follower) last() int32 { return int32(len(f.list)) }

// whole is called for a value that an address was made of: the instructions
// that hold its parts hold no more of it. In may be the last of them.
func (f *follower) whole(in *Inst, v value) {
	for _, i := range v.by {
		if i == 0 {
			continue
		}
		part := &f.list[i-1]
		if part != in {
			part.Ref = 0
		}
		part.Word &^= f.c.partOf(part.Word)
	}
}

// partOf are the bits of a word that hold a part of an address.
func (c *Code) partOf(word uint64) uint64 {
	const literal = 0xffffffff << 32 // see fold
	switch {
	case c.Set == AArch64:
		return 0x60ffffe0 // ADRP
	case c.Set == ARM && word&0x0fb00000 == 0x03000000: // MOVW, MOVT
		return 0xf0fff
	case c.Set == Thumb && word&0xfb708000 == 0xf2400000:
		return 0x040f70ff
	case c.Set == MIPS16 && word>>27 == 0x1e: // LI, ADDIU
		return 0x07ff001f
	case c.Set == ARM || c.Set == Thumb || c.Set == MIPS16:
		return literal
	}
	return 0xffff // MIPS
}

// inFile says whether a number may be an address: that of something in the file, or
// behind its end.
func (f *follower) inFile(n uint64) bool {
	if !f.absolute {
		return false
	}
	_, ok := f.c.read(n, 1)
	if !ok {
		_, ok = f.c.read(n-1, 1)
	}
	return ok
}

// literal is a number of up to eight bytes that an instruction reads, of which
// those in the function are data.
func (f *follower) literal(addr uint64, size int) (n uint64, ok bool) {
	at := addr - f.addr
	if at >= uint64(len(f.code)) || uint64(len(f.code))-at < uint64(size) {
		return f.c.read(addr, min(size, 8))
	}
	f.mark(at, uint64(size), markData)
	b := f.code[at:]
	order := f.c.order()
	switch size {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(order.Uint16(b)), true
	case 4:
		return uint64(order.Uint32(b)), true
	}
	return order.Uint64(b), true
}

// mark says what size bytes of the function, from at on, are instead of
// instructions.
func (f *follower) mark(at, size uint64, as uint8) {
	end := min((at+size+1<<f.unit-1)>>f.unit, uint64(len(f.marks)))
	for unit := at >> f.unit; unit < end; unit++ {
		f.marks[unit] |= as
		// What was read as instructions, which have the length of a unit.
		if i := f.first + int(unit); f.unit == 2 && i < len(f.list) {
			f.list[i] = Inst{Addr: f.list[i].Addr, Len: 4, Flow: Data}
		}
	}
}

// rest appends bytes at the end of a function that are too few for an instruction.
func (f *follower) rest(from int) {
	if from < len(f.code) {
		var word uint64
		for _, b := range f.code[from:] {
			word = word<<8 | uint64(b)
		}
		f.list = append(f.list, Inst{Addr: f.addr + uint64(from), Len: uint32(len(f.code) - from), Flow: Bad, Word: word})
	}
}

// fold takes a constant into a word of which the lower half is an instruction:
// two constants of 32 bits give two words, as do two that differ in few bits.
func fold(word, constant uint64) uint64 {
	return word + constant<<32 + constant>>32*0x9e3779b97f4a7c15
}
