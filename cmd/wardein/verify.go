package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/unpack"
)

func verifyCmd() *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify BUNDLE --policy FILE",
		Short: "Check a bundle offline: who signed what about which bytes",
		Long: `Verify checks a bundle to the last byte and asks nobody: the container, the
lab's signature, every member's digest, the salted roots, the log's proof, its
cosignatures, the answers that are attached. What it trusts is the policy alone
(docs/bundle.md): labs, vendors, logs, witnesses, and the quorum of witnesses.

  --input FILE       compare the release at hand with the one that was inspected
  --disclosed FILE   check what wardein disclose opened of the bundle
  --log DIR          look for corrections and withdrawals in a copy of the log
  --replies          print the vendor's replies, unedited

A policy without lab lines is one of C2SP tlog-policy; --lab VKEY and
--vendor VKEY add such keys.

Exit code: 0 it verifies, 1 it does and its lab has withdrawn the statement,
2 bad usage or it cannot run, 4 it does not verify; the message names the part.`,
		Example: `  wardein verify olt-5.2.1.wardein --policy allies.policy --input olt-5.2.1.bin
  wardein verify olt-5.2.1.public.wardein --policy allies.policy --disclosed telnet.json
  wardein verify olt-5.2.1.wardein --policy allies.policy --json | jq .log.size`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&v.policy, "policy", "", "trust what this `FILE` names")
	f.StringArrayVar(&v.labs, "lab", nil, "trust this lab's `VKEY`, too; may be repeated")
	f.StringArrayVar(&v.vendors, "vendor", nil, "trust this vendor's `VKEY`, too; may be repeated")
	f.StringVar(&v.input, "input", "", "the release at hand, a `FILE` or folder")
	f.StringArrayVar(&v.disclosed, "disclosed", nil, "check the disclosure in this `FILE`; may be repeated")
	f.StringVar(&v.log, "log", "", "look for corrections and withdrawals in the copy of the log in this `DIR`")
	f.BoolVar(&v.replies, "replies", false, "print replies, corrections and withdrawals in full")
	f.BoolVar(&v.asJSON, "json", false, "as JSON")
	return cmd
}

// verification is one use of the verb.
type verification struct {
	policy, input, log       string
	labs, vendors, disclosed []string
	replies, asJSON          bool

	name   string
	trust  *policy.Policy
	bundle *prove.Verified
	opened []prove.Leaf
	copy   *logCopy          // nil: none was given
	later  []statement.Entry // of the copy: what the lab says of its statement and is not attached
	rules  struct {          // of recipe.json
		As_of, Module string
	}
}

