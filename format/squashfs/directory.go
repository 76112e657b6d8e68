package squashfs

import "fmt"

// maxCount is how many entries follow one header of a listing, and the length
// of a name (SQUASHFS_DIR_COUNT, SQUASHFS_NAME_LEN).
const maxCount = 256

// dirent is one name in a listing.
type dirent struct {
	name string
	ref  uint64 // of the inode
}

// listing reads the names of a directory. It returns those it could read also
// with an error.
//
// A listing is runs of entries, each run after a header that says which
// metadata block of the inode table the run's inodes stand in. Versions 3 and
// 4 count three bytes more than there are, for "." and "..".
func (v *volume) listing(in *inode) ([]dirent, error) {
	size := int64(in.size)
	if v.major >= 3 {
		size -= 3
	}
	c := cursor{m: v.meta, at: v.dirTable + int64(in.start), off: int(in.offset), of: dirTable}
	headLen, entryLen := v.direntSizes()
	var out []dirent
	for size > 0 {
		f, err := v.fields(&c, headLen)
		if err != nil {
			return out, err
		}
		size -= int64(headLen)
		count, start := v.direntHead(&f)
		if count > maxCount {
			return out, fmt.Errorf("listing in metadata block %#x: %d entries after a header, at most %d", c.at, count, maxCount)
		}
		for ; count > 0 && size > 0; count-- {
			if f, err = v.fields(&c, entryLen); err != nil {
				return out, err
			}
			var offset uint64
			var n int
			if v.major == 4 {
				offset = uint64(f.u16())
				f.bit += 32 // inode number, type: the inode says both
				n = int(f.u16()) + 1
			} else {
				offset = f.take(13)
				f.bit += 3
				n = int(f.u8()) + 1
			}
			if n > maxCount {
				return out, fmt.Errorf("listing in metadata block %#x: name of %d bytes, at most %d", c.at, n, maxCount)
			}
			name, err := c.next(n)
			if err != nil {
				return out, err
			}
			out = append(out, dirent{string(name), start<<16 | offset})
			size -= int64(entryLen + n)
		}
	}
	if size < 0 {
		return out, fmt.Errorf("listing in metadata block %#x: entries go %d bytes beyond its size %d", c.at, -size, in.size)
	}
	return out, nil
}

// direntSizes returns the lengths of a listing's header and of an entry
// without its name.
func (v *volume) direntSizes() (head, entry int) {
	switch v.major {
	case 4:
		return 12, 8
	case 3:
		return 9, 5
	default:
		return 4, 3
	}
}

// direntHead reads a listing's header: the count of entries that follow, and
// the metadata block of their inodes.
func (v *volume) direntHead(f *fields) (count int, start uint64) {
	switch v.major {
	case 4:
		n := f.u32()
		return int(min(n, maxCount)) + 1, uint64(f.u32())
	case 3:
		return int(f.u8()) + 1, uint64(f.u32())
	default:
		return int(f.u8()) + 1, f.take(24)
	}
}
