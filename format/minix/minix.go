// Package minix reads the Minix filesystem, versions 1 to 3, in both byte
// orders. Linux began on it, and small equipment keeps it for RAM disks.
//
//	block 0   boot block
//	0x400     superblock
//	          versions 1 and 2           version 3
//	          0x00  inodes, u16          0x00  inodes, u32
//	          0x02  zones, u16 (v1)
//	          0x04  inode map blocks     0x06  inode map blocks
//	          0x06  zone map blocks      0x08  zone map blocks
//	          0x08  first data zone      0x0A  first data zone
//	          0x0A  log2(zone/block)     0x0C  log2(zone/block)
//	          0x0C  largest file, u32    0x10  largest file, u32
//	          0x10  magic                0x14  zones, u32
//	          0x12  state                0x18  magic
//	          0x14  zones, u32 (v2)      0x1C  block size, u16
//	block 2   inode map, zone map, inode table, data zones
//
// Blocks are 1024 bytes; version 3 says. An inode is 32 bytes (version 1) or
// 64 and has seven direct zones, then one of indirect zone numbers, one of
// those of such, and from version 2 on a third level. A directory entry is an
// inode number (u16, version 3 u32) and a name of 14, 30 or 60 bytes.
package minix

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/wardein/wardein"
)

// Format is the Minix filesystem.
var Format = wardein.Format{
	Name:    "minix",
	Version: 1,
	Doc: wardein.Doc{
		About: "The Minix filesystem, versions 1 to 3: initial RAM disks and floppy images of small equipment.",
		How: "The superblock's counts must agree with each other and the root inode must be a directory whose first entry names itself. Directories are walked from inode 1; " +
			"content is handed out as runs of zones, a zone number 0 as zeros. An inode that a second name leads to is a hard link.",
		Limits: []string{
			"Inodes that no directory leads to, also those marked as used, are left to the scan.",
			"The maps of used inodes and zones are not compared with what was found.",
			"A path of more than 4096 bytes is not followed.",
		},
		References: []string{"Linux include/uapi/linux/minix_fs.h and fs/minix", "Tanenbaum, Woodhull: Operating Systems, Design and Implementation, section 5.6"},
	},
	Magic:   magics(),
	Measure: measure,
	Extract: extract,
}

// variant is what a magic says.
type variant struct {
	magic   uint16
	version int
	name    int // bytes of a name
}

var variants = [...]variant{{0x137F, 1, 14}, {0x138F, 1, 30}, {0x2468, 2, 14}, {0x2478, 2, 30}, {0x4D5A, 3, 60}}

const (
	superAt = 1024
	at12    = superAt + 16 // of the magic in versions 1 and 2
	at3     = superAt + 24
	maxPath = 4096
	maxGaps = 256
)

// magics are the magic with what follows it: the state, of which two bits are
// defined, or padding and a block size that is a multiple of 1024.
func magics() (list []wardein.Magic) {
	for _, v := range variants {
		l, b := []byte{byte(v.magic), byte(v.magic >> 8), 0, 0}, []byte{byte(v.magic >> 8), byte(v.magic), 0, 0}
		if v.version < 3 {
			list = append(list, wardein.Magic{Bytes: string(l), Mask: "\xFF\xFF\xFC\xFF", Back: at12}, wardein.Magic{Bytes: string(b), Mask: "\xFF\xFF\xFF\xFC", Back: at12})
			continue
		}
		list = append(list, wardein.Magic{Bytes: string(l) + "\x00\x00", Mask: "\xFF\xFF\xFF\xFF\xFF\x03", Back: at3},
			wardein.Magic{Bytes: string(b) + "\x00\x00", Mask: "\xFF\xFF\xFF\xFF\x03\xFF", Back: at3})
	}
	return list
}

var errLimit = errors.New("limit reached")

// super is what the superblock says.
type super struct {
	variant
	order                binary.ByteOrder
	inodes, zones, first int64
	imap, zmap           int64
	block, zone          int64
	state                uint16
}

