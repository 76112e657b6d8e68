package update

import (
	"net/netip"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/lazy"
)

var (
	address = lazy.Regexp(`\b(https?|ftps?|tftp)://([^/\s"'<>@]{1,64}@)?(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)(:\d{1,5})?`)
	feed    = lazy.Regexp(`^src(?:/gz)?\s+\S+\s+\w+://`)
	source  = lazy.Regexp(`^deb(?:-src)?\s+(\[[^\]]*\]\s+)?\w+(?:\+\w+)?:`)
	// off is a setting that switches a check of updates off.
	off   = lazy.Regexp(`(?i)^["']?[\w.-]*(?:verify|verification|signature|signed|sig_?check|check_?sig|integrity)[\w.-]*["']?\s*[:=\s]\s*["']?(?:none|off|no|false|0|disabled?|skip|never)["']?\s*[,;]?$`)
	piped = lazy.Regexp(`\b(?:wget|curl|uclient-fetch)\b[^|;&]*\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|a|da|z|k)?sh\b|\b(?:ba|a|da)?sh\s+(?:-c\s+["']?\$\(|<\(\s*)\s*(?:wget|curl|uclient-fetch)\b|(?:^|[\s;&|])(?:eval|source|\.)\s+["']?(?:\$\(|<\()\s*(?:wget|curl|uclient-fetch)\b`)
	blind = lazy.Regexp(`\b(?:wget|uclient-fetch|opkg)\b.*--no-check-certificate\b|\bcurl\b.*\s(?:--insecure\b|-[A-Za-z]*k[A-Za-z]*(?:\s|$))`)
	// writes are commands that change what is installed, verifies those that
	// check a signature.
	writes = lazy.Regexp(`(?:^|[\s;&|/(])(sysupgrade|mtd(?:\s+-\S+)*\s+write|flashcp|nandwrite|ubiupdatevol|dpkg\s+-i|opkg\s+install|rpm\s+-[iUF]|ipkg\s+install|insmod|swupdate|fw_update|dd\s+.*of=/dev/(?:mtd|mmc)\S*)(?:\s|$)`)
	// takes is SWUpdate told to install a file or to serve (swupdate(1)).
	takes    = lazy.Regexp(`^(?:\S*/)?swupdate\s(?:.*\s)?(?:-[a-zA-Z]*[iduw]|--image|--download|--suricatta|--webserver)\b`)
	keyed    = lazy.Regexp(`\s(?:-k|--key|-K|--cert-purpose|-f|--file)\b`)
	verifies = lazy.Regexp(`\b(?:usign|ucert|signify|gpgv?|cosign|minisign|pkcs7-verify)\b|openssl\s+(?:dgst|cms|smime|rsautl|pkeyutl)\b.*-verif|-verify\b|verify_sig|fwtool|check_sign`)
	server   = lazy.Regexp(`(?i)^[^#]*\b[\w.:-]*(?:acs_?url|managementserver\.url|(?:cwmp|acs|tr069)\s[^>]{0,64}\burl|cwmp[\w.-]*url|acs[\w.-]*(?:address|server))["'>]*\s*[=:>\s]\s*["']?http://`)
)

// Words that a line must have before a form is tried.
var (
	fetchers = []string{"wget", "curl", "uclient-fetch", "tftp", "ftpget"}
	writers  = []string{"sysupgrade", "mtd", "flashcp", "nandwrite", "ubiupdatevol", "dpkg", "opkg", "rpm", "ipkg", "insmod", "swupdate", "fw_update", "dd "}
	checks   = []string{"erif", "ERIF", "sig", "Sig", "SIG", "ntegrity", "NTEGRITY"}
)

