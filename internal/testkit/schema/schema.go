// Package schema validates documents in tests against published schemas.
package schema

import (
	"bytes"
	"embed"
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed testdata/*.json
var files embed.FS

// The documents that there are schemas for.
const (
	CycloneDX = "bom-1.6.schema.json"
	SPDX      = "spdx-schema-v2.3.json"
	SPDX3     = "spdx-schema-v3.0.1.json"
	SARIF     = "sarif-schema-2.1.0.json"
	CSAF      = "csaf_json_schema.json"
)

// loader answers the references of one schema to another by file name.
type loader struct{}

func (loader) Load(url string) (any, error) {
	name, _, _ := strings.Cut(path.Base(url), "?")
	b, err := files.ReadFile("testdata/" + name)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}

// unless is a pattern that begins with a negative lookahead, which Go does not
// have: SPDX 3 says "^(?!_:).+:.+".
type unless struct {
	not    string
	then   *regexp.Regexp
	source string
}

func (u *unless) MatchString(s string) bool {
	return !strings.HasPrefix(s, u.not) && u.then.MatchString(s)
}
func (u *unless) String() string { return u.source }

func engine(s string) (jsonschema.Regexp, error) {
	const ahead = "^(?!_:)"
	if rest, ok := strings.CutPrefix(s, ahead); ok {
		then, err := regexp.Compile("^" + rest)
		return &unless{"_:", then, s}, err
	}
	return regexp.Compile(s)
}

// Compile compiles one of the schemas, formats asserted.
func Compile(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.UseLoader(loader{})
	c.AssertFormat()
	c.UseRegexpEngine(engine)
	s, err := c.Compile("http://schema.example/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Valid fails the test where a document is not valid, or not one line of
// JSON.
func Valid(t testing.TB, s *jsonschema.Schema, doc []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatalf("not JSON: %v\n%s", err, doc[:min(len(doc), 2000)])
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v", err)
	}
	if n := bytes.Count(doc, []byte("\n")); n != 1 || doc[len(doc)-1] != '\n' {
		t.Errorf("%d lines", n)
	}
}

// Parse reads a document for a look at its parts.
func Parse(t testing.TB, doc []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// At goes down a parsed document: strings are fields, numbers indices. It
// fails the test where there is nothing.
func At(t testing.TB, v any, path ...any) any {
	t.Helper()
	for i, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				t.Fatalf("%v: %d there", path[:i+1], len(l))
			}
			v = l[p]
		}
		if v == nil {
			t.Fatalf("%v: nothing there", path[:i+1])
		}
	}
	return v
}
