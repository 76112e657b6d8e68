// Package romfs reads the Linux romfs filesystem.
//
// Big-endian, everything on 16-byte boundaries:
//
//	0x00  "-rom1fs-"
//	0x08  full size, u32
//	0x0C  checksum of the first 512 bytes: as words they add up to 0
//	0x10  volume name, NUL, padded to 16
//	      file headers:
//	      0x00  offset of the next header | executable 8 | type 0..7
//	      0x04  spec.info: hard link's target, directory's first header, device
//	      0x08  size
//	      0x0C  checksum: the header's words up to the end of the name add up to 0
//	      0x10  name, NUL, padded to 16
//	            content
package romfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

const (
	magic    = "-rom1fs-"
	maxName  = 1024
	maxNest  = 256
	maxGaps  = 256
	maxLink  = 4096
	typeMask = 7
	typeExec = 8
)

// Format is the romfs filesystem.
var Format = wardein.Format{
	Name:    "romfs",
	Version: 1,
	Doc: wardein.Doc{
		About: "The Linux romfs filesystem: initial RAM disks and root filesystems of small equipment without MMU.",
		How: "The superblock's checksum is verified before anything is believed, and every header's while walking. Headers are walked from the first one; content stands uncompressed behind its header. " +
			"A header that a second name leads to is a hard link, as are entries of that type.",
		Limits: []string{
			"romfs stores no mode but the executable bit: modes are those that Linux shows (0644, 0755 when executable, links 0777, devices 0600). No owner and no time is stored.",
			"The names \".\" and \"..\" are not handed out.",
			fmt.Sprintf("Directories in each other: %d.", maxNest),
		},
		References: []string{"Linux Documentation/filesystems/romfs.rst", "Linux fs/romfs (modes)"},
	},
	Magic:   []wardein.Magic{{Bytes: magic}},
	Measure: measure,
	Extract: extract,
}

var be = binary.BigEndian

