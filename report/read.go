package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// Saved is a report file as it was written, for verbs that show parts of it.
type Saved struct {
	Version    string
	Release    struct{ Digest, Kind, Size string }
	Recipe     struct{ As_of, Module string }
	Components []SavedComponent
	Findings   []SavedFinding
	Gaps       []SavedGap
	Partial    bool
}

// SavedText is a sentence of a report file.
type SavedText struct{ ID, Text string }

// SavedFinding is a finding of a report file.
type SavedFinding struct {
	Raw json.RawMessage `json:"-"` // as it stands there

	ID, Check, Rule, Node, Severity, Confidence, Reach string
	Says, Fix, Meanwhile                               SavedText
	Cases                                              []string
	Quotes                                             []struct{ Node, Off, Len, Bytes string }
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

// UnmarshalJSON keeps the finding as it stands, too.
func (f *SavedFinding) UnmarshalJSON(b []byte) error {
	type plain SavedFinding
	if err := json.Unmarshal(b, (*plain)(f)); err != nil {
		return err
	}
	f.Raw = append(json.RawMessage(nil), b...)
	return nil
}

// Read reads a report file. Names stay in their escaped form.
func Read(r io.Reader) (*Saved, error) {
	s := new(Saved)
	if err := json.NewDecoder(r).Decode(s); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	if s.Version == "" {
		return nil, fmt.Errorf("not a report: no version")
	}
	return s, nil
}
