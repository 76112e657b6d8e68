package squashfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// cachedBlocks bounds how many decoded metadata blocks are kept (8 MiB).
const cachedBlocks = 1024

// errLimit is wrapped by errors that say that a bound on work was reached, so
// that the Gap says Limit and not Damaged.
var errLimit = errors.New("limit")

// A table names a part of the metadata, for spans and errors.
type table uint8

const (
	optionsTable table = iota
	inodeTable
	dirTable
	fragTable
	exportTable
	idTable
	xattrTable
)

var tableNames = [...]string{"compressor options", "inode table", "directory table", "fragment table", "export table", "id table", "xattr table"}

func (t table) String() string { return tableNames[t] }

// metaBlock is one decoded metadata block, or why it cannot be decoded.
type metaBlock struct {
	data []byte
	next int64 // where the block after it stands
	err  error
}

// mark is a stored run of metadata that was read.
type mark struct {
	len int64
	of  table
}

// metadata decodes metadata blocks on demand and keeps the latest. A block is
// a 16-bit length, whose top bit says "stored as it is", and as many bytes,
// which decode to at most 8 KiB.
type metadata struct {
	r      *io.SectionReader
	order  binary.ByteOrder // of the length
	check  bool             // a marker byte follows the length
	decode decoder
	blocks map[int64]*metaBlock
	ring   []int64 // positions of blocks, in the order they came
	turn   int
	marks  map[int64]mark // everything read, by position
	count  int            // blocks decoded, including again
	used   int64          // bytes handed out by cursors
	buf    []byte
}

func newMetadata(r *io.SectionReader) *metadata {
	return &metadata{r: r, blocks: map[int64]*metaBlock{}, marks: map[int64]mark{}}
}

// header returns where the content of the block at at begins, its stored
// length and whether it is encoded.
func (m *metadata) header(at int64) (begin int64, n int, encoded bool, err error) {
	var h [2]byte
	begin = at + 2
	if m.check {
		begin++
	}
	if at < 0 || begin < at || begin > m.r.Size() {
		return 0, 0, false, fmt.Errorf("metadata block at %#x: image ends at %#x", at, m.r.Size())
	}
	if _, err := m.r.ReadAt(h[:], at); err != nil {
		return 0, 0, false, fmt.Errorf("metadata block at %#x: %w", at, err)
	}
	size := m.order.Uint16(h[:])
	n, encoded = int(size&0x7FFF), size&0x8000 == 0
	if n == 0 {
		n = 0x8000
	}
	if !encoded && n > metaSize || n > 2*metaSize {
		return 0, 0, false, fmt.Errorf("metadata block at %#x: %d bytes stored, at most %d are decoded", at, n, metaSize)
	}
	if int64(n) > m.r.Size()-begin {
		return 0, 0, false, fmt.Errorf("metadata block at %#x: %d bytes stored, image ends at %#x", at, n, m.r.Size())
	}
	return begin, n, encoded, nil
}

// load decodes the block at at, without any cache.
func (m *metadata) load(at int64) *metaBlock {
	begin, n, encoded, err := m.header(at)
	if err != nil {
		return &metaBlock{err: err}
	}
	if cap(m.buf) < n {
		m.buf = make([]byte, max(n, metaSize))
	}
	src := m.buf[:n]
	if _, err := m.r.ReadAt(src, begin); err != nil {
		return &metaBlock{err: fmt.Errorf("metadata block at %#x: %w", at, err)}
	}
	b := &metaBlock{next: begin + int64(n)}
	if !encoded {
		b.data = append([]byte(nil), src...)
		return b
	}
	dst := make([]byte, metaSize)
	if n, err = m.decode(dst, src); err != nil {
		return &metaBlock{err: fmt.Errorf("metadata block at %#x: %w", at, err)}
	}
	b.data = dst[:n]
	return b
}

