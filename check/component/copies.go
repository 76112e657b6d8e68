package component

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/vulndb/version"
)

// Copy is a library that a file holds.
type Copy struct {
	Library string
	// After and Before are releases between which the copy's is, itself
	// neither; "" where nothing shows the bound.
	After, Before string
	// Like is the release that has the most of the texts, "" for several.
	Like string
	// Of is how many texts the release has that is like it, of those that are
	// in the library's set; Found how many of them stand there.
	Found, Of int
	Part      bool // more than a fifth of the texts that all releases have is not there
	Sure      wardein.Confidence
	Off, Len  int64 // of one of the texts
	text      int
}

// Thresholds. Fewer texts are chance, or a header's; texts of one object file
// alone may be a standard's, which another product lists, too; a bound by texts that are
// not there needs several that would be.
const (
	leastTexts   = 6
	leastOfSmall = 4 // of a set of less than twelve
	mostOfUnit   = 2
	leastNew     = 2
	leastAbsent  = 4.0
	manyTexts    = 12
)

// copies tells from the texts found, and their places, which libraries a file
// holds.
func (s *Sets) copies(found map[int]int64) (out []Copy) {
	hits := make([]int, len(s.libraries))
	for i := range found {
		hits[s.of[i].library]++
	}
	for i, n := range hits {
		lib := &s.libraries[i]
		least := leastTexts
		if lib.to-lib.from < 2*leastTexts {
			least = leastOfSmall
		}
		if n < least {
			continue
		}
		if c, spread := s.copy(lib, n, found); spread >= least || 2*c.Found >= c.Of {
			out = append(out, c)
		}
	}
	return out
}

// copy tells what n texts show of a library, and how many texts they are when
// mostOfUnit of each object file count.
func (s *Sets) copy(lib *set, n int, found map[int]int64) (c Copy, spread int) {
	c.Library = lib.name
	last := len(lib.versions) - 1
	// Texts that all releases have show how much of an object file is there.
	type share struct{ have, of float64 }
	units := make([]share, lib.units)
	taken := make([]int, lib.units)
	linked, whole := 0, 0
	began, ended := make([]int, last+1), make([]int, last+1) // found texts by first and last release
	has, of := make([]int, last+1), make([]int, last+1)      // by release: texts found, texts
	for i := lib.from; i < lib.to; i++ {
		m := &s.of[i]
		at, ok := found[i]
		for v := m.first; v <= m.last; v++ {
			of[v]++
			if ok {
				has[v]++
			}
		}
		if m.first == 0 && m.last == last {
			units[m.unit].of++
			whole++
			if ok {
				units[m.unit].have++
				linked++
			}
		}
		if ok {
			if taken[m.unit]++; taken[m.unit] <= mostOfUnit {
				spread++
			}
			began[m.first]++
			ended[m.last]++
			if size := int64(len(s.texts.text[i])); size > c.Len || size == c.Len && at < c.Off {
				c.Off, c.Len, c.text = at, size, i
			}
		}
	}
	absent := func(when func(*member) bool) bool {
		expected := 0.0
		for i := lib.from; i < lib.to; i++ {
			if m := &s.of[i]; when(m) && units[m.unit].of > 1 {
				expected += units[m.unit].have / units[m.unit].of
			}
		}
		return expected >= leastAbsent
	}
	after, before := -1, last+1
	for v := 1; v <= last; v++ {
		if began[v] >= leastNew {
			after = v - 1
		}
	}
	for v := last - 1; v >= 0; v-- {
		if ended[v] >= leastNew {
			before = v + 1
		}
	}
	if after >= before { // texts of releases that never met: two copies, or patches
		after, before = -1, last+1
	} else {
		for v := last; v > after+1; v-- {
			if began[v] == 0 && absent(func(m *member) bool { return m.first == v }) {
				before = min(before, v)
			}
		}
		for v := 0; v < before-1; v++ {
			if ended[v] == 0 && absent(func(m *member) bool { return m.last == v }) {
				after = max(after, v)
			}
		}
	}
	if after >= 0 {
		c.After = lib.versions[after]
	}
	if before <= last {
		c.Before = lib.versions[before]
	}
	best, level := -1, false
	for v := max(0, after); v <= min(last, before); v++ {
		switch {
		case best < 0 || has[v] > has[best]:
			best, level = v, false
		case has[v] == has[best]:
			level = true
			if of[v] < of[best] {
				best = v
			}
		}
	}
	c.Found, c.Of = has[best], of[best]
	if !level && best > after && best < before {
		c.Like = lib.versions[best]
	}
	c.Part = 5*linked < 4*whole || whole == 0 && 2*n < c.Of
	c.Sure = wardein.Possible
	if spread >= manyTexts || 2*c.Found >= c.Of {
		c.Sure = wardein.Likely
	}
	return c, spread
}

