package print

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/policy"
)

// Why writes what stands behind a number: of a rule its text and the elements,
// of an element its facts, where they are from, and how each rule took them, of
// a site what stands there. ok is false where nothing has that name.
func Why(w io.Writer, r *Result, name string, width int) (ok bool, err error) {
	s := &screen{w: w, width: width}
	for i := range r.Results {
		if r.Results[i].Rule.ID == name {
			s.rule(r, &r.Results[i])
			ok = true
		}
	}
	node := r.Network.Node(name)
	switch {
	case ok:
	case node >= 0 && r.Network.Of(node) != nil:
		s.element(r, node)
		ok = true
	default:
		for i := range r.Network.Sites {
			if site := &r.Network.Sites[i]; site.ID == name && site.On(r.Network.Date) {
				s.site(r, i)
				ok = true
			}
		}
	}
	if !ok {
		return false, s.err
	}
	r2 := *r
	r2.Command = ""
	s.foot(&r2)
	return true, s.err
}

// rule explains a rule and lists its elements.
func (s *screen) rule(r *Result, res *policy.Result) {
	rule := res.Rule
	s.line(4, "%s %s: %s", strings.ToUpper(res.Outcome.String()), rule.ID, term.Clean(rule.Title))
	s.law(res)
	if res.Why != "" {
		s.line(14, "%-13s %s", "because", term.Clean(res.Why))
	}
	if res.Counts != [policy.Outcomes]int{} {
		s.line(14, "%-13s %s break it, %s comply, %s undetermined, %s out of scope", "elements", thousands(res.Counts[policy.Breaks]), thousands(res.Counts[policy.Complies]), thousands(res.Counts[policy.Undetermined]), thousands(res.Counts[policy.OutOfScope]))
	}
	if len(res.Missing) > 0 {
		s.line(14, "%-13s %s", "missing", MissingText(res))
	}
	if rule.Needs != "" {
		s.line(14, "%-13s %s", "would settle", term.Clean(rule.Needs))
	}
	if n := r.NeedOf(res); n != nil {
		s.line(14, "%-13s latest start %s · %s %s", "replacing", Start(n), term.Clean(n.Cost.Model.Currency), Money(n.Cost.Cost))
		for _, x := range n.Starts {
			when := "from " + x.Early.String() + " to " + x.Late.String()
			if x.Passed {
				when = x.Late.String() + ", passed"
			}
			s.line(14, "%-13s %s: %s at %s, latest start %s", "", cmp.Or(term.Clean(x.Region), "no known region"), plural(x.Elements, "element"), plural(x.Sites, "site"), when)
		}
		for _, p := range n.Cost.Parts {
			counted := ""
			if !p.Counted {
				counted = ", not counted"
			}
			s.line(14, "%-13s %s: %s%s", "", p.Name, Money(p.Cost), counted)
		}
	}
	for i := range res.Groups {
		g := &res.Groups[i]
		s.line(0, "")
		s.line(4, "%s: %s", strings.ToUpper(g.Outcome.String()), GroupText(rule, g))
		s.list(r, res, "counted", g.Members)
		s.list(r, res, "may count", g.Uncertain)
	}
	for _, part := range []struct {
		title string
		nodes []int32
	}{{"break it", res.Broken}, {"undetermined", res.Open}} {
		if len(part.nodes) > 0 {
			s.line(0, "")
			s.list(r, res, part.title, part.nodes)
		}
	}
}

// law writes where a rule is from and what it asks.
func (s *screen) law(res *policy.Result) {
	rule, source := res.Rule, &res.Pack.Source
	if rule.Source != nil {
		source = rule.Source
	}
	s.line(14, "%-13s %s", "clause", term.Clean(rule.Clause))
	s.line(14, "%-13s %s; %s%s", "source", term.Clean(source.Title), term.Clean(source.Reference), dated(source.Date))
	s.line(14, "%-13s %s, %s, %s", "status", rule.Kind, rule.Status, Checked(res.Pack))
	if rule.Unconfirmed != "" {
		s.line(14, "%-13s %s", "unconfirmed", term.Clean(rule.Unconfirmed))
	}
	if rule.From != 0 || rule.To != 0 {
		s.line(14, "%-13s %s to %s", "binds from", cmp.Or(rule.From.String(), "ever"), cmp.Or(rule.To.Add(-1).String(), "further notice"))
	}
	for _, x := range [][2]string{{"when", rule.When}, {"scope", rule.Scope}, {"broken if", rule.Breaks}} {
		if x[1] != "" {
			s.line(14, "%-13s %s", x[0], term.Clean(x[1]))
		}
	}
	if sh := rule.Share; sh != nil {
		s.line(14, "%-13s at most %s of %s, of %s", "share", sh.Max, sh.Measure, term.Clean(sh.Of))
	}
	layers := []string{}
	for name := range res.Pack.Layers {
		if strings.Contains(rule.Scope+rule.Breaks, `"`+name+`"`) {
			layers = append(layers, name)
		}
	}
	slices.Sort(layers)
	for _, name := range layers {
		s.line(14, "%-13s %s is %s", "layer", name, strings.Join(res.Pack.Layers[name], ", "))
	}
}

