package exe

import "slices"

// Bounds on how far back is looked for what a register holds: blocks for one
// jump, and words for a word of the function. Where they are reached,
// registers are followed forward instead.
const (
	quickWays  = 64
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
	f.left = quickWords * (f.n + 64)
	for _, j := range f.jumps {
		i := int(j.at)
		x := f.words[i]
		of := int32(0)
		switch x >> 26 {
		case 0: // jr, jalr
			rs := x >> 21 & 31
			if rs == 31 || len(f.inStub) > 0 && f.inStub[f.w.addr+uint64(i)*4] {
				continue
			}
			var ok bool
			if of, ok = f.loaded(i, rs); !ok {
				f.c.list = f.c.list[:before]
				return false
			}
		case 2, 3: // j, jal
			of = f.stub(f.address(x, i))
		default:
			if to, falls, branch := branchTarget(x, i); !branch && x>>26 == 1 || branch && !falls { // bal, b
				of = f.stub(f.w.addr + uint64(int64(to)*4))
			}
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

// search goes back from a jump, on all ways that lead there, to what set its
// register.
type search struct {
	ways   []way
	of     int32 // import + 1, 0 for what is no import
	any    bool  // something was found
	failed bool
}

// way is a block to whose beginning a search came, looking for what stands in
// a place: a register, or, with onStack, a word at an offset from sp. With
// inSum an address is computed of that: no import, unless it is known and that
// of a slot or stub.
type way struct {
	at    int
	place uint32
}

const (
	onStack = 1 << 16
	inSum   = 1 << 17
)

// loaded returns what register r holds at word i: import + 1, 0 for what is no
// import; ok is false where that can't be told.
func (f *flow) loaded(i int, r uint32) (of int32, ok bool) {
	s := &f.search
	*s = search{ways: s.ways[:0]}
	f.back(i, r)
	for k := 0; k < len(s.ways) && !s.failed; k++ {
		f.enter(s.ways[k].at, s.ways[k].place)
	}
	return s.of, !s.failed
}

// found is where a way ends. Ways that end at different imports make the
// register unknown.
func (s *search) found(of int32) {
	if s.any && of != s.of {
		of = 0
	}
	s.of, s.any = of, true
}

// back goes back from word i to the beginning of its block.
func (f *flow) back(i int, place uint32) {
	from, ok := i, true
	for f.mark[i]&markBlock == 0 {
		if f.mark[i] == 0 && place&onStack == 0 && destination(f.words[i-1]) != place&31 {
			i--
		} else if i, place, ok = f.over(i, place); !ok {
			break
		}
	}
	s := &f.search
	f.left -= from - i + 1
	if w := (way{i, place}); ok && !slices.Contains(s.ways, w) {
		s.ways = append(s.ways, w)
		s.failed = s.failed || len(s.ways) > quickWays
	}
	s.failed = s.failed || f.left < 0
}

// enter goes on to what leads to the block that begins at word i.
func (f *flow) enter(i int, place uint32) {
	s, mark := &f.search, f.mark[i]
	if i == 0 || f.function(i) {
		s.found(0)
		return
	}
	for k := mark >> markJump; k != 0; k = f.jumps[k-1].next {
		at, p, ok := int(f.jumps[k-1].at), place, true
		if at+1 < len(f.words) {
			p, ok = f.before(at+1, place) // the delay slot
		}
		if ok {
			f.back(at, p)
		}
	}
	if mark&markBegins == 0 {
		if at, p, ok := f.over(i, place); ok {
			f.back(at, p)
		}
	} else if mark>>markJump == 0 && !f.padding(i) {
		// A table or an exception leads here, unless a function begins.
		s.found(0)
		s.failed = s.failed || !f.prologue(i)
	}
}

// padding says whether a block does nothing, which stands behind a jump to
// align what follows; nothing leads to it.
func (f *flow) padding(i int) bool {
	for k := i; k < f.n && f.words[k] == 0; k++ {
		if k+1 < f.n && f.mark[k+1]&markBlock != 0 {
			return true
		}
	}
	return false
}

// over goes back over the word before i and returns where to go on; ok is
// false where the way ends.
func (f *flow) over(i int, place uint32) (at int, p uint32, ok bool) {
	switch mark := f.mark[i]; {
	case mark&markCall != 0 && place&onStack == 0 && mipsSaved>>(place&31)&1 == 0:
		if mipsLost>>(place&31)&1 == 0 {
			f.search.found(0)
		}
		return i, place, false
	case mark&markLikely != 0: // whose delay slot runs only when it jumps
		return i - 1, place, true
	}
	p, ok = f.before(i-1, place)
	return i - 1, p, ok
}

// before returns the place where that stood before word i what is in a place
// behind it; ok is false where word i set it.
func (f *flow) before(i int, place uint32) (p uint32, ok bool) {
	s, x := &f.search, f.words[i]
	op, rs, rt := x>>26, x>>21&31, x>>16&31
	sum := place & inSum
	if place&onStack != 0 {
		switch {
		case op == f.load+8 && rs == 29 && x&0xffff == place&0xffff:
			return f.from(rt | sum)
		case rt == 29 && (op == 9 || op == 25): // addiu sp
			s.found(0)
			return 0, false
		}
		return place, true
	}
	if destination(x) != place&31 {
		return place, true
	}
	move := false
	if op == 0 {
		fn := x & 0x7ff
		move = (fn == 0x21 || fn == 0x2d || fn == 0x25) && (rs == 0 || rt == 0)
	}
	switch {
	case op == f.load && rs == 29:
		return onStack | x&0xffff | sum, true
	case move:
		return f.from(rs | rt | sum)
	case op == f.load && rs == 28 && sum == 0:
		of := int32(0)
		if k, slot := f.c.slots.at(f.c.width(f.gp + uint64(int64(int16(x))))); slot {
			of = int32(k) + 1
		}
		s.found(of)
	case op == f.load && sum == 0, op == 9, op == 25, op == 13:
		// A function pointer out of an object or table, unless the address of
		// that is known.
		return f.from(rs | inSum)
	case op == 15 || sum != 0 && op == 0:
		s.found(0)
		s.failed = s.failed || sum != 0 || len(f.c.stubs.of) > 0
	default:
		s.found(0)
	}
	return 0, false
}

// from goes on with a place whose content was moved or added to.
func (f *flow) from(place uint32) (p uint32, ok bool) {
	switch place {
	case 0, inSum, 29 | inSum:
		f.search.found(0)
		return 0, false
	case 28 | inSum:
		f.search.failed = true
		return 0, false
	}
	return place, true
}

// destination is the register that an instruction writes, 0 for none.
func destination(x uint32) uint32 {
	rd, rt := x>>11&31, x>>16&31
	switch mipsDest[x>>26] {
	case 1:
		return rt
	case 2:
		return rd
	case 3:
		if x>>21&31 <= 3 {
			return rt
		}
	case 4:
		if fn := x & 0x3f; fn == 0x20 || fn == 0x24 {
			return rd
		}
		return rt
	}
	return 0
}
