package component

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"github.com/wardein/wardein/exe"
)

// debianSymbols holds fingerprints of libraries' exported names; made by
// bench/components/run symbols.
//
//go:embed data/symbols.txt
var debianSymbols string

// release is one known release of a library.
type release struct {
	source, version string
	print           uint64
}

// releases are the known ones by soname.
var releases = sync.OnceValue(func() map[string][]release {
	m := map[string][]release{}
	for line := range strings.Lines(debianSymbols) {
		f := strings.Fields(line)
		if len(f) != 4 {
			continue
		}
		if v, err := strconv.ParseUint(f[3], 16, 64); err == nil {
			m[f[0]] = append(m[f[0]], release{f[1], f[2], v})
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

// fingerprint states the releases that export exactly this file's names,
// where the known releases of the library differ in them at all: names that
// never change tell no version.
func (f *file) fingerprint(soname string) {
	list := releases()[soname]
	if len(list) < 2 {
		return
	}
	differ := false
	for _, r := range list[1:] {
		differ = differ || r.print != list[0].print
	}
	if !differ {
		return
	}
	print := Fingerprint(f.symbols)
	for _, r := range list {
		if print != 0 && r.print == print {
			f.state("symbols", 0, f.exe.HeaderSize, note("source", r.source), note("version", r.version))
		}
	}
}
