package elf

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

const source = `
#include <stdio.h>
static char table[70000] = "table";
int main(int argc, char **argv) { printf("example %d %s\n", argc, table); return 0; }
`

var compilers = map[string]string{
	"arm-linux-gnueabi-gcc": "arm", "mips-linux-gnu-gcc": "mips", "mipsel-linux-gnu-gcc": "mips", "aarch64-linux-gnu-gcc": "aarch64", "gcc": "x86-64",
}

// TestReadelf compares the spans with the sections that readelf lists: the
// same executable bytes, and nothing of a section left out.
func TestReadelf(t *testing.T) {
	readelf := testkit.Tool(t, "readelf")
	row := regexp.MustCompile(`(?m)^  \[ *\d+\] (\S+) +([A-Z_0-9a-z.]+) +[0-9a-f]{8,16} ([0-9a-f]{6}) ([0-9a-f]{6}) [0-9a-f]{2,} +([A-Za-z]*) `)
	dir := t.TempDir()
	src, file := filepath.Join(dir, "example.c"), filepath.Join(dir, "example")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	for cc, arch := range compilers {
		cc := testkit.Tool(t, cc)
		for _, args := range [][]string{{"-static"}, {"-s"}, {"-g"}, {"-c"}, {"-shared", "-fPIC"}} {
			name := fmt.Sprint(filepath.Base(cc), args)
			if msg, err := exec.Command(cc, append([]string{"-o", file, src}, args...)...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, msg)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(b)%4 != 0 {
				b = append(b, make([]byte, 4-len(b)%4)...) // binutils end files unaligned
			}
			list, err := exec.Command(readelf, "-SW", file).Output()
			if err != nil {
				t.Fatal(err)
			}
			res := testkit.Probe(t, Format, append(b, "PK\x03\x04 appended"...))
			if res.Err != nil || res.Claim.Confidence != wardein.Certain || res.End > int64(len(b)) || res.End < int64(len(b))-3 {
				t.Errorf("%s: %v, end %d of %d", name, res.Err, res.End, len(b))
			}
			spans := map[string]wardein.Span{}
			for _, s := range res.Spans {
				spans[fmt.Sprint(s.Is, s.Off, s.Len)] = s
			}
			n := 0
			for _, m := range row.FindAllStringSubmatch(string(list), -1) {
				off, _ := strconv.ParseInt(m[3], 16, 64)
				size, _ := strconv.ParseInt(m[4], 16, 64)
				if m[2] == "NOBITS" || size == 0 {
					continue
				}
				s, ok := spans[fmt.Sprint(m[1], off, size)]
				exec := strings.Contains(m[5], "X")
				if !ok || exec != (s.Code == arch) || s.What != wardein.Known {
					t.Errorf("%s: no span like %q: %+v", name, m[0], s)
				}
				if !exec && m[2] == "PROGBITS" != s.Carve {
					t.Errorf("%s: carve %v of %q", name, s.Carve, m[0])
				}
				n++
			}
			if n < 5 {
				t.Errorf("%s: readelf lists %d sections", name, n)
			}
		}
	}
}

func TestCorpus(t *testing.T) {
	for _, c := range []struct {
		name     string
		end      int64
		evidence string
	}{
		{"sfx__no_section_header.elf", 2816, "2 loaded segments ok"},
		{"sfx__test_elf_normal", 9608, "36 sections and their names ok"},
		{"sfx__test_elf_sfx", 395216 + 28*64, "28 sections and their names ok"},
	} {
		b, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/"+c.name))
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Probe(t, Format, b)
		if res.Err != nil || res.Claim.Evidence != c.evidence {
			t.Errorf("%s: %v %+v", c.name, res.Err, res.Claim)
		}
		if res.End != c.end {
			t.Errorf("%s: end %d of %d, want %d", c.name, res.End, len(b), c.end)
		}
	}
}

func TestBanner(t *testing.T) {
	for in, want := range map[string]string{
		"Linux version %s": "",
		"Linux version ":   "",
		"Linux version %s\x00Linux version 4.4.0-example (a@b)\n": "Linux version 4.4.0-example (a@b)",
	} {
		if got := kernelBanner([]byte(in)); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	var data []byte
	for _, s := range testkit.Samples(b) {
		if s.Name == "library" {
			data = s.Data
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if res := testkit.Run(Format, data, 1<<20); res.Err != nil {
			b.Fatal(res.Err)
		}
	}
}

// BenchmarkReject is the cost of a chance hit on the magic.
func BenchmarkReject(b *testing.B) {
	data := append([]byte("\x7fELF"), bytes.Repeat([]byte("string "), 100)...)
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
