package exe

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// argumentBuilds are the ways in which testdata/calls/fixed.c is built.
var argumentBuilds = [][]string{
	{"x86_64-linux-gnu", "-O2", "-fPIC", "-shared"}, {"x86_64-linux-gnu", "-Os", "-no-pie"}, {"x86_64-linux-gnu", "-O2", "-pie", "-fno-plt"}, {"x86_64-linux-gnu", "-O0", "-pie"},
	{"x86_64-linux-gnu", "-O2", "-pie", "-fno-asynchronous-unwind-tables"},
	{"i686-linux-gnu", "-O2", "-fPIC", "-shared"}, {"i686-linux-gnu", "-O2", "-pie"}, {"i686-linux-gnu", "-O2", "-no-pie", "-mno-accumulate-outgoing-args", "-fno-asynchronous-unwind-tables"},
	{"i686-linux-gnu", "-O2", "-pie", "-maccumulate-outgoing-args"},
	{"arm-linux-gnueabi", "-O2", "-marm", "-march=armv7-a", "-pie"}, {"arm-linux-gnueabi", "-Os", "-marm", "-march=armv5t", "-no-pie"}, {"arm-linux-gnueabi", "-O2", "-marm", "-march=armv7-a", "-fPIC", "-shared"},
	{"arm-linux-gnueabi", "-Os", "-mthumb", "-march=armv7-a", "-no-pie"}, {"arm-linux-gnueabi", "-O2", "-mthumb", "-march=armv7-a", "-pie"}, {"arm-linux-gnueabi", "-O2", "-mthumb", "-march=armv7-a", "-fPIC", "-shared"},
	{"aarch64-linux-gnu", "-O2", "-pie"}, {"aarch64-linux-gnu", "-Os", "-no-pie"}, {"aarch64-linux-gnu", "-O2", "-fPIC", "-shared", "-mbranch-protection=standard", "-fno-asynchronous-unwind-tables"},
	{"mips-linux-gnu", "-O2", "-fPIC", "-shared"}, {"mips-linux-gnu", "-Os", "-no-pie"}, {"mips-linux-gnu", "-O2", "-no-pie", "-fno-pic", "-mno-abicalls"}, {"mips-linux-gnu", "-O2", "-mxgot", "-fPIC", "-shared"}, {"mipsel-linux-gnu", "-Os", "-pie"},
	{"mips64el-linux-gnuabi64", "-O2", "-pie"},
	{"powerpc-linux-gnu", "-O2", "-no-pie"}, {"powerpc-linux-gnu", "-Os", "-fPIC", "-shared"}, {"powerpc-linux-gnu", "-O2", "-fpic", "-shared"}, {"powerpc-linux-gnu", "-O2", "-pie"},
	{"powerpc64le-linux-gnu", "-O2", "-pie"}, {"powerpc64-linux-gnu", "-O2"},
}

// linked builds a source without libc and strips it.
func linked(t testing.TB, source string, b []string) []byte {
	t.Helper()
	cc, strip := testkit.Tool(t, b[0]+"-gcc"), testkit.Tool(t, "strip")
	out := filepath.Join(t.TempDir(), "out")
	args := append([]string{"-w", "-nostdlib", "-fno-builtin", "-Wl,--unresolved-symbols=ignore-all", "-Wl,-e,begin", "-o", out}, b[1:]...)
	if !slices.Contains(b, "-shared") {
		// An own library, so that there is something to link with.
		lib := filepath.Join(filepath.Dir(out), "libx.so")
		if msg, err := exec.Command(cc, "-w", "-nostdlib", "-shared", "-fPIC", "-fno-builtin", "testdata/calls/own.c", "-o", lib).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", b, err, msg)
		}
		args = append(args, "-Wl,--no-as-needed", lib)
	}
	if msg, err := exec.Command(cc, append(args, source)...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", b, err, msg)
	}
	if msg, err := exec.Command(strip, out).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", b, err, msg)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// passed are the fixed texts that functions which call crypt compare with,
