package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/wardein/wardein"
)

// KeySet is a named set of public keys, each as HMAC-SHA256 of its fingerprint
// under the set's salt, so that only who has a key can ask for it. docs/keys.md
// is the form of its file:
//
//	wardein-keys 1
//	name exampletel-2026
//	date 2026-11-22
//	salt 8d3f…                 32 bytes
//	key 51c0… public test key  32 bytes, then a note that reports print
type KeySet struct {
	Name, Date string
	Digest     wardein.Digest // of the file
	salt       []byte
	notes      map[[32]byte]string
}

const keySetHead = "wardein-keys 1"

// maxKeySet bounds a set's file: half a million keys.
const maxKeySet = 64 << 20

// ReadKeySet reads a set's file.
func ReadKeySet(r io.Reader) (*KeySet, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeySet {
		return nil, fmt.Errorf("key set of more than %d bytes", maxKeySet)
	}
	k := &KeySet{Digest: sha256.Sum256(data), notes: map[[32]byte]string{}}
	n := 0
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if n++; n == 1 {
			if line != keySetHead {
				return nil, fmt.Errorf("line 1: %.40q, want %q", line, keySetHead)
			}
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "name":
			if k.Name = rest; !plainName(rest) {
				return nil, fmt.Errorf("line %d: name %.40q, want letters a to z, digits, dots and hyphens", n, rest)
			}
		case "date":
			if _, err := time.Parse(time.DateOnly, rest); err != nil {
				return nil, fmt.Errorf("line %d: date %.40q, want YYYY-MM-DD", n, rest)
			}
			k.Date = rest
		case "salt":
			if k.salt, err = hex.DecodeString(rest); err != nil || len(k.salt) != 32 {
				return nil, fmt.Errorf("line %d: salt of %d bytes, want 32", n, len(k.salt))
			}
		case "key":
			print, note, _ := strings.Cut(rest, " ")
			sum, err := hex.DecodeString(print)
			if err != nil || len(sum) != 32 || len(note) > 120 {
				return nil, fmt.Errorf("line %d: want 64 hexadecimal digits, and a note of at most 120 bytes", n)
			}
			k.notes[[32]byte(sum)] = note
		case "", "#":
		default:
			return nil, fmt.Errorf("line %d: unknown word %.40q", n, word)
		}
	}
	if k.Name == "" || k.Date == "" || k.salt == nil {
		return nil, errors.New("name, date or salt is missing")
	}
	return k, nil
}

// WriteKeySet writes a set of fingerprints (hexadecimal), in one order.
func WriteKeySet(w io.Writer, name, date string, salt [32]byte, prints []string) error {
	if !plainName(name) {
		return fmt.Errorf("name %.40q, want letters a to z, digits, dots and hyphens", name)
	}
	var keys []string
	for _, p := range prints {
		raw, err := hex.DecodeString(p)
		if err != nil || len(raw) != 32 {
			return fmt.Errorf("fingerprint %.80q, want 64 hexadecimal digits", p)
		}
		sum := salted(salt[:], raw)
		keys = append(keys, hex.EncodeToString(sum[:]))
	}
	slices.Sort(keys)
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s\nname %s\ndate %s\nsalt %x\n", keySetHead, name, date, salt)
	for _, k := range slices.Compact(keys) {
		fmt.Fprintf(b, "key %s\n", k)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Has tells whether a key is in the set, with the note that stands there.
func (k *KeySet) Has(fingerprint string) (note string, ok bool) {
	raw, err := hex.DecodeString(fingerprint)
	if err != nil || len(raw) != 32 {
		return "", false
	}
	note, ok = k.notes[salted(k.salt, raw)]
	return note, ok
}

func salted(salt, fingerprint []byte) (sum [32]byte) {
	h := hmac.New(sha256.New, salt)
	h.Write(fingerprint)
	h.Sum(sum[:0])
	return sum
}

func plainName(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
