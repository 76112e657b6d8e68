// Package tar reads tape archives: v7, POSIX ustar, GNU and pax.
//
//	offset  size  field            offset  size  field
//	0       100   name             257     6     magic, "ustar\0" or "ustar "
//	100     8     mode             263     2     version, "00" or " \0"
//	108     8     uid              265     32    uname
//	116     8     gid              297     32    gname
//	124     12    size             329     8     devmajor
//	136     12    mtime            337     8     devminor
//	148     8     chksum           345     155   prefix (ustar); in GNU headers
//	156     1     typeflag         386     96    sparse: 4 × {offset, numbytes}
//	157     100   linkname         482     1     isextended, 483 12 realsize
//
// An archive is a row of 512-byte blocks: a header, then the content padded to
// whole blocks. Two blocks of zeros end it; what pads the archive to its
// blocking factor behind them is not part of it. Numbers are octal text or,
// where the first byte's top bit is set, big-endian binary.
package tar

import (
	"context"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Format is tar.
var Format = wardein.Format{
	Name:    "tar",
	Version: 1,
	Doc: wardein.Doc{
		About: "tape archive (v7, ustar, GNU, pax): releases, root file systems, container layers, control parts of packages.",
		How: "Every header's checksum is verified while walking from header to header; contents are runs of the archive's own bytes. " +
			"Long names, pax records with extended attributes and sparse maps (GNU old, pax 0.0, 0.1, 1.0) are applied. Behind a damaged header the walk goes on at the next block that is a valid one.",
		FalseNegatives: []string{"a v7 archive (no magic) is recognised at the first byte of a node only"},
		Limits: []string{"pax records and long names: 1 MiB each", "search behind a damaged header: 16 MiB, headers with magic only",
			"content of an older multi-volume set that stands in another volume is a gap", "access and change times, names of user and group are not kept"},
		References: []string{"POSIX.1-2017 pax, sections ustar Interchange Format and pax Interchange Format",
			"GNU tar manual, Basic Tar Format and Storing Sparse Files", "star(5): SCHILY.xattr"},
	},
	Magic: []wardein.Magic{
		{Bytes: "ustar\x00", Back: 257},
		{Bytes: "ustar ", Back: 257},
		{Bytes: "\x00 ", Back: 154, Anchored: true}, // v7: the end of the checksum field
		{Bytes: " \x00", Back: 154, Anchored: true},
	},
	Measure: measure,
	Extract: extract,
}

const (
	block      = 512
	maxPax     = 1 << 20  // of pax records or a long name
	maxResync  = 16 << 20 // searched behind a damaged header
	windowSize = 8 << 10
)

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var b [block]byte
	if n, _ := r.ReadAt(b[:], 0); n < block || !valid(b[:]) || b[0] == 0 && b[345] == 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if !marked(b[:]) && !plausibleV7(b[:]) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	w := walker{r: r, size: r.Size()}
	end, err := w.walk(context.Background())
	c := wardein.Claim{End: end, Confidence: wardein.Certain, Evidence: fmt.Sprintf("checksums of %d headers ok", w.headers)}
	if !w.terminated {
		c.Evidence += ", no end-of-archive blocks"
		if w.headers < 2 {
			c.Confidence = wardein.Likely
		}
	}
	return c, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	w := walker{r: r, size: r.Size(), out: out}
	end, err := w.walk(ctx)
	if w.short && w.stop == nil {
		err = nil // said by a gap with the member's name
	}
	return end, err
}

// walker goes from header to header. With out nil it only finds the end.
type walker struct {
	r          *io.SectionReader
	size       int64
	out        wardein.Members
	win        []byte
	winOff     int64
	headers    int
	terminated bool  // an end-of-archive block was found
	short      bool  // the archive is cut off
	stop       error // the engine wants no more

	global, local pax
	longName      string
	longLink      string
	haveName      bool // longName is set
	haveLink      bool
}

