package hiddenaccess

import (
	"bytes"
	"io"
	"net/netip"
	"regexp"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/lazy"
)

const (
	maxData      = 64 << 20 // bytes of a program's constants that are read
	maxAddresses = 100      // of one blob
	window       = 1 << 20
	overlap      = 256 // more than the longest text that matters
	maxQuote     = 256
)

// program states what an ELF file is for, and of a program that is started
// what its constants hold: addresses, and texts of requests beside commands.
func program(b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.Open(b, b.Size)
	if err != nil {
		return err
	}
	if f.Type != exe.TypeExec && f.Type != exe.TypeDyn {
		return nil // objects and cores are for tools
	}
	out(wardein.Fact{Kind: "machine", Off: 0, Len: f.HeaderSize, Attrs: []wardein.Note{{Name: "arch", Value: f.Arch}}})
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	k := authentication()
	var checks, texts bool
	for _, s := range symbols {
		checks = checks || s.Section == 0 && k.primitives[s.Name] != nil
		texts = texts || s.Section == 0 && k.comparers[s.Name] != nil
	}
	if checks && texts {
		if err := fixed(f, out); err != nil {
			return err
		}
	}
	if f.Interpreter() == "" {
		return nil // a library does what programs ask of it
	}
	var connects, listens, runs, compares bool
	for _, s := range symbols {
		if s.Section != 0 {
			continue
		}
		switch s.Name {
		case "connect", "sendto", "inet_addr", "inet_aton", "inet_pton", "getaddrinfo":
			connects = true
		case "accept", "accept4", "recvfrom":
			listens = true
		case "system", "popen", "execl", "execlp", "execle", "execv", "execvp", "execve", "posix_spawn":
			runs = true
		case "strstr", "strcmp", "strncmp", "strcasecmp", "strncasecmp", "memcmp", "strcasestr", "memmem":
			compares = true
		}
	}
	if listens && runs && compares {
		triggers(b, out)
	}
	if connects {
		return constants(b, f, out)
	}
	return nil
}

// Texts of requests that a server compares: a header with one value, or a page
// whose name says telnet. A client's texts go on (\r\n) or are forms (%s).
var (
	header = lazy.Regexp(`^(?i:user-agent|referer|cookie|authorization): ?[^ %*\r\n][^%*\r\n]{3,120}$`)
	page   = lazy.Regexp(`(?i)^/?(?:goform|boaform|boafrm|cgi-bin|cgi|userRpm)/[^%\s]*telnet[^%\s]*$|^/[^%\s]*telnet[^%\s]*\.(?:cgi|asp|htm|html|php|gch|lua)$`)
	// starts are commands that let somebody log in.
	starts = lazy.Regexp(`^(?:(?:/\S*/|busybox )?u?telnetd(?: [^%]*)?&?|/\S*/in\.telnetd[^%]*|/\S*/(?:dropbear|sshd)(?: [^%]*)?|/etc/(?:rc\.d/)?(?:init\.d/)?[\w.-]+ (?:re)?start\b.*|service [\w.-]+ (?:re)?start)$`)
)

// triggers states a text of a request and a command that starts something to
// log in to, when one program has both.
func triggers(b wardein.Blob, out func(wardein.Fact)) {
	find := func(kind string, marks []int, form func() *regexp.Regexp) (found []wardein.Fact) {
		seen := map[string]bool{}
		for _, m := range marks {
			for _, off := range b.Hits(m) {
				at, s := text(b, off)
				if form().MatchString(s) && !seen[s] && len(found) < 10 {
					seen[s] = true
					found = append(found, wardein.Fact{Kind: kind, Off: at, Len: int64(len(s)), Attrs: []wardein.Note{{Name: "text", Value: s}}})
				}
			}
		}
		return found
	}
	request := append(find("request", []int{markAgent, markAgentLower, markReferer, markCookie, markAuthorization}, header), find("request", []int{markTelnet}, page)...)
	if len(request) == 0 {
		return
	}
	command := find("command", []int{markTelnet, markInit, markStart, markDropbear, markSshd}, starts)
	if len(command) == 0 {
		return
	}
	for _, f := range append(request, command...) {
		out(f)
	}
}

