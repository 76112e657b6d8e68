package exe

import (
	"maps"
	"slices"
)

// Instructions of stubs (Power ISA).
const (
	ppcMtctrR11 = 0x7d6903a6
	ppcMtctrR12 = 0x7d8903a6
	ppcBctr     = 0x4e800420
	ppcBclNext  = 0x429f0005 // bcl 20,31,.+4: where am I
	ppcBlNext   = 0x48000005 // bl .+4: the same, by clang
)

// ppc finds calls in 32-bit PowerPC code.
//
// A call goes to a stub that loads the slot: lis r11; lwz r11; mtctr r11; bctr
// where addresses are fixed, else relative to r30, which each object sets to a
// value of its own (Power Architecture 32-bit ABI Supplement, "Procedure
// Linkage Table", secure PLT). So the callers tell what a stub's slot is. In
// the older form the slot itself is code, and the calls go to it.
func (c *counter) ppc() error {
	relative := newPlaces() // stubs, and in distance that of the slot from r30
	var distance []uint32
	far := func(addr uint64, d uint32) {
		if _, ok := relative.of[addr]; !ok {
			relative.add(addr, len(distance))
			distance = append(distance, d)
		}
	}
	if c.dyn[dynPPCGot] == 0 {
		for at, of := range c.slots.of {
			c.stubs.add(at, of)
		}
	}
	big := c.f.Order.Uint16([]byte{0, 1}) == 1
	err := c.eachWord(big, func(w *window, words []uint32) (int, error) {
		for i, n := 0, w.number(4); i < n && i+3 < len(words); i++ {
			x, y := words[i], words[i+1]
			addr := w.addr + uint64(i)*4
			low := uint32(int32(int16(y)))
			switch {
			case x>>16 == 0x817e && y == ppcMtctrR11 && words[i+2] == ppcBctr: // lwz r11,low(r30)
				far(addr, uint32(int32(int16(x))))
			case y>>16 != 0x816b || words[i+2] != ppcMtctrR11 || words[i+3] != ppcBctr: // lwz r11,low(r11)
			case x>>16 == 0x3d60: // lis r11
				if of, ok := c.slots.at(uint64(x<<16 + low)); ok {
					c.stubs.add(addr, of)
				}
			case x>>16 == 0x3d7e: // addis r11,r30
				far(addr, x<<16+low)
			}
		}
		if len(distance) > maxStubs {
			return 0, &Uncounted{Limit: true, Why: "too many stubs relative to r30"}
		}
		return 0, c.full()
	})
	if err != nil {
		return err
	}
	relative.dense()
	c.stubs.dense()
	// What r30 is at each call of a relative stub, as the code before it says;
	// all callers of one stub have the same.
	type open struct {
		addr uint64
		off  int64
		stub int
		tail bool
	}
	var waiting []open
	votes := make([]vote, len(distance))
	base := ppcBase{c: c}
	watch := base.watch()
	err = c.eachWord(big, func(w *window, words []uint32) (int, error) {
		for i, x := range words[:w.number(4)] {
			if ppcFirst[x>>21]&watch == 0 {
				continue
			}
			addr, off := w.addr+uint64(i)*4, w.off+int64(i)*4
			switch op := x >> 26; {
			case op == 18 && x&2 == 0 && x != ppcBlNext: // b, bl
				target := uint64(uint32(addr) + uint32(int32(x&0x03fffffc<<6)>>6))
				k, ok := relative.at(target)
				if !ok {
					c.branch(addr, off, target, x&1 == 0)
					continue
				}
				if of, ok := c.slots.at(uint64(base.r30 + distance[k])); ok {
					votes[k].add(of)
				}
				waiting = append(waiting, open{addr, off, k, x&1 == 0})
			case op == 16 && x&2 == 0 && x != ppcBclNext: // bc
				c.branch(addr, off, uint64(uint32(addr)+uint32(int32(int16(x&0xfffc)))), x&1 == 0)
				base.next = false
				watch = base.watch()
			default:
				base.step(x, uint32(addr))
				watch = base.watch()
			}
		}
		return 0, nil
	})
	if err != nil {
		return err
	}
	for at, k := range relative.of {
		if votes[k].n > 0 {
			c.stubs.add(at, votes[k].of)
		}
	}
	lost := 0
	for _, x := range waiting {
		if v := votes[x.stub]; v.n > 0 {
			c.call(x.addr, x.off, v.of, x.tail)
		} else {
			lost++
		}
	}
	if lost > len(waiting)/100 {
		return uncounted("%d of %d calls go through stubs whose slots can't be told", lost, len(waiting))
	}
	return nil
}

// ppcBase follows how code sets r30.
type ppcBase struct {
	c     *counter
	r30   uint32
	next  bool       // bcl; now mflr
	known uint32     // registers whose content is, in here
	here  [32]uint32 // the address behind bcl is in the first
	late  uint32     // of known: here is where they are loaded from
}

