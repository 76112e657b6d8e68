package exe

import "slices"

// Bounds on how far back is looked for what a register holds: blocks and
// computations for one jump, and words for a word of the function. Where those
// of blocks and words are reached, registers are followed forward instead.
const (
	quickWays  = 512
	quickDepth = 8
	quickWords = 16
)

// quick finds the calls of a function without following all registers through
// it: it goes back from each jump to where its register was loaded. It says
// whether that was enough; if not, nothing is found.
func (f *flow) quick() bool {
	if f.names != nil || !f.usualGP() {
		return false
	}
	before := len(f.c.list)
	f.left, f.failed, f.depth, f.copies = quickWords*(f.n+64), false, 0, 0
	f.ways, f.solved, f.recent = f.ways[:0], f.solved[:0], [32]recent{}
	for _, at := range f.calls {
		i := int(at)
		x := f.words[i]
		of := int32(0)
		switch x >> 26 {
		case 0: // jr, jalr
			rs := x >> 21 & 31
			if rs == 31 || len(f.inStub) > 0 && f.inStub[f.w.addr+uint64(i)*4] {
				continue
			}
			switch v := f.value(i, rs); {
			case f.failed:
				f.c.list = f.c.list[:before]
				return false
			case v == unknown:
			case v&mipsImport != 0:
				of = int32(v&^mipsImport) + 1
			default:
				of = f.stub(v)
			}
		case 2, 3: // j, jal
			of = f.stub(f.address(x, i))
		default: // b, bal
			of = f.stub(f.w.addr + uint64(int64(i+1+int(int16(x)))*4))
		}
		f.add(i, of)
	}
	return true
}

// usualGP says whether the function begins with the setting of the gp that the
// file's first GOT has, or of none.
func (f *flow) usualGP() bool {
	for i, x := range f.words[:min(f.n, 16)] {
		if x>>16 != 0x3c1c { // lui gp
			continue
		}
		v := f.w.addr + uint64(i)*4 + uint64(int64(int32(x<<16)))
		for _, y := range f.words[i+1 : min(f.n, i+32)] {
			if y>>16 == 0x279c || y>>16 == 0x679c { // addiu gp,gp
				v += uint64(int64(int16(y)))
				break
			}
		}
		return f.near(f.number(v)|mipsEntry) == f.gp
	}
	return true
}

// unknown is no import and no constant; noBase is no constant.
const (
	unknown = mipsImport | mipsEntry
	noBase  = unknown | 1
)

// search looks for what a place holds, on all ways that lead to a word.
type search struct {
	from  int // its part of flow.ways
	value uint64
	any   bool // a way ended
}

// way is a block to whose beginning a search came, looking for what is in a
// place: a register, or, with onStack, a word at an offset from sp.
type way struct {
	at    int
	place uint32
}

const onStack = 1 << 16

// solved is what a place holds where a block begins.
type solved struct {
	place uint32
	value uint64
}

// recent is what a register that calls leave as it is holds before a word.
type recent struct {
	at    int32 // 0 for none
	value uint64
}

// value returns what a place holds before word i. Where that can't be told,
// failed is set.
func (f *flow) value(i int, place uint32) uint64 {
	switch place {
	case 0:
		return unknown
	case 28:
		return f.gp
	}
	if f.depth == quickDepth { // a loop that computes it from itself
		return unknown
	}
	f.depth++
	s := search{from: len(f.ways)}
	f.back(&s, i, place)
	// What is unknown on one way is unknown.
	for k := s.from; k < len(f.ways) && !f.failed && !(s.any && s.value == unknown); k++ {
		f.enter(&s, f.ways[k].at, f.ways[k].place)
	}
	f.depth--
	if !s.any {
		s.value = unknown
	}
	if !f.failed {
		f.keep(i, place, &s)
	}
	f.ways = f.ways[:s.from]
	return s.value
}

// keep remembers what was found for other searches.
func (f *flow) keep(i int, place uint32, s *search) {
	v := s.value
	if v == unknown && f.depth > 0 {
		v = noBase
	}
	if place < onStack && stays(place) {
		f.recent[place] = recent{int32(i), v}
	}
	ways := f.ways[s.from:]
	if len(ways) < 3 {
		return
	}
	if s.value == unknown {
		ways = ways[:1] // not all were followed to the end
	}
	for _, w := range ways {
		if p := f.solution(w); p != nil && stays(w.place) {
			*p = solved{w.place, v}
		}
	}
}

