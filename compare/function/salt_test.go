package function_test

import (
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/wardein/wardein/compare/function"
	"github.com/wardein/wardein/internal/testkit"
)

// TestSalt compares with several salts, as several processes do: what comes of
// it is the same. It does not run beside other tests.
func TestSalt(t *testing.T) {
	type result struct {
		pairs      []function.Pair
		gone, came []int
		data       []function.DataChange
		hunks      [][]function.Hunk
	}
	compare := func(a, b []byte) (r result) {
		old, _ := read(t, a, true)
		new, _ := read(t, b, true)
		m := function.Match(old, new)
		r.pairs, r.gone, r.came, r.data = m.Pairs, m.Gone, m.Came, m.Data()
		for _, p := range m.Pairs {
			if p.Same == function.Changed && len(r.hunks) < 100 {
				h, _ := m.Diff(p)
				r.hunks = append(r.hunks, h)
			}
		}
		return r
	}
	same := func(t *testing.T, a, b []byte) {
		want := compare(a, b)
		for range 4 {
			function.Resalt()
			if got := compare(a, b); !reflect.DeepEqual(got, want) {
				t.Fatalf("another salt, another result: %d pairs, %d gone, %d came, %d of data; first %d, %d, %d, %d",
					len(got.pairs), len(got.gone), len(got.came), len(got.data), len(want.pairs), len(want.gone), len(want.came), len(want.data))
			}
		}
		t.Logf("%d pairs, %d gone, %d came", len(want.pairs), len(want.gone), len(want.came))
	}
	// Programs that have little in common have many pairs by likeness, few of
	// them by much.
	t.Run("programs", func(t *testing.T) {
		var data [2][]byte
		for i, path := range []string{"/bin/bash", "/bin/tar"} {
			var err error
			if data[i], err = os.ReadFile(path); err != nil {
				t.Skip(err)
			}
		}
		same(t, data[0], data[1])
	})
	for i, b := range targets {
		if i%3 != 0 {
			continue
		}
		t.Run(b.cc, func(t *testing.T) {
			cc := testkit.Tool(t, b.cc)
			same(t, build(t, cc, append(slices.Clone(b.args), "-Os"), nil), build(t, cc, append(slices.Clone(b.args), "-O2"), []string{"ADDED", "CONSTANT", "CALL"}))
		})
	}
}