// block returns the 512 bytes at off, nil where the archive has none.
func (w *walker) block(off int64) ([]byte, error) {
	if off < 0 || off > w.size-block {
		return nil, nil
	}
	if i := off - w.winOff; i >= 0 && i+block <= int64(len(w.win)) {
		return w.win[i : i+block], nil
	}
	if w.win == nil {
		w.win = make([]byte, windowSize)
	}
	w.win = w.win[:min(windowSize, w.size-off)]
	n, err := w.r.ReadAt(w.win, off)
	if n < block {
		w.win = w.win[:0]
		return nil, fmt.Errorf("block at %#x: %w", off, err)
	}
	w.win, w.winOff = w.win[:n], off
	return w.win[:block], nil
}

func (w *walker) span(off, n int64, is string) {
	if w.out != nil && n > 0 {
		w.out.Span(wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is})
	}
}

func (w *walker) gap(kind wardein.GapKind, name string, off, n int64, format string, args ...any) {
	if w.out != nil {
		w.out.Gap(wardein.Gap{Node: name, Kind: kind, Off: off, Len: n, Why: fmt.Sprintf(format, args...)})
	}
}

// walk returns where the archive ends.
func (w *walker) walk(ctx context.Context) (int64, error) {
	pos := int64(0)
	for {
		if err := ctx.Err(); err != nil {
			w.stop = err
			return pos, err
		}
		b, err := w.block(pos)
		if err != nil {
			return pos, err
		}
		if b == nil {
			return pos, nil
		}
		if zeros(b) {
			w.terminated = true
			n := int64(block)
			if b, _ = w.block(pos + block); b != nil && zeros(b) {
				n += block
			}
			w.span(pos, n, "end of archive")
			return pos + n, nil
		}
		if !valid(b) {
			next, err := w.resync(pos + block)
			if err != nil {
				return pos, err
			}
			if next < 0 {
				return pos, fmt.Errorf("block at %#x: neither a header with a valid checksum nor the end of the archive", pos)
			}
			w.gap(wardein.Damaged, "", pos, next-pos, "header at %#x: checksum does not fit, next valid header at %#x", pos, next)
			w.forget()
			pos = next
			continue
		}
		w.headers++
		next, err := w.member(b, pos)
		if err != nil {
			return next, err
		}
		pos = next
	}
}

// resync finds the next valid header, -1 where there is none in reach.
func (w *walker) resync(from int64) (int64, error) {
	for pos := from; pos-from < maxResync; pos += block {
		b, err := w.block(pos)
		if b == nil || err != nil {
			return -1, err
		}
		if marked(b) && valid(b) {
			return pos, nil
		}
	}
	return -1, nil
}

func (w *walker) forget() {
	w.local = w.global
	w.longName, w.longLink, w.haveName, w.haveLink = "", "", false, false
}

// pad rounds up to whole blocks. n is at most the archive's size.
func pad(n int64) int64 { return (n + block - 1) &^ (block - 1) }

// member handles the header b at pos and returns where the next one stands.
func (w *walker) member(b []byte, pos int64) (int64, error) {
	typ := b[156]
	size, ok := number(b[124:136])
	if w.local.hasSize && typ != 'x' && typ != 'g' && typ != 'X' && typ != 'L' && typ != 'K' {
		size, ok = w.local.size, true
	}
	if !ok || size < 0 {
		w.gap(wardein.Damaged, "", pos+124, 12, "size %q of the header at %#x is no number", b[124:136], pos)
		size = 0
	}
	data := pos + block
	if size > 0 && headerOnly(typ) && w.noContent(data, size) {
		size = 0
	}
	// What the archive holds of the content.
	have, cut := size, error(nil)
	if have > w.size-data {
		have = w.size - data
		w.short = true
		cut = fmt.Errorf("content at %#x: want %d bytes, archive ends after %d", data, size, have)
	}
	next := min(data+pad(have), w.size)

	switch typ {
	case 'x', 'X', 'g', 'L', 'K':
		w.span(pos, block+have, "extended header")
		if cut != nil {
			w.gap(wardein.Damaged, "", data, have, "%v", cut)
			return w.size, cut
		}
		if have > maxPax {
			w.gap(wardein.Limit, "", data, have, "extended header of %d bytes, at most %d are read", have, maxPax)
			return next, nil
		}
		p := make([]byte, have)
		if _, err := io.ReadFull(io.NewSectionReader(w.r, data, have), p); err != nil {
			return pos, fmt.Errorf("extended header at %#x: %w", data, err)
		}
		switch typ {
		case 'L':
			w.longName, w.haveName = cstring(p), true
		case 'K':
			w.longLink, w.haveLink = cstring(p), true
		case 'g':
			if err := w.global.parse(p, true); err != nil {
				w.gap(wardein.Damaged, "", data, have, "global pax records: %v", err)
			}
			w.local = w.global
		default:
			w.local = w.global
			if err := w.local.parse(p, false); err != nil {
				w.gap(wardein.Damaged, "", data, have, "pax records: %v", err)
			}
		}
		return next, nil
	}

	m := content{off: data, size: size, have: have, next: next}
	head := int64(block)
	if typ == 'S' {
		var err error
		copied := [block]byte(b) // the window moves
		b = copied[:]
		if head, err = w.oldSparse(b, pos, &m); err != nil {
			return pos, err
		}
		if m.have < m.size && cut == nil {
			w.short = true
			cut = fmt.Errorf("content at %#x: want %d bytes, archive ends after %d", m.off, m.size, m.have)
		}
	}
	if w.out != nil {
		w.span(pos, head, "header")
		copied := [block]byte(b)
		if err := w.emit(copied[:], typ, pos, &m, cut); err != nil {
			w.stop = err
			return pos, err
		}
	}
	w.forget()
	if cut != nil {
		return w.size, cut
	}
	return m.next, nil
}

