package account

import (
	"strings"

	"github.com/wardein/wardein"
)

// row is one line of an account table.
type row struct {
	line       string
	off        int64 // of the line
	user       string
	uid, gid   string // "" in a shadow table
	shell      string
	hasShell   bool
	field      string // the password field: never told
	fieldStart int64  // in the line
	password   string // kind of the password field
}

// table is one layout of lines with fields between colons.
type table struct {
	kind                      string
	fields, least             int
	uid, gid, home, shell     int // -1: none
	numberFrom, numberTo      int // these hold digits or nothing, 0: none
	numberMust, numberMustEnd int // these hold digits, 0: none
}

// The tables of passwd(5), shadow(5) and BSD's master.passwd(5). Some vendors'
// shadow files leave the last fields away.
var tables = []table{
	{kind: "passwd", fields: 7, least: 7, uid: 2, gid: 3, home: 5, shell: 6, numberMust: 2, numberMustEnd: 4},
	{kind: "shadow", fields: 9, least: 8, uid: -1, gid: -1, home: -1, shell: -1, numberFrom: 2, numberTo: 9},
	{kind: "master", fields: 10, least: 10, uid: 2, gid: 3, home: 8, shell: 9, numberMust: 2, numberMustEnd: 4, numberFrom: 5, numberTo: 7},
}

// readTable returns the table that text is, "" for none: by the shape of its
// lines. One line in four may be of another shape.
func readTable(text string) (kind string, rows []row) {
	for i := range tables {
		t := &tables[i]
		rows, bad := rows[:0], 0
		for off := 0; off < len(text); {
			line := text[off:]
			if k := strings.IndexByte(line, '\n'); k >= 0 {
				line = line[:k]
			}
			next := off + len(line) + 1
			line = strings.TrimSuffix(line, "\r")
			switch r, ok := t.row(line); {
			case line == "" || line[0] == '#' || line[0] == '+' || line[0] == '-': // NIS: passwd(5) of glibc
			case ok:
				r.line, r.off = line, int64(off)
				rows = append(rows, r)
			default:
				bad++
			}
			if bad > 2 && bad*4 > len(rows) {
				break // no table of this kind
			}
			off = next
		}
		if len(rows) > 0 && bad*4 <= len(rows) {
			return t.kind, rows
		}
	}
	return "", nil
}

func (t *table) row(line string) (r row, ok bool) {
	f := strings.SplitN(line, ":", t.fields+1)
	if len(f) < t.least || len(f) > t.fields || !userName(f[0]) {
		return r, false
	}
	for i, s := range f {
		must := i >= t.numberMust && i < t.numberMustEnd
		if (must || i >= t.numberFrom && i < t.numberTo) && !digits(s) || must && s == "" {
			return r, false
		}
	}
	r = row{user: f[0], field: f[1], fieldStart: int64(len(f[0]) + 1), password: passwordKind(f[1], t.kind == "passwd")}
	if t.uid >= 0 {
		r.uid, r.gid, r.shell, r.hasShell = trimZeros(f[t.uid]), trimZeros(f[t.gid]), f[t.shell], true
		if home := f[t.home]; home != "" && home[0] != '/' || r.shell != "" && r.shell[0] != '/' {
			return r, false
		}
	}
	return r, r.password != "other" || t.uid >= 0
}

// userName tells what may stand as a name. It is wider than useradd(8): some
// vendors' names begin with a digit or hold capitals.
func userName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_-.@$", rune(c)) {
			return false
		}
	}
	return true
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] < '0' || s[i] > '9') && !(i == 0 && s[i] == '-' && len(s) > 1) {
			return false
		}
	}
	return len(s) <= 20
}

func trimZeros(s string) string {
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return "0"
}

// schemes are the prefixes of crypt(5), with what it says of them: weak ones
// can be searched through at a rate that finds most passwords.
var schemes = []struct {
	prefix, kind string
	weak         bool
}{
	{"$1$", "md5crypt", true},
	{"$2a$", "bcrypt", false},
	{"$2b$", "bcrypt", false},
	{"$2x$", "bcrypt", false},
	{"$2y$", "bcrypt", false},
	{"$3$", "NT hash", true},
	{"$5$", "sha256crypt", false},
	{"$6$", "sha512crypt", false},
	{"$7$", "scrypt", false},
	{"$y$", "yescrypt", false},
	{"$gy$", "gost-yescrypt", false},
	{"$md5", "SunMD5", true},
	{"$sha1$", "sha1crypt", true},
	{"$apr1$", "apr1 md5", true},
	{"$argon2", "argon2", false},
}

// passwordKind names what stands in a password field: "empty", "locked",
// "shadowed", a scheme of crypt(5), or "other".
func passwordKind(s string, passwd bool) string {
	switch {
	case s == "":
		return "empty"
	case s == "x" && passwd:
		return "shadowed"
	case s[0] == '!' || s[0] == '*' || s == "x" || s == "X" || s == "NP" || s == "LK":
		return "locked"
	}
	for _, c := range schemes {
		if strings.HasPrefix(s, c.prefix) && len(s) > len(c.prefix)+16 {
			return c.kind
		}
	}
	switch {
	case len(s) == 13 && cryptText(s):
		return "descrypt"
	case len(s) == 20 && s[0] == '_' && cryptText(s[1:]):
		return "bsdicrypt"
	}
	return "other"
}

// cryptText tells whether s is of crypt(3)'s alphabet.
func cryptText(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '.' || c > '9') {
			return false
		}
	}
	return true
}

// isHash tells kinds that a password opens.
func isHash(kind string) bool {
	switch kind {
	case "empty", "locked", "shadowed", "system", "plain", "other", "":
		return false
	}
	return true
}

func isWeak(kind string) bool {
	for _, c := range schemes {
		if c.kind == kind && c.weak {
			return true
		}
	}
	return kind == "descrypt" || kind == "bsdicrypt"
}

// fact states a row. Where the password field holds more than a mark, the
// place is the field's and the line is not told.
func (r *row) fact(kind string) wardein.Fact {
	f := wardein.Fact{Kind: kind, Off: r.off, Len: int64(len(r.line))}
	line := ""
	switch r.password {
	case "empty", "locked", "shadowed":
		if len(r.field) <= 4 && len(r.line) <= maxQuote { // "!" may stand before a hash
			line = r.line
		}
	}
	if line == "" && r.field != "" {
		f.Off, f.Len = r.off+r.fieldStart, int64(len(r.field))
	}
	f.Attrs = []wardein.Note{{Name: "user", Value: r.user}, {Name: "password", Value: r.password}, {Name: "line", Value: line}}
	if r.hasShell {
		f.Attrs = append(f.Attrs, wardein.Note{Name: "uid", Value: r.uid}, wardein.Note{Name: "gid", Value: r.gid}, wardein.Note{Name: "shell", Value: r.shell})
	}
	return f
}
