// Package profile evaluates reports against profiles. A profile is a file of
// conditions on a report: thresholds over findings, gaps, coverage, figures of
// the scorecard and the age of data, and records of certificates that others
// issued; docs/profiles.md specifies it.
//
//	profile (TOML) ┐
//	report         ├→ met, not met or undetermined, for each condition and for all
//	records        ┘
//
// The result is a function of these and of nothing else. What it says is that
// a report meets a list of conditions, and no more: it is no certificate.
package profile

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/tomlfile"
	"github.com/wardein/wardein/prove/result"
	"github.com/wardein/wardein/report"
)

// Form is the version of the files of profiles and records.
const Form = 1

// Baseline is the profile that comes with this module.
//
//go:embed data/lab-baseline-2026.toml
var Baseline []byte

// BaselineName is its name.
const BaselineName = "lab-baseline-2026"

// Profile is a list of conditions.
type Profile struct {
	Digest wardein.Digest `toml:"-"` // of the file

	Form    int    `toml:"form"`
	Name    string `toml:"name"`
	Version int    `toml:"version"`
	Date    string `toml:"date"`
	Author  string `toml:"author"`
	Source  string `toml:"source"` // where it stands
	About   string `toml:"about"`
	// Checks are those whose findings count where a condition names no rules,
	// and that have to run where one names no checks.
	Checks     []string    `toml:"checks"`
	Conditions []Condition `toml:"condition"`
}

// Condition asks one thing of a report; one of its pointers, or Result, says
// what.
type Condition struct {
	ID  string `toml:"id"`
	Why string `toml:"why"` // the reason of the threshold

	Findings *Findings `toml:"findings"`
	Gaps     *Gaps     `toml:"gaps"`
	Coverage *Coverage `toml:"coverage"`
	Ran      *Ran      `toml:"ran"`
	Metric   *Metric   `toml:"metric"`
	Data     *Data     `toml:"data"`
	Record   *Asks     `toml:"record"`
	Equiv    *Equiv    `toml:"equiv"`
	// Compare asks for at most so many rows of a comparison with an earlier
	// release.
	Compare *result.Ask `toml:"compare"`
	// Result is the verb whose result it asks for: of equiv as Equiv does
	// without more, of compare that there is one.
	Result string `toml:"result"`
}

// Findings asks for at most so many findings of a kind.
type Findings struct {
	Rules      report.Rules `toml:"rules"`
	Severity   string       `toml:"severity"`   // at least
	Confidence string       `toml:"confidence"` // at least
	Reach      string       `toml:"reach"`      // at least
	Exploited  bool         `toml:"exploited"`  // only those that a public list names as exploited
	Most       int64        `toml:"most"`
}

// Gaps asks for at most so many gaps of some kinds, or for at most that share
// of bytes in them.
type Gaps struct {
	Kinds     []string `toml:"kinds"` // none: all
	Who       []string `toml:"who"`   // formats and checks; none: all
	Most      *int64   `toml:"most"`
	MostShare Share    `toml:"most_share"`
}

// Coverage asks for at least these shares.
type Coverage struct {
	Accounted Share `toml:"accounted"`
	Opened    Share `toml:"opened"`
	Code      Share `toml:"code"`      // of code that checks read
	CodeEach  Share `toml:"code_each"` // of each architecture's
}

// Ran asks that checks ran, and failed on at most so many nodes together.
type Ran struct {
	Checks     []string `toml:"checks"` // none: those of the profile
	MostFailed int64    `toml:"most_failed"`
}

// Metric asks for a figure of the scorecard.
type Metric struct {
	Title     string `toml:"title"`
	Most      *int64 `toml:"most"`
	MostShare Share  `toml:"most_share"`
}

// Data asks for data of a name that was at most so many days old at the
// report's evaluation date.
type Data struct {
	Name string `toml:"name"`
	Days int    `toml:"days"`
}

// Asks asks for a record of something that others issued.
type Asks struct {
	Kind    RecordKind `toml:"kind"`
	Schemes []string   `toml:"schemes"`
	Issuers []string   `toml:"issuers"` // none: any
}

// Equiv asks for a result of equiv in which nothing differs beyond the rules.
type Equiv struct {
	Identical bool  `toml:"identical"` // no rule may have been needed
	Covered   Share `toml:"covered"`   // so much is enough where not all could be compared
}

