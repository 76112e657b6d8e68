package exe

import (
	"encoding/binary"
	"slices"
)

// flagBE8 (EF_ARM_BE8) marks big-endian data with little-endian code.
const flagBE8 = 0x00800000

// halves is a window of ARM or Thumb code, or of MIPS16e, two bytes each; both states are
// looked for at every place that could hold them.
type halves struct {
	h    []uint16
	big  bool
	addr uint64
}

// word is the ARM instruction or literal at half i.
func (c *halves) word(i int) uint32 {
	if c.big {
		return uint32(c.h[i])<<16 | uint32(c.h[i+1])
	}
	return uint32(c.h[i+1])<<16 | uint32(c.h[i])
}

// arm finds calls in ARM and Thumb code. Where a stub is Thumb its address has
// bit 0 set.
//
// Encodings: Arm Architecture Reference Manual ARMv7-A, B, BL, BLX (A8.8.18,
// A8.8.25). Stubs are what linkers write: ELF for the Arm Architecture leaves
// their form open.
func (c *counter) arm() error {
	var veneers []armVeneer
	first := armFirst()
	err := c.eachHalf(func(w *window, k *halves) error {
		for i, h := range k.h[:w.number(2)] {
			if first[h>>6]>>(h&63)&1 == 0 {
				continue
			}
			switch {
			case armStubHigh(h):
				at := i // of the instruction, of which h is the upper half
				if !k.big {
					at--
				}
				if at < 0 || at&1 != 0 || at+1 >= len(k.h) {
					continue
				}
				v, ok := k.armStub(at)
				if of, slot := c.slots.at(v.slot); ok && v.slot != 0 && slot {
					c.stubs.add(v.addr, of)
				} else if ok && v.slot == 0 && len(veneers) < maxVeneers {
					veneers = append(veneers, v)
				}
			case h == 0x4778 && i&1 == 0 && i+3 < len(k.h): // bx pc; nop: goes on as ARM
				v, ok := k.armStub(i + 2)
				v.addr = k.addr + uint64(i)*2 | 1
				if of, slot := c.slots.at(v.slot); ok && v.slot != 0 && slot {
					c.stubs.add(v.addr, of)
				} else if ok && v.slot == 0 && len(veneers) < maxVeneers {
					veneers = append(veneers, v)
				} else if x := k.word(i + 2); x>>24 == 0xea && len(veneers) < maxVeneers { // b
					v.target, v.branch = armTarget(x, k.addr+uint64(i+2)*2), k.addr+uint64(i+2)*2
					veneers = append(veneers, v)
				}
			case h == 0xf8df && i+3 < len(k.h) && k.h[i+1] == 0xf000 && len(veneers) < maxVeneers: // ldr.w pc, [pc]
				veneers = append(veneers, armVeneer{addr: k.addr + uint64(i)*2 | 1, target: uint64(k.word(i + 2))})
			case h&0xfbf0 == 0xf240 && i+6 < len(k.h): // movw ip; movt ip; add ip, pc; ldr.w pc, [ip]
				v, ok := k.thumbStub(i)
				if of, slot := c.slots.at(v.slot); ok && v.slot != 0 && slot {
					c.stubs.add(v.addr, of)
				} else if ok && v.slot == 0 && len(veneers) < maxVeneers {
					veneers = append(veneers, v)
				}
			}
		}
		return c.full()
	})
	if err != nil {
		return err
	}
	inside := map[uint64]bool{} // branches that are parts of stubs
	for _, v := range veneers {
		if of, ok := c.stubs.at(v.target); ok {
			c.stubs.add(v.addr, of)
			inside[v.branch] = v.branch != 0
		}
	}
	if len(c.stubs.of) == 0 {
		return nil
	}
	c.stubs.dense()
	low, high := c.stubs.low&^3, c.stubs.high
	return c.eachHalf(func(w *window, k *halves) error {
		n := w.number(2)
		for i, h := range k.h[:n] {
			if h>>11 != 0x1e || i+1 == len(k.h) || k.h[i+1]&0x8000 == 0 {
				continue
			}
			addr := k.addr + uint64(i)*2
			if target, tail := thumbTarget(h, k.h[i+1], addr); target&^3 >= low && target <= high {
				c.branch(addr, w.off+int64(i)*2, target, tail)
			}
		}
		for i := int(k.addr >> 1 & 1); i < n && i+1 < len(k.h); i += 2 {
			x, addr := k.word(i), k.addr+uint64(i)*2
			// Few words lead to stubs, many have the bits of branches: foreseen
			// by the processor are the tests in this order.
			target := armTarget(x, addr)
			if target-low > high-low || x>>25&7 != 5 || inside[addr] {
				continue
			}
			if x>>28 == 15 { // BLX
				c.branch(addr, w.off+int64(i)*2, target+uint64(x>>24&1)*2|1, false)
			} else {
				c.branch(addr, w.off+int64(i)*2, target, x>>24&1 == 0)
			}
		}
		return nil
	})
}

