package config

import (
	"path"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check()) }
func Fuzz(f *testing.F)       { checktest.Fuzz(f, Check()) }

// Every row of the table is complete, and its file names can match.
func TestSettings(t *testing.T) {
	n := 0
	for key, list := range settings() {
		for _, s := range list {
			n++
			_, known := severities[s.Severity]
			if s.Group == "" || len(s.Files) == 0 || len(s.Bad) == 0 || s.Says == "" || !strings.HasPrefix(s.Case, "TC_") || s.Source == "" || !known {
				t.Errorf("%s: %+v", key, s)
			}
			for _, f := range s.Files {
				if _, err := path.Match(f, "x"); err != nil {
					t.Errorf("%s: %q: %v", key, f, err)
				}
			}
		}
	}
	if n < 25 {
		t.Errorf("%d settings", n)
	}
}

func BenchmarkNode(b *testing.B) {
	checktest.Benchmark(b, Check(), []byte(strings.Repeat("net.ipv4.conf.all.rp_filter = 1\n# a comment\nother.key=value\n", 2000)))
}
