package scorecard

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/wardein/wardein/report"
)

// saved is a report with the figures of one release.
func saved(t *testing.T, recipe, asOf string, opened, code, read int64, findings string) *report.Saved {
	t.Helper()
	text := fmt.Sprintf(`{"version":"1.0","release":{"digest":"00","kind":"file","size":"1"},"recipe":{"as_of":%q,"module":%q,"checks":[{"name":"unsafecall","version":1},{"name":"hardening","version":1},{"name":"secret","version":1},{"name":"account","version":1},{"name":"vuln","version":1}]},
"coverage":{"opened_ppm":%d,"code":[{"arch":"arm","bytes":"%d","read":"%d"}]},"gaps":[{"who":"vuln","kind":"no-data"}],"findings":[%s]}`, asOf, recipe, opened, code, read, findings)
	s, err := report.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	calls = `{"rule":"unsafecall.calls","severity":"low","says":{"args":[{"name":"memcpy-unsafe","value":"%d"},{"name":"memcpy-all","value":"%d"},{"name":"memcpy-kinds","value":"3"},{"name":"memcpy-safe","value":"1"},{"name":"strcpy-all","value":"0"}]}}`
	key   = `,{"rule":"secret.private-key","severity":"high","says":{"args":[]}}`
)

func row(t *testing.T, title string) int {
	t.Helper()
	for i, m := range Metrics().Metric {
		if m.Title == title {
			return i
		}
	}
	t.Fatalf("no row %q", title)
	return 0
}

func TestMetrics(t *testing.T) {
	for _, m := range Metrics().Metric {
		if m.Title == "" || m.Unit == "other" && m.Why == "" || m.Unit != "other" && (m.Rule == "" || m.Check == "") || (m.Published == "") != (m.Source == "") ||
			m.Unit == "share" && (m.Num == "" || m.Of == "") || strings.Contains(m.Published, "unverified") {
			t.Errorf("%+v", m)
		}
	}
}

func TestCells(t *testing.T) {
	c := New("a", "olt", saved(t, "r", "2026-01-01", 900_000, 4_000_000, 2_000_000, fmt.Sprintf(calls, 1, 3)+key))
	for title, want := range map[string]string{
		"unsafe calls of functions like memcpy, in programs":  "33.3 % (1 of 3)",
		"unsafe calls of functions like strcpy, in programs":  "none counted",
		"unsafe calls of functions like memcpy, in source":    "not examined",
		"different functions like memcpy in use, in programs": "3 unsafe, 1 safe",
		"private keys in the release, not encrypted":          "1 (0.50 per MB of code)",
		"accounts without a password":                         "0",
		"products with known vulnerabilities":                 "not examined",
		"robustness of protocols":                             "needs the product brought into use",
		"findings of severity high and critical":              "1 (0.50 per MB of code)",
	} {
		if got := c.String(row(t, title)); got != want {
			t.Errorf("%s: %q, want %q", title, got, want)
		}
	}
	if c.CodeRead != 500_000 {
		t.Errorf("code read %d", c.CodeRead)
	}
}

// Columns are put in an order only where they can be compared; one that opens
// less never wins by it.
func TestComparable(t *testing.T) {
	i := row(t, "unsafe calls of functions like memcpy, in programs")
	a := func() *Column {
		return New("a", "olt", saved(t, "r", "2026-01-01", 900_000, 100, 100, fmt.Sprintf(calls, 1, 3)))
	}
	for name, c := range map[string]struct {
		b    *Column
		want string
	}{
		"better":       {New("b", "olt", saved(t, "r", "2026-01-01", 850_000, 100, 95, fmt.Sprintf(calls, 1, 4))), "B < A"},
		"equal":        {New("b", "olt", saved(t, "r", "2026-01-01", 900_000, 100, 100, fmt.Sprintf(calls, 2, 6))), "A = B"},
		"opens less":   {New("b", "olt", saved(t, "r", "2026-01-01", 849_999, 100, 100, fmt.Sprintf(calls, 0, 4))), "not comparable"},
		"reads less":   {New("b", "olt", saved(t, "r", "2026-01-01", 900_000, 100, 94, fmt.Sprintf(calls, 0, 4))), "not comparable"},
		"other day":    {New("b", "olt", saved(t, "r", "2026-01-02", 900_000, 100, 100, fmt.Sprintf(calls, 0, 4))), "not comparable"},
		"other recipe": {New("b", "olt", saved(t, "q", "2026-01-01", 900_000, 100, 100, fmt.Sprintf(calls, 0, 4))), "not comparable"},
		"other class":  {New("b", "gnb", saved(t, "r", "2026-01-01", 900_000, 100, 100, fmt.Sprintf(calls, 0, 4))), "not comparable"},
		"no class":     {New("b", "", saved(t, "r", "2026-01-01", 900_000, 100, 100, fmt.Sprintf(calls, 0, 4))), "not comparable"},
		"no number":    {New("b", "olt", saved(t, "r", "2026-01-01", 900_000, 100, 100, "")), ""},
	} {
		card := Compare([]*Column{a(), c.b})
		if got := card.Order(i); got != c.want {
			t.Errorf("%s: %q, want %q (%s)", name, got, c.want, card.Why)
		}
	}
	ref := New("b", "", saved(t, "r", "2026-01-01", 900_000, 100, 100, fmt.Sprintf(calls, 1, 4)))
	ref.Reference = true
	if got := Compare([]*Column{a(), ref}).Order(i); got != "B < A" {
		t.Errorf("reference: %q", got)
	}
}

// No form lets a name of the release's escape.
func TestForms(t *testing.T) {
	c := Compare([]*Column{New("a\x1b[31m<b>", "olt", saved(t, "r", "2026-01-01", 900_000, 100, 100, fmt.Sprintf(calls, 1, 3)))})
	var table, page bytes.Buffer
	if err := c.Table(&table); err != nil {
		t.Fatal(err)
	}
	if err := c.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(table.String(), "\x1b") || strings.Contains(page.String(), "\x1b") || strings.Contains(page.String(), "<b>a") || strings.Contains(page.String(), "[31m<b>") {
		t.Error("a name stands there as it is")
	}
	if !strings.Contains(table.String(), Caution) || !strings.Contains(page.String(), "33.3 % (1 of 3)") {
		t.Errorf("%s", table.String())
	}
}
