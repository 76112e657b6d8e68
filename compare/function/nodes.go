package function

import "github.com/wardein/wardein/exe"

// node is data that points at functions, or at such data: a table of methods,
// of commands, of handlers. Finding out which is which of the other program tells which
// functions are, as callers do; so nodes are matched like functions, behind
// which they are numbered.
type node struct {
	object int32
	calls  []int32  // functions and other nodes' objects, see calledNode
	points []uint64 // texts and names
	items  []item   // all of them, in order
}

// item is something that a function or node points at: a function or node, or
// what has a hash.
type item struct {
	hash uint64
	call int32 // −1 for none
}

// calledNode marks objects in node.calls, until all nodes are known.
const calledNode = 1 << 30

// maxPoints bounds the pointers of one node.
const maxPoints = 1 << 12

// findNodes finds the data that points at functions.
func (r *reader) findNodes() {
	for i := range r.objects {
		o := &r.objects[i]
		if o.kind != kindData && o.kind != kindSlot || o.size < uint64(r.file.Class/8) {
			continue
		}
		n := node{object: int32(i)}
		r.words(o, func(_ []byte, to exe.Pointer, is bool) {
			if !is || len(n.calls)+len(n.points) >= maxPoints {
				return
			}
			var x operand
			if to.Name != "" {
				n.points = append(n.points, hashString(to.Name))
				n.items = append(n.items, item{hashString(to.Name), -1})
				return
			}
			switch r.place(&x, to.To); x.kind {
			case kindFunction:
				n.items = append(n.items, item{0, int32(x.n)})
				n.calls = append(n.calls, int32(x.n))
			case kindText:
				n.points = append(n.points, r.token(&x))
				n.items = append(n.items, item{r.token(&x), -1})
			case kindData, kindSlot:
				if x.n < calledNode {
					n.items = append(n.items, item{0, int32(x.n) | calledNode})
				}
			}
		})
		if len(n.items) > 0 && (len(n.calls) > 0 || len(n.items) > len(n.points)) {
			r.nodes = append(r.nodes, n)
			r.nodeOf[int32(i)] = int32(len(r.nodes) - 1)
		}
	}
	for i := range r.nodes {
		n := &r.nodes[i]
		n.calls = n.calls[:0]
		items := n.items[:0]
		for _, x := range n.items {
			if x.call >= calledNode {
				k, ok := r.nodeOf[x.call&^calledNode]
				if !ok {
					continue
				}
				x.call = int32(len(r.Functions)) + k
			}
			if x.call >= 0 {
				n.calls = append(n.calls, x.call)
			}
			items = append(items, x)
		}
		n.items = items
	}
}

// items hands out all that a function or node points at, in order.
func (p *Program) items(i int32, each func(item)) {
	if k := int(i) - len(p.Functions); k >= 0 {
		for _, x := range p.nodes[k].items {
			each(x)
		}
		return
	}
	for _, o := range p.operandsOf(i) {
		switch o.kind {
		case kindFunction:
			each(item{0, int32(o.n)})
		case kindImport, kindText:
			each(item{p.token(&o), -1})
		case kindData, kindSlot:
			if k, ok := p.nodeOf[int32(o.n)]; ok {
				each(item{0, int32(len(p.Functions)) + k})
			} else {
				each(item{p.token(&o), -1})
			}
		}
	}
}

// callees hands out what a function calls or a node points at: functions, and
// nodes that a function refers to.
func (p *Program) callees(i int32, each func(int32)) {
	if k := int(i) - len(p.Functions); k >= 0 {
		for _, c := range p.nodes[k].calls {
			each(c)
		}
		return
	}
	for _, o := range p.operandsOf(i) {
		switch o.kind {
		case kindFunction:
			each(int32(o.n))
		case kindData, kindSlot:
			if k, ok := p.nodeOf[int32(o.n)]; ok {
				each(int32(len(p.Functions)) + k)
			}
		}
	}
}

// points hands out the hashes of what a function or node points at that other
// builds of it point at too.
func (p *Program) points(i int32, each func(uint64)) {
	if k := int(i) - len(p.Functions); k >= 0 {
		for _, h := range p.nodes[k].points {
			each(h)
		}
		return
	}
	for _, o := range p.operandsOf(i) {
		switch o.kind {
		case kindImport, kindText, kindNumber:
		case kindData:
			if p.objects[o.n].size < 8 {
				continue
			}
		default:
			continue
		}
		each(p.token(&o))
	}
}
