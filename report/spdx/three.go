package spdx

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/report"
)

// three writes the same as a graph of SPDX 3.0.1 elements in JSON-LD, profiles
// core, software, security and simpleLicensing:
//
//	#document → #bom → #release → components → files (hasEvidence)
//	annotations of #release      what was not looked at
//	vulnerabilities → components what is said of them (VEX)
type three struct {
	*document
	space string // of the elements' IRIs
	files []file
	at    map[wardein.Digest]int // in files
	n     int                    // of relationships and annotations
}

// file is a content that shows a component, under the first of its names.
type file struct {
	path   string
	digest wardein.Digest
}

// creation is what all elements have in common.
const creation = "_:creation"

// Write3 writes the report r, whose tree is t, as SPDX 3.0.1. A report without
// an evaluation date is an error.
func Write3(w io.Writer, r *wardein.Report, t wardein.Tree, checks []wardein.Check) error {
	d, err := begin(r, t, checks)
	if err != nil {
		return err
	}
	sum := report.Digest(r, d.messages)
	x := &three{document: d, at: map[wardein.Digest]int{}, space: "https://spdx.org/spdxdocs/wardein-" + report.UUID(sum, "spdx3") + "#"}
	for i := range r.Components {
		for _, s := range r.Components[i].Seen {
			if blob, ok := d.blobs[s.Quote.Node]; ok && s.By != "package" {
				if _, ok := x.at[blob]; !ok {
					x.at[blob] = len(x.files)
					x.files = append(x.files, file{s.Quote.Node, blob})
				}
			}
		}
	}
	x.Object(func() {
		x.Field("@context").Text("https://spdx.org/rdf/3.0.1/spdx-context.jsonld")
		x.Field("@graph").Array(func() { x.graph(sum) })
	})
	_, err = w.Write(append(x.B, '\n'))
	return err
}

func (x *three) iri(name string) string { return x.space + name }

func (x *three) component(i int) string {
	return x.iri(strings.TrimPrefix(x.ids[i], "SPDXRef-"))
}

func (x *three) file(i int) string { return x.iri("File-" + x.files[i].digest.String()) }

// next is the IRI of an element that nothing refers to.
func (x *three) next(kind string) string {
	x.n++
	return x.iri(kind + "-" + strconv.Itoa(x.n))
}

func (x *three) graph(sum wardein.Digest) {
	x.Object(func() {
		x.Field("@id").Text(creation)
		x.Field("comment").Text("The date is the one that the release was judged at. Licences are what package databases state.")
		x.Field("created").Text(x.stamp)
		x.Field("createdBy").Array(func() { x.Text(x.iri("agent")) })
		x.Field("createdUsing").Array(func() { x.Text(x.iri("tool")) })
		x.Field("specVersion").Text("3.0.1")
		x.Field("type").Text("CreationInfo")
	})
	x.element("SoftwareAgent", x.iri("agent"), "wardein")
	x.element("Tool", x.iri("tool"), strings.TrimPrefix(x.tool, "Tool: "))
	x.collections()
	x.release()
	for i := range x.r.Components {
		x.product(i)
	}
	for i := range x.files {
		f := &x.files[i]
		x.Object(func() {
			x.Field("creationInfo").Text(creation)
			x.Field("name").Bytes(report.Place(f.path))
			x.Field("spdxId").Text(x.file(i))
			x.Field("type").Text("software_File")
			x.verified(f.digest)
		})
	}
	if len(x.ids) > 0 {
		var all []string
		for i := range x.ids {
			all = append(all, x.component(i))
		}
		x.relation("contains", x.iri("Release"), all)
	}
	for i := range x.r.Components {
		if files := x.shows(&x.r.Components[i]); len(files) > 0 {
			x.relation("hasEvidence", x.component(i), files)
		}
	}
	for i, list := range report.Needs(x.r) {
		var to []string
		for _, k := range list {
			to = append(to, x.component(k))
		}
		if len(to) > 0 {
			x.relation("dependsOn", x.component(i), to)
		}
	}
	x.licenses()
	x.notes(sum)
	x.vulnerabilities()
}

// licenses are elements of their own, which components are declared to have.
func (x *three) licenses() {
	ids := map[string]string{}
	for i := range x.r.Components {
		var to []string
		for _, s := range report.Licenses(&x.r.Components[i]) {
			id := ids[s]
			if id == "" {
				id = x.iri("License-" + strconv.Itoa(len(ids)+1))
				ids[s] = id
				x.license(id, s)
			}
			to = append(to, id)
		}
		if len(to) > 0 {
			x.relation("hasDeclaredLicense", x.component(i), to)
		}
	}
}

