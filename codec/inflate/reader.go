package inflate

import (
	"bufio"
	"io"
)

const (
	window    = 32 << 10 // farthest distance
	batch     = 64 << 10 // most output between two deliveries: stays in the cache
	inputSize = 64 << 10
	minInput  = 8 // bytes, and the bits kept before them, that any symbol fits
)

// Reader decodes a stream through a window. It never reads past the end of the
// stream when it is given a *bufio.Reader; any other reader it buffers itself,
// and Consumed tells where the stream ended. The zero Reader is to be Reset.
type Reader struct {
	c   core
	in  *bufio.Reader
	own *bufio.Reader
	out int // window position that was delivered
	err error
}

// NewReader returns a reader of the stream at the beginning of r.
func NewReader(r io.Reader) *Reader {
	d := new(Reader)
	d.Reset(r)
	return d
}

// Reset makes d a reader of another stream and keeps its memory. With nil it
// only lets the last one go.
func (d *Reader) Reset(r io.Reader) {
	if d.own != nil {
		d.own.Reset(nil)
	}
	d.in, d.out, d.err = nil, 0, nil
	if d.c.out == nil {
		d.c.out = make([]byte, window+batch)
	}
	d.c.reset(d.c.out, 0)
	if r == nil {
		d.err = io.EOF
		return
	}
	if br, ok := r.(*bufio.Reader); ok {
		d.in = br
		return
	}
	if d.own == nil {
		d.own = bufio.NewReaderSize(nil, inputSize)
	}
	d.own.Reset(r)
	d.in = d.own
}

// Consumed is how many bytes of input were decoded. After Read returned io.EOF
// it is the length of the stream.
func (d *Reader) Consumed() int64 { return d.c.past }

// Read implements io.Reader. What was decoded before damage comes before the
// error.
func (d *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for d.out == d.c.pos {
		if d.err != nil {
			return 0, d.err
		}
		d.err = d.fill()
	}
	n := copy(p, d.c.out[d.out:d.c.pos])
	d.out += n
	return n, nil
}

// fill decodes into the window, of which everything was delivered, until it is
// full or the input at hand is used up.
func (d *Reader) fill() error {
	c := &d.c
	if c.pos == len(c.out) {
		c.pos = copy(c.out, c.out[c.pos-window:])
		d.out = c.pos
	}
	b, err := d.in.Peek(minInput)
	if err == nil {
		b, err = d.in.Peek(d.in.Buffered())
	}
	used, st := c.run(b, err == io.EOF)
	d.in.Discard(used)
	switch {
	case st == full:
		return nil
	case st == ended:
		return io.EOF
	case st == hungry:
		return err // none: go on
	}
	return c.err(st)
}
