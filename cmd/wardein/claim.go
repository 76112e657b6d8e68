package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/claim"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/report"
)

// claimKinds are the forms that claim writes, with the ends of their files'
// names.
var claimKinds = map[string]string{"table": "-", "json": ".claim.json", "html": ".claim.html"}

const claimKindList = "table, json, html"

// claimEnd ends the names of signed verdicts' files.
const claimEnd = ".claim.dsse.json"

func claimCmd() *cobra.Command {
	var outputs, reports, given []string
	var asJSON, brief, initial bool
	var policyFile string
	var key keyFlags
	cmd := &cobra.Command{
		Use:   "claim CLAIM.toml|DIR",
		Short: "Judge a statement about a product by reports of its releases",
		Long: `Claim judges what somebody says of a product. A claim is a file that quotes one
statement, says whose it is and where it stands, and names the tests that bear
on it (docs/claims.md); --init prints one to begin with. The verdict is one of

  supported                 findings show what the statement says
  contradicted              findings contradict it
  not shown                 the tests looked for it and did not find it, which
                            does not show that it is absent
  not examined              what could decide it was not looked at
  not testable on software  it is about conduct, intent or law

Beside it stand the findings, what was not covered, and what the vendor and
other laboratories say. A --result is a file that wardein compare or wardein
equiv wrote as JSON, for tests that ask for one. A --report is a file that inspect wrote, or a bundle,
which --policy verifies first. A folder is a ledger: the newest version of each
of its claims is judged.

--brief writes one page. --key signs the verdict as a statement of its own, in
ID.claim.dsse.json, which wardein log add takes.`,
		Example: `  wardein claim --init > no-telnet.toml
  wardein claim no-telnet.toml --report olt-5.2.1
  wardein claim no-telnet.toml --report olt-5.2.1.wardein --policy allies.policy --brief -o html
  wardein claim claims/ --report olt-5.2.1
  wardein claim list claims/`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if initial {
				if len(args) > 0 {
					return &hinted{errors.New("--init takes no claim"), "it prints one: wardein claim --init > CLAIM.toml"}
				}
				_, err := io.WriteString(cmd.OutOrStdout(), claim.Template)
				return err
			}
			if len(args) == 0 {
				return &hinted{errors.New("no claim is named"), "wardein claim --init prints one to begin with; wardein claim list DIR lists those of a folder"}
			}
			if asJSON {
				outputs = append(outputs, "json=-")
			}
			name := strings.TrimSuffix(filepath.Base(filepath.Clean(args[0])), ".toml")
			wanted, err := outputsOf(outputs, name, claimKinds, claimKindList)
			if err != nil {
				return err
			}
			ledger, single, err := openClaims(args[0])
			if err != nil {
				return err
			}
			inputs, err := claimInputs(reports, policyFile)
			if err == nil {
				err = addResults(inputs, given)
			}
			if err != nil {
				return err
			}
			verdicts := claim.JudgeAll(ledger, inputs, checks.Checks())
			err = putAll(cmd, wanted, func(kind string, out io.Writer) error {
				return writeVerdicts(kind, out, verdicts, single, brief)
			})
			if err != nil || key.key == "" {
				return err
			}
			return signVerdicts(cmd, &key, ledger, verdicts)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&reports, "report", nil, "judge by this `REPORT`, or by the report in a bundle; may be repeated")
	f.StringArrayVar(&given, "result", nil, "judge by this `FILE`, too, that compare or equiv wrote as JSON about the release of a report; may be repeated")
	f.StringVar(&policyFile, "policy", "", "verify bundles under the policy in this `FILE`")
	f.BoolVar(&brief, "brief", false, "one page")
	f.BoolVar(&initial, "init", false, "print a claim to begin with")
	f.StringArrayVarP(&outputs, "output", "o", nil, "write `KIND[=FILE]`: "+claimKindList+"; \"-\" is standard output; may be repeated")
	f.BoolVar(&asJSON, "json", false, "short for -o json=-")
	key.add(cmd)
	complete(cmd, "output", strings.Split(claimKindList, ", ")...)
	if err := cmd.RegisterFlagCompletionFunc("report", completeReports); err != nil {
		panic(err) // no such flag
	}
	cmd.AddCommand(claimListCmd(), claimCheckCmd(), withdrawCmd(statement.Claim, "signed verdict", claimEnd))
	return cmd
}

func claimListCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "list DIR",
		Short: "List the claims of a folder",
		Long: `List the claims of a folder, its files that end in .toml: ID, version, kind, day,
who said it, and the words. A version that a later one replaces is marked.`,
		Example: `  wardein claim list claims/`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ledger, err := readLedger(args[0])
			if err != nil {
				return err
			}
			if len(ledger) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "wardein: no claims: no file there ends in .toml")
			}
			return printed(cmd, func(out *bufio.Writer) error {
				for _, e := range ledger {
					notes := ""
					if e.Replaced {
						notes = " (replaced)"
					}
					if e.Example {
						notes += " (example)"
					}
					fmt.Fprintf(out, "%s  v%d%s  %s  %s  %s: “%s”\n", e.ID, e.Version, notes, e.Kind, e.Said, term.Clean(e.By), term.Clean(e.Text))
				}
				return nil
			})
		},
	}
}

// openClaims reads the claim, or all of the folder, that a user names.
func openClaims(name string) (ledger []claim.Entry, single bool, err error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, false, err
	}
	if st.IsDir() {
		ledger, err = readLedger(name)
		return ledger, false, err
	}
	b, err := readSmall(name)
	if err != nil {
		return nil, false, err
	}
	c, err := claim.Parse(b)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", term.Clean(name), err)
	}
	return []claim.Entry{{Claim: c, File: name}}, true, nil
}

func readLedger(dir string) ([]claim.Entry, error) {
	ledger, err := claim.Ledger(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", term.Clean(dir), err)
	}
	return ledger, nil
}

