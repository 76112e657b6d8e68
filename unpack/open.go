package unpack

import (
	"context"
	"fmt"
	"io"
	"sort"

	"github.com/wardein/wardein"
)

// asUnknown marks a region that was looked through and that no format
// claimed: it is classified, not scanned again.
const asUnknown = "unknown"

// leastUnknown is the shortest run of unknown bytes of a container that gets
// a node of its own; shorter ones are spans only.
const leastUnknown = 32

// open makes the record of one blob.
func (w *worker) open(ctx context.Context, b *blob, as string, here *ancestors) (*Record, error) {
	o := w.opening(ctx, b, as, here)
	if b.size == 0 {
		return o.rec, nil
	}
	if as == asUnknown {
		o.classifyWhole()
		return o.rec, nil
	}
	if as != "" {
		f, ok := w.byName[as]
		if !ok {
			return nil, fmt.Errorf("no format %q", as)
		}
		x := w.newExtraction(ctx, f, io.NewSectionReader(o.r, 0, b.size), o.base, here)
		end, err := x.run()
		if isFatal(err) {
			return nil, err
		}
		return o.finish(x, end)
	}
	claims := o.resolve(0, b.size)
	if err := w.stopped(ctx); err != nil {
		return nil, err
	}
	if len(claims) == 0 {
		o.leftOut()
		o.classifyWhole()
		return o.rec, nil
	}
	if c := claims[0]; len(claims) == 1 && c.start == 0 && (c.end == b.size || o.fill(c.end, b.size) >= 0) {
		return o.whole(c)
	}
	var g gather
	if err := o.regions(&g, claims, 0, b.size, true); err != nil {
		return nil, err
	}
	o.leftOut()
	o.rec.Class = "parts"
	return o.seal(&g)
}

func (w *worker) opening(ctx context.Context, b *blob, as string, here *ancestors) *opening {
	reg := newRegion(w.sources, b.loc)
	o := &opening{w: w, ctx: ctx, b: b, here: here,
		rec: &Record{Key: Key{b.digest, as}, Size: b.size, members: &memberList{where: w.pack.known}}}
	o.base = &view{ReaderAt: w.reader(b), reg: reg, size: b.size}
	o.r = &pageReader{r: o.base.ReaderAt, size: b.size}
	return o
}

// whole opens a blob that one claim covers but for padding behind it.
func (o *opening) whole(c *claim) (*Record, error) {
	o.rec.Evidence = c.Confidence.String() + ": " + c.Evidence
	if c.damage != nil {
		o.rec.Gaps = append(o.rec.Gaps, wardein.Gap{Who: o.name(c), Kind: wardein.Damaged, Why: c.damage.Error()})
	}
	x, end := c.staged, c.end
	if x == nil {
		x = o.w.newExtraction(o.ctx, c.format, io.NewSectionReader(o.r, 0, c.end), o.base.part(0, c.end), o.here)
		if _, err := x.run(); isFatal(err) {
			return nil, err
		}
	}
	return o.finish(x, end)
}

// gather collects what tiles a blob while its record is made.
type gather struct {
	spans   spanList
	regions []*regionMember
}

type regionMember struct {
	Member
	err error
}

// finish turns an extraction into the blob's record: what the format named is
// known, what it left is looked through for other claims and classified.
func (o *opening) finish(x *extraction, end int64) (*Record, error) {
	rec := o.rec
	rec.Format = x.format.Name
	rec.Notes = x.notes
	rec.Gaps = append(rec.Gaps, x.gaps...)
	rec.Decoded += x.decoded
	rec.members = x.members
	var g gather
	var free spanList
	pos := int64(0)
	spans, verbatim := x.spans.tile(min(end, o.b.size))
	rec.Verbatim += verbatim
	for s := range spans.all() {
		if s.Off > pos {
			free.put(wardein.Span{Off: pos, Len: s.Off - pos})
		}
		pos = s.Off + s.Len
		if !s.Carve {
			g.spans.put(s)
			continue
		}
		if err := o.carve(&g, s); err != nil {
			return nil, err
		}
	}
	if pos < o.b.size {
		free.put(wardein.Span{Off: pos, Len: o.b.size - pos})
	}
	container := rec.members.len() > 0
	for f := range free.all() {
		if o.fill(f.Off, f.Off+f.Len) >= 0 {
			g.spans.put(wardein.Span{Off: f.Off, Len: f.Len, What: wardein.Padding})
			continue
		}
		if err := o.regions(&g, o.resolve(f.Off, f.Off+f.Len), f.Off, f.Off+f.Len, container); err != nil {
			return nil, err
		}
	}
	o.leftOut()
	return o.seal(&g)
}

// leftOut records that more signatures were met than the engine looks at.
func (o *opening) leftOut() {
	if n := o.b.hits; n != nil && n.dropped > 0 {
		o.rec.Gaps = append(o.rec.Gaps, wardein.Gap{Who: "scan", Kind: wardein.Limit,
			Why: fmt.Sprintf("%d signature matches were not looked at, the limit is %d", n.dropped, maxHits)})
		n.dropped = 0
	}
	if o.unmeasured > 0 {
		o.rec.Gaps = append(o.rec.Gaps, wardein.Gap{Who: "scan", Kind: wardein.Limit,
			Why: fmt.Sprintf("%d candidates were not looked at: measuring may read %d bytes, decoding may give %d", o.unmeasured, o.measuring(), o.w.Limits.stream(o.b.size))})
		o.unmeasured = 0
	}
}

