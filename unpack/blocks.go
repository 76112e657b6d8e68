package unpack

import (
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/wardein/wardein"
)

// Blocks takes a member that is decoded block by block. Small files are
// decoded by one job each; large ones keep all idle goroutines busy, a few
// blocks ahead of the hash.
func (x *extraction) Blocks(e wardein.Entry, blocks []wardein.Block) error {
	if err := x.admit(&e); err != nil {
		return err
	}
	m := Member{Entry: e, Derived: x.format.Name}
	verbatim, unused := true, int64(0)
	for i := range blocks {
		b := &blocks[i]
		if err := x.inside(b.Src); err != nil {
			return fmt.Errorf("member %q block %d: %w", e.Name, i, err)
		}
		if b.Len == 0 {
			b.Len = b.Size - b.From
		}
		if b.Size < 0 || b.From < 0 || b.Len < 0 || b.From > b.Size || b.Len > b.Size-b.From ||
			b.Src.Off >= 0 && b.Decode == nil && b.Size > b.Src.Len ||
			b.Decode != nil && (b.Size > maxBlock || b.Src.Len > 2*maxBlock) {
			return fmt.Errorf("member %q block %d: part %d+%d of %d bytes", e.Name, i, b.From, b.Len, b.Size)
		}
		m.Size += b.Len
		if m.Size < 0 {
			return fmt.Errorf("member %q: blocks overflow", e.Name)
		}
		if b.Decode != nil && b.Len != b.Size && x.parts.met(sharedKey{b.Src, b.Size}) {
			unused += b.Size - b.Len
		}
		if b.Src.Off >= 0 {
			verbatim = verbatim && b.Decode == nil
			ext := b.Src
			if b.Decode == nil {
				ext = wardein.Extent{Off: b.Src.Off + b.From, Len: b.Len}
			}
			m.Extents = pushExtent(m.Extents, ext)
		} else {
			m.Extents = pushExtent(m.Extents, wardein.Extent{Off: b.Src.Off, Len: b.Len})
		}
	}
	if verbatim {
		return x.Extents(e, m.Extents)
	}
	if most := partsRatio * x.w.Limits.container(x.view.size); unused > most-x.unused {
		x.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Limit, Why: fmt.Sprintf("uses parts of blocks; decoding them gives %d bytes that no member has, the limit is %d", x.unused+unused, most)})
		return x.skip(e, m.Size)
	}
	x.unused += unused
	if err := x.charge(&e, m.Size); err != nil {
		return x.skip(e, m.Size)
	}
	if x.decoded > x.most {
		return errTooMuch
	}
	i := x.add(&m)
	if twin, ok := x.twin(blocks, m.Size, i); ok {
		// The same blocks as a member before: decoded once, and its result is
		// copied when all jobs are done.
		x.wg.Add(1)
		go func() { defer x.wg.Done(); twin.wait(x, i, e.Name) }()
		return nil
	}
	done := x.lastTwin(blocks)
	x.w.jobs.spawn(&x.wg, m.Size, int64(len(blocks))*blockHolds, func() {
		b, gaps, err := x.decodeBlocks(e.Name, blocks, m.Size)
		if done != nil {
			done.finish(b, gaps)
		}
		x.settle(i, b, gaps, err)
	})
	return nil
}

// maxBlock bounds one decoded block: no format of blocks has larger ones, and
// a block is decoded in memory.
const maxBlock = 16 << 20

// blockHolds is about what a block in a list takes.
const blockHolds = 64

func pushExtent(l []wardein.Extent, x wardein.Extent) []wardein.Extent {
	if k := len(l) - 1; k >= 0 && (x.Off >= 0 && l[k].Off >= 0 && l[k].Off+l[k].Len == x.Off || x.Off < 0 && l[k].Off == x.Off) {
		l[k].Len += x.Len
		return l
	}
	if x.Len == 0 {
		return l
	}
	return append(l, x)
}

// blockList remembers a large member's blocks, so that a member made of the
// same ones is not decoded again (mksquashfs stores duplicates once).
type blockList struct {
	blocks []wardein.Block
	done   chan struct{}
	res    *twinResult
}

type twinResult struct {
	digest wardein.Digest
	gaps   []wardein.Gap
}

// twinSize is the least size for which remembering blocks pays.
const twinSize = 1 << 20

func (x *extraction) twin(blocks []wardein.Block, size int64, i int) (*blockList, bool) {
	if size < twinSize {
		return nil, false
	}
	first := blocks[0].Src.Off
next:
	for k := range x.lists[first] {
		l := x.lists[first][k]
		if len(l.blocks) != len(blocks) {
			continue
		}
		for j := range blocks {
			a, b := &l.blocks[j], &blocks[j]
			if a.Src != b.Src || a.Size != b.Size || a.From != b.From || a.Len != b.Len || (a.Decode == nil) != (b.Decode == nil) {
				continue next
			}
		}
		return &l, true
	}
	if x.lists == nil {
		x.lists = map[int64][]blockList{}
	}
	x.lists[first] = append(x.lists[first], blockList{blocks, make(chan struct{}), new(twinResult)})
	return nil, false
}

