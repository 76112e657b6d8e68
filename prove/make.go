package prove

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/durable"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
)

// Draft is what a bundle is made of.
type Draft struct {
	Report   []byte // as inspect writes it
	Tree     io.ReaderAt
	TreeSize int64
	Contact  []byte   // signed statement of the type statement.Contact; nil for none
	Run      []byte   // when and where it was run
	Seed     [32]byte // what the salts are made of
	// Salt hides the subject's digest from the log (statement.Salt); nil:
	// the log has the digest.
	Salt []byte
	// Encrypt hides the bytes of quotes in the evidence from all but named
	// readers; nil: the evidence has them. The report has them anyhow: it
	// is for evidence that is handed on beside the public bundle.
	Encrypt func(plain []byte) ([]byte, error)
}

// Made is a bundle that was made, not yet written.
type Made struct {
	Envelope   []byte // the signed statement
	Subject    wardein.Digest
	Inspection *Inspection
	parts      []part
}

// Make makes a bundle that the signers sign; the first of them is the lab.
func Make(d *Draft, signers ...note.Signer) (*Made, error) {
	if len(signers) == 0 {
		return nil, fmt.Errorf("nobody signs it")
	}
	s, err := readReport(d.Report)
	if err != nil {
		return nil, err
	}
	if s.Partial {
		return nil, fmt.Errorf("the inspection was interrupted: a part of a report cannot be proved")
	}
	tree, err := sumLines(io.NewSectionReader(d.Tree, 0, d.TreeSize), &d.Seed, treeLabel)
	if err != nil {
		return nil, fmt.Errorf("tree file: %w", err)
	}
	if tree.sha256 != s.Tree {
		return nil, fmt.Errorf("the tree file is not the report's: its sha256 is %s, the report says %s", tree.sha256, s.Tree)
	}
	p := &Inspection{Lab: signers[0].Name(), Salt: hex.EncodeToString(d.Salt), Version: Version}
	if err := s.figures(p); err != nil {
		return nil, err
	}
	r, err := canon.Of(Roots{Findings: s.findingsRoot(&d.Seed), Tree: tree.root, Version: Version})
	if err != nil {
		return nil, err
	}
	m := &Made{Inspection: p, Subject: s.Release.Digest}
	add := func(name string, content []byte) { m.add(partOf(name, content), sha256.Sum256(content)) }
	add(ReportName, d.Report)
	add(RecipeName, s.Recipe)
	add(RootsName, r)
	add(SeedName, []byte(hex.EncodeToString(d.Seed[:])+"\n"))
	add(RunName, d.Run)
	m.add(part{Member{Name: TreeName, Size: tree.size, crc: tree.crc}, d.Tree}, tree.sha256)
	if d.Contact != nil {
		c, _, err := statement.Open(d.Contact)
		if err == nil {
			_, err = contactOf(c, m.Subject)
		}
		if err != nil {
			return nil, fmt.Errorf("contact record: %w", err)
		}
		add(ContactName, d.Contact)
	}
	if err := d.evidence(s, add); err != nil {
		return nil, err
	}
	byName := func(a, b Bound) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(p.Members, byName)
	p.Recipe, p.Report, p.Tree = p.bound(RecipeName).SHA256, p.bound(ReportName).SHA256, p.bound(TreeName).SHA256
	predicate, err := canon.Of(p)
	if err != nil {
		return nil, err
	}
	st := &statement.Statement{Subject: m.Subject, Type: statement.Inspection, Predicate: predicate}
	if m.Envelope, err = statement.Sign(st, signers...); err != nil {
		return nil, err
	}
	if _, err := parseInspection(predicate); err != nil { // what verify would refuse is never written
		return nil, err
	}
	m.parts = append(m.parts, partOf(StatementName, m.Envelope))
	slices.SortFunc(m.parts, func(a, b part) int { return strings.Compare(a.Name, b.Name) })
	return m, nil
}

func (m *Made) add(p part, digest wardein.Digest) {
	m.parts = append(m.parts, p)
	m.Inspection.Members = append(m.Inspection.Members, Bound{p.Name, isPublic(p.Name), digest, p.Size})
}

// contactOf is the contact record that a statement about a release holds.
func contactOf(s *statement.Statement, subject wardein.Digest) (*record.Contact, error) {
	r, _, err := record.Of(s)
	if err != nil {
		return nil, err
	}
	c, ok := r.(*record.Contact)
	if !ok {
		return nil, fmt.Errorf("statement of type %q, expected %q", s.Type, statement.Contact)
	}
	if s.Subject != subject {
		return nil, fmt.Errorf("it speaks of sha256 %s, the release is %s", s.Subject, subject)
	}
	return c, nil
}

// ErrNoContact is the error of a public bundle that does not say whether the
// vendor was asked.
var ErrNoContact = errors.New("a bundle without a contact record is not made public")

// Save writes the full bundle, or the public one, to a file that is replaced
// at once.
func (m *Made) Save(file string, public bool) error {
	parts, perm := m.parts, 0o600
	if public {
		if m.Inspection.bound(ContactName) == nil {
			return ErrNoContact
		}
		perm = 0o644
		parts = nil
		for _, p := range m.parts {
			if p.Name == StatementName || isPublic(p.Name) {
				parts = append(parts, p)
			}
		}
	}
	return durable.Write(file, os.FileMode(perm), func(w io.Writer) error { return write(w, parts) })
}

// findingsRoot is the salted root over the findings.
func (s *saved) findingsRoot(seed *[32]byte) Root {
	return Root{treeHash(s.findingLeaves(seed)), int64(len(s.Findings))}
}

func (s *saved) findingLeaves(seed *[32]byte) (leaves [][32]byte) {
	var leaf [32]byte
	var buf []byte
	for i, raw := range s.Findings {
		sl := salt(seed, findingLabel, uint64(i))
		leaf, buf = leafHash(buf, &sl, raw)
		leaves = append(leaves, leaf)
	}
	return leaves
}
