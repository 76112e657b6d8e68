package prove

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/prove/dsse"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
)

// Bounds of what is read whole, in bytes.
const (
	maxProof   = 1 << 20
	maxCounter = 4 << 20
	maxSmall   = 16 << 20
	maxReport  = 1 << 30
)

// Verified is what a bundle proves.
type Verified struct {
	Envelope   wardein.Digest // of the signed statement
	Subject    wardein.Digest // of the release
	Inspection *Inspection
	Signers    []string // names of the keys that signed
	Public     bool     // it is the public bundle
	Recipe     []byte   // recipe.json
	Roots      Roots
	Contact    *Signed  // nil where there is none
	Log        *Logged  // nil under a policy without a log
	Counters   []Signed // statements about this one, in order of their members' names
}

// Signed is a signed statement about the release, or about the bundle's own
// statement.
type Signed struct {
	*statement.Statement
	Record   record.Record // what the predicate says
	Member   string        // its name in the bundle
	Envelope wardein.Digest
	Signers  []string
	Log      *Logged // nil: no proof that it was logged is attached
}

// Verify verifies a bundle under a policy. Each error that is about the bundle
// is a *Refused. No content is held in memory but the statement and, of the
// full bundle, the report.
func Verify(r io.ReaderAt, size int64, p *policy.Policy) (*Verified, error) {
	b, err := Open(r, size)
	if err != nil {
		return nil, err
	}
	v := &Verified{}
	envelope, err := v.statement(b, p)
	if err != nil {
		return nil, err
	}
	if err := v.members(b); err != nil {
		return nil, err
	}
	if v.Log, err = logged(b, ProofName, envelope, p); err != nil {
		return nil, err
	}
	if err := v.counters(b, p); err != nil {
		return nil, err
	}
	if err := v.digests(b); err != nil {
		return nil, err
	}
	return v, v.contents(b, p)
}

// statement verifies the envelope, its signatures and the predicate's form.
func (v *Verified) statement(b *Bundle, p *policy.Policy) (envelope []byte, err error) {
	if envelope, err = b.Read(StatementName, dsse.MaxSize); err != nil {
		return nil, err
	}
	s, signers, err := OpenSigned(envelope, p.Labs)
	if err != nil {
		return nil, refuseMember(StatementName, "%w", err)
	}
	if s.Type != statement.Inspection {
		return nil, refuseMember(StatementName, "statement of type %q, expected %q", s.Type, statement.Inspection)
	}
	if v.Inspection, err = parseInspection(s.Predicate); err != nil {
		return nil, refuseMember(StatementName, "%w", err)
	}
	if !slices.Contains(signers, v.Inspection.Lab) {
		return nil, refuseMember(StatementName, "lab %q did not sign it", v.Inspection.Lab)
	}
	v.Envelope, v.Subject, v.Signers = statement.Digest(envelope), s.Subject, signers
	return envelope, nil
}

// OpenSigned opens a statement whose signers must all be of the keys, and names
// them.
func OpenSigned(envelope []byte, keys []policy.Key) (*statement.Statement, []string, error) {
	return openSignedBy(envelope, func(*statement.Statement) ([]policy.Key, error) { return keys, nil })
}

func openSignedBy(envelope []byte, keys func(*statement.Statement) ([]policy.Key, error)) (*statement.Statement, []string, error) {
	s, e, err := statement.Open(envelope)
	if err != nil {
		return nil, nil, err
	}
	known, err := keys(s)
	if err != nil {
		return nil, nil, err
	}
	by, err := e.Verify(policy.Verifiers(known))
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, k := range by {
		names = append(names, k.Name())
	}
	return s, names, nil
}

