package vulndb

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"io"
	"os"
	"slices"
)

// sorter brings rows into the order of product and record, within a bounded
// memory: what is more goes to a file in sorted runs, which are merged. Rows
// that are equal in both stay in the order in which they came.
type sorter struct {
	dir  string
	buf  []byte // rows one behind the other
	rows []row
	file *os.File
	at   int64
	runs []io.Reader
}

type row struct {
	product, record uint32
	off, len        int32
}

// sorterSize is the size of a run.
const sorterSize = 24 << 20

const rowHead = 12 // product, record, length

func (s *sorter) add(product, record uint32, body []byte) error {
	s.rows = append(s.rows, row{product, record, int32(len(s.buf)), int32(len(body))})
	s.buf = append(s.buf, body...)
	if len(s.buf) < sorterSize {
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "sort-*")
		if err != nil {
			return err
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil { // lives as long as it is open
			return err
		}
	}
	from := s.at
	w := bufio.NewWriterSize(s.file, 256<<10)
	err := s.flush(func(r row, body []byte) error {
		var head [rowHead]byte
		binary.LittleEndian.PutUint32(head[0:], r.product)
		binary.LittleEndian.PutUint32(head[4:], r.record)
		binary.LittleEndian.PutUint32(head[8:], uint32(len(body)))
		s.at += rowHead + int64(len(body))
		w.Write(head[:])
		_, err := w.Write(body)
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	s.runs = append(s.runs, io.NewSectionReader(s.file, from, s.at-from))
	return err
}

// flush gives what is in memory in order, and forgets it.
func (s *sorter) flush(out func(r row, body []byte) error) error {
	slices.SortStableFunc(s.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.product, b.product), cmp.Compare(a.record, b.record))
	})
	for _, r := range s.rows {
		if err := out(r, s.buf[r.off:r.off+r.len]); err != nil {
			return err
		}
	}
	s.buf, s.rows = s.buf[:0], s.rows[:0]
	return nil
}

// merge gives all rows in order.
func (s *sorter) merge(out func(r row, body []byte) error) error {
	if len(s.runs) == 0 {
		return s.flush(out)
	}
	var last bytes.Buffer // the rest is a run, too
	var head [rowHead]byte
	if err := s.flush(func(r row, body []byte) error {
		binary.LittleEndian.PutUint32(head[0:], r.product)
		binary.LittleEndian.PutUint32(head[4:], r.record)
		binary.LittleEndian.PutUint32(head[8:], uint32(len(body)))
		last.Write(head[:])
		last.Write(body)
		return nil
	}); err != nil {
		return err
	}
	s.buf, s.rows = nil, nil
	var h runs
	for i, r := range append(s.runs, &last) {
		in := &run{i: i, r: bufio.NewReaderSize(r, 128<<10)}
		if ok, err := in.next(); err != nil {
			return err
		} else if ok {
			h = append(h, in)
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		in := h[0]
		if err := out(in.row, in.body); err != nil {
			return err
		}
		ok, err := in.next()
		if err != nil {
			return err
		}
		if ok {
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
	}
	return nil
}

func (s *sorter) close() {
	if s.file != nil {
		s.file.Close()
	}
}

type run struct {
	i int
	row
	body []byte
	r    *bufio.Reader
}

func (r *run) next() (bool, error) {
	var head [rowHead]byte
	if _, err := io.ReadFull(r.r, head[:]); err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, err
	}
	r.product, r.record = binary.LittleEndian.Uint32(head[0:]), binary.LittleEndian.Uint32(head[4:])
	n := int(binary.LittleEndian.Uint32(head[8:]))
	r.body = slices.Grow(r.body[:0], n)[:n]
	_, err := io.ReadFull(r.r, r.body)
	return true, err
}

type runs []*run

func (h runs) Len() int      { return len(h) }
func (h runs) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h runs) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.product, b.product), cmp.Compare(a.record, b.record), cmp.Compare(a.i, b.i)) < 0
}
func (h *runs) Push(x any) { *h = append(*h, x.(*run)) }
func (h *runs) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
