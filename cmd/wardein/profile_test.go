package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/prove/claim"
	"github.com/wardein/wardein/prove/profile"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/report/scorecard"
)

// known tells whether a check says a rule of the pattern, as far as lists of
// rules go: those of test cases, and the names of sentences.
func known(pattern string) bool {
	for _, c := range checks.Checks() {
		for rule := range c.Cases {
			if report.Rules([]string{pattern}).Match(rule) {
				return true
			}
		}
		for id := range c.Messages {
			if report.Rules([]string{pattern}).Match(id) {
				return true
			}
		}
	}
	return false
}

// The profile that comes along asks for checks, rules and figures that there
// are, and counts on all checks.
func TestBaseline(t *testing.T) {
	p, err := profile.Parse(profile.Baseline)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range checks.Checks() {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, p.Checks) {
		t.Errorf("it counts on %q, the checks are %q", p.Checks, names)
	}
	for _, c := range p.Conditions {
		if c.Findings != nil {
			for _, r := range c.Findings.Rules {
				if !known(r) {
					t.Errorf("%s: no check has the rule %s", c.ID, r)
				}
			}
		}
		if c.Metric != nil && !slices.ContainsFunc(scorecard.Metrics().Metric, func(m scorecard.Metric) bool { return m.Title == c.Metric.Title }) {
			t.Errorf("%s: the scorecard has no figure %q", c.ID, c.Metric.Title)
		}
	}
}

// Claims name rules that there are.
func TestClaimRules(t *testing.T) {
	files, _ := filepath.Glob("../../prove/claim/data/*/*.toml")
	more, _ := filepath.Glob("../../docs/testdata/claims/*.toml")
	for _, name := range append(files, more...) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := claim.Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.Example == strings.Contains(name, "prove/claim/data") {
			t.Errorf("%s: example is %v", name, c.Example)
		}
		for _, test := range c.Tests {
			for _, r := range test.Rules {
				if !known(r) {
					t.Errorf("%s: no check has the rule %s", name, r)
				}
			}
		}
	}
	if len(files) == 0 || len(more) == 0 {
		t.Error("no claims")
	}
}
