// Package bcj undoes the filters that xz and 7z run over data before they
// compress it: branch/call/jump filters, which turn the relative addresses of a
// processor's branch instructions into absolute ones, and Delta, which stores
// differences of bytes.
//
//	ID  filter      unit    what it rewrites
//	03  Delta       1       byte minus the byte 1–256 before
//	04  x86         1       E8/E9 call, jmp with a 32-bit displacement
//	05  PowerPC     4       bl, big-endian
//	06  IA-64       16      IP-relative branches in each slot of a bundle
//	07  ARM         4       bl, little-endian
//	08  ARM-Thumb   2       bl as a pair of halfwords
//	09  SPARC       4       call, big-endian
//	0A  ARM64       4       bl, adrp
//	0B  RISC-V      2       jal, auipc and the instruction after it
//
// Sources: the .xz file format, section 5.3.2 and 5.3.3; XZ Utils
// src/liblzma/simple (0BSD) for what each filter accepts.
package bcj

import (
	"encoding/binary"
	"fmt"
)

// ID is a filter's number in the .xz file format.
type ID uint64

// The filters.
const (
	Delta    ID = 0x03
	X86      ID = 0x04
	PowerPC  ID = 0x05
	IA64     ID = 0x06
	ARM      ID = 0x07
	ARMThumb ID = 0x08
	SPARC    ID = 0x09
	ARM64    ID = 0x0A
	RISCV    ID = 0x0B
)

var units = map[ID]uint32{X86: 1, PowerPC: 4, IA64: 16, ARM: 4, ARMThumb: 2, SPARC: 4, ARM64: 4, RISCV: 2}

// Filter is the state of one filter between two pieces of its data.
type Filter struct {
	undo func(f *Filter, b []byte) int
	pos  uint32 // of the first byte of the next piece
	mask uint32 // x86: which of the last bytes looked like an opcode

	delta [256]byte
	dist  int
}

// New returns a filter. start is the position of the first byte, a multiple of
// the filter's unit; Delta has none.
func New(id ID, start uint32) (*Filter, error) {
	unit, ok := units[id]
	if !ok {
		return nil, fmt.Errorf("filter %#x is not known", uint64(id))
	}
	if start%unit != 0 {
		return nil, fmt.Errorf("filter %#x: start %#x is no multiple of %d", uint64(id), start, unit)
	}
	f := &Filter{pos: start}
	switch id {
	case X86:
		f.undo = x86
	case PowerPC:
		f.undo = powerPC
	case IA64:
		f.undo = ia64
	case ARM:
		f.undo = arm
	case ARMThumb:
		f.undo = armThumb
	case SPARC:
		f.undo = sparc
	case ARM64:
		f.undo = arm64
	case RISCV:
		f.undo = riscV
	}
	return f, nil
}

// NewDelta returns a Delta filter of a distance of 1 to 256 bytes.
func NewDelta(dist int) (*Filter, error) {
	if dist < 1 || dist > 256 {
		return nil, fmt.Errorf("delta distance %d, want 1 to 256", dist)
	}
	return &Filter{undo: delta, dist: dist}, nil
}

// Undo restores the beginning of b in place and returns how many bytes are
// final. The rest (fewer than 16 bytes) is given again with what follows; at
// the end of the data it is final as it is.
func (f *Filter) Undo(b []byte) int {
	n := f.undo(f, b)
	f.pos += uint32(n)
	return n
}

func delta(f *Filter, b []byte) int {
	at := int(f.pos)
	for i := range b {
		b[i] += f.delta[uint8(at-f.dist)]
		f.delta[uint8(at)] = b[i]
		at++
	}
	return len(b)
}

