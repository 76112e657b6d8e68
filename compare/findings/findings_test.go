package findings

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/stable"
)

// checks are those of these tests: two that look at nodes, one that reads the
// other's facts and data, one that names components.
var checks = []wardein.Check{
	{Name: "service", Version: 1, Node: noNode},
	{Name: "account", Version: 1, Node: noNode},
	{Name: "update", Version: 1, Node: noNode, Reads: []string{"service"}},
	{Name: "vuln", Version: 1, Reads: []string{"service", "component"}},
	{Name: "component", Version: 1, Node: noNode, Components: func(context.Context, wardein.Tree, func(wardein.Component)) error { return nil }},
}

func noNode(context.Context, wardein.Blob, func(wardein.Fact)) error { return nil }

var messages = map[string]string{"list": "{list}", "user": "{user}: {password}", "vuln": "{component} {version}", "port": "{port}"}

// world is a release as these tests draw it.
type world struct {
	*wardein.Report
	nodes map[string]*wardein.Node
}

func (w *world) side(name string) *Side {
	return &Side{Name: name, Report: w.Report, Messages: messages, Node: func(p string) *wardein.Node { return w.nodes[p] }}
}

func newWorld() *world {
	w := &world{&wardein.Report{Nodes: 9, Coverage: wardein.Coverage{Known: 900, Unknown: 100, Code: []wardein.CodeCount{{Arch: "arm", Bytes: 100, Read: 90}}}}, map[string]*wardein.Node{}}
	for _, c := range checks {
		w.Counts = append(w.Counts, wardein.CheckCount{Check: c.Name, Done: 5})
		w.Recipe.Checks = append(w.Recipe.Checks, wardein.Ingredient{Name: c.Name, Version: c.Version})
	}
	w.Recipe.AsOf = "2026-11-22"
	w.node(&wardein.Node{Format: "uimage"})
	w.node(&wardein.Node{Path: "0.squashfs", Format: "squashfs", Entry: wardein.Entry{Kind: wardein.Region}})
	w.node(&wardein.Node{Path: "0.squashfs/etc", Entry: wardein.Entry{Kind: wardein.Directory}})
	for _, p := range paths {
		w.node(&wardein.Node{Path: p})
	}
	return w
}

func (w *world) node(n *wardein.Node) { w.nodes[n.Path] = n }

var paths = []string{"0.squashfs/etc/passwd", "0.squashfs/etc/inittab", "0.squashfs/etc/update.conf", "0.squashfs/app"}

func note(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }

func (w *world) add(check, rule, node string, severity wardein.Severity, text string, about []string, args ...wardein.Note) {
	w.Findings = append(w.Findings, wardein.Finding{ID: stable.ID(rule, about...), Check: check, Rule: rule, Node: node, Severity: severity,
		Says: wardein.Text{ID: text, Args: args}, Quotes: []wardein.Quote{{Node: node}}})
}

func (w *world) hosts(hosts ...string) {
	var list []string
	for _, h := range hosts {
		list = append(list, h+" (http in update.conf; and more)")
	}
	w.add("update", "update.hosts", paths[2], wardein.Info, "list", hosts, note("count", fmt.Sprint(len(hosts))), note("list", strings.Join(list, "; ")))
}

func (w *world) account(user, password, node string, severity wardein.Severity) {
	w.add("account", "account.shipped-password", node, severity, "user", []string{user, password}, note("user", user), note("password", password))
}

func (w *world) component(name, version string) {
	w.Components = append(w.Components, wardein.Component{Name: name, Version: version, Seen: []wardein.Occurrence{{Quote: wardein.Quote{Node: paths[3]}}}})
}

