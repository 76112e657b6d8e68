package exe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrNotPE is OpenPE's answer to bytes that do not begin with usable headers.
var ErrNotPE = errors.New("not a PE file")

const (
	peMaxSections = 96 // the Windows loader's limit
	peSectionSize = 40
	peSymbolSize  = 18

	peCode    = 0x20
	peExecute = 0x20000000
)

// PE is the headers of a Portable Executable: Windows and EFI programs, and
// Linux kernels with an EFI stub. The layout follows Microsoft's PE Format
// specification.
type PE struct {
	Class   int // 32 or 64
	Machine uint16
	// Arch names the processor as File.Arch does.
	Arch      string
	Subsystem uint16
	TimeStamp uint32
	DLL       bool
	Sections  []PESection
	// HeaderAt is where the PE signature stands, HeaderSize where all headers
	// and the section table end.
	HeaderAt, HeaderSize int64
	// Certificates and Symbols are the tables behind the sections, Len 0 where
	// there is none within the file.
	Certificates, Symbols Place
	// End is where the last section or table ends.
	End       int64
	Truncated bool
	Faults    []Fault
}

// PESection is one entry of the section table.
type PESection struct {
	Name             string
	Off, Size        int64 // in the file
	VAddr, VSize     uint32
	Characteristics  uint32
	InFile, HasBytes bool
}

// IsCode says whether the section is marked as code or executable.
func (s *PESection) IsCode() bool { return s.Characteristics&(peCode|peExecute) != 0 }

var peMachines = map[uint16]string{
	0x14C: "x86", 0x8664: "x86-64", 0x1C0: "arm", 0x1C2: "arm", 0x1C4: "arm", 0xAA64: "aarch64", 0x166: "mips", 0x1F0: "ppc", 0x200: "ia64",
	0xEBC: "efi-bytecode", 0x5032: "riscv32", 0x5064: "riscv64", 0x6232: "loongarch32", 0x6264: "loongarch64", 0x1A2: "sh", 0x1A6: "sh",
}

// OpenPE reads the headers of the size bytes of r.
func OpenPE(r io.ReaderAt, size int64) (*PE, error) {
	var dos [64]byte
	if n, err := r.ReadAt(dos[:min(64, size)], 0); n < len(dos) {
		if err == nil || err == io.EOF {
			err = ErrNotPE
		}
		return nil, err
	}
	le := binary.LittleEndian
	at := int64(le.Uint32(dos[60:]))
	if dos[0] != 'M' || dos[1] != 'Z' || at < 0x38 && at != 0x10 || at > 1<<20 || at+24+96 > size {
		return nil, ErrNotPE
	}
	var b [24 + 240]byte // signature, COFF header, optional header
	n, err := r.ReadAt(b[:min(int64(len(b)), size-at)], at)
	if n < 24+96 {
		return nil, err
	}
	f := &PE{HeaderAt: at, Machine: le.Uint16(b[4:]), TimeStamp: le.Uint32(b[8:]), DLL: le.Uint16(b[22:])&0x2000 != 0}
	sections, optional := int64(le.Uint16(b[6:])), int64(le.Uint16(b[20:]))
	opt := b[24:n]
	if string(b[:4]) != "PE\x00\x00" || sections == 0 || sections > peMaxSections || optional < 96 {
		return nil, ErrNotPE
	}
	dirs := 0
	switch le.Uint16(opt) {
	case 0x10B:
		f.Class, dirs = 32, 96
	case 0x20B:
		f.Class, dirs = 64, 112
	default:
		return nil, ErrNotPE
	}
	if f.Arch = peMachines[f.Machine]; f.Arch == "" {
		f.Arch = fmt.Sprintf("machine-%#x", f.Machine)
	}
	f.Subsystem = le.Uint16(opt[68:])
	table := at + 24 + optional
	f.HeaderSize = table + sections*peSectionSize
	f.End = max(min(f.HeaderSize, size), min(int64(le.Uint32(opt[60:])), size))
	for i := range sections {
		var s [peSectionSize]byte
		if n, err := r.ReadAt(s[:], table+i*peSectionSize); n < len(s) {
			if err != io.EOF {
				return nil, err
			}
			f.fault(table, "section table at %#x: %d of %d entries are there", table, i, sections)
			f.HeaderSize, f.Truncated = min(f.HeaderSize, size), true
			break
		}
		name, _, _ := bytes.Cut(s[:8], []byte{0})
		sec := PESection{Name: string(name), VSize: le.Uint32(s[8:]), VAddr: le.Uint32(s[12:]),
			Size: int64(le.Uint32(s[16:])), Off: int64(le.Uint32(s[20:])), Characteristics: le.Uint32(s[36:])}
		sec.HasBytes = sec.Off > 0 && sec.Size > 0
		sec.InFile = sec.HasBytes && sec.Off+sec.Size <= size
		f.Sections = append(f.Sections, sec)
		f.reach(sec.HasBytes, "section "+fmt.Sprintf("%q", sec.Name), sec.Off, sec.Size, size)
	}
	if off, count := int64(le.Uint32(b[12:])), int64(le.Uint32(b[16:])); off > 0 && count > 0 {
		f.Symbols = f.symbols(r, off, count, size)
	}
	entries := 0
	if len(opt) >= dirs {
		entries = int(le.Uint32(opt[dirs-4:]))
	}
	if cert := dirs + 4*8; entries > 4 && cert+8 <= len(opt) && int64(cert+8) <= optional {
		off, n := int64(le.Uint32(opt[cert:])), int64(le.Uint32(opt[cert+4:]))
		if off > 0 && n > 0 && f.reach(true, "certificate table", off, n, size) {
			f.Certificates = Place{off, n}
		}
	}
	if f.Truncated {
		f.End = size
	}
	return f, nil
}

func (f *PE) fault(off int64, format string, args ...any) {
	if len(f.Faults) < maxFaults {
		f.Faults = append(f.Faults, Fault{Off: off, Why: fmt.Sprintf(format, args...)})
	}
}

// reach counts a run of bytes into the file's end, or reports that it ends
// behind the file.
func (f *PE) reach(has bool, what string, off, n, size int64) bool {
	switch {
	case !has:
		return false
	case off+n <= size:
		f.End = max(f.End, off+n)
		return true
	}
	f.fault(off, "%s at %#x: %d bytes, file has %d bytes", what, off, n, size)
	f.Truncated = true
	return false
}

// symbols is the COFF symbol table and the strings behind it.
func (f *PE) symbols(r io.ReaderAt, off, count, size int64) Place {
	n := count * peSymbolSize
	if off+n+4 > size {
		f.fault(off, "symbol table at %#x: %d symbols, file has %d bytes", off, count, size)
		return Place{}
	}
	var b [4]byte
	if k, _ := r.ReadAt(b[:], off+n); k == len(b) {
		if s := int64(binary.LittleEndian.Uint32(b[:])); s >= 4 && off+n+s <= size {
			n += s
		}
	}
	f.End = max(f.End, off+n)
	return Place{off, n}
}
