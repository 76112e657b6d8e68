// Package cramfs reads the Linux cramfs filesystem.
//
// Numbers have the byte order of the machine that made it. The superblock
// stands at 0 or at 512:
//
//	0x00  magic 0x28CD3D45      0x20  CRC-32 of the volume with this field 0
//	0x04  size                  0x24  edition
//	0x08  flags                 0x28  blocks
//	0x0C  reserved              0x2C  files
//	0x10  "Compressed ROMFS"    0x30  name, 16 bytes
//	                            0x40  root inode, 12 bytes
//
// An inode is mode:16 uid:16 size:24 gid:8 namelen:6 offset:26; on big-endian
// machines the bit fields run from the other end of each word. namelen and
// offset count 4 bytes. A directory's offset leads to inodes each followed by
// its name. A file's offset leads to one pointer for every 4096 bytes, which
// is where that block ends; the blocks, each a zlib stream, follow the
// pointers. A block without bytes is a hole.
package cramfs

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

const (
	magic     = 0x28CD3D45
	signature = "Compressed ROMFS"
	superSize = 76
	padding   = 512 // for a boot loader before the superblock
	page      = 4096

	flagVersion2     = 0x1
	flagSorted       = 0x2
	flagHoles        = 0x100
	flagWrongSig     = 0x200
	flagShiftedRoot  = 0x400
	flagExtPointers  = 0x800
	pointerStored    = 1 << 31
	pointerDirect    = 1 << 30
	maxNest          = 256
	maxGaps          = 256
	maxLink          = 64 << 10
	flagsUnderstood  = 0xFF | flagHoles | flagWrongSig | flagShiftedRoot | flagExtPointers
	unsupportedFlags = ^uint32(flagsUnderstood)
)

// Format is cramfs in both byte orders.
var Format = wardein.Format{
	Name:    "cramfs",
	Version: 1,
	Doc: wardein.Doc{
		About: "The Linux cramfs filesystem: read-only root filesystems of older routers, cameras and modems.",
		How: "The CRC-32 over the whole volume is verified (version 2); an older volume's end is found by walking it. Blocks of 4096 bytes are zlib streams, stored, or holes. " +
			"Extended block pointers (stored blocks, direct pointers) are followed. An image with 512 bytes for a boot loader before the superblock begins with them.",
		Limits: []string{
			"cramfs stores 16 bits of the owner, 8 of the group and no time.",
			"Hard links are not stored as such: their content is handed out under each name.",
			"Pages are taken to be 4096 bytes.",
		},
		References: []string{"Linux Documentation/filesystems/cramfs.rst", "Linux include/uapi/linux/cramfs_fs.h"},
	},
	Magic: []wardein.Magic{
		{Bytes: "\x45\x3D\xCD\x28"}, {Bytes: "\x28\xCD\x3D\x45"},
		{Bytes: "\x45\x3D\xCD\x28", Back: padding}, {Bytes: "\x28\xCD\x3D\x45", Back: padding},
	},
	Measure: measure,
	Extract: extract,
}

// volume is an opened superblock.
type volume struct {
	r      *io.SectionReader
	order  binary.ByteOrder
	at     int64 // of the superblock
	length int64 // by the superblock; 0 in version 1
	size   int64 // bytes there are
	flags  uint32
	crc    uint32
	blocks uint32
	files  uint32
	name   string
	root   inode
	raw    [superSize]byte
}

// inode is one decoded inode.
type inode struct {
	at        int64
	mode, uid uint32
	size, gid uint32
	nameLen   int64
	offset    int64
}

func decode(order binary.ByteOrder, b []byte, at int64) inode {
	w0, w1, w2 := order.Uint32(b), order.Uint32(b[4:]), order.Uint32(b[8:])
	if order == binary.ByteOrder(binary.BigEndian) {
		return inode{at, w0 >> 16, w0 & 0xFFFF, w1 >> 8, w1 & 0xFF, int64(w2>>26) * 4, int64(w2&(1<<26-1)) * 4}
	}
	return inode{at, w0 & 0xFFFF, w0 >> 16, w1 & 0xFFFFFF, w1 >> 24, int64(w2&63) * 4, int64(w2>>6) * 4}
}

