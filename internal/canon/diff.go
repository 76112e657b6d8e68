package canon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Diff is the place of the first value in which two JSON texts differ, in the
// order of the first, as a JSON pointer (RFC 6901), with both values there; ""
// for the whole. A value that one side has not is nil. ok is false when they
// are the same.
func Diff(a, b []byte) (pointer string, va, vb []byte, ok bool, err error) {
	var d diff
	err = d.values("", a, b)
	return d.at, d.a, d.b, d.found, err
}

type diff struct {
	at    string
	a, b  []byte
	found bool
}

func (d *diff) differ(at string, a, b []byte) error {
	d.at, d.a, d.b, d.found = at, a, b, true
	return nil
}

func (d *diff) values(at string, a, b []byte) error {
	if bytes.Equal(a, b) {
		return nil
	}
	ka, kb := first(a), first(b)
	if ka != kb || ka != '{' && ka != '[' {
		return d.differ(at, a, b)
	}
	if ka == '[' {
		var la, lb []json.RawMessage
		if err := parse(at, a, b, &la, &lb); err != nil {
			return err
		}
		for i := range max(len(la), len(lb)) {
			if err := d.pair(at+"/"+strconv.Itoa(i), element(la, i), element(lb, i)); err != nil || d.found {
				return err
			}
		}
		return nil
	}
	var ma, mb map[string]json.RawMessage
	if err := parse(at, a, b, &ma, &mb); err != nil {
		return err
	}
	var names []string
	for name := range ma {
		names = append(names, name)
	}
	for name := range mb {
		if _, both := ma[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		step := strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if err := d.pair(at+"/"+step, ma[name], mb[name]); err != nil || d.found {
			return err
		}
	}
	return nil
}

func (d *diff) pair(at string, a, b []byte) error {
	if a == nil || b == nil {
		return d.differ(at, a, b)
	}
	return d.values(at, a, b)
}

func parse[T any](at string, a, b []byte, va, vb *T) error {
	for _, side := range []struct {
		b []byte
		v *T
	}{{a, va}, {b, vb}} {
		if err := json.Unmarshal(side.b, side.v); err != nil {
			return fmt.Errorf("at %q: %w", at, err)
		}
	}
	return nil
}

// first is the first byte of a value that is no white space.
func first(b []byte) byte {
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 {
		return b[0]
	}
	return 0
}

func element(l []json.RawMessage, i int) []byte {
	if i < len(l) {
		return l[i]
	}
	return nil
}
