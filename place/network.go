package place

import "slices"

// Unknown is the value of a count that no file gave.
const Unknown = -1

// Network is one operator's equipment and what it carries, now and on other
// days. Its lists are sorted by ID and, for an element that is replaced by
// another of the same ID, by when they stand; names in them are resolved
// (Builder.Finish), and nothing in them changes afterwards.
type Network struct {
	Operator     Operator
	Vendors      []Vendor
	Sites        []Site
	Elements     []Element
	Links        []Link
	Demands      []Demand
	Dependencies []Dependency // sorted by From, Kind, To
	Access       []Access
	// Sources are the files that facts came from.
	Sources []Source
	// Gaps are rows that could not be taken and names that lead nowhere, in the
	// order of files and rows.
	Gaps []Gap

	ids  []string
	over map[overKey]Origin
}

// Operator is who runs the network, with what rules ask of him.
type Operator struct {
	Name, Country string
	// Turnover is in units of Currency a year, Unknown where it is not given.
	Turnover int64
	// Currency is that of all amounts of the network, as ISO 4217 names it.
	Currency string
	// Facts are further facts by name ("dvd_provider", "federal_contractor"),
	// sorted by name.
	Facts []Fact
}

// Fact is a named value that no field holds.
type Fact struct{ Name, Value string }

// Vendor is a maker of hardware or software.
type Vendor struct {
	ID, Name string
	// Group is the group of companies, Country that of control (ISO 3166-1
	// alpha-2), as the source named in Source says.
	Group, Country string
	// Synthetic marks a label that a generator drew.
	Synthetic bool
	At        Origin
}

// Site is a place with elements.
type Site struct {
	ID, Name, Country, Region, Type string
	// Lat and Lon are in millionths of a degree, north and east; Located tells
	// that they are given.
	Lat, Lon int32
	Located  bool
	// Sensitive says what makes the site or its surroundings sensitive
	// ("military", "government", "nuclear"), "none" that somebody looked and
	// nothing does; "" is not known.
	Sensitive string
	// Power and Fibre are the groups of sites that share supply or ducts.
	Power, Fibre string
	Span
	At Origin
}

// Element is one piece of equipment or one network function.
type Element struct {
	ID, Name, Site string
	// NF is the function in the vocabulary of Functions ("UPF", "gNB").
	NF string
	// Tier is the level of the hierarchy: "core", "regional", "metro", "access".
	Tier string
	// Generation is "2G" to "5G" for mobile equipment; Access is what kind of
	// access it serves: "mobile", "fttp", "fttc", "cable", "fixed-wireless".
	Generation, Access, Band string
	// Vendor made the hardware, Software the software; Software is Vendor's
	// where it is not given.
	Vendor, Software string
	Product, Release string
	// Procured is when it was ordered, Installed when it went into service,
	// Removal when it is planned to be taken out, EOL when its maker ends support.
	Procured, Installed, Removal, EOL Date
	// Book is what it stands in the books with, in units of the currency.
	Book                                  int64
	Critical                              Truth // by the operator's own judgement
	Notified, Declared, Approved, Trusted Truth // towards an authority: notice given, guarantee declared, use approved, source trusted
	ExportRule                            Truth // its supply is affected by an export rule
	// Certificates are "SCHEME ID", separated by ';'; "none" is none.
	Certificates string
	// ManagedOrg runs it, from ManagedCountry; its staff sits in StaffCountry.
	ManagedOrg, ManagedCountry, StaffCountry string
	// Premises, Cells, Subscribers are counts, Traffic is busy-hour bit/s.
	Premises, Cells, Subscribers, Traffic int64
	// Facts are further facts by name, sorted.
	Facts     []Fact
	Synthetic bool // vendor or function was drawn by a generator
	Span
	At Origin

	node, site, vendor, software int32
}

// Layer of a Link: "L1", "L2", "L3", "logical". Encryption: "none", "macsec"
// (hop by hop), "ipsec", "tls" (over what lies between), "" not known.
type Link struct {
	ID, A, B string // elements
	Layer    string
	// Interface names a logical link ("N3", "S1-U", "O&M").
	Interface, Medium, Encrypted string
	// Capacity is in bit/s, Cost is the routing metric, 1 where none is given.
	Capacity, Cost int64
	Span
	At Origin

	a, b int32
}

// Demand is traffic between groups of elements. Source and Target are selectors
// (see Select).
type Demand struct {
	ID, Source, Target string
	// Class is "user", "signalling", "management", "interception", "emergency".
	Class string
	// Bps is busy-hour bit/s of the whole group, spread over its members by
	// their Traffic where all have it, else evenly; so are Subscribers.
	Bps, Subscribers int64
	// Split says how it spreads over targets: "nearest" or "equal".
	Split string
	Span
	At Origin
}

// Kinds of Dependency.
const (
	ManagedBy  = "managed-by"  // an EMS or OSS that can change or stop it
	RunsOn     = "runs-on"     // the host or hypervisor below a function
	AnchoredOn = "anchored-on" // the 4G element that a non-standalone 5G element needs
	TimedBy    = "timed-by"    // where its time comes from
	PoweredBy  = "powered-by"
)

// Dependency says that an element needs another.
type Dependency struct {
	From, To, Kind string
	Span
	At Origin

	from, to int32
}

// Access is one line of the access register: who may reach which elements from
// where with what.
type Access struct {
	Organisation, Country string
	// Scope selects elements (see Select); Way is "on site", "remote",
	// "remote update", "managed service".
	Scope, Way, Tool string
	Span
	At Origin
}

// Source is a file that facts came from.
type Source struct {
	Name string
	// Date is of what age its facts are, 0 where it does not say.
	Date Date
	// Digest is the SHA-256 of its bytes, in hexadecimal.
	Digest string
}

// Origin is where a fact stands: the index of its source, and its row, from 1,
// or 0 where the file has no rows.
type Origin struct {
	Source int32
	Row    int32
}

// Gap is a row or a value that could not be taken, or a name that leads nowhere.
type Gap struct {
	File        string
	Row         int
	Column, Why string
	// Dropped tells that the whole row is not in the network; else the one
	// value is unknown.
	Dropped bool
}

// Nodes is how many elements there are, versions of one ID counted once. The
// graph's nodes are these, in the order of IDs, on every date.
func (n *Network) Nodes() int { return len(n.ids) }

// ID is the ID of a node.
func (n *Network) ID(node int) string { return n.ids[node] }

// Node is the node of an ID, −1 where there is none.
func (n *Network) Node(id string) int {
	if i, ok := slices.BinarySearch(n.ids, id); ok {
		return i
	}
	return -1
}

// NodeOf is the node that an element is a version of.
func (n *Network) NodeOf(e *Element) int { return int(e.node) }

// VendorOf is the index of the vendor of an element's hardware, −1 where it is
// not known; SoftwareOf that of its software, SiteOf that of its site.
func (n *Network) VendorOf(e *Element) int { return int(e.vendor) }

// SoftwareOf is VendorOf where no other is said.
func (n *Network) SoftwareOf(e *Element) int { return int(e.software) }

// SiteOf is the index of an element's site, −1 where it is not known.
func (n *Network) SiteOf(e *Element) int { return int(e.site) }

// Ends are the nodes of a link.
func (n *Network) Ends(l *Link) (a, b int) { return int(l.a), int(l.b) }

// Parts are the nodes of a dependency.
func (n *Network) Parts(d *Dependency) (from, to int) { return int(d.from), int(d.to) }
