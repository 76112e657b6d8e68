// Package gen draws synthetic networks: the hierarchy of an operator with core,
// regional, metro and access sites, mobile and fixed access, systems that manage
// them, and demands. The same numbers give the same network on every machine.
// Vendors have fictitious names, and every label is marked as drawn.
package gen

import (
	"fmt"
	"math/rand/v2"

	"github.com/wardein/wardein/place"
)

// Options say what to draw.
type Options struct {
	// Elements is how many elements there are, 100 to 4,000,000.
	Elements int
	Seed     uint64
}

// Vendors are the fictitious vendors: name, country of control (fictitious
// codes of ISO 3166-1's range for users), and share of the elements in percent.
var vendors = []struct {
	id, country string
	share       int
}{{"alder", "XA", 31}, {"birch", "XB", 27}, {"cedar", "XC", 19}, {"dogwood", "XA", 14}, {"elm", "XD", 9}}

var regions = []string{"north", "east", "south", "west", "centre", "islands"}

type drawing struct {
	b  *place.Builder
	r  *rand.Rand
	at place.Origin
	n  [5]int // first element of each tier, and the end
}

// Network draws a network.
func Network(o Options) (*place.Network, error) {
	if o.Elements < 100 || o.Elements > 4_000_000 {
		return nil, fmt.Errorf("%d elements: want 100 to 4,000,000", o.Elements)
	}
	d := &drawing{b: place.NewBuilder(), r: rand.New(rand.NewPCG(o.Seed, 0x77617264))}
	d.at = place.Origin{Source: d.b.Source(place.Source{Name: fmt.Sprintf("gen network -n %d --seed %d", o.Elements, o.Seed)})}
	op := d.b.Operator()
	op.Name, op.Country, op.Turnover, op.Currency = "examplenet", "XX", int64(o.Elements)*40_000, "EUR"
	op.Facts = append(op.Facts, place.Fact{Name: "inventory_date", Value: "2026-01-01"}) // no element is younger
	for _, v := range vendors {
		d.b.Vendor(place.Vendor{ID: v.id, Name: v.id, Group: v.id, Country: v.country, Synthetic: true, At: d.at})
	}
	core := min(24, o.Elements/10)
	d.n = [5]int{0, core, core + max(o.Elements/500, 4), core + max(o.Elements/500, 4) + max(o.Elements/40, 8), o.Elements}
	for i := range o.Elements {
		d.element(i)
	}
	d.links()
	for _, c := range []struct {
		id, nf, tier string
		bps          int64
	}{{"mobile", "access-radio", "access", 40_000_000}, {"fixed", "access-fixed", "access", 90_000_000}} {
		d.b.Demand(place.Demand{ID: c.id, Source: "group " + c.nf, Target: "nf UPF", Class: "user", Bps: int64(o.Elements) * c.bps, Subscribers: int64(o.Elements) * 300, Split: "nearest", At: d.at})
	}
	d.b.Demand(place.Demand{ID: "management", Source: "tier access", Target: "nf EMS", Class: "management", Bps: int64(o.Elements) * 10_000, Subscribers: 0, Split: "nearest", At: d.at})
	d.b.Access(place.Access{Organisation: "alder field services", Country: "XA", Scope: "vendor alder", Way: "remote", Tool: "jump host", At: d.at})
	d.b.Access(place.Access{Organisation: "examplenet", Country: "XX", Scope: "all", Way: "on site", At: d.at})
	return d.b.Finish(), nil
}

// tier is the tier of an element: 0 core, 1 regional, 2 metro, 3 access.
func (d *drawing) tier(i int) int {
	for t := 1; ; t++ {
		if i < d.n[t] {
			return t - 1
		}
	}
}

func (d *drawing) id(i int) string {
	return fmt.Sprintf("%s-%07d", [...]string{"core", "reg", "met", "acc"}[d.tier(i)], i)
}

func (d *drawing) vendor() string {
	k := d.r.IntN(100)
	for _, v := range vendors {
		if k -= v.share; k < 0 {
			return v.id
		}
	}
	return ""
}

var coreFunctions = []string{"UPF", "AMF", "UPF", "SMF", "UDM", "EMS", "MME", "PGW", "LI-MDF", "core-router", "core-router", "EMS"}

