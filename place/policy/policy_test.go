package policy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/gen"
)

// TestFixtures: every fixture of every pack ends as it says.
func TestFixtures(t *testing.T) {
	packs, err := Packs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		n, wrong := p.Test(context.Background())
		for _, w := range wrong {
			t.Errorf("%s: %s", p.ID, w)
		}
		if n == 0 {
			t.Errorf("%s has no fixtures", p.ID)
		}
	}
}

// TestUntested: every day and number at which a rule turns has fixtures on both
// sides, and what takes them away is noticed.
func TestUntested(t *testing.T) {
	ctx := context.Background()
	packs, err := Packs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		for _, gap := range p.Untested(ctx) {
			t.Errorf("%s: %s", p.ID, gap)
		}
	}
	p, err := Read(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"R: no fixture as of 2020-02-01", "R: no fixture as of 2020-01-31", "R: no fixture with installed 2020-01-15", "R: no fixture with installed 2020-01-16",
		"S: no fixture at the cap or bound", "S: no fixture just beyond the cap or bound", "R: a list changes on 2020-01-20, no fixture as of 2020-01-19", "R: a list changes on 2020-01-20, no fixture as of 2020-01-20",
		"S: a list changes on 2020-01-20, no fixture as of 2020-01-19", "S: a list changes on 2020-01-20, no fixture as of 2020-01-20"}
	if got := p.Untested(ctx); !slices.Equal(got, want) {
		t.Errorf("untested:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// small is a pack with gaps in its fixtures.
const small = `
id: small
title: t
source: {title: t, reference: r}
lists: {listed: [{name: ash}, {name: elm, from: 2020-01-20}]}
rules:
  - {id: R, title: t, clause: c, kind: policy, status: verified, from: 2020-01-01, to: 2020-02-01, breaks: 'any_in(makers, listed) && installed > date("2020-01-15")', fixtures: [
      {name: a, as_of: 2019-12-31, element: {vendor: ash, installed: 2020-01-31}, want: out of scope},
      {name: b, as_of: 2020-01-01, element: {vendor: ash, installed: 2020-01-31}, want: breaks}]}
  - {id: S, title: t, clause: c, kind: policy, status: verified, share: {measure: elements, of: "any_in(makers, listed)", max: 10 %}, fixtures: [
      {name: a, as_of: 2020-01-01, element: {vendor: ash}, want: breaks},
      {name: b, as_of: 2020-01-01, element: {vendor: oak}, want: complies}]}
`

// TestRead: packs that lack something, and packs that are made to take long, are
// refused by name.
func TestRead(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"source: {title: t, reference: r}", "", "source: want title and reference"},
		{"source: {title: t, reference: r}", "source: {title: t}", "source: want title and reference"},
		{"      {name: a, as_of: 2019-12-31, element: {vendor: ash, installed: 2020-01-31}, want: out of scope},\n", "", "want fixtures that break it"},
		{"want: breaks}]}\n  - {id: S", "want: complies}]}\n  - {id: S", "want fixtures that break it"},
		{"clause: c, kind: policy, status: verified, from", "kind: policy, status: verified, from", "want id, title and clause"},
		{"status: verified, from", "status: unverified, from", "want unconfirmed"},
		{"status: verified, from", "status: perhaps, from", "want verified or unverified"},
		{"kind: policy, status: verified, from", "kind: rumour, status: verified, from", "want one of law"},
		{"id: S", "id: R", "two rules"},
		{"max: 10 %", "max: 10", "percentage"},
		{"max: 10 %", "max: 100.5 %", "percentage"},
		{"max: 10 %", "max: -1 %", "percentage"},
		{"measure: elements", "measure: colours", "measure"},
		{`date("2020-01-15")`, `date("2020-02-30")`, "want YYYY-MM-DD"},
		{"installed > date", "instaled > date", "undeclared reference"},
		{"any_in(makers, listed) &&", "1 &&", "expected type 'bool'"},
		{`'any_in(makers, listed) && installed > date("2020-01-15")'`, "'" + strings.Repeat("(", 5000) + "true" + strings.Repeat(")", 5000) + "'", "recursion"},
		{"lists: {listed:", "lists: {vendor: [], listed:", "is no variable"},
		{"share: {measure", "breaks: 'true', share: {measure", "want one of breaks"},
		{"title: t\nsource", "title: t\nnew: 1\nsource", "not found"},
	} {
		text := strings.Replace(small, c.old, c.new, 1)
		if text == small {
			t.Fatalf("%q is not in the pack", c.old)
		}
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

// TestSteps: a predicate that takes too many steps is an error that names it.
func TestSteps(t *testing.T) {
	digits := "[0,1,2,3,4,5,6,7,8,9]"
	long := "'" + strings.Repeat(digits+".all(a, ", 8) + "size(makers) > 0" + strings.Repeat(")", 8) + "'"
	p, err := Read(strings.NewReader(strings.Replace(small, `'any_in(makers, listed) && installed > date("2020-01-15")'`, long, 1)))
	if err != nil {
		t.Fatal(err)
	}
	_, wrong := p.Test(context.Background())
	if len(wrong) == 0 || !strings.Contains(wrong[0], "takes more than 10000 steps") {
		t.Errorf("wrong: %q", wrong)
	}
}

// TestStopped: judging ends where it is told to.
func TestStopped(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	p, err := Read(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Judge(ctx, place.NewBuilder().Finish().At(place.Day(2020, 1, 15)), Options{}); err == nil {
		t.Error("judged")
	}
}

// FuzzRead: no pack makes Read or the test of its fixtures panic or hang.
func FuzzRead(f *testing.F) {
	f.Add(small)
	names, err := data.ReadDir("data")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		b, err := data.ReadFile("data/" + n.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		p.Test(ctx)
		p.Untested(ctx)
		if ctx.Err() != nil {
			t.Error("takes longer than 10 s")
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	n, err := gen.Network(gen.Options{Elements: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	packs, err := Packs()
	if err != nil {
		b.Fatal(err)
	}
	s := n.At(place.Day(2026, 11, 22))
	rules := 0
	for b.Loop() {
		rules = 0
		for _, p := range packs {
			r, err := p.Judge(context.Background(), s, Options{})
			if err != nil {
				b.Fatal(err)
			}
			rules += len(r)
		}
	}
	b.ReportMetric(float64(rules), "rules")
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*rules), "ms/rule")
}

// TestNotSaid: what evidence of a release does not say is not known, and is named.
func TestNotSaid(t *testing.T) {
	packs, err := Packs()
	if err != nil {
		t.Fatal(err)
	}
	p := packs[slices.IndexFunc(packs, func(p *Pack) bool { return p.ID == "lab-baseline" })]
	r := &p.Rules[slices.IndexFunc(p.Rules, func(r Rule) bool { return r.ID == "critical-findings" })]
	f := &Fixture{AsOf: place.Day(2026, 12, 1), Element: map[string]string{"nf": "UPF", "vendor": "alder", "release.bundle": "yes"}}
	res, err := p.judgeFixture(context.Background(), r, f)
	if err != nil {
		t.Fatal(err)
	}
	if res.Outcome != Undetermined || !slices.Equal(res.Missing, []Missing{{"release.findings", 1}}) {
		t.Errorf("%s, missing %v", res.Outcome, res.Missing)
	}
}
