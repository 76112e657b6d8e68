package checktest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
)

// An Input is bytes that were made to cost much: At gives about n of them.
type Input struct {
	Name string
	At   func(n int) []byte
}

// Repeat is a piece over and over.
func Repeat(name, piece string) Input {
	return Input{name, func(n int) []byte { return bytes.Repeat([]byte(piece), max(1, n/max(1, len(piece)))) }}
}

// Numbered is a format with a number in it over and over, each another one.
func Numbered(name, format string) Input {
	return Input{name, func(n int) []byte {
		var b bytes.Buffer
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.Bytes()
	}}
}

// pieces are repeated: what opens something and never closes it, what a reader
// may join, follow, expand or search for from the beginning again.
var pieces = []string{
	"a", " ", "\n", "\t\n", "a\n", "\r", "\r\n", "a ", "\\", "\\\n", "a\\\n", "\\\\n", "\x00", "a\x00", "\x00\x00\x00a", "\xff", "\x1b", "é", "0", "1.2.3\n", "1.",
	"{", "(", "[", "<", "\"", "'", "`", "=", ":", ";", "#", "/", "|", "&", "$", "@", "%", "*", "-", "!", "~", ",", "+", "?",
	"\"\n", "'\n", "`\n", "\"\\", "a=", "=a", "a:", ":::::::::\n", "a:b:c:", "a=b ", "a=b\n", "a=\"", "a='b\n", "$(", "${", "${a", "$((", "$a", "`a", "((", ")", "))", "}{", "}\n", "{}\n", "{\n",
	"[a]\n", "[[", "[[a]]\n", "a.b=1\n", "a.", "a = [\n", "\"\"\"", "'''", "/*", "*/", "//", "/* a */", "//\\\n", "<!--", "-->", "<![CDATA[", "<a>", "<a b=\"", "<a ", "</a>", "<a/>", "&lt;", "<!DOCTYPE a [", "<?xml ",
	"{\"a\":", "[{\"a\":", "{\"a\":[", "[[],", "\"a\",", "\\u0000", "\"\\u", "if a; then\n", "if ", "fi\n", "then ", "case a in\n", "a) b;;\n", "for a in ", "do\n", "while ", "function a {\n", "a() {\n", "<<EOF\n", "<<a<<b", "cat <<EOF\n",
	"a&&", "a||", "a;", "a|", "&\n", ". /a\n", "export a=$a$a\n", "a=$a$a\n", "a=${a}b\n", "set a=${a}${a};", "run a;", "A=$A\"$A\"; ", "eval $a\n",
	"#if 1\n", "#if 0\n", "#ifdef a\n{\n", "#else\n", "#endif\n", "#define a(", "#define a a\n", "#define a(b) memcpy(b)\n", "#include <a>\n", "#include \"a\"\n", "#pragma ", "memcpy(", "memcpy_s(a,b,c,b);", "void memcpy_s(){memcpy(", "int a(){", "int a(){}", "a(b){", "NOLINT ", "//NOLINT\n", "R\"(", "R\"a(", "1'", "?:",
	"-----BEGIN ", "-----BEGIN", "-----", "-----END ", "-----BEGIN A-----\n", "-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n", "-----BEGIN PRIVATE KEY-----\\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n", "-----BEGIN CERTIFICATE-----\nMIIC\n",
	"-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: ", "ssh-rsa AAAA ", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAA\n", "PuTTY-User-Key-File-2: ssh-rsa\n", "AGE-SECRET-KEY-1", "Public-Lines: 999999999\n", "Private-Lines: 2147483647\n",
	"\x30\x80", "\x30\x82\xff\xff", "\x30\x84\x7f\xff\xff\xff", "\x30\x82\x01\x00\x02\x01\x00", "\x30\x03\x02\x01", "\x02\x82\xff\xff", "\xa0\x03\x02\x01\x02", "\x24\x80\x24\x80", "\xfe\xed\xfe\xed\x00\x00\x00\x02", "\xce\xce\xce\xce\x00\x00\x00\x02", "openssh-key-v1\x00\x00\x00\x00\x04none",
	"root:$1$aaaaaaaa$aaaaaaaaaaaaaaaaaaaaaa:0:0:a:/:/bin/sh\n", "root:$6$rounds=999999999$aaaaaaaaaaaaaaaa$" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:0:9:7:::\n", "root:$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:0:0::/:\n", "root::0:0:root:/:/bin/sh\n", "a:x:0:0:::\n",
	"root:$y$j9T$aaaaaaaaaaaaaaaa$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:0:9:7:::\n", "root:$7$Z/....aaaaaaaaaaaa$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:0:9:7:::\n", "root:$5$rounds=4294967296$aaaa$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1:0:9:7:::\n", "root:aaaaaaaaaaaaa:0:0::/:/bin/sh\n",
	"::respawn:/bin/sh\n", "::respawn:/usr/sbin/telnetd -l /bin/sh\n", "ExecStart=/usr/sbin/telnetd\n", "telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n", "service a\n{\n", "socket_type = stream\n", "telnetd ", "/usr/sbin/telnetd -p 1 &\n", "start-stop-daemon -S -x ", "procd_set_param command ",
	"Package: a\nVersion: 1\n\n", "Package: a\n", "Depends: a, ", "Status: install ok installed\n", "P:a\nV:1\n\n", "Name: a\nVersion: 1\n", "\"name\":\"a\",\"version\":\"1\",", "module a\nrequire b v1\n", "require (\n", "<dependency>", "Linux version ", "Linux version 4.4.60 (", "CONFIG_A=y\n", "CONFIG_", "# CONFIG_A is not set\n", "c0000000 T a\n",
	"net.ipv4.ip_forward=1\n", "192.0.2.1 ", "192.0.2.1:80 ", "http://", "https://a.example/", "http://a:b@c/ ", "wget ", "wget http://a.example/a\n", "curl -k https://a.example/\n", "src/gz a http://a.example\n", "bootcmd=\x00bootdelay=", "bootargs=a\x00", "snmp rocommunity public\n", "password=aaaaaaaa\n", "password: \"", "secret=", "AKIAAAAAAAAAAAAAAAAA", "eyJhbGciOi", "eyJhbGciOiJIUzI1NiJ9.eyJhbGciOiJIUzI1NiJ9.a ", "AIza", "ghp_", "SQLite format 3\x00", "kernel/fs/a.ko\n", "GCC: (GNU) 4.8\x00", "OpenSSL 1.0.2k ", "OpenSSL 1.0.2k  26 Jan 2017\x00", "Copyright ", "version ", "v1.2.3 ", "%s version %s\x00",
}

