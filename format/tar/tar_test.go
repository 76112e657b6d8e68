package tar

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/srctree"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// tree builds a folder with one of everything and a sparse file; long adds names that need an
// extension.
func tree(t testing.TB, long bool) string {
	t.Helper()
	dir := srctree.Small(t)
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	p := func(name string) string { return filepath.Join(dir, name) }
	if long {
		d := p("etc/" + strings.Repeat("long-", 30) + "/" + strings.Repeat("name-", 30))
		must(os.MkdirAll(d, 0o700))
		must(os.WriteFile(filepath.Join(d, strings.Repeat("f", 200)), []byte("deep"), 0o644))
		must(os.Symlink(strings.Repeat("target/", 40), p("etc/longlink")))
	}
	f, err := os.Create(p("etc/sparse"))
	must(err)
	for i := range 40 {
		_, err = f.WriteAt([]byte(fmt.Sprintf("piece %d", i)), int64(i)*65536)
		must(err)
	}
	must(f.Truncate(41*65536 + 100))
	must(f.Close())
	return dir
}

func run1(t testing.TB, dir, tool string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, tool), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, stderr.Bytes())
	}
	return out
}

func TestTool(t *testing.T) {
	for _, c := range []struct {
		long bool
		args []string
	}{
		{false, []string{"--format=v7", "--exclude=null", "--exclude=mtd", "--exclude=fifo"}},
		{false, []string{"--format=ustar"}},
		{true, []string{"--format=oldgnu"}},
		{true, []string{"--format=gnu"}},
		{true, []string{"--format=gnu", "--sparse"}},
		{true, []string{"--format=posix"}},
		{true, []string{"--format=posix", "--sparse", "--sparse-version=0.0"}},
		{true, []string{"--format=posix", "--sparse", "--sparse-version=0.1"}},
		{true, []string{"--format=posix", "--sparse", "--sparse-version=1.0"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			dir := tree(t, c.long)
			out := run1(t, dir, "tar", append(append([]string{}, c.args...), "-cf", "-", "etc")...)
			res := testkit.Run(Format, append(out, "behind"...), 64<<20)
			if res.Err != nil || len(res.Gaps) != 0 || res.Claim.Confidence != wardein.Certain || res.Claim.End != res.End {
				t.Fatalf("%v", res)
			}
			if !zeros(out[res.End : len(out)&^511]) {
				t.Fatalf("end %d is before the archive's", res.End)
			}
			for _, x := range res.Unreferenced() {
				if x.Len >= block || len(bytes.Trim(out[x.Off:x.Off+x.Len], "\x00")) > 0 {
					t.Errorf("unreferenced %v", x)
				}
			}
			srctree.Compare(t, res, dir, srctree.Options{Slash: true, Skip: func(name string) bool {
				return strings.Contains(strings.Join(c.args, " ")+" ", "--exclude="+filepath.Base(name)+" ")
			}})
			seen := map[string]bool{}
			for _, m := range res.Members {
				if seen[m.Name] = true; m.Kind == wardein.HardLink && !seen[m.Target] {
					t.Errorf("%q: hard link to %q, which comes later", m.Name, m.Target)
				}
			}
			list := filepath.Join(t.TempDir(), "a.tar")
			os.WriteFile(list, out, 0o644)
			var names []string
			for _, m := range res.Members {
				names = append(names, m.Name)
			}
			if want := strings.TrimSuffix(string(run1(t, dir, "tar", "--quoting-style=literal", "-tf", list)), "\n"); want != strings.Join(names, "\n") {
				t.Errorf("names %q\nwant %q", names, want)
			}
		})
	}
}

func TestXattrs(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "ping")
	os.WriteFile(p, []byte("x"), 0o755)
	if err := syscall.Setxattr(p, "user.origin", []byte("lab\x00=\n"), 0); err != nil {
		testkit.Skip(t, "the file system of the temporary folder keeps no attributes")
	}
	res := testkit.Run(Format, run1(t, dir, "tar", "--format=posix", "--xattrs", "-cf", "-", "ping"), 1<<20)
	if m := res.Find("ping"); m == nil || len(m.Xattrs) != 1 || m.Xattrs[0] != (wardein.Xattr{Name: "user.origin", Value: "lab\x00=\n"}) {
		t.Fatalf("%v", res)
	}
}

// TestDamagedHeader: one bad header costs one member.
func TestDamagedHeader(t *testing.T) {
	dir := tree(t, false)
	out := run1(t, dir, "tar", "-cf", "-", "etc/hostname", "etc/big", "etc/block", "etc/empty")
	out[1024+3] ^= 1 // etc/big's name
	res := testkit.Run(Format, out, 1<<20)
	if len(res.Members) != 3 || len(res.Gaps) != 1 || res.Gaps[0].Kind != wardein.Damaged || res.Gaps[0].Off != 1024 || res.Find("etc/empty") == nil {
		t.Fatalf("%v", res)
	}
	res = testkit.Run(Format, out[:1024+512+800], 1<<20)
	if len(res.Members) != 1 || res.Err == nil {
		t.Fatalf("%v", res)
	}
}

func TestTruncated(t *testing.T) {
	dir := tree(t, false)
	out := run1(t, dir, "tar", "-cf", "-", "etc/hostname", "etc/big")
	res := testkit.Run(Format, out[:9000], 1<<20)
	if m := res.Find("etc/big"); res.Err == nil || m == nil || len(m.Data) != 9000-1536 || len(res.Gaps) != 1 {
		t.Fatalf("%v", res)
	}
}

func TestNumbers(t *testing.T) {
	for s, want := range map[string]int64{
		"0000644\x00": 0o644, "    12 \x00": 0o12, "\x00\x00\x00\x00\x00\x00\x00\x00": 0, "\x80\x00\x00\x00\x00\x01\x00\x00": 65536,
		"\xff\xff\xff\xff\xff\xff\xff\xfe": -2, "77777777": 0o77777777,
	} {
		if got, ok := number([]byte(s)); got != want || !ok {
			t.Errorf("%q: %d %v, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{"0000648\x00", "xyz     ", "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if _, ok := number([]byte(s)); ok {
			t.Errorf("%q accepted", s)
		}
	}
}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/patool__test.tar"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, Format, data)
	if res.Err != nil || len(res.Members) == 0 || len(res.Gaps) != 0 {
		t.Fatalf("%v", res)
	}
}

// many is an archive of n small files.
func many(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		var h [1024]byte
		copy(h[:], fmt.Sprintf("usr/share/doc/package/file-%07d.txt", i))
		copy(h[100:], "0000644\x000000000\x000000000\x0000000000100\x0014524772000\x00        0")
		copy(h[257:], "ustar\x0000")
		sum := 0
		for _, c := range h[:512] {
			sum += int(c)
		}
		copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
		b.Write(h[:])
	}
	b.Write(make([]byte, 1024))
	return b.Bytes()
}

func BenchmarkWalk100k(b *testing.B) {
	data := many(100000)
	b.Run("measure", func(b *testing.B) { testkit.BenchMeasure(b, Format, data) })
	b.Run("extract", func(b *testing.B) { testkit.BenchExtract(b, Format, data, int64(len(data)), 100000) })
}

func BenchmarkMeasureChance(b *testing.B) {
	data := many(1)
	data[0] ^= 1
	testkit.BenchReject(b, Format, string(data))
}
