package ts33117

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	_ "github.com/wardein/wardein/internal/testkit" // its flag -update
	"github.com/wardein/wardein/report"
)

// verdict is the word that no form may print.
var verdict = regexp.MustCompile(`(?i)\bpass(es|ed)?\b|\bcomplian`)

// The catalogue is complete, in the standard's order, and in words of its own.
func TestCatalogue(t *testing.T) {
	c := Cases()
	if c.Standard == "" || c.Version == "" || c.Source == "" || c.Date == "" || len(c.Cases) < 73 {
		t.Fatalf("no standard, version, source or date, or %d cases", len(c.Cases))
	}
	ids, last := map[string]bool{}, ""
	for i := range c.Cases {
		k := &c.Cases[i]
		if k.ID != "" && (!regexp.MustCompile(`^TC_[A-Z0-9_]+$`).MatchString(k.ID) || ids[k.ID]) {
			t.Errorf("%s: name %q, or it is there twice", k.Clause, k.ID)
		}
		ids[k.ID] = true
		if k.ID == "" && !k.Unverified {
			t.Errorf("%s: no name, and said to be verified", k.Clause)
		}
		if !regexp.MustCompile(`^4(\.\d+){2,5}$`).MatchString(k.Clause) || order(k.Clause) < last {
			t.Errorf("clause %q after %q", k.Clause, last)
		}
		last = order(k.Clause)
		if k.About == "" || k.Evidence == "" || len(k.Modes) == 0 || verdict.MatchString(k.About+" "+k.Evidence) {
			t.Errorf("%s: %q, %q, %v", k.Clause, k.About, k.Evidence, k.Modes)
		}
		for _, m := range k.Modes {
			if modes[m] == "" {
				t.Errorf("%s: mode %q", k.Clause, m)
			}
		}
		if k.ID != "" && !slices.Contains(Find(strings.ToLower(k.ID)), k) || !slices.Contains(Find(k.Clause), k) {
			t.Errorf("%s is not found", k.Name())
		}
	}
	if len(Find("restricted_reachibility_of_services")) != 1 || Find("TC_") != nil || Known("") || !Known("TC_BVT_PORT_SCANNING") {
		t.Error("Find or Known")
	}
}

// order makes clauses sort by their numbers.
func order(clause string) (s string) {
	for _, n := range strings.Split(clause, ".") {
		s += fmt.Sprintf("%3s.", n)
	}
	return s
}

// specimen is a report with each way that a case can stand, and the checks
// that it was made with.
func specimen(t *testing.T) (*report.Saved, []wardein.Check) {
	t.Helper()
	const hostile = `x\ufffe<b>\u202e</b>`
	s, err := report.Read(strings.NewReader(`{"version":"1.0","nodes":"40",
"components":[],
"counts":[{"check":"account","done":"3","failed":"1"},{"check":"vuln","done":"0","failed":"0"},{"check":"boot","done":"0","failed":"0"},{"check":"known","done":"0","failed":"0"},{"check":"tree","done":"0","failed":"0"},{"check":"broken","done":"0","failed":"2"},{"check":"finer","done":"9","failed":"0","cases":[{"case":"TC_PACKET_FILTERING","nodes":"0"},{"case":"TC_NO_UNUSED_SOFTWARE","nodes":"4"}]}],
"coverage":{"accounted_ppm":912345,"opened_ppm":500000},
"findings":[
 {"id":"F-1","check":"account","rule":"account.empty","node":"etc/` + hostile + `","severity":"high","confidence":"certain","reach":"local","cases":["TC_ACCOUNT_PROTECTION"],"says":{"text":"an account ` + hostile + `"},"quotes":[{"node":"etc/shadow","off":"70","len":"5","bytes":"a::b"}]},
 {"id":"F-2","check":"account","rule":"account.twin","node":"etc/passwd","severity":"low","confidence":"likely","reach":"none shown","cases":[],"says":{"text":"twins"},"quotes":[]},
 {"id":"F-3","check":"account","rule":"account.other","node":"x","severity":"low","confidence":"likely","reach":"none shown","cases":["TC_OF_SOMEBODY_ELSE"],"says":{"text":"other"},"quotes":[]},
 {"id":"F-4","check":"account","rule":"account.hash","node":"y","severity":"info","confidence":"certain","reach":"none shown","cases":["TC_PSW_STOR_SUPPORT"],"says":{"text":"a remark"},"quotes":[]}],
"gaps":[{"kind":"no-data","node":"","who":"vuln","why":"vuln: no database","off":"0","len":"0"},{"kind":"damaged","node":"etc/group","who":"account","why":"account: line 3","off":"0","len":"0"},{"kind":"encrypted","node":"fw","who":"fit","why":"no key","off":"0","len":"0"}],
"recipe":{"as_of":"2026-11-22","checks":[{"name":"account","version":2},{"name":"vuln","version":1}],"module":"v1"},
"release":{"digest":"00ff","kind":"file","size":"9"}}`))
	if err != nil {
		t.Fatal(err)
	}
	node := func(name string) wardein.Check { return wardein.Check{Name: name, Version: 1} }
	account, vuln, boot, known, tree, absent, broken := node("account"), node("vuln"), node("boot"), node("known"), node("tree"), node("absent"), node("broken")
	for _, c := range []*wardein.Check{&account, &vuln, &boot, &known, &absent, &broken} {
		c.Node = noNode
	}
	finer := node("finer")
	finer.Node = noNode
	finer.Cases = map[string][]string{"finer.a": {"TC_PACKET_FILTERING", "TC_NO_UNUSED_SOFTWARE"}}
	account.Version = 3
	account.Cases = map[string][]string{"account.empty": {"TC_ACCOUNT_PROTECTION"}, "account.twin": {"TC_UNIQUE_SYSTEM_ACCOUNT_IDENTIFICATION"}, "account.hash": {"TC_PSW_STOR_SUPPORT"}, "account.locked": {"TC_NO_UNSUPPORTED_COMPONENTS"}}
	vuln.Cases = map[string][]string{"vuln.known": {"TC_BVT_VULNERABILITY_SCANNING", "TC_NO_UNSUPPORTED_COMPONENTS"}}
	boot.Cases = map[string][]string{"boot.env": {"TC_BOOT_INT_MEM_1"}}
	known.Components = noComponents
	vuln.Reads = []string{"known"}
	tree.Cases = map[string][]string{"tree.suid": {"TC_OS_PRIVILEGE"}}
	absent.Cases = map[string][]string{"absent.x": {"TC_PACKET_FILTERING"}}
	broken.Cases = map[string][]string{"broken.x": {"TC_NO_DIRECTORY_LISTINGS"}}
	return s, []wardein.Check{account, vuln, boot, known, tree, absent, broken, finer}
}

