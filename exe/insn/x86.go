package insn

import (
	"encoding/binary"
	"sync"
)

// x86 decodes code of both widths, by Intel SDM volume 2, chapter 2 (formats)
// and appendix A (maps).
type x86 struct {
	c      *Code
	maps   *x86Maps
	first  *[256]uint32
	sizes  *[16 * 4]uint8 // of immediates
	long   bool
	fixed  bool // the program is loaded where it says, so that constants may be addresses
	mask   uint64
	track  x86Track
	window [2 * x86Window]byte // of the last bytes of the code, with zeros behind
}

// x86Window is how many bytes are looked at for one instruction: more than an
// instruction of 14 prefixes could have.
const x86Window = 48

const x86Longest = 15

// x86Inst is an instruction taken apart.
type x86Inst struct {
	entry   uint32
	m       uint8 // map: 0 for one byte, as in x86Maps.rest else
	op      byte
	group   bool // the middle of ModRM is no register
	memory  bool
	rip     bool
	based   bool // of a memory operand: has a base register, which is rm
	indexed bool
	scaled  bool
	index   uint8
	reg, rm uint8
	other   uint8  // the register that VEX names
	prefix  uint64 // x86Lock…
	head    uint64
	disp    uint64 // sign-extended
	imm     uint64
	wide    bool // the immediate has eight bytes
	rel     bool // the immediate is a distance
}

// Parts of an x86Inst.head, which has all of an instruction but for its
// displacement and immediate.
const (
	x86HeadMap     = 8
	x86HeadKind    = 11 // 0 legacy, 1 VEX, 2 EVEX, 3 XOP
	x86HeadPrefix  = 13
	x86HeadReg     = 26
	x86HeadRM      = 31
	x86HeadNoBase  = 1 << 36
	x86HeadRIP     = 1 << 37
	x86HeadIndex   = 38
	x86HeadIndexed = 1 << 43
	x86HeadScale   = 44
	x86HeadMemory  = 1 << 46
	x86HeadREX     = 47 // of what is not VEX or EVEX, as some of it may mean nothing
	x86HeadOther   = 47
	x86HeadL       = 52
	x86HeadMask    = 54
	x86HeadZ       = 57
	x86HeadB       = 58
	x86HeadDisp8   = 1 << 59 // behind EVEX, where it is scaled
	x86Head16      = 1 << 60 // addresses of two bytes
	x86HeadMapLow  = 61      // which of the maps that are rare
	x86HeadX       = 63      // of VEX and EVEX, the same
)

var x86s = sync.Pool{New: func() any { return new(x86) }}

func (c *Code) decodeX86(code []byte, addr uint64, list []Inst) []Inst {
	d := x86s.Get().(*x86)
	defer x86s.Put(d)
	d.c, d.maps, d.long, d.mask, d.fixed = c, x86Tables(), c.Set == X8664, 1<<64-1, false
	defer func() { d.c = nil }()
	d.first, d.sizes = &d.maps.first[1], &x86Sizes[1]
	if !d.long {
		d.first, d.sizes, d.mask = &d.maps.first[0], &x86Sizes[0], 1<<32-1
	}
	if c.Read != nil {
		// What is loaded at any address begins at 0.
		_, relative := c.Read(0, 1)
		d.fixed = !relative
	}
	d.track.begin(c, addr)
	var x x86Inst
	tail := -1
	for p := 0; p < len(code); {
		var b *[x86Window]byte
		if len(code)-p >= x86Window {
			b = (*[x86Window]byte)(code[p:])
		} else {
			if tail < 0 {
				tail = p
				clear(d.window[copy(d.window[:], code[p:]):])
			}
			b = (*[x86Window]byte)(d.window[p-tail:])
		}
		at := addr + uint64(p)
		n := d.take(&x, b)
		if n <= 0 || n > x86Longest || n > len(code)-p {
			list = append(list, Inst{Addr: at, Len: 1, Flow: Bad, Word: uint64(b[0])})
			d.track.end()
			p++
			continue
		}
		list = append(list, Inst{Addr: at, Len: uint32(n)})
		d.finish(&x, &list[len(list)-1])
		p += n
	}
	return list
}

