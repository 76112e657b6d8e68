// Package calltruth tells where a program calls imported functions, by the
// relocations that the linker kept in it (-Wl,--emit-relocs): what counting
// calls in the stripped file is measured against.
package calltruth

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Call is one call of an undefined symbol.
type Call struct {
	Name string
	Tail bool
}

// Read returns the calls in a file by the address of the instruction. In a
// relocatable object the address is the offset in the file.
func Read(path string) (map[uint64]Call, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	calls := map[uint64]Call{}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_REL && s.Type != elf.SHT_RELA || int(s.Info) >= len(f.Sections) || s.Flags&elf.SHF_ALLOC != 0 {
			continue
		}
		code := f.Sections[s.Info]
		if code.Flags&elf.SHF_EXECINSTR == 0 || code.Type != elf.SHT_PROGBITS {
			continue
		}
		if err := read(f, s, code, symbols, calls); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if len(calls) == 0 {
		return nil, errors.New("no relocation of a call")
	}
	return calls, nil
}

func read(f *elf.File, s, code *elf.Section, symbols []elf.Symbol, calls map[uint64]Call) error {
	table, err := s.Data()
	if err != nil {
		return err
	}
	text, err := code.Data()
	if err != nil {
		return err
	}
	size := 8
	if f.Class == elf.ELFCLASS64 {
		size = 16
	}
	if s.Type == elf.SHT_RELA {
		size = size * 3 / 2
	}
	for ; len(table) >= size; table = table[size:] {
		var off uint64
		var sym, typ uint32
		switch {
		case f.Class == elf.ELFCLASS32:
			info := f.ByteOrder.Uint32(table[4:])
			off, sym, typ = uint64(f.ByteOrder.Uint32(table)), info>>8, info&0xff
		case f.Machine == elf.EM_MIPS:
			off, sym, typ = f.ByteOrder.Uint64(table), f.ByteOrder.Uint32(table[8:]), uint32(table[15])
		default:
			info := f.ByteOrder.Uint64(table[8:])
			off, sym, typ = f.ByteOrder.Uint64(table), uint32(info>>32), uint32(info)
		}
		if sym == 0 || int(sym) > len(symbols) || symbols[sym-1].Section != elf.SHN_UNDEF || symbols[sym-1].Name == "" {
			continue
		}
		if f.Type != elf.ET_REL {
			off -= code.Addr
		}
		at, tail, ok := branch(f, text, off, typ)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(symbols[sym-1].Name, "@")
		if f.Type == elf.ET_REL {
			at += code.Offset
		} else {
			at += code.Addr
		}
		calls[at] = Call{Name: name, Tail: tail}
	}
	return nil
}

// branch says whether a relocation is of a branch, and of which kind.
func branch(f *elf.File, text []byte, off uint64, typ uint32) (at uint64, tail, ok bool) {
	if off+4 > uint64(len(text)) {
		return 0, false, false
	}
	word := f.ByteOrder.Uint32(text[off:])
	switch f.Machine {
	case elf.EM_X86_64, elf.EM_386:
		if off == 0 {
			return 0, false, false
		}
		a, b := text[max(off, 2)-2], text[off-1]
		long := f.Machine == elf.EM_X86_64
		direct := typ == 2 || typ == 4
		bySlot := long && (typ == 9 || typ == 41 || typ == 42) || !long && (typ == 3 || typ == 43)
		switch {
		case direct && (b == 0xe8 || b == 0xe9):
			return off - 1, b == 0xe9, true
		case direct && a == 0x0f && b&0xf0 == 0x80:
			return off - 2, true, true
		case bySlot && a == 0xff && (b == 0x15 || b == 0x25):
			return off - 2, b == 0x25, true
		case bySlot && !long && a == 0xff && (b&0xf8 == 0x90 || b&0xf8 == 0xa0):
			return off - 2, b&0xf8 == 0xa0, true
		}
	case elf.EM_ARM:
		if f.ByteOrder == binary.BigEndian {
			word = binary.LittleEndian.Uint32(text[off:]) // BE8
		}
		switch typ {
		case 10:
			return off, false, true
		case 30, 51:
			return off, true, true
		case 1, 27, 28, 29:
			return off, word>>28 != 15 && word>>24&1 == 0, true
		}
	case elf.EM_AARCH64:
		switch typ {
		case 283:
			return off, false, true
		case 282, 280:
			return off, true, true
		}
	case elf.EM_PPC:
		switch typ {
		case 10, 18, 23, 11:
			return off, word&1 == 0, true
		}
	case elf.EM_PPC64:
		switch typ {
		case 10, 11, 116:
			return off, word&1 == 0, true
		}
	case elf.EM_MIPS:
		switch typ {
		case 37:
			return off, word>>26 == 4 || word>>26 == 0 && word&0x3f == 8, true
		case 4:
			return off, word>>26 == 2, true
		case 100: // R_MIPS16_26
			return off, false, true
		}
	}
	return 0, false, false
}
