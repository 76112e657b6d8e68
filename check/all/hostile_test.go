package all

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/inspect"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
	"github.com/wardein/wardein/report"
)

// look runs one check the way an inspection does, and fails on a crash, on a
// fact outside the bytes, and on memory that the size does not explain.
func look(t *testing.T, name string, c wardein.Check, data []byte, format string) checktest.Spent {
	t.Helper()
	class := "code-like"
	if utf8.Valid(data) && !bytes.ContainsAny(data, "\x00\x1b\x7f") {
		class = "text"
	}
	s, o := checktest.Look(t, inspect.New([]wardein.Check{c}).Look, c.Literals, data, format, class)
	if o[0].State > wardein.Failed || strings.HasPrefix(o[0].Why, "check failed: ") || o[0].State != wardein.Done && o[0].Why == "" {
		t.Errorf("%s over %s: %v: %s", c.Name, name, o[0].State, o[0].Why)
	}
	if most := 64<<20 + 64*int64(len(data)); s.Alloc > most {
		t.Errorf("%s over %s, %d bytes: allocates %d bytes, more than %d", c.Name, name, len(data), s.Alloc, most)
	}
	return s
}

// Inputs that were made to cost much crash nothing and cost a bounded multiple
// of their size: most as much of what is twice as long.
func TestHostileBytes(t *testing.T) {
	for _, c := range Checks() {
		if c.Node == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			n := 0
			for _, in := range checktest.Inputs(t, c, "../"+c.Name) {
				look(t, in.Name, c, in.At(12<<10), "")
				n++
			}
			t.Logf("%d inputs", n)
		})
	}
}

// few gives bytes so many times, as when the bound on reading is reached.
type few struct {
	io.ReaderAt
	left int
}

func (r *few) ReadAt(p []byte, off int64) (int, error) {
	if r.left--; r.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return r.ReaderAt.ReadAt(p, off)
}

// Reading may end at any time, and crashes no check.
func TestReadsEnd(t *testing.T) {
	programs, _ := filepath.Glob("../../exe/testdata/calls/bin/*")
	samples := smallSamples(t)
	for _, p := range programs {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, data)
	}
	for _, c := range Checks() {
		r := inspect.New([]wardein.Check{c})
		for i, data := range samples {
			for reads := range 6 {
				cut := func(ctx context.Context, b wardein.Blob, hits func(int) []int64) []wardein.Outcome {
					b.ReaderAt = &few{b.ReaderAt, reads}
					return r.Look(ctx, b, hits)
				}
				format, class := "", "text"
				if bytes.HasPrefix(data, []byte(exe.Magic)) {
					format, class = "elf", ""
				}
				if _, o := checktest.Look(t, cut, c.Literals, data, format, class); strings.HasPrefix(o[0].Why, "check failed: ") {
					t.Errorf("%s, sample %d, %d reads: %s", c.Name, i, reads, o[0].Why)
				}
			}
		}
	}
}

// codes are branches and stubs of each processor, as many as there is room.
var codes = map[uint16][][]byte{
	62:  {{0xe8, 0, 0, 0, 0}, {0xff, 0x25, 0, 0, 0, 0}, {0xf3, 0x0f, 0x1e, 0xfa}, {0xe9}, {0x0f, 0x84}},
	183: {{0, 0, 0, 0x94}, {0x10, 0, 0, 0x90, 0x11, 2, 0x40, 0xf9, 0x10, 2, 0, 0x91, 0x20, 2, 0x1f, 0xd6}, {0x10, 0, 0, 0x90}},
	40:  {{0, 0, 0, 0xeb}, {0, 0xc6, 0x8f, 0xe2, 0, 0xca, 0x8c, 0xe2, 0, 0xf0, 0xbc, 0xe5}, {0, 0xf0, 0, 0xf8}, {0x78, 0x47, 0xc0, 0x46}},
	8: {{0x0c, 0, 0, 0}, {0x8f, 0x99, 0x80, 0x10, 0x03, 0x20, 0xf8, 0x09, 0, 0, 0, 0}, {0x10, 0, 0, 1, 0, 0, 0, 0}, {0x10, 0, 0xff, 0xff, 0, 0, 0, 0},
		{0x17, 0x20, 0, 4, 0x8f, 0x99, 0x80, 0x10}, {0x3c, 0x1c, 0, 1, 0x27, 0x9c, 0, 0, 0x03, 0x99, 0xe0, 0x21, 0x17, 0x20, 0x10, 0}},
	20: {{0x48, 0, 0, 1}, {0x3d, 0x60, 0, 0x10, 0x81, 0x6b, 0, 0, 0x7d, 0x69, 3, 0xa6, 0x4e, 0x80, 4, 0x20}, {0x42, 0x9f, 0, 5}},
}

