package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"strings"
)

// What is recognised by its form, wherever it stands.

// line is the line around at: where it begins and ends in the window.
func (s *scan) line(at int) (from, to int) {
	from, to = at, at
	for from > 0 && at-from < 512 && s.p[from-1] != '\n' && s.p[from-1] != 0 {
		from--
	}
	for to < len(s.p) && to-at < 512 && s.p[to] != '\n' && s.p[to] != 0 {
		to++
	}
	return from, to
}

// run is how far bytes from at on are of a set. The stem that is looked at is
// not looked for in them again, or a run of nothing else would cost its square.
func (s *scan) run(at int, of func(byte) bool) int {
	end := at
	for end < len(s.p) && end-at <= 4096 && of(s.p[end]) {
		end++
	}
	s.ran[s.stem] = s.base + int64(end)
	return end
}

func alnum(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

func urlsafe(c byte) bool { return alnum(c) || c == '-' || c == '_' }

// alone tells whether no letter or digit stands before at.
func (s *scan) alone(at int) bool { return at == 0 || !alnum(s.p[at-1]) && s.p[at-1] != '_' }

// exactly tells whether p begins with a text, in this case.
func (s *scan) exactly(at int, text string) bool {
	return at+len(text) <= len(s.p) && string(s.p[at:at+len(text)]) == text
}

// com2sec is a community of snmpd.conf(5): [-Cn context] name source community.
func (s *scan) com2sec(at int) {
	from, to := s.line(at)
	f := strings.Fields(string(s.p[from:to]))
	if len(f) < 4 || f[0] != "com2sec" && f[0] != "com2sec6" || !s.text {
		return
	}
	word := f[3]
	if f[1] == "-Cn" {
		if len(f) < 6 {
			return
		}
		word = f[5]
	}
	word = strings.Trim(word, `"'`)
	k := bytes.LastIndex(s.p[from:to], []byte(word))
	s.judge(&rule{kind: "snmp-community"}, "com2sec", value{from: from + k, to: from + k + len(word)})
}

// createUser is a user of SNMP version 3 (snmpd.conf(5)).
func (s *scan) createUser(at int) {
	from, to := s.line(at)
	f := strings.Fields(string(s.p[from:to]))
	if len(f) < 4 || !strings.EqualFold(f[0], "createUser") || !s.text {
		return
	}
	for i, w := range f {
		if i > 1 && (strings.HasPrefix(w, "MD5") || strings.HasPrefix(w, "SHA")) && i+1 < len(f) {
			word := strings.Trim(f[i+1], `"'`)
			if k := bytes.Index(s.p[from:to], []byte(word)); k >= 0 {
				s.judge(&rule{kind: "snmp-user"}, "createUser", value{from: from + k, to: from + k + len(word)})
			}
			return
		}
	}
}

// ipsec is a line of ipsec.secrets(5): [selectors] : PSK "secret".
func (s *scan) ipsec(at int) {
	from, to := s.line(at)
	if !s.text || comment(strings.TrimSpace(string(s.p[from:at]))) {
		return
	}
	word := strings.TrimLeft(string(s.p[at+2:to]), " ")
	word = strings.TrimLeft(word[strings.IndexByte(word, ' ')+1:], " ") // behind PSK
	from = to - len(word)
	word = strings.TrimRight(word, " \r")
	if n := len(word); n > 2 && (word[0] == '"' || word[0] == '\'') && word[n-1] == word[0] {
		s.judge(&rule{kind: "vpn"}, "PSK", value{from: from + 1, to: from + n - 1})
	} else if strings.HasPrefix(word, "0s") || strings.HasPrefix(word, "0x") {
		s.judge(&rule{kind: "vpn"}, "PSK", value{from: from, to: from + n})
	}
}

// url is a password in a URL (RFC 3986, 3.2.1): scheme://user:password@host.
func (s *scan) url(at int) {
	p := s.p
	if at < 2 || !alnum(p[at-1]) || !alnum(p[at-2]) {
		return
	}
	at += 3
	colon, end := -1, at
	for ; end < len(p) && end-at < 128; end++ {
		c := p[end]
		if c == '@' {
			break
		}
		if c == ':' && colon < 0 {
			colon = end
		}
		if c <= ' ' || c >= 0x7f || strings.IndexByte("/\\\"'<>`|,;()[]{}*", c) >= 0 {
			return
		}
	}
	if colon <= at || end >= len(p) || p[end] != '@' || end+2 >= len(p) || end-colon < 4 {
		return
	}
	host := strings.ToLower(string(p[end+1 : s.run(end+1, func(c byte) bool { return urlsafe(c) || c == '.' })]))
	user := string(p[at:colon])
	switch {
	case host == "" || placeholder(user, true) || placeholder(string(p[colon+1:end]), false):
		return
	}
	switch strings.ToLower(user) {
	case "user", "username", "login", "name", "usr", "me", "foo", "joe", "test":
		return
	}
	switch host {
	case "host", "hostname", "server", "domain", "proxy", "proxyhost", "somehost", "myhost", "foo", "localhost.example":
		return
	}
	s.state("url", "URL", colon+1, end)
}

// webUser is a line of a password file of web servers: name:hash.
func (s *scan) webUser(at int) {
	if s.p[at] == ':' {
		at++
	}
	from, to := s.line(at)
	hash := strings.TrimRight(string(s.p[at:to]), "\r")
	if at-from < 2 || s.p[at-1] != ':' || strings.ContainsAny(string(s.p[from:at-1]), ": \t#\"'=") || strings.ContainsAny(hash, ": \t\"'") || !hashed(hash) || len(hash) < 20 {
		return
	}
	s.state("web-user", "password file", at, at+len(hash))
}

// aws is an access key id with its secret near (AWS General Reference): the
// id alone opens nothing.
func (s *scan) aws(at int) {
	end := s.run(at, alnum)
	if !s.exactly(at, "AKIA") || !s.alone(at) || end-at != 20 || strings.HasSuffix(string(s.p[at:end]), "EXAMPLE") {
		return
	}
	for i := max(0, at-200); i < min(len(s.p), end+200); i++ {
		if !s.awsByte(i) || i > 0 && s.awsByte(i-1) {
			continue
		}
		to := i
		for to < len(s.p) && to-i < 41 && s.awsByte(to) {
			to++
		}
		if word := string(s.p[i:to]); len(word) == 40 && random(word) && !strings.Contains(word, "EXAMPLE") {
			s.state("token", "AWS access key", i, to)
			return
		}
	}
}

func (s *scan) awsByte(i int) bool { return alnum(s.p[i]) || s.p[i] == '+' || s.p[i] == '/' }

// jwt is a signed token (RFC 7515, 3.1) whose header names an algorithm.
func (s *scan) jwt(at int) {
	if !s.alone(at) {
		return
	}
	end := s.run(at, func(c byte) bool { return urlsafe(c) || c == '.' })
	parts := strings.Split(string(s.p[at:end]), ".")
	if len(parts) != 3 || len(parts[2]) < 20 {
		return
	}
	var header struct{ Alg string }
	var claims map[string]any
	for i, into := range []any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			return
		}
	}
	if header.Alg == "" || header.Alg == "none" || claims["name"] == "John Doe" && claims["sub"] == "1234567890" { // the example of jwt.io
		return
	}
	s.state("token", "JSON Web Token", at, end)
}

