package component

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// linkage is what a file of a product's own loads, and what it is loaded as.
type linkage struct {
	products []*product
	soname   string
	needed   []string
}

// linked keeps the linkage of a file that is one of some products.
func (f *fuser) linked(at string, elf wardein.Fact, own []*product) {
	if len(own) > 0 && elf.Kind != "" {
		f.links[at] = linkage{own, elf.Attr("soname"), strings.Fields(elf.Attr("needed"))}
	}
}

// maxProviders bounds the components and roots that one name of a library
// stands for.
const maxProviders = 64

// need fills in which component loads which: a program's own files name
// libraries, and a component is found by a library's soname or base name in
// the same root file system; one that stands in another is taken where there
// is no other of that name. A copy that is linked into a file loads nothing.
func (f *fuser) need(list []wardein.Component) {
	type provider struct {
		component int
		root      string
	}
	by := map[string][]provider{}
	files := make([][]string, len(list))
	for i := range list {
		for _, s := range list[i].Seen {
			l, ok := f.links[s.Quote.Node]
			if !ok || slices.Contains(files[i], s.Quote.Node) || !slices.ContainsFunc(l.products, func(p *product) bool { return p.Name == list[i].Name }) {
				continue
			}
			files[i] = append(files[i], s.Quote.Node)
			p := provider{i, rootOf(s.Quote.Node)}
			for _, name := range slices.Compact([]string{baseName(s.Quote.Node), l.soname}) {
				if name != "" && len(by[name]) < maxProviders && !slices.Contains(by[name], p) {
					by[name] = append(by[name], p)
				}
			}
		}
	}
	for i := range list {
		c := &list[i]
		asked := map[[2]string]bool{} // root and name
		for _, at := range files[i] {
			for _, name := range f.links[at].needed {
				if asked[[2]string{rootOf(at), name}] {
					continue
				}
				asked[[2]string{rootOf(at), name}] = true
				all, here := by[name], by[name][:0:0]
				for _, p := range all {
					if p.root == rootOf(at) {
						here = append(here, p)
					}
				}
				if len(here) == 0 && len(all) == 1 {
					here = all
				}
				for _, p := range here {
					if ref := (wardein.ComponentRef{Name: list[p.component].Name, Version: list[p.component].Version}); p.component != i {
						c.Needs = append(c.Needs, ref)
					}
				}
			}
		}
		slices.SortFunc(c.Needs, func(a, b wardein.ComponentRef) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
		})
		c.Needs = slices.Compact(c.Needs)
	}
}

// maxRights bounds the licences that are named of one package.
const maxRights = 16

// rights reads a Debian package's copyright file ("Machine-readable
// debian/copyright file", version 1.0): the short names of its licences.
func (m *reader) rights(line string, off int64) {
	name, ok := strings.CutPrefix(line, "License:")
	name = strings.TrimSpace(name)
	if !ok || name == "" || len(name) > 64 {
		return
	}
	if len(m.named) == 0 {
		m.name(line, off)
	}
	if len(m.named) == maxRights {
		return
	}
	if strings.ContainsAny(name, " ,") { // "GPL-2+ or Artistic"
		name = "(" + name + ")"
	}
	if !slices.Contains(m.named, name) {
		m.named = append(m.named, name)
	}
}

func (m *reader) stateRights() {
	if len(m.named) > 0 {
		slices.Sort(m.named)
		m.out(wardein.Fact{Kind: "license", Off: m.off, Len: m.n, Attrs: []wardein.Note{note("license", strings.Join(m.named, " AND "))}})
	}
}

// docs is where Debian's packages say their licences: docs/PACKAGE/copyright.
const docs = "/usr/share/doc/"

// licensed takes in what a copyright file says of the package of its folder.
func (f *fuser) licensed(at string, x wardein.Fact) {
	root, rest, ok := strings.Cut("/"+at, docs)
	if name, file, _ := strings.Cut(rest, "/"); ok && file == "copyright" {
		f.rights[strings.TrimPrefix(root, "/")+docs+name] = x.Attr("license")
	}
}

// license is what is stated about a package's licence.
func (f *fuser) license(d *declared) string {
	if d.License == "" && d.System == "dpkg" {
		return f.rights[rootOf(d.Quote.Node)+docs+d.Package]
	}
	return d.License
}
