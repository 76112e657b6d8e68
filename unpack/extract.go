package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/wardein/wardein"
)

// extraction runs one format's Extract and collects what it hands out. It is
// the engine's wardein.Members.
type extraction struct {
	w      *worker
	ctx    context.Context
	format *wardein.Format
	r      *io.SectionReader // for the format, on this goroutine
	view   *view             // for jobs, on any
	here   *ancestors

	members *memberList
	spans   spanList
	notes   []wardein.Note
	gaps    []wardein.Gap
	budget  int64 // decoded bytes still allowed
	decoded int64
	most    int64 // decoded bytes beyond which the run has no use for the result
	text    int64 // bytes of names, targets and attributes
	runs    int64 // runs of bytes that members are
	unused  int64 // bytes of blocks that members use parts of and do not have
	parts   recent
	clean   bool  // ran to its end, without a gap
	cut     bool  // a stream was cut at the limit: its end is not known
	said    error // the last error that is a Gap already

	wg      group
	jobsMu  sync.Mutex // guards what jobs leave behind
	jobGaps []wardein.Gap
	jobErr  error
	shared  sharedBlocks
	lists   map[int64][]blockList
}

func (w *worker) newExtraction(ctx context.Context, format int, r *io.SectionReader, v *view, here *ancestors) *extraction {
	return &extraction{w: w, ctx: ctx, format: &w.Formats[format], r: r, view: v, here: here, members: &memberList{where: w.pack.known},
		budget: w.Limits.container(v.size), most: here.left}
}

// run extracts and waits for all jobs. The error is what the format said; it
// is recorded as a Gap unless it is ErrNotMine or ends the run.
func (x *extraction) run() (end int64, err error) {
	func() {
		defer func() {
			if v := recover(); v != nil {
				end, err = x.view.size, &crash{v}
			}
		}()
		if x.format.Extract == nil {
			x.Span(wardein.Span{Len: x.view.size, What: wardein.Opaque, Is: "not opened"})
			x.Gap(wardein.Gap{Kind: wardein.Unsupported, Len: x.view.size, Why: "recognised; there is no reader for this format"})
			end = x.view.size
			return
		}
		end, err = x.format.Extract(x.ctx, x.r, x)
	}()
	x.w.jobs.wait(&x.wg)
	if x.jobErr != nil {
		return end, x.jobErr
	}
	if x.decoded > x.most {
		return end, errTooMuch
	}
	sortGaps(x.jobGaps)
	for _, g := range x.jobGaps {
		x.Gap(g)
	}
	sortGaps(x.gaps)
	if stop := x.w.stopped(x.ctx); stop != nil {
		return end, stop
	}
	var c *crash
	switch {
	case err == nil, errors.Is(err, wardein.ErrNotMine), isFatal(err):
	case errors.As(err, &c):
		x.Gap(wardein.Gap{Kind: wardein.Crashed, Why: err.Error()})
	case errors.Is(err, errOutput), errors.Is(err, errEntries), x.said != nil && errors.Is(err, x.said):
	default:
		x.Gap(wardein.Gap{Kind: wardein.Damaged, Why: err.Error()})
	}
	return end, err
}

// admit checks a new member against the limits.
func (x *extraction) admit(e *wardein.Entry) error {
	if err := x.w.stopped(x.ctx); err != nil {
		return err
	}
	if int64(x.members.len()) >= x.w.Limits.Entries {
		if !errors.Is(x.said, errEntries) {
			x.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d members were read, the limit is %d; there are more", x.members.len(), x.w.Limits.Entries)})
			x.said = errEntries
		}
		return errEntries
	}
	limit := x.w.Limits.Name
	if n := len(e.Name); n > limit {
		x.Gap(wardein.Gap{Node: e.Name[:min(64, limit)], Kind: wardein.Limit, Why: fmt.Sprintf("name of %d bytes was cut, the limit is %d", n, limit)})
		e.Name = e.Name[:limit]
	}
	if n := len(e.Target); n > limit {
		x.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Limit, Why: fmt.Sprintf("link target of %d bytes was cut, the limit is %d", n, limit)})
		e.Target = e.Target[:limit]
	}
	n := 0
	for i, a := range e.Xattrs {
		if n += len(a.Name) + len(a.Value); n > maxXattrs {
			x.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Limit, Why: fmt.Sprintf("the first %d of %d attributes take %d bytes, the limit is %d; only those before are kept", i+1, len(e.Xattrs), n, maxXattrs)})
			e.Xattrs, n = e.Xattrs[:i], n-len(a.Name)-len(a.Value)
			break
		}
	}
	x.text += int64(len(e.Name) + len(e.Target) + n)
	if most := textFloor + textEach*int64(x.members.len()+1); x.text > most {
		x.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("names, link targets and attributes of %d members take %d bytes, the limit is %d; there are more", x.members.len()+1, x.text, most)})
		x.said = errEntries
		return errEntries
	}
	return nil
}

