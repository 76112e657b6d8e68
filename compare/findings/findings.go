// Package findings tells what came, went and stayed between judged reports:
// findings, and what they name (listeners, accounts, keys, remote hosts),
// components, gaps and coverage.
//
// A row is gone only where somebody looked. Where the check did not run, had no
// data, failed on the node, or where the node's bytes were not opened this time,
// the row is Unlooked, and where they were not opened before, Looked: neither
// is what a release did. Compare(a, b) and Compare(b, a) are each other's
// mirror: New is Gone, Looked is Unlooked, and the two sides change places.
//
// Compare expects two releases judged alike; what it finds is the release's
// doing. Causes compares two reports of one release and says of each row whether
// the rules or the data changed. Series tells over many releases since when a
// row has been there.
package findings

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/report"
)

// Side is a judged report that is compared with another.
type Side struct {
	Name string // as the reader knows the release
	*wardein.Report
	Messages map[string]string // as report.Render wants them
	// Node returns the node at a path of the release's tree, nil for none. A
	// nil Node is a tree that is not at hand: then a row of which no more is
	// known than that less of the release was opened counts as not looked at.
	Node func(path string) *wardein.Node
	// Twin, where it is not nil, returns the node here that stands for the
	// other side's node at that path, nil for none; else paths are the same.
	Twin func(path string) *wardein.Node
}

// Of is a parsed report as a side.
func Of(name string, p *report.Parsed) *Side {
	return &Side{Name: name, Report: p.Report, Messages: p.Messages}
}

// Kind is what a row is about.
type Kind string

// The kinds, in the order of rows.
const (
	Finding   Kind = "finding"
	Component Kind = "component"
	Listener  Kind = "listener"
	Account   Kind = "account"
	Key       Kind = "key"
	Host      Kind = "remote host"
	Gap       Kind = "gap"
	Coverage  Kind = "coverage"
)

// Kinds are all kinds, in the order of rows.
var Kinds = []Kind{Finding, Component, Listener, Account, Key, Host, Gap, Coverage}

// State is how a row stands on the newer side to the older.
type State string

// The states, in the order of rows.
const (
	New      State = "new"
	Changed  State = "changed"
	Gone     State = "gone"
	Unlooked State = "not looked at any more" // it was there; nobody can say that it is not
	Looked   State = "not looked at before"   // it is there; nobody can say that it was not
	Stays    State = "stays"
)

// States are all states, in the order of rows.
var States = []State{New, Changed, Gone, Unlooked, Looked, Stays}

// Cause is what a difference is due to.
type Cause string

// The causes. Disturbed is an inspection that was interrupted or whose reader
// was killed: its report is not repeatable.
const (
	ByRelease     Cause = "release"
	ByRules       Cause = "rules"
	ByData        Cause = "data"
	ByRulesOrData Cause = "rules or data"
	ByDisturbance Cause = "disturbed run"
)

// Row is one thing on either side or on both.
type Row struct {
	Kind  Kind
	State State
	// Key names it within its kind, in the newer report where it is in both.
	Key string
	// Name is what a reader calls it: a rule, a component, "cwmpd tcp/7547".
	Name string
	// Was and Is are one line about it on each side, "" where it is absent.
	Was, Is string
	// What are the differences of a Changed row: "severity high → medium",
	// "up", "text", "list". Up and down are of components and coverage.
	What []string
	// Came and Went are the items of a list that one side has alone; Cut tells
	// that a list is not whole in a report, so that there may be more.
	Came, Went []string
	Cut        bool
	// Why says of an Unlooked or Looked row why not, and of a Changed one why
	// what went, or else what came, may be there on the other side, too.
	Why string
	// Note is what else should be known: a component's end of life.
	Note string

	Cause   Cause  // "" of a row that Stays
	Because string // which rules, which data
	// Since is the name of the oldest release of a Series that has had it
	// without a break until the newest, Releases how many have it since then,
	// and Again the last release that had it before a break. Series alone sets
	// them.
	Since    string
	Releases int
	Again    string
	// Old and New are the findings that say so, nil for none.
	Old, New *wardein.Finding

	oldKey string
	rank   wardein.Severity
}

// Differs tells a row that is not the same on both sides.
func (r *Row) Differs() bool { return r.State != Stays }

// Changes are all rows of two sides, those that stay included.
type Changes struct {
	Old, New string // the sides' names
	Rows     []Row
}

// Count is how many rows of a kind are in one of the states.
func (c *Changes) Count(k Kind, states ...State) (n int) {
	for i := range c.Rows {
		if c.Rows[i].Kind == k && slices.Contains(states, c.Rows[i].State) {
			n++
		}
	}
	return n
}

// Differences are the rows that are not the same on both sides.
func (c *Changes) Differences() (rows []*Row) {
	for i := range c.Rows {
		if c.Rows[i].Differs() {
			rows = append(rows, &c.Rows[i])
		}
	}
	return rows
}

// Compare compares two releases that were judged alike. checks is the list that
// both reports' checks are of. Rows are in order of kind, state, severity (the
// gravest first), name and key.
func Compare(old, new *Side, checks []wardein.Check) *Changes {
	c := &comparison{old: newReader(old, new, checks), new: newReader(new, old, checks)}
	c.findings()
	c.components()
	c.things()
	c.gaps()
	c.coverage()
	slices.SortStableFunc(c.rows, func(a, b Row) int {
		return cmp.Or(slices.Index(Kinds, a.Kind)-slices.Index(Kinds, b.Kind), slices.Index(States, a.State)-slices.Index(States, b.State),
			cmp.Compare(b.rank, a.rank), strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key))
	})
	return &Changes{old.Name, new.Name, c.rows}
}

// comparison is the work of Compare.
type comparison struct {
	old, new *reader
	rows     []Row
}

// absent is a row of what one side has alone: the check that says so, and the
// nodes that it stands on.
func (c *comparison) absent(r Row, isOld bool, check string, nodes []string) {
	if isOld {
		r.Why = c.new.unseen(check, nodes)
	} else {
		r.Why = c.old.unseen(check, nodes)
	}
	c.put(r, isOld)
}

// stated is absent for what a check says of the whole release: it is not there
// where the check ran and does not say it.
func (c *comparison) stated(r Row, isOld bool, check string) {
	there := c.old
	if isOld {
		there = c.new
	}
	if !slices.ContainsFunc(there.Counts, func(n wardein.CheckCount) bool { return n.Check == check }) {
		r.Why = "the check " + check + " did not run"
	}
	c.put(r, isOld)
}

// put adds a row of what one side has alone; Why says why nobody knows that the
// other has not.
func (c *comparison) put(r Row, isOld bool) {
	r.Cause = ByRelease
	switch {
	case isOld && r.Why == "":
		r.State = Gone
	case isOld:
		r.State = Unlooked
	case r.Why == "":
		r.State = New
	default:
		r.State = Looked
	}
	if isOld {
		r.oldKey = r.Key
	}
	c.rows = append(c.rows, r)
}

// both is a row of what both sides have; What says what differs.
func (c *comparison) both(r Row, oldKey string) {
	r.State, r.oldKey = Stays, oldKey
	if len(r.What) > 0 {
		r.State, r.Cause = Changed, ByRelease
	}
	c.rows = append(c.rows, r)
}

// arrow says that a value differs.
func arrow(what, was, is string) string {
	if was == "" {
		was = "none"
	}
	if is == "" {
		is = "none"
	}
	return strings.TrimSpace(what + " " + was + " → " + is)
}
