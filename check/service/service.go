// Package service finds what a release starts at boot and what of it waits for
// callers.
//
//	etc/inittab                 ::respawn:/usr/sbin/telnetd -F -l /bin/login
//	etc/rcS.d/S45x, rc.d/S45x   links to scripts that run telnetd
//	etc/inetd.conf, xinetd.d    where inetd or xinetd is itself started
//	*.service                   units that a target wants
//
// A server that is there but that nothing starts is no finding, a script that
// nothing is seen to run no more than a remark.
package service

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/startup"
)

// Check finds what is started at boot and waits for callers.
var Check = wardein.Check{
	Name:    "service",
	Version: 2,
	Doc: wardein.Doc{
		About: "Programs that are started at boot and wait for callers: all of them in one list, and by themselves those that send passwords in clear, ask for none, or are for development; shells on consoles.",
		How: "Text files are read line by line as inittab, inetd.conf, xinetd, systemd unit or shell; comments (# and ;) are passed over, and in shell only a word that stands where a command stands counts, so that killall telnetd and echo telnetd do not; variables of one word, start-stop-daemon and procd are followed. " +
			"From etc/inittab, the rc scripts, the S?? links and the units that a target wants, which are resolved inside the root file system by name, all scripts are found that scripts started at boot name by absolute path. A line there that starts a known server (a list with names, default ports and options), or a program that imports listen and accept, or bind and recvfrom, is an open port: by the option on the line, else the server's default, else not seen. " +
			"For telnet the option -l tells what a caller meets. inittab: certain; script, inetd that is started, unit that a target wants: likely; a line inside if or behind a test: possible.",
		FalsePositives: []string{
			"a start inside a condition that is never true, or in a function that is never called",
			"a root file system that is in the release and is never booted",
			"a packet filter or a configuration file that closes the port: neither is looked at",
			"a program that can wait for callers and is started in a way that does not",
		},
		FalseNegatives: []string{
			"a server that a program starts by itself (system(\"telnetd\")), or a server inside another program",
			"a server under another name that is linked statically, or a name put together at run time",
			"scripts that are run by a relative name, by a glob other than the S?? folders, by cron, udev or hot-plug",
			"what is switched on at run time, by configuration or a request",
		},
		Limits: []string{
			"files larger than 1 MiB are not read, nor what of a line is beyond 16 KiB",
			"ports and addresses in configuration files are not read: a known server's default port is stated, on all interfaces",
		},
		References: []string{
			"inittab(5), inetd.conf(5), xinetd.conf(5), systemd.service(5), start-stop-daemon(8); busybox telnetd", "RFC 854", "CWE-319, CWE-306",
			"3GPP TS 33.117, NO_UNNECESSARY_SERVICE, PROTECT_DATA_INFO_TRANSFER_1, ACCOUNT_PROTECTION",
		},
	},
	Literals: literals,
	Wants:    wants,
	Node:     node,
	Tree:     tree,
	Cases: map[string][]string{
		"service.telnet":             {"TC_NO_UNNECESSARY_SERVICE", "TC_PROTECT_DATA_INFO_TRANSFER_1"},
		"service.telnet-shell":       {"TC_NO_UNNECESSARY_SERVICE", "TC_PROTECT_DATA_INFO_TRANSFER_1", "TC_ACCOUNT_PROTECTION", "TC_SYS_FUN_USAGE"},
		"service.telnet-not-started": {"TC_NO_UNUSED_SOFTWARE"},
		"service.clear":              {"TC_NO_UNNECESSARY_SERVICE", "TC_PROTECT_DATA_INFO_TRANSFER_1"},
		"service.clear-logins":       {"TC_NO_UNNECESSARY_SERVICE", "TC_PROTECT_DATA_INFO_TRANSFER_1"},
		"service.debug":              {"TC_NO_UNNECESSARY_SERVICE", "TC_SYS_FUN_USAGE"},
		"service.console-shell":      {"TC_ACCOUNT_PROTECTION", "TC_SYS_FUN_USAGE"},
	},
	Covers: covers,
	Messages: map[string]string{
		"service.telnet":           "Telnet is started at boot, on tcp/{port}{where}, by {as}: names, passwords and all that is typed cross the network unencrypted.",
		"service.shell":            "Telnet is started at boot, on tcp/{port}{where}, by {as}, with {login} in place of a login: whoever reaches the port has a shell, and no password is asked for.",
		"service.own":              "Telnet is started at boot, on tcp/{port}{where}, by {as}, with {login} as login: all that is typed crosses the network unencrypted; whether {login} asks for a password was not looked at.",
		"service.idle":             "{as} would start telnet on tcp/{port}; nothing was seen that runs it at boot.",
		"service.fix":              "Start no telnet server; offer SSH with a host key made on the unit.",
		"service.fix-shell":        "Remove this start; where engineers need a way in, use SSH with keys of their own.",
		"service.fix-idle":         "Ship no telnet server that the release does not need.",
		"service.until":            "Let only a management network that you trust reach tcp/{port} of the unit, and log in by other means.",
		"service.until-shell":      "Block tcp/{port} to the unit at the nearest filter, on all interfaces, and look for connections to it in the past.",
		"service.listening":        "{list} — started at boot, and waiting for connections or datagrams.",
		"service.fix-listening":    "State for each of them which interface needs it, and start the others only when asked for.",
		"service.until-listening":  "Compare with the ports that a scan of a running unit finds open, on each interface.",
		"service.clear":            "{about} is served from boot on {ports} ({program}, started by {as}): it is not encrypted, and nothing was seen that asks who is there.",
		"service.clear-logins":     "{about} is served from boot on {ports} ({program}, started by {as}): names, passwords and all that is sent cross the network unencrypted.",
		"service.debug":            "{program} ({about}) is started at boot by {as}, on {ports}: it is for development, and gives whoever reaches it more than a unit in use should.",
		"service.clear-fix":        "Start it only while it is needed, on the interface that needs it, or offer an encrypted protocol in its place.",
		"service.clear-logins-fix": "Offer SSH or SFTP in place of {about}.",
		"service.debug-fix":        "Leave {program} out of releases.",
		"service.until-clear":      "Let only a management network that you trust reach {ports} of the unit.",
		"service.console-shell":    "A shell is started on a console without asking who is there: whoever is at the unit's console connector is root.",
		"service.console-fix":      "Start login or getty on the console.",
		"service.console-until":    "Keep the unit where only who may administer it can reach its connectors.",
		"service.until-no-one":     "Nothing has to be done at once.",
	},
}

