package erofs

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mkfs makes an image of a tree.
func mkfs(t testing.TB, dir string, args ...string) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "img")
	out, err := exec.Command(testkit.Tool(t, "mkfs.erofs"), append(args, img, dir)...).CombinedOutput()
	if err != nil {
		t.Fatalf("mkfs.erofs %q: %v\n%s", args, err, out)
	}
	return img
}

var ways = map[string][]string{
	"plain":        nil,
	"extended":     {"-Eforce-inode-extended"},
	"compact":      {"-Eforce-inode-compact"},
	"no inline":    {"-Enoinline_data"},
	"chunks":       {"--chunksize=4096", "-Eforce-chunk-indexes"},
	"chunk map":    {"--chunksize=16384", "-Eforce-inode-blockmap"},
	"lz4":          {"-zlz4"},
	"lz4hc":        {"-zlz4hc,12"},
	"legacy index": {"-zlz4", "-Elegacy-compress"},
	"big":          {"-zlz4hc", "-C65536"},
	"big legacy":   {"-zlz4hc", "-C16384", "-Elegacy-compress"},
	"tail":         {"-zlz4hc", "-Eztailpacking"},
	"big tail":     {"-zlz4hc", "-C65536", "-Eztailpacking"},
	"attributes":   {"-x1", "-zlz4"},
	"short":        {"-zlz4", "--max-extent-bytes=8192"},
}

func TestAgainstTree(t *testing.T) {
	dir := srctree.Make(t)
	attributes(t, dir)
	for name, args := range ways {
		t.Run(name, func(t *testing.T) {
			img := mkfs(t, dir, args...)
			data, err := os.ReadFile(img)
			must(t, err)
			res := testkit.Run(Format, data, 1<<30)
			if res.Err != nil || len(res.Gaps) > 0 || res.Claim.Confidence != wardein.Certain || res.Claim.End != int64(len(data)) {
				t.Fatalf("%+v %v %v of %d", res.Claim, res.Err, res.Gaps, len(data))
			}
			compare(t, dir, res, srctree.Options{NoMTime: name == "compact"})
			for _, x := range res.Unreferenced() {
				if strings.Trim(string(data[x.Off:x.Off+x.Len]), "\x00") != "" && x.Off >= 1024 {
					t.Errorf("unreferenced %#x+%#x is not zero", x.Off, x.Len)
				}
			}
		})
	}
}

// attributes sets some extended attributes, of which many files share one.
func attributes(t testing.TB, dir string) {
	set := func(name, attr, value string) {
		if err := syscall.Setxattr(filepath.Join(dir, name), attr, []byte(value), 0); err != nil {
			t.Logf("setxattr %s: %v", attr, err)
		}
	}
	for _, name := range []string{"text", "mixed", "zeros", "etc", "etc/one", "many/file-001", "many/file-002"} {
		set(name, "user.shared", "the same on many files")
	}
	set("text", "user.own", "\x00binary\xff")
	set("bin/setuid", "trusted.x", strings.Repeat("v", 700))
	set("bin/setuid", "security.capability", "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
}

// compare compares what was read with a tree, attributes too.
func compare(t *testing.T, dir string, res *testkit.Result, o srctree.Options) {
	t.Helper()
	srctree.Compare(t, res, dir, o)
	for _, m := range res.Members {
		if m.Kind == wardein.HardLink {
			continue
		}
		if want := xattrs(filepath.Join(dir, m.Name)); !slices.Equal(sorted(m.Xattrs), sorted(want)) {
			t.Errorf("%q: attributes %q, tree %q", m.Name, m.Xattrs, want)
		}
	}
}

func sorted(list []wardein.Xattr) []wardein.Xattr {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b wardein.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func xattrs(p string) (list []wardein.Xattr) {
	if info, err := os.Lstat(p); err != nil || info.Mode()&(fs.ModeSymlink|fs.ModeDevice|fs.ModeNamedPipe) != 0 {
		return nil
	}
	b := make([]byte, 64<<10)
	n, err := syscall.Listxattr(p, b)
	if err != nil || n == 0 {
		return nil
	}
	v := make([]byte, 64<<10)
	for _, name := range strings.Split(strings.TrimSuffix(string(b[:n]), "\x00"), "\x00") {
		k, err := syscall.Getxattr(p, name, v)
		if err == nil {
			list = append(list, wardein.Xattr{Name: name, Value: string(v[:k])})
		}
	}
	return list
}

// TestAgainstFsck compares contents with what fsck.erofs extracts.
func TestAgainstFsck(t *testing.T) {
	dir := srctree.Make(t)
	for _, args := range [][]string{nil, {"-zlz4hc", "-Eztailpacking"}} {
		img := mkfs(t, dir, args...)
		to := filepath.Join(t.TempDir(), "out")
		if out, err := exec.Command(testkit.Tool(t, "fsck.erofs"), "--extract="+to, "--force", img).CombinedOutput(); err != nil {
			t.Fatalf("fsck.erofs: %v\n%s", err, out)
		}
		data, err := os.ReadFile(img)
		must(t, err)
		// fsck.erofs 1.5 makes copies of hard links and takes set-uid bits off.
		res := testkit.Run(Format, data, 1<<30)
		skip := func(name string) bool { return name == "bin/setuid" }
		for i, m := range res.Members {
			if m.Kind == wardein.HardLink {
				res.Members[i] = *res.Find(m.Target)
				res.Members[i].Name = m.Name
			}
		}
		srctree.Compare(t, res, to, srctree.Options{NoMTime: true, NoHard: true, Skip: skip})
	}
}

func benchmark(b *testing.B, args ...string) {
	dir := b.TempDir()
	var text bytes.Buffer
	for i := range 400_000 {
		text.WriteString("line ")
		text.WriteString(strings.Repeat(string(rune('a'+i%26)), i%17))
		text.WriteString(string(rune('0' + i*i%7)))
	}
	must(b, os.WriteFile(filepath.Join(dir, "text"), text.Bytes(), 0o644))
	data, err := os.ReadFile(mkfs(b, dir, args...))
	must(b, err)
	srctree.Bench(b, Format, data, int64(text.Len()))
}

func BenchmarkLZ4(b *testing.B)    { benchmark(b, "-zlz4hc") }
func BenchmarkLZ4Big(b *testing.B) { benchmark(b, "-zlz4hc", "-C65536") }
