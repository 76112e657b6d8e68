package profile

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein/prove/result"
)

var release, other = strings.Repeat("cd", 32), strings.Repeat("ef", 32)

func equiv(verdict string, covered int64) *result.Result {
	r := &result.Result{Digest: [32]byte{1, byte(covered)}, Verb: result.Equiv, Release: release, Other: other, Verdict: verdict, Covered: covered, All: 100}
	if verdict == result.Different {
		r.Unexplained = 7
	}
	return r
}

func compared(rows ...result.Row) *result.Result {
	return &result.Result{Digest: [32]byte{2, byte(len(rows))}, Verb: result.Compare, Release: release, Other: other, Covered: 100, All: 100, Alike: true, Rows: rows, Unknown: map[string]int64{}}
}

// Conditions on results of compare and equiv, met, not met and undetermined.
func TestResults(t *testing.T) {
	listener := result.Row{Kind: "listener", Change: "new", What: "tcp/7547"}
	account := result.Row{Kind: "account", Change: "changed", What: "root"}
	change := func(r *result.Result, f func(*result.Result)) *result.Result { f(r); return r }
	elsewhere := func(r *result.Result) { r.Release = other }
	type list = []*result.Result
	for _, k := range []struct {
		asks    string
		results list
		want    State
		because string
	}{
		{`result = "equiv"`, nil, Undetermined, "no result of equiv was given"},
		{`result = "equiv"`, list{compared()}, Undetermined, "no result of equiv was given"},
		{`result = "equiv"`, list{equiv(result.Identical, 100)}, Met, "identical to sha256:efefefefefef…"},
		{`result = "equiv"`, list{equiv(result.Equivalent, 100)}, Met, "equivalent"},
		{`result = "equiv"`, list{equiv(result.Different, 100)}, NotMet, "7 bytes that no rule explains"},
		{`result = "equiv"`, list{equiv(result.NotComparable, 90)}, Undetermined, "10.0 % of bytes could not be compared"},
		{`result = "equiv"`, list{change(equiv(result.Identical, 100), elsewhere)}, Undetermined, "is about release sha256:efefefefefef…"},
		{`result = "equiv"`, list{equiv(result.Identical, 100), equiv(result.Different, 99)}, NotMet, "different"},
		{`result = "equiv"`, list{equiv(result.Identical, 100), equiv(result.NotComparable, 99)}, Undetermined, "not comparable"},
		{`equiv = {}`, list{equiv(result.Equivalent, 100)}, Met, "equivalent"},
		{`equiv = { identical = true }`, list{equiv(result.Equivalent, 100)}, NotMet, "and not identical"},
		{`equiv = { identical = true }`, list{equiv(result.Identical, 100)}, Met, "identical"},
		{`equiv = { identical = true, covered = "1 %" }`, list{equiv(result.NotComparable, 99)}, Undetermined, "not comparable"},
		{`equiv = { covered = "90 %" }`, list{equiv(result.NotComparable, 90)}, Met, "nothing differs beyond the rules in 90.0 % of bytes"},
		{`equiv = { covered = "90 %" }`, list{equiv(result.NotComparable, 89)}, Undetermined, "11.0 % of bytes could not be compared"},
		{`equiv = { covered = "90 %" }`, list{equiv(result.Different, 100)}, NotMet, "different"},
		{`result = "compare"`, list{compared(listener)}, Met, "compared with sha256:efefefefefef…"},
		{`result = "compare"`, list{equiv(result.Identical, 100)}, Undetermined, "no result of compare was given"},
		{`compare = {}`, nil, Undetermined, "no result of compare was given"},
		{`compare = {}`, list{compared(account)}, Met, "0 rows since"},
		{`compare = {}`, list{compared(account, listener)}, NotMet, "1 row since sha256:efefefefefef…, at most 0: new listener tcp/7547"},
		{`compare = { kinds = ["account"] }`, list{compared(account, listener)}, Met, "0 rows"},
		{`compare = { kinds = ["account"], changes = ["changed"] }`, list{compared(account, listener)}, NotMet, "changed account root"},
		{`compare = { most = 1 }`, list{compared(listener)}, Met, "1 row"},
		{`compare = {}`, list{change(compared(listener), func(r *result.Result) { r.Alike = false })}, Undetermined, "judged by different rules"},
		{`compare = {}`, list{change(compared(), func(r *result.Result) { r.Covered = 97 })}, Undetermined, "3.0 % of bytes could not be compared"},
		{`compare = {}`, list{change(compared(listener), func(r *result.Result) { r.Covered = 97 })}, NotMet, "1 row"},
		{`compare = { kinds = ["key"] }`, list{change(compared(), func(r *result.Result) { r.Unknown["key"] = 2 })}, Undetermined, "not looked at for 2 rows"},
		{`compare = { kinds = ["account"] }`, list{change(compared(), func(r *result.Result) { r.Unknown["key"] = 2 })}, Met, "0 rows"},
	} {
		p, err := Parse([]byte(asking(k.asks)))
		if err != nil {
			t.Fatalf("%s: %v", k.asks, err)
		}
		in := &Input{Report: saved(t, nil), Checks: checks, Results: append(slices.Clone(k.results), k.results...)}
		s := Evaluate(p, in)
		if o := s.Conditions[0]; o.State != k.want || !strings.Contains(o.Because, k.because) || o.Asks == "" || len(s.Results) != len(k.results) {
			t.Errorf("%s: %s because %q", k.asks, o.State, o.Because)
		}
		slices.Reverse(in.Results)
		a, err := s.JSON()
		b, _ := Evaluate(p, in).JSON()
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: the order of results shows", k.asks)
		}
		if _, err := Read(a); err != nil {
			t.Error(err)
		}
	}
	for asks, want := range map[string]string{
		`compare = { kinds = ["acount"] }`: "key condition[1].compare.kinds[1]", `compare = { most = -1 }`: "key condition[1].compare.most",
		`equiv = { covered = "all" }`: "key condition[1].equiv.covered", `equiv = { identical = 1 }`: "line",
	} {
		if _, err := Parse([]byte(asking(asks))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", asks, err)
		}
	}
}

