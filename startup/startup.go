// Package startup finds out what a root file system runs when it starts: from
// init's table and the scripts that init runs by convention, on through the
// scripts that those name. It reads the facts that the check service states
// about lines that start programs.
package startup

import (
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// System is what is known of the starts in a release.
type System struct {
	tree wardein.Tree
	runs map[string][]string // what the file at a path runs
	// started maps a file to the name it is started under.
	started map[string]string
	inetd   map[string]bool // roots in which inetd or xinetd is started
	wanted  map[string]bool // container + name of units that a target wants
	queue   []step
	// programs and asked are what Program and find resolved before: many lines
	// and links name the same.
	programs map[step]string
	asked    map[step]bool
}

type step struct{ root, rel, as string }

// Line is a line that starts a program, and what runs it.
type Line struct {
	Node *wardein.Node
	Fact wardein.Fact
	// As is what the line is started by, "" where nothing was seen to run it.
	As string
	// Sure says how sure it is that the line is run: certain for init's own
	// table, likely for scripts and units, possible inside a condition.
	Sure wardein.Confidence

	ways map[string][]Line // by root; of all lines that Read gave
}

// Bounds of one name: symbolic links that it may lead through and its length,
// as Linux has them (path_resolution(7), PATH_MAX), and its parts, those of
// links counted too.
const (
	maxLinks = 40
	maxPath  = 4096
	maxParts = 512
)

// Read finds the starts; each is given every line that the service check saw
// and that something would read.
func Read(t wardein.Tree) (*System, []Line) {
	b := &System{tree: t, runs: map[string][]string{}, started: map[string]string{}, inetd: map[string]bool{}, wanted: map[string]bool{},
		programs: map[step]string{}, asked: map[step]bool{}}
	var lines []Line
	var node wardein.Node
	last := ""
	for n, f := range t.Facts("service") {
		if f.Kind == "runs" {
			b.runs[n.Path] = append(b.runs[n.Path], f.Attr("path"))
		}
		if n.Path != last { // a node is valid until the next
			node, last = *n, n.Path
		}
		own := node
		lines = append(lines, Line{Node: &own, Fact: f})
	}
	if len(lines) == 0 {
		return b, nil
	}
	b.find()
	kept := lines[:0]
	for _, l := range lines {
		if b.judge(&l) {
			kept = append(kept, l)
		}
	}
	ways := map[string][]Line{}
	for i := range kept {
		if l := &kept[i]; l.lets() {
			root := l.root()
			ways[root] = append(ways[root], *l)
		}
		kept[i].ways = ways
	}
	return b, kept
}

// lets tells a line that lets in who knows a password, from elsewhere or at the
// console.
func (l *Line) lets() bool {
	return l.As != "" && l.Fact.Attr("logins") != "" && l.Fact.Attr("loopback") != "yes"
}

// root is the root file system that a line's file is in.
func (l *Line) root() string {
	root, rel := Root(l.Node.Path)
	if rel == "" { // a unit in usr/lib
		root, _ = container(l.Node)
	}
	return root
}

func (b *System) find() {
	for n := range b.tree.Nodes() {
		if n.Kind == wardein.Directory || n.Kind == wardein.Region {
			continue
		}
		root, rel := Root(n.Path)
		if rel != "" && entry(rel) {
			b.queue = append(b.queue, step{root, rel, rel})
		}
		switch box, name := container(n); name {
		case "init", "sbin/init", "linuxrc", "etc/preinit":
			b.queue = append(b.queue, step{box, name, name})
		default:
			if dir, unit := path.Split(name); strings.HasSuffix(dir, ".wants/") || strings.HasSuffix(dir, ".requires/") {
				b.wanted[box+unit] = true
			}
		}
	}
	for len(b.queue) > 0 {
		s := b.queue[0]
		b.queue = b.queue[1:]
		name := step{root: s.root, rel: s.rel}
		if b.asked[name] {
			continue
		}
		b.asked[name] = true
		at, ok := b.resolve(s.root, s.rel)
		if _, seen := b.started[at]; !ok || seen {
			continue
		}
		b.started[at] = s.as
		for _, p := range b.runs[at] {
			if base := path.Base(p); base == "inetd" || base == "xinetd" {
				b.inetd[s.root] = true
			}
			if p[0] == '/' {
				b.queue = append(b.queue, step{s.root, p, s.as})
			}
		}
	}
}

// judge finds out what starts a line; false is a line that nothing reads.
func (b *System) judge(l *Line) bool {
	root, rel := Root(l.Node.Path)
	switch how := l.Fact.Attr("how"); how {
	case "inittab":
		l.As, l.Sure = rel, wardein.Certain
		return rel == "etc/inittab"
	case "shell":
		if as, booted := b.started[l.Node.Path]; booted {
			l.As, l.Sure = as, wardein.Likely
			if _, name := container(l.Node); name != as {
				l.As = as + " (" + name + ")"
			}
			if l.Fact.Attr("action") == "conditional" {
				l.Sure = wardein.Possible
			}
			return true
		}
		return l.Fact.Attr("script") == "yes"
	case "inetd", "xinetd":
		if rel != "etc/inetd.conf" && rel != "etc/xinetd.conf" && path.Dir(rel) != "etc/xinetd.d" {
			return false
		}
		if b.inetd[root] {
			l.As, l.Sure = how+" ("+rel+")", wardein.Likely
		}
		return true
	case "systemd":
		l.As, l.Sure = path.Base(l.Node.Path), wardein.Likely
		return b.unitWanted(l.Node)
	}
	return false
}

// Started is what the file at a path is started by from boot on, "" for one
// that nothing was seen to start by its absolute path.
func (b *System) Started(file string) string { return b.started[file] }

// searched are the folders in which a shell at boot looks for a program.
var searched = []string{"usr/sbin/", "sbin/", "usr/bin/", "bin/"}

// Logins are the ways in which who knows an account's password is let in from
// boot on, of the root file system that a file lies in: what lets him in, and
// the line that starts it. lines are those that Read gave.
func Logins(lines []Line, file string) []Line {
	if len(lines) == 0 {
		return nil
	}
	root, _ := Root(file)
	return slices.Clip(lines[0].ways[root])
}

// Program is the path of the node that a line's program leads to, links
// followed inside the line's root file system; "" where there is none.
func (b *System) Program(l *Line) string {
	root, _ := Root(l.Node.Path)
	if l.Fact.Attr("how") == "systemd" && root == "" {
		root, _ = container(l.Node)
	}
	name := step{root: root, rel: l.Fact.Attr("path")}
	at, known := b.programs[name]
	if !known {
		at = b.program(root, name.rel)
		b.programs[name] = at
	}
	return at
}

func (b *System) program(root, name string) string {
	if strings.HasPrefix(name, "/") {
		at, _ := b.resolve(root, name)
		return at
	}
	for _, dir := range searched {
		if at, ok := b.resolve(root, dir+path.Base(name)); ok && name != "" {
			return at
		}
	}
	return ""
}

// Root splits a path before its last "etc" folder.
func Root(p string) (root, rel string) {
	if k := strings.LastIndex(p, "/etc/"); k >= 0 {
		return p[:k+1], p[k+1:]
	}
	if strings.HasPrefix(p, "etc/") {
		return "", p
	}
	return "", ""
}

// container splits a node's path into that of its container, with the slash,
// and its name in there.
func container(n *wardein.Node) (box, name string) {
	name = strings.TrimPrefix(path.Clean("/"+n.Name), "/")
	if box, ok := strings.CutSuffix(n.Path, name); ok && (box == "" || strings.HasSuffix(box, "/")) {
		return box, name
	}
	return "", ""
}

// entry tells the files that are run at boot by where they stand: init(8) of
// SysV and busybox, the rc scripts of SysV, BSD, buildroot and OpenWrt.
func entry(rel string) bool {
	switch rel {
	case "etc/inittab", "etc/rc", "etc/rcS", "etc/rc.local", "etc/rc.sysinit",
		"etc/init.d/rcS", "etc/init.d/rc.local", "etc/init.d/rc.sysinit",
		"etc/rc.d/rcS", "etc/rc.d/rc", "etc/rc.d/rc.local", "etc/rc.d/rc.sysinit", "etc/rc.d/rc.init", "etc/rc.d/rc.S", "etc/rc.d/rc.M":
		return true
	}
	dir, base := path.Split(rel)
	if len(base) < 4 || base[0] != 'S' || base[1] < '0' || base[1] > '9' || base[2] < '0' || base[2] > '9' {
		return false
	}
	dir = strings.TrimPrefix(strings.TrimPrefix(dir, "etc/"), "rc.d/")
	switch dir {
	case "", "init.d/", "rcS.d/", "rc1.d/", "rc2.d/", "rc3.d/", "rc4.d/", "rc5.d/":
		return dir != "" || strings.HasPrefix(rel, "etc/rc.d/")
	}
	return false
}

// resolve follows links by name inside one root, which ".." does not leave,
// and returns the node's path.
func (b *System) resolve(root, rel string) (at string, ok bool) {
	if len(rel) > maxPath {
		return "", false
	}
	rest := strings.Split(rel, "/")
	cur := ""
	for links, parts := 0, 0; len(rest) > 0; {
		if parts++; parts > maxParts || len(cur) > maxPath {
			return "", false
		}
		c := rest[0]
		rest = rest[1:]
		switch c {
		case "", ".":
			continue
		case "..":
			cur = strings.TrimPrefix(path.Dir("/"+cur), "/")
			continue
		}
		next := strings.TrimPrefix(cur+"/"+c, "/")
		n := b.tree.Lookup(root + next)
		if n == nil || n.Kind != wardein.Symlink {
			cur = next
			continue
		}
		if links++; links > maxLinks || len(n.Target) > maxPath {
			return "", false
		}
		if strings.HasPrefix(n.Target, "/") {
			cur = ""
		}
		rest = append(strings.Split(n.Target, "/"), rest...)
	}
	n := b.tree.Lookup(root + cur)
	if n == nil {
		return "", false
	}
	if n.Kind == wardein.HardLink {
		box, _ := container(n)
		return box + strings.TrimPrefix(path.Clean("/"+n.Target), "/"), true
	}
	return root + cur, true
}

// unitWanted tells whether a target wants a unit, or the socket of a template.
func (b *System) unitWanted(n *wardein.Node) bool {
	box, _ := container(n)
	unit := path.Base(n.Path)
	stem, template := strings.CutSuffix(unit, "@.service")
	return b.wanted[box+unit] || template && b.wanted[box+stem+".socket"]
}
