// Package secret finds what opens something and is the same on every unit:
// private keys and key stores, by structure and verified, in any bytes; and
// credentials in configuration, by the names that programs give them.
//
// A label or a name alone is nothing: every TLS library holds "-----BEGIN RSA
// PRIVATE KEY-----". What is reported as a key was decoded and its numbers
// belong together.
package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/pem"
)

// Check finds keys and credentials, and those keys that also stand in the
// named sets.
func Check(known ...*KeySet) wardein.Check {
	c := wardein.Check{
		Name: "secret", Version: 3, Doc: doc, Messages: messages, Cases: testCases, Covers: covers,
		Wants: func(wardein.Blob) (bool, string) { return true, "" },
		Node:  node,
		Reads: []string{"cert"},
		Tree: func(ctx context.Context, t wardein.Tree, out func(wardein.Finding)) error {
			return tree(ctx, t, known, out)
		},
	}
	for _, f := range finders {
		c.Literals = append(c.Literals, f.literal)
	}
	return c
}

// covers: what can be read speaks to all cases; in bytes that are encrypted or
// packed no key or password would be seen.
func covers(n *wardein.Node, _ []wardein.Fact) []string {
	var dark int64
	for _, s := range n.Spans {
		if s.What == wardein.Opaque || s.What == wardein.Padding || s.What == wardein.Unknown && s.Is == "high entropy" {
			dark += s.Len
		}
	}
	if n.Size == 0 || 2*dark >= n.Size {
		return nil
	}
	return []string{confidential, factory, stored}
}

// place is a key and where it stands.
type place struct {
	off, len int64
	key
}

// finder reads what may stand at a literal; many tells, too, how many bytes
// from there on need not be looked at again.
type finder struct {
	literal string
	one     func(r io.ReaderAt, size, off int64) (place, bool)
	many    func(r io.ReaderAt, size, off int64) ([]place, int64)
}

// finders go from what contains others to what is contained.
var finders = func() []finder {
	list := []finder{
		{literal: pem.Begin, one: findPEM},
		{literal: "LS0tLS1CRUdJTi", many: findWrapped}, // "-----BEGIN" in base64
		{literal: dataType, many: findPKCS12},
		{literal: jksMagic, many: findJKS}, {literal: jceksMagic, many: findJKS},
		{literal: puttyHead, one: findPuTTY}, {literal: ageHead, one: findAge},
		{literal: sealedHead, one: findSealed}, {literal: dsaHead, one: findDSA},
	}
	add := func(one func(r io.ReaderAt, size, off int64) (place, bool), literals ...string) {
		for _, l := range literals {
			list = append(list, finder{literal: l, one: one})
		}
	}
	add(findDropbear, dropbearHeads...)
	add(findRSA, rsaHeads...)
	add(findEC, curveHeads...)
	add(findEdwards, edwardsHeads...)
	for _, b := range bareHeads {
		add(findBare(b.at), b.literal)
	}
	return list
}()

// maxPlaces is how many hits the engine gives at most; maxKeys bounds what
// verifying the keys of one blob may cost.
const (
	maxPlaces = 4096
	maxKeys   = 1000
	leastRead = 4 << 20 // less than the runner grants for the whole check
	timesRead = 16
)

func node(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	var limits []error
	var keys []place
	covered := func(off int64) bool {
		for i := range keys {
			if off >= keys[i].off && off < keys[i].off+keys[i].len {
				return true
			}
		}
		return false
	}
	limit := leastRead + timesRead*min(b.Size, 1<<50)
	r := &budget{b, limit}
	for i, f := range finders {
		hits := b.Hits(i)
		if len(hits) >= maxPlaces {
			limits = append(limits, fmt.Errorf("%d places with %q looked at, the limit is %d: there may be more", len(hits), f.literal, maxPlaces))
		}
		next := int64(0)
		for _, off := range hits {
			if err := ctx.Err(); err != nil {
				return err
			}
			if len(keys) >= maxKeys || r.left < 0 {
				break
			}
			if off < next || covered(off) {
				continue
			}
			if f.many != nil {
				found, n := f.many(r, b.Size, off)
				keys, next = append(keys, found...), off+n
			} else if p, ok := f.one(r, b.Size, off); ok {
				keys = append(keys, p)
			}
		}
	}
	if len(keys) >= maxKeys {
		limits = append(limits, fmt.Errorf("%d keys, the limit is %d: there may be more", len(keys), maxKeys))
	}
	if r.left < 0 {
		limits = append(limits, fmt.Errorf("what looks like keys was read %d bytes more than the limit of %d: there may be more", -r.left, limit))
	}
	slices.SortStableFunc(keys, func(a, b place) int { return int(min(max(a.off-b.off, -1), 1)) })
	for i := range keys {
		out(keys[i].fact())
	}
	s := &scan{text: b.Class == "text", out: out}
	if s.text && b.Size <= maxShape {
		text := make([]byte, b.Size)
		if n, err := b.ReadAt(text, 0); int64(n) < b.Size {
			return fmt.Errorf("read ends at %#x of %d bytes: %w", n, b.Size, err)
		}
		s.shape(string(text))
		s.next = 0
	}
	if err := s.words(b, b.Size); err != nil {
		return err
	}
	if s.n > maxSettings {
		limits = append(limits, fmt.Errorf("more than %d credentials in words, the limit: there may be more", maxSettings))
	}
	return errors.Join(limits...)
}

// budget bounds what is read because of bytes that stand in keys: a file that
// is full of them would be read again for each.
type budget struct {
	io.ReaderAt
	left int64
}

func (b *budget) ReadAt(p []byte, off int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, io.EOF
	}
	return b.ReaderAt.ReadAt(p, off)
}

// fact tells of a key what may be told.
func (p place) fact() wardein.Fact {
	return wardein.Fact{Kind: "private-key", Off: p.off, Len: p.len, Attrs: []wardein.Note{
		{Name: "kind", Value: p.kind}, {Name: "form", Value: p.form}, {Name: "bits", Value: strconv.Itoa(p.bits)},
		{Name: "encrypted", Value: yes(p.encrypted)}, {Name: "verified", Value: yes(p.verified)},
		{Name: "fingerprint", Value: p.fingerprint()}, {Name: "identity", Value: p.identity()}, {Name: "test", Value: testKeys()[p.fingerprint()]},
	}}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// findPEM reads a block at its beginning.
func findPEM(r io.ReaderAt, size, off int64) (place, bool) {
	b, ok := pem.Read(r, off, size, wanted)
	if !ok {
		return place{}, false
	}
	k, ok := parseBlock(&b)
	return place{off, b.Size, k}, ok
}

// maxWrapped is the longest run of base64 that is taken for wrapped PEM.
const maxWrapped = 128 << 10

// findWrapped reads the blocks of a PEM file that is itself in base64.
func findWrapped(r io.ReaderAt, size, off int64) (out []place, n int64) {
	text, n := pem.UnwrapAt(r, off, min(size-off, maxWrapped))
	inner := bytes.NewReader(text)
	for at := 0; at < len(text) && len(out) < 16; {
		i := bytes.Index(text[at:], []byte(pem.Begin))
		if i < 0 {
			break
		}
		i += at
		at = i + 1
		if p, ok := findPEM(inner, int64(len(text)), int64(i)); ok {
			at = i + int(p.len)
			out = append(out, place{off, n, p.key})
		}
	}
	return out, n
}
