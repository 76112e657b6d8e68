// Package claim judges statements about products by the reports of their
// releases. A claim is a file that quotes one statement, says whose it is and
// where it stands, and names the tests that bear on it; docs/claims.md
// specifies file, rule and verdict.
//
//	claim (TOML) ┐
//	reports      ├→ a verdict, with its evidence and with what was not covered
//	checks       ┘
//
// A verdict is a function of these and of nothing else.
package claim

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/tomlfile"
	"github.com/wardein/wardein/prove/result"
	"github.com/wardein/wardein/report"
)

// Form is the version of a claim's file.
const Form = 1

// Template is a claim to begin with, its keys explained.
//
//go:embed template.toml
var Template string

// Kind is what a claim is about.
type Kind string

// The kinds of claims. The last three are no properties of bytes.
const (
	Artefact   Kind = "artefact"   // what is in a release
	Capability Kind = "capability" // what a product can do, or be made to do
	Conduct    Kind = "conduct"    // what somebody did or does
	Intent     Kind = "intent"     // what somebody wants
	Law        Kind = "law"        // what a law demands or allows
)

// Kinds are all kinds.
var Kinds = []Kind{Artefact, Capability, Conduct, Intent, Law}

// Testable tells whether tests of software can bear on claims of the kind.
func (k Kind) Testable() bool { return k == Artefact || k == Capability }

// Meaning is what a hit of a test means for the claim.
type Meaning string

// A hit supports a claim that it shows to hold of the release by itself; it
// contradicts one that it shows not to hold.
const (
	Supports    Meaning = "supports"
	Contradicts Meaning = "contradicts"
)

// Holds says of which releases a claim is meant to hold.
type Holds string

// A claim is about each of its releases unless it says that there is one.
const (
	Each Holds = "each"
	Some Holds = "some"
)

// Results are the verbs whose results a test can ask for beside findings. Place
// and observe give none yet.
var Results = []string{"compare", "equiv", "place", "observe"}

// Any stands for a release of any digest, Unknown for releases that nobody has
// named by their digests: no report is about those.
const (
	Any     = "any"
	Unknown = "unknown"
)

// Claim is one statement of somebody's.
type Claim struct {
	Digest wardein.Digest `toml:"-"` // of the file

	Form    int    `toml:"form"`
	ID      string `toml:"id"`
	Version int    `toml:"version"` // of this claim, from 1
	Kind    Kind   `toml:"kind"`
	Text    string `toml:"text"`    // as quoted
	By      string `toml:"by"`      // who said it
	Source  string `toml:"source"`  // where it stands
	Said    string `toml:"said"`    // the day on which it was said
	Example bool   `toml:"example"` // it is fictitious
	Note    string `toml:"note"`    // what a reader should know: a translation, a second source
	About   About  `toml:"about"`
	Tests   []Test `toml:"test"`
	// Untested says why a claim that could have tests has none.
	Untested string `toml:"untested"`
	// Bears are the IDs of claims about capabilities that bear on a claim
	// about conduct, intent or law.
	Bears []string `toml:"bears"`
}

// About is what a claim is about.
type About struct {
	Product string   `toml:"product"`
	Release string   `toml:"release"` // in the vendor's words
	Digests []string `toml:"digests"` // of releases (SHA-256), or "any", or "unknown"
	Holds   Holds    `toml:"holds"`
}

// Any tells that reports of all releases are about the claim, Unknown that none
// is.
func (a *About) Any() bool { return slices.Equal(a.Digests, []string{Any}) }

// Unknown: see Any.
func (a *About) Unknown() bool { return slices.Equal(a.Digests, []string{Unknown}) }

// Test is what bears on a claim: rules of checks, or a result of another verb.
type Test struct {
	Rules report.Rules `toml:"rules"`
	// Result is the verb whose result it asks for. Of compare each row that Rows
	// chooses is a hit, where there are more than its Most; of equiv a verdict
	// that says so.
	Result string      `toml:"result"`
	Rows   *result.Ask `toml:"rows"`
	Hit    Meaning     `toml:"hit"`
	// Confidence is the least that a finding must have to be a hit.
	Confidence string `toml:"confidence"`
	Why        string `toml:"why"` // a hit means that
}

// Confidences are the words for how sure a finding is, least first.
var Confidences = []string{wardein.Possible.String(), wardein.Likely.String(), wardein.Certain.String()}

// The longest texts of a claim, in bytes: a brief of all of them is one page.
const (
	maxText   = 800
	maxShort  = 240
	maxWhy    = 240
	maxTests  = 8
	maxRules  = 16
	maxBears  = 16
	maxListed = 1000 // digests
)

