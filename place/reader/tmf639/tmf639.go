// Package tmf639 reads resources as the Resource Inventory API of TM Forum
// (TMF639) gives them: a list, one object, or one of them a line.
//
//	{"id": …, "name": …, "@type": …, "category": …, "resourceVersion": …,
//	 "resourceStatus": …, "startOperatingDate": …, "endOperatingDate": …,
//	 "resourceSpecification": {"name": …}, "place": {"id": …, "name": …},
//	 "relatedParty": [{"role": "manufacturer", "name": …}],
//	 "resourceCharacteristic": [{"name": …, "value": …}],
//	 "resourceRelationship": [{"relationshipType": "connectsTo", "resource": {"id": …}}]}
//
// The standard leaves the words of roles, types and relationships to operators:
// those below are usual, --map names others.
package tmf639

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/jsonrows"
	"github.com/wardein/wardein/place"
)

// Reader reads resources.
var Reader = place.Reader{
	Name: "tmf639",
	Doc: wardein.Doc{
		About: "Resources as the Resource Inventory API of TM Forum gives them, saved as JSON.",
		How:   "A resource is an element; one that is contained in another and has no function of the vocabulary (a card, a port) is a part of it, and its connections are the whole's. The function is the characteristic nf, or category, @type or the specification's name where that is one; --map (kind role) names others, (kind relation) types of relationships, (kind maker) makers. Characteristics that are called like a field of elements are that field, others further facts; those of a connection are fields of the link. Operating dates say when an element stands.",
		Limits: []string{
			"The words of relationships and roles of parties are operators' own: what is not known of them is listed and not used.",
			"Resources that are planned are not in service: they are listed as left out.",
			"A place is taken with its id, name and country; addresses are not followed.",
		},
		References: []string{"TMF639 Resource Inventory Management, v4.0.0 (swagger) and v5.0.0 (OpenAPI): Resource, ResourceRelationship, RelatedParty, Characteristic"},
	},
	Detect: func(_ string, head []byte) bool {
		head = bytes.TrimLeft(head, "\ufeff \t\r\n")
		if len(head) == 0 || head[0] != '[' && head[0] != '{' {
			return false
		}
		return slices.ContainsFunc([]string{`"resourceCharacteristic"`, `"resourceRelationship"`, `"resourceStatus"`, `"resourceSpecification"`, `"resourceVersion"`, "resourceInventoryManagement"}, func(s string) bool { return bytes.Contains(head, []byte(s)) })
	},
	Read: read,
}

// resource is a resource as the API has it.
type resource struct {
	ID                    text
	Name                  text
	Type                  text `json:"@type"`
	Category              text
	ResourceVersion       text
	Version               text // before 4.0
	ResourceStatus        text
	StartOperatingDate    text
	EndOperatingDate      text
	ResourceSpecification struct{ Name text }
	Place                 list[related]
	RelatedParty          list[related]
	Characteristic        list[characteristic] `json:"resourceCharacteristic"`
	Relationship          list[relationship]   `json:"resourceRelationship"`
}

type related struct {
	ID, Name, Role, Country text
	PartyOrPartyRole        struct{ ID, Name text } // since 5.0
}

type characteristic struct {
	Name  text
	Value text
}

type relationship struct {
	ID       text // before 4.0
	Type     text `json:"relationshipType"`
	Resource struct{ ID text }
	Facts    list[characteristic] `json:"resourceRelationshipCharacteristic"`
}

// text is a text, or another value as it is written.
type text string

// UnmarshalJSON takes any value.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	} else if s = string(b); s == "null" {
		s = ""
	}
	*t = text(strings.TrimSpace(s))
	return nil
}

// list is a list, or one object where the version has one.
type list[T any] []T

// UnmarshalJSON takes either.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		*l = make([]T, 1)
		return json.Unmarshal(b, &(*l)[0])
	}
	return json.Unmarshal(b, (*[]T)(l))
}

