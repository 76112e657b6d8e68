package plan

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/gen"
	"github.com/wardein/wardein/place/policy"
)

// packs are the program's, about the vendors of the networks of place/gen.
func packs(t testing.TB) (list []*policy.Pack) {
	names, err := filepath.Glob("../policy/data/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for of, by := range map[string]string{"huawei": "alder", "zte": "birch"} {
			text = regexp.MustCompile(`(?i)\b`+of+`\b`).ReplaceAll(text, []byte(by))
		}
		p, err := policy.Read(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, p)
	}
	return list
}

// small draws a network of a few hundred elements.
func small(t *rapid.T) *place.Network {
	n, err := gen.Network(gen.Options{Elements: rapid.IntRange(150, 400).Draw(t, "elements"), Seed: rapid.Uint64Range(1, 50).Draw(t, "seed")})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var vendors = []string{"alder", "birch", "cedar", "not-there", ""}

func drawPlan(t *rapid.T, n *place.Network) *Plan {
	p := &Plan{Name: "drawn"}
	seen := map[string]bool{}
	for range rapid.IntRange(0, 30).Draw(t, "steps") {
		e := &n.Elements[rapid.IntRange(0, len(n.Elements)-1).Draw(t, "element")]
		if seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		p.Steps = append(p.Steps, Step{Date: place.Day(2024, 1, 1).Add(rapid.IntRange(0, 3000).Draw(t, "day")), Element: e.ID, Vendor: rapid.SampledFrom(vendors).Draw(t, "vendor")})
	}
	p.Sort()
	return p
}

// elements are a network's, without where they are from.
func elements(n *place.Network) []string {
	var list []string
	for i := range n.Elements {
		e := n.Elements[i]
		list = append(list, fmt.Sprint(e.ID, e.Vendor, e.Product, e.Release, e.From, e.To, e.Installed, e.NF, e.Site))
	}
	return list
}

func TestApplyTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := small(t)
		p := drawPlan(t, n)
		once := p.Apply(n)
		twice := p.Apply(once)
		if a, b := elements(once), elements(twice); !slices.Equal(a, b) {
			for i := range a {
				if i >= len(b) || a[i] != b[i] {
					t.Fatalf("%s, then %s", a[i], b[min(i, len(b)-1)])
				}
			}
			t.Fatal("more elements than before")
		}
		if len(twice.Gaps) != len(once.Gaps) {
			t.Fatalf("gaps: %v, then %v", once.Gaps, twice.Gaps)
		}
	})
}

func TestCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var items []item
		all := 0.0
		for i := range rapid.IntRange(1, 12).Draw(t, "items") {
			it := item{int32(i), float64(rapid.IntRange(0, 20).Draw(t, "measure")), rapid.Int64Range(0, 30).Draw(t, "price")}
			items, all = append(items, it), all+it.measure
		}
		need := math.Floor(all * rapid.Float64Range(0, 1).Draw(t, "need"))
		least := int64(math.MaxInt64)
		for set := range 1 << len(items) {
			have, price := 0.0, int64(0)
			for i, it := range items {
				if set>>i&1 == 1 {
					have, price = have+it.measure, price+it.price
				}
			}
			if have >= need {
				least = min(least, price)
			}
		}
		chosen, price, bound, exact := cover(items, need)
		have := 0.0
		for _, it := range chosen {
			have += it.measure
		}
		if have < need || !exact || price != least || bound != least || sum(chosen) != price {
			t.Fatalf("%v for %v: price %d, bound %d, exact %v; want %d", chosen, need, price, bound, exact, least)
		}
	})
}

func TestCoverLarge(t *testing.T) {
	var items []item
	for i := range 20_000 {
		items = append(items, item{int32(i), float64(1000 + i*7919%997), int64(50_000 + i*104729%30_011)})
	}
	chosen, price, bound, _ := cover(items, 7_000_000)
	if bound > price || float64(price-bound) > 0.01*float64(price) || len(chosen) == 0 {
		t.Errorf("price %d, bound %d", price, bound)
	}
}

