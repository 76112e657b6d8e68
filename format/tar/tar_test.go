package tar

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// tree builds a folder with one of everything; long adds names that need an
// extension.
func tree(t *testing.T, long bool) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	p := func(name string) string { return filepath.Join(dir, name) }
	must(os.MkdirAll(p("etc/init.d"), 0o755))
	must(os.WriteFile(p("etc/hostname"), []byte("access-node-7\n"), 0o640))
	must(os.WriteFile(p("etc/empty"), nil, 0o600))
	must(os.WriteFile(p("etc/block"), bytes.Repeat([]byte("x"), 512), 0o600))
	must(os.WriteFile(p("etc/big"), bytes.Repeat([]byte("0123456789abcdef\n"), 20000), 0o644))
	must(os.WriteFile(p("etc/latin-\xe9"), []byte("not UTF-8"), 0o644))
	must(os.Symlink("../nowhere/at all", p("etc/link")))
	must(os.Link(p("etc/hostname"), p("etc/same")))
	must(syscall.Mkfifo(p("etc/fifo"), 0o622))
	if os.Geteuid() == 0 {
		must(syscall.Mknod(p("etc/null"), syscall.S_IFCHR|0o666, 1<<8|3))
		must(syscall.Mknod(p("etc/mtd"), syscall.S_IFBLK|0o660, 31<<8|7))
		must(os.Chown(p("etc/big"), 1000, 2000))
		must(os.Chmod(p("etc/big"), 0o755|os.ModeSetuid|os.ModeSticky))
	}
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

// compare holds the members against the folder they were made from.
func compare(t *testing.T, dir string, res *testkit.Result) {
	t.Helper()
	first := map[uint64]string{}
	for _, m := range res.Members {
		fi, err := os.Lstat(filepath.Join(dir, m.Name))
		if err != nil {
			t.Errorf("%q: %v", m.Name, err)
			continue
		}
		st := fi.Sys().(*syscall.Stat_t)
		kind := map[uint32]wardein.Kind{syscall.S_IFREG: wardein.File, syscall.S_IFDIR: wardein.Directory, syscall.S_IFLNK: wardein.Symlink,
			syscall.S_IFCHR: wardein.CharDevice, syscall.S_IFBLK: wardein.BlockDevice, syscall.S_IFIFO: wardein.FIFO}[st.Mode&syscall.S_IFMT]
		if prev, ok := first[st.Ino]; ok && kind == wardein.File {
			if m.Kind != wardein.HardLink || m.Target != prev {
				t.Errorf("%q: %v to %q, want a hard link to %q", m.Name, m.Kind, m.Target, prev)
			}
			continue
		}
		first[st.Ino] = m.Name
		if m.Kind != kind || m.Mode != st.Mode&0o7777 || m.UID != st.Uid || m.GID != st.Gid || m.MTime != st.Mtim.Sec {
			t.Errorf("%q: %v %o %d:%d %d, want %v %o %d:%d %d", m.Name, m.Kind, m.Mode, m.UID, m.GID, m.MTime, kind, st.Mode&0o7777, st.Uid, st.Gid, st.Mtim.Sec)
		}
		switch kind {
		case wardein.File:
			want, _ := os.ReadFile(filepath.Join(dir, m.Name))
			if !bytes.Equal(want, m.Data) {
				t.Errorf("%q: content differs: %d bytes, want %d", m.Name, len(m.Data), len(want))
			}
		case wardein.Symlink:
			if want, _ := os.Readlink(filepath.Join(dir, m.Name)); want != m.Target {
				t.Errorf("%q: target %q, want %q", m.Name, m.Target, want)
			}
		case wardein.CharDevice, wardein.BlockDevice:
			if want := uint64(m.Major)<<8 | uint64(m.Minor); want != st.Rdev {
				t.Errorf("%q: device %d,%d", m.Name, m.Major, m.Minor)
			}
		}
	}
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
			compare(t, dir, res)
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
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.Run("measure", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if c, err := Format.Measure(r); err != nil || c.End != int64(len(data)) {
				b.Fatal(c, err)
			}
		}
	})
	b.Run("extract", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var d discard
			if end, err := Format.Extract(context.Background(), r, &d); err != nil || end != int64(len(data)) || d.n != 100000 {
				b.Fatal(end, err, d)
			}
		}
	})
}

func BenchmarkMeasureChance(b *testing.B) {
	data := many(1)
	data[0] ^= 1
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		Format.Measure(r)
	}
}

type discard struct{ n int }

func (d *discard) Entry(wardein.Entry) error                     { d.n++; return nil }
func (d *discard) Extents(wardein.Entry, []wardein.Extent) error { d.n++; return nil }
func (d *discard) Blocks(wardein.Entry, []wardein.Block) error   { d.n++; return nil }
func (d *discard) Stream(wardein.Entry, io.Reader) error         { d.n++; return nil }
func (d *discard) Span(wardein.Span)                             {}
func (d *discard) Note(string, string)                           {}
func (d *discard) Gap(wardein.Gap)                               {}
