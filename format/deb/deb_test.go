package deb

import (
	"bytes"
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

func build(t *testing.T, args ...string) []byte {
	t.Helper()
	tool := testkit.Tool(t, "dpkg-deb")
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "p/DEBIAN"), 0o755)
	os.MkdirAll(filepath.Join(dir, "p/etc"), 0o755)
	os.WriteFile(filepath.Join(dir, "p/etc/hostname"), []byte("access-node-7\n"), 0o644)
	os.WriteFile(filepath.Join(dir, "p/DEBIAN/control"), []byte("Package: accessd\nVersion: 1.2-3\nArchitecture: all\nMaintainer: Example Works <nobody@example.org>\nDescription: test\n"), 0o644)
	cmd := exec.Command(tool, append(args, "-b", "p", "p.deb")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "p.deb"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTool(t *testing.T) {
	for _, z := range []string{"-Zxz", "-Zgzip", "-Znone"} {
		data := build(t, z, "--root-owner-group", "--uniform-compression")
		res := testkit.Probe(t, Format, append(append([]byte(nil), data...), "behind"...))
		if res.Err != nil || res.End != int64(len(data)) || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 || res.Claim.Confidence != wardein.Certain || len(res.Members) != 3 {
			t.Fatalf("%s: %v", z, res)
		}
		p := filepath.Join(t.TempDir(), "p.deb")
		os.WriteFile(p, data, 0o644)
		for _, m := range res.Members {
			want, err := exec.Command(testkit.Tool(t, "ar"), "p", p, m.Name).Output()
			if err != nil || !bytes.Equal(want, m.Data) {
				t.Errorf("%s: %q differs, %v", z, m.Name, err)
			}
		}
		if !strings.HasPrefix(res.Members[2].Name, "data.tar") {
			t.Errorf("%s: %q", z, res.Members[2].Name)
		}
		res = testkit.Probe(t, Format, data[:len(data)-10])
		if res.Err == nil || len(res.Members) != 3 || len(res.Gaps) != 1 {
			t.Fatalf("%s: cut off: %v", z, res)
		}
	}
}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/patool__test.deb"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, Format, data)
	if res.Err != nil || len(res.Members) != 3 || len(res.Gaps) != 0 {
		t.Fatalf("%v", res)
	}
}