func TestGenerateRules(t *testing.T) {
	packs := packs(t)
	m, err := common()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for seed := range uint64(3) {
		n, err := gen.Network(gen.Options{Elements: 1500, Seed: seed + 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, pack := range packs {
			g, s := generate(t, n, m, Goal{Packs: []*policy.Pack{pack}, Unverified: true})
			found += len(g.Plan.Steps)
			after := g.Plan.Apply(n).At(s.Date)
			results, err := pack.Judge(context.Background(), after, policy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				unmet := slices.ContainsFunc(g.Unmet, func(u Unmet) bool { return strings.HasPrefix(u.For, r.Rule.ID) })
				if (len(r.Broken) > 0 || r.Outcome == policy.Breaks) && !unmet {
					t.Errorf("%s: %s is still broken by %d elements, and nothing says so", pack.ID, r.Rule.ID, len(r.Broken))
				}
			}
			// With anchors no 5G element goes and leaves its maker's 4G below it.
			with, _ := generate(t, n, m, Goal{Packs: []*policy.Pack{pack}, Unverified: true, Anchors: true})
			var nodes []int32
			for _, step := range with.Plan.Steps {
				nodes = append(nodes, int32(n.Node(step.Element)))
			}
			if left := Anchors(s, nodes); len(left) > 0 || len(nodes) < len(g.Plan.Steps) {
				t.Errorf("%s: %d anchors stay, with %d steps of %d", pack.ID, len(left), len(nodes), len(g.Plan.Steps))
			}
			for _, u := range g.Unmet {
				t.Logf("%s: %s: %d elements: %s", pack.ID, u.For, u.Elements, u.Why)
			}
		}
	}
	if found < 100 {
		t.Errorf("%d steps: the packs' vendors are not those of the networks", found)
	}
}

// generate plans for a goal, and checks what holds for every plan.
func generate(t testing.TB, n *place.Network, m *Model, goal Goal) (*Generated, *place.Snapshot) {
	t.Helper()
	s := n.At(place.Day(2028, 1, 1))
	g, err := Generate(context.Background(), s, m, goal)
	if err != nil {
		t.Fatal(err)
	}
	if g.Least > g.Price || g.Exact != (g.Least == g.Price) || g.Least < 0 {
		t.Errorf("at least %d, price %d, exact %v", g.Least, g.Price, g.Exact)
	}
	for _, p := range g.Parts {
		if p.Least > p.Price || p.Exact && p.Least != p.Price {
			t.Errorf("%+v", p)
		}
	}
	return g, s
}

// vendorOf is the vendor that normally sees most.
func vendorOf(t testing.TB, s *place.Snapshot) (string, int64) {
	x, err := exposure.Of(context.Background(), s, exposure.Options{By: "vendor"})
	if err != nil || len(x.Rows) == 0 {
		t.Fatal(err)
	}
	r := x.Rows[0]
	return r.Who, ppm(r.Views[exposure.Metadata].Expected.Bps, x.Total.Bps)
}

func TestGenerateBounds(t *testing.T) {
	m, err := common()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(4) {
		n, err := gen.Network(gen.Options{Elements: 400, Seed: seed + 1})
		if err != nil {
			t.Fatal(err)
		}
		who, now := vendorOf(t, n.At(place.Day(2028, 1, 1)))
		for _, b := range []Bound{{who, exposure.Metadata, false, now / 2}, {who, exposure.Content, false, now / 4}, {who, exposure.Metadata, false, 0}, {who, exposure.Metadata, true, 0}, {who, exposure.Content, true, 0}} {
			g, s := generate(t, n, m, Goal{Bounds: []Bound{b}})
			x, err := exposure.Of(context.Background(), g.Plan.Apply(n).At(s.Date), exposure.Options{By: "vendor"})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range x.Rows {
				of := r.Views[b.View].Expected.Bps
				if b.Always {
					of = r.Views[b.View].Must.Bps
				}
				if r.Who == who && ppm(of, x.Total.Bps) > b.Max && len(g.Unmet) == 0 {
					t.Errorf("seed %d, %s: %d of a million", seed, b, ppm(of, x.Total.Bps))
				}
			}
			t.Logf("seed %d, %s of %d ppm: %d steps, %d, at least %d, unmet %v", seed, b, now, len(g.Plan.Steps), g.Price, g.Least, g.Unmet)
		}
	}
}

// TestBoundExact compares the bound with the best of all sets of a few elements.
func TestBoundExact(t *testing.T) {
	m, err := common()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := place.NewBuilder()
		at := place.Origin{Source: b.Source(place.Source{Name: "drawn"})}
		nodes := rapid.IntRange(4, 8).Draw(t, "nodes")
		var mine []string
		for i := range nodes {
			e := place.NewElement(at)
			e.ID, e.NF, e.Vendor, e.Traffic = fmt.Sprintf("e%d", i), "router", "cedar", 1
			e.Installed = place.Day(2018+rapid.IntRange(0, 9).Draw(t, "installed"), 1, 1)
			if rapid.Bool().Draw(t, "mine") {
				e.Vendor = "alder"
				mine = append(mine, e.ID)
			}
			b.Element(e)
		}
		for range rapid.IntRange(nodes-1, 2*nodes).Draw(t, "links") {
			l := place.NewLink(at)
			l.A, l.B = fmt.Sprintf("e%d", rapid.IntRange(0, nodes-1).Draw(t, "a")), fmt.Sprintf("e%d", rapid.IntRange(0, nodes-1).Draw(t, "b"))
			if l.A == l.B {
				continue
			}
			l.ID, l.Layer, l.Cost = l.A+l.B, "L3", int64(rapid.IntRange(1, 3).Draw(t, "cost"))
			b.Link(l)
		}
		d := place.NewDemand(at)
		d.ID, d.Source, d.Target, d.Class, d.Bps = "d", "all", "element e0", "user", 1_000_000
		b.Demand(d)
		n := b.Finish()
		s := n.At(place.Day(2028, 1, 1))
		bound := Bound{"alder", exposure.Metadata, rapid.Bool().Draw(t, "always"), 0}
		if !bound.Always {
			bound.Max = rapid.Int64Range(0, 800_000).Draw(t, "max")
		}
		g, err := Generate(context.Background(), s, m, Goal{Bounds: []Bound{bound}})
		if err != nil {
			t.Fatal(err)
		}
		seen := func(p *Plan) int64 {
			x, err := exposure.Of(context.Background(), p.Apply(n).At(s.Date), exposure.Options{By: "vendor"})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range x.Rows {
				if r.Who == "alder" {
					if bound.Always {
						return ppm(r.Views[bound.View].Must.Bps, x.Total.Bps)
					}
					return ppm(r.Views[bound.View].Expected.Bps, x.Total.Bps)
				}
			}
			return 0
		}
		if seen(g.Plan) > bound.Max {
			t.Fatalf("%s: %d of a million", bound, seen(g.Plan))
		}
		best := int64(math.MaxInt64)
		for set := range 1 << len(mine) {
			p, price := &Plan{}, int64(0)
			for i, id := range mine {
				if set>>i&1 == 1 {
					p.Steps = append(p.Steps, Step{Date: s.Date, Element: id, Vendor: "cedar"})
					price += m.priceOf(s.Of(n.Node(id)), s.Date)
				}
			}
			if price < best && seen(p) <= bound.Max {
				best = price
			}
		}
		if g.Least > best || g.Price < best {
			t.Fatalf("%s: best %d, ours %d, at least %d", bound, best, g.Price, g.Least)
		}
	})
}