func has(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// lines states what a text says of updates.
func lines(s string, script bool, out func(wardein.Fact)) {
	var fetched []wardein.Fact
	script = script && (has(s, fetchers) || strings.Contains(s, "swupdate"))
	wrote, checked := "", script && verifies().MatchString(s)
	urls, mender, rauc := 0, false, false
	section := ""
	state := func(kind string, at int, line string, attrs ...wardein.Note) {
		out(wardein.Fact{Kind: kind, Off: int64(at), Len: int64(len(line)), Attrs: append(attrs, wardein.Note{Name: "text", Value: quotable(line)})})
	}
	for pos := 0; pos < len(s); {
		line, _, _ := strings.Cut(s[pos:], "\n")
		at := pos
		pos += len(line) + 1
		trimmed := strings.TrimLeft(line, " \t")
		at += len(line) - len(trimmed)
		line = strings.TrimRight(trimmed[:min(len(trimmed), 4<<10)], " \t\r")
		if line == "" || line[0] == '#' || line[0] == ';' || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "<!") || strings.Contains(line, "xmlns") {
			continue
		}
		if line[0] == '[' {
			section = strings.ToLower(strings.Trim(line, "[] "))
		}
		var where []wardein.Note
		if strings.Contains(line, "://") && urls < maxURLs {
			for _, m := range address().FindAllStringSubmatchIndex(line, 20) {
				f, ok := host(line, m, int64(at))
				if !ok {
					continue
				}
				if urls++; where == nil {
					where = f.Attrs[:2:2]
				}
				out(f)
			}
		}
		switch {
		case where != nil && strings.HasPrefix(line, "src") && feed().MatchString(line):
			state("feed", at, line, where...)
		case strings.HasPrefix(line, "deb") && source().MatchString(line):
			options := source().FindStringSubmatch(line)[1]
			if strings.Contains(options, "trusted=yes") || strings.Contains(options, "allow-insecure=yes") {
				state("trusted", at, line, where...)
			}
		case strings.HasPrefix(line, "option check_signature"):
			state("signed", at, line)
		case strings.Contains(line, "AllowUnauthenticated") || strings.Contains(line, "AllowInsecureRepositories"):
			if strings.Contains(line, "true") || strings.Contains(line, "\"1\"") || strings.Contains(line, "yes") {
				state("unauthenticated", at, line)
			}
		case strings.HasPrefix(line, "gpgcheck") && strings.HasSuffix(line, "0"):
			state("gpgcheck-off", at, line)
		case section == "keyring" && (strings.HasPrefix(line, "path") || strings.HasPrefix(line, "directory")):
			rauc = true
		case section == "system" && strings.HasPrefix(line, "compatible"):
			state("rauc", at, line)
		case strings.Contains(line, "ArtifactVerifyKey"):
			mender = true
		case strings.HasPrefix(line, "public-key-file"):
			state("signed-images", at, line)
		case strings.Contains(line, `"ServerURL"`) && where != nil:
			state("mender", at, line, where...)
		case where != nil && where[1].Value == "http" && server().MatchString(line):
			state("cwmp", at, line, where...)
		case len(line) < 128 && has(line, checks) && off().MatchString(line):
			state("off", at, line)
		}
		if !script {
			continue
		}
		if wrote == "" && has(line, writers) && !shows(line) {
			if m := writes().FindStringSubmatch(line); m != nil {
				wrote = m[1]
			}
		}
		if shows(line) {
			continue
		}
		if m := takes().FindStringSubmatch(line); m != nil && !keyed().MatchString(line) {
			state("swupdate", at, line, where...)
		}
		if !has(line, fetchers) {
			continue
		}
		if blind().MatchString(line) {
			state("blind", at, line)
		}
		switch {
		case where == nil:
		case piped().MatchString(line):
			state("run", at, line, where...)
		case where[1].Value != "https" && len(fetched) < 10:
			fetched = append(fetched, wardein.Fact{Kind: "install", Off: int64(at), Len: int64(len(line)), Attrs: append(where, wardein.Note{Name: "text", Value: quotable(line)})})
		}
	}
	if wrote != "" && !checked {
		for _, f := range fetched {
			f.Attrs = append(f.Attrs, wardein.Note{Name: "writes", Value: wrote})
			out(f)
		}
	}
	if mender {
		out(wardein.Fact{Kind: "key", Attrs: []wardein.Note{{Name: "of", Value: "mender"}}})
	}
	if rauc {
		out(wardein.Fact{Kind: "key", Attrs: []wardein.Note{{Name: "of", Value: "rauc"}}})
	}
}

// shows tells a line that prints or looks for a text.
func shows(line string) bool {
	w, _, _ := strings.Cut(line, " ")
	return w == "echo" || w == "printf" || w == "grep" || w == "logger" || w == "log"
}

