package compare

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// pairing brings the nodes of two releases together. A node has one
// counterpart at most. Each rule looks the same from both sides: with the
// sides changed, the same nodes meet.
//
// Containers are matched from the outside in: members of two containers that
// belong together are paired by their names in there, so that it does not
// matter where in the release the containers stand. What is left over is paired
// by content, then by names without numbers, then by what it holds.
type pairing struct {
	a, b  *index
	boxes [][2]int32 // pairs of containers whose members are to be paired
	more  bool       // something was paired since it was last asked
}

// pair pairs two trees; likeness brings together what names and digests do
// not, and may be nil.
func pair(a, b *index, likeness func(p *pairing, left, right []int32)) *pairing {
	p := &pairing{a: a, b: b}
	if len(a.nodes) == 0 || len(b.nodes) == 0 {
		return p
	}
	p.bind(0, 0, byPath)
	// Each round binds a container at least, or is the last.
	for round := 0; round < 32; round++ {
		for len(p.boxes) > 0 {
			k := len(p.boxes) - 1
			next := p.boxes[k]
			p.boxes = p.boxes[:k]
			p.members(next[0], next[1])
		}
		p.more = false
		p.anywhere(likeness)
		if !p.more || len(p.boxes) == 0 {
			break
		}
	}
	return p
}

// bind makes two nodes a pair. Containers of the same bytes hold the same:
// their members are paired at once.
func (p *pairing) bind(i, j int32, by how) {
	x, y := &p.a.nodes[i], &p.b.nodes[j]
	if x.pair >= 0 || y.pair >= 0 { // meanwhile, with a container around it
		return
	}
	x.pair, x.how, y.pair, y.how = j, by, i, by
	p.more = true
	if !x.opened || !y.opened {
		return
	}
	if x.blob == y.blob && x.blob != (wardein.Digest{}) && x.end-i == y.end-j && p.alike(i, j) {
		for k := int32(1); k < x.end-i; k++ {
			m, n := &p.a.nodes[i+k], &p.b.nodes[j+k]
			if m.pair < 0 && n.pair < 0 {
				m.pair, m.how, n.pair, n.how = j+k, byPath, i+k, byPath
			}
		}
		return
	}
	p.boxes = append(p.boxes, [2]int32{i, j})
}

// alike tells whether the members of two containers have the same names: one
// may have been cut short by a limit that the other did not reach.
func (p *pairing) alike(i, j int32) bool {
	for k := int32(1); k < p.a.nodes[i].end-i; k++ {
		x, y := &p.a.nodes[i+k], &p.b.nodes[j+k]
		if x.name() != y.name() || x.blob != y.blob || x.box-i != y.box-j {
			return false
		}
	}
	return true
}

// free are the members of a container that have no counterpart.
func (x *index) free(box int32) (list []int32) {
	for i := box + 1; i < x.nodes[box].end; {
		if x.nodes[i].pair < 0 {
			list = append(list, i)
		}
		if x.nodes[i].opened {
			i = x.nodes[i].end
		} else {
			i++
		}
	}
	return list
}

// members pairs the members of two containers.
func (p *pairing) members(i, j int32) {
	left, right := p.a.free(i), p.b.free(j)
	p.named(left, right)
	left, right = p.still(left, p.a), p.still(right, p.b)
	p.zip(&left, &right, byContent, func(_ *index, e *entry) string {
		if k := digestKey(e, 1); k != "" {
			return k + general(e.name())
		}
		return ""
	})
	p.zip(&left, &right, byContent, func(_ *index, e *entry) string { return digestKey(e, 32) })
	p.near(&left, &right, byName, func(x *index, e *entry) string { return p.sort(x, e) + general(e.name()) })
	p.shared(&left, &right)
	p.unique(&left, &right, bySimilarity, func(x *index, e *entry) string {
		if !e.opened {
			return ""
		}
		return p.sort(x, e)
	})
}

