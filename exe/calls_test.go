package exe

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/calltruth"
)

// callBuilds are the ways in which the sources in testdata/calls are built.
// The full matrix, with real programs and clang, is bench/unsafecall.
var callBuilds = []struct {
	target string
	args   []string
}{
	{"x86_64-linux-gnu", []string{"-O2"}},
	{"x86_64-linux-gnu", []string{"-Os", "-no-pie", "-fcf-protection=none", "-Wl,-z,lazy"}},
	{"x86_64-linux-gnu", []string{"-O2", "-fno-plt"}},
	{"i686-linux-gnu", []string{"-O2"}},
	{"i686-linux-gnu", []string{"-Os", "-no-pie", "-fcf-protection=none"}},
	{"i686-linux-gnu", []string{"-O2", "-fno-plt"}},
	{"arm-linux-gnueabi", []string{"-O2", "-marm", "-march=armv7-a"}},
	{"arm-linux-gnueabi", []string{"-Os", "-mthumb", "-march=armv7-a"}},
	{"arm-linux-gnueabi", []string{"-O2", "-marm", "-march=armv5t", "-no-pie"}},
	{"aarch64-linux-gnu", []string{"-O2"}},
	{"aarch64-linux-gnu", []string{"-Os", "-mbranch-protection=standard", "-no-pie"}},
	{"mips-linux-gnu", []string{"-O2"}},
	{"mips-linux-gnu", []string{"-Os", "-no-pie", "-fno-pic", "-mno-abicalls"}},
	{"mips-linux-gnu", []string{"-Os", "-mxgot"}},
	{"mips-linux-gnu", []string{"-O2", "-x", "c++"}}, // exceptions, which jump into the middle of functions
	{"mipsel-linux-gnu", []string{"-Os"}},
	{"mips64el-linux-gnuabi64", []string{"-O2"}},
	{"mips-linux-gnu", mips16Flags},
	{"mipsel-linux-gnu", mips16Flags},
	{"powerpc-linux-gnu", []string{"-O2"}},
	{"powerpc-linux-gnu", []string{"-Os", "-no-pie"}},
	{"powerpc-linux-gnu", []string{"-O2", "-Wl,--bss-plt"}},
	{"powerpc64le-linux-gnu", []string{"-O2"}},
}

// mips16Flags are what routers' programs are built with; the folder stands in
// for a header that cross compilers lack.
var mips16Flags = []string{"-Os", "-mips16", "-msoft-float", "-Itestdata/calls/soft", "-no-pie", "-fno-pic", "-mplt", "-mno-shared"}

// TestCalls counts calls in stripped files, and compares each with the
// relocations of the file that was not stripped.
func TestCalls(t *testing.T) {
	for _, b := range callBuilds {
		name := strings.Join(append([]string{b.target}, b.args...), " ")
		t.Run(name, func(t *testing.T) {
			cc, cxx := b.target+"-gcc", slices.Contains(b.args, "c++")
			if cxx {
				cc = b.target + "-g++"
			}
			cc = testkit.Tool(t, cc)
			strip := testkit.Tool(t, "strip")
			dir := t.TempDir()
			full, bare := filepath.Join(dir, "full"), filepath.Join(dir, "bare")
			args := append([]string{"-w", "-Wl,--emit-relocs", "-o", full}, b.args...)
			if cxx {
				args = append(args, "testdata/calls/shapes.cc")
			} else if strings.HasPrefix(b.target, "powerpc-") {
				// Each object has a value of r30 of its own.
				args = append(args, "testdata/calls/text.c", "testdata/calls/net.c", "testdata/calls/main.c")
			} else {
				args = append(args, "testdata/calls/all.c")
			}
			args = append(args, "-lm")
			if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if out, err := exec.Command(strip, "-o", bare, full).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want, err := calltruth.Read(full)
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(bare)
			if err != nil {
				t.Fatal(err)
			}
			compareCalls(t, data, want)
			// Without section headers bytes alone tell stubs.
			if !slices.Contains(b.args, "-fno-plt") {
				compareCalls(t, withoutSections(data), want)
			}
		})
	}
}

// withoutSections is a file that has no section headers, as some vendors
// strip theirs.
func withoutSections(b []byte) []byte {
	b = slices.Clone(b)
	if b[4] == 2 {
		clear(b[40:48])
		clear(b[60:64])
	} else {
		clear(b[32:36])
		clear(b[48:52])
	}
	return b
}

