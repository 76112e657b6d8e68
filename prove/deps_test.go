package prove

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// Whoever verifies need not trust a log's or an encryption's code: these are
// the modules that are linked beside the standard library, the last two by
// transparency-dev/formats.
var modules = []string{
	"github.com/wardein/wardein", "golang.org/x/mod", "github.com/transparency-dev/formats", "github.com/transparency-dev/merkle",
	"filippo.io/mldsa", "golang.org/x/crypto",
}

func TestModules(t *testing.T) {
	out, err := exec.Command(testkit.Tool(t, "go"), "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for m := range strings.FieldsSeq(string(out)) {
		if !slices.Contains(modules, m) {
			t.Errorf("links %s", m)
		}
	}
}
