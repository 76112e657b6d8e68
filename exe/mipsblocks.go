package exe

import "slices"

// branchTarget returns where a branch with an offset leads, and whether it may
// go on instead. Those that call are not among them.
func branchTarget(x uint32, i int) (to int, on, ok bool) {
	to = i + 1 + int(int16(x))
	switch op := x >> 26; op {
	case 4, 20: // beq
		return to, x>>16&0x3ff != 0, true
	case 5, 6, 7, 21, 22, 23:
		return to, true, true
	case 1: // bltz, bgez, and the likely ones
		return to, true, x>>16&31 < 4
	case 17, 18: // bc1, bc2
		return to, true, x>>21&31 == 8
	}
	return 0, false, false
}

// jumps says whether an instruction ends a block beside those that
// branchTarget knows.
func jumps(x uint32) bool { return x>>26 == 2 || x>>26 == 0 && x&0x3f == 8 && x&0x001ff800 == 0 }

// likely tells the branches that run their delay slot only when they jump.
func likely(x uint32) bool { return x>>28 == 5 || (x>>26 == 1 || x>>26 == 17) && x>>17&1 != 0 }

// calls tells what leads to a function and returns.
func calls(x uint32) bool {
	return x>>26 == 3 || x>>26 == 0 && x&0x3f == 9 || x>>26 == 1 && x>>20&1 != 0 && x>>16&31 < 20
}

// Marks of words.
const (
	markBegins = 1 << iota // nothing goes on here: a jump stands before
	markCall               // a call returns here
	markLikely             // the word before is the delay slot of a likely branch
	markJump   = iota      // above: 1 + index of the last jump that leads here
	markBlock  = ^(markCall | markLikely)
)

// jump is a branch, jump or call.
type jump struct {
	at   int32 // its word
	next int32 // 1 + index of another that leads to the same word
}

// edges finds the jumps and marks where they lead. It says whether none leads
// into the delay slot of another.
func (f *flow) edges() bool {
	at := slices.Grow(f.at[:0], f.n)[:f.n]
	n := 0
	for i, x := range f.words[:f.n] {
		at[n] = int32(i)
		n += int(classOf(x) / classJump)
	}
	f.at, f.jumps, f.calls, f.tables, f.mark = at, f.jumps[:0], f.calls[:0], f.tables[:0], reset(f.mark, f.n+2)
	f.mark[0] = markBegins
	for _, at := range at[:n] {
		i := int(at)
		x := f.words[i]
		to, falls, branch := branchTarget(x, i)
		switch {
		case branch:
			if !falls {
				f.mark[i+2] |= markBegins
			} else if likely(x) {
				f.mark[i+2] |= markLikely
			}
		case jumps(x):
			f.mark[i+2] |= markBegins
			to = -1
			if t, ok := f.far(x, i); ok && x>>26 == 2 {
				to = t
			}
			if rs := x >> 21 & 31; x>>26 == 0 && rs != 25 && rs != 31 {
				f.tables = append(f.tables, at)
			}
		case calls(x):
			f.mark[i+2] |= markCall
			to = -1
		default:
			continue
		}
		if !branch || !falls {
			f.calls = append(f.calls, at)
		}
		next := int32(0)
		if to >= 0 && to < f.n {
			next = f.mark[to] >> markJump
			f.mark[to] = f.mark[to]&(1<<markJump-1) | int32(len(f.jumps)+1)<<markJump
		}
		f.jumps = append(f.jumps, jump{at, next})
	}
	plain := true
	for _, j := range f.jumps {
		if f.mark[j.at+1]>>markJump != 0 {
			plain = false
			f.mark[j.at+2] |= markBegins // the jump goes on behind its delay slot
		}
	}
	return plain
}

// blocks numbers the blocks.
func (f *flow) blocks() {
	f.block, f.start, f.led = slices.Grow(f.block[:0], f.n)[:f.n], f.start[:0], f.led[:0]
	for i, mark := range f.mark[:f.n] {
		f.block[i] = 0
		if mark&markBlock != 0 {
			f.start = append(f.start, int32(i))
			f.led = append(f.led, mark>>markJump != 0)
			f.block[i] = int32(len(f.start))
		}
	}
}

// address is what j and jal lead to.
func (f *flow) address(x uint32, i int) uint64 {
	return (f.w.addr+uint64(i)*4+4)&^0x0fffffff | uint64(x&0x03ffffff)<<2
}

// far is the word of the window that j leads to.
func (f *flow) far(x uint32, i int) (int, bool) {
	d := (f.address(x, i) - f.w.addr) / 4
	return int(d), d < uint64(f.n)
}
