package exe

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein/exe/insn"
	"github.com/wardein/wardein/internal/testkit"
)

// boundBuilds are the ways in which testdata/bounds/shop.c is built. The full
// matrix, with real programs and clang, is bench/bounds.
var boundBuilds = []string{
	"x86_64-linux-gnu -O2", "x86_64-linux-gnu -O2 -fno-asynchronous-unwind-tables", "x86_64-linux-gnu -Os -no-pie -fno-asynchronous-unwind-tables -fcf-protection=none", "x86_64-linux-gnu -O2 -fPIC -shared",
	"i686-linux-gnu -O2 -fno-asynchronous-unwind-tables", "i686-linux-gnu -Os -no-pie -fno-asynchronous-unwind-tables",
	"aarch64-linux-gnu -O2", "aarch64-linux-gnu -O2 -fno-asynchronous-unwind-tables", "aarch64-linux-gnu -Os -no-pie -fno-asynchronous-unwind-tables -mbranch-protection=standard",
	"arm-linux-gnueabi -O2 -marm -march=armv7-a", "arm-linux-gnueabi -Os -marm -march=armv5t -no-pie", "arm-linux-gnueabi -O2 -mthumb -march=armv7-a", "arm-linux-gnueabi -Os -mthumb -march=armv7-a -no-pie",
	"arm-linux-gnueabi -O2 -mthumb -march=armv7-a -funwind-tables",
	"mips-linux-gnu -O2", "mips-linux-gnu -Os -no-pie -fno-pic -mno-abicalls -Wl,--strip-all", "mipsel-linux-gnu -Os", "mips64el-linux-gnuabi64 -O2 -fno-asynchronous-unwind-tables",
	"powerpc-linux-gnu -O2 -fno-asynchronous-unwind-tables", "powerpc-linux-gnu -Os -no-pie", "powerpc64le-linux-gnu -O2 -fno-asynchronous-unwind-tables", "powerpc64-linux-gnu -O2 -fno-asynchronous-unwind-tables",
}

