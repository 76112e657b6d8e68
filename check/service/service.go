// Package service finds telnet servers that a release starts at boot.
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
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
)

// Check finds telnet at boot.
var Check = wardein.Check{
	Name:    "service",
	Version: 1,
	Doc: wardein.Doc{
		About: "Telnet servers that are started at boot: passwords cross the network in clear, and where a shell stands in place of a login nobody is asked for one.",
		How: "Text files are read line by line as inittab, inetd.conf, xinetd, systemd unit or shell; comments (# and ;) are passed over, and in shell only a word that stands where a command stands counts, so that killall telnetd and echo telnetd do not; variables of one word, start-stop-daemon and procd are followed. " +
			"From etc/inittab, the rc scripts and the S?? links, which are resolved inside the root file system by name, all scripts are found that scripts started at boot name by absolute path. A telnet line in one of them is a finding; the option -l tells what a caller meets. " +
			"inittab: certain; script, inetd that is started, unit that a target wants: likely; a line inside if or behind a test: possible.",
		FalsePositives: []string{
			"a start inside a condition that is never true, or in a function that is never called",
			"a root file system that is in the release and is never booted",
			"a packet filter that lets nobody reach the port: it is not looked at",
		},
		FalseNegatives: []string{
			"telnet that a program starts by itself (system(\"telnetd\")), or a telnet server inside another program",
			"a server under another name, or a name put together at run time",
			"scripts that are run by a relative name, by a glob other than the S?? folders, by cron, udev or hot-plug",
			"telnet that is switched on at run time, by configuration or a request",
		},
		Limits: []string{
			"telnet only: SSH, TFTP, web servers and others are not looked at yet",
			"files larger than 1 MiB are not read, nor what of a line is beyond 16 KiB",
			"the listening address is known where option -b gives it; otherwise all interfaces are assumed",
		},
		References: []string{
			"inittab(5), inetd.conf(5), xinetd.conf(5), systemd.service(5), start-stop-daemon(8); busybox telnetd", "RFC 854", "CWE-319, CWE-306",
			"3GPP TS 33.117, NO_UNNECESSARY_SERVICE, PROTECT_DATA_INFO_TRANSFER_1, ACCOUNT_PROTECTION",
		},
	},
	Literals: []string{"telnetd", ":sysinit:"},
	Wants:    wants,
	Node:     node,
	Tree:     tree,
	Cases: map[string][]string{
		"service.telnet":             {"TC_NO_UNNECESSARY_SERVICE", "TC_PROTECT_DATA_INFO_TRANSFER_1"},
		"service.telnet-shell":       {"TC_NO_UNNECESSARY_SERVICE", "TC_PROTECT_DATA_INFO_TRANSFER_1", "TC_ACCOUNT_PROTECTION", "TC_SYS_FUN_USAGE"},
		"service.telnet-not-started": {"TC_NO_UNUSED_SOFTWARE"},
	},
	Messages: map[string]string{
		"service.telnet":       "Telnet is started at boot, on tcp/{port}{where}, by {as}: names, passwords and all that is typed cross the network unencrypted.",
		"service.shell":        "Telnet is started at boot, on tcp/{port}{where}, by {as}, with {login} in place of a login: whoever reaches the port has a shell, and no password is asked for.",
		"service.own":          "Telnet is started at boot, on tcp/{port}{where}, by {as}, with {login} as login: all that is typed crosses the network unencrypted; whether {login} asks for a password was not looked at.",
		"service.idle":         "{as} would start telnet on tcp/{port}; nothing was seen that runs it at boot.",
		"service.fix":          "Start no telnet server; offer SSH with a host key made on the unit.",
		"service.fix-shell":    "Remove this start; where engineers need a way in, use SSH with keys of their own.",
		"service.fix-idle":     "Ship no telnet server that the release does not need.",
		"service.until":        "Let only a management network that you trust reach tcp/{port} of the unit, and log in by other means.",
		"service.until-shell":  "Block tcp/{port} to the unit at the nearest filter, on all interfaces, and look for connections to it in the past.",
		"service.until-no-one": "Nothing has to be done at once.",
	},
}

const (
	maxText  = 1 << 20
	maxLine  = 16 << 10 // what is read of one line
	maxQuote = 256
	maxRuns  = 500 // programs that one script is seen to run
	shown    = 10  // quotes of one finding
)

func wants(b wardein.Blob) (bool, string) {
	switch {
	case b.Class != "text":
		return false, "not text"
	case b.Size > maxText:
		return false, "larger than 1 MiB"
	case len(b.Hits(0)) > 0 || len(b.Hits(1)) > 0 || isScript(b):
		return true, ""
	}
	return false, "no script, no literal found"
}

