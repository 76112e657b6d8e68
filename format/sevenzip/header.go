package sevenzip

import (
	"errors"
	"fmt"
	"math/bits"
)

// The property identifiers.
const (
	idEnd              = 0x00
	idHeader           = 0x01
	idProperties       = 0x02
	idAdditional       = 0x03
	idMainStreams      = 0x04
	idFiles            = 0x05
	idPackInfo         = 0x06
	idUnpackInfo       = 0x07
	idSubStreams       = 0x08
	idSize             = 0x09
	idCRC              = 0x0A
	idFolder           = 0x0B
	idCodersUnpackSize = 0x0C
	idNumUnpackStream  = 0x0D
	idEmptyStream      = 0x0E
	idEmptyFile        = 0x0F
	idAnti             = 0x10
	idNames            = 0x11
	idMTime            = 0x14
	idAttributes       = 0x15
	idEncodedHeader    = 0x17
)

const (
	maxCoders  = 32
	maxStreams = 32 // of one folder
)

// cursor reads a header; once it ran over the end it gives zeros and bad is
// set.
type cursor struct {
	b   []byte
	at  int
	bad bool
}

func (c *cursor) left() int { return len(c.b) - c.at }

func (c *cursor) bytes(n int64) []byte {
	if n < 0 || n > int64(c.left()) {
		c.bad, c.at = true, len(c.b)
		return nil
	}
	b := c.b[c.at : c.at+int(n)]
	c.at += int(n)
	return b
}

func (c *cursor) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads a number of variable length: the one bits that lead the first
// byte count the bytes that follow, the rest of it is the highest bits. Numbers
// of 2^62 and more are none.
func (c *cursor) number() int64 {
	first := c.byte()
	n := bits.LeadingZeros8(^first)
	var v uint64
	for i, b := range c.bytes(int64(n)) {
		v |= uint64(b) << (8 * i)
	}
	if n < 8 {
		v |= uint64(first&(0x7F>>n)) << (8 * n)
	}
	if v >= 1<<62 {
		c.bad = true
		return 0
	}
	return int64(v)
}

func (c *cursor) err(what string) error {
	return fmt.Errorf("%s at header byte %d of %d: cut off or bad", what, c.at, len(c.b))
}

// vector is a property that some of many things have.
type vector struct {
	all   bool
	have  []byte // a bit each, highest first
	vals  []byte
	width int
	i     int
}

func bit(b []byte, i int) bool { return i>>3 < len(b) && b[i>>3]<<(i&7)&0x80 != 0 }

func ones(b []byte, n int) (count int) {
	for i := 0; i < n; i++ {
		if bit(b, i) {
			count++
		}
	}
	return count
}

// next returns the value of the next thing, nil where it has none.
func (v *vector) next() []byte {
	i := v.i
	v.i++
	if !v.all && !bit(v.have, i) || len(v.vals) < v.width || v.width == 0 {
		return nil
	}
	b := v.vals[:v.width]
	v.vals = v.vals[v.width:]
	return b
}

// vector reads which of n things have a value, and, except behind a switch
// to another stream, the values.
func (c *cursor) vector(n, width int, external bool) (v vector, err error) {
	v.width = width
	count := n
	if v.all = c.byte() != 0; !v.all {
		v.have = c.bytes((int64(n) + 7) / 8)
		count = ones(v.have, n)
	}
	if external && c.byte() != 0 {
		return v, errors.New("property in another stream")
	}
	v.vals = c.bytes(int64(count) * int64(width))
	if c.bad {
		return vector{}, c.err("property")
	}
	return v, nil
}

// coder is one step of decoding.
type coder struct {
	id      uint64
	in, out int // streams
	props   []byte
}

// folder is a graph of coders.
type folder struct {
	coders  []coder
	in, out int
	binds   [][2]int // this in stream is that out stream
	packed  []int    // in streams that are packed streams
}

