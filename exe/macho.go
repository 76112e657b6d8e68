package exe

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// ErrNotMachO is OpenMachO's and OpenFat's answer to bytes that do not begin
// with a usable header.
var ErrNotMachO = errors.New("not a Mach-O file")

// Values of MachO.Type, and bits of MachO.Flags and of MachSection.Flags.
const (
	MachObject  = 1
	MachExecute = 2
	MachCore    = 4
	MachDylib   = 6
	MachBundle  = 8

	MachAllowStackExecution = 1 << 17
	MachPIE                 = 1 << 21
	MachNoHeapExecution     = 1 << 24

	machCode = 0x80000000 | 0x400 // pure, some instructions
	machSub  = 0xFF               // the kind of a section
)

// Bounds on what one file may cost.
const (
	maxMachCommands = 1 << 14
	maxMachTable    = 16 << 20 // bytes of load commands
	maxMachSections = 1 << 16
	maxMachSymbols  = 1 << 21
	maxFat          = 32
)

// MachO is the header and load commands of a Mach-O file of either class and
// byte order: programs and libraries of Apple's systems. The layout follows
// <mach-o/loader.h> and <mach-o/nlist.h>.
type MachO struct {
	Class            int // 32 or 64
	Order            binary.ByteOrder
	CPU, SubCPU      uint32
	Type, Flags      uint32
	Arch             string // named as File.Arch is
	Segments         []MachSegment
	Sections         []MachSection
	ID               string // of a library
	Libraries, Paths []string
	Loader           string
	UUID             string
	// Entry is the file offset of main where HasEntry, or, in older files,
	// the address that the program counter begins with.
	Entry            uint64
	HasEntry         bool
	Platform         string
	MinOS, SDK       string
	Encrypted        Place // Len 0: not encrypted
	Signature        Place
	Symbols, Strings Place
	SymbolCount      int64
	Tables           []MachTable // others of the link-edit segment
	HeaderSize, End  int64
	Truncated        bool
	Faults           []Fault

	r                  io.ReaderAt
	size               int64
	word, segmentBytes int
}

// MachSegment is one segment, numbers as found.
type MachSegment struct {
	Name                string
	VAddr, VSize        uint64
	Off, Size           uint64
	MaxProtect, Protect uint32
	InFile              bool
}

// MachSection is one section, numbers as found.
type MachSection struct {
	Segment, Name string
	Addr, Size    uint64
	Off           int64
	Flags         uint32
	HasBytes      bool // it is not made of zeros that the file leaves out
	InFile        bool // and they lie within the file
}

// IsCode says whether the section is marked as holding instructions.
func (s *MachSection) IsCode() bool { return s.Flags&machCode != 0 }

// MachTable is a run of the link-edit segment that a command names.
type MachTable struct {
	Name string
	Place
}

// MachSymbol is an entry of the symbol table.
type MachSymbol struct {
	Name    string
	Type    uint8
	Section uint8
	Desc    uint16
	Value   uint64
}

// Undefined says whether another file defines the symbol.
func (s *MachSymbol) Undefined() bool { return s.Type&0xE0 == 0 && s.Type&0x0E == 0 }

var machCPUs = map[uint32]string{
	7: "x86", 7 | 1<<24: "x86-64", 12: "arm", 12 | 1<<24: "aarch64", 12 | 2<<24: "aarch64", 18: "ppc", 18 | 1<<24: "ppc64", 6: "m68k", 8: "mips", 11: "hppa", 14: "sparc", 24: "riscv32",
}

var machPlatforms = map[uint32]string{1: "macOS", 2: "iOS", 3: "tvOS", 4: "watchOS", 5: "bridgeOS", 6: "Mac Catalyst", 7: "iOS simulator", 8: "tvOS simulator", 9: "watchOS simulator", 10: "DriverKit", 11: "visionOS", 12: "visionOS simulator"}

// MachTypeName names MachO.Type.
func MachTypeName(t uint32) string {
	names := [...]string{1: "object", "executable", "fixed library", "core", "preloaded", "shared library", "dynamic linker", "bundle", "library stub", "debug symbols", "kernel extension", "file set"}
	if t > 0 && int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type-%d", t)
}

