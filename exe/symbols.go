package exe

import (
	"bytes"
	"fmt"
)

const (
	maxDynSymbols  = 1 << 20
	maxSymbolNames = 32 << 20
	maxSymbolName  = 1024

	dynSymtab = 6
	dynHash   = 4
)

// Symbol is an entry of the dynamic symbol table.
type Symbol struct {
	Name        string
	Value, Size uint64
	Section     uint16 // index, 0: not defined in this file
	Info        uint8  // binding and type
	Other       uint8  // visibility, and what the processor's ABI puts there
}

// Defined says whether the file itself holds the symbol and offers it to
// others.
func (s *Symbol) Defined() bool { return s.Section != 0 && s.Section != 0xfff1 && s.Info>>4 != 0 }

// IsFunc says whether the symbol is a function.
func (s *Symbol) IsFunc() bool { return s.Info&15 == 2 || s.Info&15 == 10 }

// DynamicSymbols reads the table of symbols that the dynamic linker reads, by
// its section or, where section headers were stripped, by the dynamic
// segment. Names share one string. An error comes with what could be read.
func (f *File) DynamicSymbols() ([]Symbol, error) {
	table, names, err := f.symbolTables()
	if err != nil || table.Len == 0 {
		return nil, err
	}
	return f.symbols(table, names)
}

// symbols reads a table of symbols.
func (f *File) symbols(table, names Place) ([]Symbol, error) {
	tb, err := f.read(uint64(names.Off), uint64(min(names.Len, maxSymbolNames)))
	if err != nil {
		return nil, err
	}
	text := string(tb)
	entry := int64(16)
	if f.Is64() {
		entry = 24
	}
	n := min(table.Len/entry, maxDynSymbols)
	b, err := f.read(uint64(table.Off), uint64(n*entry))
	out := make([]Symbol, 0, int64(len(b))/entry)
	for ; int64(len(b)) >= entry; b = b[entry:] {
		s := Symbol{}
		if f.Is64() {
			s.Info, s.Other, s.Section, s.Value, s.Size = b[4], b[5], f.Order.Uint16(b[6:]), f.Order.Uint64(b[8:]), f.Order.Uint64(b[16:])
		} else {
			s.Value, s.Size, s.Info, s.Other, s.Section = uint64(f.Order.Uint32(b[4:])), uint64(f.Order.Uint32(b[8:])), b[12], b[13], f.Order.Uint16(b[14:])
		}
		if at := int64(f.Order.Uint32(b)); at < int64(len(text)) {
			name := text[at:min(int64(len(text)), at+maxSymbolName)]
			if end := bytes.IndexByte(tb[at:at+int64(len(name))], 0); end >= 0 {
				name = name[:end]
			}
			s.Name = name
		}
		out = append(out, s)
	}
	return out, err
}

// DynamicTables are the places of the dynamic symbols and of the strings that
// they, the version tables and the dynamic segment use.
func (f *File) DynamicTables() (symbols, names Place) {
	symbols, names, _ = f.symbolTables()
	return symbols, names
}

// symbolTables finds the dynamic symbols and their names.
func (f *File) symbolTables() (table, names Place, err error) {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type != SectionDynsym || !s.InFile || int64(s.Link) >= int64(len(f.Sections)) {
			continue
		}
		if t := &f.Sections[s.Link]; t.InFile && t.Type == SectionStrtab {
			return Place{int64(s.Off), int64(s.Size)}, Place{int64(t.Off), int64(t.Size)}, nil
		}
	}
	tags, err := f.dynamicTags()
	if err != nil || tags[dynSymtab] == 0 || tags[dynStrtab] == 0 {
		return table, names, err
	}
	off, have, ok := f.Offset(tags[dynSymtab])
	if !ok {
		return table, names, fmt.Errorf("dynamic symbols at address %#x: no segment loads it", tags[dynSymtab])
	}
	at, rest, ok := f.Offset(tags[dynStrtab])
	if !ok {
		return table, names, fmt.Errorf("dynamic string table at address %#x: no segment loads it", tags[dynStrtab])
	}
	names = Place{int64(at), int64(min(rest, tags[dynStrsz]))}
	// The count stands in the hash table, which gives every symbol a link;
	// linkers put the names behind the symbols, which bounds it too.
	entry := uint64(16)
	if f.Is64() {
		entry = 24
	}
	n := have
	if at > off {
		n = min(n, at-off)
	}
	if hash, room, ok := f.Offset(tags[dynHash]); ok && tags[dynHash] != 0 && room >= 8 {
		if b, err := f.read(hash, 8); err == nil && len(b) == 8 {
			n = min(n, uint64(f.Order.Uint32(b[4:]))*entry)
		}
	}
	return Place{int64(off), int64(n / entry * entry)}, names, nil
}

// dynamicTags reads the dynamic segment's entries of one value each; of a tag
// that occurs more than once the first counts.
func (f *File) dynamicTags() (map[uint64]uint64, error) {
	tags := map[uint64]uint64{}
	for _, s := range f.Segments {
		if s.Type != SegmentDynamic || !s.InFile {
			continue
		}
		word := f.Class / 8
		b, err := f.read(s.Off, min(s.FileSize/uint64(2*word), 4096)*uint64(2*word))
		if err != nil {
			return tags, err
		}
		for ; len(b) >= 2*word; b = b[2*word:] {
			var tag, val uint64
			if f.Is64() {
				tag, val = f.Order.Uint64(b), f.Order.Uint64(b[8:])
			} else {
				tag, val = uint64(f.Order.Uint32(b)), uint64(f.Order.Uint32(b[4:]))
			}
			if tag == 0 {
				return tags, nil
			}
			if _, ok := tags[tag]; !ok {
				tags[tag] = val
			}
		}
		return tags, nil
	}
	return tags, nil
}
