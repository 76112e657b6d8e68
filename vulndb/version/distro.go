package version

import (
	"errors"
	"strings"
)

// dpkg keys [epoch:]upstream[-revision].
func dpkg(b []byte, v string) ([]byte, error) {
	epoch, rest, ok := strings.Cut(v, ":")
	if !ok {
		epoch, rest = "", v
	} else if epoch == "" || len(epoch) > 9 || digits(epoch) != len(epoch) {
		return nil, errors.New("epoch is no number of at most 9 digits")
	}
	revision := ""
	if i := strings.LastIndexByte(rest, '-'); i >= 0 {
		rest, revision = rest[:i], rest[i+1:]
	}
	if rest == "" {
		return nil, errors.New("no upstream version")
	}
	b = num(b, epoch)
	return dpkgPart(dpkgPart(b, rest), revision), nil
}

// dpkgPart keys one of the two parts: runs of anything but digits, in which ~
// stands before the end, letters behind it and all else behind letters, by
// turns with numbers.
func dpkgPart(b []byte, s string) []byte {
	for {
		i := 0
		for ; i < len(s) && !digit(s[i]); i++ {
			switch c := s[i]; {
			case c == '~':
				b = append(b, before)
			case letter(c):
				b = append(b, c) // above end
			default:
				b = append(b, 0x80|c>>1, c) // above letters; two bytes keep the order of all
			}
		}
		b = append(b, end)
		s = s[i:]
		k := digits(s)
		b = num(b, s[:k])
		if s = s[k:]; s == "" {
			return append(b, end)
		}
	}
}

// rpm keys [epoch:]version[-release]; an absent release stands before all.
func rpm(b []byte, v string) ([]byte, error) {
	epoch, rest, ok := strings.Cut(v, ":")
	if !ok {
		epoch, rest = "", v
	} else if digits(epoch) != len(epoch) {
		return nil, errors.New("epoch is no number")
	}
	version, release, has := rest, "", false
	if i := strings.LastIndexByte(rest, '-'); i >= 0 {
		version, release, has = rest[:i], rest[i+1:], true
	}
	b = rpmPart(num(b, epoch), version)
	if !has {
		return append(b, lowest), nil
	}
	return rpmPart(append(b, before), release), nil
}

// Marks of rpm: ~ stands before the end, ^ right behind it, a word behind that
// and a number behind a word.
const (
	rpmTilde  = 1
	rpmEnd    = 2
	rpmCaret  = 3
	rpmWord   = 4
	rpmNumber = 5
)

func rpmPart(b []byte, s string) []byte {
	for s != "" {
		switch c := s[0]; {
		case c == '~':
			b, s = append(b, rpmTilde), s[1:]
		case c == '^':
			b, s = append(b, rpmCaret), s[1:]
		case digit(c):
			k := digits(s)
			b, s = num(append(b, rpmNumber), s[:k]), s[k:]
		case letter(c):
			k := letters(s)
			b, s = append(append(append(b, rpmWord), s[:k]...), 0), s[k:]
		default:
			s = s[1:]
		}
	}
	return append(b, rpmEnd)
}

// Marks of apk: what may follow stands in this order (apk-tools, version.c).
const (
	apkEarly    = 1 // _alpha _beta _pre _rc
	apkEnd      = 2
	apkRevision = 3
	apkHash     = 4
	apkCount    = 5 // the number of a suffix
	apkLate     = 6 // _cvs _svn _git _hg _p
	apkLetter   = 7
	apkDigits   = 8
)

var apkSuffixes = []struct {
	name string
	mark byte
}{{"alpha", apkEarly}, {"beta", apkEarly}, {"pre", apkEarly}, {"rc", apkEarly}, {"cvs", apkLate}, {"svn", apkLate}, {"git", apkLate}, {"hg", apkLate}, {"p", apkLate}}

// apk keys digits{.digits}[letter]{_suffix[number]}[~hash][-rN].
func apk(b []byte, v string) ([]byte, error) {
	k := digits(v)
	if k == 0 {
		return nil, errNoNumber
	}
	b, v = num(append(b, apkDigits), v[:k]), v[k:]
	for len(v) > 1 && v[0] == '.' && digit(v[1]) {
		k := digits(v[1:])
		part := v[1 : 1+k]
		v = v[1+k:]
		b = append(b, apkDigits)
		if part[0] == '0' { // compared as text, which stands before all other numbers
			b = append(append(append(b, 0), part...), 0)
		} else {
			b = num(b, part)
		}
	}
	if v != "" && 'a' <= v[0] && v[0] <= 'z' {
		b, v = append(b, apkLetter, v[0]), v[1:]
	}
suffixes:
	for v != "" && v[0] == '_' {
		for i, s := range apkSuffixes {
			rest, ok := strings.CutPrefix(v[1:], s.name)
			if !ok {
				continue
			}
			b, v = append(b, s.mark, byte(i)), rest
			if k := digits(v); k > 0 {
				b, v = num(append(b, apkCount), v[:k]), v[k:]
			}
			continue suffixes
		}
		return nil, errors.New("unknown suffix")
	}
	if v != "" && v[0] == '~' {
		k := 1
		for k < len(v) && (digit(v[k]) || letter(v[k])) {
			k++
		}
		b, v = append(append(append(b, apkHash), v[1:k]...), 0), v[k:]
	}
	if strings.HasPrefix(v, "-r") && digits(v[2:]) > 0 {
		k := digits(v[2:])
		b, v = num(append(b, apkRevision), v[2:2+k]), v[2+k:]
	}
	if v != "" {
		return nil, errors.New("more than a version")
	}
	return append(b, apkEnd), nil
}
