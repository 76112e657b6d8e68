// Package lz4 reads LZ4 frames and the older legacy frames.
//
//	frame      04 22 4D 18, FLG, BD, content size (8), dictionary id (4), HC,
//	           blocks, 4 bytes of zeros, content checksum (4)
//	  FLG      bits 6–7 version 1, 5 blocks are independent, 4 block checksums,
//	           3 content size, 2 content checksum, 0 dictionary id
//	  BD       bits 4–6: largest block, 4–7 for 64 KiB, 256 KiB, 1 MiB, 4 MiB
//	  HC       second byte of the XXH32 of the descriptor
//	  block    4 bytes length, top bit: stored; data; checksum (4)
//	legacy     02 21 4C 18, blocks: 4 bytes length, data of 8 MiB each but the last
//	skippable  5x 2A 4D 18, 4 bytes length, as many bytes
//
// All numbers are little-endian. Frames that follow each other directly are
// one file with one content.
package lz4

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pierrec/lz4/v4"
	"github.com/wardein/wardein"
)

// Format is lz4.
var Format = wardein.Format{
	Name:    "lz4",
	Version: 1,
	Doc: wardein.Doc{
		About:          "LZ4 compressed file: kernels and initramfs (legacy frames), boot images, logs.",
		How:            "The header's own checksum is compared and blocks are walked by their lengths to the exact end; then each block is decoded once and every checksum compared. Legacy frames have no end mark: they end where no block follows or a block is shorter than 8 MiB.",
		FalsePositives: []string{"a legacy frame is believed when its first block decodes"},
		Limits:         []string{"frames that need a dictionary", "behind a block that cannot be decoded nothing more of the frame is read when blocks depend on each other"},
		References:     []string{"LZ4 Frame Format Description 1.6.4", "LZ4 Block Format Description"},
	},
	Magic:   []wardein.Magic{{Bytes: "\x04\x22\x4d\x18"}, {Bytes: "\x02\x21\x4c\x18"}},
	Measure: measure,
	Extract: extract,
}

const (
	magicFrame  = 0x184D2204
	magicLegacy = 0x184C2102
	legacyBlock = 8 << 20
	legacyBound = legacyBlock + legacyBlock/255 + 16
	stored      = 1 << 31
)

// header is a frame's descriptor.
type header struct {
	at, size    int64
	legacy      bool
	skip        int64 // length of a skippable frame's data, -1 for others
	independent bool
	blockSum    bool
	contentSum  bool
	hasLength   bool
	length      uint64
	dictionary  bool
	maxBlock    int64
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

// header reads the frame header at off; errNoFrame where none stands there.
func (w *walker) header(at int64) (header, error) {
	h := header{at: at, skip: -1}
	b := w.bytes(at, 19)
	if len(b) < 7 {
		return h, errNoFrame
	}
	switch magic := binary.LittleEndian.Uint32(b); {
	case magic == magicLegacy:
		h.legacy, h.size, h.maxBlock, h.independent = true, 4, legacyBlock, true
		return h, nil
	case magic&^15 == 0x184D2A50:
		if len(b) < 8 {
			return h, errNoFrame
		}
		h.size, h.skip = 8, int64(binary.LittleEndian.Uint32(b[4:]))
		if h.skip > w.r.Size()-at-8 {
			return h, errNoFrame
		}
		return h, nil
	case magic != magicFrame:
		return h, errNoFrame
	}
	flg, bd := b[4], b[5]
	if flg>>6 != 1 || flg&2 != 0 || bd&0x8f != 0 || bd>>4 < 4 {
		return h, errNoFrame
	}
	h.independent, h.blockSum, h.hasLength, h.contentSum = flg&32 != 0, flg&16 != 0, flg&8 != 0, flg&4 != 0
	h.maxBlock = 1 << (8 + 2*(bd>>4))
	n := 6
	if h.hasLength {
		n += 8
	}
	if h.dictionary = flg&1 != 0; h.dictionary {
		n += 4
	}
	if len(b) < n+1 || byte(xxh32(b[4:n])>>8) != b[n] {
		return h, errNoFrame
	}
	if h.hasLength {
		h.length = binary.LittleEndian.Uint64(b[6:])
	}
	h.size = int64(n + 1)
	return h, nil
}

// block returns the length of the block at off as stored there, 0 at the end
// mark, and where its data stands.
func (w *walker) block(h *header, off int64) (size int64, raw bool, err error) {
	b := w.bytes(off, 4)
	if len(b) < 4 {
		return 0, false, fmt.Errorf("block length at %#x: want 4 bytes, found %d: %w", off, len(b), io.ErrUnexpectedEOF)
	}
	x := binary.LittleEndian.Uint32(b)
	size = int64(x)
	if !h.legacy {
		raw, size = x&stored != 0, int64(x&^stored)
		if size > h.maxBlock {
			return 0, false, fmt.Errorf("block length at %#x: %d, at most %d", off, size, h.maxBlock)
		}
	} else if size > legacyBound {
		return 0, false, fmt.Errorf("block length at %#x: %d, at most %d", off, size, legacyBound)
	}
	need := size
	if h.blockSum && size > 0 {
		need += 4
	}
	if need > w.r.Size()-off-4 {
		return size, raw, fmt.Errorf("block at %#x: want %d bytes, found %d: %w", off+4, need, w.r.Size()-off-4, io.ErrUnexpectedEOF)
	}
	return size, raw, nil
}

// skim finds the end of a frame that is not a legacy one.
func (w *walker) skim(h *header) (int64, error) {
	pos := h.at + h.size
	if h.skip >= 0 {
		return pos + h.skip, nil
	}
	for {
		size, _, err := w.block(h, pos)
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				pos = w.r.Size()
			}
			return pos, err
		}
		pos += 4 + size
		if size == 0 {
			break
		}
		if h.blockSum {
			pos += 4
		}
	}
	if h.contentSum {
		if w.r.Size()-pos < 4 {
			return w.r.Size(), fmt.Errorf("content checksum at %#x: want 4 bytes, found %d", pos, w.r.Size()-pos)
		}
		pos += 4
	}
	return pos, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	w := walker{r: r}
	h, err := w.header(0)
	if err != nil || h.skip >= 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if h.legacy {
		return w.measureLegacy(&h)
	}
	c := wardein.Claim{Confidence: wardein.Certain, Evidence: "header checksum and block lengths ok"}
	for {
		if c.End, err = w.skim(&h); err != nil {
			c.Confidence, c.Evidence = wardein.Likely, "header checksum ok"
			return c, err
		}
		if h, err = w.header(c.End); err != nil {
			return c, nil
		}
		if h.legacy { // its end only decoding tells; it is a claim of its own
			return c, nil
		}
	}
}

