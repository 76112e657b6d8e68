package secret

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"io"

	"github.com/wardein/wardein/codec/der"
	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// maxStore is the largest key store that is read whole.
const maxStore = 1 << 20

const (
	jksMagic   = "\xfe\xed\xfe\xed\x00\x00\x00"
	jceksMagic = "\xce\xce\xce\xce\x00\x00\x00"
	dataType   = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" // PKCS#7 data
)

// findJKS reads the private keys of a Java key store (the layout stands in
// OpenJDK's sun.security.provider.JavaKeyStore): magic, version, count, then
// entries of tag, alias, date, and for a private key (tag 1) the protected key
// and its certificates in clear.
func findJKS(r io.ReaderAt, size, off int64) (out []place, _ int64) {
	// The header and the first entry's tag are bounds on what is read.
	d := beReader{p: der.At(r, off, 16), at: 4}
	version, count, first := d.u32(), d.u32(), d.u32()
	if d.bad || version != 1 && version != 2 || count > 10_000 || first != 1 && first != 2 {
		return nil, 0
	}
	p := der.At(r, off, int(min(size-off, maxStore)))
	if len(p) < 16 { // nothing more may be read
		return nil, 0
	}
	d = beReader{p: p, at: 12}
	form := "JKS"
	if p[0] == 0xce {
		form = "JCEKS"
	}
	for range count {
		kind := d.u32()
		d.skip(int(d.u16())) // alias
		d.skip(8)            // date
		switch kind {
		case 1:
			start := d.at
			sealed := d.take(int(d.u32()))
			k := key{form: form, encrypted: true, verified: true, sealed: sealed}
			for i := range d.u32() {
				if version == 2 {
					d.skip(int(d.u16()))
				}
				cert := d.take(int(d.u32()))
				if i == 0 && !d.bad {
					k.fromCertificate(cert)
				}
				if d.bad {
					return out, 0
				}
			}
			if d.bad || len(sealed) < 16 {
				return out, 0
			}
			out = append(out, place{off + int64(start), int64(4 + len(sealed)), k})
		case 2:
			if version == 2 {
				d.skip(int(d.u16()))
			}
			d.skip(int(d.u32()))
		default: // a secret key is a serialised object of unknown length
			return out, 0
		}
		if d.bad {
			return out, 0
		}
	}
	return out, 0
}

// beReader reads big-endian fields; what is cut short sets bad.
type beReader struct {
	p   []byte
	at  int
	bad bool
}

func (d *beReader) take(n int) []byte {
	if n < 0 || n > len(d.p)-d.at {
		d.bad = true
		return nil
	}
	d.at += n
	return d.p[d.at-n : d.at]
}

func (d *beReader) skip(n int) { d.take(n) }

func (d *beReader) u16() uint16 {
	if b := d.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *beReader) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// fromCertificate takes the public key of the certificate that belongs to an
// encrypted key.
func (k *key) fromCertificate(raw []byte) {
	s := cryptobyte.String(raw)
	var cert, tbs, spki cryptobyte.String
	if !s.ReadASN1(&cert, tag.SEQUENCE) || !cert.ReadASN1(&tbs, tag.SEQUENCE) || !tbs.SkipOptionalASN1(tag.Tag(0).ContextSpecific().Constructed()) ||
		!tbs.SkipASN1(tag.INTEGER) || !tbs.SkipASN1(tag.SEQUENCE) || !tbs.SkipASN1(tag.SEQUENCE) || !tbs.SkipASN1(tag.SEQUENCE) || !tbs.SkipASN1(tag.SEQUENCE) ||
		!tbs.ReadASN1Element(&spki, tag.SEQUENCE) || len(spki) > der.MaxSize {
		return
	}
	k.spki = spki
	k.kind, k.bits = kindOf(spki)
}