func (s *super) end() int64        { return s.zones * s.zone }
func (s *super) inodeSize() int64  { return []int64{32, 64, 64}[s.version-1] }
func (s *super) table() int64      { return (2 + s.imap + s.zmap) * s.block }
func (s *super) at(n int64) int64  { return s.table() + (n-1)*s.inodeSize() }
func (s *super) numberSize() int64 { return []int64{2, 4, 4}[s.version-1] }
func (s *super) entrySize() int64 {
	if s.version == 3 {
		return 64
	}
	return int64(s.name) + 2
}

func readSuper(r io.ReaderAt) (s super, err error) {
	var b [32]byte
	if n, _ := r.ReadAt(b[:], superAt); n < len(b) {
		return s, wardein.ErrNotMine
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, v := range variants {
			at := 16
			if v.version == 3 {
				at = 24
			}
			if o.Uint16(b[at:]) == v.magic {
				if s = parseSuper(b[:], v, o); s.sane() {
					return s, nil
				}
			}
		}
	}
	return s, wardein.ErrNotMine
}

func parseSuper(b []byte, v variant, o binary.ByteOrder) (s super) {
	u16 := func(at int) int64 { return int64(o.Uint16(b[at:])) }
	u32 := func(at int) int64 { return int64(o.Uint32(b[at:])) }
	s = super{variant: v, order: o, block: 1024}
	shift := int64(0)
	if v.version == 3 {
		s.inodes, s.imap, s.zmap, s.first, shift, s.zones, s.block = u32(0), u16(6), u16(8), u16(10), u16(12), u32(20), u16(28)
	} else {
		s.inodes, s.zones, s.imap, s.zmap, s.first, shift, s.state = u16(0), u16(2), u16(4), u16(6), u16(8), u16(10), uint16(u16(18))
		if v.version == 2 {
			s.zones = u32(20)
		}
	}
	if shift <= 8 {
		s.zone = s.block << shift
	}
	return s
}

// sane is whether the counts agree: maps that hold all bits, tables in front
// of the data, data in front of the end.
func (s *super) sane() bool {
	bits := s.block * 8
	return s.zone > 0 && s.block >= 1024 && s.block&(s.block-1) == 0 && s.inodes > 0 && s.state < 4 &&
		s.imap*bits > s.inodes && s.zmap*bits+s.first > s.zones && s.imap <= s.inodes/bits+2 && s.zmap <= s.zones/bits+2 &&
		s.first < s.zones && s.first*s.zone >= s.at(s.inodes+1)
}

// inode is what an inode says.
type inode struct {
	number, at int64
	mode       uint32
	uid, gid   uint32
	links      uint32
	size       int64
	mtime      int64
	zones      []int64
}

