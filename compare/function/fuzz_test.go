package function_test

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/wardein/wardein/compare/function"
	"github.com/wardein/wardein/exe"
)

// TestEveryByte changes one byte of code or data at a time, in programs that
// are otherwise the same: something is listed each time.
func TestEveryByte(t *testing.T) {
	each(t, func(t *testing.T, build func(...string) []byte) {
		base := build()
		old, names := read(t, base, false)
		f, err := exe.Open(bytes.NewReader(base), int64(len(base)))
		if err != nil {
			t.Fatal(err)
		}
		image, err := f.Image()
		if err != nil {
			t.Fatal(err)
		}
		var places []int64
		inCode := map[int64]string{}
		for i := range old.Functions {
			x := &old.Functions[i]
			for k := range x.Size {
				places = append(places, x.Off+int64(k))
				inCode[x.Off+int64(k)] = names[x.Addr]
			}
		}
		for _, name := range []string{".rodata", ".data", ".sdata", ".data.rel.ro"} {
			if s := f.Section(name); s != nil && s.InFile {
				for k := range s.Size {
					// What the dynamic linker overwrites means nothing.
					if _, ok := image.Pointer((s.Addr + k) &^ uint64(f.Class/8-1)); ok {
						continue
					}
					places = append(places, int64(s.Off+k))
				}
			}
		}
		rng := rand.New(rand.NewPCG(1, 2))
		missed := 0
		const tries = 400
		for range tries {
			at := places[rng.IntN(len(places))]
			data := bytes.Clone(base)
			data[at] ^= 1 << rng.IntN(8)
			f, err := exe.Open(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			list, err := f.Functions(exe.Sources{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range list {
				list[i].Name = ""
			}
			new, err := function.Read(f, list)
			if err != nil {
				t.Fatal(err)
			}
			m := function.Match(old, new)
			listed := len(m.Gone)+len(m.Came) > 0
			for _, p := range m.Pairs {
				listed = listed || p.Same == function.Changed
			}
			if !listed && len(m.Data()) == 0 {
				missed++
				t.Logf("byte at %#x in %q: %#x became %#x, nothing is listed", at, inCode[at], base[at], data[at])
			}
		}
		// Some bits of x86 instructions mean nothing: REX.X without an index,
		// the scale of no index, segments in 64-bit code. Linkers leave several
		// words for pages empty in MIPS's global offset table.
		if bound := map[bool]int{true: tries / 25, false: tries / 400}[strings.HasPrefix(f.Arch, "x86")]; missed > bound {
			t.Errorf("%d of %d changes are not listed", missed, tries)
		}
	})
}

// FuzzMatch matches damaged programs with whole ones: what is returned must
// hold together.
func FuzzMatch(f *testing.F) {
	var seeds [][]byte
	for _, b := range targets {
		cc, err := exec.LookPath(b.cc)
		if err != nil {
			continue
		}
		data := build(f, cc, b.args, nil)
		seeds = append(seeds, data)
		f.Add(uint8(len(seeds)-1), uint32(0x400), []byte{0xff, 0, 0x80, 0x7f})
		f.Add(uint8(len(seeds)-1), uint32(0x20), []byte{0, 0, 0, 0, 0xff, 0xff})
	}
	if len(seeds) == 0 {
		f.Skip("no compiler")
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, patch []byte) {
		base := seeds[int(which)%len(seeds)]
		data := bytes.Clone(base)
		for i := 0; i+5 <= len(patch) || i == 0 && len(patch) > 0; i += 5 {
			p := patch[i:min(len(patch), i+5)]
			copy(data[int(at)%len(data):], p)
			at = at*0x9e3779b1 + uint32(p[0])
		}
		var p [2]*function.Program
		for i, b := range [][]byte{base, data} {
			file, err := exe.Open(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				return
			}
			list, err := file.Functions(exe.Sources{Stripped: which&1 == 0})
			if err != nil {
				return
			}
			if p[i], err = function.Read(file, list); err != nil {
				return
			}
		}
		m := function.Match(p[0], p[1])
		if len(m.Pairs)+len(m.Gone) != len(p[0].Functions) || len(m.Pairs)+len(m.Came) != len(p[1].Functions) {
			t.Fatalf("%d pairs, %d gone, %d came of %d and %d", len(m.Pairs), len(m.Gone), len(m.Came), len(p[0].Functions), len(p[1].Functions))
		}
		for _, pair := range m.Pairs {
			if pair.Same == function.Changed {
				m.Diff(pair)
			}
		}
		m.Data()
	})
}