// TestObjectCalls counts calls in relocatable objects, which kernel modules
// are too.
func TestObjectCalls(t *testing.T) {
	var short map[string]int
	for _, b := range [][]string{
		{"x86_64-linux-gnu", "-O2"}, {"i686-linux-gnu", "-Os", "-fno-pic"}, {"arm-linux-gnueabi", "-O2", "-mthumb", "-march=armv7-a"}, {"aarch64-linux-gnu", "-O2"},
		{"powerpc-linux-gnu", "-O2"}, {"powerpc64le-linux-gnu", "-O2"}, {"mips64el-linux-gnuabi64", "-O2"},
		{"mips-linux-gnu", "-O2", "-mno-abicalls", "-fno-pic"}, {"mips-linux-gnu", "-O2", "-mno-abicalls", "-fno-pic", "-mlong-calls"},
	} {
		out := filepath.Join(t.TempDir(), "text.o")
		cc := testkit.Tool(t, b[0]+"-gcc")
		if msg, err := exec.Command(cc, append(b[1:], "-w", "-c", "-o", out, "testdata/calls/text.c")...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", b, err, msg)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if long := slices.Contains(b, "-mlong-calls"); !long {
			want, err := calltruth.Read(out)
			if err != nil {
				t.Fatalf("%q: %v", b, err)
			}
			compareCalls(t, data, want)
		}
		got, err := open(t, data).Calls()
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, i := range got.Imports {
			counts[i.Name] = i.Calls + i.Tails
		}
		// Calls through registers have no relocation of their own; the same
		// source has as many of them, but for two that the compiler joins.
		if slices.Contains(b, "-mlong-calls") {
			if counts["strtol"]++; !maps.Equal(counts, short) {
				t.Errorf("long calls %v, short ones %v", counts, short)
			}
		}
		short = counts
	}
}

// TestUncounted opens files whose calls can't be counted: each says why.
func TestUncounted(t *testing.T) {
	arm := build(t, testkit.Tool(t, "arm-linux-gnueabi-gcc"), "-static")
	if _, err := open(t, arm).Calls(); err == nil || !strings.Contains(err.Error(), "statically") {
		t.Errorf("static: %v", err)
	}
	if _, err := open(t, build(t, testkit.Tool(t, "aarch64-linux-gnu-gcc"), "-static-pie")).Calls(); err == nil || !strings.Contains(err.Error(), "linked in") {
		t.Errorf("static and position-independent: %v", err)
	}
	mips := build(t, testkit.Tool(t, "mips-linux-gnu-gcc"))
	mips[36] |= 4 // EF_MIPS_ARCH_ASE_M16
	if _, err := open(t, mips).Calls(); err == nil || !strings.Contains(err.Error(), "MIPS16") {
		t.Errorf("MIPS16: %v", err)
	}
	mips[18], mips[19] = 0, 243
	if _, err := open(t, mips).Calls(); err == nil || !strings.Contains(err.Error(), "riscv32") {
		t.Errorf("RISC-V: %v", err)
	}
	copy(arm[0xf0:], "UPX!")
	if _, err := open(t, arm).Calls(); err == nil || !strings.Contains(err.Error(), "UPX") {
		t.Errorf("packed: %v", err)
	}
}

// startup are functions that only the code called from before main calls, which
// comes without relocations.
var startup = map[string]bool{"__libc_start_main": true, "__gmon_start__": true, "__cxa_finalize": true, "_ITM_deregisterTMCloneTable": true, "_ITM_registerTMCloneTable": true}

func compareCalls(t *testing.T, data []byte, want map[uint64]calltruth.Call) {
	t.Helper()
	f := open(t, data)
	got, err := f.Calls()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	seen := map[uint64]bool{}
	for _, c := range got.List {
		name := got.Imports[c.Import].Name
		w, ok := want[c.Addr]
		switch {
		case startup[name]:
		case !ok:
			lines = append(lines, fmt.Sprintf("%#x: found %s, tail %v: no relocation", c.Addr, name, c.Tail))
		case w.Name != name || w.Tail != c.Tail:
			lines = append(lines, fmt.Sprintf("%#x: found %s, tail %v: relocation %s, tail %v", c.Addr, name, c.Tail, w.Name, w.Tail))
		}
		seen[c.Addr] = true
	}
	for addr, w := range want {
		if !seen[addr] && !startup[w.Name] {
			lines = append(lines, fmt.Sprintf("%#x: relocation %s, tail %v: not found", addr, w.Name, w.Tail))
		}
	}
	slices.Sort(lines)
	if len(lines) > 0 {
		t.Errorf("%d calls expected, %d found, code %d:\n%s", len(want), len(got.List), got.Code, strings.Join(lines, "\n"))
	}
}

