package cyclonedx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// key is a private key that the release holds: kind and public fingerprint,
// no byte of it.
type key struct {
	ref, kind, fingerprint string
	bits                   int64
	finding                *wardein.Finding
	quotes                 []wardein.Quote
}

var bitsForm = lazy.Regexp(`^(.*) (\d{2,6}) bits(.*)$`)

// keys are those that the check secret found, each once.
func keys(r *wardein.Report) (out []key) {
	at := map[string]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Check != "secret" || !strings.HasPrefix(f.Rule, "secret.private-key") {
			continue
		}
		k := key{finding: f, quotes: f.Quotes, ref: "key:" + f.ID}
		for _, a := range f.Says.Args {
			switch a.Name {
			case "kind":
				k.kind = a.Value
			case "fingerprint":
				k.fingerprint = a.Value
			}
		}
		if m := bitsForm().FindStringSubmatch(k.kind); m != nil {
			k.kind = m[1] + m[3]
			k.bits, _ = strconv.ParseInt(m[2], 10, 32) // digits, at most six
		}
		if k.fingerprint != "" {
			k.ref = "key:sha256:" + k.fingerprint
		}
		if !at[k.ref] {
			at[k.ref] = true
			out = append(out, k)
		}
	}
	return out
}

func (b *bill) key(k *key) {
	b.Object(func() {
		b.Field("bom-ref").Text(k.ref)
		b.Field("cryptoProperties").Object(func() {
			b.Field("assetType").Text("related-crypto-material")
			b.Field("relatedCryptoMaterialProperties").Object(func() {
				if k.fingerprint != "" {
					b.Field("id").Text(k.fingerprint)
				}
				if k.bits > 0 {
					b.Field("size").Int(k.bits)
				}
				b.Field("type").Text("private-key")
			})
		})
		b.Field("evidence").Object(func() {
			b.Field("occurrences").Array(func() {
				for i := range k.quotes {
					b.occurrence(&k.quotes[i], "", fmt.Sprintf("%d bytes", k.quotes[i].Len))
				}
			})
		})
		b.Field("name").Bytes("private key (" + k.kind + ")")
		b.Field("properties").Array(func() {
			b.property("wardein:finding", k.finding.ID)
			b.property("wardein:encrypted", strconv.FormatBool(k.finding.Rule == "secret.private-key-encrypted"))
		})
		b.Field("type").Text("cryptographic-asset")
	})
}

// Bounds on the list of certificates: a trust store has 150.
const (
	maxCertificates = 10_000
	maxPlaces       = 64
)

// certificate is an X.509 certificate of the release, however often it stands
// in it.
type certificate struct {
	wardein.Fact
	quotes []wardein.Quote
	places int
}

// certificates are those that the check cert stated, by digest, in the order
// in which they stand in the release.
func certificates(t wardein.Tree) (out []certificate) {
	at := map[string]int{}
	for n, f := range t.Facts("cert") {
		sum := f.Attr("sha256")
		if f.Kind != "cert" || sum == "" {
			continue
		}
		i, ok := at[sum]
		if !ok {
			if len(out) == maxCertificates {
				continue
			}
			i = len(out)
			at[sum] = i
			out = append(out, certificate{Fact: f})
		}
		c := &out[i]
		if c.places++; len(c.quotes) < maxPlaces {
			c.quotes = append(c.quotes, wardein.Quote{Node: n.Path, Off: f.Off, Len: f.Len})
		}
	}
	return out
}

func (b *bill) certificate(c *certificate) {
	b.Object(func() {
		b.Field("bom-ref").Bytes("certificate:sha256:" + c.Attr("sha256"))
		b.Field("cryptoProperties").Object(func() {
			b.Field("assetType").Text("certificate")
			b.Field("certificateProperties").Object(func() {
				b.Field("certificateFormat").Text("X.509")
				b.day("notValidAfter", c.Attr("until"))
				b.day("notValidBefore", c.Attr("from"))
				if s := c.Attr("subject"); s != "" {
					b.Field("subjectName").Bytes(s)
				}
				if ref := "key:sha256:" + c.Attr("spki"); slices.ContainsFunc(b.keys, func(k key) bool { return k.ref == ref }) {
					b.Field("subjectPublicKeyRef").Text(ref)
				}
			})
		})
		b.Field("evidence").Object(func() {
			b.Field("occurrences").Array(func() {
				for i := range c.quotes {
					b.occurrence(&c.quotes[i], "", fmt.Sprintf("%d bytes", c.quotes[i].Len))
				}
			})
		})
		name := c.Attr("subject")
		if name == "" {
			name = "certificate"
		}
		b.Field("name").Bytes(name)
		b.Field("properties").Array(func() {
			for _, a := range []string{"kind", "bits", "hash", "self", "ca"} {
				if v := c.Attr(a); v != "" {
					b.property("wardein:certificate."+a, v)
				}
			}
			b.count("wardein:certificate.places", int64(c.places))
			b.property("wardein:certificate.public-key-sha256", c.Attr("spki"))
		})
		b.Field("type").Text("cryptographic-asset")
	})
}

// day writes a date as the time that the schema wants.
func (b *bill) day(field, date string) {
	if _, err := time.Parse(time.DateOnly, date); err == nil {
		b.Field(field).Text(date + "T00:00:00Z")
	}
}
