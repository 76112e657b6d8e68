package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// packing makes the rows of how containers hold their members: in another
// order, with other times, or in bytes that differ where nothing in them does.
func (c *comparison) packing() {
	touched := make([]bool, len(c.b.nodes)) // a container in which something differs
	touch := func(box int32) {
		for ; box >= 0 && !touched[box]; box = c.b.nodes[box].box {
			touched[box] = true
		}
	}
	times := map[int32]int{} // by container
	for j := range c.b.nodes {
		y := &c.b.nodes[j]
		if y.pair < 0 {
			touch(y.box)
			continue
		}
		x := &c.a.nodes[y.pair]
		if x.meta != y.meta || x.blob != y.blob && !y.opened || y.box < 0 != (x.box < 0) || y.box >= 0 && c.b.nodes[y.box].pair != x.box || x.name() != y.name() {
			touch(y.box)
		}
		if x.mtime != y.mtime {
			times[y.box]++
		}
	}
	for i := range c.a.nodes {
		if x := &c.a.nodes[i]; x.pair < 0 && x.box >= 0 {
			if b := c.a.nodes[x.box].pair; b >= 0 {
				touch(b)
			}
		}
	}
	for i := range c.out.Rows { // what is said of a node explains that what is around it differs
		if r := &c.out.Rows[i]; r.Found == nil && r.Change == Changed && r.Kind != Moved {
			if k := c.b.lookup(r.New); k >= 0 {
				touched[k] = true
				touch(c.b.nodes[k].box)
			}
		}
	}
	order := c.orders()
	for j := len(c.b.nodes) - 1; j >= 0; j-- { // what is inside explains what is around it
		y := &c.b.nodes[j]
		if y.pair < 0 || !y.opened && j > 0 {
			continue
		}
		x := &c.a.nodes[y.pair]
		row := func(k Kind, what, note string, lines int64) {
			c.out.Rows = append(c.out.Rows, Row{Kind: k, Change: Changed, Old: x.path, New: y.path, What: what, Note: note, Lines: lines})
			touched[j] = true
			touch(y.box)
		}
		if n := times[int32(j)]; n > 0 {
			row(Time, "times", plural(int64(n), "member")+" with another time", 0)
		}
		if n := order[int32(j)]; n > 0 {
			row(Packing, "order", plural(int64(n), "member")+" in another order", 1)
		}
		if x.blob != y.blob && y.content() && !touched[j] {
			row(Packing, "bytes", fmt.Sprintf("%s, then %s; nothing in it differs", plural(x.size, "byte"), plural(y.size, "byte")), 1)
		}
	}
}

// orders are, by container of the newer side, how many of its members stand in
// another order: the fewest that had to be moved.
func (c *comparison) orders() map[int32]int {
	members := map[int32][][2]int{}
	for j := range c.b.nodes {
		if y := &c.b.nodes[j]; y.pair >= 0 && y.box >= 0 && c.b.nodes[y.box].pair == c.a.nodes[y.pair].box && y.kind != wardein.Region {
			if box := &c.b.nodes[y.box]; box.blob != c.a.nodes[box.pair].blob && box.content() {
				members[y.box] = append(members[y.box], [2]int{j, int(y.pair)})
			}
		}
	}
	out := map[int32]int{}
	for box, list := range members {
		if n := len(list) - len(increasing(list)); n > 0 {
			out[box] = n
		}
	}
	return out
}

// lookup is the node at a path, -1 for none.
func (x *index) lookup(p string) int32 {
	if x.paths == nil {
		x.paths = make([]int32, len(x.nodes))
		for i := range x.paths {
			x.paths[i] = int32(i)
		}
		slices.SortFunc(x.paths, byPathOf(x))
	}
	k, ok := slices.BinarySearchFunc(x.paths, p, func(i int32, p string) int { return strings.Compare(x.nodes[i].path, p) })
	if !ok {
		return -1
	}
	return x.paths[k]
}

// leaf is how many bytes of a node count as its own: all of a file, of a
// container what nobody could read.
func (e *entry) leaf() int64 {
	switch {
	case !e.content():
		return 0
	case e.opened:
		return e.unread
	}
	return e.size
}

// maxMissing bounds the list of what could not be compared.
const maxMissing = 10_000

// missing adds up what has no counterpart, each container and folder with all
// that is in it.
func (c *comparison) missing() {
	alone := func(x *index, old bool) {
		for i := 0; i < len(x.nodes); i++ {
			e := &x.nodes[i]
			n := e.leaf()
			c.out.AllBytes += n
			if e.pair >= 0 || n == 0 && !e.opened {
				continue
			}
			top := e
			if e.box >= 0 && x.nodes[e.box].pair < 0 { // counted with what it is in
				continue
			}
			for k := i + 1; k < int(e.end); k++ {
				n += x.nodes[k].leaf()
			}
			if n > 0 {
				c.out.Missing = append(c.out.Missing, Missing{Path: top.path, Old: old, Bytes: n, Why: "no counterpart"})
				c.out.Differing += hexLines(n)
			}
		}
	}
	alone(c.a, true)
	alone(c.b, false)
	slices.SortStableFunc(c.out.Missing, func(a, b Missing) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path), cmp.Compare(a.Why, b.Why))
	})
	for _, m := range c.out.Missing {
		c.out.MissingBytes += m.Bytes
	}
	if n := len(c.out.Missing); n > maxMissing {
		rest := int64(0)
		for _, m := range c.out.Missing[maxMissing:] {
			rest += m.Bytes
		}
		c.out.Missing = append(c.out.Missing[:maxMissing], Missing{Bytes: rest, Why: fmt.Sprintf("%d more", n-maxMissing)})
	}
}
