package findings

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	all "github.com/wardein/wardein/check/all"
)

// Every check's data is known here; one that is not would count as a reader of
// any.
func TestReaders(t *testing.T) {
	names := map[string]bool{}
	for _, c := range all.Checks() {
		names[c.Name] = true
		if _, ok := readers[c.Name]; !ok {
			t.Errorf("readers lacks %s", c.Name)
		}
	}
	for name := range readers {
		if !names[name] {
			t.Errorf("readers has %s, which is no check", name)
		}
	}
}

// Arguments that lists and things are read from are arguments of a sentence of
// the rule's check.
func TestArguments(t *testing.T) {
	said := map[string]string{}
	for _, c := range all.Checks() {
		for _, s := range c.Messages {
			said[c.Name] += s
		}
	}
	for rule, l := range lists {
		check, _, _ := strings.Cut(rule, ".")
		for _, a := range append([]string{l.by}, l.args...) {
			if a != "" && !strings.Contains(said[check], "{"+a+"}") {
				t.Errorf("%s: no sentence has {%s}", rule, a)
			}
		}
	}
	for rule := range names {
		check, name, _ := strings.Cut(rule, ".")
		if said[check] == "" || name == "" {
			t.Errorf("%s is of no check", rule)
		}
	}
}

// What a difference between two reports of one release is due to.
func TestCauses(t *testing.T) {
	data := func(name, date, digest string) []wardein.Source {
		return []wardein.Source{{Name: name, Date: date, Digest: wardein.Digest{digest[0]}}}
	}
	version := func(name string, v int) func(*wardein.Report) {
		return func(r *wardein.Report) {
			for i := range r.Recipe.Checks {
				if r.Recipe.Checks[i].Name == name {
					r.Recipe.Checks[i].Version = v
				}
			}
		}
	}
	asOf := func(r *wardein.Report) { r.Recipe.AsOf = "2026-12-31" }
	db := func(r *wardein.Report) { r.Recipe.Data = data("feed nvd", "2026-12-30", "b") }
	keys := func(r *wardein.Report) {
		r.Recipe.Data = append(r.Recipe.Data, data("keys field", "2026-12-30", "k")...)
	}
	for _, k := range []struct {
		name    string
		found   string // the check of the finding that came
		change  []func(*wardein.Report)
		cause   Cause
		because string
	}{
		{"a check", "service", []func(*wardein.Report){version("service", 2)}, ByRules, "check service 1 → 2"},
		{"a check that it reads", "update", []func(*wardein.Report){version("service", 2)}, ByRules, "check service 1 → 2"},
		{"a check that it does not read", "account", []func(*wardein.Report){version("service", 2)}, ByRules, "another build of wardein"},
		{"the date, and it reads none", "service", []func(*wardein.Report){asOf}, ByRules, "another build of wardein"},
		{"the date", "cert", []func(*wardein.Report){asOf}, ByData, "evaluation date 2026-11-22 → 2026-12-31"},
		{"the database", "vuln", []func(*wardein.Report){db}, ByData, "feed nvd 2026-11-20 → 2026-12-30"},
		{"the database, and it reads none", "cert", []func(*wardein.Report){db, version("cert", 2)}, ByRules, "check cert none → 2"},
		{"the database or the check", "vuln", []func(*wardein.Report){db, version("vuln", 2)}, ByRulesOrData, "check vuln 1 → 2; feed nvd 2026-11-20 → 2026-12-30"},
		{"a check, and data that it does not read", "service", []func(*wardein.Report){db, asOf, version("service", 2)}, ByRules, "check service 1 → 2"},
		{"key sets", "secret", []func(*wardein.Report){keys}, ByData, "keys field none → 2026-12-30"},
		{"key sets are no database", "vuln", []func(*wardein.Report){keys, version("vuln", 2)}, ByRules, "check vuln 1 → 2"},
		{"a format", "service", []func(*wardein.Report){func(r *wardein.Report) {
			r.Recipe.Formats = []wardein.Ingredient{{Name: "elf", Version: 2}, {Name: "f1", Version: 1}, {Name: "f2", Version: 1}, {Name: "f3", Version: 1}}
		}}, ByRules, "format elf 1 → 2; format f1 none → 1; format f2 none → 1; and 1 more"},
		{"a limit", "service", []func(*wardein.Report){func(r *wardein.Report) { r.Recipe.Options = []wardein.Note{note("limit.depth", "9")} }}, ByRules, "limit.depth none → 9"},
		{"published defaults", "account", []func(*wardein.Report){func(r *wardein.Report) { r.Recipe.Options = []wardein.Note{note("published-defaults", "ab")} }}, ByData, "published-defaults none → ab"},
		{"published defaults are not read", "service", []func(*wardein.Report){func(r *wardein.Report) { r.Recipe.Options = []wardein.Note{note("published-defaults", "ab")} }}, ByRules, "another build"},
		{"a check that nobody knows", "other", []func(*wardein.Report){asOf}, ByData, "evaluation date"},
		{"wardein alone", "service", []func(*wardein.Report){func(r *wardein.Report) { r.Recipe.Module = "v2" }}, ByRules, "wardein v1 → v2"},
		{"the run", "service", []func(*wardein.Report){func(r *wardein.Report) { r.Incidents = 1 }}, ByDisturbance, "was killed"},
		{"an interrupted run", "service", []func(*wardein.Report){func(r *wardein.Report) { r.Partial = true }, asOf}, ByDisturbance, "interrupted"},
	} {
		then, now := newWorld(), newWorld()
		for _, w := range []*world{then, now} {
			w.Recipe.Module, w.Recipe.Data, w.Recipe.Formats = "v1", data("feed nvd", "2026-11-20", "a"), []wardein.Ingredient{{Name: "elf", Version: 1}}
		}
		now.add(k.found, k.found+".x", paths[0], wardein.High, "user", []string{"x"}, note("user", "x"), note("password", ""))
		now.Recipe.Checks = append(now.Recipe.Checks, wardein.Ingredient{Name: "cert", Version: 1})
		then.Recipe.Checks = append(then.Recipe.Checks, wardein.Ingredient{Name: "cert", Version: 1})
		if strings.HasPrefix(k.because, "check cert none") {
			then.Recipe.Checks = then.Recipe.Checks[:len(then.Recipe.Checks)-1]
		}
		for _, change := range k.change {
			change(now.Report)
		}
		d := Causes(then.side("r"), now.side("r"), checks).Differences()
		if len(d) != 1 || d[0].Cause != k.cause || !strings.Contains(d[0].Because, k.because) {
			t.Errorf("%s: %d differences, first %s because %q", k.name, len(d), d[0].Cause, d[0].Because)
		}
	}
	// A sentence that is another one is the rules' doing, whatever the data.
	then, now := newWorld(), newWorld()
	for _, w := range []*world{then, now} {
		w.add("vuln", "vuln.known", paths[0], wardein.High, "vuln", []string{"x"}, note("component", "x"), note("version", "1"))
	}
	now.Recipe.Data = data("feed nvd", "2026-12-30", "b")
	other := then.side("r")
	other.Messages = map[string]string{"vuln": "{component} in {version}"}
	if d := Causes(other, now.side("r"), checks).Differences(); len(d) != 1 || d[0].Cause != ByRules {
		t.Errorf("%+v", d)
	}
}

