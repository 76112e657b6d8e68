package sevenzip

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/wardein/wardein"
)

const maxTarget = 64 << 10 // of a symbolic link

// Attributes: the low half is Windows', the high half, where the bit says so,
// the mode of a Unix file.
const (
	attrDirectory = 0x10
	attrUnix      = 0x8000
)

var kinds = map[uint32]wardein.Kind{
	0x1000: wardein.FIFO, 0x2000: wardein.CharDevice, 0x4000: wardein.Directory, 0x6000: wardein.BlockDevice,
	0x8000: wardein.File, 0xA000: wardein.Symlink, 0xC000: wardein.Socket,
}

// files goes through the members' properties.
type files struct {
	n, i    int
	empty   []byte // members without content
	e       int    // index among those
	notDir  []byte // of those: files
	anti    []byte // of those: what is to be removed
	names   []byte
	named   bool
	mtimes  vector
	attribs vector
}

func readFiles(c *cursor) (*files, error) {
	n := c.number()
	if n > int64(c.left()) {
		return nil, fmt.Errorf("files at header byte %d: %d files in %d bytes", c.at, n, c.left())
	}
	f := &files{n: int(n)}
	empty := 0
	for !c.bad {
		id := c.number()
		if id == idEnd {
			return f, nil
		}
		size := c.number()
		p := &cursor{b: c.bytes(size)}
		var err error
		switch id {
		case idEmptyStream:
			f.empty = p.bytes((n + 7) / 8)
			empty = ones(f.empty, f.n)
		case idEmptyFile:
			f.notDir = p.bytes(int64(empty+7) / 8)
		case idAnti:
			f.anti = p.bytes(int64(empty+7) / 8)
		case idNames:
			if p.byte() != 0 {
				return f, errors.New("names in another stream")
			}
			f.names, f.named = p.b[p.at:], true
		case idMTime:
			f.mtimes, err = p.vector(f.n, 8, true)
		case idAttributes:
			f.attribs, err = p.vector(f.n, 4, true)
		}
		if err == nil && p.bad {
			err = p.err("property")
		}
		if err != nil {
			return f, fmt.Errorf("files, property %#x before header byte %d: %w", id, c.at, err)
		}
	}
	return f, c.err("files")
}

// next returns the next member; content says that it takes a part of a folder.
func (f *files) next() (e wardein.Entry, content, anti bool) {
	i := f.i
	f.i++
	e.Name = "data"
	if f.named {
		e.Name = f.name()
	}
	content = !bit(f.empty, i)
	if !content {
		if anti = bit(f.anti, f.e); !bit(f.notDir, f.e) {
			e.Kind = wardein.Directory
		}
		f.e++
	}
	if b := f.mtimes.next(); b != nil {
		// 100 ns since 1601
		e.MTime = int64(le.Uint64(b)/1e7) - 11644473600
	}
	if b := f.attribs.next(); b != nil {
		a := le.Uint32(b)
		if a&attrDirectory != 0 && !content {
			e.Kind = wardein.Directory
		}
		if a&attrUnix != 0 {
			e.Mode = a >> 16 & 0o7777
			if kind, ok := kinds[a>>16&0xF000]; ok && (content || kind != wardein.Symlink) {
				e.Kind = kind
			}
		}
	}
	if content && e.Kind != wardein.Symlink {
		e.Kind = wardein.File
	}
	return e, content, anti
}

// name reads a name, which is UTF-16 and ends with a zero. Halves of pairs that
// stand alone keep their number, in three bytes as UTF-8 would write it.
func (f *files) name() string {
	b := make([]byte, 0, 64)
	for len(f.names) >= 2 {
		c := rune(le.Uint16(f.names))
		f.names = f.names[2:]
		if c == 0 {
			break
		}
		if utf16.IsSurrogate(c) {
			if len(f.names) >= 2 {
				if r := utf16.DecodeRune(c, rune(le.Uint16(f.names))); r != utf8.RuneError {
					b = utf8.AppendRune(b, r)
					f.names = f.names[2:]
					continue
				}
			}
			b = append(b, 0xE0|byte(c>>12), 0x80|byte(c>>6)&0x3F, 0x80|byte(c)&0x3F)
			continue
		}
		b = utf8.AppendRune(b, c)
	}
	return string(b)
}

