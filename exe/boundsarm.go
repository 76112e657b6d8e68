package exe

import (
	"encoding/binary"
	"math/bits"

	"github.com/wardein/wardein/exe/insn"
)

// armReader reads A32 code (Arm Architecture Reference Manual ARMv7-A, A5).
type armReader struct{ words }

func (r *armReader) padding(t *text, at int) int {
	if t.isData(at) {
		return 0
	}
	if r.word(t, at) == 0xe1a00000 { // mov r0,r0
		return 4
	}
	return r.filled(t, at, 0xe320f000)
}

func (r *armReader) enters(t *text, at int) bool {
	x := r.word(t, at)
	return x>>16 == 0xe92d && x>>14&1 != 0 || x&0xfffff000 == 0xe52de000 || x == 0xe1a0c00d
}

// stub tells what leads on from one state to the other, or far.
func (r *armReader) stub(t *text, at int) bool {
	x := r.word(t, at)
	return x == 0xe51ff004 || x&0xfffff000 == 0xe59fc000 && (r.word(t, at+4) == 0xe12fff1c || r.word(t, at+4) == 0xe08cc00f && r.word(t, at+8) == 0xe12fff1c || r.word(t, at+4) == 0xe08ff00c || r.word(t, at+4) == 0xe08cf00f)
}

func (r *armReader) step(t *text, at int) step {
	x, addr := r.word(t, at), t.addr+uint64(at)
	if n := t.literals(at); n > 0 { // nothing goes on here
		return step{n: n, flow: insn.Stop}
	}
	always := x>>28 == 14
	flow := func(f insn.Flow) insn.Flow {
		if always {
			return f
		}
		return insn.Branch
	}
	switch {
	case x>>25&7 == 5: // B, BL, BLX
		to := armTarget(x, addr)
		switch {
		case x>>28 == 15:
			return step{n: 4, flow: insn.Call, to: to + uint64(x>>24&1)*2 | 1}
		case x>>24&1 == 1:
			return step{n: 4, flow: insn.Call, to: to}
		}
		return step{n: 4, flow: flow(insn.Jump), to: to}
	case x>>28 == 15:
		return step{n: 4}
	case x&0x0ffffff0 == 0x012fff10: // BX
		if x&15 == 14 {
			return step{n: 4, flow: flow(insn.Return)}
		}
		return step{n: 4, flow: flow(insn.IndirectJump)}
	case x&0x0ffffff0 == 0x012fff30:
		return step{n: 4, flow: insn.IndirectCall}
	case x&0x0e108000 == 0x08108000: // LDM with pc
		return step{n: 4, flow: flow(insn.Return)}
	case x&0x0fef0000 == 0x01a00000 && x>>12&15 == 15 && x>>4&0xff == 0: // MOV pc
		if x&15 == 14 {
			return step{n: 4, flow: flow(insn.Return)}
		}
		return step{n: 4, flow: flow(insn.IndirectJump)}
	case x&0x0f7f0000 == 0x051f0000: // LDR, literal
		d := int(x & 0xfff)
		if x>>23&1 == 0 {
			d = -d
		}
		if x>>12&15 == 15 {
			return step{n: 4, flow: flow(insn.IndirectJump)}
		}
		r.literal(t, x>>12&15, at+8+d, 4)
		return step{n: 4, forms: r.fixed(x >> 12 & 15), weak: true}
	case x&0x0fffffff == 0x049df004: // LDR pc, [sp], #4
		return step{n: 4, flow: flow(insn.Return)}
	case x&0x0ffff010 == 0x079ff000, x&0x0ffff010 == 0x008ff000 && x&0xff0 != 0: // LDR pc, [pc, r]; ADD pc, pc, r
		s := step{n: 4, flow: insn.IndirectJump, table: true}
		if x>>20&0xff == 0x79 {
			s.far = r.table(t, at+8)
		} else {
			s.far = r.branches(t, at+8)
		}
		if !always {
			s.flow = insn.Branch
			s.to = s.far
		}
		return s
	case x&0x0c10f000 == 0x0410f000: // LDR pc
		return step{n: 4, flow: flow(insn.IndirectJump)}
	case x&0xfff000f0 == 0xe7f000f0: // UDF
		return step{n: 4, flow: insn.Stop}
	case x&0x0f3f0e00 == 0x0d1f0a00: // VLDR, literal
		d := int(x&0xff) * 4
		if x>>23&1 == 0 {
			d = -d
		}
		t.mark(at+8+d, int(4+x>>8&1*4))
	case x&0x0e5f00f0 == 0x004f00d0: // LDRD, literal
		d := int(x>>4&0xf0 | x&15)
		if x>>23&1 == 0 {
			d = -d
		}
		t.mark(at+8+d, 8)
	case x&0x0ff00000 == 0x03000000: // MOVW
		r.regs.set(x>>12&15, uint64(x>>4&0xf000|x&0xfff), false)
		return step{n: 4}
	case x&0x0ff00000 == 0x03400000: // MOVT
		low, _, ok := r.regs.get(x >> 12 & 15)
		if ok {
			r.regs.set(x>>12&15, low&0xffff|uint64(x>>4&0xf000|x&0xfff)<<16, false)
		}
		return step{n: 4, forms: r.fixed(x >> 12 & 15), weak: true}
	case x&0x0ff00ff0 == 0x00800000: // ADD, with pc
		a, b := x>>16&15, x&15
		if a == 15 {
			a, b = b, a
		}
		v, _, ok := r.regs.get(a)
		r.regs.kill(x >> 12 & 15)
		if b == 15 && ok {
			r.regs.set(x>>12&15, uint64(uint32(v)+uint32(addr)+8), false)
			return step{n: 4, forms: r.formed(x >> 12 & 15)}
		}
		return step{n: 4}
	}
	if x&0x0c000000 == 0 || x&0x0c100000 == 0x04100000 {
		r.regs.kill(x >> 12 & 15)
	}
	return step{n: 4}
}

