package hiddenaccess

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// outward are the commands that connect to elsewhere and hand something over;
// a line must have one of needs before the form is tried.
var outward = []struct {
	needs []string
	form  func() *regexp.Regexp
	not   func() *regexp.Regexp
	does  string
}{
	{[]string{"nc ", "netcat ", "ncat "}, lazy.Regexp(`\b(?:nc|netcat|ncat)\s(?:[^|;]*\s)?-(?:\w*e|-exec|c|-sh-exec)\s+["']?(?:\S*/)?(?:ba|a|da|k)?(?:sh|login)\b`), lazy.Regexp(`\s-\w*l`), "hands over a shell"},
	{[]string{"/dev/tcp/", "/dev/udp/"}, lazy.Regexp(`(?:\b(?:sh|exec)\b|[<>]&).*/dev/(?:tcp|udp)/[\w.:$\{\}\[\]-]+/[\w$\{\}]+|/dev/(?:tcp|udp)/[\w.:$\{\}\[\]-]+/[\w$\{\}]+.*[<>]&`), nil, "hands over a shell or takes commands"},
	{[]string{"socat "}, lazy.Regexp(`\bsocat\b.*\b(?:EXEC|SYSTEM|exec|system):.*`), lazy.Regexp(`(?i)-listen:|-l:|unix`), "hands over a program"},
	{[]string{"ssh ", "dbclient "}, lazy.Regexp(`\b(?:ssh|autossh|dbclient)\s(?:.*\s)?-[fNTnqAgy]*R\s*["']?[\w.*\[\]:$\{\}]+:[\w.$\{\}\[\]:]+`), nil, "opens a port there that leads back to the unit"},
	{[]string{"telnet ", "nc ", "netcat ", "ncat "}, lazy.Regexp(`\b(?:telnet|nc|netcat|ncat)\s+[^|;]+\|\s*(?:\S*/)?(?:ba|a|da)?sh\b`), nil, "runs what it is sent"},
	{[]string{"telnet ", "nc ", "netcat ", "ncat "}, lazy.Regexp(`\b(?:ba|a|da)?sh\s+-i\b[^|]*\|\s*(?:telnet|nc|netcat|ncat)\s`), nil, "hands over a shell"},
}

var (
	dotted = lazy.Regexp(`\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}`)
	// groups are global unicast addresses (RFC 4291, 2.4).
	groups = lazy.Regexp(`[23][0-9a-fA-F]{3}(?::[0-9a-fA-F]{0,4}){2,7}`)
)

// script states the connections to elsewhere and the addresses of a script.
func script(s string, out func(wardein.Fact)) {
	seen := map[netip.Addr]bool{}
	stated := 0
	var forms []int // those that any line of the script can have
	for i := range outward {
		if has(s, outward[i].needs) {
			forms = append(forms, i)
		}
	}
	for off := 0; off < len(s); {
		line, _, _ := strings.Cut(s[off:], "\n")
		at := off
		off += len(line) + 1
		trimmed := strings.TrimLeft(line, " \t")
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		at += len(line) - len(trimmed)
		line = strings.TrimRight(trimmed[:min(len(trimmed), 4<<10)], " \t\r")
		for _, i := range forms {
			o := &outward[i]
			if stated < 50 && has(line, o.needs) && o.form().MatchString(line) && (o.not == nil || !o.not().MatchString(line)) && !said(line) {
				stated++
				out(wardein.Fact{Kind: "connects", Off: int64(at), Len: int64(len(line)), Attrs: []wardein.Note{{Name: "does", Value: o.does}, {Name: "text", Value: quotable(line)}}})
				break
			}
		}
		state := func(from, to int) {
			a, err := netip.ParseAddr(line[from:to])
			if err == nil && remote(a) && !seen[a] && len(seen) < maxAddresses {
				seen[a] = true
				out(addressFact(a, int64(at+from), to-from, line[from:to]))
			}
		}
		if strings.Count(line, ":") > 1 {
			for _, m := range groups().FindAllStringIndex(line, 20) {
				if (m[0] == 0 || !part(line[m[0]-1]) && line[m[0]-1] != ':') && (m[1] == len(line) || !part(line[m[1]])) {
					state(m[0], m[1])
				}
			}
		}
		if strings.Count(line, ".") < 3 {
			continue
		}
		for _, m := range dotted().FindAllStringIndex(line, 20) {
			if m[0] > 0 && (part(line[m[0]-1]) || line[m[0]-1] == '.' || line[m[0]-1] == '-') || m[1] < len(line) && (part(line[m[1]]) || line[m[1]] == '.' || line[m[1]] == '/' && m[1]+1 < len(line) && line[m[1]+1] >= '0' && line[m[1]+1] <= '9') {
				continue
			}
			state(m[0], m[1])
		}
	}
}

func has(line string, words []string) bool {
	for _, w := range words {
		if strings.Contains(line, w) {
			return true
		}
	}
	return false
}

// said tells a line that shows or looks for a text.
func said(line string) bool {
	w, _, _ := strings.Cut(line, " ")
	switch path.Base(w) {
	case "echo", "printf", "grep", "logger", "cat":
		return true
	}
	return false
}

