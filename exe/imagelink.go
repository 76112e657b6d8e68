package exe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ObjectBase is what an Image adds to a relocatable object's offsets in the
// file to get addresses, so that few numbers look like one by chance.
const ObjectBase = 0x40000000

// maxStride is how far the addresses of symbols of other files lie apart.
const maxStride = 4096

// linker gives the symbols of a relocatable object their addresses, and
// applies its relocations.
type linker struct {
	*Image
	symbols []Symbol
	starts  []uint64 // of sections
	b       []byte   // the file
	slots   map[uint32]uint64
	high    []highHalf // MIPS: HI16 waiting for LO16
	toc     uint64
	end     uint64 // of addresses given so far
}

// highHalf is where the upper half of an address is.
type highHalf struct {
	at     uint64 // in the file
	symbol uint32
}

// link links a relocatable object by itself: sections stand where they are in
// the file, those without bytes and symbols of other files behind.
func (m *Image) link() error {
	f := m.f
	if f.size > maxImage {
		return &Uncounted{Limit: true, Why: fmt.Sprintf("an object of %d bytes, the limit is %d", f.size, uint64(maxImage))}
	}
	symbols, err := f.objectSymbols()
	if err != nil {
		return err
	}
	b, err := f.read(0, uint64(f.size))
	if err != nil {
		return err
	}
	l := &linker{Image: m, symbols: symbols, b: b, slots: map[uint32]uint64{}, starts: make([]uint64, len(f.Sections))}
	l.end = (ObjectBase + uint64(f.size) + maxStride) &^ (maxStride - 1)
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Flags&SectionAlloc == 0 {
			continue
		}
		a := area{size: s.Size, written: s.Flags&SectionWrite != 0 && !strings.HasPrefix(s.Name, ".data.rel.ro") && !strings.Contains(s.Name, "ro_after_init")}
		switch {
		case s.InFile:
			a.addr, a.b = ObjectBase+s.Off, b[s.Off:s.Off+s.Size]
		case s.Type == SectionNobits && s.Size < maxImage && l.end < 2*ObjectBase:
			a.addr = l.end
			l.end = (l.end + s.Size + maxStride) &^ (maxStride - 1)
		default:
			continue
		}
		l.starts[i] = a.addr
		m.areas = append(m.areas, a)
		if s.Name == ".toc" || s.Name == ".got" {
			l.toc = a.addr + 0x8000
		}
	}
	undefined := 0
	for i := range symbols {
		if symbols[i].Section == 0 || symbols[i].Section == 0xfff2 { // SHN_COMMON
			undefined++
		}
	}
	m.stride = min(maxStride, (1<<28/uint64(undefined+1))&^15)
	m.foreign = l.end
	for i := range symbols {
		s := &symbols[i]
		switch {
		case s.Section == 0 || s.Section == 0xfff2:
			m.others = append(m.others, s.Name)
			s.Value = l.end
			l.end += m.stride
		case s.Section < 0xff00 && int(s.Section) < len(l.starts):
			s.Value += l.starts[s.Section]
		}
		if s.Name == ".TOC." {
			s.Value = l.toc
		}
	}
	m.base = l.toc
	m.areas = append(m.areas, area{addr: m.foreign, size: l.end - m.foreign + 8*uint64(len(symbols))})
	slices.SortStableFunc(m.areas, func(a, b area) int { return cmp.Compare(a.addr, b.addr) })
	m.areas = slices.CompactFunc(m.areas, func(a, b area) bool { return b.addr-a.addr < a.size })
	seen := 0
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type != SectionRel && s.Type != SectionRela || !s.InFile || int64(s.Info) >= int64(len(f.Sections)) || l.starts[s.Info] == 0 || !f.Sections[s.Info].InFile {
			continue
		}
		code := &f.Sections[s.Info]
		l.high = l.high[:0]
		err := f.relocEntries(s.Off, s.Size, s.Type == SectionRela, &seen, func(off uint64, symbol, typ uint32, addend uint64) {
			if off < code.Size && int64(symbol) < int64(len(symbols)) {
				l.apply(code, code.Off+off, symbol, typ, addend, s.Type == SectionRela)
			}
		})
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(m.words, func(a, b word) int { return cmp.Compare(a.addr, b.addr) })
	m.words = slices.CompactFunc(m.words, func(a, b word) bool { return a.addr == b.addr })
	return nil
}

// slot is a word that holds a symbol's address, as the linker would make one.
func (l *linker) slot(symbol uint32) uint64 {
	at, ok := l.slots[symbol]
	if !ok {
		at = l.end + 8*uint64(len(l.slots))
		l.slots[symbol] = at
		l.words = append(l.words, word{at, l.target(symbol, 0)})
	}
	return at
}

// target is what a symbol's address is known as.
func (l *linker) target(symbol uint32, addend uint64) Pointer {
	if s := &l.symbols[symbol]; s.Section == 0 && symbol != 0 {
		return Pointer{Name: s.Name, To: addend}
	}
	return Pointer{To: l.f.addr(l.symbols[symbol].Value + addend)}
}

