package ubootenv

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestMkenvimage reads what mkenvimage writes, in all its ways.
func TestMkenvimage(t *testing.T) {
	mkenvimage := testkit.Tool(t, "mkenvimage")
	dir := t.TempDir()
	in, file := filepath.Join(dir, "in"), filepath.Join(dir, "env")
	vars := []string{"bootcmd=run a; run b", "bootdelay=3", "empty=", "equals=a=b=c"}
	for i := range 20 {
		vars = append(vars, fmt.Sprintf("v%d=%s", i, strings.Repeat("x", i)))
	}
	if err := os.WriteFile(in, []byte(strings.Join(vars, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0x400, 0x800, 0x1000, 0x3000, 0x10000, 0x20000, 0x80000} {
		for _, args := range [][]string{nil, {"-r"}, {"-b"}, {"-r", "-b"}, {"-p", "0"}} {
			args = append(args, "-s", fmt.Sprint(size), "-o", file, in)
			if out, err := exec.Command(mkenvimage, args...).CombinedOutput(); err != nil {
				t.Fatalf("%q: %v\n%s", args, err, out)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			res := testkit.Probe(t, Format, append(b, "behind the environment"...))
			if res.Err != nil || res.End != int64(size) || res.Claim.Confidence != wardein.Certain {
				t.Fatalf("%q: %s", args, res)
			}
			var got []string
			for _, n := range res.Notes {
				if name, ok := strings.CutPrefix(n.Name, "env "); ok {
					got = append(got, name+"="+n.Value)
				}
			}
			if strings.Join(got, "\n") != strings.Join(vars, "\n") {
				t.Errorf("%q: %q", args, got)
			}
		}
	}
}

// BenchmarkReject is the cost of a boot loader's compiled-in variables, which
// have no checksum.
func BenchmarkReject(b *testing.B) {
	data := append([]byte("\x00\x00\x00\x00bootcmd=run a\x00bootdelay=3\x00\x00"), bytes.Repeat([]byte("\x01\x02\x03\x04"), 1<<18)...)
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
