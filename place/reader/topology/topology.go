// Package topology reads node-link JSON, the form in which networkx writes
// graphs and topohub publishes those of SNDlib, the Topology Zoo and of
// backbones:
//
//	{"graph": {"name": …, "demands": {SOURCE: {TARGET: NUMBER}}},
//	 "nodes": [{"id": …, "name": …, "pos": [longitude, latitude]}],
//	 "edges": [{"source": …, "target": …, "dist": kilometres}]}      or "links"
//
// Such files name places and lines, and neither vendors nor functions: what they
// lack stays unknown, and an overlay can give it.
package topology

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/jsonrows"
	"github.com/wardein/wardein/place"
)

// Reader reads node-link graphs.
var Reader = place.Reader{
	Name: "topology",
	Doc: wardein.Doc{
		About:      "Graphs in node-link JSON: places, lines with lengths, demands between places.",
		How:        "A node is a site and an element at it. The routing metric is one a link, as in topohub's own loads; dist is kept as the length. Demands are taken in Mbit/s.",
		Limits:     []string{"Directed graphs are read as undirected ones.", "The unit of demands is not in the file: topohub's are scaled figures of the original instances."},
		References: []string{"networkx, node_link_data", "topohub, data/*.json"},
	},
	Detect: func(_ string, head []byte) bool {
		return bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) && bytes.Contains(head, []byte(`"multigraph"`)) && bytes.Contains(head, []byte(`"directed"`))
	},
	Read: read,
}

type about struct {
	Name    string
	Demands map[string]map[string]float64
}

type node struct {
	ID   name
	Name string
	Type string
	Pos  []float64
}

type edge struct {
	Source, Target name
	Type           string
}

// name is a node's id: a number or a text.
type name string

// UnmarshalJSON takes either.
func (n *name) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(n))
	}
	var number json.Number
	if err := json.Unmarshal(b, &number); err != nil {
		return fmt.Errorf("id %s: want a number or a text", b)
	}
	*n = name(number)
	return nil
}

func read(ctx context.Context, b *place.Builder, in place.Input) error {
	d := jsonrows.New(in.Reader)
	if t, err := d.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return fmt.Errorf("found %v, want a graph", t)
	}
	r := &reading{b: b, at: place.Origin{Source: in.Source}}
	err := d.Object(func(name string) error {
		switch name {
		case "graph":
			var g about
			if err := r.take(ctx, d.Decode(&g)); err != nil {
				return err
			}
			r.demands = g.Demands
			b.Operator().Name = cmp.Or(b.Operator().Name, g.Name)
			return nil
		case "nodes":
			return r.list(d, func() error {
				var n node
				err := d.Decode(&n)
				return r.take(ctx, err, func() { r.node(&n) })
			})
		case "edges", "links":
			return r.list(d, func() error {
				var e edge
				err := d.Decode(&e)
				return r.take(ctx, err, func() { r.edge(&e) })
			})
		}
		return d.Skip()
	})
	r.demand()
	if err == nil && r.nodes == 0 {
		err = errors.New("no nodes in it")
	}
	return err
}

type reading struct {
	b            *place.Builder
	at           place.Origin
	nodes, edges int
	demands      map[string]map[string]float64
}

// list reads a list; rows are counted in each.
func (r *reading) list(d *jsonrows.Decoder, each func() error) error {
	if t, err := d.Token(); err != nil {
		return err
	} else if t != json.Delim('[') {
		return fmt.Errorf("found %v, want a list", t)
	}
	r.at.Row = 0
	return d.List(func() error {
		r.at.Row++
		return each()
	})
}

// take does what is to be done with a value that was decoded; one of another
// form is a gap.
func (r *reading) take(ctx context.Context, err error, do ...func()) error {
	var unfit *jsonrows.Unfit
	switch {
	case errors.As(err, &unfit):
		r.b.Gap(r.at, "", err.Error(), true)
		return nil
	case err != nil:
		return err
	case r.at.Row%4096 == 1 && ctx.Err() != nil:
		return ctx.Err()
	}
	for _, f := range do {
		f()
	}
	return nil
}

func (r *reading) node(n *node) {
	r.nodes++
	id := string(n.ID)
	s := place.Site{ID: "site " + id, Name: n.Name, Type: r.b.Intern(n.Type), At: r.at}
	if len(n.Pos) == 2 {
		if x, y := n.Pos[0], n.Pos[1]; math.Abs(y) <= 90 && math.Abs(x) <= 180 {
			s.Lat, s.Lon, s.Located = int32(math.Round(y*1e6)), int32(math.Round(x*1e6)), true
		} else {
			r.b.Gap(r.at, "pos", fmt.Sprintf("[%g, %g]: want longitude and latitude", x, y), false)
		}
	}
	e := place.NewElement(r.at)
	e.ID, e.Name, e.Site = id, n.Name, s.ID
	r.b.Element(e)
	if id != "" {
		r.b.Site(s)
	}
}

func (r *reading) edge(e *edge) {
	l := place.NewLink(r.at)
	l.ID, l.A, l.B, l.Medium = fmt.Sprintf("edge %d", r.edges), string(e.Source), string(e.Target), r.b.Intern(e.Type)
	r.edges++
	r.b.Link(l)
}

// demand adds the demands once all is read: they stand before the nodes.
func (r *reading) demand() {
	r.at.Row = 0
	for _, from := range sortedKeys(r.demands) {
		for _, to := range sortedKeys(r.demands[from]) {
			mbit := r.demands[from][to]
			if !(mbit >= 0 && mbit <= 1<<33) {
				r.b.Gap(r.at, "demands", fmt.Sprintf("%s to %s: %g", from, to, mbit), true)
				continue
			}
			demand := place.NewDemand(r.at)
			demand.ID, demand.Source, demand.Target, demand.Class = "demand "+from+" "+to, "element "+from, "element "+to, "user"
			demand.Bps = int64(math.Round(mbit * 1e6))
			r.b.Demand(demand)
		}
	}
}

// sortedKeys are a map's keys in order, for the order of rows.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}
