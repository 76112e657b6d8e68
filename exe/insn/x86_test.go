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

// TestX86Objdump compares with objdump over programs that are built here, and
// the files that INSN_X86 names.
func TestX86Objdump(t *testing.T) {
	var files []string
	for _, p := range strings.Fields(os.Getenv("INSN_X86")) {
		m, err := filepath.Glob(p)
		if err != nil || len(m) == 0 {
			t.Fatalf("%s: no files, %v", p, err)
		}
		files = append(files, m...)
	}
	if files == nil {
		for _, cc := range []string{"x86_64-linux-gnu-gcc", "i686-linux-gnu-gcc"} {
			for _, o := range []string{"-O2 -static", "-Os -pie", "-O3 -no-pie -march=skylake-avx512"} {
				files = append(files, build(t, "../testdata/calls/all.c", append([]string{cc}, strings.Fields(o)...)...))
			}
		}
	}
	for _, path := range files {
		compareX86(t, path)
	}
}

func compareX86(t *testing.T, path string) {
	p := openProgram(t, path)
	c := Code{Set: X8664, Order: little, Read: p.read, Base: p.symbol("_GLOBAL_OFFSET_TABLE_")}
	if p.Machine == elf.EM_386 {
		c.Set = X86
	}
	var list []Inst
	total, wrong, skipped := 0, 0, 0
	names := map[string]int{}
	fail := func(format string, args ...any) {
		if wrong++; wrong < 20 {
			t.Errorf(filepath.Base(path)+": "+format, args...)
		}
	}
	eachDisassembled(t, "objdump", path, func(part disassembled) {
		start := part.list[0].addr
		last := part.list[len(part.list)-1]
		n := int(last.addr-start) + last.n
		code := p.bytes(start)[:n]
		list = c.Decode(code, start, list[:0])
		whole(t, list, start, n)
		total += n
		// Tables between code: what they mean as instructions is not compared.
		tables := map[uint64]bool{}
		for _, want := range part.list {
			if f := strings.Fields(want.text); len(f) < 1 || f[0] == ".byte" || strings.HasSuffix(want.text, "(bad)") || len(f) == 1 && strings.HasPrefix(f[0], "rex") {
				for d := range uint64(3) {
					tables[want.addr>>11+d-1] = true
				}
			}
		}
		i := 0
		for _, want := range part.list {
			if tables[want.addr>>11] {
				skipped += want.n
				continue
			}
			for i < len(list) && list[i].Addr < want.addr {
				i++
			}
			if i == len(list) || list[i].Addr != want.addr {
				fail("%s: no instruction at %#x: %s", part.name, want.addr, want.text)
				continue
			}
			in := list[i]
			text, ref, _ := strings.Cut(want.text, "#")
			f := x86Words(text)
			if in.Len == 1 && c.Name(in.Op) == "fwait" && f[0][0] == 'f' {
				continue // objdump shows it as one with the next
			}
			if int(in.Len) != want.n {
				fail("%#x has %d bytes, want %d: %s", want.addr, in.Len, want.n, want.text)
				continue
			}
			if f[0] == "(bad)" != (in.Flow == Bad) {
				fail("%#x is %d, want %s", want.addr, in.Flow, want.text)
				continue
			}
			if flow := x86Flow(f); flow != in.Flow && in.Flow != Bad && (in.To == 0 || flow != IndirectCall && flow != IndirectJump) {
				fail("%#x leads on by %d, want %d: %s", want.addr, in.Flow, flow, want.text)
			}
			if to, ok := x86Number(f, 1); ok && (in.Flow == Jump || in.Flow == Branch || in.Flow == Call) && to != in.To {
				fail("%#x leads to %#x, want %s", want.addr, in.To, want.text)
			}
			if ref != "" {
				if at, err := strconv.ParseUint(strings.Fields(ref)[0], 16, 64); err == nil && at != in.Ref {
					fail("%#x refers to %#x, want %s", want.addr, in.Ref, want.text)
				}
			}
			if got := c.Name(in.Op); got != f[0] {
				names[got+" for "+f[0]]++
			}
		}
	}, "-M", "intel")
	list2 := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return cmp.Compare(names[b], names[a]) })
	t.Logf("%s: %d bytes, of which %d may be tables, %d differences", path, total, skipped, wrong)
	if testing.Verbose() {
		for _, n := range list2[:min(len(list2), 400)] {
			t.Logf("%6d %s", names[n], n)
		}
	}
}

func x86Number(f []string, i int) (uint64, bool) {
	if len(f) <= i {
		return 0, false
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(f[i], "0x"), 16, 64)
	return v, err == nil
}

// x86Words are an instruction's words without its prefixes.
func x86Words(text string) []string {
	f := strings.Fields(text)
	for len(f) > 1 && (slices.Contains([]string{"rep", "repz", "repnz", "lock", "bnd", "notrack", "data16", "addr32", "cs", "ds", "es", "ss", "fs", "gs", "xacquire", "xrelease", "{evex}", "{vex}"}, f[0]) || strings.HasPrefix(f[0], "rex")) {
		f = f[1:]
	}
	if len(f) == 0 {
		return []string{""}
	}
	f[0], _, _ = strings.Cut(f[0], ",")
	return f
}

func x86Flow(f []string) Flow {
	indirect := false
	if len(f) > 1 {
		_, direct := x86Number(f, 1)
		indirect = !direct || strings.Contains(f[1], "[")
		switch f[1] {
		case "eax", "ebx", "ecx", "edx":
			indirect = true
		}
	}
	switch op := f[0]; op {
	case "jmp":
		if indirect {
			return IndirectJump
		}
		return Jump
	case "call":
		if indirect {
			return IndirectCall
		}
		return Call
	case "ret", "retf", "iret", "iretd", "iretq", "sysret", "sysretd", "sysretq", "sysexit", "rsm", "sysexitd", "sysexitq":
		return Return
	case "hlt", "ud2", "int3", "ud1", "ud0":
		return Stop
	case "loop", "loope", "loopne", "xbegin":
		return Branch
	default:
		if op[:1] == "j" {
			return Branch
		}
	}
	return Next
}

func BenchmarkDecodeX86(b *testing.B) {
	for _, target := range []string{"x86_64", "i686"} {
		b.Run(target, func(b *testing.B) {
			p := openProgram(b, build(b, "../testdata/calls/all.c", target+"-linux-gnu-gcc", "-O2", "-static"))
			c := Code{Set: X8664, Order: little, Read: p.reader()}
			if target == "i686" {
				c.Set = X86
			}
			benchmarkDecode(b, p, &c)
		})
	}
}
