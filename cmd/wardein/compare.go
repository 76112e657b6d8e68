package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/compare"
	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/unpack"
)

// compareKinds are the forms that compare writes, with the ends of their
// files' names.
var compareKinds = map[string]string{"table": "-", "json": ".compare.json", "html": ".compare.html"}

const compareKindList = "table, json, html"

// compareFlags are what a user says beside the releases.
type compareFlags struct {
	labFlags
	db         dbFlags
	keys       []string
	outputs    []string
	only       []string
	path, fn   string
	color      string
	asJSON     bool
	noFunction bool
}

func compareCmd() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare OLD NEW [MORE…]",
		Short: "Show what changed from one release to the next, most important first",
		Long: `Compare two releases: files or folders. Both are inspected (what is in the
store is not read again) and judged by the same rules, data and date. Nodes are
paired by path, by content, and by names without version numbers; settings and
databases are compared by key, texts by line, programs by their tables and
functions, everything else byte by byte.

The first screen shows what to review first, of each kind of difference a few.
--only KIND shows all rows of a kind in full, --path PATH those of a node and of
what is in it, --func FILE the functions of a program that differ. What could
not be compared is said before what was found. Passwords, their hashes and keys
are never shown: only that they differ.

Of three releases or more it says what came and went with each.

The kinds: ` + kindWords() + `.

Exit code: 0 no difference, 1 a difference, 2 bad usage or it cannot run, 130
interrupted.`,
		Example: `  wardein compare olt-5.1.0.bin olt-5.2.1.bin
  wardein compare olt-5.1.0.bin olt-5.2.1.bin --only setuid,init,account
  wardein compare olt-5.1.0.bin olt-5.2.1.bin --func omcid
  wardein compare -o html=update.html olt-5.1.0.bin olt-5.2.1.bin`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	addLabFlags(cmd, &f.labFlags)
	f.db.add(cmd)
	s := cmd.Flags()
	s.StringVar(&f.asOf, "as-of", checks.DataDate, "judge time-dependent rules at this `DATE` (YYYY-MM-DD)")
	s.StringArrayVar(&f.keys, "keys", nil, "compare keys with the set in this `FILE` (docs/keys.md); may be repeated")
	s.StringArrayVarP(&f.outputs, "output", "o", nil, "write `KIND[=FILE]`: "+compareKindList+"; \"-\" is standard output; may be repeated")
	s.BoolVar(&f.asJSON, "json", false, "short for -o json=-")
	s.StringSliceVar(&f.only, "only", nil, "show all rows of this `KIND`, in full; several with commas")
	s.StringVar(&f.path, "path", "", "show the rows of the node at this `PATH` and below it, in full")
	s.StringVar(&f.fn, "func", "", "show the functions that differ of this `FILE`, by its path or name")
	s.BoolVar(&f.noFunction, "no-functions", false, "leave the comparison of functions out; the result says so")
	s.StringVar(&f.color, "color", "auto", "colour: auto, always, never (`WHEN`)")
	complete(cmd, "output", strings.Split(compareKindList, ", ")...)
	complete(cmd, "only", strings.Split(kindWords(), ", ")...)
	complete(cmd, "color", "auto", "always", "never")
	return cmd
}

func kindWords() string {
	var list []string
	for _, k := range compare.Kinds {
		list = append(list, string(k))
	}
	return strings.Join(list, ", ")
}

