package all

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein/report"
)

var update = flag.Bool("update", false, "rewrite docs/formats.md")

const handbook = "../../docs/formats.md"

// Every format has a name of its own, a full Doc, magics that the scan can
// use, and refines formats that exist.
func TestFormats(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Formats() {
		if names[f.Name] {
			t.Errorf("two formats are called %q", f.Name)
		}
		names[f.Name] = true
	}
	for _, f := range Formats() {
		if f.Name == "" || f.Version < 1 || f.Measure == nil {
			t.Errorf("%q: name, version or Measure is missing", f.Name)
		}
		if f.Doc.About == "" || len(f.Doc.References) == 0 {
			t.Errorf("%s: Doc needs About and References", f.Name)
		}
		if f.Extract != nil && f.Doc.How == "" {
			t.Errorf("%s: Doc needs How", f.Name)
		}
		if len(f.Magic) == 0 {
			t.Errorf("%s: no magic", f.Name)
		}
		for _, m := range f.Magic {
			if len(m.Bytes) < 2 || m.Mask != "" && len(m.Mask) != len(m.Bytes) || m.Back < 0 {
				t.Errorf("%s: magic %q, mask %q, back %d", f.Name, m.Bytes, m.Mask, m.Back)
			}
			if m.Mask != "" && !m.Anchored && m.Mask[:2] != "\xff\xff" {
				t.Errorf("%s: mask %q does not begin with two whole bytes", f.Name, m.Mask)
			}
		}
		for _, r := range f.Refines {
			if !names[r] {
				t.Errorf("%s refines %q, which is no format", f.Name, r)
			}
		}
	}
}

// Every format folder has a sample with its expectation, and a fuzz target.
func TestSamples(t *testing.T) {
	dirs, err := filepath.Glob("../*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() || filepath.Base(dir) == "all" {
			continue
		}
		samples := 0
		fuzz := false
		filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if strings.Contains(p, "testdata") && strings.HasSuffix(p, ".txt") {
				if b, err := os.ReadFile(p); err == nil && bytes.Contains(b, []byte("-- want --")) {
					samples++
				}
			}
			if strings.HasSuffix(p, "_test.go") {
				if b, err := os.ReadFile(p); err == nil && bytes.Contains(b, []byte("func Fuzz")) {
					fuzz = true
				}
			}
			return nil
		})
		if samples == 0 || !fuzz {
			t.Errorf("%s: %d samples with an expectation, fuzz target: %v", dir, samples, fuzz)
		}
	}
}

// docs/formats.md is what the Docs say.
func TestHandbook(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Formats\n\nGenerated from each format's Doc by `go test ./format/all -update`. In order of preference.\n")
	for _, f := range Formats() {
		state := fmt.Sprintf("version %d · %s", f.Version, report.Opens(&f))
		report.DocMarkdown(&b, f.Name, state, &f.Doc)
	}
	if *update {
		if err := os.WriteFile(handbook, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(handbook)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the formats' Docs say: go test ./format/all -update", handbook)
	}
}