// Why an instruction matters to calls in 32-bit code: it branches or sets r30,
// or, in some places, it may move or load what r30 is set to.
const (
	ppcAlways = 1 << iota
	ppcMove
	ppcLoad
)

// ppcFirst is by opcode and first register.
var ppcFirst = func() (why [1 << 11]uint8) {
	for d := range 32 {
		why[16<<5|d], why[18<<5|d] = ppcAlways, ppcAlways
		why[31<<5|d] = ppcMove
		why[32<<5|d] = ppcLoad
	}
	why[14<<5|30], why[15<<5|30], why[31<<5|30] = ppcAlways, ppcAlways, ppcAlways
	why[32<<5|30] = 0
	return why
}()

// watch says which instructions matter now.
func (b *ppcBase) watch() uint8 {
	w := uint8(ppcAlways)
	if b.next {
		w |= ppcMove
	}
	if b.known == 1<<30 {
		w |= ppcLoad
	}
	return w
}

func (b *ppcBase) step(x, addr uint32) {
	d, a := x>>21&31, x>>16&31
	switch x >> 26 {
	case 16, 18:
		if b.next = x == ppcBclNext || x == ppcBlNext; b.next {
			b.known, b.here[0] = 0, addr+4
		}
	case 31:
		switch {
		case x&0xfc1fffff == 0x7c0802a6 && b.next: // mflr rD
			b.set(d, b.here[0])
			b.next = false
		case x&0xffe007ff == 0x7fc00214: // add r30,rA,r30
			o := x >> 11 & 31
			if a == 30 {
				a, o = o, a
			}
			if b.known>>a&1 != 0 && a != 30 && o == 30 {
				b.r30 += b.at(a)
				b.known = 0
			}
		}
	case 15: // addis
		if d == 30 && a == 0 {
			b.set(30, x<<16)
		} else if d == 30 && b.known>>a&1 != 0 {
			b.set(30, b.at(a)+x<<16)
		}
	case 14: // addi
		if d == 30 && a != 0 && b.known>>a&1 != 0 {
			b.set(30, b.at(a)+uint32(int32(int16(x))))
		}
	case 32: // lwz rD,d(r30): the distance stands before the function
		if a == 30 && d != 30 && b.known == 1<<30 {
			b.here[d] = b.here[30] + uint32(int32(int16(x)))
			b.known |= 1 << d
			b.late = 1 << d
		}
	}
}

// set makes one register known.
func (b *ppcBase) set(d, v uint32) {
	b.here[d], b.known, b.late = v, 1<<d, 0
	if d == 30 {
		b.r30 = v
	}
}

func (b *ppcBase) at(a uint32) uint32 {
	if b.late>>a&1 != 0 {
		return uint32(b.c.value(uint64(b.here[a]), 32))
	}
	return b.here[a]
}

// vote finds the import that most callers of a stub mean (Boyer and Moore).
type vote struct{ of, n int }

func (v *vote) add(of int) {
	switch {
	case v.n == 0:
		*v = vote{of, 1}
	case v.of == of:
		v.n++
	default:
		v.n--
	}
}

