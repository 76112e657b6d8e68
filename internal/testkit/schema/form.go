package schema

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// Form is a kind of output for other tools, as its tests see it.
type Form struct {
	Schema string
	Write  func(io.Writer, *wardein.Report, wardein.Tree, []wardein.Check) error
	// Dated forms are an error for a report without an evaluation date.
	Dated bool
}

// Doc writes one specimen.
func (f Form) Doc(t testing.TB, s Specimen) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := f.Write(&out, s.Report, s.Tree, s.Checks); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Test holds all specimens to the schema; also, if not nil, looks at what the
// schema says in words alone.
func (f Form) Test(t *testing.T, also func(t testing.TB, doc any)) {
	s := Compile(t, f.Schema)
	for name, spec := range Specimens(t) {
		t.Run(name, func(t *testing.T) {
			if f.Dated && spec.Recipe.AsOf == "" {
				if err := f.Write(io.Discard, spec.Report, spec.Tree, spec.Checks); err == nil {
					t.Error("a document without a date")
				}
				return
			}
			doc := f.Doc(t, spec)
			Valid(t, s, doc)
			if !bytes.Equal(doc, f.Doc(t, spec)) {
				t.Error("not the same twice")
			}
			if also != nil {
				also(t, Parse(t, doc))
			}
		})
	}
}

// Refuse shows that the schema is one that says no: each pair is a text of the
// full specimen's document and what makes it invalid.
func (f Form) Refuse(t *testing.T, changes ...[2]string) {
	t.Helper()
	s := Compile(t, f.Schema)
	doc := string(f.Doc(t, Specimens(t)["full"]))
	for _, c := range changes {
		if bad := strings.Replace(doc, c[0], c[1], 1); bad == doc || s.Validate(Parse(t, []byte(bad))) == nil {
			t.Errorf("%s is valid, or %s is not there", c[1], c[0])
		}
	}
}

// Said is a value and where it stands, as At takes it.
type Said = struct {
	Want any
	At   []any
}

// Say compares values of a parsed document.
func Say(t testing.TB, doc any, list ...Said) {
	t.Helper()
	for _, c := range list {
		if got := At(t, doc, c.At...); got != c.Want {
			t.Errorf("%v: %v, want %v", c.At, got, c.Want)
		}
	}
}