// compiled builds the source with the words of b, and returns the program.
func compiled(t testing.TB, b string) []byte {
	t.Helper()
	words := strings.Fields(b)
	cc := testkit.Tool(t, words[0]+"-gcc")
	out := filepath.Join(t.TempDir(), "out")
	if msg, err := exec.Command(cc, append([]string{"-w", "-o", out, "testdata/bounds/shop.c"}, words[1:]...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", b, err, msg)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// stripped takes the symbols out.
func stripped(t testing.TB, data []byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "full")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command(testkit.Tool(t, "strip"), "-s", path).CombinedOutput(); err != nil {
		t.Fatalf("strip: %v\n%s", err, msg)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// checkFunctions holds that functions are sorted, do not overlap and lie in the
// file.
func checkFunctions(t testing.TB, list []Function, size int) {
	t.Helper()
	for i, f := range list {
		if f.Size == 0 || f.Off < 0 || f.Off+int64(f.Size) > int64(size) || f.By == "" || f.Set == insn.None {
			t.Fatalf("%+v in a file of %d bytes", f, size)
		}
		if i > 0 && list[i-1].Addr+list[i-1].Size > f.Addr {
			t.Fatalf("%+v overlaps %+v", list[i-1], f)
		}
	}
}

// TestFunctions compares what is found in stripped programs with the symbols
// that were there.
func TestFunctions(t *testing.T) {
	for _, b := range boundBuilds {
		t.Run(b, func(t *testing.T) {
			if strings.Contains(b, "--strip-all") {
				b = strings.ReplaceAll(b, " -Wl,--strip-all", "")
			}
			full := compiled(t, b)
			f := open(t, full)
			named, err := f.Functions(Sources{})
			if err != nil {
				t.Fatal(err)
			}
			checkFunctions(t, named, len(full))
			bare := stripped(t, full)
			found, err := open(t, bare).Functions(Sources{})
			if err != nil {
				t.Fatal(err)
			}
			checkFunctions(t, found, len(bare))
			left, err := f.Functions(Sources{Stripped: true})
			if err != nil {
				t.Fatal(err)
			}
			same := func(a, b Function) bool { return a.Addr == b.Addr && a.Size == b.Size && a.Set == b.Set }
			if !slices.EqualFunc(found, left, same) {
				t.Error("what is found without symbols differs from what is found where they were taken out")
			}
			want := symbolSizes(t, full)
			if b == "powerpc-linux-gnu -O2 -fno-asynchronous-unwind-tables" {
				// What only jumps lead to, behind a function whose table of places
				// is not read.
				for _, name := range []string{"choose", "last", "odd"} {
					delete(want, name)
				}
			}
			text := f.Section(".text")
			at := map[uint64]Function{}
			for _, fn := range found {
				at[fn.Addr] = fn
			}
			n := 0
			for _, fn := range named {
				size, own := want[fn.Name]
				if !own || fn.Addr-text.Addr >= text.Size {
					continue
				}
				n++
				if fn.By != "symbol" || fn.Size != size {
					t.Errorf("%s has %d bytes by %s, nm says %d", fn.Name, fn.Size, fn.By, size)
				}
				got, ok := at[fn.Addr]
				if !ok || got.Set != fn.Set {
					t.Errorf("%s at %#x is not found", fn.Name, fn.Addr)
				} else if got.Size != fn.Size {
					t.Errorf("%s at %#x has %d bytes, not %d, by %s", fn.Name, fn.Addr, fn.Size, got.Size, got.By)
				}
				delete(at, fn.Addr)
			}
			if n < 20 {
				t.Errorf("%d functions with symbols", n)
			}
			for _, fn := range at {
				i, ok := slices.BinarySearchFunc(named, fn.Addr, func(f Function, a uint64) int { return cmp.Compare(f.Addr, a) })
				if !ok && i > 0 && want[named[i-1].Name] > fn.Addr-named[i-1].Addr {
					t.Errorf("there is no function at %#x in %s: %d bytes by %s", fn.Addr, named[i-1].Name, fn.Size, fn.By)
				}
			}
		})
	}
}

// symbolSizes are the sizes of the functions that shop.c has, by name, as nm
// says.
func symbolSizes(t testing.TB, data []byte) map[string]uint64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "full")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(testkit.Tool(t, "nm"), "-S", "--defined-only", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]uint64{}
	for _, line := range strings.Split(string(out), "\n") {
		var addr, size uint64
		var kind, name string
		if n, _ := fmt.Sscanf(line, "%x %x %s %s", &addr, &size, &kind, &name); n == 4 && strings.Contains("tTdD", kind) && size > 0 {
			if kind == "d" || kind == "D" { // 64-bit PowerPC: of the descriptor, with the size of the code
				if open(t, data).Arch != "ppc64" {
					continue
				}
			}
			sizes[name] = size
		}
	}
	maps.DeleteFunc(sizes, func(name string, _ uint64) bool { return name[0] == '_' }) // of the compiler's library
	return sizes
}

// FuzzFunctions looks for functions in anything, and holds that they lie in the
// file and do not overlap.
func FuzzFunctions(f *testing.F) {
	for _, data := range fixedTexts(f) {
		f.Add(data)
		f.Add(withoutSections(data))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, by := range []Sources{{}, {Stripped: true}} {
			if list, err := e.Functions(by); err == nil {
				checkFunctions(t, list, len(b))
			}
		}
	})
}

// TestFunctionsDamaged changes the tables that tell where functions begin: no
// length, count or distance in them may cost more than the file has bytes, and
// what the code itself tells is found all the same.
func TestFunctionsDamaged(t *testing.T) {
	for _, b := range []struct{ build, table string }{
		{"x86_64-linux-gnu -O2", ".eh_frame"}, {"x86_64-linux-gnu -O2", ".eh_frame_hdr"}, {"powerpc-linux-gnu -O2", ".eh_frame"},
		{"arm-linux-gnueabi -O2 -marm -march=armv7-a -funwind-tables", ".ARM.exidx"}, {"mips-linux-gnu -O2", ".pdr"}, {"mips-linux-gnu -O2", ".dynamic"},
		{"x86_64-linux-gnu -O2", ".dynsym"}, {"x86_64-linux-gnu -O2", ".rela.dyn"},
	} {
		data := stripped(t, compiled(t, b.build))
		s := open(t, data).Section(b.table)
		if s == nil || s.Size == 0 {
			t.Fatalf("%s: no %s", b.build, b.table)
		}
		whole, err := open(t, data).Functions(Sources{})
		if err != nil {
			t.Fatal(err)
		}
		order := open(t, data).Order
		for _, word := range []uint64{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 63, 1<<64 - 1} {
			for step := range 5 {
				c := bytes.Clone(data)
				for at := s.Off + uint64(step)*4; at+8 <= s.Off+s.Size; at += 20 + 4*uint64(step) {
					if order.PutUint64(c[at:], word); word>>32 == 0 {
						order.PutUint32(c[at:], uint32(word))
					}
				}
				list, err := open(t, c).Functions(Sources{})
				if err != nil {
					continue
				}
				checkFunctions(t, list, len(c))
				if b.table != ".dynamic" && len(list) < len(whole)*8/10 {
					t.Errorf("%s with %#x in %s: %d functions of %d", b.build, word, b.table, len(list), len(whole))
				}
			}
		}
	}
}

// TestUnwindHostile reads records whose lengths and distances lead nowhere.
func TestUnwindHostile(t *testing.T) {
	cie := []byte{16, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0, 0, 0}
	fde := func(back, begin, size uint32) []byte {
		b := binary.LittleEndian.AppendUint32(nil, 16)
		for _, x := range []uint32{back, begin, size, 0} {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
		return b
	}
	code := uint64(0x1000)
	begin := func(at int) uint32 { return uint32(int64(code) - int64(0x400+at+8)) }
	for name, c := range map[string]struct {
		table []byte
		want  uint64 // size of the function at the text's begin, 0 for none
	}{
		"plain":                  {slices.Concat(cie, fde(24, begin(20), 64)), 64},
		"of itself":              {slices.Concat(cie, fde(4, begin(20), 64)), 0},
		"of what is behind":      {slices.Concat(cie, fde(0xfffffff0, begin(20), 64)), 0},
		"longer than the code":   {slices.Concat(cie, fde(24, begin(20), 0xffffffff)), 256},
		"no length":              {slices.Concat(cie, fde(24, begin(20), 0)), 0},
		"length of 2^63":         {slices.Concat(cie, []byte{255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 128}, fde(24, begin(32), 64)), 0},
		"a record of 3 bytes":    {slices.Concat([]byte{3, 0, 0, 0, 0, 0, 0}, cie, fde(24, begin(27), 64)), 0},
		"augmentation unending":  {slices.Concat([]byte{16, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'z', 'z', 'z', 'z', 'z', 'z', 'z', 'z', 'z', 'z'}, fde(24, begin(20), 64)), 0},
		"pointers of no size":    {slices.Concat(cie[:16], []byte{0xff, 0, 0, 0}, fde(24, begin(20), 64)), 0},
		"pointers to pointers":   {slices.Concat(cie[:16], []byte{0x9b, 0, 0, 0}, fde(24, begin(20), 64)), 0},
		"relative to what isn't": {slices.Concat(cie[:16], []byte{0x2b, 0, 0, 0}, fde(24, begin(20), 64)), 0},
	} {
		b := &finder{f: &File{Class: 64, Order: binary.LittleEndian, Arch: "x86-64"}, set: insn.X8664, starts: map[uint64]start{}}
		b.runs = []text{{part: part{addr: code, n: 256}, b: make([]byte, 256)}}
		b.f.Sections = []Section{{Name: ".eh_frame", InFile: true, Addr: 0x400, Size: uint64(len(c.table))}}
		b.image = &Image{f: b.f, areas: []area{{addr: 0x400, size: uint64(len(c.table)), b: c.table}}}
		b.unwind()
		if got := min(b.starts[code].size, 256); got != c.want {
			t.Errorf("%s: size %d, not %d", name, got, c.want)
		}
	}
}

// TestFunctionsLinear reads code in which each instruction is a jump through a
// table, or one to the next: no table may be read to its end for each of them.
func TestFunctionsLinear(t *testing.T) {
	for _, c := range []struct {
		arch string
		set  insn.Set
		code string
	}{
		{"arm", insn.ARM, "\x00\xf1\x9f\xe7"}, {"arm", insn.ARM, "\x00\xf1\x9f\x97"}, {"x86-64", insn.X8664, "\x83\xf8\x7f\xff\x24\xc5\x00\x00\x00\x00"},
		{"x86-64", insn.X8664, "\xeb\x02"}, {"ppc", insn.PPC, "\x48\x00\x01\x00"}, {"mips", insn.MIPS, "\x10\x00\x40\x00"},
	} {
		f := &File{Class: 32, Order: binary.LittleEndian, Arch: c.arch}
		if c.set == insn.X8664 {
			f.Class = 64
		}
		b := &finder{f: f, set: c.set, linked: true, image: &Image{f: f}, starts: map[uint64]start{}}
		if c.set == insn.ARM {
			b.other = insn.Thumb
		}
		code := bytes.Repeat([]byte(c.code), 1<<18/len(c.code))
		b.runs = []text{{part: part{addr: 0x10000, n: int64(len(code))}, b: code}}
		begin := time.Now()
		b.search()
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s %x: %v", c.arch, c.code, took)
		}
	}
}

func BenchmarkFunctions(b *testing.B) {
	data := compiled(b, "aarch64-linux-gnu -O2 -static -fno-asynchronous-unwind-tables")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := open(b, data).Functions(Sources{Stripped: true}); err != nil {
			b.Fatal(err)
		}
	}
}
