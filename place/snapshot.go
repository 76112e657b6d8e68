package place

import (
	"fmt"
	"strings"
)

// Snapshot is a network on one day.
type Snapshot struct {
	*Network
	Date Date
	// Element is, for each node, the index of the version that stands on the
	// day, −1 where none does.
	Element []int32
	// Links, Dependencies, Demands and Access are indices of those that stand,
	// and whose elements do.
	Links, Dependencies, Demands, Access []int32
}

// At is the network on a day. The day's state is the one after what begins on
// it and before what ends on it.
func (n *Network) At(d Date) *Snapshot {
	s := &Snapshot{Network: n, Date: d, Element: make([]int32, n.Nodes())}
	for i := range s.Element {
		s.Element[i] = -1
	}
	for i := range n.Elements {
		if e := &n.Elements[i]; e.On(d) {
			s.Element[e.node] = int32(i)
		}
	}
	for i := range n.Links {
		if l := &n.Links[i]; l.On(d) && s.Element[l.a] >= 0 && s.Element[l.b] >= 0 {
			s.Links = append(s.Links, int32(i))
		}
	}
	for i := range n.Dependencies {
		if p := &n.Dependencies[i]; p.On(d) && s.Element[p.from] >= 0 && s.Element[p.to] >= 0 {
			s.Dependencies = append(s.Dependencies, int32(i))
		}
	}
	for i := range n.Demands {
		if n.Demands[i].On(d) {
			s.Demands = append(s.Demands, int32(i))
		}
	}
	for i := range n.Access {
		if n.Access[i].On(d) {
			s.Access = append(s.Access, int32(i))
		}
	}
	return s
}

// Of is a node's element, nil where none stands.
func (s *Snapshot) Of(node int) *Element {
	if i := s.Element[node]; i >= 0 {
		return &s.Elements[i]
	}
	return nil
}

// Selector names a group of elements: "element ID", "site ID", "region NAME",
// "nf NAME", "group NAME", "tier NAME", "vendor ID", "generation 5G", "access
// fttp", or "all"; several, of which all must hold, are joined by " & ".
type Selector struct{ terms [][2]string }

// ParseSelector reads a selector.
func ParseSelector(text string) (Selector, error) {
	var sel Selector
	for _, t := range strings.Split(text, "&") {
		kind, name, _ := strings.Cut(strings.TrimSpace(t), " ")
		name = strings.TrimSpace(name)
		switch kind {
		case "all":
			if name == "" {
				continue
			}
		case "element", "site", "region", "nf", "group", "tier", "vendor", "generation", "access":
			if name != "" {
				sel.terms = append(sel.terms, [2]string{kind, name})
				continue
			}
		}
		return Selector{}, fmt.Errorf("selector %q: want all, or element, site, region, nf, group, tier, vendor, generation or access and a name", text)
	}
	return sel, nil
}

// Match tells whether a selector names an element. A fact that is not known
// matches nothing.
func (sel Selector) Match(n *Network, e *Element) bool {
	for _, t := range sel.terms {
		var is string
		switch t[0] {
		case "element":
			is = e.ID
		case "site":
			is = e.Site
		case "region":
			if e.site >= 0 {
				is = n.Sites[e.site].Region
			}
		case "nf":
			is = e.NF
		case "group":
			if f, ok := FunctionOf(e.NF); ok {
				is = f.Group
			}
		case "tier":
			is = e.Tier
		case "vendor":
			is = e.Vendor
		case "generation":
			is = e.Generation
		case "access":
			is = e.Access
		}
		if is != t[1] {
			return false
		}
	}
	return true
}

// Select lists the nodes that a selector names on the snapshot's day, in order.
func (s *Snapshot) Select(text string) ([]int32, error) {
	sel, err := ParseSelector(text)
	if err != nil {
		return nil, err
	}
	if len(sel.terms) == 1 && sel.terms[0][0] == "element" { // the common case needs no pass
		if k := s.Node(sel.terms[0][1]); k >= 0 && s.Element[k] >= 0 {
			return []int32{int32(k)}, nil
		}
		return nil, nil
	}
	var list []int32
	for node, i := range s.Element {
		if i >= 0 && sel.Match(s.Network, &s.Elements[i]) {
			list = append(list, int32(node))
		}
	}
	return list, nil
}
