package ubifs

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/wardein/wardein"
)

// A ref is where a leaf node stands.
type ref struct {
	key uint64 // inode number, type and hash or block number
	off int64
	len int32
}

func key(b []byte) uint64         { return uint64(le.Uint32(b))<<32 | uint64(le.Uint32(b[4:])) }
func inum(k uint64) uint32        { return uint32(k >> 32) }
func keyType(k uint64) uint8      { return uint8(k >> 29 & 7) }
func block(k uint64) uint32       { return uint32(k) & (1<<29 - 1) }
func first(ino uint32) uint64     { return uint64(ino) << 32 }
func align8(n int64) int64        { return (n + 7) &^ 7 }
func byKey(a, b ref) int          { return cmp.Or(compare(a.key, b.key), compare(a.off, b.off)) }
func keyOf(r ref, k uint64) int   { return compare(r.key, k) }
func inoOf(r ref, ino uint32) int { return compare(inum(r.key), ino) }

func compare[T uint32 | uint64 | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// fileSystem is one claim while it is read.
type fileSystem struct {
	*superblock
	ctx context.Context
	r   *io.SectionReader
	out wardein.Members
	end int64

	index, leaf, pad window // read-ahead for the places that are read in turn

	inodes, dents, xents, datas []ref
	used                        []run // metadata nodes, for the search of padding
	lost                        []keyRange
	orphaned                    map[uint32]bool
	gaps                        int
	grown                       map[uint32]int64 // sizes by data, after an unclean stop
}

type run struct{ off, len int64 }

// A keyRange is the range of keys, both ends included, that a damaged branch covered.
type keyRange struct{ from, to uint64 }

// window reads ahead, so that nodes that stand close together cost one read.
type window struct {
	buf []byte
	off int64
}

const windowSize = 64 << 10

// bytes returns n bytes at off, nil when they are not there. They are valid
// until the next call.
func (w *window) bytes(r *io.SectionReader, off, n int64) []byte {
	if off < 0 || n < 0 || off > r.Size() || n > r.Size()-off {
		return nil
	}
	if off >= w.off && off+n <= w.off+int64(len(w.buf)) {
		return w.buf[off-w.off:][:n]
	}
	want := min(max(n, windowSize), r.Size()-off)
	if int64(cap(w.buf)) < want {
		w.buf = make([]byte, max(want, windowSize))
	}
	w.buf = w.buf[:want]
	w.off = off
	got, _ := r.ReadAt(w.buf, off)
	w.buf = w.buf[:got]
	if int64(got) < n {
		return nil
	}
	return w.buf[:n]
}

// node returns the node of a type and a length at off after checking its
// header and checksum. length 0 takes the header's.
func (fs *fileSystem) node(w *window, off int64, kind byte, length int64) ([]byte, error) {
	h := w.bytes(fs.r, off, headerSize)
	if h == nil {
		return nil, fmt.Errorf("node at %#x: lies behind the end at %#x", off, fs.r.Size())
	}
	n, err := checkHeader(h, off, kind, length)
	if err != nil {
		return nil, err
	}
	b := w.bytes(fs.r, off, n)
	if b == nil || off/fs.lebSize != (off+n-1)/fs.lebSize {
		return nil, fmt.Errorf("node at %#x: length %d goes beyond its block", off, n)
	}
	if have := crc(b); have != le.Uint32(b[4:]) {
		return nil, fmt.Errorf("node at %#x: expected crc32 %08x, found %08x", off, le.Uint32(b[4:]), have)
	}
	return b, nil
}

// maxNode bounds the work for an index whose nodes lie in each other. An index
// node of Linux holds as many branches as the superblock's fanout, 8 by default.
const maxNode = 64 << 10

var minLength = [...]int64{inoSize, dataSize, dentSize, dentSize, trunSize, padSize, superSize, masterSize, refSize, padSize, 32, 32, headerSize}

func checkHeader(h []byte, off int64, kind byte, length int64) (int64, error) {
	n := int64(le.Uint32(h[16:]))
	switch {
	case le.Uint32(h) != nodeMagic:
		return 0, fmt.Errorf("node at %#x: expected magic %08x, found %08x", off, nodeMagic, le.Uint32(h))
	case h[20] != kind:
		return 0, fmt.Errorf("node at %#x: expected type %d, found %d", off, kind, h[20])
	case int(kind) >= len(minLength) || n < minLength[kind] || n > maxNode || length > 0 && n != length:
		return 0, fmt.Errorf("node at %#x: type %d of length %d, expected %d", off, kind, n, length)
	}
	return n, nil
}

// known accounts for a metadata node, with the 0x00 or 0xFF up to the next
// 8-byte boundary.
func (fs *fileSystem) known(off, n int64, is string) {
	if pad := align8(n) - n; pad > 0 {
		if b := fs.pad.bytes(fs.r, off+n, pad); b != nil && (b[0] == 0 || b[0] == 0xFF) && same(b) {
			n += pad
		}
	}
	fs.out.Span(wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is})
	fs.used = append(fs.used, run{off, n})
}

