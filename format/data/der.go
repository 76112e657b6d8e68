package data

import (
	"crypto/x509"
	"fmt"
	"strings"
)

const (
	derDepth    = 16
	derElements = 1 << 16
)

// der claims a sequence whose whole structure fits its outermost length, and
// tells from its first elements what it is.
func der(f *file) (int64, error) {
	body, end := f.tlv(0)
	if body < 0 || end <= body {
		return 0, errNotMine
	}
	// The first element must be one that a known kind begins with.
	switch f.u8(body) {
	case 0x30, 0x02, 0x06:
	default:
		return 0, errNotMine
	}
	if end > f.size {
		if f.derKind(body, f.size) == "" {
			return 0, errNotMine
		}
		return end, nil
	}
	left := derElements
	if !f.derFits(body, end, derDepth, &left) {
		return 0, errNotMine
	}
	kind := f.derKind(body, end)
	if kind == "" {
		if left > derElements-3 || end < f.size { // too little to believe among other bytes
			return 0, errNotMine
		}
		kind = "sequence"
	}
	f.note("kind", "%s", kind)
	f.certain("der structure fits")
	if kind == "certificate" && end <= 64<<10 {
		if raw := f.at(0, int(end)); raw != nil {
			if c, err := x509.ParseCertificate(raw); err == nil {
				f.note("subject", "%s", c.Subject)
				f.note("issuer", "%s", c.Issuer)
				f.note("serial", "%x", c.SerialNumber)
				f.note("valid", "%s to %s", c.NotBefore.UTC().Format("2006-01-02"), c.NotAfter.UTC().Format("2006-01-02"))
			}
		}
	}
	return end, nil
}

// tlv returns where the content of the element at off begins and ends, -1 for
// a bad element.
func (f *file) tlv(off int64) (body, end int64) {
	h := f.at(off, int(min(6, f.size-off)))
	if len(h) < 2 || h[0]&0x1F == 0x1F {
		return -1, -1
	}
	n, width := int64(h[1]), 0
	if n >= 0x80 {
		width = int(n & 0x7F)
		if width == 0 || width > 4 || len(h) < 2+width {
			return -1, -1
		}
		n = 0
		for _, b := range h[2 : 2+width] {
			n = n<<8 | int64(b)
		}
		if n < 0x80 || width > 1 && n>>(8*(width-1)) == 0 { // DER takes the shortest form
			return -1, -1
		}
	}
	body = off + 2 + int64(width)
	return body, body + n
}

// derFits reports whether the elements between off and end fill it exactly.
func (f *file) derFits(off, end int64, depth int, left *int) bool {
	for off < end {
		if *left--; *left < 0 || depth == 0 {
			return false
		}
		tag := f.u8(off)
		body, next := f.tlv(off)
		if body < 0 || next > end || tag == 0 {
			return false
		}
		if tag&0x20 != 0 && !f.derFits(body, next, depth-1, left) {
			return false
		}
		off = next
	}
	return off == end
}

// derKind names the structure whose content stands between off and end.
func (f *file) derKind(off, end int64) string {
	start := off
	var shape []string // tags of the first elements, with small integers and object identifiers in full
	for len(shape) < 10 && off < end {
		tag := f.u8(off)
		body, next := f.tlv(off)
		if body < 0 || tag < 0 {
			break
		}
		s := fmt.Sprintf("%02x", tag)
		if (tag == 0x06 || tag == 0x02 && next-body == 1) && next-body < 32 && next <= f.size {
			s += fmt.Sprintf(":%x", f.at(body, int(next-body)))
		}
		shape = append(shape, s)
		off = next
	}
	switch line := strings.Join(shape, " ") + " "; {
	case strings.HasPrefix(line, "06:2a864886f70d010702 "):
		return "pkcs7 signed data"
	case strings.HasPrefix(line, "06:2a864886f70d0107"):
		return "pkcs7"
	case strings.HasPrefix(line, "02:03 30 "):
		return "pkcs12"
	case strings.HasPrefix(line, "02:00 02 ") && len(shape) == 9:
		return "rsa private key"
	case strings.HasPrefix(line, "02:00 30 04 "), strings.HasPrefix(line, "02:01 30 04 "):
		return "pkcs8 private key"
	case strings.HasPrefix(line, "02:01 04 "):
		return "ec private key"
	case line == "30 30 03 ":
		return f.signed(start)
	case line == "30 03 ":
		return "public key"
	case line == "30 04 ":
		return "pkcs8 encrypted private key"
	}
	return ""
}

// signed tells apart what shares the outer shape {content, algorithm, signature}.
func (f *file) signed(off int64) string {
	body, _ := f.tlv(off)
	switch f.u8(body) {
	case 0xA0: // the version of a certificate
		return "certificate"
	case 0x02:
		if next, end := f.tlv(body); end == next+1 && f.u8(next) == 0 {
			return "certificate request"
		} else if f.u8(end) == 0x30 {
			if alg, after := f.tlv(end); alg > 0 && f.u8(after) == 0x30 {
				if name, behind := f.tlv(after); name > 0 && f.u8(behind) != 0x30 {
					return "certificate revocation list"
				}
			}
		}
		return "certificate"
	case 0x30:
		return "certificate revocation list"
	}
	return ""
}