// Programs with many segments that load the same bytes, sections that are the
// same notes, libraries of one long name, symbols of one name, relocations,
// and code of nothing but branches: twice the file is read at most three times
// as much.
func TestHostilePrograms(t *testing.T) {
	makers := map[string]func(n int) checktest.Program{
		"loads": func(n int) checktest.Program {
			return checktest.Program{Machine: 62, Loads: n * 500, Symbols: 3000, Relocs: 3000, Code: codes[62][0], CodeSize: 1 << 14}
		},
		"notes":   func(n int) checktest.Program { return checktest.Program{Machine: 62, Notes: n * 1000} },
		"names":   func(n int) checktest.Program { return checktest.Program{Machine: 62, Names: n * 2000} },
		"needed":  func(n int) checktest.Program { return checktest.Program{Machine: 62, Needed: n * 2000} },
		"symbols": func(n int) checktest.Program { return checktest.Program{Machine: 62, Symbols: n * 5000} },
	}
	for machine, list := range codes {
		for i, code := range list {
			makers[fmt.Sprintf("code %d of machine %d", i, machine)] = func(n int) checktest.Program {
				return checktest.Program{Machine: machine, Big: machine == 8 || machine == 20, Symbols: 500, Relocs: n * 2000, Code: code, CodeSize: n << 16}
			}
		}
	}
	for name, maker := range makers {
		small, large := maker(1).Bytes(), maker(2).Bytes()
		if _, err := exe.Open(bytes.NewReader(small), int64(len(small))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, c := range Checks() {
			if c.Node == nil {
				continue
			}
			a, b := look(t, name, c, small, "elf"), look(t, name, c, large, "elf")
			if b.Read > 3*a.Read+1<<20 || b.Read > 24*int64(len(large))+4<<20 {
				t.Errorf("%s over %s: reads %d of %d bytes, %d of %d", c.Name, name, b.Read, len(large), a.Read, len(small))
			}
		}
	}
}

// A program of each processor with each of its numbers at an extreme.
func TestExtremes(t *testing.T) {
	files, _ := filepath.Glob("../../exe/testdata/calls/bin/*")
	checks, k, n := Checks(), 0, 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		checktest.Extremes(data, 400, 600, func(at int, changed []byte) {
			if k++; k%61 != 0 {
				return
			}
			n++
			for _, c := range checks {
				if c.Node != nil {
					look(t, fmt.Sprintf("%s, changed at %#x", filepath.Base(name), at), c, changed, "elf")
				}
			}
		})
	}
	t.Logf("%d programs", n)
	if n < 100 {
		t.Error("no programs to change")
	}
}

// smallSamples are the files of all checks' samples and the small ones of all
// formats.
func smallSamples(t *testing.T) (out [][]byte) {
	paths, _ := filepath.Glob("../*/testdata/*.txt")
	formats, _ := filepath.Glob("../../format/*/testdata/*.txt")
	for _, p := range append(paths, formats...) {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			data := f.Data
			if strings.HasSuffix(f.Name, ".hex") {
				data = testkit.Hex(t, string(data))
			}
			if f.Name != "want" && len(data) > 0 && len(data) <= 8<<10 {
				out = append(out, data)
			}
		}
	}
	return out
}

// Mutated samples of checks and formats, whatever the format is said to be:
// each pair of bytes and check ends done, failed for a reason, or not
// applicable. Sample number k is a function of k and the samples alone.
func TestMutations(t *testing.T) {
	const count = 1200
	samples := smallSamples(t)
	checks := Checks()
	states := map[wardein.State]int{}
	var literals []string
	r := inspect.New(checks)
	for _, c := range checks {
		literals = append(literals, c.Literals...)
	}
	for k := range uint64(count) {
		rng := rand.New(rand.NewPCG(k, 4))
		data := mutate(rng, samples[rng.IntN(len(samples))], samples[rng.IntN(len(samples))])
		format := [...]string{"", "", "text", "elf", "pe", "uimage", "kernel"}[rng.IntN(7)]
		class := [...]string{"text", "code-like", "mixed", "high entropy"}[rng.IntN(4)]
		_, outcomes := checktest.Look(t, r.Look, literals, data, format, class)
		if len(outcomes) != len(checks) {
			t.Fatalf("sample %d: %d outcomes of %d checks", k, len(outcomes), len(checks))
		}
		for _, o := range outcomes {
			states[o.State]++
			if o.State > wardein.Failed || strings.HasPrefix(o.Why, "check failed: ") || (o.State == wardein.Done) != (o.Why == "") {
				t.Errorf("sample %d: %s: %v: %q", k, o.Check, o.State, o.Why)
			}
		}
	}
	t.Logf("%d samples, %d mutated: %v", len(samples), count, states)
}

// mutate changes bytes, cuts, repeats, and sets another sample in.
func mutate(rng *rand.Rand, in, other []byte) []byte {
	data := bytes.Clone(in)
	for range 1 + rng.IntN(4) {
		if len(data) == 0 {
			return other
		}
		at := rng.IntN(len(data))
		switch rng.IntN(6) {
		case 0, 1:
			data[at] ^= 1 << rng.IntN(8)
		case 2:
			data = data[:at]
		case 3:
			data = append(data, other...)
		case 4:
			n := rng.IntN(min(512, len(data)-at) + 1)
			data = append(data[:at:at], append(bytes.Clone(data[at:at+n]), data[at:]...)...)
		case 5:
			data = append(append(bytes.Clone(data[:at]), other...), data[at:]...)
		}
	}
	return data
}

