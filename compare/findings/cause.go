package findings

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// Causes compares two reports of one release, made at two times, and says of
// each row that differs what it is due to: the rules (a check, a format, a
// limit, a sentence is another), the data (a database, a key set, the
// evaluation date), or, where both are and the check reads data, that it is one
// of the two.
func Causes(then, now *Side, checks []wardein.Check) *Changes {
	c := Compare(then, now, checks)
	d := &recipes{then: then, now: now, checks: checks, names: (&comparison{new: &reader{checks: checks}}).identifies(), known: map[string]*due{}}
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Differs() {
			r.Cause, r.Because = d.cause(r)
		}
	}
	return c
}

// reads is the data that a check's findings depend on.
type reads struct {
	asOf    bool                   // the evaluation date
	source  func(name string) bool // sources of the recipe
	options []string               // options of the recipe that name data
}

func none(string) bool { return false }

// readers are all checks by name. One that is not among them may read any data.
var readers = map[string]reads{
	"account":   {source: none, options: []string{"published-defaults"}},
	"cert":      {source: none, asOf: true},
	"cryptolib": {source: none, asOf: true},
	"secret":    {source: keySet},
	"vuln":      {source: func(name string) bool { return !keySet(name) }, asOf: true},

	"complexity": {source: none}, "component": {source: none}, "config": {source: none}, "hardening": {source: none}, "hiddenaccess": {source: none},
	"service": {source: none}, "source": {source: none}, "unsafecall": {source: none}, "update": {source: none},
}

func keySet(name string) bool { return strings.HasPrefix(name, "keys ") }

// recipes are two recipes of one release.
type recipes struct {
	then, now *Side
	checks    []wardein.Check
	names     string // the check that names components
	known     map[string]*due
}

// due is in what two recipes differ, as far as it bears on one check.
type due struct{ rules, data []string }

func (d *recipes) cause(r *Row) (Cause, string) {
	if d.then.Partial || d.now.Partial {
		return ByDisturbance, "an inspection was interrupted"
	}
	check := ""
	switch {
	case r.Kind == Component:
		check = d.names
	case r.New != nil:
		check = r.New.Check
	case r.Old != nil:
		check = r.Old.Check
	case r.Kind == Gap:
		_, rest, _ := strings.Cut(r.Key, " ")
		who, _, _ := strings.Cut(rest, " ")
		if _, ok := d.version(&d.then.Recipe, who); !ok {
			if _, ok = d.version(&d.now.Recipe, who); !ok {
				break
			}
		}
		check = who
	}
	of := d.of(check)
	data := of.data
	if r.Old != nil && r.New != nil && slices.Equal(r.What, []string{"text"}) && slices.Equal(r.Old.Says.Args, r.New.Says.Args) && len(r.Old.Says.Args) > 0 {
		data = nil // the sentence is another, what is said in it is not
	}
	switch {
	case len(of.rules) > 0 && len(data) > 0:
		return ByRulesOrData, strings.Join(slices.Concat(of.rules, data), "; ")
	case len(of.rules) > 0:
		return ByRules, strings.Join(of.rules, "; ")
	case len(data) > 0:
		return ByData, strings.Join(data, "; ")
	case d.then.Incidents+d.now.Incidents > 0:
		return ByDisturbance, "the process that reads the release was killed"
	}
	return ByRules, d.build()
}

// build says that wardein is another one where no version in the recipe says
// why: a build that is no release counts nothing.
func (d *recipes) build() string {
	a, b := &d.then.Recipe, &d.now.Recipe
	switch {
	case a.Module != b.Module:
		return arrow("wardein", a.Module, b.Module)
	case a.Go != b.Go:
		return arrow("compiler", a.Go, b.Go)
	case a.GoSum != b.GoSum:
		return "another build of wardein, of other libraries"
	}
	return "another build of wardein"
}

func (d *recipes) version(r *wardein.Recipe, check string) (string, bool) {
	for _, c := range r.Checks {
		if c.Name == check {
			return fmt.Sprint(c.Version), true
		}
	}
	return "", false
}

// of is in what the recipes differ for a check; "" is none, only the formats.
func (d *recipes) of(check string) *due {
	if known := d.known[check]; known != nil {
		return known
	}
	out := &due{}
	d.known[check] = out
	a, b := &d.then.Recipe, &d.now.Recipe
	for _, name := range reading(d.checks, check) {
		was, _ := d.version(a, name)
		is, _ := d.version(b, name)
		if was != is {
			out.rules = append(out.rules, arrow("check "+name, was, is))
		}
	}
	out.rules = append(out.rules, formats(a.Formats, b.Formats)...)
	is, ok := readers[check]
	if !ok && check != "" {
		is = reads{asOf: true, source: func(string) bool { return true }}
	}
	was, now := options(a), options(b)
	for _, name := range both(was, now) {
		switch {
		case was[name] == now[name] || strings.HasPrefix(name, "list."): // what was delivered is no finding
		case slices.Contains(is.options, name):
			out.data = append(out.data, arrow(name, short(was[name]), short(now[name])))
		case name == "published-defaults":
		default:
			out.rules = append(out.rules, arrow(name, was[name], now[name]))
		}
	}
	if is.asOf && a.AsOf != b.AsOf {
		out.data = append(out.data, arrow("evaluation date", a.AsOf, b.AsOf))
	}
	if is.source != nil {
		out.data = append(out.data, newer(sources(a), sources(b), is.source)...)
	}
	return out
}

// newer says which sources of data are others; those of the same dates in one.
func newer(was, is map[string]wardein.Source, read func(name string) bool) (differ []string) {
	names := map[string][]string{}
	var order []string
	for _, name := range both(was, is) {
		x, y := was[name], is[name]
		if !read(name) || x == y {
			continue
		}
		how := arrow("", x.Date, y.Date)
		if x.Date == y.Date {
			how = arrow("", short(x.Digest.String()), short(y.Digest.String()))
		}
		if names[how] == nil {
			order = append(order, how)
		}
		names[how] = append(names[how], name)
	}
	for _, how := range order {
		differ = append(differ, strings.Join(names[how], ", ")+" "+how)
	}
	return differ
}

// formats says which formats are read otherwise: up to three by name.
func formats(a, b []wardein.Ingredient) (differ []string) {
	version := func(list []wardein.Ingredient) map[string]string {
		m := map[string]string{}
		for _, x := range list {
			m[x.Name] = fmt.Sprint(x.Version)
		}
		return m
	}
	was, is := version(a), version(b)
	for _, name := range both(was, is) {
		if was[name] != is[name] {
			differ = append(differ, arrow("format "+name, was[name], is[name]))
		}
	}
	if n := len(differ) - 3; n > 0 {
		differ = append(differ[:3], fmt.Sprintf("and %d more", n))
	}
	return differ
}

func options(r *wardein.Recipe) map[string]string {
	m := map[string]string{}
	for _, o := range r.Options {
		m[o.Name] = o.Value
	}
	return m
}

func sources(r *wardein.Recipe) map[string]wardein.Source {
	m := map[string]wardein.Source{}
	for _, s := range r.Data {
		m[s.Name] = s
	}
	return m
}

// both are the keys of two maps, sorted.
func both[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// short is the beginning of a digest.
func short(s string) string {
	if len(s) == 64 {
		return s[:12] + "…"
	}
	return s
}
