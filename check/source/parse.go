package source

import (
	"strings"
)

// file is what is counted in one source file.
type file struct {
	lines      int // with code on them
	comments   int // bytes
	functions  int
	complexity int // McCabe's number, of all functions
	branched   int // functions above the bound
	worst      function
	network    bool
	calls      []call
	byName     map[string]int
	macros     []macro
	suppressed []suppression
	runs       runs
}

// function is a definition; its body lies between off and to.
type function struct {
	name       string
	off        int
	complexity int
}

// call counts the direct calls of one function of the tables.
type call struct {
	name  string
	count int
	off   int // of the first
}

// macro is a #define whose body is a call of another function.
type macro struct {
	name, params, callee string
	off, size            int
	args                 string // of the call in the body
}

// suppression is a word that tells an analyser or compiler to keep silent.
type suppression struct {
	kind       string
	count, off int
}

// notCall tells words before a bracket that call nothing.
func notCall(s string) bool {
	switch s {
	case "if", "while", "for", "switch", "return", "sizeof", "defined", "catch", "alignof", "_Alignof", "typeof", "__typeof__", "decltype",
		"__attribute__", "__declspec", "alignas", "static_assert", "_Static_assert", "noexcept", "throw", "case", "else", "do", "new", "delete",
		"asm", "__asm__", "__asm", "volatile", "operator", "and", "or", "not", "co_return":
		return true
	}
	return false
}

// branch tells what adds one to a function's complexity (McCabe 1976, with
// the conditions of && and || counted).
func branch(s string) bool {
	switch s {
	case "if", "while", "for", "case", "catch", "&&", "||", "?", "and", "or":
		return true
	}
	return false
}

// maxScopes bounds the nesting that is followed.
const maxScopes = 1000

// parse counts a source file. known tells the functions whose calls count.
func parse(src string, known func(string) bool) *file {
	f := &file{byName: map[string]int{}}
	var (
		scopes    []bool // for each open brace, whether it is a function's body
		inside    int    // braces open since a function's body began
		parens    int
		candidate token // the first word before a bracket since the last ; { or }
		closed    bool  // its bracket is closed
		last      token
		cur       function
		seen      int // the source up to here was looked through for line ends
	)
	for l := newLexer(src); ; {
		t := l.next()
		switch t.kind {
		case end:
			return f
		case comment:
			f.comments += len(t.text)
			f.silence(t)
			continue
		}
		if f.lines == 0 || strings.IndexByte(src[seen:t.off], '\n') >= 0 {
			f.lines++
		}
		seen = t.off
		if t.kind == line {
			f.lines += strings.Count(src[t.off:l.pos], "\n")
			seen = l.pos
			f.directive(t, l.pos, known)
			continue
		}
		f.runs.add(t.text)
		body := inside > 0
		if body && branch(t.text) {
			cur.complexity++
		}
		switch t.text {
		case "(":
			if last.kind == word && !notCall(last.text) {
				switch {
				case body:
					f.call(last, known)
				case parens == 0 && candidate.text == "":
					candidate = last
				}
			}
			parens++
		case ")":
			if parens = max(0, parens-1); parens == 0 && candidate.text != "" {
				closed = true
			}
		case "{":
			switch {
			case len(scopes) >= maxScopes:
			case body:
				inside++
				scopes = append(scopes, true)
			case closed && candidate.text != "":
				inside = 1
				scopes = append(scopes, true)
				cur = function{candidate.text, candidate.off, 1}
				f.functions++
			default:
				scopes = append(scopes, false)
			}
			candidate, closed, parens = token{}, false, 0
		case "}":
			if n := len(scopes); n > 0 {
				if scopes[n-1] {
					if inside--; inside == 0 {
						f.complexity += cur.complexity
						if cur.complexity > branched {
							f.branched++
						}
						if cur.complexity > f.worst.complexity {
							f.worst = cur
						}
					}
				}
				scopes = scopes[:n-1]
			}
			candidate, closed, parens = token{}, false, 0
		case ";", "=":
			if parens == 0 {
				candidate, closed = token{}, false
			}
		}
		last = t
	}
}

func (f *file) call(name token, known func(string) bool) {
	if !known(name.text) {
		return
	}
	i, ok := f.byName[name.text]
	if !ok {
		i = len(f.calls)
		f.byName[name.text] = i
		f.calls = append(f.calls, call{name.text, 0, name.off})
	}
	f.calls[i].count++
}

// directive reads #include, #define and #pragma.
func (f *file) directive(t token, stop int, known func(string) bool) {
	text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(t.text), "#"))
	rest, ok := strings.CutPrefix(text, "include")
	if ok {
		for _, header := range []string{"sys/socket.h", "netinet/", "arpa/inet.h", "netdb.h", "winsock", "linux/if_", "net/if.h"} {
			f.network = f.network || strings.Contains(rest, header)
		}
		return
	}
	if strings.HasPrefix(text, "pragma") {
		f.silence(t)
		return
	}
	if rest, ok = strings.CutPrefix(text, "define"); !ok || rest == "" || letter(rest[0]) {
		return
	}
	rest = strings.TrimSpace(rest)
	k := 0
	for k < len(rest) && (letter(rest[k]) || digit(rest[k])) {
		k++
	}
	m := macro{name: rest[:k], off: t.off, size: stop - t.off}
	rest = rest[k:]
	if strings.HasPrefix(rest, "(") {
		if k = strings.IndexByte(rest, ')'); k < 0 {
			return
		}
		m.params, rest = rest[1:k], rest[k+1:]
	}
	rest = strings.TrimSpace(rest)
	for strings.HasPrefix(rest, "(") { // brackets around the body
		rest = strings.TrimSpace(rest[1:])
	}
	if cast, after, ok := strings.Cut(rest, ")"); ok && strings.TrimSpace(cast) == "void" {
		rest = strings.TrimSpace(after)
	}
	k = 0
	for k < len(rest) && (letter(rest[k]) || digit(rest[k])) {
		k++
	}
	m.callee = rest[:k]
	if m.callee == "" || m.name == "" || m.callee == m.name || !known(m.callee) && !known(m.name) {
		return
	}
	rest = strings.TrimSpace(rest[k:])
	if strings.HasPrefix(rest, "(") {
		m.args = bracketed(rest)
	} else if rest != "" {
		return // an expression
	}
	if len(f.macros) < 1000 {
		f.macros = append(f.macros, m)
	}
}

// bracketed is what stands between the first bracket and its partner.
func bracketed(s string) string {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[1:i]
			}
		}
	}
	return ""
}

// silencers are words in comments and pragmas that make an analyser or a
// compiler keep silent.
//
// Source: manuals of clang-tidy, Coverity, PC-lint, cppcheck, PVS-Studio,
// SonarQube, Flawfinder; GCC manual, "Diagnostic Pragmas"; Microsoft C,
// "warning pragma".
var silencers = []string{"NOLINT", "coverity[", "lint -e", "lint -save", "cppcheck-suppress", "NOSONAR", "Flawfinder: ignore", "-V::", "PVS-Studio",
	"diagnostic ignored", "warning(disable", "warning( disable", "warning (disable", "parasoft-suppress", "klocwork"}

func (f *file) silence(t token) {
	for _, kind := range silencers {
		n := strings.Count(t.text, kind)
		if n == 0 {
			continue
		}
		known := false
		for i := range f.suppressed {
			if f.suppressed[i].kind == kind {
				f.suppressed[i].count += n
				known = true
			}
		}
		if !known {
			f.suppressed = append(f.suppressed, suppression{kind, n, t.off + strings.Index(t.text, kind)})
		}
		return
	}
}