func dated(d place.Date) string {
	if d == 0 {
		return ""
	}
	return ", " + d.String()
}

// list writes elements with the facts that a rule reads.
func (s *screen) list(r *Result, res *policy.Result, title string, nodes []int32) {
	if len(nodes) == 0 {
		return
	}
	s.line(0, "%s", strings.ToUpper(title)+" ("+thousands(len(nodes))+")")
	reads, view := res.Rule.Reads(), res.Pack.View(r.Network, r.Evidence)
	for _, node := range nodes {
		e := r.Network.Of(int(node))
		var facts []string
		for _, name := range reads {
			if value, _, known := view.Value(int(node), name); known && value != "" {
				facts = append(facts, name+" "+term.Clean(value))
			} else if slices.ContainsFunc(res.Missing, func(m policy.Missing) bool { return m.Fact == name }) {
				facts = append(facts, name+" not known")
			}
		}
		s.line(26, "%-24s  %-20s  %s", term.Clean(e.ID), cmp.Or(term.Clean(e.Site), "-"), strings.Join(facts, " · "))
	}
}

// End is how a rule ended for one element; ok is false where it said nothing of
// single ones.
func End(res *policy.Result, node int32) (end policy.Outcome, as string, ok bool) {
	in := func(list []int32) bool { _, found := slices.BinarySearch(list, node); return found }
	switch {
	case in(res.Broken):
		return policy.Breaks, "breaks it", true
	case in(res.Open):
		return policy.Undetermined, "undetermined", true
	case in(res.Fine):
		return policy.Complies, "complies", true
	}
	for i := range res.Groups {
		g := &res.Groups[i]
		switch {
		case slices.Contains(g.Members, node):
			return g.Outcome, "counts: " + GroupText(res.Rule, g), true
		case slices.Contains(g.Uncertain, node):
			return g.Outcome, "may count: " + GroupText(res.Rule, g), true
		}
	}
	return policy.OutOfScope, "out of scope", false
}

// element writes an element's facts, then how each rule took them.
func (s *screen) element(r *Result, node int) {
	n, e := r.Network, r.Network.Of(node)
	s.line(4, "Element %s on %s", term.Clean(e.ID), n.Date)
	s.line(0, "")
	s.line(0, "%-18s  %-28s  %s", "FACT", "VALUE", "FROM")
	fact := func(name, value string, at place.Origin) {
		s.line(20, "%-18s  %-28s  %s", name, term.Clean(value), r.From(at))
	}
	unknown := []string{}
	for i := range place.ElementFields {
		f := &place.ElementFields[i]
		v := f.Get(e)
		if !v.Known() {
			unknown = append(unknown, f.Name)
			continue
		}
		fact(f.Name, v.String(), n.Origin("element", e.ID, f.Name, e.At))
	}
	for _, f := range e.Facts {
		fact(term.Clean(f.Name), f.Value, n.Origin("element", e.ID, f.Name, e.At))
	}
	if at := n.SiteOf(e); at >= 0 {
		s.siteFacts(r, at, fact)
	}
	for _, i := range n.Dependencies {
		d := &n.Network.Dependencies[i]
		from, to := n.Parts(d)
		switch node {
		case from:
			fact(d.Kind, d.To, d.At)
		case to:
			fact("is needed", d.From+" "+d.Kind, d.At)
		}
	}
	links := 0
	for _, i := range n.Links {
		if a, b := n.Ends(&n.Network.Links[i]); a == node || b == node {
			links++
		}
	}
	fact("links", fmt.Sprint(links), place.Origin{Source: -1})
	for _, i := range n.Access {
		a := &n.Network.Access[i]
		if sel, err := place.ParseSelector(a.Scope); err == nil && sel.Match(n.Network, e) {
			fact("may be reached", strings.TrimSpace(a.Organisation+" "+a.Country+" "+a.Way+" "+a.Tool), a.At)
		}
	}
	s.line(14, "%-13s %s", "not known", strings.Join(unknown, ", "))
	var outside []string
	defer func() {
		if len(outside) > 0 {
			s.line(0, "")
			s.line(14, "%-13s %s", policy.OutOfScope, strings.Join(outside, ", "))
		}
	}()
	for i := range r.Results {
		res := &r.Results[i]
		_, as, ok := End(res, int32(node))
		if !ok {
			why := ""
			if res.Why != "" {
				why = " (" + term.Clean(res.Why) + ")"
			}
			outside = append(outside, res.Rule.ID+why)
			continue
		}
		s.line(0, "")
		s.line(4, "%s %s: %s", res.Rule.ID, as, term.Clean(res.Rule.Title))
		s.law(res)
		view := res.Pack.View(n, r.Evidence)
		for _, name := range res.Rule.Reads() {
			value, at, known := view.Value(node, name)
			switch {
			case known:
				s.line(14, "%-13s %s: %s (%s)", "fact", name, cmp.Or(term.Clean(value), "none"), r.From(at))
			case name == "operator" || name == "as_of" || name == "turnover" || name == "operator_country" || name == "facts" || name == "release":
				// of the network, or printed above
			default:
				s.line(14, "%-13s %s: not known", "fact", name)
			}
		}
	}
}

