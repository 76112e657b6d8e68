// Package canon writes canonical JSON as RFC 8785 has it, for the subset that
// reports use: objects, arrays, strings and integers below 2^53. There are no
// floating-point numbers. Fields must be written in the order of their names;
// the writer panics when they are not, which a test of each shape finds.
//
// Byte strings that need not be UTF-8 (file names) are escaped by Escape, so
// that decoding gives the same bytes back.
package canon

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Writer builds one JSON text. The zero value is ready for use.
type Writer struct {
	B     []byte
	stack []frame
}

type frame struct {
	last  string // name of the last field of an object
	array bool
	any   bool
}

// Reset empties the writer and keeps its memory.
func (w *Writer) Reset() { w.B, w.stack = w.B[:0], w.stack[:0] }

// value puts the comma that must stand before an array's next value.
func (w *Writer) value() {
	if n := len(w.stack); n > 0 && w.stack[n-1].array {
		if w.stack[n-1].any {
			w.B = append(w.B, ',')
		}
		w.stack[n-1].any = true
	}
}

// Field begins a field of the open object.
func (w *Writer) Field(name string) *Writer {
	f := &w.stack[len(w.stack)-1]
	if f.array || f.any && name <= f.last {
		panic(fmt.Sprintf("canon: field %q after %q", name, f.last))
	}
	if f.any {
		w.B = append(w.B, ',')
	}
	f.any, f.last = true, name
	w.B = appendString(w.B, name)
	w.B = append(w.B, ':')
	return w
}

// Object and Array write a value whose parts f writes.
func (w *Writer) Object(f func()) { w.nest('{', '}', false, f) }

// Array: see Object.
func (w *Writer) Array(f func()) { w.nest('[', ']', true, f) }

func (w *Writer) nest(open, end byte, array bool, f func()) {
	w.value()
	w.B = append(w.B, open)
	w.stack = append(w.stack, frame{array: array})
	f()
	w.stack = w.stack[:len(w.stack)-1]
	w.B = append(w.B, end)
}

// Text writes a string that is UTF-8; what is not becomes U+FFFD.
func (w *Writer) Text(s string) { w.value(); w.B = appendString(w.B, strings.ToValidUTF8(s, "\uFFFD")) }

// Bytes writes a byte string in the form of Escape.
func (w *Writer) Bytes(s string) { w.value(); w.B = appendString(w.B, Escape(s)) }

// Int writes a number; it panics beyond ±(2^53−1).
func (w *Writer) Int(v int64) {
	if v > 1<<53-1 || v < -(1<<53-1) {
		panic("canon: integer needs Big")
	}
	w.value()
	w.B = strconv.AppendInt(w.B, v, 10)
}

// Big writes an integer that may exceed 2^53−1 as a decimal string.
func (w *Writer) Big(v int64) {
	w.value()
	w.B = append(w.B, '"')
	w.B = strconv.AppendInt(w.B, v, 10)
	w.B = append(w.B, '"')
}

// Bool writes true or false.
func (w *Writer) Bool(v bool) { w.value(); w.B = strconv.AppendBool(w.B, v) }

// appendString writes a JSON string with the escapes of RFC 8785, section
// 3.2.2.2: the two-character ones where JSON has them, \u00xx for other
// control characters, nothing else.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c == '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(b, '"')
}

// Escape turns any bytes into UTF-8: a byte that is not part of valid UTF-8
// becomes \xHH, and the backslash becomes \\. Unescape undoes it.
func Escape(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02X`, s[i])
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// Unescape gives back the bytes that Escape was given.
func Unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		switch {
		case i+1 < len(s) && s[i+1] == '\\':
			b.WriteByte('\\')
			i++
		case i+3 < len(s) && s[i+1] == 'x':
			v, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if err != nil {
				return "", fmt.Errorf("escape at %d in %q: %w", i, s, err)
			}
			b.WriteByte(byte(v))
			i += 3
		default:
			return "", fmt.Errorf("escape at %d in %q", i, s)
		}
	}
	return b.String(), nil
}
