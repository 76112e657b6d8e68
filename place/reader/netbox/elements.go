package netbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/wardein/wardein/place"
)

// reading turns objects into rows.
type reading struct {
	b     *place.Builder
	s     *store
	in    place.Input
	roles map[string]int // that are no function, and how many elements have them
	names map[string]bool
	ids   map[int64]string // of devices
}

func (r *reading) at(o *object) place.Origin { return place.Origin{Source: r.in.Source, Row: o.row} }

func (r *reading) get(model string, pk int64) *object { return r.s.of[model][pk] }

// operator is the tenant, where all devices are of one.
func (r *reading) operator() {
	tenants := map[int64]bool{}
	for _, o := range r.s.of["dcim.device"] {
		tenants[o.ref("tenant")] = true
	}
	if len(tenants) == 1 && r.b.Operator().Name == "" {
		for pk := range tenants {
			r.b.Operator().Name = r.get("tenancy.tenant", pk).text("name")
		}
	}
}

func (r *reading) sites() {
	for _, o := range r.s.list("dcim.site") {
		s := place.Site{ID: o.text("slug"), Name: o.text("name"), At: r.at(o)}
		s.Region = r.get("dcim.region", o.ref("region")).text("name")
		lat, ok1 := o.number("latitude")
		lon, ok2 := o.number("longitude")
		if ok1 && ok2 {
			if math.Abs(lat) <= 90 && math.Abs(lon) <= 180 {
				s.Lat, s.Lon, s.Located = int32(math.Round(lat*1e6)), int32(math.Round(lon*1e6)), true
			} else {
				r.b.Gap(s.At, "latitude", fmt.Sprintf("%g, %g: want degrees", lat, lon), false)
			}
		}
		custom(r, o, s.At, place.SiteFields, &s, nil)
		r.b.Site(s)
	}
}

func (r *reading) vendors() {
	seen := map[string]bool{}
	for _, o := range r.s.list("dcim.manufacturer") {
		if id := r.maker(o.pk); !seen[id] {
			seen[id] = true
			r.b.Vendor(place.Vendor{ID: id, Name: o.text("name"), At: r.at(o)})
		}
	}
}

// maker is the ID of a manufacturer: its slug, or what a map says.
func (r *reading) maker(pk int64) string {
	o := r.get("dcim.manufacturer", pk)
	to := r.in.Map["maker"]
	return cmp.Or(to[o.text("name")], to[o.text("slug")], o.text("slug"))
}

// inService tells what a status says; what is not in service is left out, and
// listed.
func (r *reading) inService(o *object) bool {
	switch status := o.text("status"); status {
	case "planned", "staged", "inventory":
		r.b.Gap(r.at(o), "status", fmt.Sprintf("%q is not in service: status %s", o.text("name"), status), true)
		return false
	}
	return true
}

// id is the element's name; a second of one name gets its key behind it.
func (r *reading) id(o *object, kind string) string {
	name := cmp.Or(o.text("name"), fmt.Sprintf("%s %d", kind, o.pk))
	if r.names[name] {
		name = fmt.Sprintf("%s (%s %d)", name, kind, o.pk)
	}
	r.names[name] = true
	return name
}

// function is the function that a role is.
func (r *reading) function(e *place.Element, role *object) {
	name := role.text("name")
	if name == "" {
		return
	}
	e.Facts = append(e.Facts, place.Fact{Name: "role", Value: name})
	for _, word := range []string{r.in.Map["role"][name], name, role.text("slug")} {
		if f, ok := place.FunctionOf(word); ok {
			e.NF = f.Name
			return
		}
	}
	if to, ok := r.in.Map["role"][name]; !ok || to != "" { // "" leaves it out on purpose
		r.roles[name]++
	}
}

// tellStore lists what of the file is no object that can be read.
func (r *reading) tellStore() {
	at := place.Origin{Source: r.in.Source}
	for _, model := range slices.Sorted(maps.Keys(r.s.keyless)) {
		r.b.Gap(at, model, fmt.Sprintf("%d objects have no key: a dump with --natural-primary can't be read", r.s.keyless[model]), true)
	}
	for _, model := range slices.Sorted(maps.Keys(r.s.twice)) {
		r.b.Gap(at, model, fmt.Sprintf("%d objects stand in the file twice: the last of a key counts", r.s.twice[model]), true)
	}
	if r.s.form > 0 {
		r.b.Gap(at, "", fmt.Sprintf("%d elements of lists are neither dumped objects nor of the REST API", r.s.form), true)
	}
}

