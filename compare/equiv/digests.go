package equiv

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/hex"
)

// digests are those of files that differ, shipped and rebuilt, computed when
// one is first asked for.
type digests struct {
	of   *comparison
	by   map[int]map[[2]string]bool // by the length of the digest in digits
	pair [][2]*member
}

// derivedDigest tells whether was is a digest, or the build-id, of a shipped
// file and is that of its counterpart.
func (c *comparison) derivedDigest(was, is string) bool {
	d := &c.ids
	if d.by == nil {
		d.by = map[int]map[[2]string]bool{}
		d.find(c.pairs.roots[0])
	}
	n := len(was)
	if d.by[n] == nil {
		d.by[n] = map[[2]string]bool{}
		d.fill(n)
	}
	return d.by[n][[2]string{was, is}]
}

// find collects the pairs that differ.
func (d *digests) find(m *member) {
	if m.pair != nil && m.content() && m.pair.content() && m.Blob != m.pair.Blob {
		d.pair = append(d.pair, [2]*member{m, m.pair})
	}
	for _, k := range m.members {
		d.find(k)
	}
}

// fill computes the digests of that many digits, and build-ids.
func (d *digests) fill(n int) {
	for _, p := range d.pair {
		var v [2]string
		a, b := d.of.read[0](p[0].Blob), d.of.read[1](p[1].Blob)
		if int64(len(a)) != p[0].Size || int64(len(b)) != p[1].Size {
			continue
		}
		for s, x := range [2][]byte{a, b} {
			switch n {
			case 2 * md5.Size:
				sum := md5.Sum(x)
				v[s] = hex.EncodeToString(sum[:])
			case 2 * sha1.Size:
				sum := sha1.Sum(x)
				v[s] = hex.EncodeToString(sum[:])
			case 64:
				v[s] = p[s].Blob.String()
			case 2 * sha512.Size384:
				sum := sha512.Sum384(x)
				v[s] = hex.EncodeToString(sum[:])
			case 2 * sha512.Size:
				sum := sha512.Sum512(x)
				v[s] = hex.EncodeToString(sum[:])
			}
		}
		if v[0] != "" {
			d.by[n][v] = true
		}
		x, y := buildIDOf(a), buildIDOf(b)
		for _, from := range []int{0, 2} {
			if len(x)-from == n && len(y) == len(x) && n >= 16 {
				d.by[n][[2]string{x[from:], y[from:]}] = true
			}
		}
	}
}
