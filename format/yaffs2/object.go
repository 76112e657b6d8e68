package yaffs2

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

const orphans = "<orphan>"

// Object types.
const (
	file = iota + 1
	symlink
	directory
	hardLink
	special
)

// A chunk is one chunk of the log.
type chunk struct {
	tags
	off int64
}

// An object is a file, directory, link or device, by its newest header.
type object struct {
	id, kind, parent, equivalent uint32
	name                         string
	off                          int64 // of the header
	size                         int64
	was                          []string // names it had
	gone                         string   // why it is not in the tree
	path                         string
	state                        uint8
}

// States of the search for an object's path.
const (
	fresh = iota
	searching
	placed
)

// fileSystem is one claim while it is read.
type fileSystem struct {
	geometry
	ctx context.Context
	r   *io.SectionReader
	out wardein.Members

	chunks  []chunk
	objects map[uint32]*object
	numbers []uint32 // of objects, sorted

	shadowed [][2]uint32 // object that was replaced, and by which

	gaps, older int
}

// gap records damage; after a thousand only the count goes on.
func (fs *fileSystem) gap(kind wardein.GapKind, node string, off, n int64, why string) {
	if fs.gaps++; fs.gaps <= 1000 {
		fs.out.Gap(wardein.Gap{Kind: kind, Node: node, Off: off, Len: n, Why: why})
	}
}

// pageAt reads the first n bytes of the page at off.
func (fs *fileSystem) pageAt(off, n int64) []byte {
	b := make([]byte, n)
	if got, _ := fs.r.ReadAt(b, off); int64(got) < n {
		return nil
	}
	return b
}

// extract reads the whole file system.
func (fs *fileSystem) extract() (int64, error) {
	bad, badAt := 0, int64(0)
	flush := func() {
		if bad > 0 {
			fs.gap(wardein.Damaged, "", badAt, int64(bad)*fs.geometry.size(), fmt.Sprintf("%d chunks without believable tags", bad))
		}
		bad = 0
	}
	end, err := fs.walk(fs.ctx, fs.r, func(off int64, t tags, b []byte, good bool) {
		if !good {
			if bad > 0 && badAt+int64(bad)*fs.geometry.size() != off {
				flush()
			}
			if bad == 0 {
				badAt = off
			}
			bad++
			return
		}
		fs.chunks = append(fs.chunks, chunk{t, off})
	})
	if err != nil {
		return end, err
	}
	flush()
	fs.describe(end)
	// Oldest first. YAFFS1 knows no sequence of blocks: the order on the chip.
	if !fs.one {
		slices.SortStableFunc(fs.chunks, func(a, b chunk) int { return cmp.Compare(a.sequence, b.sequence) })
	}
	slices.SortStableFunc(fs.chunks, func(a, b chunk) int { return cmp.Compare(a.object, b.object) })
	for i := 0; i < len(fs.chunks); {
		j := i
		for j < len(fs.chunks) && fs.chunks[j].object == fs.chunks[i].object {
			j++
		}
		fs.header(fs.chunks[i].object, fs.chunks[i:j])
		i = j
	}
	for _, s := range fs.shadowed {
		if o := fs.objects[s[0]]; o != nil && o.gone == "" {
			o.gone = fmt.Sprintf("replaced by object %d", s[1])
		}
	}
	if err := fs.members(); err != nil {
		return end, err
	}
	if fs.older > 0 {
		fs.out.Note("older chunks", fmt.Sprintf("%d superseded chunks stay unreferenced", fs.older))
	}
	if fs.gaps > 1000 {
		fs.out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("1000 of %d gaps are listed", fs.gaps)})
	}
	return end, nil
}

func (fs *fileSystem) describe(end int64) {
	version := "2"
	if fs.one {
		version = "1"
	}
	fs.out.Note("version", version)
	if fs.order == binary.LittleEndian {
		fs.out.Note("byte order", "little-endian")
	} else {
		fs.out.Note("byte order", "big-endian")
	}
	fs.out.Note("page", fmt.Sprintf("%d + %d out-of-band bytes, tags at %d", fs.page, fs.spare, fs.tagsAt))
	fs.out.Note("chunks", fmt.Sprint(len(fs.chunks)))
}

