package compare

import (
	"bytes"
	"fmt"
	"io"
)

// differing is how two contents differ byte by byte.
type differing struct {
	runs  int64 // of differing bytes at one place, where the lengths are equal
	bytes int64
	first [][2]int64 // the first runs: offset and length
	// Where the lengths differ: how many bytes at the beginning and at the end
	// are equal.
	head, tail int64
}

// maxRuns bounds the runs that are listed.
const maxRuns = 8

// bytesOf compares two contents in one pass of little memory.
func bytesOf(a, b Content) (d differing, err error) {
	if a.Size() != b.Size() {
		d.head, err = equal(a, b, 0)
		if err == nil {
			d.tail, err = equalEnd(a, b, min(a.Size(), b.Size())-d.head)
		}
		d.bytes = max(a.Size(), b.Size()) - d.head - d.tail
		return d, err
	}
	x, y := buffers(a.Size())
	open := int64(-1) // where the run that goes on began
	size := a.Size()
	for off := int64(0); off < size; {
		n := min(int64(len(x)), size-off)
		if err := readBoth(a, b, x[:n], y[:n], off); err != nil {
			return d, err
		}
		if open < 0 && bytes.Equal(x[:n], y[:n]) {
			off += n
			continue
		}
		for i := range n {
			switch {
			case x[i] != y[i]:
				d.bytes++
				if open < 0 {
					open = off + i
				}
			case open >= 0:
				d.run(open, off+i)
				open = -1
			}
		}
		off += n
	}
	if open >= 0 {
		d.run(open, size)
	}
	return d, nil
}

func buffers(size int64) (x, y []byte) {
	n := min(size, 64<<10)
	return make([]byte, n), make([]byte, n)
}

// same tells whether two contents are equal.
func same(a, b Content) (bool, error) {
	if a.Size() != b.Size() {
		return false, nil
	}
	n, err := equal(a, b, 0)
	return n == a.Size(), err
}

func (d *differing) run(from, to int64) {
	d.runs++
	if len(d.first) < maxRuns {
		d.first = append(d.first, [2]int64{from, to - from})
	}
}

func readBoth(a, b io.ReaderAt, x, y []byte, off int64) error {
	if n, err := a.ReadAt(x, off); n < len(x) {
		return fmt.Errorf("read at %#x: %w", off, err)
	}
	if n, err := b.ReadAt(y, off); n < len(y) {
		return fmt.Errorf("read at %#x: %w", off, err)
	}
	return nil
}

// equal is how many bytes are equal from the beginning on.
func equal(a, b Content, off int64) (int64, error) {
	x, y := buffers(min(a.Size(), b.Size()))
	for end := min(a.Size(), b.Size()); off < end; {
		n := min(int64(len(x)), end-off)
		if err := readBoth(a, b, x[:n], y[:n], off); err != nil {
			return off, err
		}
		if bytes.Equal(x[:n], y[:n]) {
			off += n
			continue
		}
		for i := range n {
			if x[i] != y[i] {
				return off + i, nil
			}
		}
		off += n
	}
	return off, nil
}

// equalEnd is how many bytes are equal up to the end, most at most.
func equalEnd(a, b Content, most int64) (n int64, err error) {
	x, y := buffers(most)
	for n < most {
		k := min(int64(len(x)), most-n)
		if got, err := a.ReadAt(x[:k], a.Size()-n-k); int64(got) < k {
			return n, err
		}
		if got, err := b.ReadAt(y[:k], b.Size()-n-k); int64(got) < k {
			return n, err
		}
		if bytes.Equal(x[:k], y[:k]) {
			n += k
			continue
		}
		for i := k - 1; i >= 0; i-- {
			if x[i] != y[i] {
				return n + k - 1 - i, nil
			}
		}
		n += k
	}
	return n, nil
}

// items are the runs as a reader sees them.
func (d *differing) items() (list []Line) {
	for _, r := range d.first {
		list = append(list, Line{' ', fmt.Sprintf("%d bytes at %#x", r[1], r[0])})
	}
	return list
}

// String is the difference in a few words.
func (d *differing) String() string {
	if d.runs > 0 {
		return fmt.Sprintf("%s in %s, the first at %#x", plural(d.bytes, "byte"), plural(d.runs, "run"), d.first[0][0])
	}
	return fmt.Sprintf("equal up to %#x, and the last %s", d.head, plural(d.tail, "byte"))
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%s %ss", grouped(n), what)
}
