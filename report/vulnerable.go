package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// Standing is what is said of a vulnerability in a component.
type Standing string

// The standings, in the words of CSAF.
const (
	Affected      Standing = "known_affected"
	NotAffected   Standing = "known_not_affected"
	Investigating Standing = "under_investigation"
	Fixed         Standing = "fixed"
)

// Vulnerability is one that a finding of the check vuln names, with the
// component it is about.
type Vulnerability struct {
	ID string // as its source names it: "CVE-…"
	// Component is its place in Report.Components.
	Component int
	Standing  Standing
	// Stated tells that somebody's VEX statement decided the standing.
	Stated                    bool
	Says, Fix, Meanwhile, Why string
	Source, Vector            string
	// Score is the CVSS base score times ten, 0 where none is told; Scored
	// says whose it is.
	Score  int
	Scored string
	// Exploited: a public list names it, since the day Added.
	Exploited bool
	Added     string
	// EPSS is the probability of exploitation in the next 30 days ("0.94321"),
	// FixedIn the first version that the range does not have; "" not known.
	EPSS, FixedIn string
	Finding       *wardein.Finding
}

// Severity grades the vulnerability by its score (CVSS 3.1, section 5); not ok:
// it has none.
func (v *Vulnerability) Severity() (wardein.Severity, bool) {
	switch s := v.Score; {
	case s >= 90:
		return wardein.Critical, true
	case s >= 70:
		return wardein.High, true
	case s >= 40:
		return wardein.Medium, true
	case s > 0:
		return wardein.Low, true
	}
	return 0, false
}

var vulnerabilityID = lazy.Regexp(`^[A-Z][A-Z0-9]{1,15}-[A-Za-z0-9][A-Za-z0-9:._-]{2,60}$`)

// Vulnerabilities reads the findings of the check vuln by their arguments:
//
//	component or name, version     the component
//	CVE-…, or another such name    what is said of it: "status=affected; score=9.8; …"
//	id, ids, cve, cves             names alone, separated by spaces or commas
//	status, why, source, vector    what is said of those, by whom
//
// A finding whose component is not in the report is left out. Each name and
// component stands once, in the order of names, standings, components.
func Vulnerabilities(r *wardein.Report, messages map[string]string) []Vulnerability {
	var out []Vulnerability
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Check == "vuln" {
			out = append(out, vulnerabilities(r, f, messages)...)
		}
	}
	slices.SortStableFunc(out, func(a, b Vulnerability) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(a.Component, b.Component))
	})
	out = slices.CompactFunc(out, func(a, b Vulnerability) bool { return a.ID == b.ID && a.Component == b.Component })
	slices.SortStableFunc(out, func(a, b Vulnerability) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(string(a.Standing), string(b.Standing)))
	})
	return out
}

// names splits a list of vulnerabilities' names.
func names(s string) (out []string) {
	for id := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' || r == ';' || r == '\n' }) {
		if vulnerabilityID().MatchString(id) {
			out = append(out, id)
		}
	}
	return out
}

func vulnerabilities(r *wardein.Report, f *wardein.Finding, messages map[string]string) (out []Vulnerability) {
	arg := func(names ...string) string {
		for _, want := range names {
			for _, a := range f.Says.Args {
				if a.Name == want && a.Value != "" {
					return a.Value
				}
			}
		}
		return ""
	}
	at := componentAt(r, arg("component", "name"), arg("version"))
	if at < 0 {
		return nil
	}
	v := Vulnerability{Component: at, Finding: f, Fix: Render(f.Fix, messages), Meanwhile: Render(f.Meanwhile, messages),
		Source: arg("source"), Vector: arg("vector"), Why: arg("why", "because")}
	v.Standing, v.Stated = standing(arg("status"), f.Confidence)
	for _, id := range names(arg("id", "ids", "cve", "cves")) {
		v.ID, v.Says, v.Exploited = id, Render(f.Says, messages), f.Exploited
		out = append(out, v)
	}
	v.Exploited = false
	for _, a := range f.Says.Args {
		if vulnerabilityID().MatchString(a.Name) {
			out = append(out, v.detailed(a))
		}
	}
	return out
}

// detailed is what the details of one vulnerability say.
func (v Vulnerability) detailed(a wardein.Note) Vulnerability {
	said := map[string]string{}
	for part := range strings.SplitSeq(a.Value, "; ") {
		key, value, _ := strings.Cut(part, "=")
		said[key] = value
	}
	c := v.Finding.Says
	v.ID, v.Source, v.Vector, v.Why, v.FixedIn, v.EPSS, v.Scored, v.Added = a.Name, said["source"], said["vector"], said["justification"], said["fixed"], said["epss"], said["scored"], said["exploited"]
	v.Exploited = v.Added != ""
	v.Score, _ = strconv.Atoi(strings.Replace(said["score"], ".", "", 1))
	v.Score = max(min(v.Score, 100), 0)
	sure := wardein.Certain
	if said["sure"] == "no" {
		sure = wardein.Possible
	}
	v.Standing, v.Stated = standing(said["status"], sure)
	product := said["product"]
	for i := 0; product == "" && i < len(c.Args); i++ {
		if c.Args[i].Name == "component" {
			product = c.Args[i].Value
		}
	}
	v.Says = a.Name + ": " + strings.TrimSpace(product+" "+said["range"])
	if said["record"] != "" {
		v.Says += fmt.Sprintf(", as %s says in %s", said["source"], said["record"])
	}
	if said["date"] != "" {
		v.Says += " of " + said["date"]
	}
	if said["why"] != "" {
		v.Says += "; " + said["why"]
	}
	v.Says += "."
	return v
}

func componentAt(r *wardein.Report, name, version string) int {
	only := -1
	for i := range r.Components {
		c := &r.Components[i]
		if c.Name != name {
			continue
		}
		if c.Version == version {
			return i
		}
		if version == "" && only == -1 {
			only = i
		}
	}
	return only
}

// standing reads a status. Without one, a match that is no more than possible
// is under investigation.
func standing(said string, sure wardein.Confidence) (s Standing, stated bool) {
	switch strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(said), "-", " "), "_", " ") {
	case "not affected", "known not affected":
		return NotAffected, true
	case "fixed", "resolved":
		return Fixed, true
	case "under investigation", "in triage":
		return Investigating, true
	}
	if sure == wardein.Possible {
		return Investigating, false
	}
	return Affected, false
}

// Unexamined tells that known vulnerabilities were not looked for, because
// there was no data or the check did not run.
func Unexamined(r *wardein.Report) bool {
	for i := range r.Gaps {
		g := &r.Gaps[i]
		if g.Who == "vuln" && g.Kind == wardein.NoData && strings.Contains(g.Why, "not examined") {
			return true
		}
	}
	return !slices.ContainsFunc(r.Recipe.Checks, func(c wardein.Ingredient) bool { return c.Name == "vuln" })
}
