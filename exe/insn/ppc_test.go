package insn

import (
	"cmp"
	"debug/elf"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPPCObjdump compares with objdump over programs that are built here, and
// the files that INSN_PPC names.
func TestPPCObjdump(t *testing.T) {
	var files []string
	for _, p := range strings.Fields(os.Getenv("INSN_PPC")) {
		m, err := filepath.Glob(p)
		if err != nil || len(m) == 0 {
			t.Fatalf("%s: no files, %v", p, err)
		}
		files = append(files, m...)
	}
	if files == nil {
		for _, cc := range []string{"powerpc-linux-gnu-gcc", "powerpc64-linux-gnu-gcc", "powerpc64le-linux-gnu-gcc"} {
			for _, o := range []string{"-O2 -static", "-Os -pie", "-O2 -no-pie"} {
				if cc == "powerpc64-linux-gnu-gcc" && o == "-O2 -static" {
					continue
				}
				files = append(files, build(t, "../testdata/calls/all.c", append([]string{cc}, strings.Fields(o)...)...))
			}
		}
	}
	for _, path := range files {
		comparePPC(t, path)
	}
}

func comparePPC(t *testing.T, path string) {
	p := openProgram(t, path)
	c := Code{Set: PPC, Order: p.ByteOrder, Read: p.read}
	tool := "powerpc-linux-gnu-objdump"
	if p.Machine == elf.EM_PPC64 {
		c.Set, tool = PPC64, "powerpc64le-linux-gnu-objdump"
		c.Base = p.toc()
	}
	var list []Inst
	total, wrong, tables := 0, 0, 0
	names := map[string]int{}
	fail := func(format string, args ...any) {
		if wrong++; wrong < 20 {
			t.Errorf(filepath.Base(path)+": "+format, args...)
		}
	}
	eachDisassembled(t, tool, path, func(part disassembled) {
		start := part.list[0].addr
		last := part.list[len(part.list)-1]
		n := int(last.addr-start) + last.n
		if len(p.bytes(start)) < n {
			t.Logf("%s: no bytes for %+v", part.name, part.list)
			return
		}
		list = c.Decode(p.bytes(start)[:n], start, list[:0])
		whole(t, list, start, n)
		total += n
		i := 0
		for _, want := range part.list {
			for i < len(list) && list[i].Addr < want.addr {
				i++
			}
			if i == len(list) || list[i].Addr != want.addr {
				fail("%s: no instruction at %#x: %s", part.name, want.addr, want.text)
				continue
			}
			in := list[i]
			f := append(strings.Fields(want.text), "", "")
			if int(in.Len) != want.n {
				fail("%#x has %d bytes, want %d: %s", want.addr, in.Len, want.n, want.text)
				continue
			}
			if in.Flow == Data {
				tables += want.n
				continue
			}
			if strings.HasPrefix(want.text, ".long 0x4") && (in.Flow == Branch || in.Flow == Call || in.Flow == Return) || f[0] == "attn" || strings.HasPrefix(want.text, ".long 0xfffff") {
				continue // hints of old, what only one processor has, tables elsewhere than behind a jump
			}
			if f[0] == ".long" != (in.Flow == Bad) {
				fail("%#x is %d, want %s", want.addr, in.Flow, want.text)
				continue
			}
			to, flow := ppcFlow(f)
			if f[0] == "bcl" && to == want.addr+4 || f[0] == "bl" && to == want.addr+4 {
				to, flow = 0, Next // no call, but where am I
			}
			direct := map[Flow]Flow{IndirectCall: Call, IndirectJump: Jump}
			if flow != in.Flow && in.Flow != Bad && (in.To == 0 || direct[flow] != in.Flow) {
				fail("%#x leads on by %d, want %d: %s", want.addr, in.Flow, flow, want.text)
			}
			if to != 0 && to != in.To {
				fail("%#x leads to %#x, want %s", want.addr, in.To, want.text)
			}
			alias := map[string]string{"mr": "or", "nop": "ori", "li": "addi", "lis": "addis"}
			got := c.Name(in.Op)
			if a := alias[got]; a != "" {
				got = a
			}
			if in.Flow != Bad && got != strings.TrimRight(f[0], ".") && got+"l" != f[0] && strings.TrimRight(got, ".") != strings.TrimRight(strings.TrimSuffix(f[0], "o"), ".") {
				names[got+" for "+f[0]]++
			}
		}
	}, "-M", "raw")
	t.Logf("%s: %d bytes, of which %d are tables, %d differences", path, total, tables, wrong)
	if testing.Verbose() {
		list := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return cmp.Compare(names[b], names[a]) })
		for _, n := range list[:min(len(list), 60)] {
			t.Logf("%6d %s", names[n], n)
		}
	}
}

// ppcFlow is where an instruction leads as objdump prints it.
func ppcFlow(f []string) (to uint64, flow Flow) {
	op := strings.TrimRight(f[0], "+-")
	at := func(s string) uint64 {
		if i := strings.LastIndexByte(s, ','); i >= 0 {
			s = s[i+1:]
		}
		v, _ := strconv.ParseUint(s, 16, 64)
		return v
	}
	always := strings.HasPrefix(f[1], "20,")
	switch op {
	case "b", "ba":
		return at(f[1]), Jump
	case "bl", "bla":
		return at(f[1]), Call
	case "bc", "bca":
		return at(f[1]), Branch
	case "bcl", "bcla":
		return at(f[1]), Call
	case "bclr":
		if always {
			return 0, Return
		}
		return 0, Branch
	case "bcctr":
		if always {
			return 0, IndirectJump
		}
		return 0, Branch
	case "bclrl", "bcctrl":
		return 0, IndirectCall
	case "trap":
		return 0, Stop
	case "tw":
		if strings.HasPrefix(f[1], "31,") {
			return 0, Stop
		}
	}
	return 0, Next
}

func BenchmarkDecodePPC(b *testing.B) {
	for _, target := range []string{"powerpc", "powerpc64le"} {
		b.Run(target, func(b *testing.B) {
			p := openProgram(b, build(b, "../testdata/calls/all.c", target+"-linux-gnu-gcc", "-O2", "-static"))
			c := Code{Set: PPC, Order: p.ByteOrder, Read: p.reader()}
			if target == "powerpc64le" {
				c.Set, c.Base = PPC64, p.toc()
			}
			benchmarkDecode(b, p, &c)
		})
	}
}
