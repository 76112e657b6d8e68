package claim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/result"
	"github.com/wardein/wardein/report"
)

// Input is a report, with what came with it in a bundle that was verified.
type Input struct {
	*report.Saved
	Signers     []string // names of the keys that signed it; none: a bare report
	Asked       string   // when the vendor was asked, or that it was not; "": nobody says
	Replies     []Reply
	Reruns      []Rerun
	Corrections []Correction
	Withdrawn   []string // IDs of findings that the lab has withdrawn
	// Results are those of compare and equiv that are about the report's release.
	Results []*result.Result
}

// Judge gives the verdict on a claim by reports, with the checks that its
// rules are of. The same arguments give the same verdict; neither the order of
// the reports nor one that is given twice changes it.
func Judge(c *Claim, reports []Input, checks []wardein.Check) *Verdict {
	v := &Verdict{Version: Version, Claim: quoted(c), Releases: []Release{}, Unreported: []string{}, Others: []string{}, Bears: []Bearing{}}
	if !c.Kind.Testable() {
		v.set(NotTestable, "a claim about "+string(c.Kind))
		for _, id := range c.Bears {
			v.Bears = append(v.Bears, Bearing{ID: id})
		}
		return v
	}
	j := judge{c, checks}
	reports = slices.Clone(reports)
	slices.SortFunc(reports, func(a, b Input) int {
		return cmp.Or(strings.Compare(a.Release.Digest, b.Release.Digest), slices.Compare(a.Digest[:], b.Digest[:]))
	})
	reports = merge(reports)
	for len(reports) > 0 {
		n := 1
		for n < len(reports) && reports[n].Release.Digest == reports[0].Release.Digest {
			n++
		}
		if d := reports[0].Release.Digest; c.About.Any() || slices.Contains(c.About.Digests, d) {
			v.Releases = append(v.Releases, j.release(reports[:n]))
		} else {
			v.Others = append(v.Others, d)
		}
		reports = reports[n:]
	}
	if !c.About.Any() && !c.About.Unknown() {
		for _, d := range slices.Sorted(slices.Values(c.About.Digests)) {
			if !slices.ContainsFunc(v.Releases, func(r Release) bool { return r.Digest == d }) {
				v.Unreported = append(v.Unreported, d)
			}
		}
	}
	v.conclude(c)
	return v
}

func (v *Verdict) set(s State, because string) {
	v.Verdict, v.Sentence, v.Because = s, Sentences[s], because
}

// The orders in which verdicts on single releases decide about a claim: on
// each of them, or on some.
var (
	eachOrder = []State{Contradicted, NotExamined, NotShown, Supported}
	someOrder = []State{Supported, NotExamined, NotShown, Contradicted}
)

// conclude draws the verdict from those on the releases.
func (v *Verdict) conclude(c *Claim) {
	count := map[State]int{NotExamined: len(v.Unreported)}
	why := map[State]string{} // of the first release in a state
	for _, r := range v.Releases {
		if count[r.Verdict]++; why[r.Verdict] == "" {
			why[r.Verdict] = r.Because
		}
		for i := range r.Tests {
			for k := range r.Tests {
				v.Both = v.Both || c.Tests[i].Hit != c.Tests[k].Hit && len(r.Tests[i].Hits) > 0 && len(r.Tests[k].Hits) > 0
			}
		}
	}
	all := len(v.Releases) + len(v.Unreported)
	switch {
	case c.Untested != "" && all == 0:
		v.set(NotExamined, c.Untested)
		return
	case c.About.Unknown():
		v.set(NotExamined, "the claim names no release by its digest: which bytes it is about is not known")
		return
	case all == 0:
		v.set(NotExamined, "no report about a release of the claim was given")
		return
	}
	order := eachOrder
	if c.About.Holds == Some {
		order = someOrder
	}
	for _, s := range order {
		if count[s] == 0 {
			continue
		}
		because := why[s]
		if because == "" {
			because = "no report about it was given"
		}
		if all > 1 {
			because = fmt.Sprintf("%d of %d releases %s: %s", count[s], all, s, because)
		}
		v.set(s, because)
		return
	}
}

// merge makes one input of those, sorted, that have the same report: a bundle
// says more than the bare report, and two bundles what both say.
func merge(sorted []Input) (all []Input) {
	for _, in := range sorted {
		if n := len(all); n == 0 || all[n-1].Digest != in.Digest {
			all = append(all, in)
			continue
		}
		last := &all[len(all)-1]
		last.Signers = append(slices.Clone(last.Signers), in.Signers...)
		last.Replies = append(slices.Clone(last.Replies), in.Replies...)
		last.Reruns = append(slices.Clone(last.Reruns), in.Reruns...)
		last.Corrections = append(slices.Clone(last.Corrections), in.Corrections...)
		last.Withdrawn = append(slices.Clone(last.Withdrawn), in.Withdrawn...)
		last.Results = append(slices.Clone(last.Results), in.Results...)
		last.Asked = max(last.Asked, in.Asked)
	}
	return all
}

