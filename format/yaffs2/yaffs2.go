// Package yaffs2 reads YAFFS2 and YAFFS1, log-structured file systems for NAND
// flash, from images with the out-of-band bytes of each page in line: the
// output of mkyaffs2image and dumps of chips.
//
// The medium is a row of chunks, each a page and its out-of-band bytes, all
// numbers in the byte order of the device. The out-of-band bytes hold tags:
//
//	0 sequence number u4 of the block   4 object u4   8 chunk u4   12 bytes u4
//
// A chunk 0 is an object header; chunk n is the n-th page of a file. A header
// whose chunk has the top bit set carries its parent there, and the object's
// type in the four top bits of the object number.
//
//	0 type u4: 1 file 2 symbolic link 3 directory 4 hard link 5 special
//	4 parent u4   8 FFFF   10 name[256]   268 mode  272 uid  276 gid  280 atime  284 mtime  288 ctime
//	292 file size  296 object that a hard link names  300 link target[160]  460 device
//	496 file size, high half  504 object that this one replaces  508 shrink
//
// Of two chunks that are the same, the one in the block of the higher sequence
// number counts, and in one block the later. Objects whose parent is 3 or 4
// were deleted. YAFFS1 has pages of 512 + 16 bytes and its tags, 8 bytes of bit
// fields without a sequence number, are spread over the out-of-band bytes.
//
// Source: YAFFS2, yaffs_guts.h, yaffs_packedtags2.c, yaffs_yaffs2.c; "How YAFFS
// Works", C. Manning, 2012.
package yaffs2

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Format is YAFFS2, and YAFFS1 where the tags are of its kind.
var Format = wardein.Format{
	Name:    "yaffs2",
	Version: 1,
	Doc: wardein.Doc{
		About: "YAFFS2 and YAFFS1, log-structured file systems on NAND flash of routers, set-top boxes and older Android devices.",
		How: "The page size, the number of out-of-band bytes and the place of the tags in them are found by trying: those count with which the first " +
			"chunks all carry believable tags. Headers and data chunks are then ordered by block sequence number and place; truncations, renames over " +
			"another file and deletions are followed. Files are extents of the container that leave the out-of-band bytes out. What was deleted and not " +
			"yet erased is handed out below \"<orphan>/\"; older versions of chunks stay unreferenced, so that they are scanned.",
		FalseNegatives: []string{"A chip dump that begins with a block of file data is found only from its first header of an object in the root directory on."},
		Limits: []string{
			"Dumps without out-of-band bytes and in-band tags are not read: only the tags say where a page belongs.",
			"Error correction codes are neither verified nor applied.",
			"Checkpoint and summary chunks are not read: the headers are.",
			"Paths longer than 4096 bytes are not followed.",
		},
		References: []string{
			"YAFFS2 sources, yaffs_guts.h, yaffs_packedtags2.c, yaffs_nameval.c (https://yaffs.net), GPL-2.0",
			"C. Manning, How YAFFS Works, 2012",
		},
	},
	Magic: []wardein.Magic{
		{Bytes: "\x03\x00\x00\x00\x01\x00\x00\x00\xFF\xFF"}, {Bytes: "\x01\x00\x00\x00\x01\x00\x00\x00\xFF\xFF"},
		{Bytes: "\x02\x00\x00\x00\x01\x00\x00\x00\xFF\xFF"}, {Bytes: "\x05\x00\x00\x00\x01\x00\x00\x00\xFF\xFF"},
		{Bytes: "\x00\x00\x00\x03\x00\x00\x00\x01\xFF\xFF"}, {Bytes: "\x00\x00\x00\x01\x00\x00\x00\x01\xFF\xFF"},
		{Bytes: "\x00\x00\x00\x02\x00\x00\x00\x01\xFF\xFF"}, {Bytes: "\x00\x00\x00\x05\x00\x00\x00\x01\xFF\xFF"},
	},
	Measure: measure,
	Extract: extract,
}

