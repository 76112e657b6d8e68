package function

import (
	"cmp"
	"math/bits"
	"slices"
)

// threshold is what two functions must be like to be a pair, in thousandths,
// and by how much more than any other.
type threshold struct{ least, ahead int32 }

// thresholds are gone down step by step: each pair tells more about others. At
// last, what is left may be more like others that have no partner either.
var thresholds = []threshold{{850, 100}, {760, 100}, {680, 90}, {600, 80}, {520, 70}, {450, 70}, {390, 90}, {340, 130}, {300, 150}, {260, 160},
	{300, 100}, {260, 120}}

// Bounds on the work for one function.
const (
	maxShared     = 12 // functions that a key may have on a side to find them by it
	maxCandidates = 64
	maxPeers      = 12  // callers or callees of a pair that are compared with each other
	maxNeighbours = 256 // callers or callees that are looked at
)

// candidate is a possible pair.
type candidate struct {
	a, b         int32
	body, weight int32 // likeness without context
	like         int32
	hints        int32 // pairs that point at both at the same place
	key          Key
	stale        bool // like is from before something around it became a pair
}

// best are the two most likely candidates of a function.
type best struct {
	first        int32 // index, −1 for none
	like, second int32
	stale        bool
}

// suggest adds a candidate, once.
func (m *matcher) suggest(a, b int32, key Key) {
	if a < 0 || b < 0 || int(a) >= len(m.pair[0]) || int(b) >= len(m.pair[1]) || m.pair[0][a] >= 0 || m.pair[1][b] >= 0 || m.isNode(0, a) != m.isNode(1, b) ||
		len(m.of[0][a]) >= maxCandidates || len(m.of[1][b]) >= maxCandidates {
		return
	}
	for _, c := range m.of[0][a] {
		if m.list[c].b == b {
			return
		}
	}
	c := candidate{a: a, b: b, key: key, stale: true}
	c.body, c.weight = m.body(a, b)
	m.of[0][a] = append(m.firstOf(m.of[0][a]), int32(len(m.list)))
	m.of[1][b] = append(m.firstOf(m.of[1][b]), int32(len(m.list)))
	m.best[0][a].stale, m.best[1][b].stale = true, true
	m.list = append(m.list, c)
}

// firstOf is a list of candidates with room, of memory that many lists share.
func (m *matcher) firstOf(list []int32) []int32 {
	const room = 8
	if list != nil {
		return list
	}
	if len(m.room) < room {
		m.room = make([]int32, 512*room)
	}
	list, m.room = m.room[:0:room], m.room[room:]
	return list
}

// hint notes that a pair points at two functions at the same place.
func (m *matcher) hint(a, b int32) {
	m.suggest(a, b, ByCaller)
	for _, k := range m.of[0][a] {
		if c := &m.list[k]; c.b == b {
			c.hints++
			c.stale = true
			m.best[0][a].stale, m.best[1][b].stale = true, true
		}
	}
}

// inOrder aligns what the two of a pair point at. What has no partner yet and
// stands between the same things on both sides, in equal numbers, is hinted at.
func (m *matcher) inOrder(a, b int32) {
	at := [2]int32{a, b}
	for s := range m.side {
		if !slices.ContainsFunc(m.callees[s].of(at[s]), func(i int32) bool { return m.pair[s][i] < 0 }) {
			return
		}
	}
	calls := m.calls
	for s, p := range m.side {
		m.tokens[s], calls[s] = m.tokens[s][:0], calls[s][:0]
		p.items(at[s], func(x item) {
			t := x.hash
			switch {
			case len(m.tokens[s]) >= maxItems:
				return
			case x.call < 0:
			case m.pair[s][x.call] < 0:
				t = uint64(s) + 1 // never equal
			case s == 0:
				t = mix(salt, uint64(x.call))
			default:
				t = mix(salt, uint64(m.pair[1][x.call]))
			}
			m.tokens[s] = append(m.tokens[s], t)
			calls[s] = append(calls[s], x.call)
		})
	}
	m.calls = calls
	budget := int64(len(calls[0])+len(calls[1])) * 64
	runs, _ := m.aligner.align(m.tokens[0], m.tokens[1], &budget)
	runs = append(runs, aligned{len(calls[0]), len(calls[1]), 0})
	x, y := 0, 0
	for _, r := range runs {
		var open [2][]int32
		for _, c := range calls[0][x:r.a] {
			if c >= 0 && m.pair[0][c] < 0 {
				open[0] = append(open[0], c)
			}
		}
		for _, c := range calls[1][y:r.b] {
			if c >= 0 && m.pair[1][c] < 0 {
				open[1] = append(open[1], c)
			}
		}
		if len(open[0]) == len(open[1]) {
			for k := range open[0] {
				m.hint(open[0][k], open[1][k])
			}
		}
		x, y = r.a+r.n, r.b+r.n
	}
}

