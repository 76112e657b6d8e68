package unpack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/wardein/wardein"
)

// Visit is one node of the tree, as the walk meets it.
type Visit struct {
	Node     *wardein.Node
	Outcomes []wardein.Outcome // what the checks said; nil without content
	Loc      Loc               // where the content stands
	Rejected []Rejected
	Evidence string
	Verbatim int64 // bytes of the content that members have as they are
	Padding  int64 // bytes of padding in spans of known bytes
	// Opened tells that Node's record was read: its spans tile the content.
	Opened bool
}

// walk goes through the tree in order, has the child unpack what the store
// does not hold, and keeps the run's budgets. What it decides depends on the
// records alone, so that cold and warm runs, and any number of workers, give
// the same tree.
type walk struct {
	e       *Engine
	ctx     context.Context
	visit   func(*Visit) error
	total   int64 // budget of decoded bytes
	charged int64
	limit   int64 // what charged may reach in the container that is walked
	refused int64 // sum of what was given to blobs that needed more
	entries int64
	noted   bool // the limit of entries was reported
	source  source
}

// source is the input file that the walk is in.
type source struct {
	*dirEntry
	f     *os.File
	shown bool // its node was visited
}

// changed tells whether somebody wrote into the file since it was hashed. It
// is broken when what was hashed stands there no more.
func (s *source) changed(ctx context.Context) (why string, broken bool, err error) {
	if s.f == nil { // nothing is read of it
		return "", false, nil
	}
	st, err := s.f.Stat()
	if err == nil && stateOf(st) == s.was {
		return "", false, nil
	}
	n, d, err := hashFile(ctx, io.NewSectionReader(s.f, 0, s.size), make([]byte, chunkSize))
	switch {
	case ctx.Err() != nil:
		return "", false, ctx.Err()
	case err != nil:
		return fmt.Sprintf("%d of %d bytes could be read again: %v", n, s.size, err), true, nil
	case n < s.size:
		return fmt.Sprintf("changed while it was read: %d bytes when it was hashed, %d later", s.size, n), true, nil
	case d != s.digest:
		return "changed while it was read: what was hashed stands there no more", true, nil
	case st.Size() > s.size && s.was.size > 0: // files of /proc have no size
		return fmt.Sprintf("grew while it was read: %d bytes when it was hashed, %d later", s.size, st.Size()), false, nil
	}
	return "", false, nil
}

// Run unpacks the input and gives each node to visit, containers before their
// members, in tree order. An error ends the run; everything else is a Gap.
func (e *Engine) Run(ctx context.Context, in *Input, visit func(*Visit) error) (err error) {
	defer func() {
		if err != nil {
			e.stop()
		}
	}()
	e.input = in.Size
	w := &walk{e: e, ctx: ctx, visit: visit, total: e.Limits.total(in.Size)}
	w.limit = w.total
	if in.Dir == nil {
		loc := Loc{{Source: -1, Len: in.Size}}
		if in.Size == 0 {
			loc = Loc{}
		}
		n := &wardein.Node{Entry: wardein.Entry{Kind: wardein.File}, Size: in.Size, Blob: in.Digest}
		d := &dirEntry{size: in.Size, digest: in.Digest, was: in.whole.was}
		if in.File == nil && !e.Stored {
			return errors.New("no file to read")
		}
		if st, err := in.File.Stat(); err == nil && d.was == (fileState{}) {
			d.was = stateOf(st) // the caller hashed it
		}
		w.begin(in.File, d)
		err := w.blob(n, "", loc, in.File, nil)
		var failed *failure
		if errors.As(err, &failed) {
			if why, broken, _ := w.source.changed(ctx); broken {
				return errors.New(why)
			}
		}
		return err
	}
	return w.directory(in)
}

func (w *walk) begin(f *os.File, d *dirEntry) {
	w.e.reading = f
	w.source = source{dirEntry: d, f: f}
}