// OpenMachO reads the header and load commands of the size bytes of r.
func OpenMachO(r io.ReaderAt, size int64) (*MachO, error) {
	var b [32]byte
	if n, err := r.ReadAt(b[:min(32, size)], 0); n < 28 {
		if err == nil || err == io.EOF {
			err = ErrNotMachO
		}
		return nil, err
	}
	f := &MachO{r: r, size: size, Class: 32, HeaderSize: 28, word: 4, segmentBytes: 56}
	switch binary.BigEndian.Uint32(b[:]) {
	case 0xFEEDFACE, 0xFEEDFACF:
		f.Order = binary.BigEndian
	case 0xCEFAEDFE, 0xCFFAEDFE:
		f.Order = binary.LittleEndian
	default:
		return nil, ErrNotMachO
	}
	if f.Order.Uint32(b[:]) == 0xFEEDFACF {
		f.Class, f.HeaderSize, f.word, f.segmentBytes = 64, 32, 8, 72
	}
	f.CPU, f.SubCPU, f.Type, f.Flags = f.Order.Uint32(b[4:]), f.Order.Uint32(b[8:]), f.Order.Uint32(b[12:]), f.Order.Uint32(b[24:])
	commands, length := int64(f.Order.Uint32(b[16:])), int64(f.Order.Uint32(b[20:]))
	f.Arch = machCPUs[f.CPU]
	wide := f.CPU>>24&3 == 1
	if f.Arch == "" || wide != (f.Class == 64) || f.Type == 0 || f.Type > 12 || commands == 0 || commands > maxMachCommands || length < 8*commands || length > maxMachTable || size < f.HeaderSize+8 {
		return nil, ErrNotMachO
	}
	f.End = f.HeaderSize + min(length, size-f.HeaderSize)
	table, err := io.ReadAll(io.NewSectionReader(r, f.HeaderSize, f.End-f.HeaderSize))
	if err != nil {
		return nil, err
	}
	if int64(len(table)) < length {
		f.fault(f.HeaderSize, "load commands at %#x: %d bytes, file has %d bytes", f.HeaderSize, length, size)
		f.Truncated = true
	}
	at := f.HeaderSize
	for i := range commands {
		if len(table) < 8 {
			if !f.Truncated {
				f.fault(at, "load commands at %#x: %d of %d are there", f.HeaderSize, i, commands)
			}
			break
		}
		n := f.Order.Uint32(table[4:])
		if n < 8 || n%4 != 0 || int64(n) > int64(len(table)) {
			if i == 0 {
				return nil, ErrNotMachO
			}
			f.fault(at, "load command %d at %#x: %d bytes, %d are left", i, at, n, len(table))
			break
		}
		f.command(at, f.Order.Uint32(table), table[:n])
		table = table[n:]
		at += int64(n)
	}
	f.HeaderSize = min(f.HeaderSize+length, size)
	if f.Truncated {
		f.End = size
	}
	return f, nil
}

func (f *MachO) fault(off int64, format string, args ...any) {
	if len(f.Faults) < maxFaults {
		f.Faults = append(f.Faults, Fault{Off: off, Why: fmt.Sprintf(format, args...)})
	}
}

// reach counts a run of bytes into the file's end, or reports that it ends
// behind the file.
func (f *MachO) reach(what string, off, n uint64) bool {
	if n == 0 {
		return false
	}
	if off <= uint64(f.size) && n <= uint64(f.size)-off {
		f.End = max(f.End, int64(off+n))
		return true
	}
	f.fault(int64(min(off, uint64(f.size))), "%s at %#x: %d bytes, file has %d bytes", what, off, n, f.size)
	f.Truncated = true
	return false
}

// commandNames are the commands whose data is a run of the link-edit segment.
var commandNames = map[uint32]string{0x1D: "code signature", 0x1E: "segment split info", 0x26: "function starts", 0x29: "data in code", 0x2B: "code signing rights", 0x2E: "linker hints", 0x80000033: "exports trie", 0x80000034: "chained fixups", 0x36: "atom info"}

