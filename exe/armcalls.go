package exe

import "slices"

// flagBE8 (EF_ARM_BE8) marks big-endian data with little-endian code.
const flagBE8 = 0x00800000

// halves is a window of ARM or Thumb code, two bytes each; both states are
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
	err := c.eachHalf(func(w *window, k *halves) error {
		for i, n := 0, w.number(2); i < n; i++ {
			h := k.h[i]
			if !armFirst[h>>4] {
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
		for i, n := 0, w.number(2); i < n; i++ {
			addr, off := k.addr+uint64(i)*2, w.off+int64(i)*2
			if h := k.h[i]; h>>11 == 0x1e && i+1 < len(k.h) && k.h[i+1]&0x8000 != 0 {
				if target, tail := thumbTarget(h, k.h[i+1], addr); target&^3 >= low && target <= high {
					c.branch(addr, off, target, tail)
				}
			}
			if addr&3 != 0 || i+1 >= len(k.h) {
				continue
			}
			x := k.word(i)
			if x>>25&7 != 5 {
				continue
			}
			target := armTarget(x, addr)
			if target < low || target > high || inside[addr] {
				continue
			}
			if x>>28 == 15 { // BLX
				c.branch(addr, off, target+uint64(x>>24&1)*2|1, false)
			} else {
				c.branch(addr, off, target, x>>24&1 == 0)
			}
		}
		return nil
	})
}

// eachHalf is each for code in units of two bytes.
func (c *counter) eachHalf(do func(w *window, k *halves) error) error {
	k := &halves{big: c.f.Order.Uint16([]byte{0, 1}) == 1 && c.f.Flags&flagBE8 == 0}
	return c.each(func(w *window) (int, error) {
		n := len(w.b) / 2
		k.h, k.addr = slices.Grow(k.h[:0], n)[:n], w.addr
		b := w.b[:2*n]
		for i := range k.h {
			if p := b[2*i : 2*i+2]; k.big {
				k.h[i] = uint16(p[1]) | uint16(p[0])<<8
			} else {
				k.h[i] = uint16(p[0]) | uint16(p[1])<<8
			}
		}
		return 0, do(w, k)
	})
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

// armFirst are the upper twelve bits of the halves that stubs begin with.
var armFirst = [1 << 12]bool{0xe28: true, 0xe24: true, 0xe59: true, 0xe51: true, 0x477: true, 0xf8d: true, 0xf24: true, 0xf64: true}

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
