package component

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wardein/wardein/exe"
)

// debianSymbols holds fingerprints of libraries' exported names with the
// numbers of their files; made by bench/components/run symbols.
//
//go:embed data/symbols.txt
var debianSymbols string

// release is one known release of a library.
type release struct {
	source, version string
	print           string
	number          string // behind ".so." in the file's name
	distros         string // of Debian, by number: "11,12"
}

// releases are the known ones by soname.
var releases = sync.OnceValue(func() map[string][]release {
	m := map[string][]release{}
	for line := range strings.Lines(debianSymbols) {
		f := strings.Fields(line)
		if len(f) == 6 {
			m[f[0]] = append(m[f[0]], release{f[1], f[2], f[3], f[4], f[5]})
		}
	}
	return m
})

// leastNames is how many exported names make a fingerprint.
const leastNames = 5

// Fingerprint is a digest over the set of names that a library exports: the
// sum of the names' digests. Names that begin with an underscore are left
// out: compilers and processors differ in them. 0 is no fingerprint.
func Fingerprint(symbols []exe.Symbol) uint64 {
	var sum uint64
	n := 0
	for i := range symbols {
		s := &symbols[i]
		if !s.Defined() || s.Name == "" || s.Name[0] == '_' {
			continue
		}
		h := uint64(14695981039346656037) // FNV-1a
		for k := range len(s.Name) {
			h = (h ^ uint64(s.Name[k])) * 1099511628211
		}
		h ^= h >> 29 // spread, so that sums of like names differ
		h *= 0xbf58476d1ce4e5b9
		sum += h ^ h>>32
		n++
	}
	if n < leastNames {
		return 0
	}
	return sum
}

// fingerprint states the fingerprint of a library of which releases are known.
func (f *file) fingerprint(soname string) {
	if len(releases()[soname]) == 0 {
		return
	}
	if print := Fingerprint(f.symbols); print != 0 {
		f.state("symbols", 0, f.exe.HeaderSize, note("print", fmt.Sprintf("%016x", print)))
	}
}

// releasedAs are the known releases of a library that export these names and
// whose file has this file's number. Where the image says which release of
// Debian it is (os-release), that one's counts. Else the library must be one
// whose every known release, three at least, has names or a number of its own:
// of others a release that is not known may look the same. Where the numbers
// are the releases themselves, this file's is its release, known or not.
func (d *database) releasedAs(p *product, soname, print, base, distro string) (versions []string) {
	number := ""
	if m := suffixed().FindStringSubmatch(base); m != nil {
		number = m[1]
	}
	debian, isDebian := strings.CutPrefix(distro, "debian ")
	named, looks, of := number != "", map[string]string{}, map[string]bool{}
	apart := true
	for _, r := range releases()[soname] {
		if name := unnumbered(r.source); name != p.Name && d.byAlias[name] != p && d.byAlias[r.source] != p {
			continue
		}
		named = named && r.number == r.version
		of[r.version] = true
		look := r.print + " " + r.number
		if v, ok := looks[look]; ok && v != r.version {
			apart = false
		}
		looks[look] = r.version
		if r.print != print || number != "" && r.number != number {
			continue
		}
		if isDebian && slices.Contains(strings.Split(r.distros, ","), debian) {
			return []string{r.version}
		}
		if !slices.Contains(versions, r.version) {
			versions = append(versions, r.version)
		}
	}
	switch {
	case named && len(of) > 1:
		return []string{number}
	case !apart || len(of) < 3:
		return nil
	}
	return versions
}
