package equiv

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
)

// signer is a key with its certificate.
type signer struct {
	key    *rsa.PrivateKey
	cert   *x509.Certificate
	public []byte // the certificate, PEM
}

var theKey, otherKey = sync.OnceValue(newSigner), sync.OnceValue(newSigner)

func newSigner() *signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "ExampleTel modules"}, NotBefore: time.Unix(1.6e9, 0), NotAfter: time.Unix(2.6e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &signer{key, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func testKey(testing.TB) *signer { return theKey() }

// cms signs detached, as for a kernel module: without a certificate.
func (s *signer) cms(t judging, b string) string {
	d, err := pkcs7.NewSignedData([]byte(b))
	if err != nil {
		t.Fatal(err)
	}
	d.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := d.SignWithoutAttr(s.cert, s.key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	d.Detach()
	out, err := d.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// module appends a signature as Linux' scripts/sign-file does.
func (s *signer) module(t judging, b string) string {
	sig := s.cms(t, b)
	head := make([]byte, 12)
	head[2] = 2
	binary.BigEndian.PutUint32(head[8:], uint32(len(sig)))
	return b + sig + string(head) + moduleMagic
}

func (s *signer) facts(g Signature) *Facts {
	g.Files, g.Signer = []string{"usr/bin/*"}, "vendor.pem"
	if g.Hash == "" {
		g.Hash = "sha256"
	}
	return &Facts{Shipped: Build{Signatures: []Signature{g}}}
}

func TestSignature(t *testing.T) {
	s := theKey()
	const plain = "a module, or what else is signed"
	sum := sha256.Sum256([]byte(plain))
	raw, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	pss, err := rsa.SignPSS(rand.Reader, s.key, crypto.SHA256, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	ed := string(ed25519.Sign(private, []byte(plain)))
	cms := s.cms(t, plain)
	for _, c := range []struct {
		name            string
		g               Signature
		shipped, wanted string
	}{
		{"module", Signature{Kind: "module", Key: s.public}, s.module(t, plain), plain},
		{"module, signed by the lab", Signature{Kind: "module", Key: s.public}, s.module(t, plain), otherKey().module(t, plain)},
		{"rsa in front", Signature{Kind: "rsa", Len: 256, Key: s.public}, string(raw) + plain, plain},
		{"rsa at the end", Signature{Kind: "rsa", At: -256, Len: 256, Key: s.public}, plain + string(raw), plain},
		{"rsa inside, zeros instead", Signature{Kind: "rsa", At: 5, Len: 256, Key: s.public}, plain[:5] + string(raw) + plain[5:], plain[:5] + strings.Repeat("\x00", 256) + plain[5:]},
		{"rsa-pss", Signature{Kind: "rsa", At: -256, Len: 256, Key: s.public}, plain + string(pss), plain},
		{"ed25519", Signature{Kind: "ed25519", Len: 64, Key: edDER}, ed + plain, plain},
		{"cms, filled up", Signature{Kind: "cms", At: -4096, Len: 4096, Key: s.public}, plain + cms + strings.Repeat("\x00", 4096-len(cms)), plain},
	} {
		if r := judge(t, one(c.shipped), one(c.wanted), s.facts(c.g)); r.Verdict != Equivalent || len(r.Rules) != 1 || r.Rules[0].Rule != "signature" {
			t.Errorf("%s: %s", c.name, text(t, r))
		}
		// Of anything else it is no signature.
		other := strings.Replace(c.wanted, "what else", "what ever", 1)
		if r := judge(t, one(c.shipped), one(other), s.facts(c.g)); r.Verdict != Different {
			t.Errorf("%s: %s", c.name, text(t, r))
		}
		both := strings.Replace(c.shipped, "what else", "what ever", 1)
		if r := judge(t, one(both), one(other), s.facts(c.g)); r.Verdict != Different || !strings.Contains(dump(r), "does not verify") {
			t.Errorf("%s: of other bytes: %s", c.name, text(t, r))
		}
		no := c.g
		no.Key = nil
		if r := judge(t, one(c.shipped), one(c.wanted), s.facts(no)); r.Verdict != NotComparable || r.Bytes.NotCovered == 0 {
			t.Errorf("%s: without a key: %s", c.name, text(t, r))
		}
		if c.g.Kind != "ed25519" {
			wrong := c.g
			wrong.Key = otherKey().public
			if r := judge(t, one(c.shipped), one(c.wanted), s.facts(wrong)); r.Verdict != Different {
				t.Errorf("%s: with another key: %s", c.name, text(t, r))
			}
		}
		if r := judge(t, one(c.shipped), one(c.wanted), nil); r.Verdict != Different {
			t.Errorf("%s: not declared: %s", c.name, text(t, r))
		}
	}
}

// A signed module with any byte changed is different, but for those few of the
// encoding that no signature covers.
func TestSignatureChanged(t *testing.T) {
	s := theKey()
	const plain = "a module, or what else is signed"
	signed := s.module(t, plain)
	facts := s.facts(Signature{Kind: "module", Key: s.public})
	trailer := len(signed) - len(moduleMagic) - 12
	taken := 0
	for i := range signed {
		b := []byte(signed)
		b[i] ^= 1
		if r := judge(t, one(string(b)), one(plain), facts); r.Verdict == Different {
			continue
		}
		if taken++; i < len(plain) || i >= trailer {
			t.Errorf("byte %#x of %#x", i, len(signed))
		}
	}
	if taken > 24 {
		t.Errorf("%d bytes of %d can be changed", taken, len(signed))
	}
}