// Inputs are inputs for every check, and some of its own literals and samples.
func Inputs(t testing.TB, c wardein.Check, dir string) []Input {
	var in []Input
	for _, p := range pieces {
		in = append(in, Repeat(fmt.Sprintf("%.40q", p), p))
	}
	for _, f := range []string{"a%d\n", "a%d=b\n", "a%d ", "%d\n", "%d ", "a%d() {\n", "#define a%d memcpy\n", "a%d:x:%[1]d:0::/:/bin/sh\n", "/a%d\n", "{\"a%d\":", "<a%d>", "[a%d]\n", "CONFIG_A%d=y\n", "::respawn:/a%d\n", "c%07x T a%[1]d\n",
		"Package: a%d\nVersion: 1\n\n", "a=$a%d$a\n", "a%d=$a\n", "/bin/a%d $a%[1]d &\n", "password=a8F%dq2\n", "http://a%d.example/\n", "lib%d 1.2.%[1]d\x00", "a%d\x00", "snmp%d password='x%[1]dZ9q'\n", "root%d:$1$aaaaaaaa$aaaaaaaaaaaaaaaaaaaaaa:0:0:a:/:/bin/sh\n"} {
		in = append(in, Numbered(fmt.Sprintf("%q", f), f))
	}
	in = append(in,
		Input{"nested DER", func(n int) []byte { return nestedDER(n, false) }},
		Input{"nested DER in PEM", func(n int) []byte {
			return pemOf("PRIVATE KEY", nestedDER(n*3/4, true))
		}},
		Input{"one PEM", func(n int) []byte { return pemOf("RSA PRIVATE KEY", make([]byte, n*3/4)) }},
		Input{"one certificate", func(n int) []byte { return pemOf("CERTIFICATE", make([]byte, n*3/4)) }},
		Input{"a modulus", func(n int) []byte { return rsaKey(n, false) }},
		Input{"a modulus in PEM", func(n int) []byte { return pemOf("RSA PRIVATE KEY", rsaKey(n*3/4, false)) }},
		Input{"an exponent in PEM", func(n int) []byte { return pemOf("RSA PRIVATE KEY", rsaKey(n*3/4, true)) }},
		Input{"lines that grow", func(n int) []byte {
			var b bytes.Buffer
			for i := 1; b.Len() < n; i++ {
				b.WriteString(strings.Repeat("a", i) + "\n")
			}
			return b.Bytes()
		}},
		Input{"every byte", func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(i)
			}
			return b
		}},
		Input{"noise", func(n int) []byte {
			b, x := make([]byte, n), uint32(1)
			for i := range b {
				x = x*1664525 + 1013904223
				b[i] = byte(x >> 24)
			}
			return b
		}},
		Input{"noise of letters", func(n int) []byte {
			b, x := make([]byte, n), uint32(1)
			for i := range b {
				x = x*1664525 + 1013904223
				b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"[x>>26]
			}
			return b
		}},
	)
	for i, l := range c.Literals {
		name := fmt.Sprintf("literal %d %.30q", i, l)
		if len(c.Literals) < 100 || i%16 == 0 {
			in = append(in, Repeat(name, l), Repeat(name+" in lines", l+"\n"), Repeat(name+" in strings", l+" 1.2.3\x00"))
		}
	}
	in = append(in,
		Repeat("all literals", strings.Join(c.Literals, "\n")+"\n"),
		Repeat("all literals behind zeros", strings.Join(c.Literals, "\x00")+"\x00"),
		Repeat("all literals cut", cutEach(c.Literals)),
	)
	for _, s := range samples(t, dir) {
		in = append(in, Repeat("sample "+s.name, string(s.data)))
		for i, line := range bytes.SplitAfter(s.data, []byte("\n")) {
			if i < 40 && len(line) > 1 && text(line) {
				in = append(in, Repeat(fmt.Sprintf("sample %s, line %d", s.name, i+1), string(line)))
			}
		}
	}
	return in
}

