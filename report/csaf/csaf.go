// Package csaf writes what a report says of known vulnerabilities as a CSAF
// 2.0 document of the profile VEX (OASIS Standard, section 4.5).
//
//	document         category csaf_vex; who publishes it is what the user says
//	product_tree     the release by its digest; each component, and as a part
//	                 of the release each that a vulnerability is said of
//	vulnerabilities  the findings of the check vuln by vulnerability, with the
//	                 status of each component in the release
//
// VEX demands a vulnerability. A report that names none becomes a document of
// the profile CSAF Base, whose notes say whether they were examined.
//
// The document is a function of the report and the publisher: its ID comes
// from the report's digest, its dates are the evaluation date. Its status is
// interim and its publisher's category "other": whoever publishes it may say
// more than a tool can.
package csaf

import (
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// Publisher is who answers for the document.
type Publisher struct {
	Name string
	// Namespace is a URI that the publisher controls.
	Namespace string
}

// Check tells what CSAF would not take.
func (p Publisher) Check() error {
	if strings.TrimSpace(p.Name) == "" || !utf8.ValidString(p.Name) {
		return fmt.Errorf("csaf: publisher's name: %q", p.Name)
	}
	u, err := url.Parse(p.Namespace)
	if err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" || strings.ContainsFunc(p.Namespace, func(r rune) bool { return r <= 0x20 || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) }) {
		return fmt.Errorf("csaf: publisher's namespace: %q is no absolute URI", p.Namespace)
	}
	return nil
}

// document is one document that is being written.
type document struct {
	*canon.Writer
	r         *wardein.Report
	publisher Publisher
	stamp     string
	refs      []string // of the components
	vulns     []report.Vulnerability
}

const releaseID = "release"

// Write writes the report r. A publisher that CSAF would not take, or a report
// without an evaluation date, is an error.
func Write(w io.Writer, r *wardein.Report, checks []wardein.Check, publisher Publisher) error {
	if err := publisher.Check(); err != nil {
		return err
	}
	messages := report.Messages(checks)
	d := &document{Writer: &canon.Writer{}, r: r, publisher: publisher, stamp: report.Stamp(r), refs: report.Refs(r), vulns: report.Vulnerabilities(r, messages)}
	if d.stamp == "" {
		return fmt.Errorf("csaf: evaluation date %q: want YYYY-MM-DD", r.Recipe.AsOf)
	}
	d.Object(func() {
		d.Field("document").Object(func() { d.document(report.Digest(r, messages)) })
		d.Field("product_tree").Object(d.tree)
		if len(d.vulns) > 0 {
			d.Field("vulnerabilities").Array(func() {
				for from := 0; from < len(d.vulns); {
					to := from + 1
					for to < len(d.vulns) && d.vulns[to].ID == d.vulns[from].ID {
						to++
					}
					d.vulnerability(d.vulns[from:to])
					from = to
				}
			})
		}
	})
	_, err := w.Write(append(d.B, '\n'))
	return err
}

func (d *document) document(sum wardein.Digest) {
	category := "csaf_vex"
	if len(d.vulns) == 0 {
		category = "csaf_base"
	}
	d.Field("category").Text(category)
	d.Field("csaf_version").Text("2.0")
	d.Field("lang").Text("en")
	d.Field("notes").Array(func() {
		d.note("summary", "What was examined", d.summary())
		d.note("other", "Made from", fmt.Sprintf("wardein report sha256:%s, recipe sha256:%s", sum, report.RecipeDigest(&d.r.Recipe)))
	})
	d.Field("publisher").Object(func() {
		d.Field("category").Text("other")
		d.Field("name").Text(d.publisher.Name)
		d.Field("namespace").Text(d.publisher.Namespace)
	})
	d.Field("title").Text("Known vulnerabilities in the release sha256:" + d.r.Release.Digest.String())
	d.Field("tracking").Object(func() {
		d.Field("current_release_date").Text(d.stamp)
		d.Field("generator").Object(func() {
			d.Field("engine").Object(func() {
				d.Field("name").Text("wardein")
				if d.r.Recipe.Module != "" {
					d.Field("version").Text(d.r.Recipe.Module)
				}
			})
		})
		d.Field("id").Text("wardein-" + report.UUID(sum, "csaf "+d.publisher.Namespace))
		d.Field("initial_release_date").Text(d.stamp)
		d.Field("revision_history").Array(func() {
			d.Object(func() {
				d.Field("date").Text(d.stamp)
				d.Field("number").Text("1")
				d.Field("summary").Text("As evaluated on the date of the report.")
			})
		})
		d.Field("status").Text("interim")
		d.Field("version").Text("1")
	})
}

// maxNotes bounds the gaps of the data that the summary names.
const maxNotes = 20

