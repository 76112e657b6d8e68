package squashfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/wardein/wardein"
)

// Flags of the superblock (squashfs_fs.h). The low eight are the same in all
// versions.
const (
	flagCheck     = 1 << 2  // versions 1 to 3: a marker byte follows each metadata header
	flagExport    = 1 << 7  // an export table is there (3.1 and later)
	flagNoXattrs  = 1 << 9  // version 4
	flagOptions   = 1 << 10 // version 4: compressor options follow the superblock
	noTable       = -1      // a table that is not there
	metaSize      = 8192    // decoded size of a metadata block
	maxBlockSize  = 1 << 20
	minBlockSize  = 4096
	superblockMax = 119
)

// superblock is what the first bytes of any version say, brought into one
// form. Table positions are relative to the superblock; noTable is none.
type superblock struct {
	magic        string
	be           bool
	major, minor uint16
	size         int // of the superblock itself
	inodes       uint32
	fragments    uint32
	blockSize    uint32
	flags        uint16
	compressor   uint16 // version 4 only
	ids          int    // version 4: ids; before: user ids
	guids        int    // before version 4
	mtime        uint32
	root         uint64
	used         int64

	inodeTable, dirTable, fragTable, exportTable int64
	idTable, guidTable, xattrTable               int64
}

// magics lists what the first four bytes can be. Vendors who used LZMA before
// the mainline did changed the magic so that old tools would stay away. The
// byte order is the usual one of the numbers that follow.
var magics = [...]struct {
	bytes string
	be    bool
}{
	{"hsqs", false}, {"sqsh", true},
	{"shsq", false}, {"qshs", true},
	{"hsqt", false}, {"tqsh", true},
	{"sqlz", true},
}

// parseSuperblock reads b, the first bytes of the candidate, and rejects what
// cannot be a superblock.
func parseSuperblock(b []byte) (superblock, bool) {
	var s superblock
	if len(b) < 51 {
		return s, false
	}
	found := false
	for i := range magics {
		if string(b[:4]) == magics[i].bytes {
			s.magic, s.be, found = magics[i].bytes, magics[i].be, true
		}
	}
	if !found {
		return s, false
	}
	var o binary.ByteOrder = binary.LittleEndian
	if s.be {
		o = binary.BigEndian
	}
	s.major, s.minor = o.Uint16(b[28:]), o.Uint16(b[30:])
	if s.major < 1 || s.major > 4 {
		// The magic says nothing sure about the order in vendor variants.
		s.be = !s.be
		if o = binary.LittleEndian; s.be {
			o = binary.BigEndian
		}
		s.major, s.minor = o.Uint16(b[28:]), o.Uint16(b[30:])
	}
	var ok bool
	switch s.major {
	case 1, 2, 3:
		ok = s.parseOld(b, o)
	case 4:
		ok = s.parse4(b, o)
	}
	return s, ok && s.plausible()
}

// parse4 reads struct squashfs_super_block of version 4: 96 bytes.
func (s *superblock) parse4(b []byte, o binary.ByteOrder) bool {
	if len(b) < 96 {
		return false
	}
	s.size = 96
	s.inodes = o.Uint32(b[4:])
	s.mtime = o.Uint32(b[8:])
	s.blockSize = o.Uint32(b[12:])
	s.fragments = o.Uint32(b[16:])
	s.compressor = o.Uint16(b[20:])
	s.flags = o.Uint16(b[24:])
	s.ids = int(o.Uint16(b[26:]))
	s.root = o.Uint64(b[32:])
	s.used = int64(o.Uint64(b[40:]))
	s.idTable = int64(o.Uint64(b[48:]))
	s.xattrTable = int64(o.Uint64(b[56:]))
	s.inodeTable = int64(o.Uint64(b[64:]))
	s.dirTable = int64(o.Uint64(b[72:]))
	s.fragTable = int64(o.Uint64(b[80:]))
	s.exportTable = int64(o.Uint64(b[88:]))
	s.guidTable = noTable
	return s.blockSize == 1<<(o.Uint16(b[22:])&31) && s.ids > 0
}

