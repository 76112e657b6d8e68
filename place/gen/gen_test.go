package gen

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/reader/csv"
)

type memory struct {
	bytes.Buffer
}

func (m *memory) Close() error { return nil }

func tables(t testing.TB, n *place.Network) map[string]*memory {
	files := map[string]*memory{}
	if err := csv.Write(n, func(name string) (io.WriteCloser, error) {
		files[name] = &memory{}
		return files[name], nil
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t testing.TB, files map[string]*memory) *place.Network {
	b := place.NewBuilder()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		in := place.Input{Name: name, Source: b.Source(place.Source{Name: name}), Reader: bytes.NewReader(files[name].Bytes())}
		if err := csv.Reader.Read(context.Background(), b, in); err != nil {
			t.Fatal(name, err)
		}
	}
	return b.Finish()
}

// TestRepeats: the same numbers give the same network, and written as tables
// and read again it is the same, too.
func TestRepeats(t *testing.T) {
	one, err := Network(Options{Elements: 3000, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	two, _ := Network(Options{Elements: 3000, Seed: 7})
	a, b := tables(t, one), tables(t, two)
	again := read(t, a)
	if len(one.Gaps)+len(again.Gaps) > 0 {
		t.Fatalf("gaps: %v %v", one.Gaps, again.Gaps)
	}
	c := tables(t, again)
	for name := range a {
		if a[name].String() != b[name].String() || a[name].String() != c[name].String() {
			t.Errorf("%s differs", name)
		}
	}
	if again.Nodes() != 3000 {
		t.Errorf("%d nodes", again.Nodes())
	}
}

func BenchmarkImport(b *testing.B) {
	n, err := Network(Options{Elements: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	files := tables(b, n)
	var size int64
	for _, f := range files {
		size += int64(f.Len())
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		read(b, files)
	}
	b.ReportMetric(float64(len(n.Links)), "links")
}

func BenchmarkExposure(b *testing.B) {
	n, err := Network(Options{Elements: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	s := n.At(place.Day(2026, 11, 22))
	for b.Loop() {
		if _, err := exposure.Of(context.Background(), s, exposure.Options{By: "vendor"}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestExposure(t *testing.T) {
	n, err := Network(Options{Elements: 3000, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range exposure.Kinds {
		r, err := exposure.Of(context.Background(), n.At(place.Day(2026, 11, 22)), exposure.Options{By: by})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range r.Rows {
			for v, x := range row.Views {
				if x.Must.Bps > x.Expected.Bps+1 || x.Expected.Bps > x.Could.Bps+1 || x.Could.Bps > r.Total.Bps || x.Must.Sites > x.Expected.Sites+9 || x.Expected.Sites > x.Could.Sites+9 {
					t.Errorf("%s %s %s: %+v of %+v", by, row.Who, exposure.View(v), x, r.Total)
				}
			}
		}
		if by == "vendor" {
			t.Logf("%+v", r.Rows[0])
			t.Logf("%+v %+v %v", r.Total, r.Unrouted, r.Gaps)
		}
	}
}