// draw adds to a world what it may hold.
func draw(t *rapid.T, name string) *world {
	w := newWorld()
	some := func(what string, all ...string) (list []string) {
		for _, s := range all {
			if rapid.Bool().Draw(t, name+" "+what+" "+s) {
				list = append(list, s)
			}
		}
		return list
	}
	for _, u := range some("account", "root", "guest") {
		password := rapid.SampledFrom([]string{"md5crypt", "sha512crypt"}).Draw(t, name+" password")
		w.account(u, password, rapid.SampledFrom(paths).Draw(t, name+" place"), rapid.SampledFrom([]wardein.Severity{wardein.Low, wardein.High}).Draw(t, name+" severity"))
	}
	if h := some("host", "a.example", "b.example", "c.example"); len(h) > 0 {
		w.hosts(h...)
	}
	for _, p := range some("port", "23", "2323") {
		w.add("service", "service.telnet", paths[1], wardein.High, "port", []string{p}, note("port", p))
	}
	for _, v := range some("version", "1.0.2k", "1.1.1", "3.0.1") {
		w.component("openssl", v)
		w.add("vuln", "vuln.known", paths[3], wardein.High, "vuln", []string{"openssl", v}, note("component", "openssl"), note("version", v), note("CVE-2020-"+v, "status=affected"))
	}
	for _, g := range some("gap", "0.squashfs/licence", "0.squashfs/extra") {
		w.Gaps = append(w.Gaps, wardein.Gap{Node: g, Who: "openssl-enc", Kind: wardein.Encrypted, Len: int64(rapid.IntRange(1, 9).Draw(t, name+" size")), Why: "no key"})
	}
	w.Coverage.Known = int64(rapid.IntRange(800, 1000).Draw(t, name+" known"))
	return w
}

// Comparing a release with itself gives nothing, and the other direction the
// mirror.
func TestMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		if d := Compare(a.side("a"), a.side("a"), checks).Differences(); len(d) > 0 {
			t.Fatalf("a differs from a: %+v", d[0])
		}
		there, back := Compare(a.side("a"), b.side("b"), checks), Compare(b.side("b"), a.side("a"), checks)
		for _, k := range Kinds {
			for s, m := range map[State]State{New: Gone, Gone: New, Looked: Unlooked, Unlooked: Looked, Changed: Changed, Stays: Stays} {
				if x, y := there.Count(k, s), back.Count(k, m); x != y {
					t.Fatalf("%d %s %s, back %d %s", x, k, s, y, m)
				}
			}
		}
		type of struct {
			kind     Kind
			state    State
			old, new string
			was, is  string
			more     string
		}
		rows := func(c *Changes, swap bool) (list []string) {
			for _, r := range c.Rows {
				old, new := r.oldKey, r.Key
				switch r.State {
				case New, Looked:
					old = ""
				case Gone, Unlooked:
					new = ""
				}
				v := of{r.Kind, r.State, old, new, r.Was, r.Is, fmt.Sprint(r.Came, r.Went)}
				if swap {
					state := map[State]State{New: Gone, Gone: New, Looked: Unlooked, Unlooked: Looked, Changed: Changed, Stays: Stays}[r.State]
					v = of{r.Kind, state, new, old, r.Is, r.Was, fmt.Sprint(r.Went, r.Came)}
				}
				list = append(list, fmt.Sprintf("%+v", v))
			}
			slices.Sort(list)
			return list
		}
		if x, y := rows(there, false), rows(back, true); !slices.Equal(x, y) {
			t.Fatalf("there\n%s\nback\n%s", strings.Join(x, "\n"), strings.Join(y, "\n"))
		}
		for _, r := range there.Rows {
			if r.Differs() == (r.Cause == "") || r.Differs() && r.Cause != ByRelease {
				t.Fatalf("cause %q of %+v", r.Cause, r)
			}
		}
	})
}