func (x *three) license(id, s string) {
	x.Object(func() {
		x.Field("creationInfo").Text(creation)
		kind := "simplelicensing_SimpleLicensingText"
		if e, ok := report.Expression(s); ok {
			kind = "simplelicensing_LicenseExpression"
			x.Field("simplelicensing_licenseExpression").Text(e)
		} else {
			x.Field("simplelicensing_licenseText").Bytes(s)
		}
		x.Field("spdxId").Text(id)
		x.Field("type").Text(kind)
	})
}

// element writes one that has no more than a name.
func (x *three) element(kind, id, name string) {
	x.Object(func() {
		x.Field("creationInfo").Text(creation)
		x.Field("name").Text(name)
		x.Field("spdxId").Text(id)
		x.Field("type").Text(kind)
	})
}

// collections are the document and the bill in it.
func (x *three) collections() {
	x.Object(func() {
		x.Field("creationInfo").Text(creation)
		x.Field("element").Array(func() { x.Text(x.iri("bom")) })
		x.Field("name").Text("wardein-sha256-" + x.r.Release.Digest.String())
		x.Field("profileConformance").Array(func() { x.Text("core"); x.Text("software"); x.Text("security"); x.Text("simpleLicensing") })
		x.Field("rootElement").Array(func() { x.Text(x.iri("bom")) })
		x.Field("spdxId").Text(x.iri("document"))
		x.Field("type").Text("SpdxDocument")
	})
	x.Object(func() {
		x.Field("creationInfo").Text(creation)
		x.Field("element").Array(func() {
			x.Text(x.iri("Release"))
			for i := range x.ids {
				x.Text(x.component(i))
			}
			for i := range x.files {
				x.Text(x.file(i))
			}
		})
		x.Field("rootElement").Array(func() { x.Text(x.iri("Release")) })
		x.Field("software_sbomType").Array(func() { x.Text("analyzed") })
		x.Field("spdxId").Text(x.iri("bom"))
		x.Field("type").Text("software_Sbom")
	})
}

// verified writes the last field of an element: its digest.
func (x *three) verified(d wardein.Digest) {
	x.Field("verifiedUsing").Array(func() {
		x.Object(func() {
			x.Field("algorithm").Text("sha256")
			x.Field("hashValue").Text(d.String())
			x.Field("type").Text("Hash")
		})
	})
}

func (x *three) release() {
	r := &x.r.Release
	x.Object(func() {
		x.Field("creationInfo").Text(creation)
		x.Field("name").Text("sha256:" + r.Digest.String())
		x.Field("software_primaryPurpose").Text("firmware")
		x.Field("spdxId").Text(x.iri("Release"))
		x.Field("type").Text("software_Package")
		if r.Kind == wardein.File {
			x.verified(r.Digest)
		}
	})
}

func (x *three) product(i int) {
	c := &x.r.Components[i]
	x.Object(func() {
		comment := "confidence: " + c.Confidence.String()
		for k := range c.Declared {
			comment += "\ndeclared: " + declared(&c.Declared[k])
		}
		x.Field("comment").Bytes(comment)
		x.Field("creationInfo").Text(creation)
		if cpe := report.CPE(c); cpe != "" {
			x.Field("externalIdentifier").Array(func() { x.identifier("cpe23", cpe) })
		}
		x.Field("name").Bytes(c.Name)
		if purl := report.PURL(c); purl != "" {
			x.Field("software_packageUrl").Text(purl)
		}
		if c.Version != "" {
			x.Field("software_packageVersion").Bytes(c.Version)
		}
		x.Field("software_sourceInfo").Bytes(x.source(c))
		x.Field("spdxId").Text(x.component(i))
		x.Field("type").Text("software_Package")
	})
}

func (x *three) identifier(kind, id string) {
	x.Object(func() {
		x.Field("externalIdentifierType").Text(kind)
		x.Field("identifier").Text(id)
		x.Field("type").Text("ExternalIdentifier")
	})
}

// shows are the files that show a component, each once.
func (x *three) shows(c *wardein.Component) (files []string) {
	seen := map[int]bool{}
	for _, s := range c.Seen {
		blob, ok := x.blobs[s.Quote.Node]
		if k, known := x.at[blob]; ok && known && s.By != "package" && !seen[k] {
			seen[k] = true
			files = append(files, x.file(k))
		}
	}
	return files
}

func (x *three) relation(kind, from string, to []string) {
	x.Object(func() {
		x.Field("completeness").Text("incomplete")
		x.Field("creationInfo").Text(creation)
		x.Field("from").Text(from)
		x.Field("relationshipType").Text(kind)
		x.Field("spdxId").Text(x.next("Relationship"))
		x.Field("to").Array(func() {
			for _, t := range to {
				x.Text(t)
			}
		})
		x.Field("type").Text("Relationship")
	})
}

