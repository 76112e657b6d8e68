package component

import "encoding/binary"

// machine follows the few instructions of a function that returns a constant
// or an address. Any instruction that is not among them ends it: a getter
// that does more is not read.
type machine struct {
	file *file
	addr uint64 // of the function
	reg  [32]uint64
	set  uint32 // registers whose value is known
}

func (m *machine) put(r uint32, v uint64) { m.reg[r], m.set = v, m.set|1<<r }
func (m *machine) has(r uint32) bool      { return m.set>>r&1 == 1 }
func (m *machine) result(r uint32) (uint64, bool) {
	return m.reg[r], m.has(r)
}

// signed extends the low n bits.
func signed(v uint64, n uint) uint64 { return uint64(int64(v<<(64-n)) >> (64 - n)) }

// x86 reads lea, mov and the get_pc thunk of position-independent 32-bit
// code. Reference: Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 2.
func (m *machine) x86(b []byte) (uint64, bool) {
	is64 := m.file.exe.Is64()
	i := 0
	at := func(n int, want ...byte) bool { return i+n <= len(b) && string(b[i:i+len(want)]) == string(want) }
	u32 := func(k int) uint64 { return uint64(binary.LittleEndian.Uint32(b[k:])) }
	mask := func(v uint64) uint64 {
		if !is64 {
			return v & 0xffffffff
		}
		return v
	}
	for i < len(b) {
		switch {
		case at(4, 0xf3, 0x0f, 0x1e): // endbr
			i += 4
		case at(1, 0x55): // push ebp
			i++
		case at(2, 0x89, 0xe5): // mov ebp, esp
			i += 2
		case at(3, 0x48, 0x89, 0xe5): // mov rbp, rsp
			i += 3
		case at(1, 0x5d): // pop ebp
			i++
		case is64 && at(7, 0x48, 0x8d, 0x05): // lea rax, [rip+d]
			m.put(0, m.addr+uint64(i)+7+signed(u32(i+3), 32))
			i += 7
		case at(5, 0xb8): // mov eax, imm
			m.put(0, u32(i+1))
			i += 5
		case !is64 && at(5, 0xe8): // call __x86.get_pc_thunk.ax
			m.put(0, mask(m.addr+uint64(i)+5))
			i += 5
		case !is64 && at(5, 0x05): // add eax, imm
			m.put(0, mask(m.reg[0]+u32(i+1)))
			i += 5
		case !is64 && at(6, 0x8d, 0x80): // lea eax, [eax+d]
			m.put(0, mask(m.reg[0]+u32(i+2)))
			i += 6
		case at(1, 0xc3): // ret
			return m.result(0)
		default:
			return 0, false
		}
	}
	return 0, false
}

// arm reads 32-bit instructions (Arm Architecture Reference Manual ARMv7-A,
// chapter A8).
func (m *machine) arm(b []byte) (uint64, bool) {
	for i := 0; i+4 <= len(b); i += 4 {
		w := m.file.exe.Order.Uint32(b[i:])
		pc, rd := m.addr+uint64(i)+8, w>>12&15
		switch {
		case w&0x0fff0000 == 0x059f0000: // ldr rd, [pc, #n]
			v, ok := m.file.word(pc + uint64(w&0xfff))
			if !ok {
				return 0, false
			}
			m.put(rd, v)
		case w&0xfff00ff0 == 0xe0800000 && w>>16&15 == 15 && m.has(w&15): // add rd, pc, rm
			m.put(rd, (pc+m.reg[w&15])&0xffffffff)
		case w&0xfff0f000 == 0xe3a00000, w&0xfff00000 == 0xe3a00000: // mov rd, #imm
			v, r := uint64(w&0xff), w>>8&15*2
			m.put(rd, (v>>r|v<<(32-r))&0xffffffff)
		case w&0xfff00000 == 0xe3000000: // movw
			m.put(rd, uint64(w>>4&0xf000|w&0xfff))
		case w&0xfff00000 == 0xe3400000 && m.has(rd): // movt
			m.put(rd, m.reg[rd]&0xffff|uint64(w>>4&0xf000|w&0xfff)<<16)
		case w == 0xe12fff1e, w == 0xe1a0f00e: // bx lr, mov pc, lr
			return m.result(0)
		default:
			return 0, false
		}
	}
	return 0, false
}