func (s *super) inode(r *io.SectionReader, n int64) (in inode, err error) {
	if n < 1 || n > s.inodes {
		return in, fmt.Errorf("inode %d: the volume has %d", n, s.inodes)
	}
	var b [64]byte
	raw := b[:s.inodeSize()]
	in = inode{number: n, at: s.at(n)}
	if k, _ := r.ReadAt(raw, in.at); k < len(raw) {
		return in, fmt.Errorf("inode %d at %#x: image ends at %#x", n, in.at, r.Size())
	}
	o := s.order
	in.mode = uint32(o.Uint16(raw))
	if s.version == 1 {
		in.uid, in.size, in.mtime, in.gid, in.links = uint32(o.Uint16(raw[2:])), int64(o.Uint32(raw[4:])), int64(o.Uint32(raw[8:])), uint32(raw[12]), uint32(raw[13])
		for i := 14; i < 32; i += 2 {
			in.zones = append(in.zones, int64(o.Uint16(raw[i:])))
		}
		return in, nil
	}
	in.links, in.uid, in.gid, in.size, in.mtime = uint32(o.Uint16(raw[2:])), uint32(o.Uint16(raw[4:])), uint32(o.Uint16(raw[6:])), int64(o.Uint32(raw[8:])), int64(o.Uint32(raw[16:]))
	for i := 24; i < 64; i += 4 {
		in.zones = append(in.zones, int64(o.Uint32(raw[i:])))
	}
	return in, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	s, err := readSuper(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	root, err := s.inode(r, 1)
	if err != nil || root.mode&0o170000 != 0o040000 || root.zones[0] < s.first || root.zones[0] >= s.zones || root.size < 2*s.entrySize() {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: min(s.end(), r.Size()), Confidence: wardein.Likely, Evidence: "superblock consistent, root inode is a directory"}
	var b [64]byte
	if n, _ := r.ReadAt(b[:s.entrySize()], root.zones[0]*s.zone); int64(n) == s.entrySize() {
		if number, name := s.entry(b[:s.entrySize()]); number == 1 && name == "." {
			c.Confidence, c.Evidence = wardein.Certain, "superblock consistent, root directory names itself"
		}
	}
	if s.end() > r.Size() {
		return c, fmt.Errorf("superblock at %#x: %d zones of %d bytes, image ends at %d", superAt, s.zones, s.zone, r.Size())
	}
	return c, nil
}

// entry takes a directory entry apart.
func (s *super) entry(b []byte) (number int64, name string) {
	raw := b[2:]
	if s.version == 3 {
		number, raw = int64(s.order.Uint32(b)), b[4:]
	} else {
		number = int64(s.order.Uint16(b))
	}
	raw, _, _ = bytes.Cut(raw, []byte{0})
	return number, string(raw)
}

// volume is one file system that is being read.
type volume struct {
	super
	ctx   context.Context
	r     *io.SectionReader
	out   wardein.Members
	left  int64 // bytes of metadata that may still be read
	gaps  int
	names map[int64]string // first path of an inode
	seen  []int64          // inodes that were read
}

func (v *volume) charge(n int64) error {
	if v.left -= n; v.left < 0 {
		return fmt.Errorf("%w: more than %d bytes of metadata read in a volume of %d", errLimit, 4*v.r.Size()+1<<16, v.r.Size())
	}
	return nil
}

func (v *volume) gap(node string, kind wardein.GapKind, off int64, format string, args ...any) {
	if v.gaps++; v.gaps <= maxGaps {
		v.out.Gap(wardein.Gap{Node: node, Kind: kind, Off: max(0, min(off, v.r.Size())), Why: fmt.Sprintf(format, args...)})
	}
}

func (v *volume) mark(off, n int64, is string) {
	if n = min(n, v.r.Size()-off); n > 0 {
		v.out.Span(wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is})
	}
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	s, err := readSuper(r)
	if err != nil {
		return 0, err
	}
	end := min(s.end(), r.Size())
	v := &volume{super: s, ctx: ctx, r: io.NewSectionReader(r, 0, end), out: out, left: 4*end + 1<<16, names: map[int64]string{}}
	order := "little endian"
	if s.order == binary.BigEndian {
		order = "big endian"
	}
	out.Note("version", fmt.Sprint(s.version))
	out.Note("byte order", order)
	out.Note("inodes", fmt.Sprint(s.inodes))
	v.mark(superAt, 32, "superblock")
	v.mark(2*s.block, s.imap*s.block, "inode map")
	v.mark((2+s.imap)*s.block, s.zmap*s.block, "zone map")
	root, err := v.inode(v.r, 1)
	if err != nil {
		return end, err
	}
	v.names[1] = ""
	v.seen = append(v.seen, 1)
	err = v.list(root, "")
	v.tables()
	if errors.Is(err, errLimit) {
		v.gap("", wardein.Limit, 0, "%v", err)
		err = nil
	}
	if v.gaps > maxGaps {
		out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d gaps, %d are told", v.gaps, maxGaps)})
	}
	return end, err
}

