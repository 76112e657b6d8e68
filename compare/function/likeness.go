package function

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
)

func hashString(s string) uint64 { return maphash.String(seed, s) | 1 }

// threshold is what two functions must be like to be a pair, in thousandths,
// and by how much more than any other.
type threshold struct{ least, ahead int32 }

// thresholds are gone down step by step: each pair tells more about others.
var thresholds = []threshold{{900, 60}, {800, 60}, {700, 60}, {600, 60}, {520, 60}, {450, 80}}

// Bounds on the work for one function.
const (
	maxShared     = 12 // functions that a feature may have on a side to find them by it
	maxCandidates = 64
	maxPeers      = 12 // callers or callees of a pair that are compared with each other
)

// features are the hashes of what a function points at that other builds of it
// point at too: imports, texts, data and numbers, sorted, each once.
func (m *matcher) features(s int, i int32) []uint64 {
	if f := m.feats[s][i]; f != nil {
		return f
	}
	p := m.side[s]
	list := make([]uint64, 0, 8)
	for _, o := range p.operandsOf(i) {
		switch o.kind {
		case kindImport, kindText, kindNumber:
			list = append(list, p.token(&o))
		case kindData:
			if p.objects[o.n].size >= 8 {
				list = append(list, p.token(&o))
			}
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	m.feats[s][i] = list
	return list
}

// weigh counts how many functions have each feature: the fewer, the more it
// says.
func (m *matcher) weigh() {
	m.heavy = map[uint64]int32{}
	for s, p := range m.side {
		for i := range p.Functions {
			for _, f := range m.features(s, int32(i)) {
				m.heavy[f]++
			}
		}
	}
	for f, n := range m.heavy {
		m.heavy[f] = max(4, 20-2*int32(bits.Len32(uint32(n))))
	}
}

// body is how like the bodies of two functions are, in thousandths, and how
// much that says.
func (m *matcher) body(a, b int32) (like, weight int32) {
	if v, ok := m.kept[[2]int32{a, b}]; ok {
		return v >> 12, v & 0xfff
	}
	fa, fb := &m.side[0].Functions[a], &m.side[1].Functions[b]
	var sum, weights int32
	add := func(v, w int32) { sum, weights = sum+v*w, weights+w }
	low, high := uint32(0), uint32(0)
	for k := range fa.bins {
		x, y := uint32(fa.bins[k]), uint32(fb.bins[k])
		low += min(x, y)
		high += max(x, y)
	}
	add(int32(1000*uint64(low)/uint64(max(high, 1))), 30)
	n, k := int32(min(fa.Instructions, 1<<20)), int32(min(fb.Instructions, 1<<20))
	add(1000*min(n, k)/max(n, k, 1), 10)
	x, y := m.features(0, a), m.features(1, b)
	both, all := int32(0), int32(0)
	for len(x) > 0 || len(y) > 0 {
		switch {
		case len(y) == 0 || len(x) > 0 && x[0] < y[0]:
			all += m.heavy[x[0]]
			x = x[1:]
		case len(x) == 0 || y[0] < x[0]:
			all += m.heavy[y[0]]
			y = y[1:]
		default:
			both += m.heavy[x[0]]
			all += m.heavy[x[0]]
			x, y = x[1:], y[1:]
		}
	}
	if all > 0 {
		add(int32(1000*int64(both)/int64(all)), min(10+all/2, 50))
	}
	like, weight = sum/weights, weights
	m.kept[[2]int32{a, b}] = like<<12 | weight
	return like, weight
}

// like is how like two functions are with all that is known, in thousandths.
func (m *matcher) like(a, b int32) int32 {
	v, w := m.body(a, b)
	sum, weights := v*w, w
	for _, c := range [2]func(s int, i int32, each func(int32)){m.callees, m.callersOf} {
		both, known, others := m.common(a, b, c)
		if known > 0 {
			weight := min(8+8*known, 40)
			sum += 1000 * both / (known + others/2) * weight
			weights += weight
		}
	}
	near, n := m.near(a, b)
	sum += near * 20 * n
	weights += 20 * n
	return sum / weights
}

func (m *matcher) callees(s int, i int32, each func(int32)) {
	for _, o := range m.side[s].operandsOf(i) {
		if o.kind == kindFunction {
			each(int32(o.n))
		}
	}
}

func (m *matcher) callersOf(s int, i int32, each func(int32)) {
	list := m.side[s].calledBy(i)
	for _, c := range list[:min(len(list), 256)] {
		each(c[0])
	}
}

// common counts pairs among the neighbours of two functions: those that both
// have, all that either has, and neighbours without a partner.
func (m *matcher) common(a, b int32, list func(int, int32, func(int32))) (both, known, others int32) {
	var x, y []int32
	open := [2]int32{}
	list(0, a, func(i int32) {
		if m.pair[0][i] >= 0 {
			x = append(x, m.pair[0][i])
		} else {
			open[0]++
		}
	})
	list(1, b, func(i int32) {
		if m.pair[1][i] >= 0 {
			y = append(y, i)
		} else {
			open[1]++
		}
	})
	slices.Sort(x)
	slices.Sort(y)
	x, y = slices.Compact(x), slices.Compact(y)
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] < y[0]:
			x = x[1:]
		case x[0] > y[0]:
			y = y[1:]
		default:
			both++
			x, y = x[1:], y[1:]
			continue
		}
		known++
	}
	known += both + int32(len(x)+len(y))
	return both, known, max(open[0], open[1]) - min(open[0], open[1])
}

