package unpack_test

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/store/disk"
	"github.com/wardein/wardein/unpack"
)

// What was visited can be read after the walk, in any order and at once, from
// input files and packs, cold and warm; a file that changed since is refused.
func TestContents(t *testing.T) {
	dir, kept := t.TempDir(), t.TempDir()
	for name, data := range map[string][]byte{
		"plain": []byte("plain content\n"), "empty": nil, "packed.gz": gzipOf(t, []byte(strings.Repeat("decoded ", 1000))),
		"box.cpio": append(newc("in/a", 0o100644, 6, "hello\n"), newc("TRAILER!!!", 0, 0, "")...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, state := range []string{"cold", "warm"} {
		in, err := unpack.OpenInput(context.Background(), dir, unpack.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		s, err := disk.Open(kept)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r, err := s.Begin(in.Digest)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		e := &unpack.Engine{Config: config(), Store: r}
		c := e.Contents(in)
		var nodes []wardein.Node
		if err := e.Run(context.Background(), in, func(v *unpack.Visit) error {
			c.Add(v)
			nodes = append(nodes, *v.Node)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := r.Commit(); err != nil {
			t.Fatal(err)
		}
		e.Close()
		defer e.Close() // packs are opened again
		var wg sync.WaitGroup
		read := 0
		for i := range nodes {
			n := &nodes[len(nodes)-1-i]
			if n.Kind != wardein.File && n.Kind != wardein.Region {
				if _, err := c.Open(n); err == nil {
					t.Errorf("%s: %s is a %s and was opened", state, n.Path, n.Kind)
				}
				continue
			}
			read++
			wg.Go(func() {
				f, err := c.Open(n)
				if err != nil {
					t.Errorf("%s: %v", state, err)
					return
				}
				defer f.Close()
				b, err := io.ReadAll(f)
				if err != nil || sha256.Sum256(b) != n.Blob || int64(len(b)) != n.Size {
					t.Errorf("%s: %s: %d bytes of %d, %v", state, n.Path, len(b), n.Size, err)
				}
			})
		}
		wg.Wait()
		if read < 6 {
			t.Errorf("%s: %d nodes read", state, read)
		}
		if state == "cold" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "plain"), []byte("other content\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for i := range nodes {
			if n := &nodes[i]; n.Path == "plain" {
				if _, err := c.Open(n); err == nil || !strings.Contains(err.Error(), "changed since") {
					t.Errorf("a file that changed: %v", err)
				}
			}
		}
	}
}