// notes are annotations of the release.
func (x *three) notes(sum wardein.Digest) {
	for _, text := range append(x.unseen(sum), x.parts()...) {
		x.Object(func() {
			x.Field("annotationType").Text("other")
			x.Field("creationInfo").Text(creation)
			x.Field("spdxId").Text(x.next("Annotation"))
			x.Field("statement").Bytes(text)
			x.Field("subject").Text(x.iri("Release"))
			x.Field("type").Text("Annotation")
		})
	}
}

// assessments are SPDX's types and relationships for what is said.
var assessments = map[report.Standing][2]string{
	report.Affected:      {"security_VexAffectedVulnAssessmentRelationship", "affects"},
	report.NotAffected:   {"security_VexNotAffectedVulnAssessmentRelationship", "doesNotAffect"},
	report.Investigating: {"security_VexUnderInvestigationVulnAssessmentRelationship", "underInvestigationFor"},
	report.Fixed:         {"security_VexFixedVulnAssessmentRelationship", "fixedIn"},
}

func (x *three) vulnerabilities() {
	last := ""
	for i := range x.vulns {
		v := &x.vulns[i]
		id := x.iri("Vulnerability-" + v.ID)
		if v.ID != last {
			last = v.ID
			kind := "securityOther"
			if strings.HasPrefix(v.ID, "CVE-") {
				kind = "cve"
			}
			x.Object(func() {
				x.Field("creationInfo").Text(creation)
				x.Field("externalIdentifier").Array(func() { x.identifier(kind, v.ID) })
				x.Field("name").Text(v.ID)
				x.Field("spdxId").Text(id)
				x.Field("type").Text("security_Vulnerability")
			})
		}
		x.assessment(v, id)
	}
}

func (x *three) assessment(v *report.Vulnerability, id string) {
	said := assessments[v.Standing]
	x.Object(func() {
		x.Field("creationInfo").Text(creation)
		x.Field("from").Text(id)
		x.Field("relationshipType").Text(said[1])
		if v.Standing == report.Affected {
			action := strings.TrimSpace(v.Meanwhile + " " + v.Fix)
			if action == "" {
				action = "None is known to the report."
			}
			x.Field("security_actionStatement").Bytes(action)
		}
		if v.Standing == report.NotAffected {
			why := v.Why
			if why == "" {
				why = v.Says
			}
			x.Field("security_impactStatement").Bytes(why)
		}
		x.Field("security_statusNotes").Bytes(v.Says)
		x.Field("spdxId").Text(x.next("Relationship"))
		x.Field("to").Array(func() { x.Text(x.component(v.Component)) })
		x.Field("type").Text(said[0])
	})
}

// unseen says how the document came about and what was not looked at.
func (d *document) unseen(sum wardein.Digest) (notes []string) {
	r, c := d.r, &d.r.Coverage
	say := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	say("report sha256:%s, recipe sha256:%s, tree sha256:%s", sum, report.RecipeDigest(&r.Recipe), r.Tree)
	if r.Partial {
		say("the inspection was interrupted: what is listed is what was seen until then")
	}
	say("%s of bytes accounted for, %s opened; %d bytes recognised and not opened, %d unknown; %d gaps",
		report.Percent(c.Accounted()), report.Percent(c.Opened()), c.Opaque, c.Unknown, len(r.Gaps))
	if report.Unexamined(r) {
		say("known vulnerabilities were not examined")
	}
	for i := range r.Gaps[:min(len(r.Gaps), maxGaps)] {
		g := &r.Gaps[i]
		say("not looked at: %s at %d, %d bytes, %s: %s: %s", g.Kind, g.Off, g.Len, report.Place(g.Node), g.Who, g.Why)
	}
	if n := len(r.Gaps) - maxGaps; n > 0 {
		say("%d more gaps are in the report", n)
	}
	return notes
}

// parts says how each delivered file stands.
func (d *document) parts() (notes []string) {
	for i := range d.r.Release.Parts {
		p := &d.r.Release.Parts[i]
		text := fmt.Sprintf("delivered: %s, %d bytes, sha256:%s, %s", report.Place(p.Path), p.Size, p.Digest, p.Delivered)
		if p.Delivered == wardein.Missing {
			text = "not delivered: " + p.Path
		}
		if p.Role != "" {
			text += ", " + p.Role
		}
		notes = append(notes, text)
	}
	return notes
}

// declared is what a package database says of a component.
func declared(x *wardein.Declaration) string {
	text := strings.Join(strings.Fields(x.System+" package "+x.Package+" "+x.Version), " ")
	if x.Source != "" && x.Source != x.Package {
		text += ", source " + x.Source
	}
	if x.Distribution != "" {
		text += ", " + x.Distribution
	}
	return text + ", in " + x.Quote.Node
}
