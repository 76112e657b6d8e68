package secret

import (
	"encoding/asn1"
	"encoding/base64"
	"io"
	"strings"
)

// bytesAt are up to n bytes from off on.
func bytesAt(r io.ReaderAt, off int64, n int) []byte {
	if off < 0 {
		return nil
	}
	p := make([]byte, n)
	k, _ := r.ReadAt(p, off)
	return p[:k]
}

// maxDER is the largest structure that is read whole.
const maxDER = 32 << 10

// before finds the SEQUENCE whose content begins at c (X.690, 8.1.3: the
// shortest form of length, as DER demands) and returns all of it.
func before(r io.ReaderAt, c int64) (start int64, der []byte) {
	h := bytesAt(r, max(c-4, 0), int(min(c, 4)))
	n, head := 0, 0
	switch k := len(h); {
	case k >= 4 && h[k-4] == 0x30 && h[k-3] == 0x82 && h[k-2] > 0:
		n, head = int(h[k-2])<<8|int(h[k-1]), 4
	case k >= 3 && h[k-3] == 0x30 && h[k-2] == 0x81 && h[k-1] >= 0x80:
		n, head = int(h[k-1]), 3
	case k >= 2 && h[k-2] == 0x30 && h[k-1] < 0x80:
		n, head = int(h[k-1]), 2
	default:
		return 0, nil
	}
	start = c - int64(head)
	if der = bytesAt(r, start, min(head+n, maxDER)); len(der) != head+n {
		return 0, nil
	}
	return start, der
}

// What stands in keys and next to nowhere else. RSA: version 0 and the header
// of a modulus whose first bit is set, which DER puts a zero byte before.
var (
	rsaHeads = []string{
		"\x02\x01\x00\x02\x41\x00",         // 512 bits
		"\x02\x01\x00\x02\x81\x81\x00",     // 1,024 (DSA, too)
		"\x02\x01\x00\x02\x81\xc1\x00",     // 1,536
		"\x02\x01\x00\x02\x82\x01\x01\x00", // 2,048
		"\x02\x01\x00\x02\x82\x01\x81\x00", // 3,072
		"\x02\x01\x00\x02\x82\x02\x01\x00", // 4,096
	}
	curveHeads = []string{
		"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", // P-256
		"\x06\x05\x2b\x81\x04\x00\x22",             // P-384
		"\x06\x05\x2b\x81\x04\x00\x23",             // P-521
		"\x06\x05\x2b\x81\x04\x00\x0a",             // secp256k1
	}
	edwardsHeads = []string{
		"\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", // Ed25519 (RFC 8410)
		"\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20", // X25519
	}
)

const (
	dsaHead    = "\x06\x07\x2a\x86\x48\xce\x38\x04\x01\x30\x82"
	sealedHead = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d" // PBES2 (RFC 8018, A.4)
	rsaInfo    = "\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
	ecInfo     = "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
)

// findRSA reads PKCS#1 or DSA at a version, and PKCS#8 around it.
func findRSA(r io.ReaderAt, _, off int64) (place, bool) {
	start, der := before(r, off)
	if der == nil {
		return place{}, false
	}
	// 04 82 ll ll stands between the algorithm and the key (RFC 5958).
	for _, head := range []int64{4, 3, 2} {
		c := start - head - int64(len(rsaInfo))
		if string(bytesAt(r, c, len(rsaInfo))) != rsaInfo {
			continue
		}
		if s, whole := before(r, c); whole != nil {
			if k, ok := parsePKCS8(whole); ok {
				return place{s, int64(len(whole)), k}, true
			}
		}
	}
	if k, ok := parseRSA(der); ok {
		return place{start, int64(len(der)), k}, true
	}
	k, ok := parseDSA(der)
	return place{start, int64(len(der)), k}, ok
}

