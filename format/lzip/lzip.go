// Package lzip reads lzip files.
//
//	offset  size  field
//	0       4     "LZIP"
//	4       1     version, 1 (0: no member size in the trailer)
//	5       1     dictionary size: bits 4–0 n, bits 7–5 f: 2^n − f·2^(n−4)
//	6             LZMA data, lc=3 lp=0 pb=2, with an end marker
//	-20     4     CRC-32 of the content
//	-16     8     content size
//	-8      8     member size, header and trailer included
//
// Numbers are little-endian. A file is one or more such members, one directly
// after the other.
package lzip

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/lzma"
)

// Format is lzip.
var Format = wardein.Format{
	Name:    "lzip",
	Version: 1,
	Doc: wardein.Doc{
		About: "lzip compressed file: source releases and packages.",
		How: "The header is parsed and the first 4 KiB must decode without a contradiction, then the members are decoded once. CRC-32, content size and " +
			"member size of every member are compared. Members that follow each other directly are one file.",
		FalseNegatives: []string{"damage within the first 4 KiB of the data leaves the file unknown"},
		Limits:         []string{"dictionary: 128 MiB of content within its reach; data that needs more ends in a gap"},
		References:     []string{"lzip manual, chapter File format", "RFC draft-diaz-lzip"},
	},
	Magic:   []wardein.Magic{{Bytes: "LZIP\x01"}, {Bytes: "LZIP\x00"}},
	Measure: measure,
	Extract: extract,
}

const (
	headerLen = 6
	rangeLen  = 5       // bytes that start the range coder
	trialIn   = 4 << 10 // encoded bytes a trial may read
	trialOut  = 32 << 10
)

var props = lzma.Props{LC: 3, PB: 2}

// parse reads a header.
func parse(b []byte) (version byte, dict uint32, ok bool) {
	if len(b) < headerLen+1 || string(b[:4]) != "LZIP" || b[4] > 1 || b[headerLen] != 0 {
		return 0, 0, false
	}
	n, f := b[5]&0x1F, uint32(b[5]>>5)
	if n < 12 || n > 29 || n == 12 && f != 0 {
		return 0, 0, false
	}
	return b[4], 1<<n - f<<(n-4), true
}

// trailerLen is 20 bytes; version 0 lacks the member size.
func trailerLen(version byte) int { return 12 + 8*int(version) }

// compare returns what of a trailer does not fit.
func compare(t []byte, sum uint32, size, member int64) string {
	if v := binary.LittleEndian.Uint32(t); v != sum {
		return fmt.Sprintf("crc32 stored %08x, computed %08x", v, sum)
	}
	if v := binary.LittleEndian.Uint64(t[4:]); v != uint64(size) {
		return fmt.Sprintf("content size stored %d, decoded %d", v, size)
	}
	if len(t) >= 20 {
		if v := binary.LittleEndian.Uint64(t[12:]); v != uint64(member) {
			return fmt.Sprintf("member size stored %d, found %d", v, member)
		}
	}
	return ""
}

type trial struct {
	in  [trialIn]byte
	out [trialOut]byte
}

var trials = sync.Pool{New: func() any { return new(trial) }}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	t := trials.Get().(*trial)
	defer trials.Put(t)
	n, _ := r.ReadAt(t.in[:headerLen+1], 0)
	version, _, ok := parse(t.in[:n])
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	n, err := r.ReadAt(t.in[:], 0)
	if err != nil && err != io.EOF {
		return wardein.Claim{}, err
	}
	made, used, clean, err := lzma.Try(t.out[:], t.in[headerLen:n], props)
	claim := wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Likely}
	switch end := headerLen + used; {
	case errors.Is(err, io.ErrUnexpectedEOF) && int64(n) == r.Size():
		claim.Confidence, claim.Evidence = wardein.Possible, "header ok, stream cut off"
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return wardein.Claim{}, wardein.ErrNotMine
	case err == nil && clean && made < trialOut && end+trailerLen(version) <= n:
		claim.Evidence = "header ok, trailer differs"
		if compare(t.in[end:end+trailerLen(version)], crc32.ChecksumIEEE(t.out[:made]), int64(made), int64(end+trailerLen(version))) == "" {
			claim.Confidence, claim.Evidence = wardein.Certain, "crc32 and sizes ok"
		}
	default:
		claim.Evidence = fmt.Sprintf("header ok, trial decode gave %d bytes", made)
	}
	return claim, nil
}

