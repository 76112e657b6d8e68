package cyclonedx

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/schema"
)

func write(t *testing.T, s schema.Specimen) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, s.Report, s.Tree, s.Checks); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestValid(t *testing.T) {
	s := schema.Compile(t, schema.CycloneDX)
	for name, spec := range schema.Specimens(t) {
		t.Run(name, func(t *testing.T) {
			doc := write(t, spec)
			schema.Valid(t, s, doc)
			if !bytes.Equal(doc, write(t, spec)) {
				t.Error("not the same twice")
			}
			refs := map[string]bool{}
			unique(t, schema.Parse(t, doc), refs)
		})
	}
}

// unique verifies what the schema only says in words: no bom-ref twice.
func unique(t *testing.T, v any, refs map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["bom-ref"].(string); ok {
			if refs[ref] {
				t.Errorf("bom-ref %q twice", ref)
			}
			refs[ref] = true
		}
		for _, x := range v {
			unique(t, x, refs)
		}
	case []any:
		for _, x := range v {
			unique(t, x, refs)
		}
	}
}

// The schema is one that says no.
func TestInvalid(t *testing.T) {
	s := schema.Compile(t, schema.CycloneDX)
	doc := string(write(t, schema.Specimens(t)["full"]))
	for _, c := range [][2]string{{`"specVersion":"1.6"`, `"specVersion":1.6`}, {`"technique":"filename"`, `"technique":"guess"`}, {`"confidence":0.7`, `"confidence":7`}, {`"private-key"`, `"my-key"`}} {
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
		{"busybox", []any{"components", 0, "name"}},
		{"cpe:2.3:a:busybox:busybox:1.36.1:*:*:*:*:*:*:*", []any{"components", 0, "cpe"}},
		{"b000000000000000000000000000000000000000000000000000000000000000", []any{"components", 0, "hashes", 0, "content"}},
		{"filename", []any{"components", 0, "evidence", "identity", 0, "methods", 0, "technique"}},
		{"rule: BusyBox v1.36.1 (", []any{"components", 0, "evidence", "identity", 1, "methods", 0, "value"}},
		{4711.0, []any{"components", 0, "evidence", "occurrences", 0, "offset"}},
		{"operating-system", []any{"components", 1, "type"}},
		{"cpe:2.3:o:linux:linux_kernel:5.10.0:*:*:*:*:*:*:*", []any{"components", 1, "cpe"}},
		{"library", []any{"components", 2, "type"}},
		{"OpenSSL_version", []any{"components", 2, "evidence", "occurrences", 0, "symbol"}},
		{"dpkg libssl3 3.0.15-1~deb12u1, source openssl, debian 12, in root.squashfs/var/lib/dpkg/status", []any{"components", 2, "properties", 1, "value"}},
		{"wardein:differs", []any{"components", 2, "properties", 2, "name"}},
		{"00ff00ff", []any{"components", 3, "cryptoProperties", "relatedCryptoMaterialProperties", "id"}},
		{2048.0, []any{"components", 3, "cryptoProperties", "relatedCryptoMaterialProperties", "size"}},
		{"incomplete", []any{"compositions", 0, "aggregate"}},
		{"2026-11-22T00:00:00Z", []any{"metadata", "timestamp"}},
		{"CVE-2023-00001", []any{"vulnerabilities", 0, "id"}},
		{"component:openssl@3.0.9", []any{"vulnerabilities", 0, "affects", 0, "ref"}},
		{"critical", []any{"vulnerabilities", 0, "ratings", 0, "severity"}},
		{"not_affected", []any{"vulnerabilities", 1, "analysis", "state"}},
		{"code not built", []any{"vulnerabilities", 1, "analysis", "detail"}},
		{"CVE-2023-00003", []any{"vulnerabilities", 3, "id"}},
		{"in_triage", []any{"vulnerabilities", 3, "analysis", "state"}},
	} {
		if got := schema.At(t, doc, c.at...); got != c.want {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
	}
	notes := schema.At(t, schema.Parse(t, write(t, schema.Specimens(t)["partial"])), "annotations", 0, "text").(string)
	for _, want := range []string{"interrupted", "1 encrypted (no key)", "Known vulnerabilities were not examined"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %s", want, notes)
		}
	}
}
