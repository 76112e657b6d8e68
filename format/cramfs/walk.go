package cramfs

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/inflate"
)

const (
	work     = 8 // bytes of directories and pointers read per byte of the image
	workBase = 1 << 20
)

// walker holds what one extraction needs.
type walker struct {
	ctx    context.Context
	v      *volume
	out    wardein.Members
	dirs   map[int64]bool // directories read, by offset
	budget int64
	gaps   int
	end    int64 // of what was referenced
	last   wardein.Span
	buf    []byte
}

func newWalker(ctx context.Context, v *volume, out wardein.Members) *walker {
	return &walker{ctx: ctx, v: v, out: out, dirs: map[int64]bool{}, budget: work*v.size + workBase}
}

func (w *walker) gap(node string, off int64, kind wardein.GapKind, format string, args ...any) {
	if w.gaps++; w.gaps <= maxGaps {
		w.out.Gap(wardein.Gap{Node: node, Kind: kind, Off: min(max(off, 0), w.v.size), Why: fmt.Sprintf(format, args...)})
	}
}

func (w *walker) known(off, n int64, is string) {
	if n <= 0 || off > w.v.size-n {
		return
	}
	w.end = max(w.end, off+n)
	if w.last.Is == is && w.last.Off+w.last.Len == off {
		w.last.Len += n
		return
	}
	w.flush()
	w.last = wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is}
}

func (w *walker) flush() {
	if w.last.Len > 0 {
		w.out.Span(w.last)
	}
	w.last = wardein.Span{}
}

// spend charges n bytes of directories and pointers, false when they are more
// than any sound image has.
func (w *walker) spend(n int64, path string) bool {
	if w.budget < 0 {
		return false
	}
	if w.budget -= n; w.budget < 0 {
		w.gaps = min(w.gaps, maxGaps-1)
		w.gap(path, 0, wardein.Limit, "%d bytes of directories and pointers read, the image has %d: they lead to the same bytes again", work*w.v.size+workBase, w.v.size)
	}
	return w.budget >= 0
}

// volume walks everything from the root.
func (w *walker) volume() error {
	v := w.v
	w.known(v.at, superSize, "superblock")
	err := w.dir(v.root, "", 0)
	w.flush()
	if w.gaps > maxGaps {
		w.out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d gaps are told of %d", maxGaps, w.gaps)})
	}
	return err
}

// dir reads a directory: inodes, each followed by its name.
func (w *walker) dir(in inode, path string, depth int) error {
	n := int64(in.size)
	if n == 0 || in.offset == 0 {
		return nil
	}
	if depth > maxNest {
		w.gap(path, in.at, wardein.Limit, "%d directories in each other, %d are read", depth, maxNest)
		return nil
	}
	if w.dirs[in.offset] {
		w.gap(path, in.at, wardein.Damaged, "inode at %#x: directory at %#x is read already", in.at, in.offset)
		return nil
	}
	w.dirs[in.offset] = true
	if in.offset > w.v.size-n {
		w.gap(path, in.at, wardein.Damaged, "inode at %#x: directory is %d bytes at %#x, image ends at %#x", in.at, n, in.offset, w.v.size)
		n = max(0, w.v.size-in.offset)
	}
	if !w.spend(n, path) {
		return nil
	}
	raw := make([]byte, n) // no longer than the image
	if _, err := w.v.r.ReadAt(raw, in.offset); err != nil && err != io.EOF {
		return err
	}
	for pos := int64(0); pos < n; {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		at := in.offset + pos
		if pos+12 > n {
			w.gap(path, at, wardein.Damaged, "directory entry at %#x is cut off", at)
			return nil
		}
		child := decode(w.v.order, raw[pos:], at)
		if child.nameLen == 0 || pos+12+child.nameLen > n {
			w.gap(path, at, wardein.Damaged, "directory entry at %#x: name of %d bytes, %d left", at, child.nameLen, n-pos-12)
			return nil
		}
		w.known(at, 12+child.nameLen, "directory")
		name := string(bytes.TrimRight(raw[pos+12:pos+12+child.nameLen], "\x00"))
		pos += 12 + child.nameLen
		if path != "" {
			name = path + "/" + name
		}
		if err := w.member(child, name, depth); err != nil {
			return err
		}
	}
	return nil
}

var kinds = map[uint32]wardein.Kind{1: wardein.FIFO, 2: wardein.CharDevice, 4: wardein.Directory, 6: wardein.BlockDevice, 8: wardein.File, 10: wardein.Symlink, 12: wardein.Socket}

