package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/result"
	"github.com/wardein/wardein/report"
)

// Measure is a figure of the scorecard: a count, or a share of Of.
type Measure struct {
	Title   string
	Num, Of int64
	Missing string // why there is no figure
}

// Input is what a report is evaluated by beside the profile.
type Input struct {
	Report   *report.Saved
	Checks   []wardein.Check // those that the report's checks are of
	Measures []Measure       // the report's scorecard
	Records  []*Record
	Results  []*result.Result // of compare and equiv
}

// Evaluate evaluates a report. The same arguments give the same statement;
// neither the order of the records nor one that is given twice changes it.
func Evaluate(p *Profile, in *Input) *Statement {
	r := in.Report
	s := &Statement{Version: Version, Meaning: Meaning, Records: []Noted{}, Results: []Given{}, Conditions: []Outcome{},
		Profile: Named{p.Name, p.Version, p.Date, p.Author, p.Source, p.Digest.String()},
		Report: Reported{Release: r.Release.Digest, Digest: r.Digest.String(), Recipe: r.Recipe.Digest.String(), Module: r.Recipe.Module, AsOf: r.Recipe.As_of,
			AccountedPPM: r.Coverage.Accounted_ppm, OpenedPPM: r.Coverage.Opened_ppm, Gaps: int64(len(r.Gaps)), Partial: r.Partial}}
	records := slices.SortedFunc(slices.Values(in.Records), func(a, b *Record) int { return slices.Compare(a.Digest[:], b.Digest[:]) })
	records = slices.CompactFunc(records, func(a, b *Record) bool { return a.Digest == b.Digest })
	for _, n := range records {
		s.Records = append(s.Records, Noted{n.Digest.String(), n.Kind, n.Scheme, n.Issuer, n.Scope, n.ValidFrom, n.ValidUntil, n.Document})
	}
	results := slices.SortedFunc(slices.Values(in.Results), func(a, b *result.Result) int { return slices.Compare(a.Digest[:], b.Digest[:]) })
	results = slices.CompactFunc(results, func(a, b *result.Result) bool { return a.Digest == b.Digest })
	for _, n := range results {
		s.Results = append(s.Results, Given{n.Digest.String(), n.Verb, n.Release, n.Other, n.Verdict})
	}
	e := evaluation{p, in, r, records, results, nil}
	for i := range p.Conditions {
		s.Conditions = append(s.Conditions, e.outcome(&p.Conditions[i]))
	}
	s.Result = all(s.Conditions)
	return s
}

type evaluation struct {
	profile *Profile
	in      *Input
	report  *report.Saved
	records []*Record
	results []*result.Result
	found   []string // IDs of the findings that count in the condition at hand
}

func (e *evaluation) outcome(c *Condition) Outcome {
	o := Outcome{ID: c.ID, Why: c.Why, Findings: []string{}}
	e.found = nil
	switch {
	case c.Findings != nil:
		o.Asks = c.Findings.String()
		o.State, o.Because = e.findings(c.Findings)
	case c.Gaps != nil:
		o.Asks = c.Gaps.String()
		o.State, o.Because = e.gaps(c.Gaps)
	case c.Coverage != nil:
		o.Asks = c.Coverage.String()
		o.State, o.Because = e.coverage(c.Coverage)
	case c.Ran != nil:
		o.Asks = c.Ran.String()
		o.State, o.Because = e.ran(c.Ran)
	case c.Metric != nil:
		o.Asks = c.Metric.String()
		o.State, o.Because = e.metric(c.Metric)
	case c.Data != nil:
		o.Asks = c.Data.String()
		o.State, o.Because = e.data(c.Data)
	case c.Record != nil:
		o.Asks = c.Record.String()
		o.State, o.Because = e.record(c.Record)
	case c.Equiv != nil:
		o.Asks = c.Equiv.String()
		o.State, o.Because = e.equiv(c.Equiv)
	case c.Compare != nil:
		o.Asks = fmt.Sprintf("compare: at most %d %s", c.Compare.Most, c.Compare)
		o.State, o.Because = e.compare(c.Compare)
	case c.Result == result.Equiv:
		o.Asks = "a result of equiv"
		o.State, o.Because = e.equiv(&Equiv{})
	case c.Result == result.Compare:
		o.Asks = "a result of compare"
		o.State, o.Because = e.compared()
	default:
		o.Asks = "a result of " + c.Result
		o.State, o.Because = Undetermined, "no result of "+c.Result+" was given"
	}
	if e.report.Partial && o.State == Met && c.Record == nil && c.Data == nil && c.Equiv == nil && c.Result == "" {
		o.State, o.Because = Undetermined, "the inspection was interrupted; until then: "+o.Because
	}
	o.Findings = append(o.Findings, e.found[:min(len(e.found), MaxFindings)]...)
	return o
}