const (
	maxText  = 1 << 20
	maxLine  = 16 << 10 // what is read of one line
	maxQuote = 256
	maxRuns  = 500 // programs that one script is seen to run
	shown    = 10  // quotes of one finding
)

// literals tell texts that start something and are no scripts: inittab, units,
// inetd.conf, xinetd.conf.
var literals = []string{"telnetd", ":sysinit:", ":respawn:", "ExecStart=", "nowait", "socket_type"}

func wants(b wardein.Blob) (bool, string) {
	switch {
	case b.Format == "elf":
		return true, ""
	case b.Class != "text":
		return false, "not text"
	case b.Size > maxText:
		return false, "larger than 1 MiB"
	case isScript(b):
		return true, ""
	}
	for i := range literals {
		if len(b.Hits(i)) > 0 {
			return true, ""
		}
	}
	return false, "no script, no literal found"
}

// covers: a file that starts something speaks to the cases where a boot reads
// it, below an etc folder or as a unit.
func covers(n *wardein.Node, facts []wardein.Fact) []string {
	if _, rel := startup.Root(n.Path); rel == "" && path.Ext(n.Path) != ".service" && path.Ext(n.Path) != ".socket" ||
		!slices.ContainsFunc(facts, func(f wardein.Fact) bool { return f.Kind == "runs" || f.Kind == "telnet" }) {
		return nil
	}
	return []string{"TC_NO_UNNECESSARY_SERVICE", "TC_PROTECT_DATA_INFO_TRANSFER_1", "TC_ACCOUNT_PROTECTION", "TC_SYS_FUN_USAGE", "TC_NO_UNUSED_SOFTWARE"}
}

// logins says over what a command lets in who knows an account's password, ""
// where it does not.
func logins(c *command) string {
	if s := serverOf(c.words); s != nil && s.Logins {
		return s.About
	}
	switch path.Base(c.words[0]) {
	case "getty", "agetty", "mgetty", "login", "sulogin":
		if c.how == "inittab" {
			return "the console"
		}
	}
	return ""
}

// cut bounds the arguments that a fact holds.
func cut(s string) string { return s[:min(len(s), maxQuote)] }

