package erofs

import (
	"fmt"

	"github.com/wardein/wardein"
)

// The type bits of a mode.
const (
	modeType   = 0o170000
	modeFIFO   = 0o010000
	modeChar   = 0o020000
	modeDir    = 0o040000
	modeBlock  = 0o060000
	modeFile   = 0o100000
	modeLink   = 0o120000
	modeSocket = 0o140000
)

// Data layouts (erofs_fs.h, EROFS_INODE_*).
const (
	layoutPlain = iota
	layoutFull
	layoutInline
	layoutCompact
	layoutChunk
)

// inode is what an inode says.
type inode struct {
	nid, at  int64
	extended bool
	layout   uint16
	xattr    int64 // bytes of attributes behind it
	mode     uint32
	size     int64
	u        uint32 // first block, device number, chunk format or compressed blocks
	uid, gid uint32
	mtime    int64
	links    uint32
}

// size32 is the inode's own length.
func (in *inode) size32() int64 {
	if in.extended {
		return 64
	}
	return 32
}

// behind is the offset of what follows the inode and its attributes.
func (in *inode) behind() int64 { return in.at + in.size32() + in.xattr }

func (v *volume) inode(nid int64) (in inode, err error) {
	if nid < 0 || nid > v.r.Size()/slot || v.meta+nid*slot >= v.r.Size() {
		return inode{at: v.r.Size()}, fmt.Errorf("nid %d: image ends at %#x", nid, v.r.Size())
	}
	in = inode{nid: nid, at: v.meta + nid*slot}
	b, err := v.read(in.at, 32)
	if err != nil {
		return in, fmt.Errorf("inode: %w", err)
	}
	format := le.Uint16(b)
	in.extended, in.layout = format&1 == 1, format>>1&7
	if n := int64(le.Uint16(b[2:])); n > 0 {
		in.xattr = 12 + (n-1)*4
	}
	in.mode = uint32(le.Uint16(b[4:]))
	in.u = le.Uint32(b[16:])
	if format>>4 != 0 || in.layout > layoutChunk {
		return in, unsupported(fmt.Sprintf("inode at %#x: format %#x is not known", in.at, format))
	}
	if !in.extended {
		in.links, in.size, in.mtime = uint32(le.Uint16(b[6:])), int64(le.Uint32(b[8:])), v.built
		in.uid, in.gid = uint32(le.Uint16(b[24:])), uint32(le.Uint16(b[26:]))
		return in, nil
	}
	if b, err = v.read(in.at, 64); err != nil {
		return in, fmt.Errorf("inode: %w", err)
	}
	size := le.Uint64(b[8:])
	if size >= maxNum {
		return in, fmt.Errorf("inode at %#x: bad size %d", in.at, size)
	}
	in.size, in.uid, in.gid = int64(size), le.Uint32(b[24:]), le.Uint32(b[28:])
	in.mtime, in.links = int64(le.Uint64(b[32:])), le.Uint32(b[44:])
	return in, nil
}

// plain is a run that is stored as it is, or nowhere.
func plain(la, off, n int64) run {
	return run{la, n, wardein.Block{Src: wardein.Extent{Off: off, Len: n}, Size: n}}
}

// stored is a plain run of the image, cut where the image ends.
func (v *volume) stored(list []run, la, off, n int64) ([]run, error) {
	have := min(n, max(0, v.r.Size()-off))
	if have > 0 {
		if k := len(list); k > 0 && list[k-1].block.Decode == nil && list[k-1].block.Src.Off >= 0 && list[k-1].block.Src.Off+list[k-1].n == off && list[k-1].la+list[k-1].n == la {
			list[k-1] = plain(list[k-1].la, list[k-1].block.Src.Off, list[k-1].n+have)
		} else {
			list = append(list, plain(la, off, have))
		}
	}
	if have < n {
		return list, fmt.Errorf("content at %#x: %d bytes, image ends at %#x", off, n, v.r.Size())
	}
	return list, nil
}

// content says where the bytes of an inode are. Together with an error it is
// what could be found.
func (v *volume) content(in inode, path string) (list []run, err error) {
	if in.size == 0 {
		return nil, nil
	}
	switch in.layout {
	case layoutPlain:
		return v.stored(nil, 0, int64(in.u)<<v.bits, in.size)
	case layoutInline:
		tail := (in.size - 1) / v.block() * v.block()
		if tail > 0 {
			if list, err = v.stored(nil, 0, int64(in.u)<<v.bits, tail); err != nil {
				return list, err
			}
		}
		at := in.behind()
		if at&(v.block()-1)+in.size-tail > v.block() {
			return list, fmt.Errorf("tail of %d bytes at %#x crosses a block of %d", in.size-tail, at, v.block())
		}
		return v.stored(list, tail, at, in.size-tail)
	case layoutChunk:
		return v.chunks(in, path)
	}
	return v.clusters(in, path)
}

// chunks reads the addresses of a chunk-based file: 4 bytes each, or 8 with a
// device number.
func (v *volume) chunks(in inode, path string) (list []run, err error) {
	const indexes = 0x20
	if in.u&0xFFC0 != 0 {
		return nil, unsupported(fmt.Sprintf("inode at %#x: chunk format %#x is not known", in.at, in.u&0xFFFF))
	}
	size := int64(1) << (v.bits + uint(in.u&0x1F))
	unit := int64(4)
	if in.u&indexes != 0 {
		unit = 8
	}
	mask := uint32(1)
	for int(mask) <= v.devices {
		mask <<= 1
	}
	at := (in.behind() + unit - 1) &^ (unit - 1)
	elsewhere := false
	for la := int64(0); la < in.size; la += size {
		b, err := v.read(at, unit)
		if err != nil {
			return list, fmt.Errorf("chunk index: %w", err)
		}
		v.mark(at, unit, "chunk index")
		at += unit
		device, block := uint32(0), le.Uint32(b)
		if unit == 8 {
			device, block = uint32(le.Uint16(b[2:]))&(mask-1), le.Uint32(b[4:])
		}
		n := min(size, in.size-la)
		off := int64(block) << v.bits
		switch {
		case block == 1<<32-1:
			list = append(list, plain(la, wardein.Zeros, n))
		case device != 0 || v.devices > 0 && off >= v.end():
			list = append(list, plain(la, wardein.Zeros, n))
			if !elsewhere {
				v.gap(path, at-unit, unsupported(fmt.Sprintf("chunk at %d is on device %d, which is not in the image", la, device)))
			}
			elsewhere = true
		default:
			if list, err = v.stored(list, la, off, n); err != nil {
				return list, err
			}
		}
	}
	return list, nil
}
