package secret

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/wardein/wardein/codec/pem"
)

// key is what is told of a private key: nothing that helps to have it.
type key struct {
	kind      string // "RSA", "EC P-256", "Ed25519", "" when encryption hides it
	form      string // "PKCS#1", "PKCS#8", "SEC 1", "DSA", "OpenSSH", "Dropbear", …
	bits      int    // 0: not told
	encrypted bool
	// verified: the private part was seen to belong to the public one, or,
	// for an encrypted key, the envelope's structure is complete.
	verified bool
	// spki is the public key as SubjectPublicKeyInfo, nil when not told.
	spki []byte
	// sealed are the encrypted bytes that stand for a key whose public part
	// is not told.
	sealed []byte
}

// fingerprint is the SHA-256 of the SubjectPublicKeyInfo, "" when not told:
// openssl pkey -pubout -outform DER | sha256sum.
func (k *key) fingerprint() string {
	if k.spki == nil {
		return ""
	}
	sum := sha256.Sum256(k.spki)
	return hex.EncodeToString(sum[:])
}

// identity tells two keys apart. It is no digest of a bare secret: public key,
// or encrypted bytes, or no more than the kind.
func (k *key) identity() string {
	switch {
	case k.spki != nil:
		return k.fingerprint()
	case k.sealed != nil:
		return shortID(k.sealed)
	}
	return "kind " + k.kind
}

var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidDSA     = asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}
	oidEC      = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidX25519  = asn1.ObjectIdentifier{1, 3, 101, 110}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// otherKinds are algorithms whose public key is not computed here.
var otherKinds = map[string]string{
	"1.2.840.113549.1.1.10": "RSA-PSS",
	"1.2.840.113549.1.3.1":  "DH",
	"1.3.101.111":           "X448",
	"1.3.101.113":           "Ed448",
}

type curve struct {
	oid  asn1.ObjectIdentifier
	name string
	bits int
	ecdh ecdh.Curve // nil: the public part is believed as it stands
}

var curves = []curve{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}, "P-256", 256, ecdh.P256()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 34}, "P-384", 384, ecdh.P384()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 35}, "P-521", 521, ecdh.P521()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 33}, "P-224", 224, nil},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 1}, "P-192", 192, nil},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 10}, "secp256k1", 256, nil},
	{asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 7}, "brainpoolP256r1", 256, nil},
	{asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 11}, "brainpoolP384r1", 384, nil},
	{asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 13}, "brainpoolP512r1", 512, nil},
}

// wanted tells the labels of blocks that hold something secret.
func wanted(label string) bool {
	return strings.HasSuffix(label, "PRIVATE KEY") || label == "PGP PRIVATE KEY BLOCK" || label == "OpenVPN Static key V1" ||
		strings.HasPrefix(label, "OpenVPN tls-crypt-v2 ")
}

// parseBlock reads a block's key. Not ok: the bytes are no key.
func parseBlock(b *pem.Block) (key, bool) {
	switch {
	case b.Label == "PGP PRIVATE KEY BLOCK":
		return parsePGP(b)
	case strings.HasPrefix(b.Label, "OpenVPN "):
		return parseOpenVPN(b)
	}
	der, ok := b.Bytes()
	if !ok || len(der) < 16 {
		return key{}, false
	}
	var proc, dek string
	for _, h := range b.Headers {
		name, value, _ := strings.Cut(h, ":")
		switch strings.ToLower(name) {
		case "proc-type":
			proc = value
		case "dek-info":
			dek = value
		}
	}
	switch {
	case strings.Contains(proc, "ENCRYPTED"):
		// RFC 1421, 4.6.1: what is under the cipher is not told; the label
		// tells the kind.
		k := key{kind: strings.TrimSpace(strings.TrimSuffix(b.Label, "PRIVATE KEY")), form: "PEM", encrypted: true, sealed: der}
		return k, dek != "" && len(der)%8 == 0
	case b.Label == "OPENSSH PRIVATE KEY":
		return parseOpenSSH(der)
	case b.Label == "ENCRYPTED PRIVATE KEY":
		return parseSealed(der)
	}
	for _, parse := range []func([]byte) (key, bool){parsePKCS8, parseRSA, parseDSA} {
		if k, ok := parse(der); ok {
			return k, true
		}
	}
	return parseEC(der, nil)
}

// exact decodes DER that is all of the bytes.
func exact(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}

