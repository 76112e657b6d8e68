package plan

import (
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/wardein/wardein/place"
)

// Inventory is a region's equipment in numbers, with their sources: what
// published figures are set beside. It is the same for every claim about it.
type Inventory struct {
	ID, Title string
	// Regions is in how many the work is divided.
	Regions int
	Groups  []struct {
		NF, Generation string
		Count          int64
		// Leaving is the share of the vendors concerned, in parts per million,
		// Others how the rest is divided.
		Leaving        int64
		Others         []int64
		Installed      [2]place.Date
		Source, Status string
	}
}

// Inventories are those that the program brings along.
var Inventories = sync.OnceValues(func() (list []*Inventory, err error) {
	f, err := data.Open("data/inventories/all.yaml")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil {
		return nil, err
	}
	for _, in := range list {
		for _, g := range in.Groups {
			sum := g.Leaving
			for _, o := range g.Others {
				sum += o
			}
			if g.Source == "" || g.Status == "" || sum != 1_000_000 || g.Count < 1 || in.Regions < 1 || g.Installed[0] == 0 || g.Installed[1] <= g.Installed[0] {
				return nil, fmt.Errorf("inventory %s: want count, shares that sum up to 1000000, years, source, status", in.ID)
			}
		}
	}
	return list, nil
})

// inventoryOf finds an inventory by ID.
func inventoryOf(id string) (*Inventory, error) {
	list, err := Inventories()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(list, func(in *Inventory) bool { return in.ID == id }); i >= 0 {
		return list[i], nil
	}
	return nil, fmt.Errorf("no inventory %q", id)
}

// Leaving is the vendor of what is to be replaced in an Inventory's network.
const Leaving = "leaving"

// inventoryElements is how many elements an inventory's network has at most.
const inventoryElements = 6000

// Network is the inventory as a network, and for how many each of its elements
// stands (Options.Each). Nothing in it is drawn by chance: vendors, years and
// regions are spread evenly.
func (in *Inventory) Network() (*place.Network, int64) {
	each := int64(1)
	for _, g := range in.Groups {
		each = max(each, (g.Count*int64(len(in.Groups))+inventoryElements-1)/inventoryElements)
	}
	b := place.NewBuilder()
	at := place.Origin{Source: b.Source(place.Source{Name: "inventory " + in.ID})}
	op := b.Operator()
	op.Name = in.Title
	sites := map[string]bool{}
	for _, g := range in.Groups {
		n := g.Count / each
		for i := range n {
			// A fraction that visits every part of the range evenly, whatever the
			// order (van der Corput's sequence, base 2).
			at1e6 := int64(corput(uint64(i)) * 1e6)
			vendor, edge := Leaving, g.Leaving
			for k := 0; at1e6 >= edge && k < len(g.Others); k++ {
				vendor, edge = fmt.Sprintf("staying-%d", k+1), edge+g.Others[k]
			}
			site := fmt.Sprintf("site-%06d", i)
			if !sites[site] {
				sites[site] = true
				s := place.Site{ID: site, Region: fmt.Sprintf("region-%03d", i%int64(in.Regions)), At: at}
				b.Site(s)
			}
			e := place.NewElement(at)
			e.ID, e.Site, e.NF, e.Generation, e.Tier = fmt.Sprintf("%s-%06d", g.NF, i), site, g.NF, g.Generation, "access"
			e.Vendor, e.Synthetic = vendor, true
			e.Installed = g.Installed[0].Add(int(int64(g.Installed[1]-g.Installed[0]) * i / max(n, 1)))
			b.Element(e)
		}
	}
	return b.Finish(), each
}

func corput(n uint64) (x float64) {
	for scale := 0.5; n > 0; n, scale = n/2, scale/2 {
		x += float64(n%2) * scale
	}
	return x
}
