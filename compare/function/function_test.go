package function_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wardein/wardein/compare/function"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/testkit"
)

// targets are the processors and ways of building that are compared.
var targets = []struct {
	cc   string
	args []string
}{
	{"x86_64-linux-gnu-gcc", []string{"-O2"}},
	{"x86_64-linux-gnu-gcc", []string{"-Os", "-no-pie"}},
	{"i686-linux-gnu-gcc", []string{"-O2"}},
	{"i686-linux-gnu-gcc", []string{"-O2", "-no-pie", "-fno-pic"}},
	{"arm-linux-gnueabi-gcc", []string{"-O2", "-marm", "-march=armv7-a"}},
	{"arm-linux-gnueabi-gcc", []string{"-O2", "-marm", "-march=armv5t", "-no-pie"}},
	{"arm-linux-gnueabi-gcc", []string{"-Os", "-mthumb", "-march=armv7-a"}},
	{"aarch64-linux-gnu-gcc", []string{"-O2"}},
	{"aarch64-linux-gnu-gcc", []string{"-Os", "-no-pie"}},
	{"mips-linux-gnu-gcc", []string{"-O2"}},
	{"mipsel-linux-gnu-gcc", []string{"-Os", "-no-pie", "-fno-pic", "-mno-abicalls"}},
	{"mips64el-linux-gnuabi64-gcc", []string{"-O2"}},
	{"powerpc-linux-gnu-gcc", []string{"-O2"}},
	{"powerpc-linux-gnu-gcc", []string{"-Os", "-no-pie"}},
	{"powerpc64le-linux-gnu-gcc", []string{"-O2"}},
}

// each runs a test for each target, in short runs for every fourth.
func each(t *testing.T, run func(t *testing.T, build func(defines ...string) []byte)) {
	for i, b := range targets {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(b.cc+" "+strings.Join(b.args, " "), func(t *testing.T) {
			cc := testkit.Tool(t, b.cc)
			run(t, func(defines ...string) []byte { return build(t, cc, b.args, defines) })
		})
	}
}

var built sync.Map // by command