// summary says what the document rests on, and what it does not say.
func (d *document) summary() string {
	r := d.r
	var s []string
	if r.Partial {
		s = append(s, "The inspection was interrupted: only what was seen until then is here.")
	}
	switch {
	case report.Unexamined(r):
		s = append(s, "Known vulnerabilities were not examined.")
	case len(d.vulns) == 0:
		s = append(s, "No statement of the vulnerability data matched a component that was identified.")
	}
	for i, n := 0, 0; i < len(r.Gaps) && n < maxNotes; i++ {
		if g := &r.Gaps[i]; g.Who == "vuln" {
			s = append(s, "Gap: "+strings.TrimPrefix(g.Why, "vuln: ")+".")
			n++
		}
	}
	for _, x := range r.Recipe.Data {
		s = append(s, fmt.Sprintf("Data: %s of %s, sha256:%s.", x.Name, x.Date, x.Digest))
	}
	s = append(s, fmt.Sprintf("%d components are named; %s of bytes accounted for, %s opened, %d gaps. A component that was not identified, and a vulnerability that is not listed, may be there all the same.",
		len(r.Components), report.Percent(r.Coverage.Accounted()), report.Percent(r.Coverage.Opened()), len(r.Gaps)))
	return strings.Join(s, " ")
}

func (d *document) note(category, title, text string) {
	d.Object(func() {
		d.Field("category").Text(category)
		d.Field("text").Text(words(text))
		d.Field("title").Text(title)
	})
}

// words are a text in which names are shown as on the first screen.
func words(s string) string {
	if s = strings.TrimSpace(term.Clean(s)); s == "" {
		return "not said"
	}
	return s
}

// part is a component's product ID as a part of the release.
func (d *document) part(i int) string { return releaseID + "/" + d.refs[i] }

func (d *document) name(i int) string {
	c := &d.r.Components[i]
	return words(strings.TrimSpace(c.Name + " " + c.Version))
}

func (d *document) tree() {
	release := "release sha256:" + d.r.Release.Digest.String()
	d.Field("full_product_names").Array(func() {
		d.Object(func() {
			d.Field("name").Text(release)
			d.Field("product_id").Text(releaseID)
			if d.r.Release.Kind == wardein.File {
				d.Field("product_identification_helper").Object(func() { d.hashes() })
			}
		})
		for i := range d.r.Components {
			c := &d.r.Components[i]
			d.Object(func() {
				d.Field("name").Text(d.name(i))
				d.Field("product_id").Text(d.refs[i])
				cpe, purl := report.CPE(c), report.PURL(c)
				if cpe+purl == "" {
					return
				}
				d.Field("product_identification_helper").Object(func() {
					if cpe != "" {
						d.Field("cpe").Text(cpe)
					}
					if purl != "" {
						d.Field("purl").Text(purl)
					}
				})
			})
		}
	})
	if len(d.vulns) == 0 {
		return
	}
	used := map[int]bool{}
	for i := range d.vulns {
		used[d.vulns[i].Component] = true
	}
	d.Field("relationships").Array(func() {
		for i := range d.refs {
			if !used[i] {
				continue
			}
			d.Object(func() {
				d.Field("category").Text("default_component_of")
				d.Field("full_product_name").Object(func() {
					d.Field("name").Text(d.name(i) + " in " + release)
					d.Field("product_id").Text(d.part(i))
				})
				d.Field("product_reference").Text(d.refs[i])
				d.Field("relates_to_product_reference").Text(releaseID)
			})
		}
	})
}

// hashes name the release. CSAF wants a file name; a report knows none.
func (d *document) hashes() {
	d.Field("hashes").Array(func() {
		d.Object(func() {
			d.Field("file_hashes").Array(func() {
				d.Object(func() {
					d.Field("algorithm").Text("sha256")
					d.Field("value").Text(d.r.Release.Digest.String())
				})
			})
			d.Field("filename").Text("release")
		})
	})
}

// standings are the lists of product_status, in the order of their names.
var standings = []report.Standing{report.Fixed, report.Affected, report.NotAffected, report.Investigating}

// vulnerability writes one vulnerability with all components that it is said
// of. VEX wants an action for what is affected and an impact for what is not.
func (d *document) vulnerability(group []report.Vulnerability) {
	of := func(s report.Standing) (some []report.Vulnerability) {
		for _, v := range group {
			if v.Standing == s {
				some = append(some, v)
			}
		}
		return some
	}
	id := group[0].ID
	d.Object(func() {
		if cve(id) {
			d.Field("cve").Text(id)
		}
		if flagged := justified(of(report.NotAffected)); len(flagged) > 0 {
			d.Field("flags").Array(func() {
				for _, v := range flagged {
					d.Object(func() { d.Field("label").Text(v.Why); d.products("product_ids", v) })
				}
			})
		}
		if !cve(id) {
			system, _, _ := strings.Cut(id, "-")
			d.Field("ids").Array(func() {
				d.Object(func() { d.Field("system_name").Text(system); d.Field("text").Text(id) })
			})
		}
		d.Field("notes").Array(func() {
			var said []string
			for _, v := range group {
				text := v.Says
				if v.Why != "" && !strings.Contains(text, v.Why) {
					text += " " + v.Why
				}
				if !slices.Contains(said, text) {
					said = append(said, text)
					d.note("details", "Finding "+v.Finding.ID, text)
				}
			}
		})
		d.Field("product_status").Object(func() {
			for _, s := range standings {
				if some := of(s); len(some) > 0 {
					d.products(string(s), some...)
				}
			}
		})
		if open := append(of(report.Affected), of(report.Investigating)...); len(open) > 0 {
			d.Field("remediations").Array(func() {
				for _, v := range open {
					d.remediation(v)
				}
			})
		}
		d.scores(group)
		d.threats(group)
	})
}