// carve looks for claims inside bytes that a format knows but that may carry
// others; what no claim covers stays known.
func (o *opening) carve(g *gather, s wardein.Span) error {
	pos, end := s.Off, s.Off+s.Len
	s.Carve = false
	for _, c := range o.resolve(pos, end) {
		if c.start > pos {
			k := s
			k.Off, k.Len = pos, c.start-pos
			g.spans.put(k)
		}
		o.region(g, c)
		pos = c.end
	}
	if pos < end {
		s.Off, s.Len = pos, end-pos
		g.spans.put(s)
	}
	return nil
}

// regions makes a node of each claim in [from, to) and classifies the rest.
func (o *opening) regions(g *gather, claims []*claim, from, to int64, container bool) error {
	pos := from
	rest := func(end int64) {
		spans := o.classify(pos, end)
		for len(spans) > 0 {
			// Neighbours of different class are one piece of unknown bytes:
			// its own record tells the classes.
			n, size := 0, int64(0)
			for n < len(spans) && spans[n].What == wardein.Unknown {
				size += spans[n].Len
				n++
			}
			if size >= leastUnknown && (container || len(claims) > 0) {
				o.region(g, &claim{start: spans[0].Off, end: spans[0].Off + size, format: -1})
			} else {
				n = max(n, 1)
				for _, s := range spans[:n] {
					g.spans.put(s)
				}
			}
			spans = spans[n:]
		}
	}
	for _, c := range claims {
		if c.start > pos {
			rest(c.start)
		}
		o.region(g, c)
		pos = c.end
	}
	if pos < to {
		rest(to)
	}
	return o.w.stopped(o.ctx)
}

// region adds a node for a claim inside the blob, or for unknown bytes
// (format −1), and opens it.
func (o *opening) region(g *gather, c *claim) {
	if c.region == nil {
		o.start(c)
	}
	m := c.region
	o.rec.Verbatim += m.Size
	g.regions = append(g.regions, m)
	g.spans.put(wardein.Span{Off: c.start, Len: m.Size, What: wardein.Known, Is: isMember})
	if c.damage != nil {
		o.rec.Gaps = append(o.rec.Gaps, wardein.Gap{Node: m.Name, Who: m.As, Kind: wardein.Damaged, Off: c.start, Len: m.Size, Why: c.damage.Error()})
	}
}

func regionName(off int64, as string) string { return fmt.Sprintf("%08x.%s", off, as) }

// start begins with the work on a region.
func (o *opening) start(c *claim) {
	as := asUnknown
	if c.format >= 0 {
		as = o.name(c)
	}
	ext := []wardein.Extent{{Off: c.start, Len: c.end - c.start}}
	m := &regionMember{Member: Member{
		Entry: wardein.Entry{Name: regionName(c.start, as), Kind: wardein.Region},
		Size:  c.end - c.start, As: as, Extents: ext}}
	c.region = m
	loc := o.base.loc(ext)
	o.w.jobs.spawn(&o.jobs, m.Size, 0, func() {
		b, err := o.w.hashed(loc, nil)
		if err != nil {
			m.err = err
			return
		}
		m.Blob = b.digest
		// What stands behind the claim may have been seen by the decoding that
		// looked for its end: of anything but a clean end, and of a claim that
		// was given more than its own size allows, the record is made anew.
		if x := c.staged; x == nil || !x.clean || x.decoded > o.w.Limits.container(b.size) {
			o.w.unpack(o.ctx, b, as, o.here, false)
			return
		}
		// Decoded while its end was looked for: the record is made of that.
		key := Key{b.digest, as}
		if !o.w.first(key) {
			return
		}
		o.w.up.begin(key)
		in := o.w.opening(o.ctx, b, as, o.here)
		in.rec.Evidence = c.Confidence.String() + ": " + c.Evidence
		rec, err := in.finish(c.staged, b.size)
		if err == nil {
			err = o.w.report(o.ctx, b, rec)
		}
		m.err = err
	})
}

// seal completes the record: spans sorted, regions appended in order.
func (o *opening) seal(g *gather) (*Record, error) {
	o.w.jobs.wait(&o.jobs)
	sort.Slice(g.regions, func(i, j int) bool { return g.regions[i].Extents[0].Off < g.regions[j].Extents[0].Off })
	for _, m := range g.regions {
		if m.err != nil {
			return nil, m.err
		}
		o.rec.members.add(&m.Member)
	}
	o.rec.Spans, o.rec.Padding = g.spans.list()
	sortGaps(o.rec.Gaps)
	return o.rec, o.w.stopped(o.ctx)
}

// sortGaps puts gaps in an order that does not depend on scheduling.
func sortGaps(g []wardein.Gap) {
	sort.SliceStable(g, func(i, j int) bool {
		a, b := &g[i], &g[j]
		switch {
		case a.Off != b.Off:
			return a.Off < b.Off
		case a.Node != b.Node:
			return a.Node < b.Node
		case a.Kind != b.Kind:
			return a.Kind < b.Kind
		}
		return a.Why < b.Why
	})
}
