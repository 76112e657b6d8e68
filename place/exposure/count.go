package exposure

import (
	"math"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/graph"
)

// The three answers for a pair of ends, from the least on.
const (
	must = iota
	expected
	could
	answers
)

// sum is an amount that is added up.
type sum struct {
	bps, subscribers float64
	sites            []float64 // traffic of each sensitive site
}

// counter adds up what the demands of one day are exposed to.
type counter struct {
	s      *place.Snapshot
	parts  *sets
	split  graph.Split
	g      *graph.Graph
	search *graph.Search
	all    []uint64 // own or managed
	views  []view

	site            []int32 // of each node: which sensitive site, −1 none
	sums            [][answers]sum
	lost            []sum
	total, unrouted sum
}

// view is one question to the graph, and which views it answers.
type view struct {
	member  []uint64
	content bool
	answers []View
}

// chunk is how many sets one pass over the shortest paths counts.
const chunk = 16

func newCounter(s *place.Snapshot, parts *sets, split graph.Split) *counter {
	c := &counter{s: s, parts: parts, split: split, g: Graph(s), sums: make([][answers]sum, len(parts.rows)*Views), lost: make([]sum, len(parts.rows))}
	c.search = c.g.NewSearch()
	c.findSites()
	own := view{member: parts.own, answers: []View{Metadata}}
	tunnels, managed := false, false
	for _, k := range s.Links {
		e := s.Network.Links[k].Encrypted
		tunnels = tunnels || tunnel(e)
	}
	c.all = make([]uint64, len(parts.own))
	for i, m := range parts.managed {
		managed = managed || m != 0
		c.all[i] = parts.own[i] | m
	}
	if !tunnels {
		own.answers = append(own.answers, Content)
	}
	if !managed {
		own.answers = append(own.answers, Control)
	}
	c.views = append(c.views, own)
	if tunnels {
		c.views = append(c.views, view{member: parts.own, content: true, answers: []View{Content}})
	}
	if managed {
		c.views = append(c.views, view{member: c.all, answers: []View{Control}}, view{member: parts.managed, answers: []View{Managed}})
	}
	return c
}

// findSites numbers the sensitive sites.
func (c *counter) findSites() {
	number := map[int]int32{}
	c.site = make([]int32, c.s.Nodes())
	for node := range c.site {
		c.site[node] = -1
		e := c.s.Of(node)
		if e == nil {
			continue
		}
		at := c.s.SiteOf(e)
		if at < 0 || c.s.Sites[at].Sensitive == "" || c.s.Sites[at].Sensitive == "none" {
			continue
		}
		k, ok := number[at]
		if !ok {
			k = int32(len(number))
			number[at] = k
		}
		c.site[node] = k
	}
	add := func(s *sum) { s.sites = make([]float64, len(number)) }
	for i := range c.sums {
		for k := range c.sums[i] {
			add(&c.sums[i][k])
		}
	}
	for i := range c.lost {
		add(&c.lost[i])
	}
	add(&c.total)
	add(&c.unrouted)
}

// weight is what one element asks for in a demand.
type weight struct {
	node             int32
	bps, subscribers float64
}

// group is the demands to one set of targets, of which the nearest serves.
type group struct {
	targets []int32
	sources []weight
}

// put adds a share of an element's weight.
func (c *counter) put(s *sum, w *weight, share float64) {
	s.bps += float64(w.bps * share)
	s.subscribers += float64(w.subscribers * share)
	if k := c.site[w.node]; k >= 0 {
		s.sites[k] += float64(max(w.bps, 1) * share)
	}
}

// add counts one group.
func (c *counter) add(g group) {
	c.search.From(g.targets...)
	for i := range g.sources {
		w := &g.sources[i]
		c.put(&c.total, w, 1)
		if c.search.Dist[w.node] == graph.Far {
			c.put(&c.unrouted, w, 1)
		}
	}
	for _, v := range c.views {
		free, may := c.g.Free(g.targets, v.member, v.content), c.g.Could(g.targets, v.member, v.content)
		for base := 0; base < len(c.parts.rows); base += chunk {
			n := min(chunk, len(c.parts.rows)-base)
			member := v.member
			if base > 0 {
				member = make([]uint64, len(v.member))
				for i, m := range v.member {
					member[i] = m >> base
				}
			}
			c.search.Avoid(member, n, c.split, v.content)
			for k := range n {
				c.row(g, v, base+k, free, may, func(node int32) float64 { return 1 - c.search.Share(node, member, k) })
			}
		}
	}
}

// row counts one row of one view.
func (c *counter) row(g group, v view, row int, free, may []uint64, share func(int32) float64) {
	to := &c.sums[row*Views+int(v.answers[0])]
	for i := range g.sources {
		w := &g.sources[i]
		if c.search.Dist[w.node] == graph.Far {
			continue
		}
		if free[w.node]>>row&1 == 0 {
			c.put(&to[must], w, 1)
			if v.answers[0] == Metadata {
				c.put(&c.lost[row], w, 1)
			}
		}
		if may[w.node]>>row&1 == 1 {
			c.put(&to[could], w, 1)
			if x := share(w.node); x > 0 {
				c.put(&to[expected], w, min(x, 1))
			}
		}
	}
}

// finish copies what one question answered for several views.
func (c *counter) finish() {
	for _, v := range c.views {
		for _, other := range v.answers[1:] {
			for row := range c.parts.rows {
				c.sums[row*Views+int(other)] = c.sums[row*Views+int(v.answers[0])]
			}
		}
	}
}

// amount rounds a sum. A sensitive site counts by the share of its traffic.
func (c *counter) amount(s *sum) Amount {
	a := Amount{Bps: round(s.bps), Subscribers: round(s.subscribers)}
	for k, n := range s.sites {
		if all := c.total.sites[k]; all > 0 {
			a.Sites += round(1000 * (n / all))
		}
	}
	return a
}

// round takes off what adding in another order could change.
func round(x float64) int64 { return int64(math.Floor(x*(1+1e-12) + 0.5)) }

func tunnel(encrypted string) bool { return encrypted == "ipsec" || encrypted == "tls" }
