package exe_test

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/testkit"
)

// machoSamples are the samples of format/macho.
func machoSamples(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../format/macho/testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no samples", err)
	}
	all := map[string][]byte{}
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			if f.Name == "in.hex" {
				all[filepath.Base(p)] = testkit.Hex(t, string(f.Data))
			}
		}
	}
	return all
}

func TestMachOSymbols(t *testing.T) {
	data := machoSamples(t)["program.txt"]
	f, err := exe.OpenMachO(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.SymbolTable()
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]bool{}
	for _, s := range symbols {
		imported[s.Name] = s.Undefined()
	}
	for name, want := range map[string]bool{"_main": false, "_f": false, "_puts": true, "___stack_chk_fail": true, "dyld_stub_binder": true} {
		if got, ok := imported[name]; !ok || got != want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	if f.Flags&exe.MachPIE == 0 || f.Flags&exe.MachAllowStackExecution != 0 || !f.HasEntry {
		t.Errorf("flags %#x, entry %#x", f.Flags, f.Entry)
	}
}

// Sizes that a file states and does not have cost nothing.
func TestMachOHostile(t *testing.T) {
	data := bytes.Clone(machoSamples(t)["program.txt"])
	for off := 0; off+4 <= 0x5B8; off += 4 {
		b := bytes.Clone(data)
		binary.LittleEndian.PutUint32(b[off:], 0xFFFFFFFF)
		readMachO(t, b)
	}
}

func readMachO(t *testing.T, data []byte) {
	r := bytes.NewReader(data)
	if f, err := exe.OpenMachO(r, int64(len(data))); err == nil {
		if f.End < 0 || f.End > int64(len(data)) || f.HeaderSize > int64(len(data)) {
			t.Fatalf("ends at %d, header at %d of %d bytes", f.End, f.HeaderSize, len(data))
		}
		places := []exe.Place{f.Symbols, f.Strings, f.Signature}
		for _, x := range f.Tables {
			places = append(places, x.Place)
		}
		for _, p := range places {
			if p.Off < 0 || p.Len < 0 || p.Len > int64(len(data))-p.Off {
				t.Fatalf("a table at %d, %d of %d bytes", p.Off, p.Len, len(data))
			}
		}
		f.SymbolTable()
	}
	if f, err := exe.OpenFat(r, int64(len(data))); err == nil && (f.End < 0 || f.End > int64(len(data))) {
		t.Fatalf("fat file ends at %d of %d bytes", f.End, len(data))
	}
}

func FuzzMachO(f *testing.F) {
	for _, data := range machoSamples(f) {
		if len(data) < 4096 {
			f.Add(data)
		}
	}
	f.Fuzz(readMachO)
}
