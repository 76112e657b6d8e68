// Package exe reads executable files for hostile input: ELF of both classes
// and both byte orders. It reads from an io.ReaderAt in small pieces, never
// loads a file whole, and trusts no size, offset or count that a file states.
//
// Open fails only where the bytes are no ELF file at all. Everything else that
// contradicts itself is a Fault in the result, and what could be read stands
// beside it:
//
//	f, err := exe.Open(r, size)
//	if err != nil { … }            // not an ELF file
//	for _, s := range f.Sections { … }
//	fmt.Println(f.Arch, f.End, f.Faults)
//
// The layout follows the System V Application Binary Interface, chapters 4
// and 5, and its 64-bit extension.
//
// OpenPE does the same for PE files, OpenMachO for Mach-O files, and ReadKernel for Linux kernels that
// have no header at all: their symbol tables say what they are.
package exe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// ErrNotELF is Open's answer to bytes that do not begin with a usable header.
var ErrNotELF = errors.New("not an ELF file")

// Bounds on what one file may cost. Real files stay far below: the largest
// tables are those of objects built with one section per function.
const (
	maxSections  = 1 << 18
	maxSegments  = 1 << 16
	maxNameTable = 32 << 20
	maxFaults    = 64
)

// Magic is how every ELF file begins.
const Magic = "\x7fELF"

// Values of File.Type.
const (
	TypeRel  = 1 // relocatable object or kernel module
	TypeExec = 2
	TypeDyn  = 3 // shared object or position-independent executable
	TypeCore = 4
)

// Values of Segment.Type and bits of Segment.Flags.
const (
	SegmentLoad    = 1
	SegmentDynamic = 2
	SegmentInterp  = 3
	SegmentNote    = 4
	SegmentHeaders = 6

	FlagX = 1
	FlagW = 2
	FlagR = 4
)

// Values of Section.Type and bits of Section.Flags.
const (
	SectionNull     = 0
	SectionProgbits = 1
	SectionSymtab   = 2
	SectionStrtab   = 3
	SectionRela     = 4
	SectionHash     = 5
	SectionDynamic  = 6
	SectionNote     = 7
	SectionNobits   = 8
	SectionRel      = 9
	SectionDynsym   = 11

	SectionWrite = 1 << 0
	SectionAlloc = 1 << 1
	SectionExec  = 1 << 2
)

// File is an ELF file's header and tables.
type File struct {
	Class   int // 32 or 64
	Order   binary.ByteOrder
	OSABI   uint8
	Type    uint16
	Machine uint16
	Flags   uint32
	Entry   uint64
	// Arch names the processor by Machine and Class, see ArchName.
	Arch     string
	Segments []Segment
	Sections []Section

	// HeaderSize is the header's length; the tables' places are their bytes
	// in the file, Len 0 where a file has none or it lies outside.
	HeaderSize                 int64
	SegmentTable, SectionTable Place
	// End is where the last thing ends that the headers name: the file's
	// true length. What stands behind it was appended. Where Truncated, it
	// is the length of the file that is there.
	End int64
	// Truncated says that a table or a loaded segment ends behind the file.
	Truncated bool
	// Faults are the places where the file contradicts itself or its length,
	// at most 64.
	Faults []Fault

	r    io.ReaderAt
	size int64
}

// Place is a run of a file's bytes.
type Place struct{ Off, Len int64 }

// Segment is one entry of the program header table, numbers as found.
type Segment struct {
	Type, Flags                uint32
	Off, VAddr, PAddr          uint64
	FileSize, MemSize, Aligned uint64
	// InFile says that Off and FileSize lie within the file.
	InFile bool
}

// Section is one entry of the section header table, numbers as found.
type Section struct {
	Name             string
	Type             uint32
	Flags, Addr      uint64
	Off, Size        uint64
	Link, Info       uint32
	Aligned, EntSize uint64
	// InFile says that the section has bytes and that Off and Size lie
	// within the file.
	InFile bool

	name uint32
}

// Fault is a place where a file contradicts itself.
type Fault struct {
	Off int64
	Why string
}

func (f Fault) String() string { return f.Why }

