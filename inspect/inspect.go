// Package inspect runs checks over an unpacked release: first over each
// distinct blob (Look, in the caged child, cached by content), then over the
// tree (Judge). It keeps the second law: every pair of node and check ends
// done, failed or not applicable, and the counts add up.
package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein"
)

// Runner runs a list of checks.
type Runner struct {
	Checks []wardein.Check
	first  []int // index of each check's first literal in Literals
	lits   []string
}

// New makes a runner.
func New(checks []wardein.Check) *Runner {
	r := &Runner{Checks: checks}
	for _, c := range checks {
		r.first = append(r.first, len(r.lits))
		r.lits = append(r.lits, c.Literals...)
	}
	return r
}

// Literals are all checks' literals, for the engine's shared pass.
func (r *Runner) Literals() []string { return r.lits }

// Reasons why a check does not apply to a node.
const (
	whyMembers   = "opened: its members are checked"
	whyNoContent = "has no content"
	whyTreeOnly  = "reads the tree, no bytes"
	whyNotRead   = "content was not read"
)

// Bounds on what one check may cost: findings of a rule over one release; over
// one blob facts, the bytes of their attributes, and bytes read, which stand for the work that is done on them.
// The last two are multiples of the blob's size, and never less than some.
const (
	maxFacts    = 10_000
	maxFindings = 10_000 // of one rule
	leastStated = 1 << 20
	timesStated = 4
	leastRead   = 8 << 20
	timesRead   = 32
)

func bound(size, least, times int64) int64 {
	return least + times*min(size, (math.MaxInt64-least)/times)
}

// allowance reads for one check until the blob's bound is reached.
type allowance struct {
	io.ReaderAt
	left, all int64
}

func newAllowance(b *wardein.Blob) *allowance {
	n := bound(b.Size, leastRead, timesRead)
	return &allowance{b.ReaderAt, n, n}
}

func (a *allowance) ReadAt(p []byte, off int64) (int, error) {
	if err := a.spent(); err != nil {
		return 0, err
	}
	n, err := a.ReaderAt.ReadAt(p, off)
	a.left -= int64(n)
	return n, err
}

// spent is what a check that wants more ends in.
func (a *allowance) spent() error {
	if a.left > 0 {
		return nil
	}
	return fmt.Errorf("%s%d bytes read, the limit for this size is %d: what is said of it is not all", limitReached, a.all-a.left, a.all)
}

// How the reasons begin that are not the bytes' fault.
const (
	checkFailed  = "check failed: "
	limitReached = "limit: "
)

// Look runs every check over one blob.
func (r *Runner) Look(ctx context.Context, b wardein.Blob, hits func(i int) []int64) []wardein.Outcome {
	out := make([]wardein.Outcome, len(r.Checks))
	for i := range r.Checks {
		c := &r.Checks[i]
		o := &out[i]
		o.Check = c.Name
		switch {
		case c.Node == nil:
			o.Why = whyTreeOnly
			continue
		case b.Members && c.Components == nil && !c.Code:
			// What names products or reads code looks at programs that hold
			// archives too.
			o.Why = whyMembers
			continue
		}
		b.Hits = func(k int) []int64 { return hits(r.first[i] + k) }
		r.look(ctx, c, b, o)
	}
	return out
}

// look runs one check over one blob. What it stated before it failed is kept.
func (r *Runner) look(ctx context.Context, c *wardein.Check, b wardein.Blob, o *wardein.Outcome) {
	defer func() {
		if v := recover(); v != nil {
			o.State, o.Why = wardein.Failed, fmt.Sprintf(checkFailed+"%v", v)
		}
	}()
	bytes := newAllowance(&b)
	b.ReaderAt = bytes
	if c.Wants != nil {
		if ok, why := c.Wants(b); !ok {
			o.Why = why
			return
		}
	}
	dropped := 0
	stated, most := int64(0), bound(b.Size, leastStated, timesStated)
	err := c.Node(ctx, b, func(f wardein.Fact) {
		for _, a := range f.Attrs {
			stated += int64(len(a.Name) + len(a.Value))
		}
		if len(o.Facts) < maxFacts && stated <= most {
			o.Facts = append(o.Facts, f)
		} else {
			dropped++
		}
	})
	var gap *wardein.Gap
	switch {
	case bytes.spent() != nil:
		o.State, o.Why = wardein.Failed, bytes.spent().Error()
	case errors.As(err, &gap):
		o.Why = gap.Why // Tree says so, once for all files of a kind
	case err != nil:
		o.State, o.Why = wardein.Failed, err.Error()
	case stated > most:
		o.State, o.Why = wardein.Failed, fmt.Sprintf(limitReached+"facts of %d bytes, the limit for this size is %d", stated, most)
	case dropped > 0:
		o.State, o.Why = wardein.Failed, fmt.Sprintf(limitReached+"%d facts, the limit is %d", len(o.Facts)+dropped, maxFacts)
	default:
		o.State = wardein.Done
	}
}

