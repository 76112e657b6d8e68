package profile

import (
	"fmt"

	"github.com/wardein/wardein/internal/canon"
)

// State is how a condition, or all of them, ended.
type State string

// The states. A condition that nothing could be said of is not met, either;
// it is undetermined, with the reason.
const (
	Met          State = "met"
	NotMet       State = "not met"
	Undetermined State = "undetermined"
)

// Version is the version of the statement's JSON.
const Version = "1.0"

// Meaning stands in each statement.
const Meaning = "This says which conditions of the profile the report meets. It is no certificate, and does not say that the release is safe."

// Statement is what a report says to the conditions of a profile: the
// predicate of a profile statement.
type Statement struct {
	Version string   `json:"version"`
	Meaning string   `json:"meaning"`
	Profile Named    `json:"profile"`
	Report  Reported `json:"report"`
	Records []Noted  `json:"records"` // all that were given
	Results []Given  `json:"results"` // all that were given
	Result  State    `json:"result"`
	// Conditions are in the profile's order.
	Conditions []Outcome `json:"conditions"`
	// Issued and Until are the days between which the statement is meant to be
	// used; "" where it was not issued.
	Issued string `json:"issued"`
	Until  string `json:"valid_until"`
}

// Named is the profile.
type Named struct {
	Name   string `json:"name"`
	Number int    `json:"number"` // its version
	Date   string `json:"date"`
	Author string `json:"author"`
	Source string `json:"source"`
	Digest string `json:"digest"` // of its file
}

// Reported is the report.
type Reported struct {
	Release      string `json:"release"` // digest
	Digest       string `json:"digest"`  // of its file
	Recipe       string `json:"recipe"`  // digest
	Module       string `json:"module"`
	AsOf         string `json:"as_of"`
	AccountedPPM int64  `json:"accounted_ppm"`
	OpenedPPM    int64  `json:"opened_ppm"`
	Gaps         int64  `json:"gaps"`
	Partial      bool   `json:"partial"`
}

// Noted is a record that was given.
type Noted struct {
	Digest     string     `json:"digest"` // of its file
	Kind       RecordKind `json:"kind"`
	Scheme     string     `json:"scheme"`
	Issuer     string     `json:"issuer"`
	Scope      string     `json:"scope"`
	ValidFrom  string     `json:"valid_from"`
	ValidUntil string     `json:"valid_until"`
	Document   string     `json:"document"`
}

// Given is a result of compare or equiv that was given.
type Given struct {
	Digest  string `json:"digest"` // of its file
	Verb    string `json:"verb"`
	Release string `json:"release"` // that it is about: the newer, or the shipped one
	Other   string `json:"other"`   // the older, or the rebuilt one
	Verdict string `json:"verdict"` // of equiv
}

// Outcome is how a condition ended.
type Outcome struct {
	ID      string `json:"id"`
	Asks    string `json:"asks"` // in words
	Why     string `json:"why"`  // the reason of the threshold
	State   State  `json:"state"`
	Because string `json:"because"`
	// Findings are the IDs of those that count, MaxFindings at most.
	Findings []string `json:"findings"`
}

// MaxFindings bounds the findings that an outcome names.
const MaxFindings = 100

// JSON is the statement as canonical JSON.
func (s *Statement) JSON() ([]byte, error) { return canon.Of(s) }

// Read reads what JSON wrote, and no other form of it.
func Read(b []byte) (*Statement, error) {
	s := new(Statement)
	if err := canon.Into(b, s); err != nil {
		return nil, err
	}
	if s.Version != Version {
		return nil, fmt.Errorf("version %q, expected %q", s.Version, Version)
	}
	if s.Result != all(s.Conditions) {
		return nil, fmt.Errorf("result is %q, its conditions say %q", s.Result, all(s.Conditions))
	}
	return s, nil
}

// all is met where all conditions are, and not met where any is not.
func all(conditions []Outcome) State {
	met := Met
	for _, c := range conditions {
		switch {
		case c.State == NotMet:
			return NotMet
		case c.State != Met:
			met = Undetermined
		}
	}
	return met
}
