package ext

import (
	"fmt"

	"github.com/wardein/wardein"
)

// dirent is one used entry of a directory.
type dirent struct {
	ino  uint32
	name []byte
	kind uint8 // file_type, 0 unknown
}

// dir reads a directory's blocks, linear: in a hashed directory the index
// blocks read as empty entries. each gets every entry but "." and "..".
func (w *walker) dir(in *inode, who string, runs []wardein.Extent, each func(dirent) error) error {
	fs := w.fs
	if int64(len(w.dirBuf)) < fs.blockSize {
		w.dirBuf = make([]byte, fs.blockSize)
	}
	buf := w.dirBuf[:fs.blockSize]
	logical := int64(0)
	var index map[int64]bool // logical blocks that are index nodes
	for _, x := range runs {
		for done := int64(0); done < x.Len; done += fs.blockSize {
			if x.Off < 0 { // a hole
				logical += (x.Len + fs.blockSize - 1) / fs.blockSize
				break
			}
			if err := w.spend(fs.blockSize); err != nil {
				return err
			}
			off := x.Off + done
			if err := fs.readBlock(buf, off/fs.blockSize); err != nil {
				w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged, Off: in.off, Len: fs.inodeSize, Why: fmt.Sprintf("inode %d: directory %v", in.num, err)})
				logical++
				continue
			}
			if logical == 0 && in.flags&flagIndex != 0 {
				index = w.hashRoot(buf, off)
			}
			if index[logical] && le.Uint32(buf) == 0 && int64(le.Uint16(buf[4:])) == fs.blockSize&0xFFFF {
				w.hashNode(buf, off, 8, index)
			}
			if err := w.dirBlock(in, who, buf, off, logical == 0, each); err != nil {
				return err
			}
			logical++
		}
	}
	return nil
}

// hashRoot notes the index in a hashed directory's first block and returns
// the logical blocks of the nodes below it, nil when leaves follow at once.
func (w *walker) hashRoot(buf []byte, off int64) map[int64]bool {
	if len(buf) < 0x28 || buf[0x1D] != 8 { // info_length
		return nil
	}
	w.known(off+0x18, 8, "directory index")
	nodes := map[int64]bool{}
	levels := int(buf[0x1E])
	w.hashNode(buf, off, 0x20, map[int64]bool{-1: true})
	if levels == 0 {
		return nil
	}
	n := min(int(le.Uint16(buf[0x22:])), (len(buf)-0x20)/8)
	for i := range n { // the first entry has no hash
		nodes[int64(le.Uint32(buf[0x20+8*i+4:])&0x0FFFFFFF)] = true
	}
	if levels > 1 {
		nodes[-2] = true // nodes lead to nodes
	}
	return nodes
}

// hashNode notes the used entries of an index node and, where a level follows,
// adds its blocks.
func (w *walker) hashNode(buf []byte, off int64, at int, index map[int64]bool) {
	limit, n := int(le.Uint16(buf[at:])), int(le.Uint16(buf[at+2:]))
	if n > limit || at+8*n > len(buf) {
		return
	}
	w.known(off+int64(at), int64(8*n), "directory index")
	if w.fs.roCompat&roMetadataCsum != 0 && at+8*limit+8 <= len(buf) {
		w.known(off+int64(at+8*limit), 8, "directory index")
	}
	if index[-2] && at == 8 && len(index) < 1<<20 {
		for i := range n {
			// Blocks of leaves are added too; a leaf is told from a node by
			// its first entry, see dir.
			index[int64(le.Uint32(buf[at+8*i+4:])&0x0FFFFFFF)] = true
		}
	}
}

// dirBlock reads the entries of one block that stands at off. Of an entry, as
// many bytes as it needs are known; what follows up to the next is known only
// if it is zero, since names deleted stand there.
func (w *walker) dirBlock(in *inode, who string, buf []byte, off int64, first bool, each func(dirent) error) error {
	fs := w.fs
	size := len(buf)
	if fs.roCompat&roMetadataCsum != 0 && int64(size) == fs.blockSize {
		w.dirSum(in, who, buf, off)
	}
	for pos := 0; pos < size; {
		if pos+8 > size {
			if !isZero(buf[pos:]) {
				w.badDir(in, who, off+int64(pos), int64(size-pos), "entry cut off by the block's end")
			}
			return nil
		}
		ino := le.Uint32(buf[pos:])
		recLen, nameLen, kind := int(le.Uint16(buf[pos+4:])), int(buf[pos+6]), buf[pos+7]
		if fs.incompat&incompatFiletype == 0 {
			nameLen, kind = int(le.Uint16(buf[pos+6:])), 0
		}
		if fs.blockSize >= 1<<16 {
			if recLen == 65535 || recLen == 0 {
				recLen = int(fs.blockSize)
			} else {
				recLen = recLen&65532 | recLen&3<<16
			}
		}
		if recLen < 8 || recLen%4 != 0 || recLen > size-pos || ino != 0 && 8+nameLen > recLen {
			w.badDir(in, who, off+int64(pos), int64(size-pos), fmt.Sprintf("entry length %d, name length %d, %d bytes left in the block", recLen, nameLen, size-pos))
			return nil
		}
		rec := buf[pos : pos+recLen]
		used := 8
		if ino != 0 {
			used = (8 + nameLen + 3) &^ 3
			used = min(used, recLen)
		} else if kind == 0xDE && recLen == 12 { // the checksum's place
			used = 12
		}
		if rest := rec[used:]; isZero(rest) {
			used = recLen
		}
		w.known(off+int64(pos), int64(used), "directory")
		if ino != 0 && nameLen > 0 {
			name := rec[8 : 8+nameLen]
			dots := first && (pos == 0 && string(name) == "." || pos <= 24 && string(name) == "..")
			if !dots {
				if err := each(dirent{ino, name, kind}); err != nil {
					return err
				}
			}
		}
		pos += recLen
	}
	return nil
}

func (w *walker) badDir(in *inode, who string, off, n int64, why string) {
	w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged, Off: off, Len: n, Why: fmt.Sprintf("inode %d: directory at %#x: %s", in.num, off, why)})
}

// dirSum verifies the checksum in a linear directory block's tail.
func (w *walker) dirSum(in *inode, who string, buf []byte, off int64) {
	tail := buf[len(buf)-12:]
	if le.Uint32(tail) != 0 || le.Uint16(tail[4:]) != 12 || tail[7] != 0xDE {
		return
	}
	if sum := crc32c(in.seed, buf[:len(buf)-12]); sum != le.Uint32(tail[8:]) {
		w.badDir(in, who, off, int64(len(buf)), fmt.Sprintf("crc32c %#08x, computed %#08x", le.Uint32(tail[8:]), sum))
	}
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