// Share is a share as in "99.5 %", "" for none.
type Share string

// PPM is the share in parts per million.
func (s Share) PPM() (ppm int64, err error) {
	number, ok := strings.CutSuffix(string(s), " %")
	whole, part, dot := strings.Cut(number, ".")
	w, err := strconv.ParseUint(whole, 10, 8)
	if !ok || err != nil || w > 100 || strings.HasPrefix(whole, "+") || len(whole) > 1 && whole[0] == '0' || dot && (part == "" || len(part) > 4 || strings.Trim(part, "0123456789") != "") {
		return 0, fmt.Errorf("%.20q is no share as in \"99.5 %%\"", string(s))
	}
	p, _ := strconv.ParseUint((part + "0000")[:4], 10, 32)
	if ppm = int64(w)*10_000 + int64(p); ppm > 1_000_000 {
		return 0, fmt.Errorf("%.20q is more than all", string(s))
	}
	return ppm, nil
}

// Results are the verbs whose results a condition can ask for. Place and observe
// give none yet.
var Results = []string{"compare", "equiv", "place", "observe"}

var (
	severities  = words(wardein.Info, wardein.Critical)
	confidences = words(wardein.Possible, wardein.Certain)
	reaches     = words(wardein.NoneShown, wardein.SubscriberSide)
	gapKinds    = []string{string(wardein.Damaged), string(wardein.Unsupported), string(wardein.Encrypted), string(wardein.Limit), string(wardein.Crashed), string(wardein.NoData)}
)

func words[T interface {
	~uint8
	String() string
}](from, to T) (list []string) {
	for v := from; v <= to; v++ {
		list = append(list, v.String())
	}
	return list
}

// schemes are words of names under which others issue certificates. No
// profile bears one: nobody shall take a statement about it for theirs.
//
//go:embed data/schemes.txt
var schemes string

const (
	maxShort      = 240
	maxWhy        = 400
	maxConditions = 100
	maxList       = 100
)