func TestJudge(t *testing.T) {
	sheet := Judge(specimen(t))
	want := map[string]struct {
		state    State
		findings int
		why      string
	}{
		"TC_ACCOUNT_PROTECTION":                     {Indication, 1, ""},
		"TC_UNIQUE_SYSTEM_ACCOUNT_IDENTIFICATION":   {Indication, 1, ""}, // by its rule: the report names no case
		"TC_OF_SOMEBODY_ELSE":                       {Indication, 1, ""},
		"TC_PSW_STOR_SUPPORT":                       {Nothing, 1, ""}, // a remark alone
		"TC_OS_PRIVILEGE":                           {Nothing, 0, ""},
		"TC_NO_UNSUPPORTED_COMPONENTS":              {Nothing, 0, ""}, // one check looked, the gap of the other stands beside it
		"TC_BVT_VULNERABILITY_SCANNING":             {NotExamined, 0, "vuln had no data, or not all: vuln: no database"},
		"TC_BOOT_INT_MEM_1":                         {NotExamined, 0, "boot met no node that it could judge"},
		"TC_PACKET_FILTERING":                       {NotExamined, 0, "the check absent did not run; finer met no node that it could judge"},
		"TC_NO_UNUSED_SOFTWARE":                     {Nothing, 0, ""}, // the same rule as the case before, on nodes that speak to this one
		"TC_NO_DIRECTORY_LISTINGS":                  {NotExamined, 0, "broken failed on 2 nodes"},
		"TC_PASSWORD_STRUCT":                        {NotExamined, 0, "no check for it yet"},
		"TC_GTP_C_FILTERING":                        {NotExamined, 0, "needs the product brought into use (NET)"},
		"TC_SYSTEM_HANDLING_OF_OVERLOAD_SITUATIONS": {NotExamined, 0, "needs the product brought into use (NET) and the vendor's documents (DOC)"},
	}
	for i := range sheet.Rows {
		r := &sheet.Rows[i]
		if w, ok := want[r.ID]; ok {
			if r.State != w.state || len(r.Findings) != w.findings || r.Why != w.why {
				t.Errorf("%s: %s, %d findings, why %q; want %+v", r.ID, r.State, len(r.Findings), r.Why, w)
			}
			delete(want, r.ID)
		}
		if (r.State == NotExamined) != (r.Why != "") {
			t.Errorf("%s: %s, why %q", r.Name(), r.State, r.Why)
		}
	}
	if len(want) > 0 || len(sheet.Rows) != len(Cases().Cases)+1 {
		t.Errorf("not there: %v; %d rows", want, len(sheet.Rows))
	}
	n := 0
	for _, s := range States {
		n += len(sheet.In(s))
	}
	if n != len(sheet.Rows) {
		t.Errorf("%d rows have a state, want %d", n, len(sheet.Rows))
	}
}

