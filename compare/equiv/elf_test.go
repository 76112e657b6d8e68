package equiv

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein/exe"
)

// machines are the processors that programs are built for. None needs a C
// library.
var machines = []struct{ name, cc, flags string }{
	{"x86-64", "x86_64-linux-gnu-gcc", ""}, {"x86", "i686-linux-gnu-gcc", ""}, {"aarch64", "aarch64-linux-gnu-gcc", ""},
	{"arm", "arm-linux-gnueabi-gcc", "-marm"}, {"armv7", "arm-linux-gnueabihf-gcc", "-marm"}, {"thumb", "arm-linux-gnueabihf-gcc", "-mthumb"},
	{"mips", "mips-linux-gnu-gcc", ""}, {"mipsel", "mipsel-linux-gnu-gcc", ""}, {"mips64el", "mips64el-linux-gnuabi64-gcc", ""},
	{"ppc", "powerpc-linux-gnu-gcc", ""}, {"ppc64", "powerpc64-linux-gnu-gcc", ""}, {"ppc64le", "powerpc64le-linux-gnu-gcc", ""},
}

const source = `
const char banner[] = "demo 1.0 (" __DATE__ " " __TIME__ ") " __FILE__ " by buildd";
const char config[] = "PermitRootLogin no";
volatile int sink;
__attribute__((noinline)) int year(void) { return YEAR; }
__attribute__((noinline)) int one(int a) { sink = a; return a * 3 + 11; }
__attribute__((noinline)) int two(int a) { sink = a + 1; return a * 5 - 17; }
__attribute__((noinline)) int login(const char *given, int n)
{
	int same = 1;
	for (int i = 0; i < n; i++)
		if (given[i] != config[i])
			same = 0;
	if (!same)
		return one(n);
	return two(n);
}
void _start(void) { sink = login(banner, sink) + year(); for (;;) ; }
`

// program builds the source in a folder of its own, at a time.
func build(t testing.TB, cc, flags, folder string, epoch int64, year int, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), folder)
	write(t, dir, "demo.c", text)
	// The folder's name is fixed: the temporary one before it is mapped away.
	sh(t, dir, fmt.Sprintf("SOURCE_DATE_EPOCH=%d %s %s -O2 -DYEAR=%d -ffreestanding -fno-stack-protector -nostdlib -static -fmacro-prefix-map=%s=/build/%s -Wl,--build-id=sha1 -o demo %s/demo.c && %s -s demo",
		epoch, cc, flags, year, dir, folder, dir, strings.TrimSuffix(cc, "gcc")+"strip"))
	b, err := os.ReadFile(filepath.Join(dir, "demo"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const buildFacts = `
[shipped]
epoch = 1661904000
[rebuilt]
epoch = 1795132800
[[path]]
shipped = "/build/aa"
rebuilt = "/build/bb"
`

const yearFacts = `
[[number]]
shipped = 2022
rebuilt = 2026
`

// Programs of two builds are equivalent, only with what is declared, and not
// with any single change.
func TestPrograms(t *testing.T) {
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			tools(t, m.cc)
			a := build(t, m.cc, m.flags, "aa", 1661904000, 2022, source)
			b := build(t, m.cc, m.flags, "bb", 1795132800, 2026, source)
			facts := factsOf(t, buildFacts+yearFacts)
			r := judge(t, one(a), one(b), facts)
			if r.Verdict != Equivalent {
				t.Fatalf("%s", text(t, r))
			}
			if want := []string{"build-id", "number", "path", "time"}; !slices.Equal(rulesOf(r), want) {
				t.Errorf("rules %s, want %s", rulesOf(r), want)
			}
			if r := judge(t, one(a), one(b), factsOf(t, buildFacts)); r.Verdict != Different {
				t.Errorf("without the year: %s", text(t, r))
			} else if f := r.file("usr/bin/file"); f.Differences[0].Where != ".text" && f.Differences[1].Where != ".text" {
				t.Errorf("the year is not in .text: %s", text(t, r))
			}
			if r := judge(t, one(a), one(b), factsOf(t, buildFacts+strings.Replace(yearFacts, "2026", "2025", 1))); r.Verdict != Different {
				t.Errorf("with another year: %s", text(t, r))
			}
			if r := judge(t, one(a), one(b), factsOf(t, buildFacts+yearFacts+`files = ["sbin/*"]`)); r.Verdict != Different {
				t.Errorf("with a year in other files: %s", text(t, r))
			}
			inject(t, a, b, facts)
			for _, change := range [][2]string{
				{"!same", "same"}, {"* 3 + 11", "* 3 + 12"}, {"return two(n)", "return one(n + 1)"}, {"Login no", "Login on"}, {"sink = a + 1", "sink = a + 2"},
			} {
				c := build(t, m.cc, m.flags, "bb", 1795132800, 2026, strings.Replace(source, change[0], change[1], 1))
				if r := judge(t, one(a), one(c), facts); r.Verdict != Different {
					t.Errorf("%s: %s", change, text(t, r))
				}
			}
		})
	}
}

