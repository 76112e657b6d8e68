package exe

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// SymbolTable reads the symbols, at most two million. What is read before an
// error is returned with it.
func (f *MachO) SymbolTable() ([]MachSymbol, error) {
	if f.Symbols.Len == 0 {
		return nil, nil
	}
	if f.SymbolCount > maxMachSymbols {
		return nil, fmt.Errorf("symbol table at %#x: %d symbols, limit is %d", f.Symbols.Off, f.SymbolCount, maxMachSymbols)
	}
	if f.Strings.Len > maxNameTable {
		return nil, fmt.Errorf("string table at %#x: %d bytes, limit is %d", f.Strings.Off, f.Strings.Len, maxNameTable)
	}
	raw, err := io.ReadAll(io.NewSectionReader(f.r, f.Strings.Off, f.Strings.Len))
	if err != nil {
		return nil, err
	}
	names := string(raw) // all names are parts of it
	each := 8 + f.word
	buf := make([]byte, min(f.Symbols.Len, int64(each)*4096))
	var all []MachSymbol
	for done := int64(0); done < f.Symbols.Len; {
		b := buf[:min(int64(len(buf)), f.Symbols.Len-done)]
		if n, err := f.r.ReadAt(b, f.Symbols.Off+done); n < len(b) {
			return all, err
		}
		done += int64(len(b))
		for ; len(b) >= each; b = b[each:] {
			s := MachSymbol{Type: b[4], Section: b[5], Desc: f.Order.Uint16(b[6:])}
			if f.word == 8 {
				s.Value = f.Order.Uint64(b[8:])
			} else {
				s.Value = uint64(f.Order.Uint32(b[8:]))
			}
			if k := f.Order.Uint32(b); int64(k) < int64(len(names)) {
				// Names overlap in hostile files: no name is longer than this.
				s.Name, _, _ = strings.Cut(names[k:min(int64(len(names)), int64(k)+maxMachName)], "\x00")
			}
			all = append(all, s)
		}
	}
	return all, nil
}

const maxMachName = 512

// MachSlice is one file of a fat file.
type MachSlice struct {
	CPU, SubCPU uint32
	Arch        string
	Place
	InFile bool
}

// Fat is a file that holds the same program for several processors
// (<mach-o/fat.h>).
type Fat struct {
	Slices          []MachSlice
	HeaderSize, End int64
	Truncated       bool
	Faults          []Fault
}

// OpenFat reads the header of a fat file. Java class files begin alike; they
// have no slices that begin as Mach-O files do.
func OpenFat(r io.ReaderAt, size int64) (*Fat, error) {
	var head [8]byte
	if n, err := r.ReadAt(head[:min(8, size)], 0); n < len(head) {
		if err == nil || err == io.EOF {
			err = ErrNotMachO
		}
		return nil, err
	}
	be := binary.BigEndian
	each, wide := int64(20), be.Uint32(head[:]) == 0xCAFEBABF
	if wide {
		each = 32
	}
	n := int64(be.Uint32(head[4:]))
	if !wide && be.Uint32(head[:]) != 0xCAFEBABE || n == 0 || n > maxFat || size < 8+each {
		return nil, ErrNotMachO
	}
	f := &Fat{HeaderSize: 8 + n*each}
	f.End = min(f.HeaderSize, size)
	var b [32]byte
	for i := range n {
		at := 8 + i*each
		if k, err := r.ReadAt(b[:each], at); int64(k) < each {
			if err != io.EOF {
				return nil, err
			}
			f.Faults = append(f.Faults, Fault{Off: at, Why: fmt.Sprintf("fat header: %d of %d entries are there", i, n)})
			f.HeaderSize, f.Truncated = size, true
			break
		}
		s := MachSlice{CPU: be.Uint32(b[:]), SubCPU: be.Uint32(b[4:]), Place: Place{int64(be.Uint32(b[8:])), int64(be.Uint32(b[12:]))}}
		if wide {
			s.Place = Place{int64(be.Uint64(b[8:]) &^ (1 << 63)), int64(be.Uint64(b[16:]) &^ (1 << 63))}
		}
		if s.Arch = machCPUs[s.CPU]; s.Arch == "" || s.Off < f.HeaderSize || s.Len < 28 {
			return nil, ErrNotMachO
		}
		var magic [4]byte
		if k, _ := r.ReadAt(magic[:], s.Off); k == len(magic) {
			if m := be.Uint32(magic[:]); m != 0xFEEDFACE && m != 0xFEEDFACF && m != 0xCEFAEDFE && m != 0xCFFAEDFE && string(magic[:]) != "!<ar" {
				return nil, ErrNotMachO
			}
		} else if i == 0 {
			return nil, ErrNotMachO
		}
		if s.InFile = s.Off <= size && s.Len <= size-s.Off; s.InFile {
			f.End = max(f.End, s.Off+s.Len)
		} else {
			f.Faults = append(f.Faults, Fault{Off: min(s.Off, size), Why: fmt.Sprintf("%s file at %#x: %d bytes, file has %d bytes", s.Arch, s.Off, s.Len, size)})
			f.Truncated = true
		}
		f.Slices = append(f.Slices, s)
	}
	if f.Truncated {
		f.End = size
	}
	return f, nil
}

// CountFunctions counts functions by the first table that a file has: the
// symbols of sections of code, or the starts of functions. table names it as
// File.CountFunctions does, "" for none.
func (f *MachO) CountFunctions() (n int64, table string, err error) {
	symbols, err := f.SymbolTable()
	if err != nil {
		return 0, "", err
	}
	for _, s := range symbols {
		// Not a debugging symbol, and defined in a section.
		if k := int(s.Section) - 1; s.Type&0xE0 == 0 && s.Type&0x0E == 0x0E && k >= 0 && k < len(f.Sections) && f.Sections[k].IsCode() && s.Name != "__mh_execute_header" {
			n++
		}
	}
	if n > 1 {
		return n, "symbols", nil
	}
	for _, t := range f.Tables {
		if t.Name != commandNames[0x26] || t.Len > maxNameTable {
			continue
		}
		b, err := io.ReadAll(io.NewSectionReader(f.r, t.Off, t.Len))
		if err != nil {
			return 0, "", err
		}
		n = 0
		for i, c := range b { // distances as unsigned LEB128; 0 ends them
			if c == 0 && (i == 0 || b[i-1] < 0x80) {
				break
			}
			if c < 0x80 {
				n++
			}
		}
		return n, "function starts", nil
	}
	return n, "", nil
}
