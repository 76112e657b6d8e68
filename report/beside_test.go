package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// What stands beside a report is where it belongs, whole, and does no harm.
func TestBeside(t *testing.T) {
	r, tree := specimen(t, 3)
	figures := FiguresOf(r)
	b := &Beside{Audience: "public", Recipe: wardein.Digest{0xab}, Figures: figures,
		Notes:    []wardein.Note{{Name: "vendor", Value: "ExampleTel " + hostile}},
		Warnings: []string{"withdrawn " + hostile},
		Withheld: []Withheld{{"finding 2 (high)", "not public " + hostile}},
		Hidden:   map[int]int{1: 1},
		Remarks:  map[string][]Remark{r.Findings[0].ID: {{Who: hostile, Date: "2026-11-21", What: "fixed in 5", Text: "  one  space\n\n<b>three</b>" + hostile + "\r\nlast"}}}}
	r.Findings[1] = wardein.Finding{Severity: wardein.High}
	var page, table bytes.Buffer
	if err := HTMLBeside(&page, r, "olt", tree, specimenMessages, b); err != nil {
		t.Fatal(err)
	}
	if err := Table(&table, r, "olt", specimenMessages, Screen{Beside: b}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<blockquote>  one  space\n\n&lt;b&gt;three&lt;/b&gt;a\\x1b[2J", "\nlast</blockquote>", `content: "for: public"`, "withheld, item 1", "recipe sha256:ab00000000",
		"<td class=\"n\">1</td><td>finding 2 (high)</td>", "<dt>vendor</dt><dd>ExampleTel a\\x1b", "<b>NOTE.</b> withdrawn a\\x1b"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("page lacks %q", want)
		}
	}
	for _, want := range []string{"\nNOTE        withdrawn a\\x1b", "\nfor         public\n", "\n            |   one  space\n            |\n            | <b>three</b>a\\x1b", "\n            | last\n",
		"\nWITHHELD\n 1          finding 2 (high): not public a\\x1b", "\nNOT SEEN\ndamaged     etc/a\\x1b", "findings    1 critical  1 high"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("table lacks %q:\n%s", want, &table)
		}
	}
	for _, s := range []string{page.String(), table.String()} {
		if i := strings.IndexAny(s, "\x1b\u202e\r"); i >= 0 || strings.Contains(s, "<script>x()") && strings.Contains(s, "<html") {
			t.Errorf("what a reader must not see at %d", i)
		}
	}
	// without a tree file the page says so
	page.Reset()
	if err := HTMLBeside(&page, r, "olt", nil, specimenMessages, b); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(page.String(), "Left out here."); n != 2 || strings.Contains(page.String(), "image name") {
		t.Errorf("%d parts are left out, want 2", n)
	}
	// nothing beside it: the report as ever
	var plain, none bytes.Buffer
	r, _ = specimen(t, 3)
	if err := Table(&plain, r, "olt", specimenMessages, Screen{Saved: "olt"}); err != nil {
		t.Fatal(err)
	}
	if err := Table(&none, r, "olt", specimenMessages, Screen{Saved: "olt", Beside: &Beside{Audience: "internal", Figures: FiguresOf(r)}}); err != nil {
		t.Fatal(err)
	}
	if strings.Replace(none.String(), "for         internal\n", "", 1) != plain.String() {
		t.Errorf("%s\nis not\n%s", &none, &plain)
	}
}
