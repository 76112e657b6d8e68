package exe

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Given is what a call is given in one argument, as far as the instructions
// before it say.
type Given struct {
	// Constant says that it is the number N, mostly an address.
	Constant bool
	N        uint64
	// Origin names what is not known: two arguments of one routine with the
	// same Origin that is not 0 were taken from one place, a register or a
	// word of memory that nothing seemed to write in between.
	Origin uint32
}

// Site is a call, what it is given in its first four arguments, and what it
// gives back.
type Site struct {
	Call
	Args   [4]Given
	Result Given
}

// Routine is a run of code that seems to be one function.
type Routine struct {
	Addr, Size uint64
	thumb      bool
}

// Bounds on what following arguments may cost.
const (
	maxRoutine  = 64 << 10 // bytes of one routine that are followed
	maxOrigins  = 1 << 16  // of one routine
	stackOrigin = 1
	maxMoments  = 1 << 12
	lentShift   = 7

	registersKept = 36
)

// Arguments follows what calls are given in their arguments, in code that is
// read for that purpose and for the calls that are asked for only: within one
// function, in the order of addresses, from the instruction that fills an
// argument's register (or word of the stack) to the call. A constant counts
// while no other way leads in between; it is forgotten where a branch leads to.
type Arguments struct {
	f         *File
	calls     *Calls
	functions []Function
	got       uint64 // what a register holds for the global offset table
	toc       uint64 // the same, of 64-bit PowerPC
	added     map[uint64]uint64
}

// Arguments prepares to follow the arguments of calls that Calls counted.
func (f *File) Arguments(calls *Calls) (*Arguments, error) {
	a := &Arguments{f: f, calls: calls}
	switch {
	case f.Type == TypeRel:
		return nil, uncounted("arguments in relocatable objects are not followed")
	case f.Machine == machineMIPS && f.Flags&0x04000000 != 0: // EF_MIPS_ARCH_ASE_M16
		return nil, uncounted("arguments in MIPS16 code are not followed")
	}
	dyn, err := f.dynamicTags()
	if err != nil {
		return nil, err
	}
	a.got = dyn[dynPltgot]
	switch f.Arch {
	case "x86":
		if s := f.Section(".got.plt"); a.got == 0 && s != nil {
			a.got = s.Addr
		} else if s := f.Section(".got"); a.got == 0 && s != nil {
			a.got = s.Addr
		}
	case "mips", "mips64":
		a.got += 0x7ff0
	case "ppc", "ppc64":
		if err := a.relatives(dyn[dynRela], dyn[dynRelasz]); err != nil {
			return nil, err
		}
	}
	if f.Arch == "ppc64" {
		c := &counter{f: f}
		if err := c.ranges(); err != nil {
			return nil, err
		}
		if err := a.findTOC(c); err != nil {
			return nil, err
		}
	}
	a.functions, err = f.Functions(Sources{})
	return a, err
}

// relatives reads the addends that stand in relocations and not in the words
// that they are for (R_PPC_RELATIVE, R_PPC64_RELATIVE).
func (a *Arguments) relatives(at, size uint64) error {
	off, have, ok := a.f.Offset(at)
	if !ok || at == 0 {
		return nil
	}
	a.added = map[uint64]uint64{}
	word := uint64(a.f.Class / 8)
	b, err := a.f.read(off, min(size, have, 8<<20)/(3*word)*(3*word))
	if err != nil {
		return err
	}
	for ; uint64(len(b)) >= 3*word; b = b[3*word:] {
		if word == 4 && a.f.Order.Uint32(b[4:]) == 22 {
			a.added[uint64(a.f.Order.Uint32(b))] = uint64(a.f.Order.Uint32(b[8:]))
		} else if word == 8 && a.f.Order.Uint64(b[8:]) == 22 {
			a.added[a.f.Order.Uint64(b)] = a.f.Order.Uint64(b[16:])
		}
	}
	return nil
}

// Calls are those that stand in a routine, sorted by address.
func (a *Arguments) Calls(r Routine) []Call {
	cmpAddr := func(c Call, at uint64) int {
		if c.Addr < at {
			return -1
		}
		return 1
	}
	from, _ := slices.BinarySearchFunc(a.calls.List, r.Addr, cmpAddr)
	to, _ := slices.BinarySearchFunc(a.calls.List, r.Addr+r.Size, cmpAddr)
	return a.calls.List[from:max(from, to)]
}