const (
	headerSize = 512
	maxObject  = 0x3FFFF
	maxChunk   = 0xFFFFF
	maxPath    = 4096

	root     = 1
	unlinked = 3
	deleted  = 4

	minSequence = 0x1000
	maxSequence = 0xEFFFFF00
	checkpoint  = 0x21

	// Chunks without believable tags that are passed over: a block of 64. Erased
	// ones may be more.
	maxForeign = 64
	maxErased  = 16 << 20
)

// tags are what the out-of-band bytes of a chunk say.
type tags struct {
	sequence, object, chunk, bytes uint32
}

// geometry is how chunks are laid out.
type geometry struct {
	order       binary.ByteOrder
	page, spare int64
	tagsAt      int64 // in the out-of-band bytes
	one         bool  // YAFFS1
}

func (g geometry) size() int64 { return g.page + g.spare }

// tagBytes is how many out-of-band bytes the tags need.
const tagBytes = 16

// parse reads the tags of a chunk and says whether they can be believed.
func (g geometry) parse(oob []byte) (t tags, ok bool) {
	if g.one {
		return parseOne(oob)
	}
	b := oob[g.tagsAt:]
	t = tags{g.order.Uint32(b), g.order.Uint32(b[4:]), g.order.Uint32(b[8:]), g.order.Uint32(b[12:])}
	if t.sequence < minSequence || t.sequence > maxSequence {
		return t, false
	}
	if t.chunk&(1<<31) != 0 {
		// Extra header information: type above the object, parent as chunk.
		t.object &^= 0xF0000000
		t.chunk = 0
	} else if t.chunk != 0 && (t.bytes > uint32(g.page) || t.bytes == 0) {
		return t, false
	}
	return t, t.object != 0 && t.object <= maxObject && t.chunk <= maxChunk
}

// parseOne reads YAFFS1 tags: chunk 20 bits, serial 2, bytes 10, object 18,
// error correction 12, in the bytes 0–3, 6, 7, 11 and 12.
func parseOne(oob []byte) (t tags, ok bool) {
	lo := binary.LittleEndian.Uint32(oob)
	hi := uint32(oob[6]) | uint32(oob[7])<<8 | uint32(oob[11])<<16 | uint32(oob[12])<<24
	t = tags{sequence: lo >> 20 & 3, chunk: lo & maxChunk, bytes: lo >> 22, object: hi & maxObject}
	if lo == ^uint32(0) || t.object == 0 {
		return t, false
	}
	return t, t.chunk == 0 || t.bytes <= 512
}

// likelyHeader tells whether a page begins like the header of an object.
func likelyHeader(b []byte, bo binary.ByteOrder) bool {
	kind, parent, mode := bo.Uint32(b), bo.Uint32(b[4:]), bo.Uint32(b[268:])
	if kind < 1 || kind > 5 || parent == 0 || parent > maxObject {
		return false
	}
	if kind == 4 {
		// Its mode is that of the file, or nothing.
		same := bo.Uint32(b[296:])
		return same > 0 && same <= maxObject
	}
	switch mode & 0170000 {
	case 0100000:
		return kind == 1
	case 0120000:
		return kind == 2
	case 0040000:
		return kind == 3
	case 0010000, 0020000, 0060000, 0140000:
		return kind == 5
	}
	return false
}

// likelyName tells whether the name field of a header ends in a zero byte, and
// holds no erased flash and no control character. The root has no name.
func likelyName(field []byte) bool {
	n := bytes.IndexByte(field, 0)
	if n < 0 || n > 0 && field[0] == 0xFF {
		return false
	}
	for _, c := range field[:n] {
		if c < ' ' {
			return false
		}
	}
	return true
}

