package place

import (
	"strings"
	"unicode"
)

// mention is an element that a file names and says nothing of.
type mention struct {
	id string
	at Origin
}

// Mention says that there is an element, for files that name elements only as
// the ends of something. Where no file gives the element, one is made of which
// nothing is known. Case does not count: some tools write all names small.
func (b *Builder) Mention(id string, at Origin) {
	if id == "" || len(b.named) >= maxLinks {
		b.refuse(at, id, maxLinks)
		return
	}
	b.named = append(b.named, mention{id, at})
}

// MentionSite says that there is a site, for files that have no rows of sites.
// Where a file gives the site, or another mentions it first, that one stands.
func (b *Builder) MentionSite(s Site) {
	if s.ID == "" || len(b.sites) >= maxOthers {
		b.refuse(s.At, s.ID, maxOthers)
		return
	}
	b.sites = add(b.sites, s)
}

// MentionVendor is MentionSite for vendors.
func (b *Builder) MentionVendor(v Vendor) {
	if v.ID == "" || len(b.vendors) >= maxOthers {
		b.refuse(v.At, v.ID, maxOthers)
		return
	}
	b.vendors = add(b.vendors, v)
}

// onlyNamed makes the vendors and the sites that elements name where no file has
// any: an inventory may be one table of elements. Where there is a table, a name
// that is not in it is a gap.
func (b *Builder) onlyNamed() {
	n := &b.net
	if len(n.Vendors) == 0 {
		var named []Vendor
		for i := range n.Elements {
			for _, id := range []string{n.Elements[i].Vendor, n.Elements[i].Software} {
				if id != "" {
					named = append(named, Vendor{ID: id, Name: id, At: n.Elements[i].At})
				}
			}
		}
		n.Vendors = missing(n.Vendors, named, func(v *Vendor) string { return v.ID })
	}
	if len(n.Sites) == 0 {
		var named []Site
		for i := range n.Elements {
			if id := n.Elements[i].Site; id != "" {
				named = append(named, Site{ID: id, At: n.Elements[i].At})
			}
		}
		n.Sites = missing(n.Sites, named, func(s *Site) string { return s.ID })
	}
}

// missing adds the rows that are mentioned and not given.
func missing[T any](rows, mentioned []T, id func(*T) string) []T {
	if len(mentioned) == 0 {
		return rows
	}
	have := places(rows, id)
	for i := range mentioned {
		name := id(&mentioned[i])
		if _, ok := have[name]; !ok {
			have[name] = 0
			rows = append(rows, mentioned[i])
		}
	}
	return rows
}

// VendorID is the ID that a vendor's name is written with where a file has no
// IDs: in small letters, with '-' for what is no letter or digit.
func VendorID(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "-")
}

// mentioned makes the elements that are only named, and returns, by the names
// that are written otherwise, those of elements.
func (b *Builder) mentioned() map[string]string {
	if len(b.named) == 0 {
		return nil
	}
	exact, low := map[string]bool{}, map[string]string{}
	for i := range b.net.Elements {
		id := b.net.Elements[i].ID
		exact[id] = true
		if other, ok := low[strings.ToLower(id)]; ok && other != id {
			id = "" // two that differ in case alone: neither is meant for sure
		}
		low[strings.ToLower(b.net.Elements[i].ID)] = id
	}
	alias := map[string]string{}
	for _, m := range b.named {
		switch id := low[strings.ToLower(m.id)]; {
		case exact[m.id]:
		case id != "":
			alias[m.id] = id
		default:
			exact[m.id] = true
			e := NewElement(m.at)
			e.ID = m.id
			b.Element(e)
		}
	}
	return alias
}