// Of follows a routine and returns, for those of its calls that are asked for,
// what they are given. Calls that no straight line of code leads to are left
// out.
func (a *Arguments) Of(r Routine, calls []Call) ([]Site, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	off, n, ok := a.f.Offset(r.Addr)
	if !ok || r.Size > maxRoutine || n < r.Size {
		return nil, fmt.Errorf("routine at address %#x of %d bytes is not in the file, or longer than %d", r.Addr, r.Size, maxRoutine)
	}
	code, err := a.f.read(off, r.Size)
	if err != nil {
		return nil, err
	}
	follow := map[string]func(*tracer){
		"x86": (*tracer).x86, "x86-64": (*tracer).x86, "arm": (*tracer).arm, "aarch64": (*tracer).aarch64,
		"ppc": (*tracer).ppc, "ppc64": (*tracer).ppc, "mips": (*tracer).mips, "mips64": (*tracer).mips,
	}[a.f.Arch]
	if follow == nil {
		return nil, uncounted("arguments in code for %s are not followed", a.f.Arch)
	}
	// The first time tells which registers get one constant and nothing else:
	// it holds behind labels, too, as what is loaded before a loop.
	var t *tracer
	once := uint64(0)
	for range 2 {
		t = &tracer{Arguments: a, routine: r, code: code, once: once, asked: map[uint64]int{}, labels: map[uint64]bool{}, leads: map[uint64]uint64{},
			states: map[uint64]*moment{}, memory: map[spot]kept{}, sums: map[spot]Given{}, frame: map[uint32]uint64{}, lent: map[uint64]bool{}, origin: stackOrigin, sites: make([]Site, len(calls)), seen: make([]bool, len(calls))}
		for i, c := range calls {
			t.asked[c.Addr] = i
			t.sites[i].Call = c
		}
		for i := range t.regs {
			t.regs[i] = t.fresh()
		}
		t.first = t.regs
		follow(t)
		for i, n := range t.writes {
			if n == 1 {
				once |= 1 << i
			}
		}
	}
	out := t.sites[:0]
	for i, s := range t.sites {
		if t.seen[i] {
			out = append(out, s)
		}
	}
	return out, nil
}

// tracer follows registers and the stack through one routine.
type tracer struct {
	*Arguments
	routine Routine
	code    []byte
	asked   map[uint64]int
	sites   []Site
	seen    []bool
	labels  map[uint64]bool    // where branches of the routine lead to
	leads   map[uint64]uint64  // where the branch at an address leads to
	states  map[uint64]*moment // at a label, as the first branch to it left them
	last    *moment            // at the branch before
	ended   bool               // the instruction before goes on elsewhere
	moment
	once    uint64 // registers that are written once, with a constant
	first   [registersKept]Given
	writes  [registersKept]int // 2 for more, or for what is not constant
	memory  map[spot]kept
	sums    map[spot]Given
	frame   map[uint32]uint64 // origins that are addresses on the stack
	lent    map[uint64]bool   // parts of the stack, of 1<<lentShift bytes, whose address was taken
	line    uint32            // counts labels and calls
	calling uint32            // counts calls
	origin  uint32
	skip    int // Thumb: instructions that an IT makes conditional
}

// kept is a value in memory, and when it was put there.
type kept struct {
	Given
	line, calling uint32
}

// moment is what is known at one instruction.
type moment struct {
	regs  [registersKept]Given
	kept  uint64 // registers whose constant holds in the whole routine
	depth int64  // of the stack, on x86
}

// spot is a place relative to an origin, or to 0 for an address.
type spot struct {
	origin uint32
	off    uint64
}

func (t *tracer) fresh() Given {
	if t.origin < maxOrigins {
		t.origin++
		return Given{Origin: t.origin}
	}
	return Given{}
}

func (t *tracer) constant(r uint32, n uint64) { t.set(r, Given{Constant: true, N: t.cut(n)}) }

// keep is constant for what holds in the whole routine: the address that all
// is relative to.
func (t *tracer) keep(r uint32, n uint64) {
	t.constant(r, n)
	t.kept |= 1 << r
}

func (t *tracer) kill(r uint32) { t.set(r, t.fresh()) }

func (t *tracer) set(r uint32, v Given) {
	switch t.kept &^= 1 << r; {
	case !v.Constant && v == t.first[r]: // comes back from where it was saved
	case v.Constant:
		if !t.regs[r].Constant || t.writes[r] == 0 { // else the second half of it
			t.writes[r]++
		}
		t.kept |= 1 << r & t.once
	default:
		t.writes[r] = 2
	}
	t.regs[r] = v
}

func (t *tracer) cut(n uint64) uint64 {
	if t.f.Class == 32 {
		return uint64(uint32(n))
	}
	return n
}

// plus is a value and a number.
func (t *tracer) plus(v Given, n uint64) Given {
	switch {
	case v.Constant:
		return Given{Constant: true, N: t.cut(v.N + n)}
	case n == 0 || v.Origin == 0:
		return v
	}
	at := t.spotOf(v, n)
	sum, ok := t.sums[at]
	if !ok {
		sum = t.fresh()
		t.sums[at] = sum
		if at.origin == stackOrigin && sum.Origin != 0 {
			t.frame[sum.Origin] = at.off
			t.lent[at.off>>lentShift] = true
		}
	}
	return sum
}

