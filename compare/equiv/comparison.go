package equiv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
)

// Contents gives the bytes of a blob that Wanted named, nil for none: what
// could not be read is not comparable. They stay as they are.
type Contents func(wardein.Digest) []byte

// comparison is one comparison of two releases.
type comparison struct {
	facts *Facts
	read  [2]Contents
	pairs *Pairs

	result *Result
	rules  map[string]*RuleCount
	listed int
	files  int
	only   []File // of the rebuilt release alone
	ids    digests
	noise  *noise // nil: there was one rebuild
	// seen is told each run that differs: its place in the shipped release.
	seen func(path string, r Run)
}

// Compare compares what Pair paired. facts may be nil.
func (p *Pairs) Compare(facts *Facts, shipped, rebuilt Contents) *Result {
	return p.compare(facts, shipped, rebuilt, nil)
}

// CompareWith compares as Compare does, and says of each difference whether
// two rebuilds differ there, too: again are the rebuilt release and a second
// one, paired.
func (p *Pairs) CompareWith(facts *Facts, shipped, rebuilt Contents, again *Pairs, second Contents) *Result {
	return p.compare(facts, shipped, rebuilt, again.noise(facts, rebuilt, second))
}

func (p *Pairs) compare(facts *Facts, shipped, rebuilt Contents, n *noise) *Result {
	if facts == nil {
		facts = &Facts{}
	}
	c := &comparison{facts: facts, read: [2]Contents{shipped, rebuilt}, pairs: p, noise: n}
	r := c.run()
	if n != nil {
		n.second.Outside, n.second.OutFile = n.outside, int64(len(n.files))
		r.Rebuilt2 = n.second
	}
	return r
}

func (c *comparison) run() *Result {
	r := &Result{Version: Version, Rules: []RuleCount{}, List: []File{}}
	c.result, c.rules, c.ids.of = r, map[string]*RuleCount{}, c
	r.Shipped, r.Rebuilt = c.pairs.trees[0].release(), c.pairs.trees[1].release()
	r.Shipped.Compiler, r.Rebuilt.Compiler = c.facts.Shipped.Compiler, c.facts.Rebuilt.Compiler
	if c.facts.Digest != (wardein.Digest{}) {
		r.Facts = c.facts.Digest.String()
	}
	if m, o := c.pairs.roots[0], c.pairs.roots[1]; m != nil && o != nil {
		r.Verdict = c.node(m, &r.Bytes)
		if !m.content() || m.Blob != o.Blob {
			c.alone(o)
		}
	}
	slices.SortFunc(r.List, func(a, b File) int { return cmp.Compare(a.seq, b.seq) })
	for _, f := range c.only {
		c.list(f)
	}
	for _, n := range c.rules {
		r.Rules = append(r.Rules, *n)
	}
	slices.SortFunc(r.Rules, func(a, b RuleCount) int { return cmp.Compare(a.Rule, b.Rule) })
	if len(c.only) > 0 {
		r.Verdict = worse(r.Verdict, NotComparable)
	}
	if r.Verdict == "" {
		r.Verdict = NotComparable
	}
	r.Sentence = Sentences[r.Verdict]
	return r
}

func (t *Tree) release() Release {
	r := Release{Digest: t.Digest.String(), Nodes: int64(len(t.Nodes))}
	for _, n := range t.Nodes {
		r.Gaps += int64(len(n.Gaps))
	}
	return r
}

// list puts a file that is not identical into the result, as far as there is
// room.
func (c *comparison) list(f File) {
	if len(c.result.List) >= MaxFiles {
		c.result.Unlisted++
		return
	}
	if room := maxListed - c.listed; len(f.Differences) > room {
		f.Left += int64(len(f.Differences) - room)
		f.Differences = f.Differences[:room]
	}
	c.listed += len(f.Differences)
	if f.Differences == nil {
		f.Differences = []Difference{}
	}
	c.result.List = append(c.result.List, f)
}

