package hiddenaccess

import (
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// A source that compares a password with a fixed text says so by names: the
// variable that a function which checks passwords is handed is also compared
// with a literal, in the same function.

// maxSource is the size up to which sources are read, and maxCompared how many
// comparisons of one are stated.
const (
	maxSource   = 2 << 20
	maxCompared = 50
)

// language says which comments a source has and how functions begin.
type language uint8

const (
	noSource language = iota
	inC               // C and C++
	inPHP
	inPython
	inLua
	inShell
)

// languageOf tells it by the first line and by words that every such source has.
func languageOf(s string) language {
	first, _, _ := strings.Cut(s[:min(len(s), 256)], "\n")
	switch shebang := strings.HasPrefix(first, "#!"); {
	case shebang && strings.Contains(first, "python"):
		return inPython
	case shebang && strings.Contains(first, "lua"):
		return inLua
	case strings.Contains(s[:min(len(s), 1024)], "<?php"):
		return inPHP
	case shebang && strings.Contains(first, "sh"):
		return inShell
	case shebang:
		return noSource
	case strings.Contains(s, "#include"):
		return inC
	case strings.Contains(s, "\nlocal ") || strings.HasPrefix(s, "local ") || strings.HasPrefix(s, "module("):
		return inLua
	case strings.Contains(s, "\ndef ") || strings.Contains(s, "\nimport "):
		return inPython
	}
	return noSource
}

// piece is a word, a literal without its quotes, or a mark.
type piece struct {
	kind byte // 'w', 's', or the mark itself; '=' for all that tell equality, 'a' for an assignment
	off  int
	text string
}

// pieces takes a source apart. Comments and preprocessor lines are left out.
func pieces(s string, l language) (out []piece) {
	for i := 0; i < len(s); {
		c := s[i]
		rest := s[i:]
		skip := func(end string) {
			if k := strings.Index(rest, end); k >= 0 {
				i += k + len(end)
			} else {
				i = len(s)
			}
		}
		switch {
		case c == '\n' || c == ' ' || c == '\t' || c == '\r':
			i++
		case (l == inC || l == inPHP) && strings.HasPrefix(rest, "/*"):
			rest = rest[2:]
			i += 2
			skip("*/")
		case (l == inC || l == inPHP) && strings.HasPrefix(rest, "//"),
			l == inLua && strings.HasPrefix(rest, "--") && !strings.HasPrefix(rest, "--[["),
			(l == inPHP || l == inPython || l == inC) && c == '#':
			for n := 0; ; n++ { // a directive may go on
				k := strings.IndexByte(s[i:], '\n')
				if k < 0 {
					i = len(s)
					break
				}
				i += k + 1
				if l != inC || k == 0 || s[i-2] != '\\' {
					break
				}
			}
		case l == inLua && strings.HasPrefix(rest, "--[["):
			skip("]]")
		case l == inPython && (strings.HasPrefix(rest, `"""`) || strings.HasPrefix(rest, "'''")):
			end := rest[:3]
			rest = rest[3:]
			i += 3
			skip(end)
		case c == '"' || c == '\'':
			from := i + 1
			for i++; i < len(s) && s[i] != c && s[i] != '\n'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			i = min(i, len(s))
			if kind := byte('s'); c == '"' || l != inC {
				out = append(out, piece{kind, from, s[from:i]})
			}
			i++
		case part(c) || c == '$' && l == inPHP:
			from := i
			for i++; i < len(s) && part(s[i]); i++ {
			}
			out = append(out, piece{'w', from, s[from:i]})
		default:
			n := 1
			for _, eq := range []string{"===", "!==", "==", "!=", "~="} {
				if strings.HasPrefix(rest, eq) {
					n = len(eq)
					break
				}
			}
			kind := c
			if n > 1 {
				kind = '='
			} else if c == '=' {
				kind = 'a'
			} else if strings.HasPrefix(rest, "->") {
				n, kind = 2, '.'
			}
			out = append(out, piece{kind, i, rest[:n]})
			i += n
		}
	}
	return out
}

// variable is what a run of pieces names: a word, with members and indices;
// "" for what computes something.
func variable(p []piece) string {
	if len(p) > 2 && p[0].kind == '(' { // a cast
		for i, x := range p[1 : len(p)-1] {
			if x.kind == ')' {
				p = p[i+2:]
				break
			} else if x.kind != 'w' && x.kind != '*' {
				return ""
			}
		}
	}
	var b strings.Builder
	for _, x := range p {
		switch x.kind {
		case 'w', '.', '[', ']':
			b.WriteString(x.text)
		case 's':
			b.WriteString("'" + x.text + "'")
		default:
			return ""
		}
	}
	if len(p) == 0 || p[0].kind != 'w' || p[0].text[0] >= '0' && p[0].text[0] <= '9' {
		return ""
	}
	return b.String()
}

// arguments splits what stands between the bracket at p[0] and its end.
func arguments(p []piece) (args [][]piece) {
	depth, from := 0, 1
	for i, x := range p[:min(len(p), 300)] {
		switch x.kind {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return append(args, p[from:i])
			}
		case ',':
			if depth == 1 {
				args = append(args, p[from:i])
				from = i + 1
			}
		}
	}
	return nil
}

