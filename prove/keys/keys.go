// Package keys holds the keys that sign: of laboratories, logs, vendors and
// witnesses. They are keys of C2SP signed-note (https://c2sp.org/signed-note),
// so that whoever has another implementation can check with the public key as
// it stands.
//
//	kind     first key                             beside it
//	lab      Ed25519, type 1
//	vendor   Ed25519, type 1
//	log      Ed25519, type 1                       ML-DSA-44 cosignatures, type 6
//	witness  Ed25519 cosignatures (v1), type 4     ML-DSA-44 cosignatures, type 6
//
// A key stands in a file that a passphrase encrypts (file.go), or its Ed25519
// part in an ssh-agent (agent.go).
package keys

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"filippo.io/mldsa"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Kind is what a key is for.
type Kind string

// The kinds of keys.
const (
	Lab     Kind = "lab"     // signs statements about releases
	Vendor  Kind = "vendor"  // signs replies to findings
	Log     Kind = "log"     // signs a log's checkpoints
	Witness Kind = "witness" // cosigns the checkpoints of others
)

// Kinds are all kinds.
var Kinds = []Kind{Lab, Vendor, Log, Witness}

// The signature types of signed-note that keys have here.
const (
	algEd25519   = 1
	algCosigned  = 4 // Ed25519, cosignature/v1 of C2SP tlog-cosignature
	algMLDSA44   = 6 // ML-DSA-44, cosignature of C2SP tlog-cosignature
	maxName      = 255
	ed25519Label = "wardein salt of log subjects v1"
)

// first is the type of a kind's first key.
func (k Kind) first() byte {
	if k == Witness {
		return algCosigned
	}
	return algEd25519
}

// second tells whether a kind may have an ML-DSA-44 key, too.
func (k Kind) second() bool { return k == Log || k == Witness }

// Check refuses a word that is no kind.
func (k Kind) Check() error {
	if !slices.Contains(Kinds, k) {
		return fmt.Errorf("no kind of key: %q, expected lab, vendor, log or witness", string(k))
	}
	return nil
}

// CheckName refuses what signed-note does not allow as the name of a key (it
// is not empty, and UTF-8 without spaces and "+"), what is not printable, and
// more than the 255 bytes that a cosignature can hold.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a key needs a name")
	case len(name) > maxName:
		return fmt.Errorf("name of a key is %d bytes long, at most %d", len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("name of a key is not UTF-8: %q", name)
	}
	for _, r := range name {
		if unicode.IsSpace(r) || r == '+' || !unicode.IsGraphic(r) {
			return fmt.Errorf("name of a key may not hold %q: %q", r, name)
		}
	}
	return nil
}

// Key is a private key, or two of one name: what it signs with stands in
// memory or in an ssh-agent.
type Key struct {
	Kind  Kind
	Name  string
	parts []part
}

// part is one key of signed-note.
type part struct {
	alg  byte
	pub  []byte
	seed []byte                           // nil: in an ssh-agent
	sign func(msg []byte) ([]byte, error) // plain Ed25519; nil for ML-DSA
}

// Generate makes a new key. quantum adds an ML-DSA-44 key, for logs and
// witnesses.
func Generate(kind Kind, name string, quantum bool) (*Key, error) {
	if err := kind.Check(); err != nil {
		return nil, err
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if quantum && !kind.second() {
		return nil, fmt.Errorf("ML-DSA-44 keys cosign checkpoints: a %s key signs none", kind)
	}
	k := &Key{Kind: kind, Name: name}
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails
	k.parts = append(k.parts, seeded(kind.first(), seed))
	if quantum {
		m, err := mldsa.GenerateKey(mldsa.MLDSA44())
		if err != nil {
			return nil, err
		}
		k.parts = append(k.parts, part{alg: algMLDSA44, pub: m.PublicKey().Bytes(), seed: m.Bytes()})
	}
	return k, nil
}

// seeded is an Ed25519 key from its seed.
func seeded(alg byte, seed []byte) part {
	private := ed25519.NewKeyFromSeed(seed)
	return part{alg: alg, pub: private.Public().(ed25519.PublicKey), seed: seed,
		sign: func(msg []byte) ([]byte, error) { return ed25519.Sign(private, msg), nil }}
}

// hash is the key hash of signed-note.
func (p *part) hash(name string) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"+string(p.alg)), p.pub...))
	return binary.BigEndian.Uint32(sum[:])
}