func read(ctx context.Context, b *place.Builder, in place.Input) error {
	r := &reading{b: b, in: in, at: place.Origin{Source: in.Source}, whole: map[string]string{}, plain: map[string]bool{}, unknown: map[[2]string]int{}}
	d := jsonrows.New(in.Reader)
	for first := true; ; first = false {
		t, err := d.Token()
		switch {
		case err == io.EOF && !first:
			if r.at.Row == 0 {
				return errors.New("no resources in it")
			}
			r.finish()
			return nil
		case err != nil:
		case t == json.Delim('['):
			err = d.List(func() error {
				var res resource
				return r.take(ctx, d.Decode(&res), &res)
			})
		case t == json.Delim('{'):
			var res resource
			res, err = object(d)
			err = r.take(ctx, err, &res)
		default:
			err = fmt.Errorf("found %v: want resources", t)
		}
		if err != nil {
			if r.at.Row == 0 || ctx.Err() != nil {
				return err
			}
			b.Gap(r.at, "", fmt.Sprintf("what stands behind this resource can't be read: %v", err), true)
			r.finish()
			return nil
		}
	}
}

// object reads an object whose '{' is read already.
func object(d *jsonrows.Decoder) (res resource, err error) {
	members := map[string]json.RawMessage{}
	if err := d.Object(func(name string) error {
		var v json.RawMessage
		err := d.Decode(&v)
		members[name] = v
		return err
	}); err != nil {
		return res, err
	}
	all, err := json.Marshal(members)
	if err != nil {
		return res, err
	}
	if err := json.Unmarshal(all, &res); err != nil {
		return res, &jsonrows.Unfit{Err: err}
	}
	return res, nil
}

// relation is a relationship of two resources, until all are read.
type relation struct {
	from, to string
	kind     string
	facts    []characteristic
	at       place.Origin
}

type reading struct {
	b         *place.Builder
	in        place.Input
	at        place.Origin
	relations []relation
	whole     map[string]string // of a part: what contains it
	plain     map[string]bool   // of a resource that was read: it has no function
	elements  []place.Element
	unknown   map[[2]string]int // words that are not known, by what they are
}

const maxRelations = 16 << 20

func (r *reading) take(ctx context.Context, err error, res *resource) error {
	r.at.Row++
	if r.at.Row%4096 == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	var unfit *jsonrows.Unfit
	switch {
	case errors.As(err, &unfit):
		r.b.Gap(r.at, "", err.Error(), true)
		return nil
	case err != nil:
		return err
	case res.ID == "":
		r.b.Gap(r.at, "id", "the resource has no id", true)
		return nil
	}
	switch strings.ToLower(string(res.ResourceStatus)) {
	case "planned", "planning", "notexists":
		r.b.Gap(r.at, "resourceStatus", fmt.Sprintf("%q is not in service: status %s", res.ID, res.ResourceStatus), true)
		return nil
	}
	r.element(res)
	for _, x := range res.Relationship {
		to := cmp.Or(x.Resource.ID, x.ID)
		kind, known := relationOf(string(x.Type), r.in.Map["relation"])
		switch {
		case to == "":
			r.b.Gap(r.at, "resourceRelationship", fmt.Sprintf("a relationship %q names no resource", x.Type), false)
		case !known:
			r.unknown[[2]string{"resourceRelationship", string(x.Type)}]++
		case kind != "" && len(r.relations) < maxRelations:
			from, to := string(res.ID), string(to)
			if k, ok := strings.CutPrefix(kind, "<"); ok {
				kind, from, to = k, to, from
			}
			if kind == partOf {
				r.whole[from] = to
			} else {
				r.relations = append(r.relations, relation{from, to, kind, x.Facts, r.at})
			}
		case kind != "":
			return fmt.Errorf("more than %d relationships", maxRelations)
		}
	}
	return nil
}

const (
	connects = "connects"
	partOf   = "part-of"
)

