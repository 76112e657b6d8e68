package statement

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/prove/dsse"
)

// Entry is what a log holds of a signed statement: commitments, and nothing of
// what was inspected. An entry's bytes are its canonical JSON; the log's leaf
// is their hash (RFC 6962, section 2.1).
type Entry struct {
	Envelope wardein.Digest `json:"envelope"` // of the signed statement
	Lab      string         `json:"lab"`      // name of the key that signed it
	// Subject is "sha256:" and the statement's subject, or "salted:" and
	// Commit of it.
	Subject string `json:"subject"`
	Type    string `json:"type"` // of the predicate
}

// MaxEntry is the length of the longest entry, in bytes.
const MaxEntry = 1024

// EntryOf is the entry of a statement that lab signed. A salt of no bytes
// leaves the subject's digest as it is.
func EntryOf(envelope []byte, s *Statement, lab string, salt []byte) Entry {
	subject := "sha256:" + s.Subject.String()
	if len(salt) > 0 {
		subject = "salted:" + Commit(s.Subject, salt).String()
	}
	return Entry{Digest(envelope), lab, subject, s.Type}
}

// Salt is a lab's salt for one subject: the same whenever the lab speaks of
// it, so that two statements about one release are seen to be about one, and
// useless for any other. secret is the lab's own.
func Salt(secret []byte, subject wardein.Digest) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("wardein log subject v1\n"))
	m.Write(subject[:])
	return m.Sum(nil)
}

// Commit is the commitment to a subject that tells it only to those who have
// the salt: SHA-256(salt ‖ subject).
func Commit(subject wardein.Digest, salt []byte) wardein.Digest {
	return wardein.Digest(sha256.Sum256(append(append([]byte{}, salt...), subject[:]...)))
}

// Bytes are the entry as the log holds it.
func (e *Entry) Bytes() ([]byte, error) {
	b, err := canon.Of(e)
	if err == nil && len(b) > MaxEntry {
		err = fmt.Errorf("entry of %d bytes, at most %d", len(b), MaxEntry)
	}
	return b, err
}

// ParseEntry reads an entry, in the one form that Bytes writes.
func ParseEntry(b []byte) (e Entry, err error) {
	if len(b) > MaxEntry {
		return e, fmt.Errorf("entry of %d bytes, at most %d", len(b), MaxEntry)
	}
	if err := canon.Into(b, &e); err != nil {
		return e, fmt.Errorf("not an entry: %w", err)
	}
	kind, digest, _ := strings.Cut(e.Subject, ":")
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) != 32 || kind != "sha256" && kind != "salted" || hex.EncodeToString(raw) != digest {
		return e, fmt.Errorf("entry's subject %q is not sha256: or salted: and a digest", e.Subject)
	}
	return e, nil
}

// EntryFor is the entry of any signed statement. Its lab is the one that the
// predicate's field "lab" names, which must have signed it, or else who signed
// it first; its subject is salted when the predicate has a "salt" (hexadecimal).
// No signature is checked.
func EntryFor(envelope []byte) (e Entry, err error) {
	s, env, err := Open(envelope)
	if err != nil {
		return e, err
	}
	if len(env.Signatures) == 0 {
		return e, fmt.Errorf("nobody signed it")
	}
	var p struct {
		Lab, Salt string
	}
	if err := json.Unmarshal(s.Predicate, &p); err != nil {
		return e, fmt.Errorf("predicate: %w", err)
	}
	if p.Lab == "" {
		p.Lab = env.Signatures[0].Name
	}
	if !slices.ContainsFunc(env.Signatures, func(s dsse.Signature) bool { return s.Name == p.Lab }) {
		return e, fmt.Errorf("lab %q did not sign it", p.Lab)
	}
	salt, err := hex.DecodeString(p.Salt)
	if err != nil {
		return e, fmt.Errorf("salt: %w", err)
	}
	return EntryOf(envelope, s, p.Lab, salt), nil
}
