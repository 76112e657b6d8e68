package squashfs

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// run runs a reference tool and fails the test with its output.
func run(t testing.TB, tool string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(testkit.Tool(t, tool), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
	return out
}

// tree writes a directory that has some of everything, the same each time.
func tree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	rnd := rand.New(rand.NewSource(1))
	text := func(n int) []byte {
		var b bytes.Buffer
		for b.Len() < n {
			fmt.Fprintf(&b, "line %d of %x\n", b.Len(), rnd.Intn(1<<16))
		}
		return b.Bytes()[:n]
	}
	random := func(n int) []byte {
		b := make([]byte, n)
		rnd.Read(b)
		return b
	}
	write := func(name string, data []byte) {
		p := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		must(t, os.WriteFile(p, data, 0o640))
	}
	for _, n := range []int{0, 1, 4095, 4096, 4097, 8192, 131071, 131072, 131073, 300000} {
		write(fmt.Sprintf("sizes/text-%d", n), text(n))
		write(fmt.Sprintf("sizes/random-%d", n), random(n))
	}
	for i := range 700 {
		write(fmt.Sprintf("many/a-rather-long-name-so-that-the-listing-is-indexed-%04d", i), text(i%40))
	}
	write("odd/new\nline", text(10))
	write("odd/latin-\xe9\xff", text(11))
	write("odd/"+strings.Repeat("n", 255), text(12))
	write("odd/ blank ", text(13))
	write("deep/1/2/3/4/5/6/7/8/9/10/file", text(14))
	must(t, os.MkdirAll(filepath.Join(dir, "empty"), 0o700))
	sparse := make([]byte, 3<<20)
	copy(sparse[1<<20:], text(5000))
	write("sparse/middle", sparse)
	write("sparse/all", make([]byte, 2<<20+17))
	write("sparse/end", append(text(200000), make([]byte, 1<<20)...))
	must(t, os.Link(filepath.Join(dir, "sizes/text-300000"), filepath.Join(dir, "deep/1/link")))
	must(t, os.Symlink("../sizes/text-1", filepath.Join(dir, "odd/symlink")))
	must(t, os.Symlink(strings.Repeat("t/", 300), filepath.Join(dir, "odd/far")))
	must(t, os.Link(filepath.Join(dir, "odd/symlink"), filepath.Join(dir, "odd/symlink2")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "odd/fifo"), 0o620))
	must(t, os.Chmod(filepath.Join(dir, "sizes/text-1"), 0o755|os.ModeSetuid))
	must(t, os.Chmod(filepath.Join(dir, "empty"), 0o777|os.ModeSticky))
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if d.Type()&fs.ModeSymlink == 0 {
			return os.Chtimes(p, time.Time{}, time.Unix(1500000000+int64(len(p)), 0))
		}
		return err
	}))
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var specials = []string{
	"-p", "dev d 755 0 0", "-p", "dev/null c 666 0 0 1 3", "-p", "dev/disk b 660 0 6 8 17",
	"-p", "dev/socket i 600 1000 1001 s", "-p", "dev/fifo i 600 70000 1001 f",
}

// image builds an image with mksquashfs and reads it.
func image(t testing.TB, dir string, args ...string) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "img")
	run(t, "mksquashfs", append([]string{dir, img, "-noappend", "-quiet", "-no-progress", "-processors", "2"}, args...)...)
	return img
}

func read(t testing.TB, img string) *testkit.Result {
	t.Helper()
	data, err := os.ReadFile(img)
	must(t, err)
	return testkit.Run(Format, data, 1<<30)
}

// perfect fails on anything that a sound image must not give.
func perfect(t testing.TB, res *testkit.Result) {
	t.Helper()
	if res.Err != nil {
		t.Error(res.Err)
	}
	if res.Claim.Confidence != wardein.Certain {
		t.Errorf("claim %+v", res.Claim)
	}
	for _, g := range res.Gaps {
		t.Errorf("gap %+v", g)
	}
	for _, m := range res.Members {
		if m.Err != nil {
			t.Errorf("%q: %v", m.Name, m.Err)
		}
	}
	for _, x := range res.Unreferenced() {
		t.Errorf("unreferenced %#x+%#x", x.Off, x.Len)
	}
}

// listing is what unsquashfs -lls prints: type and mode, owner, size or
// device, name and target; times have no seconds there.
func listed(t testing.TB, img string) []string {
	var out []string
	cmd := exec.Command(testkit.Tool(t, "unsquashfs"), "-lln", "-UTC", "-d", "", img)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("unsquashfs: %v\n%s", err, text)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if len(line) < 10 || !strings.Contains("-dlcbps", line[:1]) {
			continue
		}
		// Sizes are padded: the date tells where they end.
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		dev := strings.HasSuffix(f[2], ",")
		if dev {
			f[2] += f[3]
			f = append(f[:3], f[4:]...)
		}
		_, name, _ := strings.Cut(line, f[4]+" ")
		out = append(out, strings.Join(append(f[:5:5], name), " "))
	}
	sort.Strings(out)
	return out
}