// header reads an object's headers, oldest first, and keeps the newest.
func (fs *fileSystem) header(id uint32, list []chunk) {
	o := &object{id: id, off: -1}
	for _, c := range list {
		if c.chunk != 0 {
			continue
		}
		b := fs.pageAt(c.off, headerSize)
		if b == nil || !likelyHeader(b, fs.order) && id != root {
			fs.gap(wardein.Damaged, "", c.off, headerSize, fmt.Sprintf("object %d: chunk 0 is not an object header", id))
			continue
		}
		if o.off >= 0 {
			fs.older++
		}
		u := func(at int) uint32 { return fs.order.Uint32(b[at:]) }
		name := cstring(b[10:266])
		if o.name != "" && o.name != name && o.parent != unlinked && o.parent != deleted && len(o.was) < 8 {
			o.was = append(o.was, o.name)
		}
		o.kind, o.parent, o.name, o.off, o.equivalent = u(0), u(4), name, c.off, u(296)
		o.size = int64(u(292))
		if high := u(496); high != 0xFFFFFFFF && high < 1<<31 && o.size != 0xFFFFFFFF {
			o.size |= int64(high) << 32
		}
		if o.kind != file || o.size == 0xFFFFFFFF {
			o.size = 0
		}
		if shadows := u(504); shadows != 0 && shadows <= maxObject && shadows != id {
			fs.shadowed = append(fs.shadowed, [2]uint32{shadows, id})
		}
	}
	if o.off < 0 {
		o.kind, o.parent = file, unlinked
		o.gone = "no header"
	}
	switch o.parent {
	case unlinked, deleted:
		if o.gone == "" {
			o.gone = "deleted"
		}
		if o.name == "unlinked" || o.name == "deleted" {
			o.name = ""
		}
	}
	fs.objects[id] = o
	fs.numbers = append(fs.numbers, id)
}

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// place finds an object's path by its parents. What ends in a loop or at an
// object that is not there is an orphan.
func (fs *fileSystem) place(o *object) {
	var chain []*object
	for o.state == fresh {
		o.state = searching
		chain = append(chain, o)
		p := fs.objects[o.parent]
		if o.id == root || o.gone != "" || p == nil || o.parent == root {
			break
		}
		o = p
	}
	for i := len(chain) - 1; i >= 0; i-- {
		o := chain[i]
		p := fs.objects[o.parent]
		switch {
		case o.id == root:
			o.path = "."
		case o.gone == "" && o.parent == root:
			o.path = o.name
		case o.gone == "" && p != nil && p.state == placed && p != o && len(p.path)+len(o.name) < maxPath:
			o.path = p.path + "/" + o.name
		default:
			if o.gone == "" {
				o.gone = fmt.Sprintf("its directory, object %d, is missing", o.parent)
				if p != nil {
					o.gone = fmt.Sprintf("its directory, object %d, stands in itself or too deep", o.parent)
				}
			}
			o.path = fmt.Sprintf("%s/obj-%d", orphans, o.id)
		}
		o.state = placed
	}
}

// members hands out all objects, by path.
func (fs *fileSystem) members() error {
	all := make([]*object, 0, len(fs.objects))
	for _, id := range fs.numbers {
		o := fs.objects[id]
		fs.place(o)
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b *object) int { return strings.Compare(a.path, b.path) })
	for i, o := range all {
		if i%1024 == 0 && fs.ctx.Err() != nil {
			return fs.ctx.Err()
		}
		if err := fs.member(o); err != nil {
			return err
		}
	}
	return nil
}

// of returns an object's chunks, oldest first.
func (fs *fileSystem) of(id uint32) []chunk {
	i, _ := slices.BinarySearchFunc(fs.chunks, id, func(c chunk, id uint32) int { return cmp.Compare(c.object, id) })
	j := i
	for j < len(fs.chunks) && fs.chunks[j].object == id {
		j++
	}
	return fs.chunks[i:j]
}

// oob accounts for a chunk's out-of-band bytes.
func (fs *fileSystem) oob(off int64) {
	fs.out.Span(wardein.Span{Off: off + fs.page, Len: fs.spare, What: wardein.Known, Is: "out-of-band bytes"})
}

