package place

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Bounds on what a file can put into a network.
const (
	maxElements = 4 << 20
	maxLinks    = 16 << 20
	maxOthers   = 4 << 20
	maxGaps     = 100_000
	maxFacts    = 4000 // of one element
)

// Builder collects rows from readers and makes a Network of them. A row that
// can't be taken is a Gap; nothing is dropped in silence.
type Builder struct {
	net     Network
	more    int // gaps beyond the bound
	strings map[string]string
	over    []overlaid
	named   []mention
	sites   []Site   // of which files say no more than this,
	vendors []Vendor // made where no file gives them
}

type overlaid struct {
	overKey
	value string
	at    Origin
}

// overKey names one fact of one row that another file than the row's gave.
type overKey struct{ kind, id, field string }

// NewBuilder makes a builder of an empty network.
func NewBuilder() *Builder {
	return &Builder{net: Network{Operator: Operator{Turnover: Unknown}, over: map[overKey]Origin{}}, strings: map[string]string{}}
}

// Intern returns one copy of a text that many rows have.
func (b *Builder) Intern(s string) string {
	if t, ok := b.strings[s]; ok {
		return t
	}
	s = strings.Clone(s) // it may be a piece of a whole row
	if len(b.strings) < 1<<20 {
		b.strings[s] = s
	}
	return s
}

// add appends a row. Rows are large: room is doubled, not grown by a quarter.
func add[T any](rows []T, row T) []T {
	if len(rows) == cap(rows) {
		rows = slices.Grow(rows, max(len(rows), 64))
	}
	return append(rows, row)
}

// Source adds a file that rows come from and returns its index for Origin.
func (b *Builder) Source(s Source) int32 {
	b.net.Sources = append(b.net.Sources, s)
	return int32(len(b.net.Sources) - 1)
}

// Digest says the SHA-256 of a source once it was read.
func (b *Builder) Digest(source int32, hex string) { b.net.Sources[source].Digest = hex }

// Dated says of what age a source's facts are, as the source itself says.
func (b *Builder) Dated(source int32, d Date) { b.net.Sources[source].Date = d }

// Gap notes a row or a value that could not be taken.
func (b *Builder) Gap(at Origin, column, why string, dropped bool) {
	if len(b.net.Gaps) >= maxGaps {
		b.more++
		return
	}
	b.net.Gaps = append(b.net.Gaps, Gap{File: b.file(at), Row: int(at.Row), Column: column, Why: why, Dropped: dropped})
}

func (b *Builder) file(at Origin) string {
	if int(at.Source) < len(b.net.Sources) {
		return b.net.Sources[at.Source].Name
	}
	return ""
}

// Operator is the operator, for readers to fill in.
func (b *Builder) Operator() *Operator { return &b.net.Operator }

// NewElement and its like are rows of which nothing is known.
func NewElement(at Origin) Element {
	return Element{Book: Unknown, Premises: Unknown, Cells: Unknown, Subscribers: Unknown, Traffic: Unknown, At: at}
}

// NewLink is a link of which nothing is known.
func NewLink(at Origin) Link { return Link{Capacity: Unknown, Cost: 1, At: at} }

// NewDemand is a demand of which nothing is known.
func NewDemand(at Origin) Demand {
	return Demand{Bps: Unknown, Subscribers: Unknown, Split: "nearest", At: at}
}

// Element, Link and the others add a row.
func (b *Builder) Element(e Element) {
	if e.ID == "" || len(b.net.Elements) >= maxElements {
		b.refuse(e.At, e.ID, maxElements)
		return
	}
	b.net.Elements = add(b.net.Elements, e)
}

// Link adds a link. One without an ID is called by its ends.
func (b *Builder) Link(l Link) {
	if l.ID == "" && l.A != "" && l.B != "" {
		l.ID = l.A + "|" + l.B
	}
	if l.ID == "" || len(b.net.Links) >= maxLinks {
		b.refuse(l.At, l.ID, maxLinks)
		return
	}
	b.net.Links = add(b.net.Links, l)
}

