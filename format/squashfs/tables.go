package squashfs

import (
	"fmt"

	"github.com/wardein/wardein"
)

// index reads entry i of the list of metadata block positions at at, which
// are 64 bits wide, or 32 before version 3.
func (v *volume) index(at int64, i int64, of table) (int64, error) {
	wide := int64(8)
	if v.major < 3 {
		wide = 4
	}
	var b [8]byte
	place := at + i*wide
	if i < 0 || i > v.r.Size() || place > v.r.Size()-wide {
		return 0, fmt.Errorf("%s at %#x: entry %d of its index lies beyond the image's end %#x", of, at, i, v.r.Size())
	}
	if _, err := v.r.ReadAt(b[:wide], place); err != nil {
		return 0, fmt.Errorf("%s at %#x: %w", of, at, err)
	}
	v.meta.mark(place, wide, of)
	f := fields{b: b[:wide], be: v.be}
	return int64(f.take(int(wide) * 8)), nil
}

// readIDs reads the owner numbers. Version 4 keeps users and groups in one
// table of metadata blocks, the others in two plain lists.
func (v *volume) readIDs() error {
	if v.major < 4 {
		var err error
		if v.idList, err = v.plainIDs(v.idTable, v.ids); err == nil {
			v.guidList, err = v.plainIDs(v.guidTable, v.guids)
		}
		return err
	}
	const perBlock = metaSize / 4
	for len(v.idList) < v.ids {
		at, err := v.index(v.idTable, int64(len(v.idList)/perBlock), idTable)
		if err != nil {
			return err
		}
		c := cursor{m: v.meta, at: at, of: idTable}
		f, err := v.fields(&c, 4*min(perBlock, v.ids-len(v.idList)))
		if err != nil {
			return fmt.Errorf("id table: %w", err)
		}
		for range len(f.b) / 4 {
			v.idList = append(v.idList, f.u32())
		}
	}
	return nil
}

func (v *volume) plainIDs(at int64, n int) ([]uint32, error) {
	if n == 0 || at == noTable {
		return nil, nil
	}
	b := make([]byte, 4*n)
	if _, err := v.r.ReadAt(b, at); err != nil {
		return nil, fmt.Errorf("id table at %#x: %d ids: %w", at, n, err)
	}
	v.meta.mark(at, int64(len(b)), idTable)
	f := fields{b: b, be: v.be}
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = f.u32()
	}
	return ids, nil
}

// id returns the owner that an inode's index means.
func (v *volume) id(i uint32) uint32 {
	if int64(i) < int64(len(v.idList)) {
		return v.idList[i]
	}
	v.badOwner("user", i, len(v.idList))
	return 0
}

// badOwner reports an index that the table does not hold, the first time.
func (v *volume) badOwner(what string, i uint32, n int) {
	v.once(what, wardein.Gap{Kind: wardein.Damaged, Why: fmt.Sprintf("%s index %d, the id table has %d", what, i, n)})
}

// fragment reads entry i of the fragment table: where the fragment block
// stands and its stored size with the "as it is" bit.
func (v *volume) fragment(i uint32) (start uint64, size uint32, err error) {
	if i >= v.fragments || v.fragTable == noTable {
		return 0, 0, fmt.Errorf("fragment %d of %d", i, v.fragments)
	}
	each := int64(16)
	if v.major < 3 {
		each = 8
	}
	at, err := v.index(v.fragTable, int64(i)*each/metaSize, fragTable)
	if err != nil {
		return 0, 0, err
	}
	c := cursor{m: v.meta, at: at, off: int(int64(i) * each % metaSize), of: fragTable}
	f, err := v.fields(&c, int(each))
	if err != nil {
		return 0, 0, fmt.Errorf("fragment %d: %w", i, err)
	}
	if v.major < 3 {
		return uint64(f.u32()), f.u32(), nil
	}
	return f.u64(), f.u32(), nil
}

// export compares the export table, which maps inode numbers to inodes, with
// the inode numbers that the directories reached: what only the table names is
// content that no path leads to.
func (v *volume) export() {
	if v.exportTable == noTable || len(v.reached) == 0 {
		return
	}
	const perBlock = metaSize / 8
	var lost, first int64
	for i := int64(0); i < int64(v.inodes); {
		at, err := v.index(v.exportTable, i/perBlock, exportTable)
		if err != nil {
			v.gap("", err)
			return
		}
		c := cursor{m: v.meta, at: at, of: exportTable}
		f, err := v.fields(&c, 8*int(min(perBlock, int64(v.inodes)-i)))
		if err != nil {
			v.gap("", fmt.Errorf("export table: %w", err))
			return
		}
		for range len(f.b) / 8 {
			if f.u64(); v.reached[i/64]>>(i%64)&1 == 0 {
				if lost++; lost == 1 {
					first = i + 1
				}
			}
			i++
		}
	}
	if lost > 0 {
		v.out.Gap(wardein.Gap{Kind: wardein.Damaged, Why: fmt.Sprintf("export table names %d inodes that no directory reaches, first is inode %d", lost, first)})
	}
}

// reach notes that the inode of that number has a path.
func (v *volume) reach(number uint32) {
	if number > 0 && int64(number) <= int64(v.inodes) && len(v.reached) > 0 {
		i := number - 1
		v.reached[i/64] |= 1 << (i % 64)
	}
}
