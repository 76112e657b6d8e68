package exe

import "encoding/binary"

// apply applies one relocation to the word at a place in the file.
func (l *linker) apply(in *Section, at uint64, symbol, typ uint32, addend uint64, given bool) {
	f := l.f
	arch := f.Arch
	value := l.symbols[symbol].Value
	thumb := arch == "arm" && l.symbols[symbol].IsFunc() && value&1 != 0
	if arch == "mips" && (typ == 5 || typ == 6) {
		l.halves(at, in.Off+in.Size, symbol, typ, addend, given)
		return
	}
	if arch == "arm" && l.armWord(at, in.Off+in.Size, value, typ) {
		return
	}
	r, ok := relocationTypes[arch][typ]
	if !ok || at+uint64(r.size) > in.Off+in.Size {
		return
	}
	order := f.Order
	if in.Flags&SectionExec != 0 && (arch == "aarch64" || arch == "arm" && f.Flags&flagBE8 != 0) {
		order = binary.LittleEndian
	}
	v := number(order, l.b[at:], r.size)
	mask := uint64(1)<<r.width - 1
	if r.width == 64 {
		mask = ^uint64(0)
	}
	if !given {
		addend = v >> r.at & mask << r.shift
		if top := r.width + r.shift; (r.signed || r.width == 32) && top < 64 {
			addend = uint64(int64(addend<<(64-top)) >> (64 - top))
		}
	}
	place := ObjectBase + at
	to := value + addend
	switch r.how {
	case relAbsolute:
		if r.size == f.Class/8 && r.width == uint8(f.Class) {
			l.words = append(l.words, word{place, l.target(symbol, addend)})
		}
	case relPlace:
		if thumb && r.width == 24 { // BL to Thumb code is BLX
			v = v&0x00ffffff | 0xfa000000 | to>>1&1<<24
		}
		to -= place
	case relPage:
		to = to&^0xfff - place&^0xfff
	case relHigh:
		if arch == "ppc64" {
			to -= place
		}
		to += 0x8000
	case relTOC:
		to -= l.toc
	case relTOCHigh:
		to += 0x8000 - l.toc
	case relSlot:
		to = l.slot(symbol) + addend - place
	case relSlotPage:
		to = l.slot(symbol)&^0xfff - place&^0xfff
	case relSlotLow:
		to = l.slot(symbol)
	}
	bits := to >> r.shift & mask
	switch {
	case r.how == relPage || r.how == relSlotPage: // ADRP has them in two parts
		v = v&^0x60ffffe0 | bits&3<<29 | bits>>2&0x7ffff<<5
	default:
		v = v&^(mask<<r.at) | bits<<r.at
	}
	putNumber(order, l.b[at:], r.size, v)
}

func number(order binary.ByteOrder, b []byte, size int) uint64 {
	switch size {
	case 2:
		return uint64(order.Uint16(b))
	case 4:
		return uint64(order.Uint32(b))
	}
	return order.Uint64(b)
}

func putNumber(order binary.ByteOrder, b []byte, size int, v uint64) {
	switch size {
	case 2:
		order.PutUint16(b, uint16(v))
	case 4:
		order.PutUint32(b, uint32(v))
	default:
		order.PutUint64(b, v)
	}
}

// halves applies HI16 and LO16 of MIPS. Without addends in the table, the
// upper halves wait for the lower one, which is signed (MIPS psABI, chapter 4).
func (l *linker) halves(at, end uint64, symbol, typ uint32, addend uint64, given bool) {
	if at+4 > end {
		return
	}
	x := l.f.Order.Uint32(l.b[at:])
	value := uint32(l.symbols[symbol].Value)
	put := func(at uint64, v uint32) {
		x := l.f.Order.Uint32(l.b[at:])
		l.f.Order.PutUint32(l.b[at:], x&0xffff0000|v&0xffff)
	}
	switch {
	case given && typ == 5:
		put(at, (value+uint32(addend)+0x8000)>>16)
	case given:
		put(at, value+uint32(addend))
	case typ == 5:
		if len(l.high) < maxSlots {
			l.high = append(l.high, highHalf{at, symbol})
		}
	default:
		low := uint32(int32(int16(x)))
		for _, h := range l.high {
			if h.symbol == symbol {
				put(h.at, (value+l.f.Order.Uint32(l.b[h.at:])<<16+low+0x8000)>>16)
			}
		}
		l.high = l.high[:0]
		put(at, value+low)
	}
}

// armWord applies the relocations of ARM whose number is in several parts of
// an instruction: MOVW and MOVT, and branches of Thumb code (ELF for the Arm
// Architecture, 5.6.1).
func (l *linker) armWord(at, end, value uint64, typ uint32) bool {
	switch typ {
	case 43, 44, 47, 48, 10, 30:
	default:
		return false
	}
	if at+4 > end {
		return true
	}
	order := l.f.Order
	if l.f.Flags&flagBE8 != 0 {
		order = binary.LittleEndian
	}
	if typ == 43 || typ == 44 { // MOVW, MOVT
		x := order.Uint32(l.b[at:])
		v := uint32(value) + uint32(int32(int16(x>>4&0xf000|x&0xfff)))
		if typ == 44 {
			v >>= 16
		}
		order.PutUint32(l.b[at:], x&0xfff0f000|v&0xf000<<4|v&0xfff)
		return true
	}
	h, k := uint32(order.Uint16(l.b[at:])), uint32(order.Uint16(l.b[at+2:]))
	if typ == 47 || typ == 48 {
		v := uint32(value) + uint32(int32(int16(h&15<<12|h>>10&1<<11|k>>12&7<<8|k&0xff)))
		if typ == 48 {
			v >>= 16
		}
		h = h&0xfbf0 | v>>12&15 | v>>11&1<<10
		k = k&0x8f00 | v>>8&7<<12 | v&0xff
	} else { // BL, B
		s, i1, i2 := h>>10&1, k>>13&1^1, k>>11&1^1
		i1, i2 = i1^s, i2^s
		was := int32((s<<24|i1<<23|i2<<22|h&0x3ff<<12|k&0x7ff<<1)<<7) >> 7
		to := uint32(value) + uint32(was) - uint32(ObjectBase+at)
		if typ == 10 && value&1 == 0 { // BLX to ARM code
			k &^= 1 << 12
			to = (uint32(value) + uint32(was) - uint32(ObjectBase+at)&^3 + 2) &^ 3
		}
		to &^= 1
		s, i1, i2 = to>>24&1, to>>23&1, to>>22&1
		h = h&0xf800 | s<<10 | to>>12&0x3ff
		k = k&0xd000 | (i1^s^1)<<13 | (i2^s^1)<<11 | to>>1&0x7ff
	}
	order.PutUint16(l.b[at:], uint16(h))
	order.PutUint16(l.b[at+2:], uint16(k))
	return true
}
