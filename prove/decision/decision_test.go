package decision

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/prove/profile"
	"github.com/wardein/wardein/report"
)

const head = `form = 1
name = "ours"
version = 1
date = "2026-11-22"
author = "Example"
source = "here"
about = "a floor"
checks = ["a"]
`

func condition(id, asks string) string {
	return fmt.Sprintf("[[condition]]\nid = %q\nwhy = \"so\"\n%s\n", id, asks)
}

var checks = []wardein.Check{{Name: "a"}, {Name: "b"}}

func finding(id string, severity wardein.Severity, node string) wardein.Finding {
	return wardein.Finding{ID: id, Check: "a", Rule: "a.x", Node: node, Severity: severity, Confidence: wardein.Certain, Reach: wardein.Management,
		Says: wardein.Text{ID: "says", Args: []wardein.Note{{Name: "what", Value: id}}}, Fix: wardein.Text{ID: "fix"}}
}

var messages = map[string]string{"says": "It is {what}.", "fix": "Mend it."}

func side(name string, fs ...wardein.Finding) *findings.Side {
	r := &wardein.Report{Findings: fs, Nodes: 9, Coverage: wardein.Coverage{Known: 900, Opaque: 60, Unknown: 40, Code: []wardein.CodeCount{{Arch: "arm", Bytes: 10, Read: 9}}},
		Counts: []wardein.CheckCount{{Check: "a", Done: 9}, {Check: "b", Done: 9}}}
	r.Recipe.AsOf = "2026-11-22"
	r.Recipe.Checks = []wardein.Ingredient{{Name: "a", Version: 1}, {Name: "b", Version: 1}}
	return &findings.Side{Name: name, Report: r, Messages: messages}
}

// input is what a sheet of a report is made of.
func input(t testing.TB, s *findings.Side, conditions ...string) *Input {
	t.Helper()
	p, err := profile.Parse([]byte(head + strings.Join(conditions, "")))
	if err != nil {
		t.Fatal(err)
	}
	saved, err := report.Read(bytes.NewReader(report.JSON(s.Report, messages)))
	if err != nil {
		t.Fatal(err)
	}
	return &Input{Side: s, Profile: p, Statement: profile.Evaluate(p, &profile.Input{Report: saved, Checks: checks}), Checks: checks}
}