// looks are what checks did; blind says of the first that could not have
// found anything why. One that met nothing of its kind looked.
func (e *evaluation) looks(names []string) (list []report.Look, blind string) {
	for _, name := range names {
		l := report.Look{Check: name}
		if i := slices.IndexFunc(e.in.Checks, func(c wardein.Check) bool { return c.Name == name }); i >= 0 {
			l = e.report.LookOf(&e.in.Checks[i], e.in.Checks)
		}
		if list = append(list, l); blind != "" {
			continue
		}
		if blind = l.Blind(); blind != "" && l.Ran && l.Looked == 0 && l.Failed == 0 && !slices.ContainsFunc(l.Gaps, func(g *report.SavedGap) bool { return g.Kind == string(wardein.NoData) }) {
			blind = ""
		}
	}
	return list, blind
}

func rank(words []string, word string) int { return slices.Index(words, word) }

func (e *evaluation) findings(f *Findings) (State, string) {
	checks := e.profile.Checks
	if len(f.Rules) > 0 {
		checks = f.Rules.Checks()
	}
	n := int64(0)
	for i := range e.report.Findings {
		g := &e.report.Findings[i]
		switch {
		case len(f.Rules) > 0 && !f.Rules.Match(g.Rule), len(f.Rules) == 0 && !slices.Contains(checks, g.Check):
		case rank(severities, g.Severity) < rank(severities, f.Severity), rank(confidences, g.Confidence) < rank(confidences, f.Confidence), rank(reaches, g.Reach) < rank(reaches, f.Reach):
		case f.Exploited && !g.Exploited:
		default:
			n++
			e.found = append(e.found, g.ID)
		}
	}
	if n > f.Most {
		return NotMet, fmt.Sprintf("%s, at most %d", plural(n, "finding"), f.Most)
	}
	if _, blind := e.looks(checks); blind != "" {
		return Undetermined, blind
	}
	return Met, plural(n, "finding")
}

// maxGaps is how many gaps a report lists at most.
const maxGaps = 100_000

func (e *evaluation) gaps(g *Gaps) (State, string) {
	n, bytes, unsized := int64(0), int64(0), int64(0)
	for i := range e.report.Gaps {
		gap := &e.report.Gaps[i]
		if len(g.Kinds) > 0 && !slices.Contains(g.Kinds, gap.Kind) || len(g.Who) > 0 && !slices.Contains(g.Who, gap.Who) {
			continue
		}
		n++
		size := number(gap.Len)
		if size == 0 {
			unsized++
		}
		bytes += min(size, 1<<50)
	}
	cut := ""
	if len(e.report.Gaps) >= maxGaps {
		cut = fmt.Sprintf("the report lists %d gaps and no more", maxGaps)
	}
	if g.Most != nil {
		switch {
		case n > *g.Most:
			return NotMet, fmt.Sprintf("%s, at most %d", plural(n, "gap"), *g.Most)
		case cut != "":
			return Undetermined, cut
		}
		return Met, plural(n, "gap")
	}
	most, _ := g.MostShare.PPM()
	v := &e.report.Coverage
	ppm := wardein.Share(bytes, v.Known+v.Opaque+v.Unknown)
	switch {
	case n == 0 && cut == "":
		return Met, "no gap"
	case v.Known+v.Opaque+v.Unknown <= 0:
		return Undetermined, "the report counts no bytes"
	case ppm > most:
		return NotMet, fmt.Sprintf("%s of bytes in %s, at most %s", report.Percent(ppm), plural(n, "gap"), g.MostShare)
	case cut != "":
		return Undetermined, cut
	case unsized > 0:
		return Undetermined, fmt.Sprintf("%s of bytes in %s, and %s of no size", report.Percent(ppm), plural(n-unsized, "gap"), plural(unsized, "gap"))
	}
	return Met, fmt.Sprintf("%s of bytes in %s", report.Percent(ppm), plural(n, "gap"))
}