// Every difference has one cause, and data is none of a check that reads none.
func TestOneCause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		b.Recipe.AsOf = rapid.SampledFrom([]string{"2026-11-22", "2026-12-31"}).Draw(t, "as of")
		for i := range b.Recipe.Checks {
			b.Recipe.Checks[i].Version = rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "version")
		}
		if rapid.Bool().Draw(t, "data") {
			b.Recipe.Data = []wardein.Source{{Name: "feed nvd", Date: "2026-12-30"}}
		}
		for _, r := range Causes(a.side("r"), b.side("r"), checks).Rows {
			if !r.Differs() {
				if r.Cause != "" || r.Because != "" {
					t.Fatalf("%s of what stays", r.Cause)
				}
				continue
			}
			if r.Because == "" {
				t.Fatalf("%s because of nothing", r.Cause)
			}
			check := ""
			for _, f := range []*wardein.Finding{r.Old, r.New} {
				if f != nil {
					check = f.Check
				}
			}
			switch r.Cause {
			case ByRules:
			case ByData, ByRulesOrData:
				if check != "vuln" {
					t.Fatalf("%s of %s %s", r.Cause, r.Kind, check)
				}
			default:
				t.Fatalf("cause %q", r.Cause)
			}
		}
	})
}

// Arguments of anybody's report.
func FuzzArguments(f *testing.F) {
	f.Add("update.hosts", "list", "a.example (http in x); and 3 more", "b.example (x")
	f.Add("service.listening", "list", "mgmtd (port not seen) by etc/inittab; telnetd tcp/23 by x", "")
	f.Add("vuln.known", "CVE-2020-1", "status=affected; score=9", "status=fixed")
	f.Add("config.network", "list", "a 1 (b; c); d 2 (e)", "((((")
	f.Add("secret.acs", "names", "a, b and 3 more", "…")
	f.Fuzz(func(t *testing.T, rule, name, was, is string) {
		a, b := newWorld(), newWorld()
		check, _, _ := strings.Cut(rule, ".")
		a.add(check, rule, paths[0], wardein.Low, "list", []string{was}, note(name, was))
		b.add(check, rule, paths[0], wardein.Low, "list", []string{is}, note(name, is))
		there, back := Compare(a.side("a"), b.side("b"), checks), Compare(b.side("b"), a.side("a"), checks)
		if x, y := len(there.Differences()), len(back.Differences()); x != y {
			t.Fatal(fmt.Sprint(x, " differences, back ", y))
		}
		if d := Compare(a.side("a"), a.side("a"), checks).Differences(); len(d) > 0 {
			t.Fatalf("%+v", d[0])
		}
	})
}