// directory walks an input directory: its entries sorted by name bytes.
func (w *walk) directory(in *Input) error {
	root := &wardein.Node{Entry: wardein.Entry{Kind: wardein.Directory}, Blob: in.Digest}
	if in.whole.gap != nil {
		root.Gaps = []wardein.Gap{*in.whole.gap}
	}
	if err := w.visit(&Visit{Node: root, Opened: true}); err != nil {
		return err
	}
	ahead := map[int]chan struct{}{}
	defer func() {
		for _, c := range ahead {
			<-c
		}
	}()
	for i := range in.entries {
		d := &in.entries[i]
		for k := i; k < min(i+filesAhead, len(in.entries)); k++ {
			if _, begun := ahead[k]; !begun && in.entries[k].digest != (wardein.Digest{}) {
				ahead[k] = w.ahead(in, k)
			}
		}
		if w.entries >= w.e.Limits.Entries {
			return w.more(in.rest(), w.e.Limits.Entries)
		}
		n := &wardein.Node{Path: d.Name, Entry: d.Entry, Size: d.size, Blob: d.digest}
		w.entries++
		if d.gap != nil {
			n.Gaps = []wardein.Gap{*d.gap}
		}
		if d.digest == (wardein.Digest{}) {
			if err := w.visit(&Visit{Node: n, Opened: d.Kind != wardein.File}); err != nil {
				return err
			}
			continue
		}
		<-ahead[i]
		delete(ahead, i)
		if err := w.file(in, i, n); err != nil {
			return err
		}
	}
	if in.more {
		return w.more(in.rest(), int64(len(in.entries)))
	}
	return nil
}

// rest is a path for what is not listed of a directory.
func (in *Input) rest() string {
	path := "…"
	for slices.ContainsFunc(in.entries, func(e dirEntry) bool { return e.Name == path }) {
		path += "…"
	}
	return path
}

// file walks the i-th file of an input directory. What happens to the file
// meanwhile costs a Gap.
func (w *walk) file(in *Input, i int, n *wardein.Node) error {
	d := &in.entries[i]
	f, err := openRegular(in.Dir, d.Name)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return w.lost(n, fmt.Sprintf("was hashed and could not be opened again: %v", err))
	}
	defer f.Close()
	loc := Loc{{Source: int64(-1 - i), Len: d.size}}
	if d.size == 0 {
		loc = Loc{}
	}
	w.begin(f, d)
	err = w.blob(n, "", loc, f, nil)
	var failed *failure
	if !errors.As(err, &failed) {
		return err
	}
	why, broken, cerr := w.source.changed(w.ctx)
	if cerr != nil || !broken {
		return err
	}
	w.e.stop() // it goes on with nothing once it could not read
	w.e.spoiled = true
	if !w.source.shown {
		return w.lost(n, why)
	}
	// No member's path ends in "#1" but that of a name that does.
	return w.visit(&Visit{Node: &wardein.Node{Path: joinPath(d.Name, "…#1"), Entry: wardein.Entry{Name: "…", Kind: wardein.Directory},
		Gaps: []wardein.Gap{{Who: "input", Kind: wardein.Damaged, Why: why + "; there may be more in it"}}}, Opened: true})
}

// lost visits a node whose content is in reach no more.
func (w *walk) lost(n *wardein.Node, why string) error {
	n.Spans = opaque(n.Size)
	n.Gaps = append(n.Gaps, wardein.Gap{Who: "input", Kind: wardein.Damaged, Len: n.Size, Why: why})
	return w.visit(&Visit{Node: n})
}

// filesAhead is how many files of an input directory the child may be busy
// with at once. The walk takes their records in order.
const filesAhead = 8

// ahead has the child begin with the i-th file and returns a channel that is
// closed when it is done with it, or can't. Whatever goes wrong is met again
// when the walk comes to the file.
func (w *walk) ahead(in *Input, i int) chan struct{} {
	done := make(chan struct{})
	d, e := &in.entries[i], w.e
	key := Key{Blob: d.digest}
	e.storeMu.Lock()
	has := e.has(key)
	e.storeMu.Unlock()
	has = has || e.Stored
	if !has && e.child == nil && e.incidents == 0 {
		if c, err := e.start(false); err == nil {
			e.child = c
		}
	}
	if c := e.child; has || c == nil || c.serial || e.volatile[key] != nil {
		close(done)
		return done
	}
	f, err := openRegular(in.Dir, d.Name)
	if err != nil {
		close(done)
		return done
	}
	c := e.child
	go func() {
		defer close(done)
		defer f.Close()
		// Records arrive as they are made; the walk looks for them.
		_ = e.request(w.ctx, c, key, true, w.total, Loc{{Source: int64(-1 - i), Len: d.size}}, f)
	}()
	return done
}

