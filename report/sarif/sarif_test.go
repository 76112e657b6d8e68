package sarif

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
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
	s := schema.Compile(t, schema.SARIF)
	for name, spec := range schema.Specimens(t) {
		t.Run(name, func(t *testing.T) {
			doc := write(t, spec)
			schema.Valid(t, s, doc)
			if !bytes.Equal(doc, write(t, spec)) {
				t.Error("not the same twice")
			}
		})
	}
}

// The schema is one that says no.
func TestInvalid(t *testing.T) {
	s := schema.Compile(t, schema.SARIF)
	doc := string(write(t, schema.Specimens(t)["full"]))
	for _, c := range [][2]string{{`"level":"error"`, `"level":"fatal"`}, {`"byteOffset":9000`, `"byteOffset":"9000"`}, {`"uri":"`, `"uri":"http://[`}, {`"guid":"`, `"guid":"x`}} {
		if bad := strings.Replace(doc, c[0], c[1], 1); bad == doc || s.Validate(schema.Parse(t, []byte(bad))) == nil {
			t.Errorf("%s is valid", c[1])
		}
	}
}

func TestContent(t *testing.T) {
	doc := schema.At(t, schema.Parse(t, write(t, schema.Specimens(t)["full"])), "runs", 0)
	for _, c := range []struct {
		want any
		at   []any
	}{
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
	} {
		if got := schema.At(t, doc, c.at...); got != c.want {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
	}
	spec := schema.Specimens(t)["partial"]
	if schema.At(t, schema.Parse(t, write(t, spec)), "runs", 0, "invocations", 0, "executionSuccessful") != false {
		t.Error("an interrupted run is successful")
	}
	// a finding that moves keeps its fingerprint
	moved := *spec.Report
	moved.Findings = append([]wardein.Finding(nil), moved.Findings...)
	moved.Findings[0].Node, moved.Findings[0].Quotes = "elsewhere", nil
	at := []any{"runs", 0, "results", 0, "partialFingerprints", Fingerprint}
	if schema.At(t, schema.Parse(t, write(t, spec)), at...) != schema.At(t, schema.Parse(t, write(t, schema.Specimen{Report: &moved, Tree: spec.Tree, Checks: spec.Checks})), at...) {
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
