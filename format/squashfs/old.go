package squashfs

import "fmt"

// Types of inodes before version 4 that are not the same in all of them.
const (
	typeExtDir  = 8 // versions 2 and 3: a directory with an index
	typeExtFile = 9 // version 3: a file of more than 4 GiB or with links
)

// inode3 reads an inode of version 3 (squashfs_compat.h, layout 3.x).
func (v *volume) inode3(c *cursor, in *inode) error {
	f, err := v.fields(c, 12)
	if err != nil {
		return err
	}
	kind := v.oldBase(&f, in, 8)
	in.mtime, in.number = f.u32(), f.u32()
	switch kind {
	case 1:
		if f, err = v.fields(c, 16); err != nil {
			return err
		}
		in.nlink = f.u32()
		in.size, in.offset, in.start = f.take(19), uint32(f.take(13)), uint64(f.u32())
	case typeExtDir:
		if f, err = v.fields(c, 19); err != nil {
			return err
		}
		in.nlink = f.u32()
		in.size, in.offset, in.start = f.take(27), uint32(f.take(13)), uint64(f.u32())
	case 2:
		if f, err = v.fields(c, 20); err != nil {
			return err
		}
		in.start, in.frag, in.offset, in.size = f.u64(), f.u32(), f.u32(), uint64(f.u32())
		in.blocks = *c
	case typeExtFile:
		if f, err = v.fields(c, 28); err != nil {
			return err
		}
		in.nlink = f.u32()
		in.start, in.frag, in.offset, in.size = f.u64(), f.u32(), f.u32(), f.u64()
		in.blocks = *c
	case 3, 4, 5, 6, 7:
		if f, err = v.fields(c, 4); err != nil {
			return err
		}
		in.nlink = f.u32()
		return v.oldTail(c, in, kind)
	default:
		return fmt.Errorf("bad type %d", kind)
	}
	in.kind = kinds[(kind-1)%7+1]
	return nil
}

// inode2 reads an inode of version 2 (layout 2.x). Only files and directories
// have a time of their own.
func (v *volume) inode2(c *cursor, in *inode) error {
	f, err := v.fields(c, 4)
	if err != nil {
		return err
	}
	kind := v.oldBase(&f, in, 8)
	switch kind {
	case 1:
		return v.oldDir(c, in, 19)
	case typeExtDir:
		return v.oldDir(c, in, 27)
	case 2:
		if f, err = v.fields(c, 20); err != nil {
			return err
		}
		in.mtime = f.u32()
		in.start, in.frag, in.offset, in.size = uint64(f.u32()), f.u32(), f.u32(), uint64(f.u32())
		in.kind, in.blocks = kinds[2], *c
		return nil
	}
	return v.oldTail(c, in, kind)
}

// inode1 reads an inode of version 1 (layout 1.x). The owner's index has four
// bits only; type numbers beyond five say that 16 or 32 are to be added. Type
// 0 is a pipe or a socket.
func (v *volume) inode1(c *cursor, in *inode) error {
	f, err := v.fields(c, 3)
	if err != nil {
		return err
	}
	peek := f
	kind := int(peek.take(4))
	add := uint32(0)
	if kind == 0 {
		var g fields
		base := append([]byte(nil), f.b...)
		if g, err = v.fields(c, 1); err != nil {
			return err
		}
		f.b = base
		kind = int(g.take(4))
		add = uint32(g.take(4)) * 16
		if kind != 6 && kind != 7 {
			return fmt.Errorf("bad type 0, %d", kind)
		}
	} else {
		add = uint32(kind-1) / 5 * 16
		kind = (kind-1)%5 + 1
	}
	v.oldOwner(&f, in, 4, add)
	switch kind {
	case 1:
		return v.oldDir(c, in, 19)
	case 2:
		if f, err = v.fields(c, 12); err != nil {
			return err
		}
		in.mtime = f.u32()
		in.start, in.size = uint64(f.u32()), uint64(f.u32())
		in.kind, in.blocks = kinds[2], *c
		return nil
	}
	return v.oldTail(c, in, kind)
}

// oldBase reads what all inodes begin with and returns the type.
func (v *volume) oldBase(f *fields, in *inode, wide int) (kind int) {
	peek := *f
	v.oldOwner(f, in, wide, 0)
	return int(peek.take(4))
}

// oldOwner reads mode and owners; wide is how many bits an owner's index has.
// All bits set as the group's index means the same number as the user's.
func (v *volume) oldOwner(f *fields, in *inode, wide int, add uint32) {
	f.take(4)
	in.mode = uint32(f.take(12))
	in.mtime = v.mtime
	in.uid = v.id(uint32(f.take(wide)) + add)
	group := uint32(f.take(wide))
	switch {
	case group == 1<<wide-1:
		in.gid = in.uid
	case int(group) < len(v.guidList):
		in.gid = v.guidList[group]
	default:
		v.badOwner("group", group, len(v.guidList))
	}
}

// oldDir reads a directory of versions 1 and 2; wide is how many bits the
// size of its listing has.
func (v *volume) oldDir(c *cursor, in *inode, wide int) error {
	f, err := v.fields(c, (wide+13+32+24)/8)
	if err != nil {
		return err
	}
	in.kind = kinds[1]
	in.size, in.offset = f.take(wide), uint32(f.take(13))
	in.mtime = f.u32()
	in.start = f.take(24)
	return nil
}

// oldTail reads the rest of inodes that are neither files nor directories.
func (v *volume) oldTail(c *cursor, in *inode, kind int) error {
	switch kind {
	case 3:
		f, err := v.fields(c, 2)
		if err != nil {
			return err
		}
		in.kind = kinds[kind]
		return in.readTarget(c, uint32(f.u16()))
	case 4, 5:
		f, err := v.fields(c, 2)
		if err != nil {
			return err
		}
		in.dev = uint32(f.u16())
	case 6, 7:
	default:
		return fmt.Errorf("bad type %d", kind)
	}
	in.kind = kinds[kind]
	return nil
}
