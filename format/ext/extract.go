package ext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/wardein/wardein"
)

const (
	maxGaps  = 256
	maxNest  = 1024 // directories in each other
	maxPath  = 4096
	workUnit = 16 // bytes of metadata read per byte of the volume
	workBase = 1 << 20
)

// errWork ends the walk: the volume's structures lead to the same bytes over
// and over.
var errWork = errors.New("work limit reached")

// walker holds what one extraction needs.
type walker struct {
	ctx     context.Context
	fs      *volume
	out     wardein.Members
	m       mapper
	budget  int64
	work    int64 // the budget at the beginning
	gaps    int
	lastGap string
	last    wardein.Span
	mute    bool // known reports nothing

	seen  map[uint32]*[64]uint64 // inodes reached, a page for 4096
	first map[uint32]string      // path by which an inode was first reached
	stack []pending

	dirIn, child inode
	dirBuf, acl  []byte
	aclBlock     int64
	aclList      []wardein.Xattr
}

// pending is a directory that waits to be read.
type pending struct {
	ino   uint32
	depth int32
	path  string
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	fs, err := open(r)
	if err != nil {
		return 0, err
	}
	w := &walker{ctx: ctx, fs: fs, out: out, seen: map[uint32]*[64]uint64{}, first: map[uint32]string{}}
	w.m.w = w
	w.work = workUnit*fs.size + workBase
	w.budget = w.work
	fs.notes(out)
	w.known(superOff, superSize, "superblock")
	if fs.roCompat&roMetadataCsum != 0 && !fs.superSum {
		w.gap(wardein.Gap{Kind: wardein.Damaged, Off: superOff, Len: superSize,
			Why: fmt.Sprintf("superblock: crc32c %#08x, computed %#08x", le.Uint32(fs.super[0x3FC:]), crc32c(^uint32(0), fs.super[:0x3FC]))})
	}
	if fs.incompat&incompatJournalDev != 0 {
		w.flush()
		rest := wardein.Span{Off: superOff + superSize, Len: fs.size - superOff - superSize, What: wardein.Opaque, Is: "external journal"}
		out.Span(rest)
		w.gap(wardein.Gap{Kind: wardein.Unsupported, Off: rest.Off, Len: rest.Len, Why: "a journal that belongs to another volume"})
		return fs.size, nil
	}
	if fs.incompat&incompatRecover != 0 {
		w.gap(wardein.Gap{Kind: wardein.Unsupported, Why: "journal not replayed: the volume was not cleanly unmounted and is read as it stands"})
	}
	for _, step := range []func() error{w.tables, w.tree, w.reserved, w.inodeTables} {
		if err := step(); err != nil && err != errWork {
			w.flush()
			return fs.size, err
		}
	}
	w.flush()
	if w.gaps > maxGaps {
		out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d gaps are told of %d", maxGaps, w.gaps)})
	}
	return fs.size, nil
}

// spend charges n bytes of metadata.
func (w *walker) spend(n int64) error {
	if w.budget < 0 {
		return errWork
	}
	if w.budget -= n; w.budget < 0 {
		w.gaps = min(w.gaps, maxGaps-1)
		w.gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d bytes of metadata read, the volume has %d: structures lead to the same bytes again", w.work, w.fs.size)})
		return errWork
	}
	return nil
}

// gap reports at most maxGaps, and the same one in a row once.
func (w *walker) gap(g wardein.Gap) {
	if g.Why == w.lastGap {
		return
	}
	w.lastGap = g.Why
	if w.gaps++; w.gaps > maxGaps {
		return
	}
	g.Off = min(g.Off, w.fs.size)
	g.Len = min(g.Len, w.fs.size-g.Off)
	w.out.Gap(g)
}

// known reports metadata; runs that touch become one span.
func (w *walker) known(off, n int64, is string) {
	if off < 0 || off >= w.fs.size || n <= 0 || w.mute {
		return
	}
	n = min(n, w.fs.size-off)
	if w.last.Is == is && w.last.Off+w.last.Len == off {
		w.last.Len += n
		return
	}
	w.flush()
	w.last = wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is}
}

func (w *walker) flush() {
	if w.last.Len > 0 {
		w.out.Span(w.last)
	}
	w.last = wardein.Span{}
}

