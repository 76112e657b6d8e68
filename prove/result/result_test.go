package result

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare"
	"github.com/wardein/wardein/compare/equiv"
	"github.com/wardein/wardein/internal/canon"
)

// The words are those of the packages that write them.
func TestWords(t *testing.T) {
	var kinds []string
	for _, k := range compare.Kinds {
		kinds = append(kinds, string(k))
	}
	if !slices.Equal(kinds, Kinds) {
		t.Errorf("compare has\n%q, here are\n%q", kinds, Kinds)
	}
	if changes := []string{string(compare.New), string(compare.Gone), string(compare.Changed)}; !slices.Equal(changes, Changes) {
		t.Errorf("%q", changes)
	}
	for v := range equiv.Sentences {
		if !slices.Contains([]string{Identical, Equivalent, NotComparable, Different}, string(v)) {
			t.Errorf("equiv has %q", v)
		}
	}
}

// What equiv writes is read.
func TestEquiv(t *testing.T) {
	r := &equiv.Result{Version: equiv.Version, Verdict: equiv.Different, Bytes: equiv.Bytes{Identical: 90, Explained: 5, Unexplained: 2, NotCovered: 3},
		Shipped: equiv.Release{Digest: strings.Repeat("a", 64)}, Rebuilt: equiv.Release{Digest: strings.Repeat("b", 64)}}
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if got.Verb != Equiv || got.Release != r.Shipped.Digest || got.Other != r.Rebuilt.Digest || got.Verdict != Different || got.Covered != 97 || got.All != 100 || got.Unexplained != 2 {
		t.Errorf("%+v", got)
	}
}

// written is what compare writes of a result.
func written(r *compare.Result, c *compare.Choice) []byte {
	w := &canon.Writer{}
	w.Object(func() {
		r.Write(w, c)
		w.Field("version").Text("1.0")
	})
	return w.B
}

// What compare writes is read, and rows that were left out are counted.
func TestCompare(t *testing.T) {
	r := &compare.Result{Old: compare.About{Digest: wardein.Digest{1}}, New: compare.About{Digest: wardein.Digest{2}}, Alike: true, AllBytes: 100,
		Rows: []compare.Row{{Kind: compare.Listener, Change: compare.New, What: "tcp/7547", New: "bin/x", Is: "started"}, {Kind: compare.Account, Change: compare.Changed, What: "root", Was: "a", Is: "b", Old: "etc/p", New: "etc/p"},
			{Kind: compare.Key, Change: compare.Unknown, What: "k"}}}
	got, err := Parse(written(r, &compare.Choice{}))
	if err != nil {
		t.Fatal(err)
	}
	if got.Verb != Compare || got.Release != r.New.Digest.String() || got.Other != r.Old.Digest.String() || !got.Alike || got.Left != 0 || len(got.Rows) != 3 {
		t.Errorf("%+v", got)
	}
	if s := got.Rows[1].String(); s != "changed account root: a → b" {
		t.Error(s)
	}
	for _, k := range []struct {
		ask   Ask
		rows  int
		blind string
	}{
		{Ask{}, 1, "not looked at for 1 rows"},
		{Ask{Kinds: []string{"listener"}}, 1, ""},
		{Ask{Kinds: []string{"account"}}, 0, ""},
		{Ask{Kinds: []string{"account"}, Changes: []string{"new", "changed"}}, 1, ""},
		{Ask{Kinds: []string{"key"}}, 0, "not looked at"},
	} {
		why, _ := k.ask.Blind(got)
		if n := len(k.ask.Rows(got)); n != k.rows || (why == "") != (k.blind == "") || !strings.Contains(why, k.blind) {
			t.Errorf("%s: %d rows, %q", k.ask.String(), n, why)
		}
	}
	some, err := Parse(written(r, &compare.Choice{Kinds: []compare.Kind{compare.Listener}}))
	if err != nil || some.Left != 2 {
		t.Fatalf("%+v, %v", some, err)
	}
	if why, _ := (&Ask{Kinds: []string{"listener"}}).Blind(some); !strings.Contains(why, "leaves 2 rows out") {
		t.Error(why)
	}
	r.Alike = false
	if other, _ := Parse(written(r, &compare.Choice{})); other != nil {
		if _, nothing := (&Ask{}).Blind(other); !nothing {
			t.Error("judged differently, and it means something")
		}
	}
}

// A row that is not looked at, and bytes that are not compared, never make
// a comparison see more.
func TestBlind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &Result{Verb: Compare, Alike: true, All: 100, Covered: 100, Unknown: map[string]int64{}}
		if why, _ := (&Ask{}).Blind(r); why != "" {
			t.Fatal(why)
		}
		kind := rapid.SampledFrom(Kinds).Draw(t, "kind")
		switch rapid.IntRange(0, 4).Draw(t, "loss") {
		case 0:
			r.Alike = false
		case 1:
			r.Left = 1
		case 2:
			r.Unknown[kind] = 1
		case 3:
			r.Gaps = 1
		case 4:
			r.Covered = 99
		}
		if why, _ := (&Ask{Kinds: []string{kind}}).Blind(r); why == "" {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"version":"1.0","verdict":"identical","shipped":{"digest":"%064d"},"rebuilt":{"digest":"%064d"},"bytes":{"identical":"9","explained":"0","unexplained":"0","not_covered":"1"}}`, 1, 2)))
	f.Add(written(&compare.Result{Rows: []compare.Row{{Kind: compare.Listener, Change: compare.New, What: "x"}}}, &compare.Choice{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		a := &Ask{}
		if why, _ := a.Blind(r); r.Verb == Compare && r.Covered < r.All && why == "" {
			t.Fatal("it saw all")
		}
		for _, x := range a.Rows(r) {
			_ = x.String()
		}
	})
}