// stays says whether calls leave a place as it is.
func stays(place uint32) bool { return place >= onStack || mipsSaved>>place&1 != 0 }

// serves says whether a value that was kept answers the search: what is no
// base may still be an import.
func (f *flow) serves(v uint64) bool { return v != noBase || f.depth > 1 }

// solution is where the value of a place is kept for other searches; nil for
// blocks that no jump leads to.
func (f *flow) solution(w way) *solved {
	k := int(f.mark[w.at]>>markJump) - 1
	if k < 0 {
		return nil
	}
	if len(f.solved) == 0 {
		f.solved = reset(f.solved, 8*len(f.jumps))
	}
	return &f.solved[8*k+int(w.place&7)]
}

// found is where a way ends. What ways disagree about is unknown.
func (s *search) found(v uint64) {
	if v == noBase || s.any && v != s.value {
		v = unknown
	}
	s.value, s.any = v, true
}

// back goes back from word i to the beginning of its block.
func (f *flow) back(s *search, i int, place uint32) {
	from, ok := i, true
	for ok && f.mark[i]&markBlock == 0 {
		if place >= onStack {
			for f.mark[i]&^markCall == 0 && !f.stores(f.words[i-1], place) {
				i--
			}
		} else {
			stop := int32(-1)
			if stays(place) {
				stop = ^markCall
			}
			near := f.recent[place]
			if !f.serves(near.value) {
				near.at = 0
			}
			for i != int(near.at) && f.mark[i]&stop == 0 && destination(f.words[i-1]) != place {
				i--
			}
			if near.at != 0 && i == int(near.at) {
				s.found(near.value)
				ok = false
				break
			}
		}
		if f.mark[i]&markBlock != 0 {
			break
		}
		i, place, ok = f.over(s, i, place)
	}
	f.left -= from - i + 1 + (len(f.ways)-s.from)/16 // which are looked through below
	f.failed = f.failed || f.left < 0
	w := way{i, place}
	if !ok || slices.Contains(f.ways[s.from:], w) {
		return
	}
	if len(f.solved) > 0 {
		if p := f.solution(w); p != nil && p.place == place && f.serves(p.value) {
			s.found(p.value)
			return
		}
	}
	f.ways = append(f.ways, w)
	f.failed = f.failed || len(f.ways) > quickWays
}

// enter goes on to what leads to the block that begins at word i.
func (f *flow) enter(s *search, i int, place uint32) {
	mark := f.mark[i]
	if i == 0 || f.function(i) {
		s.found(unknown)
		return
	}
	for k := mark >> markJump; k != 0; k = f.jumps[k-1].next {
		f.leave(s, int(f.jumps[k-1].at), place)
	}
	if mark&markBegins == 0 {
		if at, p, ok := f.over(s, i, place); ok {
			f.back(s, at, p)
		}
	} else if mark>>markJump == 0 && !f.padding(i) {
		switch at := f.table(i); {
		case f.prologue(i):
			s.found(unknown)
		case at == 0: // an exception leads here, from calls that agree
			k := i
			for k > 0 && f.mark[k]&markCall == 0 {
				k--
			}
			f.left -= i - k
			f.back(s, k, place)
		default:
			f.leave(s, at, place)
		}
	}
}

// leave goes back from where the jump at word i leads, over its delay slot.
func (f *flow) leave(s *search, i int, place uint32) {
	f.left--
	ok := true
	if i+1 < len(f.words) {
		place, ok = f.before(s, i+1, place)
	}
	if ok {
		f.back(s, i, place)
	}
}

// table returns the jump through a table that leads to the block at word i,
// which is the last one before it; 0 for none.
func (f *flow) table(i int) int {
	k := len(f.tables) - 1
	for k >= 0 && int(f.tables[k]) > i {
		k--
		f.left--
	}
	if k < 0 {
		return 0
	}
	at := int(f.tables[k])
	for k := at + 2; k < i; k++ {
		if f.mark[k] == markBegins && f.prologue(k) {
			return 0
		}
	}
	f.left -= i - at
	return at
}

// padding says whether a block does nothing, which stands behind a jump to
// align what follows; nothing leads to it.
func (f *flow) padding(i int) bool {
	for k := i; k < f.n && f.words[k] == 0; k++ {
		if k+1 < f.n && f.mark[k+1]&markBlock != 0 {
			return true
		}
		f.left--
	}
	return false
}