// measureLegacy decodes the first block's beginning: a legacy frame has no
// field that constrains another.
func (w *walker) measureLegacy(h *header) (wardein.Claim, error) {
	size, _, err := w.block(h, 4)
	if size == 0 || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	src := make([]byte, min(size, 4<<10, w.r.Size()-8))
	if _, err := w.r.ReadAt(src, 8); err != nil && err != io.EOF {
		return wardein.Claim{}, err
	}
	n, ok := trial(src, int64(len(src)) == size)
	if !ok || len(src) < 8 && int64(len(src)) < size {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	return wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Likely, Evidence: fmt.Sprintf("legacy frame, trial of the first block covers %d bytes", n)}, nil
}

// trial walks the sequences of a block without writing: offsets must stay
// inside of what was decoded before them.
func trial(src []byte, whole bool) (decoded int, ok bool) {
	length := func(i, n int) (int, int) { // continues a length of 15
		for n >= 15 && i < len(src) {
			n += int(src[i])
			i++
			if src[i-1] != 255 {
				break
			}
		}
		return i, n
	}
	for i := 0; i < len(src); {
		token := src[i]
		var n int
		i, n = length(i+1, int(token>>4))
		i += n
		decoded += n
		if i >= len(src) {
			return decoded, i == len(src) || !whole
		}
		if i+2 > len(src) {
			return decoded, !whole
		}
		offset := int(binary.LittleEndian.Uint16(src[i:]))
		if offset == 0 || offset > decoded {
			return decoded, false
		}
		i, n = length(i+2, int(token&15))
		decoded += n + 4
		if decoded > legacyBlock {
			return decoded, false
		}
	}
	return decoded, !whole
}

