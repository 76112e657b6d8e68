package prove

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
)

// Version is the version of bundles and of the predicate. Another one is not
// verified.
const Version = "1.0"

// Inspection is the predicate of the type statement.Inspection: what a lab
// says of a release, in figures, and the digests of what it rests on. It holds
// nothing of the release beside the findings' IDs, which name members, and the
// paths that gaps name.
type Inspection struct {
	Counts    json.RawMessage `json:"counts"`    // as in the report
	Coverage  json.RawMessage `json:"coverage"`  // as in the report
	Findings  []SeverityCount `json:"findings"`  // all severities, least first
	Gaps      json.RawMessage `json:"gaps"`      // as in the report, in full
	Incidents int64           `json:"incidents"` // as in the report
	Lab       string          `json:"lab"`       // name of the key that signs
	Members   []Bound         `json:"members"`   // sorted by name
	Partial   bool            `json:"partial"`   // as in the report
	Recipe    wardein.Digest  `json:"recipe"`    // of recipe.json
	Report    wardein.Digest  `json:"report"`    // of report.json
	Salt      string          `json:"salt"`      // of the log's subject, hexadecimal; "": the log has the subject's digest
	Tree      wardein.Digest  `json:"tree"`      // of tree.jsonl
	Version   string          `json:"version"`
}

// SeverityCount is the number of findings of one severity.
type SeverityCount struct {
	Count    int64  `json:"count"`
	Severity string `json:"severity"`
}

// Bound is a member that the statement binds.
type Bound struct {
	Name   string         `json:"name"`
	Public bool           `json:"public"`
	SHA256 wardein.Digest `json:"sha256"`
	Size   int64          `json:"size"`
}

// isPublic tells whether a member is in the public bundle, too.
func isPublic(name string) bool {
	return name == RootsName || name == RecipeName || name == ContactName
}

// parseInspection reads a predicate, in the one form that it may have.
func parseInspection(b []byte) (*Inspection, error) {
	p := new(Inspection)
	if err := canon.Into(b, p); err != nil {
		return nil, fmt.Errorf("predicate: %w", err)
	}
	if p.Version != Version {
		return nil, fmt.Errorf("predicate: version %q, expected %q", p.Version, Version)
	}
	if salt, err := hex.DecodeString(p.Salt); err != nil || len(salt) != 0 && len(salt) != 32 || strings.ToLower(p.Salt) != p.Salt {
		return nil, fmt.Errorf("predicate: salt %q is not 32 bytes in hexadecimal", p.Salt)
	}
	for i, m := range p.Members {
		if !validName(m.Name) || m.Size < 0 || m.Public != isPublic(m.Name) || !bindable(m.Name) || i > 0 && p.Members[i-1].Name >= m.Name {
			return nil, fmt.Errorf("predicate: member %d, %.100q", i, m.Name)
		}
	}
	for _, need := range []struct {
		name   string
		digest wardein.Digest
	}{{RecipeName, p.Recipe}, {ReportName, p.Report}, {TreeName, p.Tree}, {RootsName, wardein.Digest{}}, {SeedName, wardein.Digest{}}} {
		m := p.bound(need.name)
		if m == nil {
			return nil, fmt.Errorf("predicate: it binds no %s", need.name)
		}
		if need.digest != (wardein.Digest{}) && m.SHA256 != need.digest {
			return nil, fmt.Errorf("predicate: member %s has another digest than the predicate's own field", need.name)
		}
	}
	if _, err := p.Seen(); err != nil {
		return nil, err
	}
	if len(p.Findings) != len(severities) {
		return nil, fmt.Errorf("predicate: %d severities, expected %d", len(p.Findings), len(severities))
	}
	for i, s := range severities {
		if p.Findings[i].Severity != s || p.Findings[i].Count < 0 {
			return nil, fmt.Errorf("predicate: severity %d is %.20q, expected %q", i, p.Findings[i].Severity, s)
		}
	}
	return p, nil
}

// bindable tells whether a statement may bind a member of the name: all but
// itself and what is attached later.
func bindable(name string) bool {
	return name != StatementName && name != ProofName && !strings.HasPrefix(name, counterFolder)
}