// members compares the members that are there with those that are bound.
func (v *Verified) members(b *Bundle) error {
	v.Public = true
	for _, m := range v.Inspection.Members {
		if !m.Public && b.Find(m.Name) != nil {
			v.Public = false
			break
		}
	}
	for i := range b.Members {
		m := &b.Members[i]
		switch bound := v.Inspection.bound(m.Name); {
		case bound != nil && bound.Size != m.Size:
			return refuseMember(m.Name, "%d bytes, expected %d", m.Size, bound.Size)
		case bound == nil && m.Name != StatementName && m.Name != ProofName && !counterName(m.Name):
			return refuseMember(m.Name, "the statement does not name it")
		}
	}
	for _, m := range v.Inspection.Members {
		if b.Find(m.Name) == nil && (m.Public || !v.Public) {
			return refuseMember(m.Name, "%w", ErrMissing)
		}
	}
	if v.Public && v.Inspection.bound(ContactName) == nil {
		return refuseMember(ContactName, "missing: %w", ErrNoContact)
	}
	return nil
}

// counters verifies the statements about this one.
func (v *Verified) counters(b *Bundle, p *policy.Policy) error {
	for i := range b.Members {
		name := b.Members[i].Name
		if !strings.HasPrefix(name, counterFolder) {
			continue
		}
		base, isProof := strings.CutSuffix(name, ".tlog-proof")
		if isProof {
			if b.Find(base+".dsse.json") == nil {
				return refuseMember(name, "there is no %s.dsse.json", base)
			}
			continue
		}
		envelope, err := b.Read(name, maxCounter)
		if err != nil {
			return err
		}
		c := Signed{Member: name, Envelope: statement.Digest(envelope)}
		if id := c.Envelope.String()[:16]; name != counterFolder+id+".dsse.json" {
			return refuseMember(name, "its sha256 begins with %s", id)
		}
		if c.Statement, c.Signers, err = openCounter(envelope, p); err != nil {
			return refuseMember(name, "%w", err)
		}
		if c.Record, _, err = record.Of(c.Statement); err != nil {
			return refuseMember(name, "%w", err)
		}
		if err := v.answers(&c); err != nil {
			return refuseMember(name, "%w", err)
		}
		proof := strings.TrimSuffix(name, ".dsse.json") + ".tlog-proof"
		if b.Find(proof) != nil {
			if c.Log, err = logged(b, proof, envelope, p); err != nil {
				return err
			}
		}
		v.Counters = append(v.Counters, c)
	}
	return nil
}

// answers checks that a statement about another speaks of this one, and says
// what its signers can say.
func (v *Verified) answers(c *Signed) error {
	if c.Subject != v.Envelope {
		return fmt.Errorf("it answers sha256 %s, the statement here is %s", c.Subject, v.Envelope)
	}
	switch r := c.Record.(type) {
	case *record.Rerun:
		if r.Release != v.Subject || r.Agrees != (r.Report == v.Inspection.Report) {
			return fmt.Errorf("the re-run's release and report are not what it says of them")
		}
	case *record.Correction, *record.Withdrawal:
		if !slices.ContainsFunc(c.Signers, func(name string) bool { return slices.Contains(v.Signers, name) }) {
			return fmt.Errorf("a lab corrects and withdraws its own statements: %s signed this one", strings.Join(v.Signers, ", "))
		}
	}
	return nil
}

// openCounter opens a statement about another: vendors reply, laboratories say
// the rest.
func openCounter(envelope []byte, p *policy.Policy) (*statement.Statement, []string, error) {
	return openSignedBy(envelope, func(s *statement.Statement) ([]policy.Key, error) {
		switch s.Type {
		case statement.Reply:
			return p.Vendors, nil
		case statement.Rerun, statement.Correction, statement.Withdrawal:
			return p.Labs, nil
		}
		return nil, fmt.Errorf("statement of type %q is none about another", s.Type)
	})
}

