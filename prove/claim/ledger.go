package claim

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/tomlfile"
)

// maxClaims bounds the claims of a ledger.
const maxClaims = 10_000

// Entry is a claim of a ledger.
type Entry struct {
	*Claim
	File string
	// Replaced tells that the ledger has a later version of the claim.
	Replaced bool
}

// Ledger reads all claims of a folder, its files that end in .toml, sorted by
// ID and version. Two files with one ID and version are an error, and so is a
// claim that bears on another and is none about a capability or an artefact.
func Ledger(dir fs.FS) (all []Entry, err error) {
	list, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if path.Ext(e.Name()) != ".toml" || !e.Type().IsRegular() {
			continue
		}
		if len(all) == maxClaims {
			return nil, fmt.Errorf("more than %d claims", maxClaims)
		}
		c, err := open(dir, e.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		all = append(all, Entry{Claim: c, File: e.Name()})
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		if n := strings.Compare(a.ID, b.ID); n != 0 {
			return n
		}
		return a.Version - b.Version
	})
	newest := map[string]*Entry{}
	for i := range all {
		e := &all[i]
		if before := newest[e.ID]; before != nil {
			if before.Version == e.Version {
				return nil, fmt.Errorf("%s: key version: %s has version %d of %s, too", e.File, before.File, e.Version, e.ID)
			}
			before.Replaced = true
		}
		newest[e.ID] = e
	}
	for i := range all {
		for _, id := range all[i].Bears {
			if other := newest[id]; other != nil && !other.Kind.Testable() {
				return nil, fmt.Errorf("%s: key bears: %s is a claim about %s", all[i].File, id, other.Kind)
			}
		}
	}
	return all, nil
}

// open reads a file of a ledger, if it is not too large.
func open(dir fs.FS, name string) (*Claim, error) {
	st, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if st.Size() > tomlfile.MaxSize {
		return nil, fmt.Errorf("%d bytes, at most %d are read", st.Size(), tomlfile.MaxSize)
	}
	b, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

// JudgeAll judges the claims of a ledger, the newest version of each. A claim
// that no test decides gets the verdicts on those that bear on it.
func JudgeAll(ledger []Entry, reports []Input, checks []wardein.Check) (all []*Verdict) {
	by := map[string]*Verdict{}
	for _, e := range ledger {
		if !e.Replaced {
			v := Judge(e.Claim, reports, checks)
			all, by[e.ID] = append(all, v), v
		}
	}
	for _, v := range all {
		for i := range v.Bears {
			if b := by[v.Bears[i].ID]; b != nil {
				v.Bears[i].Text, v.Bears[i].Verdict = b.Claim.Text, b.Verdict
			}
		}
	}
	return all
}