// lose takes coverage away: what was found there is found no more.
func (w *world) lose(t *rapid.T) {
	drop := func(lost func(f *wardein.Finding) bool) {
		w.Findings = slices.DeleteFunc(w.Findings, func(f wardein.Finding) bool { return lost(&f) })
	}
	at := rapid.SampledFrom(paths).Draw(t, "lost")
	on := func(f *wardein.Finding) bool { return f.Node == at }
	closed := func(p string) {
		for k := range w.nodes {
			if strings.HasPrefix(k, p+"/") {
				delete(w.nodes, k)
			}
		}
		w.Findings, w.Components = nil, nil
	}
	switch rapid.IntRange(0, 7).Draw(t, "loss") {
	case 0: // a check did not run
		name := rapid.SampledFrom([]string{"service", "account", "update", "vuln", "component"}).Draw(t, "check")
		w.Counts = slices.DeleteFunc(w.Counts, func(c wardein.CheckCount) bool { return c.Check == name })
		drop(func(f *wardein.Finding) bool { return f.Check == name })
		if name == "component" {
			w.Components = nil
			w.Counts = slices.DeleteFunc(w.Counts, func(c wardein.CheckCount) bool { return c.Check == "vuln" })
			drop(func(f *wardein.Finding) bool { return f.Check == "vuln" })
		}
	case 1: // it failed on a node
		name := rapid.SampledFrom([]string{"service", "account", "update", "component"}).Draw(t, "check")
		if name == "component" && at == paths[3] { // and so did what is drawn from it
			w.Components = nil
			drop(func(f *wardein.Finding) bool { return f.Check == "vuln" })
		}
		w.Gaps = append(w.Gaps, wardein.Gap{Node: at, Who: name, Kind: wardein.Limit, Why: "limit: 9 facts"})
		drop(func(f *wardein.Finding) bool { return f.Check == name && on(f) })
	case 2: // it had no data
		w.Gaps = append(w.Gaps, wardein.Gap{Who: "vuln", Kind: wardein.NoData, Why: "no database imported"})
		drop(func(f *wardein.Finding) bool { return f.Check == "vuln" })
	case 3: // the node was damaged
		w.Gaps = append(w.Gaps, wardein.Gap{Node: at, Who: "squashfs", Kind: wardein.Damaged, Len: 4, Why: "block 3"})
		drop(on)
		if at == paths[3] {
			w.Components = nil
		}
	case 4: // what it is in was not opened, and there is a gap
		w.Gaps = append(w.Gaps, wardein.Gap{Node: "0.squashfs", Who: "squashfs", Kind: wardein.Encrypted, Len: 900, Why: "no key"})
		closed("0.squashfs")
	case 5: // or nobody knows what it is
		w.nodes["0.squashfs"] = &wardein.Node{Path: "0.squashfs", Entry: wardein.Entry{Kind: wardein.Region}, Spans: []wardein.Span{{Len: 900, Is: "high entropy"}}}
		closed("0.squashfs")
	case 6: // or there is not even a region left
		w.nodes[""] = &wardein.Node{Format: "uimage", Spans: []wardein.Span{{Len: 900, Is: "high entropy"}}}
		delete(w.nodes, "0.squashfs")
		closed("0.squashfs")
	case 7: // the inspection was interrupted
		w.Partial = true
		drop(func(*wardein.Finding) bool { return rapid.Bool().Draw(t, "reached") })
	}
}

// Less coverage never makes anything gone, with the tree at hand and without.
func TestLessCoverage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := draw(t, "a")
		b := newWorld()
		b.Findings, b.Components, b.Gaps, b.Coverage = slices.Clone(a.Findings), slices.Clone(a.Components), slices.Clone(a.Gaps), a.Coverage
		b.lose(t)
		old, new := a.side("a"), b.side("b")
		if rapid.Bool().Draw(t, "without trees") {
			old.Node, new.Node = nil, nil
			if len(b.nodes) < len(a.nodes) { // then the figures say so
				b.Coverage.Known, b.Coverage.Unknown = 1, 999
			}
		}
		for _, r := range Compare(old, new, checks).Differences() {
			if r.State == Gone && r.Kind != Gap || r.State == Changed && len(r.Went) > 0 && r.Why == "" {
				t.Fatalf("%s %s is %s: %+v", r.Kind, r.Key, r.State, r)
			}
		}
		for _, r := range Compare(new, old, checks).Differences() {
			if r.State == New && r.Kind != Gap {
				t.Fatalf("%s %s is %s", r.Kind, r.Key, r.State)
			}
		}
	})
}

