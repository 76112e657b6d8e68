package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep values nest.
const maxDepth = 64

// cursor reads one JSON text in memory from front to back. What nobody asks
// for is passed over by its brackets and quotes alone. The first error stays.
type cursor struct {
	b     []byte
	i     int
	depth int
	err   error
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("at byte %d: %s", c.i, fmt.Sprintf(format, args...))
		c.i = len(c.b)
	}
}

func (c *cursor) space() {
	for c.i < len(c.b) && (c.b[c.i] == ' ' || c.b[c.i] == '\n' || c.b[c.i] == '\t' || c.b[c.i] == '\r') {
		c.i++
	}
}

// peek is the first byte of the next value, 0 at the end.
func (c *cursor) peek() byte {
	c.space()
	if c.i >= len(c.b) || c.err != nil {
		return 0
	}
	return c.b[c.i]
}

func (c *cursor) want(b byte) bool {
	if got := c.peek(); got != b {
		if got == 0 {
			c.fail("want %q, the text ends", b)
		} else {
			c.fail("want %q, found %q", b, got)
		}
		return false
	}
	c.i++
	return true
}

// object calls each with the name of every field; each must read its value.
// A null is an object without fields.
func (c *cursor) object(each func(name string)) {
	c.nest('{', '}', func() {
		name := c.text()
		if c.want(':') {
			each(name)
		}
	})
}

// array calls each for every element; each must read it.
func (c *cursor) array(each func()) { c.nest('[', ']', each) }

func (c *cursor) nest(open, end byte, each func()) {
	if c.peek() == 'n' {
		c.skip()
		return
	}
	if !c.want(open) {
		return
	}
	if c.depth++; c.depth > maxDepth {
		c.fail("more than %d deep", maxDepth)
		return
	}
	defer func() { c.depth-- }()
	if c.peek() == end {
		c.i++
		return
	}
	for c.err == nil {
		each()
		switch b := c.peek(); b {
		case ',':
			c.i++
		case end:
			c.i++
			return
		case 0:
			c.fail("want ',' or %q, the text ends", end)
		default:
			c.fail("want ',' or %q, found %q", end, b)
		}
	}
}

// text reads a string; null is "".
func (c *cursor) text() string {
	switch c.peek() {
	case 'n':
		c.skip()
		return ""
	case '"':
	default:
		c.fail("want a string, found %q", c.peek())
		return ""
	}
	from := c.i + 1
	for i := from; i < len(c.b); i++ {
		switch c.b[i] {
		case '"':
			c.i = i + 1
			return string(c.b[from:i])
		case '\\':
			c.i = i
			return c.escaped(c.b[from:i])
		}
	}
	c.fail("a string has no end")
	return ""
}

var short = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (c *cursor) escaped(head []byte) string {
	out := append([]byte(nil), head...)
	for c.i < len(c.b) {
		switch b := c.b[c.i]; {
		case b == '"':
			c.i++
			return string(out)
		case b != '\\':
			out = append(out, b)
			c.i++
		case c.i+1 < len(c.b) && c.b[c.i+1] == 'u':
			r := c.hex()
			if utf16.IsSurrogate(r) && c.i+1 < len(c.b) && c.b[c.i] == '\\' && c.b[c.i+1] == 'u' {
				r = utf16.DecodeRune(r, c.hex())
			}
			out = utf8.AppendRune(out, r)
		default:
			if c.i+1 >= len(c.b) || short[c.b[c.i+1]] == 0 {
				c.fail("bad escape")
				return ""
			}
			out = append(out, short[c.b[c.i+1]])
			c.i += 2
		}
	}
	c.fail("a string has no end")
	return ""
}

func (c *cursor) hex() rune {
	if c.i+6 > len(c.b) {
		c.fail("bad escape")
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(c.b[c.i+2:c.i+6]), 16, 32)
	if err != nil {
		c.fail("bad escape")
		return utf8.RuneError
	}
	c.i += 6
	return rune(n)
}

// scalar reads a string, number or word as text.
func (c *cursor) scalar() string {
	switch b := c.peek(); b {
	case '"':
		return c.text()
	case '{', '[', 0:
		c.fail("want a scalar, found %q", b)
		return ""
	}
	from := c.i
	c.skip()
	if s := string(c.b[from:c.i]); s != "null" {
		return s
	}
	return ""
}

// tenths reads a number with one decimal, times ten.
func (c *cursor) tenths() int {
	f, err := strconv.ParseFloat(c.scalar(), 64)
	if err != nil || f < 0 || f > 10 {
		return 0
	}
	return int(f*10 + 0.5)
}

// texts reads an array of strings; a lone string is one of one.
func (c *cursor) texts() (list []string) {
	if c.peek() == '"' {
		return []string{c.text()}
	}
	c.array(func() { list = append(list, c.text()) })
	return list
}

