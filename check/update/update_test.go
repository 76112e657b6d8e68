package update

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/check/service"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
	"github.com/wardein/wardein/report"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check, service.Check) }

func Fuzz(f *testing.F) {
	if gcc, err := exec.LookPath("gcc"); err == nil {
		f.Add(built(f, gcc))
	}
	checktest.Fuzz(f, Check, []byte("bootdelay=3\x00bootcmd=tftpboot 0x80000000 a; bootm\x00"), []byte("[keyring]\npath=/etc/rauc/k\n[system]\ncompatible=x\n"),
		[]byte("#!/bin/sh\ncurl -k https://u:p@a.example:1/ | sh\nwget ftp://a.example/x; mtd -r write x y\n"))
}

func TestLines(t *testing.T) {
	for text, want := range map[string]string{
		"url=http://a.example/x\nverify = none\n":             "url off",
		"url=http://a.example/x\nsignature_check: off\n":      "url off",
		"url=http://a.example/x\nverify=required\n":           "url",
		"verify_depth = 0\n":                                  "",
		"src/gz a https://a.example/\n":                       "url feed",
		"option check_signature\n":                            "signed",
		"option check_signature 1\n":                          "signed",
		"#option check_signature\n":                           "",
		"deb [arch=armhf trusted=yes] http://a.example x y\n": "url trusted",
		"deb [signed-by=/k] http://a.example x y\n":           "url",
		"APT::Get::AllowUnauthenticated \"false\";\n":         "",
		"gpgcheck=1\n":   "",
		"gpgcheck = 0\n": "gpgcheck-off",
		"#!/bin/sh\ncurl -fsSL http://a.example/x | sudo bash\n":              "url run",
		"#!/bin/sh\nsh -c \"$(curl -fsSL https://a.example/x)\"\n":            "url run",
		"#!/bin/sh\n. <(curl -s https://a.example/x)\n":                       "url run",
		"#!/bin/sh\ncurl http://a.example/x | grep x\n":                       "url",
		"#!/bin/sh\ncurl http://a.example/x\nmtd -r write /tmp/x a\n":         "url install",
		"#!/bin/sh\ncurl https://a.example/x\nmtd -r write /tmp/x a\n":        "url",
		"#!/bin/sh\ntftp -g tftp://a.example/x\ndpkg -i x\n":                  "url install",
		"#!/bin/sh\ncurl -o x http://a.example/x\ngpg --verify x\nrpm -i x\n": "url",
		"#!/bin/sh\ncurl -sSk https://a.example/\n":                           "url blind",
		"#!/bin/sh\ncurl --insecure https://a.example/\n":                     "url blind",
		"#!/bin/sh\ncurl -o k https://a.example/\n":                           "url",
		"#!/bin/sh\nwget --no-check-certificate https://a.example/\n":         "url blind",
		"#!/bin/sh\necho wget --no-check-certificate https://a.example\n":     "url",
		"Device.ManagementServer.URL=http://acs.example:7547/\n":              "url cwmp",
		"<ACSURL>http://acs.operator.example/</ACSURL>\n":                     "url cwmp",
		"<cwmp url=\"http://acs.operator.example/\" user=\"x\"/>\n":           "url cwmp",
		"acs_url=https://acs.operator.example/\n":                             "url",
		"#!/bin/sh\nswupdate -i /tmp/x.swu\n":                                 "swupdate",
		"#!/bin/sh\nswupdate -k /etc/k.pem -i /tmp/x.swu\n":                   "",
		"#!/bin/sh\nkillall swupdate -i\n":                                    "",
		"public-key-file = \"/etc/k.pem\";\n":                                 "signed-images",
		"bootdelay=3\x00bootcmd=bootm\x00":                                    "boot boot",
		"x http://[2001:db8::1]/ http://[fe80::1]/ http://10.1.1.1/\n":        "url",
	} {
		var got []string
		facts, err := checktest.Node(t, Check, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			got = append(got, f.Kind)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestData(t *testing.T) {
	names := map[string]bool{}
	for _, c := range changers().Program {
		if c.About == "" || c.Source == "" || len(c.Names) == 0 {
			t.Errorf("%+v", c)
		}
		for _, n := range c.Names {
			if names[n] {
				t.Errorf("%s twice", n)
			}
			names[n] = true
		}
	}
	for host, want := range map[string]bool{
		"a.example": true, "www.w3.org": false, "w3.org": false, "notw3.org": true, "203.0.113.1": true, "192.168.0.1": false, "localhost": false, "1.2": false,
		"unit.lan": false, "[2001:db8::1]": true, "[::1]": false,
	} {
		if named(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

// A boot loader's built-in variables, in bytes of no format.
func TestBoot(t *testing.T) {
	code := strings.Repeat("\x01\x02code\xff", 1000)
	for vars, want := range map[string]string{
		"bootdelay=3\x00bootcmd=bootm 0x9f020000\x00":                                   "update.boot-waits",
		"bootdelay=-2\x00bootcmd=run netboot; tftpboot 0x80000000 fw.bin; bootm\x00":    "update.boot-network",
		"bootdelay=0\x00bootcmd=bootm\x00":                                              "update.boot-waits",
		"bootdelay=-2\x00bootcmd=bootm\x00":                                             "",
		"bootdelay=-1\x00runbootcmd=tftpboot\x00bootcmd=mmc read 0x80000000; bootz\x00": "",
	} {
		tree := &checktest.Tree{}
		tree.Add("fw/uboot", 0o644, []byte(code+"\x00"+vars+code))
		var got []string
		for _, f := range tree.Judge(t, Check) {
			got = append(got, f.Rule)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", vars, got, want)
		}
	}
}

// built compiles a text of hosts.
func built(t testing.TB, gcc string, flags ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	src, bin := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(src, []byte(`#include <stdio.h>
int main(void) { puts("http://acs.exampletel.example:7547/cwmp"); puts("see http://www.gnu.org/licenses"); return puts("https://%s/x"); }
`), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(gcc, append(flags, "-s", "-w", "-o", bin, src)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A program that is started and names hosts, and a library that does.
func TestProgram(t *testing.T) {
	gcc := testkit.Tool(t, "gcc")
	tree := &checktest.Tree{}
	tree.Add("fw/etc/inittab", 0o644, []byte("::respawn:/usr/sbin/a\n"))
	tree.Add("fw/usr/sbin/a", 0o755, built(t, gcc))
	tree.Add("fw/usr/lib/b.so", 0o755, built(t, gcc, "-shared", "-fPIC"))
	found := map[string]wardein.Finding{}
	for _, f := range tree.Judge(t, Check, service.Check) {
		found[f.Rule] = f
	}
	f := found["update.hosts"]
	if says := report.Render(f.Says, Check.Messages); !strings.HasSuffix(says, "name: acs.exampletel.example (http in a).") || len(found) != 1 {
		t.Errorf("%q, %d findings", says, len(found))
	}
}

func BenchmarkScript(b *testing.B) {
	checktest.Benchmark(b, Check, []byte("#!/bin/sh\n"+strings.Repeat("if [ -x \"$PROG\" ]; then start-stop-daemon -S -x $PROG -- -p 1; fi\n", 1000)))
}

func BenchmarkConfiguration(b *testing.B) {
	checktest.Benchmark(b, Check, []byte("server = http://a.exampletel.example/\n"+strings.Repeat("setting.of.something = value and another value\n", 1000)))
}