// lastTwin returns the list that twin has just remembered for these blocks.
func (x *extraction) lastTwin(blocks []wardein.Block) *blockList {
	if len(blocks) == 0 {
		return nil
	}
	l := x.lists[blocks[0].Src.Off]
	if n := len(l); n > 0 && len(l[n-1].blocks) == len(blocks) && &l[n-1].blocks[0] == &blocks[0] {
		return &l[n-1]
	}
	return nil
}

func (l *blockList) finish(b *blob, gaps []wardein.Gap) {
	if b != nil {
		l.res.digest, l.res.gaps = b.digest, gaps
	}
	close(l.done)
}

// wait settles a member with what the one before it gave, its gaps included.
func (l *blockList) wait(x *extraction, i int, name string) {
	<-l.done
	x.members.settle(i, l.res.digest)
	gaps := slices.Clone(l.res.gaps)
	for k := range gaps {
		gaps[k].Node = name
	}
	x.left(gaps, nil)
}

// piece is a run of consecutive blocks decoded into one buffer.
type piece struct {
	blocks []wardein.Block
	first  int
	buf    *[]byte
	out    []byte
	gaps   []wardein.Gap
	err    error
	job    group
}

const (
	pieceSize  = 256 << 10 // decoded bytes a piece aims at
	piecesLive = 6
)

var pieceBuffers = sync.Pool{New: func() any { b := make([]byte, 0, pieceSize); return &b }}

func (x *extraction) decodeBlocks(name string, blocks []wardein.Block, size int64) (*blob, []wardein.Gap, error) {
	s := x.w.newSink(size)
	var gaps []wardein.Gap
	var live []*piece
	take := func() error {
		p := live[0]
		live = live[1:]
		x.w.jobs.wait(&p.job)
		defer func() { *p.buf = (*p.buf)[:0]; pieceBuffers.Put(p.buf) }()
		if p.err != nil {
			return p.err
		}
		gaps = append(gaps, p.gaps[:min(len(p.gaps), maxGaps+1-len(gaps))]...)
		x.w.up.progress(int64(len(p.out)), 0, "")
		_, err := s.Write(p.out)
		return err
	}
	var failed error
	for at := 0; at < len(blocks) && failed == nil; {
		b := &blocks[at]
		if b.Src.Off < 0 { // a hole may be large: it is written, not built
			for len(live) > 0 && failed == nil {
				failed = take()
			}
			if failed == nil {
				failed = s.fill(b.Src.Off, b.Len)
			}
			at++
			continue
		}
		n, bytes := 0, int64(0)
		for ; at+n < len(blocks) && blocks[at+n].Src.Off >= 0 && (n == 0 || bytes+blocks[at+n].Len <= pieceSize); n++ {
			bytes += blocks[at+n].Len
		}
		p := &piece{blocks: blocks[at : at+n], first: at, buf: pieceBuffers.Get().(*[]byte)}
		live = append(live, p)
		if at == 0 && at+n == len(blocks) {
			x.decodePiece(name, p) // one piece: nothing to overlap with
		} else {
			x.w.jobs.spawn(&p.job, bytes, 0, func() { x.decodePiece(name, p) })
		}
		at += n
		if len(live) >= piecesLive {
			failed = take()
		}
	}
	for len(live) > 0 {
		if err := take(); failed == nil {
			failed = err
		}
	}
	if failed == nil {
		failed = x.w.stopped(x.ctx)
	}
	if failed != nil {
		s.drop()
		return nil, nil, failed
	}
	blob, err := s.finish()
	return blob, gaps, err
}

// fill writes a run of one repeated byte.
func (s *sink) fill(kind, n int64) error {
	page := zeroPage[:]
	if kind == wardein.Ones {
		page = onesPage
	}
	for n > 0 {
		k := min(n, int64(len(page)))
		if _, err := s.Write(page[:k]); err != nil {
			return err
		}
		n -= k
		if err := s.w.failedErr(); err != nil {
			return err
		}
	}
	return nil
}

var zeroPage [64 << 10]byte
var onesPage = func() []byte {
	b := make([]byte, len(zeroPage))
	for i := range b {
		b[i] = 0xFF
	}
	return b
}()

