package ident_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/format/data"
	"github.com/wardein/wardein/format/hwnp"
	"github.com/wardein/wardein/format/ident"
	"github.com/wardein/wardein/format/updateapp"
	"github.com/wardein/wardein/format/vendor"
	"github.com/wardein/wardein/internal/testkit"
)

// TestWalkCorpus tells for every file of the corpus which of the formats that
// only recognise (and of the vendors' headers) claims its beginning. Files
// that no line names are those of the formats with a reader of their own.
func TestWalkCorpus(t *testing.T) {
	all := slices.Concat(vendor.Formats, []wardein.Format{hwnp.Format, updateapp.Format}, data.Formats, ident.Formats)
	for _, dir := range []string{"fact_extractor", "binwalk-v3-inputs", "openwrt"} {
		paths, err := filepath.Glob(filepath.Join(testkit.Corpus(t, dir), "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			content, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(p, ".img.xz") {
				if content, err = exec.Command(testkit.Tool(t, "xz"), "-dc", p).Output(); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%s/%s: %s", dir, filepath.Base(p), recognise(all, content))
		}
	}
}

func recognise(all []wardein.Format, content []byte) string {
	r := testkit.Section(content)
	var names []string
	for _, f := range all {
		if !testkit.Marked(f, r) {
			continue
		}
		if claim, err := f.Measure(r); !errors.Is(err, wardein.ErrNotMine) && claim.End > 0 {
			names = append(names, f.Name+" "+claim.Confidence.String())
		}
	}
	if names == nil {
		return "-"
	}
	return strings.Join(names, ", ")
}
