package unpack

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
)

// member is a name with the kind that matters for its path: f(ile), d(irectory)
// or l(ink).
func pathsOf(members ...string) (out []string) {
	n := &names{}
	for _, m := range members {
		out = append(out, n.next(m[2:], m[0] == 'f', m[0] == 'd'))
	}
	return out
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ members, want []string }{
		{[]string{"f a", "d b", "f b/c", "l b/d"}, []string{"a", "b", "b/c", "b/d"}},
		{[]string{"f a", "f a", "f a"}, []string{"a", "a#2", "a#3"}},
		{[]string{"f ./a", "f /a", "f a/"}, []string{"a", "a#2", "a#3"}},
		{[]string{"f a#2", "f a", "f a", "f a#2"}, []string{"a#2#1", "a", "a#2", "a#2#2"}},
		{[]string{"f #1", "f x#", "f x#1y", "f #", "f 12"}, []string{"#1#1", "x#", "x#1y", "#", "12"}},
		// The file comes first, the folder is told apart.
		{[]string{"f a", "f a/b", "f a/c", "f a", "f a/b"}, []string{"a", "a#2/b", "a#2/c", "a#3", "a#2/b#2"}},
		{[]string{"f a", "d a", "f a/b"}, []string{"a", "a#2", "a#2/b"}},
		{[]string{"f a", "f a/b", "d a", "d a"}, []string{"a", "a#2/b", "a#2", "a#3"}},
		{[]string{"l a", "d a", "f a/b"}, []string{"a", "a#2", "a#2/b"}},
		{[]string{"d a", "d a", "f a/b"}, []string{"a", "a#2", "a/b"}},
		// The folder comes first, listed or not.
		{[]string{"f a/b", "f a", "f a/c"}, []string{"a/b", "a#2", "a/c"}},
		{[]string{"f a/b", "d a", "f a/c"}, []string{"a/b", "a", "a/c"}},
		{[]string{"d a", "f a", "f a/b"}, []string{"a", "a#2", "a/b"}},
		// A link has no members of its own.
		{[]string{"l a", "f a/b", "f a"}, []string{"a", "a/b", "a#2"}},
		// Folders whose names look numbered.
		{[]string{"f a", "f a", "f a#2/b", "d a#2"}, []string{"a", "a#2", "a#2#1/b", "a#2#1"}},
		{[]string{"f x/a", "f x/a/b/c", "d x/a/b"}, []string{"x/a", "x/a#2/b/c", "x/a#2/b"}},
		{[]string{"f ", "f .", "f /", "f a//b", "f a/../b"}, []string{".", ".#2", ".#3", "a//b", "a/../b"}},
	} {
		if got := pathsOf(c.members...); !slices.Equal(got, c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.members, got, c.want)
		}
	}
}

// Whatever the names, no two nodes have one path: neither two members, nor a
// member and one that stands in a file beside it.
func TestPathsUnique(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	words := []string{"a", "b", "a#1", "a#2", "a#2#1", "a#3", ".", "..", "", "#1", "00000000.tar"}
	name := func() string {
		var parts []string
		for range 1 + rnd.Intn(3) {
			parts = append(parts, words[rnd.Intn(len(words))])
		}
		return strings.Join(parts, "/")
	}
	for round := range 3000 {
		seen := map[string]string{}
		var list []string
		var fill func(at string, depth int)
		fill = func(at string, depth int) {
			n := &names{}
			for range 1 + rnd.Intn(8) {
				kind, m := "fdl"[rnd.Intn(3)], name()
				p := joinPath(at, n.next(m, kind == 'f', kind == 'd'))
				list = append(list, fmt.Sprintf("%c %q in %q is %q", kind, m, at, p))
				if other, ok := seen[p]; ok {
					t.Fatalf("round %d: %q is two nodes: %s\n%s", round, p, other, strings.Join(list, "\n"))
				}
				seen[p] = list[len(list)-1]
				if kind == 'f' && depth < 3 && rnd.Intn(2) == 0 {
					fill(p, depth+1)
				}
			}
		}
		fill("", 1)
	}
}

func BenchmarkPaths(b *testing.B) {
	list := make([]string, 10_000)
	for i := range list {
		list[i] = fmt.Sprintf("usr/lib/packages/%03d/%07d.conf", i/50, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := &names{}
		for _, m := range list {
			n.next(m, true, false)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/name")
}