// scores are the CVSS scores whose vector gives them, each with the components
// that it is told of. CSAF 2.0 has no place for version 4.
func (d *document) scores(group []report.Vulnerability) {
	var some []report.Vulnerability
	for _, v := range group {
		if _, _, ok := rated(v); ok {
			some = append(some, v)
		}
	}
	if len(some) == 0 {
		return
	}
	d.Field("scores").Array(func() {
		for _, v := range some {
			version, severity, _ := rated(v)
			d.Object(func() {
				d.Field("cvss_v" + version[:1]).Object(func() {
					d.Field("baseScore")
					d.B = fmt.Appendf(d.B, "%d", v.Score/10)
					if v.Score%10 > 0 {
						d.B = fmt.Appendf(d.B, ".%d", v.Score%10)
					}
					if severity != "" {
						d.Field("baseSeverity").Text(severity)
					}
					d.Field("vectorString").Text(v.Vector)
					d.Field("version").Text(version)
				})
				d.products("products", v)
			})
		}
	})
}

// rated tells the version of CVSS that a vector is of, and the severity that
// goes with its score; not ok where the vector does not give the score.
func rated(v report.Vulnerability) (version, severity string, ok bool) {
	var score float64
	switch {
	case strings.HasPrefix(v.Vector, "CVSS:3.1/"):
		x, err := gocvss31.ParseVector(v.Vector)
		if err != nil {
			return "", "", false
		}
		version, score = "3.1", x.BaseScore()
	case strings.HasPrefix(v.Vector, "CVSS:3.0/"):
		x, err := gocvss30.ParseVector(v.Vector)
		if err != nil {
			return "", "", false
		}
		version, score = "3.0", x.BaseScore()
	case strings.HasPrefix(v.Vector, "AV:"):
		x, err := gocvss20.ParseVector(v.Vector)
		if err != nil {
			return "", "", false
		}
		version, score = "2.0", x.BaseScore()
	}
	if version == "" || int(math.Round(score*10)) != v.Score {
		return "", "", false
	}
	if grade, ok := v.Severity(); ok && version != "2.0" {
		severity = strings.ToUpper(grade.String())
	}
	return version, severity, true
}

// cve tells whether an ID is one of the CVE list's form.
func cve(id string) bool {
	rest, ok := strings.CutPrefix(id, "CVE-")
	year, n, _ := strings.Cut(rest, "-")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return ok && len(year) == 4 && len(n) >= 4 && digits(year) && digits(n)
}

// labels are CSAF's justifications.
var labels = []string{"component_not_present", "inline_mitigations_already_exist", "vulnerable_code_cannot_be_controlled_by_adversary",
	"vulnerable_code_not_in_execute_path", "vulnerable_code_not_present"}

// justified are those whose reason is one of CSAF's.
func justified(some []report.Vulnerability) (out []report.Vulnerability) {
	for _, v := range some {
		if slices.Contains(labels, v.Why) {
			out = append(out, v)
		}
	}
	return out
}

func (d *document) products(field string, some ...report.Vulnerability) {
	d.Field(field).Array(func() {
		for _, v := range some {
			d.Text(d.part(v.Component))
		}
	})
}

func (d *document) remediation(v report.Vulnerability) {
	category, details := "mitigation", v.Meanwhile
	if details == "" {
		category, details = "none_available", "None is known to the report."
	}
	if v.FixedIn != "" {
		details += " The first version that is not affected, by the same statement: " + v.FixedIn + "."
	}
	if v.Fix != "" {
		details += " For the vendor: " + v.Fix
	}
	d.Object(func() {
		d.Field("category").Text(category)
		d.Field("details").Text(words(details))
		d.products("product_ids", v)
	})
}

// threats say why something is not affected, and what is exploited.
func (d *document) threats(group []report.Vulnerability) {
	type threat struct {
		category, details string
		v                 report.Vulnerability
	}
	var all []threat
	for _, v := range group {
		if v.Exploited {
			since := ""
			if v.Added != "" {
				since = " since " + v.Added
			}
			all = append(all, threat{"exploit_status", "A public list names it as exploited" + since + ".", v})
		}
	}
	for _, v := range group {
		if v.Standing == report.NotAffected && !slices.Contains(labels, v.Why) {
			why := v.Why
			if why == "" {
				why = v.Says
			}
			all = append(all, threat{"impact", why, v})
		}
	}
	if len(all) == 0 {
		return
	}
	d.Field("threats").Array(func() {
		for _, x := range all {
			d.Object(func() {
				d.Field("category").Text(x.category)
				d.Field("details").Text(words(x.details))
				d.products("product_ids", x.v)
			})
		}
	})
}
