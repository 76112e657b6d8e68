package report

import (
	"crypto/sha1"
	"encoding/hex"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/lazy"
)

// What the exchange formats (packages below this one) have in common: names
// that come from a report alone, so that the same report gives the same bytes.

// Digest identifies a report: the SHA-256 of its canonical JSON.
func Digest(r *wardein.Report, messages map[string]string) wardein.Digest {
	return digest(JSON(r, messages))
}

// UUID is the version 5 UUID (RFC 9562, section 5.5) of a digest's URN and of
// the form that names it, so that two forms of one report differ.
func UUID(d wardein.Digest, form string) string {
	// 6ba7b811-9dad-11d1-80b4-00c04fd430c8: names that are URLs
	space := "\x6b\xa7\xb8\x11\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8"
	u := sha1.Sum([]byte(space + "urn:sha256:" + d.String() + "#" + form))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	x := hex.EncodeToString(u[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// Stamp is the evaluation date as RFC 3339 has it: the only time that a form
// of a report may bear. It is "" when the report has none.
func Stamp(r *wardein.Report) string {
	if _, err := time.Parse(time.DateOnly, r.Recipe.AsOf); err != nil {
		return ""
	}
	return r.Recipe.AsOf + "T00:00:00Z"
}

// CPE is a component's name in the CPE dictionary as a formatted string (NIST
// IR 7695, section 6.2), "" when it has none or cannot be written as one.
func CPE(c *wardein.Component) string {
	vendor, ok1 := cpePart(c.Vendor)
	product, ok2 := cpePart(c.Product)
	version, ok3 := cpePart(c.Version)
	if c.Version == "" {
		version, ok3 = "*", true
	}
	if !ok1 || !ok2 || !ok3 {
		return ""
	}
	part := "a"
	if c.Product == "linux_kernel" || slices.ContainsFunc(c.Seen, func(s wardein.Occurrence) bool { return s.By == "kernel" }) {
		part = "o"
	}
	return "cpe:2.3:" + part + ":" + vendor + ":" + product + ":" + version + ":*:*:*:*:*:*:*"
}

// cpePart escapes one attribute; not ok: it is empty, not applicable, or has a
// character that no formatted string can hold.
func cpePart(s string) (string, bool) {
	if s == "" || s == "-" {
		return "", false
	}
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r):
		case strings.ContainsRune("\\*?!\"#$%&'()+,/:;<=>@[]^`{|}~", r):
			b.WriteByte('\\')
		default:
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), true
}

var purlForm = lazy.Regexp(`^pkg:[A-Za-z.+-][A-Za-z0-9.+-]*/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#-]|%[0-9A-Fa-f]{2})+$`)

// PURL is a component's package URL, "" when it has none that is one.
func PURL(c *wardein.Component) string {
	if strings.Count(c.PURL, "#") > 1 || !purlForm().MatchString(c.PURL) {
		return ""
	}
	return c.PURL
}

// Place is a node's path where an empty one is not understood.
func Place(path string) string {
	if path == "" {
		return "." // the release itself
	}
	return path
}

// Refs are names of the components, one each, that depend on nothing but the
// component and those of its name and version before it.
func Refs(r *wardein.Report) []string {
	var refs []string
	taken := map[string]bool{}
	for i := range r.Components {
		c := &r.Components[i]
		plain := "component:" + canon.Escape(c.Name) + "@" + canon.Escape(c.Version)
		ref := plain
		for n := 2; taken[ref]; n++ {
			ref = plain + "#" + strconv.Itoa(n)
		}
		taken[ref] = true
		refs = append(refs, ref)
	}
	return refs
}

// Blobs are the digests of the contents that stand at some paths. It goes
// through the tree once.
func Blobs(t wardein.Tree, paths map[string]bool) map[string]wardein.Digest {
	found := map[string]wardein.Digest{}
	if len(paths) == 0 {
		return found
	}
	for n := range t.Nodes() {
		if paths[n.Path] && n.Blob != (wardein.Digest{}) {
			found[n.Path] = n.Blob
		}
	}
	return found
}

// GapKinds gives the kinds of gaps and their numbers, most first.
func GapKinds(r *wardein.Report) iter.Seq2[wardein.GapKind, int64] {
	return func(yield func(wardein.GapKind, int64) bool) {
		for _, k := range gapKinds(r.Gaps) {
			if !yield(k.kind, k.n) {
				return
			}
		}
	}
}

// GapWords explains a kind of gap.
func GapWords(k wardein.GapKind) string { return kindWords[k] }
