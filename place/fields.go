package place

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Type is the type of a Field's values.
type Type uint8

// The types. A Text is unknown where it is empty, a Number where it is
// Unknown; see Date and Truth for theirs.
const (
	Text Type = iota
	Number
	When
	Bool
)

// Value is what a Field holds. N is the number, the Date or the Truth.
type Value struct {
	Type Type
	Text string
	N    int64
}

// Known tells whether the fact is known.
func (v Value) Known() bool {
	switch v.Type {
	case Text:
		return v.Text != ""
	case Number:
		return v.N != Unknown
	}
	return v.N != 0
}

// String prints the value as a file would hold it, "" for unknown.
func (v Value) String() string {
	switch {
	case !v.Known():
		return ""
	case v.Type == Text:
		return v.Text
	case v.Type == Number:
		return strconv.FormatInt(v.N, 10)
	case v.Type == When:
		return Date(v.N).String()
	}
	return Truth(v.N).String()
}

// Field is one fact that a row can state of a T: the columns of CSV files, the
// keys of overlays, the variables of rules and their documentation are these.
type Field[T any] struct {
	Name, About string
	Type        Type
	Words       []string // the texts that are allowed; nil: any
	text        func(*T) *string
	number      func(*T) *int64
	day         func(*T) *Date
	truth       func(*T) *Truth
}

// Get is the field's value.
func (f *Field[T]) Get(t *T) Value {
	switch f.Type {
	case Text:
		return Value{Type: Text, Text: *f.text(t)}
	case Number:
		return Value{Type: Number, N: *f.number(t)}
	case When:
		return Value{Type: When, N: int64(*f.day(t))}
	}
	return Value{Type: Bool, N: int64(*f.truth(t))}
}

// Set reads a value as files hold it. "" leaves the field as it is.
func (f *Field[T]) Set(t *T, s string) error {
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	switch f.Type {
	case Text:
		if f.Words != nil && !slices.Contains(f.Words, s) {
			if low := strings.ToLower(s); slices.Contains(f.Words, low) {
				s = low
			} else {
				return fmt.Errorf("%q: want one of %s", s, strings.Join(f.Words, ", "))
			}
		}
		*f.text(t) = s
	case Number:
		n, err := ParseNumber(s)
		if err != nil {
			return err
		}
		*f.number(t) = n
	case When:
		d, err := ParseDate(s)
		if err != nil {
			return err
		}
		*f.day(t) = d
	default:
		v, err := ParseTruth(strings.ToLower(s))
		if err != nil {
			return err
		}
		*f.truth(t) = v
	}
	return nil
}

// ParseNumber reads a count from 0 to 2^53, with k, M, G, T for powers of a
// thousand behind it ("1.5G").
func ParseNumber(s string) (int64, error) {
	unit := float64(1)
	digits := s
	if i := strings.IndexByte("kMGT", s[len(s)-1]); i >= 0 {
		unit = math.Pow10(3 * (i + 1))
		digits = s[:len(s)-1]
	} else if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n <= 1<<53 {
		return n, nil
	}
	v, err := strconv.ParseFloat(digits, 64)
	if v = math.Round(v * unit); err != nil || !(v >= 0 && v <= 1<<53) {
		return 0, fmt.Errorf("%q: want a number from 0 to 2^53, or one with k, M, G, T", s)
	}
	return int64(v), nil
}

func text[T any](name, about string, of func(*T) *string, words ...string) Field[T] {
	return Field[T]{Name: name, About: about, Type: Text, Words: words, text: of}
}

func number[T any](name, about string, of func(*T) *int64) Field[T] {
	return Field[T]{Name: name, About: about, Type: Number, number: of}
}

func day[T any](name, about string, of func(*T) *Date) Field[T] {
	return Field[T]{Name: name, About: about, Type: When, day: of}
}

func truth[T any](name, about string, of func(*T) *Truth) Field[T] {
	return Field[T]{Name: name, About: about, Type: Bool, truth: of}
}

// Generations, AccessKinds, Encryptions, Classes and Layers are the words of
// the fields of these names.
var (
	Generations = []string{"2G", "3G", "4G", "5G", "6G"}
	AccessKinds = []string{"mobile", "fttp", "fttc", "cable", "fixed-wireless", "satellite"}
	Encryptions = []string{"none", "macsec", "ipsec", "tls"}
	Classes     = []string{"user", "signalling", "management", "interception", "emergency"}
	LinkLayers  = []string{"L1", "L2", "L3", "logical"}
	Tiers       = []string{"core", "regional", "metro", "access"}
	Splits      = []string{"nearest", "equal"}
	Kinds       = []string{ManagedBy, RunsOn, AnchoredOn, TimedBy, PoweredBy}
)

