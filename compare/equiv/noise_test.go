package equiv

import "testing"

// Where the rebuilds differ, a difference is inside of the noise; elsewhere it
// is outside, explained or not.
func TestNoise(t *testing.T) {
	facts := *folders
	facts.Shipped.Times, facts.Rebuilt.Times = windows.Shipped.Times, windows.Rebuilt.Times
	const text0, text1, text2 = "seed 11111 at 2017-07-14, MAX=5", "seed 22222 at 2023-11-14, MAX=6", "seed 33333 at 2023-11-15, MAX=6"
	side := func(s string, mode uint32, mtime int64) *release {
		r := files(map[string]string{"file": s, "same": "same"})
		r.Nodes[2].Mode, r.Nodes[2].MTime = mode, mtime
		return r
	}
	a, b, c := side(text0, 0o755, wasFrom), side(text1, 0o644, isFrom), side(text2, 0o644, isTo)
	p, q := Pair(a.Tree, b.Tree), Pair(b.Tree, c.Tree)
	r := p.CompareWith(&facts, a.of, b.of, q, c.of)
	if r.Verdict != Different || r.Rebuilt2 == nil {
		t.Fatalf("%s", text(t, r))
	}
	want := map[string]string{"“11111”": insideNoise, "“2017-07-14”": insideNoise, "“5”": outside, "0755": outside, "2017-07-14T02:40:00Z": insideNoise}
	seen := 0
	for _, f := range r.List {
		for _, d := range f.Differences {
			if n, ok := want[d.Before]; ok {
				seen++
				if d.Noise != n {
					t.Errorf("%s: %q, want %q", d.Before, d.Noise, n)
				}
			}
		}
	}
	if s := r.Rebuilt2; seen != len(want) || s.Outside != 1 || s.OutFile != 2 || s.Files != 2 || s.Bytes != 6 {
		t.Errorf("%d seen, %+v\n%s", seen, s, text(t, r))
	}
	b2, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(b2); err != nil {
		t.Error(err)
	}
}