func (f *compareFlags) run(cmd *cobra.Command, args []string) error {
	if f.asJSON {
		f.outputs = append(f.outputs, "json=-")
	}
	if err := checkDate(f.asOf); err != nil {
		return err
	}
	var choice compare.Choice
	choice.Path = f.path
	for _, k := range f.only {
		if !slices.Contains(compare.Kinds, compare.Kind(k)) {
			return unknownName("kind of row", k, strings.Split(kindWords(), ", "))
		}
		choice.Kinds = append(choice.Kinds, compare.Kind(k))
	}
	color, err := useColor(f.color, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	wanted, err := outputsOf(f.outputs, outputName(args[0])+"-"+outputName(args[len(args)-1]), compareKinds, compareKindList)
	if err != nil {
		return err
	}
	if err := writable(wanted); err != nil {
		return err
	}
	if f.labFlags.keys, err = readKeySets(f.keys); err != nil {
		return err
	}
	f.contents = true
	var sides []*compare.Side
	for _, arg := range args {
		side, done, err := f.side(cmd.Context(), arg)
		if err != nil {
			return err
		}
		defer done()
		side.Name = distinct(side.Name, sides)
		sides = append(sides, side)
	}
	screen := compare.Screen{Color: color, Command: "wardein compare " + report.Quote(args[0]) + " " + report.Quote(args[1])}
	if out, ok := cmd.OutOrStdout().(*os.File); ok && term.IsTerminal(out) {
		screen.Width = term.Width(out)
	}
	unpack.LoosenCollector()
	if len(sides) > 2 {
		return f.series(cmd, sides, wanted, &choice, screen)
	}
	show := newProgress(f.quiet, "comparing")
	o := f.options()
	o.Then = judgedBefore(args[0], sides[0])
	res, err := compare.Compare(cmd.Context(), sides[0], sides[1], o)
	show.end()
	if err != nil {
		return err
	}
	var programs []*compare.Row
	if f.fn != "" {
		if programs = res.Programs(f.fn); len(programs) == 0 {
			return &hinted{fmt.Errorf("no functions of %s differ", f.fn), screen.Command + " --only code lists the programs"}
		}
	}
	err = putAll(cmd, wanted, func(kind string, out io.Writer) error {
		switch {
		case kind == "json":
			return writeJSON(out, func(w *canon.Writer) { res.Write(w, &choice) })
		case kind == "html":
			return res.HTML(out)
		case f.fn != "":
			return res.Code(out, programs, screen)
		case f.path != "" || len(f.only) > 0:
			return res.List(out, &choice, screen)
		}
		return res.Table(out, screen)
	})
	if err == nil && res.Differs() {
		err = &exit{exitThreshold}
	}
	return err
}

// side inspects a release and keeps what it is made of at hand. done gives that
// up.
func (f *compareFlags) side(ctx context.Context, arg string) (_ *compare.Side, done func(), err error) {
	if _, err := os.Stat(arg); err != nil {
		return nil, nil, err
	}
	data, err := f.db.open(ctx, f.asOf)
	if err != nil {
		return nil, nil, err
	}
	if data.DB != nil {
		defer data.DB.Close()
	}
	res, err := inspectRelease(ctx, arg, outputName(arg), f.labFlags, &delivery{}, data)
	if err != nil {
		return nil, nil, advise(err)
	}
	if res.report.Partial {
		res.cleanup()
		return nil, nil, context.Canceled
	}
	st, err := res.tree.Stat()
	if err != nil {
		res.cleanup()
		return nil, nil, err
	}
	return &compare.Side{Name: res.name, Report: res.report, Messages: report.Messages(checks.Checks()),
		Tree: report.OpenTree(res.tree, st.Size(), res.lines, res.facts),
		Open: func(n *wardein.Node) (compare.Content, error) { return res.contents.Open(n) },
	}, res.cleanup, nil
}

// judgedBefore is the report that inspect wrote here of a release, nil where there
// is none that can be read: it says what rules and data have changed since.
func judgedBefore(arg string, s *compare.Side) *findings.Side {
	b, err := os.ReadFile(outputName(arg) + kinds["json"])
	if err != nil {
		return nil
	}
	p, err := report.Parse(b, s.Messages)
	if err != nil || p.Release.Digest != s.Report.Release.Digest {
		return nil
	}
	return findings.Of("then", p)
}

// distinct is a name that none of the sides has.
func distinct(name string, sides []*compare.Side) string {
	taken := func(s string) bool {
		return slices.ContainsFunc(sides, func(x *compare.Side) bool { return x.Name == s })
	}
	s := name
	for n := 2; taken(s); n++ {
		s = fmt.Sprintf("%s (%d)", name, n)
	}
	return s
}

func (f *compareFlags) options() compare.Options {
	return compare.Options{Checks: checks.Checks(), NoFunctions: f.noFunction, Func: f.fn, Path: f.path}
}

// series compares three releases or more.
func (f *compareFlags) series(cmd *cobra.Command, sides []*compare.Side, wanted []output, choice *compare.Choice, screen compare.Screen) error {
	if slices.ContainsFunc(wanted, func(o output) bool { return o.kind == "html" }) || f.fn != "" || f.path != "" {
		return &hinted{errors.New("a page, --path and --func are of two releases"), "compare two of them"}
	}
	show := newProgress(f.quiet, "comparing")
	res, err := compare.CompareSeries(cmd.Context(), sides, f.options())
	show.end()
	if err != nil {
		return err
	}
	err = putAll(cmd, wanted, func(kind string, out io.Writer) error {
		switch {
		case kind == "json":
			return writeJSON(out, func(w *canon.Writer) { res.Write(w, choice) })
		case len(f.only) > 0:
			for _, step := range res.Steps {
				if err := step.List(out, choice, screen); err != nil {
					return err
				}
			}
			return nil
		}
		return res.Table(out, screen)
	})
	if err == nil && res.Differs() {
		err = &exit{exitThreshold}
	}
	return err
}
