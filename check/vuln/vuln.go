// Package vuln looks the identified components up in the database of known
// vulnerabilities that the user imported.
//
//	component → names → statements of all sources → which one decides → finding
//
// One finding for each component. Without a database there is a gap, and never
// a number.
package vuln

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/vulndb"
)

// Data is what the check looks into.
type Data struct {
	DB *vulndb.DB
	// AsOf is the evaluation date: a feed that is older by more than MaxAge
	// days is a gap.
	AsOf string
	// Sample tells that DB is the embedded sample.
	Sample bool
}

// MaxAge is how many days a feed may be older than the evaluation date.
const MaxAge = 30

// Check returns the check over a database; one without is a gap.
func Check(data Data) wardein.Check {
	return wardein.Check{
		Name: "vuln", Version: 1, Doc: doc,
		Wants: wants, Node: node,
		Reads: []string{"service", "component"},
		Tree: func(ctx context.Context, t wardein.Tree, out func(wardein.Finding)) error {
			if data.DB == nil {
				return &wardein.Gap{Kind: wardein.NoData, Why: "no database imported: known vulnerabilities were not examined"}
			}
			return (&judge{Data: data, tree: t, out: out}).all(ctx)
		},
		Messages: messages,
	}
}

var doc = wardein.Doc{
	About: "Known vulnerabilities of the identified components, from the database that the user imported (wardein data import).",
	How: "Each component is looked up under its CPE name, its name, its package URL and the packages that a package database declares. NVD, the CVE list, OSV, distributions' trackers and VEX documents are kept as statements; the version is compared in the scheme of the statement (generic, semver, dpkg, rpm, apk, PEP 440, npm, Maven, Go, OpenSSL, Linux). " +
		"A vendor's VEX statement about the release or the component goes before all others; with a package revision, declared or in a banner, the distribution decides, since it puts fixes into its own revisions; else NVD and the CVE list decide, and \"by version only\" is said. " +
		"One finding for each component lists the vulnerabilities, worst first, with the range that matched, who says so, and the scheme. Listed as exploited (CISA KEV) goes before severity. " +
		"For Linux, vulnerabilities whose source files lie where neither a module nor an entry of modules.builtin lies, or under another processor's folder, are counted apart.",
	FalsePositives: []string{
		"a fix that was put into the build without a change of version, where nothing carries a revision: said as \"by version only\"",
		"code that is in the product's source but was not built into this one",
		"statements that hold only for a platform, an edition or a part: graded possible",
		"a product of the same name, where the record names no vendor: graded possible",
	},
	FalseNegatives: []string{
		"components that were not identified, or whose version could not be told",
		"vulnerabilities whose records name no version, or versions that have no order here (git hashes): they are counted at import",
		"products that the sources call by a name that the component does not have",
		"vulnerabilities that nobody has published",
	},
	Limits: []string{
		"no database: a gap, and no number",
		"a feed more than 30 days older than the evaluation date is a gap",
		"whether a program listens is not seen; that it is started is taken from the check service",
		"the kernel's configuration and symbols are not compared with the source files",
	},
	References: []string{
		"NVD API 2.0; CVE record format 5; OSV schema 1.7; CSAF 2.0; OpenVEX 0.2.0; CISA KEV; FIRST EPSS; Alpine secdb; Debian security tracker",
		"NIST IR 7695 (CPE names)",
	},
}

var messages = map[string]string{
	"vuln.known":     "{component} {version} has {count}{exploited}, the worst is {worst}: {list}{more}{settled}{started}",
	"vuln.doubtful":  "{component} {version} may have {count}{exploited}, the worst is {worst}: {list}{more}{settled}{started}",
	"vuln.fix":       "Update {component} to a version in which these are fixed, or state why they do not apply (VEX).",
	"vuln.meanwhile": "Let only who must reach what uses {component}; look the known exploited ones up first.",
}

// judge looks at one tree.
type judge struct {
	Data
	tree    wardein.Tree
	out     func(wardein.Finding)
	starts  map[string]string // node → what starts it
	kernel  *built
	release []vulndb.Statement // about the release by its digest
}

func (j *judge) all(ctx context.Context) error {
	if err := j.statements(); err != nil {
		return err
	}
	list := j.tree.Components()
	j.starts = started(j.tree)
	j.kernel = builtOf(j.tree)
	for i := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := j.component(&list[i]); err != nil {
			return fmt.Errorf("%s %s: %w", list[i].Name, list[i].Version, err)
		}
	}
	unversioned := 0
	for i := range list {
		if list[i].Version == "" {
			unversioned++
		}
	}
	return errors.Join(append(j.stale(), without(unversioned, len(list)))...)
}

// without is the gap of components that have no version to compare.
func without(n, of int) error {
	if n == 0 {
		return nil
	}
	return &wardein.Gap{Kind: wardein.NoData, Why: fmt.Sprintf("%d of %d components have no version: they were not looked up", n, of)}
}

