package exe

import "io"

// Values of Segment.Type that say how the program is to be protected, and the
// tags and flags of the dynamic segment that do.
//
// Source: System V gABI, chapter 5; binutils include/elf/common.h.
const (
	segmentProperty = 0x6474e553
	segmentStack    = 0x6474e551
	segmentRelro    = 0x6474e552

	dynTextRel  = 22
	dynBindNow  = 24
	dynFlags    = 30
	dynFlags1   = 0x6ffffffb
	flagTextRel = 1 << 2
	flagBindNow = 1 << 3
	flag1Now    = 1 << 0
	flag1PIE    = 1 << 27

	noteProperty  = 5
	propertyX86   = 0xc0000002 // GNU_PROPERTY_X86_FEATURE_1_AND
	propertyArm64 = 0xc0000000 // GNU_PROPERTY_AARCH64_FEATURE_1_AND
)

// Protection is what the headers ask the kernel and the dynamic linker to
// protect.
type Protection struct {
	// Stack is the entry that says whether the stack is executable, in the
	// program header table; Len 0 where there is none and the kernel's default
	// holds.
	Stack           Place
	ExecutableStack bool
	// WritableCode are the segments that are loaded writable and executable.
	WritableCode []Place
	// Relro: a part of the data is made read-only after relocation; Now: all
	// symbols are bound at the start, so that the whole table of addresses is.
	Relro, Now bool
	// PIE says that an executable may be loaded anywhere. A shared object that
	// has an interpreter or says so in DT_FLAGS_1 is one.
	PIE bool
	// TextRelocations says that code has to be writable while it is relocated.
	TextRelocations bool
	// IBT and ShadowStack (x86), BTI and PAC (AArch64) are promises that the
	// GNU property note makes for all code of the file.
	IBT, ShadowStack, BTI, PAC bool
}

// Protection reads it. An error comes with what could be read.
func (f *File) Protection() (p Protection, err error) {
	entry := int64(32)
	if f.Is64() {
		entry = 56
	}
	interp, runs := false, 0
	for i, s := range f.Segments {
		place := Place{f.SegmentTable.Off + int64(i)*entry, entry}
		switch {
		case s.Type == segmentStack:
			p.Stack, p.ExecutableStack = place, s.Flags&FlagX != 0
		case s.Type == segmentRelro:
			p.Relro = true
		case s.Type == SegmentInterp:
			interp = true
		case s.Type == SegmentLoad && s.MemSize > 0 && s.Flags&(FlagW|FlagX) == FlagW|FlagX:
			p.WritableCode = append(p.WritableCode, place)
		case (s.Type == segmentProperty || s.Type == SegmentNote) && s.InFile && runs < maxNoteRuns:
			runs++
			if err := f.properties(s, &p); err != nil {
				return p, err
			}
		}
	}
	tags, err := f.dynamicTags()
	_, now := tags[dynBindNow]
	_, text := tags[dynTextRel]
	p.Now = now || tags[dynFlags]&flagBindNow != 0 || tags[dynFlags1]&flag1Now != 0
	p.TextRelocations = text || tags[dynFlags]&flagTextRel != 0
	p.PIE = f.Type == TypeDyn && (interp || tags[dynFlags1]&flag1PIE != 0)
	return p, err
}

// properties reads the property note, whose descriptor is a list of type,
// size, and data padded to the class's word.
//
// Source: Linux Extensions to gABI, program property; AArch64 ELF ABI.
func (f *File) properties(s Segment, p *Protection) error {
	return f.notes(s.Off, s.FileSize, s.Aligned, func(typ uint32, name string, desc []byte) {
		if typ != noteProperty || name != "GNU\x00" {
			return
		}
		pad := f.Class / 8
		for len(desc) >= 8 {
			kind, size := f.Order.Uint32(desc), int(f.Order.Uint32(desc[4:]))
			desc = desc[8:]
			if size < 0 || size > len(desc) {
				return
			}
			if size >= 4 {
				bits := f.Order.Uint32(desc)
				switch {
				case kind == propertyX86 && (f.Arch == "x86" || f.Arch == "x86-64"):
					p.IBT, p.ShadowStack = bits&1 != 0, bits&2 != 0
				case kind == propertyArm64 && f.Arch == "aarch64":
					p.BTI, p.PAC = bits&1 != 0, bits&2 != 0
				}
			}
			desc = desc[min(len(desc), (size+pad-1)/pad*pad):]
		}
	})
}

// notes walks a run of notes: name size, descriptor size, type, name,
// descriptor, the last two padded to the alignment of 4 or 8.
func (f *File) notes(off, n, align uint64, each func(typ uint32, name string, desc []byte)) error {
	b, err := f.read(off, min(n, maxNotes))
	if err != nil && err != io.EOF {
		return err
	}
	if align != 8 {
		align = 4
	}
	pad := func(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }
	for len(b) >= 12 {
		namesz, descsz, typ := uint64(f.Order.Uint32(b)), uint64(f.Order.Uint32(b[4:])), f.Order.Uint32(b[8:])
		desc := pad(12 + namesz)
		if desc+descsz > uint64(len(b)) {
			return nil
		}
		each(typ, string(b[12:12+namesz]), b[desc:desc+descsz])
		b = b[min(desc+pad(descsz), uint64(len(b))):]
	}
	return nil
}
