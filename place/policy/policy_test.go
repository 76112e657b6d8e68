package policy

import (
	"context"
	"testing"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/gen"
)

// TestFixtures: every fixture of every pack ends as it says.
func TestFixtures(t *testing.T) {
	packs, err := Packs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		n, wrong := p.Test(context.Background())
		for _, w := range wrong {
			t.Errorf("%s: %s", p.ID, w)
		}
		if n == 0 {
			t.Errorf("%s has no fixtures", p.ID)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	n, err := gen.Network(gen.Options{Elements: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	packs, err := Packs()
	if err != nil {
		b.Fatal(err)
	}
	s := n.At(place.Day(2026, 11, 22))
	rules := 0
	for b.Loop() {
		rules = 0
		for _, p := range packs {
			r, err := p.Judge(context.Background(), s, Options{})
			if err != nil {
				b.Fatal(err)
			}
			rules += len(r)
		}
	}
	b.ReportMetric(float64(rules), "rules")
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*rules), "ms/rule")
}
