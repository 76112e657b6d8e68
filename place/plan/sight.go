package plan

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/graph"
)

// sight is what a vendor's elements see, and which of them would have to go.
type sight struct {
	g     *generator
	b     Bound
	of    []int32 // elements that are its and not going yet, hosts among them
	hosts map[int32][]int32
	mine  []bool
	flows []exposure.Flow
	graph *graph.Graph
	paths *graph.Search
}

// bound adds what keeps an exposure within a cap.
func (g *generator) bound(ctx context.Context, b Bound) error {
	x := &sight{g: g, b: b, hosts: map[int32][]int32{}}
	x.find()
	now, err := x.share(ctx, nil)
	if err != nil {
		return err
	}
	if now <= b.Max {
		g.out.Parts = append(g.out.Parts, Chosen{b.String(), 0, 0, 0, true, "it is within the bound"})
		return nil
	}
	x.flows, x.graph = exposure.Flows(g.s, exposure.Options{By: "vendor"}), exposure.Graph(g.s)
	x.paths = x.graph.NewSearch()
	if b.Always {
		return x.always(ctx)
	}
	return x.normally(ctx)
}

// find lists the vendor's elements.
func (x *sight) find() {
	s := x.g.s
	mine := make([]bool, s.Nodes())
	x.mine = mine
	for node := range s.Element {
		if e := s.Of(node); e != nil && (e.Vendor == x.b.Vendor || e.Software == x.b.Vendor) {
			mine[node] = true
			if _, ok := x.g.going[int32(node)]; !ok {
				x.of = append(x.of, int32(node))
			}
		}
	}
	for _, i := range s.Dependencies {
		if d := &s.Network.Dependencies[i]; d.Kind == place.RunsOn {
			if from, to := s.Parts(d); mine[to] {
				x.hosts[int32(to)] = append(x.hosts[int32(to)], int32(from))
			}
		}
	}
}

// share is what is exposed when some go beside what goes already.
func (x *sight) share(ctx context.Context, nodes []int32) (int64, error) {
	s := x.g.s
	p := &Plan{}
	step := func(node int32) {
		p.Steps = append(p.Steps, Step{Date: s.Date, Element: s.ID(int(node)), Vendor: NotChosen})
	}
	for node := range x.g.going {
		step(node)
	}
	for _, node := range nodes {
		step(node)
	}
	p.Sort()
	res, err := exposure.Of(ctx, p.Apply(s.Network).At(s.Date), exposure.Options{By: "vendor"})
	if err != nil {
		return 0, err
	}
	for i := range res.Rows {
		if r := &res.Rows[i]; r.Who == x.b.Vendor {
			of := r.Views[x.b.View].Expected.Bps
			if x.b.Always {
				of = r.Views[x.b.View].Must.Bps
			}
			return ppm(of, res.Total.Bps), nil
		}
	}
	return 0, nil
}

// quick is share by the graph alone, for the many sets that are tried: whatever is
// chosen by it is asked of share in the end.
func (x *sight) quick(nodes []int32) int64 {
	gone := make(map[int32]bool, len(nodes))
	for _, node := range nodes {
		gone[node] = true
	}
	// Set 0 is the vendor's, set 1 is empty and so avoided wherever there is a path.
	member := make([]uint64, len(x.mine))
	for node, is := range x.mine {
		if _, going := x.g.going[int32(node)]; is && !going && !gone[int32(node)] {
			member[node] = 1
			for _, f := range x.hosts[int32(node)] {
				member[f] = 1
			}
		}
	}
	content := x.b.View == exposure.Content
	var seen, total float64
	for _, f := range x.flows {
		var free []uint64
		if x.b.Always {
			free = x.graph.Free(f.Targets, member, content)
		} else {
			x.paths.From(f.Targets...)
			x.paths.Avoid(member, 1, graph.ByHop, content)
		}
		for _, src := range f.Sources {
			total += src.Bps
			switch {
			case !x.b.Always:
				seen += src.Bps * (1 - x.paths.Share(src.Node, member, 0))
			case free[src.Node]&3 == 2:
				seen += src.Bps
			}
		}
	}
	return int64(seen / max(total, 1) * 1e6)
}

