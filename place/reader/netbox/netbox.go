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
	"github.com/wardein/wardein/place"
)

// Reader reads NetBox.
var Reader = place.Reader{
	Name: "netbox",
	Doc: wardein.Doc{
		About: "Devices, virtual machines, sites and cabling from NetBox.",
		How:   "A dump (manage.py dumpdata) or saved pages of the REST API, one behind the other. Roles that are no function of the vocabulary are named by --map (kind role). Custom fields that are called like a field of elements are that field; others are further facts.",
		Limits: []string{
			"A file is held in memory; at most 1 GiB.",
			"Objects that are planned, staged or in stock are not in service: they are listed as left out.",
			"Wireless links and power are not read.",
		},
		References: []string{"NetBox documentation: data model, REST API; versions 3.3 to 4.x (cables with several terminations)"},
	},
	Detect: func(_ string, head []byte) bool {
		if bytes.Contains(head, []byte(`"model"`)) && bytes.Contains(head, []byte(`"fields"`)) {
			return true
		}
		return bytes.Contains(head, []byte(`"results"`)) && (bytes.Contains(head, []byte("/api/dcim/")) || bytes.Contains(head, []byte("/api/virtualization/")) || bytes.Contains(head, []byte("/api/circuits/")))
	},
	Read: read,
}

const maxFile = 1 << 30

// object is one object of any model.
type object struct {
	pk     int64
	row    int32
	fields map[string]any
}

// store holds objects by model ("dcim.device") and key.
type store struct {
	of  map[string]map[int64]*object
	row int32
}

func (s *store) add(model string, pk int64, fields map[string]any) {
	s.row++
	if s.of[model] == nil {
		s.of[model] = map[int64]*object{}
	}
	s.of[model][pk] = &object{pk, s.row, fields}
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
	case map[string]any:
		if s, ok := v["value"].(string); ok {
			return s
		}
	}
	return ""
}

// ref is the key of the object that a field names, 0 for none. The REST API
// nests the object itself.
func (o *object) ref(field string) int64 {
	if o == nil {
		return 0
	}
	return key(o.fields[field])
}

func key(v any) int64 {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64()
		return n
	case map[string]any:
		return key(v["id"])
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
	s := &store{of: map[string]map[int64]*object{}}
	d := json.NewDecoder(io.LimitReader(in.Reader, maxFile))
	d.UseNumber()
	for first := true; ; first = false {
		err := s.value(d)
		if err == io.EOF && !first {
			break
		}
		if err != nil {
			if len(s.of) == 0 {
				return err
			}
			b.Gap(place.Origin{Source: in.Source, Row: s.row}, "", fmt.Sprintf("what stands behind this object can't be read: %v", err), true)
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if len(s.of["dcim.device"])+len(s.of["virtualization.virtualmachine"]) == 0 {
		return errors.New("no devices in it")
	}
	r := &reading{b: b, s: s, in: in, roles: map[string]int{}}
	r.operator()
	r.sites()
	r.vendors()
	r.devices()
	r.machines()
	r.links()
	r.tellRoles()
	return nil
}

// value reads the next value of the file: a list of dumped objects, or a page.
func (s *store) value(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('['):
		return s.elements(d, s.dumped)
	case json.Delim('{'):
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if name != "results" {
				var skip any
				if err := d.Decode(&skip); err != nil {
					return err
				}
				continue
			}
			if t, err := d.Token(); err != nil || t != json.Delim('[') {
				return fmt.Errorf("results: want a list: %w", orElse(err))
			}
			if err := s.elements(d, s.page); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	}
	return fmt.Errorf("found %v: want a list of objects or a page of the REST API", t)
}

func (s *store) elements(d *json.Decoder, take func(map[string]any)) error {
	for d.More() {
		var o map[string]any
		if err := d.Decode(&o); err != nil {
			return err
		}
		take(o)
	}
	_, err := d.Token()
	return err
}

func (s *store) dumped(o map[string]any) {
	model, _ := o["model"].(string)
	fields, _ := o["fields"].(map[string]any)
	s.add(model, key(o["pk"]), fields)
}

// models are the names of models behind the paths of the REST API.
var models = map[string]string{
	"dcim/regions": "dcim.region", "dcim/sites": "dcim.site", "dcim/manufacturers": "dcim.manufacturer", "dcim/device-types": "dcim.devicetype",
	"dcim/device-roles": "dcim.devicerole", "dcim/platforms": "dcim.platform", "dcim/devices": "dcim.device", "dcim/interfaces": "dcim.interface",
	"dcim/front-ports": "dcim.frontport", "dcim/rear-ports": "dcim.rearport", "dcim/cables": "dcim.cable",
	"virtualization/virtual-machines": "virtualization.virtualmachine",
	"circuits/circuits":               "circuits.circuit", "circuits/circuit-terminations": "circuits.circuittermination", "tenancy/tenants": "tenancy.tenant",
}

// page takes an object of the REST API: its url says of which model it is.
func (s *store) page(o map[string]any) {
	url, _ := o["url"].(string)
	_, path, _ := strings.Cut(url, "/api/")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 2 {
		return
	}
	model := models[parts[0]+"/"+parts[1]]
	if model == "" {
		return
	}
	if model == "dcim.cable" {
		for end, list := range map[string]string{"A": "a_terminations", "B": "b_terminations"} {
			terminations, _ := o[list].([]any)
			for i, t := range terminations {
				m, _ := t.(map[string]any)
				kind, _ := m["object_type"].(string)
				app, name, _ := strings.Cut(kind, ".")
				s.add("dcim.cabletermination", key(o["id"])<<20|int64(i)<<1|int64(end[0]&1), map[string]any{
					"cable": o["id"], "cable_end": end, "termination_type": []any{app, name}, "termination_id": m["object_id"]})
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
	s.add(model, key(o["id"]), o)
}

func orElse(err error) error {
	if err == nil {
		return errors.New("found another value")
	}
	return err
}
