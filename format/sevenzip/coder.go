package sevenzip

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/bcj"
	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/codec/lzma"
)

// maxWindows bounds the dictionaries of all coders of one folder together.
const maxWindows = lzma.MaxWindow

// fault is why a folder is not decoded.
type fault struct {
	kind wardein.GapKind
	why  string
}

func (f fault) Error() string { return f.why }

func kindOf(err error) wardein.GapKind {
	var f fault
	if errors.As(err, &f) {
		return f.kind
	}
	if errors.Is(err, lzma.ErrWindow) {
		return wardein.Limit
	}
	return wardein.Damaged
}

// The method identifiers of Methods.txt.
var filters = map[uint64]bcj.ID{
	0x04: bcj.X86, 0x05: bcj.PowerPC, 0x06: bcj.IA64, 0x07: bcj.ARM, 0x08: bcj.ARMThumb, 0x09: bcj.SPARC, 0x0A: bcj.ARM64, 0x0B: bcj.RISCV,
	0x03030103: bcj.X86, 0x03030205: bcj.PowerPC, 0x03030401: bcj.IA64, 0x03030501: bcj.ARM, 0x03030701: bcj.ARMThumb, 0x03030805: bcj.SPARC,
}

const (
	methodCopy    = 0x00
	methodDelta   = 0x03
	methodLZMA2   = 0x21
	methodLZMA    = 0x030101
	methodBCJ2    = 0x0303011B
	methodDeflate = 0x040108
	methodBZip2   = 0x040202
	methodAES     = 0x06F10701
)

var undecoded = map[uint64]string{
	0x030401: "PPMd", 0x040109: "Deflate64", 0x04F71101: "Zstandard", 0x04F71102: "Brotli", 0x04F71104: "LZ4", 0x04F71105: "LZ5", 0x020302: "Swap2", 0x020304: "Swap4",
}

// pipe is a folder being decoded.
type pipe struct {
	x     *extractor
	w     *walker
	in    []*packed
	top   io.Reader
	used  [maxStreams]bool // out streams
	total int64            // of the dictionaries
}

// packed is one packed stream.
type packed struct {
	*bufio.Reader
	sec      *io.SectionReader
	off, len int64
}

// consumed is how much of it was decoded.
func (p *packed) consumed() int64 {
	at, _ := p.sec.Seek(0, io.SeekCurrent)
	return at - int64(p.Buffered())
}

// open makes the reader of w's folder.
func (x *extractor) open(w *walker) (*pipe, error) {
	p := &pipe{x: x, w: w}
	for _, c := range w.folder.coders {
		if c.id == methodAES {
			return p, fault{wardein.Encrypted, "AES-256"}
		}
	}
	for i, off := range w.packOff {
		n := w.packSize[i]
		if off > x.end || n > x.end-off {
			return p, fmt.Errorf("packed stream %d+%d, the next header begins at %d", off, n, x.end)
		}
		sec := io.NewSectionReader(x.r, off, n)
		p.in = append(p.in, &packed{bufio.NewReaderSize(sec, int(min(64<<10, max(n, 16)))), sec, off, n})
	}
	main := w.folder.main()
	if main < 0 {
		return p, errors.New("coders bound in a circle")
	}
	var err error
	p.top, err = p.stream(main)
	return p, err
}

func (p *pipe) Read(b []byte) (int, error) { return p.top.Read(b) }

// spans accounts for the packed streams: what was decoded, and, where what is
// Opaque, the rest.
func (p *pipe) spans(is string, what wardein.What) {
	for _, in := range p.in {
		n := in.consumed()
		p.x.span(in.off, n, wardein.Known, is)
		if what == wardein.Opaque {
			p.x.span(in.off+n, in.len-n, wardein.Opaque, is)
		}
	}
}

// stream makes the reader of an out stream.
func (p *pipe) stream(out int) (io.Reader, error) {
	if p.used[out] {
		return nil, errors.New("two coders read the same stream")
	}
	p.used[out] = true
	f := &p.w.folder
	firstIn, firstOut := 0, 0
	for _, c := range f.coders {
		if out < firstOut+c.out {
			if c.out != 1 {
				return nil, fault{wardein.Unsupported, fmt.Sprintf("method %x with %d streams out", c.id, c.out)}
			}
			var in [maxStreams]io.Reader
			for i := range c.in {
				var err error
				if in[i], err = p.source(firstIn + i); err != nil {
					return nil, err
				}
			}
			r, err := p.decode(&c, in[:c.in], p.w.sizes[out])
			return &exact{r: r, left: p.w.sizes[out]}, err
		}
		firstIn += c.in
		firstOut += c.out
	}
	return nil, errors.New("stream of no coder")
}

