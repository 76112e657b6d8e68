package record

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/statement"
)

var (
	text   = rapid.StringN(1, 40, 400).Filter(func(s string) bool { return strings.TrimSpace(s) != "" })
	word   = rapid.StringMatching(`[!-~]{1,12}`)
	date   = rapid.SampledFrom([]string{"2026-02-28", "2024-02-29", "1999-12-31", "2026-11-22"})
	digest = rapid.Custom(func(t *rapid.T) (d wardein.Digest) {
		copy(d[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		d[0] |= 1
		return d
	})
	ids = rapid.Custom(func(t *rapid.T) []string {
		l := rapid.SliceOfNDistinct(word, 1, 5, rapid.ID[string]).Draw(t, "findings")
		slices.Sort(l)
		return l
	})
)

// records draws a record of any type.
var records = rapid.Custom(func(t *rapid.T) Record {
	switch rapid.IntRange(0, 4).Draw(t, "type") {
	case 0:
		c := &Contact{From: text.Draw(t, "from"), Source: text.Draw(t, "source"), Terms: text.Draw(t, "terms"), Vendor: text.Draw(t, "vendor"),
			Received: date.Draw(t, "received"), Latest: rapid.SampledFrom([]string{Latest, NotLatest, NotKnown}).Draw(t, "latest"), Asked: NotAsked}
		if rapid.Bool().Draw(t, "asked") {
			c.Asked = date.Draw(t, "asked")
			c.ReplyBy = max(c.Asked, date.Draw(t, "reply"))
		}
		if rapid.Bool().Draw(t, "embargo") {
			c.Embargo = date.Draw(t, "until")
		}
		return c
	case 1:
		r := &Rerun{Agrees: rapid.Bool().Draw(t, "agrees"), Date: date.Draw(t, "date"), Recipe: digest.Draw(t, "recipe"), Release: digest.Draw(t, "release"), Report: digest.Draw(t, "report")}
		if !r.Agrees {
			r.First = "/" + rapid.StringN(0, 10, 100).Draw(t, "first")
		}
		return r
	case 2:
		r := &Reply{Date: date.Draw(t, "date")}
		for _, id := range ids.Draw(t, "ids") {
			f := FindingReply{Finding: id, Kind: rapid.SampledFrom(ReplyKinds).Draw(t, "kind"), Text: text.Draw(t, "text")}
			if f.Kind == FixedIn {
				f.Version = word.Draw(t, "version")
			}
			r.Replies = append(r.Replies, f)
		}
		return r
	case 3:
		c := &Correction{Date: date.Draw(t, "date")}
		for _, id := range ids.Draw(t, "ids") {
			c.Corrections = append(c.Corrections, FindingCorrection{id, text.Draw(t, "text")})
		}
		return c
	}
	w := &Withdrawal{Date: date.Draw(t, "date"), Text: text.Draw(t, "text"), Findings: []string{}}
	if rapid.Bool().Draw(t, "some") {
		w.Findings = ids.Draw(t, "ids")
	}
	return w
})

// A record comes back from its statement as it was, and one byte that is
// changed is refused or gives another record: no two forms say the same.
func TestForm(t *testing.T) {
	subject := wardein.Digest{1}
	rapid.Check(t, func(t *rapid.T) {
		r := records.Draw(t, "record")
		s, err := Statement(subject, r)
		if err != nil {
			t.Fatalf("%#v: %v", r, err)
		}
		again, ok, err := Of(s)
		if err != nil || !ok || !reflect.DeepEqual(again, r) {
			t.Fatalf("%s\n%#v\n%#v\n%v", s.Predicate, r, again, err)
		}
		i := rapid.IntRange(0, len(s.Predicate)-1).Draw(t, "at")
		changed := bytes.Clone(s.Predicate)
		changed[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		got, _, err := Of(&statement.Statement{Subject: subject, Type: s.Type, Predicate: changed})
		if err == nil && reflect.DeepEqual(got, r) {
			t.Fatalf("%s\n%s\nare the same record", s.Predicate, changed)
		}
	})
}

// Every bit of one record of each type.
func TestEveryBit(t *testing.T) {
	for _, r := range examples() {
		s, err := Statement(wardein.Digest{1}, r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Predicate {
			for v := 1; v < 256; v *= 2 {
				b := bytes.Clone(s.Predicate)
				b[i] ^= byte(v)
				if got, _, err := Of(&statement.Statement{Type: s.Type, Predicate: b}); err == nil && reflect.DeepEqual(got, r) {
					t.Fatalf("%s\n%s\nare the same record", s.Predicate, b)
				}
			}
		}
	}
}

func examples() []Record {
	d := wardein.Digest{1}
	return []Record{
		&Contact{Asked: "2026-11-18", Embargo: "2027-03-01", From: "Example Operator", Latest: Latest, Received: "2026-11-01", ReplyBy: "2027-02-16", Source: "the vendor's portal", Terms: "support contract", Vendor: "ExampleTel"},
		&Rerun{Date: "2026-11-20", First: "/findings/0", Recipe: d, Release: d, Report: d},
		&Reply{"2026-11-21", []FindingReply{{"F-1", FixedIn, "We \"thank\" you.\n", "5.2.2"}, {"F-2", NoReply, "", ""}}},
		&Correction{[]FindingCorrection{{"F-1", "seen twice"}}, "2026-11-21"},
		&Withdrawal{"2026-11-22", []string{}, "another file was inspected"},
	}
}

func TestRefused(t *testing.T) {
	contact := func(f func(*Contact)) Record {
		c := *examples()[0].(*Contact)
		f(&c)
		return &c
	}
	d := wardein.Digest{1}
	for _, c := range []struct {
		r    Record
		want string
	}{
		{contact(func(c *Contact) { c.From = " " }), "from is empty"},
		{contact(func(c *Contact) { c.Terms = "" }), "terms is empty"},
		{contact(func(c *Contact) { c.Vendor = "a\xff" }), "vendor is not UTF-8"},
		{contact(func(c *Contact) { c.Source = strings.Repeat("x", maxText+1) }), "source is 65537 bytes long, at most 65536"},
		{contact(func(c *Contact) { c.Received = "2026-02-29" }), `received is no date: "2026-02-29"`},
		{contact(func(c *Contact) { c.Received = "" }), "received is no date"},
		{contact(func(c *Contact) { c.Embargo = "soon" }), "embargo is no date"},
		{contact(func(c *Contact) { c.Latest = "" }), "expected yes, no or not known"},
		{contact(func(c *Contact) { c.Asked = "" }), "asked is no date"},
		{contact(func(c *Contact) { c.ReplyBy = "" }), "reply_by is no date"},
		{contact(func(c *Contact) { c.ReplyBy = "2026-11-17" }), "is before asked"},
		{contact(func(c *Contact) { c.Asked = NotAsked }), "a vendor who was not asked"},
		{&Rerun{Agrees: true, First: "/a", Date: "2026-11-20", Recipe: d, Release: d, Report: d}, "agrees, and differs"},
		{&Rerun{First: "a", Date: "2026-11-20", Recipe: d, Release: d, Report: d}, "no JSON pointer"},
		{&Rerun{Date: "2026-11-20", Recipe: d, Release: d}, "a digest is empty"},
		{&Rerun{Date: "20.11.2026", Recipe: d, Release: d, Report: d}, "no date"},
		{&Reply{"2026-11-20", nil}, "0 findings"},
		{&Reply{"2026-11-20", []FindingReply{{"F-1", "maybe", "", ""}}}, `"maybe", expected one of confirmed, fixed in`},
		{&Reply{"2026-11-20", []FindingReply{{"F-1", FixedIn, "", ""}}}, `"fixed in" with version ""`},
		{&Reply{"2026-11-20", []FindingReply{{"F-1", Confirmed, "", "5.2"}}}, "others none"},
		{&Reply{"2026-11-20", []FindingReply{{"F-1", NotAffected, "", ""}}}, "text of the reply to F-1 is empty"},
		{&Reply{"2026-11-20", []FindingReply{{"F-2", Confirmed, "", ""}, {"F-1", Confirmed, "", ""}}}, "F-1 after F-2"},
		{&Reply{"2026-11-20", []FindingReply{{"F-1", Confirmed, "", ""}, {"F-1", Disputed, "", ""}}}, "F-1 after F-1"},
		{&Reply{"2026-11-20", []FindingReply{{"F 1", Confirmed, "", ""}}}, "has a space"},
		{&Reply{"", []FindingReply{{"F-1", Confirmed, "", ""}}}, "date is no date"},
		{&Correction{nil, "2026-11-20"}, "0 findings"},
		{&Correction{[]FindingCorrection{{"F-1", ""}}, "2026-11-20"}, "text is empty"},
		{&Withdrawal{"2026-11-20", nil, "x"}, "findings is null"},
		{&Withdrawal{"2026-11-20", []string{""}, "x"}, "finding is empty"},
		{&Withdrawal{"2026-11-20", []string{}, ""}, "text is empty"},
	} {
		if _, err := Statement(d, c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.r, err, c.want)
		}
	}
	for _, c := range []struct{ kind, predicate, want string }{
		{statement.Contact, `{}`, "contact/v1: not in canonical form"},
		{statement.Withdrawal, `{"date":"2026-11-20","findings":null,"text":"x"}`, "withdrawal/v1: findings is null"},
		{statement.Withdrawal, `{"date":"2026-11-20","findings":[],"more":1,"text":"x"}`, "unknown field"},
		{statement.Withdrawal, `{"date":"2026-11-20","findings":[],"text":"x"} `, "not in canonical form"},
		{statement.Withdrawal, `{"text":"x","findings":[],"date":"2026-11-20"}`, "not in canonical form"},
		{statement.Withdrawal, `{"date":"2026-11-20","findings":[],"text":"y","text":"x"}`, "not in canonical form"},
		{statement.Withdrawal, `{"Date":"2026-11-20","findings":[],"text":"x"}`, "not in canonical form"},
		{statement.Withdrawal, `{"date":"2026-11-20","findings":[],"text":"\u0078"}`, "not in canonical form"},
	} {
		if _, ok, err := Of(&statement.Statement{Type: c.kind, Predicate: []byte(c.predicate)}); !ok || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.predicate, err, c.want)
		}
	}
	if _, ok, err := Of(&statement.Statement{Type: statement.Inspection}); ok || err != nil {
		t.Errorf("an inspection is a record: %v", err)
	}
}

// Fuzz reads any bytes as each type of record. What is read is written the
// same way.
func Fuzz(f *testing.F) {
	for _, r := range examples() {
		s, err := Statement(wardein.Digest{1}, r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(s.Predicate))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []string{statement.Contact, statement.Rerun, statement.Reply, statement.Correction, statement.Withdrawal} {
			r, ok, err := Of(&statement.Statement{Type: kind, Predicate: b})
			if !ok {
				t.Errorf("%s is no record", kind)
			}
			if err != nil {
				continue
			}
			if s, err := Statement(wardein.Digest{1}, r); err != nil || !bytes.Equal(s.Predicate, b) {
				t.Errorf("%q → %q, %v", b, s.Predicate, err)
			}
		}
	})
}
