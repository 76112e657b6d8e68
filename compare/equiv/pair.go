package equiv

import (
	"path"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

// Tree is one release as it was unpacked: all nodes in tree order.
type Tree struct {
	Digest wardein.Digest
	Nodes  []*wardein.Node
}

// member is a node and what is inside it.
type member struct {
	*wardein.Node
	key     string // its name inside the container; regions by format and number
	members []*member
	pair    *member // nil: no counterpart
	box     *member // the container, nil for the root
}

// content tells whether a node has bytes of its own that were hashed.
func (m *member) content() bool {
	return (m.Kind == wardein.File || m.Kind == wardein.Region) && m.Blob != (wardein.Digest{})
}

// grow makes the tree of members.
func (t *Tree) grow() *member {
	if len(t.Nodes) == 0 {
		return nil
	}
	root := &member{Node: t.Nodes[0]}
	open := []*member{root}
	regions := map[*member]map[string]int{}
	for _, n := range t.Nodes[1:] {
		for len(open) > 1 && !inside(n.Path, open[len(open)-1].Path) {
			open = open[:len(open)-1]
		}
		box := open[len(open)-1]
		m := &member{Node: n, box: box, key: strings.TrimPrefix(strings.TrimPrefix(n.Path, box.Path), "/")}
		if n.Kind == wardein.Region {
			// Regions are named by their place: what counts is what they are,
			// and which of their kind.
			if regions[box] == nil {
				regions[box] = map[string]int{}
			}
			kind := path.Ext(n.Path)
			m.key = "\x00" + kind + strconv.Itoa(regions[box][kind])
			regions[box][kind]++
		}
		box.members = append(box.members, m)
		if n.Kind == wardein.File || n.Kind == wardein.Region {
			open = append(open, m)
		}
	}
	return root
}

func inside(p, dir string) bool {
	return dir == "" || strings.HasPrefix(p, dir) && len(p) > len(dir) && p[len(dir)] == '/'
}

// match pairs what is inside two containers, and so on.
func (m *member) match(o *member) {
	m.pair, o.pair = o, m
	if m.content() && m.Blob == o.Blob {
		return // equal digests: there is no more to see
	}
	have := make(map[string]*member, len(o.members))
	for _, c := range o.members {
		have[c.key] = c
	}
	for _, c := range m.members {
		if d := have[c.key]; d != nil && d.pair == nil {
			c.match(d)
		}
	}
	// The one member of a stream may be named by its source's file.
	if a, b := m.only(), o.only(); a != nil && b != nil && m.Format == o.Format && a.Derived != "" && b.Derived != "" && a.pair == nil && b.pair == nil {
		a.match(b)
	}
}

// only is the one member with content that a container has, nil if it has
// more or other ones.
func (m *member) only() *member {
	if len(m.members) == 1 && m.members[0].Kind == wardein.File {
		return m.members[0]
	}
	return nil
}

// Pairs are two releases, paired.
type Pairs struct {
	trees [2]*Tree
	roots [2]*member
}

// Pair pairs two releases by their trees alone.
func Pair(shipped, rebuilt *Tree) *Pairs {
	p := &Pairs{trees: [2]*Tree{shipped, rebuilt}, roots: [2]*member{shipped.grow(), rebuilt.grow()}}
	if p.roots[0] != nil && p.roots[1] != nil {
		p.roots[0].match(p.roots[1])
	}
	return p
}

// Wanted are the contents of a side (0: shipped, 1: rebuilt) that comparing
// needs: those of pairs that differ, and of debugging files.
func (p *Pairs) Wanted(side int) map[wardein.Digest]bool {
	want := map[wardein.Digest]bool{}
	var walk func(m *member)
	walk = func(m *member) {
		if m == nil {
			return
		}
		if m.pair != nil && m.content() && m.pair.content() && m.Blob != m.pair.Blob {
			want[m.Blob] = true
		}
		if m.Kind == wardein.File && strings.HasSuffix(m.Path, ".debug") && m.content() {
			want[m.Blob] = true
		}
		for _, c := range m.members {
			walk(c)
		}
	}
	walk(p.roots[side])
	return want
}