// block returns the decoded block at at.
func (m *metadata) block(at int64, of table) (*metaBlock, error) {
	if b := m.blocks[at]; b != nil {
		return b, b.err
	}
	// Walks in stored order decode each block once; 16 times leaves room for
	// volumes whose directories were written in another order.
	if m.count++; m.count > 16*len(m.marks)+1024 {
		return nil, fmt.Errorf("%w: %d metadata blocks decoded, volume has %d", errLimit, m.count, len(m.marks))
	}
	b := m.load(at)
	if len(m.ring) < cachedBlocks {
		m.ring = append(m.ring, at)
	} else {
		delete(m.blocks, m.ring[m.turn])
		m.ring[m.turn] = at
		m.turn = (m.turn + 1) % cachedBlocks
	}
	m.blocks[at] = b
	if b.err == nil {
		m.mark(at, b.next-at, of)
	}
	return b, b.err
}

// mark records that a run of the image was read as metadata.
func (m *metadata) mark(at, n int64, of table) {
	if _, ok := m.marks[at]; !ok {
		m.marks[at] = mark{n, of}
	}
}

// cursor is a place in a run of metadata blocks.
type cursor struct {
	m     *metadata
	at    int64 // the stored block
	off   int   // in the decoded block
	of    table
	spill []byte
}

// next returns the next n bytes, which are good until the next call.
func (c *cursor) next(n int) ([]byte, error) {
	// Each decoded byte is used about once; a volume whose inodes and
	// listings overlap could otherwise make every byte cost many times.
	if c.m.used += int64(n); c.m.used > 4*metaSize*int64(len(c.m.marks))+1<<20 {
		return nil, fmt.Errorf("%w: %d bytes of metadata used, volume has %d blocks", errLimit, c.m.used, len(c.m.marks))
	}
	b, err := c.m.block(c.at, c.of)
	if err != nil {
		return nil, err
	}
	if c.off+n <= len(b.data) {
		c.off += n
		return b.data[c.off-n : c.off], nil
	}
	c.spill = c.spill[:0]
	for {
		if c.off > len(b.data) {
			return nil, fmt.Errorf("metadata block at %#x: offset %d, %d bytes decoded", c.at, c.off, len(b.data))
		}
		take := min(n-len(c.spill), len(b.data)-c.off)
		c.spill = append(c.spill, b.data[c.off:c.off+take]...)
		c.off += take
		if len(c.spill) == n {
			return c.spill, nil
		}
		if len(b.data) < metaSize {
			// Only the last block of a table is short.
			return nil, fmt.Errorf("metadata block at %#x: %d bytes wanted beyond its end", c.at, n-len(c.spill))
		}
		c.at, c.off = b.next, 0
		if b, err = c.m.block(c.at, c.of); err != nil {
			return nil, err
		}
	}
}

// fields takes numbers off packed bytes. Versions 1 to 3 write C bit fields
// as the compiler of the machine lays them out: from the low bit up on little
// endian machines, from the high bit down on big endian ones.
type fields struct {
	b   []byte
	bit int
	be  bool
}

// take returns the next n bits, n <= 32 unless the place is at a byte and n
// is 64. Reading beyond the end gives zeros: callers size b first.
func (f *fields) take(n int) uint64 {
	first, last := f.bit/8, (f.bit+n-1)/8
	skip := f.bit & 7
	f.bit += n
	if last >= len(f.b) {
		return 0
	}
	var v uint64
	if f.be {
		for _, b := range f.b[first : last+1] {
			v = v<<8 | uint64(b)
		}
		v >>= uint((last-first+1)*8 - skip - n)
	} else {
		for i, b := range f.b[first : last+1] {
			v |= uint64(b) << (8 * i)
		}
		v >>= uint(skip)
	}
	if n == 64 {
		return v
	}
	return v & (1<<n - 1)
}

func (f *fields) u8() uint8   { return uint8(f.take(8)) }
func (f *fields) u16() uint16 { return uint16(f.take(16)) }
func (f *fields) u32() uint32 { return uint32(f.take(32)) }
func (f *fields) u64() uint64 { return f.take(64) }