// Parse reads a profile. Its errors name the key.
func Parse(b []byte) (*Profile, error) {
	p := &Profile{Digest: sha256.Sum256(b)}
	if err := tomlfile.Read(b, p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Profile) check() error {
	k := &tomlfile.Keys{}
	k.Form(p.Form, Form)
	k.Name("name", p.Name, 80)
	for _, word := range strings.FieldsFunc(p.Name, func(r rune) bool { return r == '-' || r == '.' }) {
		if strings.HasPrefix(word, "certif") || slices.Contains(strings.Fields(schemes), word) {
			k.Bad("name", "%q has %q: a profile bears no name of a scheme, and is no certificate", p.Name, word)
		}
	}
	if p.Version < 1 {
		k.Bad("version", "%d, versions begin with 1", p.Version)
	}
	k.Date("date", p.Date)
	k.Text("author", p.Author, maxShort)
	k.Text("source", p.Source, maxShort)
	k.Text("about", p.About, maxWhy)
	list(k, "checks", p.Checks)
	if len(p.Conditions) == 0 || len(p.Conditions) > maxConditions {
		k.Bad("condition", "%d conditions, expected 1 to %d", len(p.Conditions), maxConditions)
	}
	seen := map[string]bool{}
	for i := range p.Conditions {
		c := &p.Conditions[i]
		at := func(key string) string { return tomlfile.At("condition", i, key) }
		k.Name(at("id"), c.ID, 80)
		if seen[c.ID] {
			k.Bad(at("id"), "%q stands there twice", c.ID)
		}
		seen[c.ID] = true
		k.Text(at("why"), c.Why, maxWhy)
		c.check(k, at, p)
	}
	return k.Err()
}

// list asks for short texts, each once.
func list(k *tomlfile.Keys, key string, texts []string) {
	if len(texts) > maxList {
		k.Bad(key, "%d, at most %d", len(texts), maxList)
	}
	for i, s := range texts {
		k.Text(fmt.Sprintf("%s[%d]", key, i+1), s, maxShort)
		if slices.Contains(texts[:i], s) {
			k.Bad(fmt.Sprintf("%s[%d]", key, i+1), "%.40q stands there twice", s)
		}
	}
}

func least(k *tomlfile.Keys, key, word string, words []string) {
	if word != "" {
		tomlfile.OneOf(k, key, word, words...)
	}
}

func share(k *tomlfile.Keys, key string, s Share) {
	if s != "" {
		if _, err := s.PPM(); err != nil {
			k.Bad(key, "%v", err)
		}
	}
}

func (c *Condition) check(k *tomlfile.Keys, at func(string) string, p *Profile) {
	asks := 0
	if f := c.Findings; f != nil {
		asks++
		if err := f.Rules.Err(); err != nil {
			k.Bad(at("findings.rules"), "%v", err)
		}
		if len(f.Rules) == 0 && len(p.Checks) == 0 {
			k.Bad(at("findings.rules"), "is missing, and so is checks: findings of which checks?")
		}
		if len(f.Rules) > maxList {
			k.Bad(at("findings.rules"), "%d, at most %d", len(f.Rules), maxList)
		}
		least(k, at("findings.severity"), f.Severity, severities)
		least(k, at("findings.confidence"), f.Confidence, confidences)
		least(k, at("findings.reach"), f.Reach, reaches)
		atLeast0(k, at("findings.most"), &f.Most)
	}
	if g := c.Gaps; g != nil {
		asks++
		for _, kind := range g.Kinds {
			tomlfile.OneOf(k, at("gaps.kinds"), kind, gapKinds...)
		}
		list(k, at("gaps.who"), g.Who)
		if (g.Most == nil) == (g.MostShare == "") {
			k.Bad(at("gaps.most"), "either most or most_share says how many")
		}
		atLeast0(k, at("gaps.most"), g.Most)
		share(k, at("gaps.most_share"), g.MostShare)
	}
	if v := c.Coverage; v != nil {
		asks++
		if *v == (Coverage{}) {
			k.Bad(at("coverage"), "asks for nothing")
		}
		share(k, at("coverage.accounted"), v.Accounted)
		share(k, at("coverage.opened"), v.Opened)
		share(k, at("coverage.code"), v.Code)
		share(k, at("coverage.code_each"), v.CodeEach)
	}
	if r := c.Ran; r != nil {
		asks++
		list(k, at("ran.checks"), r.Checks)
		if len(r.Checks) == 0 && len(p.Checks) == 0 {
			k.Bad(at("ran.checks"), "is missing, and so is checks")
		}
		atLeast0(k, at("ran.most_failed"), &r.MostFailed)
	}
	if m := c.Metric; m != nil {
		asks++
		k.Text(at("metric.title"), m.Title, maxShort)
		if (m.Most == nil) == (m.MostShare == "") {
			k.Bad(at("metric.most"), "either most or most_share says how many")
		}
		atLeast0(k, at("metric.most"), m.Most)
		share(k, at("metric.most_share"), m.MostShare)
	}
	if d := c.Data; d != nil {
		asks++
		k.Text(at("data.name"), d.Name, maxShort)
		if d.Days < 1 || d.Days > 10_000 {
			k.Bad(at("data.days"), "%d, expected 1 to 10000", d.Days)
		}
	}
	if r := c.Record; r != nil {
		asks++
		tomlfile.OneOf(k, at("record.kind"), r.Kind, Certificate, Attestation)
		if len(r.Schemes) == 0 {
			k.Bad(at("record.schemes"), "is missing")
		}
		list(k, at("record.schemes"), r.Schemes)
		list(k, at("record.issuers"), r.Issuers)
	}
	if e := c.Equiv; e != nil {
		asks++
		share(k, at("equiv.covered"), e.Covered)
	}
	if a := c.Compare; a != nil {
		asks++
		a.Check(k, func(key string) string { return at("compare." + key) })
	}
	if c.Result != "" {
		asks++
		tomlfile.OneOf(k, at("result"), c.Result, Results...)
	}
	if asks != 1 {
		k.Bad(at("id"), "%q asks for %d things, expected one of findings, gaps, coverage, ran, metric, data, record, equiv, compare, result", c.ID, asks)
	}
}

func atLeast0(k *tomlfile.Keys, key string, n *int64) {
	if n != nil && (*n < 0 || *n > 1<<40) {
		k.Bad(key, "%d, expected 0 or more", *n)
	}
}
