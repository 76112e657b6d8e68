package csaf

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/schema"
	"github.com/wardein/wardein/report"
)

var lab = Publisher{"Example Lab", "https://lab.example"}

func write(t *testing.T, s schema.Specimen) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, s.Report, s.Checks, lab); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestValid(t *testing.T) {
	s := schema.Compile(t, schema.CSAF)
	for name, spec := range schema.Specimens(t) {
		t.Run(name, func(t *testing.T) {
			if spec.Recipe.AsOf == "" {
				if err := Write(&bytes.Buffer{}, spec.Report, spec.Checks, lab); err == nil {
					t.Error("a document without a date")
				}
				return
			}
			doc := write(t, spec)
			schema.Valid(t, s, doc)
			if !bytes.Equal(doc, write(t, spec)) {
				t.Error("not the same twice")
			}
			mandatory(t, schema.Parse(t, doc))
		})
	}
}

// mandatory are tests of CSAF 2.0, section 6.1, that the schema does not hold.
func mandatory(t *testing.T, doc any) {
	defined := map[string]bool{}
	define := func(id string) {
		if defined[id] {
			t.Errorf("6.1.2: product %q is defined twice", id)
		}
		defined[id] = true
	}
	tree := schema.At(t, doc, "product_tree").(map[string]any)
	for _, p := range tree["full_product_names"].([]any) {
		define(schema.At(t, p, "product_id").(string))
	}
	links, _ := tree["relationships"].([]any)
	for _, r := range links {
		for _, ref := range []string{"product_reference", "relates_to_product_reference"} {
			if !defined[schema.At(t, r, ref).(string)] {
				t.Errorf("6.1.1: %v", r)
			}
		}
		define(schema.At(t, r, "full_product_name", "product_id").(string))
	}
	vulns, _ := doc.(map[string]any)["vulnerabilities"].([]any)
	category := schema.At(t, doc, "document", "category")
	if (len(vulns) == 0) != (category == "csaf_base") || (len(vulns) > 0) != (category == "csaf_vex") {
		t.Errorf("6.1.27.11: %d vulnerabilities in %v", len(vulns), category)
	}
	cves := map[any]bool{}
	for _, v := range vulns {
		m := v.(map[string]any)
		if m["cve"] == nil && m["ids"] == nil || m["notes"] == nil {
			t.Errorf("6.1.27.6, .7: %v", m)
		}
		if m["cve"] != nil && cves[m["cve"]] {
			t.Errorf("6.1.23: %v twice", m["cve"])
		}
		cves[m["cve"]] = true
		status := map[string]string{}
		for kind, ids := range m["product_status"].(map[string]any) {
			for _, id := range ids.([]any) {
				if was := status[id.(string)]; was != "" || !defined[id.(string)] {
					t.Errorf("6.1.1, 6.1.6: %v is %s and %s", id, was, kind)
				}
				status[id.(string)] = kind
			}
		}
		said := map[string]bool{} // by kind of statement
		for _, list := range []string{"flags", "remediations", "threats"} {
			all, _ := m[list].([]any)
			for _, x := range all {
				for _, id := range schema.At(t, x, "product_ids").([]any) {
					said[list+" "+id.(string)] = true
				}
			}
		}
		for id, kind := range status {
			if kind == "known_affected" && !said["remediations "+id] {
				t.Errorf("6.1.27.10: no action for %s", id)
			}
			if kind == "known_not_affected" && !said["flags "+id] && !said["threats "+id] {
				t.Errorf("6.1.27.9: no impact for %s", id)
			}
		}
	}
}

// The schema is one that says no.
func TestInvalid(t *testing.T) {
	s := schema.Compile(t, schema.CSAF)
	doc := string(write(t, schema.Specimens(t)["full"]))
	for _, c := range [][2]string{{`"CVE-2023-00001"`, `"CVE-23-1"`}, {`"known_affected"`, `"affected"`}, {`"csaf_version":"2.0"`, `"csaf_version":"2"`}, {`"cpe:2.3:a`, `"cpe:2.3:x`}, {`T00:00:00Z`, ``}} {
		if bad := strings.Replace(doc, c[0], c[1], 1); bad == doc || s.Validate(schema.Parse(t, []byte(bad))) == nil {
			t.Errorf("%s is valid", c[1])
		}
	}
}

