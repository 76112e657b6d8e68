package compare

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/wardein/wardein"
)

// maxText bounds a text that is compared by lines or by keys; maxLine what is
// shown of one line, maxHunkLines of one file.
const (
	maxText      = 16 << 20
	maxLine      = 400
	maxHunkLines = 2000
)

// detail is what became of the bytes of a pair of nodes.
type detail struct {
	rows []Row
	gaps []wardein.Gap
	// differing is what a comparison by lines and bytes would print.
	differing int64
	unread    [2]int64 // bytes of each side that nobody could read
}

// contents compares the bytes of a pair of nodes that differ.
func (c *comparison) contents(x, y *entry) (d detail) {
	a, b := c.node(0, x.path), c.node(1, y.path)
	if a == nil || b == nil {
		d.gap(y.path, "the node is not in the tree file")
		return d
	}
	if a.Format != b.Format {
		d.rows = append(d.rows, Row{Kind: Type, Change: Changed, Old: a.Path, New: b.Path, What: "format", Was: orNone(a.Format), Is: orNone(b.Format), Lines: 1})
	}
	u, err := c.old.Open(a)
	if err != nil {
		d.gap(a.Path, err.Error())
		return d
	}
	defer u.Close()
	v, err := c.new.Open(b)
	if err != nil {
		d.gap(b.Path, err.Error())
		return d
	}
	defer v.Close()
	hidden := [2][]run{c.secrets[0][a.Path], c.secrets[1][b.Path]}
	if x.opened || y.opened {
		c.container(&d, a, b, u, v)
	}
	if a.Format == "elf" && b.Format == "elf" {
		if f, g := openELF(a.Path, u, hidden[0]), openELF(b.Path, v, hidden[1]); f != nil && g != nil {
			d.differing = hexLines(u.Size()) + hexLines(v.Size())
			d.programs(f, g, !c.noFunctions, c.whole != "" && (named(a.Path, c.whole) || named(b.Path, c.whole)))
			return d
		}
	}
	d.rows = append(d.rows, notes(a, b)...)
	if x.opened || y.opened {
		return d
	}
	if s, ok := textOf(u); ok {
		if t, ok := textOf(v); ok {
			d.text(a, b, s, t, hidden)
			return d
		}
	}
	d.unread = [2]int64{x.unread, y.unread}
	d.differing = hexLines(u.Size()) + hexLines(v.Size())
	d.bytes(a, b, u, v)
	return d
}

// hexLines is how many lines a dump of so many bytes has.
func hexLines(n int64) int64 { return (n + 15) / 16 }

func reads(rows []Row) bool {
	for i := range rows {
		if rows[i].Lines > 0 {
			return true
		}
	}
	return false
}

func (d *detail) gap(node, why string) {
	d.gaps = append(d.gaps, wardein.Gap{Node: node, Who: "compare", Kind: wardein.Damaged, Why: "its bytes were not compared: " + why})
}

// bytes is the row of contents of which no more is known than their bytes.
func (d *detail) bytes(a, b *wardein.Node, u, v Content) {
	r := Row{Kind: Binary, Change: Changed, Old: a.Path, New: b.Path, Was: plural(u.Size(), "byte"), Is: plural(v.Size(), "byte"), Lines: 1}
	x, err := bytesOf(u, v)
	if err != nil {
		d.gap(b.Path, err.Error())
	} else {
		r.Note, r.Items, r.Left = x.String(), x.items(), int(max(x.runs-maxRuns, 0))
	}
	d.rows = append(d.rows, r)
}

// notes are the rows of what the headers of two nodes state.
func notes(a, b *wardein.Node) (rows []Row) {
	list := func(n *wardein.Node) map[string]string {
		m := map[string]string{}
		for _, x := range n.Notes {
			if old, ok := m[x.Name]; ok {
				m[x.Name] = cut(old+", "+x.Value, 4<<10)
			} else {
				m[x.Name] = x.Value
			}
		}
		return m
	}
	was, is := list(a), list(b)
	for _, k := range keysOf(was, is) {
		if was[k] == is[k] {
			continue
		}
		r := Row{Kind: Header, Change: Changed, Old: a.Path, New: b.Path, What: k, Was: was[k], Is: is[k], Lines: 1}
		if timeNote(k) {
			r.Kind, r.Lines = Time, 0
		}
		if digestNote(k) { // it follows from the rest
			r.Lines = 0
		}
		rows = append(rows, r)
	}
	return rows
}

