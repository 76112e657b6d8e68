package secret

import (
	"encoding/asn1"
	"io"

	"github.com/wardein/wardein/codec/der"
	"github.com/wardein/wardein/codec/pem"
)

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
	start, raw := der.Before(r, off)
	if raw == nil {
		return place{}, false
	}
	// 04 82 ll ll stands between the algorithm and the key (RFC 5958).
	for _, head := range []int64{4, 3, 2} {
		c := start - head - int64(len(rsaInfo))
		if string(der.At(r, c, len(rsaInfo))) != rsaInfo {
			continue
		}
		if s, whole := der.Before(r, c); whole != nil {
			if k, ok := parsePKCS8(whole); ok {
				return place{s, int64(len(whole)), k}, true
			}
		}
	}
	if k, ok := parseRSA(raw); ok {
		return place{start, int64(len(raw)), k}, true
	}
	k, ok := parseDSA(raw)
	return place{start, int64(len(raw)), k}, ok
}

// findEC reads SEC 1 or PKCS#8 at the name of a curve.
func findEC(r io.ReaderAt, _, off int64) (place, bool) {
	b := der.At(r, off, 10)
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return place{}, false
	}
	oid := b[:2+int(b[1])]
	c := off - int64(len(ecInfo)) - 2 - 3
	if h := der.At(r, c, 5+len(ecInfo)); len(h) > 5 && string(h[5:]) == ecInfo && string(h[:3]) == "\x02\x01\x00" && h[3] == 0x30 {
		if start, raw := der.Before(r, c); raw != nil {
			k, ok := parsePKCS8(raw)
			return place{start, int64(len(raw)), k}, ok
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
		h := der.At(r, c, 5)
		if string(h) != "\x02\x01\x01\x04"+string(rune(n)) {
			break
		}
		if start, raw := der.Before(r, c); raw != nil {
			k, ok := parseEC(raw, nil)
			return place{start, int64(len(raw)), k}, ok
		}
	}
	return place{}, false
}

func findEdwards(r io.ReaderAt, _, off int64) (place, bool) {
	if h := der.At(r, off-3, 3); len(h) < 3 || h[0] != 2 || h[1] != 1 || h[2] > 1 {
		return place{}, false
	}
	start, raw := der.Before(r, off-3)
	if raw == nil {
		return place{}, false
	}
	k, ok := parsePKCS8(raw)
	return place{start, int64(len(raw)), k}, ok && scattered(der.At(r, off+int64(len(edwardsHeads[0])), 32))
}

// scattered tells whether 32 bytes look drawn at random. Any bytes are a key
// on these curves, and libraries carry the head alone as a constant.
func scattered(p []byte) bool {
	var seen [256]bool
	distinct, print := 0, 0
	for _, c := range p {
		if !seen[c] {
			distinct++
		}
		seen[c] = true
		if c >= 0x20 && c < 0x7f {
			print++
		}
	}
	return distinct >= 22 && print <= 24
}

func findDSA(r io.ReaderAt, _, off int64) (place, bool) {
	for _, c := range []int64{off - 7, off - 6} { // the algorithm's header has 4 bytes, or 3
		if string(der.At(r, c, 3)) != "\x02\x01\x00" {
			continue
		}
		if start, raw := der.Before(r, c); raw != nil {
			k, ok := parsePKCS8(raw)
			return place{start, int64(len(raw)), k}, ok
		}
	}
	return place{}, false
}

func findSealed(r io.ReaderAt, _, off int64) (place, bool) {
	c, alg := der.Before(r, off)
	if alg == nil {
		return place{}, false
	}
	start, raw := der.Before(r, c)
	if raw == nil {
		return place{}, false
	}
	k, ok := parseSealed(raw)
	return place{start, int64(len(raw)), k}, ok
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
		// The header says how much to read; line ends take a part of it.
		head, _ := pem.Unwrap(der.At(r, start, 16))
		if len(head) < 4 || head[0] != 0x30 {
			return place{}, false
		}
		long := 4 + int(head[1])
		switch head[1] {
		case 0x81:
			long = 4 + int(head[2])
		case 0x82:
			long = 4 + int(head[2])<<8 + int(head[3])
		}
		raw, n := pem.Unwrap(der.At(r, start, min(long*2+64, der.MaxSize)))
		if len(raw) < 8 {
			return place{}, false
		}
		// A run may hold more than the structure: padding is not always there.
		var one asn1.RawValue
		if _, err := asn1.Unmarshal(raw, &one); err != nil {
			return place{}, false
		}
		for _, parse := range []func([]byte) (key, bool){parsePKCS8, parseRSA, func(b []byte) (key, bool) { return parseEC(b, nil) }} {
			if k, ok := parse(one.FullBytes); ok {
				return place{start, n, k}, true
			}
		}
		return place{}, false
	}
}