// quotable is a line as it may be quoted: not where a word of it may be a
// password.
func quotable(line string) string {
	lower := strings.ToLower(line)
	for _, w := range []string{"pass", "secret", "token", "cred", "key=", "auth=", "authorization"} {
		if strings.Contains(lower, w) {
			return ""
		}
	}
	return line[:min(len(line), maxQuote)]
}

// maxList bounds lists of files: a package has some thousand.
const maxList = 8 << 20

// listing tells a list of a package's files, apk's database, and a text that
// states when a build was made.
func listing(b wardein.Blob) string {
	var head [4096]byte
	n, _ := b.ReadAt(head[:min(int64(len(head)), b.Size)], 0)
	s := string(head[:n])
	first, rest, _ := strings.Cut(s, "\n")
	switch {
	case strings.HasPrefix(first, "/") && !strings.ContainsAny(first, " \t:=") && (rest == "" || strings.HasPrefix(rest, "/")):
		return "list"
	case len(first) > 20 && strings.HasPrefix(first, "C:Q1"):
		return "apk"
	case b.Size > int64(len(head)):
		if b.Size < 64<<10 && strings.Contains(s, "ro.build.date.utc=") {
			return "stamp"
		}
		return ""
	}
	if _, _, _, ok := stamp(s); ok {
		return "stamp"
	}
	return ""
}

// list states the programs among a package's files, or a build's date.
func list(s, form string, out func(wardein.Fact)) {
	if form == "stamp" {
		if t, at, size, ok := stamp(s); ok {
			out(wardein.Fact{Kind: "built", Off: int64(at), Len: int64(size), Attrs: []wardein.Note{{Name: "time", Value: strconv.FormatInt(t.Unix(), 10)}, {Name: "text", Value: s[at : at+size]}}})
		}
		return
	}
	var programs []string
	length, begin, folder, stated := 0, 0, "", 0
	flush := func(end int) {
		if (len(programs) > 0 || stated == 0) && end > begin && stated < 1000 {
			out(wardein.Fact{Kind: "files", Off: int64(begin), Len: int64(end - begin), Attrs: []wardein.Note{{Name: "form", Value: form}, {Name: "programs", Value: strings.Join(programs, "\n")}}})
			stated++
		}
		programs, length, begin = nil, 0, end
	}
	for off := 0; off < len(s); {
		line, _, _ := strings.Cut(s[off:], "\n")
		off = min(off+len(line)+1, len(s))
		switch {
		case form == "apk" && strings.HasPrefix(line, "F:"):
			folder = "/" + line[2:] + "/"
			continue
		case form == "apk" && strings.HasPrefix(line, "R:"):
			line = folder + line[2:]
		case form == "apk":
			continue
		}
		if len(line) < 512 && isProgram(line) {
			programs = append(programs, merged(line))
			if length += len(line) + 1; length > 16<<10 {
				flush(off)
			}
		}
	}
	flush(len(s))
}

// isProgram tells a path in a folder for programs.
func isProgram(p string) bool {
	return strings.Contains(p, "bin/") || strings.Contains(p, "/libexec/")
}

// merged is a path as a system with /bin linked to /usr/bin has it.
func merged(p string) string {
	return strings.TrimPrefix(strings.TrimPrefix(p, "/"), "usr/")
}

var stamps = []struct {
	form   func() *regexp.Regexp
	layout string // "" for seconds
}{
	{lazy.Regexp(`(?m)^ro\.build\.date\.utc=(\d{9,10})$`), ""},
	{lazy.Regexp(`(?m)^\s*"?(?i:BUILD_ID|BUILD_DATE|BUILD_TIME|BUILDTIME|IMAGE_BUILD_DATE)"?\s*[:=]\s*"?(20\d{2}-\d\d-\d\d)`), "2006-01-02"},
	{lazy.Regexp(`(?m)^\s*"?(?i:BUILD_ID|BUILD_DATE|BUILD_TIME|BUILDTIME|IMAGE_BUILD_DATE)"?\s*[:=]\s*"?(20\d{12})\b`), "20060102150405"},
	{lazy.Regexp(`(?m)^\s*"?(?i:BUILD_ID|BUILD_DATE|BUILD_TIME|BUILDTIME|IMAGE_BUILD_DATE)"?\s*[:=]\s*"?(20\d{6})\b`), "20060102"},
	{lazy.Regexp(`\A(20\d{12})\s*\z`), "20060102150405"}, // /etc/timestamp of the Yocto Project
}

// stamp is the date of the build that a text states, the end of that day where
// it has no hour.
func stamp(s string) (t time.Time, at, size int, ok bool) {
	for i := range stamps {
		m := stamps[i].form().FindStringSubmatchIndex(s)
		if m == nil {
			continue
		}
		at, size = m[2], m[3]-m[2]
		if stamps[i].layout == "" {
			n, err := strconv.ParseInt(s[m[2]:m[3]], 10, 64)
			if err != nil {
				continue
			}
			return time.Unix(n, 0).UTC(), at, size, true
		}
		t, err := time.Parse(stamps[i].layout, s[m[2]:m[3]])
		if err != nil {
			continue
		}
		if len(stamps[i].layout) <= 10 {
			t = t.Add(24 * time.Hour)
		}
		return t, at, size, true
	}
	return t, 0, 0, false
}

// day is a time as findings print it.
func day(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format("2006-01-02")
}

func count(n int) string { return fmt.Sprint(n) }
