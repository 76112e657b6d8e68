package profile

import (
	"fmt"

	"github.com/wardein/wardein/report"
)

// Holds says why a statement about a release does not hold at a day; "" where
// it does. r is the report at hand, again the statement that evaluating it gave
// once more; either may be nil.
func (s *Statement) Holds(day string, r *report.Saved, again *Statement) string {
	switch {
	case s.Issued == "" || s.Until == "":
		return "it was not issued: it has no days on which it is valid"
	case day < s.Issued:
		return fmt.Sprintf("it is valid from %s on, and asked for %s", s.Issued, day)
	case day > s.Until:
		return fmt.Sprintf("it was valid until %s, and is asked for %s", s.Until, day)
	case r != nil && r.Release.Digest != s.Report.Release:
		return fmt.Sprintf("it is about release %.12s…, the report at hand about %.12s…", s.Report.Release, r.Release.Digest)
	case r != nil && r.Digest.String() != s.Report.Digest:
		return fmt.Sprintf("it is about report %.12s…, the one at hand is %.12s…", s.Report.Digest, r.Digest)
	case again == nil:
		return ""
	case again.Profile.Digest != s.Profile.Digest:
		return fmt.Sprintf("it is about profile %.12s…, the one at hand is %.12s…", s.Profile.Digest, again.Profile.Digest)
	case len(again.Conditions) != len(s.Conditions):
		return fmt.Sprintf("it has %d conditions, evaluated again there are %d", len(s.Conditions), len(again.Conditions))
	}
	for i := range s.Conditions {
		a, b := &s.Conditions[i], &again.Conditions[i]
		if a.ID != b.ID || a.State != b.State {
			return fmt.Sprintf("condition %s is %s there, evaluated again %s is %s: %s", a.ID, a.State, b.ID, b.State, b.Because)
		}
	}
	return ""
}
