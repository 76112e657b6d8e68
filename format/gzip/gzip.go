// Package gzip reads gzip files (RFC 1952).
//
//	offset  size  field
//	0       2     1F 8B
//	2       1     CM, 8 = deflate
//	3       1     FLG: 1 text, 2 header CRC, 4 extra, 8 name, 10 comment
//	4       4     MTIME
//	8       1     XFL
//	9       1     OS
//	10            extra (2-byte length), name (NUL ended), comment (NUL
//	              ended), CRC16 of the header, each where FLG says so
//	              deflate stream
//	-8      4     CRC-32 of the content
//	-4      4     content length modulo 2^32
//
// A file is one or more such members, one directly after the other, and its
// content is their contents in a row, as gunzip gives it.
package gzip

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/inflate"
)

// Format is gzip.
var Format = wardein.Format{
	Name:    "gzip",
	Version: 1,
	Doc: wardein.Doc{
		About: "gzip compressed file: Linux kernels and initramfs, package payloads, logs, .tar.gz releases.",
		How: "The header is parsed, a trial decode of at most 4 KiB must not fail, then the deflate stream is decoded once and its end taken " +
			"from the bytes the decoder consumed. CRC-32 and length of every member are compared. Members that follow each other directly are one file.",
		FalsePositives: []string{"a header followed by bytes that happen to decode for 256 bytes and more; its stream then ends in a gap"},
		FalseNegatives: []string{"a stream without a name in its header whose first 256 bytes of content cannot be decoded is left unknown"},
		Limits:         []string{"file name and comment: 4096 bytes each", "compression methods other than deflate do not exist in practice and are not recognised"},
		References:     []string{"RFC 1952, sections 2.2 and 2.3", "RFC 1951"},
	},
	Magic:   []wardein.Magic{{Bytes: "\x1f\x8b\x08"}},
	Measure: measure,
	Extract: extract,
}

const (
	flagCRC     = 1 << 1
	flagExtra   = 1 << 2
	flagName    = 1 << 3
	flagComment = 1 << 4
	flagUnknown = 0xE0

	trialSize = 4 << 10  // encoded bytes a trial may read
	trialOut  = 64 << 10 // decoded bytes it stops after
	maxString = 4 << 10  // of name and comment
	minTrial  = 256      // decoded bytes that make a nameless header believable
)

// header is what stands before a member's deflate stream.
type header struct {
	size          int64 // bytes
	mtime         uint32
	os            byte
	name, comment string
	crcBad        bool // header CRC is there and differs
}

var errNotGzip = errors.New("no gzip member header")

// readHeader parses a header. errNotGzip means that another thing stands
// there, any other error that the header is cut off or out of bounds.
func readHeader(br *bufio.Reader) (header, error) {
	h := header{size: 10}
	fixed, err := br.Peek(10)
	if len(fixed) >= 4 && !plausible(fixed) || len(fixed) < 4 {
		return h, errNotGzip
	}
	if err != nil {
		return h, fmt.Errorf("header: %w", unexpected(err))
	}
	flags := fixed[3]
	h.mtime = binary.LittleEndian.Uint32(fixed[4:])
	h.os = fixed[9]
	sum := crc32.ChecksumIEEE(fixed)
	br.Discard(10)
	take := func(n int) ([]byte, error) {
		p, err := br.Peek(n)
		if err != nil {
			return nil, fmt.Errorf("header field at %#x: %w", h.size, unexpected(err))
		}
		if flags&flagCRC != 0 {
			sum = crc32.Update(sum, crc32.IEEETable, p)
		}
		br.Discard(n)
		h.size += int64(n)
		return p, nil
	}
	text := func() (string, error) {
		var s []byte
		for {
			p, err := take(1)
			if err != nil || p[0] == 0 {
				return string(s), err
			}
			if s = append(s, p[0]); len(s) > maxString {
				return "", fmt.Errorf("header at %#x: string of more than %d bytes", h.size, maxString)
			}
		}
	}
	if flags&flagExtra != 0 {
		p, err := take(2)
		if err != nil {
			return h, err
		}
		for n := int(binary.LittleEndian.Uint16(p)); n > 0; {
			step := min(n, trialSize)
			if _, err := take(step); err != nil {
				return h, err
			}
			n -= step
		}
	}
	if flags&flagName != 0 {
		if h.name, err = text(); err != nil {
			return h, err
		}
	}
	if flags&flagComment != 0 {
		if h.comment, err = text(); err != nil {
			return h, err
		}
	}
	if flags&flagCRC != 0 {
		want := uint16(sum)
		p, err := br.Peek(2)
		if err != nil {
			return h, fmt.Errorf("header crc at %#x: %w", h.size, unexpected(err))
		}
		h.crcBad = binary.LittleEndian.Uint16(p) != want
		br.Discard(2)
		h.size += 2
	}
	return h, nil
}

