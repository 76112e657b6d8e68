package claim

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein/internal/testkit"
)

// fat is a verdict in which everything is as long as it may be.
func fat(t testing.TB, letter string) *Verdict {
	many := strings.Repeat(letter, maxShort/len(letter))
	long := strings.Repeat(letter+" ", maxText/(len(letter)+1)-1) + letter
	c := &Claim{ID: "long." + strings.Repeat("x", 70), Version: 99, Kind: Capability, Text: long, By: many, Source: many, Said: "2026-11-22", Example: true, Note: many, About: about("x", "y", "z")}
	c.About.Product, c.About.Release = many, many
	var inputs []Input
	for _, release := range []string{"x", "y"} {
		s := scene{release: release, counts: map[string]ended{}}
		for _, name := range []string{"a", "b", "c", "d"} {
			s.counts[name] = ended{done: 1 << 30, failed: 1 << 30, gaps: []string{"limit", "damaged", "encrypted", "crashed"}}
		}
		for range 40 {
			s.findings = append(s.findings, [2]string{"a.x", "certain"}, [2]string{"b.x", "certain"})
		}
		for i := range 4 {
			s.note = fmt.Sprint(i)
			in := Input{Saved: s.report(t), Signers: []string{"lab-north.example"}, Asked: "2026-11-01"}
			for k := range in.Findings {
				f := &in.Findings[k]
				f.Node, f.Says.Text, f.Quotes[0].Bytes = many+many, many+many, many
			}
			for k := range 20 {
				in.Replies = append(in.Replies, Reply{many, "2026-11-22", fmt.Sprintf("F-%d", k), "disputed", long + long})
				in.Reruns = append(in.Reruns, Rerun{By: many, Date: "2026-11-22", First: fmt.Sprint("/", k, many)})
			}
			inputs = append(inputs, in)
		}
	}
	for i := range maxTests {
		test := testOf("a.* b.* c.* d.*", []Meaning{Supports, Contradicts}[i%2])
		for len(test.Rules) < maxRules {
			test.Rules = append(test.Rules, "a."+strings.Repeat("x", 70))
		}
		test.Why = many
		c.Tests = append(c.Tests, test)
	}
	return Judge(c, inputs, checks)
}

var pages = regexp.MustCompile(`/Type */Page[^s]`)

// A brief is one sheet of A4, whatever the claim and the reports hold.
func TestOnePage(t *testing.T) {
	chromium := testkit.Tool(t, "chromium")
	untestable := &Claim{ID: "meant", Version: 1, Kind: Intent, Text: strings.Repeat("words ", 130), By: "x", Source: "x", Said: "2026-11-22", About: about()}
	for i := range maxBears {
		untestable.Bears = append(untestable.Bears, fmt.Sprintf("claim-%d-%s", i, strings.Repeat("x", 60)))
	}
	meant := Judge(untestable, nil, checks)
	for i := range meant.Bears {
		meant.Bears[i].Text, meant.Bears[i].Verdict = strings.Repeat("words ", 130), NotShown
	}
	for name, v := range map[string]*Verdict{"latin": fat(t, "m"), "wide": fat(t, "線"), "meant": meant} {
		dir := t.TempDir()
		var b bytes.Buffer
		if err := HTML(&b, []*Verdict{v}, true); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "brief.html"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--user-data-dir="+filepath.Join(dir, "profile"), "--print-to-pdf="+filepath.Join(dir, "brief.pdf"), "file://"+filepath.Join(dir, "brief.html"))
		cmd.Env = append(os.Environ(), "HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("chromium: %v\n%.500s", err, out)
		}
		pdf, err := os.ReadFile(filepath.Join(dir, "brief.pdf"))
		if n := len(pages.FindAll(pdf, -1)); err != nil || n != 1 {
			t.Errorf("%s: %d pages, %v", name, n, err)
		}
	}
}

// Each form shows claim, source, verdict with its sentence, what was tested,
// found, not covered, what others say; and nothing that misleads a terminal.
func TestForms(t *testing.T) {
	s := scene{counts: map[string]ended{"a": {done: 3, failed: 1, gaps: []string{"limit"}}, "c": full}, findings: [][2]string{{"a.x", "certain"}, {"a.x", "possible"}}}
	in := Input{Saved: s.report(t), Signers: []string{"lab-north.example"}, Replies: []Reply{{"vendor.example", "2026-11-20", "F-0", "disputed", "It is\x1b[2J off.\nWe said so."}}, Reruns: []Rerun{{By: "lab-south.example", Date: "2026-11-21", First: "/findings/3"}}}
	in.Findings[0].Node, in.Findings[0].Says.Text = `etc/\x1B[2J<b>`, "bad \u202e text"
	c, err := Parse([]byte(strings.Replace(strings.Replace(Template, `"account.empty-*"`, `"a.*", "c.x"`, 1), "is without a password.", "is <i>.", 1)))
	if err != nil {
		t.Fatal(err)
	}
	v := Judge(c, []Input{in}, checks)
	forms := map[string]func(b *bytes.Buffer) error{
		"table": func(b *bytes.Buffer) error { return v.Table(b, 0) },
		"brief": func(b *bytes.Buffer) error { return v.Brief(b, 80) },
		"html":  func(b *bytes.Buffer) error { return HTML(b, []*Verdict{v}, false) },
		"page":  func(b *bytes.Buffer) error { return HTML(b, []*Verdict{v, v}, true) },
	}
	for name, write := range forms {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(b.String()), " ")
		for _, want := range []string{c.ID, "security data sheet, 2026-03-01", "https://exampletel.example/an2400/security.pdf, page 2", Sentences[Contradicted], "1 finding contradicts it: F-0", Fiction,
			"F-0", "looked in part", "70.0 % opened, 60.0 % of code read, 1 gap: 1 limit", "failed on 1", "not applicable to 30", "lab-south.example, 2026-11-21: differs, first at /findings/3", "vendor.example, 2026-11-20, to F-0: disputed"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", name, want, b.String())
			}
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e\x00\t") || strings.Contains(b.String(), "<b>") && name != "html" && name != "page" && !strings.Contains(b.String(), `etc/\x1b[2J<b>`) || strings.Contains(b.String(), "<i>") && strings.Contains(name, "ml") {
			t.Errorf("%s: what a release holds is not escaped:\n%s", name, b.String())
		}
	}
}

// Any verdict can be written in each form.
func TestAnyForm(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := draw(r)
		v := d.judge(t)
		var b bytes.Buffer
		for _, err := range []error{v.Table(&b, 80), v.Brief(&b, 0), HTML(&b, []*Verdict{v}, true), HTML(&b, []*Verdict{v}, false)} {
			if err != nil {
				r.Fatal(err)
			}
		}
		if !strings.Contains(b.String(), Sentences[v.Verdict]) {
			r.Fatal("no sentence")
		}
	})
}