// stream is the content of all members in a row.
type stream struct {
	ctx   context.Context
	in    *bufio.Reader
	out   wardein.Members
	z     *lzma.Reader
	done  error
	limit error

	n       int   // members begun
	start   int64 // of the member
	version byte
	sum     uint32
	size    int64
}

// pos is the number of bytes consumed.
func (s *stream) pos() int64 {
	if s.z == nil {
		return s.start
	}
	return s.start + headerLen + s.z.Consumed()
}

// open begins the member that stands next; io.EOF: there is none.
func (s *stream) open() error {
	b, err := s.in.Peek(headerLen + 1)
	if err != nil && err != io.EOF {
		return err
	}
	version, dict, ok := parse(b)
	if !ok {
		return io.EOF
	}
	s.in.Discard(headerLen)
	s.out.Span(wardein.Span{Off: s.start, Len: headerLen, What: wardein.Known, Is: "member header"})
	s.n++
	s.version, s.sum, s.size = version, 0, 0
	s.z, err = lzma.NewReader(s.in, props, dict, -1)
	return err
}

// close checks the trailer.
func (s *stream) close() error {
	at := s.pos()
	s.span(at)
	n := trailerLen(s.version)
	b, err := s.in.Peek(n)
	if err != nil {
		if err == io.EOF {
			err = fmt.Errorf("trailer at %#x: want %d bytes, found %d: %w", at, n, len(b), io.ErrUnexpectedEOF)
		}
		return err
	}
	end := at + int64(n)
	if why := compare(b, s.sum, s.size, end-s.start); why != "" {
		s.out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: at, Len: int64(n), Why: fmt.Sprintf("trailer of member %d at %#x: %s", s.n, at, why)})
	}
	s.in.Discard(n)
	s.out.Span(wardein.Span{Off: at, Len: int64(n), What: wardein.Known, Is: "trailer"})
	s.start, s.z = end, nil
	return nil
}

func (s *stream) span(end int64) {
	if from := s.start + headerLen; end > from {
		s.out.Span(wardein.Span{Off: from, Len: end - from, What: wardein.Known, Is: "lzma stream"})
	}
}

func (s *stream) Window() int64 {
	if s.z == nil {
		return 0
	}
	return s.z.Window()
}

func (s *stream) Read(p []byte) (int, error) {
	for s.done == nil {
		if s.done = s.ctx.Err(); s.done != nil {
			break
		}
		if s.z == nil {
			s.done = s.open()
			continue
		}
		n, err := s.z.Read(p)
		s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
		s.size += int64(n)
		switch {
		case err == io.EOF:
			s.done = s.close()
		case errors.Is(err, lzma.ErrWindow):
			s.limit, s.done = err, io.EOF
		case err != nil:
			s.done = fmt.Errorf("member %d at %#x: %w", s.n, s.start, err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, s.done
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	s := &stream{ctx: ctx, out: out, in: bufio.NewReaderSize(io.NewSectionReader(r, 0, r.Size()), 64<<10)}
	err := out.Stream(wardein.Entry{Name: "data"}, s)
	end := s.pos()
	if s.z != nil { // ended inside a member, whose trailer close did not reach
		s.span(end)
	}
	if s.n > 1 {
		out.Note("members", strconv.Itoa(s.n))
	}
	if s.limit != nil {
		rest := int64(0)
		if memberAtEnd(r, s.start) {
			rest = r.Size() - end
			out.Span(wardein.Span{Off: end, Len: rest, What: wardein.Opaque, Is: "lzma stream"})
		}
		out.Gap(wardein.Gap{Kind: wardein.Limit, Off: end, Len: rest, Why: s.limit.Error()})
		end += rest
	}
	return end, err
}

// memberAtEnd says whether the last 20 bytes of r are the trailer of the
// member that begins at start.
func memberAtEnd(r *io.SectionReader, start int64) bool {
	var b [8]byte
	_, err := r.ReadAt(b[:], r.Size()-8)
	return (err == nil || err == io.EOF) && binary.LittleEndian.Uint64(b[:]) == uint64(r.Size()-start)
}