// skip passes over a value.
func (c *cursor) skip() {
	depth := 0
	for c.space(); c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case '"':
			for c.i++; ; c.i++ {
				k := bytes.IndexByte(c.b[min(c.i, len(c.b)):], '"')
				if k < 0 {
					c.fail("a string has no end")
					return
				}
				c.i += k
				n := 0
				for c.i-n-1 >= 0 && c.b[c.i-n-1] == '\\' {
					n++
				}
				if n%2 == 0 {
					break
				}
			}
			if depth == 0 {
				c.i++
				return
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				c.fail("more than %d deep", maxDepth)
				return
			}
		case '}', ']':
			if depth--; depth < 0 {
				c.fail("want a value")
				return
			}
			if depth == 0 {
				c.i++
				return
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return
			}
		case ':':
		default:
			if depth == 0 {
				for c.i < len(c.b) && !bytes.ContainsRune([]byte(",]} \n\t\r:\""), rune(c.b[c.i])) {
					c.i++
				}
				return
			}
		}
	}
	if depth > 0 {
		c.fail("the text ends inside a value")
	}
}

// stream reads a JSON text of any length from front to back: large objects
// and arrays are walked, and their elements handed out one by one as they
// stand.
type stream struct {
	r        io.Reader
	buf      []byte
	pos, end int
	off      int64 // of buf[0]
	eof      error
	out      []byte
}

func newStream(r io.Reader) *stream { return &stream{r: r, buf: make([]byte, 256<<10)} }

var errEnds = errors.New("the text ends inside a value")

func (s *stream) at(err error) error { return fmt.Errorf("at byte %d: %w", s.off+int64(s.pos), err) }

// fill reads on; false at the end.
func (s *stream) fill() bool {
	for s.pos == s.end {
		if s.eof != nil {
			return false
		}
		s.off += int64(s.end)
		s.pos, s.end = 0, 0
		s.end, s.eof = s.r.Read(s.buf)
	}
	return true
}

func (s *stream) next() (byte, error) {
	for s.fill() {
		switch b := s.buf[s.pos]; b {
		case ' ', '\n', '\t', '\r', 0xEF, 0xBB, 0xBF: // with the byte order mark
			s.pos++
		default:
			return b, nil
		}
	}
	if s.eof == io.EOF {
		return 0, s.at(errEnds)
	}
	return 0, s.eof
}

// walk calls each for every field or element of the value that comes; each
// must read its value.
func (s *stream) walk(each func(name string) error) error {
	open, err := s.next()
	if err != nil {
		return err
	}
	end := map[byte]byte{'{': '}', '[': ']'}[open]
	if end == 0 {
		return s.at(fmt.Errorf("want an object or array, found %q", open))
	}
	s.pos++
	for first := true; ; first = false {
		b, err := s.next()
		if err != nil {
			return err
		}
		if b == end {
			s.pos++
			return nil
		}
		if !first {
			if b != ',' {
				return s.at(fmt.Errorf("want ',' or %q, found %q", end, b))
			}
			s.pos++
		}
		name := ""
		if open == '{' {
			raw, long, err := s.value(1 << 10)
			if err != nil {
				return err
			}
			c := cursor{b: raw}
			if name = c.text(); c.err != nil || long {
				return s.at(errors.New("want a name"))
			}
			if b, err := s.next(); err != nil || b != ':' {
				return errors.Join(s.at(errors.New("want ':'")), err)
			}
			s.pos++
		}
		if err := each(name); err != nil {
			return err
		}
	}
}

// value reads the next value as it stands, valid until the next call. Of one
// of more than most bytes nothing is kept, and long is set.
func (s *stream) value(most int) (raw []byte, long bool, err error) {
	if _, err := s.next(); err != nil {
		return nil, false, err
	}
	s.out = s.out[:0]
	depth, quoted, escape := 0, false, false
	for s.fill() {
		b := s.buf[s.pos:s.end]
		i, done := 0, false
	scan:
		for i < len(b) {
			if quoted {
				if escape {
					escape = false
					i++
					continue
				}
				for i < len(b) && b[i] != '"' && b[i] != '\\' {
					i++
				}
				if i == len(b) {
					break
				}
				if b[i] == '\\' {
					escape = true
				} else {
					quoted = false
					if depth == 0 {
						done = true
						i++
						break
					}
				}
				i++
				continue
			}
			switch b[i] {
			case '"':
				quoted = true
			case '{', '[':
				if depth++; depth > maxDepth {
					return nil, false, s.at(fmt.Errorf("more than %d deep", maxDepth))
				}
			case '}', ']':
				if depth == 0 { // ends what holds a number or word
					done = true
					break scan
				}
				if depth--; depth == 0 {
					done = true
					i++
					break scan
				}
			case ',', ' ', '\n', '\t', '\r', ':':
				if depth == 0 {
					done = true
					break scan
				}
			}
			i++
		}
		if long = long || len(s.out)+i > most; long {
			s.out = s.out[:0]
		} else {
			s.out = append(s.out, b[:i]...)
		}
		s.pos += i
		if done {
			if len(s.out) == 0 && !long {
				return nil, false, s.at(errors.New("want a value"))
			}
			return s.out, long, nil
		}
	}
	if s.eof != io.EOF {
		return nil, false, s.eof
	}
	return nil, false, s.at(errEnds)
}
