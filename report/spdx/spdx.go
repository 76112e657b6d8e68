// Package spdx writes a report as an SPDX document: 2.3 in JSON (ISO/IEC 5962
// has 2.2.1 of the same form), and 3.0.1 in JSON-LD (three.go).
//
//	SPDXRef-DOCUMENT     describes SPDXRef-Release; annotations say what was
//	                     not looked at
//	SPDXRef-Release      the release, by its digest; contains
//	SPDXRef-Component-…  the products, with package URL, CPE name, what shows
//	                     them (sourceInfo) and what is declared (annotations)
//
// Licences are those that package databases declare, otherwise NOASSERTION:
// licences of files are not looked at. Files are not listed, since SPDX
// 2.3 wants a SHA-1 of each; a component that one file shows has that file's
// name and SHA-256. The document is a function of the report and its tree
// file: its namespace comes from the report's digest, its date is the
// evaluation date.
package spdx

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/report"
)

// maxGaps bounds the gaps that are listed one by one; the others are counted.
const maxGaps = 1000

// document is one document that is being written.
type document struct {
	*canon.Writer
	r        *wardein.Report
	messages map[string]string
	stamp    string
	tool     string
	ids      []string // of the components
	blobs    map[string]wardein.Digest
	vulns    []report.Vulnerability
	of       map[int][]int // component → its vulnerabilities
	texts    []string      // of licences that are no SPDX expression
}

const (
	documentID = "SPDXRef-DOCUMENT"
	releaseID  = "SPDXRef-Release"
	unsaid     = "NOASSERTION"
)

// Write writes the report r, whose tree is t, as SPDX 2.3. A report without an
// evaluation date is an error: SPDX demands a date.
func Write(w io.Writer, r *wardein.Report, t wardein.Tree, checks []wardein.Check) error {
	d, err := begin(r, t, checks)
	if err != nil {
		return err
	}
	d.Object(d.write)
	_, err = w.Write(append(d.B, '\n'))
	return err
}

// begin names the components and finds their files.
func begin(r *wardein.Report, t wardein.Tree, checks []wardein.Check) (*document, error) {
	d := &document{Writer: &canon.Writer{}, r: r, messages: report.Messages(checks), stamp: report.Stamp(r), tool: "Tool: wardein"}
	if d.stamp == "" {
		return nil, fmt.Errorf("spdx: evaluation date %q: want YYYY-MM-DD", r.Recipe.AsOf)
	}
	if r.Recipe.Module != "" {
		d.tool += "-" + r.Recipe.Module
	}
	paths, taken := map[string]bool{}, map[string]bool{}
	for i := range r.Components {
		c := &r.Components[i]
		for _, s := range c.Seen {
			paths[s.Quote.Node] = true
		}
		id := "SPDXRef-Component-" + word(c.Name+"-"+c.Version)
		for n := 2; taken[id]; n++ {
			id = "SPDXRef-Component-" + word(c.Name+"-"+c.Version) + "-" + strconv.Itoa(n)
		}
		taken[id] = true
		d.ids = append(d.ids, id)
	}
	d.blobs = report.Blobs(t, paths)
	d.vulns = report.Vulnerabilities(r, d.messages)
	for i := range r.Components {
		for _, s := range report.Licenses(&r.Components[i]) {
			if _, ok := report.Expression(s); !ok && !slices.Contains(d.texts, s) {
				d.texts = append(d.texts, s)
			}
		}
	}
	d.of = map[int][]int{}
	for i := range d.vulns {
		d.of[d.vulns[i].Component] = append(d.of[d.vulns[i].Component], i)
	}
	return d, nil
}

// word keeps what an SPDX identifier may hold: letters, digits, ".", "-".
func word(s string) string {
	const most = 128
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, s[:min(len(s), most)])
}

func (d *document) write() {
	sum := report.Digest(d.r, d.messages)
	d.Field("SPDXID").Text(documentID)
	d.Field("annotations").Array(func() {
		for _, text := range d.unseen(sum) {
			d.annotation(text)
		}
	})
	d.Field("creationInfo").Object(func() {
		d.Field("comment").Text("The date is the one that the release was judged at. Licences are what package databases state.")
		d.Field("created").Text(d.stamp)
		d.Field("creators").Array(func() { d.Text(d.tool) })
	})
	d.Field("dataLicense").Text("CC0-1.0")
	d.Field("documentNamespace").Text("https://spdx.org/spdxdocs/wardein-" + report.UUID(sum, "spdx"))
	if len(d.texts) > 0 {
		d.Field("hasExtractedLicensingInfos").Array(func() {
			for i, s := range d.texts {
				d.Object(func() {
					d.Field("comment").Text("what a package database in the release states")
					d.Field("extractedText").Bytes(s)
					d.Field("licenseId").Text(licenseRef(i))
				})
			}
		})
	}
	d.Field("name").Text("wardein-sha256-" + d.r.Release.Digest.String())
	d.Field("packages").Array(func() {
		d.Object(d.release)
		for i := range d.r.Components {
			d.Object(func() { d.component(i) })
		}
	})
	d.Field("relationships").Array(func() {
		d.relation(documentID, releaseID, "DESCRIBES")
		for _, id := range d.ids {
			d.relation(releaseID, id, "CONTAINS")
		}
		for i, list := range report.Needs(d.r) {
			for _, k := range list {
				d.relation(d.ids[i], d.ids[k], "DEPENDS_ON")
			}
		}
	})
	d.Field("spdxVersion").Text("SPDX-2.3")
}

