package netbox

import (
	"cmp"
	"fmt"
	"slices"

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

// maxChain bounds a chain of panels and circuits: cables may run in a circle.
const maxChain = 256

// links follows each interface's cable to where it ends.
func (r *reading) links() {
	c := &cabling{r: r, other: map[port][]port{}, cable: map[port]int64{}, fronts: map[[2]int64]int64{}, ends: map[[2]any]int64{}}
	c.collect()
	seen := map[string]bool{}
	for _, o := range r.s.list("dcim.interface") {
		from := r.ids[o.ref("device")]
		if from == "" {
			continue
		}
		start := port{"dcim.interface", o.pk}
		for _, end := range c.follow(start) {
			i := r.get("dcim.interface", end.pk)
			to := r.ids[i.ref("device")]
			if to == "" || to == from {
				continue
			}
			low, high := min(o.pk, end.pk), max(o.pk, end.pk)
			id := fmt.Sprintf("interfaces %d-%d", low, high)
			if seen[id] {
				continue
			}
			seen[id] = true
			l := place.NewLink(r.at(o))
			l.ID, l.A, l.B = id, from, to
			l.Layer = "L1"
			l.Medium = r.get("dcim.cable", c.cable[start]).text("type")
			if speed, ok := o.number("speed"); ok { // kbit/s
				l.Capacity = int64(speed) * 1000
			}
			r.b.Link(l)
		}
	}
}

// collect sorts cables, panels and circuits by their ends.
func (c *cabling) collect() {
	ends := map[int64][2][]port{}
	for _, t := range c.r.s.list("dcim.cabletermination") {
		p := port{c.model(t.fields["termination_type"]), t.ref("termination_id")}
		side := 0
		if t.text("cable_end") == "B" {
			side = 1
		}
		e := ends[t.ref("cable")]
		e[side] = append(e[side], p)
		ends[t.ref("cable")] = e
		c.cable[p] = t.ref("cable")
	}
	for _, e := range ends {
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
		c.ends[[2]any{t.ref("circuit"), t.text("term_side")}] = t.pk
	}
}

// model is the model that a content type names: by app and model, or by the key
// of an object that does.
func (c *cabling) model(v any) string {
	if names, ok := v.([]any); ok && len(names) == 2 {
		return fmt.Sprint(names[0], ".", names[1])
	}
	t := c.r.get("contenttypes.contenttype", key(v))
	return t.text("app_label") + "." + t.text("model")
}

// position is which fibre of a rear port a front port is.
func position(f *object) int64 { return cmp.Or(f.ref("rear_port_position"), 1) }

// follow lists the interfaces that a chain of cables ends at.
func (c *cabling) follow(start port) (out []port) {
	type at struct {
		port
		positions []int64 // of the front ports that the chain went in by
	}
	queue := []at{{port: start}}
	seen := map[port]bool{start: true}
	for i := 0; i < len(queue) && i < maxChain; i++ {
		for _, p := range c.other[queue[i].port] {
			if seen[p] {
				continue
			}
			seen[p] = true
			next := at{p, slices.Clone(queue[i].positions)}
			switch p.kind {
			case "dcim.interface":
				out = append(out, p)
				continue
			case "dcim.frontport":
				f := c.r.get(p.kind, p.pk)
				next.port = port{"dcim.rearport", f.ref("rear_port")}
				next.positions = append(next.positions, position(f))
			case "dcim.rearport":
				at := int64(1)
				if n := len(next.positions); n > 0 {
					at, next.positions = next.positions[n-1], next.positions[:n-1]
				}
				next.port = port{"dcim.frontport", c.fronts[[2]int64{p.pk, at}]}
			case "circuits.circuittermination":
				t := c.r.get(p.kind, p.pk)
				side := "A"
				if t.text("term_side") == "A" {
					side = "Z"
				}
				next.port = port{p.kind, c.ends[[2]any{t.ref("circuit"), side}]}
			default:
				continue // console, power
			}
			seen[next.port] = true
			queue = append(queue, next)
		}
	}
	return out
}
