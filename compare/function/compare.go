package function

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"

	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/exe/insn"
)

func hex(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

// compare compares the functions of all pairs. Which places of written data
// are the same all pairs decide together, so that is found out first.
func (m *Matching) compare() {
	votes := map[[2]int32]*votes{}
	lines := make([]*lines, len(m.Pairs))
	var b [2]buffer
	for i := range m.Pairs {
		p := &m.Pairs[i]
		if m.skeletons(p) {
			x, y := m.Old.operandsOf(int32(p.Old)), m.New.operandsOf(int32(p.New))
			for k := range x {
				m.vote(votes, i, &x[k], &y[k])
			}
			continue
		}
		lines[i] = m.align(p, &b)
		for _, o := range lines[i].both {
			m.vote(votes, i, o[0], o[1])
		}
	}
	m.elect(votes)
	for i := range m.Pairs {
		m.judge(&m.Pairs[i], lines[i])
	}
}

// skeletons says whether all instructions of two functions are the same but
// for the addresses in them.
func (m *Matching) skeletons(p *Pair) bool {
	a, b := &m.Old.Functions[p.Old], &m.New.Functions[p.New]
	return a.skeleton == b.skeleton && a.Instructions == b.Instructions && a.to-a.from == b.to-b.from
}

func placed(o *operand) bool { return o.kind == kindSlot || o.kind == kindCode }

// votes are how many instructions say that two places are the same, and how
// many functions.
type votes struct{ instructions, functions, last int }

func (m *Matching) vote(list map[[2]int32]*votes, pair int, a, b *operand) {
	if !placed(a) || a.kind != b.kind || m.edges(a, b) {
		return
	}
	at := [2]int32{int32(a.n), int32(b.n)}
	v := list[at]
	if v == nil {
		v = &votes{last: -1}
		list[at] = v
	}
	if v.instructions++; v.last != pair {
		v.functions++
		v.last = pair
	}
}

// elect decides which place is which: what most instructions say first. What
// one function alone says must fit to what others do: a place that moved by
// another distance than all around it is another place.
func (m *Matching) elect(list map[[2]int32]*votes) {
	order := slices.SortedFunc(maps.Keys(list), func(a, b [2]int32) int {
		return cmp.Or(cmp.Compare(list[b].instructions, list[a].instructions), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	m.places = [2]map[int32]int32{{}, {}}
	var sure, open [][2]int32
	for _, p := range order {
		_, a := m.places[0][p[0]]
		_, b := m.places[1][p[1]]
		if a || b {
			continue
		}
		m.places[0][p[0]], m.places[1][p[1]] = p[1], p[0]
		if list[p].functions > 1 {
			sure = append(sure, p)
		} else {
			open = append(open, p)
		}
	}
	sure = append(sure, m.sections()...)
	slices.SortFunc(sure, func(a, b [2]int32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	moved := func(p [2]int32) int64 { return int64(m.New.objects[p[1]].addr - m.Old.objects[p[0]].addr) }
	for _, p := range open {
		i, _ := slices.BinarySearchFunc(sure, p[0], func(a [2]int32, b int32) int { return cmp.Compare(a[0], b) })
		if i == 0 || i == len(sure) {
			continue
		}
		x, y, d := moved(sure[i-1]), moved(sure[i]), moved(p)
		if d < min(x, y) || d > max(x, y) {
			delete(m.places[0], p[0])
			delete(m.places[1], p[1])
		}
	}
}

// sections pairs the beginnings and ends of sections of written data.
func (m *Matching) sections() (list [][2]int32) {
	add := func(a, b uint64) {
		i, x := m.Old.objectAt(a)
		j, y := m.New.objectAt(b)
		if x && y {
			list = append(list, [2]int32{int32(i), int32(j)})
		}
	}
	for i := range m.Old.file.Sections {
		s := &m.Old.file.Sections[i]
		if s.Flags&exe.SectionWrite == 0 || s.Flags&exe.SectionAlloc == 0 || i > maxSections {
			continue
		}
		if o := m.New.file.Section(s.Name); o != nil && o.Addr != 0 {
			add(s.Addr, o.Addr)
			add(s.Addr+s.Size, o.Addr+o.Size)
		}
	}
	return list
}

// edges says whether both operands are where a section of the same name ends:
// what begins there is another matter.
func (m *Matching) edges(a, b *operand) bool {
	x := m.Old.ends[m.Old.objects[a.n].addr]
	return x != "" && x == m.New.ends[m.New.objects[b.n].addr]
}

// same says whether two operands point at the same thing.
func (m *Matching) same(a, b *operand) bool {
	if a.kind != b.kind || a.through != b.through || a.odd != b.odd {
		return false
	}
	switch a.kind {
	case kindNumber, kindImport, kindText:
		return a.n == b.n
	case kindFunction:
		return m.pair[0][a.n] == int32(b.n)
	case kindInside:
		return m.inside(a.n, b.n, a.more, b.more)
	case kindSlot, kindCode:
		// Objects of other files that are copied here have names. What ends
		// before one has its address, too.
		x, y := m.Old.image.Import(m.Old.objects[a.n].addr), m.New.image.Import(m.New.objects[b.n].addr)
		p, ok := m.places[0][int32(a.n)]
		return x != "" && x == y || ok && p == int32(b.n) && x == y || m.edges(a, b)
	case kindData:
		return m.sameData(int32(a.n), int32(b.n), 0)
	case kindTable:
		x, y := &m.Old.tables[a.n], &m.New.tables[b.n]
		return x.hash == y.hash && x.size == y.size
	}
	return true
}

// inside says whether two places inside of functions are the same. Where the
// functions are of other lengths, what is different is theirs to say.
func (m *Matching) inside(a, b uint64, moreA, moreB uint32) bool {
	if m.pair[0][a] != int32(b) {
		return false
	}
	return moreA == moreB || m.Old.Functions[a].skeleton != m.New.Functions[b].skeleton
}

// maxNested bounds data that points at data.
const maxNested = 64

// sameData says whether data that nobody writes to are the same, with what
// they point at, as far as both are known to go.
func (m *Matching) sameData(a, b int32, depth int) bool {
	at := [2]int32{a, b}
	if v, ok := m.equal[at]; ok {
		return v
	}
	m.equal[at] = true // data may point at itself
	v := m.sameWords(a, b, depth)
	m.equal[at] = v
	return v
}

func (m *Matching) sameWords(a, b int32, depth int) bool {
	x, y := &m.Old.objects[a], &m.New.objects[b]
	wa, wb := m.Old.pieces(x), m.New.pieces(y)
	// Where one goes on, the other one's rest is another object's.
	for len(wa) > 0 && len(wb) > 0 {
		p, q := &wa[0], &wb[0]
		switch {
		case p.is != q.is:
			return false
		case p.is:
			if !m.samePointer(p.to, q.to, depth) {
				return false
			}
			wa, wb = wa[1:], wb[1:]
			continue
		}
		n := min(len(p.b), len(q.b))
		if !bytes.Equal(p.b[:n], q.b[:n]) {
			return false
		}
		if p.b = p.b[n:]; len(p.b) == 0 {
			wa = wa[1:]
		}
		if q.b = q.b[n:]; len(q.b) == 0 {
			wb = wb[1:]
		}
	}
	return true
}

// piece is a part of an object: a pointer, or bytes.
type piece struct {
	b  []byte
	to exe.Pointer
	is bool
}

func (p *Program) pieces(o *object) (out []piece) {
	p.words(o, func(b []byte, to exe.Pointer, is bool) { out = append(out, piece{b, to, is}) })
	return out
}

// samePointer says whether two pointers in data point at the same.
func (m *Matching) samePointer(a, b exe.Pointer, depth int) bool {
	if a.Name != b.Name {
		return false
	}
	if a.Name != "" {
		return a.To == b.To
	}
	if m.Old.compact && m.New.compact && a.To&1 != b.To&1 && m.Old.at(a.To&^1) >= 0 {
		return false // another instruction set
	}
	ra, rb := reader{Program: m.Old}, reader{Program: m.New}
	var x, y operand
	ra.place(&x, a.To)
	rb.place(&y, b.To)
	switch {
	case x.kind != y.kind:
		return false
	case placed(&x):
		// Data alone may know these places.
		p, ok := m.places[0][int32(x.n)]
		q, taken := m.places[1][int32(y.n)]
		if !ok && !taken {
			m.places[0][int32(x.n)], m.places[1][int32(y.n)] = int32(y.n), int32(x.n)
			return true
		}
		return ok && taken && p == int32(y.n) && q == int32(x.n)
	case x.kind == kindData:
		return depth > maxNested || m.sameData(int32(x.n), int32(y.n), depth+1)
	case x.kind == kindNumber: // behind the end of something
		return true
	}
	return m.same(&x, &y)
}

// buffer holds what aligning takes, for use again.
type buffer struct {
	list    []insn.Inst
	tokens  []uint64
	other   []int32
	taken   []bool
	aligner aligner
}

// lines are the instructions of two functions, aligned.
type lines struct {
	runs  []aligned
	exact bool
	both  [][2]*operand // of aligned instructions
	// jumps are those inside of the function that lead elsewhere, as indices
	// of the old one's instructions.
	jumps []int
	// rest are operands of instructions that the other has not.
	rest [2][]*operand
	n    [2]int
}

// tokens are a function's instructions as numbers that are equal where
// instructions do the same. Where jumps inside lead is left out, and which
// place of written data is meant.
func (m *Matching) tokens(s int, i int, b *buffer) {
	p := [2]*Program{m.Old, m.New}[s]
	f := &p.Functions[i]
	b.list = p.code(f.Set).Decode(p.bytes(f), f.Addr, b.list[:0])
	b.list = b.list[:min(len(b.list), f.Instructions)]
	b.tokens = b.tokens[:0]
	ops := p.operandsOf(int32(i))
	for k := range b.list {
		in := &b.list[k]
		t := mix(mix(salt, in.Word), uint64(in.Op)<<8|uint64(in.Flow))
		if in.Flow == insn.Data || in.Flow == insn.Bad {
			if t = mix(t, uint64(in.Len)); in.Flow == insn.Bad || in.Len > 8 {
				t = mix(t, maphash.Bytes(seed, p.bytes(f)[in.Addr-f.Addr:][:in.Len]))
			}
		}
		for len(ops) > 0 && int(ops[0].at) == k {
			o := &ops[0]
			switch v := p.token(o); {
			case o.kind != kindFunction:
				t = mix(t, v)
			case m.pair[s][o.n] < 0:
				t = mix(t, o.n<<1|uint64(s)|1<<60)
			case s == 0:
				t = mix(t, o.n|1<<61)
			default:
				t = mix(t, uint64(m.pair[1][o.n])|1<<61)
			}
			ops = ops[1:]
		}
		b.tokens = append(b.tokens, t)
	}
}

// align aligns the instructions of a pair.
func (m *Matching) align(p *Pair, b *[2]buffer) *lines {
	m.tokens(0, p.Old, &b[0])
	m.tokens(1, p.New, &b[1])
	l := &lines{n: [2]int{len(b[0].list), len(b[1].list)}}
	l.runs, l.exact = b[0].aligner.align(b[0].tokens, b[1].tokens, &m.left)
	l.runs = slices.Clone(l.runs)
	b[0].other = slices.Grow(b[0].other[:0], len(b[0].list))[:len(b[0].list)]
	other := b[0].other // partner + 1
	clear(other)
	for _, r := range l.runs {
		for k := range r.n {
			other[r.a+k] = int32(r.b+k) + 1
		}
	}
	// Jumps inside lead to the same where what they lead to is aligned; one to
	// an instruction that the other has not leads to what is there instead.
	fa, fb := &m.Old.Functions[p.Old], &m.New.Functions[p.New]
	for k := range b[0].list {
		x := &b[0].list[k]
		if other[k] == 0 || x.To-fa.Addr >= fa.Size {
			continue
		}
		y := &b[1].list[other[k]-1]
		if y.To-fb.Addr >= fb.Size {
			l.jumps = append(l.jumps, k)
			continue
		}
		if !l.instead(find(b[0].list, x.To), find(b[1].list, y.To)) {
			l.jumps = append(l.jumps, k)
		}
	}
	ox, oy := m.Old.operandsOf(int32(p.Old)), m.New.operandsOf(int32(p.New))
	at := 0
	b[1].taken = slices.Grow(b[1].taken[:0], len(oy))[:len(oy)]
	taken := b[1].taken
	clear(taken)
	for k := range ox {
		o := &ox[k]
		if int(o.at) >= len(other) || other[o.at] == 0 {
			l.rest[0] = append(l.rest[0], o)
			continue
		}
		want := other[o.at] - 1
		for at < len(oy) && oy[at].at < want {
			at++
		}
		if at < len(oy) && oy[at].at == want {
			l.both = append(l.both, [2]*operand{o, &oy[at]})
			taken[at] = true
			at++
		}
	}
	for k := range oy {
		if !taken[k] {
			l.rest[1] = append(l.rest[1], &oy[k])
		}
	}
	return l
}

// instead says whether instruction i of the old function and j of the new one
// stand between the same aligned ones.
func (l *lines) instead(i, j int) bool {
	k, _ := slices.BinarySearchFunc(l.runs, i, func(r aligned, i int) int { return cmp.Compare(r.a+r.n, i+1) })
	endA, endB := l.n[0], l.n[1]
	fromA, fromB := 0, 0
	if k < len(l.runs) {
		r := l.runs[k]
		if i > r.a || i == r.a && j == r.b {
			return i-r.a == j-r.b
		}
		endA, endB = r.a, r.b
	}
	if k > 0 {
		r := l.runs[k-1]
		fromA, fromB = r.a+r.n, r.b+r.n
	}
	return i >= fromA && i <= endA && j >= fromB && j <= endB
}

// find is the index of the instruction that an address is in.
func find(list []insn.Inst, addr uint64) int {
	i, ok := slices.BinarySearchFunc(list, addr, func(in insn.Inst, at uint64) int { return cmp.Compare(in.Addr, at) })
	if !ok && i > 0 {
		i--
	}
	return i
}
