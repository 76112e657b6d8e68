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
	"io"
	"math"
	"slices"
	"strings"

	"github.com/wardein/wardein"
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

// maxFile bounds a file: it is held in memory whole.
const maxFile = 1 << 30

type file struct {
	Graph struct {
		Name    string
		Demands map[string]map[string]float64
	}
	Nodes []struct {
		ID   name
		Name string
		Type string
		Pos  []float64
	}
	Edges, Links []edge
}

type edge struct {
	Source, Target name
	Dist           float64
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
	if in.Size > maxFile {
		return fmt.Errorf("%d bytes: want at most %d", in.Size, maxFile)
	}
	var f file
	d := json.NewDecoder(io.LimitReader(in.Reader, maxFile))
	if err := d.Decode(&f); err != nil {
		return err
	}
	at := place.Origin{Source: in.Source}
	b.Operator().Name = cmp.Or(b.Operator().Name, f.Graph.Name)
	for i := range f.Nodes {
		n := &f.Nodes[i]
		at.Row = int32(i + 1)
		id := string(n.ID)
		s := place.Site{ID: "site " + id, Name: n.Name, Type: n.Type, At: at}
		if len(n.Pos) == 2 {
			if x, y := n.Pos[0], n.Pos[1]; math.Abs(y) <= 90 && math.Abs(x) <= 180 {
				s.Lat, s.Lon, s.Located = int32(math.Round(y*1e6)), int32(math.Round(x*1e6)), true
			} else {
				b.Gap(at, "pos", fmt.Sprintf("[%g, %g]: want longitude and latitude", x, y), false)
			}
		}
		b.Site(s)
		e := place.NewElement(at)
		e.ID, e.Name, e.Site = id, n.Name, s.ID
		b.Element(e)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	edges := append(f.Edges, f.Links...)
	if len(f.Nodes) == 0 {
		return errors.New("no nodes")
	}
	for i := range edges {
		at.Row = int32(i + 1)
		l := place.NewLink(at)
		l.ID, l.A, l.B, l.Medium = fmt.Sprintf("edge %d", i), string(edges[i].Source), string(edges[i].Target), edges[i].Type
		b.Link(l)
	}
	at.Row = 0
	for _, from := range sortedKeys(f.Graph.Demands) {
		for _, to := range sortedKeys(f.Graph.Demands[from]) {
			mbit := f.Graph.Demands[from][to]
			if !(mbit >= 0 && mbit <= 1<<33) {
				b.Gap(at, "demands", fmt.Sprintf("%s to %s: %g", from, to, mbit), true)
				continue
			}
			demand := place.NewDemand(at)
			demand.ID, demand.Source, demand.Target, demand.Class = "demand "+from+" "+to, "element "+from, "element "+to, "user"
			demand.Bps = int64(math.Round(mbit * 1e6))
			b.Demand(demand)
		}
	}
	return nil
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
