package function

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/wardein/wardein/exe"
)

// DataChange is a run of data that is not the same on both sides. A size of 0
// says that a side has nothing in its place.
type DataChange struct {
	Section          string
	Old, New         uint64 // addresses
	OldSize, NewSize uint64
	// Written says that code may write to it: what differs is what it holds at
	// the start.
	Written bool
}

// chunk is data between two addresses that something points at.
type chunk struct {
	object
	token uint64
}

// Data compares the data of sections of the same name, whether code refers to
// it or not, but for what other parts of a comparison look at: tables of the
// dynamic linker and for unwinding, and tables of jumps, which belong to
// functions. Pointers are compared by what they point at. Data that only moved
// is no change, as long as no place of written data changed its content.
//
// A file without section headers is compared from the first address on that
// something points at.
func (m *Matching) Data() (list []DataChange) {
	names := []string{}
	var by [2]map[string][]chunk
	// Data that points at data tells further places, on which the division into
	// chunks depends: it is made again until none came, a few times at most.
	for known, round := -1, 0; known < len(m.places[0]) && round < 8; round++ {
		known = len(m.places[0])
		names, list = names[:0], nil
		for s, p := range [2]*Program{m.Old, m.New} {
			by[s] = map[string][]chunk{}
			for _, a := range p.dataRuns() {
				if _, ok := by[s][a.name]; !ok {
					names = append(names, a.name)
				}
				by[s][a.name] = append(by[s][a.name], m.chunks(s, a, &list)...)
			}
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		list = append(list, m.dataChanges(name, by[0][name], by[1][name])...)
	}
	return list
}

// dataRun is a run of data.
type dataRun struct {
	name       string
	addr, size uint64
	texts      bool // one after the other
}

// notData are sections that other parts of a comparison look at.
var notData = []string{".dyn", ".gnu.", ".hash", ".rel", ".interp", ".note", ".eh_frame", ".gcc_except_table", ".ARM.", ".got", ".plt", ".iplt", ".pdr", ".MIPS.",
	".reginfo", ".mdebug", ".toc", ".branch_lt", ".debug", ".symtab", ".strtab", ".shstrtab", "__versions", ".orc_", ".altinstr", "__mcount_loc", "__ksymtab", "__kcrctab", "__bug_table", "__ex_table", "__jump_table", ".static_call", ".return_sites", ".retpoline", "__patchable"}

func (p *Program) dataRuns() (out []dataRun) {
	f := p.file
	for i := range f.Sections {
		s := &f.Sections[i]
		addr := s.Addr
		if f.Type == exe.TypeRel {
			addr = exe.ObjectBase + s.Off
		}
		if !s.InFile || s.Flags&exe.SectionAlloc == 0 || s.Flags&exe.SectionExec != 0 ||
			s.Type != exe.SectionProgbits && s.Type < 14 || slices.ContainsFunc(notData, func(n string) bool { return strings.HasPrefix(s.Name, n) }) {
			continue
		}
		out = append(out, dataRun{s.Name, addr, min(s.Size, uint64(len(p.image.Bytes(addr)))), s.Flags&0x20 != 0})
	}
	if len(f.Sections) > 0 {
		return out
	}
	for _, s := range f.Segments {
		if s.Type != exe.SegmentLoad || s.Flags&exe.FlagX != 0 {
			continue
		}
		i, _ := p.objectAt(s.VAddr)
		if i < len(p.objects) && p.objects[i].addr-s.VAddr < s.FileSize {
			at := p.objects[i].addr
			out = append(out, dataRun{name: map[bool]string{true: "data", false: "read-only data"}[s.Flags&exe.FlagW != 0], addr: at, size: min(s.FileSize-(at-s.VAddr), uint64(len(p.image.Bytes(at))))})
		}
	}
	return out
}

// chunks divides a run of data. Written data of which code says where it is in
// the other program is compared with what is there, and is in no chunk.
func (m *Matching) chunks(s int, run dataRun, list *[]DataChange) (out []chunk) {
	p := [2]*Program{m.Old, m.New}[s]
	tables := map[uint64]uint64{}
	for _, t := range p.tables {
		if t.addr-run.addr < run.size {
			tables[t.addr] = max(tables[t.addr], t.size)
		}
	}
	add := func(from, to uint64, index int) {
		if n := tables[from]; n > 0 {
			from += min(n, to-from)
		} else if n := m.placedAt(s, run.name, index, list); n > 0 {
			from += min(n, to-from)
		}
		for from < to {
			end := to
			if run.texts {
				if n := bytes.IndexByte(p.image.Bytes(from)[:to-from], 0); n >= 0 {
					end = from + uint64(n) + 1
				}
			}
			c := chunk{object: object{addr: from, size: end - from}}
			c.token = m.chunkToken(s, p, &c.object)
			out = append(out, c)
			from = end
		}
	}
	at, end := run.addr, run.addr+run.size
	i, _ := p.objectAt(at)
	index := -1
	for ; i < len(p.objects) && p.objects[i].addr < end; i++ {
		add(at, p.objects[i].addr, index)
		at, index = p.objects[i].addr, i
	}
	add(at, end, index)
	return out
}

// placedAt compares written data with its place in the other program, and
// returns how long that is in both; 0 where it has none.
func (m *Matching) placedAt(s int, section string, index int, list *[]DataChange) uint64 {
	other, ok := m.places[s][int32(index)]
	if !ok {
		return 0
	}
	at := [2]int32{int32(index), other}
	if s == 1 {
		at = [2]int32{other, int32(index)}
	}
	x, y := &m.Old.objects[at[0]], &m.New.objects[at[1]]
	n := min(x.size, y.size)
	c := DataChange{Section: section, Old: x.addr, New: y.addr, OldSize: n, NewSize: n, Written: true}
	a, b := m.Old.content(x), m.New.content(y)
	switch { // what is not in the file is zero
	case len(a) == 0 && s == 1 || len(b) == 0 && s == 0:
		if zero := bytes.Trim(append(slices.Clone(a), b...), "\x00"); len(zero) > 0 {
			*list = append(*list, c)
		}
	case s == 1 && !m.narrow(&c):
		*list = append(*list, c)
	}
	return n
}

// chunkToken is equal for chunks that hold the same.
func (m *Matching) chunkToken(s int, p *Program, o *object) uint64 {
	h := salt
	r := reader{Program: p}
	p.words(o, func(b []byte, to exe.Pointer, is bool) {
		switch {
		case !is:
			// Zeros at the end are alignment, mostly.
			h = mix(h, maphash.Bytes(seed, bytes.TrimRight(b, "\x00")))
		case to.Name != "":
			h = mix(h, maphash.String(seed, to.Name)+to.To)
		default:
			var x operand
			r.place(&x, to.To)
			h = mix(h, m.pointed(s, p, &x))
		}
	})
	return h
}

// pointed is equal for what pointers in data may point at instead of each
// other.
func (m *Matching) pointed(s int, p *Program, o *operand) uint64 {
	id := func(i uint64, other int32, ok bool) uint64 {
		switch {
		case !ok:
			return i<<2 | uint64(s) | 1<<62
		case s == 0:
			return i << 2
		}
		return uint64(other) << 2
	}
	switch o.kind {
	case kindFunction, kindInside:
		j := m.pair[s][o.n]
		v := id(o.n, j, j >= 0)
		if o.kind == kindInside && j >= 0 && m.skeletons(&Pair{Old: int(v >> 2), New: int(m.pair[0][v>>2])}) {
			v = mix(v, uint64(o.more))
		}
		return mix(1, v)
	case kindSlot, kindCode:
		if j, ok := m.places[s][int32(o.n)]; ok {
			return mix(2, id(o.n, j, true))
		}
		return 2
	case kindNumber:
		return 3
	}
	return mix(4, p.token(o))
}

// dataChanges compares the chunks of one section.
func (m *Matching) dataChanges(name string, old, new []chunk) (list []DataChange) {
	tokens := func(l []chunk) []uint64 {
		t := make([]uint64, len(l))
		for i := range l {
			t[i] = l[i].token
		}
		return t
	}
	budget := int64(len(old)+len(new))*64 + 1<<20
	runs, _ := align(tokens(old), tokens(new), &budget)
	runs = append(runs, aligned{len(old), len(new), 0})
	// What is in another order, is there all the same.
	spare := map[uint64]int{}
	each := func(do func(a, b []chunk)) {
		x, y := 0, 0
		for _, r := range runs {
			if r.a > x || r.b > y {
				do(old[x:r.a], new[y:r.b])
			}
			x, y = r.a+r.n, r.b+r.n
		}
	}
	each(func(a, b []chunk) {
		for _, c := range b {
			spare[c.token]++
		}
	})
	used := map[uint64]int{}
	each(func(a, b []chunk) {
		for _, c := range a {
			if spare[c.token] > used[c.token] {
				used[c.token]++
			}
		}
	})
	other := map[uint64]int{}
	for t, n := range used {
		other[t] = n
	}
	take := func(of map[uint64]int, l []chunk) (out []chunk) {
		for _, c := range l {
			if of[c.token] > 0 {
				of[c.token]--
				continue
			}
			out = append(out, c)
		}
		return out
	}
	each(func(a, b []chunk) {
		a, b = take(used, a), take(other, b)
		for len(a) > 0 || len(b) > 0 {
			c := DataChange{Section: name}
			na, nb := together(a), together(b)
			if na > 0 {
				c.Old, c.OldSize = a[0].addr, a[na-1].addr+a[na-1].size-a[0].addr
				c.Written = m.Old.image.Written(c.Old)
			}
			if nb > 0 {
				c.New, c.NewSize = b[0].addr, b[nb-1].addr+b[nb-1].size-b[0].addr
				c.Written = m.New.image.Written(c.New)
			}
			if c.OldSize == 0 || c.NewSize == 0 || !m.narrow(&c) {
				list = append(list, c)
			}
			a, b = a[na:], b[nb:]
		}
	})
	slices.SortStableFunc(list, func(a, b DataChange) int { return cmp.Or(cmp.Compare(a.New, b.New), cmp.Compare(a.Old, b.Old)) })
	return list
}

// together is how many chunks stand one after the other.
func together(l []chunk) int {
	n := min(1, len(l))
	for n > 0 && n < len(l) && l[n].addr == l[n-1].addr+l[n-1].size {
		n++
	}
	return n
}

// narrow leaves out of a change what both sides have at the beginning and at
// the end, and says whether nothing is left: then only what divides the data
// differs.
func (m *Matching) narrow(c *DataChange) bool {
	a := m.Old.pieces(&object{addr: c.Old, size: c.OldSize})
	b := m.New.pieces(&object{addr: c.New, size: c.NewSize})
	same := func(x, y *piece) bool {
		return x.is == y.is && (x.is && m.samePointer(x.to, y.to, 0) || !x.is && bytes.Equal(x.b, y.b))
	}
	for len(a) > 0 && len(b) > 0 && same(&a[0], &b[0]) {
		n := uint64(len(a[0].b))
		c.Old, c.New, c.OldSize, c.NewSize = c.Old+n, c.New+n, c.OldSize-n, c.NewSize-n
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && same(&a[len(a)-1], &b[len(b)-1]) {
		n := uint64(len(a[len(a)-1].b))
		c.OldSize, c.NewSize = c.OldSize-n, c.NewSize-n
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) > 0 && len(b) > 0 && !a[0].is && !b[0].is {
		x, y := a[0].b, b[0].b
		for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
			x, y = x[1:], y[1:]
			c.Old, c.New, c.OldSize, c.NewSize = c.Old+1, c.New+1, c.OldSize-1, c.NewSize-1
		}
		if len(a) == 1 && len(b) == 1 {
			for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
				x, y = x[:len(x)-1], y[:len(y)-1]
				c.OldSize, c.NewSize = c.OldSize-1, c.NewSize-1
			}
		}
	}
	return c.OldSize == 0 && c.NewSize == 0
}
