// Package xz reads .xz files. The layout is in package codec/xz.
package xz

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/lzma"
	"github.com/wardein/wardein/codec/xz"
)

// Format is xz.
var Format = wardein.Format{
	Name:    "xz",
	Version: 1,
	Doc: wardein.Doc{
		About: "xz compressed file: Linux kernels and initramfs, package payloads, .tar.xz releases.",
		How: "Stream header, block headers, index and footer are parsed and their CRC-32 compared, LZMA2 is decoded once, filters (Delta, x86, PowerPC, " +
			"IA-64, ARM, ARM-Thumb, SPARC, ARM64, RISC-V) are undone and the check of every block (CRC-32, CRC-64, SHA-256) is compared. Streams that " +
			"follow each other are one file.",
		FalseNegatives: []string{"a stream whose 12-byte header does not fit its own CRC-32 is left unknown"},
		Limits: []string{
			"a block that LZMA2 cannot decode ends the member, blocks after it are not looked for",
			"dictionary: 128 MiB of content within its reach; data that needs more ends in a gap",
			"more than 4096 bytes of padding between two streams separate two files",
			"checks other than CRC-32, CRC-64 and SHA-256 are reported as not verified",
		},
		References: []string{"The .xz File Format 1.2.1, tukaani.org/xz/xz-file-format.txt"},
	},
	Magic:   []wardein.Magic{{Bytes: xz.Magic}},
	Measure: measure,
	Extract: extract,
}

const (
	headerLen = 12
	footerLen = 12
)

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var b [headerLen + 1024]byte
	n, err := r.ReadAt(b[:headerLen+1], 0)
	if err != nil && err != io.EOF {
		return wardein.Claim{}, err
	}
	if _, err := xz.ParseHeader(b[:min(n, headerLen)]); err != nil && !errors.Is(err, xz.ErrUnsupported) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	claim := wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Certain, Evidence: "stream header crc32 ok"}
	if n <= headerLen || b[headerLen] == 0 {
		return claim, nil
	}
	size := (int(b[headerLen]) + 1) * 4
	if n, _ := r.ReadAt(b[headerLen:headerLen+size], headerLen); n < size {
		return claim, nil
	}
	h := b[headerLen : headerLen+size]
	if crc32.ChecksumIEEE(h[:size-4]) == binary.LittleEndian.Uint32(h[size-4:]) {
		claim.Evidence = "stream header and block header crc32 ok"
	}
	return claim, nil
}

// source is the content; it looks at the context, and ends in silence where
// the window limit is reached, which gets a gap of its own kind.
type source struct {
	ctx   context.Context
	r     *xz.Reader
	limit error
}

func (s *source) Window() int64 { return s.r.Window() }

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	if errors.Is(err, lzma.ErrWindow) {
		s.limit, err = err, io.EOF
	}
	return n, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	x := xz.NewReader(bufio.NewReaderSize(io.NewSectionReader(r, 0, r.Size()), 64<<10))
	x.Mismatch = func(off, n int64, err error) {
		kind := wardein.Damaged
		if errors.Is(err, xz.ErrUnsupported) {
			kind = wardein.Unsupported
		}
		out.Gap(wardein.Gap{Kind: kind, Off: off, Len: n, Why: err.Error()})
	}
	s := &source{ctx: ctx, r: x}
	err := out.Stream(wardein.Entry{Name: "data"}, s)
	end := x.Consumed()
	out.Span(wardein.Span{Len: end, What: wardein.Known, Is: "stream"})
	if x.Streams() > 1 {
		out.Note("streams", strconv.Itoa(x.Streams()))
	}
	if x.Streams() > 0 {
		out.Note("check", x.Check().String())
	}
	if s.limit != nil {
		rest := int64(0)
		if closed(r) {
			rest = r.Size() - end
			out.Span(wardein.Span{Off: end, Len: rest, What: wardein.Opaque, Is: "stream"})
		}
		out.Gap(wardein.Gap{Kind: wardein.Limit, Off: end, Len: rest, Why: s.limit.Error()})
		end += rest
	}
	return end, err
}

// closed says whether r ends with a stream footer, so that what begins at its
// beginning and could not be decoded is known to end there.
func closed(r *io.SectionReader) bool {
	var b [footerLen]byte
	if _, err := r.ReadAt(b[:], r.Size()-footerLen); err != nil && err != io.EOF {
		return false
	}
	return string(b[10:]) == "YZ" && crc32.ChecksumIEEE(b[4:10]) == binary.LittleEndian.Uint32(b[:])
}
