package exe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// compilers are the cross compilers that Debian ships, with our name for what
// they make.
var compilers = map[string]string{
	"gcc": "", "arm-linux-gnueabi-gcc": "arm", "mips-linux-gnu-gcc": "mips", "mipsel-linux-gnu-gcc": "mips", "aarch64-linux-gnu-gcc": "aarch64",
}

const source = `
#include <stdio.h>
static char table[70000] = "table";
__attribute__((constructor)) static void early(void) { table[0] = 'T'; }
int main(int argc, char **argv) { printf("example %d %s\n", argc, table); return 0; }
`

func build(t testing.TB, cc string, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	src, out := filepath.Join(dir, "example.c"), filepath.Join(dir, "example")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command(cc, append([]string{"-o", out, src}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", cc, args, err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestReadelf compares header, sections, segments and the dynamic section
// with readelf, over what all compilers make in six ways of linking.
func TestReadelf(t *testing.T) {
	readelf := testkit.Tool(t, "readelf")
	for cc, arch := range compilers {
		cc := testkit.Tool(t, cc)
		for _, args := range [][]string{
			{"-no-pie"}, {"-pie", "-fPIE"}, {"-static"}, {"-shared", "-fPIC", "-Wl,-soname,libexample.so.1"}, {"-c", "-ffunction-sections"}, {"-s", "-Wl,--build-id=sha1"}, {"-g"},
		} {
			b := build(t, cc, args...)
			name := fmt.Sprint(filepath.Base(cc), args)
			f := open(t, b)
			if len(f.Faults) != 0 || f.End != int64(len(b)) || arch != "" && f.Arch != arch {
				t.Errorf("%s: arch %s, end %d of %d, faults %v", name, f.Arch, f.End, len(b), f.Faults)
			}
			file := filepath.Join(t.TempDir(), "elf")
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
			compare(t, name, f, readelf, file)
			// What is appended is not part of the file.
			if g := open(t, append(b, make([]byte, 999)...)); g.End != int64(len(b)) || len(g.Faults) != 0 {
				t.Errorf("%s with 999 bytes appended: end %d of %d, %v", name, g.End, len(b), g.Faults)
			}
		}
	}
}

func compare(t *testing.T, name string, f *File, readelf, file string) {
	t.Helper()
	out, err := exec.Command(readelf, "-hSldnW", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	field := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
			return m[1]
		}
		return ""
	}
	num := func(s string, base int) uint64 {
		v, err := strconv.ParseUint(s, base, 64)
		if err != nil {
			t.Fatalf("%s: readelf number %q", name, s)
		}
		return v
	}
	if got, want := f.Entry, num(field(`Entry point address:\s+0x([0-9a-f]+)`), 16); got != want {
		t.Errorf("%s: entry %#x, readelf %#x", name, got, want)
	}
	if got, want := len(f.Sections), int(num(field(`Number of section headers:\s+(\d+)`), 10)); got != want {
		t.Errorf("%s: %d sections, readelf %d", name, got, want)
	}
	if got, want := len(f.Segments), int(num(field(`Number of program headers:\s+(\d+)`), 10)); got != want {
		t.Errorf("%s: %d segments, readelf %d", name, got, want)
	}
	if got, want := f.Interpreter(), field(`Requesting program interpreter: ([^\]]+)`); got != want {
		t.Errorf("%s: interpreter %q, readelf %q", name, got, want)
	}
	if got, want := f.BuildID(), field(`Build ID: ([0-9a-f]+)`); got != want {
		t.Errorf("%s: build id %q, readelf %q", name, got, want)
	}
	d, err := f.Dynamic()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if got, want := d.Soname, field(`Library soname: \[([^\]]+)`); got != want {
		t.Errorf("%s: soname %q, readelf %q", name, got, want)
	}
	var needed []string
	for _, m := range regexp.MustCompile(`Shared library: \[([^\]]+)`).FindAllStringSubmatch(text, -1) {
		needed = append(needed, m[1])
	}
	if !slices.Equal(d.Needed, needed) {
		t.Errorf("%s: needed %q, readelf %q", name, d.Needed, needed)
	}
	// [Nr] Name Type Address Off Size ES Flg Lk Inf Al
	row := regexp.MustCompile(`(?m)^  \[ *(\d+)\] (\S*) +([A-Z_0-9a-z.]+) +([0-9a-f]{8,16}) ([0-9a-f]{6}) ([0-9a-f]{6}) ([0-9a-f]{2,}) +([A-Za-z]*) +(\d+) +(\d+) +(\d+)$`)
	rows := row.FindAllStringSubmatch(text, -1)
	if len(rows) < len(f.Sections)-1 {
		t.Errorf("%s: readelf lists %d sections of %d", name, len(rows), len(f.Sections))
	}
	for _, m := range rows {
		i := int(num(m[1], 10))
		if i >= len(f.Sections) || i == 0 {
			continue
		}
		s := f.Sections[i]
		if s.Name != m[2] || s.Addr != num(m[4], 16) || s.Off != num(m[5], 16) || s.Size != num(m[6], 16) || s.EntSize != num(m[7], 16) ||
			s.Flags&SectionExec != 0 != strings.Contains(m[8], "X") || uint64(s.Link) != num(m[9], 10) || uint64(s.Info) != num(m[10], 10) || s.Aligned != num(m[11], 10) {
			t.Errorf("%s: section %d is %+v, readelf %q", name, i, s, m[0])
		}
	}
	i := 0
	for _, m := range regexp.MustCompile(`(?m)^  ([A-Z_0-9]+) +0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) ([R ][W ][E ]) 0x([0-9a-f]+|0)$`).FindAllStringSubmatch(text, -1) {
		if i >= len(f.Segments) {
			break
		}
		s := f.Segments[i]
		if s.Off != num(m[2], 16) || s.VAddr != num(m[3], 16) || s.PAddr != num(m[4], 16) || s.FileSize != num(m[5], 16) || s.MemSize != num(m[6], 16) ||
			s.Flags&FlagX != 0 != strings.Contains(m[7], "E") || s.Type == SegmentLoad != (m[1] == "LOAD") {
			t.Errorf("%s: segment %d is %+v, readelf %q", name, i, s, m[0])
		}
		i++
	}
	if i != len(f.Segments) {
		t.Errorf("%s: readelf lists %d segments of %d", name, i, len(f.Segments))
	}
}

// TestDamage cuts and changes a file everywhere: nothing may panic, and End
// stays within the file.
func TestDamage(t *testing.T) {
	b := build(t, testkit.Tool(t, "arm-linux-gnueabi-gcc"), "-s")
	whole := open(t, b).End
	for n := 0; n < len(b); n += 1 + n/64 {
		f, err := Open(bytes.NewReader(b[:n]), int64(n))
		if err != nil {
			if !errors.Is(err, ErrNotELF) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if !f.Truncated || f.End != int64(n) || len(f.Faults) == 0 {
			t.Fatalf("cut at %d of %d: truncated %v, end %d, faults %v", n, whole, f.Truncated, f.End, f.Faults)
		}
	}
	places := []int64{}
	f := open(t, b)
	for i := range f.HeaderSize {
		places = append(places, i)
	}
	for _, p := range []Place{f.SegmentTable, f.SectionTable} {
		for i := range p.Len {
			places = append(places, p.Off+i)
		}
	}
	for _, i := range places {
		for _, x := range []byte{1, 0x7F, 0x80, 0xFF} {
			c := bytes.Clone(b)
			c[i] ^= x
			probe(t, c)
		}
	}
}

// probe calls everything.
func probe(t testing.TB, b []byte) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return
	}
	if f.End < f.HeaderSize || f.End > int64(len(b)) {
		t.Fatalf("end %d of %d", f.End, len(b))
	}
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.InFile && (s.Off > uint64(len(b)) || s.Size > uint64(len(b))-s.Off) {
			t.Fatalf("section %d in file: %#x+%#x of %d", i, s.Off, s.Size, len(b))
		}
		if n := f.Reader(s).Size(); n > int64(len(b)) {
			t.Fatalf("section %d: reader of %d bytes", i, n)
		}
	}
	f.Dynamic()
	f.Interpreter()
	f.BuildID()
	f.IsModule()
	f.ModInfo("vermagic")
	f.Offset(f.Entry)
}

func Fuzz(f *testing.F) {
	for cc := range compilers {
		if _, err := exec.LookPath(cc); err == nil {
			f.Add(build(f, cc, "-c"))
			f.Add(build(f, cc, "-s"))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { probe(t, b) })
}

func BenchmarkOpen(b *testing.B) {
	data := build(b, testkit.Tool(b, "gcc"), "-static")
	r := bytes.NewReader(data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(r, int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}
