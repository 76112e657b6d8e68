package exe

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/wardein/wardein/exe/insn"
)

// maxImage bounds how many bytes of a file an Image keeps in memory. The
// largest programs and kernels of equipment have a tenth of it.
const maxImage = 512 << 20

// Image is the memory that an ELF file describes before it runs, and what the
// dynamic linker will put where. The file's bytes are kept once, however many
// segments load them.
//
// A relocatable object is linked first: its sections stand ObjectBase behind
// their offsets in the file, and each symbol of another file has an address
// behind them.
type Image struct {
	f     *File
	areas []area  // sorted by address, not overlapping
	relro []area  // without bytes
	words []word  // sorted by address
	named []named // sorted by address
	base  uint64
	table uint64

	// Of relocatable objects: the symbols of other files, of which each has
	// stride bytes from foreign on.
	others          []string
	foreign, stride uint64
}

// area is a run of memory; behind its bytes it is zero.
type area struct {
	addr, size uint64
	b          []byte
	written    bool
}

// word is a word of memory that the dynamic linker fills in.
type word struct {
	addr uint64
	p    Pointer
}

// named is a stub of an imported function, or an object that the dynamic
// linker copies from another file.
type named struct {
	addr uint64
	name string
}

// Pointer is what a word of memory is going to hold: the address To, or that
// of the symbol Name of another file plus To.
type Pointer struct {
	Name string
	To   uint64
}

// Image reads what the file's segments load. It fails where the file can't be
// read, or where it loads more than 512 MiB; tables that contradict themselves
// leave words and names out.
func (f *File) Image() (*Image, error) {
	m := &Image{f: f}
	if f.Type == TypeRel {
		return m, m.link()
	}
	if err := m.load(); err != nil {
		return nil, err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		symbols = nil
	}
	tags, err := f.dynamicTags()
	if err != nil {
		return nil, err
	}
	m.relocations(tags, symbols)
	m.table = tags[dynPltgot]
	m.findBase(tags)
	m.stubs()
	slices.SortStableFunc(m.words, func(a, b word) int { return cmp.Compare(a.addr, b.addr) })
	m.words = slices.CompactFunc(m.words, func(a, b word) bool { return a.addr == b.addr })
	m.sortNames()
	return m, nil
}

func (m *Image) sortNames() {
	slices.SortStableFunc(m.named, func(a, b named) int { return cmp.Compare(a.addr, b.addr) })
	m.named = slices.CompactFunc(m.named, func(a, b named) bool { return a.addr == b.addr })
}

// load reads the segments. Where two overlap in memory, the first counts.
func (m *Image) load() error {
	f := m.f
	low, high := ^uint64(0), uint64(0)
	var loads []Segment
	for _, s := range f.Segments {
		switch {
		case s.Type == segmentRelro && s.VAddr+s.MemSize >= s.VAddr:
			m.relro = append(m.relro, area{addr: s.VAddr, size: s.MemSize})
		case s.Type != SegmentLoad || s.FileSize != 0 && !s.InFile || s.MemSize == 0 && s.FileSize == 0 || s.VAddr+max(s.MemSize, s.FileSize) < s.VAddr:
		default:
			loads = append(loads, s)
			if s.FileSize != 0 {
				low, high = min(low, s.Off), max(high, s.Off+s.FileSize)
			}
		}
	}
	if high <= low {
		return nil
	}
	if high-low > maxImage {
		return &Uncounted{Limit: true, Why: fmt.Sprintf("segments of %d bytes, the limit is %d", high-low, uint64(maxImage))}
	}
	all, err := f.read(low, high-low)
	if err != nil {
		return err
	}
	slices.SortStableFunc(loads, func(a, b Segment) int { return cmp.Compare(a.VAddr, b.VAddr) })
	end := uint64(0)
	for _, s := range loads {
		a := area{addr: s.VAddr, size: max(s.MemSize, s.FileSize), written: s.Flags&FlagW != 0}
		if s.FileSize != 0 {
			a.b = all[s.Off-low:][:s.FileSize:s.FileSize]
		}
		if cut := end - min(end, a.addr); cut > 0 {
			if cut >= a.size {
				continue
			}
			a.addr, a.size, a.b = a.addr+cut, a.size-cut, a.b[min(cut, uint64(len(a.b))):]
		}
		end = a.addr + a.size
		m.areas = append(m.areas, a)
	}
	return nil
}

