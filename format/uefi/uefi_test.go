package uefi

import (
	"bytes"
	"crypto/sha256"
	"io"
	"io/fs"
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

// volumes calls do for every volume in data, and in those inside.
func volumes(t *testing.T, data []byte, do func(*testkit.Result)) {
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte("_FVH"))
		if i < 0 {
			return
		}
		start := at + i - 40
		at += i + 4
		if start < 0 {
			continue
		}
		res := testkit.Run(Format, data[start:], 128<<20)
		if res.Claim.End == 0 {
			continue
		}
		if res.Err != nil {
			t.Fatalf("volume at %#x: %v", start, res.Err)
		}
		do(res)
		for _, m := range res.Members {
			if strings.HasSuffix(m.Name, ".fv") {
				volumes(t, m.Data, do)
			}
		}
		at = start + int(res.End)
	}
}

// TestTool holds the programs in Debian's images against what 7z takes out.
func TestTool(t *testing.T) {
	for _, image := range []string{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/AAVMF/AAVMF32_CODE.fd"} {
		t.Run(filepath.Base(image), func(t *testing.T) {
			data, err := os.ReadFile(image)
			if err != nil {
				testkit.Skip(t, "no "+image)
			}
			data = bytes.TrimRight(data, "\x00")
			ours := map[[32]byte]string{}
			volumes(t, data, func(res *testkit.Result) {
				for _, m := range res.Members {
					if m.Err != nil {
						t.Errorf("%q: %v", m.Name, m.Err)
					}
					ours[sha256.Sum256(m.Data)] = m.Name
				}
				for _, g := range res.Gaps {
					if g.Kind != wardein.Unsupported || !strings.HasPrefix(g.Why, "file system") {
						t.Errorf("gap %v", g)
					}
				}
			})
			dir := t.TempDir()
			exec.Command(testkit.Tool(t, "7z"), "x", "-y", "-o"+dir, image).Run() // warns of what follows the volumes
			programs, missing := 0, 0
			filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
				b, _ := os.ReadFile(p)
				if len(b) < 2 || string(b[:2]) != "MZ" && string(b[:2]) != "VZ" {
					return nil
				}
				programs++
				if _, ok := ours[sha256.Sum256(b)]; !ok {
					missing++
					t.Errorf("%s: %d bytes, not among ours", strings.TrimPrefix(p, dir), len(b))
				}
				return nil
			})
			if t.Logf("%d programs in 7z's, %d missing, %d members", programs, missing, len(ours)); programs < 20 {
				t.Errorf("7z found %d programs", programs)
			}
		})
	}
}

func Benchmark(b *testing.B) {
	data, err := os.ReadFile("/usr/share/OVMF/OVMF_CODE.fd")
	if err != nil {
		testkit.Skip(b, "no OVMF")
	}
	b.ReportAllocs()
	for b.Loop() {
		d := &testkit.Discard{R: bytes.NewReader(data)}
		if _, err := extract(b.Context(), io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))), d); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(d.Bytes)
	}
}
