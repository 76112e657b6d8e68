package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/check/secret"
	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/unpack"
)

func recheckCmd() *cobra.Command {
	var r recheck
	cmd := &cobra.Command{
		Use:   "recheck RELEASE|REPORT…",
		Short: "Judge releases again by today's rules and data, and show what differs",
		Long: `Recheck judges what the store holds of a release by the rules, data and date of
today, without unpacking it again, and shows only what differs from the report
that inspect wrote. Each difference has its cause: the rules (a check, a format
or a sentence is another), the data (a database, a key set, the evaluation
date), or one of the two where both are others and the check reads data. The
release is the same, so none of it is the release's doing.

A RELEASE is a file or folder whose report is NAME.wardein.json in the current
folder; a REPORT is named as elsewhere, and then the store alone is read. What
the store does not hold (another version of wardein looked at it, or it was
pruned) is unpacked where the release is named, and said; else it is an error.

The evaluation date is the later one of the report's and the built-in data's.
Published defaults and the sandbox are used as the report's recipe says. What was
delivered is not compared again. Key sets that the report was made with are given
again with --keys.

Exit code: 0 nothing differs, 1 something does, 2 bad usage or it cannot run, 130
interrupted.`,
		Example: `  wardein recheck olt-5.1.0 olt-5.2.1
  wardein recheck olt-5.2.1.bin --write
  wardein recheck --json olt-5.2.1 | jq -r '.releases[].differences.rows[] | .cause + " " + .key'`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeReports,
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd, args) },
	}
	addLabFlags(cmd, &r.flags)
	r.db.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&r.db.no, "no-db", false, "look no known vulnerabilities up; the report says so")
	f.StringArrayVar(&r.keys, "keys", nil, "compare keys with the set in this `FILE` (docs/keys.md); may be repeated")
	f.StringVar(&r.asOf, "as-of", "", "judge time-dependent rules at this `DATE` (YYYY-MM-DD)")
	f.BoolVar(&r.write, "write", false, "replace report and tree file by what is judged now")
	f.BoolVar(&r.json, "json", false, "as JSON")
	return cmd
}

// recheck is one use of the verb.
type recheck struct {
	flags       labFlags
	db          dbFlags
	keys        []string
	asOf        string
	write, json bool
}

// rechecked is a release that was judged again.
type rechecked struct {
	name      string
	then, now *wardein.Report
	digests   [2]wardein.Digest // of the reports
	changes   *findings.Changes
	written   string // the report file that was replaced
}

func (r *recheck) run(cmd *cobra.Command, args []string) error {
	if r.asOf != "" {
		if err := checkDate(r.asOf); err != nil {
			return err
		}
	}
	var err error
	if r.flags.keys, err = readKeySets(r.keys); err != nil {
		return err
	}
	var all []*rechecked
	differ := false
	for _, arg := range args {
		one, err := r.release(cmd, arg)
		if err != nil {
			return err
		}
		all = append(all, one)
		differ = differ || len(one.changes.Differences()) > 0
	}
	width := widthOf(cmd.OutOrStdout())
	if err := printed(cmd, func(out *bufio.Writer) error {
		if r.json {
			return writeJSON(out, func(w *canon.Writer) {
				w.Field("releases").Array(func() {
					for _, one := range all {
						one.json(w)
					}
				})
			})
		}
		for i, one := range all {
			if i > 0 {
				fmt.Fprintln(out)
			}
			one.print(out, width)
		}
		return nil
	}); err != nil || !differ {
		return err
	}
	return &exit{exitThreshold}
}

