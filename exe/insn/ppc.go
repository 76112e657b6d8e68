package insn

// The registers that calls change, and those that functions give back (System V
// ABI, PowerPC supplement; 64-bit ELF V2 ABI, 2.2.1).
const (
	ppcCalled    = 0x1ff9
	ppcPreserved = 0xffffc000
)

// ppc follows code of both widths (Power ISA, book I). An address is formed in
// two halves, behind a register: none, the TOC's (r2, 64 bits), that of the
// function (r12 where ELF V2's begin), or of the instruction behind a branch to
// the next (32 bits).
type ppc struct {
	*follower
	maps *ppcMaps
	mask uint64
	long bool
	link uint64 // what the link register holds, 0 for not known
	here uint64 // the last of it that was moved to a register
	// count is what the count register holds, 0 for not known.
	count uint64
	// table is the last address in the function that was formed.
	table uint64
}

// bigFirst tells byte orders apart.
var bigFirst = []byte{0, 1}

func (c *Code) decodePPC(code []byte, addr uint64, list []Inst) []Inst {
	p := ppc{follower: c.follow(code, addr, list, 2), maps: ppcTables(), long: c.Set == PPC64, mask: 1<<32 - 1}
	p.preserved = ppcPreserved
	if p.long {
		p.mask = 1<<64 - 1
		if c.Base != 0 {
			p.set(2, value{n: c.Base, address: true})
		}
	}
	big := c.order().Uint16(bigFirst) == 1
	n := len(code) / 4
	for i := 0; i < n; i++ {
		p.begin(i)
		b := code[i*4 : i*4+4]
		x := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		if big {
			x = uint32(b[3]) | uint32(b[2])<<8 | uint32(b[1])<<16 | uint32(b[0])<<24
		}
		if i == 0 && p.long && x>>16 == 0x3c4c { // addis r2,r12
			p.set(12, value{n: addr, address: true})
		}
		first := &p.maps.first[x>>26]
		e := p.maps.entries[first.base+x>>first.shift&first.mask]
		in := Inst{Addr: addr + uint64(i)*4, Len: 4, Op: e.op, Word: uint64(x)}
		switch t, a := x>>21&31, x>>16&31; e.kind {
		case ppcPlain:
		case ppcT:
			p.kill(t)
		case ppcA:
			p.kill(a)
		case ppcTA:
			p.kill(t)
			p.kill(a)
		case ppcPrefix:
			if !p.long || i+1 == n {
				in.Flow, in.Op = Bad, 0
				break
			}
			y := uint32(c.order().Uint32(code[i*4+4:]))
			i++
			p.prefixed(&in, x, y)
		case ppcBad:
			in.Flow = Bad
		case ppcLoad, ppcAccess, ppcLoadDS, ppcAccessDS, ppcStoreWord, ppcStoreDS, ppcLoadBack, ppcAccessBack, ppcLoadMany:
			p.access(&in, e.kind, x, t, a)
		case ppcBranch, ppcBranchIf, ppcLink, ppcCount:
			p.branch(&in, e.kind, x, t)
		default:
			p.step(&in, e.kind, x, t, a)
		}
		if p.long && p.known&4 == 0 && p.c.Base != 0 { // the TOC's stays, as calls restore it
			p.set(2, value{n: p.c.Base, address: true})
		}
		p.list = append(p.list, in)
		if in.Flow == IndirectJump && p.table == in.Addr+4 {
			i += p.distances(i + 1)
		}
	}
	p.rest(n * 4)
	return p.done()
}