// findEC reads SEC 1 or PKCS#8 at the name of a curve.
func findEC(r io.ReaderAt, _, off int64) (place, bool) {
	b := bytesAt(r, off, 10)
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return place{}, false
	}
	oid := b[:2+int(b[1])]
	c := off - int64(len(ecInfo)) - 2 - 3
	if h := bytesAt(r, c, 5+len(ecInfo)); len(h) > 5 && string(h[5:]) == ecInfo && string(h[:3]) == "\x02\x01\x00" && h[3] == 0x30 {
		if start, der := before(r, c); der != nil {
			k, ok := parsePKCS8(der)
			return place{start, int64(len(der)), k}, ok
		}
	}
	var named asn1.ObjectIdentifier
	if !exact(oid, &named) {
		return place{}, false
	}
	for _, cv := range curves {
		if !cv.oid.Equal(named) {
			continue
		}
		n := int64(cv.bits+7) / 8
		c := off - 2 - n - 2 - 3
		h := bytesAt(r, c, 5)
		if string(h) != "\x02\x01\x01\x04"+string(rune(n)) {
			break
		}
		if start, der := before(r, c); der != nil {
			k, ok := parseEC(der, nil)
			return place{start, int64(len(der)), k}, ok
		}
	}
	return place{}, false
}

func findEdwards(r io.ReaderAt, _, off int64) (place, bool) {
	if h := bytesAt(r, off-3, 3); len(h) < 3 || h[0] != 2 || h[1] != 1 || h[2] > 1 {
		return place{}, false
	}
	start, der := before(r, off-3)
	if der == nil {
		return place{}, false
	}
	k, ok := parsePKCS8(der)
	return place{start, int64(len(der)), k}, ok
}

func findDSA(r io.ReaderAt, _, off int64) (place, bool) {
	for _, c := range []int64{off - 7, off - 6} { // the algorithm's header has 4 bytes, or 3
		if string(bytesAt(r, c, 3)) != "\x02\x01\x00" {
			continue
		}
		if start, der := before(r, c); der != nil {
			k, ok := parsePKCS8(der)
			return place{start, int64(len(der)), k}, ok
		}
	}
	return place{}, false
}

func findSealed(r io.ReaderAt, _, off int64) (place, bool) {
	c, alg := before(r, off)
	if alg == nil {
		return place{}, false
	}
	start, der := before(r, c)
	if der == nil {
		return place{}, false
	}
	k, ok := parseSealed(der)
	return place{start, int64(len(der)), k}, ok
}

// Beginnings of keys in base64 without lines around: bytes 6 on of PKCS#1 and
// PKCS#8, 4 on of PKCS#8 with P-256, 0 on of SEC 1 with P-256.
var bareHeads = []struct {
	literal string
	at      int64
}{
	{"IBAAKBgQ", 6}, {"IBAAKCAQEA", 6}, {"IBAAKCAYEA", 6}, {"IBAAKCAgEA", 6},
	{"IBADANBgkqhkiG9w0BAQEFAASC", 6}, {"AgEAMBMGByqGSM49AgEGCCqGSM49AwEHB", 4}, {"MHcCAQEEI", 0},
}

// findBare reads base64 of DER that no lines surround.
func findBare(back int64) func(r io.ReaderAt, size, off int64) (place, bool) {
	return func(r io.ReaderAt, _, off int64) (place, bool) {
		start := off - back
		der, n := decodeRun(bytesAt(r, start, maxDER))
		if len(der) < 8 || der[0] != 0x30 {
			return place{}, false
		}
		// A run may hold more than the structure: padding is not always there.
		var raw asn1.RawValue
		if _, err := asn1.Unmarshal(der, &raw); err != nil {
			return place{}, false
		}
		for _, parse := range []func([]byte) (key, bool){parsePKCS8, parseRSA, func(b []byte) (key, bool) { return parseEC(b, nil) }} {
			if k, ok := parse(raw.FullBytes); ok {
				return place{start, n, k}, true
			}
		}
		return place{}, false
	}
}

// decodeRun decodes the base64 that p begins with; line ends, also escaped
// ones, may stand in it. n is how many bytes of p it takes.
func decodeRun(p []byte) (out []byte, n int64) {
	var text strings.Builder
run:
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			text.WriteByte(c)
			n = int64(i + 1)
		case c == '=' && text.Len()%4 >= 2:
			n = int64(i + 1)
			break run
		case c == '\\' && i+1 < len(p) && (p[i+1] == 'n' || p[i+1] == 'r'):
			i++
		case c == '\n' || c == '\r' || c == ' ' || c == '\t':
		default:
			break run
		}
	}
	s := text.String()
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	out, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, 0
	}
	return out, n
}