// finish says what an instruction does.
func (d *x86) finish(x *x86Inst, in *Inst) {
	next := in.Addr + uint64(in.Len)
	e := x.entry
	in.Flow = Flow(e >> x86FlowShift & 15)
	form := uint32(0)
	if x.memory {
		form = 1 | e/(x86Store/2)&2
	}
	if !x.rel && e>>x86ImmShift&15 != 0 {
		form |= 4
	}
	in.Op = uint16(e&x86Mnemonic<<3 | form)
	t := &d.track
	if i := t.slot(in.Addr); t.ended || t.labels[i>>6]>>(i&63)&1 != 0 {
		t.label(in.Addr)
	}
	if x.rel {
		in.To = (next + x.imm) & d.mask
		x.imm = 0
		if x.prefix&x8666 != 0 && !d.long {
			in.To &= 0xffff
		}
		if in.To == 0 { // no target by the contract, so that it stays in Word
			x.imm = 1
		}
		if in.Flow != Call {
			t.branch(in.To)
		}
	}
	disp := x.disp
	switch {
	case !x.memory:
	case x.rip:
		in.Ref, disp = (next+disp)&d.mask, 0
	case x.prefix&(x86FS|x86GS) != 0:
	case e&x86Mnemonic == d.maps.nop:
	case x.based && disp == 0 && !x.indexed && x.rm == x.reg && e&x86Mnemonic == d.maps.lea: // alignment
	case x.based && t.places>>x.rm&1 != 0:
		in.Ref, disp = (t.value[x.rm]+disp)&d.mask, 0
	case x.indexed && !x.scaled && t.places>>x.index&1 != 0:
		in.Ref, disp = (t.value[x.index]+disp)&d.mask, 0
	case disp+0x1000 < 0x2000: // too small
	case !x.based && !x.indexed:
		if e&x86Mnemonic != d.maps.lea || d.loaded(disp) {
			in.Ref, disp = disp&d.mask, 0
		}
	case d.loaded(disp):
		in.Ref, disp = disp&d.mask, 0
	}
	switch {
	case e&x86Address != 0 && !x.memory && t.places>>x.rm&1 != 0 && x.adds():
		t.value[x.rm] = (t.value[x.rm] + x.imm) & d.mask
		t.kept |= 1 << x.rm
		t.home = t.value[x.rm]
		in.Ref, x.imm = t.value[x.rm], 0
	case e&x86Address != 0 && x.imm+0x1000 >= 0x2000 && x.prefix&x8666 == 0 && d.loaded(x.imm):
		if in.Ref == 0 {
			in.Ref = x.imm & d.mask
		} else {
			in.To = x.imm & d.mask
		}
		x.imm = 0
	}
	if t.live() || e&x86Mnemonic == d.maps.pop || in.Ref != 0 || in.Flow != Next {
		t.step(d, x, in, next)
	}
	operand := uint64(uint32(disp)) | x.imm<<32
	if x.wide {
		operand = x.imm
	}
	in.Word = x86Hash(x.head, operand)
}

// loaded says whether a constant may be an address of the program, or where
// something of it ends.
func (d *x86) loaded(v uint64) bool {
	if !d.fixed {
		return false
	}
	_, ok := d.c.Read(v&d.mask, 1)
	if !ok {
		_, ok = d.c.Read((v-1)&d.mask, 1)
	}
	return ok
}

// adds tells ADD of an immediate.
func (x *x86Inst) adds() bool {
	return x.m == 0 && (x.op == 0x81 && x.reg&7 == 0 || x.op == 0x05)
}

