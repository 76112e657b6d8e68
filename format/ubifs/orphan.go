package ubifs

import (
	"fmt"
	"slices"

	"github.com/wardein/wardein"
)

// orphans is where members stand that no path from the root leads to.
const orphans = "<orphan>"

// orphans hands out inodes that were not reached: first those that nothing
// names, with what is below them, then the rest (loops), then what belongs to
// inodes that are missing themselves.
func (w *walker) orphans() error {
	named := map[uint32]bool{}
	var left []int
	for i := range w.inodes {
		if w.named[i] == 0 {
			left = append(left, i)
		}
	}
	if len(left) > 0 {
		for _, r := range w.dents {
			if k := w.find(inum(r.key)); k >= 0 && w.named[k] != 0 {
				continue
			}
			if b, err := w.node(&w.leaf, r.off, dentNode, int64(r.len)); err == nil {
				if d, err := parseDent(b); err == nil && d.inum != uint64(inum(r.key)) {
					named[uint32(d.inum)] = true
				}
			}
		}
	}
	for _, loops := range []bool{false, true} {
		for _, i := range left {
			ino := inum(w.inodes[i].key)
			if w.named[i] != 0 || named[ino] && !loops {
				continue
			}
			w.named[i] = rootMark
			if n, err := w.inode(i); err == nil && n.flags&flagXattr != 0 {
				continue // the value of an attribute that nothing has any more
			}
			why := "no directory names it"
			if w.orphaned[ino] {
				why = "it was deleted while open"
			}
			name := fmt.Sprintf("%s/ino-%d", orphans, ino)
			w.out.Note(name, why)
			if err := w.emit(name, i); err != nil {
				return err
			}
			if err := w.run(); err != nil {
				return err
			}
		}
	}

	// Directories and files without an inode node.
	for i := 0; i < len(w.dents); i++ {
		ino := inum(w.dents[i].key)
		if i > 0 && inum(w.dents[i-1].key) == ino || w.find(ino) >= 0 || ino == 1 {
			continue
		}
		if err := w.lostInode(fmt.Sprintf("%s/ino-%d", orphans, ino), ino, 1); err != nil {
			return err
		}
		if err := w.run(); err != nil {
			return err
		}
	}
	for i := 0; i < len(w.datas); i++ {
		ino := inum(w.datas[i].key)
		if i > 0 && inum(w.datas[i-1].key) == ino || w.find(ino) >= 0 {
			continue
		}
		if err := w.lostInode(fmt.Sprintf("%s/ino-%d", orphans, ino), ino, 0); err != nil {
			return err
		}
	}
	return nil
}

// lostInode hands out what is there of an inode that has no inode node: the
// entries of a directory or the blocks of a file.
func (w *walker) lostInode(name string, ino uint32, kind byte) error {
	if at, ok := w.links[ino]; ok {
		if at == name || kind == 1 {
			return nil
		}
		return w.out.Entry(wardein.Entry{Name: name, Kind: wardein.HardLink, Target: at})
	}
	i, _ := slices.BinarySearchFunc(w.dents, ino, inoOf)
	isDir := i < len(w.dents) && inum(w.dents[i].key) == ino
	refs := w.dataOf(ino)
	if !isDir && len(refs) == 0 {
		w.gap(wardein.Damaged, name, 0, 0, fmt.Sprintf("inode %d is missing", ino))
		return nil
	}
	w.links[ino] = name
	w.gap(wardein.Damaged, name, 0, 0, fmt.Sprintf("inode %d is missing: mode, owner and size are not known", ino))
	if isDir {
		w.todo = append(w.todo, dir{name, ino})
		return w.out.Entry(wardein.Entry{Name: name, Kind: wardein.Directory})
	}
	last := refs[len(refs)-1]
	size := (int64(block(last.key)) + 1) * blockSize
	if b, err := w.node(&w.leaf, last.off, dataNode, int64(last.len)); err == nil {
		size += min(int64(le.Uint32(b[40:])), blockSize) - blockSize
	}
	return w.out.Blocks(wardein.Entry{Name: name, Kind: wardein.File}, w.blocks(name, refs, size))
}