// words are the usual names of relationships, in small letters without what
// joins them; '<' turns one around.
var words = map[string]string{
	"connectsto": connects, "connectedto": connects, "isconnectedto": connects, "connects": connects, "linkedto": connects, "adjacentto": connects,
	"containedin": partOf, "iscontainedin": partOf, "containedby": partOf, "partof": partOf, "ispartof": partOf, "childof": partOf,
	"contains": "<" + partOf, "containsaschild": "<" + partOf, "haspart": "<" + partOf, "parentof": "<" + partOf,
	"runson": place.RunsOn, "hostedon": place.RunsOn, "hostedby": place.RunsOn, "deployedon": place.RunsOn, "hosts": "<" + place.RunsOn,
	"managedby": place.ManagedBy, "ismanagedby": place.ManagedBy, "manages": "<" + place.ManagedBy,
	"anchoredon": place.AnchoredOn, "anchoredby": place.AnchoredOn, "anchors": "<" + place.AnchoredOn,
	"timedby": place.TimedBy, "synchronizedby": place.TimedBy, "synchronisedby": place.TimedBy,
	"poweredby": place.PoweredBy, "powers": "<" + place.PoweredBy,
}

// relationOf is what a type of relationship means; "" is one that is left out on
// purpose.
func relationOf(name string, mapped map[string]string) (kind string, ok bool) {
	if to, ok := mapped[name]; ok {
		if to == "" {
			return "", true
		}
		name = to
	}
	kind, ok = words[strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))]
	return kind, ok
}

// parties are those related to a resource: who made it, who runs it.
func (r *reading) parties(e *place.Element, res *resource) {
	for _, p := range res.RelatedParty {
		name := string(cmp.Or(p.Name, p.PartyOrPartyRole.Name, p.ID, p.PartyOrPartyRole.ID))
		if name == "" {
			continue
		}
		switch role := strings.ToLower(string(p.Role)); role {
		case "manufacturer", "vendor", "supplier", "equipment vendor", "hardware vendor", "equipmentvendor":
			e.Vendor = r.vendor(name)
		case "software vendor", "softwarevendor", "software supplier":
			e.Software = r.vendor(name)
		case "operator", "maintainer", "manager", "managed service provider", "managedserviceprovider":
			e.ManagedOrg = r.b.Intern(name)
			e.ManagedCountry = string(p.Country)
		default:
			r.unknown[[2]string{"relatedParty", string(p.Role)}]++
		}
	}
}

// vendor is the ID of a vendor.
func (r *reading) vendor(name string) string {
	id := r.b.Intern(cmp.Or(r.in.Map["maker"][name], place.VendorID(name)))
	if id != "" {
		r.b.MentionVendor(place.Vendor{ID: id, Name: name, At: r.at})
	}
	return id
}

func (r *reading) element(res *resource) {
	e := place.NewElement(r.at)
	e.ID, e.Name = r.b.Intern(string(res.ID)), string(res.Name)
	e.Release = r.b.Intern(string(cmp.Or(res.ResourceVersion, res.Version)))
	e.Product = r.b.Intern(string(res.ResourceSpecification.Name))
	r.parties(&e, res)
	for _, p := range res.Place {
		if id := string(cmp.Or(p.ID, p.Name)); id != "" && e.Site == "" {
			e.Site = r.b.Intern(id)
			r.b.MentionSite(place.Site{ID: e.Site, Name: string(p.Name), Country: string(p.Country), At: r.at})
		}
	}
	for _, d := range []struct {
		column string
		said   text
		to     []*place.Date
	}{{"startOperatingDate", res.StartOperatingDate, []*place.Date{&e.Installed, &e.From}}, {"endOperatingDate", res.EndOperatingDate, []*place.Date{&e.Removal, &e.To}}} {
		day, err := place.ParseDate(string(d.said[:min(len(d.said), 10)])) // of a time
		if err != nil {
			r.b.Gap(r.at, d.column, err.Error(), false)
		}
		for _, to := range d.to {
			*to = day
		}
	}
	for _, c := range res.Characteristic {
		name, value := string(c.Name), string(c.Value)
		f := place.FieldOf(place.ElementFields, name)
		switch {
		case name == "" || value == "":
		case f != nil && name != "id":
			if err := f.Set(&e, r.b.Intern(value)); err != nil {
				r.b.Gap(r.at, name, err.Error(), false)
			}
		default:
			e.Facts = append(e.Facts, place.Fact{Name: r.b.Intern(name), Value: r.b.Intern(value)})
		}
	}
	r.function(&e, res)
	r.plain[e.ID] = e.NF == ""
	r.elements = append(r.elements, e)
}

