package source

import "strings"

// kind is what a token is.
type kind uint8

const (
	word    kind = iota // identifier or keyword
	mark                // one byte of punctuation, or && and ||
	line                // a preprocessor line, without comments, continuations joined
	comment             // its text
	end
)

// token is a piece of C or C++ source. text lies in the source, but for a
// preprocessor line that was continued or had comments.
type token struct {
	kind kind
	hash uint32 // FNV-1a of a word or mark
	off  int
	text string
}

// lexer takes C and C++ source apart as translation phases 2 and 3 do (ISO C11
// 5.1.1.2), as far as counting needs it: strings, characters and numbers are
// passed over, trigraphs are not known.
type lexer struct {
	src   string
	pos   int
	fresh bool // nothing but blanks since the line began
	ended bool // a line ended since this was last set to false
}

func newLexer(src string) *lexer { return &lexer{src: src, fresh: true} }

// What a byte can begin; blanks and newlines are 0.
const (
	isLetter = 1 + iota
	isDigit
	isQuote
	isMark
	isSlash
	isNumberSign
	isBackslash
)

const (
	fnvBasis = 2166136261
	fnvPrime = 16777619
)

var classes = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80:
			t[c] = isLetter
		case c >= '0' && c <= '9':
			t[c] = isDigit
		case c == '"' || c == '\'':
			t[c] = isQuote
		case c == '/':
			t[c] = isSlash
		case c == '#':
			t[c] = isNumberSign
		case c == '\\':
			t[c] = isBackslash
		case c != ' ' && c != '\t' && c != '\r' && c != '\f' && c != '\v' && c != '\n':
			t[c] = isMark
		}
	}
	return t
}()

func letter(c byte) bool { return classes[c] == isLetter }

func digit(c byte) bool { return classes[c] == isDigit }

// next returns the next token; kind end behind the last.
func (l *lexer) next() token {
	src := l.src
	for l.pos < len(src) {
		start := l.pos
		c := src[start]
		switch classes[c] {
		case 0:
			if c == '\n' {
				l.fresh, l.ended = true, true
			}
			l.pos++
			continue
		case isLetter:
			l.fresh = false
			h := uint32(fnvBasis)
			p := start
			for ; p < len(src); p++ {
				if k := classes[src[p]]; k != isLetter && k != isDigit {
					break
				}
				h = (h ^ uint32(src[p])) * fnvPrime
			}
			l.pos = p
			text := src[start:p]
			if p < len(src) && src[p] == '\\' && l.continued(p) {
				text = l.spliced(text)
				h = hash(text)
			}
			if l.pos < len(src) && src[l.pos] == '"' && rawPrefix(text) {
				l.raw()
				continue
			}
			return token{word, h, start, text}
		case isDigit:
			l.fresh = false
			l.number()
			continue
		case isQuote:
			l.fresh = false
			l.quoted(c)
			continue
		case isSlash:
			switch l.at(1) {
			case '/':
				l.pos = l.lineEnd(start)
				return token{comment, 0, start, src[start:l.pos]}
			case '*':
				l.pos = l.closeComment(start)
				text := src[start:l.pos]
				l.ended = l.ended || strings.IndexByte(text, '\n') >= 0
				return token{comment, 0, start, text}
			}
		case isNumberSign:
			if l.fresh {
				return token{line, 0, start, l.directive()}
			}
		case isBackslash:
			if l.continued(start) {
				l.ended = true
				l.pos += 2
				continue
			}
		}
		l.fresh = false
		l.pos++
		h := (fnvBasis ^ uint32(c)) * fnvPrime
		if (c == '&' || c == '|') && l.at(0) == c {
			l.pos++
			h = (h ^ uint32(c)) * fnvPrime
		}
		return token{mark, h, start, src[start:l.pos]}
	}
	return token{end, 0, len(src), ""}
}

// at is the byte n behind the position, 0 behind the end.
func (l *lexer) at(n int) byte {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n]
	}
	return 0
}

// continued tells a backslash before a line end.
func (l *lexer) continued(p int) bool {
	return p+1 < len(l.src) && (l.src[p+1] == '\n' || l.src[p+1] == '\r')
}

