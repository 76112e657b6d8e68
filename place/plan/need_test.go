package plan

import (
	"context"
	"testing"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/gen"
	"github.com/wardein/wardein/place/policy"
)

// TestNeed: a plan answers first when each region has to begin, and says on every
// rule's date what is broken with and without it.
func TestNeed(t *testing.T) {
	ctx := context.Background()
	n, err := gen.Network(gen.Options{Elements: 2000, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	m, err := common()
	if err != nil {
		t.Fatal(err)
	}
	all := packs(t)
	decided := place.Day(2026, 11, 22)
	s := n.At(place.Day(2028, 1, 1))
	steps, needs := &Plan{Name: "needs"}, 0
	for _, pack := range all {
		results, err := pack.Judge(ctx, s, policy.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range results {
			need, err := NeedOf(ctx, s, &results[i], m, decided, Options{AsOf: decided}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if need.Plan == nil {
				continue
			}
			needs++
			steps.Add(need.Plan)
			elements := 0
			for k, start := range need.Starts {
				elements += start.Elements
				if start.Early > start.Late || start.Late > need.Deadline || start.Passed != (start.Late < decided) {
					t.Errorf("%s: %+v by %s", results[i].Rule.ID, start, need.Deadline)
				}
				if k == 0 && (need.Late != start.Late || need.Region != start.Region) {
					t.Errorf("%s: the slowest region is %s, not %s", results[i].Rule.ID, start.Region, need.Region)
				}
			}
			if elements != need.Cost.Elements || elements != len(need.Plan.Steps) {
				t.Errorf("%s: %d elements in regions of %d", results[i].Rule.ID, elements, need.Cost.Elements)
			}
			for _, in := range need.Incoming {
				if in.Examined != NotExamined || in.After < in.Before {
					t.Errorf("%+v", in)
				}
			}
			if len(need.Outgoing) == 0 {
				t.Errorf("%s: nobody goes", results[i].Rule.ID)
			}
		}
	}
	if needs == 0 {
		t.Fatal("no rule is broken")
	}
	dates := RuleDates(all, place.Day(2026, 1, 1), place.Day(2030, 1, 1))
	moments, err := Timeline(ctx, n, steps, all, dates, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(moments) != len(dates) || len(dates) < 3 {
		t.Fatalf("%d moments of %d dates", len(moments), len(dates))
	}
	better := 0
	for i, mo := range moments {
		if mo.Date != dates[i] || len(mo.Vendors) == 0 {
			t.Errorf("%+v", mo)
		}
		for _, r := range mo.Rules {
			if mo.Steps == 0 && r.With != r.Without {
				t.Errorf("%s: %+v, though no step is done", mo.Date, r)
			}
			if r.With.Broken < r.Without.Broken {
				better++
			}
			if r.With.Broken > r.Without.Broken {
				t.Errorf("%s: %s is broken by %d, without the plan by %d", mo.Date, r.Rule, r.With.Broken, r.Without.Broken)
			}
		}
	}
	if better == 0 {
		t.Error("the plan mends nothing")
	}
}

// TestSliders: what is due anyway lowers the cost, higher prices raise it, and
// both stand in the answer.
func TestSliders(t *testing.T) {
	n, err := gen.Network(gen.Options{Elements: 2000, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	m, err := common()
	if err != nil {
		t.Fatal(err)
	}
	p := replace(n, "alder", "cedar", place.Day(2027, 6, 1))
	cost := func(due, uplift int64) *Answer {
		a, err := Cost(context.Background(), n, p, m, Options{AsOf: place.Day(2026, 1, 1), Due: &due, Uplift: &uplift})
		if err != nil {
			t.Fatal(err)
		}
		if a.Due != (Range{due, due, due}) || a.Uplift != (Range{uplift, uplift, uplift}) || !a.DueSet || !a.UpliftSet {
			t.Errorf("%+v, %+v", a.Due, a.Uplift)
		}
		var years, parts int64
		for _, y := range a.Years {
			years += y.Cost.Mid
		}
		for _, part := range a.Parts {
			if part.Counted {
				parts += part.Cost.Mid
			}
		}
		if len(a.Years) != 1 || years != a.Cost.Mid || parts < a.Cost.Mid*8/10 || parts > a.Cost.Mid*12/10 {
			t.Errorf("cost %d, of years %d, of parts %d", a.Cost.Mid, years, parts)
		}
		return a
	}
	base := cost(0, 0)
	if half := cost(500_000, 0); half.Cost.Mid >= base.Cost.Mid {
		t.Error("half is due, and it costs no less")
	}
	if dear := cost(0, 200_000); dear.Cost.Mid != base.Cost.Mid*12/10 && dear.Cost.Mid-base.Cost.Mid*12/10 > 2 {
		t.Errorf("%d, and a fifth dearer %d", base.Cost.Mid, dear.Cost.Mid)
	}
}

// BenchmarkWhatIf: what replacing a region's radio of one vendor changes, on 100k
// elements: the network under the plan, a pack judged, and the cost.
func BenchmarkWhatIf(b *testing.B) {
	n, err := gen.Network(gen.Options{Elements: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	m, err := common()
	if err != nil {
		b.Fatal(err)
	}
	region := n.Sites[0].Region
	p := &Plan{Name: "region"}
	for i := range n.Elements {
		e := &n.Elements[i]
		if at := n.SiteOf(e); at >= 0 && n.Sites[at].Region == region && e.Vendor == "alder" {
			p.Steps = append(p.Steps, Step{Date: place.Day(2027, 6, 1), Element: e.ID, Vendor: "cedar"})
		}
	}
	all := packs(b)[:1]
	b.ReportAllocs()
	b.ReportMetric(float64(len(p.Steps)), "steps")
	for b.Loop() {
		if _, err := stateOf(context.Background(), p.Apply(n).At(place.Day(2028, 1, 1)), all, policy.Options{}); err != nil {
			b.Fatal(err)
		}
		if _, err := Cost(context.Background(), n, p, m, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	n, err := gen.Network(gen.Options{Elements: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	p := replace(n, "alder", "cedar", place.Day(2027, 6, 1))
	for b.Loop() {
		p.Apply(n)
	}
}

func BenchmarkSpread(b *testing.B) {
	n, err := gen.Network(gen.Options{Elements: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	m, err := common()
	if err != nil {
		b.Fatal(err)
	}
	p := replace(n, "alder", "cedar", place.Day(2027, 6, 1))
	b.ReportMetric(float64(len(p.Steps)), "steps")
	for b.Loop() {
		if _, err := Spread(context.Background(), n, p, PaceOf(m), place.Day(2026, 1, 1)); err != nil {
			b.Fatal(err)
		}
	}
}

// TestLate: a step of two rules is late for the earlier, and not for the other.
func TestLate(t *testing.T) {
	n, err := gen.Network(gen.Options{Elements: 500, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := replace(n, "alder", "cedar", place.Day(2027, 12, 31))
	for i := range p.Steps {
		p.Steps[i].Why = "late"
		if i%2 == 0 {
			p.Steps[i].Why, p.Steps[i].Date = "early late", place.Day(2026, 12, 31)
		}
	}
	p.Sort()
	s, err := Spread(context.Background(), n, p, Pace{1000, 1000, 2, 1}, place.Day(2026, 11, 22))
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, l := range s.Late {
		if l.Rule != "early" || l.Deadline != place.Day(2026, 12, 31) || l.Last <= l.Deadline {
			t.Errorf("%+v", l)
		}
		steps += l.Steps
	}
	if steps != (len(p.Steps)+1)/2 {
		t.Errorf("%d steps are late, of %d", steps, len(p.Steps))
	}
}
