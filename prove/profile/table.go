package profile

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// indent is the width of the column of labels.
const indent = 14

// shownFindings is how many findings the table names for a condition.
const shownFindings = 8

// Table writes the statement for a terminal of that width; 0 breaks no line.
func (s *Statement) Table(out io.Writer, width int) error {
	w := bufio.NewWriter(out)
	line := func(label, text string) {
		fmt.Fprintf(w, "%-*s%s\n", indent, label, term.Wrap(text, indent, indent, width))
	}
	p, r := &s.Profile, &s.Report
	line("profile", fmt.Sprintf("%s, version %d of %s · by %s · sha256:%.12s…", term.Clean(p.Name), p.Number, p.Date, term.Clean(p.Author), p.Digest))
	line("release", "sha256:"+term.Clean(r.Release))
	line("report", fmt.Sprintf("sha256:%.12s… · recipe sha256:%.12s… · as of %s", r.Digest, r.Recipe, term.Clean(r.AsOf)))
	line("looked at", fmt.Sprintf("%s of bytes accounted, %s opened, %s", report.Percent(r.AccountedPPM), report.Percent(r.OpenedPPM), plural(r.Gaps, "gap")))
	for _, n := range s.Records {
		line("record", fmt.Sprintf("%s of %s by %s, %s to %s: %s · document sha256:%.12s…, not read", n.Kind, term.Clean(n.Scheme), term.Clean(n.Issuer), n.ValidFrom, n.ValidUntil, term.Clean(n.Scope), n.Document))
	}
	for _, n := range s.Results {
		line("result", fmt.Sprintf("%s: sha256:%.12s… beside sha256:%.12s…%s · file sha256:%.12s…", n.Verb, term.Clean(n.Release), term.Clean(n.Other), term.Clean(verdict(n.Verdict)), n.Digest))
	}
	if s.Issued != "" {
		line("valid", fmt.Sprintf("%s to %s", s.Issued, s.Until))
	}
	count := map[State]int{}
	for i := range s.Conditions {
		count[s.Conditions[i].State]++
	}
	fmt.Fprintf(w, "\n%s\n", strings.ToUpper(string(s.Result)))
	line("conditions", fmt.Sprintf("%d met · %d not met · %d undetermined", count[Met], count[NotMet], count[Undetermined]))
	for _, state := range []State{NotMet, Undetermined, Met} {
		for i := range s.Conditions {
			c := &s.Conditions[i]
			if c.State != state {
				continue
			}
			fmt.Fprintln(w)
			line(string(state), term.Clean(c.ID)+": "+report.Plain(c.Because))
			line("  asks", term.Clean(c.Asks))
			if state == Met {
				continue
			}
			line("  why", term.Clean(c.Why))
			if n := len(c.Findings); n > 0 {
				text := term.Clean(strings.Join(c.Findings[:min(n, shownFindings)], ", "))
				if n > shownFindings {
					text += fmt.Sprintf(" and %d more", n-shownFindings)
				}
				line("  findings", text)
			}
		}
	}
	fmt.Fprintf(w, "\n%s\n", term.Wrap(s.Meaning, 0, 0, width))
	return w.Flush()
}

// verdict is what is said behind a result of equiv.
func verdict(v string) string {
	if v == "" {
		return ""
	}
	return ": " + v
}