// digests reads every member once.
func (v *Verified) digests(b *Bundle) error {
	content, err := b.Read(RootsName, maxSmall)
	if err != nil {
		return err
	}
	if v.Roots, err = parseRoots(content); err != nil {
		return refuseMember(RootsName, "%w", err)
	}
	var seed [32]byte
	if !v.Public {
		if seed, err = readSeed(b); err != nil {
			return err
		}
	}
	buf := make([]byte, chunkSize)
	for i := range b.Members {
		m := &b.Members[i]
		bound := v.Inspection.bound(m.Name)
		if bound == nil {
			continue // read and verified already
		}
		var s sums
		if m.Name == TreeName {
			s, err = sumLines(b.Content(m), &seed, treeLabel)
		} else {
			s, err = sumBytes(b.Content(m), buf)
		}
		switch {
		case err != nil && !errors.Is(err, errCut):
			return err
		case err == nil && s.sha256 != bound.SHA256:
			return refuseMember(m.Name, "sha256 %s, expected %s", s.sha256, bound.SHA256)
		case err != nil:
			return refuseMember(m.Name, "%w", err)
		case s.crc != m.crc:
			return refuseMember(m.Name, "crc32 %08x, expected %08x", s.crc, m.crc)
		case m.Name == TreeName && s.root != v.Roots.Tree:
			return refuseMember(RootsName, "the root over tree.jsonl is %s over %d lines, expected %s over %d", s.root.Root, s.root.Size, v.Roots.Tree.Root, v.Roots.Tree.Size)
		}
	}
	if v.Public {
		return nil
	}
	return v.report(b, &seed)
}

// sumBytes is sumLines without lines.
func sumBytes(r io.Reader, buf []byte) (s sums, err error) {
	h, crc := sha256.New(), crc32.NewIEEE()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(h, crc)}, struct{ io.Reader }{r}, buf); err != nil {
		return s, err
	}
	h.Sum(s.sha256[:0])
	s.crc = crc.Sum32()
	return s, nil
}

// readSeed reads the member seed, in its one form.
func readSeed(b *Bundle) (seed [32]byte, err error) {
	line, err := b.Read(SeedName, 65)
	if err != nil {
		return seed, err
	}
	return ParseSeed(line)
}

// ParseSeed reads 64 lower-case hexadecimal digits and a line feed.
func ParseSeed(line []byte) (seed [32]byte, err error) {
	b, err := hex.DecodeString(strings.TrimSuffix(string(line), "\n"))
	if err != nil || len(b) != len(seed) || string(line) != hex.EncodeToString(b)+"\n" {
		return seed, refuseMember(SeedName, "not 32 bytes in lower-case hexadecimal and a line feed")
	}
	return [32]byte(b), nil
}

// report compares what the predicate repeats of the report with the report.
func (v *Verified) report(b *Bundle, seed *[32]byte) error {
	content, err := b.Read(ReportName, maxReport)
	if err != nil {
		return err
	}
	s, err := readReport(content)
	if err != nil {
		return refuseMember(ReportName, "%w", err)
	}
	again := *v.Inspection
	if err := s.figures(&again); err != nil {
		return refuseMember(ReportName, "%w", err)
	}
	want, err := canon.Of(v.Inspection)
	if err != nil {
		return err
	}
	if got, err := canon.Of(again); err != nil || !bytes.Equal(got, want) {
		return refuseMember(ReportName, "the statement's figures or gaps are not the report's")
	}
	if s.Release.Digest != v.Subject || s.Tree != v.Inspection.Tree || sha256.Sum256(s.Recipe) != v.Inspection.Recipe {
		return refuseMember(ReportName, "its release, tree or recipe is not the statement's")
	}
	if r := s.findingsRoot(seed); r != v.Roots.Findings {
		return refuseMember(RootsName, "the root over the findings is %s over %d, expected %s over %d", r.Root, r.Size, v.Roots.Findings.Root, v.Roots.Findings.Size)
	}
	return nil
}

// contents verifies what is left to say of members whose digests are right.
func (v *Verified) contents(b *Bundle, p *policy.Policy) (err error) {
	if v.Recipe, err = b.Read(RecipeName, maxSmall); err != nil {
		return err
	}
	if b.Find(ContactName) == nil {
		return nil
	}
	envelope, err := b.Read(ContactName, maxSmall)
	if err != nil {
		return err
	}
	v.Contact = &Signed{Member: ContactName, Envelope: statement.Digest(envelope)}
	if v.Contact.Statement, v.Contact.Signers, err = OpenSigned(envelope, p.Labs); err == nil {
		v.Contact.Record, err = contactOf(v.Contact.Statement, v.Subject)
	}
	if err != nil {
		return refuseMember(ContactName, "%w", err)
	}
	return nil
}
