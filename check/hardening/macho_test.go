package hardening

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// Samples of format/macho, built with -fstack-protector-all.
func TestMachO(t *testing.T) {
	for name, want := range map[string]string{
		"program": "x86-64 position-independent program not executable, canary yes, marks , symbols yes, path ",
		"library": "x86-64 library not executable, canary yes, marks , symbols yes, path /opt/example",
		"object":  "",
	} {
		ar, err := txtar.ParseFile(filepath.Join("../../format/macho/testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		data := testkit.Hex(t, string(ar.Files[0].Data))
		got := ""
		b := wardein.Blob{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Format: "macho"}
		if err := Check.Node(context.Background(), b, func(f wardein.Fact) {
			got = f.Attr("arch") + " " + f.Attr("kind") + " " + f.Attr("stack") + ", canary " + f.Attr("canary") + ", marks " + f.Attr("marks") + ", symbols " + f.Attr("symbols") + ", path " + f.Attr("path")
		}); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}
