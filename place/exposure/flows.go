package exposure

import "github.com/wardein/wardein/place"

// Flow is traffic of elements to the nearest of some targets, as the demands of a
// day say (see Of).
type Flow struct {
	Targets []int32
	Sources []Source
}

// Source is an element and the bit/s that it sends or gets.
type Source struct {
	Node int32
	Bps  float64
}

// Flows are the traffic that exposures are counted of.
func Flows(s *place.Snapshot, o Options) (list []Flow) {
	for _, g := range demands(s, o, &Result{}) {
		f := Flow{Targets: g.targets}
		for _, w := range g.sources {
			f.Sources = append(f.Sources, Source{w.node, w.bps})
		}
		list = append(list, f)
	}
	return list
}