// release judges one release again.
func (r *recheck) release(cmd *cobra.Command, arg string) (*rechecked, error) {
	there, err := readReport(arg)
	if err != nil {
		return nil, err
	}
	was, err := report.Parse(there, report.Messages(checks.Checks()))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, term.Clean(arg))
	}
	var file string
	if r.write {
		if file, err = replaceable(arg); err != nil {
			return nil, err
		}
	}
	res, err := r.judge(cmd, arg, was.Report)
	if err != nil {
		return nil, err
	}
	defer res.cleanup()
	if res.report.Partial {
		return nil, &exit{exitInterrupted}
	}
	name := strings.TrimSuffix(filepath.Base(arg), kinds["json"])
	if releaseFile(arg) != "" {
		name = outputName(arg)
	}
	here := report.JSON(res.report, report.Messages(checks.Checks()))
	one := &rechecked{name: name, then: was.Report, now: res.report, digests: [2]wardein.Digest{sha256.Sum256(there), sha256.Sum256(here)}}
	then := findings.Of(name, was)
	now := &findings.Side{Name: name, Report: res.report, Messages: report.Messages(checks.Checks())}
	st, err := res.tree.Stat()
	if err != nil {
		return nil, err
	}
	if now.Node, err = treeNodes(res.tree, st.Size()); err != nil {
		return nil, err
	}
	then.Node = now.Node
	if was.Report.Tree != res.report.Tree {
		node, done, err := treeBeside(arg, was.Report.Tree)
		if err != nil {
			return nil, err
		}
		defer done()
		then.Node = node
	}
	one.changes = findings.Causes(then, now, checks.Checks())
	if r.write && !bytes.Equal(there, here) {
		outputs := []output{{kind: "json", file: file}}
		if err := writable(outputs); err != nil {
			return nil, err
		}
		if _, err := res.write(outputs, "-", io.Discard, false); err != nil {
			return nil, err
		}
		one.written = file
		if !r.flags.quiet {
			fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s, %s\n", term.Clean(file), term.Clean(treeFile(file)))
		}
	}
	return one, nil
}

// replaceable is the file of a report that may be replaced.
func replaceable(arg string) (string, error) {
	if b, err := bundleReport(arg); err != nil || b != nil {
		return "", &hinted{fmt.Errorf("a bundle is not written: %s", term.Clean(arg)), "wardein inspect writes a report, wardein prove a bundle of it"}
	}
	f, err := openReport(arg)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Name(), nil
}

// judge inspects a release as its report's recipe says, but for the rules, the
// data and the date: from the store, or from its file where that is named.
func (r *recheck) judge(cmd *cobra.Command, arg string, was *wardein.Report) (*result, error) {
	flags, data := r.flags, r.db
	flags.asOf = r.asOf
	if flags.asOf == "" {
		flags.asOf = max(was.Recipe.AsOf, checks.DataDate)
	}
	flags.noCage = flags.noCage || option(&was.Recipe, "sandbox") == "off"
	flags.published = option(&was.Recipe, "published-defaults") != ""
	flags.stored = &was.Release
	for _, d := range was.Recipe.Data {
		name, isSet := strings.CutPrefix(d.Name, "keys ")
		if isSet && !flags.quiet && !slices.ContainsFunc(flags.keys, func(k *secret.KeySet) bool { return k.Name == name }) {
			fmt.Fprintf(cmd.ErrOrStderr(), "wardein: %s was made with the key set %s, which is not given: --keys\n", term.Clean(arg), term.Clean(name))
		}
	}
	path := releaseFile(arg)
	if path == "" && was.Release.Kind == wardein.Directory {
		return nil, &hinted{fmt.Errorf("a folder was inspected, and what files it has is not in the store: %s", term.Clean(arg)), "name the folder instead of its report"}
	}
	if path != "" {
		in, err := unpack.OpenInput(cmd.Context(), path, unpack.DefaultLimits)
		if err != nil {
			return nil, err
		}
		digest := in.Digest
		in.Close()
		if digest != was.Release.Digest {
			return nil, &hinted{fmt.Errorf("the report is about another release, sha256:%s: %s", was.Release.Digest, term.Clean(arg)), "wardein inspect makes a report of this one"}
		}
	}
	res, err := r.inspect(cmd.Context(), path, arg, flags, &data)
	if errors.Is(err, unpack.ErrNotStored) && path != "" {
		if !flags.quiet {
			fmt.Fprintf(cmd.ErrOrStderr(), "wardein: the store does not hold what this version makes of %s: it is unpacked\n", term.Clean(arg))
		}
		flags.stored = nil
		res, err = r.inspect(cmd.Context(), path, arg, flags, &data)
	}
	switch {
	case errors.Is(err, unpack.ErrNotStored):
		return nil, &hinted{fmt.Errorf("%w: %s", err, term.Clean(arg)), "name the release's file instead of its report: then what is missing is unpacked"}
	case err != nil && path == "" && flags.published:
		return nil, &hinted{err, "passwords are compared with published defaults in the release's bytes: name its file instead of its report"}
	case err != nil:
		return nil, advise(err)
	}
	// Of the delivery the report's word stands.
	rep := res.report
	rep.Release.Kind, rep.Release.Parts = was.Release.Kind, was.Release.Parts
	isList := func(n wardein.Note) bool { return strings.HasPrefix(n.Name, "list.") }
	rep.Recipe.Options = slices.DeleteFunc(rep.Recipe.Options, isList)
	for _, o := range was.Recipe.Options {
		if isList(o) {
			rep.Recipe.Options = append(rep.Recipe.Options, o)
		}
	}
	report.SortNotes(rep.Recipe.Options)
	return res, nil
}