// Tally counts outcomes node by node while the tree is walked.
type Tally struct {
	r      *Runner
	counts []count
	nodes  int64
}

type count struct {
	done, failed int64
	na           map[string]int64
	cases        map[string]*covered
}

// covered is how many nodes speak to a test case; last is the one counted last.
type covered struct{ nodes, last int64 }

// NewTally starts a count.
func (r *Runner) NewTally() *Tally {
	t := &Tally{r: r, counts: make([]count, len(r.Checks))}
	for i := range t.counts {
		t.counts[i].na = map[string]int64{}
		t.counts[i].cases = map[string]*covered{}
		for _, cases := range r.Checks[i].Cases {
			for _, c := range cases {
				t.counts[i].cases[c] = &covered{}
			}
		}
	}
	return t
}

// Add counts one node and returns a Gap for each check that failed on it.
// outcomes is nil for a node without content or whose content was not read.
func (t *Tally) Add(n *wardein.Node, outcomes []wardein.Outcome) (gaps []wardein.Gap) {
	t.nodes++
	for i := range t.counts {
		c := &t.counts[i]
		if i >= len(outcomes) {
			why := whyNoContent
			if n.Kind == wardein.File || n.Kind == wardein.Region {
				why = whyNotRead
			}
			c.na[why]++
			continue
		}
		switch o := &outcomes[i]; o.State {
		case wardein.Done:
			c.done++
			if err := t.cover(i, n, o.Facts); err != nil {
				gaps = append(gaps, wardein.Gap{Node: n.Path, Who: o.Check, Kind: wardein.Crashed, Why: err.Error()})
			}
		case wardein.Failed:
			c.failed++
			kind := wardein.Damaged
			switch {
			case strings.HasPrefix(o.Why, checkFailed):
				kind = wardein.Crashed
			case strings.HasPrefix(o.Why, limitReached):
				kind = wardein.Limit
			}
			gaps = append(gaps, wardein.Gap{Node: n.Path, Who: o.Check, Kind: kind, Why: o.Why})
		default:
			c.na[o.Why]++
		}
	}
	return gaps
}

// cover counts the test cases that a node speaks to.
func (t *Tally) cover(check int, n *wardein.Node, facts []wardein.Fact) (err error) {
	all, covers := t.counts[check].cases, t.r.Checks[check].Covers
	switch {
	case len(all) == 0:
	case covers != nil:
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf(checkFailed+"%v", v)
			}
		}()
		for _, id := range covers(n, facts) {
			if c := all[id]; c != nil && c.last != t.nodes {
				c.nodes++
				c.last = t.nodes
			}
		}
	case len(facts) > 0:
		for _, c := range all {
			c.nodes++
		}
	}
	return err
}

// ReadCode tells whether a check that reads executable code ended done.
func (t *Tally) ReadCode(outcomes []wardein.Outcome) bool {
	for i := range outcomes {
		if t.r.Checks[i].Code && outcomes[i].State == wardein.Done {
			return true
		}
	}
	return false
}