var severities = func() (names []string) {
	for s := wardein.Info; s <= wardein.Critical; s++ {
		names = append(names, s.String())
	}
	return names
}()

func (p *Inspection) bound(name string) *Bound {
	i, ok := slices.BinarySearchFunc(p.Members, name, func(b Bound, name string) int { return strings.Compare(b.Name, name) })
	if !ok {
		return nil
	}
	return &p.Members[i]
}

// Total is the number of findings.
func (p *Inspection) Total() (n int64) {
	for _, s := range p.Findings {
		n += s.Count
	}
	return n
}

// Seen is what the predicate repeats of the report about what was looked at.
type Seen struct {
	Accounted, Opened, Read int64 // shares in parts per million: of bytes, of bytes, of code
	Gaps                    []Gap
}

// Gap is a gap of a report.
type Gap struct{ Kind, Len, Node, Off, Who, Why string }

// Seen reads coverage and gaps.
func (p *Inspection) Seen() (*Seen, error) {
	var c struct {
		Accounted_ppm, Opened_ppm int64
		Code                      []struct {
			Bytes, Read int64 `json:",string"`
		}
	}
	s := &Seen{}
	if err := errors.Join(json.Unmarshal(p.Coverage, &c), json.Unmarshal(p.Gaps, &s.Gaps)); err != nil {
		return nil, fmt.Errorf("predicate: %w", err)
	}
	var all, read int64
	for _, k := range c.Code {
		all, read = all+k.Bytes, read+k.Read
	}
	s.Accounted, s.Opened, s.Read = c.Accounted_ppm, c.Opened_ppm, wardein.Share(read, all)
	return s, nil
}

// saved is what a bundle needs of a report file.
type saved struct {
	Counts    json.RawMessage
	Coverage  json.RawMessage
	Findings  []json.RawMessage
	Gaps      json.RawMessage
	Incidents int64
	Partial   bool
	Recipe    json.RawMessage
	Release   struct{ Digest wardein.Digest }
	Tree      wardein.Digest
	Version   string
}

// finding is what a bundle needs of a finding.
type finding struct {
	ID       string
	Severity string
	Quotes   []struct {
		Bytes, Len, Node, Off string
	}
}

// readReport reads a report file. It must be canonical JSON with a line feed.
func readReport(b []byte) (*saved, error) {
	s := new(saved)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	if s.Version == "" || s.Recipe == nil || s.Coverage == nil || s.Counts == nil || s.Gaps == nil {
		return nil, fmt.Errorf("not a report: version, recipe, coverage, counts or gaps are missing")
	}
	again, err := canon.Of(json.RawMessage(b))
	if err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	if !bytes.Equal(append(again, '\n'), b) {
		return nil, fmt.Errorf("not in canonical form")
	}
	return s, nil
}

// figures fills in what the predicate repeats of the report.
func (s *saved) figures(p *Inspection) error {
	p.Counts, p.Coverage, p.Gaps = s.Counts, s.Coverage, s.Gaps
	p.Incidents, p.Partial = s.Incidents, s.Partial
	p.Findings = make([]SeverityCount, len(severities))
	for i, name := range severities {
		p.Findings[i].Severity = name
	}
	for _, raw := range s.Findings {
		var f finding
		if err := json.Unmarshal(raw, &f); err != nil {
			return fmt.Errorf("finding: %w", err)
		}
		i := slices.Index(severities, f.Severity)
		if i < 0 {
			return fmt.Errorf("finding %.20q: severity %.20q", f.ID, f.Severity)
		}
		p.Findings[i].Count++
	}
	return nil
}

// Roots is the content of roots.json.
type Roots struct {
	Findings Root   `json:"findings"`
	Tree     Root   `json:"tree"`
	Version  string `json:"version"`
}

// Root is that of a Merkle tree, and its number of leaves.
type Root struct {
	Root wardein.Digest `json:"root"`
	Size int64          `json:"size"`
}

func parseRoots(b []byte) (r Roots, err error) {
	err = canon.Into(b, &r)
	if err == nil && (r.Version != Version || r.Tree.Size < 0 || r.Findings.Size < 0) {
		err = fmt.Errorf("version %q, %d and %d leaves", r.Version, r.Tree.Size, r.Findings.Size)
	}
	return r, err
}