func (r *recheck) inspect(ctx context.Context, path, arg string, flags labFlags, db *dbFlags) (*result, error) {
	data, err := db.open(ctx, flags.asOf)
	if err != nil {
		return nil, err
	}
	if data.DB != nil {
		defer data.DB.Close()
	}
	return inspectRelease(ctx, path, outputName(arg), flags, &delivery{}, data)
}

// releaseFile is the file or folder of the release that an argument names, ""
// where it names a report or a bundle.
func releaseFile(arg string) string {
	st, err := os.Stat(arg)
	if err != nil || strings.HasSuffix(arg, ".json") {
		return ""
	}
	if !st.IsDir() {
		if b, _ := bundleReport(arg); b != nil {
			return ""
		}
	}
	return arg
}

// treeBeside opens the tree file that lies beside a report; nodes is nil where
// there is none of that digest.
func treeBeside(arg string, digest wardein.Digest) (nodes func(string) *wardein.Node, done func(), err error) {
	none := func() {}
	if b, err := bundleReport(arg); b != nil || err != nil {
		return nil, none, err
	}
	f, err := openReport(arg)
	if err != nil {
		return nil, none, err
	}
	f.Close()
	tree, err := os.Open(treeFile(f.Name()))
	if err != nil {
		return nil, none, nil // reports may lie alone
	}
	sum := sha256.New()
	size, err := io.Copy(sum, tree)
	if err != nil || wardein.Digest(sum.Sum(nil)) != digest {
		tree.Close()
		return nil, none, err // the tree of another report
	}
	nodes, err = treeNodes(tree, size)
	return nodes, func() { tree.Close() }, err
}

// treeNodes finds nodes in a tree file by their paths.
func treeNodes(tree *os.File, size int64) (func(string) *wardein.Node, error) {
	lines := &report.Lines{}
	in := bufio.NewReaderSize(io.NewSectionReader(tree, 0, size), 256<<10)
	for off := int64(0); off < size; {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		n, perr := report.ParseNode(line)
		if perr != nil {
			return nil, fmt.Errorf("tree file at %#x: %w", off, perr)
		}
		lines.Add(n.Path, off)
		off += int64(len(line))
	}
	return report.OpenTree(tree, size, lines, nil).Lookup, nil
}

func (c *rechecked) json(w *canon.Writer) {
	w.Object(func() {
		w.Field("as_of").Object(func() {
			w.Field("now").Text(c.now.Recipe.AsOf)
			w.Field("then").Text(c.then.Recipe.AsOf)
		})
		w.Field("differences").Object(func() { c.changes.Write(w, false) })
		w.Field("name").Bytes(c.name)
		w.Field("recipe").Array(func() {
			for _, s := range recipeReasons(&c.then.Recipe, &c.now.Recipe) {
				w.Bytes(s)
			}
		})
		w.Field("release").Text(c.now.Release.Digest.String())
		w.Field("report").Object(func() {
			w.Field("now").Text(c.digests[1].String())
			w.Field("then").Text(c.digests[0].String())
		})
		w.Field("written").Bytes(c.written)
	})
}

