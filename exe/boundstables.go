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
	dynRelrsz      = 35
	dynRelr        = 36
	dynFini        = 13

	maxWords = 1 << 24 // of data that are looked at for pointers
)

// relativeTypes are the relocations of words that hold an address of the file
// itself: RELATIVE, and IRELATIVE, whose address is that of a function.
var relativeTypes = map[string][2]uint32{
	"x86": {8, 42}, "x86-64": {8, 37}, "arm": {23, 160}, "aarch64": {1027, 1032}, "ppc": {22, 248}, "ppc64": {22, 248},
}

// tables collects what the file says of functions outside of its code.
func (b *finder) tables(by Sources) error {
	f := b.f
	if err := b.symbolTables(by); err != nil {
		return err
	}
	if err := b.unwind(); err != nil {
		return err
	}
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
	moved, err := b.relative(dyn)
	if err != nil {
		return err
	}
	b.words(dyn, moved)
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
			at += code.Off
		}
		if f.Machine == machineMIPS && s.Other&0xf0 == 0xf0 { // STO_MIPS16
			at |= 1
		}
		if t, _ := b.at(at); t == nil && b.f.Arch == "ppc64" {
			at = b.word(at)
		}
		name := s.Name
		if i := strings.IndexByte(name, '@'); i > 0 {
			name = name[:i] // of a version
		}
		b.add(at, start{by: bySymbol, size: s.Size, name: name, rank: s.Info >> 4 & 3})
	}
	return nil
}

// word reads a word of data, 0 where there is none.
func (b *finder) word(addr uint64) uint64 { return (&counter{f: b.f}).value(addr, b.f.Class) }

// stubs notes where stubs of imported functions are.
func (b *finder) stubs() error {
	for i := range b.f.Sections {
		s := &b.f.Sections[i]
		if s.Flags&SectionExec != 0 && s.InFile && (strings.HasPrefix(s.Name, ".plt") || strings.HasPrefix(s.Name, ".iplt") || s.Name == ".MIPS.stubs" || s.Name == ".glink") {
			b.cut(s.Addr, s.Size)
		}
	}
	return nil
}

// cut takes a run of addresses out of the code.
func (b *finder) cut(addr, size uint64) {
	var out []text
	for _, t := range b.runs {
		for _, p := range without(t.part, []part{{off: t.off + int64(addr-t.addr), n: int64(size)}}) {
			out = append(out, text{p, t.b[p.off-t.off:][:p.n]})
		}
	}
	b.runs = out
}

// relative adds what relocated words point at.
func (b *finder) relative(dyn map[uint64]uint64) (map[uint64]uint64, error) {
	return nil, nil
}

// words adds what words of data point at.
func (b *finder) words(dyn, moved map[uint64]uint64) {
	b.add(b.f.Entry, start{by: byTable})
	for _, tag := range []uint64{dynInit, dynFini} {
		if dyn[tag] != 0 {
			b.add(dyn[tag], start{by: byTable})
		}
	}
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
		for i := 0; i+8 <= len(table); i += 8 { // prel31
			b.add(s.VAddr+uint64(i)+uint64(int64(int32(f.Order.Uint32(table[i:])<<1)>>1)), start{by: byExidx, bit: stateUnknown})
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
