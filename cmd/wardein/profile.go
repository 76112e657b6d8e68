package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/profile"
	results "github.com/wardein/wardein/prove/result"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/report/scorecard"
)

// profileEnd ends the names of profile statements.
const profileEnd = ".profile.dsse.json"

func profileCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Evaluate a report against a profile, state it, check such a statement",
		Long: `A profile is a file of conditions on a report: thresholds over findings, gaps,
coverage, figures of the scorecard, the age of data, and records of certificates
that others issued (docs/profiles.md). Each condition ends met, not met or
undetermined. A profile statement says so under a lab's signature. It is no
certificate.

` + profile.BaselineName + ` comes with wardein; wardein profile show prints it.`,
		RunE: group("evaluate, issue, check, correct, withdraw or show"),
	}
	cmd.AddCommand(profileEvaluateCmd(), profileIssueCmd(), profileCheckCmd(), profileCorrectCmd(), withdrawCmd(statement.Profile, "profile statement", profileEnd), profileShowCmd())
	return cmd
}

// profileFlags choose what a report is evaluated by.
type profileFlags struct {
	profile string
	records []string
	results []string
}

func (f *profileFlags) add(cmd *cobra.Command, use string) {
	cmd.Flags().StringVar(&f.profile, "profile", "", use)
	cmd.Flags().StringArrayVar(&f.records, "record", nil, "take this `FILE` of a record into account; may be repeated")
	cmd.Flags().StringArrayVar(&f.results, "result", nil, "take this `FILE` that compare or equiv wrote as JSON into account; may be repeated")
}

// read reads the profile: one that comes along, by its name, or a file.
func (f *profileFlags) read() (*profile.Profile, error) {
	b := profile.Baseline
	if f.profile != "" && f.profile != profile.BaselineName {
		var err error
		if b, err = readSmall(f.profile); err != nil {
			return nil, &hinted{err, "a file, or the name of the profile that comes along: " + profile.BaselineName}
		}
	}
	p, err := profile.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", term.Clean(f.profile), err)
	}
	return p, nil
}

// evaluate evaluates a report.
func (f *profileFlags) evaluate(p *profile.Profile, s *report.Saved) (*profile.Statement, error) {
	in := &profile.Input{Report: s, Checks: checks.Checks()}
	for i, v := range scorecard.New("", "", s).Values {
		in.Measures = append(in.Measures, profile.Measure{Title: scorecard.Metrics().Metric[i].Title, Num: v.Num, Of: v.Of, Missing: v.Missing})
	}
	for _, name := range f.records {
		b, err := readSmall(name)
		if err != nil {
			return nil, err
		}
		r, err := profile.ParseRecord(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", term.Clean(name), err)
		}
		in.Records = append(in.Records, r)
	}
	var err error
	if in.Results, err = readResults(f.results); err != nil {
		return nil, err
	}
	return profile.Evaluate(p, in), nil
}

// readResults reads what compare and equiv wrote.
func readResults(names []string) (all []*results.Result, err error) {
	for _, name := range names {
		b, err := readSmall(name)
		if err != nil {
			return nil, err
		}
		r, err := results.Parse(b)
		if err != nil {
			return nil, &hinted{fmt.Errorf("%s: %w", term.Clean(name), err), "wardein compare --json or wardein equiv --json writes one"}
		}
		all = append(all, r)
	}
	return all, nil
}

// profiled reads profile and report, and evaluates.
func (f *profileFlags) profiled(name string) (*profile.Statement, error) {
	if f.profile == "" {
		return nil, &hinted{errors.New("no profile is named"), "--profile " + profile.BaselineName + " comes along; --profile FILE names another"}
	}
	p, err := f.read()
	if err != nil {
		return nil, err
	}
	s, err := openSaved(name)
	if err != nil {
		return nil, err
	}
	return f.evaluate(p, s)
}

