package profile

import (
	"fmt"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/result"
	"github.com/wardein/wardein/report"
)

// about are the results of a verb that are about the report's release. why says
// why there is none.
func (e *evaluation) about(verb string) (list []*result.Result, why string) {
	why = "no result of " + verb + " was given"
	for _, r := range e.results {
		switch {
		case r.Verb != verb:
		case r.Release != e.report.Release.Digest:
			why = fmt.Sprintf("the result of %s that was given is about release sha256:%.12s…", verb, r.Release)
		default:
			list = append(list, r)
		}
	}
	return list, why
}

// worst is the state that counts of those that several results give: each that
// is given counts.
type worst struct {
	state   State
	because string
}

func (w *worst) add(s State, because string) {
	rank := map[State]int{"": 0, Met: 1, Undetermined: 2, NotMet: 3}
	if rank[s] > rank[w.state] {
		w.state, w.because = s, because
	}
}

func (e *evaluation) equiv(q *Equiv) (State, string) {
	list, why := e.about(result.Equiv)
	if len(list) == 0 {
		return Undetermined, why
	}
	w := worst{}
	for _, r := range list {
		yes, no, because := r.Equals()
		covered := wardein.Share(r.Covered, r.All)
		least, _ := q.Covered.PPM()
		switch {
		case no:
			w.add(NotMet, because)
		case yes && q.Identical && r.Verdict != result.Identical:
			w.add(NotMet, because+", and not identical")
		case !yes && q.Identical:
			w.add(Undetermined, because)
		case yes:
			w.add(Met, because)
		case q.Covered != "" && covered >= least:
			w.add(Met, fmt.Sprintf("%s; nothing differs beyond the rules in %s of bytes", because, report.Percent(covered)))
		default:
			w.add(Undetermined, because)
		}
	}
	return w.state, w.because
}

// alike are the comparisons of two releases that were judged alike.
func (e *evaluation) alike() (list []*result.Result, why string) {
	all, why := e.about(result.Compare)
	for _, r := range all {
		if r.Alike {
			list = append(list, r)
		} else {
			why, _ = (&result.Ask{}).Blind(r)
		}
	}
	return list, why
}

func (e *evaluation) compared() (State, string) {
	list, why := e.alike()
	if len(list) == 0 {
		return Undetermined, why
	}
	return Met, fmt.Sprintf("compared with sha256:%.12s…", list[0].Other)
}

func (e *evaluation) compare(a *result.Ask) (State, string) {
	list, why := e.alike()
	if len(list) == 0 {
		return Undetermined, why
	}
	w := worst{}
	for _, r := range list {
		rows := a.Rows(r)
		said := fmt.Sprintf("%s since sha256:%.12s…", plural(int64(len(rows)), "row"), r.Other)
		why, _ := a.Blind(r)
		switch {
		case int64(len(rows)) > a.Most:
			w.add(NotMet, fmt.Sprintf("%s, at most %d: %s", said, a.Most, few(rows)))
		case why != "":
			w.add(Undetermined, said+"; "+why)
		default:
			w.add(Met, said)
		}
	}
	return w.state, w.because
}

// few names the first rows.
func few(rows []result.Row) string {
	var names []string
	for i := range rows[:min(len(rows), 3)] {
		names = append(names, rows[i].Change+" "+rows[i].Kind+" "+rows[i].What)
	}
	s := strings.Join(names, ", ")
	if n := len(rows) - 3; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

// String says what is asked.
func (q *Equiv) String() string {
	s := "equiv: identical or equivalent to a rebuilt release"
	if q.Identical {
		s = "equiv: identical to a rebuilt release"
	}
	if q.Covered != "" {
		s += fmt.Sprintf(", with at least %s of bytes compared", q.Covered)
	}
	return s
}
