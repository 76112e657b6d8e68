// Package cyclonedx writes a report as a CycloneDX 1.6 bill of materials (ECMA-424).
//
//	metadata         the tool; the release by its digest, its delivered files
//	components       products with package URL, CPE name and evidence; keys;
//	                 certificates, where the tree gives facts
//	dependencies     which component loads which
//	compositions     that the list is not complete
//	vulnerabilities  findings of the check vuln, when there are any
//	annotations      what was not looked at
//
// The bill is a function of the report, its tree file and what was stated of certificates: the serial number
// comes from the report's digest, the only time is the evaluation date, and
// nothing names the input or the machine. Names in it are escaped as in the
// report; see docs/report.md.
package cyclonedx

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/report"
)

// maxGaps bounds the gaps that are listed one by one; the others are counted.
const maxGaps = 1000

// bill is one document that is being written.
type bill struct {
	*canon.Writer
	r        *wardein.Report
	messages map[string]string
	stamp    string
	refs     []string // of the components
	blobs    map[string]wardein.Digest
	keys     []key
	certs    []certificate
	vulns    []report.Vulnerability
}

// Write writes the report r, whose tree is t, as CycloneDX JSON.
func Write(w io.Writer, r *wardein.Report, t wardein.Tree, checks []wardein.Check) error {
	b := &bill{Writer: &canon.Writer{}, r: r, messages: report.Messages(checks), stamp: report.Stamp(r)}
	paths := map[string]bool{}
	for i := range r.Components {
		for _, s := range r.Components[i].Seen {
			paths[s.Quote.Node] = true
		}
	}
	b.refs = report.Refs(r)
	b.blobs = report.Blobs(t, paths)
	b.keys = keys(r)
	b.certs = certificates(t)
	b.vulns = report.Vulnerabilities(r, b.messages)
	b.Object(b.document)
	_, err := w.Write(append(b.B, '\n'))
	return err
}

const releaseRef, toolRef = "release", "wardein"

func (b *bill) document() {
	d := report.Digest(b.r, b.messages)
	b.Field("$schema").Text("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if b.stamp != "" {
		b.Field("annotations").Array(b.annotation)
	}
	b.Field("bomFormat").Text("CycloneDX")
	b.Field("components").Array(func() {
		for i := range b.r.Components {
			b.component(i)
		}
		for i := range b.keys {
			b.key(&b.keys[i])
		}
		for i := range b.certs {
			b.certificate(&b.certs[i])
		}
	})
	b.Field("compositions").Array(b.composition)
	b.Field("dependencies").Array(func() {
		for i, list := range report.Needs(b.r) {
			if len(list) > 0 {
				b.Object(func() {
					b.Field("dependsOn").Array(func() {
						for _, k := range list {
							b.Text(b.refs[k])
						}
					})
					b.Field("ref").Text(b.refs[i])
				})
			}
		}
		b.Object(func() {
			b.Field("dependsOn").Array(func() {
				for _, ref := range b.refs {
					b.Text(ref)
				}
			})
			b.Field("ref").Text(releaseRef)
		})
	})
	b.Field("metadata").Object(b.metadata)
	b.Field("properties").Array(func() { b.properties(d) })
	b.Field("serialNumber").Text("urn:uuid:" + report.UUID(d, "cyclonedx"))
	b.Field("specVersion").Text("1.6")
	b.Field("version").Int(1)
	b.Field("vulnerabilities").Array(b.vulnerabilities)
}

// annotation says in words what was not looked at.
func (b *bill) annotation() {
	c := &b.r.Coverage
	text := fmt.Sprintf("%s of bytes accounted for, %s opened; %d bytes were recognised and not opened, %d are unknown.",
		report.Percent(c.Accounted()), report.Percent(c.Opened()), c.Opaque, c.Unknown)
	if b.r.Partial {
		text = "The inspection was interrupted: what is listed is what was seen until then. " + text
	}
	var kinds []string
	for k, n := range report.GapKinds(b.r) {
		kinds = append(kinds, fmt.Sprintf("%d %s (%s)", n, k, report.GapWords(k)))
	}
	if len(kinds) > 0 {
		text += " Not looked at: " + strings.Join(kinds, ", ") + "."
	}
	if report.Unexamined(b.r) {
		text += " Known vulnerabilities were not examined."
	}
	text += " No test here shows that nothing else is in the release."
	b.Object(func() {
		b.Field("annotator").Object(func() {
			b.Field("component").Object(func() { b.Field("name").Text("wardein"); b.Field("type").Text("application") })
		})
		b.Field("subjects").Array(func() { b.Text(releaseRef) })
		b.Field("text").Text(text)
		b.Field("timestamp").Text(b.stamp)
	})
}

// composition says that the list is not complete: wardein knows no release of
// which it could say so.
func (b *bill) composition() {
	c := &b.r.Coverage
	state := "unknown"
	if b.r.Partial || len(b.r.Gaps) > 0 || c.Opaque+c.Unknown > 0 {
		state = "incomplete"
	}
	b.Object(func() {
		b.Field("aggregate").Text(state)
		b.Field("assemblies").Array(func() { b.Text(releaseRef) })
	})
}

