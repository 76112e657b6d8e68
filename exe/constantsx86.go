package exe

import "encoding/binary"

// What follows an opcode, for the one-byte map and the one behind 0F (Intel SDM
// volume 2, appendix A): m a ModRM byte, n one and an immediate of a byte, o one
// and an immediate of four; b, w, e, z immediates of one, two, three and four
// bytes (z: two behind 66), v as z, but eight with REX.W; q an address; p a far
// pointer; g and h groups of which TEST has an immediate; x is not followed.
const (
	x86Map = "mmmmbz  mmmmbz  mmmmbz  mmmmbz  mmmmbz  mmmmbz  mmmmbz  mmmmbz  " +
		"                                " + // 40: INC, or REX
		"  xmxxxxzobn    bbbbbbbbbbbbbbbb" + // 60
		"nonnmmmmmmmmmmmm          p     " + // 80
		"qqqq    bz      bbbbbbbbvvvvvvvv" + // a0
		"nnw mmnoe w  b  mmmmbb  mmmmmmmm" + // c0
		"bbbbbbbbzzpb          gh      mm" // e0
	x86Map0F = "mmmmx     x xm xmmmmmmmmmmmmmmmm" + // 00
		"mmmmxxxxmmmmmmmm      x mxnxxxxx" + // 20: 38 and 3A lead to other maps
		"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm" + // 40
		"mmmmmmmmmmmmmmmmnnnnmmm mmxxmmmm" + // 60
		"zzzzzzzzzzzzzzzzmmmmmmmmmmmmmmmm" + // 80
		"   mnmxx   mnmmmmmmmmmmmmmnmmmmm" + // a0
		"mmnmnnnm        mmmmmmmmmmmmmmmm" + // c0
		"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm" // e0
)

// x86Code is one instruction, as far as arguments need it.
type x86Code struct {
	op      int // opcode; 0x100 and more behind 0F, 0x200 VEX and EVEX
	n       int // length, 0 for what is not known
	wide    bool
	small   bool   // operands of two bytes
	reg, rm uint32 // of ModRM
	direct  bool   // rm is a register
	base    int    // of a memory operand: register, −1 none, −2 the next instruction
	indexed bool
	disp    uint64
	imm     uint64
}

// x86Decode takes an instruction apart.
func x86Decode(b []byte, long bool) (c x86Code) {
	b = b[:min(len(b), 15)]
	p, rex := 0, byte(0)
	for p < len(b) && (b[p] == 0x66 || b[p] == 0xf0 || long && b[p] == 0x67 || b[p]|1 == 0xf3 || b[p]&0xe7 == 0x26 || b[p]|1 == 0x65) {
		c.small = c.small || b[p] == 0x66
		p++
	}
	if p < len(b) && long && b[p]&0xf0 == 0x40 {
		rex = b[p]
		c.wide = rex&8 != 0
		p++
	}
	if p+2 > len(b) {
		if p < len(b) && x86Map[b[p]] == ' ' { // the last byte of a routine
			c.op, c.n = int(b[p]), p+1
		}
		return c
	}
	c.op = int(b[p])
	how := x86Map[b[p]]
	p++
	switch {
	case c.op == 0x0f:
		c.op = 0x100 + int(b[p])
		how = x86Map0F[b[p]]
		if p++; c.op == 0x138 || c.op == 0x13a {
			p++
		}
	case (c.op == 0xc4 || c.op == 0xc5 || c.op == 0x62) && (long || b[p] >= 0xc0): // VEX, EVEX
		class := byte(1)
		switch c.op {
		case 0xc4:
			class = b[p] & 31
			p++
		case 0x62:
			class = b[p] & 7
			p += 2
		}
		if p += 2; p > len(b) {
			return x86Code{}
		}
		switch class {
		case 1:
			how = x86Map0F[b[p-1]]
		case 3:
			how = 'n'
		default:
			how = 'm'
		}
		c.op = 0x200
	case long && (c.op&0xe6 == 0x06 && c.op < 0x40 || c.op == 0x9a || c.op == 0xea):
		return x86Code{}
	}
	z := 4
	if c.small {
		z = 2
	}
	imm, modrm := 0, false
	switch how {
	case 'x':
		return x86Code{}
	case 'm':
		modrm = true
	case 'n':
		modrm, imm = true, 1
	case 'o':
		modrm, imm = true, z
	case 'g', 'h':
		if modrm = true; p < len(b) && b[p]&0x30 == 0 {
			if imm = 1; how == 'h' {
				imm = z
			}
		}
	case 'b':
		imm = 1
	case 'w':
		imm = 2
	case 'e':
		imm = 3
	case 'z':
		if imm = z; c.op == 0xe8 || c.op == 0xe9 || c.op >= 0x180 {
			imm = 4
		}
	case 'v':
		if imm = z; c.wide {
			imm = 8
		}
	case 'q':
		if imm = 4; long {
			imm = 8
		}
	case 'p':
		imm = 6
	}
	if modrm {
		if p = c.operands(b, p, rex, long); p < 0 {
			return x86Code{}
		}
	}
	if p+imm > len(b) {
		return x86Code{}
	}
	switch imm {
	case 1:
		c.imm = uint64(int64(int8(b[p])))
	case 2:
		c.imm = uint64(binary.LittleEndian.Uint16(b[p:]))
	case 4:
		c.imm = uint64(int64(int32(binary.LittleEndian.Uint32(b[p:]))))
	case 8:
		c.imm = binary.LittleEndian.Uint64(b[p:])
	}
	if modrm {
		return c.end(p + imm)
	}
	c.rm = uint32(c.op&7) | uint32(rex&1)<<3
	return c.end(p + imm)
}