// eachHalf is each for code in units of two bytes.
func (c *counter) eachHalf(do func(w *window, k *halves) error) error {
	k := &halves{big: c.f.Order.Uint16([]byte{0, 1}) == 1 && (c.f.Arch != "arm" || c.f.Flags&flagBE8 == 0)}
	return c.each(func(w *window) (int, error) {
		k.h, k.addr = halvesOf(k.h, w.b, k.big), w.addr
		return 0, do(w, k)
	})
}

// halvesOf is wordsOf for units of two bytes.
func halvesOf(h []uint16, b []byte, big bool) []uint16 {
	h = slices.Grow(h[:0], len(b)/2)[:len(b)/2]
	for to := h; len(to) > 0; {
		if len(to) >= 4 && !big {
			x := binary.LittleEndian.Uint64(b)
			to[0], to[1], to[2], to[3] = uint16(x), uint16(x>>16), uint16(x>>32), uint16(x>>48)
			to, b = to[4:], b[8:]
			continue
		}
		to[0] = binary.LittleEndian.Uint16(b)
		if big {
			to[0] = binary.BigEndian.Uint16(b)
		}
		to, b = to[1:], b[2:]
	}
	return h
}

// armTarget is where B, BL and BLX go; the last one's half step is not in it.
func armTarget(x uint32, addr uint64) uint64 {
	return uint64(uint32(addr) + 8 + uint32(int32(x<<8)>>6))
}

// thumbTarget is where the four-byte B.W, BL and BLX go, in the form of
// addresses of stubs; 0 is another instruction.
func thumbTarget(a, b uint16, addr uint64) (target uint64, tail bool) {
	s := uint32(a>>10) & 1
	j1, j2 := uint32(b>>13)&1, uint32(b>>11)&1
	imm := uint32(a)&0x3ff<<12 | uint32(b)&0x7ff<<1 | (j1^s^1)<<23 | (j2^s^1)<<22 | s<<24
	far := uint32(int32(imm<<7) >> 7)
	switch b & 0xd000 {
	case 0xd000: // BL
		return uint64(uint32(addr)+4+far) | 1, false
	case 0xc000: // BLX
		if b&1 != 0 {
			return 0, false
		}
		return uint64(uint32(addr)&^3 + 4 + far), false
	case 0x9000: // B.W
		return uint64(uint32(addr)+4+far) | 1, true
	}
	if cond := a >> 6 & 15; cond >= 14 {
		return 0, false
	}
	near := uint32(a)&0x3f<<12 | uint32(b)&0x7ff<<1 | j1<<18 | j2<<19 | s<<20
	return uint64(uint32(addr)+4+uint32(int32(near<<11)>>11)) | 1, true
}

// armVeneer is a piece of code that jumps on: through a slot, or to a target.
type armVeneer struct {
	addr, slot, target uint64
	branch             uint64 // the branch in it that is no call
}

// armFirst are the halves that arm looks at to find stubs, a bit each.
func armFirst() *[1 << 10]uint64 {
	var first [1 << 10]uint64
	for _, h := range []uint16{0xe28f, 0xe24f, 0xe59f, 0xe51f, 0x4778, 0xf8df} {
		first[h>>6] |= 1 << (h & 63)
	}
	for imm := range uint16(16) { // movw
		first[(0xf240|imm)>>6] |= 1 << ((0xf240 | imm) & 63)
		first[(0xf640|imm)>>6] |= 1 << ((0xf640 | imm) & 63)
	}
	return &first
}

