package nrm

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein/place"
)

// Bounds on distinguished names: objects that are deep in each other would make
// many long ones of a short file.
const (
	maxName  = 4 << 10
	maxNames = 1 << 30 // bytes of all
)

// model is the file's objects by name, and which are elements.
type model struct {
	*reading
	names   []string         // distinguished names, "" for what has none
	named   map[string]int32 // objects by name, with and without the prefix
	holder  []int32          // the managed element that an object is, or is in; −1
	element []int32          // the element that an object is, or is in; −1
	unknown map[string]int   // managed elements of types that are no function
	lost    int              // end points of what is no element
}

func (r *reading) at(o int32) place.Origin {
	return place.Origin{Source: r.in.Source, Row: r.objects[o].row}
}

// rows makes rows of the objects.
func (r *reading) rows() {
	n := len(r.objects)
	m := &model{reading: r, names: make([]string, n), named: map[string]int32{}, holder: make([]int32, n), element: make([]int32, n), unknown: map[string]int{}}
	if !m.name() {
		return
	}
	m.elements()
	m.links()
	at := place.Origin{Source: r.in.Source}
	for _, kind := range slices.Sorted(maps.Keys(m.unknown)) {
		r.b.Gap(at, "managedElementTypeList", fmt.Sprintf("%q is no function of the vocabulary: the function of %d elements is not known (--map says it)", kind, m.unknown[kind]), false)
	}
	if m.lost > 0 {
		r.b.Gap(at, "", fmt.Sprintf("%d end points belong to no element of the file", m.lost), true)
	}
}

// name gives objects their names, and finds the parents of those in a flat list.
func (m *model) name() bool {
	size := 0
	for i := range m.objects {
		o := &m.objects[i]
		name := o.dn
		if name == "" && o.id != "" && o.class != "" {
			name = o.class + "=" + o.id
			if p := o.parent; p >= 0 && m.names[p] != "" {
				name = m.names[p] + "," + name
			}
		} else if name == "" && o.parent >= 0 {
			name = m.names[o.parent]
		}
		if size += len(name); size > maxNames || len(name) > maxName {
			m.b.Gap(m.at(int32(i)), "id", fmt.Sprintf("names longer than %d bytes, or %d of all: nothing of the file is taken", maxName, maxNames), true)
			return false
		}
		m.names[i] = name
		if o.dn != "" || o.id != "" && o.class != "" {
			if _, ok := m.named[name]; !ok {
				m.named[name] = int32(i)
			}
		}
	}
	for i := range m.objects {
		o := &m.objects[i]
		if o.dn == "" {
			continue
		}
		if o.class == "" { // the name says it, too
			last := o.dn[strings.LastIndexByte(o.dn, ',')+1:]
			o.class, _, _ = strings.Cut(last, "=")
		}
		if p := m.above(o.dn); p >= 0 {
			o.parent = p
		}
	}
	return true
}

// above is the object that a name lies below, −1 for none.
func (m *model) above(name string) int32 {
	for range maxDepth {
		i := strings.LastIndexByte(name, ',')
		if i < 0 {
			break
		}
		name = name[:i]
		if p, ok := m.named[name]; ok {
			return p
		}
	}
	return -1
}

// find is the object that a reference names, −1 for none.
func (m *model) find(ref string) int32 {
	ref = strings.TrimSpace(ref)
	for _, name := range []string{ref, strings.TrimPrefix(ref, m.prefix+","), strings.ReplaceAll(ref, ", ", ",")} {
		if o, ok := m.named[name]; ok {
			return o
		}
	}
	return -1
}

// id is the ID of an element: its distinguished name with the file's prefix.
func (m *model) id(o int32) string {
	if name := m.names[o]; name != "" && m.prefix != "" && m.objects[o].dn == "" {
		return m.prefix + "," + name
	}
	return m.names[o]
}

// up goes from an object to what it is in until found says yes; −1 for none.
func (m *model) up(o int32, found func(int32) bool) int32 {
	for range maxDepth {
		if o < 0 || found(o) {
			return o
		}
		o = m.objects[o].parent
	}
	return -1
}

