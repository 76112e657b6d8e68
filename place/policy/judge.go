package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
)

// Result is how one rule ends on a network.
type Result struct {
	Pack *Pack
	Rule *Rule
	// Outcome is that of the whole network: breaks if anything breaks it, else
	// undetermined if anything might.
	Outcome Outcome
	// Counts are elements by outcome, where the rule speaks of single ones.
	Counts [Outcomes]int
	// Broken, Open and Fine are the nodes that break it, those of which it can't
	// be told, and those that comply, in order.
	Broken, Open, Fine []int32
	// Groups are the shares or counts of the rule, by group.
	Groups []Group
	// Missing are the facts that are missing and of how many elements, most
	// first; "" none.
	Missing []Missing
	// Why says why the whole rule is out of scope or was not judged.
	Why string
}

// Missing is a fact that a rule needs and that is not known.
type Missing struct {
	Fact     string
	Elements int
}

// Group is one part of a network that a share or count is of.
type Group struct {
	// Key are the values of the rule's Per, in its order.
	Key     []string
	Outcome Outcome
	// Low and High bound the share in parts per million, or the count.
	Low, High int64
	// Whole is what a share is of, in its measure, at the least share.
	Whole int64
	// Members are the nodes that are counted, Uncertain those of which a
	// fact is missing. Assumed says what the interval takes for granted.
	Members, Uncertain []int32
	Assumed            string
}

// Options say how to judge.
type Options struct {
	Evidence *Evidence
	// Blind leaves out every rule that reads who made something.
	Blind bool
}

// Judge judges a network on a day by a pack, rule by rule in the pack's order.
func (p *Pack) Judge(ctx context.Context, at *place.Snapshot, o Options) ([]Result, error) {
	s := newScene(p, at, o.Evidence)
	var list []Result
	for i := range p.Rules {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := s.judge(ctx, &p.Rules[i], o)
		if err != nil {
			return nil, err
		}
		r.Pack = p
		list = append(list, *r)
	}
	return list, nil
}

func (s *scene) judge(ctx context.Context, r *Rule, o Options) (*Result, error) {
	res := &Result{Rule: r}
	if o.Blind {
		if name := r.readsOrigin(); name != "" {
			res.Why = "not judged without looking at origin: it reads " + name
			return res, nil
		}
	}
	if why := s.outside(r, res); why != "" {
		res.Why = why
		return res, nil
	}
	if res.Outcome == Undetermined { // whether it binds at all is not known
		return res, nil
	}
	missing := missingFacts{}
	var err error
	switch {
	case r.Share != nil:
		s.share(ctx, r, res, missing)
	case r.Count != nil:
		s.count(ctx, r, res, missing)
	case r.Concentration != nil:
		s.concentration(ctx, r, res, missing)
	case r.Dependency != nil:
		s.dependency(ctx, r, res, missing)
	case r.Exposure != nil:
		err = s.exposed(ctx, r, res)
	default:
		s.each(ctx, r, res, missing)
	}
	res.Missing = append(res.Missing, missing.list()...)
	if err = cmp.Or(err, s.fault, ctx.Err()); err != nil {
		return nil, fmt.Errorf("rule %s: %w", r.ID, err)
	}
	return res, nil
}

// outside says why a rule does not speak of the network on the day.
func (s *scene) outside(r *Rule, res *Result) string {
	span := place.Span{From: r.From, To: r.To}
	if !span.On(s.Date) {
		if s.Date < r.From {
			return "binds from " + r.From.String()
		}
		return "bound until " + r.To.Add(-1).String()
	}
	t := r.when.eval(s, -1, newCache())
	switch t.Truth {
	case place.No:
		return "does not speak of this operator: " + r.When
	case place.NotKnown:
		res.Outcome = Undetermined
		for _, name := range t.missing {
			res.Missing = append(res.Missing, Missing{Fact: name})
		}
	}
	return ""
}

// each judges single elements.
func (s *scene) each(ctx context.Context, r *Rule, res *Result, missing missingFacts) {
	scope, breaks := newCache(), newCache()
	for node := range s.Element {
		if node%1024 == 0 && ctx.Err() != nil || s.fault != nil {
			return
		}
		if s.Of(node) == nil {
			continue
		}
		in := r.scope.eval(s, node, scope)
		if in.Truth == place.No {
			res.Counts[OutOfScope]++
			continue
		}
		bad := r.breaks.eval(s, node, breaks)
		end := Undetermined
		switch {
		case bad.Truth == place.No:
			end = Complies
		case bad.Truth == place.Yes && in.Truth == place.Yes:
			end = Breaks
		}
		res.Counts[end]++
		switch end {
		case Breaks:
			res.Broken = append(res.Broken, int32(node))
		case Undetermined:
			res.Open = append(res.Open, int32(node))
			missing.add(in.missing, bad.missing)
		default:
			res.Fine = append(res.Fine, int32(node))
		}
	}
	res.Outcome = worst(res.Counts)
}

// worst is how a rule ends on a network of which the elements end so.
func worst(counts [Outcomes]int) Outcome {
	switch {
	case counts[Breaks] > 0:
		return Breaks
	case counts[Undetermined] > 0:
		return Undetermined
	case counts[Complies] > 0:
		return Complies
	}
	return OutOfScope
}

// missingFacts counts elements by the fact that is missing.
type missingFacts map[string]int

