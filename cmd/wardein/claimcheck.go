package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/claim"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
)

// signedFile is a statement in a file of its own that labs of a policy signed.
type signedFile struct {
	*statement.Statement
	name     string
	envelope wardein.Digest
	signers  []string
}

// openSignedFile opens a statement of a type. What does not hold is refused.
func openSignedFile(name, predicate string, p *policy.Policy) (*signedFile, error) {
	envelope, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	f := &signedFile{name: name, envelope: statement.Digest(envelope)}
	if f.Statement, f.signers, err = prove.OpenSigned(envelope, p.Labs); err != nil {
		return nil, f.no("%w", err)
	}
	if f.Type != predicate {
		return nil, f.no("it is of the type %q, expected %q", f.Type, predicate)
	}
	return f, nil
}

// no says why the statement does not hold.
func (f *signedFile) no(format string, args ...any) error {
	return &refused{fmt.Errorf("statement does not hold: %w: %s", fmt.Errorf(format, args...), term.Clean(f.name))}
}

// remark is a line about a statement: a label and a text.
type remark [2]string

// lookUp looks for the statement, and for answers of its labs, in a copy of a
// log; "" is none.
func (f *signedFile) lookUp(cmd *cobra.Command, dir string, p *policy.Policy) (notes []remark, err error) {
	if dir == "" {
		return []remark{{"withdrawn", "no copy of a log was given: withdrawals and corrections are not visible"}}, nil
	}
	l, err := readLogCopy(cmd.Context(), dir, p, nil)
	if err != nil {
		return nil, err
	}
	withdrawn, corrected := l.of(f.envelope, f.signers)
	switch {
	case withdrawn > 0:
		return nil, f.no("its lab withdrew it, %s", l)
	case l.has[f.envelope] == "":
		return nil, f.no("the log does not have it, %s", l)
	case corrected > 0:
		notes = append(notes, remark{"corrected", fmt.Sprintf("%s, %s: ask the lab what it corrects", plural(corrected, "correction"), l)})
	}
	return append(notes, remark{"withdrawn", fmt.Sprintf("not %s; anything later is not visible offline", l)}), nil
}

func claimCheckCmd() *cobra.Command {
	var labs, reports, given []string
	var policyFile, claimFile, log string
	cmd := &cobra.Command{
		Use:   "check STATEMENT",
		Short: "Check a signed verdict",
		Long: `Check verifies a signed verdict: that a lab of the policy signed it, and that it
has the one form that verdicts have. With --claim it is held against the claim's
file, and with --report, too, judged again: the verdict must come out the same,
to the byte. With --log it is looked up in a copy of a log, and so is whether the
lab withdrew or corrected it up to that copy's size.

Exit code: 0 it holds, 2 bad usage or it cannot run, 4 it does not hold.`,
		Example: `  wardein claim check no-telnet.claim.dsse.json --policy allies.policy
  wardein claim check no-telnet.claim.dsse.json --policy allies.policy --claim no-telnet.toml --report olt-5.2.1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(reports) > 0 && claimFile == "" {
				return &hinted{errors.New("judging again needs the claim: --claim"), "--claim FILE --report REPORT"}
			}
			p, err := readPolicy(policyFile, labs, nil)
			if err != nil {
				return err
			}
			f, err := openSignedFile(args[0], statement.Claim, p)
			if err != nil {
				return err
			}
			v, err := claim.Read(f.Predicate)
			if err != nil {
				return f.no("predicate: %w", err)
			}
			if v.Claim.Digest != f.Subject.String() {
				return f.no("its subject is %s, its claim %s", f.Subject, v.Claim.Digest)
			}
			notes := []remark{{"is about", "no claim was given: its digest was not compared"}}
			if claimFile != "" {
				if notes, err = judgedAgain(f, claimFile, reports, given, policyFile); err != nil {
					return err
				}
			}
			more, err := f.lookUp(cmd, log, p)
			if err != nil {
				return err
			}
			return printed(cmd, func(out *bufio.Writer) error {
				fmt.Fprintf(out, "%-14s%s\n", "signed by", term.Clean(strings.Join(f.signers, ", ")))
				for _, n := range append(notes, more...) {
					fmt.Fprintf(out, "%-14s%s\n", n[0], n[1])
				}
				fmt.Fprintln(out)
				if err := out.Flush(); err != nil {
					return err
				}
				return v.Brief(out, widthOf(cmd.OutOrStdout()))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&policyFile, "policy", "", "whom to trust: this policy `FILE`")
	f.StringArrayVar(&labs, "lab", nil, "trust this lab's `VKEY`, too; may be repeated")
	f.StringVar(&claimFile, "claim", "", "the verdict must be on the claim in this `FILE`")
	f.StringArrayVar(&reports, "report", nil, "judge the claim again by this `REPORT`, or bundle; may be repeated")
	f.StringArrayVar(&given, "result", nil, "judge the claim again by this `FILE`, too, that compare or equiv wrote; may be repeated")
	f.StringVar(&log, "log", "", "look it up in the copy of a log in this `DIR`")
	return cmd
}

// judgedAgain holds a verdict against the claim's file and, if there are
// reports, against what they give.
func judgedAgain(f *signedFile, claimFile string, reports, given []string, policyFile string) ([]remark, error) {
	ledger, single, err := openClaims(claimFile)
	if err != nil {
		return nil, err
	}
	if !single {
		return nil, &hinted{fmt.Errorf("a folder is no claim: %s", term.Clean(claimFile)), "--claim names the claim's file"}
	}
	if d := ledger[0].Digest; d != f.Subject {
		return nil, f.no("it is about claim sha256 %s, the one at hand is %s", f.Subject, d)
	}
	if len(reports) == 0 {
		return []remark{{"is about", "the claim at hand; it was not judged again: --report names its reports"}}, nil
	}
	inputs, err := claimInputs(reports, policyFile)
	if err == nil {
		err = addResults(inputs, given)
	}
	if err != nil {
		return nil, err
	}
	again := claim.JudgeAll(ledger, inputs, checks.Checks())[0]
	b, err := again.JSON()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(b, f.Predicate) {
		return nil, f.no("judged again it differs: %s because %s", again.Verdict, plain(again.Because))
	}
	return []remark{{"is about", "the claim at hand, and judged again by these reports it is the same"}}, nil
}
