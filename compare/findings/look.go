package findings

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/report"
)

// reader says of one side whether it looked at what the other has.
type reader struct {
	*Side
	other  *Side
	checks []wardein.Check
	looks  map[string]string // check → why it is blind, "" where it is not
	saved  *report.Saved     // as much as report.Look asks for
	// Gaps that the other has not, or smaller ones: where they are, by plainPath,
	// and the first of each check.
	worse   map[string][]*wardein.Gap
	ofCheck map[string]*wardein.Gap
	parts   map[string]bool // the checks' names

	lives map[string]string // endsOf, when it was asked for
}

func newReader(s, other *Side, checks []wardein.Check) *reader {
	r := &reader{Side: s, other: other, checks: checks, looks: map[string]string{}, saved: saved(s.Report),
		worse: map[string][]*wardein.Gap{}, ofCheck: map[string]*wardein.Gap{}, parts: map[string]bool{}}
	for i := range checks {
		r.parts[checks[i].Name] = true
	}
	has := map[string][]int64{} // the sizes of the other side's, by key
	for i := range other.Gaps {
		k := gapKey(&other.Gaps[i])
		has[k] = append(has[k], other.Gaps[i].Len)
	}
	for _, sizes := range has {
		slices.Sort(sizes)
	}
	left := maps.Clone(has)
	for i := range s.Gaps {
		g := &s.Gaps[i]
		k := gapKey(g)
		if sizes := has[k]; len(left[k]) == 0 || g.Len > sizes[len(sizes)-1] {
			at := plainPath(g.Node)
			r.worse[at] = append(r.worse[at], g)
			if r.parts[g.Who] && g.Kind != wardein.NoData && r.ofCheck[g.Who] == nil {
				r.ofCheck[g.Who] = g
			}
		} else {
			left[k] = left[k][1:]
		}
	}
	return r
}

// saved is the part of a report that report.Look is about.
func saved(r *wardein.Report) *report.Saved {
	s := &report.Saved{Nodes: strconv.FormatInt(r.Nodes, 10), Components: make([]report.SavedComponent, len(r.Components))}
	for _, n := range r.Counts {
		s.Counts = append(s.Counts, report.SavedCount{Check: n.Check, Done: strconv.FormatInt(n.Done, 10), Failed: strconv.FormatInt(n.Failed, 10)})
	}
	for _, g := range r.Gaps {
		s.Gaps = append(s.Gaps, report.SavedGap{Node: g.Node, Who: g.Who, Kind: string(g.Kind), Why: g.Why})
	}
	return s
}

// blind says why a check could not have found anything on this side. One that
// met nothing of its kind looked, and so did one that lacked the same data on
// the other side.
func (r *reader) blind(name string) string {
	why, ok := r.looks[name]
	if ok {
		return why
	}
	defer func() { r.looks[name] = why }()
	check := wardein.Check{Name: name}
	if i := slices.IndexFunc(r.checks, func(c wardein.Check) bool { return c.Name == name }); i >= 0 {
		check = r.checks[i]
	}
	l := r.saved.LookOf(&check, r.checks)
	l.Gaps = slices.DeleteFunc(slices.Clone(l.Gaps), func(g *report.SavedGap) bool {
		return g.Kind == string(wardein.NoData) && !slices.ContainsFunc(r.worse[plainPath(g.Node)], func(w *wardein.Gap) bool { return w.Who == name && w.Why == g.Why })
	})
	if why = l.Blind(); l.Ran && l.Looked == 0 && l.Failed == 0 && len(l.Gaps) == 0 {
		why = ""
	}
	return why
}