// Site adds a site.
func (b *Builder) Site(s Site) {
	if s.ID == "" || len(b.net.Sites) >= maxOthers {
		b.refuse(s.At, s.ID, maxOthers)
		return
	}
	b.net.Sites = add(b.net.Sites, s)
}

// Vendor adds a vendor.
func (b *Builder) Vendor(v Vendor) {
	if v.ID == "" || len(b.net.Vendors) >= maxOthers {
		b.refuse(v.At, v.ID, maxOthers)
		return
	}
	b.net.Vendors = append(b.net.Vendors, v)
}

// Demand adds a demand.
func (b *Builder) Demand(d Demand) {
	if d.ID == "" {
		d.ID = strings.Join([]string{d.Source, d.Target, d.Class}, "|")
	}
	if d.Source == "" || d.Target == "" || len(b.net.Demands) >= maxOthers {
		b.refuse(d.At, either(d.Source, d.Target), maxOthers)
		return
	}
	b.net.Demands = add(b.net.Demands, d)
}

// Dependency adds a dependency.
func (b *Builder) Dependency(d Dependency) {
	if d.From == "" || d.To == "" || len(b.net.Dependencies) >= maxLinks {
		b.refuse(d.At, either(d.From, d.To), maxLinks)
		return
	}
	b.net.Dependencies = add(b.net.Dependencies, d)
}

// Access adds a line of the access register.
func (b *Builder) Access(a Access) {
	if a.Scope == "" || len(b.net.Access) >= maxOthers {
		b.refuse(a.At, a.Scope, maxOthers)
		return
	}
	b.net.Access = append(b.net.Access, a)
}

// either is a name of a row that needs both, "" where one is missing.
func either(x, y string) string {
	if x == "" {
		return ""
	}
	return y
}

func (b *Builder) refuse(at Origin, id string, most int) {
	if id == "" {
		b.Gap(at, "id", "the row names nothing", true)
		return
	}
	b.Gap(at, "", fmt.Sprintf("more than %d rows of its kind", most), true)
}

// Overlay says a fact of a row that another file gave, or will give: kind is
// "element", "site", "link" or "vendor". A later one goes before an earlier one.
func (b *Builder) Overlay(kind, id, field, value string, at Origin) {
	if len(b.over) >= maxLinks {
		b.refuse(at, id, maxLinks)
		return
	}
	b.over = append(b.over, overlaid{overKey{kind, id, field}, value, at})
}

// overlay sets what overlays say of the rows of one kind, which are sorted.
func overlay[T any](b *Builder, kind string, rows []T, id func(*T) string, fields []Field[T], facts func(*T) *[]Fact) {
	for _, o := range b.over {
		if o.kind != kind {
			continue
		}
		i, found := slices.BinarySearchFunc(rows, o.id, func(t T, s string) int { return strings.Compare(id(&t), s) })
		if !found {
			b.Gap(o.at, "id", fmt.Sprintf("no %s %q", kind, o.id), true)
			continue
		}
		f := FieldOf(fields, o.field)
		for ; i < len(rows) && id(&rows[i]) == o.id; i++ {
			switch {
			case f == nil && facts != nil && len(*facts(&rows[i])) >= maxFacts:
				b.Gap(o.at, o.field, fmt.Sprintf("more than %d further facts of one %s", maxFacts, kind), true)
			case f == nil && facts != nil:
				*facts(&rows[i]) = setFact(*facts(&rows[i]), o.field, o.value)
			case f == nil || o.field == "id" || o.field == "valid_from":
				b.Gap(o.at, o.field, "an overlay can't set this field of a "+kind, false)
			default:
				if err := f.Set(&rows[i], o.value); err != nil {
					b.Gap(o.at, o.field, err.Error(), false)
				}
			}
		}
		if b.net.over == nil {
			b.net.over = map[overKey]Origin{}
		}
		b.net.over[o.overKey] = o.at
	}
}

func setFact(facts []Fact, name, value string) []Fact {
	if i := slices.IndexFunc(facts, func(f Fact) bool { return f.Name == name }); i >= 0 {
		facts[i].Value = value
		return facts
	}
	return append(facts, Fact{name, value})
}

