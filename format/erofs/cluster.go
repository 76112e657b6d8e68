package erofs

import (
	"errors"
	"fmt"

	"github.com/wardein/wardein"
)

// What the map header of a compressed file says (Z_EROFS_ADVISE_*).
const (
	advise2B         = 0x01 // compact: most items take 2 bytes
	adviseBig1       = 0x02 // runs of head 1 may take many blocks
	adviseBig2       = 0x04
	adviseInline     = 0x08 // the last run stands behind the index
	adviseInterlaced = 0x10 // stored runs are rotated in their block
	adviseFragment   = 0x20 // the last run is in the packed inode
)

// Types of index items (Z_EROFS_LCLUSTER_TYPE_*).
const (
	typePlain = iota
	typeHead1
	typeNonhead
	typeHead2
)

// maxDecoded is the longest run that EROFS allows (Z_EROFS_PCLUSTER_MAX_DSIZE),
// maxEncoded the longest it allows stored.
const (
	maxDecoded = 12 << 20
	maxEncoded = 1 << 20
)

// clusterMap is the index of one compressed file.
type clusterMap struct {
	v        *volume
	full     bool
	advise   uint16
	alg      [2]uint8
	bits     uint
	base     int64 // of the items
	count    int64
	next     int64 // behind the pack of the item that was read last
	fragment int64
	inline   int64 // length of the last run where it stands behind the index
	short4   int64 // compact: how many 4-byte items come first
	short2   int64 // and how many 2-byte items then
	pack     [32]byte
	packAt   int64
}

// item is one item of the index.
type item struct {
	kind    uint8
	ofs     int64 // where in the logical cluster a run begins
	block   int64
	blocks  int64 // NONHEAD: how many blocks the run takes, 0 where not told
	partial bool
}

// head is a run by its beginning.
type head struct {
	la, lcn, block, blocks int64
	kind                   uint8
}

func (v *volume) openMap(in inode) (m clusterMap, whole bool, err error) {
	at := (in.behind() + 7) &^ 7
	m = clusterMap{v: v, full: in.layout == layoutFull, bits: v.bits, packAt: -1}
	m.base = at + 8
	if m.full {
		m.base += 8
	}
	if !m.full || v.incompat&(featureConfig|featureTail|featureFragment) != 0 {
		b, err := v.read(at, 8)
		if err != nil {
			return m, false, fmt.Errorf("map header: %w", err)
		}
		v.mark(at, 8, "cluster index")
		if b[7]&0x80 != 0 {
			m.fragment = int64(le.Uint64(b) &^ (1 << 63))
			return m, true, nil
		}
		m.advise = le.Uint16(b[4:])
		m.alg = [2]uint8{b[6] & 15, b[6] >> 4}
		m.bits += uint(b[7] & 7)
		m.fragment, m.inline = int64(le.Uint32(b)), int64(le.Uint16(b[2:]))
		if m.advise&^0x3F != 0 || m.bits > 14 && !m.full {
			return m, false, unsupported(fmt.Sprintf("map header at %#x: advice %#x, cluster of %d bytes", at, m.advise, int64(1)<<m.bits))
		}
	}
	m.count = (in.size-1)>>m.bits + 1
	if !m.full {
		m.short4 = min(m.count, (32-m.base%32)/4&7)
		if m.advise&advise2B != 0 {
			if m.bits > 12 {
				return m, false, unsupported(fmt.Sprintf("map header at %#x: 2-byte items of clusters of %d bytes", at, int64(1)<<m.bits))
			}
			m.short2 = (m.count - m.short4) &^ 15
		}
	}
	return m, false, nil
}

// item reads the item of a logical cluster.
func (m *clusterMap) item(lcn int64) (it item, err error) {
	if !m.full {
		return m.compact(lcn)
	}
	at := m.base + lcn*8
	b, err := m.v.read(at, 8)
	if err != nil {
		return it, err
	}
	m.v.mark(at, 8, "cluster index")
	m.next = at + 8
	advice := le.Uint16(b)
	it.kind, it.partial = uint8(advice&3), advice>>15 == 1
	if it.kind == typeNonhead {
		it.blocks = bigCount(int64(le.Uint16(b[4:])))
		return it, nil
	}
	it.ofs, it.block = int64(le.Uint16(b[2:])), int64(le.Uint32(b[4:]))
	return it, nil
}

// bigCount reads a distance to the head, in whose place the first NONHEAD item
// of a run keeps the count of blocks, marked by bit 11.
func bigCount(delta int64) int64 {
	if delta&(1<<11) == 0 {
		return 0
	}
	return delta &^ (1 << 11)
}

