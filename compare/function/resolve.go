package function

import (
	"hash/maphash"

	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/exe/insn"
)

// resolve finds out what all operands point at, and takes what does not depend
// on other functions into the functions' hashes.
func (r *reader) resolve() {
	for i := range r.Functions {
		f := &r.Functions[i]
		h := f.skeleton
		for j := f.from; j < f.to; j++ {
			o := &r.operands[j]
			r.operand(int32(i), o)
			h = mix(h, r.token(o))
			if o.through {
				h++
			}
		}
		f.color = h
	}
	for i := range r.objects {
		r.describe(&r.objects[i])
	}
}

// token is what an operand points at, as far as that does not depend on which
// function of the other program is which of this.
func (r *Program) token(o *operand) uint64 {
	t := uint64(o.kind) << 56
	switch o.kind {
	case kindNumber, kindImport, kindText:
		t ^= o.n >> 1
	case kindData:
		t ^= r.objects[o.n].hash >> 1
	case kindTable:
		t ^= r.tables[o.n].hash >> 1
	}
	if o.odd {
		t++
	}
	return t
}

// operand finds out what one operand of a function points at.
func (r *reader) operand(i int32, o *operand) {
	addr := o.addr
	if addr == r.code(r.Functions[i].Set).Base || addr == r.image.Table() && !o.to || r.objectBase(i, o) {
		return // what addresses are counted from: those are operands themselves
	}
	if !o.to {
		// A word that the dynamic linker fills in, of a table of such words.
		p, ok := r.image.Pointer(addr)
		if !ok && r.slot(addr) { // of a file with fixed addresses
			p.To, _ = r.image.Read(addr, r.file.Class/8)
			ok = r.likely(p.To)
		}
		if ok && (p.Name != "" || r.slot(addr)) {
			if r.page(addr, p) {
				return
			}
			o.through = true
			r.pointer(i, o, p)
			return
		}
	}
	if name := r.image.Import(addr); name != "" && !r.image.Written(addr) {
		o.kind, o.n = kindImport, maphash.String(seed, name)
		return
	}
	if o.table && r.jumps(i, o, addr) {
		return
	}
	r.place(o, addr)
}

// headOf is how far into a function it sets what it counts addresses from.
const headOf = 16

// objectBase tells what functions of 32-bit PowerPC load into r30: 0x8000
// behind where their object's part of .got2 is.
func (r *reader) objectBase(i int32, o *operand) bool {
	if r.Functions[i].Set != insn.PPC || o.to || o.at > headOf {
		return false
	}
	s := r.file.Section(".got2")
	return s != nil && o.addr-0x8000-s.Addr < s.Size
}

// page tells the words of MIPS's global offset table that hold the upper part
// of an address; the instruction that adds the lower part has it whole.
func (r *reader) page(addr uint64, p exe.Pointer) bool {
	return r.file.Machine == 8 && p.Name == "" && p.To&0xffff == 0 && r.at(p.To) < 0
}

// pointer resolves what a word holds.
func (r *reader) pointer(i int32, o *operand, p exe.Pointer) {
	if p.Name != "" {
		o.kind, o.n = kindImport, maphash.String(seed, p.Name)+p.To
		return
	}
	if !r.jumps(i, o, p.To) {
		r.place(o, p.To)
	}
}

// slot says whether an address is in a table of words that the linker made.
func (r *reader) slot(addr uint64) bool {
	if r.isSlot == nil {
		r.isSlot = r.slots()
	}
	return r.isSlot(addr)
}

// localEntry is how far behind its beginning a function of 64-bit PowerPC is
// called from within its file: behind the two instructions that set r2 (64-bit
// ELF V2 ABI, 3.4.1).
const localEntry = 8

// setsTOC says whether a function begins with addis r2,r12 or lis r2.
func (r *reader) setsTOC(f *Function) bool {
	if f.Set != insn.PPC64 {
		return false
	}
	x, ok := r.image.Read(f.Addr, 4)
	return ok && (x>>16 == 0x3c4c || x>>16 == 0x3c40)
}

// place resolves an address.
func (r *reader) place(o *operand, addr uint64) {
	o.odd = r.odd(addr)
	addr = r.code1(addr)
	if i := r.before(addr); i >= 0 && addr-r.Functions[i].Addr < r.Functions[i].Size {
		f := &r.Functions[i]
		if o.kind, o.n = kindInside, uint64(i); addr == f.Addr || o.to && addr == f.Addr+localEntry && r.setsTOC(f) {
			o.kind = kindFunction
		} else {
			o.more = uint32(addr - f.Addr)
		}
		return
	}
	k, ok := r.objectAt(addr)
	if !ok {
		o.kind, o.n = kindNumber, addr
		return
	}
	b := &r.objects[k]
	r.describe(b)
	if o.kind, o.n = b.kind, uint64(k); b.kind == kindText {
		o.n = b.hash
		o.addr = b.addr
	}
}

// maxTable bounds the entries of a table of jumps.
const maxTable = 1 << 14

// jumps finds out whether an operand is a table of jumps into its function:
// addresses, or distances from the table or from where the processor's code
// counts from. Entries that lead elsewhere end it.
func (r *reader) jumps(i int32, o *operand, addr uint64) bool {
	f := &r.Functions[i]
	k, ok := r.objectAt(addr)
	if !ok || r.image.Written(addr) {
		return false
	}
	b := r.content(&r.objects[k])
	if len(b) < 8 {
		return false
	}
	size := 4
	first := uint64(int64(int32(r.file.Order.Uint32(b))))
	base := uint64(0)
	in := func(v uint64) bool {
		if r.file.Class == 32 {
			v = uint64(uint32(v))
		}
		if r.compact {
			v &^= 1
		}
		return v-f.Addr < f.Size
	}
	switch {
	case r.file.Class == 64 && in(r.file.Order.Uint64(b)):
		size = 8
	case f.Set == insn.MIPS64 && in(r.file.Order.Uint64(b)+r.code(f.Set).Base):
		base, size = r.code(f.Set).Base, 8
	case in(first):
	case in(first + addr):
		base = addr
	case r.code(f.Set).Base != 0 && in(first+r.code(f.Set).Base):
		base = r.code(f.Set).Base
	default:
		return false
	}
	n, h := 0, salt
	for ; n < maxTable && len(b) >= size; n++ {
		v := uint64(int64(int32(r.file.Order.Uint32(b))))
		if size == 8 {
			v = r.file.Order.Uint64(b)
		}
		if v += base; !in(v) {
			break
		}
		h = mix(h, (v-f.Addr)&0xffffffff)
		b = b[size:]
	}
	if n < 2 {
		return false
	}
	o.kind, o.n = kindTable, uint64(len(r.tables))
	r.tables = append(r.tables, table{addr: addr, size: uint64(n * size), function: i, hash: h})
	return true
}
