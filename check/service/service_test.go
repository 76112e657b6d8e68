package service

import (
	"fmt"
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

func BenchmarkScript(b *testing.B) {
	checktest.Benchmark(b, Check, []byte("#!/bin/sh\n"+strings.Repeat("if [ -x \"$PROG\" ]; then start-stop-daemon -S -x $PROG -- -p 1; fi\n", 1000)))
}

func BenchmarkOtherText(b *testing.B) {
	checktest.Benchmark(b, Check, []byte(strings.Repeat("a line of documentation: nothing\n", 8000)))
}

// The table is complete, each name is in it once, and options are found.
func TestServers(t *testing.T) {
	names := map[string]bool{}
	for name, s := range servers() {
		if s.About == "" || s.Source == "" || len(s.Ports) == 0 || names[name] {
			t.Errorf("%s: %+v", name, s)
		}
		names[name] = true
	}
	for line, want := range map[string]string{
		"dropbear":                         "tcp/22 false",
		"/usr/sbin/dropbear -F -p 2222":    "tcp/2222 false",
		"dropbear -p [::1]:2222":           "tcp/2222 true",
		"uhttpd -p 0.0.0.0:80 -p [::]:80":  "tcp/80 false",
		"redis-server --port=127.0.0.1:1":  "tcp/1 true",
		"dropbear -p":                      "tcp/22 false",
		"dropbear -p 70000":                "tcp/22 false",
		"nc -lp 23":                        "tcp/23 false",
		"nc -l -p 23":                      "tcp/23 false",
		"socat TCP4-LISTEN:5,fork EXEC:sh": "tcp/? false",
		"nc host 23":                       "",
		"rsync -a a b":                     "",
		"cat x":                            "",
	} {
		words := strings.Fields(line)
		got := ""
		if s := serverOf(words); s != nil {
			ports, loopback := s.listens(words[1:])
			got = fmt.Sprint(strings.Join(ports, " "), " ", loopback)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
