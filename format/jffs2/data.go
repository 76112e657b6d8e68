package jffs2

import (
	"container/heap"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/codec/lzma"
	"github.com/wardein/wardein/codec/lzo"
	"github.com/wardein/wardein/codec/rtime"
	"github.com/wardein/wardein/codec/rubin"
)

func crc32Update(h uint32, b []byte) uint32 { return crc32.Update(h, crc32.IEEETable, b) }

// Compression numbers.
const (
	stored = iota
	zero
	rtimeCode
	rubinMips
	copied // stored, too
	dynRubin
	zlibCode
	lzoCode
	lzmaCode
)

var methods = [...]string{"none", "zero", "rtime", "rubinmips", "copy", "dynrubin", "zlib", "lzo", "lzma"}

// decoder returns the Decode function of a compression; nil for bytes that are
// stored as they are.
func decoder(method byte) func(dst, src []byte) (int, error) {
	switch method {
	case stored, copied:
		return nil
	case rtimeCode:
		return func(dst, src []byte) (int, error) {
			n, _, err := rtime.Decode(dst, src)
			return n, err
		}
	case rubinMips, dynRubin:
		return decodeRubin
	case zlibCode:
		return unzlib
	case lzoCode:
		return lzo.Decode
	case lzmaCode:
		return decodeLZMA
	}
	return func(dst, src []byte) (int, error) { return 0, fmt.Errorf("compression type %d is not known", method) }
}

// decodeRubin takes the code that uses the block up. Linux has registered the
// two under each other's number since 2.6.10; other writers have not.
func decodeRubin(dst, src []byte) (int, error) {
	n, used, err := rubin.Dynamic(dst, src)
	if err == nil && used == len(src) {
		return n, nil
	}
	n, other, mipsErr := rubin.Mips(dst, src)
	if mipsErr == nil && other == len(src) {
		return n, nil
	}
	return 0, fmt.Errorf("rubin: a block of %d bytes is used up neither by dynrubin (%d, %v) nor by rubinmips (%d, %v)", len(src), used, err, other, mipsErr)
}

// unzlib decodes zlib. The kernel passes the checksum at the end over, and
// some of its writers left it out.
func unzlib(dst, src []byte) (int, error) {
	if err := inflate.ZlibHeader(src); err != nil {
		return 0, err
	}
	return inflate.Fill(dst, src[2:])
}

// decodeLZMA decodes what OpenWrt writes (lc=lp=pb=0 and no header), and the
// form of older patches, which begins with five bytes of properties.
func decodeLZMA(dst, src []byte) (int, error) {
	n, _, err := lzma.Decode(dst, src, lzma.Props{})
	if err == nil && n == len(dst) {
		return n, nil
	}
	if len(src) > 5 {
		if p, perr := lzma.ParseProps(src[0]); perr == nil {
			if m, _, err := lzma.Decode(dst, src[5:], p); err == nil && m == len(dst) {
				return m, nil
			}
		}
	}
	if err == nil {
		err = errors.New("lzma: block ends early")
	}
	return n, err
}

// A piece is a run of a file that one node gives.
type piece struct {
	from, to int64
	node     int // index into nodes; −1: hole
}

// byVersion is a heap of indexes into nodes, the newest on top.
type byVersion struct {
	nodes []data
	list  []int
}

func (h *byVersion) Len() int           { return len(h.list) }
func (h *byVersion) Less(i, j int) bool { return h.list[i] > h.list[j] }
func (h *byVersion) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *byVersion) Push(x any)         { h.list = append(h.list, x.(int)) }
func (h *byVersion) Pop() any {
	x := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return x
}

// overlay lays the data nodes of a file, sorted by version, over each other and
// returns what is on top, from 0 to size. It sweeps over the nodes' starts and
// keeps those that reach the place in a heap.
func overlay(nodes []data, size int64) []piece {
	starts := make([]int, 0, len(nodes))
	for i, n := range nodes {
		if n.size > 0 && int64(n.offset) < size {
			starts = append(starts, i)
		}
	}
	slices.SortStableFunc(starts, func(a, b int) int { return int(int64(nodes[a].offset) - int64(nodes[b].offset)) })
	var list []piece
	add := func(from, to int64, node int) {
		if to <= from {
			return
		}
		if k := len(list) - 1; k >= 0 && list[k].node == node && list[k].to == from {
			list[k].to = to
			return
		}
		list = append(list, piece{from, to, node})
	}
	top := &byVersion{nodes: nodes}
	end := func(i int) int64 { return int64(nodes[i].offset) + int64(nodes[i].size) }
	pos := int64(0)
	for next := 0; pos < size; {
		for next < len(starts) && int64(nodes[starts[next]].offset) <= pos {
			heap.Push(top, starts[next])
			next++
		}
		for top.Len() > 0 && end(top.list[0]) <= pos {
			heap.Pop(top)
		}
		stop, node := size, -1
		if next < len(starts) {
			stop = min(stop, int64(nodes[starts[next]].offset))
		}
		if top.Len() > 0 {
			node = top.list[0]
			stop = min(stop, end(node))
		}
		add(pos, stop, node)
		pos = stop
	}
	return list
}

// content hands out a file's content: as extents when all of it is stored as
// it is, else as blocks.
func (fs *fileSystem) content(e wardein.Entry, nodes []data, size int64) error {
	pieces := overlay(nodes, size)
	plain := true
	used := make([]bool, len(nodes))
	for _, p := range pieces {
		if p.node < 0 {
			continue
		}
		used[p.node] = true
		n := nodes[p.node]
		switch {
		case n.method == stored || n.method == copied:
			if n.stored != n.size {
				fs.gap(wardein.Damaged, e.Name, n.off, inodeSize, fmt.Sprintf("data node of inode %d version %d: %d bytes stored as %d, without compression", n.ino, n.version, n.size, n.stored))
				plain = false
			}
		case n.method != zero:
			plain = false
		}
	}
	for i, n := range nodes {
		// The newest node is what gives the inode its attributes.
		if used[i] || i == len(nodes)-1 {
			fs.known(n.off, inodeSize, "data node")
			continue
		}
		fs.obsolete++
	}
	if plain {
		ext := make([]wardein.Extent, 0, len(pieces))
		for _, p := range pieces {
			x := wardein.Extent{Off: wardein.Zeros, Len: p.to - p.from}
			if p.node >= 0 && nodes[p.node].method != zero {
				n := nodes[p.node]
				x.Off = n.off + inodeSize + p.from - int64(n.offset)
			}
			ext = append(ext, x)
		}
		return fs.out.Extents(e, ext)
	}
	blocks := make([]wardein.Block, 0, len(pieces))
	for _, p := range pieces {
		length := p.to - p.from
		b := wardein.Block{Src: wardein.Extent{Off: wardein.Zeros, Len: length}, Size: length}
		if p.node >= 0 && nodes[p.node].method != zero {
			n := nodes[p.node]
			b = wardein.Block{Src: wardein.Extent{Off: n.off + inodeSize, Len: int64(n.stored)}, Size: int64(n.size), From: p.from - int64(n.offset), Len: length, Decode: decoder(n.method)}
			if b.Decode == nil && n.stored != n.size {
				b.Decode = func(dst, src []byte) (int, error) { return copy(dst, src), nil }
			}
		}
		blocks = append(blocks, b)
	}
	return fs.out.Blocks(e, blocks)
}