func (m missingFacts) add(lists ...[]string) {
	var seen []string
	for _, list := range lists {
		for _, name := range list {
			if !slices.Contains(seen, name) {
				seen = append(seen, name)
				m[name]++
			}
		}
	}
}

func (m missingFacts) list() (out []Missing) {
	for name, n := range m {
		out = append(out, Missing{name, n})
	}
	slices.SortFunc(out, func(a, b Missing) int {
		if a.Elements != b.Elements {
			return b.Elements - a.Elements
		}
		return strings.Compare(a.Fact, b.Fact)
	})
	return out
}

// readsOrigin names a variable of a rule that says who made something, "" none.
func (r *Rule) readsOrigin() string {
	if r.Exposure != nil || r.Dependency != nil {
		return "vendor"
	}
	for _, name := range r.Reads() {
		if v := variableOf(name); v != nil && v.origin {
			return v.name
		}
	}
	return ""
}

// expressions are all that a rule has.
func (r *Rule) expressions() (list []*expression) {
	all := []*expression{r.when, r.scope, r.breaks}
	if r.Share != nil {
		all = append(all, r.Share.of)
	}
	if r.Count != nil {
		all = append(all, r.Count.of)
	}
	if r.Concentration != nil {
		all = append(all, r.Concentration.of)
	}
	for _, x := range all {
		if x != nil {
			list = append(list, x)
		}
	}
	return list
}

// Reads are the facts that a rule's result depends on, sorted.
func (r *Rule) Reads() (names []string) {
	for _, x := range r.expressions() {
		for _, v := range x.reads {
			names = append(names, v.name)
		}
	}
	if x := r.Share; x != nil {
		names = append(append(names, x.Per...), x.Measure)
	}
	if x := r.Count; x != nil {
		names = append(append(names, x.Per...), x.Distinct)
	}
	if x := r.Concentration; x != nil {
		names = append(append(names, x.Per...), x.Measure, x.Distinct)
	}
	if x := r.Dependency; x != nil {
		names = append(append(names, x.Per...), x.Measure)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Cap is the most that an aggregate may come to, as the pack writes it; "" where
// the rule is of single elements or counts.
func (r *Rule) Cap() string {
	switch {
	case r.Share != nil:
		return r.Share.Max
	case r.Concentration != nil:
		return r.Concentration.Max
	case r.Dependency != nil:
		return r.Dependency.Max
	case r.Exposure != nil:
		return r.Exposure.Max
	}
	return ""
}

// View is a network on a day as a pack's rules see it, for who explains results.
type View struct{ s *scene }

// View looks at a network as Judge does.
func (p *Pack) View(at *place.Snapshot, ev *Evidence) *View { return &View{newScene(p, at, ev)} }

// Value is what a fact is for an element, as rules see it, and where it is from;
// known is false where no file gives it.
func (v *View) Value(node int, name string) (value string, from place.Origin, known bool) {
	x := variableOf(name)
	if x == nil || x.network {
		return "", place.Origin{}, false
	}
	e := v.s.Of(node)
	if name == "release" { // a map, of which the summary is what people read
		if r := v.s.evidence.of(e); r != nil {
			return r.Summary(), v.s.Origin("element", e.ID, name, e.At), true
		}
	}
	value, known = x.print(v.s, node)
	return value, v.s.Origin("element", e.ID, name, e.At), known
}

// exposed judges a cap on exposure.
func (s *scene) exposed(ctx context.Context, r *Rule, res *Result) error {
	x := r.Exposure
	listed := s.pack.listed(x.List, s.Date)
	all, err := exposure.Of(ctx, s.Snapshot, exposure.Options{By: "group"})
	if err != nil {
		return err
	}
	view := slices.Index([]string{"content", "metadata", "control", "managed"}, x.View)
	for _, row := range all.Rows {
		if !slices.Contains(listed, row.Who) {
			continue
		}
		of := row.Views[view]
		amount := map[string]exposure.Amount{"always": of.Must, "normally": of.Expected, "possibly": of.Could}[x.Answer]
		low := share(amount.Bps, all.Total.Bps)
		g := Group{Key: []string{row.Who}, Low: low, High: low, Outcome: Complies}
		if all.Unknown > 0 { // elements of unknown makers may be any listed one's
			g.High = 1_000_000
			res.Missing = []Missing{{Fact: "vendor", Elements: all.Unknown}}
		}
		g.Outcome = capped(g.Low, g.High, x.max)
		res.Groups = append(res.Groups, g)
	}
	res.Outcome = worstGroup(res.Groups)
	if len(res.Groups) == 0 {
		res.Outcome = Complies
		if all.Unknown > 0 {
			res.Outcome = Undetermined
			res.Missing = []Missing{{Fact: "vendor", Elements: all.Unknown}}
		}
	}
	if all.Assumed {
		res.Why = "no demand is stated: access elements count alike"
	}
	return nil
}

func share(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return int64(float64(part) / float64(whole) * 1e6)
}

// capped is how a share in an interval ends by a cap.
func capped(low, high, most int64) Outcome {
	switch {
	case low > most:
		return Breaks
	case high > most:
		return Undetermined
	}
	return Complies
}

func worstGroup(groups []Group) Outcome {
	var counts [Outcomes]int
	for i := range groups {
		counts[groups[i].Outcome]++
	}
	return worst(counts)
}

// Percent prints a share in parts per million with one decimal.
func Percent(ppm int64) string { return fmt.Sprintf("%d.%d %%", ppm/10_000, ppm/1000%10) }
