package all

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/wardein/wardein/report"
)

const handbook = "../../docs/checks.md"

// docs/checks.md is what the Docs say.
func TestHandbook(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Checks\n\nGenerated from each check's Doc by `go test ./check/all -update`.\n")
	for _, c := range Checks() {
		report.DocMarkdown(&b, c.Name, fmt.Sprintf("version %d", c.Version), &c.Doc)
	}
	// The flag is testkit's: -update rewrites what is expected.
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(handbook, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(handbook); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the checks' Docs say: go test ./check/all -update", handbook)
	}
}
