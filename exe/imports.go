package exe

import (
	"cmp"
	"fmt"
	"slices"
)

// Tags of the dynamic segment (System V ABI, chapter 5, and the processors'
// supplements).
const (
	dynPltrelsz = 2
	dynPltgot   = 3
	dynRela     = 7
	dynRelasz   = 8
	dynInit     = 12
	dynRel      = 17
	dynRelsz    = 18
	dynPltrel   = 20
	dynJmprel   = 23

	dynPPCGot        = 0x70000000
	dynMIPSLocalGot  = 0x7000000a
	dynMIPSSymbolsNo = 0x70000011
	dynMIPSGotSymbol = 0x70000013
	dynMIPSPltgot    = 0x70000032

	maxRelocs = 1 << 23
)

// ranges finds the code: what executable segments load, without the sections
// in them that are marked as data.
func (c *counter) ranges() error {
	f := c.f
	var data []part
	for i := range f.Sections {
		if s := &f.Sections[i]; s.InFile && s.Flags&SectionAlloc != 0 && s.Flags&SectionExec == 0 {
			data = append(data, part{off: int64(s.Off), n: int64(s.Size)})
		}
	}
	slices.SortFunc(data, func(a, b part) int { return cmp.Compare(a.off, b.off) })
	total, segments := int64(0), 0
	for i := range f.Segments {
		s := &f.Segments[i]
		if s.Type != SegmentLoad || s.Flags&FlagX == 0 || s.FileSize == 0 {
			continue
		}
		if !s.InFile {
			return fmt.Errorf("code at %#x: %d bytes, file has %d bytes", s.Off, s.FileSize, f.size)
		}
		at, end := int64(s.Off), int64(s.Off+s.FileSize)
		if at == 0 {
			// Old linkers load the headers with the code.
			at = min((max(f.HeaderSize, f.SegmentTable.Off+f.SegmentTable.Len)+15)&^15, end)
		}
		for _, p := range without(part{addr: s.VAddr + uint64(at) - s.Off, off: at, n: end - at}, data) {
			if f.Arch != "x86" && f.Arch != "x86-64" {
				// Data may end anywhere; instructions begin at a multiple of 4.
				skip := min(int64(-p.addr&3), p.n)
				p = part{addr: p.addr + uint64(skip), off: p.off + skip, n: p.n - skip}
			}
			c.code = append(c.code, p)
			total += p.n
		}
		if segments++; total > f.size || len(c.code) > maxCodeParts || segments > maxCodeSegments {
			return &Uncounted{Limit: true, Why: fmt.Sprintf("%d executable segments of %d bytes in %d parts; the file has %d bytes, the limit is %d segments and %d parts",
				segments, total, len(c.code), f.size, maxCodeSegments, maxCodeParts)}
		}
	}
	return nil
}

// without cuts from a run of code what stands in others, which are sorted.
func without(p part, others []part) (rest []part) {
	at, end := p.off, p.off+p.n
	add := func(to int64) {
		if to > at && len(rest) <= maxCodeParts {
			rest = append(rest, part{addr: p.addr + uint64(at-p.off), off: at, n: to - at})
		}
	}
	for _, o := range others {
		if o.off >= end {
			break
		}
		if o.off+o.n > at {
			add(o.off)
			at = max(at, min(end, o.off+o.n))
		}
	}
	add(end)
	return rest
}

// slotTypes are the relocations that fill a slot with a function's address:
// JUMP_SLOT and GLOB_DAT of each processor's ABI.
var slotTypes = map[string][2]uint32{
	"x86": {7, 6}, "x86-64": {7, 6}, "arm": {22, 21}, "aarch64": {1026, 1025}, "ppc": {21, 20}, "ppc64": {21, 20}, "mips": {127, 51}, "mips64": {127, 51},
}