// build compiles the test's program.
func build(t testing.TB, cc string, args, defines []string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	command := append([]string{"-w", "-o", out}, args...)
	for _, d := range defines {
		command = append(command, "-D"+d)
	}
	command = append(command, "testdata/gauge.c")
	key := cc + fmt.Sprint(args, defines)
	if b, ok := built.Load(key); ok {
		return b.([]byte)
	}
	if msg, err := exec.Command(cc, command...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	built.Store(key, b)
	return b
}

// read reads a program by its symbols' bounds, or without symbols; the names
// are kept aside, by address.
func read(t testing.TB, data []byte, stripped bool) (*function.Program, map[uint64]string) {
	t.Helper()
	f, err := exe.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	names := map[uint64]string{}
	list, err := f.Functions(exe.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		names[x.Addr] = x.Name
	}
	if stripped {
		if list, err = f.Functions(exe.Sources{Stripped: true}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range list {
		list[i].Name = ""
	}
	p, err := function.Read(f, list)
	if err != nil {
		t.Fatal(err)
	}
	return p, names
}

// injections are the differences that testdata/gauge.c can make, and what
// must be listed: functions that changed, or data of a section.
var injections = []struct {
	define string
	names  []string
	data   string
	check  func(c *function.Change) bool
}{
	{"CONDITION", []string{"check"}, "", func(c *function.Change) bool { return c.Added+c.Removed > 0 }},
	{"STRING", []string{"check"}, "", func(c *function.Change) bool {
		return slices.Equal(c.TextsRemoved, []string{"too low"}) && slices.Equal(c.TextsAdded, []string{"too lov"})
	}},
	{"CONSTANT", []string{"check"}, "", func(c *function.Change) bool { return c.Added+c.Removed > 0 }},
	{"CALL", []string{"step"}, "", func(c *function.Change) bool { return len(c.CallsRemoved) == 1 && len(c.CallsAdded) == 1 }},
	{"IMPORT", []string{"clear_all"}, "", func(c *function.Change) bool {
		return slices.Equal(c.CallsAdded, []string{"perror"}) && slices.Equal(c.CallsRemoved, []string{"puts"})
	}},
	{"PLACE", []string{"note"}, "", func(c *function.Change) bool { return c.Places > 0 || c.Added > 0 }},
	{"TABLE", []string{"rise", "drop"}, ".rodata", func(c *function.Change) bool { return len(c.Data) == 1 }},
	{"POINTER", []string{"read_all"}, ".", func(c *function.Change) bool { return len(c.Data) == 1 }},
	{"JUMP", []string{"choose"}, "", func(c *function.Change) bool { return true }},
	{"ADDED", []string{"main"}, "", func(c *function.Change) bool {
		return slices.Contains(c.CallsAdded, "getenv") && slices.Contains(c.CallsAdded, "puts")
	}},
	{"INIT", nil, "data", nil},
}

// TestInjections makes one small difference at a time: it is listed, and
// nothing else is.
func TestInjections(t *testing.T) {
	each(t, func(t *testing.T, build func(...string) []byte) {
		base := build()
		for _, stripped := range []bool{false, true} {
			for _, x := range injections {
				old, names := read(t, base, stripped)
				new, newNames := read(t, build(x.define), stripped)
				m := function.Match(old, new)
				var got []string
				onlyData := map[string]bool{}
				for _, p := range m.Pairs {
					a, b := names[old.Functions[p.Old].Addr], newNames[new.Functions[p.New].Addr]
					if a != b {
						t.Errorf("%s, stripped %v: %s is taken for %s by %v", x.define, stripped, a, b, p.Key)
					}
					if p.Same != function.Changed {
						continue
					}
					// Start-up code shares addresses with the ends of sections.
					onlyData[b] = strings.HasPrefix(b, "__do_global") || onlyNops(m, p) || x.data != "" && len(p.Change.Data) > 0 && p.Change.Added == 0
					if got = append(got, b); slices.Contains(x.names, b) && !x.check(p.Change) {
						t.Errorf("%s, stripped %v: %s: %+v", x.define, stripped, b, *p.Change)
					}
				}
				for _, i := range m.Gone {
					got = append(got, "-"+names[old.Functions[i].Addr])
				}
				for _, i := range m.Came {
					got = append(got, "+"+newNames[new.Functions[i].Addr])
				}
				slices.Sort(got)
				want := slices.Sorted(slices.Values(x.names))
				// What code counts addresses from may be data that it does not use.
				got = slices.DeleteFunc(got, func(n string) bool { return !slices.Contains(want, n) && onlyData[n] })
				data := m.Data()
				// Without RELRO pointers are written data.
				if x.define == "POINTER" && slices.ContainsFunc(data, func(d function.DataChange) bool { return d.Written }) {
					want = got
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, stripped %v: %v changed, want %v", x.define, stripped, got, want)
					for _, p := range m.Pairs {
						if p.Same == function.Changed && !slices.Contains(want, newNames[new.Functions[p.New].Addr]) {
							t.Logf("%s: %+v", newNames[new.Functions[p.New].Addr], *p.Change)
						}
					}
				}
				if x.data != "" && !slices.ContainsFunc(data, func(d function.DataChange) bool { return strings.Contains(d.Section, x.data) }) {
					t.Errorf("%s, stripped %v: data %+v", x.define, stripped, data)
				}
			}
		}
	})
}

// onlyNops says whether two functions differ in nothing but alignment, which
// may be jumped over.
func onlyNops(m *function.Matching, p function.Pair) bool {
	hunks, _ := m.Diff(p)
	for _, h := range hunks {
		for _, l := range slices.Concat(h.Old, h.New) {
			if l.Op != "nop" && l.Op != "b" && !bytes.Equal(l.Code, []byte{0x60, 0, 0, 0}) {
				return false
			}
		}
	}
	return len(hunks) > 0
}

// TestSelf compares programs with themselves: all is identical.
func TestSelf(t *testing.T) {
	each(t, func(t *testing.T, build func(...string) []byte) {
		for _, stripped := range []bool{false, true} {
			a, _ := read(t, build(), stripped)
			b, _ := read(t, build(), stripped)
			m := function.Match(a, b)
			for _, p := range m.Pairs {
				if p.Old != p.New || p.Same != function.Identical {
					t.Errorf("stripped %v: %x with %x: %v %+v", stripped, a.Functions[p.Old].Addr, b.Functions[p.New].Addr, p.Same, p.Change)
				}
			}
			if len(m.Pairs) < 12 || len(m.Gone) > 0 || len(m.Came) > 0 {
				t.Errorf("stripped %v: %d pairs, gone %v, came %v", stripped, len(m.Pairs), m.Gone, m.Came)
			}
			if d := m.Data(); len(d) > 0 {
				t.Errorf("stripped %v: data %+v", stripped, d)
			}
		}
	})
}

// TestSelfChain compares a program with itself whose data tells places of
// further data, one after the other.
func TestSelfChain(t *testing.T) {
	cc := testkit.Tool(t, "gcc")
	out := filepath.Join(t.TempDir(), "out")
	if msg, err := exec.Command(cc, "-w", "-O2", "-s", "-o", out, "testdata/chain.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := read(t, b, true)
	y, _ := read(t, b, true)
	if d := function.Match(x, y).Data(); len(d) > 0 {
		t.Errorf("data %+v", d)
	}
}

// TestTurned compares in both directions: the pairs are the same, what is gone
// one way came the other way.
func TestTurned(t *testing.T) {
	each(t, func(t *testing.T, build func(...string) []byte) {
		a, _ := read(t, build(), true)
		b, _ := read(t, build("ADDED", "CONSTANT", "CALL", "JUMP", "TABLE"), true)
		there, back := function.Match(a, b), function.Match(b, a)
		of := map[int]int{}
		for _, p := range there.Pairs {
			of[p.Old] = p.New
		}
		turned := map[int]int{}
		for _, p := range back.Pairs {
			turned[p.New] = p.Old
		}
		if !maps.Equal(of, turned) || !slices.Equal(there.Gone, back.Came) || !slices.Equal(there.Came, back.Gone) {
			t.Errorf("there %v, gone %v, came %v; back %v, came %v, gone %v", of, there.Gone, there.Came, turned, back.Came, back.Gone)
		}
	})
}

// TestObjects compares relocatable objects, which kernel modules are too: what
// their code points at relocations say.
func TestObjects(t *testing.T) {
	for i, b := range targets {
		if testing.Short() && i%4 != 0 {
			continue
		}
		args := append([]string{"-c", "-fno-pic"}, b.args...)
		args = slices.DeleteFunc(args, func(a string) bool { return a == "-no-pie" })
		switch {
		case strings.HasPrefix(b.cc, "mips-"), strings.HasPrefix(b.cc, "mips64"):
			args = append(args, "-mno-abicalls")
		case slices.Contains(b.args, "-no-pie"):
			continue
		}
		t.Run(b.cc+" "+strings.Join(args, " "), func(t *testing.T) {
			cc := testkit.Tool(t, b.cc)
			base := build(t, cc, args, nil)
			for _, x := range injections {
				old, _ := read(t, base, false)
				new, names := read(t, build(t, cc, args, []string{x.define}), false)
				m := function.Match(old, new)
				var got []string
				for _, p := range m.Pairs {
					at := new.Functions[p.New].Addr - exe.ObjectBase
					if p.Same != function.Changed {
						continue
					}
					if got = append(got, names[at]); slices.Contains(x.names, names[at]) && !x.check(p.Change) {
						t.Errorf("%s: %s: %+v", x.define, names[at], *p.Change)
					}
				}
				slices.Sort(got)
				if x.data != "" {
					got = slices.DeleteFunc(got, func(n string) bool { return !slices.Contains(x.names, n) })
				}
				if want := slices.Sorted(slices.Values(x.names)); !slices.Equal(got, want) || len(m.Gone)+len(m.Came) > 0 {
					t.Errorf("%s: %v changed, want %v, gone %v, came %v", x.define, got, want, m.Gone, m.Came)
				}
				if data := m.Data(); (len(data) > 0) != (x.data != "" || slices.Contains([]string{"STRING", "ADDED"}, x.define)) && x.define != "JUMP" {
					t.Errorf("%s: data %+v", x.define, data)
				}
			}
		})
	}
}