// Each form says the caution, and no word of a verdict.
func TestForms(t *testing.T) {
	s, checks := specimen(t)
	sheet := Judge(s, checks)
	picked := sheet.Pick(slices.Concat(Find("ACCOUNT_PROTECTION"), Find("4.2.3.2.3"), Find("4.4.3"), Find("4.2.5.3")))
	if len(picked.Rows) != 4 {
		t.Fatalf("%d rows were picked", len(picked.Rows))
	}
	forms := map[string]func(*bytes.Buffer) error{
		"table":  func(b *bytes.Buffer) error { return sheet.Table(b, "olt", 0) },
		"narrow": func(b *bytes.Buffer) error { return sheet.Table(b, "olt", 60) },
		"full":   func(b *bytes.Buffer) error { return picked.Full(b, "olt", 0) },
		"html":   func(b *bytes.Buffer) error { return sheet.HTML(b, `olt"; } </style><script>`) },
		"json": func(b *bytes.Buffer) error {
			w := &canon.Writer{}
			w.Object(func() { picked.Write(w) })
			_, err := b.Write(w.B)
			return err
		},
	}
	for name, write := range forms {
		var b, again bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(name, err)
		}
		if err := write(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("%s: two of one sheet differ, %v", name, err)
		}
		out := b.String()
		flat := strings.Join(strings.Fields(out), " ")
		if name == "html" {
			flat = strings.ReplaceAll(flat, "&#39;", "'")
			if dir := os.Getenv("WARDEIN_PAGE"); dir != "" { // to look at it
				if err := os.WriteFile(filepath.Join(dir, "testcases.html"), b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if m := regexp.MustCompile(`(?i)<script|<img|<link|src=|href="?[^#"]|url\([^#]`).FindString(out); m != "" {
				t.Errorf("the page may load something: %q", m)
			}
		}
		if !strings.Contains(flat, Caution) {
			t.Errorf("%s does not say: %s", name, Caution)
		}
		if m := verdict.FindString(out); m != "" {
			t.Errorf("%s says %q", name, m)
		}
		if name == "json" {
			golden(t, b.Bytes())
			continue
		}
		for _, c := range out {
			if c < 0x20 && c != '\n' || c == '\u202e' || c == '\ufffe' {
				t.Errorf("%s: raw %U", name, c)
			}
		}
		for _, want := range []string{"F-1", "account.empty", s.Recipe.Digest.String()[:12], "2026-11-22"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if name == "narrow" {
			for _, l := range strings.Split(out, "\n") {
				if n := len([]rune(l)); n > 60 && strings.Contains(strings.TrimSpace(l), " ") && !strings.Contains(l, "wardein testcases") && !strings.Contains(l, "TC_") {
					t.Errorf("%d columns: %s", n, l)
				}
			}
		}
	}
}

func noNode(context.Context, wardein.Blob, func(wardein.Fact)) error { return nil }

func noComponents(context.Context, wardein.Tree, func(wardein.Component)) error { return nil }

// golden compares JSON with testdata/cases.json, which has it on lines;
// go test -update writes it.
func golden(t *testing.T, got []byte) {
	t.Helper()
	const file = "testdata/cases.json"
	var lines bytes.Buffer
	if err := json.Indent(&lines, got, "", " "); err != nil {
		t.Fatal(err)
	}
	lines.WriteByte('\n')
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, lines.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(want, lines.Bytes()) {
		t.Errorf("%s differs: go test ./report/ts33117 -update\n%s", file, &lines)
	}
}

// Fuzz reads reports that somebody else wrote.
func Fuzz(f *testing.F) {
	f.Add([]byte(`{"version":"1.0","recipe":{"checks":[{"name":"account","version":2}]},"counts":[{"check":"account","done":"x"}],"findings":[{"rule":"account.empty","cases":["TC_X",""],"quotes":[{"off":"-1"}]}],"gaps":[{"who":"account","kind":"no-data"}]}`))
	list := []wardein.Check{{Name: "account", Version: 1, Cases: map[string][]string{"account.empty": {"TC_ACCOUNT_PROTECTION"}}}}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := report.Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		sheet := Judge(s, list)
		w := &canon.Writer{}
		w.Object(func() { sheet.Write(w) })
		if !json.Valid(w.B) {
			t.Errorf("no JSON: %s", w.B)
		}
		var out bytes.Buffer
		if err := errors.Join(sheet.Table(&out, "olt", 80), sheet.Full(&out, "olt", 0), sheet.HTML(&out, "olt")); err != nil {
			t.Error(err)
		}
		for _, c := range out.String() {
			if c < 0x20 && c != '\n' {
				t.Fatalf("raw %U", c)
			}
		}
	})
}