// ordered is a list sorted and each once.
func ordered[T any](list []T, key func(T) string) []T {
	list = slices.SortedStableFunc(slices.Values(list), func(a, b T) int { return strings.Compare(key(a), key(b)) })
	list = slices.CompactFunc(list, func(a, b T) bool { return key(a) == key(b) })
	return append([]T{}, list...)
}

type judge struct {
	*Claim
	checks []wardein.Check
}

// release judges one release by the reports about it.
func (j *judge) release(reports []Input) Release {
	r := Release{Digest: reports[0].Release.Digest, Tests: []Outcome{}}
	shown := map[string]bool{}
	for i := range j.Tests {
		o := j.outcome(&j.Tests[i], reports)
		r.Tests = append(r.Tests, o)
		for _, list := range [][]Finding{o.Hits, o.Weaker, o.Withdrawn} {
			for _, f := range list {
				shown[f.ID] = true
			}
		}
	}
	for i := range reports {
		r.Reports = append(r.Reports, used(&reports[i], shown))
	}
	r.Verdict, r.Because = j.rule(r.Tests)
	return r
}

// rule is the rule that leads to the verdict on one release: the first clause
// that applies. docs/claims.md gives the reasons.
func (j *judge) rule(tests []Outcome) (State, string) {
	names := map[Meaning][]string{} // of the findings that were hit, each once
	seen := map[string]bool{}
	blind, unsure := "", "" // the first test that did not look, and that did not look in full for what contradicts
	for i, t := range tests {
		hit := j.Tests[i].Hit
		for _, f := range t.Hits {
			if key := string(hit) + f.ID; !seen[key] {
				seen[key] = true
				names[hit] = append(names[hit], f.ID)
			}
		}
		if t.Extent == NotLooked && blind == "" {
			blind = t.Why
		}
		if t.Extent != InFull && hit == Contradicts && unsure == "" {
			unsure = fmt.Sprintf("test %d, which could contradict it, looked %s", i+1, t.Extent)
			if t.Extent == NotLooked {
				unsure = fmt.Sprintf("test %d, which could contradict it, did not look: %s", i+1, t.Why)
			}
		}
	}
	says := func(m Meaning, verb string) string {
		n, s := len(names[m]), "findings "+verb
		if n == 1 {
			s = "finding " + verb + "s"
		}
		return fmt.Sprintf("%d %s it: %s", n, s, few(names[m]))
	}
	pro, against := len(names[Supports]) > 0, len(names[Contradicts]) > 0
	switch {
	case len(tests) == 0:
		return NotExamined, j.Untested
	case pro && against: // clause 1
		return Contradicted, says(Contradicts, "contradict") + "; " + says(Supports, "support") + "; what contradicts a statement decides"
	case against:
		return Contradicted, says(Contradicts, "contradict")
	case pro && unsure == "": // clause 2
		return Supported, says(Supports, "support")
	case pro: // clause 3
		return NotExamined, says(Supports, "support") + "; " + unsure
	case blind != "": // clause 4
		return NotExamined, blind
	}
	return NotShown, "every test looked, and none had a hit" // clause 5
}

// outcome is what a test gives for a release.
func (j *judge) outcome(t *Test, reports []Input) Outcome {
	o := Outcome{Extent: InFull, Looks: []Look{}, Hits: []Finding{}, Weaker: []Finding{}, Withdrawn: []Finding{}}
	if t.Result != "" {
		o.results(t, reports)
		return o
	}
	for _, name := range t.Rules.Checks() {
		// A check looked as far as it did in the report where it went furthest.
		best := NotLooked
		why := ""
		for _, s := range reports {
			l := j.look(name, s)
			if o.Looks = append(o.Looks, l); further(l.Extent, best) {
				best = l.Extent
			}
			if why == "" {
				why = l.Why
			}
		}
		if further(o.Extent, best) {
			o.Extent = best
		}
		if best == NotLooked && o.Why == "" {
			o.Why = why
		}
	}
	least := slices.Index(Confidences, t.Confidence)
	seen := map[string]bool{}
	put := func(list *[]Finding, as string, f *report.SavedFinding, s Input) {
		if !seen[as+f.ID] {
			seen[as+f.ID] = true
			*list = append(*list, finding(f, s))
		}
	}
	for _, s := range reports {
		for i := range s.Findings {
			switch f := &s.Findings[i]; {
			case !t.Rules.Match(f.Rule):
			case slices.Contains(s.Withdrawn, f.ID):
				put(&o.Withdrawn, "withdrawn ", f, s)
			case slices.Index(Confidences, f.Confidence) < least:
				put(&o.Weaker, "weaker ", f, s)
			default:
				put(&o.Hits, "hit ", f, s)
			}
		}
	}
	// A finding may be surer in one report than in another, or withdrawn in one.
	hit := func(f Finding) bool { return seen["hit "+f.ID] }
	o.Weaker, o.Withdrawn = slices.DeleteFunc(o.Weaker, hit), slices.DeleteFunc(o.Withdrawn, hit)
	return o
}