// digestNote tells a statement that follows from the bytes behind it.
func digestNote(name string) bool {
	name = strings.ToLower(name)
	for _, w := range []string{"crc", "checksum", "digest", "sha256", "md5", "hash", "size", "length", "build id", "build-id"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// timeNote tells a statement of when something was made.
func timeNote(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "time") && !strings.Contains(name, "timeout") || strings.Contains(name, "date") && !strings.Contains(name, "update") || name == "created" || name == "built"
}

// textOf is a content that is text, as far as it is not too long.
func textOf(c Content) (string, bool) {
	if c.Size() > maxText {
		return "", false
	}
	head := make([]byte, min(c.Size(), 4096))
	if _, err := io.ReadFull(io.NewSectionReader(c, 0, c.Size()), head); err != nil || !likeText(head) {
		return "", false
	}
	b := make([]byte, c.Size())
	if _, err := io.ReadFull(io.NewSectionReader(c, 0, c.Size()), b); err != nil || bytes.IndexByte(b, 0) >= 0 {
		return "", false
	}
	return string(b), true
}

// likeText tells bytes of which nearly all are printable or belong to letters
// beyond ASCII.
func likeText(b []byte) bool {
	odd := 0
	for _, c := range b {
		switch {
		case c == 0:
			return false
		case c < 0x20 && c != '\n' && c != '\t' && c != '\r' && c != '\f' && c != 0x1b && c != '\b' || c == 0x7f:
			odd++
		}
	}
	return odd <= len(b)/32
}

// text compares two texts: by keys where they are a table of settings, by lines
// else, and what is no setting by lines, too.
func (d *detail) text(a, b *wardein.Node, s, t string, hidden [2][]run) {
	was, is := lines(s), lines(t)
	e := diff(was, is)
	var change int64
	for _, x := range e.blocks() {
		change += int64(x.m - x.i + x.n - x.j)
	}
	d.differing = int64(len(was) + len(is))
	r := Row{Kind: Text, Change: Changed, Old: a.Path, New: b.Path, Lines: change}
	r.Was, r.Is = countedLines(gone(e.a), "gone"), countedLines(gone(e.b), "new")
	private := path.Base(b.Path) == "shadow" || path.Base(a.Path) == "shadow"
	if x, ok := settings(a.Path, s); ok {
		if y, ok := settings(b.Path, t); ok && x.kind == y.kind && x.is == y.is && x.whole == y.whole {
			rows := byKey(&x, &y, a.Path, b.Path)
			d.rows = append(d.rows, rows...)
			u, v := x.rest(s), y.rest(t)
			f := diff(u, v)
			if r.Lines = int64(gone(f.a) + gone(f.b)); r.Lines == 0 {
				r.Note = "said by settings"
			} else {
				r.Note = plural(r.Lines, "line") + " that no setting stands on"
			}
			if r.Lines == 0 && len(rows) == 0 { // their order, or spaces
				r.Lines, r.Note = 1, "the same settings in another order or form"
			}
			if r.Lines == 0 && (private || x.whole) {
				return
			}
		}
	}
	if !private {
		r.Hunks, r.Left = shown(e.hunks(was, is), was, is, hidden)
	}
	d.rows = append(d.rows, r)
}

func countedLines(n int, what string) string {
	if n == 0 {
		return ""
	}
	return plural(int64(n), "line") + " " + what
}

func gone(same []bool) (n int) {
	for _, s := range same {
		if !s {
			n++
		}
	}
	return n
}

// shown is as much of a difference as is kept, without secrets, and how many
// lines are left out.
func shown(list []Hunk, was, is []string, hidden [2][]run) (out []Hunk, left int) {
	at := [2][]int64{offsets(was), offsets(is)}
	room := maxHunkLines
	for _, h := range list {
		if n := min(len(h.Lines), room); n < len(h.Lines) {
			left += len(h.Lines) - n
			h.Lines = h.Lines[:n]
		}
		room -= len(h.Lines)
		i, j := h.Old-1, h.New-1
		for k := range h.Lines {
			l := &h.Lines[k]
			side, n := 0, i
			if l.Sign == '+' {
				side, n = 1, j
			}
			end := ""
			if !strings.HasSuffix(l.Text, "\n") {
				end = " ‹no line end›"
			}
			// a secret that begins in what is shown is seen to its end, mostly
			l.Text = clean(hide(hidden[side], l.Text[:min(len(l.Text), 4*maxLine)], at[side][n])) + end
			if l.Sign != '+' {
				i++
			}
			if l.Sign != '-' {
				j++
			}
		}
		if len(h.Lines) > 0 {
			out = append(out, h)
		}
	}
	return out, left
}

// offsets are where lines begin.
func offsets(lines []string) []int64 {
	at, list := int64(0), make([]int64, len(lines))
	for i, s := range lines {
		list[i] = at
		at += int64(len(s))
	}
	return list
}

// container compares what a container says that is no member: the bytes that
// nobody could read. Its members are nodes of their own.
func (c *comparison) container(d *detail, a, b *wardein.Node, u, v Content) {
	x, y := unreadOf(a), unreadOf(b)
	for k := 0; k < max(len(x), len(y)); k++ {
		switch {
		case k < len(x) && k < len(y) && x[k].Len == y[k].Len:
			p := sectionContent{io.NewSectionReader(u, x[k].Off, x[k].Len)}
			q := sectionContent{io.NewSectionReader(v, y[k].Off, y[k].Len)}
			diff, err := bytesOf(p, q)
			if err != nil {
				d.gap(b.Path, err.Error())
			}
			if err == nil && diff.bytes == 0 {
				continue
			}
			d.unread[0] += x[k].Len
			d.unread[1] += y[k].Len
		default:
			if k < len(x) {
				d.unread[0] += x[k].Len
			}
			if k < len(y) {
				d.unread[1] += y[k].Len
			}
		}
	}
	if d.unread != [2]int64{} {
		d.rows = append(d.rows, Row{Kind: Binary, Change: Changed, Old: a.Path, New: b.Path, What: "bytes that no format opened", Lines: 1,
			Was: plural(d.unread[0], "byte"), Is: plural(d.unread[1], "byte")})
	}
}

// unreadOf are the runs of a container that nobody could read.
func unreadOf(n *wardein.Node) (list []wardein.Span) {
	for _, s := range n.Spans {
		if s.What == wardein.Unknown || s.What == wardein.Opaque {
			list = append(list, s)
		}
	}
	return list
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// grouped prints a number with its digits in groups of three.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// clean is a line as it is kept.
func clean(s string) string { return cut(strings.TrimSuffix(s, "\n"), maxLine) }
