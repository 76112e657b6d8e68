package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/durable"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/graph"
	"github.com/wardein/wardein/place/plan"
	"github.com/wardein/wardein/place/policy"
	"github.com/wardein/wardein/prove"
	trusted "github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/profile"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
)

// judgeAll judges by all packs, in their order.
func judgeAll(ctx context.Context, at *place.Snapshot, packs []*policy.Pack, o policy.Options) (all []policy.Result, err error) {
	for _, p := range packs {
		list, err := p.Judge(ctx, at, o)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// maxMoments bounds the days on which rules are judged for a timeline.
const maxMoments = 60

// momentDays are the days from a first one on that change something: a rule begins
// or ends to bind, the plan has a step, and the day of judging. Of more than
// maxMoments the first of each month stand, then the earliest.
func momentDays(packs []*policy.Pack, steps *plan.Plan, from, asOf place.Date) []place.Date {
	days := append(plan.RuleDates(packs, from, 0), from, asOf)
	if steps != nil {
		for i := range steps.Steps {
			days = append(days, steps.Steps[i].Date)
		}
	}
	slices.Sort(days)
	days = slices.Compact(days)
	if len(days) > maxMoments {
		days = slices.CompactFunc(days, func(a, b place.Date) bool { return a.String()[:7] == b.String()[:7] })
	}
	return days[:min(len(days), maxMoments)]
}

// allPairs counts all pairs of elements. The state stands in a file after each
// batch, whole or as it was, and a later run goes on from it.
func allPairs(ctx context.Context, at *place.Snapshot, by, file string, p *progress) (*exposure.Pairs, error) {
	var from *exposure.Pairs
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		from = &exposure.Pairs{}
		if err := json.Unmarshal(b, from); err != nil {
			return nil, &hinted{fmt.Errorf("no state of a count of all pairs: %s", term.Clean(file)), "--all-pairs names a file of its own, or one that is not there yet"}
		}
	}
	pairs, err := exposure.AllPairs(ctx, at, by, graph.ByHop, from, func(s *exposure.Pairs) error {
		p.now(fmt.Sprintf("all pairs: %d of %d elements", s.Next, at.Nodes()))
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return durable.Write(file, 0o666, durable.Bytes(append(b, '\n')))
	})
	if err != nil && ctx.Err() == nil {
		return nil, &hinted{fmt.Errorf("%w: %s", err, term.Clean(file)), "--all-pairs names a state of this network, day and kind, or a file that is not there yet"}
	}
	return pairs, err
}

// readEvidence reads what a folder says of releases: bundles and profile
// statements, which a trust policy verifies, and reports, which prove nothing.
// An element is of a release by its fact release_digest.
func readEvidence(dir, trust string, net *place.Network) (*policy.Evidence, error) {
	if dir == "" {
		if trust != "" {
			return nil, &hinted{errors.New("nothing to verify: --trust without --evidence"), "--evidence DIR names a folder with bundles, profile statements or reports"}
		}
		return nil, nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	e := &evidence{dir: dir, trust: trust, releases: map[string]*policy.Release{}}
	for _, f := range files {
		if err := e.file(f.Name()); err != nil {
			return nil, err
		}
	}
	for i := range net.Elements {
		x := &net.Elements[i]
		if r := e.releases[place.FactOf(x.Facts, "release_digest")]; r != nil && r.Vendor == "" {
			r.Vendor, r.Product, r.Name = x.Vendor, x.Product, x.Release
		}
	}
	out := &policy.Evidence{}
	for _, r := range e.releases {
		out.Releases = append(out.Releases, *r)
	}
	slices.SortFunc(out.Releases, func(a, b policy.Release) int { return cmp.Compare(a.Digest, b.Digest) })
	if len(out.Releases) == 0 {
		return nil, &hinted{fmt.Errorf("no evidence: %s", term.Clean(dir)), "bundles end in .wardein, profile statements in " + profileEnd + ", reports in " + kinds["json"]}
	}
	return out, nil
}

// evidence is what was read of a folder, by the digest of the release.
type evidence struct {
	dir, trust string
	releases   map[string]*policy.Release
}

func (e *evidence) of(digest, file string) *policy.Release {
	r := e.releases[digest]
	if r == nil {
		r = &policy.Release{Digest: digest, Source: place.Source{Name: file}}
		e.releases[digest] = r
	}
	return r
}

// file takes one file. Others than evidence are left alone.
func (e *evidence) file(name string) error {
	path := filepath.Join(e.dir, name)
	switch {
	case strings.HasSuffix(name, profileEnd):
		p, err := readPolicyFor(e.trust)
		if err != nil {
			return err
		}
		f, err := openSignedFile(path, statement.Profile, p)
		if err != nil {
			return err
		}
		said, err := profile.Read(f.Predicate)
		if err != nil {
			return f.no("predicate: %w", err)
		}
		if said.Report.Release != f.Subject.String() {
			return f.no("its subject is %s, its report is about %s", f.Subject, said.Report.Release)
		}
		if said.Result == profile.Met {
			r := e.of(f.Subject.String(), name)
			r.Profiles = append(r.Profiles, said.Profile.Name)
		}
	case isBundle(path):
		return e.bundle(path, name)
	case strings.HasSuffix(name, kinds["json"]):
		s, err := openSaved(path)
		if err != nil {
			return err
		}
		r := e.of(s.Release.Digest, name)
		if r.Bundle {
			return nil // what was proved stays
		}
		r.Opened = s.Coverage.Opened_ppm
		var all, read int64
		for _, c := range s.Coverage.Code {
			all, read = all+c.Bytes, read+c.Read
		}
		if all > 0 {
			r.CodeRead = int64(float64(read) / float64(all) * 1e6)
		}
		r.Findings = map[string]int64{}
		for i := range s.Findings {
			r.Findings[s.Findings[i].Severity]++
		}
	}
	return nil
}

// bundle verifies a bundle and takes its figures. One that its lab withdrew
// proves nothing.
func (e *evidence) bundle(path, name string) error {
	p, err := readPolicyFor(e.trust)
	if err != nil {
		return err
	}
	f, size, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	v, err := prove.Verify(f, size, p)
	if err != nil {
		return verdict(err, term.Clean(path))
	}
	if slices.ContainsFunc(v.Counters, func(c prove.Signed) bool {
		w, ok := c.Record.(*record.Withdrawal)
		return ok && len(w.Findings) == 0
	}) {
		return nil
	}
	seen, err := v.Inspection.Seen()
	if err != nil {
		return err
	}
	r := e.of(v.Subject.String(), name)
	r.Bundle, r.Opened, r.CodeRead, r.Source.Name = true, seen.Opened, seen.Read, name
	r.Findings = map[string]int64{}
	for _, c := range v.Inspection.Findings {
		r.Findings[c.Severity] = c.Count
	}
	return nil
}

// readPolicyFor reads the policy by which evidence is verified.
func readPolicyFor(trust string) (*trusted.Policy, error) {
	if trust == "" {
		return nil, &hinted{errors.New("evidence is verified before it is used: --trust"), "a policy names labs, logs and witnesses (docs/bundle.md); a report by itself needs none, and proves nothing"}
	}
	return readPolicy(trust, nil, nil)
}