// spotOf is the place that is off behind what a register holds.
func (t *tracer) spotOf(base Given, off uint64) spot {
	if base.Constant {
		return spot{0, t.cut(base.N + off)}
	}
	if at, ok := t.frame[base.Origin]; ok {
		return spot{stackOrigin, at + off}
	}
	return spot{base.Origin, off}
}

// load is the word there: what was put there before, or what the file holds
// where code cannot write. What others put into the routine's own part of the
// stack may be another thing each time; above it, i386 passes arguments.
func (t *tracer) load(base Given, off uint64) Given {
	at := t.spotOf(base, off)
	if at.origin == 0 && !base.Constant {
		return t.fresh()
	}
	if v, ok := t.memory[at]; ok && (!v.Constant || v.line == t.line) && (v.calling == t.calling || at.origin != stackOrigin || !v.Constant && v.Origin <= stackOrigin+registersKept || !t.isLent(at.off)) {
		return v.Given
	}
	v := t.fresh()
	if at.origin == 0 {
		if n, ok := t.word(at.off); ok {
			v = Given{Constant: true, N: n}
		}
	}
	own := at.origin == stackOrigin && (t.f.Arch != "x86" || int64(at.off) <= 0)
	if !own && len(t.memory) < maxOrigins {
		t.memory[at] = kept{v, t.line, t.calling}
	}
	return v
}

// isLent says whether others may have been given the address of a place on the
// stack, or of what it is a part of.
func (t *tracer) isLent(off uint64) bool {
	return t.lent[off>>lentShift] || t.lent[off>>lentShift-1]
}

func (t *tracer) store(base Given, off uint64, v Given) {
	if at := t.spotOf(base, off); (at.origin != 0 || base.Constant) && len(t.memory) < maxOrigins {
		t.memory[at] = kept{v, t.line, t.calling}
	}
}

// label is called before each instruction. Where a branch leads to, constants
// are forgotten, and of the rest stays what all branches from before agree on.
// Behind a return, which restored registers, it is only they that lead on.
func (t *tracer) label(addr uint64) {
	m := t.states[addr]
	switch {
	case t.ended && m != nil:
		t.moment = *m
	case t.ended && t.last != nil:
		t.moment = *t.last
	case t.ended:
	case !t.labels[addr]:
		return
	case m != nil:
		t.meet(m)
	}
	t.ended = false
	delete(t.states, addr)
	for r := range t.regs {
		if t.regs[r].Constant && t.kept>>r&1 == 0 {
			t.regs[r] = t.fresh()
		}
	}
	t.line++
}

// taken is called behind each instruction: a branch leaves what is known to
// where it leads.
func (t *tracer) taken(addr uint64) {
	to, ok := t.leads[addr]
	if !ok {
		return
	}
	if m := t.states[to]; m != nil {
		m.meet(&t.moment)
		t.last = m
	} else if len(t.states) < maxMoments {
		now := t.moment
		if t.last = &now; to > addr {
			t.states[to] = t.last
		}
	}
}

// meet keeps what two ways to a place agree on.
func (m *moment) meet(o *moment) {
	for r := range m.regs {
		if m.regs[r] != o.regs[r] {
			m.regs[r] = Given{}
			m.kept &^= 1 << r
		}
	}
}

// called notes what a call is given, and loses what it may change.
func (t *tracer) called(addr uint64, args [4]Given, result uint32, changes uint64) {
	for r := range uint32(registersKept) {
		if changes>>r&1 != 0 {
			t.regs[r] = t.fresh()
			t.kept &^= 1 << r
		}
	}
	if i, ok := t.asked[addr]; ok {
		t.sites[i] = Site{Call: t.sites[i].Call, Args: args}
		if changes != 0 {
			t.sites[i].Result = t.regs[result]
		}
		t.seen[i] = true
	}
	t.line++
	t.calling++
}

// args are four registers in a row.
func (t *tracer) args(r int) [4]Given { return [4]Given(t.regs[r:]) }

// words decodes the routine's instructions of four bytes.
func (t *tracer) words() []uint32 {
	var order binary.ByteOrder = t.f.Order
	if t.f.Arch == "aarch64" || t.f.Arch == "arm" && t.f.Flags&flagBE8 != 0 {
		order = binary.LittleEndian
	}
	out := make([]uint32, len(t.code)/4)
	for i := range out {
		out[i] = order.Uint32(t.code[4*i:])
	}
	return out
}

// branch notes where a branch of the routine leads.
func (t *tracer) branch(at, to uint64) {
	if to = t.cut(to); to-t.routine.Addr < uint64(len(t.code)) {
		t.labels[to], t.leads[at] = true, to
	}
}
