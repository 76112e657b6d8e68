package ts33117

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/report"
)

// State is how a test case stands after the checks of one report.
type State string

// The states of a test case; none says that it is met.
const (
	Indication  State = "indication of failure"
	Nothing     State = "nothing found by these checks"
	NotExamined State = "not examined"
)

// States are all states, in the order in which they are shown.
var States = []State{Indication, Nothing, NotExamined}

// Row is a test case with what a report says to it.
type Row struct {
	*Case
	State State
	// Why is the reason of a case that was not examined.
	Why string
	// Findings speak to the case, in the report's order. Those of severity info
	// are remarks: alone they are no indication of failure.
	Findings []*report.SavedFinding
	// Checks have rules that speak to it, in the order of the checks.
	Checks []Look
}

// Look is what a check with rules for a case did.
type Look struct {
	report.Look
	Rules []string // those that speak to the case, sorted
}

// Sheet is the table of test cases of one report.
type Sheet struct {
	Report *report.Saved
	Rows   []Row
}

// Judge sorts a report's findings by test case. A finding speaks to the cases
// that the report names for it; where it names none, to those that the checks
// name for its rule.
func Judge(s *report.Saved, checks []wardein.Check) *Sheet {
	j := judge{Saved: s, checks: checks, findings: map[string][]*report.SavedFinding{}}
	rules := map[string][]string{}
	for _, c := range checks {
		for rule, ids := range c.Cases {
			rules[rule] = ids
		}
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		ids := f.Cases
		if len(ids) == 0 {
			ids = rules[f.Rule]
		}
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			j.findings[id] = append(j.findings[id], f)
		}
	}
	sheet := &Sheet{Report: s}
	all := Cases().Cases
	for i := range all {
		sheet.Rows = append(sheet.Rows, j.row(&all[i]))
	}
	for _, id := range slices.Sorted(maps.Keys(j.findings)) {
		if !Known(id) {
			sheet.Rows = append(sheet.Rows, j.row(&Case{ID: id, About: "a test case that the list of cases here does not have", Unverified: true}))
		}
	}
	return sheet
}

// Pick returns the sheet with these cases alone, in its own order.
func (s *Sheet) Pick(cases []*Case) *Sheet {
	picked := &Sheet{Report: s.Report}
	for _, r := range s.Rows {
		if slices.Contains(cases, r.Case) {
			picked.Rows = append(picked.Rows, r)
		}
	}
	return picked
}

// In returns the rows of one state.
func (s *Sheet) In(state State) (rows []*Row) {
	for i := range s.Rows {
		if s.Rows[i].State == state {
			rows = append(rows, &s.Rows[i])
		}
	}
	return rows
}

type judge struct {
	*report.Saved
	checks   []wardein.Check
	findings map[string][]*report.SavedFinding // by case, in order
}

func (j *judge) row(c *Case) Row {
	row := Row{Case: c, State: NotExamined}
	if c.ID != "" {
		row.Findings = j.findings[c.ID]
		for i := range j.checks {
			if l := j.look(&j.checks[i], c.ID); l != nil {
				row.Checks = append(row.Checks, *l)
			}
		}
	}
	switch {
	case slices.ContainsFunc(row.Findings, func(f *report.SavedFinding) bool { return !remark(f) }):
		row.State = Indication
	case len(row.Findings) > 0:
		row.State = Nothing
	case len(row.Checks) == 0:
		row.Why = c.needs()
	default:
		var whys []string
		for i := range row.Checks {
			if why := row.Checks[i].Blind(); why != "" {
				whys = append(whys, why)
			} else {
				row.State = Nothing
			}
		}
		if row.State != Nothing {
			row.Why = strings.Join(whys, "; ")
		}
	}
	return row
}

// remark tells that a finding has no effect by itself.
func remark(f *report.SavedFinding) bool { return f.Severity == wardein.Info.String() }

// look is what a check with rules for a case did, nil for one without.
func (j *judge) look(c *wardein.Check, id string) *Look {
	var rules []string
	for rule, ids := range c.Cases {
		if slices.Contains(ids, id) {
			rules = append(rules, rule)
		}
	}
	if len(rules) == 0 {
		return nil
	}
	slices.Sort(rules)
	return &Look{j.LookFor(c, j.checks, id), rules}
}

// needs says what a case without a check needs.
func (c *Case) needs() string {
	var use []string
	doc := false
	for _, m := range c.Modes {
		switch m {
		case "IMG":
			return "no check for it yet"
		case "DOC":
			doc = true
		default:
			use = append(use, m)
		}
	}
	switch {
	case len(use) == 0 && !doc:
		return "no check for it yet"
	case len(use) == 0:
		return "needs the vendor's documents (DOC)"
	case doc:
		return "needs the product brought into use (" + strings.Join(use, ", ") + ") and the vendor's documents (DOC)"
	}
	return "needs the product brought into use (" + strings.Join(use, ", ") + ")"
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