// github is a token whose last six characters are the CRC-32 of what stands
// before, in base 62.
func (s *scan) github(at int) {
	end := s.run(at, func(c byte) bool { return alnum(c) || c == '_' })
	if !s.alone(at) || end-at != 40 || s.p[at] != 'g' {
		return
	}
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE(s.p[at+4 : end-6])
	for i := end - 1; i >= end-6; i-- {
		if s.p[i] != digits[sum%62] {
			return
		}
		sum /= 62
	}
	s.state("token", "GitHub token", at, end)
}

// slack is a token of the Slack API: xoxb- or xoxp-, numbers, then letters.
func (s *scan) slack(at int) {
	end := s.run(at, urlsafe)
	if parts := strings.Split(string(s.p[at:end]), "-"); s.alone(at) && len(parts) >= 3 && len(parts[1]) >= 10 && strings.Trim(parts[1], "0123456789") == "" && random(string(s.p[at:end])) {
		s.state("token", "Slack token", at, end)
	}
}

func (s *scan) slackHook(at int) {
	end := s.run(at, func(c byte) bool { return alnum(c) || c == '/' || c == '.' })
	f := strings.Split(string(s.p[at:end]), "/")
	if len(f) == 5 && len(f[2]) >= 9 && len(f[3]) >= 9 && len(f[4]) == 24 && random(f[4]) {
		s.state("token", "Slack webhook", at, end)
	}
}

// google is a key of Google's APIs: AIza and 35 characters.
func (s *scan) google(at int) {
	if end := s.run(at, urlsafe); s.exactly(at, "AIza") && s.alone(at) && end-at == 39 && random(string(s.p[at:end])) {
		s.state("token", "Google API key", at, end)
	}
}

func (s *scan) gitlab(at int) {
	if end := s.run(at, urlsafe); s.alone(at) && end-at >= 26 && end-at <= 60 && random(string(s.p[at:end])) {
		s.state("token", "GitLab token", at, end)
	}
}

// azure is a storage account's key: 64 bytes in base64.
func (s *scan) azure(at int) {
	from := at + len("accountkey=")
	end := s.run(from, func(c byte) bool { return alnum(c) || c == '+' || c == '/' || c == '=' })
	if raw, err := base64.StdEncoding.DecodeString(string(s.p[from:end])); err == nil && len(raw) == 64 && random(strings.TrimRight(string(s.p[from:end]), "=")) {
		s.state("token", "Azure account key", from, end)
	}
}