// anywhere pairs what is left in the whole of both trees.
func (p *pairing) anywhere(likeness func(p *pairing, left, right []int32)) {
	left, right := p.a.left(), p.b.left()
	p.zip(&left, &right, byContent, func(_ *index, e *entry) string { // with what is in them
		if !e.opened {
			return ""
		}
		return digestKey(e, 1)
	})
	p.zip(&left, &right, byContent, func(_ *index, e *entry) string {
		if k := digestKey(e, 1); k != "" {
			return k + e.base()
		}
		return ""
	})
	p.zip(&left, &right, byContent, func(_ *index, e *entry) string { return digestKey(e, 32) })
	p.folders(&left, &right)
	named := func(path func(e *entry) string) func(*index, *entry) string {
		return func(x *index, e *entry) string {
			if e.kind == wardein.Directory {
				return ""
			}
			return p.sort(x, e) + path(e)
		}
	}
	p.unique(&left, &right, byName, named(func(e *entry) string { return lastTwo(e.path) }))
	p.unique(&left, &right, byName, named((*entry).base))
	p.unique(&left, &right, byName, named(func(e *entry) string { return general(lastTwo(e.path)) }))
	p.unique(&left, &right, byName, named(func(e *entry) string { return general(e.base()) }))
	if likeness != nil {
		likeness(p, p.still(left, p.a), p.still(right, p.b))
	}
}

// left are the nodes without a counterpart.
func (x *index) left() (list []int32) {
	for i := range x.nodes {
		if x.nodes[i].pair < 0 {
			list = append(list, int32(i))
		}
	}
	return list
}

func (p *pairing) still(list []int32, x *index) []int32 {
	return slices.DeleteFunc(list, func(i int32) bool { return x.nodes[i].pair >= 0 })
}

// sort is what two nodes must have in common to be paired by name alone.
func (p *pairing) sort(x *index, e *entry) string {
	f := x.formats[e.format]
	if e.kind == wardein.Region && f == "" {
		return ""
	}
	return e.kind.String() + " " + f + " "
}

// digestKey is a node's digest as a key, "" for what is shorter than least:
// short files are alike by chance.
func digestKey(e *entry, least int64) string {
	if !e.content() || e.size < least {
		return ""
	}
	return string(e.blob[:])
}

func lastTwo(p string) string {
	k := strings.LastIndexByte(p, '/')
	if k < 0 {
		return p
	}
	return p[strings.LastIndexByte(p[:k], '/')+1:]
}

// named pairs members of one name.
func (p *pairing) named(left, right []int32) {
	at := make(map[string]int32, len(right))
	for _, j := range right {
		at[p.b.nodes[j].name()] = j
	}
	for _, i := range left {
		if j, ok := at[p.a.nodes[i].name()]; ok {
			p.bind(i, j, byPath)
		}
	}
}

// group is the nodes of one key on both sides.
type group struct {
	key         string
	left, right []int32
}

// grouped brings nodes of one key together; nodes without a key, and keys of
// one side, stay out. The groups are in the order of their keys: that matters
// where one node stands inside another.
func (p *pairing) grouped(left, right *[]int32, key func(*index, *entry) string) (list []*group) {
	*left, *right = p.still(*left, p.a), p.still(*right, p.b)
	if len(*left) == 0 || len(*right) == 0 {
		return nil
	}
	m := map[string]*group{}
	for _, i := range *left {
		if k := key(p.a, &p.a.nodes[i]); k != "" {
			g := m[k]
			if g == nil {
				g = &group{key: k}
				m[k] = g
			}
			g.left = append(g.left, i)
		}
	}
	for _, j := range *right {
		if g := m[key(p.b, &p.b.nodes[j])]; g != nil {
			if g.right = append(g.right, j); len(g.right) == 1 {
				list = append(list, g)
			}
		}
	}
	slices.SortFunc(list, func(a, b *group) int { return strings.Compare(a.key, b.key) })
	return list
}

