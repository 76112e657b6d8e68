package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/smallstep/pkcs7"
	"golang.org/x/crypto/blake2b"

	"github.com/wardein/wardein/internal/term"
)

// verifyFile verifies a detached signature over a file of any size: OpenPGP or
// minisign; CMS over one of at most 64 MB.
func verifyFile(name, sigFile, keyFile, asOf string) (who string, err error) {
	sig, err := readSmall(sigFile)
	if err != nil {
		return "", err
	}
	key, err := readSmall(keyFile)
	if err != nil {
		return "", err
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	defer func() {
		if v := recover(); v != nil { // a reader of hostile bytes
			who, err = "", fmt.Errorf("cannot be read: %v", v)
		}
	}()
	switch {
	case bytes.HasPrefix(sig, []byte("untrusted comment:")):
		return verifyMinisign(f, sig, key)
	case isPGP(sig):
		return verifyPGP(bufio.NewReaderSize(f, 1<<20), sig, key, asOf)
	}
	list, err := readSmall(name)
	if err != nil {
		return "", err
	}
	return verifyList(list, sigFile, keyFile, asOf)
}

func isPGP(sig []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(sig), []byte("-----BEGIN PGP")) || len(sig) > 0 && sig[0]&0x80 != 0
}

// verifyMinisign verifies a signature of minisign
// (https://jedisct1.github.io/minisign/, signature format): Ed25519 over the
// file's BLAKE2b-512, and over that signature with its trusted comment.
func verifyMinisign(file io.Reader, sig, key []byte) (string, error) {
	line := func(b []byte, i int) []byte {
		if l := bytes.Split(bytes.ReplaceAll(b, []byte("\r"), nil), []byte("\n")); i < len(l) {
			return l[i]
		}
		return nil
	}
	k := line(key, 0)
	if bytes.HasPrefix(key, []byte("untrusted comment:")) {
		k = line(key, 1)
	}
	pub, err := base64.StdEncoding.DecodeString(string(k))
	if err != nil || len(pub) != 42 || string(pub[:2]) != "Ed" {
		return "", errors.New("not a public key of minisign")
	}
	s, err := base64.StdEncoding.DecodeString(string(line(sig, 1)))
	comment, ok := bytes.CutPrefix(line(sig, 2), []byte("trusted comment: "))
	global, err2 := base64.StdEncoding.DecodeString(string(line(sig, 3)))
	switch {
	case err != nil || err2 != nil || !ok || len(s) != 74 || len(global) != ed25519.SignatureSize:
		return "", errors.New("not a signature of minisign")
	case string(s[:2]) != "ED":
		return "", errors.New("a signature of the old form, which is over the file itself: sign with minisign 0.6 or later")
	case !bytes.Equal(s[2:10], pub[2:10]):
		return "", fmt.Errorf("made by key %X, not by %X", s[2:10], pub[2:10])
	}
	h, err := blake2b.New512(nil)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	if !ed25519.Verify(pub[10:], h.Sum(nil), s[10:]) {
		return "", errors.New("the file is not what was signed")
	}
	if !ed25519.Verify(pub[10:], append(append([]byte(nil), s[10:]...), comment...), global) {
		return "", errors.New("the trusted comment is not what was signed")
	}
	return fmt.Sprintf("minisign key %X (%s)", pub[2:10], comment), nil
}

// verifyList verifies a detached signature, OpenPGP or CMS, over a list with
// the key in signerFile, and says who signed. OpenPGP keys are judged at the
// evaluation date, never today; the dates of a certificate are not judged,
// since a list stays as it was signed when the certificate has run out.
func verifyList(list []byte, sigFile, signerFile, asOf string) (who string, err error) {
	sig, err := readSmall(sigFile)
	if err != nil {
		return "", err
	}
	key, err := readSmall(signerFile)
	if err != nil {
		return "", err
	}
	defer func() {
		if v := recover(); v != nil { // a reader of hostile bytes
			who, err = "", fmt.Errorf("cannot be read: %v", v)
		}
	}()
	switch {
	case isPGP(sig):
		return verifyPGP(bytes.NewReader(list), sig, key, asOf)
	case bytes.HasPrefix(bytes.TrimSpace(sig), []byte("-----BEGIN ")), len(sig) > 0 && sig[0] == 0x30:
		return verifyCMS(list, sig, key)
	}
	return "", errors.New("neither OpenPGP nor CMS")
}

func verifyPGP(list io.Reader, sig, key []byte, asOf string) (string, error) {
	read := openpgp.ReadKeyRing
	if bytes.HasPrefix(bytes.TrimSpace(key), []byte("-----BEGIN")) {
		read = openpgp.ReadArmoredKeyRing
	}
	keys, err := read(bytes.NewReader(key))
	if err != nil {
		return "", fmt.Errorf("signer's key: %w", err)
	}
	day, err := time.Parse(time.DateOnly, asOf)
	if err != nil {
		return "", err
	}
	cfg := &packet.Config{Time: func() time.Time { return day.Add(24*time.Hour - time.Second) }}
	check := openpgp.CheckDetachedSignature
	if bytes.HasPrefix(bytes.TrimSpace(sig), []byte("-----BEGIN")) {
		check = openpgp.CheckArmoredDetachedSignature
	}
	signer, err := check(keys, list, bytes.NewReader(sig), cfg)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("OpenPGP key %X", signer.PrimaryKey.Fingerprint), nil
}

func verifyCMS(list, sig, key []byte) (string, error) {
	if b, _ := pem.Decode(sig); b != nil {
		sig = b.Bytes
	}
	if b, _ := pem.Decode(key); b != nil {
		key = b.Bytes
	}
	cert, err := x509.ParseCertificate(key)
	if err != nil {
		return "", fmt.Errorf("signer's certificate: %w", err)
	}
	p, err := pkcs7.Parse(sig)
	if err != nil {
		return "", err
	}
	if len(p.Content) > 0 && !bytes.Equal(p.Content, list) {
		return "", errors.New("it holds another content than the list")
	}
	p.Content = list
	if len(p.Certificates) == 0 {
		p.Certificates = []*x509.Certificate{cert}
	}
	signer := p.GetOnlySigner()
	if signer == nil {
		return "", fmt.Errorf("want one signer whose certificate is there, found %d signers", len(p.Signers))
	}
	if !signer.Equal(cert) {
		if !cert.IsCA || signer.CheckSignatureFrom(cert) != nil {
			return "", fmt.Errorf("made by %q, which is not the given signer %q and not certified by it", term.Clean(signer.Subject.String()), term.Clean(cert.Subject.String()))
		}
	}
	if err := p.Verify(); err != nil {
		return "", err
	}
	return fmt.Sprintf("certificate sha256:%x", sha256.Sum256(signer.Raw)), nil
}
