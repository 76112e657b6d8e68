package unpack_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/unpack"
)

// only is a disk that fails in one operation on one name.
func only(op, name string, err error) func(string, string) error {
	return func(o, n string) error {
		if o == op && n == name {
			return &fs.PathError{Op: op, Path: "/host/" + n, Err: err}
		}
		return nil
	}
}

func noFault(string, string) error { return nil }

// What can't be read in a directory is a node with a Gap, everything else is as
// it would be without, and the directory's digest tells the two apart.
func TestUnreadable(t *testing.T) {
	long := strings.Repeat("some words of text\n", 1<<17) // more than is read at once
	dir := folder(t, map[string]string{"a": "text of a", "long": long, "sub/x": "text of x", "sub/y": "text of y", "z": "text of z"})
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, allFormats)
	l.contents = true
	run := func(fault func(op, name string) error) (*tree, wardein.Digest) {
		in, err := unpack.OpenFaulty(dir, unpack.DefaultLimits, fault)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		l.store.reset()
		return l.run(t, in), in.Digest
	}
	whole, digest := run(noFault)
	seen := map[wardein.Digest]string{digest: "the whole directory"}
	for _, c := range []struct {
		op, name string
		err      error
		node     string
		why      string
		lost     []string // paths that are not listed
	}{
		{"stat", "sub/x", syscall.ENOENT, "sub/x", "could not be looked at: no such file or directory", nil},
		{"open", "sub/x", syscall.EACCES, "sub/x", "none of its 9 bytes could be read: permission denied", nil},
		{"open", "sub/x", syscall.EIO, "sub/x", "none of its 9 bytes could be read: input/output error", nil},
		{"read at 0", "a", syscall.EIO, "a", "none of its 9 bytes could be read: input/output error", nil},
		{"read at 1048576", "long", syscall.EIO, "long", "1048576 of 2490368 bytes could be read: input/output error", nil},
		{"readlink", "link", syscall.EIO, "link", "its target could not be read: input/output error", nil},
		{"list", "sub", syscall.EACCES, "sub", "0 of its entries could be listed: permission denied", []string{"sub/x", "sub/y"}},
		{"list more", "sub", syscall.EIO, "sub", "2 of its entries could be listed: input/output error", nil},
		{"list more", ".", syscall.EIO, "", "5 of its entries could be listed: input/output error", nil},
	} {
		t.Run(c.op+" "+c.name+" "+c.err.Error(), func(t *testing.T) {
			got, d := run(only(c.op, c.name, c.err))
			if _, again := run(only(c.op, c.name, c.err)); again != d {
				t.Error("two digests of one directory")
			}
			if other, ok := seen[d]; ok {
				t.Errorf("the digest is that of %s", other)
			}
			seen[d] = t.Name()
			if len(got.nodes) != len(whole.nodes)-len(c.lost) {
				t.Errorf("%d nodes, want %d without %q:\n%s", len(got.nodes), len(whole.nodes), c.lost, got.text)
			}
			for i := range got.nodes {
				n := &got.nodes[i]
				if n.Path != c.node {
					if len(n.Gaps) > 0 {
						t.Errorf("%q: %+v", n.Path, n.Gaps)
					}
					continue
				}
				if len(n.Gaps) != 1 || n.Gaps[0].Why != c.why || n.Gaps[0].Who != "input" || n.Gaps[0].Kind != wardein.Damaged {
					t.Errorf("%q: %+v", n.Path, n.Gaps)
				}
			}
		})
	}
	if _, err := unpack.OpenFaulty(dir, unpack.DefaultLimits, only("list", ".", syscall.EACCES)); !errors.Is(err, syscall.EACCES) {
		t.Errorf("an unreadable root: %v", err)
	}
}

