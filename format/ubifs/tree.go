package ubifs

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// inode is an inode node's content.
type inode struct {
	size, mtime     int64
	nlink, uid, gid uint32
	mode, flags     uint32
	xattrs          uint32
	data            []byte
}

const (
	flagXattr = 0x20
	flagCrypt = 0x40
)

func parseInode(b []byte) (inode, error) {
	n := inode{
		size: int64(le.Uint64(b[48:])), mtime: int64(le.Uint64(b[72:])), nlink: le.Uint32(b[92:]), uid: le.Uint32(b[96:]), gid: le.Uint32(b[100:]),
		mode: le.Uint32(b[104:]), flags: le.Uint32(b[108:]), xattrs: le.Uint32(b[116:]),
	}
	length := int64(le.Uint32(b[112:]))
	if length > int64(len(b))-inoSize {
		return n, fmt.Errorf("inode data of %d bytes in a node of %d", length, len(b))
	}
	n.data = b[inoSize : inoSize+length]
	return n, nil
}

type dent struct {
	inum uint64
	kind byte
	name string
}

func parseDent(b []byte) (dent, error) {
	n := int(le.Uint16(b[50:]))
	d := dent{inum: le.Uint64(b[40:]), kind: b[49]}
	if n > len(b)-dentSize {
		return d, fmt.Errorf("name of %d bytes in a node of %d", n, len(b))
	}
	d.name = string(b[dentSize : dentSize+n])
	return d, nil
}

// walker hands out the tree. named[i] is 1 + the index of the directory entry
// that named inode i first; rootMark stands for "no entry, but handed out".
type walker struct {
	*fileSystem
	named  []int32
	listed int
	todo   []dir
	links  map[uint32]string // paths by number of inodes without an inode node
}

type dir struct {
	path string
	ino  uint32
}

const rootMark = -1

func (fs *fileSystem) tree() error {
	if len(fs.inodes) >= math.MaxInt32 || len(fs.dents) >= math.MaxInt32 {
		return fmt.Errorf("%d inodes and %d names are more than %d", len(fs.inodes), len(fs.dents), math.MaxInt32)
	}
	w := &walker{fileSystem: fs, named: make([]int32, len(fs.inodes)), links: map[uint32]string{}}
	if i := w.find(1); i >= 0 {
		w.named[i] = rootMark
		if err := w.emit(".", i); err != nil {
			return err
		}
	} else {
		w.gap(wardein.Damaged, "", 0, 0, "the root directory, inode 1, is missing")
	}
	w.todo = []dir{{"", 1}}
	if err := w.run(); err != nil {
		return err
	}
	return w.orphans()
}

// find returns the index of an inode, −1 when there is none.
func (w *walker) find(ino uint32) int {
	i, ok := slices.BinarySearchFunc(w.inodes, first(ino), keyOf)
	if !ok {
		// The order is by key, then place: a key that is there twice is found at its first.
		if i >= len(w.inodes) || inum(w.inodes[i].key) != ino {
			return -1
		}
	}
	return i
}

func (w *walker) inode(i int) (inode, error) {
	r := w.inodes[i]
	b, err := w.node(&w.index, r.off, inoNode, int64(r.len))
	if err != nil {
		return inode{}, err
	}
	if k := key(b[24:]); k>>32 != r.key>>32 {
		return inode{}, fmt.Errorf("node at %#x: expected inode %d, found %d", r.off, inum(r.key), inum(k))
	}
	return parseInode(b)
}

// run lists the directories that wait.
func (w *walker) run() error {
	for len(w.todo) > 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		d := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		if err := w.list(d); err != nil {
			return err
		}
	}
	return nil
}

type child struct {
	dent
	index int32
}