// Parse reads a claim. Its errors name the key.
func Parse(b []byte) (*Claim, error) {
	c := &Claim{Digest: sha256.Sum256(b)}
	if err := tomlfile.Read(b, c); err != nil {
		return nil, err
	}
	if c.About.Holds == "" {
		c.About.Holds = Each
	}
	for i := range c.Tests {
		if t := &c.Tests[i]; t.Confidence == "" && t.Result == "" {
			t.Confidence = wardein.Likely.String()
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Claim) check() error {
	k := &tomlfile.Keys{}
	k.Form(c.Form, Form)
	k.Name("id", c.ID, 80)
	if c.Version < 1 {
		k.Bad("version", "%d, versions begin with 1", c.Version)
	}
	tomlfile.OneOf(k, "kind", c.Kind, Kinds...)
	k.Text("text", c.Text, maxText)
	k.Text("by", c.By, maxShort)
	k.Text("source", c.Source, maxShort)
	k.Date("said", c.Said)
	if c.Note != "" {
		k.Text("note", c.Note, maxShort)
	}
	c.About.check(k)
	if len(c.Tests) > maxTests {
		k.Bad("test", "%d tests, at most %d", len(c.Tests), maxTests)
	}
	for i := range c.Tests {
		c.Tests[i].check(k, i)
	}
	switch {
	case !c.Kind.Testable() && len(c.Tests) > 0:
		k.Bad("test", "a claim about %s is not testable on software: bears names the claims about capabilities that bear on it", c.Kind)
	case c.Kind.Testable() && len(c.Bears) > 0:
		k.Bad("bears", "stands in claims about conduct, intent and law")
	case c.Untested != "" && (!c.Kind.Testable() || len(c.Tests) > 0):
		k.Bad("untested", "stands in a claim that could have tests and has none")
	case c.Kind.Testable() && len(c.Tests) == 0:
		k.Text("untested", c.Untested, maxWhy)
	}
	if len(c.Bears) > maxBears {
		k.Bad("bears", "%d claims, at most %d", len(c.Bears), maxBears)
	}
	for i, id := range c.Bears {
		k.Name(fmt.Sprintf("bears[%d]", i+1), id, 80)
		if slices.Contains(c.Bears[:i], id) {
			k.Bad(fmt.Sprintf("bears[%d]", i+1), "%q stands there twice", id)
		}
	}
	return k.Err()
}

func (a *About) check(k *tomlfile.Keys) {
	k.Text("about.product", a.Product, maxShort)
	if a.Release != "" {
		k.Text("about.release", a.Release, maxShort)
	}
	tomlfile.OneOf(k, "about.holds", a.Holds, Each, Some)
	switch {
	case len(a.Digests) == 0:
		k.Bad("about.digests", "is missing: the releases' SHA-256, or %q, or %q", Any, Unknown)
	case len(a.Digests) > maxListed:
		k.Bad("about.digests", "%d, at most %d", len(a.Digests), maxListed)
	case a.Any() || a.Unknown():
		return
	}
	for i, d := range a.Digests {
		key := fmt.Sprintf("about.digests[%d]", i+1)
		if p, err := wardein.ParseDigest(d); err != nil || p.String() != d {
			k.Bad(key, "%.80q is not a SHA-256 in small letters", d)
		}
		if slices.Contains(a.Digests[:i], d) {
			k.Bad(key, "stands there twice")
		}
	}
}

func (t *Test) check(k *tomlfile.Keys, i int) {
	at := func(key string) string { return tomlfile.At("test", i, key) }
	switch {
	case (len(t.Rules) > 0) == (t.Result != ""):
		k.Bad(at("rules"), "a test has either rules or result")
	case len(t.Rules) > maxRules:
		k.Bad(at("rules"), "%d, at most %d", len(t.Rules), maxRules)
	case t.Result != "":
		tomlfile.OneOf(k, at("result"), t.Result, Results...)
		if t.Confidence != "" {
			k.Bad(at("confidence"), "goes with rules")
		}
		if t.Rows != nil && t.Result != result.Compare {
			k.Bad(at("rows"), "goes with a result of compare")
		}
	default:
		tomlfile.OneOf(k, at("confidence"), t.Confidence, Confidences...)
	}
	if t.Rows != nil {
		t.Rows.Check(k, func(key string) string { return at("rows." + key) })
		if t.Result == "" {
			k.Bad(at("rows"), "goes with a result of compare")
		}
	}
	if err := t.Rules.Err(); err != nil {
		k.Bad(at("rules"), "%v", err)
	}
	tomlfile.OneOf(k, at("hit"), t.Hit, Supports, Contradicts)
	k.Text(at("why"), t.Why, maxWhy)
}