// x86 looks at the top byte of the displacement, which is 00 or FF in real
// calls, and, to keep out opcodes inside of other instructions' operands, at
// what stood up to three bytes before: bit n of mask is set when the byte n+1
// before was E8 or E9 and was not converted.
func x86(f *Filter, b []byte) int {
	const head = 5
	// For each mask: may a conversion begin here, and which byte of the
	// displacement would the older opcode share.
	allowed := [8]bool{true, true, true, false, true, false, false, false}
	shared := [8]uint{0, 1, 2, 2, 3, 3, 3, 3}
	sign := func(x byte) bool { return x == 0 || x == 0xFF }

	mask, last := f.mask, -1
	i := 0
	for ; i+head <= len(b); i++ {
		if b[i]&0xFE != 0xE8 {
			continue
		}
		gap := i - last
		last = i
		if gap > 3 {
			mask = 0
		} else if mask = mask << (gap - 1) & 7; mask != 0 {
			if !allowed[mask] || sign(b[i+4-int(shared[mask])]) {
				mask = mask<<1 | 1
				continue
			}
		}
		if !sign(b[i+4]) {
			mask = mask<<1 | 1
			continue
		}
		v := binary.LittleEndian.Uint32(b[i+1:])
		next := f.pos + uint32(i) + head
		var to uint32
		for {
			to = v - next
			if mask == 0 {
				break
			}
			n := shared[mask] * 8
			if !sign(byte(to >> (24 - n))) {
				break
			}
			v = to ^ (1<<(32-n) - 1)
		}
		to &= 0x1FFFFFF
		to |= -(to & 0x1000000)
		binary.LittleEndian.PutUint32(b[i+1:], to)
		i += head - 1
		last = i
		mask = 0
	}
	// gap is counted from the last opcode; the next piece begins at its 0.
	if gap := i - last; gap > 3 {
		f.mask = 0
	} else {
		f.mask = mask << (gap - 1)
	}
	return i
}

func powerPC(f *Filter, b []byte) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		v := binary.BigEndian.Uint32(b[i:])
		if v&0xFC000003 == 0x48000001 {
			v -= f.pos + uint32(i)
			binary.BigEndian.PutUint32(b[i:], 0x48000001|v&0x03FFFFFC)
		}
	}
	return i
}

// ia64 slots by bundle template: bit n is set when slot n is a branch.
var ia64Slots = [32]byte{16: 4, 4, 6, 6, 0, 0, 7, 7, 4, 4, 0, 0, 4, 4, 0, 0}

func ia64(f *Filter, b []byte) int {
	i := 0
	for ; i+16 <= len(b); i += 16 {
		slots := ia64Slots[b[i]&0x1F]
		for slot := range 3 {
			if slots>>slot&1 == 0 {
				continue
			}
			bit := 5 + slot*41
			p := b[i+bit/8 : i+bit/8+6]
			word := uint64(binary.LittleEndian.Uint32(p)) | uint64(binary.LittleEndian.Uint16(p[4:]))<<32
			v := word >> (bit % 8)
			if v>>37&0xF != 5 || v>>9&7 != 0 {
				continue
			}
			to := uint32(v>>13&0xFFFFF | v>>36&1<<20)
			to = (to<<4 - (f.pos + uint32(i))) >> 4
			v = v&^(0x8FFFFF<<13) | uint64(to&0xFFFFF)<<13 | uint64(to>>20&1)<<36
			word = word&(1<<(bit%8)-1) | v<<(bit%8)
			binary.LittleEndian.PutUint32(p, uint32(word))
			binary.LittleEndian.PutUint16(p[4:], uint16(word>>32))
		}
	}
	return i
}

func arm(f *Filter, b []byte) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		if b[i+3] == 0xEB {
			v := binary.LittleEndian.Uint32(b[i:])
			v = (v<<2 - (f.pos + uint32(i) + 8)) >> 2
			binary.LittleEndian.PutUint32(b[i:], 0xEB000000|v&0xFFFFFF)
		}
	}
	return i
}

