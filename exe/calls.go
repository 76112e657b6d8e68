package exe

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Calls are the direct calls of imported functions that a file's code makes:
// the branches whose target is the function's stub, or its slot in the global
// offset table. Who calls through a pointer of his own is not among them.
type Calls struct {
	// Imports are the functions that the file takes from others, sorted by
	// name; those that nothing calls directly are among them.
	Imports []Import
	// List is sorted by address.
	List []Call
	// Code is how many bytes of code were read.
	Code int64
}

// Import is a function that a file takes from another, or offers in a way
// that another may replace.
type Import struct {
	Name string
	// Defined says that the file holds a function of that name itself.
	Defined      bool
	Calls, Tails int
}

// Call is one branch. In a relocatable object Addr is the offset in the file.
type Call struct {
	Addr   uint64
	Off    int64 // in the file
	Import int   // index in Calls.Imports
	// Tail says that the branch does not come back.
	Tail bool
}

// Uncounted is why the calls in a file can't be counted.
type Uncounted struct {
	// Limit says that a bound was reached; the file's kind is one that is
	// read.
	Limit bool
	Why   string
}

func (e *Uncounted) Error() string { return e.Why }

func uncounted(format string, args ...any) error {
	return &Uncounted{Why: fmt.Sprintf(format, args...)}
}

// Bounds on what counting may cost. A real file stays far below.
const (
	maxSlots     = 1 << 20
	maxStubs     = 1 << 19
	maxCalls     = 1 << 21
	maxCodeParts = 1 << 12

	maxCodeSegments = 64
	maxVeneers      = 1 << 16

	// windowSize is how much code is looked at at a time, and windowLook how
	// many bytes behind a window a decoder may read.
	windowSize = 256 << 10
	windowLook = 64
)

// counter is the state of one count.
type counter struct {
	f     *File
	dyn   map[uint64]uint64
	names []string // of imports, by index
	own   []bool   // defined in the file
	index map[string]int
	slots places          // GOT slots
	early map[uint64]bool // slots that are filled before code runs (GLOB_DAT)
	stubs places          // bit 0: Thumb
	code  []part
	list  []Call
	buf   []byte
	words []uint32 // of the window
	piece int      // windowSize, or less where much is kept of each instruction
}

// places are addresses, each with an import. Once all are there, dense makes
// look-ups cheap.
type places struct {
	of        map[uint64]int
	low, high uint64
	shift     int
	list      []int32 // import + 1
}

func newPlaces() places { return places{of: map[uint64]int{}, low: ^uint64(0)} }

func (p *places) add(addr uint64, of int) {
	p.of[addr] = of
	p.low, p.high = min(p.low, addr), max(p.high, addr)
	p.list = nil
}

// dense spreads the places out in a list, unless they lie far apart.
func (p *places) dense() {
	all := uint64(0)
	for a := range p.of {
		all |= a - p.low
	}
	p.shift = min(bits.TrailingZeros64(all), 32)
	n := (p.high-p.low)>>p.shift + 1
	if len(p.of) == 0 || n > 1<<18+64*uint64(len(p.of)) {
		return
	}
	p.list = make([]int32, n)
	for a, of := range p.of {
		p.list[(a-p.low)>>p.shift] = int32(of) + 1
	}
}

func (p *places) at(addr uint64) (int, bool) {
	if addr < p.low || addr > p.high {
		return 0, false
	}
	if p.list != nil {
		d := addr - p.low
		of := p.list[d>>p.shift]
		return int(of) - 1, of != 0 && d>>p.shift<<p.shift == d
	}
	of, ok := p.of[addr]
	return of, ok
}

// part is a run of code.
type part struct {
	addr   uint64
	off, n int64
}

// window is a piece of a part; b goes on behind it, where the part does.
type window struct {
	addr uint64
	off  int64
	n    int // b[:n] is the window
	b    []byte
}

// Calls counts the direct calls of imported functions. It reads code twice:
// stubs are recognised by their bytes first, then branches by their targets.
// Where the calls of a file can't be counted, the error is an Uncounted.
func (f *File) Calls() (*Calls, error) {
	if err := f.countable(); err != nil {
		return nil, err
	}
	c := f.newCounter()
	if f.Type == TypeRel {
		if err := c.object(); err != nil {
			return nil, err
		}
		return c.result(), nil
	}
	if err := c.ranges(); err != nil {
		return nil, err
	}
	if len(c.code) == 0 {
		return c.result(), nil
	}
	if err := c.imports(); err != nil {
		return nil, err
	}
	if err := c.find(); err != nil {
		return nil, err
	}
	return c.result(), nil
}

func (f *File) newCounter() *counter {
	return &counter{f: f, index: map[string]int{}, slots: newPlaces(), early: map[uint64]bool{}, stubs: newPlaces()}
}

// find finds stubs and calls in code of the file's processor.
func (c *counter) find() error {
	return map[string]func() error{
		"x86": c.x86, "x86-64": c.x86, "arm": c.arm, "aarch64": c.aarch64, "ppc": c.ppc, "ppc64": c.ppc64, "mips": c.mips, "mips64": c.mips,
	}[c.f.Arch]()
}

