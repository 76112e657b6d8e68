// Package lzma reads .lzma files ("lzma alone", the format of LZMA Utils and
// of the LZMA SDK), which bootloaders and vendors use for kernels.
//
//	offset  size  field
//	0       1     properties, (pb*5 + lp)*9 + lc
//	1       4     dictionary size
//	5       8     content size, all ones: up to the end marker
//	13            range coded data; its first byte is 0
//
// Numbers are little-endian. There is no magic and no checksum.
package lzma

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/lzma"
)

// Format is lzma.
var Format = wardein.Format{
	Name:    "lzma",
	Version: 1,
	Doc: wardein.Doc{
		About: "LZMA file without checksums (.lzma): kernels behind bootloader headers, older packages.",
		How: "The header has no magic: properties 5D with a dictionary of 64 KiB and more are looked for everywhere, other usual properties at the start of a " +
			"node only. The dictionary is 2^n or 2^n + 2^(n-1), the content size is fitting or unknown, and the first 4 KiB must decode without a contradiction. " +
			"The stream is then decoded once and its end taken from the bytes that the decoder consumed.",
		FalsePositives: []string{"none in 200 MB of random bytes and 200 MB of programs"},
		FalseNegatives: []string{
			"properties other than 5D, or a dictionary below 64 KiB, inside a node",
			"headers changed by a vendor (content size left out, other dictionary sizes)",
			"a stream whose first four bytes of range coded data are zero",
		},
		Limits: []string{
			"content: 256 GiB by its header",
			"dictionary: 128 MiB of content within its reach; data that needs more ends in a gap",
			"damage shows only where the data contradicts itself or at the end of the stream",
		},
		References: []string{"lzma-specification.txt, Igor Pavlov, LZMA SDK (2015)", "XZ Utils doc/lzma-file-format.txt"},
	},
	Magic:   magics(),
	Measure: measure,
	Extract: extract,
}

// magics are the header as far as it is fixed: a content size below 2^40 or
// unknown, and the 0 that begins the data.
func magics() []wardein.Magic {
	const (
		known       = "\x00\x00\x00\x00\x00\xFF\xFF\xFF\xFF"
		sizeUnknown = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00"
	)
	all := strings.Repeat("\xFF", 9)
	out := []wardein.Magic{
		{Bytes: "\x5D\x00\x00\x00\x00" + strings.Repeat("\x00", 9), Mask: "\xFF\xFF\xFF\x00\x00" + known},
		{Bytes: "\x5D\x00\x00\x00\x00" + sizeUnknown, Mask: "\xFF\xFF\xFF\x00\x00" + all},
	}
	// 5D lc3 lp0 pb2 with a small dictionary, 5E lc4, 5A–5C lc0–2, 62 lc8,
	// 66 lp1, 6C 6D lp2, 03 pb0, 30 pb1, 8A pb3, B7 pb4.
	for _, p := range []byte{0x5D, 0x5E, 0x5A, 0x5B, 0x5C, 0x62, 0x66, 0x6C, 0x6D, 0x03, 0x30, 0x8A, 0xB7} {
		head := string([]byte{p, 0, 0, 0, 0})
		out = append(out,
			wardein.Magic{Bytes: head + strings.Repeat("\x00", 9), Mask: "\xFF\xFF\x00\x00\x00" + known, Anchored: true},
			wardein.Magic{Bytes: head + sizeUnknown, Mask: "\xFF\xFF\x00\x00\x00" + all, Anchored: true})
	}
	return out
}

const (
	headerLen = 13
	rangeLen  = 5       // bytes that start the range coder
	trialIn   = 4 << 10 // encoded bytes a trial may read
	trialOut  = 32 << 10
	minTrial  = 32 // encoded bytes that make a stream without an end believable

	maxSize  = 1 << 38 // XZ Utils refuses more
	maxRatio = 8192    // no LZMA stream is denser
	unknown  = -1
)

// header is the file header.
type header struct {
	props lzma.Props
	dict  uint32
	size  int64 // unknown: until the end marker
}