// What is looked for where everything was opened, and is not there, is gone.
func TestGone(t *testing.T) {
	for _, k := range []struct {
		name   string
		change func(w *world)
	}{
		{"the file stays", func(*world) {}},
		{"the file is gone", func(w *world) { delete(w.nodes, paths[0]) }},
		{"its folder is gone", func(w *world) {
			for _, p := range paths[:3] {
				delete(w.nodes, p)
			}
			delete(w.nodes, "0.squashfs/etc")
		}},
		{"its container is another, and more is opened", func(w *world) {
			for p := range w.nodes {
				if p != "" {
					delete(w.nodes, p)
				}
			}
			w.Coverage.Known++
		}},
		{"another check failed on it", func(w *world) {
			w.Gaps = append(w.Gaps, wardein.Gap{Node: paths[0], Who: "update", Kind: wardein.Limit, Why: "limit: 9 facts"})
		}},
		{"the check failed on another", func(w *world) {
			w.Gaps = append(w.Gaps, wardein.Gap{Node: paths[1], Who: "account", Kind: wardein.Limit, Why: "limit: 9 facts"})
		}},
		{"nothing of the kind is there", func(w *world) { w.Counts[1].Done = 0 }},
		{"another file is encrypted", func(w *world) {
			w.Gaps = append(w.Gaps, wardein.Gap{Node: "0.squashfs/extra", Who: "openssl-enc", Kind: wardein.Encrypted, Len: 900, Why: "no key"})
		}},
	} {
		a, b := newWorld(), newWorld()
		a.account("root", "md5crypt", paths[0], wardein.High)
		k.change(b)
		c := Compare(a.side("a"), b.side("b"), checks)
		if c.Count(Finding, Gone) != 1 || c.Count(Account, Gone) != 1 {
			t.Errorf("%s: %+v", k.name, c.Differences())
		}
	}
}

