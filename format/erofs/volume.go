package erofs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/marks"
)

// volume is one file system that is being read.
type volume struct {
	*super
	ctx  context.Context
	r    *io.SectionReader
	out  wardein.Members
	left int64 // bytes of metadata that may still be read
	page [4096]byte
	at   int64 // where page is from
	n    int

	dirs     map[int64]bool
	names    map[int64]string // first path of inodes with more than one
	xattrs   map[uint32]wardein.Xattr
	infixes  []string
	handed   int64 // bytes of attributes handed out
	marks    marks.List
	gaps     int
	packedIn []run // content of the packed inode
}

// run is a part of a file's content: length n from la on.
type run struct {
	la, n int64
	block wardein.Block
}

func newVolume(s *super, r *io.SectionReader) *volume {
	// All metadata of an honest volume is read about once.
	return &volume{super: s, r: r, left: 4*r.Size() + 1<<16, at: -1, dirs: map[int64]bool{}, names: map[int64]string{}, xattrs: map[uint32]wardein.Xattr{}}
}

// charge takes n from the bound on work.
func (v *volume) charge(n int64) error {
	if v.left -= n; v.left < 0 {
		return fmt.Errorf("%w: more than %d bytes of metadata read in a volume of %d", errLimit, 4*v.r.Size()+1<<16, v.r.Size())
	}
	return nil
}

