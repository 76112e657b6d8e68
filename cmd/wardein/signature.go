package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/smallstep/pkcs7"

	"github.com/wardein/wardein/internal/term"
)

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
	case bytes.HasPrefix(bytes.TrimSpace(sig), []byte("-----BEGIN PGP")), len(sig) > 0 && sig[0]&0x80 != 0:
		return verifyPGP(list, sig, key, asOf)
	case bytes.HasPrefix(bytes.TrimSpace(sig), []byte("-----BEGIN ")), len(sig) > 0 && sig[0] == 0x30:
		return verifyCMS(list, sig, key)
	}
	return "", errors.New("neither OpenPGP nor CMS")
}

func verifyPGP(list, sig, key []byte, asOf string) (string, error) {
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
	signer, err := check(keys, bytes.NewReader(list), io.Reader(bytes.NewReader(sig)), cfg)
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
