package zip

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/codec/lzma"
	"github.com/wardein/wardein/codec/xz"
)

const (
	maxBlock  = 1 << 20  // larger members are streams
	maxTarget = 64 << 10 // of a symbolic link
	maxWindow = 128 << 20
)

var inflaters = sync.Pool{New: func() any { return inflate.NewReader(nil) }}

// used is a run of the archive that a member takes, header to descriptor.
type used struct {
	off, end int64
	index    int // in the directory
}

type extractor struct {
	archive
	ctx context.Context
	out wardein.Members
	buf []byte
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	x := &extractor{archive: archive{r: r, size: r.Size()}, ctx: ctx, out: out}
	if x.sig(0) == sigEnd && x.endRecord(0) {
		out.Span(wardein.Span{Len: x.end, What: wardein.Known, Is: "end record"})
		return x.end, nil
	}
	_, err := x.locate(ctx)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if x.directory < 0 {
		if stop := x.locals(nil, x.end); stop != nil {
			return x.end, stop
		}
		return x.end, err
	}
	if x.disks {
		out.Gap(wardein.Gap{Kind: wardein.Unsupported, Why: "part of an archive in several volumes"})
	}
	if len(x.comment) > 0 {
		out.Note("comment", string(x.comment))
	}
	runs, stop := x.members()
	if stop != nil {
		return x.end, stop
	}
	out.Span(wardein.Span{Off: x.dirEnd, Len: x.end - x.dirEnd, What: wardein.Known, Is: "end record"})
	if stop := x.locals(runs, x.directory); stop != nil {
		return x.end, stop
	}
	return x.end, err
}

func (x *extractor) gap(kind wardein.GapKind, name string, off, n int64, format string, args ...any) {
	off = max(0, min(off, x.size))
	x.out.Gap(wardein.Gap{Node: name, Kind: kind, Off: off, Len: max(0, min(n, x.size-off)), Why: fmt.Sprintf(format, args...)})
}

// resolve joins what the directory and the local header say of a member.
func (x *extractor) resolve(c *entry) (l entry, ok bool) {
	l, ok = x.local(c.offset + x.delta)
	c.data = l.data
	return l, ok && c.packed >= 0 && c.size >= 0 && c.packed <= x.directory-l.data
}

