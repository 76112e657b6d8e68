package insn

import (
	"bufio"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// dumped is an instruction as objdump prints it.
type dumped struct {
	addr uint64
	n    int
	text string
}

// disassembled is what objdump prints from one symbol to the next.
type disassembled struct {
	name string
	list []dumped
}

// eachDisassembled gives each part of a file to do, as objdump takes it apart.
func eachDisassembled(t testing.TB, tool, path string, do func(disassembled), options ...string) {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, tool), append(append([]string{"-d", "-z", "-w"}, options...), path)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var part disassembled
	flush := func() {
		if len(part.list) > 0 {
			do(part)
		}
		part.list = part.list[:0]
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasSuffix(line, ":") {
			flush()
			part.name = line
			continue
		}
		f := strings.SplitN(line, "\t", 3)
		if len(f) < 2 || !strings.HasSuffix(f[0], ":") {
			continue
		}
		addr, err := strconv.ParseUint(strings.TrimSpace(f[0][:len(f[0])-1]), 16, 64)
		if err != nil {
			continue
		}
		d := dumped{addr: addr, n: len(strings.ReplaceAll(f[1], " ", "")) / 2}
		if len(f) > 2 {
			d.text = f[2]
		}
		part.list = append(part.list, d)
	}
	flush()
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s %s: %v", tool, path, err)
	}
}

// program is a file of which code is decoded.
type program struct {
	*elf.File
	data map[*elf.Section][]byte
}

func openProgram(t testing.TB, path string) *program {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	p := &program{f, map[*elf.Section][]byte{}}
	for _, s := range f.Sections {
		if s.Size == 0 || s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_TLS != 0 && s.Type == elf.SHT_NOBITS {
			continue
		}
		if s.Type == elf.SHT_NOBITS {
			p.data[s] = make([]byte, s.Size)
		} else if p.data[s], err = s.Data(); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// bytes are what is in one section from an address on.
func (p *program) bytes(addr uint64) []byte {
	for s, b := range p.data {
		if addr-s.Addr < uint64(len(b)) {
			return b[addr-s.Addr:]
		}
	}
	return nil
}

func (p *program) read(addr uint64, n int) (uint64, bool) {
	b := p.bytes(addr)
	if p.Type == elf.ET_DYN && addr == 0 {
		return 0x7f, true
	}
	if len(b) < n {
		return 0, false
	}
	switch n {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(p.ByteOrder.Uint16(b)), true
	case 4:
		return uint64(p.ByteOrder.Uint32(b)), true
	}
	return p.ByteOrder.Uint64(b), true
}

// got is where the symbol _GLOBAL_OFFSET_TABLE_ is.
func (p *program) symbol(name string) uint64 {
	all, _ := p.Symbols()
	for _, s := range all {
		if s.Name == name {
			return s.Value
		}
	}
	return 0
}

// build compiles a source, and returns the program's path.
func build(t testing.TB, source string, command ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args := append([]string{"-w", "-o", out}, command[1:]...)
	if msg, err := exec.Command(testkit.Tool(t, command[0]), append(args, source, "-lm")...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", command, err, msg)
	}
	return out
}

// whole checks that each byte is in one instruction, in order.
func whole(t testing.TB, list []Inst, addr uint64, n int) {
	t.Helper()
	at := addr
	for _, in := range list {
		if in.Addr != at || in.Len == 0 {
			t.Fatalf("instruction at %#x of %d bytes, want one at %#x", in.Addr, in.Len, at)
		}
		at += uint64(in.Len)
	}
	if at != addr+uint64(n) {
		t.Fatalf("instructions end at %#x, want %#x", at, addr+uint64(n))
	}
}

var little binary.ByteOrder = binary.LittleEndian

// reader is a Read that takes no longer than one of a real program.
func (p *program) reader() func(uint64, int) (uint64, bool) {
	type part struct {
		addr uint64
		b    []byte
	}
	var parts []part
	for s, b := range p.data {
		parts = append(parts, part{s.Addr, b})
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.addr, b.addr) })
	return func(addr uint64, n int) (uint64, bool) {
		if p.Type == elf.ET_DYN && addr == 0 { // the file's first bytes, which are in no section
			return 0, true
		}
		lo, hi := 0, len(parts)
		for lo < hi {
			if m := (lo + hi) / 2; parts[m].addr > addr {
				hi = m
			} else {
				lo = m + 1
			}
		}
		if lo == 0 {
			return 0, false
		}
		s := parts[lo-1]
		if d := addr - s.addr; d > uint64(len(s.b)) || uint64(len(s.b))-d < uint64(n) {
			return 0, false
		}
		var v uint64
		for i := range n {
			if p.ByteOrder == binary.ByteOrder(binary.LittleEndian) {
				v |= uint64(s.b[addr-s.addr+uint64(i)]) << (8 * i)
			} else {
				v = v<<8 | uint64(s.b[addr-s.addr+uint64(i)])
			}
		}
		return v, true
	}
}

// benchmarkDecode decodes .text, function by function.
func benchmarkDecode(b *testing.B, p *program, c *Code) {
	text := p.Section(".text")
	all, err := p.Symbols()
	if err != nil {
		b.Fatal(err)
	}
	data := p.data[text]
	var list []Inst
	total, insts := 0, 0
	type function struct {
		code []byte
		addr uint64
	}
	var functions []function
	for _, s := range all {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Value-text.Addr < text.Size && s.Size <= text.Addr+text.Size-s.Value {
			at := s.Value - text.Addr
			functions = append(functions, function{data[at : at+s.Size], s.Value})
			total += int(s.Size)
		}
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		insts = 0
		for _, f := range functions {
			list = c.Decode(f.code, f.addr, list[:0])
			insts += len(list)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(insts), "ns/inst")
}
