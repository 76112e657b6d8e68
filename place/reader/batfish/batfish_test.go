package batfish

import (
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/inventory"
)

func TestGolden(t *testing.T) { inventory.Golden(t, Reader, nil) }

func Fuzz(f *testing.F) { inventory.Fuzz(f, Reader) }

func TestDamage(t *testing.T) {
	for _, c := range [][2]string{
		{`{"edges":[{"node1":{"hostname":"a"},"node2":{"hostname":"b"}},{"node1"`, "unexpected EOF"},
		{`{"edges":{}}`, "edges: found {, want a list"},
		{`{"nodes":[]}`, "no edges in it"},
		{`[]`, "found [, want an object"},
	} {
		if got := inventory.Text(t, inventory.Read(t, Reader, nil, inventory.File("x.json", c[0]))); !strings.Contains(got, c[1]) {
			t.Errorf("%s:\n%s\nwant %q", c[0], got, c[1])
		}
	}
}
