package exe

import "slices"

const (
	dynRelrsz = 35
	dynRelr   = 36
)

// wordTypes are the relocations of whole words, by each processor's ABI.
// Those that aren't listed (of threads' own data, of functions that are chosen
// at the start) leave the symbol's name, or nothing.
var wordTypes = map[string]struct{ relative, copied, chosen uint32 }{
	"x86": {8, 5, 42}, "x86-64": {8, 5, 37}, "arm": {23, 20, 160}, "aarch64": {1027, 1024, 1032},
	"ppc": {22, 19, 248}, "ppc64": {22, 19, 248}, "mips": {3, 126, 0}, "mips64": {3, 126, 0},
}

// relocations reads what the dynamic linker puts where.
//
// Sources: System V gABI, chapters 4 and 5, "Relocation" and "SHT_RELR"; the
// processors' supplements.
func (m *Image) relocations(tags map[uint64]uint64, symbols []Symbol) {
	f := m.f
	types := wordTypes[f.Arch]
	mips := f.Machine == machineMIPS
	seen := 0
	for _, t := range []struct {
		at, size uint64
		addend   bool
	}{
		{tags[dynRela], tags[dynRelasz], true},
		{tags[dynRel], tags[dynRelsz], false},
		{tags[dynJmprel], tags[dynPltrelsz], tags[dynPltrel] == dynRela},
	} {
		off, have, ok := f.Offset(t.at)
		if !ok || t.at == 0 {
			continue
		}
		// What can't be read, or is more than the bound, is left out.
		_ = f.relocEntries(off, min(t.size, have), t.addend, &seen, func(at uint64, symbol, typ uint32, addend uint64) {
			if mips {
				typ &= 0xff
			}
			if !t.addend && typ != types.copied {
				addend, _ = m.Read(at, f.Class/8)
			}
			switch {
			case typ == types.relative && symbol == 0 || typ == types.chosen && types.chosen != 0:
				m.words = append(m.words, word{at, Pointer{To: f.addr(addend)}})
			case int64(symbol) >= int64(len(symbols)) || symbol == 0:
			case typ == types.copied:
				m.named = append(m.named, named{at, symbols[symbol].Name})
			default:
				if !t.addend && (typ == slotTypes[f.Arch][0] || typ == slotTypes[f.Arch][1]) {
					addend = 0 // the word leads to the stub
				}
				m.words = append(m.words, word{at, f.symbolPointer(&symbols[symbol], addend)})
			}
		})
	}
	m.relr(tags[dynRelr], tags[dynRelrsz])
	if mips {
		m.globalGOT(tags, symbols)
	}
}

// symbolPointer is a symbol's address: its own file's, else its name.
func (f *File) symbolPointer(s *Symbol, addend uint64) Pointer {
	if s.Section != 0 {
		return Pointer{To: f.addr(s.Value + addend)}
	}
	return Pointer{Name: s.Name, To: f.addr(addend)}
}

// relr reads packed relative relocations: an address, then bit sets of the
// words behind it.
func (m *Image) relr(at, size uint64) {
	f := m.f
	off, have, ok := f.Offset(at)
	if !ok || at == 0 {
		return
	}
	n := uint64(f.Class / 8)
	b, err := f.read(off, min(size, have, maxRelocs))
	if err != nil {
		return
	}
	next := uint64(0)
	add := func(at uint64) {
		if v, ok := m.Read(at, int(n)); ok && len(m.words) < maxRelocs {
			m.words = append(m.words, word{at, Pointer{To: v}})
		}
	}
	for ; uint64(len(b)) >= n; b = b[n:] {
		x := f.Order.Uint32
		entry := uint64(0)
		if n == 8 {
			entry = f.Order.Uint64(b)
		} else {
			entry = uint64(x(b))
		}
		if entry&1 == 0 {
			add(entry)
			next = entry + n
			continue
		}
		for i, bits := uint64(0), entry>>1; bits != 0; i, bits = i+1, bits>>1 {
			if bits&1 != 0 {
				add(f.addr(next + i*n))
			}
		}
		next += n * (8*n - 1)
	}
}

// globalGOT fills the words that MIPS needs no relocation for: the last
// symbols have one each, behind the local ones, which hold addresses already
// (MIPS psABI, chapter 5, "Global Offset Table").
func (m *Image) globalGOT(tags map[uint64]uint64, symbols []Symbol) {
	f := m.f
	n := uint64(f.Class / 8)
	got, local, first := tags[dynPltgot], min(tags[dynMIPSLocalGot], maxSlots), tags[dynMIPSGotSymbol]
	if got == 0 {
		return
	}
	for i := uint64(2); i < local; i++ {
		if v, ok := m.Read(got+i*n, int(n)); ok {
			m.words = append(m.words, word{got + i*n, Pointer{To: v}})
		}
	}
	for i := first; i < uint64(len(symbols)); i++ {
		m.words = append(m.words, word{f.addr(got + (local+i-first)*n), f.symbolPointer(&symbols[i], 0)})
	}
	m.relro = slices.Grow(m.relro, 1)
	m.relro = append(m.relro, area{addr: got, size: (local + uint64(len(symbols)) - min(first, uint64(len(symbols)))) * n})
}
