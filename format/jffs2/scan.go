package jffs2

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// A data is one data node: a version of an inode and a part of its content.
type data struct {
	ino, version         uint32
	offset, size, stored uint32
	off                  int64
	isize                uint32
	method               byte
}

// A name is one directory entry node.
type name struct {
	dir, version, ino uint32
	off               int64
	name              string
	kind              byte
	length            int32
}

type attribute struct {
	id, version uint32
	off         int64
	length      int64
	wardein.Xattr
}

type attributeOf struct {
	ino, id, seq uint32
	off          int64
}

// fileSystem is one claim while it is read.
type fileSystem struct {
	ctx   context.Context
	r     *io.SectionReader
	out   wardein.Members
	order binary.ByteOrder
	end   int64
	win   window
	gaps  int

	datas []data
	names []name
	attrs []attribute
	refs  []attributeOf

	nodes, obsolete, unknown int
}

// gap records damage; after a thousand only the count goes on.
func (fs *fileSystem) gap(kind wardein.GapKind, node string, off, n int64, why string) {
	if fs.gaps++; fs.gaps <= 1000 {
		fs.out.Gap(wardein.Gap{Kind: kind, Node: node, Off: off, Len: min(n, fs.r.Size()-off), Why: why})
	}
}

// known accounts for a node of metadata, with the 0x00 or 0xFF that fill it up
// to a 4-byte boundary.
func (fs *fileSystem) known(off, n int64, is string) {
	if pad := -n & 3; pad > 0 {
		if b := fs.win.bytes(fs.r, off+n, pad); b != nil && (b[0] == 0 || b[0] == 0xFF) && same(b) {
			n += pad
		}
	}
	fs.out.Span(wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is})
}

func same(b []byte) bool {
	for _, c := range b {
		if c != b[0] {
			return false
		}
	}
	return true
}

// scan reads and verifies every node.
func (fs *fileSystem) scan() error {
	w := walker{r: fs.r, order: fs.order, win: &fs.win}
	for {
		if fs.nodes++; fs.nodes%4096 == 0 && fs.ctx.Err() != nil {
			return fs.ctx.Err()
		}
		before := w.pos
		off, h, ok := w.next()
		if !ok {
			break
		}
		if off > before {
			fs.between(before, off)
		}
		fs.end = w.end
		if off+h.length > fs.r.Size() {
			fs.gap(wardein.Damaged, "", off, fs.r.Size()-off, fmt.Sprintf("truncated: node of %d bytes, the container ends after %d", h.length, fs.r.Size()-off))
			break
		}
		if err := fs.node(off, h); err != nil {
			fs.gap(wardein.Damaged, "", off, h.length, err.Error())
		}
	}
	fs.nodes--
	return nil
}

// between reports what stands between two nodes and is not erased.
func (fs *fileSystem) between(from, to int64) {
	for p := from; p < to; p += 4 {
		b := fs.win.bytes(fs.r, p, min(4, to-p))
		if b == nil || b[0] == 0xFF && same(b) || b[0] == 0 && same(b) {
			continue
		}
		fs.gap(wardein.Damaged, "", p, to-p, fmt.Sprintf("no node: expected magic 1985 with a header crc32, found % x", b))
		return
	}
}

