// Package erofs reads EROFS, the enhanced read-only file system of Linux:
// system partitions of Android equipment, containers, embedded root volumes.
//
// All numbers are little-endian. Nothing but the superblock has a fixed place:
//
//	0x000  1024 bytes that are not the file system's
//	0x400  superblock, 128 bytes and 16 for each extension slot:
//	       0x00  magic E2 E1 F5 E0      0x24  blocks, u32
//	       0x04  CRC-32C of the block   0x28  first block of the inodes, u32
//	       0x08  compatible features    0x2C  first block of shared attributes, u32
//	       0x0C  log2 of block size     0x30  uuid, volume name
//	       0x0E  root nid, u16          0x50  incompatible features
//	       0x10  inodes, u64            0x54  compression algorithms, u16
//	       0x18  build time, u64, u32   0x56  devices, their table, packed nid …
//	       lengths and parameters of the compression algorithms
//
// An inode is 32 bytes (compact) or 64 (extended) and is named by its place:
// nid = (offset - first block of inodes) / 32. Behind it stand, in this order,
// its attributes, and what its data layout needs: the tail of the content
// (flat inline), block addresses of chunks, or an index of compressed clusters.
//
// The index of a compressed file has one item per logical cluster of the
// content. A HEAD item says that a compressed run (physical cluster) begins in
// this logical cluster, where in it, and in which block it is stored; a
// NONHEAD item follows its head. Items are 8 bytes (full) or packed to 4 or 2
// bytes each (compact). The last run may stand behind the index (tail packing)
// or in an inode that all files share (packed inode, fragments).
package erofs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/wardein/wardein"
)

// Format is EROFS.
var Format = wardein.Format{
	Name:    "erofs",
	Version: 1,
	Doc: wardein.Doc{
		About: "EROFS, the enhanced read-only file system: system partitions of Android equipment, containers, embedded root volumes.",
		How: "The superblock's CRC-32C is verified where the volume has one, and the root inode is read. Directories are walked from the root; " +
			"uncompressed content is handed out as runs of blocks, compressed content (LZ4, MicroLZMA, DEFLATE, Zstandard) cluster by cluster. " +
			"An inode that a second name leads to is a hard link.",
		Limits: []string{
			"Content on extra devices (device table) is not in the image: it reads as zeros, and a gap says so.",
			"Volumes with 48-bit addresses, a metadata box or features that are not known are opaque, as are inodes with an unknown data layout.",
			"Inodes that no directory leads to are left to the scan.",
			"Compact inodes keep no time: theirs is the volume's build time. Times are in whole seconds.",
			"Attribute name filters are not read. POSIX ACLs are handed out in the encoding of the disk.",
			"A path of more than 4096 bytes is not followed. Content of which the index ends early is handed out up to there.",
		},
		References: []string{
			"Linux Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h",
			"Linux fs/erofs/zmap.c (how a compact index is packed)",
			"XZ Embedded, include/linux/xz.h (MicroLZMA)",
		},
	},
	Magic:   []wardein.Magic{{Bytes: magic, Back: superAt}},
	Measure: measure,
	Extract: extract,
}

const (
	magic   = "\xE2\xE1\xF5\xE0"
	superAt = 1024
	slot    = 32 // nids count these

	maxPath = 4096
	maxGaps = 256
	maxNum  = 1 << 60 // sizes above this are damage, and do not overflow
)

// Features, compatible and incompatible (erofs_fs.h, EROFS_FEATURE_*).
const (
	compatChecksum = 0x1

	featurePadding  = 0x01 // compressed runs stand at the end of their blocks
	featureConfig   = 0x02 // algorithm parameters follow; big physical clusters
	featureChunks   = 0x04
	featureDevices  = 0x08
	featureTail     = 0x10
	featureFragment = 0x20
	featurePrefixes = 0x40
	featuresKnown   = 0x7F
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errLimit   = errors.New("limit reached")
)

// super is what the superblock says.
type super struct {
	crc, compat, incompat uint32
	bits                  uint // log2 of the block size
	size                  int64
	root, packed          int64
	inodes                uint64
	built                 int64
	blocks                int64
	meta, shared          int64 // byte offsets
	uuid                  [16]byte
	name                  string
	algorithms            uint16
	devices               int
	deviceTable           int64
	prefixes              int
	prefixAt              int64
	dirBits               uint8
	head                  [128]byte
}

func (s *super) block() int64 { return 1 << s.bits }

// end is where the volume ends.
func (s *super) end() int64 { return s.blocks << s.bits }

func readSuper(r *io.SectionReader) (s super, err error) {
	b := s.head[:]
	if n, _ := r.ReadAt(b, superAt); n < len(b) || string(b[:4]) != magic {
		return s, wardein.ErrNotMine
	}
	s.bits = uint(b[12])
	s.blocks = int64(le.Uint32(b[36:]))
	if s.bits < 9 || s.bits > 16 || s.blocks == 0 {
		return s, wardein.ErrNotMine
	}
	s.crc, s.compat, s.incompat = le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[80:])
	s.size = 128 + int64(b[13])*16
	s.root, s.inodes, s.built = int64(le.Uint16(b[14:])), le.Uint64(b[16:]), int64(le.Uint64(b[24:]))
	s.meta, s.shared = int64(le.Uint32(b[40:]))<<s.bits, int64(le.Uint32(b[44:]))<<s.bits
	copy(s.uuid[:], b[48:])
	s.name = text(b[64:80])
	s.algorithms, s.devices, s.deviceTable = le.Uint16(b[84:]), int(le.Uint16(b[86:])), int64(le.Uint16(b[88:]))*128
	s.dirBits, s.prefixes, s.prefixAt = b[90], int(b[91]), int64(le.Uint32(b[92:]))*4
	if p := le.Uint64(b[96:]); p < maxNum {
		s.packed = int64(p)
	}
	if superAt+s.size > s.end() || s.meta >= s.end() || s.incompat&^featuresKnown == 0 && s.meta+s.root*slot+slot > s.end() {
		return s, wardein.ErrNotMine
	}
	return s, nil
}

