package netbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein/place"
)

// port is an end of a cable: an interface, a port of a patch panel, or the end of
// a circuit.
type port struct {
	kind string // model
	pk   int64
}

// cabling follows cables.
type cabling struct {
	r      *reading
	other  map[port][]port // over a cable
	cable  map[port]int64
	fronts map[[2]int64]int64 // a rear port's place → the front port behind it
	ends   map[[2]any]int64   // a circuit's side → its termination
}

// end is where a chain ends, and what it went through.
type end struct {
	port
	circuit int64 // the last one, 0 for none
}

// Bounds on a chain of panels and circuits: cables may run in a circle.
const (
	maxChain = 256
	maxStack = 16
)

// links follows each interface's cable to where it ends.
func (r *reading) links() {
	c := &cabling{r: r, other: map[port][]port{}, cable: map[port]int64{}, fronts: map[[2]int64]int64{}, ends: map[[2]any]int64{}}
	c.collect()
	seen := map[[2]int64]bool{}
	split := 0
	for _, o := range r.s.list("dcim.interface") {
		from := r.ids[o.ref("device")]
		if from == "" {
			continue
		}
		start := port{"dcim.interface", o.pk}
		ends, whole := c.follow(start)
		if !whole {
			split++
		}
		for _, end := range ends {
			i := r.get("dcim.interface", end.pk)
			to := r.ids[i.ref("device")]
			pair := [2]int64{min(o.pk, end.pk), max(o.pk, end.pk)}
			if to == "" || to == from || seen[pair] {
				continue
			}
			seen[pair] = true
			l := place.NewLink(r.at(o))
			l.ID, l.A, l.B, l.Layer = fmt.Sprintf("interfaces %d-%d", pair[0], pair[1]), from, to, "L1"
			l.Medium = medium(r.get("dcim.cable", c.cable[start]).text("type"))
			l.Capacity = slower(speed(o), speed(i))
			if circuit := r.get("circuits.circuit", end.circuit); circuit != nil {
				l.Medium = "leased circuit"
				if rate, ok := circuit.number("commit_rate"); ok && rate > 0 && rate < 1<<40 {
					l.Capacity = slower(l.Capacity, int64(rate)*1000)
				}
			}
			r.b.Link(l)
		}
	}
	if split > 0 {
		r.b.Gap(place.Origin{Source: r.in.Source}, "", fmt.Sprintf("the cables of %d interfaces split at a panel, or run through more than %d ports: their links are not known", split, maxChain), true)
	}
	r.wireless()
}

// wireless adds the links between wireless interfaces.
func (r *reading) wireless() {
	for _, o := range r.s.list("wireless.wirelesslink") {
		if o.text("status") == "planned" {
			r.b.Gap(r.at(o), "status", fmt.Sprintf("wireless link %d is not in service: status planned", o.pk), true)
			continue
		}
		l := place.NewLink(r.at(o))
		l.ID, l.Layer, l.Medium = fmt.Sprintf("wireless link %d", o.pk), "L1", "radio"
		l.A = r.ids[r.get("dcim.interface", o.ref("interface_a")).ref("device")]
		l.B = r.ids[r.get("dcim.interface", o.ref("interface_b")).ref("device")]
		r.b.Link(l)
	}
}

// slower is the lower of two rates; one that is not known does not count.
func slower(a, b int64) int64 {
	if a == place.Unknown || b == place.Unknown {
		return max(a, b)
	}
	return min(a, b)
}

// speed is the rate of an interface in bit/s: as it is given, or as the name of
// its type says ("10gbase-x-sfpp", "1000base-t").
func speed(o *object) int64 {
	if v, ok := o.number("speed"); ok && v > 0 && v < 1<<40 { // kbit/s
		return int64(v) * 1000
	}
	rate, _, ok := strings.Cut(o.text("type"), "base")
	if !ok {
		return place.Unknown
	}
	unit := 1e6
	if g, ok := strings.CutSuffix(rate, "g"); ok {
		rate, unit = g, 1e9
	}
	v, err := strconv.ParseFloat(rate, 64)
	if err != nil || !(v > 0 && v < 1e6) {
		return place.Unknown
	}
	return int64(math.Round(v * unit))
}

// medium is what a type of cable is made of, or the type where that is not said.
func medium(kind string) string {
	for _, m := range [][2]string{{"smf", "fibre"}, {"mmf", "fibre"}, {"aoc", "fibre"}, {"cat", "copper"}, {"dac", "copper"}, {"coax", "copper"}, {"mrj21", "copper"}} {
		if strings.HasPrefix(kind, m[0]) {
			return m[1]
		}
	}
	return kind
}

