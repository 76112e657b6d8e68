package sarif

import (
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit/schema"
)

var form = schema.Form{Schema: schema.SARIF, Write: Write}

func TestValid(t *testing.T) { form.Test(t, nil) }

func TestInvalid(t *testing.T) {
	form.Refuse(t, [2]string{`"level":"error"`, `"level":"fatal"`}, [2]string{`"byteOffset":9000`, `"byteOffset":"9000"`}, [2]string{`"uri":"`, `"uri":"http://[`}, [2]string{`"guid":"`, `"guid":"x`})
}

func TestContent(t *testing.T) {
	doc := schema.At(t, schema.Parse(t, form.Doc(t, schema.Specimens(t)["full"])), "runs", 0)
	schema.Say(t, doc, []schema.Said{
		{"vuln.known", []any{"results", 0, "ruleId"}},
		{2.0, []any{"results", 0, "ruleIndex"}},
		{"vuln.known", []any{"tool", "driver", "rules", 2, "id"}},
		{"9.5", []any{"tool", "driver", "rules", 2, "properties", "security-severity"}},
		{"error", []any{"results", 0, "level"}},
		{"F-00000001", []any{"results", 0, "partialFingerprints", Fingerprint}},
		{"root.squashfs/usr/lib/libssl.so.3", []any{"results", 0, "locations", 0, "physicalLocation", "artifactLocation", "uri"}},
		{9000.0, []any{"results", 0, "locations", 0, "physicalLocation", "region", "byteOffset"}},
		{"3.0.9", []any{"results", 0, "locations", 0, "physicalLocation", "region", "snippet", "text"}},
		{"informational", []any{"results", 4, "kind"}},
		{"none", []any{"results", 4, "level"}},
		{`\[unknown\]`, []any{"results", 4, "message", "text"}},
		{"Ship none.", []any{"results", 3, "properties", "fix"}},
		{"gap.encrypted", []any{"invocations", 0, "toolExecutionNotifications", 0, "descriptor", "id"}},
		{"not looked at (encrypted): openssl-enc: no key", []any{"invocations", 0, "toolExecutionNotifications", 0, "message", "text"}},
		{true, []any{"invocations", 0, "executionSuccessful"}},
		{".", []any{"artifacts", 0, "location", "uri"}},
	}...)
	spec := schema.Specimens(t)["partial"]
	if schema.At(t, schema.Parse(t, form.Doc(t, spec)), "runs", 0, "invocations", 0, "executionSuccessful") != false {
		t.Error("an interrupted run is successful")
	}
	// a finding that moves keeps its fingerprint
	moved := *spec.Report
	moved.Findings = append([]wardein.Finding(nil), moved.Findings...)
	moved.Findings[0].Node, moved.Findings[0].Quotes = "elsewhere", nil
	at := []any{"runs", 0, "results", 0, "partialFingerprints", Fingerprint}
	if schema.At(t, schema.Parse(t, form.Doc(t, spec)), at...) != schema.At(t, schema.Parse(t, form.Doc(t, schema.Specimen{Report: &moved, Tree: spec.Tree, Checks: spec.Checks})), at...) {
		t.Error("the fingerprint moved")
	}
}

// A URI stays below the release and gives the path back.
func TestURI(t *testing.T) {
	base, err := url.Parse("x://release/top/")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		path := string(rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("/.:%#?\\")))).Draw(t, "path"))
		u, err := url.Parse(uri(path))
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || strings.HasPrefix(uri(path), "/") {
			t.Fatalf("%q: %q", path, uri(path))
		}
		if abs := base.ResolveReference(u); abs.Host != "release" || !strings.HasPrefix(abs.EscapedPath(), "/top/") {
			t.Fatalf("%q: %q", path, abs)
		}
		if path != "" && u.Path != path {
			t.Fatalf("%q comes back as %q", path, u.Path)
		}
	})
}
