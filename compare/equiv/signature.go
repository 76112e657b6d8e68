package equiv

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/smallstep/pkcs7"

	"github.com/wardein/wardein/internal/canon"
)

// moduleMagic ends a signed kernel module (Linux, include/linux/module_signature.h).
const moduleMagic = "~Module signature appended~\n"

// signature looks for a declared signature that one side bears. It takes the
// file and returns true where the files are the same without it.
func (f *fileWork) signature(a, b []byte) bool {
	sides := [2][]byte{a, b}
	for s, build := range [2]*Build{&f.c.facts.Shipped, &f.c.facts.Rebuilt} {
		for i := range build.Signatures {
			g := &build.Signatures[i]
			if !matches(g.Files, f.nodes[s].Path) {
				continue
			}
			at, n, blob, ok := g.find(sides[s])
			if !ok {
				continue
			}
			rest := append(bytes.Clone(sides[s][:at]), sides[s][at+n:]...)
			if f.transplant(s, g, rest, sides, at, n, blob) {
				return true
			}
		}
	}
	return false
}

// transplant demands that the other file is the same without the signature, or
// with another of the same kind in its place.
func (f *fileWork) transplant(s int, g *Signature, rest []byte, sides [2][]byte, at, n int64, blob []byte) bool {
	other := sides[1-s]
	m := int64(0) // length of the other side's
	if !bytes.Equal(rest, other) {
		at2, n2, _, ok := g.find(other)
		if !ok || at2 != at || !bytes.Equal(rest, append(bytes.Clone(other[:at2]), other[at2+n2:]...)) {
			return false
		}
		m = n2
	}
	d := Difference{Where: "signature"}
	runs := [2]Run{{Off: at, Len: n}, {Off: at, Len: m}}
	d.Bytes = max(n, m)
	count := n
	if s == 1 {
		runs[0], runs[1] = runs[1], runs[0]
		count = m
	}
	d.Shipped, d.Rebuilt = runs[0], runs[1]
	if len(g.Key) == 0 {
		f.hidden(count, "a signature whose key is not declared; all other bytes are the same")
		return true
	}
	if err := g.verify(rest, blob); err != nil {
		d.Why = fmt.Sprintf("all other bytes are the same, and the signature does not verify with %s: %s", canon.Escape(g.Signer), canon.Escape(err.Error()))
		f.add(nil, d, count)
		return true
	}
	d.Why = "all other bytes are the same; verifies with " + canon.Escape(g.Signer)
	f.add(ruleNamed("signature"), d, count)
	return true
}

// find is where a file has the signature: its place, and the bytes to verify.
func (g *Signature) find(b []byte) (at, n int64, blob []byte, ok bool) {
	if g.Kind == "module" {
		head := int64(len(b)) - int64(len(moduleMagic)) - 12
		if head < 0 || string(b[head+12:]) != moduleMagic {
			return 0, 0, nil, false
		}
		// struct module_signature: algo, hash, id_type, signer_len, key_id_len, 3 bytes, sig_len
		size := int64(binary.BigEndian.Uint32(b[head+8:]))
		// As Linux asks: PKEY_ID_PKCS7, and all else zero (mod_check_sig).
		if string(b[head:head+8]) != "\x00\x00\x02\x00\x00\x00\x00\x00" || size > head {
			return 0, 0, nil, false
		}
		return head - size, int64(len(b)) - head + size, b[head-size : head], true
	}
	at = g.At
	if at < 0 {
		at += int64(len(b))
	}
	if at < 0 || g.Len > int64(len(b)) || at > int64(len(b))-g.Len {
		return 0, 0, nil, false
	}
	return at, g.Len, b[at : at+g.Len], true
}

// verify checks a signature over a file without it.
func (g *Signature) verify(signed, sig []byte) (err error) {
	defer func() {
		if v := recover(); v != nil { // a reader of hostile bytes
			err = fmt.Errorf("cannot be read: %v", v)
		}
	}()
	key, err := publicKey(g.Key)
	if err != nil {
		return err
	}
	if g.Kind == "module" || g.Kind == "cms" {
		return verifyCMS(signed, sig, g.Key, key)
	}
	h := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[g.Hash]
	w := h.New()
	w.Write(signed)
	sum := w.Sum(nil)
	switch k := key.(type) {
	case *rsa.PublicKey:
		if g.Kind != "rsa" {
			return fmt.Errorf("a key of RSA for a signature of %s", g.Kind)
		}
		if rsa.VerifyPKCS1v15(k, h, sum, sig) == nil {
			return nil
		}
		return rsa.VerifyPSS(k, h, sum, sig, nil)
	case ed25519.PublicKey:
		if g.Kind == "ed25519" && ed25519.Verify(k, signed, sig) {
			return nil
		}
		return errors.New("ed25519: verification error")
	}
	return fmt.Errorf("a key of %T for a signature of %s", key, g.Kind)
}

// verifyCMS verifies a detached CMS signature. Kernel modules name their signer
// and bring no certificate: the declared one is taken.
func verifyCMS(signed, sig, cert []byte, key crypto.PublicKey) error {
	var outer asn1.RawValue // what is declared may be filled up behind it
	if rest, err := asn1.Unmarshal(sig, &outer); err != nil {
		return err
	} else if !fill(rest) {
		return fmt.Errorf("%d bytes behind the signature", len(rest))
	}
	p, err := pkcs7.Parse(outer.FullBytes)
	if err != nil {
		return err
	}
	if len(p.Content) > 0 {
		return errors.New("it holds a content of its own")
	}
	if len(p.Signers) != 1 {
		return fmt.Errorf("%d signers, expected one", len(p.Signers))
	}
	if len(p.Signers[0].UnauthenticatedAttributes) > 0 {
		return errors.New("it has attributes that are not signed")
	}
	c, err := certificate(cert)
	if err != nil {
		return errors.New("a certificate is needed, not a bare key")
	}
	p.Content = signed
	if len(p.Certificates) == 0 {
		p.Certificates = []*x509.Certificate{c}
	}
	signer := p.GetOnlySigner()
	if signer == nil || !signer.Equal(c) {
		return errors.New("made by another certificate's key")
	}
	return p.Verify()
}

// certificate reads an X.509 certificate, PEM or DER.
func certificate(b []byte) (*x509.Certificate, error) {
	if p, _ := pem.Decode(b); p != nil {
		b = p.Bytes
	}
	return x509.ParseCertificate(b)
}

// publicKey reads a public key, or that of a certificate, PEM or DER.
func publicKey(b []byte) (crypto.PublicKey, error) {
	if c, err := certificate(b); err == nil {
		return known(c.PublicKey)
	}
	if p, _ := pem.Decode(b); p != nil {
		b = p.Bytes
	}
	if k, err := x509.ParsePKIXPublicKey(b); err == nil {
		return known(k)
	}
	if k, err := x509.ParsePKCS1PublicKey(b); err == nil {
		return k, nil
	}
	return nil, errors.New("neither a certificate nor a public key")
}

func known(k crypto.PublicKey) (crypto.PublicKey, error) {
	switch k.(type) {
	case *rsa.PublicKey, ed25519.PublicKey, *ecdsa.PublicKey:
		return k, nil
	}
	return nil, fmt.Errorf("a key of %T", k)
}
