package service

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/startup"
)

// listener states that a program can wait for connections: it imports listen,
// or receives datagrams on a port of its own.
func listener(b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.Open(b, b.Size)
	if err != nil {
		return err
	}
	if f.Type != exe.TypeExec && f.Type != exe.TypeDyn || f.Interpreter() == "" {
		return nil // libraries do what programs ask them to
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	imports := map[string]bool{}
	for _, s := range symbols {
		if s.Section == 0 {
			switch s.Name {
			case "listen", "accept", "accept4", "bind", "recvfrom", "recvmsg", "system", "popen", "execve", "execl", "execv", "execvp", "execlp", "execle":
				imports[s.Name] = true
			}
		}
	}
	how := ""
	switch {
	case imports["listen"] && (imports["accept"] || imports["accept4"]):
		how = "connections"
	case imports["bind"] && (imports["recvfrom"] || imports["recvmsg"]):
		how = "datagrams"
	default:
		return nil
	}
	at := f.SegmentTable
	out(wardein.Fact{Kind: "listens", Off: at.Off, Len: at.Len, Attrs: []wardein.Note{{Name: "for", Value: how}}})
	return nil
}

// open is a server that is started at boot.
type open struct {
	startup.Line
	*server
	name     string
	ports    []string
	loopback bool
}

func (o *open) String() string {
	s := o.name
	if len(o.ports) > 0 {
		s += " " + strings.Join(o.ports, " ")
	} else {
		s += " (port not seen)"
	}
	if o.loopback {
		s += " on loopback"
	}
	return s + " by " + o.As
}

// maxListed is how many servers one finding names.
const maxListed = 100

// listening says which servers are started at boot: all of them in one
// remark, those that are a matter of their own each by themselves.
func listening(t wardein.Tree, system *startup.System, lines []startup.Line, out func(wardein.Finding)) {
	waits := map[string]bool{}
	for n, f := range t.Facts("service") {
		if f.Kind == "listens" {
			waits[n.Path] = true
		}
	}
	byName := map[string]open{}
	for _, l := range lines {
		if l.As == "" || l.Fact.Kind != "runs" && l.Fact.Kind != "telnet" || l.Fact.Attr("action") == "disabled" {
			continue
		}
		words := append([]string{l.Fact.Attr("path")}, strings.Fields(l.Fact.Attr("args"))...)
		if words[0] == "" || holds(words[1:], "--version") || holds(words[1:], "--help") {
			continue
		}
		o := open{Line: l, name: path.Base(words[0]), server: serverOf(words)}
		switch {
		case l.Fact.Kind == "telnet":
			o.ports, o.loopback = []string{"tcp/" + l.Fact.Attr("port")}, l.Fact.Attr("loopback") == "yes"
		case o.server != nil:
			o.ports, o.loopback = o.listens(words[1:])
		default:
			// A link to a program of another name is one of its many parts.
			if at := system.Program(&l); !waits[at] || path.Base(at) != o.name {
				continue
			}
		}
		key := o.name + " " + strings.Join(o.ports, " ")
		if old, ok := byName[key]; !ok || o.Sure > old.Sure || o.Sure == old.Sure && o.Node.Path < old.Node.Path {
			byName[key] = o
		}
	}
	var all []open
	for _, o := range byName {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b open) int {
		return cmp.Or(strings.Compare(a.name, b.name), slices.Compare(a.ports, b.ports), strings.Compare(a.Node.Path, b.Node.Path))
	})
	if len(all) == 0 {
		return
	}
	var list []string
	f := wardein.Finding{Rule: "service.listening", Node: all[0].Node.Path, Severity: wardein.Info, Confidence: wardein.Likely, Reach: wardein.NoneShown,
		Fix: wardein.Text{ID: "service.fix-listening"}, Meanwhile: wardein.Text{ID: "service.until-listening"}}
	for i := range all {
		o := &all[i]
		if len(list) < maxListed {
			list = append(list, o.String())
		}
		if len(f.Quotes) < shown {
			f.Quotes = append(f.Quotes, o.quote())
		}
		if o.server != nil && (o.Clear || o.Debug) {
			out(o.finding())
		}
	}
	if more := len(all) - len(list); more > 0 {
		list = append(list, strconv.Itoa(more)+" more")
	}
	f.ID = stable.ID(f.Rule)
	f.Says = wardein.Text{ID: "service.listening", Args: []wardein.Note{{Name: "list", Value: strings.Join(list, "; ")}}}
	out(f)
}

// quote is the line that starts a server; not its text where an argument may
// be a password.
func (o *open) quote() wardein.Quote {
	q := o.Fact.Quote(o.Node.Path, "line")
	lower := strings.ToLower(q.Bytes)
	for _, word := range []string{"pass", "secret", "key", "auth", "cred", "token"} {
		if strings.Contains(lower, word) {
			q.Bytes = ""
		}
	}
	return q
}

// finding is about a server that should not be started on a unit in use.
func (o *open) finding() wardein.Finding {
	rule, severity := "service.clear", wardein.Medium
	switch {
	case o.Debug:
		rule, severity = "service.debug", wardein.High
	case o.Logins:
		rule, severity = "service.clear-logins", wardein.High
	}
	reach := wardein.Management
	if o.loopback {
		reach, severity = wardein.Local, wardein.Low
	}
	args := []wardein.Note{{Name: "about", Value: o.About}, {Name: "program", Value: o.name}, {Name: "ports", Value: strings.Join(o.ports, ", ")}, {Name: "as", Value: o.As}}
	return wardein.Finding{
		ID: stable.ID(rule, o.name), Rule: rule, Node: o.Node.Path, Severity: severity, Confidence: o.Sure, Reach: reach,
		Says: wardein.Text{ID: rule, Args: args}, Fix: wardein.Text{ID: rule + "-fix", Args: args}, Meanwhile: wardein.Text{ID: "service.until-clear", Args: args},
		Quotes: []wardein.Quote{o.quote()},
	}
}

// consoles finds shells that init starts on a console without asking who is
// there: all in one finding.
func consoles(lines []startup.Line, out func(wardein.Finding)) {
	f := wardein.Finding{Rule: "service.console-shell", Severity: wardein.Low, Confidence: wardein.Certain, Reach: wardein.Local,
		Says: wardein.Text{ID: "service.console-shell"}, Fix: wardein.Text{ID: "service.console-fix"}, Meanwhile: wardein.Text{ID: "service.console-until"}}
	var what []string
	for _, l := range lines {
		shell := strings.TrimPrefix(path.Base(l.Fact.Attr("path")), "-")
		if l.As == "" || l.Fact.Attr("how") != "inittab" || !shells[shell] || l.Fact.Attr("args") != "" {
			continue
		}
		switch l.Fact.Attr("action") {
		case "respawn", "askfirst", "respawnlate", "askconsole", "once", "wait":
		default:
			continue
		}
		if f.Node == "" {
			f.Node = l.Node.Path
		}
		what = append(what, l.Fact.Attr("line"))
		if len(f.Quotes) < shown {
			f.Quotes = append(f.Quotes, l.Fact.Quote(l.Node.Path, "line"))
		}
	}
	if len(what) > 0 {
		f.ID = stable.ID(f.Rule, what...)
		out(f)
	}
}
