package claim

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/tomlfile"
)

// The template is a claim.
func TestTemplate(t *testing.T) {
	c, err := Parse([]byte(Template))
	if err != nil {
		t.Fatal(err)
	}
	if c.Kind != Artefact || !c.About.Any() || len(c.Tests) != 1 || c.Tests[0].Hit != Contradicts || !c.Example {
		t.Errorf("%+v", c)
	}
}

const good = `form = 1
id = "no-telnet"
version = 1
kind = "artefact"
text = "There is no telnet server."
by = "ExampleTel"
source = "https://exampletel.example/a"
said = "2026-03-01"
[about]
product = "AN-2400"
digests = ["any"]
[[test]]
rules = ["service.telnet*"]
hit = "contradicts"
why = "A telnet server."
`

// What is wrong is named by its key.
func TestParse(t *testing.T) {
	c, err := Parse([]byte(good))
	if err != nil || c.About.Holds != Each || c.Tests[0].Confidence != "likely" {
		t.Fatalf("%+v, %v", c, err)
	}
	long := strings.Repeat("x", 801)
	for _, k := range []struct{ old, new, want string }{
		{"form = 1", "form = 2", "key form: 2, expected 1"},
		{"form = 1\n", "", "key form: 0, expected 1"},
		{"form = 1", "form = \"1\"", "line 1: key "},
		{`id = "no-telnet"`, `id = "No"`, `key id: "No" is not of small letters`},
		{`id = "no-telnet"`, ``, `key id: is missing`},
		{"version = 1", "version = 0", "key version: 0, versions begin with 1"},
		{`"artefact"`, `"fact"`, `key kind: "fact" is none of artefact, capability, conduct, intent, law`},
		{`"artefact"`, `"intent"`, "key test: a claim about intent is not testable"},
		{`There is no telnet server.`, ``, "key text: is missing"},
		{`There is no telnet server.`, long, "key text: 801 bytes, at most 800"},
		{`There is no telnet server.`, `a\u001b[2J`, `key text: "a\x1b[2J" has control characters`},
		{"2026-03-01", "1 March", `key said: "1 March" is not a date`},
		{"2026-03-01", "2026-02-30", `key said: "2026-02-30" is not a date`},
		{`digests = ["any"]`, ``, "key about.digests: is missing"},
		{`["any"]`, `["any", "any"]`, `key about.digests[1]: "any" is not a SHA-256`},
		{`["any"]`, `["` + strings.Repeat("AB", 32) + `"]`, "is not a SHA-256 in small letters"},
		{`[about]`, "bears = [\"x\"]\n[about]", "key bears: stands in claims about conduct"},
		{`[about]`, "untested = \"x\"\n[about]", "key untested: stands in a claim that could have tests and has none"},
		{`[about]`, "[abuot]", `key "abuot": there is no such key`},
		{`hit = "contradicts"`, ``, "key test[1].hit: is missing: one of supports, contradicts"},
		{`hit = "contradicts"`, `hot = "contradicts"`, `key "test.hot": there is no such key`},
		{`"service.telnet*"`, ``, "key test[1].rules: a test has either rules or result"},
		{`"service.telnet*"`, `"telnet"`, "does not begin with the name of a check"},
		{`"service.telnet*"`, `"*.telnet"`, "does not begin with the name of a check"},
		{`"service.telnet*"`, `"service.[telnet"`, "is not a pattern of rules"},
		{`why = "A telnet`, "result = \"compare\"\nwhy = \"A telnet", "a test has either rules or result"},
		{`rules = ["service.telnet*"]`, "result = \"compare\"\nrows = { kinds = [\"lissener\"] }", `key test[1].rows.kinds[1]: "lissener" is none of finding`},
		{`rules = ["service.telnet*"]`, "result = \"equiv\"\nrows = { most = 1 }", `key test[1].rows: goes with a result of compare`},
		{`rules = ["service.telnet*"]`, `result = "guess"`, `key test[1].result: "guess" is none of compare, equiv`},
		{`hit = `, "confidence = \"sure\"\nhit = ", `key test[1].confidence: "sure" is none of`},
		{good[len(good)-5:], "\xff\n", "is not UTF-8"},
	} {
		if !strings.Contains(good, k.old) {
			t.Fatalf("%q is not in the claim", k.old)
		}
		if _, err := Parse([]byte(strings.Replace(good, k.old, k.new, 1))); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%.60q → %.60q:\n%v\nwant %s", k.old, k.new, err, k.want)
		}
	}
	if _, err := Parse(make([]byte, tomlfile.MaxSize+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
	if _, err := Parse([]byte(strings.Replace(good, "[[test]]\nrules = [\"service.telnet*\"]\nhit = \"contradicts\"\nwhy = \"A telnet server.\"\n", "", 1))); err == nil || !strings.Contains(err.Error(), "key untested: is missing") {
		t.Error(err)
	}
}

// A ledger has each version of a claim once, and only claims about
// capabilities or artefacts bear on others.
func TestLedger(t *testing.T) {
	intent := strings.NewReplacer("no-telnet", "meant", `"artefact"`, `"intent"`, "[about]", "bears = [\"no-telnet\", \"elsewhere\"]\n[about]", good[strings.Index(good, "[[test]]"):], "").Replace(good)
	dir := fstest.MapFS{
		"a.toml": {Data: []byte(good)}, "c.toml": {Data: []byte(intent)}, "README": {Data: []byte("no claim")},
		"b.toml": {Data: []byte(strings.Replace(good, "version = 1", "version = 2", 1))},
	}
	all, err := Ledger(dir)
	if err != nil || len(all) != 3 || all[0].ID != "meant" || !all[1].Replaced || all[2].Version != 2 || all[2].Replaced {
		t.Fatalf("%+v, %v", all, err)
	}
	verdicts := JudgeAll(all, nil, nil)
	if len(verdicts) != 2 || verdicts[0].Verdict != NotTestable || !reflect.DeepEqual(verdicts[0].Bears, []Bearing{{"no-telnet", "There is no telnet server.", NotExamined}, {ID: "elsewhere"}}) {
		t.Errorf("%+v", verdicts[0])
	}
	for name, k := range map[string]struct{ file, want string }{
		"twice":  {good, "b.toml: key version: a.toml has version 1 of no-telnet, too"},
		"broken": {"form = ", "b.toml: line 1"},
		"bears":  {strings.Replace(strings.Replace(intent, `"meant"`, `"other"`, 1), `"elsewhere"`, `"meant"`, 1), "b.toml: key bears: meant is a claim about intent"},
	} {
		dir["b.toml"] = &fstest.MapFile{Data: []byte(k.file)}
		if _, err := Ledger(dir); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Fuzz reads any bytes as a claim: an error, or one that can be judged and
// printed.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(Template))
	f.Add([]byte("test = [[[[{a=1}]]]]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			if s := err.Error(); s == "" || strings.ContainsAny(s, "\n\x1b") {
				t.Fatalf("error %q", s)
			}
			return
		}
		v := Judge(c, nil, nil)
		j, err := v.JSON()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Read(j)
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Fatalf("%s: %v", j, err)
		}
		if v.Verdict != NotExamined && v.Verdict != NotTestable {
			t.Fatalf("%s without a report", v.Verdict)
		}
	})
}

