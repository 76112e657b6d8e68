package cyclonedx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/lazy"
	"github.com/wardein/wardein/report"
)

// share is a confidence as the number that CycloneDX wants. The words are what
// wardein means; docs/report.md has this table.
func share(c wardein.Confidence) string {
	switch c {
	case wardein.Certain:
		return "0.95"
	case wardein.Likely:
		return "0.7"
	}
	return "0.3"
}

// number writes a confidence; canon has no fractions.
func (b *bill) number(field string, c wardein.Confidence) {
	b.Field(field)
	b.B = append(b.B, share(c)...)
}

// technique is CycloneDX's word for a way of identification.
func technique(s *wardein.Occurrence) string {
	switch s.By {
	case "package":
		return "manifest-analysis"
	case "identity":
		if s.Confidence == wardein.Possible || s.Quote.Bytes == "" {
			return "filename"
		}
	}
	return "binary-analysis"
}

func (b *bill) component(i int) {
	c := &b.r.Components[i]
	files := b.files(c)
	b.Object(func() {
		b.Field("bom-ref").Text(b.refs[i])
		if cpe := report.CPE(c); cpe != "" {
			b.Field("cpe").Text(cpe)
		}
		b.Field("evidence").Object(func() { b.evidence(c) })
		if len(files) == 1 { // more than one: each occurrence has its file's
			b.Field("hashes").Array(func() { b.hash(files[0]) })
		}
		if list := report.Licenses(c); len(list) > 0 {
			b.Field("licenses").Array(func() { b.licenses(list) })
		}
		b.Field("name").Bytes(c.Name)
		b.Field("properties").Array(func() {
			b.property("wardein:confidence", c.Confidence.String())
			for j := range c.Declared {
				b.declared(&c.Declared[j])
			}
			if len(c.Declared) > 0 && !declares(c) {
				b.property("wardein:differs", "the declared versions are not the one that was found")
			}
		})
		if purl := report.PURL(c); purl != "" {
			b.Field("purl").Text(purl)
		}
		b.Field("type").Text(kind(c))
		if c.Version != "" && len(canon.Escape(c.Version)) <= maxVersion {
			b.Field("version").Bytes(c.Version)
		}
	})
}

// licenses are what package databases declare: one expression, or names.
func (b *bill) licenses(list []string) {
	if x, ok := report.Expression(list[0]); ok && len(list) == 1 {
		b.Object(func() {
			b.Field("acknowledgement").Text("declared")
			b.Field("expression").Text(x)
		})
		return
	}
	for _, s := range list {
		b.Object(func() {
			b.Field("license").Object(func() {
				b.Field("acknowledgement").Text("declared")
				b.Field("name").Bytes(s)
			})
		})
	}
}

// maxVersion is the schema's bound.
const maxVersion = 1024

