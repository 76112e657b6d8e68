package ext

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
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

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, name), args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, errs.String())
	}
	return string(out)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// plant writes a folder with one of everything; many adds names to one
// directory.
func plant(t testing.TB, many int) string {
	t.Helper()
	dir := t.TempDir()
	rnd := rand.New(rand.NewSource(1))
	write := func(name string, n int) {
		p := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		data := make([]byte, n)
		rnd.Read(data)
		must(t, os.WriteFile(p, data, 0o644))
	}
	for _, n := range []int{0, 1, 59, 60, 61, 100, 150, 1023, 1024, 1025, 4096, 12 * 1024, 13*1024 + 5, 300_000, 1_200_000} {
		write(fmt.Sprintf("files/size-%d", n), n)
	}
	write("etc/deep/er/and/er/passwd", 33)
	write("bin/tool", 5000)
	must(t, os.Chmod(filepath.Join(dir, "bin/tool"), 0o755|os.ModeSetuid))
	must(t, os.Chmod(filepath.Join(dir, "etc"), 0o1777|os.ModeSticky))
	must(t, os.Link(filepath.Join(dir, "bin/tool"), filepath.Join(dir, "etc/tool2")))
	must(t, os.Symlink("bin/tool", filepath.Join(dir, "short")))
	must(t, os.Symlink(strings.Repeat("a", 59), filepath.Join(dir, "link59")))
	must(t, os.Symlink(strings.Repeat("b", 60), filepath.Join(dir, "link60")))
	must(t, os.Symlink(strings.Repeat("long/", 150), filepath.Join(dir, "long")))
	must(t, os.WriteFile(filepath.Join(dir, "n\xffme"), []byte("not utf-8"), 0o600))
	must(t, os.Chtimes(filepath.Join(dir, "n\xffme"), unix(1<<31+77), unix(1<<31+77)))
	must(t, os.Chtimes(filepath.Join(dir, "bin/tool"), unix(-1000), unix(-1000)))
	f, err := os.Create(filepath.Join(dir, "sparse"))
	must(t, err)
	for _, at := range []int64{70_000, 400_000, 5_000_000} {
		_, err = f.WriteAt([]byte("island"), at)
		must(t, err)
	}
	must(t, f.Truncate(6_000_001))
	must(t, f.Close())
	for i := range many {
		write(fmt.Sprintf("many/entry-with-a-longer-name-%05d", i), i%3)
	}
	if os.Getuid() == 0 {
		must(t, os.Mkdir(filepath.Join(dir, "dev"), 0o755))
		must(t, syscall.Mknod(filepath.Join(dir, "dev/tty"), syscall.S_IFCHR|0o620, 5<<8|1))
		must(t, syscall.Mknod(filepath.Join(dir, "dev/sda"), syscall.S_IFBLK|0o660, 8<<8|17))
		must(t, syscall.Mknod(filepath.Join(dir, "dev/big"), syscall.S_IFCHR|0o600, int(0x34)|0x123<<8|0x56<<20&0xFFF00000))
		must(t, syscall.Mkfifo(filepath.Join(dir, "dev/fifo"), 0o600))
		must(t, os.Lchown(filepath.Join(dir, "bin/tool"), 70000, 100001))
		for i, name := range []string{"user.one", "trusted.two", "security.three"} {
			_ = syscall.Setxattr(filepath.Join(dir, "files/size-100"), name, bytes.Repeat([]byte{'v'}, 10+i*100), 0)
			_ = syscall.Setxattr(filepath.Join(dir, "etc"), name, []byte("dir"), 0)
		}
	}
	return dir
}

func unix(sec int64) time.Time { return time.Unix(sec, 0) }