// What a hostile container may make a record hold: a few bytes of metadata
// can name the same long attribute or the same run of bytes a million times.
const (
	maxXattrs = 128 << 10 // of one member: Linux allows 64 KiB of names and as much in one value
	textFloor = 64 << 20  // names, targets and attributes of all members, and
	textEach  = 256       // this much more for each
	runsFloor = 1 << 20   // runs of bytes that members are, and
	runsShare = 256       // one more for so many bytes of the container, and
	runsEach  = 4         // so many more for each member
)

// charge takes n bytes from the container's budget.
func (x *extraction) charge(e *wardein.Entry, n int64) error {
	if n < 0 || n > x.budget {
		x.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Limit, Why: fmt.Sprintf("holds %d bytes; the container may give %d more of %d",
			n, x.budget, x.w.Limits.container(x.view.size))})
		return errOutput
	}
	x.spend(n)
	return nil
}

func (x *extraction) spend(n int64) {
	x.budget -= n
	x.decoded += n
	x.w.decoded.Add(n)
}

func (x *extraction) Entry(e wardein.Entry) error {
	if err := x.admit(&e); err != nil {
		return err
	}
	m := Member{Entry: e}
	if hasContent(e.Kind) {
		m.Derived = notRead // the format says why by a Gap
	}
	x.members.add(&m)
	return nil
}

func (x *extraction) Extents(e wardein.Entry, ext []wardein.Extent) error {
	if err := x.admit(&e); err != nil {
		return err
	}
	m := Member{Entry: e, Extents: ext}
	for i, r := range ext {
		if err := x.inside(r); err != nil {
			return fmt.Errorf("member %q extent %d: %w", e.Name, i, err)
		}
		m.Size += r.Len
		if m.Size < 0 {
			return fmt.Errorf("member %q: extents overflow", e.Name)
		}
	}
	if err := x.charge(&e, m.Size); err != nil {
		return x.skip(e, m.Size)
	}
	x.runs += int64(len(ext))
	if most := runsFloor + x.view.size/runsShare + runsEach*int64(x.members.len()); x.runs > most {
		x.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Limit, Why: fmt.Sprintf("%d members in %d pieces, the limit for them in a container of %d bytes is %d", x.members.len()+1, x.runs, x.view.size, most)})
		x.runs -= int64(len(ext))
		return x.skip(e, m.Size)
	}
	if x.decoded > x.most {
		return errTooMuch
	}
	i := x.add(&m)
	loc := x.view.loc(ext)
	x.w.jobs.spawn(&x.wg, m.Size, 0, func() {
		b, err := x.w.hashed(loc, nil)
		x.settle(i, b, nil, err)
	})
	return nil
}

// skip keeps an entry whose content was not taken: the Gap is recorded.
func (x *extraction) skip(e wardein.Entry, size int64) error {
	e.Kind = wardein.File
	x.members.add(&Member{Entry: e, Size: size, Derived: notRead})
	return nil
}

func (x *extraction) inside(r wardein.Extent) error {
	if r.Len < 0 || r.Off < wardein.Ones || r.Off >= 0 && (r.Off > x.view.size || r.Len > x.view.size-r.Off) {
		return fmt.Errorf("%d+%d lies outside the claim's %d bytes", r.Off, r.Len, x.view.size)
	}
	return nil
}

func (x *extraction) add(m *Member) int {
	is := isMember
	if m.Derived != "" {
		is = isEncoded
	}
	for _, e := range m.Extents {
		if e.Off >= 0 && e.Len > 0 {
			x.spans.add(wardein.Span{Off: e.Off, Len: e.Len, What: wardein.Known, Is: is, Format: x.format.Name})
		}
	}
	return x.members.add(m)
}

