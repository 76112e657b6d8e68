package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// A report file gives back the report that it was written from, whatever has
// become of the sentences.
func TestParse(t *testing.T) {
	r, _ := specimen(t, 3)
	q := wardein.Quote{Node: hostile, Off: 7, Len: 1 << 60, Bytes: hostile}
	r.Components = []wardein.Component{{Name: "zlib", Version: "1.2.11", Scheme: "x", Vendor: "zlib", Product: "zlib", PURL: "pkg:generic/zlib@1.2.11", Confidence: wardein.Likely,
		Needs:    []wardein.ComponentRef{{Name: "c", Version: "1"}},
		Declared: []wardein.Declaration{{System: "dpkg", Package: "zlib1g", Source: "zlib", Version: "1:1", Distribution: "debian 12", License: hostile, Quote: q}},
		Seen:     []wardein.Occurrence{{By: "rule", Version: "1.2.11", Confidence: wardein.Certain, Quote: q}}}}
	r.Counts[0].Cases = []wardein.CaseCount{{Case: "TC_X", Nodes: 3}}
	r.Findings[0].Cases, r.Findings[0].Exploited = []string{"TC_X"}, true
	r.Recipe.Data = []wardein.Source{{Name: "feed kev", Digest: wardein.Digest{1}, Date: "2026-09-01"}}
	r.Incidents, r.Partial = 2, true
	file := JSON(r, specimenMessages)
	for name, messages := range map[string]map[string]string{"same": specimenMessages, "changed": {"default": "{user} is other now"}, "none": nil} {
		p, err := Parse(file, messages)
		if err != nil {
			t.Fatal(err)
		}
		again := JSON(p.Report, p.Messages)
		if name == "same" && !bytes.Equal(again, file) {
			t.Errorf("%s\nbecame\n%s", file, again)
		}
		if p.Recipe != RecipeDigest(&r.Recipe) || p.File != digest(file) {
			t.Error("other digests")
		}
		for i := range r.Findings {
			if got, want := Render(p.Findings[i].Says, p.Messages), Render(r.Findings[i].Says, specimenMessages); got != want {
				t.Errorf("%s: says %q, want %q", name, got, want)
			}
		}
	}
	for _, c := range []struct{ from, to, want string }{
		{`"severity":"critical"`, `"severity":"dire"`, `severity "dire"`},
		{`"reach":"management"`, `"reach":"orbit"`, `reach "orbit"`},
		{`"confidence":"certain"`, `"confidence":"sure"`, `confidence "sure"`},
		{`"kind":"directory"`, `"kind":"folder"`, `kind "folder"`},
		{`"nodes":"7"`, `"nodes":"many"`, `"many"`},
		{`"as_of":"2026-11-22"`, `"as_of":3`, "recipe"},
		{`"version":"1.0"`, `"version":""`, "no version"},
		{"{", "[", "not a report"},
	} {
		if !bytes.Contains(file, []byte(c.from)) {
			t.Fatalf("the specimen has no %s", c.from)
		}
		if _, err := Parse([]byte(strings.Replace(string(file), c.from, c.to, 1)), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.to, err, c.want)
		}
	}
}
