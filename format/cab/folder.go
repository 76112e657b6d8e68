package cab

import (
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/inflate"
)

var methods = [16]string{"stored", "MSZIP", "Quantum", "LZX"}

// stream is the content of a folder.
type stream struct {
	x       *extractor
	at      int64 // of the next CFDATA
	left    int   // blocks that are still to be read
	method  uint16
	pos     int64 // in the content
	out     []byte
	buf     [2 * maxBlock]byte // up to 32 KiB of history, then a block
	history int
	last    int // bytes of the block behind the history
	runs    []run
	err     error
}

// run is where the bytes of a stored block stand.
type run struct{ pos, off, len int64 }

// next reads a block.
func (s *stream) next() error {
	if err := s.x.ctx.Err(); err != nil {
		return err
	}
	if s.left == 0 {
		return io.EOF
	}
	b, err := s.x.block(s.at, s.method == 0)
	if b.off == 0 || err != nil && b.size > maxBlock || b.off+int64(b.packed) > s.x.end {
		return err
	}
	if err != nil { // the content is kept
		s.x.gap(wardein.Damaged, "", s.at, b.head+int64(b.packed), "%v", err)
	}
	s.x.span(s.at, b.head, wardein.Known, "CFDATA header")
	s.left--
	if s.method == 0 {
		s.at = b.off + int64(b.packed)
		s.runs = append(s.runs, run{s.pos, b.off, int64(b.size)})
		s.out = b.data
		return nil
	}
	if len(b.data) < 2 || string(b.data[:2]) != "CK" {
		return fmt.Errorf("block at %#x: no CK before deflated data", s.at)
	}
	s.slide()
	n, used, err := inflate.DecodeAfter(s.buf[:s.history+b.size], s.history, b.data[2:])
	s.out, s.last = s.buf[s.history:s.history+n], n
	at := s.at
	s.at = b.off + int64(b.packed)
	if err == inflate.ErrLong {
		err = errors.New("there is more")
	} else if n == b.size {
		err = nil // how the stream ends behind its content says nothing
	} else if err == nil {
		err = io.ErrUnexpectedEOF
	}
	s.x.span(b.off, int64(2+used), wardein.Known, "packed data")
	if err != nil {
		return fmt.Errorf("block at %#x: %d bytes decoded, want %d: %w", at, n, b.size, err)
	}
	return nil
}

// slide makes the block just read history, of which the last 32 KiB count.
func (s *stream) slide() {
	if s.history += s.last; s.history > maxBlock {
		s.history = copy(s.buf[:], s.buf[s.history-maxBlock:s.history])
	}
	s.last = 0
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.err == nil {
			s.err = s.next()
		}
		if len(s.out) == 0 && s.err != nil {
			return 0, s.err
		}
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	s.pos += int64(n)
	return n, nil
}

// part is one file of a folder.
type part struct {
	s    *stream
	left int64
}

func (p *part) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n, err := p.s.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	if err == io.EOF {
		err = fmt.Errorf("folder ends at %d, %d bytes early: %w", p.s.pos, p.left, io.ErrUnexpectedEOF)
		p.s.err = err
	}
	return n, err
}

// folder1 hands out the files of one folder, which are sorted by offset.
func (x *extractor) folder1(index int, f folder, files []file) error {
	if f.method&15 > 1 {
		name := methods[f.method&15]
		if name == "" {
			name = fmt.Sprintf("compression %d", f.method&15)
		}
		at := f.at
		for range f.blocks {
			b, err := x.block(at, false)
			if b.off == 0 || b.off+int64(b.packed) > x.end || x.ctx.Err() != nil {
				x.gap(kindOf(err), "", at, 0, "folder %d: %v", index, err)
				break
			}
			x.span(at, b.head, wardein.Known, "CFDATA header")
			x.span(b.off, int64(b.packed), wardein.Opaque, "packed data")
			at = b.off + int64(b.packed)
		}
		x.gap(wardein.Unsupported, "", f.at, at-f.at, "folder %d: %s: content of %d files", index, name, len(files))
		return x.lose(files)
	}
	s := &stream{x: x, at: f.at, left: f.blocks, method: f.method & 15}
	for i, m := range files {
		if m.size == 0 {
			if err := x.out.Extents(m.entry, nil); err != nil {
				return err
			}
			continue
		}
		if m.off < s.pos {
			x.gap(wardein.Limit, m.entry.Name, 0, 0, "%d bytes at %d of folder %d, which is read up to %d: bytes of two files are opened once", m.size, m.off, index, s.pos)
			if err := x.out.Entry(m.entry); err != nil {
				return err
			}
			continue
		}
		_, err := io.CopyN(io.Discard, s, m.off-s.pos)
		if err == nil && s.method == 0 {
			err = x.stored(s, m)
		} else if err == nil {
			err = x.out.Stream(m.entry, &part{s, m.size})
			if err != nil && (s.err == nil || s.err == io.EOF) {
				return err // the engine wants no more
			}
			if err != nil {
				i++ // the engine made a gap of it
			}
		}
		if err == nil {
			continue
		}
		if x.ctx.Err() != nil {
			return x.ctx.Err()
		}
		if s.err != nil {
			x.gap(kindOf(s.err), "", s.at, 0, "folder %d: %v: content of %d files", index, s.err, len(files)-i)
			return x.lose(files[i:])
		}
		if err != nil {
			return err
		}
	}
	if s.err == nil { // blocks that no file is in, and the end
		if _, err := io.Copy(io.Discard, s); err != nil {
			x.gap(kindOf(s.err), "", s.at, 0, "folder %d: %v", index, err)
		}
	}
	return x.ctx.Err()
}

func (x *extractor) lose(files []file) error {
	for _, f := range files {
		if err := x.out.Entry(f.entry); err != nil {
			return err
		}
	}
	return nil
}

// stored hands out a file of a folder that is not compressed.
func (x *extractor) stored(s *stream, m file) error {
	var ext []wardein.Extent
	from, end := m.off, m.off+m.size
	_, err := io.CopyN(io.Discard, s, m.size)
	end = min(end, s.pos)
	for _, r := range s.runs {
		if a, b := max(from, r.pos), min(end, r.pos+r.len); a < b {
			ext = append(ext, wardein.Extent{Off: r.off + a - r.pos, Len: b - a})
		}
	}
	if n := len(s.runs); n > 0 {
		s.runs = s.runs[n-1:]
	}
	if err != nil {
		x.gap(wardein.Damaged, m.entry.Name, s.at, 0, "want %d bytes, found %d", m.size, end-from)
	}
	return x.out.Extents(m.entry, ext)
}
