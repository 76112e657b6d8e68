package insn

import "math/bits"

// x86Track follows what registers hold through a function, as far as that is an
// address, in the order of the code. Where paths join, it knows only what all of
// those seen so far agree on.
type x86Track struct {
	value     [16]uint64
	addresses uint16 // registers that hold value
	slots     uint16 // registers that hold the word that is at value
	places    uint16 // registers that hold value, from which i386 code counts its addresses
	kept      uint16 // registers that held such a place somewhere in the function
	home      uint64 // that place
	ended     bool   // nothing leads here from the instruction before
	pushed    uint64 // CALL to the next instruction has pushed this
	long      bool
	start     uint64                         // of the function
	labels    [1 << x86LabelBits / 64]uint64 // which targets are noted
	targets   [1 << x86LabelBits]x86Label
	spilled   [8]x86Spill
	spills    int
	frame     uint64 // depth at the branch before
	depth     uint64 // how far the stack pointer is below where it was
}

// x86Label is what is known at the target of a branch.
type x86Label struct {
	at     uint64
	places uint16
	depth  uint64
}

// x86Spill is a place that was stored on the stack.
type x86Spill struct{ at, value uint64 }

const (
	x86ESP   = 4
	x86EBX   = 3
	x86EBP   = 5
	x86Saved = 1<<x86EBX | 1<<x86EBP | 1<<6 | 1<<7 // by functions, for their callers
)

// begin starts a function at an address. Of targets, what labels tells is used.
func (t *x86Track) begin(c *Code, start uint64) {
	t.start, t.long = start, c.Set == X8664
	t.addresses, t.slots, t.places, t.kept, t.home = 0, 0, 0, 0, 0
	t.ended, t.pushed, t.labels, t.frame, t.depth, t.spills = false, 0, [len(t.labels)]uint64{}, 0, 0, 0
	t.spilled = [len(t.spilled)]x86Spill{}
	if !t.long && c.Base != 0 {
		// Parts of functions that were split off are entered with it in any of
		// these; others do not use what is in them.
		t.home, t.kept = c.Base, 1<<x86EBX
		t.resume(x86Saved)
	}
}

// live says whether the next instruction matters.
func (t *x86Track) live() bool {
	return t.addresses|t.slots|t.places|t.kept != 0 || t.ended || t.pushed != 0
}

// end forgets what is known where no instruction leads on.
func (t *x86Track) end() {
	t.addresses, t.slots, t.places, t.pushed = 0, 0, 0, 0
	t.ended = true
}

// slot is where a target is noted, by its distance from the function's start, so
// that it is the same wherever the function is.
func (t *x86Track) slot(at uint64) uint64 {
	return (at - t.start) * 0x9e3779b97f4a7c15 >> (64 - x86LabelBits)
}

const x86LabelBits = 8

// branch notes where a branch leads.
func (t *x86Track) branch(to uint64) {
	i := t.slot(to)
	l := &t.targets[i]
	if l.at == to && t.labels[i>>6]>>(i&63)&1 != 0 {
		l.places &= t.homes()
		return
	}
	t.labels[i>>6] |= 1 << (i & 63)
	t.frame = t.depth
	*l = x86Label{to, t.homes(), t.depth}
}

// label takes what branches to an instruction know.
func (t *x86Track) label(at uint64) {
	i := t.slot(at)
	l := &t.targets[i]
	if t.labels[i>>6]>>(i&63)&1 == 0 || l.at != at {
		if t.ended {
			// Reached from behind, or through a table.
			t.resume(t.kept & x86Saved)
			t.ended, t.depth = false, t.frame
		}
		return
	}
	t.addresses, t.slots, t.pushed = 0, 0, 0
	if t.ended {
		t.resume(l.places)
	} else {
		t.places = t.homes() & l.places
	}
	// A call before that never returns may have left arguments on the stack.
	t.ended, t.depth = false, l.depth
}

// homes are the registers that hold what code of this function counts from.
// There is one such place in a function, once it is computed.
func (t *x86Track) homes() (regs uint16) {
	for p := t.places; p != 0; p &= p - 1 {
		if r := bits.TrailingZeros16(p); t.value[r] == t.home {
			regs |= 1 << r
		}
	}
	return regs
}

