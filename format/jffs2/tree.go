package jffs2

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// orphans is where members stand that no path from the root leads to.
const orphans = "<orphan>"

// extract reads the whole file system.
func (fs *fileSystem) extract() error {
	if err := fs.scan(); err != nil {
		return err
	}
	t := &tree{fileSystem: fs, paths: map[uint32]string{}}
	t.choose()
	if err := t.walk(); err != nil {
		return err
	}
	if err := t.orphans(); err != nil {
		return err
	}
	if fs.order == binary.LittleEndian {
		fs.out.Note("byte order", "little-endian")
	} else {
		fs.out.Note("byte order", "big-endian")
	}
	fs.out.Note("nodes", fmt.Sprint(fs.nodes))
	if fs.obsolete > 0 {
		fs.out.Note("obsolete nodes", fmt.Sprintf("%d superseded or deleted nodes stay unreferenced", fs.obsolete))
	}
	if fs.unknown > 0 {
		fs.out.Note("unknown nodes", fmt.Sprint(fs.unknown))
	}
	if fs.gaps > 1000 {
		fs.out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("1000 of %d gaps are listed", fs.gaps)})
	}
	return nil
}

// tree hands out the members.
type tree struct {
	*fileSystem
	dead  []name            // names that were deleted or replaced
	paths map[uint32]string // of inodes that were handed out
	dirs  []dir             // to be listed
}

type dir struct {
	ino  uint32
	path string
}

// choose sorts all nodes, the newest last, and keeps of the names and
// attributes what counts.
func (t *tree) choose() {
	slices.SortFunc(t.datas, func(a, b data) int {
		return cmp.Or(cmp.Compare(a.ino, b.ino), cmp.Compare(a.version, b.version), cmp.Compare(a.off, b.off))
	})
	slices.SortFunc(t.names, func(a, b name) int {
		return cmp.Or(cmp.Compare(a.dir, b.dir), strings.Compare(a.name, b.name), cmp.Compare(a.version, b.version), cmp.Compare(a.off, b.off))
	})
	live := t.names[:0]
	for i, n := range t.names {
		if i+1 < len(t.names) && t.names[i+1].dir == n.dir && t.names[i+1].name == n.name {
			t.obsolete++
			if n.ino != 0 {
				t.dead = append(t.dead, n)
			}
			continue
		}
		if n.ino == 0 {
			t.known(n.off, int64(n.length), "deletion of a name")
			continue
		}
		live = append(live, n)
	}
	t.names = live
	slices.SortFunc(t.dead, func(a, b name) int {
		return cmp.Or(cmp.Compare(a.ino, b.ino), cmp.Compare(a.version, b.version), cmp.Compare(a.off, b.off))
	})

	slices.SortFunc(t.attrs, func(a, b attribute) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.version, b.version), cmp.Compare(a.off, b.off))
	})
	t.attrs = newest(t.attrs, func(a, b attribute) bool { return a.id == b.id }, func(a attribute) bool { return a.version != 0xFFFFFFFF }, &t.obsolete)
	// A reference with an odd sequence number takes the attribute away.
	slices.SortFunc(t.refs, func(a, b attributeOf) int {
		return cmp.Or(cmp.Compare(a.ino, b.ino), cmp.Compare(a.id, b.id), cmp.Compare(a.seq, b.seq), cmp.Compare(a.off, b.off))
	})
	t.refs = newest(t.refs, func(a, b attributeOf) bool { return a.ino == b.ino && a.id == b.id }, func(a attributeOf) bool { return a.seq&1 == 0 }, &t.obsolete)
}

// newest keeps the last of each run of equals, if it is to be kept at all.
func newest[T any](list []T, equal func(a, b T) bool, keep func(T) bool, dropped *int) []T {
	out := list[:0]
	for i, x := range list {
		if i+1 < len(list) && equal(x, list[i+1]) || !keep(x) {
			*dropped++
			continue
		}
		out = append(out, x)
	}
	return out
}

// versions returns the data nodes of an inode, the newest last.
func (t *tree) versions(ino uint32) []data {
	i, _ := slices.BinarySearchFunc(t.datas, ino, func(d data, ino uint32) int { return cmp.Compare(d.ino, ino) })
	j := i
	for j < len(t.datas) && t.datas[j].ino == ino {
		j++
	}
	return t.datas[i:j]
}

