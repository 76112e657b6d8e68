package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/dsse"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/report/audience"
)

const renderKindList = "table, json, html"

func renderCmd() *cobra.Command {
	var r rendering
	var outputs []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "render REPORT|BUNDLE",
		Short: "Render a report for those inside, for the vendor, or for the public",
		Long: `Render writes a report that inspect saved, or that of a bundle, for an audience:

  internal  all of it
  vendor    all that is about its release, and its own replies; no replies of
            other vendors
  public    shares, counts and gaps in full; no bytes of the release, no file
            tree, no components; and, before the embargo date of the contact
            record, of findings that are not fixed no more than the severity

What is left out is listed and numbered. What is attached to a bundle stands
beside its finding: the vendor's replies, unedited, corrections and withdrawals
of the lab. Each printed page names the evaluation date, the recipe and the
audience.

Who signed a bundle and what is attached to it is checked where --policy is
given; without it the rendering says that nobody checked.

Exit code: 0 done, 2 bad usage or it cannot run, 4 the bundle does not verify.`,
		Example: `  wardein render olt-5.2.1.wardein --for vendor -o html
  wardein render olt-5.2.1.wardein --for public --policy allies.policy -o html=olt.html
  wardein render olt-5.2.1 --for public --contact contact.dsse.json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeReports,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				outputs = append(outputs, "json=-")
			}
			if !slices.Contains(audience.Names, r.audience) {
				hint := strings.Join(audience.Names, ", ")
				if n := nearest(r.audience, audience.Names); n != "" {
					hint = "did you mean " + n + "?"
				}
				return &hinted{fmt.Errorf("no audience: %q", r.audience), hint}
			}
			name := strings.TrimSuffix(strings.TrimSuffix(args[0], kinds["json"]), ".wardein")
			wanted, err := outputsOf(outputs, outputBase(name), map[string]string{"table": "-", "json": "." + r.audience + ".json", "html": "." + r.audience + ".html"}, renderKindList)
			if err != nil {
				return err
			}
			if err := writable(wanted); err != nil {
				return err
			}
			if r.date == "" {
				r.date = today()
			} else if err := checkRenderDate(r.date); err != nil {
				return err
			}
			if err := r.read(args[0]); err != nil {
				return err
			}
			defer r.close()
			if err := r.choose(); err != nil {
				return err
			}
			screen := report.Screen{Beside: r.view.Beside}
			if f, ok := cmd.OutOrStdout().(*os.File); ok && term.IsTerminal(f) {
				screen.Width = term.Width(f)
			}
			if r.audience == audience.Internal && !r.bundled {
				screen.Saved = name
			}
			return putAll(cmd, wanted, func(kind string, out io.Writer) error {
				switch kind {
				case "json":
					return r.writeJSON(out)
				case "html":
					return report.HTMLBeside(out, r.view.Report, outputBase(name), r.treeFile(), r.report.Messages, r.view.Beside)
				}
				return report.Table(out, r.view.Report, outputBase(name), r.report.Messages, screen)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.audience, "for", audience.Internal, "for whom: internal, vendor or public (`AUDIENCE`)")
	f.StringVar(&r.vendor, "vendor", "", "the vendor, by its key's `NAME`, where several have replied")
	f.StringVar(&r.contactFile, "contact", "", "the contact record in this `FILE` (default: the bundle's)")
	f.StringVar(&r.policyFile, "policy", "", "verify the bundle under the policy in this `FILE` first")
	f.StringVar(&r.date, "date", "", "what is public on this `DATE` (default: today)")
	f.StringArrayVarP(&outputs, "output", "o", nil, "write `KIND[=FILE]`: "+renderKindList+"; \"-\" is standard output; may be repeated")
	f.BoolVar(&asJSON, "json", false, "short for -o json=-")
	complete(cmd, "for", audience.Names...)
	complete(cmd, "output", strings.Split(renderKindList, ", ")...)
	return cmd
}

func checkRenderDate(s string) error {
	if checkDate(s) != nil {
		return &hinted{fmt.Errorf("no date: %q", s), "YYYY-MM-DD"}
	}
	return nil
}

// outputBase is a name without its folder.
func outputBase(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// rendering is one use of the verb.
type rendering struct {
	audience, vendor, contactFile, policyFile, date string

	file    *os.File // the bundle, or the tree file
	bundled bool
	report  *report.Parsed
	tree    *io.SectionReader // nil: not at hand
	contact *record.Contact
	signers []string // of the bundle's statement
	answers []answer
	checked bool // who signed it all
	notes   []wardein.Note

	view *audience.View
}

// answer is a statement about the bundle's.
type answer struct {
	record record.Record
	who    []string
}

func (r *rendering) close() {
	if r.file != nil {
		r.file.Close()
	}
}

func (r *rendering) note(name, format string, args ...any) {
	r.notes = append(r.notes, wardein.Note{Name: name, Value: fmt.Sprintf(format, args...)})
}

// read reads the report that a user names, and what belongs to it.
func (r *rendering) read(name string) (err error) {
	file, bundle, err := openBundle(name)
	if err != nil && r.policyFile != "" {
		return &refused{err}
	}
	if err != nil {
		return err
	}
	if bundle != nil {
		r.file, r.bundled = file, true
		err := r.readBundle(bundle)
		if err == nil {
			return nil
		}
		file.Close()
		err = fmt.Errorf("%w: %s", err, term.Clean(name))
		if bad := (*prove.Refused)(nil); r.policyFile != "" && errors.As(err, &bad) {
			return &refused{err}
		}
		return err
	}
	if r.policyFile != "" {
		return &hinted{errors.New("a report alone is not signed: --policy needs a bundle"), "wardein prove makes one"}
	}
	f, err := openReport(name)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxReport+1))
	if err != nil {
		return err
	}
	if len(b) > maxReport {
		return fmt.Errorf("report of more than %d bytes: %s", maxReport, term.Clean(name))
	}
	if r.report, err = report.Parse(b, report.Messages(checks.Checks())); err != nil {
		return fmt.Errorf("%w: %s", err, term.Clean(f.Name()))
	}
	if r.file, err = os.Open(treeFile(f.Name())); errors.Is(err, fs.ErrNotExist) {
		r.note("tree", "no file %s", treeFile(f.Name()))
		return r.readContact(nil)
	} else if err != nil {
		return err
	}
	st, err := r.file.Stat()
	if err != nil {
		return err
	}
	r.tree = io.NewSectionReader(r.file, 0, st.Size())
	if err := r.checkTree(); err != nil {
		return fmt.Errorf("%w: %s", err, term.Clean(r.file.Name()))
	}
	return r.readContact(nil)
}

func (r *rendering) readBundle(b *prove.Bundle) error {
	if r.policyFile != "" {
		if err := r.verify(); err != nil {
			return err
		}
	}
	a, err := aboutBundle(b)
	if err != nil {
		return err
	}
	if a.report == nil {
		return &hinted{errors.New("this is the public bundle: it has no report to render"), "wardein verify shows what it holds; wardein render takes the full bundle"}
	}
	if r.report, err = report.Parse(a.report, report.Messages(checks.Checks())); err != nil {
		return err
	}
	r.signers = signersOf(a.envelope)
	r.note("statement", "sha256:%s, signed by %s", a.digest, strings.Join(r.signers, ", "))
	if m := b.Find(prove.TreeName); m != nil {
		r.tree = b.Content(m)
		if err := r.checkTree(); err != nil {
			return fmt.Errorf("bundle: member %s: %w", m.Name, err)
		}
	}
	var contact []byte
	for _, m := range b.Members {
		isCounter := strings.HasPrefix(m.Name, "counter/") && strings.HasSuffix(m.Name, ".dsse.json")
		if !isCounter && m.Name != prove.ContactName {
			continue
		}
		envelope, err := b.Read(m.Name, maxStatement)
		if err != nil {
			return err
		}
		if !isCounter {
			contact = envelope
			continue
		}
		s, e, err := statement.Open(envelope)
		if err != nil {
			return fmt.Errorf("bundle: member %s: %w", m.Name, err)
		}
		rec, ok, err := record.Of(s)
		if err == nil && (!ok || s.Subject != a.digest) {
			err = errors.New("is no answer to this bundle's statement")
		}
		if err != nil {
			return fmt.Errorf("bundle: member %s: %w", m.Name, err)
		}
		r.answers = append(r.answers, answer{rec, signersOf(e)})
	}
	return r.readContact(contact)
}

func signersOf(e *dsse.Envelope) (names []string) {
	for i := range e.Signatures {
		names = append(names, e.Signatures[i].Name)
	}
	return names
}

// verify verifies the bundle under the policy.
func (r *rendering) verify() error {
	st, err := r.file.Stat()
	if err != nil {
		return err
	}
	b, err := readSmall(r.policyFile)
	if err != nil {
		return err
	}
	p, err := policy.Parse(b)
	if err != nil {
		return fmt.Errorf("%w: %s", err, term.Clean(r.policyFile))
	}
	if _, err := prove.Verify(r.file, st.Size(), p); err != nil {
		return err
	}
	r.checked = true
	return nil
}

// checkTree refuses a tree file that is not the report's.
func (r *rendering) checkTree() error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r.tree, 0, r.tree.Size())); err != nil {
		return err
	}
	if sum := wardein.Digest(h.Sum(nil)); sum != r.report.Tree {
		return fmt.Errorf("tree file is not the report's: sha256 %s, expected %s", sum, r.report.Tree)
	}
	return nil
}

// readContact reads the contact record: the file's that the user names, or
// else the bundle's.
func (r *rendering) readContact(envelope []byte) (err error) {
	if r.contactFile != "" {
		r.checked = false
		if envelope, err = readSmall(r.contactFile); err != nil {
			return err
		}
	}
	if envelope == nil {
		return nil
	}
	s, e, err := statement.Open(envelope)
	var rec record.Record
	if err == nil {
		rec, _, err = record.Of(s)
	}
	contact, ok := rec.(*record.Contact)
	switch {
	case err != nil:
	case !ok:
		err = fmt.Errorf("statement of the type %q", s.Type)
	case s.Subject != r.report.Release.Digest:
		err = fmt.Errorf("it is about the release sha256:%s, the report about sha256:%s", s.Subject, r.report.Release.Digest)
	}
	if err != nil {
		return fmt.Errorf("contact record: %w", err)
	}
	r.contact = contact
	asked := "was not asked"
	if contact.Asked != record.NotAsked {
		asked = fmt.Sprintf("asked %s, reply by %s", contact.Asked, contact.ReplyBy)
	}
	r.note("vendor", "%s, %s (says %s)", contact.Vendor, asked, strings.Join(signersOf(e), ", "))
	r.note("came from", "%s, from %s, on %s", contact.Source, contact.From, contact.Received)
	if contact.Embargo != "" {
		r.note("embargo", "details are not public before %s", contact.Embargo)
	}
	return nil
}

// choose makes the audience's view.
func (r *rendering) choose() error {
	c := &audience.Context{Date: r.date, For: r.vendor, Tree: r.tree != nil}
	if r.contact != nil {
		c.Embargo = r.contact.Embargo
	} else if r.audience == audience.Public {
		return &hinted{errors.New("nothing is public without a contact record: whether the vendor was asked is not said"), "wardein contact makes one; --contact FILE names it"}
	}
	var vendors, warnings []string
	for _, a := range r.answers {
		if _, ok := a.record.(*record.Reply); ok {
			for _, w := range a.who {
				if !slices.Contains(vendors, w) {
					vendors = append(vendors, w)
				}
			}
		}
		if w := r.remarks(c, &a); w != "" {
			warnings = append(warnings, w)
		}
	}
	slices.Sort(vendors)
	switch {
	case r.audience != audience.Vendor:
	case r.vendor != "" && len(vendors) > 0 && !slices.Contains(vendors, r.vendor):
		return &hinted{fmt.Errorf("no vendor %q has replied", r.vendor), "those who have: " + strings.Join(vendors, ", ")}
	case r.vendor == "" && len(vendors) > 1:
		return &hinted{fmt.Errorf("%d vendors have replied: for which of them?", len(vendors)), "--vendor with one of " + strings.Join(vendors, ", ")}
	case r.vendor == "" && len(vendors) == 1:
		c.For = vendors[0]
	}
	var err error
	if r.view, err = audience.Of(r.audience, r.report, c); err != nil {
		return err
	}
	if (r.bundled || r.contact != nil) && !r.checked {
		warnings = append(warnings, "Nobody has checked here who signed the statement and what stands beside it: wardein verify does.")
	}
	r.note("rendered", "for %s", r.date)
	r.view.Beside.Notes, r.view.Beside.Warnings = r.notes, warnings
	return nil
}

// remarks adds what an answer says of findings. What it says of the whole
// statement is a note, or a warning, which it returns.
func (r *rendering) remarks(c *audience.Context, a *answer) (warning string) {
	who := strings.Join(a.who, ", ")
	own := slices.ContainsFunc(a.who, func(w string) bool { return slices.Contains(r.signers, w) })
	add := func(id, date, what, text string) *audience.Remark {
		c.Remarks = append(c.Remarks, audience.Remark{Finding: id, Remark: report.Remark{Who: who, Date: date, What: what, Text: text}})
		return &c.Remarks[len(c.Remarks)-1]
	}
	switch rec := a.record.(type) {
	case *record.Reply:
		for i := range rec.Replies {
			f := &rec.Replies[i]
			m := add(f.Finding, rec.Date, f.String(), f.Text)
			m.Vendor, m.Fixed = true, f.Kind == record.FixedIn
		}
	case *record.Rerun:
		said := "agrees to the byte"
		if !rec.Agrees {
			said = "the same but for the recipe"
			if rec.First != "" {
				said = "differs first at " + rec.First
			}
		}
		r.note("repeated", "by %s, %s: %s", who, rec.Date, said)
	case *record.Correction:
		if !own {
			r.note("not counted", "a correction by %s, who did not sign the statement", who)
			break
		}
		for _, f := range rec.Corrections {
			add(f.Finding, rec.Date, "corrected", f.Text)
		}
	case *record.Withdrawal:
		if !own {
			r.note("not counted", "a withdrawal by %s, who did not sign the statement", who)
			break
		}
		if len(rec.Findings) == 0 {
			return fmt.Sprintf("%s has withdrawn this statement on %s: %s", who, rec.Date, rec.Text)
		}
		for _, id := range rec.Findings {
			add(id, rec.Date, "withdrawn", rec.Text)
		}
	}
	return ""
}

func (r *rendering) treeFile() *report.File {
	if !r.view.Tree {
		return nil
	}
	return report.OpenTree(r.tree, r.tree.Size(), nil, nil)
}

func (r *rendering) writeJSON(out io.Writer) (err error) {
	var b bytes.Buffer
	if werr := writeJSON(&b, func(w *canon.Writer) { err = r.view.Write(w, r.report, r.date) }); err == nil {
		err = werr
	}
	if err == nil {
		_, err = out.Write(b.Bytes())
	}
	return err
}
