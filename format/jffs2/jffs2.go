// Package jffs2 reads JFFS2, the log-structured file system of Linux for raw
// NOR and NAND flash, in either byte order.
//
// There is no superblock: the medium is a row of nodes at 4-byte boundaries,
// with 0xFF between the last one of an erase block and the next block. All
// begin with
//
//	0  magic 0x1985   2  type u2   4  length u4   8  crc u4 of these 8 bytes
//
// and go on, by type:
//
//	E001 name       12 directory  16 version  20 inode (0: deleted)  24 time  28 name length u1  29 type u1  32 crc  36 crc of name  40 name
//	E002 data       12 inode  16 version  20 mode  24 uid u2  26 gid u2  28 file size  32 atime  36 mtime  40 ctime
//	                44 offset  48 length stored  52 length  56 compression u1  60 crc of data  64 crc  68 data
//	E008 attribute  12 id  16 version  20 prefix u1  21 name length u1  22 value length u2  24 crc of data  28 crc  32 name 00 value
//	E009 attribute of inode  12 inode  16 id  20 sequence  24 crc
//	2003 clean marker   2004 padding   2006 summary of an erase block
//
// A file is its data nodes laid over each other in order of version. A node
// whose type lacks the bit 0x2000 was marked obsolete in place.
//
// Source: Linux, include/uapi/linux/jffs2.h, fs/jffs2/scan.c, readinode.c.
package jffs2

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

// Format is JFFS2.
var Format = wardein.Format{
	Name:    "jffs2",
	Version: 1,
	Doc: wardein.Doc{
		About: "JFFS2, the log-structured Linux file system on NOR and NAND flash; the writable part of many routers, and the root of older ones.",
		How: "All nodes are found by magic, header CRC and the CRCs of the node, the name and the data. The newest version of each name counts, and " +
			"files are built from their data nodes in order of version, the way a mount would. Blocks are stored as they are or decoded from zero, " +
			"rtime, rubinmips, dynrubin, zlib, lzo or lzma. Data of files that no name leads to any more (deleted, not yet erased) is handed out below " +
			"\"<orphan>/\" with the names it had as notes. Superseded nodes of files that are still there stay unreferenced, so that they are scanned, and are counted in a note.",
		FalseNegatives: []string{"File systems that follow each other with only erased flash between them are read as one."},
		Limits: []string{
			"Nodes with the magic 0x1984 (JFFS1 style) are not read.",
			"Chip dumps with out-of-band bytes between the pages are not read.",
			"An area that holds no nodes ends the file system when it is longer than 256 KiB and not erased, or longer than 16 MiB.",
			"lzma is decoded as OpenWrt writes it (lc=lp=pb=0, no header) and with a 5-byte properties header.",
			"Linux writes dynrubin blocks with the number of rubinmips and the reverse: of the two, the decoder that uses up the block is taken.",
			"Paths longer than 4096 bytes are not followed.",
		},
		References: []string{
			"Linux kernel, include/uapi/linux/jffs2.h (layout), fs/jffs2/scan.c, readinode.c, compr_*.c, GPL-2.0",
			"D. Woodhouse, JFFS: The Journalling Flash File System, 2001",
			"OpenWrt, target/linux/generic, patch \"jffs2 make lzma available\"",
		},
	},
	Magic: []wardein.Magic{
		{Bytes: "\x85\x19\x01\xE0"}, {Bytes: "\x85\x19\x02\xE0"}, {Bytes: "\x85\x19\x03\x20\x0C\x00\x00\x00"},
		{Bytes: "\x19\x85\xE0\x01"}, {Bytes: "\x19\x85\xE0\x02"}, {Bytes: "\x19\x85\x20\x03\x00\x00\x00\x0C"},
	},
	Measure: measure,
	Extract: extract,
}

// Node types, with the bit that is cleared when a node becomes obsolete.
const (
	accurate    = 0x2000
	direntType  = 0xE001
	inodeType   = 0xE002
	cleanMarker = 0x2003
	padding     = 0x2004
	summary     = 0x2006
	xattrType   = 0xE008
	xrefType    = 0xE009
)

const (
	headerSize  = 12
	direntSize  = 40
	inodeSize   = 68
	xattrSize   = 32
	xrefSize    = 28
	summarySize = 32

	maxForeign = 256 << 10
	maxErased  = 16 << 20
	maxPath    = 4096
	maxBlock   = 1 << 20 // Linux writes a page in a node
)

// crc is the CRC-32 of JFFS2: initial value 0, no inversion at the end.
func crc(b []byte) uint32 { return ^crc32.Update(0xFFFFFFFF, crc32.IEEETable, b) }

// header is what all nodes begin with.
type header struct {
	kind     uint16
	length   int64
	obsolete bool
}

