package uefi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/bcj"
	"github.com/wardein/wardein/codec/lzma"
)

// Section types.
const (
	sectionCompression = 0x01
	sectionGUID        = 0x02
	sectionDisposable  = 0x03
	sectionUI          = 0x15
)

var suffixes = map[byte]string{
	0x10: "pe", 0x11: "pic", 0x12: "te", 0x13: "depex", 0x14: "version", sectionUI: "ui", 0x16: "compat16", 0x17: "fv",
	0x18: "freeform", 0x19: "raw", 0x1B: "peidepex", 0x1C: "mmdepex",
}

var (
	guidLZMA    = parseGUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf")
	guidLZMAX86 = parseGUID("d42ae6bd-1352-4bfb-909a-ca72a6eae889")
	guidCRC32   = parseGUID("fc1bcdb0-7d31-49aa-936a-a4600d9dd083")
)

const (
	maxDepth = 8
	maxName  = 512
)

// file is a file whose sections are handed out.
type file struct {
	x     *extractor
	name  string
	n     int   // sections so far
	inner error // what broke compressed sections
}

// section is a section's header.
type section struct {
	kind       byte
	size, head int64
	guid       guid
	processed  bool // a GUID-defined section that is not to be read as it is
	packing    byte
	unpacked   int64
}

// parse reads a header from up to 28 bytes; it fails when there are too few.
func parse(b []byte) (s section, ok bool) {
	if len(b) < 4 {
		return s, false
	}
	s = section{kind: b[3], head: 4, size: int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16}
	if s.size == 0xFFFFFF {
		if len(b) < 8 {
			return s, false
		}
		s.head, s.size = 8, int64(le.Uint32(b[4:]))
	}
	p := b[s.head:]
	switch s.kind {
	case sectionCompression: // unpacked size (4), kind (1)
		if len(p) < 5 {
			return s, false
		}
		s.unpacked, s.packing = int64(le.Uint32(p)), p[4]
		s.head += 5
	case sectionGUID: // GUID (16), offset of the data (2), attributes (2)
		if len(p) < 20 {
			return s, false
		}
		s.guid, s.processed = guid(p[:16]), p[18]&1 != 0
		off := int64(le.Uint16(p[16:]))
		if off < s.head+20 {
			return s, false
		}
		s.head = off
	}
	return s, s.size >= s.head
}

func (f *file) entry(kind byte) wardein.Entry {
	suffix, ok := suffixes[kind]
	if !ok {
		suffix = fmt.Sprintf("section-%02x", kind)
	}
	f.n++
	return wardein.Entry{Name: fmt.Sprintf("%s/%d.%s", f.name, f.n-1, suffix)}
}

// stored hands out the sections that stand in the volume from at to end.
func (f *file) stored(at, end int64, depth int) error {
	x := f.x
	for first := at; at+4 <= end; {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		var b [28]byte
		n, _ := x.r.ReadAt(b[:min(int64(len(b)), end-at)], at)
		s, ok := parse(b[:n])
		if !ok || s.size > end-at {
			x.gap(wardein.Damaged, f.name, at, end-at, "section at %#x: %d bytes, file has %d left", at, s.size, end-at)
			return nil
		}
		x.span(at, s.head, wardein.Known, "section header")
		if err := f.storedSection(s, at, depth); err != nil {
			return err
		}
		at = first + (at+s.size-first+3)&^3
	}
	return nil
}

func (f *file) storedSection(s section, at int64, depth int) error {
	x := f.x
	data, n := at+s.head, s.size-s.head
	if s.kind > sectionDisposable {
		if s.kind == sectionUI && n <= maxName {
			b := make([]byte, n)
			x.r.ReadAt(b, data)
			x.out.Note("name of "+f.name, text(b))
		}
		return x.out.Extents(f.entry(s.kind), []wardein.Extent{{Off: data, Len: n}})
	}
	if depth == maxDepth {
		x.gap(wardein.Limit, f.name, at, s.size, "section at %#x: %d sections around it, at most %d are opened", at, depth+1, maxDepth)
		return nil
	}
	if s.plain() {
		return f.stored(data, data+n, depth+1)
	}
	sec := io.NewSectionReader(x.r, data, n)
	in := bufio.NewReaderSize(sec, 64<<10)
	z, err := s.open(in)
	if err == nil {
		defer func() { // bytes behind the compressed ones stay unreferenced
			at, _ := sec.Seek(0, io.SeekCurrent)
			x.span(data, at-int64(in.Buffered()), wardein.Known, "compressed sections")
		}()
		if err = f.stream(&counter{r: z}, s.unpackedLen(x.r, data), depth+1); err == nil || f.inner == nil {
			return err
		}
		err, f.inner = f.inner, nil
		x.gap(wardein.Damaged, f.name, data, n, "section at %#x: %v", at, err)
		return x.ctx.Err()
	}
	x.span(data, n, wardein.Opaque, "section")
	x.gap(kindOf(err), f.name, data, n, "section at %#x: %v", at, err)
	return nil
}

