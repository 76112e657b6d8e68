package claim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/result"
	"github.com/wardein/wardein/report"
)

// Tests that ask for a result of compare or equiv.
func TestResults(t *testing.T) {
	ran := map[string]ended{"a": {done: 3}}
	release, other := digestOf("x"), digestOf("y")
	equiv := func(verdict string) *result.Result {
		return &result.Result{Digest: [32]byte{1, verdict[0]}, Verb: result.Equiv, Release: release, Other: other, Verdict: verdict, Covered: 90, All: 100}
	}
	compare := func(change func(*result.Result), rows ...result.Row) *result.Result {
		r := &result.Result{Digest: [32]byte{2}, Verb: result.Compare, Release: release, Other: other, Covered: 100, All: 100, Alike: true, Rows: rows, Unknown: map[string]int64{}}
		if change != nil {
			change(r)
		}
		return r
	}
	listener, account := result.Row{Kind: "listener", Change: "new", What: "tcp/7547"}, result.Row{Kind: "account", Change: "changed", What: "root"}
	is, not := []Test{{Result: "equiv", Hit: Supports}}, []Test{{Result: "equiv", Hit: Contradicts}}
	quiet := func(a *result.Ask) []Test { return []Test{{Result: "compare", Rows: a, Hit: Contradicts}} }
	for _, k := range []struct {
		tests   []Test
		results []*result.Result
		want    State
		because string
	}{
		{is, []*result.Result{equiv(result.Identical)}, Supported, "1 finding supports it: R-0169"},
		{is, []*result.Result{equiv(result.Equivalent)}, Supported, "1 finding"},
		{is, []*result.Result{equiv(result.Different)}, NotShown, "none had a hit"},
		{is, []*result.Result{equiv(result.NotComparable)}, NotExamined, "not comparable with sha256:000000000000…: 10.0 % of bytes could not be compared"},
		{not, []*result.Result{equiv(result.Different)}, Contradicted, "1 finding contradicts it: R-0164"},
		{not, []*result.Result{equiv(result.Identical)}, NotShown, "none had a hit"},
		{not, []*result.Result{equiv(result.NotComparable), equiv(result.Different)}, Contradicted, "1 finding"},
		{append(slices.Clone(is), not...), []*result.Result{equiv(result.Identical), equiv(result.Different)}, Contradicted, "what contradicts a statement decides"},
		{is, []*result.Result{compare(nil)}, NotExamined, "no result of equiv was given"},
		{quiet(nil), nil, NotExamined, "no result of compare was given"},
		{quiet(nil), []*result.Result{compare(nil, listener, account)}, Contradicted, "1 finding contradicts it: R-0200-1"},
		{quiet(&result.Ask{Changes: []string{"new", "changed"}}), []*result.Result{compare(nil, listener, account)}, Contradicted, "2 findings"},
		{quiet(&result.Ask{Most: 1}), []*result.Result{compare(nil, listener, account)}, NotShown, "none had a hit"},
		{quiet(&result.Ask{Kinds: []string{"key"}}), []*result.Result{compare(nil, listener)}, NotShown, "none had a hit"},
		{quiet(nil), []*result.Result{compare(func(r *result.Result) { r.Alike = false }, listener)}, NotExamined, "judged by different rules"},
		{append(slices.Clone(is), quiet(nil)...), []*result.Result{equiv(result.Identical), compare(func(r *result.Result) { r.Covered = 50 })}, NotExamined, "test 2, which could contradict it, looked in part"},
		{append(slices.Clone(is), quiet(nil)...), []*result.Result{equiv(result.Identical), compare(nil)}, Supported, "1 finding"},
	} {
		c := &Claim{ID: "x", Kind: Artefact, Tests: k.tests, About: About{Digests: []string{Any}, Holds: Each}}
		in := Input{Saved: (&scene{release: "x", counts: ran}).report(t), Results: append(slices.Clone(k.results), compare(func(r *result.Result) { r.Release = other; r.Digest[9] = 1 }, listener))}
		v := Judge(c, []Input{in, in}, checks)
		if v.Verdict != k.want || !strings.Contains(v.Because, k.because) {
			t.Errorf("%v: %s because %s", k.tests, v.Verdict, v.Because)
		}
		slices.Reverse(in.Results)
		a, err := v.JSON()
		b, _ := Judge(c, []Input{in}, checks).JSON()
		if err != nil || !bytes.Equal(a, b) {
			t.Error("the order of results shows")
		}
		if err := v.Brief(io.Discard, 80); err != nil {
			t.Error(err)
		}
	}
}

