package squashfs

import (
	"context"
	"fmt"
	"math"

	"github.com/wardein/wardein"
)

// frame is a directory whose entries are being handed out.
type frame struct {
	path string // with a slash at its end, "" for the root
	list []dirent
}

// walk hands out everything that the root directory leads to.
func (v *volume) walk(ctx context.Context) error {
	root, err := v.inode(v.root)
	if err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	if root.kind != wardein.Directory {
		return fmt.Errorf("root directory: inode %#x is a %s", v.root, root.kind)
	}
	if err := v.member(&root, "."); err != nil {
		return err
	}
	stack := []frame{v.open(&root, "")}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.list) == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		d := top.list[0]
		top.list = top.list[1:]
		path := top.path + d.name
		if v.entries++; v.entries > v.r.Size()+1024 {
			v.gap("", fmt.Errorf("%w: %d entries in an image of %d bytes", errLimit, v.entries, v.r.Size()))
			return nil
		}
		if v.entries%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if len(path) > maxPath {
			v.gap("", fmt.Errorf("%w: path of %d bytes, at most %d are followed, in %q", errLimit, len(path), maxPath, top.path[:64]))
			continue
		}
		if first, ok := v.links[d.ref]; ok {
			in, err := v.inode(d.ref)
			if err != nil {
				v.gap(path, err)
				continue
			}
			e := v.entry(&in, path)
			e.Kind, e.Target = wardein.HardLink, first
			e.Major, e.Minor = 0, 0
			if err := v.out.Entry(e); err != nil {
				return err
			}
			continue
		}
		in, err := v.inode(d.ref)
		if err != nil {
			v.gap(path, err)
			continue
		}
		v.reach(in.number)
		if in.kind == wardein.Directory {
			if _, ok := v.dirs[d.ref]; ok {
				v.gap(path, fmt.Errorf("directory inode %#x was listed before under another path", d.ref))
				continue
			}
		} else if in.nlink > 1 || v.major < 3 {
			v.links[d.ref] = path
		}
		if err := v.member(&in, path); err != nil {
			return err
		}
		if in.kind == wardein.Directory {
			stack = append(stack, v.open(&in, path+"/"))
		}
	}
	return nil
}

// open lists a directory for the walk.
func (v *volume) open(in *inode, path string) frame {
	v.dirs[in.ref] = struct{}{}
	v.reach(in.number)
	list, err := v.listing(in)
	if err != nil {
		v.gap(path, err)
	}
	return frame{path, list}
}

// member hands out one inode under a path.
func (v *volume) member(in *inode, path string) error {
	e := v.entry(in, path)
	var err error
	if e.Xattrs, err = v.xattrs(in.xattrs); err != nil {
		v.gap(path, err)
	}
	if in.kind == wardein.File {
		return v.out.Blocks(e, v.content(in, path))
	}
	return v.out.Entry(e)
}

// content returns the blocks of a file. What the image does not hold reads as
// zeros and is a Gap.
func (v *volume) content(in *inode, path string) []wardein.Block {
	bs := uint64(v.blockSize)
	if in.size > math.MaxInt64 {
		v.gap(path, fmt.Errorf("inode %#x: bad size %d", in.ref, in.size))
		return nil
	}
	left, tail := in.size, uint64(0)
	if in.frag != noFragment {
		tail = in.size % bs
		left -= tail
	}
	count := (left + bs - 1) / bs
	blocks := make([]wardein.Block, 0, min(count+1, 1024))
	hole := func(n uint64) {
		if k := len(blocks) - 1; k >= 0 && blocks[k].Src.Off == wardein.Zeros {
			blocks[k].Size += int64(n)
			blocks[k].Src.Len += int64(n)
			return
		}
		blocks = append(blocks, wardein.Block{Src: wardein.Extent{Off: wardein.Zeros, Len: int64(n)}, Size: int64(n)})
	}
	each := 4
	if v.major == 1 {
		each = 2
	}
	pos, broken := in.start, false
	for done := uint64(0); done < count; {
		k := min(count-done, 512)
		f, err := v.fields(&in.blocks, each*int(k))
		if err != nil {
			v.gap(path, fmt.Errorf("inode %#x: block list, %d of %d blocks read: %w", in.ref, done, count, err))
			return blocks
		}
		done += k
		for ; k > 0; k-- {
			stored, encoded := v.blockSizeField(&f)
			n := min(left, bs)
			left -= n
			if stored == 0 {
				hole(n)
				continue
			}
			if b, err := v.block(pos, stored, encoded, n); err == nil {
				blocks = append(blocks, b)
				if b.Size < int64(n) {
					hole(n - uint64(b.Size))
				}
			} else {
				if !broken {
					v.gap(path, fmt.Errorf("inode %#x: %w", in.ref, err))
				}
				broken = true
				hole(n)
			}
			pos += uint64(stored)
		}
	}
	if tail > 0 {
		b, err := v.tail(in, tail)
		if err != nil {
			v.gap(path, fmt.Errorf("inode %#x: %w", in.ref, err))
			hole(tail)
		} else {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// blockSizeField reads one entry of a block list: the stored size, and a bit
// that says that the block is stored as it is.
func (v *volume) blockSizeField(f *fields) (stored uint32, encoded bool) {
	if v.major == 1 {
		n := f.u16() // as of a metadata block; there are no holes
		if stored = uint32(n & 0x7FFF); stored == 0 {
			stored = 0x8000
		}
		return stored, n&0x8000 == 0
	}
	n := f.u32()
	return n &^ (1 << 24), n>>24&1 == 0
}

// block is a data block of which n bytes belong to the file.
func (v *volume) block(pos uint64, stored uint32, encoded bool, n uint64) (wardein.Block, error) {
	if uint64(stored) > 2*uint64(v.blockSize) {
		return wardein.Block{}, fmt.Errorf("block of %d stored bytes, block size %d", stored, v.blockSize)
	}
	if end := uint64(v.r.Size()); pos > end || uint64(stored) > end-pos {
		return wardein.Block{}, fmt.Errorf("block at %#x of %d stored bytes, image ends at %#x", pos, stored, end)
	}
	b := wardein.Block{Src: wardein.Extent{Off: int64(pos), Len: int64(stored)}, Size: int64(n)}
	if encoded {
		b.Decode = v.dataDecoder(b.Src, b.Size)
		return b, nil
	}
	b.Size = min(b.Size, b.Src.Len)
	b.Src.Len = b.Size
	return b, nil
}

// tail is the part of a fragment block that ends a file.
func (v *volume) tail(in *inode, n uint64) (wardein.Block, error) {
	start, size, err := v.fragment(in.frag)
	if err != nil {
		return wardein.Block{}, err
	}
	b, err := v.block(start, size&^(1<<24), size>>24&1 == 0, uint64(v.blockSize))
	if err != nil {
		return b, fmt.Errorf("fragment %d: %w", in.frag, err)
	}
	if uint64(in.offset)+n > uint64(b.Size) {
		return b, fmt.Errorf("fragment %d: part %d+%d of %d bytes", in.frag, in.offset, n, b.Size)
	}
	b.From, b.Len = int64(in.offset), int64(n)
	return b, nil
}