// parseSealed reads EncryptedPrivateKeyInfo (RFC 5958, section 3).
func parseSealed(der []byte) (key, bool) {
	var s struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	ok := exact(der, &s) && len(s.Data) >= 16 && len(s.Algorithm.Parameters.FullBytes) > 0
	return key{form: "PKCS#8", encrypted: true, verified: true, sealed: s.Data}, ok
}

// parsePKCS8 reads OneAsymmetricKey (RFC 5958, section 2).
func parsePKCS8(der []byte) (key, bool) {
	var s struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}
	if !exact(der, &s) || s.Version < 0 || s.Version > 1 || len(s.Key) == 0 {
		return key{}, false
	}
	oid := s.Algorithm.Algorithm
	var k key
	ok := true
	switch {
	case oid.Equal(oidRSA):
		k, ok = parseRSA(s.Key)
	case oid.Equal(oidDSA):
		k, ok = parseDSA8(s.Algorithm.Parameters.FullBytes, s.Key)
	case oid.Equal(oidEC):
		var named asn1.ObjectIdentifier
		if !exact(s.Algorithm.Parameters.FullBytes, &named) {
			k = key{kind: "EC"}
			break
		}
		k, ok = parseEC(s.Key, named)
	case oid.Equal(oidEd25519), oid.Equal(oidX25519): // RFC 8410, section 7
		var seed []byte
		if !exact(s.Key, &seed) || len(seed) != 32 {
			return key{}, false
		}
		k = key{kind: "Ed25519", bits: 256, verified: true}
		if oid.Equal(oidEd25519) {
			k.spki = spki(oid, nil, ed25519.NewKeyFromSeed(seed)[32:])
		} else {
			k, ok = x25519(seed)
		}
	default:
		k = key{kind: otherKinds[oid.String()]}
		if k.kind == "" {
			k.kind = "algorithm " + oid.String()
		}
	}
	k.form = "PKCS#8"
	return k, ok
}

// x25519 is a bare key of WireGuard, age or PKCS#8.
func x25519(scalar []byte) (key, bool) {
	p, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return key{}, false
	}
	return key{kind: "X25519", bits: 256, verified: true, spki: spki(oidX25519, nil, p.PublicKey().Bytes())}, true
}

// maxRSA bounds the arithmetic that one key can cause.
const maxRSA = 32768

// parseRSA reads RSAPrivateKey (RFC 8017, A.1.2) and verifies it.
func parseRSA(der []byte) (key, bool) {
	var s struct {
		Version                   int
		N, E, D, P, Q, Dp, Dq, Qi *big.Int
		Other                     []struct{ R, D, T *big.Int } `asn1:"optional"`
	}
	if !exact(der, &s) || s.Version < 0 || s.Version > 1 || s.N.Sign() <= 0 || s.N.BitLen() > maxRSA || len(s.Other) > 8 {
		return key{}, false
	}
	product := big.NewInt(1)
	primes := []*big.Int{s.P, s.Q}
	for _, o := range s.Other {
		primes = append(primes, o.R)
	}
	for _, p := range primes {
		if p.BitLen() < 2 || p.Sign() <= 0 {
			return key{}, false
		}
		product.Mul(product, p)
	}
	if product.Cmp(s.N) != 0 || !belongs(s.E, s.D, primes) {
		return key{}, false
	}
	return key{kind: "RSA", form: "PKCS#1", bits: s.N.BitLen(), verified: true, spki: rsaSPKI(s.N, s.E)}, true
}

// belongs tells whether d undoes e modulo each prime.
func belongs(e, d *big.Int, primes []*big.Int) bool {
	if e.Sign() <= 0 || d.Sign() <= 0 || e.BitLen() > maxRSA || d.BitLen() > maxRSA {
		return false
	}
	one := big.NewInt(1)
	ed := new(big.Int).Mul(e, d)
	for _, p := range primes {
		if m := new(big.Int).Sub(p, one); new(big.Int).Mod(ed, m).Cmp(one) != 0 {
			return false
		}
	}
	return true
}

func rsaSPKI(n, e *big.Int) []byte {
	pub, err := asn1.Marshal(struct{ N, E *big.Int }{n, e})
	if err != nil {
		return nil
	}
	return spki(oidRSA, asn1.NullBytes, pub)
}

