// Package zstd reads Zstandard files (RFC 8878).
//
//	frame        28 B5 2F FD, header, blocks, 4 bytes XXH64 where the header says so
//	header       descriptor: bits 6–7 length of the content size, 5 single segment,
//	             3 reserved, 2 checksum, 0–1 length of the dictionary id;
//	             window (1, not in a single segment), dictionary id, content size
//	block        3 bytes: bit 0 last, bits 1–2 type (raw, rle, compressed), 21 bits size
//	skippable    5x 2A 4D 18, 4 bytes length, as many bytes
//
// Frames that follow each other directly are one file with one content.
package zstd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/wardein/wardein"
)

// Format is zstd.
var Format = wardein.Format{
	Name:    "zstd",
	Version: 1,
	Doc: wardein.Doc{
		About:      "Zstandard compressed file: kernels, initramfs, package payloads.",
		How:        "Frame and block headers are walked to the exact end without decoding; each frame is then decoded once and its checksum compared. Frames, also skippable ones, that follow the first directly are one file.",
		Limits:     []string{"windows of more than 128 MiB (zstd --long=28 and more)", "frames that need a dictionary", "formats before version 0.8", "behind damage in a frame nothing more of the file is read"},
		References: []string{"RFC 8878, sections 3.1.1 and 3.1.2"},
	},
	Magic:   []wardein.Magic{{Bytes: "\x28\xb5\x2f\xfd"}},
	Measure: measure,
	Extract: extract,
}

const (
	maxWindow = 128 << 20
	maxBlock  = 128 << 10
)

// frame is what a walk over one frame's headers finds.
type frame struct {
	at, end    int64
	window     uint64
	dictionary uint32
	skippable  bool
	checked    bool // has a checksum
}

var errNoFrame = errors.New("no frame")

// walker reads headers through a small window of the file.
type walker struct {
	r   *io.SectionReader
	buf [512]byte
	off int64
	n   int
}

// bytes returns n bytes at off, fewer where the file ends.
func (w *walker) bytes(off int64, n int) []byte {
	if i := off - w.off; i < 0 || i+int64(n) > int64(w.n) {
		k, _ := w.r.ReadAt(w.buf[:], off)
		w.off, w.n = off, k
	}
	i := int(off - w.off)
	return w.buf[i:min(i+n, w.n)]
}

// frame walks the frame at off. errNoFrame: another thing stands there. Any
// other error comes with the end as far as it could be found.
func (w *walker) frame(at int64) (frame, error) {
	f := frame{at: at, end: at}
	b := w.bytes(at, 18)
	if len(b) < 4 {
		return f, errNoFrame
	}
	switch magic := binary.LittleEndian.Uint32(b); {
	case magic&^15 == 0x184D2A50:
		f.skippable = true
		if len(b) < 8 {
			return f, errNoFrame
		}
		f.end = at + 8 + int64(binary.LittleEndian.Uint32(b[4:]))
		if f.end > w.r.Size() {
			return f, errNoFrame
		}
		return f, nil
	case magic != 0xFD2FB528:
		return f, errNoFrame
	}
	if len(b) < 6 {
		return f, errNoFrame
	}
	d := b[4]
	if d&8 != 0 {
		return f, errNoFrame
	}
	single := d&0x20 != 0
	need := 5 + [4]int{0, 1, 2, 4}[d&3] + [4]int{0, 2, 4, 8}[d>>6]
	if single && d>>6 == 0 || !single {
		need++
	}
	if len(b) < need {
		f.end = w.r.Size()
		return f, fmt.Errorf("frame header at %#x: want %d bytes, found %d", at, need, len(b))
	}
	i := 5
	if !single {
		f.window = 1 << (10 + b[5]>>3)
		f.window += f.window >> 3 * uint64(b[5]&7)
		i++
	}
	for k := range [4]int{0, 1, 2, 4}[d&3] {
		f.dictionary |= uint32(b[i]) << (8 * k)
		i++
	}
	if single {
		switch d >> 6 {
		case 0:
			f.window = uint64(b[i])
		case 1:
			f.window = uint64(binary.LittleEndian.Uint16(b[i:])) + 256
		case 2:
			f.window = uint64(binary.LittleEndian.Uint32(b[i:]))
		default:
			f.window = binary.LittleEndian.Uint64(b[i:])
		}
	}
	pos := at + int64(need)
	for {
		b := w.bytes(pos, 3)
		if len(b) < 3 {
			f.end = w.r.Size()
			return f, fmt.Errorf("block header at %#x: want 3 bytes, found %d", pos, len(b))
		}
		h := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		size, stored := int64(h>>3), int64(h>>3)
		switch h >> 1 & 3 {
		case 1:
			stored = 1
		case 3:
			f.end = pos
			return f, fmt.Errorf("block header at %#x: reserved type 3", pos)
		}
		if size > maxBlock {
			f.end = pos
			return f, fmt.Errorf("block header at %#x: size %d, at most %d", pos, size, maxBlock)
		}
		if stored > w.r.Size()-pos-3 {
			f.end = w.r.Size()
			return f, fmt.Errorf("block at %#x: want %d bytes, found %d", pos+3, stored, w.r.Size()-pos-3)
		}
		pos += 3 + stored
		f.end = pos
		if h&1 != 0 {
			break
		}
	}
	if f.checked = d&4 != 0; f.checked {
		if w.r.Size()-pos < 4 {
			f.end = w.r.Size()
			return f, fmt.Errorf("checksum at %#x: want 4 bytes, found %d", pos, w.r.Size()-pos)
		}
		f.end += 4
	}
	return f, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	w := walker{r: r}
	first, err := w.frame(0)
	if err == errNoFrame || first.skippable || err != nil && first.end < 64 && first.end < r.Size() {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: first.end, Confidence: wardein.Certain, Evidence: "frame and block headers fit to the end"}
	if err != nil {
		c.Confidence, c.Evidence = wardein.Likely, "frame header and first blocks fit"
		return c, err
	}
	for {
		f, err := w.frame(c.End)
		if err == errNoFrame {
			return c, nil
		}
		c.End = f.end
		if err != nil {
			return c, err
		}
	}
}

