package iso9660

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/srctree"
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

func run(t testing.TB, tool string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, testkit.Tool(t, tool), args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
	return string(out)
}

func make9660(t testing.TB, tool string, args ...string) []byte {
	t.Helper()
	img := filepath.Join(t.TempDir(), "iso")
	if tool == "xorriso" {
		args = append([]string{"-as", "mkisofs", "-o", img}, args...)
	} else {
		args = append([]string{"-o", img}, args...)
	}
	run(t, tool, args...)
	data, err := os.ReadFile(img)
	must(t, err)
	return data
}

// sound reads an image and fails on anything that a sound one must not give.
func sound(t testing.TB, data []byte) *testkit.Result {
	t.Helper()
	res := testkit.Run(Format, data, 1<<30)
	if res.Err != nil || len(res.Gaps) > 0 || res.Claim.Confidence != wardein.Certain {
		t.Fatalf("%+v %v %v", res.Claim, res.Err, res.Gaps)
	}
	for _, m := range res.Members {
		if m.Err != nil {
			t.Errorf("%q: %v", m.Name, m.Err)
		}
	}
	for _, x := range res.Unreferenced() {
		if strings.Trim(string(data[x.Off:x.Off+x.Len]), "\x00") != "" && x.Off >= 16*sector {
			t.Errorf("unreferenced %#x+%#x is not zero: %.80q", x.Off, x.Len, data[x.Off:x.Off+x.Len])
		}
	}
	return res
}

func TestRockRidge(t *testing.T) {
	dir := srctree.Make(t)
	odd, _ := filepath.Glob(filepath.Join(dir, "names/*not*")) // mastering tools change it or loop
	for _, p := range odd {
		must(t, os.Remove(p))
	}
	// xorriso drops a slash at the end of a link's target.
	must(t, os.Remove(filepath.Join(dir, "a/absolute")))
	must(t, os.Symlink("/"+strings.Repeat("long/", 100)+"end", filepath.Join(dir, "a/absolute")))
	for name, c := range map[string][]string{
		"xorriso":      {"xorriso", "-R", "-D"},
		"xorriso-J":    {"xorriso", "-R", "-J", "-joliet-long"},
		"xorriso-hard": {"xorriso", "-R", "--hardlinks"},
	} {
		t.Run(name, func(t *testing.T) {
			res := sound(t, make9660(t, c[0], append(c[1:], dir)...))
			hard := name == "xorriso-hard"
			srctree.Compare(t, res, dir, srctree.Options{NoHard: !hard})
		})
	}
}

// small is a tree that genisoimage takes: it loops on some of srctree's.
func small(t testing.TB) string {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "1/2/3/4/5/6/7/8/9/10"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "1/2/3/4/5/6/7/8/9/10/deep.txt"), []byte("deep"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "Long name with Blanks"), []byte(strings.Repeat("text ", 30_000)), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "boot.img"), []byte(strings.Repeat("boot", 512)), 0o644))
	must(t, os.Symlink("../Long name with Blanks", filepath.Join(dir, "1/link")))
	return dir
}

func TestGenisoimage(t *testing.T) {
	dir := small(t)
	boot := []string{"-b", "boot.img", "-no-emul-boot", "-boot-load-size", "4", "-c", "boot.cat"}
	for _, args := range [][]string{{"-R"}, {"-R", "-J"}, {"-R", "-D"}, append([]string{"-R"}, boot...)} {
		res := sound(t, make9660(t, "genisoimage", append(append([]string{"-quiet"}, args...), dir)...))
		srctree.Compare(t, res, dir, srctree.Options{NoHard: true, Skip: func(n string) bool {
			return n == "rr_moved" || n == "boot.cat" || strings.HasPrefix(n, "[boot]") || n == "boot.img"
		}})
		if m := res.Find("[boot]/image-1"); len(args) > 3 && (m == nil || m.Target != "boot.img") {
			t.Errorf("boot image: %+v", m)
		}
	}
}

func TestJolietAlone(t *testing.T) {
	dir := small(t)
	must(t, os.RemoveAll(filepath.Join(dir, "1")))
	for _, tool := range []string{"genisoimage", "xorriso"} {
		data := make9660(t, tool, "-quiet", "-J", dir)
		res := testkit.Run(Format, data, 1<<30)
		if m := res.Find("Long name with Blanks"); tool == "genisoimage" && (m == nil || len(m.Data) != 150_000) {
			t.Errorf("%s: %+v %+v", tool, m, res.Members)
		}
	}
}

func TestZisofs(t *testing.T) {
	dir := small(t)
	packed := filepath.Join(t.TempDir(), "packed")
	run(t, "mkzftree", dir, packed)
	res := sound(t, make9660(t, "genisoimage", "-quiet", "-R", "-z", packed))
	if m := res.Find("Long name with Blanks"); m == nil || m.How != "blocks" || string(m.Data) != strings.Repeat("text ", 30_000) {
		t.Errorf("%+v", m)
	}
	data, err := os.ReadFile(filepath.Join(packed, "Long name with Blanks"))
	must(t, err)
	res = testkit.Probe(t, FormatZisofs, data)
	if len(res.Members) != 1 || string(res.Members[0].Data) != strings.Repeat("text ", 30_000) || res.End != int64(len(data)) {
		t.Errorf("%+v", res)
	}
}

// TestCorpus compares sizes and names with those that 7z lists.
func TestCorpus(t *testing.T) {
	for name, want := range map[string]string{"sevenz__test.iso": "generic folder generic folder/test file 3_.txt testfile1 testfile2", "sevenz__test_zisofs.iso": "FOO LOREM"} {
		data, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/"+name))
		must(t, err)
		res := sound(t, data)
		var names []string
		for _, m := range res.Members {
			names = append(names, m.Name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
