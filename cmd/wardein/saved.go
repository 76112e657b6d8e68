package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/report"
)

// openSaved reads the report that a user names: its file, the name that
// inspect printed, or a bundle.
func openSaved(name string) (*report.Saved, error) {
	if b, err := bundleReport(name); b != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return report.Read(bytes.NewReader(b))
	}
	f, err := openReport(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := report.Read(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, f.Name())
	}
	return s, nil
}

// openBundle opens a bundle, nil where the file is none. A file that is called
// one and is not is an error.
func openBundle(name string) (*os.File, *prove.Bundle, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, nil // it may be the name of a report
	}
	b, err := func() (*prove.Bundle, error) {
		var magic [4]byte
		if _, err := f.ReadAt(magic[:], 0); err != nil || string(magic[:]) != "PK\x03\x04" {
			return nil, nil
		}
		st, err := f.Stat()
		if err != nil {
			return nil, err
		}
		b, err := prove.Open(f, st.Size())
		if err != nil && !strings.HasSuffix(name, bundleEnd) {
			return nil, nil // a release
		}
		return b, err
	}()
	if b == nil || err != nil {
		f.Close()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, term.Clean(name))
		}
		return nil, nil, err
	}
	return f, b, nil
}

// bundleReport is the report of a bundle, nil where the file is none.
func bundleReport(name string) ([]byte, error) {
	f, b, err := openBundle(name)
	if b == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := aboutBundle(b)
	if err == nil && a.report == nil {
		err = &hinted{errors.New("a public bundle has no report"), "wardein verify shows what it holds"}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, term.Clean(name))
	}
	return a.report, nil
}

// openReport opens the file of the report that a user names.
func openReport(name string) (*os.File, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasSuffix(name, ".json") {
		if err == nil {
			f.Close()
		}
		f, err = os.Open(outputName(name) + kinds["json"])
		if errors.Is(err, fs.ErrNotExist) {
			f, err = os.Open(name + kinds["json"])
		}
	}
	if err != nil {
		err := fmt.Errorf("no report of %q here", name)
		var names []string
		for _, r := range reportsHere() {
			names = append(names, strings.TrimSuffix(r, kinds["json"]))
		}
		if n := nearest(name, names); n != "" {
			return nil, &hinted{err, "did you mean " + n + "?"}
		}
		return nil, &hinted{err, "wardein inspect writes NAME.wardein.json into the current folder"}
	}
	return f, nil
}

// reportsHere are the names of the report files in the current folder.
func reportsHere() []string {
	names, _ := filepath.Glob("*" + kinds["json"]) // the pattern is good; sorted
	return names
}

func gapsCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "gaps NAME|REPORT",
		Short: "List what was not looked at, and why",
		Long: `List every gap of a report that inspect wrote, one a line: kind, offset in the
node, bytes, node, and who could not look, why. An offset and length of "-" is
no particular run of bytes.

  damaged      the bytes contradict the format
  encrypted    there is no key
  unsupported  recognised, and there is no reader for it
  limit        a bound was reached
  crashed      a reader or check failed in a way it must not
  no-data      a check had no data to look into`,
		Example: `  wardein gaps olt-5.2.1
  wardein gaps --json olt-5.2.1 | jq -r '.gaps[].kind' | sort | uniq -c`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeReports,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSaved(args[0])
			if err != nil {
				return err
			}
			if len(s.Gaps) == 0 && !asJSON {
				fmt.Fprintln(cmd.ErrOrStderr(), "wardein: no gaps; bytes that nothing explains are no gap: wardein find FILE --unknown")
			}
			return printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeJSON(out, func(w *canon.Writer) {
						w.Field("gaps").Array(func() {
							for i := range s.Gaps {
								s.Gaps[i].Write(w)
							}
						})
					})
				}
				for _, g := range s.Gaps {
					why := plain(strings.TrimPrefix(g.Why, g.Who+": "))
					off, n := "-", "-"
					if g.Off != "0" || g.Len != "0" {
						off, n = offset(g.Off), g.Len+" B"
					}
					fmt.Fprintf(out, "%-11s  %10s  %10s  %s  %s: %s\n", term.Clean(g.Kind), off, n, orDot(g.Node), term.Clean(g.Who), why)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// seen is a finding and the reports that hold it.
type seen struct {
	*report.SavedFinding
	reports []string
}

func showCmd() *cobra.Command {
	var from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [ID]",
		Short: "Show one finding in full, or list them",
		Long: `Show one finding in full: what it says, where its bytes are, what can be done.
Without an ID, list all findings: ID, severity, rule, node. Looks into the
reports of the current folder, or into the one that --report names. The
beginning of an ID is enough where it is the only one.`,
		Example: `  wardein show
  wardein show F-7c21
  wardein show --json | jq -r '.findings[] | select(.severity == "critical") | .id'`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
			if all, err := savedFindings(reportsHere()); err == nil && len(args) == 0 {
				for _, f := range all {
					ids = append(ids, f.ID+"\t"+f.Rule)
				}
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			names := []string{from}
			if from == "" {
				names = reportsHere()
			}
			all, err := savedFindings(names)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				return &hinted{errors.New("no report in this folder"), "wardein inspect writes NAME.wardein.json into the current folder"}
			}
			hits := all
			if len(args) > 0 {
				hits = nil
				var near []string
				for _, f := range all {
					switch {
					case f.ID == args[0]:
						hits, near = []seen{f}, []string{f.ID}
					case strings.HasPrefix(f.ID, args[0]) && !slices.Contains(near, args[0]):
						hits, near = append(hits, f), append(near, f.ID)
					}
				}
				if len(near) == 0 {
					return &hinted{fmt.Errorf("no finding %q in %s", args[0], plural(len(names), "report")), "wardein show lists them; --report names another report"}
				}
				if len(near) > 1 {
					return &hinted{fmt.Errorf("%d findings begin with %q", len(near), args[0]), strings.Join(near[:min(len(near), 8)], ", ")}
				}
			}
			return printed(cmd, func(out *bufio.Writer) error {
				switch {
				case asJSON:
					raw := make([]json.RawMessage, len(hits))
					for i, f := range hits {
						raw[i] = f.Raw
					}
					return writeRaw(out, "findings", raw)
				case len(args) > 0:
					showFinding(out, hits[0])
					return nil
				case len(hits) == 0:
					fmt.Fprintln(cmd.ErrOrStderr(), "wardein: no findings")
				}
				for _, f := range hits {
					fmt.Fprintf(out, "%-10s  %-8s  %-28s  %s\n", term.Clean(f.ID), f.Severity, term.Clean(f.Rule), orDot(f.Node))
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&from, "report", "", "look into this `REPORT` only")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON: the findings as in the report (docs/report.md)")
	if err := cmd.RegisterFlagCompletionFunc("report", completeReports); err != nil {
		panic(err)
	}
	return cmd
}

// How text of a report file is printed: as tree and find print it.
var (
	plain  = report.Plain
	orDot  = report.PlainPath
	offset = report.Offset
)

func completeReports(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	for _, r := range reportsHere() {
		names = append(names, strings.TrimSuffix(r, kinds["json"]))
	}
	return names, cobra.ShellCompDirectiveDefault
}

// savedFindings reads the findings of reports, each once, in order.
func savedFindings(names []string) (all []seen, err error) {
	at := map[string]int{}
	for _, name := range names {
		s, err := openSaved(name)
		if err != nil {
			return nil, err
		}
		for i := range s.Findings {
			f := &s.Findings[i]
			k, ok := at[f.ID]
			if !ok {
				k = len(all)
				at[f.ID] = k
				all = append(all, seen{SavedFinding: f})
			}
			if r := all[k].reports; len(r) == 0 || r[len(r)-1] != name {
				all[k].reports = append(r, name)
			}
		}
	}
	return all, nil
}

// writeRaw writes objects as they stand in their reports.
func writeRaw(out *bufio.Writer, field string, all []json.RawMessage) error {
	fmt.Fprintf(out, `{"%s":[`, field)
	for i, raw := range all {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(raw)
	}
	_, err := out.WriteString(`],"version":"` + formVersion + "\"}\n")
	return err
}

func showFinding(out *bufio.Writer, f seen) {
	fmt.Fprintf(out, "%s  %s  %s\n", term.Clean(f.ID), strings.ToUpper(term.Clean(f.Severity)), term.Clean(f.Rule))
	fmt.Fprintf(out, "\n%s\n\n", plain(f.Says.Text))
	line := func(label, format string, args ...any) {
		fmt.Fprintf(out, "%-12s%s\n", label, fmt.Sprintf(format, args...))
	}
	line("node", "%s", orDot(f.Node))
	line("certainty", "%s", term.Clean(f.Confidence))
	line("reach", "%s", term.Clean(f.Reach))
	if len(f.Cases) > 0 {
		line("TS 33.117", "%s", term.Clean(strings.Join(f.Cases, ", ")))
	}
	for _, q := range f.Quotes {
		line("bytes", "%s", q.String())
	}
	if f.Fix.Text != "" {
		line("vendor", "%s", plain(f.Fix.Text))
	}
	if f.Meanwhile.Text != "" {
		line("until then", "%s", plain(f.Meanwhile.Text))
	}
	line("report", "%s", term.Clean(strings.Join(f.reports, ", ")))
	fmt.Fprintf(out, "\nnext        wardein checks %s   how this was found, and when it is wrong\n", term.Clean(f.Check))
	if p, err := canon.Unescape(f.Node); err == nil {
		fmt.Fprintf(out, "            wardein cat FILE %s   the bytes themselves\n", report.Quote(p))
	}
}