// decodePiece decodes its blocks in order. A block that fails reads as zeros
// and is a Gap.
func (x *extraction) decodePiece(name string, p *piece) {
	out := (*p.buf)[:0]
	for i := range p.blocks {
		b := &p.blocks[i]
		at := len(out)
		part := b.From != 0 || b.Len != b.Size
		var err error
		got := 0 // bytes that were decoded in spite of err
		switch {
		case b.Decode == nil:
			out = grow(out, int(b.Len))
			err = x.readSource(out[at:], b.Src.Off+b.From)
		case part:
			var data []byte
			if data, err = x.shared.get(x, b); err == nil && int64(len(data)) < b.From+b.Len {
				err = fmt.Errorf("decodes to %d bytes, want %d", len(data), b.From+b.Len)
			}
			got = len(data)
			if b.From < int64(got) {
				out = append(out, data[b.From:min(b.From+b.Len, int64(got))]...)
			}
		default:
			out = grow(out, int(b.Size))
			if got, err = x.decode(out[at:], b); err == nil && got < int(b.Size) {
				err = fmt.Errorf("decodes to %d bytes, want %d", got, b.Size)
			}
		}
		if err != nil {
			if isFatal(err) {
				p.err = err
				return
			}
			// What was decoded before the error is kept: a checksum that does
			// not fit is no reason to lose the bytes.
			kept := max(0, min(int64(got)-b.From, b.Len))
			out = grow(out[:at], int(b.Len))
			clear(out[at+int(kept):])
			p.gaps = append(p.gaps, wardein.Gap{Node: name, Who: x.format.Name, Kind: gapKind(err), Off: b.Src.Off, Len: b.Src.Len,
				Why: fmt.Sprintf("block %d: %v; %d of its %d bytes are kept, the rest reads as zeros", p.first+i, err, kept, b.Len)})
		}
	}
	p.out = out
	*p.buf = out
}

func gapKind(err error) wardein.GapKind {
	if _, ok := err.(*crash); ok {
		return wardein.Crashed
	}
	return wardein.Damaged
}

func grow(b []byte, n int) []byte {
	at := len(b)
	if cap(b)-at >= n {
		return b[:at+n]
	}
	return append(b, make([]byte, n)...)
}

func (x *extraction) readSource(p []byte, off int64) error {
	if n, err := x.view.ReadAt(p, x.view.off+off); n < len(p) {
		return &fatal{err}
	}
	return nil
}

var sourceBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// decode fills dst from the block's source and returns how much it filled.
func (x *extraction) decode(dst []byte, b *wardein.Block) (n int, err error) {
	src := sourceBuffers.Get().(*[]byte)
	defer sourceBuffers.Put(src)
	*src = grow((*src)[:0], int(b.Src.Len))
	if err := x.readSource(*src, b.Src.Off); err != nil {
		return 0, err
	}
	defer func() {
		if v := recover(); v != nil {
			err = &crash{v}
		}
	}()
	n, err = b.Decode(dst, *src)
	return min(n, len(dst)), err
}

// sharedBlocks keeps the last decoded blocks that several members use parts
// of, so that a fragment is decoded once for its neighbours.
type sharedBlocks struct {
	mu     sync.Mutex
	blocks map[sharedKey]*sharedBlock
	clock  int
}

// sharedKey tells blocks apart: a crafted volume may give one source several
// sizes.
type sharedKey struct {
	src  wardein.Extent
	size int64
}

type sharedBlock struct {
	used int
	once sync.Once
	data []byte
	err  error
}

const sharedKept = 8

// partsRatio bounds the work on blocks of which little is used: how many times
// what a container may give may be decoded for nothing.
const partsRatio = 8

// recent are the blocks that members used parts of last, in the order in which
// they were handed out. What is decoded again depends on scheduling; what is
// charged for it must not.
type recent [sharedKept]sharedKey

// met remembers a block and tells whether it was not among the last.
func (r *recent) met(k sharedKey) bool {
	i := slices.Index(r[:], k)
	if i < 0 {
		copy(r[1:], r[:])
	} else {
		copy(r[1:i+1], r[:i])
	}
	r[0] = k
	return i < 0
}

func (s *sharedBlocks) get(x *extraction, b *wardein.Block) ([]byte, error) {
	s.mu.Lock()
	if s.blocks == nil {
		s.blocks = map[sharedKey]*sharedBlock{}
	}
	key := sharedKey{b.Src, b.Size}
	e := s.blocks[key]
	if e == nil {
		if len(s.blocks) >= sharedKept {
			keys := make([]sharedKey, 0, sharedKept)
			for k := range s.blocks {
				keys = append(keys, k)
			}
			sort.Slice(keys, func(i, j int) bool { return s.blocks[keys[i]].used < s.blocks[keys[j]].used })
			delete(s.blocks, keys[0])
		}
		e = &sharedBlock{}
		s.blocks[key] = e
	}
	s.clock++
	e.used = s.clock
	s.mu.Unlock()
	e.once.Do(func() {
		// A block that decodes short serves the members whose part is there.
		var n int
		e.data = make([]byte, b.Size)
		n, e.err = x.decode(e.data, b)
		e.data = e.data[:n]
	})
	return e.data, e.err
}
