package equiv

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The page for users has the rules as they are.
func TestDocs(t *testing.T) {
	const page, begin, end = "../../docs/equiv.md", "<!-- rules -->\n", "<!-- end of rules -->"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("no place for the rules")
	}
	var s strings.Builder
	s.WriteString("| rule | class | accepts | source |\n|---|---|---|---|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&s, "| `%s` | %s | %s | %s |\n", r.Name, r.Class, strings.ReplaceAll(r.Doc, "|", `\|`), r.Source)
	}
	want := head + begin + s.String() + end + tail
	if string(b) == want {
		return
	}
	if flag.Lookup("update").Value.String() != "true" { // the flag is testkit's
		t.Fatal("docs/equiv.md is not up to date: go test ./compare/equiv -update")
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
