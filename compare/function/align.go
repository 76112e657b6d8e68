package function

import (
	"cmp"
	"slices"
)

// maxEdits bounds the search for the shortest difference of two runs without
// anything that occurs once: work and memory grow with its square.
const maxEdits = 128

// aligned is a run of n instructions that both have, from a in the old and
// from b in the new one.
type aligned struct{ a, b, n int }

// align finds what two sequences have in common, in order. exact is false
// where a part was too different to be looked at closely; it is left unaligned.
//
// What occurs once in each is aligned first (patience diff), what is between
// by the shortest difference (Myers, "An O(ND) Difference Algorithm", 1986).
//
// budget is how many steps the search may take, and becomes less by those that
// it took.
func align(a, b []uint64, budget *int64) (runs []aligned, exact bool) {
	var l aligner
	return l.align(a, b, budget)
}

// align is as the function, but what it returns is good until the next time.
func (l *aligner) align(a, b []uint64, budget *int64) (runs []aligned, exact bool) {
	l.runs, l.exact, l.budget = l.runs[:0], true, budget
	l.run(a, b, 0, 0, 0)
	return l.runs, l.exact
}

type aligner struct {
	runs   []aligned
	exact  bool
	budget *int64

	once  once // for use again
	v     []int32
	steps []int32
	found []aligned
	piles []int
}

// shortRun is how many values the shortest difference is looked for at once.
const shortRun = 48

// add appends a run, or makes the last one longer.
func (l *aligner) add(a, b, n int) {
	if n == 0 {
		return
	}
	if k := len(l.runs) - 1; k >= 0 && l.runs[k].a+l.runs[k].n == a && l.runs[k].b+l.runs[k].n == b {
		l.runs[k].n += n
		return
	}
	l.runs = append(l.runs, aligned{a, b, n})
}

// maxDepth bounds how often what is between unique values is divided again.
const maxDepth = 32

func (l *aligner) run(a, b []uint64, fromA, fromB, depth int) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	l.add(fromA, fromB, n)
	a, b, fromA, fromB = a[n:], b[n:], fromA+n, fromB+n
	tail := 0
	for tail < len(a) && tail < len(b) && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	a, b = a[:len(a)-tail], b[:len(b)-tail]
	if len(a) > 0 && len(b) > 0 {
		var anchors [][2]int
		if len(a)+len(b) > shortRun && depth < maxDepth {
			anchors = l.anchors(a, b)
		}
		if len(anchors) > 0 {
			x, y := 0, 0
			for _, at := range anchors {
				l.run(a[x:at[0]], b[y:at[1]], fromA+x, fromB+y, depth+1)
				l.add(fromA+at[0], fromB+at[1], 1)
				x, y = at[0]+1, at[1]+1
			}
			l.run(a[x:], b[y:], fromA+x, fromB+y, depth+1)
		} else {
			l.shortest(a, b, fromA, fromB)
		}
	}
	l.add(fromA+len(a), fromB+len(b), tail)
}

// anchors lists the places of values that occur once in each, as far as they are
// in the same order in both: the longest such list.
func (l *aligner) anchors(a, b []uint64) (list [][2]int) {
	if list = l.once.places(a, b, nil); len(list) == 0 {
		return nil
	}
	// The longest rising sequence of the second numbers (patience sorting).
	piles := l.piles[:0] // index of each pile's top
	before := make([]int, len(list))
	for i, p := range list {
		k, _ := slices.BinarySearchFunc(piles, p[1], func(top, v int) int { return cmp.Compare(list[top][1], v) })
		if before[i] = -1; k > 0 {
			before[i] = piles[k-1]
		}
		if k == len(piles) {
			piles = append(piles, i)
		} else {
			piles[k] = i
		}
	}
	l.piles = piles
	out := make([][2]int, len(piles))
	for i, k := piles[len(piles)-1], len(piles)-1; i >= 0; i, k = before[i], k-1 {
		out[k] = list[i]
	}
	return out
}

// shortest aligns by the shortest difference, if that has at most maxEdits
// parts.
func (l *aligner) shortest(a, b []uint64, fromA, fromB int) {
	limit := min(len(a)+len(b), maxEdits)
	v := slices.Grow(l.v[:0], 2*limit+3)[:2*limit+3]
	clear(v)
	mid := limit + 1
	steps := l.steps[:0]
	defer func() { l.v, l.steps = v, steps }()
	for d := 0; d <= limit && *l.budget > 0; d++ {
		*l.budget -= int64(d + 1)
		steps = append(steps, v[mid-d:mid+d+1]...)
		for k := -d; k <= d; k += 2 {
			x := v[mid+k-1] + 1
			if k == -d || k != d && v[mid+k-1] < v[mid+k+1] {
				x = v[mid+k+1]
			}
			for int(x) < len(a) && int(x)-k < len(b) && a[x] == b[int(x)-k] {
				x++
				*l.budget--
			}
			v[mid+k] = x
			if int(x) >= len(a) && int(x)-k >= len(b) {
				l.back(steps, d, len(a), len(b), fromA, fromB)
				return
			}
		}
	}
	l.exact = false
}

// back follows the steps of shortest from the end to the beginning.
func (l *aligner) back(steps []int32, last, x, y, fromA, fromB int) {
	runs := l.found[:0]
	for d := last; d >= 0; d-- {
		v := steps[d*d : (d+1)*(d+1)] // as it was before step d: of diagonals −d to d
		at := func(k int) int32 {
			if k < -d || k > d {
				return -1
			}
			return v[k+d]
		}
		k := x - y
		px, py := 0, 0
		if d > 0 {
			last := k - 1
			if k == -d || k != d && at(k-1) < at(k+1) {
				last = k + 1
			}
			px = int(at(last))
			py = px - last
			if last == k+1 { // down: one of b
				n := x - px
				runs = append(runs, aligned{px, y - n, n})
			} else {
				n := y - py
				runs = append(runs, aligned{x - n, py, n})
			}
		} else {
			runs = append(runs, aligned{0, 0, x})
		}
		x, y = px, py
	}
	slices.Reverse(runs)
	l.found = runs
	for _, r := range runs {
		l.add(fromA+r.a, fromB+r.b, r.n)
	}
}