// tail takes the literals behind a function.
func (r *armReader) tail(t *text, at int) int { return t.literals(at) }

// literals is how many bytes from t.b[at:] on are literals, with the padding
// in front of them.
func (t *text) literals(at int) int {
	end := at
	for p := (at + 1) &^ 1; p < len(t.b); {
		switch {
		case t.isData(p):
			p += 2
			end = p
		case end == at && p == at && (t.addr+uint64(p))&3 != 0 && t.isData(p+2): // alignment
			p += 2
		default:
			return end - at
		}
	}
	return end - at
}

// literal reads what a register is loaded with.
func (r *words) literal(t *text, reg uint32, at, n int) {
	r.regs.kill(reg)
	if at < 0 || at+4 > len(t.b) {
		return
	}
	t.mark(at, n)
	r.regs.set(reg, uint64(r.b.f.Order.Uint32(t.b[at:])), false)
}

// formed is the address in a register, if it is one in code.
func (r *words) formed(reg uint32) uint64 {
	v, _, ok := r.regs.get(reg)
	if t, _ := r.b.at(v &^ 1); !ok || t == nil {
		return 0
	}
	return v
}

// fixed is formed where code holds addresses, not only distances from the
// instruction.
func (r *words) fixed(reg uint32) uint64 {
	if r.b.f.Type != TypeExec {
		return 0
	}
	return r.formed(reg)
}

// table is the farthest place of a table of addresses that begins behind the
// jump: it ends where the first of them is.
func (r *armReader) table(t *text, at int) (far uint64) {
	least := uint64(len(t.b)) + t.addr
	for p := at - 4; p+4 <= len(t.b) && t.addr+uint64(p) < least; p += 4 {
		v := uint64(r.b.f.Order.Uint32(t.b[p:])) &^ 1
		if v <= t.addr+uint64(p) || v-t.addr >= uint64(len(t.b)) || v-t.addr-uint64(p) > maxForward {
			if p == at-4 { // the jump away from a value out of bounds stands there
				continue
			}
			break
		}
		t.mark(p, 4)
		least, far = min(least, v), max(far, v)
	}
	return far
}

// branches is where a table of branches ends.
func (r *armReader) branches(t *text, at int) uint64 {
	p := at
	for p+4 <= len(t.b) && r.word(t, p)>>24 == 0xea {
		p += 4
	}
	return t.addr + uint64(max(p-4, at-4))
}

// thumbReader reads T32 code (Arm Architecture Reference Manual ARMv7-A, A6).
type thumbReader struct {
	words
	it int // instructions that an IT makes conditional
}

func (r *thumbReader) reset() {
	r.regs.clear()
	r.it = 0
}

func (r *thumbReader) half(t *text, at int) uint16 {
	if at < 0 || at+2 > len(t.b) {
		return 0
	}
	x := binary.LittleEndian.Uint16(t.b[at:])
	if r.big {
		x = bits.ReverseBytes16(x)
	}
	return x
}

func (r *thumbReader) padding(t *text, at int) int {
	if t.isData(at) {
		return 0
	}
	switch r.half(t, at) {
	case 0, 0xbf00, 0x46c0:
		return min(2, len(t.b)-at)
	case 0xf3af:
		if r.half(t, at+2) == 0x8000 {
			return 4
		}
	}
	return 0
}

