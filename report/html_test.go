package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// hostile is a name that would do harm if a page or terminal took it as it is.
const hostile = "a\x1b[2J</title><script>x()</script>\u202egpj.exe\xff\"'`;}@import url(//example);"

// specimen is a report with something in each part, and its tree file.
func specimen(t testing.TB, nodes int) (*wardein.Report, *File) {
	t.Helper()
	var file bytes.Buffer
	w := NewTreeWriter(&file)
	put := func(n *wardein.Node) {
		if _, err := w.Write(n); err != nil {
			t.Fatal(err)
		}
	}
	put(&wardein.Node{Size: 4096, Format: "uimage", Notes: []wardein.Note{{Name: "image name", Value: hostile}},
		Spans: []wardein.Span{{Len: 64, What: wardein.Known, Format: "uimage", Is: "header"}, {Off: 64, Len: 4032, What: wardein.Unknown, Is: "high entropy"}}})
	put(&wardein.Node{Path: "etc", Entry: wardein.Entry{Name: "etc", Kind: wardein.Directory}})
	put(&wardein.Node{Path: "etc/" + hostile, Entry: wardein.Entry{Name: hostile}})
	put(&wardein.Node{Path: "etc/link", Entry: wardein.Entry{Name: "link", Kind: wardein.Symlink, Target: hostile}})
	for i := range nodes {
		name := fmt.Sprintf("deep/er/f%06d", i)
		put(&wardein.Node{Path: name, Entry: wardein.Entry{Name: name}})
	}
	digest, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	r := &wardein.Report{
		Release: wardein.Release{Digest: wardein.Digest{0x9c, 0x1e}, Kind: wardein.Directory, Size: 4096, Parts: []wardein.Part{
			{Path: "main.bin", Size: 4096, Role: "main card", Delivered: wardein.Matches},
			{Path: hostile, Delivered: wardein.NotListed}, {Path: "ems.zip", Delivered: wardein.Missing}}},
		Recipe:   wardein.Recipe{Module: "devel", Go: "go1.26", AsOf: "2026-11-22", Formats: []wardein.Ingredient{{Name: "uimage", Version: 1}}, Options: []wardein.Note{{Name: "list", Value: "sha256sum"}}},
		Coverage: wardein.Coverage{Known: 2_000, Opaque: 700, Padding: 1_000, Unknown: 396, UnknownBy: []wardein.ClassCount{{Class: "high entropy", Bytes: 396}}, Code: []wardein.CodeCount{{Arch: "arm", Bytes: 900, Read: 700}, {Arch: "dsp", Bytes: 100}}},
		Nodes:    int64(nodes) + 4, Tree: digest,
		Gaps: []wardein.Gap{{Node: "etc/" + hostile, Who: "engine", Kind: wardein.Damaged, Off: 70, Len: 5, Why: hostile}, {Who: "squashfs", Kind: wardein.Encrypted, Why: "no key"}},
		Counts: []wardein.CheckCount{{Check: "account", Done: 2, Failed: 1, NotApplicable: []wardein.ReasonCount{{Why: "has no content", Nodes: int64(nodes) + 1}}},
			{Check: "short", Done: 1}},
		Findings: []wardein.Finding{
			{ID: "F-7c21aa", Check: "account", Rule: "account.default", Node: "etc/passwd", Severity: wardein.Critical, Confidence: wardein.Certain, Reach: wardein.SubscriberSide,
				Says: wardein.Text{ID: "default", Args: []wardein.Note{{Name: "user", Value: "root"}}}, Fix: wardein.Text{ID: "fix"}, Meanwhile: wardein.Text{ID: "until"},
				Quotes: []wardein.Quote{{Node: "etc/passwd", Off: 0x46, Len: 25, Bytes: "root:x:0:0:root:/:/bin/sh"}}},
			{ID: "F-00ff12", Check: "account", Rule: "account.name", Node: hostile, Severity: wardein.High, Confidence: wardein.Likely, Reach: wardein.Management,
				Says: wardein.Text{ID: "default", Args: []wardein.Note{{Name: "user", Value: hostile}}}, Quotes: []wardein.Quote{{Node: hostile, Off: 1, Len: 2, Bytes: hostile}}}},
	}
	return r, OpenTree(bytes.NewReader(file.Bytes()), int64(file.Len()), nil, nil)
}

