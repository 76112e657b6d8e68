package insn

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRelocations compares the addresses that decoders find with those that the
// linker put in, which are in files that are built with --emit-relocs: programs
// that are built here, and those that INSN_RELOCATIONS names.
func TestRelocations(t *testing.T) {
	for _, p := range strings.Fields(os.Getenv("INSN_RELOCATIONS")) {
		m, err := filepath.Glob(p)
		if err != nil || len(m) == 0 {
			t.Fatalf("%s: no files, %v", p, err)
		}
		for _, path := range m {
			compareRelocations(t, path, 0)
		}
	}
	if os.Getenv("INSN_RELOCATIONS") != "" {
		return
	}
	for _, target := range []string{"x86_64-linux-gnu-gcc", "i686-linux-gnu-gcc", "powerpc-linux-gnu-gcc", "powerpc64-linux-gnu-gcc", "powerpc64le-linux-gnu-gcc"} {
		for _, o := range []string{"-O2 -pie -fPIE", "-Os -no-pie -fno-pie", "-O2 -fPIC -shared"} {
			command := append([]string{target, "-Wl,--emit-relocs"}, strings.Fields(o)...)
			compareRelocations(t, build(t, "../testdata/calls/all.c", command...), 100)
		}
	}
}

// compareRelocations demands that no address is wrong, and of a hundred so many
// are found.
func compareRelocations(t *testing.T, path string, found int) {
	p := openProgram(t, path)
	c := Code{Order: p.ByteOrder, Read: p.reader()}
	switch p.Machine {
	case elf.EM_386:
		c.Set, c.Base = X86, p.symbol("_GLOBAL_OFFSET_TABLE_")
	case elf.EM_X86_64:
		c.Set = X8664
	case elf.EM_PPC:
		c.Set = PPC
	case elf.EM_PPC64:
		c.Set, c.Base = PPC64, p.toc()
	default:
		t.Fatalf("%s: %s", path, p.Machine)
	}
	symbols, err := p.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	functions := slices.Clone(symbols)
	if opd := p.Section(".opd"); opd != nil {
		for i := range functions {
			if s := &functions[i]; s.Value-opd.Addr < opd.Size {
				s.Value, _ = c.Read(s.Value, 8)
			}
		}
	}
	right, missed, wrong := 0, 0, 0
	var list []Inst
	for _, r := range p.Sections {
		if r.Type != elf.SHT_REL && r.Type != elf.SHT_RELA || r.Info == 0 || int(r.Info) >= len(p.Sections) || p.Sections[r.Info].Name != ".text" {
			continue
		}
		text := p.Sections[r.Info]
		code := p.data[text]
		want := map[uint64]address{}
		eachRelocation(t, p, r, func(at uint64, kind uint32, symbol int, addend int64) {
			if at-text.Addr+4 > text.Size {
				return
			}
			field := uint64(int64(int32(p.ByteOrder.Uint32(code[at-text.Addr:]))))
			s := uint64(0)
			if symbol > 0 && symbol <= len(symbols) {
				s = symbols[symbol-1].Value
			}
			if a, ok := expected(&c, kind, at, s+uint64(addend), field); ok {
				want[at] = a
			}
		})
		for _, s := range functions {
			if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Value-text.Addr >= text.Size || s.Size > text.Addr+text.Size-s.Value {
				continue
			}
			list = c.Decode(code[s.Value-text.Addr:][:s.Size], s.Value, list[:0])
			for _, in := range list {
				for at := in.Addr; at < in.Addr+uint64(in.Len); at++ {
					w, ok := want[at]
					if !ok {
						continue
					}
					n := w.n
					if w.next {
						n += in.Addr + uint64(in.Len) - at
					}
					if c.Set == X86 || c.Set == PPC {
						n &= 1<<32 - 1
					}
					switch {
					case in.Ref == n || in.To == n, w.near && n-in.Ref < 256:
						right++
					case in.Ref == 0 && in.To == 0:
						if missed++; missed < 6 && (testing.Verbose() || found > 0) {
							t.Logf("%s: %s: %#x %s (relocation %d) does not refer to %#x", filepath.Base(path), s.Name, in.Addr, c.Name(in.Op), w.kind, n)
						}
					default:
						if wrong++; wrong < 6 {
							t.Logf("%s: %s: %#x %s (relocation %d) refers to %#x and %#x, want %#x", filepath.Base(path), s.Name, in.Addr, c.Name(in.Op), w.kind, in.Ref, in.To, n)
						}
					}
				}
			}
		}
	}
	t.Logf("%s: %d right, %d missed, %d wrong", path, right, missed, wrong)
	if found > 0 && (wrong > 0 || right*100 < (right+missed)*found || right == 0) {
		t.Errorf("%s: addresses are wrong or missed", path)
	}
}

// address is what an instruction has to refer to; next says that it is counted
// from the relocation's place, not from the next instruction.
type address struct {
	n    uint64
	next bool
	near bool // counted from an instruction before
	kind uint32
}

// expected is what a relocation at an address says. Field is what the linker
// has put there.
func expected(c *Code, kind uint32, at, target, field uint64) (address, bool) {
	a := address{n: target, kind: kind}
	switch c.Set {
	case X8664:
		switch kind {
		case 2, 4, 9, 41, 42: // PC32, PLT32, GOTPCREL and those that may become LEA
			return address{n: at + field, next: true, kind: kind}, true
		case 10, 11: // 32, 32S
			return address{n: field, kind: kind}, true
		}
	case X86:
		switch kind {
		case 1: // 32
			return address{n: field, kind: kind}, true
		case 2, 4: // PC32, PLT32
			return address{n: at + field, next: true, kind: kind}, true
		case 3, 9, 43: // GOT32, GOTOFF, GOT32X
			return address{n: c.Base + field, kind: kind}, true
		case 10:
			return address{n: c.Base, kind: kind}, true
		}
	case PPC:
		switch kind {
		case 4: // ADDR16_LO
			return a, true
		case 250: // REL16_LO
			a.near = true
			return a, true
		}
	case PPC64:
		switch kind {
		case 4, 57, 47, 48, 63, 64: // ADDR16_LO, ADDR16_LO_DS, TOC16, TOC16_LO, TOC16_DS, TOC16_LO_DS
			return a, true
		}
	}
	return a, false
}

func eachRelocation(t *testing.T, p *program, s *elf.Section, do func(at uint64, kind uint32, symbol int, addend int64)) {
	b, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	var order binary.ByteOrder = p.ByteOrder
	size := int(s.Entsize)
	for ; size > 0 && len(b) >= size; b = b[size:] {
		if p.Class == elf.ELFCLASS64 {
			info := order.Uint64(b[8:])
			do(order.Uint64(b), uint32(info), int(info>>32), int64(order.Uint64(b[16:])))
			continue
		}
		info, addend := order.Uint32(b[4:]), int64(0)
		if s.Type == elf.SHT_RELA {
			addend = int64(int32(order.Uint32(b[8:])))
		}
		do(uint64(order.Uint32(b)), info&0xff, int(info>>8), addend)
	}
}

// toc is what r2 holds in a 64-bit PowerPC program.
func (p *program) toc() uint64 {
	if at := p.symbol(".TOC."); at != 0 {
		return at
	}
	if s := p.Section(".got"); s != nil {
		return s.Addr + 0x8000
	}
	return 0
}