// reach marks an inode and says whether this is the first time.
func (w *walker) reach(num uint32) bool {
	page := w.seen[num>>12]
	if page == nil {
		page = new([64]uint64)
		w.seen[num>>12] = page
	}
	bit := uint64(1) << (num & 63)
	old := page[num>>6&63]
	page[num>>6&63] = old | bit
	return old&bit == 0
}

func (w *walker) reached(num uint32) bool {
	page := w.seen[num>>12]
	return page != nil && page[num>>6&63]>>(num&63)&1 != 0
}

// tables reports superblock copies, group descriptors and bitmaps.
func (w *walker) tables() error {
	fs := w.fs
	tableBlocks := (fs.groups + fs.descPerBlock - 1) / fs.descPerBlock
	descLen := func(i int64) int64 { // bytes used of block i of the table
		return min(fs.descPerBlock, fs.groups-i*fs.descPerBlock) * fs.descSize
	}
	for i := int64(0); i < tableBlocks; i++ {
		off := fs.descBlock(i, 0) * fs.blockSize
		if off >= fs.size {
			break
		}
		w.known(off, descLen(i), "group descriptors")
		for copy := 1; copy < 3 && i >= fs.firstMetaBG; copy++ {
			if b := fs.descBlock(i, copy); b > 0 {
				w.known(b*fs.blockSize, descLen(i), "group descriptors (backup)")
			}
		}
	}
	for g := int64(1); g < fs.groups && fs.groupBlock(g)*fs.blockSize < fs.size; g++ {
		if !fs.hasSuper(g) {
			continue
		}
		off := fs.groupBlock(g) * fs.blockSize
		raw, err := fs.at(off, 0x78)
		if err != nil || le.Uint16(raw[0x38:]) != 0xEF53 || string(raw[0x68:0x78]) != string(fs.super[0x68:0x78]) {
			continue
		}
		w.known(off, superSize, "superblock (backup)")
		for i := int64(0); i < min(tableBlocks, fs.firstMetaBG); i++ {
			w.known(off+(1+i)*fs.blockSize, descLen(i), "group descriptors (backup)")
		}
	}
	bad, firstBad, backup := int64(0), int64(0), int64(0)
	for g := int64(0); g < fs.groups; g++ {
		if g%1024 == 0 && w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		d, err := fs.group(g)
		if err != nil {
			if fs.descBlock(g/fs.descPerBlock, 0)*fs.blockSize >= fs.size {
				break
			}
			if bad++; bad == 1 {
				firstBad = g
			}
			continue
		}
		if d.copy > 0 {
			backup++
		}
		if d.flags&flagBlockUninit == 0 {
			w.known(d.blockBitmap*fs.blockSize, fs.clusters/8, "block bitmap")
		}
		if d.flags&flagInodeUninit == 0 {
			w.known(d.inodeBitmap*fs.blockSize, int64(fs.inodesPerGroup+7)/8, "inode bitmap")
		}
	}
	if bad > 0 {
		w.gap(wardein.Gap{Kind: wardein.Damaged, Off: fs.descBlock(firstBad/fs.descPerBlock, 0) * fs.blockSize,
			Why: fmt.Sprintf("%d of %d group descriptors are bad in every copy, the first of group %d", bad, fs.groups, firstBad)})
	}
	if backup > 0 {
		w.gap(wardein.Gap{Kind: wardein.Damaged, Off: fs.descBlock(0, 0) * fs.blockSize,
			Why: fmt.Sprintf("%d of %d group descriptors are bad; their backups are used", backup, fs.groups)})
	}
	if b := int64(le.Uint64(fs.super[0x168:])); fs.incompat&incompatMMP != 0 && b > 0 && b < fs.blocks {
		w.known(b*fs.blockSize, 1024, "multiple mount protection")
	}
	return nil
}

// tree walks the directories from the root.
func (w *walker) tree() error {
	var in inode
	if err := w.fs.inode(rootIno, &in); err != nil || in.mode>>12 != 4 {
		if err == nil {
			err = fmt.Errorf("inode %d: mode %#o, expected a directory", rootIno, in.mode)
		}
		w.gap(wardein.Gap{Kind: wardein.Damaged, Why: "root directory: " + err.Error()})
		return nil
	}
	w.reach(rootIno)
	w.checkSum(&in, "")
	return w.walk(pending{ino: rootIno})
}