// The checks of these tests: a and b read bytes, c reads code, d has no data.
var checks = func() (list []wardein.Check) {
	for _, name := range []string{"a", "b", "c", "d"} {
		list = append(list, wardein.Check{Name: name, Version: 2, Code: name == "c", Node: func(context.Context, wardein.Blob, func(wardein.Fact)) error { return nil }})
	}
	return list
}()

// ended is how a check of a scene ended; gaps are its own.
type ended struct {
	done, failed int
	gaps         []string // kinds
}

// scene is a report in short.
type scene struct {
	release  string
	counts   map[string]ended // by check
	findings [][2]string      // rule and confidence
	partial  bool
	note     string // tells reports apart
}

func digestOf(release string) string { return fmt.Sprintf("%064x", release) }

func (s *scene) report(t testing.TB) *report.Saved {
	type m = map[string]any
	r := m{"version": "1.0", "nodes": "40", "partial": s.partial, "release": m{"digest": digestOf(s.release), "kind": "file", "size": "9"},
		"recipe":   m{"as_of": "2026-11-22", "module": s.note, "checks": []m{}},
		"coverage": m{"accounted_ppm": 912345, "opened_ppm": 700000, "known": "7", "opaque": "1", "unknown": "2", "code": []m{{"arch": "arm", "bytes": "100", "read": "60"}}}}
	var counts, gaps, findings []m
	for _, c := range checks {
		k, ok := s.counts[c.Name]
		if !ok {
			continue
		}
		counts = append(counts, m{"check": c.Name, "done": fmt.Sprint(k.done), "failed": fmt.Sprint(k.failed), "not_applicable": []m{{"why": "not text", "nodes": "30"}}})
		for _, kind := range k.gaps {
			g := m{"kind": kind, "node": "etc/x", "who": c.Name, "why": c.Name + ": because", "off": "0", "len": "0"}
			if kind == "no-data" {
				g["node"] = ""
			}
			gaps = append(gaps, g)
		}
	}
	for i, f := range s.findings {
		findings = append(findings, m{"id": fmt.Sprintf("F-%d", i), "check": f[0][:1], "rule": f[0], "confidence": f[1], "severity": "high", "reach": "local", "node": "etc/passwd",
			"says": m{"text": "there is one"}, "quotes": []m{{"node": "etc/passwd", "off": "16", "len": "4", "bytes": "a::b"}}})
	}
	r["counts"], r["gaps"], r["findings"] = counts, gaps, findings
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := report.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func testOf(rules string, hit Meaning) Test {
	return Test{Rules: report.Rules(strings.Fields(rules)), Hit: hit, Confidence: "likely", Why: "it does"}
}

func about(releases ...string) About {
	a := About{Product: "AN-2400", Holds: Each, Digests: []string{Any}}
	for i, r := range releases {
		if i == 0 {
			a.Digests = nil
		}
		a.Digests = append(a.Digests, digestOf(r))
	}
	return a
}

var full = ended{done: 9}

// Each clause of the rule, for claims that deny and claims that assert.
func TestJudge(t *testing.T) {
	denies := []Test{testOf("a.*", Contradicts)}
	asserts := []Test{testOf("b.*", Supports)}
	two := append(slices.Clone(denies), asserts...)
	hitA, hitB := [2]string{"a.x", "certain"}, [2]string{"b.x", "likely"}
	ran := map[string]ended{"a": full, "b": full, "c": full, "d": {gaps: []string{"no-data"}}}
	with := func(check string, c ended) map[string]ended {
		m := map[string]ended{check: c}
		for k, v := range ran {
			if k != check {
				m[k] = v
			}
		}
		return m
	}
	without := with("a", full)
	delete(without, "a")
	for name, k := range map[string]struct {
		tests   []Test
		scenes  []scene
		about   About
		want    State
		because string
		both    bool
	}{
		"denied and found":          {denies, []scene{{counts: ran, findings: [][2]string{hitA}}}, about(), Contradicted, "1 finding contradicts it: F-0", false},
		"denied and not found":      {denies, []scene{{counts: ran, findings: [][2]string{hitB}}}, about(), NotShown, "every test looked, and none had a hit", false},
		"asserted and found":        {asserts, []scene{{counts: ran, findings: [][2]string{hitB, hitB}}}, about(), Supported, "2 findings support it: F-0, F-1", false},
		"asserted and not found":    {asserts, []scene{{counts: ran}}, about(), NotShown, "none had a hit", false},
		"both found":                {two, []scene{{counts: ran, findings: [][2]string{hitA, hitB}}}, about(), Contradicted, "1 finding contradicts it: F-0; 1 finding supports it: F-1; what contradicts a statement decides", true},
		"only what supports":        {two, []scene{{counts: ran, findings: [][2]string{hitB}}}, about(), Supported, "1 finding supports it: F-0", false},
		"less sure than asked":      {denies, []scene{{counts: ran, findings: [][2]string{{"a.x", "possible"}}}}, about(), NotShown, "none had a hit", false},
		"another rule":              {[]Test{testOf("a.y", Contradicts)}, []scene{{counts: ran, findings: [][2]string{hitA}}}, about(), NotShown, "none had a hit", false},
		"check did not run":         {denies, []scene{{counts: without}}, about(), NotExamined, "the check a did not run", false},
		"one of two did not run":    {[]Test{testOf("b.* a.*", Contradicts)}, []scene{{counts: without}}, about(), NotExamined, "the check a did not run", false},
		"no such check":             {[]Test{testOf("nosuch.*", Contradicts)}, []scene{{counts: ran}}, about(), NotExamined, "no check is called nosuch", false},
		"no data":                   {[]Test{testOf("d.*", Contradicts)}, []scene{{counts: ran}}, about(), NotExamined, "d had no data, or not all: d: because", false},
		"met nothing":               {denies, []scene{{counts: with("a", ended{})}}, about(), NotExamined, "a met no node that it could judge", false},
		"failed on all":             {denies, []scene{{counts: with("a", ended{failed: 3})}}, about(), NotExamined, "a failed on 3 nodes", false},
		"failed on some":            {denies, []scene{{counts: with("a", ended{done: 2, failed: 3})}}, about(), NotShown, "none had a hit", false},
		"found where it ran partly": {denies, []scene{{counts: without, findings: [][2]string{hitA}}}, about(), Contradicted, "1 finding", false},
		"supported, other blind":    {two, []scene{{counts: without, findings: [][2]string{hitB}}}, about(), NotExamined, "1 finding supports it: F-0; test 1, which could contradict it, did not look: the check a did not run", false},
		"supported, other in part":  {two, []scene{{counts: with("a", ended{done: 1, gaps: []string{"limit"}}), findings: [][2]string{hitB}}}, about(), NotExamined, "test 1, which could contradict it, looked in part", false},
		"supported, interrupted":    {two, []scene{{counts: ran, partial: true, findings: [][2]string{hitB}}}, about(), NotExamined, "looked in part", false},
		"a result":                  {[]Test{{Result: "compare", Hit: Contradicts}}, []scene{{counts: ran}}, about(), NotExamined, "no result of compare was given", false},
		"found, and a result":       {append([]Test{{Result: "equiv", Hit: Supports}}, denies...), []scene{{counts: ran, findings: [][2]string{hitA}}}, about(), Contradicted, "1 finding", false},
		"no report":                 {denies, nil, about(), NotExamined, "no report about a release of the claim was given", false},
		"another release":           {denies, []scene{{release: "x", counts: ran, findings: [][2]string{hitA}}}, about("y"), NotExamined, "no report about it was given", false},
		"one of two releases":       {denies, []scene{{release: "x", counts: ran}}, about("x", "y"), NotExamined, "1 of 2 releases not examined: no report about it was given", false},
		"one of two contradicts":    {denies, []scene{{release: "x", counts: ran}, {release: "y", counts: ran, findings: [][2]string{hitA}}}, about("x", "y"), Contradicted, "1 of 2 releases contradicted: 1 finding contradicts it: F-0", false},
		"releases not known":        {denies, []scene{{counts: ran, findings: [][2]string{hitA}}}, About{Digests: []string{Unknown}}, NotExamined, "the claim names no release by its digest", false},
		"a second report looked":    {denies, []scene{{counts: without}, {counts: ran}}, about(), NotShown, "none had a hit", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Claim{ID: "x", Version: 1, Kind: Artefact, About: k.about, Tests: k.tests}
			var reports []Input
			for _, s := range k.scenes {
				reports = append(reports, Input{Saved: s.report(t)})
			}
			v := Judge(c, reports, checks)
			if v.Verdict != k.want || !strings.Contains(v.Because, k.because) || v.Both != k.both || v.Sentence != Sentences[k.want] {
				t.Errorf("%s because %s, both %v", v.Verdict, v.Because, v.Both)
			}
		})
	}
}