var specimenMessages = map[string]string{"default": "a published default opens the account {user}; telnet starts at boot",
	"fix": "remove the account, or make each device's password its own", "until": "drop tcp/23 on user ports"}

func TestHTML(t *testing.T) {
	r, tree := specimen(t, 10)
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := HTML(w, r, hostile, tree, specimenMessages); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two pages of one report differ")
	}
	if dir := os.Getenv("WARDEIN_PAGE"); dir != "" { // to look at it
		if err := os.WriteFile(filepath.Join(dir, "page.html"), a.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := a.String()
	for _, want := range []string{"F-7c21aa", "0x46, 25 bytes", "does not add up", "main card", "missing", "not on the list", "high entropy", "drop tcp/23", "root:x:0:0", "64.5 %", "87.2 %", "70.0 %"} {
		if !strings.Contains(s, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if n := strings.Count(s, "does not add up"); n != 1 {
		t.Errorf("%d counts do not add up, want 1", n)
	}
	for _, c := range s {
		if c < 0x20 && c != '\n' || c == '\u202e' || c == 0x7f || c == '\uFFFD' {
			t.Errorf("raw %U in the page", c)
		}
	}
	if n := strings.Count(s, "<script"); n != 1 {
		t.Errorf("%d script elements, want 1", n)
	}
	if m := regexp.MustCompile(`(?i)(src|href)="?[^#"]|@import url\(//|<link|<img|<iframe`).FindString(strings.ReplaceAll(s, `@import url(//example);`, "")); m != "" {
		t.Errorf("page may load something: %q", m)
	}
	style := s[strings.Index(s, "@top-left { content:"):]
	if style = style[:strings.Index(style, "</style>")]; strings.ContainsAny(style, "<>") || strings.Contains(style, "@import url(//") {
		t.Errorf("the name stands raw in the style: %s", style)
	}
	if strings.Index(s, `id="gaps"`) > strings.Index(s, `id="findings"`) {
		t.Error("gaps stand after findings")
	}
}

// TestHTMLRows counts rows of a tree that is larger than the page holds.
func TestHTMLRows(t *testing.T) {
	r, tree := specimen(t, 7000)
	for range 6000 {
		r.Gaps = append(r.Gaps, r.Gaps[0])
		r.Findings = append(r.Findings, r.Findings[0])
	}
	var out bytes.Buffer
	if err := HTML(&out, r, "olt", tree, specimenMessages); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"5000 nodes are shown, 2004 deeper ones are left out", "2003 more below here are left out", "1002 more gaps are left out", "1002 more findings are left out"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("page lacks %q", want)
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	r, tree := specimen(b, 7000)
	b.SetBytes(tree.size)
	b.ReportAllocs()
	for b.Loop() {
		var out bytes.Buffer
		if err := HTML(&out, r, "olt", tree, specimenMessages); err != nil {
			b.Fatal(err)
		}
	}
}

// The page's head says which feeds were looked into, or that nobody looked.
func TestHTMLKnown(t *testing.T) {
	r, tree := specimen(t, 1)
	r.Counts = append(r.Counts, wardein.CheckCount{Check: "vuln", Done: 1})
	show := func() string {
		var out bytes.Buffer
		if err := HTML(&out, r, "x", tree, specimenMessages); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	r.Gaps = []wardein.Gap{{Who: "vuln", Kind: wardein.NoData, Why: "no database imported: known vulnerabilities were not examined"}}
	if s := show(); !strings.Contains(s, "<dt>known vulnerabilities</dt><dd>not examined (no database imported)</dd>") || strings.Contains(s, "<dt>data</dt>") {
		t.Error("without a database")
	}
	r.Recipe.Data = []wardein.Source{{Name: "feed kev", Date: "2026-09-01"}, {Name: "feed nvd", Date: "2026-11-20"}}
	r.Gaps = []wardein.Gap{{Who: "vuln", Kind: wardein.NoData, Why: "feed kev is of 2026-09-01, 82 days before 2026-11-22; the limit is 30 days"}}
	s := show()
	for _, want := range []string{"<dt>data</dt><dd>kev 2026-09-01, nvd 2026-11-20</dd>", "<dt>known vulnerabilities</dt><dd>in 0 of 0 components · old: kev</dd>"} {
		if !strings.Contains(s, want) {
			t.Errorf("no %s", want)
		}
	}
}