// Origin is where a fact of a row is from: the file that the row is in, or the
// overlay that gave the field another value.
func (n *Network) Origin(kind, id, field string, row Origin) Origin {
	if at, ok := n.over[overKey{kind, id, field}]; ok {
		return at
	}
	return row
}

// Finish sorts, resolves names of rows and functions, and returns the network. The builder is used
// up. Rows of one ID that stand on one day are a Gap, and the second is left
// out; so are links and dependencies of elements that are not there.
func (b *Builder) Finish() *Network {
	n := &b.net
	alias := b.mentioned()
	n.Sites = missing(n.Sites, b.sites, func(s *Site) string { return s.ID })
	n.Vendors = missing(n.Vendors, b.vendors, func(v *Vendor) string { return v.ID })
	sorted(b, "element", &n.Elements, func(e *Element) (string, *Span, Origin) { return e.ID, &e.Span, e.At })
	sorted(b, "link", &n.Links, func(l *Link) (string, *Span, Origin) { return l.ID, &l.Span, l.At })
	sorted(b, "demand", &n.Demands, func(d *Demand) (string, *Span, Origin) { return d.ID, &d.Span, d.At })
	overlay(b, "element", n.Elements, func(e *Element) string { return e.ID }, ElementFields, func(e *Element) *[]Fact { return &e.Facts })
	b.onlyNamed()
	sorted(b, "site", &n.Sites, func(s *Site) (string, *Span, Origin) { return s.ID, &s.Span, s.At })
	sorted(b, "vendor", &n.Vendors, func(v *Vendor) (string, *Span, Origin) { return v.ID, &Span{}, v.At })
	sites := places(n.Sites, func(s *Site) string { return s.ID })
	vendors := places(n.Vendors, func(v *Vendor) string { return v.ID })
	overlay(b, "site", n.Sites, func(s *Site) string { return s.ID }, SiteFields, nil)
	overlay(b, "vendor", n.Vendors, func(v *Vendor) string { return v.ID }, VendorFields, nil)
	overlay(b, "link", n.Links, func(l *Link) string { return l.ID }, LinkFields, nil)
	for i := range n.Elements {
		e := &n.Elements[i]
		if i == 0 || n.Elements[i-1].ID != e.ID {
			n.ids = append(n.ids, e.ID)
		}
		e.node = int32(len(n.ids) - 1)
		e.site = b.resolve(sites, e.Site, e.At, "site")
		e.vendor = b.resolve(vendors, e.Vendor, e.At, "vendor")
		if e.software = e.vendor; e.Software != "" {
			e.software = b.resolve(vendors, e.Software, e.At, "software_vendor")
		}
		if f, ok := FunctionOf(e.NF); ok {
			e.NF = f.Name
		} else if e.NF != "" {
			b.Gap(n.Origin("element", e.ID, "nf", e.At), "nf", fmt.Sprintf("no function %q in the vocabulary: rules about groups of functions can't place it", e.NF), false)
		}
		sortFacts(e.Facts)
	}
	nodes := make(map[string]int32, len(n.ids))
	for i, id := range n.ids {
		nodes[id] = int32(i)
	}
	sortFacts(n.Operator.Facts)
	find := func(id string, at Origin, column string) int32 {
		if k, ok := nodes[id]; ok {
			return k
		}
		b.Gap(at, column, fmt.Sprintf("no element %q", id), true)
		return -1
	}
	for i := range n.Links {
		l := &n.Links[i]
		l.A, l.B = cmp.Or(alias[l.A], l.A), cmp.Or(alias[l.B], l.B)
		l.a, l.b = find(l.A, l.At, "a"), find(l.B, l.At, "b")
		if l.a == l.b && l.a >= 0 {
			b.Gap(l.At, "b", "the link ends where it begins", true)
		}
	}
	n.Links = slices.DeleteFunc(n.Links, func(l Link) bool { return l.a < 0 || l.b < 0 || l.a == l.b })
	for i := range n.Dependencies {
		d := &n.Dependencies[i]
		d.from, d.to = find(d.From, d.At, "from"), find(d.To, d.At, "to")
	}
	n.Dependencies = slices.DeleteFunc(n.Dependencies, func(d Dependency) bool { return d.from < 0 || d.to < 0 })
	slices.SortStableFunc(n.Dependencies, func(x, y Dependency) int {
		return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.to, y.to), cmp.Compare(x.Span.From, y.Span.From))
	})
	slices.SortStableFunc(n.Gaps, func(x, y Gap) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Row, y.Row), cmp.Compare(x.Column, y.Column), cmp.Compare(x.Why, y.Why))
	})
	n.Gaps = slices.Compact(n.Gaps) // an edited network finds again what it lacked before
	if b.more > 0 {
		n.Gaps = append(n.Gaps, Gap{Why: fmt.Sprintf("%d more than the %d that are listed", b.more, maxGaps)})
	}
	return n
}

