package minix

import (
	"io"

	"github.com/wardein/wardein"
)

// content says where an inode's bytes are: runs of zones, holes as zeros.
func (v *volume) content(in inode, path string) (runs []wardein.Extent, err error) {
	m := mapper{v: v, path: path, left: in.size}
	for i, z := range in.zones {
		if m.left == 0 || err != nil {
			break
		}
		err = m.add(z, max(0, i-6))
	}
	if err == nil && m.left > 0 && !m.bad {
		v.gap(path, wardein.Damaged, in.at, "inode %d at %#x: size %d, its zones hold %d", in.number, in.at, in.size, in.size-m.left)
	}
	return m.runs, err
}

// mapper walks the zones of one inode.
type mapper struct {
	v    *volume
	path string
	left int64
	runs []wardein.Extent
	bad  bool
}

// add adds the zone z, or what it leads to where level is above 0.
func (m *mapper) add(z int64, level int) error {
	v := m.v
	n := v.zone
	per := v.block / v.numberSize()
	for range level {
		n *= per
	}
	n = min(n, m.left)
	if z != 0 && (z < v.first || z >= v.zones || z*v.zone >= v.r.Size()) {
		if !m.bad {
			v.gap(m.path, wardein.Damaged, 0, "zone %d: data is from %d to %d, image ends at %#x", z, v.first, v.zones, v.r.Size())
		}
		m.bad, z = true, 0
	}
	switch {
	case z == 0:
		m.run(wardein.Zeros, n)
		return nil
	case level == 0:
		have := min(n, v.r.Size()-z*v.zone)
		m.run(z*v.zone, have)
		if have < n {
			v.gap(m.path, wardein.Damaged, z*v.zone, "zone %d: image ends at %#x", z, v.r.Size())
			m.bad = true
			m.run(wardein.Zeros, n-have)
		}
		return nil
	}
	if err := v.charge(v.block); err != nil {
		return err
	}
	b := make([]byte, v.block)
	if _, err := v.r.ReadAt(b, z*v.zone); err != nil && err != io.EOF {
		return err
	}
	v.mark(z*v.zone, v.block, "indirect zone")
	for ; len(b) > 0 && m.left > 0; b = b[v.numberSize():] {
		next := int64(0)
		if v.numberSize() == 2 {
			next = int64(v.order.Uint16(b))
		} else {
			next = int64(v.order.Uint32(b))
		}
		if err := m.add(next, level-1); err != nil {
			return err
		}
	}
	return nil
}

// run adds a run, to the one before where it goes on with it.
func (m *mapper) run(off, n int64) {
	m.left -= n
	if k := len(m.runs) - 1; k >= 0 && (off < 0 && m.runs[k].Off == off || off >= 0 && m.runs[k].Off >= 0 && m.runs[k].Off+m.runs[k].Len == off) {
		m.runs[k].Len += n
		return
	}
	m.runs = append(m.runs, wardein.Extent{Off: off, Len: n})
}