// stale are the gaps of a database that is no full or no fresh one.
func (j *judge) stale() (gaps []error) {
	gap := func(format string, args ...any) {
		gaps = append(gaps, &wardein.Gap{Kind: wardein.NoData, Why: fmt.Sprintf(format, args...)})
	}
	if j.Sample {
		gap("only the embedded sample: known vulnerabilities were not examined")
		return gaps
	}
	day, err := time.Parse(time.DateOnly, j.AsOf)
	var said int64
	for _, s := range j.DB.Sources() {
		said += s.Assertions
		at, derr := time.Parse(time.DateOnly, s.Newest)
		switch {
		case derr != nil:
			gap("feed %s has no date", s.Name)
		case err == nil && day.Sub(at) > MaxAge*24*time.Hour:
			gap("feed %s is of %s, %d days before %s; the limit is %d days", s.Name, s.Newest, int(day.Sub(at).Hours()/24), j.AsOf, MaxAge)
		}
	}
	if said == 0 {
		gap("the database holds no statement about versions: known vulnerabilities were not examined")
	}
	return gaps
}

// maxTop bounds the parts of a release that VEX statements are looked up for.
const maxTop = 1000

// statements reads what vendors say about the release by its digest.
func (j *judge) statements() error {
	n := 0
	for node := range j.tree.Nodes() {
		if strings.Contains(node.Path, "/") || node.Kind != wardein.File {
			continue
		}
		if n++; n > maxTop {
			break
		}
		list, err := j.DB.Digested(node.Blob)
		if err != nil {
			return err
		}
		j.release = append(j.release, list...)
	}
	return nil
}

// Numbers of vulnerabilities that a finding explains, and that it names.
const (
	explained = 12
	listed    = 1000
)

// hit is a match that counts, with what speaks against it.
type hit struct {
	vulndb.Match
	unbuilt string // why the kernel may not have it
}

func (h *hit) doubtful() bool { return len(h.Doubts) > 0 || h.unbuilt != "" }

func (j *judge) component(c *wardein.Component) error {
	matches, err := j.DB.Match(c)
	if err != nil {
		return err
	}
	var hits []hit
	settled := map[string]int{}
	by := map[vulndb.Status][]string{}
	for i := range matches {
		m := &matches[i]
		for k := range j.release {
			if s := &j.release[k]; s.About(m.Name, c) {
				m.Overrule(s)
			}
		}
		if m.Status == vulndb.Fixed || m.Status == vulndb.NotAffected {
			settled[m.Status.String()+": "+m.Because]++
			by[m.Status] = append(by[m.Status], m.Name)
			continue
		}
		h := hit{Match: *m}
		if c.Name == "linux" {
			if err := j.DB.Explain(&h.Match); err != nil {
				return err
			}
			h.unbuilt = j.kernel.without(h.Statements[h.Decides].Files)
		}
		if h.Status == vulndb.Investigating {
			by[h.Status] = append(by[h.Status], h.Name)
		}
		hits = append(hits, h)
	}
	if len(hits) == 0 {
		return nil
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		return cmp.Or(order(a.doubtful(), b.doubtful()), order(b.Exploited != nil, a.Exploited != nil), order(a.Status == vulndb.Investigating, b.Status == vulndb.Investigating),
			cmp.Compare(b.Score, a.Score), cmp.Compare(likely(&b), likely(&a)), strings.Compare(a.Name, b.Name))
	})
	sure := slices.IndexFunc(hits, func(h hit) bool { return h.doubtful() })
	if sure < 0 {
		sure = len(hits)
	}
	for i := range hits[:min(len(hits), explained)] {
		if err := j.DB.Explain(&hits[i].Match); err != nil {
			return err
		}
	}
	f := j.finding(c, hits, sure, settled)
	for _, s := range []vulndb.Status{vulndb.Fixed, vulndb.NotAffected, vulndb.Investigating} {
		if names := by[s]; len(names) > 0 { // for reports in other forms
			f.Says.Args = append(f.Says.Args, wardein.Note{Name: argOf[s], Value: strings.Join(names[:min(len(names), listed)], " ")})
		}
	}
	j.out(f)
	return nil
}

// argOf names the argument that lists the vulnerabilities of a status.
var argOf = map[vulndb.Status]string{vulndb.Fixed: "fixed", vulndb.NotAffected: "not_affected", vulndb.Investigating: "investigating"}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func likely(h *hit) int {
	if h.EPSS == nil {
		return -1
	}
	return h.EPSS.Score
}