func (c x86Code) end(n int) x86Code {
	c.n = n
	return c
}

// operands reads ModRM, SIB and displacement at b[p:] and returns what is
// behind them, −1 where that is cut.
func (c *x86Code) operands(b []byte, p int, rex byte, long bool) int {
	if p+1 > len(b) {
		return -1
	}
	m := b[p]
	p++
	c.reg, c.rm = uint32(m>>3&7)|uint32(rex&4)<<1, uint32(m&7)|uint32(rex&1)<<3
	if m>>6 == 3 {
		c.direct = true
		return p
	}
	c.base = int(c.rm)
	size := 0
	switch {
	case m&7 == 4:
		if p >= len(b) {
			return -1
		}
		s := b[p]
		p++
		c.base = int(s&7) | int(rex&1)<<3
		c.indexed = s&0x38 != 0x20 || rex&2 != 0
		if s&7 == 5 && m>>6 == 0 {
			c.base, size = -1, 4
		}
	case m&7 == 5 && m>>6 == 0:
		if c.base, size = -1, 4; long {
			c.base = -2
		}
	}
	switch m >> 6 {
	case 1:
		size = 1
	case 2:
		size = 4
	}
	if p+size > len(b) {
		return -1
	}
	switch size {
	case 1:
		c.disp = uint64(int64(int8(b[p])))
	case 4:
		c.disp = uint64(int64(int32(binary.LittleEndian.Uint32(b[p:]))))
	}
	return p + size
}

// x86 follows code of both widths. LEA and MOV make addresses. Arguments are
// in rdi, rsi and rdx, or on the stack; calls leave rbx, rsp, rbp and r12 to r15,
// or ebx, esp, ebp, esi and edi (System V ABI, AMD64 and Intel386 supplements).
func (t *tracer) x86() {
	long := t.f.Is64()
	var all []x86Code
	for p := 0; p < len(t.code); {
		c := x86Decode(t.code[p:], long)
		if c.n == 0 {
			c.n = 1 // data between code, or what is not known
			c.op = -1
		}
		at := t.routine.Addr + uint64(p)
		if p += c.n; c.op == 0xe9 || c.op == 0xeb || c.op&^15 == 0x70 || c.op&^15 == 0x180 || c.op&^3 == 0xe0 {
			t.branch(at, at+uint64(c.n)+c.imm)
		}
		all = append(all, c)
	}
	at := t.routine.Addr
	for i := range all {
		t.label(at)
		next := at + uint64(all[i].n)
		t.x86Step(&all[i], at, next, long)
		t.taken(at)
		at = next
	}
}

