package secret

import (
	"bytes"
	_ "embed" // for the table
	"encoding/base64"
	"slices"
	"strings"
	"sync"

	"github.com/wardein/wardein"
)

//go:embed data/settings.tsv
var settingsTable string

// rule is a line of data/settings.tsv.
type rule struct {
	kind, how, word string
	key             string
	needs           []string
	family          int // of needs
}

// rules are the table by name of the setting; by its last four bytes, or its
// first, where the name has more before or behind it.
type rules struct {
	exact    map[string][]rule
	suffixes map[string][]rule
	prefixes map[string][]rule
}

var settings = sync.OnceValue(func() *rules {
	r := &rules{map[string][]rule{}, map[string][]rule{}, map[string][]rule{}}
	families := map[string]int{}
	for line := range strings.Lines(settingsTable) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if line[0] == '#' || len(f) != 5 {
			continue
		}
		if _, ok := families[f[3]]; !ok {
			families[f[3]] = len(families)
		}
		x := rule{kind: f[0], key: f[1], how: f[2], family: families[f[3]]}
		x.how, x.word, _ = strings.Cut(x.how, ":")
		if f[3] != "-" {
			x.needs = strings.Split(f[3], "|")
		}
		if key, ok := strings.CutPrefix(x.key, "*"); ok {
			x.key = key
			r.suffixes[key[len(key)-4:]] = append(r.suffixes[key[len(key)-4:]], x)
		} else if key, ok := strings.CutSuffix(x.key, "*"); ok {
			x.key = key
			r.prefixes[key[:4]] = append(r.prefixes[key[:4]], x)
		} else {
			r.exact[key] = append(r.exact[key], x)
		}
	}
	return r
})

// each gives the rules for a name, those of exact names first, those by name
// alone last, as the table has them.
func (r *rules) each(key []byte, yield func(*rule) bool) {
	for i := range r.exact[string(key)] {
		if !yield(&r.exact[string(key)][i]) {
			return
		}
	}
	if len(key) < 4 {
		return
	}
	for i := range r.prefixes[string(key[:4])] {
		if x := &r.prefixes[string(key[:4])][i]; strings.HasPrefix(string(key), x.key) && !yield(x) {
			return
		}
	}
	for i := range r.suffixes[string(key[len(key)-4:])] {
		if x := &r.suffixes[string(key[len(key)-4:])][i]; strings.HasSuffix(string(key), x.key) && !yield(x) {
			return
		}
	}
}

const maxName = 80

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-'
}

// setting looks at the name that a stem at at is part of.
func (s *scan) setting(at, keyAt int) {
	p := s.p
	from, to := at, at
	if keyAt >= 0 {
		from, to = at+keyAt, at+keyAt
	}
	for keyAt < 0 && from > 0 && at-from < maxName && nameByte(p[from-1]) {
		from--
	}
	for to < len(p) && to-from <= maxName && nameByte(p[to]) {
		to++
	}
	if to-from < 3 || to-from > maxName || to == len(p) {
		return
	}
	var buf [maxName]byte
	key := buf[:to-from]
	for i := range key {
		if key[i] = p[from+i]; key[i] >= 'A' && key[i] <= 'Z' {
			key[i] |= 0x20
		}
	}
	v := value{}
	looked := false
	var best *rule
	rank := 0
	settings().each(key, func(x *rule) bool {
		if !looked {
			v, looked = s.valueOf(from, to), true
		}
		if v.how == 0 {
			return false
		}
		if !strings.ContainsRune(x.how, rune(v.how)) || x.word != "" && x.word != v.word || v.how == 'a' && x.needs != nil && !v.whole || !s.has(x.needs, x.family) {
			return true
		}
		if r := s.rank(x, from); r > rank {
			best, rank = x, r
		}
		return true
	})
	if best != nil {
		s.judge(best, string(p[from:to]), v)
	}
}

// near is how far before a name what it needs says most.
const near = 1 << 10

// rank orders the rules that a setting meets: a name that says all, then what
// stands nearest before it, then what stands somewhere in the window, then
// what has a name alone.
func (s *scan) rank(x *rule, from int) int {
	switch {
	case x.kind == "setting" || x.kind == "token":
		return 1
	case x.needs == nil:
		return near + 3
	}
	at := -1
	for _, t := range x.needs {
		at = max(at, bytes.LastIndex(s.low[max(0, from-near):from], []byte(t)))
	}
	return at + 3
}