// plausible checks what is fixed in the first bytes of a header.
func plausible(p []byte) bool {
	if p[0] != 0x1f || p[1] != 0x8b || p[2] != 8 || p[3]&flagUnknown != 0 {
		return false
	}
	// XFL has two meanings for deflate, OS fourteen; writers that know
	// neither put 0 and 255.
	return len(p) < 10 || (p[8]&^6 == 0 && (p[9] <= 13 || p[9] == 255))
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

var (
	inflaters = sync.Pool{New: func() any { return inflate.NewReader(nil) }}
	trials    = sync.Pool{New: func() any { return new(trial) }}
)

type trial struct {
	in  [trialSize]byte
	out [trialOut]byte
	src bytes.Reader
	br  *bufio.Reader
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	no := wardein.Claim{}
	var start [10]byte
	if n, _ := r.ReadAt(start[:], 0); n < 10 || !plausible(start[:]) {
		return no, wardein.ErrNotMine
	}
	t := trials.Get().(*trial)
	defer trials.Put(t)
	n, err := r.ReadAt(t.in[:], 0)
	if err != nil && err != io.EOF {
		return no, err
	}
	if t.br == nil {
		t.br = bufio.NewReaderSize(nil, trialSize)
	}
	t.src.Reset(t.in[:n])
	t.br.Reset(&t.src)
	h, err := readHeader(t.br)
	whole := int64(n) == r.Size()
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) && !whole {
			return wardein.Claim{End: wardein.EndUnknown, Evidence: "header of more than 4 KiB"}, nil
		}
		return no, wardein.ErrNotMine
	}
	in := t.in[h.size:n]
	size, used, err := inflate.Decode(t.out[:], in)
	switch tail := in[used:]; {
	case err == nil && len(tail) >= 8:
		if binary.LittleEndian.Uint32(tail) == crc32.ChecksumIEEE(t.out[:size]) && binary.LittleEndian.Uint32(tail[4:]) == uint32(size) {
			return wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Certain, Evidence: "crc32 and length ok"}, nil
		}
		if h.name == "" && size < minTrial {
			return no, wardein.ErrNotMine
		}
		return wardein.Claim{End: wardein.EndUnknown, Evidence: "header ok, crc32 differs"}, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		if whole && h.name == "" && size < minTrial {
			return wardein.Claim{End: wardein.EndUnknown, Evidence: "header ok, stream cut off"}, nil
		}
	case errors.Is(err, inflate.ErrDamaged):
		if h.name == "" && size < minTrial {
			return no, wardein.ErrNotMine
		}
		return wardein.Claim{End: wardein.EndUnknown, Evidence: fmt.Sprintf("header ok, stream breaks after %d bytes", size)}, nil
	}
	return wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Likely, Evidence: fmt.Sprintf("header ok, trial decode gave %d bytes", size)}, nil
}