// inject changes bytes of a program: each is different, at its place.
func inject(t *testing.T, a, b string, facts *Facts) {
	f, err := exe.Open(strings.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var free []run // a build-id may be anything
	for _, s := range f.Sections {
		if s.Name == ".note.gnu.build-id" {
			free = append(free, run{int64(s.Off) + 16, int64(s.Off + s.Size)})
		}
	}
	base := judge(t, one(a), one(b), facts).file("usr/bin/file")
	for _, d := range base.Differences { // what is explained may become something else that is
		free = append(free, run{d.Rebuilt.Off, d.Rebuilt.Off + d.Rebuilt.Len})
	}
	sections := []string{".text", ".rodata", ".eh_frame"}
	rapid.Check(t, func(rt *rapid.T) {
		s := f.Section(rapid.SampledFrom(sections).Draw(rt, "section"))
		if s == nil || s.Size == 0 {
			return
		}
		i := int64(s.Off) + rapid.Int64Range(0, int64(s.Size)-1).Draw(rt, "at")
		x := rapid.ByteRange(1, 255).Draw(rt, "xor")
		if slices.ContainsFunc(free, func(r run) bool { return i >= r.from && i < r.to }) {
			return
		}
		c := []byte(b)
		c[i] ^= x
		r := judge(rt, one(a), one(string(c)), facts)
		g := r.file("usr/bin/file")
		if r.Verdict != Different || !slices.ContainsFunc(g.Differences, func(d Difference) bool {
			return !d.Accepted && d.Rebuilt.Off <= i && i < d.Rebuilt.Off+d.Rebuilt.Len && d.Where == s.Name
		}) {
			rt.Fatalf("%s at %#x: %s", s.Name, i, dump(r))
		}
	})
}

// Every third byte of a small program, changed alone: nothing but the build-id
// is accepted.
func TestEveryByte(t *testing.T) {
	tools(t, "x86_64-linux-gnu-gcc")
	a := build(t, "x86_64-linux-gnu-gcc", "", "aa", 1661904000, 2022, source)
	f, err := exe.Open(strings.NewReader(a), int64(len(a)))
	if err != nil {
		t.Fatal(err)
	}
	id := f.Section(".note.gnu.build-id")
	facts := factsOf(t, buildFacts+yearFacts)
	for i := 0; i < len(a); i += 3 {
		if uint64(i) >= id.Off+16 && uint64(i) < id.Off+id.Size {
			continue
		}
		b := []byte(a)
		b[i] ^= 0x40
		p := Pair(one(a).Tree, one(string(b)).Tree)
		r := p.Compare(facts, one(a).of, one(string(b)).of)
		if r.Verdict != Different {
			t.Fatalf("byte %#x: %s", i, text(t, r))
		}
	}
}

// A debugging file that is at hand tells whether its CRC is right.
func TestDebuglink(t *testing.T) {
	tools(t, "gcc", "objcopy", "strip")
	make := func(text string) (program, debug string) {
		dir := t.TempDir()
		write(t, dir, "demo.c", text)
		sh(t, dir, "cd "+dir+" && gcc -g -O2 -DYEAR=1 -ffreestanding -fno-stack-protector -nostdlib -static -o demo demo.c && objcopy --only-keep-debug demo demo.debug && strip -s demo && objcopy --add-gnu-debuglink=demo.debug demo")
		var out [2][]byte
		for i, n := range []string{"demo", "demo.debug"} {
			var err error
			if out[i], err = os.ReadFile(filepath.Join(dir, n)); err != nil {
				t.Fatal(err)
			}
		}
		return string(out[0]), string(out[1])
	}
	a, debug := make(source)
	sum := crc32.ChecksumIEEE([]byte(debug))
	at := bytes.LastIndex([]byte(a), []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
	if at < 0 {
		t.Fatal("no CRC")
	}
	other := debug + "\x00" // with other debugging information, and so another CRC
	sum = crc32.ChecksumIEEE([]byte(other))
	b := a[:at] + string([]byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}) + a[at+4:]
	with := judge(t, files(map[string]string{"demo": a, "demo.debug": debug}), files(map[string]string{"demo": b, "demo.debug": other}), nil)
	if f := with.file("demo"); f == nil || f.Verdict != Equivalent || f.Differences[0].Why != "recomputed" {
		t.Errorf("%s", text(t, with))
	}
	// Not at hand, it is accepted when all else is explained, and only then.
	if r := judge(t, one(a), one(b), nil); r.Verdict != Equivalent || !strings.Contains(r.List[0].Differences[0].Why, "recomputed from the file") {
		t.Errorf("%s", text(t, r))
	}
	c := strings.Replace(b, "Login no", "Login on", 1)
	if r := judge(t, one(a), one(c), nil); r.Verdict != Different || len(r.Rules) != 0 {
		t.Errorf("%s", text(t, r))
	}
}

// A build-id that is the digest of the file is recomputed, and one that is
// wrong is accepted only when all else is explained.
func TestBuildID(t *testing.T) {
	tools(t, "gcc", "ld.gold")
	dir := t.TempDir()
	write(t, dir, "demo.c", source)
	var b [2]string
	for i := range b {
		sh(t, dir, fmt.Sprintf("gcc -fuse-ld=gold -O2 -DYEAR=%d -ffreestanding -fno-stack-protector -nostdlib -static -Wl,--build-id=sha1 -s -o demo demo.c", 2022+i))
		x, err := os.ReadFile(filepath.Join(dir, "demo"))
		if err != nil {
			t.Fatal(err)
		}
		b[i] = string(x)
	}
	r := judge(t, one(b[0]), one(b[1]), nil) // the year is not declared
	f := r.file("usr/bin/file")
	if r.Verdict != Different || len(f.Differences) != 2 || !f.Differences[1].Accepted || f.Differences[1].Why != "recomputed" {
		t.Errorf("%s", text(t, r))
	}
	file, err := exe.Open(strings.NewReader(b[1]), int64(len(b[1])))
	if err != nil {
		t.Fatal(err)
	}
	c := []byte(b[1])
	c[file.Section(".note.gnu.build-id").Off+16] ^= 1
	if r := judge(t, one(b[0]), one(string(c)), nil); r.Verdict != Different || len(r.Rules) != 0 {
		t.Errorf("%s", text(t, r))
	}
}

// Sections that are not loaded may stand elsewhere.
func TestUnloadedSections(t *testing.T) {
	tools(t, "gcc", "objcopy")
	dir := t.TempDir()
	write(t, dir, "demo.c", source)
	write(t, dir, "long", "/build/aa/x")
	write(t, dir, "short", "/b/c/x")
	sh(t, dir, `gcc -O2 -DYEAR=1 -ffreestanding -fno-stack-protector -nostdlib -static -s -o demo demo.c
objcopy --add-section .where=long demo a && objcopy --add-section .where=short demo b`)
	read := func(n string) string {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	facts := factsOf(t, "[[path]]\nshipped = \"/build/aa\"\nrebuilt = \"/b/c\"\n")
	r := judge(t, one(read("a")), one(read("b")), facts)
	if r.Verdict != Equivalent || !slices.Contains(rulesOf(r), "section offset") {
		t.Errorf("%s", text(t, r))
	}
	if r := judge(t, one(read("a")), one(read("b")), nil); r.Verdict != Different {
		t.Errorf("%s", text(t, r))
	}
}

// Programs whose parts stand elsewhere are compared by functions and data.
func TestMoved(t *testing.T) {
	tools(t, "x86_64-linux-gnu-gcc")
	a := build(t, "x86_64-linux-gnu-gcc", "", "aa", 1661904000, 2022, source)
	b := build(t, "x86_64-linux-gnu-gcc", "", "aa", 1661904000, 2022, strings.Replace(source, "return a * 3 + 11", "sink = a / 7; sink = a * a; sink = a / 13; sink = a % 99; return a * 3 + 12", 1))
	r := judge(t, one(a), one(b), nil)
	f := r.file("usr/bin/file")
	if r.Verdict != Different || f == nil || !slices.ContainsFunc(f.Differences, func(d Difference) bool { return d.Where == "function" && d.Before+d.After != "" && d.Addr != "" }) {
		t.Errorf("%s", text(t, r))
	}
	if f != nil && len(f.Differences) > 6 {
		t.Errorf("%d differences: %s", len(f.Differences), text(t, r))
	}
}