func (f *folder) read(c *cursor) error {
	f.coders, f.binds, f.packed, f.in, f.out = f.coders[:0], f.binds[:0], f.packed[:0], 0, 0
	n := c.number()
	if n < 1 || n > maxCoders {
		return fmt.Errorf("folder at header byte %d: %d coders, want 1 to %d", c.at, n, maxCoders)
	}
	for range n {
		flags := c.byte()
		d := coder{in: 1, out: 1}
		if flags&0x0F > 8 || flags&0xC0 != 0 {
			return fmt.Errorf("coder at header byte %d: flags %#x", c.at, flags)
		}
		for _, b := range c.bytes(int64(flags & 0x0F)) {
			d.id = d.id<<8 | uint64(b)
		}
		if flags&0x10 != 0 {
			in, out := c.number(), c.number()
			if in < 1 || in > maxStreams || out < 1 || out > maxStreams {
				return fmt.Errorf("coder at header byte %d: %d streams in, %d out, want 1 to %d", c.at, in, out, maxStreams)
			}
			d.in, d.out = int(in), int(out)
		}
		if flags&0x20 != 0 {
			d.props = c.bytes(c.number())
		}
		f.in += d.in
		f.out += d.out
		f.coders = append(f.coders, d)
	}
	if c.bad || f.in > maxStreams || f.out > maxStreams || f.in < f.out {
		return fmt.Errorf("folder at header byte %d: cut off, or bad number of streams (%d in, %d out)", c.at, f.in, f.out)
	}
	var bound [maxStreams]bool
	for range f.out - 1 {
		in, out := c.number(), c.number()
		if in >= int64(f.in) || out >= int64(f.out) {
			return fmt.Errorf("folder at header byte %d: stream %d bound to %d, there are %d and %d", c.at, in, out, f.in, f.out)
		}
		bound[in] = true
		f.binds = append(f.binds, [2]int{int(in), int(out)})
	}
	if n := f.in - len(f.binds); n > 1 {
		for range n {
			in := c.number()
			if in >= int64(f.in) {
				return fmt.Errorf("folder at header byte %d: packed stream %d of %d", c.at, in, f.in)
			}
			f.packed = append(f.packed, int(in))
		}
	} else {
		for i := range f.in {
			if !bound[i] && len(f.packed) == 0 {
				f.packed = append(f.packed, i)
			}
		}
		if len(f.packed) == 0 {
			return fmt.Errorf("folder at header byte %d: no packed stream", c.at)
		}
	}
	if c.bad {
		return c.err("folder")
	}
	return nil
}

// main is the out stream that is no other coder's in stream.
func (f *folder) main() int {
	for i := range f.out {
		free := true
		for _, b := range f.binds {
			free = free && b[1] != i
		}
		if free {
			return i
		}
	}
	return -1
}

// streams is a StreamsInfo structure, validated, as places in the header.
type streams struct {
	packPos int64
	packs   int64
	folders int64
	subs    int64 // members with content

	packSizes, graphs, unpackSizes cursor
	sums                           vector
	counts, subSizes               cursor
	counted, sized                 bool
	subSums                        vector
}

func readStreams(c *cursor) (*streams, error) {
	s := &streams{packPos: signatureLen}
	id := c.number()
	if id == idPackInfo {
		s.packPos += c.number()
		s.packs = c.number()
		for id = c.number(); id != idEnd && !c.bad; id = c.number() {
			switch id {
			case idSize:
				s.packSizes = *c
				if !skip(c, s.packs) {
					return nil, c.err("sizes of packed streams")
				}
			case idCRC:
				if s.packs > int64(c.left())*8 {
					return nil, c.err("sums of packed streams")
				}
				if _, err := c.vector(int(s.packs), 4, false); err != nil {
					return nil, err
				}
			default:
				return nil, fmt.Errorf("packed streams at header byte %d: property %#x", c.at, id)
			}
		}
		id = c.number()
	}
	if id == idUnpackInfo {
		if err := s.unpackInfo(c); err != nil {
			return nil, err
		}
		id = c.number()
	}
	s.subs = s.folders
	if id == idSubStreams {
		if err := s.subStreams(c); err != nil {
			return nil, err
		}
		id = c.number()
	}
	if c.bad || id != idEnd {
		return nil, fmt.Errorf("streams at header byte %d: property %#x, want the end", c.at, id)
	}
	return s, nil
}

func skip(c *cursor, numbers int64) bool {
	for ; numbers > 0 && !c.bad; numbers-- {
		c.number()
	}
	return !c.bad
}