// A list whose ID changes is one finding, with what came and went; so are two
// versions of one component.
func TestLists(t *testing.T) {
	a, b := newWorld(), newWorld()
	a.hosts("a.example", "b.example")
	b.hosts("b.example", "c.example")
	a.add("vuln", "vuln.known", paths[3], wardein.High, "vuln", []string{"openssl", "1"}, note("component", "openssl"), note("version", "1"), note("CVE-1", "status=affected"), note("CVE-2", "status=affected; sure=no"))
	b.add("vuln", "vuln.known", paths[3], wardein.Medium, "vuln", []string{"openssl", "2"}, note("component", "openssl"), note("version", "2"), note("CVE-1", "status=fixed"), note("CVE-2", "status=affected"))
	a.component("openssl", "1")
	b.component("openssl", "2")
	c := Compare(a.side("a"), b.side("b"), checks)
	var got []string
	for _, r := range c.Differences() {
		got = append(got, fmt.Sprintf("%s %s %s %q +%q -%q", r.Kind, r.State, r.Name, r.What, r.Came, r.Went))
	}
	want := []string{
		`finding changed vuln.known ["severity high → medium" "list"] +[] -["CVE-1"]`,
		`finding changed update.hosts ["list"] +["c.example"] -["a.example"]`,
		`component changed openssl ["up"] +[] -[]`,
		`remote host new c.example [] +[] -[]`,
		`remote host gone a.example [] +[] -[]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Two findings of a rule at one place are not taken for each other.
	a.add("update", "update.hosts", paths[2], wardein.Info, "list", []string{"z"}, note("list", "z.example"))
	if c := Compare(a.side("a"), b.side("b"), checks); c.Count(Finding, Gone) != 2 || c.Count(Finding, New) != 1 {
		t.Errorf("%+v", c.Differences())
	}
}

func TestPlainPath(t *testing.T) {
	for in, want := range map[string]string{"": "", "00010000.squashfs/etc/x": "0.squashfs/etc/x", "main-5.1.10.bin/a": "main-0.0.0.bin/a", "0badc0de.x": "0.x", "badname.x": "badname.x"} {
		if got := plainPath(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// Since when a row has been there, through a list's new IDs, a release in which
// nobody looked, and a break.
func TestSeries(t *testing.T) {
	var all []*world
	for i := range 5 {
		w := newWorld()
		w.hosts("a.example", fmt.Sprint(i, ".example"))
		all = append(all, w)
	}
	all[1].account("root", "md5crypt", paths[0], wardein.High)
	all[2].Gaps = append(all[2].Gaps, wardein.Gap{Node: paths[0], Who: "account", Kind: wardein.Limit, Why: "limit: 9 facts"})
	all[3].account("root", "md5crypt", paths[0], wardein.High)
	all[4].account("root", "md5crypt", paths[0], wardein.High)
	all[0].component("b", "1")
	all[2].component("b", "1")
	all[4].component("b", "1")
	var sides []*Side
	for i, w := range all {
		sides = append(sides, w.side(fmt.Sprint("r", i)))
	}
	h := Series(sides, checks)
	var got []string
	for _, r := range h.Last().Rows {
		if r.Kind != Coverage && r.Kind != Gap {
			got = append(got, fmt.Sprintf("%s %s %s since %s in %d again %q", r.Kind, r.State, r.Name, r.Since, r.Releases, r.Again))
		}
	}
	want := []string{
		`finding changed update.hosts since r0 in 5 again ""`,
		`finding stays account.shipped-password since r1 in 3 again ""`,
		`component new b since r4 in 1 again "r2"`,
		`account stays root since r1 in 3 again ""`,
		`remote host new 4.example since r4 in 1 again ""`,
		`remote host gone 3.example since r3 in 1 again ""`,
		`remote host stays a.example since r0 in 5 again ""`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s := h.Steps[1]; s.Count(Finding, Unlooked) != 1 || s.Count(Account, Unlooked) != 1 {
		t.Errorf("%+v", s.Differences())
	}
	if s := h.Steps[2]; s.Count(Finding, Looked) != 1 {
		t.Errorf("%+v", s.Differences())
	}
}

// docs/recheck.md has each word and field.
func TestHandbook(t *testing.T) {
	b, err := os.ReadFile("../../docs/recheck.md")
	if err != nil {
		t.Fatal(err)
	}
	w := &canon.Writer{}
	w.Object(func() { (&Changes{Rows: []Row{{State: New}}}).Write(w, true) })
	var fields map[string]any
	if err := json.Unmarshal(w.B, &fields); err != nil {
		t.Fatal(err)
	}
	words := slices.Sorted(maps.Keys(fields))
	for name := range fields["rows"].([]any)[0].(map[string]any) {
		words = append(words, name)
	}
	for _, k := range Kinds {
		words = append(words, string(k))
	}
	for _, s := range States {
		words = append(words, string(s))
	}
	for _, c := range []Cause{ByRelease, ByRules, ByData, ByRulesOrData, ByDisturbance} {
		words = append(words, string(c))
	}
	for rule, of := range names {
		if of != nil {
			words = append(words, rule)
		}
	}
	for _, word := range words {
		if !strings.Contains(string(b), "`"+word) {
			t.Errorf("docs/recheck.md lacks %s", word)
		}
	}
}

// Reports of the largest numbers that they may have.
func BenchmarkCompare(b *testing.B) {
	var sides [2]*Side
	for k := range sides {
		w := newWorld()
		for i := range 10_000 {
			id := fmt.Sprint(i + k*5_000)
			node := "0.squashfs/etc/" + id
			w.node(&wardein.Node{Path: node})
			w.account("user"+id, "md5crypt", node, wardein.High)
			w.component("c"+id, "1")
		}
		for i := range 100_000 {
			w.Gaps = append(w.Gaps, wardein.Gap{Node: "0.squashfs/damaged/" + strings.Repeat("x", i%50) + fmt.Sprint(k), Who: "f", Kind: wardein.Damaged, Len: int64(i + k), Why: "bytes"})
		}
		sides[k] = w.side(fmt.Sprint(k))
	}
	b.ReportAllocs()
	for b.Loop() {
		if c := Compare(sides[0], sides[1], checks); c.Count(Finding, Gone, Unlooked) != 5_000 {
			b.Fatal(c.Count(Finding, Gone))
		}
	}
}