// text is "name+hash+base64" of a key's bytes, which begin with its type.
func (p *part) text(name string, key []byte) string {
	return fmt.Sprintf("%s+%08x+%s", name, p.hash(name), base64.StdEncoding.EncodeToString(append([]byte{p.alg}, key...)))
}

const private = "PRIVATE+KEY+"

// Public are the verifier keys: what others need to check what was signed.
func (k *Key) Public() (vkeys []string) {
	for i := range k.parts {
		vkeys = append(vkeys, k.parts[i].text(k.Name, k.parts[i].pub))
	}
	return vkeys
}

// Need refuses a key that is of none of these kinds.
func (k *Key) Need(kinds ...Kind) error {
	if slices.Contains(kinds, k.Kind) {
		return nil
	}
	words := make([]string, len(kinds))
	for i, w := range kinds {
		words[i] = string(w)
	}
	return fmt.Errorf("%s is the key of a %s, expected one of a %s", k.Name, k.Kind, strings.Join(words, " or "))
}

// Signer signs statements, or a log's checkpoints: the Ed25519 key of a lab,
// vendor or log.
func (k *Key) Signer() (note.Signer, error) {
	if err := k.Need(Lab, Vendor, Log); err != nil {
		return nil, err
	}
	return &signer{k.Name, &k.parts[0]}, nil
}

// Cosigners sign checkpoints with the time at which they do: a witness's keys,
// or the ML-DSA-44 key of a log, if it has one.
func (k *Key) Cosigners() (all []fnote.Signer, err error) {
	for i := range k.parts {
		p := &k.parts[i]
		switch p.alg {
		case algCosigned:
			v, err := fnote.NewVerifierForCosignatureV1(p.text(k.Name, p.pub))
			if err != nil {
				return nil, err
			}
			all = append(all, &cosigner{signer{k.Name, p}, v})
		case algMLDSA44:
			s, err := fnote.NewSignerForCosignatureV1(private + p.text(k.Name, p.seed))
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// SaltSecret is the secret that a lab's salts of log subjects come from
// (statement.Salt). It follows from the key, so that nothing else need be kept:
// HKDF-SHA256 (RFC 5869) over the seed, or, where an ssh-agent keeps the seed,
// over a signature of the label, which is the same each time (RFC 8032, section
// 5.1.6). The two differ: a key that moves into an agent salts anew.
func (k *Key) SaltSecret() ([]byte, error) {
	p := &k.parts[0]
	secret := p.seed
	if secret == nil {
		var err error
		if secret, err = p.sign([]byte(ed25519Label)); err != nil {
			return nil, err
		}
		again, err := p.sign([]byte(ed25519Label))
		if err != nil {
			return nil, err
		}
		if string(again) != string(secret) {
			return nil, fmt.Errorf("key %s: its signatures of one message differ, so that no salt can come from them", k.Name)
		}
	}
	return hkdf.Key(sha256.New, secret, nil, ed25519Label, sha256.Size)
}

// signer is a plain Ed25519 key as a note.Signer.
type signer struct {
	name string
	*part
}

func (s *signer) Name() string                    { return s.name }
func (s *signer) KeyHash() uint32                 { return s.hash(s.name) }
func (s *signer) Sign(msg []byte) ([]byte, error) { return s.sign(msg) }

// cosigner signs as C2SP tlog-cosignature says, section Ed25519: the time in
// seconds in eight bytes, and the signature of "cosignature/v1", that time and
// the checkpoint. It is ours, since the library's takes no agent.
type cosigner struct {
	signer
	verifier note.Verifier
}

func (c *cosigner) Verifier() note.Verifier { return c.verifier }

func (c *cosigner) Sign(msg []byte) ([]byte, error) {
	if strings.Count(string(msg), "\n") < 3 {
		return nil, fmt.Errorf("not a checkpoint: fewer than three lines")
	}
	now := time.Now().Unix()
	sig, err := c.sign(fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", now, msg))
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(now)), sig...), nil
}
