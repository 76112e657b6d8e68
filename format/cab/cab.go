// Package cab reads Microsoft cabinets.
//
//	offset  size  CFHEADER
//	0       4     "MSCF"
//	4       4     0
//	8       4     size of the cabinet
//	12      4     0
//	16      4     offset of the first CFFILE
//	20      4     0
//	24      2     version, 3 and 1
//	26      2     number of folders
//	28      2     number of files
//	30      2     flags: 1 previous cabinet, 2 next cabinet, 4 reserved areas
//	32      4     set, index in the set
//	36            [sizes of reserved areas, area] [names of other cabinets]
//
//	CFFOLDER  offset of the first CFDATA (4), number of them (2), compression (2)
//	CFFILE    size (4), offset in the folder (4), folder (2), date (2), time (2),
//	          attributes (2), name, 0
//	CFDATA    checksum (4), packed size (2), size (2), data
//
// Numbers are little-endian. What a folder's blocks decode to is one stream, of
// which each file is a part.
package cab

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/wardein/wardein"
)

// Format is the Microsoft cabinet.
var Format = wardein.Format{
	Name:    "cab",
	Version: 1,
	Doc: wardein.Doc{
		About: "Microsoft cabinet: installers, drivers, firmware updates for UEFI.",
		How: "The header's fixed fields and the first folder and file tell a claim. The blocks of a folder are decoded once, its files are cut from the stream; " +
			"files of a folder that is not compressed are runs of the cabinet. Every block's checksum is compared.",
		Limits: []string{"LZX and Quantum are not decoded (a gap)", "files that span several cabinets are named, not opened (a gap)", "times are those of the packer's clock, read as UTC",
			"files whose bytes overlap in their folder are opened once"},
		References: []string{"MS-CAB, sections 2.1 to 2.5 and 3.1", "MS-MCI, section 2"},
	},
	Magic:   []wardein.Magic{{Bytes: "MSCF\x00\x00\x00\x00"}},
	Measure: measure,
	Extract: extract,
}

const (
	headerLen = 36
	maxBlock  = 32 << 10 // content of a CFDATA
	maxName   = 256

	flagPrev     = 1
	flagNext     = 2
	flagReserved = 4
	fromPrev     = 0xFFFD // folder numbers of files that other cabinets continue
)

var le = binary.LittleEndian

type header struct {
	r                *io.SectionReader
	end, files       int64
	folders, count   int
	flags            uint16
	folderAt         int64 // of the first CFFOLDER
	inFolder, inData int64 // sizes of reserved areas
	buf              []byte
}

// text reads a name that ends with a zero.
func text(r *io.SectionReader, at int64) (s string, ok bool) {
	var b [maxName]byte
	n, _ := r.ReadAt(b[:], at)
	s, _, ok = strings.Cut(string(b[:n]), "\x00")
	return s, ok
}

func readHeader(r *io.SectionReader) (*header, bool) {
	var b [headerLen + 4]byte
	n, _ := r.ReadAt(b[:], 0)
	if n < headerLen || string(b[:4]) != "MSCF" || le.Uint32(b[4:]) != 0 || le.Uint32(b[12:]) != 0 || le.Uint32(b[20:]) != 0 || b[25] != 1 || b[24] != 3 {
		return nil, false
	}
	h := &header{r: r, end: int64(le.Uint32(b[8:])), files: int64(le.Uint32(b[16:])), folders: int(le.Uint16(b[26:])), count: int(le.Uint16(b[28:])), flags: le.Uint16(b[30:]), folderAt: headerLen}
	if h.flags&flagReserved != 0 {
		h.folderAt += 4 + int64(le.Uint16(b[36:]))
		h.inFolder, h.inData = int64(b[38]), int64(b[39])
	}
	for range 2 * bits.OnesCount16(h.flags&(flagPrev|flagNext)) { // name and disk of each
		s, ok := text(r, h.folderAt)
		if !ok {
			return nil, false
		}
		h.folderAt += int64(len(s)) + 1
	}
	return h, h.flags < 8 && h.files >= h.folderAt && h.end >= h.files && h.foldersEnd() <= h.files
}

