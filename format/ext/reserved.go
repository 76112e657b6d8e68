package ext

import (
	"fmt"

	"github.com/wardein/wardein"
)

// reserved reads the inodes that have a purpose and no name.
func (w *walker) reserved() error {
	fs, s := w.fs, w.fs.super[:]
	rev := le.Uint32(s[0x4C:])
	names := map[uint32]string{3: "<user quota>", 4: "<group quota>", 5: "<boot loader>", 6: "<undelete>", 9: "<snapshot>", 10: "<replica>"}
	var later []uint32
	journal := uint32(0)
	if rev >= 1 {
		if fs.compat&compatJournal != 0 {
			journal = le.Uint32(s[0xE0:])
		}
		if n := le.Uint32(s[0x26C:]); fs.roCompat&(1<<13) != 0 && n >= fs.firstIno {
			names[n], later = "<project quota>", append(later, n)
		}
		if n := le.Uint32(s[0x280:]); fs.compat&compatOrphanFile != 0 && n > 10 {
			names[n], later = "<orphan file>", append(later, n)
		}
	}
	for _, num := range append([]uint32{1, 3, 4, 5, 6, 7, 9, 10}, later...) {
		in := &w.child
		if num == journal || num > fs.inodes || w.reached(num) || fs.inode(num, in) != nil || isZero(in.raw) {
			continue
		}
		switch num {
		case 1: // bad blocks: nobody's bytes
			w.reach(num)
			if _, err := w.m.mapInode(in, "<bad blocks>"); err != nil {
				return err
			}
		case 7:
			w.reach(num)
			if _, err := w.m.mapInode(in, "<resize>"); err != nil {
				return err
			}
		default:
			if in.mode>>12 != 8 || in.size == 0 {
				continue
			}
			w.reach(num)
			w.checkSum(in, names[num])
			w.first[num] = names[num]
			if err := w.content(in, in.entry(names[num])); err != nil {
				return err
			}
		}
	}
	if journal != 0 && !w.reached(journal) {
		return w.journal(journal)
	}
	return nil
}

// inodeTables reports the slots of the inode tables that are in use, and hands
// out inodes that are allocated and that no directory led to. Slots that are
// free and not zero (deleted inodes) are claimed by nobody.
func (w *walker) inodeTables() error {
	fs := w.fs
	if w.budget < 0 {
		return nil
	}
	bitmap := make([]byte, (fs.inodesPerGroup+7)/8)
	// Unreached directories first: they lead to others.
	for _, pass := range [...]func(g int64, d descriptor, bitmap []byte) error{w.orphanDirs, w.orphansAndSlots} {
		for g := int64(0); g < fs.groups; g++ {
			if err := w.ctx.Err(); err != nil {
				return err
			}
			d, err := fs.group(g)
			if err != nil {
				if fs.descBlock(g/fs.descPerBlock, 0)*fs.blockSize >= fs.size {
					break
				}
				continue
			}
			if d.flags&flagInodeUninit != 0 {
				continue
			}
			if err := w.spend(8 * int64(len(bitmap))); err != nil {
				return err
			}
			have := bitmap
			if off := d.inodeBitmap * fs.blockSize; off+int64(len(bitmap)) > fs.size {
				have = nil
			} else if _, err := fs.r.ReadAt(bitmap, off); err != nil {
				have = nil
			}
			if err := pass(g, d, have); err != nil {
				return err
			}
		}
	}
	return nil
}

// unreached calls f for every inode of a group that is allocated and was not
// reached.
func (w *walker) unreached(g int64, d descriptor, bitmap []byte, f func(num uint32) error) error {
	fs := w.fs
	base := uint32(g) * fs.inodesPerGroup
	for i, b := range bitmap {
		for ; b != 0; b &= b - 1 {
			n := uint32(i*8 + trailing(b))
			num := base + n + 1
			if n >= fs.inodesPerGroup-d.unused || num < fs.firstIno || w.reached(num) {
				continue
			}
			if err := w.spend(fs.inodeSize); err != nil {
				return err
			}
			if err := f(num); err != nil {
				return err
			}
		}
	}
	return nil
}

func trailing(b byte) int {
	n := 0
	for ; b&1 == 0; b >>= 1 {
		n++
	}
	return n
}

func (w *walker) orphanDirs(g int64, d descriptor, bitmap []byte) error {
	return w.unreached(g, d, bitmap, func(num uint32) error {
		var in inode
		if w.fs.inode(num, &in) != nil || in.mode>>12 != 4 || w.sumBad(&in) {
			return nil
		}
		name := fmt.Sprintf("<orphan>/%d", num)
		if err := w.inodeMember(num, name, 0, 0); err != nil {
			return err
		}
		return w.walk(pending{num, 1, name})
	})
}

func (w *walker) sumBad(in *inode) bool {
	found, computed := in.sum(w.fs)
	return found != computed
}

func (w *walker) orphansAndSlots(g int64, d descriptor, bitmap []byte) error {
	err := w.unreached(g, d, bitmap, func(num uint32) error {
		in := &w.child
		if w.fs.inode(num, in) != nil || isZero(in.raw) {
			return nil
		}
		if _, ok := in.kind(); !ok || w.sumBad(in) {
			w.gap(wardein.Gap{Kind: wardein.Damaged, Off: in.off, Len: w.fs.inodeSize, Why: fmt.Sprintf("inode %d at %#x: allocated, in no directory, mode %#o", num, in.off, in.mode)})
			return nil
		}
		return w.inodeMember(num, fmt.Sprintf("<orphan>/%d", num), 0, 0)
	})
	if err != nil {
		return err
	}
	fs := w.fs
	base := uint32(g)*fs.inodesPerGroup + 1
	off := d.inodeTable * fs.blockSize
	for n := uint32(0); n < fs.inodesPerGroup-d.unused; n++ {
		num, at := base+n, off+int64(n)*fs.inodeSize
		if at+fs.inodeSize > fs.size {
			break
		}
		// Descriptors of many groups may name one table.
		if err := w.spend(fs.inodeSize); err != nil {
			return err
		}
		if w.reached(num) || num < fs.firstIno {
			w.known(at, fs.inodeSize, "inode table")
			continue
		}
		raw, err := fs.at(at, fs.inodeSize)
		if err != nil {
			break
		}
		if isZero(raw) {
			w.known(at, fs.inodeSize, "inode table")
		}
	}
	return nil
}
