package secret

import (
	"strings"
)

// maxShape is the largest file whose lines are looked at together.
const maxShape = 64 << 10

// shape looks at files whose lines have no names, only columns: their paths
// must confirm them (see confirmed).
func (s *scan) shape(text string) {
	type field struct {
		text     string
		from, to int
	}
	var chap, digest, pg []field
	isChap, isDigest, isPG := true, true, true
	star := false
	at := 0
	for line := range strings.Lines(text) {
		start := at
		at += len(line)
		line = strings.TrimRight(line, "\r\n")
		if t := strings.TrimLeft(line, " \t"); t == "" || t[0] == '#' || t[0] == ';' {
			continue
		}
		var f []field
		if isChap {
			for i := 0; i < len(line); {
				if line[i] == ' ' || line[i] == '\t' {
					i++
					continue
				}
				from, to := i, i
				if q := line[i]; q == '"' || q == '\'' {
					from++
					for to = from; to < len(line) && line[to] != q; to++ {
					}
					i = to + 1
				} else {
					for to < len(line) && line[to] != ' ' && line[to] != '\t' {
						to++
					}
					i = to
				}
				if f = append(f, field{line[from:to], start + from, start + to}); len(f) > 8 {
					break
				}
			}
			isChap = len(f) >= 3 && len(f) <= 8 && (star || len(chap) < 16)
			if isChap {
				star = star || f[1].text == "*" || len(f) > 3 && (f[3].text == "*" || strings.Count(f[3].text, ".") == 3)
				chap = append(chap, f[2])
			}
		}
		if c := strings.Split(line, ":"); isDigest && (len(c) != 3 || len(c[2]) != 32 || strings.Trim(c[2], "0123456789abcdef") != "" || c[0] == "") {
			isDigest = false
		} else if isDigest {
			digest = append(digest, field{c[2], start + len(line) - 32, start + len(line)})
		}
		if c := strings.Split(line, ":"); isPG && (len(c) != 5 || c[1] == "" || c[1] != "*" && strings.Trim(c[1], "0123456789") != "") {
			isPG = false
		} else if isPG {
			pg = append(pg, field{c[4], start + len(line) - len(c[4]), start + len(line)})
		}
		if !isChap && !isDigest && !isPG {
			return
		}
	}
	for _, x := range []struct {
		kind, name string
		is         bool
		fields     []field
	}{{"ppp", "secrets of PPP", isChap && star, chap}, {"web-user", "password file (digest)", isDigest, digest}, {"service", "password file of PostgreSQL", isPG, pg}} {
		if !x.is {
			continue
		}
		for _, f := range x.fields {
			if !placeholder(f.text, true) {
				s.state(x.kind, x.name, f.from, f.to)
			}
		}
	}
}

// confirmed tells whether a path is that of the kind of file that a shape
// was taken for.
func confirmed(name, path string) bool {
	base := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	switch name {
	case "secrets of PPP":
		return strings.Contains(base, "chap") || strings.HasPrefix(base, "pap") || strings.Contains(base, "ppp") && strings.Contains(base, "secret")
	case "password file (digest)":
		return strings.Contains(base, "digest") || strings.Contains(base, "htpasswd") || strings.Contains(base, "passw") || strings.Contains(base, "users")
	case "password file of PostgreSQL":
		return strings.Contains(base, "pgpass")
	}
	return true
}
