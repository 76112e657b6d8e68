// Package record is what people put on record about a release or about a
// statement: where the release came from and when its vendor was asked
// (Contact), another lab's result (Rerun), the vendor's replies to findings
// (Reply), and what the lab corrects or withdraws (Correction, Withdrawal).
// Each is the predicate of a statement (prove/statement). docs/records.md
// specifies them.
//
// A record has one form: canonical JSON of exactly these fields, lists sorted,
// dates YYYY-MM-DD. Texts are kept as they were written.
package record

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/prove/statement"
)

// Bounds of a record.
const (
	maxText = 64 << 10 // bytes of a text
	maxWord = 1 << 10  // bytes of a name, version or pointer
	maxList = 10_000   // replies, corrections or withdrawn findings
)

// Record is a predicate of this package.
type Record interface {
	// Type is the statement's predicate type.
	Type() string
	// Check tells what is wrong with it.
	Check() error
}

// Statement makes the statement that says r of a subject.
func Statement(subject wardein.Digest, r Record) (*statement.Statement, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	b, err := canon.Of(r)
	if err != nil {
		return nil, err
	}
	return &statement.Statement{Subject: subject, Type: r.Type(), Predicate: b}, nil
}

// Of reads the record of a statement, in the one form that it may have. ok is
// false for a statement of another type.
func Of(s *statement.Statement) (r Record, ok bool, err error) {
	switch s.Type {
	case statement.Contact:
		r = new(Contact)
	case statement.Rerun:
		r = new(Rerun)
	case statement.Reply:
		r = new(Reply)
	case statement.Correction:
		r = new(Correction)
	case statement.Withdrawal:
		r = new(Withdrawal)
	default:
		return nil, false, nil
	}
	if err = canon.Into(s.Predicate, r); err == nil {
		err = r.Check()
	}
	if err != nil {
		return nil, true, fmt.Errorf("%s: %w", s.Type[strings.LastIndex(s.Type, "predicate/")+len("predicate/"):], err)
	}
	return r, true, nil
}

// Whether a release was the vendor's latest when it was received.
const (
	Latest    = "yes"
	NotLatest = "no"
	NotKnown  = "not known"
)

// NotAsked stands in place of the date on which the vendor was asked.
const NotAsked = "vendor was not asked"

// Contact says where a release came from and when its vendor was asked. Its
// subject is the release.
type Contact struct {
	// Asked is the date on which the vendor was asked for replies, or
	// NotAsked.
	Asked    string `json:"asked"`
	Embargo  string `json:"embargo"`  // date before which details are not public; "": none
	From     string `json:"from"`     // from whom
	Latest   string `json:"latest"`   // of the vendor's releases at that date: yes, no, not known
	Received string `json:"received"` // date
	ReplyBy  string `json:"reply_by"` // date; "" when the vendor was not asked
	Source   string `json:"source"`   // where it came from: the vendor's portal, a device, …
	Terms    string `json:"terms"`    // under what terms
	Vendor   string `json:"vendor"`   // whose it is
}

// Type is the predicate's.
func (*Contact) Type() string { return statement.Contact }

// Check tells what is wrong with it.
func (c *Contact) Check() error {
	for _, t := range []struct{ name, text string }{{"from", c.From}, {"source", c.Source}, {"terms", c.Terms}, {"vendor", c.Vendor}} {
		if err := checkText(t.name, t.text, maxText, true); err != nil {
			return err
		}
	}
	if err := checkDate("received", c.Received, true); err != nil {
		return err
	}
	if err := checkDate("embargo", c.Embargo, false); err != nil {
		return err
	}
	if !slices.Contains([]string{Latest, NotLatest, NotKnown}, c.Latest) {
		return fmt.Errorf("latest is %q, expected yes, no or not known", c.Latest)
	}
	if c.Asked == NotAsked {
		if c.ReplyBy != "" {
			return fmt.Errorf("a reply is due on %q of a vendor who was not asked", c.ReplyBy)
		}
		return nil
	}
	if err := checkDate("asked", c.Asked, true); err != nil {
		return err
	}
	if err := checkDate("reply_by", c.ReplyBy, true); err != nil {
		return err
	}
	if c.ReplyBy < c.Asked {
		return fmt.Errorf("reply_by %s is before asked %s", c.ReplyBy, c.Asked)
	}
	return nil
}

// Embargoed tells whether details are not public at a date.
func (c *Contact) Embargoed(date string) bool { return date < c.Embargo }

// Rerun is another lab's result for the same release. Its subject is the
// envelope of the statement that it repeats.
type Rerun struct {
	Agrees bool   `json:"agrees"` // the reports are the same bytes
	Date   string `json:"date"`
	// First is the place of the first value outside the recipe in which the
	// reports differ, a JSON pointer (RFC 6901); "" where the recipe alone
	// does, or nothing.
	First   string         `json:"first"`
	Recipe  wardein.Digest `json:"recipe"`  // of the re-run
	Release wardein.Digest `json:"release"` // that both are about
	Report  wardein.Digest `json:"report"`  // of the re-run
}

// Type is the predicate's.
func (*Rerun) Type() string { return statement.Rerun }

