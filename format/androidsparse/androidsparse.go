// Package androidsparse reads Android sparse images: a partition image of
// which only the blocks that hold something are stored. Numbers are
// little-endian.
//
//	0x00  4  magic           3a ff 26 ed
//	0x04  2  major_version   1
//	0x06  2  minor_version
//	0x08  2  file_hdr_sz     28, or more
//	0x0a  2  chunk_hdr_sz    12, or more
//	0x0c  4  blk_sz          bytes of a block, a multiple of 4
//	0x10  4  total_blks      blocks of the image
//	0x14  4  total_chunks    chunks that follow
//	0x18  4  image_checksum  CRC-32 of the image, 0 for none
//
// A chunk:
//
//	0x00  2  chunk_type      cac1 raw, cac2 fill, cac3 don't care, cac4 crc32
//	0x02  2  reserved
//	0x04  4  chunk_sz        blocks of the image
//	0x08  4  total_sz        bytes of the chunk with this header
//	0x0c     raw: the blocks; fill: 4 bytes to repeat; crc32: CRC-32 so far
package androidsparse

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

const (
	magic     = "\x3a\xff\x26\xed"
	fileSize  = 28
	chunkSize = 12

	raw      = 0xCAC1
	fill     = 0xCAC2
	dontCare = 0xCAC3
	crc      = 0xCAC4

	// maxChunks bounds the list that is kept.
	maxChunks = 1 << 20
	// piece is the size of the blocks that fills are decoded in.
	piece = 1 << 20
	// maxFill bounds what fills of other values than 0 and ff decode to, and
	// what a checksum covers that is not stored.
	maxFill = 4 << 30
)

// Format is the sparse image, version 1.
var Format = wardein.Format{
	Name:    "androidsparse",
	Version: 1,
	Doc: wardein.Doc{
		About: "Android sparse image (.simg): a file system image without its empty blocks, as fastboot and many set-top boxes and modems take it.",
		How: "Raw chunks are runs of the file's bytes and fill chunks of zeros or ones are runs that are stored nowhere, so that the member \"image\" costs no copy. " +
			"Other fill values are decoded. Blocks that no one cares for read as zeros. CRC-32 chunks are verified.",
		Limits: []string{
			"an image that was split into several files opens as its part: the blocks of the other files read as zeros",
			"at most 1048576 chunks; fills of values other than 0 and ff of at most 4 GiB",
			"checksums are not verified over more than 4 GiB of fills and holes",
		},
		References: []string{"AOSP system/core/libsparse/sparse_format.h"},
	},
	Magic:   []wardein.Magic{{Bytes: magic}},
	Measure: measure,
	Extract: extract,
}

type header struct {
	fileHdr, chunkHdr, block int64
	blocks, chunks           int64
	checksum                 uint32
}

func readHeader(r io.ReaderAt) (header, error) {
	var b [fileSize]byte
	if n, err := r.ReadAt(b[:], 0); n < len(b) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	le := binary.LittleEndian
	h := header{
		fileHdr: int64(le.Uint16(b[8:])), chunkHdr: int64(le.Uint16(b[10:])), block: int64(le.Uint32(b[12:])),
		blocks: int64(le.Uint32(b[16:])), chunks: int64(le.Uint32(b[20:])), checksum: le.Uint32(b[24:]),
	}
	if string(b[:4]) != magic || le.Uint16(b[4:]) != 1 || h.fileHdr < fileSize || h.fileHdr > 256 || h.chunkHdr < chunkSize || h.chunkHdr > 256 ||
		h.block < 512 || h.block > 1<<24 || h.block%4 != 0 || h.chunks == 0 {
		return header{}, wardein.ErrNotMine
	}
	return h, nil
}

// chunk is one chunk; off is its header's place.
type chunk struct {
	kind   uint16
	off    int64
	blocks int64
	size   int64 // with the header
}