// over goes back over the word before i and returns where to go on; ok is
// false where the way ends.
func (f *flow) over(s *search, i int, place uint32) (at int, p uint32, ok bool) {
	switch mark := f.mark[i]; {
	case mark&markCall != 0 && !stays(place):
		if mipsLost>>place&1 == 0 {
			s.found(unknown)
		}
		return i, place, false
	case mark&markLikely != 0: // whose delay slot runs only when it jumps
		return i - 1, place, true
	}
	p, ok = f.before(s, i-1, place)
	return i - 1, p, ok
}

// stores says whether an instruction writes to a place on the stack, or sp.
func (f *flow) stores(x, place uint32) bool {
	return x&0xffe0ffff == (f.load+8)<<26|29<<21|place&0xffff || x&0xfc1f0000 == 0x241d0000 || x&0xfc1f0000 == 0x641d0000
}

// before returns the place where that stood before word i what is in a place
// behind it; ok is false where word i set it.
func (f *flow) before(s *search, i int, place uint32) (p uint32, ok bool) {
	x := f.words[i]
	op, rs, rt := x>>26, x>>21&31, x>>16&31
	fn := x & 0x7ff
	sum := op == 0 && (fn == 0x21 || fn == 0x2d || fn == 0x25) // addu, daddu, or
	switch {
	case place >= onStack && !f.stores(x, place) || place < onStack && destination(x) != place:
		return place, true
	case place >= onStack && rs == 29 && op == f.load+8:
		p = rt
	case place >= onStack: // sp is another
	case op == f.load && rs == 29:
		return onStack | x&0xffff, true
	case sum && (rs == 0 || rt == 0):
		p = rs | rt
	case op == f.load && f.depth > 1: // of what is loaded nothing is computed
	case op == f.load && (rs == 28 || int16(x) < 0 && f.holdsGP(rs)):
		if of, slot := f.c.slots.at(f.c.width(f.gp + uint64(int64(int16(x))))); slot {
			s.found(uint64(of) | mipsImport)
			return 0, false
		}
	case sum, op == f.load, op == 9, op == 25, op == 13, op == 15:
		r := &f.only
		r.known = 0
		for k, from := range [2]uint32{rs, rt} {
			if k == 1 && !sum || op == 15 {
				break
			}
			if v := f.value(i, from); v != unknown {
				r.at[from] = v
				r.known |= 1 << from
			}
		}
		f.step(r, i)
		if r.known>>place&1 != 0 {
			s.found(r.at[place])
			return 0, false
		}
	}
	switch p {
	case 0:
		s.found(unknown)
	case 28:
		s.found(f.gp)
	}
	return p, p != 0 && p != 28
}

// holdsGP says whether a register that calls leave as it is becomes gp again
// anywhere in the function, as clang does before calls: then what is loaded
// from below it comes from the GOT. Objects have nothing below them.
func (f *flow) holdsGP(rs uint32) bool {
	if f.copies == 0 {
		f.copies = 1 // register 0 tells that this was done
		for _, x := range f.words[:f.n] {
			switch x &^ (31 << 21) {
			case 0xe021, 0xe025, 0xe02d: // addu, or, daddu gp,rs,zero
				f.copies |= 1 << (x >> 21 & 31)
			}
		}
	}
	return f.copies&mipsSaved>>rs&1 != 0
}

// destination is the register that an instruction writes, 0 for none.
func destination(x uint32) uint32 {
	shift := mipsShift[x>>20&0xfc0|x&0x3f]
	if shift == shiftMove && x>>21&31 <= 3 { // mfc1 and the like; all else writes registers of the coprocessor
		return x >> 16 & 31
	}
	return x >> shift & 31
}

const shiftMove = 33

// mipsShift is where the register that is written stands in an instruction, by
// opcode and function field; 32 for none.
var mipsShift = func() (shift [1 << 12]uint8) {
	for i := range shift {
		shift[i] = [...]uint8{32, 16, 11, shiftMove, 16}[mipsDest[i>>6]]
		if fn := i & 0x3f; mipsDest[i>>6] == 4 && (fn == 0x20 || fn == 0x24) {
			shift[i] = 11
		}
	}
	return shift
}()