// list hands out the entries of one directory, sorted by name.
func (w *walker) list(d dir) error {
	var children []child
	i, _ := slices.BinarySearchFunc(w.dents, d.ino, inoOf)
	for ; i < len(w.dents) && inum(w.dents[i].key) == d.ino; i++ {
		r := w.dents[i]
		b, err := w.node(&w.leaf, r.off, dentNode, int64(r.len))
		var e dent
		if err == nil {
			e, err = parseDent(b)
		}
		if err == nil && key(b[24:])>>32 != r.key>>32 {
			err = fmt.Errorf("node at %#x: expected a name in directory %d, found one in %d", r.off, d.ino, le.Uint32(b[24:]))
		}
		w.listed++
		if err != nil {
			w.gap(wardein.Damaged, d.path, r.off, int64(r.len), err.Error())
			continue
		}
		w.known(r.off, int64(r.len), "directory entry node")
		children = append(children, child{e, int32(i)})
	}
	slices.SortFunc(children, func(a, b child) int { return strings.Compare(a.name, b.name) })
	encrypted := false
	if k := w.find(d.ino); k >= 0 && w.flags&flagEncryption != 0 && len(children) > 0 {
		n, err := w.inode(k)
		encrypted = err == nil && n.flags&flagCrypt != 0
	}
	if encrypted {
		w.gap(wardein.Encrypted, d.path, 0, 0, fmt.Sprintf("directory %d: %d names are encrypted and given in hexadecimal", d.ino, len(children)))
	}
	from := len(w.todo)
	for _, c := range children {
		name := c.name
		if encrypted {
			name = fmt.Sprintf("<encrypted>-%x", name)
		}
		if d.path != "" {
			name = d.path + "/" + name
		}
		if len(name) > maxPath {
			w.gap(wardein.Limit, d.path, w.dents[c.index].off, 0, fmt.Sprintf("path of %d bytes, at most %d are followed", len(name), maxPath))
			continue
		}
		if err := w.member(name, c); err != nil {
			return err
		}
	}
	slices.Reverse(w.todo[from:])
	return nil
}

// member hands out what a directory entry names.
func (w *walker) member(name string, c child) error {
	r := w.dents[c.index]
	if c.inum > math.MaxUint32 {
		w.gap(wardein.Damaged, name, r.off, int64(r.len), fmt.Sprintf("inode number %d does not fit 32 bits", c.inum))
		return nil
	}
	ino := uint32(c.inum)
	i := w.find(ino)
	if i < 0 {
		return w.lostInode(name, ino, c.kind)
	}
	if w.named[i] != 0 {
		n, err := w.inode(i)
		if err == nil && n.mode&0170000 == 0040000 {
			w.gap(wardein.Damaged, name, r.off, int64(r.len), fmt.Sprintf("directory inode %d is already at %q: not followed again", ino, w.path(i)))
			return nil
		}
		return w.out.Entry(wardein.Entry{Name: name, Kind: wardein.HardLink, Target: w.path(i)})
	}
	w.named[i] = c.index + 1
	return w.emit(name, i)
}

