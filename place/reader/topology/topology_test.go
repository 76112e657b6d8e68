package topology

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/inventory"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/graph"
)

func TestGolden(t *testing.T) { inventory.Golden(t, Reader, nil) }

func Fuzz(f *testing.F) { inventory.Fuzz(f, Reader) }

// loads are what topohub says of an edge: how much traffic takes it forward and
// back, in percent of the most of any edge, when all pairs send alike ("uni")
// or as the instance demands ("org"), both ways the sum of both.
type loads struct {
	Source, Target name
	Ecmp_fwd       map[string]float64
	Ecmp_bwd       map[string]float64
}

// TestLoads compares the loads of shortest paths with those that topohub
// publishes, which are an independent count: by hops, shared out at each node.
func TestLoads(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testkit.Corpus(t, "topologies"), "*", "*.json"))
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			build := place.NewBuilder()
			in := place.Input{Name: filepath.Base(path), Source: build.Source(place.Source{Name: path}), Size: int64(len(b)), Reader: f}
			if err := Reader.Read(context.Background(), build, in); err != nil {
				t.Fatal(err)
			}
			net := build.Finish()
			for _, g := range net.Gaps {
				if g.Column != "pos" || g.Dropped { // some instances are drawn on a sheet, not on the earth
					t.Errorf("gap: %v", g)
				}
			}
			var want struct{ Edges []loads }
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			for _, kind := range []string{"uni", "org"} {
				if want.Edges[0].Ecmp_fwd[kind] == 0 && kind == "org" {
					continue
				}
				compare(t, net, want.Edges, kind)
			}
		})
	}
}

func compare(t *testing.T, net *place.Network, want []loads, kind string) {
	edges := make([]graph.Edge, len(want))
	for i, w := range want {
		edges[i] = graph.Edge{A: int32(net.Node(string(w.Source))), B: int32(net.Node(string(w.Target)))}
	}
	g := graph.New(net.Nodes(), edges)
	s := g.NewSearch()
	traffic := make([]float64, g.Len())
	demands := map[[2]string]float64{}
	for i := range net.Demands {
		d := &net.Demands[i]
		demands[[2]string{d.Source, d.Target}] = float64(d.Bps)
	}
	fwd, bwd := make([]float64, len(edges)), make([]float64, len(edges))
	day := net.At(1)
	sends := func(node int) bool { // where nodes have a type, cities alone do
		t := net.Sites[net.SiteOf(day.Of(node))].Type
		return t == "" || t == "City"
	}
	for target := range int32(g.Len()) {
		if !sends(int(target)) {
			continue
		}
		for v := range traffic {
			traffic[v] = 0
			if sends(v) {
				traffic[v] = 1
			}
			if kind == "org" {
				traffic[v] = demands[[2]string{"element " + net.ID(v), "element " + net.ID(int(target))}] + demands[[2]string{"element " + net.ID(int(target)), "element " + net.ID(v)}]
			}
		}
		load := make([]float64, len(edges))
		s.From(target)
		s.Load(traffic, load)
		for i, e := range edges {
			switch da, db := s.Dist[e.A], s.Dist[e.B]; {
			case da > db:
				fwd[i] += load[i]
			case db > da:
				bwd[i] += load[i]
			}
		}
	}
	var most float64
	for i := range edges {
		most = max(most, fwd[i], bwd[i])
	}
	for i, w := range want {
		for k, got := range map[string]float64{"fwd": fwd[i] / most * 100, "bwd": bwd[i] / most * 100} {
			said := w.Ecmp_fwd[kind]
			if k == "bwd" {
				said = w.Ecmp_bwd[kind]
			}
			if math.Abs(got-said) > 0.011 {
				t.Errorf("%s, edge %d %s: %.3f, topohub says %.2f", kind, i, k, got, said)
				return
			}
		}
	}
}
