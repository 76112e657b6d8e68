// Package statement is what is signed: in-toto Statements v1
// (https://github.com/in-toto/attestation/tree/main/spec/v1) in canonical JSON
// inside DSSE envelopes, and the entry that a log holds of each. A statement
// says something of one subject by its digest; its predicate's type says what.
package statement

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/prove/dsse"
)

// PayloadType is the media type of a statement in an envelope.
const PayloadType = "application/vnd.in-toto+json"

// inToto is the _type of a statement.
const inToto = "https://in-toto.io/Statement/v1"

// The types of predicates. What each holds is specified in docs/bundle.md.
const (
	base = "https://github.com/wardein/wardein/predicate/"

	Inspection = base + "inspection/v1" // of a release: what an inspection found
	Contact    = base + "contact/v1"    // of a release: where it came from, when its vendor was asked
	Rerun      = base + "rerun/v1"      // of an envelope: another lab's result for the same release
	Reply      = base + "reply/v1"      // of an envelope: the vendor's replies to findings
	Correction = base + "correction/v1" // of an envelope: what of it is corrected
	Withdrawal = base + "withdrawal/v1" // of an envelope: it holds no longer
	Profile    = base + "profile/v1"    // of a release: it meets a profile, or does not
	Claim      = base + "claim/v1"      // of a claim: a verdict on it
	// Equivalence is of a release: whether it is what its source gives.
	Equivalence = base + "equivalence/v1"
)

// Statement is one statement.
type Statement struct {
	// Subject is the digest of what it speaks of: a release, or for Rerun,
	// Reply, Correction and Withdrawal the envelope they answer.
	Subject wardein.Digest
	Type    string // of the predicate
	// Predicate is canonical JSON without a line feed.
	Predicate json.RawMessage
}

// bytes is the statement's canonical JSON.
func (s *Statement) bytes() []byte {
	w := &canon.Writer{}
	w.Object(func() {
		w.Field("_type").Text(inToto)
		w.Field("predicate").Raw(s.Predicate)
		w.Field("predicateType").Text(s.Type)
		w.Field("subject").Array(func() {
			w.Object(func() {
				w.Field("digest").Object(func() {
					w.Field("sha256").Text(s.Subject.String())
				})
				w.Field("name").Text("subject")
			})
		})
	})
	return w.B
}

// Sign makes the envelope of a statement.
func Sign(s *Statement, signers ...note.Signer) ([]byte, error) {
	return dsse.Sign(PayloadType, s.bytes(), signers...)
}

// Open reads a statement from its envelope. Any form but the one that Sign
// writes is refused; no signature is checked.
func Open(envelope []byte) (*Statement, *dsse.Envelope, error) {
	e, err := dsse.Open(envelope)
	if err != nil {
		return nil, nil, err
	}
	if e.Type != PayloadType {
		return nil, nil, fmt.Errorf("payload is %q, expected %q", e.Type, PayloadType)
	}
	var raw struct {
		Subject []struct {
			Digest struct{ SHA256 string }
		}
		PredicateType string
		Predicate     json.RawMessage
	}
	if err := json.Unmarshal(e.Payload, &raw); err != nil {
		return nil, nil, fmt.Errorf("not an in-toto statement: %w", err)
	}
	if len(raw.Subject) != 1 {
		return nil, nil, fmt.Errorf("statement of %d subjects, expected one", len(raw.Subject))
	}
	d, err := wardein.ParseDigest(raw.Subject[0].Digest.SHA256)
	if err != nil {
		return nil, nil, fmt.Errorf("subject: %w", err)
	}
	s := &Statement{Subject: d, Type: raw.PredicateType, Predicate: raw.Predicate}
	if !bytes.Equal(s.bytes(), e.Payload) {
		return nil, nil, fmt.Errorf("statement is not in canonical form")
	}
	return s, e, nil
}

// Digest identifies a signed statement: the SHA-256 of its envelope.
func Digest(envelope []byte) wardein.Digest { return wardein.Digest(sha256.Sum256(envelope)) }