func profileEvaluateCmd() *cobra.Command {
	var flags profileFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "evaluate NAME|REPORT",
		Short: "Say which conditions of a profile a report meets",
		Long: `Evaluate says for each condition of a profile whether a report meets it, and why
not. A condition is undetermined where a check did not run or had no data, where
the report was interrupted, or where a result or a record is asked for that was
not given. The whole is met where all conditions are, and not met where one is
not.

A --result is a file that wardein compare or wardein equiv wrote as JSON about the
release. A --record is a file that says what a document of somebody else's says: a
certificate of a scheme, an attestation of a process, with issuer, scope,
validity and the document's digest. A condition that asks for one accepts
nothing else.

Exit code: 0 met, 1 not met or undetermined, 2 bad usage or it cannot run.`,
		Example: `  wardein profile evaluate olt-5.2.1 --profile lab-baseline-2026
  wardein profile evaluate olt-5.2.1 --profile ours.toml --record audit.toml --json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeReports,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := flags.profiled(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				err = printed(cmd, func(out *bufio.Writer) error {
					b, err := s.JSON()
					fmt.Fprintf(out, "%s\n", b)
					return err
				})
			} else {
				err = s.Table(cmd.OutOrStdout(), widthOf(cmd.OutOrStdout()))
			}
			if err == nil && s.Result != profile.Met {
				return &exit{exitThreshold}
			}
			return err
		},
	}
	flags.add(cmd, "the `PROFILE`: a file, or "+profile.BaselineName)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON (docs/profiles.md)")
	return cmd
}

// widthOf is the width to break lines at, 0 for what is no terminal.
func widthOf(out io.Writer) int {
	if f, ok := out.(*os.File); ok && term.IsTerminal(f) {
		return term.Width(f)
	}
	return 0
}

func profileIssueCmd() *cobra.Command {
	var flags profileFlags
	var key keyFlags
	var date, until, file string
	var evenIf bool
	cmd := &cobra.Command{
		Use:   "issue NAME|REPORT",
		Short: "State under a signature which conditions a report meets",
		Long: `Issue evaluates a report as evaluate does and signs the result as a statement
about the release: the profile by its digest, the report by its digest, how each
condition ended, and the days between which the statement is meant to be used.
wardein log add puts it on record; wardein profile check checks it.

A release that does not meet the profile, or of which a condition is
undetermined, gets a statement that says so, and only with --even-if-not-met.`,
		Example: `  wardein profile issue olt-5.2.1 --profile lab-baseline-2026 --key lab-north.example.key --valid-until 2027-05-31
  wardein log add lab-north-log olt-5.2.1.profile.dsse.json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeReports,
		RunE: func(cmd *cobra.Command, args []string) error {
			if date == "" {
				date = today()
			}
			for _, d := range []string{date, until} {
				if d == "" {
					return &hinted{errors.New("how long it is valid is not said: --valid-until"), "a statement ends on a day, as in --valid-until 2027-05-31"}
				}
				if err := checkDate(d); err != nil {
					return err
				}
			}
			if until < date {
				return fmt.Errorf("--valid-until %s is before the day on which it is issued, %s", until, date)
			}
			s, err := flags.profiled(args[0])
			if err != nil {
				return err
			}
			if s.Result != profile.Met && !evenIf {
				return &hinted{fmt.Errorf("nothing was signed: the report's result is %q", s.Result), "wardein profile evaluate says why; --even-if-not-met signs a statement that says so"}
			}
			k, err := key.open(cmd.Context(), keys.Lab)
			if err != nil {
				return err
			}
			s.Issued, s.Until = date, until
			b, err := s.JSON()
			if err != nil {
				return err
			}
			release, err := wardein.ParseDigest(s.Report.Release)
			if err != nil {
				return fmt.Errorf("report: release: %w", err)
			}
			if file == "" {
				file = strings.TrimSuffix(filepath.Base(args[0]), kinds["json"]) + profileEnd
			}
			return writeStatement(cmd, k, &statement.Statement{Subject: release, Type: statement.Profile, Predicate: b}, file)
		},
	}
	flags.add(cmd, "the `PROFILE`: a file, or "+profile.BaselineName)
	f := cmd.Flags()
	f.StringVar(&until, "valid-until", "", "the last `DATE` on which the statement is meant to be used")
	f.StringVar(&date, "date", "", "the `DATE` on which it is issued (default: today)")
	f.BoolVar(&evenIf, "even-if-not-met", false, "sign a statement that says that the profile is not met")
	f.StringVarP(&file, "output", "o", "", "write the statement to this `FILE` (default: NAME"+profileEnd+")")
	key.add(cmd)
	return cmd
}

func profileCheckCmd() *cobra.Command {
	var c profileCheck
	cmd := &cobra.Command{
		Use:   "check STATEMENT",
		Short: "Check a profile statement",
		Long: `Check verifies a profile statement: that a lab of the policy signed it, that it is
valid at a day, and that it has the one form that such statements have. With
--report it is held against the report: it is about that one, and where the
profile is at hand (the one that comes along, or --profile) evaluating it again
gives the same. With --log it is looked up in a copy of a log, and so is whether
the lab withdrew or corrected it up to that copy's size; later ones are not
visible offline.

Exit code: 0 it holds and says that the profile is met, 1 it holds and says that
it is not met or undetermined, 2 bad usage or it cannot run, 4 it does not hold.`,
		Example: `  wardein profile check olt-5.2.1.profile.dsse.json --policy allies.policy
  wardein profile check olt-5.2.1.profile.dsse.json --policy allies.policy --report olt-5.2.1 --log lab-north-log`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.policy, "policy", "", "whom to trust: this policy `FILE`")
	f.StringArrayVar(&c.labs, "lab", nil, "trust this lab's `VKEY`, too; may be repeated")
	f.StringVar(&c.report, "report", "", "the statement must be about this `REPORT`")
	f.StringVar(&c.log, "log", "", "look it up in the copy of a log in this `DIR`")
	f.StringVar(&c.at, "at", "", "check it for this `DATE` (default: today)")
	c.profile.add(cmd, "evaluate the report again with this `PROFILE`")
	f.BoolVar(&c.json, "json", false, "as JSON")
	return cmd
}