// settle records what a job made of member i and goes on into it.
func (x *extraction) settle(i int, b *blob, gaps []wardein.Gap, err error) {
	if b != nil {
		x.members.settle(i, b.digest)
	}
	x.left(gaps, err)
	if b != nil && err == nil {
		x.w.unpack(x.ctx, b, "", x.here, false)
		b.done()
	}
}

// left records the gaps and the error of a job.
func (x *extraction) left(gaps []wardein.Gap, err error) {
	if len(gaps) == 0 && err == nil {
		return
	}
	x.jobsMu.Lock()
	defer x.jobsMu.Unlock()
	// Of more gaps than a record lists the first are kept: which those are must
	// not depend on who came first.
	if x.jobGaps = append(x.jobGaps, gaps...); len(x.jobGaps) > 4*maxGaps {
		sortGaps(x.jobGaps)
		x.jobGaps = slices.Clone(x.jobGaps[:maxGaps+1])
	}
	if x.jobErr == nil {
		x.jobErr = err
	}
}

func (x *extraction) Stream(e wardein.Entry, r io.Reader) error {
	if err := x.admit(&e); err != nil {
		return err
	}
	s := x.w.newSink(min(x.budget, x.most-x.decoded+1))
	defer func() {
		if x.decoded > x.most {
			s.drop()
		}
	}()
	buf := (*copyBuffers.Get().(*[]byte))[:copySize]
	defer copyBuffers.Put(&buf)
	var failed error
	window := int64(0)
	defer func() { x.w.windows.change(window, 0) }()
	for {
		if r, ok := r.(wardein.Windowed); ok {
			if n := min(r.Window(), maxWindows); n > max(leastWindow, window) {
				x.w.windows.change(window, n)
				window = n
			}
		}
		n, err := r.Read(buf)
		if n > 0 {
			x.w.up.progress(int64(n), 0, "")
			if _, werr := s.Write(buf[:n]); werr != nil {
				failed = werr
				break
			}
		}
		if err != nil {
			if err != io.EOF {
				failed = err
			}
			break
		}
		if err := x.w.stopped(x.ctx); err != nil {
			return err
		}
	}
	var f *fatal
	switch {
	case errors.As(failed, &f):
		return failed
	case s.size > x.most-x.decoded:
		x.spend(s.size)
		return errTooMuch
	case errors.Is(failed, errOutput):
		x.cut = true
		x.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Limit, Why: fmt.Sprintf("cut after %d bytes, the limit for a container of %d bytes; there is more",
			s.size, x.view.size)})
	case failed != nil:
		x.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Damaged, Why: fmt.Sprintf("after %d decoded bytes: %v", s.size, failed)})
		x.said = failed
	}
	x.spend(s.size)
	b, err := s.finish()
	if err != nil {
		return err
	}
	i := x.add(&Member{Entry: e, Size: b.size, Derived: x.format.Name})
	x.w.jobs.spawn(&x.wg, b.size, int64(cap(b.mem)), func() { x.settle(i, b, nil, nil) })
	return failed
}

const copySize = 128 << 10

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copySize); return &b }}

func (x *extraction) Span(s wardein.Span) {
	if s.Len > 0 {
		s.Format = x.format.Name
		x.spans.add(s)
	}
}

func (x *extraction) Note(name, value string) {
	if len(x.notes) < maxNotes {
		x.notes = append(x.notes, wardein.Note{Name: name[:min(len(name), maxWhy)], Value: value[:min(len(value), 4096)]})
	}
}

// maxNotes and maxGaps bound what a hostile container may make a record hold.
const (
	maxNotes = 1000
	maxGaps  = 10000
	maxWhy   = 1024
)

func (x *extraction) Gap(g wardein.Gap) {
	g.Who = x.format.Name
	g.Node, g.Why = g.Node[:min(len(g.Node), maxWhy)], g.Why[:min(len(g.Why), maxWhy)]
	if len(x.gaps) < maxGaps {
		x.gaps = append(x.gaps, g)
		return
	}
	last := &x.gaps[maxGaps-1]
	last.Kind, last.Who, last.Why = wardein.Limit, x.format.Name, fmt.Sprintf("more than %d gaps in one container; the rest is not listed", maxGaps)
}
