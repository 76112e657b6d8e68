package hardening

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check) }

func Fuzz(f *testing.F) {
	if gcc, err := exec.LookPath("gcc"); err == nil {
		checktest.Fuzz(f, Check, build(f, gcc, "-O1"), build(f, gcc, "-O1", "-no-pie", "-z", "execstack", "-Wl,-rpath,/tmp/lib:"))
		return
	}
	checktest.Fuzz(f, Check)
}

// source calls functions that have a fortified form, with sizes that only
// running tells, and is larger than what the shares leave out.
const source = `
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
	char b[64];
	snprintf(b, sizeof b, "%s", argv[0]);
	if (argc > 1) strncpy(b, argv[1], argc);
	puts(b);
	return 0;
}
__asm__(".text; .skip 5000, 0x00");
`

func build(t testing.TB, cc string, flags ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	src, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command(cc, append(flags, "-w", "-o", out, src)...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", cc, flags, err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What the compiler was asked for is what the check says.
func TestAgainstCompiler(t *testing.T) {
	all := []string{"-O2", "-fPIE", "-pie", "-fstack-protector-all", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-z", "relro", "-z", "now", "-z", "noexecstack", "-s"}
	none := []string{"-O2", "-no-pie", "-fno-pie", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-z", "norelro", "-z", "lazy", "-z", "execstack"}
	for _, cc := range []string{"gcc", "arm-linux-gnueabi-gcc", "aarch64-linux-gnu-gcc", "mips-linux-gnu-gcc", "mipsel-linux-gnu-gcc"} {
		t.Run(cc, func(t *testing.T) {
			cc := testkit.Tool(t, cc)
			for _, c := range []struct {
				flags []string
				want  string
			}{
				{all, "position-independent program, stack not executable, relro full, canary yes, fortified yes, symbols no, path "},
				{none, "program, stack executable, relro no, canary no, fortified no, symbols yes, path "},
				{append(none, "-z", "relro", "-z", "noexecstack", "-Wl,--disable-new-dtags,-rpath,lib:/opt/lib"), "program, stack not executable, relro partial, canary no, fortified no, symbols yes, path lib:/opt/lib"},
				{[]string{"-O2", "-shared", "-fPIC", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-z", "noexecstack", "-z", "relro", "-z", "lazy"}, "library, stack not executable, relro partial, canary no, fortified no, symbols yes, path "},
				{[]string{"-O2", "-static", "-no-pie", "-fno-pie", "-s", "-z", "noexecstack", "-z", "norelro"}, "program, stack not executable, relro static, canary not told, fortified no, symbols no, path "},
			} {
				facts, err := checktest.Node(t, Check, build(t, cc, c.flags...))
				if err != nil || len(facts) != 1 {
					t.Fatalf("%v: %v, %d facts", c.flags, err, len(facts))
				}
				f := facts[0]
				fortified := "no"
				if f.Attr("checked") != "0" {
					fortified = "yes"
				}
				got := f.Attr("kind") + ", stack " + f.Attr("stack") + ", relro " + f.Attr("relro") + ", canary " + f.Attr("canary") +
					", fortified " + fortified + ", symbols " + f.Attr("symbols") + ", path " + f.Attr("path")
				if got != c.want {
					t.Errorf("%v:\n got %s\nwant %s", c.flags, got, c.want)
				}
			}
		})
	}
}

func TestShares(t *testing.T) {
	gcc := testkit.Tool(t, "gcc")
	tree := &checktest.Tree{}
	tree.Add("fw/bin/a", 0o755, build(t, gcc, "-O2", "-no-pie", "-fno-pie", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-z", "execstack", "-z", "norelro", "-Wl,-rpath,lib:/opt/lib:$ORIGIN/x"))
	tree.Add("fw/bin/b", 0o755, build(t, gcc, "-O2", "-fPIE", "-pie", "-fstack-protector-all", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-z", "relro", "-z", "now", "-z", "noexecstack"))
	tree.Add("fw/bin/c", 0o755, build(t, gcc, "-O2", "-fPIE", "-pie", "-fstack-protector-all", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-z", "relro", "-z", "now", "-z", "noexecstack")) // the same bytes count once
	said := checktest.String(Check, tree.Judge(t, Check))
	for _, want := range []string{
		"Of 2 programs and libraries, 1 have an executable stack or leave it to the kernel, 1 have no read-only relocations and 1 have them in full, 1 of 2 show no stack protector, " +
			"1 of 2 that call copying functions call no fortified one, and 1 of 2 programs are loaded at a fixed address.",
		"1 of 2 programs and libraries ask for an executable stack (a)",
		`a looks for libraries in "lib", which is relative`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if n := strings.Count(said, "hardening."); n != 3 {
		t.Errorf("%d findings, want 3:\n%s", n, said)
	}
}

// A library that asks for an executable stack is less than a program that
// does.
func TestLibraryStack(t *testing.T) {
	gcc := testkit.Tool(t, "gcc")
	tree := &checktest.Tree{}
	tree.Add("fw/lib/libx.so", 0o755, build(t, gcc, "-O2", "-shared", "-fPIC", "-z", "execstack"))
	said := checktest.String(Check, tree.Judge(t, Check))
	if !strings.Contains(said, "hardening.stack\n  low, ") || !strings.Contains(said, "(libx.so), none of them a program") {
		t.Error(said)
	}
}

// The data file is complete, and each option is asked for in one way.
func TestOptions(t *testing.T) {
	var names []string
	for _, o := range options().Option {
		if len(o.Names) == 0 || o.Want != "y" && o.Want != "n" || o.What == "" || o.Source == "" {
			t.Errorf("%+v: a field is missing", o)
		}
		names = append(names, o.Names...)
	}
	slices.Sort(names)
	if n := len(names); n < 20 || len(slices.Compact(names)) != n {
		t.Errorf("%d names, one twice", n)
	}
}

func BenchmarkNode(b *testing.B) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		b.Skip("no gcc")
	}
	checktest.Benchmark(b, Check, build(b, gcc, "-O2", "-static"))
}