func ours(res *testkit.Result) []string {
	var out []string
	byName := map[string]*testkit.Member{}
	for i := range res.Members {
		byName[res.Members[i].Name] = &res.Members[i]
	}
	for _, m := range res.Members {
		kind := m.Kind
		size := fmt.Sprint(len(m.Data))
		if kind == wardein.HardLink {
			to := byName[m.Target]
			kind, size = to.Kind, fmt.Sprint(len(to.Data))
			m.Target = ""
			if kind == wardein.Symlink {
				m.Target = to.Target
			}
			m.Major, m.Minor = to.Major, to.Minor
		}
		letter := map[wardein.Kind]byte{wardein.File: '-', wardein.Directory: 'd', wardein.Symlink: 'l', wardein.CharDevice: 'c', wardein.BlockDevice: 'b', wardein.FIFO: 'p', wardein.Socket: 's'}[kind]
		mode := []byte(string(letter) + fs.FileMode(m.Mode & 0o777).String()[1:])
		for i, bit := range []uint32{0o4000, 0o2000, 0o1000} {
			if m.Mode&bit != 0 {
				at := 3 + 3*i
				mode[at] = map[bool]byte{true: "sst"[i], false: "SST"[i]}[mode[at] == 'x']
			}
		}
		switch kind {
		case wardein.Symlink:
			size = fmt.Sprint(len(m.Target))
		case wardein.CharDevice, wardein.BlockDevice:
			size = fmt.Sprintf("%d,%d", m.Major, m.Minor)
		case wardein.Directory:
			size = "*"
		}
		name := "/" + m.Name
		if m.Name == "." {
			name = ""
		}
		if kind == wardein.Symlink {
			name += " -> " + m.Target
		}
		out = append(out, fmt.Sprintf("%s %d/%d %s %s %s", mode, m.UID, m.GID, size, time.Unix(m.MTime, 0).UTC().Format("2006-01-02 15:04"), name))
	}
	sort.Strings(out)
	return out
}

// sameListing compares with unsquashfs -lln, leaving out names with a line
// feed and directory sizes.
func sameListing(t testing.TB, img string, res *testkit.Result) {
	t.Helper()
	keep := func(list []string) (out []string) {
		for _, l := range list {
			f := strings.Fields(l)
			if strings.Contains(l, "odd/new") || len(f) < 5 {
				continue
			}
			if l[0] == 'd' {
				f[2] = "*"
				l = strings.TrimRight(strings.Join(f, " "), " ")
			}
			out = append(out, l)
		}
		sort.Strings(out)
		return out
	}
	got, want := keep(ours(res)), keep(listed(t, img))
	for i := 0; i < max(len(got), len(want)); i++ {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("listing differs at line %d of %d, unsquashfs has %d:\n%q\n%q", i, len(got), len(want), got[min(i, len(got)-1)], want[min(i, len(want)-1)])
			return
		}
	}
}

// sameContent compares with what unsquashfs extracts.
func sameContent(t testing.TB, img string, res *testkit.Result) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	exec.Command(testkit.Tool(t, "unsquashfs"), "-no-progress", "-d", dir, img).Run() // without root it cannot make devices
	sameAsDir(t, dir, res)
}

func sameAsDir(t testing.TB, dir string, res *testkit.Result) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range res.Members {
		seen[m.Name] = true
		st, err := os.Lstat(filepath.Join(dir, m.Name))
		if err != nil {
			if m.Kind == wardein.CharDevice || m.Kind == wardein.BlockDevice {
				continue
			}
			t.Error(err)
			continue
		}
		if m.Kind != wardein.Symlink && m.Name != "." && st.ModTime().Unix() != m.MTime {
			t.Errorf("%q: mtime %d, want %d", m.Name, m.MTime, st.ModTime().Unix())
		}
		switch m.Kind {
		case wardein.File:
			want, err := os.ReadFile(filepath.Join(dir, m.Name))
			must(t, err)
			if !bytes.Equal(want, m.Data) {
				t.Errorf("%q: content of %d bytes differs from %d", m.Name, len(m.Data), len(want))
			}
		case wardein.HardLink:
			to, err := os.Lstat(filepath.Join(dir, m.Target))
			must(t, err)
			if !os.SameFile(st, to) {
				t.Errorf("%q is no link to %q", m.Name, m.Target)
			}
		case wardein.Symlink:
			if to, _ := os.Readlink(filepath.Join(dir, m.Name)); to != m.Target {
				t.Errorf("%q: target %q, want %q", m.Name, m.Target, to)
			}
		}
	}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); !seen[rel] {
			t.Errorf("not found: %q", rel)
		}
		return err
	}))
}

func TestUnsquashfs(t *testing.T) {
	dir := tree(t)
	options := [][]string{
		{}, {"-b", "4096"}, {"-noI", "-noD", "-noF", "-noX", "-noId"}, {"-always-use-fragments"},
		{"-b", "1M"}, {"-no-fragments"}, {"-noI"}, {"-noD", "-noF"}, {"-no-exports"}, {"-no-duplicates", "-no-sparse"},
	}
	for i, comp := range []string{"gzip", "lzma", "lzo", "lz4", "xz", "zstd"} {
		for _, args := range options[:map[bool]int{true: len(options), false: 4}[i == 0]] {
			t.Run(comp+strings.Join(args, ""), func(t *testing.T) {
				img := image(t, dir, append(append(args, "-comp", comp), specials...)...)
				res := read(t, img)
				perfect(t, res)
				sameListing(t, img, res)
				if len(args) == 0 {
					sameContent(t, img, res)
				}
			})
		}
	}
}
