package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/unpack"
)

func inspectCmd() *cobra.Command {
	var flags labFlags
	var outputs []string
	var asJSON, strict bool
	var failOn string
	cmd := &cobra.Command{
		Use:   "inspect FILE|DIR|-",
		Short: "Unpack a release, account for every byte, run the checks",
		Long: `Inspect unpacks a firmware image, package, archive or directory and everything
inside it, says how many bytes were accounted for and opened, runs the checks
over what came out, and lists what could not be looked at.

It writes NAME.wardein.json (the report) and NAME.tree.jsonl (one line for each
node) into the current folder, unless -o names other outputs only. Results are
kept in the store, so that a second look, or the next release, only opens what
is new.`,
		Example: `  wardein inspect olt-5.2.1.bin
  wardein inspect -o html=report.html -o json=report.json olt-5.2.1.bin
  curl -s … | wardein inspect -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				outputs = append(outputs, "json=-")
			}
			severity, err := parseFailOn(failOn)
			if err != nil {
				return err
			}
			path := args[0]
			name := outputName(path)
			if path == "-" {
				spool, err := spoolInput(cmd.InOrStdin())
				if err != nil {
					return err
				}
				defer os.Remove(spool)
				path = spool
			}
			res, err := inspectRelease(cmd.Context(), path, name, flags)
			if err != nil {
				return advise(err)
			}
			defer res.cleanup()
			if err := res.write(outputs, cmd.OutOrStdout()); err != nil {
				return err
			}
			switch {
			case res.report.Partial:
				return &exit{exitInterrupted}
			case strict && len(res.report.Gaps) > 0:
				return &exit{exitGaps}
			case severity >= 0 && len(res.report.Findings) > 0 && worst(res.report.Findings) >= severity:
				return &exit{exitThreshold}
			}
			return nil
		},
	}
	addLabFlags(cmd, &flags)
	f := cmd.Flags()
	f.StringArrayVarP(&outputs, "output", "o", nil, "write `KIND[=FILE]`: table, json, html; \"-\" is standard output; may be repeated")
	f.BoolVar(&asJSON, "json", false, "short for -o json=-")
	f.BoolVar(&strict, "strict", false, "exit 3 when there are gaps")
	f.StringVar(&failOn, "fail-on", "", "exit 1 when a finding is of this `SEVERITY` or above: info, low, medium, high, critical")
	return cmd
}

func addLabFlags(cmd *cobra.Command, flags *labFlags) {
	f := cmd.Flags()
	f.StringVar(&flags.store, "store", defaultStore(), "keep results in this `FOLDER`")
	f.BoolVar(&flags.noCage, "no-sandbox", false, "read hostile bytes without the sandbox; the report says so")
	f.StringVar(&flags.asOf, "as-of", checks.DataDate, "judge time-dependent rules at this `DATE` (YYYY-MM-DD)")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "no progress on standard error")
}

func parseFailOn(s string) (wardein.Severity, error) {
	if s == "" {
		return 255, nil
	}
	for v := wardein.Info; v <= wardein.Critical; v++ {
		if v.String() == s {
			return v, nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q: --fail-on", s)
}

func worst(fs []wardein.Finding) (w wardein.Severity) {
	for _, f := range fs {
		w = max(w, f.Severity)
	}
	return w
}

// outputName is the name of an input without its folder and last extension.
func outputName(path string) string {
	if path == "-" {
		return "stdin"
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	base := filepath.Base(abs)
	if ext := filepath.Ext(base); ext != "" && ext != base {
		base = strings.TrimSuffix(base, ext)
	}
	return base
}

// spoolInput copies standard input into a temporary file.
func spoolInput(r io.Reader) (string, error) {
	f, err := os.CreateTemp("", "wardein-stdin-*")
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// result is a finished inspection.
type result struct {
	report *wardein.Report
	name   string
	tree   *os.File // temporary
}

func (r *result) cleanup() {
	r.tree.Close()
	os.Remove(r.tree.Name())
}

// maxGaps bounds the gaps that a report lists; the last one counts the rest.
const maxGaps = 100_000

func inspectRelease(ctx context.Context, path, name string, flags labFlags) (_ *result, err error) {
	l, err := openLab(ctx, path, flags)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := l.close(); err == nil {
			err = cerr
		}
	}()
	treeFile, err := os.CreateTemp("", "wardein-tree-*")
	if err != nil {
		return nil, err
	}
	res := &result{name: name, tree: treeFile, report: &wardein.Report{Recipe: recipe(flags)}}
	defer func() {
		if err != nil {
			res.cleanup()
		}
	}()
	rep := res.report
	rep.Release = wardein.Release{Digest: l.in.Digest, Kind: wardein.File, Size: l.in.Size}
	if l.in.Dir != nil {
		rep.Release.Kind = wardein.Directory
	}
	show := newProgress(flags.quiet, l.in.Size)
	l.Progress = show.update
	tree := report.NewTreeWriter(treeFile)
	tally := runner.NewTally()
	var cover unpack.Cover
	lines := map[uint64]int64{}
	facts := report.Facts{}
	addGap := func(g wardein.Gap) {
		if len(rep.Gaps) < maxGaps {
			rep.Gaps = append(rep.Gaps, g)
			return
		}
		rep.Gaps[maxGaps-1] = wardein.Gap{Who: "report", Kind: wardein.Limit, Why: fmt.Sprintf("more than %d gaps; the tree file holds them all", maxGaps)}
	}
	runErr := l.Run(ctx, l.in, func(v *unpack.Visit) error {
		n := v.Node
		for i := range n.Gaps {
			g := n.Gaps[i]
			if g.Node != "" {
				g.Node = joinPath(n.Path, g.Node)
			} else {
				g.Node = n.Path
			}
			addGap(g)
		}
		for _, g := range tally.Add(n, v.Outcomes) {
			addGap(g)
		}
		cover.Add(v, tally.ReadCode(v.Outcomes))
		rep.Nodes++
		off, err := tree.Write(n)
		if err != nil {
			return err
		}
		lines[report.PathHash(n.Path)] = off
		for _, o := range v.Outcomes {
			for _, f := range o.Facts {
				facts[o.Check] = append(facts[o.Check], report.NodeFact{Line: off, Fact: f})
			}
		}
		return nil
	})
	show.end()
	if runErr != nil && ctx.Err() == nil {
		return nil, runErr
	}
	rep.Partial = runErr != nil
	if err := l.run.Commit(); err != nil {
		return nil, err
	}
	if rep.Tree, err = tree.Close(); err != nil {
		return nil, err
	}
	st, err := treeFile.Stat()
	if err != nil {
		return nil, err
	}
	file := report.OpenTree(treeFile, st.Size(), lines, facts)
	findings, gaps, err := runner.Judge(context.WithoutCancel(ctx), file)
	if err == nil {
		err = file.Err()
	}
	if err != nil {
		return nil, err
	}
	rep.Findings = findings
	for _, g := range gaps {
		addGap(g)
	}
	rep.Coverage = cover.Sum()
	rep.Counts = tally.Counts()
	rep.Incidents = l.Incidents()
	return res, nil
}

func joinPath(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "/" + name
}

// write writes the wanted outputs; without any, the table on standard output
// and the report and tree files in the current folder.
func (r *result) write(outputs []string, stdout io.Writer) error {
	table := true
	for _, o := range outputs {
		kind, file, named := strings.Cut(o, "=")
		if !named && kind != "table" {
			file = map[string]string{"json": r.name + ".wardein.json", "html": r.name + ".html"}[kind]
		}
		if file == "-" || kind == "table" && file == "" {
			table = false
		}
		if err := r.output(kind, file, stdout); err != nil {
			return err
		}
	}
	if len(outputs) == 0 {
		if err := r.output("json", r.name+".wardein.json", stdout); err != nil {
			return err
		}
	}
	if table {
		return r.output("table", "", stdout)
	}
	return nil
}

func (r *result) output(kind, file string, stdout io.Writer) error {
	messages := report.Messages(checks.Checks())
	switch kind {
	case "json":
		if err := writeTo(file, stdout, func(w io.Writer) error {
			_, err := w.Write(report.JSON(r.report, messages))
			return err
		}); err != nil || file == "-" || file == "" {
			return err
		}
		tree := strings.TrimSuffix(strings.TrimSuffix(file, ".json"), ".wardein") + ".tree.jsonl"
		return writeTo(tree, stdout, func(w io.Writer) error {
			if _, err := r.tree.Seek(0, io.SeekStart); err != nil {
				return err
			}
			_, err := io.Copy(w, r.tree)
			return err
		})
	case "table":
		return writeTo(file, stdout, func(w io.Writer) error { return report.Table(w, r.report, r.name, messages) })
	case "html":
		return writeTo(file, stdout, func(w io.Writer) error {
			st, err := r.tree.Stat()
			if err != nil {
				return err
			}
			return report.HTML(w, r.report, r.name, report.OpenTree(r.tree, st.Size(), nil, nil), messages)
		})
	}
	return &hinted{fmt.Errorf("unknown output %q", kind), "outputs are table, json and html"}
}

func writeTo(file string, stdout io.Writer, f func(io.Writer) error) error {
	if file == "" || file == "-" {
		return f(stdout)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := f(out); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
