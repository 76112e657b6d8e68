package report

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/wardein/wardein"
)

// Look is what a check did with a release, as its report tells.
type Look struct {
	Check string
	// Ran tells that the report has the check. Version is that of the check
	// there, Now that of the check as it is today.
	Ran          bool
	Version, Now int
	// Looked is how many of Unit it was done with, Failed on how many nodes it
	// failed.
	Looked, Failed int64
	Unit           string
	// NotApplicable are the nodes that it does not apply to, by reason.
	NotApplicable []SavedReason
	Gaps          []*SavedGap // of this check
}

// LookOf tells what the check c did; all is the list that c is of.
func (s *Saved) LookOf(c *wardein.Check, all []wardein.Check) Look {
	l := Look{Check: c.Name, Now: c.Version, Unit: "node"}
	for _, k := range s.Counts {
		if k.Check == c.Name {
			l.Ran, l.Looked, l.Failed, l.NotApplicable = true, number(k.Done), number(k.Failed), k.Not_applicable
		}
	}
	if !l.Ran {
		return l
	}
	lists := func(k wardein.Check) bool { return k.Components != nil && slices.Contains(c.Reads, k.Name) }
	switch {
	case slices.ContainsFunc(all, lists):
		l.Looked, l.Unit = int64(len(s.Components)), "component"
	case c.Node == nil:
		l.Looked = number(s.Nodes) // its findings come from the tree
	}
	for _, k := range s.Recipe.Checks {
		if k.Name == c.Name {
			l.Version = k.Version
		}
	}
	for i := range s.Gaps {
		if s.Gaps[i].Who == c.Name {
			l.Gaps = append(l.Gaps, &s.Gaps[i])
		}
	}
	return l
}

// LookFor tells what the check c did for one of its test cases: Looked are the
// nodes that speak to it, where the report counts them.
func (s *Saved) LookFor(c *wardein.Check, all []wardein.Check, testCase string) Look {
	l := s.LookOf(c, all)
	for _, k := range s.Counts {
		if k.Check != c.Name || k.Cases == nil || c.Node == nil || l.Unit != "node" {
			continue
		}
		l.Looked = 0
		for _, n := range k.Cases {
			if n.Case == testCase {
				l.Looked = number(n.Nodes)
			}
		}
	}
	return l
}

// Blind says why a check that found nothing did not look, "" where it did.
func (l *Look) Blind() string {
	if !l.Ran {
		return "the check " + l.Check + " did not run"
	}
	for _, g := range l.Gaps {
		if g.Kind == string(wardein.NoData) && g.Node == "" {
			return l.Check + " had no data, or not all: " + g.Why
		}
	}
	switch {
	case l.Looked > 0:
		return ""
	case l.Failed > 0:
		return fmt.Sprintf("%s failed on %s", l.Check, plural(l.Failed, l.Unit))
	}
	return l.Check + " met no " + l.Unit + " that it could judge"
}

// number is a decimal number of a report file, 0 for what is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