// ElementFields are the facts of elements.
var ElementFields = []Field[Element]{
	text("id", "name that no other element has", func(e *Element) *string { return &e.ID }),
	text("name", "what people call it", func(e *Element) *string { return &e.Name }),
	text("site", "the ID of its site", func(e *Element) *string { return &e.Site }),
	text("nf", "function: see the list of functions", func(e *Element) *string { return &e.NF }),
	text("tier", "level of the hierarchy", func(e *Element) *string { return &e.Tier }, Tiers...),
	text("generation", "of mobile equipment", func(e *Element) *string { return &e.Generation }, Generations...),
	text("access", "the kind of access it serves", func(e *Element) *string { return &e.Access }, AccessKinds...),
	text("band", "radio band, as the licence names it", func(e *Element) *string { return &e.Band }),
	text("vendor", "who made the hardware", func(e *Element) *string { return &e.Vendor }),
	text("software_vendor", "who made the software, where that is another", func(e *Element) *string { return &e.Software }),
	text("product", "the vendor's name for it", func(e *Element) *string { return &e.Product }),
	text("release", "software release", func(e *Element) *string { return &e.Release }),
	day("procured", "when it was ordered", func(e *Element) *Date { return &e.Procured }),
	day("installed", "when it went into service", func(e *Element) *Date { return &e.Installed }),
	day("removal_planned", "when it is planned to be taken out", func(e *Element) *Date { return &e.Removal }),
	day("eol", "when the vendor ends support", func(e *Element) *Date { return &e.EOL }),
	number("book_value", "value in the books, in the currency's units", func(e *Element) *int64 { return &e.Book }),
	truth("critical", "critical by the operator's judgement", func(e *Element) *Truth { return &e.Critical }),
	truth("notified", "its use was notified to the authority", func(e *Element) *Truth { return &e.Notified }),
	truth("declared", "the vendor's guarantee was declared", func(e *Element) *Truth { return &e.Declared }),
	truth("approved", "the authority approved it", func(e *Element) *Truth { return &e.Approved }),
	truth("trusted", "source and product are on the list of trusted ones", func(e *Element) *Truth { return &e.Trusted }),
	truth("export_rule", "its supply is affected by an export rule", func(e *Element) *Truth { return &e.ExportRule }),
	text("certificates", "\"SCHEME ID\", separated by ';', or none", func(e *Element) *string { return &e.Certificates }),
	text("managed_org", "the organisation that runs it", func(e *Element) *string { return &e.ManagedOrg }),
	text("managed_country", "the country that it is run from", func(e *Element) *string { return &e.ManagedCountry }),
	text("staff_country", "the country that its staff sits in", func(e *Element) *string { return &e.StaffCountry }),
	number("premises", "premises that it serves", func(e *Element) *int64 { return &e.Premises }),
	number("cells", "radio cells", func(e *Element) *int64 { return &e.Cells }),
	number("subscribers", "subscribers that it serves", func(e *Element) *int64 { return &e.Subscribers }),
	number("traffic", "expected busy-hour traffic, bit/s", func(e *Element) *int64 { return &e.Traffic }),
	day("valid_from", "stands from this day on", func(e *Element) *Date { return &e.From }),
	day("valid_to", "stands until the day before", func(e *Element) *Date { return &e.To }),
}

// SiteFields are the facts of sites. Places are read by lat and lon apart.
var SiteFields = []Field[Site]{
	text("id", "name that no other site has", func(s *Site) *string { return &s.ID }),
	text("name", "what people call it", func(s *Site) *string { return &s.Name }),
	text("country", "ISO 3166-1 alpha-2", func(s *Site) *string { return &s.Country }),
	text("region", "region that rules and plans count by", func(s *Site) *string { return &s.Region }),
	text("type", "exchange, data centre, mast, …", func(s *Site) *string { return &s.Type }),
	text("sensitive", "what makes it sensitive, or none", func(s *Site) *string { return &s.Sensitive }),
	text("power_group", "sites with one supply", func(s *Site) *string { return &s.Power }),
	text("fibre_group", "sites with one duct", func(s *Site) *string { return &s.Fibre }),
	day("valid_from", "stands from this day on", func(s *Site) *Date { return &s.From }),
	day("valid_to", "stands until the day before", func(s *Site) *Date { return &s.To }),
}

