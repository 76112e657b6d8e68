package exe

import (
	"fmt"
	"slices"
)

// mips finds calls in MIPS code of both widths.
//
// A call loads the function's slot into a register, mostly lw t9,off(gp), may
// move it about, keep it over other calls and jump around, and ends in jalr.
// So registers are followed through the blocks of each function (flow). Where
// addresses are fixed, calls go to stubs instead: lui t7; lw t9; jr t9 (MIPS
// psABI supplement, "Position-Independent Function Prologue", "Global Offset
// Table"; stubs as GNU ld writes them).
func (c *counter) mips() error {
	big := c.f.Order.Uint16([]byte{0, 1}) == 1
	word := uint64(c.f.Class / 8)
	if c.f.Arch == "mips64" && c.f.Class == 32 {
		return uncounted("code of the n32 ABI is not read")
	}
	load := uint32(35)
	if word == 8 {
		load = 55
	}
	inStub := map[uint64]bool{} // jumps that are parts of stubs
	var stubs []part
	compressed := c.f.Flags&flagM16 != 0
	if compressed || c.dyn[dynMIPSPltgot] != 0 {
		stubs = c.code
	}
	err := c.eachWordOf(stubs, big, func(w *window, words []uint32) (int, error) {
		for i, n := 0, w.number(4); i < n && i+3 < len(words); i++ {
			// lui rX; lw t9,low(rX); addiu t8,rX; jr t9, the last two in either order
			x, y := words[i], words[i+1]
			if x>>21 != 0x1e0 || y>>26 != load || y>>16&31 != 25 || y>>21&31 != x>>16&31 {
				continue
			}
			slot := uint64(int64(int32(x<<16))) + uint64(int64(int16(y)))
			if of, ok := c.slots.at(c.width(slot)); ok && (words[i+2] == 0x03200008 || words[i+3] == 0x03200008) {
				c.stubs.add(w.addr+uint64(i)*4, of)
				inStub[w.addr+uint64(i)*4+8], inStub[w.addr+uint64(i)*4+12] = true, true
			}
		}
		if compressed {
			if err := c.mips16Stubs(w, words, big); err != nil {
				return 0, err
			}
		}
		return 0, c.full()
	})
	if err != nil {
		return err
	}
	c.stubs.dense()
	fl := &flow{c: c, load: load, inStub: inStub, wide: word == 8, big: big, compressed: compressed}
	fl.gp = fl.number(c.dyn[dynPltgot] + 0x7ff0)
	return c.flows(fl)
}

// flagM16 (EF_MIPS_ARCH_ASE_M16) marks files with MIPS16e code.
const flagM16 = 0x04000000

// flows runs a flow over all code, function by function.
func (c *counter) flows(fl *flow) error {
	c.piece = windowSize / 4
	return c.eachWord(c.f.Order.Uint16([]byte{0, 1}) == 1, func(w *window, words []uint32) (int, error) {
		n := w.number(4)
		from := 0
		for i := 0; i+2 < n; i++ {
			at := i + 2
			if words[i]>>16 == 0x3c02 && i > from && computesGP(words[i:]) {
				at = i
			} else if words[i] != mipsReturn || !begins(words[i+2:n]) {
				continue
			}
			if err := fl.run(w, words, from, at); err != nil {
				return 0, err
			}
			from = at
		}
		// What is left of the window is a part of a function, which the next
		// begins with, or the last one.
		if from > n/2 && n < len(words) {
			return from, nil
		}
		return n, fl.run(w, words, from, n)
	})
}

// begins says whether a function begins in the next words, behind padding.
func begins(words []uint32) bool {
	for len(words) > 0 && words[0] == 0 {
		words = words[1:]
	}
	return len(words) > 0 && takesRoom(words[0]) || computesGP(words)
}

// computesGP tells how functions begin that clang made: lui v0; addiu v0; …;
// addu rX,v0,t9. What stands before may be a call that does not return.
func computesGP(words []uint32) bool {
	if len(words) < 2 || words[0]>>16 != 0x3c02 || words[1]>>16 != 0x2442 {
		return false
	}
	for _, x := range words[2:min(len(words), 48)] {
		if x&0xffff07ff == 0x00590021 {
			return true
		}
	}
	return false
}

// takesRoom tells the first instructions of functions: lui gp and addiu sp.
func takesRoom(x uint32) bool {
	return x>>16 == 0x3c1c || (x>>16 == 0x27bd || x>>16 == 0x67bd) && int16(x) < 0
}

