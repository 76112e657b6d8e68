package vuln

import (
	"cmp"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/vulndb"
)

// What is not known counts as this: 0.1 % where there is no EPSS score, 5.0
// where there is no CVSS score.
const (
	unknownEPSS  = 100 // of 100,000
	unknownScore = 50  // of 100
)

// weightOf is how much a reach counts, in sixteenths.
func weightOf(r wardein.Reach) int {
	switch r {
	case wardein.SubscriberSide, wardein.NetworkSide:
		return 16
	case wardein.Management:
		return 8
	case wardein.Local:
		return 2
	}
	return 1
}

// priority orders vulnerabilities: those known to be exploited first, then by
// reach × EPSS × CVSS. It is at most 100,000, and a million more where the
// vulnerability is exploited.
func priority(r wardein.Reach, m *vulndb.Match) int {
	epss, score := unknownEPSS, m.Score
	if m.EPSS != nil {
		epss = m.EPSS.Score
	}
	if score == 0 {
		score = unknownScore
	}
	p := weightOf(r) * epss * score / (16 * 100)
	if m.Exploited != nil {
		p += 1_000_000
	}
	return p
}

// before orders what is said of one component: what nothing speaks against
// goes first, and what is only looked into goes last.
func before(a, b *hit) int {
	last := func(h *hit) int {
		switch {
		case h.doubtful():
			return 2
		case h.Status == vulndb.Investigating:
			return 1
		}
		return 0
	}
	exploited := func(h *hit) int {
		if h.Exploited != nil {
			return 0
		}
		return 1
	}
	doubt := func(h *hit) int { return last(h) / 2 }
	return cmp.Or(cmp.Compare(doubt(a), doubt(b)), cmp.Compare(exploited(a), exploited(b)), cmp.Compare(last(a), last(b)),
		cmp.Compare(b.priority, a.priority), cmp.Compare(b.Score, a.Score), strings.Compare(a.Name, b.Name))
}
