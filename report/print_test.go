package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// Each printed page says what it is a page of, for whom, and as of when.
func TestPrinted(t *testing.T) {
	chromium, pdftotext := testkit.Tool(t, "chromium"), testkit.Tool(t, "pdftotext")
	r, tree := specimen(t, 3)
	for range 60 {
		r.Gaps = append(r.Gaps, r.Gaps[0])
	}
	b := &Beside{Audience: "public", Recipe: RecipeDigest(&r.Recipe), Figures: FiguresOf(r)}
	dir := t.TempDir()
	page, pdf := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.pdf")
	var out bytes.Buffer
	if err := HTMLBeside(&out, r, "olt-5.2.1", tree, specimenMessages, b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--print-to-pdf="+pdf, "file://"+page)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("chromium: %v\n%.500s", err, out)
	}
	text, err := exec.Command(pdftotext, "-layout", pdf, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	pages := strings.Split(strings.TrimSuffix(string(text), "\f"), "\f")
	if len(pages) < 3 {
		t.Fatalf("%d pages, want some", len(pages))
	}
	for i, p := range pages {
		for _, want := range []string{"olt-5.2.1", "for: public", "as of 2026-11-22", "release sha256:" + r.Release.Digest.String(), "recipe sha256:" + b.Recipe.String(), fmt.Sprintf("page %d of %d", i+1, len(pages))} {
			if !strings.Contains(p, want) {
				t.Errorf("page %d lacks %q", i+1, want)
			}
		}
	}
}