func (fs *fileSystem) member(o *object) error {
	if o.gone != "" {
		fs.out.Note(o.path, o.gone)
		if o.name != "" {
			o.was = append(o.was, o.name)
		}
		for _, name := range o.was {
			fs.out.Note(o.path, fmt.Sprintf("was %q", name))
		}
	}
	if o.off < 0 {
		fs.gap(wardein.Damaged, o.path, 0, 0, fmt.Sprintf("object %d has no header: name, mode and size are not known", o.id))
		return fs.file(wardein.Entry{Name: o.path, Kind: wardein.File}, o)
	}
	b := fs.pageAt(o.off, fs.page)
	if b == nil {
		return fmt.Errorf("object %d at %#x: cannot be read", o.id, o.off)
	}
	u := func(at int) uint32 { return fs.order.Uint32(b[at:]) }
	fs.out.Span(wardein.Span{Off: o.off, Len: headerSize, What: wardein.Known, Is: "object header"})
	fs.oob(o.off)
	mode := u(268)
	e := wardein.Entry{Name: o.path, Mode: mode & 07777, UID: u(272), GID: u(276), MTime: int64(u(284))}
	e.Xattrs = fs.xattrs(b, o.off)
	switch o.kind {
	case file:
		return fs.file(e, o)
	case symlink:
		e.Kind, e.Target = wardein.Symlink, cstring(b[300:460])
	case directory:
		e.Kind = wardein.Directory
	case hardLink:
		target := fs.objects[o.equivalent]
		if target == nil {
			fs.gap(wardein.Damaged, o.path, o.off, headerSize, fmt.Sprintf("hard link %d: object %d is missing", o.id, o.equivalent))
			return fs.out.Entry(wardein.Entry{Name: o.path, Kind: wardein.HardLink})
		}
		return fs.out.Entry(wardein.Entry{Name: o.path, Kind: wardein.HardLink, Target: target.path})
	case special:
		dev := u(460)
		switch mode & 0170000 {
		case 0010000:
			e.Kind = wardein.FIFO
		case 0140000:
			e.Kind = wardein.Socket
		case 0060000:
			e.Kind = wardein.BlockDevice
		default:
			e.Kind = wardein.CharDevice
		}
		if e.Kind == wardein.CharDevice || e.Kind == wardein.BlockDevice {
			// 16 bits before Linux 2.6, more since; the low ones mean the same.
			e.Major, e.Minor = dev>>8&0xFFF, dev&0xFF|dev>>12&0xFFF00
		}
	}
	return fs.out.Entry(e)
}

// file hands out a file: for each page the newest chunk, holes as zeros.
func (fs *fileSystem) file(e wardein.Entry, o *object) error {
	pages := map[uint32]chunk{}
	size, later := int64(0), int64(0)
	for _, c := range fs.of(o.id) {
		if c.chunk != 0 {
			if _, ok := pages[c.chunk]; ok {
				fs.older++
			}
			pages[c.chunk] = c
			later = max(later, int64(c.chunk-1)*fs.page+int64(c.bytes))
			continue
		}
		// A header states the size at its time. What lay behind it then is gone.
		// That of a deletion states 0, and what was deleted is wanted.
		b := fs.pageAt(c.off, headerSize)
		if b == nil || !likelyHeader(b, fs.order) {
			continue
		}
		if parent := fs.order.Uint32(b[4:]); parent == unlinked || parent == deleted {
			continue
		}
		size, later = int64(fs.order.Uint32(b[292:])), 0
		if c.off == o.off {
			size = o.size
		}
		for n := range pages {
			if int64(n-1)*fs.page >= size {
				delete(pages, n)
				fs.older++
			}
		}
	}
	size = max(size, later)
	numbers := make([]uint32, 0, len(pages))
	for n := range pages {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	ext := make([]wardein.Extent, 0, len(numbers))
	pos := int64(0)
	add := func(off, n int64) {
		if n <= 0 {
			return
		}
		if k := len(ext) - 1; k >= 0 && off < 0 && ext[k].Off == off {
			ext[k].Len += n
		} else {
			ext = append(ext, wardein.Extent{Off: off, Len: n})
		}
		pos += n
	}
	for _, n := range numbers {
		c := pages[n]
		at := int64(n-1) * fs.page
		if at >= size {
			continue
		}
		add(wardein.Zeros, at-pos)
		add(c.off, min(int64(c.bytes), size-at))
		fs.oob(c.off)
	}
	add(wardein.Zeros, size-pos)
	return fs.out.Extents(e, ext)
}

// xattrs reads the attributes, which stand behind the header in its page: size
// u4 of the whole, name, 00, value (yaffs_nameval.c).
func (fs *fileSystem) xattrs(page []byte, off int64) []wardein.Xattr {
	var list []wardein.Xattr
	at := headerSize
	for at+4 <= len(page) {
		n := int(int32(fs.order.Uint32(page[at:])))
		if n < 6 || n > len(page)-at {
			break
		}
		name, value, ok := bytes.Cut(page[at+4:at+n], []byte{0})
		if !ok || len(name) == 0 {
			break
		}
		list = append(list, wardein.Xattr{Name: string(name), Value: string(value)})
		at += n
	}
	if at > headerSize {
		fs.out.Span(wardein.Span{Off: off + headerSize, Len: int64(at - headerSize), What: wardein.Known, Is: "extended attributes"})
	}
	return list
}
