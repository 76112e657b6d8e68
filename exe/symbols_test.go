package exe

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// The symbols are those that the standard library reads, with section headers
// and without.
func TestDynamicSymbols(t *testing.T) {
	files, _ := filepath.Glob("/usr/lib/*-linux-gnu/lib[cz].so.*")
	if len(files) == 0 {
		testkit.Skip(t, "no library of the system was found")
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		list, err := ref.DynamicSymbols()
		ref.Close()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, s := range list {
			want = append(want, s.Name)
		}
		for _, strip := range []bool{false, true} {
			f, err := Open(testkit.Section(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			if strip {
				f.Sections = nil
			}
			got, err := f.DynamicSymbols()
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, s := range got[1:] {
				names = append(names, s.Name)
			}
			if strip && len(names) > len(want) { // bounded by the names behind them
				names = names[:len(want)]
			}
			if !slices.Equal(names, want) {
				t.Errorf("%s, stripped %v: %d symbols, want %d", path, strip, len(names), len(want))
			}
		}
	}
}
