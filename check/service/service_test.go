package service

import (
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check) }
func Fuzz(f *testing.F)       { checktest.Fuzz(f, Check, []byte("#!/bin/sh\nif telnetd&&x;then a\\\n\"`\n")) }

// A word counts as a program only where a command stands.
func TestShell(t *testing.T) {
	for line, want := range map[string][]string{
		"telnetd":                                {"telnetd"},
		"  /usr/sbin/telnetd -l /bin/sh &":       {"/usr/sbin/telnetd -l /bin/sh"},
		"(telnetd)":                              {"telnetd"},
		"a; telnetd; b":                          {"a", "telnetd", "b"},
		"a && telnetd || b":                      {"a", "telnetd", "b"},
		"x=$(telnetd -p 1)":                      {"telnetd -p 1"},
		"telnetd >/dev/null 2>&1 </dev/null":     {"telnetd"},
		"FOO=1 nohup telnetd -F":                 {"telnetd -F"},
		"nice -n telnetd":                        {"telnetd"},
		`sh -c "telnetd -l /bin/sh"`:             {"telnetd -l /bin/sh"},
		"busybox telnetd -p 9":                   {"telnetd -p 9"},
		"then telnetd # b":                       {"telnetd"},
		"echo telnetd":                           {"echo telnetd"},
		"echo 'a;telnetd'":                       {"echo a;telnetd"},
		"start) telnetd ;;":                      {"start", "telnetd"},
		"start-stop-daemon -S -b -x telnetd":     {"telnetd"},
		"start-stop-daemon -Sbx telnetd -- -p 1": {"telnetd -p 1"},
		"":                                       nil,
		"'":                                      nil,
		`\`:                                      nil,
	} {
		var got []string
		commands(line, func(c command) {
			if len(c.words) > 0 {
				got = append(got, strings.Join(c.words, " "))
			}
		})
		if !slices.Equal(got, want) {
			t.Errorf("%q gives %q, want %q", line, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	for args, want := range map[string]options{
		"":                         {},
		"-F -l /bin/login":         {login: "/bin/login"},
		"-l/bin/sh -p2323":         {login: "/bin/sh", port: "2323"},
		"-FKl /bin/sh":             {login: "/bin/sh"},
		"-b 127.0.0.1:2323":        {bind: "127.0.0.1", port: "2323"},
		"-b 192.0.2.1 -p 23 -l":    {bind: "192.0.2.1", port: "23"},
		"-f /etc/issue -p 24 -L x": {port: "24", login: "x"},
	} {
		if got := telnetOptions(strings.Fields(args)); got != want {
			t.Errorf("%q: %+v, want %+v", args, got, want)
		}
	}
}

// Links are followed inside one root, and never without end.
func TestResolve(t *testing.T) {
	tree := &checktest.Tree{}
	tree.Add("fw/etc/init.d/a", 0o755, []byte("x"))
	tree.Add("etc/init.d/b", 0o755, []byte("x"))
	for path, target := range map[string]string{
		"fw/etc/rc.d/up": "../../../../../etc/init.d/a", "fw/etc/rc.d/abs": "/etc/./init.d//a", "fw/etc/rc.d/two": "up", "fw/d": "etc/init.d",
		"fw/etc/rc.d/dir": "/d/a", "fw/etc/rc.d/x": "y", "fw/etc/rc.d/y": "x", "fw/etc/rc.d/self": ".", "fw/grow": "grow/grow",
	} {
		tree.Link(path, target, false)
	}
	b := &boot{tree: tree}
	for rel, want := range map[string]string{
		"etc/rc.d/up": "fw/etc/init.d/a", "/etc/rc.d/abs": "fw/etc/init.d/a", "etc/rc.d/two": "fw/etc/init.d/a", "etc/rc.d/dir": "fw/etc/init.d/a",
		"etc/rc.d/x": "", "etc/none": "", "grow": "", "../../etc/init.d/b": "",
	} {
		if got, ok := b.resolve("fw/", rel); got != want && ok || ok != (want != "") {
			t.Errorf("%s leads to %q, want %q", rel, got, want)
		}
	}
}

func BenchmarkScript(b *testing.B) {
	checktest.Benchmark(b, Check, []byte("#!/bin/sh\n"+strings.Repeat("if [ -x \"$PROG\" ]; then start-stop-daemon -S -x $PROG -- -p 1; fi\n", 1000)))
}

func BenchmarkOtherText(b *testing.B) {
	checktest.Benchmark(b, Check, []byte(strings.Repeat("a line of documentation: nothing\n", 8000)))
}
