package exe

import "slices"

// word reads a pointer that stands in the file where nothing writes after the
// start: in segments that are not writable, and in tables of addresses.
func (a *Arguments) word(addr uint64) (uint64, bool) {
	if n, ok := a.added[addr]; ok {
		return n, true
	}
	if a.writable(addr) && !a.inTable(addr) {
		return 0, false
	}
	off, n, ok := a.f.Offset(addr)
	size := uint64(a.f.Class / 8)
	if !ok || n < size {
		return 0, false
	}
	b, err := a.f.read(off, size)
	if err != nil || uint64(len(b)) < size {
		return 0, false
	}
	if size == 8 {
		return a.f.Order.Uint64(b), true
	}
	return uint64(a.f.Order.Uint32(b)), true
}

// writable says whether code may write at an address once it runs.
func (a *Arguments) writable(addr uint64) bool {
	is := false
	for _, s := range a.f.Segments {
		if addr >= s.VAddr && addr-s.VAddr < s.MemSize {
			if s.Type == segmentRelro {
				return false
			}
			is = is || s.Type == SegmentLoad && s.Flags&FlagW != 0
		}
	}
	return is
}

// inTable tells the slots around what registers hold for the global offset
// table.
func (a *Arguments) inTable(addr uint64) bool {
	switch a.f.Arch {
	case "mips", "mips64", "x86", "ppc", "ppc64":
		return a.got != 0 && addr-a.got+0x8000 < 0x10000
	}
	return false
}

// Text reads the text at an address: up to a zero byte, n bytes at most, from
// a place that nothing writes to. ok is false where there is none.
func (a *Arguments) Text(addr uint64, n int) (text string, off int64, ok bool) {
	at, have, ok := a.f.Offset(addr)
	if !ok || a.writable(addr) {
		return "", 0, false
	}
	b, err := a.f.read(at, min(have, uint64(n)))
	if err != nil {
		return "", 0, false
	}
	if i := slices.Index(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b), int64(at), true
}