func (w *walker) member(in inode, path string, depth int) error {
	kind, ok := kinds[in.mode>>12]
	e := wardein.Entry{Name: path, Kind: kind, Mode: in.mode & 0o7777, UID: in.uid, GID: in.gid}
	if !ok {
		w.gap(path, in.at, wardein.Damaged, "inode at %#x: mode %#o is no file type", in.at, in.mode)
		return w.out.Entry(e)
	}
	switch kind {
	case wardein.Directory:
		if err := w.out.Entry(e); err != nil {
			return err
		}
		return w.dir(in, path, depth+1)
	case wardein.CharDevice, wardein.BlockDevice: // the size is the number
		e.Major, e.Minor = in.size>>8&0xFF, in.size&0xFF|in.size>>12&0xFFF00
	case wardein.File:
		return w.out.Blocks(e, w.blocks(in, path))
	case wardein.Symlink:
		if in.size > maxLink {
			w.gap(path, in.at, wardein.Damaged, "inode at %#x: link target of %d bytes, %d are allowed", in.at, in.size, maxLink)
			return w.out.Entry(e)
		}
		target := make([]byte, 0, in.size)
		for _, b := range w.blocks(in, path) {
			n := len(target)
			target = target[:int64(n)+b.Size]
			if b.Src.Off < 0 {
				continue
			}
			src := make([]byte, b.Src.Len)
			if _, err := w.v.r.ReadAt(src, b.Src.Off); err != nil && err != io.EOF {
				return err
			}
			if b.Decode == nil {
				copy(target[n:], src)
			} else if _, err := b.Decode(target[n:], src); err != nil {
				w.gap(path, b.Src.Off, wardein.Damaged, "link target at %#x: %v", b.Src.Off, err)
			}
			w.known(b.Src.Off, b.Src.Len, "link target")
		}
		e.Target = string(bytes.TrimRight(target, "\x00"))
	}
	return w.out.Entry(e)
}

// blocks reads a file's block pointers. A block that cannot be is a hole and a
// gap.
func (w *walker) blocks(in inode, path string) []wardein.Block {
	v := w.v
	size := int64(in.size)
	count := (size + page - 1) / page
	if count == 0 {
		return nil
	}
	if in.offset == 0 || in.offset > v.size-4*count {
		w.gap(path, in.at, wardein.Damaged, "inode at %#x: %d block pointers at %#x, image ends at %#x", in.at, count, in.offset, v.size)
		return []wardein.Block{{Src: wardein.Extent{Off: wardein.Zeros}, Size: size}}
	}
	if !w.spend(4*count, path) {
		return []wardein.Block{{Src: wardein.Extent{Off: wardein.Zeros}, Size: size}}
	}
	if int64(cap(w.buf)) < 4*count {
		w.buf = make([]byte, 4*count)
	}
	raw := w.buf[:4*count]
	if n, err := v.r.ReadAt(raw, in.offset); int64(n) < 4*count {
		w.gap(path, in.offset, wardein.Damaged, "block pointers at %#x: %v", in.offset, err)
		clear(raw[n:])
	}
	w.known(in.offset, 4*count, "block pointers")
	list := make([]wardein.Block, 0, count)
	start := in.offset + 4*count
	for i := range count {
		b := wardein.Block{Size: min(page, size-i*page)}
		ptr := v.order.Uint32(raw[4*i:])
		stored, end := false, int64(ptr)
		if v.flags&flagExtPointers != 0 {
			stored = ptr&pointerStored != 0
			end = int64(ptr &^ (pointerStored | pointerDirect))
			if ptr&pointerDirect != 0 { // where the block begins, in 4 bytes
				start = end * 4
				if stored {
					end = start + b.Size
				} else {
					start, end = w.direct(start)
				}
			}
		}
		b.Src = wardein.Extent{Off: start, Len: end - start}
		switch {
		case end == start:
			b.Src = wardein.Extent{Off: wardein.Zeros}
		case end < start || start < 0 || end > v.size || end-start > 2*page:
			w.gap(path, in.offset+4*i, wardein.Damaged, "block %d of %d: bytes %#x to %#x, image ends at %#x", i, count, start, end, v.size)
			b.Src = wardein.Extent{Off: wardein.Zeros}
			if end < in.offset || end > v.size { // what follows cannot be found by it
				end = start
			}
		case stored:
			// A last block may be stored with a whole page.
			if b.Src.Len > b.Size {
				b.Src.Len = b.Size
			}
			if b.Src.Len < b.Size {
				b.Decode = stay
			}
		default:
			b.Decode = unzlib
		}
		if b.Src.Off >= 0 {
			w.end = max(w.end, end)
		}
		start = end
		list = append(list, b)
	}
	return list
}

// direct reads the length before a compressed block that a pointer leads to.
func (w *walker) direct(at int64) (start, end int64) {
	var raw [2]byte
	if n, _ := w.v.r.ReadAt(raw[:], at); n < len(raw) {
		return at, -1
	}
	w.known(at, 2, "block length")
	return at + 2, at + 2 + int64(w.v.order.Uint16(raw[:]))
}

// stay copies a stored block that is shorter than what it stands for.
func stay(dst, src []byte) (int, error) {
	n := copy(dst, src)
	clear(dst[n:])
	return len(dst), nil
}

// unzlib decodes one zlib stream. It may end before the page: the caller sees n.
// And it may go on: a last block may have been encoded with a whole page.
func unzlib(dst, src []byte) (int, error) {
	n, _, err := inflate.Zlib(dst, src)
	if err == inflate.ErrLong || err == io.ErrUnexpectedEOF && n < len(dst) && len(src) >= 2 {
		err = nil
	}
	return n, err
}
