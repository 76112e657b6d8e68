package lzma

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Reader decodes a stream through a window. It never reads past the end of the
// stream when it is given a *bufio.Reader; any other reader it buffers itself,
// and Consumed tells where the stream ended.
type Reader struct {
	c        core
	in       *bufio.Reader
	consumed int64
	dict     int64 // the window's final size
	out      int   // window position that Read has delivered
	made     int64 // bytes decoded
	err      error

	two   bool
	left  int64 // LZMA1: output still to come, -1: until the end marker
	begun bool
	clean bool

	need     int // LZMA2
	chunk    chunk
	chunkOut int // of the current chunk, still to come
	chunkIn  int
}

const (
	inputSize   = 64 << 10
	firstWindow = 64 << 10
	largeWindow = 8 << 20
	batch       = 64 << 10 // most output between two deliveries: stays in the cache
	minDict     = 4096
)

// NewReader returns a reader of a raw LZMA1 stream of size bytes of output, or
// of one that ends with an end marker where size is -1. An end marker right
// after size bytes is taken along.
func NewReader(r io.Reader, p Props, dict uint32, size int64) (*Reader, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if size < -1 {
		return nil, fmt.Errorf("%w: size %d", ErrDamaged, size)
	}
	d := newReader(r, dict)
	d.left = size
	if size >= 0 {
		d.dict = max(1, min(d.dict, size))
	}
	d.c.setProps(p)
	d.c.resetState()
	return d, nil
}

// NewReader2 returns a reader of an LZMA2 stream.
func NewReader2(r io.Reader, dict uint32) (*Reader, error) {
	d := newReader(r, dict)
	d.two, d.need = true, needDict
	return d, nil
}

// Reset2 makes d a reader of another LZMA2 stream and keeps its window.
func (d *Reader) Reset2(r io.Reader, dict uint32) {
	old := d.c
	*d = *newReader(r, dict)
	d.two, d.need = true, needDict
	d.c.lit = old.lit
	if int64(len(old.buf)) <= d.dict+slack {
		d.c.buf = old.buf
	}
}

func newReader(r io.Reader, dict uint32) *Reader {
	d := &Reader{dict: max(int64(dict), minDict)}
	if br, ok := r.(*bufio.Reader); ok && br.Size() >= 2*symMax {
		d.in = br
	} else {
		d.in = bufio.NewReaderSize(r, inputSize)
	}
	return d
}

// Consumed is how many bytes of input were decoded. After Read returned io.EOF
// it is the length of the stream.
func (d *Reader) Consumed() int64 { return d.consumed }

// Window is how large the window is, or will be once the next bytes are there.
func (d *Reader) Window() int64 {
	if n := int64(len(d.c.buf)); 2*n <= largeWindow {
		return n
	}
	return min(d.dict, MaxWindow)
}

// Clean says, after io.EOF, that the stream ended as an encoder ends it: with
// an end marker or with nothing left in the range coder. A change of any bit
// of LZMA1 data without an end marker shows here at the latest, almost always.
func (d *Reader) Clean() bool { return d.clean }

// Read implements io.Reader.
func (d *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for d.out == d.c.pos {
		if d.err != nil {
			return 0, d.err
		}
		d.err = d.fill(min(len(p), batch))
	}
	n := copy(p, d.c.buf[d.out:d.c.pos])
	d.out += n
	return n, nil
}

// WriteTo implements io.WriterTo: it writes straight from the window.
func (d *Reader) WriteTo(w io.Writer) (int64, error) {
	var sum int64
	for {
		for d.out < d.c.pos {
			n, err := w.Write(d.c.buf[d.out:d.c.pos])
			d.out += n
			sum += int64(n)
			if err != nil {
				return sum, err
			}
		}
		if d.err == io.EOF {
			return sum, nil
		}
		if d.err != nil {
			return sum, d.err
		}
		d.err = d.fill(batch)
	}
}

// fill decodes up to n more bytes into the window, of which everything was
// delivered. It may decode none and return nil.
func (d *Reader) fill(n int) error {
	before := d.c.pos
	var err error
	if d.two {
		err = d.fill2(n)
	} else {
		err = d.fill1(n)
	}
	if d.c.pos > before { // else the window may have been turned
		d.made += int64(d.c.pos - before)
	}
	return err
}

func (d *Reader) fill1(n int) error {
	if !d.begun {
		b, err := d.peek(initLen)
		if err != nil {
			return err
		}
		if err := d.c.initRange(b); err != nil {
			return err
		}
		d.discard(initLen)
		d.begun = true
	}
	if d.left == 0 {
		return d.end1()
	}
	if d.left > 0 {
		n = int(min(int64(n), d.left))
	}
	limit, err := d.room(n)
	if err != nil {
		return err
	}
	from := d.c.pos
	st, err := d.decode(limit, -1)
	if d.left > 0 {
		d.left -= int64(d.c.pos - from)
	}
	if err != nil {
		return err
	}
	if st == marker {
		if d.left > 0 {
			return fmt.Errorf("%w: end marker at input byte %d, %d bytes of output missing", ErrDamaged, d.consumed, d.left)
		}
		d.clean = true
		return io.EOF
	}
	return nil
}