// header hands out what a header names. stop ends the run, err is damage.
func (x *extractor) header(c *cursor) (stop, err error) {
	s := &streams{}
	f := &files{}
	var damage error
	for id := c.number(); id != idEnd; id = c.number() {
		switch id {
		case idProperties:
			for id := c.number(); id != idEnd && !c.bad; id = c.number() {
				c.bytes(c.number())
			}
		case idAdditional:
			if _, err := readStreams(c); err != nil {
				return nil, err
			}
		case idMainStreams:
			if s, err = readStreams(c); err != nil {
				return nil, err
			}
		case idFiles:
			if f, damage = readFiles(c); damage != nil {
				if f == nil {
					f = &files{}
				}
				c.at = len(c.b)
			}
		default:
			damage = fmt.Errorf("header byte %d: property %#x", c.at, id)
		}
		if damage != nil || c.bad {
			break
		}
	}
	if damage == nil && c.bad {
		damage = c.err("header")
	}
	if stop := x.members(s, f); stop != nil {
		return stop, nil
	}
	return nil, damage
}

// members hands out all members: those with content folder by folder, those
// without where their turn comes.
func (x *extractor) members(s *streams, f *files) error {
	w := s.walk()
	for w.next() {
		if w.members == 0 {
			continue // nothing of it was asked for; its bytes stay unreferenced
		}
		p, err := x.open(w)
		if err == nil {
			err = x.folder(p, f)
		} else {
			for i := range p.w.packOff {
				off, n := w.packOff[i], w.packSize[i]
				if off <= x.end && n <= x.end-off {
					x.span(off, n, wardein.Opaque, "packed stream")
				}
			}
			off := min(w.packOff[0], x.end)
			err = x.lose(w, f, 0, kindOf(err), off, min(w.pos-off, x.end-off), err)
		}
		if err != nil {
			return err
		}
	}
	lost := 0
	for f.i < f.n {
		content, err := x.upTo(f, func(e wardein.Entry) error { return x.out.Entry(e) })
		if err != nil {
			return err
		}
		if content {
			lost++
		}
	}
	if lost > 0 {
		x.gap(wardein.Damaged, "", x.end, 0, "%d files have content by the header, but no folder holds it", lost)
	}
	return nil
}