// A statement about some of the releases is supported by one, and contradicted
// by all.
func TestSome(t *testing.T) {
	ran := map[string]ended{"a": full, "b": full}
	hit, none := [][2]string{{"b.x", "likely"}}, [][2]string(nil)
	against := [][2]string{{"a.x", "likely"}}
	for _, k := range []struct {
		x, y [][2]string
		want State
	}{{hit, none, Supported}, {hit, against, Supported}, {none, none, NotShown}, {none, against, NotShown}, {against, against, Contradicted}} {
		c := &Claim{Kind: Capability, About: about("x", "y"), Tests: []Test{testOf("a.*", Contradicts), testOf("b.*", Supports)}}
		c.About.Holds = Some
		x, y := scene{release: "x", counts: ran, findings: k.x}, scene{release: "y", counts: ran, findings: k.y}
		if v := Judge(c, []Input{{Saved: x.report(t)}, {Saved: y.report(t)}}, checks); v.Verdict != k.want {
			t.Errorf("%v, %v: %s", k.x, k.y, v.Verdict)
		}
	}
}

// What was not covered stands beside the verdict.
func TestUncovered(t *testing.T) {
	many := ended{done: 2, failed: 1}
	for range MaxGaps + 3 {
		many.gaps = append(many.gaps, "limit")
	}
	s := scene{counts: map[string]ended{"a": many, "c": full}, findings: [][2]string{{"a.x", "possible"}, {"c.y", "certain"}}}
	v := Judge(&Claim{Kind: Artefact, About: about(), Tests: []Test{testOf("a.* c.x", Contradicts)}}, []Input{{Saved: s.report(t)}}, checks)
	o := v.Releases[0].Tests[0]
	if o.Extent != InPart || len(o.Looks) != 2 || len(o.Hits) != 0 || len(o.Weaker) != 1 {
		t.Fatalf("%+v", o)
	}
	a, c := o.Looks[0], o.Looks[1]
	if a.Extent != InPart || a.Looked != 2 || a.Failed != 1 || len(a.Gaps) != MaxGaps || a.GapsLeft != 3 || len(a.NotApplicable) != 1 || a.Code || !c.Code || c.Extent != InFull {
		t.Errorf("%+v\n%+v", a, c)
	}
	if r := v.Releases[0].Reports[0]; r.Code != 100 || r.CodeRead != 60 || r.OpenedPPM != 700000 || len(r.Gaps) != 1 || r.Gaps[0] != (GapCount{"limit", MaxGaps + 3}) {
		t.Errorf("%+v", r)
	}
}

