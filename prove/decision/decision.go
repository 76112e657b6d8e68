// Package decision makes the sheet on which a named person decides about a
// release:
//
//	report   ┐
//	profile  ├→ what the profile asks, what is open, what to ask the vendor,
//	waivers  ┘  what was not seen, and four boxes
//
// The sheet is a function of these, of the report of the release before, and of
// what the vendor replied. The boxes are empty: accept, accept with conditions,
// hold and refuse are words of the person who signs it, and nothing here
// suggests one.
package decision

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/prove/profile"
	"github.com/wardein/wardein/report"
)

// Version is the version of the sheet's JSON.
const Version = "1.0"

// Meaning stands on each sheet.
const Meaning = "This sheet says what one report says to one profile. It does not say that the release is safe, and decides nothing: whoever signs it does."

// Words are what can be decided. They are filled in by a person.
var Words = []string{"accept", "accept with conditions", "hold", "refuse"}

// Input is what a sheet is made of.
type Input struct {
	Side      *findings.Side // the report
	Statement *profile.Statement
	Profile   *profile.Profile
	Waivers   *Waivers       // nil: none
	Previous  *findings.Side // the report of the release before; nil: none
	Replies   []Reply        // of the vendor, verified
	Checks    []wardein.Check
}

// Reply is what a vendor said to a finding.
type Reply struct {
	Finding string `json:"finding"` // ID
	By      string `json:"by"`
	Date    string `json:"date"`
	What    string `json:"what"` // "fixed in 5.2.2"
}

// Sheet is what stands on a decision sheet.
type Sheet struct {
	Version string `json:"version"`
	Meaning string `json:"meaning"`
	Name    string `json:"name"` // as the reader knows the release
	// Statement is what the report says to the profile. Waivers change nothing
	// in it.
	Statement *profile.Statement `json:"statement"`
	// Code are the shares of code that checks read.
	Code []Code `json:"code"`
	// Findings counts all findings by severity, the gravest first.
	Findings []Count `json:"findings"`
	// Open are the conditions that are not met, or of which nothing can be
	// said, when the waivers that count are taken into account; Waived are
	// those that are not met, and whose findings are all waived.
	Open      []Condition `json:"open"`
	Waived    []Condition `json:"waived"`
	Waivers   []Waived    `json:"waivers"`
	File      string      `json:"waivers_file"` // digest of the waivers' file, "" for none
	Questions []Question  `json:"questions"`
	Gaps      []Accept    `json:"gaps"`
	Since     *Since      `json:"since"` // null where no earlier report was given
	// Decision is empty: a person fills it in.
	Decision Decision `json:"decision"`
}

// Code is code of one architecture.
type Code struct {
	Arch    string `json:"arch"`
	ReadPPM int64  `json:"read_ppm"`
}

// Count is a number of findings of one severity.
type Count struct {
	Severity string `json:"severity"`
	Findings int64  `json:"findings"`
}

// Condition is a condition of the profile that is open, or was waived.
type Condition struct {
	ID      string        `json:"id"`
	Asks    string        `json:"asks"`
	Why     string        `json:"why"`
	State   profile.State `json:"state"`
	Because string        `json:"because"`
	// Findings are the IDs of those that count and are not waived, Waived of
	// those that are.
	Findings []string `json:"findings"`
	Waived   []string `json:"waived"`
}

// Question is something to ask the vendor.
type Question struct {
	// Findings are the IDs of those that it is about; none where it is about
	// what was not seen.
	Findings []string `json:"findings"`
	Severity string   `json:"severity"`
	Text     string   `json:"text"`
	Replies  []Reply  `json:"replies"`
}

// Accept is what was not seen, for somebody to accept.
type Accept struct {
	Kind  string   `json:"kind"` // of gap; "unknown" for bytes that no format explains
	Who   []string `json:"who"`  // formats and checks that could not look
	Gaps  int64    `json:"gaps"`
	Bytes int64    `json:"bytes"` // 0: of no size
	PPM   int64    `json:"ppm"`   // of all bytes but padding
	Nodes []string `json:"nodes"` // at most 3
}

// Since is what came and went since the release before.
type Since struct {
	Name     string `json:"name"`
	Release  string `json:"release"` // digest
	New      int64  `json:"new"`
	Gone     int64  `json:"gone"`
	Stay     int64  `json:"stay"` // those that changed included
	Unlooked int64  `json:"not_looked_at"`
	Alike    bool   `json:"alike"` // both reports have one recipe
}

