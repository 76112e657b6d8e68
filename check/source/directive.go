package source

import (
	"strings"

	"github.com/wardein/wardein/internal/cfuncs"
)

// macro is a #define whose body is a call of another function, or a function
// that does no more than that.
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

// groups follows conditional groups (C11 6.10.1). Each of an #if's groups
// begins with the nesting that the #if had: a brace that two of them open is
// closed once.
type groups struct {
	list  []group
	kept  []byte // scopes of all groups, one behind the other
	quiet int    // groups of the list that are left out
	deep  int    // groups within more than maxGroups
}

type group struct {
	head
	from, to int
	left     bool // this group is left out
	taken    bool // #if 1: the others are left out
}

const maxGroups = 200

// out tells code that the preprocessor leaves out on every processor.
func (g *groups) out() bool { return g.quiet > 0 }

// conditional reads #if, #else and what belongs to them.
func (p *parser) conditional(text string) {
	g := &p.groups
	name, rest := directiveName(text)
	switch name {
	case "if", "ifdef", "ifndef":
		if len(g.list) == maxGroups {
			g.deep++
			return
		}
		x := group{head: p.head, from: len(g.kept)}
		g.kept = append(g.kept, p.scopes...)
		x.to = len(g.kept)
		if name == "if" {
			x.left, x.taken = rest == "0", rest == "1"
		}
		if x.left {
			g.quiet++
		}
		g.list = append(g.list, x)
	case "else", "elif":
		if g.deep > 0 || len(g.list) == 0 {
			return
		}
		x := &g.list[len(g.list)-1]
		wasLeft := x.left
		if x.left = x.taken || name == "elif" && rest == "0"; x.left != wasLeft {
			if x.left {
				g.quiet++
			} else {
				g.quiet--
			}
		}
		if !wasLeft && !x.left {
			p.head = x.head
			p.scopes = append(p.scopes[:0], g.kept[x.from:x.to]...)
		}
	case "endif":
		if g.deep > 0 {
			g.deep--
			return
		}
		if n := len(g.list); n > 0 {
			if g.list[n-1].left {
				g.quiet--
			}
			g.kept = g.kept[:g.list[n-1].from]
			g.list = g.list[:n-1]
		}
	}
}

// directiveName takes a preprocessor line apart.
func directiveName(text string) (name, rest string) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "#"))
	k := 0
	for k < len(text) && letter(text[k]) {
		k++
	}
	return text[:k], strings.TrimSpace(text[k:])
}

// network headers are those of sockets.
var networkHeaders = []string{"sys/socket.h", "netinet/", "arpa/inet.h", "netdb.h", "winsock", "linux/if_", "net/if.h"}

// directive reads #include, #define and #pragma.
func (f *file) directive(t token, stop int, known func(string) bool) {
	name, rest := directiveName(t.text)
	switch name {
	case "include":
		for _, header := range networkHeaders {
			f.network = f.network || strings.Contains(rest, header)
		}
		return
	case "pragma":
		f.silence(t)
		return
	case "define":
	default:
		return
	}
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
	f.macro(m)
}

func (f *file) macro(m macro) {
	if len(f.macros) < 1000 {
		f.macros = append(f.macros, m)
	}
}

// wrapper keeps the function that ended if it has a safe function's name,
// compares nothing and calls an unsafe one.
func (p *parser) wrapper() {
	c := p.cur
	if c.callee.text == "" || c.complexity > 1 || c.compares || c.name == c.callee.text || !p.known(c.name) {
		return
	}
	own, callee := cfuncs.Lookup(c.name), cfuncs.Lookup(c.callee.text)
	if own == nil || callee == nil || own.Class != cfuncs.Safe || callee.Class == cfuncs.Safe || own.Family != callee.Family {
		return
	}
	at := c.callee.off
	_, n, _ := lineAt(p.src, c.off)
	from, _, _ := lineAt(p.src, c.off)
	p.macro(macro{name: c.name, callee: c.callee.text, off: int(from), size: int(n), args: bracketed(p.src[at:min(len(p.src), at+300)])})
}

// sameSize tells a call memcpy_s(to, n, from, n), which lets everything pass.
// Constants and sizeof may well be the destination's own size.
func sameSize(name, rest string) bool {
	if n := len(name); name[n-2:] != "_s" && name[n-2:] != "_S" {
		return false
	}
	if fn := cfuncs.Lookup(name); fn == nil || fn.Family != "memcpy" || fn.Class != cfuncs.Safe {
		return false
	}
	var args []string
	text := bracketed(rest)
	depth, from := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				args = append(args, text[from:i])
				from = i + 1
			}
		}
	}
	args = append(args, text[from:])
	if len(args) != 4 || plain(args[1]) != plain(args[3]) || strings.Contains(args[1], "sizeof") {
		return false
	}
	return strings.ContainsFunc(args[1], func(c rune) bool { return c >= 'a' && c <= 'z' })
}

func plain(s string) string { return strings.Join(strings.Fields(s), "") }

// bracketed is what stands between the first bracket and its partner.
func bracketed(s string) string {
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			if depth++; depth == 1 {
				from = i + 1
			}
		case ')':
			if depth--; depth == 0 {
				return s[from:i]
			}
			depth = max(depth, 0)
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
