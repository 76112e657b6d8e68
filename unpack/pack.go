package unpack

import (
	"crypto/sha256"
	"hash"
	"io"
	"os"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/store"
)

// pack is the append-only file that one run writes decoded bytes into. Each
// distinct content is written once; content that turns out to be known
// already, or that belongs to a claim that lost, gives its space back to the
// next.
type pack struct {
	id int64
	f  *os.File

	mu   sync.Mutex
	end  int64
	free []int64 // offsets of whole chunks given back
	seen *store.Places
	// added is told of each new content once it stands in the pack.
	added func(wardein.Digest, Loc)
	// placing serialises writers of one content, so that it is written once
	// and never read before it is there.
	placing [64]sync.Mutex
	// written counts the bytes that went to disk, for the run's figures.
	written int64
}

// chunkSize is the piece in which large content is written while it is still
// being decoded; content up to this size is kept in memory until its digest
// is known.
const chunkSize = 1 << 20

func newPack(id int64, f *os.File) (*pack, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	return &pack{id: id, f: f, end: end, seen: store.NewPlaces(id)}, nil
}

func (p *pack) reserve(n int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written += n
	if k := len(p.free); n == chunkSize && k > 0 {
		off := p.free[k-1]
		p.free = p.free[:k-1]
		return off
	}
	off := p.end
	p.end += n
	return off
}

func (p *pack) release(l Loc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range l {
		for off := s.Off; off+chunkSize <= s.Off+s.Len; off += chunkSize {
			p.free = append(p.free, off)
		}
	}
}

// known returns where content of that digest already stands.
func (p *pack) known(d wardein.Digest) (Loc, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Get(d)
}

func (p *pack) remember(d wardein.Digest, l Loc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Put(d, l)
}

// sink takes the bytes of one decoded member: it hashes them, looks for
// signatures in the same pass, and stores them. Content larger than a chunk is
// worked on beside its decoder: while one chunk fills, an idle goroutine takes
// the one before.
type sink struct {
	w     *worker
	buf   []byte // bytes not yet taken, at most chunkSize
	size  int64
	limit int64

	taking group  // the chunk that is being taken; the fields below are its own until then
	other  []byte // the buffer that buf changes places with; nil: nothing was taken yet
	hash   hash.Hash
	loc    Loc
	scan   pass
	head   []byte // the blob's beginning, when buf no longer holds it
	err    error
}

// headSize covers every anchored magic (the farthest is iso9660 at 0x8001).
const headSize = 68 << 10

var sinkBuffers = sync.Pool{New: func() any { b := make([]byte, 0, chunkSize); return &b }}

func (w *worker) newSink(limit int64) *sink {
	return &sink{w: w, hash: sha256.New(), buf: (*sinkBuffers.Get().(*[]byte))[:0], limit: limit}
}

// Write takes the next bytes. It fails with errOutput at the sink's limit.
func (s *sink) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if s.size >= s.limit {
			return total - len(p), errOutput
		}
		if len(s.buf) == chunkSize {
			if err := s.spill(); err != nil {
				return total - len(p), err
			}
		}
		n := int(min(int64(len(p)), int64(chunkSize-len(s.buf)), s.limit-s.size))
		s.buf = append(s.buf, p[:n]...)
		s.size += int64(n)
		p = p[n:]
	}
	return total, nil
}

// spill gives a full buffer to an idle goroutine: the content is larger than
// a chunk.
func (s *sink) spill() error {
	s.w.jobs.wait(&s.taking)
	if s.err != nil {
		return s.err
	}
	if s.other == nil {
		s.other = (*sinkBuffers.Get().(*[]byte))[:0]
		s.scan.reset(s.w.patterns)
		s.head = append([]byte(nil), s.buf[:headSize]...)
	}
	full := s.buf
	s.buf, s.other = s.other[:0], full
	s.w.jobs.spawn(&s.taking, chunkSize, 0, func() {
		s.hash.Write(full)
		s.scan.write(full)
		s.err = s.store(full)
	})
	return nil
}

func (s *sink) store(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	off := s.w.pack.reserve(int64(len(p)))
	if _, err := s.w.pack.f.WriteAt(p, off); err != nil {
		return &fatal{err}
	}
	if k := len(s.loc) - 1; k >= 0 && s.loc[k].Off+s.loc[k].Len == off {
		s.loc[k].Len += int64(len(p))
	} else {
		s.loc = append(s.loc, Seg{Source: s.w.pack.id, Off: off, Len: int64(len(p))})
	}
	return nil
}

// finish ends the content and returns it as a blob. Content that is known
// already is not written, or its chunks are given back. Small content stays in
// memory until blob.done.
func (s *sink) finish() (*blob, error) {
	s.w.jobs.wait(&s.taking)
	if s.err != nil {
		s.drop()
		return nil, s.err
	}
	b := &blob{size: s.size}
	s.hash.Write(s.buf)
	s.hash.Sum(b.digest[:0])
	if s.other == nil {
		b.mem = s.buf
		b.sink = s
	} else {
		s.scan.write(s.buf)
		b.hits = s.scan.end(s.head)
	}
	lock := &s.w.pack.placing[b.digest[0]%uint8(len(s.w.pack.placing))]
	lock.Lock()
	defer lock.Unlock()
	l, ok := s.w.locate(b.digest)
	if ok {
		s.w.pack.release(s.loc)
		s.loc = l
	} else {
		if err := s.store(s.buf); err != nil {
			return nil, err
		}
		s.w.pack.remember(b.digest, s.loc)
		s.w.pack.added(b.digest, s.loc)
	}
	b.loc = s.loc
	if b.mem == nil {
		s.drop()
	}
	return b, nil
}

// drop gives the buffers back.
func (s *sink) drop() {
	s.w.jobs.wait(&s.taking)
	for _, b := range [][]byte{s.buf, s.other} {
		if b != nil {
			b = b[:0]
			sinkBuffers.Put(&b)
		}
	}
	s.buf, s.other = nil, nil
}