// maxItems bounds what is aligned of one function.
const maxItems = 1 << 11

// hints looks for hints in all pairs again.
func (m *matcher) hints() {
	for i := range m.list {
		if c := &m.list[i]; c.hints > 0 {
			c.hints, c.stale = 0, true
			m.best[0][c.a].stale, m.best[1][c.b].stale = true, true
		}
	}
	for i, j := range m.pair[0] {
		if j >= 0 {
			m.inOrder(int32(i), j)
		}
	}
}

// around looks at what is around a new pair: its neighbours may be pairs, and
// are more likely so or less.
func (m *matcher) around(a, b int32) {
	m.suggest(a+1, b+1, ByBefore)
	m.suggest(a-1, b-1, ByBefore)
	for _, list := range [2]*[2]rows[int32]{&m.callees, &m.callers} {
		x, y := m.open[0][:0], m.open[1][:0]
		for _, i := range list[0].of(a) {
			if m.pair[0][i] < 0 && len(x) < maxNeighbours {
				x = append(x, i)
			}
		}
		for _, i := range list[1].of(b) {
			if m.pair[1][i] < 0 && len(y) < maxNeighbours {
				y = append(y, i)
			}
		}
		m.open = [2][]int32{x, y}
		for k := range min(len(x), len(y)) {
			m.suggest(x[k], y[k], ByCaller)
		}
		for _, p := range x[:min(len(x), maxPeers)] {
			for _, q := range y[:min(len(y), maxPeers)] {
				m.suggest(p, q, ByCaller)
			}
		}
	}
}

// changed makes stale what depends on a function having a partner or not.
func (m *matcher) changed(s int, i int32) {
	for _, c := range m.of[s][i] { // which can't be pairs any more
		m.best[0][m.list[c].a].stale, m.best[1][m.list[c].b].stale = true, true
	}
	touch := func(i int32) {
		if i < 0 || int(i) >= len(m.of[s]) || m.pair[s][i] >= 0 {
			return
		}
		for _, c := range m.of[s][i] {
			m.list[c].stale = true
			m.best[0][m.list[c].a].stale, m.best[1][m.list[c].b].stale = true, true
		}
	}
	for _, d := range [2]int32{-1, 1} {
		for k := i + d; k >= i-nearby && k <= i+nearby && k >= 0 && int(k) < len(m.pair[s]); k += d {
			touch(k)
			if m.pair[s][k] >= 0 {
				break
			}
		}
	}
	for _, list := range [2]*[2]rows[int32]{&m.callees, &m.callers} {
		near := list[s].of(i)
		for _, k := range near[:min(len(near), maxNeighbours)] {
			touch(k)
		}
	}
}

// look finds the best candidates of a function again, where something changed.
func (m *matcher) look(s int, i int32) *best {
	b := &m.best[s][i]
	if !b.stale {
		return b
	}
	*b = best{first: -1}
	list := m.of[s][i][:0]
	for _, k := range m.of[s][i] {
		c := &m.list[k]
		if m.pair[0][c.a] >= 0 || m.pair[1][c.b] >= 0 {
			continue
		}
		list = append(list, k)
		if c.stale {
			c.like, c.stale = m.like(c), false
		}
		if c.like > b.like {
			b.first, b.like, b.second = k, c.like, b.like
		} else {
			b.second = max(b.second, c.like)
		}
	}
	m.of[s][i] = list
	return b
}

// likely pairs the functions that are most like each other, if they are like
// enough, and returns how many.
func (m *matcher) likely(t threshold) (n int) {
	var found []int32
	for i := range m.pair[0] {
		if m.pair[0][i] >= 0 || len(m.of[0][i]) == 0 {
			continue
		}
		x := m.look(0, int32(i))
		if x.first < 0 || x.like < t.least || x.like-x.second < t.ahead {
			continue
		}
		if y := m.look(1, m.list[x.first].b); y.first == x.first && y.like-y.second >= t.ahead {
			found = append(found, x.first)
		}
	}
	for _, k := range found {
		if c := &m.list[k]; m.pairUp(c.a, c.b, c.key) {
			n++
		}
	}
	return n
}

