package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// line is an instruction as objdump prints it.
type line struct {
	addr uint64
	n    int    // bytes
	op   string // mnemonic
	text string // operands, without remarks
}

var (
	asmLine = regexp.MustCompile(`^ *([0-9a-f]+):\t((?:[0-9a-f]{2,8} )+) *\t(\S+)\s*(.*)$`)
	remark  = regexp.MustCompile(`\s*(# |//|@ |; |<).*$`)
	numbers = regexp.MustCompile(`-?\b(0x[0-9a-f]+|[0-9][0-9a-f]*)\b`)
)

// disassemble lists the instructions of a program's text by binutils, which
// knows nothing of our decoders. It needs the program's symbols: those of ARM
// tell code from literals.
func disassemble(path string) ([]line, error) {
	cmd := exec.Command("objdump", "-d", "-z", "-w", "-j", ".text", path)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("objdump %s: %v", path, err)
	}
	var list []line
	in := bufio.NewScanner(bytes.NewReader(out))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		m := asmLine.FindStringSubmatch(in.Text())
		if m == nil {
			continue
		}
		addr, err := strconv.ParseUint(m[1], 16, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, line{addr, len(strings.ReplaceAll(m[2], " ", "")) / 2, m[3], remark.ReplaceAllString(m[4], "")})
	}
	return list, in.Err()
}

// odd tells that a line is no instruction, or none that a compiler writes.
func (l line) odd() bool {
	return strings.HasPrefix(l.op, ".") || strings.Contains(l.op, "bad") || strings.Contains(l.op, "undefined") || strings.Contains(l.op, "nop") || strings.HasPrefix(l.op, "rex") ||
		strings.HasPrefix(l.op, "data16") || strings.HasPrefix(l.op, "udf") || strings.HasPrefix(l.op, "xchg") && l.text == "%ax,%ax" ||
		strings.Contains(l.text, "bad") || strings.Contains(l.text, "iz,") || // a scale of no index
		strings.Trim(l.op, "0123456789abcdefx") == ""
}

// object is a symbol of a program.
type object struct {
	name       string
	addr, size uint64
}

// elfFile is what injections need of a program: its bytes, and where they are
// in memory.
type elfFile struct {
	*elf.File
	functions []object // sorted by address, not overlapping
	data      []object // in read-only memory
}

func openELF(path string) (*elfFile, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	e := &elfFile{File: f}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		if s.Size == 0 || int(s.Section) >= len(f.Sections) {
			continue
		}
		o := object{s.Name, s.Value, s.Size}
		if f.Machine == elf.EM_ARM {
			o.addr &^= 1
		}
		switch sec := f.Sections[s.Section]; {
		case elf.ST_TYPE(s.Info) == elf.STT_FUNC && sec.Name == ".text":
			e.functions = append(e.functions, o)
		case elf.ST_TYPE(s.Info) == elf.STT_OBJECT && sec.Name == ".rodata":
			e.data = append(e.data, o)
		}
	}
	for _, list := range []*[]object{&e.functions, &e.data} {
		slices.SortFunc(*list, func(a, b object) int {
			return slices.Compare([]uint64{a.addr, -a.size}, []uint64{b.addr, -b.size})
		})
		end := uint64(0)
		*list = slices.DeleteFunc(*list, func(o object) bool {
			in := o.addr < end
			end = max(end, o.addr+o.size)
			return in
		})
	}
	return e, nil
}

// function is the one that an address is in, nil for none.
func (e *elfFile) function(addr uint64) *object {
	i, ok := slices.BinarySearchFunc(e.functions, addr, func(o object, a uint64) int { return int(o.addr) - int(a) })
	if !ok {
		i--
	}
	if i < 0 || addr >= e.functions[i].addr+e.functions[i].size {
		return nil
	}
	return &e.functions[i]
}

// offset is where the byte of an address is in the file. -1 for none.
func (e *elfFile) offset(addr uint64) int64 {
	for _, p := range e.Progs {
		if p.Type == elf.PT_LOAD && addr >= p.Vaddr && addr < p.Vaddr+p.Filesz {
			return int64(addr - p.Vaddr + p.Off)
		}
	}
	return -1
}
