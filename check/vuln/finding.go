package vuln

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/vulndb"
)

// Numbers of vulnerabilities that a finding explains, and that it names.
const (
	explained = 12
	listed    = 1000
)

// hit is a match that counts, with what speaks against it.
type hit struct {
	vulndb.Match
	unbuilt  string // why the kernel may not have it
	priority int
}

func (h *hit) doubtful() bool { return len(h.Doubts) > 0 || h.unbuilt != "" }

// about is what is said of one component; nothing speaks against the first
// sure of its hits.
type about struct {
	c          *wardein.Component
	reach      wardein.Reach
	started    string // how the reach is known
	hits, done []hit
	sure       int
	settled    map[string]int // of done: how many for which reason
}

func (x *about) finding() wardein.Finding {
	c, hits, sure := x.c, x.hits, x.sure
	head, rule := hits[:sure], "vuln.known"
	f := wardein.Finding{Confidence: wardein.Likely, Reach: x.reach, Fix: named("vuln.fix", c), Meanwhile: named("vuln.meanwhile", c)}
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
	count := fmt.Sprintf("%d known vulnerabilities", len(head))
	if len(head) == 1 {
		count = "1 known vulnerability"
	}
	note := func(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }
	f.Says = wardein.Text{ID: rule, Args: []wardein.Note{
		note("component", c.Name), note("version", c.Version), note("count", count), note("exploited", numbered(exploited, ", %d known exploited")),
		note("worst", worst.Name+scored(worst)), note("list", explain(hits)), note("more", more(hits, sure)), note("settled", settledBy(x.settled)), note("started", x.started),
	}}
	for i := range hits[:min(len(hits), listed)] {
		f.Says.Args = append(f.Says.Args, note(hits[i].Name, hits[i].details(i < sure || sure == 0 && !hits[i].doubtful())))
	}
	for i := range x.done[:min(len(x.done), listed)] {
		f.Says.Args = append(f.Says.Args, note(x.done[i].Name, x.done[i].details(true)))
	}
	return f
}

// details are what is known of one vulnerability in a component, for readers
// of the report: "key=value; key=value". A key that is not there is not known.
//
//	status     affected, fixed, not affected, under investigation
//	sure       no: something speaks against it (why)
//	score      CVSS base score, by whom (scored), and vector
//	exploited  since when a public list names it
//	epss       probability of exploitation in 30 days
//	fixed      first version that is not in the range
//	source     who decides, with record and range
//	why        what decides, and what speaks against it
func (h *hit) details(sure bool) string {
	var b strings.Builder
	put := func(key, value string) {
		if value == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(key + "=" + strings.ReplaceAll(value, ";", ","))
	}
	s := &h.Statements[h.Decides]
	put("status", h.Status.String())
	if !sure {
		put("sure", "no")
	}
	if h.Score > 0 {
		put("score", fmt.Sprintf("%d.%d", h.Score/10, h.Score%10))
		put("scored", h.Scored)
		put("vector", h.Vector)
	}
	if h.Exploited != nil {
		put("exploited", h.Exploited.Added)
	}
	if h.EPSS != nil {
		put("epss", fmt.Sprintf("%d.%05d", h.EPSS.Score/100_000, h.EPSS.Score%100_000))
	}
	put("fixed", h.fixed())
	put("source", s.Source)
	put("record", s.Record)
	put("date", s.Date)
	put("product", s.Product)
	put("range", s.Said)
	put("scheme", s.Scheme.String())
	if s.Why != "" {
		put("justification", s.Why)
	}
	put("why", strings.Join(append([]string{h.Because}, h.against()...), " / "))
	return b.String()
}

// fixed is the first version that is not in the range of what decides, or of
// another that says the same of its product.
func (h *hit) fixed() string {
	if v := h.Statements[h.Decides].Below; v != "" {
		return v
	}
	for i := range h.Statements {
		if s := &h.Statements[i]; s.Below != "" && s.Product == h.Statements[h.Decides].Product {
			return s.Below
		}
	}
	return ""
}

// against is what speaks against a hit.
func (h *hit) against() []string {
	if h.unbuilt == "" {
		return h.Doubts
	}
	return append(slices.Clone(h.Doubts), h.unbuilt)
}

func named(id string, c *wardein.Component) wardein.Text {
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
		for _, d := range h.against() {
			s += "; possible only: " + d
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
	b.WriteString(numbered(unbuilt, " %d of these lie in source files that seem not to be built."))
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
