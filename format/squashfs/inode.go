package squashfs

import (
	"fmt"

	"github.com/wardein/wardein"
)

// noFragment marks a file whose tail is a block of its own.
const noFragment = 0xFFFFFFFF

// noXattrs is the attribute index of an inode without any.
const noXattrs = 0xFFFFFFFF

// maxTarget bounds the length of a symlink's target, as PATH_MAX does.
const maxTarget = 65535

// inode is what any version's inode says.
type inode struct {
	ref    uint64 // block << 16 | offset, in the inode table
	kind   wardein.Kind
	mode   uint32
	uid    uint32
	gid    uint32
	mtime  uint32
	number uint32 // 0 before version 3
	nlink  uint32
	size   uint64 // of a file or a directory listing
	start  uint64 // a file's first block; a directory's listing block
	offset uint32 // a file's place in its fragment; a directory's in its block
	frag   uint32
	dev    uint32 // major and minor, as stored
	target string
	xattrs uint32
	blocks cursor // at a file's block list
}

// kinds maps the inode types of all versions; the extended types of versions
// 3 and 4 are the same plus seven.
var kinds = [...]wardein.Kind{1: wardein.Directory, 2: wardein.File, 3: wardein.Symlink, 4: wardein.BlockDevice, 5: wardein.CharDevice, 6: wardein.FIFO, 7: wardein.Socket}

// at returns a cursor at an inode reference.
func (v *volume) at(ref uint64) cursor {
	return cursor{m: v.meta, at: v.inodeTable + int64(ref>>16&0xFFFFFFFF), off: int(ref & 0xFFFF), of: inodeTable}
}

// inode reads the inode at ref.
func (v *volume) inode(ref uint64) (in inode, err error) {
	c := v.at(ref)
	in = inode{ref: ref, frag: noFragment, xattrs: noXattrs, nlink: 1}
	switch v.major {
	case 1:
		err = v.inode1(&c, &in)
	case 2:
		err = v.inode2(&c, &in)
	case 3:
		err = v.inode3(&c, &in)
	default:
		err = v.inode4(&c, &in)
	}
	if err != nil {
		return in, fmt.Errorf("inode %#x: %w", ref, err)
	}
	return in, nil
}

// fields takes n bytes off c.
func (v *volume) fields(c *cursor, n int) (fields, error) {
	b, err := c.next(n)
	return fields{b: b, be: v.be}, err
}

// inode4 reads an inode of version 4 (squashfs_fs.h, struct
// squashfs_base_inode_header and those that begin like it).
func (v *volume) inode4(c *cursor, in *inode) error {
	f, err := v.fields(c, 16)
	if err != nil {
		return err
	}
	kind := f.u16()
	if kind < 1 || kind > 14 {
		return fmt.Errorf("bad type %d", kind)
	}
	in.kind = kinds[(kind-1)%7+1]
	extended := kind > 7
	in.mode = uint32(f.u16() & 0o7777)
	in.uid, in.gid = v.id(uint32(f.u16())), v.id(uint32(f.u16()))
	in.mtime, in.number = f.u32(), f.u32()
	switch kind {
	case 1:
		if f, err = v.fields(c, 16); err != nil {
			return err
		}
		in.start, in.nlink = uint64(f.u32()), f.u32()
		in.size, in.offset = uint64(f.u16()), uint32(f.u16())
	case 2:
		if f, err = v.fields(c, 16); err != nil {
			return err
		}
		in.start, in.frag, in.offset, in.size = uint64(f.u32()), f.u32(), f.u32(), uint64(f.u32())
		in.blocks = *c
	case 8:
		if f, err = v.fields(c, 24); err != nil {
			return err
		}
		in.nlink, in.size, in.start = f.u32(), uint64(f.u32()), uint64(f.u32())
		f.u32() // parent
		f.u16() // count of index entries
		in.offset, in.xattrs = uint32(f.u16()), f.u32()
	case 9:
		if f, err = v.fields(c, 40); err != nil {
			return err
		}
		in.start, in.size = f.u64(), f.u64()
		f.u64() // bytes in holes
		in.nlink, in.frag, in.offset, in.xattrs = f.u32(), f.u32(), f.u32(), f.u32()
		in.blocks = *c
	case 3, 10:
		if f, err = v.fields(c, 8); err != nil {
			return err
		}
		in.nlink = f.u32()
		if err = in.readTarget(c, f.u32()); err == nil && extended {
			err = in.readXattrs(c, v)
		}
	case 4, 5, 11, 12:
		if f, err = v.fields(c, 8); err != nil {
			return err
		}
		in.nlink = f.u32()
		if in.dev = f.u32(); extended {
			err = in.readXattrs(c, v)
		}
	default:
		if f, err = v.fields(c, 4); err != nil {
			return err
		}
		if in.nlink = f.u32(); extended {
			err = in.readXattrs(c, v)
		}
	}
	return err
}

func (in *inode) readXattrs(c *cursor, v *volume) error {
	f, err := v.fields(c, 4)
	in.xattrs = f.u32()
	return err
}

func (in *inode) readTarget(c *cursor, n uint32) error {
	if n > maxTarget {
		return fmt.Errorf("%w: symlink target of %d bytes, at most %d are read", errLimit, n, maxTarget)
	}
	b, err := c.next(int(n))
	in.target = string(b)
	return err
}

// device splits a device number the way the version stores it.
func (v *volume) device(dev uint32) (major, minor uint32) {
	if v.major < 4 {
		return dev >> 8 & 0xFF, dev & 0xFF
	}
	return dev >> 8 & 0xFFF, dev&0xFF | dev>>12&0xFFF00
}

// entry is the member that an inode describes.
func (v *volume) entry(in *inode, name string) wardein.Entry {
	e := wardein.Entry{Name: name, Kind: in.kind, Mode: in.mode, UID: in.uid, GID: in.gid, MTime: int64(in.mtime), Target: in.target}
	if in.kind == wardein.CharDevice || in.kind == wardein.BlockDevice {
		e.Major, e.Minor = v.device(in.dev)
	}
	return e
}