// Decision is filled in by the person who decides.
type Decision struct {
	Words []string `json:"words"` // one of them
	Word  string   `json:"word"`
	By    string   `json:"by"`
	Role  string   `json:"role"`
	Date  string   `json:"date"`
}

// JSON is the sheet as canonical JSON.
func (s *Sheet) JSON() ([]byte, error) { return canon.Of(s) }

// New makes a sheet. The same arguments give the same sheet.
func New(in *Input) *Sheet {
	r := in.Side.Report
	s := &Sheet{Version: Version, Meaning: Meaning, Name: in.Side.Name, Statement: in.Statement, Code: []Code{}, Findings: []Count{}, Open: []Condition{}, Waived: []Condition{},
		Waivers: []Waived{}, Questions: []Question{}, Gaps: []Accept{}, Decision: Decision{Words: Words}}
	for _, c := range r.Coverage.Code {
		s.Code = append(s.Code, Code{c.Arch, wardein.Share(c.Read, c.Bytes)})
	}
	for v := wardein.Critical; ; v-- {
		n := int64(0)
		for i := range r.Findings {
			if r.Findings[i].Severity == v {
				n++
			}
		}
		s.Findings = append(s.Findings, Count{v.String(), n})
		if v == wardein.Info {
			break
		}
	}
	var changes *findings.Changes
	if in.Previous != nil {
		changes = findings.Compare(in.Previous, in.Side, in.Checks)
		s.since(in, changes)
	}
	counts := s.waive(in, changes)
	s.conditions(in, counts)
	s.ask(in)
	s.accept(r)
	return s
}

func (s *Sheet) since(in *Input, c *findings.Changes) {
	n := func(states ...findings.State) int64 { return int64(c.Count(findings.Finding, states...)) }
	s.Since = &Since{Name: in.Previous.Name, Release: in.Previous.Report.Release.Digest.String(), New: n(findings.New, findings.Looked), Gone: n(findings.Gone),
		Stay: n(findings.Stays, findings.Changed), Unlooked: n(findings.Unlooked),
		Alike: report.RecipeDigest(&in.Previous.Report.Recipe) == report.RecipeDigest(&in.Side.Report.Recipe)}
}

// conditions sorts the profile's conditions into open and waived ones. counts
// are the findings whose waivers count.
func (s *Sheet) conditions(in *Input, counts map[string]bool) {
	for i := range in.Statement.Conditions {
		o := &in.Statement.Conditions[i]
		if o.State == profile.Met {
			continue
		}
		c := Condition{ID: o.ID, Asks: o.Asks, Why: o.Why, State: o.State, Because: o.Because, Findings: []string{}, Waived: []string{}}
		for _, id := range o.Findings {
			if counts[id] {
				c.Waived = append(c.Waived, id)
			} else {
				c.Findings = append(c.Findings, id)
			}
		}
		most := int64(-1)
		if k := slices.IndexFunc(in.Profile.Conditions, func(p profile.Condition) bool { return p.ID == o.ID }); k >= 0 && in.Profile.Conditions[k].Findings != nil {
			most = in.Profile.Conditions[k].Findings.Most
		}
		// Of more than MaxFindings the statement does not name all.
		if o.State == profile.NotMet && len(o.Findings) < profile.MaxFindings && len(c.Waived) > 0 && int64(len(c.Findings)) <= most {
			s.Waived = append(s.Waived, c)
		} else {
			s.Open = append(s.Open, c)
		}
	}
}

