package romfs

import (
	"bytes"
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

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// genromfs makes a tree with one of everything and an image of it.
func genromfs(t testing.TB, args ...string) (dir string, data []byte) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "etc/deep/er"), 0o755))
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	for i, n := range []int{0, 1, 15, 16, 17, 5000, 300_000} {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("etc/deep/size-%d", n)), bytes.Repeat([]byte{byte('a' + i)}, n), 0o644))
	}
	must(t, os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\n"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, strings.Repeat("long-name-", 20)), []byte("x"), 0o644))
	must(t, os.Link(filepath.Join(dir, "run"), filepath.Join(dir, "etc/run2")))
	must(t, os.Symlink("../run", filepath.Join(dir, "etc/link")))
	if os.Getuid() == 0 {
		must(t, syscall.Mknod(filepath.Join(dir, "tty"), syscall.S_IFCHR|0o600, 5<<8|1))
		must(t, syscall.Mknod(filepath.Join(dir, "disk"), syscall.S_IFBLK|0o600, 8<<8|17))
		must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	}
	img := filepath.Join(t.TempDir(), "image")
	if out, err := exec.Command(testkit.Tool(t, "genromfs"), append(args, "-d", dir, "-f", img)...).CombinedOutput(); err != nil {
		t.Fatalf("genromfs: %v\n%s", err, out)
	}
	data, err := os.ReadFile(img)
	must(t, err)
	return dir, data
}

func TestAgainstTree(t *testing.T) {
	for _, args := range [][]string{{"-V", "node"}, {"-V", strings.Repeat("n", 40)}, {"-a", "4096"}, {"-A", "256,/etc/deep/*"}} {
		dir, data := genromfs(t, args...)
		res := testkit.Probe(t, Format, data)
		if res.Err != nil || len(res.Gaps) > 0 || res.Claim.Confidence != wardein.Certain {
			t.Fatalf("%q: %v %v", args, res.Err, res.Gaps)
		}
		inodes := map[uint64]string{}
		n := 0
		must(t, filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
			if err != nil || p == dir {
				return err
			}
			n++
			name := p[len(dir)+1:]
			m := res.Find(name)
			if m == nil {
				t.Errorf("%q: no member", name)
				return nil
			}
			st := info.Sys().(*syscall.Stat_t)
			target := m
			if m.Kind == wardein.HardLink {
				target = res.Find(m.Target)
			}
			mode := info.Mode()
			switch {
			case mode.IsRegular():
				want, err := os.ReadFile(p)
				must(t, err)
				if target.Kind != wardein.File || !bytes.Equal(target.Data, want) || target.Mode&0o111 != uint32(mode&0o111) {
					t.Errorf("%q: %s %o, %d bytes of %d", name, target.Kind, target.Mode, len(target.Data), len(want))
				}
				inodes[st.Ino] += m.Kind.String()
			case mode.IsDir():
				if m.Kind != wardein.Directory {
					t.Errorf("%q: %s", name, m.Kind)
				}
			case mode&os.ModeSymlink != 0:
				if want, _ := os.Readlink(p); m.Kind != wardein.Symlink || m.Target != want {
					t.Errorf("%q: %s %q", name, m.Kind, m.Target)
				}
			case mode&os.ModeDevice != 0:
				kind := wardein.BlockDevice
				if mode&os.ModeCharDevice != 0 {
					kind = wardein.CharDevice
				}
				if m.Kind != kind || uint64(m.Major)<<8|uint64(m.Minor) != st.Rdev {
					t.Errorf("%q: %s %d,%d", name, m.Kind, m.Major, m.Minor)
				}
			case mode&os.ModeNamedPipe != 0:
				if m.Kind != wardein.FIFO {
					t.Errorf("%q: %s", name, m.Kind)
				}
			}
			return nil
		}))
		if n != len(res.Members) {
			t.Errorf("%q: %d members, tree %d", args, len(res.Members), n)
		}
		links := 0
		for _, kinds := range inodes {
			if kinds == "filehardlink" || kinds == "hardlinkfile" {
				links++
			}
		}
		if links != 1 {
			t.Errorf("%q: %d hard links", args, links)
		}
		for _, x := range res.Unreferenced() {
			if len(bytes.Trim(data[x.Off:x.Off+x.Len], "\x00")) > 0 {
				t.Errorf("%q: unclaimed %#x+%#x", args, x.Off, x.Len)
			}
		}
	}
}

func TestCycles(t *testing.T) {
	put := func(d []byte, at int, next, info, size uint32, name string) {
		be.PutUint32(d[at:], next)
		be.PutUint32(d[at+4:], info)
		be.PutUint32(d[at+8:], size)
		copy(d[at+16:at+32], name)
		be.PutUint32(d[at+12:], 0)
		be.PutUint32(d[at+12:], -sum(d[at:at+32]))
	}
	d := make([]byte, 512)
	copy(d, magic)
	be.PutUint32(d[8:], 512)
	put(d, 32, 64|1, 32, 0, "loop")        // a directory that holds itself
	put(d, 64, 96|2, 0, 0xFFFFFFFF, "big") // a size beyond the image
	put(d, 96, 32, 96, 0, "self")          // a link to itself, and back to the first
	be.PutUint32(d[12:], -sum(d))
	res := testkit.Probe(t, Format, d)
	if len(res.Members) != 3 || len(res.Gaps) != 3 {
		t.Error(res)
	}
}

func TestTruncated(t *testing.T) {
	_, data := genromfs(t)
	res := testkit.Probe(t, Format, data[:100_000])
	if res.Err == nil || res.Claim.End != 100_000 || len(res.Gaps) == 0 || len(res.Members) < 5 {
		t.Error(res)
	}
}

func TestCorpus(t *testing.T) {
	for _, name := range []string{"fact_extractor/generic_fs__romfs.img", "binwalk-v3-inputs/romfs.bin"} {
		data, err := os.ReadFile(testkit.Corpus(t, name))
		must(t, err)
		res := testkit.Probe(t, Format, data)
		t.Logf("%s\n%s", name, res)
		if res.Err != nil || len(res.Gaps) > 0 || len(res.Members) == 0 {
			t.Error(name)
		}
	}
}

func BenchmarkReject(b *testing.B) {
	d := bytes.Repeat([]byte(magic), 100)
	r := io.NewSectionReader(bytes.NewReader(d), 0, int64(len(d)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