// LinkFields are the facts of links.
var LinkFields = []Field[Link]{
	text("id", "name that no other link has; A|B where none is given", func(l *Link) *string { return &l.ID }),
	text("a", "the element at one end", func(l *Link) *string { return &l.A }),
	text("b", "the element at the other", func(l *Link) *string { return &l.B }),
	text("layer", "", func(l *Link) *string { return &l.Layer }, LinkLayers...),
	text("interface", "of a logical link: N2, N3, O&M, …", func(l *Link) *string { return &l.Interface }),
	text("medium", "fibre, microwave, copper", func(l *Link) *string { return &l.Medium }),
	text("encrypted", "macsec is hop by hop, ipsec and tls over what lies between", func(l *Link) *string { return &l.Encrypted }, Encryptions...),
	number("capacity", "bit/s", func(l *Link) *int64 { return &l.Capacity }),
	number("cost", "routing metric", func(l *Link) *int64 { return &l.Cost }),
	day("valid_from", "stands from this day on", func(l *Link) *Date { return &l.From }),
	day("valid_to", "stands until the day before", func(l *Link) *Date { return &l.To }),
}

// VendorFields are the facts of vendors.
var VendorFields = []Field[Vendor]{
	text("id", "name that elements use", func(v *Vendor) *string { return &v.ID }),
	text("name", "the company's name", func(v *Vendor) *string { return &v.Name }),
	text("group", "group of companies", func(v *Vendor) *string { return &v.Group }),
	text("country", "country of control, ISO 3166-1 alpha-2", func(v *Vendor) *string { return &v.Country }),
}

// DemandFields are the facts of demands.
var DemandFields = []Field[Demand]{
	text("id", "name that no other demand has", func(d *Demand) *string { return &d.ID }),
	text("source", "which elements: see selectors", func(d *Demand) *string { return &d.Source }),
	text("target", "which elements: see selectors", func(d *Demand) *string { return &d.Target }),
	text("class", "", func(d *Demand) *string { return &d.Class }, Classes...),
	number("bps", "busy-hour bit/s of the whole group", func(d *Demand) *int64 { return &d.Bps }),
	number("subscribers", "of the whole group", func(d *Demand) *int64 { return &d.Subscribers }),
	text("split", "over the targets", func(d *Demand) *string { return &d.Split }, Splits...),
	day("valid_from", "stands from this day on", func(d *Demand) *Date { return &d.From }),
	day("valid_to", "stands until the day before", func(d *Demand) *Date { return &d.To }),
}

// DependencyFields are the facts of dependencies.
var DependencyFields = []Field[Dependency]{
	text("from", "the element that needs", func(d *Dependency) *string { return &d.From }),
	text("to", "the element that is needed", func(d *Dependency) *string { return &d.To }),
	text("kind", "", func(d *Dependency) *string { return &d.Kind }, Kinds...),
	day("valid_from", "stands from this day on", func(d *Dependency) *Date { return &d.Span.From }),
	day("valid_to", "stands until the day before", func(d *Dependency) *Date { return &d.Span.To }),
}

// AccessFields are the facts of the access register.
var AccessFields = []Field[Access]{
	text("organisation", "who", func(a *Access) *string { return &a.Organisation }),
	text("country", "from where", func(a *Access) *string { return &a.Country }),
	text("scope", "which elements: see selectors", func(a *Access) *string { return &a.Scope }),
	text("way", "", func(a *Access) *string { return &a.Way }, "on site", "remote", "remote update", "managed service"),
	text("tool", "by what means", func(a *Access) *string { return &a.Tool }),
	day("valid_from", "stands from this day on", func(a *Access) *Date { return &a.From }),
	day("valid_to", "stands until the day before", func(a *Access) *Date { return &a.To }),
}

// FieldOf finds a field by its name, nil where there is none.
func FieldOf[T any](fields []Field[T], name string) *Field[T] {
	if i := slices.IndexFunc(fields, func(f Field[T]) bool { return f.Name == name }); i >= 0 {
		return &fields[i]
	}
	return nil
}

// FactOf is a further fact by name, "" where it is not given.
func FactOf(facts []Fact, name string) string {
	if i, ok := slices.BinarySearchFunc(facts, name, func(f Fact, s string) int { return cmp.Compare(f.Name, s) }); ok {
		return facts[i].Value
	}
	return ""
}

// Shorthands are the columns of elements that name other elements, joined by
// ';': one for each kind of dependency ("managed_by").
func Shorthands() []string {
	list := make([]string, len(Kinds))
	for i, kind := range Kinds {
		list[i] = strings.ReplaceAll(kind, "-", "_")
	}
	return list
}