// From says where a fact stands: its file and row, and how old it was on the day.
func (r *Result) From(at place.Origin) string {
	n := r.Network
	if at.Source < 0 || int(at.Source) >= len(n.Sources) {
		return "counted"
	}
	src := &n.Sources[at.Source]
	text := term.Clean(src.Name)
	if at.Row > 0 {
		text += fmt.Sprintf(" row %d", at.Row)
	}
	if src.Date == 0 {
		return text + ", age not known"
	}
	switch days := int(n.Date - src.Date); {
	case days > 0:
		return fmt.Sprintf("%s, %s old on %s", text, plural(days, "day"), n.Date)
	case days < 0:
		return fmt.Sprintf("%s, of %s", text, src.Date)
	}
	return text + ", of that day"
}

func (s *screen) siteFacts(r *Result, site int, fact func(name, value string, at place.Origin)) {
	n := r.Network
	for i := range place.SiteFields {
		f := &place.SiteFields[i]
		if v := f.Get(&n.Sites[site]); v.Known() && f.Name != "id" {
			fact("site "+f.Name, v.String(), n.Origin("site", n.Sites[site].ID, f.Name, n.Sites[site].At))
		}
	}
	if x := &n.Sites[site]; x.Located {
		fact("site place", fmt.Sprintf("%s, %s", degrees(x.Lat), degrees(x.Lon)), x.At)
	}
}

// degrees prints millionths of a degree.
func degrees(v int32) string {
	sign := ""
	n := int64(v)
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%06d", sign, n/1_000_000, n%1_000_000)
}

// site writes what stands at a site and how rules took it.
func (s *screen) site(r *Result, site int) {
	n := r.Network
	s.line(4, "Site %s on %s", term.Clean(n.Sites[site].ID), n.Date)
	s.siteFacts(r, site, func(name, value string, at place.Origin) {
		s.line(20, "%-18s  %-28s  %s", name, term.Clean(value), r.From(at))
	})
	s.line(0, "")
	s.line(0, "%-24s  %-18s  %-14s  %s", "ELEMENT", "FUNCTION", "VENDOR", "RULES")
	for node := range n.Element {
		e := n.Of(node)
		if e == nil || n.SiteOf(e) != site {
			continue
		}
		var ends []string
		for i := range r.Results {
			if end, _, ok := End(&r.Results[i], int32(node)); ok && rank(end) > rank(policy.Complies) {
				ends = append(ends, end.String()+" "+r.Results[i].Rule.ID)
			}
		}
		s.line(26, "%-24s  %-18s  %-14s  %s", term.Clean(e.ID), cmp.Or(e.NF, "-"), cmp.Or(term.Clean(e.Vendor), "-"), cmp.Or(strings.Join(ends, ", "), "-"))
	}
}

// GapText says what was not taken and why.
func GapText(g *place.Gap) string {
	text := cmp.Or(term.Clean(g.File), "inventory")
	if g.Row > 0 {
		text += fmt.Sprintf(" row %d", g.Row)
	}
	if g.Column != "" {
		text += " " + term.Clean(g.Column)
	}
	return text + ": " + term.Clean(g.Why)
}