func (e *evaluation) coverage(c *Coverage) (State, string) {
	v := &e.report.Coverage
	state, said := Met, []string(nil)
	judge := func(what string, ppm int64, least Share) {
		want, _ := least.PPM()
		s := fmt.Sprintf("%s %s", report.Percent(ppm), what)
		if ppm < want {
			state = NotMet
			s += ", at least " + string(least)
		}
		said = append(said, s)
	}
	if c.Accounted != "" {
		judge("of bytes accounted", v.Accounted_ppm, c.Accounted)
	}
	if c.Opened != "" {
		judge("of bytes opened", v.Opened_ppm, c.Opened)
	}
	bytes, read := int64(0), int64(0)
	for _, k := range v.Code {
		bytes, read = bytes+k.Bytes, read+k.Read
	}
	if (c.Code != "" || c.CodeEach != "") && bytes <= 0 {
		if state == Met {
			state = Undetermined
		}
		return state, strings.Join(append(said, "no executable code was seen"), "; ")
	}
	if c.Code != "" {
		judge("of code read", wardein.Share(read, bytes), c.Code)
	}
	if c.CodeEach != "" {
		for _, k := range v.Code {
			judge("of "+k.Arch+" code read", wardein.Share(k.Read, k.Bytes), c.CodeEach)
		}
	}
	return state, strings.Join(said, "; ")
}

func (e *evaluation) ran(r *Ran) (State, string) {
	names := r.Checks
	if len(names) == 0 {
		names = e.profile.Checks
	}
	looks, blind := e.looks(names)
	failed := int64(0)
	for i := range looks {
		if !looks[i].Ran {
			return NotMet, "the check " + looks[i].Check + " did not run"
		}
		failed += looks[i].Failed
	}
	switch {
	case blind != "":
		return NotMet, blind
	case failed > r.MostFailed:
		return NotMet, fmt.Sprintf("%s ran and failed on %s, at most %d", plural(int64(len(names)), "check"), plural(failed, "node"), r.MostFailed)
	}
	return Met, fmt.Sprintf("%s ran and failed on %s", plural(int64(len(names)), "check"), plural(failed, "node"))
}

func (e *evaluation) metric(m *Metric) (State, string) {
	i := slices.IndexFunc(e.in.Measures, func(v Measure) bool { return v.Title == m.Title })
	if i < 0 {
		return Undetermined, "the scorecard has no such figure"
	}
	v := &e.in.Measures[i]
	switch {
	case v.Missing != "":
		return Undetermined, "no figure: " + v.Missing
	case m.Most != nil && v.Num > *m.Most:
		return NotMet, fmt.Sprintf("%d, at most %d", v.Num, *m.Most)
	case m.Most != nil:
		return Met, fmt.Sprint(v.Num)
	case v.Of <= 0:
		return Undetermined, "the figure is no share"
	}
	most, _ := m.MostShare.PPM()
	ppm := wardein.Share(v.Num, v.Of)
	s := fmt.Sprintf("%s (%d of %d)", report.Percent(ppm), v.Num, v.Of)
	if ppm > most || ppm == most && v.Num*1_000_000 > most*v.Of { // shares are rounded down
		return NotMet, s + ", at most " + string(m.MostShare)
	}
	return Met, s
}

