package exe

import (
	"bytes"
	"encoding/binary"

	"github.com/wardein/wardein/exe/insn"
)

// x86Piece is how much code is decoded at a time, at first: where the places of
// instructions turn out to be others, little was decoded in vain.
const x86Piece = 64

// maxTable is how many places of a table of jumps are read.
const maxTable = 1 << 10

// x86Reader reads code of both widths.
type x86Reader struct {
	code insn.Code
	t    *text
	list []insn.Inst
	k    int // in list
	// piece is how much was decoded.
	piece int
	prev  int // where the instruction before begins
	// ref is what was read or formed last that is no code, and limit how many
	// values the last comparison lets pass.
	ref, limit uint64
	read       int // places of tables
}

func (r *x86Reader) reset() { r.ref, r.limit = 0, 0 }

// inst is the instruction at t.b[at:], the next one of those that were decoded
// if it follows them.
func (r *x86Reader) inst(t *text, at int) insn.Inst {
	addr := t.addr + uint64(at)
	if r.t != t || r.k >= len(r.list) || r.list[r.k].Addr != addr {
		if r.t == t && r.k > 0 && r.k == len(r.list) && r.list[r.k-1].Addr+uint64(r.list[r.k-1].Len) == addr {
			r.piece = min(2*r.piece, 64*x86Piece)
		} else {
			r.piece = x86Piece
		}
		end := min(at+r.piece, len(t.b))
		r.t, r.k = t, 0
		r.list = r.code.Decode(t.b[at:end], addr, r.list[:0])
		if end < len(t.b) { // the last may be cut
			last := len(r.list)
			for last > 1 && r.list[last-1].Addr+16 > t.addr+uint64(end) {
				last--
			}
			r.list = r.list[:last]
		}
	}
	if len(r.list) == 0 {
		return insn.Inst{Addr: addr, Len: 1, Flow: insn.Bad}
	}
	r.k++
	return r.list[r.k-1]
}

func (r *x86Reader) step(t *text, at int) step {
	i := r.inst(t, at)
	s := step{n: int(i.Len), flow: i.Flow, to: i.To, forms: i.Ref}
	b := t.b[at:min(at+s.n, len(t.b))]
	switch i.Flow {
	case insn.Call:
		if i.To == i.Addr+uint64(i.Len) { // where am I
			s.flow = insn.Next
		}
	case insn.IndirectJump:
		before := t.b[min(r.prev, at):at]
		if s.table = x86Chooses(b, before); s.table {
			if i.Ref != 0 {
				r.ref = i.Ref
			}
			s.far = r.farthest(t, i.Ref != 0)
		}
	case insn.Data:
		s.n = 1
	}
	r.prev = at
	if n, ok := x86Compares(b); ok {
		r.limit = n + 1
	}
	if i.Ref != 0 && i.Ref-t.addr >= uint64(len(t.b)) {
		r.ref = i.Ref
	}
	return s
}

// x86Compares tells CMP with a constant.
func x86Compares(b []byte) (n uint64, ok bool) {
	if len(b) > 1 && b[0]&0xf0 == 0x40 || len(b) > 1 && b[0] == 0x66 {
		b = b[1:]
	}
	last := len(b) - 1
	switch {
	case last >= 2 && (b[0] == 0x83 || b[0] == 0x80) && b[1]>>3&7 == 7, last == 1 && b[0] == 0x3c:
		return uint64(b[last] & 0x7f), true
	case last >= 5 && b[0] == 0x81 && b[1]>>3&7 == 7, last == 4 && b[0] == 0x3d:
		return uint64(binary.LittleEndian.Uint32(b[last-3:])), true
	}
	return 0, false
}