// drawn is a claim with the reports that it is judged by.
type drawn struct {
	claim  *Claim
	scenes []scene
}

func draw(t *rapid.T) drawn {
	names := []string{"a", "b", "c"}
	var tests []Test
	for range rapid.IntRange(1, 4).Draw(t, "tests") {
		rules := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a.*", "a.x", "b.x", "b.*", "c.y", "c.*"}), 1, 3, rapid.ID).Draw(t, "rules")
		test := Test{Rules: rules, Hit: rapid.SampledFrom([]Meaning{Supports, Contradicts}).Draw(t, "hit"), Confidence: rapid.SampledFrom(Confidences).Draw(t, "confidence")}
		if rapid.IntRange(0, 9).Draw(t, "verb") == 0 {
			test.Rules, test.Result, test.Confidence = nil, "compare", ""
		}
		tests = append(tests, test)
	}
	d := drawn{claim: &Claim{ID: "x", Version: 1, Kind: Artefact, Tests: tests, About: about("x", "y")}}
	d.claim.About.Holds = rapid.SampledFrom([]Holds{Each, Some}).Draw(t, "holds")
	for _, release := range []string{"x", "y"} {
		for i := range rapid.IntRange(0, 2).Draw(t, "reports") {
			s := scene{release: release, counts: map[string]ended{}, note: fmt.Sprint(release, i)}
			for _, name := range names {
				if rapid.IntRange(0, 4).Draw(t, "ran") > 0 {
					s.counts[name] = rapid.SampledFrom([]ended{full, full, {done: 1, failed: 1}, {done: 3, gaps: []string{"limit"}}, {}}).Draw(t, "count")
				}
			}
			for range rapid.IntRange(0, 3).Draw(t, "findings") {
				rule := rapid.SampledFrom([]string{"a.x", "a.y", "b.x", "c.x", "c.y"}).Draw(t, "rule")
				if k, ok := s.counts[rule[:1]]; ok && k.done > 0 {
					s.findings = append(s.findings, [2]string{rule, rapid.SampledFrom(Confidences).Draw(t, "sure")})
				}
			}
			d.scenes = append(d.scenes, s)
		}
	}
	return d
}