// plain says that a section around others keeps them as they are.
func (s *section) plain() bool {
	switch s.kind {
	case sectionCompression:
		return s.packing == 0
	case sectionGUID:
		return s.guid == guidCRC32 || !s.processed && s.guid != guidLZMA && s.guid != guidLZMAX86
	}
	return true
}

var errUnsupported = errors.New("not supported")

func kindOf(err error) wardein.GapKind {
	if errors.Is(err, errUnsupported) {
		return wardein.Unsupported
	}
	return wardein.Damaged
}

const lzmaHeader = 13 // properties (1), dictionary (4), size (8)

// unpackedLen is the size that the LZMA header in the volume tells.
func (s *section) unpackedLen(r io.ReaderAt, at int64) int64 {
	var b [lzmaHeader]byte
	r.ReadAt(b[:], at)
	return int64(min(le.Uint64(b[5:]), 1<<40))
}

// open makes the reader of compressed sections.
func (s *section) open(in *bufio.Reader) (io.Reader, error) {
	if s.kind != sectionGUID || s.guid != guidLZMA && s.guid != guidLZMAX86 {
		if s.kind == sectionCompression {
			return nil, fmt.Errorf("compression %d: %w", s.packing, errUnsupported)
		}
		return nil, fmt.Errorf("section of GUID %v: %w", s.guid, errUnsupported)
	}
	var b [lzmaHeader]byte
	if _, err := io.ReadFull(in, b[:]); err != nil {
		return nil, fmt.Errorf("lzma header: %w", err)
	}
	p, err := lzma.ParseProps(b[0])
	size := le.Uint64(b[5:])
	if err != nil || size > 1<<40 {
		return nil, fmt.Errorf("lzma header: properties %#x, size %d", b[0], size)
	}
	z, err := lzma.NewReader(in, p, uint32(min(uint64(le.Uint32(b[1:])), size)), int64(size))
	if err != nil || s.guid == guidLZMA {
		return z, err
	}
	f, err := bcj.New(bcj.X86, 0)
	return bcj.NewReader(z, f), err
}

// counter knows how far it was read.
type counter struct {
	r   io.Reader
	pos int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.pos += int64(n)
	return n, err
}

// stream hands out the sections that c gives up to end. What the data breaks is
// in f.inner.
func (f *file) stream(c *counter, end int64, depth int) error {
	fail := func(err error) error {
		if f.x.ctx.Err() != nil {
			return f.x.ctx.Err()
		}
		f.inner = fmt.Errorf("decoded byte %d of %d: %w", c.pos, end, err)
		return f.inner
	}
	for first := c.pos; end-c.pos >= 4; {
		if err := f.x.ctx.Err(); err != nil {
			return err
		}
		start := c.pos
		// As many bytes of the header as its kind has.
		var b [28]byte
		var s section
		n, ok := 0, false
		for _, k := range []int{4, 8, 9, 13, 24, 28} {
			if int64(k) > end-start {
				break
			}
			if _, err := io.ReadFull(c, b[n:k]); err != nil {
				return fail(err)
			}
			n = k
			if s, ok = parse(b[:n]); ok {
				break
			}
		}
		if !ok || s.size > end-start || s.head < int64(n) {
			return fail(fmt.Errorf("section of %d bytes, header %x", s.size, b[:n]))
		}
		if _, err := io.CopyN(io.Discard, c, s.head-int64(n)); err != nil {
			return fail(err)
		}
		last := start + s.size
		switch {
		case s.kind > sectionDisposable:
			var head strings.Builder
			p := &part{c: c, end: last}
			if s.kind == sectionUI && s.size <= maxName {
				p.keep = &head
			}
			if err := f.x.out.Stream(f.entry(s.kind), p); err != nil {
				if p.err != nil {
					return fail(p.err)
				}
				return err
			}
			if p.keep != nil {
				f.x.out.Note("name of "+f.name, text([]byte(head.String())))
			}
		case depth == maxDepth:
			return fail(fmt.Errorf("%d sections around one, at most %d are opened", depth+1, maxDepth))
		case s.plain():
			if err := f.stream(c, last, depth+1); err != nil {
				return err
			}
		default:
			// Compressed in what is compressed: named, not opened.
			f.x.gap(wardein.Unsupported, f.name, 0, 0, "section of type %d and GUID %v in compressed sections", s.kind, s.guid)
			if err := f.x.out.Stream(f.entry(s.kind), &part{c: c, end: last}); err != nil {
				return fail(err)
			}
		}
		next := min(end, first+(last-first+3)&^3)
		if _, err := io.CopyN(io.Discard, c, next-c.pos); err != nil {
			return fail(err)
		}
	}
	return nil
}

// part is the content of one section.
type part struct {
	c    *counter
	end  int64
	err  error
	keep *strings.Builder
}

func (p *part) Read(b []byte) (int, error) {
	if p.c.pos >= p.end {
		return 0, io.EOF
	}
	n, err := p.c.Read(b[:min(int64(len(b)), p.end-p.c.pos)])
	if p.keep != nil {
		p.keep.Write(b[:n])
	}
	if err == io.EOF {
		if err = nil; p.c.pos < p.end {
			err = io.ErrUnexpectedEOF
		}
	}
	p.err = err
	return n, err
}