// parseHeader accepts 12 bytes that are a node's header. A header that was
// marked obsolete had its bit set when the CRC was made.
func parseHeader(b []byte, bo binary.ByteOrder) (h header, ok bool) {
	if bo.Uint16(b) != 0x1985 {
		return h, false
	}
	h = header{kind: bo.Uint16(b[2:]), length: int64(bo.Uint32(b[4:]))}
	want := bo.Uint32(b[8:])
	if crc(b[:8]) != want {
		if h.kind&accurate != 0 {
			return h, false
		}
		var c [8]byte
		copy(c[:], b)
		h.kind |= accurate
		bo.PutUint16(c[2:], h.kind)
		if crc(c[:]) != want {
			return h, false
		}
		h.obsolete = true
	} else if h.kind&accurate == 0 {
		h.kind, h.obsolete = h.kind|accurate, true
	}
	return h, h.length >= headerSize
}

// measure follows the nodes from the first to the last.
func measure(r *io.SectionReader) (wardein.Claim, error) {
	var b [headerSize]byte
	if n, _ := r.ReadAt(b[:], 0); n < headerSize {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	bo := order(b[:])
	if bo == nil {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if _, ok := parseHeader(b[:], bo); !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	w := walker{r: r, order: bo, win: new(window)}
	nodes, markers := 0, 0
	for {
		_, h, ok := w.next()
		if !ok {
			break
		}
		nodes++
		if h.kind == cleanMarker {
			markers++
		}
	}
	if nodes == 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: w.end, Confidence: wardein.Certain, Evidence: fmt.Sprintf("%d nodes, header crc32 ok", nodes)}
	if nodes == 1 {
		c.Confidence = wardein.Likely
	}
	return c, nil
}

func order(b []byte) binary.ByteOrder {
	switch {
	case b[0] == 0x85 && b[1] == 0x19:
		return binary.LittleEndian
	case b[0] == 0x19 && b[1] == 0x85:
		return binary.BigEndian
	}
	return nil
}

// walker finds one node after the other.
type walker struct {
	r     *io.SectionReader
	order binary.ByteOrder
	pos   int64
	end   int64 // of the last node, with its alignment
	cut   bool  // the last node goes on behind r's end
	win   *window
}

// next returns the next node's place and header. What is between nodes is
// passed over: erased flash, and damaged nodes up to the size of an erase block.
func (w *walker) next() (off int64, h header, ok bool) {
	foreign, start := int64(0), w.pos
	for w.pos+headerSize <= w.r.Size() {
		b := w.win.bytes(w.r, w.pos, headerSize)
		if b == nil {
			return 0, h, false
		}
		if h, ok = parseHeader(b, w.order); ok {
			off = w.pos
			if h.length > w.r.Size()-off {
				// Cut off, unless this is damage that nodes follow.
				w.cut = true
				w.pos = w.r.Size()
				w.end = w.r.Size()
				return off, h, true
			}
			w.pos = min((off+h.length+3)&^3, w.r.Size())
			w.end = w.pos
			return off, h, true
		}
		if b[0] == 0xFF && b[1] == 0xFF && b[2] == 0xFF && b[3] == 0xFF {
			w.pos += w.win.erased(w.r, w.pos)
		} else {
			w.pos += 4
			if foreign += 4; foreign > maxForeign {
				break
			}
		}
		if w.pos-start > maxErased {
			break
		}
	}
	return 0, h, false
}

// window reads ahead.
type window struct {
	buf []byte
	off int64
}

const windowSize = 128 << 10

// bytes returns n bytes at off, nil when they are not there. They are valid
// until the next call.
func (w *window) bytes(r *io.SectionReader, off, n int64) []byte {
	if n < 0 || off > r.Size() || n > r.Size()-off {
		return nil
	}
	if off < w.off || off+n > w.off+int64(len(w.buf)) {
		want := min(max(n, windowSize), r.Size()-off)
		if int64(cap(w.buf)) < want {
			w.buf = make([]byte, max(want, windowSize))
		}
		w.buf, w.off = w.buf[:want], off
		got, _ := r.ReadAt(w.buf, off)
		if w.buf = w.buf[:got]; int64(got) < n {
			return nil
		}
	}
	return w.buf[off-w.off:][:n]
}

// erased returns how many bytes of 0xFF stand at off, in whole words and as far
// as the window reaches.
func (w *window) erased(r *io.SectionReader, off int64) int64 {
	b := w.bytes(r, off, 4)
	if b == nil {
		return 4
	}
	rest := w.buf[off-w.off:]
	n := 0
	for n+8 <= len(rest) && binary.LittleEndian.Uint64(rest[n:]) == ^uint64(0) {
		n += 8
	}
	for n+4 <= len(rest) && binary.LittleEndian.Uint32(rest[n:]) == ^uint32(0) {
		n += 4
	}
	return int64(max(n, 4))
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	var b [headerSize]byte
	if n, _ := r.ReadAt(b[:], 0); n < headerSize || order(b[:]) == nil {
		return 0, wardein.ErrNotMine
	}
	fs := &fileSystem{ctx: ctx, r: r, out: out, order: order(b[:])}
	err := fs.extract()
	return fs.end, err
}
