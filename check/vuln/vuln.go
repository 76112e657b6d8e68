// Package vuln looks the identified components up in the database of known
// vulnerabilities that the user imported.
//
//	component → names → statements of all sources → which one decides → finding
//
// One finding for each component. Without a database there is a gap, and never
// a number.
package vuln

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wardein/wardein"
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

// age is how many days a date lies before the evaluation date; not ok: it is
// none. Where no evaluation date is given, nothing is old.
func (d *Data) age(date string) (days int, ok bool) {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return 0, false
	}
	day, err := time.Parse(time.DateOnly, d.AsOf)
	if err != nil {
		return 0, true
	}
	return int(day.Sub(at).Hours() / 24), true
}

// Old names the sources whose newest feed is too old at the evaluation date.
func (d *Data) Old() (names []string) {
	for _, s := range d.DB.Sources() {
		if days, ok := d.age(s.Newest); ok && days > MaxAge {
			names = append(names, s.Name)
		}
	}
	return names
}

// Check returns the check over a database; one without is a gap.
func Check(data Data) wardein.Check {
	return wardein.Check{
		Name: "vuln", Version: 2, Doc: doc,
		Wants: wants, Node: node,
		Reads: []string{"service", "component"},
		Tree: func(ctx context.Context, t wardein.Tree, out func(wardein.Finding)) error {
			if data.DB == nil {
				return &wardein.Gap{Kind: wardein.NoData, Why: "no database imported: known vulnerabilities were not examined"}
			}
			return (&judge{Data: data, tree: t, out: out}).all(ctx)
		},
		Cases: map[string][]string{
			"vuln.known":    {"TC_BVT_VULNERABILITY_SCANNING"},
			"vuln.doubtful": {"TC_BVT_VULNERABILITY_SCANNING"},
		},
		Messages: messages,
	}
}

var doc = wardein.Doc{
	About: "Known vulnerabilities of the identified components, from the database that the user imported (wardein data import).",
	How: "Each component is looked up under its CPE name, its name, its package URL and the packages that a package database declares. NVD, the CVE list, OSV, distributions' trackers and VEX documents are kept as statements; the version is compared in the scheme of the statement (generic, semver, dpkg, rpm, apk, PEP 440, npm, Maven, Go, OpenSSL, Linux). " +
		"A vendor's VEX statement about the release or the component goes before all others; with a package revision, declared or in a banner, the distribution decides, since it puts fixes into its own revisions; else NVD and the CVE list decide, and \"by version only\" is said. " +
		"One finding for each component lists the vulnerabilities with the range that matched, who says so, and the scheme: known exploited (CISA KEV) first, then by reach × EPSS × CVSS. Each vulnerability's status, score, vector, dates and first fixed version stand as an argument of its own, for other forms of the report. " +
		"What VEX statements and distributions settle is counted with their reasons. " +
		"A component is reached where it is, or is loaded into, a program that a start-up file names; whether that waits for connections or datagrams is what the check service saw. " +
		"For Linux, vulnerabilities in source files that the kernel's configuration leaves out, or beside which neither a module nor an entry of modules.builtin lies, of which the kernel has no functions, or under another processor's folder, are possible only, and counted apart.",
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
		"that a program is started is taken from the check service; on which interface it listens is not seen, nor what a static program calls",
		"which options build a folder of Linux' source is known for 319 folders of 2.6.39 to 6.12, what names of its functions begin with for 76; single functions are not looked for, since records name none",
		"ranges of git commits have no order here: the records that have them say so",
	},
	References: []string{
		"NVD API 2.0; CVE record format 5; OSV schema 1.7; CSAF 2.0; OpenVEX 0.2.0; CISA KEV; FIRST EPSS; Alpine secdb; Debian security tracker",
		"NIST IR 7695 (CPE names)",
		"Linux Documentation/kbuild/makefiles.rst",
	},
}

var messages = map[string]string{
	"vuln.known":     "{component} {version} has {count}{exploited}, the worst is {worst}: {list}{more}{settled}{started}",
	"vuln.doubtful":  "{component} {version} may have {count}{exploited}, the worst is {worst}: {list}{more}{settled}{started}",
	"vuln.fix":       "Update {component} to a version in which these are fixed, or state why they do not apply (VEX).",
	"vuln.meanwhile": "Let only who must reach what uses {component}; look the known exploited ones up first.",
}

// wants takes lists of built-in modules and of a kernel's symbols.
func wants(b wardein.Blob) (bool, string) {
	if isBuiltin(b) || isSymbols(b) {
		return true, ""
	}
	return false, "no list of built-in modules or of a kernel's symbols"
}

// judge looks at one tree.
type judge struct {
	Data
	tree    wardein.Tree
	out     func(wardein.Finding)
	uses    map[string]use // node → the started program that it is, or is loaded into
	kernels *kernels
	release []vulndb.Statement // about the release by its digest
}

func (j *judge) all(ctx context.Context) error {
	if err := j.statements(); err != nil {
		return err
	}
	list := j.tree.Components()
	j.uses = uses(j.tree)
	j.kernels = kernelsOf(j.tree)
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
	var said int64
	for _, s := range j.DB.Sources() {
		said += s.Assertions
		switch days, ok := j.age(s.Newest); {
		case !ok:
			gap("feed %s has no date", s.Name)
		case days > MaxAge:
			gap("feed %s is of %s, %d days before %s; the limit is %d days", s.Name, s.Newest, days, j.AsOf, MaxAge)
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

func (j *judge) component(c *wardein.Component) error {
	matches, err := j.DB.Match(c)
	if err != nil {
		return err
	}
	x := about{c: c, settled: map[string]int{}}
	x.reach, x.started = j.reach(c)
	var kernel *built
	if c.Name == "linux" {
		kernel = j.kernels.of(c)
	}
	for i := range matches {
		m := &matches[i]
		for k := range j.release {
			if s := &j.release[k]; s.About(m.Name, c) {
				m.Overrule(s)
			}
		}
		h := hit{Match: *m, priority: priority(x.reach, m)}
		if m.Status == vulndb.Fixed || m.Status == vulndb.NotAffected {
			x.settled[m.Status.String()+": "+m.Because]++
			x.done = append(x.done, h)
			continue
		}
		if kernel != nil {
			if err := j.DB.Explain(&h.Match); err != nil {
				return err
			}
			h.unbuilt = kernel.without(h.Statements[h.Decides].Files)
		}
		x.hits = append(x.hits, h)
	}
	if len(x.hits) == 0 {
		return nil
	}
	slices.SortStableFunc(x.hits, func(a, b hit) int { return before(&a, &b) })
	for _, list := range [][]hit{x.hits, x.done} {
		for i := range list[:min(len(list), listed)] {
			if h := &list[i]; h.Statements[h.Decides].WhyScheme == "" {
				if err := j.DB.Explain(&h.Match); err != nil {
					return err
				}
			}
		}
	}
	for x.sure < len(x.hits) && !x.hits[x.sure].doubtful() {
		x.sure++
	}
	j.out(x.finding())
	return nil
}