func armThumb(f *Filter, b []byte) int {
	i := 0
	for ; i+4 <= len(b); i += 2 {
		hi, lo := binary.LittleEndian.Uint16(b[i:]), binary.LittleEndian.Uint16(b[i+2:])
		if hi&0xF800 == 0xF000 && lo&0xF800 == 0xF800 {
			v := uint32(hi&0x7FF)<<11 | uint32(lo&0x7FF)
			v = (v<<1 - (f.pos + uint32(i) + 4)) >> 1
			binary.LittleEndian.PutUint16(b[i:], 0xF000|uint16(v>>11&0x7FF))
			binary.LittleEndian.PutUint16(b[i+2:], 0xF800|uint16(v&0x7FF))
			i += 2
		}
	}
	return i
}

func sparc(f *Filter, b []byte) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		v := binary.BigEndian.Uint32(b[i:])
		// call with a displacement whose upper bits repeat its sign
		if v>>22 == 0x100 || v>>22 == 0x1FF {
			v = (v<<2 - (f.pos + uint32(i))) >> 2
			v = -(v>>22&1)<<22&0x3FFFFFFF | v&0x3FFFFF | 0x40000000
			binary.BigEndian.PutUint32(b[i:], v)
		}
	}
	return i
}

func arm64(f *Filter, b []byte) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		v := binary.LittleEndian.Uint32(b[i:])
		pc := f.pos + uint32(i)
		switch {
		case v>>26 == 0x25: // bl
			v = 0x94000000 | (v-pc>>2)&0x03FFFFFF
		case v&0x9F000000 == 0x90000000: // adrp within ±512 MiB
			page := v>>29&3 | v>>3&0x001FFFFC
			if (page+0x00020000)&0x001C0000 != 0 {
				continue
			}
			page -= pc >> 12
			v = v&0x9000001F | page&3<<29 | page&0x0003FFFC<<3 | -(page&0x00020000)&0x00E00000
		default:
			continue
		}
		binary.LittleEndian.PutUint32(b[i:], v)
	}
	return i
}

// riscV knows a converted pair by auipc with the destination x2, which no
// compiler makes; the pair's second word is the address, big-endian. What
// looked like that before the filter ran was stored the other way round.
func riscV(f *Filter, b []byte) int {
	const auipc, x2 = 0x17, 2 << 7
	i := 0
	for i+8 <= len(b) {
		pc := f.pos + uint32(i)
		if b[i] == 0xEF && b[i+1]&0x0D == 0 { // jal x1 or x5
			to := uint32(b[i+1]&0xF0)<<13 | uint32(b[i+2])<<9 | uint32(b[i+3])<<1
			to -= pc
			b[i+1] = b[i+1]&0x0F | byte(to>>8)&0xF0
			b[i+2] = byte(to>>16)&0x0F | byte(to>>7)&0x10 | byte(to<<4)&0xE0
			b[i+3] = byte(to>>4)&0x7F | byte(to>>13)&0x80
			i += 4
			continue
		}
		if b[i]&0x7F != auipc {
			i += 2
			continue
		}
		one, two := binary.LittleEndian.Uint32(b[i:]), binary.LittleEndian.Uint32(b[i+4:])
		if rd := one >> 7 & 0x1F; rd != 0 && rd != 2 {
			if two>>15&0x1F != rd || two&3 != 3 {
				i += 6
				continue
			}
			one, two = auipc|x2|two<<12, one&0xFFFFF000+two>>20
		} else {
			rs1 := one >> 27
			if rd != 2 || one>>12&3 != 3 || rs1 == 0 || rs1 == 2 {
				i += 4
				continue
			}
			to := binary.BigEndian.Uint32(b[i+4:]) - pc
			one, two = auipc|rs1<<7|(to+0x800)&0xFFFFF000, one>>12|to<<20
		}
		binary.LittleEndian.PutUint32(b[i:], one)
		binary.LittleEndian.PutUint32(b[i+4:], two)
		i += 8
	}
	return i
}
