package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Algorithm is the signature type of a key (C2SP signed-note, section
// "Signature types").
type Algorithm byte

// The algorithms that are used here.
const (
	Ed25519       Algorithm = 1 // of laboratories, vendors and logs
	CosignatureV1 Algorithm = 4 // Ed25519 of witnesses: cosignature/v1
	MLDSA44       Algorithm = 6 // of witnesses and logs
)

func (a Algorithm) String() string {
	switch a {
	case Ed25519:
		return "Ed25519 (type 1)"
	case CosignatureV1:
		return "Ed25519 cosignature/v1 (type 4)"
	case MLDSA44:
		return "ML-DSA-44 (type 6)"
	}
	return fmt.Sprintf("type %d", byte(a))
}

// Key is a public key of a policy.
type Key struct {
	note.Verifier
	VKey      string // as it was written: name+hash+base64
	Algorithm Algorithm
	Label     string // what the policy calls a witness; the key's name for others
	URL       string // as it was written, "" where there is none

	public []byte
}

// ParseKey reads a verifier key of one of the algorithms (any, when none is
// named). Unlike the libraries' readers it demands the key's own hash and
// strict base64, so that a key has one form.
func ParseKey(vkey string, algorithms ...Algorithm) (Key, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, key64, ok := strings.Cut(rest, "+")
	b, err := unbase64(key64)
	if !ok || err != nil || len(b) < 2 {
		return Key{}, fmt.Errorf("key %.80q is not of the form name+hash+base64", vkey)
	}
	k := Key{VKey: vkey, Algorithm: Algorithm(b[0]), Label: name, public: b[1:]}
	size := 32
	switch k.Algorithm {
	case Ed25519:
		k.Verifier, err = note.NewVerifier(vkey)
	case CosignatureV1:
		k.Verifier, err = formats.NewVerifierForCosignatureV1(vkey)
	case MLDSA44:
		size = 1312
		k.Verifier, err = formats.NewVerifierForCosignatureV1(vkey)
	default:
		return Key{}, fmt.Errorf("key %s: signature %s is not known here", name, k.Algorithm)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), b...))
	switch want := binary.BigEndian.Uint32(sum[:]); {
	case len(k.public) != size:
		return Key{}, fmt.Errorf("key %s: public key of %d bytes, expected %d", name, len(k.public), size)
	case len(name) > 255: // tlog-cosignature, "ML-DSA-44 signed message": cosigner_name<1..2^8-1>
		return Key{}, fmt.Errorf("key %.80s: name of %d bytes, at most 255", name, len(name))
	case hash != fmt.Sprintf("%08x", want):
		return Key{}, fmt.Errorf("key %s: hash is %s, that of the key is %08x", name, strconv.Quote(hash), want)
	case err != nil:
		return Key{}, fmt.Errorf("key %.80q: %w", vkey, err)
	case len(algorithms) > 0 && !slices.Contains(algorithms, k.Algorithm):
		var or []string
		for _, a := range algorithms {
			or = append(or, a.String())
		}
		return Key{}, fmt.Errorf("key %s is %s, expected %s", name, k.Algorithm, strings.Join(or, " or "))
	}
	return k, nil
}

// unbase64 decodes the one form that a byte string has: Go's decoder passes
// over line ends, and takes any bits behind the last byte unless it is strict.
func unbase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("line end in base64")
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}
