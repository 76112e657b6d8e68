package exe

import "fmt"

// branchTypes are the relocations of branches, by machine.
var branchTypes = map[string][]uint32{
	"x86": {2, 4, 3, 43}, "x86-64": {2, 4, 9, 41, 42}, "arm": {1, 10, 27, 28, 29, 30, 51}, "aarch64": {280, 282, 283},
	"ppc": {10, 11, 18, 23}, "ppc64": {10, 11, 116}, "mips": {4, 37}, "mips64": {4, 37},
}

// object counts the calls in a relocatable object or kernel module: a branch
// to a function of another file has a relocation, since only the linker or the
// kernel knows where that is.
func (c *counter) object() error {
	f := c.f
	symbols, err := f.objectSymbols()
	if err != nil {
		return err
	}
	wanted := map[uint32]bool{}
	for _, t := range branchTypes[f.Arch] {
		wanted[t] = true
	}
	seen, total := 0, uint64(0)
	for i := range f.Sections {
		code := &f.Sections[i]
		if code.InFile && code.Flags&SectionExec != 0 && code.Flags&SectionAlloc != 0 && code.Type == SectionProgbits {
			c.code = append(c.code, part{addr: code.Off, off: int64(code.Off), n: int64(code.Size)})
			if total += code.Size; total > uint64(f.size) {
				return &Uncounted{Limit: true, Why: fmt.Sprintf("sections of code of %d bytes, file has %d bytes", total, f.size)}
			}
		}
	}
	read := map[uint32]bool{} // a section has one table of relocations
	if len(c.code) > 0 && len(symbols) == 0 {
		return uncounted("an object without a symbol table: calls name no function")
	}
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type != SectionRel && s.Type != SectionRela || !s.InFile || int64(s.Info) >= int64(len(f.Sections)) {
			continue
		}
		code := &f.Sections[s.Info]
		if code.Flags&SectionExec == 0 || !code.InFile || read[s.Info] {
			continue
		}
		read[s.Info] = true
		if err := c.objectCalls(s, code, symbols, wanted, &seen); err != nil {
			return err
		}
	}
	return nil
}

// objectCalls counts the branches of one section.
func (c *counter) objectCalls(s, code *Section, symbols []Symbol, wanted map[uint32]bool, seen *int) error {
	f := c.f
	names := map[uint64]int{} // of registers that a relocation fills (MIPS)
	jumps := map[uint64]bool{}
	// Relocations go through code in order: what they point to is read in
	// pieces. Where they don't, it is read byte by byte.
	var piece []byte
	from, pieces := uint64(0), code.Size>>15+4
	at := func(off uint64, n uint64) ([]byte, error) {
		if off < from || off+n > from+uint64(len(piece)) {
			from = off
			length := n
			if pieces > 0 {
				pieces--
				length = 64 << 10
			}
			var err error
			if piece, err = f.read(code.Off+off, min(length, code.Size-off)); err != nil {
				return nil, err
			}
		}
		return piece[off-from : min(off-from+n, uint64(len(piece)))], nil
	}
	var failed error
	err := f.relocTable(s.Off, s.Size, s.Type == SectionRela, seen, func(off uint64, symbol, typ uint32) {
		if symbol == 0 || int64(symbol) >= int64(len(symbols)) || off > code.Size || code.Size-off < 4 || failed != nil {
			return
		}
		sym := &symbols[symbol]
		if sym.Section != 0 || sym.Name == "" {
			return
		}
		if f.Machine == machineMIPS && (typ == 6 || typ == 11 || typ == 31) && len(names) < maxSlots { // LO16, CALL16, CALL_LO16
			names[code.Off+off] = c.name(sym.Name, false)
		}
		if !wanted[typ] {
			return
		}
		before := min(off, 2)
		b, err := at(off-before, before+4)
		if err != nil || len(b) < int(before)+4 {
			failed = err
			return
		}
		if back, tail, ok := f.objectBranch(b, int(before), typ); ok {
			if f.Machine == machineMIPS {
				jumps[code.Off+off-back] = true
			}
			if len(c.list) >= maxCalls {
				failed = &Uncounted{Limit: true, Why: fmt.Sprintf("more than %d calls", maxCalls)}
				return
			}
			c.call(code.Off+off-back, int64(code.Off+off-back), c.name(sym.Name, false), tail)
		}
	})
	if err != nil || failed != nil || len(names) == 0 {
		return errorOf(err, failed)
	}
	return c.objectFlow(code, names, jumps)
}

func errorOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// objectBranch says whether there is a branch where a relocation points to,
// b[at:], how far before it begins, and of which kind it is.
func (f *File) objectBranch(b []byte, at int, typ uint32) (back uint64, tail, ok bool) {
	x := f.Order.Uint32(b[at:])
	switch f.Arch {
	case "x86", "x86-64":
		if at == 0 {
			return 0, false, false
		}
		op, first := b[at-1], b[max(at, 2)-2]
		direct := typ == 2 || typ == 4
		switch {
		case direct && (op == 0xe8 || op == 0xe9):
			return 1, op == 0xe9, true
		case direct && at > 1 && first == 0x0f && op&0xf0 == 0x80:
			return 2, true, true
		case !direct && at > 1 && first == 0xff && (op == 0x15 || op == 0x25 || f.Arch == "x86" && (op&0xf8 == 0x90 || op&0xf8 == 0xa0)):
			return 2, op == 0x25 || op&0xf8 == 0xa0, true
		}
		return 0, false, false
	case "arm":
		switch typ {
		case 10:
			return 0, false, true
		case 30, 51:
			return 0, true, true
		}
		return 0, x>>28 != 15 && x>>24&1 == 0, true
	case "aarch64":
		return 0, typ != 283, true
	case "ppc", "ppc64":
		return 0, x&1 == 0, true
	}
	if typ == 4 { // j, jal
		return 0, x>>26 == 2, true
	}
	return 0, x>>26 == 4 || x>>26 == 0 && x&0x3f == 8, true
}

// objectFlow follows addresses that relocations put into registers: kernel
// modules on MIPS call that way.
func (c *counter) objectFlow(code *Section, names map[uint64]int, jumps map[uint64]bool) error {
	whole, found := c.code, len(c.list)
	c.code = []part{{addr: code.Off, off: int64(code.Off), n: int64(code.Size)}}
	load := uint32(35)
	if c.f.Is64() {
		load = 55
	}
	fl := &flow{c: c, load: load, names: names}
	err := c.flows(fl)
	c.code = whole
	// A jump that has a relocation of its own is counted already.
	list := c.list[:found]
	for _, x := range c.list[found:] {
		if !jumps[x.Addr] {
			list = append(list, x)
		}
	}
	c.list = list
	return err
}

// objectSymbols reads the symbol table of a relocatable object; entry 0 is
// the empty one, as relocations count.
func (f *File) objectSymbols() ([]Symbol, error) {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type != SectionSymtab || !s.InFile || int64(s.Link) >= int64(len(f.Sections)) {
			continue
		}
		t := &f.Sections[s.Link]
		if !t.InFile || t.Type != SectionStrtab {
			return nil, fmt.Errorf("symbol table at %#x: section %d is no string table", s.Off, s.Link)
		}
		return f.symbols(Place{int64(s.Off), int64(s.Size)}, Place{int64(t.Off), int64(t.Size)})
	}
	return nil, nil
}