// parseEC reads ECPrivateKey (RFC 5915). named is the curve that an outer
// structure named, nil for none.
func parseEC(der []byte, named asn1.ObjectIdentifier) (key, bool) {
	var s struct {
		Version int
		D       []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		Public  asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
	if !exact(der, &s) || s.Version != 1 || len(s.D) == 0 || len(s.D) > 128 {
		return key{}, false
	}
	if named == nil {
		named = s.Curve
	}
	k := key{kind: "EC", form: "SEC 1"}
	if len(named) == 0 {
		return k, len(s.Public.Bytes) > 0
	}
	params, err := asn1.Marshal(named)
	if err != nil {
		return key{}, false
	}
	for _, c := range curves {
		if !c.oid.Equal(named) {
			continue
		}
		k.kind, k.bits = "EC "+c.name, c.bits
		if c.ecdh == nil {
			break
		}
		point, ok := publicPoint(&c, s.D)
		if !ok || len(s.Public.Bytes) == len(point) && string(s.Public.Bytes) != string(point) {
			return key{}, false
		}
		k.verified, k.spki = true, spki(oidEC, params, point)
		return k, true
	}
	if len(s.Public.Bytes) > 0 {
		k.spki = spki(oidEC, params, s.Public.RightAlign())
	}
	return k, true
}

// publicPoint computes the public point of a private scalar.
func publicPoint(c *curve, d []byte) ([]byte, bool) {
	scalar := make([]byte, (c.bits+7)/8)
	for len(d) > len(scalar) && d[0] == 0 {
		d = d[1:]
	}
	if len(d) > len(scalar) {
		return nil, false
	}
	copy(scalar[len(scalar)-len(d):], d)
	p, err := c.ecdh.NewPrivateKey(scalar)
	if err != nil {
		return nil, false
	}
	return p.PublicKey().Bytes(), true
}

// parseDSA reads OpenSSL's DSAPrivateKey: 0, p, q, g, y, x.
func parseDSA(der []byte) (key, bool) {
	var s struct {
		Version       int
		P, Q, G, Y, X *big.Int
	}
	if !exact(der, &s) || s.Version != 0 || !dsaDomain(s.P, s.Q, s.G) || s.X.Sign() <= 0 || s.X.Cmp(s.Q) >= 0 || s.Y.Sign() <= 0 || s.Y.Cmp(s.P) >= 0 {
		return key{}, false
	}
	if new(big.Int).Exp(s.G, s.X, s.P).Cmp(s.Y) != 0 {
		return key{}, false
	}
	return key{kind: "DSA", form: "DSA", bits: s.P.BitLen(), verified: true, spki: dsaSPKI(s.P, s.Q, s.G, s.Y)}, true
}

// parseDSA8 reads a DSA key inside PKCS#8: parameters and x.
func parseDSA8(params, der []byte) (key, bool) {
	var d struct{ P, Q, G *big.Int }
	var x *big.Int
	if !exact(params, &d) || !exact(der, &x) || !dsaDomain(d.P, d.Q, d.G) || x.Sign() <= 0 || x.Cmp(d.Q) >= 0 {
		return key{}, false
	}
	y := new(big.Int).Exp(d.G, x, d.P)
	return key{kind: "DSA", bits: d.P.BitLen(), verified: true, spki: dsaSPKI(d.P, d.Q, d.G, y)}, true
}

// dsaDomain verifies sizes (FIPS 186-4, 4.2, with room) before anything is
// computed with them.
func dsaDomain(p, q, g *big.Int) bool {
	if p.Sign() <= 0 || p.BitLen() < 256 || p.BitLen() > 3072 || q.BitLen() < 128 || q.BitLen() > 256 || q.Sign() <= 0 || g.Sign() <= 0 || g.Cmp(p) >= 0 || p.Bit(0) == 0 {
		return false
	}
	one := big.NewInt(1)
	return new(big.Int).Mod(p, q).Cmp(one) == 0
}

func dsaSPKI(p, q, g, y *big.Int) []byte {
	params, err := asn1.Marshal(struct{ P, Q, G *big.Int }{p, q, g})
	if err != nil {
		return nil
	}
	pub, err := asn1.Marshal(y)
	if err != nil {
		return nil
	}
	return spki(oidDSA, params, pub)
}

// spki encodes SubjectPublicKeyInfo (RFC 5280, 4.1).
func spki(oid asn1.ObjectIdentifier, params, public []byte) []byte {
	type algorithm struct {
		OID    asn1.ObjectIdentifier
		Params asn1.RawValue `asn1:"optional"`
	}
	der, err := asn1.Marshal(struct {
		Algorithm algorithm
		Public    asn1.BitString
	}{algorithm{oid, asn1.RawValue{FullBytes: params}}, asn1.BitString{Bytes: public, BitLength: 8 * len(public)}})
	if err != nil {
		return nil
	}
	return der
}
