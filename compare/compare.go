// Package compare tells what changed from one release to the next, in the order
// in which a person has to look at it.
//
// Two inspected releases, judged alike, go in. Their nodes are paired (pair.go);
// what containers say about a pair is compared in a table of its own (meta.go),
// so that a set-user-ID bit never vanishes in something that normalises; bytes
// are compared as what they are (contents.go): settings and databases by key,
// texts by line, programs by their tables and functions, everything else byte
// by byte. What the checks found comes from package findings.
//
// Compare(a, a) has no row. Compare(a, b) and Compare(b, a) have the same rows
// with New and Gone changed. The result depends on the two releases, their
// recipe and this package alone.
package compare

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/report"
)

// comparison is the work of Compare.
type comparison struct {
	old, new *Side
	a, b     *index
	secrets  [2]secrets
	boots    [2]*boot
	checks   []wardein.Check
	then     *findings.Side
	out      *Result
	// noFunctions leaves the functions of programs out.
	noFunctions bool
	whole       string
	wants       Choice        // all lines of these nodes are kept
	trees       [2]sync.Mutex // a tree is read by one goroutine at a time
}

// Options are what a comparison is made with.
type Options struct {
	// Checks are those that both reports were made with.
	Checks []wardein.Check
	// Then is the older release's report as it was made before, nil for none: what
	// differs from how it is judged now is no doing of the newer release.
	Then *findings.Side
	// NoFunctions leaves the functions of programs out; a gap says so.
	NoFunctions bool
	// Func is a program by its path or name: more of its functions'
	// instructions is kept.
	Func string
	// Path is a node of which, and of what is in it, all lines are kept.
	Path string
}

// Compare compares two releases. What can't be read is a gap in the result; an
// error is a tree file that can't be read, or an ended context.
func Compare(ctx context.Context, old, new *Side, o Options) (*Result, error) {
	c := &comparison{old: old, new: new, checks: o.Checks, then: o.Then, noFunctions: o.NoFunctions, whole: o.Func, wants: Choice{Path: o.Path},
		out: &Result{Old: about(old), New: about(new)}}
	c.out.Alike = c.out.Old.Recipe == c.out.New.Recipe
	var wg sync.WaitGroup
	for i, x := range []*Side{old, new} { // a tree is read by one goroutine at a time
		wg.Go(func() {
			*[]**index{&c.a, &c.b}[i] = read(x.Tree)
			c.secrets[i], c.boots[i] = secretsOf(x.Tree), readBoot(x.Tree)
		})
	}
	wg.Wait()
	if err := c.broken(ctx); err != nil {
		return nil, err
	}
	pair(c.a, c.b, c.likeness)
	c.found()
	c.starts()
	c.nodes()
	if err := c.differing(ctx); err != nil {
		return nil, err
	}
	if o.NoFunctions {
		c.out.Gaps = append(c.out.Gaps, wardein.Gap{Who: "compare", Kind: wardein.Limit, Why: "functions were not compared: they were left out on request"})
	}
	c.packing()
	c.missing()
	c.releaseNotes()
	c.rank()
	return c.out, c.broken(ctx)
}

func (c *comparison) broken(ctx context.Context) error {
	if err := c.old.Tree.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.old.Name, err)
	}
	if err := c.new.Tree.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.new.Name, err)
	}
	return ctx.Err()
}

func about(s *Side) About {
	r := s.Report
	return About{Name: s.Name, Digest: r.Release.Digest, Size: r.Release.Size, Nodes: r.Nodes, Recipe: report.RecipeDigest(&r.Recipe), AsOf: r.Recipe.AsOf, Gaps: len(r.Gaps)}
}

// node reads a node of one side: 0 the older, 1 the newer.
func (c *comparison) node(side int, path string) *wardein.Node {
	c.trees[side].Lock()
	defer c.trees[side].Unlock()
	if side == 0 {
		return c.old.Tree.Lookup(path)
	}
	return c.new.Tree.Lookup(path)
}

// found brings in what the checks found.
func (c *comparison) found() {
	twins := func(from, to *index) map[string]string {
		m := map[string]string{}
		for i := range from.nodes {
			if e := &from.nodes[i]; e.pair >= 0 && to.nodes[e.pair].path != e.path {
				m[e.path] = to.nodes[e.pair].path
			}
		}
		return m
	}
	has := func(x *index) map[string]bool {
		m := map[string]bool{}
		for i := range x.nodes {
			if x.nodes[i].pair < 0 {
				m[x.nodes[i].path] = true
			}
		}
		return m
	}
	side := func(s *Side, n int, m map[string]string, alone map[string]bool) *findings.Side {
		return &findings.Side{Name: s.Name, Report: s.Report, Messages: s.Messages,
			Node: func(p string) *wardein.Node { return c.node(n, p) },
			Twin: func(p string) *wardein.Node { // p is of the other side
				if t, ok := m[p]; ok {
					return c.node(n, t)
				}
				if alone[p] {
					return nil
				}
				return c.node(n, p)
			}}
	}
	old := side(c.old, 0, twins(c.b, c.a), has(c.b))
	new := side(c.new, 1, twins(c.a, c.b), has(c.a))
	c.out.Found = findings.Compare(old, new, c.checks)
	if c.then != nil {
		now := &findings.Side{Name: "now", Report: c.old.Report, Messages: c.old.Messages, Node: old.Node}
		c.out.Then = findings.Causes(c.then, now, c.checks)
	}
	for _, r := range c.out.Found.Differences() {
		c.out.Rows = append(c.out.Rows, foundRow(r))
	}
}

