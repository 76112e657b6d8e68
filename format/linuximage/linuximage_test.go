package linuximage

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestObjdump compares the sections of the samples with EFI stub with what
// objdump reads from their PE headers.
func TestObjdump(t *testing.T) {
	objdump := testkit.Tool(t, "objdump")
	n := 0
	for _, s := range testkit.Samples(t) {
		if s.Name != "arm64" {
			continue
		}
		file := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(file, s.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(objdump, "-h", file).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		res := testkit.Run(Format, s.Data, 1<<20)
		for _, m := range regexp.MustCompile(`(?m)^ +\d+ (\S+) +([0-9a-f]{8})  [0-9a-f]+  [0-9a-f]+  ([0-9a-f]{8})`).FindAllStringSubmatch(string(out), -1) {
			size, _ := strconv.ParseInt(m[2], 16, 64)
			off, _ := strconv.ParseInt(m[3], 16, 64)
			found := false
			for _, x := range res.Spans {
				found = found || x.Is == m[1] && x.Off == off && x.Len == size && x.What == wardein.Known
			}
			if !found {
				t.Errorf("no span for %q", m[0])
			}
			n++
		}
	}
	if n != 2 {
		t.Errorf("objdump lists %d sections", n)
	}
}

func BenchmarkBanner(b *testing.B) {
	data := make([]byte, 16<<20)
	copy(data[15<<20:], "Linux version 6.1.0 (a@b)\n")
	r := bytes.NewReader(data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if text, err := banner(b.Context(), io.NewSectionReader(r, 0, int64(len(data))), int64(len(data))); err != nil || text == "" {
			b.Fatal(text, err)
		}
	}
}
