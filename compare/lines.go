package compare

import (
	"slices"
	"strings"
)

// Hunk is a run of lines that differ, with up to three lines around it. Lines
// count from 1; where a side has none, its number is that of the line before.
type Hunk struct {
	Old, New int // first line on each side
	Lines    []Line
}

// Line is a line of a hunk: Sign is ' ', '-' or '+'.
type Line struct {
	Sign byte
	Text string
}

// around is how many equal lines stand around those that differ.
const around = 3

// maxSteps bounds the edits that are looked for between two lines that occur
// once on each side; beyond it everything between them differs.
const maxSteps = 2000

// edits is the difference of two texts by lines: for each line of a and of b
// whether it is in the other, in an order that both have.
type edits struct{ a, b []bool }

// diff finds lines that both texts have in one order. First come those that
// occur once in each (patience diff), then, between them, the shortest edits
// (Myers 1986, An O(ND) Difference Algorithm), as long as these are few.
func diff(a, b []string) edits {
	if slices.Compare(a, b) > 0 { // the same lines, whichever text is the old one
		e := diff(b, a)
		return edits{e.b, e.a}
	}
	number := make(map[string]int32, len(a))
	id := func(lines []string) []int32 {
		out := make([]int32, len(lines))
		for i, s := range lines {
			n, ok := number[s]
			if !ok {
				n = int32(len(number))
				number[s] = n
			}
			out[i] = n
		}
		return out
	}
	d := differ{a: id(a), b: id(b)}
	d.same = edits{make([]bool, len(a)), make([]bool, len(b))}
	d.uniques(len(number))
	d.between(0, len(a), 0, len(b))
	return d.same
}

type differ struct {
	a, b  []int32
	same  edits
	count []uint8 // by line: bits 0-1 how often in a, 2-3 in b, two at most
	at    []int32 // by line: where in b
}

func (d *differ) uniques(n int) {
	d.count, d.at = make([]uint8, n), make([]int32, n)
	for _, v := range d.a {
		if d.count[v]&3 < 2 {
			d.count[v]++
		}
	}
	for j, v := range d.b {
		d.at[v] = int32(j)
		if d.count[v]>>2 < 2 {
			d.count[v] += 4
		}
	}
}

// between marks the lines that a[i:m] and b[j:n] have in common.
func (d *differ) between(i, m, j, n int) {
	for i < m && j < n && d.a[i] == d.b[j] {
		d.same.a[i], d.same.b[j] = true, true
		i, j = i+1, j+1
	}
	for i < m && j < n && d.a[m-1] == d.b[n-1] {
		m, n = m-1, n-1
		d.same.a[m], d.same.b[n] = true, true
	}
	if i == m || j == n {
		return
	}
	anchors := d.anchors(i, m, j, n)
	if len(anchors) == 0 {
		d.shortest(i, m, j, n)
		return
	}
	for _, x := range anchors {
		d.plain(i, x[0], j, x[1])
		d.same.a[x[0]], d.same.b[x[1]] = true, true
		i, j = x[0]+1, x[1]+1
	}
	d.plain(i, m, j, n)
}

// plain is between without looking for lines that occur once: there are none.
func (d *differ) plain(i, m, j, n int) {
	for i < m && j < n && d.a[i] == d.b[j] {
		d.same.a[i], d.same.b[j] = true, true
		i, j = i+1, j+1
	}
	for i < m && j < n && d.a[m-1] == d.b[n-1] {
		m, n = m-1, n-1
		d.same.a[m], d.same.b[n] = true, true
	}
	if i < m && j < n {
		d.shortest(i, m, j, n)
	}
}

// anchors are the lines that occur once on each side, as many as stand in one
// order on both: a longest increasing subsequence.
func (d *differ) anchors(i, m, j, n int) [][2]int {
	var list [][2]int
	for k := i; k < m; k++ {
		if v := d.a[k]; d.count[v] == 1|1<<2 && int(d.at[v]) >= j && int(d.at[v]) < n {
			list = append(list, [2]int{k, int(d.at[v])})
		}
	}
	return increasing(list)
}