func isScript(r wardein.Blob) bool {
	var b [2]byte
	n, _ := r.ReadAt(b[:], 0)
	return n == 2 && string(b[:]) == "#!"
}

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	if b.Format == "elf" {
		return listener(b, out)
	}
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
		return fmt.Errorf("text cut at %#x of %d bytes: %w", n, b.Size, err)
	}
	script := isScript(b)
	seen := map[string]bool{}
	commands(string(data), func(c command) {
		if len(c.words) == 0 {
			return
		}
		if f, ok := telnetFact(&c, script); ok {
			out(f)
			return
		}
		w := c.words[0]
		base := strings.TrimPrefix(path.Base(w), "-")
		known := servers()[base] != nil || base == "inetd" || base == "xinetd" || c.how == "inittab" && shells[base]
		args := cut(strings.Join(c.words[1:], " "))
		if !strings.HasPrefix(w, "/") && !known || len(w) > 256 || seen[w+" "+args] || len(seen) >= maxRuns || c.how == "" {
			return
		}
		seen[w+" "+args] = true
		out(wardein.Fact{Kind: "runs", Off: c.off, Len: c.size, Attrs: []wardein.Note{
			{Name: "path", Value: w}, {Name: "args", Value: args}, {Name: "how", Value: c.how}, {Name: "action", Value: c.action},
			{Name: "line", Value: c.line}, {Name: "script", Value: yes(script && c.how == "shell")},
			{Name: "logins", Value: logins(&c)},
		}})
	})
	return nil
}

// start is a telnet line and what runs that.
type start struct{ startup.Line }

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	system, lines := startup.Read(t)
	byID := map[string]int{}
	var found []wardein.Finding
	for i := range lines {
		if lines[i].Fact.Kind != "telnet" {
			continue
		}
		s := start{lines[i]}
		f := s.finding()
		if k, ok := byID[f.ID]; !ok {
			byID[f.ID] = len(found)
			found = append(found, f)
		} else if len(found[k].Quotes) < shown {
			found[k].Quotes = append(found[k].Quotes, f.Quotes...)
			found[k].Confidence = max(found[k].Confidence, f.Confidence)
		}
	}
	for _, f := range found {
		out(f)
	}
	listening(t, system, lines, out)
	consoles(lines, out)
	return nil
}

func (s *start) finding() wardein.Finding {
	f := wardein.Finding{
		Rule: "service.telnet", Node: s.Node.Path, Severity: wardein.High, Confidence: s.Sure, Reach: wardein.Management,
		Says: s.text("service.telnet"), Fix: wardein.Text{ID: "service.fix"}, Meanwhile: s.text("service.until"),
		Quotes: []wardein.Quote{{Node: s.Node.Path, Off: s.Fact.Off, Len: s.Fact.Len, Bytes: s.Fact.Attr("line")}},
	}
	asks := s.Fact.Attr("asks")
	switch {
	case s.As == "":
		f.Rule, f.Severity, f.Confidence, f.Reach = "service.telnet-not-started", wardein.Info, wardein.Possible, wardein.NoneShown
		f.Says, f.Fix, f.Meanwhile = s.text("service.idle"), wardein.Text{ID: "service.fix-idle"}, s.text("service.until-no-one")
	case asks == "nothing":
		f.Rule, f.Severity = "service.telnet-shell", wardein.Critical
		f.Says, f.Fix, f.Meanwhile = s.text("service.shell"), wardein.Text{ID: "service.fix-shell"}, s.text("service.until-shell")
	case asks == "its own":
		f.Says = s.text("service.own")
	}
	if s.As != "" && s.Fact.Attr("loopback") == "yes" {
		f.Reach, f.Severity = wardein.Local, wardein.Low
		if asks == "nothing" {
			f.Severity = wardein.Medium
		}
	}
	f.ID = stable.ID(f.Rule, s.Fact.Attr("command"))
	return f
}

func (s *start) text(id string) wardein.Text {
	where := ""
	if s.Fact.Attr("loopback") == "yes" {
		where = " of the loopback interface"
	}
	as := s.As
	if as == "" {
		as = s.Node.Path
	}
	return wardein.Text{ID: id, Args: []wardein.Note{{Name: "port", Value: s.Fact.Attr("port")}, {Name: "where", Value: where},
		{Name: "as", Value: as}, {Name: "login", Value: s.Fact.Attr("login")}}}
}
