package source

import (
	"cmp"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/bits"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/wardein/wardein"
)

// releasesData is written by bench/source.
//
//go:embed data/releases.bin
var releasesData []byte

// index finds files of known releases by hashes of their sketches.
type index struct {
	products []Product
	entries  []entry // in order of hashes
}

type entry struct {
	hash          uint32
	product, file int32
}

var knownReleases = sync.OnceValue(func() *index {
	x, err := newIndex(releasesData)
	if err != nil {
		panic(err) // the file is part of the program; a test reads it
	}
	return x
})

func newIndex(data []byte) (*index, error) {
	products, err := decode(data)
	if err != nil {
		return nil, err
	}
	x := &index{products: products}
	for i, p := range products {
		for k, f := range p.Files {
			var all []uint32
			for _, v := range f.Variants {
				all = append(all, v.Hashes...)
			}
			slices.Sort(all)
			for _, h := range slices.Compact(all) {
				x.entries = append(x.entries, entry{h, int32(i), int32(k)})
			}
		}
	}
	slices.SortFunc(x.entries, func(a, b entry) int { return cmp.Compare(a.hash, b.hash) })
	return x, nil
}

// A file is a known one from so many of the eight smallest hashes on that both
// have together: from five where their names are the same, else from six.
const (
	alikeNamed = 5
	alike      = 6
)

// match is a file of a release that is like a known one.
type match struct {
	wardein.Place
	product, file int
	in            uint64 // the releases that it is most like
	alike         int    // hashes of eight
	same          bool   // to the byte
	path          string // of the known file
	root          string // the folder that stands for the product's
}

