package pe

import (
	"bytes"
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

// TestObjdump compares sections and architecture with objdump, over the
// samples and FACT's two self-extractors.
func TestObjdump(t *testing.T) {
	objdump := testkit.Tool(t, "objdump")
	files := map[string][]byte{}
	for _, s := range testkit.Samples(t) {
		if s.Name != "truncated" {
			files[s.Name] = s.Data
		}
	}
	for _, name := range []string{"sfx__test_pe_sfx", "sfx__test_rsrc"} {
		b, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/"+name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	row := regexp.MustCompile(`(?m)^ +\d+ (\S+) +([0-9a-f]{8})  [0-9a-f]+  [0-9a-f]+  ([0-9a-f]{8})  \S+\n +(.*)$`)
	for name, b := range files {
		file := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(objdump, "-h", file).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		res := testkit.Probe(t, Format, b)
		if res.Err != nil || res.Claim.Confidence != wardein.Certain {
			t.Errorf("%s: %s", name, res)
		}
		n := 0
		for _, m := range row.FindAllStringSubmatch(string(out), -1) {
			if !strings.Contains(m[4], "CONTENTS") {
				continue
			}
			size, _ := strconv.ParseInt(m[2], 16, 64)
			off, _ := strconv.ParseInt(m[3], 16, 64)
			found := false
			for _, x := range res.Spans {
				// objdump prints the smaller of the two sizes.
				found = found || x.Is == m[1] && x.Off == off && x.Len >= size && x.Code != "" == strings.Contains(m[4], "CODE")
			}
			if !found {
				t.Errorf("%s: no span for %q", name, m[0])
			}
			n++
		}
		if n < 2 {
			t.Errorf("%s: objdump lists %d sections", name, n)
		}
		t.Logf("%s: end %d of %d", name, res.End, len(b))
	}
}

// BenchmarkReject is the cost of a chance hit on the two bytes of the magic.
func BenchmarkReject(b *testing.B) {
	data := append([]byte("MZ"), bytes.Repeat([]byte("string "), 100)...)
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
