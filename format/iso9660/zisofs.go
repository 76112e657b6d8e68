package iso9660

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/inflate"
)

// FormatZisofs is a file that mkzftree packed, outside of a volume that says
// so:
//
//	0x00  magic, 8 bytes
//	0x08  length of the content, u32 LE
//	0x0C  length of this header / 4 (4)   0x0D  log2 of the block size (15–17)
//	0x10  places of the blocks, u32 LE each, one more than there are blocks
//	      zlib streams; an empty one is a block of zeros
var FormatZisofs = wardein.Format{
	Name:    "zisofs",
	Version: 1,
	Doc: wardein.Doc{
		About:      "A file packed for ISO 9660 volumes by mkzftree (zisofs), as found on installation media.",
		How:        "The table of block places must rise and agree with the length of the content; each block is a zlib stream.",
		Limits:     []string{"Version 2 (files of 4 GiB and more, other compressors) is not read."},
		References: []string{"libisofs doc/zisofs_format.txt", "zisofs-tools"},
	},
	Magic: []wardein.Magic{{Bytes: zisofsMagic}},
	Measure: func(r *io.SectionReader) (wardein.Claim, error) {
		blocks, table, err := zisofs(r, 0, r.Size(), nil)
		if err != nil {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		return wardein.Claim{End: max(table, zisofsEnd(r, blocks)), Confidence: wardein.Likely, Evidence: "table of blocks agrees with length"}, nil
	},
	Extract: func(_ context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
		blocks, table, err := zisofs(r, 0, r.Size(), nil)
		if err != nil {
			return 0, err
		}
		out.Span(wardein.Span{Len: table, What: wardein.Known, Is: "header"})
		return zisofsEnd(r, blocks), out.Blocks(wardein.Entry{Name: "data"}, blocks)
	},
}

const zisofsMagic = "\x37\xE4\x53\x96\xC9\xDB\xD6\x07"

var errZisofs = errors.New("no zisofs header")

// zisofs reads the header and the table of a packed file; table is how long
// both are together.
func zisofs(r io.ReaderAt, at, length int64, charge func(int64) error) (blocks []wardein.Block, table int64, err error) {
	var head [16]byte
	if n, _ := r.ReadAt(head[:], at); n < len(head) || length < 16 || string(head[:8]) != zisofsMagic || head[12] != 4 || head[13] < 12 || head[13] > 20 {
		return nil, 0, errZisofs
	}
	size, block := int64(le.Uint32(head[8:])), int64(1)<<head[13]
	count := (size + block - 1) / block
	if table = 16 + 4*(count+1); table > length {
		return nil, 0, fmt.Errorf("zisofs at %#x: table of %d blocks, %d bytes are stored", at, count, length)
	}
	if charge != nil {
		if err := charge(table); err != nil {
			return nil, 0, err
		}
	}
	b := make([]byte, table-16)
	if n, err := r.ReadAt(b, at+16); n < len(b) {
		return nil, 0, fmt.Errorf("zisofs at %#x: table of blocks: %w", at, err)
	}
	blocks = make([]wardein.Block, 0, count)
	from := int64(le.Uint32(b))
	if from < table {
		return nil, 0, fmt.Errorf("zisofs at %#x: first block at %d, table ends at %d", at, from, table)
	}
	for i := range count {
		to := int64(le.Uint32(b[4*(i+1):]))
		n := min(block, size-i*block)
		if to < from || to > length || to-from > block+block/8+64 {
			return nil, 0, fmt.Errorf("zisofs at %#x: block %d from %d to %d, %d bytes are stored", at, i, from, to, length)
		}
		if to == from {
			blocks = append(blocks, wardein.Block{Src: wardein.Extent{Off: wardein.Zeros, Len: n}, Size: n})
		} else {
			blocks = append(blocks, wardein.Block{Src: wardein.Extent{Off: at + from, Len: to - from}, Size: n, Decode: unzlib})
		}
		from = to
	}
	return blocks, table, nil
}

// zisofsEnd is where the table says that the last block ends.
func zisofsEnd(r io.ReaderAt, blocks []wardein.Block) int64 {
	var b [4]byte
	if _, err := r.ReadAt(b[:], 16+4*int64(len(blocks))); err != nil && err != io.EOF {
		return 0
	}
	return min(int64(le.Uint32(b[:])), 1<<32)
}

// unzlib decodes a zlib stream that must fill dst, its checksum too.
func unzlib(dst, src []byte) (int, error) {
	n, _, err := inflate.Zlib(dst, src)
	switch {
	case err == inflate.ErrLong:
		err = fmt.Errorf("block decodes to more than %d bytes", len(dst))
	case err == nil && n < len(dst):
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