func (d *drawn) judge(t testing.TB) *Verdict {
	var reports []Input
	for i := range d.scenes {
		reports = append(reports, Input{Saved: d.scenes[i].report(t)})
	}
	return Judge(d.claim, reports, checks)
}

func decided(s State) bool { return s == Supported || s == Contradicted }

// less takes coverage away at random: a check that did not run, or not in
// full, without what it found, or without some of it.
func (d *drawn) less(t *rapid.T) (what string) {
	if len(d.scenes) == 0 {
		return ""
	}
	s := &d.scenes[rapid.IntRange(0, len(d.scenes)-1).Draw(t, "which report")]
	check := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "which check")
	k, ok := s.counts[check]
	if !ok {
		return ""
	}
	what = rapid.SampledFrom([]string{"did not run", "failed", "has a gap", "had no data", "met nothing"}).Draw(t, "loss")
	all := true
	switch what {
	case "did not run":
		delete(s.counts, check)
	case "failed":
		k.failed++
		s.counts[check], all = k, false
	case "has a gap":
		k.gaps = append(slices.Clone(k.gaps), "limit")
		s.counts[check], all = k, false
	case "had no data":
		k.gaps = append(slices.Clone(k.gaps), "no-data")
		s.counts[check] = k
	case "met nothing":
		s.counts[check] = ended{}
	}
	s.findings = slices.DeleteFunc(slices.Clone(s.findings), func(f [2]string) bool {
		return f[0][:1] == check && (all || rapid.Bool().Draw(t, "lost"))
	})
	return what
}