// thumb reads 16- and 32-bit Thumb-2 instructions.
func (m *machine) thumb(b []byte) (uint64, bool) {
	for i := 0; i+2 <= len(b); i += 2 {
		w := uint32(m.file.exe.Order.Uint16(b[i:]))
		pc := m.addr + uint64(i) + 4
		switch {
		case w>>11 == 0b01001: // ldr rd, [pc, #n]
			v, ok := m.file.word(pc&^3 + uint64(w&0xff)*4)
			if !ok {
				return 0, false
			}
			m.put(w>>8&7, v)
		case w&0xff78 == 0x4478: // add rd, pc
			rd := w & 7
			if !m.has(rd) {
				return 0, false
			}
			m.put(rd, (m.reg[rd]+pc)&0xffffffff)
		case w>>11 == 0b00100: // movs rd, #imm
			m.put(w>>8&7, uint64(w&0xff))
		case w&0xfbf0 == 0xf240 || w&0xfbf0 == 0xf2c0 || w&0xfbf0 == 0xf040 || w&0xffff == 0xf44f || w&0xffff == 0xf04f:
			if i+4 > len(b) {
				return 0, false
			}
			w2 := uint32(m.file.exe.Order.Uint16(b[i+2:]))
			rd, imm := w2>>8&15, w&15<<12|w>>10&1<<11|w2>>12&7<<8|w2&0xff
			switch {
			case w&0xfbf0 == 0xf240: // movw
				m.put(rd, uint64(imm))
			case w&0xfbf0 == 0xf2c0 && m.has(rd): // movt
				m.put(rd, m.reg[rd]&0xffff|uint64(imm)<<16)
			default:
				return 0, false
			}
			i += 2
		case w == 0x4770: // bx lr
			return m.result(0)
		case w == 0xbf00: // nop
		default:
			return 0, false
		}
	}
	return 0, false
}

// aarch64 reads A64 (Arm Architecture Reference Manual for A-profile,
// chapter C6).
func (m *machine) aarch64(b []byte) (uint64, bool) {
	for i := 0; i+4 <= len(b); i += 4 {
		w := binary.LittleEndian.Uint32(b[i:])
		pc, rd := m.addr+uint64(i), w&31
		switch {
		case w&0xffffff1f == 0xd503241f, w == 0xd503201f: // bti, nop
		case w&0x9f000000 == 0x90000000: // adrp
			m.put(rd, pc&^0xfff+signed(uint64(w>>5&0x7ffff)<<2|uint64(w>>29&3), 21)<<12)
		case w&0x9f000000 == 0x10000000: // adr
			m.put(rd, pc+signed(uint64(w>>5&0x7ffff)<<2|uint64(w>>29&3), 21))
		case w&0xffc00000 == 0x91000000 && m.has(w>>5&31): // add rd, rn, #imm
			m.put(rd, m.reg[w>>5&31]+uint64(w>>10&0xfff))
		case w&0xffe00000 == 0x52800000, w&0xffe00000 == 0xd2800000: // movz
			m.put(rd, uint64(w>>5&0xffff))
		case w&0xffe00000 == 0x72a00000 && m.has(rd): // movk, lsl 16
			m.put(rd, m.reg[rd]&0xffff|uint64(w>>5&0xffff)<<16)
		case w&0xffe00000 == 0x52a00000: // movz, lsl 16
			m.put(rd, uint64(w>>5&0xffff)<<16)
		case w == 0xd65f03c0: // ret
			return m.result(0)
		default:
			return 0, false
		}
	}
	return 0, false
}

// mips reads MIPS32 of the o32 ABI: register 25 holds the function's address
// and 28 is made of it (System V ABI MIPS supplement, chapter 3).
func (m *machine) mips(b []byte) (uint64, bool) {
	m.put(0, 0)
	m.put(25, m.addr)
	for i, left := 0, -1; i+4 <= len(b); i += 4 {
		w := m.file.exe.Order.Uint32(b[i:])
		rs, rt, rd, imm := w>>21&31, w>>16&31, w>>11&31, uint64(w&0xffff)
		switch {
		case w == 0: // nop
		case w>>26 == 0x0f: // lui
			m.put(rt, imm<<16)
		case w>>26 == 0x09 && m.has(rs): // addiu
			m.put(rt, (m.reg[rs]+signed(imm, 16))&0xffffffff)
		case w>>26 == 0x0d && m.has(rs): // ori
			m.put(rt, m.reg[rs]|imm)
		case w&0xfc0007ff == 0x21 && m.has(rs) && m.has(rt): // addu
			m.put(rd, (m.reg[rs]+m.reg[rt])&0xffffffff)
		case w>>26 == 0x23 && m.has(rs): // lw
			v, ok := m.file.word((m.reg[rs] + signed(imm, 16)) & 0xffffffff)
			if !ok {
				return 0, false
			}
			m.put(rt, v)
		case w == 0x03e00008, w == 0x03e00009: // jr ra
			left = 2
		default:
			return 0, false
		}
		if left--; left == 0 { // behind the delay slot
			return m.result(2)
		}
	}
	return 0, false
}

// ppc reads lis, addi and ori (Power ISA, book I).
func (m *machine) ppc(b []byte) (uint64, bool) {
	for i := 0; i+4 <= len(b); i += 4 {
		w := m.file.exe.Order.Uint32(b[i:])
		rt, ra, imm := w>>21&31, w>>16&31, uint64(w&0xffff)
		switch {
		case w>>26 == 15 && ra == 0: // lis
			m.put(rt, imm<<16)
		case w>>26 == 14 && ra == 0: // li
			m.put(rt, signed(imm, 16)&0xffffffff)
		case w>>26 == 14 && m.has(ra): // addi
			m.put(rt, (m.reg[ra]+signed(imm, 16))&0xffffffff)
		case w>>26 == 24 && m.has(rt): // ori
			m.put(ra, m.reg[rt]|imm)
		case w == 0x4e800020: // blr
			return m.result(3)
		default:
			return 0, false
		}
	}
	return 0, false
}
