package exe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/wardein/wardein/exe/insn"
)

// Function is a run of code that is one function. Parts that a compiler put
// elsewhere (foo.cold) are functions of their own, as in symbol tables and in
// those for unwinding. Stubs of imported functions are none.
type Function struct {
	// Addr is where it begins, without the bit that says Thumb or MIPS16; in a
	// relocatable object it is the offset in the file, as in Call.
	Addr, Size uint64
	Off        int64 // in the file
	Set        insn.Set
	// Name is what a symbol calls it, "" where none does. Of several the one
	// that binds strongest, then the first by the alphabet.
	Name string
	// By is how it was found: "symbol", "unwind" (.eh_frame), "exidx"
	// (.ARM.exidx), "pdr" (of MIPS), "table" (descriptors, initialisers, the
	// entry point), "call", "pointer" (a word of data), "jump" (from another
	// function), "prologue", or "next": it stands behind one that ends.
	By string
}

// Sources says what Functions may read.
type Sources struct {
	// Stripped leaves out the symbol table (.symtab), as if it had been taken
	// out of the file. What the dynamic linker reads stays.
	Stripped bool
}

// Bounds on what finding functions may cost.
const (
	maxFunctions = 1 << 21
	maxCode      = 1 << 30 // bytes that are looked at
)

// finder is the state of one search.
type finder struct {
	f       *File
	image   *Image
	linked  bool     // branches lead to where they say
	set     insn.Set // of most code
	other   insn.Set // of addresses with bit 0 set: Thumb, MIPS16
	runs    []text
	starts  map[uint64]start
	fresh   []uint64 // starts that were found in code
	list    []Function
	symbols bool
}

// text is a run of code.
type text struct {
	part
	b []byte
	// data has a bit for each two bytes that are known to be no instruction.
	data []uint64
}

// mark notes n bytes at t.b[at:] as data.
func (t *text) mark(at, n int) {
	if at < 0 || n <= 0 || at+n > len(t.b) {
		return
	}
	if t.data == nil {
		t.data = make([]uint64, len(t.b)/128+1)
	}
	for p := at / 2; p < (at+n+1)/2; p++ {
		t.data[p/64] |= 1 << (p % 64)
	}
}

// isData says whether t.b[at] was marked.
func (t *text) isData(at int) bool {
	return t.data != nil && at < len(t.b) && t.data[at/128]>>(at/2%64)&1 != 0
}

// start is where a function begins, and what is known of it.
type start struct {
	by   why
	bit  uint8 // of the address: state it is in, see set; stateUnknown
	rank uint8 // of the symbol that gives the name
	size uint64
	// room is how far the function may go, and no other begins in it.
	room uint64
	name string
}

// why is how a function was found, the surest first.
type why uint8

const (
	bySymbol why = iota + 1
	byUnwind
	byTable
	byPdr
	byExidx
	byCall
	byPointer // those from here on count only where the code agrees
	byWord    // looks like a pointer
	byJump
	byPrologue
	byNext
)

var whys = [...]string{bySymbol: "symbol", byUnwind: "unwind", byTable: "table", byPdr: "pdr", byExidx: "exidx", byCall: "call",
	byPointer: "pointer", byWord: "pointer", byJump: "jump", byPrologue: "prologue", byNext: "next"}

// stateUnknown says that an address does not tell the instruction set.
const stateUnknown = 2

// Functions finds where functions begin and end, sorted by address. Symbols
// say it, where there are any; else tables for unwinding, descriptors,
// pointers and calls, and what stands behind the end of a function. The error
// is an Uncounted where the file's kind is not read.
func (f *File) Functions(by Sources) ([]Function, error) {
	m, err := f.Image()
	linked := err == nil
	if why := (*Uncounted)(nil); f.Type == TypeRel && errors.As(err, &why) {
		m, err = &Image{f: f}, nil
	}
	if err != nil {
		return nil, err
	}
	b := &finder{f: f, image: m, linked: linked, starts: map[uint64]start{}}
	if err := b.prepare(); err != nil {
		return nil, err
	}
	if len(b.runs) == 0 {
		return nil, nil
	}
	if err := b.tables(by); err != nil {
		return nil, err
	}
	b.search()
	return b.list, nil
}

