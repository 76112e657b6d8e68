package unpack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
	if in.File != nil {
		loc := Loc{{Source: -1, Len: in.Size}}
		if in.Size == 0 {
			loc = Loc{}
		}
		n := &wardein.Node{Entry: wardein.Entry{Kind: wardein.File}, Size: in.Size, Blob: in.Digest}
		e.reading = in.File
		return w.blob(n, "", loc, in.File, nil)
	}
	return w.directory(in)
}

// directory walks an input directory: its entries sorted by name bytes.
func (w *walk) directory(in *Input) error {
	if err := w.visit(&Visit{Node: &wardein.Node{Entry: wardein.Entry{Kind: wardein.Directory}, Blob: in.Digest}, Opened: true}); err != nil {
		return err
	}
	ahead := map[int]chan struct{}{}
	defer func() {
		for _, c := range ahead {
			<-c
		}
	}()
	for i, d := range in.entries {
		for k := i; k < min(i+filesAhead, len(in.entries)); k++ {
			if _, begun := ahead[k]; !begun && in.entries[k].Kind == wardein.File {
				ahead[k] = w.ahead(in, k)
			}
		}
		if w.entries >= w.e.Limits.Entries {
			path := "…"
			for slices.ContainsFunc(in.entries, func(e dirEntry) bool { return e.Name == path }) {
				path += "…"
			}
			return w.more(path)
		}
		n := &wardein.Node{Path: d.Name, Entry: d.Entry, Size: d.size, Blob: d.digest}
		w.entries++
		if d.Kind != wardein.File {
			if err := w.visit(&Visit{Node: n, Opened: true}); err != nil {
				return err
			}
			continue
		}
		<-ahead[i]
		delete(ahead, i)
		f, err := openRegular(in.Dir, d.Name)
		if err != nil {
			return err
		}
		loc := Loc{{Source: int64(-1 - i), Len: d.size}}
		if d.size == 0 {
			loc = Loc{}
		}
		w.e.reading = f
		err = w.blob(n, "", loc, f, nil)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// filesAhead is how many files of an input directory the child may be busy
// with at once. The walk takes their records in order.
const filesAhead = 8

// ahead has the child begin with the i-th file and returns a channel that is
// closed when it is done with it, or can't. Whatever goes wrong is met again
// when the walk comes to the file.
func (w *walk) ahead(in *Input, i int) chan struct{} {
	done := make(chan struct{})
	d, e := in.entries[i], w.e
	key := Key{Blob: d.digest}
	e.storeMu.Lock()
	has := e.has(key)
	e.storeMu.Unlock()
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
	outer := w.limit
	w.limit = w.charged + left
	defer func() { w.limit = outer }()
	w.charged += rec.Decoded
	n.Format, n.Notes, n.Spans = rec.Format, rec.Notes, rec.Spans
	n.Gaps = append(n.Gaps, rec.Gaps...)
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
	return w.members(n, key, rec, loc, input, &ancestors{up: around, key: key, depth: depth})
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

func (w *walk) members(n *wardein.Node, key Key, rec *openRecord, loc Loc, input *os.File, here *ancestors) error {
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
			return w.more(joinPath(n.Path, paths.next("…", false, true)))
		}
		w.entries++
		c := &wardein.Node{Path: joinPath(n.Path, paths.next(m.Name, hasContent(m.Kind), m.Kind == wardein.Directory)), Entry: m.Entry, Size: m.Size, Blob: m.Blob, Extents: m.Extents, Derived: m.Derived}
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
func (w *walk) more(path string) error {
	if w.noted {
		return nil
	}
	w.noted = true
	why := fmt.Sprintf("%d entries were listed, the limit is %d; there are more", w.entries, w.e.Limits.Entries)
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
	if !has {
		if err := e.ask(w.ctx, k, true, left, loc, input); err != nil {
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