// String says between which releases the copy is, and what shows it.
func (c *Copy) String() string {
	var parts []string
	for _, x := range []struct{ what, version string }{{"after ", c.After}, {"before ", c.Before}, {"most like ", c.Like}} {
		if x.version != "" {
			parts = append(parts, x.what+x.version)
		}
	}
	s := fmt.Sprintf("%s: %d of %d texts", cmp.Or(strings.Join(parts, ", "), "any release"), c.Found, c.Of)
	if c.Part {
		s += ", part of the library"
	}
	return s
}

// Copies finds the libraries that n bytes of r hold.
func (s *Sets) Copies(r io.ReaderAt, n int64) ([]Copy, error) {
	found := map[int]int64{}
	err := s.texts.Find(r, 0, n, make([]byte, 0, chunk+2*MaxText), func(i int, at int64) {
		if _, ok := found[i]; !ok {
			found[i] = at
		}
	})
	return s.copies(found), err
}

// copies states the libraries that the file holds a copy of.
func (f *file) copies() error {
	s := sets()
	found := map[int]int64{}
	buf := make([]byte, 0, min(chunk, f.blob.Size)+2*MaxText)
	look := func(off, n int64) error {
		return s.texts.Find(f.blob, off, n, buf, func(i int, at int64) {
			if _, ok := found[i]; !ok {
				found[i] = at
			}
		})
	}
	err := error(nil)
	if f.exe != nil {
		err = f.readOnly(look)
	} else {
		err = look(0, f.blob.Size)
	}
	if err != nil {
		return err
	}
	for _, c := range s.copies(found) {
		lib := &s.libraries[slices.IndexFunc(s.libraries, func(l set) bool { return l.name == c.Library })]
		if f.needs(lib.sonames) || among(f.soname, lib.sonames) {
			continue
		}
		text := s.texts.text[c.text]
		f.state("strings", c.Off, c.Len, note("product", c.Library), note("after", c.After), note("before", c.Before), note("sure", c.Sure.String()),
			note("version", c.String()), note("quote", quote([]byte(text))))
	}
	return nil
}

// linked is a copy of a product in a file.
type linked struct {
	candidate
	after, before string
}

// holds keeps what a fact says about a copy.
func (f *fuser) holds(at string, x wardein.Fact) {
	name := x.Attr("product")
	p := f.data.byName[name]
	if p == nil {
		p = &product{Name: name, PURL: "pkg:generic/" + name}
	}
	c := candidate{path: at, by: "strings", version: x.Attr("version"), rank: rankNone, quote: x.Quote(at, "quote")}
	if x.Attr("sure") == wardein.Likely.String() {
		c.sure = wardein.Likely
	}
	e := f.evidence(p)
	e.copies = append(e.copies, linked{c, x.Attr("after"), x.Attr("before")})
}

// place adds the copies to the version that the same file shows, or that is
// between their bounds, and returns those that are of no version found. A
// copy without bounds says nothing about another file's version.
func (e *evidence) place(versions map[string][]candidate) (apart []candidate) {
	scheme, _ := version.Named(e.product.Scheme)
	found := slices.Sorted(maps.Keys(versions))
	for _, c := range e.copies {
		beside := func(o candidate) bool { return o.path == c.path }
		at := slices.IndexFunc(found, func(v string) bool { return slices.ContainsFunc(versions[v], beside) })
		if at < 0 && (c.after != "" || c.before != "") {
			at = slices.IndexFunc(found, func(v string) bool { return between(scheme, v, c.after, c.before) })
		}
		// The version that the product's own file shows may have been passed
		// over, and of a product without a version there is one component.
		if at < 0 && (slices.ContainsFunc(e.list, beside) || slices.Contains(found, "")) {
			at = min(0, len(found)-1) // none where nothing was found
		}
		if at >= 0 {
			versions[found[at]] = append(versions[found[at]], c.candidate)
		} else {
			apart = append(apart, c.candidate)
		}
	}
	return apart
}

// between tells whether a version is behind one and before another; "" is no
// bound.
func between(scheme version.Scheme, v, after, before string) bool {
	if v == "" {
		return false
	}
	above, err := version.Compare(scheme, v, after)
	if after != "" && (err != nil || above <= 0) {
		return false
	}
	below, err := version.Compare(scheme, v, before)
	return before == "" || err == nil && below < 0
}