// BenchmarkCalls counts calls in the C++ libraries that come with the cross
// compilers; MB/s is of code.
func BenchmarkCalls(b *testing.B) {
	for arch, path := range map[string]string{
		"x86-64": "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "x86": "/usr/i686-linux-gnu/lib/libstdc++.so.6", "arm": "/usr/arm-linux-gnueabi/lib/libstdc++.so.6",
		"aarch64": "/usr/aarch64-linux-gnu/lib/libstdc++.so.6", "mips": "/usr/mips-linux-gnu/lib/libstdc++.so.6", "mips64": "/usr/mips64el-linux-gnuabi64/lib/libstdc++.so.6",
		"ppc": "/usr/powerpc-linux-gnu/lib/libstdc++.so.6", "ppc64": "/usr/powerpc64le-linux-gnu/lib/libstdc++.so.6",
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		b.Run(arch, func(b *testing.B) {
			c, err := open(b, data).Calls()
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(c.Code)
			b.ReportAllocs()
			for b.Loop() {
				open(b, data).Calls()
			}
			b.ReportMetric(float64(len(c.List)), "calls")
		})
	}
}

// smallest returns the libraries in testdata/calls/bin, by name: small.c built
// without libc, as small as linkers can make it.
//
//	CC -w -fno-builtin -shared -fPIC -nostdlib -O2 -fno-asynchronous-unwind-tables \
//	   -Wl,-z,noseparate-code,-z,norelro,--hash-style=sysv,--build-id=none,-z,max-page-size=4096 -s
//	strip -R .comment …
//
// with CC the cross compiler of each; arm by -marm, thumb by -Os -mthumb, both
// -march=armv7-a, noplt by -fno-plt, object.bin by mips-linux-gnu-gcc -O2
// -mlong-calls -mno-abicalls -fno-pic -c.
func smallest(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/calls/bin/*.bin")
	if err != nil || len(paths) == 0 {
		t.Fatal("no libraries", err)
	}
	all := map[string][]byte{}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(p), ".bin")] = data
	}
	return all
}

// TestSmallest needs no compiler. The libraries make the same calls but for
// those that compilers join or double.
func TestSmallest(t *testing.T) {
	for name, data := range smallest(t) {
		c, err := open(t, data).Calls()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, i := range c.Imports {
			if i.Calls+i.Tails > 0 {
				got = append(got, fmt.Sprintf("%s %d", i.Name, i.Calls+i.Tails))
			}
		}
		puts, strcpy, strlen := 2, 2, 4
		switch name {
		case "x86-64", "noplt":
			puts, strlen = 4, 3
		case "x86", "arm", "thumb", "mips":
			strlen = 3
		case "object":
			strcpy = 1
		}
		want := fmt.Sprintf("gets 1, memcpy 2, puts %d, snprintf 1, sprintf 1, strcpy %d, strlen %d", puts, strcpy, strlen)
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// FuzzCalls counts calls in anything, with and without the section headers,
// and holds that what is found lies in the code.
func FuzzCalls(f *testing.F) {
	for _, data := range smallest(f) {
		f.Add(data)
		f.Add(withoutSections(data))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		c, err := e.Calls()
		if err != nil {
			return
		}
		if c.Code > int64(len(b)) || len(c.List) > 2*len(b) {
			t.Fatalf("%d calls in %d bytes of code, file has %d bytes", len(c.List), c.Code, len(b))
		}
		sum := 0
		for _, i := range c.Imports {
			sum += i.Calls + i.Tails
		}
		for i, x := range c.List {
			if x.Off < 0 || x.Off > int64(len(b)) || x.Import < 0 || x.Import >= len(c.Imports) || i > 0 && x.Addr < c.List[i-1].Addr {
				t.Fatalf("call %d of %d: %+v", i, len(c.List), x)
			}
		}
		if sum != len(c.List) {
			t.Fatalf("%d calls listed, %d counted", len(c.List), sum)
		}
	})
}