// width cuts an address to the file's class.
func (c *counter) width(a uint64) uint64 {
	if c.f.Class == 32 {
		return uint64(uint32(a))
	}
	return a
}

const mipsReturn = 0x03e00008 // jr ra

// flow follows registers through a window of code.
type flow struct {
	c      *counter
	load   uint32 // opcode that loads an address
	gp     uint64
	wide   bool
	big    bool
	inStub map[uint64]bool
	// compressed says that some of the code is MIPS16e, which reads as jumps
	// into delay slots.
	compressed bool
	// names are the imports that a relocation puts into a register at an
	// address, in a relocatable object.
	names map[uint64]int

	w     *window
	words []uint32
	n     int
	at    []int32
	jumps []jump
	calls []int32 // jumps but for the conditional ones
	// tables are the jumps through registers that are no calls.
	tables []int32
	mark   []int32
	block  []int32 // of a word that begins one: index + 1
	start  []int32 // of a block: its word
	in     []registers
	have   []bool // the block's in is set
	led    []bool // a branch goes to the block
	dirty  []bool
	found  []int32 // at a jump: import + 1

	ways   []way
	solved []solved  // eight for each jump that leads to a block
	copies uint32    // of gp
	only   registers // that an instruction reads
	recent [32]recent
	left   int // words that may be looked at
	depth  int
	failed bool
}

