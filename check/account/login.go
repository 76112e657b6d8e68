package account

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// login is an account of a unit's own pages or command line, in a table that
// is none of the system's.
type login struct {
	user  string
	table string // where it stands: what the finding names
	over  string // what it opens
	form  string // how the field is written: "xml", "base64", "" as it is
	// off and size are the password field's, in the text.
	off, size int
	kind      string // of the field
	system    string // account of the system whose password counts
}

func (l *login) fact() wardein.Fact {
	return wardein.Fact{Kind: "login", Off: int64(l.off), Len: int64(l.size), Attrs: []wardein.Note{
		{Name: "user", Value: l.user}, {Name: "password", Value: l.kind}, {Name: "table", Value: l.table}, {Name: "over", Value: l.over},
		{Name: "form", Value: l.form}, {Name: "system", Value: l.system},
	}}
}

// marks are texts of which a table of accounts holds one.
var marks = []string{"UserInfoInstance", "DevAuthInfo", "TelnetCfg", "_LoginCfg>", "ServiceManage>", "http_passwd=", "sys_user1=", "config login"}

const (
	maxField  = 256
	maxLogins = 200 // of one text
)

// logins states the accounts in a text that holds marks.
func logins(text string, out func(wardein.Fact)) {
	n := 0
	emit := func(l login) {
		if l.user == "" || len(l.user) > 64 || l.size > maxField || !printable(l.user) {
			return
		}
		if n++; n <= maxLogins {
			out(l.fact())
		}
	}
	if strings.Contains(text, "config login") {
		rpcd(text, emit)
	}
	if strings.Contains(text, "http_passwd=") || strings.Contains(text, "sys_user1=") {
		nvram(text, emit)
	}
	if strings.Contains(text, "<") {
		markup(text, emit)
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// fieldKind names what stands in a password field that may as well be the
// password itself.
func fieldKind(s string) string {
	switch kind := passwordKind(s, false); {
	case kind == "empty", kind == "descrypt", kind == "bsdicrypt": // thirteen letters are a password like any other
	case isHash(kind):
		return kind
	case kind == "locked" || s[0] == '$': // masked, or a cipher of the vendor's
		return "other"
	}
	switch {
	case s == "":
		return "empty"
	case !printable(s):
		return "other"
	case strings.Trim(s, "0123456789abcdefABCDEF") == "":
		switch len(s) {
		case 32:
			return "MD5 in hexadecimal"
		case 40:
			return "SHA-1 in hexadecimal"
		case 64:
			return "SHA-256 in hexadecimal"
		}
	}
	return "plain"
}

// rpcd reads the logins of OpenWrt's rpcd, etc/config/rpcd. A password "$p$NAME"
// is that of an account of the system.
func rpcd(text string, emit func(login)) {
	l, in := login{}, false
	flush := func() {
		if in {
			emit(l)
		}
		in = false
	}
	off := 0
	for line := range strings.Lines(text) {
		start := off
		off += len(line)
		f := strings.Fields(line)
		switch {
		case len(f) >= 2 && f[0] == "config":
			flush()
			if in = f[1] == "login"; in {
				l = login{table: "rpcd", over: "the web interface", off: start, size: len(strings.TrimRight(line, "\r\n")), kind: "empty"}
			}
		case len(f) == 3 && f[0] == "option" && in:
			v := strings.Trim(f[2], `'"`)
			switch f[1] {
			case "username":
				l.user = v
			case "password":
				at := start + strings.LastIndex(line, f[2]) + strings.Index(f[2], v)
				l.off, l.size, l.kind = at, len(v), fieldKind(v)
				if name, ok := strings.CutPrefix(v, "$p$"); ok {
					l.kind, l.system = "system", name
				}
				if v == "!" || v == "x" { // rpcd takes either for none
					l.kind = "empty"
				}
				if v == "" {
					l.off, l.size = start, len(strings.TrimRight(line, "\r\n"))
				}
			}
		}
	}
	flush()
}

// nvram reads name=value between line ends or zero bytes.
func nvram(text string, emit func(login)) {
	user, at := "", -1
	end := 0
	for from := 0; from < len(text); from = end + 1 {
		end = from
		for end < len(text) && text[end] != '\n' && text[end] != 0 {
			end++
		}
		name, value, ok := strings.Cut(text[from:end], "=")
		if !ok || len(name) > 32 {
			continue
		}
		value = strings.TrimSuffix(value, "\r")
		switch at0 := from + len(name) + 1; {
		case name == "http_username" || name == "http_login":
			user = value
		case name == "http_passwd":
			at = at0
		case strings.HasPrefix(name, "sys_user") && len(name) == 9: // user=NAME&pass=WORD
			l := login{table: "nvram", over: "the web interface"}
			for part := range strings.SplitSeq(value, "&") {
				if u, ok := strings.CutPrefix(part, "user="); ok {
					l.user = u
				}
				if w, ok := strings.CutPrefix(part, "pass="); ok && w != "" {
					l.off, l.size, l.kind = at0, len(w), fieldKind(w)
				}
				at0 += len(part) + 1
			}
			if l.kind != "" {
				emit(l)
			}
		}
	}
	if at < 0 {
		return
	}
	stop := at
	for stop < len(text) && text[stop] != '\n' && text[stop] != '\r' && text[stop] != 0 {
		stop++
	}
	if stop == at || stop-at > maxField { // nothing: the first start asks for one
		return
	}
	if user == "" {
		user = "admin"
	}
	emit(login{user: user, table: "nvram", over: "the web interface", off: at, size: stop - at, kind: fieldKind(text[at:stop])})
}

// element is an element whose attributes are an account, or that holds some.
type element struct {
	name       string
	user, pass string
	over, form string
	fixed      string // the user's name where none stands
}

// elements are accounts of units in XML. Attributes: Huawei's hw_ctree.xml;
// tables with rows: ZTE's db_user_cfg.xml; elements in elements: Broadcom's
// psi and the data models of China Telecom. Read on 2026-11-22 in public
// copies of such files.
var elements = []element{
	{name: "X_HW_WebUserInfoInstance", user: "UserName", pass: "Password", over: "the web interface"},
	{name: "X_HW_CLIUserInfoInstance", user: "Username", pass: "Userpassword", over: "the command line"},
	{name: "DevAuthInfo", user: "User", pass: "Pass", over: "the web interface"},
	{name: "TelnetCfg", user: "TS_UName", pass: "TS_UPwd", over: "telnet"},
	{name: "X_BROADCOM_COM_LoginCfg", user: "AdminUserName", pass: "AdminPassword", over: "the web interface", form: "base64", fixed: "admin"},
	{name: "X_BROADCOM_COM_LoginCfg", user: "SupportUserName", pass: "SupportPassword", over: "the web interface", form: "base64", fixed: "support"},
	{name: "X_BROADCOM_COM_LoginCfg", user: "UserUserName", pass: "UserPassword", over: "the web interface", form: "base64", fixed: "user"},
	{name: "X_CT-COM_ServiceManage", user: "TelnetUserName", pass: "TelnetPassword", over: "telnet"},
}

// span is a value's place in the text.
type span struct{ from, to int }

// markup reads the tags of a text in order. It is no parser of XML: what
// configuration files hold is seldom well formed.
func markup(text string, emit func(login)) {
	inside := ""                // the element or table whose values are collected
	values := map[string]span{} // of one account
	flush := func() {
		for i := range elements {
			e := &elements[i]
			if e.name == inside {
				stateAccount(text, e, values, emit)
			}
		}
		clear(values)
	}
	for at := 0; at < len(text); {
		k := strings.IndexByte(text[at:], '<')
		if k < 0 {
			break
		}
		at += k + 1
		stop := strings.IndexByte(text[at:min(len(text), at+4096)], '>')
		if stop < 0 {
			continue
		}
		tag := text[at : at+stop]
		name := tag
		if k := strings.IndexAny(tag, " \t\r\n/"); k > 0 {
			name = tag[:k]
		}
		body := at
		at += stop + 1
		switch {
		case name == "Tbl":
			inside = ""
			if v, ok := attribute(text, body, tag, "name"); ok && isElement(text[v.from:v.to]) {
				inside = text[v.from:v.to]
			}
		case name == "DM" && inside != "":
			key, ok := attribute(text, body, tag, "name")
			val, ok2 := attribute(text, body, tag, "val")
			if ok && ok2 && len(values) < 32 {
				values[text[key.from:key.to]] = val
			}
		case name == "/Row" || name == "/Tbl" || name != "" && name[0] == '/' && name[1:] == inside:
			flush()
			if name != "/Row" {
				inside = ""
			}
		case isElement(name):
			inside = name
			clear(values)
			for i := range elements {
				if e := &elements[i]; e.name == name && strings.Contains(tag, "=") {
					for _, key := range []string{e.user, e.pass, "Enable"} {
						if v, ok := attribute(text, body, tag, key); ok {
							values[key] = v
						}
					}
				}
			}
			if strings.HasSuffix(tag, "/") {
				flush()
				inside = ""
			}
		case inside != "" && len(values) < 32: // <Name>value</Name>
			if end := strings.IndexByte(text[at:min(len(text), at+maxField+1)], '<'); end >= 0 && strings.HasPrefix(text[at+end:], "</"+name) {
				values[name] = span{at, at + end}
			}
		}
	}
}

func isElement(name string) bool {
	return slices.ContainsFunc(elements, func(e element) bool { return e.name == name })
}

// attribute is the place of an attribute's value in a tag that begins at.
func attribute(text string, at int, tag, name string) (v span, ok bool) {
	for from := 0; ; {
		k := strings.Index(tag[from:], name)
		if k < 0 {
			return v, false
		}
		from += k + len(name)
		if from-len(name) == 0 || !strings.ContainsRune(" \t\r\n", rune(tag[from-len(name)-1])) || !strings.HasPrefix(tag[from:], `="`) {
			continue
		}
		end := strings.IndexByte(tag[from+2:], '"')
		return span{at + from + 2, at + from + 2 + end}, end >= 0
	}
}

// stateAccount states one account whose values were collected.
func stateAccount(text string, e *element, values map[string]span, emit func(login)) {
	pass, ok := values[e.pass]
	if on, has := values["Enable"]; !ok || has && text[on.from:on.to] == "0" {
		return
	}
	l := login{user: e.fixed, table: e.name, over: e.over, form: e.form, off: pass.from, size: pass.to - pass.from}
	if u, ok := values[e.user]; ok {
		l.user = text[u.from:u.to]
	}
	field := text[pass.from:pass.to]
	if e.form == "" {
		l.form = "xml"
	}
	word, ok := decode(l.form, field)
	if !ok {
		return
	}
	if l.kind = fieldKind(word); l.kind == "empty" {
		u := values[e.user]
		if l.off, l.size = u.from, u.to-u.from; l.size == 0 { // no name stands there: nothing shows an account
			return
		}
	}
	emit(l)
}

// decode is what a field that is written in some form says.
func decode(form, field string) (string, bool) {
	switch form {
	case "xml":
		return strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'").Replace(field), true
	case "base64":
		if strings.Trim(field, "0123456789abcdef") == "" && len(field) == 32 { // newer ones hold a digest
			return field, true
		}
		raw, err := base64.StdEncoding.DecodeString(field)
		return strings.TrimRight(string(raw), "\x00\n"), err == nil
	}
	return field, true
}

// webTable reads htpasswd and htdigest of web servers: each line is user:hash,
// or user:realm:hash.
func webTable(text string, out func(wardein.Fact)) {
	var found []wardein.Fact
	off := 0
	for line := range strings.Lines(text) {
		start := off
		off += len(line)
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		user, field, ok := strings.Cut(line, ":")
		if !ok || !userName(user) || len(field) > maxField || len(found) >= maxLogins {
			return
		}
		l := login{user: user, table: "htpasswd", over: "a web server's pages", off: start + len(user) + 1, size: len(field), kind: passwordKind(field, false)}
		realm, sum, three := strings.Cut(field, ":")
		switch {
		case three && realm != "" && len(sum) == 32 && strings.Trim(sum, "0123456789abcdef") == "":
			l.table, l.kind = "htdigest", "digest"
		case strings.HasPrefix(field, "{SHA}") && len(field) == 33:
			l.kind = "SHA-1 in base64"
		case !isHash(l.kind):
			return
		}
		found = append(found, l.fact())
	}
	for _, f := range found {
		out(f)
	}
}