// parseOld reads the superblock of versions 1 (51 bytes), 2 (63) and 3 (119),
// each of which is the beginning of the next, save that version 3 moved the
// table positions to where 64 bits fit.
func (s *superblock) parseOld(b []byte, o binary.ByteOrder) bool {
	s.size = [...]int{1: 51, 2: 63, 3: 119}[s.major]
	if len(b) < s.size {
		return false
	}
	s.inodes = o.Uint32(b[4:])
	s.blockSize = uint32(o.Uint16(b[32:]))
	s.flags = uint16(b[36])
	s.ids, s.guids = int(b[37]), int(b[38])
	s.mtime = o.Uint32(b[39:])
	s.root = o.Uint64(b[43:])
	s.xattrTable, s.fragTable, s.exportTable = noTable, noTable, noTable
	if s.major > 1 {
		s.blockSize = o.Uint32(b[51:])
		s.fragments = o.Uint32(b[55:])
	}
	if s.major < 3 {
		s.used = int64(o.Uint32(b[8:]))
		s.idTable = int64(o.Uint32(b[12:]))
		s.guidTable = int64(o.Uint32(b[16:]))
		s.inodeTable = int64(o.Uint32(b[20:]))
		s.dirTable = int64(o.Uint32(b[24:]))
		if s.major == 2 && s.fragments > 0 {
			s.fragTable = int64(o.Uint32(b[59:]))
		}
	} else {
		s.used = int64(o.Uint64(b[63:]))
		s.idTable = int64(o.Uint64(b[71:]))
		s.guidTable = int64(o.Uint64(b[79:]))
		s.inodeTable = int64(o.Uint64(b[87:]))
		s.dirTable = int64(o.Uint64(b[95:]))
		if s.fragments > 0 {
			s.fragTable = int64(o.Uint64(b[103:]))
		}
		if s.flags&flagExport != 0 {
			s.exportTable = int64(o.Uint64(b[111:]))
		}
	}
	if s.guids == 0 {
		s.guidTable = noTable
	}
	return s.blockSize == 1<<(o.Uint16(b[34:])&31)
}

// plausible says whether the numbers agree with each other.
func (s *superblock) plausible() bool {
	smallest := uint32(minBlockSize)
	if s.major < 3 {
		smallest = 512 // what the first mksquashfs allowed
	}
	if bits.OnesCount32(s.blockSize) != 1 || s.blockSize < smallest || s.blockSize > maxBlockSize {
		return false
	}
	if s.inodes == 0 || s.used < int64(s.size) {
		return false
	}
	in := func(at int64, may bool) bool {
		return may && at == noTable || at >= int64(s.size) && at < s.used
	}
	return in(s.inodeTable, false) && in(s.dirTable, false) && s.inodeTable < s.dirTable &&
		in(s.fragTable, true) && in(s.exportTable, true) && in(s.xattrTable, true) &&
		in(s.guidTable, true) && in(s.idTable, s.major < 4 && s.ids == 0) &&
		s.root>>48 == 0 && s.root&0xFFFF < metaSize && int64(s.root>>16) < s.used-s.inodeTable
}

// usedAt is where the superblock says how long the volume is.
func (s *superblock) usedAt() int { return [...]int{1: 8, 2: 8, 3: 63, 4: 40}[s.major] }

// readSuperblock reads and checks the first bytes of r.
func readSuperblock(r *io.SectionReader) (superblock, error) {
	var buf [superblockMax]byte
	b := buf[:min(superblockMax, r.Size())]
	if n, err := r.ReadAt(b, 0); n < len(b) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return superblock{}, fmt.Errorf("superblock: %w", err)
	}
	s, ok := parseSuperblock(b)
	if !ok {
		return s, wardein.ErrNotMine
	}
	return s, nil
}
