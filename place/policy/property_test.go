package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein/place"
)

// properties are rules of every kind, over facts that the tests draw.
const properties = `
id: properties
title: t
source: {title: t, reference: r}
lists: {listed: [{name: ash}]}
layers: {radio: [nf gNB]}
rules:
  - {id: single, title: t, clause: c, kind: policy, status: verified, when: 'operator["x"] == "yes"', scope: '"radio" in layers', breaks: 'any_in(makers, listed) && (procured > date("2020-01-01") || facts["y"] == "yes")', fixtures: &f [
      {name: a, as_of: 2020-01-01, element: {vendor: ash}, want: breaks}, {name: b, as_of: 2020-01-01, element: {vendor: ash}, want: complies}]}
  - {id: share, title: t, clause: c, kind: policy, status: verified, scope: '"radio" in layers', share: {measure: premises, of: "any_in(makers, listed)", per: [region], max: 35 %}, fixtures: *f}
  - {id: most, title: t, clause: c, kind: policy, status: verified, scope: '"radio" in layers', count: {of: 'facts["y"] == "yes"', distinct: vendor, per: [region], max: 1}, fixtures: *f}
  - {id: least, title: t, clause: c, kind: policy, status: verified, scope: '"radio" in layers', count: {of: 'facts["y"] == "yes"', distinct: vendor, per: [region], min: 2}, fixtures: *f}
  - {id: concentration, title: t, clause: c, kind: policy, status: verified, scope: '"radio" in layers', concentration: {measure: premises, of: 'facts["y"] == "yes"', distinct: vendor, per: [region], max: 60 %}, fixtures: *f}
  - {id: even, title: t, clause: c, kind: policy, status: verified, scope: 'group != "management"', concentration: {measure: elements, distinct: vendor, max: 60 %}, fixtures: *f}
  - {id: dependency, title: t, clause: c, kind: policy, status: verified, scope: '"radio" in layers', dependency: {kinds: [managed-by], list: listed, measure: elements, max: 40 %}, fixtures: *f}
`

// drawn are the values that a fact of a fixture may have. A measure lies within
// what is known of its function, since that is what an interval assumes.
var drawn = map[string][]string{
	"nf": {"gNB", "AMF"}, "vendor": {"ash", "elm", "oak"}, "procured": {"2020-01-01", "2020-01-02"}, "fact.y": {"yes", "no"},
	"region": {"north", "south"}, "premises": {"0", "1", "4"}, "managed_by_vendor": {"ash", "elm"},
}

// network draws facts, some of which are not known, and lists those.
func network(t *rapid.T, most int) (f *Fixture, open [][2]string) {
	f = &Fixture{AsOf: place.Day(2021, 1, 1), Operator: map[string]string{"x": "yes"}}
	n := rapid.IntRange(1, 4).Draw(t, "elements")
	for i := range n {
		e := map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(drawn)) {
			if len(open) < most && rapid.IntRange(0, 5).Draw(t, name+" is open") == 0 {
				open = append(open, [2]string{strconv.Itoa(i), name})
				continue
			}
			e[name] = rapid.SampledFrom(drawn[name]).Draw(t, name)
		}
		f.Elements = append(f.Elements, e)
	}
	// One of each function has the greatest measure, which bounds the others.
	for _, nf := range drawn["nf"] {
		f.Elements = append(f.Elements, map[string]string{"nf": nf, "vendor": "oak", "procured": "2020-01-01", "fact.y": "yes", "region": "north", "premises": "4", "managed_by_vendor": "elm"})
	}
	return f, open
}

// with is a fixture with one more fact.
func (f *Fixture) with(at [2]string, value string) *Fixture {
	out := *f
	out.Elements = slices.Clone(f.Elements)
	i, _ := strconv.Atoi(at[0])
	out.Elements[i] = maps.Clone(f.Elements[i])
	out.Elements[i][at[1]] = value
	return &out
}

