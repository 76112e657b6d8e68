package cert

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/wardein/wardein"
)

// certificate is what the check needs of an X.509 certificate (RFC 5280, 4.1).
// crypto/x509 refuses some that devices use: negative serial numbers, curves
// it does not have, dates of a loose form.
type certificate struct {
	sum, spki   [32]byte // SHA-256 of all of it and of the SubjectPublicKeyInfo
	subject     string   // common name, else organisation, for people
	self        bool     // issuer and subject are the same bytes
	ca          bool
	serves      bool // has a use of servers or clients, or other names for a host
	from, until time.Time
	hash        string // of the signature, "" for one not known here
	kind        string // of the public key
	bits        int
	exponent    *big.Int // of RSA
}

var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidDSA     = asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}
	oidEC      = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}

	oidBasic = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidUses  = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidNames = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidCN    = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidO     = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidOU    = asn1.ObjectIdentifier{2, 5, 4, 11}
)

// hashes are those of signature algorithms (RFC 3279, 4055, 5758).
var hashes = map[string]string{
	"1.2.840.113549.1.1.2": "MD2", "1.2.840.113549.1.1.4": "MD5", "1.2.840.113549.1.1.5": "SHA-1", "1.3.14.3.2.29": "SHA-1",
	"1.2.840.113549.1.1.11": "SHA-256", "1.2.840.113549.1.1.12": "SHA-384", "1.2.840.113549.1.1.13": "SHA-512", "1.2.840.113549.1.1.14": "SHA-224",
	"1.2.840.10045.4.1": "SHA-1", "1.2.840.10045.4.3.1": "SHA-224", "1.2.840.10045.4.3.2": "SHA-256", "1.2.840.10045.4.3.3": "SHA-384", "1.2.840.10045.4.3.4": "SHA-512",
	"1.2.840.10040.4.3": "SHA-1", "2.16.840.1.101.3.4.3.2": "SHA-256",
}

// curveBits are the sizes of named curves.
var curveBits = map[string]int{
	"1.2.840.10045.3.1.1": 192, "1.2.840.10045.3.1.7": 256, "1.3.132.0.33": 224, "1.3.132.0.34": 384, "1.3.132.0.35": 521, "1.3.132.0.10": 256, "1.3.132.0.8": 160,
	"1.3.36.3.3.2.8.1.1.7": 256, "1.3.36.3.3.2.8.1.1.11": 384, "1.3.36.3.3.2.8.1.1.13": 512,
}

// context returns the tag of an explicit field.
func context(n uint8) tag.Tag { return tag.Tag(n).ContextSpecific().Constructed() }

// parse reads a certificate that is all of raw.
func parse(raw []byte) (c certificate, ok bool) {
	s := cryptobyte.String(raw)
	var all, tbs, alg, issuer, dates, subject, spki cryptobyte.String
	if !s.ReadASN1(&all, tag.SEQUENCE) || !s.Empty() || !all.ReadASN1(&tbs, tag.SEQUENCE) || !all.ReadASN1(&alg, tag.SEQUENCE) || !all.SkipASN1(tag.BIT_STRING) || !all.Empty() {
		return c, false
	}
	var oid asn1.ObjectIdentifier
	if !alg.ReadASN1ObjectIdentifier(&oid) || !tbs.SkipOptionalASN1(context(0)) || !tbs.SkipASN1(tag.INTEGER) || !tbs.SkipASN1(tag.SEQUENCE) ||
		!tbs.ReadASN1Element(&issuer, tag.SEQUENCE) || !tbs.ReadASN1(&dates, tag.SEQUENCE) || !tbs.ReadASN1Element(&subject, tag.SEQUENCE) ||
		!tbs.ReadASN1Element(&spki, tag.SEQUENCE) || !date(&dates, &c.from) || !date(&dates, &c.until) || !dates.Empty() || !c.key(spki) {
		return c, false
	}
	c.sum, c.spki = sha256.Sum256(raw), sha256.Sum256(spki)
	c.hash = hashes[oid.String()]
	c.self = string(issuer) == string(subject)
	c.subject = name(subject)
	tbs.SkipOptionalASN1(context(1))
	tbs.SkipOptionalASN1(context(2))
	var wrapped, list cryptobyte.String
	var has bool
	if !tbs.ReadOptionalASN1(&wrapped, &has, context(3)) || has && !wrapped.ReadASN1(&list, tag.SEQUENCE) {
		return c, false
	}
	if !has && c.self {
		c.ca = true // version 1: whoever trusts it takes it for one
	}
	for !list.Empty() {
		var ext, value cryptobyte.String
		var id asn1.ObjectIdentifier
		if !list.ReadASN1(&ext, tag.SEQUENCE) || !ext.ReadASN1ObjectIdentifier(&id) || !ext.SkipOptionalASN1(tag.BOOLEAN) || !ext.ReadASN1(&value, tag.OCTET_STRING) {
			return c, false
		}
		switch {
		case id.Equal(oidBasic):
			var basic cryptobyte.String
			if value.ReadASN1(&basic, tag.SEQUENCE) && basic.PeekASN1Tag(tag.BOOLEAN) {
				basic.ReadASN1Boolean(&c.ca)
			}
		case id.Equal(oidUses), id.Equal(oidNames):
			c.serves = true
		}
	}
	return c, true
}

