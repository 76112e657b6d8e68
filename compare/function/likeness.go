package function

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
)

func hashString(s string) uint64 { return maphash.String(seed, s) | 1 }

// feature is something that a function points at, and how much it says.
type feature struct {
	hash   uint64
	weight int32
}

// findFeatures gives each function without partner the hashes of what it
// points at that other builds of it point at too: imports, texts, data and
// numbers, sorted, each once. The fewer functions have one, the more it says.
func (m *matcher) findFeatures() {
	var all [2][]feature
	at := [2][]int32{}
	count := map[uint64]int32{}
	for s, p := range m.side {
		at[s] = make([]int32, 1, len(m.pair[s])+1)
		for i := range m.pair[s] {
			from := len(all[s])
			if m.pair[s][i] < 0 {
				p.points(int32(i), func(h uint64) { all[s] = append(all[s], feature{hash: h}) })
				list := all[s][from:]
				slices.SortFunc(list, func(a, b feature) int { return cmp.Compare(a.hash, b.hash) })
				all[s] = all[s][:from+len(slices.Compact(list))]
				for _, f := range all[s][from:] {
					count[f.hash]++
				}
			}
			at[s] = append(at[s], int32(len(all[s])))
		}
	}
	for s := range all {
		for i := range all[s] {
			all[s][i].weight = max(4, 20-2*int32(bits.Len32(uint32(count[all[s][i].hash]))))
		}
		m.features[s] = rows[feature]{at[s], all[s]}
	}
}

// rows are lists by function, one behind the other.
type rows[T any] struct {
	at  []int32
	all []T
}

func (r *rows[T]) of(i int32) []T { return r.all[r.at[i]:r.at[i+1]] }

// findNeighbours lists what each function or node calls, and who calls it, in
// the order of the code, each once.
func (m *matcher) findNeighbours() {
	for s, p := range m.side {
		n := len(m.pair[s])
		seen := make([]int32, n)
		count := make([]int32, n+1)
		c := rows[int32]{at: make([]int32, 1, n+1)}
		for i := range n {
			from := len(c.all)
			p.callees(int32(i), func(k int32) {
				if seen[k] != int32(i)+1 && len(c.all)-from < maxNeighbours {
					seen[k] = int32(i) + 1
					c.all = append(c.all, k)
					count[k+1]++
				}
			})
			c.at = append(c.at, int32(len(c.all)))
		}
		for i := range n {
			count[i+1] += count[i]
		}
		back := rows[int32]{at: slices.Clone(count), all: make([]int32, len(c.all))}
		for i := range n {
			for _, k := range c.of(int32(i)) {
				back.all[count[k]] = int32(i)
				count[k]++
			}
		}
		m.callees[s], m.callers[s] = c, back
		m.stamp[s] = make([]int32, n)
	}
}

// body is how like the bodies of two functions are, in thousandths, and how
// much that says.
func (m *matcher) body(a, b int32) (like, weight int32) {
	var sum, weights int32
	add := func(v, w int32) { sum, weights = sum+v*w, weights+w }
	if m.isNode(0, a) {
		n, k := m.callees[0].of(a), m.callees[1].of(b)
		add(int32(1000*min(len(n), len(k))/max(len(n), len(k), 1)), 20)
	} else {
		m.instructions(a, b, add)
	}
	x, y := m.features[0].of(a), m.features[1].of(b)
	both, all := int64(0), int64(0)
	for len(x) > 0 || len(y) > 0 {
		switch {
		case len(y) == 0 || len(x) > 0 && x[0].hash < y[0].hash:
			all += int64(x[0].weight)
			x = x[1:]
		case len(x) == 0 || y[0].hash < x[0].hash:
			all += int64(y[0].weight)
			y = y[1:]
		default:
			both += int64(x[0].weight)
			all += int64(x[0].weight)
			x, y = x[1:], y[1:]
		}
	}
	if all > 0 {
		add(int32(1000*both/all), int32(min(10+all/2, 50)))
	}
	return sum / weights, weights
}

// isNode says whether a number is that of a node.
func (m *matcher) isNode(s int, i int32) bool { return int(i) >= len(m.side[s].Functions) }

// instructions adds how like the instructions of two functions are.
func (m *matcher) instructions(a, b int32, add func(v, weight int32)) {
	fa, fb := &m.side[0].Functions[a], &m.side[1].Functions[b]
	low := uint32(0)
	for k, x := range fa.bins {
		low += uint32(min(x, fb.bins[k]))
	}
	high := fa.binned + fb.binned - low
	add(int32(1000*uint64(low)/uint64(max(high, 1))), 30)
	n, k := int32(min(fa.Instructions, 1<<20)), int32(min(fb.Instructions, 1<<20))
	add(1000*min(n, k)/max(n, k, 1), 10)
}

// prior is how much stands against any two functions being one.
const prior = 40

// like is how like two functions are with all that is known, in thousandths.
func (m *matcher) like(c *candidate) int32 {
	sum, weights := c.body*c.weight, c.weight
	if c.hints > 0 {
		weight := min(10+20*c.hints, 50)
		sum += 1000 * weight
		weights += weight
	}
	near, n := m.near(c.a, c.b)
	sum, weights = sum+near, weights+n
	for _, list := range [2]*[2]rows[int32]{&m.callees, &m.callers} {
		x, y := list[0].of(c.a), list[1].of(c.b)
		both, known, others := m.common(x[:min(len(x), maxNeighbours)], y[:min(len(y), maxNeighbours)])
		if known > 0 {
			weight := min(8+8*known, 40)
			sum += 1000 * both / (known + others/2) * weight
			weights += weight
		}
	}
	return sum / (weights + prior)
}

// common counts pairs among the neighbours of two functions: those that both
// have, all that either has, and how many more without a partner one has.
func (m *matcher) common(x, y []int32) (both, known, others int32) {
	m.now++
	open := int32(0)
	for _, j := range y {
		if m.pair[1][j] >= 0 {
			m.stamp[1][j] = m.now
			known++
		} else {
			open--
		}
	}
	for _, i := range x {
		switch j := m.pair[0][i]; {
		case j < 0:
			open++
		case m.stamp[1][j] == m.now:
			both++
		default:
			known++
		}
	}
	return both, known, max(open, -open)
}

// nearby is how many functions without a partner may stand between a function
// and its next neighbour that has one.
const nearby = 6

// next is the next function before or behind one that has a partner, and how
// far away it is; −1 where none is near.
func (m *matcher) next(s int, i, d int32) (at, far int32) {
	for far = 1; far <= nearby; far++ {
		if i += d; i < 0 || int(i) >= len(m.pair[s]) {
			return -1, far
		}
		if m.pair[s][i] >= 0 {
			return i, far
		}
	}
	return -1, far
}

// near weighs the next functions with partners before and behind: sum is more
// the more likely they make a pair of two functions, weights how much that
// says. What stands right before or behind says most.
func (m *matcher) near(a, b int32) (sum, weights int32) {
	for _, d := range [2]int32{-1, 1} {
		x, far := m.next(0, a, d)
		y, away := m.next(1, b, d)
		switch {
		case x >= 0 && y >= 0 && m.pair[0][x] == y:
			weight := int32(20)
			if far+away > 2 {
				weight = 10
			}
			sum += weight * max(0, 1000-50*(max(far, away)-1)-400*max(far-away, away-far))
			weights += weight
		case far == 1 && x >= 0 || away == 1 && y >= 0:
			weights += 20
		}
	}
	return sum, weights
}
