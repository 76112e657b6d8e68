package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/check/account"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/check/vuln"
	"github.com/wardein/wardein/inspect"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/unpack"
)

func inspectCmd() *cobra.Command {
	var flags labFlags
	var outputs []string
	var asJSON, strict bool
	var failOn, color string
	var given given
	var secrets string
	cmd := &cobra.Command{
		Use:   "inspect FILE|DIR|-",
		Short: "Unpack a release, account for every byte, run the checks",
		Long: `Inspect unpacks a firmware image, package, archive or directory and everything
inside it, says how many bytes were accounted for and opened, runs the checks
over what came out, and lists what could not be looked at.

It writes NAME.wardein.json (the report) and NAME.tree.jsonl (one line for each
node) into the current folder, unless -o names other outputs only. Results are
kept in the store, so that a second look, or the next release, only opens what
is new.

Exit code: 0 done, 1 a finding at or above --fail-on, 2 bad usage or it cannot
run, 3 gaps and --strict, 130 interrupted; 3 goes before 1. Any other code is a
failure, too.`,
		Example: `  wardein inspect olt-5.2.1.bin
  wardein inspect -o html=report.html -o json=report.json olt-5.2.1.bin
  wardein inspect --list SHA256SUMS --list-signature SHA256SUMS.asc --signer vendor.asc olt-5.2.1/
  unzip -p delivery.zip olt.bin | wardein inspect --json - | jq .coverage`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				outputs = append(outputs, "json=-")
			}
			if err := checkDate(flags.asOf); err != nil {
				return err
			}
			severity, err := parseFailOn(failOn)
			if err != nil {
				return err
			}
			color, err := useColor(color, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			name := outputName(args[0])
			wanted, err := parseOutputs(outputs, name)
			if err != nil {
				return err
			}
			if err := publish(cmd, wanted); err != nil {
				return err
			}
			if err := writable(wanted); err != nil {
				return err
			}
			if flags.keys, err = readKeySets(given.keys); err != nil {
				return err
			}
			if secrets != "" {
				if flags.secrets, err = createSecrets(secrets); err != nil {
					return err
				}
			}
			res, err := given.inspect(cmd, args[0], name, flags)
			if err != nil {
				return err
			}
			defer res.cleanup()
			if err := flags.secrets.Close(); err != nil {
				return err
			}
			if !flags.quiet {
				for _, o := range wanted {
					tellReplaced(cmd, o, res.report.Release.Digest)
				}
			}
			files, err := res.write(wanted, args[0], cmd.OutOrStdout(), color)
			if err != nil {
				return err
			}
			if len(files) > 0 && !flags.quiet {
				for i := range files {
					files[i] = term.Clean(files[i])
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s\n", strings.Join(files, ", "))
			}
			switch {
			case res.report.Partial:
				return &exit{exitInterrupted}
			case strict && len(res.report.Gaps) > 0:
				return &exit{exitGaps}
			case len(res.report.Findings) > 0 && worst(res.report.Findings) >= severity:
				return &exit{exitThreshold}
			}
			return nil
		},
	}
	addLabFlags(cmd, &flags)
	addPublisherFlags(cmd)
	given.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&given.db.no, "no-db", false, "look no known vulnerabilities up; the report says so")
	f.StringVar(&flags.asOf, "as-of", checks.DataDate, "judge time-dependent rules at this `DATE` (YYYY-MM-DD)")
	f.StringVar(&color, "color", "auto", "colour: auto, always, never (`WHEN`)")
	f.StringArrayVarP(&outputs, "output", "o", nil, "write `KIND[=FILE]`: "+kindList+"; \"-\" is standard output; may be repeated")
	f.StringVar(&secrets, "show-secrets", "", "write the keys and passwords that were found to this `FILE`, for its owner alone; no report holds them")
	f.BoolVar(&flags.published, "published-defaults", false, "compare the accounts' passwords with those that were published as defaults of products")
	f.BoolVar(&asJSON, "json", false, "short for -o json=-")
	f.BoolVar(&strict, "strict", false, "exit 3 when there are gaps")
	f.StringVar(&failOn, "fail-on", "", "exit 1 when a finding is of this `SEVERITY` or above: "+strings.Join(severityNames(), ", "))
	complete(cmd, "color", "auto", "always", "never")
	complete(cmd, "fail-on", severityNames()...)
	complete(cmd, "output", strings.Split(kindList, ", ")...)
	return cmd
}

// given is what a user hands to an inspection beside the release.
type given struct {
	deliv delivery
	db    dbFlags
	keys  []string
}