func TestSpread(t *testing.T) {
	m, err := common()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := small(t)
		p := drawPlan(t, n)
		decided := place.Day(2024, 1, 1)
		pace := Pace{rapid.Int64Range(1, 10).Draw(t, "sites"), rapid.Int64Range(1, 20).Draw(t, "elements"), rapid.Int64Range(0, 12).Draw(t, "lead"), 1}
		s, err := Spread(context.Background(), n, p, pace, decided)
		if err != nil {
			t.Fatal(err)
		}
		when := map[string]place.Date{}
		perMonth := map[place.Date]int{}
		for _, step := range s.Plan.Steps {
			when[step.Element] = step.Date
			perMonth[step.Date]++
			if step.Date <= decided.AddMonths(int(pace.Lead)) || step.Wave < 1 || step.Wave > len(s.Waves) {
				t.Fatalf("%+v", step)
			}
		}
		for i := range n.Dependencies {
			d := &n.Dependencies[i]
			a, okA := when[d.From]
			b, okB := when[d.To]
			if okA && okB && (d.Kind == place.AnchoredOn || d.Kind == place.RunsOn) && b > a && s.Circles == 0 {
				t.Fatalf("%s goes on %s, before what it needs, %s on %s", d.From, a, d.To, b)
			}
		}
		steps := 0
		for i, w := range s.Waves {
			steps += w.Elements
			if int64(w.Sites) > pace.Sites || w.Number != i+1 {
				t.Fatalf("%+v, with %d sites a month", w, pace.Sites)
			}
		}
		if steps != len(s.Plan.Steps) {
			t.Fatalf("%d steps in waves of %d", steps, len(s.Plan.Steps))
		}
		again, err := Spread(context.Background(), n, p, pace, decided)
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatal("another schedule the second time")
		}
		a, err := Cost(context.Background(), n, s.Plan, m, Options{AsOf: decided})
		if err != nil {
			t.Fatal(err)
		}
		if a.Cost.Low > a.Cost.Mid || a.Cost.Mid > a.Cost.High || a.Months.Low > a.Months.High || a.Elements != len(s.Plan.Steps) {
			t.Fatalf("%+v", a)
		}
		for name, write := range map[string]func(*bytes.Buffer) error{
			"csv": func(b *bytes.Buffer) error { return s.Plan.WriteNetBoxCSV(b, n) }, "json": func(b *bytes.Buffer) error { return s.Plan.WriteNetBoxJSON(b, n) },
			"money": func(b *bytes.Buffer) error { return a.WriteMoney(b) }} {
			var b bytes.Buffer
			if err := write(&b); err != nil || b.Len() == 0 {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}