func (v *verification) run(cmd *cobra.Command, file string) error {
	v.name = filepath.Base(file)
	var err error
	if v.trust, err = readPolicy(v.policy, v.labs, v.vendors); err != nil {
		return err
	}
	f, size, err := openRegular(file)
	if errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(file, bundleEnd) {
		f, size, err = openRegular(file + bundleEnd)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if v.bundle, err = prove.Verify(f, size, v.trust); err != nil {
		return verdict(err, file)
	}
	if err := json.Unmarshal(v.bundle.Recipe, &v.rules); err != nil {
		return verdict(&prove.Refused{Part: "member " + prove.RecipeName, Why: err}, file)
	}
	if err := v.compare(cmd.Context()); err != nil {
		return verdict(err, file)
	}
	if err := v.look(cmd.Context()); err != nil {
		return verdict(err, file)
	}
	for _, name := range v.disclosed {
		if err := v.open(name); err != nil {
			return verdict(err, name)
		}
	}
	err = printed(cmd, func(out *bufio.Writer) error {
		if v.asJSON {
			return writeJSON(out, v.write)
		}
		return v.print(out)
	})
	if err == nil && v.withdrawn() {
		err = &exit{exitThreshold}
	}
	return err
}

// openRegular opens a file that can be read at any place.
func openRegular(name string) (*os.File, int64, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is not waited for
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("not a file: %s", term.Clean(name))
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// verdict makes an error about a bundle one of exit code 4.
func verdict(err error, file string) error {
	var r *prove.Refused
	if !errors.As(err, &r) {
		return err
	}
	err = &refused{fmt.Errorf("%w: %s", err, file)}
	if errors.Is(err, prove.ErrMissing) && r.Part == "member "+prove.ProofName {
		return &hinted{err, "it was not logged, or the proof was not attached: wardein log add DIR BUNDLE does both; a policy without log lines asks for the signature alone"}
	}
	return err
}

// readPolicy reads a policy and adds the keys of the command line.
func readPolicy(file string, labs, vendors []string) (*policy.Policy, error) {
	if file == "" {
		return nil, &hinted{errors.New("nothing is trusted: no --policy"), "a policy names labs, logs and witnesses, a line each: lab VKEY (docs/bundle.md); wardein keys show prints such lines"}
	}
	b, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, term.Clean(file))
	}
	for _, add := range []struct {
		keys []string
		to   *[]policy.Key
	}{{labs, &p.Labs}, {vendors, &p.Vendors}} {
		for _, s := range add.keys {
			k, err := policy.ParseKey(s, policy.Ed25519)
			if err != nil {
				return nil, err
			}
			same := func(o policy.Key) bool { return o.VKey == k.VKey }
			if slices.ContainsFunc(*add.to, same) {
				continue
			}
			if slices.ContainsFunc(append(slices.Clone(p.Labs), p.Vendors...), same) {
				return nil, fmt.Errorf("key %s is a lab's and a vendor's: one key is not both", term.Clean(k.Name()))
			}
			*add.to = append(*add.to, k)
		}
	}
	if len(p.Labs) == 0 {
		return nil, &hinted{fmt.Errorf("the policy names no lab: %s", term.Clean(file)), "--lab VKEY, or a line: lab VKEY"}
	}
	return p, nil
}

// compare compares the release at hand with the statement's subject.
func (v *verification) compare(ctx context.Context) error {
	if v.input == "" {
		return nil
	}
	in, err := unpack.OpenInput(ctx, v.input, unpack.DefaultLimits)
	if err != nil {
		return err
	}
	defer in.Close()
	if in.Digest != v.bundle.Subject {
		return &prove.Refused{Part: "input", Why: fmt.Errorf("sha256 %s, the bundle is about %s", in.Digest, v.bundle.Subject)}
	}
	return nil
}

// look looks for corrections and withdrawals in a copy of the log.
func (v *verification) look(ctx context.Context) (err error) {
	if v.log == "" {
		return nil
	}
	b := v.bundle
	if v.copy, err = readLogCopy(ctx, v.log, v.trust, b.Log); err != nil {
		return err
	}
	if _, has := v.copy.has[b.Envelope]; !has && b.Log != nil && b.Log.Origin == v.copy.Origin && b.Log.Index < v.copy.Size {
		return &prove.Refused{Part: "log", Why: fmt.Errorf("the copy %s has no entry of this statement", v.copy)}
	}
	for _, e := range v.copy.about(b.Envelope, b.Signers) {
		if !slices.ContainsFunc(b.Counters, func(c prove.Signed) bool { return c.Envelope == e.Envelope }) {
			v.later = append(v.later, e)
		}
	}
	return nil
}

// open checks a disclosure.
func (v *verification) open(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	d, err := v.bundle.Disclosed(f)
	if err != nil {
		return err
	}
	v.opened = append(v.opened, d.Leaves...)
	return nil
}

// withdrawn tells whether the whole statement is withdrawn, or may be: of a
// withdrawal that is not attached the log does not say what it withdraws.
func (v *verification) withdrawn() bool {
	return slices.ContainsFunc(v.later, func(e statement.Entry) bool { return e.Type == statement.Withdrawal }) || slices.ContainsFunc(v.bundle.Counters, func(c prove.Signed) bool {
		w, ok := c.Record.(*record.Withdrawal)
		return ok && len(w.Findings) == 0
	})
}