// Check tells what is wrong with it.
func (r *Rerun) Check() error {
	if r.Agrees && r.First != "" {
		return fmt.Errorf("agrees, and differs at %q", r.First)
	}
	if r.First != "" && r.First[0] != '/' {
		return fmt.Errorf("first is no JSON pointer: %q", r.First)
	}
	if err := checkText("first", r.First, maxWord, false); err != nil {
		return err
	}
	for _, d := range []wardein.Digest{r.Recipe, r.Release, r.Report} {
		if d == (wardein.Digest{}) {
			return fmt.Errorf("a digest is empty")
		}
	}
	return checkDate("date", r.Date, true)
}

// The kinds of replies.
const (
	Confirmed   = "confirmed"
	FixedIn     = "fixed in"
	Disputed    = "disputed"
	NotAffected = "not affected because"
	Depends     = "depends on deployment"
	NoReply     = "no reply"
)

// ReplyKinds are all kinds of replies.
var ReplyKinds = []string{Confirmed, FixedIn, Disputed, NotAffected, Depends, NoReply}

// Reply holds a vendor's replies to findings. Its subject is the envelope of
// the statement whose findings they are.
type Reply struct {
	Date    string         `json:"date"`
	Replies []FindingReply `json:"replies"` // sorted by finding, one for each
}

// FindingReply is the reply to one finding.
type FindingReply struct {
	Finding string `json:"finding"` // ID
	Kind    string `json:"kind"`
	Text    string `json:"text"`    // as the vendor wrote it
	Version string `json:"version"` // that has the fix, of kind "fixed in"
}

// String is the reply without its text.
func (r *FindingReply) String() string {
	if r.Kind == FixedIn {
		return r.Kind + " " + r.Version
	}
	return r.Kind
}

// Type is the predicate's.
func (*Reply) Type() string { return statement.Reply }

// Check tells what is wrong with it.
func (r *Reply) Check() error {
	if err := checkFindings(len(r.Replies), func(i int) string { return r.Replies[i].Finding }); err != nil {
		return err
	}
	for i := range r.Replies {
		f := &r.Replies[i]
		if !slices.Contains(ReplyKinds, f.Kind) {
			return fmt.Errorf("reply to %s is %q, expected one of %s", f.Finding, f.Kind, strings.Join(ReplyKinds, ", "))
		}
		if (f.Kind == FixedIn) != (f.Version != "") {
			return fmt.Errorf("reply to %s is %q with version %q: \"fixed in\" has one, others none", f.Finding, f.Kind, f.Version)
		}
		if err := checkText("version", f.Version, maxWord, false); err != nil {
			return err
		}
		if err := checkText("text of the reply to "+f.Finding, f.Text, maxText, f.Kind == NotAffected); err != nil {
			return err
		}
	}
	return checkDate("date", r.Date, true)
}

// Correction is what a lab corrects of its statement, whose envelope is the
// subject.
type Correction struct {
	Corrections []FindingCorrection `json:"corrections"` // sorted by finding, one for each
	Date        string              `json:"date"`
}

// FindingCorrection is what is corrected of one finding.
type FindingCorrection struct {
	Finding string `json:"finding"` // ID
	Text    string `json:"text"`
}

// Type is the predicate's.
func (*Correction) Type() string { return statement.Correction }

// Check tells what is wrong with it.
func (c *Correction) Check() error {
	if err := checkFindings(len(c.Corrections), func(i int) string { return c.Corrections[i].Finding }); err != nil {
		return err
	}
	for i := range c.Corrections {
		if err := checkText("text", c.Corrections[i].Text, maxText, true); err != nil {
			return err
		}
	}
	return checkDate("date", c.Date, true)
}

// Withdrawal is that a lab's statement, whose envelope is the subject, holds
// no longer.
type Withdrawal struct {
	Date string `json:"date"`
	// Findings are what is withdrawn, sorted; none: the whole statement.
	Findings []string `json:"findings"`
	Text     string   `json:"text"` // why
}

// Type is the predicate's.
func (*Withdrawal) Type() string { return statement.Withdrawal }

// Check tells what is wrong with it.
func (w *Withdrawal) Check() error {
	if w.Findings == nil {
		return fmt.Errorf("findings is null, expected a list")
	}
	if len(w.Findings) > 0 {
		if err := checkFindings(len(w.Findings), func(i int) string { return w.Findings[i] }); err != nil {
			return err
		}
	}
	if err := checkText("text", w.Text, maxText, true); err != nil {
		return err
	}
	return checkDate("date", w.Date, true)
}

// checkFindings checks a list's findings: some, sorted, each once.
func checkFindings(n int, id func(int) string) error {
	if n == 0 || n > maxList {
		return fmt.Errorf("%d findings, expected 1 to %d", n, maxList)
	}
	for i := range n {
		if err := checkText("finding", id(i), maxWord, true); err != nil {
			return err
		}
		if strings.ContainsFunc(id(i), func(r rune) bool { return r <= ' ' }) {
			return fmt.Errorf("finding %q has a space", id(i))
		}
		if i > 0 && id(i-1) >= id(i) {
			return fmt.Errorf("finding %s after %s: not sorted, each once", id(i), id(i-1))
		}
	}
	return nil
}

func checkDate(name, s string, must bool) error {
	if s == "" && !must {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return fmt.Errorf("%s is no date: %q, expected YYYY-MM-DD", name, s)
	}
	return nil
}

func checkText(name, s string, most int, must bool) error {
	switch {
	case must && strings.TrimSpace(s) == "":
		return fmt.Errorf("%s is empty", name)
	case len(s) > most:
		return fmt.Errorf("%s is %d bytes long, at most %d", name, len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s is not UTF-8", name)
	}
	return nil
}