// blob visits a node with content and goes on into its members. input is set
// while the bytes stand in an input file.
func (w *walk) blob(n *wardein.Node, as string, loc Loc, input *os.File, around *ancestors) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	key := Key{n.Blob, as}
	depth := 1
	if around != nil {
		depth = around.depth + 1
	}
	switch {
	case depth > w.e.Limits.Depth:
		return w.closed(n, loc, fmt.Sprintf("at depth %d, the limit is %d", depth, w.e.Limits.Depth))
	case around.holds(key):
		return w.closed(n, loc, "contains itself: the same bytes are being opened around it")
	}
	left := w.left(n)
	rec, err := w.record(key, left, loc, input)
	if err == nil {
		defer rec.close()
	}
	if err == nil && rec.Decoded > left {
		err = errTooMuch
	}
	if errors.Is(err, errTooMuch) {
		w.refused += left
		return w.closed(n, loc, fmt.Sprintf("gives more than the %d decoded bytes that it may; %d of the run's %d are used", left, w.charged, w.total))
	}
	if err != nil {
		return err
	}
	if around == nil {
		why, broken, err := w.source.changed(w.ctx)
		switch {
		case err != nil:
			return err
		case broken && n.Path == "":
			w.e.spoiled = true
			return errors.New(why)
		case broken: // its record may be of other bytes than it says
			w.e.spoiled = true
			w.e.bar(key, wardein.Gap{Who: "input", Kind: wardein.Damaged, Len: n.Size, Why: why})
			return w.lost(n, why)
		case why != "":
			n.Gaps = append(n.Gaps, wardein.Gap{Who: "input", Kind: wardein.Damaged, Off: n.Size, Why: why})
		}
		w.source.shown = true
	}
	outer := w.limit
	w.limit = w.charged + left
	defer func() { w.limit = outer }()
	w.charged += rec.Decoded
	n.Format, n.Notes, n.Spans = rec.Format, rec.Notes, rec.Spans
	own, ofRegions := apart(rec.Gaps)
	n.Gaps = said(append(n.Gaps, own...), n.Size)
	v := &Visit{Node: n, Loc: loc, Rejected: rec.Rejected, Evidence: rec.Evidence, Verbatim: rec.Verbatim, Padding: rec.Padding, Opened: true}
	if rec.volatile {
		n.Spans = opaque(n.Size)
	} else if w.e.Look != nil {
		if v.Outcomes, err = w.outcomes(key); err != nil {
			return err
		}
	}
	if len(n.Spans) == 0 && n.Size > 0 {
		return fmt.Errorf("%q: the record of %s has no spans", n.Path, key.Blob)
	}
	if err := w.visit(v); err != nil {
		return err
	}
	if rec.Members == 0 {
		return nil
	}
	return w.members(n, key, rec, ofRegions, loc, input, &ancestors{up: around, key: key, depth: depth})
}

// left is how many decoded bytes a node and all in it may take: most of what
// is left where it stands, but something stays for what comes after, so that
// one bomb does not close the rest of the release. Once as much as the whole
// budget went into blobs that needed more, there is none left to try with.
func (w *walk) left(n *wardein.Node) int64 {
	if w.refused > w.total {
		return 0
	}
	left := w.limit - w.charged
	if n.Path != "" {
		left -= left / 8
	}
	return left
}

func (w *walk) members(n *wardein.Node, key Key, rec *openRecord, ofRegions map[string][]wardein.Gap, loc Loc, input *os.File, here *ancestors) error {
	reg := newRegion(nil, loc)
	paths := &names{}
	for {
		m, err := rec.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("record of %s: %w", key.Blob, err)
		}
		if w.entries >= w.e.Limits.Entries {
			return w.more(joinPath(n.Path, paths.next("…", false, true)), w.e.Limits.Entries)
		}
		w.entries++
		c := &wardein.Node{Path: joinPath(n.Path, paths.next(m.Name, hasContent(m.Kind), m.Kind == wardein.Directory)), Entry: m.Entry, Size: m.Size, Blob: m.Blob, Extents: m.Extents, Derived: m.Derived}
		if m.Kind == wardein.Region {
			c.Gaps = ofRegions[m.Name]
		}
		if !hasContent(m.Kind) {
			if err := w.visit(&Visit{Node: c, Opened: true}); err != nil {
				return err
			}
			continue
		}
		if m.Derived == notRead {
			c.Gaps = []wardein.Gap{{Who: "engine", Kind: wardein.Limit, Len: m.Size, Why: "content was not read: see the container's gaps"}}
			if err := w.visit(&Visit{Node: c}); err != nil {
				return err
			}
			continue
		}
		at, in := m.Loc, (*os.File)(nil)
		if m.Derived == "" {
			at = reg.slice(m.Extents)
			in = input
		}
		if err := w.blob(c, m.As, at, in, here); err != nil {
			return err
		}
	}
}