const x86Stack = 4

// x86Passed are the arguments of a call, which stand above what it pushes.
func (t *tracer) x86Passed(long, jump bool) (args [4]Given) {
	if long {
		return [4]Given{t.regs[7], t.regs[6], t.regs[2], t.regs[1]}
	}
	above := uint64(0)
	if jump {
		above = 4
	}
	for i := range args {
		args[i] = t.load(Given{Origin: stackOrigin}, above+uint64(4*i)-uint64(t.depth))
	}
	return args
}

// x86Place is the base and distance of a memory operand.
func (t *tracer) x86Place(c *x86Code, next uint64) (base Given, off uint64) {
	switch {
	case c.indexed:
		return Given{}, 0
	case c.base == -2:
		return Given{Constant: true}, next + c.disp
	case c.base == -1:
		return Given{Constant: true}, t.cut(c.disp)
	case c.base == x86Stack:
		return Given{Origin: stackOrigin}, c.disp - uint64(t.depth)
	}
	return t.regs[c.base], c.disp
}

func (t *tracer) x86Push(v Given, word int64) {
	t.depth += word
	t.store(Given{Origin: stackOrigin}, uint64(-t.depth), v)
}

// x86Put writes a register.
func (t *tracer) x86Put(r uint32, v Given) {
	if r == x86Stack {
		return
	}
	if t.set(r, v); v.Constant && v.N == t.got && t.got != 0 {
		t.kept |= 1 << r
	}
}

