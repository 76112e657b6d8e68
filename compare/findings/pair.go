package findings

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/report"
)

// list is how the findings of a rule hold a list: their IDs change with it, and
// so two findings of the rule are one where they are about the same.
type list struct {
	// args are the arguments with the items, split at sep; an item is known by
	// what stands before the first of cut (all of it where cut is "").
	args []string
	sep  string
	cut  string
	// by is the argument that says what the list is about; "": the node is.
	by string
	// items, where it is not nil, picks the items out of all arguments.
	items func(args []wardein.Note) []string
}

// lists are the rules whose findings are lists. A rule that is not among them
// has one finding for one thing, whose ID says which.
var lists = map[string]list{
	"cert.ca-key":                       {args: []string{"names"}, sep: "; "},
	"cert.identity":                     {args: []string{"names"}, sep: "; "},
	"cert.weak-key":                     {args: []string{"names"}, sep: "; "},
	"cert.weak-hash":                    {args: []string{"names"}, sep: "; "},
	"cert.expired":                      {args: []string{"names"}, sep: "; "},
	"cert.not-yet-valid":                {args: []string{"names"}, sep: "; "},
	"cert.leaf-ca":                      {args: []string{"names"}, sep: "; "},
	"cert.trust-store":                  {args: []string{"names"}, sep: "; "},
	"component.differs":                 {args: []string{"found", "declared"}, by: "package"},
	"config.*":                          {args: []string{"list"}, sep: "; ", cut: " ("},
	"cryptolib.versions":                {args: []string{"list"}, sep: "; ", by: "title"},
	"cryptolib.end-of-life":             {args: []string{"version"}, by: "title"},
	"hardening.kernel":                  {args: []string{"options"}, sep: "; ", cut: " ("},
	"hiddenaccess.foreign-architecture": {args: []string{"list"}, sep: ", "},
	"hiddenaccess.list":                 {args: []string{"list"}, sep: ", "},
	"hiddenaccess.newer-than-build":     {args: []string{"list"}, sep: ", "},
	"hiddenaccess.unowned-listener":     {args: []string{"list"}, sep: ", ", cut: " (", by: "system"},
	"hiddenaccess.well-known-address":   {args: []string{"list"}, sep: ", ", cut: " ("},
	"secret.*":                          {args: []string{"names"}, sep: ", "},
	"service.console-shell":             {},
	"service.listening":                 {args: []string{"list"}, sep: "; ", cut: " by "},
	"update.hosts":                      {args: []string{"list"}, sep: "; ", cut: " ("},
	"update.ways":                       {args: []string{"programs"}, sep: "; ", cut: ": "},
	"vuln.known":                        {by: "component", items: vulnerabilities},
	"vuln.doubtful":                     {by: "component", items: vulnerabilities},
}

// single are rules of those patterns that are no lists after all: each is about
// one key.
var single = []string{"secret.private-key", "secret.private-key-encrypted", "secret.same-key", "secret.key-known"}

func listOf(rule string) (list, bool) {
	if l, ok := lists[rule]; ok {
		return l, true
	}
	check, _, _ := strings.Cut(rule, ".")
	l, ok := lists[check+".*"]
	return l, ok && !slices.Contains(single, rule)
}

// vulnerabilities are those that a finding of the check vuln names: arguments of
// their own, whose values say how they stand.
func vulnerabilities(args []wardein.Note) (items []string) {
	for _, a := range args {
		if strings.HasPrefix(a.Value, "status=affected") || strings.HasPrefix(a.Value, "status=under investigation") {
			items = append(items, a.Name)
		}
	}
	return items
}

func arg(f *wardein.Finding, name string) string {
	for _, a := range f.Says.Args {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// about is what a list is about: of two findings of a rule that have the same,
// one on each side, the one became the other.
func (l *list) about(f *wardein.Finding) string {
	if l.by != "" {
		return arg(f, l.by)
	}
	return plainPath(f.Node)
}

// of are the items of a finding, and whether there are more than it names.
func (l *list) of(f *wardein.Finding) (items []string, cut bool) {
	if l.items != nil {
		return l.items(f.Says.Args), false
	}
	for _, name := range l.args {
		parts := []string{arg(f, name)}
		if l.sep != "" {
			parts = split(parts[0], l.sep)
		}
		for _, p := range parts {
			switch {
			case p == "":
			case p == "…" || strings.HasSuffix(p, " more"):
				cut = true
				if at := strings.LastIndex(p, " and "); at > 0 { // "password and 3 more"
					items = append(items, p[:at])
				}
			case l.cut != "":
				p, _, _ = strings.Cut(p, l.cut)
				items = append(items, p)
			default:
				items = append(items, p)
			}
		}
	}
	return items, cut
}

// split cuts a list at its separators, but not inside brackets.
func split(s, sep string) (parts []string) {
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')' && depth > 0:
			depth--
		case depth == 0 && strings.HasPrefix(s[i:], sep):
			parts = append(parts, s[from:i])
			i += len(sep) - 1
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// without are the items of a that are not in b, each as often as it is in a
// more than in b.
func without(a, b []string) (only []string) {
	n := map[string]int{}
	for _, s := range b {
		n[s]++
	}
	for _, s := range a {
		if n[s]--; n[s] < 0 {
			only = append(only, s)
		}
	}
	return only
}

// pairs matches what has one key on both sides: first those that are also alike
// in order, so that two of three keep their partners, then the others in that
// order. What is left is of one side alone.
func pairs[T any](old, new []T, key, order func(T) string) (both [][2]T, gone, came []T) {
	type item struct {
		of         T
		key, order string
		taken      bool
	}
	items := func(list []T) []*item {
		out := make([]*item, len(list))
		for i, v := range list {
			out[i] = &item{of: v, key: key(v), order: order(v)}
		}
		slices.SortStableFunc(out, func(a, b *item) int {
			return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.order, b.order))
		})
		return out
	}
	was, is := items(old), items(new)
	match := func(alike func(a, b *item) int) {
		for i, k := 0, 0; i < len(was) && k < len(is); {
			a, b := was[i], is[k]
			n := alike(a, b)
			switch {
			case a.taken || !b.taken && n < 0:
				i++
			case b.taken || n > 0:
				k++
			default:
				both = append(both, [2]T{a.of, b.of})
				a.taken, b.taken = true, true
			}
		}
	}
	match(func(a, b *item) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.order, b.order))
	})
	match(func(a, b *item) int { return strings.Compare(a.key, b.key) })
	rest := func(list []*item) (out []T) {
		for _, x := range list {
			if !x.taken {
				out = append(out, x.of)
			}
		}
		return out
	}
	return both, rest(was), rest(is)
}