func (r *thumbReader) enters(t *text, at int) bool {
	x := r.half(t, at)
	return x>>8 == 0xb5 || x == 0xe92d && r.half(t, at+2)&0xc000 == 0x4000
}

func (r *thumbReader) stub(t *text, at int) bool {
	x := r.half(t, at)
	return x == 0x4778 || x == 0xf8df && r.half(t, at+2) == 0xf000
}

func (r *thumbReader) tail(t *text, at int) int {
	p := at
	for p < at+8 && p < len(t.b) && r.padding(t, p) > 0 {
		p += r.padding(t, p)
	}
	if n := t.literals(p); n > 0 {
		return p + n - at
	}
	return 0
}

func (r *thumbReader) step(t *text, at int) step {
	if n := t.literals(at); n > 0 {
		return step{n: n, flow: insn.Stop}
	}
	conditional := r.it > 0
	if conditional {
		r.it--
	}
	s := r.decode(t, at)
	if conditional && (s.flow == insn.Return || s.flow == insn.Jump || s.flow == insn.IndirectJump || s.flow == insn.Stop) {
		s.flow = insn.Branch
	}
	return s
}

func (r *thumbReader) decode(t *text, at int) step {
	x, addr := r.half(t, at), t.addr+uint64(at)
	if x>>11 >= 0x1d {
		return r.wide(t, at, x, r.half(t, at+2), addr)
	}
	switch {
	case x>>12 == 13 && x>>8&15 < 14: // B, conditional
		return step{n: 2, flow: insn.Branch, to: uint64(uint32(addr)+4+uint32(int32(int8(x))*2)) | 1}
	case x>>8 == 0xde:
		return step{n: 2, flow: insn.Stop}
	case x>>11 == 0x1c:
		return step{n: 2, flow: insn.Jump, to: uint64(uint32(addr)+4+uint32(int32(int16(x<<5)>>4))) | 1}
	case x&0xf500 == 0xb100: // CBZ, CBNZ
		return step{n: 2, flow: insn.Branch, to: (addr + 4 + uint64(x>>9&1<<6|x>>3&31<<1)) | 1}
	case x&0xff87 == 0x4700:
		if x>>3&15 == 14 {
			return step{n: 2, flow: insn.Return}
		}
		return step{n: 2, flow: insn.IndirectJump}
	case x&0xff87 == 0x4780:
		return step{n: 2, flow: insn.IndirectCall}
	case x>>8 == 0xbd:
		return step{n: 2, flow: insn.Return}
	case x&0xff87 == 0x4687: // MOV pc
		if x>>3&15 == 14 {
			return step{n: 2, flow: insn.Return}
		}
		return step{n: 2, flow: insn.IndirectJump}
	case x&0xff87 == 0x4487: // ADD pc
		return step{n: 2, flow: insn.IndirectJump, table: true}
	case x>>11 == 0x14: // ADR
		pc := (at+int(t.addr&3)+4)&^3 - int(t.addr&3)
		t.mark(pc+int(x&0xff)*4, 4)
		r.regs.set(uint32(x>>8&7), t.addr+uint64(pc+int(x&0xff)*4), false)
	case x>>11 == 9: // LDR, literal
		r.literal(t, uint32(x>>8&7), (at+int(t.addr&3)+4)&^3-int(t.addr&3)+int(x&0xff)*4, 4)
		return step{n: 2, forms: r.fixed(uint32(x >> 8 & 7)), weak: true}
	case x&0xff78 == 0x4478: // ADD with pc
		reg := uint32(x>>4&8 | x&7)
		if v, _, ok := r.regs.get(reg); ok {
			r.regs.set(reg, uint64(uint32(v)+uint32(addr)+4), false)
			return step{n: 2, forms: r.formed(reg)}
		}
	case x>>8 == 0xbf && x&15 != 0: // IT
		r.it = 4 - bits.TrailingZeros16(x&15)
	case x>>13 == 1: // MOV, CMP, ADD, SUB of 8 bits
		if x>>11&3 != 1 {
			r.regs.kill(uint32(x >> 8 & 7))
		}
	case x>>13 == 0 || x>>10 == 16:
		r.regs.kill(uint32(x & 7))
	case x>>8 == 0x46:
		r.regs.kill(uint32(x>>4&8 | x&7))
	case x>>11 == 13 || x>>11 == 15 || x>>11 == 17:
		r.regs.kill(uint32(x & 7))
	}
	return step{n: 2}
}