// x86Hash makes one number of two. Of one head it is another for each operand,
// and of one operand for each head.
func x86Hash(head, operand uint64) uint64 {
	h := head * 0x9e3779b97f4a7c15
	h ^= h >> 32
	h += operand * 0xd6e8feb86659fd93
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

// take takes the instruction at b apart and returns its length, 0 for none.
func (d *x86) take(x *x86Inst, b *[x86Window]byte) int {
	*x = x86Inst{}
	q := 0
	var rex byte
	var prefix uint64
	op := b[0]
	e := d.first[op]
	for e>>x86KindShift-x86KindPrefix <= x86KindREX-x86KindPrefix {
		if rex = 0; e>>x86KindShift == x86KindREX {
			rex = op
		} else {
			if e&(x86F2|x86F3) != 0 {
				prefix &^= x86F2 | x86F3
			}
			prefix |= uint64(e & x86PrefixMask)
		}
		if q++; q == x86Longest {
			return 0
		}
		op = b[q]
		e = d.first[op]
	}
	if rex != 0 {
		prefix |= x86REX | uint64(rex&8)<<9
	}
	q++
	head := uint64(0)
	if kind := e >> x86KindShift; kind != 0 {
		pp := 0
		switch {
		case prefix&x86F2 != 0:
			pp = 3
		case prefix&x86F3 != 0:
			pp = 2
		case prefix&x8666 != 0:
			pp = 1
		}
		switch {
		case kind == x86Kind0F:
			x.m = 1
			op = b[q]
			q++
			if e = d.maps.rest[1][pp][op]; e>>x86KindShift != 0 {
				if x.m = 2; op == 0x3a {
					x.m = 3
				}
				op = b[q]
				q++
				e = d.maps.rest[x.m][pp][op]
			}
		case kind == x86KindXOP && b[q]&0x18 == 0, // POP
			kind != x86KindXOP && !d.long && b[q] < 0xc0: // LES, LDS, BOUND
			e &^= 15 << x86KindShift
		default:
			if q, rex, prefix, head = d.vector(x, b, q, kind, prefix); q == 0 {
				return 0
			}
			op = b[q-1]
			e = x.entry
		}
	}
	if e == 0 {
		return 0
	}
	if e&x86ModRM != 0 {
		m := b[q]
		q++
		reg, rm := m>>3&7, m&7
		if x.group = e&x86Group != 0; x.group {
			if e = d.groupOf(x, e, op, m, prefix); e == 0 {
				return 0
			}
		}
		x.reg |= reg | rex&4<<1
		if m >= 0xc0 || e&x86Direct != 0 {
			x.rm |= rm | rex&1<<3
			head |= uint64(x.rm) << x86HeadRM
		} else {
			x.memory = true
			head |= x86HeadMemory
			if !d.long && prefix&x8667 != 0 {
				q = x.short(b, q, m)
				head |= x86Head16 | uint64(x.rm)<<x86HeadRM
			} else {
				q, head = d.memory(x, b, q, m, rex, head)
			}
		}
		head |= uint64(x.reg) << x86HeadReg
	} else {
		x.rm = op&7 | rex&1<<3
		if x.m == 0 && op&0xc7 == 5 { // on the accumulator
			x.rm = 0
		}
		x.reg = rex & 1 << 3
		head |= uint64(x.reg) << x86HeadReg
	}
	kind := e >> x86ImmShift & 15
	size := int(d.sizes[kind<<2|uint32(prefix)>>2&2|uint32(rex)>>3&1])
	unused := uint(64 - 8*size)
	x.imm = uint64(int64(binary.LittleEndian.Uint64(b[q:])<<unused) >> unused)
	x.wide = size > 4
	q += size
	switch {
	case kind < x86ImmQ:
	case kind == x86ImmQ:
		q = d.offset(x, b, q, prefix)
	default: // one jump, however far
		if x.rel = true; x.m == 1 {
			op, x.m = op-0x10, 0
		} else if op == 0xeb {
			op = 0xe9
		}
	}
	if e&x86Special != 0 {
		e, op = d.special(x, e, op, prefix)
	}
	if head>>x86HeadKind&3 == 0 {
		head |= uint64(rex&7) << x86HeadREX
	}
	x.entry, x.op, x.prefix = e, op, prefix
	x.head = head | uint64(op) | uint64(x.m)<<x86HeadMap | prefix<<x86HeadPrefix
	return q
}

// special gives the few instructions their names that the maps cannot tell.
func (d *x86) special(x *x86Inst, e uint32, op byte, prefix uint64) (uint32, byte) {
	switch {
	case x.m == 0:
		switch {
		case op == 0x90 && prefix&x86F3 != 0:
			e = e&^x86Mnemonic | d.maps.pause
		case op == 0x90 && x.rm == 8:
			e = d.first[0x91]
		case op == 0x8d && !d.long && x.memory && x.based && !x.indexed && x.disp == 0 && x.reg == x.rm && prefix == 0,
			op == 0x8d && d.long && x.memory && x.based && !x.indexed && x.disp == 0 && x.reg == x.rm && prefix == x86W|x86REX,
			op == 0x89 && !d.long && !x.memory && x.reg == x.rm && prefix == 0: // alignment, by assemblers of old
			e = d.maps.nop | x86ModRM | x86Reads
		}
	case op == 0x1e && prefix&x86F3 != 0 && !x.memory:
		if x.reg&7 == 7 && x.rm&6 == 2 {
			e = e&^x86Mnemonic | d.maps.end
		}
	}
	return e, op
}

// groupOf finds an instruction by the middle of ModRM, and for some by all of it.
func (d *x86) groupOf(x *x86Inst, e uint32, op, m byte, prefix uint64) uint32 {
	g := e & x86Mnemonic
	reg := m >> 3 & 7
	if x.m == 0 && op&0xf8 == 0xd8 && m >= 0xc0 {
		if g = d.maps.x87 + uint32(op&7); op == 0xd9 && m >= 0xe0 {
			g, reg = d.maps.nops+uint32(m>>3&3), m&7
		}
	}
	entry := d.maps.groups[g][reg]
	if entry != 0 && entry>>x86ImmShift&15 == 0 {
		entry |= e & (15 << x86ImmShift)
	}
	return entry
}

func nameX86(op uint16) string {
	if t := x86Tables(); int(op>>3) < len(t.names) {
		return t.names[op>>3]
	}
	return ""
}