// fileWork is a file that is being compared.
type fileWork struct {
	File
	c       *comparison
	open    int64 // differences that nothing accepts
	inBytes int64 // of them, those that stand in bytes of the file
	waiting []waiting
	rules   map[string]bool
	plain   []Difference // explained
	left    int64
	covered bool // part of it could not be compared
	nodes   [2]*member
}

// waiting is a difference that is accepted when all others are.
type waiting struct {
	rule *Rule
	d    Difference
	n    int64
}

// add takes a difference: n of the shipped file's bytes. rule is nil where
// none explains it.
func (f *fileWork) add(rule *Rule, d Difference, n int64) {
	if f.c.seen != nil {
		f.c.seen(f.key(&d), d.Shipped)
	}
	if rule != nil {
		d.Rule, d.Accepted = rule.Name, !rule.Never
		f.count(rule, n)
	}
	if d.Noise = f.c.noise.of(f, &d); d.Noise == outside {
		f.c.noise.add(f.Path, n)
	}
	if d.Accepted {
		f.Bytes.Explained += n
		if len(f.plain) < MaxDifferences {
			f.plain = append(f.plain, d)
		} else {
			f.left++
		}
		return
	}
	f.open++
	if d.Shipped.Len+d.Rebuilt.Len > 0 || d.Where == "layout" {
		f.inBytes++
	}
	f.Bytes.Unexplained += n
	if len(f.Differences) < MaxDifferences {
		f.Differences = append(f.Differences, d)
	} else {
		f.left++
	}
}

// key is what noise is kept under.
func (f *fileWork) key(d *Difference) string {
	if d.Shipped.Len+d.Rebuilt.Len == 0 {
		return f.Path + "\x00" + d.Where // of what a container says of it
	}
	return f.Path
}

// hidden takes bytes that could not be compared.
func (f *fileWork) hidden(n int64, why string) {
	f.covered = true
	f.Bytes.NotCovered += n
	if !strings.Contains(f.Why, why) {
		f.Why = strings.TrimPrefix(f.Why+"; "+why, "; ")
	}
}

func (f *fileWork) count(rule *Rule, n int64) {
	k := f.c.rules[rule.Name]
	if k == nil {
		k = &RuleCount{Rule: rule.Name, Class: rule.Class, Accepted: !rule.Never}
		f.c.rules[rule.Name] = k
	}
	k.Bytes += n
	k.Differences++
	if !f.rules[rule.Name] {
		if f.rules == nil {
			f.rules = map[string]bool{}
		}
		f.rules[rule.Name] = true
		k.Files++
	}
}

// done ends the comparison of a file: what was waiting is accepted if nothing
// is left unexplained. inner is the verdict on what is inside.
func (f *fileWork) done(inner Verdict) {
	ok := f.inBytes == 0 && !f.covered
	for _, w := range f.waiting {
		if ok {
			f.add(w.rule, w.d, w.n)
			continue
		}
		w.d.Why = strings.TrimPrefix(w.d.Why+"; not accepted: other bytes of the file are not explained", "; ")
		f.add(nil, w.d, w.n)
	}
	f.Verdict = Identical
	switch {
	case f.open > 0:
		f.Verdict = Different
	case f.covered:
		f.Verdict = NotComparable
	case len(f.plain) > 0:
		f.Verdict = Equivalent
	}
	room := MaxDifferences - len(f.Differences)
	if len(f.plain) > room {
		f.left += int64(len(f.plain) - room)
		f.plain = f.plain[:room]
	}
	f.Differences = append(f.Differences, f.plain...)
	f.Left = f.left
	own := f.Verdict
	f.Verdict = worse(own, inner)
	if own != f.Verdict {
		f.Why = strings.TrimPrefix(f.Why+"; what is in it differs", "; ")
	}
	if f.nodes[0].box != nil || f.nodes[0].content() { // a folder that was given is no file
		f.c.result.Files.add(f.Verdict)
	}
	if own != Identical {
		f.c.list(f.File)
	}
}

