package policy

import (
	"encoding/binary"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/wardein/wardein/place"
)

// variable is a name that rules may use.
type variable struct {
	name, about string
	typ         *cel.Type
	// network tells that it is the same for all elements. origin that it says
	// who made something: rules that read it are left out where the judging is
	// blind to origin.
	network, origin bool
	// One of these gives it: a fact of an element, a list, or anything else.
	field func(s *scene, e *place.Element) place.Value
	list  func(s *scene, node int) []string // nil: not known
	other func(s *scene, node int) ref.Val
	bytes func(s *scene, node int, b []byte) []byte
}

// value is the variable's value for a node.
func (v *variable) value(s *scene, node int) ref.Val {
	switch {
	case v.field != nil:
		x := v.field(s, s.Of(node))
		switch {
		case !x.Known():
			return v.unknown()
		case x.Type == place.Text:
			return types.String(x.Text)
		case x.Type == place.Bool:
			return types.Bool(x.N == int64(place.Yes))
		}
		return types.Int(x.N)
	case v.list != nil:
		l := v.list(s, node)
		if l == nil {
			return v.unknown()
		}
		return types.NewStringList(types.DefaultTypeAdapter, l)
	}
	if x := v.other(s, node); x != nil {
		return x
	}
	return v.unknown()
}

func (v *variable) unknown() ref.Val {
	return types.NewUnknown(0, types.NewAttributeTrail(v.name))
}

// key appends what tells the variable's value from others.
func (v *variable) key(s *scene, node int, b []byte) []byte {
	switch {
	case v.network:
		return b
	case v.field != nil:
		x := v.field(s, s.Of(node))
		if x.Type == place.Text {
			return appendText(b, x.Text)
		}
		return binary.AppendVarint(b, x.N)
	case v.list != nil:
		l := v.list(s, node)
		if l == nil {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(len(l))+1)
		for _, t := range l {
			b = appendText(b, t)
		}
		return b
	}
	return v.bytes(s, node, b)
}

// print is a value for people and for grouping.
func (v *variable) print(s *scene, node int) (string, bool) {
	switch {
	case v.field != nil:
		x := v.field(s, s.Of(node))
		return x.String(), x.Known()
	case v.list != nil:
		l := v.list(s, node)
		return strings.Join(l, ", "), l != nil
	}
	return "", false
}

func text(s string) place.Value { return place.Value{Type: place.Text, Text: s} }

// origins are the fields that say who made or supplies an element.
var origins = []string{"vendor", "software_vendor", "product", "release", "export_rule"}

// variables are all names, sorted.
var variables = func() (list []*variable) {
	for i := range place.ElementFields {
		f := &place.ElementFields[i]
		if f.Name == "software_vendor" || f.Name == "certificates" || strings.HasPrefix(f.Name, "valid_") {
			continue // makers, certified and as_of are what rules ask for
		}
		name := f.Name
		if name == "release" {
			name = "release_name"
		}
		v := &variable{name: name, about: f.About, origin: slices.Contains(origins, f.Name),
			field: func(_ *scene, e *place.Element) place.Value { return f.Get(e) },
			typ:   map[place.Type]*cel.Type{place.Text: cel.StringType, place.Number: cel.IntType, place.When: cel.IntType, place.Bool: cel.BoolType}[f.Type]}
		list = append(list, v)
	}
	fact := func(name, about string, of func(s *scene, e *place.Element) string) *variable {
		return &variable{name: name, about: about, typ: cel.StringType, field: func(s *scene, e *place.Element) place.Value { return text(of(s, e)) }}
	}
	function := func(of func(place.Function) string) func(*scene, *place.Element) string {
		return func(_ *scene, e *place.Element) string {
			f, _ := place.FunctionOf(e.NF)
			return of(f)
		}
	}
	at := func(of func(*place.Site) string) func(*scene, *place.Element) string {
		return func(s *scene, e *place.Element) string {
			if i := s.SiteOf(e); i >= 0 {
				return of(&s.Sites[i])
			}
			return ""
		}
	}
	texts := func(name, about string, origin bool, of func(s *scene, node int) []string) *variable {
		return &variable{name: name, about: about, typ: cel.ListType(cel.StringType), origin: origin, list: of}
	}
	network := func(name, about string, typ *cel.Type, of func(s *scene) ref.Val) *variable {
		return &variable{name: name, about: about, typ: typ, network: true, other: func(s *scene, _ int) ref.Val { return of(s) }}
	}
	list = append(list,
		fact("group", "group of functions", function(func(f place.Function) string { return f.Group })),
		fact("plane", "control, user or management", function(func(f place.Function) string { return f.Plane })),
		fact("site_country", "country of the site", at(func(s *place.Site) string { return s.Country })),
		fact("region", "region of the site", at(func(s *place.Site) string { return s.Region })),
		fact("site_type", "type of the site", at(func(s *place.Site) string { return s.Type })),
		fact("sensitive", "what makes the site sensitive, or none", at(func(s *place.Site) string { return s.Sensitive })),
		texts("makers", "IDs and groups of the vendors of hardware and software", true, makers),
		texts("maker_countries", "their countries of control", true, makerCountries),
		texts("layers", "the pack's parts of a network that the function belongs to", false, func(s *scene, node int) []string { return s.layersOf(s.Of(node)) }),
		texts("certificates", "\"SCHEME ID\" each", false, certificates),
		texts("managers", "makers of the systems that manage it", true, func(s *scene, node int) []string { return s.linked(place.ManagedBy, node) }),
		texts("hosts", "makers of what it runs on", true, func(s *scene, node int) []string { return s.linked(place.RunsOn, node) }),
		texts("anchors", "makers of the 4G elements that it needs", true, func(s *scene, node int) []string { return s.linked(place.AnchoredOn, node) }),
		texts("access_countries", "countries from which the access register lets somebody reach it", false, func(s *scene, node int) []string {
			return s.access(node, func(a *place.Access) string { return a.Country })
		}),
		texts("access_ways", "the ways in which it lets somebody reach it", false, func(s *scene, node int) []string {
			return s.access(node, func(a *place.Access) string { return a.Way })
		}),
		&variable{name: "leaves", about: "the first day on which it is out of service, by its end or its planned removal; the year 2200 where nothing says that it leaves", typ: cel.IntType, field: leaves},
		&variable{name: "release", about: "what evidence says of the element's release", typ: cel.MapType(cel.StringType, cel.DynType), other: release, bytes: func(s *scene, node int, b []byte) []byte {
			e := s.Of(node)
			return appendText(appendText(appendText(appendText(b, e.Vendor), e.Product), e.Release), place.FactOf(e.Facts, "release_digest"))
		}},
		&variable{name: "facts", about: "further facts of the element", typ: cel.MapType(cel.StringType, cel.StringType), other: func(s *scene, node int) ref.Val { return factMap(s.Of(node).Facts) }, bytes: func(s *scene, node int, b []byte) []byte {
			for _, f := range s.Of(node).Facts {
				b = appendText(appendText(b, f.Name), f.Value)
			}
			return append(b, 0)
		}},
		network("as_of", "the day of judging", cel.IntType, func(s *scene) ref.Val { return types.Int(s.Date) }),
		network("operator_country", "the operator's country", cel.StringType, func(s *scene) ref.Val { return known(s.Operator.Country) }),
		network("turnover", "the operator's turnover a year", cel.IntType, func(s *scene) ref.Val {
			if s.Operator.Turnover == place.Unknown {
				return nil
			}
			return types.Int(s.Operator.Turnover)
		}),
		network("operator", "further facts of the operator", cel.MapType(cel.StringType, cel.StringType), func(s *scene) ref.Val { return factMap(s.Operator.Facts) }),
	)
	slices.SortFunc(list, func(a, b *variable) int { return strings.Compare(a.name, b.name) })
	return list
}()

