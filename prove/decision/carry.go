package decision

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare/findings"
)

// State is how a waiver stands to a report.
type State string

// The states. Only one that Counts has an effect on the sheet.
const (
	Counts   State = "counts"
	Expired  State = "expired"
	Replaced State = "finding is another now" // a list that has other items has another ID
	Unlooked State = "not looked at any more"
	Gone     State = "finding is gone"
	Absent   State = "no such finding" // nothing is known of an earlier release
)

// states are all states, in the order of waivers on the sheet.
var states = []State{Counts, Expired, Replaced, Unlooked, Gone, Absent}

// Waived is a waiver as it stands to a report.
type Waived struct {
	Finding string `json:"finding"`
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"`
	State   State  `json:"state"`
	// Why says more: what moved, what became graver, what replaces it.
	Why      string `json:"why"`
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Node     string `json:"node"`
}

// waive carries the waivers to the report. counts are the findings whose
// waivers count.
func (s *Sheet) waive(in *Input, c *findings.Changes) (counts map[string]bool) {
	counts = map[string]bool{}
	if in.Waivers == nil {
		return counts
	}
	s.File = in.Waivers.Digest.String()
	r := in.Side.Report
	for _, w := range in.Waivers.List {
		x := Waived{Finding: w.Finding, Owner: w.Owner, Reason: w.Reason, Expires: w.Expires, State: Absent}
		row := rowOf(c, w.Finding)
		var f *wardein.Finding
		if i := slices.IndexFunc(r.Findings, func(f wardein.Finding) bool { return f.ID == w.Finding }); i >= 0 {
			f = &r.Findings[i]
			x.State = Counts
			if w.Expires < r.Recipe.AsOf {
				x.State, x.Why = Expired, "before "+r.Recipe.AsOf
			}
			counts[w.Finding] = x.State == Counts
			if row != nil && row.Old != nil && row.Old.ID == f.ID {
				x.Why = joined(x.Why, changed(row))
			}
		} else if row != nil {
			f = row.Old
			x.State, x.Why = lost(row)
		} else if c == nil {
			x.Why = "no earlier report was given: --previous"
		}
		if f != nil {
			x.Rule, x.Severity, x.Node = f.Rule, f.Severity.String(), f.Node
		}
		s.Waivers = append(s.Waivers, x)
	}
	slices.SortStableFunc(s.Waivers, func(a, b Waived) int {
		return cmp.Or(slices.Index(states, a.State)-slices.Index(states, b.State), rank(b.Severity)-rank(a.Severity), strings.Compare(a.Finding, b.Finding))
	})
	return counts
}

// rowOf is the row of a finding that either report has, by its old ID first.
func rowOf(c *findings.Changes, id string) (hit *findings.Row) {
	if c == nil {
		return nil
	}
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Kind != findings.Finding {
			continue
		}
		if r.Old != nil && r.Old.ID == id {
			return r
		}
		if r.New != nil && r.New.ID == id {
			hit = r
		}
	}
	return hit
}

// changed says what is another since the earlier report of a finding that is
// still there.
func changed(r *findings.Row) (why string) {
	if r.Old == nil || r.New == nil {
		return ""
	}
	for _, w := range r.What {
		if w != "text" && w != "list" {
			why = joined(why, w)
		}
	}
	if r.Old.Node != r.New.Node {
		why = joined(why, "moved: "+cmp.Or(r.Old.Node, ".")+" → "+cmp.Or(r.New.Node, "."))
	}
	return joined(why, items(r))
}

// lost says what became of a finding that is not there under its ID.
func lost(r *findings.Row) (State, string) {
	switch r.State {
	case findings.Gone:
		return Gone, ""
	case findings.Unlooked:
		return Unlooked, r.Why
	}
	return Replaced, joined("now "+r.New.ID, items(r))
}

func items(r *findings.Row) (s string) {
	if len(r.Came) > 0 {
		s = "came: " + few(r.Came)
	}
	if len(r.Went) > 0 {
		s = joined(s, "went: "+few(r.Went))
	}
	return s
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