func (m *model) elements() {
	is := make([]bool, len(m.objects)) // an element
	full := map[int32]bool{}           // managed elements with functions
	managed := func(o int32) bool { return strings.EqualFold(m.objects[o].class, "ManagedElement") }
	for i := range m.objects {
		o := int32(i)
		m.holder[i] = m.up(o, managed)
		if _, _, ok := function(m.objects[i].class, m.in.Map["role"]); ok {
			is[i] = true
			full[m.holder[i]] = true
		}
	}
	count := map[int32]int64{}
	for i := range m.objects {
		if managed(int32(i)) && !full[int32(i)] {
			is[i] = true
		}
	}
	for i := range m.objects {
		m.element[i] = m.up(int32(i), func(o int32) bool { return is[o] })
		if e := m.element[i]; e >= 0 && slices.Contains(cells, strings.ToLower(m.objects[i].class)) {
			count[e]++
		}
	}
	for i := range m.objects {
		if is[i] {
			m.add(int32(i), count)
		}
	}
}

// add adds the element that an object is.
func (m *model) add(i int32, count map[int32]int64) {
	o, at := &m.objects[i], m.at(i)
	if o.id == "" && o.dn == "" {
		m.b.Gap(at, "id", "an object of "+o.class+" has no id", true)
		return
	}
	holder := o
	if h := m.holder[i]; h >= 0 {
		holder = &m.objects[h]
	}
	either := func(names ...string) string { return cmp.Or(o.attr(names...), holder.attr(names...)) }
	e := place.NewElement(at)
	e.ID = m.b.Intern(m.id(i))
	e.Name = either("gnbduname", "gnbcuname", "enbname", "userlabel")
	e.Release = either("swversion")
	if name := either("vendorname"); name != "" {
		e.Vendor = m.b.Intern(cmp.Or(m.in.Map["maker"][name], place.VendorID(name)))
		if e.Vendor != "" {
			m.b.MentionVendor(place.Vendor{ID: e.Vendor, Name: name, At: at})
		}
	}
	m.site(&e, o, holder)
	nf, generation, ok := function(o.class, m.in.Map["role"])
	if ok {
		e.NF, e.Generation = nf, generation
	} else {
		m.types(&e, o)
	}
	if f, ok := place.FunctionOf(e.NF); ok && f.Group == "access-radio" {
		e.Access = "mobile"
		if n := count[i]; n > 0 {
			e.Cells = n
		}
	}
	m.b.Element(e)
	for _, ref := range append(o.all("managedby", "managedby.dn"), only(holder != o, holder.all("managedby", "managedby.dn"))...) {
		to := ref
		if k := m.find(ref); k >= 0 && m.element[k] >= 0 {
			to = m.id(m.element[k])
		} else {
			m.b.Mention(to, at)
		}
		if to != e.ID {
			m.b.Dependency(place.Dependency{From: e.ID, To: m.b.Intern(to), Kind: place.ManagedBy, At: at})
		}
	}
}

func only(ok bool, list []string) []string {
	if ok {
		return list
	}
	return nil
}

// types takes the function of a managed element without functions from its types.
func (m *model) types(e *place.Element, o *object) {
	list := o.all("managedelementtypelist", "managedelementtypelist.managedelementtype", "managedelementtype")
	for _, said := range list {
		for _, kind := range strings.FieldsFunc(said, func(r rune) bool { return r == ',' || r == ' ' }) {
			if to, ok := m.in.Map["role"][kind]; ok {
				kind = to
			}
			if f, ok := place.FunctionOf(kind); ok && e.NF == "" {
				e.NF = f.Name
			}
		}
	}
	if e.NF == "" {
		m.unknown[strings.Join(list, ", ")]++
	}
}

