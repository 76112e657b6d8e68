package cpio

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// walker goes from header to header. With out nil it only finds the end.
type walker struct {
	r       *io.SectionReader
	size    int64
	out     wardein.Members
	win     []byte
	winOff  int64
	members int
	trailer bool
	short   bool  // the archive is cut off
	stop    error // the engine wants no more
	buf     []byte

	// Files of newc with several names. The content stands with one of them.
	content map[inode]string          // name that has it
	waiting map[inode][]wardein.Entry // names before it
	order   []inode                   // of waiting, as met
}

type inode struct{ ino, major, minor, kind uint32 }

// bytes returns up to n bytes at off; they are valid until the next call.
func (w *walker) bytes(off, n int64) ([]byte, error) {
	if off < 0 || off >= w.size {
		return nil, nil
	}
	n = min(n, w.size-off)
	if i := off - w.winOff; i >= 0 && i+n <= int64(len(w.win)) {
		return w.win[i : i+n], nil
	}
	if int64(cap(w.win)) < n || w.win == nil {
		w.win = make([]byte, max(n, windowSize))
	}
	w.win = w.win[:min(int64(cap(w.win)), w.size-off)]
	k, err := w.r.ReadAt(w.win, off)
	w.win, w.winOff = w.win[:k], off
	if int64(k) < n {
		return nil, fmt.Errorf("bytes at %#x: %w", off, err)
	}
	return w.win[:n], nil
}

func (w *walker) gap(kind wardein.GapKind, name string, off, n int64, format string, args ...any) {
	if w.out != nil {
		w.out.Gap(wardein.Gap{Node: name, Kind: kind, Off: off, Len: n, Why: fmt.Sprintf(format, args...)})
	}
}

func (w *walker) span(off, n int64, is string) {
	if w.out != nil && n > 0 {
		w.out.Span(wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is})
	}
}

// walk returns where the archive ends.
func (w *walker) walk(ctx context.Context) (end int64, err error) {
	pos, first := int64(0), none
	for {
		if w.stop = ctx.Err(); w.stop != nil {
			return pos, w.stop
		}
		b, err := w.bytes(pos, 110)
		if err != nil {
			return pos, err
		}
		magic := string(b[:min(len(b), 6)])
		h, ok := parse(b)
		if ok && first != none && h.form != first {
			ok = false
		}
		var name []byte
		if ok {
			h.at, h.nameAt = pos, pos+headerSize[h.form]
			a := alignment[h.form]
			if name, err = w.bytes(h.nameAt, h.nameSize); err != nil {
				return pos, err
			}
			// bin pads the name so that the data is even; the header is.
			h.dataAt = align(h.nameAt+h.nameSize, a)
			h.next = align(h.dataAt+h.size, a)
			if int64(len(name)) < h.nameSize {
				w.short = true
				w.flush()
				w.span(pos, w.size-pos, "header")
				return w.size, fmt.Errorf("header at %#x: name of %d bytes, archive ends after %d", pos, h.nameSize, len(name))
			}
			ok = name[h.nameSize-1] == 0
		}
		if !ok {
			if magic == "" || first == none {
				return w.finish(pos, fmt.Errorf("no trailer: archive ends at %#x", pos))
			}
			next, err := w.resync(pos, first)
			if err != nil {
				return pos, err
			}
			if next < 0 {
				return w.finish(pos, fmt.Errorf("header at %#x: want a %v header, found %q", pos, first, magic))
			}
			w.gap(wardein.Damaged, "", pos, next-pos, "header at %#x: want a %v header, next one at %#x", pos, first, next)
			pos = next
			continue
		}
		first = h.form
		if string(name[:h.nameSize-1]) == trailer {
			w.trailer = true
			end := min(h.next, w.size)
			w.span(pos, end-pos, "trailer")
			return w.finish(end, nil)
		}
		w.members++
		if h.size > w.size-h.dataAt {
			w.short = true
		}
		if w.out != nil {
			if w.stop = w.member(h, name[:bytes.IndexByte(name, 0)]); w.stop != nil {
				return pos, w.stop
			}
		}
		if h.size > w.size-h.dataAt {
			w.flush()
			return w.size, fmt.Errorf("data at %#x: want %d bytes, archive ends after %d", h.dataAt, h.size, max(0, w.size-h.dataAt))
		}
		pos = min(h.next, w.size)
	}
}

// resync finds the next header of the same form behind a damaged one.
func (w *walker) resync(from int64, f form) (int64, error) {
	a := alignment[f]
	for pos := from + a; pos-from < maxResync; pos += a {
		b, err := w.bytes(pos, 110)
		if b == nil || err != nil {
			return -1, err
		}
		if f <= binBE {
			return -1, nil // two bytes of magic do not guide
		}
		if formOf(b) != f {
			continue
		}
		if h, ok := parse(b); ok && h.mode>>12 != 0 || ok && h.nameSize == int64(len(trailer)+1) {
			return pos, nil
		}
	}
	return -1, nil
}