func propertyPack(t *testing.T) *Pack {
	p, err := Read(strings.NewReader(properties))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// verdict is a result with the IDs of its elements: networks number them anew.
type verdict struct {
	*Result
	broken, fine []string
}

func judged(t *rapid.T, p *Pack, r *Rule, f *Fixture) verdict {
	net, ev, err := f.network()
	if err != nil {
		t.Fatal(err)
	}
	res, err := newScene(p, net.At(f.AsOf), ev).judge(context.Background(), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := verdict{Result: res}
	for _, n := range res.Broken {
		v.broken = append(v.broken, net.ID(int(n)))
	}
	for _, n := range res.Fine {
		v.fine = append(v.fine, net.ID(int(n)))
	}
	return v
}

// completions gives every fixture in which the open facts have some value.
func completions(f *Fixture, open [][2]string, visit func(*Fixture)) {
	if len(open) == 0 {
		visit(f)
		return
	}
	for _, value := range drawn[open[0][1]] {
		completions(f.with(open[0], value), open[1:], visit)
	}
}

// TestCompletions: what a rule says while facts are missing holds for whatever
// they turn out to be: breaks and complies stay, and every share, count and index
// lies in its interval.
func TestCompletions(t *testing.T) {
	p := propertyPack(t)
	rapid.Check(t, func(t *rapid.T) {
		f, open := network(t, 4)
		for i := range p.Rules {
			r := &p.Rules[i]
			before := judged(t, p, r, f)
			completions(f, open, func(full *Fixture) {
				after := judged(t, p, r, full)
				if why := agrees(before, after); why != "" {
					t.Fatalf("%s: %s\n%+v\n%+v\nof %v\nand %v", r.ID, why, before.Groups, after.Groups, f.Elements, full.Elements)
				}
			})
		}
	})
}

// agrees says in what a result with more facts contradicts one with fewer.
func agrees(before, after verdict) string {
	settled := before.Outcome == Breaks || before.Outcome == Complies && after.Outcome != OutOfScope || before.Outcome == OutOfScope
	if settled && after.Outcome != before.Outcome {
		return fmt.Sprintf("was %s, is %s", before.Outcome, after.Outcome)
	}
	for _, id := range before.broken {
		if before.Rule.Breaks != "" && !slices.Contains(after.broken, id) {
			return id + " no longer breaks it"
		}
	}
	for _, id := range before.fine {
		if slices.Contains(after.broken, id) {
			return id + " complied and breaks it"
		}
	}
	for i := range after.Groups {
		g := &after.Groups[i]
		if g.Outcome == OutOfScope {
			continue
		}
		k := slices.IndexFunc(before.Groups, func(b Group) bool { return slices.Equal(b.Key, g.Key) })
		if k < 0 { // what may stand anywhere is the last
			k = len(before.Groups) - 1
		}
		if k < 0 || g.Low < before.Groups[k].Low || g.High > before.Groups[k].High {
			return fmt.Sprintf("%v: %d-%d is not in what was said before", g.Key, g.Low, g.High)
		}
	}
	return ""
}

// TestForgetting: a fact that is taken away turns breaks and complies into
// nothing but undetermined, and the facts that are missing are counted once for
// each element.
func TestForgetting(t *testing.T) {
	p := propertyPack(t)
	rapid.Check(t, func(t *rapid.T) {
		f, _ := network(t, 2)
		i := rapid.IntRange(0, len(f.Elements)-3).Draw(t, "which")
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(drawn))).Draw(t, "forgotten")
		less := f.with([2]string{strconv.Itoa(i), name}, "")
		delete(less.Elements[i], name)
		for k := range p.Rules {
			r := &p.Rules[k]
			before, after := judged(t, p, r, less), judged(t, p, r, f)
			if why := agrees(before, after); why != "" {
				t.Fatalf("%s without %s: %s\n%+v\n%+v\nof %v", r.ID, name, why, before.Groups, after.Groups, less.Elements)
			}
			for _, m := range before.Missing {
				if m.Elements > len(f.Elements) {
					t.Fatalf("%s: %s is missing of %d elements of %d", r.ID, m.Fact, m.Elements, len(f.Elements))
				}
			}
		}
	})
}