// foundKinds are the kinds of findings' rows here.
var foundKinds = map[findings.Kind]Kind{findings.Finding: Finding, findings.Component: Component, findings.Listener: Listener,
	findings.Account: Account, findings.Key: Key, findings.Host: Remote, findings.Gap: Gap, findings.Coverage: Coverage}

func foundRow(r *findings.Row) Row {
	row := Row{Kind: foundKinds[r.Kind], What: r.Name, Was: r.Was, Is: r.Is, Found: r, Lines: 1, Note: r.Note}
	switch r.State {
	case findings.New:
		row.Change = New
	case findings.Gone:
		row.Change = Gone
	case findings.Changed:
		row.Change = Changed
		row.Note = strings.Join(append(slices.Clone(r.What), nonempty(row.Note)...), "; ")
	default:
		row.Change = Unknown
		row.Note = strings.Join(append([]string{string(r.State)}, nonempty(r.Why, row.Note)...), ": ")
	}
	if r.Old != nil {
		row.Old = r.Old.Node
	}
	if r.New != nil {
		row.New = r.New.Node
	}
	for _, s := range r.Went {
		row.Items = append(row.Items, Line{'-', s})
	}
	for _, s := range r.Came {
		row.Items = append(row.Items, Line{'+', s})
	}
	if n := len(row.Items); n > maxItems {
		row.Items, row.Left = row.Items[:maxItems], n-maxItems
	}
	row.Lines = max(1, int64(len(r.Went)+len(r.Came)))
	if row.Kind == Gap || row.Kind == Coverage {
		row.Lines = 0
	}
	return row
}

func nonempty(list ...string) (out []string) {
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// nodes makes the rows of what is there on one side alone, of what moved, and
// of what containers say about a pair.
func (c *comparison) nodes() {
	alone := func(x *index, side int, change Change) {
		for i := range x.nodes {
			e := &x.nodes[i]
			if e.pair >= 0 {
				continue
			}
			r := Row{Kind: File, Change: change, What: e.kind.String(), Lines: 1}
			if e.content() {
				r.Note = plural(e.size, "byte")
			}
			if e.kind == wardein.Directory || e.box > 0 && x.nodes[e.box].pair < 0 {
				r.Lines = 0 // it is looked at with what is in it, or what it is in
			}
			n := &wardein.Node{}
			if e.marked {
				n = c.node(side, e.path)
			}
			if change == New {
				r.New = e.path
			} else {
				r.Old = e.path
			}
			c.out.Rows = append(c.out.Rows, r)
			if e.marked && n != nil {
				c.out.Rows = append(c.out.Rows, markedRow(n, change))
			}
		}
	}
	alone(c.a, 0, Gone)
	alone(c.b, 1, New)
	moves := map[[2]string]int{}
	for j := range c.b.nodes {
		y := &c.b.nodes[j]
		if y.pair < 0 {
			continue
		}
		c.out.Paired++
		x := &c.a.nodes[y.pair]
		if from, to := moved(c.a, c.b, x, y); from != to {
			key := [2]string{from, to}
			k, ok := moves[key]
			if !ok {
				k = len(c.out.Rows)
				moves[key] = k
				c.out.Rows = append(c.out.Rows, Row{Kind: Moved, Change: Changed, Old: from, New: to, Lines: 1, Note: "by " + y.how.String()})
			}
			r := &c.out.Rows[k]
			r.Left++
			if x.marked || y.marked {
				c.out.Rows = append(c.out.Rows, Row{Kind: SetID, Change: Changed, Old: x.path, New: y.path, What: "path", Was: x.path, Is: y.path, Lines: 1})
			}
		}
		switch {
		case x.meta != y.meta:
			n, m := c.node(0, x.path), c.node(1, y.path)
			if n != nil && m != nil {
				c.out.Rows = append(c.out.Rows, attributes(n, m)...)
			}
		case x.blob != y.blob:
		case x.mtime != y.mtime:
			c.out.Times++
		default:
			c.out.Equal++
		}
	}
	for i := range c.out.Rows {
		if r := &c.out.Rows[i]; r.Kind == Moved {
			if r.Left > 1 {
				r.Note += ", " + plural(int64(r.Left), "node")
			}
			r.Left = 0
		}
	}
}

// moved is where a node was and where it is: the first folders that differ of
// its two paths, so that what moved together is one row. They are equal for a
// node that stands where it stood, a region at another offset among them.
func moved(a, b *index, x, y *entry) (from, to string) {
	if x.path == y.path {
		return "", ""
	}
	from, to = x.path, y.path
	if x.box >= 0 && y.box >= 0 && a.nodes[x.box].pair == y.box {
		if from, to = x.name(), y.name(); from == to || x.kind == wardein.Region && general(from) == general(to) {
			return "", ""
		}
	}
	around, about := strings.TrimSuffix(x.path, from), strings.TrimSuffix(y.path, to)
	for path.Base(from) == path.Base(to) {
		f, t := folder(from), folder(to)
		if f == t || f == "" || t == "" {
			break
		}
		from, to = f, t
	}
	return around + from, about + to
}

// Bounds of the lines of texts and functions that a result keeps, and of the
// pairs that are compared before what is beyond is let go.
const (
	maxKept = 400_000
	batch   = 1024
)

// differing compares the bytes of all pairs whose digests differ, on all
// processors. Rows are in the order of the newer tree.
func (c *comparison) differing(ctx context.Context) error {
	var list []int32
	for j := range c.b.nodes {
		if y := &c.b.nodes[j]; y.pair >= 0 {
			x := &c.a.nodes[y.pair]
			if x.blob != y.blob && x.content() && y.content() {
				list = append(list, int32(j))
			}
		}
	}
	room := maxKept
	for from := 0; from < len(list); from += batch {
		some := list[from:min(from+batch, len(list))]
		details := c.compareAll(ctx, some)
		if err := ctx.Err(); err != nil {
			return err
		}
		for k := range details {
			c.take(&details[k], &c.b.nodes[some[k]], &room)
		}
	}
	return nil
}

// compareAll compares pairs, the largest first: one that is begun last would
// keep one processor busy and leave the others idle.
func (c *comparison) compareAll(ctx context.Context, list []int32) []detail {
	order := make([]int, len(list))
	for k := range order {
		order[k] = k
	}
	size := func(k int) int64 {
		y := &c.b.nodes[list[k]]
		return y.size + c.a.nodes[y.pair].size
	}
	slices.SortStableFunc(order, func(k, l int) int { return cmp.Compare(size(l), size(k)) })
	details := make([]detail, len(list))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(list)) {
		wg.Go(func() {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(list) || ctx.Err() != nil {
					return
				}
				y := &c.b.nodes[list[order[at]]]
				details[order[at]] = c.safely(&c.a.nodes[y.pair], y)
			}
		})
	}
	wg.Wait()
	return details
}