func sortFacts(f []Fact) {
	slices.SortStableFunc(f, func(a, b Fact) int { return cmp.Compare(a.Name, b.Name) })
}

// resolve finds what an element names: an ID that no row has is a Gap, and the
// fact unknown.
func (b *Builder) resolve(index map[string]int32, id string, at Origin, column string) int32 {
	if i, ok := index[id]; ok {
		return i
	}
	if id != "" {
		b.Gap(at, column, fmt.Sprintf("no such %s: %q", strings.TrimPrefix(column, "software_"), id), false)
	}
	return -1
}

// sorted sorts rows by ID and time and leaves out those that stand beside
// another of their ID.
func sorted[T any](b *Builder, kind string, rows *[]T, of func(*T) (string, *Span, Origin)) {
	list := *rows
	less := func(x, y *T) int {
		a, s, _ := of(x)
		c, t, _ := of(y)
		return cmp.Or(strings.Compare(a, c), cmp.Compare(s.From, t.From))
	}
	inOrder := true
	for i := 1; i < len(list) && inOrder; i++ { // in place: rows are large
		inOrder = less(&list[i-1], &list[i]) <= 0
	}
	if !inOrder {
		order := make([]int32, len(list))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(x, y int32) int { return less(&list[x], &list[y]) })
		moved := make([]T, len(list))
		for i, k := range order {
			moved[i] = list[k]
		}
		list = moved
	}
	kept := list[:0]
	for i := range list {
		if len(kept) > 0 {
			id, span, at := of(&list[i])
			if last, before, first := of(&kept[len(kept)-1]); last == id && (before.To == 0 || before.To > span.From) {
				b.Gap(at, "id", fmt.Sprintf("%s %q stands already, from %s row %d", kind, id, b.file(first), first.Row), true)
				continue
			}
		}
		kept = append(kept, list[i])
	}
	clear(list[len(kept):])
	*rows = kept
}

// places are where IDs stand in a list of rows, the last of each.
func places[T any](rows []T, id func(*T) string) map[string]int32 {
	index := make(map[string]int32, len(rows))
	for i := range rows {
		index[id(&rows[i])] = int32(i)
	}
	return index
}

// Edit makes a builder of a network's rows, for a network that differs from it
// in some: edit is given each element and may change it, and returns elements
// that stand beside it. The network itself stays as it is.
func (n *Network) Edit(source Source, edit func(e *Element, at Origin) []Element) *Builder {
	b := NewBuilder()
	b.net = *n
	b.net.ids = nil
	b.net.Sources = append(slices.Clone(n.Sources), source)
	b.net.Gaps = slices.Clone(n.Gaps)
	at := Origin{Source: int32(len(n.Sources))}
	b.net.Elements = make([]Element, 0, len(n.Elements))
	for i := range n.Elements {
		e := n.Elements[i]
		more := edit(&e, at)
		b.net.Elements = append(append(b.net.Elements, e), more...)
	}
	b.net.Links = slices.Clone(n.Links)
	b.net.Dependencies = slices.Clone(n.Dependencies)
	b.net.Vendors = slices.Clone(n.Vendors)
	b.net.over = n.over
	return b
}
