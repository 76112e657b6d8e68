package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/report"
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
(docs/policy.md): labs, vendors, logs, witnesses, and the quorum of witnesses.

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
	f.BoolVar(&v.replies, "replies", false, "print replies, corrections and withdrawals in full")
	f.BoolVar(&v.asJSON, "json", false, "as JSON")
	return cmd
}

// verification is one use of the verb.
type verification struct {
	policy, input            string
	labs, vendors, disclosed []string
	replies, asJSON          bool

	name   string
	trust  *policy.Policy
	bundle *prove.Verified
	opened []prove.Leaf
	rules  struct { // of recipe.json
		As_of, Module string
	}
}

func (v *verification) run(cmd *cobra.Command, file string) error {
	v.name = filepath.Base(file)
	var err error
	if v.trust, err = readPolicy(v.policy, v.labs, v.vendors); err != nil {
		return err
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(file, bundleEnd) {
		f, err = os.Open(file + bundleEnd)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if v.bundle, err = prove.Verify(f, st.Size(), v.trust); err != nil {
		return verdict(err, file)
	}
	if err := json.Unmarshal(v.bundle.Recipe, &v.rules); err != nil {
		return verdict(&prove.Refused{Part: "member " + prove.RecipeName, Why: err}, file)
	}
	if err := v.compare(cmd.Context()); err != nil {
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

// verdict makes an error about a bundle one of exit code 4.
func verdict(err error, file string) error {
	var r *prove.Refused
	if errors.As(err, &r) {
		return &refused{fmt.Errorf("%w: %s", err, file)}
	}
	return err
}

// readPolicy reads a policy and adds the keys of the command line.
func readPolicy(file string, labs, vendors []string) (*policy.Policy, error) {
	if file == "" {
		return nil, &hinted{errors.New("nothing is trusted: no --policy"), "a policy names labs, logs and witnesses, a line each: lab VKEY (docs/policy.md); wardein keys show prints such lines"}
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

// withdrawn tells whether the whole statement is withdrawn.
func (v *verification) withdrawn() bool {
	return slices.ContainsFunc(v.bundle.Counters, func(c prove.Signed) bool {
		w, ok := c.Record.(*record.Withdrawal)
		return ok && len(w.Findings) == 0
	})
}

func (v *verification) print(out *bufio.Writer) error {
	b := v.bundle
	line := func(label, format string, args ...any) {
		fmt.Fprintf(out, "%-12s%s\n", label, term.Clean(fmt.Sprintf(format, args...)))
	}
	state := "SIGNED, not logged (the policy names no log)"
	if b.Log != nil {
		state = fmt.Sprintf("SIGNED AND LOGGED, policy %s met (%s)", filepath.Base(v.policy), b.Log.Quorum)
	}
	if v.withdrawn() {
		state = "WITHDRAWN by its lab; " + state
	}
	fmt.Fprintf(out, "%s · %s\n", term.Clean(v.name), term.Clean(state))
	line("says", "%s ran wardein %s on sha256:%s, as of %s: %s", strings.Join(b.Signers, " and "), v.rules.Module, b.Subject, v.rules.As_of, plural(int(b.Inspection.Total()), "finding"))
	if v.input == "" {
		line("is about", "you gave no file: its digest was not compared   wardein verify --input FILE")
	} else {
		line("is about", "the file you hold: yes (sha256 equal)")
	}
	seen, err := b.Inspection.Seen()
	if err != nil {
		return err
	}
	line("looked at", "%s of bytes accounted · %s opened · %s of code read · %s", report.Percent(seen.Accounted), report.Percent(seen.Opened), report.Percent(seen.Read), gapWords(seen.Gaps))
	line("repeated", "%s", strings.Join(v.repeated(), " · "))
	line("vendor", "%s", v.vendor())
	for i := range v.opened {
		what, err := leafWords(&v.opened[i])
		if err != nil {
			return err
		}
		line("disclosed", "%s", what)
	}
	v.printWithdrawn(line)
	if v.replies {
		v.printRecords(out)
	}
	fmt.Fprintf(out, "%s\n", closing)
	return nil
}

// closing is the last sentence of what verify prints.
const closing = "This proves who reported what about these bytes. It does not say that the release is safe."

// repeated says for each lab of the policy whether it repeated the result.
func (v *verification) repeated() (all []string) {
	for _, c := range v.bundle.Counters {
		r, ok := c.Record.(*record.Rerun)
		if !ok {
			continue
		}
		what := "differs first at " + r.First
		switch {
		case r.Agrees:
			what = "agrees to the byte"
		case r.First == "":
			what = "differs in the recipe alone"
		}
		all = append(all, fmt.Sprintf("%s %s (%s%s)", strings.Join(c.Signers, " and "), what, r.Date, notLogged(v, &c)))
	}
	for i := range v.trust.Labs {
		name := v.trust.Labs[i].Name()
		if !slices.Contains(v.bundle.Signers, name) && !slices.ContainsFunc(v.bundle.Counters, func(c prove.Signed) bool {
			_, ok := c.Record.(*record.Rerun)
			return ok && slices.Contains(c.Signers, name)
		}) {
			all = append(all, "nothing by "+name)
		}
	}
	if len(all) == 0 {
		all = []string{"by nobody; the policy names no other lab"}
	}
	return all
}

// notLogged marks a statement that no log is shown to have.
func notLogged(v *verification, c *prove.Signed) string {
	if c.Log == nil && v.bundle.Log != nil {
		return ", not logged"
	}
	return ""
}

// vendor says when the vendor was asked and what it replied.
func (v *verification) vendor() string {
	s := "no contact record"
	if v.bundle.Contact != nil {
		s = askedWords(v.bundle.Contact.Record)
	}
	kinds := map[string][]string{}
	n := 0
	for _, c := range v.bundle.Counters {
		if r, ok := c.Record.(*record.Reply); ok {
			for _, f := range r.Replies {
				n++
				kinds[f.Kind] = append(kinds[f.Kind], f.Finding)
			}
		}
	}
	if n == 0 {
		return s + " · no reply is attached"
	}
	s += " · " + strconv.Itoa(n) + " replies"
	if n == 1 {
		s = strings.TrimSuffix(s, "ies") + "y"
	}
	for _, kind := range record.ReplyKinds {
		if ids := kinds[kind]; len(ids) > 0 {
			s += fmt.Sprintf(" · %s: %s", kind, strings.Join(ids[:min(len(ids), 4)], ", "))
			if len(ids) > 4 {
				s += fmt.Sprintf(" and %d more", len(ids)-4)
			}
		}
	}
	if !v.replies {
		s += "   wardein verify --replies"
	}
	return s
}

func (v *verification) printWithdrawn(line func(label, format string, args ...any)) {
	none := true
	for _, c := range v.bundle.Counters {
		switch r := c.Record.(type) {
		case *record.Correction:
			for _, f := range r.Corrections {
				line("corrected", "%s %s%s: %s", r.Date, f.Finding, notLogged(v, &c), f.Text)
			}
		case *record.Withdrawal:
			what := "the whole statement"
			if len(r.Findings) > 0 {
				what = strings.Join(r.Findings, ", ")
			}
			line("withdrawn", "%s %s%s: %s", r.Date, what, notLogged(v, &c), r.Text)
		default:
			continue
		}
		none = false
	}
	later := "what is not attached is not visible offline"
	if l := v.bundle.Log; l != nil {
		later = fmt.Sprintf("logged at size %d%s; what came later, or is not attached, is not visible offline", l.Size, dateWords(l))
	}
	if none {
		line("withdrawn", "nothing attached · %s", later)
	} else {
		line("", "%s", later)
	}
}

// dateWords is when a log had its size, by the earliest of its cosigners.
func dateWords(l *prove.Logged) string {
	if l.Time.IsZero() {
		return ""
	}
	return " (" + l.Time.Format("2006-01-02") + ")"
}

// printRecords prints what was attached, unedited.
func (v *verification) printRecords(out *bufio.Writer) {
	for _, c := range v.bundle.Counters {
		fmt.Fprintf(out, "\n%s by %s%s\n", strings.ToUpper(recordWord(c.Record)), term.Clean(strings.Join(c.Signers, " and ")), notLogged(v, &c))
		writeRecord(out, c.Record)
	}
	if len(v.bundle.Counters) > 0 {
		out.WriteByte('\n')
	}
}

// gapWords counts gaps by kind.
func gapWords(gaps []prove.Gap) string {
	if len(gaps) == 0 {
		return "no gaps"
	}
	n := map[string]int{}
	var kinds []string
	for _, g := range gaps {
		if n[g.Kind]++; n[g.Kind] == 1 {
			kinds = append(kinds, g.Kind)
		}
	}
	slices.SortFunc(kinds, func(a, b string) int {
		if n[a] != n[b] {
			return n[b] - n[a]
		}
		return strings.Compare(a, b)
	})
	for i, k := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", n[k], k)
	}
	return plural(len(gaps), "gap") + ": " + strings.Join(kinds, ", ")
}

// leafWords says what a disclosed leaf is.
func leafWords(l *prove.Leaf) (string, error) {
	if l.Root == prove.FindingsRoot {
		var f report.SavedFinding
		if err := json.Unmarshal([]byte(l.Line), &f); err != nil {
			return "", err
		}
		return fmt.Sprintf("finding %d of %d: %s  %s  %s: %s", l.Index+1, l.Size, f.ID, f.Severity, f.Rule, plain(f.Says.Text)), nil
	}
	n, err := report.ParseNode([]byte(l.Line))
	if err != nil {
		return "", err
	}
	s := fmt.Sprintf("node %d of %d: %s  %s", l.Index+1, l.Size, report.Place(n.Path), n.Kind)
	if n.Blob != (wardein.Digest{}) {
		s += fmt.Sprintf("  %d bytes  sha256:%s", n.Size, n.Blob)
	}
	return s, nil
}

// write is the result as JSON.
func (v *verification) write(w *canon.Writer) {
	b := v.bundle
	names := func(field string, all []string) {
		w.Field(field).Array(func() {
			for _, s := range all {
				w.Text(s)
			}
		})
	}
	logged := func(l *prove.Logged) {
		if l == nil {
			w.Raw([]byte("null"))
			return
		}
		w.Object(func() {
			date := ""
			if !l.Time.IsZero() {
				date = l.Time.UTC().Format("2006-01-02T15:04:05Z")
			}
			w.Field("date").Text(date)
			w.Field("index").Big(int64(l.Index))
			w.Field("origin").Text(l.Origin)
			w.Field("quorum").Text(l.Quorum)
			w.Field("size").Big(int64(l.Size))
			names("witnesses", l.Witnesses)
		})
	}
	signed := func(s *prove.Signed) {
		w.Object(func() {
			w.Field("envelope").Text(s.Envelope.String())
			w.Field("log")
			logged(s.Log)
			w.Field("predicate").Raw(s.Predicate)
			names("signers", s.Signers)
			w.Field("type").Text(s.Type)
		})
	}
	w.Field("closing").Text(closing)
	w.Field("contact")
	if b.Contact == nil {
		w.Raw([]byte("null"))
	} else {
		signed(b.Contact)
	}
	w.Field("counters").Array(func() {
		for i := range b.Counters {
			signed(&b.Counters[i])
		}
	})
	w.Field("disclosed").Array(func() {
		for _, l := range v.opened {
			w.Object(func() {
				w.Field("index").Int(l.Index)
				w.Field("line").Text(l.Line)
				w.Field("root").Text(l.Root)
				w.Field("size").Int(l.Size)
			})
		}
	})
	w.Field("envelope").Text(b.Envelope.String())
	input := "not compared"
	if v.input != "" {
		input = "equal"
	}
	w.Field("input").Text(input)
	inspection, err := canon.Of(b.Inspection)
	if err != nil {
		panic(err) // it was read from canonical JSON
	}
	w.Field("inspection").Raw(inspection)
	w.Field("log")
	logged(b.Log)
	w.Field("public").Bool(b.Public)
	w.Field("recipe").Raw(bytes.TrimSpace(b.Recipe))
	names("signers", b.Signers)
	standing := "stands"
	if v.withdrawn() {
		standing = "withdrawn"
	}
	w.Field("standing").Text(standing)
	w.Field("subject").Text(b.Subject.String())
}
