package wardein_test

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/wardein/wardein"

// layers is the dependency rule: a package imports packages of lower layers
// only, and packages of one layer do not know each other. First match wins.
var layers = []struct {
	pattern string
	layer   int
	why     string
}{
	{"internal/testkit", 99, "for tests only"},
	{"internal/testkit/*", 99, "for tests only"},
	{"internal/*", 1, ""},
	{".", 2, ""},
	{"codec/xz", 3, ""},
	{"codec/*", 3, ""},
	{"exe/insn", 2, "instructions, of no file"},
	{"exe", 3, ""},
	{"startup", 3, ""},
	{"vulndb", 3, ""},
	{"vulndb/*", 3, ""},
	{"format/all", 6, ""},
	{"check/all", 6, ""},
	{"format/*", 4, ""},
	{"check/*", 4, ""},
	{"report", 4, ""},
	{"report/*", 5, "forms of the report for other tools"},
	{"store", 4, ""},
	{"store/*", 4, ""},
	{"unpack", 5, ""},
	{"inspect", 5, ""},
	{"compare/function", 4, ""},
	{"compare", 5, ""},
	{"compare/*", 5, ""},
	{"place/graph", 3, "of no network"},
	{"place", 4, ""},
	{"place/reader/all", 6, ""},
	{"place/*", 5, ""},
	{"place/reader/*", 5, ""},
	{"observe", 5, ""},
	{"prove/result", 4, "what comparisons gave, as claims and profiles take it"},
	{"prove/dsse", 3, "envelopes of whatever is signed"},
	{"prove/statement", 4, "what is signed, and the log's entry of it"},
	{"prove/keys", 4, ""},
	{"prove/policy", 4, ""},
	{"prove", 5, ""},
	{"prove/*", 5, ""},
	{"serve", 7, ""},
	{"cmd/wardein", 8, ""},
	{"bench", 99, "measures the others from outside"},
	{"bench/*", 99, "measures the others from outside"},
	{"bench/*/*", 99, "measures the others from outside"},
	{"samples/*", 99, "builds samples"},
}

// sameLayer lists the exceptions to "packages of one layer do not know each
// other", with their reasons.
var sameLayer = map[[2]string]string{
	{"codec/xz", "codec/lzma"}:             "an xz block is LZMA2 inside a container of checks",
	{"codec/xz", "codec/bcj"}:              "xz blocks name BCJ filters",
	{"vulndb/feed", "vulndb"}:              "writes the database",
	{"vulndb/feed", "vulndb/version"}:      "makes the keys of versions",
	{"vulndb/feed", "codec/xz"}:            "feeds may be packed",
	{"vulndb/feed", "codec/inflate"}:       "zip files are read with it",
	{"vulndb", "vulndb/version"}:           "compares versions by their keys",
	{"prove", "prove/record"}:              "a bundle holds records, and one that is none is refused",
	{"compare", "compare/findings"}:        "what both sides were found to have is a part of what changed",
	{"place/plan", "place/policy"}:         "a plan answers a broken rule",
	{"place/plan", "place/exposure"}:       "a plan keeps exposures within bounds",
	{"place/print", "place/exposure"}:      "prints its results",
	{"place/print", "place/policy"}:        "prints its results",
	{"place/print", "place/plan"}:          "prints its results",
	{"place/page", "place/print"}:          "the page of what it prints",
	{"place/page", "place/exposure"}:       "prints its results",
	{"place/page", "place/policy"}:         "prints its results",
	{"place/page", "place/plan"}:           "prints its results",
	{"place/policy", "place/exposure"}:     "rules may bound what is exposed",
	{"prove/decision", "prove/profile"}:    "a sheet shows what a report says to a profile",
	{"prove/decision", "compare/findings"}: "a waiver is carried from the release before",
	{"store/disk", "store"}:                "implements its contract",
	{"store/storetest", "store"}:           "tests its contract",
}

// speechless packages say what they have to say through what they are handed.
var speechless = []string{"log", "os", "os/exec", "net", "net/http"}

func layerOf(pkg string) (int, bool) {
	for _, l := range layers {
		if ok, _ := filepath.Match(l.pattern, pkg); ok {
			return l.layer, true
		}
	}
	return 0, false
}

// TestLayers reads the sources itself: a test that asks the go command is
// served from its cache when files are new.
func TestLayers(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "work" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		layer, ok := layerOf(pkg)
		if !ok {
			t.Errorf("%s: package %s has no layer", path, pkg)
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			if strings.HasPrefix(pkg, "format/") || strings.HasPrefix(pkg, "check/") {
				for _, no := range speechless {
					if name == no {
						t.Errorf("%s imports %s: formats and checks speak through what they are handed", path, name)
					}
				}
			}
			rest, inside := strings.CutPrefix(name, module)
			if !inside {
				if pkg == "." && strings.Contains(name, ".") {
					t.Errorf("%s imports %s: the vocabulary knows the standard library alone", path, name)
				}
				continue
			}
			to := strings.TrimPrefix(rest, "/")
			if to == "" {
				to = "."
			}
			low, ok := layerOf(to)
			if !ok {
				t.Errorf("%s imports %s, which has no layer", path, to)
			}
			if _, allowed := sameLayer[[2]string{pkg, to}]; low >= layer && !allowed && pkg != to && layer != 99 {
				t.Errorf("%s (layer %d) imports %s (layer %d)", path, layer, to, low)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSizes keeps the vocabulary small and files readable.
func TestSizes(t *testing.T) {
	root := 0
	filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "work" {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lines, code := 0, 0
		for s := bufio.NewScanner(f); s.Scan(); {
			lines++
			if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "//") {
				code++
			}
		}
		if lines > 550 {
			t.Errorf("%s has %d lines: split it", path, lines)
		}
		if !strings.Contains(path, "/") && !strings.HasSuffix(path, "_test.go") {
			root += code
		}
		return nil
	})
	// Comments don't count: the vocabulary shall be small, not terse.
	if root > 450 {
		t.Errorf("the vocabulary has %d lines of code, at most 450", root)
	}
}
