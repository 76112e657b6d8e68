package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/compare/equiv"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/statement"
)

func equivRulesCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List the rules by which differences are explained",
		Long:  "List the rules of equiv in the order in which they are asked: class, name, what exactly each accepts, and where that is specified.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeJSON(out, func(w *canon.Writer) {
						w.Field("rules").Array(func() {
							for _, r := range equiv.Rules() {
								w.Object(func() {
									w.Field("accepted").Bool(!r.Never)
									w.Field("class").Text(string(r.Class))
									w.Field("doc").Text(r.Doc)
									w.Field("name").Text(r.Name)
									w.Field("source").Text(r.Source)
								})
							}
						})
					})
				}
				for _, r := range equiv.Rules() {
					fmt.Fprintf(out, "%-16s%s\n%-16s%s\n", r.Name, r.Class, "", term.Wrap(r.Doc, 16, 16, widthOf(cmd.OutOrStdout())))
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func equivCheckCmd() *cobra.Command {
	var c equivCheck
	cmd := &cobra.Command{
		Use:   "check STATEMENT [SHIPPED REBUILT [REBUILT2]]",
		Short: "Check a signed statement of equivalence",
		Long: `Check verifies a statement of equivalence: that a lab of the policy signed it, and
that it has the one form that such statements have. With the releases, and
--facts, it is made again: it must come out the same, to the byte, but for the
version of wardein. With --log it is looked up in a copy of a log, and so is whether
the lab withdrew it up to that copy's size.

Exit code: 0 it holds, whatever it says, 2 bad usage or it cannot run, 4 it does
not hold.`,
		Example: `  wardein equiv check olt-5.2.1.equiv.dsse.json --policy allies.policy
  wardein equiv check olt-5.2.1.equiv.dsse.json olt-5.2.1.bin rebuilt.bin --facts build.toml --policy allies.policy`,
		Args: cobra.RangeArgs(1, 4),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&c.policy, "policy", "", "whom to trust: this policy `FILE`")
	f.StringArrayVar(&c.labs, "lab", nil, "trust this lab's `VKEY`, too; may be repeated")
	f.StringVar(&c.facts, "facts", "", "what was known of the builds: this `FILE`")
	f.StringVar(&c.log, "log", "", "look it up in the copy of a log in this `DIR`")
	addLabFlags(cmd, &c.lab)
	return cmd
}

// equivCheck is one use of the verb.
type equivCheck struct {
	policy, facts, log string
	labs               []string
	lab                labFlags
}

func (c *equivCheck) run(cmd *cobra.Command, args []string) error {
	if len(args) == 2 {
		return &hinted{errors.New("two releases are compared: the shipped one and the rebuilt one"), "usage: " + cmd.UseLine()}
	}
	p, err := readPolicy(c.policy, c.labs, nil)
	if err != nil {
		return err
	}
	f, err := openSignedFile(args[0], statement.Equivalence, p)
	if err != nil {
		return err
	}
	said, err := equiv.Read(f.Predicate)
	if err != nil {
		return f.no("predicate: %w", err)
	}
	if said.Shipped.Digest != f.Subject.String() {
		return f.no("its subject is %s, its shipped release %s", f.Subject, said.Shipped.Digest)
	}
	notes := []remark{{"is about", "no releases were given: their digests were not compared"}}
	if len(args) > 2 {
		if notes, err = c.again(cmd, f, said, args[1:]); err != nil {
			return err
		}
	}
	more, err := f.lookUp(cmd, c.log, p)
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
		return said.Table(out, "sha256:"+clip(said.Shipped.Digest, 12)+"…", widthOf(cmd.OutOrStdout()))
	})
}

// again makes the statement again.
func (c *equivCheck) again(cmd *cobra.Command, f *signedFile, said *equiv.Result, names []string) ([]remark, error) {
	facts, err := readFacts(c.facts)
	if err != nil {
		return nil, err
	}
	c.lab.prints = true
	r, err := equivResult(cmd.Context(), names, facts, c.lab)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Shipped.Digest != said.Shipped.Digest:
		return nil, f.no("it is about release sha256 %s, the one at hand is %s", said.Shipped.Digest, r.Shipped.Digest)
	case r.Facts != said.Facts:
		return nil, &hinted{f.no("the facts at hand are others: sha256 %q, it was made with %q", r.Facts, said.Facts), "--facts names the file that it was made with"}
	}
	r.Module = said.Module
	b, err := r.JSON()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(b, f.Predicate) {
		pointer, _, _, _, err := canon.Diff(f.Predicate, b)
		if err != nil {
			return nil, err
		}
		return nil, f.no("made again it differs, first at %s", pointer)
	}
	return []remark{{"is about", "the releases at hand, and made again it is the same"}}, nil
}