// stream is the content of all frames in a row.
type stream struct {
	ctx   context.Context
	w     walker
	out   wardein.Members
	h     header
	open  bool
	start int64 // of the frame
	pos   int64
	src   []byte
	buf   []byte // up to 64 KiB decoded before, then the block
	dict  int    // length of what was decoded before
	rest  []byte
	sum   digest
	total uint64
	done  error
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.done != nil {
			return 0, s.done
		}
		if s.done = s.ctx.Err(); s.done == nil {
			s.done = s.step()
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *stream) gap(kind wardein.GapKind, off, n int64, format string, args ...any) {
	s.out.Gap(wardein.Gap{Kind: kind, Off: off, Len: n, Why: fmt.Sprintf(format, args...)})
}

// finish accounts for the frame that was open.
func (s *stream) finish() {
	s.out.Span(wardein.Span{Off: s.start, Len: s.pos - s.start, What: wardein.Known, Is: "frame"})
	s.open = false
}

// begin opens the frame at pos.
func (s *stream) begin() error {
	h, err := s.w.header(s.pos)
	if err != nil || h.legacy && s.pos > 0 && !s.h.legacy {
		return io.EOF
	}
	s.h, s.start = h, s.pos
	if h.skip >= 0 {
		s.out.Span(wardein.Span{Off: s.pos, Len: 8, What: wardein.Known, Is: "skippable frame header"})
		s.out.Span(wardein.Span{Off: s.pos + 8, Len: h.skip, What: wardein.Opaque, Is: "skippable frame"})
		s.pos += 8 + h.skip
		return nil
	}
	if h.dictionary {
		end, err := s.w.skim(&h)
		s.gap(wardein.Unsupported, s.pos, end-s.pos, "frame needs a dictionary")
		s.out.Span(wardein.Span{Off: s.pos, Len: end - s.pos, What: wardein.Opaque, Is: "frame"})
		s.pos = end
		return err
	}
	s.pos += h.size
	s.open, s.dict, s.total = true, 0, 0
	s.sum.reset()
	return nil
}

// step decodes one block, opens a frame or closes one.
func (s *stream) step() error {
	if !s.open {
		return s.begin()
	}
	h := &s.h
	size, raw, err := s.w.block(h, s.pos)
	if h.legacy && (err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || size == 0 || s.w.r.Size()-s.pos < 8 && err != nil || s.total%legacyBlock != 0) {
		s.finish()
		return nil
	}
	if err != nil {
		s.pos = min(s.pos+4, s.w.r.Size())
		s.finish()
		return err
	}
	at := s.pos + 4
	s.pos = at + size
	if size == 0 {
		return s.close()
	}
	if h.blockSum {
		s.pos += 4
	}
	if int64(cap(s.src)) < size {
		s.src = make([]byte, size)
	}
	src := s.src[:size]
	if _, err := s.w.r.ReadAt(src, at); err != nil && err != io.EOF {
		return fmt.Errorf("block at %#x: %w", at, err)
	}
	if h.blockSum {
		if b := s.w.bytes(at+size, 4); len(b) == 4 && binary.LittleEndian.Uint32(b) != xxh32(src) {
			s.gap(wardein.Damaged, at, size, "xxh32 of the block: stored %08x, computed %08x", binary.LittleEndian.Uint32(b), xxh32(src))
		}
	}
	if raw {
		s.keep(src)
		s.rest = src
		s.account(src)
		return nil
	}
	dst, err := s.decode(src)
	if err != nil {
		if !h.independent || h.legacy {
			s.finish()
			return fmt.Errorf("block at %#x: %w", at, err)
		}
		s.gap(wardein.Damaged, at, size, "block cannot be decoded: %v", err)
		return nil
	}
	s.rest = dst
	s.account(dst)
	return nil
}

// decode returns the content of a block, which stands in s.buf behind up to
// 64 KiB that it may refer to.
func (s *stream) decode(src []byte) ([]byte, error) {
	// A byte of a block stands for at most 255 bytes.
	want := s.dict + int(min(s.h.maxBlock, int64(len(src))*255+64))
	if cap(s.buf) < want {
		s.buf = append(make([]byte, 0, want), s.buf[:s.dict]...)
	}
	s.buf = s.buf[:want]
	n, err := lz4.UncompressBlockWithDict(src, s.buf[s.dict:], s.buf[:s.dict])
	if err != nil {
		return nil, err
	}
	dst := s.buf[s.dict : s.dict+n]
	if !s.h.independent {
		s.rest = nil
		out := append([]byte(nil), dst...)
		s.keep(out)
		return out, nil
	}
	return dst, nil
}

// keep remembers the last 64 KiB for blocks that refer to the one before.
func (s *stream) keep(p []byte) {
	if s.h.independent {
		return
	}
	const history = 64 << 10
	if cap(s.buf) < history {
		s.buf = append(make([]byte, 0, 2*history), s.buf[:s.dict]...)
	}
	old := s.buf[:s.dict]
	if len(p) >= history {
		s.dict = copy(s.buf[:history], p[len(p)-history:])
		return
	}
	if drop := len(old) + len(p) - history; drop > 0 {
		s.dict = copy(old, old[drop:])
	}
	s.buf = s.buf[:cap(s.buf)]
	s.dict += copy(s.buf[s.dict:], p)
}

func (s *stream) account(p []byte) {
	s.total += uint64(len(p))
	if s.h.contentSum {
		s.sum.write(p)
	}
}

// close handles what follows the end mark.
func (s *stream) close() error {
	if s.h.contentSum {
		b := s.w.bytes(s.pos, 4)
		if len(b) < 4 {
			s.pos += int64(len(b))
			s.finish()
			return fmt.Errorf("content checksum at %#x: want 4 bytes, found %d: %w", s.pos, len(b), io.ErrUnexpectedEOF)
		}
		if stored := binary.LittleEndian.Uint32(b); stored != s.sum.sum() {
			s.gap(wardein.Damaged, s.pos, 4, "xxh32 of the content: stored %08x, computed %08x", stored, s.sum.sum())
		}
		s.pos += 4
	}
	if s.h.hasLength && s.h.length != s.total {
		s.gap(wardein.Damaged, s.start+6, 8, "content size: stored %d, decoded %d", s.h.length, s.total)
	}
	s.finish()
	return nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	s := &stream{ctx: ctx, w: walker{r: r}, out: out}
	err := out.Stream(wardein.Entry{Name: "data"}, s)
	return s.pos, err
}
