// Package secret finds private keys that a release carries: PEM blocks (RFC
// 7468) in any file, text or program.
//
//	-----BEGIN RSA PRIVATE KEY-----     label
//	Proc-Type: 4,ENCRYPTED              headers, only in old encrypted keys
//	MIIEow…                             base64 of DER, or of openssh-key-v1
//	-----END RSA PRIVATE KEY-----
//
// A label alone is nothing: every TLS library holds one. What is reported was
// decoded and its numbers belong together.
package secret

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
)

// Check finds PEM private keys.
var Check = wardein.Check{
	Name:    "secret",
	Version: 1,
	Doc: wardein.Doc{
		About: "Private keys in PEM form, in files and inside programs: each is the same on every unit that runs the release, and known to whoever holds it.",
		How: "One pass over all bytes looks for \"-----BEGIN \". Where the label ends in PRIVATE KEY the block is decoded (also with line ends escaped as in JSON, source code or XML) and read as PKCS#1, PKCS#8, SEC 1, DSA or openssh-key-v1. " +
			"RSA: n is the product of the primes and d undoes e; EC on NIST curves, Ed25519, X25519, DSA: the public key is computed. Keys are told apart by the SHA-256 of their SubjectPublicKeyInfo, so that one key in several forms is one finding. " +
			"Neither findings nor facts hold a byte of a key: they hold kind, size, public fingerprint, offset and length.",
		FalsePositives: []string{
			"test keys that a library carries for its self-test, or that its documentation prints (mbedTLS built with MBEDTLS_CERTS_C)",
			"keys in folders for documentation, examples or tests: low and possible, not left out",
			"a key that is replaced at first start by one made on the unit: the image does not always show that",
		},
		FalseNegatives: []string{
			"keys in other forms: bare DER, Dropbear, PuTTY, PKCS#12, Java key stores, PGP, base64 of a whole PEM file",
			"a block that is put together at run time or broken up by string concatenation",
			"bytes that are gaps or opaque: see the report's gaps",
		},
		Limits: []string{
			"what a key is used for is not looked at: a service key, a client key and an unused key are graded alike",
			"the password of an encrypted key is not looked for",
			"one block is at most 64 KiB, one file is looked at in at most 4,096 places",
			"whether the same key is in other releases or products is not looked at here",
		},
		References: []string{
			"RFC 7468, sections 10, 11, 13", "RFC 8017, A.1.2", "RFC 5958", "RFC 5915", "RFC 8410", "RFC 1421, 4.6", "OpenSSH PROTOCOL.key",
			"CWE-321", "3GPP TS 33.117, PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION",
		},
	},
	Literals: []string{begin},
	Wants: func(b wardein.Blob) (bool, string) {
		return len(b.Hits(0)) > 0, "no literal found"
	},
	Node: node,
	Tree: tree,
	Messages: map[string]string{
		"secret.open":          "A private key ({kind}) stands in {files} unencrypted (public key SHA-256 {short}…): whoever has a copy of this release has the key.",
		"secret.encrypted":     "A private key ({kind}) stands in {files}, encrypted with a password: it is as safe as that password, which a unit that uses the key must hold.",
		"secret.same":          "One private key ({kind}, public key SHA-256 {short}…) stands in {files} with different content: one that leaks opens all uses, and a replacement must reach each copy.",
		"secret.same-program":  "One private key ({kind}, public key SHA-256 {short}…) stands in {files} with different content, programs among them: replacing the key file leaves the copy in the program in use.",
		"secret.aside":         "A private key ({kind}, public key SHA-256 {short}…) stands in {files} unencrypted, in a folder for documentation, examples or tests: it does no harm unless somebody uses it.",
		"secret.unread":        "A block labelled as private key ({kind}) stands in {files} unencrypted; its structure is complete, its numbers were not verified here.",
		"secret.fix":           "Make the key on each unit, at production or first start, ship none, and withdraw this one with all certificates made for it.",
		"secret.fix-encrypted": "Ship no key that all units share; where one must be shipped, do not ship what decrypts it.",
		"secret.fix-same":      "Use one key for one purpose, kept in one place outside of programs, and made on each unit.",
		"secret.until":         "Install an own key and certificate on each unit and trust the shipped one nowhere; where it cannot be replaced, let only the management network reach the unit.",
		"secret.until-same":    "When replacing the key, check every file listed here.",
	},
}

func node(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	hits := b.Hits(0)
	next := int64(0)
	for _, off := range hits {
		if err := ctx.Err(); err != nil {
			return err
		}
		if off < next {
			continue
		}
		p, ok := readBlock(b, off, b.Size)
		if !ok {
			continue
		}
		k, ok := parseBlock(&p)
		if !ok {
			continue
		}
		next = off + p.size
		out(wardein.Fact{Kind: "private-key", Off: off, Len: p.size, Attrs: []wardein.Note{
			{Name: "kind", Value: k.kind}, {Name: "form", Value: k.form}, {Name: "bits", Value: strconv.Itoa(k.bits)},
			{Name: "encrypted", Value: yes(k.encrypted)}, {Name: "verified", Value: yes(k.verified)},
			{Name: "fingerprint", Value: k.fingerprint()}, {Name: "identity", Value: k.identity()},
		}})
	}
	if len(hits) >= maxPlaces {
		return fmt.Errorf("%d places looked at, the limit is %d: there may be more", len(hits), maxPlaces)
	}
	return nil
}

