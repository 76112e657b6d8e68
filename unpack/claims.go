package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"

	"github.com/wardein/wardein"
)

// claim is a candidate that its format accepted.
type claim struct {
	start, end int64 // in the blob; end is EndUnknown until decoded
	format     int
	wardein.Claim
	damage error         // "mine, damaged"
	staged *extraction   // the decoded result of a claim whose end only decoding told
	region *regionMember // nil until work on it was started
}

func (c *claim) overlaps(d *claim) bool { return c.start < d.end && d.start < c.end }

// resolve looks at the candidates that begin in [from, to) of a blob and
// returns the claims that stand, sorted and without overlap.
//
// The rule: known ends first, in order of confidence, then length, then
// start, then list order; where two formats claim the same start the one that
// refines the other wins. A Certain claim hides the candidates inside it; they
// are met again when it is opened. Claims whose end only decoding tells come
// after, in order of start, and are decoded once: a clean end beats lesser
// claims that it covers.
func (o *opening) resolve(from, to int64) []*claim {
	var known, open []*claim
	shield := from
	hs := o.b.hits.magics
	i := sort.Search(len(hs), func(i int) bool { return hs[i].start() >= from })
	for ; i < len(hs) && hs[i].start() < to; i++ {
		h := hs[i]
		if h.start() < shield || o.own(h) {
			continue
		}
		if o.r.read-o.spent > o.measuring() {
			o.unmeasured++
			continue
		}
		c := o.measure(h, to)
		if c == nil {
			continue
		}
		if c.end == wardein.EndUnknown {
			open = append(open, c)
			continue
		}
		known = append(known, c)
		// A candidate at the same start may still refine this one, so the
		// shield begins one byte further.
		if c.Confidence == wardein.Certain && c.damage == nil {
			j := i + 1
			for ; j < len(hs) && hs[j].start() == h.start(); j++ {
				if r := o.measure(hs[j], to); r != nil && r.end != wardein.EndUnknown {
					known = append(known, r)
				}
			}
			i = j - 1
			shield = max(shield, c.end)
		}
	}
	known = o.refine(known)
	sort.SliceStable(known, func(i, j int) bool {
		a, b := known[i], known[j]
		if a.Confidence != b.Confidence {
			return a.Confidence > b.Confidence
		}
		if la, lb := a.end-a.start, b.end-b.start; la != lb {
			return la > lb
		}
		if a.start != b.start {
			return a.start < b.start
		}
		return a.format < b.format
	})
	var stand []*claim
	for _, c := range known {
		if x := overlapping(stand, c); x == nil {
			stand = append(stand, c)
		} else if c.start < x.start || c.end > x.end || c.start == x.start {
			o.reject(c, fmt.Sprintf("overlaps %s at %#x, which is %s (%s)", o.name(x), x.start, x.Confidence, x.Evidence))
		}
	}
	if len(open) > 0 {
		// Decoding takes long, and what is certain hardly ever loses: work on
		// it begins now. A claim at the beginning may be the whole blob.
		for _, c := range stand {
			if c.start > 0 && c.Confidence == wardein.Certain && c.damage == nil {
				o.start(c)
			}
		}
	}
	for _, c := range open {
		stand = o.decodeOpen(stand, c, to)
	}
	sort.Slice(stand, func(i, j int) bool { return stand[i].start < stand[j].start })
	return stand
}

func overlapping(stand []*claim, c *claim) *claim {
	for _, x := range stand {
		if c.overlaps(x) {
			return x
		}
	}
	return nil
}

// own tells whether a hit is the blob's own format at its beginning, met
// again while its leftovers are looked through.
func (o *opening) own(h hit) bool {
	return h.start() == 0 && o.rec.Format != "" && o.w.Formats[h.format()].Name == o.rec.Format
}

func (o *opening) name(c *claim) string { return o.w.Formats[c.format].Name }

// measure asks the format. Nil: not mine.
func (o *opening) measure(h hit, to int64) (c *claim) {
	f := &o.w.Formats[h.format()]
	defer func() {
		if v := recover(); v != nil {
			o.rec.Gaps = append(o.rec.Gaps, wardein.Gap{Who: f.Name, Kind: wardein.Crashed, Off: h.start(), Why: fmt.Sprint(v)})
			c = nil
		}
	}()
	m, err := f.Measure(io.NewSectionReader(o.r, h.start(), to-h.start()))
	switch {
	case errors.Is(err, wardein.ErrNotMine), err != nil && m.End == 0:
		return nil
	case m.End == 0 || m.End < wardein.EndUnknown || m.End > to-h.start():
		o.rec.Gaps = append(o.rec.Gaps, wardein.Gap{Who: f.Name, Kind: wardein.Crashed, Off: h.start(),
			Why: fmt.Sprintf("claims %d bytes of %d", m.End, to-h.start())})
		return nil
	}
	if err != nil && f.Name == o.rec.Format {
		// A file system keeps copies of its own superblock; cut off from the
		// volume they are no volume of their own.
		o.reject(&claim{start: h.start(), format: h.format()}, "damaged, and inside bytes of the same format: "+err.Error())
		return nil
	}
	c = &claim{start: h.start(), end: wardein.EndUnknown, format: h.format(), Claim: m, damage: err}
	if m.End != wardein.EndUnknown {
		c.end = h.start() + m.End
	}
	return c
}

