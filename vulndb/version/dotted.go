package version

import (
	"errors"
	"strings"
)

var errNoNumber = errors.New("no number in it")

// ranks are the words that stand before a release.
var ranks = map[string]byte{"dev": 1, "snapshot": 1, "nightly": 1, "alpha": 2, "beta": 3, "pre": 4, "preview": 4, "rc": 5, "cr": 5}

// separator is what stands between the parts of a dotted version.
func separator(c byte) bool { return !digit(c) && !letter(c) && c < 0x80 }

// numbers appends the dotted numbers at the beginning of v, trailing zeros
// left out (1.0 is 1), and returns what follows them.
func numbers(b []byte, v string) ([]byte, string, int) {
	keep, n := len(b), 0
	for {
		k := digits(v)
		if k == 0 {
			break
		}
		n++
		b = num(append(b, number), v[:k])
		if b[len(b)-1] != 0 || n == 1 { // num ends in its count only for zero
			keep = len(b)
		}
		v = v[k:]
		if len(v) < 2 || v[0] != '.' || !digit(v[1]) {
			break
		}
		v = v[1:]
	}
	return b[:keep], v, n
}

// generic keys dotted numbers with words between and behind them: a word
// that ranks stands before the release, any other behind it.
func generic(b []byte, v string) ([]byte, error) {
	if len(v) > 1 && v[0]|0x20 == 'v' && digit(v[1]) {
		v = v[1:]
	}
	some := false
	for v != "" {
		var n int
		b, v, n = numbers(b, v)
		some = some || n > 0
		for v != "" && separator(v[0]) {
			v = v[1:]
		}
		if v == "" {
			break
		}
		if digit(v[0]) { // behind a separator other than a dot
			b = append(b, word, 0) // an empty word: behind the release, before letters
			continue
		}
		k := letters(v)
		if k == 0 {
			for k < len(v) && v[k] >= 0x80 {
				k++
			}
		}
		w := strings.ToLower(v[:k])
		v = v[k:]
		if r, ok := ranks[w]; ok {
			b = append(b, before, r)
		} else {
			b = append(append(append(b, word), w...), 0)
		}
		for len(v) > 1 && separator(v[0]) && digit(v[1]) { // beta.1, rc-2
			v = v[1:]
		}
	}
	if !some {
		return nil, errNoNumber
	}
	return append(b, end), nil
}

// openssl keys OpenSSL's versions: letters behind the release, up to zz.
func openssl(b []byte, v string) ([]byte, error) {
	b, rest, n := numbers(b, v)
	if n == 0 {
		return nil, errNoNumber
	}
	k := letters(rest)
	if _, early := ranks[strings.ToLower(rest[:k])]; k > 0 && !early {
		b = append(append(append(b, word), strings.ToLower(rest[:k])...), 0)
		rest = rest[k:]
	}
	rest = strings.TrimLeft(rest, "-_.")
	k = letters(rest)
	if r, early := ranks[strings.ToLower(rest[:k])]; early {
		rest = strings.TrimLeft(rest[k:], "-_.")
		b = num(append(b, before, r), rest[:digits(rest)])
	}
	return append(b, end), nil // -fips and what a distribution adds count no more
}

// kernel keys Linux versions. Behind the numbers only -rcN counts.
func kernel(b []byte, v string) ([]byte, error) {
	b, rest, n := numbers(b, strings.TrimPrefix(v, "v"))
	if n == 0 {
		return nil, errNoNumber
	}
	if len(rest) > 3 && (rest[:3] == "-rc" || rest[:3] == "~rc") {
		rest = rest[3:]
		b = num(append(b, before), rest[:digits(rest)])
	}
	return append(b, end), nil
}

// semver keys Semantic Versioning; further numbers (1.2.3.4) are kept, as
// package indexes have them.
func semver(b []byte, v string) ([]byte, error) {
	if i := strings.IndexByte(v, '+'); i >= 0 {
		v = v[:i]
	}
	b, rest, n := numbers(b, v)
	if n == 0 {
		return nil, errNoNumber
	}
	if rest == "" {
		return append(b, end), nil
	}
	rest = strings.TrimPrefix(rest, "-")
	b = append(b, before)
	for _, id := range strings.Split(rest, ".") {
		if id != "" && digits(id) == len(id) {
			b = num(append(b, 1), id)
		} else {
			b = append(append(append(b, 2), id...), 0)
		}
	}
	return append(b, 0, end), nil
}

func npm(b []byte, v string) ([]byte, error) {
	return semver(b, strings.TrimPrefix(strings.TrimLeft(v, "= "), "v"))
}

func golang(b []byte, v string) ([]byte, error) {
	v = strings.TrimPrefix(strings.TrimPrefix(v, "go"), "v")
	// the toolchain's own candidates have no hyphen: 1.21rc2
	_, rest, n := numbers(nil, v)
	if n > 0 && rest != "" && letter(rest[0]) {
		at := len(v) - len(rest)
		k := letters(rest)
		v = v[:at] + "-" + rest[:k] + "." + rest[k:]
	}
	return semver(b, strings.TrimSuffix(v, "."))
}
