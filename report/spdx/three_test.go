package spdx

import (
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/schema"
)

var form3 = schema.Form{Schema: schema.SPDX3, Write: Write3, Dated: true}

func TestValid3(t *testing.T) {
	form3.Test(t, func(t testing.TB, doc any) {
		// no element twice, no reference to none
		ids := map[string]bool{}
		graph := schema.At(t, doc, "@graph").([]any)
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

func TestInvalid3(t *testing.T) {
	form3.Refuse(t, [2]string{`"algorithm":"sha256"`, `"algorithm":"crc"`}, [2]string{`"hasEvidence"`, `"knows"`}, [2]string{`"specVersion":"3.0.1"`, `"specVersion":"3"`}, [2]string{`"spdxId":"https`, `"spdxId":"_:https`},
		[2]string{`"software_Sbom"`, `"Sbom"`}, [2]string{`"simplelicensing_licenseText"`, `"licenseText"`})
	doc := string(form3.Doc(t, schema.Specimens(t)["full"]))
	for _, want := range []string{`"software_packageUrl":"pkg:generic/openssl@3.0.9"`, `"identifier":"cpe:2.3:a:openssl:openssl:3.0.9:`, `"relationshipType":"affects"`, `"security_impactStatement":"code not built"`, `"underInvestigationFor"`, `not looked at: encrypted at 0, 2064 bytes`,
		`"simplelicensing_licenseExpression":"Apache-2.0 AND BSD-3-Clause"`, `"relationshipType":"hasDeclaredLicense"`, `"relationshipType":"dependsOn"`} {
		if !strings.Contains(doc, want) {
			t.Errorf("no %s", want)
		}
	}
}