// each with what else takes the same value.
func passed(t testing.TB, data []byte) (out []string) {
	t.Helper()
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	calls, err := f.Calls()
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.Arguments(calls)
	if err != nil {
		t.Fatal(err)
	}
	name := func(c Call) string { return calls.Imports[c.Import].Name }
	for _, c := range calls.List {
		if name(c) != "crypt" {
			continue
		}
		r, ok := a.Routine(c.Addr)
		if !ok {
			out = append(out, "no routine")
			continue
		}
		sites, err := a.Of(r, a.Calls(r))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sites {
			if n := name(s.Call); n != "strcmp" && n != "strncmp" && n != "strcasecmp" {
				continue
			}
			for i, g := range s.Args[:2] {
				if !g.Constant {
					continue
				}
				text, _, ok := a.Text(g.N, 64)
				if !ok || len(text) < 4 {
					continue
				}
				line := fmt.Sprintf("%s %s", name(s.Call), text)
				if o := s.Args[1-i].Origin; o != 0 {
					for _, x := range sites {
						if n := name(x.Call); (n == "crypt" || n == "getspnam") && x.Args[0].Origin == o {
							line += " = " + n
						}
					}
				}
				if s.Args[2].Constant && name(s.Call) == "strncmp" {
					line += fmt.Sprintf(" %d", s.Args[2].N)
				}
				out = append(out, line)
			}
		}
	}
	slices.Sort(out)
	return out
}

const wantPassed = "strcasecmp care-of-sample = getspnam\nstrcmp text-of-the-sample = crypt\nstrcmp third-sample-text = crypt\nstrncmp another-sample = crypt 9"

func TestArguments(t *testing.T) {
	for _, b := range argumentBuilds {
		t.Run(strings.Join(b, " "), func(t *testing.T) {
			data := linked(t, "testdata/calls/fixed.c", b)
			if got := strings.Join(passed(t, data), "\n"); got != wantPassed && got+" 9" != wantPassed { // two ways may bring the number
				t.Errorf("got:\n%s", got)
			}
		})
	}
}

// fixedTexts returns the libraries in testdata/calls/fixed: fixed.c built as
// smallest says.
func fixedTexts(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/calls/fixed/*.bin")
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

// TestArgumentsSmallest needs no compiler.
func TestArgumentsSmallest(t *testing.T) {
	for name, data := range fixedTexts(t) {
		if got := strings.Join(passed(t, data), "\n"); got != wantPassed {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

// FuzzArguments follows the arguments of all calls in anything, and holds that
// each site is a call that was asked for.
func FuzzArguments(f *testing.F) {
	for _, data := range fixedTexts(f) {
		f.Add(data)
		f.Add(withoutSections(data))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		calls, err := e.Calls()
		if err != nil {
			return
		}
		a, err := e.Arguments(calls)
		if err != nil {
			return
		}
		seen := map[uint64]bool{}
		for _, c := range calls.List {
			r, ok := a.Routine(c.Addr)
			if !ok || seen[r.Addr] || len(seen) == 16 {
				continue
			}
			seen[r.Addr] = true
			list := a.Calls(r)
			sites, err := a.Of(r, list)
			if err != nil {
				continue
			}
			for _, s := range sites {
				if !slices.Contains(list, s.Call) || s.Addr < r.Addr || s.Addr-r.Addr >= r.Size {
					t.Fatalf("%+v in %+v", s, r)
				}
				for _, g := range s.Args {
					if text, off, ok := a.Text(g.N, 64); ok && (len(text) > 64 || off < 0 || off+int64(len(text)) > int64(len(b))) {
						t.Fatalf("text of %d bytes at %#x of %d", len(text), off, len(b))
					}
				}
			}
		}
	})
}

// TestX86Decode compares lengths of instructions with those of objdump, over
// the C library.
func TestX86Decode(t *testing.T) {
	objdump := testkit.Tool(t, "objdump")
	for _, path := range []string{"/usr/lib/x86_64-linux-gnu/libcrypt.so.1", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/i686-linux-gnu/lib/libc.so.6"} {
		data, err := os.ReadFile(path)
		if err != nil {
			testkit.Skip(t, path+": not there")
		}
		text := open(t, data).Section(".text")
		out, err := exec.Command(objdump, "-d", "-j", ".text", "--insn-width=16", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		all, bad := 0, 0
		for _, line := range strings.Split(string(out), "\n") {
			f := strings.Split(line, "\t")
			var at uint64
			if len(f) < 3 || strings.Contains(f[2], "(bad)") {
				continue
			}
			if _, err := fmt.Sscanf(strings.TrimSpace(f[0]), "%x:", &at); err != nil {
				continue
			}
			n := len(strings.Fields(f[1]))
			off := text.Off + at - text.Addr
			all++
			if c := x86Decode(data[off:], data[4] == 2); c.n != n {
				if bad++; bad < 10 {
					t.Logf("%s at %#x: %d bytes, objdump %d: %s", path, at, c.n, n, line)
				}
			}
		}
		if all < 1000 || bad*10000 > all {
			t.Errorf("%s: %d of %d instructions have another length", path, bad, all)
		}
	}
}
