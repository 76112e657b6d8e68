package cpio

import (
	"bytes"
	"context"
	"crypto/rand"
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

func tree(t testing.TB) string {
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
	must(os.WriteFile(p("etc/odd"), []byte("123"), 0o600))
	must(os.WriteFile(p("etc/big"), bytes.Repeat([]byte("0123456789abcdef\n"), 20000), 0o644))
	must(os.WriteFile(p("etc/latin-\xe9"), []byte("not UTF-8"), 0o644))
	must(os.Symlink("../nowhere/at all", p("etc/link")))
	must(os.Link(p("etc/hostname"), p("etc/a-same")))
	must(os.Link(p("etc/hostname"), p("etc/z-same")))
	must(os.WriteFile(p("etc/nothing"), nil, 0o640))
	must(os.Link(p("etc/nothing"), p("etc/nothing-too")))
	must(syscall.Mkfifo(p("etc/fifo"), 0o622))
	must(os.WriteFile(p("etc/"+strings.Repeat("long-", 40)), []byte("long name"), 0o644))
	if os.Geteuid() == 0 {
		must(syscall.Mknod(p("etc/null"), syscall.S_IFCHR|0o666, 1<<8|3))
		must(syscall.Mknod(p("etc/mtd"), syscall.S_IFBLK|0o660, 31<<8|7))
		must(os.Chown(p("etc/big"), 1000, 2000))
		must(os.Chmod(p("etc/big"), 0o755|os.ModeSetuid|os.ModeSticky))
	}
	return dir
}

func pack(t testing.TB, dir, format string) []byte {
	t.Helper()
	testkit.Tool(t, "cpio")
	cmd := exec.Command("sh", "-c", "find etc | sort | cpio -o --quiet -H "+format)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTool compares with the folder that cpio packed, in every form.
func TestTool(t *testing.T) {
	dir := tree(t)
	list := exec.Command("sh", "-c", "find etc | sort")
	list.Dir = dir
	list.Env = append(os.Environ(), "LC_ALL=C")
	paths, _ := list.Output()
	for _, format := range []string{"bin", "odc", "newc", "crc", "swapped"} {
		t.Run(format, func(t *testing.T) {
			var out []byte
			if format == "swapped" {
				out = swap(pack(t, dir, "bin"))
			} else {
				out = pack(t, dir, format)
			}
			res := testkit.Run(Format, append(out, "behind"...), 64<<20)
			if res.Err != nil || len(res.Gaps) != 0 || res.Claim.Confidence != wardein.Certain || res.Claim.End != res.End {
				t.Fatalf("%v", res)
			}
			if len(bytes.Trim(out[res.End:], "\x00")) != 0 {
				t.Fatalf("end %d is before the archive's", res.End)
			}
			for _, x := range res.Unreferenced() {
				if x.Len > 3 || len(bytes.Trim(out[x.Off:x.Off+x.Len], "\x00")) > 0 {
					t.Errorf("unreferenced %v", x)
				}
			}
			if n := strings.Count(string(paths), "\n"); n != len(res.Members) {
				t.Errorf("%d members, want %d", len(res.Members), n)
			}
			for _, name := range strings.Fields(strings.ReplaceAll(string(paths), "at all", "")) {
				m := res.Find(name)
				if m == nil {
					t.Errorf("%q is missing", name)
					continue
				}
				fi, err := os.Lstat(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				st := fi.Sys().(*syscall.Stat_t)
				kind := map[uint32]wardein.Kind{syscall.S_IFREG: wardein.File, syscall.S_IFDIR: wardein.Directory, syscall.S_IFLNK: wardein.Symlink,
					syscall.S_IFCHR: wardein.CharDevice, syscall.S_IFBLK: wardein.BlockDevice, syscall.S_IFIFO: wardein.FIFO}[st.Mode&syscall.S_IFMT]
				if m.Kind == wardein.HardLink {
					ti, err := os.Lstat(filepath.Join(dir, m.Target))
					if err != nil || !os.SameFile(ti, fi) || res.Find(m.Target).Kind != wardein.File {
						t.Errorf("%q: hard link to %q", name, m.Target)
					}
					kind = wardein.HardLink
				}
				if m.Kind != kind || m.Mode != st.Mode&0o7777 || m.UID != st.Uid || m.GID != st.Gid || m.MTime != st.Mtim.Sec {
					t.Errorf("%q: %v %o %d:%d %d, want %v %o %d:%d %d", m.Name, m.Kind, m.Mode, m.UID, m.GID, m.MTime, kind, st.Mode&0o7777, st.Uid, st.Gid, st.Mtim.Sec)
				}
				switch kind {
				case wardein.File:
					if want, _ := os.ReadFile(filepath.Join(dir, name)); !bytes.Equal(want, m.Data) {
						t.Errorf("%q: content differs", name)
					}
				case wardein.Symlink:
					if want, _ := os.Readlink(filepath.Join(dir, name)); want != m.Target {
						t.Errorf("%q: target %q", name, m.Target)
					}
				case wardein.CharDevice, wardein.BlockDevice:
					if uint64(m.Major)<<8|uint64(m.Minor) != st.Rdev {
						t.Errorf("%q: device %d,%d", name, m.Major, m.Minor)
					}
				}
			}
		})
	}
}

// swap makes a big-endian binary archive of a little-endian one.
func swap(a []byte) []byte {
	out := append([]byte(nil), a...)
	for pos := 0; pos+26 <= len(a) && a[pos] == 0xc7; {
		for i := 0; i < 26; i += 2 {
			out[pos+i], out[pos+i+1] = a[pos+i+1], a[pos+i]
		}
		h, _ := parse(a[pos:])
		if h.mode == 0 {
			break
		}
		pos = int(align(align(int64(pos)+26+h.nameSize, 2)+h.size, 2))
	}
	return out
}

func TestDamaged(t *testing.T) {
	dir := tree(t)
	out := pack(t, dir, "crc")
	at := bytes.Index(out, []byte("access-node-7\n"))
	out[at] ^= 1
	res := testkit.Run(Format, out, 64<<20)
	if len(res.Gaps) != 1 || res.Gaps[0].Kind != wardein.Damaged || res.Gaps[0].Off != int64(at) || res.Err != nil {
		t.Fatalf("%v", res)
	}
	out[at] ^= 1
	copy(out[bytes.Index(out, []byte("etc/empty\x00"))-110:], "XXXX")
	if res = testkit.Run(Format, out, 64<<20); len(res.Gaps) != 1 || res.Find("etc/empty") != nil || res.Find("etc/odd") == nil || res.Err != nil {
		t.Fatalf("%v", res)
	}
	if res = testkit.Run(Format, out[:10000], 64<<20); res.Err == nil || res.Find("etc/big") == nil || res.End != 10000 {
		t.Fatalf("%v", res)
	}
}

func TestRandomIsNotCpio(t *testing.T) {
	buf := make([]byte, 1<<20)
	hits := 0
	for range 16 {
		rand.Read(buf)
		for i := 0; i+2 < len(buf); i++ {
			if buf[i] == 0xc7 && buf[i+1] == 0x71 || buf[i] == 0x71 && buf[i+1] == 0xc7 {
				if _, err := Format.Measure(io.NewSectionReader(bytes.NewReader(buf), int64(i), int64(len(buf)-i))); err == nil {
					hits++
				}
			}
		}
	}
	if hits > 0 {
		t.Fatalf("%d false hits in 16 MiB of noise", hits)
	}
}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/patool__test.cpio"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, Format, data)
	if res.Err != nil || len(res.Members) == 0 || len(res.Gaps) != 0 {
		t.Fatalf("%v", res)
	}
}

func many(n int) []byte {
	var b bytes.Buffer
	put := func(name, data string, mode, ino int) {
		fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00", ino, mode, 0, 0, 1, 1700000000, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
		b.Write(make([]byte, -b.Len()&3))
		b.WriteString(data)
		b.Write(make([]byte, -b.Len()&3))
	}
	for i := range n {
		put(fmt.Sprintf("usr/share/doc/package/file-%07d.txt", i), strings.Repeat("x", 100), 0o100644, i)
	}
	put(trailer, "", 0, 0)
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
	var p [4096]byte
	rand.Read(p[:])
	copy(p[:], "\xc7\x71")
	r := io.NewSectionReader(bytes.NewReader(p[:]), 0, 4096)
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