// site is where an element stands: locationName, or the site of its power and
// environment parameters.
func (m *model) site(e *place.Element, o, holder *object) {
	either := func(name string) string { return cmp.Or(o.attr(name), holder.attr(name)) }
	s := place.Site{ID: m.b.Intern(cmp.Or(either("locationname"), either("peeparameterslist.siteidentification"))), At: e.At}
	if s.ID == "" {
		return
	}
	lat, err1 := strconv.ParseFloat(either("peeparameterslist.sitelatitude"), 64)
	lon, err2 := strconv.ParseFloat(either("peeparameterslist.sitelongitude"), 64)
	if err1 == nil && err2 == nil && math.Abs(lat) <= 90 && math.Abs(lon) <= 180 {
		s.Lat, s.Lon, s.Located = int32(math.Round(lat*1e6)), int32(math.Round(lon*1e6)), true
	}
	m.b.MentionSite(s)
	e.Site = s.ID
}

// interfaces are the names of reference points that end points are called
// otherwise after, in small letters.
var interfaces = map[string]string{
	"ngc": "N2", "ngu": "N3", "s1u": "S1-U", "s1c": "S1-MME", "f1c": "F1-C", "f1u": "F1-U", "xnc": "Xn-C", "xnu": "Xn-U", "x2c": "X2-C", "x2u": "X2-U",
}

// point is an end point.
type point struct {
	object, element int32
	name            string
}

// links joins end points.
func (m *model) links() {
	var points []point
	local := map[netip.Addr][]point{}
	for i := range m.objects {
		class := m.objects[i].class
		if len(class) < 4 || !strings.EqualFold(class[:3], "EP_") {
			continue
		}
		name := class[3:]
		if len(name) > 3 && strings.EqualFold(name[:3], "RP_") {
			name = name[3:]
		}
		p := point{int32(i), m.element[i], cmp.Or(interfaces[strings.ToLower(name)], name)}
		if p.element < 0 {
			m.lost++
			continue
		}
		points = append(points, p)
		for _, a := range addresses(&m.objects[i], "localaddress") {
			local[a] = append(local[a], p)
		}
	}
	seen := map[string]bool{}
	for _, p := range points {
		far, why := m.far(p, local)
		if why != "" {
			m.b.Gap(m.at(p.object), m.objects[p.object].class, why, true)
			continue
		}
		a, b := m.id(p.element), m.id(far)
		l := place.NewLink(m.at(p.object))
		l.ID = m.b.Intern(strings.Join([]string{min(a, b), max(a, b), p.name}, "|"))
		if seen[l.ID] {
			continue
		}
		seen[l.ID] = true
		l.A, l.B, l.Layer, l.Interface = m.b.Intern(min(a, b)), m.b.Intern(max(a, b)), "logical", m.b.Intern(p.name)
		m.b.Link(l)
	}
}

// far is the element at the other end, or why there is none.
func (m *model) far(p point, local map[netip.Addr][]point) (int32, string) {
	o := &m.objects[p.object]
	refs := o.all("farendentity", "farendneib")
	for _, ref := range refs {
		if k := m.find(ref); k >= 0 && m.element[k] >= 0 && m.element[k] != p.element {
			return m.element[k], ""
		}
	}
	remote := addresses(o, "remoteaddress")
	for _, a := range remote {
		found := int32(-1)
		for _, q := range local[a] {
			switch {
			case q.element == p.element || q.name != p.name:
			case found >= 0 && found != q.element:
				return 0, fmt.Sprintf("remote address %s is that of several elements", a)
			default:
				found = q.element
			}
		}
		if found >= 0 {
			return found, ""
		}
	}
	switch {
	case len(refs) > 0:
		return 0, fmt.Sprintf("the far end %.200q is no element of the file", refs[0])
	case len(remote) > 0:
		return 0, fmt.Sprintf("no end point of the file has the remote address %s", remote[0])
	}
	return 0, "it names no far end"
}

// addresses are the IP addresses of an end point: under ipv4Address and
// ipv6Address, or in the attribute itself.
func addresses(o *object, name string) (list []netip.Addr) {
	for _, said := range o.all(name, name+".ipv4address", name+".ipv6address", name+".ipaddress") {
		for _, s := range strings.FieldsFunc(said, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
			s, _, _ = strings.Cut(s, "/")
			if a, err := netip.ParseAddr(s); err == nil {
				list = append(list, a)
			}
		}
	}
	return list
}
