package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein/place"
)

// Test judges the fixtures of all rules and lists those that end otherwise than
// they say.
func (p *Pack) Test(ctx context.Context) (count int, wrong []string) {
	for i := range p.Rules {
		r := &p.Rules[i]
		for k := range r.Fixtures {
			count++
			if err := p.testFixture(ctx, r, &r.Fixtures[k]); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s, fixture %q: %v", r.ID, r.Fixtures[k].Name, err))
			}
		}
	}
	return count, wrong
}

// testFixture judges one rule on a network that is made of a fixture.
func (p *Pack) testFixture(ctx context.Context, r *Rule, f *Fixture) error {
	res, err := p.judgeFixture(ctx, r, f)
	if err != nil {
		return err
	}
	want, shares, _ := strings.Cut(f.Want, " at ")
	if got := res.Outcome.String(); got != want {
		return fmt.Errorf("%s, want %s (missing: %v; %s)", got, want, res.Missing, res.Why)
	}
	if shares != "" {
		var got []string
		for _, g := range res.Groups {
			got = append(got, Interval(g.Low, g.High))
		}
		if strings.Join(got, ", ") != shares {
			return fmt.Errorf("at %s, want %s", strings.Join(got, ", "), shares)
		}
	}
	var missing []string
	for _, m := range res.Missing {
		missing = append(missing, m.Fact)
	}
	slices.Sort(missing)
	if f.Missing != nil && !slices.Equal(missing, slices.Sorted(slices.Values(f.Missing))) {
		return fmt.Errorf("missing %q, want %q", missing, f.Missing)
	}
	return nil
}

// Interval prints a share that may be one.
func Interval(low, high int64) string {
	if low == high {
		return Percent(low)
	}
	return strings.TrimSuffix(Percent(low), " %") + "-" + Percent(high)
}

// network makes a network of a fixture. Beside an element's fields its map may
// give facts of what belongs to it: "vendor_group", "vendor_country", those of
// its site ("sensitive", "region", "site_country", "site_type"), the vendor of
// what it depends on ("managed_by_vendor", "runs_on_vendor",
// "anchored_on_vendor"), who may reach it ("access_country", "access_way"),
// what evidence says of its release ("release.profiles", "release.critical",
// "release.bundle"), and further facts ("fact.NAME").
func (f *Fixture) network() (*place.Network, *Evidence, error) {
	b := place.NewBuilder()
	at := place.Origin{Source: b.Source(place.Source{Name: "fixture"})}
	o := b.Operator()
	o.Name = "fixture"
	for _, name := range slices.Sorted(maps.Keys(f.Operator)) {
		switch value := f.Operator[name]; name {
		case "country":
			o.Country = value
		case "turnover":
			n, err := place.ParseNumber(value)
			if err != nil {
				return nil, nil, err
			}
			o.Turnover = n
		default:
			o.Facts = append(o.Facts, place.Fact{Name: name, Value: value})
		}
	}
	m := &maker{b: b, at: at, vendors: map[string]bool{}}
	elements := f.Elements
	if f.Element != nil {
		elements = append(elements[:len(elements):len(elements)], f.Element)
	}
	for i, facts := range elements {
		if err := m.element(i, facts); err != nil {
			return nil, nil, err
		}
	}
	net := b.Finish()
	if len(net.Gaps) > 0 {
		return nil, nil, fmt.Errorf("%s: %s", net.Gaps[0].Column, net.Gaps[0].Why)
	}
	return net, &m.evidence, nil
}

// maker makes the elements of a fixture.
type maker struct {
	b        *place.Builder
	at       place.Origin
	vendors  map[string]bool
	evidence Evidence
	elements int
}

// maxElements bounds the elements of a fixture.
const maxElements = 100_000

func (m *maker) vendor(id, group, country string) {
	if id != "" && !m.vendors[id] {
		m.vendors[id] = true
		m.b.Vendor(place.Vendor{ID: id, Group: group, Country: country, At: m.at})
	}
}

var dependencies = map[string]string{"managed_by_vendor": place.ManagedBy, "runs_on_vendor": place.RunsOn, "anchored_on_vendor": place.AnchoredOn}

func (m *maker) element(i int, facts map[string]string) error {
	e := place.NewElement(m.at)
	e.ID = fmt.Sprintf("e%d", i)
	site := place.Site{ID: "s" + strconv.Itoa(i), At: m.at}
	access := place.Access{At: m.at}
	var release Release
	repeat := 1
	var needs []place.Dependency
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		value := facts[name]
		if fact, ok := strings.CutPrefix(name, "fact."); ok {
			e.Facts = append(e.Facts, place.Fact{Name: fact, Value: value})
			continue
		}
		if fact, ok := strings.CutPrefix(name, "release."); ok {
			if err := release.set(fact, value); err != nil {
				return err
			}
			continue
		}
		switch name {
		case "vendor_group", "vendor_country":
		case "sensitive":
			site.Sensitive = value
		case "region":
			site.Region = value
		case "site_country":
			site.Country = value
		case "site_type":
			site.Type = value
		case "access_country":
			access.Country = value
		case "access_way":
			access.Way = value
		case "times": // so many alike
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > 10_000 {
				return fmt.Errorf("times %q: want 1 to 10,000", value)
			}
			repeat = n
		case "managed_by_vendor", "runs_on_vendor", "anchored_on_vendor":
			m.vendor(value, "", "")
			other := place.NewElement(m.at)
			other.ID, other.Vendor = e.ID+"-"+name, value
			if name == "managed_by_vendor" {
				other.NF = "EMS"
			}
			m.b.Element(other)
			needs = append(needs, place.Dependency{To: other.ID, Kind: dependencies[name], At: m.at})
		default:
			field := place.FieldOf(place.ElementFields, name)
			if field == nil {
				return fmt.Errorf("no fact %q", name)
			}
			if err := field.Set(&e, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	m.vendor(e.Vendor, facts["vendor_group"], facts["vendor_country"])
	m.vendor(e.Software, "", "")
	e.Site = site.ID
	m.b.Site(site)
	if access.Country != "" || access.Way != "" {
		access.Scope = "element " + e.ID
		m.b.Access(access)
	}
	if release.told {
		if e.Release == "" {
			e.Product, e.Release = "product", fmt.Sprint("release ", i)
		}
		release.Vendor, release.Product, release.Name = e.Vendor, e.Product, e.Release
		m.evidence.Releases = append(m.evidence.Releases, release)
	}
	if m.elements += repeat; m.elements > maxElements {
		return fmt.Errorf("more than %d elements", maxElements)
	}
	id := e.ID
	for n := range repeat {
		if n > 0 {
			e.ID = fmt.Sprintf("%s-%d", id, n)
		}
		m.b.Element(e)
		for _, d := range needs {
			d.From = e.ID
			m.b.Dependency(d)
		}
	}
	return nil
}

// set sets a fact of a release's evidence.
func (r *Release) set(fact, value string) error {
	r.told = true
	switch fact {
	case "bundle":
		r.Bundle = value == "yes"
	case "profiles":
		r.Profiles = strings.Fields(value)
	case "opened", "code_read":
		n, err := percent(value)
		if err != nil {
			return err
		}
		if fact == "opened" {
			r.Opened = n
		} else {
			r.CodeRead = n
		}
	case "critical", "high", "medium", "low":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return err
		}
		if r.Findings == nil {
			r.Findings = map[string]int64{}
		}
		r.Findings[fact] = n
	default:
		return fmt.Errorf("no fact of a release: %q", fact)
	}
	return nil
}