// spliced is a word that goes on behind a backslash at the line's end.
func (l *lexer) spliced(text string) string {
	for l.pos < len(l.src) && l.src[l.pos] == '\\' && l.continued(l.pos) {
		p := l.pos + 2
		if l.src[p-1] == '\r' && p < len(l.src) && l.src[p] == '\n' {
			p++
		}
		from := p
		for p < len(l.src) && (letter(l.src[p]) || digit(l.src[p])) {
			p++
		}
		if p == from || len(text) > maxWord {
			break
		}
		text += l.src[from:p]
		l.pos = p
	}
	return text
}

// maxWord bounds a word that is put together.
const maxWord = 1000

// lineEnd is where the logical line ends that p is in.
func (l *lexer) lineEnd(p int) int {
	for ; p < len(l.src); p++ {
		if l.src[p] == '\\' && l.continued(p) {
			if p += 1; l.src[p] == '\r' && p+1 < len(l.src) && l.src[p+1] == '\n' {
				p++
			}
			continue
		}
		if l.src[p] == '\n' {
			return p
		}
	}
	return p
}

// closeComment is where the block comment ends that begins at p.
func (l *lexer) closeComment(p int) int {
	if p += 2; p < len(l.src) {
		if k := strings.Index(l.src[p:], "*/"); k >= 0 {
			return p + k + 2
		}
	}
	return len(l.src)
}

// quoted passes over a string or character; one that is not closed ends with
// its line.
func (l *lexer) quoted(q byte) {
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case '\\':
			l.pos++
		case q:
			l.pos++
			return
		case '\n':
			return
		}
	}
	l.pos = min(l.pos, len(l.src))
}

// rawPrefix tells the words before a C++ raw string (ISO C++ lex.string).
func rawPrefix(s string) bool {
	return s == "R" || s == "LR" || s == "uR" || s == "UR" || s == "u8R"
}

// raw passes over "delimiter( … )delimiter".
func (l *lexer) raw() {
	open := l.pos + 1
	p := open
	for p < len(l.src) && p-open < 16 && l.src[p] != '(' && l.src[p] != '"' && l.src[p] != '\n' {
		p++
	}
	if p >= len(l.src) || l.src[p] != '(' {
		l.quoted('"')
		return
	}
	stop := ")" + l.src[open:p] + "\""
	for ; p+len(stop) <= len(l.src); p++ {
		if l.src[p:p+len(stop)] == stop {
			l.pos = p + len(stop)
			return
		}
	}
	l.pos = len(l.src)
}

// number passes over a preprocessing number (6.4.8), C++ separators too.
func (l *lexer) number() {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		sign := (c == '+' || c == '-') && l.pos > 0 && (l.src[l.pos-1]|0x20 == 'e' || l.src[l.pos-1]|0x20 == 'p')
		separator := c == '\'' && l.pos+1 < len(l.src) && (digit(l.src[l.pos+1]) || letter(l.src[l.pos+1]))
		if !letter(c) && !digit(c) && c != '.' && !sign && !separator {
			return
		}
		l.pos++
	}
}

// directive is a preprocessor line without its comments and continuations.
func (l *lexer) directive() string {
	stop := l.lineEnd(l.pos)
	text := make([]byte, 0, stop-l.pos)
	for l.pos < stop {
		switch c := l.src[l.pos]; {
		case c == '\\' && l.continued(l.pos):
			text = append(text, ' ')
			if l.pos++; l.src[l.pos] == '\r' && l.at(1) == '\n' {
				l.pos++
			}
			l.pos++
		case c == '/' && l.at(1) == '/':
			l.pos = stop
		case c == '/' && l.at(1) == '*':
			text = append(text, ' ')
			// A comment may lead on to the next line, which then belongs to
			// this one.
			l.pos = l.closeComment(l.pos)
			if l.pos > stop {
				stop = l.lineEnd(l.pos)
			}
		case c == '"' || c == '\'':
			from := l.pos
			l.quoted(c)
			text = append(text, l.src[from:min(l.pos, len(l.src))]...)
		default:
			text = append(text, c)
			l.pos++
		}
	}
	return string(text)
}