// newFile begins with a node of the shipped release.
func (c *comparison) newFile(m *member) *fileWork {
	c.files++
	f := &fileWork{c: c, nodes: [2]*member{m, m.pair}}
	f.seq = c.files
	f.Path, f.Format, f.Size = canon.Escape(m.Path), m.Format, m.Size
	if m.pair != nil && m.pair.Path != m.Path {
		f.Counterpart = canon.Escape(m.pair.Path)
	}
	return f
}

// node compares a node of the shipped release with its counterpart, and what
// is inside. The verdict is of both.
func (c *comparison) node(m *member, sum *Bytes) Verdict {
	o := m.pair
	f := c.newFile(m)
	if o == nil {
		f.Only = "shipped"
		f.Verdict, f.Why = NotComparable, "no counterpart in the rebuilt release"
		f.Bytes.NotCovered = m.Size
		sum.add(f.Bytes)
		c.result.Files.NotComparable++
		c.list(f.File)
		return f.Verdict
	}
	f.entries(m, o)
	inner := Identical
	switch {
	case !m.content() && !o.content() || m.content() != o.content():
		if m.Kind == wardein.File || m.Kind == wardein.Region || o.content() {
			f.hidden(m.Size, "its content was not read")
		}
		inner = c.members(m, o, sum, sum)
	case m.Blob == o.Blob:
		f.Bytes.Identical = m.Size
	default:
		a, b := c.read[0](m.Blob), c.read[1](o.Blob)
		switch {
		case int64(len(a)) != m.Size || int64(len(b)) != o.Size:
			f.hidden(m.Size, "its content could not be read")
		case len(m.members)+len(o.members) > 0 && !(m.Format == "elf" && o.Format == "elf"):
			inner = c.container(f, a, b, sum)
		default:
			f.leaf(a, b)
			f.Bytes.Identical = m.Size - f.Bytes.Explained - f.Bytes.Unexplained - f.Bytes.NotCovered
		}
	}
	f.shuffled()
	f.done(inner)
	sum.add(f.Bytes)
	return f.Verdict
}

// members compares what is inside: of the bytes, verbatim takes those of
// members that stand in the container as they are, decoded the others.
func (c *comparison) members(m, o *member, verbatim, decoded *Bytes) Verdict {
	inner := Identical
	for _, k := range m.members {
		sum := verbatim
		if k.Derived != "" {
			sum = decoded
		}
		inner = worse(inner, c.node(k, sum))
	}
	if slices.ContainsFunc(o.members, func(k *member) bool { return k.pair == nil }) {
		inner = worse(inner, NotComparable)
	}
	return inner
}

// alone lists what only the rebuilt release has.
func (c *comparison) alone(o *member) {
	for _, k := range o.members {
		if k.pair != nil {
			if !k.content() || k.Blob != k.pair.Blob {
				c.alone(k)
			}
			continue
		}
		f := File{Path: canon.Escape(k.Path), Only: "rebuilt", Format: k.Format, Size: k.Size, Verdict: NotComparable, Why: "no counterpart in the shipped release"}
		c.result.Files.NotComparable++
		c.only = append(c.only, f)
	}
}

// shuffled notes that members stand in another order.
func (f *fileWork) shuffled() {
	m, o := f.nodes[0], f.nodes[1]
	if m.Kind == wardein.Directory || m.Format == "" {
		return
	}
	at := map[*member]int{}
	for i, k := range o.members {
		at[k] = i
	}
	last := -1
	for _, k := range m.members {
		if k.pair == nil {
			continue
		}
		if at[k.pair] < last {
			f.add(ruleNamed("order"), Difference{Where: "members", Why: fmt.Sprintf("%q stands elsewhere", clean([]byte(k.key)))}, 0)
			return
		}
		last = at[k.pair]
	}
}