// ask collects what the vendor can answer: each open finding once, the gravest
// first, then what was not seen, then what was delivered and is on no list.
func (s *Sheet) ask(in *Input) {
	r := in.Side.Report
	open := map[string]bool{}
	for _, c := range s.Open {
		for _, id := range c.Findings {
			open[id] = true
		}
	}
	replies := map[string][]Reply{}
	for _, x := range in.Replies {
		replies[x.Finding] = append(replies[x.Finding], x)
	}
	// Findings that ask for one thing are one question.
	at := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if !open[f.ID] {
			continue
		}
		delete(open, f.ID)
		text := cmp.Or(report.Render(f.Fix, in.Side.Messages), report.Render(f.Says, in.Side.Messages))
		k, ok := at[f.Rule+"\x00"+text]
		if !ok {
			k = len(s.Questions)
			at[f.Rule+"\x00"+text] = k
			s.Questions = append(s.Questions, Question{Findings: []string{}, Severity: f.Severity.String(), Text: f.Rule + ": " + text, Replies: []Reply{}})
		}
		q := &s.Questions[k]
		q.Findings = append(q.Findings, f.ID)
		q.Replies = append(q.Replies, replies[f.ID]...)
		if rank(f.Severity.String()) > rank(q.Severity) {
			q.Severity = f.Severity.String()
		}
	}
	slices.SortStableFunc(s.Questions, func(a, b Question) int { return rank(b.Severity) - rank(a.Severity) })
	ask := func(format string, args ...any) {
		s.Questions = append(s.Questions, Question{Findings: []string{}, Text: fmt.Sprintf(format, args...), Replies: []Reply{}})
	}
	for _, k := range []struct {
		kind wardein.GapKind
		ask  string
	}{
		{wardein.Encrypted, "what is in %s, and may the lab have the key?"},
		{wardein.Unsupported, "what is %s, and how is it read?"},
		{wardein.Damaged, "is %s complete as delivered? Its bytes contradict its format."},
	} {
		if nodes := nodesOf(r.Gaps, k.kind); len(nodes) > 0 {
			ask(k.ask, few(nodes))
		}
	}
	var strange []string
	for _, p := range r.Release.Parts {
		if p.Delivered == wardein.Differs || p.Delivered == wardein.NotListed {
			strange = append(strange, fmt.Sprintf("%s (%s)", p.Path, p.Delivered))
		}
	}
	if len(strange) > 0 {
		ask("why does what was delivered not match the hash list: %s?", few(strange))
	}
}

func rank(severity string) int {
	for v := wardein.Info; v <= wardein.Critical; v++ {
		if v.String() == severity {
			return int(v)
		}
	}
	return -1
}

// nodesOf are the nodes of the gaps of a kind, the largest gap first.
func nodesOf(gaps []wardein.Gap, kind wardein.GapKind) (nodes []string) {
	var of []wardein.Gap
	for _, g := range gaps {
		if g.Kind == kind {
			of = append(of, g)
		}
	}
	slices.SortStableFunc(of, func(a, b wardein.Gap) int { return cmp.Compare(b.Len, a.Len) })
	for _, g := range of {
		if g.Node != "" && !slices.Contains(nodes, g.Node) {
			nodes = append(nodes, g.Node)
		}
	}
	return nodes
}

// shownNodes is how many nodes a line names.
const shownNodes = 3

// few names some of a list.
func few(list []string) string {
	s := strings.Join(list[:min(len(list), shownNodes)], ", ")
	if n := len(list) - shownNodes; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

// accept lists what was not seen, by kind.
func (s *Sheet) accept(r *wardein.Report) {
	all := r.Coverage.Known + r.Coverage.Opaque + r.Coverage.Unknown
	share := func(bytes int64) int64 {
		if all == 0 {
			return 0
		}
		return wardein.Share(bytes, all)
	}
	for _, kind := range []wardein.GapKind{wardein.Encrypted, wardein.Unsupported, wardein.Damaged, wardein.Limit, wardein.Crashed, wardein.NoData} {
		a := Accept{Kind: string(kind), Who: []string{}, Nodes: []string{}}
		for _, g := range r.Gaps {
			if g.Kind == kind {
				a.Gaps++
				a.Bytes += min(g.Len, 1<<50)
				if !slices.Contains(a.Who, g.Who) {
					a.Who = append(a.Who, g.Who)
				}
			}
		}
		if a.Gaps == 0 {
			continue
		}
		a.PPM = share(a.Bytes)
		nodes := nodesOf(r.Gaps, kind)
		a.Nodes = append(a.Nodes, nodes[:min(len(nodes), shownNodes)]...)
		s.Gaps = append(s.Gaps, a)
	}
	if n := r.Coverage.Unknown; n > 0 {
		s.Gaps = append(s.Gaps, Accept{Kind: "unknown", Who: []string{}, Bytes: n, PPM: share(n), Nodes: []string{}})
	}
}
