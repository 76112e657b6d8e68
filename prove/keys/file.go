package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"filippo.io/mldsa"
)

// A key file is text: what the key is for, its public keys, and the private
// ones encrypted with a passphrase by age (https://age-encryption.org/v1, an
// scrypt recipient, armored).
//
//	# wardein witness key
//	# public key: name+hash+base64
//	# public key: name+hash+base64
//	-----BEGIN AGE ENCRYPTED FILE-----
//	…
//
// What is encrypted begins with the same first line, then come the private
// keys as signed-note has them, PRIVATE+KEY+name+hash+base64, one a line. Open
// holds the lines outside against those inside.

// MaxFile is the size of the largest key file that is read, in bytes.
const MaxFile = 16 << 10

// maxWork bounds what a file can demand: 2^20 rounds of scrypt take 1 GiB. age
// itself writes 2^18.
const maxWork = 20

// ErrPassphrase is that a passphrase does not open a key file.
var ErrPassphrase = errors.New("wrong passphrase")

const (
	publicLine = "# public key: "
	kindBegin  = "# wardein "
	kindEnd    = " key"
)

func kindLine(k Kind) string { return kindBegin + string(k) + kindEnd }

func parseKind(line string) (Kind, error) {
	word, ok := strings.CutPrefix(line, kindBegin)
	word, ok2 := strings.CutSuffix(word, kindEnd)
	if !ok || !ok2 || Kind(word).Check() != nil {
		return "", fmt.Errorf("line 1 is %.60q, expected %q", line, kindLine("KIND"))
	}
	return Kind(word), nil
}

// Encrypt makes the key's file. work is the logarithm of scrypt's work factor,
// 0 for age's own choice: tests take little, nobody else should.
func (k *Key) Encrypt(passphrase []byte, work int) ([]byte, error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	if work > 0 {
		r.SetWorkFactor(work)
	}
	var file bytes.Buffer
	fmt.Fprintln(&file, kindLine(k.Kind))
	for _, v := range k.Public() {
		fmt.Fprintln(&file, publicLine+v)
	}
	a := armor.NewWriter(&file)
	w, err := age.Encrypt(a, r)
	if err != nil {
		return nil, err
	}
	text := kindLine(k.Kind) + "\n"
	for i := range k.parts {
		p := &k.parts[i]
		if p.seed == nil {
			return nil, fmt.Errorf("key %s is in an ssh-agent, which does not give it away", k.Name)
		}
		text += private + p.text(k.Name, p.seed) + "\n"
	}
	if _, err := io.WriteString(w, text); err != nil {
		return nil, err
	}
	if err := errors.Join(w.Close(), a.Close()); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}

// File is a key file that was read and not opened.
type File struct {
	Kind   Kind
	Name   string
	Public []string // verifier keys, as the lines outside say
	sealed []byte
}

// Parse reads a key file without its private keys.
func Parse(b []byte) (*File, error) {
	f := new(File)
	if err := f.parse(b); err != nil {
		return nil, fmt.Errorf("not a key file: %w", err)
	}
	return f, nil
}

