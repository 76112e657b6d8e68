package inflate

import (
	"encoding/binary"
	"io"
)

// status says why the core stopped.
type status uint8

const (
	ended     status = iota // the last block is over
	full                    // there is output beyond the window's end
	hungry                  // wants more input
	truncated               // the input ends inside the stream
	damaged                 // see fault
	more                    // goes on
)

// A step is what comes next in the input.
type step uint8

const (
	header  step = iota
	storage      // LEN and NLEN of a stored block
	storing
	counts // of a dynamic block's codes
	order  // lengths of the codes that lengths are in
	lengths
	symbols
	over
)

// scramble is the order in which the lengths of the first code stand (section
// 3.2.7).
var scramble = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// core is the state of a decoder between two calls of run.
type core struct {
	// out[:pos] is what was decoded and the window at the same time.
	out []byte
	pos int

	in   int    // next byte of the input at hand
	bits uint64 // read from it: n, and above them what the next bytes bring
	n    uint
	past int64 // input of calls before
	fault

	next    step
	final   bool
	left    int // bytes of a stored block, or of a match that the window's end cut off
	back    int // distance of that match
	codes   *tables
	nlit    int // codes of a dynamic block
	ndist   int
	npre    int
	have    int // lengths read
	lens    [maxLit + maxDist]uint8
	preLens [19]uint8
	pre     [1 << preBits]uint32
	own     tables
}

// reset makes c a decoder into out after the content out[:have].
func (c *core) reset(out []byte, have int) {
	c.out, c.pos = out, have
	c.in, c.bits, c.n, c.past = 0, 0, 0, 0
	c.next, c.final, c.left = header, false, 0
}

func (c *core) err(st status) error {
	switch st {
	case full:
		return ErrLong
	case truncated, hungry:
		return io.ErrUnexpectedEOF
	case damaged:
		f := c.fault
		return &f
	}
	return nil
}

// run decodes src until the window is full, and returns how many bytes of it were
// used, whole ones: the next call's src goes on there. hungry, which at least one
// byte more satisfies, comes only without last.
func (c *core) run(src []byte, last bool) (int, status) {
	c.in = 0
	st := c.decode(src)
	if st == hungry && last {
		c.in, c.n, st = len(src), 0, truncated
	}
	c.in -= int(c.n >> 3)
	c.n &= 7
	c.bits &= 1<<c.n - 1
	c.past += int64(c.in)
	return c.in, st
}

// fill brings at least 56 bits, or all there are.
func (c *core) fill(src []byte) {
	if len(src)-c.in >= 8 {
		c.bits |= binary.LittleEndian.Uint64(src[c.in:]) << (c.n & 63)
		c.in += int(63-c.n) >> 3
		c.n |= 56
		return
	}
	for c.n < 56 && c.in < len(src) {
		c.bits |= uint64(src[c.in]) << (c.n & 63)
		c.in++
		c.n += 8
	}
}

func (c *core) drop(n uint) {
	c.bits >>= n & 63
	c.n -= n
}

// bad notes damage where the bits not yet dropped begin.
func (c *core) bad(what string, found, want int) status {
	c.fault = fault{c.past + int64(c.in) - int64(c.n>>3), what, int64(found), int64(want)}
	return damaged
}

func (c *core) decode(src []byte) status {
	for {
		c.fill(src)
		switch c.next {
		case header:
			if c.n < 3 {
				return hungry
			}
			kind := int(c.bits >> 1 & 3)
			if kind == 3 {
				return c.bad("block type %d, want at most %d", kind, 2)
			}
			c.final = c.bits&1 != 0
			c.drop(3)
			c.next = [...]step{storage, symbols, counts}[kind]
			if kind == 1 {
				c.codes = fixed()
			}
		case storage:
			if pad := c.n & 7; c.n < pad+32 {
				return hungry
			}
			c.drop(c.n & 7)
			size, inverse := int(c.bits&0xFFFF), int(c.bits>>16&0xFFFF)
			if size^inverse != 0xFFFF {
				return c.bad("stored block's length inverted is %#04x, want %#04x", inverse, size^0xFFFF)
			}
			c.drop(32)
			c.next, c.left = storing, size
		case storing:
			// Whole bytes that were read ahead are read again.
			c.in -= int(c.n >> 3)
			c.bits, c.n = 0, 0
			k := copy(c.out[c.pos:], src[c.in:min(len(src), c.in+c.left)])
			c.pos += k
			c.in += k
			if c.left -= k; c.left > 0 {
				if c.pos == len(c.out) {
					return full
				}
				return hungry
			}
			c.next = header
			if c.final {
				c.next = over
			}
		case counts:
			if c.n < 14 {
				return hungry
			}
			c.nlit, c.ndist, c.npre = int(c.bits&31)+257, int(c.bits>>5&31)+1, int(c.bits>>10&15)+4
			if c.nlit > maxLit {
				return c.bad("%d literal and length codes, want at most %d", c.nlit, maxLit)
			}
			if c.ndist > maxDist {
				return c.bad("%d distance codes, want at most %d", c.ndist, maxDist)
			}
			c.drop(14)
			c.next, c.have = order, 0
			c.preLens = [19]uint8{}
		case order:
			for ; c.have < c.npre && c.n >= 3; c.have++ {
				c.preLens[scramble[c.have]] = uint8(c.bits & 7)
				c.drop(3)
			}
			if c.have < c.npre {
				if c.in == len(src) {
					return hungry
				}
				continue
			}
			// zlib lets no codes pass here: all lengths are zero then, of one
			// bit each, and the end of block is missing.
			if v := build(c.pre[:], preBits, c.preLens[:], preEntries); v != complete && v != empty {
				return c.bad("code of code lengths: "+verdicts[v], len(c.preLens), 0)
			}
			c.next, c.have = lengths, 0
		case lengths:
			if st := c.readLengths(src); st != ended {
				return st
			}
			c.next = symbols
		case symbols:
			if st := c.repeat(); st != more {
				return st
			}
			st := c.content(src)
			if st != ended {
				return st
			}
			c.next = header
			if c.final {
				c.next = over
			}
		case over:
			return ended
		}
	}
}