func (t *tracer) x86Step(c *x86Code, at, next uint64, long bool) {
	word, changes := int64(4), uint64(0x7)
	if long {
		word, changes = 8, 0x0fc7
	}
	lose := func(list ...uint32) {
		for _, r := range list {
			t.x86Put(r, t.fresh())
		}
	}
	loseRM := func() {
		if c.direct {
			lose(c.rm)
		}
	}
	sum := func(n uint64) {
		switch {
		case !c.direct:
		case c.rm == x86Stack:
			t.depth -= int64(n)
		case c.small:
			lose(c.rm)
		default:
			t.x86Put(c.rm, t.plus(t.regs[c.rm], n))
		}
	}
	op := c.op
	switch {
	case op == 0xe8:
		to := t.cut(next + c.imm)
		if to == next && !long { // call; pop: where am I
			t.x86Push(Given{Constant: true, N: next}, word)
			return
		}
		t.called(at, t.x86Passed(long, false), 0, changes)
		if r, ok := t.x86Thunk(to); ok && !long {
			t.constant(r, next)
		}
	case op == 0xff && c.reg&7 == 2:
		t.called(at, t.x86Passed(long, false), 0, changes)
	case op == 0xe9, op == 0xeb, op == 0xff && c.reg&7 == 4, op&^15 == 0x180:
		t.called(at, t.x86Passed(long, true), 0, 0)
		t.ended = op&^15 != 0x180
	case op == 0xc3, op == 0xc2:
		t.ended = true
	case op == 0xff && c.reg&7 == 6:
		base, off := t.x86Place(c, next)
		t.x86Push(t.load(base, off), word)
	case op&^7 == 0x50:
		t.x86Push(t.regs[c.rm], word)
	case op&^7 == 0x58:
		v := t.load(Given{Origin: stackOrigin}, uint64(-t.depth))
		t.depth -= word
		t.x86Put(c.rm, v)
	case op == 0x68, op == 0x6a:
		t.x86Push(Given{Constant: true, N: t.cut(c.imm)}, word)
	case op == 0x8d: // lea
		base, off := t.x86Place(c, next)
		if v := t.plus(base, off); c.indexed || c.small {
			lose(c.reg)
		} else {
			t.x86Put(c.reg, v)
		}
	case op == 0x89 && c.direct && !c.small:
		t.x86Put(c.rm, t.regs[c.reg])
	case op == 0x8b && c.direct && !c.small:
		v := t.regs[c.rm]
		if c.rm == x86Stack {
			v = t.plus(Given{Origin: stackOrigin}, uint64(-t.depth))
		}
		t.x86Put(c.reg, v)
	case op == 0x8b && !c.small && (c.wide || !long):
		base, off := t.x86Place(c, next)
		t.x86Put(c.reg, t.load(base, off))
	case op == 0x89:
		if base, off := t.x86Place(c, next); !c.direct && !c.indexed {
			t.store(base, off, t.regs[c.reg])
		} else {
			loseRM()
		}
	case op == 0xc7 && c.direct, op&^7 == 0xb8:
		if !c.wide {
			c.imm = uint64(uint32(c.imm))
		}
		if c.small {
			lose(c.rm)
		} else {
			t.x86Put(c.rm, Given{Constant: true, N: c.imm})
		}
	case op == 0xc7:
		if base, off := t.x86Place(c, next); !c.indexed {
			t.store(base, off, Given{Constant: true, N: t.cut(c.imm)})
		}
	case (op == 0x31 || op == 0x33) && c.direct && c.reg == c.rm:
		t.x86Put(c.rm, Given{Constant: true})
	case op == 0x81 || op == 0x83:
		switch c.reg & 7 {
		case 0:
			sum(c.imm)
		case 5:
			sum(-c.imm)
		case 7:
		default:
			loseRM()
		}
	case op >= 0 && op < 0x40:
		switch {
		case op&^7 == 0x38:
		case op&7 < 2:
			loseRM()
		case op&7 < 4:
			lose(c.reg)
		case op&7 < 6:
			lose(0)
		}
	case op&^15 == 0x40:
		lose(c.rm)
	case op == 0x63, op == 0x69, op == 0x6b, op == 0x8a, op == 0x8b, op == 0x200, op&^15 == 0x140, op == 0x12c, op == 0x12d, op == 0x150, op == 0x1d7, op == 0x1c5,
		op == 0x1af, op&^1 == 0x1b6, op == 0x1b8, op >= 0x1bc && op <= 0x1bf, op == 0x102, op == 0x103, op == 0x138, op == 0x13a:
		lose(c.reg)
	case op == 0x86, op == 0x87, op&^1 == 0x1b0, op&^1 == 0x1c0:
		lose(0, c.reg)
		loseRM()
	case op > 0x90 && op < 0x98:
		lose(0, c.rm)
	case op == 0x98 || op == 0x99:
		lose(0, 2)
	case op&^1 == 0xa4, op&^1 == 0xa6, op >= 0xaa && op <= 0xaf:
		lose(0, 1, 6, 7)
	case op&^7 == 0xb0:
		if long {
			lose(c.rm)
		}
		lose(c.rm & 3)
	case op == 0xf6 || op == 0xf7:
		if c.reg&7 >= 4 {
			lose(0, 2)
		} else if c.reg&7 >= 2 {
			loseRM()
		}
	case op == 0x8f:
		t.depth -= word
		loseRM()
	case op == 0x105, op == 0x1a2, op == 0xcd, op == 0x131, op == 0x101, op == 0x1c7:
		lose(0, 1, 2, 3)
	case op >= 0x1c8 && op <= 0x1cf, op == 0x82, op == 0x80, op == 0x88, op == 0xc0, op == 0xc1, op&^3 == 0xd0, op == 0xfe, op == 0xff, op&^15 == 0x190, op == 0x17e,
		op == 0x1ba, op == 0x1ab, op == 0x1b3, op == 0x1bb, op&^1 == 0x1a4, op&^1 == 0x1ac:
		loseRM()
	}
}

// x86Thunk tells the functions that only return where they were called from,
// and in which register: mov (%esp),%reg; ret.
func (t *tracer) x86Thunk(at uint64) (uint32, bool) {
	off, n, ok := t.f.Offset(at)
	if !ok || n < 4 {
		return 0, false
	}
	b, err := t.f.read(off, 4)
	if err != nil || len(b) < 4 || b[0] != 0x8b || b[1]&0xc7 != 0x04 || b[2] != 0x24 || b[3] != 0xc3 {
		return 0, false
	}
	return uint32(b[1] >> 3 & 7), true
}
