package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/internal/tomlfile"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/dsse"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/report"
)

func counterCmd() *cobra.Command {
	var c counter
	cmd := &cobra.Command{
		Use:   "counter BUNDLE",
		Short: "Attach a signed answer to a bundle: a re-run, replies, a correction",
		Long: `Counter signs a statement about a bundle's statement and attaches it to the
bundle. It changes nothing that the bundle's lab has signed.

  --rerun REPORT         another lab's report of the same release: it agrees to
                         the byte, or differs first at a place that is named
  --reply FINDING=KIND   the vendor's reply to a finding; a --text for each, in
                         the same order, is kept as it was written. KIND is
                         confirmed, "fixed in VERSION", disputed,
                         not-affected, depends (on deployment) or no-reply
  --replies FILE         replies from a TOML file: tables [[reply]] with finding,
                         kind, version, text
  --correct FINDING      what the lab corrects of a finding; a --text for each
  --withdraw             the lab withdraws its statement, or with --finding only
                         these findings; --text says why
  --attach FILE          a statement that somebody else signed

The beginning of a FINDING's ID is enough where the bundle has the report and
it is the only one. Log the statement afterwards: wardein log add.

Exit code: 0 done, 1 a re-run differs, 2 bad usage or it cannot run.`,
		Example: `  wardein counter olt-5.2.1.wardein --key lab-south.example.key --rerun olt-5.2.1.wardein.json
  wardein counter olt-5.2.1.wardein --key vendor.example.key \
    --reply F-7c21='fixed in 5.2.2' --text 'The account is gone.' \
    --reply F-90aa=disputed --text 'The key is a sample; see our note 14.'
  wardein counter olt-5.2.1.wardein --key lab-north.example.key --withdraw --text 'another file was inspected'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.rerun, "rerun", "", "compare with this `REPORT` of the same release")
	f.StringArrayVar(&c.replies, "reply", nil, "a reply: `FINDING=KIND`; may be repeated")
	f.StringVar(&c.replyFile, "replies", "", "replies from this TOML `FILE`")
	f.StringArrayVar(&c.corrects, "correct", nil, "correct this `FINDING`; may be repeated")
	f.BoolVar(&c.withdraw, "withdraw", false, "withdraw the statement, or the findings of --finding")
	f.StringArrayVar(&c.findings, "finding", nil, "withdraw this `FINDING` only; may be repeated")
	f.StringVar(&c.attach, "attach", "", "attach the signed statement in this `FILE`")
	f.StringArrayVar(&c.texts, "text", nil, "what a reply, correction or withdrawal says: `TEXT`; may be repeated")
	f.StringVar(&c.date, "date", "", "the statement's `DATE` (default: today)")
	f.StringVarP(&c.file, "output", "o", "", "write the signed statement to this `FILE` and leave the bundle as it is")
	c.key.add(cmd)
	return cmd
}

// counter is one use of the verb.
type counter struct {
	key                                  keyFlags
	rerun, replyFile, attach, date, file string
	replies, corrects, findings, texts   []string
	withdraw                             bool

	about about
}

// about is the statement that is answered.
type about struct {
	digest     wardein.Digest // of its envelope
	envelope   *dsse.Envelope
	release    wardein.Digest
	inspection prove.Inspection
	report     []byte // nil in a public bundle
}

// maxStatement bounds a statement that is read whole.
const maxStatement = dsse.MaxSize

// readAbout reads the bundle's statement, and its report where it has one.
// Signatures are not checked: who does not trust a bundle verifies it.
func readAbout(file string) (a about, err error) {
	f, b, err := openBundle(file)
	if err == nil && b == nil {
		err = fmt.Errorf("no bundle: %s", term.Clean(file))
	}
	if err != nil {
		return a, err
	}
	defer f.Close()
	if a, err = aboutBundle(b); err != nil {
		err = fmt.Errorf("%w: %s", err, term.Clean(file))
	}
	return a, err
}

func aboutBundle(b *prove.Bundle) (a about, err error) {
	envelope, err := b.Read(prove.StatementName, maxStatement)
	if err != nil {
		return a, err
	}
	s, e, err := statement.Open(envelope)
	if err != nil {
		return a, err
	}
	a.digest, a.envelope, a.release = statement.Digest(envelope), e, s.Subject
	if s.Type != statement.Inspection {
		return a, fmt.Errorf("the bundle's statement is of the type %q", s.Type)
	}
	if err := json.Unmarshal(s.Predicate, &a.inspection); err != nil {
		return a, fmt.Errorf("predicate: %w", err)
	}
	if b.Find(prove.ReportName) == nil {
		return a, nil
	}
	if a.report, err = b.Read(prove.ReportName, maxReport); err != nil {
		return a, err
	}
	if sum := wardein.Digest(sha256.Sum256(a.report)); sum != a.inspection.Report {
		return a, fmt.Errorf("bundle: member %s: sha256 %s expected %s", prove.ReportName, sum, a.inspection.Report)
	}
	return a, nil
}

func (c *counter) run(cmd *cobra.Command, file string) (err error) {
	modes := 0
	for _, used := range []bool{c.rerun != "", len(c.replies) > 0, c.replyFile != "", len(c.corrects) > 0, c.withdraw, c.attach != ""} {
		if used {
			modes++
		}
	}
	if modes != 1 {
		return &hinted{fmt.Errorf("%d answers at once, expected one", modes), "--rerun, --reply, --replies, --correct, --withdraw or --attach"}
	}
	if c.date == "" {
		c.date = today()
	}
	if c.about, err = readAbout(file); err != nil {
		return err
	}
	if c.about.report == nil && c.rerun == "" && c.attach == "" && !(c.withdraw && len(c.findings) == 0) {
		fmt.Fprintln(cmd.ErrOrStderr(), "wardein: this bundle has no report to look the findings up in: their IDs are taken as they are")
	}
	envelope, r, err := c.signed(cmd.Context())
	if err != nil {
		return err
	}
	member := "counter/" + statement.Digest(envelope).String()[:16] + ".dsse.json"
	if c.file != "" {
		err = writeFile(c.file, func(w io.Writer) error { _, err := w.Write(envelope); return err })
	} else {
		err = prove.Attach(file, file, member, envelope)
	}
	if err != nil {
		return err
	}
	if err := printed(cmd, func(out *bufio.Writer) error {
		where, next := "attached as "+member, "wardein log add DIR "+report.Quote(file)
		if c.file != "" {
			where, next = "in "+term.Clean(c.file), "wardein counter "+report.Quote(file)+" --attach "+report.Quote(c.file)
		}
		fmt.Fprintf(out, "%s · %s, %s\n", term.Clean(filepath.Base(file)), strings.ToUpper(recordWord(r)), where)
		writeRecord(out, r)
		fmt.Fprintf(out, "%-12s%s\n", "next", next)
		return nil
	}); err != nil {
		return err
	}
	if re, ok := r.(*record.Rerun); ok && !re.Agrees && c.attach == "" {
		return &exit{exitThreshold}
	}
	return nil
}

// signed is the statement to attach and what it says.
func (c *counter) signed(ctx context.Context) (envelope []byte, r record.Record, err error) {
	if c.attach != "" {
		return c.foreign()
	}
	var kinds []keys.Kind
	switch {
	case c.rerun != "":
		r, err = c.repeated()
		kinds = []keys.Kind{keys.Lab}
	case len(c.replies) > 0 || c.replyFile != "":
		r, err = c.replied()
		kinds = []keys.Kind{keys.Vendor}
	case len(c.corrects) > 0:
		r, err = c.corrected()
		kinds = []keys.Kind{keys.Lab}
	default:
		r, err = c.withdrawn()
		kinds = []keys.Kind{keys.Lab}
	}
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		return nil, nil, err
	}
	if envelope, err = signRecord(ctx, &c.key, c.about.digest, r, kinds...); err != nil {
		return nil, nil, err
	}
	return envelope, r, c.allowed(envelope, r)
}

// foreign reads a statement that was signed elsewhere.
func (c *counter) foreign() ([]byte, record.Record, error) {
	envelope, err := readSmall(c.attach)
	if err != nil {
		return nil, nil, err
	}
	s, _, err := statement.Open(envelope)
	var r record.Record
	if err == nil {
		var ok bool
		if r, ok, err = record.Of(s); !ok || err == nil && s.Type == statement.Contact {
			err = fmt.Errorf("a statement of the type %q answers no bundle", s.Type)
		}
	}
	if err == nil && s.Subject != c.about.digest {
		err = fmt.Errorf("it answers the statement sha256:%s, the bundle's is sha256:%s", s.Subject, c.about.digest)
	}
	if err == nil {
		err = c.allowed(envelope, r)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s", err, term.Clean(c.attach))
	}
	return envelope, r, nil
}

// allowed refuses a correction or withdrawal by a key that did not sign the
// statement: it would say nothing.
func (c *counter) allowed(envelope []byte, r record.Record) error {
	switch r.(type) {
	case *record.Correction, *record.Withdrawal:
	default:
		return nil
	}
	e, err := dsse.Open(envelope)
	if err != nil {
		return err
	}
	for i := range e.Signatures {
		id := e.Signatures[i].KeyID()
		if slices.ContainsFunc(c.about.envelope.Signatures, func(s dsse.Signature) bool { return s.KeyID() == id }) {
			return nil
		}
	}
	return &hinted{fmt.Errorf("a %s is the statement's own lab's: %s signed it", recordWord(r), term.Clean(c.about.inspection.Lab)), "another lab says what it found with --rerun"}
}

// repeated compares another report of the same release with the bundle's.
func (c *counter) repeated() (record.Record, error) {
	b, err := readReport(c.rerun)
	if err != nil {
		return nil, err
	}
	s, err := report.Parse(b, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, term.Clean(c.rerun))
	}
	if s.Release.Digest != c.about.release {
		return nil, fmt.Errorf("%s is about another release, sha256:%s; the bundle is about sha256:%s", term.Clean(c.rerun), s.Release.Digest, c.about.release)
	}
	if s.Partial {
		return nil, fmt.Errorf("the inspection was interrupted: a part of a report repeats nothing: %s", term.Clean(c.rerun))
	}
	r := &record.Rerun{Date: c.date, Recipe: report.RecipeDigest(&s.Report.Recipe), Release: c.about.release, Report: s.File}
	if r.Agrees = r.Report == c.about.inspection.Report; r.Agrees {
		return r, nil
	}
	if c.about.report == nil {
		return nil, errors.New("the reports differ, and this bundle has none to say where: the full bundle does")
	}
	was, err := report.Parse(c.about.report, nil)
	if err != nil {
		return nil, fmt.Errorf("the bundle's report: %w", err)
	}
	diff, err := compareReports(was.Report, c.about.report, s.Report, b)
	if err != nil {
		return nil, err
	}
	r.First = diff.pointer
	return r, nil
}

// replied reads the replies of the command line or of a file.
func (c *counter) replied() (record.Record, error) {
	r := &record.Reply{Date: c.date}
	if c.replyFile != "" {
		if len(c.texts) > 0 {
			return nil, errors.New("--replies has its texts in the file: no --text beside it")
		}
		if err := c.readReplies(r); err != nil {
			return nil, err
		}
	} else if err := c.paired(len(c.replies)); err != nil {
		return nil, err
	}
	for i, s := range c.replies {
		id, said, _ := strings.Cut(s, "=")
		f := record.FindingReply{Finding: id}
		if len(c.texts) > 0 {
			f.Text = c.texts[i]
		}
		if err := parseReplyKind(&f, said); err != nil {
			return nil, err
		}
		r.Replies = append(r.Replies, f)
	}
	for i := range r.Replies {
		var err error
		if r.Replies[i].Finding, err = c.finding(r.Replies[i].Finding); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(r.Replies, func(a, b record.FindingReply) int { return strings.Compare(a.Finding, b.Finding) })
	return r, nil
}

// readReplies reads tables [[reply]] of a TOML file.
func (c *counter) readReplies(r *record.Reply) error {
	b, err := readSmall(c.replyFile)
	if err != nil {
		return err
	}
	var file struct {
		Reply []struct{ Finding, Kind, Version, Text string }
	}
	if err := tomlfile.Read(b, &file); err != nil {
		return &hinted{fmt.Errorf("%w: %s", err, term.Clean(c.replyFile)), "tables [[reply]] have finding, kind, version, text"}
	}
	for _, x := range file.Reply {
		f := record.FindingReply{Finding: x.Finding, Text: x.Text, Version: x.Version}
		said := x.Kind
		if x.Version != "" {
			said += " " + x.Version
		}
		if err := parseReplyKind(&f, said); err != nil {
			return fmt.Errorf("%w: %s", err, term.Clean(c.replyFile))
		}
		r.Replies = append(r.Replies, f)
	}
	return nil
}

// parseReplyKind reads a kind as it is typed: the record's word, or its
// beginning, with "-" for spaces; the version of "fixed in" behind it.
func parseReplyKind(f *record.FindingReply, said string) error {
	said = strings.TrimSpace(said)
	plain := strings.ReplaceAll(said, "-", " ")
	if strings.HasPrefix(plain, record.FixedIn) {
		f.Kind, f.Version = record.FixedIn, strings.TrimLeft(said[len(record.FixedIn):], " =:")
		return nil
	}
	for _, k := range record.ReplyKinds {
		if len(plain) > 1 && strings.HasPrefix(k, plain) && k != record.FixedIn {
			f.Kind = k
			return nil
		}
	}
	return &hinted{fmt.Errorf("no kind of reply: %q to %q", said, f.Finding), "confirmed, 'fixed in VERSION', disputed, not-affected, depends or no-reply, as in --reply F-7c21=confirmed"}
}

func (c *counter) corrected() (record.Record, error) {
	if len(c.texts) == 0 {
		return nil, errors.New("what is corrected is not said: no --text")
	}
	if err := c.paired(len(c.corrects)); err != nil {
		return nil, err
	}
	r := &record.Correction{Date: c.date}
	for i, s := range c.corrects {
		id, err := c.finding(s)
		if err != nil {
			return nil, err
		}
		r.Corrections = append(r.Corrections, record.FindingCorrection{Finding: id, Text: c.texts[i]})
	}
	slices.SortStableFunc(r.Corrections, func(a, b record.FindingCorrection) int { return strings.Compare(a.Finding, b.Finding) })
	return r, nil
}

func (c *counter) withdrawn() (record.Record, error) {
	if len(c.texts) != 1 {
		return nil, &hinted{fmt.Errorf("%d texts say why it is withdrawn, expected one", len(c.texts)), "--text 'another file was inspected'"}
	}
	r := &record.Withdrawal{Date: c.date, Findings: []string{}, Text: c.texts[0]}
	for _, s := range c.findings {
		id, err := c.finding(s)
		if err != nil {
			return nil, err
		}
		r.Findings = append(r.Findings, id)
	}
	slices.Sort(r.Findings)
	return r, nil
}

// paired demands a text for each of n things, or none at all.
func (c *counter) paired(n int) error {
	if len(c.texts) != 0 && len(c.texts) != n {
		return &hinted{fmt.Errorf("%d texts for %d findings", len(c.texts), n), "one --text for each, in the same order; '' is no text"}
	}
	return nil
}

// finding is the ID that begins with s in the bundle's report.
func (c *counter) finding(s string) (string, error) {
	if c.about.report == nil {
		return s, nil
	}
	saved, err := report.Read(bytes.NewReader(c.about.report))
	if err != nil {
		return "", err
	}
	var near []string
	for i := range saved.Findings {
		id := saved.Findings[i].ID
		if id == s {
			return id, nil
		}
		if s != "" && strings.HasPrefix(id, s) && !slices.Contains(near, id) {
			near = append(near, id)
		}
	}
	switch len(near) {
	case 0:
		return "", &hinted{fmt.Errorf("no finding %q in the bundle's report", s), "wardein show --report REPORT lists them"}
	case 1:
		return near[0], nil
	}
	return "", &hinted{fmt.Errorf("%d findings begin with %q", len(near), s), strings.Join(near[:min(len(near), 8)], ", ")}
}

// recordWord is what people call a record.
func recordWord(r record.Record) string {
	switch r.(type) {
	case *record.Contact:
		return "contact record"
	case *record.Rerun:
		return "re-run"
	case *record.Reply:
		return "reply"
	case *record.Correction:
		return "correction"
	}
	return "withdrawal"
}

// writeRecord prints what a record says, texts unedited.
func writeRecord(out *bufio.Writer, r record.Record) {
	line := func(label, text string) { fmt.Fprintf(out, "%-12s%s\n", term.Clean(label), term.Clean(text)) }
	text := func(s string) {
		for l := range strings.Lines(s) {
			out.WriteString(strings.TrimRight("            | "+term.Clean(strings.TrimRight(l, "\r\n")), " ") + "\n")
		}
	}
	switch r := r.(type) {
	case *record.Contact:
		writeContact(out, r)
	case *record.Rerun:
		switch {
		case r.Agrees:
			line("repeated", r.Date+", agrees to the byte")
		case r.First == "":
			line("repeated", r.Date+", the same but for the recipe")
		default:
			line("repeated", r.Date+", differs first at "+r.First)
		}
	case *record.Reply:
		for i := range r.Replies {
			line(r.Replies[i].Finding, r.Replies[i].String())
			text(r.Replies[i].Text)
		}
	case *record.Correction:
		for _, c := range r.Corrections {
			line(c.Finding, "corrected "+r.Date)
			text(c.Text)
		}
	case *record.Withdrawal:
		what := "the statement"
		if len(r.Findings) > 0 {
			what = strings.Join(r.Findings, ", ")
		}
		line("withdrawn", r.Date+", "+what)
		text(r.Text)
	}
}
