package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
)

// Saved is a report file as it was written, for verbs that show parts of it.
type Saved struct {
	// Digest is that of the file.
	Digest wardein.Digest `json:"-"`

	Version    string
	Release    struct{ Digest, Kind, Size string }
	Recipe     SavedRecipe
	Coverage   SavedCoverage
	Counts     []SavedCount
	Components []SavedComponent
	Findings   []SavedFinding
	Gaps       []SavedGap
	Nodes      string
	Incidents  int64
	Partial    bool
}

// SavedCoverage is the coverage of a report file.
type SavedCoverage struct {
	Accounted_ppm, Opened_ppm int64
	Known, Opaque, Unknown    int64 `json:",string"`
	Code                      []struct {
		Arch        string
		Bytes, Read int64 `json:",string"`
	}
}

// SavedRecipe is the recipe of a report file.
type SavedRecipe struct {
	As_of, Module string
	Checks        []wardein.Ingredient
	Data          []wardein.Source
	// Digest identifies it, as RecipeDigest does.
	Digest wardein.Digest `json:"-"`
}

// UnmarshalJSON takes the digest, too.
func (r *SavedRecipe) UnmarshalJSON(b []byte) error {
	type plain SavedRecipe
	if err := json.Unmarshal(b, (*plain)(r)); err != nil {
		return err
	}
	var c bytes.Buffer // as it was written, should somebody have put it on lines
	if err := json.Compact(&c, b); err != nil {
		return err
	}
	r.Digest = digest(c.Bytes())
	return nil
}

// SavedCount is how a check ended on the nodes, of a report file.
type SavedCount struct {
	Check, Done, Failed string
	Not_applicable      []SavedReason
	// Cases is nil in a report of a version that did not count them.
	Cases []struct{ Case, Nodes string }
}

// SavedReason is a number of nodes that a check does not apply to, and why.
type SavedReason struct{ Why, Nodes string }

// SavedText is a sentence of a report file.
type SavedText struct {
	ID, Text string
	Args     []wardein.Note
}

// SavedFinding is a finding of a report file.
type SavedFinding struct {
	Raw json.RawMessage `json:"-"` // as it stands there

	ID, Check, Rule, Node, Severity, Confidence, Reach string
	Exploited                                          bool
	Says, Fix, Meanwhile                               SavedText
	Cases                                              []string
	Quotes                                             []SavedQuote
}

// SavedQuote is a quote of a report file.
type SavedQuote struct{ Node, Off, Len, Bytes string }

// String prints a quote in one line.
func (q *SavedQuote) String() string {
	s := fmt.Sprintf("%s at %s, %s bytes", PlainPath(q.Node), Offset(q.Off), term.Clean(q.Len))
	if q.Bytes != "" {
		s += ": " + Plain(q.Bytes)
	}
	return s
}

// Write writes a quote as the report file has it: its texts are escaped already.
func (q *SavedQuote) Write(w *canon.Writer) {
	w.Object(func() {
		w.Field("bytes").Text(q.Bytes)
		w.Field("len").Text(q.Len)
		w.Field("node").Text(q.Node)
		w.Field("off").Text(q.Off)
	})
}

// SavedComponent is a component of a report file.
type SavedComponent struct {
	Raw json.RawMessage `json:"-"` // as it stands there

	Name, Version, Confidence, PURL string
	Declared                        []struct{ System, Package, Version string }
	Seen                            []SavedOccurrence
}

// SavedOccurrence is one place that shows a component.
type SavedOccurrence struct {
	By, Version, Confidence string
	Quote                   struct{ Node, Off, Bytes string }
}

// UnmarshalJSON keeps the component as it stands, too.
func (c *SavedComponent) UnmarshalJSON(b []byte) error {
	type plain SavedComponent
	if err := json.Unmarshal(b, (*plain)(c)); err != nil {
		return err
	}
	c.Raw = append(json.RawMessage(nil), b...)
	return nil
}

// SavedGap is a gap of a report file.
type SavedGap struct{ Node, Who, Kind, Off, Len, Why string }

// Write writes a gap as the report file has it: its texts are escaped already.
func (g *SavedGap) Write(w *canon.Writer) {
	w.Object(func() {
		w.Field("kind").Text(g.Kind)
		w.Field("len").Text(g.Len)
		w.Field("node").Text(g.Node)
		w.Field("off").Text(g.Off)
		w.Field("who").Text(g.Who)
		w.Field("why").Text(g.Why)
	})
}

// UnmarshalJSON keeps the finding as it stands, too.
func (f *SavedFinding) UnmarshalJSON(b []byte) error {
	type plain SavedFinding
	if err := json.Unmarshal(b, (*plain)(f)); err != nil {
		return err
	}
	f.Raw = append(json.RawMessage(nil), b...)
	return nil
}

// Plain is text of a report file as it is printed: decoded, and what could
// mislead a reader escaped.
func Plain(s string) string {
	if raw, err := canon.Unescape(s); err == nil {
		s = raw
	}
	return term.Clean(s)
}

// PlainPath is a node's path of a report file as it is printed.
func PlainPath(p string) string { return path(Plain(p)) }

// Offset is a decimal number of a report file in the form that offsets have
// elsewhere.
func Offset(decimal string) string {
	n, err := strconv.ParseInt(decimal, 10, 64)
	if err != nil {
		return term.Clean(decimal)
	}
	return fmt.Sprintf("%#x", n)
}

// Read reads a report file. Names stay in their escaped form.
func Read(r io.Reader) (*Saved, error) {
	s, sum := new(Saved), sha256.New()
	r = io.TeeReader(r, sum)
	if err := json.NewDecoder(r).Decode(s); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	if s.Version == "" {
		return nil, fmt.Errorf("not a report: no version")
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // up to its end
		return nil, err
	}
	s.Digest = wardein.Digest(sum.Sum(nil))
	return s, nil
}