// walk reads a directory and all below it. A directory's members come before
// those of its subdirectories.
func (w *walker) walk(root pending) error {
	w.stack = append(w.stack[:0], root)
	for len(w.stack) > 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		d := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		base := len(w.stack)
		if err := w.readDir(d); err != nil {
			return err
		}
		slices.Reverse(w.stack[base:])
	}
	return nil
}

func (w *walker) readDir(d pending) error {
	fs, in := w.fs, &w.dirIn
	if err := fs.inode(d.ino, in); err != nil {
		w.gap(wardein.Gap{Node: d.path, Kind: wardein.Damaged, Why: err.Error()})
		return nil
	}
	each := func(e dirent) error { return w.member(d, e) }
	if in.flags&flagEncrypted != 0 {
		w.gap(wardein.Gap{Node: d.path, Kind: wardein.Encrypted, Why: "names in this directory are encrypted"})
	}
	if in.flags&flagInlineData != 0 {
		// The slot is reported with its table.
		w.mute = true
		defer func() { w.mute = false }()
		block := slices.Clone(in.block()) // begins with the parent's number
		if err := w.dirBlock(in, d.path, block[4:], in.off+0x2C, false, each); err != nil {
			return err
		}
		_, x := w.xattrs(in, d.path)
		if x.Len == 0 {
			return nil
		}
		at := x.Off - in.off
		return w.dirBlock(in, d.path, in.raw[at:at+x.Len], x.Off, false, each)
	}
	runs, err := w.m.mapInode(in, d.path)
	if err != nil {
		return err
	}
	return w.dir(in, d.path, slices.Clone(runs), each)
}

// member hands out what a directory entry names.
func (w *walker) member(d pending, e dirent) error {
	path := string(e.name)
	if d.path != "" {
		path = d.path + "/" + path
	}
	if len(path) > maxPath {
		w.gap(wardein.Gap{Node: d.path, Kind: wardein.Limit, Why: fmt.Sprintf("a path of %d bytes, %d are allowed", len(path), maxPath)})
		return nil
	}
	return w.inodeMember(e.ino, path, d.depth, e.kind)
}

var kindOfFiletype = [...]wardein.Kind{1: wardein.File, wardein.Directory, wardein.CharDevice, wardein.BlockDevice, wardein.FIFO, wardein.Socket, wardein.Symlink}

func (w *walker) inodeMember(num uint32, path string, depth int32, filetype uint8) error {
	in := &w.child
	bad := wardein.Gap{Node: path, Kind: wardein.Damaged}
	if err := w.fs.inode(num, in); err != nil {
		bad.Why = err.Error()
	} else if _, ok := in.kind(); !ok {
		bad.Off, bad.Len = in.off, w.fs.inodeSize
		bad.Why = fmt.Sprintf("inode %d at %#x: mode %#o is no file type", num, in.off, in.mode)
	}
	if bad.Why != "" {
		w.gap(bad)
		e := wardein.Entry{Name: path}
		if int(filetype) < len(kindOfFiletype) {
			e.Kind = kindOfFiletype[filetype]
		}
		return w.out.Entry(e)
	}
	entry := in.entry(path)
	if !w.reach(num) {
		if entry.Kind != wardein.Directory {
			entry.Kind, entry.Target = wardein.HardLink, w.first[num]
			return w.out.Entry(entry)
		}
		w.gap(wardein.Gap{Node: path, Kind: wardein.Damaged, Off: in.off, Len: w.fs.inodeSize, Why: fmt.Sprintf("directory inode %d has two names; it is read by the other one", num)})
		return w.out.Entry(entry)
	}
	w.checkSum(in, path)
	if entry.Kind == wardein.Directory {
		if depth+1 > maxNest {
			w.gap(wardein.Gap{Node: path, Kind: wardein.Limit, Why: fmt.Sprintf("%d directories in each other, %d are read", depth+1, maxNest)})
		} else {
			w.stack = append(w.stack, pending{num, depth + 1, path})
		}
		entry.Xattrs, _ = w.xattrs(in, path)
		return w.out.Entry(entry)
	}
	w.first[num] = path
	return w.content(in, entry)
}

func (w *walker) checkSum(in *inode, path string) {
	if found, computed := in.sum(w.fs); found != computed {
		w.gap(wardein.Gap{Node: path, Kind: wardein.Damaged, Off: in.off, Len: w.fs.inodeSize,
			Why: fmt.Sprintf("inode %d at %#x: crc32c %#08x, computed %#08x", in.num, in.off, found, computed)})
	}
}