// imports reads which function's address stands in which slot.
func (c *counter) imports() (err error) {
	f := c.f
	if c.dyn, err = f.dynamicTags(); err != nil {
		return err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	types := slotTypes[f.Arch]
	seen := 0
	for _, t := range []struct {
		at, size uint64
		addend   bool
	}{
		{c.dyn[dynJmprel], c.dyn[dynPltrelsz], c.dyn[dynPltrel] == dynRela},
		{c.dyn[dynRela], c.dyn[dynRelasz], true},
		{c.dyn[dynRel], c.dyn[dynRelsz], false},
	} {
		if t.at == 0 || t.size == 0 {
			continue
		}
		err := c.relocs(t.at, t.size, t.addend, &seen, func(off uint64, symbol, typ uint32) {
			wanted := typ == types[0] || typ == types[1]
			if f.Machine == machineMIPS && typ&0xff == 3 { // R_MIPS_REL32: of a GOT that is not the first
				wanted = true
			}
			if wanted && symbol > 0 && int64(symbol) < int64(len(symbols)) && len(c.slots.of) < maxSlots {
				if s := &symbols[symbol]; function(s) {
					c.slots.add(off, c.name(s.Name, s.Section != 0))
					c.early[off] = typ == types[1]
				}
			}
		})
		if err != nil {
			return err
		}
	}
	if f.Machine == machineMIPS {
		c.globalGOT(symbols)
	}
	if len(c.slots.of) >= maxSlots {
		return &Uncounted{Limit: true, Why: fmt.Sprintf("more than %d slots of imported functions", maxSlots)}
	}
	if len(c.slots.of) == 0 {
		if d, _ := f.Dynamic(); len(d.Needed) == 0 {
			return uncounted("no function is imported: what it uses of libraries is linked in")
		}
	}
	c.slots.dense()
	return nil
}

// function says whether a symbol can be a function: an undefined symbol
// need not say what it is.
func function(s *Symbol) bool {
	return s.Name != "" && (s.IsFunc() || s.Section == 0 && s.Info&15 == 0)
}

// relocs reads a table of relocations.
func (c *counter) relocs(addr, size uint64, addend bool, seen *int, each func(off uint64, symbol, typ uint32)) error {
	f := c.f
	at, have, ok := f.Offset(addr)
	if !ok {
		return fmt.Errorf("relocations at address %#x: no segment loads it", addr)
	}
	if size > have {
		return fmt.Errorf("relocations at %#x: %d bytes, their segment has %d", at, size, have)
	}
	return f.relocTable(at, size, addend, seen, each)
}

// relocTable reads relocations at a place in the file.
func (f *File) relocTable(at, size uint64, addend bool, seen *int, each func(off uint64, symbol, typ uint32)) error {
	return f.relocEntries(at, size, addend, seen, func(off uint64, symbol, typ uint32, _ uint64) { each(off, symbol, typ) })
}

// relocEntries reads relocations with their addends, 0 in tables without.
func (f *File) relocEntries(at, size uint64, addend bool, seen *int, each func(off uint64, symbol, typ uint32, addend uint64)) error {
	entry := uint64(f.Class / 4)
	if addend {
		entry += uint64(f.Class / 8)
	}
	buf := make([]byte, min(size, 1024*entry))
	for ; size >= entry; size -= min(size, uint64(len(buf))) {
		b := buf[:min(uint64(len(buf)), size/entry*entry)]
		if n, err := f.r.ReadAt(b, int64(at)); n < len(b) {
			return fmt.Errorf("relocations at %#x: %w", at, err)
		}
		at += uint64(len(b))
		if *seen += len(b) / int(entry); *seen > maxRelocs {
			return &Uncounted{Limit: true, Why: fmt.Sprintf("more than %d relocations", maxRelocs)}
		}
		for ; len(b) > 0; b = b[entry:] {
			plus := uint64(0)
			if f.Class == 32 {
				info := f.Order.Uint32(b[4:])
				if addend {
					plus = uint64(int64(int32(f.Order.Uint32(b[8:]))))
				}
				each(uint64(f.Order.Uint32(b)), info>>8, info&0xff, plus)
				continue
			}
			off, info := f.Order.Uint64(b), f.Order.Uint64(b[8:])
			if addend {
				plus = f.Order.Uint64(b[16:])
			}
			if f.Machine == machineMIPS {
				// A symbol, a second one, and up to three types in a row.
				each(off, f.Order.Uint32(b[8:]), uint32(b[15]), plus)
				continue
			}
			each(off, uint32(info>>32), uint32(info), plus)
		}
	}
	return nil
}

// globalGOT adds the slots that need no relocation: on MIPS the last symbols
// have one each, in order, behind the local ones (MIPS psABI, chapter 5,
// "Global Offset Table"). A symbol that is undefined and has a value has its
// stub there.
func (c *counter) globalGOT(symbols []Symbol) {
	word := uint64(c.f.Class / 8)
	got, first := c.dyn[dynPltgot], c.dyn[dynMIPSGotSymbol]
	for i := first; i < uint64(len(symbols)) && len(c.slots.of) < maxSlots && got != 0; i++ {
		if s := &symbols[i]; function(s) {
			c.slots.add(got+(c.dyn[dynMIPSLocalGot]+i-first)*word, c.name(s.Name, s.Section != 0))
		}
	}
	for i := range symbols {
		if s := &symbols[i]; s.Section == 0 && s.Value != 0 && function(s) && len(c.stubs.of) < maxStubs {
			c.stubs.add(s.Value, c.name(s.Name, false))
		}
	}
}

// value reads a number at an address, 0 where nothing is loaded.
func (c *counter) value(addr uint64, bits int) uint64 {
	off, n, ok := c.f.Offset(addr)
	if !ok || n < uint64(bits/8) {
		return 0
	}
	b, err := c.f.read(off, uint64(bits/8))
	switch {
	case err != nil || len(b) < bits/8:
		return 0
	case bits == 64:
		return c.f.Order.Uint64(b)
	}
	return uint64(c.f.Order.Uint32(b))
}
