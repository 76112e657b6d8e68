package squashfs

import (
	"fmt"

	"github.com/wardein/wardein"
)

// xattrPrefixes are the name spaces of attributes by number.
var xattrPrefixes = [...]string{"user.", "trusted.", "security."}

// valueApart in an attribute's type says that its value stands elsewhere in
// the table, where another attribute has the same (SQUASHFS_XATTR_VALUE_OOL).
const valueApart = 0x100

const (
	maxXattrs     = 1 << 16 // of one inode
	maxXattrValue = 1 << 16 // XATTR_SIZE_MAX of Linux
)

// xattrs returns the attributes with index i, once read for all inodes that
// share them.
func (v *volume) xattrs(i uint32) ([]wardein.Xattr, error) {
	if i == noXattrs || v.xattrTable == noTable {
		return nil, nil
	}
	if x, ok := v.xattrCache[i]; ok {
		// Shared attributes are handed out with every inode all the same.
		n := 0
		for _, a := range x {
			n += len(a.Name) + len(a.Value)
		}
		if v.handed += int64(n); v.handed > 16*v.r.Size()+1<<20 {
			return nil, fmt.Errorf("%w: %d bytes of attributes in an image of %d bytes", errLimit, v.handed, v.r.Size())
		}
		return x, nil
	}
	x, err := v.readXattrs(i)
	if err != nil {
		err = fmt.Errorf("attributes %d: %w", i, err)
	}
	if len(v.xattrCache) > 4096 {
		clear(v.xattrCache)
	}
	v.xattrCache[i] = x
	return x, err
}

// readXattrs follows the three steps of the attribute table: its header has
// the position of the attributes and, behind it, the index of the id blocks;
// an id entry (16 bytes) has the reference, count and size of one list.
func (v *volume) readXattrs(i uint32) (out []wardein.Xattr, err error) {
	var b [16]byte
	if _, err := v.r.ReadAt(b[:], v.xattrTable); err != nil {
		return nil, err
	}
	v.meta.mark(v.xattrTable, 16, xattrTable)
	f := fields{b: b[:], be: v.be}
	base := int64(f.u64())
	if n := f.u32(); i >= n {
		return nil, fmt.Errorf("the table has %d", n)
	}
	const perBlock = metaSize / 16
	at, err := v.index(v.xattrTable+16, int64(i/perBlock), xattrTable)
	if err != nil {
		return nil, err
	}
	c := cursor{m: v.meta, at: at, off: int(i % perBlock * 16), of: xattrTable}
	if f, err = v.fields(&c, 16); err != nil {
		return nil, err
	}
	ref, count := f.u64(), f.u32()
	if count > maxXattrs {
		return nil, fmt.Errorf("%w: %d attributes, at most %d are read", errLimit, count, maxXattrs)
	}
	c = v.xattrAt(base, ref)
	for range count {
		if f, err = v.fields(&c, 4); err != nil {
			return out, err
		}
		kind, n := f.u16(), int(f.u16())
		name, err := c.next(n)
		if err != nil {
			return out, err
		}
		x := wardein.Xattr{Name: string(name)}
		if space := int(kind &^ valueApart); space < len(xattrPrefixes) {
			x.Name = xattrPrefixes[space] + x.Name
		} else {
			x.Name = fmt.Sprintf("%d.%s", space, x.Name)
		}
		if kind&valueApart == 0 {
			x.Value, err = v.xattrValue(&c)
		} else {
			var apart cursor
			if f, err = v.fields(&c, 4); err != nil {
				return out, err
			}
			if f, err = v.fields(&c, 8); err != nil {
				return out, err
			}
			apart = v.xattrAt(base, f.u64())
			x.Value, err = v.xattrValue(&apart)
		}
		if err != nil {
			return out, err
		}
		out = append(out, x)
	}
	return out, nil
}

func (v *volume) xattrAt(base int64, ref uint64) cursor {
	return cursor{m: v.meta, at: base + int64(ref>>16&0xFFFFFFFFFF), off: int(ref & 0xFFFF), of: xattrTable}
}

func (v *volume) xattrValue(c *cursor) (string, error) {
	f, err := v.fields(c, 4)
	if err != nil {
		return "", err
	}
	n := f.u32()
	if n > maxXattrValue {
		return "", fmt.Errorf("%w: value of %d bytes, at most %d are read", errLimit, n, maxXattrValue)
	}
	b, err := c.next(int(n))
	return string(b), err
}
