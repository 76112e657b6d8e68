package audience

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/report"
)

// mark sets each string below v to a word that occurs nowhere else.
func mark(v reflect.Value, word string, n *int) {
	switch v.Kind() {
	case reflect.String:
		*n++
		v.SetString(fmt.Sprintf("%s-%d-end", word, *n))
	case reflect.Struct:
		for i := range v.NumField() {
			mark(v.Field(i), word, n)
		}
	case reflect.Slice:
		for i := range v.Len() {
			mark(v.Index(i), word, n)
		}
	}
}

// marked is a report of four findings and a component, all of whose strings
// are words of their own, and its tree file.
func marked(t testing.TB) (*report.Parsed, *report.File) {
	t.Helper()
	messages := map[string]string{}
	finding := func(word string, s wardein.Severity) wardein.Finding {
		f := wardein.Finding{Severity: s, Reach: wardein.Management, Confidence: wardein.Likely, Exploited: true, Cases: []string{""}, Quotes: []wardein.Quote{{Off: 1, Len: 2}},
			Says: wardein.Text{Args: []wardein.Note{{}}}, Fix: wardein.Text{Args: []wardein.Note{{}}}, Meanwhile: wardein.Text{Args: []wardein.Note{{}}}}
		n := 0
		mark(reflect.ValueOf(&f).Elem(), word, &n)
		for _, text := range []wardein.Text{f.Says, f.Fix, f.Meanwhile} {
			messages[text.ID] = "sentence of " + text.ID + " with {" + text.Args[0].Name + "}"
		}
		f.Quotes[0].Bytes = "bytes-of-" + word
		return f
	}
	component := wardein.Component{Needs: []wardein.ComponentRef{{}}, Declared: []wardein.Declaration{{}}, Seen: []wardein.Occurrence{{}}}
	n := 0
	mark(reflect.ValueOf(&component).Elem(), "component", &n)
	var file bytes.Buffer
	w := report.NewTreeWriter(&file)
	if _, err := w.Write(&wardein.Node{Size: 9, Format: "tar", Notes: []wardein.Note{{Name: "tree-note", Value: "tree-value"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(&wardein.Node{Path: "tree-path", Entry: wardein.Entry{Name: "tree-path"}}); err != nil {
		t.Fatal(err)
	}
	tree, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	r := &wardein.Report{
		Release: wardein.Release{Digest: wardein.Digest{1}, Size: 9}, Recipe: wardein.Recipe{AsOf: "2026-11-22"}, Tree: tree, Nodes: 2,
		Coverage: wardein.Coverage{Known: 9}, Components: []wardein.Component{component},
		Gaps:     []wardein.Gap{{Node: "gap-node", Who: "gap-who", Kind: wardein.Damaged, Why: "gap-why"}},
		Counts:   []wardein.CheckCount{{Check: "count-check", Done: 2}},
		Findings: []wardein.Finding{finding("alpha", wardein.Critical), finding("beta", wardein.High), finding("gamma", wardein.High), finding("delta", wardein.Low)},
	}
	p, err := report.Parse(report.JSON(r, messages), messages)
	if err != nil {
		t.Fatal(err)
	}
	return p, report.OpenTree(bytes.NewReader(file.Bytes()), int64(file.Len()), nil, nil)
}

// forms are all that a view is written as.
func forms(t testing.TB, v *View, p *report.Parsed, tree *report.File) map[string]string {
	t.Helper()
	if !v.Tree {
		tree = nil
	}
	all := map[string]string{}
	write := func(name string, f func(io.Writer) error) {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		all[name] = b.String()
	}
	write("table", func(w io.Writer) error {
		return report.Table(w, v.Report, "x", p.Messages, report.Screen{Beside: v.Beside})
	})
	write("html", func(w io.Writer) error { return report.HTMLBeside(w, v.Report, "x", tree, p.Messages, v.Beside) })
	write("json", func(w io.Writer) (err error) {
		c := &canon.Writer{}
		c.Object(func() { err = v.Write(c, p, "2026-12-01") })
		w.Write(c.B)
		return err
	})
	return all
}

// said are remarks on the four findings.
func said(p *report.Parsed) []Remark {
	say := func(i int, who, what, text string) Remark {
		return Remark{Finding: p.Findings[i].ID, Remark: report.Remark{Who: who, Date: "2026-11-21", What: what, Text: text}}
	}
	fixed, disputed, others := say(1, "vendor-a", "fixed in 5.2.2", "text-fixed\n  \"second\" line"), say(2, "vendor-a", "disputed", "text-disputed"), say(2, "vendor-b", "confirmed", "text-b")
	fixed.Fixed, fixed.Vendor, disputed.Vendor, others.Vendor = true, true, true, true
	lab := say(3, "lab", "fixed in a dream", "text-lab")
	lab.Fixed = true // of a vendor alone does it count
	return []Remark{fixed, disputed, others, lab}
}

func TestPublic(t *testing.T) {
	p, tree := marked(t)
	c := &Context{Embargo: "2027-03-01", Date: "2027-02-28", Remarks: said(p), Tree: true}
	v, err := Of(Public, p, c)
	if err != nil {
		t.Fatal(err)
	}
	for form, s := range forms(t, v, p, tree) {
		for _, no := range []string{"alpha", "gamma", "delta", "component-", "bytes-of", "tree-note", "tree-value", "tree-path", "text-disputed", "text-lab", "text-b"} {
			if strings.Contains(s, no) {
				t.Errorf("%s holds %q before the embargo ends", form, no)
			}
		}
		for _, want := range []string{"gap-node", "gap-why", "finding 1 (critical)", "finding 3 (high)", "vendor-b, 2026-11-21: confirmed (text withheld)", "text-fixed", "beta-", "1 component, by name", "of 2 nodes"} {
			if !strings.Contains(s, want) {
				t.Errorf("%s lacks %q", form, want)
			}
		}
	}
	if n := len(p.Findings[0].ID); n == 0 || len(p.Components) != 1 || p.Findings[1].Quotes[0].Bytes == "" {
		t.Error("the report itself was changed")
	}
	c.Date = "2027-03-01"
	if v, err = Of(Public, p, c); err != nil {
		t.Fatal(err)
	}
	for form, s := range forms(t, v, p, tree) {
		for _, no := range []string{"component-", "bytes-of", "tree-path"} {
			if strings.Contains(s, no) {
				t.Errorf("%s holds %q after the embargo", form, no)
			}
		}
		for _, want := range []string{"alpha-", "gamma-", "text-disputed", "text-lab"} {
			if !strings.Contains(s, want) {
				t.Errorf("%s lacks %q after the embargo", form, want)
			}
		}
	}
}

func TestVendorAndInternal(t *testing.T) {
	p, tree := marked(t)
	c := &Context{Embargo: "2027-03-01", Date: "2026-12-01", For: "vendor-a", Remarks: said(p), Tree: true}
	for _, audience := range []string{Vendor, Internal} {
		v, err := Of(audience, p, c)
		if err != nil {
			t.Fatal(err)
		}
		for form, s := range forms(t, v, p, tree) {
			for _, want := range []string{"alpha-", "gamma-", "delta-", "text-fixed", "text-disputed", "text-lab"} {
				if !strings.Contains(s, want) {
					t.Errorf("%s, %s lacks %q", audience, form, want)
				}
			}
			if form != "table" && !strings.Contains(s, "bytes-of-alpha") || form == "html" && !strings.Contains(s, "tree-path") {
				t.Errorf("%s, %s lacks bytes or tree", audience, form)
			}
			if has := strings.Contains(s, "text-b") || strings.Contains(s, "vendor-b"); has != (audience == Internal) {
				t.Errorf("%s, %s: another vendor's reply: %v", audience, form, has)
			}
			if (audience == Vendor) != strings.Contains(s, "1 reply") {
				t.Errorf("%s, %s: what is left out is not as told", audience, form)
			}
		}
	}
	if _, err := Of("press", p, c); err == nil {
		t.Error("the press is an audience")
	}
}

// Fuzz renders what may be anybody's report.
func Fuzz(f *testing.F) {
	p, _ := marked(f)
	f.Add(report.JSON(p.Report, p.Messages), "text", "2027-03-01")
	f.Fuzz(func(t *testing.T, b []byte, text, embargo string) {
		p, err := report.Parse(b, nil)
		if err != nil {
			return
		}
		c := &Context{Embargo: embargo, Date: "2026-12-01"}
		for i := range p.Findings {
			c.Remarks = append(c.Remarks, Remark{Finding: p.Findings[i].ID, Remark: report.Remark{Text: text}, Vendor: i%2 == 0, Fixed: i%3 == 0})
		}
		for _, audience := range Names {
			v, err := Of(audience, p, c)
			if err != nil {
				t.Fatal(err)
			}
			for form, s := range forms(t, v, p, nil) {
				if form != "json" && strings.ContainsAny(s, "\x1b\x00\x7f\u202e") {
					t.Errorf("%s, %s: what a reader must not see", audience, form)
				}
			}
		}
	})
}
