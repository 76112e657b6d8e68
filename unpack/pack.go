package unpack

import (
	"crypto/sha256"
	"hash"
	"io"
	"os"
	"sync"

	"github.com/wardein/wardein"
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
	seen map[wardein.Digest]Loc
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
	return &pack{id: id, f: f, end: end, seen: map[wardein.Digest]Loc{}}, nil
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
	l, ok := p.seen[d]
	return l, ok
}

func (p *pack) remember(d wardein.Digest, l Loc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[d] = l
}

// sink takes the bytes of one decoded member: it hashes them, looks for
// signatures in the same pass, and stores them.
type sink struct {
	w     *worker
	hash  hash.Hash
	buf   []byte // bytes not yet written, at most chunkSize
	size  int64
	limit int64
	loc   Loc
	scan  pass
	head  []byte // the blob's beginning, when buf no longer holds it
	err   error
}

// headSize covers every anchored magic (the farthest is iso9660 at 0x8001).
const headSize = 68 << 10

var sinkBuffers = sync.Pool{New: func() any { b := make([]byte, 0, chunkSize); return &b }}

func (w *worker) newSink(limit int64) *sink {
	return &sink{w: w, hash: sha256.New(), buf: (*sinkBuffers.Get().(*[]byte))[:0], limit: limit}
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	total := len(p)
	if s.size+int64(len(p)) > s.limit {
		p = p[:max(0, s.limit-s.size)]
		s.err = errOutput
	}
	s.hash.Write(p)
	for len(p) > 0 {
		n := min(len(p), chunkSize-len(s.buf))
		s.buf = append(s.buf, p[:n]...)
		s.size += int64(n)
		p = p[n:]
		if len(s.buf) == chunkSize && len(p) > 0 {
			if err := s.spill(); err != nil {
				s.err = err
				return 0, err
			}
		}
	}
	if s.err != nil {
		return total - len(p), s.err
	}
	return total, nil
}

// spill moves a full buffer to the pack: the content is larger than a chunk.
func (s *sink) spill() error {
	if s.loc == nil {
		s.scan.reset(s.w.patterns)
		s.head = append([]byte(nil), s.buf[:headSize]...)
	}
	s.scan.write(s.buf)
	return s.store()
}

func (s *sink) store() error {
	if len(s.buf) == 0 {
		return nil
	}
	off := s.w.pack.reserve(int64(len(s.buf)))
	if _, err := s.w.pack.f.WriteAt(s.buf, off); err != nil {
		return &fatal{err}
	}
	if k := len(s.loc) - 1; k >= 0 && s.loc[k].Off+s.loc[k].Len == off {
		s.loc[k].Len += int64(len(s.buf))
	} else {
		s.loc = append(s.loc, Seg{Source: s.w.pack.id, Off: off, Len: int64(len(s.buf))})
	}
	s.buf = s.buf[:0]
	return nil
}

// finish ends the content and returns it as a blob. Content that is known
// already is not written, or its chunks are given back. Small content stays in
// memory until blob.done.
func (s *sink) finish() (*blob, error) {
	b := &blob{size: s.size}
	s.hash.Sum(b.digest[:0])
	if s.loc == nil {
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
		if err := s.store(); err != nil {
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

// drop gives the buffer back.
func (s *sink) drop() {
	if s.buf != nil {
		b := s.buf[:0]
		sinkBuffers.Put(&b)
		s.buf = nil
	}
}