// read returns n bytes of metadata; they are valid until the next call.
func (v *volume) read(off, n int64) ([]byte, error) {
	if err := v.charge(n); err != nil {
		return nil, err
	}
	if off < 0 || n < 0 || off > v.r.Size() || n > v.r.Size()-off {
		return nil, fmt.Errorf("%d bytes at %#x: image ends at %#x", n, off, v.r.Size())
	}
	if v.at < 0 || off < v.at || off+n > v.at+int64(v.n) {
		if n > int64(len(v.page)) {
			b := make([]byte, n)
			_, err := v.r.ReadAt(b, off)
			return b, noEOF(err)
		}
		v.at = off &^ 511
		if off+n > v.at+int64(len(v.page)) {
			v.at = off
		}
		k, err := v.r.ReadAt(v.page[:], v.at)
		if v.n = k; off+n > v.at+int64(k) {
			v.at = -1
			return nil, errors.Join(io.ErrUnexpectedEOF, noEOF(err))
		}
	}
	return v.page[off-v.at : off-v.at+n], nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func (v *volume) mark(off, n int64, is string) { v.marks.Add(off, n, v.r.Size(), is) }

// flush hands out the marks.
func (v *volume) flush() {
	for m := range v.marks.Sorted() {
		v.out.Span(wardein.Span{Off: m.Off, Len: m.Len, What: wardein.Known, Is: m.Is})
	}
}

// unsupported is an error that makes a Gap of that kind.
type unsupported string

func (e unsupported) Error() string { return string(e) }

func (v *volume) gap(node string, off int64, err error) {
	if v.gaps++; v.gaps > maxGaps {
		return
	}
	kind := wardein.Damaged
	var u unsupported
	switch {
	case errors.Is(err, errLimit):
		kind = wardein.Limit
	case errors.As(err, &u):
		kind = wardein.Unsupported
	}
	v.out.Gap(wardein.Gap{Node: node, Kind: kind, Off: max(0, min(off, v.r.Size())), Why: err.Error()})
}

// list hands out what a directory holds, and what its directories hold.
func (v *volume) list(dir inode, path string, depth int) error {
	if v.dirs[dir.nid] {
		v.gap(path, dir.at, fmt.Errorf("directory with nid %d is reached again", dir.nid))
		return nil
	}
	v.dirs[dir.nid] = true
	if err := v.ctx.Err(); err != nil {
		return err
	}
	content, err := v.content(dir, path)
	if err != nil {
		v.gap(path, dir.at, err)
	}
	v.markContent(content, "directory")
	step := v.block() << (v.dirBits & 7)
	names := make([]child, 0, 64)
	for at := int64(0); at < dir.size; at += step {
		b, err := v.bytes(content, at, min(step, dir.size-at))
		if err != nil {
			v.gap(path, dir.at, err)
			break
		}
		if names, err = children(names[:0], b); err != nil {
			v.gap(path, dir.at, fmt.Errorf("directory block at %d of nid %d: %w", at, dir.nid, err))
		}
		for _, c := range names {
			if c.name == "." || c.name == ".." {
				continue
			}
			name := c.name
			if path != "" {
				name = path + "/" + name
			}
			if len(name) > maxPath {
				v.gap(path, dir.at, fmt.Errorf("%w: path of %d bytes, at most %d are followed", errLimit, len(name), maxPath))
				continue
			}
			if err := v.member(c.nid, name, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// child is one entry of a directory block.
type child struct {
	nid  int64
	name string
}

// children reads one directory block: 12-byte entries (nid, offset of the
// name, type), then the names; the first name's offset tells how many.
func children(list []child, b []byte) ([]child, error) {
	if len(b) < 12 {
		return list, fmt.Errorf("%d bytes, an entry needs 12", len(b))
	}
	first := int(le.Uint16(b[8:]))
	if first < 12 || first%12 != 0 || first > len(b) {
		return list, fmt.Errorf("first name at %d, block of %d bytes", first, len(b))
	}
	for i := 0; i < first; i += 12 {
		nid, from, to := le.Uint64(b[i:]), int(le.Uint16(b[i+8:])), len(b)
		if i+12 < first {
			to = int(le.Uint16(b[i+20:]))
		}
		if from < first || to > len(b) || to <= from {
			return list, fmt.Errorf("entry %d: name from %d to %d, block of %d bytes", i/12, from, to, len(b))
		}
		name := text(b[from:to])
		if name == "" || nid >= maxNum {
			return list, fmt.Errorf("entry %d: name %q, nid %d", i/12, name, nid)
		}
		list = append(list, child{int64(nid), name})
	}
	return list, nil
}

// member hands out one name.
func (v *volume) member(nid int64, path string, depth int) error {
	if first, ok := v.names[nid]; ok {
		if err := v.charge(slot); err != nil {
			return err
		}
		return v.out.Entry(wardein.Entry{Name: path, Kind: wardein.HardLink, Target: first})
	}
	in, err := v.inode(nid)
	if errors.Is(err, errLimit) {
		return err
	}
	if err != nil {
		v.gap(path, in.at, err)
		return nil
	}
	v.mark(in.at, in.size32(), "inode")
	e := wardein.Entry{Name: path, Mode: in.mode & 0o7777, UID: in.uid, GID: in.gid, MTime: in.mtime}
	if e.Xattrs, err = v.attributes(in); err != nil {
		v.gap(path, in.at, err)
	}
	if in.links > 1 && in.mode&modeType != modeDir {
		v.names[nid] = path
	}
	switch in.mode & modeType {
	case modeDir:
		e.Kind = wardein.Directory
		if err := v.out.Entry(e); err != nil {
			return err
		}
		return v.list(in, path, depth+1)
	case modeLink:
		e.Kind = wardein.Symlink
		content, err := v.content(in, path)
		if err == nil && in.size > maxPath {
			err = fmt.Errorf("link target of %d bytes, at most %d are allowed", in.size, maxPath)
		}
		var b []byte
		if err == nil {
			v.markContent(content, "link target")
			b, err = v.bytes(content, 0, in.size)
		}
		if err != nil {
			v.gap(path, in.at, err)
		}
		e.Target = string(b)
	case modeChar, modeBlock:
		e.Kind = wardein.CharDevice
		if in.mode&modeType == modeBlock {
			e.Kind = wardein.BlockDevice
		}
		e.Major, e.Minor = in.u>>8&0xFFF, in.u&0xFF|in.u>>12&0xFFF00
	case modeFIFO:
		e.Kind = wardein.FIFO
	case modeSocket:
		e.Kind = wardein.Socket
	case modeFile:
		content, err := v.content(in, path)
		if err != nil {
			v.gap(path, in.at, err)
		}
		if in.layout != layoutFull && in.layout != layoutCompact {
			ext := make([]wardein.Extent, len(content))
			for i, c := range content {
				ext[i] = wardein.Extent{Off: c.block.Src.Off, Len: c.n}
			}
			return v.out.Extents(e, ext)
		}
		blocks := make([]wardein.Block, len(content))
		for i, c := range content {
			blocks[i] = c.block
		}
		return v.out.Blocks(e, blocks)
	default:
		v.gap(path, in.at, fmt.Errorf("inode at %#x: mode %o has no known type", in.at, in.mode))
		return nil
	}
	return v.out.Entry(e)
}

// markContent tells that content was metadata.
func (v *volume) markContent(content []run, is string) {
	for _, c := range content {
		if c.block.Src.Off >= 0 {
			v.mark(c.block.Src.Off, c.block.Src.Len, is)
		}
	}
}

// bytes decodes n bytes of content from off on. It is for directories, link
// targets and attribute prefixes; what it returns is a copy.
func (v *volume) bytes(content []run, off, n int64) ([]byte, error) {
	if n < 0 || len(content) == 0 || off+n > content[len(content)-1].la+content[len(content)-1].n {
		return nil, fmt.Errorf("content ends before %d", off+n)
	}
	if err := v.charge(n); err != nil {
		return nil, err
	}
	out := make([]byte, n)
	for i := search(content, off); i < len(content) && content[i].la < off+n; i++ {
		c := content[i]
		from, to := max(off, c.la), min(off+n, c.la+c.n)
		dst := out[from-off : to-off]
		skip := from - c.la
		switch b := c.block; {
		case b.Src.Off < 0:
		case b.Decode == nil:
			if _, err := v.r.ReadAt(dst, b.Src.Off+b.From+skip); err != nil && err != io.EOF {
				return nil, err
			}
		default:
			if err := v.charge(b.Size); err != nil {
				return nil, err
			}
			src, whole := make([]byte, b.Src.Len), make([]byte, b.Size)
			if _, err := v.r.ReadAt(src, b.Src.Off); err != nil && err != io.EOF {
				return nil, err
			}
			if k, err := b.Decode(whole, src); err != nil || int64(k) < b.From+skip+int64(len(dst)) {
				return nil, fmt.Errorf("block at %#x: decoded %d bytes: %v", b.Src.Off, k, err)
			}
			copy(dst, whole[b.From+skip:])
		}
	}
	return out, nil
}

// search returns the first run that ends behind off.
func search(content []run, off int64) int {
	return sort.Search(len(content), func(i int) bool { return content[i].la+content[i].n > off })
}
