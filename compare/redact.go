package compare

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// A result shows lines of both releases, and such lines may hold secrets. What
// the check secret saw is left out by its place, what looks like one by its
// form. That a secret differs is shown all the same.

// run is a run of a node's bytes.
type run struct{ off, len int64 }

// secrets are the places of secrets by node.
type secrets map[string][]run

func secretsOf(t wardein.Tree) secrets {
	s := secrets{}
	for n, f := range t.Facts("secret") {
		if f.Len > 0 {
			s[n.Path] = append(s[n.Path], run{f.Off, f.Len})
		}
	}
	for _, list := range s {
		slices.SortFunc(list, func(a, b run) int { return int(min(max(a.off-b.off, -1), 1)) })
	}
	return s
}

// hide leaves secrets out of a piece of a node that begins at off.
func hide(list []run, piece string, off int64) string { return hideForms(hidePlaces(list, piece, off)) }

// hidePlaces leaves out what stands in one of the runs, which are sorted.
func hidePlaces(list []run, piece string, off int64) string {
	end := off + int64(len(piece))
	k := sort.Search(len(list), func(k int) bool { return list[k].off+list[k].len > off })
	var b strings.Builder
	at := off
	for ; k < len(list) && list[k].off < end; k++ {
		from, to := max(list[k].off, at), min(list[k].off+list[k].len, end)
		if from >= to {
			continue
		}
		b.WriteString(piece[at-off : from-off])
		fmt.Fprintf(&b, "‹secret, %s›", plural(to-from, "byte"))
		if strings.HasSuffix(piece[from-off:to-off], "\n") {
			b.WriteByte('\n')
		}
		at = to
	}
	if at == off {
		return piece
	}
	return b.String() + piece[at-off:]
}

var (
	// hashes of crypt(5), and those of DES between colons
	hashForm = lazy.Regexp(`\$(?:1|2[abxy]?|3|5|6|7|y|gy|md5|sha1|apr1|argon2(?:i|d|id)|pbkdf2[a-z0-9-]*)\$[./A-Za-z0-9$=,+_-]{8,}`)
	desForm  = lazy.Regexp(`^([^:\s]{1,64}):[./0-9A-Za-z]{13}:`)
	// a name that says that its value is secret, and the value
	namedForm = lazy.Regexp(`(?i)((?:^|[^a-z])(?:[a-z0-9_.-]*(?:passwo?r?d|passphrase|secret|psk|pwd|credential|community|api_?key|auth_?key|private_?key|token)[0-9_]*|option\s+'?key'?)["']?(?:\s*[=:]\s*|\s+))('[^'\n]+(?:'|$)|"[^"\n]+(?:"|$)|[^\s"',;]{3,})`)
	keyForm   = lazy.Regexp(`^\s*[A-Za-z0-9+/=]{40,}\s*$`)
	hexForm   = lazy.Regexp(`^\s*[A-Fa-f0-9]+\s*$`)
	// what stands behind such a name and says nothing
	openForm = lazy.Regexp(`^(?i:yes|no|true|false|on|off|none|null|nil|enabled?|disabled?|required|requisite|sufficient|optional|include|substack|[$/%<\[{(*].*)$`)
)

// hideForms leaves out what has the form of a password's hash, of a value that
// is named as secret, or of key material.
func hideForms(s string) string {
	if len(s) < 4 {
		return s
	}
	if strings.IndexByte(s, '$') >= 0 {
		s = hashForm().ReplaceAllString(s, "‹hash›")
	}
	if strings.IndexByte(s, ':') >= 0 {
		s = desForm().ReplaceAllString(s, "$1:‹hash›:")
	}
	if keyForm().MatchString(s) && !hexForm().MatchString(s) {
		end := ""
		if strings.HasSuffix(s, "\n") {
			end = "\n"
		}
		return fmt.Sprintf("‹%d characters of base64›%s", len(strings.TrimSpace(s)), end)
	}
	return namedForm().ReplaceAllStringFunc(s, func(m string) string {
		part := namedForm().FindStringSubmatch(m)
		value, quote := part[2], ""
		if value[0] == '"' || value[0] == '\'' {
			value, quote = value[1:len(value)-1], value[:1]
		}
		if openForm().MatchString(value) {
			return m
		}
		return part[1] + quote + "‹secret›" + quote
	})
}