// increasing is a longest run of pairs, sorted by their first number, in which
// the second grows.
func increasing(list [][2]int) [][2]int {
	var ends []int // ends[l]: the pair that ends the best run of length l+1
	before := make([]int, len(list))
	for k := range list {
		l, _ := slices.BinarySearchFunc(ends, list[k][1], func(e, v int) int { return list[e][1] - v })
		before[k] = -1
		if l > 0 {
			before[k] = ends[l-1]
		}
		if l == len(ends) {
			ends = append(ends, k)
		} else {
			ends[l] = k
		}
	}
	if len(ends) == 0 {
		return nil
	}
	out := make([][2]int, len(ends))
	for k, l := ends[len(ends)-1], len(ends)-1; k >= 0; k, l = before[k], l-1 {
		out[l] = list[k]
	}
	return out
}

// shortest marks the lines of a shortest edit from a[i:m] to b[j:n], none where
// it takes more than maxSteps.
func (d *differ) shortest(i, m, j, n int) {
	a, b := d.a[i:m], d.b[j:n]
	most := min(len(a)+len(b), maxSteps)
	v := make([]int32, 2*most+2)
	var trace [][]int32
	for s := 0; s <= most; s++ {
		for k := -s; k <= s; k += 2 {
			x := int32(0)
			switch {
			case s == 0:
			case k == -s || k != s && v[k-1+most] < v[k+1+most]:
				x = v[k+1+most]
			default:
				x = v[k-1+most] + 1
			}
			y := x - int32(k)
			for int(x) < len(a) && int(y) < len(b) && a[x] == b[y] {
				x, y = x+1, y+1
			}
			v[k+most] = x
			if int(x) >= len(a) && int(y) >= len(b) {
				d.walk(i, j, trace, most, s, k, int(x))
				return
			}
		}
		trace = append(trace, slices.Clone(v[most-s:most+s+1]))
	}
}

// walk follows a shortest edit back and marks the equal lines on its way.
func (d *differ) walk(i, j int, trace [][]int32, most, s, k, x int) {
	for ; s >= 0; s-- {
		from, begin := 0, 0
		if s > 0 {
			row := trace[s-1] // of diagonals -(s-1)…s-1
			get := func(k int) int {
				if k < -(s-1) || k > s-1 {
					return -1
				}
				return int(row[k+s-1])
			}
			if k == -s || k != s && get(k-1) < get(k+1) {
				from, begin = k+1, get(k+1)
			} else {
				from, begin = k-1, get(k-1)+1
			}
		}
		for x > begin {
			x--
			d.same.a[i+x], d.same.b[j+x-k] = true, true
		}
		if s > 0 {
			if from == k-1 {
				x = begin - 1
			}
			k = from
		}
	}
}

// block is a run of lines that differ: a[i:m] stands where b[j:n] does.
type block struct{ i, m, j, n int }

func (e *edits) blocks() (list []block) {
	for i, j := 0, 0; i < len(e.a) || j < len(e.b); {
		x := block{i: i, j: j}
		for i < len(e.a) && !e.a[i] {
			i++
		}
		for j < len(e.b) && !e.b[j] {
			j++
		}
		if x.m, x.n = i, j; x.i < i || x.j < j {
			list = append(list, x)
		}
		for i < len(e.a) && j < len(e.b) && e.a[i] && e.b[j] {
			i, j = i+1, j+1
		}
	}
	return list
}

// hunks puts a difference into hunks: blocks that are near each other are one.
func (e *edits) hunks(a, b []string) (list []Hunk) {
	blocks := e.blocks()
	for k := 0; k < len(blocks); {
		x := blocks[k]
		n := min(around, x.i)
		h := Hunk{Old: x.i - n + 1, New: x.j - n + 1}
		put := func(sign byte, lines []string) {
			for _, s := range lines {
				h.Lines = append(h.Lines, Line{sign, s})
			}
		}
		put(' ', a[x.i-n:x.i])
		for {
			put('-', a[x.i:x.m])
			put('+', b[x.j:x.n])
			k++
			if k == len(blocks) || blocks[k].i-x.m > 2*around {
				break
			}
			put(' ', a[x.m:blocks[k].i])
			x = blocks[k]
		}
		put(' ', a[x.m:min(x.m+around, len(a))])
		list = append(list, h)
	}
	return list
}

// lines splits text at its line ends; a last line without one keeps a mark.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	list := strings.SplitAfter(text, "\n")
	if list[len(list)-1] == "" {
		return list[:len(list)-1]
	}
	return list
}
