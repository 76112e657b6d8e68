package ext

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/wardein/wardein"
)

// The journal (jbd2) is big-endian. Its first block is its superblock; after
// it descriptor blocks each name the blocks whose copies follow.
const (
	journalMagic = 0xC03B3998

	journalDescriptor = 1
	journalCommit     = 2
	journalSuperV1    = 3
	journalSuperV2    = 4
	journalRevoke     = 5

	journalIncompat64bit  = 0x2
	journalIncompatCsumV2 = 0x8
	journalIncompatCsumV3 = 0x10

	tagSameUUID = 2
	tagLast     = 8
)

var be = binary.BigEndian

// journal reports the parts of the journal that its blocks name.
func (w *walker) journal(num uint32) error {
	fs, in := w.fs, &w.child
	w.reach(num)
	if err := fs.inode(num, in); err != nil {
		w.gap(wardein.Gap{Node: "<journal>", Kind: wardein.Damaged, Why: err.Error()})
		return nil
	}
	w.checkSum(in, "<journal>")
	mapped, err := w.m.mapInode(in, "<journal>")
	if err != nil {
		return err
	}
	runs := slices.Clone(mapped)
	buf := make([]byte, fs.blockSize)
	copies, tagSize, tail, first := 0, int64(8), int64(0), true
	for _, x := range runs {
		if x.Off < 0 {
			copies = max(0, copies-int(min(x.Len/fs.blockSize, 1<<20)))
			continue
		}
		for off := x.Off; off+fs.blockSize <= x.Off+x.Len; off += fs.blockSize {
			if err := w.spend(fs.blockSize); err != nil {
				return err
			}
			if err := fs.readBlock(buf, off/fs.blockSize); err != nil {
				break
			}
			kind := uint32(0)
			if be.Uint32(buf) == journalMagic {
				kind = be.Uint32(buf[4:])
			}
			if first {
				first = false
				if kind != journalSuperV1 && kind != journalSuperV2 || int64(be.Uint32(buf[12:])) != fs.blockSize {
					w.gap(wardein.Gap{Node: "<journal>", Kind: wardein.Damaged, Off: off, Len: fs.blockSize,
						Why: fmt.Sprintf("journal superblock at %#x: magic %#x, block size %d, expected %#x and %d", off, be.Uint32(buf), be.Uint32(buf[12:]), uint32(journalMagic), fs.blockSize)})
					return nil
				}
				w.known(off, 1024, "journal superblock")
				if kind == journalSuperV2 {
					tagSize, tail = tagLayout(be.Uint32(buf[0x28:]))
				}
				continue
			}
			switch {
			case copies > 0:
				copies--
				if !isZero(buf) {
					w.flush()
					w.out.Span(wardein.Span{Off: off, Len: fs.blockSize, What: wardein.Known, Is: "journal copy", Carve: true})
				}
			case kind == journalDescriptor:
				n, used := tags(buf[:fs.blockSize-tail], tagSize)
				copies = n
				w.known(off, used, "journal descriptor")
				if tail > 0 {
					w.known(off+fs.blockSize-tail, tail, "journal descriptor")
				}
			case kind == journalCommit:
				w.known(off, 0x3C, "journal commit")
			case kind == journalRevoke:
				w.known(off, min(max(16, int64(be.Uint32(buf[12:]))), fs.blockSize), "journal revoke")
				if tail > 0 {
					w.known(off+fs.blockSize-tail, tail, "journal revoke")
				}
			}
		}
	}
	return nil
}

func tagLayout(incompat uint32) (size, tail int64) {
	if incompat&journalIncompatCsumV3 != 0 {
		return 16, 4
	}
	size = 8
	if incompat&journalIncompat64bit != 0 {
		size = 12
	}
	if incompat&journalIncompatCsumV2 != 0 {
		return size + 2, 4
	}
	return size, 0
}

// tags counts the blocks that a descriptor block names and the bytes used.
func tags(buf []byte, size int64) (n int, used int64) {
	pos := int64(12)
	for pos+size <= int64(len(buf)) {
		flags := uint32(be.Uint16(buf[pos+6:]))
		if size == 16 {
			flags = be.Uint32(buf[pos+4:])
		}
		pos += size
		if flags&tagSameUUID == 0 {
			pos += 16
		}
		n++
		if flags&tagLast != 0 {
			break
		}
	}
	return n, min(pos, int64(len(buf)))
}