// step is an instruction that forms an address, or part of one.
func (p *ppc) step(in *Inst, kind uint8, x, t, a uint32) {
	imm := uint64(int64(int16(x)))
	switch kind {
	case ppcAddi:
		if a == 0 {
			in.Op = p.maps.li
			p.kill(t)
			return
		}
		v, ok := p.get(a)
		if !ok || t == a && v.by[0] == 0 && v.n != p.here { // a step through a table
			p.kill(t)
			return
		}
		p.formed(in, t, v, (v.n+imm)&p.mask)
	case ppcAddis:
		index := int32(len(p.list) + 1)
		if a == 0 {
			in.Op = p.maps.lis
			p.set(t, value{n: imm << 16 & p.mask, by: [2]int32{index}})
		} else if v, ok := p.get(a); ok && v.address {
			p.set(t, value{n: (v.n + imm<<16) & p.mask, address: true, by: [2]int32{index}})
		} else {
			p.kill(t)
		}
	case ppcOri:
		if x == 0x60000000 {
			in.Op = p.maps.nop
			return
		}
		if v, ok := p.get(t); ok && !v.address && v.by[0] != 0 {
			p.formed(in, a, v, v.n|uint64(uint16(x)))
		} else {
			p.kill(a)
		}
	case ppcOr:
		if t == x>>11&31 {
			in.Op = p.maps.mr
			p.move(a, t)
		} else {
			p.kill(a)
		}
	case ppcAdd:
		v, ok := p.get(a)
		w, also := p.get(x >> 11 & 31)
		if ok && also && v.address != w.address {
			p.set(t, value{n: (v.n + w.n) & p.mask, address: true})
		} else {
			p.kill(t)
		}
	case ppcFrom:
		p.kill(t)
		if x>>11&0x3ff == 0x100 && p.link != 0 { // mflr
			p.set(t, value{n: p.link, address: true})
			p.here = p.link
		}
	case ppcTo:
		if x>>11&0x3ff == 0x120 { // mtctr
			p.count = 0
			if v, ok := p.get(t); ok && v.by[0] == 0 && v.address {
				p.count = v.n
			}
		}
	case ppcTrap:
		if t == 31 {
			in.Flow, p.dead = Stop, true
		}
	}
}

// formed is an instruction that adds the second half of a number.
func (p *ppc) formed(in *Inst, to uint32, v value, n uint64) {
	if v.address || to == 2 && p.long || p.inFile(n) {
		in.Ref = n
		in.Word &^= 0xffff
		p.whole(v)
		p.set(to, value{n: n, address: true})
		p.table = n
	} else {
		p.set(to, value{n: n})
	}
}

// whole clears the first half of an address that became whole.
func (p *ppc) whole(v value) {
	if i := v.by[0]; i != 0 {
		p.list[i-1].Word &^= 0xffff
	}
}

// access reads or writes memory.
func (p *ppc) access(in *Inst, kind uint8, x, t, a uint32) {
	off := uint64(int64(int16(x)))
	switch kind {
	case ppcLoadDS, ppcAccessDS, ppcStoreDS:
		off &^= 3
	}
	back := kind == ppcLoadBack || kind == ppcAccessBack
	origin := false // memory is at a distance from the function
	if a != 0 && p.known>>a&1 != 0 {
		v := &p.v[a]
		origin = p.here != 0 && v.n == p.here && v.by[0] == 0
		n := (v.n + off) & p.mask
		if v.by[0] == 0 && v.address && !back || v.by[0] != 0 && (v.address || p.inFile(n)) {
			in.Ref = n
			in.Word &^= off & 0xffff
			p.whole(*v)
		}
	}
	if back {
		if p.kill(a); in.Ref != 0 {
			p.set(a, value{n: in.Ref, address: true})
		}
	}
	switch kind {
	case ppcLoadBack:
		p.kill(t)
	case ppcLoad, ppcLoadDS:
		if a == 1 {
			p.unspill(1, off, t)
			return
		}
		if p.kill(t); in.Ref != 0 && origin {
			// A distance that stands before the function.
			if n, ok := p.c.read(in.Ref, 4); ok {
				p.set(t, value{n: n})
			}
		}
	case ppcLoadMany:
		if a != 1 && a != 11 {
			for r := t; r < 32; r++ {
				p.kill(r)
			}
		}
	case ppcStoreWord, ppcStoreDS:
		if a == 1 {
			p.spill(1, off, t)
		}
	}
}