// unique pairs nodes whose key no other node of their side has.
func (p *pairing) unique(left, right *[]int32, by how, key func(*index, *entry) string) {
	for _, g := range p.grouped(left, right, key) {
		if len(g.left) == 1 && len(g.right) == 1 {
			p.bind(g.left[0], g.right[0], by)
		}
	}
}

// zip pairs nodes of one key, those of one base name first, then in the order
// of their paths.
func (p *pairing) zip(left, right *[]int32, by how, key func(*index, *entry) string) {
	for _, g := range p.grouped(left, right, key) {
		g.left, g.right = p.still(g.left, p.a), p.still(g.right, p.b)
		if len(g.left)+len(g.right) > 2 {
			l, r := slices.Clone(g.left), slices.Clone(g.right)
			p.unique(&l, &r, by, func(_ *index, e *entry) string { return lastTwo(e.path) })
			p.unique(&l, &r, by, func(_ *index, e *entry) string { return e.base() })
			g.left, g.right = p.still(l, p.a), p.still(r, p.b)
			slices.SortFunc(g.left, byPathOf(p.a))
			slices.SortFunc(g.right, byPathOf(p.b))
		}
		for k := range min(len(g.left), len(g.right)) {
			p.bind(g.left[k], g.right[k], by)
		}
	}
}

func byPathOf(x *index) func(i, j int32) int {
	return func(i, j int32) int { return strings.Compare(x.nodes[i].path, x.nodes[j].path) }
}

// maxNear bounds the nodes of one general name that are tried against each
// other; more are paired in the order of their paths, where their numbers agree.
const maxNear = 64

// near pairs nodes of one key, those of the most similar size first.
func (p *pairing) near(left, right *[]int32, by how, key func(*index, *entry) string) {
	for _, g := range p.grouped(left, right, key) {
		switch n, m := len(g.left), len(g.right); {
		case n == 1 && m == 1:
			p.bind(g.left[0], g.right[0], by)
		case n > maxNear || m > maxNear:
			if n == m {
				slices.SortFunc(g.left, byPathOf(p.a))
				slices.SortFunc(g.right, byPathOf(p.b))
				for k := range n {
					p.bind(g.left[k], g.right[k], by)
				}
			}
		default:
			var list []match
			for _, i := range g.left {
				for _, j := range g.right {
					d := p.a.nodes[i].size - p.b.nodes[j].size
					list = append(list, match{i, j, -max(d, -d)})
				}
			}
			p.best(list, by)
		}
	}
}

// match is a pair that might be, and what speaks for it.
type match struct {
	i, j  int32
	score int64
}

// best binds the matches of the highest scores; ties are broken in a way that
// does not know which side is which.
func (p *pairing) best(list []match, by how) {
	names := func(m *match) (lo, hi string) {
		x, y := p.a.nodes[m.i].path, p.b.nodes[m.j].path
		return min(x, y), max(x, y)
	}
	slices.SortFunc(list, func(s, t match) int {
		if s.score != t.score {
			return cmp.Compare(t.score, s.score)
		}
		slo, shi := names(&s)
		tlo, thi := names(&t)
		// (x, y) and (y, x) are one to this order; they exclude no other.
		return cmp.Or(strings.Compare(slo, tlo), strings.Compare(shi, thi))
	})
	for k := range list {
		m := &list[k]
		if p.a.nodes[m.i].pair >= 0 || p.b.nodes[m.j].pair >= 0 {
			continue
		}
		p.bind(m.i, m.j, by)
	}
}

// maxShared bounds the members of a container that stand for it, and the
// containers of one parent that are tried.
const maxShared = 4096