// walk reads the chunks' headers. It returns where the last one ends. An
// error means that the chunk at end is not one.
func walk(ctx context.Context, r *io.SectionReader, h header, each func(chunk) error) (end int64, n int64, err error) {
	end = h.fileHdr
	var b [chunkSize]byte
	blocks := int64(0)
	for ; n < h.chunks; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return end, n, ctx.Err()
		}
		if n == maxChunks {
			return end, n, fmt.Errorf("chunk %d at %#x: header says %d chunks, limit is %d", n, end, h.chunks, maxChunks)
		}
		if k, err := r.ReadAt(b[:], end); k < len(b) {
			if err == io.EOF {
				err = fmt.Errorf("chunk %d at %#x: image ends, header says %d chunks", n, end, h.chunks)
			}
			return end, n, err
		}
		le := binary.LittleEndian
		c := chunk{kind: le.Uint16(b[:]), off: end, blocks: int64(le.Uint32(b[4:])), size: int64(le.Uint32(b[8:]))}
		want := h.chunkHdr
		switch c.kind {
		case raw:
			want += c.blocks * h.block
		case fill, crc:
			want += 4
		case dontCare:
		default:
			return end, n, fmt.Errorf("chunk %d at %#x: bad type %#04x", n, end, c.kind)
		}
		if c.size != want {
			return end, n, fmt.Errorf("chunk %d at %#x: %d bytes, type %#04x with %d blocks has %d", n, end, c.size, c.kind, c.blocks, want)
		}
		if c.kind != crc {
			if blocks += c.blocks; blocks > h.blocks {
				return end, n, fmt.Errorf("chunk %d at %#x: ends at block %d, header says %d blocks", n, end, blocks, h.blocks)
			}
		}
		if c.size > r.Size()-end {
			if each != nil && c.kind == raw {
				c.size = r.Size() - end
				if err := each(c); err != nil {
					return end, n, err
				}
			}
			return r.Size(), n, fmt.Errorf("chunk %d at %#x: %d bytes left, chunk has %d", n, end, r.Size()-end, want)
		}
		if each != nil {
			if err := each(c); err != nil {
				return end, n, err
			}
		}
		end += c.size
	}
	return end, n, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	end, n, err := walk(context.Background(), r, h, nil)
	claim := wardein.Claim{End: min(end, r.Size()), Confidence: wardein.Certain, Evidence: fmt.Sprintf("header and %d chunks ok", n)}
	if err != nil {
		if n == 0 && end <= h.fileHdr {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		claim.Confidence = wardein.Likely
		return claim, err
	}
	return claim, nil
}

// run is a part of the image: an extent, or a fill where Src has 4 bytes.
type run struct {
	src  wardein.Extent
	size int64
}

func (n run) isFill() bool { return n.src.Off >= 0 && n.src.Len != n.size }

// sum is a checksum over the image's first bytes.
type sum struct {
	off, bytes int64
	want       uint32
}

// reader collects the image.
type reader struct {
	r      *io.SectionReader
	h      header
	out    wardein.Members
	runs   []run
	size   int64 // of the image so far
	stored int64 // of it, how much stands in the file
	fills  int64 // of it, how much is fills that must be decoded
	sums   []sum
}

func (s *reader) add(src wardein.Extent, size int64) {
	if size == 0 {
		return
	}
	s.size += size
	if last := len(s.runs) - 1; src.Off < 0 && last >= 0 && s.runs[last].src.Off == src.Off {
		s.runs[last].size += size
		return
	}
	s.runs = append(s.runs, run{src, size})
}

func (s *reader) chunk(c chunk) error {
	s.out.Span(wardein.Span{Off: c.off, Len: min(s.h.chunkHdr, c.size), What: wardein.Known, Is: "chunk header"})
	data := c.off + s.h.chunkHdr
	n := c.blocks * s.h.block
	var v [4]byte
	if c.kind == fill || c.kind == crc {
		s.out.Span(wardein.Span{Off: data, Len: 4, What: wardein.Known, Is: map[uint16]string{fill: "fill value", crc: "crc32"}[c.kind]})
		if k, err := s.r.ReadAt(v[:], data); k < len(v) {
			return err
		}
	}
	switch c.kind {
	case raw:
		have := max(0, c.size-s.h.chunkHdr)
		s.stored += have
		s.add(wardein.Extent{Off: data, Len: have}, have)
		s.add(wardein.Extent{Off: wardein.Zeros}, n-have)
	case dontCare:
		s.add(wardein.Extent{Off: wardein.Zeros}, n)
	case fill:
		switch v {
		case [4]byte{}:
			s.add(wardein.Extent{Off: wardein.Zeros}, n)
		case [4]byte{0xFF, 0xFF, 0xFF, 0xFF}:
			s.add(wardein.Extent{Off: wardein.Ones}, n)
		default:
			if n > maxFill-s.fills {
				s.out.Gap(wardein.Gap{Node: "image", Kind: wardein.Limit, Off: c.off, Len: c.size,
					Why: fmt.Sprintf("chunk at %#x: fill of %d bytes, %d left of %d, reads as zeros", c.off, n, maxFill-s.fills, int64(maxFill))})
				s.add(wardein.Extent{Off: wardein.Zeros}, n)
				break
			}
			s.fills += n
			s.add(wardein.Extent{Off: data, Len: 4}, n)
		}
	case crc:
		s.sums = append(s.sums, sum{data, s.size, binary.LittleEndian.Uint32(v[:])})
	}
	return nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	out.Span(wardein.Span{Len: min(h.fileHdr, r.Size()), What: wardein.Known, Is: "header"})
	out.Note("block-size", fmt.Sprint(h.block))
	out.Note("blocks", fmt.Sprint(h.blocks))
	out.Note("chunks", fmt.Sprint(h.chunks))
	s := &reader{r: r, h: h, out: out}
	end, _, werr := walk(ctx, r, h, s.chunk)
	end = min(end, r.Size())
	if ctx.Err() != nil {
		return end, ctx.Err()
	}
	if h.checksum != 0 {
		s.sums = append(s.sums, sum{0x18, h.blocks * h.block, h.checksum})
	}
	// Blocks behind the last chunk are not cared for.
	s.add(wardein.Extent{Off: wardein.Zeros}, max(0, h.blocks*h.block-s.size))
	if err := s.give(); err != nil {
		return end, err
	}
	if werr == nil { // otherwise Measure has told, and no checksum can fit
		return end, s.verify(ctx)
	}
	return end, nil
}