// prepare finds the code and reads it.
func (b *finder) prepare() error {
	f := b.f
	switch f.Arch {
	case "x86":
		b.set = insn.X86
	case "x86-64":
		b.set = insn.X8664
	case "arm":
		b.set, b.other = insn.ARM, insn.Thumb
	case "aarch64":
		b.set = insn.AArch64
	case "mips", "mips64":
		b.set, b.other = insn.MIPS, insn.MIPS16
		if f.Arch == "mips64" {
			b.set = insn.MIPS64
		}
		switch {
		case f.Flags&0x02000000 != 0: // EF_MIPS_MICROMIPS
			return uncounted("microMIPS code is not read")
		case f.Flags>>28 == 9 || f.Flags>>28 == 10:
			return uncounted("code of MIPS release 6 is not read")
		}
	case "ppc":
		b.set = insn.PPC
	case "ppc64":
		b.set = insn.PPC64
	default:
		return uncounted("functions in code for %s are not looked for", f.Arch)
	}
	c := &counter{f: f}
	switch f.Type {
	case TypeRel:
		for i := range f.Sections {
			if s := &f.Sections[i]; s.InFile && s.Flags&SectionExec != 0 && s.Flags&SectionAlloc != 0 && s.Type == SectionProgbits && len(c.code) < maxSections {
				c.code = append(c.code, part{addr: ObjectBase + s.Off, off: int64(s.Off), n: int64(s.Size)})
			}
		}
	case TypeExec, TypeDyn:
		if err := c.ranges(); err != nil {
			return err
		}
	default:
		return uncounted("a file of type %s has no functions to find", TypeName(f.Type))
	}
	slices.SortFunc(c.code, func(a, b part) int { return cmp.Compare(a.addr, b.addr) })
	total, last := int64(0), uint64(0)
	for _, p := range c.code {
		// What overlaps is read once.
		if p.addr < last {
			d := min(last-p.addr, uint64(p.n))
			p = part{p.addr + d, p.off + int64(d), p.n - int64(d)}
		}
		if total += p.n; total > maxCode {
			return &Uncounted{Limit: true, Why: fmt.Sprintf("more than %d bytes of code", maxCode)}
		}
		if p.n <= 0 || p.addr+uint64(p.n) < p.addr {
			continue
		}
		code := b.image.Bytes(p.addr)
		if int64(len(code)) < p.n {
			var err error
			if code, err = f.read(uint64(p.off), uint64(p.n)); err != nil {
				return err
			}
		}
		code = code[:min(int64(len(code)), p.n)]
		last = p.addr + uint64(p.n)
		b.runs = append(b.runs, text{part: p, b: code})
	}
	return nil
}

// at finds the run that an address is in, and where in it.
func (b *finder) at(addr uint64) (*text, int) {
	i, ok := slices.BinarySearchFunc(b.runs, addr, func(t text, a uint64) int { return cmp.Compare(t.addr, a) })
	if !ok {
		i--
	}
	if i < 0 || addr-b.runs[i].addr >= uint64(len(b.runs[i].b)) {
		return nil, 0
	}
	return &b.runs[i], int(addr - b.runs[i].addr)
}

// add notes a start. Bit 0 of the address says the state where the processor
// has two, unless the state is unknown.
func (b *finder) add(addr uint64, s start) {
	addr = b.f.addr(addr)
	if s.bit != stateUnknown {
		s.bit = uint8(addr & 1)
	}
	if b.other != insn.None {
		addr &^= 1
	} else {
		s.bit = 0
	}
	if t, _ := b.at(addr); t == nil || b.other == insn.None && b.aligned() > 1 && addr%4 != 0 || b.set == insn.ARM && s.bit == 0 && addr&2 != 0 {
		return
	}
	old, ok := b.starts[addr]
	switch {
	case !ok:
		if len(b.starts) >= maxFunctions {
			return
		}
	case old.by < s.by:
		old, s = s, old
		fallthrough
	default:
		// The surer one counts, the other completes it.
		if s.size == 0 {
			s.size = old.size
		}
		if s.room == 0 {
			s.room = old.room
		}
		if s.bit == stateUnknown && old.by != byWord {
			s.bit = old.bit
		}
		if old.name != "" && (s.name == "" || old.rank > s.rank || old.rank == s.rank && old.name < s.name) {
			s.name, s.rank = old.name, old.rank
		}
	}
	b.starts[addr] = s
}

// aligned is what addresses of instructions are multiples of.
func (b *finder) aligned() uint64 {
	switch {
	case b.set == insn.X86 || b.set == insn.X8664:
		return 1
	case b.other != insn.None:
		return 2
	}
	return 4
}