// armStubHigh tells the upper halves of what a stub begins with: add ip, pc;
// ldr ip, [pc]; ldr pc, [pc].
func armStubHigh(h uint16) bool { return h == 0xe28f || h == 0xe24f || h == 0xe59f || h == 0xe51f }

// armStub follows what stands at half i, which computes an address in ip, until
// it jumps.
func (k *halves) armStub(i int) (v armVeneer, ok bool) {
	v.addr = k.addr + uint64(i)*2
	ip, known := uint32(0), false
	for n := 0; n < 5 && i+1 < len(k.h); n, i = n+1, i+2 {
		x, pc := k.word(i), uint32(k.addr)+uint32(i)*2+8
		literal := func() (uint32, bool) {
			at := i + 4 + int(x&0xfff)/2
			if x&0xfff == 4 && x>>16 == 0xe51f { // ldr pc, [pc, #-4]
				at = i + 2
			}
			if x&1 != 0 || at+1 >= len(k.h) {
				return 0, false
			}
			return k.word(at), true
		}
		imm := x & 0xff
		if r := x >> 8 & 15 * 2; r != 0 {
			imm = imm>>r | imm<<(32-r)
		}
		switch {
		case x&0xfffff000 == 0xe28fc000 && n == 0: // add ip, pc, #imm
			ip, known = pc+imm, true
		case x&0xfffff000 == 0xe24fc000 && n == 0: // sub ip, pc, #imm
			ip, known = pc-imm, true
		case x&0xfffff000 == 0xe28cc000 && known:
			ip += imm
		case x&0xfffff000 == 0xe24cc000 && known:
			ip -= imm
		case x&0xfffff000 == 0xe59fc000 && n == 0: // ldr ip, [pc, #imm]
			if ip, known = literal(); !known {
				return v, false
			}
		case (x == 0xe08fc00c || x == 0xe08cc00f) && known: // add ip, pc, ip
			ip += pc
		case (x == 0xe08ff00c || x == 0xe08cf00f) && known: // add pc, pc, ip
			v.target = uint64(ip + pc)
			return v, true
		case x == 0xe12fff1c && known: // bx ip
			v.target = uint64(ip)
			return v, true
		case x&0xff5ff000 == 0xe51cf000 && known: // ldr pc, [ip, #imm] with and without !
			if x>>23&1 == 1 {
				ip += x & 0xfff
			} else {
				ip -= x & 0xfff
			}
			v.slot = uint64(ip)
			return v, true
		case x == 0xe51ff004 && n == 0: // ldr pc, [pc, #-4]
			t, ok := literal()
			v.target = uint64(t)
			return v, ok
		default:
			return v, false
		}
	}
	return v, false
}

// thumbStub follows movw ip, #low; movt ip, #high; add ip, pc; ldr.w pc, [ip],
// and veneers that end in bx ip.
func (k *halves) thumbStub(i int) (v armVeneer, ok bool) {
	imm := func(a, b uint16) uint32 {
		return uint32(a)&15<<12 | uint32(a)>>10&1<<11 | uint32(b)>>12&7<<8 | uint32(b)&0xff
	}
	h := k.h[i:]
	if h[1]>>8&15 != 12 || h[2]&0xfbf0 != 0xf2c0 || h[3]>>8&15 != 12 {
		return v, false
	}
	v.addr = k.addr + uint64(i)*2 | 1
	ip := imm(h[2], h[3])<<16 | imm(h[0], h[1])
	far := uint64(ip + uint32(k.addr) + uint32(i)*2 + 12)
	switch {
	case h[4] == 0x4760: // bx ip
		v.target = uint64(ip)
	case h[4] == 0x44fc && h[5] == 0x4760:
		v.target = far
	case h[4] == 0x44fc && h[5] == 0xf8dc && h[6] == 0xf000:
		v.slot = far
	default:
		return v, false
	}
	return v, true
}
