package insn_test

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wardein/wardein/exe/insn"
)

// program is a linked file as tests read it, without package exe.
type program struct {
	f         *elf.File
	code      insn.Code
	functions []function
}

// function is one that the symbol table names.
type function struct {
	name  string
	addr  uint64
	code  []byte
	thumb bool
	m16   bool
}

// load reads a program. Set is that of the file's machine.
func load(t testing.TB, file string) *program {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	p := &program{f: f}
	p.code.Order = f.ByteOrder
	switch f.Machine {
	case elf.EM_AARCH64:
		p.code.Set = insn.AArch64
	case elf.EM_ARM:
		p.code.Set = insn.ARM
	case elf.EM_MIPS:
		p.code.Set = insn.MIPS
		if f.Class == elf.ELFCLASS64 {
			p.code.Set = insn.MIPS64
		}
	case elf.EM_386:
		p.code.Set = insn.X86
	case elf.EM_X86_64:
		p.code.Set = insn.X8664
	case elf.EM_PPC:
		p.code.Set = insn.PPC
	case elf.EM_PPC64:
		p.code.Set = insn.PPC64
		p.code.Base = f.Section(".got").Addr + 0x8000
	}
	type part struct {
		addr uint64
		b    []byte
	}
	var parts []part
	for _, s := range f.Progs {
		if s.Type == elf.PT_LOAD {
			b := make([]byte, s.Memsz)
			if _, err := s.ReadAt(b[:s.Filesz], 0); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, part{s.Vaddr, b})
		}
	}
	p.code.Read = func(addr uint64, n int) (uint64, bool) {
		for _, s := range parts {
			if at := addr - s.addr; at < uint64(len(s.b)) && uint64(len(s.b))-at >= uint64(n) {
				b := s.b[at:]
				switch n {
				case 1:
					return uint64(b[0]), true
				case 2:
					return uint64(f.ByteOrder.Uint16(b)), true
				case 4:
					return uint64(f.ByteOrder.Uint32(b)), true
				}
				return f.ByteOrder.Uint64(b), true
			}
		}
		return 0, false
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, s := range symbols {
		if s.Name == "_gp" || s.Name == "_GLOBAL_OFFSET_TABLE_" && p.code.Set == insn.X86 {
			p.code.Base = s.Value
		}
		// What changes from Thumb to ARM is both.
		if strings.HasSuffix(s.Name, "_from_thumb") || elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Size == 0 || s.Section == 0 || int(s.Section) >= len(f.Sections) || seen[s.Value] {
			continue
		}
		seen[s.Value] = true
		fn := function{name: s.Name, addr: s.Value}
		switch p.code.Set {
		case insn.ARM:
			fn.thumb, fn.addr = s.Value&1 != 0, s.Value&^1
		case insn.MIPS, insn.MIPS64:
			fn.m16 = s.Other&0xf0 == 0xf0 || s.Value&1 != 0
			fn.addr = s.Value &^ 1
		}
		sec := f.Sections[s.Section]
		if fn.code = make([]byte, s.Size); sec.Type != elf.SHT_PROGBITS || fn.addr < sec.Addr {
			continue
		}
		if _, err := sec.ReadAt(fn.code, int64(fn.addr-sec.Addr)); err != nil {
			t.Fatal(err)
		}
		p.functions = append(p.functions, fn)
	}
	slices.SortFunc(p.functions, func(a, b function) int { return cmp.Compare(a.addr, b.addr) })
	return p
}

// codeOf is the code's description for one of its functions.
func (p *program) codeOf(fn function) *insn.Code {
	c := p.code
	switch {
	case fn.thumb:
		c.Set = insn.Thumb
	case fn.m16:
		c.Set = insn.MIPS16
	}
	return &c
}

// listed is a line of objdump.
type listed struct {
	size     int
	mnemonic string
	operands string
}

// listing runs objdump.
func listing(t testing.TB, tool, file string, args ...string) map[uint64]listed {
	t.Helper()
	cmd := exec.Command(tool, append(args, "-d", "-z", file)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := map[uint64]listed{}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		addr, rest, ok := strings.Cut(strings.TrimSpace(s.Text()), ":\t")
		if !ok {
			continue
		}
		at, err := strconv.ParseUint(addr, 16, 64)
		if err != nil {
			continue
		}
		hex, rest, _ := strings.Cut(rest, "\t")
		mnemonic, operands, _ := strings.Cut(rest, "\t")
		size := len(strings.ReplaceAll(strings.TrimSpace(hex), " ", "")) / 2
		lines[at] = listed{size, strings.TrimSpace(mnemonic), operands}
		if strings.HasPrefix(mnemonic, ".") && size == 4 {
			lines[at+2] = listed{2, mnemonic, operands}
		}
	}
	return lines
}

