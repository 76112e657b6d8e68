package cryptolib

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/lazy"
)

// Shares of a release's set, in percent, and the fewest texts of a fragment.
const (
	fullShare     = 90
	partialShare  = 10
	fragmentTexts = 4
	fragmentNames = 10 // exported names of a library in a file that is not called so
	leastSet      = 15 // texts that a release needs for a share to mean something
)

// Bounds on what is looked at of one file.
const (
	maxVersions = 32 // places of one version text
	maxQuote    = 120
)

// file is one blob that is looked at.
type file struct {
	blob    wardein.Blob
	out     func(wardein.Fact)
	exe     *exe.File
	soname  string
	needed  []string
	exports []exe.Symbol
	kernel  bool // a Linux kernel or one of its modules
	of      map[*library]*evidence
	algos   []string // whose tables were found
}

// evidence is what a file shows of one library.
type evidence struct {
	own, needs     bool // by soname; the file needs the library
	exports, texts [32]int
	distinct       int // texts
	seen           map[string]bool
	versions       []found
	lone           []found
	first          found // text
}

// found is a text and its place.
type found struct {
	text     string
	off      int64
	version  string
	released string // YYYY-MM-DD
}

func note(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }

func (f *file) evidence(l *library) *evidence {
	e := f.of[l]
	if e == nil {
		e = &evidence{seen: map[string]bool{}}
		f.of[l] = e
	}
	return e
}

func node(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	f := &file{blob: b, out: out, of: map[*library]*evidence{}, kernel: kernels[b.Format]}
	if b.Format == "elf" {
		if err := f.open(); err != nil {
			return err
		}
	}
	f.tables()
	if f.kernel {
		return nil
	}
	if err := f.versions(); err != nil {
		return err
	}
	// Copies without any table are not looked for: most files are done here.
	if len(f.algos) > 0 || len(f.of) > 0 {
		if err := f.texts(ctx); err != nil {
			return err
		}
	}
	f.judge()
	return nil
}

// kernels are formats whose code is the Linux kernel's.
var kernels = map[string]bool{"linux-kernel": true, "linux-image": true, "bzimage": true}

func (f *file) open() (err error) {
	if f.exe, err = exe.Open(f.blob, f.blob.Size); err != nil {
		return err
	}
	if f.kernel = f.exe.IsModule(); f.kernel {
		return nil
	}
	d, _ := f.exe.Dynamic() // a damaged table: what could be read counts
	f.soname, f.needed = d.Soname, d.Needed
	f.exports, _ = f.exe.DynamicSymbols()
	db := known()
	for _, l := range db.libraries {
		if l.called(f.soname) {
			f.evidence(l).own = true
		} else if slices.ContainsFunc(f.needed, l.called) {
			f.evidence(l).needs = true
		}
	}
	for i := range f.exports {
		if s := &f.exports[i]; s.Defined() {
			for _, m := range db.exports[s.Name] {
				f.evidence(m.library).count(&f.evidence(m.library).exports, m.in)
			}
		}
	}
	return nil
}

// called tells whether a soname is the library's; who bundles a library
// renames it: libcrypto-aa58ed98.so.1.0.2k.
func (l *library) called(soname string) bool {
	for _, s := range l.Sonames {
		if rest, ok := strings.CutPrefix(soname, s); ok && renamed().MatchString(rest) {
			return true
		}
	}
	return false
}

var renamed = lazy.Regexp(`^(?:-[0-9a-f]{8})?\.so(?:\.|$)`)

func (e *evidence) count(in *[32]int, releases uint32) {
	for i := range in {
		if releases>>i&1 == 1 {
			in[i]++
		}
	}
}

// tables states each table once, with its first place and how many there are.
func (f *file) tables() {
	of := ""
	if f.kernel {
		of = "linux kernel"
	}
	for i := range known().constants {
		c := &known().constants[i]
		hits := f.blob.Hits(i)
		if len(hits) == 0 {
			continue
		}
		plain := ""
		if c.Plain {
			plain = "yes"
		} else if !slices.Contains(f.algos, c.Algorithm) {
			f.algos = append(f.algos, c.Algorithm)
		}
		f.state("table", hits[0], int64(len(c.literal)), note("algorithm", c.Algorithm), note("table", c.Name), note("order", c.order),
			note("places", strconv.Itoa(len(hits))), note("of", of), note("plain", plain))
	}
}

// state leaves out what is empty.
func (f *file) state(kind string, off, n int64, attrs ...wardein.Note) {
	f.out(wardein.Fact{Kind: kind, Off: off, Len: n, Attrs: slices.DeleteFunc(attrs, func(a wardein.Note) bool { return a.Value == "" })})
}

// versions looks at the texts that hold a literal of a version.
func (f *file) versions() error {
	buf := make([]byte, 2*maxText)
	for i, v := range known().versions {
		hits := f.blob.Hits(len(known().constants) + i)
		for _, off := range hits[:min(len(hits), maxVersions)] {
			from := max(0, off-maxText)
			n, err := f.blob.ReadAt(buf[:min(int64(len(buf)), f.blob.Size-from)], from)
			if err != nil && err != io.EOF {
				return err
			}
			a := int(off - from)
			if a > n {
				continue
			}
			z := a
			for a > 0 && printable(buf[a-1]) {
				a--
			}
			for z < n && printable(buf[z]) {
				z++
			}
			if m := v.compiled.FindSubmatch(buf[a:z]); m != nil {
				x := found{text: string(buf[a:min(z, a+maxQuote)]), off: from + int64(a), version: string(m[1])}
				if len(m) > 2 {
					if day, err := time.Parse("2 Jan 2006", string(m[2])); err == nil {
						x.released = day.Format(time.DateOnly)
					}
				}
				e := f.evidence(v.library)
				e.versions = append(e.versions, x)
			}
		}
	}
	return nil
}