// countable says why not, if it can be told from the headers.
func (f *File) countable() error {
	switch f.Arch {
	case "x86", "x86-64", "arm", "aarch64", "ppc", "ppc64":
	case "mips", "mips64":
		// MIPS ELF e_flags: EF_MIPS_MICROMIPS, EF_MIPS_ARCH.
		switch {
		case f.Flags&flagM16 != 0 && f.Type != TypeExec:
			return uncounted("MIPS16 code that computes gp is not read")
		case f.Flags&0x02000000 != 0:
			return uncounted("microMIPS code is not read")
		case f.Flags>>28 == 9 || f.Flags>>28 == 10:
			return uncounted("code of MIPS release 6 is not read")
		}
	default:
		return uncounted("calls in code for %s are not read", f.Arch)
	}
	switch f.Type {
	case TypeRel:
		return nil
	case TypeExec, TypeDyn:
	default:
		return uncounted("a file of type %s has no calls to count", TypeName(f.Type))
	}
	if b, err := f.read(0, 1024); err == nil && len(f.Segments) <= 8 && packed(b) {
		return uncounted("packed with UPX")
	}
	if !f.HasDynamic() {
		return uncounted("linked statically: calls name no function")
	}
	return nil
}

// packed tells a file that UPX made by its loader's header, which stands
// behind the program headers.
func packed(b []byte) bool {
	for i := 0; i+4 <= len(b); i += 4 {
		if string(b[i:i+4]) == "UPX!" {
			return true
		}
	}
	return false
}

// name gives the index of an import.
func (c *counter) name(s string, defined bool) int {
	i, ok := c.index[s]
	if !ok {
		i = len(c.names)
		c.index[s] = i
		c.names = append(c.names, s)
		c.own = append(c.own, defined)
	}
	return i
}

func (c *counter) call(addr uint64, off int64, of int, tail bool) {
	c.list = append(c.list, Call{Addr: addr, Off: off, Import: of, Tail: tail})
}

// branch adds a call if the target is a stub.
func (c *counter) branch(addr uint64, off int64, target uint64, tail bool) {
	if i, ok := c.stubs.at(target); ok {
		c.call(addr, off, i, tail)
	}
}

// result sorts what was found.
func (c *counter) result() *Calls {
	order := make([]int, len(c.names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(c.names[a], c.names[b]) })
	out := &Calls{Imports: make([]Import, len(order)), List: c.list}
	place := make([]int, len(order))
	for i, k := range order {
		out.Imports[i] = Import{Name: c.names[k], Defined: c.own[k]}
		place[k] = i
	}
	for i := range out.List {
		l := &out.List[i]
		l.Import = place[l.Import]
		if l.Tail {
			out.Imports[l.Import].Tails++
		} else {
			out.Imports[l.Import].Calls++
		}
	}
	byAddress := func(a, b Call) int { return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Off, b.Off)) }
	if !slices.IsSortedFunc(out.List, byAddress) {
		slices.SortFunc(out.List, byAddress)
	}
	out.Code = c.size()
	return out
}

// size is how much code there is.
func (c *counter) size() (n int64) {
	for _, p := range c.code {
		n += p.n
	}
	return n
}

// each hands out the code window by window. A function that returns fewer
// bytes than the window has gets the rest again.
func (c *counter) each(do func(w *window) (int, error)) error { return c.eachOf(c.code, do) }

func (c *counter) eachOf(parts []part, do func(w *window) (int, error)) error {
	piece := windowSize
	if c.piece > 0 {
		piece = c.piece
	}
	for _, p := range parts {
		if n := int(min(p.n, int64(piece+windowLook))); len(c.buf) < n {
			c.buf = make([]byte, n)
		}
		buf := c.buf[:min(len(c.buf), piece+windowLook)]
		for at := int64(0); at < p.n; {
			b := buf[:min(int64(len(buf)), p.n-at)]
			if n, err := c.f.r.ReadAt(b, p.off+at); n < len(b) {
				return fmt.Errorf("code at %#x: %w", p.off+at+int64(n), err)
			}
			w := &window{addr: p.addr + uint64(at), off: p.off + at, n: min(len(b), piece), b: b}
			n, err := do(w)
			if err != nil {
				return err
			}
			if len(c.list) > maxCalls {
				return &Uncounted{Limit: true, Why: fmt.Sprintf("more than %d calls", maxCalls)}
			}
			if n <= 0 || n > w.n {
				n = w.n
			}
			at += int64(n)
		}
	}
	return nil
}

// eachWord is each for instructions of four bytes: it decodes their order.
// What stands behind the last whole word of a part is no instruction.
func (c *counter) eachWord(big bool, do func(w *window, words []uint32) (int, error)) error {
	return c.eachWordOf(c.code, big, do)
}

func (c *counter) eachWordOf(parts []part, big bool, do func(w *window, words []uint32) (int, error)) error {
	return c.eachOf(parts, func(w *window) (int, error) {
		c.words = wordsOf(c.words, w.b, big)
		k, err := do(w, c.words)
		return k * 4, err
	})
}

// wordsOf decodes the whole words of b. It is a function of its own so that the
// compiler makes it a loop of single instructions.
func wordsOf(words []uint32, b []byte, big bool) []uint32 {
	words = slices.Grow(words[:0], len(b)/4)[:len(b)/4]
	for to := words; len(to) > 0; to, b = to[1:], b[4:] {
		if to[0] = binary.LittleEndian.Uint32(b); big {
			to[0] = bits.ReverseBytes32(to[0])
		}
	}
	return words
}

// number returns how many whole instructions of that size begin in the window.
func (w *window) number(size int) int { return min(w.n, len(w.b)) / size }

// full says that there are too many stubs.
func (c *counter) full() error {
	if len(c.stubs.of) > maxStubs {
		return &Uncounted{Limit: true, Why: fmt.Sprintf("more than %d stubs of imported functions", maxStubs)}
	}
	return nil
}