// collect sorts cables, panels and circuits by their ends.
func (c *cabling) collect() {
	ends := map[int64][2][]port{}
	unknown := 0
	for _, t := range c.r.s.list("dcim.cabletermination") {
		cable := t.ref("cable")
		o := c.r.get("dcim.cable", cable)
		if o == nil || o.text("status") == "planned" {
			continue
		}
		p := port{c.r.model(t.fields["termination_type"]), t.ref("termination_id")}
		if p.kind == "" {
			unknown++
			continue
		}
		side := 0
		if t.text("cable_end") == "B" {
			side = 1
		}
		e := ends[cable]
		e[side] = append(e[side], p)
		ends[cable] = e
		c.cable[p] = cable
	}
	if unknown > 0 {
		c.r.b.Gap(place.Origin{Source: c.r.in.Source}, "termination_type", fmt.Sprintf("what %d ends of cables are at is not known: dump with --natural-foreign", unknown), true)
	}
	for _, o := range c.r.s.list("dcim.cable") {
		if o.text("status") == "planned" {
			c.r.b.Gap(c.r.at(o), "status", fmt.Sprintf("cable %d is not in service: status planned", o.pk), true)
		}
		e := ends[o.pk]
		for side := range e {
			for _, p := range e[side] {
				c.other[p] = append(c.other[p], e[1-side]...)
			}
		}
	}
	for _, f := range c.r.s.list("dcim.frontport") {
		c.fronts[[2]int64{f.ref("rear_port"), position(f)}] = f.pk
	}
	for _, t := range c.r.s.list("circuits.circuittermination") {
		if o := c.r.get("circuits.circuit", t.ref("circuit")); o != nil {
			switch o.text("status") {
			case "planned", "provisioning", "decommissioned":
				continue
			}
		}
		c.ends[[2]any{t.ref("circuit"), t.text("term_side")}] = t.pk
	}
	for _, o := range c.r.s.list("circuits.circuit") {
		switch status := o.text("status"); status {
		case "planned", "provisioning", "decommissioned":
			c.r.b.Gap(c.r.at(o), "status", fmt.Sprintf("circuit %s is not in service: status %s", o.text("cid"), status), true)
		}
	}
}

// model is the model that a content type names, "" for none that is known:
// ["dcim", "interface"] or a key in a dump, "dcim.interface" in the REST API.
func (r *reading) model(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		if len(v) == 2 {
			return fmt.Sprint(v[0], ".", v[1])
		}
	case json.Number:
		if t := r.get(contentType, key(v)); t != nil {
			return t.text("app_label") + "." + t.text("model")
		}
	}
	return ""
}

// position is which fibre of a rear port a front port is.
func position(f *object) int64 { return cmp.Or(f.ref("rear_port_position"), 1) }

// follow lists the interfaces that a chain of cables ends at, in the way that
// NetBox traces it: a front port leads to its rear port, a rear port of several
// positions back to the position that the chain came in by. whole is false for a
// chain that splits, since no position says where it goes on.
func (c *cabling) follow(start port) (out []end, whole bool) {
	type at struct {
		port
		stack   [maxStack]int64 // of the positions that the chain went in by
		depth   int
		circuit int64
	}
	whole = true
	queue := []at{{port: start}}
	seen := map[at]bool{queue[0]: true}
	for i := 0; i < len(queue); i++ {
		if i >= maxChain {
			return out, false
		}
		for _, p := range c.other[queue[i].port] {
			next := queue[i]
			next.port = p
			o := c.r.get(p.kind, p.pk)
			switch p.kind {
			case "dcim.interface":
				if p != start && !slices.ContainsFunc(out, func(e end) bool { return e.port == p }) {
					out = append(out, end{p, next.circuit})
				}
				continue
			case "dcim.frontport":
				rear := c.r.get("dcim.rearport", o.ref("rear_port"))
				if rear == nil {
					continue
				}
				if rear.ref("positions") > 1 {
					if next.depth == maxStack {
						whole = false
						continue
					}
					next.stack[next.depth] = position(o)
					next.depth++
				}
				next.port = port{"dcim.rearport", rear.pk}
			case "dcim.rearport":
				place := int64(1)
				if o.ref("positions") > 1 {
					if next.depth == 0 {
						whole = false
						continue
					}
					next.depth--
					place, next.stack[next.depth] = next.stack[next.depth], 0
				}
				next.port = port{"dcim.frontport", c.fronts[[2]int64{p.pk, place}]}
			case "circuits.circuittermination":
				side := "A"
				if o.text("term_side") == "A" {
					side = "Z"
				}
				next.circuit = o.ref("circuit")
				next.port = port{p.kind, c.ends[[2]any{next.circuit, side}]}
			default:
				continue // console, power
			}
			if next.pk != 0 && !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return out, whole
}