// claimInputs reads reports, and verifies bundles.
func claimInputs(names []string, policyFile string) (inputs []claim.Input, err error) {
	var p *policy.Policy
	if policyFile != "" {
		if p, err = readPolicy(policyFile, nil, nil); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if !isBundle(name) {
			s, err := openSaved(name)
			if err != nil {
				return nil, err
			}
			inputs = append(inputs, claim.Input{Saved: s})
			continue
		}
		if p == nil {
			return nil, &hinted{fmt.Errorf("a bundle is verified before it is used: %s", term.Clean(name)), "--policy FILE names whom you trust; the report by itself needs none"}
		}
		v, s, err := verifiedReport(name, p)
		if err != nil {
			return nil, verdict(err, term.Clean(name))
		}
		in, err := heard(v, s)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, term.Clean(name))
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

// addResults gives each result of compare or equiv to the reports about its
// release.
func addResults(inputs []claim.Input, names []string) error {
	all, err := readResults(names)
	if err != nil {
		return err
	}
	for k, r := range all {
		used := false
		for i := range inputs {
			if inputs[i].Release.Digest == r.Release {
				inputs[i].Results = append(inputs[i].Results, r)
				used = true
			}
		}
		if !used {
			return &hinted{fmt.Errorf("no report is about the release of a result, sha256:%.12s…: %s", r.Release, term.Clean(names[k])), "--report names the report of that release: of the newer of two, of the shipped one"}
		}
	}
	return nil
}

// isBundle tells whether a file is a bundle and no report.
func isBundle(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "PK\x03\x04"
}

// verifiedReport verifies a bundle and reads its report.
func verifiedReport(name string, p *policy.Policy) (*prove.Verified, *report.Saved, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	v, err := prove.Verify(f, st.Size(), p)
	if err != nil {
		return nil, nil, err
	}
	b, err := prove.Open(f, st.Size())
	if err != nil {
		return nil, nil, err
	}
	m := b.Find(prove.ReportName)
	if m == nil {
		return nil, nil, &hinted{errors.New("the public bundle has no report"), "the full bundle has it"}
	}
	s, err := report.Read(bufio.NewReader(b.Content(m)))
	if err == nil && s.Digest != v.Inspection.Report {
		err = fmt.Errorf("the bundle changed while it was read")
	}
	return v, s, err
}

// heard is a bundle's report with what was said to it.
func heard(v *prove.Verified, s *report.Saved) (claim.Input, error) {
	in := claim.Input{Saved: s, Signers: v.Signers}
	if v.Contact != nil {
		if c, ok := v.Contact.Record.(*record.Contact); ok {
			in.Asked = c.Asked
		}
	}
	for _, c := range v.Counters {
		by := strings.Join(c.Signers, ", ")
		switch r := c.Record.(type) {
		case *record.Reply:
			for i := range r.Replies {
				f := &r.Replies[i]
				in.Replies = append(in.Replies, claim.Reply{By: by, Date: r.Date, Finding: f.Finding, Kind: f.String(), Text: f.Text})
			}
		case *record.Rerun:
			in.Reruns = append(in.Reruns, claim.Rerun{By: by, Date: r.Date, Agrees: r.Agrees, First: r.First})
		case *record.Correction:
			for _, f := range r.Corrections {
				in.Corrections = append(in.Corrections, claim.Correction{By: by, Date: r.Date, Finding: f.Finding, Text: f.Text})
			}
		case *record.Withdrawal:
			if len(r.Findings) == 0 {
				return in, &refused{fmt.Errorf("its lab withdrew it on %s", r.Date)}
			}
			in.Withdrawn = append(in.Withdrawn, r.Findings...)
		}
	}
	return in, nil
}

// writeVerdicts writes one kind of output.
func writeVerdicts(kind string, out io.Writer, verdicts []*claim.Verdict, single, brief bool) error {
	switch kind {
	case "html":
		return claim.HTML(out, verdicts, brief)
	case "json":
		var b bytes.Buffer
		for i, v := range verdicts {
			one, err := v.JSON()
			if err != nil {
				return err
			}
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(one)
		}
		if !single {
			_, err := fmt.Fprintf(out, "{\"claims\":[%s],\"version\":%q}\n", b.Bytes(), claim.Version)
			return err
		}
		_, err := fmt.Fprintf(out, "%s\n", b.Bytes())
		return err
	}
	width := widthOf(out)
	if !single && !brief {
		return listVerdicts(out, verdicts)
	}
	for i, v := range verdicts {
		if i > 0 {
			fmt.Fprint(out, "\n\f\n")
		}
		write := v.Table
		if brief {
			write = v.Brief
		}
		if err := write(out, width); err != nil {
			return err
		}
	}
	return nil
}

// listVerdicts writes a line for each claim of a ledger.
func listVerdicts(out io.Writer, verdicts []*claim.Verdict) error {
	w := bufio.NewWriter(out)
	for _, v := range verdicts {
		fmt.Fprintf(w, "%-24s  %s v%d  %s: “%s”\n", v.Verdict, v.Claim.ID, v.Claim.Number, term.Clean(v.Claim.By), term.Clean(v.Claim.Text))
		fmt.Fprintf(w, "%-24s  because: %s\n", "", plain(v.Because))
		for i := range v.Bears {
			fmt.Fprintf(w, "%-24s  bears on it: %s\n", "", v.Bears[i].String())
		}
	}
	return w.Flush()
}

// signVerdicts writes each verdict as a signed statement about its claim.
func signVerdicts(cmd *cobra.Command, flags *keyFlags, ledger []claim.Entry, verdicts []*claim.Verdict) error {
	key, err := flags.open(cmd.Context(), keys.Lab)
	if err != nil {
		return err
	}
	digests := map[string]wardein.Digest{}
	for _, e := range ledger {
		if !e.Replaced {
			digests[e.ID] = e.Digest
		}
	}
	for _, v := range verdicts {
		b, err := v.JSON()
		if err != nil {
			return err
		}
		s := &statement.Statement{Subject: digests[v.Claim.ID], Type: statement.Claim, Predicate: b}
		if err := writeStatement(cmd, key, s, v.Claim.ID+claimEnd); err != nil {
			return err
		}
	}
	return nil
}

// writeStatement signs a statement into a file.
func writeStatement(cmd *cobra.Command, key *keys.Key, s *statement.Statement, file string) error {
	signer, err := key.Signer()
	if err != nil {
		return err
	}
	envelope, err := statement.Sign(s, signer)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &hinted{fmt.Errorf("there is a file already: %s", term.Clean(file)), "it may be a signed statement, and is not overwritten: move it away"}
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(envelope); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s, signed by %s; wardein log add LOG %s puts it on record\n", term.Clean(file), term.Clean(signer.Name()), report.Quote(file))
	return nil
}
