package findings

import "github.com/wardein/wardein"

// History is what came, went and stayed over a series of releases.
type History struct {
	Names []string
	// Steps compare each release with the one before it. Their rows say since
	// when they have been there.
	Steps []*Changes
}

// Last is the step to the newest release.
func (h *History) Last() *Changes { return h.Steps[len(h.Steps)-1] }

// track is how long a row has been there.
type track struct {
	since    string
	releases int
	last     string // the release that had it last
	gone     bool
}

// Series compares two or more releases, the oldest first, that were judged
// alike. A row that was not looked at in one of them is carried over, and that
// release is not counted among those that have it.
func Series(sides []*Side, checks []wardein.Check) *History {
	h := &History{}
	for _, s := range sides {
		h.Names = append(h.Names, s.Name)
	}
	tracks := map[Kind]map[string]track{}
	for _, k := range Kinds {
		tracks[k] = map[string]track{}
	}
	for i := 1; i < len(sides); i++ {
		step := Compare(sides[i-1], sides[i], checks)
		h.Steps = append(h.Steps, step)
		// All keys of the older report are looked up before any is replaced: a
		// list's new ID may be what another one's was.
		had := make([]track, len(step.Rows))
		known := make([]bool, len(step.Rows))
		for n := range step.Rows {
			r := &step.Rows[n]
			had[n], known[n] = tracks[r.Kind][r.before()]
		}
		for n := range step.Rows {
			step.Rows[n].follow(tracks[step.Rows[n].Kind], had[n], known[n], step)
		}
	}
	return h
}

// before is the key that a row has, or would have, in the older report.
func (r *Row) before() string {
	if r.oldKey != "" {
		return r.oldKey
	}
	return r.Key
}

// follow says since when a row has been there, and keeps it for the next step.
func (r *Row) follow(tracks map[string]track, t track, known bool, step *Changes) {
	there := known && !t.gone
	switch r.State {
	case New:
		if known {
			r.Again = t.last
		}
		t = track{since: step.New}
	case Looked:
		if !there { // not one that was lost sight of
			t = track{since: step.New}
		}
	default:
		if !there {
			t = track{since: step.Old, releases: 1, last: step.Old}
		}
	}
	switch r.State {
	case Gone:
		t.gone = true
	case Unlooked:
	default:
		t.releases++
		t.last = step.New
	}
	tracks[r.Key] = t
	r.Since, r.Releases = t.since, t.releases
}