func (d *drawing) element(i int) {
	tier := d.tier(i)
	e := place.NewElement(d.at)
	e.ID = d.id(i)
	e.Tier = place.Tiers[tier]
	e.Vendor = d.vendor()
	e.Synthetic = true
	e.Procured = place.Day(2014, 1, 1).Add(d.r.IntN(11 * 365))
	e.Installed = e.Procured.Add(60 + d.r.IntN(200))
	e.EOL = e.Installed.AddMonths(12 * (7 + d.r.IntN(5)))
	e.Release = fmt.Sprintf("%d.%d", 1+d.r.IntN(9), d.r.IntN(10))
	// Elements of the access tier stand three to a site.
	first := i
	if tier == 3 {
		first = d.n[3] + (i-d.n[3])/3*3
	}
	e.Site = fmt.Sprintf("site-%07d", first)
	if first == i {
		d.newSite(e.Site, tier)
	}
	switch tier {
	case 0:
		e.NF = coreFunctions[i%len(coreFunctions)]
		e.Critical = place.Yes
	case 1:
		e.NF = "PE-router"
	case 2:
		e.NF = "aggregation-router"
	default:
		d.access(&e, i)
	}
	e.Product = e.Vendor + " " + e.NF
	e.Book = int64(5_000 + d.r.IntN(60_000))
	d.b.Element(e)
	if tier > 0 { // one of the managing systems; they are elements 5, 11, 17, 23 of the core
		ems := 5 + 6*(int(e.Vendor[0]-'a')%2)
		if ems < d.n[1] {
			d.b.Dependency(place.Dependency{From: e.ID, To: d.id(ems), Kind: place.ManagedBy, At: d.at})
		}
	}
}

// access draws a mobile or fixed access element. Every third 5G one needs the
// 4G one beside it.
func (d *drawing) access(e *place.Element, i int) {
	e.Subscribers = int64(50 + d.r.IntN(900))
	e.Traffic = e.Subscribers * int64(100_000+d.r.IntN(200_000))
	switch i % 5 {
	case 0, 2:
		e.NF, e.Generation, e.Access, e.Cells = "eNB", "4G", "mobile", int64(3+3*d.r.IntN(3))
	case 1, 3:
		e.NF, e.Generation, e.Access, e.Cells = "gNB", "5G", "mobile", int64(3+3*d.r.IntN(3))
		d.b.Dependency(place.Dependency{From: e.ID, To: d.id(i - 1), Kind: place.AnchoredOn, At: d.at})
	default:
		e.NF, e.Access, e.Premises = "OLT", "fttp", int64(400+d.r.IntN(8000))
	}
}

func (d *drawing) newSite(id string, tier int) {
	s := place.Site{ID: id, Country: "XX", Region: regions[d.r.IntN(len(regions))], Type: [...]string{"data centre", "exchange", "exchange", "mast"}[tier], Sensitive: "none", At: d.at}
	s.Lat, s.Lon, s.Located = int32(50_000_000+d.r.IntN(5_000_000)), int32(5_000_000+d.r.IntN(9_000_000)), true
	switch d.r.IntN(400) {
	case 0:
		s.Sensitive = "military"
	case 1:
		s.Sensitive = "government"
	}
	d.b.Site(s)
}

// links joins the tiers: the core in a full mesh, others to two of the tier
// above, regional ones to each other, half of the access to a second metro.
func (d *drawing) links() {
	pick := func(tier int) int { return d.n[tier] + d.r.IntN(d.n[tier+1]-d.n[tier]) }
	link := func(a, b int, cost, capacity int64, encrypted string) {
		if a != b {
			d.b.Link(place.Link{A: d.id(a), B: d.id(b), ID: fmt.Sprintf("l-%s-%s-%06x", d.id(a), d.id(b), d.r.Uint32()>>8), Layer: "L3", Medium: "fibre", Encrypted: encrypted, Cost: cost, Capacity: capacity, At: d.at})
		}
	}
	for v := range d.n[1] {
		for w := range v {
			link(v, w, 1, 400e9, "macsec")
		}
	}
	for v := d.n[1]; v < d.n[2]; v++ {
		link(v, pick(0), 10, 100e9, "macsec")
		link(v, pick(0), 10, 100e9, "macsec")
		link(v, pick(1), 20, 100e9, "none")
		link(v, pick(1), 20, 100e9, "none")
	}
	for v := d.n[2]; v < d.n[3]; v++ {
		how := [...]string{"ipsec", "none"}[d.r.IntN(2)]
		link(v, pick(1), 10, 10e9, how)
		link(v, pick(1), 10, 10e9, how)
	}
	for v := d.n[3]; v < d.n[4]; v++ {
		how := [...]string{"ipsec", "ipsec", "none"}[d.r.IntN(3)]
		link(v, pick(2), 10, 1e9, how)
		if d.r.IntN(100) < 53 {
			link(v, pick(2), 10, 1e9, how)
		}
	}
}
