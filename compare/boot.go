package compare

import (
	"path"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/startup"
)

// boot is what a release starts, and which of its programs wait for the network.
type boot struct {
	system *startup.System
	lines  []startup.Line
	waits  map[string]bool // by path of the program
}

func readBoot(t wardein.Tree) *boot {
	b := &boot{waits: map[string]bool{}}
	b.system, b.lines = startup.Read(t)
	for n, f := range t.Facts("service") {
		if f.Kind == "listens" {
			b.waits[n.Path] = true
		}
	}
	return b
}

// start is a line that is run at boot, in words that do not depend on where
// its root stands in the release.
type start struct {
	file, runs, as string
	path           string // of the node
}

func (b *boot) starts() map[string]start {
	m := map[string]start{}
	for i := range b.lines {
		l := &b.lines[i]
		if l.As == "" || l.Fact.Attr("action") == "disabled" {
			continue
		}
		_, file := startup.Root(l.Node.Path)
		if file == "" {
			file = path.Base(l.Node.Path)
		}
		runs := strings.TrimSpace(l.Fact.Attr("path") + " " + l.Fact.Attr("args"))
		if l.Fact.Kind == "telnet" {
			runs = l.Fact.Attr("command")
		}
		if runs == "" {
			runs = l.Fact.Attr("line")
		}
		runs = hideForms(runs)
		m[file+"\x00"+runs+"\x00"+l.As] = start{file, runs, l.As, l.Node.Path}
	}
	return m
}

// starts are the rows of lines that are run at boot on one side alone.
func (c *comparison) starts() {
	was, is := c.boots[0].starts(), c.boots[1].starts()
	for _, k := range keysOf(was, is) {
		x, had := was[k]
		y, has := is[k]
		if had == has {
			continue
		}
		r := Row{Kind: Init, Lines: 1}
		if has {
			r.Change, r.New, r.What, r.Is, r.Note = New, y.path, y.runs, y.file, "started by "+y.as
		} else {
			r.Change, r.Old, r.What, r.Was, r.Note = Gone, x.path, x.runs, x.file, "started by "+x.as
		}
		c.out.Rows = append(c.out.Rows, r)
	}
}
