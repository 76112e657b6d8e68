package fat

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf16"

	"github.com/wardein/wardein"
)

const (
	maxGaps = 256
	maxNest = 256
	maxPath = 4096
	maxDir  = 8 << 20 // bytes of one directory; the specification allows 2 MiB

	attrReadOnly = 0x01
	attrVolume   = 0x08
	attrDir      = 0x10
	attrLong     = 0x0F
)

// walker holds what one extraction needs.
type walker struct {
	ctx   context.Context
	v     *volume
	out   wardein.Members
	owned []uint64 // clusters that a member has, a bit each
	gaps  int
	last  wardein.Span
	fat   []byte // a piece of the FAT
	fatAt int64
}

func newWalker(ctx context.Context, v *volume, out wardein.Members) *walker {
	// No more clusters can be reached than the FAT that is there has entries.
	n := min(v.clusters+2, max(0, v.size-v.fatAt)*8/v.bits+2)
	return &walker{ctx: ctx, v: v, out: out, owned: make([]uint64, n/64+1), fatAt: -1}
}

func (w *walker) gap(node string, kind wardein.GapKind, off int64, format string, args ...any) {
	if w.gaps++; w.gaps <= maxGaps {
		w.out.Gap(wardein.Gap{Node: node, Kind: kind, Off: min(off, w.v.size), Why: fmt.Sprintf(format, args...)})
	}
}

func (w *walker) known(off, n int64, is string) {
	if n = min(n, w.v.size-off); n <= 0 {
		return
	}
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

// own takes a cluster, false when it is taken already or its FAT entry is not
// there.
func (w *walker) own(c uint32) bool {
	i := int(c / 64)
	if i >= len(w.owned) || w.owned[i]>>(c%64)&1 != 0 {
		return false
	}
	w.owned[i] |= 1 << (c % 64)
	return true
}

// next is volume.next through a buffer.
func (w *walker) next(c uint32) (uint32, error) {
	v := w.v
	pos := int64(c) * v.bits / 8
	const piece = 4096
	if w.fatAt < 0 || pos < w.fatAt || pos+4 > w.fatAt+int64(len(w.fat)) {
		if w.fat == nil {
			w.fat = make([]byte, piece+8)
		}
		w.fatAt = pos / piece * piece
		n, err := v.r.ReadAt(w.fat[:cap(w.fat)], v.fatAt+w.fatAt)
		w.fat = w.fat[:n]
		if pos+4 > w.fatAt+int64(n) {
			w.fatAt, w.fat = -1, w.fat[:cap(w.fat)]
			return v.next(c)
		}
		_ = err
	}
	raw := w.fat[pos-w.fatAt:]
	switch v.bits {
	case 12:
		n := uint32(le.Uint16(raw))
		if c&1 != 0 {
			return n >> 4, nil
		}
		return n & 0xFFF, nil
	case 16:
		return uint32(le.Uint16(raw)), nil
	}
	return le.Uint32(raw) & 0x0FFFFFFF, nil
}

// chain follows a cluster chain for at most want bytes (−1: to its end) and
// returns its runs.
func (w *walker) chain(first uint32, want int64, path string) []wardein.Extent {
	v := w.v
	var runs []wardein.Extent
	have := int64(0)
	bad := func(format string, args ...any) {
		w.gap(path, wardein.Damaged, v.fatAt, "cluster chain from %d: %s, after %d bytes of %d", first, fmt.Sprintf(format, args...), have, want)
	}
	for c := first; want < 0 || have < want; {
		switch {
		case !v.valid(c):
			bad("leads to cluster %d of %d", c, v.clusters+1)
			return runs
		case want < 0 && have >= maxDir:
			w.gap(path, wardein.Limit, v.at(first), "a directory of more than %d bytes, %d are read", have, maxDir)
			return runs
		case !w.own(c):
			bad("cluster %d belongs to another chain or comes again", c)
			return runs
		}
		off, n := v.at(c), v.cluster
		if want >= 0 {
			n = min(n, want-have)
		}
		if off+n > v.size {
			bad("cluster %d is beyond the image's end at %#x", c, v.size)
			if n = v.size - off; n <= 0 {
				return runs
			}
		}
		if k := len(runs) - 1; k >= 0 && runs[k].Off+runs[k].Len == off {
			runs[k].Len += n
		} else {
			runs = append(runs, wardein.Extent{Off: off, Len: n})
		}
		have += n
		next, err := w.next(c)
		if err != nil {
			bad("FAT: %v", err)
			return runs
		}
		if v.last(next) {
			if have < want {
				bad("ends")
			}
			return runs
		}
		c = next
	}
	return runs
}

// pending is a directory that waits to be read.
type pending struct {
	runs  []wardein.Extent
	path  string
	depth int
}

// tree walks the directories from the root; a directory's members come before
// those of its subdirectories.
func (w *walker) tree() error {
	v := w.v
	root := []wardein.Extent{{Off: v.rootAt, Len: max(0, min(v.rootLen, v.size-v.rootAt))}}
	if v.bits == 32 {
		root = w.chain(v.root, -1, "")
	}
	stack := []pending{{runs: root}}
	for len(stack) > 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		base := len(stack)
		err := w.dir(d, func(c uint32, path string) {
			if d.depth+1 > maxNest {
				w.gap(path, wardein.Limit, 0, "%d directories in each other, %d are read", d.depth+1, maxNest)
				return
			}
			stack = append(stack, pending{w.chain(c, -1, path), path, d.depth + 1})
		})
		if err != nil {
			return err
		}
		slices.Reverse(stack[base:])
	}
	return nil
}