// take adds what became of a pair to the result.
func (c *comparison) take(d *detail, y *entry, room *int) {
	x := &c.a.nodes[y.pair]
	for i := range d.rows {
		if r := &d.rows[i]; !c.wants.below(x.path) && !c.wants.below(y.path) {
			r.shorten(room)
		}
	}
	c.out.Rows = append(c.out.Rows, c.seen(d.rows, y)...)
	c.out.Gaps = append(c.out.Gaps, d.gaps...)
	c.out.Differing += d.differing
	for side, n := range d.unread {
		if n > 0 {
			p := []string{x.path, y.path}[side]
			c.out.Missing = append(c.out.Missing, Missing{Path: p, Old: side == 0, Bytes: n, Why: "not read"})
		}
	}
	if len(d.rows) == 0 && len(d.gaps) == 0 && !y.opened {
		c.out.Gaps = append(c.out.Gaps, wardein.Gap{Node: y.path, Who: "compare", Kind: wardein.Crashed, Why: "its bytes differ and no difference was found"})
	}
}

// shorten leaves out the lines of a row for which there is no room.
func (r *Row) shorten(room *int) {
	for i := range r.Hunks {
		n := len(r.Hunks[i].Lines)
		if n > *room {
			for k := i; k < len(r.Hunks); k++ {
				r.Left += len(r.Hunks[k].Lines)
			}
			r.Hunks = r.Hunks[:i]
			break
		}
		*room -= n
	}
	if f := r.Functions; f != nil {
		for i := range f.List {
			g := &f.List[i]
			if n := len(g.Lines); n > *room {
				g.Left, g.Lines = g.Left+n, nil
			} else {
				*room -= n
			}
		}
	}
}

// safely is contents, with a failure of a reader as a gap.
func (c *comparison) safely(x, y *entry) (d detail) {
	defer func() {
		if v := recover(); v != nil {
			d = detail{gaps: []wardein.Gap{{Node: y.path, Who: "compare", Kind: wardein.Crashed, Why: fmt.Sprintf("its bytes were not compared: a reader failed: %v", v)}}}
		}
	}()
	return c.contents(x, y)
}

// seen adds to the rows of a node what it is for the running system.
func (c *comparison) seen(rows []Row, y *entry) []Row {
	by := c.boots[1].system.Started(y.path)
	for i := range rows {
		r := &rows[i]
		r.Network = c.boots[1].waits[y.path] || c.boots[0].waits[c.a.nodes[y.pair].path]
		if by != "" && r.Kind == Text {
			r.Kind, r.What = Init, "script"
			r.Note = strings.Join(append(nonempty(r.Note), "run at boot"), "; ")
		}
		if y.marked && r.Lines > 0 {
			r.Note = strings.Join(append(nonempty(r.Note), "runs with rights of its own"), "; ")
		}
	}
	return rows
}