// variants are options of mke2fs.
var variants = []struct {
	name string
	many int
	args string
}{
	{"ext2-1k", 10, "-t ext2 -b 1024"},
	{"ext2-2k", 400, "-t ext2 -b 2048"},
	{"ext2-4k", 10, "-t ext2 -b 4096"},
	{"ext2-rev0", 10, "-t ext2 -r 0 -b 1024"},
	{"ext2-no-filetype", 10, "-t ext2 -O ^filetype,^resize_inode,^sparse_super"},
	{"ext3", 500, "-t ext3 -b 1024"},
	{"ext3-128", 10, "-t ext3 -I 128 -b 4096"},
	{"ext4-1k", 500, "-t ext4 -b 1024"},
	{"ext4-2k", 10, "-t ext4 -b 2048"},
	{"ext4-4k", 500, "-t ext4 -b 4096"},
	{"ext4-64k", 10, "-t ext4 -b 65536 -N 64"},
	{"ext4-inline", 400, "-t ext4 -O inline_data -I 256"},
	{"ext4-inline-1024", 100, "-t ext4 -O inline_data -I 1024"},
	{"ext4-bigalloc-1k", 10, "-t ext4 -O bigalloc -b 1024 -C 16384"},
	{"ext4-bigalloc-4k", 10, "-t ext4 -O bigalloc -b 4096 -C 65536"},
	{"ext4-no-64bit", 10, "-t ext4 -O ^64bit"},
	{"ext4-no-extents", 10, "-t ext4 -O ^extents,^64bit"},
	{"ext4-meta-bg", 10, "-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode"},
	{"ext4-meta-bg-no-64bit", 10, "-t ext4 -b 1024 -g 512 -O meta_bg,^resize_inode,^64bit,^metadata_csum"},
	{"ext4-sparse2", 10, "-t ext4 -b 1024 -g 2048 -O sparse_super2"},
	{"ext4-uninit-bg", 10, "-t ext4 -O uninit_bg,^metadata_csum"},
	{"ext4-csum-seed", 10, "-t ext4 -O metadata_csum_seed"},
	{"ext4-no-flex", 10, "-t ext4 -b 1024 -g 2048 -O ^flex_bg"},
	{"ext4-casefold", 10, "-t ext4 -O casefold,encrypt,verity,ea_inode,large_dir,project,quota,mmp,orphan_file"},
}

func TestAgainstDebugfs(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			src := plant(t, v.many)
			img := filepath.Join(t.TempDir(), "image")
			args := append(strings.Fields(v.args), "-q", "-F", "-d", src, img, "12M")
			run(t, "mke2fs", args...)
			compare(t, img, true)
		})
	}
}

var (
	statHead = regexp.MustCompile(`(?m)^Inode: (\d+) +Type: (\S+)[ a-z]* +Mode: +0*(\d+)`)
	statUser = regexp.MustCompile(`User: *(\d+) +Group: *(\d+)(?: +Project: *\d+)? +Size: (\d+)`)
	statTime = regexp.MustCompile(`(?m)^ ?mtime: 0x([0-9a-f]{8})(?::([0-9a-f]{8}))?`)
	statLink = regexp.MustCompile(`Fast link dest: "(.*)"`)
	statAttr = regexp.MustCompile(`(?m)^  ([a-z]+\.\S+) \((\d+)\)`)
	statDev  = regexp.MustCompile(`Device major/minor number: (\d+):(\d+)`)
)

var typeNames = map[string]wardein.Kind{"regular": wardein.File, "directory": wardein.Directory, "symlink": wardein.Symlink,
	"character": wardein.CharDevice, "block": wardein.BlockDevice, "FIFO": wardein.FIFO, "socket": wardein.Socket}