// kindOf names a public key, "" when it is none of those known here.
func kindOf(spki []byte) (kind string, bits int) {
	var s struct {
		Algorithm struct {
			OID    asn1.ObjectIdentifier
			Params asn1.RawValue `asn1:"optional"`
		}
		Public asn1.BitString
	}
	if !exact(spki, &s) {
		return "", 0
	}
	switch oid := s.Algorithm.OID; {
	case oid.Equal(oidRSA):
		if p, err := x509.ParsePKCS1PublicKey(s.Public.Bytes); err == nil {
			return "RSA", p.N.BitLen()
		}
		return "RSA", 0
	case oid.Equal(oidEC):
		var named asn1.ObjectIdentifier
		if exact(s.Algorithm.Params.FullBytes, &named) {
			for _, c := range curves {
				if c.oid.Equal(named) {
					return "EC " + c.name, c.bits
				}
			}
		}
		return "EC", 0
	case oid.Equal(oidEd25519):
		return "Ed25519", 256
	case oid.Equal(oidDSA):
		return "DSA", 0
	}
	return "", 0
}

// Types of a PKCS#12 bag (RFC 7292, appendix D).
var (
	oidData     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidKeyBag   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShrouded = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
)

// findPKCS12 reads the keys of a PKCS#12 store (RFC 7292, section 4) whose
// first content type is at off. Keys in encrypted contents are not told.
func findPKCS12(r io.ReaderAt, _, off int64) (out []place, _ int64) {
	for _, head := range []int64{4, 3, 2} { // of the SEQUENCE before off
		c := off - head - 3
		if string(der.At(r, c, 3)) != "\x02\x01\x03" {
			continue
		}
		h := der.At(r, c-4, 4)
		var start int64
		var n int
		switch {
		case len(h) == 4 && h[0] == 0x30 && h[1] == 0x82:
			start, n = c-4, 4+int(h[2])<<8+int(h[3])
		case len(h) == 4 && h[1] == 0x30 && h[2] == 0x81:
			start, n = c-3, 3+int(h[3])
		default:
			continue
		}
		s := cryptobyte.String(der.At(r, start, n))
		var pfx, info, content, safe cryptobyte.String
		var contents cryptobyte.String
		if !s.ReadASN1(&pfx, tag.SEQUENCE) || !pfx.SkipASN1(tag.INTEGER) || !pfx.ReadASN1(&info, tag.SEQUENCE) || !contentOf(&info, &content) ||
			!content.ReadASN1(&safe, tag.OCTET_STRING) || !safe.ReadASN1(&contents, tag.SEQUENCE) {
			continue
		}
		for i := 0; !contents.Empty() && i < 1000; i++ {
			var info, content, raw, bags cryptobyte.String
			if !contents.ReadASN1(&info, tag.SEQUENCE) {
				break
			}
			if !contentOf(&info, &content) || !content.ReadASN1(&raw, tag.OCTET_STRING) || !raw.ReadASN1(&bags, tag.SEQUENCE) {
				continue // encrypted
			}
			for i := 0; !bags.Empty() && i < 1000; i++ {
				var bag, value cryptobyte.String
				var id asn1.ObjectIdentifier
				if !bags.ReadASN1(&bag, tag.SEQUENCE) || !bag.ReadASN1ObjectIdentifier(&id) || !bag.ReadASN1(&value, tag.Tag(0).ContextSpecific().Constructed()) {
					break
				}
				var k key
				ok := false
				switch {
				case id.Equal(oidKeyBag):
					k, ok = parsePKCS8(value)
				case id.Equal(oidShrouded):
					k, ok = parseSealed(value)
				}
				if ok {
					k.form = "PKCS#12"
					out = append(out, place{start, int64(n), k})
				}
			}
		}
		return out, 0
	}
	return nil, 0
}

// contentOf reads a ContentInfo of type data.
func contentOf(info, content *cryptobyte.String) bool {
	var id asn1.ObjectIdentifier
	return info.ReadASN1ObjectIdentifier(&id) && id.Equal(oidData) && info.ReadASN1(content, tag.Tag(0).ContextSpecific().Constructed())
}

// shortID names encrypted bytes that stand for a key.
func shortID(sealed []byte) string {
	sum := sha256.Sum256(sealed)
	return "sealed " + hex.EncodeToString(sum[:])
}
