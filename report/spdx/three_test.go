package spdx

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/schema"
)

func write3(t *testing.T, s schema.Specimen) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write3(&out, s.Report, s.Tree, s.Checks); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestValid3(t *testing.T) {
	s := schema.Compile(t, schema.SPDX3)
	for name, spec := range schema.Specimens(t) {
		t.Run(name, func(t *testing.T) {
			if spec.Recipe.AsOf == "" {
				if err := Write3(&bytes.Buffer{}, spec.Report, spec.Tree, spec.Checks); err == nil {
					t.Error("a document without a date")
				}
				return
			}
			doc := write3(t, spec)
			schema.Valid(t, s, doc)
			if !bytes.Equal(doc, write3(t, spec)) {
				t.Error("not the same twice")
			}
			// no element twice, no reference to none
			ids := map[string]bool{}
			graph := schema.At(t, schema.Parse(t, doc), "@graph").([]any)
			for _, e := range graph {
				if id, ok := e.(map[string]any)["spdxId"].(string); ok {
					if ids[id] {
						t.Errorf("%s twice", id)
					}
					ids[id] = true
				}
			}
			for _, e := range graph {
				for _, field := range []string{"to", "from", "element", "rootElement", "subject", "createdBy", "createdUsing"} {
					v := e.(map[string]any)[field]
					if one, ok := v.(string); ok {
						v = []any{one}
					}
					list, _ := v.([]any)
					for _, id := range list {
						if !ids[id.(string)] {
							t.Errorf("%s of %v: no %v", field, e, id)
						}
					}
				}
			}
		})
	}
}

// The schema is one that says no.
func TestInvalid3(t *testing.T) {
	s := schema.Compile(t, schema.SPDX3)
	doc := string(write3(t, schema.Specimens(t)["full"]))
	for _, c := range [][2]string{{`"algorithm":"sha256"`, `"algorithm":"crc"`}, {`"hasEvidence"`, `"knows"`}, {`"specVersion":"3.0.1"`, `"specVersion":"3"`}, {`"spdxId":"https`, `"spdxId":"_:https`}, {`"software_Sbom"`, `"Sbom"`}} {
		if bad := strings.Replace(doc, c[0], c[1], 1); bad == doc || s.Validate(schema.Parse(t, []byte(bad))) == nil {
			t.Errorf("%s is valid", c[1])
		}
	}
	for _, want := range []string{`"software_packageUrl":"pkg:generic/openssl@3.0.9"`, `"identifier":"cpe:2.3:a:openssl:openssl:3.0.9:`, `"relationshipType":"affects"`, `"security_impactStatement":"code not built"`, `"underInvestigationFor"`, `not looked at: encrypted at 0, 2064 bytes`} {
		if !strings.Contains(doc, want) {
			t.Errorf("no %s", want)
		}
	}
}
