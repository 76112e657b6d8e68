package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

// invented is a product of n files in two releases: 1.0, and 1.1 with every
// third file changed.
func invented(n int) (data []byte, old, new map[string]string) {
	p := Product{Name: "invented", Versions: []string{"1.0", "1.1"}}
	old, new = map[string]string{}, map[string]string{}
	for i := range n {
		path := fmt.Sprintf("src/part%d/file%d.c", i%3, i)
		a := program(fmt.Sprintf("product%d", i), 12)
		b := a
		if i%3 == 0 {
			b += program(fmt.Sprintf("added%d", i), 3)
		}
		old[path], new[path] = a, b
		f := SourceFile{Path: path}
		for k, src := range []string{a, b} {
			sum := sha256.Sum256([]byte(src))
			if k == 1 && a == b {
				f.Variants[0].In |= 2
				continue
			}
			f.Variants = append(f.Variants, Variant{In: 1 << k, Sum: binary.LittleEndian.Uint32(sum[:]), Hashes: Sketch(src)})
		}
		p.Files = append(p.Files, f)
	}
	return Encode([]Product{p}), old, new
}

func TestClones(t *testing.T) {
	data, old, new := invented(30)
	c := With(data)
	judge := func(put func(add func(path, src string))) string {
		tree := &checktest.Tree{}
		put(func(path, src string) { tree.Add("fw/"+path, 0o644, []byte(src)) })
		tree.Add("fw/own.c", 0o644, []byte(program("own", 40)))
		var lines []string
		for line := range strings.Lines(checktest.String(c, tree.Judge(t, c))) {
			if strings.Contains(line, "of invented") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return strings.Join(lines, "\n")
	}
	for name, x := range map[string]struct {
		put  func(add func(path, src string))
		want string
	}{
		"nothing": {func(add func(string, string)) {}, ""},
		"whole": {func(add func(string, string)) {
			for p, src := range old {
				add("lib/"+p, src)
			}
		}, "30 files are ones of invented 1.0, 0 of them changed: 1 full, 0 partial copies, 0 fragments. full in fw/lib (30 of 30 known files, 30 as released, like 1.0)."},
		"two copies": {func(add func(string, string)) {
			for p, src := range old {
				add("a/"+p, src)
				add("b/x/"+p, "/* taken over */\n"+new[p])
			}
		}, "60 files are ones of invented 1.0 to 1.1, 30 of them changed: 2 full, 0 partial copies, 0 fragments. full in fw/a (30 of 30 known files, 30 as released, like 1.0); full in fw/b/x (30 of 30 known files, 0 as released, like 1.1)."},
		"part": {func(add func(string, string)) {
			for i := range 6 {
				p := fmt.Sprintf("src/part%d/file%d.c", i%3, i)
				add("c/"+p, new[p])
			}
		}, "6 files are ones of invented 1.1, 0 of them changed: 0 full, 1 partial copies, 0 fragments. partial in fw/c (6 of 30 known files, 6 as released, like 1.1)."},
		"one file under another name": {func(add func(string, string)) { add("d/x.c", new["src/part1/file1.c"]+"\n") },
			"1 files are ones of invented 1.0 to 1.1, 1 of them changed: 0 full, 0 partial copies, 1 fragments. fragment in fw/d (1 of 30 known files, 0 as released, like 1.0 to 1.1)."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judge(x.put); got != x.want {
				t.Errorf("\n got %s\nwant %s", got, x.want)
			}
		})
	}
}

// The data that is built in can be read, and stays small.
func TestReleases(t *testing.T) {
	x, err := newIndex(releasesData)
	if err != nil {
		t.Fatal(err)
	}
	if len(releasesData) > 500_000 || len(x.products) < 40 {
		t.Errorf("%d bytes, %d products", len(releasesData), len(x.products))
	}
	for _, p := range x.products {
		if len(p.Versions) == 0 || len(p.Versions) > 64 || len(p.Files) == 0 {
			t.Errorf("%s: %d releases, %d files", p.Name, len(p.Versions), len(p.Files))
		}
		for _, f := range p.Files {
			for _, v := range f.Variants {
				if v.In == 0 || len(v.Hashes) != knownHashes || !slices.IsSorted(v.Hashes) {
					t.Errorf("%s %s: %+v", p.Name, f.Path, v)
				}
			}
		}
	}
}

func TestEncode(t *testing.T) {
	data, _, _ := invented(5)
	products, err := decode(data)
	if err != nil || !bytes.Equal(Encode(products), data) {
		t.Errorf("%v: %d products", err, len(products))
	}
	for i := range len(data) {
		if _, err := decode(data[:i]); err == nil {
			t.Errorf("cut at %d is read", i)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, _, _ := invented(3)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) { newIndex(data) })
}