var decoders = sync.Pool{New: func() any {
	// One thread: the decoder then works in the caller's goroutine.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(1<<63-1), zstd.IgnoreChecksum(true))
	if err != nil {
		return err
	}
	return d
}}

// stream is the content of all frames in a row.
type stream struct {
	ctx  context.Context
	w    walker
	out  wardein.Members
	d    *zstd.Decoder
	cur  frame
	sec  *io.SectionReader
	open bool
	made uint64 // of the frame
	sum  digest
	end  int64
	bad  error // of the walk over the frame that is open
	done error
}

// next opens the frame that follows.
func (s *stream) next() error {
	for {
		f, err := s.w.frame(s.end)
		if err == errNoFrame {
			return io.EOF
		}
		if err != nil && f.end <= f.at {
			return err
		}
		s.cur, s.bad = f, err
		switch {
		case f.skippable:
			s.out.Span(wardein.Span{Off: f.at, Len: 8, What: wardein.Known, Is: "skippable frame header"})
			s.out.Span(wardein.Span{Off: f.at + 8, Len: f.end - f.at - 8, What: wardein.Opaque, Is: "skippable frame"})
		case f.window > maxWindow && f.window > 0:
			s.out.Span(wardein.Span{Off: f.at, Len: f.end - f.at, What: wardein.Opaque, Is: "frame"})
			s.out.Gap(wardein.Gap{Kind: wardein.Limit, Off: f.at, Len: f.end - f.at, Why: fmt.Sprintf("window of %d bytes, at most %d", f.window, maxWindow)})
		case f.dictionary != 0:
			s.out.Span(wardein.Span{Off: f.at, Len: f.end - f.at, What: wardein.Opaque, Is: "frame"})
			s.out.Gap(wardein.Gap{Kind: wardein.Unsupported, Off: f.at, Len: f.end - f.at, Why: fmt.Sprintf("needs dictionary %d", f.dictionary)})
		default:
			s.out.Span(wardein.Span{Off: f.at, Len: f.end - f.at, What: wardein.Known, Is: "frame"})
			s.sec = io.NewSectionReader(s.w.r, f.at, f.end-f.at)
			s.open = true
			s.sum.reset()
			s.end, s.made = f.end, 0
			return s.d.Reset(struct{ io.Reader }{s.sec})
		}
		s.end = f.end
		if err != nil {
			return err
		}
	}
}

// Window is that of the frame, of which no more is used than was decoded.
func (s *stream) Window() int64 { return int64(min(s.cur.window, s.made+2*maxBlock, maxWindow)) }

func (s *stream) Read(p []byte) (int, error) {
	for s.done == nil {
		if s.done = s.ctx.Err(); s.done != nil {
			break
		}
		if !s.open {
			s.done = s.next()
			continue
		}
		n, err := s.d.Read(p)
		s.made += uint64(n)
		if s.cur.checked {
			s.sum.write(p[:n])
		}
		switch {
		case err == nil:
		case err == io.EOF && s.bad == nil:
			s.open = false
			s.verify()
		case s.bad != nil:
			s.done = s.bad
		default:
			s.done = fmt.Errorf("frame at %#x: %w", s.cur.at, err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, s.done
}

// verify compares the checksum of the frame that ended. The decoder would keep
// the last block back where it differs.
func (s *stream) verify() {
	if b := s.w.bytes(s.cur.end-4, 4); s.cur.checked && len(b) == 4 {
		if want, got := binary.LittleEndian.Uint32(b), uint32(s.sum.sum()); want != got {
			s.out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: s.cur.end - 4, Len: 4, Why: fmt.Sprintf("xxh64 of the frame's content: stored %08x, computed %08x", want, got)})
		}
	}
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	d, ok := decoders.Get().(*zstd.Decoder)
	if !ok {
		return 0, errors.New("no decoder")
	}
	s := &stream{ctx: ctx, w: walker{r: r}, out: out, d: d}
	defer func() {
		d.Reset(nil) // keep no reference to r
		decoders.Put(d)
	}()
	s.done = s.next()
	if s.done != nil && !s.open {
		if s.done == io.EOF {
			return s.end, nil // nothing but frames that are not opened
		}
		return s.end, s.done
	}
	err := out.Stream(wardein.Entry{Name: "data"}, s)
	return s.end, err
}
