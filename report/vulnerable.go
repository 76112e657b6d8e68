package report

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
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
	// Score is the CVSS base score times ten, 0 where none is told.
	Score int
	// Exploited: a public list names it.
	Exploited bool
	Finding   *wardein.Finding
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

var vulnerabilityID = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,15}-[A-Za-z0-9][A-Za-z0-9:._-]{2,60}$`)

// Vulnerabilities reads the findings of the check vuln by their arguments:
//
//	component or name, version     the component
//	id, ids, cve, cves             names, separated by spaces or commas
//	count                          begins with how many of them nothing speaks
//	                               against; they stand first
//	possible, investigating        names of which it is not sure
//	status, why, source, vector    what is said of it, by whom
//	list, more                     what is said of each: "CVE-… (CVSS 9.8), …"
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
		if vulnerabilityID.MatchString(id) {
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
	ids := names(arg("id", "ids", "cve", "cves"))
	if len(ids) == 1 {
		v.ID, v.Says, v.Exploited = ids[0], Render(f.Says, messages), f.Exploited
		v.Score = told(arg("list", "worst"), ids)[ids[0]].score
		return []Vulnerability{v}
	}
	digits := arg("count")
	if k := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); k >= 0 {
		digits = digits[:k]
	}
	sure, err := strconv.Atoi(digits)
	if err != nil {
		sure = len(ids)
	}
	possible := append(names(arg("possible")), names(arg("investigating"))...)
	each := told(arg("list")+"\n"+arg("more"), ids)
	for i, id := range ids {
		one := v
		one.ID, one.Score, one.Exploited, one.Says = id, each[id].score, each[id].exploited, each[id].says
		if !v.Stated && (i >= sure || slices.Contains(possible, id) || each[id].investigating) {
			one.Standing = Investigating
		}
		if one.Says == "" {
			c := &r.Components[at]
			one.Says = id + ": " + strings.TrimSpace(c.Name+" "+c.Version)
		}
		out = append(out, one)
	}
	return out
}

// tale is what a finding's words say of one of its vulnerabilities.
type tale struct {
	score                    int
	says                     string
	exploited, investigating bool
}

var scoreForm = regexp.MustCompile(`^ (?:\((?:CVSS (\d{1,2})\.(\d)|no score)\)|(\d{1,2})\.(\d)\b)`)

// told finds each name with its score in a text, and what stands between it
// and the next one.
func told(text string, ids []string) map[string]tale {
	type mark struct {
		at, to int
		id     string
		score  int
		long   bool
	}
	known := map[string]bool{}
	for _, id := range ids {
		known[id] = true
	}
	var marks []mark
	for at := 0; at < len(text); {
		n := strings.IndexAny(text[at:], " .,;\n")
		if n < 0 {
			n = len(text) - at
		}
		word := text[at : at+n]
		if m := scoreForm.FindStringSubmatch(text[at+n:]); m != nil && known[word] {
			score, _ := strconv.Atoi(m[1] + m[2] + m[3] + m[4]) // digits, at most three
			marks = append(marks, mark{at, at + n, word, score, strings.HasPrefix(m[0], " (")})
		}
		at += n + 1
	}
	out := map[string]tale{}
	for i, m := range marks {
		if _, ok := out[m.id]; ok {
			continue
		}
		x := tale{score: m.score}
		if m.long {
			end := len(text)
			if i+1 < len(marks) {
				end = marks[i+1].at
			}
			says, _, _ := strings.Cut(text[m.at:end], "\n")
			x.says = strings.TrimRight(says, ". ")
			x.exploited = strings.Contains(x.says, ", known exploited since ")
			x.investigating = strings.Contains(x.says, ", under investigation")
		}
		out[m.id] = x
	}
	return out
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
