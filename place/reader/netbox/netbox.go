// Package netbox reads inventories out of NetBox: a dump of its database
// (manage.py dumpdata, a list of objects with model, pk and fields) or saved
// pages of its REST API, one behind the other in one file.
//
// Devices and virtual machines become elements, their roles functions, makers of
// device types vendors, makers of platforms vendors of the software. Cables are
// followed through patch panels and circuits from one device's interface to
// another's, and each such chain is one link.
package netbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/jsonrows"
	"github.com/wardein/wardein/place"
)

// Reader reads NetBox.
var Reader = place.Reader{
	Name: "netbox",
	Doc: wardein.Doc{
		About: "Devices, virtual machines, sites and cabling from NetBox.",
		How:   "A dump (manage.py dumpdata) or saved pages of the REST API, one behind the other in one file. Cables are followed through patch panels and circuits as NetBox traces them; each chain from interface to interface is a link. Roles that are no function of the vocabulary are named by --map (kind role), makers that other files call otherwise, too (kind maker). Custom fields that are called like a field of elements or sites are that field; others of devices are further facts.",
		Limits: []string{
			"Devices, machines and cables that are planned, staged or in stock are not in service: they are listed as left out.",
			"A chain that splits at a panel is not followed further, as in NetBox.",
			"A circuit that ends at a provider's network is no link: who is behind it is not in the data.",
			"Dumps made with --natural-primary have no keys, and their objects are listed as left out.",
			"Power and consoles are not read.",
			"Front ports that lead to several rear ports (NetBox 4.5) are not read.",
		},
		References: []string{"NetBox documentation: data model, REST API; versions 3.3 to 4.4 (cables with several terminations)"},
	},
	Detect: func(_ string, head []byte) bool {
		if bytes.Contains(head, []byte(`"model"`)) && bytes.Contains(head, []byte(`"fields"`)) {
			return true
		}
		return bytes.Contains(head, []byte(`"url"`)) && (bytes.Contains(head, []byte("/api/dcim/")) || bytes.Contains(head, []byte("/api/virtualization/")) || bytes.Contains(head, []byte("/api/circuits/")) || bytes.Contains(head, []byte("/api/tenancy/")))
	},
	Read: read,
}

// maxObjects bounds what is held of a file.
const maxObjects = 16 << 20

// object is one object of any model.
type object struct {
	pk     int64
	row    int32
	fields map[string]any
}

// models are those that are read, by their paths in the REST API, and what is
// held of them.
var models = map[string]struct {
	name   string
	fields []string
}{
	"dcim/regions":                    {"dcim.region", []string{"name"}},
	"dcim/sites":                      {"dcim.site", []string{"slug", "name", "region", "latitude", "longitude", "custom_field_data"}},
	"dcim/manufacturers":              {"dcim.manufacturer", []string{"slug", "name"}},
	"dcim/device-types":               {"dcim.devicetype", []string{"manufacturer", "model"}},
	"dcim/device-roles":               {"dcim.devicerole", []string{"slug", "name"}},
	"dcim/platforms":                  {"dcim.platform", []string{"name", "manufacturer"}},
	"dcim/devices":                    {"dcim.device", []string{"name", "status", "tenant", "site", "device_type", "platform", "role", "custom_field_data"}},
	"dcim/interfaces":                 {"dcim.interface", []string{"device", "speed", "type"}},
	"dcim/front-ports":                {"dcim.frontport", []string{"device", "rear_port", "rear_port_position"}},
	"dcim/rear-ports":                 {"dcim.rearport", []string{"device", "positions"}},
	"dcim/cables":                     {"dcim.cable", []string{"type", "status"}},
	"dcim/cable-terminations":         {"dcim.cabletermination", []string{"cable", "cable_end", "termination_type", "termination_id"}},
	"wireless/wireless-links":         {"wireless.wirelesslink", []string{"interface_a", "interface_b", "status"}},
	"virtualization/virtual-machines": {"virtualization.virtualmachine", []string{"name", "status", "site", "device", "cluster", "platform", "role", "custom_field_data"}},
	"virtualization/clusters":         {"virtualization.cluster", []string{"site", "scope_type", "scope_id"}},
	"circuits/circuits":               {"circuits.circuit", []string{"cid", "status", "commit_rate"}},
	"circuits/circuit-terminations":   {"circuits.circuittermination", []string{"circuit", "term_side"}},
	"tenancy/tenants":                 {"tenancy.tenant", []string{"name"}},
	"extras/content-types":            {contentType, []string{"app_label", "model"}},
}

// contentType names models by keys, in dumps made without --natural-foreign.
const contentType = "contenttypes.contenttype"

// held are the fields of models by their names.
var held = func() map[string][]string {
	m := map[string][]string{}
	for _, k := range models {
		m[k.name] = k.fields
	}
	return m
}()

// store holds objects by model ("dcim.device") and key.
type store struct {
	of      map[string]map[int64]*object
	row     int32
	objects int
	keyless map[string]int // objects without a key, by model
	twice   map[string]int // objects of a key that was read already
	form    int            // elements of lists that are no objects of NetBox
}

