// Package dsse signs and opens DSSE envelopes (Dead Simple Signing Envelope
// v1.0.2, https://github.com/secure-systems-lab/dsse) in one form only: the
// canonical JSON of RFC 8785 with a line feed, base64 in its standard alphabet
// with padding, signatures sorted by key. There is one byte string for each
// envelope, so that changing any byte of one is seen.
//
//	{"payload":"<base64>","payloadType":"<type>","signatures":[{"keyid":"<name>+<hash>","sig":"<base64>"}]}
//
// Keys are those of C2SP signed-note (https://c2sp.org/signed-note): a keyid is
// the key's name and its hash in eight hexadecimal digits, as a verifier key
// begins. What is signed is the pre-authentication encoding
//
//	"DSSEv1" SP len(type) SP type SP len(payload) SP payload
package dsse

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein/internal/canon"
)

// MaxSize is the largest envelope that Open reads, in bytes: a statement holds
// digests, counts and gaps, no content.
const MaxSize = 64 << 20

// Envelope is a payload with its signatures.
type Envelope struct {
	Type       string // media type of the payload
	Payload    []byte
	Signatures []Signature
}

// Signature is one key's signature. Name and Hash are those of the key, as it
// says itself: only Verify tells whether it made the signature.
type Signature struct {
	Name string
	Hash uint32
	Sig  []byte
}

// KeyID names the signature's key as a verifier key begins: name+hash.
func (s *Signature) KeyID() string { return fmt.Sprintf("%s+%08x", s.Name, s.Hash) }

// Encode is the pre-authentication encoding: what is signed.
func Encode(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+48)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(append(append(b, ' '), payloadType...), ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	return append(append(b, ' '), payload...)
}

// Sign makes an envelope that each of the signers signs.
func Sign(payloadType string, payload []byte, signers ...note.Signer) ([]byte, error) {
	e := Envelope{Type: payloadType, Payload: payload}
	msg := Encode(payloadType, payload)
	for _, s := range signers {
		sig, err := s.Sign(msg)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", s.Name(), err)
		}
		e.Signatures = append(e.Signatures, Signature{s.Name(), s.KeyHash(), sig})
	}
	slices.SortFunc(e.Signatures, func(a, b Signature) int { return strings.Compare(a.KeyID(), b.KeyID()) })
	return e.bytes(), nil
}

func (e *Envelope) bytes() []byte {
	w := &canon.Writer{}
	w.Object(func() {
		w.Field("payload").Text(base64.StdEncoding.EncodeToString(e.Payload))
		w.Field("payloadType").Text(e.Type)
		w.Field("signatures").Array(func() {
			for _, s := range e.Signatures {
				w.Object(func() {
					w.Field("keyid").Text(s.KeyID())
					w.Field("sig").Text(base64.StdEncoding.EncodeToString(s.Sig))
				})
			}
		})
	})
	return append(w.B, '\n')
}

// Open reads an envelope. It refuses every form but the one that Sign writes;
// it checks no signature.
func Open(b []byte) (*Envelope, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("envelope of %d bytes, at most %d are read", len(b), MaxSize)
	}
	var raw struct {
		Payload     string
		PayloadType string
		Signatures  []struct{ KeyID, Sig string }
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("not a DSSE envelope: %w", err)
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(raw.Payload)
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	e := &Envelope{Type: raw.PayloadType, Payload: payload}
	for i, s := range raw.Signatures {
		name, hex, ok := cutLast(s.KeyID, "+")
		hash, err := strconv.ParseUint(hex, 16, 32)
		if !ok || err != nil || len(hex) != 8 {
			return nil, fmt.Errorf("signature %d: keyid %q is not of the form name+hash", i, s.KeyID)
		}
		sig, err := base64.StdEncoding.Strict().DecodeString(s.Sig)
		if err != nil {
			return nil, fmt.Errorf("signature %d: %w", i, err)
		}
		if i > 0 && raw.Signatures[i-1].KeyID >= s.KeyID {
			return nil, fmt.Errorf("signature %d: keys are not sorted, each once", i)
		}
		e.Signatures = append(e.Signatures, Signature{name, uint32(hash), sig})
	}
	if canonical := e.bytes(); !bytes.Equal(canonical, b) {
		return nil, fmt.Errorf("envelope is not in canonical form: differs at byte %d", differAt(canonical, b))
	}
	return e, nil
}

// Verify tells whose signatures hold. All must: a signature by a key that keys
// do not know, or one that does not fit, is an error that names it, and so is
// an envelope without any.
func (e *Envelope) Verify(keys note.Verifiers) ([]note.Verifier, error) {
	if len(e.Signatures) == 0 {
		return nil, fmt.Errorf("nobody signed it")
	}
	msg := Encode(e.Type, e.Payload)
	var by []note.Verifier
	for i := range e.Signatures {
		s := &e.Signatures[i]
		v, err := keys.Verifier(s.Name, s.Hash)
		if err != nil {
			return nil, fmt.Errorf("signature by %s: the policy names no such key", s.KeyID())
		}
		if !v.Verify(msg, s.Sig) {
			return nil, fmt.Errorf("signature by %s does not fit the payload", s.KeyID())
		}
		by = append(by, v)
	}
	return by, nil
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func differAt(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