func (g *given) add(cmd *cobra.Command) {
	g.db.add(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&g.keys, "keys", nil, "compare keys with the set in this `FILE` (docs/keys.md); may be repeated")
	f.StringVar(&g.deliv.list, "list", "", "compare what was delivered with the vendor's hash list in this `FILE` (default: SHA256SUMS in a directory)")
	f.StringVar(&g.deliv.signature, "list-signature", "", "the list's detached signature, OpenPGP or CMS, in this `FILE`")
	f.StringVar(&g.deliv.signer, "signer", "", "the vendor's OpenPGP key or X.509 certificate, in this `KEYFILE`")
	f.StringArrayVar(&g.deliv.roles, "role", nil, "what a delivered file is for, as `PATH=ROLE`; may be repeated")
}

// inspect inspects the release file (- for standard input) under a name.
func (g *given) inspect(cmd *cobra.Command, file, name string, flags labFlags) (*result, error) {
	path, done, err := input(cmd, file)
	if err != nil {
		return nil, err
	}
	defer done()
	data, err := g.db.open(cmd.Context(), flags.asOf)
	if err != nil {
		return nil, err
	}
	if data.DB != nil {
		defer data.DB.Close()
	}
	res, err := inspectRelease(cmd.Context(), path, name, flags, &g.deliv, data)
	if err != nil {
		return nil, advise(err)
	}
	return res, nil
}

func addLabFlags(cmd *cobra.Command, flags *labFlags) {
	f := cmd.Flags()
	f.StringVar(&flags.store, "store", "", "keep results in this `FOLDER` (default: wardein/store in the user's cache folder)")
	f.BoolVar(&flags.noCage, "no-sandbox", false, "read hostile bytes without the sandbox; the report says so")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "no progress and no notes on standard error")
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
	return 0, &hinted{fmt.Errorf("unknown severity: fail-on %q", s), "info, low, medium, high or critical"}
}

func severityNames() (names []string) {
	for v := wardein.Info; v <= wardein.Critical; v++ {
		names = append(names, v.String())
	}
	return names
}

// complete offers words for a flag's value.
func complete(cmd *cobra.Command, flag string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // no such flag
	}
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
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return base
	}
	if ext := filepath.Ext(base); ext != "" && ext != base {
		base = strings.TrimSuffix(base, ext)
	}
	return base
}

// input is the file that a release's name means: "-" is standard input, which
// is copied. done gives the copy up.
func input(cmd *cobra.Command, name string) (file string, done func(), err error) {
	if name != "-" {
		return name, func() {}, nil
	}
	f, err := spoolInput(cmd.Context(), cmd.InOrStdin())
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd()), func() { f.Close() }, nil
}

// result is a finished inspection.
type result struct {
	report *wardein.Report
	name   string
	tree   *os.File // of scratch
	began  time.Time
	// facts are those that the forms for other tools show, and compare reads
	facts report.Facts
	// lines and contents are for compare, which reads nodes after the walk; the
	// lab stays open for it.
	lines    *report.Lines
	contents *unpack.Contents
	lab      *lab
}

func (r *result) cleanup() {
	r.tree.Close()
	if r.lab != nil {
		r.lab.close() // what was to last is committed
	}
}

// maxGaps bounds the gaps that a report lists; the last one counts the rest.
const maxGaps = 100_000