func (h *header) foldersEnd() int64 { return h.folderAt + int64(h.folders)*(8+h.inFolder) }

type folder struct {
	at     int64 // of the first CFDATA
	blocks int
	method uint16
}

func (h *header) folder(i int) (f folder, ok bool) {
	var b [8]byte
	n, _ := h.r.ReadAt(b[:], h.folderAt+int64(i)*(8+h.inFolder))
	return folder{int64(le.Uint32(b[:])), int(le.Uint16(b[4:])), le.Uint16(b[6:])}, n == len(b)
}

type file struct {
	off, size int64
	folder    int
	entry     wardein.Entry
}

// file reads the CFFILE at at and returns where the next one begins.
func (h *header) file(at int64) (f file, next int64, ok bool) {
	var b [16]byte
	if n, _ := h.r.ReadAt(b[:], at); n < len(b) {
		return f, at, false
	}
	name, ok := text(h.r, at+16)
	f = file{off: int64(le.Uint32(b[4:])), size: int64(le.Uint32(b[:])), folder: int(le.Uint16(b[8:]))}
	f.entry = wardein.Entry{Name: strings.ReplaceAll(name, `\`, "/"), MTime: dosTime(le.Uint16(b[10:]), le.Uint16(b[12:]))}
	return f, at + 16 + int64(len(name)) + 1, ok && (f.folder < h.folders || f.folder >= fromPrev)
}

func dosTime(d, t uint16) int64 {
	if d == 0 {
		return 0
	}
	return time.Date(1980+int(d>>9), time.Month(d>>5&15), int(d&31), int(t>>11), int(t>>5&63), int(t&31)*2, 0, time.UTC).Unix()
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, ok := readHeader(r)
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	claim := wardein.Claim{End: h.end, Confidence: wardein.Likely, Evidence: "header ok"}
	if f, ok := h.folder(0); ok && h.folders > 0 && h.count > 0 {
		_, _, fits := h.file(h.files)
		b, err := h.block(f.at, f.method&15 == 0)
		if !fits || f.at > h.end {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		if err == nil && b.summed {
			claim.Confidence, claim.Evidence = wardein.Certain, "header, first file and first block's checksum ok"
		}
	}
	if h.end > r.Size() {
		claim.End = r.Size()
		return claim, h.cut()
	}
	return claim, nil
}

func (h *header) cut() error {
	return fmt.Errorf("cabinet of %d bytes by its header, found %d", h.end, h.r.Size())
}

// block is a CFDATA.
type block struct {
	head   int64 // its length of header
	off    int64 // of the data
	packed int
	size   int
	summed bool // the checksum is there and fits
	data   []byte
}

// block reads the CFDATA at at and compares its checksum. Its data is good
// until the next call.
func (h *header) block(at int64, stored bool) (b block, err error) {
	head := make([]byte, 8+h.inData)
	if n, _ := h.r.ReadAt(head, at); n < len(head) {
		return b, fmt.Errorf("block at %#x: header is cut off at %d", at, h.r.Size())
	}
	b = block{head: int64(len(head)), off: at + int64(len(head)), packed: int(le.Uint16(head[4:])), size: int(le.Uint16(head[6:]))}
	if b.size > maxBlock || b.packed > maxBlock+6144 || stored && b.size != b.packed {
		return b, fmt.Errorf("block at %#x: %d bytes from %d, want at most %d", at, b.size, b.packed, maxBlock)
	}
	if cap(h.buf) < b.packed {
		h.buf = make([]byte, b.packed, maxBlock+6144)
	}
	b.data = h.buf[:b.packed]
	if n, _ := h.r.ReadAt(b.data, b.off); n < len(b.data) {
		return b, fmt.Errorf("block at %#x: want %d bytes, found %d", at, b.packed, n)
	}
	if want := le.Uint32(head); want != 0 {
		if got := checksum(head[4:], checksum(b.data, 0)); got != want {
			return b, fmt.Errorf("block at %#x: %w: stored %08x, computed %08x", at, errSum, want, got)
		}
		b.summed = true
	}
	return b, nil
}

var (
	errSum   = errors.New("checksum")
	errLimit = errors.New("folders share blocks")
)

// checksum is that of MS-CAB, section 3.1: words are combined by exclusive or,
// of the last bytes the first one is the highest.
func checksum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= le.Uint32(b)
	}
	var last uint32
	for _, c := range b {
		last = last<<8 | uint32(c)
	}
	return sum ^ last
}

type extractor struct {
	*header
	ctx  context.Context
	out  wardein.Members
	read int64 // bytes of blocks
}

// block reads a block; folders that share blocks are read as often as fits in
// twice the cabinet's size.
func (x *extractor) block(at int64, stored bool) (b block, err error) {
	if x.read > 2*x.end {
		return b, fmt.Errorf("block at %#x: %w: %d bytes of blocks read, cabinet has %d", at, errLimit, x.read, x.end)
	}
	b, err = x.header.block(at, stored)
	x.read += b.head + int64(b.packed)
	return b, err
}

func kindOf(err error) wardein.GapKind {
	if errors.Is(err, errLimit) {
		return wardein.Limit
	}
	return wardein.Damaged
}

func (x *extractor) gap(kind wardein.GapKind, name string, off, n int64, format string, args ...any) {
	x.out.Gap(wardein.Gap{Kind: kind, Node: name, Off: min(off, x.end), Len: max(0, min(n, x.end-off)), Why: fmt.Sprintf(format, args...)})
}

func (x *extractor) span(off, n int64, what wardein.What, is string) {
	if off = min(off, x.end); n > 0 {
		x.out.Span(wardein.Span{Off: off, Len: min(n, x.end-off), What: what, Is: is})
	}
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, ok := readHeader(r)
	if !ok {
		return 0, errors.New("header is none")
	}
	var damage error
	if h.end > r.Size() {
		damage = h.cut()
	}
	h.end = min(h.end, r.Size())
	x := &extractor{header: h, ctx: ctx, out: out}
	x.span(0, x.folderAt, wardein.Known, "CFHEADER")
	x.span(x.folderAt, x.foldersEnd()-x.folderAt, wardein.Known, "CFFOLDER")
	if h.flags&(flagPrev|flagNext) != 0 {
		out.Note("set", fmt.Sprintf("one of several cabinets, flags %#x", h.flags))
	}
	var files []file
	at := h.files
	for i := range h.count {
		f, next, ok := h.file(at)
		if !ok {
			x.gap(wardein.Damaged, "", at, 0, "CFFILE %d of %d at %#x: cut off or bad folder %#x", i, h.count, at, f.folder)
			break
		}
		at = next
		if f.folder >= fromPrev {
			x.gap(wardein.Unsupported, f.entry.Name, 0, 0, "%d bytes, part of which is in another cabinet", f.size)
			if err := out.Entry(f.entry); err != nil {
				return h.end, err
			}
			continue
		}
		files = append(files, f)
	}
	x.span(h.files, at-h.files, wardein.Known, "CFFILE")
	slices.SortStableFunc(files, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.folder, b.folder), cmp.Compare(a.off, b.off))
	})
	seen := map[int64]bool{}
	for i := range h.folders {
		if ctx.Err() != nil {
			return h.end, ctx.Err()
		}
		n := 0
		for n < len(files) && files[n].folder == i {
			n++
		}
		f, ok := h.folder(i)
		if !ok {
			break
		}
		if seen[f.at] && f.blocks > 0 {
			x.gap(wardein.Limit, "", f.at, 0, "folder %d begins at %#x like another one, blocks are read once: content of %d files", i, f.at, n)
		} else if err := x.folder1(i, f, files[:n]); err != nil {
			return h.end, err
		}
		seen[f.at] = true
		files = files[n:]
	}
	return h.end, damage
}