// judge states a setting whose value can be a credential.
func (s *scan) judge(x *rule, name string, v value) bool {
	text := string(s.p[v.from:v.to])
	sure := x.kind != "setting" && x.kind != "token"
	var more []wardein.Note
	switch {
	case placeholder(text, sure):
		return false
	case x.kind == "wg" || x.kind == "wg-shared":
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != 32 {
			return false
		}
		if x.kind == "wg-shared" {
			s.state("vpn", name, v.from, v.to)
			return true
		}
		k, ok := x25519(raw)
		if ok {
			k.form = "WireGuard"
			s.next = max(s.next, s.base+int64(v.to))
			s.out(place{s.base + int64(v.from), int64(v.to - v.from), k}.fact())
		}
		return ok
	case x.kind == "token" && !random(text):
		return false
	case x.kind == "setting" && (!v.whole || len(text) < 3 || !s.text || strings.ContainsAny(text, " \t();")):
		return false
	case x.kind == "snmp-community":
		if text == "public" || text == "private" {
			more = append(more, wardein.Note{Name: "default", Value: "yes"})
		}
		if s.loopback() {
			more = append(more, wardein.Note{Name: "local", Value: "yes"})
		}
	case hashed(text):
		more = append(more, wardein.Note{Name: "hashed", Value: "yes"})
	}
	s.state(x.kind, name, v.from, v.to, more...)
	return true
}

