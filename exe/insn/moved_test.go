package insn_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/wardein/wardein/exe/insn"
	"github.com/wardein/wardein/internal/testkit"
)

// pad is linked before a program to move all of its parts by different
// distances.
const pad = `
const int padNumbers[1237] = {1};
int padData[2411] = {1};
int padZero[3001];
int padText(int x) { %s return x; }
`

// movedBuilds are the ways in which a program is linked twice.
var movedBuilds = []struct {
	target string
	args   []string
	least  float64 // share of functions that are the same
}{
	{"aarch64-linux-gnu", []string{"-O2", "-static"}, 0.98},
	{"aarch64-linux-gnu", []string{"-Os"}, 0.99},
	{"arm-linux-gnueabi", []string{"-O2", "-marm", "-march=armv7-a", "-static"}, 0.99},
	{"arm-linux-gnueabi", []string{"-Os", "-marm", "-march=armv5t"}, 0.99},
	{"arm-linux-gnueabi", []string{"-O2", "-marm", "-march=armv7-a", "-no-pie", "-fno-pic"}, 0.99},
	{"arm-linux-gnueabi", []string{"-O2", "-mthumb", "-march=armv7-a"}, 0.99},
	{"arm-linux-gnueabi", []string{"-Os", "-mthumb", "-march=armv7-a", "-no-pie", "-fno-pic"}, 0.99},
	{"arm-linux-gnueabihf", []string{"-O2", "-static"}, 0.99},
	{"mips-linux-gnu", []string{"-O2", "-static"}, 0.98},
	{"mips-linux-gnu", []string{"-Os", "-no-pie", "-fno-pic", "-mno-abicalls"}, 0.99},
	{"mipsel-linux-gnu", []string{"-Os"}, 0.99},
	{"mipsel-linux-gnu", []string{"-O2", "-mxgot"}, 0.98},
	{"mips-linux-gnu", mips16Flags, 0.99},
	{"mips64el-linux-gnuabi64", []string{"-O2"}, 0.99},
	{"mips64el-linux-gnuabi64", []string{"-O2", "-static"}, 0.98},
	{"x86_64-linux-gnu", []string{"-O2", "-static"}, 0.99},
	{"x86_64-linux-gnu", []string{"-Os", "-no-pie", "-fno-pie"}, 0.99},
	{"x86_64-linux-gnu", []string{"-O2", "-pie", "-fno-plt"}, 0.98},
	{"i686-linux-gnu", []string{"-O2", "-static"}, 0.96},
	{"i686-linux-gnu", []string{"-Os", "-no-pie", "-fno-pie"}, 0.99},
	{"i686-linux-gnu", []string{"-O2", "-pie"}, 0.99},
	{"powerpc-linux-gnu", []string{"-O2", "-static"}, 0.94},
	{"powerpc-linux-gnu", []string{"-Os", "-no-pie", "-fno-pie"}, 0.99},
	{"powerpc-linux-gnu", []string{"-O2", "-pie", "-fPIE"}, 0.99},
	{"powerpc64le-linux-gnu", []string{"-O2", "-static"}, 0.99},
	{"powerpc64le-linux-gnu", []string{"-Os", "-pie"}, 0.99},
}

// mips16Flags are what routers' programs are built with; the folder stands in
// for a header that cross compilers lack.
var mips16Flags = []string{"-Os", "-mips16", "-msoft-float", "-no-pie", "-fno-pic", "-mplt", "-mno-shared"}