// members hands out what the directory names and returns the runs it took,
// sorted. Two passes: members that share bytes are known before the first one
// is handed out.
func (x *extractor) members() ([]used, error) {
	var runs []used
	count := 0
	for pos := x.directory; pos < x.dirEnd; count++ {
		c, ok := x.central(pos)
		if !ok {
			x.gap(wardein.Damaged, "", pos, x.dirEnd-pos, "central directory: no header at %#x, directory ends at %#x", pos, x.dirEnd)
			break
		}
		x.out.Span(wardein.Span{Off: pos, Len: c.next - pos, What: wardein.Known, Is: "central header"})
		pos = c.next
		if _, ok := x.resolve(&c); ok {
			runs = append(runs, used{c.offset + x.delta, c.data + c.packed + x.descriptor(&c), count})
		}
	}
	if int64(count) != x.entries && x.entries != 0xffff {
		x.gap(wardein.Damaged, "", x.dirEnd, x.end-x.dirEnd, "end record counts %d members, the directory has %d", x.entries, count)
	}
	slices.SortFunc(runs, func(a, b used) int {
		if a.off != b.off {
			return int(min(1, max(-1, a.off-b.off)))
		}
		return a.index - b.index
	})
	shared := map[int]int{} // index → index of the member whose bytes it shares
	last := -1
	for i, u := range runs {
		if last >= 0 && u.off < runs[last].end {
			shared[u.index] = runs[last].index
			continue
		}
		last = i
	}
	names := map[int]string{}
	for _, i := range shared {
		names[i] = ""
	}
	i := 0
	for pos := x.directory; pos < x.dirEnd && i < count; i++ {
		if err := x.ctx.Err(); err != nil {
			return nil, err
		}
		c, _ := x.central(pos)
		pos = c.next
		if _, ok := names[i]; ok {
			names[i] = c.name
		}
		if other, ok := shared[i]; ok {
			name := names[other]
			if name == "" {
				name = fmt.Sprintf("#%d", other+1)
			}
			x.gap(wardein.Limit, c.name, c.offset+x.delta, 0, "shares bytes with member %q: 1 member is opened for these bytes, the directory names more", name)
			continue
		}
		if err := x.member(&c); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// member hands out one member of the directory.
func (x *extractor) member(c *entry) error {
	l, ok := x.resolve(c)
	if !ok {
		at := c.offset + x.delta
		if l.data > 0 && c.packed > 0 && l.data < x.directory {
			x.gap(wardein.Damaged, c.name, at, 0, "data at %#x: directory says %d bytes, there are %d", l.data, c.packed, x.directory-l.data)
			c.packed = x.directory - l.data
		} else {
			x.gap(wardein.Damaged, c.name, at, 0, "no local header at %#x, where the directory says it is", at)
			return nil
		}
	}
	if l.name != c.name || l.method != c.method || l.flags&flagDescriptor == 0 && (l.crc != c.crc || l.packed != c.packed || l.size != c.size) {
		x.gap(wardein.Damaged, c.name, l.at, l.data-l.at, "local header says name %q, method %d, crc32 %08x, %d of %d bytes; the directory %q, %d, %08x, %d of %d",
			l.name, l.method, l.crc, l.packed, l.size, c.name, c.method, c.crc, c.packed, c.size)
	}
	if c.uid == 0 && c.gid == 0 { // Info-ZIP's older field has owners in local headers only
		c.uid, c.gid = l.uid, l.gid
	}
	return x.content(c)
}

// locals hands out the members that only local headers name: between the runs
// of the directory's members, and before end.
func (x *extractor) locals(runs []used, end int64) error {
	pos := int64(0)
	for _, u := range append(runs, used{off: end, end: end}) {
		for pos < u.off {
			at, err := x.find(pos, u.off)
			if err != nil {
				return err
			}
			if at < 0 {
				break
			}
			e, ok := x.local(at)
			if !ok || e.data > u.off {
				pos = at + 4
				continue
			}
			if e.unknown {
				if e.packed, ok = x.findDescriptor(x.ctx, &e, u.off); !ok {
					e.packed, e.size, e.crc = u.off-e.data, -1, 0
				} else if b := x.bytes(e.data+e.packed, 16); len(b) >= 12 {
					if le.Uint32(b) == sigDescriptor {
						b = b[4:]
					}
					e.crc, e.size = le.Uint32(b), int64(le.Uint32(b[8:]))
				}
			}
			if x.directory >= 0 {
				x.gap(wardein.Damaged, e.name, at, e.data-at, "in local headers only: the central directory has no such member")
			}
			if e.packed < 0 || e.packed > u.off-e.data {
				x.gap(wardein.Damaged, e.name, e.data, u.off-e.data, "want %d bytes, found %d", e.packed, u.off-e.data)
				e.packed = u.off - e.data
			}
			if err := x.content(&e); err != nil {
				return err
			}
			pos = e.data + e.packed + x.descriptor(&e)
		}
		pos = max(pos, u.end)
	}
	return nil
}

// find returns where the next local header's mark stands, -1 for nowhere.
func (x *extractor) find(from, to int64) (int64, error) {
	if x.buf == nil {
		x.buf = make([]byte, 64<<10)
	}
	for step := 256; from < to; step = min(4*step, len(x.buf)) { // small steps where marks are dense
		if err := x.ctx.Err(); err != nil {
			return -1, err
		}
		n, _ := x.r.ReadAt(x.buf[:min(int64(step), to-from)], from)
		if i := bytes.Index(x.buf[:n], []byte("PK\x03\x04")); i >= 0 {
			return from + int64(i), nil
		}
		if n < 4 || from+int64(n) >= to {
			break
		}
		from += int64(n) - 3
	}
	return -1, nil
}

// content hands out a member whose data stands at e.data.
func (x *extractor) content(e *entry) error {
	m := e.member()
	head := e.at
	if e.next > 0 { // from the directory
		head = e.offset + x.delta
	}
	x.out.Span(wardein.Span{Off: head, Len: e.data - head, What: wardein.Known, Is: "local header"})
	if n := x.descriptor(e); n > 0 && e.data+e.packed+n <= x.size {
		x.out.Span(wardein.Span{Off: e.data + e.packed, Len: n, What: wardein.Known, Is: "data descriptor"})
	}
	opaque := func(kind wardein.GapKind, why string) error {
		x.out.Span(wardein.Span{Off: e.data, Len: e.packed, What: wardein.Opaque, Is: "member data"})
		x.gap(kind, e.name, e.data, e.packed, "%s", why)
		return x.out.Entry(m)
	}
	switch {
	case e.method == 99 || e.aes:
		return opaque(wardein.Encrypted, "AES")
	case e.flags&flagEncrypted != 0:
		return opaque(wardein.Encrypted, "PKWARE encryption")
	}
	if m.Kind == wardein.Symlink {
		if e.packed > maxTarget || e.size > maxTarget {
			x.gap(wardein.Limit, e.name, e.data, e.packed, "link target of %d bytes, at most %d are read", e.size, maxTarget)
			m.Kind = wardein.File
		} else if r, done, err := x.reader(e); err == nil && r != nil {
			target, err := io.ReadAll(io.LimitReader(r, maxTarget))
			done()
			if err != nil {
				x.gap(wardein.Damaged, e.name, e.data, e.packed, "link target: %v", err)
			}
			m.Target = string(target)
			x.out.Span(wardein.Span{Off: e.data, Len: e.packed, What: wardein.Known, Is: "link target"})
			return x.out.Entry(m)
		}
	}
	if m.Kind != wardein.File && m.Kind != wardein.Symlink && e.packed == 0 {
		return x.out.Entry(m)
	}
	if m.Kind == wardein.Directory && e.size == 0 && e.packed <= 16 { // jar compresses nothing to two bytes
		x.out.Span(wardein.Span{Off: e.data, Len: e.packed, What: wardein.Known, Is: "member data"})
		return x.out.Entry(m)
	}
	if m.Kind == wardein.Directory {
		x.gap(wardein.Damaged, e.name, e.data, e.packed, "directory with %d bytes of content; handed out as a file", e.packed)
	}
	m.Kind = wardein.File
	if e.method == 0 {
		return x.stored(e, m)
	}
	// No deflate stream grows more than 1032 times.
	if e.method == 8 && e.size >= 0 && e.size <= maxBlock && e.size <= e.packed*1032 && e.packed <= 2*maxBlock {
		return x.out.Blocks(m, []wardein.Block{{Src: wardein.Extent{Off: e.data, Len: e.packed}, Size: e.size, Decode: member(e.crc)}})
	}
	r, done, err := x.reader(e)
	if err != nil {
		return opaque(wardein.Damaged, err.Error())
	}
	if r == nil {
		return opaque(wardein.Unsupported, fmt.Sprintf("compression method %d", e.method))
	}
	defer done()
	x.out.Span(wardein.Span{Off: e.data, Len: e.packed, What: wardein.Known, Is: "member data"})
	s := &stream{r: r, ctx: x.ctx}
	if err := x.out.Stream(m, s); err != nil {
		if s.err != nil && s.ctx.Err() == nil {
			return nil // one damaged member; the engine made a gap of it
		}
		return err
	}
	if e.size >= 0 && (s.n != e.size || s.sum != e.crc) {
		x.gap(wardein.Damaged, e.name, e.data, e.packed, "%d bytes with crc32 %08x, headers say %d with %08x", s.n, s.sum, e.size, e.crc)
	}
	return nil
}

// stored hands out a member that is not compressed.
func (x *extractor) stored(e *entry, m wardein.Entry) error {
	if x.buf == nil {
		x.buf = make([]byte, 64<<10)
	}
	sum := uint32(0)
	for at := int64(0); at < e.packed; {
		p := x.buf[:min(int64(len(x.buf)), e.packed-at)]
		if n, err := x.r.ReadAt(p, e.data+at); n < len(p) {
			return fmt.Errorf("member %q at %#x: %w", e.name, e.data+at, err)
		}
		sum = crc32.Update(sum, crc32.IEEETable, p)
		at += int64(len(p))
	}
	if e.size >= 0 && (sum != e.crc || e.packed != e.size) {
		x.gap(wardein.Damaged, e.name, e.data, e.packed, "%d bytes with crc32 %08x, headers say %d with %08x", e.packed, sum, e.size, e.crc)
	}
	if e.packed == 0 {
		return x.out.Extents(m, nil)
	}
	return x.out.Extents(m, []wardein.Extent{{Off: e.data, Len: e.packed}})
}

// member decodes a whole member and compares its CRC-32; where it differs the
// bytes are there beside the error.
func member(crc uint32) func(dst, src []byte) (int, error) {
	return func(dst, src []byte) (int, error) {
		n, _, err := inflate.Decode(dst, src)
		switch {
		case err == inflate.ErrLong:
			return n, fmt.Errorf("content is longer than the %d bytes that the headers say", len(dst))
		case err == nil && n < len(dst):
			return n, io.ErrUnexpectedEOF
		case err != nil:
			return n, err
		}
		if sum := crc32.ChecksumIEEE(dst); sum != crc {
			return n, fmt.Errorf("crc32: stored %08x, computed %08x", crc, sum)
		}
		return n, nil
	}
}

// reader opens a member's data; nil where no reader knows its method.
func (x *extractor) reader(e *entry) (io.Reader, func(), error) {
	none := func() {}
	sec := io.NewSectionReader(x.r, e.data, e.packed)
	br := bufio.NewReaderSize(sec, int(min(64<<10, e.packed+16)))
	switch e.method {
	case 0:
		return sec, none, nil
	case 8:
		z := inflaters.Get().(*inflate.Reader)
		z.Reset(br)
		return z, func() {
			z.Reset(nil)
			inflaters.Put(z)
		}, nil
	case 12:
		return bzip2.NewReader(br), none, nil
	case 14: // version (2), length of the properties (2), properties
		var head [9]byte
		if _, err := io.ReadFull(br, head[:]); err != nil {
			return nil, none, fmt.Errorf("lzma header: %w", err)
		}
		p, err := lzma.ParseProps(head[4])
		if err != nil || le.Uint16(head[2:]) != 5 {
			return nil, none, fmt.Errorf("lzma header %x is not one", head)
		}
		dict := le.Uint32(head[5:])
		if dict > maxWindow {
			return nil, none, fmt.Errorf("lzma dictionary of %d bytes, at most %d", dict, maxWindow)
		}
		size := e.size
		if e.flags&2 != 0 { // an end mark is written
			size = -1
		}
		r, err := lzma.NewReader(br, p, dict, size)
		return r, none, err
	case 95:
		return xz.NewReader(br), none, nil
	case 93, 20:
		d, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, none, err
		}
		return d, d.Close, nil
	}
	return nil, none, nil
}

// stream sums what is read.
type stream struct {
	r   io.Reader
	ctx context.Context
	n   int64
	sum uint32
	err error
}

// Window is that of the method.
func (s *stream) Window() int64 {
	if w, ok := s.r.(wardein.Windowed); ok {
		return w.Window()
	}
	return 0
}

func (s *stream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