func (f *File) fault(off uint64, format string, args ...any) {
	if len(f.Faults) < maxFaults {
		f.Faults = append(f.Faults, Fault{Off: int64(min(off, math.MaxInt64)), Why: fmt.Sprintf(format, args...)})
	}
}

// Is64 says whether the file is of the 64-bit class.
func (f *File) Is64() bool { return f.Class == 64 }

// within says whether off+n lies within the file, without overflow.
func (f *File) within(off, n uint64) bool {
	return off <= uint64(f.size) && n <= uint64(f.size)-off
}

// header is the file header as it stands.
type header struct {
	phoff, shoff                               uint64
	ehsize, phentsize, phnum, shentsize, shnum uint16
	shstrndx                                   uint16
	wantEhsize, wantPhentsize, wantShentsize   uint16
	segments, sections                         uint64 // counts, extended numbering resolved
	nameSection                                uint32
}

// Open reads the headers of the size bytes of r. It returns ErrNotELF, or an
// error of r, and no File; any other trouble is in File.Faults.
func Open(r io.ReaderAt, size int64) (*File, error) {
	// Chance hits on the magic are common: look at the identification and
	// the sizes in the header before anything is allocated.
	var b [64]byte
	n, err := r.ReadAt(b[:min(int64(len(b)), size)], 0)
	if n < 52 {
		if err != nil && err != io.EOF {
			return nil, err
		}
		return nil, ErrNotELF
	}
	if string(b[:4]) != Magic || b[4] != 1 && b[4] != 2 || b[5] != 1 && b[5] != 2 || b[6] != 1 || b[4] == 2 && n < 64 {
		return nil, ErrNotELF
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[5] == 2 {
		order = binary.BigEndian
	}
	h := header{wantEhsize: 52, wantPhentsize: 32, wantShentsize: 40}
	class, entry, flags := 32, uint64(0), uint32(0)
	var rest []byte // from e_ehsize on
	if b[4] == 1 {
		entry, h.phoff, h.shoff = uint64(order.Uint32(b[24:])), uint64(order.Uint32(b[28:])), uint64(order.Uint32(b[32:]))
		flags, rest = order.Uint32(b[36:]), b[40:]
	} else {
		class = 64
		h.wantEhsize, h.wantPhentsize, h.wantShentsize = 64, 56, 64
		entry, h.phoff, h.shoff = order.Uint64(b[24:]), order.Uint64(b[32:]), order.Uint64(b[40:])
		flags, rest = order.Uint32(b[48:]), b[52:]
	}
	for i, p := range []*uint16{&h.ehsize, &h.phentsize, &h.phnum, &h.shentsize, &h.shnum, &h.shstrndx} {
		*p = order.Uint16(rest[2*i:])
	}
	if order.Uint32(b[20:]) != 1 || h.ehsize != h.wantEhsize ||
		h.phnum != 0 && (h.phentsize != h.wantPhentsize || h.phoff < uint64(h.ehsize)) ||
		h.shoff != 0 && (h.shnum != 0 && h.shentsize != h.wantShentsize || h.shoff < uint64(h.ehsize)) ||
		h.phnum == 0 && h.shoff == 0 {
		return nil, ErrNotELF
	}
	f := &File{
		Class: class, Order: order, OSABI: b[7], Type: order.Uint16(b[16:]), Machine: order.Uint16(b[18:]),
		Flags: flags, Entry: entry, HeaderSize: int64(h.ehsize), r: r, size: size,
	}
	f.Arch = ArchName(f.Machine, f.Class, f.Flags)
	f.End = f.HeaderSize
	if err := f.count(&h); err != nil {
		return nil, err
	}
	if err := f.readSegments(&h); err != nil {
		return nil, err
	}
	if err := f.readSections(&h); err != nil {
		return nil, err
	}
	if f.Truncated {
		f.End = size
	}
	return f, nil
}

// count resolves the extended numbering: counts that do not fit into 16 bits
// stand in the first section header.
func (f *File) count(h *header) error {
	h.segments, h.sections, h.nameSection = uint64(h.phnum), uint64(h.shnum), uint32(h.shstrndx)
	if h.shoff == 0 {
		h.sections = 0
	}
	if h.shoff == 0 || h.shnum != 0 && h.phnum != 0xFFFF && h.shstrndx != 0xFFFF {
		return nil
	}
	if !f.within(h.shoff, uint64(h.wantShentsize)) {
		if h.shnum == 0 {
			h.sections = 1 // reported by readSections as outside
		}
		return nil
	}
	b := make([]byte, h.wantShentsize)
	if _, err := f.r.ReadAt(b, int64(h.shoff)); err != nil && err != io.EOF {
		return err
	}
	s := f.section(b)
	if h.shnum == 0 {
		h.sections = s.Size
	}
	if h.phnum == 0xFFFF && s.Info != 0 {
		h.segments = uint64(s.Info)
	}
	if h.shstrndx == 0xFFFF {
		h.nameSection = s.Link
	}
	return nil
}

// table checks a table's place and reads its entries in pieces.
func (f *File) table(what string, off, count uint64, entry int, limit uint64, each func([]byte)) (Place, error) {
	if count == 0 {
		return Place{}, nil
	}
	if count > limit {
		f.fault(off, "%s at %#x: %d entries, limit is %d", what, off, count, limit)
		count = limit
	}
	if !f.within(off, count*uint64(entry)) {
		f.fault(off, "%s at %#x: %d entries of %d bytes, file has %d bytes", what, off, count, entry, f.size)
		f.Truncated = true
		if off >= uint64(f.size) {
			return Place{}, nil
		}
		count = (uint64(f.size) - off) / uint64(entry)
	}
	place := Place{Off: int64(off), Len: int64(count) * int64(entry)}
	buf := make([]byte, min(count, 1024)*uint64(entry))
	for pos, end := place.Off, place.Off+place.Len; pos < end; {
		b := buf[:min(int64(len(buf)), end-pos)]
		if n, err := f.r.ReadAt(b, pos); n < len(b) {
			return place, fmt.Errorf("%s at %#x: %w", what, pos+int64(n), err)
		}
		pos += int64(len(b))
		for ; len(b) > 0; b = b[entry:] {
			each(b[:entry])
		}
	}
	f.End = max(f.End, place.Off+place.Len)
	return place, nil
}

func (f *File) readSegments(h *header) (err error) {
	f.SegmentTable, err = f.table("program header table", h.phoff, h.segments, int(h.wantPhentsize), maxSegments, func(b []byte) {
		s := f.segment(b)
		s.InFile = f.within(s.Off, s.FileSize)
		f.Segments = append(f.Segments, s)
		switch {
		case s.Type == 0 || s.FileSize == 0:
		case s.InFile:
			f.End = max(f.End, int64(s.Off+s.FileSize))
		default:
			f.fault(s.Off, "segment %d at %#x: %d bytes, file has %d bytes", len(f.Segments)-1, s.Off, s.FileSize, f.size)
			// A length that no file has is a wrong number, not a file that
			// was cut.
			if s.Type == SegmentLoad && s.Off < 1<<40 && s.FileSize < 1<<40 {
				f.Truncated = true
			}
		}
	})
	return err
}

func (f *File) readSections(h *header) (err error) {
	f.SectionTable, err = f.table("section header table", h.shoff, h.sections, int(h.wantShentsize), maxSections, func(b []byte) {
		s := f.section(b)
		has := s.Type != SectionNull && s.Type != SectionNobits && s.Size != 0
		s.InFile = has && f.within(s.Off, s.Size)
		f.Sections = append(f.Sections, s)
		if s.InFile {
			f.End = max(f.End, int64(s.Off+s.Size))
		} else if has {
			f.fault(s.Off, "section %d at %#x: %d bytes, file has %d bytes", len(f.Sections)-1, s.Off, s.Size, f.size)
		}
	})
	if err != nil || len(f.Sections) == 0 || h.nameSection == 0 {
		return err
	}
	return f.nameSections(h.nameSection)
}

// nameSections fills in the names. They share one string, so that a table of
// names costs its size however often a name is used.
func (f *File) nameSections(index uint32) error {
	if int64(index) >= int64(len(f.Sections)) {
		f.fault(0, "section name table: section %d of %d", index, len(f.Sections))
		return nil
	}
	tab := f.Sections[index]
	if tab.Type != SectionStrtab || !tab.InFile {
		f.fault(tab.Off, "section name table: section %d is no string table in the file", index)
		return nil
	}
	b, err := f.read(tab.Off, min(tab.Size, maxNameTable))
	if err != nil {
		return err
	}
	names := string(b)
	for i := range f.Sections {
		s := &f.Sections[i]
		if int64(s.name) >= int64(len(names)) {
			f.fault(tab.Off, "section %d: name at %d, name table at %#x has %d bytes", i, s.name, tab.Off, len(names))
			continue
		}
		name := names[s.name:min(len(names), int(s.name)+256)]
		if end := strings.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		s.Name = name
	}
	return nil
}

// read returns n bytes at off, fewer where the file ends. n must be bounded.
func (f *File) read(off, n uint64) ([]byte, error) {
	if off > uint64(f.size) {
		return nil, fmt.Errorf("offset %#x outside the file's %d bytes", off, f.size)
	}
	b := make([]byte, min(n, uint64(f.size)-off))
	if k, err := f.r.ReadAt(b, int64(off)); k < len(b) {
		return b[:k], err
	}
	return b, nil
}

func (f *File) segment(b []byte) Segment {
	u := f.Order
	if f.Class == 32 {
		v := func(i int) uint64 { return uint64(u.Uint32(b[4*i:])) }
		return Segment{Type: u.Uint32(b), Off: v(1), VAddr: v(2), PAddr: v(3), FileSize: v(4), MemSize: v(5), Flags: u.Uint32(b[24:]), Aligned: v(7)}
	}
	return Segment{Type: u.Uint32(b), Flags: u.Uint32(b[4:]), Off: u.Uint64(b[8:]), VAddr: u.Uint64(b[16:]), PAddr: u.Uint64(b[24:]),
		FileSize: u.Uint64(b[32:]), MemSize: u.Uint64(b[40:]), Aligned: u.Uint64(b[48:])}
}

func (f *File) section(b []byte) Section {
	u := f.Order
	if f.Class == 32 {
		v := func(i int) uint64 { return uint64(u.Uint32(b[4*i:])) }
		return Section{name: u.Uint32(b), Type: u.Uint32(b[4:]), Flags: v(2), Addr: v(3), Off: v(4), Size: v(5),
			Link: u.Uint32(b[24:]), Info: u.Uint32(b[28:]), Aligned: v(8), EntSize: v(9)}
	}
	return Section{name: u.Uint32(b), Type: u.Uint32(b[4:]), Flags: u.Uint64(b[8:]), Addr: u.Uint64(b[16:]), Off: u.Uint64(b[24:]), Size: u.Uint64(b[32:]),
		Link: u.Uint32(b[40:]), Info: u.Uint32(b[44:]), Aligned: u.Uint64(b[48:]), EntSize: u.Uint64(b[56:])}
}

// Section returns the first section of that name, nil when there is none.
func (f *File) Section(name string) *Section {
	for i := range f.Sections {
		if f.Sections[i].Name == name {
			return &f.Sections[i]
		}
	}
	return nil
}

// Reader reads a section's bytes; it is empty where the file holds none.
func (f *File) Reader(s *Section) *io.SectionReader {
	if !s.InFile {
		return io.NewSectionReader(f.r, 0, 0)
	}
	return io.NewSectionReader(f.r, int64(s.Off), int64(s.Size))
}

// Offset returns the place in the file of an address that a segment loads,
// and how many bytes the segment holds from there.
func (f *File) Offset(addr uint64) (off, n uint64, ok bool) {
	for _, s := range f.Segments {
		if s.Type == SegmentLoad && s.InFile && addr >= s.VAddr && addr-s.VAddr < s.FileSize {
			d := addr - s.VAddr
			return s.Off + d, s.FileSize - d, true
		}
	}
	return 0, 0, false
}
