package profile

import (
	"strings"
	"testing"

	"github.com/wardein/wardein/report"
)

// A statement holds between its days, about its report, its profile, and as it
// comes out again.
func TestHolds(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := Parse([]byte(good + "\n"))
	r := saved(t, nil)
	issued := func() *Statement {
		s := Evaluate(p, &Input{Report: r, Checks: checks})
		s.Issued, s.Until = "2026-11-22", "2026-12-31"
		return s
	}
	fewer := saved(t, func(x m) { x["findings"] = []m{} })
	elsewhere := saved(t, func(x m) { x["release"].(m)["digest"] = strings.Repeat("99", 32) })
	for _, k := range []struct {
		change func(*Statement)
		day    string
		report *report.Saved
		again  *Statement
		want   string
	}{
		{nil, "2026-11-22", nil, nil, ""},
		{nil, "2026-12-31", r, issued(), ""},
		{func(s *Statement) { s.Issued, s.Until = "", "" }, "2026-12-01", nil, nil, "it was not issued"},
		{nil, "2026-11-21", nil, nil, "it is valid from 2026-11-22 on"},
		{nil, "2027-01-01", nil, nil, "it was valid until 2026-12-31"},
		{nil, "2026-12-01", elsewhere, nil, "it is about release cdcdcdcdcdcd…, the report at hand about 999999999999…"},
		{nil, "2026-12-01", fewer, nil, "it is about report "},
		{nil, "2026-12-01", r, Evaluate(other, &Input{Report: r, Checks: checks}), "it is about profile "},
		{nil, "2026-12-01", r, Evaluate(p, &Input{Report: fewer, Checks: checks}), "condition one is not met there, evaluated again one is met: 0 findings"},
		{func(s *Statement) { s.Conditions = append(s.Conditions, s.Conditions[0]) }, "2026-12-01", r, issued(), "it has 2 conditions, evaluated again there are 1"},
	} {
		s := issued()
		if k.change != nil {
			k.change(s)
		}
		if got := s.Holds(k.day, k.report, k.again); k.want == "" && got != "" || !strings.HasPrefix(got, k.want) {
			t.Errorf("%q, want %q", got, k.want)
		}
	}
}