// releases is one release of all checks' samples, with the facts that all
// checks state about them.
func releases(t *testing.T, checks []wardein.Check) *checktest.Tree {
	paths, _ := filepath.Glob("../*/testdata/*.txt")
	all := &txtar.Archive{}
	for i, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			if f.Name != "links" && f.Name != "modes" && f.Name != "want" {
				f.Name = fmt.Sprintf("s%d%s", i, f.Name)
				all.Files = append(all.Files, f)
			}
		}
	}
	tree := checktest.Load(t, all)
	tree.State(checks)
	return tree
}

// A release that is twice as large asks and allocates about twice as much; no
// text and no list of quotes grows with it.
func TestHostileTrees(t *testing.T) {
	checks := Checks()
	base := releases(t, checks)
	for _, how := range []string{"roots", "names", "folders", "deep"} {
		before := map[string]checktest.Spent{}
		for _, n := range []int{80, 160} { // beyond what checks bound by number
			f := checktest.NewForest()
			f.Grow(base, how, n)
			for _, c := range checks {
				if c.Tree == nil {
					continue
				}
				f.Asked = 0
				now := checktest.Measure(func() {
					if c.Components != nil {
						if err := c.Components(context.Background(), f, func(wardein.Component) {}); err != nil {
							t.Error(err)
						}
					}
					// What Tree ends in are Gaps.
					if err := c.Tree(context.Background(), f, func(x wardein.Finding) { bounded(t, how, c, &x) }); err != nil && len(err.Error()) > 4<<10 {
						t.Errorf("%s: Gaps of %d bytes", c.Name, len(err.Error()))
					}
				})
				now.Reads = f.Asked
				if b := before[c.Name]; n > 80 && (now.Reads > b.Reads*5/2+100 || now.Alloc > b.Alloc*3+1<<20) {
					t.Errorf("%s over %s, %d times the samples: asked %d times, allocated %d; half of them: %d, %d", c.Name, how, n, now.Reads, now.Alloc, b.Reads, b.Alloc)
				}
				before[c.Name] = now
			}
		}
	}
}

func bounded(t *testing.T, how string, c wardein.Check, x *wardein.Finding) {
	for _, text := range []wardein.Text{x.Says, x.Fix, x.Meanwhile} {
		if s := report.Render(text, c.Messages); len(s) > 12<<10 {
			t.Errorf("%s over %s: a text of %d bytes: %.100s", x.Rule, how, len(s), s)
		}
	}
	if len(x.Quotes) > 16 {
		t.Errorf("%s over %s: %d quotes", x.Rule, how, len(x.Quotes))
	}
}

// Links in circles and without an end, long names and names that no terminal
// should see cost no check more than their number.
func TestHostileLinks(t *testing.T) {
	checks := Checks()
	base := releases(t, checks)
	grown := func(n int) *checktest.Forest {
		f := checktest.NewForest()
		f.Grow(base, "roots", 1)
		link := func(path, target string) {
			sum := sha256.Sum256([]byte(path))
			f.Put(wardein.Node{Path: path, Entry: wardein.Entry{Name: path, Kind: wardein.Symlink, Target: target}, Blob: wardein.Digest(sum)}, "")
		}
		for i := range n {
			link(fmt.Sprintf("etc/rc.d/S%02dx%d", i%100, i), fmt.Sprintf("S%02dx%d", (i+1)%100, (i+1)%n))
			link(fmt.Sprintf("etc/rcS.d/S%02dy%d", i%100, i), strings.Repeat("../rcS.d/", 400)+fmt.Sprintf("S%02dy%d", i%100, i))
			link(fmt.Sprintf("etc/init.d/S%02d\n\x1b[2J%d", i%100, i), "/"+strings.Repeat("a/", 2000))
			link(fmt.Sprintf("lib/liba%d.so", i), fmt.Sprintf("liba%d.so", (i+1)%n))
			link(strings.Repeat("d/", 3000)+fmt.Sprintf("etc/rc.d/S%02dz%d", i%100, i), "../../init")
		}
		return f
	}
	small, large := grown(60), grown(120)
	for _, c := range checks {
		if c.Tree == nil {
			continue
		}
		run := func(f *checktest.Forest) checktest.Spent {
			f.Asked = 0
			s := checktest.Measure(func() { _ = c.Tree(context.Background(), f, func(x wardein.Finding) { bounded(t, "links", c, &x) }) })
			s.Reads = f.Asked
			return s
		}
		a, b := run(small), run(large)
		if b.Reads > a.Reads*5/2+100 || b.Alloc > a.Alloc*3+1<<20 {
			t.Errorf("%s: asked %d times, allocated %d bytes; half of the links: %d, %d", c.Name, b.Reads, b.Alloc, a.Reads, a.Alloc)
		}
	}
}
