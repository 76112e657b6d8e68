package policy

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/wardein/wardein/place"
)

// Evidence is what proofs say of releases.
type Evidence struct{ Releases []Release }

// Release is a release of which there is evidence. An element is of it if its
// fact release_digest is Digest, or vendor, product and release are equal.
type Release struct {
	Digest                string
	Vendor, Product, Name string
	Bundle                bool             // a signed bundle that was verified
	Profiles              []string         // that it was found to meet
	Findings              map[string]int64 // by severity
	Score                 map[string]int64 // figures of the scorecard
	Opened, CodeRead      int64            // parts per million
	Source                place.Source

	told bool // by a fixture
}

func (v *Evidence) of(e *place.Element) *Release {
	if v == nil {
		return nil
	}
	digest := place.FactOf(e.Facts, "release_digest")
	for i := range v.Releases {
		r := &v.Releases[i]
		if digest != "" && r.Digest == digest || digest == "" && e.Release != "" && r.Vendor == e.Vendor && r.Product == e.Product && r.Name == e.Release {
			return r
		}
	}
	return nil
}

// scene is a network on a day as one pack sees it.
type scene struct {
	*place.Snapshot
	pack     *Pack
	evidence *Evidence
	lists    map[string]ref.Val
	inLayers map[string][]string   // of a function, the pack's layers
	links    map[string][][]string // of a kind of dependency, by node
	reach    []reach
}

// reach is a line of the access register with the elements it lets reach.
type reach struct {
	*place.Access
	nodes []int32
}

func newScene(p *Pack, s *place.Snapshot, e *Evidence) *scene {
	out := &scene{Snapshot: s, pack: p, evidence: e, lists: map[string]ref.Val{}, inLayers: map[string][]string{}, links: map[string][][]string{}}
	for name := range p.Lists {
		out.lists[name] = types.NewStringList(types.DefaultTypeAdapter, p.listed(name, s.Date))
	}
	for _, i := range s.Access {
		a := &s.Network.Access[i]
		nodes, err := s.Select(a.Scope)
		if err == nil {
			out.reach = append(out.reach, reach{a, nodes})
		}
	}
	return out
}

// listed are the names of a list on a day.
func (p *Pack) listed(name string, on place.Date) []string {
	names := []string{}
	for _, l := range p.Lists[name] {
		if (place.Span{From: l.From, To: l.To}).On(on) {
			names = append(names, l.Name)
		}
	}
	return names
}

// layersOf are the pack's layers that an element is in; nil where its function
// is not known.
func (s *scene) layersOf(e *place.Element) []string {
	if e.NF == "" {
		return nil
	}
	list, ok := s.inLayers[e.NF]
	if ok {
		return list
	}
	if f, known := place.FunctionOf(e.NF); known {
		list = []string{}
		for layer, entries := range s.pack.Layers {
			if slices.Contains(entries, "group "+f.Group) || slices.Contains(entries, "nf "+f.Name) {
				list = append(list, layer)
			}
		}
		slices.Sort(list)
	}
	s.inLayers[e.NF] = list
	return list
}

// linked are the makers of what an element depends on in one way. Where that has
// none it is empty; where one of them has unknown makers it is not known.
func (s *scene) linked(kind string, node int) []string {
	lists, ok := s.links[kind]
	if !ok {
		lists = make([][]string, s.Nodes())
		for i := range lists {
			lists[i] = []string{}
		}
		for _, i := range s.Dependencies {
			d := &s.Network.Dependencies[i]
			if d.Kind != kind {
				continue
			}
			from, to := s.Parts(d)
			if of := makers(s, to); of == nil || lists[from] == nil {
				lists[from] = nil
			} else {
				lists[from] = append(lists[from], of...)
			}
		}
		s.links[kind] = lists
	}
	return lists[node]
}

// access is a fact of those lines of the access register that let somebody reach
// an element. Without a register it is not known.
func (s *scene) access(node int, of func(*place.Access) string) []string {
	if len(s.Network.Access) == 0 {
		return nil
	}
	list := []string{}
	for _, r := range s.reach {
		if _, ok := slices.BinarySearch(r.nodes, int32(node)); ok && of(r.Access) != "" {
			list = append(list, of(r.Access))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Summary says in a few words what the evidence is.
func (r *Release) Summary() string {
	if !r.Bundle {
		return "no verified bundle"
	}
	return fmt.Sprintf("verified bundle: %d critical, %d high, %s of bytes opened", r.Findings["critical"], r.Findings["high"], Percent(r.Opened))
}
