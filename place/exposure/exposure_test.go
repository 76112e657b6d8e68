package exposure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/gen"
	"github.com/wardein/wardein/place/graph"
)

var day = place.Day(2026, 11, 22)

// drawn is a small network with vendors, managing systems, demands and tunnels.
func drawn(t *rapid.T) *place.Network {
	b := place.NewBuilder()
	at := place.Origin{Source: b.Source(place.Source{Name: "drawn"})}
	vendors := []string{"alder", "birch", "cedar"}
	for _, v := range vendors {
		b.Vendor(place.Vendor{ID: v, Country: map[string]string{"alder": "XA", "birch": "XA", "cedar": "XC"}[v], At: at})
	}
	n := rapid.IntRange(2, 8).Draw(t, "elements")
	for i := range n {
		e := place.NewElement(at)
		e.ID = fmt.Sprint("e", i)
		e.Vendor = rapid.SampledFrom(append(vendors, "")).Draw(t, "vendor")
		e.Software = rapid.SampledFrom(append(vendors, "", "")).Draw(t, "software")
		e.Site = fmt.Sprint("s", i%3)
		b.Element(e)
	}
	for i := range 3 {
		b.Site(place.Site{ID: fmt.Sprint("s", i), Sensitive: []string{"none", "military", ""}[i], At: at})
	}
	name := func(label string) string { return fmt.Sprint("e", rapid.IntRange(0, n-1).Draw(t, label)) }
	for i := range rapid.IntRange(0, 14).Draw(t, "links") {
		l := place.NewLink(at)
		l.ID, l.A, l.B = fmt.Sprint("l", i), name("a"), name("b")
		l.Encrypted = rapid.SampledFrom([]string{"none", "ipsec", "macsec"}).Draw(t, "encrypted")
		l.Cost = int64(rapid.IntRange(1, 3).Draw(t, "cost"))
		b.Link(l)
	}
	for range rapid.IntRange(0, 4).Draw(t, "managers") {
		b.Dependency(place.Dependency{From: name("from"), To: name("to"), Kind: rapid.SampledFrom(place.Kinds).Draw(t, "kind"), At: at})
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "demands") {
		d := place.NewDemand(at)
		d.ID = fmt.Sprint("d", i)
		d.Source, d.Target = rapid.SampledFrom([]string{"all", "element " + name("source")}).Draw(t, "source"), "element "+name("target")
		d.Bps, d.Subscribers, d.Split = 1_000_000, 1000, rapid.SampledFrom(place.Splits).Draw(t, "split")
		b.Demand(d)
	}
	return b.Finish()
}

// TestBounds: always ≤ normally ≤ possibly ≤ all, content ≤ metadata ≤ control,
// and what all vendors see always is no more than what any sees possibly.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawn(t)
		for _, by := range Kinds {
			r, err := Of(context.Background(), n.At(day), Options{By: by})
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range r.Rows {
				for v, x := range row.Views {
					for _, amount := range [][3]int64{{x.Must.Bps, x.Expected.Bps, x.Could.Bps}, {x.Must.Subscribers, x.Expected.Subscribers, x.Could.Subscribers}, {x.Must.Sites, x.Expected.Sites, x.Could.Sites}} {
						if amount[0] > amount[1]+1 || amount[1] > amount[2]+1 {
							t.Fatalf("%s %s %s: %+v", by, row.Who, View(v), x)
						}
					}
					if x.Could.Bps > r.Total.Bps-r.Unrouted.Bps+1 {
						t.Fatalf("%s %s: %d of %d", by, row.Who, x.Could.Bps, r.Total.Bps)
					}
				}
				c, m, k := row.Views[Content], row.Views[Metadata], row.Views[Control]
				if c.Must.Bps > m.Must.Bps || c.Expected.Bps > m.Expected.Bps+1 || c.Could.Bps > m.Could.Bps || m.Must.Bps > k.Must.Bps || m.Expected.Bps > k.Expected.Bps+1 || m.Could.Bps > k.Could.Bps {
					t.Fatalf("%s %s: content %+v, metadata %+v, control %+v", by, row.Who, c, m, k)
				}
				if row.Lost != m.Must {
					t.Fatalf("%s: lost %+v, always %+v", row.Who, row.Lost, m.Must)
				}
			}
		}
	})
}

// TestPairs: all pairs are the sum over single sources, whatever the number of
// processors and wherever it was interrupted.
func TestPairs(t *testing.T) {
	n, err := gen.Network(gen.Options{Elements: 700, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	s := n.At(day)
	whole, err := AllPairs(context.Background(), s, "vendor", graph.ByHop, nil, func(*Pairs) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	var kept []byte
	_, err = AllPairs(context.Background(), s, "vendor", graph.ByHop, nil, func(p *Pairs) error {
		kept, _ = json.Marshal(p)
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	var half Pairs
	if err := json.Unmarshal(kept, &half); err != nil || half.Next != batch {
		t.Fatal(err, half.Next)
	}
	old := runtime.GOMAXPROCS(1)
	again, err := AllPairs(context.Background(), s, "vendor", graph.ByHop, &half, func(*Pairs) error { return nil })
	runtime.GOMAXPROCS(old)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(whole)
	b, _ := json.Marshal(again)
	if string(a) != string(b) {
		t.Errorf("%s\n%s", a, b)
	}
	if whole.Joined != int64(700*699) {
		t.Errorf("%d pairs", whole.Joined)
	}
	// One source, counted apart.
	parts, g := divide(s, "vendor"), Graph(s)
	search := g.NewSearch()
	var sum float64
	for v := range int32(g.Len()) {
		search.From(v)
		search.Avoid(parts.own, 5, graph.ByHop, false)
		for to := range int32(g.Len()) {
			if to != v {
				sum += 1 - search.Share(to, parts.own, 0)
			}
		}
	}
	if want := sum / float64(whole.Joined) * 1e6; math.Abs(float64(whole.Share(0))-want) > 2 {
		t.Errorf("%d, want %f", whole.Share(0), want)
	}
	half.Network = "another"
	if _, err := AllPairs(context.Background(), s, "vendor", graph.ByHop, &half, nil); err == nil {
		t.Error("goes on with another network")
	}
}

// BenchmarkPairs measures sources of 100,000 nodes, as all pairs takes them.
func BenchmarkPairs(b *testing.B) {
	n, err := gen.Network(gen.Options{Elements: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	s := n.At(day)
	parts := divide(s, "vendor")
	g, number := Graph(s).Renumbered()
	own := make([]uint64, g.Len())
	for v, k := range number {
		own[k] = parts.own[v]
	}
	w := &worker{own: own, search: g.NewSearch(), passed: make([]Wide, 5)}
	v := int32(0)
	for b.Loop() {
		w.source(v)
		v += 997
	}
	b.ReportMetric(b.Elapsed().Minutes()/float64(b.N)*100_000, "CPU-min/all")
}
