package exe

import (
	"slices"
	"strings"
)

const (
	dynInitArray   = 25
	dynFiniArray   = 26
	dynInitArraysz = 27
	dynFiniArraysz = 28
	dynFini        = 13

	dynGlink = 0x70000000 // DT_PPC64_GLINK

	segmentExidx = 0x70000001 // PT_ARM_EXIDX

	maxInit = 1 << 16 // bytes of a list of initialisers
)

// tables collects what the file says of functions outside of its code.
func (b *finder) tables(by Sources) error {
	f := b.f
	if err := b.symbolTables(by); err != nil {
		return err
	}
	b.unwind()
	if f.Type == TypeRel {
		return nil
	}
	dyn, err := f.dynamicTags()
	if err != nil {
		return err
	}
	if err := b.stubs(); err != nil {
		return err
	}
	b.pointers(dyn)
	if err := b.exidx(); err != nil {
		return err
	}
	return b.pdr()
}

// symbolTables adds the functions that symbols name.
func (b *finder) symbolTables(by Sources) error {
	f := b.f
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	if !by.Stripped {
		all, err := f.objectSymbols()
		if err != nil {
			return err
		}
		symbols = append(symbols, all...)
		b.symbols = len(all) > 1
	}
	for i := range symbols {
		s := &symbols[i]
		if s.Section == 0 || !s.IsFunc() {
			continue
		}
		at := s.Value
		if f.Type == TypeRel {
			if int(s.Section) >= len(f.Sections) {
				continue
			}
			code := &f.Sections[s.Section]
			if !code.InFile || code.Flags&SectionExec == 0 || at&^1 >= code.Size {
				continue
			}
			at += ObjectBase + code.Off
		}
		if f.Machine == machineMIPS && s.Other&0xf0 == 0xf0 { // STO_MIPS16
			at |= 1
		}
		if t, _ := b.at(at); t == nil && b.f.Arch == "ppc64" {
			at = b.holds(at)
		}
		name := s.Name
		if i := strings.IndexByte(name, '@'); i > 0 {
			name = name[:i] // of a version
		}
		b.add(at, start{by: bySymbol, size: s.Size, name: name, rank: s.Info >> 4 & 3})
	}
	return nil
}

// stubs notes where stubs of imported functions are.
func (b *finder) stubs() error {
	for i := range b.f.Sections {
		s := &b.f.Sections[i]
		if s.Flags&SectionExec != 0 && s.InFile && (strings.HasPrefix(s.Name, ".plt") || strings.HasPrefix(s.Name, ".iplt") || s.Name == ".MIPS.stubs" || s.Name == ".glink") {
			b.cut(s.Addr, s.Size)
		}
	}
	dyn, err := b.f.dynamicTags()
	if glink := dyn[dynGlink]; b.f.Arch == "ppc64" && glink > 32 {
		// The lazy stubs, one for each slot, begin 32 bytes behind that address;
		// before it begins what they lead to, with a word of data.
		before, each := uint64(20), uint64(8)
		if b.f.Flags&3 == 2 { // ELF V2
			before, each = 28, 4
		}
		b.cut(glink-before, before+32+each*min(dyn[dynPltrelsz]/24, maxSlots))
	}
	return err
}

// cut takes a run of addresses out of the code.
func (b *finder) cut(addr, size uint64) {
	var out []text
	for _, t := range b.runs {
		for _, p := range without(t.part, []part{{off: t.off + int64(addr-t.addr), n: int64(size)}}) {
			out = append(out, text{part: p, b: t.b[p.off-t.off:][:p.n]})
		}
	}
	b.runs = out
}