// wide decodes an instruction of four bytes.
func (r *thumbReader) wide(t *text, at int, x, y uint16, addr uint64) step {
	s := step{n: 4}
	pc := (at+int(t.addr&3)+4)&^3 - int(t.addr&3)
	distance := func(d int) int {
		if x>>7&1 == 0 {
			return -d
		}
		return d
	}
	switch {
	case x>>11 == 0x1e && y>>15 == 1:
		if x&0xfff0 == 0xf7f0 && y&0xf000 == 0xa000 { // UDF
			s.flow = insn.Stop
			return s
		}
		to, tail := thumbTarget(x, y, addr)
		switch {
		case to == 0:
		case !tail:
			s.flow, s.to = insn.Call, to
		case y&0x1000 == 0:
			s.flow, s.to = insn.Branch, to
		default:
			s.flow, s.to = insn.Jump, to
		}
	case x&0xfff0 == 0xe8d0 && y&0xffe0 == 0xf000: // TBB, TBH
		s.flow, s.table = insn.IndirectJump, true
		if x&15 == 15 {
			n := r.offsets(t, at+4, 1+int(y>>4&1))
			s.far = n
		}
	case x&0xffd0 == 0xe890 && y>>15 == 1 || x&0xffd0 == 0xe910 && y>>15 == 1: // LDM with pc
		s.flow = insn.Return
	case x == 0xf85d && y == 0xfb04:
		s.flow = insn.Return
	case x&0xff7f == 0xf85f: // LDR, literal
		if y>>12 == 15 {
			s.flow = insn.IndirectJump
			return s
		}
		r.literal(t, uint32(y>>12), pc+distance(int(y&0xfff)), 4)
		s.forms, s.weak = r.fixed(uint32(y>>12)), true
	case x&0xff70 == 0xf850 && y>>12 == 15: // LDR pc
		s.flow, s.table = insn.IndirectJump, x&15 == 15 || y&0xfc0 == 0
	case x == 0xf20f && y>>15 == 0: // ADR
		d := int(x>>10&1)<<11 | int(y>>12&7)<<8 | int(y&0xff)
		t.mark(pc+d, 4)
		r.regs.set(uint32(y>>8&15), t.addr+uint64(pc+d), false)
	case x&0xff3f == 0xed1f && y>>9&7 == 5: // VLDR, literal
		t.mark(pc+distance(int(y&0xff)*4), 4+int(y>>8&1)*4)
	case x&0xff7f == 0xe95f || x&0xff7f == 0xe9df: // LDRD, literal
		t.mark(pc+distance(int(y&0xff)*4), 8)
	case x&0xfff0 == 0xe9d0: // LDRD
		if v, _, ok := r.regs.get(uint32(x & 15)); ok && v > addr && v-t.addr < uint64(len(t.b)) {
			t.mark(int(v-t.addr)+int(y&0xff)*4, 8)
		}
	case x&0xfbf0 == 0xf240 && y>>15 == 0: // MOVW
		r.regs.set(uint32(y>>8&15), thumbImmediate(x, y), false)
	case x&0xfbf0 == 0xf2c0 && y>>15 == 0: // MOVT
		reg := uint32(y >> 8 & 15)
		if low, _, ok := r.regs.get(reg); ok {
			r.regs.set(reg, low&0xffff|thumbImmediate(x, y)<<16, false)
			s.forms, s.weak = r.fixed(reg), true
		}
	case x>>9 == 0x7c && x>>4&1 == 1: // LDR
		r.regs.kill(uint32(y >> 12))
	default:
		r.regs.kill(uint32(y >> 8 & 15))
	}
	return s
}

func thumbImmediate(x, y uint16) uint64 {
	return uint64(x&15)<<12 | uint64(x>>10&1)<<11 | uint64(y>>12&7)<<8 | uint64(y&0xff)
}

// offsets is the farthest place of a table of half distances, of one or two
// bytes each, which ends where the nearest is.
func (r *thumbReader) offsets(t *text, at, size int) (far uint64) {
	least := len(t.b)
	p := at
	for ; p+size <= len(t.b) && p < least; p += size {
		d := int(t.b[p])
		if size == 2 {
			d = int(r.b.f.Order.Uint16(t.b[p:]))
		}
		if d == 0 && p+size >= least { // padding
			break
		}
		least, far = min(least, at+2*d), max(far, t.addr+uint64(at+2*d))
	}
	t.mark(at, min(p, least)-at)
	return min(far, t.addr+uint64(len(t.b)))
}
