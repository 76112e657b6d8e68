package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/report"
)

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
		who := strings.Join(c.Signers, " and ")
		if slices.ContainsFunc(c.Signers, func(s string) bool { return slices.Contains(v.bundle.Signers, s) }) {
			who += " itself"
		}
		all = append(all, fmt.Sprintf("%s %s (%s%s)", who, what, r.Date, notLogged(v, &c)))
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
		if c, ok := v.bundle.Contact.Record.(*record.Contact); ok && c.Embargo != "" {
			s += " · details not public before " + c.Embargo
		}
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
	for _, e := range v.later {
		label, what := "corrected", "a correction"
		if e.Type == statement.Withdrawal {
			label, what = "withdrawn", "a withdrawal (in whole or in part)"
		}
		line(label, "the log has %s that is not attached: sha256:%s", what, e.Envelope)
		none = false
	}
	later := "nothing attached · what is not attached is not visible offline"
	switch l := v.bundle.Log; {
	case v.copy != nil:
		later = fmt.Sprintf("not %s; anything later is not visible offline", v.copy)
	case l != nil:
		later = fmt.Sprintf("nothing attached · logged at size %d%s; what came later, or is not attached, is not visible offline", l.Size, dateWords(l))
	}
	switch {
	case none:
		line("withdrawn", "%s", later)
	default:
		line("", "%s", strings.TrimPrefix(strings.TrimPrefix(later, "nothing attached · "), "not "))
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
	w.Field("log_copy").Object(func() {
		w.Field("later").Array(func() {
			for _, e := range v.later {
				w.Object(func() {
					w.Field("envelope").Text(e.Envelope.String())
					w.Field("type").Text(e.Type)
				})
			}
		})
		origin, size := "", int64(0)
		if v.copy != nil {
			origin, size = v.copy.Origin, int64(v.copy.Size)
		}
		w.Field("origin").Text(origin)
		w.Field("size").Big(size)
	})
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