// dir hands out the members of one directory and calls down for those that are
// directories.
func (w *walker) dir(d pending, down func(first uint32, path string)) error {
	var long []uint16 // the long name so far, its parts come last first
	var sum byte
	buf := make([]byte, 4096)
	for _, x := range d.runs {
		for done := int64(0); done < x.Len; done += int64(len(buf)) {
			part := buf[:min(int64(len(buf)), x.Len-done)]
			if _, err := w.v.r.ReadAt(part, x.Off+done); err != nil && err != io.EOF {
				return err
			}
			for i := 0; i+32 <= len(part); i += 32 {
				raw, at := part[i:i+32], x.Off+done+int64(i)
				switch {
				case raw[0] == 0: // the end: what follows is nobody's
					return nil
				case raw[0] == 0xE5: // deleted
					long = nil
					continue
				case raw[11]&0x3F == attrLong:
					w.known(at, 32, "directory")
					long, sum = longPart(raw, long, sum)
					continue
				}
				w.known(at, 32, "directory")
				name := shortName(raw)
				if len(long) > 0 && sum == checksum(raw[:11]) {
					name = string(utf16.Decode(long))
				}
				long = nil
				if err := w.member(raw, at, name, d, down); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (w *walker) member(raw []byte, at int64, name string, d pending, down func(uint32, string)) error {
	attr := raw[11]
	if attr&attrVolume != 0 {
		if d.path == "" {
			w.out.Note("volume label", string(bytes.TrimRight(raw[:11], " ")))
		}
		return nil
	}
	if name == "." || name == ".." {
		return nil
	}
	path := name
	if d.path != "" {
		path = d.path + "/" + name
	}
	if len(path) > maxPath {
		w.gap(d.path, wardein.Limit, at, "a path of %d bytes, %d are allowed", len(path), maxPath)
		return nil
	}
	e := wardein.Entry{Name: path, Mode: 0o644, MTime: when(le.Uint16(raw[24:]), le.Uint16(raw[22:]))}
	if attr&attrReadOnly != 0 {
		e.Mode = 0o444
	}
	first, size := uint32(le.Uint16(raw[26:])), int64(le.Uint32(raw[28:]))
	if w.v.bits == 32 {
		first |= uint32(le.Uint16(raw[20:])) << 16
	}
	if attr&attrDir != 0 {
		e.Kind, e.Mode = wardein.Directory, 0o755
		if err := w.out.Entry(e); err != nil {
			return err
		}
		down(first, path)
		return nil
	}
	if size == 0 {
		return w.out.Extents(e, nil)
	}
	return w.out.Extents(e, w.chain(first, size, path))
}

// longPart adds an entry's 13 units before those of the entries that came.
func longPart(raw []byte, long []uint16, sum byte) ([]uint16, byte) {
	if raw[0]&0x40 != 0 { // the last part comes first
		long, sum = nil, raw[13]
	} else if len(long) == 0 || raw[13] != sum {
		return nil, 0
	}
	units := make([]uint16, 0, 13+len(long))
	for _, at := range [...]int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
		u := le.Uint16(raw[at:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	if len(long) > 20*13 {
		return nil, 0
	}
	return append(units, long...), sum
}

// checksum is what long parts hold of the short name.
func checksum(short []byte) byte {
	var s byte
	for _, c := range short {
		s = s>>1 | s<<7
		s += c
	}
	return s
}

// shortName is the 8.3 name; Windows NT notes lower case in two bits.
func shortName(raw []byte) string {
	base, ext := bytes.TrimRight(bytes.Clone(raw[:8]), " "), bytes.TrimRight(bytes.Clone(raw[8:11]), " ")
	if len(base) > 0 && base[0] == 0x05 {
		base[0] = 0xE5
	}
	if raw[12]&0x08 != 0 {
		lower(base)
	}
	if raw[12]&0x10 != 0 {
		lower(ext)
	}
	if len(ext) == 0 {
		return string(base)
	}
	return string(base) + "." + string(ext)
}

func lower(b []byte) {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 32
		}
	}
}

// when decodes a date and a time.
func when(date, clock uint16) int64 {
	if date == 0 {
		return 0
	}
	return time.Date(1980+int(date>>9), time.Month(date>>5&15), int(date&31), int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC).Unix()
}