// compact reads an item of a compact index. Items stand in packs of 8 bytes
// (2 items) or 32 bytes (16 items); the last 4 bytes of a pack are a block
// address, from which those of the heads in the pack are counted up.
func (m *clusterMap) compact(lcn int64) (it item, err error) {
	at, size, shift := m.base+lcn*4, int64(4), 1
	switch {
	case lcn < m.short4:
	case lcn < m.short4+m.short2:
		at, size, shift = m.base+m.short4*4+(lcn-m.short4)*2, 2, 4
	default:
		at = m.base + m.short4*4 + m.short2*2 + (lcn-m.short4-m.short2)*4
	}
	length := size << shift
	from := at &^ (length - 1)
	if m.packAt != from {
		b, err := m.v.read(from, length)
		if err != nil {
			return it, err
		}
		copy(m.pack[:], b)
		m.packAt = from
		m.v.mark(from, length, "cluster index")
	}
	m.next = from + length
	i := int((at - from) / size)
	width := int(length-4) * 8 >> shift
	kind, lo := m.bitsAt(i, width)
	it.kind = kind
	if kind == typeNonhead {
		if it.blocks = bigCount(lo); it.blocks > 0 && m.advise&(adviseBig1|adviseBig2) == 0 {
			return it, fmt.Errorf("item %d at %#x: counts blocks %d, the header says one each", lcn, at, it.blocks)
		}
		return it, nil
	}
	it.ofs = lo
	before := int64(0)
	if m.advise&adviseBig1 == 0 {
		before = 1
		for i > 0 {
			i--
			if kind, lo = m.bitsAt(i, width); kind == typeNonhead {
				i -= int(lo)
			}
			if i >= 0 {
				before++
			}
		}
	} else {
		for i > 0 {
			i--
			kind, lo = m.bitsAt(i, width)
			switch n := bigCount(lo); {
			case kind != typeNonhead:
				before++
			case n > 0:
				i--
				before += n
			case lo <= 1:
				return it, fmt.Errorf("item %d at %#x: distance %d without a count of blocks", lcn, at, lo)
			default:
				i -= int(lo) - 2
			}
		}
	}
	it.block = int64(le.Uint32(m.pack[length-4:])) + before
	return it, nil
}

// bitsAt takes item i of the pack apart.
func (m *clusterMap) bitsAt(i, width int) (kind uint8, lo int64) {
	bit := i * width
	var w [4]byte
	copy(w[:], m.pack[bit/8:])
	word := le.Uint32(w[:]) >> (bit & 7)
	low := max(m.bits, 12)
	return uint8(word >> low & 3), int64(word & (1<<low - 1))
}

// clusters says where the bytes of a compressed inode are.
func (v *volume) clusters(in inode, path string) (list []run, err error) {
	m, whole, err := v.openMap(in)
	if err != nil {
		return nil, err
	}
	if whole {
		return v.fragment(nil, 0, m.fragment, in.size)
	}
	var heads []head
	size, end := int64(1)<<m.bits, in.size
	var broken error
	for lcn := range m.count {
		it, err := m.item(lcn)
		if err == nil && it.kind != typeNonhead && it.ofs >= size {
			err = fmt.Errorf("run begins at %d in a cluster of %d bytes", it.ofs, size)
		}
		if err != nil {
			broken = fmt.Errorf("cluster %d of %d: %w", lcn, m.count, err)
			end = lcn << m.bits
			break
		}
		if it.kind == typeNonhead {
			if k := len(heads) - 1; k >= 0 && heads[k].lcn == lcn-1 && it.blocks > 0 {
				heads[k].blocks = it.blocks
			}
			continue
		}
		// The item behind the last run marks the end of the content.
		if la := lcn<<m.bits + it.ofs; la < in.size {
			heads = append(heads, head{la, lcn, it.block, 0, it.kind})
		}
	}
	if broken != nil && len(heads) > 0 && heads[len(heads)-1].la >= end {
		heads = heads[:len(heads)-1]
	}
	if len(heads) == 0 || heads[0].la != 0 {
		hole := end
		if len(heads) > 0 {
			hole = heads[0].la
		}
		broken = errors.Join(broken, fmt.Errorf("index at %#x: no run holds the first %d bytes", m.base, hole))
		if hole = min(hole, maxDecoded); len(heads) > 0 {
			list = append(list, plain(0, wardein.Zeros, hole))
		}
	}
	told := 0
	for i, h := range heads {
		n := end - h.la
		if i+1 < len(heads) {
			n = heads[i+1].la - h.la
		}
		before := len(list)
		list, err = v.cluster(list, &m, h, n, i+1 == len(heads) && broken == nil)
		if err == nil {
			continue
		}
		// One bad run does not end the file: it reads as zeros.
		got := int64(0)
		for _, c := range list[before:] {
			got += c.n
		}
		if n-got > maxDecoded {
			return list, errors.Join(broken, err)
		}
		if n > got {
			list = append(list, plain(h.la+got, wardein.Zeros, n-got))
		}
		if told++; told <= 8 {
			v.gap(path, h.block<<v.bits, fmt.Errorf("run at %d of the content: %w", h.la, err))
		}
	}
	return list, broken
}