// upTo hands out members without content, and gives do the first that has some.
func (x *extractor) upTo(f *files, do func(wardein.Entry) error) (content bool, err error) {
	for f.i < f.n {
		if err := x.ctx.Err(); err != nil {
			return false, err
		}
		e, content, anti := f.next()
		switch {
		case content:
			return true, do(e)
		case anti:
			x.out.Note("anti-item", e.Name)
		case e.Kind == wardein.File:
			err = x.out.Extents(e, nil)
		default:
			err = x.out.Entry(e)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// lose hands out the names of a folder's members from the index-th on.
func (x *extractor) lose(w *walker, f *files, index int64, kind wardein.GapKind, off, n int64, why error) error {
	first, count := "", int64(0)
	for ; index < w.members; index++ {
		if !more(w, index) {
			break
		}
		ok, err := x.upTo(f, func(e wardein.Entry) error {
			if count == 0 {
				first = e.Name
			}
			return x.out.Entry(e)
		})
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		count++
	}
	if count == 1 {
		x.gap(kind, first, off, n, "folder %d: %v", w.index-1, why)
		return nil
	}
	x.gap(kind, "", off, n, "folder %d: %v: content of %d members, the first of them %q", w.index-1, why, count, first)
	return nil
}

// more steps over the next member's size and sum.
func more(w *walker, index int64) bool {
	_, _, _, err := w.member(index == w.members-1)
	return err == nil
}

// folder cuts a folder into its members.
func (x *extractor) folder(p *pipe, f *files) error {
	w := p.w
	stored := len(w.folder.coders) == 1 && w.folder.coders[0].id == methodCopy
	pos, packEnd := w.packOff[0], w.packOff[0]+w.packSize[0]
	for i := int64(0); i < w.members; i++ {
		size, sum, summed, err := w.member(i == w.members-1)
		if err != nil {
			x.gap(wardein.Damaged, "", w.packOff[0], 0, "folder %d, member %d: %v", w.index-1, i, err)
			break
		}
		m := &cut{ctx: ctxReader{x.ctx, p}, left: size, window: p.total}
		found, err := x.upTo(f, func(e wardein.Entry) error {
			var err error
			if stored && e.Kind == wardein.File && size <= packEnd-pos {
				err = x.stored(e, m, pos)
			} else {
				err = x.content(e, m)
				if stored {
					x.span(pos, min(size, packEnd-pos), wardein.Known, "packed stream")
				}
			}
			if m.err != nil && x.ctx.Err() == nil {
				return nil
			}
			if err == nil && summed && sum != m.sum {
				x.gap(wardein.Damaged, e.Name, 0, 0, "crc32 stored %08x, computed %08x", sum, m.sum)
			}
			return err
		})
		if err != nil {
			return err
		}
		if !found { // content that no file is named for
			if err := x.content(wardein.Entry{Name: fmt.Sprintf("folder-%d-%d", w.index-1, i)}, m); err != nil && (m.err == nil || x.ctx.Err() != nil) {
				return err
			}
			if stored {
				x.span(pos, min(size, packEnd-pos), wardein.Known, "packed stream")
			}
		}
		if m.err != nil {
			if !stored {
				p.spans("packed stream", wardein.Opaque)
			}
			if i+1 == w.members {
				return nil // the engine made a gap of it
			}
			return x.lose(w, f, i+1, kindOf(m.err), w.packOff[0], min(w.pos, x.end)-w.packOff[0], fmt.Errorf("after a member that is damaged: %w", m.err))
		}
		pos += size
	}
	var b [1]byte
	if n, err := p.Read(b[:]); n > 0 {
		x.gap(wardein.Damaged, "", w.packOff[0], 0, "end of folder %d: more content than its members have", w.index-1)
	} else if err != io.EOF && err != nil {
		x.gap(wardein.Damaged, "", w.packOff[0], 0, "end of folder %d: %v", w.index-1, err)
	}
	if !stored {
		p.spans("packed stream", wardein.Known)
	}
	return nil
}

// stored hands out a member that is not compressed.
func (x *extractor) stored(e wardein.Entry, m *cut, pos int64) error {
	if m.left == 0 {
		return x.out.Extents(e, nil)
	}
	run := []wardein.Extent{{Off: pos, Len: m.left}}
	if x.buf == nil {
		x.buf = make([]byte, 64<<10)
	}
	for {
		_, err := m.Read(x.buf)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	return x.out.Extents(e, run)
}

// content hands out a member with content.
func (x *extractor) content(e wardein.Entry, m *cut) error {
	if e.Kind == wardein.Symlink {
		if m.left <= maxTarget {
			b, err := io.ReadAll(m)
			e.Target = string(b)
			if err != nil {
				x.gap(wardein.Damaged, e.Name, 0, 0, "link target: %v", err)
			}
			return x.out.Entry(e)
		}
		x.gap(wardein.Limit, e.Name, 0, 0, "link target of %d bytes, at most %d are read; handed out as a file", m.left, maxTarget)
		e.Kind = wardein.File
	}
	return x.out.Stream(e, m)
}

// cut is the next part of a folder.
type cut struct {
	ctx    ctxReader
	left   int64
	sum    uint32
	window int64
	err    error
}

// Window is that of all coders.
func (m *cut) Window() int64 { return m.window }

func (m *cut) Read(b []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if m.left == 0 {
		return 0, io.EOF
	}
	if int64(len(b)) > m.left {
		b = b[:m.left]
	}
	n, err := m.ctx.Read(b)
	m.sum = crc32.Update(m.sum, crc32.IEEETable, b[:n])
	m.left -= int64(n)
	if err == io.EOF && m.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == io.EOF {
		err = nil
	}
	m.err = err
	return n, err
}