// ppc64 finds calls in 64-bit PowerPC code of both ABIs. A stub saves r2, which
// holds the TOC's address, and loads its slot relative to it (64-bit ELF V2
// ABI, 3.6.5 and 4.2.5.3; PowerPC ELF V1, "Function Linkage"). The linker gives
// all code of a file of up to 2 GB one TOC; it is the address that makes all
// stubs' distances slots.
func (c *counter) ppc64() error {
	distance := map[uint64]int64{} // stub: its slot's distance from r2
	big := c.f.Order.Uint16([]byte{0, 1}) == 1
	tocs := map[uint64]int{}
	err := c.eachWord(big, func(w *window, words []uint32) (int, error) {
		for i, n := 0, w.number(4); i < n; i++ {
			x, addr := words[i], w.addr+uint64(i)*4
			switch {
			case x == 0xf8410018 || x == 0xf8410028: // std r2,24(r1); std r2,40(r1)
				if d, ok := ppcStub(words[i+1:]); ok {
					distance[addr], distance[addr+4] = d, d
				}
			case x>>16 == 0x3d82 || x>>16 == 0x3d62 || x>>16 == 0xe982: // addis r12,r2; addis r11,r2; ld r12,d(r2)
				if d, ok := ppcStub(words[i:]); ok {
					distance[addr] = d
				}
			case x>>18 == 0x04100000>>18 && i+3 < len(words) && words[i+1]>>16 == 0xe580 && words[i+2] == ppcMtctrR12 && words[i+3] == ppcBctr: // pld r12,d(pc)
				d := int64(uint64(x&0x3ffff)<<46|uint64(words[i+1]&0xffff)<<30) >> 30
				if of, ok := c.slots.at(addr + uint64(d)); ok {
					c.stubs.add(addr, of)
				}
			case x>>16 == 0x3c4c && i+1 < len(words) && words[i+1]>>16 == 0x3842: // addis r2,r12; addi r2,r2
				tocs[addr+uint64(int64(int32(x<<16)))+uint64(int64(int16(words[i+1])))]++
			case x>>16 == 0x3c40 && i+1 < len(words) && words[i+1]>>16 == 0x3842: // lis r2; addi r2,r2
				tocs[uint64(int64(int32(x<<16)))+uint64(int64(int16(words[i+1])))]++
			}
		}
		if len(tocs) > 1<<12 {
			tocs = map[uint64]int{}
		}
		if len(distance) > maxStubs {
			return 0, &Uncounted{Limit: true, Why: "too many stubs"}
		}
		return 0, c.full()
	})
	if err != nil {
		return err
	}
	if len(distance) > 0 {
		toc, ok := c.toc(distance, tocs)
		if !ok {
			return uncounted("the address that %d stubs are relative to can't be told", len(distance))
		}
		for addr, d := range distance {
			if of, ok := c.slots.at(toc + uint64(d)); ok {
				c.stubs.add(addr, of)
			}
		}
	}
	c.stubs.dense()
	return c.eachWord(big, func(w *window, words []uint32) (int, error) {
		for i, x := range words[:w.number(4)] {
			if addr := w.addr + uint64(i)*4; x>>26 == 18 && x&2 == 0 {
				c.branch(addr, w.off+int64(i)*4, addr+uint64(int64(int32(x&0x03fffffc<<6)>>6)), x&1 == 0)
			}
		}
		return 0, nil
	})
}

// ppcStub follows a stub behind the save of r2, and returns the distance of
// its slot from r2.
func ppcStub(words []uint32) (int64, bool) {
	var at [2]int64 // r11, r12
	var known [2]bool
	var d int64
	state := 0
	for _, x := range words[:min(len(words), 8)] {
		rd, ra, imm := int(x>>21&31)-11, int(x>>16&31)-11, int64(int16(x))
		mine := rd == 0 || rd == 1
		switch op := x >> 26; {
		case op == 15 && mine && ra == 2-11: // addis r1x,r2
			at[rd], known[rd] = imm<<16, true
		case op == 14 && mine && (ra == 0 || ra == 1) && known[ra]: // addi
			at[rd], known[rd] = at[ra]+imm, true
		case op == 58 && x&3 == 0 && rd == 1 && state == 0: // ld r12
			switch {
			case ra == 2-11:
				d = imm &^ 3
			case (ra == 0 || ra == 1) && known[ra]:
				d = at[ra] + imm&^3
			default:
				return 0, false
			}
			state = 1
		case x == ppcMtctrR12 && state == 1:
			state = 2
		case x&0xfc0007ff == 0x4c000420: // bctr, bnectr
			return d, state == 2
		case op == 58 && state > 0: // v1: ld r11; ld r2
		case op == 31 && x>>1&0x3ff == 316 || op == 10 && state > 0 || op == 14 && state > 0: // xor, cmpldi: of files that threads share
		default:
			return 0, false
		}
	}
	return 0, false
}

// toc finds the address that makes distances slots: one that the code sets r2
// to, or one that a function descriptor holds; else any that fits all.
func (c *counter) toc(distance map[uint64]int64, tocs map[uint64]int) (uint64, bool) {
	fits := func(t uint64) (n int) {
		for _, d := range distance {
			if _, ok := c.slots.at(t + uint64(d)); ok {
				n++
			}
		}
		return n
	}
	best, most := uint64(0), 0
	try := func(t uint64) {
		if n := fits(t); n > most || n == most && t < best {
			best, most = t, n
		}
	}
	// A file that sets r2 to many addresses is looked at as far as that.
	budget := 1 << 25
	for _, t := range slices.Sorted(maps.Keys(tocs)) {
		if budget -= len(distance); budget > 0 {
			try(t)
		}
	}
	for _, at := range []uint64{c.f.Entry, c.dyn[dynInit]} {
		if t := c.value(at+8, 64); t != 0 {
			try(t)
		}
	}
	if most < len(distance) {
		low := int64(1<<63 - 1)
		for _, d := range distance {
			low = min(low, d)
		}
		// Linkers put the TOC's address at 0x8000 behind a boundary of 256.
		for _, s := range slices.Sorted(maps.Keys(c.slots.of)) {
			if t := s - uint64(low); t&0xff == 0 {
				if budget -= len(distance); budget > 0 {
					try(t)
				}
			}
		}
	}
	return best, most > 0 && most >= len(distance)/2
}