// Coverage that is taken away decides nothing: a verdict stays, or becomes one
// that says less. Contradicted never becomes supported, and nothing that was
// open becomes either.
func TestLessCoverage(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := draw(r)
		// Reports of one release that do not agree are looked at in TestReports.
		d.scenes = slices.CompactFunc(d.scenes, func(a, b scene) bool { return a.release == b.release })
		before := d.judge(t)
		what := d.less(r)
		after := d.judge(t)
		if decided(after.Verdict) && after.Verdict != before.Verdict {
			r.Fatalf("%s: %s (%s) became %s (%s)", what, before.Verdict, before.Because, after.Verdict, after.Because)
		}
	})
}

// A test whose check did not run is never "not shown".
func TestNeverRan(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := draw(r)
		v := d.judge(t)
		if v.Verdict != NotShown {
			return
		}
		for _, rel := range v.Releases {
			if rel.Verdict != NotShown {
				continue
			}
			for i, o := range rel.Tests {
				if o.Extent == NotLooked || len(o.Hits) > 0 || d.claim.Tests[i].Result != "" {
					r.Fatalf("not shown, and test %d: %+v", i, o)
				}
			}
		}
	})
}

// Neither order nor repetition of reports changes a byte, and one that is left
// out leaves a release unexamined.
func TestReports(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := draw(r)
		want, err := d.judge(t).JSON()
		if err != nil {
			t.Fatal(err)
		}
		other := drawn{d.claim, rapid.Permutation(append(slices.Clone(d.scenes), d.scenes...)).Draw(r, "order")}
		if got, _ := other.judge(t).JSON(); !bytes.Equal(got, want) {
			r.Fatalf("%s\n%s", want, got)
		}
		back, err := Read(want)
		if err != nil {
			r.Fatal(err)
		}
		if again, _ := back.JSON(); !bytes.Equal(again, want) {
			r.Fatal("read and written again it differs")
		}
		before := back.Verdict
		other.scenes = slices.DeleteFunc(slices.Clone(d.scenes), func(s scene) bool { return s.release == "x" })
		switch after := other.judge(t).Verdict; {
		case after == before || after == NotExamined:
		case d.claim.About.Holds == Each && after == Contradicted, d.claim.About.Holds == Some && after == Supported:
			r.Fatalf("%s became %s by the other release alone", before, after)
		default:
			r.Fatalf("%s became %s", before, after)
		}
	})
}

// What a bundle says beside its report stands in the verdict; a finding that
// the lab has withdrawn is none, and replies to others stay out.
func TestHeard(t *testing.T) {
	s := scene{counts: map[string]ended{"a": full}, findings: [][2]string{{"a.x", "certain"}, {"a.y", "certain"}, {"b.y", "certain"}}}
	in := Input{Saved: s.report(t), Signers: []string{"lab-north.example"}, Asked: "2026-11-18", Withdrawn: []string{"F-1"},
		Replies: []Reply{{"vendor.example", "2026-11-20", "F-0", "disputed", "It is\n off."}, {"vendor.example", "2026-11-20", "F-2", "confirmed", ""}},
		Reruns:  []Rerun{{By: "lab-south.example", Date: "2026-11-21", Agrees: true}}}
	c := &Claim{Kind: Artefact, About: about(), Tests: []Test{testOf("a.*", Contradicts)}}
	v := Judge(c, []Input{{Saved: s.report(t)}, in, in}, checks)
	r := v.Releases[0]
	if o := r.Tests[0]; len(r.Reports) != 1 || len(o.Hits) != 1 || o.Hits[0].ID != "F-0" || len(o.Withdrawn) != 1 || o.Withdrawn[0].ID != "F-1" {
		t.Errorf("%+v", r)
	}
	if u := r.Reports[0]; len(u.Signers) != 1 || u.Asked != "2026-11-18" || len(u.Replies) != 1 || u.Replies[0].Text != "It is\n off." || len(u.Reruns) != 1 {
		t.Errorf("%+v", u)
	}
	in.Withdrawn = append(in.Withdrawn, "F-0")
	if v := Judge(c, []Input{in}, checks); v.Verdict != NotShown {
		t.Errorf("%s because %s", v.Verdict, v.Because)
	}
}
