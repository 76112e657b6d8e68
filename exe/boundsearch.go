package exe

import (
	"slices"

	"github.com/wardein/wardein/exe/insn"
)

// step is what bounds need to know of one instruction.
type step struct {
	n    int // bytes, with what stands in its delay slot
	flow insn.Flow
	to   uint64 // of a Jump, Branch or Call, with the bit of its state; 0 for unknown
	// table says of an IndirectJump that it chooses among places in the
	// function, far where the last of them is, if that can be told.
	table bool
	far   uint64
	// forms is an address that the instruction completes; of what it calls, in
	// taken, if it stands in the register by which functions are called.
	forms uint64
	taken bool
	// weak says that forms may be a number, too.
	weak bool
	// ends says that the function ends behind it, whatever leads further.
	ends bool
}

// Bounds of one function, in what is guessed.
const (
	maxForward = 1 << 20 // bytes that an unconditional branch goes on in a function
	maxPasses  = 8
	maxBetween = 256 // starts that are not sure, in a branch's way
)

// reader decodes the instructions of one set.
type reader interface {
	// reset forgets what registers hold: another function begins.
	reset()
	// step decodes the instruction at t.b[at:], of which at least one byte is
	// there. It advances at least by one byte and not beyond t.b.
	step(t *text, at int) step
	// enters says whether a function begins so, whatever stands before.
	enters(t *text, at int) bool
	// padding is the length of what fills the space between functions, 0 for none.
	padding(t *text, at int) int
	// tail is how many bytes behind a function's last instruction belong to it.
	tail(t *text, at int) int
	// stub says whether a linker wrote what is there, to lead on to another
	// function.
	stub(t *text, at int) bool
}

// walk is the way through a run of code.
type walk struct {
	*finder
	t     *text
	all   []uint64 // starts, sorted
	next  int      // in all, of the first that is not behind
	read  reader
	bit   uint8
	state uint8 // where no start says it
	mixed bool
	fns   []span
	open  bool
	span  // the open function
	// reach is the farthest place that a branch of the function leads to.
	reach uint64
	// solid is where the last instruction of it ends that is no padding.
	solid uint64
	flow  insn.Flow // of the instruction before
	// tables says that there are jumps whose places are not known.
	tables bool
	// old are the functions of the pass before, and changed the starts that were
	// found since.
	old     []span
	changed []uint64
	// sure says that functions whose end is known need not be looked at.
	sure bool
}

// span is a function that was found.
type span struct {
	addr, end uint64
	by        why
	bit       uint8
	fixed     bool // end is known
	stub      bool
	reached   uint64
}

// search goes through the code until it finds no more, and makes the list. What
// it has found is looked at again only where a start was found since.
func (b *finder) search() {
	found := make([][]span, len(b.runs))
	for pass := range maxPasses {
		all := b.sorted()
		fresh := b.fresh
		b.fresh = nil
		slices.Sort(fresh)
		for i := range b.runs {
			w := &walk{finder: b, t: &b.runs[i], all: all, old: found[i], changed: fresh}
			w.sure = pass > 0 || b.covered(w.t, all)
			w.state, w.mixed = b.usual(all)
			w.run()
			found[i] = w.fns
		}
		if len(b.fresh) == 0 {
			break
		}
	}
	for i := range b.runs {
		for _, s := range found[i] {
			b.keep(&b.runs[i], s)
		}
	}
}

// covered says whether nearly all of a run is functions whose ends are known:
// what they call tells little then.
func (b *finder) covered(t *text, all []uint64) bool {
	i, _ := slices.BinarySearch(all, t.addr)
	end, n := t.addr, uint64(0)
	for ; i < len(all) && all[i]-t.addr < uint64(len(t.b)); i++ {
		if e := all[i] + b.starts[all[i]].size; e > end && e > all[i] {
			e = min(e, t.addr+uint64(len(t.b)))
			n += e - max(end, all[i])
			end = max(end, e)
		}
	}
	return n*20 > uint64(len(t.b))*19
}