// before is the variable that ends in front of p[i].
func before(p []piece, i int) string {
	end, depth := i, 0
	for i--; i >= 0 && end-i < 12; i-- {
		switch k := p[i].kind; {
		case k == ']':
			depth++
		case k == '[':
			depth--
		case depth > 0, k == '.':
		case k == 'w' && (i == 0 || p[i-1].kind != '.'):
			return variable(p[i:end])
		case k == 'w':
		default:
			return ""
		}
	}
	return ""
}

// after is the variable that begins at p[i].
func after(p []piece, i int) string {
	from, depth := i, 0
	for ; i < len(p) && i-from < 12; i++ {
		k := p[i].kind
		if depth == 0 && i > from && k != '.' && k != '[' && !(k == 'w' && p[i-1].kind == '.') {
			break
		}
		if k == '[' {
			depth++
		} else if k == ']' {
			depth--
		}
	}
	return variable(p[from:i])
}

// source states the fixed texts that functions of a source compare passwords
// with.
func source(s string, out func(wardein.Fact)) {
	l := languageOf(s)
	if l == inShell {
		shell(s, out)
		return
	}
	if l == noSource {
		return
	}
	p := pieces(s, l)
	stated := 0
	state := func(f wardein.Fact) {
		if stated++; stated <= maxCompared {
			out(f)
		}
	}
	if l == inPython || l == inLua {
		from := 0
		for i, x := range p {
			if x.kind == 'w' && (x.text == "def" || x.text == "function") {
				scope(p[from:i], state)
				from = i
			}
		}
		scope(p[from:], state)
		return
	}
	depth, from, inside := 0, 0, 0 // inside: depth at which a function's body began
	for i, x := range p {
		switch x.kind {
		case '{':
			if depth++; inside == 0 && i > 0 && (p[i-1].kind == ')' || p[i-1].kind == 'w' && (p[i-1].text == "const" || p[i-1].text == "noexcept" || p[i-1].text == "override")) {
				inside, from = depth, i
			}
		case '}':
			if depth == inside && inside > 0 {
				scope(p[from:i], state)
				inside, from = 0, i
			}
			depth = max(0, depth-1)
		}
	}
	if l == inPHP && inside == 0 { // code outside of functions
		scope(p[from:], state)
	}
}

