// Package sarif writes a report's findings as SARIF 2.1.0 (OASIS Standard,
// Errata 01) for tools that show results of static analysis.
//
//	tool.driver      a rule for each rule that has a finding, with the words of
//	                 its check; a notification for each kind of gap
//	artifacts        the nodes that findings and gaps are about, by path, with
//	                 digests; their URIs are relative to the release
//	results          the findings; partialFingerprints hold the finding's ID,
//	                 which comes from rule and content and not from the path
//	invocations      the gaps, as notifications
//
// The log is a function of the report and its tree file.
package sarif

import (
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// maxGaps bounds the gaps that are notified of; the last one counts the rest.
const maxGaps = 10_000

// Fingerprint is the name under which results hold the finding's ID.
const Fingerprint = "wardein/v1"

// log is one log file that is being written.
type log struct {
	*canon.Writer
	r        *wardein.Report
	checks   []wardein.Check
	messages map[string]string
	rules    []rule
	paths    []string // of artifacts, sorted
	blobs    map[string]wardein.Digest
}

// rule is a rule that has a finding.
type rule struct {
	id       string
	check    *wardein.Check // nil: not one of the list
	severity wardein.Severity
}

// Write writes the report r, whose tree is t, as a SARIF log of one run.
func Write(w io.Writer, r *wardein.Report, t wardein.Tree, checks []wardein.Check) error {
	l := &log{Writer: &canon.Writer{}, r: r, checks: checks, messages: report.Messages(checks)}
	l.collect()
	paths := map[string]bool{}
	for _, p := range l.paths {
		paths[p] = true
	}
	l.blobs = report.Blobs(t, paths)
	l.Object(func() {
		l.Field("$schema").Text("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
		l.Field("runs").Array(func() { l.Object(l.run) })
		l.Field("version").Text("2.1.0")
	})
	_, err := w.Write(append(l.B, '\n'))
	return err
}

// gaps are those that are notified of.
func (l *log) gaps() []wardein.Gap { return l.r.Gaps[:min(len(l.r.Gaps), maxGaps)] }

// collect gathers rules and paths.
func (l *log) collect() {
	for i := range l.r.Findings {
		f := &l.r.Findings[i]
		at, ok := slices.BinarySearchFunc(l.rules, f.Rule, func(r rule, id string) int { return strings.Compare(r.id, id) })
		if !ok {
			l.rules = slices.Insert(l.rules, at, rule{id: f.Rule, check: l.check(f.Check)})
		}
		l.rules[at].severity = max(l.rules[at].severity, f.Severity)
		l.paths = append(l.paths, f.Node)
		for _, q := range f.Quotes {
			l.paths = append(l.paths, q.Node)
		}
	}
	for i := range l.gaps() {
		l.paths = append(l.paths, l.r.Gaps[i].Node)
	}
	slices.Sort(l.paths)
	l.paths = slices.Compact(l.paths)
}

func (l *log) check(name string) *wardein.Check {
	for i := range l.checks {
		if l.checks[i].Name == name {
			return &l.checks[i]
		}
	}
	return nil
}

// base names what URIs are relative to.
const base = "RELEASE"

func (l *log) run() {
	d := report.Digest(l.r, l.messages)
	l.Field("artifacts").Array(func() {
		for _, p := range l.paths {
			l.artifact(p)
		}
	})
	l.Field("automationDetails").Object(func() {
		l.Field("guid").Text(report.UUID(d, "sarif"))
		l.Field("id").Text("wardein/inspect/sha256:" + l.r.Release.Digest.String())
	})
	l.Field("columnKind").Text("unicodeCodePoints")
	l.Field("invocations").Array(func() { l.Object(l.invocation) })
	l.Field("originalUriBaseIds").Object(func() {
		l.Field(base).Object(func() {
			l.Field("description")
			l.message("the release sha256:" + l.r.Release.Digest.String())
		})
	})
	l.Field("properties").Object(func() { l.properties(d) })
	l.Field("results").Array(func() {
		for i := range l.r.Findings {
			l.result(&l.r.Findings[i])
		}
	})
	l.Field("tool").Object(func() { l.Field("driver").Object(l.driver) })
}

// properties say what the log cannot hold otherwise.
func (l *log) properties(d wardein.Digest) {
	c := &l.r.Coverage
	l.Field("wardein:accounted-ppm").Int(c.Accounted())
	l.Field("wardein:as-of").Text(l.r.Recipe.AsOf)
	l.Field("wardein:checks").Array(func() {
		for _, k := range l.r.Counts {
			l.Object(func() {
				l.Field("check").Text(k.Check)
				l.Field("done").Big(k.Done)
				l.Field("failed").Big(k.Failed)
			})
		}
	})
	l.Field("wardein:opaque-bytes").Big(c.Opaque)
	l.Field("wardein:opened-ppm").Int(c.Opened())
	l.Field("wardein:partial").Bool(l.r.Partial)
	l.Field("wardein:recipe").Text("sha256:" + report.RecipeDigest(&l.r.Recipe).String())
	l.Field("wardein:release").Text("sha256:" + l.r.Release.Digest.String())
	l.Field("wardein:report").Text("sha256:" + d.String())
	l.Field("wardein:tree").Text("sha256:" + l.r.Tree.String())
	l.Field("wardein:unknown-bytes").Big(c.Unknown)
}

// escapes are of SARIF 2.1.0, 3.11.5 and 3.11.6: braces hold placeholders,
// brackets hold links.
var escapes = strings.NewReplacer("{", "{{", "}", "}}", "[", `\[`, "]", `\]`, `\`, `\\`)

// message writes a text; names in it are shown as on the first screen.
func (l *log) message(s string) {
	if s == "" {
		s = "no words for it"
	}
	l.Object(func() { l.Field("text").Text(escapes.Replace(term.Clean(s))) })
}

func (l *log) driver() {
	l.Field("informationUri").Text("https://github.com/wardein/wardein")
	l.Field("name").Text("wardein")
	l.Field("notifications").Array(func() {
		for k := range report.GapKinds(l.r) {
			l.Object(func() {
				l.Field("id").Text("gap." + string(k))
				l.Field("shortDescription")
				l.message("Not looked at: " + report.GapWords(k))
			})
		}
	})
	l.Field("rules").Array(func() {
		for i := range l.rules {
			l.rule(&l.rules[i])
		}
	})
	if l.r.Recipe.Module != "" {
		l.Field("version").Text(l.r.Recipe.Module)
	}
}

// scores are the numbers that viewers of results sort severities by.
var scores = [...]string{"0.0", "3.0", "5.5", "8.0", "9.5"}

func (l *log) rule(r *rule) {
	l.Object(func() {
		if c := r.check; c != nil {
			l.Field("fullDescription")
			l.message(strings.TrimSpace(c.Doc.About + " " + c.Doc.How))
			l.Field("help")
			l.message(help(c))
		}
		l.Field("id").Bytes(r.id)
		l.Field("properties").Object(func() {
			if r.check != nil {
				l.Field("check").Text(r.check.Name)
			}
			l.Field("security-severity").Text(scores[min(int(r.severity), len(scores)-1)])
			l.Field("tags").Array(func() { l.Text("security") })
		})
		l.Field("shortDescription")
		about := r.id
		if r.check != nil && r.check.Doc.About != "" {
			about = r.check.Doc.About
		}
		l.message(about)
	})
}

// help is when a check is wrong, and what it rests on.
func help(c *wardein.Check) string {
	var b strings.Builder
	for _, part := range []struct {
		title string
		lines []string
	}{{"False positives", c.Doc.FalsePositives}, {"False negatives", c.Doc.FalseNegatives}, {"Limits", c.Doc.Limits}, {"References", c.Doc.References}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "%s: %s. ", part.title, strings.Join(part.lines, "; "))
		}
	}
	fmt.Fprintf(&b, "See also: wardein checks %s", c.Name)
	return b.String()
}

func (l *log) artifact(path string) {
	l.Object(func() {
		if d, ok := l.blobs[path]; ok {
			l.Field("hashes").Object(func() { l.Field("sha-256").Text(d.String()) })
		}
		l.Field("location").Object(func() { l.location(path, -1) })
		l.Field("properties").Object(func() { l.Field("wardein:path").Bytes(path) })
	})
}

// location writes the fields of an artifactLocation.
func (l *log) location(path string, index int) {
	if index >= 0 {
		l.Field("index").Int(int64(index))
	}
	l.Field("uri").Text(uri(path))
	l.Field("uriBaseId").Text(base)
}

// uri is a path as a relative reference (RFC 3986, section 4.2). Whatever a
// reader could take for something else is percent-encoded: a scheme, an
// authority, segments that go up.
func uri(path string) string {
	if path == "" {
		return "."
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		dots := segment == "." || segment == ".."
		for j := 0; j < len(segment); j++ {
			switch c := segment[j]; {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '~', c == '.' && !dots:
				b.WriteByte(c)
			default:
				b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			}
		}
	}
	if s := b.String(); s[0] != '/' {
		return s
	}
	return "%2F" + b.String()[1:]
}

func (l *log) index(path string) int {
	i, _ := slices.BinarySearch(l.paths, path)
	return i
}

// place writes a location: of a run of bytes where there is one.
func (l *log) place(id int, path string, off, n int64, text string) {
	l.Object(func() {
		if id >= 0 {
			l.Field("id").Int(int64(id))
		}
		l.Field("physicalLocation").Object(func() {
			l.Field("artifactLocation").Object(func() { l.location(path, l.index(path)) })
			if off < 0 || n <= 0 || off >= 1<<53 || n >= 1<<53 {
				return
			}
			l.Field("region").Object(func() {
				l.Field("byteLength").Int(n)
				l.Field("byteOffset").Int(off)
				if text != "" {
					l.Field("snippet").Object(func() { l.snippet(text) })
				}
			})
		})
	})
}

// snippet writes bytes as text where they are text.
func (l *log) snippet(s string) {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && !strings.ContainsRune("\t\r\n", r) }) {
		l.Field("text").Text(s)
		return
	}
	l.Field("binary").Text(base64.StdEncoding.EncodeToString([]byte(s)))
}

// levels are SARIF's words for severities, least first.
var levels = [...]string{"none", "note", "warning", "error", "error"}

func (l *log) result(f *wardein.Finding) {
	l.Object(func() {
		kind := "fail"
		if f.Severity == wardein.Info { // 3.27.9: a level means a failure
			kind = "informational"
		}
		l.Field("kind").Text(kind)
		l.Field("level").Text(levels[min(int(f.Severity), len(levels)-1)])
		l.Field("locations").Array(func() {
			if len(f.Quotes) == 0 {
				l.place(-1, f.Node, 0, 0, "")
				return
			}
			q := &f.Quotes[0]
			l.place(-1, q.Node, q.Off, q.Len, q.Bytes)
		})
		l.Field("message")
		l.message(report.Render(f.Says, l.messages))
		l.Field("partialFingerprints").Object(func() { l.Field(Fingerprint).Text(f.ID) })
		l.Field("properties").Object(func() {
			l.Field("confidence").Text(f.Confidence.String())
			l.Field("exploited").Bool(f.Exploited)
			l.Field("fix").Bytes(report.Render(f.Fix, l.messages))
			l.Field("meanwhile").Bytes(report.Render(f.Meanwhile, l.messages))
			l.Field("reach").Text(f.Reach.String())
			l.Field("severity").Text(f.Severity.String())
		})
		if len(f.Quotes) > 1 {
			l.Field("relatedLocations").Array(func() {
				for i := range f.Quotes[1:] {
					q := &f.Quotes[1+i]
					l.place(i, q.Node, q.Off, q.Len, q.Bytes)
				}
			})
		}
		l.Field("ruleId").Bytes(f.Rule)
		at, _ := slices.BinarySearchFunc(l.rules, f.Rule, func(r rule, id string) int { return strings.Compare(r.id, id) })
		l.Field("ruleIndex").Int(int64(at))
	})
}

// invocation holds the gaps.
func (l *log) invocation() {
	l.Field("executionSuccessful").Bool(!l.r.Partial)
	l.Field("toolExecutionNotifications").Array(func() {
		for i := range l.gaps() {
			l.gap(&l.r.Gaps[i])
		}
		if n := len(l.r.Gaps) - maxGaps; n > 0 {
			l.Object(func() {
				l.Field("level").Text("warning")
				l.Field("message")
				l.message(fmt.Sprintf("%d more gaps are in the report", n))
			})
		}
	})
}

func (l *log) gap(g *wardein.Gap) {
	l.Object(func() {
		l.Field("descriptor").Object(func() { l.Field("id").Text("gap." + string(g.Kind)) })
		level := "warning"
		if g.Kind == wardein.Crashed {
			level = "error"
		}
		l.Field("level").Text(level)
		l.Field("locations").Array(func() { l.place(-1, g.Node, g.Off, g.Len, "") })
		l.Field("message")
		l.message(fmt.Sprintf("not looked at (%s): %s", g.Kind, strings.TrimPrefix(g.Who+": "+strings.TrimPrefix(g.Why, g.Who+": "), ": ")))
	})
}
