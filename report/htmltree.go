package report

import (
	"sort"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
)

const (
	// maxTreeDepth bounds the nesting of the page: browsers flatten what is
	// nested deeper than 512 elements.
	maxTreeDepth = 200
	// maxUnread bounds the list of the largest runs that were not read.
	maxUnread = 50
)

// treeNode is a node as the page shows it.
type treeNode struct {
	Name, Kind, Size, Format, Target, Digest string
	Gaps                                     int
	Open                                     bool   // unfolded when the page opens
	Unread                                   string // bytes that are opaque or unknown
	Children                                 []*treeNode
	Left                                     int64 // nodes below it that are not shown
}

// tree goes through the tree file twice: once to count the nodes of each
// depth, and once to collect the rows. Nodes near the root are shown before
// deeper ones, so that no part of the release is missing from the top.
func (p *page) tree(f *File) error {
	var depths [maxTreeDepth]int64
	for n := range f.Nodes() {
		if d := depth(n.Path); d < maxTreeDepth {
			depths[d]++
		}
	}
	full, left := 0, int64(maxRows) // depths below full are shown whole
	for full < maxTreeDepth && depths[full] <= left {
		left -= depths[full]
		full++
	}
	shown := map[string]*treeNode{}
	formats := map[string]*amount{}
	var notes int64
	unread := &longest{}
	for n := range f.Nodes() {
		if n.Format != "" {
			if formats[n.Format] == nil {
				formats[n.Format] = &amount{Label: n.Format}
			}
			formats[n.Format].N++
		}
		if len(n.Notes) > 0 {
			notes++
			if len(p.Notes) < maxRows {
				p.Notes = append(p.Notes, noteRow{path(n.Path), cleanNotes(n.Notes)})
			}
		}
		missed := unread.add(n)
		at, parent := "", shown[""]
		for up := n.Path; up != ""; {
			up = up[:max(strings.LastIndexByte(up, '/'), 0)]
			if s := shown[up]; s != nil {
				at, parent = up, s
				break
			}
		}
		d := depth(n.Path)
		if d > full || d == full && left == 0 || d >= maxTreeDepth || n.Path == "" && parent != nil {
			if parent != nil {
				parent.Left++
			}
			p.TreeLeft++
			continue
		}
		if d == full {
			left--
		}
		v := view(n, missed)
		v.Name = path(strings.TrimPrefix(strings.TrimPrefix(n.Path, at), "/"))
		shown[n.Path] = v
		p.TreeShown++
		v.Open = d < 2
		if parent == nil {
			p.Root, v.Name = v, p.Name
		} else {
			parent.Children = append(parent.Children, v)
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	p.NotesLeft = max(notes-maxRows, 0)
	for _, a := range formats {
		p.Formats = append(p.Formats, *a)
	}
	sort.Slice(p.Formats, func(i, j int) bool {
		a, b := p.Formats[i], p.Formats[j]
		return a.N > b.N || a.N == b.N && a.Label < b.Label
	})
	p.Unread, p.UnreadLeft = unread.rows(), max(unread.n-maxUnread, 0)
	return nil
}

// depth is the number of names in a path.
func depth(p string) int {
	if p == "" {
		return 0
	}
	return strings.Count(p, "/") + 1
}

func view(n *wardein.Node, missed int64) *treeNode {
	v := &treeNode{Kind: n.Kind.String(), Format: n.Format, Gaps: len(n.Gaps)}
	switch n.Kind {
	case wardein.File, wardein.Region:
		v.Size, v.Digest = group(n.Size), n.Blob.String()
	case wardein.Symlink, wardein.HardLink:
		v.Target = term.Clean(n.Target)
	}
	if missed > 0 {
		v.Unread = group(missed)
	}
	return v
}

// longest keeps the longest runs that nobody read.
type longest struct {
	spans []unreadSpan
	n     int64 // runs seen
}

type unreadSpan struct {
	path string
	wardein.Span
}

// add takes in a node's runs and returns how many of its bytes they are.
func (l *longest) add(n *wardein.Node) (bytes int64) {
	for _, s := range n.Spans {
		if s.What != wardein.Unknown && s.What != wardein.Opaque {
			continue
		}
		bytes += s.Len
		l.n++
		if len(l.spans) == maxUnread && l.spans[maxUnread-1].Len >= s.Len {
			continue
		}
		at := sort.Search(len(l.spans), func(i int) bool { return l.spans[i].Len < s.Len })
		l.spans = append(l.spans, unreadSpan{})
		copy(l.spans[at+1:], l.spans[at:])
		l.spans[at] = unreadSpan{n.Path, s}
		l.spans = l.spans[:min(len(l.spans), maxUnread)]
	}
	return bytes
}

func (l *longest) rows() (out []spanRow) {
	for _, s := range l.spans {
		is := term.Clean(s.Is)
		if s.Format != "" && s.Format != s.Is {
			is += " (" + s.Format + ")"
		}
		out = append(out, spanRow{path(s.path), where(s.Off, s.Len), s.What.String(), is})
	}
	return out
}
