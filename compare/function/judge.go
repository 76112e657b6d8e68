package function

import (
	"bytes"
	"cmp"
	"slices"
)

// judge says how much a pair is the same. l are its aligned instructions, nil
// where they are the same but for addresses.
func (m *Matching) judge(p *Pair, l *lines) {
	c := &Change{}
	if l == nil {
		x, y := m.Old.operandsOf(int32(p.Old)), m.New.operandsOf(int32(p.New))
		differ := false
		for k := range x {
			if !m.same(&x[k], &y[k]) {
				m.differ(c, &x[k], &y[k])
				differ = true
			}
		}
		if !differ {
			p.Same = Moved
			a, b := &m.Old.Functions[p.Old], &m.New.Functions[p.New]
			if a.Set == b.Set && bytes.Equal(m.Old.bytes(a), m.New.bytes(b)) {
				p.Same = Identical
			}
			return
		}
	} else {
		for _, o := range l.both {
			if !m.same(o[0], o[1]) {
				m.differ(c, o[0], o[1])
			}
		}
		for _, o := range l.rest[0] {
			m.lost(c, o)
		}
		for _, o := range l.rest[1] {
			m.won(c, o)
		}
		c.Moved += len(l.jumps)
		c.Removed, c.Added = l.n[0], l.n[1]
		for _, r := range l.runs {
			c.Removed -= r.n
			c.Added -= r.n
		}
		c.TooDifferent = !l.exact
	}
	c.CallsRemoved, c.CallsAdded = apart(c.CallsRemoved, c.CallsAdded)
	c.TextsRemoved, c.TextsAdded = apart(c.TextsRemoved, c.TextsAdded)
	slices.SortFunc(c.Data, func(a, b DataPair) int { return cmp.Or(cmp.Compare(a.New, b.New), cmp.Compare(a.Old, b.Old)) })
	c.Data = slices.Compact(c.Data)
	p.Same, p.Change = Changed, c
}

// differ notes what two aligned instructions point at instead of the same.
func (m *Matching) differ(c *Change, a, b *operand) {
	switch {
	case a.kind == kindData && b.kind == kindData:
		x, y := &m.Old.objects[a.n], &m.New.objects[b.n]
		c.Data = append(c.Data, DataPair{Old: x.addr, New: y.addr, OldSize: x.size, NewSize: y.size})
	case placed(a) && placed(b):
		c.Places++
	case a.kind == kindTable && b.kind == kindTable:
		c.Moved++
	default:
		m.lost(c, a)
		m.won(c, b)
		if !telling(a) && !telling(b) {
			c.Places++
		}
	}
}

// telling says whether an operand alone says what differs.
func telling(o *operand) bool {
	switch o.kind {
	case kindImport, kindFunction, kindInside, kindText:
		return true
	}
	return false
}

func (m *Matching) lost(c *Change, o *operand) {
	switch o.kind {
	case kindImport, kindFunction, kindInside:
		c.CallsRemoved = append(c.CallsRemoved, m.called(0, o))
	case kindText:
		c.TextsRemoved = append(c.TextsRemoved, m.Old.text(o))
	}
}

func (m *Matching) won(c *Change, o *operand) {
	switch o.kind {
	case kindImport, kindFunction, kindInside:
		c.CallsAdded = append(c.CallsAdded, m.called(1, o))
	case kindText:
		c.TextsAdded = append(c.TextsAdded, m.New.text(o))
	}
}

// called is what a called function, or an imported object, is named. A pair
// has the name of its new function.
func (m *Matching) called(s int, o *operand) string {
	p := [2]*Program{m.Old, m.New}[s]
	if o.kind == kindImport {
		return p.imported(o)
	}
	i := int(o.n)
	if j := m.pair[s][o.n]; s == 0 && j >= 0 {
		p, i = m.New, int(j)
	}
	return p.Label(i)
}

// imported is the name of an import.
func (p *Program) imported(o *operand) string {
	if at, ok := p.image.Pointer(o.addr); ok && at.Name != "" {
		return at.Name
	}
	return p.image.Import(o.addr)
}

// text is the text that an operand points at.
func (p *Program) text(o *operand) string {
	addr := o.addr
	if o.through {
		if at, ok := p.image.Pointer(addr); ok {
			addr = at.To
		}
	}
	return string(p.image.Text(addr))
}

// apart takes out of two lists what both have, and sorts what is left, each
// once.
func apart(a, b []string) (x, y []string) {
	slices.Sort(a)
	slices.Sort(b)
	for len(a) > 0 && len(b) > 0 {
		switch cmp.Compare(a[0], b[0]) {
		case -1:
			x, a = append(x, a[0]), a[1:]
		case 1:
			y, b = append(y, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return slices.Compact(append(x, a...)), slices.Compact(append(y, b...))
}
