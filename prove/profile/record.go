package profile

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/tomlfile"
)

// RecordKind is what a record is of.
type RecordKind string

// A certificate is of a product, an attestation of the process that made it.
const (
	Certificate RecordKind = "certificate"
	Attestation RecordKind = "attestation"
)

// Record says what a document of somebody else's says: a certificate that a
// scheme issued, an audit of the development, provenance of a build. The
// document itself is not read: its digest tells which it is.
type Record struct {
	Digest wardein.Digest `toml:"-"` // of the record's file

	Form       int        `toml:"form"`
	Kind       RecordKind `toml:"kind"`
	Scheme     string     `toml:"scheme"`
	Issuer     string     `toml:"issuer"`
	Scope      string     `toml:"scope"` // in the document's words
	ValidFrom  string     `toml:"valid_from"`
	ValidUntil string     `toml:"valid_until"`
	Document   string     `toml:"document"` // SHA-256
	// Releases are the digests of the releases that it covers, or "any" where
	// the document names none.
	Releases []string `toml:"releases"`
}

// Any stands for releases of any digest.
const Any = "any"

// ParseRecord reads a record. Its errors name the key.
func ParseRecord(b []byte) (*Record, error) {
	r := &Record{Digest: sha256.Sum256(b)}
	if err := tomlfile.Read(b, r); err != nil {
		return nil, err
	}
	k := &tomlfile.Keys{}
	k.Form(r.Form, Form)
	tomlfile.OneOf(k, "kind", r.Kind, Certificate, Attestation)
	k.Text("scheme", r.Scheme, maxShort)
	k.Text("issuer", r.Issuer, maxShort)
	k.Text("scope", r.Scope, maxWhy)
	k.Date("valid_from", r.ValidFrom)
	k.Date("valid_until", r.ValidUntil)
	if r.ValidUntil < r.ValidFrom {
		k.Bad("valid_until", "%s is before valid_from", r.ValidUntil)
	}
	digest(k, "document", r.Document)
	switch {
	case len(r.Releases) == 0:
		k.Bad("releases", "is missing: the releases' SHA-256, or %q", Any)
	case len(r.Releases) > 1000:
		k.Bad("releases", "%d, at most 1000", len(r.Releases))
	case !r.any():
		for i, d := range r.Releases {
			digest(k, fmt.Sprintf("releases[%d]", i+1), d)
		}
	}
	if err := k.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

func digest(k *tomlfile.Keys, key, s string) {
	if d, err := wardein.ParseDigest(s); err != nil || d.String() != s {
		k.Bad(key, "%.80q is not a SHA-256 in small letters", s)
	}
}

func (r *Record) any() bool { return slices.Equal(r.Releases, []string{Any}) }

// answers tells whether a record is of what is asked for, and if so, why it
// does not count for a release at a date; "": it does.
func (r *Record) answers(a *Asks, release, at string) (ok bool, why string) {
	if r.Kind != a.Kind || !slices.Contains(a.Schemes, r.Scheme) || len(a.Issuers) > 0 && !slices.Contains(a.Issuers, r.Issuer) {
		return false, ""
	}
	switch {
	case !r.any() && !slices.Contains(r.Releases, release):
		return true, "it covers other releases"
	case at < r.ValidFrom:
		return true, "it is valid from " + r.ValidFrom + " on"
	case at > r.ValidUntil:
		return true, "it was valid until " + r.ValidUntil
	}
	return true, ""
}
