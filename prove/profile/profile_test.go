package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/report"
)

// The profile that comes along is one, and gives a reason for each threshold.
func TestBaseline(t *testing.T) {
	p, err := Parse(Baseline)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != BaselineName || len(p.Conditions) < 10 {
		t.Errorf("%s, %d conditions", p.Name, len(p.Conditions))
	}
	for _, c := range p.Conditions {
		if len(c.Why) < 20 {
			t.Errorf("%s: why is %q", c.ID, c.Why)
		}
	}
}

const good = `form = 1
name = "floor"
version = 1
date = "2026-11-22"
author = "a lab"
source = "docs"
about = "A floor."
checks = ["a"]
[[condition]]
id = "one"
why = "so"
findings = { severity = "high", most = 0 }
`

// asking is the profile with one condition that asks for something else.
func asking(asks string) string {
	return strings.Replace(good, `findings = { severity = "high", most = 0 }`, asks, 1)
}

func TestParse(t *testing.T) {
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct{ old, new, want string }{
		{"form = 1", "form = 3", "key form: 3, expected 1"},
		{`"floor"`, `"Floor"`, "key name: "},
		{`"floor"`, `"nesas-floor"`, `key name: "nesas-floor" has "nesas": a profile bears no name of a scheme`},
		{`"floor"`, `"floor.certified"`, `has "certified"`},
		{"version = 1", "version = -1", "key version: -1"},
		{`"2026-11-22"`, `"today"`, `key date: "today" is not a date`},
		{`"so"`, `""`, "key condition[1].why: is missing"},
		{`["a"]`, `["a", "a"]`, `key checks[2]: "a" stands there twice`},
		{`["a"]`, `[]`, "key condition[1].findings.rules: is missing, and so is checks"},
		{`"high"`, `"hihg"`, `key condition[1].findings.severity: "hihg" is none of info, low`},
		{`most = 0`, `most = -1`, "key condition[1].findings.most: -1, expected 0 or more"},
		{`most = 0`, `mots = 0`, `there is no such key`},
		{`severity = "high"`, `reach = "moon"`, `key condition[1].findings.reach: "moon" is none of none shown, local`},
		{`severity = "high"`, `rules = ["*"]`, "key condition[1].findings.rules: "},
		{"why = ", "result = \"equiv\"\nwhy = ", `key condition[1].id: "one" asks for 2 things`},
		{"[[condition]]", "[[condition]]\nid = \"x\"\nwhy = \"y\"\n[[condition]]", `key condition[1].id: "x" asks for 0 things`},
		{"[[condition]]", "[[condition]]\nid = \"one\"\nwhy = \"y\"\nresult = \"equiv\"\n[[condition]]", `key condition[2].id: "one" stands there twice`},
	} {
		if !strings.Contains(good, k.old) {
			t.Fatalf("%q is not in the profile", k.old)
		}
		if _, err := Parse([]byte(strings.Replace(good, k.old, k.new, 1))); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%q → %q:\n%v\nwant %s", k.old, k.new, err, k.want)
		}
	}
	for asks, want := range map[string]string{
		`gaps = {}`:                                   "either most or most_share",
		`gaps = { kinds = ["hole"], most = 1 }`:       `"hole" is none of damaged, unsupported`,
		`gaps = { most = 1, most_share = "1 %" }`:     "either most or most_share",
		`gaps = { most_share = "1%" }`:                `"1%" is no share as in`,
		`coverage = {}`:                               "key condition[1].coverage: asks for nothing",
		`coverage = { opened = "100.1 %" }`:           "is more than all",
		`metric = { title = "x" }`:                    "either most or most_share",
		`data = { name = "x" }`:                       "key condition[1].data.days: 0",
		`record = { kind = "card", schemes = ["x"] }`: `"card" is none of certificate, attestation`,
		`record = { kind = "attestation" }`:           "key condition[1].record.schemes: is missing",
		`result = "guess"`:                            `"guess" is none of compare`,
	} {
		if _, err := Parse([]byte(asking(asks))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", asks, err)
		}
	}
}

