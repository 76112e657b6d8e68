// Package exposure says whose equipment sees, steers or manages which traffic
// of a network: a vector for each vendor (or country of control, organisation,
// release) of what it sees of content and of metadata, what it can drop or
// change, and what its systems manage, each always, normally and possibly.
package exposure

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/graph"
)

// View is a way to be exposed.
type View uint8

// An element sees the content of what passes it in clear, the metadata of all
// that passes. Who made it, or what it runs on, or the system that manages it,
// can drop or change that: control. What is managed is counted apart, too.
const (
	Content View = iota
	Metadata
	Control
	Managed
	Views = 4
)

func (v View) String() string { return [...]string{"content", "metadata", "control", "managed"}[v] }

// Amount is a part of what a network carries.
type Amount struct {
	Bps, Subscribers int64
	// Sites are sensitive sites in thousandths: of each the highest share of
	// an element that stands there.
	Sites int64
}

// Range is what an exposure amounts to always (every path passes), normally
// (shares over shortest paths) and possibly (some path passes):
// Must ≤ Expected ≤ Could.
type Range struct{ Must, Expected, Could Amount }

// Row is the exposure to one vendor, country, organisation or release.
type Row struct {
	Who string
	// Elements is how many are of it, Manages how many its systems manage,
	// Hosts how many run on it, Anchors how many 5G elements need 4G of it.
	Elements, Manages, Hosts, Anchors int
	Views                             [Views]Range
	// Lost is what no path serves any more when all its elements are gone.
	Lost Amount
}

// Result is the exposure of a network on a day.
type Result struct {
	Date place.Date
	By   string
	Rows []Row // the largest normal sight of content first, then by name
	// Total is all that demands ask for, Unrouted the part of it that no path
	// carries, which is in no row. Assumed tells that the network states no
	// demand, and that all access elements count one bit/s each instead.
	Total, Unrouted Amount
	Assumed         bool
	// Folded is how many are counted together as "others".
	Folded int
	// Unknown is how many elements are in no row, for want of the fact.
	Unknown int
	Gaps    []string
}

// Options say how to count.
type Options struct {
	// By is "vendor", "country", "group", "organisation", "release".
	By string
	// Classes are the classes of demands that count; nil: all.
	Classes []string
	Split   graph.Split
}

// Kinds are the values of Options.By.
var Kinds = []string{"vendor", "country", "group", "organisation", "release"}

// maxRows is how many rows are counted apart; the rest is folded into one.
const maxRows = 60

// names are what an element counts for.
func names(s *place.Snapshot, e *place.Element, by string) (list [2]string) {
	for i, v := range [2]int{s.VendorOf(e), s.SoftwareOf(e)} {
		if v < 0 {
			continue
		}
		switch by {
		case "vendor":
			list[i] = s.Vendors[v].ID
		case "country":
			list[i] = s.Vendors[v].Country
		case "group":
			list[i] = cmp.Or(s.Vendors[v].Group, s.Vendors[v].ID)
		}
	}
	switch by {
	case "organisation":
		list[0] = cmp.Or(e.ManagedOrg, s.Operator.Name)
	case "release":
		if e.Product != "" {
			list[0] = e.Vendor + " " + e.Product + " " + e.Release
		}
	}
	if list[0] == list[1] {
		list[1] = ""
	}
	return list
}

// Graph is the graph of a network's links on a day: nodes are the network's,
// also those where nothing stands. A logical link runs over others; it is an edge
// only where one of its ends has no other link, so that functions without any
// transport in the inventory are joined all the same.
func Graph(s *place.Snapshot) *graph.Graph {
	joined := make([]bool, s.Nodes())
	for _, k := range s.Links {
		if l := &s.Network.Links[k]; l.Layer != "logical" {
			a, b := s.Ends(l)
			joined[a], joined[b] = true, true
		}
	}
	edges := make([]graph.Edge, 0, len(s.Links))
	for _, k := range s.Links {
		l := &s.Network.Links[k]
		a, b := s.Ends(l)
		if l.Layer != "logical" || !joined[a] || !joined[b] {
			edges = append(edges, graph.Edge{A: int32(a), B: int32(b), Cost: uint32(min(max(l.Cost, 1), math.MaxUint32)), Tunnel: tunnel(l.Encrypted)})
		}
	}
	return graph.New(s.Nodes(), edges)
}

// sets are the members of each row's views. Bit k of own is row k.
type sets struct {
	rows         []Row
	own, managed []uint64
	folded       int
	unknown      int
}

func divide(s *place.Snapshot, by string) *sets {
	count := map[string]int{}
	out := &sets{own: make([]uint64, s.Nodes()), managed: make([]uint64, s.Nodes())}
	for node := range s.Element {
		e := s.Of(node)
		if e == nil {
			continue
		}
		all := names(s, e, by)
		if all[0] == "" && all[1] == "" {
			out.unknown++
		}
		for _, name := range all {
			if name != "" {
				count[name]++
			}
		}
	}
	var list []string
	for name := range count {
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	bit := map[string]int{}
	for i, name := range list {
		if i >= maxRows {
			bit[name] = maxRows
			out.folded++
			continue
		}
		bit[name] = i
		out.rows = append(out.rows, Row{Who: name})
	}
	if out.folded > 0 {
		out.rows = append(out.rows, Row{Who: "others"})
	}
	for node := range s.Element {
		if e := s.Of(node); e != nil {
			for _, name := range names(s, e, by) {
				if name != "" {
					out.own[node] |= 1 << bit[name]
				}
			}
		}
	}
	made := slices.Clone(out.own) // without hosts, which are added below
	for _, k := range s.Dependencies {
		d := &s.Network.Dependencies[k]
		from, to := s.Parts(d)
		switch d.Kind {
		case place.ManagedBy:
			out.managed[from] |= made[to]
		case place.RunsOn:
			out.own[from] |= made[to]
		}
	}
	for i := range out.rows {
		r := &out.rows[i]
		for node := range s.Element {
			r.Elements += int(made[node] >> i & 1)
			r.Manages += int(out.managed[node] >> i & 1)
			r.Hosts += int(out.own[node] &^ made[node] >> i & 1)
		}
	}
	for _, k := range s.Dependencies {
		if d := &s.Network.Dependencies[k]; d.Kind == place.AnchoredOn {
			_, to := s.Parts(d)
			for i := range out.rows {
				out.rows[i].Anchors += int(made[to] >> i & 1)
			}
		}
	}
	return out
}

// Of counts the exposure of a network on a day.
func Of(ctx context.Context, s *place.Snapshot, o Options) (*Result, error) {
	if !slices.Contains(Kinds, o.By) {
		return nil, fmt.Errorf("exposure by %q: want one of %q", o.By, Kinds)
	}
	parts := divide(s, o.By)
	res := &Result{Date: s.Date, By: o.By, Folded: parts.folded, Unknown: parts.unknown}
	c := newCounter(s, parts, o.Split)
	for _, g := range demands(s, o, res) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.add(g)
	}
	c.finish()
	res.Rows = parts.rows
	for i := range res.Rows {
		r := &res.Rows[i]
		for v := range Views {
			of := &c.sums[i*Views+v]
			r.Views[v] = Range{c.amount(&of[must]), c.amount(&of[expected]), c.amount(&of[could])}
		}
		r.Lost = c.amount(&c.lost[i])
	}
	res.Total, res.Unrouted = c.amount(&c.total), c.amount(&c.unrouted)
	slices.SortStableFunc(res.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Views[Content].Expected.Bps, a.Views[Content].Expected.Bps), cmp.Compare(a.Who, b.Who))
	})
	return res, nil
}
