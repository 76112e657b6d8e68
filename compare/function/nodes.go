package function

import "github.com/wardein/wardein/exe"

// node is data that points at functions: a table of methods, of commands, of
// handlers. Finding out which is which of the other program tells which
// functions are, as callers do; so nodes are matched like functions, behind
// which they are numbered.
type node struct {
	object int32
	calls  []int32 // functions, in order
	points []uint64
}

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
				return
			}
			switch r.place(&x, to.To); x.kind {
			case kindFunction:
				n.calls = append(n.calls, int32(x.n))
			case kindText:
				n.points = append(n.points, r.token(&x))
			}
		})
		if len(n.calls) > 0 {
			r.nodes = append(r.nodes, n)
			r.nodeOf[int32(i)] = int32(len(r.nodes) - 1)
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
