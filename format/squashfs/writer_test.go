package squashfs

import (
	"bytes"
	"fmt"
	"os/exec"
	"sort"
	"testing"

	"compress/zlib"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// writer makes volumes of every version, order and coding, which no tool does
// any more. It is written from the layouts, not from the reader.
type writer struct {
	major, minor int
	be, metaLE   bool // order of everything, and that metadata lengths are little endian all the same
	magic        string
	compressor   uint64
	block        int
	fragments    bool
	check        bool
	long         bool // extended inodes
	meta, data   func([]byte) []byte
	out          []byte
	inodes, dirs stream
	frags        []uint64 // start, size pairs
	tail         []byte
	ids, guids   []uint32
	refs         []uint64
	hidden       string // stands behind the superblock, and nothing refers to it
}

// member is a node of the tree to write.
type member struct {
	name     string
	kind     wardein.Kind
	mode     uint64
	uid, gid uint32
	data     string // or the target
	dev      uint64
	kids     []*member
	ref      uint64
	number   uint64
	nlink    uint64
}

// stream is metadata that is being cut into blocks.
type stream struct{ done, now []byte }

type packer struct {
	b   []byte
	bit int
	be  bool
}

func (p *packer) put(n int, v uint64) *packer {
	for i := range n {
		if p.bit%8 == 0 {
			p.b = append(p.b, 0)
		}
		if p.be {
			p.b[p.bit/8] |= byte(v>>(n-1-i)&1) << (7 - p.bit%8)
		} else {
			p.b[p.bit/8] |= byte(v>>i&1) << (p.bit % 8)
		}
		p.bit++
	}
	return p
}

func (w *writer) pack() *packer { return &packer{be: w.be} }

func (w *writer) block16(b []byte) []byte {
	p := &packer{be: w.be && !w.metaLE}
	enc := b
	if w.meta != nil {
		enc = w.meta(b)
	}
	if w.meta == nil || len(enc) >= len(b) {
		enc = b
		p.put(16, uint64(len(b))|0x8000)
	} else {
		p.put(16, uint64(len(enc)))
	}
	if w.check {
		p.b = append(p.b, 0xFF)
	}
	return append(p.b, enc...)
}

func (w *writer) flush(s *stream) {
	if len(s.now) > 0 {
		n := min(len(s.now), metaSize)
		s.done = append(s.done, w.block16(s.now[:n])...)
		s.now = s.now[n:]
	}
}

func (w *writer) add(s *stream, b []byte) (ref uint64) {
	ref = uint64(len(s.done))<<16 | uint64(len(s.now))
	s.now = append(s.now, b...)
	for len(s.now) >= metaSize {
		w.flush(s)
	}
	return ref
}

func index(list *[]uint32, id uint32) uint64 {
	for i, x := range *list {
		if x == id {
			return uint64(i)
		}
	}
	*list = append(*list, id)
	return uint64(len(*list) - 1)
}

const writerTime = 1234567890

func (w *writer) base(m *member, kind uint64) *packer {
	p := w.pack()
	switch w.major {
	case 4:
		p.put(16, kind).put(16, m.mode).put(16, index(&w.ids, m.uid)).put(16, index(&w.ids, m.gid)).put(32, writerTime).put(32, m.number)
		return p
	case 1:
		uid := index(&w.ids, m.uid)
		if m.kind == wardein.FIFO || m.kind == wardein.Socket {
			p.put(4, 0).put(12, m.mode).put(4, uid%16).put(4, w.group(m, 15)).put(4, kind).put(4, uid/16)
			return p
		}
		return p.put(4, kind+uid/16*5).put(12, m.mode).put(4, uid%16).put(4, w.group(m, 15))
	}
	p.put(4, kind).put(12, m.mode).put(8, index(&w.ids, m.uid)).put(8, w.group(m, 255))
	if w.major == 3 {
		p.put(32, writerTime).put(32, m.number)
	}
	return p
}

func (w *writer) group(m *member, same uint64) uint64 {
	if m.gid == m.uid {
		return same
	}
	return index(&w.guids, m.gid)
}

// store writes a data block and returns its entry in a block list.
func (w *writer) store(b []byte) uint64 {
	if len(bytes.Trim(b, "\x00")) == 0 && w.major > 1 {
		return 0
	}
	bit := uint64(1 << 24)
	if w.major == 1 {
		bit = 1 << 15
	}
	if w.data != nil {
		if enc := w.data(b); len(enc) < len(b) {
			w.out = append(w.out, enc...)
			return uint64(len(enc))
		}
	}
	w.out = append(w.out, b...)
	return uint64(len(b))&(bit-1) | bit
}

func (w *writer) flushTail() {
	if len(w.tail) > 0 {
		start := uint64(len(w.out))
		w.frags = append(w.frags, start, w.store(w.tail))
		w.tail = nil
	}
}

func (w *writer) file(m *member) *packer {
	data := []byte(m.data)
	start, frag, off := uint64(len(w.out)), uint64(noFragment), uint64(0)
	var list []uint64
	for len(data) >= w.block || len(data) > 0 && !w.fragments {
		n := min(len(data), w.block)
		list = append(list, w.store(data[:n]))
		data = data[n:]
	}
	if len(data) > 0 {
		if len(w.tail)+len(data) > w.block {
			w.flushTail()
		}
		frag, off = uint64(len(w.frags)/2), uint64(len(w.tail))
		w.tail = append(w.tail, data...)
	}
	size, wide := uint64(len(m.data)), 32
	var p *packer
	switch {
	case w.major == 4 && w.long:
		p = w.base(m, 9).put(64, start).put(64, size).put(64, 0).put(32, m.nlink).put(32, frag).put(32, off).put(32, noXattrs)
	case w.major == 4:
		p = w.base(m, 2).put(32, start).put(32, frag).put(32, off).put(32, size)
	case w.major == 3 && w.long:
		p = w.base(m, 9).put(32, m.nlink).put(64, start).put(32, frag).put(32, off).put(64, size)
	case w.major == 3:
		p = w.base(m, 2).put(64, start).put(32, frag).put(32, off).put(32, size)
	case w.major == 2:
		p = w.base(m, 2).put(32, writerTime).put(32, start).put(32, frag).put(32, off).put(32, size)
	default:
		p, wide = w.base(m, 2).put(32, writerTime).put(32, start).put(32, size), 16
	}
	for _, x := range list {
		p.put(wide, x)
	}
	return p
}

func (w *writer) dir(m *member) *packer {
	kids := append([]*member(nil), m.kids...)
	sort.Slice(kids, func(i, j int) bool { return kids[i].name < kids[j].name })
	list := w.pack()
	kindOf := map[wardein.Kind]uint64{wardein.Directory: 1, wardein.File: 2, wardein.Symlink: 3, wardein.BlockDevice: 4, wardein.CharDevice: 5, wardein.FIFO: 6, wardein.Socket: 7}
	for len(kids) > 0 {
		n := 1
		for n < len(kids) && n < 256 && kids[n].ref>>16 == kids[0].ref>>16 {
			n++
		}
		switch first := kids[0]; w.major {
		case 4:
			list.put(32, uint64(n-1)).put(32, first.ref>>16).put(32, first.number)
		case 3:
			list.put(8, uint64(n-1)).put(32, first.ref>>16).put(32, first.number)
		default:
			list.put(8, uint64(n-1)).put(24, first.ref>>16)
		}
		for _, k := range kids[:n] {
			diff := (k.number - kids[0].number) & 0xFFFF
			switch w.major {
			case 4:
				list.put(16, k.ref&0xFFFF).put(16, diff).put(16, kindOf[k.kind]).put(16, uint64(len(k.name)-1))
			case 3:
				list.put(13, k.ref&0xFFFF).put(3, kindOf[k.kind]).put(8, uint64(len(k.name)-1)).put(16, diff)
			default:
				list.put(13, k.ref&0xFFFF).put(3, kindOf[k.kind]).put(8, uint64(len(k.name)-1))
			}
			list.b = append(list.b, k.name...)
			list.bit = 8 * len(list.b)
		}
		kids = kids[n:]
	}
	ref := w.add(&w.dirs, list.b)
	size, start, off := uint64(len(list.b)), ref>>16, ref&0xFFFF
	switch {
	case w.major == 4 && w.long:
		return w.base(m, 8).put(32, 2).put(32, size+3).put(32, start).put(32, 0).put(16, 0).put(16, off).put(32, noXattrs)
	case w.major == 4:
		return w.base(m, 1).put(32, start).put(32, 2).put(16, size+3).put(16, off).put(32, 0)
	case w.major == 3 && w.long:
		return w.base(m, 8).put(32, 2).put(27, size+3).put(13, off).put(32, start).put(16, 0).put(32, 0)
	case w.major == 3:
		return w.base(m, 1).put(32, 2).put(19, size+3).put(13, off).put(32, start).put(32, 0)
	case w.major == 2 && w.long:
		return w.base(m, 8).put(27, size).put(13, off).put(32, writerTime).put(24, start).put(16, 0)
	}
	return w.base(m, 1).put(19, size).put(13, off).put(32, writerTime).put(24, start)
}

func (w *writer) inode(m *member) {
	for _, k := range m.kids {
		if k.number == 0 {
			w.inode(k)
		}
	}
	if m.nlink == 0 {
		m.nlink = 1
	}
	m.number = uint64(len(w.refs) + 1)
	var p *packer
	switch m.kind {
	case wardein.Directory:
		p = w.dir(m)
	case wardein.File:
		p = w.file(m)
	default:
		kind := map[wardein.Kind]uint64{wardein.Symlink: 3, wardein.BlockDevice: 4, wardein.CharDevice: 5, wardein.FIFO: 6, wardein.Socket: 7}[m.kind]
		p = w.base(m, kind)
		wide := 16
		if w.major >= 3 {
			p.put(32, m.nlink)
		}
		if w.major == 4 {
			wide = 32
		}
		switch m.kind {
		case wardein.Symlink:
			p.put(wide, uint64(len(m.data)))
			p.b = append(p.b, m.data...)
		case wardein.BlockDevice, wardein.CharDevice:
			p.put(wide, m.dev)
		}
	}
	m.ref = w.add(&w.inodes, p.b)
	w.refs = append(w.refs, m.ref)
}

// table writes data as metadata blocks and then their positions.
func (w *writer) table(b []byte) (at uint64) {
	wide := 64
	if w.major < 3 {
		wide = 32
	}
	index := w.pack()
	for len(b) > 0 {
		n := min(len(b), metaSize)
		index.put(wide, uint64(len(w.out)))
		w.out = append(w.out, w.block16(b[:n])...)
		b = b[n:]
	}
	at = uint64(len(w.out))
	w.out = append(w.out, index.b...)
	return at
}

func (w *writer) write(root *member) []byte {
	size := [...]int{1: 51, 2: 63, 3: 119, 4: 96}[w.major]
	w.out = append(make([]byte, size), w.hidden...)
	w.inode(root)
	w.flushTail()
	w.flush(&w.inodes)
	w.flush(&w.dirs)
	inodes := uint64(len(w.out))
	w.out = append(w.out, w.inodes.done...)
	dirs := uint64(len(w.out))
	w.out = append(w.out, w.dirs.done...)
	frags := w.pack()
	for i := 0; i < len(w.frags); i += 2 {
		if w.major == 2 {
			frags.put(32, w.frags[i]).put(32, w.frags[i+1])
		} else {
			frags.put(64, w.frags[i]).put(32, w.frags[i+1]).put(32, 0)
		}
	}
	fragTable := w.table(frags.b)
	var export, flags uint64 = 1<<64 - 1, 0
	if w.check {
		flags |= flagCheck
	}
	if w.major >= 3 {
		p := w.pack()
		for _, r := range w.refs {
			p.put(64, r)
		}
		export = w.table(p.b)
		flags |= flagExport
	}
	log := uint64(0)
	for 1<<log < w.block {
		log++
	}
	list := func(ids []uint32) []byte {
		p := w.pack()
		for _, id := range ids {
			p.put(32, uint64(id))
		}
		return p.b
	}
	p := w.pack()
	p.b = append(p.b, w.magic...)
	p.bit = 32
	p.put(32, uint64(len(w.refs)))
	if w.major == 4 {
		ids := w.table(list(w.ids))
		p.put(32, writerTime).put(32, uint64(w.block)).put(32, uint64(len(w.frags)/2)).put(16, w.compressor).put(16, log).put(16, flags).put(16, uint64(len(w.ids)))
		p.put(16, 4).put(16, uint64(w.minor)).put(64, root.ref).put(64, uint64(len(w.out)))
		p.put(64, ids).put(64, 1<<64-1).put(64, inodes).put(64, dirs).put(64, fragTable).put(64, export)
		copy(w.out, p.b)
		return w.out
	}
	uids := uint64(len(w.out))
	w.out = append(w.out, list(w.ids)...)
	guids := uint64(len(w.out))
	w.out = append(w.out, list(w.guids)...)
	used := uint64(len(w.out))
	if len(w.guids) == 0 {
		guids = 0
	}
	if w.major == 3 {
		p.put(160, 0)
	} else {
		p.put(32, used).put(32, uids).put(32, guids).put(32, inodes).put(32, dirs)
	}
	p.put(16, uint64(w.major)).put(16, uint64(w.minor)).put(16, uint64(w.block)&0xFFFF).put(16, log).put(8, flags).put(8, uint64(len(w.ids))).put(8, uint64(len(w.guids))).put(32, writerTime).put(64, root.ref)
	if w.major > 1 {
		p.put(32, uint64(w.block)).put(32, uint64(len(w.frags)/2))
	}
	if w.major == 2 {
		p.put(32, fragTable)
	}
	if w.major == 3 {
		p.put(32, 0).put(64, used).put(64, uids).put(64, guids).put(64, inodes).put(64, dirs).put(64, fragTable).put(64, export)
	}
	copy(w.out, p.b)
	return w.out
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	z, _ := zlib.NewWriterLevel(&out, 9)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// rawLZMA encodes with the xz tool.
func rawLZMA(t testing.TB, lc, lp, pb int) func([]byte) []byte {
	tool := testkit.Tool(t, "xz")
	return func(b []byte) []byte {
		cmd := exec.Command(tool, "--format=raw", "--stdout", fmt.Sprintf("--lzma1=lc=%d,lp=%d,pb=%d,dict=64KiB", lc, lp, pb))
		cmd.Stdin = bytes.NewReader(b)
		out, err := cmd.Output()
		must(t, err)
		return out
	}
}

func prefixed(f func([]byte) []byte, head func(n int) string) func([]byte) []byte {
	return func(b []byte) []byte { return append([]byte(head(len(b))), f(b)...) }
}