func reset[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// run finds the calls in words[from:to].
func (f *flow) run(whole *window, words []uint32, from, to int) error {
	w := &window{addr: whole.addr + uint64(from)*4, off: whole.off + int64(from)*4}
	n := to - from
	f.w, f.words, f.n = w, words[from:min(to+1, len(words))], n
	if f.compressed {
		f.mips16()
	}
	if plain := f.edges(); (plain || f.compressed) && f.quick() {
		return nil
	}
	f.blocks()
	f.found = reset(f.found, n)
	k := len(f.start)
	f.in, f.have, f.dirty = slices.Grow(f.in[:0], k)[:k], reset(f.have, k), reset(f.dirty, k)
	// Blocks that a branch leads to wait for it; the second sweep takes those
	// that only blocks of the same kind lead to.
	for _, wait := range []bool{true, false} {
		if err := f.sweep(wait); err != nil {
			return err
		}
	}
	for i, of := range f.found {
		f.add(i, of)
	}
	return nil
}

// add adds the call at word i if it is one of an import.
func (f *flow) add(i int, of int32) {
	if of != 0 {
		x := f.words[i]
		tail := x>>26 == 2 || x>>26 == 4 || x>>26 == 0 && x&0x3f == 8
		f.c.call(f.w.addr+uint64(i)*4, f.w.off+int64(i)*4, int(of-1), tail)
	}
}

// stub is the import that a stub at an address calls, + 1.
func (f *flow) stub(addr uint64) int32 {
	if of, ok := f.c.stubs.at(f.c.width(addr)); ok {
		return int32(of) + 1
	}
	return 0
}

// sweep goes through the blocks until nothing changes.
func (f *flow) sweep(wait bool) error {
	// Real code takes two visits a block; code that is made to take more is
	// not followed to the end.
	budget := 256*len(f.start) + 1<<16
	var cur registers
	// What nothing seems to lead to, in the middle of a function, is led to by
	// a jump through a table or by an exception: then what is known at the
	// jump, or what all calls so far agree on.
	var table, calls registers
	inTable, inCalls := false, false
	for k := 0; k < len(f.start); {
		if budget--; budget < 0 {
			return &Uncounted{Limit: true, Why: fmt.Sprintf("more than 256 visits a block of code at %#x", f.w.addr)}
		}
		i := int(f.start[k])
		fresh := !f.have[k]
		if fresh {
			switch {
			case wait && f.led[k] && !f.function(i):
				k++
				continue
			case inTable && !f.prologue(i):
				f.in[k] = table
			case inCalls && !f.prologue(i):
				f.in[k] = calls
			default:
				inTable, inCalls = false, false
				f.in[k] = registers{known: 1 << 28}
				f.in[k].at[28] = f.gp
				if !wait {
					// One of a circle of blocks: what it reads and did not
					// write comes from the others.
					f.in[k].lost = ^uint32(1 << 28)
				}
			}
			f.have[k], f.dirty[k] = true, true
		}
		if !f.dirty[k] {
			k++
			continue
		}
		f.dirty[k] = false
		cur = f.in[k]
		end := f.n
		if k+1 < len(f.start) {
			end = int(f.start[k+1])
		}
		next := k + 1
		to := func(word int) {
			if word < 0 || word >= f.n {
				return
			}
			b := int(f.block[word]) - 1
			switch {
			case b < 0 || f.function(word): // others call it too
				return
			case !f.have[b]:
				f.in[b], f.have[b], f.dirty[b] = cur, true, true
			case f.in[b].meet(&cur):
				f.dirty[b] = true
			default:
				return
			}
			next = min(next, b)
		}
		on := true
		if fresh {
			// Padding behind a jump leads nowhere.
			for i < end && f.words[i] == 0 {
				i++
			}
			on = i < end
		}
		for ; i < end && on; i++ {
			x := f.words[i]
			how := classOf(x)
			if how&classJump == 0 {
				// Most instructions only make a register unknown; what others do
				// matters if they read one that is known, or write sp or gp.
				rs := x >> 21 & 31
				if f.names == nil && (how&classStep == 0 || how&classBase != 0 && cur.known>>rs&1 == 0 && rs != 29 && x>>17&15 != 14) {
					kill := uint32(how&classRT)<<(x>>16&31) | uint32(how&classRD>>1)<<(x>>11&31)
					cur.known &^= kill
					cur.lost &^= kill
				} else {
					f.step(&cur, i)
				}
				continue
			}
			if t, falls, ok := branchTarget(x, i); ok {
				if !falls {
					if of, ok := f.c.stubs.at(f.w.addr + uint64(int64(t)*4)); ok {
						f.found[i] = int32(of) + 1
					}
				}
				if likely(x) { // else there is no delay slot
					before := cur
					f.delay(&cur, i)
					to(t)
					cur = before
				} else {
					f.delay(&cur, i)
					to(t)
				}
				on = falls
				i++
				continue
			}
			if jumps(x) {
				on = false
				if x>>26 == 2 {
					if of, ok := f.c.stubs.at(f.address(x, i)); ok {
						f.found[i] = int32(of) + 1
						continue
					}
					f.delay(&cur, i)
					if t, ok := f.far(x, i); ok {
						to(t)
					}
					continue
				}
				rs := x >> 21 & 31
				if f.target(&cur, i, rs) || rs == 31 || rs == 25 {
					continue
				}
				f.delay(&cur, i)
				table, inTable = cur, true
				continue
			}
			switch {
			case x>>26 == 0 && x&0x3f == 9: // jalr
				f.target(&cur, i, x>>21&31)
			case x>>26 == 3: // jal
				f.found[i] = f.stub(f.address(x, i))
			case x>>26 == 1 && x>>20&1 != 0 && x>>16&31 < 20: // bal
				f.found[i] = f.stub(f.w.addr + uint64(int64(i+1+int(int16(x)))*4))
			default:
				f.step(&cur, i)
				continue
			}
			f.delay(&cur, i)
			cur.known &= mipsSaved
			cur.lost |= mipsLost
			if !inCalls {
				calls, inCalls = cur, true
			} else {
				calls.meet(&cur)
			}
			i++
		}
		if on {
			to(i)
		}
		k = next
	}
	return nil
}

// target states what a jump through a register calls.
func (f *flow) target(r *registers, i int, rs uint32) bool {
	f.found[i] = 0
	if len(f.inStub) > 0 && f.inStub[f.w.addr+uint64(i)*4] {
		return true
	}
	if r.known>>rs&1 == 0 {
		return false
	}
	v := r.at[rs]
	if v&mipsImport != 0 {
		f.found[i] = int32(v&^mipsImport) + 1
		return true
	}
	if of, ok := f.c.stubs.at(f.c.width(v)); ok {
		f.found[i] = int32(of) + 1
		return true
	}
	return false
}

// prologue says whether a function begins at word i: it sets gp or takes room
// on the stack first.
func (f *flow) prologue(i int) bool {
	for k, x := range f.words[i:min(i+6, f.n)] {
		if k > 0 && f.mark[i+k]&markBlock != 0 {
			break
		}
		if takesRoom(x) && (k < 2 || x>>16 != 0x3c1c) {
			return true
		}
	}
	return false
}

// function says whether word i is where calls of a function lead to: o32 sets
// gp there. What takes room on the stack may also stand behind a first test.
func (f *flow) function(i int) bool { return f.words[i]>>16 == 0x3c1c && !f.wide }

// delay runs the instruction behind a jump.
func (f *flow) delay(r *registers, i int) {
	if i+1 < len(f.words) {
		f.step(r, i+1)
	}
}
