package unpack

import (
	"slices"

	"github.com/wardein/wardein"
)

// Measure and Extract may both tell of one damage: the first of a claim as a
// whole, the second of the bytes and the member that it met. A gap is listed
// once, at the innermost node and with the least bytes. This is decided in the
// walk, where a container's record and those of its regions come together.

// apart takes the gaps of regions, which stand in the record of the container
// that measured them, from its own. They are the region's: relative to it.
func apart(gaps []wardein.Gap) (own []wardein.Gap, ofRegions map[string][]wardein.Gap) {
	for _, g := range gaps {
		if g.Node == "" || g.Node != regionName(g.Off, g.Who) {
			if g.Node != "" {
				g.Node = cleanName(g.Node) // as it stands in a path
			}
			own = append(own, g)
			continue
		}
		if ofRegions == nil {
			ofRegions = map[string][]wardein.Gap{}
		}
		name := g.Node
		g.Node, g.Off = "", 0
		ofRegions[name] = append(ofRegions[name], g)
	}
	return own, ofRegions
}

// said leaves out what is said of a whole node where the same is said of a
// part of it, or was said before.
func said(gaps []wardein.Gap, size int64) []wardein.Gap {
	type words struct {
		who, why string
		kind     wardein.GapKind
	}
	heard := map[words]bool{}
	whole := func(g *wardein.Gap) bool { return g.Node == "" && g.Off == 0 && (g.Len == 0 || g.Len == size) }
	for i := range gaps {
		if g := &gaps[i]; !whole(g) {
			heard[words{g.Who, g.Why, g.Kind}] = true
		}
	}
	return slices.DeleteFunc(gaps, func(g wardein.Gap) bool {
		w := words{g.Who, g.Why, g.Kind}
		again := whole(&g) && heard[w]
		heard[w] = true
		return again
	})
}
