package component

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// Bounds on versions of one product: so many are stated, and among so many is
// one chosen. A release has a few.
const (
	maxVersions = 64
	maxWeighed  = 1024
)

// choose keeps the candidates that stand. Rules show versions of their own,
// each; what is weaker is weighed, and only one version is left.
func (e *evidence) choose() (versions map[string][]candidate, rest []candidate) {
	best := rankNone
	for _, c := range e.list {
		if c.version != "" {
			best = min(best, c.rank)
		}
	}
	strong := map[string]bool{}
	if best <= rankGetter {
		for _, c := range e.list {
			if c.version != "" && c.rank == best {
				strong[c.version] = true
			}
		}
	} else if v := cmp.Or(e.weigh(best), e.weigh(rankSymbols)); v != "" {
		strong[v] = true
	}
	if len(strong) > maxVersions {
		for _, v := range slices.Sorted(maps.Keys(strong))[maxVersions:] {
			delete(strong, v)
		}
	}
	for v := range strong {
		for w := range strong {
			if shortened(v, w) {
				delete(strong, v)
			}
		}
	}
	// A library that says 1.1 and whose file is named by the release 1.1.2, or
	// whose names are that release's.
	for _, v := range slices.Sorted(maps.Keys(strong)) {
		longer := v
		for _, c := range e.list {
			if (c.rank == rankName || c.rank == rankSymbols) && shortened(v, c.version) && c.version > longer {
				longer = c.version
			}
		}
		delete(strong, v)
		strong[longer] = true
	}
	versions = map[string][]candidate{}
	for _, c := range e.list {
		if strong[c.version] {
			versions[c.version] = append(versions[c.version], c)
		} else {
			rest = append(rest, c)
		}
	}
	kept := rest[:0]
	for _, c := range rest {
		short := c.version == "" || c.rank == rankNone
		for v := range strong {
			short = short || shortened(c.version, v)
		}
		if short {
			kept = append(kept, c)
		}
	}
	return versions, kept
}

// linked tells whether a file needs one of the product's libraries: it was
// built against them, and a version text in it is that of their headers.
func (p *product) linked(needed []string) bool {
	for _, n := range needed {
		for _, s := range shorter(n) {
			if slices.Contains(p.Sonames, s) {
				return true
			}
		}
	}
	return false
}

// reaching are the libraries that need one of the product's, directly or
// through others of the release, and the product's own.
func (f *fuser) reaching(p *product) map[string]bool {
	if f.needers == nil {
		f.needers = map[string][]string{}
		for name, needed := range f.needed {
			for _, n := range needed {
				f.needers[n] = append(f.needers[n], name)
			}
		}
	}
	seen := map[string]bool{}
	var queue []string
	for n := range f.needers {
		if p.linked([]string{n}) {
			queue = append(queue, n)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		if n := queue[0]; !seen[n] {
			seen[n] = true
			queue = append(queue, f.needers[n]...)
		}
	}
	return seen
}

// drop takes out the texts of files that reach the product's library through
// other libraries: they name the headers' version. What stays is another
// version than the library's, which is a copy of its own.
func (f *fuser) drop(e *evidence) {
	if len(e.product.Sonames) == 0 {
		return
	}
	series := map[string]bool{}
	for _, c := range e.list {
		if c.needed == nil {
			series[seriesOf(c.version)] = true
		}
	}
	var reaching map[string]bool
	e.list = slices.DeleteFunc(e.list, func(c candidate) bool {
		if len(c.needed) == 0 || len(series) > 0 && !series[seriesOf(c.version)] {
			return false
		}
		if reaching == nil {
			reaching = f.reaching(e.product)
		}
		return e.product.linked(c.needed) || slices.ContainsFunc(c.needed, func(n string) bool { return reaching[n] })
	})
}

// seriesOf are the first two numbers of a version.
func seriesOf(v string) string {
	if p := strings.SplitN(v, ".", 3); len(p) == 3 {
		return p[0] + "." + p[1]
	}
	return v
}

// weigh adds up what files show of a version without a rule or getter, and
// returns the version that most speaks for, "" where two are level. A short
// number weighs little: of a product that only Debian's names tell it must
// stand in two files.
func (e *evidence) weigh(best int) string {
	weight := map[string]int{}
	counted := map[[2]string]int{}
	for _, c := range e.list {
		if c.version == "" || c.rank < best {
			continue
		}
		w := 3
		switch {
		case c.rank >= rankSymbols:
			if best < rankSymbols {
				continue
			}
			w = 1
		case c.rank == rankLone && c.sure == wardein.Possible:
			w = 1
		case c.rank == rankLone, c.rank == rankNamed && c.exact && strings.Count(c.version, ".") < 2:
			w = 2
		case c.rank == rankNamed && strings.Count(c.version, ".") < 2:
			w = 1
		}
		at := [2]string{c.path, c.version}
		weight[c.version] += max(0, w-counted[at])
		counted[at] = max(w, counted[at])
	}
	if len(weight) > maxWeighed {
		return ""
	}
	own := maps.Clone(weight)
	for v := range weight {
		for w := range weight {
			if shortened(v, w) {
				weight[w] += own[v]
			}
		}
	}
	most, level := "", false
	for v, n := range weight {
		switch {
		case n > weight[most]:
			most, level = v, false
		case n == weight[most]:
			level = true
		}
	}
	if level || e.product.file == "" && weight[most] < 2 && best < rankSymbols {
		return ""
	}
	return most
}

// shortened tells whether v is w said shorter: 2.4 of 2.4.9, 9.2 of 9.2p1.
func shortened(v, w string) bool {
	rest, ok := strings.CutPrefix(w, v)
	return ok && len(rest) > 1 && (rest[0] == '.' || rest[0] == 'p' || rest[0] == '-')
}
