package complexity

import (
	"bytes"
	"context"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// The sample of format/macho has two functions, and the linker's stubs.
func TestMachO(t *testing.T) {
	ar, err := txtar.ParseFile("../../format/macho/testdata/program.txt")
	if err != nil {
		t.Fatal(err)
	}
	data := testkit.Hex(t, string(ar.Files[0].Data))
	got := ""
	b := wardein.Blob{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Format: "macho"}
	if err := Check.Node(context.Background(), b, func(f wardein.Fact) {
		got += f.Attr("arch") + ", " + f.Attr("bytes") + " bytes, functions " + f.Attr("functions") + " by " + f.Attr("by")
	}); err != nil {
		t.Fatal(err)
	}
	if want := "x86-64, 245 bytes, functions 2 by symbols"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
