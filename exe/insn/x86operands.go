package insn

import "encoding/binary"

// offset reads the address of MOV between it and the accumulator.
func (d *x86) offset(x *x86Inst, b *[x86Window]byte, q int, prefix uint64) int {
	x.memory = true
	switch {
	case d.long && prefix&x8667 == 0:
		x.imm, x.wide = binary.LittleEndian.Uint64(b[q:]), true
		return q + 8
	case !d.long && prefix&x8667 != 0:
		x.disp = uint64(binary.LittleEndian.Uint16(b[q:]))
		return q + 2
	}
	x.disp = uint64(binary.LittleEndian.Uint32(b[q:]))
	return q + 4
}

// short reads a memory operand of two bytes.
func (x *x86Inst) short(b *[x86Window]byte, q int, m byte) int {
	x.rm = m & 7
	x.indexed, x.scaled = true, true
	switch {
	case m>>6 == 1:
		x.disp = uint64(int8(b[q]))
		return q + 1
	case m>>6 == 2 || m&7 == 6:
		if m>>6 == 0 {
			x.rm = 8
		}
		x.disp = uint64(int16(binary.LittleEndian.Uint16(b[q:])))
		return q + 2
	}
	return q
}

// memory reads a memory operand.
func (d *x86) memory(x *x86Inst, b *[x86Window]byte, q int, m, rex byte, head uint64) (int, uint64) {
	base := m & 7
	far := m>>6 == 2
	if base == 4 {
		s := b[q]
		q++
		base = s & 7
		head |= uint64(s>>6) << x86HeadScale
		if i := s>>3&7 | rex&2<<2; i != 4 {
			x.indexed, x.index, x.scaled = true, i, s>>6 != 0
			head |= x86HeadIndexed | uint64(i)<<x86HeadIndex
		}
		if base == 5 && m>>6 == 0 {
			far = true
			head |= x86HeadNoBase
		} else {
			x.based = true
		}
	} else if base == 5 && m>>6 == 0 {
		far = true
		if d.long {
			x.rip = true
			head |= x86HeadRIP
		} else {
			head |= x86HeadNoBase
		}
	} else {
		x.based = true
	}
	if x.based {
		x.rm = base | rex&1<<3
		head |= uint64(x.rm) << x86HeadRM
	}
	size := int(m >> 6 & 1)
	if far {
		size = 4
	} else if size != 0 && head>>x86HeadKind&3 == 2 {
		head |= x86HeadDisp8
	}
	unused := uint(32 - 8*size)
	x.disp = uint64(int32(binary.LittleEndian.Uint32(b[q:])<<unused) >> unused)
	return q + size, head
}

// vector reads what VEX and EVEX say, and their opcode (chapters 2.3 and 2.7),
// and XOP, which is as VEX (AMD64 Architecture Programmer's Manual, volume 6).
func (d *x86) vector(x *x86Inst, b *[x86Window]byte, q int, kind uint32, prefix uint64) (int, byte, uint64, uint64) {
	p0, p1, p2 := b[q], b[q], byte(0)
	rex := ^p0 >> 5 & 4
	m := byte(1)
	head := uint64(1) << x86HeadKind
	switch kind {
	case x86KindVEX2:
		p1 &= 0x7f
		q++
		head |= uint64(p1>>2&1) << x86HeadL
	case x86KindVEX3, x86KindXOP:
		p1 = b[q+1]
		q += 2
		rex, m = ^p0>>5&7, p0&31
		head |= uint64(p1>>2&1) << x86HeadL
	default:
		p1, p2 = b[q+1], b[q+2]
		q += 3
		rex, m = ^p0>>5&7, p0&7
		head = 2<<x86HeadKind | uint64(p2>>5&3)<<x86HeadL | uint64(p2&7)<<x86HeadMask | uint64(p2>>7)<<x86HeadZ | uint64(p2>>4&1)<<x86HeadB
		x.reg = ^p0 & 0x10
		if p1&4 == 0 || p0&8 != 0 {
			return 0, 0, 0, 0
		}
	}
	op := b[q]
	q++
	x.other = ^p1>>3&15 | ^p2<<1&16
	if kind != x86KindEVEX {
		x.other &= 15
	}
	if kind == x86KindEVEX && b[q] >= 0xc0 {
		x.rm = rex & 2 << 3
	}
	head |= uint64(rex>>1&1) << x86HeadX
	rex |= p1 >> 4 & 8
	pp := p1 & 3
	prefix |= uint64(rex&8)<<9 | [4]uint64{0, x8666, x86F3, x86F2}[pp]
	head |= uint64(x.other) << x86HeadOther
	if !d.long {
		rex &= 8
		x.reg, x.rm = 0, 0
	}
	switch {
	case kind == x86KindXOP && m <= 10:
		x.m = 7
		x.entry = d.maps.xop | x86ModRM | [3]uint32{x86ImmB, x86ImmNone, x86ImmZ}[m-8]<<x86ImmShift
		return q, rex, prefix, head | 3<<x86HeadKind | uint64(m-8)<<x86HeadMapLow
	case kind != x86KindXOP && m >= 1 && m <= 3:
		x.m = 3 + m
	case kind == x86KindEVEX && (m == 5 || m == 6):
		x.m = 7
		head |= uint64(m&1) << x86HeadMapLow
	default:
		return 0, 0, 0, 0
	}
	x.entry = d.maps.rest[x.m][pp][op]
	return q, rex, prefix, head
}