func inspectRelease(ctx context.Context, path, name string, flags labFlags, deliv *delivery, data vuln.Data) (_ *result, err error) {
	began := time.Now()
	show := newProgress(flags.quiet, "hashing the input")
	defer show.end()
	l, err := openLab(ctx, path, flags)
	if err != nil {
		return nil, err
	}
	show.reading(l.in.Size)
	res := &result{name: name, began: began, report: &wardein.Report{Recipe: recipe(flags)}}
	defer func() {
		if err == nil && flags.contents {
			l.Engine.Close() // its child; packs are opened again when they are read
			res.lab = l
		} else if cerr := l.close(); err == nil {
			err = cerr
		}
	}()
	treeFile, err := scratch()
	if err != nil {
		return nil, err
	}
	res.tree = treeFile
	if flags.contents {
		res.contents = l.Contents(l.in)
	}
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
	list, err := deliv.load(path, flags.asOf, l.in.Dir != nil)
	if err != nil {
		return nil, err
	}
	var files []wardein.Part
	if l.in.Dir == nil && (list != nil || len(deliv.roles) > 0) {
		files = []wardein.Part{{Digest: l.in.Digest, Size: l.in.Size}}
	}
	last := "" // delivered file that the walk is in
	more := 0
	l.Progress = show.update
	tree := report.NewTreeWriter(treeFile)
	tally := runner().NewTally()
	var cover unpack.Cover
	lines := &report.Lines{}
	facts := report.Facts{}
	var defaults *account.Defaults
	if flags.published {
		defaults = account.PublishedDefaults()
		rep.Recipe.Options = append(rep.Recipe.Options, wardein.Note{Name: "published-defaults", Value: defaults.Digest.String()})
		report.SortNotes(rep.Recipe.Options)
	}
	addGap := func(g wardein.Gap) {
		if len(rep.Gaps) < maxGaps {
			rep.Gaps = append(rep.Gaps, g)
			return
		}
		rep.Gaps[maxGaps-1] = wardein.Gap{Who: "report", Kind: wardein.Limit, Why: fmt.Sprintf("more than %d gaps; the tree file holds them all", maxGaps)}
	}
	runErr := l.Run(ctx, l.in, func(v *unpack.Visit) error {
		n := v.Node
		if l.in.Dir != nil && n.Kind == wardein.File && (last == "" || !below(n.Path, last)) {
			last = n.Path
			if len(files) < maxParts {
				p := wardein.Part{Path: n.Path, Digest: n.Blob, Size: n.Size}
				if slices.ContainsFunc(n.Gaps, func(g wardein.Gap) bool { return g.Who == "input" }) {
					p.Digest = wardein.Digest{} // of a part of it: nothing to compare
				}
				files = append(files, p)
			} else {
				more++
			}
		}
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
		lines.Add(n.Path, off)
		if res.contents != nil {
			res.contents.Add(v)
		}
		if err := flags.secrets.add(l, v); err != nil {
			return err
		}
		for _, o := range v.Outcomes {
			if defaults != nil && o.Check == "account" && len(o.Facts) > 0 {
				if o.Facts, err = withDefaults(l, v, defaults, o.Facts); err != nil {
					return err
				}
			}
			for _, f := range o.Facts {
				facts[o.Check] = append(facts[o.Check], report.NodeFact{Line: off, Fact: f})
			}
		}
		return nil
	})
	show.now("judging")
	if runErr != nil && ctx.Err() == nil {
		return nil, runErr
	}
	rep.Partial = runErr != nil
	if err := l.commit(); err != nil {
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
	res.facts, res.lines = report.Facts{"cert": facts["cert"], "secret": facts["secret"], "service": facts["service"]}, lines
	judging := context.WithoutCancel(ctx)
	runner := inspect.New(checks.With(data, flags.keys...))
	if data.DB != nil {
		rep.Recipe.Data = sources(data.DB)
	}
	for _, k := range flags.keys {
		rep.Recipe.Data = append(rep.Recipe.Data, wardein.Source{Name: "keys " + k.Name, Digest: k.Digest, Date: k.Date})
	}
	known, unknown, err := runner.Identify(judging, file)
	if err != nil {
		return nil, err
	}
	findings, gaps, err := runner.Judge(judging, known)
	if err == nil {
		err = file.Err()
	}
	if err != nil {
		return nil, err
	}
	if more > 0 {
		addGap(wardein.Gap{Who: "delivered", Kind: wardein.Limit, Why: fmt.Sprintf("%d files were delivered, the limit is %d: the others are not compared with a list", len(files)+more, maxParts)})
	}
	if rep.Release.Parts, err = deliv.parts(files, list, l.in.Dir != nil, l.sum); err != nil {
		return nil, err
	}
	if list != nil {
		rep.Recipe.Options = append(rep.Recipe.Options, wardein.Note{Name: "list.sha256", Value: list.digest.String()}, wardein.Note{Name: "list.grade", Value: list.grade()})
		if list.signed != "" {
			rep.Recipe.Options = append(rep.Recipe.Options, wardein.Note{Name: "list.signer", Value: list.signed})
		}
		report.SortNotes(rep.Recipe.Options)
	}
	rep.Components, rep.Findings = known.Components(), findings
	for _, g := range append(unknown, gaps...) {
		addGap(g)
	}
	rep.Coverage = cover.Sum()
	rep.Counts = tally.Counts()
	rep.Incidents = l.Incidents()
	return res, nil
}

// withDefaults adds which of the password fields in a node's content are opened
// by a published default. It is done here and not in the child, so that what
// the store keeps does not depend on it; the fields are a few hundred bytes,
// and each is bounded before it is computed.
func withDefaults(l *lab, v *unpack.Visit, d *account.Defaults, facts []wardein.Fact) ([]wardein.Fact, error) {
	r, err := l.Content(v)
	if err != nil {
		return nil, err
	}
	at, ok := r.(io.ReaderAt)
	if !ok {
		return facts, nil
	}
	more, err := d.Match(at, facts)
	return append(slices.Clip(facts), more...), err
}

// sum is a delivered file's digest of one kind.
func (l *lab) sum(p *wardein.Part, kind string) (string, error) {
	if kind == "sha256" {
		return p.Digest.String(), nil
	}
	var r io.Reader = io.NewSectionReader(l.in.File, 0, l.in.Size)
	if l.in.Dir != nil {
		f, err := l.in.Dir.Open(p.Path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		r = f
	}
	h := newHash[kind]()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func joinPath(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "/" + name
}
