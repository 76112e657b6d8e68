package function

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/exe/insn"
)

// kind is what an operand points at.
type kind uint8

const (
	kindNone     kind = iota
	kindNumber        // n: nothing of the program is there
	kindImport        // n: hash of the name
	kindText          // n: hash of the text
	kindFunction      // n: index
	kindInside        // n: index, more: bytes from where it begins
	kindData          // n: index in objects, never written
	kindSlot          // n: index in objects, written
	kindCode          // n: index in objects; code that is in no function
	kindTable         // n: index in tables
)

// operand is what an instruction points at.
type operand struct {
	addr uint64
	n    uint64
	more uint32
	at   int32 // index of the instruction
	kind kind
	// through says that the instruction has the address from a word that the
	// dynamic linker fills in.
	through bool
	to      bool // where it leads, not what it reads
	odd     bool // bit 0 of the address says which instruction set is there
	table   bool // a table of jumps may be there
}

// object is data from an address that something points at up to the next.
type object struct {
	addr, size uint64
	hash       uint64 // of what it is, without which functions it points at
	kind       kind   // kindText, kindData, kindSlot, kindCode
	text       int32  // length of the text that it is
}

// table is a table of jumps: entries that lead into the function that reads it.
type table struct {
	addr, size uint64
	function   int32
	hash       uint64
}

// Hashes are told from chosen ones by a number that nobody knows before.
var (
	seed  = maphash.MakeSeed()
	salt  = maphash.Comparable(seed, 1) | 1
	salt2 = maphash.Comparable(seed, 2) | 1
)

// mix adds a number to a hash.
func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v^salt, salt2^bits.RotateLeft64(v, 32))
	return hi ^ lo + v
}

// bin spreads out a number; it is the same in every run.
func bin(v uint64, n uint64) uint64 { return v * 0x9e3779b97f4a7c15 >> 40 % n }

// decode decodes one function: it hashes what needs no address and keeps what
// does.
func (r *reader) decode(i int32) {
	f := &r.Functions[i]
	c := r.code(f.Set)
	code := r.bytes(f)
	r.list = r.trim(c, f, c.Decode(code, f.Addr, r.list[:0]))
	if n := len(r.list); n == 0 {
		f.Size = 0
	} else {
		last := &r.list[n-1]
		f.Size = last.Addr + uint64(last.Len) - f.Addr
	}
	if len(r.index) < len(code) {
		r.index = make([]int32, max(len(code), 64<<10))
	}
	for k := range r.list {
		r.index[r.list[k].Addr-f.Addr] = int32(k)
	}
	f.Instructions, f.Blocks = len(r.list), 1
	f.from = int32(len(r.operands))
	h, shape, ops, last, branches := mix(salt, uint64(f.Set)), salt, salt, uint64(0), uint64(0)
	for k := range r.list {
		in := &r.list[k]
		if in.Flow == insn.Data || in.Flow == insn.Bad {
			// Literals are compared where they are read.
			if h = mix(h, uint64(in.Len)); in.Flow == insn.Bad || in.Len > 8 {
				h = mix(h, maphash.Bytes(seed, code[in.Addr-f.Addr:][:in.Len]))
			}
		} else {
			ops = mix(ops, uint64(in.Op))
			f.bins[bin(uint64(in.Op), opBins)]++
			f.bins[opBins+bin(uint64(in.Op)|last<<16|1<<40, pairBins)]++
			last = uint64(in.Op)
			if in.Flow != insn.Next {
				branches++
			}
		}
		form := uint64(in.Op)<<8 | uint64(in.Flow)<<4
		if in.To != 0 {
			if at, ok := r.inside(f, in.To); ok {
				form |= at<<32 | 1
				shape = mix(shape, uint64(in.Flow)|at<<32)
				f.Blocks++
			} else {
				form |= 2
				shape = mix(shape, uint64(in.Flow)|branches<<32)
				r.operands = append(r.operands, operand{addr: in.To, at: int32(k), to: true})
			}
		}
		if in.Ref != 0 {
			if at, ok := r.inside(f, in.Ref); ok {
				form |= 4
				h = mix(h, at)
			} else {
				form |= 8
				r.operands = append(r.operands, operand{addr: in.Ref, at: int32(k), table: true})
			}
		}
		h = mix(mix(h, in.Word), form)
	}
	for _, n := range f.bins {
		f.binned += uint32(n)
	}
	f.to = int32(len(r.operands))
	f.skeleton, f.shape, f.ops = h, shape, ops
}

// inside is where an address is in the function itself: which instruction, and
// how far in it.
func (r *reader) inside(f *Function, addr uint64) (uint64, bool) {
	if r.compact && addr&1 == 1 && f.Addr&1 == 0 {
		addr--
	}
	d := addr - f.Addr
	if d >= f.Size {
		return 0, false
	}
	k := uint64(r.index[d])
	if k < uint64(len(r.list)) && r.list[k].Addr == addr {
		return k, true
	}
	n, _ := slices.BinarySearchFunc(r.list, addr, func(in insn.Inst, at uint64) int { return cmp.Compare(in.Addr, at+1) })
	return uint64(n-1) | (addr-r.list[n-1].Addr)<<24 | 1<<31, true
}