// distances reads a table behind the jump through it, which holds how far from
// its start the code is that it leads to, and returns its length in words. It
// ends at the latest where the first of them leads that is behind it.
func (p *ppc) distances(from int) (n int) {
	end := len(p.code) / 4
	for i := from; i < end; i++ {
		to := p.table + uint64(int64(int32(p.c.order().Uint32(p.code[i*4:]))))
		at := to - p.addr
		if at >= uint64(len(p.code)) || at&3 != 0 || at/4 >= uint64(from) && at/4 <= uint64(i) {
			break
		}
		if at/4 > uint64(i) {
			end = min(end, int(at/4))
		}
		p.list = append(p.list, Inst{Addr: p.addr + uint64(i)*4, Len: 4, Flow: Data, Ref: to})
		n++
	}
	return n
}

// branch is an instruction that leads elsewhere.
func (p *ppc) branch(in *Inst, kind uint8, x, t uint32) {
	const next = 0x429f0005 // bcl 20,31,.+4: where am I
	call := x&1 != 0
	always := t&0x14 == 0x14
	link := uint64(0)
	switch kind {
	case ppcBranch, ppcBranchIf:
		if x == next || x == 0x48000005 {
			p.link = in.Addr + 4
			return
		}
		to, field := uint64(int64(int32(x<<6)>>6))&^3, uint64(0x3fffffc)
		if kind == ppcBranchIf {
			to, field = uint64(int64(int16(x)))&^3, 0xfffc
		} else {
			always = true
		}
		if x&2 == 0 {
			to += in.Addr
		}
		in.To = to & p.mask
		in.Word &^= field
		if in.Flow = Branch; always {
			in.Flow = Jump
		}
		if call {
			in.Flow = Call
			w, ok := p.c.read(in.To, 4)
			switch {
			case !ok:
			case w == 0x4e800021 && !p.long:
				link = in.To + 4 // the GOT of old has blrl before it, to tell where it is
			case p.saves(in.To, w):
				return
			}
		} else {
			p.leads(in.Addr, in.To)
		}
	case ppcLink:
		switch {
		case call:
			in.Flow = IndirectCall
		case always:
			in.Flow = Return
		default:
			in.Flow = Branch
		}
	case ppcCount:
		in.To = p.count
		switch {
		case call && p.count != 0:
			in.Flow = Call
		case call:
			in.Flow = IndirectCall
		case !always:
			in.Flow = Branch
		case p.count != 0:
			in.Flow = Jump
		default:
			in.Flow = IndirectJump
		}
	}
	if call {
		p.known &^= ppcCalled
		p.link, p.count = link, 0
		return
	}
	if p.dead = in.Flow != Branch; p.dead {
		p.count = 0
	}
}

// saves tells the functions that only save or restore a caller's registers
// (64-bit ELF V2 ABI, 2.3.3; System V ABI, PowerPC supplement, 3), of which w
// is the first word. They change none that its code counts on.
func (p *ppc) saves(at, w uint64) bool {
	const most = 20
	for range most {
		switch a := w >> 16 & 31; w >> 26 {
		case 32, 36, 50, 54, 58, 62: // lwz, stw, lfd, stfd, ld, std
			if a != 1 && a != 11 && a != 12 {
				return false
			}
		default:
			return w == 0x4e800020 || w == 0x7c0803a6 // blr, mtlr r0
		}
		at += 4
		w, _ = p.c.read(at, 4)
	}
	return false
}

// prefixed is an instruction of eight bytes (Power ISA 3.1, 1.6.3).
func (p *ppc) prefixed(in *Inst, x, y uint32) {
	in.Len, in.Op = 8, p.maps.behind[y>>26]
	in.Word = uint64(x)<<32 | uint64(y)
	if x>>24&3 == 3 && y == 0 {
		in.Op = p.maps.nop
		return
	}
	p.kill(y >> 21 & 31)
	if x>>24&1 == 0 && x>>20&1 != 0 { // relative to the instruction
		in.Ref = in.Addr + uint64(int64(uint64(x&0x3ffff)<<46|uint64(y&0xffff)<<30)>>30)
		in.Word &^= 0x3ffff<<32 | 0xffff
		if y>>26 == 14 {
			p.set(y>>21&31, value{n: in.Ref, address: true})
		}
	}
}

func namePPC(op uint16) string {
	if t := ppcTables(); int(op) < len(t.names) {
		return t.names[op]
	}
	return ""
}