// gap records damage; after a thousand only the count goes on.
func (fs *fileSystem) gap(kind wardein.GapKind, node string, off, n int64, why string) {
	if fs.gaps++; fs.gaps > 1000 {
		return
	}
	off = min(max(off, 0), fs.end)
	fs.out.Gap(wardein.Gap{Kind: kind, Node: node, Off: off, Len: min(n, fs.end-off), Why: why})
}

func (fs *fileSystem) place(lnum, offs uint32) int64 { return int64(lnum)*fs.lebSize + int64(offs) }

const erasedStep = 512

// scan calls each for every sound node from off to the end of its block, and
// returns where the last one ends. What is between them is passed over.
func (fs *fileSystem) scan(off int64, each func(off int64, node []byte)) (end int64, clean bool) {
	stop := min(off-off%fs.lebSize+fs.lebSize, fs.r.Size())
	clean, end = true, off
	for off+headerSize <= stop {
		h := fs.leaf.bytes(fs.r, off, headerSize)
		if h == nil {
			break
		}
		if le.Uint32(h) != nodeMagic {
			// Space too short for a padding node is filled with 0xCE.
			c := h[0]
			blank := (c == 0xFF || c == 0xCE || c == 0) && same(h[:8])
			clean = clean && blank
			off += 8
			// Erased space, most of many a volume, is passed over in large steps.
			for blank && off+erasedStep <= stop {
				b := fs.leaf.bytes(fs.r, off, erasedStep)
				if b == nil || b[0] != c || !same(b) {
					break
				}
				off += erasedStep
			}
			continue
		}
		b, err := fs.node(&fs.leaf, off, h[20], 0)
		if err != nil {
			clean = false
			off += 8
			continue
		}
		n := align8(int64(len(b)))
		if b[20] == padNode {
			fs.used = append(fs.used, run{off, padSize})
			off = fs.padded(off, b)
			end = off
			continue
		}
		each(off, b)
		off += n
		end = off
	}
	return end, clean
}

// same tells whether all bytes have one value.
func same(b []byte) bool { return len(b) < 2 || bytes.Equal(b[1:], b[:len(b)-1]) }

// padding finds the padding nodes that follow the nodes in use.
func (fs *fileSystem) padding() {
	used := fs.used
	for _, refs := range [][]ref{fs.inodes, fs.dents, fs.xents, fs.datas} {
		for _, r := range refs {
			used = append(used, run{r.off, int64(r.len)})
		}
	}
	slices.SortFunc(used, func(a, b run) int { return compare(a.off, b.off) })
	for i, u := range used {
		next := fs.end
		if i+1 < len(used) {
			next = used[i+1].off
		}
		// A node is followed by its padding, and that by the next node, all
		// within one block.
		for off := align8(u.off + u.len); off/fs.lebSize == u.off/fs.lebSize && off < next; {
			b, err := fs.node(&fs.leaf, off, padNode, padSize)
			if err != nil {
				if b = fs.leaf.bytes(fs.r, off, 8); b != nil && b[0] == 0xCE && same(b) {
					fs.out.Span(wardein.Span{Off: off, Len: 8, What: wardein.Known, Is: "padding bytes"})
					off += 8
					continue
				}
				break
			}
			off = fs.padded(off, b)
		}
	}
}

// padded accounts for a padding node and, where they are of one value, for the
// bytes that it says are unused. It returns the offset behind them.
func (fs *fileSystem) padded(off int64, node []byte) int64 {
	fs.out.Span(wardein.Span{Off: off, Len: padSize, What: wardein.Known, Is: "padding node"})
	stop := min(off-off%fs.lebSize+fs.lebSize, fs.end)
	from := off + padSize
	to := min(off+align8(padSize+int64(le.Uint32(node[24:]))), stop)
	var value byte
	for at := from; at < to; {
		b := fs.pad.bytes(fs.r, at, min(to-at, 4096))
		if b == nil {
			return to
		}
		if at == from {
			value = b[0]
		}
		if b[0] != value || !same(b) {
			return to // not empty: left unreferenced
		}
		at += int64(len(b))
	}
	if to > from {
		fs.out.Span(wardein.Span{Off: from, Len: to - from, What: wardein.Padding, Is: "padding"})
	}
	return to
}
