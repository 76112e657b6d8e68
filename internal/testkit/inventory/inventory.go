// Package inventory tests readers of inventory files by samples.
package inventory

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	_ "github.com/wardein/wardein/internal/testkit" // has -update
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/reader/csv"
)

// Sample is a file of testdata: prose, input files, and what is read from them,
// as tables and gaps.
type Sample struct {
	Name  string
	Files []txtar.File
	Want  string
	path  string
	ar    *txtar.Archive
}

// Samples are those of testdata/*.txt.
func Samples(t testing.TB) (list []*Sample) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if len(paths) == 0 {
		t.Fatal("no samples")
	}
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := &Sample{Name: strings.TrimSuffix(filepath.Base(path), ".txt"), path: path, ar: ar}
		for _, f := range ar.Files {
			if f.Name == "want" {
				s.Want = string(f.Data)
			} else {
				s.Files = append(s.Files, f)
			}
		}
		list = append(list, s)
	}
	return list
}

// Read reads files by one reader. An error of the reader is a gap, as the
// program has it.
func Read(t testing.TB, r place.Reader, columns map[string]map[string]string, files ...txtar.File) *place.Network {
	t.Helper()
	b := place.NewBuilder()
	for _, f := range files {
		in := place.Input{Name: f.Name, Source: b.Source(place.Source{Name: f.Name}), Size: int64(len(f.Data)), Reader: bytes.NewReader(f.Data), Map: columns}
		if err := r.Read(context.Background(), b, in); err != nil {
			b.Gap(place.Origin{Source: in.Source}, "", err.Error(), true)
		}
	}
	return b.Finish()
}

type file struct{ *strings.Builder }

func (file) Close() error { return nil }

// Text prints a network as tables and gaps.
func Text(t testing.TB, n *place.Network) string {
	t.Helper()
	var out strings.Builder
	err := csv.Write(n, func(name string) (io.WriteCloser, error) {
		fmt.Fprintf(&out, "# %s\n", name)
		return file{&out}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Gaps) > 0 {
		out.WriteString("# gaps\n")
	}
	for _, g := range n.Gaps {
		what := "value"
		if g.Dropped {
			what = "row"
		}
		fmt.Fprintf(&out, "%s:%d %s: %s (%s)\n", g.File, g.Row, g.Column, g.Why, what)
	}
	return out.String()
}

// Golden reads each sample, whose files the reader must know, and compares what
// it gives. -update writes the expectations anew.
func Golden(t *testing.T, r place.Reader, columns map[string]map[string]string) {
	if r.Doc.About == "" || r.Doc.How == "" || len(r.Doc.References) == 0 {
		t.Errorf("%s: Doc needs About, How and References", r.Name)
	}
	for _, s := range Samples(t) {
		t.Run(s.Name, func(t *testing.T) {
			for _, f := range s.Files {
				if !r.Detect(f.Name, f.Data[:min(len(f.Data), 4096)]) {
					t.Errorf("%s is not known by its form", f.Name)
				}
			}
			got := Text(t, Read(t, r, columns, s.Files...))
			if flag.Lookup("update").Value.String() == "true" { // testkit's
				s.ar.Files = append(s.Files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(s.path, txtar.Format(s.ar), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if got != s.Want {
				t.Errorf("got\n%s\nwant\n%s", got, s.Want)
			}
		})
	}
}

// Fuzz reads changed samples: nothing may panic, all rows that a network has
// are resolved, and the same bytes give the same network.
func Fuzz(f *testing.F, r place.Reader) {
	for _, s := range Samples(f) {
		for _, in := range s.Files {
			f.Add(in.Name, in.Data)
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if len(data) > 64<<10 || len(name) > 100 {
			return
		}
		r.Detect(name, data[:min(len(data), 4096)])
		n := Read(t, r, nil, txtar.File{Name: name, Data: data})
		for i := range n.Links {
			if a, b := n.Ends(&n.Links[i]); a == b || n.ID(a) != n.Links[i].A || n.ID(b) != n.Links[i].B {
				t.Fatalf("link %+v", n.Links[i])
			}
		}
		if one, two := Text(t, n), Text(t, Read(t, r, nil, txtar.File{Name: name, Data: data})); one != two {
			t.Fatalf("two readings differ:\n%s\n%s", one, two)
		}
	})
}

// Input is an input file.
type Input = txtar.File

// File makes an input file.
func File(name, text string) Input { return Input{Name: name, Data: []byte(text)} }

// Bench measures how fast a file is read.
func Bench(b *testing.B, r place.Reader, in Input) {
	b.SetBytes(int64(len(in.Data)))
	b.ReportAllocs()
	for b.Loop() {
		Read(b, r, nil, in)
	}
}
