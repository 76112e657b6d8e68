package plan

import (
	"bytes"
	"context"
	"reflect"
	"testing"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/gen"
)

// replace is the plan that replaces all radio access of one vendor on a day.
func replace(n *place.Network, from, to string, day place.Date) *Plan {
	p := &Plan{Name: "test"}
	for i := range n.Elements {
		e := &n.Elements[i]
		if f, _ := place.FunctionOf(e.NF); e.Vendor == from && f.Group == "access-radio" {
			p.Steps = append(p.Steps, Step{Date: day, Element: e.ID, Vendor: to})
		}
	}
	p.Sort()
	return p
}

func TestApply(t *testing.T) {
	n, err := gen.Network(gen.Options{Elements: 2000, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	day := place.Day(2027, 6, 1)
	p := replace(n, "alder", "cedar", day)
	after := p.Apply(n)
	if len(after.Gaps) != len(n.Gaps) {
		t.Fatalf("gaps: %v", after.Gaps)
	}
	count := func(n *place.Network, d place.Date, vendor string) (k int) {
		s := n.At(d)
		for node := range s.Element {
			if e := s.Of(node); e != nil && e.Vendor == vendor {
				k++
			}
		}
		return k
	}
	before, gone := count(n, day, "alder"), count(after, day, "alder")
	if count(after, day.Add(-1), "alder") != before || before-gone != len(p.Steps) || count(after, day, "cedar") != count(n, day, "cedar")+len(p.Steps) {
		t.Errorf("alder %d, then %d, with %d steps", before, gone, len(p.Steps))
	}
	if after.Nodes() != n.Nodes() {
		t.Errorf("%d nodes, want %d", after.Nodes(), n.Nodes())
	}
	var b bytes.Buffer
	if err := p.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	again, err := ReadCSV("test", &b)
	if err != nil || !reflect.DeepEqual(p, again) {
		t.Errorf("read again: %v", err)
	}
	m, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range m {
		a, err := Cost(context.Background(), n, p, m, Options{AsOf: place.Day(2026, 1, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if a.Cost.Low > a.Cost.Mid || a.Cost.Mid > a.Cost.High || a.Elements != len(p.Steps) {
			t.Errorf("%s: %+v", m.ID, a)
		}
		t.Logf("%s: %+v", m.ID, a.Cost)
	}
}