func (f *File) parse(b []byte) (err error) {
	if len(b) > MaxFile {
		return fmt.Errorf("%d bytes, at most %d are read", len(b), MaxFile)
	}
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	if f.Kind, err = parseKind(string(line)); err != nil {
		return err
	}
	for n := 2; ; n++ {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		vkey, ok := strings.CutPrefix(string(line), publicLine)
		if !ok {
			break
		}
		name, p, err := parsePublic(vkey)
		if err == nil {
			err = f.fits(len(f.Public), name, p.alg)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		f.Name, f.Public, rest = name, append(f.Public, vkey), after
	}
	if len(f.Public) == 0 {
		return fmt.Errorf("line 2: no %q", strings.TrimSpace(publicLine))
	}
	if !bytes.HasPrefix(rest, []byte(armor.Header+"\n")) {
		return fmt.Errorf("line %d: no %q", len(f.Public)+2, armor.Header)
	}
	f.sealed = rest
	return nil
}

// fits tells whether a key can be the n-th of the file.
func (f *File) fits(n int, name string, alg byte) error {
	switch {
	case n > 0 && name != f.Name:
		return fmt.Errorf("a second name, %q beside %q", name, f.Name)
	case n == 0 && alg == f.Kind.first(), n == 1 && alg == algMLDSA44 && f.Kind.second():
		return nil
	}
	return fmt.Errorf("key %d of a %s cannot be of signature type %d", n+1, f.Kind, alg)
}

// parsePublic reads a verifier key, in its one form.
func parsePublic(vkey string) (name string, p part, err error) {
	name, key, err := parseText(vkey)
	if err != nil {
		return "", p, err
	}
	p = part{alg: key[0], pub: key[1:]}
	want := ed25519.PublicKeySize
	if p.alg == algMLDSA44 {
		want = mldsa.MLDSA44PublicKeySize
	}
	if len(p.pub) != want {
		return "", p, fmt.Errorf("public key of %d bytes, expected %d", len(p.pub), want)
	}
	if again := p.text(name, p.pub); again != vkey {
		return "", p, fmt.Errorf("key hash is not %08x", p.hash(name))
	}
	return name, p, nil
}

// parsePrivate reads a private key, in its one form.
func parsePrivate(skey string) (name string, p part, err error) {
	rest, ok := strings.CutPrefix(skey, private)
	if !ok {
		return "", p, fmt.Errorf("no %s", private)
	}
	name, key, err := parseText(rest)
	if err != nil {
		return "", p, err
	}
	switch alg, seed := key[0], key[1:]; {
	case alg == algMLDSA44 && len(seed) == mldsa.PrivateKeySize:
		m, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
		if err != nil {
			return "", p, err
		}
		p = part{alg: alg, pub: m.PublicKey().Bytes(), seed: seed}
	case (alg == algEd25519 || alg == algCosigned) && len(seed) == ed25519.SeedSize:
		p = seeded(alg, seed)
	default:
		return "", p, fmt.Errorf("signature type %d with a key of %d bytes is not read", alg, len(seed))
	}
	if p.text(name, p.seed) != rest {
		return "", p, fmt.Errorf("key hash is not %08x", p.hash(name))
	}
	return name, p, nil
}

// parseText takes "name+hash+base64" apart.
func parseText(s string) (name string, key []byte, err error) {
	name, rest, _ := strings.Cut(s, "+")
	hash, key64, ok := strings.Cut(rest, "+")
	if err := CheckName(name); err != nil {
		return "", nil, err
	}
	key, err = base64.StdEncoding.Strict().DecodeString(key64)
	if _, herr := strconv.ParseUint(hash, 16, 32); !ok || herr != nil || err != nil || len(key) == 0 {
		return "", nil, fmt.Errorf("key is not name+hash+base64")
	}
	return name, key, nil
}

// Open decrypts a key file. passphrase is asked when the file can be one: a
// person need not type for nothing.
func Open(b []byte, passphrase func() ([]byte, error)) (*Key, error) {
	f, err := Parse(b)
	if err != nil {
		return nil, err
	}
	pass, err := passphrase()
	if err != nil {
		return nil, err
	}
	k, err := f.open(pass, maxWork)
	if errors.Is(err, ErrPassphrase) {
		return nil, fmt.Errorf("key %s: %w", f.Name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("key file of %s is damaged: %w", f.Name, err)
	}
	return k, nil
}

func (f *File) open(passphrase []byte, most int) (*Key, error) {
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	id.SetMaxWorkFactor(most)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(f.sealed)), id)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, fmt.Errorf("%w (or the file was changed)", ErrPassphrase)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, MaxFile))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(text), "\n")
	if n := len(lines); n != len(f.Public)+2 || lines[n-1] != "" {
		return nil, fmt.Errorf("%d lines are encrypted for %d public keys", n-1, len(f.Public))
	}
	if lines[0] != kindLine(f.Kind) {
		return nil, fmt.Errorf("line 1 says it is the key of a %s, what is encrypted does not", f.Kind)
	}
	k := &Key{Kind: f.Kind, Name: f.Name}
	for i, vkey := range f.Public {
		name, p, err := parsePrivate(lines[i+1])
		if err != nil {
			return nil, fmt.Errorf("private key %d: %w", i+1, err)
		}
		if p.text(name, p.pub) != vkey {
			return nil, fmt.Errorf("line %d is another key's public key", i+2)
		}
		k.parts = append(k.parts, p)
	}
	return k, nil
}
