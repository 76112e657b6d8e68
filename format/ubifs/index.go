package ubifs

import (
	"fmt"
	"slices"

	"github.com/wardein/wardein"
)

// master is what the reader needs of a master node.
type master struct {
	sqnum, commit    uint64
	flags, logLEB    uint32
	root             int64
	rootLen          int64
	highestIno       uint64
	dirty, noOrphans bool
}

// readMaster returns the newest sound master node of both master blocks.
func (fs *fileSystem) readMaster() *master {
	var best *master
	for lnum := int64(1); lnum <= 2; lnum++ {
		found := 0
		fs.scan(lnum*fs.lebSize, func(off int64, b []byte) {
			if b[20] != masterNode {
				return
			}
			fs.known(off, int64(len(b)), "master node")
			found++
			m := &master{
				sqnum: le.Uint64(b[8:]), highestIno: le.Uint64(b[24:]), commit: le.Uint64(b[32:]), flags: le.Uint32(b[40:]), logLEB: le.Uint32(b[44:]),
				root: fs.place(le.Uint32(b[48:]), le.Uint32(b[52:])), rootLen: int64(le.Uint32(b[56:])),
			}
			m.dirty, m.noOrphans = m.flags&1 != 0, m.flags&2 != 0
			if best == nil || m.sqnum > best.sqnum {
				best = m
			}
		})
		if found == 0 {
			fs.gap(wardein.Damaged, "", lnum*fs.lebSize, masterSize, fmt.Sprintf("master block %d holds no sound master node", lnum))
		}
	}
	return best
}

// walk collects the leaves of the index. A branch that cannot be read adds its
// range of keys to lost.
func (fs *fileSystem) walk(root, rootLen int64) error {
	type step struct {
		off, len int64
		level    int // the level it must have, −1 for the root
		keyRange
	}
	seen := map[int64]bool{}
	todo := []step{{root, rootLen, -1, keyRange{0, ^uint64(0)}}}
	branch := 12 + 8 + fs.hashLen
	for len(todo) > 0 {
		if err := fs.ctx.Err(); err != nil {
			return err
		}
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		var b []byte
		var count, level int
		err := fmt.Errorf("index node at %#x is reached twice", s.off)
		if !seen[s.off] {
			b, err = fs.node(&fs.index, s.off, indexNode, s.len)
		}
		if err == nil {
			count, level = int(le.Uint16(b[24:])), int(le.Uint16(b[26:]))
			switch {
			case s.level >= 0 && level != s.level || level > 512:
				err = fmt.Errorf("index node at %#x: expected level %d, found %d", s.off, s.level, level)
			case int64(count)*branch+padSize > int64(len(b)):
				err = fmt.Errorf("index node at %#x: %d branches do not fit in %d bytes", s.off, count, len(b))
			}
		}
		if err != nil {
			fs.gap(wardein.Damaged, "", s.off, max(s.len, 0), err.Error())
			fs.lost = append(fs.lost, s.keyRange)
			continue
		}
		seen[s.off] = true
		fs.known(s.off, int64(len(b)), "index node")
		for i := range count {
			e := b[padSize+int64(i)*branch:]
			k := key(e[12:])
			off, n := fs.place(le.Uint32(e), le.Uint32(e[4:])), int64(le.Uint32(e[8:]))
			if level > 0 {
				to := s.to
				if i+1 < count {
					to = key(b[padSize+int64(i+1)*branch+12:])
				}
				from := k
				if i == 0 {
					from = s.from
				}
				todo = append(todo, step{off, n, level - 1, keyRange{from, to}})
				continue
			}
			fs.leafRef(k, off, n)
		}
	}
	return nil
}

// merge sorts ranges and joins those that touch.
func merge(list []keyRange) []keyRange {
	slices.SortFunc(list, func(a, b keyRange) int { return compare(a.from, b.from) })
	out := list[:0]
	for _, l := range list {
		if k := len(out) - 1; k >= 0 && l.from <= out[k].to {
			out[k].to = max(out[k].to, l.to)
			continue
		}
		out = append(out, l)
	}
	return out
}

// leafRef files a leaf of the index.
func (fs *fileSystem) leafRef(k uint64, off, n int64) {
	if off < 0 || n < headerSize || n > 2*blockSize || off > fs.end || n > fs.end-off {
		fs.gap(wardein.Damaged, "", off, 0, fmt.Sprintf("index: node %d of inode %d at %#x with length %d lies outside the volume's %d bytes", block(k), inum(k), off, n, fs.end))
		return
	}
	x := ref{k, off, int32(n)}
	switch keyType(k) {
	case inoNode:
		fs.inodes = append(fs.inodes, x)
	case dataNode:
		fs.datas = append(fs.datas, x)
	case dentNode:
		fs.dents = append(fs.dents, x)
	case xentNode:
		fs.xents = append(fs.xents, x)
	default:
		fs.gap(wardein.Damaged, "", off, n, fmt.Sprintf("index: key of unknown type %d", keyType(k)))
	}
}

func (fs *fileSystem) sort() {
	for _, refs := range [][]ref{fs.inodes, fs.dents, fs.xents, fs.datas} {
		slices.SortStableFunc(refs, byKey)
	}
}

// extract reads the whole file system.
func (fs *fileSystem) extract() error {
	fs.known(0, superSize, "superblock")
	fs.describe()
	m := fs.readMaster()
	if m == nil {
		fs.gap(wardein.Damaged, "", 0, 0, "no master node: the main area is searched for nodes")
		fs.lost = []keyRange{{0, ^uint64(0)}}
	} else {
		fs.out.Note("commit", fmt.Sprint(m.commit))
		if err := fs.walk(m.root, m.rootLen); err != nil {
			return err
		}
	}
	fs.sort()
	fs.lost = merge(fs.lost)
	if err := fs.replay(m); err != nil {
		return err
	}
	fs.readOrphans()
	if err := fs.tree(); err != nil {
		return err
	}
	fs.padding()
	if fs.gaps > 1000 {
		fs.out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("1000 of %d gaps are listed", fs.gaps)})
	}
	return nil
}

var compressions = [...]string{"none", "lzo", "zlib", "zstd"}

func (fs *fileSystem) describe() {
	note := func(name string, v any) { fs.out.Note(name, fmt.Sprint(v)) }
	note("uuid", fs.uuid)
	note("format version", fs.version)
	note("logical erase block size", fs.lebSize)
	note("logical erase blocks", fmt.Sprintf("%d, at most %d", fs.lebCount, fs.maxLEBs))
	if have := fs.end / fs.lebSize; have < fs.lebCount {
		note("logical erase blocks present", have)
	}
	note("minimum write", fs.minIO)
	if fs.compression < int64(len(compressions)) {
		note("default compression", compressions[fs.compression])
	} else {
		note("default compression", fs.compression)
	}
	if fs.flags&flagFixup != 0 {
		note("free space", "to be fixed up at the first mount")
	}
	if fs.flags&flagEncryption != 0 {
		note("encryption", "holds encrypted files")
	}
	if fs.flags&flagAuthenticated != 0 {
		name := fmt.Sprint(fs.algo)
		if fs.algo < int64(len(hashNames)) {
			name = hashNames[fs.algo]
		}
		note("authentication", name+" hashes in the index, not verified")
	}
}