// pointers adds what words of data point at: those that the dynamic linker
// fills in, and all of a file with fixed addresses.
func (b *finder) pointers(dyn map[uint64]uint64) {
	word := uint64(b.f.Class / 8)
	entry := func(addr uint64) {
		if t, _ := b.at(addr); t == nil && b.f.Arch == "ppc64" {
			addr = b.holds(addr)
		}
		b.add(addr, start{by: byTable})
	}
	entry(b.f.Entry)
	for _, tag := range []uint64{dynInit, dynFini} {
		if dyn[tag] != 0 {
			entry(dyn[tag])
		}
	}
	for i, tag := range []uint64{dynInitArray, dynFiniArray} {
		size := dyn[[]uint64{dynInitArraysz, dynFiniArraysz}[i]]
		for at := uint64(0); at < min(size, maxInit); at += word {
			entry(b.holds(dyn[tag] + at))
		}
	}
	for _, w := range b.image.words {
		if w.p.Name == "" {
			by := byPointer
			// A descriptor is followed by the address of the TOC.
			if b.f.Arch == "ppc64" && b.image.base != 0 && b.holds(w.addr+word) == b.image.base {
				by = byTable
			}
			b.add(w.p.To, start{by: by})
		}
	}
	if b.f.Type != TypeExec {
		return
	}
	for _, a := range b.image.areas {
		for at := -a.addr & (word - 1); at+word <= uint64(len(a.b)); at += word {
			v := uint64(0)
			if word == 8 {
				v = b.f.Order.Uint64(a.b[at:])
			} else {
				v = uint64(b.f.Order.Uint32(a.b[at:]))
			}
			if t, _ := b.at(v); t != nil && !b.code(a.addr+at) {
				by := byWord
				if b.f.Arch == "ppc64" && b.image.base != 0 && b.holds(a.addr+at+word) == b.image.base {
					by = byTable
				}
				b.add(v, start{by: by})
			}
		}
	}
}

// code says whether there is code at an address.
func (b *finder) code(addr uint64) bool {
	t, _ := b.at(addr)
	return t != nil
}

// holds is what a word of data is going to hold, 0 where it is none.
func (b *finder) holds(addr uint64) uint64 {
	if p, ok := b.image.Pointer(addr); ok && p.Name == "" {
		return p.To
	}
	v, _ := b.image.Read(addr, b.f.Class/8)
	return v
}

// exidx adds what the table for unwinding of ARM says (ELF for the Arm
// Architecture, exception handling ABI, 5).
func (b *finder) exidx() error {
	f := b.f
	for _, s := range f.Segments {
		if s.Type != segmentExidx || f.Arch != "arm" || !s.InFile {
			continue
		}
		table, err := f.read(s.Off, min(s.FileSize, 8*maxFunctions))
		if err != nil {
			return err
		}
		at := func(i int) uint64 { // prel31
			return f.addr(s.VAddr + uint64(i) + uint64(int64(int32(f.Order.Uint32(table[i:])<<1)>>1)))
		}
		for i := 0; i+8 <= len(table); i += 8 {
			e := start{by: byExidx, bit: stateUnknown}
			// Entries that stand for themselves are joined with the next; one that
			// leads to a table of landing pads is of one function.
			if how := f.Order.Uint32(table[i+4:]); how != 1 && how>>31 == 0 && i+16 <= len(table) && at(i+8) > at(i) {
				e.room = at(i+8) - at(i)
			}
			b.add(at(i), e)
		}
	}
	return nil
}

// pdr adds the procedures of MIPS: records of 32 bytes that begin with the
// address (MIPS extension of the GNU assembler, .pdr).
func (b *finder) pdr() error {
	s := b.f.Section(".pdr")
	if s == nil || !s.InFile || b.f.Machine != machineMIPS {
		return nil
	}
	table, err := b.f.read(s.Off, min(s.Size, 32*maxFunctions))
	if err != nil {
		return err
	}
	for ; len(table) >= 32; table = table[32:] {
		b.add(uint64(b.f.Order.Uint32(table)), start{by: byPdr, bit: stateUnknown})
	}
	return nil
}

// sorted are the addresses of the starts.
func (b *finder) sorted() []uint64 {
	out := make([]uint64, 0, len(b.starts))
	for a := range b.starts {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}
