package srctree

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Small fills a new temporary directory with a folder "etc" of a few files, a
// link of each kind and, for the superuser, devices, under short names that
// every archive format can hold, and returns its path.
func Small(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	p := func(name string) string { return filepath.Join(dir, "etc", name) }
	must(os.MkdirAll(p("init.d"), 0o755))
	must(os.WriteFile(p("hostname"), []byte("access-node-7\n"), 0o640))
	must(os.WriteFile(p("empty"), nil, 0o600))
	must(os.WriteFile(p("odd"), []byte("123"), 0o600))
	must(os.WriteFile(p("block"), bytes.Repeat([]byte("x"), 512), 0o600))
	must(os.WriteFile(p("big"), bytes.Repeat([]byte("0123456789abcdef\n"), 20000), 0o644))
	must(os.WriteFile(p("latin-\xe9"), []byte("not UTF-8"), 0o644))
	must(os.Symlink("../nowhere/at all", p("link")))
	must(os.Link(p("hostname"), p("a-same")))
	must(os.Link(p("hostname"), p("z-same")))
	must(os.WriteFile(p("nothing"), nil, 0o640))
	must(os.Link(p("nothing"), p("nothing-too")))
	must(syscall.Mkfifo(p("fifo"), 0o622))
	if os.Geteuid() == 0 {
		must(syscall.Mknod(p("null"), syscall.S_IFCHR|0o666, 1<<8|3))
		must(syscall.Mknod(p("mtd"), syscall.S_IFBLK|0o660, 31<<8|7))
		must(os.Chown(p("big"), 1000, 2000))
		must(os.Chmod(p("big"), 0o755|os.ModeSetuid|os.ModeSticky))
	}
	return dir
}