// walk hands out what the root directory, inode 1, leads to.
func (t *tree) walk() error {
	t.paths[1] = ""
	if v := t.versions(1); len(v) > 0 {
		if err := t.emit(".", 1, v); err != nil {
			return err
		}
	}
	t.dirs = []dir{{1, ""}}
	return t.run()
}

// run lists the directories that wait.
func (t *tree) run() error {
	for len(t.dirs) > 0 {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		d := t.dirs[len(t.dirs)-1]
		t.dirs = t.dirs[:len(t.dirs)-1]
		from := len(t.dirs)
		i, _ := slices.BinarySearchFunc(t.names, d.ino, func(n name, ino uint32) int { return cmp.Compare(n.dir, ino) })
		for ; i < len(t.names) && t.names[i].dir == d.ino; i++ {
			n := t.names[i]
			path := n.name
			if d.path != "" {
				path = d.path + "/" + path
			}
			if len(path) > maxPath {
				t.gap(wardein.Limit, d.path, n.off, int64(n.length), fmt.Sprintf("path of %d bytes, at most %d are followed", len(path), maxPath))
				continue
			}
			t.known(n.off, int64(n.length), "name node")
			if err := t.member(path, n); err != nil {
				return err
			}
		}
		slices.Reverse(t.dirs[from:])
	}
	return nil
}

const directoryType = 4 // DT_DIR in a name node

// member hands out what a name names.
func (t *tree) member(path string, n name) error {
	v := t.versions(n.ino)
	isDir := n.kind == directoryType
	if len(v) > 0 {
		isDir = t.mode(v[len(v)-1])&0170000 == 0040000
	}
	if first, ok := t.paths[n.ino]; ok {
		if isDir || n.ino == 1 {
			t.gap(wardein.Damaged, path, n.off, int64(n.length), fmt.Sprintf("directory inode %d is already at %q: not followed again", n.ino, first))
			return nil
		}
		return t.out.Entry(wardein.Entry{Name: path, Kind: wardein.HardLink, Target: first})
	}
	if len(v) == 0 {
		t.gap(wardein.Damaged, path, n.off, int64(n.length), fmt.Sprintf("inode %d has no data node: mode and owner are not known", n.ino))
		if isDir {
			t.paths[n.ino] = path
			t.dirs = append(t.dirs, dir{n.ino, path})
			return t.out.Entry(wardein.Entry{Name: path, Kind: wardein.Directory})
		}
		return nil
	}
	t.paths[n.ino] = path
	return t.emit(path, n.ino, v)
}

func (t *tree) mode(d data) uint32 {
	b := t.win.bytes(t.r, d.off, inodeSize)
	if b == nil {
		return 0
	}
	return t.order.Uint32(b[20:])
}

// emit hands out an inode.
func (t *tree) emit(path string, ino uint32, v []data) error {
	last := v[len(v)-1]
	b := t.win.bytes(t.r, last.off, inodeSize)
	if b == nil {
		return fmt.Errorf("inode %d at %#x: cannot be read", ino, last.off)
	}
	mode := t.order.Uint32(b[20:])
	e := wardein.Entry{
		Name: path, Mode: mode & 07777, UID: uint32(t.order.Uint16(b[24:])), GID: uint32(t.order.Uint16(b[26:])), MTime: int64(t.order.Uint32(b[36:])),
		Xattrs: t.xattrs(path, ino),
	}
	switch mode & 0170000 {
	case 0100000:
		e.Kind = wardein.File
		return t.content(e, v, int64(last.isize))
	case 0040000:
		e.Kind = wardein.Directory
		if ino != 1 {
			t.dirs = append(t.dirs, dir{ino, path})
		}
	case 0120000:
		e.Kind = wardein.Symlink
		e.Target = string(t.small(path, last))
	case 0020000, 0060000:
		e.Kind = wardein.CharDevice
		if mode&0170000 == 0060000 {
			e.Kind = wardein.BlockDevice
		}
		switch dev := t.small(path, last); len(dev) {
		case 2: // the 16-bit number of Linux before 2.6
			n := uint32(t.order.Uint16(dev))
			e.Major, e.Minor = n>>8, n&0xFF
		case 4:
			n := t.order.Uint32(dev)
			e.Major, e.Minor = n>>8&0xFFF, n&0xFF|n>>12&0xFFF00
		default:
			t.gap(wardein.Damaged, path, last.off, inodeSize, fmt.Sprintf("inode %d: device number of %d bytes", ino, len(dev)))
		}
	case 0010000:
		e.Kind = wardein.FIFO
	case 0140000:
		e.Kind = wardein.Socket
	default:
		t.gap(wardein.Damaged, path, last.off, inodeSize, fmt.Sprintf("inode %d: mode %#o is of no known type", ino, mode))
		return nil
	}
	n := int64(inodeSize)
	if e.Kind != wardein.Directory && e.Kind != wardein.FIFO && e.Kind != wardein.Socket {
		n += int64(last.stored)
	}
	t.known(last.off, n, "data node")
	t.obsolete += len(v) - 1
	return t.out.Entry(e)
}

