package secret

import (
	"crypto/ed25519"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"strings"
)

const opensshMagic = "openssh-key-v1\x00"

// parseOpenSSH reads OpenSSH's own form (PROTOCOL.key): the public key stands
// in clear even where the private one is encrypted.
func parseOpenSSH(b []byte) (key, bool) {
	rest, ok := strings.CutPrefix(string(b), opensshMagic)
	if !ok {
		return key{}, false
	}
	r := wire(rest)
	cipher := r.text()
	r.text() // kdf
	r.text() // kdf options
	n := r.number()
	pub := wire(r.text())
	private := wire(r.text())
	if n != 1 || cipher == "" || len(private) == 0 {
		return key{}, false
	}
	k, public, ok := sshPublic(&pub)
	if !ok {
		return key{}, false
	}
	k.form = "OpenSSH"
	if cipher != "none" {
		k.encrypted, k.verified = true, true
		return k, true
	}
	if first := private.number(); first != private.number() {
		return key{}, false
	}
	if private.text() != public.kind {
		return key{}, false
	}
	k.verified = public.owns(&private)
	return k, true
}

// public is a decoded SSH public key.
type public struct {
	kind, point string
	n, e        *big.Int
}

// sshPublic reads a public key blob (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709).
func sshPublic(r *wire) (key, public, bool) {
	p := public{kind: r.text()}
	switch p.kind {
	case "ssh-rsa":
		p.e, p.n = r.integer(), r.integer()
		if p.n == nil || p.e == nil || p.n.BitLen() > maxRSA {
			return key{}, p, false
		}
		return key{kind: "RSA", bits: p.n.BitLen(), spki: rsaSPKI(p.n, p.e)}, p, true
	case "ssh-ed25519":
		if p.point = r.text(); len(p.point) != 32 {
			return key{}, p, false
		}
		return key{kind: "Ed25519", bits: 256, spki: spki(oidEd25519, nil, []byte(p.point))}, p, true
	case "ssh-dss":
		P, q, g, y := r.integer(), r.integer(), r.integer(), r.integer()
		if y == nil || P == nil || q == nil || g == nil {
			return key{}, p, false
		}
		return key{kind: "DSA", bits: P.BitLen(), spki: dsaSPKI(P, q, g, y)}, p, true
	}
	if name, ok := strings.CutPrefix(p.kind, "ecdsa-sha2-nistp"); ok {
		r.text() // curve name, again
		p.point = r.text()
		for _, c := range curves {
			if c.name != "P-"+name || p.point == "" {
				continue
			}
			params, err := asn1.Marshal(c.oid)
			return key{kind: "EC " + c.name, bits: c.bits, spki: spki(oidEC, params, []byte(p.point))}, p, err == nil
		}
	}
	return key{}, p, false
}

// owns tells whether a private section's numbers belong to the public key.
func (p *public) owns(r *wire) bool {
	switch {
	case p.kind == "ssh-rsa":
		n, e, d, _, P, q := r.integer(), r.integer(), r.integer(), r.integer(), r.integer(), r.integer()
		if q == nil || P == nil || d == nil || e == nil || n == nil || n.Cmp(p.n) != 0 || P.BitLen() > maxRSA || q.BitLen() > maxRSA || P.BitLen() < 2 || q.BitLen() < 2 {
			return false
		}
		return new(big.Int).Mul(P, q).Cmp(n) == 0 && belongs(e, d, []*big.Int{P, q})
	case p.kind == "ssh-ed25519":
		pk, sk := r.text(), r.text()
		return pk == p.point && len(sk) == 64 && string(ed25519.NewKeyFromSeed([]byte(sk[:32]))[32:]) == pk
	case strings.HasPrefix(p.kind, "ecdsa-"):
		r.text()
		point, d := r.text(), r.integer()
		for _, c := range curves {
			if d != nil && c.ecdh != nil && strings.HasSuffix(p.kind, c.name[2:]) {
				got, ok := publicPoint(&c, d.Bytes())
				return ok && string(got) == point && point == p.point
			}
		}
	}
	return false
}

// wire reads SSH's encoding (RFC 4251, section 5) from its front; what is cut
// short reads as empty.
type wire string

func (w *wire) number() uint32 {
	if len(*w) < 4 {
		*w = ""
		return 0
	}
	n := binary.BigEndian.Uint32([]byte((*w)[:4]))
	*w = (*w)[4:]
	return n
}

func (w *wire) text() string {
	n := w.number()
	if uint64(n) > uint64(len(*w)) {
		*w = ""
		return ""
	}
	s := (*w)[:n]
	*w = (*w)[n:]
	return string(s)
}

// integer returns a positive number, nil for none.
func (w *wire) integer() *big.Int {
	s := w.text()
	if s == "" || s[0] >= 0x80 {
		return nil
	}
	return new(big.Int).SetBytes([]byte(s))
}
