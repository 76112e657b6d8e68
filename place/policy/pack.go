// Package policy judges networks by dated rules. A pack is a file: where a rule
// comes from, from when to when it stands, what it counts by, and, as CEL
// expressions over an element's facts, whom it speaks of and what breaks it. A
// rule ends breaks, complies, out of scope, or undetermined with the names of
// the facts that are missing; a share over incomplete facts is an interval.
//
// A pack maps functions to layers of its own, since laws do. Which vendors it
// speaks of stands in its lists, with dates and sources: it is a value of the
// pack on a day and never a property of a vendor.
package policy

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/wardein/wardein/place"
)

//go:embed data/*.yaml
var data embed.FS

// Pack is a set of rules of one authority.
type Pack struct {
	ID, Title, About string
	// Jurisdiction is the country (ISO 3166-1 alpha-2, or EU); rules of others
	// apply only where somebody asks for the pack.
	Jurisdiction string
	Source       Source
	// Lists are names that rules use, "hrv" for one.
	Lists map[string][]Listed
	// Layers map the pack's words for parts of a network to functions and
	// groups of functions. An entry is "group NAME" or "nf NAME".
	Layers map[string][]string
	Rules  []Rule

	env *environment
}

// Source says where a text is from.
type Source struct {
	Title, Reference string
	Date             place.Date
	// Transcribed and Checked say by whom and when the text was written down
	// here, and when it was last compared with what; "" where it was not.
	Transcribed, Checked string
}

// Listed is an entry of a list: a vendor's ID, group, or another name.
type Listed struct {
	Name     string
	From, To place.Date
	Source   string
}

// Rule is one rule of a pack.
type Rule struct {
	ID, Title string
	// Clause names the place in the source, with its words where they are known.
	Clause string
	Source *Source // nil: the pack's
	// Status is "verified" where clause, dates and thresholds were found in the
	// source that is named, else "unverified"; such rules are in no total.
	// Unconfirmed says what could not be confirmed: of a verified rule, what else
	// the pack assumes.
	Status, Unconfirmed string
	// Kind is "law", "direction", "guidance", "contract", "proposal", "policy".
	Kind     string
	Severity string
	// From and To are when the rule binds; before and after it is out of scope.
	From, To place.Date
	// When says of a network, Scope of an element, whether the rule speaks of it;
	// "": of all. Breaks says what breaks it.
	When, Scope, Breaks string
	Share               *Share
	Count               *Count
	Concentration       *Concentration
	Dependency          *Dependency
	Exposure            *Exposure
	Fixtures            []Fixture
	// Needs is what would settle an undetermined result, for people.
	Needs string

	when, scope, breaks *expression
}

// Share is a cap on a part of a whole.
type Share struct {
	Measure string // "elements", "premises", "cells", "subscribers", "traffic"
	Of      string // CEL: which of the elements in scope are counted
	Per     []string
	Max     string // "35 %"

	of  *expression
	max int64 // parts per million
}

// Count bounds how many different values a fact has among the elements in scope
// for which Of holds: vendors of a network, for one.
type Count struct {
	Of       string
	Distinct string // a variable
	Per      []string
	Min, Max int // 0: no bound

	of *expression
}

// Exposure is a cap on what is exposed to the vendors for which Of holds.
type Exposure struct {
	List   string // of vendors' groups
	View   string // "content", "metadata", "control", "managed"
	Answer string // "always", "normally", "possibly"
	Max    string

	max int64
}

// Fixture is a case with a known end: facts of an element (or of several, for a
// Share or a Count), a day, and how the rule ends.
type Fixture struct {
	Name     string
	AsOf     place.Date `yaml:"as_of"`
	Operator map[string]string
	Element  map[string]string
	Elements []map[string]string
	Want     string // an Outcome, or "breaks 31.0-38.5 %"
	Missing  []string
}

// Outcome is how a rule ends.
type Outcome uint8

// The outcomes.
const (
	OutOfScope Outcome = iota
	Complies
	Breaks
	Undetermined
	Outcomes = 4
)

func (o Outcome) String() string {
	return [...]string{"out of scope", "complies", "breaks", "undetermined"}[o]
}

var (
	idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	// listForm is that of a name in CEL.
	listForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	kinds    = []string{"law", "direction", "guidance", "contract", "proposal", "policy"}
)