func variableOf(name string) *variable {
	i, ok := slices.BinarySearchFunc(variables, name, func(v *variable, s string) int { return strings.Compare(v.name, s) })
	if !ok {
		return nil
	}
	return variables[i]
}

func known(s string) ref.Val {
	if s == "" {
		return nil
	}
	return types.String(s)
}

func factMap(facts []place.Fact) ref.Val {
	m := map[string]string{}
	for _, f := range facts {
		m[f.Name] = f.Value
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, m)
}

// stays stands for a day that no file names: nothing says that an element goes.
var stays = place.Day(2200, 12, 31)

func leaves(_ *scene, e *place.Element) place.Value {
	day := stays
	for _, d := range []place.Date{e.To, e.Removal} {
		if d != 0 {
			day = min(day, d)
		}
	}
	return place.Value{Type: place.When, N: int64(day)}
}

// makers are the names by which the vendors of an element are listed. Elements of
// the same makers share a list, which nobody changes.
func makers(s *scene, node int) (list []string) {
	e := s.Of(node)
	both := [2]int{s.VendorOf(e), s.SoftwareOf(e)}
	if list, ok := s.makers[both]; ok {
		return list
	}
	for _, v := range both {
		if v < 0 {
			return nil // one that is not known may be any
		}
		list = append(list, s.Vendors[v].ID)
		if g := s.Vendors[v].Group; g != "" {
			list = append(list, g)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	s.makers[both] = list
	return list
}

func makerCountries(s *scene, node int) (list []string) {
	e := s.Of(node)
	for _, v := range []int{s.VendorOf(e), s.SoftwareOf(e)} {
		if v < 0 || s.Vendors[v].Country == "" {
			return nil
		}
		list = append(list, s.Vendors[v].Country)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// certificates are an element's; "none" is an empty list, not an unknown one.
func certificates(s *scene, node int) []string {
	e := s.Of(node)
	switch e.Certificates {
	case "":
		return nil
	case "none":
		return []string{}
	}
	list := []string{}
	for c := range strings.SplitSeq(e.Certificates, ";") {
		if c = strings.TrimSpace(c); c != "" {
			list = append(list, c)
			if scheme, _, ok := strings.Cut(c, " "); ok {
				list = append(list, scheme)
			}
		}
	}
	return list
}

// releaseFacts are the entries of the map release: of findings, the number by
// severity; of score, the figures of the scorecard.
var releaseFacts = []string{"bundle", "code_read", "findings", "opened", "profiles", "score"}

// release is what evidence says of an element's release. What it does not say is
// not in the map, so that it is not known.
func release(s *scene, node int) ref.Val {
	ev := s.evidence.of(s.Of(node))
	if ev == nil {
		return nil
	}
	m := map[string]any{"profiles": ev.Profiles, "bundle": ev.Bundle, "opened": ev.Opened, "code_read": ev.CodeRead}
	if ev.Findings != nil {
		findings := map[string]int64{"critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0}
		for k, n := range ev.Findings {
			findings[k] = n
		}
		m["findings"] = findings
	}
	if ev.Score != nil {
		m["score"] = ev.Score
	}
	return types.NewDynamicMap(types.DefaultTypeAdapter, m)
}