// path is where an inode was handed out first.
func (w *walker) path(i int) string {
	var parts []string
	for range maxPath {
		if w.named[i] <= 0 {
			if ino := inum(w.inodes[i].key); ino != 1 {
				parts = append(parts, fmt.Sprintf("%s/ino-%d", orphans, ino))
			}
			break
		}
		r := w.dents[w.named[i]-1]
		b, err := w.node(&w.leaf, r.off, dentNode, int64(r.len))
		if err != nil {
			break
		}
		d, _ := parseDent(b)
		name := d.name
		parent := w.find(inum(r.key))
		if parent < 0 {
			parts = append(parts, name, fmt.Sprintf("%s/ino-%d", orphans, inum(r.key)))
			break
		}
		if n, err := w.inode(parent); err == nil && n.flags&flagCrypt != 0 {
			name = fmt.Sprintf("<encrypted>-%x", name)
		}
		parts = append(parts, name)
		i = parent
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// emit hands out inode i under a name.
func (w *walker) emit(name string, i int) error {
	r := w.inodes[i]
	ino := inum(r.key)
	n, err := w.inode(i)
	if err != nil {
		w.gap(wardein.Damaged, name, r.off, int64(r.len), err.Error())
		return nil
	}
	w.known(r.off, int64(r.len), "inode node")
	e := wardein.Entry{Name: name, Mode: n.mode & 07777, UID: n.uid, GID: n.gid, MTime: n.mtime}
	data := string(n.data)
	if w.xents != nil {
		e.Xattrs = w.xattrs(name, ino)
	}
	switch n.mode & 0170000 {
	case 0100000:
		e.Kind = wardein.File
		return w.file(e, ino, n)
	case 0040000:
		e.Kind = wardein.Directory
		w.todo = append(w.todo, dir{name, ino})
	case 0120000:
		e.Kind = wardein.Symlink
		if n.flags&flagCrypt != 0 {
			w.gap(wardein.Encrypted, name, r.off, int64(r.len), fmt.Sprintf("inode %d: link target of %d bytes is encrypted", ino, len(data)))
		} else {
			e.Target = data
		}
	case 0020000, 0060000:
		e.Kind = wardein.CharDevice
		if n.mode&0170000 == 0060000 {
			e.Kind = wardein.BlockDevice
		}
		// Linux' "new" (4 bytes) and "huge" (8 bytes) encodings are the same.
		if len(data) != 4 && len(data) != 8 {
			w.gap(wardein.Damaged, name, r.off, int64(r.len), fmt.Sprintf("inode %d: device number of %d bytes", ino, len(data)))
			break
		}
		dev := le.Uint32([]byte(data))
		e.Major, e.Minor = dev>>8&0xFFF, dev&0xFF|dev>>12&0xFFF00
	case 0010000:
		e.Kind = wardein.FIFO
	case 0140000:
		e.Kind = wardein.Socket
	default:
		w.gap(wardein.Damaged, name, r.off, int64(r.len), fmt.Sprintf("inode %d: mode %#o is of no known type", ino, n.mode))
		return nil
	}
	return w.out.Entry(e)
}

// xattrs reads the attributes of an inode.
func (w *walker) xattrs(name string, ino uint32) []wardein.Xattr {
	var list []wardein.Xattr
	i, _ := slices.BinarySearchFunc(w.xents, ino, inoOf)
	for ; i < len(w.xents) && inum(w.xents[i].key) == ino; i++ {
		r := w.xents[i]
		b, err := w.node(&w.leaf, r.off, xentNode, int64(r.len))
		var d dent
		if err == nil {
			d, err = parseDent(b)
		}
		if err == nil && d.inum > math.MaxUint32 {
			err = fmt.Errorf("attribute %q: inode number %d does not fit 32 bits", d.name, d.inum)
		}
		if err != nil {
			w.gap(wardein.Damaged, name, r.off, int64(r.len), err.Error())
			continue
		}
		w.known(r.off, int64(r.len), "extended attribute node")
		k := w.find(uint32(d.inum))
		var n inode
		if k < 0 {
			err = fmt.Errorf("attribute %q: inode %d is missing", d.name, d.inum)
		} else {
			n, err = w.inode(k)
		}
		if err != nil {
			w.gap(wardein.Damaged, name, r.off, int64(r.len), err.Error())
			continue
		}
		if w.named[k] == 0 {
			w.named[k] = rootMark
			w.known(w.inodes[k].off, int64(w.inodes[k].len), "extended attribute value")
		}
		list = append(list, wardein.Xattr{Name: d.name, Value: string(n.data)})
	}
	slices.SortStableFunc(list, func(a, b wardein.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// file hands out a regular file: its blocks, and holes between them.
func (w *walker) file(e wardein.Entry, ino uint32, n inode) error {
	size := max(n.size, w.grown[ino])
	refs := w.dataOf(ino)
	if n.size < 0 || size > maxSize {
		w.gap(wardein.Damaged, e.Name, 0, 0, fmt.Sprintf("inode %d: size %d, at most %d is possible; it is cut after its last block", ino, uint64(n.size), int64(maxSize)))
		size = 0
		if len(refs) > 0 {
			size = (int64(block(refs[len(refs)-1].key)) + 1) * blockSize
		}
	}
	if n.flags&flagCrypt != 0 {
		stored := int64(0)
		for _, r := range refs {
			w.out.Span(wardein.Span{Off: r.off, Len: int64(r.len), What: wardein.Opaque, Is: "encrypted data node"})
			stored += int64(r.len)
		}
		w.gap(wardein.Encrypted, e.Name, 0, 0, fmt.Sprintf("inode %d: %d bytes in %d encrypted blocks, no key", ino, size, len(refs)))
		return w.out.Entry(e)
	}
	return w.out.Blocks(e, w.blocks(e.Name, refs, size))
}

func (w *walker) dataOf(ino uint32) []ref {
	i, _ := slices.BinarySearchFunc(w.datas, ino, inoOf)
	j, _ := slices.BinarySearchFunc(w.datas[i:], uint64(ino)+1, func(r ref, ino uint64) int { return compare(uint64(inum(r.key)), ino) })
	return w.datas[i : i+j]
}

// blocks makes the list of a file's blocks.
func (w *walker) blocks(name string, refs []ref, size int64) []wardein.Block {
	list := make([]wardein.Block, 0, len(refs)+1)
	pos := int64(0)
	hole := func(to int64) {
		if to > pos {
			list = append(list, wardein.Block{Src: wardein.Extent{Off: wardein.Zeros, Len: to - pos}, Size: to - pos})
			pos = to
		}
	}
	beyond := 0
	for _, r := range refs {
		at := int64(block(r.key)) * blockSize
		if at >= size || at < pos {
			beyond++
			continue
		}
		hole(at)
		want := r.key
		list = append(list, wardein.Block{
			Src: wardein.Extent{Off: r.off, Len: int64(r.len)}, Size: min(blockSize, size-at),
			Decode: func(dst, src []byte) (int, error) { return decodeBlock(dst, src, want) },
		})
		pos = min(at+blockSize, size)
	}
	hole(size)
	if beyond > 0 {
		w.gap(wardein.Damaged, name, refs[0].off, 0, fmt.Sprintf("%d data blocks lie behind the file's end at %d or double another; they stay unreferenced", beyond, size))
	}
	return list
}
