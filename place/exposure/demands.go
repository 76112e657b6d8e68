package exposure

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/wardein/wardein/place"
)

// demands are the groups that a network's demands make, those to the same
// targets joined.
func demands(s *place.Snapshot, o Options, res *Result) (list []group) {
	index := map[string]int{}
	add := func(targets []int32, sources []weight) {
		key := make([]byte, 0, 4*len(targets))
		for _, t := range targets {
			key = binary.LittleEndian.AppendUint32(key, uint32(t))
		}
		i, ok := index[string(key)]
		if !ok {
			i = len(list)
			index[string(key)] = i
			list = append(list, group{targets: targets})
		}
		list[i].sources = append(list[i].sources, sources...)
	}
	selected := map[string][]int32{}
	choose := func(d *place.Demand, text string) []int32 {
		nodes, ok := selected[text]
		if !ok {
			var err error
			nodes, err = s.Select(text)
			selected[text] = nodes
			if err != nil {
				res.Gaps = append(res.Gaps, err.Error())
			}
		}
		if len(nodes) == 0 {
			res.Gaps = append(res.Gaps, fmt.Sprintf("demand %s: %q names no element on %s", d.ID, text, s.Date))
		}
		return nodes
	}
	for _, k := range s.Demands {
		d := &s.Network.Demands[k]
		if o.Classes != nil && !slices.Contains(o.Classes, d.Class) {
			continue
		}
		from, to := choose(d, d.Source), choose(d, d.Target)
		if len(from) == 0 || len(to) == 0 {
			continue
		}
		if d.Split != "equal" {
			add(to, spread(s, d, from, 1))
			continue
		}
		for _, t := range to {
			add([]int32{t}, spread(s, d, from, len(to)))
		}
	}
	if len(s.Network.Demands) > 0 {
		return list
	}
	res.Assumed = true
	var from, to []int32
	for node := range s.Element {
		e := s.Of(node)
		if e == nil {
			continue
		}
		switch f, _ := place.FunctionOf(e.NF); {
		case f.Group == "core-user":
			to = append(to, int32(node))
		case e.Tier == "access" || f.Group == "access-radio" || f.Group == "access-fixed":
			from = append(from, int32(node))
		}
	}
	if len(from) == 0 || len(to) == 0 {
		res.Gaps = append(res.Gaps, fmt.Sprintf("no demand is stated, and there are %d access elements and %d of the core's user plane to assume one between", len(from), len(to)))
		return nil
	}
	weights := make([]weight, len(from))
	for i, node := range from {
		weights[i] = weight{node: node, bps: 1, subscribers: float64(max(s.Of(int(node)).Subscribers, 0))}
	}
	return []group{{targets: to, sources: weights}}
}

// spread divides a demand over its sources: by their traffic (subscribers)
// where all have it, else evenly; and by parts.
func spread(s *place.Snapshot, d *place.Demand, from []int32, parts int) []weight {
	list := make([]weight, len(from))
	divide := func(whole int64, of func(*place.Element) int64, put func(*weight, float64)) {
		if whole <= 0 {
			return
		}
		var all float64
		for _, node := range from {
			n := of(s.Of(int(node)))
			if n < 0 {
				all = 0
				break
			}
			all += float64(n)
		}
		for i, node := range from {
			share := 1 / float64(len(from))
			if all > 0 {
				share = float64(of(s.Of(int(node)))) / all
			}
			put(&list[i], float64(whole)*share/float64(parts))
		}
	}
	for i, node := range from {
		list[i].node = node
	}
	divide(d.Bps, func(e *place.Element) int64 { return e.Traffic }, func(w *weight, x float64) { w.bps = x })
	divide(d.Subscribers, func(e *place.Element) int64 { return e.Subscribers }, func(w *weight, x float64) { w.subscribers = x })
	return list
}