var extents = []Extent{NotLooked, InPart, InFull}

func further(a, b Extent) bool { return slices.Index(extents, a) > slices.Index(extents, b) }

// look is what a check did in a report.
func (j *judge) look(name string, s Input) Look {
	l := Look{Check: name, Report: s.Digest.String(), Extent: NotLooked, Unit: "node", NotApplicable: []Reason{}, Gaps: []Gap{}}
	i := slices.IndexFunc(j.checks, func(c wardein.Check) bool { return c.Name == name })
	if i < 0 {
		l.Why = "no check is called " + name
		return l
	}
	did := s.LookOf(&j.checks[i], j.checks)
	l.Version, l.Looked, l.Unit, l.Failed, l.Code = did.Version, did.Looked, did.Unit, did.Failed, j.checks[i].Code
	for _, n := range did.NotApplicable {
		l.NotApplicable = append(l.NotApplicable, Reason(n))
	}
	for k, g := range did.Gaps {
		if k == MaxGaps {
			l.GapsLeft = len(did.Gaps) - k
			break
		}
		l.Gaps = append(l.Gaps, Gap{g.Kind, g.Node, g.Why})
	}
	switch l.Why = did.Blind(); {
	case l.Why != "":
	case l.Failed > 0 || len(did.Gaps) > 0 || s.Partial:
		l.Extent = InPart
	default:
		l.Extent = InFull
	}
	return l
}

func finding(f *report.SavedFinding, s Input) Finding {
	v := Finding{ID: f.ID, Report: s.Digest.String(), Rule: f.Rule, Severity: f.Severity, Confidence: f.Confidence, Reach: f.Reach, Node: f.Node, Says: f.Says.Text, Quotes: []Quote{}}
	for _, q := range f.Quotes {
		v.Quotes = append(v.Quotes, Quote{q.Node, q.Off, q.Len, q.Bytes})
	}
	return v
}

// used is a report, what it could not look at, and what was said to the
// findings that are shown.
func used(s *Input, shown map[string]bool) Report {
	r := Report{Digest: s.Digest.String(), Recipe: s.Recipe.Digest.String(), Module: s.Recipe.Module, AsOf: s.Recipe.As_of,
		AccountedPPM: s.Coverage.Accounted_ppm, OpenedPPM: s.Coverage.Opened_ppm, Gaps: []GapCount{}, Partial: s.Partial, Asked: s.Asked}
	for _, c := range s.Coverage.Code {
		r.Code += c.Bytes
		r.CodeRead += c.Read
	}
	r.Signers = ordered(s.Signers, func(name string) string { return name })
	r.Replies = slices.DeleteFunc(ordered(s.Replies, func(r Reply) string { return fmt.Sprintf("%q", []string{r.Date, r.Finding, r.By, r.Kind, r.Text}) }), func(r Reply) bool { return !shown[r.Finding] })
	r.Corrections = slices.DeleteFunc(ordered(s.Corrections, func(c Correction) string { return fmt.Sprintf("%q", []string{c.Date, c.Finding, c.By, c.Text}) }), func(c Correction) bool { return !shown[c.Finding] })
	r.Reruns = ordered(s.Reruns, func(r Rerun) string { return fmt.Sprintf("%s %q %q", r.Date, r.By, r.First) })
	n := map[string]int64{}
	for _, g := range s.Gaps {
		if n[g.Kind]++; n[g.Kind] == 1 {
			r.Gaps = append(r.Gaps, GapCount{Kind: g.Kind})
		}
	}
	slices.SortFunc(r.Gaps, func(a, b GapCount) int { return strings.Compare(a.Kind, b.Kind) })
	for i := range r.Gaps {
		r.Gaps[i].N = n[r.Gaps[i].Kind]
	}
	return r
}

func quoted(c *Claim) Quoted {
	q := Quoted{Digest: c.Digest.String(), ID: c.ID, Number: c.Version, Kind: c.Kind, Text: c.Text, By: c.By, Source: c.Source, Said: c.Said, Example: c.Example, Note: c.Note,
		Product: c.About.Product, Release: c.About.Release, Digests: slices.Clone(c.About.Digests), Holds: c.About.Holds, Tests: []QuotedTest{}, Untested: c.Untested}
	for i := range c.Tests {
		q.Tests = append(q.Tests, quotedTest(&c.Tests[i]))
	}
	return q
}

// few names some of many.
func few(names []string) string {
	const most = 5
	if len(names) <= most+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