// scope looks at one function.
func scope(p []piece, out func(wardein.Fact)) {
	k := authentication()
	roles := map[string]role{}
	results := map[int]role{} // of calls, by their offsets
	set := func(name, is, by string) {
		if name != "" && (roles[name].is == "" || is == "word") {
			roles[name] = role{is, by}
		}
	}
	for i := 0; i+1 < len(p); i++ {
		f := k.primitives[p[i].text]
		if f == nil || p[i].kind != 'w' || p[i+1].kind != '(' {
			continue
		}
		args := arguments(p[i+1:])
		if f.Word >= 0 && f.Word < len(args) {
			set(variable(args[f.Word]), "word", f.Name)
		}
		if f.Account >= 0 && f.Account < len(args) {
			set(variable(args[f.Account]), "account", f.Name)
		}
		if f.Result == "" || f.Word >= 0 && f.Word < len(args) && len(args[f.Word]) == 1 && args[f.Word][0].kind == 's' { // with a fixed word, a test of the function
			continue
		}
		at := i // of the call, with what it is a member of
		for at >= 2 && p[at-1].kind == '.' && p[at-2].kind == 'w' {
			at -= 2
		}
		results[p[at].off] = role{f.Result, f.Name}
		if at >= 1 && p[at-1].kind == ')' { // a cast
			for at--; at > 0 && p[at].kind != '('; at-- {
			}
		}
		if at >= 1 && p[at-1].kind == 'a' {
			set(before(p, at-1), f.Result, f.Name)
		}
	}
	if len(roles) == 0 && len(results) == 0 {
		return
	}
	state := func(r role, lit piece, by string) {
		if r.is != "" && unusual(lit.text) {
			out(compared(r, by, int64(lit.off), lit.text, int64(lit.off)))
		}
	}
	for i, x := range p {
		switch {
		case x.kind == 'w' && k.comparers[x.text] != nil && i+1 < len(p) && p[i+1].kind == '(':
			args := arguments(p[i+1:])
			if len(args) < 2 {
				continue
			}
			for n, a := range args[:2] {
				if len(a) != 1 || a[0].kind != 's' {
					continue
				}
				other := args[1-n]
				r := roles[variable(other)]
				if r.is == "" && len(other) > 0 {
					r = results[other[0].off]
				}
				state(r, a[0], x.text)
			}
		case x.kind == '=' && i > 0 && i+1 < len(p):
			if p[i+1].kind == 's' {
				state(roles[before(p, i)], p[i+1], x.text)
			} else if p[i-1].kind == 's' {
				state(roles[after(p, i+1)], p[i-1], x.text)
			}
		}
	}
}

var (
	// asks are the commands of a shell that take a password, in a variable.
	asks = lazy.Regexp(`\bread\s+(?:-\w+\s+)*-\w*s\w*\s+(?:-[pt]\s*(?:"[^"]*"|'[^']*'|\S+)\s+)*(\w+)`)
	hash = lazy.Regexp(`\b(?:cryptpw|openssl\s+passwd)\s[^|;]*"?\$\{?(\w+)`)
	test = lazy.Regexp(`(?:\[|\btest)\s+"?x?\$\{?(\w+)\}?"?\s+={1,2}\s+(?:"([^"$` + "`" + `]*)"|'([^']*)'|([^\s"'$` + "`" + `\]]+))\s*(?:\]|;|&|\||$)`)
)

// shell states the fixed texts that a shell script compares with a variable
// that was read without an echo, or that is hashed.
func shell(s string, out func(wardein.Fact)) {
	words := map[string]string{}
	each := func(do func(off int, line string)) {
		for off := 0; off < len(s); {
			line, _, _ := strings.Cut(s[off:], "\n")
			if t := strings.TrimLeft(line, " \t"); t != "" && t[0] != '#' && len(line) < 4<<10 {
				do(off, line)
			}
			off += len(line) + 1
		}
	}
	each(func(_ int, line string) {
		if strings.Contains(line, "read") {
			for _, m := range asks().FindAllStringSubmatch(line, 10) {
				words[m[1]] = "read -s"
			}
		}
		if strings.Contains(line, "passwd") || strings.Contains(line, "cryptpw") {
			for _, m := range hash().FindAllStringSubmatch(line, 10) {
				words[m[1]] = "a program that hashes"
			}
		}
	})
	if len(words) == 0 {
		return
	}
	stated := 0
	each(func(off int, line string) {
		for _, m := range test().FindAllStringSubmatchIndex(line, 10) {
			by := words[line[m[2]:m[3]]]
			for g := 4; g < 10; g += 2 {
				if by == "" || m[g] < 0 || stated == maxCompared || !unusual(line[m[g]:m[g+1]]) {
					continue
				}
				stated++
				out(compared(role{"word", by}, "=", int64(off+m[g]), line[m[g]:m[g+1]], int64(off+m[g])))
			}
		}
	})
}
