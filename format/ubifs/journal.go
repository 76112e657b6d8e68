package ubifs

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wardein/wardein"
)

// An entry is a node that is to be laid over the index.
type entry struct {
	ref
	sqnum    uint64
	kind     byte // node type
	deletion bool
	searched bool   // found by a search, not through the log
	size     int64  // inode: size; truncation: new size; data: where it ends
	name     string // of a dent or xent
}

// replay lays what was written after the last commit, and what a search found
// for damaged parts of the index, over the index.
func (fs *fileSystem) replay(m *master) error {
	var list []entry
	if m != nil {
		list = fs.readLog(m)
	}
	if len(fs.lost) > 0 {
		found, err := fs.search()
		if err != nil {
			return err
		}
		list = append(list, found...)
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		if c := compare(a.sqnum, b.sqnum); c != 0 {
			return c
		}
		return compare(a.off, b.off)
	})
	list = slices.CompactFunc(list, func(a, b entry) bool { return a.off == b.off })
	fs.apply(list, m != nil && m.dirty)
	return nil
}

// readLog finds the buds that the log names and reads their nodes.
func (fs *fileSystem) readLog(m *master) []entry {
	var list []entry
	type bud struct {
		off  int64
		head uint32
	}
	var buds []bud
	var start uint64
	lnum := int64(m.logLEB)
	if lnum < 3 || lnum >= 3+fs.logLEBs {
		fs.gap(wardein.Damaged, "", 0, 0, fmt.Sprintf("master: log begins in block %d, the log is %d to %d", lnum, 3, 2+fs.logLEBs))
		return nil
	}
	for range fs.logLEBs {
		refs, ended := 0, false
		fs.scan(lnum*fs.lebSize, func(off int64, b []byte) {
			sq := le.Uint64(b[8:])
			switch {
			case ended:
			case b[20] == commitNode:
				if start == 0 && le.Uint64(b[24:]) == m.commit {
					start = sq
				}
				if start == 0 || sq < start {
					ended = true
					return
				}
				fs.known(off, int64(len(b)), "commit start node")
				refs++
			case b[20] == refNode:
				if start == 0 || sq < start {
					ended = true
					return
				}
				fs.known(off, int64(len(b)), "reference node")
				buds = append(buds, bud{fs.place(le.Uint32(b[24:]), le.Uint32(b[28:])), le.Uint32(b[32:])})
				refs++
			case b[20] == authNode:
				fs.known(off, int64(len(b)), "authentication node")
			}
		})
		if refs == 0 || ended {
			break
		}
		if lnum++; lnum == 3+fs.logLEBs {
			lnum = 3
		}
	}
	if start == 0 {
		fs.gap(wardein.Damaged, "", int64(m.logLEB)*fs.lebSize, 0, fmt.Sprintf("log: block %d holds no commit start node of commit %d; nothing is replayed", m.logLEB, m.commit))
		return nil
	}
	seen := map[int64]bool{}
	last := map[uint32]int{}
	for i, b := range buds {
		last[b.head] = i
	}
	nodes := 0
	for i, b := range buds {
		if lnum := b.off / fs.lebSize; lnum < fs.mainFirst || lnum >= fs.lebCount || seen[b.off] {
			if !seen[b.off] {
				fs.gap(wardein.Damaged, "", b.off, 0, fmt.Sprintf("log: bud in block %d, the main area is %d to %d", lnum, fs.mainFirst, fs.lebCount-1))
			}
			continue
		}
		seen[b.off] = true
		if b.off >= fs.end {
			continue // an unmapped block: nothing was written to it yet
		}
		end, clean := fs.scan(b.off, func(off int64, n []byte) {
			if n[20] == authNode {
				fs.known(off, int64(len(n)), "authentication node")
				return
			}
			if e, ok := fs.entry(off, n); ok {
				list = append(list, e)
				nodes++
			}
		})
		if !clean {
			why := "bud holds damaged nodes; sound ones are used"
			if last[b.head] == i {
				why = "the last bud of its head ends in a damaged node, as a power cut leaves it; what is before it is used"
			}
			fs.gap(wardein.Damaged, "", b.off, max(end-b.off, 0), why)
		}
	}
	if nodes > 0 {
		fs.out.Note("journal", fmt.Sprintf("%d nodes in %d buds replayed over the index", nodes, len(seen)))
	}
	return list
}

// entry reads the part of a node that replaying needs.
func (fs *fileSystem) entry(off int64, b []byte) (entry, bool) {
	e := entry{sqnum: le.Uint64(b[8:]), kind: b[20]}
	e.off, e.len = off, int32(len(b))
	switch b[20] {
	case inoNode:
		e.key = key(b[24:])
		e.size = int64(le.Uint64(b[48:]))
		e.deletion = le.Uint32(b[92:]) == 0
	case dataNode:
		e.key = key(b[24:])
		e.size = int64(block(e.key))*blockSize + int64(le.Uint32(b[40:]))
	case dentNode, xentNode:
		d, err := parseDent(b)
		if err != nil {
			fs.gap(wardein.Damaged, "", off, int64(len(b)), fmt.Sprintf("node at %#x: %v", off, err))
			return e, false
		}
		e.key, e.name, e.deletion = key(b[24:]), d.name, d.inum == 0
	case trunNode:
		e.key = first(le.Uint32(b[24:])) | trunNode<<29
		e.size = int64(le.Uint64(b[48:]))
		e.deletion = true
	default:
		return e, false
	}
	if e.kind != keyType(e.key) {
		return e, false
	}
	return e, true
}

