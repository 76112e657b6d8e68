package claim

import (
	"fmt"
	"strings"

	"github.com/wardein/wardein/report"
)

// Bounds of a brief, so that it stays one page.
const (
	briefTests    = 3
	briefFindings = 3
	briefReports  = 2
	briefVoices   = 2
	briefRow      = 200 // columns
	roomyRow      = 600 // where there is room for it
)

// Limits stands at the end of a brief.
const Limits = "This is about the bytes named here and the tests named here. It says nothing about other releases, about what was not looked at, or why anything is there."

// brief is what was tested, found, and not looked at, and what others say: in
// rows that are as long as a page has room for, dense where that is little.
func (v *Verdict) brief() (rows []row, dense bool) {
	if rows = v.rows(roomyRow); lines(v, rows) <= pageLines {
		return rows, false
	}
	return v.rows(briefRow), true
}

// A sheet of A4 has so many lines, of so many columns, in the larger type.
const (
	pageLines   = 40
	pageColumns = 76
)

// lines is how many lines a brief takes, rather more than fewer.
func lines(v *Verdict, rows []row) (n int) {
	q := &v.Claim
	texts := []string{q.Text, q.Text, q.said(), q.Source, q.Note, q.about(), v.Because} // the statement is larger
	for i := range v.Bears {
		texts = append(texts, v.Bears[i].String())
	}
	for _, r := range rows {
		texts = append(texts, r.Text)
	}
	for _, s := range texts {
		n += 1 + columns(s)/pageColumns
	}
	return n
}

func (v *Verdict) rows(width int) (rows []row) {
	add := func(label, format string, args ...any) {
		rows = append(rows, row{label, clipTo(fmt.Sprintf(format, args...), width)})
	}
	for i := range v.Claim.Tests {
		q := &v.Claim.Tests[i]
		if i == briefTests {
			add("tested", "and %d more", len(v.Claim.Tests)-i)
			break
		}
		add("tested", "%s: %s", v.looked(i), q)
	}
	if len(v.Claim.Tests) == 0 {
		add("tested", "nothing")
	}
	rows = append(rows, v.found(width)...)
	rows = append(rows, v.missed(width)...)
	for _, r := range v.voicesOf(briefVoices) {
		add(r.Label, "%s", r.Text)
	}
	return rows
}

// looked says how a test looked in all releases.
func (v *Verdict) looked(test int) string {
	n, hits, why := map[Extent]int{}, 0, ""
	for i := range v.Releases {
		o := &v.Releases[i].Tests[test]
		n[o.Extent]++
		hits += len(o.Hits)
		if why == "" {
			why = o.Why
		}
	}
	switch len(v.Releases) {
	case 0:
		return "there is no report to look into"
	case n[NotLooked]:
		return "did not look: " + report.Plain(why)
	case n[InFull]:
		return "looked in full, " + count(hits, "hit")
	case 1:
		return "looked in part, " + count(hits, "hit")
	}
	return fmt.Sprintf("looked in full into %d releases, in part into %d, not into %d; %s", n[InFull], n[InPart], n[NotLooked], count(hits, "hit"))
}

// found are the hits, those that decide first.
func (v *Verdict) found(width int) (rows []row) {
	seen, left := map[string]bool{}, 0
	for _, hit := range []Meaning{Contradicts, Supports} {
		for i := range v.Releases {
			for k := range v.Releases[i].Tests {
				if v.Claim.Tests[k].Hit != hit {
					continue
				}
				for _, f := range v.Releases[i].Tests[k].Hits {
					key := string(hit) + f.ID
					if seen[key] {
						continue
					}
					if seen[key] = true; len(seen) > briefFindings {
						left++
						continue
					}
					s := f.ID + " " + string(hit) + ": " + f.line()
					if len(f.Quotes) > 0 {
						s = clipTo(s, width*2/3) + " · " + f.Quotes[0].String()
					}
					rows = append(rows, row{"found", clipTo(s, width)})
				}
			}
		}
	}
	switch {
	case len(rows) == 0:
		return []row{{"found", "nothing that the tests count as a hit"}}
	case left > 0:
		rows = append(rows, row{"found", fmt.Sprintf("and %d more", left)})
	}
	return rows
}

// missed is what could not be looked at.
func (v *Verdict) missed(width int) (rows []row) {
	n := 0
	for i := range v.Releases {
		r := &v.Releases[i]
		for k := range r.Reports {
			if n++; n > briefReports {
				continue
			}
			rows = append(rows, row{"not covered", clipTo(fmt.Sprintf("release sha256:%s: %s", short(r.Digest), r.Reports[k].uncovered()), width)}, row{"", clipTo(r.losses(r.Reports[k].Digest), width)})
		}
	}
	if n > briefReports {
		rows = append(rows, row{"not covered", fmt.Sprintf("and what %d more reports could not look at", n-briefReports)})
	}
	if u := len(v.Unreported); u > 0 {
		rows = append(rows, row{"not covered", count(u, "release") + " of the claim that no report is about"})
	}
	if len(rows) == 0 {
		rows = []row{{"not covered", "no bytes were looked at"}}
	}
	return rows
}

// losses says where the checks of the tests failed in one report.
func (r *Release) losses(report string) string {
	var parts []string
	seen := map[string]bool{}
	for i := range r.Tests {
		for k := range r.Tests[i].Looks {
			l := &r.Tests[i].Looks[k]
			if l.Report != report || seen[l.Check] {
				continue
			}
			seen[l.Check] = true
			parts = append(parts, l.Check+" "+l.String())
		}
	}
	if len(parts) == 0 {
		return "no check of the claim ran"
	}
	return strings.Join(parts, "; ")
}

func clip(s string) string { return clipTo(s, briefRow) }

// clipTo cuts what is wider than most columns.
func clipTo(s string, most int) string {
	n := 0
	cut := 0 // room for the mark
	for i, r := range s {
		if n+wide(r) <= most-1 {
			cut = i + len(string(r))
		}
		if n += wide(r); n > most {
			return s[:cut] + "…"
		}
	}
	return s
}

// wide is how many columns a letter takes: two for wide ones, and for those
// beyond Europe and the Near East.
func wide(r rune) int {
	if r >= 0x1100 && r != '…' && r != '“' && r != '”' || strings.ContainsRune("mwMW@%", r) {
		return 2
	}
	return 1
}

func columns(s string) (n int) {
	for _, r := range s {
		n += wide(r)
	}
	return n
}