// refine drops claims that another claim with the same start refines.
func (o *opening) refine(known []*claim) []*claim {
	out := known[:0]
	for _, c := range known {
		refined := false
		for _, d := range known {
			if d.start == c.start && d != c {
				for _, name := range o.w.Formats[d.format].Refines {
					refined = refined || name == o.name(c)
				}
			}
		}
		if !refined {
			out = append(out, c)
		}
	}
	return out
}

// decodeOpen decodes a claim of unknown end, once, and decides whether it
// stands beside or instead of what stands already.
func (o *opening) decodeOpen(stand []*claim, c *claim, to int64) []*claim {
	for _, x := range stand {
		if c.start >= x.start && c.start < x.end {
			return stand
		}
	}
	if o.staged > o.w.Limits.stream(o.b.size) {
		o.unmeasured++
		return stand
	}
	spent := o.r.read
	defer func() { o.spent += o.r.read - spent }()
	x := o.w.newExtraction(o.ctx, c.format, io.NewSectionReader(o.r, c.start, to-c.start), o.base.part(c.start, to-c.start), o.here)
	x.most = math.MaxInt64 / 2 // where the claim ends must not depend on the run
	end, err := x.run()
	// Reading costs as well as writing, also when nothing came of it.
	o.staged += x.decoded + o.r.read - spent
	switch {
	case errors.Is(err, wardein.ErrNotMine):
		return stand
	case end <= 0 || end > to-c.start:
		o.reject(c, fmt.Sprintf("decoding found no end: %v", err))
		return stand
	}
	if x.cut {
		// Its end was not reached. All up to the next claim goes with it, so
		// that its record tells of the limit; what it did not read of that is
		// looked through then.
		end = to - c.start
		for _, s := range stand {
			if s.start > c.start {
				end = min(end, s.start-c.start)
			}
		}
	}
	c.end, c.staged = c.start+end, x
	if x.clean = err == nil && len(x.gaps) == 0; x.clean {
		c.Confidence = wardein.Certain
	}
	out := stand[:0:0]
	for _, s := range stand {
		if !c.overlaps(s) {
			out = append(out, s)
			continue
		}
		if inside := s.start >= c.start && s.end <= c.end; s.Confidence == wardein.Certain && (!inside || c.Confidence != wardein.Certain) {
			o.reject(c, fmt.Sprintf("overlaps %s at %#x, which is %s (%s)", o.name(s), s.start, s.Confidence, s.Evidence))
			return stand
		}
		o.reject(s, fmt.Sprintf("lies inside %s at %#x, which decodes to its end", o.name(c), c.start))
	}
	return append(out, c)
}

// reject records a claim that lost.
func (o *opening) reject(c *claim, why string) {
	if len(o.rec.Rejected) < maxRejected {
		o.rec.Rejected = append(o.rec.Rejected, Rejected{c.start, o.name(c), why})
		return
	}
	o.lost++
	last := &o.rec.Rejected[maxRejected-1]
	*last = Rejected{last.Off, last.Format, fmt.Sprintf("and %d more", o.lost)}
}

// opening is the work on one blob.
type opening struct {
	w    *worker
	ctx  context.Context
	b    *blob
	base *view       // the blob for any goroutine
	r    *pageReader // the blob for this one
	rec  *Record
	here *ancestors
	lost int
	// spent is what o.r had read for other things than measuring; unmeasured
	// counts the candidates that the budget for measuring kept out.
	spent      int64
	unmeasured int
	staged     int64 // bytes decoded to find the ends of claims
	jobs       group // work on regions
}

// measuring is how many bytes may be read to measure a blob's candidates: a
// file crammed with headers must not cost its square.
func (o *opening) measuring() int64 { return 256<<20 + 16*o.b.size }

// view is a part of a blob that jobs read and members are located in.
type view struct {
	io.ReaderAt
	reg       *region
	off, size int64
}

func (v *view) part(off, size int64) *view { return &view{v.ReaderAt, v.reg, v.off + off, size} }

// loc maps extents over the view to a location.
func (v *view) loc(ext []wardein.Extent) Loc {
	if v.off == 0 {
		return v.reg.slice(ext)
	}
	moved := make([]wardein.Extent, len(ext))
	for i, x := range ext {
		if x.Off >= 0 {
			x.Off += v.off
		}
		moved[i] = x
	}
	return v.reg.slice(moved)
}