// resume is where code goes on behind a jump, with the place in some registers.
func (t *x86Track) resume(regs uint16) {
	t.places = regs
	for p := regs; p != 0; p &= p - 1 {
		t.value[bits.TrailingZeros16(p)] = t.home
	}
}

// step follows one instruction, and gives calls through registers their targets.
func (t *x86Track) step(d *x86, x *x86Inst, in *Inst, next uint64) {
	if t.ended {
		t.ended, t.depth = false, t.frame
		t.resume(t.kept & x86Saved)
	}
	bit := uint16(1) << (x.rm & 15)
	switch in.Flow {
	case IndirectCall, IndirectJump:
		if !x.memory && t.addresses&bit != 0 {
			in.To = t.value[x.rm]
			if in.Flow = in.Flow - IndirectJump + Jump; in.Flow != Jump {
				in.Flow = Call
			}
		} else if !x.memory && t.slots&bit != 0 {
			in.Ref = t.value[x.rm]
		}
	}
	switch in.Flow {
	case Call, IndirectCall:
		t.called(d, in, next)
		return
	case Jump, IndirectJump, Return, Stop:
		t.end()
		return
	case Branch:
		if x.m == 0 && x.op&0xfc == 0xe0 { // LOOP
			t.lose(1 << 1)
		}
		t.pushed = 0
		return
	}
	e := x.entry
	pushed := t.pushed
	t.pushed = 0
	switch {
	case x.m == 0 && x.op&0xf8 == 0x58:
		t.depth -= 4
		if t.lose(bit); pushed != 0 {
			t.place(x.rm, pushed)
		}
		return
	case x.m == 0 && x.op == 0x8d && x.based && !x.indexed && x.rm == x.reg && x.disp == 0: // alignment
		return
	case x.m == 0 && x.op == 0x8d:
		t.lose(1 << x.reg)
		if in.Ref != 0 && !x.indexed {
			t.value[x.reg] = in.Ref
			t.addresses |= 1 << x.reg
		}
		return
	case x.m == 0 && x.op&0xfd == 0x89 && x.prefix&x8666 == 0:
		t.move(x, in)
		return
	case x.m == 0 && x.op&0xf8 == 0xb8:
		if t.lose(bit); in.Ref != 0 {
			t.value[x.rm] = in.Ref
			t.addresses |= bit
		}
		return
	case e&x86Address != 0 && !x.memory && t.places&bit != 0 && x.adds():
		return
	case !t.long && x.m == 0 && (x.op == 0x83 || x.op == 0x81) && !x.memory && x.rm == x86ESP:
		if x.reg&7 == 0 {
			t.depth -= x.imm
		} else if x.reg&7 == 5 {
			t.depth += x.imm
		}
		return
	case !t.long && x.m == 0 && (x.op&0xf8 == 0x50 || x.op == 0x68 || x.op == 0x6a || x.op == 0xff && x.reg&7 == 6):
		t.depth += 4
		return
	case e&x86Reads != 0:
		return
	}
	t.lose(x.writes())
}

// writes are the general registers that an instruction writes, but for those
// that x86Track.step knows.
func (x *x86Inst) writes() uint16 {
	rm, reg := x.rm&15, x.reg&15
	if x.bytes() && x.prefix&x86REX == 0 { // AH to BH
		rm, reg = rm&3, reg&3
	}
	if x.entry&x86ModRM == 0 {
		switch {
		case x.m == 1 && x.op&0xf8 == 0xc8: // BSWAP
			return 1 << rm
		case x.m != 0: // CPUID
			return 0xf
		case x.op < 0x40:
			return 1
		case x.op&0xf0 == 0x40 || x.op&0xf8 == 0x90 || x.op&0xf0 == 0xb0:
			return 1 | 1<<rm
		case x.op == 0xc9: // LEAVE
			return 1 << x86EBP
		case x.op == 0x61: // POPA
			return 0xff
		}
		switch x.op & 0xfe {
		case 0x6c, 0x6e, 0xa4, 0xa6, 0xaa, 0xac, 0xae: // strings
			return 1 | 1<<1 | 1<<6 | 1<<7
		}
		return 1 | 1<<2
	}
	w := uint16(0)
	inRM := x.group || x.entry&x86Store != 0
	if inRM && !x.memory {
		w = 1 << rm
	}
	if !inRM {
		w = 1 << reg
	}
	switch {
	case x.m == 0 && x.op&0xfe == 0x86, x.m == 1 && x.op&0xfe == 0xc0: // XCHG, XADD
		w |= 1 << reg
	case x.m == 0 && x.op&0xfe == 0xf6, x.m == 1 && (x.op&0xfe == 0xb0 || x.op == 0xc7 || x.op == 0x01): // MUL, DIV, CMPXCHG
		w |= 7
	case x.m > 3:
		w |= 1 << (x.other & 15)
	}
	return w
}

