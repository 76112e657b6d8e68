package ar

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func TestTool(t *testing.T) {
	tool := testkit.Tool(t, "ar")
	dir := t.TempDir()
	files := map[string]string{"a": "odd", "b.o": "even", "empty": "", strings.Repeat("long-name-", 9): "long", "sixteen-letters.": "x"}
	args := []string{"rcU", "lib.a"}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o640); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	data, _ := os.ReadFile(filepath.Join(dir, "lib.a"))
	res := testkit.Probe(t, Format, append(append([]byte(nil), data...), "behind the archive"...))
	if res.Err != nil || res.End != int64(len(data)) || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 || len(res.Members) != len(files) {
		t.Fatalf("%v", res)
	}
	for name, want := range files {
		m := res.Find(name)
		fi, _ := os.Lstat(filepath.Join(dir, name))
		if m == nil || string(m.Data) != want || m.Mode != 0o640 || m.MTime != fi.ModTime().Unix() {
			t.Errorf("%q: %v", name, m)
		}
	}
	cmd = exec.Command(tool, "rcT", "thin.a", "a", "b.o")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	data, _ = os.ReadFile(filepath.Join(dir, "thin.a"))
	res = testkit.Probe(t, Format, data)
	if res.Err != nil || res.End != int64(len(data)) || len(res.Gaps) != 2 || res.Find("b.o") == nil {
		t.Fatalf("thin: %v", res)
	}
}

func TestTruncated(t *testing.T) {
	for _, s := range testkit.Samples(t) {
		res := testkit.Probe(t, Format, s.Data[:len(s.Data)-5])
		if res.Err == nil || len(res.Gaps) != 1 || res.End != int64(len(s.Data)-5) {
			t.Fatalf("%s: %v", s.Name, res)
		}
	}
}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/patool__test.a"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, Format, data[bytes.Index(data, []byte("!<arch>\n")):])
	if res.Err != nil || len(res.Members) == 0 || len(res.Gaps) != 0 {
		t.Fatalf("%v", res)
	}
}