func (d *document) relation(from, to, kind string) {
	d.Object(func() {
		d.Field("relatedSpdxElement").Text(to)
		d.Field("relationshipType").Text(kind)
		d.Field("spdxElementId").Text(from)
	})
}

func (d *document) annotation(comment string) {
	d.Object(func() {
		d.Field("annotationDate").Text(d.stamp)
		d.Field("annotationType").Text("OTHER")
		d.Field("annotator").Text(d.tool)
		d.Field("comment").Bytes(comment)
	})
}

func (d *document) checksum(sum wardein.Digest) {
	d.Field("checksums").Array(func() {
		d.Object(func() { d.Field("algorithm").Text("SHA256"); d.Field("checksumValue").Text(sum.String()) })
	})
}

func (d *document) release() {
	r := &d.r.Release
	d.Field("SPDXID").Text(releaseID)
	if parts := d.parts(); len(parts) > 0 {
		d.Field("annotations").Array(func() {
			for _, text := range parts {
				d.annotation(text)
			}
		})
	}
	if r.Kind == wardein.File {
		d.checksum(r.Digest)
	}
	d.Field("copyrightText").Text(unsaid)
	d.Field("downloadLocation").Text(unsaid)
	d.Field("filesAnalyzed").Bool(false)
	d.Field("licenseConcluded").Text(unsaid)
	d.Field("licenseDeclared").Text(unsaid)
	d.Field("name").Text("sha256:" + r.Digest.String())
	d.Field("primaryPackagePurpose").Text("FIRMWARE")
	d.Field("supplier").Text(unsaid)
}

func (d *document) component(i int) {
	c := &d.r.Components[i]
	file, sum := d.file(c)
	d.Field("SPDXID").Text(d.ids[i])
	d.Field("annotations").Array(func() {
		d.annotation("confidence: " + c.Confidence.String())
		for k := range c.Declared {
			d.annotation("declared: " + declared(&c.Declared[k]))
		}
	})
	if file != "" {
		d.checksum(sum)
	}
	d.Field("copyrightText").Text(unsaid)
	d.Field("downloadLocation").Text(unsaid)
	d.Field("externalRefs").Array(func() { d.references(i) })
	d.Field("filesAnalyzed").Bool(false)
	d.Field("licenseConcluded").Text(unsaid)
	d.Field("licenseDeclared").Text(d.license(c))
	name := c.Name
	if name == "" {
		name = unsaid
	}
	d.Field("name").Bytes(name)
	if file != "" {
		d.Field("packageFileName").Bytes(file)
	}
	d.Field("sourceInfo").Bytes(d.source(c))
	d.Field("supplier").Text(unsaid)
	if c.Version != "" {
		d.Field("versionInfo").Bytes(c.Version)
	}
}

func licenseRef(i int) string { return "LicenseRef-" + strconv.Itoa(i+1) }

// license is an expression of what package databases declare.
func (d *document) license(c *wardein.Component) string {
	var all []string
	for _, s := range report.Licenses(c) {
		x, ok := report.Expression(s)
		if !ok {
			x = licenseRef(slices.Index(d.texts, s))
		} else if strings.Contains(x, " ") {
			x = "(" + x + ")"
		}
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	if len(all) == 0 {
		return unsaid
	}
	x := strings.Join(all, " AND ")
	if len(all) == 1 {
		x = strings.TrimSuffix(strings.TrimPrefix(x, "("), ")")
	}
	return x
}

// file is the one file that shows a component, "" where there is none or
// several.
func (d *document) file(c *wardein.Component) (path string, sum wardein.Digest) {
	for _, s := range c.Seen {
		blob, ok := d.blobs[s.Quote.Node]
		switch {
		case !ok || s.By == "package":
		case path == "":
			path, sum = s.Quote.Node, blob
		case sum != blob:
			return "", sum
		}
	}
	return path, sum
}

func (d *document) references(i int) {
	c := &d.r.Components[i]
	reference := func(category, kind, locator, comment string) {
		d.Object(func() {
			if comment != "" {
				d.Field("comment").Bytes(comment)
			}
			d.Field("referenceCategory").Text(category)
			d.Field("referenceLocator").Text(locator)
			d.Field("referenceType").Text(kind)
		})
	}
	if cpe := report.CPE(c); cpe != "" {
		reference("SECURITY", "cpe23Type", cpe, "")
	}
	if purl := report.PURL(c); purl != "" {
		reference("PACKAGE-MANAGER", "purl", purl, "")
	}
	for _, k := range d.of[i] { // SPDX 2.3, annex K.1.1
		if v := &d.vulns[k]; strings.HasPrefix(v.ID, "CVE-") {
			reference("SECURITY", "advisory", "https://www.cve.org/CVERecord?id="+v.ID, string(v.Standing)+": "+v.Says)
		}
	}
}

// source says what shows a component, and where.
func (d *document) source(c *wardein.Component) string {
	if len(c.Seen) == 0 {
		return "declared only: no file of it was found"
	}
	var lines []string
	for _, s := range c.Seen {
		line := fmt.Sprintf("%s (%s) in %s at %d", s.By, s.Confidence, report.Place(s.Quote.Node), s.Quote.Off)
		if blob, ok := d.blobs[s.Quote.Node]; ok {
			line += ", sha256:" + blob.String()
		}
		if s.Quote.Bytes != "" {
			line += ": " + s.Quote.Bytes
		}
		lines = append(lines, line)
	}
	return strings.Join(slices.Compact(lines), "\n")
}
