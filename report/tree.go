// Package report writes what an inspection found: the canonical report and
// its tree file, and the ways to look at them (table, HTML). It reads them
// back, too.
package report

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
)

// AppendNode appends one node as a line of the tree file: a canonical JSON
// object and a line feed. Offsets, sizes and times are decimal strings, names
// and targets escaped bytes.
func AppendNode(w *canon.Writer, n *wardein.Node) {
	content := n.Kind == wardein.File || n.Kind == wardein.Region
	w.Object(func() {
		if content {
			w.Field("blob").Text(n.Blob.String())
		}
		if n.Derived != "" {
			w.Field("derived").Text(n.Derived)
		}
		if n.Kind == wardein.CharDevice || n.Kind == wardein.BlockDevice {
			w.Field("device").Array(func() { w.Int(int64(n.Major)); w.Int(int64(n.Minor)) })
		}
		if content {
			w.Field("extents").Array(func() {
				for _, x := range n.Extents {
					w.Array(func() { w.Big(x.Off); w.Big(x.Len) })
				}
			})
			w.Field("format").Text(n.Format)
		}
		if len(n.Gaps) > 0 {
			w.Field("gaps").Array(func() {
				for i := range n.Gaps {
					writeGap(w, &n.Gaps[i])
				}
			})
		}
		w.Field("gid").Int(int64(n.GID))
		w.Field("kind").Text(n.Kind.String())
		w.Field("mode").Text(fmt.Sprintf("%04o", n.Mode))
		w.Field("mtime").Big(n.MTime)
		w.Field("name").Bytes(n.Name)
		if len(n.Notes) > 0 {
			w.Field("notes").Array(func() { writeNotes(w, n.Notes) })
		}
		w.Field("path").Bytes(n.Path)
		if content {
			w.Field("size").Big(n.Size)
			w.Field("spans").Array(func() {
				for i := range n.Spans {
					writeSpan(w, &n.Spans[i])
				}
			})
		}
		if n.Target != "" {
			w.Field("target").Bytes(n.Target)
		}
		w.Field("uid").Int(int64(n.UID))
		if len(n.Xattrs) > 0 {
			w.Field("xattrs").Array(func() {
				for _, x := range n.Xattrs {
					w.Object(func() { w.Field("name").Bytes(x.Name); w.Field("value").Bytes(x.Value) })
				}
			})
		}
	})
	w.B = append(w.B, '\n')
}

func writeNotes(w *canon.Writer, notes []wardein.Note) {
	for _, n := range notes {
		w.Object(func() { w.Field("name").Bytes(n.Name); w.Field("value").Bytes(n.Value) })
	}
}

// writeSpan writes a span as an array: off, len, what, format, is, and the
// architecture where the bytes are code.
func writeSpan(w *canon.Writer, s *wardein.Span) {
	w.Array(func() {
		w.Big(s.Off)
		w.Big(s.Len)
		w.Text(s.What.String())
		w.Text(s.Format)
		w.Text(s.Is)
		if s.Code != "" {
			w.Text(s.Code)
		}
	})
}

func writeGap(w *canon.Writer, g *wardein.Gap) {
	w.Object(func() {
		w.Field("kind").Text(string(g.Kind))
		w.Field("len").Big(g.Len)
		w.Field("node").Bytes(g.Node)
		w.Field("off").Big(g.Off)
		w.Field("who").Text(g.Who)
		w.Field("why").Bytes(g.Why)
	})
}

// nodeJSON is a line of the tree file as encoding/json reads it.
type nodeJSON struct {
	Blob    string
	Derived string
	Device  []int64
	Extents [][2]string
	Format  string
	Gaps    []gapJSON
	GID     uint32
	Kind    string
	Mode    string
	MTime   string
	Name    string
	Notes   []noteJSON
	Path    string
	Size    string
	Spans   [][]string
	Target  string
	UID     uint32
	Xattrs  []noteJSON
}

type noteJSON struct{ Name, Value string }

type gapJSON struct{ Kind, Len, Node, Off, Who, Why string }

// ParseNode reads a line of the tree file.
func ParseNode(line []byte) (*wardein.Node, error) {
	var j nodeJSON
	if err := json.Unmarshal(line, &j); err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	p := parser{}
	n := &wardein.Node{Path: p.bytes(j.Path), Derived: j.Derived, Format: j.Format, Size: p.int(j.Size)}
	n.Name, n.Target = p.bytes(j.Name), p.bytes(j.Target)
	n.UID, n.GID, n.MTime = j.UID, j.GID, p.int(j.MTime)
	n.Kind = p.kind(j.Kind)
	mode, err := strconv.ParseUint(j.Mode, 8, 32)
	p.check(err)
	n.Mode = uint32(mode)
	if j.Blob != "" {
		n.Blob, err = wardein.ParseDigest(j.Blob)
		p.check(err)
	}
	if len(j.Device) == 2 {
		n.Major, n.Minor = uint32(j.Device[0]), uint32(j.Device[1])
	}
	for _, x := range j.Extents {
		n.Extents = append(n.Extents, wardein.Extent{Off: p.int(x[0]), Len: p.int(x[1])})
	}
	for _, v := range j.Notes {
		n.Notes = append(n.Notes, wardein.Note{Name: p.bytes(v.Name), Value: p.bytes(v.Value)})
	}
	for _, v := range j.Xattrs {
		n.Xattrs = append(n.Xattrs, wardein.Xattr{Name: p.bytes(v.Name), Value: p.bytes(v.Value)})
	}
	for _, s := range j.Spans {
		if len(s) < 5 {
			return nil, fmt.Errorf("tree: span of %d parts", len(s))
		}
		sp := wardein.Span{Off: p.int(s[0]), Len: p.int(s[1]), What: p.what(s[2]), Format: s[3], Is: s[4]}
		if len(s) > 5 {
			sp.Code = s[5]
		}
		n.Spans = append(n.Spans, sp)
	}
	for _, g := range j.Gaps {
		n.Gaps = append(n.Gaps, p.gap(g))
	}
	if p.err != nil {
		return n, fmt.Errorf("tree: %w", p.err)
	}
	return n, nil
}

// parser keeps the first error.
type parser struct{ err error }

func (p *parser) check(err error) {
	if p.err == nil && err != nil {
		p.err = err
	}
}

func (p *parser) int(s string) int64 {
	if s == "" {
		return 0
	}
	v, err := strconv.ParseInt(s, 10, 64)
	p.check(err)
	return v
}

func (p *parser) bytes(s string) string {
	v, err := canon.Unescape(s)
	p.check(err)
	return v
}

func (p *parser) kind(s string) wardein.Kind {
	for k := wardein.File; k <= wardein.Region; k++ {
		if k.String() == s {
			return k
		}
	}
	p.check(fmt.Errorf("kind %q", s))
	return 0
}

func (p *parser) what(s string) wardein.What {
	for w := wardein.Unknown; w <= wardein.Opaque; w++ {
		if w.String() == s {
			return w
		}
	}
	p.check(fmt.Errorf("span %q", s))
	return 0
}

func (p *parser) gap(g gapJSON) wardein.Gap {
	return wardein.Gap{Node: p.bytes(g.Node), Who: g.Who, Kind: wardein.GapKind(g.Kind), Off: p.int(g.Off), Len: p.int(g.Len), Why: p.bytes(g.Why)}
}