func TestShare(t *testing.T) {
	for s, want := range map[Share]int64{"0 %": 0, "100 %": 1_000_000, "99.5 %": 995_000, "0.0001 %": 1, "7.25 %": 72_500} {
		if got, err := s.PPM(); err != nil || got != want {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
	for _, s := range []Share{"", "%", "1", "1%", "-1 %", "+1 %", "01 %", "1. %", ".5 %", "1.00001 %", "100.0001 %", "101 %", "1e1 %", "1,5 %"} {
		if got, err := s.PPM(); err == nil {
			t.Errorf("%q: %d", s, got)
		}
	}
}

const goodRecord = `form = 1
kind = "certificate"
scheme = "Example Scheme"
issuer = "Example Office"
scope = "AN-2400 1.1.0"
valid_from = "2026-01-01"
valid_until = "2026-12-31"
document = "abababababababababababababababababababababababababababababababab"
releases = ["any"]
`

func TestParseRecord(t *testing.T) {
	if _, err := ParseRecord([]byte(goodRecord)); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct{ old, new, want string }{
		{"form = 1", "", "key form: 0"}, {`"certificate"`, `"card"`, "key kind"}, {`"Example Office"`, `""`, "key issuer: is missing"},
		{"2026-12-31", "2025-12-31", "key valid_until: 2025-12-31 is before valid_from"}, {"abab", "xx", "key document"}, {`["any"]`, `[]`, "key releases: is missing"},
		{`["any"]`, `["any", "any"]`, "key releases[1]"}, {"issuer", "isuer", "there is no such key"},
	} {
		if _, err := ParseRecord([]byte(strings.Replace(goodRecord, k.old, k.new, 1))); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%q: %v", k.new, err)
		}
	}
}

type m = map[string]any

// checks are those of these tests.
var checks = func() (list []wardein.Check) {
	for _, name := range []string{"a", "b"} {
		list = append(list, wardein.Check{Name: name, Node: func(context.Context, wardein.Blob, func(wardein.Fact)) error { return nil }})
	}
	return list
}()

func saved(t testing.TB, change func(r m)) *report.Saved {
	t.Helper()
	r := m{"version": "1.0", "nodes": "40", "partial": false, "release": m{"digest": strings.Repeat("cd", 32), "kind": "file", "size": "9"},
		"recipe":   m{"as_of": "2026-11-22", "module": "v1", "data": []m{{"name": "vulnerabilities", "date": "2026-11-01", "digest": strings.Repeat("00", 32)}}},
		"counts":   []m{{"check": "a", "done": "9", "failed": "1"}, {"check": "b", "done": "0", "failed": "0"}},
		"coverage": m{"accounted_ppm": 950000, "opened_ppm": 900000, "known": "90", "opaque": "5", "unknown": "5", "code": []m{{"arch": "arm", "bytes": "100", "read": "80"}, {"arch": "mips", "bytes": "100", "read": "60"}}},
		"findings": []m{
			{"id": "F-1", "check": "a", "rule": "a.x", "severity": "high", "confidence": "likely", "reach": "management", "exploited": true},
			{"id": "F-2", "check": "a", "rule": "a.y", "severity": "high", "confidence": "possible", "reach": "local"},
			{"id": "F-3", "check": "b", "rule": "b.x", "severity": "low", "confidence": "certain", "reach": "none shown"}},
		"gaps": []m{{"kind": "encrypted", "who": "fit", "node": "x", "off": "0", "len": "10", "why": "no key"}, {"kind": "damaged", "who": "gzip", "node": "y", "off": "0", "len": "0", "why": "cut"}}}
	if change != nil {
		change(r)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	s, err := report.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func none(name string) func(m) {
	return func(r m) {
		r["counts"] = slices.DeleteFunc(r["counts"].([]m), func(c m) bool { return c["check"] == name })
	}
}

// Every kind of condition, met, not met and undetermined.
func TestEvaluate(t *testing.T) {
	partial := func(r m) { r["partial"] = true }
	noFindings := func(r m) { r["findings"] = []m{} }
	for _, k := range []struct {
		asks    string
		change  func(m)
		want    State
		because string
	}{
		{`findings = { most = 2 }`, nil, Met, "2 findings"}, // those of the profile's checks
		{`findings = { most = 1 }`, nil, NotMet, "2 findings, at most 1"},
		{`findings = { rules = ["b.*"], most = 0 }`, nil, NotMet, "1 finding, at most 0"},
		{`findings = { confidence = "likely", most = 1 }`, nil, Met, "1 finding"},
		{`findings = { severity = "critical", most = 0 }`, nil, Met, "0 findings"},
		{`findings = { reach = "management", most = 0 }`, nil, NotMet, "1 finding"},
		{`findings = { reach = "subscriber side", most = 0 }`, nil, Met, "0 findings"},
		{`findings = { exploited = true, most = 0 }`, nil, NotMet, "1 finding"},
		{`findings = { most = 2 }`, none("a"), Undetermined, "the check a did not run"},
		{`findings = { most = 1 }`, none("a"), NotMet, "2 findings"},
		{`findings = { rules = ["c.*"], most = 0 }`, nil, Undetermined, "the check c did not run"},
		{`findings = { rules = ["b.*"], most = 1 }`, nil, Met, "1 finding"}, // b met nothing of its kind: it looked
		{`findings = { rules = ["b.*"], most = 1 }`, func(r m) {
			r["gaps"] = []m{{"kind": "no-data", "who": "b", "node": "", "why": "none", "off": "0", "len": "0"}}
		}, Undetermined, "b had no data, or not all: none"},
		{`findings = { rules = ["b.*"], most = 1 }`, func(r m) { r["counts"].([]m)[1]["failed"] = "2" }, Undetermined, "b failed on 2 nodes"},
		{`findings = { most = 2 }`, partial, Undetermined, "the inspection was interrupted; until then: 2 findings"},
		{`findings = { most = 1 }`, partial, NotMet, "2 findings"},
		{`gaps = { most = 2 }`, nil, Met, "2 gaps"},
		{`gaps = { most = 1 }`, nil, NotMet, "2 gaps, at most 1"},
		{`gaps = { kinds = ["crashed"], most = 0 }`, nil, Met, "0 gaps"},
		{`gaps = { who = ["gzip"], most = 0 }`, nil, NotMet, "1 gap, at most 0"},
		{`gaps = { kinds = ["encrypted"], most_share = "10 %" }`, nil, Met, "10.0 % of bytes in 1 gap"},
		{`gaps = { kinds = ["encrypted"], most_share = "9.9999 %" }`, nil, NotMet, "10.0 % of bytes in 1 gap, at most 9.9999 %"},
		{`gaps = { most_share = "20 %" }`, nil, Undetermined, "10.0 % of bytes in 1 gap, and 1 gap of no size"},
		{`gaps = { kinds = ["limit"], most_share = "0 %" }`, nil, Met, "no gap"},
		{`coverage = { accounted = "95 %", opened = "90 %" }`, nil, Met, "95.0 % of bytes accounted; 90.0 % of bytes opened"},
		{`coverage = { accounted = "95 %", opened = "90.0001 %" }`, nil, NotMet, "90.0 % of bytes opened, at least 90.0001 %"},
		{`coverage = { code = "70 %" }`, nil, Met, "70.0 % of code read"},
		{`coverage = { code = "71 %" }`, nil, NotMet, "70.0 % of code read, at least 71 %"},
		{`coverage = { code_each = "70 %" }`, nil, NotMet, "80.0 % of arm code read; 60.0 % of mips code read, at least 70 %"},
		{`coverage = { code = "1 %" }`, func(r m) { r["coverage"].(m)["code"] = []m{} }, Undetermined, "no executable code was seen"},
		{`coverage = { opened = "99 %", code = "1 %" }`, func(r m) { r["coverage"].(m)["code"] = []m{} }, NotMet, "90.0 % of bytes opened, at least 99 %; no executable code was seen"},
		{`ran = { most_failed = 1 }`, nil, Met, "1 check ran and failed on 1 node"},
		{`ran = { most_failed = 0 }`, nil, NotMet, "1 check ran and failed on 1 node, at most 0"},
		{`ran = { checks = ["a", "b"], most_failed = 1 }`, nil, Met, "2 checks ran"},
		{`ran = { checks = ["c"] }`, nil, NotMet, "the check c did not run"},
		{`metric = { title = "count", most = 3 }`, nil, Met, "3"},
		{`metric = { title = "count", most = 2 }`, nil, NotMet, "3, at most 2"},
		{`metric = { title = "share", most_share = "33.3334 %" }`, nil, Met, "33.3 % (1 of 3)"},
		{`metric = { title = "share", most_share = "33.3333 %" }`, nil, NotMet, "33.3 % (1 of 3), at most 33.3333 %"},
		{`metric = { title = "count", most_share = "1 %" }`, nil, Undetermined, "the figure is no share"},
		{`metric = { title = "missing", most = 1 }`, nil, Undetermined, "no figure: not examined"},
		{`metric = { title = "other", most = 1 }`, nil, Undetermined, "the scorecard has no such figure"},
		{`data = { name = "vulnerabilities", days = 21 }`, nil, Met, "of 2026-11-01, judged at 2026-11-22"},
		{`data = { name = "vulnerabilities", days = 20 }`, nil, NotMet, "21 days old, at most 20"},
		{`data = { name = "other", days = 20 }`, nil, Undetermined, "the report was made without other"},
		{`record = { kind = "certificate", schemes = ["Example Scheme"] }`, nil, Met, "certificate of Example Scheme by Example Office, document sha256:abababababab…, valid until 2026-12-31; the document itself was not read"},
		{`record = { kind = "certificate", schemes = ["Example Scheme"], issuers = ["Another"] }`, nil, Undetermined, "no certificate of Example Scheme was given"},
		{`record = { kind = "attestation", schemes = ["Example Scheme"] }`, nil, Undetermined, "no attestation of Example Scheme was given"},
		{`record = { kind = "certificate", schemes = ["Other", "Example Scheme"] }`, func(r m) { r["recipe"].(m)["as_of"] = "2027-01-01" }, NotMet, "it was valid until 2026-12-31"},
		{`record = { kind = "attestation", schemes = ["Audit"] }`, nil, NotMet, "it covers other releases"},
		{`result = "equiv"`, nil, Undetermined, "no result of equiv was given"},
		{`findings = { most = 0 }`, noFindings, Met, "0 findings"},
		{`result = "place"`, nil, Undetermined, "no result of place was given"},
	} {
		p, err := Parse([]byte(asking(k.asks)))
		if err != nil {
			t.Fatalf("%s: %v", k.asks, err)
		}
		other, err := ParseRecord([]byte(strings.NewReplacer(`"certificate"`, `"attestation"`, "Example Scheme", "Audit", `"any"`, `"`+strings.Repeat("ef", 32)+`"`).Replace(goodRecord)))
		if err != nil {
			t.Fatal(err)
		}
		record, _ := ParseRecord([]byte(goodRecord))
		in := &Input{Report: saved(t, k.change), Checks: checks, Records: []*Record{record, other, record},
			Measures: []Measure{{Title: "count", Num: 3}, {Title: "share", Num: 1, Of: 3}, {Title: "missing", Missing: "not examined"}}}
		s := Evaluate(p, in)
		o := s.Conditions[0]
		if o.State != k.want || !strings.Contains(o.Because, k.because) || o.Asks == "" || s.Result != k.want || len(s.Records) != 2 {
			t.Errorf("%s: %s because %q (asks %q)", k.asks, o.State, o.Because, o.Asks)
		}
		slices.Reverse(in.Records)
		a, err := s.JSON()
		b, _ := Evaluate(p, in).JSON()
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: the order of records shows", k.asks)
		}
		back, err := Read(a)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := back.JSON(); !bytes.Equal(again, a) {
			t.Errorf("%s: read and written again it differs", k.asks)
		}
	}
}

// A statement whose result is not that of its conditions is refused.
func TestRead(t *testing.T) {
	p, _ := Parse([]byte(asking(`result = "equiv"`)))
	s := Evaluate(p, &Input{Report: saved(t, nil)})
	s.Result = Met
	b, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(b); err == nil || !strings.Contains(err.Error(), "its conditions say") {
		t.Error(err)
	}
	if _, err := Read([]byte("{}")); err == nil {
		t.Error("nothing is a statement")
	}
}

// Coverage that is taken away never makes a profile met, nor a condition that
// was not: a check that did not run, bytes and code that were not read.
func TestLessCoverage(t *testing.T) {
	p, err := Parse([]byte(good + `[[condition]]
id = "ran"
why = "so"
ran = { most_failed = 1 }
[[condition]]
id = "rules"
why = "so"
findings = { rules = ["b.*"], most = 0 }
[[condition]]
id = "read"
why = "so"
coverage = { accounted = "50 %", opened = "50 %", code = "50 %", code_each = "20 %" }
[[condition]]
id = "gaps"
why = "so"
gaps = { most_share = "20 %" }
`))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		state := m{}
		saved(t, func(x m) { state = x })
		var findings, gaps []m
		for i := range rapid.IntRange(0, 3).Draw(r, "findings") {
			check := rapid.SampledFrom([]string{"a", "b"}).Draw(r, "check")
			findings = append(findings, m{"id": fmt.Sprint("F-", i), "check": check, "rule": check + ".x", "severity": rapid.SampledFrom(severities).Draw(r, "severity"), "confidence": "certain", "reach": "local"})
		}
		for range rapid.IntRange(0, 2).Draw(r, "gaps") {
			gaps = append(gaps, m{"kind": "damaged", "who": "gzip", "node": "x", "off": "0", "len": fmt.Sprint(rapid.IntRange(0, 15).Draw(r, "len")), "why": "cut"})
		}
		state["findings"], state["gaps"] = findings, gaps
		change := func(x m) {
			for k, v := range state {
				x[k] = v
			}
		}
		before := Evaluate(p, &Input{Report: saved(t, change), Checks: checks})
		switch rapid.IntRange(0, 4).Draw(r, "loss") {
		case 0: // a check did not run
			name := rapid.SampledFrom([]string{"a", "b"}).Draw(r, "which")
			none(name)(state)
			state["findings"] = slices.DeleteFunc(findings, func(f m) bool { return f["check"] == name })
		case 1: // or failed where it had been done
			state["counts"].([]m)[0]["failed"] = "2"
		case 2:
			state["coverage"].(m)["opened_ppm"] = rapid.IntRange(0, 900000).Draw(r, "opened")
		case 3:
			state["coverage"].(m)["code"].([]m)[1]["read"] = fmt.Sprint(rapid.IntRange(0, 60).Draw(r, "read"))
		case 4:
			state["gaps"] = append(gaps, m{"kind": "limit", "who": "tar", "node": "y", "off": "0", "len": "9", "why": "bound"})
		}
		after := Evaluate(p, &Input{Report: saved(t, change), Checks: checks})
		if after.Result == Met && before.Result != Met {
			r.Fatalf("%s became met", before.Result)
		}
		for i, o := range after.Conditions {
			if o.State == Met && before.Conditions[i].State != Met {
				r.Fatalf("%s: %s became met", o.ID, before.Conditions[i].State)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add(Baseline)
	f.Add([]byte(goodRecord))
	s := saved(f, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		record, err := ParseRecord(b)
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Fatalf("error %q", err)
		}
		p, err := Parse(b)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("error %q", err)
			}
			return
		}
		in := &Input{Report: s, Checks: checks}
		if record != nil {
			in.Records = append(in.Records, record)
		}
		j, err := Evaluate(p, in).JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(j); err != nil {
			t.Fatalf("%s: %v", j, err)
		}
	})
}

// docs/profiles.md has each field and key.
func TestHandbook(t *testing.T) {
	b, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	for tag, types := range map[string][]reflect.Type{"json": {reflect.TypeFor[Statement]()}, "toml": {reflect.TypeFor[Profile](), reflect.TypeFor[Record]()}} {
		for _, of := range types {
			for _, name := range testkit.Fields(of, tag) {
				if !strings.Contains(string(b), "`"+name) {
					t.Errorf("docs/profiles.md lacks %s", name)
				}
			}
		}
	}
}