// source makes the reader of an in stream.
func (p *pipe) source(in int) (io.Reader, error) {
	f := &p.w.folder
	for _, b := range f.binds {
		if b[0] == in {
			return p.stream(b[1])
		}
	}
	for i, n := range f.packed {
		if n == in {
			return p.in[i], nil
		}
	}
	return nil, fmt.Errorf("stream %d comes from nowhere", in)
}

// buffered is r as the decoders want it, which then read nothing past the end
// of their data.
func buffered(r io.Reader) *bufio.Reader {
	if p, ok := r.(*packed); ok {
		return p.Reader
	}
	return bufio.NewReaderSize(r, 32<<10)
}

// window charges a dictionary, which never needs to be longer than the content.
// One that is larger than any window may do with less.
func (p *pipe) window(dict uint32, size int64) (uint32, error) {
	dict = uint32(min(int64(dict), size))
	if p.total += min(int64(dict), lzma.MaxWindow); p.total > maxWindows {
		return 0, fault{wardein.Limit, fmt.Sprintf("dictionaries of %d bytes, at most %d are held", p.total, int64(maxWindows))}
	}
	return dict, nil
}

func (p *pipe) decode(c *coder, in []io.Reader, size int64) (io.Reader, error) {
	bad := func() error { return fmt.Errorf("method %x: properties %x", c.id, c.props) }
	if want := map[bool]int{true: 4, false: 1}[c.id == methodBCJ2]; len(in) != want {
		return nil, fault{wardein.Unsupported, fmt.Sprintf("method %x with %d streams in", c.id, len(in))}
	}
	if id, ok := filters[c.id]; ok {
		var start uint32
		switch len(c.props) {
		case 0:
		case 4:
			start = le.Uint32(c.props)
		default:
			return nil, bad()
		}
		f, err := bcj.New(id, start)
		return bcj.NewReader(in[0], f), err
	}
	switch c.id {
	case methodCopy:
		return in[0], nil
	case methodDelta:
		if len(c.props) != 1 {
			return nil, bad()
		}
		f, err := bcj.NewDelta(int(c.props[0]) + 1)
		return bcj.NewReader(in[0], f), err
	case methodLZMA:
		if len(c.props) != 5 {
			return nil, bad()
		}
		props, err := lzma.ParseProps(c.props[0])
		if err != nil {
			return nil, err
		}
		dict, err := p.window(le.Uint32(c.props[1:]), size)
		if err != nil {
			return nil, err
		}
		return lzma.NewReader(buffered(in[0]), props, dict, size)
	case methodLZMA2:
		if len(c.props) != 1 || c.props[0] > 40 {
			return nil, bad()
		}
		dict := ^uint32(0)
		if n := c.props[0]; n < 40 {
			dict = (2 | uint32(n&1)) << (n/2 + 11)
		}
		dict, err := p.window(dict, size)
		if err != nil {
			return nil, err
		}
		return lzma.NewReader2(buffered(in[0]), dict)
	case methodDeflate:
		return inflate.NewReader(buffered(in[0])), nil
	case methodBZip2:
		return bzip2.NewReader(buffered(in[0])), nil
	case methodBCJ2:
		return newBCJ2(in), nil
	}
	if name, ok := undecoded[c.id]; ok {
		return nil, fault{wardein.Unsupported, "method " + name}
	}
	return nil, fault{wardein.Unsupported, fmt.Sprintf("method %x", c.id)}
}

// exact gives a stream's first bytes, as many as the header says, and lets the
// decoder see its end.
type exact struct {
	r    io.Reader
	left int64
	done bool
}

func (e *exact) Read(b []byte) (int, error) {
	if e.left == 0 {
		if !e.done {
			e.done = true
			if _, copied := e.r.(*packed); copied {
				return 0, io.EOF
			}
			var more [1]byte
			n, err := e.r.Read(more[:])
			if n == 0 && err == nil {
				n, err = e.r.Read(more[:])
			}
			if n > 0 {
				return 0, errors.New("more content than the header says")
			}
			if err != io.EOF && err != nil {
				return 0, err
			}
		}
		return 0, io.EOF
	}
	if int64(len(b)) > e.left {
		b = b[:e.left]
	}
	n, err := e.r.Read(b)
	e.left -= int64(n)
	if err == io.EOF {
		if err = nil; e.left > 0 {
			err = fmt.Errorf("content ends %d bytes early: %w", e.left, io.ErrUnexpectedEOF)
		}
	}
	return n, err
}