// Packs are the packs that the program brings along, by ID.
var Packs = sync.OnceValues(func() ([]*Pack, error) {
	names, err := fs.Glob(data, "data/*.yaml")
	if err != nil {
		return nil, err
	}
	var list []*Pack
	for _, name := range names {
		b, err := data.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := Read(strings.NewReader(string(b)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		if p.ID+".yaml" != path.Base(name) {
			return nil, fmt.Errorf("%s holds the pack %s", path.Base(name), p.ID)
		}
		list = append(list, p)
	}
	return list, nil
})

// maxPack bounds a pack's file, maxRules and maxListed its rules and the entries
// of a list.
const (
	maxPack   = 4 << 20
	maxRules  = 1000
	maxListed = 10_000
)

// Read reads a pack and compiles its expressions. A rule without a source or
// without fixtures for both ends is an error.
func Read(r io.Reader) (*Pack, error) {
	d := yaml.NewDecoder(io.LimitReader(r, maxPack))
	d.KnownFields(true)
	p := &Pack{}
	if err := d.Decode(p); err != nil {
		return nil, err
	}
	if !idForm.MatchString(p.ID) {
		return nil, fmt.Errorf("id %q: want small letters, digits and -", p.ID)
	}
	if p.Source.Title == "" || p.Source.Reference == "" {
		return nil, errors.New("source: want title and reference")
	}
	if len(p.Rules) == 0 || len(p.Rules) > maxRules {
		return nil, fmt.Errorf("%d rules: want 1 to %d", len(p.Rules), maxRules)
	}
	for name, entries := range p.Lists {
		if len(entries) > maxListed {
			return nil, fmt.Errorf("list %s: more than %d entries", name, maxListed)
		}
	}
	for name, entries := range p.Layers {
		for _, entry := range entries {
			if err := checkLayer(entry); err != nil {
				return nil, fmt.Errorf("layer %s: %w", name, err)
			}
		}
	}
	var err error
	if p.env, err = newEnvironment(p); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range p.Rules {
		rule := &p.Rules[i]
		if err := p.compile(rule); err != nil {
			return nil, fmt.Errorf("rule %q: %w", rule.ID, err)
		}
		if seen[rule.ID] {
			return nil, fmt.Errorf("two rules %q", rule.ID)
		}
		seen[rule.ID] = true
	}
	return p, nil
}

func checkLayer(entry string) error {
	kind, name, _ := strings.Cut(entry, " ")
	switch kind {
	case "group":
		if slices.Contains(place.Groups(), name) {
			return nil
		}
	case "nf":
		if f, ok := place.FunctionOf(name); ok && f.Name == name {
			return nil
		}
	}
	return fmt.Errorf("%q: want \"group NAME\" or \"nf NAME\" of the vocabulary", entry)
}

func (p *Pack) compile(r *Rule) (err error) {
	switch {
	case r.ID == "" || r.Title == "" || r.Clause == "":
		return errors.New("want id, title and clause")
	case r.Status != "verified" && r.Status != "unverified":
		return fmt.Errorf("status %q: want verified or unverified", r.Status)
	case r.Status == "unverified" && r.Unconfirmed == "":
		return errors.New("unverified: want unconfirmed to say what could not be confirmed")
	case !slices.Contains(kinds, r.Kind):
		return fmt.Errorf("kind %q: want one of %s", r.Kind, strings.Join(kinds, ", "))
	}
	ends := 0
	for _, set := range []bool{r.Breaks != "", r.Share != nil, r.Count != nil, r.Concentration != nil, r.Dependency != nil, r.Exposure != nil} {
		if set {
			ends++
		}
	}
	if ends != 1 {
		return errors.New("want one of breaks, share, count, concentration, dependency, exposure")
	}
	if r.when, err = p.env.compile(r.When, true); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	if r.scope, err = p.env.compile(r.Scope, false); err != nil {
		return fmt.Errorf("scope: %w", err)
	}
	switch {
	case r.Share != nil:
		x := r.Share
		if x.max, err = capOf(x.Measure, x.Max); err != nil {
			return err
		}
		if x.of, err = p.env.compile(x.Of, false); err == nil {
			err = p.env.variables(x.Per...)
		}
	case r.Count != nil:
		x := r.Count
		if x.Min < 0 || x.Max < 0 || x.Min == 0 && x.Max == 0 {
			return errors.New("count: want a min or a max")
		}
		if x.of, err = p.env.compile(x.Of, false); err == nil {
			err = p.env.variables(append([]string{x.Distinct}, x.Per...)...)
		}
	case r.Concentration != nil:
		x := r.Concentration
		if x.max, err = capOf(x.Measure, x.Max); err != nil {
			return err
		}
		if x.of, err = p.env.compile(x.Of, false); err == nil {
			err = p.env.variables(append([]string{x.Distinct}, x.Per...)...)
		}
	case r.Dependency != nil:
		x := r.Dependency
		if x.max, err = capOf(x.Measure, x.Max); err != nil {
			return err
		}
		if p.Lists[x.List] == nil {
			return fmt.Errorf("no list %q", x.List)
		}
		for _, kind := range x.Kinds {
			if !slices.Contains(place.Kinds, kind) {
				return fmt.Errorf("kind of dependency %q: want %s", kind, strings.Join(place.Kinds, ", "))
			}
		}
		if len(x.Kinds) == 0 {
			return errors.New("dependency: want kinds")
		}
		err = p.env.variables(x.Per...)
	case r.Exposure != nil:
		x := r.Exposure
		if x.max, err = percent(x.Max); err != nil {
			return err
		}
		if p.Lists[x.List] == nil {
			return fmt.Errorf("no list %q", x.List)
		}
		if !slices.Contains([]string{"content", "metadata", "control", "managed"}, x.View) || !slices.Contains([]string{"always", "normally", "possibly"}, x.Answer) {
			return errors.New("exposure: want view content, metadata, control or managed, and answer always, normally or possibly")
		}
	default:
		r.breaks, err = p.env.compile(r.Breaks, false)
	}
	if err != nil {
		return err
	}
	var good, bad bool
	for _, f := range r.Fixtures {
		good = good || !strings.HasPrefix(f.Want, "breaks")
		bad = bad || strings.HasPrefix(f.Want, "breaks")
	}
	if !good || !bad {
		return errors.New("want fixtures that break it and fixtures that don't")
	}
	return nil
}

// capOf checks a measure and reads a cap.
func capOf(measure, most string) (int64, error) {
	if measures[measure] == nil {
		return 0, fmt.Errorf("measure %q: want elements, premises, cells, subscribers or traffic", measure)
	}
	return percent(most)
}

var percentForm = regexp.MustCompile(`^([0-9]{1,3})(?:\.([0-9]{1,4}))? ?%$`)

// percent reads "35 %" as parts per million.
func percent(s string) (int64, error) {
	if m := percentForm.FindStringSubmatch(strings.TrimSpace(s)); m != nil {
		n, err := strconv.ParseInt(m[1]+(m[2] + "0000")[:4], 10, 64)
		if err == nil && n <= 1_000_000 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("max %q: want a percentage as in \"35 %%\"", s)
}