// Counts returns the counts, one for each check in list order.
func (t *Tally) Counts() []wardein.CheckCount {
	out := make([]wardein.CheckCount, len(t.counts))
	for i, c := range t.counts {
		out[i] = wardein.CheckCount{Check: t.r.Checks[i].Name, Done: c.done, Failed: c.failed}
		for why, n := range c.na {
			out[i].NotApplicable = append(out[i].NotApplicable, wardein.ReasonCount{Why: why, Nodes: n})
		}
		for _, id := range slices.Sorted(maps.Keys(c.cases)) {
			out[i].Cases = append(out[i].Cases, wardein.CaseCount{Case: id, Nodes: c.cases[id].nodes})
		}
		slices.SortFunc(out[i].NotApplicable, func(a, b wardein.ReasonCount) int { return strings.Compare(a.Why, b.Why) })
	}
	return out
}

// Identify names the release's components and returns the tree with them,
// sorted by name and version. A check that fails is a Gap; what it found
// before stays.
func (r *Runner) Identify(ctx context.Context, tree wardein.Tree) (wardein.Tree, []wardein.Gap, error) {
	known := &identified{Tree: tree}
	gaps, err := r.each(ctx, func(c *wardein.Check) error {
		if c.Components == nil {
			return nil
		}
		return c.Components(ctx, tree, func(x wardein.Component) { known.components = append(known.components, x) })
	})
	slices.SortStableFunc(known.components, func(a, b wardein.Component) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	return known, gaps, err
}

// identified is a tree whose components are known.
type identified struct {
	wardein.Tree
	components []wardein.Component
}

func (t *identified) Components() []wardein.Component { return t.components }

// each does one thing with every check; one that fails is a Gap.
func (r *Runner) each(ctx context.Context, do func(c *wardein.Check) error) (gaps []wardein.Gap, err error) {
	for i := range r.Checks {
		c := &r.Checks[i]
		err := func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("check failed: %v", v)
				}
			}()
			return do(c)
		}()
		if cerr := ctx.Err(); cerr != nil {
			return nil, cerr
		}
		if err != nil {
			gaps = append(gaps, gapsOf(c.Name, err)...)
		}
	}
	return gaps, nil
}

// gapsOf are the Gaps that a check ended in; any other error is a crash.
func gapsOf(check string, err error) (gaps []wardein.Gap) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			gaps = append(gaps, gapsOf(check, e)...)
		}
		return gaps
	}
	var g *wardein.Gap
	if !errors.As(err, &g) {
		return []wardein.Gap{{Who: check, Kind: wardein.Crashed, Why: err.Error()}}
	}
	own := *g
	own.Who = check
	return []wardein.Gap{own}
}

// Judge runs every check's Tree part and returns the findings in the order of
// a report: reach, known exploited, severity, confidence, ID, node, check. A
// check that fails is a Gap; what it found before stays.
func (r *Runner) Judge(ctx context.Context, tree wardein.Tree) (findings []wardein.Finding, gaps []wardein.Gap, err error) {
	of := map[string]int{} // findings by rule
	gaps, err = r.each(ctx, func(c *wardein.Check) error {
		if c.Tree == nil {
			return nil
		}
		return c.Tree(ctx, tree, func(f wardein.Finding) {
			if of[f.Rule]++; of[f.Rule] > maxFindings {
				return
			}
			f.Check = c.Name
			if f.Cases == nil {
				f.Cases = c.Cases[f.Rule]
			}
			findings = append(findings, f)
		})
	})
	if err != nil {
		return nil, nil, err
	}
	for _, c := range r.Checks {
		for _, rule := range slices.Sorted(maps.Keys(of)) {
			if n := of[rule]; n > maxFindings && strings.HasPrefix(rule, c.Name+".") {
				gaps = append(gaps, wardein.Gap{Who: c.Name, Kind: wardein.Limit, Why: fmt.Sprintf("%d findings of %s, the limit is %d", n, rule, maxFindings)})
			}
		}
	}
	sort.SliceStable(findings, func(i, j int) bool {
		a, b := &findings[i], &findings[j]
		switch {
		case a.Reach != b.Reach:
			return a.Reach > b.Reach
		case a.Exploited != b.Exploited:
			return a.Exploited
		case a.Severity != b.Severity:
			return a.Severity > b.Severity
		case a.Confidence != b.Confidence:
			return a.Confidence > b.Confidence
		case a.ID != b.ID:
			return a.ID < b.ID
		case a.Node != b.Node:
			return a.Node < b.Node
		}
		return a.Check < b.Check
	})
	return findings, gaps, nil
}