// TestMoved links the same objects at different addresses, and finds the same
// instructions, which point at the same things.
func TestMoved(t *testing.T) {
	for _, b := range movedBuilds {
		t.Run(b.target+" "+strings.Join(b.args, " "), func(t *testing.T) {
			cc := testkit.Tool(t, b.target+"-gcc")
			dir := t.TempDir()
			compile := func(args ...string) {
				cmd := exec.Command(cc, append(append([]string{"-w"}, b.args...), args...)...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			text := fmt.Sprintf(pad, strings.Repeat("x = x * 77 ^ x >> 3 ^ padNumbers[x & 1023] + padData[x & 2047] + padZero[x & 2047];\n", 60))
			if err := os.WriteFile(filepath.Join(dir, "pad.c"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			sources, err := filepath.Abs(filepath.Join("..", "testdata", "calls"))
			if err != nil {
				t.Fatal(err)
			}
			compile("-I"+filepath.Join(sources, "soft"), "-c", "pad.c", filepath.Join(sources, "text.c"), filepath.Join(sources, "net.c"), filepath.Join(sources, "main.c"))
			compile("-Wl,--emit-relocs", "-o", "here", "text.o", "net.o", "main.o", "-lm")
			compile("-o", "there", "pad.o", "text.o", "net.o", "main.o", "-lm")
			here, there := load(t, filepath.Join(dir, "here")), load(t, filepath.Join(dir, "there"))
			check(t, filepath.Join(dir, "here"))
			moved(t, here, there, b.least)
			if !slices.Contains(b.args, "-static") {
				everyBit(t, here)
			}
		})
	}
}

// everyBit flips each bit of functions, and wants the change to be seen.
func everyBit(t *testing.T, p *program) {
	var before, after []insn.Inst
	all, lost := 0, differences{}
	for _, fn := range p.functions {
		if all > 40000 {
			break
		}
		c := p.codeOf(fn)
		before = c.Decode(fn.code, fn.addr, before[:0])
		for bit := range 8 * len(fn.code) {
			fn.code[bit/8] ^= 1 << (bit % 8)
			after = c.Decode(fn.code, fn.addr, after[:0])
			fn.code[bit/8] ^= 1 << (bit % 8)
			if all++; !slices.Equal(before, after) {
				continue
			}
			for _, in := range before {
				if at := fn.addr + uint64(bit/8); at >= in.Addr && at < in.Addr+uint64(in.Len) {
					lost.add(fmt.Sprintf("%s %#x bit %d, word %x", fn.name, in.Addr, bit%32, in.Word), "%s, flow %d", c.Name(in.Op), in.Flow)
				}
			}
		}
	}
	n := 0
	for _, k := range lost {
		n += k
	}
	t.Logf("%d of %d bits are not seen", n, all)
	lost.log(t)
	if n*500 > all && p.code.Set != insn.X86 && p.code.Set != insn.X8664 {
		t.Error("bits are not seen")
	}
}

// moved compares the functions of two programs of the same objects.
func moved(t *testing.T, a, b *program, least float64) {
	there := map[string][]function{}
	for _, fn := range b.functions {
		there[fn.name] = append(there[fn.name], fn)
	}
	here := map[string]int{}
	for _, fn := range a.functions {
		here[fn.name]++
	}
	na, nb := newNames(t, a), newNames(t, b)
	diff := differences{}
	var x, y []insn.Inst
	all, same, refs, sameRefs := 0, 0, 0, 0
	for _, fn := range a.functions {
		other := there[fn.name]
		if here[fn.name] != 1 || len(other) != 1 || len(other[0].code) != len(fn.code) {
			continue
		}
		ca, cb := a.codeOf(fn), b.codeOf(other[0])
		x = ca.Decode(fn.code, fn.addr, x[:0])
		y = cb.Decode(other[0].code, other[0].addr, y[:0])
		all++
		equal := len(x) == len(y)
		for i := range min(len(x), len(y)) {
			p, q := x[i], y[i]
			where := fmt.Sprintf("%s %x/%x", fn.name, p.Addr, q.Addr)
			switch name := ca.Name(p.Op); {
			case p.Op != q.Op || p.Len != q.Len:
				diff.add(where, "operation of %s", name)
				equal = false
			case p.Word != q.Word:
				diff.add(fmt.Sprintf("%s %x %x", where, p.Word, q.Word), "word of %s, flow %d", name, p.Flow)
				equal = false
			case (p.Ref == 0) != (q.Ref == 0) || (p.To == 0) != (q.To == 0) || p.Flow != q.Flow:
				diff.add(where, "ref of %s", name)
				equal = false
			case p.Ref != 0:
				refs++
				if na.same(p.Ref, nb, q.Ref, fn, other[0]) {
					sameRefs++
				} else {
					diff.add(where+" "+na.of(p.Ref)+" "+nb.of(q.Ref), "what %s refers to", name)
				}
			case p.To != 0:
				refs++
				if na.same(p.To, nb, q.To, fn, other[0]) {
					sameRefs++
				} else {
					diff.add(where+" "+na.of(p.To)+" "+nb.of(q.To), "where %s leads", name)
				}
			}
		}
		if equal {
			same++
		}
	}
	t.Logf("%d of %d functions are the same, %d of %d references", same, all, sameRefs, refs)
	if all == 0 || float64(same) < least*float64(all) || float64(sameRefs) < least*float64(refs) {
		t.Errorf("want %v of them", least)
	}
	if testing.Verbose() {
		diff.log(t)
	}
}

// names are a program's symbols by address.
type names struct {
	symbols []elf.Symbol
	read    func(addr uint64, n int) (uint64, bool)
	word    int // size of an address
}

func newNames(t *testing.T, p *program) *names {
	symbols, err := p.f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	symbols = slices.DeleteFunc(symbols, func(s elf.Symbol) bool {
		return s.Section == 0 || s.Section >= 0xff00 || s.Name == "" || s.Name[0] == '$'
	})
	sort.SliceStable(symbols, func(i, j int) bool {
		if symbols[i].Value != symbols[j].Value {
			return symbols[i].Value < symbols[j].Value
		}
		return symbols[i].Name < symbols[j].Name
	})
	word := 4
	if p.f.Class == elf.ELFCLASS64 {
		word = 8
	}
	return &names{symbols, p.code.Read, word}
}

// of is the name and distance of an address.
func (n *names) of(addr uint64) string {
	i := sort.Search(len(n.symbols), func(i int) bool { return n.symbols[i].Value > addr })
	if i == 0 {
		return fmt.Sprintf("%#x", addr)
	}
	s := n.symbols[i-1]
	return fmt.Sprintf("%s+%#x", s.Name, addr-s.Value)
}

// same says whether two addresses are those of the same thing: of a name, at a
// distance in the function, of the same eight bytes, or
// an address of the same thing.
func (n *names) same(a uint64, m *names, b uint64, f, g function) bool {
	x, _ := n.read(a&^1, 8)
	y, _ := m.read(b&^1, 8)
	if a-f.addr == b-g.addr || n.of(a) == m.of(b) || x == y {
		return true
	}
	x, _ = n.read(a&^1, n.word)
	y, _ = m.read(b&^1, n.word)
	return x != 0 && y != 0 && n.of(x) == m.of(y)
}