// parse reads a header and says whether it is believable in front of the
// range coder's first bytes and in a node of n bytes.
func parse(b []byte, n int64) (header, bool) {
	var h header
	if len(b) < headerLen+rangeLen {
		return h, false
	}
	var err error
	if h.props, err = lzma.ParseProps(b[0]); err != nil {
		return h, false
	}
	h.dict = binary.LittleEndian.Uint32(b[1:])
	// 2^n, 2^n + 2^(n-1), or all ones as some encoders have it
	low := bits.TrailingZeros32(h.dict)
	if top := h.dict >> low; top != 1 && top != 3 && h.dict != 0xFFFFFFFF || h.dict < 4096 {
		return h, false
	}
	size := binary.LittleEndian.Uint64(b[5:])
	switch {
	case size == 1<<64-1:
		h.size = unknown
	case size == 0 || size > maxSize || int64(size)/maxRatio > n:
		return h, false
	default:
		h.size = int64(size)
	}
	code := binary.BigEndian.Uint32(b[headerLen+1:])
	return h, b[headerLen] == 0 && code != 0 && code != 0xFFFFFFFF
}

type trial struct {
	in  [trialIn]byte
	out [trialOut]byte
}

var trials = sync.Pool{New: func() any { return new(trial) }}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	t := trials.Get().(*trial)
	defer trials.Put(t)
	n, _ := r.ReadAt(t.in[:headerLen+rangeLen], 0)
	h, ok := parse(t.in[:n], r.Size())
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	n, err := r.ReadAt(t.in[:], 0)
	if err != nil && err != io.EOF {
		return wardein.Claim{}, err
	}
	out := t.out[:]
	if h.size >= 0 && h.size < int64(len(out)) {
		out = out[:h.size]
	}
	made, used, clean, err := lzma.Try(out, t.in[headerLen:n], h.props)
	claim := wardein.Claim{End: wardein.EndUnknown}
	whole := int64(n) == r.Size()
	switch {
	case err == nil && h.size < 0 && made < len(out) && clean:
		claim.Confidence = wardein.Likely
		claim.Evidence = fmt.Sprintf("decodes to %d bytes and an end marker", made)
		if used >= minTrial {
			claim.Confidence = wardein.Certain
		}
	case err == nil && h.size == int64(made) && clean:
		claim.Confidence = wardein.Certain
		claim.Evidence = fmt.Sprintf("decodes to %d bytes, as the header says", made)
	case err == nil && h.size == int64(made):
		return wardein.Claim{}, wardein.ErrNotMine
	case err == nil && used >= minTrial, errors.Is(err, io.ErrUnexpectedEOF) && !whole:
		claim.Confidence = wardein.Likely
		claim.Evidence = fmt.Sprintf("header plausible, trial decode gave %d bytes", made)
	case errors.Is(err, io.ErrUnexpectedEOF) && used >= minTrial:
		claim.Evidence = fmt.Sprintf("header plausible, stream cut off after %d bytes of content", made)
	default:
		return wardein.Claim{}, wardein.ErrNotMine
	}
	return claim, nil
}

// source is the content; it looks at the context, and ends in silence where
// the window limit is reached, which gets a gap of its own kind.
type source struct {
	ctx   context.Context
	r     *lzma.Reader
	limit error
	eof   bool
}

func (s *source) Window() int64 { return s.r.Window() }

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	if errors.Is(err, lzma.ErrWindow) {
		s.limit, err = err, io.EOF
	} else if err == io.EOF {
		s.eof = true
	}
	return n, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	var b [headerLen + rangeLen]byte
	n, _ := r.ReadAt(b[:], 0)
	h, ok := parse(b[:n], r.Size())
	if !ok {
		return 0, fmt.Errorf("header at 0x0: % x is no lzma header", b[:n])
	}
	out.Span(wardein.Span{Len: headerLen, What: wardein.Known, Is: "header"})
	out.Note("properties", fmt.Sprintf("lc=%d lp=%d pb=%d", h.props.LC, h.props.LP, h.props.PB))
	in := bufio.NewReaderSize(io.NewSectionReader(r, headerLen, r.Size()-headerLen), 64<<10)
	z, err := lzma.NewReader(in, h.props, h.dict, h.size)
	if err != nil {
		return headerLen, err
	}
	s := &source{ctx: ctx, r: z}
	err = out.Stream(wardein.Entry{Name: "data"}, s)
	used := z.Consumed()
	out.Span(wardein.Span{Off: headerLen, Len: used, What: wardein.Known, Is: "stream"})
	switch {
	case s.limit != nil:
		out.Gap(wardein.Gap{Kind: wardein.Limit, Off: headerLen + used, Why: s.limit.Error()})
	case s.eof && !z.Clean():
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: headerLen, Len: used,
			Why: fmt.Sprintf("all %d bytes of content are there, but the range coder does not end; some may differ", h.size)})
	}
	return headerLen + used, err
}
