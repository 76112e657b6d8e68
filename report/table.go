package report

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
)

// Size prints a number of bytes for people.
func Size(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", (n+500)/1000)
	case n < 10_000_000_000:
		return fmt.Sprintf("%d.%d MB", n/1_000_000, n%1_000_000/100_000)
	}
	return fmt.Sprintf("%d.%d GB", n/1_000_000_000, n%1_000_000_000/100_000_000)
}

// Percent prints parts per million as a percentage with one decimal, rounded
// down, so that 100 % means all.
func Percent(ppm int64) string { return fmt.Sprintf("%d.%d %%", ppm/10_000, ppm%10_000/1000) }

// Table writes the first screen: what was looked at, what was not, what was
// found, and what to do next. name is what the user called the release.
func Table(out io.Writer, r *wardein.Report, name string, messages map[string]string) error {
	w := bufio.NewWriter(out)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%-11s %s\n", label, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "%s · %s · %s · sha256:%.12s… · as of %s\n", term.Clean(name), r.Release.Kind, Size(r.Release.Size), r.Release.Digest, r.Recipe.AsOf)
	if r.Partial {
		line("PARTIAL", "the inspection was interrupted: what follows is what was seen until then")
	}
	c := &r.Coverage
	line("looked at", "%s of bytes accounted · %s opened · %d nodes%s", Percent(c.Accounted()), Percent(c.Opened()), r.Nodes, codeLine(c))
	if s := deliveredLine(r); s != "" {
		line("delivered", "%s", s)
	}
	line("findings", "%s", findingsLine(r))
	line("not seen", "%s", gapsLine(r, name))
	if r.Incidents > 0 {
		line("", "the reading process ended %d times: this report is not repeatable", r.Incidents)
	}
	if len(r.Findings) > 0 {
		fmt.Fprintf(w, "\nDO FIRST (reach, then severity, then certainty)\n")
		const shown = 10
		for i := range r.Findings[:min(shown, len(r.Findings))] {
			writeTableFinding(w, i+1, &r.Findings[i], messages)
		}
		if n := len(r.Findings) - shown; n > 0 {
			fmt.Fprintf(w, "and %d more\n", n)
		}
	}
	fmt.Fprintf(w, "\nNo test here shows that nothing else is wrong.   next: wardein gaps %[1]s · wardein tree FILE · -o html\n", term.Clean(name))
	return w.Flush()
}

func codeLine(c *wardein.Coverage) string {
	if len(c.Code) == 0 {
		return ""
	}
	var all, read int64
	var unread []string
	for _, k := range c.Code {
		all += k.Bytes
		read += k.Read
		if k.Read < k.Bytes {
			unread = append(unread, fmt.Sprintf("%s %s", k.Arch, Size(k.Bytes-k.Read)))
		}
	}
	s := fmt.Sprintf(" · %s of code read", Percent(wardein.Share(read, all)))
	if len(unread) > 0 {
		s += " (not read: " + strings.Join(unread, ", ") + ")"
	}
	return s
}

// deliveredLine says how the delivered files stand to the vendor's list; it
// is empty for a release of one file without a list.
func deliveredLine(r *wardein.Report) string {
	if len(r.Release.Parts) == 0 {
		return ""
	}
	by := map[wardein.Delivery]int{}
	var odd []string
	for _, p := range r.Release.Parts {
		by[p.Delivered]++
		if p.Delivered != wardein.Matches && p.Delivered != wardein.NotChecked {
			odd = append(odd, fmt.Sprintf("%s: %s", p.Delivered, term.Clean(p.Path)))
		}
	}
	if by[wardein.NotChecked] == len(r.Release.Parts) {
		return fmt.Sprintf("%d files; no vendor's list was given", len(r.Release.Parts))
	}
	s := fmt.Sprintf("%d of %d files match the vendor's list", by[wardein.Matches], len(r.Release.Parts))
	if len(odd) > 0 {
		s += " · " + strings.Join(odd[:min(3, len(odd))], " · ")
	}
	return s
}

func findingsLine(r *wardein.Report) string {
	if len(r.Counts) == 0 {
		return "no checks ran"
	}
	by := map[wardein.Severity]int{}
	for _, f := range r.Findings {
		by[f.Severity]++
	}
	var parts []string
	for s := wardein.Critical; ; s-- {
		if by[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", by[s], s))
		}
		if s == wardein.Info {
			break
		}
	}
	var failed int64
	for _, c := range r.Counts {
		failed += c.Failed
	}
	if len(parts) == 0 {
		parts = []string{"none by these checks"}
	}
	s := strings.Join(parts, "  ")
	if failed > 0 {
		s += fmt.Sprintf(" · %d checks on a file failed", failed)
	}
	return s
}

func gapsLine(r *wardein.Report, name string) string {
	if len(r.Gaps) == 0 && r.Coverage.Unknown == 0 {
		return "no gaps"
	}
	by := map[wardein.GapKind]int{}
	for _, g := range r.Gaps {
		by[g.Kind]++
	}
	kinds := make([]string, 0, len(by))
	for k := range by {
		kinds = append(kinds, string(k))
	}
	sort.Strings(kinds)
	for i, k := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", by[wardein.GapKind(k)], k)
	}
	s := fmt.Sprintf("%d gaps", len(r.Gaps))
	if len(kinds) > 0 {
		s += ": " + strings.Join(kinds, ", ")
	}
	c := &r.Coverage
	s += fmt.Sprintf(" · %s opaque, %s unknown", Size(c.Opaque), Size(c.Unknown))
	return s + "     wardein gaps " + term.Clean(name)
}

func writeTableFinding(w io.Writer, i int, f *wardein.Finding, messages map[string]string) {
	fmt.Fprintf(w, "%d %-8s %s   %s   %s\n", i, strings.ToUpper(f.Severity.String()), f.Rule, term.Clean(Render(f.Says, messages)), f.Confidence)
	fmt.Fprintf(w, "  reach: %s · in %s\n", f.Reach, term.Clean(f.Node))
	fmt.Fprintf(w, "  vendor: %s · until then: %s    wardein show %s\n", term.Clean(Render(f.Fix, messages)), term.Clean(Render(f.Meanwhile, messages)), f.ID)
}