// shared pairs containers by the members that they have in common.
func (p *pairing) shared(left, right *[]int32) {
	*left, *right = p.still(*left, p.a), p.still(*right, p.b)
	boxes := func(x *index, list []int32) (out []int32) {
		for _, i := range list {
			if x.nodes[i].opened && len(out) < maxShared {
				out = append(out, i)
			}
		}
		return out
	}
	l, r := boxes(p.a, *left), boxes(p.b, *right)
	if len(l) == 0 || len(r) == 0 {
		return
	}
	var holds [2]map[wardein.Digest][]int32
	for side, x := range []*index{p.a, p.b} {
		holds[side] = map[wardein.Digest][]int32{}
		for _, i := range [2][]int32{l, r}[side] {
			for k, n := i+1, 0; k < x.nodes[i].end && n < maxShared; k++ {
				e := &x.nodes[k]
				if !e.content() || e.size < 32 {
					continue
				}
				n++
				if list := holds[side][e.blob]; len(list) <= maxHolders && !slices.Contains(list, i) {
					holds[side][e.blob] = append(list, i)
				}
			}
		}
	}
	score := map[[2]int32]int64{}
	for d, list := range holds[0] {
		others := holds[1][d]
		if len(list) > maxHolders || len(others) > maxHolders {
			continue
		}
		for _, i := range list {
			for _, j := range others {
				score[[2]int32{i, j}]++
			}
		}
	}
	list := make([]match, 0, len(score))
	for k, n := range score {
		if p.a.formats[p.a.nodes[k[0]].format] == p.b.formats[p.b.nodes[k[1]].format] {
			list = append(list, match{k[0], k[1], n})
		}
	}
	p.best(list, bySimilarity)
}

// folders pairs what stands in folders whose other files moved together: each
// file that was found by its content speaks for the folder that it is in now.
func (p *pairing) folders(left, right *[]int32) {
	*left, *right = p.still(*left, p.a), p.still(*right, p.b)
	if len(*left) == 0 || len(*right) == 0 {
		return
	}
	votes := map[[2]string]int64{}
	for i := range p.a.nodes {
		e := &p.a.nodes[i]
		if e.pair < 0 || e.how != byContent {
			continue
		}
		from, to := e.path, p.b.nodes[e.pair].path
		for range 8 { // the folders around, as long as they differ
			from, to = folder(from), folder(to)
			if from == to || from == "" && to == "" {
				break
			}
			votes[[2]string{from, to}]++
			if from == "" || to == "" {
				break
			}
		}
	}
	if len(votes) == 0 {
		return
	}
	type way struct {
		from, to string
		n        int64
	}
	ways := make([]way, 0, len(votes))
	for k, n := range votes {
		ways = append(ways, way{k[0], k[1], n})
	}
	slices.SortFunc(ways, func(s, t way) int {
		return cmp.Or(cmp.Compare(t.n, s.n), strings.Compare(min(s.from, s.to), min(t.from, t.to)), strings.Compare(max(s.from, s.to), max(t.from, t.to)))
	})
	there, back := map[string]string{}, map[string]string{}
	for _, w := range ways {
		_, taken := there[w.from]
		_, given := back[w.to]
		if !taken && !given {
			there[w.from], back[w.to] = w.to, w.from
		}
	}
	at := make(map[string]int32, len(*right))
	for _, j := range *right {
		at[p.b.nodes[j].path] = j
	}
	for _, i := range *left {
		e := &p.a.nodes[i]
		to := ""
		if f, ok := there[e.path]; ok && e.kind == wardein.Directory {
			to = f
		} else if f, ok := there[folder(e.path)]; ok {
			to = strings.TrimPrefix(f+"/"+e.base(), "/")
		} else {
			continue
		}
		if j, ok := at[to]; ok && p.b.nodes[j].pair < 0 && (p.b.nodes[j].kind == wardein.Directory) == (e.kind == wardein.Directory) {
			p.bind(i, j, bySimilarity)
		}
	}
}

func folder(p string) string { return p[:max(strings.LastIndexByte(p, '/'), 0)] }
