package secret

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/wardein/wardein/codec/der"
	"github.com/wardein/wardein/codec/pem"
)

// Dropbear's host keys are the public key's strings with the private numbers
// behind them (dropbear's rsa.c, dss.c, ecdsa.c and gened25519.c).
var dropbearHeads = []string{
	"\x00\x00\x00\x07ssh-rsa\x00\x00\x00", "\x00\x00\x00\x07ssh-dss\x00\x00\x00",
	"\x00\x00\x00\x13ecdsa-sha2-nistp", "\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x40",
}

func findDropbear(r io.ReaderAt, _, off int64) (place, bool) {
	b := der.At(r, off, 8<<10)
	w := wire(b)
	k, ok := key{}, false
	switch kind := w.text(); {
	case kind == "ssh-rsa":
		e, n, d, p, q := w.integer(), w.integer(), w.integer(), w.integer(), w.integer()
		if n == nil || e == nil || d == nil || p == nil || q == nil || n.BitLen() > maxRSA || p.BitLen() < 2 || q.BitLen() < 2 ||
			new(big.Int).Mul(p, q).Cmp(n) != 0 || !belongs(e, d, []*big.Int{p, q}) {
			break
		}
		k, ok = key{kind: "RSA", bits: n.BitLen(), spki: rsaSPKI(n, e)}, true
	case kind == "ssh-dss":
		p, q, g, y, x := w.integer(), w.integer(), w.integer(), w.integer(), w.integer()
		if x == nil || y == nil || g == nil || q == nil || p == nil || !dsaDomain(p, q, g) || x.Cmp(q) >= 0 || new(big.Int).Exp(g, x, p).Cmp(y) != 0 {
			break
		}
		k, ok = key{kind: "DSA", bits: p.BitLen(), spki: dsaSPKI(p, q, g, y)}, true
	case kind == "ssh-ed25519":
		pair := w.text()
		if len(pair) != 64 || string(ed25519.NewKeyFromSeed([]byte(pair[:32]))[32:]) != pair[32:] {
			break
		}
		k, ok = key{kind: "Ed25519", bits: 256, spki: spki(oidEd25519, nil, []byte(pair[32:]))}, true
	case strings.HasPrefix(kind, "ecdsa-sha2-nistp"):
		whole := wire(b)
		public, named, ok2 := sshPublic(&whole)
		d := whole.integer()
		if !ok2 || d == nil {
			break
		}
		for _, c := range curves {
			if c.ecdh != nil && "EC "+c.name == public.kind {
				if point, same := publicPoint(&c, d.Bytes()); same && string(point) == named.point {
					k, ok = public, true
					w = whole
				}
			}
		}
	}
	k.form, k.verified = "Dropbear", true
	return place{off, int64(len(b) - len(w)), k}, ok
}

const puttyHead = "PuTTY-User-Key-File-"

// findPuTTY reads a PPK file of version 2 or 3 (PuTTY manual, appendix C).
func findPuTTY(r io.ReaderAt, _, off int64) (place, bool) {
	b := string(der.At(r, off, 16<<10))
	field := map[string]string{}
	var public, private []byte
	at := 0
	next := func() (string, bool) {
		line, _, ok := strings.Cut(b[at:], "\n")
		at = min(len(b), at+len(line)+1)
		return strings.TrimRight(line, "\r"), ok || line != ""
	}
	for {
		line, ok := next()
		if !ok {
			return place{}, false
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			return place{}, false
		}
		field[name] = value
		if strings.HasSuffix(name, "-Lines") {
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > 200 {
				return place{}, false
			}
			text := ""
			for range n {
				line, _ := next()
				text += line
			}
			p, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return place{}, false
			}
			if name == "Public-Lines" {
				public = p
			} else {
				private = p
			}
		}
		if name == "Private-MAC" {
			if len(value) < 40 {
				return place{}, false
			}
			at += len(strings.TrimRight(b[:at], "\r\n")) - at
			break
		}
	}
	w := wire(public)
	k, named, ok := sshPublic(&w)
	if version := b[len(puttyHead)]; !ok || version != '2' && version != '3' || len(private) < 16 {
		return place{}, false
	}
	k.form, k.encrypted = "PuTTY", field["Encryption"] != "none"
	k.verified = k.encrypted
	if s := wire(private); !k.encrypted {
		switch named.kind {
		case "ssh-rsa":
			d, p, q := s.integer(), s.integer(), s.integer()
			k.verified = q != nil && p != nil && d != nil && p.BitLen() > 1 && q.BitLen() > 1 && new(big.Int).Mul(p, q).Cmp(named.n) == 0
		case "ssh-ed25519":
			seed := s.text()
			for len(seed) > 32 && seed[0] == 0 {
				seed = seed[1:]
			}
			k.verified = len(seed) == 32 && string(ed25519.NewKeyFromSeed([]byte(seed))[32:]) == named.point
		default:
			k.verified = s.integer() != nil
		}
		if !k.verified {
			return place{}, false
		}
	}
	return place{off, int64(at), k}, true
}

// parseOpenVPN reads a static key: 2,048 bits in hexadecimal (openvpn(8),
// --secret), or tls-crypt-v2 in base64.
func parseOpenVPN(b *pem.Block) (key, bool) {
	var raw []byte
	if b.Label == "OpenVPN Static key V1" {
		var err error
		if raw, err = hex.DecodeString(strings.Join(b.Lines, "")); err != nil || len(raw) != 256 {
			return key{}, false
		}
	} else {
		var ok bool
		if raw, ok = b.Bytes(); !ok || len(raw) < 64 {
			return key{}, false
		}
	}
	// Random bytes of that length show far more values.
	var seen [256]bool
	n := 0
	for _, c := range raw {
		if !seen[c] {
			n++
		}
		seen[c] = true
	}
	return key{kind: "OpenVPN static", form: "OpenVPN", bits: 8 * len(raw), verified: true}, n >= 32
}

const ageHead = "AGE-SECRET-KEY-1"

// findAge reads an age identity: Bech32 (BIP 173) of an X25519 key.
func findAge(r io.ReaderAt, _, off int64) (place, bool) {
	b := der.At(r, off, 74)
	const alphabet = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
	if len(b) < 74 {
		return place{}, false
	}
	human := ageHead[:len(ageHead)-1]
	var values []byte
	for _, c := range human {
		values = append(values, byte(c|0x20)>>5)
	}
	values = append(values, 0)
	for _, c := range human {
		values = append(values, byte(c|0x20)&31)
	}
	head := len(values)
	for _, c := range b[len(ageHead):] {
		v := strings.IndexByte(alphabet, c)
		if v < 0 {
			return place{}, false
		}
		values = append(values, byte(v))
	}
	sum := uint32(1)
	for _, v := range values {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	if sum != 1 {
		return place{}, false
	}
	var scalar []byte
	acc, bits := 0, 0
	for _, v := range values[head : len(values)-6] {
		acc, bits = acc<<5|int(v), bits+5
		if bits >= 8 {
			bits -= 8
			scalar = append(scalar, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	k, ok := x25519(scalar)
	k.form = "age"
	return place{off, 74, k}, ok
}
