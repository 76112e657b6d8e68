package tar

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

// run is a piece of a sparse file that is stored.
type run struct{ off, n int64 }

// holes makes extents of stored runs, which stand one after the other from
// off on, and the holes between them. The archive holds bytes before end.
func holes(runs []run, real, off, end int64) ([]wardein.Extent, error) {
	var ext []wardein.Extent
	pos := int64(0)
	for i, r := range runs {
		if r.off < pos || r.n < 0 || r.off > real || r.n > real-r.off {
			return nil, fmt.Errorf("run %d: %d+%d does not fit behind %d in a file of %d bytes", i, r.off, r.n, pos, real)
		}
		if r.n == 0 {
			continue
		}
		if r.off > pos {
			ext = append(ext, wardein.Extent{Off: wardein.Zeros, Len: r.off - pos})
		}
		n := min(r.n, end-off)
		if n < r.n && off > end {
			n = 0
		}
		if n > 0 {
			ext = append(ext, wardein.Extent{Off: off, Len: n})
		}
		if n < r.n { // cut off, said elsewhere
			return ext, nil
		}
		off += n
		pos = r.off + r.n
	}
	if pos < real {
		ext = append(ext, wardein.Extent{Off: wardein.Zeros, Len: real - pos})
	}
	return ext, nil
}

// oldSparse reads the map of a GNU 'S' member, whose continuation blocks stand
// between header and content, and corrects where the content stands. It
// returns the length of all headers.
func (w *walker) oldSparse(b []byte, pos int64, m *content) (int64, error) {
	head := int64(block)
	m.isSparse = true
	m.real, _ = number(b[483:495])
	add := func(f []byte) {
		for ; len(f) >= 24; f = f[24:] {
			off, ok1 := number(f[:12])
			n, ok2 := number(f[12:24])
			if f[0] != 0 && f[12] != 0 && ok1 && ok2 && w.out != nil {
				m.sparse = append(m.sparse, run{off, n})
			}
		}
	}
	add(b[386:482])
	for more := b[482] != 0; more; {
		x, err := w.block(pos + head)
		if err != nil {
			return head, err
		}
		if x == nil {
			break
		}
		add(x[:504])
		more = x[504] != 0
		head += block
	}
	m.off = pos + head
	m.have = max(0, min(m.size, w.size-m.off))
	m.next = min(m.off+pad(m.have), w.size)
	return head, nil
}

// paxSparse returns the map of a pax 0.0, 0.1 or 1.0 member, the length of the
// file with its holes, and where the stored runs begin.
func (w *walker) paxSparse(m *content) ([]run, int64, int64, error) {
	p := &w.local
	if p.sparseMajor == 0 {
		return p.sparseMap, p.realSize, m.off, nil
	}
	if p.sparseMajor != 1 {
		return nil, 0, 0, fmt.Errorf("version %d", p.sparseMajor)
	}
	br := bufio.NewReaderSize(io.NewSectionReader(w.r, m.off, m.have), 4096)
	used := int64(0)
	line := func() (int64, error) {
		s, err := br.ReadSlice('\n')
		used += int64(len(s))
		if err != nil || len(s) > 21 {
			return 0, fmt.Errorf("line at %#x: no number", m.off+used)
		}
		n, err := strconv.ParseInt(string(s[:len(s)-1]), 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("line at %#x: bad number %q", m.off+used, s)
		}
		return n, nil
	}
	count, err := line()
	if err != nil {
		return nil, 0, 0, err
	}
	if count > m.have/4 { // each run takes four bytes and more
		return nil, 0, 0, fmt.Errorf("%d runs in %d bytes", count, m.have)
	}
	var runs []run
	for range count {
		off, err := line()
		if err != nil {
			return nil, 0, 0, err
		}
		n, err := line()
		if err != nil {
			return nil, 0, 0, err
		}
		runs = append(runs, run{off, n})
	}
	return runs, p.realSize, m.off + min(pad(used), m.have), nil
}

func parseMap(s string) ([]run, error) {
	if s == "" {
		return nil, nil
	}
	fields := strings.Split(s, ",")
	if len(fields)%2 != 0 {
		return nil, fmt.Errorf("odd count of numbers")
	}
	var runs []run
	for i := 0; i < len(fields); i += 2 {
		off, err1 := strconv.ParseInt(fields[i], 10, 64)
		n, err2 := strconv.ParseInt(fields[i+1], 10, 64)
		if err1 != nil || err2 != nil || off < 0 || n < 0 {
			return nil, fmt.Errorf("bad run %q,%q", fields[i], fields[i+1])
		}
		runs = append(runs, run{off, n})
	}
	return runs, nil
}