// text is the C string around an offset, "" where it is longer than a text
// that is compared.
func text(b wardein.Blob, off int64) (at int64, s string) {
	from := max(0, off-128)
	buf := make([]byte, min(maxQuote+128, b.Size-from))
	n, _ := b.ReadAt(buf, from)
	buf = buf[:n]
	k := int(off - from)
	if k >= n {
		return 0, ""
	}
	begin := bytes.LastIndexByte(buf[:k], 0) + 1
	if begin == 0 && from > 0 {
		return 0, ""
	}
	end := bytes.IndexByte(buf[k:], 0)
	if end < 0 {
		return 0, ""
	}
	s = string(buf[begin : k+end])
	if printable(s) != s {
		return 0, ""
	}
	return from + int64(begin), s
}

// constants states the addresses among a program's texts. They stand in
// sections that are loaded and not run; a file without sections is read whole.
func constants(b wardein.Blob, f *exe.File, out func(wardein.Fact)) error {
	left, seen := int64(maxData), map[netip.Addr]bool{}
	any := false
	for i := range f.Sections {
		s := &f.Sections[i]
		if !s.InFile || s.Flags&exe.SectionAlloc == 0 || s.Flags&exe.SectionExec != 0 || !strings.HasPrefix(s.Name, ".rodata") && !strings.HasPrefix(s.Name, ".data") && s.Name != ".sdata" {
			continue
		}
		any = true
		n := min(int64(s.Size), left)
		if err := addresses(io.NewSectionReader(b, int64(s.Off), n), int64(s.Off), seen, out); err != nil {
			return err
		}
		left -= n
	}
	if !any {
		return addresses(io.NewSectionReader(b, 0, min(b.Size, left)), 0, seen, out)
	}
	return nil
}

// addresses states the texts that are an address, or a URL with one.
func addresses(r *io.SectionReader, base int64, seen map[netip.Addr]bool, out func(wardein.Fact)) error {
	buf := make([]byte, min(window, r.Size()))
	for off := int64(0); off < r.Size(); {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), r.Size()-off)], off)
		if n == 0 {
			return err
		}
		p, last := buf[:n], off+int64(n) >= r.Size()
		for at := 0; at < n; {
			end := bytes.IndexByte(p[at:], 0)
			if end < 0 {
				if last {
					end = n - at
				} else {
					break
				}
			}
			if end >= 7 && end <= 200 {
				if a, from, size, ok := addressIn(p[at : at+end]); ok && !seen[a] && len(seen) < maxAddresses {
					seen[a] = true
					out(addressFact(a, base+off+int64(at+from), size, string(p[at+from:at+from+size])))
				}
			}
			at += end + 1
		}
		if last {
			return nil
		}
		off += max(int64(n)-overlap, 1)
	}
	return nil
}

// addressIn finds the address that a text is, or that its URL names.
func addressIn(s []byte) (a netip.Addr, from, size int, ok bool) {
	if i := bytes.Index(s[:min(len(s), 16)], []byte("://")); i > 0 {
		from = i + 3
		if u := bytes.IndexByte(s[from:], '@'); u > 0 && u < 64 {
			from += u + 1
		}
	}
	rest := s[from:]
	if len(rest) < 7 {
		return a, 0, 0, false
	}
	switch c := rest[0]; {
	case (c == '2' || c == '3') && from == 0 && bytes.Count(rest, []byte(":")) > 1:
		size = len(rest) // global unicast (RFC 4291, 2.4)
	case c >= '1' && c <= '9':
		end := 0
		for end < len(rest) && (rest[end] >= '0' && rest[end] <= '9' || rest[end] == '.') {
			end++
		}
		if end < 7 || end > 15 || end < len(rest) && (rest[end] != ':' && rest[end] != '/') || end < len(rest) && rest[end] == '/' && from == 0 {
			return a, 0, 0, false // a version, a network, or a longer number
		}
		size = end
	case c == '[' && from > 0:
		end := bytes.IndexByte(rest, ']')
		if end < 0 {
			return a, 0, 0, false
		}
		from, rest = from+1, rest[1:]
		size = end - 1
	default:
		return a, 0, 0, false
	}
	if size > 45 { // the longest form of an address
		return a, 0, 0, false
	}
	a, err := netip.ParseAddr(string(rest[:size]))
	if err != nil || !remote(a) {
		return a, 0, 0, false
	}
	return a, from, size, true
}

func addressFact(a netip.Addr, off int64, size int, quote string) wardein.Fact {
	return wardein.Fact{Kind: "address", Off: off, Len: int64(size), Attrs: []wardein.Note{{Name: "address", Value: a.String()}, {Name: "text", Value: quote}}}
}