func pointers(list []wardein.Finding) (out []*wardein.Finding) {
	for i := range list {
		out = append(out, &list[i])
	}
	return out
}

func (c *comparison) findings() {
	id := func(f *wardein.Finding) string { return f.ID }
	node := func(f *wardein.Finding) string { return f.Node }
	both, gone, came := pairs(pointers(c.old.Findings), pointers(c.new.Findings), id, node)
	for _, p := range both {
		c.finding(p[0], p[1])
	}
	// Lists whose IDs changed: those that are about the same, where that is one
	// finding on each side.
	subject := func(f *wardein.Finding) string {
		if l, ok := listOf(f.Rule); ok {
			return f.Rule + "\x00" + l.about(f)
		}
		return ""
	}
	left := map[string]*wardein.Finding{}
	lone := func(list []*wardein.Finding) map[string]int {
		n := map[string]int{}
		for _, f := range list {
			n[subject(f)]++
		}
		return n
	}
	before, after := lone(gone), lone(came)
	same := func(f *wardein.Finding) bool {
		s := subject(f)
		return s != "" && before[s] == 1 && after[s] == 1
	}
	for _, f := range gone {
		if same(f) {
			left[subject(f)] = f
		} else {
			c.alone(f, true)
		}
	}
	for _, f := range came {
		if same(f) {
			c.finding(left[subject(f)], f)
		} else {
			c.alone(f, false)
		}
	}
}

func (c *comparison) alone(f *wardein.Finding, isOld bool) {
	r := Row{Kind: Finding, Key: f.ID, Name: f.Rule, rank: f.Severity}
	if isOld {
		r.Old, r.Was = f, c.old.says(f)
	} else {
		r.New, r.Is = f, c.new.says(f)
	}
	c.absent(r, isOld, f.Check, nodesOf(f))
}

func nodesOf(f *wardein.Finding) []string {
	nodes := []string{f.Node}
	for _, q := range f.Quotes {
		if !slices.Contains(nodes, q.Node) {
			nodes = append(nodes, q.Node)
		}
	}
	return nodes
}

func (r *reader) says(f *wardein.Finding) string { return report.Render(f.Says, r.Messages) }

// finding is a row of what is one finding on both sides.
func (c *comparison) finding(a, b *wardein.Finding) {
	r := Row{Kind: Finding, Key: b.ID, Name: b.Rule, Was: c.old.says(a), Is: c.new.says(b), Old: a, New: b, rank: max(a.Severity, b.Severity)}
	for _, d := range []struct{ what, was, is string }{
		{"severity", a.Severity.String(), b.Severity.String()},
		{"certainty", a.Confidence.String(), b.Confidence.String()},
		{"reach", a.Reach.String(), b.Reach.String()},
	} {
		if d.was != d.is {
			r.What = append(r.What, arrow(d.what, d.was, d.is))
		}
	}
	switch {
	case b.Exploited && !a.Exploited:
		r.What = append(r.What, "now known exploited")
	case a.Exploited && !b.Exploited:
		r.What = append(r.What, "no more known exploited")
	}
	if l, ok := listOf(b.Rule); ok {
		was, cutA := l.of(a)
		is, cutB := l.of(b)
		r.Came, r.Went, r.Cut = without(is, was), without(was, is), cutA || cutB
		if len(r.Went) > 0 {
			r.Why = c.new.unseen(b.Check, nodesOf(a))
		}
		if r.Why == "" && len(r.Came) > 0 {
			r.Why = c.old.unseen(a.Check, nodesOf(b))
		}
	}
	switch {
	case len(r.Came)+len(r.Went) > 0 || a.ID != b.ID:
		r.What = append(r.What, "list")
	case r.Was != r.Is:
		r.What = append(r.What, "text")
	}
	c.both(r, a.ID)
}
