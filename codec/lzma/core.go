package lzma

import (
	"fmt"
	"io"
)

// status says why the core stopped.
type status uint8

const (
	full      status = iota // the output limit is reached
	hungry                  // wants more input
	marker                  // end marker
	truncated               // the last input ends inside a symbol
	damaged                 // the data contradicts itself
)

func (s status) err(at int64) error {
	switch s {
	case truncated, hungry:
		return fmt.Errorf("output byte %d: %w", at, io.ErrUnexpectedEOF)
	case damaged:
		return fmt.Errorf("%w at output byte %d", ErrDamaged, at)
	}
	return nil
}

const (
	initLen  = 5  // bytes that start the range coder
	symMax   = 21 // most input bytes that one symbol and what is owed after it take
	matchMin = 2

	probInit = 1 << 10 // a probability of one half
)

// lenProbs are the probabilities of a match length.
type lenProbs struct {
	choice [2]uint16
	low    [16 * 8]uint16
	mid    [16 * 8]uint16
	high   [256]uint16
}

// probs are all probabilities except the literals'.
type probs struct {
	isMatch    [16 * 16]uint16
	isRep      [16]uint16
	isRepG0    [16]uint16
	isRepG1    [16]uint16
	isRepG2    [16]uint16
	isRep0Long [16 * 16]uint16
	slot       [4 * 64]uint16
	special    [160]uint16
	align      [16]uint16
	length     lenProbs
	repLength  lenProbs
}

// core is the state of a decoder between two calls of run.
type core struct {
	// buf is the window. Bytes before pos are there, and where wrapped those
	// from pos on as well, which are older. start is the first byte of the
	// dictionary after a reset inside the window.
	buf     []byte
	pos     int
	start   int
	wrapped bool
	dict    int // where wrapped: the farthest distance
	// bias + pos is the position that chooses coders.
	bias uint32

	rng, code              uint32
	state                  uint32
	rep0, rep1, rep2, rep3 uint32
	pending                int // bytes of a match that the output limit cut off

	lc, lp, pb uint32
	probs      probs
	lit        []uint16
}

func (c *core) setWindow(buf []byte) {
	c.buf, c.pos, c.start, c.wrapped, c.bias, c.pending = buf, 0, 0, false, 0, 0
}

func (c *core) setProps(p Props) {
	c.lc, c.lp, c.pb = uint32(p.LC), uint32(p.LP), uint32(p.PB)
}

// resetState sets all probabilities and the state to their first values.
func (c *core) resetState() {
	p := &c.probs
	fill(p.isMatch[:])
	fill(p.isRep[:])
	fill(p.isRepG0[:])
	fill(p.isRepG1[:])
	fill(p.isRepG2[:])
	fill(p.isRep0Long[:])
	fill(p.slot[:])
	fill(p.special[:])
	fill(p.align[:])
	for _, l := range []*lenProbs{&p.length, &p.repLength} {
		fill(l.choice[:])
		fill(l.low[:])
		fill(l.mid[:])
		fill(l.high[:])
	}
	n := 0x300 << (c.lc + c.lp)
	if cap(c.lit) < n {
		c.lit = make([]uint16, n)
	}
	c.lit = c.lit[:n]
	fill(c.lit)
	c.state, c.rep0, c.rep1, c.rep2, c.rep3, c.pending = 0, 0, 0, 0, 0, 0
}

// fill doubles what is filled: with lc+lp = 12 a block's literal coder is 6 MB.
func fill(p []uint16) {
	p[0] = probInit
	for n := 1; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}

// initRange starts the range coder from the first initLen bytes of b.
func (c *core) initRange(b []byte) error {
	if b[0] != 0 {
		return fmt.Errorf("%w: range coder starts with %#x, want 0", ErrDamaged, b[0])
	}
	c.rng = 0xFFFFFFFF
	c.code = uint32(b[1])<<24 | uint32(b[2])<<16 | uint32(b[3])<<8 | uint32(b[4])
	if c.code == c.rng {
		return fmt.Errorf("%w: range coder starts with code 0xffffffff", ErrDamaged)
	}
	return nil
}

// begin applies the resets of an LZMA2 chunk.
func (c *core) begin(h chunk) {
	if h.reset == needDict {
		c.start, c.wrapped, c.bias = c.pos, false, -uint32(c.pos)
	}
	if h.stored {
		return
	}
	if h.reset >= needProps {
		c.setProps(h.props)
	}
	if h.reset >= needState {
		c.resetState()
	}
}

// run decodes src until the window position is limit. src holds at least all
// input there is when last is set. It returns how many bytes of src it used;
// hungry comes only without last.
func (c *core) run(src []byte, limit int, last bool) (int, status) {
	c.flush(limit)
	n, st := c.symbols(src, limit, len(src)-symMax)
	if st == marker {
		n += c.settle(src[n:])
	}
	if st != hungry || !last {
		return n, st
	}
	// The last bytes, one symbol at a time from a copy with room behind it. A
	// symbol that reads into the room is not there.
	var tail [2*symMax + 1]byte
	left := copy(tail[:symMax], src[n:])
	for at := 0; ; {
		if c.pos >= limit {
			return n + at, full
		}
		before := c.pos
		k, st := c.symbols(tail[at:], c.pos+1, 0)
		at += k
		if at > left {
			c.pos = before
			c.pending = 0
			return len(src), truncated
		}
		if st == marker {
			n += c.settle(src[n+at:])
		}
		if st == marker || st == damaged {
			return n + at, st
		}
		c.flush(limit)
	}
}

// settle takes the byte that the range coder owes after the last symbol, which
// some encoders cut off.
func (c *core) settle(src []byte) int {
	if c.rng >= 1<<24 || len(src) == 0 {
		return 0
	}
	c.rng <<= 8
	c.code = c.code<<8 | uint32(src[0])
	return 1
}

// finish is called when all output of LZMA1 data is there: it takes what is
// owed, and an end marker where one follows.
func (c *core) finish(src []byte) (int, status) {
	n := c.settle(src)
	if c.code == 0 || c.pending > 0 {
		return n, full
	}
	var tail [2 * symMax]byte
	left := copy(tail[:symMax], src[n:])
	k := c.markerAt(tail[:])
	if k == 0 || k > left {
		return n, full
	}
	n += k
	return n + c.settle(src[n:]), marker
}

// chunkEnd is called when all output of an LZMA2 chunk is there: its input must
// be used up then.
func (c *core) chunkEnd(rest []byte) status {
	if len(rest) != c.settle(rest) || c.code != 0 || c.pending != 0 {
		return damaged
	}
	return full
}

// flush writes what limit cut off from the last match.
func (c *core) flush(limit int) {
	n := min(c.pending, limit-c.pos)
	c.pending -= n
	c.copyMatch(n)
}

// copyMatch repeats n bytes from distance rep0+1, around the window's end.
func (c *core) copyMatch(n int) {
	from := c.pos - int(c.rep0) - 1
	if from < 0 {
		from += len(c.buf)
	}
	for range n {
		c.buf[c.pos] = c.buf[from]
		c.pos++
		if from++; from == len(c.buf) {
			from = 0
		}
	}
}
