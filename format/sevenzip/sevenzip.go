// Package sevenzip reads 7z archives.
//
//	offset  size  field
//	0       6     "7z" BC AF 27 1C
//	6       2     version, 0 and 2 to 4
//	8       4     CRC-32 of the next 20 bytes
//	12      8     next header offset, from byte 32
//	20      8     next header size
//	28      4     next header CRC-32
//	32            packed streams …
//	              next header: a header, or where and how a header is packed
//
// Numbers are little-endian. The header names the sizes of the packed streams,
// the folders (what is decoded as one stream, by a graph of coders), how many
// members each folder holds one after the other, and the members' names, times
// and attributes, each property a vector over all members.
package sevenzip

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

// Format is 7z.
var Format = wardein.Format{
	Name:    "7z",
	Version: 1,
	Doc: wardein.Doc{
		About: "7z archive: release packages of telecom vendors, installers.",
		How: "The CRC-32 of the signature header tells a claim. The header, which may be packed itself, is walked twice, to validate it and to hand out " +
			"members; it is not turned into tables. Each folder is decoded once, its members are cut from the stream, and their CRC-32 is compared. " +
			"Coders: copy, LZMA, LZMA2, Deflate, BZip2, Delta, BCJ and BCJ2.",
		FalseNegatives: []string{"an archive whose signature header is damaged stays unknown"},
		Limits: []string{
			"PPMd, Deflate64 and coders of other authors are not decoded (a gap)",
			"encrypted folders and headers are not opened (a gap)",
			"of an archive in several volumes only the first one is recognised",
			"header: 64 MiB; dictionaries of one folder: 128 MiB",
		},
		References: []string{"7zFormat.txt and Methods.txt in the LZMA SDK 23.01 (public domain)", "LZMA SDK C/Bcj2.c (public domain)"},
	},
	Magic:   []wardein.Magic{{Bytes: "7z\xbc\xaf\x27\x1c\x00"}},
	Measure: measure,
	Extract: extract,
}

const (
	signatureLen = 32
	maxHeader    = 64 << 20
	maxNesting   = 4 // headers packed in headers
)

var le = binary.LittleEndian

// signature is what the signature header says.
type signature struct {
	off, size int64 // of the next header, off from the archive's first byte
	sum       uint32
}

func readSignature(r *io.SectionReader) (s signature, ok bool) {
	var b [signatureLen]byte
	if n, _ := r.ReadAt(b[:], 0); n < len(b) || string(b[:6]) != "7z\xbc\xaf\x27\x1c" || crc32.ChecksumIEEE(b[12:]) != le.Uint32(b[8:]) {
		return s, false
	}
	off, size := le.Uint64(b[12:]), le.Uint64(b[20:])
	if off > 1<<60 || size > 1<<60 {
		return s, false
	}
	return signature{signatureLen + int64(off), int64(size), le.Uint32(b[28:])}, true
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	s, ok := readSignature(r)
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	claim := wardein.Claim{End: s.off + s.size, Confidence: wardein.Certain, Evidence: "signature header crc32 ok"}
	if claim.End > r.Size() {
		claim.End = r.Size()
		return claim, s.cut(r.Size())
	}
	return claim, nil
}

func (s signature) cut(size int64) error {
	return fmt.Errorf("next header at %#x: archive ends at %d by its header, found %d: cut off, or first of several volumes", s.off, s.off+s.size, size)
}

type extractor struct {
	ctx context.Context
	r   *io.SectionReader
	out wardein.Members
	end int64 // of the packed streams
	buf []byte
}

func (x *extractor) span(off, n int64, what wardein.What, is string) {
	x.out.Span(wardein.Span{Off: off, Len: n, What: what, Is: is})
}

func (x *extractor) gap(kind wardein.GapKind, name string, off, n int64, format string, args ...any) {
	x.out.Gap(wardein.Gap{Kind: kind, Node: name, Off: off, Len: n, Why: fmt.Sprintf(format, args...)})
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	s, ok := readSignature(r)
	if !ok {
		return 0, errors.New("signature header: crc32 does not fit")
	}
	x := &extractor{ctx: ctx, r: r, out: out, end: s.off}
	x.span(0, signatureLen, wardein.Known, "signature header")
	end := s.off + s.size
	if end > r.Size() {
		x.span(signatureLen, r.Size()-signatureLen, wardein.Opaque, "packed streams")
		return r.Size(), s.cut(r.Size())
	}
	if s.size == 0 {
		return end, nil // an archive without members
	}
	unread := func(kind wardein.GapKind, err error) (int64, error) {
		x.span(s.off, s.size, wardein.Opaque, "header")
		x.span(signatureLen, s.off-signatureLen, wardein.Opaque, "packed streams")
		x.gap(kind, "", s.off, s.size, "%v", err)
		return end, nil
	}
	if s.size > maxHeader {
		return unread(wardein.Limit, fmt.Errorf("header of %d bytes, at most %d are read", s.size, maxHeader))
	}
	b := make([]byte, s.size)
	if n, err := r.ReadAt(b, s.off); n < len(b) {
		return end, fmt.Errorf("header at %#x: %w", s.off, err)
	}
	if sum := crc32.ChecksumIEEE(b); sum != s.sum {
		x.gap(wardein.Damaged, "", s.off, s.size, "header at %#x: crc32 stored %08x, computed %08x", s.off, s.sum, sum)
	}
	is := "header"
	if b[0] == idEncodedHeader {
		is = "encoded header"
	}
	for range maxNesting {
		c := &cursor{b: b}
		switch id := c.number(); id {
		case idHeader:
			x.span(s.off, s.size, wardein.Known, is)
			stop, err := x.header(c)
			if stop == nil && err != nil {
				x.gap(wardein.Damaged, "", s.off, s.size, "%v", err)
			}
			return end, stop
		case idEncodedHeader:
			var err error
			if b, err = x.unpackHeader(c); err != nil {
				if ctx.Err() != nil {
					return end, ctx.Err()
				}
				return unread(kindOf(err), fmt.Errorf("encoded header: %w", err))
			}
		default:
			return unread(wardein.Damaged, fmt.Errorf("header begins with %#x, want %#x or %#x", id, idHeader, idEncodedHeader))
		}
	}
	return unread(wardein.Limit, fmt.Errorf("header packed more than %d times", maxNesting))
}

// unpackHeader decodes a packed header.
func (x *extractor) unpackHeader(c *cursor) ([]byte, error) {
	s, err := readStreams(c)
	if err != nil {
		return nil, err
	}
	w := s.walk()
	if !w.next() {
		return nil, errors.New("names no folder")
	}
	size := w.size()
	if size > maxHeader {
		return nil, fault{wardein.Limit, fmt.Sprintf("header of %d bytes, at most %d are read", size, maxHeader)}
	}
	p, err := x.open(w)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = io.Copy(&b, ctxReader{x.ctx, p})
	if err != nil {
		return nil, err
	}
	if sum := crc32.ChecksumIEEE(b.Bytes()); w.summed && sum != w.sum {
		return nil, fmt.Errorf("crc32 stored %08x, computed %08x", w.sum, sum)
	}
	p.spans("packed header", wardein.Known)
	return b.Bytes(), nil
}

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
