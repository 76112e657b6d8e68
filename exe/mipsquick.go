package exe

// quickLook is how many instructions are looked at to find what a register
// holds.
const quickLook = 128

// quick finds the calls of a function without following registers through it:
// most are loaded from their slot a few instructions before the jump. It says
// whether that was enough; if not, nothing is found.
func (f *flow) quick() bool {
	if f.names != nil || !f.usualGP() {
		return false
	}
	for i, x := range f.words[:f.n] {
		if classOf(x)&classJump == 0 {
			continue
		}
		if to, falls, ok := branchTarget(x, i); ok {
			if !falls {
				f.direct(i, f.w.addr+uint64(int64(to)*4))
			}
			continue
		}
		switch x >> 26 {
		case 1: // bal
			if x>>20&1 != 0 && x>>16&31 < 20 {
				f.direct(i, f.w.addr+uint64(int64(i+1+int(int16(x)))*4))
			}
		case 2, 3: // j, jal
			f.direct(i, f.address(x, i))
		case 0: // jr, jalr
			rs := x >> 21 & 31
			if rs == 31 || len(f.inStub) > 0 && f.inStub[f.w.addr+uint64(i)*4] {
				continue
			}
			of, ok := f.loaded(i, rs)
			if !ok {
				clear(f.found)
				return false
			}
			f.found[i] = of
		}
	}
	return true
}

// usualGP says whether the function begins with the setting of the gp that the
// file's first GOT has, or of none.
func (f *flow) usualGP() bool {
	for i, x := range f.words[:min(f.n, 8)] {
		if x>>16 != 0x3c1c { // lui gp
			continue
		}
		v := f.w.addr + uint64(i)*4 + uint64(int64(int32(x<<16)))
		for _, y := range f.words[i+1 : min(f.n, i+8)] {
			if y>>16 == 0x279c || y>>16 == 0x679c { // addiu gp,gp
				v += uint64(int64(int16(y)))
				break
			}
		}
		return f.near(f.number(v)|mipsEntry) == f.gp
	}
	return true
}

// loaded goes back in the block to what register r holds at word i: import + 1,
// 0 for what is no import; ok is false where that can't be told.
func (f *flow) loaded(i int, r uint32) (of int32, ok bool) {
	for n := 0; i > 0 && f.block[i] == 0 && n < quickLook; i, n = i-1, n+1 {
		x := f.words[i-1]
		if i > 1 && classOf(f.words[i-2])&classJump != 0 {
			// A call loses what its delay slot loads; a likely branch runs
			// its own only when it jumps.
			if _, _, branch := branchTarget(f.words[i-2], i-2); !branch || f.words[i-2]>>28 == 5 || f.words[i-2]>>26 == 1 || f.words[i-2]>>26 == 17 {
				if mipsSaved>>r&1 == 0 || branch {
					return 0, false
				}
			}
		}
		if classOf(x)&classJump != 0 || destination(x) != r {
			continue
		}
		rs, rt := x>>21&31, x>>16&31
		switch op := x >> 26; {
		case op == f.load && rs == 28:
			k, slot := f.c.slots.at(f.c.width(f.gp + uint64(int64(int16(x)))))
			if !slot {
				return 0, true
			}
			return int32(k) + 1, true
		case op == f.load:
			// A function pointer out of an object or table, if that was
			// itself loaded; else an address that was computed.
			return 0, rs != 29 && f.fetched(i-1, rs)
		case op == 0 && (x&0x7ff == 0x21 || x&0x7ff == 0x2d || x&0x7ff == 0x25) && rt == 0:
			r = rs
		case op == 0 && (x&0x7ff == 0x21 || x&0x7ff == 0x2d || x&0x7ff == 0x25) && rs == 0:
			r = rt
		case op == 9 || op == 25 || op == 13 || op == 15:
			return 0, len(f.c.stubs.of) == 0
		default:
			return 0, true
		}
	}
	return 0, false
}

// fetched says whether register r was loaded from memory in the block, by
// another register than gp.
func (f *flow) fetched(i int, r uint32) bool {
	for n := 0; i > 0 && f.block[i] == 0 && n < quickLook; i, n = i-1, n+1 {
		if x := f.words[i-1]; classOf(x)&classJump == 0 && destination(x) == r {
			return x>>26 == f.load && x>>21&31 != 28
		}
	}
	return false
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