// likely says whether a number in a file with fixed addresses is likely one
// of them.
func (r *reader) likely(v uint64) bool {
	return r.file.Type == exe.TypeExec && v >= 0x1000 && r.image.Holds(v)
}

// trim leaves out what stands behind the last instruction for alignment alone.
func (r *reader) trim(c *insn.Code, f *Function, list []insn.Inst) []insn.Inst {
	idle := r.idle[f.Set]
	if idle == nil {
		idle = new([1 << 16]int8)
		r.idle[f.Set] = idle
	}
	for n := len(list); n > 1; n-- {
		in := &list[n-1]
		switch in.Flow {
		case insn.Next, insn.Stop:
			if idle[in.Op] == 0 {
				idle[in.Op] = 1
				switch name := c.Name(in.Op); {
				case name == "nop" || name == "int3" || name == "xchg" && in.Len <= 2:
					idle[in.Op] = 2
				case name == "ori": // of PowerPC, where nothing is in another operand
					idle[in.Op] = 3
				}
			}
			if idle[in.Op] == 1 || idle[in.Op] == 3 && r.file.Order.Uint32(r.bytes(f)[in.Addr-f.Addr:]) != 0x60000000 {
				return list[:n]
			}
		case insn.Data, insn.Bad:
			for _, x := range r.bytes(f)[in.Addr-f.Addr:][:in.Len] {
				if x != 0 {
					return list[:n]
				}
			}
		default:
			return list[:n]
		}
		// Padding can't be run into: what is before must not go on.
		switch list[n-2].Flow {
		case insn.Jump, insn.Return, insn.IndirectJump, insn.Stop, insn.Data, insn.Bad, insn.Next, insn.Call:
		default:
			return list[:n]
		}
	}
	return list
}

// findObjects divides data at all addresses that something points at.
func (r *reader) findObjects() {
	var at []uint64
	add := func(addr uint64) {
		if i := r.before(addr); i >= 0 && addr-r.Functions[i].Addr < r.Functions[i].Size {
			return
		}
		if r.image.Holds(addr) {
			at = append(at, addr)
		}
	}
	for i := range r.operands {
		add(r.code1(r.operands[i].addr))
	}
	r.image.Pointers(0, ^uint64(0), func(_ uint64, p exe.Pointer) {
		if p.Name == "" {
			add(r.code1(p.To))
		}
	})
	ends := r.sections()
	at = append(at, ends...)
	slices.Sort(at)
	at = slices.Compact(at)
	if r.file.Type == exe.TypeExec {
		// Pointers in data need no relocation where addresses are fixed; those
		// in what code points at are found.
		n := len(at)
		for i := range n {
			end := at[i] + min(r.image.Left(at[i]), 1<<16)
			if i+1 < n {
				end = min(end, at[i+1])
			}
			if k := r.before(at[i]); k >= 0 && i+1 < n && k+1 < int32(len(r.Functions)) {
				end = min(end, max(at[i], r.Functions[k+1].Addr))
			}
			size := uint64(r.file.Class / 8)
			for a := (at[i] + size - 1) &^ (size - 1); a+size <= end && len(at) < maxOperands; a += size {
				v, ok := r.image.Read(a, int(size))
				if !ok {
					break
				}
				if r.likely(v) {
					add(r.code1(v))
				}
			}
		}
		slices.Sort(at)
		at = slices.Compact(at)
	}
	r.objects = make([]object, len(at))
	got := r.slots()
	for i, a := range at {
		o := &r.objects[i]
		o.addr, o.size = a, r.image.Left(a)
		if i+1 < len(at) {
			o.size = min(o.size, at[i+1]-a)
		}
		if k := r.before(a) + 1; k < int32(len(r.Functions)) {
			o.size = min(o.size, r.Functions[k].Addr-a)
		}
		if got(a) {
			o.size = min(o.size, uint64(r.file.Class/8))
		}
	}
}

// odd says whether bit 0 of an address tells the instruction set of a function.
func (r *reader) odd(addr uint64) bool { return r.code1(addr) != addr }

// code1 is an address without the bit that tells the instruction set.
func (r *reader) code1(addr uint64) uint64 {
	if r.compact && addr&1 == 1 && r.at(addr-1) >= 0 {
		return addr - 1
	}
	return addr
}

// sections are the addresses at which sections of memory begin and end: no
// object goes on there.
func (r *reader) sections() (at []uint64) {
	for i := range r.file.Sections {
		s := &r.file.Sections[i]
		addr := s.Addr
		if r.file.Type == exe.TypeRel {
			addr = exe.ObjectBase + s.Off
		}
		if s.Flags&exe.SectionAlloc != 0 && s.Flags&exe.SectionExec == 0 && addr != 0 && len(at) < 2*maxSections {
			at = append(at, addr, addr+s.Size)
			if s.Flags&exe.SectionWrite != 0 {
				r.ends[addr+s.Size] = s.Name
			}
		}
	}
	return at
}

