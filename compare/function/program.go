// Package function compares the functions of two versions of a program. It
// finds out which function of one is which of the other without asking for
// names, and says of each pair what is different.
//
//	old, err := function.Read(oldFile, oldFunctions)
//	new, err := function.Read(newFile, newFunctions)
//	m := function.Match(old, new)
//	for _, p := range m.Pairs { … }
//
// Code that was built twice has other addresses in it. They are never masked:
// what an instruction's address points at is compared, which is an import's
// name, a text, the bytes of data that nobody writes to, another function (and
// then the two functions must be a pair), or a place in data that is written
// (and then all functions must agree which place of the one file is which of
// the other).
package function

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/exe/insn"
)

// Bounds on what one program may cost. Linux with everything in it has a tenth
// of the functions.
const (
	maxFunctions = 1 << 20
	maxOperands  = 1 << 25
	maxCode      = 512 << 20
)

// Program is the functions of one ELF file, with what can be compared of them.
type Program struct {
	// Functions are sorted by address and do not overlap: one ends where the
	// next begins.
	Functions []Function
	// Left says why functions were left out, "" where none were.
	Left string

	file     *exe.File
	image    *exe.Image
	codes    map[insn.Set]*insn.Code
	operands []operand
	objects  []object // of data, by address
	callers  [][2]int32
	callerAt []int32
	tables   []table           // of jumps
	ends     map[uint64]string // sections of written data, by where they end
	nodes    []node
	nodeOf   map[int32]int32 // by object
	compact  bool            // code addresses have bit 0 for the instruction set
}

// Function is a function and what can be compared of it. In a relocatable
// object its address is exe.ObjectBase behind its offset in the file.
type Function struct {
	exe.Function
	// Instructions is how many it has; Blocks how many straight runs of them.
	Instructions, Blocks int

	from, to int32  // in Program.operands
	skeleton uint64 // of operations, registers, constants and jumps inside
	shape    uint64 // of jumps inside and calls
	ops      uint64 // of operations
	color    uint64 // of all that does not depend on other functions
	calls    int32  // operands that are functions of the program
	binned   uint32 // sum of bins
	bins     [binCount]uint16
}

// binCount is how many kinds of operations, and of pairs of them in a row, are
// counted apart for the likeness of two functions.
const (
	opBins   = 64
	pairBins = 64
	binCount = opBins + pairBins
)

// reader reads one program.
type reader struct {
	*Program
	list   []insn.Inst
	index  []int32 // of the instruction at a byte of the function
	idle   map[insn.Set]*[1 << 16]int8
	isSlot func(uint64) bool
}

// Read decodes the functions of a file and resolves what their instructions
// point at. Where the file is too large, the error says so; functions that are
// not in the file are left out, and Program.Left tells.
func Read(f *exe.File, functions []exe.Function) (*Program, error) {
	image, err := f.Image()
	if err != nil {
		return nil, err
	}
	p := &Program{file: f, image: image, codes: map[insn.Set]*insn.Code{}, ends: map[uint64]string{}, nodeOf: map[int32]int32{}, compact: f.Arch == "arm" || f.Arch == "mips"}
	p.take(functions)
	r := &reader{Program: p, idle: map[insn.Set]*[1 << 16]int8{}}
	code := uint64(0)
	for i := range p.Functions {
		code += p.Functions[i].Size
	}
	p.operands = make([]operand, 0, code/16)
	for i := range p.Functions {
		r.decode(int32(i))
		if len(p.operands) > maxOperands {
			p.Left = fmt.Sprintf("functions behind the first %d have more than %d operands", i, maxOperands)
			p.Functions = p.Functions[:i]
			break
		}
	}
	r.findObjects()
	r.resolve()
	r.findNodes()
	p.findCallers()
	return p, nil
}

// take sorts the functions and makes each end where the next begins.
func (p *Program) take(functions []exe.Function) {
	list := make([]Function, 0, min(len(functions), maxFunctions))
	for _, f := range functions {
		if len(list) == maxFunctions {
			p.Left = fmt.Sprintf("%d functions, the limit is %d", len(functions), maxFunctions)
			break
		}
		if p.file.Type == exe.TypeRel {
			f.Addr += exe.ObjectBase
		}
		list = append(list, Function{Function: f})
	}
	slices.SortStableFunc(list, func(a, b Function) int { return cmp.Compare(a.Addr, b.Addr) })
	list = slices.CompactFunc(list, func(a, b Function) bool { return a.Addr == b.Addr })
	total, out := uint64(0), list[:0]
	for i := range list {
		f := list[i]
		if i+1 < len(list) {
			f.Size = min(f.Size, list[i+1].Addr-f.Addr)
		}
		f.Size = min(f.Size, uint64(len(p.image.Bytes(f.Addr))))
		if f.Size == 0 {
			continue
		}
		if total += f.Size; total > maxCode {
			p.Left = fmt.Sprintf("functions behind %#x: more than %d bytes of code", f.Addr, uint64(maxCode))
			break
		}
		out = append(out, f)
	}
	p.Functions = out
}

// code is what decoding a set takes.
func (p *Program) code(set insn.Set) *insn.Code {
	c := p.codes[set]
	if c == nil {
		is := p.image.Code(set)
		c = &is
		p.codes[set] = c
	}
	return c
}

// bytes are a function's bytes.
func (p *Program) bytes(f *Function) []byte { return p.image.Bytes(f.Addr)[:f.Size] }

// Body is a number that functions of this program have in common which do the
// same: their instructions are equal, and what they point at. It is another one
// in each process; nothing that a comparison says depends on it.
func (p *Program) Body(i int) uint64 {
	f := &p.Functions[i]
	h := f.skeleton
	for _, o := range p.operandsOf(int32(i)) {
		n := o.n
		if o.kind == kindFunction && int(n) == i {
			n = 1 << 40 // itself
		}
		h = mix(mix(h, n), uint64(o.kind)|uint64(o.more)<<8)
	}
	return h
}

// at is the function that begins at an address, −1 for none.
func (p *Program) at(addr uint64) int32 {
	if i := p.before(addr); i >= 0 && p.Functions[i].Addr == addr {
		return i
	}
	return -1
}

// before is the last function that begins at or before an address.
func (p *Program) before(addr uint64) int32 {
	low, high := 0, len(p.Functions)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if p.Functions[mid].Addr <= addr {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return int32(low) - 1
}

// findCallers turns calls round: who calls a function, sorted by callee, then
// by caller and place.
func (p *Program) findCallers() {
	count := make([]int32, len(p.Functions)+1)
	n := int32(0)
	for i := range p.operands {
		if o := &p.operands[i]; o.kind == kindFunction {
			count[o.n+1]++
			n++
		}
	}
	for i := 1; i < len(count); i++ {
		count[i] += count[i-1]
	}
	p.callerAt = slices.Clone(count)
	p.callers = make([][2]int32, n)
	for i := range p.Functions {
		f := &p.Functions[i]
		k := int32(0)
		for j := f.from; j < f.to; j++ {
			if o := &p.operands[j]; o.kind == kindFunction {
				p.callers[count[o.n]] = [2]int32{int32(i), k}
				count[o.n]++
				k++
			}
		}
		f.calls = k
	}
}

// calledBy are the callers of a function, each with which of its calls it is.
func (p *Program) calledBy(i int32) [][2]int32 { return p.callers[p.callerAt[i]:p.callerAt[i+1]] }

// operandsOf are the operands of a function in the order of its instructions.
func (p *Program) operandsOf(i int32) []operand {
	return p.operands[p.Functions[i].from:p.Functions[i].to]
}