// end1 takes what belongs to the stream after the last byte of output.
func (d *Reader) end1() error {
	b, err := d.in.Peek(symMax + 1)
	if err != nil && err != io.EOF {
		return err
	}
	k, st := d.c.finish(b)
	d.discard(k)
	d.clean = st == marker || d.c.code == 0 && d.c.pending == 0
	return io.EOF
}

func (d *Reader) fill2(n int) error {
	for d.chunkOut == 0 {
		b, err := d.in.Peek(maxChunkHead)
		if err != nil && err != io.EOF {
			return err
		}
		h, err := parseChunk(b, d.need)
		if err != nil {
			return fmt.Errorf("chunk at input byte %d: %w", d.consumed, err)
		}
		if h.end {
			d.discard(h.head)
			return io.EOF
		}
		if h.reset == needDict {
			// Everything before is delivered: start at the window's beginning.
			d.c.pos, d.out = 0, 0
		}
		d.discard(h.head)
		d.c.begin(h)
		d.chunk, d.chunkOut, d.chunkIn, d.need = h, h.unpacked, h.packed, h.next(d.need)
		if !h.stored {
			b, err := d.peek(initLen)
			if err != nil {
				return err
			}
			if err := d.c.initRange(b); err != nil {
				return fmt.Errorf("chunk at input byte %d: %w", d.consumed, err)
			}
			d.discard(initLen)
			d.chunkIn -= initLen
		}
	}
	limit, err := d.room(min(n, d.chunkOut))
	if err != nil {
		return err
	}
	from := d.c.pos
	if d.chunk.stored {
		k, err := io.ReadFull(d.in, d.c.buf[from:limit])
		d.consumed += int64(k)
		d.c.pos += k
		d.chunkOut -= k
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	st, err := d.decode(limit, d.chunkIn)
	d.chunkOut -= d.c.pos - from
	if err != nil {
		return err
	}
	if st == marker {
		return fmt.Errorf("%w: end marker inside a chunk at input byte %d", ErrDamaged, d.consumed)
	}
	if d.chunkOut == 0 {
		b, err := d.in.Peek(min(d.chunkIn, 2))
		if err != nil {
			return noEOF(err)
		}
		if d.c.chunkEnd(b) != full {
			return fmt.Errorf("%w: chunk before input byte %d is longer than its output", ErrDamaged, d.consumed+int64(d.chunkIn))
		}
		d.discard(d.chunkIn)
	}
	return nil
}

// decode runs the core up to limit. most is how much input it may use, -1 for
// no bound. It returns full or marker, or an error.
func (d *Reader) decode(limit, most int) (status, error) {
	for {
		b, err := d.in.Peek(1)
		if len(b) > 0 {
			b, err = d.in.Peek(max(symMax, d.in.Buffered()))
		}
		if err != nil && err != io.EOF {
			return damaged, err
		}
		last := err == io.EOF
		if most >= 0 && len(b) >= most {
			b, last = b[:most], true
		}
		k, st := d.c.run(b, limit, last)
		d.discard(k)
		if most >= 0 {
			most -= k
			d.chunkIn -= k
			if st == truncated && err != io.EOF {
				return damaged, fmt.Errorf("%w: chunk ends early at input byte %d", ErrDamaged, d.consumed)
			}
		}
		switch st {
		case full, marker:
			return st, nil
		case hungry:
			continue
		}
		return st, fmt.Errorf("input byte %d: %w", d.consumed, st.err(d.made+int64(d.c.pos-d.out)))
	}
}

// slack is how much longer than the dictionary a window is: a match is copied in
// words, and what they overwrite beyond it must be out of reach already.
const slack = 32

// room makes place for up to n bytes after the window position and returns the
// position up to which there is.
func (d *Reader) room(n int) (int, error) {
	c := &d.c
	if c.pos == len(c.buf) {
		switch size := int64(len(c.buf)); {
		case size >= d.dict+slack:
			c.pos, d.out, c.wrapped, c.dict = 0, 0, true, int(d.dict)
			c.bias += uint32(size)
		case size >= MaxWindow+slack:
			return 0, fmt.Errorf("%w: dictionary of %d bytes, limit %d", ErrWindow, d.dict, MaxWindow)
		default:
			// While a window grows, the old one is there, too: a large one is
			// made once. Memory that was not written to costs nothing.
			if size = max(firstWindow, 2*size); size > largeWindow {
				size = MaxWindow + slack
			}
			size = min(size, d.dict+slack, MaxWindow+slack)
			buf := make([]byte, size)
			copy(buf, c.buf)
			c.buf = buf
		}
	}
	return min(c.pos+n, len(c.buf)), nil
}

func (d *Reader) peek(n int) ([]byte, error) {
	b, err := d.in.Peek(n)
	return b, noEOF(err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (d *Reader) discard(n int) {
	n, _ = d.in.Discard(n)
	d.consumed += int64(n)
}