// host states the host of a URL that a text names; not that of a name, a
// licence or documentation, nor one of the unit's own network.
func host(line string, m []int, base int64) (wardein.Fact, bool) {
	name := line[m[6]:m[7]]
	if m[7] < len(line) && line[m[7]] == '%' || !strings.ContainsAny(name, ".:") || !named(name) {
		return wardein.Fact{}, false
	}
	end := m[7]
	if m[8] >= 0 {
		end = m[9]
	}
	text := line[m[0]:end]
	if m[4] >= 0 {
		text = "" // a name, perhaps a password
	}
	return wardein.Fact{Kind: "url", Off: base + int64(m[0]), Len: int64(end - m[0]), Attrs: []wardein.Note{
		{Name: "host", Value: strings.ToLower(name)}, {Name: "scheme", Value: line[m[2]:m[3]]}, {Name: "text", Value: text}}}, true
}

// named tells a host that something may call.
func named(name string) bool {
	name = strings.ToLower(strings.Trim(name, "[]"))
	if a, err := netip.ParseAddr(name); err == nil {
		return !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && !a.IsUnspecified()
	}
	at := strings.LastIndexByte(name, '.')
	if at < 0 || strings.Trim(name[at+1:], "0123456789") == "" || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".lan") {
		return false
	}
	for rest := name; ; {
		if documentation()[rest] {
			return false
		}
		_, after, ok := strings.Cut(rest, ".")
		if !ok {
			return true
		}
		rest = after
	}
}

// quotable is a line as it may be quoted: not where a word of it may be a
// password.
func quotable(line string) string {
	lower := strings.ToLower(line)
	for _, w := range []string{"pass", "secret", "token", "cred", "key=", "auth=", "authorization", "@"} {
		if strings.Contains(lower, w) {
			return ""
		}
	}
	return line[:min(len(line), maxQuote)]
}

// program states the hosts in the texts of a program that connects.
func program(b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.Open(b, b.Size)
	if err != nil {
		return err
	}
	if f.Type != exe.TypeExec && f.Type != exe.TypeDyn || f.Interpreter() == "" {
		return nil // a library names what it is asked for
	}
	seen := map[string]bool{}
	for _, mark := range []int{markHTTP, markHTTPS, markFTP} {
		for _, at := range b.Hits(mark) {
			buf := make([]byte, min(300, b.Size-at))
			n, _ := b.ReadAt(buf, at)
			s := string(buf[:n])
			if k := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }); k >= 0 {
				s = s[:k]
			}
			m := address().FindStringSubmatchIndex(s)
			if m == nil || m[0] != 0 || len(seen) >= maxURLs {
				continue
			}
			if f, ok := host(s, m, at); ok && !seen[f.Attr("host")] {
				seen[f.Attr("host")] = true
				out(f)
			}
		}
	}
	return nil
}

// Bounds on a boot loader's variable, and on how many of one name are read.
const (
	maxVariable  = 4 << 10
	maxVariables = 10
)

var network = lazy.Regexp(`(?:^|[;&|\s])(tftpboot|tftp|dhcp|bootp|nfs|pxe|wget)(?:[;&|\s]|$)`)

// variables states what a boot loader's variables say of what it boots.
func variables(b wardein.Blob, out func(wardein.Fact)) {
	for _, mark := range []int{markBootcmd, markBootdelay} {
		for i, at := range b.Hits(mark) {
			if i == maxVariables {
				break
			}
			var before [1]byte
			if at > 0 {
				if n, _ := b.ReadAt(before[:], at-1); n == 1 && before[0] >= ' ' {
					continue // of another name: run_bootcmd
				}
			}
			buf := make([]byte, min(maxVariable, b.Size-at))
			n, _ := b.ReadAt(buf, at)
			s := string(buf[:n])
			if k := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }); k >= 0 {
				s = s[:k]
			}
			name, value, _ := strings.Cut(s, "=")
			if value == "" {
				continue
			}
			way := ""
			if m := network().FindStringSubmatch(value); m != nil {
				way = m[1]
			}
			out(wardein.Fact{Kind: "boot", Off: at, Len: int64(len(s)), Attrs: []wardein.Note{{Name: "name", Value: name}, {Name: "value", Value: value[:min(len(value), 64)]}, {Name: "network", Value: way}, {Name: "text", Value: s[:min(len(s), maxQuote)]}}})
		}
	}
}
