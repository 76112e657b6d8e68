package ext

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/wardein/wardein"
)

const (
	superOff  = 1024
	superSize = 1024
	rootIno   = 2
)

// Feature flags, by their names in the specification.
const (
	compatJournal      = 0x4
	compatSparseSuper2 = 0x200
	compatOrphanFile   = 0x1000

	incompatCompression = 0x1
	incompatFiletype    = 0x2
	incompatRecover     = 0x4
	incompatJournalDev  = 0x8
	incompatMetaBG      = 0x10
	incompat64bit       = 0x80
	incompatMMP         = 0x100
	incompatLargedir    = 0x4000
	incompatCsumSeed    = 0x2000

	roSparseSuper  = 0x1
	roGDTCsum      = 0x10
	roBigalloc     = 0x200
	roMetadataCsum = 0x400
)

var featureNames = [3]map[int]string{
	{0: "dir_prealloc", 1: "imagic_inodes", 2: "has_journal", 3: "ext_attr", 4: "resize_inode", 5: "dir_index", 6: "lazy_bg", 9: "sparse_super2",
		10: "fast_commit", 11: "stable_inodes", 12: "orphan_file"},
	{0: "compression", 1: "filetype", 2: "needs_recovery", 3: "journal_dev", 4: "meta_bg", 6: "extent", 7: "64bit", 8: "mmp", 9: "flex_bg",
		10: "ea_inode", 12: "dirdata", 13: "metadata_csum_seed", 14: "large_dir", 15: "inline_data", 16: "encrypt", 17: "casefold"},
	{0: "sparse_super", 1: "large_file", 2: "btree_dir", 3: "huge_file", 4: "uninit_bg", 5: "dir_nlink", 6: "extra_isize", 7: "has_snapshot", 8: "quota",
		9: "bigalloc", 10: "metadata_csum", 11: "replica", 12: "read-only", 13: "project", 14: "shared_blocks", 15: "verity", 16: "orphan_present"},
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c continues a checksum the way the kernel does: neither the seed nor
// the result is inverted.
func crc32c(crc uint32, p []byte) uint32 { return ^crc32.Update(^crc, castagnoli, p) }

// volume is an opened superblock and what is needed to find blocks and inodes.
type volume struct {
	r      *io.SectionReader
	size   int64 // bytes there are, at most length
	length int64 // bytes the superblock says
	super  [superSize]byte

	blockSize                  int64
	blocks                     int64
	firstData                  int64
	perGroup                   int64 // blocks
	clusters                   int64 // per group
	inodes                     uint32
	inodesPerGroup             uint32
	inodeSize                  int64
	firstIno                   uint32
	groups                     int64
	descSize                   int64
	descPerBlock               int64
	firstMetaBG                int64
	superBlock                 int64
	backups                    [2]int64 // the first groups with copies of the descriptors
	compat, incompat, roCompat uint32
	seed                       uint32 // of metadata_csum
	superSum                   bool   // the superblock has a checksum and it is right

	cache chunkCache
	desc  descriptor // the last one read
	descG int64      // its group, -1 none
}

// plausible judges the first 0x68 bytes of a superblock.
func plausible(s []byte) bool {
	inodes, blocks := le.Uint32(s[0:]), le.Uint32(s[4:])
	logBlock, perGroup := le.Uint32(s[0x18:]), le.Uint32(s[0x20:])
	inodesPerGroup, rev := le.Uint32(s[0x28:]), le.Uint32(s[0x4C:])
	if s[0x38] != 0x53 || s[0x39] != 0xEF || logBlock > 6 || rev > 1 || inodes == 0 || perGroup == 0 || le.Uint32(s[0x14:]) > 1 {
		return false
	}
	bits := uint32(8) << (10 + logBlock)
	if inodesPerGroup == 0 || inodesPerGroup > bits || perGroup%8 != 0 && blocks > perGroup {
		return false
	}
	if le.Uint32(s[0x64:])&roBigalloc == 0 && perGroup > bits {
		return false
	}
	if rev == 0 {
		return true
	}
	inodeSize := le.Uint16(s[0x58:])
	return inodeSize >= 128 && inodeSize&(inodeSize-1) == 0 && uint32(inodeSize) <= bits/8 && le.Uint16(s[0x5A:]) == 0
}

// open reads the superblock. Its error says which field contradicts.
func open(r *io.SectionReader) (*volume, error) {
	fs := &volume{r: r, descG: -1}
	s := fs.super[:]
	if n, err := r.ReadAt(s, superOff); n < len(s) {
		return nil, fmt.Errorf("superblock at %#x: %w", superOff, err)
	}
	if !plausible(s) {
		return nil, errors.New("superblock: fields contradict each other")
	}
	rev := le.Uint32(s[0x4C:])
	fs.blockSize = 1024 << le.Uint32(s[0x18:])
	fs.blocks = int64(le.Uint32(s[4:]))
	fs.firstData = int64(le.Uint32(s[0x14:]))
	fs.perGroup = int64(le.Uint32(s[0x20:]))
	fs.clusters = fs.perGroup
	fs.inodes = le.Uint32(s[0:])
	fs.inodesPerGroup = le.Uint32(s[0x28:])
	fs.inodeSize, fs.firstIno, fs.descSize = 128, 11, 32
	free, reserved := int64(le.Uint32(s[0xC:])), int64(le.Uint32(s[8:]))
	if rev >= 1 {
		fs.compat, fs.incompat, fs.roCompat = le.Uint32(s[0x5C:]), le.Uint32(s[0x60:]), le.Uint32(s[0x64:])
		fs.inodeSize = int64(le.Uint16(s[0x58:]))
		fs.firstIno = le.Uint32(s[0x54:])
	}
	if fs.incompat&incompat64bit != 0 {
		fs.descSize = int64(le.Uint16(s[0xFE:]))
		if fs.descSize < 64 || fs.descSize&(fs.descSize-1) != 0 || fs.descSize > 1024 {
			return nil, fmt.Errorf("superblock: descriptor size %d", fs.descSize)
		}
		fs.blocks |= int64(le.Uint32(s[0x150:])) << 32
		reserved |= int64(le.Uint32(s[0x154:])) << 32
		free |= int64(le.Uint32(s[0x158:])) << 32
	}
	if fs.blocks <= fs.firstData || fs.blocks > 1<<46 || free < 0 || free > fs.blocks || reserved < 0 || reserved > fs.blocks {
		return nil, fmt.Errorf("superblock: %d blocks, %d free, %d reserved", fs.blocks, free, reserved)
	}
	if fs.roCompat&roBigalloc != 0 {
		logCluster := le.Uint32(s[0x1C:])
		logBlock := le.Uint32(s[0x18:])
		fs.clusters = int64(le.Uint32(s[0x24:]))
		if logCluster < logBlock || logCluster > 20 || fs.clusters == 0 || fs.clusters > fs.blockSize*8 || fs.clusters<<(logCluster-logBlock) != fs.perGroup {
			return nil, fmt.Errorf("superblock: %d clusters of 2^%d kB a group", fs.clusters, logCluster)
		}
	}
	if fs.incompat&incompatJournalDev == 0 {
		fs.groups = (fs.blocks - fs.firstData + fs.perGroup - 1) / fs.perGroup
		if fs.groups*int64(fs.inodesPerGroup) != int64(fs.inodes) || le.Uint32(s[0x10:]) > fs.inodes || int64(fs.inodes)*fs.inodeSize/fs.blockSize > fs.blocks {
			return nil, fmt.Errorf("superblock: %d inodes, %d groups of %d", fs.inodes, fs.groups, fs.inodesPerGroup)
		}
	}
	fs.descPerBlock = fs.blockSize / fs.descSize
	fs.firstMetaBG = 1 << 62
	if fs.incompat&incompatMetaBG != 0 {
		fs.firstMetaBG = int64(le.Uint32(s[0x104:]))
	}
	if fs.blockSize == 1024 {
		fs.superBlock = 1
	}
	switch {
	case fs.compat&compatSparseSuper2 != 0:
		fs.backups = [2]int64{int64(le.Uint32(s[0x24C:])), int64(le.Uint32(s[0x250:]))}
	case fs.roCompat&roSparseSuper != 0:
		fs.backups = [2]int64{1, 3}
	default:
		fs.backups = [2]int64{1, 2}
	}
	fs.length = fs.blocks * fs.blockSize
	fs.size = min(fs.length, r.Size())
	if fs.roCompat&roMetadataCsum != 0 {
		fs.superSum = crc32c(^uint32(0), s[:0x3FC]) == le.Uint32(s[0x3FC:])
		fs.seed = crc32c(^uint32(0), s[0x68:0x78])
		if fs.incompat&incompatCsumSeed != 0 {
			fs.seed = le.Uint32(s[0x270:])
		}
	}
	return fs, nil
}

// hasSuper says whether a group begins with a copy of the superblock.
func (fs *volume) hasSuper(g int64) bool {
	if g == 0 {
		return true
	}
	if fs.compat&compatSparseSuper2 != 0 {
		return g == fs.backups[0] || g == fs.backups[1]
	}
	if g == 1 || fs.roCompat&roSparseSuper == 0 {
		return true
	}
	for _, base := range [...]int64{3, 5, 7} {
		n := base
		for n < g {
			n *= base
		}
		if n == g {
			return true
		}
	}
	return false
}

func (fs *volume) groupBlock(g int64) int64 { return fs.firstData + g*fs.perGroup }

// descBlock is where block i of the group descriptors stands, copy 0 being
// the primary. It returns 0 when there is no such copy.
func (fs *volume) descBlock(i int64, copy int) int64 {
	if i < fs.firstMetaBG {
		if copy == 0 {
			return fs.superBlock + 1 + i
		}
		if g := fs.backups[min(copy, 2)-1]; g > 0 && g < fs.groups {
			return fs.groupBlock(g) + 1 + i
		}
		return 0
	}
	// meta_bg: the first, second and last group of each meta group hold one.
	g := i * fs.descPerBlock
	switch copy {
	case 0:
	case 1:
		g++
	case 2:
		g += fs.descPerBlock - 1
	default:
		return 0
	}
	if g >= fs.groups {
		return 0
	}
	b := fs.groupBlock(g)
	if fs.hasSuper(g) {
		b++
	}
	if g == 0 && fs.blockSize == 1024 && fs.firstData == 0 {
		b++ // bigalloc: block 0 is the boot block, block 1 the superblock
	}
	return b
}

// descriptor is one group's entry in the descriptor table.
type descriptor struct {
	blockBitmap, inodeBitmap, inodeTable int64
	flags                                uint16
	unused                               uint32 // inodes at the table's end never used
	copy                                 int    // which copy of the table was good
}

const (
	flagInodeUninit = 1
	flagBlockUninit = 2
)

var errNoDescriptor = errors.New("no copy of the group descriptor is readable and right")

// group reads a group's descriptor, from a backup where the primary is bad.
func (fs *volume) group(g int64) (descriptor, error) {
	if g == fs.descG {
		return fs.desc, nil
	}
	if g < 0 || g >= fs.groups {
		return descriptor{}, fmt.Errorf("group %d of %d", g, fs.groups)
	}
	for copy := 0; copy < 3; copy++ {
		b := fs.descBlock(g/fs.descPerBlock, copy)
		if b == 0 {
			continue
		}
		raw, err := fs.at(b*fs.blockSize+g%fs.descPerBlock*fs.descSize, fs.descSize)
		if err != nil {
			continue
		}
		if d, ok := fs.parseDescriptor(g, raw); ok {
			d.copy = copy
			fs.desc, fs.descG = d, g
			return d, nil
		}
	}
	return descriptor{}, errNoDescriptor
}

func (fs *volume) parseDescriptor(g int64, raw []byte) (descriptor, bool) {
	d := descriptor{
		blockBitmap: int64(le.Uint32(raw[0:])),
		inodeBitmap: int64(le.Uint32(raw[4:])),
		inodeTable:  int64(le.Uint32(raw[8:])),
		flags:       le.Uint16(raw[0x12:]),
		unused:      uint32(le.Uint16(raw[0x1C:])),
	}
	if fs.descSize >= 64 {
		d.blockBitmap |= int64(le.Uint32(raw[0x20:])) << 32
		d.inodeBitmap |= int64(le.Uint32(raw[0x24:])) << 32
		d.inodeTable |= int64(le.Uint32(raw[0x28:])) << 32
		d.unused |= uint32(le.Uint16(raw[0x32:])) << 16
	}
	switch {
	case fs.roCompat&roMetadataCsum != 0:
		var n [4]byte
		le.PutUint32(n[:], uint32(g))
		crc := crc32c(crc32c(fs.seed, n[:]), raw[:0x1E])
		crc = crc32c(crc, []byte{0, 0})
		crc = crc32c(crc, raw[0x20:])
		if uint16(crc) != le.Uint16(raw[0x1E:]) {
			return d, false
		}
	case fs.roCompat&roGDTCsum != 0:
		var n [4]byte
		le.PutUint32(n[:], uint32(g))
		crc := crc16(crc16(crc16(0xFFFF, fs.super[0x68:0x78]), n[:]), raw[:0x1E])
		if len(raw) > 0x20 {
			crc = crc16(crc, raw[0x20:])
		}
		if crc != le.Uint16(raw[0x1E:]) {
			return d, false
		}
	default:
		d.flags, d.unused = 0, 0 // defined with checksums only
	}
	table := (int64(fs.inodesPerGroup)*fs.inodeSize + fs.blockSize - 1) / fs.blockSize
	ok := d.blockBitmap > 0 && d.blockBitmap < fs.blocks && d.inodeBitmap > 0 && d.inodeBitmap < fs.blocks &&
		d.inodeTable > 0 && d.inodeTable <= fs.blocks-table && d.blockBitmap != d.inodeBitmap && d.unused <= fs.inodesPerGroup
	return d, ok
}

// crc16 is CRC-16/ARC without final inversion, of gdt_csum.
func crc16(crc uint16, p []byte) uint16 {
	for _, b := range p {
		crc ^= uint16(b)
		for range 8 {
			crc = crc>>1 ^ 0xA001&-(crc&1)
		}
	}
	return crc
}

const (
	rootOK = iota
	rootBeyond
	rootBad
	rootNone
)

// rootState says whether the root inode is where the descriptors lead.
func (fs *volume) rootState() int {
	d, err := fs.group(0)
	if err != nil {
		if b := fs.descBlock(0, 0); (b+1)*fs.blockSize > fs.size {
			return rootBeyond
		}
		return rootNone
	}
	off := d.inodeTable*fs.blockSize + (rootIno-1)*fs.inodeSize
	raw, err := fs.at(off, fs.inodeSize)
	if err != nil {
		return rootBeyond
	}
	if le.Uint16(raw)&0xF000 != 0x4000 {
		if fs.roCompat&(roMetadataCsum|roGDTCsum) == 0 {
			return rootNone // nothing else says that the descriptor is one
		}
		return rootBad
	}
	return rootOK
}

// at returns n bytes at off, valid until the next call.
func (fs *volume) at(off, n int64) ([]byte, error) {
	if off < 0 || n > fs.size || off > fs.size-n {
		return nil, fmt.Errorf("%d bytes at %#x: image ends at %d", n, off, fs.size)
	}
	return fs.cache.at(fs.r, off, n)
}

// chunkCache keeps pieces of descriptor and inode tables, which are read in
// the order of directory entries. Direct mapped.
type chunkCache struct {
	slots []chunk
	big   []byte
}

type chunk struct {
	num  int64 // +1
	data []byte
}

const (
	chunkSize  = 4096
	chunkSlots = 1024
)

func (c *chunkCache) at(r io.ReaderAt, off, n int64) ([]byte, error) {
	num, in := off/chunkSize, off%chunkSize
	if in+n > chunkSize {
		if int64(cap(c.big)) < n {
			c.big = make([]byte, n)
		}
		_, err := io.ReadFull(io.NewSectionReader(r, off, n), c.big[:n])
		return c.big[:n], err
	}
	if c.slots == nil {
		c.slots = make([]chunk, 16)
	}
	// Small volumes never need the whole table.
	if num >= int64(len(c.slots)) && len(c.slots) < chunkSlots {
		size := min(chunkSlots, 1<<bits.Len64(uint64(num)))
		old := c.slots
		c.slots = make([]chunk, size)
		for _, s := range old {
			if s.num > 0 {
				c.slots[(s.num-1)%int64(size)] = s
			}
		}
	}
	s := &c.slots[num%int64(len(c.slots))]
	if s.num != num+1 {
		if s.data == nil {
			s.data = make([]byte, 0, chunkSize)
		}
		got, err := r.ReadAt(s.data[:chunkSize], num*chunkSize)
		if err != nil && err != io.EOF {
			s.num = 0
			return nil, err
		}
		s.num, s.data = num+1, s.data[:got]
	}
	if in+n > int64(len(s.data)) {
		return nil, io.ErrUnexpectedEOF
	}
	return s.data[in : in+n], nil
}

// notes tells what the superblock states.
func (fs *volume) notes(out wardein.Members) {
	s := fs.super[:]
	name := "ext2"
	switch {
	case fs.incompat&^0x1F != 0 || fs.roCompat&^7 != 0:
		name = "ext4"
	case fs.compat&compatJournal != 0:
		name = "ext3"
	}
	out.Note("filesystem", name)
	out.Note("block size", fmt.Sprint(fs.blockSize))
	if le.Uint32(s[0x4C:]) == 0 {
		return
	}
	out.Note("uuid", fmt.Sprintf("%x-%x-%x-%x-%x", s[0x68:0x6C], s[0x6C:0x6E], s[0x6E:0x70], s[0x70:0x72], s[0x72:0x78]))
	for _, f := range []struct {
		name string
		raw  []byte
	}{{"volume name", s[0x78:0x88]}, {"last mounted", s[0x88:0xC8]}} {
		if text := cString(f.raw); text != "" {
			out.Note(f.name, text)
		}
	}
	features := ""
	for i, word := range [...]uint32{fs.compat, fs.incompat, fs.roCompat} {
		for bit := range 32 {
			if word>>bit&1 == 0 {
				continue
			}
			n := featureNames[i][bit]
			if n == "" {
				n = fmt.Sprintf("%s-bit-%d", [...]string{"compat", "incompat", "ro"}[i], bit)
			}
			features += " " + n
		}
	}
	if features != "" {
		out.Note("features", features[1:])
	}
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
