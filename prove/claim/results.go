package claim

import (
	"fmt"
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/result"
)

// results is what a test gives that asks for a result of another verb. Each
// result of the release counts, and the test looked as far as the one that got
// furthest.
func (o *Outcome) results(t *Test, reports []Input) {
	var list []*result.Result
	for _, in := range reports {
		for _, r := range in.Results {
			if r.Verb == t.Result && r.Release == in.Release.Digest {
				list = append(list, r)
			}
		}
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b *result.Result) int { return slices.Compare(a.Digest[:], b.Digest[:]) })
	list = slices.CompactFunc(list, func(a, b *result.Result) bool { return a.Digest == b.Digest })
	o.Extent, o.Why = NotLooked, "no result of "+t.Result+" was given"
	for i, r := range list {
		l := Look{Check: r.Verb, Report: r.Digest.String(), Looked: r.Covered, Unit: "byte", Failed: r.All - r.Covered, NotApplicable: []Reason{}, Gaps: []Gap{}}
		var hits []Finding
		if r.Verb == result.Equiv {
			l.Extent, l.Why, hits = t.equiv(r)
		} else {
			l.Extent, l.Why, hits = t.compare(r)
		}
		o.Looks = append(o.Looks, l)
		o.Hits = append(o.Hits, hits...)
		if i == 0 {
			o.Why = l.Why
		}
		if further(l.Extent, o.Extent) {
			o.Extent = l.Extent
		}
	}
	if o.Extent != NotLooked {
		o.Why = ""
	}
}

// equiv: a verdict that the release is the rebuilt one supports, and one that it
// is not contradicts. One that says neither did not look.
func (t *Test) equiv(r *result.Result) (Extent, string, []Finding) {
	yes, no, because := r.Equals()
	if !yes && !no {
		return NotLooked, because, nil
	}
	if yes && t.Hit == Supports || no && t.Hit == Contradicts {
		return InFull, "", []Finding{t.hit(r, r.Verdict, "", because)}
	}
	return InFull, "", nil
}

// compare: each row that is asked for is a hit, where there are more than Most.
func (t *Test) compare(r *result.Result) (Extent, string, []Finding) {
	a := t.Rows
	if a == nil {
		a = &result.Ask{}
	}
	why, nothing := a.Blind(r)
	if nothing {
		return NotLooked, why, nil
	}
	var hits []Finding
	if rows := a.Rows(r); int64(len(rows)) > a.Most {
		for i := range rows {
			hits = append(hits, t.hit(r, rows[i].Kind, rows[i].Path, rows[i].String()))
			hits[i].ID = fmt.Sprintf("R-%.4s-%d", r.Digest, i+1)
		}
	}
	if why != "" {
		return InPart, "", hits
	}
	return InFull, "", hits
}

// hit is what a result says, in the form of a finding. Its ID is R, the beginning
// of the file's digest, and of compare the number of the row.
func (t *Test) hit(r *result.Result, what, node, says string) Finding {
	return Finding{ID: fmt.Sprintf("R-%.4s", r.Digest), Report: r.Digest.String(), Rule: r.Verb + "." + what, Severity: wardein.Info.String(),
		Confidence: wardein.Certain.String(), Reach: wardein.NoneShown.String(), Node: node, Says: says, Quotes: []Quote{}}
}

func quotedTest(t *Test) QuotedTest {
	q := QuotedTest{Rules: append([]string{}, t.Rules...), Result: t.Result, Kinds: []string{}, Changes: []string{}, Hit: t.Hit, Confidence: t.Confidence, Why: t.Why}
	if t.Rows != nil {
		q.Kinds, q.Changes, q.Most = append(q.Kinds, t.Rows.Kinds...), append(q.Changes, t.Rows.Changes...), t.Rows.Most
	}
	return q
}
