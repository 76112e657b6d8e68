// Package lzop reads files of the program lzop.
//
//	magic     89 4C 5A 4F 00 0D 0A 1A 0A
//	header    version (2), library version (2), version needed (2, from version
//	          0940 on), method (1), level (1, from 0940 on), flags (4), filter (4,
//	          where flags say so), mode (4), mtime low (4), mtime high (4, from
//	          0940 on), name (1 byte length, text), checksum of all this (4)
//	extra     length (4), data, checksum (4), where flags say so
//	block     decoded length (4), stored length (4), checksums of the decoded and,
//	          where it is shorter, of the stored bytes (4 each, by flags), data
//	end       4 bytes of zeros
//
// All numbers are big-endian. Several such files, one directly after the
// other, are one archive of several members.
package lzop

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/lzo"
)

// Format is lzop.
var Format = wardein.Format{
	Name:    "lzop",
	Version: 1,
	Doc: wardein.Doc{
		About:      "file of the program lzop: kernels and initramfs compressed with LZO, backups.",
		How:        "The header's checksum is compared and blocks are walked by their lengths to the exact end; blocks are decoded independently and all checksums compared.",
		Limits:     []string{"filters (lzop --filter) are a gap", "blocks of more than 64 MiB (lzop's own bound)"},
		References: []string{"lzop 1.04: conf.h (flags), lzop.c (header, blocks)"},
	},
	Magic:   []wardein.Magic{{Bytes: magic}},
	Measure: measure,
	Extract: extract,
}

const (
	magic    = "\x89LZO\x00\r\n\x1a\n"
	maxBlock = 64 << 20

	adlerDecoded = 1 << 0
	adlerStored  = 1 << 1
	extraField   = 1 << 6
	crcDecoded   = 1 << 8
	crcStored    = 1 << 9
	filtered     = 1 << 11
	headerCRC    = 1 << 12
)

type header struct {
	size   int64 // with magic and extra field
	flags  uint32
	method byte
	filter uint32
	mode   uint32
	mtime  int64
	name   string
	sumOK  bool
}

var errNoHeader = errors.New("no lzop header")

// readHeader parses the header at off.
func readHeader(r *io.SectionReader, off int64) (header, error) {
	var h header
	var buf [9 + 33 + 255 + 4]byte
	n, _ := r.ReadAt(buf[:], off)
	b := buf[:n]
	if n < 40 || string(b[:9]) != magic {
		return h, errNoHeader
	}
	i := 9
	take := func(k int) uint32 {
		if i+k > len(b) {
			i = len(b) + 1
			return 0
		}
		x := uint32(0)
		for _, c := range b[i : i+k] {
			x = x<<8 | uint32(c)
		}
		i += k
		return x
	}
	version := take(2)
	if version < 0x0900 || version > 0x1fff {
		return h, errNoHeader
	}
	take(2)
	if version >= 0x0940 {
		if need := take(2); need > 0x1fff {
			return h, errNoHeader
		}
	}
	h.method = byte(take(1))
	if version >= 0x0940 {
		take(1)
	}
	h.flags = take(4)
	if h.flags&filtered != 0 {
		h.filter = take(4)
	}
	h.mode = take(4)
	h.mtime = int64(take(4))
	if version >= 0x0940 {
		h.mtime |= int64(take(4)) << 32
	}
	k := int(take(1))
	if i+k+4 > len(b) {
		return h, errNoHeader
	}
	h.name = string(b[i : i+k])
	i += k
	sum := adler32.Checksum(b[9:i])
	if h.flags&headerCRC != 0 {
		sum = crc32.ChecksumIEEE(b[9:i])
	}
	h.sumOK = take(4) == sum
	h.size = int64(i)
	if h.method == 0 || h.method > 3 && h.method != 128 || !h.sumOK && h.flags&0x000fc000 != 0 {
		return h, errNoHeader
	}
	if h.flags&extraField != 0 {
		var x [4]byte
		if n, _ := r.ReadAt(x[:], off+h.size); n < 4 {
			return h, io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(x[:]))
		if n > r.Size()-off-h.size-8 {
			return h, fmt.Errorf("extra field at %#x: want %d bytes: %w", off+h.size, n, io.ErrUnexpectedEOF)
		}
		h.size += 8 + n
	}
	return h, nil
}

// sums are the checksums that stand before a block's data.
type sums struct{ adlerD, crcD, adlerS, crcS uint32 }

// block is what stands before the data of one.
type block struct {
	head, data      int64 // offsets
	decoded, stored int64
	sums
}

// walker reads block headers through a small window of the file.
type walker struct {
	r   *io.SectionReader
	buf [64]byte
}