// texts counts the texts of the sets that stand in the file.
func (f *file) texts(ctx context.Context) error {
	db := known()
	return Texts(ctx, f.blob, f.blob.Size, func(off int64, t []byte) {
		if c := t[0]; c >= '0' && c <= '9' && len(t) < 12 && bytes.IndexByte(t, '.') > 0 {
			for _, l := range db.libraries {
				if l.lone != nil && l.lone.Match(t) {
					e := f.evidence(l)
					if len(e.lone) < maxVersions {
						e.lone = append(e.lone, found{text: string(t), off: off, version: string(t)})
					}
				}
			}
			return
		}
		if !db.maybe[sieve(t)] {
			return
		}
		m, ok := db.texts[string(t)]
		if !ok {
			return
		}
		e := f.evidence(m.library)
		if e.seen[string(t)] {
			return
		}
		if e.distinct == 0 {
			e.first = found{text: string(t), off: off}
		}
		e.seen[string(t)] = true
		e.distinct++
		e.count(&e.texts, m.in)
	})
}

// share is the largest part of a release's set that was found, in percent.
func (l *library) share(counts *[32]int, of func(*release) int, least int) (percent int, nearest string) {
	for i := range l.releases {
		r := &l.releases[i]
		if total := of(r); total >= least && counts[i]*100/total >= max(percent, 1) {
			percent, nearest = counts[i]*100/total, r.version
		}
	}
	return percent, nearest
}

// judge states of each library whether the file holds a copy of it.
func (f *file) judge() {
	db := known()
	// Forks have the same soname and export the same names: the file is of
	// the one that it has most of.
	var home *library
	best := 0
	for _, l := range db.libraries {
		if e := f.of[l]; e != nil && e.own {
			x, _ := l.share(&e.exports, func(r *release) int { return r.exports }, 1)
			t, _ := l.share(&e.texts, func(r *release) int { return r.texts }, leastSet)
			if home == nil || max(x, t) > best {
				home, best = l, max(x, t)
			}
		}
	}
	if home != nil && home.Like != "" {
		home = db.library(home.Like)
	}
	for _, l := range db.libraries {
		e := f.of[l]
		if e == nil || l.Like != "" {
			continue
		}
		if e.needs && l != home {
			texts := ""
			if e.distinct >= fragmentTexts {
				texts = strconv.Itoa(e.distinct)
			}
			f.state("uses", 0, 0, note("library", l.Name), note("texts", texts))
			continue
		}
		f.copyOf(l, e, l == home)
	}
}

func (f *file) copyOf(l *library, e *evidence, home bool) {
	byNames, nearest := l.share(&e.exports, func(r *release) int { return r.exports }, 1)
	byTexts, textsNearest := l.share(&e.texts, func(r *release) int { return r.texts }, leastSet)
	share, by := byTexts, "texts"
	// What a program or module exports of a library it holds, too: linked in
	// whole, with all names left visible.
	exported := slices.Max(e.exports[:]) >= fragmentNames && f.most(l, byNames)
	if (home || exported) && byNames > byTexts {
		share, by = byNames, "exports"
	} else {
		nearest = textsNearest
	}
	completeness := ""
	switch {
	case exported && by == "exports" && !home && share < partialShare:
		completeness = "fragment"
	case exported && by == "exports" && !home:
		completeness = "partial"
	case share >= fullShare:
		completeness = "full"
	case share >= partialShare && (home || e.distinct >= fragmentTexts):
		completeness = "partial"
	case e.distinct >= fragmentTexts && (len(f.algos) > 0 || len(e.versions) > 0):
		completeness = "fragment"
	default:
		return
	}
	if completeness == "fragment" && f.forked(l, share) {
		return
	}
	versions := e.versions
	if len(versions) == 0 && home && oneVersion(e.lone) {
		versions = e.lone
	}
	for _, fork := range known().libraries {
		if g := f.of[fork]; fork.Like == l.Name && g != nil && (len(g.versions) > 0 || g.own && !e.own) {
			l, versions, nearest = fork, g.versions, ""
		}
	}
	at := e.first
	var all []string
	for _, v := range versions {
		if !slices.Contains(all, v.version) {
			all = append(all, v.version)
		}
	}
	if len(versions) > 0 {
		at = versions[0]
	}
	if at.released == "" {
		at.released = known().days[l.Name+" "+at.version]
	}
	shown := at.text[:min(len(at.text), maxQuote)]
	f.state("copy", at.off, int64(len(shown)), note("library", l.Name), note("completeness", completeness), note("share", fmt.Sprint(share)), note("by", by),
		note("version", at.version), note("released", at.released), note("versions", strings.Join(all, " ")), note("nearest", nearest),
		note("tables", strings.Join(f.algos, ", ")), note("quote", shown))
}

// most tells whether the file exports more of this library than of any other:
// forks export the same names.
func (f *file) most(l *library, percent int) bool {
	for other, e := range f.of {
		if x, _ := other.share(&e.exports, func(r *release) int { return r.exports }, 1); other != l && x >= percent {
			return false
		}
	}
	return true
}

// forked tells whether the file holds more of a fork of the library.
func (f *file) forked(l *library, percent int) bool {
	for other, e := range f.of {
		if x, _ := other.share(&e.texts, func(r *release) int { return r.texts }, leastSet); other.Fork == l.Name && x > percent {
			return true
		}
	}
	return false
}

func oneVersion(lone []found) bool {
	for _, v := range lone {
		if v.version != lone[0].version {
			return false
		}
	}
	return len(lone) > 0
}
