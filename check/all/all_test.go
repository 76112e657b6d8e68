package all

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wardein/wardein/report/ts33117"
)

// accusing are words about authors. Rules describe bytes: undocumented, not
// secret; differs, and no word for who did it.
var accusing = []string{"backdoor", "back door", "spy", "spies", "malicious", "siphon", "suspicious", "tamper"}

// Every check has what a user and a reviewer need, in words that describe
// bytes.
func TestChecks(t *testing.T) {
	names, ids := map[string]bool{}, map[string]string{}
	for _, c := range Checks() {
		if c.Name == "" || names[c.Name] || c.Version < 1 {
			t.Errorf("check %q: no name of its own, or no version", c.Name)
		}
		names[c.Name] = true
		d := c.Doc
		if d.About == "" || d.How == "" || len(d.FalsePositives) == 0 || len(d.FalseNegatives) == 0 || len(d.Limits) == 0 || len(d.References) == 0 {
			t.Errorf("%s: Doc is not complete", c.Name)
		}
		if c.Node == nil && c.Tree == nil {
			t.Errorf("%s does nothing", c.Name)
		}
		if samples, _ := filepath.Glob("../" + c.Name + "/testdata/*.txt"); len(samples) < 2 {
			t.Errorf("%s has %d samples: at least one must hit and one must not", c.Name, len(samples))
		}
		said := []string{d.About, d.How}
		for _, list := range [][]string{d.FalsePositives, d.FalseNegatives, d.Limits, d.References} {
			said = append(said, list...)
		}
		for id, s := range c.Messages {
			if !strings.HasPrefix(id, c.Name+".") {
				t.Errorf("%s: message %q does not begin with the check's name", c.Name, id)
			}
			if ids[id] != "" {
				t.Errorf("message %q is of %s and of %s", id, ids[id], c.Name)
			}
			ids[id] = c.Name
			said = append(said, id, s)
		}
		refuse(t, c.Name, said)
	}
}

// literal is a string of a Go source: the rules' names are among them.
var literal = regexp.MustCompile("\"(?:[^\"\\\\\n]|\\\\.)*\"|`[^`]*`")

// No string in a check's source says such a word either.
func TestSources(t *testing.T) {
	files, _ := filepath.Glob("../*/*.go")
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		refuse(t, f, literal.FindAllString(string(src), -1))
	}
}

// link is what others named, and quoted for that.
var link = regexp.MustCompile(`https?://\S+`)

// Nor does a table of ours, a report or a page of the manual. Names of packages
// and texts of programs (check/component/data) are others' words.
func TestTables(t *testing.T) {
	read := 0
	for _, dir := range []string{"..", "../../report", "../../startup", "../../inspect", "../../cmd", "../../docs", "../../internal/cfuncs", "../../internal/htmlpage"} {
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir():
				if d.Name() == "testdata" || p == filepath.Join("..", "component", "data") {
					return filepath.SkipDir
				}
				return nil
			case strings.HasSuffix(p, "_test.go"):
				return nil
			}
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			if utf8.Valid(data) {
				read++
				refuse(t, p, strings.Split(link.ReplaceAllString(string(data), ""), "\n"))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if read < 100 {
		t.Errorf("%d files read", read)
	}
}

func refuse(t *testing.T, where string, said []string) {
	t.Helper()
	for _, s := range said {
		for _, w := range accusing {
			if strings.Contains(strings.ToLower(s), w) {
				t.Errorf("%s: %q says %q", where, s, w)
			}
		}
	}
}

// Each rule's test cases of TS 33.117 are named as the standard names them.
func TestCases(t *testing.T) {
	for _, c := range Checks() {
		for rule, ids := range c.Cases {
			if !strings.HasPrefix(rule, c.Name+".") || len(ids) == 0 {
				t.Errorf("%s: cases of %q: %v", c.Name, rule, ids)
			}
			for _, id := range ids {
				if !ts33117.Known(id) {
					t.Errorf("%s: %q is not in report/ts33117/data/cases.toml", rule, id)
				}
			}
		}
	}
}
