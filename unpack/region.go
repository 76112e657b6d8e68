package unpack

import (
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/store"
)

// Where bytes stand is the store's vocabulary: carving and file systems that
// store files in runs give locations, never copies.
type (
	Seg = store.Seg
	Loc = store.Loc
)

// sources are the files that locations point into.
type sources struct {
	mu    sync.RWMutex
	files map[int64]io.ReaderAt
}

func (s *sources) get(id int64) io.ReaderAt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.files[id]
}

func (s *sources) set(id int64, f io.ReaderAt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[int64]io.ReaderAt{}
	}
	if f == nil {
		delete(s.files, id)
	} else {
		s.files[id] = f
	}
}

// close closes the files.
func (s *sources) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if c, ok := f.(io.Closer); ok {
			c.Close()
		}
	}
	s.files = nil
}

// region reads a Loc.
type region struct {
	src    *sources
	segs   Loc
	starts []int64 // nil when there is one segment
	size   int64
}

func newRegion(src *sources, l Loc) *region {
	r := &region{src: src, segs: l}
	if len(l) > 1 {
		r.starts = make([]int64, len(l))
		for i, s := range l {
			r.starts[i] = r.size
			r.size += s.Len
		}
	} else {
		r.size = l.Size()
	}
	return r
}

// find returns the segment that holds off and the distance into it.
func (r *region) find(off int64) (int, int64) {
	if r.starts == nil {
		return 0, off
	}
	i := sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > off }) - 1
	return i, off - r.starts[i]
}

func (r *region) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	n := 0
	i, skip := r.find(off)
	for n < len(p) && i < len(r.segs) {
		s := r.segs[i]
		want := int(min(int64(len(p)-n), s.Len-skip))
		part := p[n : n+want]
		if s.Source == 0 {
			fill := byte(0)
			if s.Off == wardein.Ones {
				fill = 0xFF
			}
			for k := range part {
				part[k] = fill
			}
		} else {
			f := r.src.get(s.Source)
			if f == nil {
				return n, fmt.Errorf("source %d is not open", s.Source)
			}
			if got, err := f.ReadAt(part, s.Off+skip); got < want {
				if err == nil || err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				return n + got, err
			}
		}
		n += want
		skip = 0
		i++
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// slice maps extents over this region to a location of its own. Extents were
// checked by the recorder.
func (r *region) slice(ext []wardein.Extent) Loc {
	out := make(Loc, 0, len(ext))
	push := func(s Seg) {
		if k := len(out) - 1; k >= 0 && out[k].Source == s.Source &&
			(s.Source == 0 && out[k].Off == s.Off || s.Source != 0 && out[k].Off+out[k].Len == s.Off) {
			out[k].Len += s.Len
			return
		}
		out = append(out, s)
	}
	for _, x := range ext {
		if x.Len == 0 {
			continue
		}
		if x.Off < 0 {
			push(Seg{Off: x.Off, Len: x.Len})
			continue
		}
		i, skip := r.find(x.Off)
		for left := x.Len; left > 0 && i < len(r.segs); i++ {
			s := r.segs[i]
			n := min(left, s.Len-skip)
			if s.Source == 0 {
				push(Seg{Off: s.Off, Len: n})
			} else {
				push(Seg{Source: s.Source, Off: s.Off + skip, Len: n})
			}
			left -= n
			skip = 0
		}
	}
	return out
}

// pageReader is a small read-through cache for the reads that parsing makes:
// many, short and near each other. It serves one goroutine.
type pageReader struct {
	r     io.ReaderAt
	size  int64
	pages [pageCount]page
	clock uint32
	// read counts the bytes that were asked for, and a little for each call.
	read int64
}

// callCost is what a read counts besides its bytes.
const callCost = 64

type page struct {
	no   int64
	used uint32
	data []byte
}

const (
	pageSize  = 32 << 10
	pageCount = 8
)

func (c *pageReader) ReadAt(p []byte, off int64) (int, error) {
	c.read += int64(len(p)) + callCost
	if len(p) >= pageSize {
		return c.r.ReadAt(p, off)
	}
	n := 0
	for n < len(p) {
		if off+int64(n) >= c.size {
			return n, io.EOF
		}
		data, err := c.page((off + int64(n)) / pageSize)
		if err != nil {
			return n, err
		}
		in := int((off + int64(n)) % pageSize)
		if in >= len(data) {
			return n, io.EOF
		}
		n += copy(p[n:], data[in:])
	}
	return n, nil
}

// peek returns bytes of [off, to) without copying them, as many as stand in
// one page, or none when they can't be read. They are gone with the next call.
func (c *pageReader) peek(off, to int64) []byte {
	data, err := c.page(off / pageSize)
	in := off % pageSize
	if err != nil || in >= int64(len(data)) {
		return nil
	}
	p := data[in:min(int64(len(data)), in+to-off)]
	c.read += int64(len(p)) + callCost
	return p
}

func (c *pageReader) page(no int64) ([]byte, error) {
	c.clock++
	oldest := &c.pages[0]
	for i := range c.pages {
		g := &c.pages[i]
		if g.used != 0 && g.no == no {
			g.used = c.clock
			return g.data, nil
		}
		if g.used < oldest.used {
			oldest = g
		}
	}
	want := int(min(pageSize, c.size-no*pageSize))
	if cap(oldest.data) < want {
		oldest.data = make([]byte, want)
	}
	buf := oldest.data[:want]
	oldest.used = 0
	n, err := c.r.ReadAt(buf, no*pageSize)
	if n < want {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	oldest.no, oldest.used, oldest.data = no, c.clock, buf
	return buf, nil
}