// field is where in an instruction or word a relocation puts a number: the
// number's bits from shift on, width of them, from bit at on.
type field struct {
	size             int // of the word, in bytes
	shift, width, at uint8
	signed           bool // an addend that stands there is
}

// How the number is made that a relocation is for.
const (
	relAbsolute = iota
	relPlace    // relative to where it is
	relPage     // pages, relative to that of where it is
	relHigh     // of the upper half, the lower one being signed
	relTOC      // relative to what r2 holds
	relTOCHigh
	relSlot // relative distance to a slot that holds the address
	relSlotPage
	relSlotLow
)

// relocation is a type of relocation.
type relocation struct {
	how uint8
	field
}

var (
	word32 = field{size: 4, width: 32}
	word64 = field{size: 8, width: 64}
)

// relocationTypes are those of code and data that kernel modules have, by the
// processors' ABI supplements. Those of ARM's code and of MIPS's halves are in
// apply.
var relocationTypes = map[string]map[uint32]relocation{
	"x86-64": {1: {0, word64}, 2: {relPlace, word32}, 4: {relPlace, word32}, 10: {0, word32}, 11: {0, word32}, 24: {relPlace, word64},
		9: {relSlot, word32}, 41: {relSlot, word32}, 42: {relSlot, word32}},
	"x86": {1: {0, word32}, 2: {relPlace, word32}, 4: {relPlace, word32}},
	"arm": {2: {0, word32}, 3: {relPlace, word32}, 42: {relPlace, field{4, 0, 31, 0, true}}, 1: {relPlace, field{4, 2, 24, 0, true}},
		27: {relPlace, field{4, 2, 24, 0, true}}, 28: {relPlace, field{4, 2, 24, 0, true}}, 29: {relPlace, field{4, 2, 24, 0, true}}},
	"aarch64": {257: {0, word64}, 258: {0, word32}, 260: {relPlace, word64}, 261: {relPlace, word32}, 273: {relPlace, field{4, 2, 19, 5, true}},
		277: {0, field{4, 0, 12, 10, false}}, 278: {0, field{4, 0, 12, 10, false}}, 279: {relPlace, field{4, 2, 14, 5, true}}, 280: {relPlace, field{4, 2, 19, 5, true}},
		282: {relPlace, field{4, 2, 26, 0, true}}, 283: {relPlace, field{4, 2, 26, 0, true}}, 284: {0, field{4, 1, 11, 10, false}}, 285: {0, field{4, 2, 10, 10, false}},
		286: {0, field{4, 3, 9, 10, false}}, 299: {0, field{4, 4, 8, 10, false}}, 275: {relPage, field{4, 12, 21, 0, false}}, 276: {relPage, field{4, 12, 21, 0, false}},
		263: {0, field{4, 0, 16, 5, false}}, 264: {0, field{4, 0, 16, 5, false}}, 265: {0, field{4, 16, 16, 5, false}}, 266: {0, field{4, 16, 16, 5, false}},
		267: {0, field{4, 32, 16, 5, false}}, 268: {0, field{4, 32, 16, 5, false}}, 269: {0, field{4, 48, 16, 5, false}},
		311: {relSlotPage, field{4, 12, 21, 0, false}}, 312: {relSlotLow, field{4, 3, 9, 10, false}}},
	"ppc": {1: {0, word32}, 26: {relPlace, word32}, 10: {relPlace, field{4, 2, 24, 2, true}}, 18: {relPlace, field{4, 2, 24, 2, true}}, 11: {relPlace, field{4, 2, 14, 2, true}},
		4: {0, field{2, 0, 16, 0, false}}, 5: {0, field{2, 16, 16, 0, false}}, 6: {relHigh, field{2, 16, 16, 0, false}}, 250: {relPlace, field{2, 0, 16, 0, false}}},
	"ppc64": {38: {0, word64}, 1: {0, word32}, 26: {relPlace, word32}, 44: {relPlace, word64}, 10: {relPlace, field{4, 2, 24, 2, true}}, 11: {relPlace, field{4, 2, 14, 2, true}},
		47: {relTOC, field{2, 0, 16, 0, false}}, 48: {relTOC, field{2, 0, 16, 0, false}}, 49: {relTOC, field{2, 16, 16, 0, false}}, 50: {relTOCHigh, field{2, 16, 16, 0, false}},
		63: {relTOC, field{2, 2, 14, 2, false}}, 64: {relTOC, field{2, 2, 14, 2, false}}, 250: {relPlace, field{2, 0, 16, 0, false}}, 252: {relHigh, field{2, 16, 16, 0, false}}},
	"mips":   {2: {0, word32}, 4: {0, field{4, 2, 26, 0, false}}, 10: {relPlace, field{4, 2, 16, 0, true}}},
	"mips64": {18: {0, word64}, 2: {0, word32}, 4: {0, field{4, 2, 26, 0, false}}, 10: {relPlace, field{4, 2, 16, 0, true}}, 5: {relHigh, field{4, 16, 16, 0, false}}, 6: {0, field{4, 0, 16, 0, false}}},
}