func isScript(r wardein.Blob) bool {
	var b [2]byte
	n, _ := r.ReadAt(b[:], 0)
	return n == 2 && string(b[:]) == "#!"
}

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
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
		if c.how != "inittab" && c.how != "shell" {
			return
		}
		for _, w := range c.words[:1] {
			base := path.Base(w)
			if (strings.HasPrefix(w, "/") || base == "inetd" || base == "xinetd") && len(w) <= 256 && !seen[w] && len(seen) < maxRuns {
				seen[w] = true
				out(wardein.Fact{Kind: "runs", Off: c.off, Len: c.size, Attrs: []wardein.Note{{Name: "path", Value: w}}})
			}
		}
	})
	return nil
}

// start is a telnet line, the file it stands in, and what runs that.
type start struct {
	node string
	fact wardein.Fact
	as   string // the name that it is started under, "" for not seen to be
	sure wardein.Confidence
}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	b := &boot{tree: t, runs: map[string][]string{}}
	var lines []wardein.Fact
	var nodes []*wardein.Node
	for n, f := range t.Facts("service") {
		if f.Kind == "runs" {
			b.runs[n.Path] = append(b.runs[n.Path], f.Attr("path"))
			continue
		}
		nodes, lines = append(nodes, n), append(lines, f)
	}
	if len(lines) == 0 {
		return nil
	}
	b.find()
	byID := map[string]int{}
	var found []wardein.Finding
	for i, n := range nodes {
		s := start{node: n.Path, fact: lines[i]}
		if !s.judge(b, n) {
			continue
		}
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
	return nil
}

// judge finds out what starts a line; false is a line that nothing reads.
func (s *start) judge(b *boot, n *wardein.Node) bool {
	root, rel := rootOf(n.Path)
	as, booted := b.started[n.Path]
	how := s.fact.Attr("how")
	switch how {
	case "inittab":
		s.as, s.sure = rel, wardein.Certain
		return rel == "etc/inittab"
	case "shell":
		if booted {
			s.as, s.sure = as, wardein.Likely
			if _, name := container(n); name != as {
				s.as = as + " (" + name + ")"
			}
			if s.fact.Attr("action") == "conditional" {
				s.sure = wardein.Possible
			}
			return true
		}
		return s.fact.Attr("script") == "yes"
	case "inetd", "xinetd":
		if rel != "etc/inetd.conf" && rel != "etc/xinetd.conf" && path.Dir(rel) != "etc/xinetd.d" {
			return false
		}
		if b.inetd[root] {
			s.as, s.sure = how+" ("+rel+")", wardein.Likely
		}
		return true
	case "systemd":
		s.as, s.sure = path.Base(n.Path), wardein.Likely
		return b.unitWanted(n)
	}
	return false
}

func (s *start) finding() wardein.Finding {
	f := wardein.Finding{
		Rule: "service.telnet", Node: s.node, Severity: wardein.High, Confidence: s.sure, Reach: wardein.Management,
		Says: s.text("service.telnet"), Fix: wardein.Text{ID: "service.fix"}, Meanwhile: s.text("service.until"),
		Quotes: []wardein.Quote{{Node: s.node, Off: s.fact.Off, Len: s.fact.Len, Bytes: s.fact.Attr("line")}},
	}
	asks := s.fact.Attr("asks")
	switch {
	case s.as == "":
		f.Rule, f.Severity, f.Confidence, f.Reach = "service.telnet-not-started", wardein.Info, wardein.Possible, wardein.NoneShown
		f.Says, f.Fix, f.Meanwhile = s.text("service.idle"), wardein.Text{ID: "service.fix-idle"}, s.text("service.until-no-one")
	case asks == "nothing":
		f.Rule, f.Severity = "service.telnet-shell", wardein.Critical
		f.Says, f.Fix, f.Meanwhile = s.text("service.shell"), wardein.Text{ID: "service.fix-shell"}, s.text("service.until-shell")
	case asks == "its own":
		f.Says = s.text("service.own")
	}
	if s.as != "" && s.fact.Attr("loopback") == "yes" {
		f.Reach, f.Severity = wardein.Local, wardein.Low
		if asks == "nothing" {
			f.Severity = wardein.Medium
		}
	}
	f.ID = stable.ID(f.Rule, s.fact.Attr("command"))
	return f
}

func (s *start) text(id string) wardein.Text {
	where := ""
	if s.fact.Attr("loopback") == "yes" {
		where = " of the loopback interface"
	}
	as := s.as
	if as == "" {
		as = s.node
	}
	return wardein.Text{ID: id, Args: []wardein.Note{{Name: "port", Value: s.fact.Attr("port")}, {Name: "where", Value: where},
		{Name: "as", Value: as}, {Name: "login", Value: s.fact.Attr("login")}}}
}
