package exe

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// x86 finds calls in code of both widths. Instructions have no alignment, so
// each byte may begin one; of four bytes of displacement few are right by
// chance.
//
// Intel SDM volume 2: CALL rel32 (E8), JMP rel32 (E9), Jcc rel32 (0F 8x),
// CALL and JMP r/m (FF /2, FF /4).
func (c *counter) x86() error {
	long := c.f.Is64()
	got := c.dyn[dynPltgot]
	if got == 0 && !long {
		got = c.gotWithoutPLT()
	}
	// What a slot is named by: relative to the next instruction, absolute, or
	// (i386) relative to the GOT that a register holds.
	slot := func(b []byte, next uint64) (uint64, int, bool) {
		d := uint64(int64(int32(binary.LittleEndian.Uint32(b[2:]))))
		switch {
		case b[1] != 0x25 && b[1] != 0x15:
			d = uint64(uint32(d + got))
		case long:
			d += next
		default:
			d = uint64(uint32(d))
		}
		i, ok := c.slots.at(d)
		return d, i, ok
	}
	parts, sure := c.stubCode()
	err := c.eachOf(parts, func(w *window) (int, error) {
		for p := 0; p < w.n; p++ {
			if w.b[p] != 0xff && w.b[p] != 0xf3 {
				continue
			}
			from, jump := x86Stub(w.b[p:], long)
			if jump < 0 {
				continue
			}
			jump += p
			_, i, ok := slot(w.b[jump:], w.addr+uint64(jump)+6)
			if ok && (sure || x86IsStub(w.b[jump:], from)) {
				c.stubs.add(w.addr+uint64(p), i)
				c.stubs.add(w.addr+uint64(jump), i)
				p = jump + 5
				if err := c.full(); err != nil {
					return 0, err
				}
			}
		}
		return 0, nil
	})
	if err != nil {
		return err
	}
	c.stubs.dense()
	mask := ^uint64(0)
	if !long {
		mask = 1<<32 - 1
	}
	return c.each(func(w *window) (int, error) {
		b := w.b
		for p := 0; p < w.n; p++ {
			if !x86Opcode[b[p]] || p+6 > len(b) {
				continue
			}
			addr := w.addr + uint64(p)
			rel := func(at int) uint64 { return uint64(int64(int32(binary.LittleEndian.Uint32(b[at:])))) }
			switch {
			case b[p] == 0xe8 || b[p] == 0xe9:
				c.branch(addr, w.off+int64(p), (addr+5+rel(p+1))&mask, b[p] == 0xe9)
			case b[p] == 0x0f:
				if b[p+1]&0xf0 == 0x80 {
					c.branch(addr, w.off+int64(p), (addr+6+rel(p+2))&mask, true)
				}
			case b[p+1] == 0x15 || b[p+1] == 0x25 || !long && x86ByGOT(b[p:]):
				if at, i, ok := slot(b[p:], addr+6); ok && (b[p+1] == 0x15 || b[p+1] == 0x25 || c.early[at]) {
					if _, stub := c.stubs.at(addr); !stub {
						c.call(addr, w.off+int64(p), i, b[p+1]&0x38 == 0x20)
					}
				}
			}
		}
		return 0, nil
	})
}

// gotWithoutPLT finds what registers hold for the GOT where no tag says it, for
// want of a PLT: the word behind the slots that has the dynamic segment's address
// in it (System V ABI, Intel386 supplement, "Global Offset Table").
func (c *counter) gotWithoutPLT() uint64 {
	dynamic := slices.IndexFunc(c.f.Segments, func(s Segment) bool { return s.Type == SegmentDynamic })
	if dynamic < 0 || len(c.slots.of) == 0 {
		return 0
	}
	for at := c.slots.high + 4; at <= c.slots.high+32; at += 4 {
		if c.value(at, 32) == c.f.Segments[dynamic].VAddr {
			return at
		}
	}
	return 0
}

var x86Opcode = [256]bool{0xe8: true, 0xe9: true, 0x0f: true, 0xff: true}

// x86ByGOT tells CALL and JMP through a register and 32 bits (i386 without
// PLT, by slots that are filled early). Calls through a table of an object look
// the same: they are left out by the register, EBX, which holds the GOT by
// convention, or because the slot is in front of what the register points to.
func x86ByGOT(b []byte) bool {
	reg := b[1] & 7
	return (b[1]&0xf8 == 0x90 || b[1]&0xf8 == 0xa0) && reg != 4 && (reg == 3 || b[5] == 0xff)
}

// x86Stub finds the jump of what may be a stub: JMP r/m, behind ENDBR and
// what linkers put between the two. −1 is none; from tells what came first.
func x86Stub(b []byte, long bool) (from byte, jump int) {
	p := 0
	from = b[0]
	if b[0] == 0xf3 { // ENDBR64, ENDBR32
		if len(b) < 20 || b[1] != 0x0f || b[2] != 0x1e || b[3] != 0xfa && b[3] != 0xfb {
			return from, -1
		}
		p = 4
		if b[p] == 0x41 && b[p+1] == 0xbb { // mov $index, %r11d (mold)
			p += 6
		}
		if b[p] == 0xf2 { // BND
			p++
		}
	}
	if p+6 > len(b) || b[p] != 0xff || b[p+1] != 0x25 && (long || b[p+1] != 0xa3) {
		return from, -1
	}
	return from, p
}

// x86IsStub tells a stub from a tail call by what follows the jump.
func x86IsStub(b []byte, from byte) bool {
	rest := b[6:]
	has := func(s string) bool { return strings.HasPrefix(string(rest[:min(len(rest), 8)]), s) }
	switch {
	case len(rest) >= 6 && rest[0] == 0x68 && rest[5] == 0xe9: // push $index; jmp
		return true
	case has("\x66\x90"):
		return true
	case from == 0xf3 && (has("\x66\x0f\x1f\x44\x00\x00") || has("\x0f\x1f\x44\x00\x00") || has("\xcc")):
		return true
	}
	return len(rest) >= 5 && from == 0xf3 && rest[0] == 0x68
}

// stubCode is the code that stubs may be in: the sections that linkers give
// such a name, and then it is sure that jumps in them are stubs; all code,
// where sections have no names.
func (c *counter) stubCode() (parts []part, sure bool) {
	var other []part
	for i := range c.f.Sections {
		s := &c.f.Sections[i]
		if s.InFile && s.Flags&SectionExec != 0 && s.Name != "" && !strings.HasPrefix(s.Name, ".plt") && !strings.HasPrefix(s.Name, ".iplt") {
			other = append(other, part{off: int64(s.Off), n: int64(s.Size)})
		}
	}
	if len(other) > maxCodeParts {
		return c.code, false
	}
	slices.SortFunc(other, func(a, b part) int { return cmp.Compare(a.off, b.off) })
	for _, p := range c.code {
		parts = append(parts, without(p, other)...)
	}
	return parts, len(other) > 0
}
