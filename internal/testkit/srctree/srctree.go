// Package srctree makes a directory tree with one of everything a Unix file
// system can hold, for tests that build an image from it with a reference tool
// and then compare what a format reads with the tree itself.
package srctree

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// Make fills a new temporary directory and returns its path. Device nodes and
// foreign owners need the superuser and are left out without.
func Make(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	write := func(name string, b []byte, mode os.FileMode) {
		p := filepath.Join(dir, name)
		must(os.MkdirAll(filepath.Dir(p), 0o755))
		must(os.WriteFile(p, b, 0o600))
		must(os.Chmod(p, mode))
	}
	rnd := rand.New(rand.NewSource(1))
	random := make([]byte, 150_001)
	rnd.Read(random)
	var text bytes.Buffer
	for i := range 4000 {
		fmt.Fprintf(&text, "line %d of a text in which much comes again\n", i)
	}
	mixed := append(append(append([]byte(nil), text.Bytes()[:20_000]...), random[:20_000]...), make([]byte, 30_000)...)
	write("text", text.Bytes(), 0o644)
	write("random", random, 0o400)
	write("mixed", mixed, 0o600)
	write("zeros", make([]byte, 50_000), 0o644)
	write("etc/empty", nil, 0o644)
	write("etc/one", []byte("1"), 0o644)
	write("bin/setuid", []byte("\x7fELF"), 0o755|os.ModeSetuid|os.ModeSetgid)
	for _, n := range []int{4095, 4096, 4097, 8192, 12_287} {
		write(fmt.Sprintf("sizes/%d", n), text.Bytes()[:n], 0o644)
	}
	for i := range 300 {
		write(fmt.Sprintf("many/file-%03d", i), bytes.Repeat([]byte{byte(i)}, i*3), 0o644)
	}
	for i := range 20 {
		write("names/"+strings.Repeat("n", 12*i+1), []byte(fmt.Sprint(i)), 0o644)
	}
	write("names/\xffnot utf-8\xfe \n", []byte("x"), 0o644)
	must(os.MkdirAll(filepath.Join(dir, "a/b/c/d/e/f"), 0o755))
	must(os.Mkdir(filepath.Join(dir, "tmp"), 0o755))
	must(os.Chmod(filepath.Join(dir, "tmp"), 0o777|os.ModeSticky))
	f, err := os.Create(filepath.Join(dir, "holes"))
	must(err)
	for _, at := range []int64{5_000, 40_000, 200_000} {
		_, err = f.WriteAt(text.Bytes()[:6_000], at)
		must(err)
	}
	must(f.Truncate(300_000))
	must(f.Close())
	must(os.Link(filepath.Join(dir, "text"), filepath.Join(dir, "etc/hard")))
	must(os.Link(filepath.Join(dir, "text"), filepath.Join(dir, "a/b/harder")))
	must(os.Symlink("../etc/one", filepath.Join(dir, "a/link")))
	must(os.Symlink("/"+strings.Repeat("long/", 100), filepath.Join(dir, "a/absolute")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o640))
	if os.Getuid() == 0 {
		for _, d := range []struct {
			name         string
			mode         uint32
			major, minor uint32
		}{{"null", syscall.S_IFCHR | 0o666, 1, 3}, {"mtdblock", syscall.S_IFBLK | 0o600, 31, 7}, {"far", syscall.S_IFCHR | 0o600, 200, 300}} {
			dev := int(d.minor&0xFF | d.major<<8 | d.minor&^0xFF<<12)
			must(syscall.Mknod(filepath.Join(dir, d.name), d.mode, dev))
		}
		must(os.Chown(filepath.Join(dir, "etc/one"), 12, 34))
		must(os.Lchown(filepath.Join(dir, "a/link"), 1000, 1000))
	}
	stamp := time.Unix(1_500_000_000, 0)
	must(filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		stamp = stamp.Add(time.Second)
		if err == nil && d.Type()&fs.ModeSymlink == 0 {
			err = os.Chtimes(p, stamp, stamp)
		}
		return err
	}))
	return dir
}

// Options say what an image cannot hold, so that Compare does not ask for it.
type Options struct {
	NoMTime   bool // times are not stored
	NoOwner   bool
	SameOwner bool // everything belongs to root
	NoHard    bool // every name of a file is a file of its own
	Slash     bool // a directory's name ends with a slash
	// Skip leaves members out on both sides.
	Skip func(name string) bool
}

