package cert

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	stdpem "encoding/pem"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wardein/wardein/check/secret"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

const day = "2026-11-22"

func TestGolden(t *testing.T) { checktest.Golden(t, Check(day), secret.Check()) }
func Fuzz(f *testing.F)       { checktest.Fuzz(f, Check(day)) }

// samples are the certificates of the samples.
func samples(t testing.TB) (list [][]byte) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			for rest := f.Data; ; {
				var b *stdpem.Block
				if b, rest = stdpem.Decode(rest); b == nil {
					break
				}
				if b.Type == "CERTIFICATE" && len(b.Bytes) > 10 {
					list = append(list, b.Bytes)
				}
			}
		}
	}
	return list
}

// The parser reads what crypto/x509 reads.
func TestAgainstX509(t *testing.T) {
	list := samples(t)
	if len(list) < 15 {
		t.Fatalf("%d certificates", len(list))
	}
	for _, raw := range list {
		want, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parse(raw)
		if !ok || got.subject != want.Subject.CommonName || !got.from.Equal(want.NotBefore) || !got.until.Equal(want.NotAfter) || got.ca != want.IsCA ||
			got.serves != (len(want.ExtKeyUsage) > 0) || got.self != bytes.Equal(want.RawIssuer, want.RawSubject) || got.spki != sha256.Sum256(want.RawSubjectPublicKeyInfo) {
			t.Errorf("%s: %+v", want.Subject, got)
		}
		if k, ok := want.PublicKey.(*rsa.PublicKey); ok && (got.kind != "RSA" || got.bits != k.N.BitLen() || got.exponent.Int64() != int64(k.E)) {
			t.Errorf("%s: %s %d", want.Subject, got.kind, got.bits)
		}
		for n := range raw {
			if _, ok := parse(raw[:n]); ok {
				t.Fatalf("%s: read from %d of %d bytes", want.Subject, n, len(raw))
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, raw := range samples(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, ok := parse(raw)
		if !ok {
			return
		}
		// What crypto/x509 reads as well, both read alike.
		if want, err := x509.ParseCertificate(raw); err == nil && (!c.until.Equal(want.NotAfter) || c.spki != sha256.Sum256(want.RawSubjectPublicKeyInfo)) {
			t.Errorf("until %v, want %v", c.until, want.NotAfter)
		}
	})
}

func BenchmarkNode(b *testing.B) {
	data := make([]byte, 1<<20)
	for i, raw := range samples(b) {
		copy(data[i*60_000:], raw)
	}
	checktest.Benchmark(b, Check(day), data)
}