func (c *rechecked) print(out *bufio.Writer, width int) {
	const indent = 12
	line := func(label, text string) {
		fmt.Fprintf(out, "%-*s%s\n", indent, label, term.Wrap(term.Clean(text), indent, indent, width))
	}
	rows := c.changes.Differences()
	fmt.Fprintf(out, "%s · judged again · sha256:%.12s… · as of %s, then %s\n", term.Clean(c.name), c.now.Release.Digest, c.now.Recipe.AsOf, c.then.Recipe.AsOf)
	line("looked at", fmt.Sprintf("%s of bytes opened, then %s · %s, then %d", report.Percent(c.now.Coverage.Opened()), report.Percent(c.then.Coverage.Opened()), plural(len(c.now.Gaps), "gap"), len(c.then.Gaps)))
	if len(rows) == 0 {
		same := "NOTHING DIFFERS"
		if c.digests[0] != c.digests[1] {
			same += " but the recipe"
		}
		fmt.Fprintf(out, "%s: %s\n", same, plural(len(c.now.Findings), "finding"))
		return
	}
	// One heading for each cause: what is due to one thing stands together.
	type cause struct {
		findings.Cause
		because string
	}
	var order []cause
	by := map[cause][]*findings.Row{}
	for _, r := range rows {
		k := cause{r.Cause, r.Because}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], r)
	}
	slices.SortStableFunc(order, func(a, b cause) int { return strings.Compare(string(a.Cause), string(b.Cause)) })
	for i, k := range order {
		fmt.Fprintln(out)
		if i == 0 || order[i-1].Cause != k.Cause {
			fmt.Fprintln(out, causeHeads[k.Cause])
		}
		line("because", k.because)
		for _, r := range by[k] {
			c.row(line, r)
		}
	}
	fmt.Fprintf(out, "\nNone of this is the release's doing: it is the same release.\n")
}

// causeHeads stand above what is due to a cause.
var causeHeads = map[findings.Cause]string{
	findings.ByRules: "THE RULES CHANGED", findings.ByData: "THE DATA CHANGED",
	findings.ByRulesOrData: "THE RULES OR THE DATA CHANGED", findings.ByDisturbance: "A RUN WAS DISTURBED",
}

// row prints a difference: what it is on the first line, what of it on others.
func (c *rechecked) row(line func(label, text string), r *findings.Row) {
	state := map[findings.State]string{findings.Unlooked: "not seen", findings.Looked: "first seen"}[r.State]
	if state == "" {
		state = string(r.State)
	}
	what := string(r.Kind) + " " + r.Name
	if s, ok := r.Severity(); ok && r.Kind == findings.Finding {
		what = fmt.Sprintf("%s %s %s", strings.ToUpper(s.String()), r.Name, r.Key)
	}
	switch {
	case r.State == findings.Changed && r.Kind != findings.Finding:
		what += ": " + r.Was + " → " + r.Is
	case r.State != findings.Changed && r.Kind != findings.Finding && r.Was+r.Is != "":
		what += ": " + r.Was + r.Is
	case r.State == findings.Changed:
		what += ": " + strings.Join(r.What, ", ")
	}
	line(state, what)
	if f := cmp.Or(r.New, r.Old); r.Kind == findings.Finding && r.State != findings.Changed {
		line("", cmp.Or(f.Node, "."))
	}
	if len(r.Came) > 0 {
		line("  came", strings.Join(r.Came, ", "))
	}
	if len(r.Went) > 0 {
		line("  went", strings.Join(r.Went, ", "))
	}
	if r.Why != "" {
		line("  why", "nobody looked: "+r.Why)
	}
}