// node files one node. The header's CRC is verified.
func (fs *fileSystem) node(off int64, h header) error {
	bo := fs.order
	switch h.kind {
	case inodeType:
		b, err := fs.head(off, h, inodeSize, 60, 64, "data node")
		if err != nil {
			return err
		}
		d := data{
			ino: bo.Uint32(b[12:]), version: bo.Uint32(b[16:]), isize: bo.Uint32(b[28:]), offset: bo.Uint32(b[44:]), stored: bo.Uint32(b[48:]),
			size: bo.Uint32(b[52:]), method: b[56], off: off,
		}
		want := bo.Uint32(b[60:])
		if int64(d.stored) > h.length-inodeSize {
			return fmt.Errorf("data node of inode %d version %d: %d bytes in a node of %d", d.ino, d.version, d.stored, h.length)
		}
		if have, ok := fs.sum(off+inodeSize, int64(d.stored)); !ok || have != want {
			return fmt.Errorf("data node of inode %d version %d, file offset %d: expected data crc32 %08x, found %08x", d.ino, d.version, d.offset, want, have)
		}
		if d.method != stored && d.method != copied && d.method != zero && d.size > maxBlock {
			return fmt.Errorf("data node of inode %d version %d: %d bytes, at most %d in one node are believed", d.ino, d.version, d.size, maxBlock)
		}
		if h.obsolete {
			fs.obsolete++
			return nil
		}
		fs.datas = append(fs.datas, d)
	case direntType:
		b, err := fs.head(off, h, direntSize, 32, 32, "name node")
		if err != nil {
			return err
		}
		n := name{dir: bo.Uint32(b[12:]), version: bo.Uint32(b[16:]), ino: bo.Uint32(b[20:]), off: off, kind: b[29], length: int32(min(h.length, 1<<20))}
		want, length := bo.Uint32(b[36:]), int64(b[28])
		if length > h.length-direntSize {
			return fmt.Errorf("name node: name of %d bytes in a node of %d", length, h.length)
		}
		text := fs.win.bytes(fs.r, off+direntSize, length)
		if have := crc(text); have != want {
			return fmt.Errorf("name node in directory %d: expected name crc32 %08x, found %08x", n.dir, want, have)
		}
		n.name = string(text)
		if h.obsolete {
			fs.obsolete++
			return nil
		}
		fs.names = append(fs.names, n)
	case xattrType:
		b, err := fs.head(off, h, xattrSize, 28, 28, "attribute node")
		if err != nil {
			return err
		}
		a := attribute{id: bo.Uint32(b[12:]), version: bo.Uint32(b[16:]), off: off, length: h.length}
		prefix, nameLen, valueLen, want := b[20], int64(b[21]), int64(bo.Uint16(b[22:])), bo.Uint32(b[24:])
		if nameLen+1+valueLen > h.length-xattrSize {
			return fmt.Errorf("attribute node: %d bytes in a node of %d", nameLen+1+valueLen, h.length)
		}
		text := fs.win.bytes(fs.r, off+xattrSize, nameLen+1+valueLen)
		if have := crc(text); have != want {
			return fmt.Errorf("attribute node %d: expected data crc32 %08x, found %08x", a.id, want, have)
		}
		a.Name, a.Value = prefixOf(prefix)+string(text[:nameLen]), string(text[nameLen+1:])
		if h.obsolete {
			fs.obsolete++
			return nil
		}
		fs.attrs = append(fs.attrs, a)
	case xrefType:
		b, err := fs.head(off, h, xrefSize, 24, 24, "attribute reference node")
		if err != nil {
			return err
		}
		if h.obsolete {
			fs.obsolete++
			return nil
		}
		fs.refs = append(fs.refs, attributeOf{bo.Uint32(b[12:]), bo.Uint32(b[16:]), bo.Uint32(b[20:]), off})
	case summary:
		b, err := fs.head(off, h, summarySize, 24, 28, "summary node")
		if err != nil {
			return err
		}
		want := bo.Uint32(b[24:])
		if have, ok := fs.sum(off+summarySize, h.length-summarySize); !ok || have != want {
			return fmt.Errorf("summary node: expected crc32 %08x, found %08x", want, have)
		}
		if !h.obsolete {
			fs.known(off, h.length, "summary node")
		}
	case cleanMarker:
		// On NOR flash the marker is its header; on NAND more may follow.
		fs.known(off, headerSize, "clean marker")
	case padding:
		fs.known(off, headerSize, "padding node")
	default:
		fs.unknown++
		if h.kind&0xC000 == 0xC000 {
			fs.gap(wardein.Unsupported, "", off, h.length, fmt.Sprintf("node of unknown type %04x, marked as needed to read the file system", h.kind))
		}
	}
	return nil
}

// head reads a node's fixed part and verifies its CRC, which stands at crcAt
// and covers the first n bytes. A node that was marked obsolete is not changed
// otherwise, so the bit is put back for the CRC.
func (fs *fileSystem) head(off int64, h header, size, n, crcAt int64, what string) ([]byte, error) {
	if h.length < size {
		return nil, fmt.Errorf("%s of %d bytes, at least %d are needed", what, h.length, size)
	}
	b := fs.win.bytes(fs.r, off, size)
	if b == nil {
		return nil, fmt.Errorf("%s: cannot be read", what)
	}
	want, have := fs.order.Uint32(b[crcAt:]), crc(b[:n])
	if have != want && h.obsolete {
		c := append([]byte(nil), b[:n]...)
		fs.order.PutUint16(c[2:], h.kind)
		have = crc(c)
	}
	if have != want {
		return nil, fmt.Errorf("%s: expected crc32 %08x, found %08x", what, want, have)
	}
	return b, nil
}

// sum is the CRC of a run of any length.
func (fs *fileSystem) sum(off, n int64) (uint32, bool) {
	if n <= windowSize {
		b := fs.win.bytes(fs.r, off, n)
		return crc(b), b != nil
	}
	h := ^uint32(0)
	for n > 0 {
		b := fs.win.bytes(fs.r, off, min(n, windowSize))
		if b == nil {
			return 0, false
		}
		h = crc32Update(h, b)
		off, n = off+int64(len(b)), n-int64(len(b))
	}
	return ^h, true
}

func prefixOf(p byte) string {
	switch p {
	case 1:
		return "user."
	case 2:
		return "security."
	case 3:
		return "system.posix_acl_access"
	case 4:
		return "system.posix_acl_default"
	case 5:
		return "trusted."
	}
	return fmt.Sprintf("prefix-%d.", p)
}
