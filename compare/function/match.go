package function

import (
	"cmp"
	"slices"
)

// Key is how the two functions of a pair were found to be one.
type Key uint8

// The keys, the surest first. All but the last ones must be the only function
// of their program that has the key's value.
const (
	ByName   Key = iota + 1 // a symbol of both files
	ByBody                  // all instructions and what they point at
	ByCalls                 // the same, and the functions that it calls or is called by
	ByPlace                 // the same body several times, told apart by the order of addresses
	ByCaller                // what a pair calls at the same place
	ByText                  // texts, imports and data that few others have
	ByBefore                // it stands between two pairs
	ByLooks                 // most like it of all
)

var keyNames = [...]string{ByName: "name", ByBody: "body", ByCalls: "body and calls", ByPlace: "body and order", ByCaller: "callers and callees",
	ByText: "texts and imports", ByBefore: "neighbours", ByLooks: "likeness"}

func (k Key) String() string { return keyNames[k] }

// matcher is the state of one Match. Side 0 is the old program, 1 the new one.
type matcher struct {
	side [2]*Program
	pair [2][]int32 // the partner, −1 for none yet
	key  []Key      // by old function

	sorter sorter
	keyed  [2][]keyed

	// What finding by likeness takes, once ready.
	ready            bool
	features         [2]rows[feature]
	callees, callers [2]rows[int32]
	list             []candidate
	room             []int32
	of               [2][][]int32 // candidates, by function
	best             [2][]best
	stamp            [2][]int32
	now              int32
	open             [2][]int32
	tokens           [2][]uint64
	aligner          aligner
	calls            [2][]int32
}

// pairUp makes a pair of two functions that have no partner yet.
func (m *matcher) pairUp(a, b int32, key Key) bool {
	if m.pair[0][a] >= 0 || m.pair[1][b] >= 0 {
		return false
	}
	m.pair[0][a], m.pair[1][b], m.key[a] = b, a, key
	if m.ready {
		m.changed(0, a)
		m.changed(1, b)
		m.around(a, b)
	}
	return true
}

// groups hands out the functions without partner that have the same key, in
// the order of addresses. Functions whose key is 0 have none.
func (m *matcher) groups(key func(side int, i int32) uint64, each func(old, new []keyed)) {
	list := &m.keyed
	for s, p := range m.side {
		list[s] = list[s][:0]
		for i := range p.Functions {
			if m.pair[s][i] < 0 {
				if k := key(s, int32(i)); k != 0 {
					list[s] = append(list[s], keyed{k, int32(i)})
				}
			}
		}
		m.sorter.sort(list[s])
	}
	same(list[0], list[1], each)
}

// unique pairs functions that alone have a key's value, and returns how many.
func (m *matcher) unique(how Key, key func(side int, i int32) uint64) (n int) {
	var found [][2]int32
	m.groups(key, func(old, new []keyed) {
		if len(old) == 1 && len(new) == 1 {
			found = append(found, [2]int32{old[0].of, new[0].of})
		}
	})
	slices.SortFunc(found, func(a, b [2]int32) int { return cmp.Compare(a[0], b[0]) })
	for _, p := range found {
		if m.pairUp(p[0], p[1], how) {
			n++
		}
	}
	return n
}

// enough is how much a body must say to be told by it alone, without context.
const enough = 20

// says is how much a function's body tells: its instructions, and more for
// what they point at.
func (m *matcher) says(s int, i int32) int {
	p := m.side[s]
	n := p.Functions[i].Instructions
	for _, o := range p.operandsOf(i) {
		switch o.kind {
		case kindImport, kindText, kindData:
			n += 3
		}
	}
	return n
}

// exact pairs functions with equal bodies, as far as keys are unique.
func (m *matcher) exact() {
	m.unique(ByName, func(s int, i int32) uint64 {
		if name := m.side[s].Functions[i].Name; name != "" {
			return hashString(name)
		}
		return 0
	})
	m.unique(ByBody, func(s int, i int32) uint64 {
		if m.says(s, i) < enough {
			return 0
		}
		return m.side[s].Functions[i].color
	})
	for m.neighbours() > 0 {
	}
}

// neighbours tells functions with equal bodies apart by whom they call and who
// calls them, as far as those have colours of their own, and returns how many
// it paired.
func (m *matcher) neighbours() (n int) {
	color := m.colors()
	for range 2 {
		next := [2][]uint64{}
		for s, p := range m.side {
			next[s] = slices.Clone(color[s])
			for i := range p.Functions {
				if m.pair[s][i] >= 0 {
					continue
				}
				h := color[s][i]
				for _, o := range p.operandsOf(int32(i)) {
					if o.kind == kindFunction {
						h = mix(h, color[s][o.n])
					}
				}
				next[s][i] = h
			}
		}
		color = next
		n += m.unique(ByCalls, func(s int, i int32) uint64 {
			if m.says(s, i) < enough && m.side[s].Functions[i].calls == 0 {
				return 0
			}
			return color[s][i]
		})
	}
	n += m.unique(ByCalls, func(s int, i int32) uint64 {
		sum := uint64(0)
		for _, c := range m.side[s].calledBy(i) {
			if m.pair[s][c[0]] >= 0 {
				sum += mix(color[s][c[0]], uint64(c[1]))
			}
		}
		if sum == 0 {
			return 0
		}
		return mix(color[s][i], sum)
	})
	return n
}

// colors are the hashes of bodies, and for pairs a number of the pair's own.
func (m *matcher) colors() (color [2][]uint64) {
	for s, p := range m.side {
		color[s] = make([]uint64, len(p.Functions))
		for i := range p.Functions {
			switch b := m.pair[s][i]; {
			case b < 0:
				color[s][i] = p.Functions[i].color
			case s == 0:
				color[s][i] = mix(salt, uint64(i)<<1)
			default:
				color[s][i] = mix(salt, uint64(b)<<1)
			}
		}
	}
	return color
}

// order pairs what has equal bodies and is left in equal numbers on both
// sides, by the order of addresses.
func (m *matcher) order() (n int) {
	color := m.colors()
	var found [][2]int32
	m.groups(func(s int, i int32) uint64 {
		h := color[s][i]
		for _, o := range m.side[s].operandsOf(i) {
			if o.kind == kindFunction {
				h = mix(h, color[s][o.n])
			}
		}
		return h
	}, func(old, new []keyed) {
		if len(old) == len(new) {
			for k := range old {
				found = append(found, [2]int32{old[k].of, new[k].of})
			}
		}
	})
	slices.SortFunc(found, func(a, b [2]int32) int { return cmp.Compare(a[0], b[0]) })
	for _, p := range found {
		if m.pairUp(p[0], p[1], ByPlace) {
			n++
		}
	}
	return n
}

func newMatcher(old, new *Program) *matcher {
	m := &matcher{side: [2]*Program{old, new}}
	for s, p := range m.side {
		m.pair[s] = make([]int32, len(p.Functions)+len(p.nodes))
		for i := range m.pair[s] {
			m.pair[s][i] = -1
		}
	}
	m.key = make([]Key, len(m.pair[0]))
	return m
}

// run pairs all that can be paired.
func (m *matcher) run() {
	m.exact()
	m.prepare()
	for _, step := range thresholds {
		n := 0
		m.hints()
		for k := m.likely(step); k > 0; k = m.likely(step) {
			n += k
		}
		if n > 0 && m.neighbours() > 0 {
			m.likely(step)
		}
	}
	for m.order() > 0 && m.neighbours() > 0 {
	}
}