func (e *evaluation) data(d *Data) (State, string) {
	for _, s := range e.report.Recipe.Data {
		if s.Name != d.Name {
			continue
		}
		then, err := time.Parse(time.DateOnly, s.Date)
		now, err2 := time.Parse(time.DateOnly, e.report.Recipe.As_of)
		if err != nil || err2 != nil {
			return Undetermined, fmt.Sprintf("dates %.20q and %.20q", s.Date, e.report.Recipe.As_of)
		}
		age := int(now.Sub(then) / (24 * time.Hour))
		said := fmt.Sprintf("of %s, judged at %s", s.Date, e.report.Recipe.As_of)
		if age > d.Days {
			return NotMet, fmt.Sprintf("%s: %d days old, at most %d", said, age, d.Days)
		}
		return Met, said
	}
	return Undetermined, "the report was made without " + d.Name
}

func (e *evaluation) record(a *Asks) (State, string) {
	why := ""
	for _, r := range e.records {
		ok, not := r.answers(a, e.report.Release.Digest, e.report.Recipe.As_of)
		switch {
		case ok && not == "":
			return Met, fmt.Sprintf("%s of %s by %s, document sha256:%.12s…, valid until %s; the document itself was not read", r.Kind, r.Scheme, r.Issuer, r.Document, r.ValidUntil)
		case ok && why == "":
			why = fmt.Sprintf("%s of %s by %s: %s", r.Kind, r.Scheme, r.Issuer, not)
		}
	}
	if why != "" {
		return NotMet, why
	}
	return Undetermined, fmt.Sprintf("no %s of %s was given", a.Kind, strings.Join(a.Schemes, " or "))
}

// String says what is asked.
func (f *Findings) String() string {
	s := fmt.Sprintf("at most %s", plural(f.Most, "finding"))
	if len(f.Rules) > 0 {
		s += " of " + strings.Join(f.Rules, ", ")
	}
	if f.Severity != "" {
		s += ", severity " + f.Severity + " or above"
	}
	if f.Confidence != "" {
		s += ", " + f.Confidence + " or surer"
	}
	if f.Reach != "" {
		s += ", reach " + f.Reach + " or further"
	}
	if f.Exploited {
		s += ", named as exploited"
	}
	return s
}

// String says what is asked.
func (g *Gaps) String() string {
	what := "gaps"
	if len(g.Kinds) > 0 {
		what += " of kind " + strings.Join(g.Kinds, ", ")
	}
	if len(g.Who) > 0 {
		what += " of " + strings.Join(g.Who, ", ")
	}
	if g.Most != nil {
		return fmt.Sprintf("at most %d %s", *g.Most, what)
	}
	return fmt.Sprintf("at most %s of bytes in %s", g.MostShare, what)
}

// String says what is asked.
func (c *Coverage) String() string {
	var all []string
	for _, p := range []struct {
		share Share
		what  string
	}{{c.Accounted, "of bytes accounted"}, {c.Opened, "of bytes opened"}, {c.Code, "of code read"}, {c.CodeEach, "of each architecture's code read"}} {
		if p.share != "" {
			all = append(all, string(p.share)+" "+p.what)
		}
	}
	return "at least " + strings.Join(all, ", ")
}

// String says what is asked.
func (r *Ran) String() string {
	which := "the profile's checks"
	if len(r.Checks) > 0 {
		which = strings.Join(r.Checks, ", ")
	}
	return fmt.Sprintf("%s ran, and failed on at most %s", which, plural(r.MostFailed, "node"))
}

// String says what is asked.
func (m *Metric) String() string {
	if m.Most != nil {
		return fmt.Sprintf("scorecard: at most %d %s", *m.Most, m.Title)
	}
	return fmt.Sprintf("scorecard: at most %s %s", m.MostShare, m.Title)
}

// String says what is asked.
func (d *Data) String() string {
	return fmt.Sprintf("%s at most %s old", d.Name, plural(int64(d.Days), "day"))
}

// String says what is asked.
func (a *Asks) String() string {
	s := fmt.Sprintf("%s of %s", a.Kind, strings.Join(a.Schemes, " or "))
	if len(a.Issuers) > 0 {
		s += " by " + strings.Join(a.Issuers, " or ")
	}
	return s
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// number is a decimal number of a report file, 0 for what is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}