func (s *store) add(model string, pk int64, fields map[string]any) error {
	names, ok := held[model]
	switch {
	case !ok:
		return nil // of no interest
	case pk == 0:
		if model != contentType {
			s.keyless[model]++
		}
		return nil
	case s.of[model] == nil:
		s.of[model] = map[int64]*object{}
	case s.of[model][pk] != nil:
		s.twice[model]++
	}
	if s.objects++; s.objects > maxObjects {
		return fmt.Errorf("more than %d objects", maxObjects)
	}
	few := make(map[string]any, len(names))
	for _, name := range names {
		if v := fields[name]; v != nil && name != "custom_field_data" {
			few[name] = brief(v)
		} else if v != nil {
			few[name] = v
		}
	}
	s.of[model][pk] = &object{pk, s.row, few}
	return nil
}

// brief is what is held of a field: of a nested object of the REST API its key,
// of a choice its value.
func brief(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if id, ok := m["id"]; ok {
		return id
	}
	if value, ok := m["value"]; ok && len(m) <= 2 {
		return value
	}
	return v
}

// list are a model's objects in the order of their keys.
func (s *store) list(model string) (out []*object) {
	for _, pk := range slices.Sorted(maps.Keys(s.of[model])) {
		out = append(out, s.of[model][pk])
	}
	return out
}

// text is a field as text, "" where it is empty. A choice of the REST API is its
// value.
func (o *object) text(field string) string {
	if o == nil {
		return ""
	}
	switch v := o.fields[field].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// ref is the key of the object that a field names, 0 for none.
func (o *object) ref(field string) int64 {
	if o == nil {
		return 0
	}
	return key(o.fields[field])
}

func key(v any) int64 {
	if v, ok := v.(json.Number); ok {
		n, _ := v.Int64()
		return n
	}
	return 0
}

// number is a field as a floating-point number.
func (o *object) number(field string) (float64, bool) {
	s := o.text(field)
	if s == "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f)
}

func read(ctx context.Context, b *place.Builder, in place.Input) error {
	s := &store{of: map[string]map[int64]*object{}, keyless: map[string]int{}, twice: map[string]int{}}
	d := jsonrows.New(in.Reader)
	for first := true; ; first = false {
		err := s.value(ctx, d)
		if err == io.EOF && !first {
			break
		}
		if err != nil {
			if ctx.Err() != nil || s.objects == 0 {
				return err
			}
			b.Gap(place.Origin{Source: in.Source, Row: s.row}, "", fmt.Sprintf("what stands behind this object can't be read: %v", err), true)
			break
		}
	}
	if s.objects == 0 {
		return errors.New("no objects of NetBox in it")
	}
	r := &reading{b: b, s: s, in: in, roles: map[string]int{}}
	r.tellStore()
	r.operator()
	r.sites()
	r.vendors()
	r.devices()
	r.machines()
	r.links()
	r.tellRoles()
	return nil
}

// value reads the next value of the file: a list of objects, or a page.
func (s *store) value(ctx context.Context, d *jsonrows.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('['):
		return s.elements(ctx, d)
	case json.Delim('{'):
		return d.Object(func(name string) error {
			if name != "results" {
				return d.Skip()
			}
			if t, err := d.Token(); err != nil {
				return err
			} else if t != json.Delim('[') {
				return fmt.Errorf("results: found %v, want a list", t)
			}
			return s.elements(ctx, d)
		})
	}
	return fmt.Errorf("found %v: want a list of objects or a page of the REST API", t)
}

func (s *store) elements(ctx context.Context, d *jsonrows.Decoder) error {
	return d.List(func() error {
		if s.row++; s.row%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var o map[string]any
		var unfit *jsonrows.Unfit
		if err := d.Decode(&o); errors.As(err, &unfit) {
			s.form++
			return nil
		} else if err != nil {
			return err
		}
		if fields, ok := o["fields"].(map[string]any); ok { // device types have a model, too
			model, _ := o["model"].(string)
			return s.add(model, key(o["pk"]), fields)
		}
		return s.page(o)
	})
}

// page takes an object of the REST API: its url says of which model it is.
func (s *store) page(o map[string]any) error {
	url, _ := o["url"].(string)
	_, path, _ := strings.Cut(url, "/api/")
	parts := strings.SplitN(strings.Trim(path, "/"), "/", 3)
	if len(parts) < 2 {
		s.form++
		return nil
	}
	model := models[parts[0]+"/"+parts[1]].name
	if model == "dcim.cable" {
		for end, list := range map[string]string{"A": "a_terminations", "B": "b_terminations"} {
			terminations, _ := o[list].([]any)
			for i, t := range terminations {
				m, _ := t.(map[string]any)
				// Terminations have keys of their own, which a cable's page does not show.
				pk := -(key(o["id"])<<20 | int64(min(i, 1<<18))<<1 | int64(end[0]&1))
				if err := s.add("dcim.cabletermination", pk, map[string]any{"cable": o["id"], "cable_end": end, "termination_type": m["object_type"], "termination_id": m["object_id"]}); err != nil {
					return err
				}
			}
		}
	}
	// What the dump calls otherwise.
	if v, ok := o["custom_fields"]; ok {
		o["custom_field_data"] = v
	}
	if v, ok := o["device_role"]; ok && o["role"] == nil {
		o["role"] = v
	}
	return s.add(model, key(o["id"]), o)
}