// bytes tells instructions on registers of a byte.
func (x *x86Inst) bytes() bool {
	switch op := x.op; x.m {
	case 0:
		return op&1 == 0 && (op < 0x40 || op >= 0x80 && op < 0x8c || op&0xed == 0xc0 || op == 0xc6 || op == 0xf6 || op == 0xfe) || op&0xf8 == 0xb0
	case 1:
		return op&0xf0 == 0x90 || op == 0xb0 || op == 0xc0
	}
	return false
}

func (t *x86Track) lose(regs uint16) {
	t.addresses &^= regs
	t.slots &^= regs
	t.places &^= regs
}

func (t *x86Track) place(r uint8, v uint64) {
	t.value[r] = v
	t.places |= 1 << r
}

// move follows MOV between registers, and from and to memory.
func (t *x86Track) move(x *x86Inst, in *Inst) {
	from, to := x.reg, x.rm
	if x.op == 0x8b {
		from, to = to, from
	}
	switch {
	case !x.memory:
		a, s, p := t.addresses>>from&1, t.slots>>from&1, t.places>>from&1
		t.lose(1 << to)
		if to == x86ESP {
			return
		}
		t.value[to] = t.value[from]
		t.addresses |= a << to
		t.slots |= s << to
		t.places |= p << to
		t.kept |= p << to
	case x.op == 0x8b:
		t.lose(1 << to)
		if in.Ref != 0 && !x.indexed {
			t.value[to] = in.Ref
			t.slots |= 1 << to
			return
		}
		if at, ok := t.spot(x); ok {
			for i := range t.spilled {
				if s := &t.spilled[i]; s.at == at {
					t.place(to, s.value)
				}
			}
		}
	default:
		at, ok := t.spot(x)
		if !ok {
			return
		}
		for i := range t.spilled {
			if s := &t.spilled[i]; s.at == at {
				*s = x86Spill{}
			}
		}
		if t.places>>from&1 != 0 {
			t.spilled[t.spills&7] = x86Spill{at, t.value[from]}
			t.spills++
		}
	}
}

// spot tells where on the stack a memory operand is.
func (t *x86Track) spot(x *x86Inst) (uint64, bool) {
	if t.long || !x.based || x.indexed || x.rm != x86ESP && x.rm != x86EBP {
		return 0, false
	}
	if x.rm == x86EBP {
		return uint64(uint32(x.disp)) | 1<<40, true
	}
	return uint64(uint32(x.disp-t.depth)) | 1<<41, true
}

// called follows a call (System V ABI, AMD64 and Intel386 supplements).
func (t *x86Track) called(d *x86, in *Inst, next uint64) {
	if t.long {
		t.lose(0x0fc7)
		return
	}
	t.lose(7)
	if in.Flow != Call {
		return
	}
	if in.To == next {
		t.pushed = next
		t.depth += 4
		return
	}
	if d.c.Read == nil {
		return
	}
	// mov (%esp),%reg; ret
	if v, ok := d.c.Read(in.To, 4); ok {
		if v&0xffffc7ff == 0xc324048b {
			r := uint8(v >> 11 & 7)
			t.lose(1 << r)
			t.place(r, next)
		}
	}
}