// finish hands out what still waits for content.
func (w *walker) finish(end int64, err error) (int64, error) {
	if e := w.flush(); e != nil {
		return end, e
	}
	return end, err
}

func (w *walker) flush() error {
	for _, k := range w.order {
		names := w.waiting[k]
		if len(names) == 0 {
			continue
		}
		delete(w.waiting, k)
		if err := w.out.Extents(names[0], nil); err != nil {
			w.stop = err
			return err
		}
		if err := w.links(names[1:], names[0].Name); err != nil {
			w.stop = err
			return err
		}
	}
	w.order = nil
	return nil
}

func (w *walker) links(names []wardein.Entry, target string) error {
	for _, e := range names {
		e.Kind, e.Target = wardein.HardLink, target
		if err := w.out.Entry(e); err != nil {
			return err
		}
	}
	return nil
}

// member hands out one member.
func (w *walker) member(h header, name []byte) error {
	e := wardein.Entry{Name: string(name), Mode: h.mode & 0o7777, UID: h.uid, GID: h.gid, MTime: int64(h.mtime)}
	have := max(0, min(h.size, w.size-h.dataAt))
	w.span(h.at, min(h.dataAt, w.size)-h.at, "header")
	if have < h.size {
		w.gap(wardein.Damaged, e.Name, min(h.dataAt, w.size), have, "data at %#x: want %d bytes, archive ends after %d", h.dataAt, h.size, have)
	}
	switch h.mode >> 12 {
	case 1:
		e.Kind = wardein.FIFO
	case 2, 6:
		e.Kind = wardein.CharDevice
		if h.mode>>12 == 6 {
			e.Kind = wardein.BlockDevice
		}
		e.Major, e.Minor = h.major, h.minor
	case 4:
		e.Kind = wardein.Directory
	case 10:
		e.Kind = wardein.Symlink
		if have > maxName {
			w.gap(wardein.Limit, e.Name, h.dataAt, have, "link target of %d bytes, at most %d are read", have, maxName)
			have = maxName
		}
		p, err := w.bytes(h.dataAt, have)
		if err != nil {
			return err
		}
		e.Target = string(p)
		w.span(h.dataAt, have, "link target")
	case 12:
		e.Kind = wardein.Socket
	default:
		return w.file(h, e, have)
	}
	return w.out.Entry(e)
}

func (w *walker) file(h header, e wardein.Entry, have int64) error {
	if h.form == crc && have == h.size {
		if err := w.verify(h, e.Name); err != nil {
			return err
		}
	}
	k := inode{h.ino, h.devMajor, h.devMinor, h.mode >> 12}
	shared := h.form >= newc && h.nlink > 1
	if shared && h.size == 0 {
		if target, ok := w.content[k]; ok {
			return w.links([]wardein.Entry{e}, target)
		}
		if w.waiting == nil {
			w.waiting = map[inode][]wardein.Entry{}
		}
		if len(w.waiting[k]) == 0 {
			w.order = append(w.order, k)
		}
		w.waiting[k] = append(w.waiting[k], e)
		return nil
	}
	var ext []wardein.Extent
	if have > 0 {
		ext = []wardein.Extent{{Off: h.dataAt, Len: have}}
	}
	if err := w.out.Extents(e, ext); err != nil {
		return err
	}
	if !shared {
		return nil
	}
	if w.content == nil {
		w.content = map[inode]string{}
	}
	w.content[k] = e.Name
	names := w.waiting[k]
	delete(w.waiting, k)
	return w.links(names, e.Name)
}

// verify compares the sum of the data bytes that the crc form stores.
func (w *walker) verify(h header, name string) error {
	if w.buf == nil {
		w.buf = make([]byte, 64<<10)
	}
	sum := uint32(0)
	for at := int64(0); at < h.size; {
		p := w.buf[:min(int64(len(w.buf)), h.size-at)]
		if n, err := w.r.ReadAt(p, h.dataAt+at); n < len(p) {
			return fmt.Errorf("data at %#x: %w", h.dataAt+at, err)
		}
		for _, c := range p {
			sum += uint32(c)
		}
		at += int64(len(p))
	}
	// Names that share a later name's content carry its sum or none.
	if sum != h.check && !(h.size == 0 && h.nlink > 1) {
		w.gap(wardein.Damaged, name, h.dataAt, h.size, "sum of the data: stored %08x, computed %08x", h.check, sum)
	}
	return nil
}