// command reads a load command, b from its beginning.
func (f *MachO) command(at int64, cmd uint32, b []byte) {
	u32 := func(off int) uint32 {
		if off+4 > len(b) {
			return 0
		}
		return f.Order.Uint32(b[off:])
	}
	need := func(n int) bool {
		if len(b) < n {
			f.fault(at, "load command %#x at %#x: %d bytes, needs %d", cmd, at, len(b), n)
		}
		return len(b) >= n
	}
	text := func() string {
		off := int(u32(8))
		if off < 12 || off >= len(b) {
			f.fault(at, "load command %#x at %#x: its text begins at %d of %d bytes", cmd, at, off, len(b))
			return ""
		}
		s, _, _ := bytes.Cut(b[off:], []byte{0})
		return string(s)
	}
	switch cmd {
	case 0x1, 0x19:
		if (cmd == 0x19) == (f.Class == 64) && need(f.segmentBytes) {
			f.segment(at, b)
		}
	case 0x2:
		if need(24) {
			f.SymbolCount = int64(u32(12))
			if n := uint64(f.SymbolCount) * uint64(8+f.word); f.reach("symbol table", uint64(u32(8)), n) {
				f.Symbols = Place{int64(u32(8)), int64(n)}
			}
			if n := uint64(u32(20)); f.reach("string table", uint64(u32(16)), n) {
				f.Strings = Place{int64(u32(16)), int64(n)}
			}
		}
	case 0xB:
		if need(80) {
			f.table("indirect symbols", uint64(u32(56)), 4*uint64(u32(60)))
		}
	case 0xC, 0x80000018, 0x8000001F, 0x20, 0x80000023:
		if s := text(); len(f.Libraries) < maxMachCommands {
			f.Libraries = append(f.Libraries, s)
		}
	case 0xD:
		f.ID = text()
	case 0xE:
		f.Loader = text()
	case 0x8000001C:
		f.Paths = append(f.Paths, text())
	case 0x1B:
		if need(24) {
			f.UUID = hex.EncodeToString(b[8:24])
		}
	case 0x80000028:
		if need(24) {
			f.Entry, f.HasEntry = f.Order.Uint64(b[8:]), true
		}
	case 0x21, 0x2C:
		if need(20) && u32(16) != 0 {
			f.Encrypted = Place{int64(u32(8)), int64(u32(12))}
		}
	case 0x22, 0x80000022:
		if need(48) {
			for i, name := range []string{"rebase info", "binding info", "weak binding info", "lazy binding info", "exports"} {
				f.table(name, uint64(u32(8+8*i)), uint64(u32(12+8*i)))
			}
		}
	case 0x24, 0x25, 0x2F, 0x30:
		f.Platform = map[uint32]string{0x24: "macOS", 0x25: "iOS", 0x2F: "tvOS", 0x30: "watchOS"}[cmd]
		f.MinOS, f.SDK = machVersion(u32(8)), machVersion(u32(12))
	case 0x32:
		if need(24) {
			if f.Platform = machPlatforms[u32(8)]; f.Platform == "" {
				f.Platform = fmt.Sprintf("platform-%d", u32(8))
			}
			f.MinOS, f.SDK = machVersion(u32(12)), machVersion(u32(16))
		}
	default:
		if name := commandNames[cmd]; name != "" && need(16) {
			off, n := uint64(u32(8)), uint64(u32(12))
			if cmd == 0x1D {
				if f.reach(name, off, n) {
					f.Signature = Place{int64(off), int64(n)}
				}
				return
			}
			f.table(name, off, n)
		}
	}
}

func (f *MachO) table(name string, off, n uint64) {
	if f.reach(name, off, n) && len(f.Tables) < 1000 {
		f.Tables = append(f.Tables, MachTable{name, Place{int64(off), int64(n)}})
	}
}

// segment reads a segment command and its sections.
func (f *MachO) segment(at int64, b []byte) {
	long := func(off int) uint64 {
		if f.word == 8 {
			return f.Order.Uint64(b[off:])
		}
		return uint64(f.Order.Uint32(b[off:]))
	}
	name := func(b []byte) string {
		s, _, _ := bytes.Cut(b[:16], []byte{0})
		return string(s)
	}
	w := f.word
	s := MachSegment{Name: name(b[8:]), VAddr: long(24), VSize: long(24 + w), Off: long(24 + 2*w), Size: long(24 + 3*w), MaxProtect: f.Order.Uint32(b[24+4*w:]), Protect: f.Order.Uint32(b[28+4*w:])}
	sections := int(f.Order.Uint32(b[32+4*w:]))
	s.InFile = f.reach(fmt.Sprintf("segment %q", s.Name), s.Off, s.Size)
	f.Segments = append(f.Segments, s)
	size := 68
	if w == 8 {
		size = 80
	}
	rest := b[f.segmentBytes:]
	if have := len(rest) / size; sections > have {
		f.fault(at, "segment %q at %#x: %d sections, %d are there", s.Name, at, sections, have)
		sections = have
	}
	for range sections {
		if len(f.Sections) == maxMachSections {
			f.fault(at, "segment %q at %#x: more than %d sections", s.Name, at, maxMachSections)
			return
		}
		b := rest[:size]
		rest = rest[size:]
		x := MachSection{Name: name(b), Segment: name(b[16:])}
		if w == 8 {
			x.Addr, x.Size = f.Order.Uint64(b[32:]), f.Order.Uint64(b[40:])
			b = b[48:]
		} else {
			x.Addr, x.Size = uint64(f.Order.Uint32(b[32:])), uint64(f.Order.Uint32(b[36:]))
			b = b[40:]
		}
		x.Off, x.Flags = int64(f.Order.Uint32(b)), f.Order.Uint32(b[16:])
		relocs, count := uint64(f.Order.Uint32(b[8:])), uint64(f.Order.Uint32(b[12:]))
		if kind := x.Flags & machSub; x.Off > 0 && x.Size > 0 && kind != 1 && kind != 12 && kind != 18 {
			x.HasBytes = true
			x.InFile = f.reach(fmt.Sprintf("section %q", x.Name), uint64(x.Off), x.Size)
		}
		f.table("relocations of "+x.Name, relocs, 8*count)
		f.Sections = append(f.Sections, x)
	}
}

// machVersion is a version packed as xxxx.yy.zz.
func machVersion(v uint32) string {
	if v == 0 {
		return ""
	}
	if v&0xFF == 0 {
		return fmt.Sprintf("%d.%d", v>>16, v>>8&0xFF)
	}
	return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&0xFF, v&0xFF)
}