// content is where a member's stored bytes stand.
type content struct {
	off, size, have int64
	next            int64
	sparse          []run // of an old GNU header
	real            int64 // length with holes
	isSparse        bool
}

// noContent decides about a link, directory or device whose header states a
// size. Some writers put the size of a link's target there and no content, pax
// writers content: what stands behind the header tells.
func (w *walker) noContent(data, size int64) bool {
	b, err := w.block(data)
	if err != nil || b == nil {
		return true
	}
	if valid(b) || zeros(b) {
		return true
	}
	if size > w.size-data {
		return true
	}
	b, err = w.block(data + pad(size))
	return err != nil || b == nil || !valid(b) && !zeros(b)
}

// emit hands out one member.
func (w *walker) emit(b []byte, typ byte, pos int64, m *content, cut error) error {
	e := w.entry(b, typ)
	switch typ {
	case 'V':
		w.out.Note("volume label", e.Name)
		return nil
	case 'M':
		w.gap(wardein.Unsupported, e.Name, pos, block, "the member's beginning stands in another volume")
	case 'N', 'A', 'I':
		w.gap(wardein.Unsupported, e.Name, pos, block+m.have, "member type %q", typ)
		return nil
	}
	switch e.Kind {
	case wardein.File:
	case wardein.Directory:
		if m.have > 0 {
			w.span(m.off, m.have, "directory dump")
		}
		return w.out.Entry(e)
	case wardein.HardLink:
		if m.have > 0 { // pax archives may repeat the content; it is kept as a file of its own
			w.out.Note("hard link with content", e.Name)
			e.Kind = wardein.File
			break
		}
		return w.out.Entry(e)
	default:
		return w.out.Entry(e)
	}
	if cut != nil {
		w.gap(wardein.Damaged, e.Name, m.off, m.have, "%v", cut)
	}
	runs, real, off, err := m.sparse, m.real, m.off, error(nil)
	sparse := m.isSparse
	if !sparse && w.local.sparse {
		sparse = true
		runs, real, off, err = w.paxSparse(m)
	}
	if err != nil {
		w.gap(wardein.Damaged, e.Name, m.off, m.have, "sparse map: %v", err)
		sparse = false
	}
	if !sparse {
		if m.have == 0 {
			return w.out.Extents(e, nil)
		}
		return w.out.Extents(e, []wardein.Extent{{Off: m.off, Len: m.have}})
	}
	ext, err := holes(runs, real, off, m.off+m.have)
	if err != nil {
		w.gap(wardein.Damaged, e.Name, m.off, m.have, "sparse map: %v", err)
		ext = []wardein.Extent{{Off: m.off, Len: m.have}}
	} else if off > m.off {
		w.span(m.off, off-m.off, "sparse map")
	}
	return w.out.Extents(e, ext)
}