// give hands out the image: as extents, which cost nothing, unless fills must
// be decoded.
func (s *reader) give() error {
	entry := wardein.Entry{Name: "image"}
	if s.fills == 0 {
		extents := make([]wardein.Extent, len(s.runs))
		for i, n := range s.runs {
			extents[i] = wardein.Extent{Off: n.src.Off, Len: n.size}
		}
		return s.out.Extents(entry, extents)
	}
	var blocks []wardein.Block
	for _, n := range s.runs {
		switch {
		case n.src.Off < 0:
			blocks = append(blocks, wardein.Block{Src: n.src, Size: n.size})
		case n.isFill():
			for left := n.size; left > 0; left -= piece {
				blocks = append(blocks, wardein.Block{Src: n.src, Size: min(left, piece), Decode: repeat})
			}
		default:
			for off := int64(0); off < n.size; off += piece {
				size := min(n.size-off, piece)
				blocks = append(blocks, wardein.Block{Src: wardein.Extent{Off: n.src.Off + off, Len: size}, Size: size})
			}
		}
	}
	return s.out.Blocks(entry, blocks)
}

// repeat decodes a fill.
func repeat(dst, src []byte) (int, error) {
	if len(src) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(dst, src)
	for n < len(dst) {
		n += copy(dst[n:], dst[:n])
	}
	return n, nil
}

// verify computes the checksums over the image in one pass.
func (s *reader) verify(ctx context.Context) error {
	if len(s.sums) == 0 {
		return nil
	}
	if s.size-s.stored > maxFill {
		s.out.Gap(wardein.Gap{Node: "image", Kind: wardein.Limit, Why: fmt.Sprintf("checksums over %d bytes of fills and holes not verified, limit is %d", s.size-s.stored, int64(maxFill))})
		return nil
	}
	buf := make([]byte, 128<<10)
	var sum uint32
	done, next, off := int64(0), 0, int64(0)
	check := func() {
		for ; next < len(s.sums) && s.sums[next].bytes == done; next++ {
			if c := s.sums[next]; c.want != sum {
				s.out.Gap(wardein.Gap{Node: "image", Kind: wardein.Damaged, Off: c.off, Len: 4,
					Why: fmt.Sprintf("checksum at %#x: crc32 of %d bytes is %#08x, image says %#08x", c.off, done, sum, c.want)})
			}
		}
	}
	check()
	for i := 0; i < len(s.runs) && next < len(s.sums); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := s.runs[i]
		b := buf[:min(int64(len(buf)), n.size-off, s.sums[next].bytes-done)]
		switch {
		case n.src.Off == wardein.Zeros:
			clear(b)
		case n.src.Off == wardein.Ones:
			for j := range b {
				b[j] = 0xFF
			}
		default:
			from, want := n.src.Off+off, b
			if n.isFill() {
				from, want = n.src.Off, b[:min(4, len(b))]
			}
			if k, err := s.r.ReadAt(want, from); k < len(want) {
				return fmt.Errorf("image at %#x: %w", from, err)
			}
			if n.isFill() {
				repeat(b, want)
			}
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
		done += int64(len(b))
		if off += int64(len(b)); off == n.size {
			i, off = i+1, 0
		}
		check()
	}
	return nil
}