// maxPlaces is how many hits the engine gives at most.
const maxPlaces = 4096

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// shown is how many places a finding quotes; its text says how many there are.
const shown = 10

// found is one distinct key and where it stands.
type found struct {
	fact    wardein.Fact
	node    string
	paths   int
	last    string
	quotes  []wardein.Quote
	blobs   map[wardein.Digest]bool
	program bool
	open    bool // an account without rights can read it
	used    bool // stands in a place that is not documentation, example or test
}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	byKey := map[string]*found{}
	var order []*found
	for n, f := range t.Facts("secret") {
		id := f.Attr("identity") + f.Attr("encrypted")
		k := byKey[id]
		if k == nil {
			k = &found{fact: f, node: n.Path, blobs: map[wardein.Digest]bool{}}
			byKey[id] = k
			order = append(order, k)
		}
		if n.Path != k.last || k.paths == 0 {
			k.paths++
			k.last = n.Path
		}
		k.blobs[n.Blob] = true
		k.program = k.program || n.Format == "elf" || n.Format == "pe"
		k.open = k.open || n.Mode&0o004 != 0
		k.used = k.used || !aside(n.Path)
		if len(k.quotes) < shown {
			k.quotes = append(k.quotes, wardein.Quote{Node: n.Path, Off: f.Off, Len: f.Len})
		}
	}
	for _, k := range order {
		out(k.finding())
		if len(k.blobs) > 1 && k.fact.Attr("fingerprint") != "" && k.used {
			out(k.same())
		}
	}
	return nil
}

func (k *found) finding() wardein.Finding {
	f := wardein.Finding{
		Rule: "secret.private-key", Node: k.node, Severity: wardein.High, Confidence: wardein.Certain,
		Says: k.text("secret.open"), Fix: wardein.Text{ID: "secret.fix"}, Meanwhile: wardein.Text{ID: "secret.until"}, Quotes: k.quotes,
	}
	if k.fact.Attr("verified") == "no" {
		f.Confidence = wardein.Likely
	}
	switch {
	case k.fact.Attr("encrypted") == "yes":
		f.Rule, f.Severity = "secret.private-key-encrypted", wardein.Low
		f.Says, f.Fix = k.text("secret.encrypted"), wardein.Text{ID: "secret.fix-encrypted"}
	case !k.used:
		f.Severity, f.Confidence, f.Says = wardein.Low, wardein.Possible, k.text("secret.aside")
	case k.fact.Attr("verified") == "no":
		f.Says = k.text("secret.unread")
	}
	if k.open {
		f.Reach = wardein.Local
	}
	f.ID = stable.ID(f.Rule, k.fact.Attr("identity"))
	return f
}

// aside tells places where keys stand that show or test something.
func aside(path string) bool {
	for dir := range strings.SplitSeq(path[:strings.LastIndexByte(path, '/')+1], "/") {
		switch dir {
		case "doc", "docs", "man", "example", "examples", "test", "tests", "testdata", "selftest":
			return true
		}
	}
	return false
}

// same is the finding that a key has several uses or copies. Copies of one
// file (two banks of flash) do not count.
func (k *found) same() wardein.Finding {
	f := wardein.Finding{
		Rule: "secret.same-key", Node: k.node, Severity: wardein.Low, Confidence: wardein.Certain,
		Says: k.text("secret.same"), Fix: wardein.Text{ID: "secret.fix-same"}, Meanwhile: wardein.Text{ID: "secret.until-same"}, Quotes: k.quotes,
	}
	if k.program {
		f.Severity, f.Says = wardein.Medium, k.text("secret.same-program")
	}
	f.ID = stable.ID(f.Rule, k.fact.Attr("identity"))
	return f
}

func (k *found) text(id string) wardein.Text {
	kind, print := k.fact.Attr("kind"), k.fact.Attr("fingerprint")
	if bits := k.fact.Attr("bits"); bits != "0" && (kind == "RSA" || kind == "DSA") {
		kind += " " + bits + " bits"
	}
	if kind == "" {
		kind = "kind not shown"
	}
	files := "1 file"
	if k.paths != 1 {
		files = strconv.Itoa(k.paths) + " files"
	}
	return wardein.Text{ID: id, Args: []wardein.Note{{Name: "kind", Value: kind}, {Name: "files", Value: files},
		{Name: "short", Value: print[:min(16, len(print))]}, {Name: "fingerprint", Value: print}}}
}
