// Package version turns versions into keys whose order by bytes is the order
// of the versions, so that a range in a database is tested by comparing
// bytes. Each scheme has its own rules; versions of different schemes are
// never compared.
//
//	scheme   rules
//	generic  dotted numbers with letters behind them, as the CPE dictionary has them
//	semver   Semantic Versioning 2.0.0, section 11; missing numbers are 0
//	dpkg     Debian policy, section 5.6.12
//	rpm      rpmvercmp with ~ and ^ (rpm-version(7))
//	apk      apk-tools: digits, letter, _suffix, ~hash, -r
//	pypi     PEP 440
//	npm      semver with a leading v or =
//	maven    Maven's version order specification
//	go       semver with a leading v or go; +incompatible is passed over
//	openssl  1.0.2, 1.0.2a … 1.0.2z, 1.0.2za; -dev, -alpha, -beta, -pre before
//	kernel   Linux: 5.10-rc3, 5.10, 5.10.103; what a distribution adds is passed over
package version

import (
	"bytes"
	"fmt"
)

// Scheme is an order of versions. The numbers stand in databases: they do not
// change.
type Scheme uint8

// The schemes.
const (
	Generic Scheme = iota
	Semver
	Dpkg
	RPM
	APK
	PyPI
	NPM
	Maven
	Go
	OpenSSL
	Kernel
)

var names = [...]string{"generic", "semver", "dpkg", "rpm", "apk", "pypi", "npm", "maven", "go", "openssl", "kernel"}

func (s Scheme) String() string {
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("scheme %d", uint8(s))
}

// Named returns the scheme of a name; "" is Generic, and "dotted" is too.
func Named(name string) (Scheme, bool) {
	if name == "" || name == "dotted" {
		return Generic, true
	}
	for i, n := range names {
		if n == name {
			return Scheme(i), true
		}
	}
	return 0, false
}

// MaxLen bounds a version's text.
const MaxLen = 256

var keys = [...]func(b []byte, v string) ([]byte, error){
	Generic: generic, Semver: semver, Dpkg: dpkg, RPM: rpm, APK: apk, PyPI: pypi, NPM: npm, Maven: maven, Go: golang, OpenSSL: openssl, Kernel: kernel,
}

// Key returns the version's key in a scheme: bytes.Compare of two keys is the
// order of the versions. Text that is no version of the scheme is an error.
func Key(s Scheme, v string) ([]byte, error) {
	if int(s) >= len(keys) {
		return nil, fmt.Errorf("no such scheme: %d", s)
	}
	if v == "" {
		return nil, fmt.Errorf("empty %s version", s)
	}
	if len(v) > MaxLen {
		return nil, fmt.Errorf("%s version of %d bytes, the limit is %d", s, len(v), MaxLen)
	}
	k, err := keys[s](make([]byte, 0, 2*len(v)+8), v)
	if err != nil {
		return nil, fmt.Errorf("%s version %q: %w", s, v, err)
	}
	return k, nil
}

// Compare orders two versions of a scheme.
func Compare(s Scheme, a, b string) (int, error) {
	ka, err := Key(s, a)
	if err != nil {
		return 0, err
	}
	kb, err := Key(s, b)
	if err != nil {
		return 0, err
	}
	return bytes.Compare(ka, kb), nil
}

// Above returns the first key behind all versions that begin with the numbers
// of prefix: for "6.1", as in "6.1.*", it is below 6.2 and its candidates, and
// above all of 6.1. It is for schemes of dotted numbers.
func Above(s Scheme, prefix string) ([]byte, error) {
	switch s {
	case Generic, Semver, NPM, Go, OpenSSL, Kernel:
	default:
		return nil, fmt.Errorf("a %s version has no prefix", s)
	}
	end := len(prefix)
	for end > 0 && digit(prefix[end-1]) {
		end--
	}
	last := prefix[end:]
	if last == "" || len(last) > 9 {
		return nil, fmt.Errorf("%s prefix %q: no number at its end", s, prefix)
	}
	n := 0
	for i := range len(last) {
		n = n*10 + int(last[i]-'0')
	}
	k, err := Key(s, fmt.Sprintf("%s%d", prefix[:end], n+1))
	if err != nil {
		return nil, err
	}
	k[len(k)-1] = lowest // in place of the end: before candidates
	return k, nil
}

// Marks of keys, in the order that they give. What follows a mark is of its
// own kind, so that keys are never compared across kinds.
const (
	lowest = 0 // of Above alone
	before = 1 // a word that stands before the end: alpha, rc
	end    = 2
	word   = 3 // a word that stands behind the end: a letter
	number = 4
)

// maxDigits bounds a number; its count of digits is one byte.
const maxDigits = 200

// num appends a number of decimal digits, leading zeros passed over.
func num(b []byte, digits string) []byte {
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) > maxDigits { // beyond it all numbers are the same
		digits = digits[:maxDigits]
	}
	b = append(b, byte(len(digits)))
	return append(b, digits...)
}

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// digits is the length of the run of digits at the beginning of s, letters
// that of letters.
func digits(s string) int {
	for i := range len(s) {
		if !digit(s[i]) {
			return i
		}
	}
	return len(s)
}

func letters(s string) int {
	for i := range len(s) {
		if !letter(s[i]) {
			return i
		}
	}
	return len(s)
}

// AppendPlain appends the text of a key that has no more than dotted numbers,
// with so many zeros behind them as the key does not have; nothing for other
// keys.
func AppendPlain(b, k []byte, zeros int) []byte {
	from := len(b)
	if len(k) == 0 || k[len(k)-1] != end {
		return b
	}
	for k = k[:len(k)-1]; len(k) > 1; {
		n := int(k[1])
		if k[0] != number || len(k) < 2+n {
			return b[:from]
		}
		if len(b) > from {
			b = append(b, '.')
		}
		if n == 0 {
			b = append(b, '0')
		}
		b, k = append(b, k[2:2+n]...), k[2+n:]
	}
	if len(k) > 0 {
		return b[:from]
	}
	for range zeros {
		b = append(b, ".0"...)
	}
	return b
}
