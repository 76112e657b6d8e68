package equiv

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// A table names so many files and, of each, differences.
const (
	shownFiles       = 40
	shownDifferences = 6
)

// Limits stands under every result.
const Limits = "This compares bytes. It does not say that the source is harmless, nor that what was declared of the builds is true."

// order is that of files in tables: what counts most first.
var order = []Verdict{Different, NotComparable, Equivalent}

// Table writes the result for a terminal of that width; 0 breaks no line. name
// is the shipped release's.
func (r *Result) Table(out io.Writer, name string, width int) error {
	w := bufio.NewWriter(out)
	line := func(label, s string) {
		fmt.Fprintf(w, "%-14s%s\n", label, term.Wrap(s, 14, 14, width))
	}
	fmt.Fprintf(w, "%s · %s\n", term.Clean(name), strings.ToUpper(string(r.Verdict)))
	line("means", r.Sentence)
	line("not compared", r.uncovered())
	line("bytes", r.shares())
	line("files", fmt.Sprintf("%d identical · %d equivalent · %d different · %d not comparable", r.Files.Identical, r.Files.Equivalent, r.Files.Different, r.Files.NotComparable))
	for _, k := range r.Rules {
		line("", ruleLine(&k))
	}
	if s := r.Rebuilt2; s != nil {
		line("noise", fmt.Sprintf("the two rebuilds differ in %s of %s; outside of that the shipped release differs in %s of %s",
			count(s.Bytes, "byte"), count(s.Files, "file"), count(s.Outside, "byte"), count(s.OutFile, "file")))
	}
	line("shipped", r.Shipped.line())
	line("rebuilt", r.Rebuilt.line())
	if r.Rebuilt2 != nil {
		line("and again", r.Rebuilt2.Release.line())
	}
	if r.Facts == "" {
		line("facts", "none were declared: wardein equiv --init prints a file to begin with")
	} else {
		line("facts", "sha256:"+r.Facts)
	}
	for _, v := range order {
		n, aside := 0, int64(0)
		for _, f := range r.group(v) {
			if v == Equivalent && f.Bytes.Explained == 0 && f.Why == "" && f.entriesOnly() {
				aside++
				continue
			}
			if n == 0 {
				fmt.Fprintf(w, "\n%s\n", strings.ToUpper(string(v)))
			}
			if n++; n <= shownFiles {
				f.table(w, width)
			}
		}
		if n > shownFiles {
			fmt.Fprintf(w, "and %d more files: -o json has them\n", n-shownFiles)
		}
		if aside > 0 {
			fmt.Fprintf(w, "%s%s with the same bytes, of which the containers say something else (times, owners): -o json has them\n", map[bool]string{true: "\n", false: ""}[n == 0], count(aside, "file"))
		}
	}
	if r.Unlisted > 0 {
		fmt.Fprintf(w, "\n%d more files are counted and not listed\n", r.Unlisted)
	}
	fmt.Fprintf(w, "\n%s\n", term.Wrap(Limits, 0, 0, width))
	return w.Flush()
}

// group are the files of a verdict, those with differences of their own that
// nothing explains first.
func (r *Result) group(v Verdict) (list []*File) {
	var after []*File
	for i := range r.List {
		f := &r.List[i]
		switch {
		case f.Verdict != v:
		case v == Different && (len(f.Differences) == 0 || f.Differences[0].Accepted):
			after = append(after, f)
		default:
			list = append(list, f)
		}
	}
	return append(list, after...)
}

// entriesOnly tells whether all that differs is what containers say of a file.
func (f *File) entriesOnly() bool {
	for i := range f.Differences {
		if d := &f.Differences[i]; d.Shipped.Len+d.Rebuilt.Len > 0 || d.Where == encodedContents {
			return false
		}
	}
	return f.Left == 0
}

func ruleLine(k *RuleCount) string {
	s := fmt.Sprintf("%s (%s): %s in %s, %s", k.Rule, k.Class, count(k.Bytes, "byte"), count(k.Differences, "difference"), count(k.Files, "file"))
	if !k.Accepted {
		s += ", never accepted"
	}
	return s
}

// uncovered says what was not compared.
func (r *Result) uncovered() string {
	if r.Bytes.NotCovered == 0 && r.Files.NotComparable == 0 {
		return "nothing: all of the shipped release was compared"
	}
	return fmt.Sprintf("%s (%s) of the shipped release; %s not comparable", count(r.Bytes.NotCovered, "byte"), r.share(r.Bytes.NotCovered), count(r.Files.NotComparable, "file"))
}

