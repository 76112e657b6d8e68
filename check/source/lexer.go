package source

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
}

func newLexer(src string) *lexer { return &lexer{src: src, fresh: true} }

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// next returns the next token; kind end behind the last.
func (l *lexer) next() token {
	for l.pos < len(l.src) {
		start := l.pos
		switch c := l.src[l.pos]; {
		case c == '\n':
			l.fresh = true
			l.pos++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			l.pos++
		case c == '\\' && l.continued(l.pos):
			l.pos += 2
		case c == '/' && l.at(1) == '/':
			l.pos = l.lineEnd(l.pos)
			return token{comment, start, l.src[start:l.pos]}
		case c == '/' && l.at(1) == '*':
			l.pos = l.closeComment(l.pos)
			return token{comment, start, l.src[start:l.pos]}
		case c == '#' && l.fresh:
			return token{line, start, l.directive()}
		case c == '"' || c == '\'':
			l.fresh = false
			l.quoted(c)
		case letter(c):
			l.fresh = false
			for l.pos < len(l.src) && (letter(l.src[l.pos]) || digit(l.src[l.pos])) {
				l.pos++
			}
			text := l.src[start:l.pos]
			if l.pos < len(l.src) && l.src[l.pos] == '\\' && l.continued(l.pos) {
				text = l.spliced(text)
			}
			if l.pos < len(l.src) && l.src[l.pos] == '"' && rawPrefix(text) {
				l.raw()
				continue
			}
			return token{word, start, text}
		case digit(c):
			l.fresh = false
			l.number()
		default:
			l.fresh = false
			l.pos++
			if (c == '&' || c == '|') && l.at(0) == c {
				l.pos++
			}
			return token{mark, start, l.src[start:l.pos]}
		}
	}
	return token{end, len(l.src), ""}
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
	for p += 2; p < len(l.src); p++ {
		if l.src[p] == '*' && p+1 < len(l.src) && l.src[p+1] == '/' {
			return p + 2
		}
	}
	return p
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
