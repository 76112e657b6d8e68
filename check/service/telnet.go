package service

import (
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

// telnetName tells the names that telnet servers go by: busybox and netkit,
// inetutils, uClinux.
func telnetName(program string) bool {
	switch path.Base(program) {
	case "telnetd", "in.telnetd", "utelnetd", "in.telnetd-ssl", "telnetd-ssl":
		return true
	}
	return false
}

// shells are programs that ask nobody who he is.
var shells = map[string]bool{"sh": true, "ash": true, "bash": true, "dash": true, "hush": true, "msh": true, "lash": true, "ksh": true, "mksh": true, "zsh": true, "csh": true, "tcsh": true}

// options are what a telnet server's command line says: busybox, utelnetd and
// netkit agree on these letters.
type options struct {
	login      string // -l, netkit's -L: the program run for a caller
	port, bind string
}

func telnetOptions(args []string) (o options) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if len(a) < 2 || a[0] != '-' || a[1] == '-' {
			continue
		}
		for k := 1; k < len(a); k++ {
			if !strings.ContainsRune("lLpbfw", rune(a[k])) {
				continue
			}
			value := a[k+1:]
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			switch a[k] {
			case 'l', 'L':
				o.login = value
			case 'p':
				o.port = value
			case 'b':
				o.bind = value
				if ap, err := netip.ParseAddrPort(value); err == nil {
					o.bind, o.port = ap.Addr().String(), strconv.Itoa(int(ap.Port()))
				}
			}
			break
		}
	}
	return o
}

// telnetFact states a telnet server's start, ok false where a command is none.
func telnetFact(c *command, script bool) (f wardein.Fact, ok bool) {
	if len(c.words) == 0 || !telnetName(c.words[0]) || c.action == "disabled" || c.size == 0 {
		return f, false
	}
	o := telnetOptions(c.words[1:])
	asks := "login"
	switch base := path.Base(o.login); {
	case o.login == "" || strings.Contains(base, "login"):
	case shells[base]:
		asks = "nothing"
	default:
		asks = "its own"
	}
	port := o.port
	if port == "" || c.how == "inetd" || c.how == "xinetd" {
		port = "23"
	}
	local := "no"
	if a, err := netip.ParseAddr(o.bind); err == nil && a.IsLoopback() || o.bind == "localhost" {
		local = "yes"
	}
	if script && c.how != "shell" {
		script = false
	}
	return wardein.Fact{Kind: "telnet", Off: c.off, Len: c.size, Attrs: []wardein.Note{
		{Name: "path", Value: c.words[0]}, {Name: "how", Value: c.how}, {Name: "action", Value: c.action}, {Name: "line", Value: c.line},
		{Name: "command", Value: strings.Join(c.words, " ")}, {Name: "login", Value: o.login}, {Name: "asks", Value: asks},
		{Name: "port", Value: port}, {Name: "loopback", Value: local}, {Name: "script", Value: yes(script)},
		{Name: "logins", Value: map[bool]string{true: "telnet"}[asks == "login"]},
	}}, true
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
