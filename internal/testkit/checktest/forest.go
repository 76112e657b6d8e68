package checktest

import (
	"context"
	"fmt"
	"iter"
	"path"
	"strings"

	"github.com/wardein/wardein"
)

// Forest is a tree of many nodes with given facts, for measuring Tree. It
// counts what is asked of it, and gives nodes that are not valid for longer
// than promised.
type Forest struct {
	nodes      []*wardein.Node
	byPath     map[string]*wardein.Node
	facts      map[string][]fact
	Identified []wardein.Component
	// Asked counts nodes and facts that were handed out, and look-ups.
	Asked int64
}

// NewForest makes an empty one.
func NewForest() *Forest {
	return &Forest{byPath: map[string]*wardein.Node{}, facts: map[string][]fact{}}
}

// Put adds a node with facts of a check. A path that is there already gets
// the facts.
func (f *Forest) Put(n wardein.Node, check string, facts ...wardein.Fact) {
	own := f.byPath[n.Path]
	if own == nil {
		if n.Name == "" {
			_, n.Name, _ = strings.Cut(n.Path, "/")
		}
		own = &n
		f.byPath[n.Path] = own
		f.nodes = append(f.nodes, own)
	}
	for _, x := range facts {
		f.facts[check] = append(f.facts[check], fact{own, x})
	}
}

// Nodes gives all nodes.
func (f *Forest) Nodes() iter.Seq[*wardein.Node] {
	return func(yield func(*wardein.Node) bool) {
		var lent wardein.Node
		for _, n := range f.nodes {
			f.Asked++
			if lent = *n; !yield(&lent) {
				return
			}
		}
	}
}

// Lookup returns the node at a path.
func (f *Forest) Lookup(at string) *wardein.Node {
	f.Asked++
	return f.byPath[at]
}

// Components gives what Identified was set to.
func (f *Forest) Components() []wardein.Component { return f.Identified }

// Facts gives the facts of one check.
func (f *Forest) Facts(check string) iter.Seq2[*wardein.Node, wardein.Fact] {
	return func(yield func(*wardein.Node, wardein.Fact) bool) {
		var lent *wardein.Node
		for _, x := range f.facts[check] {
			f.Asked++
			if lent == nil || lent.Path != x.n.Path {
				own := *x.n
				lent = &own
			}
			if !yield(lent, x.Fact) {
				return
			}
		}
	}
}

// Grow copies a sampled release n times, in one of several ways, and the facts
// with it.
func (f *Forest) Grow(t *Tree, how string, n int) {
	for i := range n {
		place := func(p string) string {
			root, rest, _ := strings.Cut(p, "/")
			switch how {
			case "roots":
				return fmt.Sprintf("%s%d/%s", root, i, rest)
			case "names":
				if i == 0 {
					return p
				}
				dir, base := path.Split(p)
				return fmt.Sprintf("%sx%d%s", dir, i, base)
			case "folders":
				dir, base := path.Split(p)
				return fmt.Sprintf("%sd%d/%s", dir, i, base)
			}
			return fmt.Sprintf("%s%d/%s%s", root, i, strings.Repeat("a/", 200), rest)
		}
		for _, x := range t.nodes {
			own := *x
			own.Path, own.Name = place(x.Path), ""
			own.Blob[0], own.Blob[1], own.Blob[2] = byte(i), byte(i>>8), own.Blob[2]+1
			f.Put(own, "")
		}
		for check, list := range t.facts {
			for _, x := range list {
				own := x.Fact
				if how == "names" || how == "folders" {
					own.Attrs = distinct(own.Attrs, i)
				}
				f.Put(wardein.Node{Path: place(x.n.Path)}, check, own)
			}
		}
	}
}

// distinct makes values that are names other ones in each copy.
func distinct(attrs []wardein.Note, i int) []wardein.Note {
	out := append([]wardein.Note(nil), attrs...)
	for k, a := range out {
		switch a.Name {
		case "name", "user", "host", "args", "fingerprint", "identity", "sha256", "subject", "function", "version", "soname", "sketch", "value", "text", "programs", "url", "command":
			out[k].Value = fmt.Sprint(a.Value, i)
		}
	}
	return out
}

// State runs the checks' Node over the tree's files.
func (t *Tree) State(checks []wardein.Check) {
	t.facts = map[string][]fact{}
	for _, n := range t.nodes {
		data := t.data[n.Path]
		if len(data) == 0 {
			continue
		}
		for _, c := range checks {
			b := Blob(c, data)
			if c.Node == nil {
				continue
			}
			if ok := c.Wants == nil; !ok {
				if ok, _ = c.Wants(b); !ok {
					continue
				}
			}
			// Errors are answers, and facts are what counts here.
			_ = c.Node(context.Background(), b, func(f wardein.Fact) { t.facts[c.Name] = append(t.facts[c.Name], fact{n, f}) })
		}
	}
}