// stream is the content of all members in a row.
type stream struct {
	ctx    context.Context
	src    *io.SectionReader
	br     *bufio.Reader
	z      *inflate.Reader
	out    wardein.Members
	n      int   // members begun
	start  int64 // of the member
	sum    uint32
	size   uint32
	done   error
	finish bool // the deflate stream has ended, the trailer follows
}

// pos is the number of bytes consumed.
func (s *stream) pos() int64 {
	p, _ := s.src.Seek(0, io.SeekCurrent)
	return p - int64(s.br.Buffered())
}

func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.done != nil {
			return 0, s.done
		}
		if s.finish {
			s.done = s.next()
			continue
		}
		if s.done = s.ctx.Err(); s.done != nil {
			continue
		}
		n, err := s.z.Read(p)
		s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
		s.size += uint32(n)
		switch {
		case err == io.EOF:
			s.finish = true
		case err != nil:
			s.done = fmt.Errorf("deflate stream at %#x: %w", s.pos(), unexpected(err))
		}
		if n > 0 {
			return n, nil
		}
	}
}

// next checks the trailer and opens the member that follows, if one does.
func (s *stream) next() error {
	at := s.pos()
	if s.n == 1 {
		s.out.Span(wardein.Span{Off: s.start, Len: at - s.start, What: wardein.Known, Is: "deflate stream"})
		s.start = at
	}
	tail, err := s.br.Peek(8)
	if err != nil {
		s.br.Discard(len(tail))
		return fmt.Errorf("trailer at %#x: want 8 bytes, found %d: %w", at, len(tail), unexpected(err))
	}
	sum, size := binary.LittleEndian.Uint32(tail), binary.LittleEndian.Uint32(tail[4:])
	if sum != s.sum {
		s.out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: at, Len: 4, Why: fmt.Sprintf("crc32 of member %d: stored %08x, computed %08x", s.n, sum, s.sum)})
	} else if size != s.size {
		s.out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: at + 4, Len: 4, Why: fmt.Sprintf("length of member %d: stored %d, decoded %d", s.n, size, s.size)})
	}
	s.br.Discard(8)
	if s.n == 1 {
		s.out.Span(wardein.Span{Off: at, Len: 8, What: wardein.Known, Is: "trailer"})
		s.start = at + 8
	}
	next, err := s.br.Peek(10)
	if err != nil || !plausible(next) {
		return io.EOF
	}
	if _, err := readHeader(s.br); err != nil {
		return fmt.Errorf("member %d at %#x: %w", s.n+1, at+8, err)
	}
	s.open()
	return nil
}

func (s *stream) open() {
	s.n++
	s.sum, s.size, s.finish = 0, 0, false
	s.z.Reset(s.br)
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	s := &stream{ctx: ctx, src: io.NewSectionReader(r, 0, r.Size()), out: out}
	s.br = bufio.NewReaderSize(s.src, 64<<10)
	h, err := readHeader(s.br)
	if err != nil {
		return 0, err
	}
	out.Span(wardein.Span{Len: h.size, What: wardein.Known, Is: "member header"})
	if h.crcBad {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: h.size - 2, Len: 2, Why: "crc16 of the member header differs"})
	}
	if h.comment != "" {
		out.Note("comment", h.comment)
	}
	e := wardein.Entry{Name: h.name, MTime: int64(h.mtime)}
	if e.Name == "" {
		e.Name = "data"
	}
	s.z = inflaters.Get().(*inflate.Reader)
	defer func() {
		s.z.Reset(nil) // keep no reference to r
		inflaters.Put(s.z)
	}()
	s.start = h.size
	s.open()
	err = out.Stream(e, s)
	end := s.pos()
	if end > s.start {
		is := "further members"
		if s.n == 1 {
			is = "deflate stream"
		}
		out.Span(wardein.Span{Off: s.start, Len: end - s.start, What: wardein.Known, Is: is})
	}
	if s.n > 1 {
		out.Note("members", strconv.Itoa(s.n))
	}
	return end, err
}
