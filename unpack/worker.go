package unpack

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/flat"
)

// Look runs the checks over one blob. hits gives the offsets of the i-th of
// the literals that the engine was made with.
type Look func(ctx context.Context, b wardein.Blob, hits func(i int) []int64) []wardein.Outcome

// Config is what an engine is made of. The child process builds the same from
// its own code; only the limits cross over.
type Config struct {
	Formats  []wardein.Format
	Literals []string
	Look     Look // nil: no checks
	Limits   Limits

	patterns *patterns // nil: made from Formats and Literals
}

// worker is the side of the engine that touches hostile bytes. It runs in the
// caged child. It unpacks a blob and, eagerly, all that comes out of it; the
// walk in the parent decides what of that stands in the report.
type worker struct {
	Config
	byName  map[string]int // format name → index
	pack    *pack
	sources *sources
	up      uplink
	jobs    *jobs
	windows *windows
	total   int64 // the run's budget of decoded bytes
	decoded atomic.Int64

	mu     sync.Mutex
	begun  flat.Map[keySum, struct{}] // records that were begun in this child
	failed error                      // the first fatal error
}

// uplink is the worker's view of its parent.
type uplink interface {
	// have asks for a record and for facts of a blob in the store.
	have(k Key) bool
	// content asks where content of that digest stands in the store.
	content(d wardein.Digest) (Loc, bool)
	begin(k Key)
	record(r *Record) error
	outcomes(k Key, o []wardein.Outcome) error
	progress(read int64, files int64, what string)
}

// blob is content on its way through the worker.
type blob struct {
	digest wardein.Digest
	size   int64
	loc    Loc
	mem    []byte // the whole content, while it is still in memory
	hits   *hits  // nil until scanned
	sink   *sink  // owner of mem
}

// done ends the use of mem.
func (b *blob) done() {
	b.mem = nil
	if b.sink != nil {
		b.sink.drop()
		b.sink = nil
	}
}

// reader returns the blob's bytes for any number of goroutines.
func (w *worker) reader(b *blob) io.ReaderAt {
	if b.mem != nil {
		return memory(b.mem)
	}
	return newRegion(w.sources, b.loc)
}

// memory is an io.ReaderAt over bytes, without the state of bytes.Reader.
type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(m)) {
		return 0, io.EOF
	}
	n := copy(p, m[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// locate tells where content of that digest stands already, in this run's
// pack or in the store.
func (w *worker) locate(d wardein.Digest) (Loc, bool) {
	if l, ok := w.pack.known(d); ok {
		return l, true
	}
	if l, ok := w.up.content(d); ok {
		w.pack.remember(d, l)
		return l, true
	}
	return nil, false
}

// ancestors is the chain of blobs that are being unpacked around one.
type ancestors struct {
	up    *ancestors
	key   Key
	depth int
	left  int64 // decoded bytes that a blob may give in this run
}

func (a *ancestors) holds(k Key) bool {
	for ; a != nil; a = a.up {
		if a.key == k {
			return true
		}
	}
	return false
}

// hashed reads verbatim content once: digest, signatures and literals.
func (w *worker) hashed(l Loc, known *wardein.Digest) (*blob, error) {
	b := &blob{size: l.Size(), loc: l}
	r := newRegion(w.sources, l)
	h := sha256.New()
	var scan pass
	scan.reset(w.patterns)
	buf := (*sinkBuffers.Get().(*[]byte))[:chunkSize]
	defer func() { buf = buf[:0]; sinkBuffers.Put(&buf) }()
	var head []byte
	for off := int64(0); off < b.size; {
		n := int(min(chunkSize, b.size-off))
		if k, err := r.ReadAt(buf[:n], off); k < n {
			return nil, &fatal{err}
		}
		if known == nil {
			h.Write(buf[:n])
		}
		if b.size <= chunkSize {
			b.hits = scan.whole(buf[:n])
			break
		}
		if off == 0 {
			head = append(head, buf[:headSize]...)
		}
		scan.write(buf[:n])
		off += int64(n)
	}
	if known != nil {
		b.digest = *known
	} else {
		h.Sum(b.digest[:0])
	}
	if b.hits == nil {
		b.hits = scan.end(head)
	}
	return b, nil
}

// scanned makes sure that a blob's hits are there.
func (w *worker) scanned(b *blob) {
	if b.hits == nil && b.mem != nil {
		var scan pass
		scan.reset(w.patterns)
		b.hits = scan.whole(b.mem)
	}
}

// unpack makes the record of a blob unless this child has begun it before or
// the store holds it, and goes on into its members.
func (w *worker) unpack(ctx context.Context, b *blob, as string, around *ancestors, force bool) {
	if err := w.unpackWithin(ctx, b, as, around, force, w.total); err != nil && !errors.Is(err, errTooMuch) {
		w.fail(err)
	}
}

// unpackWithin gives up with errTooMuch when the blob's members take more
// than left decoded bytes.
func (w *worker) unpackWithin(ctx context.Context, b *blob, as string, around *ancestors, force bool, left int64) error {
	key := Key{b.digest, as}
	if !force {
		if around != nil && around.depth >= w.Limits.Depth || around.holds(key) || w.decoded.Load() > w.total {
			return nil
		}
		if !w.first(key) || w.up.have(key) {
			return nil
		}
	}
	w.up.begin(key)
	depth := 1
	if around != nil {
		depth = around.depth + 1
	}
	here := &ancestors{around, key, depth, left}
	w.scanned(b)
	rec, err := w.open(ctx, b, as, here)
	if err == nil {
		err = w.report(ctx, b, rec)
	}
	return err
}

// keySum is a key in the form in which a worker remembers millions. A record
// whose sum is another's is made when the walk asks for it.
type keySum [8]byte

func sumKey(k Key) (s keySum) {
	copy(s[:], k.Blob[:])
	for i := range len(k.As) {
		s[i%len(s)] = s[i%len(s)]*31 + k.As[i] + 1
	}
	return s
}

// first tells whether a record was not begun before, and marks it begun.
func (w *worker) first(k Key) bool {
	s := sumKey(k)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun.Put(s, struct{}{})
}

// report hands a finished record up, and what the checks say of its blob.
func (w *worker) report(ctx context.Context, b *blob, rec *Record) error {
	if err := w.up.record(rec); err != nil || w.Look == nil {
		return err
	}
	return w.up.outcomes(rec.Key, w.look(ctx, b, rec))
}

func (w *worker) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
	}
}

func (w *worker) failedErr() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (w *worker) stopped(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return errStopped
	}
	return w.failedErr()
}

// look runs the checks over a blob.
func (w *worker) look(ctx context.Context, b *blob, rec *Record) []wardein.Outcome {
	view := wardein.Blob{ReaderAt: w.reader(b), Size: b.size, Digest: b.digest, Format: rec.Format, Class: rec.Class, Members: rec.members.len() > 0}
	return w.Look(ctx, view, func(i int) []int64 {
		if b.hits == nil || i < 0 || i >= len(b.hits.literals) {
			return nil
		}
		return b.hits.literals[i]
	})
}

// isFatal tells errors that end the run from those that end one container.
func isFatal(err error) bool {
	var f *fatal
	return errors.As(err, &f) || errors.Is(err, errStopped) || errors.Is(err, errTooMuch)
}