// small is the content of a link or device: the newest node's.
func (t *tree) small(path string, d data) []byte {
	if d.size > 1<<16 || d.stored > 1<<16 {
		t.gap(wardein.Damaged, path, d.off, inodeSize, fmt.Sprintf("inode %d: content of %d bytes, of a link or device", d.ino, d.size))
		return nil
	}
	b := t.win.bytes(t.r, d.off+inodeSize, int64(d.stored))
	decode := decoder(d.method)
	if b == nil || decode == nil {
		return b
	}
	out := make([]byte, d.size)
	n, err := decode(out, b)
	if err != nil {
		t.gap(wardein.Damaged, path, d.off, inodeSize+int64(d.stored), fmt.Sprintf("inode %d: %v", d.ino, err))
	}
	return out[:n]
}

// xattrs reads the attributes of an inode.
func (t *tree) xattrs(path string, ino uint32) []wardein.Xattr {
	var list []wardein.Xattr
	i, _ := slices.BinarySearchFunc(t.refs, ino, func(r attributeOf, ino uint32) int { return cmp.Compare(r.ino, ino) })
	for ; i < len(t.refs) && t.refs[i].ino == ino; i++ {
		r := t.refs[i]
		t.known(r.off, xrefSize, "attribute reference node")
		k, ok := slices.BinarySearchFunc(t.attrs, r.id, func(a attribute, id uint32) int { return cmp.Compare(a.id, id) })
		if !ok {
			t.gap(wardein.Damaged, path, r.off, xrefSize, fmt.Sprintf("inode %d: attribute %d is missing", ino, r.id))
			continue
		}
		t.known(t.attrs[k].off, t.attrs[k].length, "attribute node")
		list = append(list, t.attrs[k].Xattr)
	}
	slices.SortStableFunc(list, func(a, b wardein.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// orphans hands out inodes that were not reached: first directories that hold
// names but are themselves deleted or in a loop, then files.
func (t *tree) orphans() error {
	emit := func(ino uint32, v []data) error {
		path := fmt.Sprintf("%s/ino-%d", orphans, ino)
		t.paths[ino] = path
		i, _ := slices.BinarySearchFunc(t.dead, ino, func(n name, ino uint32) int { return cmp.Compare(n.ino, ino) })
		for k := 0; i < len(t.dead) && t.dead[i].ino == ino && k < 8; i, k = i+1, k+1 {
			was := t.dead[i].name
			if p, ok := t.paths[t.dead[i].dir]; ok && p != "" {
				was = p + "/" + was
			}
			t.out.Note(path, fmt.Sprintf("was %q", was))
		}
		var err error
		if len(v) > 0 {
			err = t.emit(path, ino, v)
		} else {
			t.gap(wardein.Damaged, path, 0, 0, fmt.Sprintf("inode %d has no data node: mode and owner are not known", ino))
			t.dirs = append(t.dirs, dir{ino, path})
			err = t.out.Entry(wardein.Entry{Name: path, Kind: wardein.Directory})
		}
		if err != nil {
			return err
		}
		return t.run()
	}
	// Directories that nothing names come first, so that what is below them
	// stands there.
	named := map[uint32]bool{}
	for _, n := range t.names {
		if _, ok := t.paths[n.dir]; !ok && n.ino != n.dir {
			named[n.ino] = true
		}
	}
	for _, loops := range []bool{false, true} {
		for i, n := range t.names {
			if _, ok := t.paths[n.dir]; ok || i > 0 && t.names[i-1].dir == n.dir || named[n.dir] && !loops {
				continue
			}
			if err := emit(n.dir, t.versions(n.dir)); err != nil {
				return err
			}
		}
	}
	for i := 0; i < len(t.datas); {
		v := t.versions(t.datas[i].ino)
		i += len(v)
		if _, ok := t.paths[v[0].ino]; ok {
			continue
		}
		if err := emit(v[0].ino, v); err != nil {
			return err
		}
	}
	return nil
}