// tables tells which inodes were read, neighbours as one run.
func (v *volume) tables() {
	sort.Slice(v.seen, func(i, j int) bool { return v.seen[i] < v.seen[j] })
	for i := 0; i < len(v.seen); {
		k := i + 1
		for k < len(v.seen) && v.seen[k] == v.seen[k-1]+1 {
			k++
		}
		v.mark(v.at(v.seen[i]), int64(k-i)*v.inodeSize(), "inode table")
		i = k
	}
}

// list hands out what a directory holds, and what its directories hold. Every
// inode is entered once, so that it ends.
func (v *volume) list(dir inode, path string) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	runs, err := v.content(dir, path)
	if err != nil {
		return err
	}
	size := v.entrySize()
	for _, x := range runs {
		if x.Off < 0 {
			continue
		}
		v.mark(x.Off, x.Len, "directory")
		// Entries do not cross a block: 1024 is a multiple of 16, 32 and 64.
		for off := x.Off; off+size <= x.Off+x.Len; off += size {
			if err := v.charge(size); err != nil {
				return err
			}
			var b [64]byte
			if _, err := v.r.ReadAt(b[:size], off); err != nil && err != io.EOF {
				return err
			}
			number, name := v.entry(b[:size])
			if number == 0 || name == "." || name == ".." {
				continue
			}
			if path != "" {
				name = path + "/" + name
			}
			if len(name) > maxPath {
				v.gap(path, wardein.Limit, off, "path of %d bytes, at most %d are followed", len(name), maxPath)
				continue
			}
			if err := v.member(number, name, off); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *volume) member(number int64, path string, off int64) error {
	in, err := v.inode(v.r, number)
	if err != nil {
		v.gap(path, wardein.Damaged, off, "directory entry at %#x: %v", off, err)
		return nil
	}
	kind := in.mode & 0o170000
	if first, ok := v.names[number]; ok {
		if kind == 0o040000 {
			v.gap(path, wardein.Damaged, off, "directory entry at %#x: directory inode %d is reached again", off, number)
			return nil
		}
		return v.out.Entry(wardein.Entry{Name: path, Kind: wardein.HardLink, Target: first})
	}
	v.names[number] = path
	v.seen = append(v.seen, number)
	e := wardein.Entry{Name: path, Mode: in.mode & 0o7777, UID: in.uid, GID: in.gid, MTime: in.mtime}
	switch kind {
	case 0o040000:
		e.Kind = wardein.Directory
		if err := v.out.Entry(e); err != nil {
			return err
		}
		return v.list(in, path)
	case 0o100000, 0o120000:
		runs, err := v.content(in, path)
		if err != nil {
			return err
		}
		if kind == 0o100000 {
			return v.out.Extents(e, runs)
		}
		e.Kind = wardein.Symlink
		if in.size > maxPath {
			v.gap(path, wardein.Limit, in.at, "link target of %d bytes, at most %d are read", in.size, maxPath)
		}
		for _, x := range runs {
			if n := min(x.Len, maxPath-int64(len(e.Target))); x.Off >= 0 && n > 0 {
				b := make([]byte, n)
				if _, err := v.r.ReadAt(b, x.Off); err != nil && err != io.EOF {
					return err
				}
				v.mark(x.Off, n, "link target")
				e.Target += string(b)
			}
		}
	case 0o020000, 0o060000:
		e.Kind = wardein.CharDevice
		if kind == 0o060000 {
			e.Kind = wardein.BlockDevice
		}
		e.Major, e.Minor = uint32(in.zones[0]>>8&0xFF), uint32(in.zones[0]&0xFF)
	case 0o010000:
		e.Kind = wardein.FIFO
	case 0o140000:
		e.Kind = wardein.Socket
	default:
		v.gap(path, wardein.Damaged, in.at, "inode %d at %#x: mode %o has no known type", number, in.at, in.mode)
		return nil
	}
	return v.out.Entry(e)
}