// What is taken away from a result, and one more that is given, never make a
// condition met that was not, but for the first that is given.
func TestLessResult(t *testing.T) {
	p, err := Parse([]byte(good + `[[condition]]
id = "same"
why = "so"
equiv = { covered = "95 %" }
[[condition]]
id = "built"
why = "so"
result = "equiv"
[[condition]]
id = "rows"
why = "so"
compare = { kinds = ["listener", "key"], most = 1 }
`))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		var list []*result.Result
		for i := range rapid.IntRange(1, 3).Draw(t, "results") {
			var r *result.Result
			if rapid.Bool().Draw(t, "equiv") {
				v := rapid.SampledFrom([]string{result.Identical, result.Equivalent, result.NotComparable, result.Different}).Draw(t, "verdict")
				r = equiv(v, 100)
				if v == result.NotComparable {
					r.Covered = int64(rapid.IntRange(90, 99).Draw(t, "covered"))
				}
			} else {
				r = compared()
				for range rapid.IntRange(0, 2).Draw(t, "rows") {
					r.Rows = append(r.Rows, result.Row{Kind: rapid.SampledFrom(result.Kinds[:6]).Draw(t, "kind"), Change: "new"})
				}
			}
			r.Digest[5] = byte(i)
			list = append(list, r)
		}
		s := saved(&testing.T{}, nil)
		before := Evaluate(p, &Input{Report: s, Checks: checks, Results: list})
		r := *list[0]
		switch rapid.IntRange(0, 4).Draw(t, "loss") {
		case 0:
			r.Release = other
		case 1:
			r.Alike = false
		case 2:
			if r.Verb == result.Compare {
				r.Unknown, r.Rows = map[string]int64{"listener": 1}, nil
			}
		case 3:
			r.Covered = 80
			if r.Verb == result.Equiv && r.Verdict != result.Different {
				r.Verdict = result.NotComparable
			}
		case 4:
			r.Left, r.Rows = int64(len(r.Rows)), nil
		}
		less := append([]*result.Result{&r}, list[1:]...)
		for _, after := range []*Statement{Evaluate(p, &Input{Report: s, Checks: checks, Results: less})} {
			for i, o := range after.Conditions {
				lost := r.Release == other || !r.Alike // as if it was not given: what others say remains
				if o.State == Met && before.Conditions[i].State != Met && !lost {
					t.Fatalf("%s: %s became met: %s", o.ID, before.Conditions[i].State, o.Because)
				}
			}
		}
	})
}
