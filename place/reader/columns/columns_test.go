package columns

import (
	"strings"
	"testing"
)

const sample = `form = 1
[element]
"Host name" = "id"
Hersteller = "vendor"
"EMS" = "managed_by"
Ticket = "x_ticket"
Notes = ""
[site]
"Breite" = "lat"
[role]
"Cell site" = "eNB"
[maker]
"Alder Works, Ltd." = "alder"
[relation]
uplinksTo = "connects"
`

func TestRead(t *testing.T) {
	m, err := Read([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if m["element"]["Host name"] != "id" || m["role"]["Cell site"] != "eNB" || len(m) != 5 {
		t.Errorf("%v", m)
	}
	if v, ok := m["element"]["Notes"]; !ok || v != "" {
		t.Error("a column that is left out on purpose is not there")
	}
	for text, want := range map[string]string{
		"form = 2\n":                            `key form: 2, expected 1`,
		"form = 1\n[element]\nA = \"colour\"":   `key element."A": "colour" is no field of an element`,
		"form = 1\n[role]\nA = \"toaster\"":     `"toaster" is no function of the vocabulary`,
		"form = 1\n[relation]\nA = \"x\"":       `"x" is no relationship; want one of connects`,
		"form = 1\n[elements]\nA = \"id\"":      "there is no such key",
		"form = 1\n[element]\nA = 7":            "line 3",
		"form = 1\n[element]\nA = \"x_\"":       "is no field",
		"form = 1\n[dependency]\nA = \"b\"":     "is no field of a dependency",
		"form = 1\n[element]\nA=\"id\"\nA=\"\"": "line 4",
	} {
		if _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func Fuzz(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = Read(b) })
}