// tellRoles lists the roles that are no function, once each.
func (r *reading) tellRoles() {
	for _, name := range slices.Sorted(maps.Keys(r.roles)) {
		r.b.Gap(place.Origin{Source: r.in.Source}, "role", fmt.Sprintf("%q is no function of the vocabulary: the function of %d elements is not known (--map says it)", name, r.roles[name]), false)
	}
}

func (r *reading) devices() {
	r.names, r.ids = map[string]bool{}, map[int64]string{}
	panels := r.panels()
	for _, o := range r.s.list("dcim.device") {
		if panels[o.pk] || !r.inService(o) {
			continue
		}
		e := place.NewElement(r.at(o))
		e.ID = r.id(o, "device")
		r.ids[o.pk] = e.ID
		e.Name = o.text("name")
		e.Site = r.get("dcim.site", o.ref("site")).text("slug")
		kind := r.get("dcim.devicetype", o.ref("device_type"))
		e.Vendor = r.maker(kind.ref("manufacturer"))
		e.Product = kind.text("model")
		r.platform(&e, o)
		r.function(&e, r.get("dcim.devicerole", o.ref("role")))
		custom(r, o, e.At, place.ElementFields, &e, &e.Facts)
		r.b.Element(e)
	}
}

// panels finds the devices that only pass cables on: they have ports and no
// interface.
func (r *reading) panels() map[int64]bool {
	panel := map[int64]bool{}
	for _, model := range []string{"dcim.rearport", "dcim.frontport"} {
		for _, p := range r.s.of[model] {
			panel[p.ref("device")] = true
		}
	}
	for _, i := range r.s.of["dcim.interface"] {
		delete(panel, i.ref("device"))
	}
	return panel
}

// platform is the software.
func (r *reading) platform(e *place.Element, o *object) {
	p := r.get("dcim.platform", o.ref("platform"))
	e.Release = p.text("name")
	if v := r.maker(p.ref("manufacturer")); v != e.Vendor {
		e.Software = v
	}
}

func (r *reading) machines() {
	for _, o := range r.s.list("virtualization.virtualmachine") {
		if !r.inService(o) {
			continue
		}
		e := place.NewElement(r.at(o))
		e.ID = r.id(o, "virtual machine")
		e.Name = o.text("name")
		host := o.ref("device")
		cluster := r.get("virtualization.cluster", o.ref("cluster"))
		site := cmp.Or(o.ref("site"), r.get("dcim.device", host).ref("site"), cluster.ref("site"))
		if site == 0 && cluster != nil && r.model(cluster.fields["scope_type"]) == "dcim.site" { // since 4.2
			site = cluster.ref("scope_id")
		}
		e.Site = r.get("dcim.site", site).text("slug")
		p := r.get("dcim.platform", o.ref("platform"))
		e.Release, e.Software = p.text("name"), r.maker(p.ref("manufacturer"))
		r.function(&e, r.get("dcim.devicerole", o.ref("role")))
		custom(r, o, e.At, place.ElementFields, &e, &e.Facts)
		r.b.Element(e)
		if id := r.ids[host]; id != "" {
			r.b.Dependency(place.Dependency{From: e.ID, To: id, Kind: place.RunsOn, At: e.At})
		}
	}
}

// custom takes an object's custom fields: those that are called like a field are
// that field, others further facts.
func custom[T any](r *reading, o *object, at place.Origin, fields []place.Field[T], t *T, facts *[]place.Fact) {
	all, _ := o.fields["custom_field_data"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var value string
		switch v := all[name].(type) {
		case nil:
			continue
		case string:
			value = v
		case bool:
			value = strconv.FormatBool(v)
		case json.Number:
			value = v.String()
		default:
			b, _ := json.Marshal(v)
			value = string(b)
		}
		f := place.FieldOf(fields, name)
		switch {
		case value == "":
		case f != nil && name != "id":
			if err := f.Set(t, value); err != nil {
				r.b.Gap(at, name, err.Error(), false)
			}
		case facts != nil:
			*facts = append(*facts, place.Fact{Name: name, Value: r.b.Intern(value)})
		}
	}
}