// more visits, once in a run, a node in place of the entries beyond the limit.
func (w *walk) more(path string, limit int64) error {
	if w.noted {
		return nil
	}
	w.noted = true
	why := fmt.Sprintf("%d entries were listed, the limit is %d; there are more", w.entries, limit)
	return w.visit(&Visit{Node: &wardein.Node{Path: path, Entry: wardein.Entry{Name: "…", Kind: wardein.Directory},
		Gaps: []wardein.Gap{{Who: "engine", Kind: wardein.Limit, Why: why}}}, Opened: true})
}

// closed visits a node whose content is not opened.
func (w *walk) closed(n *wardein.Node, loc Loc, why string) error {
	n.Spans = opaque(n.Size)
	n.Gaps = append(n.Gaps, wardein.Gap{Who: "engine", Kind: wardein.Limit, Len: n.Size, Why: why})
	return w.visit(&Visit{Node: n, Loc: loc})
}

func opaque(size int64) []wardein.Span {
	if size == 0 {
		return nil
	}
	return []wardein.Span{{Len: size, What: wardein.Opaque, Is: "not opened"}}
}

// openRecord is a record that is being read.
type openRecord struct {
	*RecordReader
	volatile bool // of a blob that killed the child
	in       *bufio.Reader
}

// recordReaders are the buffers through which records and outcomes are read.
var recordReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 8<<10) }}

func (r *openRecord) close() {
	if r.in != nil {
		recordReaders.Put(r.in)
	}
}

func (w *walk) record(k Key, left int64, loc Loc, input *os.File) (*openRecord, error) {
	e := w.e
	if r := e.volatile[k]; r != nil {
		return &openRecord{&RecordReader{Record: *r}, true, nil}, nil
	}
	e.storeMu.Lock()
	has := e.has(k)
	e.storeMu.Unlock()
	if !has && e.Stored {
		return nil, fmt.Errorf("%w: sha256:%s", ErrNotStored, k.Blob)
	}
	if !has {
		err := e.ask(w.ctx, k, true, left, loc, input)
		var failed *failure
		if errors.As(err, &failed) && w.ctx.Err() == nil {
			// It may have been another input file that could not be read: once
			// more, in a child that has nothing else to do.
			e.stop()
			err = e.ask(w.ctx, k, true, left, loc, input)
		}
		if err != nil {
			return nil, err
		}
		if r := e.volatile[k]; r != nil {
			return &openRecord{&RecordReader{Record: *r}, true, nil}, nil
		}
	}
	e.storeMu.Lock()
	r, err := e.Store.Result(e.resultName(frameRecord, k))
	e.storeMu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("record of %s: %w", k.Blob, err)
	}
	in := recordReaders.Get().(*bufio.Reader)
	in.Reset(r)
	rr, err := ReadRecord(in)
	if err == nil && rr.Key != k {
		err = fmt.Errorf("is of %s as %q", rr.Key.Blob, rr.Key.As)
	}
	if err != nil {
		return nil, fmt.Errorf("record of %s as %q: %w", k.Blob, k.As, err)
	}
	return &openRecord{rr, false, in}, nil
}

func (w *walk) outcomes(k Key) ([]wardein.Outcome, error) {
	w.e.storeMu.Lock()
	r, err := w.e.Store.Result(w.e.resultName(frameOutcomes, k))
	w.e.storeMu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("facts about %s: %w", k.Blob, err)
	}
	in := recordReaders.Get().(*bufio.Reader)
	defer recordReaders.Put(in)
	in.Reset(r)
	return ReadOutcomes(in)
}