// shares are the statement's figures.
func (r *Result) shares() string {
	return fmt.Sprintf("%s identical · %s explained (%d) · %d unexplained · %d not covered",
		r.share(r.Bytes.Identical), r.share(r.Bytes.Explained), r.Bytes.Explained, r.Bytes.Unexplained, r.Bytes.NotCovered)
}

// share is a part of the shipped release's bytes. What is neither all nor
// nothing is never printed as that.
func (r *Result) share(n int64) string {
	total := r.Bytes.Total()
	switch {
	case total == 0 || n == 0:
		return "0 %"
	case n == total:
		return "100 %"
	}
	const whole = 100_000
	v := int64(float64(n) / float64(total) * whole)
	v = min(max(v, 1), whole-1)
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%03d", v/1000, v%1000), "0"), ".") + " %"
}

func (r *Release) line() string {
	s := fmt.Sprintf("sha256:%s · %s, %s", term.Clean(r.Digest), count(r.Nodes, "node"), count(r.Gaps, "gap"))
	if r.Compiler != "" {
		s += " · declared compiler: " + term.Clean(r.Compiler)
	}
	return s
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// title names a file.
func (f *File) title() string {
	s := report.PlainPath(f.Path)
	if f.Counterpart != "" {
		s += " = " + report.PlainPath(f.Counterpart)
	}
	return s
}

// summary says of a file how its bytes stand.
func (f *File) summary() string {
	switch {
	case f.Only != "":
		return report.Plain(f.Why) + fmt.Sprintf(", %s", count(f.Size, "byte"))
	}
	var parts []string
	if f.Bytes.Unexplained > 0 {
		parts = append(parts, count(f.Bytes.Unexplained, "byte")+" not explained")
	}
	more := int64(0)
	for i := range f.Differences {
		if d := &f.Differences[i]; !d.Accepted && d.Shipped.Len == 0 {
			more += d.Bytes
		}
	}
	if more > 0 {
		parts = append(parts, count(more, "byte")+" more in the rebuilt release not explained")
	}
	if f.Bytes.Explained > 0 {
		parts = append(parts, count(f.Bytes.Explained, "byte")+" explained")
	}
	if f.Bytes.NotCovered > 0 {
		parts = append(parts, count(f.Bytes.NotCovered, "byte")+" not covered")
	}
	if f.Why != "" {
		parts = append(parts, report.Plain(f.Why))
	}
	if len(parts) == 0 && len(f.Differences) > 0 && f.Differences[0].Where == encodedContents {
		return "its contents are encoded in other bytes"
	}
	return cmp.Or(strings.Join(parts, ", "), "what its container says of it")
}

func (f *File) table(w io.Writer, width int) {
	fmt.Fprintf(w, "%s  %s\n", f.title(), term.Wrap(f.summary(), 4, 4, width))
	for i := range f.Differences {
		if i == shownDifferences {
			fmt.Fprintf(w, "    and %d more\n", int64(len(f.Differences)-i)+f.Left)
			return
		}
		fmt.Fprintf(w, "    %s\n", term.Wrap(f.Differences[i].String(), 4, 6, width))
	}
	if f.Left > 0 {
		fmt.Fprintf(w, "    and %d more\n", f.Left)
	}
}

// String prints a difference in one line.
func (d *Difference) String() string {
	s := report.Plain(d.Where)
	if d.Function != "" {
		s += " in " + report.Plain(d.Function)
	}
	if d.Addr != "" {
		s += " at " + d.Addr
	}
	if d.Shipped.Len+d.Rebuilt.Len > 0 {
		s += fmt.Sprintf(" (offset %#x", d.Shipped.Off)
		if d.Rebuilt.Off != d.Shipped.Off {
			s += fmt.Sprintf(" and %#x", d.Rebuilt.Off)
		}
		s += ", " + count(d.Bytes, "byte") + ")"
	}
	if d.Before != "" || d.After != "" {
		s += fmt.Sprintf(": %s → %s", cmp.Or(report.Plain(d.Before), "nothing"), cmp.Or(report.Plain(d.After), "nothing"))
	}
	if d.Rule != "" {
		s += " · " + d.Rule
		if !d.Accepted {
			s += ", not accepted"
		}
	}
	if d.Why != "" {
		s += " · " + report.Plain(d.Why)
	}
	if d.Noise == outside {
		s += " · outside the noise of the build"
	}
	return s
}