// keep adds a function to the list.
func (b *finder) keep(t *text, s span) {
	if s.stub || s.end <= s.addr {
		return
	}
	set := b.set
	if s.bit == 1 {
		set = b.other
	}
	at, addr := b.starts[s.addr], s.addr
	if b.f.Type == TypeRel {
		addr -= ObjectBase
	}
	b.list = append(b.list, Function{Addr: addr, Size: s.end - s.addr, Off: t.off + int64(s.addr-t.addr), Set: set, Name: at.name, By: whys[s.by]})
}

// usual is the state of most starts, and whether there are any of both.
func (b *finder) usual(all []uint64) (state uint8, mixed bool) {
	var n [3]int
	for _, a := range all {
		if s := b.starts[a]; s.by <= byPointer {
			n[s.bit]++
		}
	}
	if n[1] > n[0] {
		state = 1
	}
	return state, n[0] > 0 && n[1] > 0
}

// run finds the functions in the run.
func (w *walk) run() {
	t := w.t
	w.next, _ = slices.BinarySearch(w.all, t.addr)
	w.turn(w.state)
	end := t.addr + uint64(len(t.b))
	ended := true
	for at := 0; at < len(t.b); {
		addr := t.addr + uint64(at)
		for w.next < len(w.all) && w.all[w.next] < addr {
			w.next++
		}
		if w.open && w.fixed && addr >= w.end {
			w.close(w.end)
			ended = true
		}
		if w.next < len(w.all) && w.all[w.next] == addr && w.takes(addr, at, ended) {
			s := w.starts[addr]
			w.close(addr)
			w.begin(addr, at, s.by, s.bit)
			if s.size > 0 {
				w.fixed, w.end = true, min(addr+s.size, end)
				if w.end < addr {
					w.end = end
				}
			} else if s.room > 0 {
				w.reach = max(addr, min(addr+s.room, end)-1)
			}
		}
		if w.open && addr == w.addr && !w.fixed && w.again(addr) {
			at, ended = int(w.end-t.addr), true
			continue
		}
		if !w.open {
			if n := w.read.padding(t, at); n > 0 {
				at += n
				continue
			}
			w.begin(addr, at, byNext, stateUnknown)
			continue
		} else if w.prologue(addr, at, ended) {
			w.close(addr)
			w.begin(addr, at, byPrologue, w.bit)
		}
		if w.fixed && w.sure && w.end > addr {
			at = int(w.skip(addr) - t.addr)
			continue
		}
		s := w.read.step(t, at)
		s.n = max(min(s.n, len(t.b)-at), 1)
		next := addr + uint64(s.n)
		// Padding stands behind what does not go on, or seemed to.
		fill := w.flow != insn.Next && w.flow != insn.Branch && w.read.padding(t, at) >= s.n
		if !fill {
			w.solid = next
		}
		switch {
		case w.see(&s, addr, next):
			ended = true
			if fill {
				w.close(w.solid)
			} else if !w.fixed {
				tail := w.read.tail(t, at+s.n)
				next += uint64(tail)
				s.n += tail
				w.solid = next
				w.close(next)
			}
		case !fill:
			ended = s.flow == insn.Return || s.flow == insn.Jump || s.flow == insn.IndirectJump || s.flow == insn.Stop
			w.flow = s.flow
		}
		at += s.n
	}
	w.close(end)
}

// again takes over a function of the pass before, if nothing was found in it
// since.
func (w *walk) again(addr uint64) bool {
	for len(w.old) > 0 && w.old[0].addr < addr {
		w.old = w.old[1:]
	}
	if len(w.old) == 0 || w.old[0].addr != addr || w.old[0].end <= addr || w.old[0].bit != w.span.bit {
		return false
	}
	s := w.old[0]
	for len(w.changed) > 0 && w.changed[0] < addr {
		w.changed = w.changed[1:]
	}
	to := max(s.end, s.reached)
	if len(w.old) > 1 {
		to = max(to, w.old[1].addr)
	}
	if len(w.changed) > 0 && w.changed[0] <= to {
		return false
	}
	w.open, w.span, w.reach = false, s, s.reached
	w.fns = append(w.fns, s)
	return true
}