// TestBlind: without looking at origin no rule is judged that reads who made
// something, and the others end as they do else, whoever made it.
func TestBlind(t *testing.T) {
	packs, err := Packs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(packs, propertyPack(t)) {
		for i := range p.Rules {
			r := &p.Rules[i]
			for k := range r.Fixtures {
				net, ev, err := r.Fixtures[k].network()
				if err != nil {
					t.Fatal(err)
				}
				s := newScene(p, net.At(r.Fixtures[k].AsOf), ev)
				res, err := s.judge(context.Background(), r, Options{Blind: true})
				if err != nil {
					t.Fatal(err)
				}
				reads := slices.ContainsFunc(r.Reads(), func(n string) bool { v := variableOf(n); return v != nil && v.origin }) || r.Dependency != nil
				if reads != strings.HasPrefix(res.Why, "not judged without") {
					t.Errorf("%s %s: reads origin: %v, why: %q", p.ID, r.ID, reads, res.Why)
				}
			}
		}
	}
}

// TestDependency: what manages the manager counts, and the systems are what
// breaks the rule.
func TestDependency(t *testing.T) {
	b := place.NewBuilder()
	at := place.Origin{Source: b.Source(place.Source{Name: "test"})}
	for _, e := range [][3]string{{"a", "gNB", "oak"}, {"b", "gNB", "oak"}, {"ems", "EMS", "elm"}, {"nms", "NMS", "ash"}} {
		x := place.NewElement(at)
		x.ID, x.NF, x.Vendor = e[0], e[1], e[2]
		b.Element(x)
	}
	for _, v := range []string{"oak", "elm", "ash"} {
		b.Vendor(place.Vendor{ID: v, At: at})
	}
	for _, d := range [][2]string{{"a", "ems"}, {"b", "ems"}, {"ems", "nms"}, {"nms", "ems"}} { // a ring ends, too
		b.Dependency(place.Dependency{From: d[0], To: d[1], Kind: place.ManagedBy, At: at})
	}
	n := b.Finish()
	p := propertyPack(t)
	r := &p.Rules[slices.IndexFunc(p.Rules, func(r Rule) bool { return r.ID == "dependency" })]
	res, err := newScene(p, n.At(place.Day(2021, 1, 1)), nil).judge(context.Background(), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Outcome != Breaks || !slices.Equal(res.Broken, []int32{int32(n.Node("nms"))}) || len(res.Groups) != 1 || res.Groups[0].Low != 1_000_000 || len(res.Groups[0].Members) != 2 {
		t.Errorf("%s, broken %v, groups %+v", res.Outcome, res.Broken, res.Groups)
	}
}

// TestMissingOnce: an element that may belong to any group lacks a fact once.
func TestMissingOnce(t *testing.T) {
	p := propertyPack(t)
	f := &Fixture{AsOf: place.Day(2021, 1, 1), Elements: []map[string]string{{"nf": "gNB", "vendor": "elm"}}}
	for _, region := range []string{"north", "south", "west"} {
		f.Elements = append(f.Elements, map[string]string{"nf": "gNB", "vendor": "oak", "premises": "4", "region": region, "fact.y": "yes"})
	}
	for id, want := range map[string][]Missing{
		"share":         {{"premises", 1}, {"region", 1}},
		"most":          {{"fact y", 1}, {"region", 1}},
		"concentration": {{"fact y", 1}, {"premises", 1}, {"region", 1}},
	} {
		r := &p.Rules[slices.IndexFunc(p.Rules, func(r Rule) bool { return r.ID == id })]
		res, err := p.judgeFixture(context.Background(), r, f)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(res.Missing, want) {
			t.Errorf("%s: missing %v, want %v", id, res.Missing, want)
		}
	}
}