func byteOrder(b []byte) binary.ByteOrder {
	if b[0] != 0 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// detect finds the geometry with which the first chunks make sense.
func detect(r *io.SectionReader) (g geometry, sure, ok bool) {
	var h [headerSize]byte
	if n, _ := r.ReadAt(h[:], 0); n < headerSize {
		return g, false, false
	}
	g.order = byteOrder(h[:])
	// A later name may be any bytes; the first is the root's or one of the
	// first directories', and tells chance hits.
	if !likelyHeader(h[:], g.order) || !likelyName(h[10:266]) {
		return g, false, false
	}
	buf := make([]byte, min(r.Size(), 160<<10))
	n, _ := r.ReadAt(buf, 0)
	buf = buf[:n]
	best := 0
	try := func(c geometry) {
		if score := c.score(buf); score > best {
			g, best = c, score
		}
	}
	for page := int64(512); page <= 16<<10; page *= 2 {
		if page == 512 && g.order == binary.LittleEndian {
			try(geometry{order: g.order, page: page, spare: 16, one: true})
		}
		for at := int64(0); at <= 64; at++ {
			c := geometry{order: g.order, page: page, tagsAt: at}
			if page+at+tagBytes > int64(len(buf)) {
				break
			}
			t, ok := c.parse(buf[page:])
			if !ok || t.chunk != 0 {
				continue
			}
			for spare := (at + tagBytes + 1) &^ 1; spare <= max(page/4, 64); spare += 2 {
				c.spare = spare
				try(c)
			}
		}
	}
	return g, best > 2, best > 0
}

// score counts how many of the first chunks have believable tags and, where
// they are headers, a believable header. Two points a header, one a page of data.
func (g geometry) score(buf []byte) int {
	score, object := 0, uint32(0)
	for off := int64(0); off < 16*g.size() && off+g.size() <= int64(len(buf)); off += g.size() {
		t, ok := g.parse(buf[off+g.page : off+g.size()])
		page := buf[off : off+g.page]
		switch {
		case !ok:
			if blank(buf[off : off+g.size()]) {
				return score
			}
			return score - 1
		case t.chunk == 0:
			if !likelyHeader(page, g.order) {
				return score - 1
			}
			score += 2
			object = t.object
		default:
			if object == t.object {
				score++
			}
		}
	}
	return score
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != 0xFF {
			return false
		}
	}
	return true
}

// measure finds the geometry and follows the chunks to the last.
func measure(r *io.SectionReader) (wardein.Claim, error) {
	g, sure, ok := detect(r)
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	chunks := 0
	end, err := g.walk(context.Background(), r, func(int64, tags, []byte, bool) { chunks++ })
	if err != nil || chunks == 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: end, Confidence: wardein.Likely, Evidence: fmt.Sprintf("%d chunks of %d + %d bytes with tags that fit their headers", chunks, g.page, g.spare)}
	if sure && chunks > 2 {
		c.Confidence = wardein.Certain
	}
	return c, nil
}

// walk calls each for every chunk with believable tags, and for others that
// are not erased (good false), and returns where the last believable one ends.
func (g geometry) walk(ctx context.Context, r *io.SectionReader, each func(off int64, t tags, chunk []byte, good bool)) (end int64, err error) {
	per := max(1, min(256<<10, r.Size())/g.size())
	buf := make([]byte, per*g.size())
	type bad struct{ off int64 }
	var skipped []bad
	erased := int64(0)
	for at := int64(0); at < r.Size(); at += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return end, err
		}
		n, _ := r.ReadAt(buf, at)
		for p := int64(0); p+g.size() <= int64(n); p += g.size() {
			chunk := buf[p : p+g.size()]
			t, ok := g.parse(chunk[g.page:])
			if !ok {
				if blank(chunk[g.page:]) && blank(chunk[:g.page]) {
					if erased += g.size(); erased > maxErased {
						return end, nil
					}
					continue
				}
				if skipped = append(skipped, bad{at + p}); len(skipped) > maxForeign {
					return end, nil
				}
				continue
			}
			for _, s := range skipped {
				each(s.off, tags{}, nil, false)
			}
			skipped, erased = skipped[:0], 0
			end = at + p + g.size()
			each(at+p, t, chunk, true)
		}
	}
	return end, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	g, _, ok := detect(r)
	if !ok {
		return 0, wardein.ErrNotMine
	}
	fs := &fileSystem{geometry: g, ctx: ctx, r: r, out: out, objects: map[uint32]*object{}}
	return fs.extract()
}