// files are the contents that show the component, without package databases.
func (b *bill) files(c *wardein.Component) (out []wardein.Digest) {
	for _, s := range c.Seen {
		if d, ok := b.blobs[s.Quote.Node]; ok && s.By != "package" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

func (b *bill) declared(d *wardein.Declaration) {
	value := d.System + " " + d.Package
	if d.Version != "" {
		value += " " + d.Version
	}
	if d.Source != "" && d.Source != d.Package {
		value += ", source " + d.Source
	}
	if d.Distribution != "" {
		value += ", " + d.Distribution
	}
	b.property("wardein:declared", value+", in "+d.Quote.Node)
}

// declares tells whether a declared version is, without epoch and revision,
// the one that was found.
func declares(c *wardein.Component) bool {
	return slices.ContainsFunc(c.Declared, func(d wardein.Declaration) bool {
		v := d.Version
		if _, rest, ok := strings.Cut(v, ":"); ok {
			v = rest
		}
		rest, ok := strings.CutPrefix(v, c.Version)
		return ok && (rest == "" || strings.ContainsAny(rest[:1], "-+~_"))
	})
}

// evidence says what shows the name and the version, and where.
func (b *bill) evidence(c *wardein.Component) {
	b.Field("identity").Array(func() {
		b.identity("name", c.Name, c.Confidence, c.Seen)
		if c.Version != "" {
			b.identity("version", c.Version, c.Confidence, versioned(c))
		}
	})
	b.Field("occurrences").Array(func() {
		for i := range c.Seen {
			s := &c.Seen[i]
			b.occurrence(&s.Quote, symbol(s), b.context(s))
		}
	})
}

// versioned are the places that show the component's version.
func versioned(c *wardein.Component) (out []wardein.Occurrence) {
	for _, s := range c.Seen {
		if s.Version == c.Version {
			out = append(out, s)
		}
	}
	return out
}

// identity writes each way of identification once, with its best place.
func (b *bill) identity(field, value string, sure wardein.Confidence, seen []wardein.Occurrence) {
	best := map[string]int{}
	for i := range seen {
		if k, ok := best[seen[i].By]; !ok || seen[i].Confidence > seen[k].Confidence {
			best[seen[i].By] = i
		}
	}
	var ways []string
	for by := range best {
		ways = append(ways, by)
	}
	slices.Sort(ways)
	b.Object(func() {
		b.Field("concludedValue").Bytes(value)
		b.number("confidence", sure)
		b.Field("field").Text(field)
		if len(ways) > 0 {
			b.Field("methods").Array(func() {
				for _, by := range ways {
					s := &seen[best[by]]
					b.Object(func() {
						b.number("confidence", s.Confidence)
						b.Field("technique").Text(technique(s))
						b.Field("value").Bytes(strings.TrimSuffix(by+": "+s.Quote.Bytes, ": "))
					})
				}
			})
		}
		b.Field("tools").Array(func() { b.Text(toolRef) })
	})
}

var identifier = lazy.Regexp(`^([A-Za-z_][A-Za-z0-9_]*): `)

// symbol is the exported function that returned a version.
func symbol(s *wardein.Occurrence) string {
	if m := identifier().FindStringSubmatch(s.Quote.Bytes); m != nil && s.By == "getter" {
		return m[1]
	}
	return ""
}

func (b *bill) context(s *wardein.Occurrence) string {
	parts := []string{s.By, s.Confidence.String()}
	if s.Version != "" {
		parts = append(parts, "version "+canon.Escape(s.Version))
	}
	if d, ok := b.blobs[s.Quote.Node]; ok {
		parts = append(parts, "sha256:"+d.String())
	}
	if s.Quote.Bytes != "" {
		parts = append(parts, canon.Escape(s.Quote.Bytes))
	}
	return strings.Join(parts, ", ")
}

// vulnerabilities are written once each, with all components that they affect.
func (b *bill) vulnerabilities() {
	for from := 0; from < len(b.vulns); {
		to := from + 1
		for to < len(b.vulns) && b.vulns[to].ID == b.vulns[from].ID && b.vulns[to].Standing == b.vulns[from].Standing {
			to++
		}
		b.vulnerability(b.vulns[from:to])
		from = to
	}
}

var states = map[report.Standing]string{
	report.Affected: "exploitable", report.NotAffected: "not_affected", report.Investigating: "in_triage", report.Fixed: "resolved",
}

func (b *bill) vulnerability(group []report.Vulnerability) {
	v := &group[0]
	exploited := false
	for i := range group {
		exploited = exploited || group[i].Exploited
		if group[i].Score > v.Score {
			v = &group[i]
		}
	}
	b.Object(func() {
		b.Field("affects").Array(func() {
			for i := range group {
				b.Object(func() {
					b.Field("ref").Text(b.refs[group[i].Component])
					if version := b.r.Components[group[i].Component].Version; version != "" && len(canon.Escape(version)) <= maxVersion {
						b.Field("versions").Array(func() {
							b.Object(func() {
								b.Field("status").Text(status(v.Standing))
								b.Field("version").Bytes(version)
							})
						})
					}
				})
			}
		})
		if v.Stated || v.Standing == report.Investigating {
			b.Field("analysis").Object(func() {
				if v.Why != "" {
					b.Field("detail").Bytes(v.Why)
				}
				b.Field("state").Text(states[v.Standing])
			})
		}
		b.Field("bom-ref").Text("vulnerability:" + v.ID + ":" + string(v.Standing))
		b.Field("detail").Bytes(details(group))
		b.Field("id").Text(v.ID)
		b.Field("properties").Array(func() {
			last := ""
			for i := range group {
				if id := group[i].Finding.ID; id != last {
					b.property("wardein:finding", id)
					last = id
				}
			}
			b.property("wardein:confidence", v.Finding.Confidence.String())
			b.property("wardein:reach", v.Finding.Reach.String())
			if v.EPSS != "" {
				b.property("wardein:epss", v.EPSS)
			}
			if v.FixedIn != "" {
				b.property("wardein:fixed-in", v.FixedIn)
			}
			if exploited {
				b.property("wardein:known-exploited", "true")
			}
		})
		if grade, ok := v.Severity(); ok {
			b.Field("ratings").Array(func() {
				b.Object(func() {
					b.Field("method").Text(method(v.Vector))
					b.Field("score")
					b.B = append(b.B, tenths(v.Score)...)
					b.Field("severity").Text(grade.String())
					if v.Scored != "" {
						b.Field("source").Object(func() { b.Field("name").Bytes(v.Scored) })
					}
					if v.Vector != "" {
						b.Field("vector").Bytes(v.Vector)
					}
				})
			})
		}
		if v.Fix != "" {
			b.Field("recommendation").Bytes(v.Fix)
		}
		if v.Source != "" {
			b.Field("source").Object(func() { b.Field("name").Bytes(v.Source) })
		}
		if v.Meanwhile != "" {
			b.Field("workaround").Bytes(v.Meanwhile)
		}
	})
}

// method is the version of CVSS that a vector is of.
func method(vector string) string {
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		return "CVSSv4"
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		return "CVSSv31"
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		return "CVSSv3"
	case strings.HasPrefix(vector, "AV:"):
		return "CVSSv2"
	}
	return "other" // not told
}

// details are what is said, each sentence once.
func details(group []report.Vulnerability) string {
	const most = 20
	var all []string
	for i := range group {
		if len(all) < most && !slices.Contains(all, group[i].Says) {
			all = append(all, group[i].Says)
		}
	}
	return strings.Join(all, "\n")
}

// tenths is a score as RFC 8785 writes the number.
func tenths(n int) string {
	return strings.TrimSuffix(fmt.Sprintf("%d.%d", n/10, n%10), ".0")
}

func status(s report.Standing) string {
	switch s {
	case report.Affected:
		return "affected"
	case report.Investigating:
		return "unknown"
	}
	return "unaffected"
}