// content hands out a member that is no directory.
func (w *walker) content(in *inode, entry wardein.Entry) error {
	path := entry.Name
	var inline wardein.Extent
	entry.Xattrs, inline = w.xattrs(in, path)
	w.m.who = path
	switch {
	case entry.Kind == wardein.Symlink:
		target, err := w.target(in, path, inline)
		if err != nil {
			return err
		}
		entry.Target = target
		return w.out.Entry(entry)
	case entry.Kind != wardein.File:
		return w.out.Entry(entry)
	case in.flags&(flagEncrypted|flagCompressed) != 0 && in.size > 0 && in.flags&flagInlineData == 0:
		gap := wardein.Gap{Node: path, Kind: wardein.Encrypted, Off: in.off, Len: w.fs.inodeSize, Why: fmt.Sprintf("inode %d: content is encrypted", in.num)}
		if in.flags&flagEncrypted == 0 {
			gap.Kind, gap.Why = wardein.Unsupported, fmt.Sprintf("inode %d: content is compressed (e2compr)", in.num)
		}
		return w.opaque(in, entry, gap)
	case in.flags&flagInlineData != 0:
		return w.out.Extents(entry, w.m.inline(in, inline))
	}
	w.m.wantTail = in.flags&flagVerity != 0
	runs, err := w.m.mapInode(in, path)
	w.m.wantTail = false
	if len(w.m.tail) > 0 {
		w.flush()
		for _, x := range w.m.tail {
			if n := min(x.Len, w.fs.size-x.Off); n > 0 {
				w.out.Span(wardein.Span{Off: x.Off, Len: n, What: wardein.Opaque, Is: "verity hash tree"})
			}
		}
		w.gap(wardein.Gap{Node: path, Kind: wardein.Unsupported, Off: w.m.tail[0].Off, Why: fmt.Sprintf("inode %d: verity hash tree not verified", in.num)})
	}
	if err2 := w.out.Extents(entry, slices.Clone(runs)); err2 != nil {
		return err2
	}
	return err
}

// opaque hands out a member's name and marks its blocks.
func (w *walker) opaque(in *inode, entry wardein.Entry, gap wardein.Gap) error {
	runs, err := w.m.mapInode(in, entry.Name)
	w.flush()
	for _, x := range runs {
		if x.Off >= 0 {
			w.out.Span(wardein.Span{Off: x.Off, Len: x.Len, What: wardein.Opaque, Is: "payload"})
		}
	}
	w.gap(gap)
	if err2 := w.out.Entry(entry); err2 != nil {
		return err2
	}
	return err
}

// target reads a symbolic link: in i_block when it is shorter, else in a block.
func (w *walker) target(in *inode, path string, inline wardein.Extent) (string, error) {
	fs := w.fs
	if in.flags&flagEncrypted != 0 {
		w.gap(wardein.Gap{Node: path, Kind: wardein.Encrypted, Off: in.off, Len: fs.inodeSize, Why: fmt.Sprintf("inode %d: link target is encrypted", in.num)})
		return "", nil
	}
	if in.size < 0 || in.size > fs.blockSize {
		w.gap(wardein.Gap{Node: path, Kind: wardein.Damaged, Off: in.off, Len: fs.inodeSize, Why: fmt.Sprintf("inode %d: link target of %d bytes, a block has %d", in.num, in.size, fs.blockSize)})
		return "", nil
	}
	var runs []wardein.Extent
	switch {
	case in.flags&flagInlineData != 0:
		runs = w.m.inline(in, inline)
	case in.size < 60 && in.flags&flagExtents == 0:
		return string(in.block()[:in.size]), nil
	default:
		var err error
		if runs, err = w.m.mapInode(in, path); err != nil {
			return "", err
		}
	}
	target := make([]byte, 0, in.size)
	for _, x := range runs {
		n := len(target)
		target = target[:int64(n)+x.Len]
		if x.Off < 0 {
			continue
		}
		if _, err := fs.r.ReadAt(target[n:], x.Off); err != nil && err != io.EOF {
			return "", nil
		}
		if in.flags&flagInlineData == 0 {
			w.known(x.Off, x.Len, "link target")
		}
	}
	return string(target), nil
}