func (b *bill) metadata() {
	r := &b.r.Release
	b.Field("component").Object(func() {
		b.Field("bom-ref").Text(releaseRef)
		if len(r.Parts) > 0 {
			b.Field("components").Array(func() {
				for i := range r.Parts {
					b.part(&r.Parts[i])
				}
			})
		}
		if r.Kind == wardein.File {
			b.Field("hashes").Array(func() { b.hash(r.Digest) })
		}
		b.Field("name").Text("sha256:" + r.Digest.String())
		b.Field("properties").Array(func() {
			b.property("wardein:release.kind", r.Kind.String())
			b.property("wardein:release.size", strconv.FormatInt(r.Size, 10))
		})
		b.Field("type").Text("firmware")
	})
	b.Field("lifecycles").Array(func() {
		b.Object(func() { b.Field("phase").Text("post-build") })
	})
	if b.stamp != "" {
		b.Field("timestamp").Text(b.stamp)
	}
	b.Field("tools").Object(func() {
		b.Field("components").Array(func() {
			b.Object(func() {
				b.Field("bom-ref").Text(toolRef)
				b.Field("name").Text("wardein")
				b.Field("type").Text("application")
				if b.r.Recipe.Module != "" {
					b.Field("version").Text(b.r.Recipe.Module)
				}
			})
		})
	})
}

// part is one delivered file.
func (b *bill) part(p *wardein.Part) {
	b.Object(func() {
		if p.Digest != (wardein.Digest{}) {
			b.Field("hashes").Array(func() { b.hash(p.Digest) })
		}
		b.Field("name").Bytes(report.Place(p.Path))
		b.Field("properties").Array(func() {
			b.property("wardein:delivered", string(p.Delivered))
			if p.Role != "" {
				b.property("wardein:role", p.Role)
			}
			b.property("wardein:size", strconv.FormatInt(p.Size, 10))
		})
		b.Field("type").Text("file")
	})
}

func (b *bill) hash(d wardein.Digest) {
	b.Object(func() { b.Field("alg").Text("SHA-256"); b.Field("content").Text(d.String()) })
}

func (b *bill) property(name, value string) {
	b.Object(func() { b.Field("name").Text(name); b.Field("value").Bytes(value) })
}

func (b *bill) count(name string, n int64) { b.property(name, strconv.FormatInt(n, 10)) }

// properties say how the bill came about and what was not looked at.
func (b *bill) properties(d wardein.Digest) {
	r, c := b.r, &b.r.Coverage
	b.property("wardein:report", "sha256:"+d.String())
	b.property("wardein:recipe", "sha256:"+report.RecipeDigest(&r.Recipe).String())
	b.property("wardein:tree", "sha256:"+r.Tree.String())
	b.property("wardein:as-of", r.Recipe.AsOf)
	for _, s := range r.Recipe.Data {
		b.property("wardein:data", s.Name+" "+s.Date+" sha256:"+s.Digest.String())
	}
	if report.Unexamined(r) {
		b.property("wardein:vulnerabilities", "not examined")
	}
	if r.Partial {
		b.property("wardein:partial", "the inspection was interrupted")
	}
	b.count("wardein:coverage.accounted-ppm", c.Accounted())
	b.count("wardein:coverage.opened-ppm", c.Opened())
	b.count("wardein:coverage.opaque-bytes", c.Opaque)
	b.count("wardein:coverage.unknown-bytes", c.Unknown)
	b.count("wardein:nodes", r.Nodes)
	for _, k := range r.Counts {
		if k.Failed > 0 {
			b.count("wardein:failed."+k.Check, k.Failed)
		}
	}
	for k, n := range report.GapKinds(r) {
		b.count("wardein:gaps."+string(k), n)
	}
	for i := range r.Gaps[:min(len(r.Gaps), maxGaps)] {
		g := &r.Gaps[i]
		b.property("wardein:gap", fmt.Sprintf("%s at %d, %d bytes, %s: %s: %s", g.Kind, g.Off, g.Len, report.Place(g.Node), g.Who, g.Why))
	}
	if n := len(r.Gaps) - maxGaps; n > 0 {
		b.count("wardein:gaps.not-listed", int64(n))
	}
}

// occurrence is one place. Its location is the node's path.
func (b *bill) occurrence(q *wardein.Quote, symbol, context string) {
	b.Object(func() {
		if context != "" {
			b.Field("additionalContext").Text(context)
		}
		b.Field("location").Bytes(report.Place(q.Node))
		if q.Off >= 0 && q.Off < 1<<53 && q.Len > 0 {
			b.Field("offset").Int(q.Off)
		}
		if symbol != "" {
			b.Field("symbol").Bytes(symbol)
		}
	})
}

// kind is the component's type: wardein tells a library by its file's name.
func kind(c *wardein.Component) string {
	for _, s := range c.Seen {
		switch {
		case s.By == "kernel":
			return "operating-system"
		case s.By == "boot loader":
			return "firmware"
		case strings.Contains(path.Base(s.Quote.Node), ".so"):
			return "library"
		}
	}
	for _, d := range c.Declared {
		switch d.System {
		case "go", "cargo", "maven", "npm", "pypi":
			return "library"
		}
	}
	if c.Name == "linux" {
		return "operating-system"
	}
	return "application"
}