// cluster adds one run of n bytes.
func (v *volume) cluster(list []run, m *clusterMap, h head, n int64, last bool) ([]run, error) {
	if err := v.charge(8); err != nil {
		return list, err
	}
	at, length := h.block<<v.bits, int64(1)<<m.bits
	big := m.advise&adviseBig1 != 0
	if h.kind == typeHead2 {
		big = m.advise&adviseBig2 != 0
	}
	if big && h.blocks > 0 && h.kind != typePlain {
		length = h.blocks << v.bits
	}
	switch {
	case last && m.advise&adviseInline != 0:
		at, length = m.next, m.inline
		if at&(v.block()-1)+length > v.block() {
			return list, fmt.Errorf("tail of %d bytes at %#x crosses a block of %d", length, at, v.block())
		}
	case last && m.advise&adviseFragment != 0:
		off := m.fragment
		if m.full {
			off |= h.block << 32
		}
		return v.fragment(list, h.la, off, n)
	}
	if at > v.r.Size() || length > v.r.Size()-at {
		return list, fmt.Errorf("%d bytes stored at %#x, image ends at %#x", length, at, v.r.Size())
	}
	if h.kind == typePlain {
		return v.storedRun(list, m, h, at, length, n)
	}
	if n > maxDecoded || length > maxEncoded || length == 0 {
		return list, fmt.Errorf("%d bytes stored at %#x decode to %d, at most %d and %d are allowed", length, at, n, maxEncoded, maxDecoded)
	}
	alg := m.alg[0]
	if h.kind == typeHead2 {
		alg = m.alg[1]
	}
	if int(alg) >= len(decoders) {
		return list, unsupported(fmt.Sprintf("compression algorithm %d is not known", alg))
	}
	decode := decoders[alg]
	if v.incompat&featurePadding == 0 && alg == 0 {
		decode = unlz4Open
	}
	return append(list, run{h.la, n, wardein.Block{Src: wardein.Extent{Off: at, Len: length}, Size: n, Decode: decode}}), nil
}

// storedRun adds a run that is not compressed. Where it is interlaced, a byte
// stands where it is in its page of the content, so that the block is rotated.
func (v *volume) storedRun(list []run, m *clusterMap, h head, at, length, n int64) ([]run, error) {
	if n > length {
		return list, fmt.Errorf("%d bytes stored at %#x hold a run of %d", length, at, n)
	}
	turn := int64(0)
	if m.advise&adviseInterlaced != 0 && at&(v.block()-1) == 0 && length == v.block() {
		turn = h.la & (v.block() - 1)
	}
	first := min(n, length-turn)
	list = append(list, plain(h.la, at+turn, first))
	if first < n {
		list = append(list, plain(h.la+first, at, n-first))
	}
	return list, nil
}

// openPacked reads the map of the packed inode, of which files use parts.
func (v *volume) openPacked() error {
	in, err := v.inode(v.packed)
	if err != nil {
		return fmt.Errorf("packed inode: %w", err)
	}
	v.mark(in.at, in.size32(), "inode")
	v.mark(in.at+in.size32(), in.xattr, "attributes")
	v.packedIn, err = v.content(in, "")
	if err != nil {
		return fmt.Errorf("packed inode: %w", err)
	}
	return nil
}

// fragment adds n bytes from off on of the packed inode.
func (v *volume) fragment(list []run, la, off, n int64) ([]run, error) {
	i := search(v.packedIn, off)
	for ; n > 0 && i < len(v.packedIn); i++ {
		if err := v.charge(8); err != nil {
			return list, err
		}
		c := v.packedIn[i]
		skip := off - c.la
		k := min(n, c.n-skip)
		r := run{la, k, c.block}
		switch {
		case c.block.Src.Off < 0:
			r = plain(la, c.block.Src.Off, k)
		case c.block.Decode == nil:
			r = plain(la, c.block.Src.Off+skip, k)
		default:
			r.block.From, r.block.Len = c.block.From+skip, k
		}
		list = append(list, r)
		la, off, n = la+k, off+k, n-k
	}
	if n > 0 {
		return list, fmt.Errorf("fragment: %d bytes at %d lie beyond the packed inode", n, off)
	}
	return list, nil
}