// finding makes one of a component's vulnerabilities; the first sure of them
// have nothing that speaks against them.
func (j *judge) finding(c *wardein.Component, hits []hit, sure int, settled map[string]int) wardein.Finding {
	head, rule := hits[:sure], "vuln.known"
	f := wardein.Finding{Confidence: wardein.Likely, Fix: about("vuln.fix", c), Meanwhile: about("vuln.meanwhile", c)}
	if sure == 0 {
		head, rule, f.Confidence = hits, "vuln.doubtful", wardein.Possible
	} else if !head[0].ByVersion() {
		f.Confidence = wardein.Certain
	}
	f.Confidence = min(f.Confidence, c.Confidence)
	worst := &head[0]
	exploited := 0
	for i := range head {
		h := &head[i]
		f.Severity = max(f.Severity, severity(h.Score))
		if h.Score > worst.Score {
			worst = h
		}
		if h.Exploited != nil {
			exploited++
			f.Exploited = true
		}
	}
	if f.Exploited {
		worst = &head[0]
	}
	f.Rule, f.ID = rule, stable.ID(rule, c.Name, c.Version)
	f.Node, f.Quotes = place(c)
	start := ""
	f.Reach, start = j.reach(c)
	count := fmt.Sprintf("%d known vulnerabilities", len(head))
	if len(head) == 1 {
		count = "1 known vulnerability"
	}
	var names []string
	for i := range hits {
		names = append(names, hits[i].Name)
	}
	note := func(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }
	f.Says = wardein.Text{ID: rule, Args: []wardein.Note{
		note("component", c.Name), note("version", c.Version), note("count", count), note("exploited", numbered(exploited, ", %d known exploited")),
		note("worst", worst.Name+scored(worst)), note("list", explain(hits)), note("more", more(hits, sure)), note("settled", settledBy(settled)), note("started", start),
		note("cves", strings.Join(names[:min(len(names), listed)], " ")),
	}}
	return f
}

func about(id string, c *wardein.Component) wardein.Text {
	return wardein.Text{ID: id, Args: []wardein.Note{{Name: "component", Value: c.Name}}}
}

func numbered(n int, format string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

// severity grades a CVSS base score times ten (CVSS 3.1, section 5); one
// without a score is medium.
func severity(score int) wardein.Severity {
	switch {
	case score >= 90:
		return wardein.Critical
	case score >= 70:
		return wardein.High
	case score >= 40, score == 0:
		return wardein.Medium
	}
	return wardein.Low
}

func scored(h *hit) string {
	if h.Score == 0 {
		return " (no score)"
	}
	return fmt.Sprintf(" (CVSS %d.%d)", h.Score/10, h.Score%10)
}

// explain writes the first vulnerabilities with what decides each.
func explain(hits []hit) string {
	var parts []string
	for i := range hits[:min(len(hits), explained)] {
		h := &hits[i]
		s := h.Name + scored(h)
		if h.Exploited != nil {
			s += ", known exploited since " + h.Exploited.Added
		}
		if h.EPSS != nil {
			s += fmt.Sprintf(", EPSS %d.%02d %%", h.EPSS.Score/1000, h.EPSS.Score/10%100)
		}
		if h.Status == vulndb.Investigating {
			s += ", under investigation"
		}
		s += " — " + h.Statements[h.Decides].String() + "; " + h.Because
		for _, d := range h.Doubts {
			s += "; possible only: " + d
		}
		if h.unbuilt != "" {
			s += "; possible only: " + h.unbuilt
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ". ") + "."
}

// more names those that are not explained.
func more(hits []hit, sure int) string {
	var b strings.Builder
	list := func(what string, some []hit) {
		if len(some) == 0 {
			return
		}
		fmt.Fprintf(&b, " %s %d: ", what, len(some))
		for i := range some[:min(len(some), listed)] {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(some[i].Name)
			if some[i].Score > 0 {
				fmt.Fprintf(&b, " %d.%d", some[i].Score/10, some[i].Score%10)
			}
		}
		if len(some) > listed {
			fmt.Fprintf(&b, " and %d more", len(some)-listed)
		}
		b.WriteByte('.')
	}
	if sure > explained {
		list("Further", hits[explained:sure])
	}
	if sure > 0 {
		list("Possible only", hits[sure:])
	} else if len(hits) > explained {
		list("Further", hits[explained:])
	}
	unbuilt := 0
	for i := range hits {
		if hits[i].unbuilt != "" {
			unbuilt++
		}
	}
	b.WriteString(numbered(unbuilt, " %d of these lie in source files beside which nothing was built."))
	return b.String()
}

func settledBy(settled map[string]int) string {
	var parts []string
	for why, n := range settled {
		parts = append(parts, fmt.Sprintf(" Not counted, %s: %d.", why, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, "")
}

// place is where a component is best seen.
func place(c *wardein.Component) (node string, quotes []wardein.Quote) {
	for i := range c.Seen {
		if len(quotes) < 5 && c.Seen[i].Version == c.Version {
			quotes = append(quotes, c.Seen[i].Quote)
		}
	}
	for i := range c.Seen {
		if len(quotes) == 0 {
			quotes = append(quotes, c.Seen[i].Quote)
		}
	}
	for i := range c.Declared {
		if len(quotes) == 0 {
			quotes = append(quotes, c.Declared[i].Quote)
		}
	}
	if len(quotes) > 0 {
		node = quotes[0].Node
	}
	return node, quotes
}
