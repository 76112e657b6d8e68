// Package cert reads X.509 certificates (RFC 5280) wherever they stand: PEM,
// also inside programs and in base64, and DER by its structure, as key stores
// and programs hold it.
//
//	30 82 ll ll                 Certificate
//	  30 82 ll ll               TBSCertificate
//	    a0 03 02 01 02          version 3
//	    02 …                    serial number
package cert

import (
	"bytes"
	stdctx "context"
	"fmt"
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/der"
	"github.com/wardein/wardein/codec/pem"
)

const (
	version3 = "\xa0\x03\x02\x01\x02\x02"
	wrapped  = "LS0tLS1CRUdJTi" // "-----BEGIN" in base64
	maxRun   = 1 << 20
	maxHits  = 4096
)

// Check judges certificates at a date (YYYY-MM-DD).
func Check(asOf string) wardein.Check {
	return wardein.Check{
		Name: "cert", Version: 2, Doc: doc, Messages: messages, Cases: cases,
		Literals: []string{pem.Begin, version3, wrapped},
		Wants: func(b wardein.Blob) (bool, string) {
			return len(b.Hits(0))+len(b.Hits(1))+len(b.Hits(2)) > 0, "no literal found"
		},
		Node:  node,
		Reads: []string{"secret"},
		Tree: func(_ stdctx.Context, t wardein.Tree, out func(wardein.Finding)) error {
			return judge(t, asOf, out)
		},
	}
}

func wanted(label string) bool {
	return label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE"
}

func node(ctx stdctx.Context, b wardein.Blob, out func(wardein.Fact)) error {
	var facts []wardein.Fact
	add := func(off, n int64, raw []byte) {
		if c, ok := parse(raw); ok {
			facts = append(facts, c.fact(off, n))
		}
	}
	next := int64(0)
	for _, off := range b.Hits(0) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if off < next {
			continue
		}
		if p, ok := pem.Read(b, off, b.Size, wanted); ok {
			next = off + p.Size
			add(off, p.Size, content(&p))
		}
	}
	for _, off := range b.Hits(1) {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, tbs := der.Before(b, off)
		if tbs == nil {
			continue
		}
		if start, raw := der.Before(b, c); raw != nil {
			add(start, int64(len(raw)), raw)
		}
	}
	next = 0
	for _, off := range b.Hits(2) {
		if off < next {
			continue
		}
		text, n := pem.UnwrapAt(b, off, min(b.Size-off, maxRun))
		next = off + n
		for at := 0; ; {
			i := bytes.Index(text[at:], []byte(pem.Begin))
			if i < 0 {
				break
			}
			at += i
			if p, ok := pem.Read(bytes.NewReader(text), int64(at), int64(len(text)), wanted); ok {
				add(off, n, content(&p))
			}
			at++
		}
	}
	slices.SortStableFunc(facts, func(a, b wardein.Fact) int { return int(min(max(a.Off-b.Off, -1), 1)) })
	for _, f := range facts {
		out(f)
	}
	for i := range 3 {
		if n := len(b.Hits(i)); n >= maxHits {
			return fmt.Errorf("%d places looked at, the limit is %d: there may be more certificates", n, maxHits)
		}
	}
	return nil
}

// content is a block's certificate: what OpenSSL's TRUSTED CERTIFICATE has
// behind it is cut off.
func content(b *pem.Block) []byte {
	raw, ok := b.Bytes()
	if !ok || len(raw) > der.MaxSize {
		return nil
	}
	if b.Label == "TRUSTED CERTIFICATE" && len(raw) > 4 && raw[0] == 0x30 && raw[1] == 0x82 {
		raw = raw[:min(len(raw), 4+int(raw[2])<<8+int(raw[3]))]
	}
	return raw
}