// normally takes elements by the traffic that they carry for the money until the
// bound is met. An element that alone carries more than the cap has to go in any
// plan; what leaves the vendor's sight when others go passes them, so that the
// traffic they carry in sum is at least what has to leave: a knapsack whose
// relaxation bounds the price from below.
func (x *sight) normally(ctx context.Context) error {
	load, own, total := x.loads()
	s := x.g.s
	var items []item
	var must []int32
	most := float64(x.b.Max+1) / 1e6 * total
	for _, node := range x.of {
		it := item{node, load[node], x.g.m.priceOf(s.Of(int(node)), s.Date)}
		// Of content an element is sure to see what begins or ends there.
		alone := load[node]
		if x.b.View == exposure.Content {
			alone = own[node]
		}
		for _, f := range x.hosts[node] {
			it.measure += load[f]
		}
		if it.measure > 0 {
			items = append(items, it)
		}
		if alone > most {
			must = append(must, node)
		}
	}
	slices.SortFunc(items, byWorth)
	isMust := make(map[int32]bool, len(must))
	for _, node := range must {
		isMust[node] = true
	}
	nodes := slices.Clone(must)
	var rest []item
	for _, it := range items {
		if !isMust[it.node] {
			nodes, rest = append(nodes, it.node), append(rest, it)
		}
	}
	if left, err := x.share(ctx, nodes); err != nil || left > x.b.Max {
		if err == nil {
			x.g.out.Unmet = append(x.g.out.Unmet, Unmet{x.b.String(), len(nodes), errBound.Error()})
		}
		return err
	}
	open, err := x.share(ctx, must)
	if err != nil {
		return err
	}
	least := x.g.priceOf(must)
	if need := float64(open-x.b.Max-1) / 1e6 * total; need > 0 {
		least += relaxed(rest, need)
	}
	// The least prefix that is enough: exposure falls with each element.
	low, high := len(must), len(nodes)
	for low < high {
		mid := (low + high) / 2
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if x.quick(nodes[:mid]) <= x.b.Max {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return x.take(ctx, nodes[:low], isMust, least, "by traffic for the money; the bound is what alone carries more than the cap, and of others the traffic as if each took its own away")
}

// prune is up to how many elements each is tried to be left out.
const prune = 24

// take adds what was chosen, less what turns out not to be needed.
func (x *sight) take(ctx context.Context, nodes []int32, must map[int32]bool, least int64, how string) error {
	nodes = slices.Clone(nodes)
	order := slices.DeleteFunc(slices.Clone(nodes), func(n int32) bool { return must[n] })
	slices.SortStableFunc(order, func(a, b int32) int {
		s := x.g.s
		return cmp.Compare(x.g.m.priceOf(s.Of(int(b)), s.Date), x.g.m.priceOf(s.Of(int(a)), s.Date))
	})
	for _, node := range order[:min(len(order), prune)] {
		without := slices.DeleteFunc(slices.Clone(nodes), func(n int32) bool { return n == node })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if x.quick(without) <= x.b.Max {
			nodes = without
		}
	}
	if left, err := x.share(ctx, nodes); err != nil || left > x.b.Max {
		if err == nil {
			x.g.out.Unmet = append(x.g.out.Unmet, Unmet{x.b.String(), len(nodes), errBound.Error()})
		}
		return err
	}
	price := x.g.priceOf(nodes)
	why := fmt.Sprintf("exposure:%s", x.b.Vendor)
	for _, node := range nodes {
		x.g.add(node, why, x.g.s.Date)
	}
	least = min(least, price)
	x.g.out.Parts = append(x.g.out.Parts, Chosen{x.b.String(), len(nodes), price, least, price == least, how})
	return nil
}

// loads is the traffic that passes each node, ends included, that which each node
// asks for, and that of all.
func (x *sight) loads() (load, own []float64, total float64) {
	load, own = make([]float64, x.g.s.Nodes()), make([]float64, x.g.s.Nodes())
	search := x.graph.NewSearch()
	traffic, edges := make([]float64, len(load)), make([]float64, x.graph.Edges())
	for _, f := range x.flows {
		clear(traffic)
		clear(edges)
		for _, src := range f.Sources {
			traffic[src.Node] += src.Bps
			total += src.Bps
		}
		target := make(map[int32]bool, len(f.Targets))
		for _, t := range f.Targets {
			target[t] = true
		}
		search.From(f.Targets...)
		search.Load(traffic, edges)
		for node := range load {
			if search.Dist[node] == graph.Far {
				continue
			}
			own[node] += traffic[node]
			sum := 0.0
			x.graph.Neighbours(int32(node), func(_ int32, edge int, _ uint32) { sum += edges[edge] })
			if target[int32(node)] {
				load[node] += sum + traffic[node]
			} else {
				load[node] += (sum + traffic[node]) / 2 // what comes in and is its own goes out
			}
		}
	}
	return load, own, total
}

// always frees a path for every source: a path of least price where only the
// vendor's elements cost something, so that many sources share what was freed.
// What every path of a source passes has to go in any plan, and so has, beside
// that, the dearest of the least paths: the bound.
func (x *sight) always(ctx context.Context) error {
	s := x.g.s
	weight := make([]int64, s.Nodes())
	isOf := make([]bool, s.Nodes())
	for _, node := range x.of {
		isOf[node] = true
	}
	owner := make(map[int32][]int32) // hosts of functions
	for _, node := range x.of {
		weight[node] += max(x.g.m.priceOf(s.Of(int(node)), s.Date), 1)
		for _, f := range x.hosts[node] {
			weight[f] += max(x.g.m.priceOf(s.Of(int(node)), s.Date), 1)
			owner[f] = append(owner[f], node)
		}
	}
	needed := map[int32]bool{}
	take := func(node int32) {
		if isOf[node] {
			needed[node] = true
		}
		for _, h := range owner[node] {
			needed[h] = true
		}
	}
	for _, node := range x.mandatory() {
		take(node)
	}
	must := maps.Clone(needed)
	var least int64
	for node := range needed {
		least += x.g.m.priceOf(s.Of(int(node)), s.Date)
	}
	free := func() {
		for node := range weight {
			if isOf[node] && needed[int32(node)] {
				weight[node] = 0
			}
		}
		for f, hosts := range owner {
			if !isOf[f] && !slices.ContainsFunc(hosts, func(h int32) bool { return !needed[h] }) {
				weight[f] = 0
			}
		}
	}
	free()
	var dearest int64
	for _, f := range x.flows {
		dist, next := x.cheapest(f.Targets, weight)
		for _, src := range f.Sources {
			if dist[src.Node] < 0 || src.Bps <= 0 {
				continue
			}
			dearest = max(dearest, dist[src.Node])
			for node := src.Node; node >= 0; node = next[node] {
				take(node)
			}
		}
		free()
	}
	nodes := make([]int32, 0, len(needed))
	for node := range needed {
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	if len(x.hosts) > 0 || x.b.View == exposure.Content {
		dearest = 0 // of hosts and of tunnels less may be enough
	}
	return x.take(ctx, nodes, must, least+dearest, "paths of least price to the nearest target; the bound is what every path of some source passes, and the dearest of the least paths")
}

// mandatory are the vendor's elements that every path of some source passes.
func (x *sight) mandatory() (list []int32) {
	if x.b.View == exposure.Content || len(x.hosts) > 0 {
		return x.ends() // between them, tunnels and other hosts leave another way out
	}
	// Each element is a set of its own, 63 at a time: the last set is empty, and
	// so avoided by every node that is joined to a target at all.
	const sets, empty = 63, 1 << 63
	member := make([]uint64, x.g.s.Nodes())
	for start := 0; start < len(x.of); start += sets {
		batch := x.of[start:min(start+sets, len(x.of))]
		for i, node := range batch {
			member[node] = 1 << i
		}
		var passed uint64
		for _, f := range x.flows {
			free := x.graph.Free(f.Targets, member, false)
			for _, src := range f.Sources {
				if src.Bps > 0 && free[src.Node]&empty != 0 {
					passed |= ^free[src.Node]
				}
			}
		}
		for i, node := range batch {
			if passed>>i&1 == 1 {
				list = append(list, node)
			}
			member[node] = 0
		}
	}
	return list
}

// ends are the vendor's elements that are sources: they always see what they send.
func (x *sight) ends() (list []int32) {
	search := x.graph.NewSearch()
	found := map[int32]bool{}
	for _, f := range x.flows {
		search.From(f.Targets...)
		for _, src := range f.Sources {
			if src.Bps > 0 && search.Dist[src.Node] != graph.Far {
				found[src.Node] = true
			}
		}
	}
	for _, node := range x.of {
		if found[node] {
			list = append(list, node)
		}
	}
	return list
}

// cheapest are the prices of the cheapest paths to the targets, −1 for none, and
// the next node on them (Dijkstra 1959, with prices at nodes).
func (x *sight) cheapest(targets []int32, weight []int64) (dist []int64, next []int32) {
	dist, next = make([]int64, len(weight)), make([]int32, len(weight))
	for i := range dist {
		dist[i], next[i] = -1, -1
	}
	var q queue
	for _, t := range targets {
		if dist[t] < 0 {
			dist[t] = weight[t]
			q = append(q, entry{dist[t], t})
		}
	}
	heap.Init(&q)
	for len(q) > 0 {
		e := heap.Pop(&q).(entry)
		if e.dist > dist[e.node] {
			continue
		}
		x.graph.Neighbours(e.node, func(to int32, _ int, _ uint32) {
			if d := e.dist + weight[to]; dist[to] < 0 || d < dist[to] {
				dist[to], next[to] = d, e.node
				heap.Push(&q, entry{d, to})
			}
		})
	}
	return dist, next
}

type entry struct {
	dist int64
	node int32
}

type queue []entry

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].dist < q[j].dist || q[i].dist == q[j].dist && q[i].node < q[j].node
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(entry)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}