// prepare finds the first candidates.
func (m *matcher) prepare() {
	m.findFeatures()
	m.findNeighbours()
	for s := range m.side {
		m.of[s] = make([][]int32, len(m.pair[s]))
		m.best[s] = make([]best, len(m.pair[s]))
		for i := range m.best[s] {
			m.best[s][i].first = -1
		}
	}
	m.ready = true
	for i, j := range m.pair[0] {
		if j >= 0 {
			m.around(int32(i), j)
		}
	}
	m.byKeys(func(s int, i int32, each func(uint64)) {
		for _, f := range m.features[s].of(i) {
			each(f.hash)
		}
	})
	m.byKeys(m.looks)
}

// looks are keys that functions of the same form share.
func (m *matcher) looks(s int, i int32, each func(uint64)) {
	if m.isNode(s, i) {
		return
	}
	f := &m.side[s].Functions[i]
	if f.Instructions < 4 {
		return
	}
	each(f.ops ^ 1)
	if f.Blocks > 2 {
		each(f.shape ^ 2)
	}
	for k, v := range m.sketch(s, i) {
		each(mix(uint64(k)+3, v))
	}
}

// sketch are four parts of a SimHash over the operations (Charikar 2002), of
// which functions that are alike mostly share one.
func (m *matcher) sketch(s int, i int32) (out [4]uint64) {
	f := &m.side[s].Functions[i]
	// 64 sums side by side: bit j of planes[n] is bit n of sum j.
	var planes [16]uint64
	total := uint64(0)
	for k, n := range f.bins {
		weight := uint64(bits.Len16(n))
		total += weight
		for n := 0; weight != 0; n, weight = n+1, weight>>1 {
			if weight&1 == 0 {
				continue
			}
			carry := binHash[k]
			for p := n; carry != 0; p++ {
				planes[p], carry = planes[p]^carry, planes[p]&carry
			}
		}
	}
	// A bit is set where more than half of all weights have it.
	more, equal := uint64(0), ^uint64(0)
	for p := len(planes) - 1; p >= 0; p-- {
		half := -(total / 2 >> p & 1)
		more |= equal & planes[p] &^ half
		equal &= ^(planes[p] ^ half)
	}
	for j := range out {
		out[j] = more >> (16 * j) & 0xffff
	}
	return out
}

// binHash are the bits that a bin stands for in a sketch.
var binHash = func() (out [binCount]uint64) {
	for k := range out {
		h := (uint64(k) + 1) * 0x9e3779b97f4a7c15
		h ^= h >> 29
		h *= 0xbf58476d1ce4e5b9
		out[k] = h ^ h>>32
	}
	return out
}()

// byKeys finds candidates that share a key which few have.
func (m *matcher) byKeys(keys func(s int, i int32, each func(uint64))) {
	list := &m.keyed
	for s := range m.side {
		list[s] = list[s][:0]
		for i := range m.pair[s] {
			if m.pair[s][i] < 0 {
				keys(s, int32(i), func(k uint64) { list[s] = append(list[s], keyed{k, int32(i)}) })
			}
		}
		m.sorter.sort(list[s])
	}
	// By function, since the order of keys is another in each run.
	var found [][2]int32
	same(list[0], list[1], func(x, y []keyed) {
		if len(x) > maxShared || len(y) > maxShared {
			return
		}
		for _, a := range x {
			for _, b := range y {
				found = append(found, [2]int32{a.of, b.of})
			}
		}
	})
	slices.SortFunc(found, func(a, b [2]int32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, p := range slices.Compact(found) {
		m.suggest(p[0], p[1], ByText)
	}
}

// same hands out the runs of two sorted lists that have the same key.
func same(a, b []keyed, each func(a, b []keyed)) {
	run := func(l []keyed) int {
		n := 1
		for n < len(l) && l[n].key == l[0].key {
			n++
		}
		return n
	}
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].key < b[0].key:
			a = a[1:]
		case a[0].key > b[0].key:
			b = b[1:]
		default:
			n, k := run(a), run(b)
			each(a[:n], b[:k])
			a, b = a[n:], b[k:]
		}
	}
}