func cutEach(literals []string) string {
	var b strings.Builder
	for _, l := range literals {
		b.WriteString(l[:len(l)/2] + "\n" + l[:len(l)-1] + "\x00" + l[1:] + " ")
	}
	return b.String()
}

// nestedDER is sequences in sequences, as deep as n bytes go.
func nestedDER(n int, key bool) []byte {
	out := make([]byte, 0, n)
	for n = min(n, 1<<24) - 4; n > 4; n -= 4 {
		out = append(out, 0x30, 0x83, byte(n>>16), byte(n>>8), byte(n))
		n--
		if key {
			out = append(out, 2, 1, 0)
			n -= 3
		}
	}
	return out
}

// rsaKey is an RSAPrivateKey of which modulus or exponent takes all room.
func rsaKey(n int, exponent bool) []byte {
	integer := func(n int) []byte {
		b := append([]byte{2, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, bytes.Repeat([]byte{0x7f}, n)...)
		b[len(b)-1] |= 1
		return b
	}
	big, small := max(8, n-60), 5
	if exponent {
		big, small = 256, max(8, n-320)
	}
	body := append([]byte{2, 1, 0}, integer(big)...)
	for range 7 {
		body = append(body, integer(small)...)
		small = 5
	}
	return append([]byte{0x30, 0x83, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

func pemOf(kind string, data []byte) []byte {
	s := base64.StdEncoding.EncodeToString(data)
	var b bytes.Buffer
	fmt.Fprintf(&b, "-----BEGIN %s-----\n", kind)
	for ; len(s) > 64; s = s[64:] {
		b.WriteString(s[:64] + "\n")
	}
	fmt.Fprintf(&b, "%s\n-----END %s-----\n", s, kind)
	return b.Bytes()
}

type sample struct {
	name string
	data []byte
}

// samples are the files of dir/testdata/*.txt.
func samples(t testing.TB, dir string) (out []sample) {
	paths, _ := filepath.Glob(filepath.Join(dir, "testdata/*.txt"))
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		tree := Load(t, ar)
		for _, n := range tree.nodes {
			if data := tree.data[n.Path]; len(data) > 0 {
				out = append(out, sample{filepath.Base(p) + " " + n.Path, data})
			}
		}
	}
	return out
}

// Spent is what something cost.
type Spent struct {
	Reads, Read int64 // calls, bytes
	Alloc       int64 // bytes
	Time        time.Duration
}

// meter counts reads.
type meter struct {
	r           io.ReaderAt
	calls, read atomic.Int64
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.r.ReadAt(p, off)
	m.calls.Add(1)
	m.read.Add(int64(n))
	return n, err
}

// Look has a runner look at bytes of a format and class, and measures.
func Look(t testing.TB, run func(context.Context, wardein.Blob, func(int) []int64) []wardein.Outcome, literals []string, data []byte, format, class string) (Spent, []wardein.Outcome) {
	t.Helper()
	m := &meter{r: bytes.NewReader(data)}
	b := wardein.Blob{ReaderAt: m, Size: int64(len(data)), Digest: sha256.Sum256(data), Format: format, Class: class}
	hits := make([][]int64, len(literals))
	for i, l := range literals {
		hits[i] = find(data, l)
	}
	var out []wardein.Outcome
	s := Measure(func() { out = run(context.Background(), b, func(i int) []int64 { return hits[i] }) })
	s.Reads, s.Read = m.calls.Load(), m.read.Load()
	for _, o := range out {
		for _, f := range o.Facts {
			if f.Kind == "" || f.Off < 0 || f.Len < 0 || f.Off > b.Size || f.Len > b.Size-f.Off {
				t.Errorf("%s: fact %q at %d+%d of %d bytes", o.Check, f.Kind, f.Off, f.Len, b.Size)
			}
		}
	}
	return s, out
}

// Measure counts what a function allocates. Nothing else may run beside it.
func Measure(do func()) (s Spent) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	do()
	s.Time = time.Since(began)
	runtime.ReadMemStats(&after)
	s.Alloc = int64(after.TotalAlloc - before.TotalAlloc)
	return s
}

// find is where a literal stands, as the engine says it.
func find(data []byte, literal string) (at []int64) {
	for from := 0; len(at) < 4096; {
		k := bytes.Index(data[from:], []byte(literal))
		if k < 0 {
			break
		}
		at = append(at, int64(from+k))
		from += k + 1
	}
	return at
}

// Extremes gives a file again and again with one of its numbers changed to
// what no reader expects, for the first bytes and for the last.
func Extremes(data []byte, first, last int, do func(at int, changed []byte)) {
	buf := make([]byte, len(data))
	for at := 0; at < len(data); at++ {
		if at >= first && at < len(data)-last {
			continue
		}
		for _, width := range []int{2, 4, 8} {
			if at%width != 0 || at+width > len(data) {
				continue
			}
			for _, v := range []uint64{0, 1, uint64(len(data)) - 1, 0x7fff, 0xffff, 1<<31 - 1, 1<<32 - 1, 1 << 31, 1<<63 - 1, 1<<64 - 1} {
				copy(buf, data)
				var b [8]byte
				if binary.LittleEndian.PutUint64(b[:], v); data[5] == 2 {
					binary.BigEndian.PutUint64(b[:], v<<(64-8*width))
				}
				copy(buf[at:at+width], b[:])
				do(at, buf)
			}
		}
	}
}