func TestContent(t *testing.T) {
	doc := schema.Parse(t, write(t, schema.Specimens(t)["full"]))
	for _, c := range []struct {
		want any
		at   []any
	}{
		{"csaf_vex", []any{"document", "category"}},
		{"Example Lab", []any{"document", "publisher", "name"}},
		{"openssl 3.0.9", []any{"product_tree", "full_product_names", 3, "name"}},
		{"cpe:2.3:a:openssl:openssl:3.0.9:*:*:*:*:*:*:*", []any{"product_tree", "full_product_names", 3, "product_identification_helper", "cpe"}},
		{"pkg:generic/openssl@3.0.9", []any{"product_tree", "full_product_names", 3, "product_identification_helper", "purl"}},
		{"release/component:openssl@3.0.9", []any{"vulnerabilities", 0, "product_status", "known_affected", 0}},
		{"none_available", []any{"vulnerabilities", 0, "remediations", 0, "category"}},
		{"exploit_status", []any{"vulnerabilities", 0, "threats", 0, "category"}},
		{"A public list names it as exploited since 2023-06-01.", []any{"vulnerabilities", 0, "threats", 0, "details"}},
		{9.8, []any{"vulnerabilities", 0, "scores", 0, "cvss_v3", "baseScore"}},
		{"CRITICAL", []any{"vulnerabilities", 0, "scores", 0, "cvss_v3", "baseSeverity"}},
		{"3.1", []any{"vulnerabilities", 0, "scores", 0, "cvss_v3", "version"}},
		{"release/component:openssl@3.0.9", []any{"vulnerabilities", 0, "scores", 0, "products", 0}},
		{"code not built", []any{"vulnerabilities", 1, "threats", 0, "details"}},
		{"release/component:openssl@3.0.9", []any{"vulnerabilities", 2, "product_status", "known_not_affected", 0}},
		{"release/component:linux@5.10.0", []any{"vulnerabilities", 2, "product_status", "under_investigation", 0}},
	} {
		if got := schema.At(t, doc, c.at...); got != c.want {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
	}
	for name, want := range map[string]string{"partial": "not examined", "empty": "not examined"} {
		summary := schema.At(t, schema.Parse(t, write(t, schema.Specimens(t)[name])), "document", "notes", 0, "text").(string)
		if !strings.Contains(summary, want) {
			t.Errorf("%s: %s", name, summary)
		}
	}
}

func TestPublisher(t *testing.T) {
	for _, p := range []Publisher{{}, {"Lab", ""}, {"", "https://lab.example"}, {" ", "https://lab.example"}, {"Lab", "lab.example"}, {"Lab", "/lab"}, {"Lab", "https://l b"}, {"\xff", "https://lab.example"}} {
		if p.Check() == nil {
			t.Errorf("%q is a publisher", p)
		}
	}
	for _, ns := range []string{"https://lab.example", "urn:example:lab"} {
		if err := (Publisher{"Lab", ns}).Check(); err != nil {
			t.Error(err)
		}
	}
}

// A score stands where its vector gives it, and nowhere else.
func TestRated(t *testing.T) {
	for _, c := range []struct {
		vector            string
		score             int
		version, severity string
	}{
		{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98, "3.1", "CRITICAL"},
		{"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98, "3.0", "CRITICAL"},
		{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 75, "", ""},
		{"AV:N/AC:L/Au:N/C:P/I:P/A:P", 75, "2.0", ""},
		{"CVSS:3.1/AV:N", 98, "", ""},
		{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 93, "", ""},
		{"", 98, "", ""},
	} {
		version, severity, ok := rated(report.Vulnerability{Vector: c.vector, Score: c.score})
		if version != c.version || severity != c.severity || ok != (c.version != "") {
			t.Errorf("%s %d: %q %q %v", c.vector, c.score, version, severity, ok)
		}
	}
}