// Compare checks that the members of res are exactly what stands below dir.
func Compare(t testing.TB, res *testkit.Result, dir string, o Options) {
	t.Helper()
	left := map[string]*testkit.Member{}
	for i := range res.Members {
		m := &res.Members[i]
		if left[m.Name] != nil {
			t.Errorf("%q comes twice", m.Name)
		}
		name := m.Name
		if o.Slash && m.Kind == wardein.Directory {
			var cut bool
			if name, cut = strings.CutSuffix(name, "/"); !cut {
				t.Errorf("directory %q without a slash", name)
			}
		}
		left[name] = m
	}
	delete(left, ".")
	inodes := map[uint64]string{}
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		if name == "." || o.Skip != nil && o.Skip(name) {
			delete(left, name)
			return nil
		}
		m := left[name]
		delete(left, name)
		if m == nil {
			t.Errorf("%q is missing", name)
			return nil
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(p, &st); err != nil {
			return err
		}
		if m.Kind == wardein.HardLink {
			target := res.Find(m.Target)
			var other syscall.Stat_t
			if target == nil || target.Kind == wardein.HardLink || syscall.Lstat(filepath.Join(dir, m.Target), &other) != nil || other.Ino != st.Ino || o.NoHard {
				t.Errorf("%q: hard link to %q", name, m.Target)
			}
			return nil
		}
		if first, ok := inodes[st.Ino]; ok && !o.NoHard {
			t.Errorf("%q and %q are one file, read as two", name, first)
		}
		if st.Mode&syscall.S_IFMT != syscall.S_IFDIR {
			inodes[st.Ino] = name
		}
		compare(t, name, p, m, &st, o)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for name := range left {
		if o.Skip == nil || !o.Skip(name) {
			t.Errorf("%q is not in the tree", name)
		}
	}
}

var kinds = map[uint32]wardein.Kind{
	syscall.S_IFREG: wardein.File, syscall.S_IFDIR: wardein.Directory, syscall.S_IFLNK: wardein.Symlink, syscall.S_IFCHR: wardein.CharDevice,
	syscall.S_IFBLK: wardein.BlockDevice, syscall.S_IFIFO: wardein.FIFO, syscall.S_IFSOCK: wardein.Socket,
}

func compare(t testing.TB, name, p string, m *testkit.Member, st *syscall.Stat_t, o Options) {
	t.Helper()
	if want := kinds[st.Mode&syscall.S_IFMT]; m.Kind != want {
		t.Errorf("%q: %s, want %s", name, m.Kind, want)
		return
	}
	if m.Mode != st.Mode&0o7777 {
		t.Errorf("%q: mode %o, want %o", name, m.Mode, st.Mode&0o7777)
	}
	uid, gid := st.Uid, st.Gid
	if o.SameOwner {
		uid, gid = 0, 0
	}
	if !o.NoOwner && (m.UID != uid || m.GID != gid) {
		t.Errorf("%q: owner %d:%d, want %d:%d", name, m.UID, m.GID, uid, gid)
	}
	if !o.NoMTime && m.MTime != st.Mtim.Sec {
		t.Errorf("%q: mtime %d, want %d", name, m.MTime, st.Mtim.Sec)
	}
	switch m.Kind {
	case wardein.File:
		want, err := os.ReadFile(p)
		if err != nil {
			t.Error(err)
		}
		if m.Err != nil {
			t.Errorf("%q: %v", name, m.Err)
		}
		if !bytes.Equal(m.Data, want) {
			t.Errorf("%q: content differs (%d bytes, want %d)", name, len(m.Data), len(want))
		}
	case wardein.Symlink:
		if want, _ := os.Readlink(p); m.Target != want {
			t.Errorf("%q: target %q, want %q", name, m.Target, want)
		}
	case wardein.CharDevice, wardein.BlockDevice:
		major, minor := uint32(st.Rdev>>8&0xFFF), uint32(st.Rdev&0xFF|st.Rdev>>12&0xFFF00)
		if m.Major != major || m.Minor != minor {
			t.Errorf("%q: device %d,%d, want %d,%d", name, m.Major, m.Minor, major, minor)
		}
	}
}
