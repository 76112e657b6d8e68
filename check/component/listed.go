package component

import (
	"cmp"
	_ "embed"
	"strings"
	"sync"

	"github.com/wardein/wardein/internal/lazy"
)

// debianNames is made by bench/components/run names.
//
//go:embed data/names.txt
var debianNames string

// debianPrograms likewise.
//
//go:embed data/programs.txt
var debianPrograms string

// listing tells the source package by the binary package's name.
type listing struct {
	exact map[string]string
	stems map[string]string // a library's name without its number; "" for several
	// programs are those that are not called as their package is
	programs map[string]string
}

var listed = sync.OnceValue(func() *listing {
	l := &listing{map[string]string{}, map[string]string{}, map[string]string{}}
	for line := range strings.Lines(debianNames) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		for _, p := range f {
			l.exact[p] = f[0]
			if s := strings.TrimRight(p, "0123456789.-"); strings.HasPrefix(p, "lib") && s != p {
				if old, ok := l.stems[s]; ok && unnumbered(old) != unnumbered(f[0]) {
					l.stems[s] = ""
				} else if !ok || old != "" {
					l.stems[s] = f[0]
				}
			}
		}
	}
	for line := range strings.Lines(debianPrograms) {
		if f := strings.Fields(line); len(f) > 0 && f[0] != "#" {
			for _, p := range f[1:] {
				l.programs[p] = f[0]
			}
		}
	}
	return l
})

var series = lazy.Regexp(`(?:-dfsg|-?\d+(?:\.\d+)+|-\d+)$`)

// unnumbered is a source package's name without the series that Debian keeps
// apart: lua5.4, gcc-12.
func unnumbered(s string) string { return series().ReplaceAllString(s, "") }

// libraryPackage is the name that Debian's policy (8.1) gives to the package
// of a library: libjansson4 of libjansson.so.4, libfoo2-1 of libfoo2.so.1,
// libdb5.3 of libdb-5.3.so.
func libraryPackage(soname string) string {
	s := strings.ToLower(strings.ReplaceAll(soname, "_", "-"))
	name, version, ok := strings.Cut(s, ".so.")
	if !ok {
		name, ok = strings.CutSuffix(s, ".so")
		if !ok {
			return ""
		}
		return name
	}
	if digit(name[len(name)-1]) {
		name += "-"
	}
	return name + version
}

// listed names the product of a library or program that has no entry of its
// own in the data, by the names of packages in Debian's archive.
func (d *database) listed(soname, base string) *product {
	l, src := listed(), ""
	library := soname
	if library == "" {
		library = base
	}
	// What is called .so and not lib is a plug-in, named by what it plugs in.
	if i := strings.Index(library, ".so"); i > 0 {
		if !strings.HasPrefix(library, "lib") {
			return nil
		}
		p := libraryPackage(library)
		src = l.exact[p]
		if src == "" {
			src = l.exact[strings.Replace(p, "-", "", 1)]
		}
		if src == "" {
			src = l.stems[strings.TrimRight(strings.ToLower(strings.ReplaceAll(library[:i], "_", "-")), "0123456789.-")]
		}
	} else if soname == "" && base != "" {
		for _, s := range shorter(base) {
			if src = cmp.Or(l.exact[strings.ToLower(s)], l.programs[s]); src != "" {
				break
			}
		}
	}
	if src == "" {
		return nil
	}
	name := unnumbered(src)
	if p := d.byAlias[src]; p != nil {
		return p
	}
	if p := d.byAlias[name]; p != nil {
		return p
	}
	p := &product{Name: name, PURL: "pkg:generic/" + name}
	if strings.Contains(library, ".so") {
		p.Sonames = []string{library}
	} else {
		p.Files = []string{library}
	}
	return p
}