// date reads UTCTime or GeneralizedTime; without seconds or with a zone, as
// old issuers wrote them, is read, too.
func date(s *cryptobyte.String, t *time.Time) bool {
	var b cryptobyte.String
	var k tag.Tag
	if !s.ReadAnyASN1(&b, &k) || len(b) > 24 {
		return false
	}
	layouts := []string{"060102150405Z0700", "0601021504Z0700"}
	if k == tag.GeneralizedTime {
		layouts = []string{"20060102150405Z0700", "200601021504Z0700", "20060102150405.999Z0700"}
	} else if k != tag.UTCTime {
		return false
	}
	for _, l := range layouts {
		if got, err := time.Parse(l, string(b)); err == nil {
			if k == tag.UTCTime && got.Year() >= 2050 { // RFC 5280, 4.1.2.5.1
				got = got.AddDate(-100, 0, 0)
			}
			*t = got.UTC()
			return true
		}
	}
	return false
}

// key reads a SubjectPublicKeyInfo.
func (c *certificate) key(spki cryptobyte.String) bool {
	var info, alg cryptobyte.String
	var oid asn1.ObjectIdentifier
	var bits asn1.BitString
	if !spki.ReadASN1(&info, tag.SEQUENCE) || !info.ReadASN1(&alg, tag.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&oid) || !info.ReadASN1BitString(&bits) || !info.Empty() {
		return false
	}
	switch {
	case oid.Equal(oidRSA):
		pub := cryptobyte.String(bits.Bytes)
		var seq cryptobyte.String
		n := new(big.Int)
		c.kind, c.exponent = "RSA", new(big.Int)
		if !pub.ReadASN1(&seq, tag.SEQUENCE) || !seq.ReadASN1Integer(n) || !seq.ReadASN1Integer(c.exponent) {
			return false
		}
		c.bits = n.BitLen()
	case oid.Equal(oidDSA):
		var params cryptobyte.String
		p := new(big.Int)
		c.kind = "DSA"
		if alg.ReadASN1(&params, tag.SEQUENCE) && params.ReadASN1Integer(p) {
			c.bits = p.BitLen()
		}
	case oid.Equal(oidEC):
		var curve asn1.ObjectIdentifier
		c.kind = "EC"
		if alg.ReadASN1ObjectIdentifier(&curve) {
			c.bits = curveBits[curve.String()]
		}
	case oid.Equal(oidEd25519):
		c.kind, c.bits = "Ed25519", 256
	default:
		c.kind = oid.String()
	}
	return true
}

// name is what people call a subject.
func name(subject cryptobyte.String) string {
	found := map[string]string{}
	var list cryptobyte.String
	if !subject.ReadASN1(&list, tag.SEQUENCE) {
		return ""
	}
	for !list.Empty() {
		var set, pair, value cryptobyte.String
		var id asn1.ObjectIdentifier
		var k tag.Tag
		if !list.ReadASN1(&set, tag.SET) || !set.ReadASN1(&pair, tag.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&id) || !pair.ReadAnyASN1(&value, &k) {
			break
		}
		if k == 30 { // BMPString: two bytes a letter
			var b strings.Builder
			for i := 0; i+1 < len(value); i += 2 {
				b.WriteRune(rune(value[i])<<8 | rune(value[i+1]))
			}
			value = cryptobyte.String(b.String())
		}
		found[id.String()] = string(value)
	}
	for _, id := range []asn1.ObjectIdentifier{oidCN, oidO, oidOU} {
		s := found[id.String()]
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "?")
		}
		s = strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) || r == '{' || r == '}' {
				return '?'
			}
			return r
		}, s)
		if s != "" {
			if r := []rune(s); len(r) > 64 {
				s = string(r[:63]) + "…"
			}
			return s
		}
	}
	return "no name"
}

// fact tells of a certificate what the tree needs.
func (c *certificate) fact(off, n int64) wardein.Fact {
	e := ""
	if c.exponent != nil && c.exponent.BitLen() <= 17 {
		e = c.exponent.String()
	}
	return wardein.Fact{Kind: "cert", Off: off, Len: n, Attrs: []wardein.Note{
		{Name: "sha256", Value: hex.EncodeToString(c.sum[:])}, {Name: "spki", Value: hex.EncodeToString(c.spki[:])},
		{Name: "subject", Value: c.subject}, {Name: "self", Value: yes(c.self)}, {Name: "ca", Value: yes(c.ca)}, {Name: "serves", Value: yes(c.serves)},
		{Name: "from", Value: c.from.Format(time.DateOnly)}, {Name: "until", Value: c.until.Format(time.DateOnly)},
		{Name: "hash", Value: c.hash}, {Name: "kind", Value: c.kind}, {Name: "bits", Value: strconv.Itoa(c.bits)}, {Name: "exponent", Value: e},
	}}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