// Files that go away or change between hashing and reading cost a Gap.
func TestInputChanges(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(tarOf(t, "in-the-archive", "text in the archive"))
	w.Close()
	for _, c := range []struct {
		name   string
		change func(p string) error
		want   string // of the gap
		opened bool
	}{
		{"gone", os.Remove, "was hashed and could not be opened again: no such file or directory", false},
		{"a folder", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) }, "not a regular file any more", false},
		{"a link", func(p string) error { return errors.Join(os.Remove(p), os.Symlink("a", p)) }, "could not be opened again: not a regular file any more", false},
		{"cut", func(p string) error { return os.Truncate(p, 20) }, " bytes when it was hashed, 20 later", false},
		{"empty", func(p string) error { return os.Truncate(p, 0) }, " bytes when it was hashed, 0 later", false},
		{"other bytes", func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("x"), z.Len()), 0o644) }, "what was hashed stands there no more", false},
		{"longer", func(p string) error {
			return os.WriteFile(p, append(bytes.Clone(z.Bytes()), "and more"...), 0o644)
		}, "grew while it was read", true},
	} {
		for _, noCage := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, no cage %v", c.name, noCage), func(t *testing.T) {
				dir := folder(t, map[string]string{"a": "text of a", "m.tgz": z.String(), "z": string(tarOf(t, "last", "text of the last"))})
				in, err := unpack.OpenInput(context.Background(), dir, unpack.DefaultLimits)
				if err != nil {
					t.Fatal(err)
				}
				defer in.Close()
				if err := c.change(filepath.Join(dir, "m.tgz")); err != nil {
					t.Fatal(err)
				}
				st := newMemStore(t)
				defer st.Close()
				e := &unpack.Engine{Config: config(), Store: st, NoCage: noCage}
				defer e.Close()
				var text strings.Builder
				if err := e.Run(context.Background(), in, func(v *unpack.Visit) error {
					if broken := tiling(v); broken != "" {
						t.Error(broken)
					}
					writeVisit(&text, v)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				got := text.String()
				for _, want := range []string{`"a" 9`, "gap damaged input", c.want, `"z/last" 16`} {
					if !strings.Contains(got, want) {
						t.Errorf("no %q in\n%s", want, got)
					}
				}
				if strings.Contains(got, "in-the-archive") != c.opened {
					t.Errorf("opened is not %v:\n%s", c.opened, got)
				}
				if read := c.name != "gone" && !strings.HasPrefix(c.name, "a "); e.Spoiled() != (read && !c.opened) {
					t.Errorf("spoiled is %v", e.Spoiled())
				}
				if e.Incidents() != 0 {
					t.Errorf("%d incidents", e.Incidents())
				}
			})
		}
	}
}

// A file that is the whole input ends the run when it changes.
func TestRootChanges(t *testing.T) {
	for size, want := range map[int64]string{5: "100 bytes when it was hashed, 5 later", 100: "what was hashed stands there no more"} {
		p := filepath.Join(t.TempDir(), "input")
		os.WriteFile(p, bytes.Repeat([]byte("x"), 100), 0o644)
		in, err := unpack.OpenInput(context.Background(), p, unpack.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		os.WriteFile(p, bytes.Repeat([]byte("y"), int(size)), 0o644)
		e := &unpack.Engine{Config: config(), Store: newMemStore(t), NoCage: true}
		defer e.Close()
		if err := e.Run(context.Background(), in, func(*unpack.Visit) error { return nil }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if !e.Spoiled() && size == 100 {
			t.Error("the run may be committed")
		}
	}
}

// Of a directory of more entries than the limit the first are listed, whatever
// the order in which the host gives them.
func TestInputLimit(t *testing.T) {
	files := map[string]string{"b/": "", "c/": ""}
	for i := range 40 {
		files[fmt.Sprintf("b/%02d", i)] = ""
		files[fmt.Sprintf("c/%02d", i)] = ""
	}
	dir := folder(t, files)
	limits := unpack.DefaultLimits
	limits.Entries = 50
	in, err := unpack.OpenInput(context.Background(), dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	l := newLab(t, allFormats)
	tr := l.run(t, in) // the engine's own limit is far away
	tr.wantGap(wardein.Limit, "50 entries were listed, the limit is 50")
	if len(tr.nodes) != 52 || tr.nodes[50].Path != "c/07" {
		t.Errorf("%d nodes in\n%s", len(tr.nodes), tr.text)
	}
	limits.Entries = 82
	all, err := unpack.OpenInput(context.Background(), dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	if tr := l.run(t, all); len(tr.nodes) != 83 || strings.Contains(tr.text, "gap") {
		t.Errorf("%d nodes at the limit:\n%s", len(tr.nodes), tr.text)
	}
	// The first entries alone are another directory.
	for i := 8; i < 40; i++ {
		os.Remove(filepath.Join(dir, fmt.Sprintf("c/%02d", i)))
	}
	first, err := unpack.OpenInput(context.Background(), dir, unpack.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if first.Digest == in.Digest {
		t.Error("what was left out is not in the digest")
	}
}

// No two nodes of a directory have one path, whatever is called like what.
func TestDirectoryPathsUnique(t *testing.T) {
	inner := string(tarOf(t, "b", "1\n", "b", "2\n", "b#2", "3\n", "b/c", "4\n"))
	dir := folder(t, map[string]string{"a": inner, "a#2": inner, "a#2#1": inner, "a#1": "text\n", "…": inner, "x\ny": inner, "c/a": inner, "c/a#2/b": inner})
	l := newLab(t, allFormats)
	in, err := unpack.OpenInput(context.Background(), dir, unpack.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	tr := l.run(t, in)
	seen := map[string]bool{}
	for _, n := range tr.nodes {
		if seen[n.Path] {
			t.Errorf("%q is two nodes", n.Path)
		}
		seen[n.Path] = true
	}
	for _, want := range []string{"a", "a#2", "a/b", "a/b#2", "a/b#2#1", "a/b#3/c", "a#2/b", "c/a#2/b/b#3/c"} {
		if !seen[want] {
			t.Errorf("no %q in\n%s", want, tr.text)
		}
	}
}