// text is a name up to its first NUL.
func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// verify compares the checksum: the CRC-32C, not inverted at the end, of the
// rest of the superblock's block with the checksum field taken as zero.
func (s *super) verify(r *io.SectionReader) (found uint32, ok bool) {
	n := s.block()
	if n > superAt {
		n -= superAt
	}
	b := make([]byte, n)
	if k, _ := r.ReadAt(b, superAt); int64(k) < n {
		return 0, false
	}
	clear(b[4:8])
	found = ^crc32.Checksum(b, castagnoli)
	return found, found == s.crc
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	s, err := readSuper(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	c := wardein.Claim{End: min(s.end(), r.Size()), Confidence: wardein.Likely, Evidence: "superblock and root inode"}
	found, sumOK := uint32(0), false
	if s.compat&compatChecksum != 0 {
		found, sumOK = s.verify(r)
	}
	var root error
	if s.incompat&^featuresKnown == 0 {
		v := newVolume(&s, r)
		var in inode
		if in, root = v.inode(s.root); root == nil && in.mode&modeType != modeDir {
			root = fmt.Errorf("root inode at %#x: mode %o is no directory", in.at, in.mode)
		}
	} else if !sumOK {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	switch {
	case sumOK:
		c.Confidence, c.Evidence = wardein.Certain, "superblock crc32c ok"
	case root != nil:
		return wardein.Claim{}, wardein.ErrNotMine
	}
	switch {
	case s.end() > r.Size():
		return c, fmt.Errorf("superblock at %#x: %d blocks of %d bytes, image ends at %d", superAt, s.blocks, s.block(), r.Size())
	case s.compat&compatChecksum != 0 && !sumOK:
		return c, fmt.Errorf("superblock at %#x: crc32c %#08x, expected %#08x", superAt, found, s.crc)
	}
	return c, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	s, err := readSuper(r)
	if err != nil {
		return 0, err
	}
	end := min(s.end(), r.Size())
	v := newVolume(&s, io.NewSectionReader(r, 0, end))
	v.ctx, v.out = ctx, out
	defer v.flush()
	v.mark(superAt, s.size, "superblock")
	v.notes()
	if unknown := s.incompat &^ featuresKnown; unknown != 0 {
		at := superAt + s.size
		out.Span(wardein.Span{Off: at, Len: max(0, end-at), What: wardein.Opaque, Is: "volume"})
		out.Gap(wardein.Gap{Kind: wardein.Unsupported, Off: at, Len: max(0, end-at), Why: fmt.Sprintf("incompatible features %#x, known are %#x", s.incompat, featuresKnown)})
		return end, nil
	}
	v.config()
	v.deviceSlots()
	if s.incompat&featureFragment != 0 && s.packed != 0 {
		if err := v.openPacked(); err != nil {
			v.gap("", 0, err)
		}
	}
	v.longPrefixes()
	root, err := v.inode(s.root)
	if err != nil {
		return end, err
	}
	v.mark(root.at, root.size32(), "inode")
	if err := v.list(root, "", 0); errors.Is(err, errLimit) {
		v.gap("", 0, err)
	} else if err != nil {
		return end, err
	}
	if v.gaps > maxGaps {
		out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d gaps, %d are told", v.gaps, maxGaps)})
	}
	return end, nil
}

var algorithmNames = [...]string{"lz4", "lzma", "deflate", "zstd"}

func (v *volume) notes() {
	note := func(name, value string) { v.out.Note(name, value) }
	if v.name != "" {
		note("volume name", v.name)
	}
	u := v.uuid
	note("uuid", fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
	note("block size", fmt.Sprint(v.block()))
	if v.built >= 0 && v.built < 1<<40 {
		note("created", time.Unix(v.built, 0).UTC().Format(time.RFC3339))
	}
	note("inodes", fmt.Sprint(v.inodes))
	if v.compat&compatChecksum == 0 {
		note("checksum", "none")
	}
}

// config reads the parameters of the algorithms, which follow the superblock.
func (v *volume) config() {
	if v.incompat&featureConfig == 0 {
		return
	}
	at := int64(superAt) + v.super.size
	for i := range 16 {
		if v.algorithms>>i&1 == 0 {
			continue
		}
		b, err := v.read(at, 2)
		if err != nil {
			v.gap("", at, err)
			return
		}
		n := int64(le.Uint16(b))
		if n > 64 {
			v.gap("", at, fmt.Errorf("parameters of algorithm %d at %#x: length %d, at most 64 are known", i, at, n))
			return
		}
		v.mark(at, 2+n, "compression parameters")
		name := fmt.Sprintf("algorithm %d", i)
		if i < len(algorithmNames) {
			name = algorithmNames[i]
		}
		v.out.Note("compressor", name)
		at += 2 + n
	}
}

// deviceSlots notes the extra devices, whose content is not in the image.
func (v *volume) deviceSlots() {
	if v.incompat&featureDevices == 0 {
		return
	}
	for i := range v.devices {
		at := v.deviceTable + int64(i)*128
		b, err := v.read(at, 128)
		if err != nil {
			v.gap("", at, err)
			return
		}
		v.mark(at, 128, "device slot")
		if i < 16 {
			v.out.Note(fmt.Sprintf("device %d", i+1), fmt.Sprintf("%d blocks %q", le.Uint32(b[64:]), text(b[:64])))
		}
	}
}