// block reads the block header at off; decoded is 0 at the end mark.
func (w *walker) block(h *header, off int64) (block, error) {
	k := block{head: off}
	n, _ := w.r.ReadAt(w.buf[:24], off)
	b := w.buf[:n]
	if n < 4 {
		return k, fmt.Errorf("block header at %#x: want 4 bytes, found %d: %w", off, n, io.ErrUnexpectedEOF)
	}
	if k.decoded = int64(binary.BigEndian.Uint32(b)); k.decoded == 0 {
		k.data = off + 4
		return k, nil
	}
	if n < 8 {
		return k, fmt.Errorf("block header at %#x: want 8 bytes, found %d: %w", off, n, io.ErrUnexpectedEOF)
	}
	k.stored = int64(binary.BigEndian.Uint32(b[4:]))
	if k.decoded > maxBlock || k.stored > k.decoded || k.stored == 0 {
		return k, fmt.Errorf("block header at %#x: %d bytes stored for %d, at most %d", off, k.stored, k.decoded, maxBlock)
	}
	b = b[8:]
	short := false
	take := func(flag uint32) (x uint32) {
		if h.flags&flag == 0 {
			return 0
		}
		if len(b) < 4 {
			short = true
			return 0
		}
		x, b = binary.BigEndian.Uint32(b), b[4:]
		return x
	}
	k.adlerD, k.crcD = take(adlerDecoded), take(crcDecoded)
	if k.stored < k.decoded {
		k.adlerS, k.crcS = take(adlerStored), take(crcStored)
	}
	k.data = off + int64(n-len(b))
	if short || k.stored > w.r.Size()-k.data {
		return k, fmt.Errorf("block at %#x: want %d bytes, found %d: %w", off, k.stored, max(0, w.r.Size()-k.data), io.ErrUnexpectedEOF)
	}
	return k, nil
}

// member walks the member at off and hands its blocks to visit.
func (w *walker) member(h *header, off int64, visit func(block) error) (int64, error) {
	pos := off + h.size
	for {
		k, err := w.block(h, pos)
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				pos = w.r.Size()
			}
			return pos, err
		}
		pos = k.data + k.stored
		if k.decoded == 0 {
			return pos, nil
		}
		if visit != nil {
			if err := visit(k); err != nil {
				return pos, err
			}
		}
	}
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r, 0)
	if err == errNoHeader {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: r.Size(), Confidence: wardein.Likely, Evidence: "magic and header fields"}
	if h.sumOK {
		c.Confidence, c.Evidence = wardein.Certain, "header checksum ok"
	}
	if err != nil {
		return c, err
	}
	w := walker{r: r}
	for pos := int64(0); ; {
		if c.End, err = w.member(&h, pos, nil); err != nil {
			return c, err
		}
		pos = c.End
		if h, err = readHeader(r, pos); err != nil {
			return c, nil
		}
	}
}

// decoder returns a function that decodes and verifies one block.
func decoder(flags uint32, k block) func(dst, src []byte) (int, error) {
	return func(dst, src []byte) (int, error) {
		if k.stored < k.decoded {
			if got := adler32.Checksum(src); flags&adlerStored != 0 && got != k.adlerS {
				return 0, fmt.Errorf("adler32 of the stored bytes: stored %08x, computed %08x", k.adlerS, got)
			}
			if flags&crcStored != 0 {
				if got := crc32.ChecksumIEEE(src); got != k.crcS {
					return 0, fmt.Errorf("crc32 of the stored bytes: stored %08x, computed %08x", k.crcS, got)
				}
			}
		}
		n := 0
		if k.stored == k.decoded {
			n = copy(dst, src)
		} else {
			var err error
			if n, err = lzo.Decode(dst, src); err != nil {
				return n, err
			}
		}
		// The bytes are there; the engine keeps them beside the error.
		if flags&adlerDecoded != 0 {
			if got := adler32.Checksum(dst[:n]); got != k.adlerD {
				return n, fmt.Errorf("adler32: stored %08x, computed %08x", k.adlerD, got)
			}
		}
		if flags&crcDecoded != 0 {
			if got := crc32.ChecksumIEEE(dst[:n]); got != k.crcD {
				return n, fmt.Errorf("crc32: stored %08x, computed %08x", k.crcD, got)
			}
		}
		return n, nil
	}
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	w := walker{r: r}
	for pos := int64(0); ; {
		h, err := readHeader(r, pos)
		if err != nil {
			if pos > 0 && err == errNoHeader {
				return pos, nil
			}
			return pos, err
		}
		out.Span(wardein.Span{Off: pos, Len: h.size, What: wardein.Known, Is: "header"})
		e := wardein.Entry{Name: h.name, Mode: h.mode & 0o7777, MTime: h.mtime}
		if e.Name == "" {
			e.Name = "data"
		}
		if !h.sumOK {
			out.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Damaged, Off: pos, Len: h.size, Why: "checksum of the header differs"})
		}
		var blocks []wardein.Block
		end, walkErr := w.member(&h, pos, func(k block) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			out.Span(wardein.Span{Off: k.head, Len: k.data - k.head, What: wardein.Known, Is: "block header"})
			blocks = append(blocks, wardein.Block{Src: wardein.Extent{Off: k.data, Len: k.stored}, Size: k.decoded, Decode: decoder(h.flags, k)})
			return nil
		})
		if walkErr == nil {
			out.Span(wardein.Span{Off: end - 4, Len: 4, What: wardein.Known, Is: "end mark"})
		}
		if h.filter != 0 {
			out.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Unsupported, Off: pos, Len: end - pos, Why: fmt.Sprintf("filter %d: content is handed out as filtered", h.filter)})
		}
		if err := out.Blocks(e, blocks); err != nil {
			return end, err
		}
		if walkErr != nil {
			return end, walkErr
		}
		pos = end
	}
}