// find is the area of an address, nil for none.
func (m *Image) find(addr uint64) *area {
	// A file has a handful of areas.
	low, high := 0, len(m.areas)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if m.areas[mid].addr <= addr {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 || addr-m.areas[low-1].addr >= m.areas[low-1].size {
		return nil
	}
	return &m.areas[low-1]
}

// Holds says whether the program has memory at an address.
func (m *Image) Holds(addr uint64) bool { return m.find(addr) != nil }

// Bytes are the file's bytes from an address to the end of the area that it
// is in; none where memory is zero at first, or not there.
func (m *Image) Bytes(addr uint64) []byte {
	a := m.find(addr)
	if a == nil || addr-a.addr >= uint64(len(a.b)) {
		return nil
	}
	return a.b[addr-a.addr:]
}

// Left is how many bytes of memory there are from an address on, in the file
// or zero at first.
func (m *Image) Left(addr uint64) uint64 {
	if a := m.find(addr); a != nil {
		return a.size - (addr - a.addr)
	}
	return 0
}

// Written says whether code may write at an address once it runs: after the
// dynamic linker is done.
func (m *Image) Written(addr uint64) bool {
	a := m.find(addr)
	if a == nil || !a.written {
		return false
	}
	for i := range m.relro {
		if addr-m.relro[i].addr < m.relro[i].size {
			return false
		}
	}
	return true
}

// Read returns the number of n bytes (1, 2, 4, 8) at an address, as
// insn.Code.Read does: 0 where memory is zero at first.
func (m *Image) Read(addr uint64, n int) (uint64, bool) {
	b := m.Bytes(addr)
	if len(b) == 0 && n > 0 && m.Left(addr) >= uint64(n) {
		return 0, true
	}
	if len(b) < n {
		return 0, false
	}
	switch n {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(m.f.Order.Uint16(b)), true
	case 4:
		return uint64(m.f.Order.Uint32(b)), true
	case 8:
		return m.f.Order.Uint64(b), true
	}
	return 0, false
}

// Text is the zero-terminated text at an address that nothing writes to,
// without the zero: printable ASCII, UTF-8's bytes and the usual controls. It
// is nil where anything else stands, or nothing.
func (m *Image) Text(addr uint64) []byte {
	if m.Written(addr) {
		return nil
	}
	b := m.Bytes(addr)
	n := bytes.IndexByte(b[:min(len(b), maxString)], 0)
	if n <= 0 {
		return nil
	}
	for _, c := range b[:n] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != 0x1b || c == 0x7f {
			return nil
		}
	}
	return b[:n]
}

// Import is the name of the function that a stub at addr jumps to, or of the
// object of another file that the dynamic linker copies there. In a relocatable
// object it is the symbol of another file, with the distance from it, if any.
func (m *Image) Import(addr uint64) string {
	if n := addr - m.foreign; m.stride != 0 && n < uint64(len(m.others))*m.stride {
		if name, d := m.others[n/m.stride], n%m.stride; d != 0 {
			return fmt.Sprintf("%s+%d", name, d)
		} else {
			return name
		}
	}
	i, ok := slices.BinarySearchFunc(m.named, addr, func(n named, at uint64) int { return cmp.Compare(n.addr, at) })
	if !ok {
		return ""
	}
	return m.named[i].name
}

// Pointer is what the dynamic linker puts into the word at an address; ok is
// false where it puts nothing there.
func (m *Image) Pointer(addr uint64) (p Pointer, ok bool) {
	i, ok := slices.BinarySearchFunc(m.words, addr, func(w word, at uint64) int { return cmp.Compare(w.addr, at) })
	if !ok {
		return p, false
	}
	return m.words[i].p, true
}

// Pointers are the addresses of the words from one address up to another that
// the dynamic linker fills in, with what it puts there.
func (m *Image) Pointers(from, to uint64, each func(addr uint64, p Pointer)) {
	i, _ := slices.BinarySearchFunc(m.words, from, func(w word, at uint64) int { return cmp.Compare(w.addr, at) })
	for ; i < len(m.words) && m.words[i].addr < to; i++ {
		each(m.words[i].addr, m.words[i].p)
	}
}

// Code is what decoding the file's code takes.
func (m *Image) Code(set insn.Set) insn.Code {
	f := m.f
	return insn.Code{Set: set, Order: f.Order, Base: m.base, Read: m.Read,
		Swapped: f.Arch == "arm" && f.Order.Uint16([]byte{0, 1}) == 1 && f.Flags&flagBE8 == 0}
}

// Table is the address of the global offset table, which code forms to count
// from it; 0 where no tag says it.
func (m *Image) Table() uint64 { return m.table }

// findBase finds what position-independent code counts from (insn.Code.Base).
func (m *Image) findBase(tags map[uint64]uint64) {
	f := m.f
	switch f.Arch {
	case "x86":
		if m.base = tags[dynPltgot]; m.base == 0 {
			if s := f.Section(".got.plt"); s != nil {
				m.base = s.Addr
			} else if s := f.Section(".got"); s != nil {
				m.base = s.Addr
			}
		}
	case "mips", "mips64":
		if tags[dynPltgot] != 0 {
			m.base = f.addr(tags[dynPltgot] + 0x7ff0)
		} else if s := f.Section(".got"); s != nil {
			m.base = f.addr(s.Addr + 0x7ff0) // static
		}
	case "ppc":
		m.base = tags[dynPPCGot]
	case "ppc64":
		c := &counter{f: f}
		a := &Arguments{f: f}
		if c.ranges() == nil && a.findTOC(c) == nil {
			m.base = a.toc
		}
	}
}

// stubs names the stubs of imported functions. Where the calls of a file
// can't be counted, those that were found so far stay.
func (m *Image) stubs() {
	if m.f.countable() != nil {
		return
	}
	c := m.f.newCounter()
	if c.ranges() != nil || len(c.code) == 0 || c.imports() != nil {
		return
	}
	_ = c.find() // an Uncounted says that some are not known
	for at, of := range c.stubs.of {
		if m.f.Arch == "arm" {
			at &^= 1
		}
		m.named = append(m.named, named{at, c.names[of]})
	}
}