func (s *streams) unpackInfo(c *cursor) error {
	if id := c.number(); id != idFolder {
		return fmt.Errorf("folders at header byte %d: property %#x, want %#x", c.at, id, idFolder)
	}
	s.folders = c.number()
	if s.folders > int64(c.left()) {
		return fmt.Errorf("folders at header byte %d: %d folders in %d bytes", c.at, s.folders, c.left())
	}
	if c.byte() != 0 {
		return errors.New("folders in another stream")
	}
	s.graphs = *c
	var f folder
	var outs, packs int64
	for range s.folders {
		if err := f.read(c); err != nil {
			return err
		}
		outs += int64(f.out)
		packs += int64(len(f.packed))
	}
	if packs > s.packs {
		return fmt.Errorf("folders take %d packed streams, there are %d", packs, s.packs)
	}
	if id := c.number(); id != idCodersUnpackSize {
		return fmt.Errorf("folders at header byte %d: property %#x, want %#x", c.at, id, idCodersUnpackSize)
	}
	s.unpackSizes = *c
	if !skip(c, outs) {
		return c.err("sizes of folders")
	}
	for id := c.number(); id != idEnd; id = c.number() {
		if id != idCRC {
			return fmt.Errorf("folders at header byte %d: property %#x", c.at, id)
		}
		var err error
		if s.sums, err = c.vector(int(s.folders), 4, false); err != nil {
			return err
		}
	}
	if c.bad {
		return c.err("folders")
	}
	return nil
}

func (s *streams) subStreams(c *cursor) error {
	id := c.number()
	if id == idNumUnpackStream {
		s.counts, s.counted = *c, true
		if !skip(c, s.folders) {
			return c.err("numbers of members")
		}
		id = c.number()
	}
	s.sized = id == idSize
	s.subSizes = *c
	counts, sums := s.counts, s.sums
	s.subs = 0
	unsummed := int64(0)
	for range s.folders {
		n := int64(1)
		if s.counted {
			n = counts.number()
		}
		if sum := sums.next(); n != 1 || sum == nil {
			unsummed += n
		}
		s.subs += n
		switch {
		case s.sized:
			if !skip(c, n-1) {
				return c.err("sizes of members")
			}
		case n > 1:
			return fmt.Errorf("folder of %d members without their sizes", n)
		}
	}
	if s.sized {
		id = c.number()
	}
	for ; id != idEnd && !c.bad; id = c.number() {
		if id != idCRC {
			return fmt.Errorf("members at header byte %d: property %#x", c.at, id)
		}
		if unsummed > int64(c.left())*8 {
			return c.err("sums of members")
		}
		var err error
		if s.subSums, err = c.vector(int(unsummed), 4, false); err != nil {
			return err
		}
	}
	if c.bad {
		return c.err("members")
	}
	return nil
}

// walker goes through the folders of a streams.
type walker struct {
	s      streams // its cursors advance
	folder folder
	index  int64
	pos    int64 // of the next packed stream

	packOff, packSize []int64
	sizes             []int64 // of the out streams
	sum               uint32
	summed            bool
	members           int64
	rest              int64 // of the folder's size, for the last member
}

func (s *streams) walk() *walker { return &walker{s: *s, pos: s.packPos} }

func (w *walker) next() bool {
	if w.index == w.s.folders {
		return false
	}
	w.index++
	if w.folder.read(&w.s.graphs) != nil {
		return false
	}
	w.packOff, w.packSize, w.sizes = w.packOff[:0], w.packSize[:0], w.sizes[:0]
	for range w.folder.packed {
		n := w.s.packSizes.number()
		w.packOff, w.packSize = append(w.packOff, w.pos), append(w.packSize, n)
		if w.pos += n; w.pos < 0 {
			w.pos = 1 << 62 // beyond every archive
		}
	}
	for range w.folder.out {
		w.sizes = append(w.sizes, w.s.unpackSizes.number())
	}
	w.sum, w.summed = sumOf(w.s.sums.next())
	w.members = 1
	if w.s.counted {
		w.members = w.s.counts.number()
	}
	w.rest = w.size()
	return true
}

func sumOf(b []byte) (uint32, bool) {
	if b == nil {
		return 0, false
	}
	return le.Uint32(b), true
}

func (w *walker) size() int64 {
	if i := w.folder.main(); i >= 0 {
		return w.sizes[i]
	}
	return 0
}

// member returns size and sum of the folder's next member; last says that it
// is the last one.
func (w *walker) member(last bool) (size int64, sum uint32, summed bool, err error) {
	size = w.rest
	if !last {
		size = w.s.subSizes.number()
	}
	if size > w.rest {
		return 0, 0, false, fmt.Errorf("member of %d bytes, its folder has %d left", size, w.rest)
	}
	w.rest -= size
	if w.members == 1 && w.summed {
		return size, w.sum, true, nil
	}
	sum, summed = sumOf(w.s.subSums.next())
	return size, sum, summed, nil
}