// near says whether the functions before and behind are pairs: 1000 or 0, and
// how many of the two have partners at all.
func (m *matcher) near(a, b int32) (v, n int32) {
	for _, d := range [2]int32{-1, 1} {
		x, y := a+d, b+d
		if x < 0 || y < 0 || int(x) >= len(m.pair[0]) || int(y) >= len(m.pair[1]) || m.pair[0][x] < 0 && m.pair[1][y] < 0 {
			continue
		}
		n++
		if m.pair[0][x] == y {
			v += 1000
		}
	}
	if n > 0 {
		v /= n
	}
	return v, n
}

// candidate is a possible pair.
type candidate struct {
	a, b  int32
	like  int32
	where Key
}

// likely pairs the functions that are most like each other, if they are like
// enough, and returns how many.
func (m *matcher) likely(t threshold) (n int) {
	list := m.candidates()
	for i := range list {
		list[i].like = m.like(list[i].a, list[i].b)
	}
	// Of each function the likeness of its best candidate, and of the next.
	var best, next [2]map[int32]int32
	for s := range best {
		best[s], next[s] = map[int32]int32{}, map[int32]int32{}
	}
	note := func(s int, i, v int32) {
		if v > best[s][i] {
			best[s][i], v = v, best[s][i]
		}
		next[s][i] = max(next[s][i], v)
	}
	for _, c := range list {
		note(0, c.a, c.like)
		note(1, c.b, c.like)
	}
	for _, c := range list {
		if c.like >= t.least && c.like == best[0][c.a] && c.like == best[1][c.b] && c.like-max(next[0][c.a], next[1][c.b]) >= t.ahead && m.pairUp(c.a, c.b, c.where) {
			n++
		}
	}
	return n
}

// candidates lists possible pairs, each once.
func (m *matcher) candidates() []candidate {
	var list []candidate
	add := func(a, b int32, k Key) {
		if a >= 0 && b >= 0 && int(a) < len(m.pair[0]) && int(b) < len(m.pair[1]) && m.pair[0][a] < 0 && m.pair[1][b] < 0 {
			list = append(list, candidate{a: a, b: b, where: k})
		}
	}
	m.byPairs(add)
	for _, k := range [2]func(int, int32, func(uint64)){m.rare, m.looks} {
		m.byKeys(k, add)
	}
	slices.SortFunc(list, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b), cmp.Compare(x.where, y.where))
	})
	return slices.CompactFunc(list, func(x, y candidate) bool { return x.a == y.a && x.b == y.b })
}

// byPairs finds candidates around pairs: what they call, who calls them, what
// stands beside them.
func (m *matcher) byPairs(add func(a, b int32, k Key)) {
	for i, j := range m.pair[0] {
		if j < 0 {
			continue
		}
		a := int32(i)
		add(a+1, j+1, ByBefore)
		add(a-1, j-1, ByBefore)
		for _, list := range [2]func(int, int32, func(int32)){m.callees, m.callersOf} {
			x, y := m.open(0, a, list), m.open(1, j, list)
			if len(x) == 0 || len(y) == 0 {
				continue
			}
			if len(x) > maxPeers || len(y) > maxPeers {
				for k := range min(len(x), len(y)) {
					add(x[k], y[k], ByCaller)
				}
				continue
			}
			for _, p := range x {
				for _, q := range y {
					add(p, q, ByCaller)
				}
			}
		}
	}
}

// open are the neighbours without partner, in order, each once.
func (m *matcher) open(s int, i int32, list func(int, int32, func(int32))) (out []int32) {
	list(s, i, func(n int32) {
		if m.pair[s][n] < 0 && len(out) < 4*maxPeers && !slices.Contains(out, n) {
			out = append(out, n)
		}
	})
	return out
}

// rare are the features of a function, of which byKeys takes those that few
// have.
func (m *matcher) rare(s int, i int32, each func(uint64)) {
	for _, f := range m.features(s, i) {
		each(f)
	}
}

// looks are keys that functions of the same form share.
func (m *matcher) looks(s int, i int32, each func(uint64)) {
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

// sketch are four parts of a SimHash over the operations, of which functions
// that are alike mostly share one.
func (m *matcher) sketch(s int, i int32) (out [4]uint64) {
	f := &m.side[s].Functions[i]
	var sum [64]int32
	for k, n := range f.bins {
		if n == 0 {
			continue
		}
		weight := int32(bits.Len16(n))
		h := (uint64(k) + 1) * 0x9e3779b97f4a7c15
		h ^= h >> 29
		h *= 0xbf58476d1ce4e5b9
		h ^= h >> 32
		for j := range sum {
			sum[j] += weight * (int32(h>>j&1)*2 - 1)
		}
	}
	for j, v := range sum {
		if v > 0 {
			out[j/16] |= 1 << (j % 16)
		}
	}
	return out
}

// byKeys finds candidates that share a key which few have.
func (m *matcher) byKeys(keys func(s int, i int32, each func(uint64)), add func(a, b int32, k Key)) {
	var list [2][]keyed
	for s, p := range m.side {
		for i := range p.Functions {
			if m.pair[s][i] < 0 {
				keys(s, int32(i), func(k uint64) { list[s] = append(list[s], keyed{k, int32(i)}) })
			}
		}
		slices.SortFunc(list[s], func(a, b keyed) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.of, b.of)) })
	}
	a, b := list[0], list[1]
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].key < b[0].key:
			a = a[1:]
			continue
		case a[0].key > b[0].key:
			b = b[1:]
			continue
		}
		n, k := 1, 1
		for n < len(a) && a[n].key == a[0].key {
			n++
		}
		for k < len(b) && b[k].key == b[0].key {
			k++
		}
		if n <= maxShared && k <= maxShared {
			for _, x := range a[:n] {
				for _, y := range b[:k] {
					add(x.of, y.of, ByText)
				}
			}
		}
		a, b = a[n:], b[k:]
	}
}
