package secret

import (
	"crypto/ed25519"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/wardein/wardein/codec/pem"
)

// parsePGP reads the first secret key packet of an armoured block (RFC 4880,
// 5.5.3 and 6.1). The checksum of the armour is verified.
func parsePGP(b *pem.Block) (key, bool) {
	lines := b.Lines
	sum := -1
	if n := len(lines) - 1; n > 0 && len(lines[n]) == 5 && lines[n][0] == '=' {
		c, err := base64.StdEncoding.DecodeString(lines[n][1:])
		if err != nil {
			return key{}, false
		}
		sum = int(c[0])<<16 | int(c[1])<<8 | int(c[2])
		lines = lines[:n]
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(lines, ""))
	if err != nil || sum >= 0 && crc24(raw) != sum || len(raw) < 16 {
		return key{}, false
	}
	d := beReader{p: raw}
	head := d.take(1)[0]
	n := -1
	switch {
	case head&0xc0 == 0xc0 && head&0x3f == 5: // new format
		switch l := int(d.take(1)[0]); {
		case l < 192:
			n = l
		case l < 224:
			n = (l-192)<<8 + int(d.take(1)[0]) + 192
		case l == 255:
			n = int(d.u32())
		}
	case head&0xc0 == 0x80 && head>>2&15 == 5: // old format
		switch head & 3 {
		case 0:
			n = int(d.take(1)[0])
		case 1:
			n = int(d.u16())
		case 2:
			n = int(d.u32())
		}
	}
	d = beReader{p: d.take(n)}
	if v := d.take(1); v == nil || v[0] != 4 {
		return key{}, false
	}
	d.skip(4) // time
	alg := d.take(1)
	if d.bad {
		return key{}, false
	}
	k := key{form: "OpenPGP"}
	var rsaN *big.Int
	var point []byte // of Ed25519
	switch alg[0] {
	case 1, 2, 3:
		n, e := d.mpi(), d.mpi()
		if d.bad {
			return key{}, false
		}
		k.kind, k.bits, k.spki = "RSA", n.BitLen(), rsaSPKI(n, e)
		rsaN = n
	case 17:
		p, q, g, y := d.mpi(), d.mpi(), d.mpi(), d.mpi()
		if d.bad {
			return key{}, false
		}
		k.kind, k.bits, k.spki = "DSA", p.BitLen(), dsaSPKI(p, q, g, y)
	case 19, 22:
		if l := d.take(1); l != nil {
			d.skip(int(l[0])) // curve
		}
		q := d.mpi()
		if d.bad {
			return key{}, false
		}
		k.kind = "EC"
		if b := q.Bytes(); alg[0] == 22 && len(b) == 33 && b[0] == 0x40 {
			point = b[1:]
			k.kind, k.bits, k.spki = "Ed25519", 256, spki(oidEd25519, nil, point)
		}
	default:
		return key{}, false
	}
	usage := d.take(1)
	if usage == nil {
		return key{}, false
	}
	if usage[0] != 0 {
		rest := d.p[d.at:]
		if usage[0] == 254 && len(rest) > 5 && rest[1] == 101 {
			return key{}, false // GnuPG's stub of a key that is elsewhere
		}
		k.encrypted, k.verified = true, len(rest) > 16
		return k, k.verified
	}
	if rsaN != nil {
		d.mpi() // d
		p, q := d.mpi(), d.mpi()
		k.verified = !d.bad && p.BitLen() > 1 && q.BitLen() > 1 && new(big.Int).Mul(p, q).Cmp(rsaN) == 0
		return k, k.verified
	}
	x := d.mpi()
	if point != nil && x.BitLen() <= 256 {
		seed := x.FillBytes(make([]byte, ed25519.SeedSize))
		k.verified = string(ed25519.NewKeyFromSeed(seed)[32:]) == string(point)
		return k, k.verified
	}
	return k, !d.bad && x.Sign() > 0
}

// mpi reads a multiprecision integer (RFC 4880, 3.2); never nil.
func (d *beReader) mpi() *big.Int {
	bits := int(d.u16())
	return new(big.Int).SetBytes(d.take((bits + 7) / 8))
}

// crc24 is the checksum of RFC 4880, 6.1.
func crc24(p []byte) int {
	crc := 0xb704ce
	for _, c := range p {
		crc ^= int(c) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return crc & 0xffffff
}