// maxSections bounds the sections that divide data.
const maxSections = 1 << 16

// slots tells the words of global offset tables.
func (r *reader) slots() func(uint64) bool {
	var list []*exe.Section
	for i := range r.file.Sections {
		if s := &r.file.Sections[i]; (s.Name == ".got" || s.Name == ".got2" || s.Name == ".got.plt" || s.Name == ".toc") && s.Addr != 0 {
			list = append(list, s)
		}
	}
	return func(addr uint64) bool {
		for _, s := range list {
			if addr-s.Addr < s.Size {
				return true
			}
		}
		return false
	}
}

// objectAt is the index of the object that begins at an address.
func (r *Program) objectAt(addr uint64) (int, bool) {
	return slices.BinarySearchFunc(r.objects, addr, func(o object, at uint64) int { return cmp.Compare(o.addr, at) })
}

// content are an object's bytes in the file.
func (p *Program) content(o *object) []byte {
	b := p.image.Bytes(o.addr)
	return b[:min(uint64(len(b)), o.size)]
}

// shortText is the length below which a text may be a number by chance.
const shortText = 4

// describe finds out what an object is.
func (r *reader) describe(o *object) {
	if o.kind != kindNone {
		return
	}
	b := r.content(o)
	switch {
	case r.image.Written(o.addr):
		o.kind = kindSlot
		return
	case r.inCode(o.addr):
		o.kind = kindCode
		return
	}
	o.kind = kindData
	if text := r.image.Text(o.addr); text != nil {
		rest := b[min(len(text)+1, len(b)):]
		if len(text) >= shortText || len(bytes.TrimLeft(rest, "\x00")) == 0 && len(rest) < 16 {
			o.kind, o.text = kindText, int32(len(text))
			o.hash = maphash.Bytes(seed, text)
			return
		}
	}
	h := mix(salt, o.size)
	r.words(o, func(w []byte, p exe.Pointer, is bool) {
		switch {
		case !is:
			h = mix(h, maphash.Bytes(seed, w))
		case p.Name != "":
			h = mix(h, maphash.String(seed, p.Name)+p.To)
		default:
			to := r.code1(p.To)
			h = mix(h, 3)
			if r.at(to) >= 0 {
				h = mix(h, 1)
			} else if t := r.image.Text(to); t != nil {
				h = mix(h, maphash.Bytes(seed, t))
			}
		}
	})
	o.hash = h
}

// inCode says whether an address without a function is in code.
func (p *Program) inCode(addr uint64) bool {
	if p.file.Type == exe.TypeRel {
		for i := range p.file.Sections {
			if s := &p.file.Sections[i]; s.InFile && addr-exe.ObjectBase-s.Off < s.Size && s.Flags&exe.SectionAlloc != 0 {
				return s.Flags&exe.SectionExec != 0
			}
		}
		return false
	}
	for i := range p.file.Sections {
		if s := &p.file.Sections[i]; s.Flags&exe.SectionAlloc != 0 && addr-s.Addr < s.Size && s.Addr != 0 {
			return s.Flags&exe.SectionExec != 0
		}
	}
	for _, s := range p.file.Segments {
		if s.Type == exe.SegmentLoad && addr-s.VAddr < s.MemSize {
			return s.Flags&exe.FlagX != 0
		}
	}
	return false
}

// words hands out an object in pieces: pointers, and what is between them.
func (p *Program) words(o *object, each func(b []byte, to exe.Pointer, is bool)) {
	b := p.content(o)
	size := uint64(p.file.Class / 8)
	done := uint64(0)
	pointer := func(at uint64, to exe.Pointer) {
		if at < done || at+size > uint64(len(b)) {
			return
		}
		if at > done {
			each(b[done:at], exe.Pointer{}, false)
		}
		each(b[at:at+size], to, true)
		done = at + size
	}
	if p.file.Type == exe.TypeExec {
		for at := -o.addr & (size - 1); at+size <= uint64(len(b)); at += size {
			v := uint64(p.file.Order.Uint32(b[at:]))
			if size == 8 {
				v = p.file.Order.Uint64(b[at:])
			}
			if to, ok := p.image.Pointer(o.addr + at); ok {
				pointer(at, to)
			} else if v >= 0x1000 && p.image.Holds(v) {
				pointer(at, exe.Pointer{To: v})
			}
		}
	} else {
		p.image.Pointers(o.addr, o.addr+uint64(len(b)), func(addr uint64, to exe.Pointer) { pointer(addr-o.addr, to) })
	}
	if done < uint64(len(b)) {
		each(b[done:], exe.Pointer{}, false)
	}
}
