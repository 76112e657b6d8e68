// Package bzip2 reads bzip2 files.
//
//	offset  size     field
//	0       3        "BZh"
//	3       1        '1'–'9', block size in 100,000 bytes
//	4       6        314159265359: block, or 177245385090: end of stream
//	                 block: 4 bytes CRC, 1 bit randomised, 24 bits origin, coded data
//	                 end: 4 bytes combined CRC, padded to whole bytes
//
// From the first block on nothing is aligned to bytes. Several streams, one
// directly after the other, are one file with one content.
package bzip2

import (
	"bufio"
	"compress/bzip2"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Format is bzip2.
var Format = wardein.Format{
	Name:    "bzip2",
	Version: 1,
	Doc: wardein.Doc{
		About:          "bzip2 compressed file: source and package payloads, older kernels and initramfs.",
		How:            "The header and the first block's fields are checked; the stream is decoded once, block and stream CRCs are compared, and the end is where the end-of-stream mark stands. Streams that follow each other directly are one file.",
		FalsePositives: []string{"ten bytes of header must match; none known"},
		Limits:         []string{"behind a damaged block nothing more of the file is read", "a mark of bzip 0.x (BZ0) is not recognised"},
		References:     []string{"J. Tsai, BZIP2 Format Specification, sections 2.2.1–2.2.3"},
	},
	Magic: []wardein.Magic{
		{Bytes: "BZh11AY&SY", Mask: "\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff"},
		{Bytes: "BZh1\x17\x72\x45\x38\x50\x90", Mask: "\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff"}, // no content
	},
	Measure: measure,
	Extract: extract,
}

const (
	blockMark = 0x314159265359
	endMark   = 0x177245385090
)

func mark(p []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(p))<<32 | uint64(binary.BigEndian.Uint32(p[2:]))
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var b [18]byte
	n, _ := r.ReadAt(b[:], 0)
	if n < 14 || string(b[:3]) != "BZh" || b[3] < '1' || b[3] > '9' {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	switch mark(b[4:10]) {
	case endMark:
		if binary.BigEndian.Uint32(b[10:]) != 0 {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		return wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Certain, Evidence: "header, end mark and crc"}, nil
	case blockMark:
		if n == 18 {
			origin := binary.BigEndian.Uint32(b[14:]) << 1 >> 8 // behind the randomised bit
			if origin >= uint32(b[3]-'0')*100000 {
				return wardein.Claim{}, wardein.ErrNotMine
			}
		}
		return wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Likely, Evidence: "header and first block's header"}, nil
	}
	return wardein.Claim{}, wardein.ErrNotMine
}

const history = 32

// source hands the decoder one byte at a time, so that it takes no more than
// it needs, and remembers the last ones.
type source struct {
	br   *bufio.Reader
	n    int64
	last [history]byte
}

func (s *source) ReadByte() (byte, error) {
	c, err := s.br.ReadByte()
	if err == nil {
		s.last[s.n%history] = c
		s.n++
	}
	return c, err
}

func (s *source) Read(p []byte) (int, error) { panic("the decoder reads bytes") }

// end looks for an end-of-stream mark in the last bytes and returns where its
// stream ends. The decoder fails a few bytes behind that when what follows is
// no further stream, and does not say so by a value of its own.
func (s *source) end() (int64, bool) {
	var acc uint64
	keep := min(s.n, history)
	for i := s.n - keep; i < s.n; i++ {
		acc = acc<<8 | uint64(s.last[i%history])
		if i-(s.n-keep) < 6 {
			continue
		}
		for shift := range 8 {
			if acc>>shift&(1<<48-1) != endMark {
				continue
			}
			// the mark ends shift bits before the end of byte i
			end := i + 1 + (32-int64(shift)+7)/8
			if end <= s.n && s.n-end <= 10 {
				return end, true
			}
		}
	}
	return 0, false
}

// stream is the content; the end of the last stream is its end.
type stream struct {
	ctx  context.Context
	src  *source
	z    io.Reader
	used int64

	badSum bool // the combined CRC of the last stream differs
}

func (s *stream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.z.Read(p)
	s.used = s.src.n
	var structural bzip2.StructuralError
	switch {
	case err == nil || err == io.EOF:
	case errors.As(err, &structural) || err == io.ErrUnexpectedEOF:
		// Data behind the last stream is no damage of it.
		if end, ok := s.src.end(); ok && structural != "block checksum mismatch" {
			s.badSum = structural == "file checksum mismatch"
			s.used = end
			return n, io.EOF
		}
		fallthrough
	default:
		err = fmt.Errorf("stream at %#x: %w", s.used, err)
	}
	return n, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	src := &source{br: bufio.NewReaderSize(io.NewSectionReader(r, 0, r.Size()), 64<<10)}
	s := &stream{ctx: ctx, src: src, z: bzip2.NewReader(src)}
	err := out.Stream(wardein.Entry{Name: "data"}, s)
	if s.used > 0 {
		out.Span(wardein.Span{Len: s.used, What: wardein.Known, Is: "bzip2 stream"})
	}
	if s.badSum {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: s.used - 5, Len: 5, Why: "combined crc of the stream differs from that of its blocks"})
	}
	return s.used, err
}