// The claims that were made have sources, and none is an example.
func TestData(t *testing.T) {
	dirs, err := os.ReadDir("data")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		all, err := Ledger(os.DirFS(filepath.Join("data", d.Name())))
		if err != nil {
			t.Errorf("%s: %v", d.Name(), err)
		}
		known := map[string]bool{}
		for _, e := range all {
			known[e.ID] = true
		}
		for _, e := range all {
			n++
			if e.Example || !strings.Contains(e.Source, "://") || !strings.Contains(e.Source, "(read 20") || e.File != e.ID+".toml" || e.About.Any() {
				t.Errorf("%s: example %v, source %q", e.File, e.Example, e.Source)
			}
			for _, id := range e.Bears {
				if !known[id] {
					t.Errorf("%s: no claim %s", e.File, id)
				}
			}
		}
	}
	if n < 6 {
		t.Errorf("%d claims", n)
	}
}

// docs/claims.md has each verdict's sentence and each field.
func TestHandbook(t *testing.T) {
	b, err := os.ReadFile("../../docs/claims.md")
	if err != nil {
		t.Fatal(err)
	}
	for s, sentence := range Sentences {
		if want := fmt.Sprintf("| `%s` | %s |\n", s, sentence); !strings.Contains(string(b), want) {
			t.Errorf("docs/claims.md lacks %s", want)
		}
	}
	for _, name := range testkit.Fields(reflect.TypeFor[Verdict](), "json") {
		if !strings.Contains(string(b), "`"+name) {
			t.Errorf("docs/claims.md lacks the field %s", name)
		}
	}
	for _, name := range testkit.Fields(reflect.TypeFor[Claim](), "toml") {
		if !strings.Contains(string(b), name) {
			t.Errorf("docs/claims.md lacks the key %s", name)
		}
	}
}