// farthest is the last place that a table of jumps leads to: a list of places,
// or of distances from the list or from the GOT. It is 0 where one of them
// is no code.
func (r *x86Reader) farthest(t *text, places bool) (far uint64) {
	for k := range min(r.limit, maxTable) {
		if r.read++; r.read > len(t.b) { // more places than the code has instructions
			return 0
		}
		var to uint64
		switch {
		case places && r.code.Set == insn.X8664:
			to, _ = r.code.Read(r.ref+8*k, 8)
		case places:
			to, _ = r.code.Read(r.ref+4*k, 4)
		default:
			d, _ := r.code.Read(r.ref+4*k, 4)
			if to = r.ref + uint64(int64(int32(d))); r.code.Set == insn.X86 {
				to = uint64(uint32(r.code.Base + d))
			}
		}
		if to-t.addr >= uint64(len(t.b)) {
			return 0
		}
		far = max(far, to)
	}
	return far
}

// x86Chooses says whether a jump is one among a function's own places: through a
// table, or to what was added up before.
func x86Chooses(b, before []byte) bool {
	if len(b) > 2 && b[0] == 0x3e { // NOTRACK
		return true
	}
	for len(b) > 2 && b[0] != 0xff {
		b = b[1:]
	}
	if len(b) < 2 || b[0] != 0xff {
		return false
	}
	if b[1]>>6 == 3 {
		if len(before) > 0 && before[0]&0xf0 == 0x40 {
			before = before[1:]
		}
		return len(before) == 2 && (before[0] == 0x01 || before[0] == 0x03)
	}
	return b[1]&7 == 4 && len(b) > 2 && b[2]&0x38 != 0x20
}

// enters takes PUSH of a register that belongs to the caller; on i386, where
// arguments are pushed, too, only if more of the kind follows.
func (r *x86Reader) enters(t *text, at int) bool {
	b := t.b[at:]
	saves := func(x byte) bool { return x == 0x53 || x >= 0x55 && x <= 0x57 }
	switch {
	case len(b) < 4:
		return false
	case b[0] == 0xf3 && b[1] == 0x0f && b[2] == 0x1e && b[3]&0xfe == 0xfa: // ENDBR
		return true
	case r.code.Set == insn.X86:
		return saves(b[0]) && (saves(b[1]) || b[1] == 0x89 || b[1] == 0x83 || b[1] == 0x81 || b[1] == 0xe8)
	case saves(b[0]) && b[0] != 0x56 && b[0] != 0x57, b[0] == 0x41 && b[1]&0xfc == 0x54: // PUSH rbx, rbp, r12 to r15
		return true
	}
	return b[0] == 0x48 && (b[1] == 0x83 || b[1] == 0x81) && b[2] == 0xec // SUB rsp
}

// x86Fill are the instructions that fill space.
var x86Fill = [][]byte{
	{0x90}, {0xcc}, {0x66, 0x90}, {0x0f, 0x1f, 0x00}, {0x0f, 0x1f, 0x40, 0x00}, {0x0f, 0x1f, 0x44, 0x00, 0x00}, {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
	{0x0f, 0x1f, 0x80, 0, 0, 0, 0}, {0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0},
	{0x8d, 0x76, 0x00}, {0x8d, 0x74, 0x26, 0x00}, {0x8d, 0xb6, 0, 0, 0, 0}, {0x8d, 0xb4, 0x26, 0, 0, 0, 0}, {0x89, 0xf6}, {0x8d, 0xbc, 0x27, 0, 0, 0, 0}, {0x8d, 0x7f, 0x00},
}

func (r *x86Reader) padding(t *text, at int) int {
	b := t.b[at:]
	if b[0] == 0 {
		return 1
	}
	switch b[0] {
	case 0x90, 0xcc, 0x66, 0x2e, 0x0f, 0x8d, 0x89:
	default:
		return 0
	}
	p := 0
	for p < len(b) && p < 9 && (b[p] == 0x66 || b[p] == 0x2e) {
		p++
	}
	for _, f := range x86Fill {
		switch {
		case bytes.HasPrefix(b, f):
			return len(f)
		case p > 0 && bytes.HasPrefix(b[p:], f):
			return p + len(f)
		}
	}
	return 0
}

func (r *x86Reader) tail(*text, int) int  { return 0 }
func (r *x86Reader) stub(*text, int) bool { return false }