// target is the address in an instruction's operands, as objdump prints those of jumps.
func target(operands string) (uint64, bool) {
	operands, _, _ = strings.Cut(operands, "<")
	fields := strings.FieldsFunc(operands, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
	if len(fields) == 0 {
		return 0, false
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
	return v, err == nil
}

// differences counts what a decoder and objdump say differently, and keeps an
// example of each.
type differences map[string]int

func (d differences) add(example, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if d[what]++; d[what] == 1 {
		d["    "+what+": "+example] = 0
	}
}

func (d differences) report(t testing.TB) {
	t.Helper()
	if text := d.text(); text != "" {
		t.Errorf("differs from objdump:\n%s", text)
	}
}

// log prints what is no fault.
func (d differences) log(t testing.TB) {
	t.Helper()
	if text := d.text(); text != "" {
		t.Log("\n" + text)
	}
}

func (d differences) text() string {
	var lines []string
	for what, n := range d {
		if n > 0 {
			line := fmt.Sprintf("%6d %s", n, what)
			for example := range d {
				if strings.HasPrefix(example, "    "+what+": ") {
					line += " (" + strings.TrimPrefix(example, "    "+what+": ") + ")"
				}
			}
			lines = append(lines, line)
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return cmp.Compare(b, a) })
	if len(lines) > 40 {
		lines = append(lines[:40], "…")
	}
	return strings.Join(lines, "\n")
}

// compareListing compares all functions with what objdump prints.
func compareListing(t testing.TB, p *program, lines map[uint64]listed, same func(c *insn.Code, name string, l listed) bool) (instructions int) {
	t.Helper()
	diff := differences{}
	var list []insn.Inst
	for _, fn := range p.functions {
		c := p.codeOf(fn)
		list = c.Decode(fn.code, fn.addr, list[:0])
		whole(t, fn.code, fn.addr, list)
		for _, in := range list {
			l, ok := lines[in.Addr]
			name := c.Name(in.Op)
			where := fmt.Sprintf("%x in %s: %s %s", in.Addr, fn.name, l.mnemonic, l.operands)
			data := strings.HasPrefix(l.mnemonic, ".")
			if c.Set == insn.MIPS16 && in.Flow == insn.Data { // which objdump takes for instructions
				break
			}
			switch {
			case !ok:
				diff.add(where, "no instruction there: %s", name)
			case data != (in.Flow == insn.Data):
				diff.add(where, "data: %v", data)
			case data:
			case l.size != int(in.Len):
				diff.add(where, "length of %s", l.mnemonic)
			case !same(c, name, l):
				diff.add(where, "%s: %q", l.mnemonic, name)
			}
			if !data {
				instructions++
			}
			if in.To != 0 && !data && (in.Flow == insn.Jump || in.Flow == insn.Branch || in.Flow == insn.Call) {
				if to, ok := target(l.operands); ok && to != in.To&^1 && !strings.HasSuffix(l.operands, "x"+strconv.Itoa(int(to))) {
					diff.add(where, "target of %s: %x", l.mnemonic, in.To)
				}
			}
		}
	}
	diff.report(t)
	return instructions
}

// whole checks that every byte is in one instruction.
func whole(t testing.TB, code []byte, addr uint64, list []insn.Inst) {
	t.Helper()
	at := addr
	for _, in := range list {
		if in.Addr != at || in.Len == 0 {
			t.Fatalf("instruction at %#x of %d bytes, want one at %#x", in.Addr, in.Len, at)
		}
		at += uint64(in.Len)
	}
	if at != addr+uint64(len(code)) {
		t.Fatalf("ends at %#x, want %#x", at, addr+uint64(len(code)))
	}
}

// relocation is one of a file linked with --emit-relocs.
type relocation struct {
	kind   uint32
	symbol elf.Symbol
	to     uint64 // symbol and addend, which is 0 where the code has it
}

// relocations are those of code.
func (p *program) relocations(t testing.TB) map[uint64][]relocation {
	symbols, err := p.f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint64][]relocation{}
	for _, s := range p.f.Sections {
		if s.Type != elf.SHT_REL && s.Type != elf.SHT_RELA || int(s.Info) >= len(p.f.Sections) || s.Info == 0 ||
			p.f.Sections[s.Info].Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		b, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		wide := p.f.Class == elf.ELFCLASS64
		size := 8
		if wide {
			size = 16
		}
		if s.Type == elf.SHT_RELA {
			size = size * 3 / 2
		}
		for ; len(b) >= size; b = b[size:] {
			var r relocation
			var off uint64
			var sym uint32
			var addend int64
			if wide {
				off = p.f.ByteOrder.Uint64(b)
				info := p.f.ByteOrder.Uint64(b[8:])
				if p.f.Machine == elf.EM_MIPS { // three kinds, each a byte
					sym, r.kind = p.f.ByteOrder.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
					r.kind = r.kind&0xff | r.kind&0xff00
				} else {
					sym, r.kind = uint32(info>>32), uint32(info)
				}
			} else {
				off = uint64(p.f.ByteOrder.Uint32(b))
				info := p.f.ByteOrder.Uint32(b[4:])
				sym, r.kind = info>>8, info&0xff
			}
			if s.Type == elf.SHT_RELA {
				addend = int64(p.f.ByteOrder.Uint64(b[min(size-8, 16):]))
				if !wide {
					addend = int64(int32(p.f.ByteOrder.Uint32(b[8:])))
				}
			}
			if sym == 0 || int(sym) > len(symbols) {
				continue
			}
			r.symbol = symbols[sym-1]
			r.to = r.symbol.Value + uint64(addend)
			all[off] = append(all[off], r)
		}
	}
	return all
}
