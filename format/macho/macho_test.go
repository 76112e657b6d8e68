package macho

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/testkit"
)

var both = testkit.Any([]wardein.Format{Format, FormatFat})

func TestGolden(t *testing.T) { testkit.Golden(t, both) }
func TestDamage(t *testing.T) { testkit.Damage(t, both) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, both) }
func TestSampled(t *testing.T) {
	testkit.Sampled(t, []wardein.Format{Format, FormatFat})
}

var sections = regexp.MustCompile(`(?m)^ +sectname (\S+)\n +segname (\S+)\n(?: +addr \S+\n)? +size 0x0*([0-9a-f]*)\n +offset (\d+)`)

// What clang and lld write is read as llvm-objdump reads it.
func TestAgainstObjdump(t *testing.T) {
	objdump := testkit.Tool(t, "llvm-objdump")
	dir := t.TempDir()
	for _, s := range testkit.Samples(t) {
		if s.Name == "cut" || strings.HasPrefix(s.Name, "fat") || s.Name == "ppc" {
			continue
		}
		file := filepath.Join(dir, s.Name)
		if err := os.WriteFile(file, s.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		compare(t, objdump, file)
	}
}

func compare(t *testing.T, objdump, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := exe.OpenMachO(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "--macho", "--private-headers", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if f.End != int64(len(bytes.TrimSuffix(data, []byte("appended appended append")))) || len(f.Faults) > 0 {
		t.Errorf("%s: ends at %d of %d bytes, %v", file, f.End, len(data), f.Faults)
	}
	list := sections.FindAllStringSubmatch(string(out), -1)
	if len(list) != len(f.Sections) || len(list) == 0 {
		t.Fatalf("%s: %d sections, llvm-objdump has %d", file, len(f.Sections), len(list))
	}
	for i, m := range list {
		s := f.Sections[i]
		if s.Name != m[1] || s.Segment != m[2] {
			t.Errorf("%s: section %s,%s, llvm-objdump has %s", file, s.Segment, s.Name, m[0])
		}
	}
	text := string(out)
	for _, lib := range append(f.Libraries, f.Paths...) {
		if !strings.Contains(text, lib+" (offset") {
			t.Errorf("%s: llvm-objdump has no %s", file, lib)
		}
	}
	if n := strings.Count(text, "cmd LC_LOAD_DYLIB"); n != len(f.Libraries) {
		t.Errorf("%s: %d libraries, llvm-objdump has %d", file, len(f.Libraries), n)
	}
	if f.MinOS != "" && !strings.Contains(text, " "+f.MinOS+"\n") || f.SDK != "" && f.SDK != "0.0" && !strings.Contains(text, " "+f.SDK+"\n") {
		t.Errorf("%s: system %s, kit %s", file, f.MinOS, f.SDK)
	}
	symbols, err := f.SymbolTable()
	if err != nil {
		t.Fatal(err)
	}
	nm, err := exec.Command(objdump, "--macho", "--syms", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(nm), "\n") - strings.Count(string(nm), "SYMBOL TABLE") - 1; n > len(symbols)+2 || n < len(symbols)-2 {
		t.Errorf("%s: %d symbols, llvm-objdump lists %d", file, len(symbols), n)
	}
}

func BenchmarkExtract(b *testing.B) {
	s := testkit.Samples(b)[0]
	testkit.BenchExtract(b, Format, s.Data, int64(len(s.Data)), 0)
}