// loopback tells whether an snmpd.conf listens on the unit itself alone
// (agentaddress, snmpd.conf(5)).
func (s *scan) loopback() bool {
	_, rest, _ := bytes.Cut(s.p, []byte("\nagentaddress"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	addresses := strings.FieldsFunc(string(line), func(r rune) bool { return r == ',' || r <= ' ' })
	for _, a := range addresses {
		a = strings.TrimPrefix(strings.TrimPrefix(a, "udp:"), "udp6:")
		if !strings.HasPrefix(a, "127.") && !strings.HasPrefix(a, "[::1]") && !strings.HasPrefix(a, "localhost") {
			return false
		}
	}
	return len(addresses) > 0
}

// value is where the value of a setting stands, and in what syntax.
type value struct {
	from, to int
	how      byte   // of rule.how; 0: none
	word     string // first word of the line, for how 'c'
	whole    bool   // the setting has its line to itself, or quotes around it
}

// valueOf reads the value of the name at p[from:to].
func (s *scan) valueOf(from, to int) (v value) {
	p := s.p
	if !s.text {
		// name=value between bytes that end a string
		if p[to] != '=' || from > 0 && p[from-1] != 0 && p[from-1] != '\n' {
			return v
		}
		end := to + 1
		for end < len(p) && end-to < 256 && p[end] >= 0x20 && p[end] < 0x7f {
			end++
		}
		if end == len(p) || p[end] != 0 && p[end] != '\n' {
			return v
		}
		return value{to + 1, end, 'n', "", true}
	}
	line := from
	for line > 0 && from-line < 512 && p[line-1] != '\n' {
		line--
	}
	lead := strings.TrimLeft(string(p[line:from]), " \t")
	if comment(lead) {
		return v
	}
	at := to
	quoted := false
	if q := p[at]; from > 0 && (q == '"' || q == '\'') && p[from-1] == q {
		at++
		quoted = true
		if e, ok := attribute(p, at); ok { // name="Password" value="…"
			return value{e.from, e.to, 'a', "", true}
		}
	}
	if from > 0 && p[from-1] == '<' { // <Password val=… />
		if e, ok := attribute(p, at); ok {
			return value{e.from, e.to, 'a', "", true}
		}
	}
	if from > 0 && (p[from-1] == '<' || p[from-1] == ':' || p[from-1] == '>') {
		if e, ok := element(p, from, at); ok {
			if s.commented(from) {
				return v
			}
			return value{e.from, e.to, 'a', "", true}
		}
	}
	blanks := skip(p, at)
	first, _, _ := strings.Cut(lead, " ")
	switch {
	case blanks >= len(p):
		return v
	case p[blanks] == '=' || p[blanks] == ':' && blanks+1 < len(p) && p[blanks+1] != ':' && p[blanks+1] != '/':
		at = blanks + 1
		if at < len(p) && (p[at] == '=' && p[blanks] == ':' || p[at] == '>' && p[blanks] == '=') {
			at++
		}
		if at < len(p) && p[at] == '=' {
			return v
		}
		at = skip(p, at)
		v.how = 'a'
		v.whole = quoted || strings.Trim(lead, " \t-\"'{,") == "" || first == "export" || first == "set" || first == "add" || strings.HasPrefix(lead, "<")
	case blanks == at:
		return v
	case strings.HasPrefix(lead, "option ") || strings.HasPrefix(lead, "option\t"):
		v.how, at = 'u', blanks
		v.whole = true
	case lead == "":
		v.how, at = 'w', blanks
	case first == "enable" || first == "username" || first == "snmp-server" || first == "radius-server" || first == "tacacs-server" || first == "machine":
		v.how, v.word, at = 'c', first, blanks
		if at+1 < len(p) && p[at] >= '0' && p[at] <= '9' && p[at+1] == ' ' { // how it is encrypted
			at += 2
		}
	default:
		return v
	}
	if at >= len(p) {
		return value{}
	}
	end := at
	if q := p[at]; q == '"' || q == '\'' {
		at++
		for end = at; end < len(p) && end-at <= 256 && p[end] != q && p[end] != '\n'; end++ {
		}
		if end == len(p) || p[end] != q {
			return value{}
		}
	} else {
		for end < len(p) && end-at <= 256 && p[end] > ' ' && strings.IndexByte("\"'<>,;", p[end]) < 0 {
			end++
		}
		if rest := skip(p, end); rest < len(p) && p[rest] != '\n' && p[rest] != '\r' && p[rest] != '#' && p[rest] != ';' {
			v.whole = false
		}
	}
	v.from, v.to = at, end
	return v
}

// commented tells whether at stands behind "<!--" and before "-->".
func (s *scan) commented(at int) bool {
	if s.marks == nil {
		s.marks = []int{-1} // begins and ends in turns; this is an end
		for i := 0; i+3 <= len(s.p); i++ {
			k := bytes.Index(s.p[i:], []byte([]string{"<!--", "-->"}[(len(s.marks)+1)%2]))
			if k < 0 {
				break
			}
			i += k
			s.marks = append(s.marks, i)
		}
	}
	i, _ := slices.BinarySearch(s.marks, at) // as many stand before it
	return i%2 == 0
}

// comment tells whether what stands before a name makes it none.
func comment(lead string) bool {
	for _, c := range []string{"#", ";", "//", "/*", "*", "<!--", "--", "!", "dnl ", "rem ", "REM "} {
		if strings.HasPrefix(lead, c) {
			return true
		}
	}
	return strings.Contains(lead, " #") || strings.Contains(lead, "\t#") || strings.Contains(lead, "<!--") || strings.Contains(lead, " // ")
}

func skip(p []byte, at int) int {
	for at < len(p) && (p[at] == ' ' || p[at] == '\t') {
		at++
	}
	return at
}

type extent struct{ from, to int }

// attribute reads value="…" behind name="…", and what vendors write: val="…",
// val=….
func attribute(p []byte, at int) (extent, bool) {
	at = skip(p, at)
	switch {
	case fold(p[at:], "value="):
		at += len("value=")
	case fold(p[at:], "val="):
		at += len("val=")
	default:
		return extent{}, false
	}
	if at >= len(p) {
		return extent{}, false
	}
	if q := p[at]; q == '"' || q == '\'' {
		end := bytes.IndexByte(p[at+1:min(len(p), at+1+257)], q)
		return extent{at + 1, at + 1 + end}, end >= 0
	}
	end := bytes.IndexAny(p[at:min(len(p), at+257)], " />\n")
	return extent{at, at + end}, end > 0
}

// element reads <Name …>value</ at a name behind "<" or a namespace, and
// <Name>Password</Name><Value …>value</ at one between brackets.
func element(p []byte, from, at int) (e extent, ok bool) {
	if p[from-1] == '>' {
		if at+1 >= len(p) || p[at] != '<' || p[at+1] != '/' {
			return e, false
		}
		k := bytes.IndexByte(p[at:min(len(p), at+64)], '>')
		if k < 0 {
			return e, false
		}
		at += k + 1
		for at < len(p) && p[at] <= ' ' {
			at++
		}
		if !fold(p[at:], "<value") {
			return e, false
		}
	}
	k := bytes.IndexByte(p[at:min(len(p), at+128)], '>')
	if k < 0 || k > 0 && p[at+k-1] == '/' || k > 0 && p[from-1] != '>' && p[at] != ' ' {
		return e, false
	}
	e.from = at + k + 1
	n := bytes.IndexByte(p[e.from:min(len(p), e.from+257)], '<')
	if n < 0 || e.from+n+1 >= len(p) || p[e.from+n+1] != '/' {
		return e, false
	}
	e.to = e.from + n
	return e, true
}
