package function

import (
	"testing"

	"pgregory.net/rapid"
)

// TestAlign holds alignments to what they must be: equal values, in order, and
// where values are few as many as there can be.
func TestAlign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Uint64Range(1, rapid.Uint64Range(1, 12).Draw(t, "values"))
		a := rapid.SliceOfN(value, 0, 30).Draw(t, "a")
		b := rapid.SliceOfN(value, 0, 30).Draw(t, "b")
		runs, exact := align(a, b, budget())
		if !exact {
			t.Fatal("too different")
		}
		x, y, n := 0, 0, 0
		for _, r := range runs {
			if r.n <= 0 || r.a < x || r.b < y || r.a+r.n > len(a) || r.b+r.n > len(b) {
				t.Fatalf("runs %v", runs)
			}
			for k := range r.n {
				if a[r.a+k] != b[r.b+k] {
					t.Fatalf("%v aligns %d with %d", r, a[r.a+k], b[r.b+k])
				}
			}
			x, y, n = r.a+r.n, r.b+r.n, n+r.n
		}
		l := aligner{exact: true, budget: budget()}
		l.shortest(a, b, 0, 0)
		n = 0
		for _, r := range l.runs {
			n += r.n
		}
		if best := common(a, b); n != best {
			t.Fatalf("%d in common, not %d: %v of %v and %v", n, best, l.runs, a, b)
		}
	})
}

// common is the length of the longest common subsequence.
func common(a, b []uint64) int {
	row := make([]int, len(b)+1)
	for i := range a {
		before := 0
		for j := range b {
			v := max(row[j], row[j+1])
			if a[i] == b[j] {
				v = before + 1
			}
			before, row[j+1] = row[j+1], v
		}
	}
	return row[len(b)]
}

func budget() *int64 {
	n := int64(1 << 30)
	return &n
}