// reading are a check and all that its findings are drawn from, of a list; none
// for "".
func reading(checks []wardein.Check, check string) (names []string) {
	if check == "" {
		return nil
	}
	names = []string{check}
	for i := 0; i < len(names); i++ {
		for k := range checks {
			if checks[k].Name != names[i] {
				continue
			}
			for _, n := range checks[k].Reads {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
	}
	return names
}

// unseen says why this side cannot say that what a check saw on the other
// side's nodes is not here; "" where it can.
func (r *reader) unseen(check string, nodes []string) string {
	if r.Partial {
		return "the inspection was interrupted"
	}
	names := reading(r.checks, check)
	for _, name := range names {
		if why := r.blind(name); why != "" {
			return why
		}
	}
	if len(nodes) == 0 {
		return r.less()
	}
	for _, n := range nodes { // what was in several places is not gone until all of them were looked at
		if why := r.unseenAt(names, n); why != "" {
			return why
		}
	}
	return ""
}

// less says that less of this side was opened than of the other.
func (r *reader) less() string {
	if a, b := r.other.Coverage.Opened(), r.Coverage.Opened(); b < a {
		return fmt.Sprintf("less was opened: %s of bytes, %s there", report.Percent(b), report.Percent(a))
	}
	if a, b := readShare(&r.other.Coverage), readShare(&r.Coverage); b < a {
		return fmt.Sprintf("less code was read: %s, %s there", report.Percent(b), report.Percent(a))
	}
	return ""
}

func readShare(c *wardein.Coverage) int64 {
	all, read := int64(0), int64(0)
	for _, k := range c.Code {
		all, read = all+k.Bytes, read+k.Read
	}
	return wardein.Share(read, all)
}

// unseenAt is unseen for one node of the other side and these checks.
func (r *reader) unseenAt(checks []string, node string) string {
	here := r.twin(node)
	g := r.gapOver(checks, node)
	if g == nil && here != nil && here.Path != node {
		g = r.gapOver(checks, here.Path)
	}
	if g == nil && here == nil { // a check that failed elsewhere may have failed on it
		for _, c := range checks {
			g = cmp.Or(g, r.ofCheck[c])
		}
	}
	if g != nil {
		return fmt.Sprintf("%s: %s", place(g.Node), strings.TrimPrefix(g.Why, g.Who+": "))
	}
	if r.Node == nil && r.Twin == nil || r.other.Node == nil {
		return r.less()
	}
	if here != nil {
		return r.closed(node, here, false)
	}
	// The nearest folder or container that is still there must have been opened
	// as far as on the other side.
	lost := false // a container on the way: nobody knows what its bytes became
	for node != "" && here == nil {
		node = parent(node)
		if here = r.twin(node); here == nil {
			n := r.other.Node(node)
			lost = lost || n != nil && n.Kind != wardein.Directory
		}
	}
	if here == nil || lost {
		if why := r.less(); why != "" {
			return why
		}
	}
	if here != nil {
		return r.closed(node, here, true)
	}
	return ""
}

// gapOver is a gap that the other side has not, on a node or around it: of an
// unpacker, or of one of the checks. What differs in offsets and numbers alone
// counts as the same node. That a check had no data blind has judged.
func (r *reader) gapOver(checks []string, node string) *wardein.Gap {
	for p := plainPath(node); ; p = parent(p) {
		for _, g := range r.worse[p] {
			if !r.parts[g.Who] || g.Kind != wardein.NoData && slices.Contains(checks, g.Who) {
				return g
			}
		}
		if p == "" {
			return nil
		}
	}
}

func (r *reader) twin(node string) *wardein.Node {
	switch {
	case r.Twin != nil:
		return r.Twin(node)
	case r.Node != nil:
		return r.Node(node)
	}
	return nil
}

// closed says that a node's bytes were not opened as far as its counterpart's
// at the path there: those that nobody could read, and of a container that had
// what is looked for in it all that did not become members.
func (r *reader) closed(there string, here *wardein.Node, container bool) string {
	was := r.other.Node(there)
	if was == nil {
		return ""
	}
	a, b := unopened(was, container), unopened(here, container)
	switch {
	case was.Format != "" && here.Format == "" && here.Kind != wardein.Directory:
		return place(here.Path) + " was not opened"
	case b > a:
		return fmt.Sprintf("%s: %d bytes were not opened, %d there", place(here.Path), b, a)
	}
	return ""
}

// unopened are the bytes of a node that are opaque or look encrypted, of a
// container all that are opaque or unknown.
func unopened(n *wardein.Node, container bool) (bytes int64) {
	for _, s := range n.Spans {
		if s.What == wardein.Opaque || s.What == wardein.Unknown && (container || s.Is == "high entropy") {
			bytes += s.Len
		}
	}
	return bytes
}

// plainPath is a path without what is another in the next release: the offsets
// of regions and the numbers in names.
func plainPath(p string) string {
	var b strings.Builder
	for i, part := range strings.Split(p, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		if len(part) > 9 && part[8] == '.' && strings.Trim(part[:8], "0123456789abcdef") == "" {
			part = "0" + part[8:]
		}
		digits := false
		for _, c := range []byte(part) {
			if d := c >= '0' && c <= '9'; !d {
				b.WriteByte(c)
			} else if !digits {
				b.WriteByte('0')
			}
			digits = c >= '0' && c <= '9'
		}
	}
	return b.String()
}

func parent(node string) string {
	if dir := path.Dir(node); dir != "." && dir != "/" {
		return dir
	}
	return ""
}

// place is a node as it is called in a sentence.
func place(node string) string {
	if node == "" {
		return "the release"
	}
	return node
}
