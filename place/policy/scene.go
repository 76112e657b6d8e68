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
	makers   map[[2]int][]string   // of two vendors
	links    map[string][][]string // of a kind of dependency, by node
	reach    [][]int32             // by node, the lines of the access register that let somebody reach it
	anyone   bool                  // a line of it names nobody knows what

	key   []byte // of eval, kept for its memory
	fault error  // what is wrong with a predicate
}

func newScene(p *Pack, s *place.Snapshot, e *Evidence) *scene {
	out := &scene{Snapshot: s, pack: p, evidence: e, lists: map[string]ref.Val{}, inLayers: map[string][]string{}, links: map[string][][]string{}, makers: map[[2]int][]string{}}
	for name := range p.Lists {
		out.lists[name] = types.NewStringList(types.DefaultTypeAdapter, p.listed(name, s.Date))
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

// linked are the makers of what an element depends on in one way. Where no file
// says that it does, it is empty, but for what manages it: something does. Where
// one of them has unknown makers it is not known.
func (s *scene) linked(kind string, node int) []string {
	lists, ok := s.links[kind]
	if !ok {
		lists = make([][]string, s.Nodes())
		var open []int
		for _, i := range s.Dependencies {
			d := &s.Network.Dependencies[i]
			if d.Kind != kind {
				continue
			}
			from, to := s.Parts(d)
			if of := makers(s, to); of != nil {
				lists[from] = append(lists[from], of...)
			} else {
				open = append(open, from)
			}
		}
		for i := range lists {
			if lists[i] == nil && kind != place.ManagedBy {
				lists[i] = []string{}
			}
			slices.Sort(lists[i])
			lists[i] = slices.Compact(lists[i])
		}
		for _, node := range open {
			lists[node] = nil
		}
		s.links[kind] = lists
	}
	return lists[node]
}

// access is a fact of those lines of the access register that let somebody reach
// an element. Without a register it is not known, nor where a line does not say.
func (s *scene) access(node int, of func(*place.Access) string) []string {
	if len(s.Network.Access) == 0 {
		return nil
	}
	if s.reach == nil {
		s.reach = make([][]int32, s.Nodes())
		for _, i := range s.Access {
			nodes, err := s.Select(s.Network.Access[i].Scope)
			s.anyone = s.anyone || err != nil
			for _, n := range nodes {
				s.reach[n] = append(s.reach[n], i)
			}
		}
	}
	if s.anyone {
		return nil
	}
	list := []string{}
	for _, i := range s.reach[node] {
		value := of(&s.Network.Access[i])
		if value == "" {
			return nil
		}
		list = append(list, value)
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
