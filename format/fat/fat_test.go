package fat

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, name), args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// build makes a volume and copies a tree into it.
func build(t testing.TB, args string) (dir, img string) {
	t.Helper()
	dir, img = t.TempDir(), filepath.Join(t.TempDir(), "image")
	rnd := rand.New(rand.NewSource(1))
	must(t, os.MkdirAll(filepath.Join(dir, "EFI/boot/a directory with a long name"), 0o755))
	for _, n := range []int{0, 1, 511, 512, 513, 4096, 70_000, 300_001} {
		data := make([]byte, n)
		rnd.Read(data)
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("EFI/boot/a directory with a long name/a file of %d bytes.bin", n)), data, 0o644))
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("EFI/S%d.DAT", n)), data, 0o644))
	}
	for i := range 300 {
		p := filepath.Join(dir, fmt.Sprintf("EFI/boot/größe-mit-langem-namen-%d", i))
		must(t, os.WriteFile(p, []byte(p), 0o644))
	}
	must(t, os.WriteFile(filepath.Join(dir, "lower.txt"), []byte("lower"), 0o644))
	when := time.Unix(1577836802, 0)
	must(t, filepath.Walk(dir, func(p string, _ os.FileInfo, err error) error {
		must(t, os.Chtimes(p, when, when))
		return err
	}))
	options, size, _ := strings.Cut(args, " -C ")
	kb, err := strconv.ParseInt(size, 10, 64)
	must(t, err)
	must(t, os.WriteFile(img, nil, 0o600))
	must(t, os.Truncate(img, kb<<10))
	run(t, "mkfs.fat", append(strings.Fields(options), img)...)
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		run(t, "mcopy", "-s", "-m", "-i", img, filepath.Join(dir, e.Name()), "::")
	}
	return dir, img
}

func TestAgainstTree(t *testing.T) {
	for _, args := range []string{"-F 12 -n NODE -C 3000", "-F 16 -n NODE -C 20000", "-F 32 -n NODE -C 40000", "-F 16 -S 4096 -s 1 -C 40000", "-F 32 -s 1 -f 1 -C 35000"} {
		dir, img := build(t, args)
		data, err := os.ReadFile(img)
		must(t, err)
		res := testkit.Probe(t, Format, data)
		if res.Err != nil || len(res.Gaps) > 0 || res.Claim.Confidence != wardein.Certain || res.End > int64(len(data)) {
			t.Fatalf("%q: %v %v %v", args, res.Claim, res.Err, res.Gaps)
		}
		if !strings.Contains(res.String(), "filesystem=\"fat"+args[3:5]) {
			t.Errorf("%q: %v", args, res.Notes)
		}
		// 7z is the second opinion.
		out := t.TempDir()
		run(t, "7z", "x", "-y", "-o"+out, img)
		n := 0
		must(t, filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
			if err != nil || p == dir {
				return err
			}
			n++
			name := p[len(dir)+1:]
			m := res.Find(name)
			if m == nil || info.IsDir() != (m.Kind == wardein.Directory) {
				t.Errorf("%q: %q: no member", args, name)
				return nil
			}
			if !info.IsDir() {
				want, err := os.ReadFile(p)
				must(t, err)
				second, err := os.ReadFile(filepath.Join(out, name))
				must(t, err)
				if !bytes.Equal(m.Data, want) || !bytes.Equal(second, want) {
					t.Errorf("%q: %q: content differs", args, name)
				}
				if m.MTime != 1577836802 {
					t.Errorf("%q: %q: mtime %d", args, name, m.MTime)
				}
			}
			return nil
		}))
		if n != len(res.Members) {
			t.Errorf("%q: %d members, tree %d", args, len(res.Members), n)
		}
	}
}

func TestDeletedIsFree(t *testing.T) {
	dir, img := build(t, "-F 16 -C 20000")
	run(t, "mdel", "-i", img, "::/lower.txt", "::/EFI/S70000.DAT")
	want, err := os.ReadFile(filepath.Join(dir, "EFI/S70000.DAT"))
	must(t, err)
	data, err := os.ReadFile(img)
	must(t, err)
	res := testkit.Probe(t, Format, data)
	if res.Find("lower.txt") != nil || len(res.Gaps) > 0 {
		t.Error(res.Gaps)
	}
	free := ""
	for _, x := range res.Unreferenced() {
		free += string(data[x.Off : x.Off+x.Len])
	}
	if !strings.Contains(free, string(want)) {
		t.Error("free clusters are claimed")
	}
}

func TestTruncatedAndCycle(t *testing.T) {
	_, img := build(t, "-F 16 -C 20000")
	data, err := os.ReadFile(img)
	must(t, err)
	res := testkit.Probe(t, Format, data[:600_000])
	if res.Err == nil || res.Claim.End != 600_000 || len(res.Members) < 5 || len(res.Gaps) == 0 {
		t.Errorf("%v %v %d members", res.Claim, res.Err, len(res.Members))
	}
	v, _ := open(section(data))
	for i := v.fatAt + 4; i < v.fatAt+v.fatLen; i += 2 {
		le.PutUint16(data[i:], 2) // every chain leads to the first cluster
	}
	res = testkit.Probe(t, Format, data)
	if len(res.Gaps) == 0 || !strings.Contains(res.Gaps[0].Why, "comes again") {
		t.Error(res.Gaps)
	}
}

func TestCorpus(t *testing.T) {
	data, err := exec.Command(testkit.Tool(t, "xz"), "-dc", testkit.Corpus(t, "fact_extractor/sevenz__fat.img.xz")).Output()
	must(t, err)
	res := testkit.Probe(t, Format, data)
	t.Log(res)
	if res.Err != nil || len(res.Gaps) > 0 || len(res.Members) == 0 {
		t.Error(res.Err, res.Gaps)
	}
}

func section(d []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(d), 0, int64(len(d)))
}

func BenchmarkReject(b *testing.B) {
	d := bytes.Repeat([]byte("\xEB\x3C\x90FAT16   "), 100)
	r := section(d)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