func waivers(t testing.TB, list ...string) *Waivers {
	t.Helper()
	text := "form = 1\n"
	for _, w := range list {
		id, expires, _ := strings.Cut(w, " ")
		text += fmt.Sprintf("[[waiver]]\nfinding = %q\nowner = \"Jo Example\"\nreason = \"so\"\nexpires = %q\n", id, expires)
	}
	w, err := ParseWaivers([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

const at0 = "findings = { most = 0 }"

// Findings that are waived leave a condition when few enough are left, until
// their day; the statement stays as it is.
func TestWaived(t *testing.T) {
	one, two := finding("F-00000001", wardein.High, "x"), finding("F-00000002", wardein.Low, "y")
	for _, k := range []struct {
		waivers      []string
		asks         string
		open, waived int
		left         string
	}{
		{nil, at0, 1, 0, "[F-00000001 F-00000002]"},
		{[]string{"F-00000001 2026-11-22"}, at0, 1, 0, "[F-00000002]"},
		{[]string{"F-00000001 2026-11-22", "F-00000002 2027-01-01"}, at0, 0, 1, ""},
		{[]string{"F-00000001 2026-11-21", "F-00000002 2027-01-01"}, at0, 1, 0, "[F-00000001]"},
		{[]string{"F-00000001 2026-11-22"}, "findings = { most = 1 }", 0, 1, ""},
		{[]string{"F-00000001 2026-11-22", "F-00000002 2027-01-01"}, "findings = { rules = [\"c.*\"], most = 0 }", 1, 0, "[]"}, // nobody looked
		{[]string{"F-00000001 2026-11-22", "F-00000002 2027-01-01"}, "coverage = { opened = \"99 %\" }", 1, 0, "[]"},
	} {
		in := input(t, side("r", one, two), condition("c", k.asks))
		before, _ := in.Statement.JSON()
		in.Waivers = waivers(t, k.waivers...)
		s := New(in)
		left := ""
		if len(s.Open) > 0 {
			left = fmt.Sprint(s.Open[0].Findings)
		}
		if len(s.Open) != k.open || len(s.Waived) != k.waived || left != k.left {
			t.Errorf("%v, %s: %d open, %d waived, left %s", k.waivers, k.asks, len(s.Open), len(s.Waived), left)
		}
		if after, _ := s.Statement.JSON(); !bytes.Equal(before, after) {
			t.Error("the statement is another")
		}
	}
}

// What became of a waived finding in the next release.
func TestCarried(t *testing.T) {
	list := func(id, items string) wardein.Finding {
		f := finding(id, wardein.Info, "conf")
		f.Rule, f.Says.Args = "update.hosts", []wardein.Note{{Name: "list", Value: items}}
		return f
	}
	graver := finding("F-00000004", wardein.Critical, "moved")
	old := side("1.0", finding("F-00000001", wardein.High, "x"), list("F-00000002", "a (x); b (y)"), finding("F-00000003", wardein.High, "z"), finding("F-00000004", wardein.Low, "w"), finding("F-00000006", wardein.High, "v"))
	new := side("1.1", finding("F-00000001", wardein.High, "x"), list("F-00000022", "b (y); c (y)"), graver)
	new.Gaps = []wardein.Gap{{Node: "v", Who: "a", Kind: wardein.Limit, Why: "limit: 9"}}
	nodes := func(string) *wardein.Node { return &wardein.Node{} }
	old.Node, new.Node = nodes, nodes
	in := input(t, new, condition("c", at0))
	in.Previous = old
	in.Waivers = waivers(t, "F-00000001 2027-01-01", "F-00000002 2027-01-01", "F-00000003 2027-01-01", "F-00000004 2027-01-01", "F-00000005 2027-01-01", "F-00000006 2027-01-01")
	var got []string
	for _, w := range New(in).Waivers {
		got = append(got, fmt.Sprintf("%s %s: %s", w.Finding, w.State, w.Why))
	}
	want := []string{
		"F-00000004 counts: severity low → critical; moved: w → moved",
		"F-00000001 counts: ",
		"F-00000002 finding is another now: now F-00000022; came: c; went: a",
		"F-00000006 not looked at any more: v: limit: 9",
		"F-00000003 finding is gone: ",
		"F-00000005 no such finding: ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	in.Previous = nil
	if w := New(in).Waivers; w[len(w)-1].Why != "no earlier report was given: --previous" {
		t.Errorf("%+v", w)
	}
}

// Findings with one remedy are one question, the gravest first, with replies;
// then come gaps and what was delivered.
func TestQuestions(t *testing.T) {
	other := finding("F-00000003", wardein.Critical, "z")
	other.Rule, other.Fix = "a.y", wardein.Text{}
	s := side("r", finding("F-00000001", wardein.Low, "x"), finding("F-00000002", wardein.Medium, "y"), other, finding("F-00000004", wardein.High, "w"))
	s.Gaps = []wardein.Gap{{Node: "s", Kind: wardein.Encrypted, Len: 3, Who: "f"}, {Node: "l", Kind: wardein.Encrypted, Len: 9, Who: "f"}, {Kind: wardein.NoData, Who: "b", Why: "none"}}
	s.Release.Parts = []wardein.Part{{Path: "a.bin", Delivered: wardein.Matches}, {Path: "b.bin", Delivered: wardein.NotListed}}
	in := input(t, s, condition("c", at0))
	in.Waivers = waivers(t, "F-00000004 2027-01-01")
	in.Replies = []Reply{{"F-00000002", "exampletel", "2026-11-30", "fixed in 5.2.2"}, {"F-00000004", "exampletel", "2026-11-30", "disputed"}}
	var got []string
	for _, q := range New(in).Questions {
		got = append(got, fmt.Sprintf("%s %v %s %v", q.Severity, q.Findings, q.Text, q.Replies))
	}
	want := []string{
		"critical [F-00000003] a.y: It is F-00000003. []",
		"medium [F-00000001 F-00000002] a.x: Mend it. [{F-00000002 exampletel 2026-11-30 fixed in 5.2.2}]",
		" [] what is in l, s, and may the lab have the key? []",
		" [] why does what was delivered not match the hash list: b.bin (not on the list)? []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Over drawn reports: waivers change no statement, only those of findings that
// are there and until their day count, a sheet is one page, decides nothing and
// is the same again.
func TestSheet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z ,.äß–\x1b]{0,300}`)
		var fs []wardein.Finding
		for i := range rapid.IntRange(0, 120).Draw(t, "findings") {
			f := finding(fmt.Sprintf("F-%08d", i), wardein.Severity(rapid.IntRange(0, 4).Draw(t, "severity")), text.Draw(t, "node"))
			f.Rule = fmt.Sprintf("a.x%d", i%30)
			fs = append(fs, f)
		}
		s := side(text.Draw(t, "name"), fs...)
		for range rapid.IntRange(0, 9).Draw(t, "gaps") {
			s.Gaps = append(s.Gaps, wardein.Gap{Node: text.Draw(t, "gap"), Who: "f", Kind: rapid.SampledFrom([]wardein.GapKind{wardein.Encrypted, wardein.Damaged, wardein.Limit, wardein.NoData}).Draw(t, "kind"), Len: 3})
		}
		var conditions []string
		for i := range rapid.IntRange(1, 100).Draw(t, "conditions") {
			conditions = append(conditions, condition(fmt.Sprintf("condition-%d", i), rapid.SampledFrom([]string{at0, "coverage = { opened = \"99 %\" }", "findings = { most = 60 }", "result = \"equiv\""}).Draw(t, "asks")))
		}
		in := input(&testing.T{}, s, conditions...)
		before := New(in)
		var list []string
		for i := range rapid.IntRange(0, 40).Draw(t, "waivers") {
			list = append(list, fmt.Sprintf("F-%08d %s", i*3, rapid.SampledFrom([]string{"2026-11-21", "2026-11-22", "2027-01-01"}).Draw(t, "expires")))
		}
		in.Waivers = waivers(&testing.T{}, list...)
		after := New(in)
		if len(before.Open) != len(after.Open)+len(after.Waived) || len(after.Waivers) != len(list) {
			t.Fatalf("%d open, then %d and %d waived", len(before.Open), len(after.Open), len(after.Waived))
		}
		for _, w := range after.Waivers {
			i := slices.IndexFunc(fs, func(f wardein.Finding) bool { return f.ID == w.Finding })
			if counts := i >= 0 && w.Expires >= "2026-11-22"; counts != (w.State == Counts) {
				t.Fatalf("%+v", w)
			}
		}
		b, err := after.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := New(in).JSON(); !bytes.Equal(b, again) {
			t.Fatal("not the same again")
		}
		var back Sheet
		if err := json.Unmarshal(b, &back); err != nil || back.Decision.Word+back.Decision.By+back.Decision.Date != "" || !slices.Equal(back.Decision.Words, Words) {
			t.Fatalf("%+v, %v", back.Decision, err)
		}
		var page, html bytes.Buffer
		if err := after.Table(&page, 80); err != nil {
			t.Fatal(err)
		}
		if err := after.HTML(&html); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(page.String(), "\n"); n > asText.lines+15 || strings.Contains(page.String()+html.String(), "\x1b") {
			t.Fatalf("%d lines\n%s", n, page.String())
		}
	})
}

func TestParseWaivers(t *testing.T) {
	if _, err := ParseWaivers([]byte(Template)); err != nil {
		t.Error(err)
	}
	for _, k := range []struct{ old, new, want string }{
		{"form = 1", "form = 2", "key form"}, {"F-00000000", "F-xyz", "key waiver[1].finding"}, {`"F-00000000"`, `""`, "is missing"},
		{"2027-03-31", "soon", "key waiver[1].expires"}, {"owner =", "ownr =", "there is no such key"},
		{"\n[[waiver]]", "\n[[waiver]]\nfinding = \"F-00000000\"\nowner = \"x\"\nreason = \"x\"\nexpires = \"2027-01-01\"\n[[waiver]]", "stands there twice"},
	} {
		if _, err := ParseWaivers([]byte(strings.Replace(Template, k.old, k.new, 1))); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s: %v", k.new, err)
		}
	}
}

func FuzzParseWaivers(f *testing.F) {
	f.Add([]byte(Template))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ParseWaivers(b)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("error %q", err)
			}
			return
		}
		in := input(t, side("r", finding("F-00000000", wardein.High, "x")), condition("c", at0))
		in.Waivers = w
		if s := New(in); len(s.Waivers) != len(w.List) {
			t.Fatal("a waiver is not shown")
		}
	})
}

// docs/decide.md has each field and key.
func TestHandbook(t *testing.T) {
	b, err := os.ReadFile("../../docs/decide.md")
	if err != nil {
		t.Fatal(err)
	}
	for tag, of := range map[string]reflect.Type{"json": reflect.TypeFor[Sheet](), "toml": reflect.TypeFor[Waivers]()} {
		for _, name := range testkit.Fields(of, tag) {
			if !strings.Contains(string(b), "`"+name) {
				t.Errorf("docs/decide.md lacks %s", name)
			}
		}
	}
}