// profileCheck is one use of the verb.
type profileCheck struct {
	policy, report, log, at string
	labs                    []string
	profile                 profileFlags
	json                    bool
}

// checkedProfile is a statement that holds, and what else was found of it.
type checkedProfile struct {
	*signedFile
	said  *profile.Statement
	notes []remark
}

func (c *profileCheck) run(cmd *cobra.Command, file string) error {
	if c.at == "" {
		c.at = today()
	}
	if err := checkDate(c.at); err != nil {
		return err
	}
	p, err := readPolicy(c.policy, c.labs, nil)
	if err != nil {
		return err
	}
	f, err := openSignedFile(file, statement.Profile, p)
	if err != nil {
		return err
	}
	v := checkedProfile{signedFile: f}
	if v.said, err = profile.Read(f.Predicate); err != nil {
		return f.no("predicate: %w", err)
	}
	if v.said.Report.Release != f.Subject.String() {
		return f.no("its subject is %s, its report is about %s", f.Subject, v.said.Report.Release)
	}
	if err := c.compare(&v); err != nil {
		return err
	}
	notes, err := f.lookUp(cmd, c.log, p)
	if err != nil {
		return err
	}
	v.notes = append(v.notes, notes...)
	if err := printed(cmd, func(out *bufio.Writer) error { return v.print(out, c) }); err != nil {
		return err
	}
	if v.said.Result != profile.Met {
		return &exit{exitThreshold}
	}
	return nil
}

// compare holds the statement against day, report and profile.
func (c *profileCheck) compare(v *checkedProfile) (err error) {
	var s *report.Saved
	var again *profile.Statement
	text := "no report was given: its digest was not compared"
	if c.report != "" {
		if s, err = openSaved(c.report); err != nil {
			return err
		}
		text = "the report at hand is the one it is about"
		p, err := c.profile.read()
		if err != nil {
			return err
		}
		switch {
		case c.profile.profile == "" && p.Digest.String() != v.said.Profile.Digest:
			text += "; it was not evaluated again: --profile names the profile"
		case len(c.profile.records) < len(v.said.Records):
			text += "; it was not evaluated again: --record names its records"
		case len(c.profile.results) < len(v.said.Results):
			text += "; it was not evaluated again: --result names its results"
		default:
			if again, err = c.profile.evaluate(p, s); err != nil {
				return err
			}
			text += ", and evaluated again gives the same"
		}
	}
	if why := v.said.Holds(c.at, s, again); why != "" {
		return v.no("%s", why)
	}
	v.notes = append(v.notes, [2]string{"is about", text})
	return nil
}

func (v *checkedProfile) print(out *bufio.Writer, c *profileCheck) error {
	if c.json {
		return writeJSON(out, func(w *canon.Writer) {
			w.Field("at").Text(c.at)
			w.Field("envelope").Text(v.envelope.String())
			w.Field("notes").Array(func() {
				for _, n := range v.notes {
					w.Object(func() { w.Field("about").Text(n[0]); w.Field("text").Text(n[1]) })
				}
			})
			w.Field("signers").Array(func() {
				for _, s := range v.signers {
					w.Text(s)
				}
			})
			b, _ := v.said.JSON() // it was read from there
			w.Field("statement").Raw(b)
		})
	}
	fmt.Fprintf(out, "%-14s%s\n", "holds", "at "+c.at)
	fmt.Fprintf(out, "%-14s%s\n", "signed by", term.Clean(strings.Join(v.signers, ", ")))
	for _, n := range v.notes {
		fmt.Fprintf(out, "%-14s%s\n", n[0], n[1])
	}
	fmt.Fprintln(out)
	if err := out.Flush(); err != nil {
		return err
	}
	return v.said.Table(out, 0)
}

func profileShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Print the profile that comes along",
		Long:    "Print " + profile.BaselineName + ", the profile that comes with wardein: its conditions, and the reason of each threshold. It is a file to begin another with.",
		Example: `  wardein profile show > ours.toml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(profile.Baseline)
			return err
		},
	}
}
