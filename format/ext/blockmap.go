package ext

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/wardein/wardein"
)

const (
	extentMagic = 0xF30A
	maxDepth    = 5       // of an extent tree
	maxRuns     = 1 << 20 // runs of one member
)

// errRuns ends the mapping of one member.
var errRuns = errors.New("too many runs")

// mapper turns an inode's block map into runs of the volume's bytes.
type mapper struct {
	w    *walker
	in   *inode
	who  string // the member, for gaps
	pos  int64  // logical bytes mapped so far
	end  int64  // logical end
	runs []wardein.Extent
	bufs [maxDepth + 1][]byte
	// lost counts content bytes that stand beyond the image's end.
	lost, lostAt int64
	tail         []wardein.Extent // runs past the end, for verity
	wantTail     bool
}

// mapInode returns the runs of an inode's content, exactly its size long. The
// blocks that the map itself takes are reported as spans. What cannot be
// mapped is a gap and reads as zeros. The slice is the mapper's own.
func (m *mapper) mapInode(in *inode, who string) ([]wardein.Extent, error) {
	fs := m.w.fs
	m.in, m.who, m.pos, m.runs, m.lost, m.tail = in, who, 0, m.runs[:0], 0, m.tail[:0]
	ptrs := fs.blockSize / 4
	limit := 12 + ptrs + ptrs*ptrs + ptrs*ptrs*ptrs
	if in.flags&flagExtents != 0 {
		limit = 1 << 32
	}
	m.end = in.size
	tooBig := in.size < 0 || in.size > limit*fs.blockSize
	if tooBig {
		m.w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged, Off: in.off, Len: fs.inodeSize,
			Why: fmt.Sprintf("inode %d: size %d, its block map ends at %d", in.num, uint64(in.size), limit*fs.blockSize)})
		m.end = limit * fs.blockSize
	}
	var err error
	if in.flags&flagExtents != 0 {
		err = m.extents(in.block(), -1, in.off+0x28)
	} else {
		err = m.pointers()
	}
	if m.lost > 0 {
		m.w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged,
			Why: fmt.Sprintf("inode %d: %d of its %d bytes stand beyond the image's end at %d, the first at %#x; they read as zeros", in.num, m.lost, in.size, fs.size, m.lostAt)})
	}
	if !tooBig {
		m.zeros(m.end - m.pos)
	}
	if err == errRuns {
		err = nil
	}
	return m.runs, err
}

func (m *mapper) zeros(n int64) {
	if n <= 0 {
		return
	}
	m.pos += n
	if k := len(m.runs) - 1; k >= 0 && m.runs[k].Off == wardein.Zeros {
		m.runs[k].Len += n
		return
	}
	m.runs = append(m.runs, wardein.Extent{Off: wardein.Zeros, Len: n})
}

// run adds blocks phys… as the content from logical block on.
func (m *mapper) run(logical, phys, n int64) error {
	fs := m.w.fs
	if phys <= 0 || phys >= fs.blocks || n > fs.blocks-phys {
		m.w.gap(wardein.Gap{Node: m.who, Kind: wardein.Damaged, Off: m.in.off, Len: fs.inodeSize,
			Why: fmt.Sprintf("inode %d: logical block %d is block %d+%d, volume has %d blocks", m.in.num, logical, phys, n, fs.blocks)})
		return nil
	}
	at := logical * fs.blockSize
	if at < m.pos {
		return nil // past the end, or judged by the caller
	}
	off, length := phys*fs.blockSize, n*fs.blockSize
	if over := at + length - m.end; over > 0 {
		if m.wantTail {
			start := max(off, off+length-over)
			m.tail = append(m.tail, wardein.Extent{Off: start, Len: off + length - start})
		}
		length -= over
	}
	if length <= 0 {
		return nil
	}
	m.zeros(at - m.pos)
	if off+length > fs.size {
		have := max(0, fs.size-off)
		if m.lost == 0 {
			m.lostAt = max(off, fs.size)
		}
		m.lost += length - have
		if have > 0 {
			m.add(off, have)
		}
		m.zeros(length - have)
		return nil
	}
	m.add(off, length)
	if len(m.runs) > maxRuns {
		m.w.gap(wardein.Gap{Node: m.who, Kind: wardein.Limit,
			Why: fmt.Sprintf("inode %d: more than %d runs, mapped %d of %d bytes", m.in.num, maxRuns, m.pos, m.end)})
		return errRuns
	}
	return nil
}

func (m *mapper) add(off, n int64) {
	m.pos += n
	if k := len(m.runs) - 1; k >= 0 && m.runs[k].Off >= 0 && m.runs[k].Off+m.runs[k].Len == off {
		m.runs[k].Len += n
		return
	}
	m.runs = append(m.runs, wardein.Extent{Off: off, Len: n})
}

// node reads a block of the map into the buffer of its level.
func (m *mapper) node(level int, block int64) ([]byte, error) {
	fs := m.w.fs
	if block <= 0 || block >= fs.blocks {
		return nil, fmt.Errorf("block %d of %d", block, fs.blocks)
	}
	if int64(len(m.bufs[level])) < fs.blockSize {
		m.bufs[level] = make([]byte, fs.blockSize)
	}
	if err := m.w.spend(fs.blockSize); err != nil {
		return nil, err
	}
	return m.bufs[level], fs.readBlock(m.bufs[level], block)
}

func (fs *volume) readBlock(buf []byte, block int64) error {
	off := block * fs.blockSize
	if block < 0 || off > fs.size-fs.blockSize {
		return fmt.Errorf("block %d at %#x: image ends at %d", block, off, fs.size)
	}
	_, err := io.ReadFull(io.NewSectionReader(fs.r, off, fs.blockSize), buf[:fs.blockSize])
	return err
}

