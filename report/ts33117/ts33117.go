// Package ts33117 sorts the findings of a report by the test cases of 3GPP
// TS 33.117, the catalogue of general security assurance requirements for
// network products.
//
//	report → checks that ran ┐
//	rules → test cases       ├→ a state for each test case
//	catalogue of test cases  ┘
//
// A test case needs the product brought into use. What an image shows is an
// indication: a case has an indication of failure, or nothing was found by the
// checks that speak to it, or it was not examined. There is no fourth state,
// and none that says that a product fulfils a case.
package ts33117

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/wardein/wardein/internal/table"
)

//go:embed data/cases.toml
var data []byte

// Case is a test case of the standard.
type Case struct {
	// ID is its name, "" where none could be confirmed; Also is another
	// spelling of it, in another version of the standard.
	ID     string `toml:"id"`
	Also   string `toml:"also"`
	Clause string `toml:"clause"`
	// Version is that of the standard in which name and clause were read.
	Version string `toml:"version"`
	About   string `toml:"about"`
	// Modes are where its answer is: "IMG", "HOST", "NET", "PCAP", "DOC".
	Modes []string `toml:"modes"`
	// Evidence is what a laboratory adds to what an image shows.
	Evidence   string `toml:"evidence"`
	Unverified bool   `toml:"unverified"` // its name
}

// Catalogue is the list of test cases with its source.
type Catalogue struct {
	Standard string `toml:"standard"`
	Version  string `toml:"version"`
	Source   string `toml:"source"`
	Date     string `toml:"date"` // of the day on which it was read
	Cases    []Case `toml:"case"` // in the standard's order
}

var catalogue = table.TOML[Catalogue]("report/ts33117/data/cases.toml", data)

// Cases returns the catalogue.
var Cases = sync.OnceValue(func() *Catalogue {
	c := catalogue()
	for i := range c.Cases {
		if c.Cases[i].Version == "" {
			c.Cases[i].Version = c.Version
		}
	}
	return c
})

// Known tells whether the standard has a test case of this name.
func Known(id string) bool {
	return id != "" && slices.ContainsFunc(Cases().Cases, func(c Case) bool { return c.ID == id })
}

// Find returns the test cases that somebody names: by name, with or without
// TC_ and in any case of letters, or by clause.
func Find(name string) (cases []*Case) {
	name = strings.TrimPrefix(strings.ToUpper(name), "TC_")
	if name == "" {
		return nil
	}
	for i := range Cases().Cases {
		c := &Cases().Cases[i]
		if name == c.Clause || name == strings.TrimPrefix(c.ID, "TC_") || name == strings.TrimPrefix(c.Also, "TC_") {
			cases = append(cases, c)
		}
	}
	return cases
}

// doubt says what of a case could not be verified, "" for nothing.
func (c *Case) doubt() string {
	switch {
	case !c.Unverified:
		return ""
	case c.ID == "":
		return "its name is not known here"
	case c.Clause == "":
		return "not in the list of cases here"
	}
	return "name and clause not verified"
}

// Name is what the case is called here.
func (c *Case) Name() string {
	if c.ID == "" {
		return "clause " + c.Clause
	}
	return c.ID
}