// skip is where a function of known end that begins at addr is left: at its end,
// or where another begins in it.
func (w *walk) skip(addr uint64) uint64 {
	for i := w.next; i < len(w.all) && w.all[i] < w.end; i++ {
		if w.all[i] > addr && w.starts[w.all[i]].by <= byExidx {
			return w.all[i]
		}
	}
	return w.end
}

// takes says whether a function begins at a known start, here where one may
// be open.
func (w *walk) takes(addr uint64, at int, ended bool) bool {
	s := w.starts[addr]
	switch {
	case s.by == byWord && s.bit != w.state && !w.mixed:
		return false
	case !w.open:
		return true
	case addr == w.addr:
		return false
	case s.by <= byExidx:
		return true
	case w.fixed:
		return false
	case s.by == byCall:
		return true
	}
	return w.reach < addr && (ended || (s.by != byWord || w.solid < addr) && (w.flow == insn.Call || w.flow == insn.IndirectCall))
}

// prologue says whether a function begins in the middle of what looked like
// one: nothing leads on from what is before but a call, which does not come
// back.
func (w *walk) prologue(addr uint64, at int, ended bool) bool {
	if w.fixed || addr <= w.addr || w.reach >= addr || !ended && w.flow != insn.Call && w.flow != insn.IndirectCall || !w.read.enters(w.t, at) {
		return false
	}
	// Calls' arguments are pushed, too.
	return ended || w.solid < addr || w.aligned() > 1 || w.t.b[at] == 0xf3
}

func (w *walk) begin(addr uint64, at int, by why, bit uint8) {
	if bit == stateUnknown {
		bit = w.looks(at)
	}
	w.turn(bit)
	w.span = span{addr: addr, by: by, bit: bit}
	w.open, w.reach, w.solid, w.tables, w.flow = true, addr, addr, false, insn.Next
	w.read.reset()
	w.stub = w.image.Import(addr) != "" || by > byTable && w.read.stub(w.t, at)
}

// looks is the state that code has by its looks, where there is code in both:
// most ARM instructions have no condition. MIPS16 code is not told so.
func (w *walk) looks(at int) uint8 {
	if !w.mixed || w.set != insn.ARM {
		return w.state
	}
	if (w.t.addr+uint64(at))&2 != 0 {
		return 1
	}
	r := words{b: w.finder, big: w.bigCode()}
	n, arm := 0, 0
	for ; n < 8 && at+4*n+4 <= len(w.t.b); n++ {
		if r.word(w.t, at+4*n)>>28 == 14 {
			arm++
		}
	}
	switch {
	case 4*arm >= 3*n:
		return 0
	case 5*arm <= n:
		return 1
	}
	// As what is in front of it and behind it, if that is the same.
	for i := w.next; i < min(w.next+8, len(w.all)); i++ {
		if s := w.starts[w.all[i]]; s.by <= byPointer && s.bit != stateUnknown {
			if s.bit == w.bit {
				return w.bit
			}
			break
		}
	}
	return w.state
}

// turn takes the reader of a state.
func (w *walk) turn(bit uint8) {
	if w.read != nil && bit == w.bit {
		return
	}
	set := w.set
	if bit == 1 {
		set = w.other
	}
	w.bit, w.read = bit, w.readers(set)
}

// close ends the open function, without the padding at its end.
func (w *walk) close(end uint64) {
	if !w.open {
		return
	}
	w.open = false
	if w.fixed {
		if end = min(end, w.end); w.by == byUnwind && end == w.end && end-w.t.addr < uint64(len(w.t.b)) {
			end += uint64(w.read.tail(w.t, int(end-w.t.addr)))
		}
	} else if w.solid > w.addr {
		end = min(end, w.solid)
	}
	w.end = end
	w.reached = w.reach
	w.fns = append(w.fns, w.span)
}