var verdicts = [...]string{
	single:     "one code of one bit for %[1]d symbols, want a whole code",
	incomplete: "lengths of %[1]d symbols leave bits without a meaning, want a whole code",
	overfull:   "lengths of %[1]d symbols need more codes than there are",
}

// readLengths reads the lengths of both codes and makes their tables.
func (c *core) readLengths(src []byte) status {
	total := c.nlit + c.ndist
	for c.have < total {
		if c.n < 14 {
			c.fill(src)
		}
		e := c.pre[c.bits&(1<<preBits-1)]
		take, sym := uint(e&15), e>>16
		if sym < 16 {
			if take > c.n {
				return hungry
			}
			c.lens[c.have] = uint8(sym)
			c.have++
			c.drop(take)
			continue
		}
		value, run, extra := uint8(0), 3, uint(2)
		switch sym {
		case 16:
			if c.have == 0 && take <= c.n {
				return c.bad("code length repeated with %d before it, want at least %d", 0, 1)
			}
			value = c.lens[max(0, c.have-1)]
		case 17:
			extra = 3
		case 18:
			run, extra = 11, 7
		}
		if take+extra > c.n {
			return hungry
		}
		run += int(c.bits >> take & (1<<extra - 1))
		if c.have+run > total {
			return c.bad("%d code lengths, want %d", c.have+run, total)
		}
		for i := range c.lens[c.have : c.have+run] {
			c.lens[c.have+i] = value
		}
		c.have += run
		c.drop(take + extra)
	}
	if c.lens[256] == 0 {
		return c.bad("no code for the end of block: found length %d, want at least %d", 0, 1)
	}
	if v := build(c.own.lit[:], litBits, c.lens[:c.nlit], litEntries); v > single {
		return c.bad("code of literals and lengths: "+verdicts[v], c.nlit, 0)
	}
	if v := build(c.own.dist[:], distBits, c.lens[c.nlit:total], distEntries); v > empty {
		return c.bad("code of distances: "+verdicts[v], c.ndist, 0)
	}
	c.codes = &c.own
	return ended
}

// content decodes symbols up to the end of the block.
func (c *core) content(src []byte) status {
	for {
		if len(src)-c.in >= inSlack && len(c.out)-c.pos >= outSlack {
			if st := c.fast(src); st != more {
				return st
			}
		}
		if st := c.symbol(src); st != more {
			return st
		}
	}
}

// symbol decodes one symbol near the end of the input or of the window. It
// takes nothing unless all of it is there.
func (c *core) symbol(src []byte) status {
	c.fill(src)
	e := c.codes.lit[c.bits&litMask]
	if e&deeper != 0 {
		e = c.codes.lit[e>>16+uint32(c.bits>>litBits)&(1<<(e>>8&15)-1)]
	}
	take := uint(e & 63)
	if e&double != 0 { // one at a time
		take = uint(e >> 8 & 15)
	}
	if take > c.n {
		return hungry
	}
	switch {
	case e&ending != 0:
		c.drop(take)
		return ended
	case e&other != 0:
		return c.bad("bits %#x are no literal and no length, want a symbol up to %d", int(c.bits&(1<<take-1)), maxLit-1)
	case c.pos == len(c.out):
		return full
	case e&literal != 0:
		c.out[c.pos] = byte(e >> 16)
		c.pos++
		c.drop(take)
		return more
	}
	length := int(e>>16) + int(c.bits&(1<<take-1)>>(e>>8&15))
	rest := c.bits >> take
	d := c.codes.dist[rest&distMask]
	if d&deeper != 0 {
		d = c.codes.dist[d>>16+uint32(rest>>distBits)&(1<<(d>>8&15)-1)]
	}
	dtake := uint(d & 63)
	if take+dtake > c.n {
		return hungry
	}
	back := int(d>>16) + int(rest&(1<<dtake-1)>>(d>>8&15))
	if d&other != 0 || back > c.pos {
		return c.badDistance(d, back)
	}
	c.drop(take + dtake)
	c.left, c.back = length, back
	return c.repeat()
}

func (c *core) badDistance(d uint32, back int) status {
	if d&other != 0 {
		return c.bad("no distance has the code of %d bits that is there, want a symbol up to %d", int(d&63), maxDist-1)
	}
	return c.bad("distance %d, content before it has %d bytes", back, c.pos)
}

// repeat copies the match c.left, c.back, and returns full where there is no
// room for all of it.
func (c *core) repeat() status {
	n := min(c.left, len(c.out)-c.pos)
	c.left -= n
	end := c.pos + n
	for from := c.pos - c.back; c.pos < end; {
		c.pos += copy(c.out[c.pos:end], c.out[from:c.pos])
	}
	if c.left > 0 {
		return full
	}
	return more
}