// function is the first word of a resource that is one, or that is mapped to
// one.
func (r *reading) function(e *place.Element, res *resource) {
	for _, word := range []string{e.NF, string(res.Category), string(res.Type), string(res.ResourceSpecification.Name)} {
		if to, ok := r.in.Map["role"][word]; ok && word != "" {
			word = to
		}
		if f, ok := place.FunctionOf(word); ok {
			e.NF = f.Name
			return
		}
	}
	if e.NF == "" && res.Category != "" {
		e.Facts = append(e.Facts, place.Fact{Name: "category", Value: r.b.Intern(string(res.Category))})
	}
}

// of is the element that a resource is, or is a part of.
func (r *reading) of(id string) string {
	for range 64 { // a circle ends somewhere
		to, ok := r.whole[id]
		if _, read := r.plain[to]; !ok || !read || !r.plain[id] || to == id {
			return id
		}
		id = to
	}
	return id
}

// finish adds the elements and relations once all resources are read.
func (r *reading) finish() {
	nameless := map[string]int{}
	for i := range r.elements {
		e := &r.elements[i]
		if r.of(e.ID) != e.ID {
			continue
		}
		if e.NF == "" {
			name := ""
			for _, f := range e.Facts {
				if f.Name == "category" {
					name = f.Value
				}
			}
			nameless[name]++
		}
		r.b.Element(*e)
	}
	at := place.Origin{Source: r.in.Source}
	for _, name := range slices.Sorted(maps.Keys(nameless)) {
		r.b.Gap(at, "category", fmt.Sprintf("%q is no function of the vocabulary: the function of %d elements is not known (--map says it)", name, nameless[name]), false)
	}
	for _, word := range slices.SortedFunc(maps.Keys(r.unknown), func(x, y [2]string) int {
		return cmp.Or(strings.Compare(x[0], y[0]), strings.Compare(x[1], y[1]))
	}) {
		r.b.Gap(at, word[0], fmt.Sprintf("%d of %q: not known what that is, and not used (--map says it for relationships)", r.unknown[word], word[1]), false)
	}
	seen := map[[2]string]bool{}
	for i := range r.relations {
		r.relation(&r.relations[i], seen)
	}
}

func (r *reading) relation(x *relation, seen map[[2]string]bool) {
	from, to := r.of(x.from), r.of(x.to)
	if x.kind != connects {
		if from != to {
			r.b.Dependency(place.Dependency{From: from, To: to, Kind: x.kind, At: x.at})
		}
		return
	}
	pair := [2]string{min(x.from, x.to), max(x.from, x.to)}
	if seen[pair] || from == to && x.from != x.to { // told by both ends; inside one element
		return
	}
	seen[pair] = true
	l := place.NewLink(x.at)
	l.ID, l.A, l.B = pair[0]+" "+pair[1], from, to
	for _, c := range x.facts {
		f := place.FieldOf(place.LinkFields, string(c.Name))
		if f == nil || c.Name == "id" || c.Name == "a" || c.Name == "b" {
			continue
		}
		if err := f.Set(&l, string(c.Value)); err != nil {
			r.b.Gap(x.at, string(c.Name), err.Error(), false)
		}
	}
	r.b.Link(l)
}