// bad reports a part of the map that cannot be followed.
func (m *mapper) bad(err error) error {
	if err == errRuns || err == errWork {
		return err
	}
	m.w.gap(wardein.Gap{Node: m.who, Kind: wardein.Damaged, Off: m.in.off, Len: m.w.fs.inodeSize,
		Why: fmt.Sprintf("inode %d: block map: %v", m.in.num, err)})
	return nil
}

// pointers follows the direct pointers and the three indirect ones.
func (m *mapper) pointers() error {
	fs := m.w.fs
	end := (m.end + fs.blockSize - 1) / fs.blockSize
	ptrs := m.in.block()
	logical := int64(0)
	for i := 0; i < 12 && logical < end; i++ {
		if p := int64(le.Uint32(ptrs[i*4:])); p != 0 {
			if err := m.run(logical, p, 1); err != nil {
				return err
			}
		}
		logical++
	}
	span := int64(1)
	for level := 1; level <= 3 && logical < end; level++ {
		span *= fs.blockSize / 4
		if p := int64(le.Uint32(ptrs[(11+level)*4:])); p != 0 {
			if err := m.indirect(p, level, logical, span, end); err != nil {
				return err
			}
		}
		logical += span
	}
	return nil
}

// indirect follows a block of pointers that maps span logical blocks.
func (m *mapper) indirect(block int64, level int, logical, span, end int64) error {
	buf, err := m.node(level, block)
	if err != nil {
		return m.bad(err)
	}
	m.w.known(block*m.w.fs.blockSize, m.w.fs.blockSize, "indirect block")
	span /= m.w.fs.blockSize / 4
	for i := 0; i+4 <= len(buf) && logical < end; i += 4 {
		p := int64(le.Uint32(buf[i:]))
		switch {
		case p == 0:
		case level == 1:
			err = m.run(logical, p, 1)
		default:
			err = m.indirect(p, level-1, logical, span, end)
		}
		if err != nil {
			return err
		}
		logical += span
	}
	return nil
}

// extents follows one node of an extent tree. depth is what its parent
// expects, −1 for the root; at is where the node stands.
func (m *mapper) extents(node []byte, depth int, at int64) error {
	magic, n, most := le.Uint16(node), int(le.Uint16(node[2:])), int(le.Uint16(node[4:]))
	found := int(le.Uint16(node[6:]))
	if magic != extentMagic || n > most || 12+12*n > len(node) || found > maxDepth || depth >= 0 && found != depth {
		return m.bad(fmt.Errorf("extent node at %#x: magic %#x, %d of %d entries, depth %d, expected magic %#x and depth %d", at, magic, n, most, found, extentMagic, depth))
	}
	if tail := 12 + 12*most; depth >= 0 && m.w.fs.roCompat&roMetadataCsum != 0 && tail+4 <= len(node) {
		if sum := crc32c(m.in.seed, node[:tail]); sum != le.Uint32(node[tail:]) {
			_ = m.bad(fmt.Errorf("extent node at %#x: crc32c %#08x, computed %#08x", at, le.Uint32(node[tail:]), sum))
		}
	}
	fs := m.w.fs
	for i := range n {
		e := node[12+12*i:]
		logical := int64(le.Uint32(e))
		if logical*fs.blockSize < m.pos && m.pos < m.end {
			if err := m.bad(fmt.Errorf("extent node at %#x: entry %d begins at logical block %d, the one before ends at %d", at, i, logical, m.pos/fs.blockSize)); err != nil {
				return err
			}
			continue
		}
		if found == 0 {
			count := int64(le.Uint16(e[4:]))
			phys := int64(le.Uint16(e[6:]))<<32 | int64(le.Uint32(e[8:]))
			if count > 0x8000 { // allocated, never written: reads as zeros
				count -= 0x8000
				m.zeros(min((logical+count)*fs.blockSize, m.end) - m.pos)
				continue
			}
			if err := m.run(logical, phys, count); err != nil {
				return err
			}
			continue
		}
		block := int64(le.Uint16(e[8:]))<<32 | int64(le.Uint32(e[4:]))
		buf, err := m.node(found-1, block)
		if err == nil {
			m.w.known(block*fs.blockSize, fs.blockSize, "extent node")
			err = m.extents(buf, found-1, block*fs.blockSize)
		} else {
			err = m.bad(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inline returns the runs of content that stands in the inode: in i_block,
// then in the value of the attribute system.data.
func (m *mapper) inline(in *inode, data wardein.Extent) []wardein.Extent {
	runs := []wardein.Extent{{Off: in.off + 0x28, Len: max(0, min(in.size, 60))}}
	if in.size < 0 || in.size > m.w.fs.blockSize {
		m.w.gap(wardein.Gap{Node: m.who, Kind: wardein.Damaged, Off: in.off, Len: m.w.fs.inodeSize,
			Why: fmt.Sprintf("inode %d: inline size %d, a block has %d", in.num, uint64(in.size), m.w.fs.blockSize)})
		return runs
	}
	if rest := in.size - 60; rest > 0 {
		have := min(rest, data.Len)
		if have > 0 {
			runs = append(runs, wardein.Extent{Off: data.Off, Len: have})
		}
		if have < rest {
			m.w.gap(wardein.Gap{Node: m.who, Kind: wardein.Damaged, Off: in.off, Len: m.w.fs.inodeSize,
				Why: fmt.Sprintf("inode %d: inline size %d, found %d bytes", in.num, in.size, 60+have)})
		}
	}
	return slices.Clip(runs)
}
