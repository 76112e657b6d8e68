package report

import (
	"fmt"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
)

// dataParts are the dates of the feeds that were looked into.
func dataParts(r *wardein.Recipe) []string {
	var feeds []string
	for _, d := range r.Data {
		if name, ok := strings.CutPrefix(d.Name, "feed "); ok {
			date := d.Date
			if date == "" {
				date = "of no date"
			}
			feeds = append(feeds, term.Clean(name)+" "+term.Clean(date))
		}
	}
	if feeds == nil {
		return nil
	}
	return []string{"data: " + strings.Join(feeds, ", ")}
}

// knownParts says how many components have known vulnerabilities, or that
// nobody looked: then there is no number. It is empty for a report of checks
// of which none looks.
func knownParts(r *wardein.Report) []string {
	looked := false
	for i := range r.Counts {
		looked = looked || r.Counts[i].Check == "vuln"
	}
	if !looked {
		return nil
	}
	var old []string
	for i := range r.Gaps {
		g := &r.Gaps[i]
		if g.Who != "vuln" {
			continue
		}
		why, rest, _ := strings.Cut(g.Why, ":")
		switch {
		case strings.HasSuffix(rest, "not examined") || g.Kind == wardein.Crashed:
			if g.Kind == wardein.Crashed {
				why = "the check failed"
			}
			return []string{"known vulnerabilities: not examined (" + term.Clean(why) + ")"}
		case strings.HasPrefix(g.Why, "feed "):
			old = append(old, strings.Fields(g.Why)[1])
		}
	}
	n, possible, exploited := 0, 0, 0
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Check != "vuln" {
			continue
		}
		if f.Exploited {
			exploited++
		}
		if f.Confidence == wardein.Possible {
			possible++
		} else {
			n++
		}
	}
	s := fmt.Sprintf("known vulnerabilities: in %d of %s", n, plural(int64(len(r.Components)), "component"))
	if possible > 0 {
		s += fmt.Sprintf(", possible in %d more", possible)
	}
	if exploited > 0 {
		s += fmt.Sprintf(" · %d of these known exploited", exploited)
	}
	if len(old) > 0 {
		s += " · old: " + term.Clean(strings.Join(old, ", "))
	}
	return []string{s}
}
