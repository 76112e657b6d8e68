// Package tomlfile reads TOML files that people write and others sign: strictly,
// with errors that name the key.
package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// MaxSize is the length of the longest file that Read takes, in bytes.
const MaxSize = 256 << 10

// Read decodes a file into v, a pointer to a struct. A key that v does not
// have, and a value of another type, are errors that name line and key.
func Read(b []byte, v any) error {
	if len(b) > MaxSize {
		return fmt.Errorf("%d bytes, at most %d are read", len(b), MaxSize)
	}
	if i := invalid(b); i >= 0 {
		return fmt.Errorf("byte %d is not UTF-8", i)
	}
	err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(v)
	var strict *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		e := &strict.Errors[0]
		line, _ := e.Position()
		return fmt.Errorf("line %d: key %s: there is no such key", line, name(e.Key()))
	case errors.As(err, &decode):
		line, _ := decode.Position()
		what := strings.TrimPrefix(decode.Error(), "toml: ")
		if len(decode.Key()) > 0 {
			return fmt.Errorf("line %d: key %s: %s", line, name(decode.Key()), what)
		}
		return fmt.Errorf("line %d: %s", line, what)
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "toml: "))
	}
	return nil
}

func invalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func name(key toml.Key) string { return fmt.Sprintf("%.80q", strings.Join(key, ".")) }

// A Problem is what is wrong with the value of a key.
type Problem struct {
	Key string // as in test[2].hit, counted from 1
	Err error
}

func (p *Problem) Error() string { return "key " + p.Key + ": " + p.Err.Error() }
func (p *Problem) Unwrap() error { return p.Err }

// Keys collects what is wrong with the values of a file; the first counts. The
// zero value is ready for use.
type Keys struct{ first error }

// Err is the first problem, nil if there is none.
func (k *Keys) Err() error { return k.first }

// Bad says what is wrong with the value of a key.
func (k *Keys) Bad(key, format string, args ...any) {
	if k.first == nil {
		k.first = &Problem{key, fmt.Errorf(format, args...)}
	}
}

// Text asks for a text of at most so many bytes, on one line.
func (k *Keys) Text(key, s string, most int) {
	switch {
	case s == "":
		k.Bad(key, "is missing")
	case len(s) > most:
		k.Bad(key, "%d bytes, at most %d", len(s), most)
	case strings.TrimSpace(s) != s || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		k.Bad(key, "%.40q has control characters, or spaces at an end", s)
	}
}

// Name asks for a name: small letters, digits, - and ., beginning with a letter.
func (k *Keys) Name(key, s string, most int) {
	k.Text(key, s, most)
	if s == "" {
		return
	}
	for i, c := range []byte(s) {
		if c < 'a' || c > 'z' {
			if i == 0 || c != '-' && c != '.' && (c < '0' || c > '9') {
				k.Bad(key, "%.40q is not of small letters, digits, - and ., beginning with a letter", s)
			}
		}
	}
}

// Date asks for a day as in 2026-11-22.
func (k *Keys) Date(key, s string) {
	if s == "" {
		k.Bad(key, "is missing")
	} else if _, err := time.Parse(time.DateOnly, s); err != nil {
		k.Bad(key, "%.40q is not a date as in 2026-11-22", s)
	}
}

// Form asks for the version of the form that a file is written in.
func (k *Keys) Form(got, want int) {
	if got != want {
		k.Bad("form", "%d, expected %d", got, want)
	}
}

// OneOf asks for a word of a list.
func OneOf[T ~string](k *Keys, key string, s T, words ...T) {
	for _, w := range words {
		if s == w {
			return
		}
	}
	if s == "" {
		k.Bad(key, "is missing: one of %s", list(words))
	} else {
		k.Bad(key, "%.40q is none of %s", string(s), list(words))
	}
}

func list[T ~string](words []T) string {
	s := make([]string, len(words))
	for i, w := range words {
		s[i] = string(w)
	}
	return strings.Join(s, ", ")
}

// At names a key in the i-th table of an array, from 0.
func At(table string, i int, key string) string { return fmt.Sprintf("%s[%d].%s", table, i+1, key) }
