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

// function is a definition; its name stands at off.
type function struct {
	name       string
	off        int
	complexity int
	compares   bool
	callee     token // the first function of the tables that it calls
}

// call counts the direct calls of one function of the tables.
type call struct {
	name  string
	count int
	same  int // that pass one size for the destination's and the source's
	off   int // of the first
}

// notCall tells words before a bracket that call nothing.
func notCall(s string) bool {
	switch s {
	case "if", "while", "for", "switch", "return", "sizeof", "defined", "catch", "alignof", "_Alignof", "typeof", "__typeof__", "decltype",
		"__attribute__", "__declspec", "alignas", "static_assert", "_Static_assert", "noexcept", "throw", "case", "else", "do", "new", "delete",
		"asm", "__asm__", "__asm", "volatile", "operator", "and", "or", "not", "co_return", "requires", "explicit", "__attribute", "_Alignas", "constexpr":
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

// aggregate tells words that a name, and no function, stands behind.
func aggregate(s string) bool {
	return s == "struct" || s == "union" || s == "enum" || s == "class"
}

// qualifier tells words between a function's brackets and its body.
func qualifier(s string) bool {
	switch s {
	case "const", "volatile", "override", "final", "noexcept", "mutable", "try", "throw", "__attribute__", "__attribute", "constexpr":
		return true
	}
	return false
}

// maxScopes bounds the nesting that is followed.
const maxScopes = 1000

// What a brace opened.
const (
	other       = iota // a namespace, a class, an initialiser
	body               // of a function, or inside one
	initialiser        // of a member, before a constructor's body
)

// head is a wardein.Place in the nesting of a file, and what of a function's head was
// read there.
type head struct {
	inside    int   // braces open since a function's body began
	parens    int   // open brackets
	candidate token // the word before a bracket that may be a function's name
	old       token // one with a list of bare names, before the declarations of its parameters
	closed    bool  // the candidate's bracket is closed
	bare      bool  // nothing but names and commas stood in it
	after     int   // words since then that are no qualifiers
	members   bool  // a colon since then: a constructor's members follow
	operator  bool  // the name of an operator is being read
	typed     bool  // a word since then that a type or a namespace follows
}

func (h *head) reset() { *h = head{inside: h.inside} }

// parser counts a source file.
type parser struct {
	*file
	head
	src    string
	known  func(string) bool
	scopes []byte // what each open brace opened
	last   token
	before token // the one before last
	cur    function
	groups groups
}

// parse counts a source file. known tells the functions whose calls count.
func parse(src string, known func(string) bool) *file {
	p := &parser{file: &file{byName: map[string]int{}}, src: src, known: known}
	for l := newLexer(src); ; {
		t := l.next()
		switch {
		case t.kind == end:
			return p.file
		case t.kind == line:
			p.conditional(t.text)
		}
		if p.groups.out() {
			continue
		}
		if t.kind == comment {
			p.comments += len(t.text)
			p.silence(t)
			continue
		}
		if p.lines == 0 || l.ended {
			p.lines++
			l.ended = false
		}
		if t.kind == line {
			p.lines += strings.Count(src[t.off:l.pos], "\n")
			p.directive(t, l.pos, known)
			continue
		}
		p.runs.add(t.hash)
		if p.inside > 0 {
			p.inBody(t)
		} else {
			p.outside(t)
		}
		p.before, p.last = p.last, t
	}
}

// inBody reads a token of a function's body.
func (p *parser) inBody(t token) {
	if branch(t.text) {
		p.cur.complexity++
	}
	switch t.text {
	case "(":
		if p.last.kind == word && !notCall(p.last.text) {
			p.call(p.last, t.off)
		}
	case "<", ">":
		p.cur.compares = true
	case "{":
		p.open(body)
		p.inside++
	case "}":
		p.close()
	}
}

// outside reads a token outside of functions.
func (p *parser) outside(t token) {
	switch t.text {
	case "(":
		p.bracket(t)
		p.parens++
	case ")":
		if p.parens = max(0, p.parens-1); p.parens == 0 && p.candidate.text != "" {
			p.closed, p.operator = true, false
		}
	case "{":
		p.brace()
	case "}":
		p.close()
	case ";":
		if p.parens > 0 && len(p.scopes) > 0 {
			return // for (;;) in a macro's argument
		}
		switch {
		case p.old.text != "":
			p.candidate, p.closed, p.parens = token{}, false, 0
		case p.closed && p.bare && p.after > 1:
			p.old, p.candidate, p.closed = p.candidate, token{}, false
		default:
			p.reset()
		}
	case "=":
		if p.parens == 0 && !p.operator {
			p.reset()
		}
	case ":":
		if p.parens == 0 && p.closed && p.last.text != ":" {
			p.members = true
		}
	case ",":
		if p.parens == 0 && p.closed && p.after == 0 && !p.members {
			p.reset() // an element of a list
		}
	default:
		switch {
		case p.parens > 0:
			p.bare = p.bare && (p.closed || t.kind == word && (p.last.text == "(" || p.last.text == ","))
		case t.text == "operator":
			p.candidate, p.operator, p.closed = t, true, false
		case p.closed && t.kind == word && !qualifier(t.text):
			p.after++
			p.typed = p.typed || aggregate(t.text) || t.text == "namespace"
		}
	}
}

// bracket reads an opening bracket outside of functions.
func (p *parser) bracket(t token) {
	switch {
	case p.parens > 0:
		p.bare = p.bare && p.closed
	case p.operator:
		// The name was taken.
	case p.last.text == "]" && p.candidate.text == "":
		p.candidate = token{word, 0, p.last.off, "lambda"}
	case p.last.kind != word || notCall(p.last.text) || aggregate(p.before.text):
	case p.candidate.text == "":
		p.candidate, p.bare = p.last, true
	case p.closed && !p.members && p.after > 1:
		// What stood before was a macro with arguments.
		p.candidate, p.closed, p.after, p.bare, p.typed = p.last, false, 0, true, false
	}
}

// brace reads an opening brace outside of functions.
func (p *parser) brace() {
	name := p.candidate
	switch {
	case p.old.text != "" && (p.last.text == ";" || !p.closed):
		if name = p.old; p.last.text != ";" {
			name = token{} // a structure behind a macro
		}
	case !p.closed || p.parens > 0 || p.typed && p.last.text != ")" || p.last.text == "extern":
		name = token{}
	case p.members && (p.last.kind == word && !qualifier(p.last.text) || p.last.text == ">"):
		p.open(initialiser)
		return
	}
	if name.text == "" {
		p.open(other)
		p.reset()
		return
	}
	p.open(body)
	p.reset()
	p.inside = 1
	p.cur = function{name: name.text, off: name.off, complexity: 1}
	p.functions++
}

func (p *parser) open(what byte) {
	if len(p.scopes) < maxScopes {
		p.scopes = append(p.scopes, what)
	}
}

// close reads a closing brace.
func (p *parser) close() {
	n := len(p.scopes)
	if n == 0 {
		p.reset()
		return
	}
	what := p.scopes[n-1]
	p.scopes = p.scopes[:n-1]
	switch {
	case what == initialiser:
		return
	case what == body && p.inside > 0:
		if p.inside--; p.inside > 0 {
			return
		}
		p.complexity += p.cur.complexity
		if p.cur.complexity > branched {
			p.branched++
		}
		if p.cur.complexity > p.worst.complexity {
			p.worst = p.cur
		}
		p.wrapper()
	}
	p.reset()
}

func (p *parser) call(name token, bracket int) {
	if !p.known(name.text) {
		return
	}
	i, ok := p.byName[name.text]
	if !ok {
		i = len(p.calls)
		p.byName[name.text] = i
		p.calls = append(p.calls, call{name: name.text, off: name.off})
	}
	p.calls[i].count++
	if p.cur.callee.text == "" {
		p.cur.callee = name
	}
	if sameSize(name.text, p.src[bracket:min(len(p.src), bracket+300)]) {
		p.calls[i].same++
	}
}
