package tmf639

import (
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/inventory"
)

func TestGolden(t *testing.T) {
	inventory.Golden(t, Reader, map[string]map[string]string{"role": {"user plane box": "UPF"}, "maker": {"Birch Systems, Ltd.": "birch"}})
}

func Fuzz(f *testing.F) { inventory.Fuzz(f, Reader) }

func TestRelations(t *testing.T) {
	own := map[string]string{"blesses": "managed-by", "ignores": ""}
	for name, want := range map[string]string{"blesses": "managed-by", "ignores": "", "CONTAINS": "<part-of", "runs_on": "runs-on"} {
		if got, ok := relationOf(name, own); got != want || !ok {
			t.Errorf("%s: %q %v", name, got, ok)
		}
	}
	if _, ok := relationOf("dependsOn", own); ok {
		t.Error("dependsOn says not what of the other is needed")
	}
}

// Parts that contain each other end somewhere.
func TestCircle(t *testing.T) {
	n := inventory.Read(t, Reader, nil, inventory.File("x.json", `[
		{"id":"a","resourceRelationship":[{"relationshipType":"partOf","resource":{"id":"b"}},{"relationshipType":"connectsTo","resource":{"id":"c"}}]},
		{"id":"b","resourceRelationship":[{"relationshipType":"partOf","resource":{"id":"a"}}]},
		{"id":"c","category":"UPF","resourceRelationship":[{"relationshipType":"partOf","resource":{"id":"c"}}]}]`))
	if got := inventory.Text(t, n); !strings.Contains(got, "UPF") {
		t.Error(got)
	}
}
