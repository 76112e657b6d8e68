package version

import (
	"errors"
	"strings"

	"github.com/wardein/wardein/internal/lazy"
)

// pep440 is the pattern of PEP 440, appendix B.
var pep440 = lazy.Regexp(`(?i)^\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)` +
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d+)?)?` +
	`(?:(-)(\d+)|[-_.]?(post|rev|r)[-_.]?(\d+)?)?` +
	`(?:[-_.]?(dev)[-_.]?(\d+)?)?` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$`)

var pepRank = map[string]byte{"a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}

func pypi(b []byte, v string) ([]byte, error) {
	m := pep440().FindStringSubmatch(v)
	if m == nil {
		return nil, errors.New("not of PEP 440")
	}
	epoch, release, pre, preN, local := m[1], m[2], strings.ToLower(m[3]), m[4], strings.ToLower(m[11])
	post, postN := m[5] != "" || m[7] != "", m[6]+m[8]
	dev, devN := m[9] != "", m[10]
	b = num(b, epoch)
	b, _, _ = numbers(b, release)
	b = append(b, 0)
	switch {
	case pre != "":
		b = num(append(b, pepRank[pre]), preN)
	case dev && !post:
		b = append(b, 0)
	default:
		b = append(b, 4)
	}
	if post {
		b = num(append(b, 1), postN)
	} else {
		b = append(b, 0)
	}
	if dev {
		b = num(append(b, 0), devN)
	} else {
		b = append(b, 1)
	}
	if local != "" {
		for _, s := range strings.FieldsFunc(local, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
			if digits(s) == len(s) {
				b = num(append(b, 2), s)
			} else {
				b = append(append(append(b, 1), s...), 0)
			}
		}
	}
	return append(b, 0), nil
}

// Marks of maven, in order: qualifiers before the release, the release,
// qualifiers behind it, -number, .number.
const (
	mavenEarly  = 1
	mavenEnd    = 2
	mavenLate   = 3
	mavenDash   = 4
	mavenNumber = 5
)

var mavenRank = map[string]byte{"alpha": 1, "beta": 2, "milestone": 3, "rc": 4, "cr": 4, "snapshot": 5}

// mavenToken is a number or a word with what stands before it.
type mavenToken struct {
	dash bool
	text string
}

func (t mavenToken) null() bool {
	switch t.text {
	case "", "final", "ga", "release":
		return true
	}
	return strings.Trim(t.text, "0") == ""
}

// maven keys versions in the order of Maven's specification, with one
// exception: in 1.0.alpha the zero does not count, since Maven's own order is
// no order there (1.0.alpha < 1 < 1-1 < 1.0.alpha).
func maven(b []byte, v string) ([]byte, error) {
	var list []mavenToken
	v = strings.ToLower(v)
	dash := false
	for i := 0; i <= len(v); {
		k := i
		for k < len(v) && v[k] != '.' && v[k] != '-' && v[k] != '_' && digit(v[k]) == digit(v[i]) {
			k++
		}
		list = append(list, mavenToken{dash, v[i:k]})
		if k == len(v) {
			break
		}
		dash = v[k] != '.'
		if dash || v[k] == '.' {
			if v[k] == '.' || v[k] == '-' || v[k] == '_' {
				k++
			}
		}
		i = k
	}
	// words of one letter before a number are short forms
	for i := range list {
		if i+1 < len(list) && list[i+1].dash && list[i+1].text != "" && digit(list[i+1].text[0]) {
			switch list[i].text {
			case "a":
				list[i].text = "alpha"
			case "b":
				list[i].text = "beta"
			case "m":
				list[i].text = "milestone"
			}
		}
	}
	// what is as if it were not there goes before the end, a hyphen and a word
	var kept []mavenToken
	for i, t := range list {
		word := t.text != "" && !digit(t.text[0])
		if i > 0 && (t.dash || word && !t.null()) {
			for len(kept) > 0 && kept[len(kept)-1].null() {
				kept = kept[:len(kept)-1]
			}
		}
		kept = append(kept, t)
	}
	for len(kept) > 0 && kept[len(kept)-1].null() {
		kept = kept[:len(kept)-1]
	}
	for _, t := range kept {
		switch r, early := mavenRank[t.text]; {
		case t.text != "" && digit(t.text[0]) && t.dash:
			b = num(append(b, mavenDash), t.text)
		case t.text != "" && digit(t.text[0]):
			b = num(append(b, mavenNumber), t.text)
		case t.text == "":
			b = num(append(b, mavenNumber), "")
		case early:
			b = append(b, mavenEarly, r)
		case t.text == "sp":
			b = append(b, mavenLate, 0)
		default:
			b = append(append(append(b, mavenLate, 1), t.text...), 0)
		}
	}
	return append(b, mavenEnd), nil
}