// search looks through the main area for nodes whose keys the damaged parts of
// the index would have held.
func (fs *fileSystem) search() ([]entry, error) {
	var list []entry
	for lnum := fs.mainFirst; lnum*fs.lebSize < fs.end; lnum++ {
		if err := fs.ctx.Err(); err != nil {
			return nil, err
		}
		fs.scan(lnum*fs.lebSize, func(off int64, b []byte) {
			if e, ok := fs.entry(off, b); ok && (e.kind == trunNode || fs.wasLost(e.key)) {
				e.searched = true
				list = append(list, e)
			}
		})
	}
	fs.out.Note("search", fmt.Sprintf("%d nodes found for %d damaged parts of the index", len(list), len(fs.lost)))
	return list, nil
}

func (fs *fileSystem) wasLost(k uint64) bool {
	i, found := slices.BinarySearchFunc(fs.lost, k, func(l keyRange, k uint64) int { return compare(l.from, k) })
	return found || i > 0 && k <= fs.lost[i-1].to
}

// apply changes the lists of leaves as the entries, oldest first, say
// (replay.c, apply_replay_entry).
func (fs *fileSystem) apply(list []entry, dirty bool) {
	type file struct {
		inode   ref
		exists  bool
		blocks  map[uint32]ref
		deleted bool
	}
	type name struct {
		key  uint64 // inode number and type
		name string
	}
	files := map[uint32]*file{}
	names := map[name]entry{}
	dirs := map[uint64]bool{}
	lastOf := map[uint32]bool{} // whether the last entry of an inode is a deletion
	for _, e := range list {
		lastOf[inum(e.key)] = e.deletion
	}
	touch := func(ino uint32) *file {
		f := files[ino]
		if f == nil {
			f = &file{blocks: map[uint32]ref{}}
			if i, ok := slices.BinarySearchFunc(fs.inodes, first(ino), keyOf); ok {
				f.inode, f.exists = fs.inodes[i], true
			}
			i, _ := slices.BinarySearchFunc(fs.datas, ino, inoOf)
			for ; i < len(fs.datas) && inum(fs.datas[i].key) == ino; i++ {
				f.blocks[block(fs.datas[i].key)] = fs.datas[i]
			}
			files[ino] = f
		}
		return f
	}
	for _, e := range list {
		ino := inum(e.key)
		switch e.kind {
		case inoNode:
			f := touch(ino)
			if e.deletion {
				if lastOf[ino] {
					*f = file{blocks: map[uint32]ref{}, deleted: true}
				}
				continue
			}
			f.inode, f.exists, f.deleted = e.ref, true, false
		case dataNode:
			f := touch(ino)
			f.blocks[block(e.key)] = e.ref
		case trunNode:
			f := touch(ino)
			if e.size < 0 {
				continue
			}
			keep := (e.size + blockSize - 1) / blockSize
			for b, r := range f.blocks {
				if int64(b) >= keep && (!e.searched || fs.wasLost(r.key)) {
					delete(f.blocks, b)
				}
			}
		default:
			k := first(ino) | uint64(e.kind)<<29
			names[name{k, e.name}] = e
			dirs[k] = true
		}
	}
	if dirty {
		fs.grown = map[uint32]int64{}
		for _, e := range list {
			ino := inum(e.key)
			switch e.kind {
			case dataNode:
				fs.grown[ino] = max(fs.grown[ino], e.size)
			case trunNode:
				fs.grown[ino] = e.size
			}
		}
	}

	// The lists without what was touched, then with what replaces it.
	gone := func(ino uint32) bool { f := files[ino]; return f != nil && f.deleted }
	fs.inodes = slices.DeleteFunc(fs.inodes, func(r ref) bool { return files[inum(r.key)] != nil })
	fs.datas = slices.DeleteFunc(fs.datas, func(r ref) bool { return files[inum(r.key)] != nil })
	for _, f := range files {
		if f.exists {
			fs.inodes = append(fs.inodes, f.inode)
		}
		for _, r := range f.blocks {
			fs.datas = append(fs.datas, r)
		}
	}
	for kind, refs := range map[byte]*[]ref{dentNode: &fs.dents, xentNode: &fs.xents} {
		*refs = slices.DeleteFunc(*refs, func(r ref) bool {
			ino := inum(r.key)
			if gone(ino) {
				return true
			}
			k := first(ino) | uint64(kind)<<29
			if !dirs[k] {
				return false
			}
			b, err := fs.node(&fs.leaf, r.off, kind, int64(r.len))
			if err != nil {
				return false // reported when the directory is read
			}
			d, err := parseDent(b)
			_, replaced := names[name{k, d.name}]
			return err == nil && replaced
		})
	}
	over := slices.Collect(maps.Values(names))
	slices.SortFunc(over, func(a, b entry) int { return compare(a.off, b.off) })
	for _, e := range over {
		if e.deletion {
			fs.known(e.off, int64(e.len), "deletion of a name")
			continue
		}
		if gone(inum(e.key)) {
			continue
		}
		if e.kind == dentNode {
			fs.dents = append(fs.dents, e.ref)
		} else {
			fs.xents = append(fs.xents, e.ref)
		}
	}
	fs.sort()
}

// readOrphans reads the numbers of inodes that were deleted while open.
func (fs *fileSystem) readOrphans() {
	fs.orphaned = map[uint32]bool{}
	for i := range fs.orphLEBs {
		off := (3 + fs.logLEBs + fs.lptLEBs + i) * fs.lebSize
		if off >= fs.end {
			return
		}
		fs.scan(off, func(off int64, b []byte) {
			if b[20] != orphanNode {
				return
			}
			fs.known(off, int64(len(b)), "orphan node")
			for p := 32; p+8 <= len(b); p += 8 {
				if ino := le.Uint64(b[p:]); ino>>32 == 0 {
					fs.orphaned[uint32(ino)] = true
				}
			}
		})
	}
}
