package component

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
)

// Every snippet of every rule is found, or is not, as its rule says; and so
// many products count: two positives of different versions, one negative.
func TestRules(t *testing.T) {
	d, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	counted, rules := 0, 0
	for _, p := range d.products {
		counts := false
		for i := range p.Rules {
			r := &p.Rules[i]
			rules++
			versions := map[string]bool{}
			for _, yes := range r.Yes {
				got, quote := r.snippet(yes[1])
				if len(got) == 0 || got[0] != yes[0] {
					t.Errorf("%s: %s: %q: found %q, want %q", p.file, p.Name, yes[1], got, yes[0])
					continue
				}
				if len(quote) > windowSize-windowBefore {
					t.Errorf("%s: %s: %q: %d bytes", p.file, p.Name, yes[1], len(quote))
				}
				versions[yes[0]] = true
			}
			for _, no := range r.No {
				if got, quote := r.snippet(no); len(got) != 0 {
					t.Errorf("%s: %s: %q shows version %q by %q, and must not", p.file, p.Name, no, got, quote)
				}
			}
			counts = counts || len(versions) >= 2 && len(r.No) >= 1
		}
		if counts {
			counted++
		}
	}
	t.Logf("%d products, %d rules; %d products have a rule with two positives of different versions and one negative", len(d.products), rules, counted)
	if counted < leastProducts {
		t.Errorf("%d products count, want %d", counted, leastProducts)
	}
}

// leastProducts rises with the data.
const leastProducts = 473

// snippet runs a rule over a text as it would stand among zeros.
func (r *rule) snippet(s string) (found []string, quote string) {
	b := make([]byte, 2*windowSize+len(s))
	copy(b[windowSize:], s)
	for off := 0; ; off++ {
		k := bytes.Index(b[off:], []byte(r.Literal))
		if k < 0 {
			return found, quote
		}
		off += k
		from := max(0, off-windowBefore)
		w := b[from:min(len(b), from+windowSize)]
		if v, a, z, ok := r.find(w, off-from); ok {
			found, quote = append(found, v), string(w[a:z])
		}
	}
}

// An error in the data names file and product.
func TestLoad(t *testing.T) {
	const head = "[[product]]\nname = \"acme\"\nabout = \"x\"\nsource = \"x\"\ndate = \"2026-11-22\"\n"
	for text, want := range map[string]string{
		"[[product]]\nabout = \"x\"":                                      "product 1 has no name",
		"[[product]]\nname = \"Acme\"":                                    "lower case",
		"[[product]]\nname = \"acme\"\nabout=\"x\"\nsource=\"x\"":         "date",
		head + "colour = \"red\"":                                         "colour",
		head + "cpe = \"acme\"":                                           "vendor:product",
		head + "purl = \"acme@1\"":                                        "package URL",
		head + "[[product.rule]]\nliteral = \"acme\"":                     "6 to 128",
		head + "[[product.rule]]\nliteral = \"acme 1\"\nversion = 'acme'": "no group",
		head + "[[product.getter]]\nexport = \"x\"\nform = \"octal\"":     "form",
		head + head:             "already",
		head + "[[product.rule": "data/a.toml",
	} {
		_, err := load(fstest.MapFS{"data/a.toml": {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "data/a.toml") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
