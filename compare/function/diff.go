package function

import (
	"strconv"

	"github.com/wardein/wardein/exe/insn"
)

// Line is an instruction as a difference shows it.
type Line struct {
	Addr uint64
	Code []byte // as in the file
	// Op is the mnemonic, "" for bytes that are no instruction.
	Op string
	// Points is what it leads to or reads: the name of an import or function,
	// a quoted text, an address; "" where it has no address.
	Points string
}

// Hunk is a run of instructions that differ, between others that are the same.
// Where both sides have as many, and the same ones but for what they point at,
// it is there that they differ.
type Hunk struct {
	Old, New []Line
	// OldAddr and NewAddr are where the hunk is, also on a side without lines.
	OldAddr, NewAddr uint64
}

// maxLines bounds what Diff returns of one function.
const maxLines = 1 << 14

// Diff returns how the instructions of a pair differ, in the order of
// addresses. cut says that there is more, or that a part was too different to
// be aligned and is one hunk.
func (m *Matching) Diff(p Pair) (hunks []Hunk, cut bool) {
	var b [2]buffer
	left := m.left
	m.left = 1<<20 + 64*int64(m.Old.Functions[p.Old].Instructions+m.New.Functions[p.New].Instructions)
	l := m.align(&p, &b)
	m.left = left
	// Aligned instructions that point at different things, or lead elsewhere.
	apart := make(map[int]bool)
	for _, o := range l.both {
		if !m.same(o[0], o[1]) {
			apart[int(o[0].at)] = true
		}
	}
	for _, k := range l.jumps {
		apart[k] = true
	}
	x, y, n := 0, 0, 0
	take := func(a, c int) {
		if a == x && c == y || n > maxLines {
			return
		}
		h := Hunk{OldAddr: m.addrOf(0, &p, b[0].list, x), NewAddr: m.addrOf(1, &p, b[1].list, y)}
		h.Old = m.lines(0, p.Old, b[0].list, x, a)
		h.New = m.lines(1, p.New, b[1].list, y, c)
		n += len(h.Old) + len(h.New)
		hunks = append(hunks, h)
	}
	for _, r := range l.runs {
		take(r.a, r.b)
		x, y = r.a, r.b
		for k := range r.n {
			if apart[r.a+k] {
				x, y = r.a+k, r.b+k
				take(x+1, y+1)
			}
		}
		x, y = r.a+r.n, r.b+r.n
	}
	take(l.n[0], l.n[1])
	return hunks, n > maxLines || !l.exact
}

func (m *Matching) addrOf(s int, p *Pair, list []insn.Inst, k int) uint64 {
	if k < len(list) {
		return list[k].Addr
	}
	if s == 0 {
		return m.Old.Functions[p.Old].Addr + m.Old.Functions[p.Old].Size
	}
	return m.New.Functions[p.New].Addr + m.New.Functions[p.New].Size
}

// lines are instructions to be shown.
func (m *Matching) lines(s, i int, list []insn.Inst, from, to int) (out []Line) {
	p := [2]*Program{m.Old, m.New}[s]
	f := &p.Functions[i]
	c := p.code(f.Set)
	ops := p.operandsOf(int32(i))
	to = min(to, from+maxLines)
	for k := from; k < to; k++ {
		in := &list[k]
		l := Line{Addr: in.Addr, Code: p.bytes(f)[in.Addr-f.Addr:][:in.Len], Op: c.Name(in.Op)}
		if in.To-f.Addr < f.Size {
			l.Points = hex(in.To)
		} else if in.Ref-f.Addr < f.Size {
			l.Points = hex(in.Ref)
		}
		for len(ops) > 0 && int(ops[0].at) < k {
			ops = ops[1:]
		}
		if len(ops) > 0 && int(ops[0].at) == k {
			l.Points = p.pointsAt(&ops[0])
		}
		out = append(out, l)
	}
	return out
}

// pointsAt says what an operand points at.
func (p *Program) pointsAt(o *operand) string {
	switch o.kind {
	case kindImport:
		return p.imported(o)
	case kindFunction:
		return p.Label(int(o.n))
	case kindInside:
		return p.Label(int(o.n)) + "+" + hex(uint64(o.more))
	case kindText:
		return quote(p.text(o))
	}
	return hex(o.addr)
}

// maxQuoted bounds a text in a line.
const maxQuoted = 80

func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "…"
	}
	return strconv.Quote(s)
}