// open reads the superblock and judges its fields.
func open(r *io.SectionReader) (*volume, bool) {
	var head [superSize]byte
	for _, at := range [...]int64{0, padding} {
		if n, _ := r.ReadAt(head[:], at); n < len(head) {
			return nil, false
		}
		var order binary.ByteOrder
		switch {
		case binary.LittleEndian.Uint32(head[:]) == magic:
			order = binary.LittleEndian
		case binary.BigEndian.Uint32(head[:]) == magic:
			order = binary.BigEndian
		default:
			continue
		}
		if string(head[16:32]) != signature && order.Uint32(head[8:])&flagWrongSig == 0 {
			return nil, false
		}
		v := &volume{r: r, order: order, at: at, flags: order.Uint32(head[8:]), raw: head}
		v.root = decode(order, head[0x40:], at+0x40)
		// Without padding the root directory follows the superblock; offsets
		// of a padded volume count from the padding's beginning.
		if at == 0 && v.root.offset == padding+superSize || at == padding && v.root.offset == superSize {
			return nil, false
		}
		if v.root.mode&0xF000 != 0x4000 || v.root.offset != 0 && v.flags&flagShiftedRoot == 0 && v.root.offset != at+superSize {
			return nil, false
		}
		v.size = r.Size()
		if v.flags&flagVersion2 != 0 {
			v.length = int64(order.Uint32(head[4:]))
			if v.length < at+superSize {
				return nil, false
			}
			v.size = min(v.size, v.length)
			v.crc, v.blocks, v.files = order.Uint32(head[0x20:]), order.Uint32(head[0x28:]), order.Uint32(head[0x2C:])
		}
		for i, c := range head[0x30:0x40] {
			if c == 0 {
				v.name = string(head[0x30 : 0x30+i])
				break
			}
			v.name = string(head[0x30:0x40])
		}
		return v, true
	}
	return nil, false
}

// sum computes the CRC-32 from the superblock to the end.
func (v *volume) sum() (uint32, error) {
	buf := make([]byte, 64<<10)
	crc := uint32(0)
	for off := v.at; off < v.size; {
		n, err := v.r.ReadAt(buf[:min(int64(len(buf)), v.size-off)], off)
		if n == 0 {
			return 0, err
		}
		if off == v.at {
			clear(buf[0x20:0x24])
		}
		crc = crc32.Update(crc, crc32.IEEETable, buf[:n])
		off += int64(n)
	}
	return crc, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	v, ok := open(r)
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if v.length == 0 {
		w := newWalker(context.Background(), v, nothing{})
		err := w.volume()
		c := wardein.Claim{End: w.end, Confidence: wardein.Likely, Evidence: "superblock fields agree"}
		if err == nil && w.gaps == 0 {
			c.Confidence, c.Evidence = wardein.Certain, "all inodes and block pointers agree"
		}
		return c, nil
	}
	c := wardein.Claim{End: v.size, Confidence: wardein.Likely, Evidence: "superblock fields agree"}
	if v.length > r.Size() {
		return c, fmt.Errorf("superblock at %#x: size %d, image ends at %d", v.at, v.length, r.Size())
	}
	crc, err := v.sum()
	if err != nil {
		return c, err
	}
	if crc != v.crc {
		return c, fmt.Errorf("superblock at %#x: crc32 %#08x, computed %#08x", v.at, v.crc, crc)
	}
	c.Confidence, c.Evidence = wardein.Certain, "crc32 ok"
	return c, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	v, ok := open(r)
	if !ok {
		return 0, wardein.ErrNotMine
	}
	out.Note("byte order", map[bool]string{false: "little-endian", true: "big-endian"}[v.order == binary.ByteOrder(binary.BigEndian)])
	if v.name != "" {
		out.Note("name", v.name)
	}
	out.Note("flags", fmt.Sprintf("%#x", v.flags))
	if v.length > 0 {
		out.Note("edition", fmt.Sprint(v.order.Uint32(v.raw[0x24:])))
	}
	w := newWalker(ctx, v, out)
	if v.flags&unsupportedFlags != 0 {
		w.out.Gap(wardein.Gap{Kind: wardein.Unsupported, Off: v.at + 8, Len: 4, Why: fmt.Sprintf("superblock: flags %#x, understood are %#x", v.flags, flagsUnderstood)})
	}
	err := w.volume()
	if v.length == 0 {
		return w.end, err
	}
	return v.size, err
}

// nothing is where members go while only the end is looked for.
type nothing struct{}

func (nothing) Entry(wardein.Entry) error                     { return nil }
func (nothing) Extents(wardein.Entry, []wardein.Extent) error { return nil }
func (nothing) Blocks(wardein.Entry, []wardein.Block) error   { return nil }
func (nothing) Stream(wardein.Entry, io.Reader) error         { return nil }
func (nothing) Span(wardein.Span)                             {}
func (nothing) Note(name, value string)                       {}
func (nothing) Gap(wardein.Gap)                               {}