// compare reads an image with debugfs and with Format. In a fresh image
// everything that is not zero is claimed.
func compare(t *testing.T, img string, fresh bool) {
	t.Helper()
	data, err := os.ReadFile(img)
	must(t, err)
	res := testkit.Run(Format, data, 1<<30)
	if res.Err != nil {
		t.Fatal(res.Err)
	}
	if res.End != int64(len(data)) || res.Claim.Confidence != wardein.Certain {
		t.Errorf("end %d of %d, %s", res.End, len(data), res.Claim.Confidence)
	}
	for _, g := range res.Gaps {
		t.Errorf("gap %v", g)
	}
	if fresh {
		checkUnreferenced(t, res, data)
	}

	dump := t.TempDir()
	cmd := exec.Command(testkit.Tool(t, "debugfs"), "-R", "rdump / "+dump, img)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rdump: %v\n%s", err, out)
	}
	var want, got []string
	must(t, filepath.Walk(dump, func(p string, info os.FileInfo, err error) error {
		if err == nil && p != dump {
			want = append(want, p[len(dump)+1:])
		}
		return err
	}))
	members := map[string]*testkit.Member{}
	script := ""
	for i := range res.Members {
		m := &res.Members[i]
		if strings.HasPrefix(m.Name, "<") {
			continue
		}
		if members[m.Name] != nil {
			t.Errorf("%q twice", m.Name)
		}
		members[m.Name] = m
		script += fmt.Sprintf("stat \"/%s\"\n", m.Name)
		switch m.Kind {
		case wardein.CharDevice, wardein.BlockDevice, wardein.FIFO, wardein.Socket: // rdump makes none
		default:
			got = append(got, m.Name)
		}
	}
	sort.Strings(want)
	sort.Strings(got)
	if strings.Join(want, "\n") != strings.Join(got, "\n") {
		t.Fatalf("names: debugfs %d, here %d\n%q\n%q", len(want), len(got), want, got)
	}
	file := filepath.Join(t.TempDir(), "script")
	must(t, os.WriteFile(file, []byte(script), 0o600))
	stats := strings.Split(run(t, "debugfs", "-f", file, img), "debugfs: stat \"/")[1:]
	if len(stats) != len(members) {
		t.Fatalf("%d answers, %d members", len(stats), len(members))
	}
	for _, s := range stats {
		name, s, _ := strings.Cut(s, "\"\n")
		m := members[name]
		if m == nil {
			t.Errorf("debugfs tells of %q", name)
			continue
		}
		head, user, mtime := statHead.FindStringSubmatch(s), statUser.FindStringSubmatch(s), statTime.FindStringSubmatch(s)
		if head == nil || user == nil || mtime == nil {
			t.Errorf("%q: %q", name, s)
			continue
		}
		line := fmt.Sprintf("%s %s %s:%s", typeNames[head[2]], head[3], user[1], user[2])
		kind, target := m.Kind, m
		if kind == wardein.HardLink {
			if target = members[m.Target]; target == nil {
				t.Errorf("%q links to %q", name, m.Target)
				continue
			}
			kind = target.Kind
		}
		if mine := fmt.Sprintf("%s %o %d:%d", kind, m.Mode, m.UID, m.GID); mine != line {
			t.Errorf("%q: %s, debugfs %s", name, mine, line)
		}
		sec, _ := strconv.ParseUint(mtime[1], 16, 32)
		when := int64(int32(sec))
		if mtime[2] != "" {
			extra, _ := strconv.ParseUint(mtime[2], 16, 32)
			when += int64(extra&3) << 32
		}
		if m.MTime != when {
			t.Errorf("%q: mtime %d, debugfs %d", name, m.MTime, when)
		}
		if link := statLink.FindStringSubmatch(s); link != nil && link[1] != m.Target {
			t.Errorf("%q: target %q, debugfs %q", name, m.Target, link[1])
		}
		if dev := statDev.FindStringSubmatch(s); dev != nil && (dev[1] != fmt.Sprintf("%02d", m.Major) || dev[2] != fmt.Sprintf("%02d", m.Minor)) {
			t.Errorf("%q: device %d:%d, debugfs %q", name, m.Major, m.Minor, dev[0])
		}
		var theirs, mine []string
		for _, x := range statAttr.FindAllStringSubmatch(s, -1) {
			if x[1] != "system.data" {
				theirs = append(theirs, x[1]+" "+x[2])
			}
		}
		for _, x := range target.Xattrs {
			mine = append(mine, fmt.Sprintf("%s %d", x.Name, len(x.Value)))
			if x.Value != "dir" && strings.Trim(x.Value, "v") != "" {
				t.Errorf("%q: attribute %q is %q", name, x.Name, x.Value)
			}
		}
		if fmt.Sprint(theirs) != fmt.Sprint(mine) {
			t.Errorf("%q: attributes %q, debugfs %q", name, mine, theirs)
		}
		path := filepath.Join(dump, name)
		switch kind {
		case wardein.File:
			ref, err := os.ReadFile(path)
			// Of inline content debugfs dumps 60 bytes even when the size is less.
			if size, _ := strconv.Atoi(user[3]); size < len(ref) && len(ref) == 60 {
				ref = ref[:size]
			}
			if err != nil || !bytes.Equal(ref, target.Data) {
				t.Errorf("%q: content differs (%d and %d bytes, %v)", name, len(target.Data), len(ref), err)
			}
		case wardein.Symlink:
			if ref, _ := os.Readlink(path); ref != m.Target {
				t.Errorf("%q: target %q, debugfs %q", name, m.Target, ref)
			}
		}
	}
}

// checkUnreferenced fails when bytes of an image fresh from mke2fs are neither
// claimed nor uniform.
func checkUnreferenced(t *testing.T, res *testkit.Result, data []byte) {
	t.Helper()
	n := 0
	for _, x := range res.Unreferenced() {
		if x.Off == 0 && x.Len <= 1024 {
			continue
		}
		run := data[x.Off : x.Off+x.Len]
		if c := run[0]; bytes.Count(run, []byte{c}) != len(run) {
			if mixed := string(bytes.TrimFunc(run, func(r rune) bool { return r == 0 || r == '\uFFFD' })); mixed != "" {
				if n++; n < 10 {
					t.Errorf("unclaimed bytes at %#x+%#x (block %#x): %.40q", x.Off, x.Len, x.Off>>10, mixed)
				}
			}
		}
	}
}