// find is the known file that a file is most like.
func (x *index) find(p wardein.Place, sum wardein.Digest) (m match, ok bool) {
	b, err := hex.DecodeString(p.Attr("sketch"))
	if err != nil || len(b) != 4*sketchSize {
		return m, false
	}
	var own [sketchSize]uint32
	for i := range own {
		own[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	hits := map[[2]int32]int{}
	for _, h := range own {
		k, _ := slices.BinarySearchFunc(x.entries, h, func(e entry, h uint32) int { return cmp.Compare(e.hash, h) })
		for ; k < len(x.entries) && x.entries[k].hash == h; k++ {
			hits[[2]int32{x.entries[k].product, x.entries[k].file}]++
		}
	}
	prefix := binary.LittleEndian.Uint32(sum[:])
	name := path.Base(p.Node)
	best := -1
	for _, key := range slices.SortedFunc(maps.Keys(hits), func(a, b [2]int32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		if hits[key] < alikeNamed {
			continue
		}
		f := &x.products[key[0]].Files[key[1]]
		named := path.Base(f.Path) == name
		for _, v := range f.Variants {
			n := together(own[:], v.Hashes)
			score := 4*n + suffix(f.Path, p.Node)
			same := v.Sum == prefix && n == len(v.Hashes)
			if same {
				score += 100
			}
			if n < alike && !(named && n >= alikeNamed) || score < best {
				continue
			}
			if score == best && m.product == int(key[0]) {
				m.in |= v.In // one path of several that releases have it at
				continue
			}
			if score > best {
				best = score
				m = match{Place: p, product: int(key[0]), file: int(key[1]), in: v.In, alike: n, same: same, path: f.Path}
			}
		}
	}
	if best >= 0 {
		m.root = root(p.Node, m.path)
	}
	return m, best >= 0
}

// together counts the smallest hashes of both files together, as many as the
// known one has, that are in both.
func together(own, known []uint32) (n int) {
	for i, j, taken := 0, 0, 0; taken < len(known) && i < len(own) && j < len(known); taken++ {
		switch {
		case own[i] == known[j]:
			n++
			i++
			j++
		case own[i] < known[j]:
			i++
		default:
			j++
		}
	}
	return n
}

// suffix is how many components at their ends two paths have alike.
func suffix(a, b string) (n int) {
	for a != "" && b != "" {
		x, y := path.Base(a), path.Base(b)
		if x != y {
			break
		}
		n++
		a, b = strings.TrimSuffix(strings.TrimSuffix(a, x), "/"), strings.TrimSuffix(strings.TrimSuffix(b, y), "/")
	}
	return min(n, 3)
}

// root is a path without what it has in common with a known path at the end.
func root(p, known string) string {
	dir := path.Dir(p)
	if path.Base(p) != path.Base(known) {
		return dir
	}
	for k := path.Dir(known); k != "." && dir != "." && path.Base(k) == path.Base(dir); k = path.Dir(k) {
		dir = path.Dir(dir)
	}
	return dir
}

// clone is one copy of a product, or a part of one, below a folder.
type clone struct {
	product     int
	root        string
	files       map[int]bool // known ones that are there
	matches     []match
	same        int
	first, last int // releases
	of          int // files that the release has
}

// clones are the copies of known products among files, by product and folder.
func (x *index) clones(matches []match) []*clone {
	byRoot := map[int]map[string]*clone{}
	for _, m := range matches {
		if byRoot[m.product] == nil {
			byRoot[m.product] = map[string]*clone{}
		}
		c := byRoot[m.product][m.root]
		if c == nil {
			c = &clone{product: m.product, root: m.root, files: map[int]bool{}}
			byRoot[m.product][m.root] = c
		}
		c.matches = append(c.matches, m)
	}
	var all []*clone
	for _, i := range slices.Sorted(maps.Keys(byRoot)) {
		roots := byRoot[i]
		for _, r := range slices.Sorted(maps.Keys(roots)) {
			// A part below another copy of the product belongs to it: files move
			// between releases. One that has the same files again is a copy.
			own := roots[r]
			for _, m := range own.matches {
				own.files[m.file] = true
			}
			if up := above(roots, r); up != nil && !overlap(up, own) {
				up.matches = append(up.matches, own.matches...)
				maps.Copy(up.files, own.files)
				roots[r] = up
				continue
			}
			all = append(all, own)
		}
	}
	for _, c := range all {
		x.place(c)
	}
	return all
}

// above is the copy whose folder holds this one.
func above(roots map[string]*clone, r string) *clone {
	for d := path.Dir(r); d != "." && d != "/"; d = path.Dir(d) {
		if c := roots[d]; c != nil {
			return c
		}
	}
	return nil
}

// overlap tells whether most of b's files, and more than one, are in a.
func overlap(a, b *clone) bool {
	n := 0
	for f := range b.files {
		if a.files[f] {
			n++
		}
	}
	return n > 1 && 2*n > len(b.files)
}

// place says which releases a copy is most like: those that most of its files
// are most like.
func (x *index) place(c *clone) {
	p := &x.products[c.product]
	support := make([]int, len(p.Versions))
	for _, m := range c.matches {
		if m.same {
			c.same++
		}
		for in := m.in; in != 0; in &= in - 1 {
			if v := bits.TrailingZeros64(in); v < len(support) {
				support[v]++
			}
		}
	}
	most := slices.Max(support)
	c.first = slices.Index(support, most)
	for v, n := range support {
		if n == most {
			c.last = v
		}
	}
	for _, f := range p.Files {
		for _, v := range f.Variants {
			if v.In>>c.last&1 == 1 {
				c.of++
				break
			}
		}
	}
	c.of = max(c.of, 1)
}

// size says how much of a product a copy is.
func (c *clone) size() string {
	n := min(len(c.files), c.of)
	switch {
	case 10*n >= 9*c.of:
		return "full"
	case 10*n >= c.of:
		return "partial"
	}
	return "fragment"
}

// tell draws one finding for each product.
func (x *index) tell(all []*clone, out func(wardein.Finding)) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].product == all[0].product {
			n++
		}
		out(x.finding(all[:n]))
		all = all[n:]
	}
}

func (x *index) finding(list []*clone) wardein.Finding {
	slices.SortStableFunc(list, func(a, b *clone) int { return cmp.Compare(len(b.files), len(a.files)) })
	p := &x.products[list[0].product]
	count := map[string]int{}
	files, same := 0, 0
	first, last := list[0].first, list[0].last
	var texts []string
	var quotes []wardein.Quote
	for i, c := range list {
		count[c.size()]++
		files += len(c.matches)
		same += c.same
		if c.size() != "fragment" {
			first, last = min(first, c.first), max(last, c.last)
		}
		if i < 5 {
			texts = append(texts, fmt.Sprintf("%s in %s (%d of %d known files, %d as released, like %s)", c.size(), c.root, min(len(c.files), c.of), c.of, c.same, p.span(c.first, c.last)))
			m := c.matches[0]
			quotes = append(quotes, wardein.Quote{Node: m.Node, Len: m.Len})
		}
	}
	if len(list) > 5 {
		texts = append(texts, fmt.Sprintf("%d more", len(list)-5))
	}
	f := finding("source.clone", wardein.Info, list[0].matches[0].Node, quotes, counts("files", files, "product", p.Name, "range", p.span(first, last), "full", count["full"],
		"partial", count["partial"], "fragment", count["fragment"], "changed", files-same, "copies", strings.Join(texts, "; ")), p.Name)
	f.Confidence = wardein.Likely
	return f
}

func (p *Product) span(first, last int) string {
	if first == last {
		return p.Versions[first]
	}
	return p.Versions[first] + " to " + p.Versions[last]
}
