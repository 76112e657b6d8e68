package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/decision"
	"github.com/wardein/wardein/report"
)

// decideKinds are the forms that decide writes, with the ends of their files'
// names.
var decideKinds = map[string]string{"table": "-", "json": ".decision.json", "html": ".decision.html"}

const decideKindList = "table, json, html"

func decideCmd() *cobra.Command {
	var d decide
	cmd := &cobra.Command{
		Use:   "decide NAME|REPORT --profile PROFILE",
		Short: "Write the sheet on which a person decides about a release",
		Long: `Decide writes one page: what was not seen and somebody has to accept, how the
report measures against a profile, which conditions are open, what to ask the
vendor, and four boxes: accept, accept with conditions, hold, refuse. The boxes
are empty. A named person fills one in; wardein suggests none.

--waivers takes findings that somebody answers for until a day (docs/decide.md;
--init prints a file to begin with). They are shown and counted, those that are
past their day at the report's evaluation date too, which do not count. A waiver
removes nothing from the report, nor from a signed one, and does not change what
the profile says. With --previous, the report of the release before, it is said
of each what became of its finding: moved, graver, gone, not looked at any more,
or a list with other items, which has another ID.

Of a bundle the vendor's replies stand beside the questions; --policy verifies
it.

Exit code: 0 the sheet was written, whatever stands on it; 2 bad usage or it
cannot run; 4 a bundle does not hold.`,
		Example: `  wardein decide olt-5.2.1 --profile lab-baseline-2026
  wardein decide --init > waivers.toml
  wardein decide olt-5.2.1 --profile ours.toml --waivers waivers.toml --previous olt-5.1.0 -o html`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeReports,
		RunE:              func(cmd *cobra.Command, args []string) error { return d.run(cmd, args) },
	}
	d.profile.add(cmd, "the `PROFILE`: a file, or lab-baseline-2026")
	f := cmd.Flags()
	f.StringVar(&d.waivers, "waivers", "", "take the waivers in this `FILE` into account")
	f.StringVar(&d.previous, "previous", "", "the `REPORT` of the release before")
	f.StringVar(&d.policy, "policy", "", "verify a bundle under the policy in this `FILE`")
	f.BoolVar(&d.initial, "init", false, "print a file of waivers to begin with")
	f.StringArrayVarP(&d.outputs, "output", "o", nil, "write `KIND[=FILE]`: "+decideKindList+"; \"-\" is standard output; may be repeated")
	f.BoolVar(&d.json, "json", false, "short for -o json=-")
	complete(cmd, "output", strings.Split(decideKindList, ", ")...)
	if err := cmd.RegisterFlagCompletionFunc("previous", completeReports); err != nil {
		panic(err) // no such flag
	}
	return cmd
}

// decide is one use of the verb.
type decide struct {
	profile                   profileFlags
	waivers, previous, policy string
	outputs                   []string
	initial, json             bool
}

func (d *decide) run(cmd *cobra.Command, args []string) error {
	if d.initial {
		if len(args) > 0 {
			return &hinted{errors.New("--init takes no report"), "it prints a file of waivers: wardein decide --init > waivers.toml"}
		}
		_, err := io.WriteString(cmd.OutOrStdout(), decision.Template)
		return err
	}
	if len(args) == 0 {
		return &hinted{errors.New("no report is named"), "wardein decide NAME --profile PROFILE; wardein inspect writes NAME.wardein.json"}
	}
	if d.json {
		d.outputs = append(d.outputs, "json=-")
	}
	wanted, err := outputsOf(d.outputs, strings.TrimSuffix(filepath.Base(args[0]), kinds["json"]), decideKinds, decideKindList)
	if err != nil {
		return err
	}
	if err := writable(wanted); err != nil {
		return err
	}
	s, err := d.sheet(args[0])
	if err != nil {
		return err
	}
	return putAll(cmd, wanted, func(kind string, out io.Writer) error {
		switch kind {
		case "json":
			b, err := s.JSON()
			if err == nil {
				_, err = out.Write(append(b, '\n'))
			}
			return err
		case "html":
			return s.HTML(out)
		}
		// It is a page: as wide as one where there is no terminal.
		width := 80
		if f, ok := out.(*os.File); ok && term.IsTerminal(f) {
			width = term.Width(f)
		}
		return s.Table(out, width)
	})
}

// sheet makes the sheet of a report.
func (d *decide) sheet(name string) (*decision.Sheet, error) {
	said, err := d.profile.profiled(name)
	if err != nil {
		return nil, err
	}
	in := &decision.Input{Statement: said, Checks: checks.Checks()}
	if in.Profile, err = d.profile.read(); err != nil {
		return nil, err
	}
	side, done, err := sideOf(name)
	if err != nil {
		return nil, err
	}
	defer done()
	in.Side = side
	if d.previous != "" {
		if in.Previous, done, err = sideOf(d.previous); err != nil {
			return nil, err
		}
		defer done()
	}
	if d.waivers != "" {
		b, err := readSmall(d.waivers)
		if err != nil {
			return nil, &hinted{err, "wardein decide --init prints a file of waivers"}
		}
		if in.Waivers, err = decision.ParseWaivers(b); err != nil {
			return nil, fmt.Errorf("%s: %w", term.Clean(d.waivers), err)
		}
	}
	if isBundle(name) {
		heard, err := claimInputs([]string{name}, d.policy)
		if err != nil {
			return nil, err
		}
		for _, r := range heard[0].Replies {
			in.Replies = append(in.Replies, decision.Reply{Finding: r.Finding, By: r.By, Date: r.Date, What: r.Kind})
		}
	}
	return decision.New(in), nil
}

// sideOf is the report that a user names, with its tree where that lies beside
// it.
func sideOf(name string) (_ *findings.Side, done func(), err error) {
	b, err := readReport(name)
	if err != nil {
		return nil, nil, err
	}
	p, err := report.Parse(b, report.Messages(checks.Checks()))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s", err, term.Clean(name))
	}
	s := findings.Of(strings.TrimSuffix(filepath.Base(name), kinds["json"]), p)
	s.Node, done, err = treeBeside(name, p.Report.Tree)
	return s, done, err
}
