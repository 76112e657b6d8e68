package cyclonedx

import (
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/schema"
)

var form = schema.Form{Schema: schema.CycloneDX, Write: Write}

func TestValid(t *testing.T) {
	form.Test(t, func(t testing.TB, doc any) { unique(t, doc, map[string]bool{}) })
}

// unique verifies what the schema only says in words: no bom-ref twice.
func unique(t testing.TB, v any, refs map[string]bool) {
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

func TestInvalid(t *testing.T) {
	form.Refuse(t, [2]string{`"specVersion":"1.6"`, `"specVersion":1.6`}, [2]string{`"technique":"filename"`, `"technique":"guess"`}, [2]string{`"confidence":0.7`, `"confidence":7`},
		[2]string{`"private-key"`, `"my-key"`}, [2]string{`"acknowledgement":"declared"`, `"acknowledgement":"said"`}, [2]string{`"dependsOn":["component:openssl@3.0.9"]`, `"dependsOn":"openssl"`})
}

func TestContent(t *testing.T) {
	doc := schema.Parse(t, form.Doc(t, schema.Specimens(t)["full"]))
	schema.Say(t, doc, []schema.Said{
		{"busybox", []any{"components", 0, "name"}},
		{"cpe:2.3:a:busybox:busybox:1.36.1:*:*:*:*:*:*:*", []any{"components", 0, "cpe"}},
		{"b000000000000000000000000000000000000000000000000000000000000000", []any{"components", 0, "hashes", 0, "content"}},
		{"filename", []any{"components", 0, "evidence", "identity", 0, "methods", 0, "technique"}},
		{"rule: BusyBox v1.36.1 (", []any{"components", 0, "evidence", "identity", 1, "methods", 0, "value"}},
		{4711.0, []any{"components", 0, "evidence", "occurrences", 0, "offset"}},
		{"GPL-2.0 with exceptions", []any{"components", 0, "licenses", 0, "license", "name"}},
		{"Apache-2.0 AND BSD-3-Clause", []any{"components", 2, "licenses", 0, "expression"}},
		{"component:busybox@1.36.1", []any{"dependencies", 0, "ref"}},
		{"component:openssl@3.0.9", []any{"dependencies", 0, "dependsOn", 0}},
		{"release", []any{"dependencies", 1, "ref"}},
		{"operating-system", []any{"components", 1, "type"}},
		{"cpe:2.3:o:linux:linux_kernel:5.10.0:*:*:*:*:*:*:*", []any{"components", 1, "cpe"}},
		{"library", []any{"components", 2, "type"}},
		{"OpenSSL_version", []any{"components", 2, "evidence", "occurrences", 0, "symbol"}},
		{"dpkg libssl3 3.0.15-1~deb12u1, source openssl, debian 12, in root.squashfs/var/lib/dpkg/status", []any{"components", 2, "properties", 1, "value"}},
		{"wardein:differs", []any{"components", 2, "properties", 2, "name"}},
		{"00ff00ff", []any{"components", 3, "cryptoProperties", "relatedCryptoMaterialProperties", "id"}},
		{2048.0, []any{"components", 3, "cryptoProperties", "relatedCryptoMaterialProperties", "size"}},
		{"certificate", []any{"components", 4, "cryptoProperties", "assetType"}},
		{"2030-01-01T00:00:00Z", []any{"components", 4, "cryptoProperties", "certificateProperties", "notValidAfter"}},
		{"key:sha256:00ff00ff", []any{"components", 4, "cryptoProperties", "certificateProperties", "subjectPublicKeyRef"}},
		{3004.0, []any{"components", 4, "evidence", "occurrences", 1, "offset"}},
		{"incomplete", []any{"compositions", 0, "aggregate"}},
		{"2026-11-22T00:00:00Z", []any{"metadata", "timestamp"}},
		{"CVE-2023-00001", []any{"vulnerabilities", 0, "id"}},
		{"component:openssl@3.0.9", []any{"vulnerabilities", 0, "affects", 0, "ref"}},
		{"critical", []any{"vulnerabilities", 0, "ratings", 0, "severity"}},
		{"not_affected", []any{"vulnerabilities", 1, "analysis", "state"}},
		{"code not built", []any{"vulnerabilities", 1, "analysis", "detail"}},
		{"CVE-2023-00003", []any{"vulnerabilities", 3, "id"}},
		{"in_triage", []any{"vulnerabilities", 3, "analysis", "state"}},
	}...)
	notes := schema.At(t, schema.Parse(t, form.Doc(t, schema.Specimens(t)["partial"])), "annotations", 0, "text").(string)
	for _, want := range []string{"interrupted", "1 encrypted (no key)", "Known vulnerabilities were not examined"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %s", want, notes)
		}
	}
}