// sum adds up big-endian words.
func sum(b []byte) uint32 {
	var s uint32
	for ; len(b) >= 4; b = b[4:] {
		s += be.Uint32(b)
	}
	return s
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var head [512]byte
	n, _ := r.ReadAt(head[:], 0)
	if n < 32 || string(head[:8]) != magic {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	size := int64(be.Uint32(head[8:]))
	if size < 32 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	short := size > r.Size()
	if int64(n) < min(size, 512) {
		return wardein.Claim{}, wardein.ErrNotMine // not even what the checksum covers
	}
	s := sum(head[:min(size, 512)])
	c := wardein.Claim{End: min(size, r.Size()), Confidence: wardein.Certain, Evidence: "checksum of the first 512 bytes ok"}
	if s != 0 && short {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if s != 0 {
		c.Confidence, c.Evidence = wardein.Possible, "magic and first header"
		if _, _, ok := parse(r, nameEnd(head[:])); !ok {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		return c, fmt.Errorf("superblock: the first %d bytes add up to %#x, expected 0", min(size, 512), s)
	}
	if short {
		return c, fmt.Errorf("superblock at 0x8: size %d, image ends at %d", size, r.Size())
	}
	return c, nil
}

// nameEnd is where the first header begins: behind the volume name.
func nameEnd(head []byte) int64 {
	if i := bytes.IndexByte(head[16:], 0); i >= 0 {
		return 16 + (int64(i)+16)&^15
	}
	return int64(len(head))
}

// header is one file header.
type header struct {
	at, next, info, size int64
	kind                 uint32
	exec                 bool
	name                 string
	data                 int64 // where content begins
}

// parse reads and verifies the header at off; sum is what its words add up to.
func parse(r *io.SectionReader, off int64) (h header, s uint32, ok bool) {
	var buf [16 + maxName]byte
	n, _ := r.ReadAt(buf[:64], off)
	i := bytes.IndexByte(buf[16:max(16, n)], 0)
	if i < 0 && n == 64 {
		n, _ = r.ReadAt(buf[:], off)
		i = bytes.IndexByte(buf[16:n], 0)
	}
	if i < 0 {
		return h, 0, false
	}
	first := be.Uint32(buf[0:])
	length := (16 + i + 16) &^ 15
	if length > n {
		return h, 0, false
	}
	h = header{at: off, next: int64(first &^ 15), kind: first & typeMask, exec: first&typeExec != 0,
		info: int64(be.Uint32(buf[4:])), size: int64(be.Uint32(buf[8:])), name: string(buf[16 : 16+i]), data: off + int64(length)}
	s = sum(buf[:length])
	return h, s, s == 0
}

// walker holds what one extraction needs.
type walker struct {
	ctx   context.Context
	r     *io.SectionReader
	out   wardein.Members
	seen  map[int64]string // header → path by which it was first reached
	links []link
	gaps  int
}

// link is a hard link, resolved when all headers were reached.
type link struct {
	entry  wardein.Entry
	target int64
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	var head [512]byte
	if n, _ := r.ReadAt(head[:], 0); n < 32 {
		return 0, io.ErrUnexpectedEOF
	}
	w := &walker{ctx: ctx, r: r, out: out, seen: map[int64]string{}}
	first := nameEnd(head[:])
	if name := head[16:first]; name[0] != 0 {
		out.Note("volume name", string(bytes.TrimRight(name, "\x00")))
	}
	out.Span(wardein.Span{Len: min(first, r.Size()), What: wardein.Known, Is: "superblock"})
	if err := w.list(first, "", 0); err != nil {
		return r.Size(), err
	}
	for _, l := range w.links {
		path, ok := w.seen[l.target]
		if !ok {
			w.gap(l.entry.Name, l.target, "hard link to %#x, where no member is", l.target)
		}
		l.entry.Target = path
		if err := out.Entry(l.entry); err != nil {
			return r.Size(), err
		}
	}
	if w.gaps > maxGaps {
		out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d gaps are told of %d", maxGaps, w.gaps)})
	}
	return r.Size(), nil
}

func (w *walker) gap(node string, off int64, format string, args ...any) {
	if w.gaps++; w.gaps <= maxGaps {
		w.out.Gap(wardein.Gap{Node: node, Kind: wardein.Damaged, Off: min(off, w.r.Size()), Why: fmt.Sprintf(format, args...)})
	}
}

// list walks a chain of headers.
func (w *walker) list(at int64, dir string, depth int) error {
	if depth > maxNest {
		w.out.Gap(wardein.Gap{Node: dir, Kind: wardein.Limit, Off: min(at, w.r.Size()), Why: fmt.Sprintf("%d directories in each other, %d are read", depth, maxNest)})
		return nil
	}
	for at != 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if at < 32 || at >= w.r.Size() {
			w.gap(dir, at, "header at %#x: image ends at %#x", at, w.r.Size())
			return nil
		}
		h, s, ok := parse(w.r, at)
		if !ok && h.data == 0 {
			w.gap(dir, at, "header at %#x: no end of its name in %d bytes", at, maxName)
			return nil
		}
		if !ok {
			w.gap(dir, at, "header at %#x: its words add up to %#x, expected 0", at, s)
		}
		path := h.name
		if dir != "" {
			path = dir + "/" + path
		}
		if _, again := w.seen[at]; again {
			w.gap(path, at, "header at %#x is reached again", at)
			return nil
		}
		w.seen[at] = path
		w.out.Span(wardein.Span{Off: at, Len: h.data - at, What: wardein.Known, Is: "file header"})
		if h.name != "." && h.name != ".." {
			if err := w.member(h, path, depth); err != nil {
				return err
			}
		} else if h.kind == 1 && h.info != at && depth == 0 && h.info > at {
			// Some tools make the root an entry "." that leads to the list.
			if _, again := w.seen[h.info]; !again {
				if err := w.list(h.info, "", depth+1); err != nil {
					return err
				}
			}
		}
		at = h.next
	}
	return nil
}

var kinds = [8]wardein.Kind{wardein.HardLink, wardein.Directory, wardein.File, wardein.Symlink, wardein.BlockDevice, wardein.CharDevice, wardein.Socket, wardein.FIFO}
var modes = [8]uint32{0, 0o644, 0o644, 0o777, 0o600, 0o600, 0o644, 0o644}

func (w *walker) member(h header, path string, depth int) error {
	e := wardein.Entry{Name: path, Kind: kinds[h.kind], Mode: modes[h.kind]}
	if h.exec && h.kind != 0 {
		e.Mode |= 0o111
	}
	switch e.Kind {
	case wardein.HardLink:
		w.links = append(w.links, link{e, h.info &^ 15})
		return nil
	case wardein.Directory:
		if err := w.out.Entry(e); err != nil {
			return err
		}
		return w.list(h.info&^15, path, depth+1)
	case wardein.CharDevice, wardein.BlockDevice:
		e.Major, e.Minor = uint32(h.info>>16), uint32(h.info&0xFFFF)
		return w.out.Entry(e)
	case wardein.File, wardein.Symlink:
		n := h.size
		if h.data+n > w.r.Size() {
			n = max(0, w.r.Size()-h.data)
			w.gap(path, h.data, "content at %#x: %d bytes, image ends at %#x", h.data, h.size, w.r.Size())
		}
		if e.Kind == wardein.File {
			return w.out.Extents(e, []wardein.Extent{{Off: h.data, Len: n}})
		}
		if n > maxLink {
			w.gap(path, h.data, "link target of %d bytes, %d are allowed", n, maxLink)
			n = maxLink
		}
		target := make([]byte, n)
		if _, err := w.r.ReadAt(target, h.data); err != nil && err != io.EOF {
			return err
		}
		w.out.Span(wardein.Span{Off: h.data, Len: n, What: wardein.Known, Is: "link target"})
		e.Target = string(target)
	}
	return w.out.Entry(e)
}
